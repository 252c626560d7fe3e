/* Subscribing and channel messages (pusher.md 2.2 to 2.5; checklist 16 to 22,
 * 24, 35, 37, 38, 41). */
#include <stdlib.h>

#include "check.h"
#include "pusher_help.h"

#define DATA(json)                                                            \
    "{\"event\":\"data\",\"channel\":\"" CHANNEL "\",\"data\":" json "}"
#define REFUSAL(json) "{\"event\":\"pusher:error\",\"data\":" json "}"

static void
add(struct stage *w, const char *name, const char *user)
{
    CHECK_INT(pusher_channel_add(w->p, w->now, name, user), SGO_OK);
    stage_drain(w);
}

/* Established, CHANNEL authorising. */
static void
authorising(struct stage *w, const char *options)
{
    stage_init(w, options);
    stage_make(w);
    add(w, CHANNEL, NULL);
    stage_connect(w);
}

static void
t16_success_in_all_its_forms(void)
{
    static const char *const forms[] = {
        "\"pusher_internal:subscription_succeeded\",\"data\":\"{}\"",
        "\"pusher_internal:subscription_succeeded\",\"data\":{}",
        "\"pusher_internal:subscription_succeeded\"",
        "\"pusher:subscription_succeeded\",\"data\":null",
        "\"pusher_internal:subscription_succeeded\",\"data\":"
        "\"{\\\"presence\\\":{\\\"ids\\\":[1],\\\"hash\\\":[],"
        "\\\"count\\\":1}}\"",
        "\"pusher_internal:subscription_succeeded\",\"data\":\"not JSON\"",
    };
    char text[256];

    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        struct stage w;

        authorising(&w, NULL);
        stage_grant(&w);
        CHECK_INT(stage_sent(&w, "pusher:subscribe"), 1);
        snprintf(text, sizeof(text),
                 "{\"channel\":\"" CHANNEL "\",\"event\":%s}", forms[i]);
        stage_say(&w, text);
        CHECK_INT(stage_seen(&w, PUSHER_SUBSCRIBED), 1);
        CHECK_STR(stage_last(&w, PUSHER_SUBSCRIBED)->channel, CHANNEL);
        stage_say(&w, text); /* again: nothing */
        CHECK_INT(stage_seen(&w, PUSHER_SUBSCRIBED), 1);
        stage_run(&w, S(20));
        CHECK_INT(stage_sent(&w, "pusher:subscribe"), 1);
        stage_fini(&w);
    }
}

static void
t17_no_success_in_time(void)
{
    struct stage w;

    authorising(&w, NULL);
    stage_grant(&w);
    stage_mark(&w);
    stage_run(&w, S(10.1));
    CHECK_INT(stage_seen(&w, PUSHER_REFUSED), 1);
    CHECK(
        strstr(stage_last(&w, PUSHER_REFUSED)->error.text, "within the time"));
    CHECK_INT(stage_stats(&w).subscriptions_failed, 1);
    stage_run(&w, S(1));
    CHECK_INT(stage_seen(&w, PUSHER_AUTHORISE), 1);
    stage_grant(&w);
    CHECK_INT(stage_sent(&w, "pusher:subscribe"), 1);
    CHECK_INT(stage_seen(&w, PUSHER_CLOSE), 0);
    stage_run(&w, S(10.1)); /* twice: the socket is at fault */
    CHECK_INT(stage_seen(&w, PUSHER_CLOSE), 1);
    CHECK_INT(pusher_state(w.p), SGO_CONN_CONNECTING);
    stage_fini(&w);
}

static void
t17_a_late_success_counts(void)
{
    struct stage w;

    authorising(&w, NULL);
    stage_grant(&w);
    stage_run(&w, S(10.5));
    stage_succeed(&w, CHANNEL);
    CHECK(pusher_channel_subscribed(w.p, CHANNEL));
    stage_mark(&w);
    stage_run(&w, S(5));
    CHECK_INT(stage_seen(&w, PUSHER_AUTHORISE), 0);
    CHECK_INT(stage_sent(&w, "pusher:subscribe"), 0);
    stage_fini(&w);
}

