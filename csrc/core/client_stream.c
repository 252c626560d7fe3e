/* Streams: handles on one feed of a client. */
#include <string.h>

#include "base/mem.h"
#include "base/status.h"
#include "client_internal.h"
#include "json/document.h"

/* ---- specifications -------------------------------------------------------- */

void
spec_fini(struct stream_spec *spec)
{
    for (size_t i = 0; i < spec->param_count; i++) {
        mem_free((char *)spec->params[i].name);
        mem_free((char *)spec->params[i].value);
    }
    mem_free(spec->params);
    mem_free(spec->feed);
    *spec = (struct stream_spec){0};
}

sgo_status
spec_copy(struct stream_spec *to, const struct stream_spec *from)
{
    const size_t n = from->param_count;

    *to = (struct stream_spec){.id = from->id};
    to->feed = mem_dup(from->feed, strlen(from->feed));
    to->params = mem_calloc(n ? n : 1, sizeof(*to->params));
    if (to->feed == NULL || to->params == NULL) {
        spec_fini(to);
        return SGO_NO_MEMORY;
    }
    for (size_t i = 0; i < n; i++) {
        const struct brain_param *p = &from->params[i];

        to->param_count++;
        to->params[i].name = mem_dup(p->name, strlen(p->name));
        to->params[i].value = mem_dup(p->value, strlen(p->value));
        if (to->params[i].name == NULL || to->params[i].value == NULL) {
            spec_fini(to);
            return SGO_NO_MEMORY;
        }
    }
    return SGO_OK;
}

static bool
has_param(const sgo_param *params, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(params[i].name, name) == 0) {
            return params[i].value[0] != '\0';
        }
    }
    return false;
}

static sgo_status
check_params(const sgo_param *params, size_t n, sgo_error *err)
{
    if (n > BRAIN_MAX_PARAMS) {
        error_set(err, SGO_ERROR_CONFIGURATION,
                  "params: %zu of them, at most %d", n, BRAIN_MAX_PARAMS);
        return SGO_INVALID;
    }
    for (size_t i = 0; i < n; i++) {
        if (params[i].name == NULL || params[i].value == NULL ||
            params[i].name[0] == '\0' ||
            strlen(params[i].name) > BRAIN_MAX_NAME_BYTES ||
            strlen(params[i].value) > BRAIN_MAX_NAME_BYTES) {
            error_set(err, SGO_ERROR_CONFIGURATION,
                      "params: a name or value is missing, empty or longer "
                      "than %d bytes",
                      BRAIN_MAX_NAME_BYTES);
            return SGO_INVALID;
        }
        if (strcmp(params[i].name, "feed") == 0 ||
            strcasecmp(params[i].name, "apikey") == 0) {
            error_set(err, SGO_ERROR_CONFIGURATION,
                      "params: '%.40s' is set by the library itself",
                      params[i].name);
            return SGO_INVALID;
        }
    }
    return SGO_OK;
}

static sgo_status
check_feed(const char *feed, const sgo_param *params, size_t n, sgo_error *err)
{
    if (feed == NULL || feed[0] == '\0' ||
        strlen(feed) > BRAIN_MAX_NAME_BYTES) {
        error_set(err, SGO_ERROR_CONFIGURATION,
                  "feed: give a name of 1 to %d bytes, like events:live",
                  BRAIN_MAX_NAME_BYTES);
        return SGO_INVALID;
    }
    if (check_params(params, n, err) != SGO_OK) {
        return SGO_INVALID;
    }
    if (strcmp(feed, "events:upcoming") == 0 &&
        !has_param(params, n, "leagueID")) {
        error_set(err, SGO_ERROR_CONFIGURATION,
                  "events:upcoming needs a league: leagueID, in Python "
                  "league_id=\"NFL\"");
        return SGO_INVALID;
    }
    if (strcmp(feed, "events:byid") == 0 && !has_param(params, n, "eventID")) {
        error_set(err, SGO_ERROR_CONFIGURATION,
                  "events:byid needs an event: eventID, in Python "
                  "event_id=\"...\"");
        return SGO_INVALID;
    }
    return SGO_OK;
}

/* ---- life ------------------------------------------------------------------ */

sgo_status
sgo_stream_new(sgo_client *client, const char *feed, const sgo_param *params,
               size_t param_count, sgo_stream **out, sgo_error *err)
{
    struct brain_param copies[BRAIN_MAX_PARAMS];
    sgo_stream *stream;
    sgo_status status = client_check(client, err);

    if (status == SGO_OK) {
        status = check_feed(feed, params, param_count, err);
    }
    if (status != SGO_OK) {
        return status;
    }
    error_set(err, SGO_ERROR_MEMORY, "out of memory");
    stream = mem_calloc(1, sizeof(*stream));
    if (stream == NULL) {
        return SGO_NO_MEMORY;
    }
    for (size_t i = 0; i < param_count; i++) {
        copies[i] = (struct brain_param){params[i].name, params[i].value};
    }
    pthread_mutex_lock(&client->lock);
    stream->spec.id = client->next_stream_id++;
    pthread_mutex_unlock(&client->lock);
    status = spec_copy(&stream->spec,
                       &(struct stream_spec){.id = stream->spec.id,
                                             .feed = (char *)feed,
                                             .params = copies,
                                             .param_count = param_count});
    if (status == SGO_OK) {
        status = hub_stream_add(client->hub, stream->spec.id);
    }
    if (status != SGO_OK) {
        if (status == SGO_CLOSED) {
            error_set(err, SGO_ERROR_CLOSED, "the client is closed");
        }
        spec_fini(&stream->spec);
        mem_free(stream);
        return status;
    }
    refcount_init(&stream->refs);
    sgo_client_retain(client);
    stream->client = client;
    error_clear(err);
    *out = stream;
    return SGO_OK;
}

