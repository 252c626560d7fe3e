/* Connecting, refusals, coordinates, stopping (pusher.md 1, 2.1; checklist 1,
 * 3 to 8, 36, 39). */
#include "check.h"
#include "pusher_help.h"

#define PLAIN                                                                 \
    "{\"cluster\":\"us2\",\"wsHost\":\"127.0.0.1\",\"wsPort\":8080,"          \
    "\"wssPort\":8443,\"wsPath\":\"/ws\",\"forceTLS\":false}"

/* Seconds from the mark's time to the first CONNECT seen since. */
static double
delay_since(const struct world *w, int64_t from)
{
    const struct seen *s = world_first(w, PUSHER_CONNECT);

    return s->kind ? (double)(s->at - from) / 1e9 : -1;
}

static void
t01_the_request(void)
{
    struct world w;

    world_init(&w, PLAIN);
    w.settings.client_name = "sgo stream";
    w.settings.client_version = "1.2.3";
    world_make(&w);
    CHECK_INT(pusher_state(w.p), SGO_CONN_INITIALIZED);
    CHECK(pusher_deadline(w.p) == CLOCK_NEVER);
    pusher_start(w.p, w.now);
    world_drain(&w);
    CHECK_INT(world_seen(&w, PUSHER_CONNECT), 1);
    CHECK_STR(world_last(&w, PUSHER_CONNECT)->text,
              "/ws/app/" KEY "?protocol=7&client=sgo%20stream&version=1.2.3");
    CHECK_STR(world_last(&w, PUSHER_CONNECT)->more, "127.0.0.1");
    CHECK_INT(world_last(&w, PUSHER_CONNECT)->port, 8080);
    CHECK(!world_last(&w, PUSHER_CONNECT)->tls);
    CHECK_INT(pusher_state(w.p), SGO_CONN_CONNECTING);
    pusher_start(w.p, w.now); /* idempotent */
    world_drain(&w);
    CHECK_INT(world_seen(&w, PUSHER_CONNECT), 1);
    world_fini(&w);
}

static void
t03_established_connects(void)
{
    struct world w;

    world_init(&w, NULL);
    world_make(&w);
    world_connect(&w);
    CHECK_INT(pusher_state(w.p), SGO_CONN_CONNECTED);
    CHECK_INT(world_last(&w, PUSHER_STATE)->previous, SGO_CONN_CONNECTING);
    CHECK_INT(world_last(&w, PUSHER_STATE)->current, SGO_CONN_CONNECTED);
    world_mark(&w);
    world_say(&w, ESTABLISHED); /* a second one is ignored */
    CHECK_INT(w.count, w.mark);
    CHECK_INT(world_stats(&w).established, 1);
    world_fini(&w);
}

static void
t04_activity_timeout_missing_or_odd_is_clamped(void)
{
    static const struct {
        const char *told;
        double effective;
    } rows[] = {
        {"", 30},
        {",\"activity_timeout\":0", 30},
        {",\"activity_timeout\":-1", 30},
        {",\"activity_timeout\":\"x\"", 30},
        {",\"activity_timeout\":1e9", 30},
        {",\"activity_timeout\":1e300", 30},
        {",\"activity_timeout\":null", 30},
        {",\"activity_timeout\":1", 5},
        {",\"activity_timeout\":0.001", 5},
        {",\"activity_timeout\":12", 12},
    };
    char text[256];

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct world w;

        world_init(&w, NULL);
        world_make(&w);
        pusher_start(w.p, w.now);
        world_drain(&w);
        world_opened(&w);
        snprintf(text, sizeof(text),
                 "{\"event\":\"pusher:connection_established\",\"data\":"
                 "{\"socket_id\":\"1.2\"%s}}",
                 rows[i].told);
        world_say(&w, text);
        CHECK_INT(pusher_state(w.p), SGO_CONN_CONNECTED);
        CHECK_INT(world_stats(&w).activity_ns, S(rows[i].effective));
        world_fini(&w);
    }
}

