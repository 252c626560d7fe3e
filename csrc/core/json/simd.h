/* Which form of the scanner and of the update runs.  There are two, with the
 * same results: the portable one, and one for x86-64 processors that have
 * AVX2, BMI1, POPCNT and carry-less multiplication.  Private to json/. */
#ifndef SGO_JSON_SIMD_H
#define SGO_JSON_SIMD_H

#include <stdbool.h>

#if defined(__x86_64__)
#define SIMD_AVX2 1
#define SIMD_TARGET __attribute__((target("avx2,bmi,pclmul,popcnt")))
#else
#define SIMD_AVX2 0
#endif

/* Is the AVX2 form to be used?  Any thread. */
bool simd_avx2(void);

/* Tests and benchmarks: use the portable form from now on, or again the best
 * one.  Any thread; work under way goes on in the form it has begun in. */
void simd_force_portable(bool portable);

#endif
