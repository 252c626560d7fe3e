/* The rules of the brain, one by one, each as a small story. */
#include "check.h"

#include <stdlib.h>

#include "base/mem.h"
#include "feed_scene.h"
#include "feed_world.h"

static void
begin(size_t events)
{
    world_init(&w, 7);
    w.want_trace = true;
    world_events(&w, events);
}

static void
end(void)
{
    for (size_t i = 0; i < w.stream_count; i++) {
        CHECK_INT(w.streams[i].broken, 0);
        CHECK_INT(w.streams[i].backwards, 0);
    }
    CHECK_INT(w.same_id_twice, 0);
    CHECK(!world_traced(&w, "SECRETKEY"));
    world_fini(&w);
}

/* ---- rules 1 and 2 ---------------------------------------------------------- */

static void
a_change_before_the_subscription_arrives_without_notification(void)
{
    begin(3);
    CHECK(world_start(&w));
    world_stream(&w, 1, "events:live", NULL, NULL);
    while (S(1)->added < 3) {
        world_run(&w, 10 * NS_PER_MS);
    }
    CHECK_INT(S(1)->phase == SGO_PHASE_LIVE, 0);
    w.suppress = true;
    world_change(&w, 1);
    CHECK(world_until(&w, live_1, 60 * NS_PER_S));
    CHECK(world_traced(&w, "S1 changed E1 v2 resync"));
    CHECK_INT(world_differences(&w, 1, true), 0);
    CHECK_INT(S(1)->gaps, 0);
    end();
}

static void
phases_and_words_come_in_order(void)
{
    const char *p;

    begin(1);
    go_live("events:live", NULL, NULL);
    p = w.trace;
    CHECK((p = strstr(p, "S1 connecting bootstrapping")) != NULL);
    CHECK(p && (p = strstr(p, "S1 added E0 v1 snapshot")) != NULL);
    CHECK(p && (p = strstr(p, "S1 connecting subscribing")) != NULL);
    CHECK(p && (p = strstr(p, "S1 connected subscribing")) != NULL);
    CHECK(p && (p = strstr(p, "S1 connected reconciling")) != NULL);
    CHECK(p && (p = strstr(p, "S1 connected live")) != NULL);
    CHECK(world_traced(&w, "CONNECT ws.test:443 /app/0123456789abcdef0123?"
                           "protocol=7&client=sgostream&version=0.1.0"));
    end();
}

static void
a_change_while_disconnected_arrives_and_the_gap_is_told(void)
{
    begin(3);
    go_live("events:live", NULL, NULL);
    world_close_socket(&w, world_socket(&w), 1006);
    world_run(&w, 200 * NS_PER_MS);
    CHECK_INT(S(1)->phase, SGO_PHASE_STALE);
    w.suppress = true;
    world_change(&w, 2);
    w.suppress = false;
    CHECK(world_until(&w, live_1, 60 * NS_PER_S));
    CHECK(world_traced(&w, "S1 changed E2 v2 resync"));
    CHECK_INT(S(1)->gaps, 1);
    CHECK_INT(w.auths, 2);
    end();
}

static void
what_the_list_lacks_is_refetched(void)
{
    begin(3);
    w.config.linger_ns = 1000 * NS_PER_S;
    go_live("events:live", NULL, NULL);
    w.suppress = true;
    w.events[1].live = false; /* not ended: no leaving, not in the list */
    world_change(&w, 1);
    w.suppress = false;
    world_close_socket(&w, world_socket(&w), 4200);
    world_run(&w, NS_PER_S);
    CHECK(world_until(&w, live_1, 60 * NS_PER_S));
    CHECK(world_traced(&w, "S1 changed E1 v2 resync"));
    CHECK_INT(S(1)->removed, 0); /* absence from one walk removes nothing */
    world_run(&w, 310 * NS_PER_S);
    CHECK(world_traced(&w, "S1 removed E1 v2 resync"));
    end();
}

static void
a_walk_from_before_a_gap_proves_nothing(void)
{
    begin(2);
    w.config.reconcile_interval_ns = 60 * NS_PER_S;
    w.page_cap = 1;
    go_live("events:live", NULL, NULL);
    w.manual = true;
    w.suppress = true;
    world_run(&w, 61 * NS_PER_S);
    reply("live=true"); /* E0 is listed; the second page waits */
    world_close_socket(&w, world_socket(&w), 4200);
    world_change(&w, 0);
    world_run(&w, 5 * NS_PER_S);
    CHECK_INT(S(1)->phase, SGO_PHASE_STALE);
    for (int i = 0; i < 5 && w.requests; i++) {
        reply("live=true");
    }
    CHECK_INT(S(1)->phase, SGO_PHASE_LIVE);
    CHECK_INT(world_differences(&w, 1, true), 0);
    end();
}

static void
it_is_live_only_when_what_the_list_lacks_is_in(void)
{
    begin(3);
    w.config.linger_ns = 1000 * NS_PER_S;
    go_live("events:live", NULL, NULL);
    w.suppress = true;
    w.events[1].live = false;
    world_change(&w, 1);
    world_close_socket(&w, world_socket(&w), 4200);
    w.manual = true;
    world_run(&w, 5 * NS_PER_S);
    reply("live=true");
    CHECK_INT(S(1)->phase, SGO_PHASE_STALE);
    CHECK_INT(S(1)->gaps, 0);
    reply("eventIDs=E1");
    CHECK_INT(S(1)->phase, SGO_PHASE_LIVE);
    CHECK_INT(S(1)->gaps, 1);
    CHECK(world_traced(&w, "refetched 3"));
    end();
}

static void
notifications_are_obeyed_while_reconciling(void)
{
    begin(2);
    w.config.transport = SGO_TRANSPORT_WEBSOCKET;
    CHECK(world_start(&w));
    world_stream(&w, 1, "events:live", NULL, NULL);
    while (S(1)->phase != SGO_PHASE_RECONCILING) {
        world_run(&w, NS_PER_MS);
    }
    world_change(&w, 0);
    CHECK(world_until(&w, live_1, 60 * NS_PER_S));
    world_run(&w, 5 * NS_PER_S);
    CHECK_INT(world_differences(&w, 1, true), 0);
    end();
}

static void
an_unreadable_message_brings_a_reconcile(void)
{
    begin(2);
    go_live("events:live", NULL, NULL);
    w.suppress = true;
    world_change(&w, 1);
    world_say(&w, world_socket(&w),
              "{\"event\":\"data\",\"channel\":\"presence-events-live\","
              "\"data\":\"[{]\"}");
    world_run(&w, 5 * NS_PER_S);
    CHECK(world_traced(&w, "S1 changed E1 v2 resync"));
    CHECK_INT(S(1)->gaps, 1);
    CHECK_INT(S(1)->phase, SGO_PHASE_LIVE);
    end();
}

static void
an_unknown_feed_uses_bootstraps_as_its_list(void)
{
    begin(2);
    go_live("events:new-kind", NULL, NULL);
    CHECK_INT(w.bootstraps, 2);
    CHECK_INT(w.walks, 0);
    world_change(&w, 1);
    world_run(&w, 5 * NS_PER_S);
    CHECK(world_traced(&w, "S1 changed E1 v2 notification"));
    w.suppress = true;
    world_change(&w, 0); /* never refetched: the bootstrap shows it */
    world_change(&w, 1); /* refetched before: asked by id again */
    world_run(&w, 310 * NS_PER_S);
    CHECK_INT(world_differences(&w, 1, true), 0);
    CHECK(world_traced(&w, "S1 changed E0 v2 resync"));
    CHECK(world_traced(&w, "S1 changed E1 v3 resync"));
    CHECK_INT(w.bootstraps, 3);
    end();
}

static void
coordinates_may_follow_the_snapshot(void)
{
    begin(30);
    w.snapshot_first = true;
    w.chunk_bytes = 11;
    go_live("events:live", NULL, NULL);
    CHECK_INT(world_differences(&w, 1, true), 0);
    end();
}

/* ---- rule 3 -------------------------------------------------------------------- */

static void
many_ids_in_one_notification_all_arrive(void)
{
    char text[8000];
    size_t len;

    begin(120);
    w.page_cap = 10;
    w.suppress = true;
    go_live("events:live", NULL, NULL);
    for (size_t i = 0; i < 120; i++) {
        world_change(&w, i);
    }
    len = (size_t)snprintf(text, sizeof(text),
                           "{\"event\":\"data\",\"channel\":\"presence-events-"
                           "live\",\"data\":\"[");
    for (size_t i = 0; i < 120; i++) {
        len += (size_t)snprintf(text + len, sizeof(text) - len,
                                "%s{\\\"eventID\\\":\\\"E%zu\\\"}",
                                i ? "," : "", i);
    }
    snprintf(text + len, sizeof(text) - len, "]\"}");
    world_say(&w, world_socket(&w), text);
    world_run(&w, 20 * NS_PER_S);
    CHECK_INT(world_differences(&w, 1, true), 0);
    CHECK_INT(S(1)->changed, 120);
    CHECK_INT(w.most_ids, 25);
    CHECK(w.most_in_flight <= 6);
    CHECK(world_traced(&w, "&limit=25&cursor="));
    end();
}

static void
an_id_notified_in_flight_is_fetched_again_afterwards(void)
{
    struct world_request *r;

    begin(1);
    go_live("events:live", NULL, NULL);
    w.manual = true;
    world_change(&w, 0);
    world_run(&w, NS_PER_S);
    r = world_find(&w, "eventIDs=E0");
    CHECK(r != NULL);
    world_begin(&w, r);
    world_change(&w, 0);
    world_run(&w, NS_PER_S);
    CHECK_INT(w.id_requests, 1); /* one request per id at most */
    reply("eventIDs=E0");
    CHECK_INT(w.id_requests, 2);
    CHECK(request_open("eventIDs=E0"));
    reply("eventIDs=E0");
    CHECK(!request_open("eventIDs=E0"));
    CHECK(world_traced(&w, "S1 changed E0 v3 notification"));
    end();
}

