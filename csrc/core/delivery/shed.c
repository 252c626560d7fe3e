/* What goes when the client's byte limit is reached: pending `previous`
 * versions, the largest first, then whole queues that do not conflate. */
#include "base/mem.h"
#include "delivery/internal.h"

enum { SHED_BATCH = 256 /* documents let go per hold of the lock */ };

/* The power of two of what dropping this update's `previous` would free, or
 * -1. */
static int
class_of(const struct sgo_update *u)
{
    size_t bytes;

    if (u->previous == NULL || u->previous == u->event || !u->owns_previous) {
        return -1;
    }
    bytes = u->previous->body_cap + u->previous->containers_cap;
    return bytes ? 63 - __builtin_clzll((unsigned long long)bytes) : 0;
}

/* Walk over all pending updates of all subscriptions. */
struct walk {
    struct sgo_subscription *sub;
    struct sgo_update *u; /* in the list */
    size_t held;          /* next of the heap */
};

static struct sgo_update *
walk_next_locked(struct walk *w)
{
    for (; w->sub; w->sub = w->sub->next, w->u = NULL, w->held = 0) {
        if (w->held == 0) {
            w->u = w->u ? w->u->next : w->sub->ready.first;
            if (w->u) {
                return w->u;
            }
        }
        while (w->held < w->sub->held_count) {
            struct slot *slot = w->sub->held[w->held++];

            if (slot->pending && !slot->pending->in_list) {
                return slot->pending;
            }
        }
    }
    return NULL;
}

/* Drop a batch of the largest; false: there is none. */
static bool
shed_previous(struct hub *hub, size_t target)
{
    struct document *docs[SHED_BATCH];
    struct sgo_update *u;
    struct walk w;
    int largest = -1;
    size_t n = 0;

    pthread_mutex_lock(&hub->lock);
    w = (struct walk){.sub = hub->subs};
    while ((u = walk_next_locked(&w)) != NULL) {
        int class = class_of(u);

        largest = class > largest ? class : largest;
    }
    w = (struct walk){.sub = hub->subs};
    while (largest >= 0 && n < SHED_BATCH && hub_queued_bytes(hub) > target &&
           (u = walk_next_locked(&w)) != NULL) {
        if (class_of(u) < largest) {
            continue;
        }
        docs[n++] = u->previous;
        u->previous = NULL;
        u->junk = atomic_load_explicit(&u->raw, memory_order_relaxed);
        atomic_store_explicit(&u->raw, NULL, memory_order_relaxed);
        slot_account_locked(hub, u);
        w.sub->stats.previous_dropped++;
    }
    pthread_mutex_unlock(&hub->lock);
    for (size_t i = 0; i < n; i++) {
        document_release(docs[i]);
    }
    return n > 0;
}

/* What the queue keeps, were it folded or not. */
static size_t
queue_bytes_locked(const struct sgo_subscription *sub)
{
    size_t bytes = 0;

    if (sub->conflate || sub->catching_up) {
        return 0;
    }
    for (const struct sgo_update *u = sub->ready.first; u; u = u->next) {
        bytes += u->held_bytes;
    }
    return bytes;
}

/* End the largest queue as at max_queue; false: there is none. */
static bool
fold_largest(struct hub *hub)
{
    struct sgo_subscription *largest = NULL;
    struct sgo_update *junk = NULL;
    struct slot *dead = NULL;
    size_t most = 0;

    pthread_mutex_lock(&hub->lock);
    for (struct sgo_subscription *sub = hub->subs; sub; sub = sub->next) {
        size_t bytes = queue_bytes_locked(sub);

        if (bytes > most) {
            most = bytes;
            largest = sub;
        }
    }
    if (largest) {
        slot_fold_locked(largest, NULL, &junk, &dead);
        ready_signal_locked(largest);
    }
    pthread_mutex_unlock(&hub->lock);
    update_release_chain(junk);
    slot_free_chain(dead);
    return largest != NULL;
}

size_t
hub_shed(struct hub *hub, size_t bytes)
{
    size_t before = hub_queued_bytes(hub);
    size_t target = before > bytes ? before - bytes : 0;
    size_t after;

    while (hub_queued_bytes(hub) > target && shed_previous(hub, target)) {
    }
    while (hub_queued_bytes(hub) > target && fold_largest(hub)) {
    }
    after = hub_queued_bytes(hub);
    return before > after ? before - after : 0;
}
