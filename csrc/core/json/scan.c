/* The portable form: scalar, one pass.  The hot loop is that of plain string
 * bytes: one table look-up each, four to a round; everything else is told by
 * the first byte of a token. */
#include "json/scan.h"

#include <string.h>

#include "json/scan_bitmaps.h"
#include "json/scanner.h"

/* clang-format off */
#define S CLASS_STRING
#define W (CLASS_SPACE | CLASS_STRING | CLASS_END)
#define P (CLASS_SPACE | CLASS_END)
#define D (CLASS_DIGIT | CLASS_HEX)
#define H CLASS_HEX
#define E CLASS_END
#define C (CLASS_END | CLASS_CLOSE)
const uint8_t scanner_class[256] = {
    S | E, S, S, S, S, S, S, S, S, W, W, S, S, W, S, S,
    S, S, S, S, S, S, S, S, S, S, S, S, S, S, S, S,
    P, 0, S, 0, 0, 0, 0, 0, 0, 0, 0, 0, C, 0, 0, 0,
    D, D, D, D, D, D, D, D, D, D, 0, 0, 0, 0, 0, 0,
    0, H, H, H, H, H, H, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, S, C, 0, 0,
    0, H, H, H, H, H, H, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, C, 0, 0,
    S, S, S, S, S, S, S, S, S, S, S, S, S, S, S, S,
    S, S, S, S, S, S, S, S, S, S, S, S, S, S, S, S,
    S, S, S, S, S, S, S, S, S, S, S, S, S, S, S, S,
    S, S, S, S, S, S, S, S, S, S, S, S, S, S, S, S,
    S, S, S, S, S, S, S, S, S, S, S, S, S, S, S, S,
    S, S, S, S, S, S, S, S, S, S, S, S, S, S, S, S,
    S, S, S, S, S, S, S, S, S, S, S, S, S, S, S, S,
    S, S, S, S, S, S, S, S, S, S, S, S, S, S, S, S,
};
#undef S
#undef W
#undef P
#undef D
#undef H
#undef E
#undef C
/* clang-format on */

static const char *
fail(struct scanner *s, const char *at, const char *reason)
{
    s->status = SGO_INVALID;
    s->at = at;
    s->reason = at >= s->end ? "cut short" : reason;
    return NULL;
}

static const char *
limit(struct scanner *s, const char *at, const char *reason)
{
    s->status = SGO_LIMIT;
    s->at = at;
    s->reason = reason;
    return NULL;
}

void
scan_index_fini(struct scan_index *index)
{
    pool_put(index->pool, index->items, index->cap_bytes);
    index->items = NULL;
    index->count = index->cap = 0;
    index->cap_bytes = 0;
}

sgo_status
scan_index_reserve(struct scan_index *index, uint32_t more, uint32_t max)
{
    uint32_t want = index->cap < 64 ? 128 : index->cap * 2;
    size_t cap_bytes;
    struct container *items;

    if (more > max || index->count > max - more) {
        return SGO_LIMIT;
    }
    if (index->cap - index->count >= more) {
        return SGO_OK;
    }
    if (want < index->count + more) {
        want = index->count + more;
    }
    if (want > max) {
        want = max;
    }
    items = pool_get(index->pool, want * sizeof(*items), &cap_bytes);
    if (items == NULL) {
        return SGO_NO_MEMORY;
    }
    if (index->count > 0) {
        memcpy(items, index->items, index->count * sizeof(*items));
    }
    pool_put(index->pool, index->items, index->cap_bytes);
    index->items = items;
    index->cap_bytes = cap_bytes;
    index->cap = (uint32_t)(cap_bytes / sizeof(*items));
    if (index->cap > max) {
        index->cap = max;
    }
    return SGO_OK;
}