static void
t18_the_pending_subscription_fails_with_that_text(void)
{
    static const struct {
        const char *message, *text;
        sgo_error_kind kind;
        double low, high;
    } rows[] = {
        {"{\"event\":\"pusher:subscription_error\",\"channel\":\"" CHANNEL
         "\",\"data\":{\"type\":\"AuthError\",\"error\":\"no way\","
         "\"status\":401}}",
         "no way", SGO_ERROR_AUTHENTICATION, 15, 30},
        {"{\"event\":\"pusher_internal:subscription_error\",\"channel\":"
         "\"" CHANNEL "\",\"data\":\"{}\"}",
         "no reason told", SGO_ERROR_PROTOCOL, 0.5, 1},
        {REFUSAL("{\"code\":null,\"message\":\"Invalid signature: Expected "
                 "HMAC SHA256 hex digest of 81.44:x\"}"),
         "Invalid signature: Expected HMAC", SGO_ERROR_PROTOCOL, 0.5, 1},
        {REFUSAL("{\"message\":\"Invalid key in subscription auth data: 'x'\""
                 "}"),
         "Invalid key in subscription auth data", SGO_ERROR_PROTOCOL, 0.5, 1},
        {REFUSAL("\"{\\\"code\\\":4009,\\\"message\\\":\\\"not you\\\"}\""),
         "not you", SGO_ERROR_PROTOCOL, 15, 30},
        {"{\"event\":\"pusher:subscription_error\",\"channel\":\"" CHANNEL
         "\",\"data\":{\"type\":\"LimitReached\",\"error\":\"connection "
         "limit\",\"status\":4100}}",
         "connection limit", SGO_ERROR_STREAM_LIMIT, 15, 30},
        {REFUSAL("{\"code\":4302,\"message\":\"" CHANNEL " is odd\"}"),
         CHANNEL " is odd", SGO_ERROR_PROTOCOL, 0.5, 1},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct stage w;
        const struct seen *s;

        authorising(&w, NULL);
        stage_grant(&w);
        stage_mark(&w);
        stage_say(&w, rows[i].message);
        s = stage_last(&w, PUSHER_REFUSED);
        CHECK_STR(s->channel, CHANNEL);
        CHECK(strstr(s->error.text, rows[i].text) != NULL);
        CHECK_INT(s->error.kind, rows[i].kind);
        CHECK((double)s->ns >= rows[i].low * 1e9);
        CHECK((double)s->ns <= rows[i].high * 1e9);
        CHECK_INT(pusher_state(w.p), SGO_CONN_CONNECTED);
        stage_run(&w, S(31));
        CHECK_INT(stage_first(&w, PUSHER_AUTHORISE)->at, s->at + s->ns);
        stage_fini(&w);
    }
}

static void
t18_the_next_channel_gets_its_turn(void)
{
    struct stage w;

    authorising(&w, NULL);
    add(&w, "presence-b", NULL);
    w.request = 1;
    stage_grant(&w);
    w.request = 2;
    stage_grant(&w);
    stage_mark(&w);
    stage_say(&w, REFUSAL("{\"code\":null,\"message\":\"no\"}"));
    CHECK_INT(stage_sent(&w, "presence-b"), 1);
    stage_say(&w,
              REFUSAL("{\"code\":null,\"message\":\"about " CHANNEL "\"}"));
    CHECK_INT(stage_seen(&w, PUSHER_REFUSED), 1); /* not presence-b's */
    stage_succeed(&w, "presence-b");
    CHECK(pusher_channel_subscribed(w.p, "presence-b"));
    CHECK(!pusher_channel_subscribed(w.p, CHANNEL));
    stage_fini(&w);
}

