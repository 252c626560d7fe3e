/* Connecting, refusals, coordinates, stopping (pusher.md 1, 2.1; checklist 1,
 * 3 to 8, 36, 39). */
#include "check.h"
#include "pusher_help.h"

#define PLAIN                                                                 \
    "{\"cluster\":\"us2\",\"wsHost\":\"127.0.0.1\",\"wsPort\":8080,"          \
    "\"wssPort\":8443,\"wsPath\":\"/ws\",\"forceTLS\":false}"

/* Seconds from the mark's time to the first CONNECT seen since. */
static double
delay_since(const struct stage *w, int64_t from)
{
    const struct seen *s = stage_first(w, PUSHER_CONNECT);

    return s->kind ? (double)(s->at - from) / 1e9 : -1;
}

static void
t01_the_request(void)
{
    struct stage w;

    stage_init(&w, PLAIN);
    w.settings.client_name = "sgo stream";
    w.settings.client_version = "1.2.3";
    stage_make(&w);
    CHECK_INT(pusher_state(w.p), SGO_CONN_INITIALIZED);
    CHECK(pusher_deadline(w.p) == CLOCK_NEVER);
    pusher_start(w.p, w.now);
    stage_drain(&w);
    CHECK_INT(stage_seen(&w, PUSHER_CONNECT), 1);
    CHECK_STR(stage_last(&w, PUSHER_CONNECT)->text,
              "/ws/app/" KEY "?protocol=7&client=sgo%20stream&version=1.2.3");
    CHECK_STR(stage_last(&w, PUSHER_CONNECT)->more, "127.0.0.1");
    CHECK_INT(stage_last(&w, PUSHER_CONNECT)->port, 8080);
    CHECK(!stage_last(&w, PUSHER_CONNECT)->tls);
    CHECK_INT(pusher_state(w.p), SGO_CONN_CONNECTING);
    pusher_start(w.p, w.now); /* idempotent */
    stage_drain(&w);
    CHECK_INT(stage_seen(&w, PUSHER_CONNECT), 1);
    stage_fini(&w);
}

static void
t03_established_connects(void)
{
    struct stage w;

    stage_init(&w, NULL);
    stage_make(&w);
    stage_connect(&w);
    CHECK_INT(pusher_state(w.p), SGO_CONN_CONNECTED);
    CHECK_INT(stage_last(&w, PUSHER_STATE)->previous, SGO_CONN_CONNECTING);
    CHECK_INT(stage_last(&w, PUSHER_STATE)->current, SGO_CONN_CONNECTED);
    stage_mark(&w);
    stage_say(&w, ESTABLISHED); /* a second one is ignored */
    CHECK_INT(w.count, w.mark);
    CHECK_INT(stage_stats(&w).established, 1);
    stage_fini(&w);
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
        struct stage w;

        stage_init(&w, NULL);
        stage_make(&w);
        pusher_start(w.p, w.now);
        stage_drain(&w);
        stage_opened(&w);
        snprintf(text, sizeof(text),
                 "{\"event\":\"pusher:connection_established\",\"data\":"
                 "{\"socket_id\":\"1.2\"%s}}",
                 rows[i].told);
        stage_say(&w, text);
        CHECK_INT(pusher_state(w.p), SGO_CONN_CONNECTED);
        CHECK_INT(stage_stats(&w).activity_ns, S(rows[i].effective));
        stage_fini(&w);
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
        struct stage w;

        stage_init(&w, NULL);
        stage_make(&w);
        pusher_start(w.p, w.now);
        stage_drain(&w);
        stage_opened(&w);
        stage_mark(&w);
        stage_say_bytes(&w, binary ? ESTABLISHED : first[i],
                        strlen(binary ? ESTABLISHED : first[i]), binary);
        CHECK_INT(stage_last(&w, PUSHER_CLOSE)->code, binary ? 1003 : 1002);
        CHECK_INT(stage_last(&w, PUSHER_REPORT)->error.kind,
                  SGO_ERROR_PROTOCOL);
        CHECK_INT(stage_stats(&w).unreadable, 1);
        CHECK_INT(pusher_state(w.p), SGO_CONN_CONNECTING);
        stage_mark(&w);
        stage_run(&w, S(1.01));
        CHECK_INT(stage_seen(&w, PUSHER_CONNECT), 1);
        CHECK_INT(stage_seen(&w, PUSHER_KILL), 1); /* never two at once */
        CHECK(stage_first(&w, PUSHER_KILL) < stage_first(&w, PUSHER_CONNECT));
        stage_fini(&w);
    }
}

