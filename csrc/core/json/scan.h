/* The validating scanner: JSON text in, an index of its containers out.  The
 * portable scalar form is also the reference for every faster one. */
#ifndef SGO_JSON_SCAN_H
#define SGO_JSON_SCAN_H

#include "base/pool.h"

enum {
    SCAN_MAX_DEPTH = 64,         /* nested containers */
    SCAN_MAX_NUMBER_BYTES = 1024 /* one number; CPython stops at 4,300 */
};

#define SCAN_MAX_BYTES ((size_t)32 << 20) /* one body */

/* Zero bytes that must follow every body given to scan(). */
enum { SCAN_PADDING = 64 };

/* One object or array.  Records stand in preorder: `off` grows strictly, a
 * container's descendants are the records up to `next`. */
struct container {
    uint32_t off;  /* of its opening bracket */
    uint32_t end;  /* behind its closing bracket */
    uint32_t next; /* number of the first record behind its subtree */
    uint32_t key;  /* of its key's opening quote; 0: in an array, or root */
};

/* Where and why a text was refused.  `reason` is static, lower case. */
struct scan_error {
    size_t offset;
    const char *reason;
};

/* The most records a body of len bytes may have (half the body + 64 KiB). */
static inline size_t
scan_max_containers(size_t len)
{
    return (len / 2 + (64 << 10)) / sizeof(struct container);
}

/* Receives the index while it grows; zero-filled but for `pool` at first. */
struct scan_index {
    struct pool *pool; /* borrowed; where items come from */
    struct container *items;
    uint32_t count;
    uint32_t cap;     /* records that fit */
    size_t cap_bytes; /* as the pool told */
};

/* Give the block back; the index is as before its first use. */
void scan_index_fini(struct scan_index *index);

/* Room for `more` further records of a text whose index may have at most
 * `max`.  SGO_LIMIT, SGO_NO_MEMORY. */
sgo_status scan_index_reserve(struct scan_index *index, uint32_t more,
                              uint32_t max);

/* Validate `len` bytes that are followed by SCAN_PADDING zero bytes and index
 * their containers (records go behind index->count, which starts at 0).  What is accepted: RFC 8259 and nothing else, strict UTF-8; escaped
 * lone surrogates are accepted, as json.loads does; NaN, Infinity, a BOM and
 * raw control characters are not.  The text may be any value with white space
 * around it.  SGO_INVALID (err says where and why), SGO_LIMIT (bytes, depth,
 * index, length of a number), SGO_NO_MEMORY; err may be NULL.  Any thread. */
sgo_status scan(const char *bytes, size_t len, struct scan_index *index,
                struct scan_error *err) SGO_WARN_UNUSED;

#endif