/* Unicode table 3-7: shortest form, no surrogates, <= U+10FFFF. */
const char *
scanner_character(const char *p)
{
    uint8_t a = (uint8_t)p[0];
    uint8_t low = 0x80, high = 0xBF;
    int more;

    if (a >= 0xC2 && a <= 0xDF) {
        more = 1;
    } else if (a >= 0xE0 && a <= 0xEF) {
        more = 2;
        low = a == 0xE0 ? 0xA0 : low;
        high = a == 0xED ? 0x9F : high;
    } else if (a >= 0xF0 && a <= 0xF4) {
        more = 3;
        low = a == 0xF0 ? 0x90 : low;
        high = a == 0xF4 ? 0x8F : high;
    } else {
        return NULL;
    }
    if ((uint8_t)p[1] < low || (uint8_t)p[1] > high) {
        return NULL;
    }
    for (int i = 2; i <= more; i++) {
        if (((uint8_t)p[i] & 0xC0) != 0x80) {
            return NULL;
        }
    }
    return p + 1 + more;
}

const char *
scanner_escape(const char *p)
{
    switch (*p) {
    case '"':
    case '\\':
    case '/':
    case 'b':
    case 'f':
    case 'n':
    case 'r':
    case 't':
        return p + 1;
    case 'u':
        for (int i = 1; i <= 4; i++) {
            if (!SCANNER_IS(p + i, CLASS_HEX)) {
                return NULL;
            }
        }
        return p + 5;
    default:
        return NULL;
    }
}

const char *
scanner_string(struct scanner *s, const char *p)
{
    const char *next;

    p++;
    for (;;) {
        for (;;) {
            if (SCANNER_IS(p, CLASS_STRING)) {
                break;
            }
            if (SCANNER_IS(p + 1, CLASS_STRING)) {
                p += 1;
                break;
            }
            if (SCANNER_IS(p + 2, CLASS_STRING)) {
                p += 2;
                break;
            }
            if (SCANNER_IS(p + 3, CLASS_STRING)) {
                p += 3;
                break;
            }
            p += 4;
        }
        if (*p == '"') {
            return p + 1;
        }
        if (*p == '\\') {
            next = scanner_escape(p + 1);
            if (next == NULL) {
                return fail(s, p + 1 < s->end ? p : p + 1, "bad escape");
            }
        } else if ((uint8_t)*p < 0x20) {
            return fail(s, p, "control character in string");
        } else {
            next = scanner_character(p);
            if (next == NULL) {
                return fail(s, p, "malformed UTF-8");
            }
        }
        p = next;
    }
}

static const char *
digits(const char *p)
{
    while (SCANNER_IS(p, CLASS_DIGIT)) {
        p++;
    }
    return p;
}

static const char *
number(struct scanner *s, const char *start)
{
    const char *p = start;

    if (*p == '-') {
        p++;
    }
    if (*p == '0') {
        p++;
    } else if (SCANNER_IS(p, CLASS_DIGIT)) {
        p = digits(p);
    } else {
        return fail(s, p, "malformed number");
    }
    if (*p == '.') {
        p++;
        if (!SCANNER_IS(p, CLASS_DIGIT)) {
            return fail(s, p, "malformed number");
        }
        p = digits(p);
    }
    if (*p == 'e' || *p == 'E') {
        p++;
        if (*p == '+' || *p == '-') {
            p++;
        }
        if (!SCANNER_IS(p, CLASS_DIGIT)) {
            return fail(s, p, "malformed number");
        }
        p = digits(p);
    }
    if (!SCANNER_IS(p, CLASS_END)) {
        return fail(s, p, "malformed number");
    }
    if (p - start > SCAN_MAX_NUMBER_BYTES) {
        return limit(s, start, "number too long");
    }
    return p;
}

static const char *
literal(struct scanner *s, const char *p, const char *word, size_t len)
{
    if (memcmp(p, word, len) != 0 || !SCANNER_IS(p + len, CLASS_END)) {
        return fail(s, p, "unknown literal");
    }
    return p + len;
}

const char *
scanner_leaf(struct scanner *s, const char *p)
{
    switch (*p) {
    case '"':
        return scanner_string(s, p);
    case 't':
        return literal(s, p, "true", 4);
    case 'f':
        return literal(s, p, "false", 5);
    case 'n':
        return literal(s, p, "null", 4);
    case '-':
    case '0':
    case '1':
    case '2':
    case '3':
    case '4':
    case '5':
    case '6':
    case '7':
    case '8':
    case '9':
        return number(s, p);
    default:
        return fail(s, p, "value expected");
    }
}

