/* Pings and pongs (pusher.md 2.6, 4.2, 6.2; checklist 25 to 29). */
#include "check.h"
#include "pusher_help.h"

#define PING "{\"event\":\"pusher:ping\",\"data\":{}}"
#define PONG "{\"event\":\"pusher:pong\",\"data\":{}}"

static void
live(struct stage *w)
{
    stage_init(w, NULL);
    stage_make(w);
    stage_live(w);
    stage_mark(w);
}

static void
t25_a_ping_in_any_form_is_answered_at_once(void)
{
    static const char *const forms[] = {
        PING,
        "{\"event\":\"pusher:ping\",\"data\":\"\"}",
        "{\"event\":\"pusher:ping\",\"data\":\"{}\"}",
        "{\"event\":\"pusher:ping\"}",
    };
    struct stage w;

    live(&w);
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        stage_mark(&w);
        stage_say(&w, forms[i]);
        CHECK_INT(stage_seen(&w, PUSHER_SEND), 1);
        CHECK_STR(stage_last(&w, PUSHER_SEND)->text, PONG);
        CHECK_INT(stage_last(&w, PUSHER_SEND)->at, w.now);
    }
    CHECK_INT(stage_stats(&w).pongs_sent, 4);
    stage_mark(&w);
    stage_say(&w, PONG);
    CHECK_INT(w.count, w.mark);
    stage_fini(&w);
}

static void
t26_silence_brings_one_ping(void)
{
    struct stage w;

    live(&w);
    stage_run(&w, S(29.9));
    CHECK_INT(w.count, w.mark);
    stage_run(&w, S(0.1));
    CHECK_INT(stage_seen(&w, PUSHER_SEND), 1);
    CHECK_STR(stage_last(&w, PUSHER_SEND)->text, PING);
    stage_run(&w, S(9.9));
    CHECK_INT(stage_seen(&w, PUSHER_SEND), 1);
    CHECK_INT(pusher_state(w.p), SGO_CONN_CONNECTED);
    stage_fini(&w);
}

static void
t27_any_frame_after_the_ping_keeps_the_connection(void)
{
    for (int how = 0; how < 3; how++) {
        struct stage w;

        live(&w);
        stage_run(&w, S(35));
        CHECK_INT(stage_seen(&w, PUSHER_SEND), 1);
        if (how == 0) {
            stage_say(&w, PONG);
        } else if (how == 1) {
            stage_say(&w, "{\"event\":\"x\",\"channel\":\"y\"}");
        } else {
            pusher_frame(w.p, w.now, w.generation);
        }
        stage_run(&w, S(24.9));
        CHECK_INT(stage_seen(&w, PUSHER_SEND), 1);
        CHECK_INT(pusher_state(w.p), SGO_CONN_CONNECTED);
        stage_run(&w, S(0.2)); /* 30 s after our own ping */
        CHECK_INT(stage_seen(&w, PUSHER_SEND), 2);
        stage_fini(&w);
    }
}

static void
t27_no_frame_for_the_pong_time_closes(void)
{
    struct stage w;

    live(&w);
    stage_run(&w, S(39.9));
    CHECK_INT(stage_seen(&w, PUSHER_CLOSE), 0);
    stage_run(&w, S(0.2));
    CHECK_INT(stage_last(&w, PUSHER_CLOSE)->code, 1000);
    CHECK_INT(pusher_state(w.p), SGO_CONN_CONNECTING);
    CHECK_INT(stage_seen(&w, PUSHER_LOST), 1);
    CHECK_INT(stage_last(&w, PUSHER_LOST)->ns, w.start);
    CHECK_STR(stage_last(&w, PUSHER_LOST)->text, "no answer to a ping");
    CHECK_INT(stage_last(&w, PUSHER_REPORT)->error.kind, SGO_ERROR_TRANSPORT);
    stage_run(&w, S(1));
    CHECK_INT(stage_seen(&w, PUSHER_CONNECT), 1);
    stage_fini(&w);
}

static void
t28_a_busy_server_is_pinged_too(void)
{
    struct stage w;

    live(&w);
    for (int i = 0; i < 29; i++) {
        stage_run(&w, S(1));
        stage_say(&w, "{\"event\":\"data\",\"channel\":\"" CHANNEL
                      "\",\"data\":[{\"eventID\":\"E1\"}]}");
    }
    CHECK_INT(stage_seen(&w, PUSHER_SEND), 0);
    stage_run(&w, S(1));
    CHECK_INT(stage_sent(&w, "pusher:ping"), 1);
    stage_fini(&w);
}

