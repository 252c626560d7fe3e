/* Rule 3: which ids wait, and what is asked next.  An entry is idle, queued
 * (in one feed's queue of one class), asked (in one request), or waits for
 * its `later`; a demand that is newer than the request's start queues it again
 * when the answer is in. */
#include "feed/brain.h"

#include <string.h>

enum { LOOK_AHEAD = 200 }; /* entries skipped while a chunk is filled */

/* ---- queues --------------------------------------------------------------- */

static struct feed *
home(const struct entry *e)
{
    if (e->queue_feed) {
        return e->queue_feed;
    }
    return e->member_count
               ? NODE_OWNER(e->members.next, struct member, in_entry)->feed
               : NULL;
}

static void
enqueue(struct entry *e, bool in_front)
{
    struct feed *f = home(e);

    list_remove(&e->queued);
    if (f == NULL) {
        return;
    }
    e->queue_feed = f;
    wake_clear(&e->b->wakes, &e->later);
    if (in_front) {
        list_prepend(&f->queues[e->ask], &e->queued);
    } else {
        list_append(&f->queues[e->ask], &e->queued);
    }
}

void
plan_ask(struct entry *e, enum ask_class ask, struct feed *f)
{
    bool waits = node_linked(&e->queued) || e->asked;

    if (!MUTANT(RENOTIFIED_FORGOTTEN) || e->asked == NULL) {
        e->demand = e->b->now;
    }
    if (ask == ASK_NOTIFIED) {
        e->early = false;
        e->early_step = 0;
    }
    if (waits && e->ask <= ask) {
        return;
    }
    e->ask = ask;
    if (e->asked) {
        return; /* queued again if the request turns out to be too old */
    }
    if (!waits) {
        e->queued_since = e->b->now;
    }
    if (f) {
        e->queue_feed = f;
    }
    enqueue(e, false);
}

void
plan_later(struct entry *e, enum ask_class ask, int64_t when)
{
    if (e->asked || node_linked(&e->queued)) {
        return; /* will be asked anyway */
    }
    e->ask = ask;
    e->queued_since = when;
    wake_set(&e->b->wakes, &e->later, when);
}

void
plan_requeue(struct entry *e)
{
    enqueue(e, true);
}

void
plan_drop(struct entry *e)
{
    list_remove(&e->queued);
    wake_clear(&e->b->wakes, &e->later);
}

void
plan_feed_gone(struct feed *f)
{
    if (f->b->turn == f) {
        f->b->turn = NULL;
    }
}

/* ---- choosing --------------------------------------------------------------- */

/* What could be started for one class. */
struct choice {
    bool any;
    int64_t since; /* the longest waiting */
    struct feed *boot;
    struct feed *walk;
    struct feed *ids; /* the next in turn */
};

static bool
may_list(const struct brain *b, bool walk)
{
    unsigned most = b->config.max_requests_in_flight;
    unsigned lists = b->walks_in_flight + b->boots_in_flight;

    most = most > 1 ? most - 1 : 1;
    return lists < most && (!walk || b->walks_in_flight < WALKS_MAX);
}

static void
waits(struct choice *c, int64_t since)
{
    if (!c->any || since < c->since) {
        c->since = since;
    }
    c->any = true;
}

static void
look(struct brain *b, struct choice choices[ASK_CLASSES])
{
    struct node *first = b->turn ? &b->turn->in_brain : b->feeds.next;
    struct node *n = first;

    memset(choices, 0, ASK_CLASSES * sizeof(*choices));
    if (list_empty(&b->feeds)) {
        return;
    }
    do {
        struct feed *f = NODE_OWNER(n, struct feed, in_brain);

        for (int k = 0; k < ASK_CLASSES; k++) {
            if (!list_empty(&f->queues[k])) {
                struct entry *e =
                    NODE_OWNER(f->queues[k].next, struct entry, queued);

                waits(&choices[k], e->queued_since);
                if (choices[k].ids == NULL) {
                    choices[k].ids = f;
                }
            }
        }
        if (f->boot.wanted && may_list(b, false)) {
            struct choice *c = &choices[ASK_RECONCILE];

            waits(c, f->boot.wanted_since);
            if (!c->boot ||
                f->boot.wanted_since < c->boot->boot.wanted_since) {
                c->boot = f;
            }
        }
        if (f->walk.wanted && may_list(b, true)) {
            struct choice *c = &choices[f->walk.ask];

            waits(c, f->walk.wanted_since);
            if (!c->walk ||
                f->walk.wanted_since < c->walk->walk.wanted_since) {
                c->walk = f;
            }
        }
        n = n->next == &b->feeds ? b->feeds.next : n->next;
    } while (n != first);
}

/* Rule 8: notified, reconcile, periodic; but a fifth is the reconcile's, and
 * what waited long goes first. */
