/* Two ways through: one shot, then zlib for whatever that would not take.
 * zlib's verdict is final: several members in a row, or bytes behind the last
 * one, are its business. */
#include "net/gunzip.h"

#include <limits.h>
#include <string.h>

#ifdef SGO_HAVE_LIBDEFLATE
#include <libdeflate.h>
#endif
#include <zlib.h>

#include "base/mem.h"

enum {
    PIECE_BYTES = 64 << 10,   /* what zlib hands on at a time */
    FIRST_BYTES = 128 << 10,  /* gathered, when no length was told */
    SMALLEST_BYTES = 18,      /* header and trailer of gzip */
    MAX_RATIO = 1032,         /* of deflate */
    ANY_GZIP = 16 + MAX_WBITS /* zlib's windowBits: gzip and nothing else */
};

struct gunzip {
    struct pool *pool;
    gunzip_sink sink;
    void *ctx;
    uint64_t max_bytes;
    uint64_t decoded_bytes;
    sgo_status status; /* of the first failure */

    bool gathering;
    char *gathered; /* as coded; pooled */
    size_t gathered_len, gathered_cap;

    z_stream z;
    bool started; /* z is */
    bool ended;   /* the last member, so far, was whole */
    char *piece;  /* pooled */
    size_t piece_cap;
};

bool
gunzip_in_one_shot(void)
{
#ifdef SGO_HAVE_LIBDEFLATE
    return true;
#else
    return false;
#endif
}

/* zlib's memory, by our door. */
static voidpf
zlib_alloc(voidpf ctx, uInt n, uInt bytes)
{
    (void)ctx;
    return mem_calloc(n, bytes);
}

static void
zlib_free(voidpf ctx, voidpf p)
{
    (void)ctx;
    mem_free(p);
}

struct gunzip *
gunzip_create(struct pool *pool, uint64_t max_bytes, int64_t expected_bytes,
              gunzip_sink sink, void *ctx)
{
    struct gunzip *g = mem_calloc(1, sizeof(*g));
    size_t first = FIRST_BYTES;

    if (g == NULL) {
        return NULL;
    }
    g->pool = pool;
    g->sink = sink;
    g->ctx = ctx;
    g->max_bytes = max_bytes;
    g->gathering = gunzip_in_one_shot() && expected_bytes <= GUNZIP_SHOT_BYTES;
    if (g->gathering) {
        if (expected_bytes > 0) {
            first = (size_t)expected_bytes;
        }
        g->gathered = pool_get(pool, first, &g->gathered_cap);
        g->gathering = g->gathered != NULL; /* zlib needs less */
    }
    return g;
}

static void
drop_gathered(struct gunzip *g)
{
    pool_put(g->pool, g->gathered, g->gathered_cap);
    g->gathered = NULL;
    g->gathered_len = g->gathered_cap = 0;
}

void
gunzip_free(struct gunzip *g)
{
    if (g == NULL) {
        return;
    }
    if (g->started) {
        inflateEnd(&g->z);
    }
    drop_gathered(g);
    pool_put(g->pool, g->piece, g->piece_cap);
    mem_free(g);
}

static sgo_status
hand_on(struct gunzip *g, const char *bytes, size_t len)
{
    if (len > g->max_bytes - g->decoded_bytes) {
        return SGO_LIMIT;
    }
    g->decoded_bytes += len;
    if (len > 0) {
        g->sink(g->ctx, bytes, len);
    }
    return SGO_OK;
}

/* ---- piece by piece --------------------------------------------------------*/

static sgo_status
start(struct gunzip *g)
{
    g->piece = pool_get(g->pool, PIECE_BYTES, &g->piece_cap);
    if (g->piece == NULL) {
        return SGO_NO_MEMORY;
    }
    g->z.zalloc = zlib_alloc;
    g->z.zfree = zlib_free;
    if (inflateInit2(&g->z, ANY_GZIP) != Z_OK) {
        return SGO_NO_MEMORY;
    }
    g->started = true;
    return SGO_OK;
}

/* One step of zlib's, with input left. */
static sgo_status
step(struct gunzip *g)
{
    z_stream *z = &g->z;
    sgo_status status;
    int rc;

    if (g->ended) { /* another member follows */
        g->ended = false;
        if (inflateReset(z) != Z_OK) {
            return SGO_INVALID;
        }
    }
    z->next_out = (Bytef *)g->piece;
    z->avail_out = (uInt)g->piece_cap;
    rc = inflate(z, Z_NO_FLUSH);
    status = hand_on(g, g->piece, g->piece_cap - z->avail_out);
    if (status != SGO_OK) {
        return status;
    }
    switch (rc) {
    case Z_STREAM_END:
        g->ended = true;
        return SGO_OK;
    case Z_OK:
    case Z_BUF_ERROR: /* all input is used */
        return SGO_OK;
    case Z_MEM_ERROR:
        return SGO_NO_MEMORY;
    default:
        return SGO_INVALID;
    }
}