static void
t18_information_leaves_the_pending_one_alone(void)
{
    struct stage w;

    authorising(&w, NULL);
    stage_grant(&w);
    stage_mark(&w);
    stage_say(&w, REFUSAL("{\"code\":4301,\"message\":\"client event\"}"));
    stage_say(&w, REFUSAL("{\"code\":null,\"message\":\"No current "
                          "subscription to channel x, or subscription in "
                          "progress\"}"));
    CHECK_INT(w.count, w.mark);
    stage_succeed(&w, CHANNEL);
    CHECK(pusher_channel_subscribed(w.p, CHANNEL));
    stage_fini(&w);
}

static void
t19_existing_subscription(void)
{
    static const char text[] =
        REFUSAL("{\"code\":null,\"message\":\"Existing subscription to "
                "channel " CHANNEL "\"}");
    struct stage w;

    authorising(&w, NULL);
    stage_grant(&w);
    stage_succeed(&w, CHANNEL);
    stage_mark(&w);
    stage_say(&w, text);
    CHECK_INT(w.count, w.mark);
    CHECK(pusher_channel_subscribed(w.p, CHANNEL));
    stage_fini(&w);

    authorising(&w, NULL); /* sent twice: the first was heard */
    stage_grant(&w);
    stage_run(&w, S(11.1));
    stage_grant(&w);
    stage_say(&w, text);
    CHECK(pusher_channel_subscribed(w.p, CHANNEL));
    stage_fini(&w);
}

static void
a_subscription_taken_away_is_a_gap_of_that_channel(void)
{
    struct stage w;

    stage_init(&w, NULL);
    stage_make(&w);
    stage_live(&w);
    stage_mark(&w);
    stage_say(&w, "{\"event\":\"pusher:subscription_error\",\"channel\":"
                  "\"" CHANNEL "\",\"data\":{\"error\":\"kicked\"}}");
    CHECK_STR(stage_last(&w, PUSHER_LOST)->channel, CHANNEL);
    CHECK_STR(stage_last(&w, PUSHER_LOST)->text, "kicked");
    CHECK(!pusher_channel_subscribed(w.p, CHANNEL));
    stage_run(&w, S(1.1));
    CHECK_INT(stage_seen(&w, PUSHER_AUTHORISE), 1);
    stage_fini(&w);
}

static void
t20_events_before_the_success_are_not_lost(void)
{
    struct stage w;

    authorising(&w, NULL);
    stage_mark(&w);
    stage_say(&w, DATA("[{\"eventID\":\"E0\"}]")); /* nobody asked yet */
    CHECK_INT(stage_seen(&w, PUSHER_NOTIFICATION), 0);
    stage_grant(&w);
    stage_say(&w, DATA("[{\"eventID\":\"E1\"}]"));
    CHECK_INT(stage_seen(&w, PUSHER_NOTIFICATION), 1);
    CHECK_INT(stage_seen(&w, PUSHER_SUBSCRIBED), 0);
    stage_succeed(&w, CHANNEL);
    CHECK_INT(stage_seen(&w, PUSHER_SUBSCRIBED), 1);
    stage_fini(&w);
}

static void
t21_data_in_its_forms(void)
{
    struct stage w;

    stage_init(&w, NULL);
    stage_make(&w);
    stage_live(&w);
    stage_mark(&w);
    stage_say(&w, DATA("\"[{\\\"eventID\\\":\\\"E1\\\"}]\""));
    CHECK_STR(stage_last(&w, PUSHER_NOTIFICATION)->text, "E1");
    CHECK_STR(stage_last(&w, PUSHER_NOTIFICATION)->channel, CHANNEL);
    stage_say(&w, DATA("[{\"eventID\":\"E2\"},{\"eventID\":\"E3\"}]"));
    CHECK_INT(stage_last(&w, PUSHER_NOTIFICATION)->count, 2);
    CHECK_STR(stage_last(&w, PUSHER_NOTIFICATION)->more, "E3");
    stage_say(&w, DATA("[]"));
    CHECK_INT(stage_seen(&w, PUSHER_NOTIFICATION), 2);
    CHECK_INT(stage_seen(&w, PUSHER_UNREADABLE), 0);
    CHECK_INT(stage_stats(&w).ids, 3);
    stage_fini(&w);
}

