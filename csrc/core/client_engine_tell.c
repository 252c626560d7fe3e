/* What the brain tells consumers goes to the hub; counters follow. */
#include <string.h>

#include "base/mem.h"
#include "base/status.h"
#include "client_engine.h"

enum { QUEUED_STEP_BYTES = 1 << 20 }; /* how exactly the brain knows */

static void
tell_publish(struct engine *engine, const struct action *action)
{
    const struct publication pub = {
        .stream_id = action->u.publish.stream_id,
        .kind = action->u.publish.kind,
        .cause = action->u.publish.cause,
        .event_id = action->u.publish.event_id,
        .event_id_len = action->u.publish.event_id_len,
        .event = action->u.publish.event,
        .previous = action->u.publish.previous,
        .changes = action->u.publish.changes,
        .times =
            {
                .notified = action->u.publish.notified_ns,
                .requested = action->u.publish.requested_ns,
                .received = action->u.publish.received_ns,
                .applied = action->u.publish.applied_ns,
            },
    };

    if (hub_publish(engine->client->hub, &pub) == SGO_NO_MEMORY) {
        sgo_error err;

        error_set(&err, SGO_ERROR_MEMORY,
                  "out of memory: event %.*s could not be shown",
                  (int)pub.event_id_len, pub.event_id);
        hub_report_error(engine->client->hub, pub.stream_id, &err,
                         clock_now_ns());
        /* The hub keeps what it can for later; this is beyond that. */
        brain_untold(engine->brain, pub.stream_id, clock_now_ns());
    }
}

static void
tell_error(struct engine *engine, const struct action *action)
{
    struct hub *hub = engine->client->hub;
    const uint32_t stream_id = action->u.error.stream_id;
    const int64_t now = clock_now_ns();
    sgo_error err = *action->u.error.error;

    error_redact(&err, engine->client->options.api_key);
    log_write(&engine->client->log, SGO_LOG_WARNING, "feed", "%s", err.text);
    if (action->u.error.final) {
        hub_fail(hub, stream_id, &err, now);
    } else {
        hub_report_error(hub, stream_id, &err, now);
    }
}

static void
tell_call(struct engine *engine, const struct action *action)
{
    sgo_error err;
    const sgo_error *error = action->u.call_done.error;

    if (error) {
        err = *error;
        error_redact(&err, engine->client->options.api_key);
        error = &err;
    }
    client_call_done(engine->client, action->u.call_done.call_id, error,
                     action->u.call_done.documents, action->u.call_done.n,
                     action->u.call_done.json, action->u.call_done.json_len);
}

static void
tell_state(struct engine *engine, const struct action *action)
{
    log_write(&engine->client->log, SGO_LOG_INFO, "feed",
              "stream %u: %s, %s%s%s", action->u.state.stream_id,
              connection_name(action->u.state.connection),
              phase_name(action->u.state.phase),
              action->u.state.reason[0] ? ": " : "", action->u.state.reason);
    hub_set_state(engine->client->hub, action->u.state.stream_id,
                  action->u.state.connection, action->u.state.phase,
                  action->u.state.reason, action->u.state.close_code,
                  clock_now_ns());
}

static void
tell_queued(struct engine *engine)
{
    const size_t queued = hub_queued_bytes(engine->client->hub);

    if (queued / QUEUED_STEP_BYTES !=
        engine->queued_told / QUEUED_STEP_BYTES) {
        engine->queued_told = queued;
        brain_set_queued_bytes(engine->brain, queued, clock_now_ns());
    }
}

void
engine_tell(struct engine *engine, const struct action *action)
{
    struct hub *hub = engine->client->hub;
    const int64_t now = clock_now_ns();

    switch (action->kind) {
    case ACTION_PUBLISH:
        tell_publish(engine, action);
        tell_queued(engine);
        break;
    case ACTION_STATE:
        tell_state(engine, action);
        break;
    case ACTION_GAP:
        hub_report_gap(hub, action->u.gap.stream_id, action->u.gap.reason,
                       action->u.gap.began_ns, action->u.gap.ended_ns,
                       action->u.gap.events_refetched, now);
        break;
    case ACTION_ERROR:
        tell_error(engine, action);
        break;
    case ACTION_CALL_DONE:
        tell_call(engine, action);
        break;
    case ACTION_PROOF:
        hub_prove(hub, action->u.proof.stream_id, action->u.proof.event_id,
                  action->u.proof.event_id_len, action->u.proof.proof_ns,
                  action->u.proof.unanswered, action->u.proof.reason, now);
        break;
    case ACTION_SHED:
        (void)hub_shed(hub, action->u.shed.bytes);
        engine->queued_told = hub_queued_bytes(hub);
        brain_set_queued_bytes(engine->brain, engine->queued_told, now);
        break;
    default:
        break;
    }
}

/* The pool keeps blocks for a slate of this size: it gives back memory when
 * the slate shrinks.  In steps, so that the pool is seldom told. */
static void
fit_pool(struct engine *engine, size_t document_bytes)
{
    size_t keep = document_bytes / POOL_CACHED_PART;

    if (keep < POOL_MIN_CACHED_BYTES) {
        keep = POOL_MIN_CACHED_BYTES;
    } else if (keep > POOL_MAX_CACHED_BYTES) {
        keep = POOL_MAX_CACHED_BYTES;
    }
    if (keep > engine->pool_kept + engine->pool_kept / 8 ||
        keep < engine->pool_kept - engine->pool_kept / 8) {
        engine->pool_kept = keep;
        pool_set_max_cached(engine->client->pool, keep);
    }
}

void
engine_account(struct engine *engine)
{
    sgo_client *client = engine->client;
    const int64_t now = clock_now_ns();
    struct brain_counters counters;

    brain_get_counters(engine->brain, &counters);
    fit_pool(engine, counters.cache_bytes);
    pthread_mutex_lock(&client->lock);
    client->counters = counters;
    pthread_mutex_unlock(&client->lock);
    for (size_t i = 0; i < engine->stream_count; i++) {
        sgo_stream_stats stats = {0};

        if (brain_stream_stats(engine->brain, engine->streams[i], now,
                               &stats) == SGO_OK) {
            hub_set_stats(client->hub, engine->streams[i], &stats);
        }
    }
    engine_share_spending(engine, &counters);
}
