/* The brain of one Client: what to fetch, what is true, what to tell whom.
 *
 * Pure: no I/O, no clock, no thread, no globals.  Every input carries `now`
 * (monotonic ns, never going back); randomness comes from config.seed; what
 * it wants done is taken with brain_next() until that returns false, after
 * every input.  The same inputs give the same actions, byte for byte, so a
 * recording of the inputs replays exactly.
 *
 * All functions belong to the I/O thread and take no locks.  The API key is
 * never here: actions say `with_key`.  Nothing given to an input needs to
 * outlive the call unless it says so. */
#ifndef SGO_FEED_FEED_H
#define SGO_FEED_FEED_H

#include "base/log.h"
#include "base/pool.h"
#include "base/types.h"

struct brain;
struct changes;    /* json/diff.h */
struct document;   /* json/document.h */
struct pusher_end; /* pusher/protocol.h: how a socket ended */
struct record;     /* feed/record.h */
struct shape;      /* json/project.h */

enum {
    BRAIN_MAX_PARAMS = 32,          /* of one stream */
    BRAIN_MAX_STREAMS = 1000,       /* of one client */
    BRAIN_MAX_CALLS = 1000,         /* fetch and usage, unfinished */
    BRAIN_MAX_CALL_IDS = 10000,     /* of one fetch */
    BRAIN_MAX_EVENT_ID_BYTES = 256, /* as DOCUMENT_MAX_EVENT_ID_BYTES */
    BRAIN_MAX_HEADERS = 32,         /* of one request, as HTTP_HEADERS */
    BRAIN_MAX_NAME_BYTES = 1024     /* feed, parameter name or value */
};

struct brain_param {
    const char *name; /* NUL-terminated UTF-8 */
    const char *value;
};

struct brain_config {
    const char *base_url;      /* "https://host/v2", no trailing slash */
    const char *client_name;   /* told to Pusher: "sgostream" */
    const char *version;       /* "0.1.0" */
    const struct shape *shape; /* borrowed, outlives the brain; NULL: all */
    bool expand_results;
    sgo_transport transport;
    int64_t timeout_ns;
    int64_t reconcile_interval_ns; /* 0: never by the clock */
    int64_t linger_ns;
    int64_t poll_interval_ns;
    size_t max_events;
    size_t max_bytes; /* cache plus what brain_set_queued_bytes told */
    unsigned max_requests_in_flight;
    const char *const *allow_auth_hosts; /* "host" or "host:port"; copied */
    size_t allow_auth_host_count;
    int64_t activity_timeout_ns; /* 0: 30 s */
    int64_t pong_timeout_ns;     /* 0: 10 s */
    struct pool *pool;           /* retained */
    const struct log *log;       /* borrowed, outlives the brain; or NULL */
    const struct record *record; /* likewise: where inputs are recorded */
    uint64_t seed;
};

/* NULL when out of memory.  Strings of the config are copied. */
struct brain *brain_create(const struct brain_config *config) SGO_WARN_UNUSED;
/* Accepts NULL.  Tells nobody anything: brain_close() first for manners. */
void brain_free(struct brain *b);

/* ---- inputs: commands --------------------------------------------------- */

/* Start a stream.  stream_id: the caller's, not 0, unique while it lives.
 * SGO_INVALID (err says what would do; a known feed without its parameter),
 * SGO_LIMIT, SGO_CLOSED, SGO_NO_MEMORY; then there is no such stream. */
sgo_status brain_stream_add(struct brain *b, uint32_t stream_id,
                            const char *feed, const struct brain_param *params,
                            size_t n, int64_t now,
                            sgo_error *err) SGO_WARN_UNUSED;
/* Stop it: nothing is told about it any more but one STATE (closed,
 * disconnected).  Unknown ids are ignored. */
void brain_stream_remove(struct brain *b, uint32_t stream_id, int64_t now);

/* Calls outside streams; each ends in exactly one CALL_DONE, unless cancelled
 * or brain_close()d (then none).  call_id: the caller's, unique. */
sgo_status brain_call_fetch(struct brain *b, uint32_t call_id,
                            const char *const *ids, size_t n,
                            int64_t now) SGO_WARN_UNUSED;
sgo_status brain_call_usage(struct brain *b, uint32_t call_id,
                            int64_t now) SGO_WARN_UNUSED;
void brain_call_cancel(struct brain *b, uint32_t call_id, int64_t now);

