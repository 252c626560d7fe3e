#include "delivery/hub.h"

#include "base/fork.h"
#include "base/mem.h"
#include "base/status.h"
#include "delivery/internal.h"

struct hub *
hub_create(const struct hub_config *config)
{
    struct hub *hub = mem_calloc(1, sizeof(*hub));

    if (hub == NULL) {
        return NULL;
    }
    refcount_init(&hub->refs);
    hub->generation = fork_generation();
    hub->seed = config->seed;
    hub->kick = config->kick;
    hub->kick_ctx = config->kick_ctx;
    atomic_init(&hub->queued_bytes, 0);
    if (pthread_mutex_init(&hub->lock, NULL) != 0) {
        goto no_lock;
    }
    if (pthread_mutex_init(&hub->kick_lock, NULL) != 0) {
        goto no_kick_lock;
    }
    if (wait_init(&hub->changed) != 0) {
        goto no_changed;
    }
    if (wait_init(&hub->reported) != 0) {
        goto no_reported;
    }
    return hub;

no_reported:
    pthread_cond_destroy(&hub->changed);
no_changed:
    pthread_mutex_destroy(&hub->kick_lock);
no_kick_lock:
    pthread_mutex_destroy(&hub->lock);
no_lock:
    mem_free(hub);
    return NULL;
}

bool
hub_in_child(const struct hub *hub)
{
    return hub->generation != fork_generation();
}

void
hub_retain(struct hub *hub)
{
    refcount_retain(&hub->refs);
}

void
hub_release(struct hub *hub)
{
    if (hub == NULL || hub_in_child(hub) || !refcount_release(&hub->refs)) {
        return;
    }
    while (hub->streams) {
        struct hub_stream *next = hub->streams->next;

        hub_stream_free(hub->streams);
        hub->streams = next;
    }
    while (hub->first_report) {
        struct report_node *next = hub->first_report->next;

        mem_free(hub->first_report);
        hub->first_report = next;
    }
    for (size_t i = 0; i < hub->deferred_count; i++) {
        document_release(hub->deferred[i].doc);
    }
    pthread_cond_destroy(&hub->reported);
    pthread_cond_destroy(&hub->changed);
    pthread_mutex_destroy(&hub->kick_lock);
    pthread_mutex_destroy(&hub->lock);
    mem_free(hub);
}

void
hub_kick(struct hub *hub)
{
    pthread_mutex_lock(&hub->kick_lock);
    if (hub->kick) {
        hub->kick(hub->kick_ctx);
    }
    pthread_mutex_unlock(&hub->kick_lock);
}

void
hub_forget_kick(struct hub *hub)
{
    pthread_mutex_lock(&hub->kick_lock);
    hub->kick = NULL;
    pthread_mutex_unlock(&hub->kick_lock);
}

/* ---- streams -------------------------------------------------------------- */

struct hub_stream *
hub_find_locked(struct hub *hub, uint32_t stream_id)
{
    struct hub_stream *stream = hub->streams;

    while (stream && stream->id != stream_id) {
        stream = stream->next;
    }
    return stream;
}

/* Release what a table held and empty it. */
static void
free_table(struct map *events)
{
    struct map_entry *entry;
    size_t at = 0;

    while ((entry = map_next(events, &at)) != NULL) {
        struct holding *holding = entry->value;

        document_release(holding->doc);
        mem_free(holding);
    }
    map_fini(events);
}

void
hub_stream_free(struct hub_stream *stream)
{
    if (stream) {
        free_table(&stream->events);
        mem_free(stream);
    }
}

struct hub_stream *
hub_stream_unref_locked(struct hub_stream *stream)
{
    return --stream->refs == 0 ? stream : NULL;
}

sgo_status
hub_stream_add(struct hub *hub, uint32_t stream_id)
{
    struct hub_stream *stream = mem_calloc(1, sizeof(*stream));
    bool closed;

    if (stream == NULL) {
        return SGO_NO_MEMORY;
    }
    stream->id = stream_id;
    stream->refs = 1;
    stream->reason = "nothing proven yet";
    map_init(&stream->events, hub->seed);
    error_clear(&stream->state.error);
    stream->stats.last_frame_age_ns = -1;
    pthread_mutex_lock(&hub->lock);
    closed = hub->closed;
    if (!closed) {
        stream->next = hub->streams;
        hub->streams = stream;
    }
    pthread_mutex_unlock(&hub->lock);
    if (closed) {
        hub_stream_free(stream);
        return SGO_CLOSED;
    }
    return SGO_OK;
}

