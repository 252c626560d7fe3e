/* The table of conflation: what one more version, or the going, of an event
 * makes of what a subscription has pending for it.
 *
 *     pending   + version   = pending     + gone     =
 *     nothing     changed, or added        removed
 *     added       added                    nothing
 *     changed     changed                  removed
 *     removed     changed                  (cannot be)
 *
 * A queue that does not conflate appends instead; it folds by the same table
 * when it overflows.  Nothing is freed here: what falls off goes into the
 * offer's spare update, which an update in the making would have become. */
#include "base/mem.h"
#include "base/mutant.h"
#include "delivery/internal.h"

struct slot *
slot_create(void)
{
    return mem_calloc(1, sizeof(struct slot));
}

void
slot_free_chain(struct slot *slot)
{
    while (slot) {
        struct slot *next = slot->next;

        document_release(slot->newest);
        mem_free(slot);
        slot = next;
    }
}

sgo_status
slot_insert_locked(struct sgo_subscription *sub, struct slot *slot,
                   const char *event_id, size_t id_len)
{
    size_t at;

    if (sub->min_interval_ns &&
        held_reserve(sub, sub->slots.len + 1) != SGO_OK) {
        return SGO_NO_MEMORY;
    }
    if (map_put(&sub->slots, event_id, id_len, slot, NULL) != SGO_OK) {
        return SGO_NO_MEMORY;
    }
    at = sub->slots.used - 1; /* new entries stand last */
    slot->event_id = sub->slots.entries[at].key;
    slot->id_len = id_len;
    return SGO_OK;
}

void
slot_remove_locked(struct sgo_subscription *sub, struct slot *slot)
{
    held_remove(sub, slot);
    map_remove(&sub->slots, slot->event_id, slot->id_len);
}

struct document *
slot_held_locked(const struct sgo_subscription *sub, const char *event_id,
                 size_t id_len, const struct hub_stream *except)
{
    for (size_t i = 0; i < sub->stream_count; i++) {
        const struct hub_stream *stream = sub->members[i].stream;
        const struct holding *held =
            stream && stream != except
                ? map_get(&stream->events, event_id, id_len)
                : NULL;

        if (held) {
            return held->doc;
        }
    }
    return NULL;
}

/* ---- pending updates ------------------------------------------------------ */

static size_t
bytes_of(const struct document *doc)
{
    return doc->body_cap + doc->containers_cap;
}

/* queued_bytes may wrap for a moment on the way; sums are exact. */
static void
count_bytes(struct hub *hub, size_t *counted, size_t bytes)
{
    if (bytes != *counted) {
        atomic_fetch_add_explicit(&hub->queued_bytes, bytes - *counted,
                                  memory_order_relaxed);
        *counted = bytes;
    }
}

void
slot_account_locked(struct hub *hub, struct sgo_update *u)
{
    size_t bytes = 0;

    if (u->owns_previous && u->previous && u->previous != u->event) {
        bytes += bytes_of(u->previous);
    }
    if (u->event &&
        (u->superseded || (u->kind == SGO_REMOVED &&
                           (u->owns_previous || u->event != u->previous)))) {
        bytes += bytes_of(u->event);
    }
    count_bytes(hub, &u->held_bytes, bytes);
}

void
slot_queue_locked(struct sgo_subscription *sub, struct slot *slot,
                  struct sgo_update *u)
{
    u->slot = slot;
    u->owns_previous = slot->pending == NULL;
    if (slot->pending) {
        slot->pending->superseded = true;
        slot_account_locked(sub->hub, slot->pending);
    }
    slot->pending = u;
    slot->queued++;
    sub->stats.pending++;
    if (slot->due) {
        held_push(sub, slot);
    } else {
        ready_insert(&sub->ready, sub->ready.last, u);
    }
    slot_account_locked(sub->hub, u);
}

