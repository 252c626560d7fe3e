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

/* Does any object of a document hold equal keys?  Learnt when first asked. */
enum document_distinct {
    DISTINCT_UNKNOWN,
    DISTINCT_YES, /* no object has equal keys */
    DISTINCT_NO
};

bool document_is_distinct(const struct document *doc);

/* Does this object hold equal keys?  *count gets its distinct keys. */
bool document_has_equal_keys(const struct document *doc, uint32_t index,
                             uint32_t *count);

/* Hand all hashes of `from` to `to`, which nobody else sees yet; to NULL:
 * free them. */
void document_move_hashes(struct document *from, struct document *to);

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

/* The fused pass of document_update, for a document without equal keys and
 * other bytes than its own.  SGO_AGAIN: take the long way (which also tells
 * what is wrong with a malformed text); SGO_NO_MEMORY. */
sgo_status document_update_fused(struct pool *pool, const char *bytes,
                                 size_t len, const struct document *old,
                                 struct document **out,
                                 struct changes **changes);

/* The same pass for two documents, of which only the changes are wanted. */
sgo_status document_compare_fused(const struct document *old_doc,
                                  const struct document *new_doc,
                                  struct changes **out);

/* Exchange the roomy block an index grew in for one of its size. */
sgo_status document_fit_index(struct scan_index *index);

/* A document of a body and an index that are already valid.  On success both
 * blocks belong to it; on failure they stay the caller's. */
sgo_status document_adopt(struct pool *pool, char *body, size_t body_cap,
                          size_t len, struct container *containers,
                          size_t containers_cap, uint32_t count,
                          struct document **out);

#endif
