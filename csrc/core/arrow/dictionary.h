/* The distinct strings of one column, gathered over all batches of a stream;
 * then sealed, and shared by the batches.  Not thread-safe; the sealed block
 * is counted and released on any thread. */
#ifndef SGO_ARROW_DICTIONARY_H
#define SGO_ARROW_DICTIONARY_H

#include "base/map.h"
#include "base/refcount.h"

struct dictionary_block {
    struct refcount refs;
    int32_t count;
    int32_t *offsets; /* count + 1 */
    char *bytes;
};

struct dictionary {
    struct map map;                 /* string -> its number + 1 */
    size_t bytes;                   /* of all strings; at most INT32_MAX */
    struct dictionary_block *block; /* NULL: not sealed */
};

enum { DICTIONARY_NULL = -1 };

void dictionary_init(struct dictionary *d, uint64_t seed);
void dictionary_fini(struct dictionary *d); /* gives the block back */

/* The number of a string, which is added if need be.  SGO_NO_MEMORY, SGO_LIMIT:
 * more than a column of 32-bit offsets holds. */
sgo_status dictionary_put(struct dictionary *d, const char *bytes, size_t len,
                          int32_t *number) SGO_WARN_UNUSED;

/* Make the block and forget the map: nothing may be put afterwards.
 * SGO_NO_MEMORY. */
sgo_status dictionary_seal(struct dictionary *d) SGO_WARN_UNUSED;

/* Any thread; NULL is fine. */
void dictionary_block_release(struct dictionary_block *block);

#endif