void
sgo_stream_retain(sgo_stream *stream)
{
    refcount_retain(&stream->refs);
}

void
sgo_stream_release(sgo_stream *stream)
{
    sgo_client *client;

    if (stream == NULL || !refcount_release(&stream->refs)) {
        return;
    }
    client = stream->client;
    if (client_is_ours(client) &&
        (!atomic_load(&stream->started) || atomic_load(&stream->closed))) {
        hub_stream_drop(client->hub, stream->spec.id);
    }
    spec_fini(&stream->spec);
    mem_free(stream);
    sgo_client_release(client);
}

uint32_t
sgo_stream_id(const sgo_stream *stream)
{
    return stream->spec.id;
}

/* ---- start and close ---------------------------------------------------------*/

static void
run_add(sgo_client *client, struct engine *engine, const sgo_error *why,
        void *ctx)
{
    const struct stream_spec *spec = ctx;

    if (engine) {
        engine_stream_add(engine, spec);
    } else if (why->kind != SGO_ERROR_CLOSED) {
        hub_fail(client->hub, spec->id, why, clock_now_ns());
    }
}

static void
run_remove(sgo_client *client, struct engine *engine, const sgo_error *why,
           void *ctx)
{
    const struct stream_spec *spec = ctx;

    (void)client;
    (void)why;
    if (engine) {
        engine_stream_remove(engine, spec->id);
    }
}

static void
free_spec(void *ctx)
{
    struct stream_spec *spec = ctx;

    spec_fini(spec);
    mem_free(spec);
}

static sgo_status
post_spec(sgo_stream *stream,
          void (*run)(sgo_client *, struct engine *, const sgo_error *,
                      void *),
          sgo_error *err)
{
    struct stream_spec *spec = mem_calloc(1, sizeof(*spec));
    sgo_status status = SGO_NO_MEMORY;

    error_set(err, SGO_ERROR_MEMORY, "out of memory");
    if (spec == NULL) {
        return status;
    }
    status = spec_copy(spec, &stream->spec);
    if (status == SGO_OK) {
        status = client_post(stream->client, run, free_spec, spec, err);
    }
    if (status != SGO_OK) {
        free_spec(spec);
    }
    return status;
}

sgo_status
sgo_stream_start(sgo_stream *stream, sgo_error *err)
{
    sgo_status status = client_check(stream->client, err);
    bool before = false;

    if (status != SGO_OK) {
        return status;
    }
    if (atomic_load(&stream->closed)) {
        error_set(err, SGO_ERROR_CLOSED, "the stream is closed");
        return SGO_CLOSED;
    }
    if (!atomic_compare_exchange_strong(&stream->started, &before, true)) {
        return SGO_OK;
    }
    status = post_spec(stream, run_add, err);
    if (status != SGO_OK) {
        atomic_store(&stream->started, false);
    }
    return status;
}

void
sgo_stream_close(sgo_stream *stream)
{
    sgo_error err;

    if (!client_is_ours(stream->client) ||
        atomic_exchange(&stream->closed, true)) {
        return;
    }
    hub_stream_close(stream->client->hub, stream->spec.id);
    if (atomic_load(&stream->started)) {
        /* Failing means that the client is closed, or out of memory: then
         * the feed goes on unheard until the client is closed. */
        if (post_spec(stream, run_remove, &err) == SGO_NO_MEMORY) {
            log_write(&stream->client->log, SGO_LOG_WARNING, "client",
                      "out of memory: stream %u is not told to stop",
                      stream->spec.id);
        }
    }
}

/* ---- reading ---------------------------------------------------------------- */

static sgo_status
check_fork(const sgo_stream *stream, sgo_error *err)
{
    return client_is_ours(stream->client) ? SGO_OK
                                          : client_check(stream->client, err);
}

void
sgo_stream_get_state(sgo_stream *stream, sgo_stream_state *out)
{
    *out = (sgo_stream_state){.connection = SGO_CONN_DISCONNECTED,
                              .phase = SGO_PHASE_CLOSED};
    if (client_is_ours(stream->client)) {
        (void)hub_get_state(stream->client->hub, stream->spec.id, out);
    }
}

