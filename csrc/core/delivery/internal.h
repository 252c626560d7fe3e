/* The inside of delivery/: the structs that stand under the hub's lock, and
 * the functions that its files share.  A name that ends in _locked needs the
 * lock held. */
#ifndef SGO_DELIVERY_INTERNAL_H
#define SGO_DELIVERY_INTERNAL_H

#include <pthread.h>

#include "base/clock.h"
#include "base/map.h"
#include "base/refcount.h"
#include "delivery/filter.h"
#include "delivery/hub.h"
#include "delivery/update.h"
#include "delivery/wait.h"

enum {
    HUB_MAX_DEFERRED = 256, /* new events that wait for memory */
    FILL_BATCH = 64         /* slots put in per hold of the lock */
};

struct hub_stream;
struct slot;

/* ---- an update, pending or taken ------------------------------------------ */

struct sgo_update {
    struct refcount refs;
    /* Pending only, under the lock. */
    struct sgo_update *prev; /* in the subscription's list, oldest first */
    struct sgo_update *next; /* …or in a chain of what is to be released */
    struct slot *slot;
    struct hub_stream *stream;
    struct changes
        *junk;          /* to be released with the update, outside the lock */
    size_t held_bytes;  /* as counted in the hub's queued_bytes */
    bool in_list;       /* false while min_interval holds it back */
    bool mark;          /* tells staleness, no version */
    bool owns_previous; /* no update queued before has it as its event */
    bool superseded;    /* a later one is queued for the same event */
    /* Immutable once taken. */
    sgo_update_kind kind; /* pending: added says the consumer has nothing */
    sgo_cause cause;
    bool stale;
    uint32_t stream_id;
    uint64_t skipped;
    sgo_times times;
    struct document *event;
    struct document *previous; /* or NULL */
    struct filter *filter;
    /* Made on first use; the first to finish wins. */
    _Atomic(struct changes *) raw; /* all differences; given if exact */
    _Atomic(struct changes *) shown;
    _Atomic(struct quote_changes *) quotes;
    _Atomic(struct consensus_changes *) consensus;
    atomic_flag naming;       /* guards the namer; losers use their own */
    struct path_namer *namer; /* remembers where the last path stood */
};

/* Zero-filled but for the count and the filter (retained).  NULL when out of
 * memory.  Any thread. */
struct sgo_update *update_create(struct filter *filter) SGO_WARN_UNUSED;

/* Release a chain linked by `next`.  Never under the lock. */
void update_release_chain(struct sgo_update *u);

/* ---- a subscription -------------------------------------------------------- */

/* What a subscription knows of one event. */
struct slot {
    struct slot *next;    /* chain of dead slots */
    const char *event_id; /* the map's copy */
    size_t id_len;
    struct document *newest;    /* last heard of; NULL unless present */
    struct sgo_update *pending; /* conflating: the only one */
    size_t queued;              /* updates that point here */
    size_t carried_bytes; /* of the version taken last, while the next queued
                             update has it as its `previous` */
    int64_t due;          /* min_interval: nothing before; 0: any time */
    size_t heap_at;       /* place in sub->held plus 1; 0: not there */
    bool present;         /* a stream of the subscription holds it */
    bool dying;           /* on its way out of a subscription */
    bool stale_shown;     /* the last update taken said stale */
    sgo_cause cause;      /* of the version last heard of */
    struct hub_stream *stream; /* who told it; borrowed: a member's */
};

struct membership {
    struct sgo_subscription *sub;
    struct hub_stream *stream; /* a reference, until the subscription closes */
    struct membership *prev;   /* of the stream's members */
    struct membership *next;
};

struct update_list {
    struct sgo_update *first;
    struct sgo_update *last;
    size_t n;
};

struct sgo_subscription {
    struct refcount refs;
    /* Immutable. */
    struct hub *hub;       /* a reference */
    struct filter *filter; /* a reference */
    bool initial;
    bool conflate;
    size_t max_queue;
    int64_t min_interval_ns;
    int64_t max_age_ns; /* 0: never stale */
    sgo_on_stale on_stale;
    int64_t created_at;
    size_t stream_count;
    /* Under the lock. */
    struct sgo_subscription *prev; /* of the hub's list */
    struct sgo_subscription *next;
    struct membership *members; /* stream_count of them */
    struct map slots;           /* event id -> struct slot */
    struct map grave;           /* slots of an ended one, to be freed */
    struct update_list ready;
    struct slot **held; /* heap by due: pending before its time, or absent */
    size_t held_count;
    size_t held_cap;
    pthread_cond_t cond; /* take waits */
    unsigned waiters;
    uint64_t wakes;
    int fd; /* -1: not asked for yet */
    int fd_write;
    bool signalled; /* the descriptor is readable */
    bool filling;   /* subscription_create puts the snapshot in */
    struct sgo_update *fill_tail; /* last of the snapshot's updates */
    bool linked;                  /* in the lists of hub and streams */
    bool closed;
    bool ended;                /* every stream has been closed */
    struct hub_stream *failed; /* whose error is final; borrowed: a member's */
    bool slow;                 /* to be told */
    bool catching_up;  /* not conflating by option, but until drained */
    bool damaged;      /* an allocation failed: compare with the tables */
    bool stale;        /* something was too old at the last check */
    bool stale_untold; /* on_stale raise: to be told */
    int64_t stale_age_ns;
    int64_t checked_at; /* staleness */
    int64_t next_check; /* CLOCK_NEVER: a proof must come first */
    sgo_subscription_stats stats;
    bool *matched; /* by pattern of the filter */
    size_t match_at;
};

