/* Inside of the brain: its structures, and what its files ask of each other.
 * Included by csrc/core/feed/ only.  Who is who:
 *
 *   stream  what the client started; a thin listener of one feed
 *   feed    one (name, parameters): bootstrap, channel, walk, membership
 *   entry   one event id of the client: its held version, its fetch state
 *   member  one entry in one feed: shown or not, leaving, absent
 *   link    one logical Pusher connection, shared by feeds
 *   request one HTTP request, from its making to its end
 *   call    a fetch or usage request of the user */
#ifndef SGO_FEED_BRAIN_H
#define SGO_FEED_BRAIN_H

#include "base/buf.h"
#include "base/clock.h"
#include "base/map.h"
#include "base/mutant.h"
#include "base/rand.h"
#include "base/status.h"
#include "feed/feed.h"
#include "feed/list.h"
#include "feed/pace.h"
#include "feed/record.h"
#include "feed/wake.h"
#include "json/diff.h"
#include "json/document.h"
#include "json/envelope.h"
#include "json/project.h"
#include "pusher/message.h"
#include "pusher/options.h"
#include "pusher/protocol.h"

enum {
    CHUNK_MAX_IDS = 25,      /* the API's smallest page cap without limit
                                    filters; the safe size of an id request */
    URL_MAX_BYTES = 8 << 10, /* of an id request */
    SHAPE_QUERY_MAX_BYTES = 4 << 10, /* longer shapes are pruned here */
    WALK_PAGE_LIMIT = 100,           /* `limit` asked of a list page */
    WALK_MAX_PAGES = 10000,          /* of one walk; beyond: it has failed */
    WALKS_MAX = 2,                   /* request places that walks may take */
    CURSOR_MAX_BYTES = 2048,
    ANSWER_SPARE_EVENTS = 16,  /* events beyond those asked for, kept */
    SMALL_BODY_MAX = 64 << 10, /* error bodies, authorisation answers */
    ERRORS_MAX = 64,           /* reports that wait to be taken */
    ENTRIES_SPARE = 10000,     /* ids known without a version, at most */
    LINKS_MAX = 64,
    SERIES_STEPS = 3 /* 0.5, 1, 2 s */
};

#define SLOW_RETRY_LOW_NS (15 * NS_PER_S) /* no slot, no permission */
#define SLOW_RETRY_HIGH_NS (30 * NS_PER_S)
#define SLOW_RETRY_FOR_NS (180 * NS_PER_S) /* then final, or crawl */
#define CRAWL_LOW_NS (60 * NS_PER_S)
#define CRAWL_HIGH_NS (300 * NS_PER_S)
#define RETRY_FIRST_NS NS_PER_S
#define RETRY_MAX_NS (60 * NS_PER_S)
#define GONE_APART_NS (5 * NS_PER_S)       /* rule 6 */
#define AUTO_POLL_AFTER_NS (10 * NS_PER_S) /* rule 11 */
#define WAITED_LONG_NS (60 * NS_PER_S)     /* rule 8: goes first */
#define FAILURE_TOLD_NS (60 * NS_PER_S)    /* of one event: not more often */
#define MEMORY_PAUSE_NS (100 * NS_PER_MS)  /* after a failed allocation */
#define SNAPSHOT_MAX_BYTES (UINT64_C(1) << 30)

/* Rule 8's order. */
enum ask_class { ASK_NOTIFIED, ASK_RECONCILE, ASK_PERIODIC, ASK_CLASSES };

enum feed_kind { FEED_LIVE, FEED_UPCOMING, FEED_BYID, FEED_OTHER };

/* ---- entries and members ------------------------------------------------ */

struct entry {
    struct brain *b;
    char *id; /* NUL-terminated, behind the struct */
    uint32_t id_len;
    struct node members; /* of struct member.in_entry */
    size_t member_count;

    /* The held version (rule 4); doc NULL: none yet. */
    struct document *doc;
    size_t bytes;       /* as accounted in brain.cache_bytes */
    bool from_snapshot; /* not in the API's own shape */
    int64_t as_of;      /* when its request started, Age subtracted */
    int64_t arrived;    /* when its last byte had arrived */

    int64_t proof;       /* start of the newest request that answered it */
    int64_t demand;      /* an answer counts if it started after this */
    int64_t notified_at; /* first notification not yet answered; 0: none */
    int64_t notified_last;

