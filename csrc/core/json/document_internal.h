/* What the files of json/ know of a document beyond document.h. */
#ifndef SGO_JSON_DOCUMENT_INTERNAL_H
#define SGO_JSON_DOCUMENT_INTERNAL_H

#include "json/document.h"

/* One distinct key of a hashed object: where it was first seen, its last
 * value. */
struct key_entry {
    uint32_t key_off;
    uint32_t value_off;
    uint32_t value_index;
    uint32_t hash;
};

/* Made whole, then published; never changed until its document is freed. */
struct key_hash {
    struct key_hash *next;
    uint32_t container;
    uint32_t count; /* distinct keys, in first-seen order */
    uint32_t mask;  /* slots - 1 */
    bool has_equal_keys;
    size_t bytes;    /* of this block */
    uint32_t *slots; /* entry number + 1; 0: free */
    struct key_entry *entries;
};

/* The hash of an object, made when it is not there yet.  NULL: the object has
 * under DOCUMENT_HASH_MEMBERS members, or out of memory.  Any thread. */
const struct key_hash *document_hash(const struct document *doc,
                                     uint32_t index);

/* The hash of an object if it was made already, or NULL. */
const struct key_hash *document_hash_made(const struct document *doc,
                                          uint32_t index);

/* The entry of a key, or NULL. */
const struct key_entry *document_hash_get(const struct document *doc,
                                          const struct key_hash *hash,
                                          struct text key);

/* The key whose opening quote stands at off. */
struct text document_key(const struct document *doc, uint32_t off);

/* Members of an object or elements of an array, equal keys counted each. */
uint32_t document_count(const struct document *doc, uint32_t index);

/* A document of a body and an index that are already valid.  On success both
 * blocks belong to it; on failure they stay the caller's. */
sgo_status document_adopt(struct pool *pool, char *body, size_t body_cap,
                          size_t len, struct container *containers,
                          size_t containers_cap, uint32_t count,
                          struct document **out);

#endif
