/* Making and ending an engine, its timer, and the commands that reach it. */
#include <string.h>

#include "base/mem.h"
#include "base/status.h"
#include "client_engine.h"

/* Engines of this process's loop: clients with one key share its budget.
 * I/O thread only; a forked child's new loop starts from an empty list. */
static struct engine *engines;
static struct loop *engines_loop;

void
engine_set_timer(struct engine *engine)
{
    int64_t deadline = brain_deadline(engine->brain);
    const int64_t queued = hub_deadline(engine->client->hub);

    if (queued < deadline) {
        deadline = queued;
    }
    loop_timer_set(engine->loop, &engine->timer, deadline);
}

static void
on_timer(void *ctx)
{
    struct engine *engine = ctx;
    const int64_t now = clock_now_ns();

    hub_tick(engine->client->hub, now);
    brain_tick(engine->brain, now);
    engine_pump(engine);
}

static void
on_clock_jump(void *ctx, int64_t jump_ns)
{
    struct engine *engine = ctx;

    log_write(&engine->client->log, SGO_LOG_INFO, "client",
              "the machine slept for %.1f s: proving the connection",
              (double)jump_ns / (double)NS_PER_S);
    brain_clock_jump(engine->brain, clock_now_ns());
    engine_pump(engine);
}

static void
on_log(void *ctx, sgo_log_level level, const char *text)
{
    struct engine *engine = ctx;

    log_write(&engine->client->log, level, "socket", "%s", text);
}

static void
add_sibling(struct engine *engine)
{
    if (engines_loop != engine->loop) {
        engines_loop = engine->loop;
        engines = NULL;
    }
    engine->sibling = engines;
    engines = engine;
}

static void
remove_sibling(struct engine *engine)
{
    struct engine **at = &engines;

    while (*at && *at != engine) {
        at = &(*at)->sibling;
    }
    if (*at) {
        *at = engine->sibling;
    }
}

/* Tell the other clients of this key what this one has spent. */
void
engine_share_spending(struct engine *engine,
                      const struct brain_counters *counters)
{
    const uint64_t requests = counters->requests_sent - engine->requests_told;
    const uint64_t objects = counters->objects_spent - engine->objects_told;
    const struct options *mine = &engine->client->options;
    const int64_t now = clock_now_ns();

    if (requests == 0 && objects == 0) {
        return;
    }
    engine->requests_told = counters->requests_sent;
    engine->objects_told = counters->objects_spent;
    for (struct engine *e = engines; e; e = e->sibling) {
        const struct options *other = &e->client->options;

        if (e != engine && strcmp(other->base_url, mine->base_url) == 0 &&
            strcmp(other->api_key, mine->api_key) == 0) {
            brain_spent_elsewhere(e->brain, requests, objects, now);
            engine_set_timer(e);
        }
    }
}

static struct brain *
make_brain(sgo_client *client, struct recorder *recorder)
{
    const struct options *o = &client->options;
    const struct brain_config config = {
        .base_url = o->base_url,
        .client_name = "sgostream",
        .version = SGO_VERSION,
        .shape = &o->shape,
        .expand_results = o->expand_results,
        .transport = o->transport,
        .timeout_ns = o->timeout_ns,
        .reconcile_interval_ns = o->reconcile_interval_ns,
        .linger_ns = o->linger_ns,
        .poll_interval_ns = o->poll_interval_ns,
        .max_events = o->max_events,
        .max_bytes = o->max_bytes,
        .max_requests_in_flight = o->max_requests_in_flight,
        .allow_auth_hosts = (const char *const *)o->auth_hosts,
        .allow_auth_host_count = o->auth_host_count,
        .activity_timeout_ns = o->activity_timeout_ns,
        .pong_timeout_ns = o->pong_timeout_ns,
        .pool = client->pool,
        .log = &client->log,
        .record = recorder ? recorder_record(recorder) : NULL,
        .seed = o->seed,
    };

    return brain_create(&config);
}

