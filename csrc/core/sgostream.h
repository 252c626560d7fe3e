/* sgostream: real-time sports odds from the SportsGameOdds streaming API.
 *
 * The one public header of the C core.  Everything is opaque but the option,
 * error and statistics records.  Rules that hold for every function:
 *
 * - Objects are counted: *_new gives the caller one reference, *_retain adds
 *   one, *_release gives one back and accepts NULL.
 * - "borrowed" results live as long as the object they were asked of.
 * - Every function may be called from any thread unless it says otherwise;
 *   none may be called from a signal handler.  A child of fork() gets
 *   SGO_FORKED from all calls on inherited clients, streams and
 *   subscriptions; events and updates that it holds stay readable.
 * - Times are int64_t nanoseconds; a deadline is on sgo_now_ns()'s clock.
 * - Text is UTF-8 with a length; nothing network-given is NUL-terminated
 *   unless said. */
#ifndef SGOSTREAM_H
#define SGOSTREAM_H

#include "base/types.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SGO_VERSION "0.1.0"
#define SGO_API __attribute__((visibility("default")))

typedef struct sgo_client sgo_client;
typedef struct sgo_stream sgo_stream;
typedef struct sgo_subscription sgo_subscription;
typedef struct sgo_update sgo_update;
typedef struct sgo_event sgo_event; /* one immutable version of one event */
typedef struct sgo_call sgo_call;   /* one fetch or usage request */

/* A span of bytes owned by something else. */
typedef struct sgo_text {
    const char *bytes;
    size_t len;
} sgo_text;

/* ---- library ---------------------------------------------------------- */

/* "0.1.0 libwebsockets/4.1.6 libcurl/7.88.1 cJSON/1.7.15 …", static. */
SGO_API const char *sgo_version_text(void);
/* The CA file of clients without `ca_file`: SSL_CERT_FILE or the system's;
 * NULL: this system has none.  Valid until the environment changes. */
SGO_API const char *sgo_default_ca_file(void);
SGO_API int64_t sgo_now_ns(void);
/* Call in the child after fork() (the Python package does). */
SGO_API void sgo_after_fork_in_child(void);
/* Stop whatever still runs, within one second: for atexit. */
SGO_API void sgo_shutdown(void);

/* ---- client ----------------------------------------------------------- */

typedef struct sgo_client_options {
    size_t size;                      /* sizeof(sgo_client_options) */
    const char *api_key;              /* required */
    const char *base_url;             /* NULL: the vendor's */
    const char *const *bookmaker_ids; /* the shape; n = 0: all */
    size_t bookmaker_id_count;
    const char *const *odd_ids;
    size_t odd_id_count;
    bool include_alt_lines;
    bool include_opposing_odds;
    bool include_open_close_odds;
    bool expand_results;
    sgo_transport transport;
    int64_t timeout_ns;
    int64_t reconcile_interval_ns;
    int64_t linger_ns;
    int64_t poll_interval_ns;
    size_t max_events;
    size_t max_bytes;
    unsigned max_requests_in_flight;
    const char *proxy;   /* NULL: from the environment; "": none */
    const char *ca_file; /* NULL: SSL_CERT_FILE or the system's */
    const char *const *allow_auth_hosts; /* "host" or "host:port" */
    size_t allow_auth_host_count;
    sgo_log_level log_level; /* lines below are not recorded */
    uint64_t seed;           /* of jitter and hashes; 0: from the system */
    /* Liveness, for tests and bad networks; 0: the defaults (30 s, 10 s). */
    int64_t activity_timeout_ns;
    int64_t pong_timeout_ns;
    /* Record what the network brings into this file, without the key, until
     * the client is closed (docs/internals/recorder.md); NULL: do not. */
    const char *record_file;
} sgo_client_options;

/* All defaults of design.md section 3; api_key stays NULL. */
SGO_API void sgo_client_options_init(sgo_client_options *options);

/* SGO_OK, SGO_INVALID (err: which option, what would do), SGO_NO_MEMORY.
 * Does no I/O and starts no thread; options are copied. */
SGO_API sgo_status sgo_client_new(const sgo_client_options *options,
                                  sgo_client **out, sgo_error *err);