static void
t05_first_message_of_another_kind(void)
{
    static const char *const first[] = {
        "{\"event\":\"data\",\"channel\":\"c\",\"data\":[]}",
        "{\"event\":\"pusher:ping\",\"data\":{}}",
        "not JSON",
        "{\"event\":\"pusher:connection_established\",\"data\":{}}",
        "{\"event\":\"pusher:connection_established\"}",
    };

    for (size_t i = 0; i <= sizeof(first) / sizeof(first[0]); i++) {
        bool binary = i == sizeof(first) / sizeof(first[0]);
        struct world w;

        world_init(&w, NULL);
        world_make(&w);
        pusher_start(w.p, w.now);
        world_drain(&w);
        world_opened(&w);
        world_mark(&w);
        world_say_bytes(&w, binary ? ESTABLISHED : first[i],
                        strlen(binary ? ESTABLISHED : first[i]), binary);
        CHECK_INT(world_last(&w, PUSHER_CLOSE)->code, binary ? 1003 : 1002);
        CHECK_INT(world_last(&w, PUSHER_REPORT)->error.kind,
                  SGO_ERROR_PROTOCOL);
        CHECK_INT(world_stats(&w).unreadable, 1);
        CHECK_INT(pusher_state(w.p), SGO_CONN_CONNECTING);
        world_mark(&w);
        world_run(&w, S(1.01));
        CHECK_INT(world_seen(&w, PUSHER_CONNECT), 1);
        CHECK_INT(world_seen(&w, PUSHER_KILL), 1); /* never two at once */
        CHECK(world_first(&w, PUSHER_KILL) < world_first(&w, PUSHER_CONNECT));
        world_fini(&w);
    }
}

static void
t06_silence_after_the_101(void)
{
    struct world w;

    world_init(&w, NULL);
    world_make(&w);
    pusher_start(w.p, w.now);
    world_drain(&w);
    world_run(&w, S(2));
    world_opened(&w);
    world_mark(&w);
    world_run(&w, S(9.9));
    CHECK_INT(world_seen(&w, PUSHER_CLOSE), 0);
    world_run(&w, S(0.2));
    CHECK_INT(world_seen(&w, PUSHER_CLOSE), 1);
    CHECK_INT(world_last(&w, PUSHER_REPORT)->error.kind, SGO_ERROR_TRANSPORT);
    CHECK(strstr(world_last(&w, PUSHER_REPORT)->error.text, "greeting"));
    CHECK_INT(world_stats(&w).established, 0);
    world_fini(&w);
}

static void
t06_no_101_at_all(void)
{
    struct world w;

    world_init(&w, NULL);
    world_make(&w);
    pusher_start(w.p, w.now);
    world_drain(&w);
    world_mark(&w);
    world_run(&w, S(9.99));
    CHECK_INT(w.count, w.mark);
    world_run(&w, S(0.02));
    CHECK_INT(world_seen(&w, PUSHER_KILL), 1);
    CHECK_INT(world_seen(&w, PUSHER_REPORT), 1);
    /* `unavailable` 10 s after the attempt began. */
    CHECK_INT(pusher_state(w.p), SGO_CONN_UNAVAILABLE);
    world_run(&w, S(60));
    CHECK_INT(pusher_state(w.p), SGO_CONN_UNAVAILABLE);
    world_through(&w);
    CHECK_INT(pusher_state(w.p), SGO_CONN_CONNECTED);
    world_fini(&w);
}

static void
t07_failures_to_connect_are_distinct(void)
{
    static const struct {
        sgo_error_kind told;
        int status;
        sgo_error_kind kind;
        bool anew;
    } rows[] = {
        {SGO_ERROR_TRANSPORT, 0, SGO_ERROR_TRANSPORT, false},
        {SGO_ERROR_LIMIT, 0, SGO_ERROR_LIMIT, false},
        {SGO_ERROR_NONE, 401, SGO_ERROR_TRANSPORT, true},
        {SGO_ERROR_NONE, 403, SGO_ERROR_TRANSPORT, true},
        {SGO_ERROR_NONE, 404, SGO_ERROR_TRANSPORT, true},
        {SGO_ERROR_NONE, 400, SGO_ERROR_TRANSPORT, false},
        {SGO_ERROR_NONE, 503, SGO_ERROR_SERVER, false},
        {SGO_ERROR_NONE, 0, SGO_ERROR_TRANSPORT, false},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct world w;
        const struct seen *report;

        world_init(&w, NULL);
        world_make(&w);
        pusher_start(w.p, w.now);
        world_drain(&w);
        world_mark(&w);
        world_failed(&w, rows[i].told, rows[i].status);
        report = world_last(&w, PUSHER_REPORT);
        CHECK_INT(world_seen(&w, PUSHER_REPORT), 1);
        CHECK_INT(report->error.kind, rows[i].kind);
        CHECK_INT(report->error.http_status, rows[i].status);
        CHECK(report->error.retryable);
        CHECK(report->ns >= S(0.5) && report->ns <= S(1));
        CHECK(strstr(report->error.text, "ws-us2.pusher.com") != NULL);
        CHECK_INT(world_seen(&w, PUSHER_CLOSE), 0);
        world_run(&w, S(1.01));
        CHECK_INT(world_seen(&w, PUSHER_COORDINATES), rows[i].anew);
        CHECK_INT(world_seen(&w, PUSHER_CONNECT), !rows[i].anew);
        world_fini(&w);
    }
}