static void
an_id_notified_before_the_start_is_not_fetched_twice(void)
{
    begin(1);
    w.usage[0] = '\0';
    go_live("events:live", NULL, NULL);
    w.manual = true;
    world_change(&w, 0);
    world_run(&w, NS_PER_S);
    world_notify(&w, 0);
    world_notify(&w, 0);
    world_run(&w, NS_PER_S);
    world_begin(&w, world_find(&w, "eventIDs=E0"));
    reply("eventIDs=E0");
    world_run(&w, 10 * NS_PER_S);
    CHECK_INT(w.id_requests, 1);
    end();
}

static void
ids_gather_while_the_places_are_taken(void)
{
    begin(30);
    w.config.max_requests_in_flight = 2;
    go_live("events:live", NULL, NULL);
    w.manual = true;
    for (size_t i = 0; i < 30; i++) {
        world_change(&w, i);
        world_run(&w, 100 * NS_PER_MS);
    }
    CHECK_INT(w.id_requests, 2);
    reply("eventIDs=E0");
    CHECK_INT(w.most_ids, 25);
    reply("eventIDs=E1");
    while (w.requests) {
        reply("eventIDs=");
    }
    CHECK_INT(world_differences(&w, 1, true), 0);
    CHECK_INT(w.most_in_flight, 2);
    end();
}

static void
a_short_answer_is_followed_up(void)
{
    char *body;
    char text[2000];

    begin(4);
    w.config.max_requests_in_flight = 1;
    go_live("events:live", NULL, NULL);
    w.manual = true;
    world_change(&w, 0);
    world_run(&w, NS_PER_S);
    for (size_t i = 1; i < 4; i++) {
        world_change(&w, i);
    }
    world_run(&w, NS_PER_S);
    reply("eventIDs=E0");
    body = world_body(&w.events[2]);
    snprintf(text, sizeof(text), "{\"success\":true,\"data\":[%s]}", body);
    free(body);
    world_answer(&w, world_find(&w, "eventIDs="), 200, text);
    CHECK(request_open("eventIDs=E1,E3&limit=2") ||
          request_open("eventIDs=E3,E1&limit=2"));
    /* Nothing of two: asked one by one, and nothing is proven. */
    world_answer(&w, world_find(&w, "eventIDs="), 200,
                 "{\"success\":true,\"data\":[]}");
    CHECK(request_open("limit=1&") || request_open("limit=1"));
    reply("eventIDs=");
    reply("eventIDs=");
    CHECK_INT(world_differences(&w, 1, true), 0);
    CHECK_INT(S(1)->removed, 0);
    end();
}

/* ---- rule 4 ---------------------------------------------------------------------- */

/* The walk's page and an id request overlap in time. */
static void
overlap(bool page_last, bool equal)
{
    struct world_request *walk, *ids;
    int status;
    char *page, *answer;

    begin(1);
    w.config.reconcile_interval_ns = 60 * NS_PER_S;
    go_live("events:live", NULL, NULL);
    w.manual = true;
    world_run(&w, 61 * NS_PER_S);
    walk = world_find(&w, "live=true");
    CHECK(walk != NULL);
    world_begin(&w, walk);
    page = world_reply(&w, walk, &status);
    world_change(&w, 0);
    world_run(&w, NS_PER_S);
    ids = world_find(&w, "eventIDs=E0");
    world_begin(&w, ids);
    answer = world_reply(&w, ids, &status);
    if (equal) {
        free(page);
        page = world_reply(&w, walk, &status);
    }
    if (page_last) {
        world_answer(&w, ids, 200, answer);
        CHECK(world_traced(&w, "S1 changed E0 v2 notification"));
        world_answer(&w, walk, 200, page);
    } else {
        world_answer(&w, walk, 200, page);
        world_answer(&w, ids, 200, answer);
    }
    free(page);
    free(answer);
    if (equal) {
        CHECK(!request_open("eventIDs=E0"));
    } else {
        CHECK(request_open("eventIDs=E0")); /* neither is proven newer */
        reply("eventIDs=E0");
        CHECK(!request_open("eventIDs=E0"));
    }
    CHECK_INT(world_differences(&w, 1, true), 0);
    CHECK_INT(S(1)->backwards, 0);
    end();
}

static void
overlapping_answers_are_fetched_once_more_and_never_go_back(void)
{
    overlap(true, false);
    overlap(true, true);
    overlap(false, true);
}

/* The trap of "the newest start wins": the later request read earlier. */
static void
the_newest_start_does_not_win(void)
{
    struct world_request *walk, *ids;
    int status;
    char *page, *answer;

    begin(1);
    w.config.reconcile_interval_ns = 60 * NS_PER_S;
    go_live("events:live", NULL, NULL);
    w.manual = true;
    world_run(&w, 61 * NS_PER_S);
    walk = world_find(&w, "live=true");
    world_begin(&w, walk);
    world_change(&w, 0);
    world_run(&w, NS_PER_S);
    ids = world_find(&w, "eventIDs=E0");
    world_begin(&w, ids);
    answer = world_reply(&w, ids, &status); /* reads version 2 */
    w.suppress = true;
    world_change(&w, 0);
    page = world_reply(&w, walk, &status); /* reads version 3, slowly */
    world_answer(&w, walk, 200, page);
    CHECK_INT(S(1)->held[0].v, 3);
    world_answer(&w, ids, 200, answer);
    CHECK_INT(S(1)->held[0].v, 3);
    free(page);
    free(answer);
    reply("eventIDs=E0"); /* neither was proven newer */
    CHECK_INT(S(1)->held[0].v, 3);
    CHECK(w.requests == NULL);
    end();
}

static void
an_answer_that_started_after_the_held_arrived_replaces_it(void)
{
    begin(1);
    go_live("events:live", NULL, NULL);
    w.manual = true;
    for (unsigned i = 2; i < 6; i++) {
        world_change(&w, 0);
        world_run(&w, NS_PER_S);
        reply("eventIDs=E0");
        CHECK_INT(S(1)->held[0].v, i);
        CHECK(!request_open("eventIDs=E0"));
    }
    end();
}

static void
a_cached_answer_is_not_believed_by_its_age(void)
{
    struct world_request *r;
    char *old;
    int status;

    begin(1);
    go_live("events:live", NULL, NULL);
    w.manual = true;
    world_change(&w, 0);
    world_run(&w, NS_PER_S);
    reply("eventIDs=E0");
    world_change(&w, 0);
    world_run(&w, NS_PER_S);
    r = world_find(&w, "eventIDs=E0");
    r->age = 30 * NS_PER_S;
    old = world_reply(&w, r, &status);
    CHECK_INT(S(1)->held[0].v, 2);
    world_answer(&w, r, 200, old); /* v3, but perhaps from before v2 */
    free(old);
    CHECK_INT(S(1)->held[0].v, 2);
    world_run(&w, 600 * NS_PER_MS);
    reply("eventIDs=E0");
    CHECK_INT(S(1)->held[0].v, 3);
    end();
}

static void
a_stale_read_is_asked_again_then_believed(void)
{
    sgo_stream_stats stats;
    char *old;
    char text[1000];

    begin(1);
    go_live("events:live", NULL, NULL);
    w.manual = true;
    world_change(&w, 0);
    world_run(&w, NS_PER_S);
    reply("eventIDs=E0");
    old = strdup(w.events[0].older);
    world_change(&w, 0);
    world_run(&w, NS_PER_S);
    snprintf(text, sizeof(text), "{\"success\":true,\"data\":[%s]}", old);
    free(old);
    world_answer(&w, world_find(&w, "eventIDs=E0"), 200, text);
    CHECK_INT(S(1)->held[0].v, 2);
    CHECK(!request_open("eventIDs=E0"));
    world_run(&w, 490 * NS_PER_MS);
    CHECK(!request_open("eventIDs=E0"));
    world_run(&w, 20 * NS_PER_MS);
    world_answer(&w, world_find(&w, "eventIDs=E0"), 200, text);
    world_run(&w, 1010 * NS_PER_MS);
    world_answer(&w, world_find(&w, "eventIDs=E0"), 200, text);
    world_run(&w, 1900 * NS_PER_MS);
    CHECK(!request_open("eventIDs=E0"));
    world_run(&w, 200 * NS_PER_MS);
    world_answer(&w, world_find(&w, "eventIDs=E0"), 200, text);
    CHECK_INT(S(1)->held[0].v, 1); /* the server insists */
    brain_stream_stats(w.b, 1, w.now, &stats);
    CHECK_INT(stats.stale_reads, 4);
    world_stream_of(&w, 1)->backwards = 0; /* that was the point */
    end();
}

/* ---- rule 5 ------------------------------------------------------------------------ */

static void
an_unchanged_event_is_asked_again_a_few_times(void)
{
    begin(1);
    go_live("events:live", NULL, NULL);
    world_notify(&w, 0);
    world_run(&w, 20 * NS_PER_S);
    CHECK_INT(w.id_requests, 4); /* at once, then after 0.5, 1, 2 s */
    w.suppress = true;
    world_notify(&w, 0);
    world_run(&w, 300 * NS_PER_MS);
    CHECK_INT(w.id_requests, 5);
    world_change(&w, 0);
    world_run(&w, 20 * NS_PER_S);
    CHECK_INT(w.id_requests, 6);
    CHECK(world_traced(&w, "S1 changed E0 v2 notification"));
    end();
}

/* ---- rule 6 ------------------------------------------------------------------------- */