SGO_API void sgo_client_retain(sgo_client *client);
/* The last release closes. */
SGO_API void sgo_client_release(sgo_client *client);
/* Close all streams and sockets; returns within 1 s.  Idempotent. */
SGO_API void sgo_client_close(sgo_client *client);
SGO_API bool sgo_client_is_closed(const sgo_client *client);

typedef struct sgo_client_stats {
    uint64_t requests, requests_failed, requests_retried;
    uint64_t request_bytes_received; /* decoded bodies */
    uint64_t rate_limited;           /* 429 answers */
    uint64_t requests_in_flight;
    uint64_t events_held;    /* distinct ids in the cache */
    uint64_t events_refused; /* over a limit, or malformed */
    uint64_t bytes_documents, bytes_pool, bytes_queued;
    uint64_t versions_alive; /* documents alive, held by users included */
    uint64_t reports_dropped;
    uint64_t odds_unreadable; /* quotes read whose odds are no American ones */
} sgo_client_stats;

SGO_API void sgo_client_get_stats(sgo_client *client, sgo_client_stats *out);

/* ---- calls: requests outside any stream -------------------------------- */

/* GET /events?eventIDs=…; ids are chunked, pages followed. */
SGO_API sgo_status sgo_client_fetch(sgo_client *client, const char *const *ids,
                                    size_t id_count, sgo_call **out,
                                    sgo_error *err);
/* GET /account/usage */
SGO_API sgo_status sgo_client_usage(sgo_client *client, sgo_call **out,
                                    sgo_error *err);
/* Wait: SGO_OK (done), SGO_TIMEOUT, SGO_FAILED (*err filled), SGO_CLOSED. */
SGO_API sgo_status sgo_call_wait(sgo_call *call, int64_t deadline_ns,
                                 sgo_error *err);
/* Results, borrowed, valid once done: the events found, and the JSON text of
 * `data` for usage calls (empty otherwise). */
SGO_API size_t sgo_call_event_count(const sgo_call *call);
SGO_API sgo_event *sgo_call_event(const sgo_call *call, size_t i);
SGO_API sgo_text sgo_call_json(const sgo_call *call);
/* A descriptor that turns readable when the call is done; owned by it. */
SGO_API int sgo_call_fd(sgo_call *call);
/* Nobody waits for the answer any more: what is under way for it is broken
 * off and nothing is tried again.  Its waiters get SGO_CLOSED.  Does nothing
 * to a call that is done.  The last release does it as well. */
SGO_API void sgo_call_cancel(sgo_call *call);
SGO_API void sgo_call_release(sgo_call *call);

/* ---- streams ---------------------------------------------------------- */

typedef struct sgo_param {
    const char *name;
    const char *value;
} sgo_param;

/* A stream for `feed` ("events:live", …) with its parameters (leagueID,
 * eventID…).  Not started.  SGO_INVALID for a known feed without its
 * parameter, or an empty or overlong name. */
SGO_API sgo_status sgo_stream_new(sgo_client *client, const char *feed,
                                  const sgo_param *params, size_t param_count,
                                  sgo_stream **out, sgo_error *err);
SGO_API void sgo_stream_retain(sgo_stream *stream);
/* Does not close: the client keeps the stream until it is closed. */
SGO_API void sgo_stream_release(sgo_stream *stream);
/* Idempotent.  SGO_CLOSED, SGO_FORKED, SGO_SYSTEM (no thread). */
SGO_API sgo_status sgo_stream_start(sgo_stream *stream, sgo_error *err);
/* Ends its subscriptions' loops quietly.  Idempotent, does not wait. */
SGO_API void sgo_stream_close(sgo_stream *stream);
SGO_API uint32_t sgo_stream_id(const sgo_stream *stream); /* per client */

SGO_API void sgo_stream_get_state(sgo_stream *stream, sgo_stream_state *out);
/* Until phase is live: SGO_OK, SGO_TIMEOUT, SGO_FAILED (*err), SGO_CLOSED. */
SGO_API sgo_status sgo_stream_wait_live(sgo_stream *stream,
                                        int64_t deadline_ns, sgo_error *err);
