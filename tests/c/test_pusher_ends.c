/* Ends of connections and what follows (pusher.md 4.3; checklist 30 to 34, 40,
 * 42). */
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

/* Every row of the table, before and after establishment. */
static void
t30_every_close_code(void)
{
    static const struct {
        int code;
        double low, high; /* -1: fatal */
        bool anew;
        sgo_connection state;
        bool report_up; /* told as an error though it was established */
    } rows[] = {
        {1000, 0.5, 1, false, SGO_CONN_CONNECTING, false},
        {1001, 0.5, 1, false, SGO_CONN_CONNECTING, false},
        {1002, 0.5, 1, false, SGO_CONN_CONNECTING, false},
        {1003, 0.5, 1, false, SGO_CONN_CONNECTING, false},
        {1005, 0.5, 1, false, SGO_CONN_CONNECTING, false},
        {1006, 0.5, 1, false, SGO_CONN_CONNECTING, false},
        {0, 0.5, 1, false, SGO_CONN_CONNECTING, false},
        {3999, 0.5, 1, false, SGO_CONN_CONNECTING, false},
        {4000, -1, -1, false, SGO_CONN_FAILED, true},
        {4001, 0.5, 1, true, SGO_CONN_CONNECTING, true},
        {4003, 0.5, 1, true, SGO_CONN_CONNECTING, true},
        {4004, 15, 30, false, SGO_CONN_DISCONNECTED, true},
        {4005, -1, -1, false, SGO_CONN_FAILED, true},
        {4006, -1, -1, false, SGO_CONN_FAILED, true},
        {4007, -1, -1, false, SGO_CONN_FAILED, true},
        {4008, -1, -1, false, SGO_CONN_FAILED, true},
        {4009, 15, 30, true, SGO_CONN_DISCONNECTED, true},
        {4010, 15, 30, true, SGO_CONN_DISCONNECTED, true},
        {4099, 15, 30, true, SGO_CONN_DISCONNECTED, true},
        {4100, 1, 2, false, SGO_CONN_CONNECTING, false},
        {4199, 1, 2, false, SGO_CONN_CONNECTING, false},
        {4200, 0, 0.5, false, SGO_CONN_CONNECTING, false},
        {4201, 0, 0.5, false, SGO_CONN_CONNECTING, false},
        {4299, 0, 0.5, false, SGO_CONN_CONNECTING, false},
        {4300, 0.5, 1, false, SGO_CONN_CONNECTING, true},
        {4999, 0.5, 1, false, SGO_CONN_CONNECTING, true},
    };

    for (size_t i = 0; i < 2 * sizeof(rows) / sizeof(rows[0]); i++) {
        const struct seen *s;
        bool up = i & 1;
        struct stage w;
        int64_t from;
        size_t at = i / 2;
        bool fatal = rows[at].low < 0;

        stage_init(&w, NULL);
        stage_make(&w);
        if (up) {
            stage_live(&w);
        } else {
            pusher_start(w.p, w.now);
            stage_drain(&w);
            stage_opened(&w);
        }
        stage_run(&w, S(1));
        stage_mark(&w);
        from = w.now;
        stage_closed(&w, rows[at].code, "because");
        CHECK_INT(pusher_state(w.p), rows[at].state);
        CHECK_INT(stage_seen(&w, PUSHER_FATAL), fatal);
        CHECK_INT(stage_seen(&w, PUSHER_LOST), up);
        if (up || fatal || rows[at].state != SGO_CONN_CONNECTING) {
            s = stage_last(&w, PUSHER_STATE);
            CHECK_INT(s->code, rows[at].code);
            CHECK_STR(s->text, "because");
        }
        if (up) {
            CHECK_INT(stage_seen(&w, PUSHER_REPORT),
                      rows[at].report_up && !fatal);
            CHECK_INT(stage_last(&w, PUSHER_LOST)->code, rows[at].code);
            CHECK_INT(stage_last(&w, PUSHER_LOST)->ns, from - S(1));
        }
        CHECK_INT(stage_stats(&w).last_close_code, rows[at].code);
        CHECK_STR(stage_stats(&w).last_close_reason, "because");
        stage_run(&w, S(31));
        if (fatal) {
            CHECK(pusher_deadline(w.p) == CLOCK_NEVER);
            CHECK_INT(stage_seen(&w, PUSHER_CONNECT), 0);
            CHECK(!stage_last(&w, PUSHER_FATAL)->error.retryable);
        } else {
            s = stage_first(&w, rows[at].anew ? PUSHER_COORDINATES
                                              : PUSHER_CONNECT);
            CHECK(s->kind != 0);
            CHECK((double)(s->at - from) >= rows[at].low * 1e9);
            CHECK((double)(s->at - from) <= rows[at].high * 1e9);
        }
        if (check_bad) {
            fprintf(stderr, "code %d, up %d\n", rows[at].code, up);
        }
        stage_fini(&w);
        if (check_bad) {
            return;
        }
    }
}

