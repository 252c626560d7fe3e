/* Undoing gzip: one shot and piece by piece give the same, and nothing broken
 * passes. */
#include <stdlib.h>
#include <zlib.h>

#include "check.h"
#include "base/buf.h"
#include "base/mem.h"
#include "base/rand.h"
#include "net/gunzip.h"

static struct pool *pool;

/* What the sink got. */
struct got {
    struct buf bytes;
    int calls;
};

static void
take(void *ctx, const char *bytes, size_t len)
{
    struct got *got = ctx;

    got->calls++;
    CHECK_INT(buf_append(&got->bytes, bytes, len), SGO_OK);
}

/* One gzip member behind what `out` holds. */
static void
zip(struct buf *out, const char *bytes, size_t len)
{
    z_stream z = {.next_in = (z_const Bytef *)(uintptr_t)bytes,
                  .avail_in = (uInt)len};
    size_t room;

    CHECK_INT(
        deflateInit2(&z, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY),
        Z_OK);
    room = deflateBound(&z, (uLong)len);
    CHECK_INT(buf_reserve(out, room), SGO_OK);
    z.next_out = (Bytef *)out->data + out->len;
    z.avail_out = (uInt)room;
    CHECK_INT(deflate(&z, Z_FINISH), Z_STREAM_END);
    out->len += z.total_out;
    deflateEnd(&z);
}

static void
text_of(struct buf *out, size_t len)
{
    struct rand r;

    rand_init(&r, 7);
    while (out->len < len) {
        buf_printf(out, "{\"odds\":\"%+d\",\"line\":\"%d.5\"},",
                   (int)rand_between(&r, -450, 450),
                   (int)rand_between(&r, 0, 250));
    }
}

/* Through in pieces of `piece` bytes; what it came to. */
static sgo_status
unzip(const char *bytes, size_t len, size_t piece, uint64_t max_bytes,
      int64_t expected, struct got *got)
{
    struct gunzip *g;
    sgo_status status = SGO_OK;

    buf_init(&got->bytes, (size_t)1 << 30);
    got->calls = 0;
    g = gunzip_create(pool, max_bytes, expected, take, got);
    if (g == NULL) {
        return SGO_NO_MEMORY;
    }
    for (size_t at = 0; status == SGO_OK && at < len; at += piece) {
        status =
            gunzip_feed(g, bytes + at, len - at < piece ? len - at : piece);
        CHECK_INT(gunzip_status(g), status);
    }
    if (status == SGO_OK) {
        status = gunzip_finish(g);
    } else {
        CHECK_INT(gunzip_feed(g, "x", 1), status);
        CHECK_INT(gunzip_finish(g), status);
    }
    gunzip_free(g);
    return status;
}

static void
check_same(const struct buf *plain, const struct buf *zipped, int64_t expected)
{
    static const size_t pieces[] = {1000, 16 << 10, SIZE_MAX / 2};

    for (int i = 0; i < 3; i++) {
        struct got got;

        CHECK_INT(unzip(zipped->data, zipped->len, pieces[i], 1u << 30,
                        expected, &got),
                  SGO_OK);
        CHECK_MEM(got.bytes.data, got.bytes.len, plain->data, plain->len);
        buf_fini(&got.bytes);
    }
}

static void
bodies_come_out_as_they_went_in(void)
{
    static const size_t sizes[] = {1, 100, 65536, 65537, 900000, 3000000};

    for (int i = 0; i < 6; i++) {
        struct buf plain, zipped;

        buf_init(&plain, 1u << 30);
        buf_init(&zipped, 1u << 30);
        text_of(&plain, sizes[i]);
        zip(&zipped, plain.data, plain.len);
        check_same(&plain, &zipped, -1);
        check_same(&plain, &zipped, (int64_t)zipped.len);
        check_same(&plain, &zipped, 1);       /* told wrong */
        check_same(&plain, &zipped, 5 << 20); /* too long for one shot */
        buf_fini(&plain);
        buf_fini(&zipped);
    }
}

static void
a_body_in_one_shot_comes_whole(void)
{
    struct buf plain, zipped;
    struct got got;

    buf_init(&plain, 1u << 30);
    buf_init(&zipped, 1u << 30);
    text_of(&plain, 900000);
    zip(&zipped, plain.data, plain.len);
    CHECK_INT(unzip(zipped.data, zipped.len, 16 << 10, 1u << 30, -1, &got),
              SGO_OK);
    CHECK((got.calls == 1) == gunzip_in_one_shot());
    buf_fini(&got.bytes);
    buf_fini(&plain);
    buf_fini(&zipped);
}