sgo_status
engine_create(sgo_client *client, struct loop *loop, struct engine **out,
              sgo_error *err)
{
    const struct options *o = &client->options;
    const struct http_config http = {
        .api_key = o->api_key,
        .base_url = o->base_url,
        .key_hosts = (const char *const *)o->auth_hosts,
        .key_host_count = o->auth_host_count,
        .user_agent = ENGINE_USER_AGENT,
        .roots = client->roots,
        .proxy = o->proxy,
        .max_connections = o->max_requests_in_flight,
        .log = &client->log,
    };
    struct engine *engine = mem_calloc(1, sizeof(*engine));
    sgo_status status = SGO_NO_MEMORY;

    error_set(err, SGO_ERROR_MEMORY, "out of memory");
    if (engine == NULL) {
        return status;
    }
    engine->client = client;
    engine->loop = loop;
    if (o->record_file) {
        status =
            recorder_open(o->record_file, o->api_key, RECORD_FILE_MAX_BYTES,
                          &client->log, &engine->recorder, err);
        if (status != SGO_OK) {
            goto fail;
        }
        status = SGO_NO_MEMORY;
        error_set(err, SGO_ERROR_MEMORY, "out of memory");
    }
    engine->brain = make_brain(client, engine->recorder);
    if (engine->brain == NULL) {
        goto fail;
    }
    status = http_create(loop, &http, &engine->http, err);
    if (status != SGO_OK) {
        goto fail;
    }
    loop_timer_init(&engine->timer, on_timer, engine);
    engine->watch = (struct loop_watch){
        .on_clock_jump = on_clock_jump,
        .on_log = on_log,
        .ctx = engine,
    };
    loop_watch_add(loop, &engine->watch);
    add_sibling(engine);
    error_clear(err);
    *out = engine;
    return SGO_OK;

fail:
    brain_free(engine->brain);
    recorder_close(engine->recorder);
    mem_free(engine);
    return status;
}

/* Nothing is held or under way any more; what users hold goes back to the
 * heap when they let go. */
static void
forget_holdings(sgo_client *client)
{
    pthread_mutex_lock(&client->lock);
    client->counters.cache_bytes = 0;
    client->counters.events_held = 0;
    client->counters.requests_in_flight = 0;
    pthread_mutex_unlock(&client->lock);
    pool_set_max_cached(client->pool, 0);
}

void
engine_free(struct engine *engine)
{
    engine->closing = true;
    brain_close(engine->brain, clock_now_ns());
    engine_pump(engine);
    loop_timer_cancel(engine->loop, &engine->timer);
    loop_watch_remove(engine->loop, &engine->watch);
    remove_sibling(engine);
    while (engine->jobs) {
        http_cancel(engine->jobs->http_job);
        engine_forget_job(engine, engine->jobs);
    }
    http_free(engine->http);
    while (engine->lines) {
        struct line *line = engine->lines;

        socket_leave(line->socket, 1000, "");
        engine->lines = line->next;
        mem_free(line);
    }
    brain_free(engine->brain);
    recorder_close(engine->recorder);
    forget_holdings(engine->client);
    mem_free(engine->streams);
    mem_free(engine);
}

/* ---- commands --------------------------------------------------------------*/

static bool
remember_stream(struct engine *engine, uint32_t id)
{
    if (engine->stream_count == engine->stream_cap) {
        const size_t cap = engine->stream_cap ? engine->stream_cap * 2 : 8;
        uint32_t *ids = mem_realloc(engine->streams, cap * sizeof(*ids));

        if (ids == NULL) {
            return false;
        }
        engine->streams = ids;
        engine->stream_cap = cap;
    }
    engine->streams[engine->stream_count++] = id;
    return true;
}

static void
forget_stream(struct engine *engine, uint32_t id)
{
    for (size_t i = 0; i < engine->stream_count; i++) {
        if (engine->streams[i] == id) {
            engine->streams[i] = engine->streams[--engine->stream_count];
            return;
        }
    }
}

void
engine_stream_add(struct engine *engine, const struct stream_spec *spec)
{
    const int64_t now = clock_now_ns();
    sgo_error err;

    error_set(&err, SGO_ERROR_MEMORY, "out of memory");
    if (!remember_stream(engine, spec->id)) {
        hub_fail(engine->client->hub, spec->id, &err, now);
        return;
    }
    if (brain_stream_add(engine->brain, spec->id, spec->feed, spec->params,
                         spec->param_count, now, &err) != SGO_OK) {
        forget_stream(engine, spec->id);
        hub_fail(engine->client->hub, spec->id, &err, now);
    }
    engine_pump(engine);
}

void
engine_stream_remove(struct engine *engine, uint32_t stream_id)
{
    brain_stream_remove(engine->brain, stream_id, clock_now_ns());
    engine_pump(engine);
    forget_stream(engine, stream_id);
}

void
engine_call_start(struct engine *engine, uint32_t call_id,
                  const char *const *ids, size_t n)
{
    const int64_t now = clock_now_ns();
    sgo_status status =
        n ? brain_call_fetch(engine->brain, call_id, ids, n, now)
          : brain_call_usage(engine->brain, call_id, now);
    sgo_error err;

    if (status != SGO_OK) {
        if (status == SGO_LIMIT) {
            error_set(&err, SGO_ERROR_LIMIT,
                      "more than %d calls at once: wait for some of them",
                      BRAIN_MAX_CALLS);
        } else {
            error_set(&err, SGO_ERROR_MEMORY, "out of memory");
        }
        client_call_done(engine->client, call_id, &err, NULL, 0, NULL, 0);
    }
    engine_pump(engine);
}

void
engine_call_cancel(struct engine *engine, uint32_t call_id)
{
    brain_call_cancel(engine->brain, call_id, clock_now_ns());
    engine_pump(engine);
}
