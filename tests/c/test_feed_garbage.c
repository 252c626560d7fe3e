/* Inputs out of order, out of place and out of their minds: nothing may crash,
 * leak, or keep the brain from working afterwards. */
#include "check.h"

#include <stdlib.h>

#include "base/status.h"
#include "feed_world.h"

static struct world w;

static const char *const bodies[] = {
    "",
    "{",
    "{}",
    "[]",
    "null",
    "{\"success\":true}",
    "{\"success\":true,\"data\":null}",
    "{\"success\":true,\"data\":[]}",
    "{\"success\":true,\"data\":[1,\"x\",null,[],{}]}",
    "{\"success\":true,\"data\":[{\"eventID\":7}]}",
    "{\"success\":true,\"data\":[{\"eventID\":\"\"}]}",
    "{\"success\":true,\"data\":[{\"eventID\":\"E0\",\"eventID\":\"E1\"}]}",
    "{\"success\":true,\"data\":[{\"status\":[],\"eventID\":\"E0\"}]}",
    "{\"success\":true,\"data\":[{\"eventID\":\"E0\",\"status\":{\"live\":7}}]}",
    "{\"data\":[{\"eventID\":\"E0\"}],\"success\":false}",
    "{\"success\":true,\"data\":[{\"eventID\":\"E0\"}],\"nextCursor\":5}",
    "{\"success\":true,\"data\":[{\"eventID\":\"E0\"}],\"nextCursor\":\"c\"}",
    "{\"success\":true,\"data\":[{\"eventID\":\"E\\u0000\"}]}",
    "{\"success\":false,\"error\":{\"message\":\"x\"}}",
    "{\"success\":true,\"pusherKey\":1,\"pusherOptions\":[],\"channel\":\"\"}",
    "{\"success\":true,\"data\":[],\"pusherKey\":\"k\",\"pusherOptions\":{"
    "\"cluster\":\"a\"},\"channel\":\"presence-x\"}",
    "{\"success\":true,\"data\":[],\"pusherKey\":\"k\",\"pusherOptions\":{"
    "\"cluster\":\"a\"},\"channel\":\"plain\"}",
    "{\"success\":true,\"data\":{\"rateLimits\":{\"per-minute\":{"
    "\"max-requests\":0,\"max-entities\":-5}}}}",
    "{\"success\":true,\"data\":{\"rateLimits\":{\"per-second\":{"
    "\"max-requests\":1e300,\"max-entities\":\"n/a\"}}}}",
    "<html>",
    "\xff\xfe\x00",
};

static const char *const messages[] = {
    "",
    "{",
    "{\"event\":\"pusher:error\",\"data\":{\"code\":4001}}",
    "{\"event\":\"pusher:error\",\"data\":\"{\\\"code\\\":null}\"}",
    "{\"event\":\"pusher:connection_established\",\"data\":\"{}\"}",
    "{\"event\":\"data\",\"channel\":\"presence-events-live\",\"data\":"
    "\"[{\\\"eventID\\\":\\\"E0\\\"},{\\\"eventID\\\":\\\"\\\"},{}]\"}",
    "{\"event\":\"data\",\"channel\":\"presence-events-live\",\"data\":7}",
    "{\"event\":\"pusher_internal:subscription_succeeded\",\"channel\":"
    "\"presence-events-live\"}",
    "{\"event\":\"pusher:subscription_error\",\"channel\":"
    "\"presence-events-live\",\"data\":{\"status\":401}}",
};

static const int statuses[] = {200, 200, 200, 204, 301, 400, 401, 403,
                               404, 408, 413, 429, 500, 503, 504, 999};

#define PICK(list)                                                            \
    ((list)[rand_between(&w.rand, 0,                                          \
                         (int64_t)(sizeof(list) / sizeof((list)[0])) - 1)])

static uint64_t
some_request(void)
{
    struct world_request *r = w.requests;
    int64_t n = rand_between(&w.rand, 0, 5);

    while (r && n-- > 0 && r->next) {
        r = r->next;
    }
    return r && rand_between(&w.rand, 0, 4) ? r->id : rand_next(&w.rand) % 50;
}