/* Until closed or failed: SGO_OK (closed), SGO_TIMEOUT, SGO_FAILED. */
SGO_API sgo_status sgo_stream_wait_closed(sgo_stream *stream,
                                          int64_t deadline_ns, sgo_error *err);
/* Until serial differs from `seen`. SGO_OK, SGO_TIMEOUT. */
SGO_API sgo_status sgo_stream_wait_change(sgo_stream *stream, uint64_t seen,
                                          int64_t deadline_ns);

/* Seconds since the last proof of currency; *ns = -1: never proven.
 * event_id NULL: the stream.  SGO_NOT_FOUND: not held.  reason: static. */
SGO_API sgo_status sgo_stream_staleness(sgo_stream *stream,
                                        const char *event_id, size_t id_len,
                                        int64_t *ns, const char **reason);

/* The newest version, retained for the caller; NULL when not held. */
SGO_API sgo_event *sgo_stream_event(sgo_stream *stream, const char *event_id,
                                    size_t id_len);
SGO_API size_t sgo_stream_event_count(sgo_stream *stream);
/* All newest versions at one moment, oldest member first: an array of
 * retained events for sgo_events_free. */
SGO_API sgo_status sgo_stream_events(sgo_stream *stream, sgo_event ***out,
                                     size_t *count);
SGO_API void sgo_events_free(sgo_event **events, size_t count);

SGO_API void sgo_stream_get_stats(sgo_stream *stream, sgo_stream_stats *out);

/* ---- reports: log lines, state changes, gaps, errors -------------------- */

/* Take the oldest report from the client's bounded ring.
 * SGO_OK, SGO_TIMEOUT, SGO_CLOSED (closed and drained). */
SGO_API sgo_status sgo_client_take_report(sgo_client *client,
                                          int64_t deadline_ns,
                                          sgo_report *out);

/* ---- subscriptions ---------------------------------------------------- */

SGO_API void sgo_subscription_options_init(sgo_subscription_options *options);

/* One subscription over streams of one client; starts them if needed.
 * SGO_INVALID (err: a malformed pattern), SGO_CLOSED, SGO_FORKED. */
SGO_API sgo_status
sgo_subscription_new(sgo_stream *const *streams, size_t stream_count,
                     const sgo_subscription_options *options,
                     sgo_subscription **out, sgo_error *err);
SGO_API void sgo_subscription_retain(sgo_subscription *subscription);
SGO_API void sgo_subscription_release(sgo_subscription *subscription);
SGO_API void sgo_subscription_close(sgo_subscription *subscription);

/* Take up to max updates, oldest first; out[i] is the caller's.
 * SGO_OK with *count > 0, SGO_TIMEOUT, SGO_CLOSED, SGO_FAILED (*err: the
 * final error, again at each call), SGO_SLOW_CONSUMER and SGO_STALE (*err;
 * once).  A deadline in the past does not wait. */
SGO_API sgo_status sgo_subscription_take(sgo_subscription *subscription,
                                         sgo_update **out, size_t max,
                                         int64_t deadline_ns, size_t *count,
                                         sgo_error *err);
/* Wake every thread that waits in take (they return SGO_TIMEOUT). */
SGO_API void sgo_subscription_wake(sgo_subscription *subscription);
/* Readable while take would not wait; owned by the subscription. -1 with
 * errno when no descriptor could be had.  Made at the first call. */
SGO_API int sgo_subscription_fd(sgo_subscription *subscription);

SGO_API void sgo_subscription_get_stats(sgo_subscription *subscription,
                                        sgo_subscription_stats *out);
/* 0 while no odd of a chosen event has matched the i-th odd_ids pattern (one
 * that is asked for in vain shows here), and for i too big. */
SGO_API uint64_t
sgo_subscription_pattern_matches(sgo_subscription *subscription, size_t i);

/* ---- updates ---------------------------------------------------------- */

SGO_API void sgo_update_retain(sgo_update *update);
SGO_API void sgo_update_release(sgo_update *update);
SGO_API sgo_update_kind sgo_update_get_kind(const sgo_update *update);
SGO_API sgo_cause sgo_update_get_cause(const sgo_update *update);
SGO_API sgo_event *sgo_update_event(const sgo_update *update); /* borrowed */
/* Borrowed; NULL for added, and where the byte limit dropped it. */
SGO_API sgo_event *sgo_update_previous(const sgo_update *update);
SGO_API uint64_t sgo_update_skipped(const sgo_update *update);
SGO_API bool sgo_update_stale(const sgo_update *update);
SGO_API uint32_t sgo_update_stream_id(const sgo_update *update);
SGO_API sgo_times sgo_update_times(const sgo_update *update);