static void
t07_retry_after_of_a_refused_upgrade(void)
{
    struct pusher_end end = {.http_status = 503, .retry_after_ns = S(20)};
    struct world w;

    world_init(&w, NULL);
    world_make(&w);
    pusher_start(w.p, w.now);
    world_drain(&w);
    pusher_closed(w.p, w.now, w.generation, &end);
    world_drain(&w);
    world_mark(&w);
    world_run(&w, S(19.9));
    CHECK_INT(world_seen(&w, PUSHER_CONNECT), 0);
    world_run(&w, S(0.2));
    CHECK_INT(world_seen(&w, PUSHER_CONNECT), 1);
    world_fini(&w);
}

static void
t08_4004_as_first_message(void)
{
    static const char *const forms[] = {
        "{\"event\":\"pusher:error\",\"data\":{\"code\":4004,"
        "\"message\":\"Account over quota\"}}",
        "{\"event\":\"pusher:error\",\"data\":\"{\\\"code\\\":4004,"
        "\\\"message\\\":\\\"Account over quota\\\"}\"}",
    };

    for (size_t i = 0; i < 2; i++) {
        struct world w;
        int64_t from;

        world_init(&w, NULL);
        world_make(&w);
        pusher_start(w.p, w.now);
        world_drain(&w);
        world_opened(&w);
        world_mark(&w);
        from = w.now;
        world_say(&w, forms[i]);
        CHECK_INT(world_last(&w, PUSHER_CLOSE)->code, 1000);
        CHECK_INT(world_last(&w, PUSHER_REPORT)->error.kind,
                  SGO_ERROR_STREAM_LIMIT);
        CHECK_INT(world_last(&w, PUSHER_REPORT)->error.close_code, 4004);
        CHECK(strstr(world_last(&w, PUSHER_REPORT)->error.text,
                     "Account over quota"));
        CHECK_INT(pusher_state(w.p), SGO_CONN_DISCONNECTED);
        CHECK_INT(world_last(&w, PUSHER_STATE)->code, 4004);
        world_run(&w, S(31));
        CHECK(delay_since(&w, from) >= 15 && delay_since(&w, from) <= 30);
        world_fini(&w);
    }
}

static void
t08_a_first_error_without_code(void)
{
    struct world w;
    int64_t from;

    world_init(&w, NULL);
    world_make(&w);
    pusher_start(w.p, w.now);
    world_drain(&w);
    world_opened(&w);
    world_mark(&w);
    from = w.now;
    world_say(&w, "{\"event\":\"pusher:error\",\"data\":{\"code\":null,"
                  "\"message\":\"go away\"}}");
    CHECK_INT(world_seen(&w, PUSHER_CLOSE), 1);
    CHECK(strstr(world_last(&w, PUSHER_REPORT)->error.text, "go away"));
    pusher_closed(w.p, w.now, w.generation, &(struct pusher_end){0});
    world_run(&w, S(1.01));
    CHECK(delay_since(&w, from) >= 0.5 && delay_since(&w, from) <= 1);
    CHECK_INT(world_seen(&w, PUSHER_KILL), 0);
    world_fini(&w);
}

static void
unavailable_comes_although_each_attempt_is_refused_quickly(void)
{
    struct world w;
    int64_t until;

    world_init(&w, NULL);
    world_make(&w);
    pusher_start(w.p, w.now);
    world_drain(&w);
    until = w.now + S(11);
    while (w.now < until) {
        if (world_last(&w, PUSHER_CONNECT)->kind) {
            world_mark(&w);
            world_failed(&w, SGO_ERROR_TRANSPORT, 0);
        }
        world_run(&w, S(0.25));
    }
    CHECK_INT(pusher_state(w.p), SGO_CONN_UNAVAILABLE);
    world_fini(&w);
}

static void
t36_inputs_of_an_old_socket_are_ignored(void)
{
    struct world w;
    uint64_t old;
    char late[] = "{\"event\":\"data\",\"channel\":\"" CHANNEL
                  "\",\"data\":[{\"eventID\":\"E1\"}]}";

    world_init(&w, NULL);
    world_make(&w);
    world_live(&w);
    old = w.generation;
    world_closed(&w, 1006, "");
    world_run(&w, S(1.1));
    world_through(&w);
    CHECK(w.generation == old + 1);
    world_mark(&w);
    pusher_message(w.p, w.now, old, late, strlen(late), false);
    pusher_closed(w.p, w.now, old, &(struct pusher_end){.close_code = 4001});
    pusher_opened(w.p, w.now, old);
    pusher_frame(w.p, w.now + S(5), old);
    world_drain(&w);
    CHECK_INT(w.count, w.mark);
    CHECK_INT(world_stats(&w).late, 4);
    CHECK_INT(pusher_last_frame(w.p), w.now);
    CHECK_INT(pusher_state(w.p), SGO_CONN_CONNECTED);
    world_fini(&w);
}

