/* Walking the members of one container over its bytes and index, without
 * regard for equal keys.  Private to json/; the text is validated. */
#ifndef SGO_JSON_WALK_H
#define SGO_JSON_WALK_H

#include <string.h>

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

/* Behind a string's closing quote; p at the opening one. */
static inline const char *
walk_string(const char *p, bool *escaped)
{
    *escaped = false;
    p++;
    for (;;) {
        while (!SCANNER_IS(p, CLASS_STRING)) {
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
            *escaped = true;
            p++;
        }
        p++;
    }
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
