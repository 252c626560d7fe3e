/* A world for the brain: virtual time, a model of the API and of Pusher with
 * events of its own, faults by seed, and a consumer that mirrors what is
 * published.  Uses libc's heap only, so that failing allocations hit the brain
 * alone. */
#ifndef SGO_TESTS_FEED_WORLD_H
#define SGO_TESTS_FEED_WORLD_H

#include "base/clock.h"
#include "base/rand.h"
#include "feed/feed.h"
#include "feed/record.h"
#include "json/diff.h"
#include "json/document.h"
#include "json/project.h"
#include "pusher/protocol.h"

enum { WORLD_EVENTS = 200, WORLD_STREAMS = 8, WORLD_SOCKETS = 64 };

struct world_event {
    char id[24];
    char league[8];
    unsigned v; /* grows with each change */
    bool exists;
    bool live, started, ended, cancelled, odds_available;
    unsigned stamp; /* of lastUpdatedAt: normally v */
    char *older;    /* the body before the last change */
    int64_t changed_at;
    bool was_live, was_started;
    int64_t member_since; /* when live or started changed last */
};

struct world_held { /* one event as a consumer sees it */
    struct document *doc;
    unsigned v;
};

struct world_stream {
    uint32_t id;
    char feed[40];
    char league[8];
    char event_id[24];
    struct world_held held[WORLD_EVENTS];
    size_t count;
    sgo_connection connection;
    sgo_phase phase;
    unsigned added, changed, removed, gaps, errors;
    unsigned backwards; /* an older version after a newer one */
    unsigned broken;    /* an update that does not follow from the last */
    unsigned wrongly_removed; /* though it belonged, and had for long */
    bool final;
    sgo_error error; /* the last one told */
};

struct world_socket {
    uint32_t link_id;
    uint64_t generation;
    bool open; /* both sides think so */
    bool mute; /* half-open: nothing passes any more */
    int64_t last_at;
    char channels[8][80];
    size_t channel_count;
};

/* Chances in a thousand, per request or message. */
struct world_faults {
    unsigned transport, server_error, rate_limit, truncated, html, stale_read,
        vanish,       /* 404 or missing, though it is there */
        vanish_among; /* the same, only in answers to several ids */
    unsigned socket_drop, duplicate, lose_silently;
    bool aged; /* Age headers */
};

struct world_request {
    struct world_request *next;
    uint64_t id;
    char *url;
    char *method;
    char *body;
    bool with_key;
    bool until_first_byte;
    int64_t asked_at;
    bool started;
    int status;
    char *answer;
    size_t answer_len;
    size_t sent;
    bool cut;       /* ends early, not ok */
    bool transport; /* no answer at all */
    int64_t retry_after;
    int64_t age;
};

struct world_task {
    struct world_task *next;
    int64_t at;
    void (*run)(void *world, struct world_task *task);
    uint32_t link_id;
    uint64_t number;
    char *text;
    int code;
};

struct world {
    struct brain *b;
    struct brain_config config;
    struct pool *pool;
    struct log log;
    struct rand rand;
    int64_t now;
    struct world_event events[WORLD_EVENTS];
    size_t event_count;
    struct world_stream streams[WORLD_STREAMS];
    size_t stream_count;
    struct world_socket sockets[WORLD_SOCKETS];
    size_t socket_count;
    struct world_request *requests;
    struct world_task *tasks;
    struct world_faults faults;
    int64_t net_low, net_high; /* one way */
    unsigned slow_tail;        /* chance in a thousand of six times as long */
    size_t page_cap;           /* most events of one answer */
    size_t chunk_bytes;        /* of body data */
    bool manual;               /* requests wait for the test's hand */
    bool manual_auth;          /* authorisations too */
    bool snapshot_first;       /* data before the coordinates */
    bool no_stamps;            /* lastUpdatedAt never moves */
    bool suppress;             /* changes notify nobody */
    bool refuse_sockets;
    int refuse_code;
    bool may_repeat;       /* `added` again of what is held, unchanged */
    bool silent_subscribe; /* subscribes are not answered */
    char auth_endpoint[128];
    char usage[600]; /* rateLimits */
    /* What the key may do in any minute; 0: everything.  Beyond: 429. */
    unsigned minute_requests, minute_objects;
    struct {
        int64_t at;
        unsigned objects;
    } spent[4096];
    size_t spent_at;
    unsigned limited;       /* 429 for that reason */
    const char *boot_error; /* body of a refused bootstrap */
    int boot_status;
    unsigned requests_made, bootstraps, walks, id_requests, auths, usages;
    unsigned connects;
    size_t most_ids; /* in one request */
    unsigned most_in_flight;
    unsigned same_id_twice; /* an id asked while it was asked already */
    uint64_t objects;
    uint32_t last_link;
    uint64_t last_generation;
    struct {
        uint32_t id;
        size_t n;
        bool done;
        sgo_error error;
        char json[2000];
        char ids[600];
    } call;
    bool want_trace;
    char *trace; /* one line per thing told, when want_trace */
    size_t trace_len;
    uint64_t digest; /* of all actions, for replay */
    char *recording; /* of all inputs, when want_recording */
    size_t recording_len, recording_cap;
    bool want_recording;
    struct record record;
    size_t shed;
};

/* A brain over an empty world; seed 0 is fine.  Change w->config and the knobs
 * before world_start(). */
void world_init(struct world *w, uint64_t seed);
bool world_start(struct world *w); /* false: no memory */
void world_fini(struct world *w);

/* `n` events "E0"…, live, of league "NBA". */
void world_events(struct world *w, size_t n);
/* The event's JSON as the API would send it now; freed by the caller. */
char *world_body(const struct world_event *e);
/* One change that notifies (unless suppressed). */
void world_change(struct world *w, size_t i);
/* Notify without a change. */
void world_notify(struct world *w, size_t i);

/* feed "events:live"…; league or event id, or NULL. */
sgo_status world_stream(struct world *w, uint32_t id, const char *feed,
                        const char *league, const char *event_id);
struct world_stream *world_stream_of(struct world *w, uint32_t id);

void world_drain(struct world *w); /* do what the brain wants */
void world_run(struct world *w, int64_t duration);
/* Run until cond(w) or for at most max ns; true: cond came. */
bool world_until(struct world *w, bool (*cond)(struct world *w), int64_t max);
void world_tick(struct world *w); /* the brain's clock only */

/* By hand: the oldest open request whose URL holds the text, or NULL. */
struct world_request *world_find(struct world *w, const char *text);
void world_begin(struct world *w, struct world_request *r); /* handed over */
/* Answer whole: takes nothing, frees the request. */
void world_answer(struct world *w, struct world_request *r, int status,
                  const char *body);
/* The same with a Retry-After; -1: none. */
void world_answer_wait(struct world *w, struct world_request *r, int status,
                       int64_t retry_after_ns, const char *body);
/* What the API would say now; freed by the caller. */
char *world_reply(struct world *w, struct world_request *r, int *status);
void world_fail(struct world *w, struct world_request *r);

/* Pusher's side. */
struct world_socket *world_socket(struct world *w); /* the newest open one */
void world_say(struct world *w, struct world_socket *s, const char *text);
void world_close_socket(struct world *w, struct world_socket *s, int code);

/* Differences between the stream's mirror and the truth; 0 is right.  Prints
 * them when loud. */
unsigned world_differences(struct world *w, uint32_t stream_id, bool loud);
/* The digest that a replay of the recording gives; 0: it is refused. */
uint64_t world_replay(struct world *w);
bool world_traced(struct world *w, const char *text);

#endif