static void
t30_protocol_errors_are_reported_from_the_third_on(void)
{
    struct stage w;

    stage_init(&w, NULL);
    stage_make(&w);
    pusher_start(w.p, w.now);
    stage_drain(&w);
    for (int i = 1; i <= 4; i++) {
        if (stage_seen(&w, PUSHER_COORDINATES)) {
            CHECK_INT(pusher_set_coordinates(w.p, w.now, &w.coordinates),
                      SGO_OK);
            stage_drain(&w);
        }
        stage_mark(&w);
        stage_closed(&w, 1002, "");
        CHECK_INT(stage_seen(&w, PUSHER_REPORT), i >= 3);
        stage_run(&w, S(5));
    }
    stage_fini(&w);
}

static void
t30_4000_switches_to_tls_then_is_fatal(void)
{
    struct stage w;

    stage_init(&w, PLAIN);
    stage_make(&w);
    pusher_start(w.p, w.now);
    stage_drain(&w);
    stage_opened(&w);
    stage_mark(&w);
    stage_closed(&w, 4000, "TLS only");
    stage_run(&w, 0);
    CHECK_INT(stage_seen(&w, PUSHER_CONNECT), 1);
    CHECK(stage_last(&w, PUSHER_CONNECT)->tls);
    CHECK_INT(stage_last(&w, PUSHER_CONNECT)->port, 8443);
    stage_opened(&w);
    stage_closed(&w, 4000, "TLS only");
    CHECK_INT(stage_seen(&w, PUSHER_FATAL), 1);
    CHECK_INT(pusher_state(w.p), SGO_CONN_FAILED);
    stage_fini(&w);
}

static void
t31_4200_in_a_loop_makes_at_most_8_connects_in_30_s(void)
{
    for (uint64_t seed = 0; seed < 200; seed++) {
        struct stage w;
        int64_t until;

        stage_seed(&w, NULL, seed);
        stage_make(&w);
        pusher_start(w.p, w.now);
        stage_drain(&w);
        until = w.now + S(30);
        while (w.now < until) {
            uint64_t before = w.generation;

            if (stage_stats(&w).attempts && w.generation) {
                stage_opened(&w);
                stage_say(&w, ESTABLISHED);
                stage_closed(&w, 4200, "");
            }
            while (w.generation == before && w.now < until) {
                int64_t due = pusher_deadline(w.p);

                w.now = due > w.now ? due : w.now;
                if (w.now >= until) {
                    break;
                }
                pusher_tick(w.p, w.now);
                stage_drain(&w);
                if (stage_last(&w, PUSHER_COORDINATES)->kind) {
                    stage_mark(&w);
                    CHECK_INT(
                        pusher_set_coordinates(w.p, w.now, &w.coordinates),
                        SGO_OK);
                    stage_drain(&w);
                }
            }
        }
        CHECK(stage_stats(&w).attempts <= 8);
        CHECK(stage_stats(&w).attempts >= 5);
        stage_fini(&w);
    }
}