static void
t06_silence_after_the_101(void)
{
    struct stage w;

    stage_init(&w, NULL);
    stage_make(&w);
    pusher_start(w.p, w.now);
    stage_drain(&w);
    stage_run(&w, S(2));
    stage_opened(&w);
    stage_mark(&w);
    stage_run(&w, S(9.9));
    CHECK_INT(stage_seen(&w, PUSHER_CLOSE), 0);
    stage_run(&w, S(0.2));
    CHECK_INT(stage_seen(&w, PUSHER_CLOSE), 1);
    CHECK_INT(stage_last(&w, PUSHER_REPORT)->error.kind, SGO_ERROR_TRANSPORT);
    CHECK(strstr(stage_last(&w, PUSHER_REPORT)->error.text, "greeting"));
    CHECK_INT(stage_stats(&w).established, 0);
    stage_fini(&w);
}

static void
t06_no_101_at_all(void)
{
    struct stage w;

    stage_init(&w, NULL);
    stage_make(&w);
    pusher_start(w.p, w.now);
    stage_drain(&w);
    stage_mark(&w);
    stage_run(&w, S(9.99));
    CHECK_INT(w.count, w.mark);
    stage_run(&w, S(0.02));
    CHECK_INT(stage_seen(&w, PUSHER_KILL), 1);
    CHECK_INT(stage_seen(&w, PUSHER_REPORT), 1);
    /* `unavailable` 10 s after the attempt began. */
    CHECK_INT(pusher_state(w.p), SGO_CONN_UNAVAILABLE);
    stage_run(&w, S(60));
    CHECK_INT(pusher_state(w.p), SGO_CONN_UNAVAILABLE);
    stage_through(&w);
    CHECK_INT(pusher_state(w.p), SGO_CONN_CONNECTED);
    stage_fini(&w);
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
        struct stage w;
        const struct seen *report;

        stage_init(&w, NULL);
        stage_make(&w);
        pusher_start(w.p, w.now);
        stage_drain(&w);
        stage_mark(&w);
        stage_failed(&w, rows[i].told, rows[i].status);
        report = stage_last(&w, PUSHER_REPORT);
        CHECK_INT(stage_seen(&w, PUSHER_REPORT), 1);
        CHECK_INT(report->error.kind, rows[i].kind);
        CHECK_INT(report->error.http_status, rows[i].status);
        CHECK(report->error.retryable);
        CHECK(report->ns >= S(0.5) && report->ns <= S(1));
        CHECK(strstr(report->error.text, "ws-us2.pusher.com") != NULL);
        CHECK_INT(stage_seen(&w, PUSHER_CLOSE), 0);
        stage_run(&w, S(1.01));
        CHECK_INT(stage_seen(&w, PUSHER_COORDINATES), rows[i].anew);
        CHECK_INT(stage_seen(&w, PUSHER_CONNECT), !rows[i].anew);
        stage_fini(&w);
    }
}

static void
t07_retry_after_of_a_refused_upgrade(void)
{
    struct pusher_end end = {.http_status = 503, .retry_after_ns = S(20)};
    struct stage w;

    stage_init(&w, NULL);
    stage_make(&w);
    pusher_start(w.p, w.now);
    stage_drain(&w);
    pusher_closed(w.p, w.now, w.generation, &end);
    stage_drain(&w);
    stage_mark(&w);
    stage_run(&w, S(19.9));
    CHECK_INT(stage_seen(&w, PUSHER_CONNECT), 0);
    stage_run(&w, S(0.2));
    CHECK_INT(stage_seen(&w, PUSHER_CONNECT), 1);
    stage_fini(&w);
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
        struct stage w;
        int64_t from;

        stage_init(&w, NULL);
        stage_make(&w);
        pusher_start(w.p, w.now);
        stage_drain(&w);
        stage_opened(&w);
        stage_mark(&w);
        from = w.now;
        stage_say(&w, forms[i]);
        CHECK_INT(stage_last(&w, PUSHER_CLOSE)->code, 1000);
        CHECK_INT(stage_last(&w, PUSHER_REPORT)->error.kind,
                  SGO_ERROR_STREAM_LIMIT);
        CHECK_INT(stage_last(&w, PUSHER_REPORT)->error.close_code, 4004);
        CHECK(strstr(stage_last(&w, PUSHER_REPORT)->error.text,
                     "Account over quota"));
        CHECK_INT(pusher_state(w.p), SGO_CONN_DISCONNECTED);
        CHECK_INT(stage_last(&w, PUSHER_STATE)->code, 4004);
        stage_run(&w, S(31));
        CHECK(delay_since(&w, from) >= 15 && delay_since(&w, from) <= 30);
        stage_fini(&w);
    }
}