static void
t21_what_is_dropped_and_what_is_unreadable(void)
{
    static const struct {
        const char *text;
        bool unreadable;
    } rows[] = {
        {"{\"event\":\"data\",\"channel\":\"other\",\"data\":[]}", false},
        {"{\"event\":\"data\",\"data\":[{\"eventID\":\"E\"}]}", false},
        {"{\"event\":\"update\",\"channel\":\"" CHANNEL "\",\"data\":[]}",
         false},
        {"{\"event\":\"pusher:new\",\"channel\":\"" CHANNEL "\"}", false},
        {"{\"event\":5,\"channel\":\"other\"}", false},
        {DATA("null"), true},
        {DATA("5"), true},
        {DATA("\"text\""), true},
        {DATA("[{\"eventID\":5}]"), true},
        {"{\"event\":\"data\",\"channel\":\"" CHANNEL "\"}", true},
        {"{\"event\":5,\"channel\":\"" CHANNEL "\"}", true},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct stage w;

        stage_init(&w, NULL);
        stage_make(&w);
        stage_live(&w);
        stage_mark(&w);
        stage_say(&w, rows[i].text);
        CHECK_INT(stage_seen(&w, PUSHER_UNREADABLE), rows[i].unreadable);
        CHECK_INT(stage_stats(&w).dropped, !rows[i].unreadable);
        CHECK_INT(stage_stats(&w).unreadable, rows[i].unreadable);
        if (rows[i].unreadable) {
            CHECK_STR(stage_last(&w, PUSHER_UNREADABLE)->channel, CHANNEL);
        }
        CHECK_INT(w.count - w.mark, rows[i].unreadable);
        stage_say(&w, DATA("[{\"eventID\":\"E1\"}]")); /* alive */
        CHECK_INT(stage_seen(&w, PUSHER_NOTIFICATION), 1);
        stage_fini(&w);
    }
}

static void
t21_good_ids_beside_bad_ones_are_told(void)
{
    struct stage w;

    stage_init(&w, NULL);
    stage_make(&w);
    stage_live(&w);
    stage_mark(&w);
    stage_say(&w, DATA("[{\"eventID\":\"E1\"},{},{\"eventID\":\"E2\"}]"));
    CHECK_INT(stage_last(&w, PUSHER_NOTIFICATION)->count, 2);
    CHECK_INT(stage_seen(&w, PUSHER_UNREADABLE), 1);
    stage_fini(&w);
}

static void
t21_ten_thousand_ids_and_no_more(void)
{
    static char text[400000];
    struct stage w;
    size_t n;

    for (int over = 0; over < 2; over++) {
        stage_init(&w, NULL);
        stage_make(&w);
        stage_live(&w);
        n = (size_t)sprintf(text, "{\"event\":\"data\",\"channel\":\"" CHANNEL
                                  "\",\"data\":[");
        for (int i = 0; i < 10000 + over; i++) {
            n += (size_t)sprintf(text + n, "%s{\"eventID\":\"E%d\"}",
                                 i ? "," : "", i);
        }
        strcpy(text + n, "]}");
        stage_mark(&w);
        stage_say(&w, text);
        CHECK_INT(stage_last(&w, PUSHER_NOTIFICATION)->count, 10000);
        CHECK_INT(stage_last(&w, PUSHER_NOTIFICATION)->over, over);
        CHECK_STR(stage_last(&w, PUSHER_NOTIFICATION)->more, "E9999");
        CHECK_INT(stage_seen(&w, PUSHER_UNREADABLE), over);
        CHECK_INT(stage_stats(&w).ids_over, over);
        stage_fini(&w);
    }
}

