/* What the I/O thread tells about a stream as a whole, and what others read
 * of it: state, statistics, the table of newest versions. */
#include <string.h>

#include "base/mem.h"
#include "base/status.h"
#include "delivery/internal.h"

/* ---- written by the I/O thread --------------------------------------------- */

void
hub_set_state(struct hub *hub, uint32_t stream_id, sgo_connection connection,
              sgo_phase phase, const char *reason, int close_code, int64_t now)
{
    struct report_node *node = report_create(SGO_REPORT_STATE, stream_id, now);
    struct hub_stream *stream;

    pthread_mutex_lock(&hub->lock);
    stream = hub_find_locked(hub, stream_id);
    if (stream && !stream->closed && !stream->state.failed &&
        (stream->state.connection != connection ||
         stream->state.phase != phase)) {
        if (stream->state.connection != connection) {
            report_fill_state(node, stream->state.connection, connection,
                              reason, close_code);
            node = report_push_locked(hub, node);
        }
        stream->state.connection = connection;
        stream->state.phase = phase;
        stream->state.serial++;
        stale_prove_stream_locked(stream, 0);
        pthread_cond_broadcast(&hub->changed);
    }
    pthread_mutex_unlock(&hub->lock);
    mem_free(node);
}

void
hub_fail(struct hub *hub, uint32_t stream_id, const sgo_error *error,
         int64_t now)
{
    struct report_node *failure =
        report_create(SGO_REPORT_ERROR, stream_id, now);
    struct report_node *node = report_create(SGO_REPORT_STATE, stream_id, now);
    struct hub_stream *stream;

    if (failure) {
        failure->report.error = *error;
        failure->report.final = true;
    }
    pthread_mutex_lock(&hub->lock);
    stream = hub_find_locked(hub, stream_id);
    if (stream && !stream->closed && !stream->state.failed) {
        report_fill_state(node, stream->state.connection, SGO_CONN_FAILED,
                          error->text, error->close_code);
        stream->state.connection = SGO_CONN_FAILED;
        stream->state.phase = SGO_PHASE_CLOSED;
        stream->state.failed = true;
        stream->state.error = *error;
        stream->state.serial++;
        failure = report_push_locked(hub, failure);
        node = report_push_locked(hub, node);
        for (struct membership *m = stream->members; m; m = m->next) {
            if (m->sub->failed == NULL) {
                m->sub->failed = stream;
            }
            ready_signal_locked(m->sub);
        }
        pthread_cond_broadcast(&hub->changed);
    }
    pthread_mutex_unlock(&hub->lock);
    mem_free(failure);
    mem_free(node);
}

void
hub_set_stats(struct hub *hub, uint32_t stream_id,
              const sgo_stream_stats *stats)
{
    struct hub_stream *stream;

    pthread_mutex_lock(&hub->lock);
    stream = hub_find_locked(hub, stream_id);
    if (stream) {
        stream->stats = *stats;
    }
    pthread_mutex_unlock(&hub->lock);
}

/* ---- read by anyone -------------------------------------------------------- */

void
hub_get_stats(struct hub *hub, uint32_t stream_id, sgo_stream_stats *out)
{
    struct hub_stream *stream;

    memset(out, 0, sizeof(*out));
    out->last_frame_age_ns = -1;
    pthread_mutex_lock(&hub->lock);
    stream = hub_find_locked(hub, stream_id);
    if (stream) {
        *out = stream->stats;
        out->updates_delivered = stream->delivered;
        out->updates_conflated = stream->conflated;
    }
    pthread_mutex_unlock(&hub->lock);
}

sgo_status
hub_get_state(struct hub *hub, uint32_t stream_id, sgo_stream_state *out)
{
    struct hub_stream *stream;

    pthread_mutex_lock(&hub->lock);
    stream = hub_find_locked(hub, stream_id);
    if (stream) {
        *out = stream->state;
    }
    pthread_mutex_unlock(&hub->lock);
    return stream ? SGO_OK : SGO_NOT_FOUND;
}

/* Has it come, for wait_until?  SGO_AGAIN: no. */
typedef sgo_status (*state_test)(const struct hub_stream *stream,
                                 uint64_t seen);

