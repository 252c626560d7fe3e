#include "base/hash.h"

#include <stdatomic.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/clock.h"

uint64_t
hash_process_seed(void)
{
    static _Atomic uint64_t drawn;
    uint64_t seed = atomic_load_explicit(&drawn, memory_order_relaxed);

    if (seed == 0) {
        uint64_t other = 0;

        if (getentropy(&seed, sizeof(seed)) != 0) { /* never seen */
            seed = (uint64_t)clock_now_ns() ^ (uint64_t)(uintptr_t)&seed << 17;
        }
        seed |= 1;
        if (!atomic_compare_exchange_strong(&drawn, &other, seed)) {
            seed = other;
        }
    }
    return seed;
}