static void
t22_malformed_messages_leave_the_stream_alive(void)
{
    static const char *const bad[] = {
        "{}",
        "{\"event\":5}",
        "{\"event\":\"\x80\"}",
        "nonsense",
        "",
        "{\"event\":\"data\",\"event\":\"data\"}",
        "[[[["};
    struct stage w;

    stage_init(&w, NULL);
    stage_make(&w);
    stage_live(&w);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        stage_mark(&w);
        stage_say(&w, bad[i]);
        CHECK_INT(stage_seen(&w, PUSHER_UNREADABLE), 1);
        CHECK_STR(stage_last(&w, PUSHER_UNREADABLE)->channel, "");
        CHECK_INT(w.count - w.mark, 1);
    }
    stage_say_bytes(&w, "\x01\x02", 2, true);
    CHECK_INT(stage_stats(&w).unreadable, 8);
    CHECK_INT(pusher_state(w.p), SGO_CONN_CONNECTED);
    CHECK(pusher_channel_subscribed(w.p, CHANNEL));
    stage_fini(&w);
}

static void
t22_a_flood_of_garbage_is_one_output(void)
{
    struct pusher_output out;
    struct stage w;

    stage_init(&w, NULL);
    stage_make(&w);
    stage_live(&w);
    for (int i = 0; i < 10000; i++) {
        pusher_message(w.p, w.now, w.generation, "x", 1, false);
    }
    CHECK(pusher_next(w.p, &out));
    CHECK_INT(out.kind, PUSHER_UNREADABLE);
    CHECK_INT(out.unreadable.count, 10000);
    CHECK(!pusher_next(w.p, &out));
    stage_fini(&w);
}

static void
t24_sizes(void)
{
    char *text = calloc(1, (1 << 20) + 2);
    static const char head[] = "{\"event\":\"data\",\"channel\":\"" CHANNEL
                               "\",\"data\":[{\"eventID\":\"E1\"}],\"pad\":\"";
    static const size_t sizes[] = {64 << 10, 1 << 20, (1 << 20) + 1};

    for (size_t i = 0; i < 3; i++) {
        struct stage w;

        stage_init(&w, NULL);
        stage_make(&w);
        stage_live(&w);
        memset(text, 'x', sizes[i]);
        memcpy(text, head, sizeof(head) - 1);
        memcpy(text + sizes[i] - 2, "\"}", 2);
        stage_mark(&w);
        stage_say_bytes(&w, text, sizes[i], false);
        CHECK_INT(stage_seen(&w, PUSHER_NOTIFICATION), i < 2);
        if (i == 2) {
            CHECK_INT(stage_last(&w, PUSHER_CLOSE)->code, 1009);
            CHECK_INT(stage_seen(&w, PUSHER_LOST), 1);
            CHECK_INT(stage_last(&w, PUSHER_REPORT)->error.kind,
                      SGO_ERROR_LIMIT);
            CHECK(stage_last(&w, PUSHER_REPORT)->ns >= S(0.5));
        }
        stage_fini(&w);
    }
    free(text);
}

static void
t35_each_reconnect_authorises_subscribes_and_tells_one_gap(void)
{
    struct stage w;

    stage_init(&w, NULL);
    stage_make(&w);
    stage_live(&w);
    for (int i = 0; i < 3; i++) {
        int64_t last;

        stage_run(&w, S(7));
        stage_say(&w, DATA("[{\"eventID\":\"E1\"}]"));
        last = w.now;
        stage_run(&w, S(2));
        stage_mark(&w);
        stage_closed(&w, 1001, "bye");
        CHECK_INT(stage_seen(&w, PUSHER_LOST), 1);
        CHECK_STR(stage_last(&w, PUSHER_LOST)->channel, "");
        CHECK_STR(stage_last(&w, PUSHER_LOST)->text, "bye");
        CHECK_INT(stage_last(&w, PUSHER_LOST)->ns, last);
        stage_run(&w, S(9));
        if (stage_seen(&w, PUSHER_COORDINATES)) {
            pusher_coordinates_failed(w.p, w.now, NULL);
            stage_drain(&w);
        }
        stage_through(&w);
        CHECK_INT(stage_seen(&w, PUSHER_AUTHORISE), 1);
        CHECK_INT(stage_sent(&w, "pusher:subscribe"), 1);
        CHECK_INT(stage_seen(&w, PUSHER_SUBSCRIBED), 1);
        CHECK_INT(stage_seen(&w, PUSHER_LOST), 1);
    }
    CHECK_INT(stage_stats(&w).losses, 3);
    stage_fini(&w);
}