/* ---- the hub ---------------------------------------------------------------- */

/* One event in a stream's table. */
struct holding {
    struct document *doc;
    int64_t proven; /* current at that time; 0: never */
    bool unanswered;
    const char *reason;
};

struct hub_stream {
    struct hub_stream *next; /* of the hub's list */
    size_t refs;             /* under the lock: the list, memberships */
    uint32_t id;
    bool closed;
    struct map events; /* event id -> struct holding */
    sgo_stream_state state;
    sgo_stream_stats stats; /* as told last */
    uint64_t delivered;
    uint64_t conflated;
    int64_t told_proof; /* last told; counts while live */
    int64_t proven;     /* last that counted; 0: never */
    const char *reason;
    struct membership *members;
    size_t member_count;
    uint64_t member_serial; /* grows with each change of members */
};

struct report_node {
    struct report_node *next;
    sgo_report report;
};

/* A new event whose table had no room for it. */
struct deferred {
    uint32_t stream_id;
    sgo_cause cause;
    sgo_times times;
    struct document *doc;
};

struct hub {
    struct refcount refs;
    unsigned generation; /* of fork */
    uint64_t seed;
    pthread_mutex_t lock;
    pthread_cond_t changed;  /* states */
    pthread_cond_t reported; /* the ring */
    struct hub_stream *streams;
    struct sgo_subscription *subs;
    bool closed;
    bool reports_closed;
    uint64_t repairs;
    bool any_damaged;
    int64_t mend_at; /* not before, after a failure */
    atomic_size_t queued_bytes;
    struct report_node *first_report;
    struct report_node *last_report;
    size_t report_count;
    size_t log_count;
    uint64_t reports_dropped;
    /* I/O thread only. */
    struct deferred deferred[HUB_MAX_DEFERRED];
    size_t deferred_count;
    /* Its own lock: held while kick runs, never with the other. */
    pthread_mutex_t kick_lock;
    void (*kick)(void *ctx);
    void *kick_ctx;
};

/* hub.c */
struct hub_stream *hub_find_locked(struct hub *hub, uint32_t stream_id);
/* NULL unless the last reference went: then free with hub_stream_free,
 * outside the lock. */
struct hub_stream *hub_stream_unref_locked(struct hub_stream *stream);
void hub_stream_free(struct hub_stream *stream);
void hub_kick(struct hub *hub);

/* report.c */
struct report_node *report_create(sgo_report_kind kind, uint32_t stream_id,
                                  int64_t at);
/* Accepts NULL. */
void report_fill_state(struct report_node *node, sgo_connection previous,
                       sgo_connection current, const char *reason, int code);
/* Takes the node, NULL included (counted as dropped).  Returns it when there
 * is no room: free it outside the lock. */
struct report_node *report_push_locked(
    struct hub *hub, struct report_node *node) SGO_WARN_UNUSED;

/* slot.c: the table of conflation */

/* One version, or the going, of one event, as offered to one subscription,
 * with all that the lock must not be held for done before. */
struct offer {
    struct sgo_subscription *sub; /* a reference */
    bool filling;                 /* as it was at the first look */
    bool needs_slot;              /* likewise: it had none */
    struct document *base;   /* what its slot had then; a reference, or NULL */
    struct changes *changes; /* from base to the version; a reference, or NULL:
                                not known */
    bool chosen;             /* by event_ids and league_ids */
    bool shown;              /* something of `changes` is; true: not known */
    struct sgo_update *spare; /* becomes the pending update, or a bag for what
                                 is to be released */
    struct slot *spare_slot;
    struct slot *dead;       /* chain for slot_free_chain */
    struct sgo_update *junk; /* chain for update_release_chain */
};

/* `was`: the version the stream's table held before, or NULL.  Only the
 * subscription is touched; it is signalled when something became ready. */
void slot_offer_locked(struct offer *offer, const struct publication *pub,
                       struct hub_stream *stream, struct document *was);

/* The version that a stream of the subscription holds, borrowed, or NULL. */
struct document *slot_held_locked(const struct sgo_subscription *sub,
                                  const char *event_id, size_t id_len,
                                  const struct hub_stream *except);

struct slot *slot_create(void) SGO_WARN_UNUSED;
void slot_free_chain(struct slot *slot);