static int
choose_class(const struct brain *b, const struct choice *choices)
{
    int longest = -1;

    for (int k = 0; k < ASK_CLASSES; k++) {
        if (choices[k].any && b->now - choices[k].since >= WAITED_LONG_NS &&
            (longest < 0 || choices[k].since < choices[longest].since)) {
            longest = k;
        }
    }
    if (longest >= 0) {
        return longest;
    }
    if (choices[ASK_RECONCILE].any && b->starts % 5 == 4) {
        return ASK_RECONCILE;
    }
    for (int k = 0; k < ASK_CLASSES; k++) {
        if (choices[k].any) {
            return k;
        }
    }
    return -1;
}

static size_t
url_room(const struct brain *b)
{
    size_t used = strlen(b->base_url) + strlen(b->shape_query) + 1200;

    return used < URL_MAX_BYTES - 800 ? URL_MAX_BYTES - used : 800;
}

/* Fill a chunk from the feed in turn, then from those after it. */
static size_t
fill(struct brain *b, struct feed *first, int k, struct entry **chunk)
{
    struct node *fn = &first->in_brain;
    size_t n = 0, most = CHUNK_MAX_IDS, looked = 0, room = url_room(b);

    do {
        struct feed *f = NODE_OWNER(fn, struct feed, in_brain);
        struct node *en, *after;

        LIST_EACH (en, after, &f->queues[k]) {
            struct entry *e = NODE_OWNER(en, struct entry, queued);
            size_t bytes = 3 * (size_t)e->id_len + 1;

            if (n == most || ++looked > LOOK_AHEAD) {
                return n;
            }
            if ((n && bytes > room) || e->chunk_max < n + 1) {
                continue;
            }
            most = e->chunk_max < most ? e->chunk_max : most;
            room -= bytes < room ? bytes : room;
            chunk[n++] = e;
        }
        fn = fn->next == &b->feeds ? b->feeds.next : fn->next;
    } while (fn != &first->in_brain);
    return n;
}

static void
turn_to_next(struct brain *b, struct feed *f)
{
    struct node *n =
        f->in_brain.next == &b->feeds ? b->feeds.next : f->in_brain.next;

    b->turn = NODE_OWNER(n, struct feed, in_brain);
}

/* Room for a request of so many objects?  Else look again later. */
static bool
within_plan(struct brain *b, double objects)
{
    int64_t when = pace_ready(&b->pace, objects, b->now);

    if (when > b->now && !MUTANT(PACE_IGNORED)) {
        wake_set(&b->wakes, &b->gate_wake, when);
        return false;
    }
    return true;
}

enum step { STEP_STARTED, STEP_NOTHING, STEP_LATER, STEP_NO_MEMORY };

static enum step
started(bool ok)
{
    return ok ? STEP_STARTED : STEP_NO_MEMORY;
}

static enum step
start_class(struct brain *b, const struct choice *c, int k)
{
    struct entry *chunk[CHUNK_MAX_IDS];
    size_t n;

    if (c->boot) {
        return within_plan(b, (double)walk_expected(c->boot))
                   ? started(bootstrap_start(c->boot))
                   : STEP_LATER;
    }
    if (c->walk &&
        (c->ids == NULL || b->walks_in_flight == 0 || b->starts % 2 == 0)) {
        return within_plan(b, (double)walk_expected(c->walk))
                   ? started(walk_start_page(c->walk))
                   : STEP_LATER;
    }
    if (c->ids == NULL) {
        return STEP_NOTHING;
    }
    n = fill(b, c->ids, k, chunk);
    if (!within_plan(b, (double)n)) {
        return STEP_LATER;
    }
    if (!ids_start(b, chunk, n, (enum ask_class)k)) {
        return STEP_NO_MEMORY;
    }
    turn_to_next(b, c->ids);
    return STEP_STARTED;
}

static enum step
step(struct brain *b)
{
    struct choice choices[ASK_CLASSES];
    const bool aside = retry_may_probe(b, true);
    struct call *call = aside ? call_waiting(b) : NULL;
    int k;

    if (b->usage_wanted && b->usage == NULL && aside) {
        return within_plan(b, 0) ? started(budget_start_usage(b)) : STEP_LATER;
    }
    if (call) {
        return within_plan(b, call->usage ? 0 : 1) ? started(call_start(call))
                                                   : STEP_LATER;
    }
    if (!retry_may_probe(b, false)) {
        return STEP_NOTHING;
    }
    look(b, choices);
    k = choose_class(b, choices);
    return k < 0 ? STEP_NOTHING : start_class(b, &choices[k], k);
}

void
plan_run(struct brain *b)
{
    enum step done;
    int64_t when;

    wake_clear(&b->wakes, &b->gate_wake);
    while (!b->closed && b->in_flight < b->config.max_requests_in_flight +
                                            MUTANT(IN_FLIGHT_ONE_MORE)) {
        if (!retry_gate_open(b, &when)) {
            wake_set(&b->wakes, &b->gate_wake, when);
            return;
        }
        done = step(b);
        if (done == STEP_NO_MEMORY) {
            b->gate.memory_until = b->now + MEMORY_PAUSE_NS;
        } else if (done != STEP_STARTED) {
            return;
        }
        b->starts += done == STEP_STARTED;
    }
}
