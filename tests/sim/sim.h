/* Deterministic simulation: one client (brain, hub and their parts) against a
 * model of the API and of Pusher with a truth of their own, in virtual time,
 * under seeded faults.  One seed is one run; the same seed and the same list
 * of faults give the same run, byte for byte.
 *
 *   sim.c        time, the client's actions, one run from begin to end
 *   scenario.c   what a seed means: configuration, activity, list of faults
 *   truth.c      events and their versions
 *   answer.c     the API's answers, the plan's limits, what comes instead
 *   api.c        the way of an HTTP request
 *   push.c       Pusher: sockets, channels, faults
 *   notify.c     Pusher: notifications
 *   consumer.c   subscriptions that replay every update on copies (P3, P4)
 *   checks.c     the promises, on the way and at rest
 *   herd.c       10,000 clients of one server that was down
 *   main.c       command line, shrinking, deliberate bugs
 *
 * See docs/internals/simulation.md. */
#ifndef SGO_TESTS_SIM_H
#define SGO_TESTS_SIM_H

#include <cJSON.h>

#include "base/clock.h"
#include "base/rand.h"
#include "base/types.h"
#include "delivery/hub.h"
#include "feed/feed.h"
#include "json/document.h"
#include "pusher/protocol.h"

enum {
    SIM_EVENTS = 40,
    SIM_STREAMS = 6,
    SIM_SUBS = 6,
    SIM_SOCKETS = 32,
    SIM_CHANNELS = 8,
    SIM_FAULTS = 64,
    SIM_BOOKS = 3,
    SIM_ODDS = 3,
    SIM_LATEST = 8192 /* requests remembered for the plan's window */
};

struct sim;

/* ---- faults ---------------------------------------------------------------- */

enum fault_kind {
    /* HTTP */
    F_RESET,       /* no answer at all, or cut in the body */
    F_HANG,        /* never answered */
    F_SLOW,        /* up to arg seconds longer */
    F_500,         /* 500, 503, 408 or 409 with the API's words */
    F_HTML,        /* a proxy's page, 200 or 502 or 403 */
    F_504,         /* for whatever is large */
    F_429,         /* without Retry-After */
    F_429_WAIT,    /* Retry-After of up to arg seconds */
    F_503_WAIT,    /* likewise with 503 */
    F_400_ID,      /* whatever names event number arg is refused */
    F_401,         /* refused key, with the API's words */
    F_404_SEVERAL, /* 404 though several were asked for */
    F_TRUNCATED,   /* cut in the body */
    F_MALFORMED,   /* the length is right, the JSON is not */
    F_FALSE,       /* 200 with success false, or without success, or empty */
    F_SHORT,       /* answers to several ids lack some */
    F_STALE,       /* read from a replica up to arg ms behind */
    F_AGED,        /* from a cache, up to arg s old, told by Age */
    F_SLOTS,       /* no stream slot: bootstraps and authorisations */
    /* Pusher */
    F_CLOSE,     /* all sockets closed with code arg */
    F_HALF_OPEN, /* all sockets lead nowhere from now on */
    F_REFUSE,    /* connects fail: transport, or HTTP status */
    F_NO_GREETING,
    F_BAD_GREETING,
    F_ERROR_FIRST, /* pusher:error with code arg instead of a greeting */
    F_LAG,         /* messages up to arg ms later */
    F_DUPLICATE,   /* notifications twice */
    F_LOSE,        /* notifications lost without a sign */
    F_GARBLE,      /* notifications arrive unreadable */
    F_NOISE,       /* other messages between */
    F_SUB_SILENT,  /* subscribes are not answered */
    F_SUB_ERROR,   /* …or refused */
    F_AUTH,        /* authorisations fail: arg is the status, 0 garbage */
    F_ROTATE,      /* the app moves: other key, host and channels */
    F_FATAL,       /* closed with 4005: the end */
    /* the host, the truth, the consumers */
    F_SUSPEND, /* the machine sleeps arg seconds */
    F_OUTAGE,  /* everything is down */
    F_BURST,   /* all events change at once */
    F_VANISH,  /* event number arg does not exist for the while */
    F_NO_TAKE, /* consumers take nothing */
    F_KINDS
};

struct fault {
    enum fault_kind kind;
    int64_t at, until;  /* relative to the begin; instants: until == at */
    unsigned per_mille; /* of what it can hit */
    int64_t arg;
    unsigned hits;
};