/* Everything stops: CANCEL for each request, CLOSE 1000 for each open socket,
 * STATE closed for each stream.  Afterwards inputs are ignored. */
void brain_close(struct brain *b, int64_t now);

/* ---- inputs: requests --------------------------------------------------- */

struct answer_head {
    int http_status;
    int64_t retry_after_ns; /* Retry-After or retry-after-ms; -1: none */
    int64_t age_ns;         /* Age; 0: none */
};

struct answer_end {
    bool ok;        /* the whole body came, content coding's checksum included;
                      false: see error (http_status may still be set) */
    bool truncated; /* a body began and broke off, or max_body_bytes */
    int http_status;        /* 0: no answer */
    int64_t retry_after_ns; /* -1: none */
    sgo_error error;        /* transport: which host, what to try */
};

/* Handed to curl (rule 4: when it "started").  May come again when the
 * request is repeated: the last one counts.  A request that was never reported
 * started counts from its REQUEST action's input. */
void brain_request_started(struct brain *b, uint64_t request_id, int64_t now);
/* The final answer's head, once, before its data. */
void brain_request_head(struct brain *b, uint64_t request_id,
                        const struct answer_head *head, int64_t now);
/* Decoded body bytes, any chunking. */
void brain_request_data(struct brain *b, uint64_t request_id,
                        const char *bytes, size_t len, int64_t now);
/* The end, once.  Ids that were CANCELled are ignored by all four. */
void brain_request_done(struct brain *b, uint64_t request_id,
                        const struct answer_end *end, int64_t now);

/* ---- inputs: sockets ---------------------------------------------------- */

/* The 101 has arrived.  Inputs of another generation than the link's newest
 * CONNECT are ignored. */
void brain_socket_opened(struct brain *b, uint32_t link_id,
                         uint64_t generation, int64_t now);
void brain_socket_message(struct brain *b, uint32_t link_id,
                          uint64_t generation, const char *bytes, size_t len,
                          bool binary, int64_t now);
/* Any other sign of life: WebSocket ping or pong. */
void brain_socket_frame(struct brain *b, uint32_t link_id, uint64_t generation,
                        int64_t now);
/* The end of each CONNECT, once: refused, failed, closed, killed. */
void brain_socket_closed(struct brain *b, uint32_t link_id,
                         uint64_t generation, const struct pusher_end *end,
                         int64_t now);

/* ---- inputs: the rest --------------------------------------------------- */

/* Call at or after brain_deadline(). */
void brain_tick(struct brain *b, int64_t now);
/* The wall clock or the loop jumped (suspend): sockets are pinged at once. */
void brain_clock_jump(struct brain *b, int64_t now);
/* Bytes that subscriptions hold pending, to be told when they changed much;
 * they count towards max_bytes. */
void brain_set_queued_bytes(struct brain *b, size_t bytes, int64_t now);
/* A PUBLISH to the stream found no memory: it is stale until everything that
 * it shows was published again as `added`, soon. */
void brain_untold(struct brain *b, uint32_t stream_id, int64_t now);
/* What other clients with the same base_url and key have spent: one budget
 * per key.  Tell others what brain_counters' requests_sent and objects_spent
 * grew by. */
void brain_spent_elsewhere(struct brain *b, uint64_t requests,
                           uint64_t objects, int64_t now);

/* When brain_tick is due; CLOCK_NEVER: not before the next input.  May lie in
 * the past. */
int64_t brain_deadline(const struct brain *b);

/* ---- outputs ------------------------------------------------------------ */

struct brain_header {
    const char *name;
    const char *value; /* no CR, LF or NUL */
    bool secret;       /* from pusherOptions: never log it */
};

enum action_kind {
    ACTION_REQUEST,
    ACTION_CANCEL,
    ACTION_CONNECT,
    ACTION_SEND,
    ACTION_CLOSE,
    ACTION_KILL,
    ACTION_PUBLISH,
    ACTION_STATE,
    ACTION_GAP,
    ACTION_ERROR,
    ACTION_CALL_DONE,
    ACTION_PROOF,
    ACTION_SHED
};

/* Everything that is pointed at is borrowed until the next call of any
 * brain_* function; retain documents and changes to keep them. */
