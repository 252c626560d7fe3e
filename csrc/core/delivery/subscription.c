/* The life of a subscription: made, filled with what its streams hold, ended
 * with them, closed. */
#include <string.h>

#include "base/mem.h"
#include "base/status.h"
#include "delivery/internal.h"

enum { DEFAULT_MAX_QUEUE = 10000 };

void
subscription_options_init(sgo_subscription_options *options)
{
    *options = (sgo_subscription_options){.size = sizeof(*options),
                                          .initial = true,
                                          .conflate = true,
                                          .max_queue = DEFAULT_MAX_QUEUE,
                                          .on_stale = SGO_ON_STALE_RAISE};
}

/* NULL, or what is wrong. */
static const char *
check_options(const sgo_subscription_options *options, size_t stream_count)
{
    if (options->size != sizeof(*options)) {
        return "options.size is not that of this version: call "
               "sgo_subscription_options_init first";
    }
    if (stream_count == 0 || stream_count > HUB_MAX_STREAMS) {
        return "a subscription takes 1 to 1000 streams";
    }
    if (options->min_interval_ns < 0) {
        return "min_interval is negative: 0 means no minimum";
    }
    if (options->max_age_ns < 0) {
        return "max_age is negative: 0 means none";
    }
    if (options->on_stale != SGO_ON_STALE_RAISE &&
        options->on_stale != SGO_ON_STALE_MARK) {
        return "on_stale is neither raise nor mark";
    }
    if (!options->conflate && options->max_queue == 0) {
        return "max_queue is 0: a queue that does not conflate needs room "
               "for one update at least";
    }
    if (!options->conflate && options->min_interval_ns) {
        return "min_interval needs conflate=True: a queue of every version "
               "that is emptied slowly only grows";
    }
    return NULL;
}

/* Zero streams, or all of them referenced; ids named twice count once. */
static sgo_status
find_streams_locked(struct sgo_subscription *sub, const uint32_t *ids,
                    size_t n)
{
    size_t put = 0;

    for (size_t i = 0; i < n; i++) {
        struct hub_stream *stream = hub_find_locked(sub->hub, ids[i]);
        size_t seen = 0;

        if (stream == NULL || stream->closed) {
            return stream ? SGO_CLOSED : SGO_NOT_FOUND;
        }
        while (seen < put && sub->members[seen].stream != stream) {
            seen++;
        }
        if (seen == put) {
            sub->members[put++] =
                (struct membership){.sub = sub, .stream = stream};
        }
    }
    for (size_t i = 0; i < put; i++) {
        sub->members[i].stream->refs++;
    }
    sub->stream_count = put;
    return SGO_OK;
}

void
subscription_link_locked(struct sgo_subscription *sub)
{
    struct hub *hub = sub->hub;

    for (size_t i = 0; i < sub->stream_count; i++) {
        struct membership *m = &sub->members[i];

        m->next = m->stream->members;
        if (m->next) {
            m->next->prev = m;
        }
        m->stream->members = m;
        m->stream->member_count++;
        m->stream->member_serial++;
        if (m->stream->state.failed && sub->failed == NULL) {
            sub->failed = m->stream;
        }
    }
    sub->next = hub->subs;
    if (sub->next) {
        sub->next->prev = sub;
    }
    hub->subs = sub;
    sub->linked = true;
}

/* Out of all lists; the streams' references stay. */
static void
unlink_locked(struct sgo_subscription *sub)
{
    if (!sub->linked) {
        return;
    }
    sub->linked = false;
    for (size_t i = 0; i < sub->stream_count; i++) {
        struct membership *m = &sub->members[i];

        if (m->prev) {
            m->prev->next = m->next;
        } else {
            m->stream->members = m->next;
        }
        if (m->next) {
            m->next->prev = m->prev;
        }
        m->stream->member_count--;
        m->stream->member_serial++;
    }
    if (sub->prev) {
        sub->prev->next = sub->next;
    } else {
        sub->hub->subs = sub->next;
    }
    if (sub->next) {
        sub->next->prev = sub->prev;
    }
}

/* ---- filling -------------------------------------------------------------- */