    /* Where it stands: queued, asked, or waiting for `later`. */
    struct request *asked;
    struct node queued;      /* in a feed's queue */
    struct feed *queue_feed; /* whose, while queued */
    enum ask_class ask;
    int64_t queued_since;
    struct wake later;
    size_t chunk_max; /* largest request it may be in */

    unsigned stale_step;  /* rule 4's series … */
    int64_t stale_next;   /* … and when its present wait ends */
    unsigned early_step;  /* rule 5's series */
    bool early;           /* being asked by that series alone */
    unsigned fails;       /* failures of its own since the last answer */
    int64_t absent_at;    /* start of the first lone answer without it */
    int64_t failure_told; /* when a failure of its own last was; 0: never */
    bool refused;         /* its newest version could not be had */
    bool unanswered_told; /* state of the last PROOF */
    bool refused_told;
    struct node proof_due; /* in brain.proofs_due */
    struct node echo;      /* in brain.echoes */
};

struct member {
    struct entry *entry;
    struct feed *feed;
    struct node in_entry;
    struct node in_feed;
    bool held;           /* `added` was published */
    bool awaited;        /* the reconcile waits for its refetch */
    bool leaving;        /* rule 6; `linger` is set */
    int64_t notified_at; /* by its own channel, not yet answered; 0 */
    bool open;           /* that is counted in its feed's ids_pending */
    uint64_t seen;       /* number of the last walk that listed it */
    unsigned absences;   /* complete walks in a row without it */
    uint64_t page;       /* request that listed it last */
    sgo_cause leave_cause;
    struct wake linger;
    struct node in_lingering; /* brain.lingering, while leaving */
};

/* ---- feeds and streams -------------------------------------------------- */

struct bootstrap {
    bool wanted;             /* waiting for a place */
    bool as_list;            /* it is the reconcile of an unknown feed */
    bool for_link;           /* coordinates for a reconnect */
    struct request *request; /* out, or NULL */
    struct wake retry;
    unsigned fails;
    int64_t slow_since; /* slots, permission: begin of the slow retry */
    int64_t wanted_since;
};

/* Rule 2's walk of the feed's list, and what it waits for. */
struct feed_walk {
    bool due;      /* asked for; begins when none is active */
    bool active;   /* begun and not complete */
    bool wanted;   /* a page waits for a place */
    bool again;    /* something happened that the active one may have missed */
    bool judge;    /* absence may be judged: no page ended badly */
    bool awaiting; /* all pages are in; refetches may be out */
    enum ask_class ask;
    enum ask_class due_ask;
    uint64_t number; /* of the newest walk; members' `seen` */
    int64_t began;
    int64_t took; /* by the last complete one */
    int64_t wanted_since;
    size_t pages;
    size_t awaited;   /* members whose refetch is waited for */
    uint64_t listed;  /* events in the list, of the last complete walk … */
    uint64_t listing; /* … and of this one */
    char *cursor;     /* of the next page; NULL: the first */
    struct request *request;
    struct wake retry;
    struct wake next; /* the periodic one; polling: the next walk */
    unsigned fails;
    bool restarted; /* once, after a refused cursor */
};

struct feed {
    struct brain *b;
    struct node in_brain;
    struct node streams; /* of struct stream.in_feed */
    size_t stream_count;
    struct node members; /* of struct member.in_feed */
    struct node queues[ASK_CLASSES];
    char *key;      /* canonical name and parameters */
    char *name;     /* "events:live" */
    char *title;    /* for texts: events:upcoming leagueID=NFL */
    char *query;    /* of the bootstrap: feed=…&leagueID=… */
    char *list;     /* of the walk; NULL: no list of its own */
    char *event_id; /* byid */
    char *league_id;
    enum feed_kind kind;

    struct bootstrap boot;
    struct feed_walk walk;
    struct link *link;
    char *channel; /* NULL: not known yet */
    char *user;
    bool polling;    /* walks stand in for the socket */
    bool subscribed; /* its channel is confirmed */
    bool channel_refused;
    bool synced; /* reconciled since, nothing missed */
    bool was_live;
    bool events_shown; /* the first snapshot or walk is in */
    int64_t subscribed_at;
    int64_t down_since; /* not subscribed since; 0: subscribed */
    struct wake down;   /* unavailable, automatic polling */
    int64_t polled_at;  /* start of the last complete walk */