struct action {
    enum action_kind kind;
    union {
        struct {
            uint64_t request_id; /* grows; never reused */
            const char *method;  /* "GET", "POST" */
            const char *url;     /* without the key */
            const struct brain_header *headers;
            size_t header_count;
            const char *body; /* NULL: none; form encoded */
            size_t body_len;
            bool with_key;         /* add x-api-key */
            int64_t timeout_ns;    /* of the whole request, or … */
            bool until_first_byte; /* … until the first body byte; then only
                                      "under 1 kB/s for 15 s" ends it */
            uint64_t max_body_bytes; /* decoded; beyond: done with an error
                                        of kind LIMIT */
            int redirects;           /* at most; 0: follow none */
            bool no_cache;           /* Cache-Control: no-cache */
        } request;
        struct {
            uint64_t request_id; /* tell nothing about it any more */
        } cancel;
        struct {
            uint32_t link_id;
            uint64_t generation; /* grows per link */
            const char *host;
            uint16_t port;
            const char *path; /* with query */
            bool tls;
        } connect;
        struct {
            uint32_t link_id;
            uint64_t generation;
            const char *text;
            size_t len;
        } send;
        struct {
            uint32_t link_id;
            uint64_t generation;
            int code;
            const char *reason;
        } close; /* close frame, then drop within a second */
        struct {
            uint32_t link_id;
            uint64_t generation;
        } kill; /* drop without manners; _closed is not awaited */
        struct {
            uint32_t stream_id;
            sgo_update_kind kind;
            sgo_cause cause;
            struct document *event;    /* removed: the last version */
            struct document *previous; /* changed: the one before */
            struct changes *changes;   /* changed: from previous to event, may
                                          be empty (bytes differ, values do
                                          not) */
            /* Monotonic; 0: does not apply. */
            int64_t notified_ns, requested_ns, received_ns, applied_ns;
            uint32_t event_id_len;
            const char *event_id; /* the event's own, NUL-terminated */
        } publish;
        struct {
            uint32_t stream_id;
            sgo_connection connection;
            sgo_phase phase;
            const char *reason; /* one line; may be "" */
            int close_code;     /* 0: none */
        } state;
        struct {
            uint32_t stream_id;
            const char *reason;
            int64_t began_ns, ended_ns;
            uint64_t events_refetched; /* by id or list, since it began */
        } gap;                         /* told when the gap is repaired */
        struct {
            uint32_t stream_id; /* 0: the client, thus each of its streams */
            bool final;         /* the stream has ended (STATE follows) */
            const sgo_error *error;
            const char *event_id; /* of the event it is about, or NULL */
        } error;
        struct {
            uint32_t call_id;
            const sgo_error *error;      /* NULL: done */
            struct document **documents; /* fetch: the events found */
            size_t n;
            /* Usage: the JSON of `data`, with our `forecast` as a further
             * member (docs/internals/feed.md); else NULL. */
            const char *json;
            size_t json_len;
        } call_done;
        struct {
            uint32_t stream_id;
            const char *event_id; /* NULL: of the stream as a whole */
            uint32_t event_id_len;
            /* Stream: the last proof of currency.  Event: the start of the
             * newest request that answered it; while `unanswered` is false
             * and the stream is live, the stream's proof counts for it. */
            int64_t proof_ns;
            bool unanswered; /* event: notified and not yet answered */
            bool refused;    /* event: its newest version could not be had */
            const char *reason; /* static */
        } proof;
        struct {
            size_t bytes; /* free this much of what is queued, if you can
                             (pending previous versions, then the largest
                             non-conflating queues), then
                             brain_set_queued_bytes() */
        } shed;
    } u;
};

/* The next thing to do; false: nothing until the next input.  Independent
 * kinds may be reordered against each other; what concerns one request, one
 * link or one event of one stream comes in order; PUBLISHes come before the
 * GAP and STATE that they brought about. */
bool brain_next(struct brain *b, struct action *out);

/* ---- counters ----------------------------------------------------------- */

struct brain_counters {
    uint64_t requests_sent, requests_failed, requests_retried;
    uint64_t objects_spent; /* as the plan counts them */
    uint64_t body_bytes;
    uint64_t rate_limited;
    unsigned requests_in_flight;
    size_t events_held;
    uint64_t events_refused;
    size_t cache_bytes;
    uint64_t errors_dropped; /* reports that found their ring full */
};

void brain_get_counters(const struct brain *b, struct brain_counters *out);

/* Fills the brain's part; updates_* and nothing else stay 0.
 * SGO_NOT_FOUND. */
sgo_status brain_stream_stats(const struct brain *b, uint32_t stream_id,
                              int64_t now, sgo_stream_stats *out);

#endif