static void
t35_no_gap_is_told_where_nothing_was_subscribed(void)
{
    struct stage w;

    authorising(&w, NULL);
    stage_grant(&w);
    stage_mark(&w);
    stage_closed(&w, 1006, "");
    CHECK_INT(stage_seen(&w, PUSHER_LOST), 0);
    stage_fini(&w);
}

static void
t37_removed_while_pending(void)
{
    struct stage w;

    authorising(&w, NULL);
    stage_grant(&w);
    stage_mark(&w);
    pusher_channel_remove(w.p, w.now, CHANNEL);
    stage_drain(&w);
    CHECK_INT(w.count, w.mark);
    CHECK_INT(pusher_channel_count(w.p), 0);
    stage_say(&w, DATA("[{\"eventID\":\"E1\"}]")); /* nothing of it is told */
    CHECK_INT(w.count, w.mark);
    stage_succeed(&w, CHANNEL);
    CHECK_INT(stage_sent(&w, "pusher:unsubscribe"), 1);
    CHECK_INT(stage_seen(&w, PUSHER_SUBSCRIBED), 0);
    stage_say(&w, DATA("[{\"eventID\":\"E1\"}]"));
    CHECK_INT(stage_seen(&w, PUSHER_NOTIFICATION), 0);
    CHECK_INT(stage_seen(&w, PUSHER_UNREADABLE), 0);
    stage_fini(&w);
}

static void
t37_removed_while_authorising_or_subscribed_or_unheard(void)
{
    struct stage w;

    authorising(&w, NULL); /* authorising: never subscribed */
    stage_mark(&w);
    pusher_channel_remove(w.p, w.now, CHANNEL);
    stage_drain(&w);
    CHECK_INT(stage_seen(&w, PUSHER_CANCEL_AUTHORISE), 1);
    stage_grant(&w);
    CHECK_INT(stage_sent(&w, "subscribe"), 0);
    stage_fini(&w);

    stage_init(&w, NULL); /* subscribed: at once */
    stage_make(&w);
    stage_live(&w);
    stage_mark(&w);
    pusher_channel_remove(w.p, w.now, CHANNEL);
    pusher_channel_remove(w.p, w.now, "unknown");
    stage_drain(&w);
    CHECK_INT(stage_sent(&w, "pusher:unsubscribe"), 1);
    CHECK_INT(w.count - w.mark, 1);
    stage_fini(&w);

    authorising(&w, NULL); /* unanswered: unsubscribed all the same */
    stage_grant(&w);
    pusher_channel_remove(w.p, w.now, CHANNEL);
    stage_mark(&w);
    stage_run(&w, S(10.1));
    CHECK_INT(stage_sent(&w, "pusher:unsubscribe"), 1);
    stage_succeed(&w, CHANNEL); /* and again when it comes late */
    CHECK_INT(stage_sent(&w, "pusher:unsubscribe"), 2);
    CHECK_INT(stage_seen(&w, PUSHER_SUBSCRIBED), 0);
    stage_fini(&w);
}