void
slot_drop_update_locked(struct sgo_subscription *sub, struct sgo_update *u)
{
    struct slot *slot = u->slot;

    if (u == sub->fill_tail) {
        sub->fill_tail = u->prev;
    }
    if (u->in_list) {
        ready_remove(&sub->ready, u);
    }
    if (slot->pending == u) {
        slot->pending = NULL;
    }
    slot->queued--;
    u->slot = NULL;
    u->stream = NULL;
    sub->stats.pending--;
    count_bytes(sub->hub, &u->held_bytes, 0);
    count_bytes(sub->hub, &slot->carried_bytes, 0);
    if (sub->ready.n == 0) {
        sub->catching_up = false;
    }
}

void
slot_take_update_locked(struct sgo_subscription *sub, struct sgo_update *u)
{
    struct slot *slot = u->slot;

    slot_drop_update_locked(sub, u);
    if (slot->queued && u->event) { /* the next one's `previous` */
        count_bytes(sub->hub, &slot->carried_bytes, bytes_of(u->event));
    }
}

static void
chain_update(struct sgo_update **chain, struct sgo_update *u)
{
    u->next = *chain;
    *chain = u;
}

void
slot_retire_locked(struct sgo_subscription *sub, struct slot *slot,
                   struct slot **dead)
{
    if (slot->present || slot->queued || sub->filling) {
        return;
    }
    if (slot->due) {
        held_push(sub, slot);
        return;
    }
    slot_remove_locked(sub, slot);
    slot->next = *dead;
    *dead = slot;
}

/* ---- folding an overflown queue ------------------------------------------- */

/* Let `into` also tell what `u`, which came later, would have told. */
static void
merge(struct sgo_update *into, struct sgo_update *u)
{
    struct document *event = into->event;

    if (u->kind == SGO_REMOVED) {
        into->kind = SGO_REMOVED;
    } else if (into->kind == SGO_REMOVED) {
        into->kind = SGO_CHANGED;
    }
    if (!MUTANT(FOLD_KEEPS_OLD)) {
        into->event = u->event;
        u->event = event;
    }
    u->junk = atomic_load_explicit(&into->raw, memory_order_relaxed);
    atomic_store_explicit(&into->raw, NULL, memory_order_relaxed);
    into->skipped += u->skipped + !u->mark;
    if (into->kind != SGO_ADDED && !u->mark) {
        into->cause = u->cause;
    }
    into->mark = into->mark && u->mark;
    into->times = u->times;
    into->stream = u->stream;
    into->stream_id = u->stream_id;
}

void
slot_fold_locked(struct sgo_subscription *sub, const struct slot *keep,
                 struct sgo_update **junk, struct slot **dead)
{
    struct sgo_update *next;

    for (struct sgo_update *u = sub->ready.first; u; u = u->next) {
        u->slot->pending = NULL;
    }
    for (struct sgo_update *u = sub->ready.first; u; u = next) {
        struct slot *slot = u->slot;
        struct sgo_update *into = slot->pending;

        next = u->next;
        if (into == NULL) {
            slot->pending = u;
            u->owns_previous = true;
            u->superseded = false;
            count_bytes(sub->hub, &slot->carried_bytes, 0);
            slot_account_locked(sub->hub, u);
            continue;
        }
        if (into->kind == SGO_ADDED && u->kind == SGO_REMOVED) {
            slot_drop_update_locked(sub, into);
            chain_update(junk, into);
            sub->stats.cancelled++;
        } else {
            sub->stats.conflated += !u->mark;
            u->stream->conflated += !u->mark;
            merge(into, u);
            slot_account_locked(sub->hub, into);
        }
        slot_drop_update_locked(sub, u);
        chain_update(junk, u);
        if (slot != keep) {
            slot_retire_locked(sub, slot, dead);
        }
    }
    sub->slow = true;
    sub->catching_up = sub->ready.n > 0;
    sub->stats.slow_episodes++;
}

/* ---- offers --------------------------------------------------------------- */

static bool
conflates(const struct sgo_subscription *sub)
{
    return sub->conflate || sub->catching_up;
}