static void
answer_somehow(void)
{
    const char *body = PICK(bodies);
    uint64_t id = some_request();
    struct answer_head head = {PICK(statuses),
                               rand_between(&w.rand, -1, 5) * NS_PER_S,
                               rand_between(&w.rand, -2, 5) * NS_PER_S};
    struct answer_end end = {.ok = rand_between(&w.rand, 0, 3) != 0,
                             .truncated = rand_between(&w.rand, 0, 3) == 0,
                             .http_status = head.http_status,
                             .retry_after_ns = head.retry_after_ns};

    if (!end.ok) {
        error_set(&end.error,
                  (sgo_error_kind)rand_between(&w.rand, 0, SGO_ERROR_MEMORY),
                  "something");
    }
    if (rand_between(&w.rand, 0, 4)) {
        brain_request_head(w.b, id, &head, w.now);
    }
    if (rand_between(&w.rand, 0, 4)) {
        brain_request_data(w.b, id, body, strlen(body), w.now);
    }
    if (rand_between(&w.rand, 0, 4)) {
        brain_request_done(w.b, id, &end, w.now);
    }
    world_drain(&w);
}

static void
poke(void)
{
    struct world_socket *s = world_socket(&w);
    uint32_t link = s ? s->link_id : (uint32_t)rand_between(&w.rand, 0, 3);
    uint64_t generation =
        s ? s->generation : (uint64_t)rand_between(&w.rand, 0, 3);
    struct pusher_end end = {.close_code = (int)rand_between(&w.rand, 0, 5000),
                             .reason = "why",
                             .reason_len = 3};
    const char *text = PICK(messages);
    const char *ids[] = {"E0", "E999", "E1"};

    switch (rand_between(&w.rand, 0, 15)) {
    case 0:
        brain_socket_opened(w.b, link, generation, w.now);
        break;
    case 1:
    case 2:
    case 3:
        brain_socket_message(w.b, link, generation, text, strlen(text),
                             rand_between(&w.rand, 0, 9) == 0, w.now);
        break;
    case 4:
        brain_socket_closed(w.b, link, generation, &end, w.now);
        if (s) {
            s->open = false;
        }
        break;
    case 5:
        brain_clock_jump(w.b, w.now);
        break;
    case 6:
        brain_tick(w.b, w.now);
        break;
    case 7:
        brain_set_queued_bytes(w.b, rand_next(&w.rand) % 100000, w.now);
        break;
    case 8:
        brain_spent_elsewhere(w.b, rand_next(&w.rand) % 3,
                              rand_next(&w.rand) % 30, w.now);
        break;
    case 9:
        if (brain_call_fetch(w.b, 7, ids, 3, w.now) == SGO_OK) {
            brain_call_cancel(w.b, 7, w.now);
        }
        break;
    case 10:
        if (brain_call_usage(w.b, 8, w.now) != SGO_OK) {
            w.call.done = true;
        }
        break;
    case 11:
        brain_stream_remove(w.b, (uint32_t)rand_between(&w.rand, 2, 9), w.now);
        break;
    case 12:
        if (w.stream_count < WORLD_STREAMS) {
            world_stream(&w, 10 + (uint32_t)w.stream_count,
                         rand_between(&w.rand, 0, 1) ? "events:live"
                                                     : "events:byid",
                         NULL, "E1");
        }
        break;
    default:
        answer_somehow();
        break;
    }
    world_drain(&w);
}

static void
garbage(uint64_t seed)
{
    world_init(&w, seed);
    world_events(&w, 4);
    w.config.transport = (sgo_transport)(seed % 3);
    w.config.max_requests_in_flight = 1 + (unsigned)(seed % 4);
    w.config.max_bytes = seed % 5 ? (size_t)1 << 30 : 3000;
    CHECK(world_start(&w));
    world_stream(&w, 1, "events:live", NULL, NULL);
    for (int i = 0; i < 300; i++) {
        world_run(&w, rand_between(&w.rand, 0, 300) * NS_PER_MS);
        poke();
    }
    if (seed % 2 &&
        w.stream_count <
            WORLD_STREAMS) { /* and then a sane stream works, unless it was ended */
        struct world_stream *s;

        brain_stream_remove(w.b, 1, w.now);
        world_drain(&w);
        world_stream(&w, 5, "events:byid", NULL, "E2");
        world_run(&w, 1500 * NS_PER_S);
        s = world_stream_of(&w, 5);
        if (w.config.max_bytes > 3000 && !s->final) {
            CHECK_INT(s->phase, SGO_PHASE_LIVE);
            CHECK_INT(world_differences(&w, 5, true), 0);
        }
    }
    brain_close(w.b, w.now);
    world_drain(&w);
    poke();
    world_fini(&w);
    if (check_bad) {
        fprintf(stderr, "seed %" PRIu64 "\n", seed);
    }
}

static void
no_garbage_breaks_it(void)
{
    int rounds = check_rounds(600);

    for (int i = 0; i < rounds && check_bad == 0; i++) {
        garbage((uint64_t)i);
    }
}

int
main(void)
{
    RUN(no_garbage_breaks_it);
    return check_done();
}
