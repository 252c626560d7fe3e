/* The plain words that the public header shares with the core: status codes,
 * enums and the error record.  Includes nothing of ours; part of the public
 * interface through sgostream.h. */
#ifndef SGO_BASE_TYPES_H
#define SGO_BASE_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define SGO_WARN_UNUSED __attribute__((warn_unused_result))
#define SGO_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#else
#define SGO_WARN_UNUSED
#define SGO_PRINTF(fmt, args)
#endif

/* What a call came to.  Everything but SGO_OK leaves out-parameters as they
 * were, unless the function says otherwise. */
typedef enum sgo_status {
    SGO_OK = 0,
    SGO_TIMEOUT,       /* the deadline passed */
    SGO_CLOSED,        /* the object was closed; nothing more will come */
    SGO_SLOW_CONSUMER, /* a non-conflating queue overflowed (told once) */
    SGO_STALE,         /* data older than max_age (told once per episode) */
    SGO_FAILED,        /* the stream ended with an error: see its sgo_error */
    SGO_NOT_FOUND,     /* no such member, event or channel */
    SGO_NO_MEMORY,     /* an allocation failed */
    SGO_LIMIT,         /* a stated maximum would be passed */
    SGO_INVALID,       /* malformed input: JSON, message, argument */
    SGO_FORKED,        /* used in a child of fork() */
    SGO_SYSTEM,        /* the operating system refused: see the error text */
    SGO_AGAIN          /* internal: take the slow path */
} sgo_status;

/* The class of an error that is told to the user (design.md section 3). */
typedef enum sgo_error_kind {
    SGO_ERROR_NONE = 0,
    SGO_ERROR_AUTHENTICATION,    /* 401 */
    SGO_ERROR_PERMISSION_DENIED, /* 403 */
    SGO_ERROR_STREAM_LIMIT,      /* no free stream slot, close code 4004 */
    SGO_ERROR_RATE_LIMIT,        /* 429 */
    SGO_ERROR_BAD_REQUEST,       /* 400 413 414 422 and other 4xx */
    SGO_ERROR_NOT_FOUND,         /* 404 */
    SGO_ERROR_SERVER,            /* 5xx, or a body that is no envelope */
    SGO_ERROR_TRANSPORT,         /* DNS, TCP, TLS, proxy, time-outs */
    SGO_ERROR_PROTOCOL,          /* Pusher or JSON rules broken */
    SGO_ERROR_STALE_DATA,
    SGO_ERROR_SLOW_CONSUMER,
    SGO_ERROR_LIMIT, /* one of our own maxima */
    SGO_ERROR_CONFIGURATION,
    SGO_ERROR_CLOSED,
    SGO_ERROR_FORKED,
    SGO_ERROR_MEMORY
} sgo_error_kind;

enum { SGO_ERROR_TEXT_BYTES = 512 };

/* One error, by value.  `text` is UTF-8, always terminated, never holds the
 * API key. */
typedef struct sgo_error {
    sgo_error_kind kind;
    int http_status;        /* 0: none */
    int close_code;         /* WebSocket close code, 0: none */
    bool retryable;         /* waiting may mend it */
    int64_t retry_after_ns; /* told by the server; -1: not told */
    char window[16];        /* rate limits: "minute", "month"…; or "" */
    char text[SGO_ERROR_TEXT_BYTES];
} sgo_error;

typedef enum sgo_update_kind {
    SGO_ADDED = 0,
    SGO_CHANGED,
    SGO_REMOVED
} sgo_update_kind;

typedef enum sgo_cause {
    SGO_CAUSE_SNAPSHOT = 0,
    SGO_CAUSE_NOTIFICATION,
    SGO_CAUSE_RESYNC,
    SGO_CAUSE_POLL,
    SGO_CAUSE_EXPIRY
} sgo_cause;

/* stream.connection: the words of pusher-js, and `polling`. */
typedef enum sgo_connection {
    SGO_CONN_INITIALIZED = 0,
    SGO_CONN_CONNECTING,
    SGO_CONN_CONNECTED,
    SGO_CONN_UNAVAILABLE,
    SGO_CONN_FAILED,
    SGO_CONN_DISCONNECTED,
    SGO_CONN_POLLING
} sgo_connection;

/* stream.phase */
typedef enum sgo_phase {
    SGO_PHASE_IDLE = 0,
    SGO_PHASE_BOOTSTRAPPING,
    SGO_PHASE_SUBSCRIBING,
    SGO_PHASE_RECONCILING,
    SGO_PHASE_LIVE,
    SGO_PHASE_STALE,
    SGO_PHASE_CLOSED
} sgo_phase;

typedef enum sgo_transport {
    SGO_TRANSPORT_AUTO = 0,
    SGO_TRANSPORT_WEBSOCKET,
    SGO_TRANSPORT_POLL
} sgo_transport;

/* What one changed place of a document is (see json/diff.h). */
typedef enum sgo_change_kind {
    SGO_CHANGE_VALUE = 0, /* both versions have it, unequal */
    SGO_CHANGE_ADDED,     /* only the new version has it */
    SGO_CHANGE_REMOVED    /* only the old version has it */
} sgo_change_kind;

typedef enum sgo_log_level {
    SGO_LOG_DEBUG = 10, /* the numbers of Python's logging */
    SGO_LOG_INFO = 20,
    SGO_LOG_WARNING = 30,
    SGO_LOG_ERROR = 40
} sgo_log_level;

/* Epoch nanoseconds of an update's way; 0: unknown or does not apply. */
typedef struct sgo_times {
    int64_t notified;
    int64_t requested;
    int64_t received;
    int64_t applied;
    int64_t taken;
} sgo_times;

