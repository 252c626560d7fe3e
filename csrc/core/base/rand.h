/* A small seeded generator (xorshift64*): the brain's only randomness, so
 * that a recorded run replays exactly.  Not for secrets. */
#ifndef SGO_BASE_RAND_H
#define SGO_BASE_RAND_H

#include <stdint.h>

struct rand {
    uint64_t state;
};

static inline void
rand_init(struct rand *r, uint64_t seed)
{
    seed += UINT64_C(0x9e3779b97f4a7c15);
    seed = (seed ^ (seed >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    seed = (seed ^ (seed >> 27)) * UINT64_C(0x94d049bb133111eb);
    seed ^= seed >> 31;
    r->state = seed ? seed : 1;
}

static inline uint64_t
rand_next(struct rand *r)
{
    uint64_t x = r->state;

    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    r->state = x;
    return x * UINT64_C(0x2545f4914f6cdd1d);
}

/* Uniform in [low, high]; low <= high. */
static inline int64_t
rand_between(struct rand *r, int64_t low, int64_t high)
{
    uint64_t span = (uint64_t)high - (uint64_t)low;

    if (span == UINT64_MAX) {
        return (int64_t)rand_next(r);
    }
    return (int64_t)((uint64_t)low + rand_next(r) % (span + 1));
}

#endif
