/* A document is one immutable version of one event: its validated bytes and
 * the index of their containers.  Leaves are never indexed; they are found by
 * scanning one small object.  Everything read from a document is borrowed and
 * lives as long as the caller's reference.  Documents are read and released
 * on any thread; only the reference count and the lazily built key hashes
 * ever change, both atomically. */
#ifndef SGO_JSON_DOCUMENT_H
#define SGO_JSON_DOCUMENT_H

#include "base/pool.h"
#include "base/refcount.h"
#include "json/scan.h"
#include "json/text.h"

struct changes;  /* json/diff.h */
struct key_hash; /* private to document */

enum {
    DOCUMENT_HASH_LISTS = 8,
    DOCUMENT_HASH_MEMBERS = 32,       /* smaller objects are never hashed */
    DOCUMENT_MAX_EVENT_ID_BYTES = 256 /* longer ones are none */
};

/* What documents count with their pool (pool_tally). */
enum document_tally {
    DOCUMENT_TALLY_ALIVE,     /* documents */
    DOCUMENT_TALLY_UNREADABLE /* quotes read whose odds are none (quotes.h) */
};

struct document {
    struct refcount refs;
    uint32_t len;     /* bytes of body, without the padding */
    uint32_t count;   /* of containers, at least 1: number 0 is the root */
    const char *body; /* followed by SCAN_PADDING zero bytes */
    const struct container *containers;
    const char *event_id; /* decoded root["eventID"], NUL-terminated; "" when
                             there is none that could be one (see .c) */
    uint32_t event_id_len;
    struct pool *pool; /* a reference; body, containers come from it */
    size_t body_cap;
    size_t containers_cap;
    atomic_uchar distinct; /* enum document_distinct */
    /* Of objects by record number; lists that only ever grow. */
    _Atomic(struct key_hash *) hashes[DOCUMENT_HASH_LISTS];
};

/* Validate and index a copy of the bytes.  The root must be an object or an
 * array.  *out belongs to the caller (document_release).  SGO_INVALID,
 * SGO_LIMIT (err says where and why; err may be NULL), SGO_NO_MEMORY.  Any
 * thread. */
sgo_status document_build(struct pool *pool, const char *bytes, size_t len,
                          struct document **out,
                          struct scan_error *err) SGO_WARN_UNUSED;

/* The same, compared with the version held: *changes (owned by the caller,
 * changes_release) leads from old to the new one.  When the bytes are equal,
 * *out is `old` itself with one more reference and the list is empty.  The
 * new document is identical to one built from scratch and keeps no pointer
 * into old.  Any thread. */
sgo_status document_update(struct pool *pool, const char *bytes, size_t len,
                           struct document *old, struct document **out,
                           struct changes **changes,
                           struct scan_error *err) SGO_WARN_UNUSED;

/* Any thread; release accepts NULL. */
struct document *document_retain(struct document *doc);
void document_release(struct document *doc);

/* Bytes this document occupies: blocks with slack, hashes, itself. */
size_t document_bytes_resident(const struct document *doc);

/* --- reading ---------------------------------------------------------- */

enum value_type {
    VALUE_NULL,
    VALUE_FALSE,
    VALUE_TRUE,
    VALUE_NUMBER,
    VALUE_STRING,
    VALUE_ARRAY,
    VALUE_OBJECT
};

#define VALUE_LEAF UINT32_MAX

/* A place in a document; copied freely, borrows the document.  doc == NULL
 * says "no value" where a function allows that. */
struct value {
    const struct document *doc;
    uint32_t off;   /* of the value's first byte */
    uint32_t index; /* of its container record, VALUE_LEAF for leaves */
};

struct value document_root(const struct document *doc);

/* The value whose first byte stands at off (as told by changes). */
struct value document_value(const struct document *doc, uint32_t off);

enum value_type value_type(struct value v);

/* The value's bytes; strings with their quotes. */
const char *value_raw(struct value v, size_t *len);

/* A string's text between the quotes (v must be a string). */
struct text value_text(struct value v);

/* A member by decoded key; of equal keys the last.  False: no such member, or
 * not an object.  Objects of 32 members and more are hashed on first use. */
bool value_get(struct value object, const char *key, size_t len,
               struct value *out);
bool value_get_text(struct value object, struct text key, struct value *out);

/* value_get for a literal key. */
#define VALUE_GET(object, literal, out)                                       \
    value_get((object), (literal), sizeof(literal) - 1, (out))

/* An element by position; costs a walk over those before it. */
bool value_at(struct value array, size_t position, struct value *out);

/* Elements, or distinct keys; 0 for leaves.  Costs a walk. */
size_t value_len(struct value v);

/* Members as a Python dict built by json.loads would give them: each distinct
 * key once, where it was first seen, with its last value. */
struct value_iter {
    struct value parent;
    uint32_t at;    /* next byte to look at */
    uint32_t child; /* next container record */
    uint32_t entry; /* with equal keys: next place in the key hash */
    bool distinct;  /* has equal keys */
    bool is_object;
};

/* Start over an object or array; a leaf yields nothing.  Cannot fail. */
void value_iter_init(struct value_iter *it, struct value container);

/* The next member or element; key may be NULL and is untouched in arrays. */
bool value_iter_next(struct value_iter *it, struct text *key,
                     struct value *out);

#endif