static void
a_leaving_event_lingers_then_goes(void)
{
    begin(2);
    w.config.linger_ns = 10 * NS_PER_S;
    go_live("events:live", NULL, NULL);
    w.events[1].live = false;
    w.events[1].ended = true;
    world_change(&w, 1);
    world_run(&w, 9 * NS_PER_S);
    CHECK(world_traced(&w, "S1 changed E1 v2 notification"));
    CHECK_INT(S(1)->removed, 0);
    world_run(&w, 3 * NS_PER_S);
    CHECK(world_traced(&w, "S1 removed E1 v2 expiry"));
    world_notify(&w, 1); /* over: not added again */
    world_run(&w, 20 * NS_PER_S);
    CHECK_INT(S(1)->added, 2);
    end();
}

static void
a_return_cancels_the_linger(void)
{
    begin(1);
    w.config.linger_ns = 10 * NS_PER_S;
    go_live("events:live", NULL, NULL);
    w.events[0].live = false;
    w.events[0].ended = true;
    world_change(&w, 0);
    world_run(&w, 5 * NS_PER_S);
    w.events[0].live = true;
    world_change(&w, 0);
    world_run(&w, 30 * NS_PER_S);
    CHECK_INT(S(1)->removed, 0);
    CHECK_INT(world_differences(&w, 1, true), 0);
    end();
}

static void
a_linger_that_ends_while_an_answer_is_under_way_loses_nothing(void)
{
    begin(1);
    w.config.linger_ns = 10 * NS_PER_S;
    go_live("events:live", NULL, NULL);
    w.events[0].live = false;
    w.events[0].ended = true;
    world_change(&w, 0);
    world_run(&w, 5 * NS_PER_S);
    w.manual = true;
    w.events[0].live = true;
    w.events[0].ended = false;
    world_change(&w, 0);
    world_run(&w, 20 * NS_PER_S);
    CHECK(world_traced(&w, "S1 removed E0 v2 expiry"));
    reply("eventIDs=E0");
    CHECK(world_traced(&w, "S1 added E0 v3 notification"));
    CHECK_INT(world_differences(&w, 1, true), 0);
    end();
}

/* "Ended" came from an answer that is older than the last notification. */
static void
an_old_answer_takes_no_membership_away(void)
{
    begin(2);
    w.events[1].live = false;
    w.events[1].ended = true;
    go_live("events:live", NULL, NULL);
    w.manual = true;
    world_notify(&w, 1);
    world_run(&w, NS_PER_S);
    world_begin(&w, world_find(&w, "eventIDs=E1"));
    world_notify(&w, 1);
    world_run(&w, NS_PER_S);
    reply("eventIDs=E1");
    w.events[1].live = true;
    w.events[1].ended = false;
    reply("eventIDs=E1");
    CHECK(world_traced(&w, "S1 added E1 v1 notification"));
    end();
}

/* Answer with what the API said earlier; takes the body. */
static void
reply_with(const char *text, char *body)
{
    world_answer(&w, world_find(&w, text), 200, body);
    free(body);
}

/* What the API says now to the open request. */
static char *
said_now(const char *text)
{
    int status;

    world_begin(&w, world_find(&w, text));
    return world_reply(&w, world_find(&w, text), &status);
}

static void
two_absences_and_an_old_answer_remove_nothing(void)
{
    char *old;

    begin(1);
    w.config.reconcile_interval_ns = 60 * NS_PER_S;
    go_live("events:live", NULL, NULL);
    w.suppress = true;
    w.events[0].live = false; /* a break: not listed, not over */
    world_change(&w, 0);
    w.suppress = false;
    world_run(&w, 70 * NS_PER_S);
    CHECK(world_traced(&w, "S1 changed E0 v2 resync"));
    w.manual = true;
    world_run(&w, 55 * NS_PER_S);
    reply("live=true");
    old = said_now("eventIDs=E0");
    w.events[0].live = true;
    world_change(&w, 0);
    world_run(&w, NS_PER_S);
    reply_with("eventIDs=E0", old);
    CHECK_INT(S(1)->removed, 0);
    reply("eventIDs=E0");
    CHECK(world_traced(&w, "S1 changed E0 v3 notification"));
    CHECK_INT(world_differences(&w, 1, true), 0);
    end();
}

/* The page says "live", is overtaken, and what is held says "ended". */
static void
an_overtaken_page_takes_no_membership_away(void)
{
    char *old, *page;

    begin(1);
    w.config.reconcile_interval_ns = 60 * NS_PER_S;
    w.config.linger_ns = 20 * NS_PER_S;
    go_live("events:live", NULL, NULL);
    world_run(&w, 45 * NS_PER_S);
    w.events[0].live = false;
    w.events[0].ended = true;
    world_change(&w, 0);
    world_run(&w, 8 * NS_PER_S);
    w.manual = true;
    world_notify(&w, 0);
    world_run(&w, NS_PER_S);
    old = said_now("eventIDs=E0");
    w.events[0].live = true;
    w.events[0].ended = false;
    world_change(&w, 0);
    world_run(&w, 8 * NS_PER_S);
    page = said_now("live=true");
    world_run(&w, 8 * NS_PER_S);
    CHECK(world_traced(&w, "S1 removed E0 v2 expiry"));
    reply_with("eventIDs=E0", old);
    reply_with("live=true", page);
    CHECK(request_open("eventIDs=E0"));
    reply("eventIDs=E0");
    CHECK(world_traced(&w, "S1 added E0 v3"));
    world_run(&w, NS_PER_S);
    w.manual = false;
    world_run(&w, 10 * NS_PER_S);
    CHECK_INT(world_differences(&w, 1, true), 0);
    end();
}

static void
a_linger_that_ends_within_a_series_loses_nothing(void)
{
    char *old;

    begin(1);
    w.config.linger_ns = 10 * NS_PER_S;
    go_live("events:live", NULL, NULL);
    w.events[0].live = false;
    w.events[0].ended = true;
    world_change(&w, 0);
    world_run(&w, 7 * NS_PER_S);
    w.manual = true;
    world_notify(&w, 0);
    world_run(&w, NS_PER_S);
    old = said_now("eventIDs=E0");
    w.events[0].live = true;
    w.events[0].ended = false;
    world_change(&w, 0);
    world_run(&w, NS_PER_S);
    world_answer(&w, world_find(&w, "eventIDs=E0"), 200, old);
    while (S(1)->removed == 0) { /* read too early, each time */
        if (request_open("eventIDs=E0")) {
            world_begin(&w, world_find(&w, "eventIDs=E0"));
            world_answer(&w, world_find(&w, "eventIDs=E0"), 200, old);
        }
        world_run(&w, 100 * NS_PER_MS);
    }
    free(old);
    world_run(&w, 3 * NS_PER_S);
    CHECK(request_open("eventIDs=E0"));
    if (request_open("eventIDs=E0")) {
        reply("eventIDs=E0");
    }
    CHECK(world_traced(&w, "S1 added E0 v3"));
    CHECK_INT(world_differences(&w, 1, true), 0);
    end();
}

static void
an_event_that_ended_is_not_added(void)
{
    begin(2);
    w.events[1].live = false;
    w.events[1].ended = true;
    go_live("events:live", NULL, NULL);
    world_notify(&w, 1);
    world_run(&w, 10 * NS_PER_S);
    CHECK_INT(S(1)->added, 1);
    CHECK_INT(w.id_requests, 1);
    end();
}

static void
upcoming_events_leave_when_they_start(void)
{
    begin(2);
    w.config.linger_ns = NS_PER_S;
    for (size_t i = 0; i < 2; i++) {
        w.events[i].live = w.events[i].started = false;
    }
    snprintf(w.events[1].league, sizeof(w.events[1].league), "NFL");
    go_live("events:upcoming", "NBA", NULL);
    CHECK_INT(S(1)->added, 1);
    CHECK(world_traced(&w, "leagueID=NBA&started=false&oddsAvailable=true"));
    w.events[0].started = w.events[0].live = true;
    world_change(&w, 0);
    world_run(&w, 10 * NS_PER_S);
    CHECK(world_traced(&w, "S1 removed E0 v2 expiry"));
    end();
}

static void
an_id_is_gone_after_two_lone_answers(void)
{
    begin(2);
    go_live("events:live", NULL, NULL);
    w.events[1].exists = false;
    world_notify(&w, 1);
    world_run(&w, 3 * NS_PER_S);
    CHECK_INT(w.id_requests, 1);
    CHECK_INT(S(1)->removed, 0);
    world_run(&w, 4 * NS_PER_S);
    CHECK_INT(w.id_requests, 2);
    CHECK(world_traced(&w, "S1 removed E1 v1 resync"));
    end();
}

/* Missing among several, then once alone: that is one lone answer. */
static void
absence_among_several_is_no_proof(void)
{
    char text[2000];
    char *body;

    begin(3);
    w.config.max_requests_in_flight = 1;
    go_live("events:live", NULL, NULL);
    w.manual = true;
    world_change(&w, 0);
    world_run(&w, NS_PER_S);
    world_change(&w, 1);
    world_change(&w, 2);
    world_run(&w, NS_PER_S);
    reply("eventIDs=E0");
    body = world_body(&w.events[1]);
    snprintf(text, sizeof(text), "{\"success\":true,\"data\":[%s]}", body);
    free(body);
    world_answer(&w, w.requests, 200, text);
    CHECK(request_open("eventIDs=E2&limit=1")); /* asked alone, at once */
    world_run(&w, 6 * NS_PER_S);
    world_answer(&w, w.requests, 404,
                 "{\"success\":false,\"error\":\"none\"}");
    CHECK_INT(S(1)->removed, 0);
    world_run(&w, 6 * NS_PER_S);
    reply("eventIDs=E2");
    CHECK_INT(world_differences(&w, 1, true), 0);
    end();
}