static sgo_status
wait_until(struct hub *hub, uint32_t stream_id, state_test test, uint64_t seen,
           int64_t deadline_ns, sgo_error *err)
{
    sgo_status status;

    pthread_mutex_lock(&hub->lock);
    for (;;) {
        struct hub_stream *stream = hub_find_locked(hub, stream_id);
        int64_t now;

        status = stream ? test(stream, seen) : SGO_CLOSED;
        if (status != SGO_AGAIN) {
            if (status == SGO_FAILED && err) {
                *err = stream->state.error;
            }
            break;
        }
        now = clock_now_ns();
        if (now >= deadline_ns) {
            status = SGO_TIMEOUT;
            break;
        }
        wait_slice(&hub->changed, &hub->lock, now, deadline_ns);
    }
    pthread_mutex_unlock(&hub->lock);
    return status;
}

static sgo_status
is_live(const struct hub_stream *stream, uint64_t seen)
{
    (void)seen;
    if (stream->state.failed) {
        return SGO_FAILED;
    }
    if (stream->closed || stream->state.phase == SGO_PHASE_CLOSED) {
        return SGO_CLOSED;
    }
    return stream->state.phase == SGO_PHASE_LIVE ? SGO_OK : SGO_AGAIN;
}

static sgo_status
is_closed(const struct hub_stream *stream, uint64_t seen)
{
    (void)seen;
    if (stream->state.failed) {
        return SGO_FAILED;
    }
    return stream->closed || stream->state.phase == SGO_PHASE_CLOSED
               ? SGO_OK
               : SGO_AGAIN;
}

static sgo_status
has_changed(const struct hub_stream *stream, uint64_t seen)
{
    return stream->state.serial != seen ? SGO_OK : SGO_AGAIN;
}

sgo_status
hub_wait_live(struct hub *hub, uint32_t stream_id, int64_t deadline_ns,
              sgo_error *err)
{
    return wait_until(hub, stream_id, is_live, 0, deadline_ns, err);
}

sgo_status
hub_wait_closed(struct hub *hub, uint32_t stream_id, int64_t deadline_ns,
                sgo_error *err)
{
    sgo_status status =
        wait_until(hub, stream_id, is_closed, 0, deadline_ns, err);

    return status == SGO_CLOSED ? SGO_OK : status; /* dropped: closed too */
}

sgo_status
hub_wait_change(struct hub *hub, uint32_t stream_id, uint64_t seen,
                int64_t deadline_ns)
{
    sgo_status status =
        wait_until(hub, stream_id, has_changed, seen, deadline_ns, NULL);

    return status == SGO_CLOSED ? SGO_OK : status;
}

struct document *
hub_event(struct hub *hub, uint32_t stream_id, const char *event_id,
          size_t id_len)
{
    struct document *doc = NULL;
    struct hub_stream *stream;

    pthread_mutex_lock(&hub->lock);
    stream = hub_find_locked(hub, stream_id);
    if (stream) {
        struct holding *holding = map_get(&stream->events, event_id, id_len);

        doc = holding ? document_retain(holding->doc) : NULL;
    }
    pthread_mutex_unlock(&hub->lock);
    return doc;
}

size_t
hub_event_count(struct hub *hub, uint32_t stream_id)
{
    struct hub_stream *stream;
    size_t n;

    pthread_mutex_lock(&hub->lock);
    stream = hub_find_locked(hub, stream_id);
    n = stream ? stream->events.len : 0;
    pthread_mutex_unlock(&hub->lock);
    return n;
}

sgo_status
hub_events(struct hub *hub, uint32_t stream_id, struct document ***out,
           size_t *n)
{
    struct document **docs = NULL;
    size_t cap = 0;

    for (;;) {
        struct hub_stream *stream;
        size_t count, put = 0;

        pthread_mutex_lock(&hub->lock);
        stream = hub_find_locked(hub, stream_id);
        count = stream ? stream->events.len : 0;
        if (docs && count <= cap) {
            struct map_entry *entry;
            size_t at = 0;

            while (stream &&
                   (entry = map_next(&stream->events, &at)) != NULL) {
                struct holding *holding = entry->value;

                docs[put++] = document_retain(holding->doc);
            }
            pthread_mutex_unlock(&hub->lock);
            *out = docs;
            *n = put;
            return SGO_OK;
        }
        pthread_mutex_unlock(&hub->lock);
        mem_free(docs);
        cap = count + count / 8 + 16;
        docs = mem_alloc(cap * sizeof(*docs));
        if (docs == NULL) {
            return SGO_NO_MEMORY;
        }
    }
}
