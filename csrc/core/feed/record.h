/* A recording of a brain's inputs, and its replay: a bug report that
 * reproduces itself.  Text lines with lengths, then raw bytes:
 *
 *     kind now nexts a b c d length\n bytes \n
 *
 * `nexts` is how often brain_next() was called since the input before; the
 * first line is the configuration.  Occurrences of `secret` (the API key, in
 * answers of /stream/events) are overwritten, at the same length. */
#ifndef SGO_FEED_RECORD_H
#define SGO_FEED_RECORD_H

#include "feed/feed.h"

enum { RECORD_SECRET_MIN = 4 }; /* shorter secrets are not looked for */

struct record {
    /* Called on the I/O thread, in order; must not call the brain. */
    void (*write)(void *ctx, const char *bytes, size_t len);
    void *ctx;
    const char *secret; /* NULL: none */
};

/* Run a recording: `act` gets every action.  shape and strings come from the
 * recording, pool and log from `base`.  SGO_INVALID: not a recording, or cut
 * within a line; SGO_NO_MEMORY.  *out_lines (may be NULL): lines played. */
sgo_status record_replay(const char *bytes, size_t len,
                         const struct brain_config *base,
                         void (*act)(void *ctx, const struct action *action),
                         void *ctx, size_t *out_lines) SGO_WARN_UNUSED;

/* The digest of actions, one after the other; 0 is the first one's. */
uint64_t record_digest(uint64_t digest, const struct action *action);

#endif
