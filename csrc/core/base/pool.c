/* Free blocks stand in two lists at once, threaded through their own first
 * bytes: one per size class for the taking, one by age for the eviction.
 * Sixteen classes per power of two keep the slack under a sixteenth. */
#include "base/pool.h"

#include <pthread.h>
#include <string.h>

#include "base/fork.h"
#include "base/mem.h"
#include "base/refcount.h"

enum {
    MIN_SHIFT = 8,  /* smallest block: 256 bytes */
    MAX_SHIFT = 26, /* blocks above 64 MiB are never cached */
    STEPS = 16,     /* classes per power of two */
    CLASSES = (MAX_SHIFT - MIN_SHIFT) * STEPS + 1
};

struct free_block {
    struct free_block *older;
    struct free_block *newer;
    struct free_block *next; /* of the same class, or of a list to free */
    struct free_block *prev;
    size_t cap;
};

struct pool {
    struct refcount refs;
    unsigned generation; /* of fork: see is_foreign() */
    _Atomic int64_t tallies[POOL_TALLIES];
    pthread_mutex_t lock; /* guards all below */
    size_t max_cached;
    struct free_block *classes[CLASSES];
    struct free_block *oldest;
    struct free_block *newest;
    struct pool_stats stats;
};

/* The class whose blocks hold `bytes`, and their size; -1: too large. */
static int
class_of(size_t bytes, size_t *cap)
{
    if (bytes <= (size_t)1 << MIN_SHIFT) {
        *cap = (size_t)1 << MIN_SHIFT;
        return 0;
    }
    if (bytes > (size_t)1 << MAX_SHIFT) {
        *cap = bytes;
        return -1;
    }
    int shift = 63 - __builtin_clzll((unsigned long long)(bytes - 1));
    size_t step = (size_t)1 << (shift - 4);
    size_t steps = (bytes - ((size_t)1 << shift) + step - 1) / step;

    *cap = ((size_t)1 << shift) + steps * step;
    return (shift - MIN_SHIFT) * STEPS + (int)steps;
}

struct pool *
pool_create(size_t max_cached_bytes)
{
    struct pool *pool = mem_calloc(1, sizeof(*pool));

    if (pool == NULL) {
        return NULL;
    }
    if (pthread_mutex_init(&pool->lock, NULL) != 0) {
        mem_free(pool);
        return NULL;
    }
    refcount_init(&pool->refs);
    pool->max_cached = max_cached_bytes;
    pool->generation = fork_generation();
    return pool;
}

/* In a child of fork() the lock may be held for ever by a thread that is not
 * there.  Documents that the child inherited stay usable: their blocks come
 * from the heap and go back to it, past the pool. */
static bool
is_foreign(const struct pool *pool)
{
    return pool->generation != fork_generation();
}

struct pool *
pool_retain(struct pool *pool)
{
    refcount_retain(&pool->refs);
    return pool;
}

void
pool_release(struct pool *pool)
{
    if (pool == NULL || !refcount_release(&pool->refs) || is_foreign(pool)) {
        return;
    }
    pool_trim(pool, 0);
    pthread_mutex_destroy(&pool->lock);
    mem_free(pool);
}

/* Take a cached block out of both lists. */
static void
unlink_locked(struct pool *pool, int class, struct free_block *b)
{
    if (b->prev != NULL) {
        b->prev->next = b->next;
    } else {
        pool->classes[class] = b->next;
    }
    if (b->next != NULL) {
        b->next->prev = b->prev;
    }
    if (b->older != NULL) {
        b->older->newer = b->newer;
    } else {
        pool->oldest = b->newer;
    }
    if (b->newer != NULL) {
        b->newer->older = b->older;
    } else {
        pool->newest = b->older;
    }
    pool->stats.cached_bytes -= b->cap;
}

/* Unlink old blocks until at most `keep` bytes are cached; the list of them,
 * for free_list() once the lock is released. */
