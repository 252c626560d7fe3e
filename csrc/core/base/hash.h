/* The step of our hashes: a multiplication by a secret, both halves of whose
 * product count.  Without the secret no two inputs are known to collide; a
 * constant factor would let some differences pass whatever the seed. */
#ifndef SGO_BASE_HASH_H
#define SGO_BASE_HASH_H

#include <stdint.h>

/* The factor that belongs to a seed. */
static inline uint64_t
hash_secret(uint64_t seed)
{
    seed =
        (seed ^ UINT64_C(0x9e3779b97f4a7c15)) * UINT64_C(0xbf58476d1ce4e5b9);
    seed = (seed ^ seed >> 31) * UINT64_C(0x94d049bb133111eb);
    return seed | 1;
}

static inline uint64_t
hash_step(uint64_t h, uint64_t word, uint64_t secret)
{
    __extension__ unsigned __int128 p = (unsigned __int128)(h ^ word) * secret;

    return (uint64_t)p ^ (uint64_t)(p >> 64) ^ (h << 32 | h >> 32);
}

/* A seed for this process, drawn from the system once.  Any thread. */
uint64_t hash_process_seed(void);

#endif