static void
a_byid_stream_ends_when_its_event_is_gone(void)
{
    begin(2);
    go_live("events:byid", NULL, "E1");
    CHECK_INT(S(1)->added, 1);
    w.events[1].exists = false;
    world_notify(&w, 1);
    world_run(&w, 10 * NS_PER_S);
    CHECK(S(1)->final);
    CHECK_INT(S(1)->error.kind, SGO_ERROR_NOT_FOUND);
    CHECK_INT(S(1)->phase, SGO_PHASE_CLOSED);
    CHECK_INT(S(1)->connection, SGO_CONN_FAILED);
    CHECK(world_traced(&w, "CLOSE 1000"));
    end();
}

/* ---- rule 7 ------------------------------------------------------------------------ */

static bool
not_connected(struct world *x)
{
    return world_socket(x) == NULL;
}

static void
coordinates_are_fetched_anew_after_failed_cycles_and_the_rest_is_cut(void)
{
    struct world_request *r;
    struct answer_head head = {200, -1, 0};
    const char *body = "{\"success\":true,\"pusherKey\":\"0123456789abcdef"
                       "0123\",\"pusherOptions\":{\"cluster\":\"us2\","
                       "\"wsHost\":\"ws2.test\",\"wssPort\":443,"
                       "\"channelAuthorization\":{\"endpoint\":\"https://"
                       "api.test/v2/stream/pusher/auth\"}},"
                       "\"channel\":\"presence-events-live\",\"data\":[";
    uint64_t id;

    begin(3);
    go_live("events:live", NULL, NULL);
    w.refuse_sockets = true;
    w.refuse_code = 1006;
    world_close_socket(&w, world_socket(&w), 1006);
    CHECK(world_until(&w, not_connected, NS_PER_S));
    w.manual = true;
    for (int i = 0; i < 120 && !request_open("/stream/events"); i++) {
        world_run(&w, NS_PER_S);
    }
    r = world_find(&w, "/stream/events");
    CHECK(r != NULL);
    id = r->id;
    w.refuse_sockets = false;
    world_begin(&w, r);
    brain_request_head(w.b, id, &head, w.now);
    brain_request_data(w.b, id, body, strlen(body), w.now);
    world_drain(&w);
    CHECK(world_traced(&w, "CANCEL")); /* events are held: cut */
    CHECK(!request_open("/stream/events"));
    world_run(&w, 40 * NS_PER_S);
    reply("live=true");
    CHECK(world_traced(&w, "CONNECT ws2.test:443"));
    CHECK_INT(S(1)->phase, SGO_PHASE_LIVE);
    end();
}

static void
a_clock_jump_proves_the_socket_at_once(void)
{
    begin(1);
    go_live("events:live", NULL, NULL);
    world_socket(&w)->mute = true;
    w.now += 600 * NS_PER_S;
    brain_clock_jump(w.b, w.now);
    world_drain(&w);
    world_run(&w, 6 * NS_PER_S);
    CHECK(w.connects >= 2);
    CHECK(world_until(&w, live_1, 30 * NS_PER_S));
    CHECK_INT(S(1)->gaps, 1);
    end();
}

static void
a_half_open_socket_is_found_by_silence(void)
{
    begin(1);
    go_live("events:live", NULL, NULL);
    world_socket(&w)->mute = true;
    world_run(&w, 45 * NS_PER_S);
    CHECK(w.connects >= 2);
    CHECK(world_until(&w, live_1, 30 * NS_PER_S));
    end();
}

/* ---- rule 8 ------------------------------------------------------------------------ */

static void
requests_are_paced_to_the_plan(void)
{
    begin(40);
    w.minute_requests = 60;
    w.minute_objects = 400;
    snprintf(w.usage, sizeof(w.usage),
             "\"per-minute\":{\"max-requests\":60,\"current-requests\":2,"
             "\"max-entities\":400,\"current-entities\":40}");
    go_live("events:live", NULL, NULL);
    for (int i = 0; i < 6000; i++) { /* ten changes a second */
        world_change(&w, (size_t)rand_between(&w.rand, 0, 39));
        world_run(&w, 100 * NS_PER_MS);
    }
    CHECK_INT(w.limited, 0);
    CHECK(w.id_requests > 100);
    CHECK_INT(S(1)->phase, SGO_PHASE_LIVE);
    CHECK(w.walks >= 2); /* the reconcile gets its part */
    world_run(&w, 300 * NS_PER_S);
    CHECK_INT(world_differences(&w, 1, true), 0);
    CHECK_INT(w.limited, 0);
    end();
}

static void
other_clients_of_the_key_count(void)
{
    begin(3);
    snprintf(w.usage, sizeof(w.usage),
             "\"per-minute\":{\"max-requests\":60,\"current-requests\":0}");
    go_live("events:live", NULL, NULL);
    brain_spent_elsewhere(w.b, 60, 0, w.now);
    world_drain(&w);
    w.manual = true;
    world_change(&w, 0);
    world_run(&w, 30 * NS_PER_S);
    CHECK(!request_open("eventIDs="));
    world_run(&w, 60 * NS_PER_S);
    CHECK(request_open("eventIDs=E0"));
    end();
}

static void
a_month_used_up_is_final(void)
{
    begin(3);
    snprintf(w.usage, sizeof(w.usage),
             "\"per-month\":{\"max-entities\":2500,\"current-entities\":"
             "2520}");
    CHECK(world_start(&w));
    world_stream(&w, 1, "events:live", NULL, NULL);
    world_run(&w, 10 * NS_PER_S);
    CHECK(S(1)->final);
    CHECK_INT(S(1)->error.kind, SGO_ERROR_RATE_LIMIT);
    CHECK_STR(S(1)->error.window, "month");
    end();
}

static void
polls_are_stretched_to_what_is_left(void)
{
    begin(20);
    w.config.transport = SGO_TRANSPORT_POLL;
    snprintf(w.usage, sizeof(w.usage),
             "\"per-day\":{\"max-entities\":2000,\"current-entities\":1000}");
    go_live("events:live", NULL, NULL);
    world_run(&w, 3600 * NS_PER_S);
    /* 980 objects are left for a day: a walk of 20 about every half hour. */
    CHECK(w.walks >= 2 && w.walks <= 4);
    end();
}

/* ---- rule 9 --------------------------------------------------------------------------- */

static void
boot_fails(int status, const char *body, sgo_error_kind kind,
           const char *words)
{
    begin(1);
    w.boot_status = status;
    w.boot_error = body;
    CHECK(world_start(&w));
    world_stream(&w, 1, "events:upcoming", "XYZ", NULL);
    world_run(&w, 10 * NS_PER_S);
    CHECK(S(1)->final);
    CHECK_INT(S(1)->error.kind, kind);
    CHECK_INT(S(1)->error.http_status, status);
    CHECK(strstr(S(1)->error.text, words) != NULL);
    if (!strstr(S(1)->error.text, words)) {
        fprintf(stderr, "%s\n", S(1)->error.text);
    }
    CHECK_INT(w.bootstraps, 1);
    end();
}

static void
refusals_before_live_are_final_and_say_what_to_do(void)
{
    boot_fails(401, "{\"success\":false,\"error\":\"Invalid API key\"}",
               SGO_ERROR_AUTHENTICATION, "SPORTS_ODDS_API_KEY_HEADER");
    boot_fails(403, "{\"success\":false,\"error\":\"Upgrade\"}",
               SGO_ERROR_PERMISSION_DENIED, "transport=\"poll\"");
    boot_fails(403, "{\"success\":false,\"error\":\"Upgrade\"}",
               SGO_ERROR_PERMISSION_DENIED, "AllStar");
    boot_fails(404, "{\"success\":false,\"error\":\"No such league\"}",
               SGO_ERROR_NOT_FOUND, "leagueID=XYZ");
    boot_fails(400, "{\"success\":false,\"error\":\"Bad league\"}",
               SGO_ERROR_BAD_REQUEST, "Bad league");
    boot_fails(404, "<html>nothing here</html>", SGO_ERROR_BAD_REQUEST,
               "base_url");
}

static void
html_is_retried_and_reported(void)
{
    begin(1);
    w.boot_status = 200;
    w.boot_error = "<!DOCTYPE html><html></html>";
    CHECK(world_start(&w));
    world_stream(&w, 1, "events:live", NULL, NULL);
    world_run(&w, 5 * NS_PER_S);
    CHECK(!S(1)->final);
    CHECK(S(1)->errors >= 1);
    CHECK_INT(S(1)->error.kind, SGO_ERROR_SERVER);
    CHECK(strstr(S(1)->error.text, "JSON") != NULL);
    w.boot_status = 0;
    CHECK(world_until(&w, live_1, 120 * NS_PER_S));
    end();
}

static void
a_refused_chunk_is_halved_down_to_the_refused_id(void)
{
    begin(6);
    w.config.max_requests_in_flight = 1;
    go_live("events:live", NULL, NULL);
    w.manual = true;
    for (size_t i = 0; i < 6; i++) {
        world_change(&w, i);
    }
    world_run(&w, NS_PER_S);
    for (int i = 0; i < 40 && w.requests; i++) {
        if (request_open("E3,") || request_open(",E3&") ||
            request_open("=E3&")) {
            world_answer(&w, world_find(&w, "E3"), 400,
                         "{\"success\":false,\"error\":\"odd id\"}");
        } else {
            reply("eventIDs=");
        }
    }
    CHECK(w.requests == NULL);
    CHECK_INT(world_differences(&w, 1, false), 1);
    CHECK(world_traced(&w, "about E3"));
    CHECK(world_traced(&w, "S1 proof E3 unanswered refused"));
    CHECK_INT(S(1)->errors, 1);
    world_notify(&w, 3); /* asked again when it is named again */
    world_run(&w, NS_PER_S);
    reply("eventIDs=E3");
    CHECK_INT(world_differences(&w, 1, true), 0);
    end();
}

