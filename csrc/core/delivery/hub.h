/* The hub: all that the I/O thread shares with consumer threads.  One per
 * Client: a table of newest documents and a state per stream, the
 * subscriptions and their pending updates, and the ring of reports.
 *
 * One mutex guards it.  It is held for pointer surgery only: documents are
 * parsed, compared, filtered and freed, and callers attach to Python, outside
 * of it.  Who may call: "I/O thread" functions are called by one thread at a
 * time; the others by any thread.  No function calls out while it holds the
 * lock.  See docs/internals/delivery.md. */
#ifndef SGO_DELIVERY_HUB_H
#define SGO_DELIVERY_HUB_H

#include "delivery/update.h"

struct hub;

enum {
    HUB_MAX_REPORTS = 4096,     /* waiting in the ring; further are counted */
    HUB_MAX_LOG_REPORTS = 3072, /* of which log lines at most */
    HUB_MAX_STREAMS = 1000,     /* of one subscription */
    HUB_MAX_NAMES = 10000       /* event_ids, or league_ids, of one */
};

struct hub_config {
    uint64_t seed; /* of hashes */
    /* The time for hub_tick() has come nearer: called on a consumer's thread,
     * no lock held; must only wake the I/O thread.  May be NULL. */
    void (*kick)(void *ctx);
    void *kick_ctx;
};

/* The caller owns one reference; subscriptions hold one each.  NULL when out
 * of memory.  Any thread. */
struct hub *hub_create(const struct hub_config *config) SGO_WARN_UNUSED;
void hub_retain(struct hub *hub);
/* Accepts NULL.  In a child of fork() it does nothing. */
void hub_release(struct hub *hub);

/* The owner of kick_ctx goes away: kick is not called after this returns. */
void hub_forget_kick(struct hub *hub);

/* This process is a child of the one that made the hub: no other function of
 * this header but subscription_retain may be used.  No locks. */
bool hub_in_child(const struct hub *hub);

/* ---- streams: any thread ------------------------------------------------- */

/* Make the stream known, before anything else is said about it: initialized,
 * idle.  Ids are the caller's, not 0.  SGO_NO_MEMORY, SGO_CLOSED. */
sgo_status hub_stream_add(struct hub *hub, uint32_t stream_id) SGO_WARN_UNUSED;

/* Nobody will ask for it again; closes it if needed. */
void hub_stream_drop(struct hub *hub, uint32_t stream_id);

/* Ends loops quietly, drops what is pending and the table.  The state becomes
 * disconnected, closed (unless it has failed).  Idempotent. */
void hub_stream_close(struct hub *hub, uint32_t stream_id);

/* hub_stream_close for all, and no more streams, subscriptions or reports.
 * What is in the ring can still be taken.  Idempotent. */
void hub_close(struct hub *hub);
bool hub_is_closed(struct hub *hub);

/* ---- what the I/O thread tells ------------------------------------------- */

struct publication {
    uint32_t stream_id;
    sgo_update_kind kind;
    sgo_cause cause;
    const char *event_id; /* decoded */
    size_t event_id_len;
    struct document *event;    /* removed: the last version, may be NULL */
    struct document *previous; /* what was published before, or NULL */
    struct changes *changes;   /* from previous to event; NULL: unknown */
    sgo_times times;           /* monotonic ns (clock_now_ns), not epoch */
};

/* Put the version into the stream's table and offer it to the stream's
 * subscriptions.  Borrows what it is given, retains what it keeps.  What the
 * table holds decides over `kind`: a changed that is not held is an added.
 *
 * SGO_NO_MEMORY: a *new* event could not be put into the table, nor among
 * the 256 that are tried again by the next publish or tick; nothing has
 * happened.  (A subscription that could not get memory is counted, and mended
 * likewise.)
 * SGO_NOT_FOUND: no such stream, or it is closed.  SGO_INVALID: event_id is
 * not the document's own. */
sgo_status hub_publish(struct hub *hub,
                       const struct publication *pub) SGO_WARN_UNUSED;

/* Set the stream's state; waiters wake and a report is queued when
 * `connection` changed.  `reason` is one line.  A stream that has failed or
 * closed keeps its state. */
void hub_set_state(struct hub *hub, uint32_t stream_id,
                   sgo_connection connection, sgo_phase phase,
                   const char *reason, int close_code, int64_t now);

/* The final error: connection failed, phase closed.  Subscriptions deliver
 * what is pending, then raise it at each take.  Queues the error's report
 * and the state's. */
void hub_fail(struct hub *hub, uint32_t stream_id, const sgo_error *error,
              int64_t now);

/* Proof of currency: of the stream (event_id NULL), or of one event.  reason:
 * static text.  Unknown ids are ignored.  See "Staleness" in delivery.md. */
void hub_prove(struct hub *hub, uint32_t stream_id, const char *event_id,
               size_t id_len, int64_t proof_ns, bool unanswered,
               const char *reason, int64_t now);

/* The brain's counters of the stream, to be read by hub_get_stats. */
void hub_set_stats(struct hub *hub, uint32_t stream_id,
                   const sgo_stream_stats *stats);