const char *fault_name(enum fault_kind kind);

/* ---- truth ----------------------------------------------------------------- */

struct quote_state {
    bool there;
    int odds;
    unsigned stamp; /* lastUpdatedAt, in milliseconds */
    int alt_lines;  /* -1: no member */
};

struct event_state {
    bool exists, live, started, ended, cancelled, odds_available;
    int score;
    unsigned stamp; /* of the version itself; 0: none is told */
    struct quote_state quotes[SIM_ODDS][SIM_BOOKS];
};

struct event_version {
    int64_t at;
    struct event_state state;
    char *body[2]; /* the same in two orders of keys */
    size_t len[2];
};

struct sim_event {
    char id[32];
    char league[8];
    struct event_version *versions; /* number v is versions[v] */
    size_t n, cap;
    int64_t member_since; /* live, started or exists changed last */
    /* What the client did about it, by number of input. */
    uint64_t notified_seq; /* newest notification that it got */
    int64_t notified_at;
    unsigned notified_to; /* bits of the streams that it is owed to */
    uint64_t answer_seq;  /* start of the newest good answer */
    bool told_refused;    /* by the last proof */
    int64_t lied_at;      /* the server gave an untrue answer last */
    int64_t reported_at;  /* an error named it last */
};

/* ---- requests --------------------------------------------------------------- */

enum ask_kind { ASK_BOOT, ASK_LIST, ASK_IDS, ASK_AUTH, ASK_USAGE };

struct sim_request {
    struct sim_request *next;
    uint64_t id;
    enum ask_kind kind;
    char *url;
    char *form;
    bool until_first_byte;
    int64_t timeout_ns;
    int64_t sent_at;
    uint64_t started_seq;
    bool started, whole, headed;
    int status;
    char *answer;
    size_t len, sent;
    size_t chunk;
    bool no_answer, cut, lost; /* lost: never answered */
    int64_t retry_after, age;
    size_t asked[SIM_EVENTS], asked_n;
    size_t listed[SIM_EVENTS], listed_n; /* events in the answer, in order */
    size_t listed_at[SIM_EVENTS];        /* where each begins */
    size_t listed_end[SIM_EVENTS];       /* where each ends */
    size_t told;                         /* of them, arrived */
    unsigned objects;
};

/* ---- sockets ----------------------------------------------------------------- */

struct sim_channel {
    char name[96];
    int64_t confirmed_at; /* success was said … */
    bool heard;           /* … and has arrived */
};

struct sim_socket {
    uint32_t link_id;
    uint64_t generation;
    bool open;  /* the client believes in it */
    bool alive; /* the server does */
    bool mute;  /* nothing passes */
    bool greeted;
    bool left; /* the client has closed or killed it */
    int64_t mute_at;
    int64_t heard_at; /* by the server */
    int64_t last_at;  /* messages arrive in order */
    unsigned key;     /* of the app it was opened for */
    char socket_id[24];
    struct sim_channel channels[SIM_CHANNELS];
    size_t channel_count;
};

/* What is known of a link between sockets. */
struct sim_link {
    bool used;
    int64_t ended_at;
    int code;
    int64_t told_wait;    /* Retry-After of a refused upgrade */
    bool by_client;       /* it ended the socket itself */
    bool fetched;         /* coordinates came since */
    int64_t connects[16]; /* times of the newest */
    size_t connect_count;
};

/* ---- consumers ---------------------------------------------------------------- */

struct sim_stream {
    uint32_t id;
    char feed[32], league[8], event[32];
    bool added, final;
    sgo_error error;
    sgo_connection connection;
    sgo_phase phase;
    /* The brain's word, event by event. */
    struct document *docs[SIM_EVENTS];
    size_t seen[SIM_EVENTS]; /* newest version ever told, plus 1 */
    bool unanswered[SIM_EVENTS];
    uint64_t ids_delivered; /* ids in readable notifications */
    uint64_t added_n, removed_n;
    uint64_t published[SIM_EVENTS];
    int64_t live_at, phase_at; /* live first or again; any change */
    unsigned gaps;
};

