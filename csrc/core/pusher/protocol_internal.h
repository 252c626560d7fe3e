/* The inside of struct pusher, for the files of pusher/ only: outputs.c (the
 * queue), link.c (the socket's life), ends.c (what an end means), channel.c
 * (what is held), authorise.c (getting in), receive.c (messages), protocol.c
 * (the face). */
#ifndef SGO_PUSHER_PROTOCOL_INTERNAL_H
#define SGO_PUSHER_PROTOCOL_INTERNAL_H

#include "base/clock.h"
#include "base/map.h"
#include "pusher/message.h"
#include "pusher/protocol.h"

/* Coordinates shared by the protocol and queued outputs. */
struct pusher_shared {
    unsigned refs;
    struct pusher_coordinates c;
};

enum pusher_link {
    LINK_IDLE = 0,    /* not started */
    LINK_WAITING,     /* until retry_at, then asks or connects */
    LINK_COORDINATES, /* for new coordinates, at most until link_deadline */
    LINK_OPENING,     /* CONNECT told; for the 101 */
    LINK_GREETING,    /* 101 seen; for connection_established */
    LINK_UP,          /* established */
    LINK_FAILED,      /* given up */
    LINK_STOPPED
};

enum pusher_channel_state {
    CHANNEL_IDLE = 0,    /* to be authorised, not before retry_at */
    CHANNEL_AUTHORISING, /* request out, until deadline */
    CHANNEL_AUTHORISED,  /* its turn to subscribe has not come */
    CHANNEL_PENDING,     /* pusher:subscribe sent, until deadline */
    CHANNEL_SUBSCRIBED,
    CHANNEL_REFUSED /* given up */
};

struct pusher_channel {
    enum pusher_channel_state state;
    bool asked;   /* subscribe was sent on this socket: messages may come */
    bool leaving; /* removed while pending: unsubscribed when answered */
    bool ever;    /* was subscribed once */
    char *user;   /* NULL: not told */
    char *auth;   /* from the answer to the success */
    char *channel_data;
    uint64_t request; /* AUTHORISING */
    int64_t deadline;
    int64_t retry_at;    /* IDLE: 0 at once */
    bool told_to_wait;   /* retry_at is the server's: outlives the socket */
    unsigned backoff;    /* failures in a row of the quick kind */
    unsigned refusals;   /* failures in a row of the slow kind */
    unsigned timeouts;   /* subscribes without an answer in a row */
    int64_t slow_since;  /* first of the refusals; -1: none */
    sgo_error_kind told; /* last REFUSED of this series, ... */
    int told_status;     /* ... not told twice in a row */
    size_t name_len;
    char name[PUSHER_CHANNEL_NAME_MAX + 1];
};

/* How a socket ends, as the judge sees it. */
struct pusher_loss {
    int code; /* close code, of the frame or of a pusher:error; 0: none */
    int http_status;
    int64_t retry_after_ns;
    bool ours;       /* we end it: the owner must be told */
    bool quiet;      /* told already, no REPORT */
    bool unclean;    /* as if cut by something between */
    int close_code;  /* ours: what to send */
    sgo_error error; /* kind NONE: to be made from code and status */
    char reason[PUSHER_REASON_BYTES];
};

/* How a channel failed to get in: again with backoff, slowly, or never. */
enum pusher_failing { FAIL_QUICK, FAIL_SLOW, FAIL_FINAL };

enum pusher_fate {
    FATE_BACKOFF = 0,
    FATE_BACKOFF_1S, /* the first delay at least 1 s */
    FATE_ROTATE,     /* 4200-4299 */
    FATE_SLOW,       /* no free slot: slow retry */
    FATE_SLOW_ANEW,  /* coordinates anew, slow retry */
    FATE_ANEW,       /* coordinates anew, backoff */
    FATE_KEY,        /* coordinates anew once, then fatal */
    FATE_TLS,        /* again with TLS, else fatal */
    FATE_FATAL
};

