/* One logical connection to one Pusher app (Channels protocol 7): it lives
 * across reconnects and holds several channels.  Pure: no socket, no clock,
 * no thread of its own.  Time comes in with every call, randomness by a
 * struct rand, the network as inputs; what is wanted of the owner and what
 * became known comes out of pusher_next().
 *
 * The owner's duties:
 *  - give every input, then drain pusher_next(), then arm pusher_deadline();
 *  - serve the wants: CONNECT SEND CLOSE KILL AUTHORISE CANCEL_AUTHORISE
 *    COORDINATES;
 *  - message_init() (pusher/message.h) once per process before the first use.
 *
 * I/O thread; an object is not shared.  Nothing here logs message contents,
 * header values, `auth` or `channel_data`. */
#ifndef SGO_PUSHER_PROTOCOL_H
#define SGO_PUSHER_PROTOCOL_H

#include "base/log.h"
#include "base/rand.h"
#include "base/types.h"
#include "pusher/options.h"

enum {
    PUSHER_CHANNEL_NAME_MAX = 200, /* bytes */
    PUSHER_EVENT_ID_MAX = 200,     /* bytes of one notified id */
    PUSHER_REASON_BYTES = 128      /* a reason with its NUL */
};

struct pusher;

/* All durations and maxima; tests make them small. */
struct pusher_settings {
    const char *client_name;    /* query of the URL; outlives the object */
    const char *client_version; /* likewise */

    int64_t open_ns;      /* lookup to 101 */
    int64_t establish_ns; /* 101 to connection_established */
    int64_t authorise_ns; /* whole authorisation request */
    int64_t subscribe_ns; /* pusher:subscribe to its success */
    int64_t close_ns;     /* wait for the peer's close */

    int64_t activity_ns;       /* upper bound of the silence before a ping */
    int64_t activity_floor_ns; /* lower bound of what the server may say */
    int64_t pong_ns;           /* upper bound of the wait after a ping */
    int64_t jump_pong_ns;      /* the same after a jump of the clock */
    int64_t unavailable_ns;    /* down for so long: `unavailable` */

    int64_t backoff_first_ns, backoff_max_ns; /* reconnect */
    int64_t auth_backoff_max_ns;              /* authorise, subscribe */
    int64_t stable_ns; /* confirmed subscription that resets the backoff */
    int64_t slow_low_ns, slow_high_ns;   /* slow retry (ghosts, 40xx) ... */
    int64_t slow_for_ns;                 /* ... for so long, then ... */
    int64_t crawl_low_ns, crawl_high_ns; /* ... so, if it ever worked */
    bool persist; /* crawl even if it never worked (else fatal) */

    int64_t coordinates_age_ns;  /* older when reconnecting: fetch anew */
    int64_t coordinates_wait_ns; /* no answer: reconnect with the old ones */

    size_t message_max;        /* bytes of one message; over: close 1009 */
    size_t ids_max;            /* ids of one notification; the rest counted */
    size_t channels_max;       /* over: SGO_LIMIT */
    size_t authorisations_max; /* requests out at once */
};

/* How a socket ended; also a connect that failed. */
struct pusher_end {
    int close_code;     /* of the peer's close frame; 0: none came */
    const char *reason; /* of the close frame, not terminated */
    size_t reason_len;
    int http_status;        /* of an answer instead of 101; 0: none */
    int64_t retry_after_ns; /* told with it; <= 0: not told */
    const sgo_error *error; /* DNS, TCP, TLS, proxy, limit...; NULL: none */
};

/* What became of an authorisation request. */
struct pusher_auth_answer {
    int http_status;  /* 0: no answer, see error */
    const char *body; /* at most 64 KiB is looked at */
    size_t len;
    int64_t retry_after_ns; /* <= 0: not told */
    const sgo_error *error; /* transport error; NULL: none */
};