/* What became ready by time alone (min_interval, max_age) makes descriptors
 * readable here; waiting threads mind the clock themselves.  Call at or after
 * hub_deadline(); CLOCK_NEVER when there is nothing to mind. */
void hub_tick(struct hub *hub, int64_t now);
int64_t hub_deadline(struct hub *hub);

/* Bytes of documents that only pending updates keep (shared ones count for
 * each); no lock, cheap. */
size_t hub_queued_bytes(const struct hub *hub);

/* Free `bytes` of them: pending `previous` versions, the largest first (to a
 * power of two); then non-conflating queues, the largest first, end as slow
 * consumers.  Returns what was freed.  I/O thread. */
size_t hub_shed(struct hub *hub, size_t bytes);

/* Allocation failures that hub_publish and hub_tick had to mend later, since
 * the beginning. */
uint64_t hub_repairs(struct hub *hub);

/* ---- reports -------------------------------------------------------------- */

/* Copy into the ring; any thread.  Never fails: what finds no room, or no
 * memory, is counted. */
void hub_report(struct hub *hub, const sgo_report *report);

/* For base/log: ctx is the hub.  Queues a log report. */
void hub_log_sink(void *ctx, sgo_log_level level, const char *area,
                  const char *text);

/* A repaired gap; began and ended are clock_now_ns() values. */
void hub_report_gap(struct hub *hub, uint32_t stream_id, const char *reason,
                    int64_t began, int64_t ended, uint64_t events_refetched,
                    int64_t now);

/* An error that does not end the stream. */
void hub_report_error(struct hub *hub, uint32_t stream_id,
                      const sgo_error *error, int64_t now);

/* The oldest.  SGO_OK, SGO_TIMEOUT, SGO_CLOSED (closed and drained). */
sgo_status hub_take_report(struct hub *hub, int64_t deadline_ns,
                           sgo_report *out);
uint64_t hub_reports_dropped(struct hub *hub);

/* ---- reading streams: any thread ----------------------------------------- */

/* SGO_NOT_FOUND: no such stream (dropped). */
sgo_status hub_get_state(struct hub *hub, uint32_t stream_id,
                         sgo_stream_state *out);

/* As sgo_stream_wait_*: deadlines on clock_now_ns(). */
sgo_status hub_wait_live(struct hub *hub, uint32_t stream_id,
                         int64_t deadline_ns, sgo_error *err);
sgo_status hub_wait_closed(struct hub *hub, uint32_t stream_id,
                           int64_t deadline_ns, sgo_error *err);
sgo_status hub_wait_change(struct hub *hub, uint32_t stream_id, uint64_t seen,
                           int64_t deadline_ns);

/* As sgo_stream_staleness. */
sgo_status hub_staleness(struct hub *hub, uint32_t stream_id,
                         const char *event_id, size_t id_len, int64_t now,
                         int64_t *ns, const char **reason);

/* The newest version with a reference for the caller, or NULL. */
struct document *hub_event(struct hub *hub, uint32_t stream_id,
                           const char *event_id, size_t id_len);
size_t hub_event_count(struct hub *hub, uint32_t stream_id);
/* All newest versions at one moment, oldest member first, each with a
 * reference for the caller; *out is for mem_free.  SGO_NO_MEMORY. */
sgo_status hub_events(struct hub *hub, uint32_t stream_id,
                      struct document ***out, size_t *n) SGO_WARN_UNUSED;

/* The counters set last, with updates_delivered and updates_conflated. */
void hub_get_stats(struct hub *hub, uint32_t stream_id, sgo_stream_stats *out);

/* ---- subscriptions: any thread -------------------------------------------- */

typedef struct sgo_subscription sgo_subscription;

/* The defaults of design.md section 3. */
void subscription_options_init(sgo_subscription_options *options);

/* Subscribe to streams of this hub (the caller starts them).  options NULL:
 * defaults.  *out belongs to the caller.  SGO_INVALID (err: which option,
 * what would do), SGO_CLOSED, SGO_NOT_FOUND, SGO_NO_MEMORY. */
sgo_status subscription_create(struct hub *hub, const uint32_t *stream_ids,
                               size_t n,
                               const sgo_subscription_options *options,
                               sgo_subscription **out,
                               sgo_error *err) SGO_WARN_UNUSED;
void subscription_retain(sgo_subscription *sub);
/* The last release closes.  Accepts NULL.  In a child of fork(): nothing. */
void subscription_release(sgo_subscription *sub);
void subscription_close(sgo_subscription *sub);
struct hub *subscription_hub(const sgo_subscription *sub); /* borrowed */

/* As the sgo_subscription_* functions of the same names. */
sgo_status subscription_take(sgo_subscription *sub, sgo_update **out,
                             size_t max, int64_t deadline_ns, size_t *count,
                             sgo_error *err) SGO_WARN_UNUSED;
void subscription_wake(sgo_subscription *sub);
int subscription_fd(sgo_subscription *sub);
void subscription_get_stats(sgo_subscription *sub,
                            sgo_subscription_stats *out);
uint64_t subscription_pattern_matches(sgo_subscription *sub, size_t i);

#endif
