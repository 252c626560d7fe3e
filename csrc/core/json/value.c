/* Reading documents: members, elements, iteration. */
#include <string.h>

#include "json/document_internal.h"
#include "json/walk.h"

static const struct value no_value = {NULL, 0, VALUE_LEAF};

struct value
document_root(const struct document *doc)
{
    return (struct value){doc, doc->containers[0].off, 0};
}

struct value
document_value(const struct document *doc, uint32_t off)
{
    struct value v = {doc, off, VALUE_LEAF};
    uint32_t low = 0, high = doc->count;

    if (doc->body[off] != '{' && doc->body[off] != '[') {
        return v;
    }
    while (high - low > 1) { /* containers[low].off <= off */
        uint32_t middle = low + (high - low) / 2;

        if (doc->containers[middle].off <= off) {
            low = middle;
        } else {
            high = middle;
        }
    }
    v.index = low;
    return v;
}

enum value_type
value_type(struct value v)
{
    switch (v.doc->body[v.off]) {
    case '{':
        return VALUE_OBJECT;
    case '[':
        return VALUE_ARRAY;
    case '"':
        return VALUE_STRING;
    case 't':
        return VALUE_TRUE;
    case 'f':
        return VALUE_FALSE;
    case 'n':
        return VALUE_NULL;
    default:
        return VALUE_NUMBER;
    }
}

const char *
value_raw(struct value v, size_t *len)
{
    const char *p = v.doc->body + v.off;

    if (v.index != VALUE_LEAF) {
        *len = v.doc->containers[v.index].end - v.off;
    } else {
        *len = (size_t)(walk_leaf(p) - p);
    }
    return p;
}

struct text
value_text(struct value v)
{
    return document_key(v.doc, v.off);
}

static bool
is_known_distinct(const struct document *doc)
{
    return atomic_load_explicit(&doc->distinct, memory_order_relaxed) ==
           DISTINCT_YES;
}

static bool
is_object(struct value v)
{
    return v.doc != NULL && v.index != VALUE_LEAF && v.doc->body[v.off] == '{';
}

bool
value_get_text(struct value object, struct text key, struct value *out)
{
    struct walk w;
    struct walk_item item;
    struct value found = no_value;
    const struct key_hash *hash;
    bool distinct;
    uint32_t n = 0;

    if (!is_object(object)) {
        return false;
    }
    hash = document_hash_made(object.doc, object.index);
    if (hash == NULL) {
        distinct = is_known_distinct(object.doc);
        walk_init(&w, object.doc, object.index);
        while (walk_next(&w, &item)) {
            if (text_equal(item.key, key)) {
                found = (struct value){object.doc, item.off, item.index};
                if (distinct) {
                    break;
                }
            }
            if (++n == DOCUMENT_HASH_MEMBERS) {
                hash = document_hash(object.doc, object.index);
                if (hash != NULL) {
                    break;
                }
            }
        }
    }
    if (hash != NULL) {
        const struct key_entry *entry =
            document_hash_get(object.doc, hash, key);

        if (entry == NULL) {
            return false;
        }
        found =
            (struct value){object.doc, entry->value_off, entry->value_index};
    }
    if (found.doc == NULL) {
        return false;
    }
    *out = found;
    return true;
}

bool
value_get(struct value object, const char *key, size_t len, struct value *out)
{
    if (len > UINT32_MAX) {
        return false;
    }
    return value_get_text(object, (struct text){key, (uint32_t)len, false},
                          out);
}

bool
value_at(struct value array, size_t position, struct value *out)
{
    struct walk w;
    struct walk_item item;

    if (array.doc == NULL || array.index == VALUE_LEAF ||
        array.doc->body[array.off] != '[') {
        return false;
    }
    walk_init(&w, array.doc, array.index);
    while (walk_next(&w, &item)) {
        if (position-- == 0) {
            *out = (struct value){array.doc, item.off, item.index};
            return true;
        }
    }
    return false;
}

/* Whether any member of an object before `end` (an offset; UINT32_MAX: all)
 * has this key; *last gets the last such member. */
static bool
find_before(const struct document *doc, uint32_t index, struct text key,
            uint32_t end, struct walk_item *last)
{
    struct walk w;
    struct walk_item item = {.off = 0};
    bool found = false;

    walk_init(&w, doc, index);
    while (walk_next(&w, &item) && item.key_off < end) {
        if (text_equal(item.key, key)) {
            *last = item;
            found = true;
        }
    }
    return found;
}

/* The small
 * filter of sketches settles most objects in one walk. */
