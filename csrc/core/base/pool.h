/* Blocks of bytes for bodies and indexes, kept for reuse: on virtual machines
 * a fresh page costs more than the parsing that fills it.  A pool is shared
 * by reference count, because documents outlive the client that made them,
 * and is thread-safe, because they are freed on any thread.  In a child of
 * fork() an inherited pool is the heap, and its lock is not touched. */
#ifndef SGO_BASE_POOL_H
#define SGO_BASE_POOL_H

#include "base/types.h"

struct pool;

enum { POOL_TALLIES = 2 }; /* what they count is their users' business */

struct pool_stats {
    size_t used_bytes;   /* in blocks that are out, slack included */
    size_t cached_bytes; /* in blocks that wait for reuse */
    uint64_t hits;       /* blocks served from the cache */
    uint64_t misses;     /* blocks that came from the heap */
    int64_t tallies[POOL_TALLIES];
};

/* A pool that keeps at most max_cached_bytes of returned blocks; the caller
 * owns one reference.  NULL when out of memory. */
struct pool *pool_create(size_t max_cached_bytes) SGO_WARN_UNUSED;

/* Any thread.  The last release frees the cached blocks; blocks that are out
 * must each hold a reference (documents do). */
struct pool *pool_retain(struct pool *pool);
void pool_release(struct pool *pool);

/* A block of at least `bytes`, not zeroed; *cap gets its true size, at most a
 * sixteenth larger.  NULL when out of memory.  Any thread, takes the pool's
 * lock; the heap is never called under it. */
void *pool_get(struct pool *pool, size_t bytes, size_t *cap) SGO_WARN_UNUSED;

/* Give back a block with the cap that pool_get told.  p may be NULL.  Any
 * thread. */
void pool_put(struct pool *pool, void *p, size_t cap);

/* Free cached blocks until at most keep_bytes stay, the longest unused first.
 * Any thread. */
void pool_trim(struct pool *pool, size_t keep_bytes);

/* Keep at most so many bytes of returned blocks from now on; what is over
 * that is freed.  Any thread. */
void pool_set_max_cached(struct pool *pool, size_t max_cached_bytes);

/* Count something that lives as long as its pool at most, whoever else is
 * gone.  Any thread, no lock. */
void pool_tally(struct pool *pool, int which, int64_t by);

/* Any thread. */
void pool_stats(struct pool *pool, struct pool_stats *out);

#endif