static void
of_several_ids_a_404_proves_nothing(void)
{
    begin(3);
    w.config.max_requests_in_flight = 1;
    go_live("events:live", NULL, NULL);
    w.manual = true;
    world_change(&w, 0);
    world_run(&w, NS_PER_S);
    world_change(&w, 1);
    world_change(&w, 2);
    world_run(&w, NS_PER_S);
    reply("eventIDs=E0");
    world_answer(&w, world_find(&w, "eventIDs="), 404,
                 "{\"success\":false,\"error\":\"none\"}");
    reply("eventIDs=");
    reply("eventIDs=");
    CHECK_INT(world_differences(&w, 1, true), 0);
    end();
}

static void
an_outage_is_probed_by_one_request(void)
{
    unsigned made;

    begin(10);
    go_live("events:live", NULL, NULL);
    w.manual = true;
    for (size_t i = 0; i < 4; i++) {
        world_change(&w, i);
        world_run(&w, 200 * NS_PER_MS);
    }
    CHECK_INT(w.id_requests, 4);
    made = w.id_requests;
    for (int i = 0; i < 4; i++) {
        world_begin(&w, world_find(&w, "eventIDs="));
        world_fail(&w, world_find(&w, "eventIDs="));
    }
    CHECK_INT(w.id_requests, made);
    world_run(&w, 1100 * NS_PER_MS);
    CHECK_INT(w.id_requests, made + 1); /* one probe, all four ids in it */
    CHECK_INT(w.most_ids, 4);
    world_fail(&w, world_find(&w, "eventIDs="));
    world_run(&w, 900 * NS_PER_MS);
    CHECK_INT(w.id_requests, made + 1); /* [1, 2] s now */
    world_run(&w, 1200 * NS_PER_MS);
    CHECK_INT(w.id_requests, made + 2);
    reply("eventIDs=");
    CHECK_INT(world_differences(&w, 1, true), 0);
    end();
}

static void
a_429_is_obeyed(void)
{
    struct world_request *r;
    const char *body = "{\"success\":false,\"error\":\"per month\"}";
    struct answer_head head = {429, 7 * NS_PER_S, 0};
    struct answer_end done = {
        .ok = true, .http_status = 429, .retry_after_ns = 7 * NS_PER_S};
    uint64_t id;

    begin(2);
    go_live("events:live", NULL, NULL);
    w.manual = true;
    world_change(&w, 0);
    world_run(&w, NS_PER_S);
    r = world_find(&w, "eventIDs=");
    id = r->id;
    world_begin(&w, r);
    brain_request_head(w.b, id, &head, w.now);
    brain_request_data(w.b, id, body, strlen(body), w.now);
    brain_request_done(w.b, id, &done, w.now);
    r->url[0] = '\0'; /* not ours any more */
    world_drain(&w);
    world_change(&w, 1);
    world_run(&w, 6900 * NS_PER_MS);
    CHECK(!request_open("eventIDs="));
    CHECK_INT(S(1)->error.kind, SGO_ERROR_RATE_LIMIT);
    CHECK_STR(S(1)->error.window, "month");
    world_run(&w, 200 * NS_PER_MS);
    CHECK(request_open("eventIDs=E0,E1") || request_open("eventIDs=E1,E0"));
    reply("eventIDs=");
    CHECK_INT(world_differences(&w, 1, true), 0);
    end();
}

static void
a_lack_of_slots_is_retried_slowly_then_final(void)
{
    begin(1);
    w.boot_status = 429;
    w.boot_error = "{\"success\":false,\"error\":\"Too many concurrent "
                   "streams\"}";
    CHECK(world_start(&w));
    world_stream(&w, 1, "events:live", NULL, NULL);
    world_run(&w, 100 * NS_PER_S);
    CHECK(!S(1)->final);
    CHECK(w.bootstraps >= 4 && w.bootstraps <= 7);
    CHECK_INT(S(1)->error.kind, SGO_ERROR_STREAM_LIMIT);
    world_run(&w, 120 * NS_PER_S);
    CHECK(S(1)->final);
    CHECK_INT(S(1)->error.kind, SGO_ERROR_STREAM_LIMIT);
    end();
}

static void
a_key_refused_while_live_is_final_after_three_minutes(void)
{
    begin(1);
    go_live("events:live", NULL, NULL);
    w.manual = true;
    world_change(&w, 0);
    world_run(&w, NS_PER_S);
    for (int i = 0; i < 20 && !S(1)->final; i++) {
        if (w.requests) {
            world_answer(&w, w.requests, 401,
                         "{\"success\":false,\"error\":\"no key\"}");
        }
        world_run(&w, 30 * NS_PER_S);
        CHECK(i > 3 || !S(1)->final);
    }
    CHECK(S(1)->final);
    CHECK_INT(S(1)->error.kind, SGO_ERROR_AUTHENTICATION);
    end();
}

/* ---- rule 10 ------------------------------------------------------------------------------ */

static void
two_streams_share_an_event_and_a_socket(void)
{
    begin(2);
    go_live("events:live", NULL, NULL);
    world_stream(&w, 2, "events:byid", NULL, "E1");
    world_run(&w, 20 * NS_PER_S);
    CHECK_INT(S(2)->phase, SGO_PHASE_LIVE);
    CHECK_INT(w.connects, 1);
    CHECK_INT(w.auths, 2);
    world_change(&w, 1);
    world_run(&w, 10 * NS_PER_S);
    CHECK_INT(S(1)->held[1].v, 2);
    CHECK_INT(S(2)->held[1].v, 2);
    CHECK(S(1)->held[1].doc == S(2)->held[1].doc);
    brain_stream_remove(w.b, 2, w.now);
    world_drain(&w);
    CHECK_INT(S(2)->phase, SGO_PHASE_CLOSED);
    CHECK_INT(S(2)->connection, SGO_CONN_DISCONNECTED);
    CHECK_INT(S(2)->removed, 0);
    world_change(&w, 1);
    world_run(&w, 10 * NS_PER_S);
    CHECK_INT(S(1)->held[1].v, 3);
    CHECK_INT(S(2)->held[1].v, 2);
    CHECK(!world_traced(&w, "CLOSE"));
    end();
}

static void
a_later_stream_of_the_same_feed_gets_what_is_held(void)
{
    begin(3);
    go_live("events:live", NULL, NULL);
    world_change(&w, 0);
    world_run(&w, 5 * NS_PER_S);
    world_stream(&w, 2, "events:live", NULL, NULL);
    CHECK_INT(S(2)->added, 3);
    CHECK_INT(S(2)->phase, SGO_PHASE_LIVE);
    CHECK_INT(w.bootstraps, 1);
    CHECK_INT(world_differences(&w, 2, true), 0);
    end();
}

static void
a_snapshot_does_not_replace_what_was_refetched(void)
{
    begin(1);
    go_live("events:live", NULL, NULL);
    world_change(&w, 0);
    world_run(&w, 5 * NS_PER_S);
    w.manual = true;
    world_stream(&w, 2, "events:byid", NULL, "E0");
    world_answer(&w, world_find(&w, "/stream/events"), 200,
                 "{\"success\":true,\"pusherKey\":\"0123456789abcdef0123\","
                 "\"pusherOptions\":{\"cluster\":\"us2\",\"wsHost\":\"ws.test"
                 "\",\"wssPort\":443},\"channel\":\"presence-events-byid=E0\","
                 "\"data\":[{\"eventID\":\"E0\",\"other\":\"shape\",\"v\":2}]"
                 "}");
    CHECK_INT(S(2)->added, 1);
    CHECK_INT(S(1)->changed, 1);
    CHECK(S(1)->held[0].doc == S(2)->held[0].doc);
    end();
}

/* ---- rule 11 -------------------------------------------------------------------------------- */

static void
poll_transport_never_asks_for_a_stream(void)
{
    begin(5);
    w.config.transport = SGO_TRANSPORT_POLL;
    w.page_cap = 2;
    go_live("events:live", NULL, NULL);
    CHECK_INT(S(1)->connection, SGO_CONN_POLLING);
    world_change(&w, 3);
    world_run(&w, 31 * NS_PER_S);
    CHECK_INT(world_differences(&w, 1, true), 0);
    CHECK(world_traced(&w, "S1 changed E3 v2 poll"));
    CHECK_INT(w.bootstraps, 0);
    CHECK_INT(w.connects, 0);
    CHECK_INT(world_stream(&w, 2, "events:new", NULL, NULL), SGO_INVALID);
    w.manual = true;
    world_run(&w, 65 * NS_PER_S);
    CHECK_INT(S(1)->phase, SGO_PHASE_STALE);
    end();
}

static void
auto_polls_while_the_socket_is_down_and_comes_back(void)
{
    begin(3);
    w.config.transport = SGO_TRANSPORT_AUTO;
    go_live("events:live", NULL, NULL);
    w.refuse_sockets = true;
    w.refuse_code = 1006;
    world_close_socket(&w, world_socket(&w), 1006);
    world_run(&w, 9 * NS_PER_S);
    CHECK(S(1)->connection != SGO_CONN_POLLING);
    world_run(&w, 5 * NS_PER_S);
    CHECK_INT(S(1)->connection, SGO_CONN_POLLING);
    CHECK_INT(S(1)->phase, SGO_PHASE_LIVE);
    world_change(&w, 0);
    world_run(&w, 35 * NS_PER_S);
    CHECK(world_traced(&w, "S1 changed E0 v2 poll"));
    w.refuse_sockets = false;
    world_run(&w, 60 * NS_PER_S);
    CHECK_INT(S(1)->connection, SGO_CONN_CONNECTED);
    CHECK_INT(S(1)->phase, SGO_PHASE_LIVE);
    CHECK_INT(S(1)->added, 3); /* no second added */
    world_change(&w, 1);
    world_run(&w, 5 * NS_PER_S);
    CHECK(world_traced(&w, "S1 changed E1 v2 notification"));
    end();
}