/* One event of the snapshot on its way in. */
struct filling {
    struct document *doc; /* borrowed */
    struct hub_stream *stream;
    struct slot *slot;
    struct sgo_update *update; /* NULL: initial=False */
};

static void
fill_one_locked(struct sgo_subscription *sub, struct filling *f,
                sgo_status *status)
{
    const char *id = f->doc->event_id;
    size_t id_len = f->doc->event_id_len;
    struct slot *slot = f->slot;
    struct sgo_update *u = f->update;

    if (sub->closed || f->stream->closed ||
        map_get(&sub->slots, id, id_len) != NULL) {
        return; /* ended, or told by a publication or another stream */
    }
    if (slot_insert_locked(sub, slot, id, id_len) != SGO_OK) {
        *status = SGO_NO_MEMORY;
        return;
    }
    f->slot = NULL;
    slot->present = true;
    slot->newest = document_retain(f->doc);
    slot->cause = SGO_CAUSE_SNAPSHOT;
    slot->stream = f->stream;
    if (u) {
        f->update = NULL;
        u->kind = SGO_ADDED;
        u->cause = SGO_CAUSE_SNAPSHOT;
        u->stream = f->stream;
        u->stream_id = f->stream->id;
        u->event = document_retain(f->doc);
        u->slot = slot;
        slot->pending = u;
        slot->queued++;
        sub->stats.pending++;
        ready_insert(&sub->ready, sub->fill_tail, u);
        sub->fill_tail = u;
    }
}

static sgo_status
fill_batch(struct sgo_subscription *sub, struct filling *batch, size_t n)
{
    sgo_status status = SGO_OK;

    for (size_t i = 0; i < n && status == SGO_OK; i++) {
        batch[i].slot = slot_create();
        batch[i].update = sub->initial ? update_create(sub->filter) : NULL;
        if (batch[i].slot == NULL ||
            (sub->initial && batch[i].update == NULL)) {
            status = SGO_NO_MEMORY;
        }
    }
    if (status == SGO_OK) {
        pthread_mutex_lock(&sub->hub->lock);
        for (size_t i = 0; i < n; i++) {
            fill_one_locked(sub, &batch[i], &status);
        }
        pthread_mutex_unlock(&sub->hub->lock);
    }
    for (size_t i = 0; i < n; i++) { /* what was not needed */
        slot_free_chain(batch[i].slot);
        update_release(batch[i].update);
    }
    return status;
}

static sgo_status
fill(struct sgo_subscription *sub, const struct snapshot *snapshot)
{
    struct filling batch[FILL_BATCH];
    size_t n = 0;

    for (size_t i = 0; i < snapshot->n; i++) {
        struct document *doc = snapshot->docs[i];

        if (filter_chooses(sub->filter, doc->event_id, doc->event_id_len,
                           doc)) {
            batch[n++] =
                (struct filling){.doc = doc, .stream = snapshot->streams[i]};
        }
        if (n == FILL_BATCH || (n && i + 1 == snapshot->n)) {
            sgo_status status = fill_batch(sub, batch, n);

            if (status != SGO_OK) {
                return status;
            }
            n = 0;
        }
    }
    return SGO_OK;
}

/* Tombstones have served. */
static void
end_filling(struct sgo_subscription *sub)
{
    struct slot *dead = NULL;
    struct map_entry *entry;
    size_t at = 0;

    pthread_mutex_lock(&sub->hub->lock);
    sub->filling = false;
    sub->fill_tail = NULL;
    while ((entry = map_next(&sub->slots, &at)) != NULL) {
        slot_retire_locked(sub, entry->value, &dead);
    }
    pthread_mutex_unlock(&sub->hub->lock);
    slot_free_chain(dead);
}

/* ---- making --------------------------------------------------------------- */