/* Before one more update goes into a queue that does not conflate. */
static void
make_room(struct offer *offer, const struct slot *slot)
{
    struct sgo_subscription *sub = offer->sub;

    if (!conflates(sub) && sub->ready.n >= sub->max_queue &&
        !MUTANT(QUEUE_UNBOUNDED)) {
        slot_fold_locked(sub, slot, &offer->junk, &offer->dead);
    }
}

void
slot_damage_locked(struct sgo_subscription *sub)
{
    sub->damaged = true;
    sub->hub->any_damaged = true;
    sub->hub->repairs++;
}

/* A pending update of its own, out of the spare. */
static void
queue_new(struct offer *offer, const struct publication *pub,
          struct hub_stream *stream, struct slot *slot, sgo_update_kind kind)
{
    struct sgo_update *u = offer->spare;

    offer->spare = NULL;
    u->kind = kind;
    u->cause = pub->cause;
    u->times = pub->times;
    u->stream = stream;
    u->stream_id = stream->id;
    u->previous = slot->newest; /* its reference moves */
    if (kind == SGO_REMOVED) {
        u->event = document_retain(pub->event ? pub->event : slot->newest);
        slot->newest = NULL;
        slot->present = false;
    } else {
        if (kind == SGO_CHANGED && offer->changes &&
            offer->base == slot->newest) {
            atomic_store_explicit(&u->raw, changes_retain(offer->changes),
                                  memory_order_relaxed);
        }
        u->event = document_retain(pub->event);
        slot->newest = document_retain(pub->event);
        slot->present = true;
    }
    slot_queue_locked(offer->sub, slot, u);
}

/* The version takes the place of the slot's newest, and of what the pending
 * update (if any) carries. */
static void
replace(struct offer *offer, struct slot *slot, struct document *doc)
{
    struct sgo_update *bag = offer->spare;
    struct sgo_update *u = slot->pending;

    bag->previous = slot->newest;
    slot->newest = document_retain(doc);
    if (u && u->previous && MUTANT(PREVIOUS_MOVED)) {
        bag->previous = u->previous;
        u->previous = u->event;
        u->event = document_retain(doc);
        return;
    }
    if (u) {
        bag->event = u->event;
        if (!MUTANT(CHANGES_KEPT)) {
            bag->junk = atomic_load_explicit(&u->raw, memory_order_relaxed);
            atomic_store_explicit(&u->raw, NULL, memory_order_relaxed);
        }
        u->event = document_retain(doc);
        slot_account_locked(offer->sub->hub, u);
    }
}

/* A shown version falls on a pending update. */
static void
count_conflated(struct offer *offer, const struct publication *pub,
                struct hub_stream *stream, struct sgo_update *u)
{
    if (!u->mark) {
        u->skipped++;
        offer->sub->stats.conflated++;
        stream->conflated++;
    }
    u->mark = false;
    if (u->kind != SGO_ADDED) {
        u->cause = pub->cause;
    }
    u->times = pub->times;
    u->stream = stream;
    u->stream_id = stream->id;
}

static void
version_of_present(struct offer *offer, const struct publication *pub,
                   struct hub_stream *stream, struct slot *slot)
{
    bool shown = offer->shown || offer->base != slot->newest;

    if (!shown) {
        replace(offer, slot, pub->event);
        offer->sub->stats.hidden += !MUTANT(HIDDEN_UNCOUNTED);
        return;
    }
    make_room(offer, slot);
    if (conflates(offer->sub) && slot->pending) {
        count_conflated(offer, pub, stream, slot->pending);
        replace(offer, slot, pub->event);
    } else {
        queue_new(offer, pub, stream, slot, SGO_CHANGED);
    }
}

static void
version_of_absent(struct offer *offer, const struct publication *pub,
                  struct hub_stream *stream, struct slot *slot)
{
    struct sgo_update *u;