/* A list: each event as soon as it is there, and yet judged as a whole. */
static void
a_body_wanted_as_it_comes_is_not_waited_for(void)
{
    struct buf plain, zipped;
    struct got got;
    struct gunzip *g;

    buf_init(&plain, 1u << 30);
    buf_init(&zipped, 1u << 30);
    text_of(&plain, 900000);
    zip(&zipped, plain.data, plain.len);
    check_same(&plain, &zipped, GUNZIP_AS_IT_COMES);
    buf_init(&got.bytes, (size_t)1 << 30);
    got.calls = 0;
    g = gunzip_create(pool, 1u << 30, GUNZIP_AS_IT_COMES, take, &got);
    CHECK_INT(gunzip_feed(g, zipped.data, zipped.len / 2), SGO_OK);
    CHECK(got.bytes.len > plain.len / 4);
    CHECK_INT(gunzip_feed(g, zipped.data + zipped.len / 2,
                          zipped.len - zipped.len / 2 - 8),
              SGO_OK);
    CHECK_INT(got.bytes.len, plain.len); /* all of it, but for the checksum */
    CHECK_INT(gunzip_finish(g), SGO_INVALID);
    gunzip_free(g);
    buf_fini(&got.bytes);
    buf_fini(&plain);
    buf_fini(&zipped);
}

static void
no_bytes_are_a_whole_body(void)
{
    struct got got;

    CHECK_INT(unzip("", 0, 1, 10, -1, &got), SGO_OK);
    CHECK_INT(got.calls, 0);
    buf_fini(&got.bytes);
}

static void
several_members_are_one_body(void)
{
    struct buf plain, zipped;

    buf_init(&plain, 1u << 30);
    buf_init(&zipped, 1u << 30);
    text_of(&plain, 200000);
    zip(&zipped, plain.data, 70000);
    zip(&zipped, plain.data + 70000, 0);
    zip(&zipped, plain.data + 70000, plain.len - 70000);
    check_same(&plain, &zipped, -1);
    buf_fini(&plain);
    buf_fini(&zipped);
}

/* Random bytes do not shrink: more than is gathered. */
static void
long_bodies_are_not_gathered(void)
{
    struct buf plain, zipped;
    struct got got;
    struct rand r;

    buf_init(&plain, 1u << 30);
    buf_init(&zipped, 1u << 30);
    rand_init(&r, 3);
    CHECK_INT(buf_reserve(&plain, 5 << 20), SGO_OK);
    for (int i = 0; i < 5 << 17; i++) {
        uint64_t word = rand_next(&r);

        buf_append(&plain, &word, 8);
    }
    zip(&zipped, plain.data, plain.len);
    check_same(&plain, &zipped, -1);
    CHECK_INT(unzip(zipped.data, zipped.len, 64 << 10, 1u << 30, -1, &got),
              SGO_OK);
    CHECK(got.calls > 10);
    buf_fini(&got.bytes);
    buf_fini(&plain);
    buf_fini(&zipped);
}

static void
the_limit_holds_on_both_ways(void)
{
    struct buf plain, zipped;
    struct got got;

    buf_init(&plain, 1u << 30);
    buf_init(&zipped, 1u << 30);
    text_of(&plain, 300000);
    zip(&zipped, plain.data, plain.len);
    for (int i = 0; i < 2; i++) {
        int64_t expected = i ? 5 << 20 : -1;

        CHECK_INT(
            unzip(zipped.data, zipped.len, 10000, plain.len, expected, &got),
            SGO_OK);
        buf_fini(&got.bytes);
        CHECK_INT(unzip(zipped.data, zipped.len, 10000, plain.len - 1,
                        expected, &got),
                  SGO_LIMIT);
        CHECK(got.bytes.len < plain.len);
        buf_fini(&got.bytes);
    }
    buf_fini(&plain);
    buf_fini(&zipped);
}

/* Cut at every length, and every bit of a short one turned: never accepted
 * unless the bytes are the same. */