    bool gap;      /* notifications may have been missed … */
    bool gap_told; /* … after it was live: to be reported */
    int64_t gap_began;
    uint64_t gap_answers; /* events answered since */
    char gap_reason[PUSHER_REASON_BYTES];

    bool failed; /* final_error stands */
    bool closed;
    sgo_error final_error;
    char reason[PUSHER_REASON_BYTES]; /* of the newest state */
    int close_code;
    int64_t limit_told; /* last report of a full cache */
    int64_t proof;      /* of the feed as a whole */

    sgo_stream_stats stats;
    int64_t last_frame;
};

struct stream {
    struct brain *b;
    uint32_t id;
    struct feed *feed; /* NULL: ended */
    struct node in_feed;
    struct node in_brain;
    sgo_stream_stats base; /* the feed's when it joined */
    bool told;             /* a STATE was given */
    sgo_connection connection;
    sgo_phase phase;
    int64_t proof_told;
    struct wake retell; /* set: not all could be told, `added` again then */
    bool gap_due;       /* the feed's last gap is to be told */
    int64_t gap_began, gap_ended;
    uint64_t gap_answers;
    char gap_reason[PUSHER_REASON_BYTES];
    bool final_due; /* the final error is to be told */
    bool ended;     /* STATE closed or failed was told: nothing more */
    bool closed;    /* removed: tell, then free */
    sgo_error final_error;
    sgo_stream_stats final_stats;
};

/* ---- links -------------------------------------------------------------- */

struct link {
    struct brain *b;
    uint32_t id;
    struct node in_brain;
    struct pusher *pusher;
    struct pusher_coordinates coordinates; /* what the feeds name it by */
    size_t feed_count;
    bool closing; /* stopped: last outputs, then freed */
    bool wants_coordinates;
    int64_t ended_at; /* of its last socket: coordinates asked for before
                         may be what ended it */
    int64_t last_frame;
};

/* ---- requests ----------------------------------------------------------- */

enum request_kind {
    REQUEST_BOOTSTRAP,
    REQUEST_WALK,
    REQUEST_IDS,
    REQUEST_AUTHORISE,
    REQUEST_USAGE, /* for pace */
    REQUEST_CALL_IDS,
    REQUEST_CALL_USAGE
};

/* An event of an answer that is applied only when whole (rule 12): built while
 * the answer arrives. */
struct item {
    struct entry *e;         /* ids; NULL in calls */
    struct document *doc;    /* NULL: refused, one of our limits */
    struct document *old;    /* what it was compared with, or NULL */
    struct changes *changes; /* from old */
    const char *reason;      /* static; why it was refused */
};

struct request {
    struct brain *b;
    uint64_t id;
    enum request_kind kind;
    enum ask_class ask;
    struct node in_brain; /* requests, or cancels */
    struct node to_send;  /* made, REQUEST not taken yet */
    bool sent;
    bool probe;   /* tests the host in an outage */
    bool general; /* its failure says nothing about itself */
    int64_t created;
    int64_t started; /* see brain_request_started */
    bool head;
    int http_status;
    int64_t retry_after;
    int64_t age;
    uint64_t bytes;

    char *url;
    char *body;
    size_t body_len;
    struct brain_header *headers;
    size_t header_count;
    bool with_key;
    bool until_first_byte;
    int64_t timeout;
    uint64_t max_body_bytes;

    bool split; /* envelope is in use (answers with 200) */
    struct envelope envelope;
    sgo_status body_status; /* SGO_OK, or why the body is unusable */
    const char *body_reason;
    struct buf small; /* error bodies and small answers */
    cJSON *tree;      /* the envelope of a good answer, without data */
    struct item *items;
    size_t item_count;
    size_t item_cap;

    struct feed *feed; /* bootstrap, walk */
    struct link *link; /* authorise */
    uint64_t number;   /* authorise: the protocol's */
    struct call *call;
    struct entry **ids; /* ids: those asked and still open */
    size_t id_count;
    size_t asked_count; /* when it was first sent */
    char *cursor;       /* ids: of a further page */
    size_t page;
    size_t found;              /* of the ids asked */
    uint64_t objects;          /* events in the answer */
    uint64_t reserved_objects; /* what pace was told to expect */
    double requests_before; /* usage: what had been spent when it was asked */
    double objects_before;
    size_t secret_matched; /* recording: what the last piece ended with */
    bool cut; /* bootstrap: broken off by us, wanted parts are in */
};

