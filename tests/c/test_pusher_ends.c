/* Ends of connections and what follows (pusher.md 4.3; checklist 30 to 34, 40,
 * 42). */
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
        struct world w;
        int64_t from;
        size_t at = i / 2;
        bool fatal = rows[at].low < 0;

        world_init(&w, NULL);
        world_make(&w);
        if (up) {
            world_live(&w);
        } else {
            pusher_start(w.p, w.now);
            world_drain(&w);
            world_opened(&w);
        }
        world_run(&w, S(1));
        world_mark(&w);
        from = w.now;
        world_closed(&w, rows[at].code, "because");
        CHECK_INT(pusher_state(w.p), rows[at].state);
        CHECK_INT(world_seen(&w, PUSHER_FATAL), fatal);
        CHECK_INT(world_seen(&w, PUSHER_LOST), up);
        if (up || fatal || rows[at].state != SGO_CONN_CONNECTING) {
            s = world_last(&w, PUSHER_STATE);
            CHECK_INT(s->code, rows[at].code);
            CHECK_STR(s->text, "because");
        }
        if (up) {
            CHECK_INT(world_seen(&w, PUSHER_REPORT),
                      rows[at].report_up && !fatal);
            CHECK_INT(world_last(&w, PUSHER_LOST)->code, rows[at].code);
            CHECK_INT(world_last(&w, PUSHER_LOST)->ns, from - S(1));
        }
        CHECK_INT(world_stats(&w).last_close_code, rows[at].code);
        CHECK_STR(world_stats(&w).last_close_reason, "because");
        world_run(&w, S(31));
        if (fatal) {
            CHECK(pusher_deadline(w.p) == CLOCK_NEVER);
            CHECK_INT(world_seen(&w, PUSHER_CONNECT), 0);
            CHECK(!world_last(&w, PUSHER_FATAL)->error.retryable);
        } else {
            s = world_first(&w, rows[at].anew ? PUSHER_COORDINATES
                                              : PUSHER_CONNECT);
            CHECK(s->kind != 0);
            CHECK((double)(s->at - from) >= rows[at].low * 1e9);
            CHECK((double)(s->at - from) <= rows[at].high * 1e9);
        }
        if (check_bad) {
            fprintf(stderr, "code %d, up %d\n", rows[at].code, up);
        }
        world_fini(&w);
        if (check_bad) {
            return;
        }
    }
}

static void
t30_protocol_errors_are_reported_from_the_third_on(void)
{
    struct world w;

    world_init(&w, NULL);
    world_make(&w);
    pusher_start(w.p, w.now);
    world_drain(&w);
    for (int i = 1; i <= 4; i++) {
        if (world_seen(&w, PUSHER_COORDINATES)) {
            CHECK_INT(pusher_set_coordinates(w.p, w.now, &w.coordinates),
                      SGO_OK);
            world_drain(&w);
        }
        world_mark(&w);
        world_closed(&w, 1002, "");
        CHECK_INT(world_seen(&w, PUSHER_REPORT), i >= 3);
        world_run(&w, S(5));
    }
    world_fini(&w);
}

static void
t30_4000_switches_to_tls_then_is_fatal(void)
{
    struct world w;

    world_init(&w, PLAIN);
    world_make(&w);
    pusher_start(w.p, w.now);
    world_drain(&w);
    world_opened(&w);
    world_mark(&w);
    world_closed(&w, 4000, "TLS only");
    world_run(&w, 0);
    CHECK_INT(world_seen(&w, PUSHER_CONNECT), 1);
    CHECK(world_last(&w, PUSHER_CONNECT)->tls);
    CHECK_INT(world_last(&w, PUSHER_CONNECT)->port, 8443);
    world_opened(&w);
    world_closed(&w, 4000, "TLS only");
    CHECK_INT(world_seen(&w, PUSHER_FATAL), 1);
    CHECK_INT(pusher_state(w.p), SGO_CONN_FAILED);
    world_fini(&w);
}