enum pusher_output_kind {
    /* Wants: the owner does them. */
    PUSHER_CONNECT = 1,      /* open a WebSocket, tell opened or closed */
    PUSHER_SEND,             /* one text message, in order */
    PUSHER_CLOSE,            /* close frame; socket gone within close_ns, by
                                the owner's own timer; then pusher_closed */
    PUSHER_KILL,             /* drop it now, in whatever state it is */
    PUSHER_AUTHORISE,        /* POST, no redirects, deadline authorise_ns */
    PUSHER_CANCEL_AUTHORISE, /* that request's answer no longer matters */
    PUSHER_COORDINATES,      /* fetch coordinates; answer with
                                pusher_set_coordinates or ..._failed */
    /* Facts. */
    PUSHER_STATE,        /* connection word changed */
    PUSHER_SUBSCRIBED,   /* channel confirmed: reconcile from here */
    PUSHER_LOST,         /* channel (NULL: all that were subscribed): a gap
                            began; SUBSCRIBED ends it */
    PUSHER_NOTIFICATION, /* ids on a channel */
    PUSHER_UNREADABLE,   /* something on channel (NULL: any) was not
                            understood, ids may be missing: reconcile */
    PUSHER_REFUSED,      /* channel not let in, tried again in retry_in_ns */
    PUSHER_REPORT,       /* an error that is retried */
    PUSHER_FATAL         /* given up: the channel, or all (NULL) */
};

/* One output.  Strings belong to the protocol and live until the next call of
 * pusher_next() or pusher_free() with the same object. */
struct pusher_output {
    enum pusher_output_kind kind;
    uint64_t generation; /* the socket's number, counted up by each CONNECT */
    const char *channel; /* facts and authorisations; NULL: not of one */
    union {
        struct {
            const char *host; /* IPv6 without brackets */
            int port;
            bool tls;
            const char *path; /* with query; no secret in it */
        } connect;
        struct {
            const char *text;
            size_t len;
        } send;
        struct {
            int code;
            const char *reason;
        } close;
        struct { /* CANCEL_AUTHORISE: request only */
            uint64_t request;
            const char *url;
            const char *body;
            size_t body_len;
            const struct pusher_pair *headers; /* Content-Type included */
            size_t header_count;
        } authorise;
        struct {
            const char *reason;
        } coordinates;
        struct {
            sgo_connection previous;
            sgo_connection current;
            const char *reason; /* "" if there is none */
            int code;           /* close code, 0: none */
        } state;
        struct {
            int64_t began_ns; /* time of the last frame before */
            const char *reason;
            int code;
        } lost;
        struct {
            const char *const *ids; /* decoded, terminated, not empty */
            size_t count;
            size_t over; /* further ids not given; UNREADABLE follows */
        } notification;
        struct {
            const char *reason;
            size_t count; /* messages since the last such output */
        } unreadable;
        struct { /* REFUSED, REPORT, FATAL */
            sgo_error error;
            int64_t retry_in_ns; /* -1: not retried, or not known */
        } problem;
    };
};

/* Counters since pusher_create(), and the last words of the other side. */
struct pusher_stats {
    sgo_connection state;
    uint64_t attempts;      /* CONNECTs */
    uint64_t established;   /* connections that came to be */
    uint64_t messages;      /* text messages taken in */
    uint64_t notifications; /* messages that named ids */
    uint64_t ids;           /* ids they named */
    uint64_t ids_over;      /* ids beyond ids_max */
    uint64_t unreadable;    /* messages or elements not understood */
    uint64_t dropped;       /* of unknown channels, unknown names, late */
    uint64_t late;          /* inputs of an old socket or request */
    uint64_t pings_sent, pings_received, pongs_sent;
    uint64_t authorisations, authorisations_failed;
    uint64_t subscriptions, subscriptions_failed;
    uint64_t server_errors; /* pusher:error messages */
    uint64_t losses;        /* ends of established connections */
    int last_close_code;
    char last_close_reason[PUSHER_REASON_BYTES];
    int last_server_error;     /* code of the last pusher:error, 0: none */
    int64_t last_frame_ns;     /* 0: none yet */
    int64_t established_at_ns; /* of the present connection; 0: none */
    int64_t activity_ns;       /* in force on the present connection */
};

