/* The I/O thread's side: a version into its stream's table and to the
 * subscriptions.  What costs (reading, comparing, filtering, allocating) is
 * done between two holds of the lock; when the members of the stream changed
 * meanwhile, it is done again. */
#include <string.h>

#include "base/mem.h"
#include "delivery/internal.h"

enum { FEW_OFFERS = 8 };

#define MEND_DELAY_NS (100 * NS_PER_MS)

/* One publication under way. */
struct work {
    struct hub *hub;
    struct publication pub; /* as the table's state makes it */
    struct document *was;   /* a reference; NULL: not held */
    struct changes *made;   /* compared here; a reference */
    struct holding *fresh;  /* for a new event */
    uint64_t serial;        /* of the stream's members */
    struct offer few[FEW_OFFERS];
    struct offer *offers;
    size_t n;
    bool short_of_memory; /* no room for the offers */
};

/* Release all that an offer has; its subscription last. */
static void
offer_fini(struct offer *offer)
{
    update_release(offer->spare);
    update_release_chain(offer->junk);
    slot_free_chain(offer->spare_slot);
    slot_free_chain(offer->dead);
    document_release(offer->base);
    changes_release(offer->changes);
    subscription_release(offer->sub);
}

static void
work_reset(struct work *w)
{
    for (size_t i = 0; i < w->n; i++) {
        offer_fini(&w->offers[i]);
    }
    if (w->offers != w->few) {
        mem_free(w->offers);
    }
    document_release(w->was);
    changes_release(w->made);
    w->offers = w->few;
    w->n = 0;
    w->was = NULL;
    w->made = NULL;
    w->short_of_memory = false;
}

/* ---- first hold: who is to be told, and from which version ---------------- */

/* What the publication is, seen from the table. */
static void
normalise(struct work *w, const struct publication *given)
{
    w->pub = *given;
    if (given->kind == SGO_REMOVED) {
        w->pub.event = given->event ? given->event : w->was;
        w->pub.changes = NULL;
    } else {
        w->pub.kind = w->was ? SGO_CHANGED : SGO_ADDED;
        if (w->was == NULL || given->previous != w->was) {
            w->pub.changes = NULL;
        }
    }
    w->pub.previous = w->was;
}

/* A list for n offers; false: no memory. */
static bool
reserve(struct work *w, size_t n)
{
    if (n > FEW_OFFERS) {
        w->offers = mem_alloc(n * sizeof(*w->offers));
        if (w->offers == NULL) {
            w->offers = w->few;
            return false;
        }
    }
    return true;
}

/* The first look at a subscription, whose reference is taken over. */
static void
offer_begin_locked(struct offer *offer, struct sgo_subscription *sub,
                   const struct publication *pub)
{
    const struct slot *slot =
        map_get(&sub->slots, pub->event_id, pub->event_id_len);

    *offer = (struct offer){
        .sub = sub, .filling = sub->filling, .needs_slot = slot == NULL};
    if (slot && slot->newest) {
        offer->base = document_retain(slot->newest);
    }
}

static sgo_status
collect(struct work *w, const struct publication *given)
{
    size_t room = FEW_OFFERS;

    for (;;) {
        struct hub_stream *stream;
        struct holding *holding;
        size_t n;

        pthread_mutex_lock(&w->hub->lock);
        stream = hub_find_locked(w->hub, given->stream_id);
        if (stream == NULL || stream->closed) {
            pthread_mutex_unlock(&w->hub->lock);
            return SGO_NOT_FOUND;
        }
        n = stream->member_count;
        if (n > room && !w->short_of_memory) {
            pthread_mutex_unlock(&w->hub->lock);
            if (w->offers != w->few) {
                mem_free(w->offers);
                w->offers = w->few;
            }
            room = n + n / 4;
            w->short_of_memory = !reserve(w, room);
            continue;
        }
        holding =
            map_get(&stream->events, given->event_id, given->event_id_len);
        w->was = holding ? document_retain(holding->doc) : NULL;
        w->serial = stream->member_serial;
        for (struct membership *m = stream->members; m && !w->short_of_memory;
             m = m->next) {
            if (subscription_try_retain(m->sub)) {
                offer_begin_locked(&w->offers[w->n++], m->sub, given);
            }
        }
        pthread_mutex_unlock(&w->hub->lock);
        normalise(w, given);
        return SGO_OK;
    }
}