static void
a_refused_channel_is_polled_meanwhile_in_auto(void)
{
    begin(2);
    w.config.transport = SGO_TRANSPORT_AUTO;
    w.manual_auth = true;
    CHECK(world_start(&w));
    world_stream(&w, 1, "events:live", NULL, NULL);
    world_run(&w, 3 * NS_PER_S);
    world_answer(&w, world_find(&w, "/auth"), 403,
                 "{\"success\":false,\"error\":\"no\"}");
    world_run(&w, 3 * NS_PER_S);
    CHECK_INT(S(1)->connection, SGO_CONN_POLLING);
    CHECK_INT(S(1)->phase, SGO_PHASE_LIVE);
    for (int i = 0; i < 60 && !request_open("/auth"); i++) {
        world_run(&w, NS_PER_S);
    }
    reply("/auth");
    world_run(&w, 5 * NS_PER_S);
    CHECK_INT(S(1)->connection, SGO_CONN_CONNECTED);
    CHECK_INT(S(1)->phase, SGO_PHASE_LIVE);
    CHECK_INT(S(1)->added, 2);
    end();
}

static void
a_forbidden_first_bootstrap_ends_auto_too(void)
{
    begin(1);
    w.config.transport = SGO_TRANSPORT_AUTO;
    w.boot_status = 403;
    w.boot_error = "{\"success\":false,\"error\":\"Upgrade\"}";
    CHECK(world_start(&w));
    world_stream(&w, 1, "events:live", NULL, NULL);
    world_run(&w, 30 * NS_PER_S);
    CHECK(S(1)->final);
    CHECK_INT(S(1)->error.kind, SGO_ERROR_PERMISSION_DENIED);
    end();
}

/* ---- rule 12 ---------------------------------------------------------------------------------- */

static void
a_broken_off_list_is_applied_but_judges_no_absence(void)
{
    struct world_request *r;
    struct answer_head head = {200, -1, 0};
    struct answer_end broken = {
        .truncated = true, .http_status = 200, .retry_after_ns = -1};
    char *page, *cut;
    int status;
    uint64_t id;
    unsigned before;

    begin(3);
    w.config.reconcile_interval_ns = 60 * NS_PER_S;
    go_live("events:live", NULL, NULL);
    w.manual = true;
    w.suppress = true;
    world_change(&w, 0);
    world_run(&w, 61 * NS_PER_S);
    r = world_find(&w, "live=true");
    id = r->id;
    world_begin(&w, r);
    page = world_reply(&w, r, &status);
    cut = strstr(page, "\"eventID\":\"E2\"");
    brain_request_head(w.b, id, &head, ++w.now);
    brain_request_data(w.b, id, page, (size_t)(cut - page), ++w.now);
    world_drain(&w);
    CHECK(world_traced(&w, "S1 changed E0 v2 resync"));
    before = w.id_requests;
    brain_request_done(w.b, id, &broken, ++w.now);
    free(page);
    r->url[0] = '\0';
    world_drain(&w);
    world_run(&w, 3 * NS_PER_S);
    while (request_open("/events?")) { /* pending, and the page again */
        reply("/events?");
    }
    CHECK(w.id_requests > before);
    CHECK_INT(w.walks, 3);
    CHECK_INT(S(1)->removed, 0);
    CHECK_INT(world_differences(&w, 1, true), 0);
    end();
}

static void
an_id_answer_counts_only_when_whole(void)
{
    struct world_request *r;
    struct answer_head head = {200, -1, 0};
    struct answer_end broken = {
        .truncated = true, .http_status = 200, .retry_after_ns = -1};
    char *body;
    int status;
    uint64_t id;

    begin(1);
    go_live("events:live", NULL, NULL);
    w.manual = true;
    world_change(&w, 0);
    world_run(&w, NS_PER_S);
    r = world_find(&w, "eventIDs=E0");
    id = r->id;
    world_begin(&w, r);
    body = world_reply(&w, r, &status);
    brain_request_head(w.b, id, &head, w.now);
    brain_request_data(w.b, id, body, strlen(body), w.now);
    world_drain(&w);
    CHECK_INT(S(1)->held[0].v, 1);
    brain_request_done(w.b, id, &broken, w.now);
    free(body);
    r->url[0] = '\0';
    world_drain(&w);
    CHECK_INT(S(1)->held[0].v, 1);
    world_run(&w, 3 * NS_PER_S);
    world_answer(
        &w, world_find(&w, "eventIDs=E0"), 200,
        "{\"success\":false,\"data\":[{\"eventID\":\"E0\",\"v\":9}]}");
    CHECK_INT(S(1)->held[0].v, 1);
    world_run(&w, 3 * NS_PER_S);
    reply("eventIDs=E0");
    CHECK_INT(S(1)->held[0].v, 2);
    end();
}

/* ---- limits, calls, secrets, endings ------------------------------------------------------------ */

static void
a_full_cache_refuses_new_events_and_lingering_ones_go_first(void)
{
    begin(5);
    w.config.max_events = 3;
    go_live("events:live", NULL, NULL);
    CHECK_INT(S(1)->count, 3);
    CHECK_INT(S(1)->error.kind, SGO_ERROR_LIMIT);
    CHECK(strstr(S(1)->error.text, "max_events") != NULL);
    world_change(&w, 0); /* a held one is always applied */
    world_run(&w, 5 * NS_PER_S);
    CHECK_INT(S(1)->held[0].v, 2);
    w.events[0].live = false;
    w.events[0].ended = true;
    world_change(&w, 0);
    world_run(&w, 5 * NS_PER_S);
    CHECK_INT(S(1)->count, 3);
    world_change(&w, 4);
    world_run(&w, 5 * NS_PER_S);
    CHECK(world_traced(&w, "S1 removed E0 v3 expiry"));
    CHECK(world_traced(&w, "S1 added E4 v2 notification"));
    end();
}

static void
bytes_over_the_limit_are_shed_then_new_events_refused(void)
{
    begin(6);
    go_live("events:live", NULL, NULL);
    end();
    begin(6);
    w.config.max_bytes = 4000; /* some of the six fit */
    go_live("events:live", NULL, NULL);
    CHECK(S(1)->count > 0 && S(1)->count < 6);
    CHECK_INT(S(1)->error.kind, SGO_ERROR_LIMIT);
    CHECK(strstr(S(1)->error.text, "max_bytes") != NULL);
    brain_set_queued_bytes(w.b, 5000, w.now);
    world_drain(&w);
    CHECK(w.shed > 0);
    world_change(&w, 0); /* held: applied all the same */
    world_run(&w, 5 * NS_PER_S);
    CHECK_INT(S(1)->held[0].v, 2);
    end();
}

static void
malformed_and_odd_events_are_refused_alone(void)
{
    begin(3);
    w.config.max_requests_in_flight = 1;
    go_live("events:live", NULL, NULL);
    w.manual = true;
    world_change(&w, 0);
    world_run(&w, NS_PER_S);
    world_change(&w, 1);
    world_change(&w, 2);
    world_run(&w, NS_PER_S);
    reply("eventIDs=E0");
    for (int i = 0; i < 8 && w.requests; i++) { /* halved, then alone */
        if (request_open("E1")) {
            world_answer(&w, world_find(&w, "E1"), 200,
                         "{\"success\":true,\"data\":[{\"eventID\":\"E1\","
                         "\"v\":01}]}");
        } else {
            reply("eventIDs=");
        }
        world_run(&w, 3 * NS_PER_S);
    }
    CHECK_INT(S(1)->held[2].v, 2);
    CHECK_INT(S(1)->held[1].v, 1);
    CHECK(world_traced(&w, "about E1"));
    for (int i = 0; i < 100 && !request_open("E1"); i++) {
        world_run(&w, NS_PER_S);
    }
    reply("E1"); /* and still asked for */
    CHECK_INT(world_differences(&w, 1, true), 0);
    end();
}

static void
an_event_too_deep_is_refused_with_its_id(void)
{
    char deep[300], text[1500];
    char *body;

    begin(3);
    w.config.max_requests_in_flight = 1;
    go_live("events:live", NULL, NULL);
    w.manual = true;
    world_change(&w, 0);
    world_run(&w, NS_PER_S);
    world_change(&w, 1);
    world_change(&w, 2);
    world_run(&w, NS_PER_S);
    reply("eventIDs=E0");
    memset(deep, '[', 70);
    memset(deep + 70, ']', 70);
    deep[140] = '\0';
    body = world_body(&w.events[2]);
    snprintf(text, sizeof(text),
             "{\"success\":true,\"data\":[{\"eventID\":\"E1\",\"x\":%s},%s]}",
             deep, body);
    free(body);
    world_answer(&w, w.requests, 200, text);
    CHECK_INT(S(1)->held[2].v, 2);
    CHECK_INT(S(1)->held[1].v, 1);
    CHECK_INT(S(1)->error.kind, SGO_ERROR_LIMIT);
    CHECK(world_traced(&w, "about E1"));
    CHECK(world_traced(&w, "S1 proof E1 unanswered refused"));
    CHECK(w.requests == NULL);
    end();
}