/* A record for the container that opens at p; its number in *record. */
static bool
open_container(struct scanner *s, const char *p, uint32_t key,
               uint32_t *record)
{
    struct scan_index *index = s->index;

    if (index->count == index->cap) {
        sgo_status status = scan_index_reserve(index, 1, s->max);

        if (status != SGO_OK) {
            s->status = status;
            s->at = p;
            s->reason =
                status == SGO_LIMIT ? "too many containers" : "out of memory";
            return false;
        }
    }
    *record = index->count++;
    index->items[*record].off = (uint32_t)(p - s->begin);
    index->items[*record].key = key;
    return true;
}

/* A member's key up to its value: p at the quote. */
static const char *
key_and_colon(struct scanner *s, const char *p, uint32_t *key)
{
    if (*p != '"') {
        return fail(s, p, "key expected");
    }
    *key = (uint32_t)(p - s->begin);
    p = scanner_string(s, p);
    if (p == NULL) {
        return NULL;
    }
    if (*p != ':') {
        p = scanner_space(p);
        if (*p != ':') {
            return fail(s, p, "colon expected");
        }
    }
    return scanner_space(p + 1);
}

const char *
scanner_value(struct scanner *s, const char *p, uint32_t depth, uint32_t key)
{
    uint32_t open[SCAN_MAX_DEPTH];
    uint32_t n = 0; /* containers opened here and not yet closed */
    char close;

value:
    if (*p != '{' && *p != '[') {
        p = scanner_leaf(s, p);
        if (p == NULL) {
            return NULL;
        }
        goto after;
    }
    if (depth + n == SCAN_MAX_DEPTH) {
        return limit(s, p, "nested too deeply");
    }
    if (!open_container(s, p, key, &open[n])) {
        return NULL;
    }
    n++;
    key = 0;
    close = *p == '{' ? '}' : ']';
    p = scanner_space(p + 1);
    if (*p == close) {
        goto closed;
    }
    if (close == '}') {
        goto member;
    }
    goto value;

member:
    p = key_and_colon(s, p, &key);
    if (p == NULL) {
        return NULL;
    }
    goto value;

after:
    if (n == 0) {
        return p;
    }
    close = s->begin[s->index->items[open[n - 1]].off] == '{' ? '}' : ']';
    p = scanner_space(p);
    if (*p == ',') {
        p = scanner_space(p + 1);
        if (close == '}') {
            goto member;
        }
        key = 0;
        goto value;
    }
    if (*p != close) {
        return fail(s, p, "comma or closing bracket expected");
    }

closed:
    p++;
    n--;
    s->index->items[open[n]].end = (uint32_t)(p - s->begin);
    s->index->items[open[n]].next = s->index->count;
    goto after;
}

sgo_status
scan(const char *bytes, size_t len, struct scan_index *index,
     struct scan_error *err)
{
    struct scanner s = {bytes, bytes + len, index, 0, SGO_OK, bytes, NULL};
    const char *p;

    index->count = 0;
    if (len > SCAN_MAX_BYTES) {
        s.status = SGO_LIMIT;
        s.reason = "too long";
        goto out;
    }
#if SIMD_AVX2
    if (simd_avx2()) {
        s.status = scan_bitmaps(bytes, len, index);
        if (s.status != SGO_AGAIN) {
            s.reason = "out of memory";
            goto out;
        }
        s.status = SGO_OK;
        index->count = 0;
    }
#endif
    s.max = (uint32_t)scan_max_containers(len);
    p = scanner_value(&s, scanner_space(bytes), 0, 0);
    if (p != NULL) {
        p = scanner_space(p);
        if (p != s.end) {
            fail(&s, p, "bytes behind the value");
        }
    }
out:
    if (s.status != SGO_OK && err != NULL) {
        err->offset = (size_t)(s.at - s.begin);
        err->reason = s.reason;
    }
    return s.status;
}