static void
coordinates_after_three_failed_cycles(void)
{
    struct world w;
    int asked = 0;

    world_init(&w, NULL);
    world_make(&w);
    pusher_start(w.p, w.now);
    world_drain(&w);
    for (int i = 1; i <= 9; i++) {
        world_mark(&w);
        world_failed(&w, SGO_ERROR_TRANSPORT, 0);
        while (!world_seen(&w, PUSHER_CONNECT) &&
               !world_seen(&w, PUSHER_COORDINATES)) {
            world_run(&w, S(1));
        }
        if (world_seen(&w, PUSHER_COORDINATES)) {
            asked++;
            CHECK_INT(i % 3, 0);
            CHECK_INT(world_seen(&w, PUSHER_CONNECT), 0);
            pusher_coordinates_failed(w.p, w.now, NULL);
            world_drain(&w);
            CHECK_INT(world_seen(&w, PUSHER_CONNECT), 1);
        }
    }
    CHECK_INT(asked, 3);
    world_fini(&w);
}

static void
coordinates_older_than_an_hour_are_fetched_before_a_reconnect(void)
{
    struct pusher_coordinates other;
    struct world w;
    sgo_error err;
    static const char moved[] = "{\"wsHost\":\"moved.example\"}";

    world_init(&w, NULL);
    world_make(&w);
    world_live(&w);
    for (int i = 0; i < 370; i++) {
        world_run(&w, S(10));
        pusher_frame(w.p, w.now, w.generation);
        world_drain(&w);
    }
    CHECK_INT(world_seen(&w, PUSHER_COORDINATES), 0); /* while it lives */
    world_closed(&w, 1001, "");
    world_mark(&w);
    world_run(&w, S(1.1));
    CHECK_STR(world_last(&w, PUSHER_COORDINATES)->text, "coordinates are old");
    CHECK_INT(world_seen(&w, PUSHER_CONNECT), 0);
    CHECK_INT(
        pusher_options_parse(KEY, moved, strlen(moved), false, &other, &err),
        SGO_OK);
    CHECK_INT(pusher_set_coordinates(w.p, w.now, &other), SGO_OK);
    world_drain(&w);
    CHECK_STR(world_last(&w, PUSHER_CONNECT)->more, "moved.example");
    pusher_coordinates_fini(&other);
    world_fini(&w);
}

static void
coordinates_that_never_come_do_not_stop_the_reconnect(void)
{
    struct world w;

    world_init(&w, NULL);
    world_make(&w);
    pusher_start(w.p, w.now);
    world_drain(&w);
    world_failed(&w, SGO_ERROR_NONE, 404);
    world_mark(&w);
    world_run(&w, S(1.1));
    CHECK_INT(world_seen(&w, PUSHER_COORDINATES), 1);
    world_run(&w, S(28));
    CHECK_INT(world_seen(&w, PUSHER_CONNECT), 0);
    world_run(&w, S(2));
    CHECK_INT(world_seen(&w, PUSHER_CONNECT), 1);
    world_fini(&w);
}

static void
coordinates_of_another_socket_wait_for_the_next_connect(void)
{
    struct pusher_coordinates other;
    struct world w;
    sgo_error err;
    static const char moved[] = "{\"wsHost\":\"moved.example\"}";

    world_init(&w, NULL);
    world_make(&w);
    world_live(&w);
    CHECK_INT(
        pusher_options_parse(KEY, moved, strlen(moved), false, &other, &err),
        SGO_OK);
    world_mark(&w);
    CHECK_INT(pusher_set_coordinates(w.p, w.now, &other), SGO_OK);
    world_drain(&w);
    CHECK_INT(w.count, w.mark);
    CHECK_STR(pusher_coordinates(w.p)->host, "ws-us2.pusher.com");
    world_closed(&w, 1001, "");
    world_run(&w, S(1.1));
    CHECK_STR(world_last(&w, PUSHER_CONNECT)->more, "moved.example");
    pusher_coordinates_fini(&other);
    world_fini(&w);
}