static void
t31_4200_in_a_loop_makes_at_most_8_connects_in_30_s(void)
{
    for (uint64_t seed = 0; seed < 200; seed++) {
        struct world w;
        int64_t until;

        world_seed(&w, NULL, seed);
        world_make(&w);
        pusher_start(w.p, w.now);
        world_drain(&w);
        until = w.now + S(30);
        while (w.now < until) {
            uint64_t before = w.generation;

            if (world_stats(&w).attempts && w.generation) {
                world_opened(&w);
                world_say(&w, ESTABLISHED);
                world_closed(&w, 4200, "");
            }
            while (w.generation == before && w.now < until) {
                int64_t due = pusher_deadline(w.p);

                w.now = due > w.now ? due : w.now;
                if (w.now >= until) {
                    break;
                }
                pusher_tick(w.p, w.now);
                world_drain(&w);
                if (world_last(&w, PUSHER_COORDINATES)->kind) {
                    world_mark(&w);
                    CHECK_INT(
                        pusher_set_coordinates(w.p, w.now, &w.coordinates),
                        SGO_OK);
                    world_drain(&w);
                }
            }
        }
        CHECK(world_stats(&w).attempts <= 8);
        CHECK(world_stats(&w).attempts >= 5);
        world_fini(&w);
    }
}

/* The delays of accept-then-close with one code. */
static void
loop_of(int code, uint64_t seed, double *delays, int n)
{
    struct world w;

    world_seed(&w, NULL, seed);
    w.settings.coordinates_wait_ns = 0;
    world_make(&w);
    pusher_start(w.p, w.now);
    world_drain(&w);
    for (int i = 0; i < n; i++) {
        int64_t from = w.now;

        world_opened(&w);
        world_say(&w, ESTABLISHED);
        world_mark(&w);
        world_closed(&w, code, "");
        while (world_seen(&w, PUSHER_CONNECT) == 0) {
            w.now =
                pusher_deadline(w.p) > w.now ? pusher_deadline(w.p) : w.now;
            pusher_tick(w.p, w.now);
            world_drain(&w);
        }
        delays[i] = (double)(w.now - from) / 1e9;
    }
    world_fini(&w);
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
    struct world w;
    int64_t from;

    world_init(&w, NULL);
    world_make(&w);
    world_live(&w);
    for (int i = 0; i < 2; i++) {
        world_closed(&w, 1001, "");
        world_run(&w, S(5));
        world_through(&w);
    }
    world_run(&w, S(29));
    world_mark(&w);
    from = w.now;
    world_closed(&w, 1001, ""); /* the third in a row: d = 4 s */
    world_run(&w, S(4.1));
    CHECK(world_seen(&w, PUSHER_COORDINATES) == 1);
    CHECK((double)(world_first(&w, PUSHER_COORDINATES)->at - from) >= 2e9);
    CHECK_INT(pusher_set_coordinates(w.p, w.now, &w.coordinates), SGO_OK);
    world_drain(&w);
    world_through(&w);
    world_run(&w, S(25));
    pusher_frame(w.p, w.now, w.generation);
    world_run(&w, S(6));
    world_mark(&w);
    from = w.now;
    world_closed(&w, 1001, "");
    world_run(&w, S(1.01));
    CHECK(delay_since(&w, from) >= 0.5 && delay_since(&w, from) <= 1);
    world_fini(&w);
}

static void
t33_4201_then_a_reset_is_4201(void)
{
    struct world w;

    world_init(&w, NULL);
    world_make(&w);
    world_live(&w);
    world_mark(&w);
    world_say(&w, "{\"event\":\"pusher:error\",\"data\":{\"code\":4201,"
                  "\"message\":\"Pong reply not received\"}}");
    CHECK_INT(w.count, w.mark);
    CHECK_INT(pusher_state(w.p), SGO_CONN_CONNECTED);
    world_run(&w, S(4));
    world_failed(&w, SGO_ERROR_TRANSPORT, 0);
    CHECK_INT(world_last(&w, PUSHER_LOST)->code, 4201);
    world_run(&w, S(0.5));
    CHECK_INT(world_seen(&w, PUSHER_CONNECT), 1);
    world_fini(&w);

    world_init(&w, NULL); /* 6 s later it is no longer the reason */
    world_make(&w);
    world_live(&w);
    world_say(&w, "{\"event\":\"pusher:error\",\"data\":{\"code\":4201}}");
    world_run(&w, S(6));
    world_closed(&w, 1006, "");
    CHECK_INT(world_last(&w, PUSHER_LOST)->code, 1006);
    world_fini(&w);
}