struct sim_sub {
    sgo_subscription *sub;
    uint32_t streams[SIM_STREAMS];
    size_t stream_n;
    bool conflate, initial, timestamps, only_points, only_b1, only_nba, mark;
    bool one_event;
    size_t max_queue;
    int64_t min_interval_ns;
    int64_t pause_ns; /* between takes, on average */
    cJSON *copies[SIM_EVENTS];
    size_t seen[SIM_EVENTS]; /* version taken last, plus 1 */
    bool stale[SIM_EVENTS];
    uint64_t taken, skipped, slow;
    int64_t offered; /* versions and goings until it opened, negative; then
                        all that its stream has told */
    bool ended;
};

/* ---- scenario ------------------------------------------------------------------- */

struct scenario {
    uint64_t seed;
    size_t events;
    int64_t storm_ns;  /* changes and faults */
    int64_t change_ns; /* between changes, on average */
    int64_t net_low, net_high;
    unsigned slow_tail;
    size_t page_cap, chunk;
    bool lossless; /* no reconcile by the clock, nothing only it could find */
    bool early;    /* lossless, yet answers lag behind notifications */
    bool stamped;  /* every change moves a lastUpdatedAt */
    bool reorder;  /* the order of keys changes from answer to answer */
    bool snapshot_first;
    bool batches; /* several ids in a notification */
    bool ws_pings;
    bool data_array; /* notifications' data is no string */
    unsigned minute_requests, minute_objects; /* of the plan; 0: none */
    size_t max_events;
    sgo_transport transport;
    int64_t reconcile_ns, linger_ns, poll_ns;
    unsigned max_in_flight;
    struct {
        const char *feed, *league;
        int event;  /* byid */
        int64_t at; /* joins, relative to the begin */
    } streams[SIM_STREAMS];
    size_t stream_count;
    size_t sub_count;
    struct fault faults[SIM_FAULTS];
    size_t fault_count;
};

/* ---- one run -------------------------------------------------------------------- */

struct task {
    int64_t at;
    uint64_t order;
    void (*run)(struct sim *s, struct task *t);
    uint64_t number;
    uint32_t link_id;
    int code;
    size_t len;
    char *text;
};

struct sim {
    struct scenario sc;
    struct rand act, net, luck, who; /* activity, delays, faults, consumers */
    int64_t now, begin;
    struct task *heap;
    size_t heap_n, heap_cap;
    uint64_t order;

    struct brain *b;
    struct hub *hub;
    struct pool *pool;
    uint64_t seq; /* inputs of the brain so far */
    uint64_t steps;
    bool calm; /* the storm is over: no faults, no changes */

    struct sim_event events[SIM_EVENTS];
    size_t event_count;
    struct sim_request *requests;
    struct sim_socket sockets[SIM_SOCKETS];
    size_t socket_count;
    struct sim_link links[64];
    unsigned key; /* of the app, counts up when it moves */
    struct sim_stream streams[SIM_STREAMS];
    size_t stream_count;
    struct sim_sub subs[SIM_SUBS];
    size_t sub_count;

    /* Accounts. */
    struct {
        int64_t at;
        unsigned objects;
    } spent[SIM_LATEST];
    size_t spent_n;
    bool usage_told;
    int64_t usage_told_at;
    int64_t wait_until;   /* a 429 said so */
    int64_t refused_at;   /* the last 429 */
    bool general_outage;  /* every request of late failed … */
    int64_t outage_since; /* … since */
    unsigned outage_asks; /* requests since */
    int64_t failed_at;    /* the last of them */
    unsigned over_plan;   /* 429 by the plan's own count */
    uint64_t asks, answers, publishes, messages, notified;
    uint64_t errors_told, refused_told, limit_errors;
    int64_t lied_at; /* the server told an untruth last */
    int64_t denied_at;
    int64_t woke_at; /* from the last sleep */
    bool fatal;      /* told that there is no way back */
    uint64_t gathered;

    bool failed;
    char promise[8];
    char failure[600];
    bool trace;
    uint64_t digest;
};

/* sim.c */
void *must(void *p);
void sim_line(struct sim *s, const char *fmt, ...) SGO_PRINTF(2, 3);
/* Note the first broken promise; the run ends. */
void sim_fail(struct sim *s, const char *promise, const char *fmt, ...)
    SGO_PRINTF(3, 4);
struct task *sim_task(struct sim *s, int64_t at,
                      void (*run)(struct sim *s, struct task *t));
void sim_drain(struct sim *s);
/* One run; s is all zero but for trace. */
void sim_run(struct sim *s, const struct scenario *sc);
void sim_fini(struct sim *s);
int64_t sim_delay(struct sim *s);
bool sim_chance(struct rand *r, unsigned per_mille);
double sim_seconds(const struct sim *s); /* since the begin */