struct pusher_verdict {
    enum pusher_fate fate;
    bool report;
};

/* One queued output with what it owns. */
struct pusher_record {
    struct pusher_output out; /* pointers into this record are set on taking */
    char channel[PUSHER_CHANNEL_NAME_MAX + 1];
    char reason[PUSHER_REASON_BYTES];
    void *block; /* text, body, path, ids; mem_free */
    struct pusher_shared *coordinates;
};

struct pusher {
    struct pusher_settings settings;
    struct rand *rand;
    const struct log *log;
    int64_t now; /* of the last input */

    struct pusher_shared *coords;      /* in use */
    struct pusher_shared *next_coords; /* from the next connect on, or NULL */
    int64_t coords_at;                 /* when they were told */
    const char *want_coordinates;      /* why new ones are wanted, or NULL */

    enum pusher_link link;
    sgo_connection state;
    uint64_t generation;
    int64_t retry_at;       /* WAITING */
    int64_t link_deadline;  /* COORDINATES, OPENING, GREETING */
    int64_t unavailable_at; /* CLOCK_NEVER unless connecting */
    uint64_t closing;       /* generation whose close is awaited; 0: none */
    int64_t closing_until;

    char socket_id[MESSAGE_SOCKET_ID_MAX + 1];
    int64_t last_rx, last_tx;
    int64_t pong_due;     /* CLOCK_NEVER: no ping out */
    int64_t activity_ns;  /* in force */
    int64_t adaptive_ns;  /* learned bound for the next one; CLOCK_NEVER */
    int64_t confirmed_at; /* first subscription of this socket; -1: none */
    int server_error;     /* last pusher:error with a close code, ... */
    int64_t server_error_at;

    unsigned backoff;       /* doublings so far */
    unsigned failed_cycles; /* since the last stable connection */
    unsigned protocol_ends; /* 1002-1004 in a row */
    unsigned rotations;     /* 4200-4299, each within 10 min of the last */
    int64_t rotation_at;
    int64_t slow_since; /* slow retries of the socket; -1: none */
    bool ever_confirmed;
    bool key_refused;   /* 4001 or 4003 since the last success, ... */
    bool key_refetched; /* ... and the coordinates were fetched since */

    struct map channels; /* name -> struct pusher_channel */
    size_t authorising;
    struct pusher_channel *pending; /* the one unanswered subscribe */
    uint64_t last_request;

    struct pusher_record *ring; /* a power of two of them */
    size_t ring_cap, ring_head, ring_len;
    struct pusher_record taken; /* what the last pusher_next() gave */
    bool trouble; /* an output was lost for lack of memory: start over */

    struct pusher_stats stats;
};

/* outputs.c ------------------------------------------------------------- */

sgo_status pusher_outputs_init(struct pusher *p);

/* Drop what is queued; with keep_ends all but CLOSE, KILL and
 * CANCEL_AUTHORISE. */
void pusher_outputs_clear(struct pusher *p, bool keep_ends);
void pusher_outputs_fini(struct pusher *p);

/* Queue one.  Takes block; keeps a reference of p->coords if with_coords.
 * Memory failures set p->trouble.  channel, reason may be NULL. */
void pusher_outputs_push(struct pusher *p, const struct pusher_output *out,
                         const char *channel, const char *reason, void *block,
                         bool with_coords);

/* SEND what the buffer holds; its memory is taken over. */
void pusher_outputs_send(struct pusher *p, int64_t now, struct buf *text);
void pusher_outputs_problem(struct pusher *p, enum pusher_output_kind kind,
                            const char *channel, const sgo_error *err,
                            int64_t retry_in_ns);
void pusher_outputs_unreadable(struct pusher *p, const char *channel,
                               const char *reason);

struct pusher_shared *pusher_shared_create(const struct pusher_coordinates *c);
struct pusher_shared *pusher_shared_retain(struct pusher_shared *s);
void pusher_shared_release(struct pusher_shared *s); /* NULL allowed */

/* ends.c ---------------------------------------------------------------- */