/* A place in an event's JSON: a value.  Plain data; valid while the event
 * is retained. */
typedef enum sgo_type {
    SGO_TYPE_NONE = 0, /* no value: MISSING */
    SGO_TYPE_NULL,
    SGO_TYPE_FALSE,
    SGO_TYPE_TRUE,
    SGO_TYPE_INTEGER,
    SGO_TYPE_REAL,
    SGO_TYPE_STRING,
    SGO_TYPE_ARRAY,
    SGO_TYPE_OBJECT
} sgo_type;

typedef struct sgo_value {
    const sgo_event *event;
    uint32_t offset; /* of its first byte */
    uint32_t index;  /* its container number; UINT32_MAX for leaves */
} sgo_value;

/* One change.  `value`s have event NULL (type SGO_TYPE_NONE) on the side
 * that lacks the member. */
typedef struct sgo_change {
    sgo_value old_value;
    sgo_value new_value;
} sgo_change;

/* One step of a path: a key (raw JSON string without its quotes, decode with
 * sgo_text_decode) or a position (key.bytes NULL). */
typedef struct sgo_step {
    sgo_text key;
    size_t position;
} sgo_step;

enum { SGO_PATH_MAX = 66 };

/* The shown changes: made by the core when it compared, or computed at the
 * first call (up to some ms of work, no lock held).  SGO_OK, SGO_NO_MEMORY. */
SGO_API sgo_status sgo_update_changes(sgo_update *update, size_t *count);
SGO_API sgo_change sgo_update_change(sgo_update *update, size_t i);
/* Path of the i-th change, up to SGO_PATH_MAX steps; returns their number. */
SGO_API size_t sgo_update_change_path(sgo_update *update, size_t i,
                                      sgo_step *steps);

typedef struct sgo_quote_change {
    sgo_text odd_id;       /* raw JSON string contents */
    sgo_text bookmaker_id; /* raw */
    bool is_alt_line;
    sgo_value old_quote; /* type NONE where that side lacks it */
    sgo_value new_quote;
} sgo_quote_change;

SGO_API sgo_status sgo_update_quotes(sgo_update *update, size_t *count);
SGO_API sgo_quote_change sgo_update_quote(sgo_update *update, size_t i);

typedef struct sgo_consensus_change {
    sgo_text odd_id;
    sgo_text field; /* "fairOdds" … "bookOverUnder" */
    sgo_value old_value;
    sgo_value new_value;
} sgo_consensus_change;

SGO_API sgo_status sgo_update_consensus(sgo_update *update, size_t *count);
SGO_API sgo_consensus_change sgo_update_consensus_change(sgo_update *update,
                                                         size_t i);

/* ---- events and values ------------------------------------------------- */

/* Build an event from JSON text (unpickling, tests).  SGO_INVALID with *err
 * for malformed text, no object, or no eventID string. */
SGO_API sgo_status sgo_event_parse(const char *json, size_t len,
                                   sgo_event **out, sgo_error *err);
SGO_API void sgo_event_retain(sgo_event *event);
SGO_API void sgo_event_release(sgo_event *event);
SGO_API sgo_text sgo_event_id(const sgo_event *event);   /* decoded */
SGO_API sgo_text sgo_event_json(const sgo_event *event); /* the bytes */
SGO_API sgo_value sgo_event_root(const sgo_event *event);
/* What changed from old to new, unfiltered, as an update-like object whose
 * kind is changed (event.diff); include_timestamps as in subscriptions. */
SGO_API sgo_status sgo_event_diff(sgo_event *old_event, sgo_event *new_event,
                                  bool include_timestamps, sgo_update **out);
/* Equal as JSON values. */
SGO_API sgo_status sgo_value_equal(sgo_value a, sgo_value b, bool *equal);