static void
t08_a_first_error_without_code(void)
{
    struct stage w;
    int64_t from;

    stage_init(&w, NULL);
    stage_make(&w);
    pusher_start(w.p, w.now);
    stage_drain(&w);
    stage_opened(&w);
    stage_mark(&w);
    from = w.now;
    stage_say(&w, "{\"event\":\"pusher:error\",\"data\":{\"code\":null,"
                  "\"message\":\"go away\"}}");
    CHECK_INT(stage_seen(&w, PUSHER_CLOSE), 1);
    CHECK(strstr(stage_last(&w, PUSHER_REPORT)->error.text, "go away"));
    pusher_closed(w.p, w.now, w.generation, &(struct pusher_end){0});
    stage_run(&w, S(1.01));
    CHECK(delay_since(&w, from) >= 0.5 && delay_since(&w, from) <= 1);
    CHECK_INT(stage_seen(&w, PUSHER_KILL), 0);
    stage_fini(&w);
}

static void
unavailable_comes_although_each_attempt_is_refused_quickly(void)
{
    struct stage w;
    int64_t until;

    stage_init(&w, NULL);
    stage_make(&w);
    pusher_start(w.p, w.now);
    stage_drain(&w);
    until = w.now + S(11);
    while (w.now < until) {
        if (stage_last(&w, PUSHER_CONNECT)->kind) {
            stage_mark(&w);
            stage_failed(&w, SGO_ERROR_TRANSPORT, 0);
        }
        stage_run(&w, S(0.25));
    }
    CHECK_INT(pusher_state(w.p), SGO_CONN_UNAVAILABLE);
    stage_fini(&w);
}

/* The server's option makes it come sooner, not later. */
static void
unavailable_comes_after_ten_seconds_at_most(void)
{
    struct stage w;

    stage_init(&w, "{\"cluster\":\"us2\",\"unavailableTimeout\":60000,"
                   "\"channelAuthorization\":{\"endpoint\":"
                   "\"https://api.example.com/v2/auth\"}}");
    stage_make(&w);
    pusher_start(w.p, w.now);
    stage_drain(&w);
    stage_run(&w, S(9.9));
    CHECK_INT(pusher_state(w.p), SGO_CONN_CONNECTING);
    stage_run(&w, S(0.2));
    CHECK_INT(pusher_state(w.p), SGO_CONN_UNAVAILABLE);
    stage_fini(&w);
}

static void
t36_inputs_of_an_old_socket_are_ignored(void)
{
    struct stage w;
    uint64_t old;
    char late[] = "{\"event\":\"data\",\"channel\":\"" CHANNEL
                  "\",\"data\":[{\"eventID\":\"E1\"}]}";

    stage_init(&w, NULL);
    stage_make(&w);
    stage_live(&w);
    old = w.generation;
    stage_closed(&w, 1006, "");
    stage_run(&w, S(1.1));
    stage_through(&w);
    CHECK(w.generation == old + 1);
    stage_mark(&w);
    pusher_message(w.p, w.now, old, late, strlen(late), false);
    pusher_closed(w.p, w.now, old, &(struct pusher_end){.close_code = 4001});
    pusher_opened(w.p, w.now, old);
    pusher_frame(w.p, w.now + S(5), old);
    stage_drain(&w);
    CHECK_INT(w.count, w.mark);
    CHECK_INT(stage_stats(&w).late, 4);
    CHECK_INT(pusher_last_frame(w.p), w.now);
    CHECK_INT(pusher_state(w.p), SGO_CONN_CONNECTED);
    stage_fini(&w);
}

