/* Sixty-four bytes at a time: quotes tell which bytes stand in strings, and
 * the brackets outside of them are counted.  What is well formed and what not
 * is the scanner's affair. */
#include "json/skip.h"

#include "json/simd.h"

#if SIMD_AVX2

#include <immintrin.h>

enum { BLOCK = 64 };

SIMD_TARGET static inline uint64_t
where(__m256i low, __m256i high, char c)
{
    const __m256i all = _mm256_set1_epi8(c);
    __m256i in_low = _mm256_cmpeq_epi8(low, all);
    __m256i in_high = _mm256_cmpeq_epi8(high, all);

    return (uint32_t)_mm256_movemask_epi8(in_low) |
           (uint64_t)(uint32_t)_mm256_movemask_epi8(in_high) << 32;
}

/* Each bit becomes the parity of those up to it. */
SIMD_TARGET static inline uint64_t
parity_so_far(uint64_t bits)
{
    return (uint64_t)_mm_cvtsi128_si64(_mm_clmulepi64_si128(
        _mm_set_epi64x(0, (int64_t)bits), _mm_set1_epi8((char)0xFF), 0));
}

SIMD_TARGET static const char *
skip_avx2(const char *p, const char *end, uint32_t *depth, bool *in_string)
{
    const __m256i lower = _mm256_set1_epi8(0x20); /* [ ] become { } */
    uint64_t within = *in_string ? UINT64_MAX : 0;

    for (; end - p >= BLOCK; p += BLOCK) {
        const __m256i *at = (const __m256i *)(const void *)p;
        __m256i low = _mm256_loadu_si256(at);
        __m256i high = _mm256_loadu_si256(at + 1);
        uint64_t strings, opened, closed;
        uint32_t closes;

        if (where(low, high, '\\') != 0) {
            break;
        }
        strings = parity_so_far(where(low, high, '"')) ^ within;
        low = _mm256_or_si256(low, lower);
        high = _mm256_or_si256(high, lower);
        opened = where(low, high, '{') & ~strings;
        closed = where(low, high, '}') & ~strings;
        closes = (uint32_t)__builtin_popcountll(closed);
        if (closes >= *depth) {
            break; /* it may end here */
        }
        *depth += (uint32_t)__builtin_popcountll(opened) - closes;
        within = strings >> 63 ? UINT64_MAX : 0;
    }
    *in_string = within != 0;
    return p;
}

#endif

const char *
skip_blocks(const char *p, const char *end, uint32_t *depth, bool *in_string)
{
#if SIMD_AVX2
    if (simd_avx2()) {
        return skip_avx2(p, end, depth, in_string);
    }
#else
    (void)end;
    (void)depth;
    (void)in_string;
#endif
    return p;
}