/* The delays of accept-then-close with one code. */
static void
loop_of(int code, uint64_t seed, double *delays, int n)
{
    struct stage w;

    stage_seed(&w, NULL, seed);
    w.settings.coordinates_wait_ns = 0;
    stage_make(&w);
    pusher_start(w.p, w.now);
    stage_drain(&w);
    for (int i = 0; i < n; i++) {
        int64_t from = w.now;

        stage_opened(&w);
        stage_say(&w, ESTABLISHED);
        stage_mark(&w);
        stage_closed(&w, code, "");
        while (stage_seen(&w, PUSHER_CONNECT) == 0) {
            w.now =
                pusher_deadline(w.p) > w.now ? pusher_deadline(w.p) : w.now;
            pusher_tick(w.p, w.now);
            stage_drain(&w);
        }
        delays[i] = (double)(w.now - from) / 1e9;
    }
    stage_fini(&w);
}

static void
t32_accept_then_close_grows_to_the_cap(void)
{
    double a[9], b[9], d = 2;
    int same = 0;

    loop_of(4100, 1, a, 9);
    loop_of(4100, 2, b, 9);
    for (int i = 0; i < 9; i++) {
        CHECK(a[i] >= d / 2 && a[i] <= d);
        CHECK(b[i] >= d / 2 && b[i] <= d);
        same += a[i] == b[i];
        d = d * 2 < 30 ? d * 2 : 30;
    }
    CHECK_INT(same, 0);
}

static void
t32_backoff_resets_after_30_s_of_confirmed_subscription(void)
{
    struct stage w;
    int64_t from;

    stage_init(&w, NULL);
    stage_make(&w);
    stage_live(&w);
    for (int i = 0; i < 2; i++) {
        stage_closed(&w, 1001, "");
        stage_run(&w, S(5));
        stage_through(&w);
    }
    stage_run(&w, S(29));
    stage_mark(&w);
    from = w.now;
    stage_closed(&w, 1001, ""); /* the third in a row: d = 4 s */
    stage_run(&w, S(4.1));
    CHECK(stage_seen(&w, PUSHER_COORDINATES) == 1);
    CHECK((double)(stage_first(&w, PUSHER_COORDINATES)->at - from) >= 2e9);
    CHECK_INT(pusher_set_coordinates(w.p, w.now, &w.coordinates), SGO_OK);
    stage_drain(&w);
    stage_through(&w);
    stage_run(&w, S(25));
    pusher_frame(w.p, w.now, w.generation);
    stage_run(&w, S(6));
    stage_mark(&w);
    from = w.now;
    stage_closed(&w, 1001, "");
    stage_run(&w, S(1.01));
    CHECK(delay_since(&w, from) >= 0.5 && delay_since(&w, from) <= 1);
    stage_fini(&w);
}

static void
t33_4201_then_a_reset_is_4201(void)
{
    struct stage w;

    stage_init(&w, NULL);
    stage_make(&w);
    stage_live(&w);
    stage_mark(&w);
    stage_say(&w, "{\"event\":\"pusher:error\",\"data\":{\"code\":4201,"
                  "\"message\":\"Pong reply not received\"}}");
    CHECK_INT(w.count, w.mark);
    CHECK_INT(pusher_state(w.p), SGO_CONN_CONNECTED);
    stage_run(&w, S(4));
    stage_failed(&w, SGO_ERROR_TRANSPORT, 0);
    CHECK_INT(stage_last(&w, PUSHER_LOST)->code, 4201);
    stage_run(&w, S(0.5));
    CHECK_INT(stage_seen(&w, PUSHER_CONNECT), 1);
    stage_fini(&w);

    stage_init(&w, NULL); /* 6 s later it is no longer the reason */
    stage_make(&w);
    stage_live(&w);
    stage_say(&w, "{\"event\":\"pusher:error\",\"data\":{\"code\":4201}}");
    stage_run(&w, S(6));
    stage_closed(&w, 1006, "");
    CHECK_INT(stage_last(&w, PUSHER_LOST)->code, 1006);
    stage_fini(&w);
}

static void
t33_error_events_alone_keep_the_connection(void)
{
    static const int codes[] = {4200, 4301, 4001, 4004, 0};
    char text[128];
    struct stage w;

    stage_init(&w, NULL);
    stage_make(&w);
    stage_live(&w);
    stage_mark(&w);
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        snprintf(text, sizeof(text),
                 "{\"event\":\"pusher:error\",\"data\":{\"code\":%d,"
                 "\"message\":\"m\"}}",
                 codes[i]);
        stage_say(&w, text);
    }
    CHECK_INT(w.count, w.mark);
    CHECK_INT(stage_stats(&w).server_errors, 5);
    CHECK(pusher_channel_subscribed(w.p, CHANNEL));
    stage_fini(&w);
}