/* The defaults of design.md section 7 and pusher.md section 6. */
void pusher_settings_default(struct pusher_settings *s);

/* Coordinates are copied, settings too.  rand and log (may be NULL) outlive
 * the object.  NULL when out of memory. */
struct pusher *pusher_create(const struct pusher_coordinates *coordinates,
                             const struct pusher_settings *settings,
                             struct rand *rand, const struct log *log,
                             int64_t now);
void pusher_free(struct pusher *p); /* NULL allowed; wants nothing */

/* Begin (again, after a stop or a fatal error).  Idempotent. */
void pusher_start(struct pusher *p, int64_t now);

/* End: CLOSE 1000 or KILL, authorisations cancelled, everything else that
 * was queued is dropped; nothing is wanted or told afterwards. */
void pusher_stop(struct pusher *p, int64_t now);

/* New coordinates (copied).  Of the same socket: used at once for
 * authorisations; of another: at the next connect.  An answer to COORDINATES
 * lets the reconnect go on. */
sgo_status pusher_set_coordinates(struct pusher *p, int64_t now,
                                  const struct pusher_coordinates *c)
    SGO_WARN_UNUSED;
void pusher_coordinates_failed(struct pusher *p, int64_t now,
                               const sgo_error *err);

/* The coordinates in use; borrowed until the next input. */
const struct pusher_coordinates *pusher_coordinates(const struct pusher *p);

/* Hold a channel.  user: the bootstrap's `user` for answers that lack
 * channel_data, or NULL.  A channel already held is left as it is (one that
 * was given up starts again).  SGO_INVALID: not a name (1 to 200 bytes,
 * printable); SGO_LIMIT; SGO_NO_MEMORY. */
sgo_status pusher_channel_add(struct pusher *p, int64_t now, const char *name,
                              const char *user) SGO_WARN_UNUSED;

/* Let it go; unknown names are ignored.  Nothing more is told of it. */
void pusher_channel_remove(struct pusher *p, int64_t now, const char *name);
bool pusher_channel_subscribed(const struct pusher *p, const char *name);
size_t pusher_channel_count(const struct pusher *p);

/* The socket of CONNECT `generation` got its 101. */
void pusher_opened(struct pusher *p, int64_t now, uint64_t generation);

/* A whole data message.  The bytes are only read during the call. */
void pusher_message(struct pusher *p, int64_t now, uint64_t generation,
                    const char *bytes, size_t len, bool binary);

/* Any other sign of life: a ping, a pong, a fragment. */
void pusher_frame(struct pusher *p, int64_t now, uint64_t generation);

/* The socket is gone, or never came to be. */
void pusher_closed(struct pusher *p, int64_t now, uint64_t generation,
                   const struct pusher_end *end);

/* The answer to AUTHORISE `request`. */
void pusher_authorised(struct pusher *p, int64_t now, uint64_t request,
                       const struct pusher_auth_answer *answer);

/* The clock jumped (suspend) or the network changed: prove the socket. */
void pusher_clock_jump(struct pusher *p, int64_t now);

/* Time has come: call at pusher_deadline() or any time. */
void pusher_tick(struct pusher *p, int64_t now);
int64_t pusher_deadline(const struct pusher *p); /* or CLOCK_NEVER */

/* The next output, or false.  Drain it after every input. */
bool pusher_next(struct pusher *p, struct pusher_output *out);

sgo_connection pusher_state(const struct pusher *p);
int64_t pusher_last_frame(const struct pusher *p); /* ns; 0: none yet */
void pusher_read_stats(const struct pusher *p, struct pusher_stats *out);

#endif