/* What must be released outside the lock once streams have closed. */
struct closing {
    struct sgo_update *junk;
    struct slot *dead;
    struct map events; /* the table */
};

/* Closes one stream; its table is left in *closing. */
static void
close_locked(struct hub *hub, struct hub_stream *stream,
             struct closing *closing)
{
    if (stream->closed) {
        return;
    }
    stream->closed = true;
    if (!stream->state.failed) {
        stream->state.connection = SGO_CONN_DISCONNECTED;
        stream->state.phase = SGO_PHASE_CLOSED;
    }
    stream->state.serial++;
    closing->events = stream->events;
    map_init(&stream->events, hub->seed);
    for (struct membership *m = stream->members; m; m = m->next) {
        subscription_stream_closed_locked(m->sub, &closing->junk,
                                          &closing->dead);
    }
    pthread_cond_broadcast(&hub->changed);
}

static void
finish_closing(struct hub *hub, struct closing *closing)
{
    struct sgo_subscription *sub;

    update_release_chain(closing->junk);
    slot_free_chain(closing->dead);
    free_table(&closing->events);
    do { /* those that have ended with the stream */
        pthread_mutex_lock(&hub->lock);
        sub = hub->subs;
        while (sub && (sub->grave.len == 0 || !subscription_try_retain(sub))) {
            sub = sub->next;
        }
        pthread_mutex_unlock(&hub->lock);
        if (sub) {
            subscription_bury(sub);
            subscription_release(sub);
        }
    } while (sub);
}

void
hub_stream_close(struct hub *hub, uint32_t stream_id)
{
    struct closing closing = {0};
    struct report_node *node =
        report_create(SGO_REPORT_STATE, stream_id, clock_now_ns());
    struct hub_stream *stream;

    pthread_mutex_lock(&hub->lock);
    stream = hub_find_locked(hub, stream_id);
    if (stream && !stream->closed) {
        sgo_connection previous = stream->state.connection;

        close_locked(hub, stream, &closing);
        if (previous != stream->state.connection) {
            report_fill_state(node, previous, stream->state.connection,
                              "closed", 0);
            node = report_push_locked(hub, node);
        }
    }
    pthread_mutex_unlock(&hub->lock);
    mem_free(node);
    finish_closing(hub, &closing);
}

void
hub_stream_drop(struct hub *hub, uint32_t stream_id)
{
    struct hub_stream **at = &hub->streams;
    struct hub_stream *stream = NULL;

    hub_stream_close(hub, stream_id);
    pthread_mutex_lock(&hub->lock);
    while (*at && (*at)->id != stream_id) {
        at = &(*at)->next;
    }
    if (*at) {
        stream = *at;
        *at = stream->next;
        stream = hub_stream_unref_locked(stream);
    }
    pthread_mutex_unlock(&hub->lock);
    hub_stream_free(stream);
}

void
hub_close(struct hub *hub)
{
    uint32_t stream_id;

    do {
        stream_id = 0;
        pthread_mutex_lock(&hub->lock);
        hub->closed = true;
        for (struct hub_stream *s = hub->streams; s; s = s->next) {
            if (!s->closed) {
                stream_id = s->id;
            }
        }
        pthread_mutex_unlock(&hub->lock);
        if (stream_id) {
            hub_stream_close(hub, stream_id);
        }
    } while (stream_id);
    pthread_mutex_lock(&hub->lock);
    hub->reports_closed = true;
    pthread_cond_broadcast(&hub->reported);
    pthread_cond_broadcast(&hub->changed);
    pthread_mutex_unlock(&hub->lock);
}

bool
hub_is_closed(struct hub *hub)
{
    bool closed;

    pthread_mutex_lock(&hub->lock);
    closed = hub->closed;
    pthread_mutex_unlock(&hub->lock);
    return closed;
}

size_t
hub_queued_bytes(const struct hub *hub)
{
    return atomic_load_explicit(&hub->queued_bytes, memory_order_relaxed);
}

uint64_t
hub_repairs(struct hub *hub)
{
    uint64_t n;

    pthread_mutex_lock(&hub->lock);
    n = hub->repairs;
    pthread_mutex_unlock(&hub->lock);
    return n;
}