static void
t34_state_leaves_connected_at_once(void)
{
    struct stage w;

    stage_init(&w, NULL);
    stage_make(&w);
    stage_live(&w);
    stage_run(&w, S(3));
    stage_closed(&w, 1006, "");
    CHECK_INT(stage_last(&w, PUSHER_STATE)->current, SGO_CONN_CONNECTING);
    CHECK_INT(stage_last(&w, PUSHER_STATE)->at, w.now);
    stage_run(&w, S(9.9));
    CHECK_INT(pusher_state(w.p), SGO_CONN_CONNECTING);
    stage_run(&w, S(0.2));
    CHECK_INT(pusher_state(w.p), SGO_CONN_UNAVAILABLE);
    stage_fini(&w);
}

static void
t40_4001_twice_is_fatal(void)
{
    struct stage w;
    const struct seen *fatal;

    stage_init(&w, NULL);
    stage_make(&w);
    pusher_start(w.p, w.now);
    stage_drain(&w);
    stage_opened(&w);
    stage_closed(&w, 4001, "App key not in this cluster");
    CHECK_INT(stage_seen(&w, PUSHER_FATAL), 0);
    stage_run(&w, S(1.1));
    CHECK_INT(stage_seen(&w, PUSHER_COORDINATES), 1);
    CHECK_INT(pusher_set_coordinates(w.p, w.now, &w.coordinates), SGO_OK);
    stage_drain(&w);
    stage_opened(&w);
    stage_closed(&w, 4001, "App key not in this cluster");
    fatal = stage_last(&w, PUSHER_FATAL);
    CHECK_INT(fatal->kind, PUSHER_FATAL);
    CHECK(strstr(fatal->error.text, "...0123") != NULL);
    CHECK(strstr(fatal->error.text, "us2") != NULL);
    CHECK(strstr(fatal->error.text, KEY) == NULL);
    CHECK_STR(fatal->channel, "");
    CHECK_INT(fatal->error.close_code, 4001);
    CHECK_INT(pusher_state(w.p), SGO_CONN_FAILED);
    CHECK(pusher_deadline(w.p) == CLOCK_NEVER);
    stage_fini(&w);
}

static void
t40_a_failed_refetch_does_not_condemn_the_key(void)
{
    sgo_error err = {.kind = SGO_ERROR_TRANSPORT, .text = "down"};
    struct stage w;

    stage_init(&w, NULL);
    stage_make(&w);
    pusher_start(w.p, w.now);
    stage_drain(&w);
    for (int i = 0; i < 4; i++) {
        stage_opened(&w);
        stage_mark(&w);
        stage_closed(&w, 4001, "");
        CHECK_INT(stage_seen(&w, PUSHER_FATAL), 0);
        CHECK_INT(pusher_state(w.p),
                  i ? SGO_CONN_DISCONNECTED : SGO_CONN_CONNECTING);
        stage_run(&w, S(31));
        CHECK_INT(stage_seen(&w, PUSHER_COORDINATES), 1);
        pusher_coordinates_failed(w.p, w.now, &err);
        stage_drain(&w);
    }
    stage_through(&w); /* and a working key forgets the past */
    CHECK_INT(pusher_state(w.p), SGO_CONN_CONNECTED);
    stage_fini(&w);
}

