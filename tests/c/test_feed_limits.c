/* The order of requests, their places, and the figures of the rules: each test
 * fails when its figure or its line is changed. */
#include "check.h"

#include <math.h>
#include <stdlib.h>

#include "feed_scene.h"
#include "feed_world.h"

static void
begin(size_t events)
{
    world_init(&w, 7);
    w.want_trace = true;
    w.config.reconcile_interval_ns = 0;
    w.config.linger_ns = 0;
    world_events(&w, events);
}

/* A message that cannot be read: what it said is not known. */
static void
want_reconcile(void)
{
    world_say(&w, world_socket(&w), "{\"event\":");
    world_run(&w, 100 * NS_PER_MS);
}

static unsigned
lists_open(void)
{
    unsigned n = 0;

    for (const struct world_request *r = w.requests; r; r = r->next) {
        n += strstr(r->url, "/events?") && !strstr(r->url, "eventIDs=");
    }
    return n;
}

/* ---- rule 8: the order ------------------------------------------------------- */

/* Notified ids first; but of five places one is the reconcile's. */
static void
notified_ids_go_first_and_every_fifth_place_is_the_reconciles(void)
{
    unsigned before = 0;

    begin(4);
    w.config.max_requests_in_flight = 1;
    go_live("events:live", NULL, NULL);
    w.manual = true;
    for (int round = 0; round < 5; round++) {
        unsigned ids = 0;

        change(0); /* takes the place */
        CHECK(request_open("eventIDs=E0"));
        want_reconcile();
        while (ids < 9 && !request_open("live=true")) {
            change(ids % 2 ? 0 : 1);
            reply("eventIDs=");
            ids++;
        }
        CHECK(request_open("live=true"));
        CHECK(ids <= 5);
        before += ids - 1;
        for (int i = 0; i < 20 && w.requests; i++) {
            reply("/events?");
            world_run(&w, 100 * NS_PER_MS);
        }
    }
    CHECK(before >= 4);
    CHECK_INT(world_differences(&w, 1, true), 0);
    world_fini(&w);
}

/* ---- rule 3: places and sizes -------------------------------------------------- */

static void
lists_leave_places_for_ids(void)
{
    static const char *const leagues[] = {"A", "B", "C", "D"};

    for (unsigned most = 2; most <= 6; most += 4) {
        begin(1);
        w.config.transport = SGO_TRANSPORT_POLL;
        w.config.max_requests_in_flight = most;
        w.manual = true;
        CHECK(world_start(&w));
        for (uint32_t i = 0; i < 4; i++) {
            CHECK_INT(
                world_stream(&w, i + 1, "events:upcoming", leagues[i], NULL),
                SGO_OK);
        }
        if (request_open("/account/usage")) {
            reply("/account/usage");
        }
        world_run(&w, NS_PER_S);
        CHECK_INT(lists_open(), most == 2 ? 1 : 2);
        world_fini(&w);
    }
}

static void
an_id_request_has_at_most_25_ids(void)
{
    begin(60);
    w.config.max_requests_in_flight = 1;
    go_live("events:live", NULL, NULL);
    w.manual = true;
    change(0);
    for (size_t i = 1; i < 60; i++) {
        world_change(&w, i);
    }
    world_run(&w, NS_PER_S);
    for (int i = 0; i < 20 && w.requests; i++) {
        reply("eventIDs=");
        world_run(&w, NS_PER_S);
    }
    CHECK_INT(w.most_ids, 25);
    CHECK_INT(world_differences(&w, 1, true), 0);
    world_fini(&w);
}

/* Ids of the longest, in letters that a URL spells with three. */
static void
an_id_request_has_a_short_url(void)
{
    enum { IDS = 30, BYTES = 190 };
    static char text[IDS * (BYTES + 40) + 200];
    size_t at, longest = 0;

    begin(1);
    w.config.max_requests_in_flight = 1;
    go_live("events:live", NULL, NULL);
    w.manual = true;
    change(0);
    at = (size_t)snprintf(text, sizeof(text),
                          "{\"event\":\"data\",\"channel\":"
                          "\"presence-events-live\",\"data\":\"[");
    for (int i = 0; i < IDS; i++) {
        at += (size_t)snprintf(text + at, sizeof(text) - at,
                               "%s{\\\"eventID\\\":\\\"", i ? "," : "");
        memset(text + at, '+', BYTES);
        at += BYTES;
        at += (size_t)snprintf(text + at, sizeof(text) - at, "%d\\\"}", i);
    }
    snprintf(text + at, sizeof(text) - at, "]\"}");
    world_say(&w, world_socket(&w), text);
    world_run(&w, NS_PER_S);
    reply("eventIDs=E0");
    for (int i = 0; i < 10 && w.requests; i++) {
        size_t len = strlen(w.requests->url);

        longest = len > longest ? len : longest;
        world_answer(&w, w.requests, 200, "{\"success\":true,\"data\":[]}");
        world_run(&w, 100 * NS_PER_MS);
    }
    CHECK(longest > 4000 && longest < 8192);
    world_fini(&w);
}

