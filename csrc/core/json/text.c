/* Strings of validated JSON: escapes are well formed, so nothing is checked
 * twice here. */
#include "json/text.h"

#include <string.h>

#include "base/hash.h"

static uint32_t
hex4(const char *p)
{
    uint32_t v = 0;

    for (int i = 0; i < 4; i++) {
        uint32_t c = (uint8_t)p[i];

        v = v << 4 | (c <= '9' ? c - '0' : (c & 0xDF) - 'A' + 10);
    }
    return v;
}

static size_t
encode(uint32_t c, char *out)
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xC0 | c >> 6);
        out[1] = (char)(0x80 | (c & 0x3F));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (char)(0xE0 | c >> 12);
        out[1] = (char)(0x80 | (c >> 6 & 0x3F));
        out[2] = (char)(0x80 | (c & 0x3F));
        return 3;
    }
    out[0] = (char)(0xF0 | c >> 18);
    out[1] = (char)(0x80 | (c >> 12 & 0x3F));
    out[2] = (char)(0x80 | (c >> 6 & 0x3F));
    out[3] = (char)(0x80 | (c & 0x3F));
    return 4;
}

/* Decode the escape at p (a backslash): its bytes to out (4 fit), *n says how
 * many; behind it. */
static const char *
decode_escape(const char *p, const char *end, char *out, size_t *n)
{
    static const char plain[] = "\"\"\\\\//b\bf\fn\nr\rt\t";
    uint32_t c;

    if (p[1] != 'u') {
        for (size_t i = 0; i + 1 < sizeof(plain); i += 2) {
            if (plain[i] == p[1]) {
                out[0] = plain[i + 1];
            }
        }
        *n = 1;
        return p + 2;
    }
    c = hex4(p + 2);
    p += 6;
    if (c >= 0xD800 && c < 0xDC00 && end - p >= 6 && p[0] == '\\' &&
        p[1] == 'u') {
        uint32_t low = hex4(p + 2);

        if (low >= 0xDC00 && low < 0xE000) {
            c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
            p += 6;
        }
    }
    *n = encode(c, out);
    return p;
}

sgo_status
text_decode(struct text text, char *out, size_t cap, size_t *len)
{
    const char *p = text.raw, *end;
    size_t n = 0;

    if (!text.escaped) { /* raw may be NULL: no text */
        if (text.len > cap) {
            return SGO_LIMIT;
        }
        if (text.len > 0) {
            memcpy(out, p, text.len);
        }
        *len = text.len;
        return SGO_OK;
    }
    end = p + text.len;
    while (p < end) {
        char bytes[4];
        size_t more = 1;

        if (*p == '\\') {
            p = decode_escape(p, end, bytes, &more);
        } else {
            bytes[0] = *p++;
        }
        if (more > cap - n) {
            return SGO_LIMIT;
        }
        memcpy(out + n, bytes, more);
        n += more;
    }
    *len = n;
    return SGO_OK;
}

/* A string's decoded bytes, one at a time. */
struct reader {
    const char *p;
    const char *end;
    char bytes[4];
    size_t n;
    size_t at;
};

static void
reader_init(struct reader *r, struct text text)
{
    r->p = text.raw;
    r->end = text.raw + text.len;
    r->n = r->at = 0;
}

/* The next byte, or -1. */
static int
reader_next(struct reader *r)
{
    if (r->at < r->n) {
        return (uint8_t)r->bytes[r->at++];
    }
    if (r->p == r->end) {
        return -1;
    }
    if (*r->p != '\\') {
        return (uint8_t)*r->p++;
    }
    r->p = decode_escape(r->p, r->end, r->bytes, &r->n);
    r->at = 1;
    return (uint8_t)r->bytes[0];
}

/* When only `plain` of the two holds no escape, its bytes are the text. */
static bool
equal_decoded(struct text escaped, const char *plain, size_t len)
{
    struct reader r;

    if (len > escaped.len) { /* decoding never lengthens */
        return false;
    }
    reader_init(&r, escaped);
    for (size_t i = 0; i < len; i++) {
        if (reader_next(&r) != (uint8_t)plain[i]) {
            return false;
        }
    }
    return reader_next(&r) == -1;
}

bool
text_equal(struct text a, struct text b)
{
    struct reader ra, rb;
    int c;

    if (a.len == b.len && (a.len == 0 || memcmp(a.raw, b.raw, a.len) == 0)) {
        return a.escaped == b.escaped || a.len == 0;
    }
    if (!a.escaped) {
        return b.escaped && equal_decoded(b, a.raw, a.len);
    }
    if (!b.escaped) {
        return equal_decoded(a, b.raw, b.len);
    }
    reader_init(&ra, a);
    reader_init(&rb, b);
    do {
        c = reader_next(&ra);
        if (c != reader_next(&rb)) {
            return false;
        }
    } while (c != -1);
    return true;
}

bool
text_equal_bytes(struct text a, const char *bytes, size_t len)
{
    if (!a.escaped) {
        return a.len == len && (len == 0 || memcmp(a.raw, bytes, len) == 0);
    }
    return equal_decoded(a, bytes, len);
}

uint64_t
text_hash(struct text text, uint64_t seed)
{
    const uint64_t secret = hash_secret(seed);
    uint64_t h = seed, word = 0;
    size_t n = 0;

    if (!text.escaped) {
        const char *p = text.raw;

        for (n = text.len; n >= 8; n -= 8, p += 8) {
            memcpy(&word, p, 8);
            h = hash_step(h, word, secret);
        }
        word = 0;
        if (n > 0) {
            memcpy(&word, p, n);
        }
        n = text.len;
    } else {
        struct reader r;
        char block[8] = {0};
        int c;

        reader_init(&r, text);
        while ((c = reader_next(&r)) != -1) {
            block[n++ % 8] = (char)c;
            if (n % 8 == 0) {
                memcpy(&word, block, 8);
                h = hash_step(h, word, secret);
            }
        }
        word = 0;
        memcpy(&word, block, n % 8);
    }
    return hash_step(hash_step(h, word, secret), n, secret);
}