/* Everything that needs no lock.  NULL: out of memory; takes the filter. */
static struct sgo_subscription *
make(struct hub *hub, struct filter *filter, size_t stream_count,
     const sgo_subscription_options *options)
{
    struct sgo_subscription *sub = mem_calloc(1, sizeof(*sub));
    size_t patterns = filter->show.odd_id_count;

    if (sub == NULL) {
        goto no_sub;
    }
    sub->members = mem_calloc(stream_count, sizeof(*sub->members));
    sub->matched = mem_calloc(patterns + 1, sizeof(*sub->matched));
    if (sub->members == NULL || sub->matched == NULL ||
        wait_init(&sub->cond) != 0) {
        goto no_parts;
    }
    refcount_init(&sub->refs);
    hub_retain(hub);
    sub->hub = hub;
    sub->filter = filter;
    sub->initial = options->initial;
    sub->conflate = options->conflate;
    sub->max_queue = options->max_queue;
    sub->min_interval_ns = options->min_interval_ns;
    sub->max_age_ns = options->max_age_ns;
    sub->on_stale = options->on_stale;
    sub->created_at = clock_now_ns();
    sub->next_check = sub->created_at;
    sub->fd = sub->fd_write = -1;
    sub->filling = true;
    map_init(&sub->slots, hub->seed);
    map_init(&sub->grave, hub->seed);
    return sub;

no_parts:
    mem_free(sub->members);
    mem_free(sub->matched);
    mem_free(sub);
no_sub:
    filter_release(filter);
    return NULL;
}

sgo_status
subscription_create(struct hub *hub, const uint32_t *stream_ids, size_t n,
                    const sgo_subscription_options *options,
                    sgo_subscription **out, sgo_error *err)
{
    sgo_subscription_options defaults;
    struct sgo_subscription *sub;
    struct snapshot snapshot = {0};
    struct filter *filter;
    const char *wrong;
    sgo_status status;

    subscription_options_init(&defaults);
    options = options ? options : &defaults;
    wrong = check_options(options, n);
    if (wrong) {
        error_set(err, SGO_ERROR_BAD_REQUEST, "%s", wrong);
        return SGO_INVALID;
    }
    status = filter_create(options, &filter, err);
    if (status == SGO_OK) {
        sub = make(hub, filter, n, options);
        status = sub ? SGO_OK : SGO_NO_MEMORY;
    }
    if (status == SGO_OK) {
        pthread_mutex_lock(&hub->lock);
        status = find_streams_locked(sub, stream_ids, n);
        pthread_mutex_unlock(&hub->lock);
        if (status == SGO_OK) {
            status = snapshot_take(sub, true, &snapshot);
        }
        if (status == SGO_OK) {
            status = fill(sub, &snapshot);
            end_filling(sub);
        }
        snapshot_fini(&snapshot);
        if (status != SGO_OK) {
            subscription_release(sub);
        }
    }
    if (status == SGO_OK) {
        *out = sub;
    } else if (status == SGO_NO_MEMORY) {
        error_set(err, SGO_ERROR_MEMORY, "out of memory");
    } else if (status == SGO_CLOSED || status == SGO_NOT_FOUND) {
        error_set(err, SGO_ERROR_CLOSED, "the stream is closed");
    }
    return status;
}

/* ---- ending --------------------------------------------------------------- */

/* Drop one pending update. */
static void
drop_locked(struct sgo_subscription *sub, struct sgo_update *u,
            struct sgo_update **junk)
{
    slot_drop_update_locked(sub, u);
    u->next = *junk;
    *junk = u;
    sub->stats.dropped++;
}

/* Slots that are `dying` go, with all that is pending for them. */
static void
bury_locked(struct sgo_subscription *sub, struct sgo_update **junk,
            struct slot **dead)
{
    struct sgo_update *next;
    struct map_entry *entry;
    size_t at = 0;

    for (struct sgo_update *u = sub->ready.first; u; u = next) {
        next = u->next;
        if (u->slot->dying) {
            drop_locked(sub, u, junk);
        }
    }
    while ((entry = map_next(&sub->slots, &at)) != NULL) {
        struct slot *slot = entry->value;

        if (!slot->dying) {
            continue;
        }
        if (slot->pending) { /* min_interval holds it back */
            drop_locked(sub, slot->pending, junk);
        }
        slot_remove_locked(sub, slot);
        slot->next = *dead;
        *dead = slot;
    }
}