/* ---- between the holds ---------------------------------------------------- */

/* What the subscription would be shown: from pub->changes where that is what
 * it lacks, else by a comparison of its own. */
static void
judge(struct offer *offer, const struct publication *pub)
{
    const struct show_filter *show = &offer->sub->filter->show;

    offer->shown = true;
    if (offer->base == NULL && offer->filling && pub->previous) {
        offer->base = document_retain(pub->previous);
    }
    if (pub->kind == SGO_REMOVED || !offer->chosen || offer->base == NULL ||
        offer->base == pub->event) {
        return;
    }
    if (offer->base == pub->previous && pub->changes) {
        offer->changes = changes_retain(pub->changes);
    } else if (diff_compare(offer->base, pub->event, &offer->changes) !=
               SGO_OK) {
        offer->changes = NULL; /* the consumer compares */
        return;
    }
    offer->shown = offer->changes->n &&
                   (show_everything(show) ||
                    show_any(show, offer->base, pub->event, offer->changes));
}

static void
prepare_offer(struct offer *offer, const struct publication *pub)
{
    offer->chosen = pub->kind == SGO_REMOVED ||
                    filter_chooses(offer->sub->filter, pub->event_id,
                                   pub->event_id_len, pub->event);
    judge(offer, pub);
    if (offer->chosen || offer->filling || !offer->needs_slot) {
        offer->spare = update_create(offer->sub->filter);
    }
    if (offer->needs_slot &&
        (offer->filling || (offer->chosen && pub->kind != SGO_REMOVED))) {
        offer->spare_slot = slot_create();
    }
}

static void
prepare(struct work *w)
{
    if (w->pub.kind == SGO_CHANGED && w->pub.changes == NULL && w->n) {
        if (diff_compare(w->was, w->pub.event, &w->made) == SGO_OK) {
            w->pub.changes = w->made;
        } /* else: taken as shown, and compared by the consumer */
    }
    for (size_t i = 0; i < w->n; i++) {
        prepare_offer(&w->offers[i], &w->pub);
    }
    if (w->pub.kind == SGO_ADDED && w->fresh == NULL) {
        w->fresh = mem_calloc(1, sizeof(*w->fresh));
    }
}

/* ---- second hold ---------------------------------------------------------- */

/* The table.  *old gets what is to be released outside the lock. */
static sgo_status
apply_locked(struct work *w, struct hub_stream *stream,
             struct holding **removed, struct document **old)
{
    const struct publication *pub = &w->pub;
    struct holding *holding;

    if (pub->kind == SGO_REMOVED) {
        *removed =
            map_remove(&stream->events, pub->event_id, pub->event_id_len);
        return SGO_OK;
    }
    if (pub->kind == SGO_ADDED) {
        if (w->fresh == NULL ||
            map_put(&stream->events, pub->event_id, pub->event_id_len,
                    w->fresh, NULL) != SGO_OK) {
            return SGO_NO_MEMORY;
        }
        holding = w->fresh;
        w->fresh = NULL;
    } else {
        holding = map_get(&stream->events, pub->event_id, pub->event_id_len);
    }
    *old = holding->doc;
    holding->doc = document_retain(pub->event);
    if (pub->times.requested > holding->proven) {
        holding->proven = pub->times.requested;
    }
    return SGO_OK;
}

static bool
still_true_locked(const struct work *w, const struct hub_stream *stream)
{
    const struct holding *holding =
        map_get(&stream->events, w->pub.event_id, w->pub.event_id_len);

    return stream->member_serial == w->serial &&
           (holding ? holding->doc : NULL) == w->was;
}