static void
t39_stop_in_every_state(void)
{
    for (int at = 0; at < 8; at++) {
        struct world w;

        world_init(&w, NULL);
        world_make(&w);
        CHECK_INT(pusher_channel_add(w.p, w.now, CHANNEL, NULL), SGO_OK);
        if (at > 0) {
            pusher_start(w.p, w.now);
            world_drain(&w);
        }
        if (at == 2) {
            world_failed(&w, SGO_ERROR_TRANSPORT, 0); /* backoff */
        }
        if (at > 2) {
            world_opened(&w);
        }
        if (at > 3) {
            world_say(&w, ESTABLISHED); /* authorising */
        }
        if (at > 4) {
            world_grant(&w); /* pending */
        }
        if (at > 5) {
            world_succeed(&w, CHANNEL);
        }
        if (at == 7) { /* lost, with outputs still queued */
            pusher_closed(w.p, w.now, w.generation, &(struct pusher_end){0});
        }
        world_mark(&w);
        pusher_stop(w.p, w.now);
        world_drain(&w);
        CHECK_INT(world_seen(&w, PUSHER_CLOSE), at >= 3 && at < 7);
        if (at >= 3 && at < 7) {
            CHECK_INT(world_last(&w, PUSHER_CLOSE)->code, 1000);
        }
        CHECK_INT(world_seen(&w, PUSHER_KILL), at == 1);
        CHECK_INT(world_seen(&w, PUSHER_CANCEL_AUTHORISE), at == 4);
        CHECK_INT(pusher_state(w.p), SGO_CONN_DISCONNECTED);
        CHECK(pusher_deadline(w.p) == CLOCK_NEVER);
        world_mark(&w);
        /* nothing acts afterwards */
        world_grant(&w);
        world_opened(&w);
        world_say(&w, ESTABLISHED);
        world_closed(&w, 1006, "");
        pusher_clock_jump(w.p, w.now);
        pusher_tick(w.p, w.now + S(100));
        CHECK_INT(pusher_set_coordinates(w.p, w.now, &w.coordinates), SGO_OK);
        pusher_coordinates_failed(w.p, w.now, NULL);
        CHECK_INT(pusher_channel_add(w.p, w.now, "presence-b", NULL), SGO_OK);
        pusher_channel_remove(w.p, w.now, CHANNEL);
        pusher_stop(w.p, w.now);
        world_drain(&w);
        CHECK_INT(w.count, w.mark);
        world_fini(&w);
    }
}

static void
start_again_after_stop_and_after_failure(void)
{
    struct world w;

    world_init(&w, NULL);
    world_make(&w);
    world_live(&w);
    pusher_stop(w.p, w.now);
    world_drain(&w);
    world_mark(&w);
    pusher_start(w.p, w.now);
    world_drain(&w);
    CHECK_INT(world_seen(&w, PUSHER_CONNECT), 0); /* the old one closes */
    CHECK_INT(pusher_state(w.p), SGO_CONN_CONNECTING);
    world_closed(&w, 1000, "");
    world_run(&w, 0);
    CHECK_INT(world_seen(&w, PUSHER_CONNECT), 1);
    world_through(&w);
    CHECK(pusher_channel_subscribed(w.p, CHANNEL));
    world_closed(&w, 4006, "");
    CHECK_INT(pusher_state(w.p), SGO_CONN_FAILED);
    world_mark(&w);
    pusher_start(w.p, w.now);
    world_drain(&w);
    CHECK_INT(world_seen(&w, PUSHER_CONNECT), 1);
    world_fini(&w);
}

int
main(void)
{
    RUN(t01_the_request);
    RUN(t03_established_connects);
    RUN(t04_activity_timeout_missing_or_odd_is_clamped);
    RUN(t05_first_message_of_another_kind);
    RUN(t06_silence_after_the_101);
    RUN(t06_no_101_at_all);
    RUN(t07_failures_to_connect_are_distinct);
    RUN(t07_retry_after_of_a_refused_upgrade);
    RUN(t08_4004_as_first_message);
    RUN(t08_a_first_error_without_code);
    RUN(unavailable_comes_although_each_attempt_is_refused_quickly);
    RUN(t36_inputs_of_an_old_socket_are_ignored);
    RUN(t39_stop_in_every_state);
    RUN(coordinates_after_three_failed_cycles);
    RUN(coordinates_older_than_an_hour_are_fetched_before_a_reconnect);
    RUN(coordinates_that_never_come_do_not_stop_the_reconnect);
    RUN(coordinates_of_another_socket_wait_for_the_next_connect);
    RUN(start_again_after_stop_and_after_failure);
    return check_done();
}
