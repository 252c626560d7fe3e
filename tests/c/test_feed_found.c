/* What the simulation found, each as a small story (docs/internals/
 * simulation.md). */
#include "check.h"

#include <stdlib.h>

#include "feed_scene.h"
#include "feed_world.h"

static bool
polling_1(struct world *x)
{
    return world_stream_of(x, 1)->connection == SGO_CONN_POLLING;
}

static bool
walk_open(struct world *x)
{
    return world_find(x, "live=true") != NULL;
}

/* Live, with nothing under way; from now on answers come by hand. */
static void
begin_with(size_t events, sgo_transport transport)
{
    world_init(&w, 7);
    w.config.transport = transport;
    w.want_trace = true;
    w.config.reconcile_interval_ns = 0;
    w.config.linger_ns = 0;
    world_events(&w, events);
    CHECK(world_start(&w));
    CHECK_INT(world_stream(&w, 1, "events:live", NULL, NULL), SGO_OK);
    CHECK(world_until(&w, live_1, 60 * NS_PER_S));
    CHECK(world_until(&w, nothing_open, 60 * NS_PER_S));
    w.manual = true;
}

static void
begin(size_t events)
{
    begin_with(events, SGO_TRANSPORT_WEBSOCKET);
}

static void
end(void)
{
    sgo_stream_stats stats;

    CHECK_INT(brain_stream_stats(w.b, 1, w.now, &stats), SGO_OK);
    CHECK_INT(stats.ids_notified, stats.ids_answered + stats.ids_conflated +
                                      stats.ids_refused + stats.ids_pending);
    CHECK_INT(w.streams[0].broken, 0);
    CHECK_INT(w.streams[0].backwards, 0);
    world_fini(&w);
}

/* The socket is lost and back: the reconcile's page waits for an answer. */
static struct world_request *
walk_again(void)
{
    world_close_socket(&w, world_socket(&w), 1006);
    for (int i = 0; i < 600 && !world_find(&w, "live=true"); i++) {
        world_run(&w, NS_PER_S / 10);
    }
    return find("live=true");
}

/* P3: a lagging replica and a burst of notifications. */
static void
a_burst_does_not_exhaust_the_series_for_stale_reads(void)
{
    char text[1200];

    begin(1);
    change(0);
    reply("eventIDs=");
    snprintf(text, sizeof(text), "{\"success\":true,\"data\":[%s]}",
             w.events[0].older);
    for (int i = 0; i < 8; i++) {
        world_notify(&w, 0);
        world_run(&w, NS_PER_S / 10);
        if (world_find(&w, "eventIDs=")) {
            world_answer(&w, find("eventIDs="), 200, text);
        }
    }
    CHECK_INT(w.streams[0].held[0].v, 2);
    end();
}

/* P9: a page that follows is a request like others. */
static void
a_further_page_waits_behind_a_429(void)
{
    char text[1200];
    char *body;

    begin(4);
    for (size_t i = 0; i < 6; i++) { /* all places taken, the rest gathers */
        change(i % 4);
    }
    reply("eventIDs=E0&");
    change(0);
    change(1);
    reply("eventIDs=E1&");
    body = world_body(&w.events[0]);
    snprintf(text, sizeof(text),
             "{\"success\":true,\"data\":[%s],\"nextCursor\":\"c\"}", body);
    free(body);
    CHECK(world_find(&w, "eventIDs=E0") != NULL);
    refuse(find("eventIDs=E3"), 5 * NS_PER_S);
    world_answer(&w, find("eventIDs=E0"), 200, text);
    CHECK(world_find(&w, "cursor=") == NULL);
    world_run(&w, 4900 * NS_PER_MS);
    CHECK(world_find(&w, "cursor=") == NULL);
    end();
}

/* P9: it was sent before the first 429 was known, but it knows more. */
static void
the_longest_retry_after_counts(void)
{
    begin(3);
    change(0);
    change(1);
    refuse(find("eventIDs=E0"), NS_PER_S);
    refuse(find("eventIDs=E1"), 20 * NS_PER_S);
    change(2);
    world_run(&w, 19 * NS_PER_S);
    CHECK(world_find(&w, "eventIDs=") == NULL);
    world_run(&w, 2 * NS_PER_S);
    CHECK(world_find(&w, "eventIDs=") != NULL);
    end();
}

