/* Asked of the processor once; after that one relaxed load. */
#include "json/simd.h"

#include <stdatomic.h>

enum form { FORM_UNKNOWN, FORM_PORTABLE, FORM_AVX2 };

static atomic_int form;

static enum form
best_form(void)
{
#if SIMD_AVX2
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") &&
        __builtin_cpu_supports("pclmul") && __builtin_cpu_supports("popcnt")) {
        return FORM_AVX2;
    }
#endif
    return FORM_PORTABLE;
}

bool
simd_avx2(void)
{
    int now = atomic_load_explicit(&form, memory_order_relaxed);

    if (now == FORM_UNKNOWN) {
        now = best_form();
        atomic_store_explicit(&form, now, memory_order_relaxed);
    }
    return now == FORM_AVX2;
}

void
simd_force_portable(bool portable)
{
    atomic_store_explicit(&form, portable ? FORM_PORTABLE : best_form(),
                          memory_order_relaxed);
}