static void
t42_4004_for_90_s_then_accepting(void)
{
    struct stage w;
    int64_t until;

    stage_init(&w, NULL);
    stage_make(&w);
    CHECK_INT(pusher_channel_add(w.p, w.now, CHANNEL, NULL), SGO_OK);
    pusher_start(w.p, w.now);
    stage_drain(&w);
    until = w.now + S(90);
    while (w.now < until) {
        stage_mark(&w);
        stage_opened(&w);
        stage_closed(&w, 4004, "Account over quota");
        CHECK_INT(pusher_state(w.p), SGO_CONN_DISCONNECTED);
        stage_run(&w, S(1));
        while (stage_seen(&w, PUSHER_CONNECT) == 0) {
            stage_run(&w, S(1));
            if (stage_seen(&w, PUSHER_COORDINATES)) {
                stage_mark(&w);
                CHECK_INT(pusher_set_coordinates(w.p, w.now, &w.coordinates),
                          SGO_OK);
                stage_drain(&w);
            }
        }
    }
    stage_through(&w);
    CHECK(pusher_channel_subscribed(w.p, CHANNEL));
    stage_fini(&w);
}

/* 4004 for ever, from a start or after the stream was live once. */
static void
t42_4004_for_ever(void)
{
    for (int ever = 0; ever < 2; ever++) {
        struct stage w;
        int64_t began;
        double last = 0;

        stage_init(&w, NULL);
        w.settings.coordinates_wait_ns = 0;
        stage_make(&w);
        if (ever) {
            stage_live(&w);
            stage_closed(&w, 1006, "");
            stage_run(&w, S(1.1));
        } else {
            pusher_start(w.p, w.now);
            stage_drain(&w);
        }
        began = w.now;
        while (pusher_state(w.p) != SGO_CONN_FAILED &&
               w.now < began + S(12000)) {
            int64_t from = w.now;

            stage_opened(&w);
            stage_mark(&w);
            stage_closed(&w, 4004, "");
            while (pusher_state(w.p) != SGO_CONN_FAILED &&
                   stage_seen(&w, PUSHER_CONNECT) == 0) {
                stage_run(&w, S(1));
            }
            last = (double)(w.now - from) / 1e9;
            if (from - began > S(181) && w.now < began + S(12000)) {
                CHECK(last >= 60 && last <= 302);
            }
        }
        if (ever) {
            CHECK_INT(pusher_state(w.p), SGO_CONN_CONNECTING);
            CHECK(last >= 60 && last <= 302);
        } else {
            CHECK_INT(stage_seen(&w, PUSHER_FATAL), 1);
            CHECK_INT(stage_last(&w, PUSHER_FATAL)->error.kind,
                      SGO_ERROR_STREAM_LIMIT);
            CHECK(w.now - began >= S(180) && w.now - began <= S(215));
        }
        stage_fini(&w);
    }
}

static void
t24_an_end_by_the_receive_limit_is_reported(void)
{
    struct stage w;

    stage_init(&w, NULL);
    stage_make(&w);
    stage_live(&w);
    stage_mark(&w);
    stage_failed(&w, SGO_ERROR_LIMIT, 0);
    CHECK_INT(stage_last(&w, PUSHER_REPORT)->error.kind, SGO_ERROR_LIMIT);
    CHECK_INT(stage_seen(&w, PUSHER_LOST), 1);
    stage_mark(&w);
    stage_run(&w, S(1.1));
    stage_through(&w);
    stage_mark(&w);
    stage_failed(&w, SGO_ERROR_TRANSPORT, 0); /* a gap says enough */
    CHECK_INT(stage_seen(&w, PUSHER_REPORT), 0);
    CHECK_INT(stage_seen(&w, PUSHER_LOST), 1);
    stage_fini(&w);
}

int
main(void)
{
    RUN(t30_every_close_code);
    RUN(t30_protocol_errors_are_reported_from_the_third_on);
    RUN(t30_4000_switches_to_tls_then_is_fatal);
    RUN(t31_4200_in_a_loop_makes_at_most_8_connects_in_30_s);
    RUN(t32_accept_then_close_grows_to_the_cap);
    RUN(t32_backoff_resets_after_30_s_of_confirmed_subscription);
    RUN(t33_4201_then_a_reset_is_4201);
    RUN(t33_error_events_alone_keep_the_connection);
    RUN(t34_state_leaves_connected_at_once);
    RUN(t40_4001_twice_is_fatal);
    RUN(t40_a_failed_refetch_does_not_condemn_the_key);
    RUN(t42_4004_for_90_s_then_accepting);
    RUN(t42_4004_for_ever);
    RUN(t24_an_end_by_the_receive_limit_is_reported);
    return check_done();
}