/* Put an empty slot into the map; on failure the caller keeps it. */
sgo_status slot_insert_locked(struct sgo_subscription *sub, struct slot *slot,
                              const char *event_id,
                              size_t id_len) SGO_WARN_UNUSED;

/* Take it out of the map and of the heap. */
void slot_remove_locked(struct sgo_subscription *sub, struct slot *slot);

/* Make `update` the slot's newest pending one; it owns its documents. */
void slot_queue_locked(struct sgo_subscription *sub, struct slot *slot,
                       struct sgo_update *update);

/* Take an update that is pending out of everything: to throw it away, or to
 * deliver it.  The caller owns it, and releases outside the lock. */
void slot_drop_update_locked(struct sgo_subscription *sub,
                             struct sgo_update *u);
void slot_take_update_locked(struct sgo_subscription *sub,
                             struct sgo_update *u);

/* The subscription lacked memory: compare it with the tables later. */
void slot_damage_locked(struct sgo_subscription *sub);

/* An absent slot with nothing pending goes to *dead, unless it must remember
 * when min_interval ends, or that the snapshot's version is gone. */
void slot_retire_locked(struct sgo_subscription *sub, struct slot *slot,
                        struct slot **dead);

/* A queue that has overflown becomes one pending update per event; what is
 * left over is chained to *junk and *dead.  keep: a slot that is in use, not
 * to be retired; or NULL. */
void slot_fold_locked(struct sgo_subscription *sub, const struct slot *keep,
                      struct sgo_update **junk, struct slot **dead);

/* Count again what the update alone keeps. */
void slot_account_locked(struct hub *hub, struct sgo_update *update);

/* ready.c: list, heap, descriptor */
void ready_insert(struct update_list *list, struct sgo_update *after,
                  struct sgo_update *update); /* after NULL: at the front */
void ready_remove(struct update_list *list, struct sgo_update *update);
sgo_status held_reserve(struct sgo_subscription *sub, size_t n);
void held_push(struct sgo_subscription *sub, struct slot *slot);
void held_remove(struct sgo_subscription *sub, struct slot *slot);
/* What is due goes to the list; absent slots are removed into *dead. */
void held_release_locked(struct sgo_subscription *sub, int64_t now,
                         struct slot **dead);
/* When held_release_locked or a check has something to do. */
int64_t ready_deadline_locked(const struct sgo_subscription *sub);
/* A take would not wait. */
bool ready_now_locked(const struct sgo_subscription *sub);
/* Wake waiters and make the descriptor agree. */
void ready_signal_locked(struct sgo_subscription *sub);
void ready_update_fd_locked(struct sgo_subscription *sub);
void ready_close_fds(struct sgo_subscription *sub); /* at the very end */

/* stale.c */

/* A proof of the stream; proof_ns 0: its phase has changed. */
void stale_prove_stream_locked(struct hub_stream *stream, int64_t proof_ns);
/* How old the slot's event is, by the best of the streams that hold it. */
int64_t stale_age_locked(const struct sgo_subscription *sub,
                         const struct slot *slot, int64_t now);
/* If it is time: look for what became too old, or current again.  May unlock
 * and lock again to make marks; what is to be released is chained to *junk.
 */
void stale_check_locked(struct sgo_subscription *sub, int64_t now,
                        struct sgo_update **junk);

/* subscription.c */

/* One more reference, unless the last has gone already. */
bool subscription_try_retain(struct sgo_subscription *sub) SGO_WARN_UNUSED;

/* Into the lists of hub and streams: offers come from now on. */
void subscription_link_locked(struct sgo_subscription *sub);

/* A stream of it was closed: forget what that alone held, and end with the
 * last (then subscription_bury outside the lock). */
void subscription_stream_closed_locked(struct sgo_subscription *sub,
                                       struct sgo_update **junk,
                                       struct slot **dead);

/* Free the slots of an ended subscription.  Takes the lock. */
void subscription_bury(struct sgo_subscription *sub);

/* snapshot.c */

/* The events of a subscription's streams at one moment, a reference to each;
 * streams are borrowed from the memberships. */
struct snapshot {
    struct document **docs;
    struct hub_stream **streams;
    size_t n;
    size_t cap;
};

/* link: begin to receive offers at that moment.  SGO_CLOSED (a stream is, and
 * link was asked for), SGO_NO_MEMORY.  Takes the lock. */
sgo_status snapshot_take(struct sgo_subscription *sub, bool link,
                         struct snapshot *out) SGO_WARN_UNUSED;
void snapshot_fini(struct snapshot *snapshot);

/* publish.c */

/* Mend what lacked memory, if it is time.  I/O thread, no lock held. */
void publish_mend(struct hub *hub, int64_t now);

/* take.c */

/* The subscription's part of hub_tick.  I/O thread, no lock held. */
void take_tick(struct sgo_subscription *sub, int64_t now);

#endif