/* ---- the size of one event -------------------------------------------------------- */

/* Over 32 MiB it is refused with its id; the held version is kept. */
static void
an_event_too_large_is_refused_alone(void)
{
    enum { MANY = 32 << 20 };
    static const char head[] =
        "{\"success\":true,\"data\":[{\"eventID\":\"E1\",\"x\":\"";
    char *text = malloc(MANY + 200);
    size_t at = sizeof(head) - 1;

    begin(2);
    go_live("events:live", NULL, NULL);
    w.manual = true;
    memcpy(text, head, at);
    memset(text + at, 'x', MANY);
    memcpy(text + at + MANY, "\"}]}", 5);
    change(1);
    for (int i = 0; i < 4 && w.requests; i++) {
        world_answer(&w, world_find(&w, "eventIDs=E1"), 200, text);
        world_run(&w, 3 * NS_PER_S);
    }
    CHECK_INT(S(1)->held[1].v, 1);
    CHECK_INT(S(1)->error.kind, SGO_ERROR_LIMIT);
    CHECK(world_traced(&w, "about E1"));
    CHECK(world_traced(&w, "S1 proof E1 unanswered refused"));
    w.manual = false;
    world_change(&w, 1);
    world_change(&w, 0);
    world_run(&w, 120 * NS_PER_S);
    CHECK_INT(world_differences(&w, 1, true), 0);
    world_fini(&w);
    free(text);
}

/* ---- ids that nobody holds ---------------------------------------------------------- */

/* `n` ids from `first` on, in one message. */
static void
notify_unknown(int first, int n)
{
    static char text[400000];
    size_t at = (size_t)snprintf(text, sizeof(text),
                                 "{\"event\":\"data\",\"channel\":"
                                 "\"presence-events-live\",\"data\":\"[");

    for (int i = 0; i < n; i++) {
        at += (size_t)snprintf(text + at, sizeof(text) - at,
                               "%s{\\\"eventID\\\":\\\"U%d\\\"}", i ? "," : "",
                               first + i);
    }
    snprintf(text + at, sizeof(text) - at, "]\"}");
    world_say(&w, world_socket(&w), text);
    world_run(&w, 100 * NS_PER_MS);
}

/* Ids to be asked are remembered up to max_events and 10,000 more. */
static void
the_number_of_known_ids_is_bounded(void)
{
    sgo_stream_stats stats;

    begin(2);
    w.config.max_events = 5;
    go_live("events:live", NULL, NULL);
    w.manual = true;
    notify_unknown(0, 6000);
    CHECK_INT(brain_stream_stats(w.b, 1, w.now, &stats), SGO_OK);
    CHECK_INT(stats.ids_refused, 0);
    notify_unknown(6000, 6000);
    CHECK_INT(brain_stream_stats(w.b, 1, w.now, &stats), SGO_OK);
    CHECK_INT(stats.ids_notified, 12000);
    CHECK_INT(stats.ids_refused, 12000 + 2 - 10005);
    CHECK_INT(stats.ids_pending, 10003);
    CHECK_INT(S(1)->error.kind, SGO_ERROR_LIMIT);
    CHECK(strstr(S(1)->error.text, "max_events") != NULL);
    CHECK(!S(1)->final);
    world_change(&w, 0); /* a held one is asked as ever */
    world_run(&w, NS_PER_S);
    CHECK_INT(brain_stream_stats(w.b, 1, w.now, &stats), SGO_OK);
    CHECK_INT(stats.ids_pending, 10004);
    world_fini(&w);
}

/* ---- rule 5 -------------------------------------------------------------------- */

static void
with_a_shape_an_unchanged_event_is_asked_again_once(void)
{
    static const char *const books[] = {"b1"};
    struct shape shape;

    shape_init(&shape);
    CHECK_INT(shape_set_bookmaker_ids(&shape, books, 1), SGO_OK);
    begin(1);
    w.config.shape = &shape;
    go_live("events:live", NULL, NULL);
    w.id_requests = 0;
    world_notify(&w, 0);
    world_run(&w, 20 * NS_PER_S);
    CHECK_INT(w.id_requests, 2);
    world_fini(&w);
    shape_fini(&shape);
}