static void
t29_a_jump_of_the_clock_pings_at_once(void)
{
    for (int alive = 0; alive < 2; alive++) {
        for (int hint = 0; hint < 2; hint++) {
            struct stage w;

            live(&w);
            w.now += S(600);
            if (hint) {
                pusher_clock_jump(w.p, w.now);
            } else {
                pusher_tick(w.p, w.now);
            }
            stage_drain(&w);
            CHECK_INT(stage_sent(&w, "pusher:ping"), 1);
            CHECK_INT(pusher_state(w.p), SGO_CONN_CONNECTED);
            if (alive) {
                stage_run(&w, S(1));
                stage_say(&w, PONG);
                stage_run(&w, S(20));
                CHECK_INT(pusher_state(w.p), SGO_CONN_CONNECTED);
                CHECK_INT(stage_sent(&w, "pusher:ping"), 1);
            } else {
                stage_run(&w, S(5));
                CHECK_INT(pusher_state(w.p), SGO_CONN_CONNECTING);
                CHECK_INT(stage_seen(&w, PUSHER_LOST), 1);
            }
            stage_fini(&w);
        }
    }
}

static void
t29_a_jump_while_a_ping_is_out_gives_another_chance(void)
{
    struct stage w;

    live(&w);
    stage_run(&w, S(31));
    w.now += S(600);
    pusher_tick(w.p, w.now);
    stage_drain(&w);
    CHECK_INT(pusher_state(w.p), SGO_CONN_CONNECTED);
    CHECK_INT(stage_sent(&w, "pusher:ping"), 2);
    stage_say(&w, PONG);
    stage_run(&w, S(10));
    CHECK_INT(pusher_state(w.p), SGO_CONN_CONNECTED);
    stage_fini(&w);
}

static void
options_and_server_bound_the_activity_time(void)
{
    struct stage w;

    stage_init(&w, "{\"cluster\":\"eu\",\"activityTimeout\":12000,"
                   "\"pongTimeout\":3000}");
    stage_make(&w);
    stage_connect(&w);
    CHECK_INT(stage_stats(&w).activity_ns, S(12));
    stage_mark(&w);
    stage_run(&w, S(14.9));
    CHECK_INT(stage_sent(&w, "pusher:ping"), 1);
    CHECK_INT(stage_seen(&w, PUSHER_CLOSE), 0);
    stage_run(&w, S(0.2));
    CHECK_INT(stage_seen(&w, PUSHER_CLOSE), 1);
    stage_fini(&w);

    stage_init(&w, NULL); /* small ones for tests */
    w.settings.activity_ns = S(0.5);
    w.settings.pong_ns = S(0.2);
    stage_make(&w);
    stage_connect(&w);
    CHECK_INT(stage_stats(&w).activity_ns, S(0.5));
    stage_mark(&w);
    stage_run(&w, S(0.75));
    CHECK_INT(stage_seen(&w, PUSHER_CLOSE), 1);
    stage_fini(&w);
}

static void
a_cut_after_a_short_life_shortens_the_activity_time(void)
{
    struct stage w;

    live(&w);
    stage_run(&w, S(28));
    stage_closed(&w, 1006, "");
    stage_run(&w, S(1.1));
    stage_through(&w);
    CHECK_INT(stage_stats(&w).activity_ns, S(14));
    stage_run(&w, S(5));
    stage_closed(&w, 1006, "");
    stage_run(&w, S(2.1));
    stage_through(&w);
    CHECK_INT(stage_stats(&w).activity_ns, S(10));
    stage_run(&w, S(5));
    stage_closed(&w, 1001, ""); /* a clean end teaches nothing */
    stage_run(&w, S(4.1));
    pusher_coordinates_failed(w.p, w.now, NULL);
    stage_drain(&w);
    stage_through(&w);
    CHECK_INT(stage_stats(&w).activity_ns, S(30));
    stage_fini(&w);
}

static void
the_last_frame_is_known(void)
{
    struct stage w;

    stage_init(&w, NULL);
    stage_make(&w);
    CHECK_INT(pusher_last_frame(w.p), 0);
    stage_live(&w);
    CHECK_INT(pusher_last_frame(w.p), w.start);
    stage_run(&w, S(3));
    pusher_frame(w.p, w.now, w.generation);
    CHECK_INT(pusher_last_frame(w.p), w.start + S(3));
    stage_fini(&w);
}

int
main(void)
{
    RUN(t25_a_ping_in_any_form_is_answered_at_once);
    RUN(t26_silence_brings_one_ping);
    RUN(t27_any_frame_after_the_ping_keeps_the_connection);
    RUN(t27_no_frame_for_the_pong_time_closes);
    RUN(t28_a_busy_server_is_pinged_too);
    RUN(t29_a_jump_of_the_clock_pings_at_once);
    RUN(t29_a_jump_while_a_ping_is_out_gives_another_chance);
    RUN(options_and_server_bound_the_activity_time);
    RUN(a_cut_after_a_short_life_shortens_the_activity_time);
    RUN(the_last_frame_is_known);
    return check_done();
}