/* SGO_AGAIN: something changed since the first hold. */
static sgo_status
apply(struct work *w)
{
    struct holding *removed = NULL;
    struct document *old = NULL;
    struct hub_stream *stream;
    sgo_status status;

    pthread_mutex_lock(&w->hub->lock);
    stream = hub_find_locked(w->hub, w->pub.stream_id);
    if (stream == NULL || stream->closed) {
        status = SGO_NOT_FOUND;
    } else if (!still_true_locked(w, stream)) {
        status = SGO_AGAIN;
    } else {
        status = apply_locked(w, stream, &removed, &old);
    }
    for (size_t i = 0; i < w->n && status == SGO_OK; i++) {
        slot_offer_locked(&w->offers[i], &w->pub, stream, w->was);
    }
    if (status == SGO_OK && w->short_of_memory) {
        for (struct membership *m = stream->members; m; m = m->next) {
            slot_damage_locked(m->sub);
        }
    }
    pthread_mutex_unlock(&w->hub->lock);
    document_release(old);
    if (removed) {
        document_release(removed->doc);
        mem_free(removed);
    }
    return status;
}

static sgo_status
publish(struct hub *hub, const struct publication *given)
{
    struct work w = {.hub = hub};
    sgo_status status;

    w.offers = w.few;
    do {
        status = collect(&w, given);
        if (status == SGO_OK) {
            bool nothing = w.pub.kind == SGO_REMOVED ? w.was == NULL
                                                     : w.was == w.pub.event;
            if (!nothing) {
                prepare(&w);
                status = apply(&w);
            }
        }
        work_reset(&w);
    } while (status == SGO_AGAIN);
    mem_free(w.fresh);
    return status;
}

/* ---- what lacked memory --------------------------------------------------- */

/* Forget a deferred event: number i. */
static void
drop_deferred(struct hub *hub, size_t i)
{
    document_release(hub->deferred[i].doc);
    hub->deferred_count--;
    for (; i < hub->deferred_count; i++) {
        hub->deferred[i] = hub->deferred[i + 1];
    }
}

/* Keep a new event that found no memory, for later. */
static sgo_status
defer(struct hub *hub, const struct publication *pub)
{
    if (hub->deferred_count == HUB_MAX_DEFERRED) {
        return SGO_NO_MEMORY;
    }
    hub->deferred[hub->deferred_count++] =
        (struct deferred){.stream_id = pub->stream_id,
                          .cause = pub->cause,
                          .times = pub->times,
                          .doc = document_retain(pub->event)};
    pthread_mutex_lock(&hub->lock);
    hub->repairs++;
    pthread_mutex_unlock(&hub->lock);
    return SGO_OK;
}

static void
retry_deferred(struct hub *hub)
{
    size_t i = 0;

    while (i < hub->deferred_count) {
        const struct deferred *d = &hub->deferred[i];
        struct publication pub = {.stream_id = d->stream_id,
                                  .kind = SGO_ADDED,
                                  .cause = d->cause,
                                  .event_id = d->doc->event_id,
                                  .event_id_len = d->doc->event_id_len,
                                  .event = d->doc,
                                  .times = d->times};

        if (publish(hub, &pub) == SGO_NO_MEMORY) {
            i++;
        } else {
            drop_deferred(hub, i);
        }
    }
}

/* Offer a version, or the going, of one event to one subscription that has
 * missed it.  False: no memory again. */
static bool
offer_missed(struct sgo_subscription *sub, struct document *doc,
             struct hub_stream *stream)
{
    struct publication pub = {.kind = stream ? SGO_CHANGED : SGO_REMOVED,
                              .cause = SGO_CAUSE_RESYNC,
                              .event_id = doc->event_id,
                              .event_id_len = doc->event_id_len,
                              .event = doc};
    const struct holding *holding;
    struct offer offer;
    struct slot *slot;
    bool damaged;

    subscription_retain(sub);
    pthread_mutex_lock(&sub->hub->lock);
    offer_begin_locked(&offer, sub, &pub);
    pthread_mutex_unlock(&sub->hub->lock);
    prepare_offer(&offer, &pub);
    pthread_mutex_lock(&sub->hub->lock);
    slot = map_get(&sub->slots, doc->event_id, doc->event_id_len);
    if (stream) {
        holding = map_get(&stream->events, doc->event_id, doc->event_id_len);
        if (holding && holding->doc == doc) {
            slot_offer_locked(&offer, &pub, stream, NULL);
        }
    } else if (slot && slot->present) {
        slot_offer_locked(&offer, &pub, slot->stream, NULL);
    }
    damaged = sub->damaged;
    pthread_mutex_unlock(&sub->hub->lock);
    offer_fini(&offer);
    return !damaged;
}