static void
an_unchanged_event_is_asked_again_only_out_of_plenty(void)
{
    begin(1);
    snprintf(w.usage, sizeof(w.usage),
             "\"per-hour\":{\"max-requests\":200,\"current-requests\":0}");
    go_live("events:live", NULL, NULL);
    brain_spent_elsewhere(w.b, 30, 0, w.now); /* of a burst of 40 */
    world_drain(&w);
    world_notify(&w, 0);
    world_run(&w, 20 * NS_PER_S);
    CHECK_INT(w.id_requests, 1);
    world_fini(&w);
}

/* ---- rule 6 -------------------------------------------------------------------- */

static void
two_lone_answers_close_together_do_not_make_an_id_gone(void)
{
    begin(2);
    go_live("events:live", NULL, NULL);
    w.events[1].exists = false;
    world_notify(&w, 1);
    world_run(&w, NS_PER_S);
    CHECK_INT(w.id_requests, 1);
    want_reconcile(); /* asks for what the list lacks */
    world_run(&w, 2 * NS_PER_S);
    CHECK_INT(w.id_requests, 2);
    CHECK_INT(S(1)->removed, 0);
    world_run(&w, 10 * NS_PER_S);
    CHECK_INT(S(1)->removed, 1);
    world_fini(&w);
}

/* ---- rule 11 -------------------------------------------------------------------- */

/* Walks that take longer than the interval are not made one upon another. */
static void
slow_walks_leave_pauses(void)
{
    begin(3);
    w.config.transport = SGO_TRANSPORT_POLL;
    w.config.poll_interval_ns = NS_PER_S;
    w.net_low = w.net_high = 4 * NS_PER_S; /* one way */
    go_live("events:live", NULL, NULL);
    w.walks = 0;
    world_run(&w, 1000 * NS_PER_S);
    CHECK(w.walks >= 55 && w.walks <= 75); /* 12 s each, every 15 s */
    world_fini(&w);
}

/* ---- rule 8: 429 ----------------------------------------------------------------- */

static void
a_429_is_waited_for_an_hour_at_most_then_the_account_is_asked(void)
{
    begin(2);
    go_live("events:live", NULL, NULL);
    w.manual = true;
    change(0);
    refuse(world_find(&w, "eventIDs="), 7200 * NS_PER_S);
    world_run(&w, 3590 * NS_PER_S);
    CHECK(!request_open("eventIDs=") && !request_open("/account/usage"));
    world_run(&w, 20 * NS_PER_S);
    CHECK(request_open("/account/usage"));
    CHECK(request_open("eventIDs=E0"));
    world_fini(&w);
}

static void
the_third_429_in_a_row_asks_the_account(void)
{
    begin(2);
    go_live("events:live", NULL, NULL);
    w.manual = true;
    change(0);
    for (int i = 0; i < 3; i++) {
        CHECK(!request_open("/account/usage"));
        CHECK(request_open("eventIDs=E0"));
        refuse(world_find(&w, "eventIDs="), -1);
        world_run(&w, 5 * NS_PER_S);
    }
    CHECK(request_open("/account/usage"));
    world_fini(&w);
}

/* ---- rule 9 --------------------------------------------------------------------- */

static void
a_504_is_a_chunk_too_heavy(void)
{
    begin(3);
    w.config.max_requests_in_flight = 1;
    go_live("events:live", NULL, NULL);
    w.manual = true;
    change(0);
    change(1);
    change(2);
    reply("eventIDs=E0");
    world_answer(&w, world_find(&w, "eventIDs=E1,E2"), 504, "too slow");
    world_run(&w, 3 * NS_PER_S);
    CHECK(request_open("eventIDs=E1&") || request_open("eventIDs=E2&"));
    for (int i = 0; i < 10 && w.requests; i++) {
        reply("eventIDs=");
        world_run(&w, 3 * NS_PER_S);
    }
    CHECK_INT(world_differences(&w, 1, true), 0);
    world_fini(&w);
}