sgo_status
sgo_stream_wait_live(sgo_stream *stream, int64_t deadline_ns, sgo_error *err)
{
    const sgo_status status = check_fork(stream, err);

    return status == SGO_OK ? hub_wait_live(stream->client->hub,
                                            stream->spec.id, deadline_ns, err)
                            : status;
}

sgo_status
sgo_stream_wait_closed(sgo_stream *stream, int64_t deadline_ns, sgo_error *err)
{
    const sgo_status status = check_fork(stream, err);

    return status == SGO_OK
               ? hub_wait_closed(stream->client->hub, stream->spec.id,
                                 deadline_ns, err)
               : status;
}

sgo_status
sgo_stream_wait_change(sgo_stream *stream, uint64_t seen, int64_t deadline_ns)
{
    const sgo_status status = check_fork(stream, NULL);

    return status == SGO_OK
               ? hub_wait_change(stream->client->hub, stream->spec.id, seen,
                                 deadline_ns)
               : status;
}

sgo_status
sgo_stream_staleness(sgo_stream *stream, const char *event_id, size_t id_len,
                     int64_t *ns, const char **reason)
{
    const sgo_status status = check_fork(stream, NULL);

    return status == SGO_OK
               ? hub_staleness(stream->client->hub, stream->spec.id, event_id,
                               id_len, clock_now_ns(), ns, reason)
               : status;
}

sgo_event *
sgo_stream_event(sgo_stream *stream, const char *event_id, size_t id_len)
{
    if (!client_is_ours(stream->client)) {
        return NULL;
    }
    return (sgo_event *)hub_event(stream->client->hub, stream->spec.id,
                                  event_id, id_len);
}

size_t
sgo_stream_event_count(sgo_stream *stream)
{
    return client_is_ours(stream->client)
               ? hub_event_count(stream->client->hub, stream->spec.id)
               : 0;
}

sgo_status
sgo_stream_events(sgo_stream *stream, sgo_event ***out, size_t *count)
{
    struct document **documents;
    sgo_status status = check_fork(stream, NULL);

    if (status == SGO_OK) {
        status = hub_events(stream->client->hub, stream->spec.id, &documents,
                            count);
    }
    if (status == SGO_OK) {
        *out = (sgo_event **)documents;
    }
    return status;
}

void
sgo_events_free(sgo_event **events, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        document_release((struct document *)events[i]);
    }
    mem_free(events);
}

void
sgo_stream_get_stats(sgo_stream *stream, sgo_stream_stats *out)
{
    *out = (sgo_stream_stats){.last_frame_age_ns = -1};
    if (client_is_ours(stream->client)) {
        hub_get_stats(stream->client->hub, stream->spec.id, out);
    }
}

sgo_status
sgo_client_take_report(sgo_client *client, int64_t deadline_ns,
                       sgo_report *out)
{
    return client_is_ours(client)
               ? hub_take_report(client->hub, deadline_ns, out)
               : SGO_FORKED;
}

/* ---- subscriptions over streams ---------------------------------------------- */

static sgo_status
check_streams(sgo_stream *const *streams, size_t n, sgo_error *err)
{
    sgo_status status;

    if (n == 0 || n > HUB_MAX_STREAMS) {
        error_set(err, SGO_ERROR_CONFIGURATION,
                  "streams: give 1 to %d of them", HUB_MAX_STREAMS);
        return SGO_INVALID;
    }
    status = client_check(streams[0]->client, err);
    for (size_t i = 0; status == SGO_OK && i < n; i++) {
        if (streams[i]->client != streams[0]->client) {
            error_set(err, SGO_ERROR_CONFIGURATION,
                      "streams of different clients: one subscription takes "
                      "streams of one client");
            status = SGO_INVALID;
        } else if (atomic_load(&streams[i]->closed)) {
            error_set(err, SGO_ERROR_CLOSED, "the stream is closed");
            status = SGO_CLOSED;
        }
    }
    return status;
}

sgo_status
sgo_subscription_new(sgo_stream *const *streams, size_t stream_count,
                     const sgo_subscription_options *options,
                     sgo_subscription **out, sgo_error *err)
{
    sgo_status status = check_streams(streams, stream_count, err);
    sgo_subscription *made;
    uint32_t *ids;

    if (status != SGO_OK) {
        return status;
    }
    ids = mem_calloc(stream_count, sizeof(*ids));
    if (ids == NULL) {
        error_set(err, SGO_ERROR_MEMORY, "out of memory");
        return SGO_NO_MEMORY;
    }
    for (size_t i = 0; i < stream_count; i++) {
        ids[i] = streams[i]->spec.id;
    }
    status = subscription_create(streams[0]->client->hub, ids, stream_count,
                                 options, &made, err);
    mem_free(ids);
    if (status != SGO_OK) {
        return status;
    }
    for (size_t i = 0; status == SGO_OK && i < stream_count; i++) {
        status = sgo_stream_start(streams[i], err);
    }
    if (status != SGO_OK) {
        subscription_release(made);
        return status;
    }
    *out = made;
    return SGO_OK;
}