static void
what_is_broken_is_never_whole(void)
{
    struct buf plain, zipped;
    struct got got;

    buf_init(&plain, 1u << 30);
    buf_init(&zipped, 1u << 30);
    text_of(&plain, 2000);
    zip(&zipped, plain.data, plain.len);
    for (size_t len = 1; len < zipped.len; len++) {
        CHECK_INT(unzip(zipped.data, len, 100, 1u << 30, -1, &got),
                  SGO_INVALID);
        buf_fini(&got.bytes);
    }
    for (size_t bit = 0; bit < zipped.len * 8; bit++) {
        sgo_status status;

        zipped.data[bit / 8] ^= (char)(1 << bit % 8);
        status =
            unzip(zipped.data, zipped.len, SIZE_MAX / 2, 1u << 30, -1, &got);
        zipped.data[bit / 8] ^= (char)(1 << bit % 8);
        if (status == SGO_OK) { /* a header's time stamp, the bits between
                                   data and trailer */
            CHECK_MEM(got.bytes.data, got.bytes.len, plain.data, plain.len);
        } else {
            CHECK_INT(status, SGO_INVALID);
        }
        buf_fini(&got.bytes);
    }
    buf_putc(&zipped, 'x'); /* and something behind it */
    CHECK_INT(unzip(zipped.data, zipped.len, 100, 1u << 30, -1, &got),
              SGO_INVALID);
    buf_fini(&got.bytes);
    buf_fini(&plain);
    buf_fini(&zipped);
}

/* A trailer that claims 64 MiB, or 4 GiB, gets no such buffer. */
static void
a_lie_about_the_size_costs_nothing(void)
{
    static const uint32_t claims[] = {0, 1, 63u << 20, 65u << 20, UINT32_MAX};
    struct buf plain, zipped;

    buf_init(&plain, 1u << 30);
    buf_init(&zipped, 1u << 30);
    text_of(&plain, 20000);
    zip(&zipped, plain.data, plain.len);
    for (int i = 0; i < 5; i++) {
        struct pool_stats stats;
        struct got got;

        pool_trim(pool, 0);
        memcpy(zipped.data + zipped.len - 4, &claims[i], 4);
        CHECK_INT(unzip(zipped.data, zipped.len, 4096, 1u << 30, -1, &got),
                  SGO_INVALID);
        pool_stats(pool, &stats);
        CHECK(stats.cached_bytes < 1 << 20);
        buf_fini(&got.bytes);
    }
    buf_fini(&plain);
    buf_fini(&zipped);
}

/* What is still expected. */
struct rest {
    const char *bytes;
    size_t len;
};

static void
compare(void *ctx, const char *bytes, size_t len)
{
    struct rest *rest = ctx;

    CHECK(len <= rest->len && memcmp(bytes, rest->bytes, len) == 0);
    rest->bytes += len;
    rest->len -= len;
}

static void
failed_allocations_are_told(void)
{
    struct buf plain, zipped;
    int told = 0;

    buf_init(&plain, 1u << 30);
    buf_init(&zipped, 1u << 30);
    text_of(&plain, 300000);
    zip(&zipped, plain.data, plain.len);
    for (int n = 0; n < 24; n++) {
        struct rest rest = {plain.data, plain.len};
        struct gunzip *g;
        sgo_status status = SGO_NO_MEMORY;

        pool_trim(pool, 0);
        mem_fail_after(n / 2);
        g = gunzip_create(pool, 1u << 30, n % 2 ? 5 << 20 : -1, compare,
                          &rest);
        if (g) {
            status = gunzip_feed(g, zipped.data, zipped.len);
        }
        if (status == SGO_OK) {
            status = gunzip_finish(g);
        }
        mem_fail_after(-1);
        gunzip_free(g);
        told += status == SGO_NO_MEMORY;
        CHECK(status == SGO_NO_MEMORY || (status == SGO_OK && rest.len == 0));
    }
    CHECK(told > 4);
    buf_fini(&plain);
    buf_fini(&zipped);
}

int
main(void)
{
    struct pool_stats stats;
    int result;

    pool = pool_create(8 << 20);
    RUN(bodies_come_out_as_they_went_in);
    RUN(a_body_in_one_shot_comes_whole);
    RUN(a_body_wanted_as_it_comes_is_not_waited_for);
    RUN(no_bytes_are_a_whole_body);
    RUN(several_members_are_one_body);
    RUN(long_bodies_are_not_gathered);
    RUN(the_limit_holds_on_both_ways);
    RUN(what_is_broken_is_never_whole);
    RUN(a_lie_about_the_size_costs_nothing);
    RUN(failed_allocations_are_told);
    pool_stats(pool, &stats);
    result = check_done() | (stats.used_bytes != 0);
    pool_release(pool);
    return result;
}