bool
document_has_equal_keys(const struct document *doc, uint32_t index,
                        uint32_t *count)
{
    uint64_t seen[4] = {0, 0, 0, 0};
    const struct key_hash *hash = document_hash_made(doc, index);
    struct walk w;
    struct walk_item item = {.off = 0}, other;
    uint32_t n = 0, distinct = 0;
    bool escapes = false; /* seen: the sketches prove nothing */

    if (hash != NULL) {
        *count = hash->count;
        return hash->has_equal_keys;
    }
    walk_init(&w, doc, index);
    while (walk_next(&w, &item)) {
        uint32_t sketch = (uint32_t)(walk_sketch(item.key) >> 56);
        uint64_t bit = (uint64_t)1 << (sketch & 63);
        uint64_t *word = &seen[sketch >> 6];

        if (++n == DOCUMENT_HASH_MEMBERS) {
            hash = document_hash(doc, index);
            if (hash != NULL) {
                *count = hash->count;
                return hash->has_equal_keys;
            }
        }
        escapes = escapes || item.key.escaped;
        if ((!(*word & bit) && !escapes) ||
            !find_before(doc, index, item.key, item.key_off, &other)) {
            distinct++;
        }
        *word |= bit;
    }
    *count = distinct;
    return distinct < n;
}

bool
document_is_distinct(const struct document *doc)
{
    union {
        const struct document *in;
        struct document *out;
    } own = {doc}; /* what is learnt is no change of the document */
    unsigned char known =
        atomic_load_explicit(&doc->distinct, memory_order_relaxed);
    uint32_t n;

    if (known != DISTINCT_UNKNOWN) {
        return known == DISTINCT_YES;
    }
    known = DISTINCT_YES;
    for (uint32_t i = 0; i < doc->count && known == DISTINCT_YES; i++) {
        if (doc->body[doc->containers[i].off] == '{' &&
            document_has_equal_keys(doc, i, &n)) {
            known = DISTINCT_NO;
        }
    }
    atomic_store_explicit(&own.out->distinct, known, memory_order_relaxed);
    return known == DISTINCT_YES;
}

size_t
value_len(struct value v)
{
    uint32_t n;

    if (v.doc == NULL || v.index == VALUE_LEAF) {
        return 0;
    }
    if (v.doc->body[v.off] == '[' || is_known_distinct(v.doc)) {
        return document_count(v.doc, v.index);
    }
    document_has_equal_keys(v.doc, v.index, &n);
    return n;
}

void
value_iter_init(struct value_iter *it, struct value container)
{
    struct walk w;
    uint32_t n;

    *it = (struct value_iter){.parent = container};
    if (container.doc == NULL || container.index == VALUE_LEAF) {
        it->parent = no_value;
        return;
    }
    walk_init(&w, container.doc, container.index);
    it->at = w.at;
    it->child = w.child;
    it->is_object = w.is_object;
    if (w.is_object && !is_known_distinct(container.doc)) {
        it->distinct =
            document_has_equal_keys(container.doc, container.index, &n);
    }
}

/* An object with equal keys, hashed: the entries are the members. */
static bool
next_entry(struct value_iter *it, const struct key_hash *hash,
           struct text *key, struct value *out)
{
    const struct document *doc = it->parent.doc;
    const struct key_entry *entry;

    if (it->entry == hash->count) {
        return false;
    }
    entry = &hash->entries[it->entry++];
    if (key != NULL) {
        *key = document_key(doc, entry->key_off);
    }
    *out = (struct value){doc, entry->value_off, entry->value_index};
    return true;
}

bool
value_iter_next(struct value_iter *it, struct text *key, struct value *out)
{
    const struct document *doc = it->parent.doc;
    struct walk w;
    struct walk_item item = {.off = 0}, last;

    if (doc == NULL) {
        return false;
    }
    if (it->distinct && it->entry != VALUE_LEAF) {
        const struct key_hash *hash =
            document_hash_made(doc, it->parent.index);

        if (hash != NULL) {
            return next_entry(it, hash, key, out);
        }
        it->entry = VALUE_LEAF; /* small, or out of memory: the long way */
    }
    w = (struct walk){doc->body, doc->containers, it->at, it->child,
                      it->is_object};
    do {
        if (!walk_next(&w, &item)) {
            return false;
        }
        last = item;
    } while (it->distinct && find_before(doc, it->parent.index, item.key,
                                         item.key_off, &last));
    it->at = w.at;
    it->child = w.child;
    if (it->distinct) {
        find_before(doc, it->parent.index, item.key, UINT32_MAX, &last);
    }
    if (key != NULL && it->is_object) {
        *key = item.key;
    }
    *out = (struct value){doc, last.off, last.index};
    return true;
}
