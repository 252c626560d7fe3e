/* Calls outside streams, and what they may not do to streams: hold them back
 * while they fail, hang, or after they were withdrawn. */
#include "check.h"

#include <stdlib.h>

#include "feed_scene.h"
#include "feed_world.h"

static const char *const ids[] = {"E0"};

/* A brain with nothing to do; answers come by hand. */
static void
begin(unsigned max_requests_in_flight)
{
    world_init(&w, 7);
    w.want_trace = true;
    w.config.max_requests_in_flight = max_requests_in_flight;
    world_events(&w, 2);
    w.manual = true;
    CHECK(world_start(&w));
}

static void
add_stream(void)
{
    CHECK_INT(world_stream(&w, 1, "events:live", NULL, NULL), SGO_OK);
}

/* The stream goes live while what the call asks is never answered. */
static void
becomes_live(const char *unanswered)
{
    for (int i = 0; i < 200 && !live_1(&w); i++) {
        struct world_request *r = w.requests;

        while (r && strstr(r->url, unanswered)) {
            r = r->next;
        }
        if (r) {
            answer_truly(r);
        } else {
            world_run(&w, 10 * NS_PER_MS);
        }
    }
    CHECK(live_1(&w));
}

static void
a_withdrawn_call_gives_its_place_back(void)
{
    struct brain_counters counters;

    begin(1);
    CHECK_INT(brain_call_fetch(w.b, 1, ids, 1, w.now), SGO_OK);
    world_drain(&w);
    CHECK(request_open("eventIDs=E0"));
    add_stream();
    world_run(&w, 5 * NS_PER_S);
    CHECK(!request_open("/stream/events"));
    brain_call_cancel(w.b, 1, w.now);
    world_drain(&w);
    CHECK(!request_open("eventIDs=E0"));
    becomes_live("nothing");
    brain_get_counters(w.b, &counters);
    CHECK_INT(counters.requests_in_flight, 0);
    CHECK(!w.call.done);
    world_fini(&w);
}

static void
a_withdrawn_call_is_not_tried_again(void)
{
    unsigned made;

    for (int general = 0; general < 2; general++) {
        begin(6);
        if (general) {
            CHECK_INT(brain_call_fetch(w.b, 1, ids, 1, w.now), SGO_OK);
        } else {
            CHECK_INT(brain_call_usage(w.b, 1, w.now), SGO_OK);
        }
        world_drain(&w);
        world_fail(&w, w.requests);
        brain_call_cancel(w.b, 1, w.now);
        world_drain(&w);
        made = w.requests_made;
        world_run(&w, 120 * NS_PER_S);
        CHECK_INT(w.requests_made, made);
        CHECK(!w.call.done);
        world_fini(&w);
    }
}

/* What /account/usage cannot do says nothing of the events. */
static void
a_usage_call_that_fails_holds_no_stream_back(void)
{
    begin(6);
    CHECK_INT(brain_call_usage(w.b, 1, w.now), SGO_OK);
    world_drain(&w);
    world_answer(&w, w.requests, 503,
                 "{\"success\":false,\"error\":\"not now\"}");
    add_stream();
    CHECK(request_open("/stream/events"));
    becomes_live("/account/usage");
    world_fini(&w);
}

static void
a_usage_call_is_told_what_failed_it(void)
{
    begin(6);
    CHECK_INT(brain_call_usage(w.b, 1, w.now), SGO_OK);
    world_drain(&w);
    for (int i = 0; i < 3; i++) {
        CHECK(!w.call.done);
        CHECK(request_open("/account/usage"));
        world_answer(&w, w.requests, 503,
                     "{\"success\":false,\"error\":\"not now\"}");
        world_run(&w, 5 * NS_PER_S);
    }
    CHECK(w.call.done);
    CHECK_INT(w.call.error.kind, SGO_ERROR_SERVER);
    CHECK_INT(w.call.error.http_status, 503);
    world_fini(&w);
}

/* In an outage one request tests the host; that of a call may hang as long as
 * its timeout, and streams do not wait for it. */
static void
a_call_that_hangs_in_an_outage_holds_no_stream_back(void)
{
    for (int usage = 0; usage < 2; usage++) {
        begin(6);
        CHECK_INT(brain_call_fetch(w.b, 1, ids, 1, w.now), SGO_OK);
        world_drain(&w);
        world_fail(&w, w.requests);
        if (usage) {
            brain_call_cancel(w.b, 1, w.now);
            CHECK_INT(brain_call_usage(w.b, 2, w.now), SGO_OK);
        }
        world_run(&w, 1100 * NS_PER_MS);
        CHECK(request_open(usage ? "/account/usage" : "eventIDs=E0"));
        add_stream();
        CHECK(request_open("/stream/events"));
        becomes_live(usage ? "/account/usage" : "eventIDs=E0");
        world_fini(&w);
    }
}

/* And the other way round: a stream's test of the host that hangs. */
static void
in_an_outage_calls_are_tried_one_at_a_time(void)
{
    unsigned made;

    begin(6);
    CHECK_INT(brain_call_fetch(w.b, 1, ids, 1, w.now), SGO_OK);
    world_drain(&w);
    world_fail(&w, w.requests);
    for (uint32_t i = 2; i < 6; i++) {
        CHECK_INT(brain_call_fetch(w.b, i, ids, 1, w.now), SGO_OK);
    }
    made = w.requests_made;
    world_run(&w, 1100 * NS_PER_MS);
    CHECK_INT(w.requests_made, made + 1);
    world_run(&w, 20 * NS_PER_S);
    CHECK_INT(w.requests_made, made + 1);
    world_fail(&w, w.requests);
    world_run(&w, 2100 * NS_PER_MS);
    CHECK_INT(w.requests_made, made + 2);
    world_fini(&w);
}

int
main(void)
{
    RUN(a_withdrawn_call_gives_its_place_back);
    RUN(a_withdrawn_call_is_not_tried_again);
    RUN(a_usage_call_that_fails_holds_no_stream_back);
    RUN(a_usage_call_is_told_what_failed_it);
    RUN(a_call_that_hangs_in_an_outage_holds_no_stream_back);
    RUN(in_an_outage_calls_are_tried_one_at_a_time);
    return check_done();
}