static void
of_one_id_twice_in_an_answer_the_later_counts(void)
{
    begin(1);
    go_live("events:live", NULL, NULL);
    w.manual = true;
    world_change(&w, 0);
    world_run(&w, NS_PER_S);
    world_answer(&w, w.requests, 200,
                 "{\"success\":true,\"data\":[{\"eventID\":\"E0\",\"v\":5},"
                 "{\"eventID\":\"E0\",\"v\":6},{\"eventID\":\"E9\"}]}");
    CHECK_INT(S(1)->held[0].v, 6);
    CHECK_INT(S(1)->changed, 1);
    CHECK_INT(S(1)->added, 1);
    end();
}

static void
an_answer_without_data_proves_nothing(void)
{
    begin(1);
    go_live("events:live", NULL, NULL);
    w.manual = true;
    world_change(&w, 0);
    world_run(&w, NS_PER_S);
    for (int i = 0; i < 3; i++) {
        world_answer(&w, w.requests, 200,
                     i ? "{\"success\":true,\"data\":{\"eventID\":\"E0\"}}"
                       : "{\"success\":true}");
        world_run(&w, 6 * NS_PER_S);
        CHECK_INT(S(1)->removed, 0);
    }
    reply("eventIDs=E0");
    CHECK_INT(world_differences(&w, 1, true), 0);
    end();
}

static void
an_escaped_event_id_is_the_same_id(void)
{
    begin(1);
    go_live("events:live", NULL, NULL);
    w.manual = true;
    world_change(&w, 0);
    world_run(&w, NS_PER_S);
    world_answer(&w, w.requests, 200,
                 "{ \"data\" : [ {\"x\":{\"eventID\":\"E7\"}, \"v\":8, "
                 "\"eventID\" : \"\\u00450\"} ], \"success\" : true }");
    CHECK_INT(S(1)->held[0].v, 8);
    CHECK(w.requests == NULL);
    end();
}

static void
a_fetch_returns_what_exists(void)
{
    const char *ids[60];
    char text[60][8];

    begin(55);
    w.page_cap = 7;
    CHECK(world_start(&w));
    for (size_t i = 0; i < 60; i++) { /* five of them are unknown */
        snprintf(text[i], sizeof(text[i]), "E%zu", i);
        ids[i] = text[i];
    }
    CHECK_INT(brain_call_fetch(w.b, 9, ids, 60, w.now), SGO_OK);
    world_drain(&w);
    world_run(&w, 60 * NS_PER_S);
    CHECK(w.call.done);
    CHECK_INT(w.call.id, 9);
    CHECK_INT(w.call.error.kind, SGO_ERROR_NONE);
    CHECK_INT(w.call.n, 55);
    CHECK(w.most_ids <= 25);
    end();
}

static void
usage_tells_limits_and_a_forecast(void)
{
    begin(1);
    snprintf(w.usage, sizeof(w.usage),
             "\"per-minute\":{\"max-requests\":300,\"current-requests\":12,"
             "\"max-entities\":\"unlimited\",\"current-entities\":5}");
    CHECK(world_start(&w));
    CHECK_INT(brain_call_usage(w.b, 3, w.now), SGO_OK);
    world_drain(&w);
    world_run(&w, 5 * NS_PER_S);
    CHECK(w.call.done);
    CHECK(strstr(w.call.json, "\"max-requests\":300") != NULL);
    CHECK(strstr(w.call.json, "}},\"forecast\":{\"known\":true,") != NULL);
    CHECK(strstr(w.call.json, "\"minute\":{\"limit\":300,\"used\":12,"
                              "\"left\":288") != NULL);
    end();
}

static void
a_call_that_fails_says_why(void)
{
    const char *ids[1] = {"E0"};

    begin(1);
    w.manual = true;
    CHECK(world_start(&w));
    CHECK_INT(brain_call_fetch(w.b, 1, ids, 1, w.now), SGO_OK);
    world_drain(&w);
    world_answer(&w, w.requests, 401,
                 "{\"success\":false,\"error\":\"no key\"}");
    CHECK(w.call.done);
    CHECK_INT(w.call.error.kind, SGO_ERROR_AUTHENTICATION);
    w.call.done = false;
    CHECK_INT(brain_call_fetch(w.b, 2, ids, 1, w.now), SGO_OK);
    world_drain(&w);
    for (int i = 0; i < 5 && w.requests; i++) {
        world_fail(&w, w.requests);
        world_run(&w, 5 * NS_PER_S);
    }
    CHECK(w.call.done);
    CHECK_INT(w.call.error.kind, SGO_ERROR_TRANSPORT);
    end();
}

static void
the_authorisation_endpoint_must_be_ours(void)
{
    begin(1);
    snprintf(w.auth_endpoint, sizeof(w.auth_endpoint),
             "https://evil.test/auth");
    CHECK(world_start(&w));
    world_stream(&w, 1, "events:live", NULL, NULL);
    world_run(&w, 10 * NS_PER_S);
    CHECK(S(1)->final);
    CHECK_INT(S(1)->error.kind, SGO_ERROR_CONFIGURATION);
    CHECK(strstr(S(1)->error.text, "evil.test:443") != NULL);
    CHECK(strstr(S(1)->error.text, "allow_auth_hosts") != NULL);
    CHECK_INT(w.auths, 0);
    CHECK_INT(w.connects, 0);
    end();
}

static void
an_allowed_endpoint_gets_no_key_of_ours(void)
{
    static const char *const hosts[] = {"other.test:8443"};
    struct world_request *r;

    begin(1);
    w.config.allow_auth_hosts = hosts;
    w.config.allow_auth_host_count = 1;
    w.manual_auth = true;
    snprintf(w.auth_endpoint, sizeof(w.auth_endpoint),
             "https://other.test:8443/stream/pusher/auth");
    CHECK(world_start(&w));
    world_stream(&w, 1, "events:live", NULL, NULL);
    world_run(&w, 5 * NS_PER_S);
    r = world_find(&w, "other.test");
    CHECK(r && !r->with_key && strcmp(r->method, "POST") == 0);
    CHECK(r && strstr(r->body, "socket_id=1.2&channel_name=presence-events"));
    reply("other.test");
    CHECK(world_until(&w, live_1, 10 * NS_PER_S));
    end();
}

static void
bad_streams_are_refused_with_a_remedy(void)
{
    struct brain_param twice[] = {{"a", "1"}, {"a", "2"}};
    sgo_error err;

    begin(0);
    CHECK(world_start(&w));
    CHECK_INT(
        brain_stream_add(w.b, 1, "events:upcoming", NULL, 0, w.now, &err),
        SGO_INVALID);
    CHECK(strstr(err.text, "leagueID") != NULL);
    CHECK_INT(brain_stream_add(w.b, 1, "events:byid", NULL, 0, w.now, &err),
              SGO_INVALID);
    CHECK(strstr(err.text, "eventID") != NULL);
    CHECK_INT(brain_stream_add(w.b, 1, "", NULL, 0, w.now, &err), SGO_INVALID);
    CHECK_INT(brain_stream_add(w.b, 1, "x:y", twice, 2, w.now, &err),
              SGO_INVALID);
    CHECK_INT(brain_stream_add(w.b, 1, "x:y\n", NULL, 0, w.now, &err),
              SGO_INVALID);
    end();
}

static void
everything_in_a_url_is_escaped(void)
{
    static const char *const odds[] = {"points+rebounds-all-game-ou-over"};
    static const char *const books[] = {"a&b", "c"};
    struct shape shape;

    begin(1);
    shape_init(&shape);
    CHECK_INT(shape_set_odd_ids(&shape, odds, 1), SGO_OK);
    CHECK_INT(shape_set_bookmaker_ids(&shape, books, 2), SGO_OK);
    shape.include_alt_lines = true;
    shape.include_opposing = true;
    shape.include_open_close = true;
    w.config.shape = &shape;
    w.config.expand_results = true;
    CHECK(world_start(&w));
    world_stream(&w, 1, "events:live", NULL, NULL);
    world_run(&w, 10 * NS_PER_S);
    CHECK(world_traced(
        &w, "live=true&limit=100&bookmakerID=a%26b,c&oddID=points%2Brebounds-"
            "all-game-ou-over&includeOpposingOdds=true&in"));
    CHECK(world_traced(&w, "GET https://api.test/v2/stream/events?feed="
                           "events%3Alive\n"));
    world_fini(&w);
    shape_fini(&shape);
}

static void
the_snapshot_is_pruned_to_the_shape(void)
{
    static const char *const books[] = {"b1"};
    struct shape shape;
    struct value odds, odd, by, v;

    begin(1);
    shape_init(&shape);
    CHECK_INT(shape_set_bookmaker_ids(&shape, books, 1), SGO_OK);
    w.config.shape = &shape;
    CHECK(world_start(&w));
    world_stream(&w, 1, "events:live", NULL, NULL);
    while (S(1)->added == 0) {
        world_run(&w, 10 * NS_PER_MS);
    }
    CHECK(VALUE_GET(document_root(S(1)->held[0].doc), "odds", &odds));
    CHECK(VALUE_GET(odds, "points-home-game-ml-home", &odd));
    CHECK(VALUE_GET(odd, "byBookmaker", &by));
    CHECK(VALUE_GET(by, "b1", &v));
    CHECK(!VALUE_GET(by, "b2", &v));
    world_fini(&w);
    shape_fini(&shape);
}

static void
closing_stops_everything(void)
{
    begin(2);
    go_live("events:live", NULL, NULL);
    w.manual = true;
    world_change(&w, 0);
    world_run(&w, NS_PER_S);
    CHECK(w.requests != NULL);
    brain_close(w.b, w.now);
    world_drain(&w);
    CHECK(w.requests == NULL); /* all cancelled */
    CHECK(world_traced(&w, "CLOSE 1000"));
    CHECK_INT(S(1)->phase, SGO_PHASE_CLOSED);
    CHECK_INT(S(1)->connection, SGO_CONN_DISCONNECTED);
    CHECK_INT(world_stream(&w, 2, "events:live", NULL, NULL), SGO_CLOSED);
    world_run(&w, 5 * NS_PER_S);
    end();
}