static void
t37_wanted_again_before_the_success(void)
{
    struct stage w;

    authorising(&w, NULL);
    stage_grant(&w);
    pusher_channel_remove(w.p, w.now, CHANNEL);
    add(&w, CHANNEL, NULL);
    stage_succeed(&w, CHANNEL);
    CHECK(pusher_channel_subscribed(w.p, CHANNEL));
    CHECK_INT(stage_sent(&w, "pusher:unsubscribe"), 0);
    stage_fini(&w);
}

static void
t38_members_and_counts_make_no_output_and_are_not_logged(void)
{
    static const char *const quiet[] = {
        "{\"event\":\"pusher_internal:member_added\",\"channel\":\"" CHANNEL
        "\",\"data\":\"{\\\"user_id\\\":\\\"someone\\\"}\"}",
        "{\"event\":\"pusher_internal:member_removed\",\"channel\":\"" CHANNEL
        "\",\"data\":{\"user_id\":\"someone\"}}",
        "{\"event\":\"pusher_internal:subscription_count\",\"channel\":"
        "\"" CHANNEL "\",\"data\":{\"subscription_count\":7}}",
        "{\"event\":\"pusher:cache_miss\",\"channel\":\"" CHANNEL "\"}",
        "{\"event\":\"pusher_internal:watchlist_events\",\"data\":"
        "{\"events\":[\"someone\"]}}",
        "{\"event\":\"pusher:signin_success\",\"data\":{\"user_data\":"
        "\"someone\"}}",
    };
    char *list = calloc(1, 300000);
    struct stage w;
    size_t n;

    stage_init(&w, NULL);
    stage_make(&w);
    add(&w, CHANNEL, NULL);
    stage_connect(&w);
    stage_grant(&w);
    n = (size_t)sprintf(
        list, "{\"event\":\"pusher_internal:subscription_succeeded"
              "\",\"channel\":\"" CHANNEL "\",\"data\":"
              "\"{\\\"presence\\\":{\\\"count\\\":100,\\\"ids\\\":[");
    for (int i = 0; i < 100; i++) {
        n += (size_t)sprintf(list + n, "%s\\\"someone%0*d\\\"", i ? "," : "",
                             1000, i);
    }
    strcpy(list + n, "]}}\"}");
    stage_say(&w, list);
    CHECK_INT(stage_seen(&w, PUSHER_SUBSCRIBED), 1);
    stage_mark(&w);
    for (size_t i = 0; i < sizeof(quiet) / sizeof(quiet[0]); i++) {
        stage_say(&w, quiet[i]);
    }
    CHECK_INT(w.count, w.mark);
    CHECK_INT(stage_stats(&w).dropped, 0);
    CHECK(strstr(w.logged, "someone") == NULL);
    free(list);
    stage_fini(&w);
}

static void
t41_no_secret_in_any_log_or_error(void)
{
    static const char channel_data[] = "{\"user_id\":\"u1\"}";
    struct stage w;

    authorising(&w, NULL);
    stage_grant(&w);
    stage_say(&w,
              REFUSAL("{\"code\":null,\"message\":\"Invalid signature: "
                      "Expected HMAC SHA256 hex digest of "
                      "81.44:" CHANNEL ":{\\\"user_id\\\":\\\"u1\\\"}, "
                      "but got " SIGNATURE " for " AUTH " " API_KEY "\"}"));
    CHECK(strstr(stage_last(&w, PUSHER_REFUSED)->error.text,
                 "Invalid signature"));
    for (size_t i = 0; i < w.count; i++) {
        CHECK(strstr(w.seen[i].error.text, SIGNATURE) == NULL);
        CHECK(strstr(w.seen[i].error.text, API_KEY) == NULL);
        CHECK(strstr(w.seen[i].error.text, channel_data) == NULL);
    }
    stage_run(&w, S(2));
    stage_answer(&w, 403, "{\"error\":\"" API_KEY " " SIGNATURE "\"}");
    stage_run(&w, S(31));
    pusher_frame(w.p, w.now, w.generation);
    stage_grant(&w);
    stage_succeed(&w, CHANNEL);
    stage_say(&w, REFUSAL("{\"code\":4301,\"message\":\"" API_KEY "\"}"));
    stage_closed(&w, 4300, "because of " API_KEY " and " SIGNATURE);
    CHECK(w.logged_len > 100);
    CHECK(strstr(w.logged, SIGNATURE) == NULL);
    CHECK(strstr(w.logged, API_KEY) == NULL);
    CHECK(strstr(w.logged, channel_data) == NULL);
    CHECK(strstr(w.logged, "u1") == NULL);
    CHECK(strstr(stage_stats(&w).last_close_reason, API_KEY) == NULL);
    stage_fini(&w);
}

