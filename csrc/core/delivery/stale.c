/* Staleness: since when is a stream, or an event, no longer proven current?
 *
 * A stream is proven by each frame of its socket while it is live (polling:
 * by each complete walk).  An event is proven by the newest request that
 * answered it, and by its stream's proof, unless a notification of it waits
 * for its answer: then its proof stands still at that notification, up to
 * which it was current. */
#include "base/status.h"
#include "delivery/internal.h"

/* Two checks of one subscription are this far apart at least: a part of
 * max_age, within bounds. */
static int64_t
spacing_ns(const struct sgo_subscription *sub)
{
    int64_t ns = sub->max_age_ns / 32;

    if (ns > WAIT_SLICE_NS) {
        return WAIT_SLICE_NS;
    }
    return ns < NS_PER_MS ? NS_PER_MS : ns;
}

/* Something that was stale may be no more. */
static void
check_soon(struct sgo_subscription *sub)
{
    int64_t at;

    if (sub->max_age_ns == 0 || !sub->stale) {
        return;
    }
    at = sub->checked_at + spacing_ns(sub);
    if (at < sub->next_check) {
        sub->next_check = at;
        if (sub->waiters) {
            pthread_cond_broadcast(&sub->cond);
        }
    }
}

void
stale_prove_stream_locked(struct hub_stream *stream, int64_t proof_ns)
{
    if (proof_ns > stream->told_proof) {
        stream->told_proof = proof_ns;
    }
    if (stream->state.phase != SGO_PHASE_LIVE ||
        stream->proven >= stream->told_proof) {
        return;
    }
    stream->proven = stream->told_proof;
    for (struct membership *m = stream->members; m; m = m->next) {
        check_soon(m->sub);
    }
}

static void
prove_event_locked(struct hub_stream *stream, struct holding *holding,
                   int64_t proof_ns, bool unanswered, const char *reason,
                   int64_t now)
{
    if (proof_ns > holding->proven) {
        holding->proven = proof_ns;
    }
    if (unanswered && !holding->unanswered) {
        int64_t until =
            stream->state.phase == SGO_PHASE_LIVE ? now : stream->proven;

        if (until > holding->proven) {
            holding->proven = until;
        }
    }
    holding->unanswered = unanswered;
    holding->reason = reason;
    for (struct membership *m = stream->members; m; m = m->next) {
        check_soon(m->sub);
    }
}

void
hub_prove(struct hub *hub, uint32_t stream_id, const char *event_id,
          size_t id_len, int64_t proof_ns, bool unanswered, const char *reason,
          int64_t now)
{
    struct hub_stream *stream;

    pthread_mutex_lock(&hub->lock);
    stream = hub_find_locked(hub, stream_id);
    if (stream && event_id == NULL) {
        stream->reason = reason;
        stale_prove_stream_locked(stream, proof_ns);
    } else if (stream) {
        struct holding *holding = map_get(&stream->events, event_id, id_len);

        if (holding) {
            prove_event_locked(stream, holding, proof_ns, unanswered, reason,
                               now);
        }
    }
    pthread_mutex_unlock(&hub->lock);
}

/* The last proof; 0: never. */
static int64_t
event_proof(const struct hub_stream *stream, const struct holding *holding)
{
    return holding->unanswered || holding->proven > stream->proven
               ? holding->proven
               : stream->proven;
}

sgo_status
hub_staleness(struct hub *hub, uint32_t stream_id, const char *event_id,
              size_t id_len, int64_t now, int64_t *ns, const char **reason)
{
    sgo_status status = SGO_NOT_FOUND;
    struct hub_stream *stream;
    const char *why = NULL;
    int64_t proof = 0;

    pthread_mutex_lock(&hub->lock);
    stream = hub_find_locked(hub, stream_id);
    if (stream && event_id == NULL) {
        proof = stream->proven;
        why = stream->reason;
        status = SGO_OK;
    } else if (stream) {
        const struct holding *holding =
            map_get(&stream->events, event_id, id_len);

        if (holding) {
            proof = event_proof(stream, holding);
            why = proof == holding->proven && holding->reason ? holding->reason
                                                              : stream->reason;
            status = SGO_OK;
        }
    }
    pthread_mutex_unlock(&hub->lock);
    if (status == SGO_OK) {
        *ns = proof == 0 ? -1 : now > proof ? now - proof : 0;
        *reason = why;
    }
    return status;
}

/* ---- of a subscription ---------------------------------------------------- */

/* What was never proven counts from the subscription's beginning. */
static int64_t
age_of(const struct sgo_subscription *sub, int64_t proof, int64_t now)
{
    return now - (proof ? proof : sub->created_at);
}

