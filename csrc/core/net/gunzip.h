/* Undoing the gzip coding of one answer.  Where libdeflate is there, a body
 * is gathered and inflated in one shot, its checksum verified, and handed on
 * whole: a third of zlib's time.  Bodies too long for that, odd ones, those
 * wanted as they come, and all without libdeflate go through zlib piece by
 * piece; their end and checksum are verified as well (curl's are not).  Knows nothing of HTTP.
 * I/O thread. */
#ifndef SGO_NET_GUNZIP_H
#define SGO_NET_GUNZIP_H

#include "base/pool.h"
#include "base/types.h"

enum {
    GUNZIP_SHOT_BYTES = 4 << 20,      /* gathered, as coded */
    GUNZIP_SHOT_SIZE_BYTES = 64 << 20 /* and claimed to become */
};
#define GUNZIP_AS_IT_COMES INT64_MAX

struct gunzip;

/* Gets decoded bytes, valid during the call. */
typedef void (*gunzip_sink)(void *ctx, const char *bytes, size_t len);

/* True where libdeflate was there at build time. */
bool gunzip_in_one_shot(void);

/* For one body of at most max_bytes once decoded.  expected_bytes: as coded,
 * -1 when not known, GUNZIP_AS_IT_COMES not to wait for them.  The pool is borrowed and must outlive it.  NULL: out of
 * memory. */
struct gunzip *gunzip_create(struct pool *pool, uint64_t max_bytes,
                             int64_t expected_bytes, gunzip_sink sink,
                             void *ctx) SGO_WARN_UNUSED;
void gunzip_free(struct gunzip *g); /* NULL is fine; not in the sink */

/* The next bytes as they came.  SGO_OK; SGO_INVALID: no gzip or broken;
 * SGO_LIMIT: longer than max_bytes; SGO_NO_MEMORY.  After an error every call
 * says the same. */
sgo_status gunzip_feed(struct gunzip *g, const char *bytes,
                       size_t len) SGO_WARN_UNUSED;

/* All has come: the rest goes to the sink.  SGO_INVALID also when the body
 * broke off or its checksum is wrong.  A body of no bytes is whole. */
sgo_status gunzip_finish(struct gunzip *g) SGO_WARN_UNUSED;

/* What it came to so far: SGO_OK, or the first failure. */
sgo_status gunzip_status(const struct gunzip *g);

#endif