/* P1, P3: the page was read before the event ended. */
static void
a_list_from_before_does_not_bring_an_event_back(void)
{
    struct world_request *walk;
    int status;
    char *body;

    begin(2);
    walk = walk_again();
    world_begin(&w, walk);
    body = world_reply(&w, walk, &status);
    w.events[0].live = false;
    w.events[0].ended = true;
    change(0);
    reply("eventIDs=E0");
    world_run(&w, NS_PER_MS); /* it does not linger */
    CHECK(world_traced(&w, "S1 removed E0 v2 expiry"));
    world_answer(&w, walk, status, body);
    free(body);
    CHECK(w.streams[0].held[0].doc == NULL);
    reply("eventIDs=E0");
    CHECK_INT(world_differences(&w, 1, true), 0);
    CHECK(live_1(&w));
    end();
}

/* P2: neither version is proven newer, so the walk is not complete. */
static void
a_walk_waits_for_what_it_could_not_believe(void)
{
    struct world_request *walk, *asked;
    int status;
    char *body;

    begin(2);
    change(0);
    asked = find("eventIDs=E0");
    world_begin(&w, asked);
    body = world_reply(&w, asked, &status);
    walk = walk_again();
    world_begin(&w, walk);
    world_answer(&w, asked, status, body); /* from before the walk began */
    free(body);
    w.suppress = true;
    change(0);
    reply("live=true");
    CHECK(!live_1(&w));
    CHECK_INT(w.streams[0].held[0].v, 2);
    reply("eventIDs=E0");
    CHECK(live_1(&w));
    CHECK_INT(world_differences(&w, 1, true), 0);
    end();
}

/* E1 begins; the walk shows it unreadably, then it is had by its id. */
static void
begin_unreadably(void)
{
    struct world_request *walk = walk_again();
    int status;
    char *body;

    w.suppress = true;
    w.events[1].live = true;
    change(1);
    body = world_reply(&w, walk, &status);
    *(strstr(strstr(body, "\"E1\""), "\"odds\":\"") + 8) = '\1';
    world_answer(&w, walk, status, body);
    free(body);
    CHECK(!live_1(&w));
    reply("eventIDs=E1");
    if (world_find(&w, "eventIDs=E1")) { /* the first was the other stream's */
        reply("eventIDs=E1");
    }
    CHECK(live_1(&w));
    CHECK_INT(world_differences(&w, 1, true), 0);
}

/* P1: what could not be read of a list is asked by its id. */
static void
a_new_event_that_a_list_shows_unreadably_is_asked_by_id(void)
{
    begin(2);
    w.events[1].live = false;
    w.events[1].ended = true;
    change(1);
    reply("eventIDs=E1");
    world_run(&w, NS_PER_MS);
    CHECK(w.streams[0].held[1].doc == NULL);
    begin_unreadably();
    end();
}

/* The same where only another stream holds it (seed 77360). */
static void
what_another_stream_holds_is_asked_by_id_as_well(void)
{
    begin(2);
    w.manual = false;
    w.events[1].live = false;
    w.events[1].ended = true;
    change(1);
    CHECK_INT(world_stream(&w, 2, "events:byid", NULL, "E1"), SGO_OK);
    world_run(&w, 200 * NS_PER_S);
    CHECK(w.streams[0].held[1].doc == NULL);
    CHECK(w.streams[1].held[1].doc != NULL);
    w.manual = true;
    begin_unreadably();
    end();
}

/* Nothing fails quietly: the first lone failure is told, then once a minute. */
static void
a_lone_failure_is_told_at_once(void)
{
    struct world_stream *s = &w.streams[0];
    sgo_stream_stats stats;
    unsigned failures = 0;

    begin(1);
    change(0);
    world_answer(&w, find("eventIDs=E0"), 200, "{\"success\":false}");
    CHECK_INT(s->errors, 1);
    CHECK_INT(s->error.kind, SGO_ERROR_SERVER);
    CHECK(strstr(s->error.text, "event E0") != NULL);
    CHECK(s->error.retryable);
    for (failures = 1; failures < 6; failures++) {
        world_run(&w, 40 * NS_PER_S);
        world_answer(&w, find("eventIDs=E0"), 200, "{\"success\":false}");
    }
    CHECK(s->errors >= 3 && s->errors <= 5); /* in 200 s */
    CHECK_INT(brain_stream_stats(w.b, 1, w.now, &stats), SGO_OK);
    CHECK_INT(stats.errors, failures); /* each is counted */
    world_run(&w, 60 * NS_PER_S);
    reply("eventIDs=E0");
    CHECK_INT(world_differences(&w, 1, true), 0);
    end();
}