/* The first event that the subscription believes in and no stream holds, with
 * a reference; NULL: none. */
static struct document *
find_gone(struct sgo_subscription *sub)
{
    struct document *doc = NULL;
    struct map_entry *entry;
    size_t at = 0;

    pthread_mutex_lock(&sub->hub->lock);
    while (doc == NULL && !sub->closed && !sub->ended && !sub->failed &&
           (entry = map_next(&sub->slots, &at)) != NULL) {
        const struct slot *slot = entry->value;

        if (slot->present &&
            !slot_held_locked(sub, slot->event_id, slot->id_len, NULL)) {
            doc = document_retain(slot->newest);
        }
    }
    pthread_mutex_unlock(&sub->hub->lock);
    return doc;
}

/* Compare a subscription with its streams' tables and offer what differs. */
static bool
mend(struct sgo_subscription *sub)
{
    struct snapshot snapshot;
    struct document *doc;
    bool well = true;

    if (snapshot_take(sub, false, &snapshot) != SGO_OK) {
        return false;
    }
    for (size_t i = 0; i < snapshot.n && well; i++) {
        well = offer_missed(sub, snapshot.docs[i], snapshot.streams[i]);
    }
    snapshot_fini(&snapshot);
    while (well && (doc = find_gone(sub)) != NULL) {
        well = offer_missed(sub, doc, NULL);
        document_release(doc);
    }
    return well;
}

/* A damaged subscription with a reference, its mark taken off; NULL: none. */
static struct sgo_subscription *
next_damaged(struct hub *hub)
{
    struct sgo_subscription *sub;

    pthread_mutex_lock(&hub->lock);
    hub->any_damaged = false;
    for (sub = hub->subs; sub; sub = sub->next) {
        if (sub->damaged && sub->filling) {
            hub->any_damaged = true; /* later */
        } else if (sub->damaged && subscription_try_retain(sub)) {
            sub->damaged = false;
            hub->any_damaged = true;
            break;
        }
    }
    pthread_mutex_unlock(&hub->lock);
    return sub;
}

void
publish_mend(struct hub *hub, int64_t now)
{
    struct sgo_subscription *sub;
    bool well = true;
    bool wanted;

    pthread_mutex_lock(&hub->lock);
    wanted = (hub->any_damaged || hub->deferred_count) && now >= hub->mend_at;
    pthread_mutex_unlock(&hub->lock);
    if (!wanted) {
        return;
    }
    retry_deferred(hub);
    while (well && (sub = next_damaged(hub)) != NULL) {
        well = mend(sub);
        if (!well) {
            pthread_mutex_lock(&hub->lock);
            sub->damaged = true;
            hub->any_damaged = true;
            pthread_mutex_unlock(&hub->lock);
        }
        subscription_release(sub);
    }
    pthread_mutex_lock(&hub->lock);
    hub->mend_at =
        hub->any_damaged || hub->deferred_count ? now + MEND_DELAY_NS : 0;
    pthread_mutex_unlock(&hub->lock);
}

sgo_status
hub_publish(struct hub *hub, const struct publication *pub)
{
    sgo_status status;

    if (pub->event && (pub->event->event_id_len != pub->event_id_len ||
                       memcmp(pub->event->event_id, pub->event_id,
                              pub->event_id_len) != 0)) {
        return SGO_INVALID;
    }
    if (hub->any_damaged || hub->deferred_count) { /* ours to write */
        publish_mend(hub, clock_now_ns());
    }
    for (size_t i = 0; i < hub->deferred_count; i++) {
        const struct deferred *d = &hub->deferred[i];

        if (d->stream_id == pub->stream_id &&
            d->doc->event_id_len == pub->event_id_len &&
            memcmp(d->doc->event_id, pub->event_id, pub->event_id_len) == 0) {
            drop_deferred(hub, i); /* this publication knows better */
            break;
        }
    }
    status = publish(hub, pub);
    if (status == SGO_NO_MEMORY && pub->kind != SGO_REMOVED) {
        status = defer(hub, pub);
    }
    return status;
}