static void
t33_error_events_alone_keep_the_connection(void)
{
    static const int codes[] = {4200, 4301, 4001, 4004, 0};
    char text[128];
    struct world w;

    world_init(&w, NULL);
    world_make(&w);
    world_live(&w);
    world_mark(&w);
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        snprintf(text, sizeof(text),
                 "{\"event\":\"pusher:error\",\"data\":{\"code\":%d,"
                 "\"message\":\"m\"}}",
                 codes[i]);
        world_say(&w, text);
    }
    CHECK_INT(w.count, w.mark);
    CHECK_INT(world_stats(&w).server_errors, 5);
    CHECK(pusher_channel_subscribed(w.p, CHANNEL));
    world_fini(&w);
}

static void
t34_state_leaves_connected_at_once(void)
{
    struct world w;

    world_init(&w, NULL);
    world_make(&w);
    world_live(&w);
    world_run(&w, S(3));
    world_closed(&w, 1006, "");
    CHECK_INT(world_last(&w, PUSHER_STATE)->current, SGO_CONN_CONNECTING);
    CHECK_INT(world_last(&w, PUSHER_STATE)->at, w.now);
    world_run(&w, S(9.9));
    CHECK_INT(pusher_state(w.p), SGO_CONN_CONNECTING);
    world_run(&w, S(0.2));
    CHECK_INT(pusher_state(w.p), SGO_CONN_UNAVAILABLE);
    world_fini(&w);
}

static void
t40_4001_twice_is_fatal(void)
{
    struct world w;
    const struct seen *fatal;

    world_init(&w, NULL);
    world_make(&w);
    pusher_start(w.p, w.now);
    world_drain(&w);
    world_opened(&w);
    world_closed(&w, 4001, "App key not in this cluster");
    CHECK_INT(world_seen(&w, PUSHER_FATAL), 0);
    world_run(&w, S(1.1));
    CHECK_INT(world_seen(&w, PUSHER_COORDINATES), 1);
    CHECK_INT(pusher_set_coordinates(w.p, w.now, &w.coordinates), SGO_OK);
    world_drain(&w);
    world_opened(&w);
    world_closed(&w, 4001, "App key not in this cluster");
    fatal = world_last(&w, PUSHER_FATAL);
    CHECK_INT(fatal->kind, PUSHER_FATAL);
    CHECK(strstr(fatal->error.text, "...0123") != NULL);
    CHECK(strstr(fatal->error.text, "us2") != NULL);
    CHECK(strstr(fatal->error.text, KEY) == NULL);
    CHECK_STR(fatal->channel, "");
    CHECK_INT(fatal->error.close_code, 4001);
    CHECK_INT(pusher_state(w.p), SGO_CONN_FAILED);
    CHECK(pusher_deadline(w.p) == CLOCK_NEVER);
    world_fini(&w);
}

static void
t40_a_failed_refetch_does_not_condemn_the_key(void)
{
    sgo_error err = {.kind = SGO_ERROR_TRANSPORT, .text = "down"};
    struct world w;

    world_init(&w, NULL);
    world_make(&w);
    pusher_start(w.p, w.now);
    world_drain(&w);
    for (int i = 0; i < 4; i++) {
        world_opened(&w);
        world_mark(&w);
        world_closed(&w, 4001, "");
        CHECK_INT(world_seen(&w, PUSHER_FATAL), 0);
        CHECK_INT(pusher_state(w.p),
                  i ? SGO_CONN_DISCONNECTED : SGO_CONN_CONNECTING);
        world_run(&w, S(31));
        CHECK_INT(world_seen(&w, PUSHER_COORDINATES), 1);
        pusher_coordinates_failed(w.p, w.now, &err);
        world_drain(&w);
    }
    world_through(&w); /* and a working key forgets the past */
    CHECK_INT(pusher_state(w.p), SGO_CONN_CONNECTED);
    world_fini(&w);
}