/* P2: what was refused was asked for before the last notification. */
static void
a_refused_event_that_was_notified_meanwhile_is_asked_again(void)
{
    begin(1);
    change(0);
    world_begin(&w, find("eventIDs=E0"));
    change(0);
    world_answer(&w, find("eventIDs=E0"), 400,
                 "{\"success\":false,\"error\":\"bad\"}");
    reply("eventIDs=E0");
    CHECK_INT(world_differences(&w, 1, true), 0);
    CHECK_INT(w.streams[0].held[0].v, 3);
    end();
}

/* What a consumer could not be told for want of memory is told again; until
 * then the stream is stale. */
static void
what_could_not_be_told_is_told_again(void)
{
    sgo_stream_stats stats;

    begin(3);
    w.streams[0].added = 0;
    brain_untold(w.b, 1, w.now);
    world_drain(&w);
    CHECK_INT(w.streams[0].phase, SGO_PHASE_STALE);
    CHECK_INT(brain_stream_stats(w.b, 1, w.now, &stats), SGO_OK);
    CHECK_INT(stats.updates_retried, 1);
    w.may_repeat = true;
    world_run(&w, NS_PER_S);
    CHECK_INT(w.streams[0].added, 3);
    CHECK(live_1(&w));
    CHECK_INT(world_differences(&w, 1, true), 0);
    brain_untold(w.b, 17, w.now); /* nobody */
    end();
}

/* The socket is back, but what happened meanwhile is not known: stale until
 * the reconcile is complete, then live (design: P2). */
static void
back_from_polling_it_is_live_once_reconciled(void)
{
    begin_with(2, SGO_TRANSPORT_AUTO);
    w.manual = false;
    w.refuse_sockets = true;
    w.refuse_code = 1006;
    world_close_socket(&w, world_socket(&w), 1006);
    CHECK(world_until(&w, polling_1, 60 * NS_PER_S));
    CHECK(world_until(&w, live_1, 60 * NS_PER_S));
    CHECK(world_until(&w, nothing_open, 60 * NS_PER_S));
    w.refuse_sockets = false;
    w.manual = true;
    CHECK(world_until(&w, walk_open, 120 * NS_PER_S));
    while (w.streams[0].connection != SGO_CONN_CONNECTED) {
        if (world_find(&w, "live=true")) {
            reply("live=true"); /* a poll */
        }
        CHECK(live_1(&w));
        world_run(&w, NS_PER_S / 10);
    }
    CHECK(!live_1(&w));
    CHECK_INT(w.streams[0].phase, SGO_PHASE_STALE);
    CHECK(world_until(&w, walk_open, 60 * NS_PER_S));
    CHECK(!live_1(&w));
    reply("live=true");
    CHECK(live_1(&w));
    CHECK_INT(w.streams[0].connection, SGO_CONN_CONNECTED);
    end();
}

int
main(void)
{
    RUN(a_burst_does_not_exhaust_the_series_for_stale_reads);
    RUN(a_further_page_waits_behind_a_429);
    RUN(the_longest_retry_after_counts);
    RUN(a_list_from_before_does_not_bring_an_event_back);
    RUN(a_walk_waits_for_what_it_could_not_believe);
    RUN(a_new_event_that_a_list_shows_unreadably_is_asked_by_id);
    RUN(what_another_stream_holds_is_asked_by_id_as_well);
    RUN(a_lone_failure_is_told_at_once);
    RUN(a_refused_event_that_was_notified_meanwhile_is_asked_again);
    RUN(what_could_not_be_told_is_told_again);
    RUN(back_from_polling_it_is_live_once_reconciled);
    return check_done();
}
