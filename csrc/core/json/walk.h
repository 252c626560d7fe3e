/* Walking the members of one container over its bytes and index, without
 * regard for equal keys.  Private to json/; the text is validated. */
#ifndef SGO_JSON_WALK_H
#define SGO_JSON_WALK_H

#include <string.h>

#if defined(__x86_64__)
#include <emmintrin.h>
#endif

#include "json/document.h"
#include "json/scanner.h"

struct walk {
    const char *body;
    const struct container *containers;
    uint32_t at;    /* behind the bracket or the last value */
    uint32_t child; /* record of the next container inside */
    bool is_object;
};

struct walk_item {
    struct text key;  /* objects only */
    uint32_t key_off; /* of the key's opening quote; 0 in arrays */
    uint32_t off;
    uint32_t index; /* VALUE_LEAF for leaves */
};

static inline void
walk_init(struct walk *w, const struct document *doc, uint32_t index)
{
    w->body = doc->body;
    w->containers = doc->containers;
    w->at = doc->containers[index].off + 1;
    w->child = index + 1;
    w->is_object = doc->body[w->at - 1] == '{';
}

/* The first quote or backslash from p on. */
static inline const char *
walk_plain(const char *p)
{
#if defined(__x86_64__)
    const __m128i quote = _mm_set1_epi8('"'), slash = _mm_set1_epi8('\\');

    for (;; p += 16) { /* padding stands behind the text */
        __m128i x = _mm_loadu_si128((const __m128i *)(const void *)p);
        int found = _mm_movemask_epi8(
            _mm_or_si128(_mm_cmpeq_epi8(x, quote), _mm_cmpeq_epi8(x, slash)));

        if (found != 0) {
            return p + __builtin_ctz((unsigned)found);
        }
    }
#else
    const uint64_t ones = UINT64_C(0x0101010101010101);

    for (;; p += 8) {
        uint64_t word, quotes, slashes;

        memcpy(&word, p, 8);
        quotes = word ^ ones * '"';
        slashes = word ^ ones * '\\';
        if ((((quotes - ones) & ~quotes) | ((slashes - ones) & ~slashes)) &
            ones << 7) {
            break;
        }
    }
    while (*p != '"' && *p != '\\') {
        p++;
    }
    return p;
#endif
}

/* Behind a string's closing quote; p at the opening one. */
static inline const char *
walk_string(const char *p, bool *escaped)
{
    *escaped = false;
    for (p = walk_plain(p + 1); *p != '"'; p = walk_plain(p + 2)) {
        *escaped = true;
    }
    return p + 1;
}

/* Behind a leaf. */
static inline const char *
walk_leaf(const char *p)
{
    bool escaped;

    if (*p == '"') {
        return walk_string(p, &escaped);
    }
    while (!SCANNER_IS(p, CLASS_END)) {
        p++;
    }
    return p;
}

/* The key that opens at p as text; behind its closing quote. */
static inline const char *
walk_key(const char *p, struct text *key)
{
    const char *end = walk_string(p, &key->escaped);

    key->raw = p + 1;
    key->len = (uint32_t)(end - p - 2);
    return end;
}

/* A number, best in its upper bits, that is equal for equal keys without
 * escapes. */
static inline uint64_t
walk_sketch(struct text key)
{
    uint64_t word = 0, tail;

    if (key.len < 8) {
        memcpy(&word, key.raw, key.len);
    } else {
        memcpy(&word, key.raw, 8);
        memcpy(&tail, key.raw + key.len - 8, 8);
        word ^= tail << 23 ^ tail >> 41;
    }
    return (word ^ key.len) * UINT64_C(0x9FB21C651E98DF25);
}

static inline bool
walk_next(struct walk *w, struct walk_item *item)
{
    const char *p = scanner_space(w->body + w->at);

    if (*p == ',') {
        p = scanner_space(p + 1);
    } else if (*p == '}' || *p == ']') {
        return false;
    }
    item->key_off = 0;
    if (w->is_object) {
        item->key_off = (uint32_t)(p - w->body);
        p = scanner_space(walk_key(p, &item->key));
        p = scanner_space(p + 1); /* the colon */
    }
    item->off = (uint32_t)(p - w->body);
    if (*p == '{' || *p == '[') {
        item->index = w->child;
        w->at = w->containers[w->child].end;
        w->child = w->containers[w->child].next;
    } else {
        item->index = VALUE_LEAF;
        w->at = (uint32_t)(walk_leaf(p) - w->body);
    }
    return true;
}

#endif