/* Everything goes: the updates to *junk, the slots to the grave. */
static void
clear_locked(struct sgo_subscription *sub, struct sgo_update **junk)
{
    struct map_entry *entry;
    size_t at = 0;

    while (sub->ready.first) {
        drop_locked(sub, sub->ready.first, junk);
    }
    while ((entry = map_next(&sub->slots, &at)) != NULL) {
        struct slot *slot = entry->value;

        if (slot->pending) { /* min_interval holds it back */
            drop_locked(sub, slot->pending, junk);
        }
    }
    sub->held_count = 0;
    if (sub->grave.len == 0) {
        struct map empty = sub->grave;

        sub->grave = sub->slots;
        sub->slots = empty;
    }
    sub->slow = false;
    sub->stale_untold = false;
}

void
subscription_bury(struct sgo_subscription *sub)
{
    struct map_entry *entry;
    struct map grave;
    size_t at = 0;

    pthread_mutex_lock(&sub->hub->lock);
    grave = sub->grave;
    map_init(&sub->grave, grave.seed);
    pthread_mutex_unlock(&sub->hub->lock);
    while ((entry = map_next(&grave, &at)) != NULL) {
        struct slot *slot = entry->value;

        slot->next = NULL;
        slot_free_chain(slot);
    }
    map_fini(&grave);
}

void
subscription_stream_closed_locked(struct sgo_subscription *sub,
                                  struct sgo_update **junk, struct slot **dead)
{
    struct hub_stream *open = NULL;
    struct map_entry *entry;
    size_t at = 0;

    for (size_t i = 0; i < sub->stream_count; i++) {
        if (!sub->members[i].stream->closed) {
            open = sub->members[i].stream;
        }
    }
    if (open == NULL) {
        clear_locked(sub, junk);
        sub->ended = true;
        ready_signal_locked(sub);
        return;
    }
    while ((entry = map_next(&sub->slots, &at)) != NULL) {
        struct slot *slot = entry->value;
        bool told_by_closed = slot->stream == NULL || slot->stream->closed;

        if (slot->present &&
            slot_held_locked(sub, slot->event_id, slot->id_len, NULL)) {
            slot->stream = told_by_closed ? open : slot->stream;
        } else {
            slot->dying = slot->present || told_by_closed;
        }
    }
    bury_locked(sub, junk, dead);
    ready_update_fd_locked(sub);
}

void
subscription_close(sgo_subscription *sub)
{
    struct sgo_update *junk = NULL;

    pthread_mutex_lock(&sub->hub->lock);
    if (!sub->closed) {
        clear_locked(sub, &junk);
        sub->closed = true;
        unlink_locked(sub);
        ready_signal_locked(sub);
    }
    pthread_mutex_unlock(&sub->hub->lock);
    update_release_chain(junk);
    subscription_bury(sub);
}

void
subscription_retain(sgo_subscription *sub)
{
    refcount_retain(&sub->refs);
}

bool
subscription_try_retain(struct sgo_subscription *sub)
{
    unsigned n = atomic_load_explicit(&sub->refs.n, memory_order_relaxed);

    while (n && !atomic_compare_exchange_weak(&sub->refs.n, &n, n + 1)) {
    }
    return n != 0;
}

void
subscription_release(sgo_subscription *sub)
{
    struct hub *hub;

    if (sub == NULL || hub_in_child(sub->hub) ||
        !refcount_release(&sub->refs)) {
        return;
    }
    hub = sub->hub;
    subscription_close(sub);
    for (size_t i = 0; i < sub->stream_count; i++) {
        struct hub_stream *stream;

        pthread_mutex_lock(&hub->lock);
        stream = hub_stream_unref_locked(sub->members[i].stream);
        pthread_mutex_unlock(&hub->lock);
        hub_stream_free(stream);
    }
    ready_close_fds(sub);
    pthread_cond_destroy(&sub->cond);
    map_fini(&sub->slots);
    filter_release(sub->filter);
    mem_free(sub->held);
    mem_free(sub->matched);
    mem_free(sub->members);
    mem_free(sub);
    hub_release(hub);
}

struct hub *
subscription_hub(const sgo_subscription *sub)
{
    return sub->hub;
}

/* ---- statistics ----------------------------------------------------------- */

void
subscription_get_stats(sgo_subscription *sub, sgo_subscription_stats *out)
{
    pthread_mutex_lock(&sub->hub->lock);
    *out = sub->stats;
    pthread_mutex_unlock(&sub->hub->lock);
}