static void
t42_4004_for_90_s_then_accepting(void)
{
    struct world w;
    int64_t until;

    world_init(&w, NULL);
    world_make(&w);
    CHECK_INT(pusher_channel_add(w.p, w.now, CHANNEL, NULL), SGO_OK);
    pusher_start(w.p, w.now);
    world_drain(&w);
    until = w.now + S(90);
    while (w.now < until) {
        world_mark(&w);
        world_opened(&w);
        world_closed(&w, 4004, "Account over quota");
        CHECK_INT(pusher_state(w.p), SGO_CONN_DISCONNECTED);
        world_run(&w, S(1));
        while (world_seen(&w, PUSHER_CONNECT) == 0) {
            world_run(&w, S(1));
            if (world_seen(&w, PUSHER_COORDINATES)) {
                world_mark(&w);
                CHECK_INT(pusher_set_coordinates(w.p, w.now, &w.coordinates),
                          SGO_OK);
                world_drain(&w);
            }
        }
    }
    world_through(&w);
    CHECK(pusher_channel_subscribed(w.p, CHANNEL));
    world_fini(&w);
}

/* 4004 for ever, from a start or after the stream was live once. */
static void
t42_4004_for_ever(void)
{
    for (int ever = 0; ever < 2; ever++) {
        struct world w;
        int64_t began;
        double last = 0;

        world_init(&w, NULL);
        w.settings.coordinates_wait_ns = 0;
        world_make(&w);
        if (ever) {
            world_live(&w);
            world_closed(&w, 1006, "");
            world_run(&w, S(1.1));
        } else {
            pusher_start(w.p, w.now);
            world_drain(&w);
        }
        began = w.now;
        while (pusher_state(w.p) != SGO_CONN_FAILED &&
               w.now < began + S(3000)) {
            int64_t from = w.now;

            world_opened(&w);
            world_mark(&w);
            world_closed(&w, 4004, "");
            while (pusher_state(w.p) != SGO_CONN_FAILED &&
                   world_seen(&w, PUSHER_CONNECT) == 0) {
                world_run(&w, S(1));
            }
            last = (double)(w.now - from) / 1e9;
        }
        if (ever) {
            CHECK_INT(pusher_state(w.p), SGO_CONN_CONNECTING);
            CHECK(last >= 60 && last <= 302);
        } else {
            CHECK_INT(world_seen(&w, PUSHER_FATAL), 1);
            CHECK_INT(world_last(&w, PUSHER_FATAL)->error.kind,
                      SGO_ERROR_STREAM_LIMIT);
            CHECK(w.now - began >= S(180) && w.now - began <= S(215));
        }
        world_fini(&w);
    }
}

static void
t24_an_end_by_the_receive_limit_is_reported(void)
{
    struct world w;

    world_init(&w, NULL);
    world_make(&w);
    world_live(&w);
    world_mark(&w);
    world_failed(&w, SGO_ERROR_LIMIT, 0);
    CHECK_INT(world_last(&w, PUSHER_REPORT)->error.kind, SGO_ERROR_LIMIT);
    CHECK_INT(world_seen(&w, PUSHER_LOST), 1);
    world_mark(&w);
    world_run(&w, S(1.1));
    world_through(&w);
    world_mark(&w);
    world_failed(&w, SGO_ERROR_TRANSPORT, 0); /* a gap says enough */
    CHECK_INT(world_seen(&w, PUSHER_REPORT), 0);
    CHECK_INT(world_seen(&w, PUSHER_LOST), 1);
    world_fini(&w);
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