static sgo_status
feed_zlib(struct gunzip *g, const char *bytes, size_t len)
{
    z_stream *z = &g->z;
    sgo_status status = g->started ? SGO_OK : start(g);

    while (status == SGO_OK && len > 0) {
        size_t part = len < INT_MAX ? len : INT_MAX;

        z->next_in = (z_const Bytef *)(uintptr_t)bytes;
        z->avail_in = (uInt)part;
        do { /* also while a full piece may have more behind it */
            status = step(g);
        } while (status == SGO_OK &&
                 (z->avail_in > 0 || (z->avail_out == 0 && !g->ended)));
        bytes += part;
        len -= part;
    }
    return status;
}

/* ---- one shot ----------------------------------------------------------------*/

/* Further bytes into the gathered ones; SGO_LIMIT: they are too many. */
static sgo_status
gather(struct gunzip *g, const char *bytes, size_t len)
{
    size_t needed = g->gathered_len + len, cap;
    char *more;

    if (len > GUNZIP_SHOT_BYTES || needed > GUNZIP_SHOT_BYTES) {
        return SGO_LIMIT;
    }
    if (needed > g->gathered_cap) {
        more = pool_get(g->pool, needed * 2, &cap);
        if (more == NULL) {
            return SGO_NO_MEMORY;
        }
        memcpy(more, g->gathered, g->gathered_len);
        pool_put(g->pool, g->gathered, g->gathered_cap);
        g->gathered = more;
        g->gathered_cap = cap;
    }
    memcpy(g->gathered + g->gathered_len, bytes, len);
    g->gathered_len = needed;
    return SGO_OK;
}

/* On to zlib, with what was gathered. */
static sgo_status
give_up_gathering(struct gunzip *g)
{
    sgo_status status = feed_zlib(g, g->gathered, g->gathered_len);

    g->gathering = false;
    drop_gathered(g);
    return status;
}

#ifdef SGO_HAVE_LIBDEFLATE
/* The size that the trailer claims; 0: none that can be true. */
static size_t
claimed_size(const struct gunzip *g)
{
    const size_t len = g->gathered_len;
    const unsigned char *end = (unsigned char *)g->gathered + len;
    uint32_t size;

    if (len < SMALLEST_BYTES) {
        return 0;
    }
    size = (uint32_t)end[-4] | (uint32_t)end[-3] << 8 |
           (uint32_t)end[-2] << 16 | (uint32_t)end[-1] << 24;
    if (size > GUNZIP_SHOT_SIZE_BYTES || size > g->max_bytes ||
        size / MAX_RATIO > len) {
        return 0;
    }
    return size;
}

/* SGO_AGAIN: zlib shall decide. */
static sgo_status
shoot(struct gunzip *g)
{
    const size_t size = claimed_size(g);
    struct libdeflate_decompressor *decompressor = NULL;
    sgo_status status = SGO_AGAIN;
    char *out = NULL;
    size_t cap = 0, used = 0;

    if (size == 0) {
        return SGO_AGAIN;
    }
    out = pool_get(g->pool, size, &cap);
    decompressor = libdeflate_alloc_decompressor();
    /* Without a place for the true size, only the claimed one will do. */
    if (out && decompressor &&
        libdeflate_gzip_decompress_ex(decompressor, g->gathered,
                                      g->gathered_len, out, size, &used,
                                      NULL) == LIBDEFLATE_SUCCESS &&
        used == g->gathered_len) {
        status = hand_on(g, out, size);
    }
    libdeflate_free_decompressor(decompressor);
    pool_put(g->pool, out, cap);
    return status;
}
#else
static sgo_status
shoot(struct gunzip *g)
{
    (void)g;
    return SGO_AGAIN;
}
#endif

/* ---- both ------------------------------------------------------------------*/

sgo_status
gunzip_feed(struct gunzip *g, const char *bytes, size_t len)
{
    if (g->status != SGO_OK || len == 0) {
        return g->status;
    }
    if (g->gathering) {
        if (gather(g, bytes, len) == SGO_OK) {
            return SGO_OK;
        }
        g->status = give_up_gathering(g);
    }
    if (g->status == SGO_OK) {
        g->status = feed_zlib(g, bytes, len);
    }
    return g->status;
}

sgo_status
gunzip_finish(struct gunzip *g)
{
    sgo_status status = g->status;

    if (status == SGO_OK && g->gathering) {
        status = g->gathered_len > 0 ? shoot(g) : SGO_OK;
        if (status == SGO_AGAIN) {
            status = give_up_gathering(g);
        }
    }
    if (status == SGO_OK && g->started && !g->ended) {
        status = SGO_INVALID; /* it broke off */
    }
    g->status = status;
    return status;
}

sgo_status
gunzip_status(const struct gunzip *g)
{
    return g->status;
}