/* scenario.c */
void scenario_make(struct scenario *sc, uint64_t seed);
/* Is a fault of the kind in force, and does it hit this time? */
struct fault *scenario_hits(struct sim *s, enum fault_kind kind);
void scenario_start(struct sim *s); /* plan activity and instants */
void scenario_print(const struct scenario *sc);

/* truth.c */
void truth_init(struct sim *s);
void truth_fini(struct sim *s);
/* Change one event, notify. */
void truth_change(struct sim *s, size_t i);
void truth_exist(struct sim *s, size_t i, bool exists);
/* The number of the event in an id, or SIM_EVENTS. */
size_t truth_index(const struct sim *s, const char *id);
const struct event_version *truth_at(const struct sim_event *e, int64_t when);
static inline const struct event_version *
truth_now(const struct sim_event *e)
{
    return &e->versions[e->n - 1];
}
/* Would the API's list of the feed have it? */
bool truth_listed(const struct sim_event *e, const struct event_version *v,
                  const char *feed, const char *league, const char *event);
bool truth_leaving(const struct event_version *v, const char *feed);
/* The version's number in a document's own words, plus 1; 0: none. */
size_t truth_version(const struct document *doc);

/* api.c */
void api_request(struct sim *s, const struct action *a);
void api_cancel(struct sim *s, uint64_t id);
void api_break_all(struct sim *s); /* the machine slept */
void api_fini(struct sim *s);

/* answer.c */
/* What the URL asks for: kind and ids. */
void answer_read(struct sim *s, struct sim_request *r);
/* The answer as of now, with what goes wrong with it. */
void answer_make(struct sim *s, struct sim_request *r);

/* push.c */
void push_connect(struct sim *s, const struct action *a);
void push_send(struct sim *s, const struct action *a);
void push_close(struct sim *s, uint32_t link_id, uint64_t generation,
                int code);
/* The same channel, wherever the app has moved. */
bool push_same_channel(const char *a, const char *b);
/* ids: bits of the events that a readable notification names. */
void push_say(struct sim *s, struct sim_socket *k, const char *channel,
              uint64_t ids, const char *text);
void push_instant(struct sim *s, struct fault *f);
void push_channel_name(const struct sim *s, char *out, size_t cap,
                       const char *feed, const char *league,
                       const char *event);
void push_auth_text(const struct sim *s, const char *socket_id,
                    const char *channel, char *out, size_t cap);
/* The channel's success on an open socket, or 0. */
int64_t push_confirmed_at(const struct sim *s, const char *channel);
void push_check(struct sim *s); /* half-open ones are found in time */
/* push_check.c */
void push_check_found(struct sim *s, const struct sim_socket *k);
void push_check_connect(struct sim *s, uint32_t link_id, struct sim_link *l);
void push_pings(struct sim *s); /* the server's WebSocket pings */

/* notify.c */
void push_notify(struct sim *s, const size_t *events, size_t n,
                 const struct event_version *was);

/* consumer.c */
void consumer_start(struct sim *s);
void consumer_drain(struct sim *s, struct sim_sub *sub);
void consumer_check(struct sim *s); /* at rest */
/* What the subscription's streams hold of the event, if it is chosen. */
struct document *consumer_held(struct sim *s, const struct sim_sub *sub,
                               size_t i);
void consumer_fini(struct sim *s);

/* checks.c */
void check_publish(struct sim *s, const struct action *a);
void check_state(struct sim *s, const struct action *a);
void check_proof(struct sim *s, const struct action *a);
void check_error(struct sim *s, const struct action *a);
void check_request(struct sim *s, const struct sim_request *r);
void check_answer(struct sim *s, struct sim_request *r, bool good);
unsigned check_holders(const struct sim *s, size_t i);
void check_notified(struct sim *s, size_t i);
void check_lost(struct sim *s);
void check_bounds(struct sim *s);
/* Could the client not know that what it reads of the event is older?  again:
 * it had been removed. */
bool check_may_go_back(const struct sim *s, size_t i, bool again);
void check_rest(struct sim *s);
struct sim_stream *check_stream(struct sim *s, uint32_t id);

/* herd.c: true: no second saw more than a tenth of the clients. */
bool herd_run(bool loud);

#endif