static void
coordinates_after_three_failed_cycles(void)
{
    struct stage w;
    int asked = 0;

    stage_init(&w, NULL);
    stage_make(&w);
    pusher_start(w.p, w.now);
    stage_drain(&w);
    for (int i = 1; i <= 9; i++) {
        stage_mark(&w);
        stage_failed(&w, SGO_ERROR_TRANSPORT, 0);
        while (!stage_seen(&w, PUSHER_CONNECT) &&
               !stage_seen(&w, PUSHER_COORDINATES)) {
            stage_run(&w, S(1));
        }
        if (stage_seen(&w, PUSHER_COORDINATES)) {
            asked++;
            CHECK_INT(i % 3, 0);
            CHECK_INT(stage_seen(&w, PUSHER_CONNECT), 0);
            pusher_coordinates_failed(w.p, w.now, NULL);
            stage_drain(&w);
            CHECK_INT(stage_seen(&w, PUSHER_CONNECT), 1);
        }
    }
    CHECK_INT(asked, 3);
    stage_fini(&w);
}

static void
coordinates_older_than_an_hour_are_fetched_before_a_reconnect(void)
{
    struct pusher_coordinates other;
    struct stage w;
    sgo_error err;
    static const char moved[] = "{\"wsHost\":\"moved.example\"}";

    stage_init(&w, NULL);
    stage_make(&w);
    stage_live(&w);
    for (int i = 0; i < 370; i++) {
        stage_run(&w, S(10));
        pusher_frame(w.p, w.now, w.generation);
        stage_drain(&w);
    }
    CHECK_INT(stage_seen(&w, PUSHER_COORDINATES), 0); /* while it lives */
    stage_closed(&w, 1001, "");
    stage_mark(&w);
    stage_run(&w, S(1.1));
    CHECK_STR(stage_last(&w, PUSHER_COORDINATES)->text, "coordinates are old");
    CHECK_INT(stage_seen(&w, PUSHER_CONNECT), 0);
    CHECK_INT(
        pusher_options_parse(KEY, moved, strlen(moved), false, &other, &err),
        SGO_OK);
    CHECK_INT(pusher_set_coordinates(w.p, w.now, &other), SGO_OK);
    stage_drain(&w);
    CHECK_STR(stage_last(&w, PUSHER_CONNECT)->more, "moved.example");
    pusher_coordinates_fini(&other);
    stage_fini(&w);
}

static void
coordinates_that_never_come_do_not_stop_the_reconnect(void)
{
    struct stage w;

    stage_init(&w, NULL);
    stage_make(&w);
    pusher_start(w.p, w.now);
    stage_drain(&w);
    stage_failed(&w, SGO_ERROR_NONE, 404);
    stage_mark(&w);
    stage_run(&w, S(1.1));
    CHECK_INT(stage_seen(&w, PUSHER_COORDINATES), 1);
    stage_run(&w, S(28));
    CHECK_INT(stage_seen(&w, PUSHER_CONNECT), 0);
    stage_run(&w, S(2));
    CHECK_INT(stage_seen(&w, PUSHER_CONNECT), 1);
    stage_fini(&w);
}

static void
coordinates_of_another_socket_wait_for_the_next_connect(void)
{
    struct pusher_coordinates other;
    struct stage w;
    sgo_error err;
    static const char moved[] = "{\"wsHost\":\"moved.example\"}";

    stage_init(&w, NULL);
    stage_make(&w);
    stage_live(&w);
    CHECK_INT(
        pusher_options_parse(KEY, moved, strlen(moved), false, &other, &err),
        SGO_OK);
    stage_mark(&w);
    CHECK_INT(pusher_set_coordinates(w.p, w.now, &other), SGO_OK);
    stage_drain(&w);
    CHECK_INT(w.count, w.mark);
    CHECK_STR(pusher_coordinates(w.p)->host, "ws-us2.pusher.com");
    stage_closed(&w, 1001, "");
    stage_run(&w, S(1.1));
    CHECK_STR(stage_last(&w, PUSHER_CONNECT)->more, "moved.example");
    pusher_coordinates_fini(&other);
    stage_fini(&w);
}