static bool
one_added(struct world *x)
{
    return world_stream_of(x, 1)->added > 0;
}

/* A snapshot is split while it arrives. */
static void
the_first_event_does_not_wait_for_the_last(void)
{
    const struct world_request *r;

    begin(100);
    w.chunk_bytes = 100;
    CHECK(world_start(&w));
    CHECK_INT(world_stream(&w, 1, "events:live", NULL, NULL), SGO_OK);
    CHECK(world_until(&w, one_added, 60 * NS_PER_S));
    CHECK(S(1)->added < 5);
    r = world_find(&w, "/stream/events");
    CHECK(r != NULL && r->sent > 0 && r->sent < r->answer_len / 4);
    CHECK(world_until(&w, live_1, 60 * NS_PER_S));
    CHECK_INT(S(1)->added, 100);
    end();
}

static void
a_recording_replays_exactly_and_holds_no_key(void)
{
    static const char *const books[] = {"b1", "b2"};
    const char *ids[] = {"E0", "E77"};
    struct shape shape;
    unsigned added;

    begin(20);
    shape_init(&shape);
    CHECK_INT(shape_set_bookmaker_ids(&shape, books, 2), SGO_OK);
    w.config.shape = &shape;
    w.want_recording = true;
    w.chunk_bytes = 7; /* the key is cut in pieces */
    w.config.linger_ns = NS_PER_S;
    w.faults = (struct world_faults){
        .transport = 50, .server_error = 50, .socket_drop = 50};
    go_live("events:live", NULL, NULL);
    world_stream(&w, 2, "events:byid", NULL, "E1");
    CHECK_INT(brain_call_fetch(w.b, 4, ids, 2, w.now), SGO_OK);
    CHECK_INT(brain_call_usage(w.b, 5, w.now), SGO_OK);
    for (int k = 0; k < 50; k++) {
        world_change(&w, (size_t)rand_between(&w.rand, 0, 19));
        world_run(&w, 200 * NS_PER_MS);
    }
    brain_clock_jump(w.b, w.now);
    brain_spent_elsewhere(w.b, 3, 40, w.now);
    brain_set_queued_bytes(w.b, 100, w.now);
    world_drain(&w);
    w.faults = (struct world_faults){0};
    CHECK(world_until(&w, live_1, 120 * NS_PER_S));
    CHECK_INT(brain_call_usage(w.b, 6, w.now), SGO_OK);
    world_drain(&w);
    brain_call_cancel(w.b, 6, w.now);
    world_drain(&w);
    added = S(1)->added;
    w.may_repeat = true;
    brain_untold(w.b, 1, w.now);
    world_drain(&w);
    world_run(&w, NS_PER_S);
    CHECK(S(1)->added >= added + 15); /* told again */
    brain_stream_remove(w.b, 2, w.now);
    world_run(&w, 5 * NS_PER_S);
    brain_close(w.b, w.now);
    world_drain(&w);
    CHECK(world_replay(&w) == w.digest);
    CHECK(memmem(w.recording, w.recording_len, "SECRETKEY", 9) == NULL);
    CHECK(memmem(w.recording, w.recording_len, "SECR", 4) == NULL);
    for (size_t i = 1; i < 400 && i < w.recording_len; i++) {
        w.recording_len -= i; /* cut anywhere: refused or played, no crash */
        CHECK(world_replay(&w) != 1);
    }
    world_fini(&w);
    shape_fini(&shape);
}

static void
counters_are_the_streams_own(void)
{
    sgo_stream_stats stats;
    struct brain_counters counters;

    begin(2);
    go_live("events:live", NULL, NULL);
    world_change(&w, 0);
    world_run(&w, 5 * NS_PER_S);
    world_stream(&w, 2, "events:live", NULL, NULL);
    world_change(&w, 1);
    world_run(&w, 5 * NS_PER_S);
    CHECK_INT(brain_stream_stats(w.b, 1, w.now, &stats), SGO_OK);
    CHECK_INT(stats.notifications, 2);
    CHECK_INT(stats.ids_notified, 2);
    CHECK_INT(stats.reconciles, 1);
    CHECK(stats.last_frame_age_ns >= 0);
    CHECK_INT(brain_stream_stats(w.b, 2, w.now, &stats), SGO_OK);
    CHECK_INT(stats.notifications, 1);
    CHECK_INT(brain_stream_stats(w.b, 3, w.now, &stats), SGO_NOT_FOUND);
    brain_get_counters(w.b, &counters);
    CHECK_INT(counters.events_held, 2);
    CHECK_INT(counters.requests_in_flight, 0);
    CHECK(counters.objects_spent >= 6);
    end();
}

int
main(void)
{
    RUN(phases_and_words_come_in_order);
    RUN(a_change_before_the_subscription_arrives_without_notification);
    RUN(a_change_while_disconnected_arrives_and_the_gap_is_told);
    RUN(what_the_list_lacks_is_refetched);
    RUN(a_walk_from_before_a_gap_proves_nothing);
    RUN(it_is_live_only_when_what_the_list_lacks_is_in);
    RUN(notifications_are_obeyed_while_reconciling);
    RUN(an_unreadable_message_brings_a_reconcile);
    RUN(an_unknown_feed_uses_bootstraps_as_its_list);
    RUN(coordinates_may_follow_the_snapshot);
    RUN(many_ids_in_one_notification_all_arrive);
    RUN(an_id_notified_in_flight_is_fetched_again_afterwards);
    RUN(an_id_notified_before_the_start_is_not_fetched_twice);
    RUN(ids_gather_while_the_places_are_taken);
    RUN(a_short_answer_is_followed_up);
    RUN(overlapping_answers_are_fetched_once_more_and_never_go_back);
    RUN(the_newest_start_does_not_win);
    RUN(an_answer_that_started_after_the_held_arrived_replaces_it);
    RUN(a_cached_answer_is_not_believed_by_its_age);
    RUN(a_stale_read_is_asked_again_then_believed);
    RUN(an_unchanged_event_is_asked_again_a_few_times);
    RUN(a_leaving_event_lingers_then_goes);
    RUN(a_return_cancels_the_linger);
    RUN(a_linger_that_ends_while_an_answer_is_under_way_loses_nothing);
    RUN(an_old_answer_takes_no_membership_away);
    RUN(two_absences_and_an_old_answer_remove_nothing);
    RUN(an_overtaken_page_takes_no_membership_away);
    RUN(a_linger_that_ends_within_a_series_loses_nothing);
    RUN(an_event_that_ended_is_not_added);
    RUN(upcoming_events_leave_when_they_start);
    RUN(an_id_is_gone_after_two_lone_answers);
    RUN(absence_among_several_is_no_proof);
    RUN(a_byid_stream_ends_when_its_event_is_gone);
    RUN(coordinates_are_fetched_anew_after_failed_cycles_and_the_rest_is_cut);
    RUN(a_clock_jump_proves_the_socket_at_once);
    RUN(a_half_open_socket_is_found_by_silence);
    RUN(requests_are_paced_to_the_plan);
    RUN(other_clients_of_the_key_count);
    RUN(a_month_used_up_is_final);
    RUN(polls_are_stretched_to_what_is_left);
    RUN(refusals_before_live_are_final_and_say_what_to_do);
    RUN(html_is_retried_and_reported);
    RUN(a_refused_chunk_is_halved_down_to_the_refused_id);
    RUN(of_several_ids_a_404_proves_nothing);
    RUN(an_outage_is_probed_by_one_request);
    RUN(a_429_is_obeyed);
    RUN(a_lack_of_slots_is_retried_slowly_then_final);
    RUN(a_key_refused_while_live_is_final_after_three_minutes);
    RUN(two_streams_share_an_event_and_a_socket);
    RUN(a_later_stream_of_the_same_feed_gets_what_is_held);
    RUN(a_snapshot_does_not_replace_what_was_refetched);
    RUN(poll_transport_never_asks_for_a_stream);
    RUN(auto_polls_while_the_socket_is_down_and_comes_back);
    RUN(a_refused_channel_is_polled_meanwhile_in_auto);
    RUN(a_forbidden_first_bootstrap_ends_auto_too);
    RUN(a_broken_off_list_is_applied_but_judges_no_absence);
    RUN(an_id_answer_counts_only_when_whole);
    RUN(a_full_cache_refuses_new_events_and_lingering_ones_go_first);
    RUN(bytes_over_the_limit_are_shed_then_new_events_refused);
    RUN(malformed_and_odd_events_are_refused_alone);
    RUN(an_event_too_deep_is_refused_with_its_id);
    RUN(of_one_id_twice_in_an_answer_the_later_counts);
    RUN(an_answer_without_data_proves_nothing);
    RUN(an_escaped_event_id_is_the_same_id);
    RUN(a_fetch_returns_what_exists);
    RUN(usage_tells_limits_and_a_forecast);
    RUN(a_call_that_fails_says_why);
    RUN(the_authorisation_endpoint_must_be_ours);
    RUN(an_allowed_endpoint_gets_no_key_of_ours);
    RUN(bad_streams_are_refused_with_a_remedy);
    RUN(everything_in_a_url_is_escaped);
    RUN(the_snapshot_is_pruned_to_the_shape);
    RUN(closing_stops_everything);
    RUN(the_first_event_does_not_wait_for_the_last);
    RUN(a_recording_replays_exactly_and_holds_no_key);
    RUN(counters_are_the_streams_own);
    return check_done();
}