    make_room(offer, slot);
    u = slot->pending;
    if (!conflates(offer->sub) || u == NULL) {
        queue_new(offer, pub, stream, slot, SGO_ADDED);
        return;
    }
    u->kind = SGO_CHANGED; /* it was removed */
    count_conflated(offer, pub, stream, u);
    replace(offer, slot, pub->event);
    slot->present = true;
}

static void
gone(struct offer *offer, const struct publication *pub,
     struct hub_stream *stream, struct slot *slot)
{
    struct sgo_subscription *sub = offer->sub;
    struct sgo_update *u;

    make_room(offer, slot);
    u = slot->pending;
    if (!conflates(sub) || u == NULL) {
        queue_new(offer, pub, stream, slot, SGO_REMOVED);
        return;
    }
    offer->spare->previous = slot->newest;
    slot->newest = NULL;
    slot->present = false;
    if (u->kind == SGO_ADDED && !MUTANT(CANCEL_TOLD)) {
        slot_drop_update_locked(sub, u);
        chain_update(&offer->junk, u);
        sub->stats.cancelled++;
        slot_retire_locked(sub, slot, &offer->dead);
        return;
    }
    count_conflated(offer, pub, stream, u);
    u->kind = SGO_REMOVED;
    offer->spare->junk = atomic_load_explicit(&u->raw, memory_order_relaxed);
    atomic_store_explicit(&u->raw, NULL, memory_order_relaxed);
    if (pub->event) {
        offer->spare->event = u->event;
        u->event = document_retain(pub->event);
    }
    slot_account_locked(sub->hub, u);
}

/* The slot of an event that the subscription meets for the first time, or
 * NULL when none is wanted or can be had. */
static struct slot *
new_slot(struct offer *offer, const struct publication *pub, bool here,
         struct document *was)
{
    struct sgo_subscription *sub = offer->sub;
    struct slot *slot = offer->spare_slot;

    if (!here && !sub->filling) {
        return NULL;
    }
    if (slot == NULL || slot_insert_locked(sub, slot, pub->event_id,
                                           pub->event_id_len) != SGO_OK) {
        slot_damage_locked(sub);
        return NULL;
    }
    offer->spare_slot = NULL;
    if (sub->filling && was && !sub->initial) {
        slot->present = true; /* known without having been told */
        slot->newest = document_retain(was);
    }
    return slot;
}

void
slot_offer_locked(struct offer *offer, const struct publication *pub,
                  struct hub_stream *stream, struct document *was)
{
    struct sgo_subscription *sub = offer->sub;
    bool here = pub->kind != SGO_REMOVED && offer->chosen;
    struct publication as_snapshot;
    struct slot *slot;

    if (sub->closed || sub->ended || sub->failed) {
        return;
    }
    if (pub->kind == SGO_REMOVED && !MUTANT(FIRST_STREAM_REMOVES) &&
        slot_held_locked(sub, pub->event_id, pub->event_id_len, NULL)) {
        return; /* another of its streams has it still */
    }
    slot = map_get(&sub->slots, pub->event_id, pub->event_id_len);
    if (slot == NULL) {
        if (was == NULL && sub->filling) {
            was = slot_held_locked(sub, pub->event_id, pub->event_id_len,
                                   stream);
        }
        slot = new_slot(offer, pub, here, was);
        if (slot && here && sub->filling && was && sub->initial) {
            as_snapshot = *pub;
            as_snapshot.cause = SGO_CAUSE_SNAPSHOT;
            pub = &as_snapshot;
        }
    }
    if (slot == NULL || (here && slot->newest == pub->event) ||
        (!here && !slot->present)) {
        return; /* not ours, told by another stream, or a tombstone */
    }
    if (offer->spare == NULL) {
        slot_damage_locked(sub);
        return;
    }
    slot->cause = pub->cause;
    slot->stream = stream;
    if (!here) {
        gone(offer, pub, stream, slot);
    } else if (slot->present) {
        version_of_present(offer, pub, stream, slot);
    } else {
        version_of_absent(offer, pub, stream, slot);
    }
    ready_signal_locked(sub);
}