static void
t39_stop_in_every_state(void)
{
    for (int at = 0; at < 8; at++) {
        struct stage w;

        stage_init(&w, NULL);
        stage_make(&w);
        CHECK_INT(pusher_channel_add(w.p, w.now, CHANNEL, NULL), SGO_OK);
        if (at > 0) {
            pusher_start(w.p, w.now);
            stage_drain(&w);
        }
        if (at == 2) {
            stage_failed(&w, SGO_ERROR_TRANSPORT, 0); /* backoff */
        }
        if (at > 2) {
            stage_opened(&w);
        }
        if (at > 3) {
            stage_say(&w, ESTABLISHED); /* authorising */
        }
        if (at > 4) {
            stage_grant(&w); /* pending */
        }
        if (at > 5) {
            stage_succeed(&w, CHANNEL);
        }
        if (at == 7) { /* lost, with outputs still queued */
            pusher_closed(w.p, w.now, w.generation, &(struct pusher_end){0});
        }
        stage_mark(&w);
        pusher_stop(w.p, w.now);
        stage_drain(&w);
        CHECK_INT(stage_seen(&w, PUSHER_CLOSE), at >= 3 && at < 7);
        if (at >= 3 && at < 7) {
            CHECK_INT(stage_last(&w, PUSHER_CLOSE)->code, 1000);
        }
        CHECK_INT(stage_seen(&w, PUSHER_KILL), at == 1);
        CHECK_INT(stage_seen(&w, PUSHER_CANCEL_AUTHORISE), at == 4);
        CHECK_INT(pusher_state(w.p), SGO_CONN_DISCONNECTED);
        CHECK(pusher_deadline(w.p) == CLOCK_NEVER);
        stage_mark(&w);
        /* nothing acts afterwards */
        stage_grant(&w);
        stage_opened(&w);
        stage_say(&w, ESTABLISHED);
        stage_closed(&w, 1006, "");
        pusher_clock_jump(w.p, w.now);
        pusher_tick(w.p, w.now + S(100));
        CHECK_INT(pusher_set_coordinates(w.p, w.now, &w.coordinates), SGO_OK);
        pusher_coordinates_failed(w.p, w.now, NULL);
        CHECK_INT(pusher_channel_add(w.p, w.now, "presence-b", NULL), SGO_OK);
        pusher_channel_remove(w.p, w.now, CHANNEL);
        pusher_stop(w.p, w.now);
        stage_drain(&w);
        CHECK_INT(w.count, w.mark);
        stage_fini(&w);
    }
}

static void
start_again_after_stop_and_after_failure(void)
{
    struct stage w;

    stage_init(&w, NULL);
    stage_make(&w);
    stage_live(&w);
    pusher_stop(w.p, w.now);
    stage_drain(&w);
    stage_mark(&w);
    pusher_start(w.p, w.now);
    stage_drain(&w);
    CHECK_INT(stage_seen(&w, PUSHER_CONNECT), 0); /* the old one closes */
    CHECK_INT(pusher_state(w.p), SGO_CONN_CONNECTING);
    stage_closed(&w, 1000, "");
    stage_run(&w, 0);
    CHECK_INT(stage_seen(&w, PUSHER_CONNECT), 1);
    stage_through(&w);
    CHECK(pusher_channel_subscribed(w.p, CHANNEL));
    stage_closed(&w, 4006, "");
    CHECK_INT(pusher_state(w.p), SGO_CONN_FAILED);
    stage_mark(&w);
    pusher_start(w.p, w.now);
    stage_drain(&w);
    CHECK_INT(stage_seen(&w, PUSHER_CONNECT), 1);
    stage_fini(&w);
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
    RUN(unavailable_comes_after_ten_seconds_at_most);
    RUN(t36_inputs_of_an_old_socket_are_ignored);
    RUN(t39_stop_in_every_state);
    RUN(coordinates_after_three_failed_cycles);
    RUN(coordinates_older_than_an_hour_are_fetched_before_a_reconnect);
    RUN(coordinates_that_never_come_do_not_stop_the_reconnect);
    RUN(coordinates_of_another_socket_wait_for_the_next_connect);
    RUN(start_again_after_stop_and_after_failure);
    return check_done();
}