SGO_API sgo_type sgo_value_type(sgo_value value);
SGO_API sgo_text sgo_value_json(sgo_value value); /* its bytes */
/* Members (distinct keys) or elements; 0 for leaves. */
SGO_API size_t sgo_value_len(sgo_value value);
/* Key given decoded.  SGO_NOT_FOUND. */
SGO_API sgo_status sgo_value_get(sgo_value object, const char *key,
                                 size_t key_len, sgo_value *out);
SGO_API sgo_status sgo_value_at(sgo_value array, size_t i, sgo_value *out);

/* Iterate members (in json.loads order) or elements. */
typedef struct sgo_iter {
    sgo_value container;
    uint32_t state[6]; /* private */
} sgo_iter;

SGO_API void sgo_iter_init(sgo_iter *iter, sgo_value container);
/* false at the end; key (raw) is empty for array elements. */
SGO_API bool sgo_iter_next(sgo_iter *iter, sgo_text *key, sgo_value *out);

/* Contents of a raw JSON string.  Without escapes *out is `raw` itself and
 * nothing is copied; else it is written to buffer (cap >= raw.len).  Lone
 * surrogates come as their three-byte form, as Python's surrogatepass. */
SGO_API sgo_text sgo_text_decode(sgo_text raw, char *buffer, size_t cap);
/* A string value's raw contents (without quotes); empty for others. */
SGO_API sgo_text sgo_value_string(sgo_value value);

/* The fields of a quote object; what is absent or unreadable says so. */
typedef struct sgo_quote {
    bool has_odds; /* readable American odds */
    int32_t odds;
    sgo_text odds_text; /* raw; bytes NULL: absent */
    bool has_line;
    double line;
    sgo_text line_text;
    int available;              /* 1, 0, -1: absent */
    int64_t last_updated_at_ms; /* epoch ms; INT64_MIN: absent */
    sgo_text deeplink;          /* raw; bytes NULL: absent */
} sgo_quote;

SGO_API void sgo_quote_read(sgo_value quote, sgo_quote *out);

/* Quotes of one event, in document order. */
typedef struct sgo_quote_filter sgo_quote_filter;
SGO_API sgo_status sgo_quote_filter_new(const char *const *odd_ids,
                                        size_t odd_id_count,
                                        const char *const *bookmaker_ids,
                                        size_t bookmaker_id_count,
                                        bool alt_lines, sgo_quote_filter **out,
                                        sgo_error *err);
SGO_API void sgo_quote_filter_free(sgo_quote_filter *filter);

typedef struct sgo_quote_row {
    sgo_text odd_id;       /* raw */
    sgo_text bookmaker_id; /* raw */
    bool is_alt_line;
    sgo_value odd;
    sgo_value quote;
} sgo_quote_row;

/* filter NULL: all main lines.  *rows is for sgo_quote_rows_free. */
SGO_API sgo_status sgo_event_quotes(const sgo_event *event,
                                    const sgo_quote_filter *filter,
                                    sgo_quote_row **rows, size_t *count);
SGO_API void sgo_quote_rows_free(sgo_quote_row *rows);
/* How many rows that would be. */
SGO_API size_t sgo_event_quote_count(const sgo_event *event,
                                     const sgo_quote_filter *filter);

/* ---- Arrow -------------------------------------------------------------- */

/* Quotes as an Arrow C stream: one batch for each event that has rows, one
 * dictionary a column for all batches (docs/internals/arrow.md lists the
 * columns).  *out has references of its own and is released by its release;
 * get_next and release may run on any thread, one at a time, also after the
 * client was closed; what get_next gave lives on without the stream.
 * SGO_NO_MEMORY. */
SGO_API sgo_status sgo_quotes_export(sgo_event *const *events, size_t count,
                                     const sgo_quote_filter *filter,
                                     struct ArrowArrayStream *out);
/* The quotes that updates changed: the same columns, of the new quote, then
 * old_odds, old_line and old_available. */
SGO_API sgo_status sgo_quote_changes_export(sgo_update *const *updates,
                                            size_t count,
                                            struct ArrowArrayStream *out);
/* The schema of either, without a stream. */
SGO_API sgo_status sgo_quotes_schema(bool changes, struct ArrowSchema *out);

#ifdef __cplusplus
}
#endif

#endif