static struct free_block *
evict_locked(struct pool *pool, size_t keep)
{
    struct free_block *list = NULL;

    while (pool->stats.cached_bytes > keep) {
        struct free_block *b = pool->oldest;
        size_t cap;

        unlink_locked(pool, class_of(b->cap, &cap), b);
        b->next = list;
        list = b;
    }
    return list;
}

static void
free_list(struct free_block *list)
{
    while (list != NULL) {
        struct free_block *next = list->next;

        mem_free(list);
        list = next;
    }
}

void *
pool_get(struct pool *pool, size_t bytes, size_t *cap)
{
    size_t true_cap;
    int class = class_of(bytes, &true_cap);
    struct free_block *b = NULL;

    if (is_foreign(pool)) {
        b = mem_alloc(true_cap);
        *cap = true_cap;
        return b;
    }
    pthread_mutex_lock(&pool->lock);
    if (class >= 0) {
        b = pool->classes[class];
    }
    if (b != NULL) {
        unlink_locked(pool, class, b);
        pool->stats.hits++;
    } else {
        pool->stats.misses++;
    }
    pool->stats.used_bytes += true_cap;
    pthread_mutex_unlock(&pool->lock);

    if (b == NULL) {
        b = mem_alloc(true_cap);
    }
    if (b == NULL) {
        pthread_mutex_lock(&pool->lock);
        pool->stats.used_bytes -= true_cap;
        pthread_mutex_unlock(&pool->lock);
        return NULL;
    }
    *cap = true_cap;
    return b;
}

void
pool_put(struct pool *pool, void *p, size_t cap)
{
    struct free_block *b = p;
    struct free_block *evicted = NULL;
    size_t true_cap;
    int class = class_of(cap, &true_cap);

    if (p == NULL || is_foreign(pool)) {
        mem_free(p);
        return;
    }
    pthread_mutex_lock(&pool->lock);
    pool->stats.used_bytes -= cap;
    if (class >= 0 && cap <= pool->max_cached) {
        evicted = evict_locked(pool, pool->max_cached - cap);
        b->cap = cap;
        b->prev = NULL;
        b->next = pool->classes[class];
        if (b->next != NULL) {
            b->next->prev = b;
        }
        pool->classes[class] = b;
        b->newer = NULL;
        b->older = pool->newest;
        if (b->older != NULL) {
            b->older->newer = b;
        } else {
            pool->oldest = b;
        }
        pool->newest = b;
        pool->stats.cached_bytes += cap;
        b = NULL;
    }
    pthread_mutex_unlock(&pool->lock);
    mem_free(b);
    free_list(evicted);
}

void
pool_trim(struct pool *pool, size_t keep_bytes)
{
    struct free_block *list;

    if (is_foreign(pool)) {
        return;
    }
    pthread_mutex_lock(&pool->lock);
    list = evict_locked(pool, keep_bytes);
    pthread_mutex_unlock(&pool->lock);
    free_list(list);
}

void
pool_set_max_cached(struct pool *pool, size_t max_cached_bytes)
{
    struct free_block *list;

    if (is_foreign(pool)) {
        return;
    }
    pthread_mutex_lock(&pool->lock);
    pool->max_cached = max_cached_bytes;
    list = evict_locked(pool, max_cached_bytes);
    pthread_mutex_unlock(&pool->lock);
    free_list(list);
}

void
pool_tally(struct pool *pool, int which, int64_t by)
{
    atomic_fetch_add_explicit(&pool->tallies[which], by, memory_order_relaxed);
}

void
pool_stats(struct pool *pool, struct pool_stats *out)
{
    memset(out, 0, sizeof(*out));
    if (is_foreign(pool)) {
        return;
    }
    pthread_mutex_lock(&pool->lock);
    *out = pool->stats;
    pthread_mutex_unlock(&pool->lock);
    for (int i = 0; i < POOL_TALLIES; i++) {
        out->tallies[i] =
            atomic_load_explicit(&pool->tallies[i], memory_order_relaxed);
    }
}