/* A proxy's page says nothing of the key. */
static void
a_refusal_in_other_words_than_the_apis_is_retried(void)
{
    for (int status = 401; status <= 403; status += 2) {
        begin(1);
        w.boot_status = status;
        w.boot_error = "<html>Forbidden</html>";
        CHECK(world_start(&w));
        CHECK_INT(world_stream(&w, 1, "events:live", NULL, NULL), SGO_OK);
        world_run(&w, 20 * NS_PER_S);
        CHECK(!S(1)->final);
        CHECK_INT(S(1)->error.kind, SGO_ERROR_SERVER);
        w.boot_status = 0;
        CHECK(world_until(&w, live_1, 120 * NS_PER_S));
        world_fini(&w);
    }
}

/* Once live: 15 to 30 s apart for three minutes, then 60 to 300 s, for ever. */
static void
a_lack_of_slots_once_live_is_retried_ever_more_slowly(void)
{
    int64_t began, last = 0;
    unsigned seen, early = 0, late = 0;

    begin(1);
    go_live("events:new-kind", NULL, NULL);
    w.boot_status = 429;
    w.boot_error = "{\"success\":false,\"error\":\"Too many concurrent "
                   "streams\"}";
    seen = w.bootstraps;
    want_reconcile();
    began = w.now;
    while (w.now - began < 12000 * NS_PER_S) {
        world_run(&w, NS_PER_S);
        if (w.bootstraps == seen) {
            continue;
        }
        seen = w.bootstraps;
        if (last && last - began > 185 * NS_PER_S) {
            CHECK(w.now - last >= 59 * NS_PER_S);
            CHECK(w.now - last <= 302 * NS_PER_S);
            late++;
        } else if (last) {
            early++;
        }
        last = w.now;
    }
    CHECK(early >= 6 && early <= 13);
    CHECK(late >= 35);
    CHECK(!S(1)->final);
    CHECK_INT(S(1)->error.kind, SGO_ERROR_STREAM_LIMIT);
    w.boot_status = 0;
    CHECK(world_until(&w, live_1, 400 * NS_PER_S));
    world_fini(&w);
}

/* ---- the forecast ----------------------------------------------------------------- */

static double
number_behind(const char *text, const char *name)
{
    const char *at = text ? strstr(text, name) : NULL;

    CHECK(at != NULL);
    return at ? strtod(at + strlen(name), NULL) : -1;
}

static void
the_forecast_says_how_long_the_plan_lasts(void)
{
    const char *day;
    double per_hour, left;

    begin(20);
    w.config.transport = SGO_TRANSPORT_POLL;
    w.config.poll_interval_ns = 60 * NS_PER_S;
    snprintf(w.usage, sizeof(w.usage),
             "\"per-day\":{\"max-requests\":9000,\"current-requests\":100}");
    go_live("events:live", NULL, NULL);
    world_run(&w, 3600 * NS_PER_S);
    CHECK_INT(brain_call_usage(w.b, 3, w.now), SGO_OK);
    world_drain(&w);
    world_run(&w, 5 * NS_PER_S);
    CHECK(w.call.done);
    per_hour = number_behind(w.call.json, "\"requests_per_hour\":");
    CHECK(per_hour > 55 && per_hour < 70); /* a walk a minute, and usage */
    day = strstr(w.call.json, "\"day\":{\"limit\":9000");
    left = number_behind(day, "\"left\":");
    CHECK(fabs(number_behind(day, "\"lasts_hours\":") - left / per_hour) < 1);
    CHECK(number_behind(w.call.json, "\"poll_interval_s\":") >= 60);
    world_fini(&w);
}

int
main(void)
{
    RUN(notified_ids_go_first_and_every_fifth_place_is_the_reconciles);
    RUN(lists_leave_places_for_ids);
    RUN(an_id_request_has_at_most_25_ids);
    RUN(an_id_request_has_a_short_url);
    RUN(an_event_too_large_is_refused_alone);
    RUN(the_number_of_known_ids_is_bounded);
    RUN(with_a_shape_an_unchanged_event_is_asked_again_once);
    RUN(an_unchanged_event_is_asked_again_only_out_of_plenty);
    RUN(two_lone_answers_close_together_do_not_make_an_id_gone);
    RUN(slow_walks_leave_pauses);
    RUN(a_429_is_waited_for_an_hour_at_most_then_the_account_is_asked);
    RUN(the_third_429_in_a_row_asks_the_account);
    RUN(a_504_is_a_chunk_too_heavy);
    RUN(a_refusal_in_other_words_than_the_apis_is_retried);
    RUN(a_lack_of_slots_once_live_is_retried_ever_more_slowly);
    RUN(the_forecast_says_how_long_the_plan_lasts);
    return check_done();
}