struct call {
    struct brain *b;
    uint32_t id;
    struct node in_brain;
    bool usage;
    char **ids; /* one block */
    size_t id_count;
    size_t next;  /* first id not asked yet */
    size_t ahead; /* ids of the request that is out */
    size_t chunk_max;
    struct request *request;
    char *cursor;
    struct document **documents;
    size_t document_count;
    size_t document_cap;
    struct wake retry;
    bool waiting; /* wants a place */
    int64_t since;
    unsigned fails;
    bool done;
    bool failed;
    sgo_error error;
    char *json;
};

/* ---- outputs ------------------------------------------------------------ */

struct publish {
    uint32_t stream_id;
    sgo_update_kind kind;
    sgo_cause cause;
    struct document *event;
    struct document *previous;
    struct changes *changes;
    int64_t notified, requested, received, applied;
};

struct report {
    uint32_t stream_id;
    char event_id[BRAIN_MAX_EVENT_ID_BYTES + 1];
    sgo_error error;
};

struct publish_queue {
    struct publish *items; /* ring */
    size_t cap;
    size_t first;
    size_t len;
};

/* ---- the brain ---------------------------------------------------------- */

/* What keeps requests back. */
struct gate {
    bool outage;     /* the host fails: one probe at a time */
    bool probing[2]; /* that probe is out: a stream's; one from aside */
    int64_t until;   /* nothing before */
    int64_t opened;  /* when the outage was last noted */
    unsigned fails;
    int64_t last_success;  /* arrival of the last good answer */
    int64_t denied_since;  /* 401 and 403 without a success between; 0 */
    int64_t limited_until; /* 429 */
    int64_t limited_at;    /* when the last one was noted */
    unsigned limited;      /* 429 in a row */
    int64_t memory_until;
    int64_t memory_told; /* when its want was last reported; 0: never */
};

struct brain {
    /* Configuration, copied. */
    char *base_url;
    struct pusher_url origin; /* of base_url; path unused */
    char *client_name;
    char *version;
    const struct shape *shape;
    bool shape_adds;            /* asks for what a snapshot lacks */
    bool prune_answers;         /* the shape did not fit into the URL */
    char *shape_query;          /* "&bookmakerID=…", or "" */
    struct brain_config config; /* numbers only; pointers are not used */
    char **auth_hosts;
    size_t auth_host_count;
    struct pool *pool;
    const struct log *log;
    const struct record *record;
    uint64_t nexts; /* calls of brain_next since the last input */
    struct rand rand;
    uint64_t map_seed;

    int64_t now;   /* stamp of the present input: grows with each */
    int64_t began; /* of the first */
    bool settled;  /* what the input brought about is done */
    bool closed;
    struct wakes wakes;
    struct wake gate_wake;

    struct map entries;
    struct map feeds_by_key;
    struct node feeds;
    struct feed *turn; /* whose ids are next */
    struct node streams;
    struct map streams_by_id; /* those that were not removed */
    size_t stream_count;
    struct node links;
    size_t link_count;
    uint32_t link_next;
    struct node calls;
    size_t call_count;

    struct node requests;
    struct node to_send;
    struct node cancels;
    uint64_t request_next;
    unsigned in_flight; /* without authorisations */
    unsigned walks_in_flight;
    unsigned boots_in_flight;
    unsigned starts; /* for rule 8's fifth */
    struct gate gate;
    struct pace pace;
    struct wake usage_wake;
    struct request *usage;
    bool usage_wanted;
    bool usage_asked; /* once at least */

    size_t cache_bytes;
    size_t held; /* entries with a version */
    size_t queued_bytes;
    size_t shed_wanted;
    bool shed_told;
    bool shed_failed;      /* asked, and it did not suffice */
    struct node lingering; /* members, the longest leaving first */
    /* Entries that nobody needs but a list that began before they were last
     * heard of and may still show what they were then. */
    struct node echoes;

    struct publish_queue publishes;
    struct node proofs_due;
    size_t proof_at; /* streams of the first one that were told */
    struct report reports[ERRORS_MAX];
    size_t report_first;
    size_t report_len;
    struct brain_counters counters;

    /* What the last action borrows. */
    struct publish out_publish;
    struct report out_report;
    struct request *out_request; /* cancelled one to be freed */
    struct call *out_call;
};

#include "feed/parts.h"

#endif