struct pusher_verdict pusher_judge(struct pusher *p,
                                   const struct pusher_loss *loss,
                                   bool was_up);

/* Make loss->error from code, status and reason, if there is none. */
void pusher_explain(const struct pusher *p, struct pusher_loss *loss);

/* Blank header values, `auth`, channel_data and long hex runs. */
void pusher_redact(const struct pusher *p, char *text, size_t cap);

/* Equal jitter: [d/2, d], d = first doubled n times, at most max. */
int64_t pusher_backoff(struct pusher *p, unsigned n, int64_t max_ns);

/* The slow schedule that began at *since (-1: begins now); -1: over. */
int64_t pusher_slow_delay(struct pusher *p, int64_t now, int64_t *since,
                          bool ever);

/* link.c ---------------------------------------------------------------- */

void pusher_link_set_state(struct pusher *p, sgo_connection state,
                           const char *reason, int code);
void pusher_link_begin(struct pusher *p, int64_t now); /* from rest */
void pusher_link_tick(struct pusher *p, int64_t now);
int64_t pusher_link_deadline(const struct pusher *p);
void pusher_link_established(struct pusher *p, int64_t now, int64_t told_ns);

/* The socket is lost or given up; decides what comes next.  loss->error and
 * reason are completed. */
void pusher_link_lose(struct pusher *p, int64_t now, struct pusher_loss *loss);

/* We give it up: CLOSE with close_code (or KILL), an error of ours. */
void pusher_link_drop(struct pusher *p, int64_t now, int close_code,
                      sgo_error_kind kind, const char *text);

/* End at rest: CLOSE 1000 or KILL, every timer off; `rest` is LINK_STOPPED or
 * LINK_FAILED. */
void pusher_link_rest(struct pusher *p, int64_t now, enum pusher_link rest,
                      const char *reason, int code);
void pusher_link_life(struct pusher *p, int64_t now);     /* a frame came */
void pusher_link_answered(struct pusher *p, int64_t now); /* COORDINATES */
void pusher_link_ping(struct pusher *p, int64_t now, int64_t pong_ns);
bool pusher_link_open(const struct pusher *p); /* GREETING or UP */

/* channel.c ------------------------------------------------------------- */

struct pusher_channel *pusher_channel_find(const struct pusher *p,
                                           const char *name);
void pusher_channel_free(struct pusher_channel *ch);

void pusher_channel_tick(struct pusher *p, int64_t now);
int64_t pusher_channel_deadline(const struct pusher *p);

/* The socket is gone: nothing is asked or out any more.  True if a channel
 * was subscribed. */
bool pusher_channel_reset_all(struct pusher *p);
bool pusher_channel_any_subscribed(const struct pusher *p);
void pusher_channel_confirm(struct pusher *p, struct pusher_channel *ch,
                            int64_t now);

/* A refusal by message: text is the server's (redacted), status and code 0 if
 * not told. */
void pusher_channel_denied(struct pusher *p, struct pusher_channel *ch,
                           int64_t now, const char *text, int status,
                           int code);

/* Removed by the owner while not pending: unsubscribes, frees. */
void pusher_channel_withdraw(struct pusher *p, int64_t now,
                             struct pusher_channel *ch);
void pusher_channel_unsubscribe(struct pusher *p, int64_t now,
                                const char *name);

/* The channel was not let in.  May end the socket; frees a leaving one. */
void pusher_channel_fail(struct pusher *p, struct pusher_channel *ch,
                         int64_t now, enum pusher_failing how,
                         const sgo_error *err);

/* authorise.c ----------------------------------------------------------- */

/* Start what may start now: authorisations, one subscribe. */
void pusher_channel_advance(struct pusher *p, int64_t now);
bool pusher_channel_may_start(const struct pusher *p,
                              const struct pusher_channel *ch);

/* receive.c ------------------------------------------------------------- */

void pusher_receive(struct pusher *p, int64_t now, const char *bytes,
                    size_t len, bool binary);

#endif