int64_t
stale_age_locked(const struct sgo_subscription *sub, const struct slot *slot,
                 int64_t now)
{
    int64_t best = INT64_MAX;

    for (size_t i = 0; i < sub->stream_count; i++) {
        const struct hub_stream *stream = sub->members[i].stream;
        const struct holding *holding =
            map_get(&stream->events, slot->event_id, slot->id_len);

        if (holding) {
            int64_t age = age_of(sub, event_proof(stream, holding), now);

            best = age < best ? age : best;
        }
    }
    return best == INT64_MAX ? 0 : best;
}

/* One look over everything. */
struct look {
    struct sgo_subscription *sub;
    int64_t now;
    int64_t next;   /* when something else may become stale */
    int64_t oldest; /* the greatest age beyond max_age; 0: none */
    struct sgo_update *spares;
    struct sgo_update **junk;
    size_t missing; /* spares */
};

/* Take one age into account; true: too old. */
static bool
weigh(struct look *look, int64_t age)
{
    int64_t max_age = look->sub->max_age_ns;

    if (age >= max_age) {
        look->oldest = age > look->oldest ? age : look->oldest;
        return true;
    }
    if (look->now + (max_age - age) < look->next) {
        look->next = look->now + (max_age - age);
    }
    return false;
}

/* An update that tells staleness and nothing else. */
static void
mark(struct look *look, struct slot *slot)
{
    struct sgo_update *u = look->spares;

    if (u == NULL) {
        look->missing++;
        return;
    }
    look->spares = u->next;
    u->next = NULL;
    u->mark = true;
    u->kind = SGO_CHANGED;
    u->cause = slot->cause;
    u->stream = slot->stream;
    u->stream_id = slot->stream->id;
    u->event = document_retain(slot->newest);
    u->previous = document_retain(slot->newest);
    slot_queue_locked(look->sub, slot, u);
}

static void
look_locked(struct look *look)
{
    struct sgo_subscription *sub = look->sub;
    bool marks = sub->on_stale == SGO_ON_STALE_MARK;
    struct map_entry *entry;
    size_t at = 0;

    look->next = look->now + sub->max_age_ns;
    look->oldest = 0;
    look->missing = 0;
    for (size_t i = 0; i < sub->stream_count && !marks; i++) {
        const struct hub_stream *stream = sub->members[i].stream;

        if (!stream->closed) {
            weigh(look, age_of(sub, stream->proven, look->now));
        }
    }
    while ((entry = map_next(&sub->slots, &at)) != NULL) {
        struct slot *slot = entry->value;
        struct sgo_update *u = slot->pending;
        bool stale;

        if (!slot->present) {
            continue;
        }
        stale = weigh(look, stale_age_locked(sub, slot, look->now));
        if (!marks) {
            continue;
        }
        if (stale != slot->stale_shown && u == NULL) {
            mark(look, slot);
        } else if (stale == slot->stale_shown && u && u->mark) {
            slot_drop_update_locked(sub, u);
            u->next = *look->junk;
            *look->junk = u;
        }
    }
}

/* Up to n unused updates, chained before *chain. */
static bool
add_spares(struct sgo_subscription *sub, size_t n, struct sgo_update **chain)
{
    for (size_t i = 0; i < n; i++) {
        struct sgo_update *u = update_create(sub->filter);

        if (u == NULL) {
            return false;
        }
        u->next = *chain;
        *chain = u;
    }
    return true;
}

void
stale_check_locked(struct sgo_subscription *sub, int64_t now,
                   struct sgo_update **junk)
{
    struct look look = {.sub = sub, .now = now, .junk = junk};
    bool enough = true;
    bool stale;

    if (sub->max_age_ns == 0 || now < sub->next_check || sub->filling) {
        return;
    }
    for (;;) {
        if (sub->closed || sub->ended || sub->failed) {
            sub->next_check = CLOCK_NEVER;
            break;
        }
        look_locked(&look);
        if (look.missing == 0 || !enough) {
            break;
        }
        pthread_mutex_unlock(&sub->hub->lock);
        enough = add_spares(sub, look.missing, &look.spares);
        pthread_mutex_lock(&sub->hub->lock);
    }
    while (look.spares) {
        struct sgo_update *u = look.spares;

        look.spares = u->next;
        u->next = *junk;
        *junk = u;
    }
    if (sub->next_check == CLOCK_NEVER) {
        return;
    }
    stale = look.oldest > 0;
    if (stale != sub->stale) {
        sub->stale = stale;
        sub->stats.stale_episodes += stale;
        sub->stale_untold = stale && sub->on_stale == SGO_ON_STALE_RAISE;
    }
    sub->stale_age_ns = look.oldest;
    sub->checked_at = now;
    sub->next_check = now + spacing_ns(sub);
    if (look.next > sub->next_check && look.missing == 0) {
        sub->next_check = look.next;
    }
    ready_signal_locked(sub);
}
