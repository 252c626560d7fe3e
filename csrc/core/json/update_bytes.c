/* Differences lie close together, so what counts is the time to the first
 * few bytes rather than throughput. */
#include "json/update_bytes.h"

#include <stdint.h>
#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "json/scanner.h"
#include "json/simd.h"

/* --- the portable form ------------------------------------------------- */

static size_t
common_prefix_plain(const char *a, const char *b, size_t max)
{
    size_t n = 0;

#if defined(__x86_64__) /* SSE2 is part of it */
    for (; n + 16 <= max; n += 16) {
        __m128i x = _mm_loadu_si128((const __m128i *)(const void *)(a + n));
        __m128i y = _mm_loadu_si128((const __m128i *)(const void *)(b + n));
        uint32_t equal = (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(x, y));

        if (equal != 0xFFFF) {
            return n + (size_t)__builtin_ctz(~equal);
        }
    }
#else
    for (; n + 8 <= max; n += 8) {
        uint64_t x, y;

        memcpy(&x, a + n, 8);
        memcpy(&y, b + n, 8);
        if (x != y) {
            break;
        }
    }
#endif
    while (n < max && a[n] == b[n]) {
        n++;
    }
    return n;
}

static bool
open_string_plain(const char *begin, const char *end, struct open_string *out)
{
    const char *last = NULL;
    bool odd = false;

    for (const char *p = begin; p < end; p++) {
        if (*p == '\\') {
            return false;
        }
        if (*p == '"') {
            odd = !odd;
            last = p;
        }
    }
    out->quote = last;
    out->key = NULL;
    return odd;
}

static const char *
plain_end_plain(const char *p)
{
    while (!SCANNER_IS(p, CLASS_STRING)) {
        p++;
    }
    return p;
}

static const struct update_bytes plain = {
    common_prefix_plain,
    open_string_plain,
    plain_end_plain,
};

/* --- AVX2 --------------------------------------------------------------- */

#if SIMD_AVX2
SIMD_TARGET static inline __m256i
load(const char *p)
{
    return _mm256_loadu_si256((const __m256i *)(const void *)p);
}

SIMD_TARGET static inline uint32_t
equal_bytes(__m256i x, __m256i y)
{
    return (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(x, y));
}

SIMD_TARGET static size_t
common_prefix_avx2(const char *a, const char *b, size_t max)
{
    size_t n = 0;

    for (; n + 64 <= max; n += 64) {
        __m256i low = _mm256_cmpeq_epi8(load(a + n), load(b + n));
        __m256i high = _mm256_cmpeq_epi8(load(a + n + 32), load(b + n + 32));
        uint32_t equal =
            (uint32_t)_mm256_movemask_epi8(_mm256_and_si256(low, high));

        if (equal != UINT32_MAX) {
            equal = (uint32_t)_mm256_movemask_epi8(low);
            if (equal != UINT32_MAX) {
                return n + (size_t)__builtin_ctz(~equal);
            }
            equal = (uint32_t)_mm256_movemask_epi8(high);
            return n + 32 + (size_t)__builtin_ctz(~equal);
        }
    }
    while (n < max && a[n] == b[n]) {
        n++;
    }
    return n;
}

SIMD_TARGET static bool
open_string_avx2(const char *begin, const char *end, struct open_string *out)
{
    const __m256i quote = _mm256_set1_epi8('"');
    const __m256i backslash = _mm256_set1_epi8('\\');
    uint64_t quotes = 0, before = 0;
    const char *p = begin, *at = NULL;
    bool odd = false;

    for (; p < end; p += 64) {
        __m256i low = load(p), high = load(p + 32);
        uint64_t inside = UINT64_MAX, found;

        if (end - p < 64) {
            inside >>= 64 - (end - p);
        }
        found = equal_bytes(low, backslash) |
                (uint64_t)equal_bytes(high, backslash) << 32;
        if ((found & inside) != 0) {
            return false;
        }
        found = inside & (equal_bytes(low, quote) |
                          (uint64_t)equal_bytes(high, quote) << 32);
        odd ^= (bool)__builtin_parityll(found);
        if (found != 0) {
            before = at == p - 64 ? quotes : 0;
            quotes = found;
            at = p;
        }
    }
    if (!odd) {
        return false;
    }
    out->quote = at + 63 - __builtin_clzll(quotes);
    /* The third last quote, in the last two blocks. */
    for (int i = 0; i < 2; i++) {
        if (quotes != 0) {
            quotes ^= UINT64_C(1) << (63 - __builtin_clzll(quotes));
        } else if (before != 0) {
            before ^= UINT64_C(1) << (63 - __builtin_clzll(before));
        }
    }
    if (quotes != 0) {
        out->key = at + 63 - __builtin_clzll(quotes);
    } else {
        out->key = before != 0 ? at - 1 - __builtin_clzll(before) : NULL;
    }
    return true;
}

SIMD_TARGET static const char *
plain_end_avx2(const char *p)
{
    const __m256i quote = _mm256_set1_epi8('"');
    const __m256i backslash = _mm256_set1_epi8('\\');
    const __m256i space = _mm256_set1_epi8(0x20);

    for (;; p += 32) { /* a zero byte of the padding is no plain letter */
        __m256i x = load(p);
        __m256i ends = _mm256_or_si256(
            _mm256_cmpgt_epi8(space, x), /* by sign: above 0x7F too */
            _mm256_or_si256(_mm256_cmpeq_epi8(x, quote),
                            _mm256_cmpeq_epi8(x, backslash)));
        uint32_t found = (uint32_t)_mm256_movemask_epi8(ends);

        if (found != 0) {
            return p + __builtin_ctz(found);
        }
    }
}

static const struct update_bytes avx2 = {
    common_prefix_avx2,
    open_string_avx2,
    plain_end_avx2,
};
#endif

const struct update_bytes *
update_bytes(void)
{
#if SIMD_AVX2
    if (simd_avx2()) {
        return &avx2;
    }
#endif
    return &plain;
}