static void
names_and_limits_of_channels(void)
{
    char name[300];
    struct stage w;

    stage_init(&w, NULL);
    w.settings.channels_max = 3;
    stage_make(&w);
    CHECK_INT(pusher_channel_add(w.p, 0, "", NULL), SGO_INVALID);
    CHECK_INT(pusher_channel_add(w.p, 0, "a b", NULL), SGO_INVALID);
    CHECK_INT(pusher_channel_add(w.p, 0, "a\nb", NULL), SGO_INVALID);
    memset(name, 'x', sizeof(name));
    name[201] = '\0';
    CHECK_INT(pusher_channel_add(w.p, 0, name, NULL), SGO_INVALID);
    name[200] = '\0';
    CHECK_INT(pusher_channel_add(w.p, 0, name, NULL), SGO_OK);
    CHECK_INT(pusher_channel_add(w.p, 0, name, NULL), SGO_OK);
    CHECK_INT(pusher_channel_count(w.p), 1);
    CHECK_INT(pusher_channel_add(w.p, 0, "b", NULL), SGO_OK);
    CHECK_INT(pusher_channel_add(w.p, 0, "c", NULL), SGO_OK);
    CHECK_INT(pusher_channel_add(w.p, 0, "d", NULL), SGO_LIMIT);
    stage_fini(&w);
}

static void
a_channel_added_while_connected_is_authorised_at_once(void)
{
    struct stage w;

    stage_init(&w, NULL);
    stage_make(&w);
    stage_connect(&w);
    CHECK_INT(stage_seen(&w, PUSHER_AUTHORISE), 0);
    add(&w, CHANNEL, NULL);
    CHECK_INT(stage_seen(&w, PUSHER_AUTHORISE), 1);
    stage_fini(&w);
}

int
main(void)
{
    RUN(t16_success_in_all_its_forms);
    RUN(t17_no_success_in_time);
    RUN(t17_a_late_success_counts);
    RUN(t18_the_pending_subscription_fails_with_that_text);
    RUN(t18_the_next_channel_gets_its_turn);
    RUN(t18_information_leaves_the_pending_one_alone);
    RUN(t19_existing_subscription);
    RUN(a_subscription_taken_away_is_a_gap_of_that_channel);
    RUN(t20_events_before_the_success_are_not_lost);
    RUN(t21_data_in_its_forms);
    RUN(t21_what_is_dropped_and_what_is_unreadable);
    RUN(t21_good_ids_beside_bad_ones_are_told);
    RUN(t21_ten_thousand_ids_and_no_more);
    RUN(t22_malformed_messages_leave_the_stream_alive);
    RUN(t22_a_flood_of_garbage_is_one_output);
    RUN(t24_sizes);
    RUN(t35_each_reconnect_authorises_subscribes_and_tells_one_gap);
    RUN(t35_no_gap_is_told_where_nothing_was_subscribed);
    RUN(t37_removed_while_pending);
    RUN(t37_removed_while_authorising_or_subscribed_or_unheard);
    RUN(t37_wanted_again_before_the_success);
    RUN(t38_members_and_counts_make_no_output_and_are_not_logged);
    RUN(t41_no_secret_in_any_log_or_error);
    RUN(names_and_limits_of_channels);
    RUN(a_channel_added_while_connected_is_authorised_at_once);
    return check_done();
}