/* Counters of one stream since it started. */
typedef struct sgo_stream_stats {
    uint64_t notifications; /* messages that named ids */
    uint64_t ids_notified;  /* ids in them */
    uint64_t ids_gathered;  /* …found pending or in flight already */
    /* What became of them: ids_notified is the sum of these three and of
     * ids_pending. */
    uint64_t ids_answered;       /* by a request that started afterwards */
    uint64_t ids_conflated;      /* notified again before they were answered */
    uint64_t ids_refused;        /* not to be had, or over a limit: reported */
    uint64_t messages_ignored;   /* unknown event or channel, unreadable */
    uint64_t versions_applied;   /* of which new or changed documents */
    uint64_t versions_unchanged; /* byte-identical or equal answers */
    uint64_t versions_overtaken; /* older than the held one: not applied */
    uint64_t versions_refused;   /* malformed, too large, over a limit */
    uint64_t stale_reads;        /* answers that went back in time */
    uint64_t early_reads;        /* notified, yet unchanged: asked again */
    uint64_t gaps, reconciles, walks_failed, reconnects, errors;
    uint64_t updates_delivered, updates_conflated;
    uint64_t updates_retried; /* lacked memory, and were told again */
    uint64_t events_added, events_removed;
    int last_close_code;
    uint64_t ids_pending;      /* now: notified and not yet answered */
    int64_t last_frame_age_ns; /* -1: none yet */
} sgo_stream_stats;

/* How a stream stands. */
typedef struct sgo_stream_state {
    sgo_connection connection;
    sgo_phase phase;
    bool failed;     /* `error` is the final error */
    uint64_t serial; /* grows with each change of the above */
    sgo_error error;
} sgo_stream_state;

typedef enum sgo_report_kind {
    SGO_REPORT_LOG = 0,
    SGO_REPORT_STATE,
    SGO_REPORT_GAP,
    SGO_REPORT_ERROR
} sgo_report_kind;

/* A log line, state change, gap or error, on its way to the user. */
typedef struct sgo_report {
    sgo_report_kind kind;
    uint32_t stream_id; /* 0: the client itself */
    int64_t at;         /* epoch ns */
    sgo_log_level level;
    char area[16]; /* log: logger name behind "sgostream." */
    sgo_connection previous, current; /* state */
    int code;                         /* state: close code or 0 */
    int64_t began, ended;             /* gap: epoch ns */
    uint64_t events_refetched;        /* gap */
    bool final;                       /* error: it ended the stream */
    sgo_error error;                  /* error */
    char text[SGO_ERROR_TEXT_BYTES];  /* log line; reason of state or gap */
} sgo_report;

typedef enum sgo_on_stale {
    SGO_ON_STALE_RAISE = 0,
    SGO_ON_STALE_MARK
} sgo_on_stale;

typedef struct sgo_subscription_options {
    size_t size;                  /* sizeof(sgo_subscription_options) */
    const char *const *event_ids; /* exact; n = 0: all */
    size_t event_id_count;
    const char *const *league_ids; /* exact */
    size_t league_id_count;
    const char *const *odd_ids; /* globs */
    size_t odd_id_count;
    const char *const *bookmaker_ids; /* exact */
    size_t bookmaker_id_count;
    bool include_timestamps; /* false */
    bool initial;            /* true */
    bool conflate;           /* true */
    size_t max_queue;        /* 10,000; conflate = false only */
    int64_t min_interval_ns; /* 0 */
    int64_t max_age_ns;      /* 0: none */
    sgo_on_stale on_stale;
} sgo_subscription_options;

typedef struct sgo_subscription_stats {
    uint64_t pending; /* updates ready or held by min_interval */
    uint64_t delivered, conflated;
    uint64_t cancelled;        /* added + removed = nothing */
    uint64_t hidden;           /* changes of which nothing was shown */
    uint64_t dropped;          /* pending slots dropped at close */
    uint64_t previous_dropped; /* by the byte limit */
    uint64_t slow_episodes, stale_episodes;
} sgo_subscription_stats;

/* The Arrow C data and stream interfaces, laid out as their specification
 * says, under its names and guards: whichever header comes first declares
 * them. */
#ifndef ARROW_C_DATA_INTERFACE
#define ARROW_C_DATA_INTERFACE

#define ARROW_FLAG_DICTIONARY_ORDERED 1
#define ARROW_FLAG_NULLABLE 2
#define ARROW_FLAG_MAP_KEYS_SORTED 4

struct ArrowSchema {
    const char *format;
    const char *name;
    const char *metadata;
    int64_t flags;
    int64_t n_children;
    struct ArrowSchema **children;
    struct ArrowSchema *dictionary;
    void (*release)(struct ArrowSchema *);
    void *private_data;
};

struct ArrowArray {
    int64_t length;
    int64_t null_count;
    int64_t offset;
    int64_t n_buffers;
    int64_t n_children;
    const void **buffers;
    struct ArrowArray **children;
    struct ArrowArray *dictionary;
    void (*release)(struct ArrowArray *);
    void *private_data;
};

#endif

#ifndef ARROW_C_STREAM_INTERFACE
#define ARROW_C_STREAM_INTERFACE

/* Calls return 0 or a number of errno.h.  Not for two threads at once. */
struct ArrowArrayStream {
    int (*get_schema)(struct ArrowArrayStream *, struct ArrowSchema *out);
    int (*get_next)(struct ArrowArrayStream *, struct ArrowArray *out);
    const char *(*get_last_error)(struct ArrowArrayStream *);
    void (*release)(struct ArrowArrayStream *);
    void *private_data;
};

#endif

#endif
