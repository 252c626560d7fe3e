/* base/pool: sizes, reuse, bounds, failure, threads. */
#include "base/pool.h"

#include <pthread.h>

#include "base/mem.h"
#include "check.h"

static void
blocks_are_at_most_a_sixteenth_larger(void)
{
    struct pool *pool = pool_create(1 << 20);

    for (size_t bytes = 1; bytes < (size_t)80 << 20; bytes += bytes / 3 + 1) {
        size_t cap = 0;
        char *p = pool_get(pool, bytes, &cap);

        CHECK(p != NULL);
        CHECK(cap >= bytes);
        CHECK(cap <= 256 || cap <= bytes + bytes / 16 + 1);
        p[0] = p[cap - 1] = 1;
        pool_put(pool, p, cap);
    }
    pool_release(pool);
}

static void
a_returned_block_is_used_again(void)
{
    struct pool *pool = pool_create(1 << 20);
    struct pool_stats stats;
    size_t cap, cap2;
    void *p = pool_get(pool, 5000, &cap), *q;

    pool_stats(pool, &stats);
    CHECK_INT(stats.used_bytes, cap);
    CHECK_INT(stats.cached_bytes, 0);
    pool_put(pool, p, cap);
    pool_stats(pool, &stats);
    CHECK_INT(stats.used_bytes, 0);
    CHECK_INT(stats.cached_bytes, cap);

    q = pool_get(pool, 4990, &cap2);
    CHECK(q == p);
    CHECK_INT(cap2, cap);
    pool_stats(pool, &stats);
    CHECK_INT(stats.cached_bytes, 0);
    CHECK_INT(stats.hits, 1);
    CHECK_INT(stats.misses, 1);
    pool_put(pool, q, cap2);
    pool_release(pool);
}

static void
the_cache_is_bounded_and_the_oldest_go_first(void)
{
    struct pool *pool = pool_create(10000);
    struct pool_stats stats;
    size_t caps[6], huge;
    void *p[6], *last;

    for (int i = 0; i < 6; i++) {
        p[i] = pool_get(pool, 3000, &caps[i]);
    }
    for (int i = 0; i < 6; i++) {
        pool_put(pool, p[i], caps[i]);
    }
    pool_stats(pool, &stats);
    CHECK_INT(stats.cached_bytes, 3 * caps[0]);
    last = p[5];
    pool_trim(pool, caps[0]);
    pool_stats(pool, &stats);
    CHECK_INT(stats.cached_bytes, caps[0]);
    CHECK(pool_get(pool, 3000, &caps[0]) == last);
    pool_put(pool, last, caps[0]);

    p[0] = pool_get(pool, 20000, &huge); /* larger than the whole cache */
    pool_put(pool, p[0], huge);
    pool_put(pool, NULL, 0);
    pool_stats(pool, &stats);
    CHECK_INT(stats.used_bytes, 0);
    CHECK(stats.cached_bytes <= 10000);
    pool_trim(pool, 0);
    pool_stats(pool, &stats);
    CHECK_INT(stats.cached_bytes, 0);
    pool_release(pool);
}

static void
a_failing_heap_is_told_and_counted_right(void)
{
    struct pool_stats stats;
    struct pool *pool;
    size_t cap = 77;

    mem_fail_after(0);
    CHECK(pool_create(100) == NULL);
    pool = pool_create(0);
    mem_fail_after(0);
    CHECK(pool_get(pool, 1000, &cap) == NULL);
    CHECK_INT(cap, 77);
    pool_stats(pool, &stats);
    CHECK_INT(stats.used_bytes, 0);
    pool_release(pool);
}

static void *
worker(void *arg)
{
    struct pool *pool = arg;

    for (size_t i = 1; i <= 2000; i++) {
        size_t cap;
        char *p = pool_get(pool, i * 37 % 9000 + 1, &cap);

        if (p != NULL) {
            memset(p, (int)i, cap);
            pool_put(pool, p, cap);
        }
        if (i % 500 == 0) {
            pool_trim(pool, 4096);
        }
    }
    pool_release(pool);
    return NULL;
}

static void
threads_share_a_pool(void)
{
    struct pool *pool = pool_create(1 << 16);
    struct pool_stats stats;
    pthread_t threads[4];

    for (int i = 0; i < 4; i++) {
        pool_retain(pool);
        pthread_create(&threads[i], NULL, worker, pool);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
    }
    pool_stats(pool, &stats);
    CHECK_INT(stats.used_bytes, 0);
    CHECK_INT(stats.hits + stats.misses, 8000);
    pool_release(pool);
    pool_release(NULL);
}

static void
the_maximum_can_move(void)
{
    struct pool *pool = pool_create(1 << 20);
    struct pool_stats stats;
    void *blocks[4];
    size_t cap;

    for (int i = 0; i < 4; i++) {
        blocks[i] = pool_get(pool, 100000, &cap);
    }
    for (int i = 0; i < 3; i++) {
        pool_put(pool, blocks[i], cap);
    }
    pool_set_max_cached(pool, 2 * cap);
    pool_stats(pool, &stats);
    CHECK_INT(stats.cached_bytes, 2 * cap);
    pool_set_max_cached(pool, 0);
    pool_put(pool, blocks[3], cap);
    pool_stats(pool, &stats);
    CHECK_INT(stats.cached_bytes, 0);
    CHECK_INT(stats.used_bytes, 0);
    pool_set_max_cached(pool, 1 << 20);
    pool_put(pool, pool_get(pool, 100000, &cap), cap);
    pool_stats(pool, &stats);
    CHECK_INT(stats.cached_bytes, cap);
    pool_release(pool);
}

static void
tallies_are_kept_apart(void)
{
    struct pool *pool = pool_create(0);
    struct pool_stats stats;

    pool_tally(pool, 0, 3);
    pool_tally(pool, 1, 5);
    pool_tally(pool, 0, -1);
    pool_stats(pool, &stats);
    CHECK_INT(stats.tallies[0], 2);
    CHECK_INT(stats.tallies[1], 5);
    pool_release(pool);
}

int
main(void)
{
    RUN(blocks_are_at_most_a_sixteenth_larger);
    RUN(a_returned_block_is_used_again);
    RUN(the_cache_is_bounded_and_the_oldest_go_first);
    RUN(a_failing_heap_is_told_and_counted_right);
    RUN(threads_share_a_pool);
    RUN(the_maximum_can_move);
    RUN(tallies_are_kept_apart);
    return check_done();
}
