/* Authorising, subscribing, channel messages (pusher.md 2.2 to 2.5, 3;
 * checklist 9 to 22, 24, 35, 37, 38, 41). */
#include <stdlib.h>

#include "check.h"
#include "pusher_help.h"

#define DATA(json)                                                            \
    "{\"event\":\"data\",\"channel\":\"" CHANNEL "\",\"data\":" json "}"
#define REFUSAL(json) "{\"event\":\"pusher:error\",\"data\":" json "}"

static void
add(struct world *w, const char *name, const char *user)
{
    CHECK_INT(pusher_channel_add(w->p, w->now, name, user), SGO_OK);
    world_drain(w);
}

/* Established, CHANNEL authorising. */
static void
authorising(struct world *w, const char *options)
{
    world_init(w, options);
    world_make(w);
    add(w, CHANNEL, NULL);
    world_connect(w);
}

static void
t09_one_request_per_channel_and_connection_after_the_greeting(void)
{
    struct world w;
    const struct seen *s;

    world_init(&w, "{\"cluster\":\"us2\",\"channelAuthorization\":{"
                   "\"endpoint\":\"https://a.example/auth?x=1\",\"headers\":{"
                   "\"x-api-key\":\"" API_KEY "\"},\"params\":{\"a\":\"b c\"}}"
                   "}");
    world_make(&w);
    add(&w, CHANNEL, NULL);
    pusher_start(w.p, w.now);
    world_drain(&w);
    world_opened(&w);
    CHECK_INT(world_seen(&w, PUSHER_AUTHORISE), 0);
    world_say(&w, ESTABLISHED);
    CHECK_INT(world_seen(&w, PUSHER_AUTHORISE), 1);
    s = world_last(&w, PUSHER_AUTHORISE);
    CHECK_STR(s->more, "https://a.example/auth?x=1");
    CHECK_STR(s->text, "socket_id=81.44&channel_name=" CHANNEL "&a=b%20c");
    CHECK_STR(s->channel, CHANNEL);
    CHECK_INT(s->count, 2); /* headers: the key and the content type */
    world_grant(&w);
    world_succeed(&w, CHANNEL);
    world_run(&w, S(5));
    CHECK_INT(world_seen(&w, PUSHER_AUTHORISE), 1);
    world_mark(&w);
    world_closed(&w, 1001, "");
    world_run(&w, S(1.1));
    world_opened(&w);
    CHECK_INT(world_seen(&w, PUSHER_AUTHORISE), 0);
    world_say(&w, "{\"event\":\"pusher:connection_established\",\"data\":"
                  "{\"socket_id\":\"7.8\"}}");
    CHECK_INT(world_seen(&w, PUSHER_AUTHORISE), 1);
    CHECK(strstr(world_last(&w, PUSHER_AUTHORISE)->text, "socket_id=7.8&"));
    world_fini(&w);
}

static void
t09_at_most_four_at_a_time_and_one_subscribe(void)
{
    struct world w;
    char name[32];
    uint64_t first;

    world_init(&w, NULL);
    world_make(&w);
    for (int i = 0; i < 10; i++) {
        snprintf(name, sizeof(name), "presence-%d", i);
        add(&w, name, NULL);
    }
    CHECK_INT(pusher_channel_count(w.p), 10);
    world_connect(&w);
    CHECK_INT(world_seen(&w, PUSHER_AUTHORISE), 4);
    first = world_first(&w, PUSHER_AUTHORISE)->request;
    for (uint64_t r = first; r < first + 10; r++) {
        w.request = r;
        world_grant(&w);
        CHECK_INT(world_seen(&w, PUSHER_AUTHORISE),
                  4 + r - first + 1 < 10 ? 4 + (int)(r - first) + 1 : 10);
        CHECK_INT(world_sent(&w, "pusher:subscribe"), 1);
    }
    for (int i = 0; i < 10; i++) {
        CHECK_INT(world_sent(&w, "pusher:subscribe"), i + 1);
        snprintf(name, sizeof(name), "presence-%d", i);
        CHECK_STR(strstr(world_last(&w, PUSHER_SEND)->text, name) ? "y" : "n",
                  "y");
        world_succeed(&w, name);
        CHECK(pusher_channel_subscribed(w.p, name));
    }
    CHECK_INT(world_seen(&w, PUSHER_SUBSCRIBED), 10);
    world_fini(&w);
}

static void
t10_channel_data_reaches_the_server_as_it_was_signed(void)
{
    struct world w;

    authorising(&w, NULL);
    world_answer(&w, 200,
                 "{\"auth\":\"k:s\",\"channel_data\":"
                 "\"{\\\"user_id\\\" : \\\"\\/\\u00e9 x\\\"}\"}");
    CHECK_STR(world_last(&w, PUSHER_SEND)->text,
              "{\"event\":\"pusher:subscribe\",\"data\":{\"channel\":"
              "\"" CHANNEL "\",\"auth\":\"k:s\",\"channel_data\":"
              "\"{\\\"user_id\\\" : \\\"/\xc3\xa9 x\\\"}\"}}");
    world_fini(&w);
}

static void
the_users_id_stands_in_for_missing_channel_data(void)
{
    struct world w;

    world_init(&w, NULL);
    world_make(&w);
    add(&w, CHANNEL, "ab\"c");
    world_connect(&w);
    world_answer(&w, 200, "{\"auth\":\"k:s\"}");
    CHECK(
        strstr(world_last(&w, PUSHER_SEND)->text,
               "\"channel_data\":\"{\\\"user_id\\\":\\\"ab\\\\\\\"c\\\"}\"") !=
        NULL);
    world_fini(&w);

    authorising(&w, NULL); /* without a user it is a failure */
    world_answer(&w, 200, "{\"auth\":\"k:s\"}");
    CHECK_INT(world_sent(&w, "pusher:subscribe"), 0);
    CHECK_INT(world_seen(&w, PUSHER_REFUSED), 1);
    world_fini(&w);
}

static void
public_private_and_encrypted_channels(void)
{
    struct world w;

    world_init(&w, NULL);
    world_make(&w);
    add(&w, "scores", NULL);
    add(&w, "private-x", NULL);
    add(&w, "private-encrypted-y", NULL);
    world_connect(&w);
    CHECK_INT(world_seen(&w, PUSHER_AUTHORISE), 1);
    CHECK_STR(world_last(&w, PUSHER_AUTHORISE)->channel, "private-x");
    CHECK_STR(world_last(&w, PUSHER_FATAL)->channel, "private-encrypted-y");
    CHECK_INT(world_last(&w, PUSHER_FATAL)->error.kind,
              SGO_ERROR_CONFIGURATION);
    CHECK_STR(world_last(&w, PUSHER_SEND)->text,
              "{\"event\":\"pusher:subscribe\",\"data\":"
              "{\"channel\":\"scores\"}}");
    world_answer(&w, 200, "{\"auth\":\"k:s\"}");
    world_succeed(&w, "scores");
    CHECK_STR(world_last(&w, PUSHER_SEND)->text,
              "{\"event\":\"pusher:subscribe\",\"data\":"
              "{\"channel\":\"private-x\",\"auth\":\"k:s\"}}");
    world_fini(&w);

    authorising(&w, "{\"cluster\":\"us2\"}"); /* no endpoint */
    CHECK_INT(world_seen(&w, PUSHER_AUTHORISE), 0);
    CHECK_INT(world_seen(&w, PUSHER_FATAL), 1);
    CHECK_INT(pusher_state(w.p), SGO_CONN_CONNECTED);
    world_fini(&w);
}

static void
t11_403_is_told_once_and_retried_slowly(void)
{
    struct world w;
    int64_t from;

    authorising(&w, NULL);
    world_mark(&w);
    for (int i = 0; i < 2; i++) {
        from = w.now;
        world_answer(&w, 403, "{\"success\":false,\"error\":\"Not yours\"}");
        CHECK_INT(world_seen(&w, PUSHER_REFUSED), 1);
        CHECK_INT(pusher_state(w.p), SGO_CONN_CONNECTED);
        while (world_seen(&w, PUSHER_AUTHORISE) == (size_t)i) {
            world_run(&w, S(0.5));
            pusher_frame(w.p, w.now, w.generation);
        }
        CHECK(w.now - from >= S(15) && w.now - from <= S(30.5));
    }
    CHECK_INT(world_seen(&w, PUSHER_CLOSE), 0);
    CHECK_INT(world_first(&w, PUSHER_REFUSED)->error.kind,
              SGO_ERROR_PERMISSION_DENIED);
    CHECK_INT(world_first(&w, PUSHER_REFUSED)->error.http_status, 403);
    CHECK(strstr(world_first(&w, PUSHER_REFUSED)->error.text, "Not yours"));
    CHECK(world_first(&w, PUSHER_REFUSED)->ns >= S(15));
    world_grant(&w);
    world_succeed(&w, CHANNEL);
    CHECK(pusher_channel_subscribed(w.p, CHANNEL));
    world_fini(&w);
}

/* Refused for ever: what becomes of it. */
static void
refuse_for_ever(struct world *w, int status, const char *body)
{
    int64_t until = w->now + S(1500);

    w->settings.coordinates_wait_ns = 0;
    while (w->now < until && world_seen(w, PUSHER_FATAL) == 0) {
        const struct seen *s = world_last(w, PUSHER_AUTHORISE);
        const struct seen *c = world_last(w, PUSHER_CONNECT);

        if (s->kind && s->request == w->request) {
            world_mark(w);
            world_answer(w, status, body);
        } else if (c->kind) {
            world_mark(w);
            world_opened(w);
            world_say(w, ESTABLISHED);
        } else {
            world_run(w, S(1));
            pusher_frame(w->p, w->now, w->generation);
        }
    }
}

static void
t11_403_for_3_minutes_is_final(void)
{
    struct world w;
    int64_t from;

    authorising(&w, NULL);
    from = w.now;
    refuse_for_ever(&w, 403, "");
    CHECK_INT(world_seen(&w, PUSHER_FATAL), 1);
    CHECK_STR(world_last(&w, PUSHER_FATAL)->channel, CHANNEL);
    CHECK(w.now - from >= S(180) && w.now - from <= S(230));
    CHECK(pusher_state(w.p) == SGO_CONN_CONNECTED);
    world_fini(&w);

    world_init(&w, NULL); /* unless it was subscribed before */
    world_make(&w);
    world_live(&w);
    world_closed(&w, 1001, "");
    world_run(&w, S(1.1));
    refuse_for_ever(&w, 403, "");
    CHECK_INT(world_seen(&w, PUSHER_FATAL), 0);
    world_fini(&w);

    world_init(&w, NULL); /* or the owner persists */
    w.settings.persist = true;
    world_make(&w);
    add(&w, CHANNEL, NULL);
    world_connect(&w);
    refuse_for_ever(&w, 403, "");
    CHECK_INT(world_seen(&w, PUSHER_FATAL), 0);
    world_fini(&w);
}

static void
t11_after_three_refusals_coordinates_are_fetched_anew(void)
{
    struct world w;

    authorising(&w, NULL);
    for (int i = 0; i < 3; i++) {
        world_mark(&w);
        world_answer(&w, 401, "");
        CHECK_INT(world_seen(&w, PUSHER_CLOSE), i == 2);
        while (i < 2 && world_seen(&w, PUSHER_AUTHORISE) == 0) {
            world_run(&w, S(1));
            pusher_frame(w.p, w.now, w.generation);
        }
    }
    CHECK_INT(pusher_state(w.p), SGO_CONN_CONNECTING);
    world_run(&w, S(1.1));
    CHECK_INT(world_seen(&w, PUSHER_COORDINATES), 1);
    CHECK_STR(world_last(&w, PUSHER_COORDINATES)->text,
              "authorisation refused");
    world_fini(&w);
}

static void
t11_no_free_slot_is_a_stream_limit(void)
{
    static const int statuses[] = {401, 403, 429};

    for (size_t i = 0; i < 3; i++) {
        struct world w;
        int64_t from;

        authorising(&w, NULL);
        world_mark(&w);
        from = w.now;
        world_answer(&w, statuses[i],
                     "{\"error\":\"Too many concurrent streams\"}");
        CHECK_INT(world_last(&w, PUSHER_REFUSED)->error.kind,
                  SGO_ERROR_STREAM_LIMIT);
        while (world_seen(&w, PUSHER_AUTHORISE) == 0) {
            world_run(&w, S(0.5));
            pusher_frame(w.p, w.now, w.generation);
        }
        CHECK(w.now - from >= S(15) && w.now - from <= S(30.5));
        world_fini(&w);
    }
}

static void
t11_404_is_final_for_the_channel_alone(void)
{
    static const int statuses[] = {404, 410};

    for (size_t i = 0; i < 2; i++) {
        struct world w;

        authorising(&w, NULL);
        world_mark(&w);
        world_answer(&w, statuses[i], "");
        CHECK_STR(world_last(&w, PUSHER_FATAL)->channel, CHANNEL);
        CHECK_INT(world_last(&w, PUSHER_FATAL)->error.kind,
                  SGO_ERROR_NOT_FOUND);
        CHECK_INT(pusher_state(w.p), SGO_CONN_CONNECTED);
        world_mark(&w);
        add(&w, CHANNEL, NULL); /* asked for again: tried again */
        CHECK_INT(world_seen(&w, PUSHER_AUTHORISE), 1);
        world_fini(&w);
    }
}

static void
t12_other_failures_back_off_on_the_same_socket(void)
{
    static const struct {
        int status;
        sgo_error_kind kind;
    } rows[] = {{500, SGO_ERROR_SERVER},    {503, SGO_ERROR_SERVER},
                {408, SGO_ERROR_TRANSPORT}, {429, SGO_ERROR_RATE_LIMIT},
                {302, SGO_ERROR_PROTOCOL},  {204, SGO_ERROR_PROTOCOL},
                {0, SGO_ERROR_TRANSPORT}};

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct world w;
        double d = 1;

        authorising(&w, NULL);
        for (int n = 0; n < 8; n++) {
            int64_t from = w.now;

            world_mark(&w);
            world_answer(&w, rows[i].status, "");
            if (n == 0) {
                CHECK_INT(world_last(&w, PUSHER_REFUSED)->error.kind,
                          rows[i].kind);
            }
            while (world_seen(&w, PUSHER_AUTHORISE) == 0) {
                w.now = pusher_deadline(w.p);
                pusher_tick(w.p, w.now);
                pusher_frame(w.p, w.now, w.generation);
                world_drain(&w);
            }
            CHECK((double)(w.now - from) >= d / 2 * 1e9);
            CHECK((double)(w.now - from) <= d * 1e9);
            d = d * 2 < 60 ? d * 2 : 60;
        }
        CHECK_INT(w.generation, 1);
        CHECK_INT(world_stats(&w).authorisations_failed, 8);
        world_fini(&w);
    }
}

static void
t12_no_answer_in_time(void)
{
    struct world w;
    uint64_t first;

    authorising(&w, NULL);
    first = w.request;
    world_mark(&w);
    world_run(&w, S(9.9));
    CHECK_INT(world_seen(&w, PUSHER_CANCEL_AUTHORISE), 0);
    world_run(&w, S(0.2));
    CHECK_INT(world_last(&w, PUSHER_CANCEL_AUTHORISE)->request, first);
    CHECK_INT(world_seen(&w, PUSHER_REFUSED), 1);
    world_run(&w, S(1));
    CHECK_INT(world_seen(&w, PUSHER_AUTHORISE), 1);
    w.request = first; /* its late answer means nothing */
    world_grant(&w);
    CHECK_INT(world_sent(&w, "pusher:subscribe"), 0);
    CHECK_INT(world_stats(&w).late, 1);
    world_fini(&w);
}

static void
t12_retry_after_is_obeyed_even_by_a_new_connection(void)
{
    struct pusher_auth_answer answer = {.http_status = 429,
                                        .retry_after_ns = S(20)};
    struct world w;

    authorising(&w, NULL);
    world_mark(&w);
    pusher_authorised(w.p, w.now, w.request, &answer);
    world_drain(&w);
    CHECK_INT(world_last(&w, PUSHER_REFUSED)->error.retry_after_ns, S(20));
    world_run(&w, S(10));
    CHECK_INT(world_seen(&w, PUSHER_AUTHORISE), 0);
    world_closed(&w, 1001, "");
    world_run(&w, S(1));
    world_opened(&w);
    world_say(&w, ESTABLISHED);
    world_run(&w, S(8.9));
    CHECK_INT(world_seen(&w, PUSHER_AUTHORISE), 0);
    world_run(&w, S(0.2));
    CHECK_INT(world_seen(&w, PUSHER_AUTHORISE), 1);
    world_fini(&w);
}

static void
t13_a_200_that_grants_nothing(void)
{
    static const char *const bodies[] = {
        "<html>" API_KEY "</html>",
        "{\"channel_data\":\"{}\"}",
        "{\"auth\":\"k:s\",\"channel_data\":{\"user_id\":\"" API_KEY "\"}}",
        "{\"error\":\"" API_KEY "\"}",
    };
    char *large = calloc(1, (1 << 20) + 1);

    memset(large, ' ', 1 << 20);
    for (size_t i = 0; i <= sizeof(bodies) / sizeof(bodies[0]); i++) {
        struct world w;

        authorising(&w, NULL);
        world_mark(&w);
        world_answer(&w, 200,
                     i < sizeof(bodies) / sizeof(bodies[0]) ? bodies[i]
                                                            : large);
        CHECK_INT(world_sent(&w, "pusher:subscribe"), 0);
        CHECK_INT(world_last(&w, PUSHER_REFUSED)->error.kind,
                  SGO_ERROR_PROTOCOL);
        CHECK(strstr(world_last(&w, PUSHER_REFUSED)->error.text, API_KEY) ==
              NULL);
        world_fini(&w);
    }
    free(large);
}

static void
t13_server_texts_are_redacted(void)
{
    struct world w;
    const struct seen *s;

    authorising(&w, NULL);
    world_answer(&w, 403,
                 "{\"error\":\"key " API_KEY " of " SIGNATURE " is bad\"}");
    s = world_last(&w, PUSHER_REFUSED);
    CHECK(strstr(s->error.text, API_KEY) == NULL);
    CHECK(strstr(s->error.text, SIGNATURE) == NULL);
    CHECK(strstr(s->error.text, "key [redacted] of [redacted] is bad"));
    world_fini(&w);
}

static void
t14_an_answer_after_a_reconnect_is_never_sent(void)
{
    struct world w;
    uint64_t first;

    authorising(&w, NULL);
    first = w.request;
    world_mark(&w);
    world_closed(&w, 1006, "");
    CHECK_INT(world_last(&w, PUSHER_CANCEL_AUTHORISE)->request, first);
    world_run(&w, S(1.1));
    world_opened(&w);
    world_say(&w, "{\"event\":\"pusher:connection_established\",\"data\":"
                  "{\"socket_id\":\"9.9\"}}");
    CHECK(w.request != first);
    CHECK(strstr(world_last(&w, PUSHER_AUTHORISE)->text, "socket_id=9.9"));
    w.request = first;
    world_grant(&w);
    CHECK_INT(world_sent(&w, "pusher:subscribe"), 0);
    w.request = world_last(&w, PUSHER_AUTHORISE)->request;
    world_grant(&w);
    CHECK_INT(world_sent(&w, "pusher:subscribe"), 1);
    w.request = first;
    world_grant(&w);
    CHECK_INT(world_sent(&w, "pusher:subscribe"), 1);
    world_fini(&w);
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
        struct world w;

        authorising(&w, NULL);
        world_grant(&w);
        CHECK_INT(world_sent(&w, "pusher:subscribe"), 1);
        snprintf(text, sizeof(text),
                 "{\"channel\":\"" CHANNEL "\",\"event\":%s}", forms[i]);
        world_say(&w, text);
        CHECK_INT(world_seen(&w, PUSHER_SUBSCRIBED), 1);
        CHECK_STR(world_last(&w, PUSHER_SUBSCRIBED)->channel, CHANNEL);
        world_say(&w, text); /* again: nothing */
        CHECK_INT(world_seen(&w, PUSHER_SUBSCRIBED), 1);
        world_run(&w, S(20));
        CHECK_INT(world_sent(&w, "pusher:subscribe"), 1);
        world_fini(&w);
    }
}

static void
t17_no_success_in_time(void)
{
    struct world w;

    authorising(&w, NULL);
    world_grant(&w);
    world_mark(&w);
    world_run(&w, S(10.1));
    CHECK_INT(world_seen(&w, PUSHER_REFUSED), 1);
    CHECK(
        strstr(world_last(&w, PUSHER_REFUSED)->error.text, "within the time"));
    CHECK_INT(world_stats(&w).subscriptions_failed, 1);
    world_run(&w, S(1));
    CHECK_INT(world_seen(&w, PUSHER_AUTHORISE), 1);
    world_grant(&w);
    CHECK_INT(world_sent(&w, "pusher:subscribe"), 1);
    CHECK_INT(world_seen(&w, PUSHER_CLOSE), 0);
    world_run(&w, S(10.1)); /* twice: the socket is at fault */
    CHECK_INT(world_seen(&w, PUSHER_CLOSE), 1);
    CHECK_INT(pusher_state(w.p), SGO_CONN_CONNECTING);
    world_fini(&w);
}

static void
t17_a_late_success_counts(void)
{
    struct world w;

    authorising(&w, NULL);
    world_grant(&w);
    world_run(&w, S(10.5));
    world_succeed(&w, CHANNEL);
    CHECK(pusher_channel_subscribed(w.p, CHANNEL));
    world_mark(&w);
    world_run(&w, S(5));
    CHECK_INT(world_seen(&w, PUSHER_AUTHORISE), 0);
    CHECK_INT(world_sent(&w, "pusher:subscribe"), 0);
    world_fini(&w);
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
        struct world w;
        const struct seen *s;

        authorising(&w, NULL);
        world_grant(&w);
        world_mark(&w);
        world_say(&w, rows[i].message);
        s = world_last(&w, PUSHER_REFUSED);
        CHECK_STR(s->channel, CHANNEL);
        CHECK(strstr(s->error.text, rows[i].text) != NULL);
        CHECK_INT(s->error.kind, rows[i].kind);
        CHECK((double)s->ns >= rows[i].low * 1e9);
        CHECK((double)s->ns <= rows[i].high * 1e9);
        CHECK_INT(pusher_state(w.p), SGO_CONN_CONNECTED);
        world_run(&w, S(31));
        CHECK_INT(world_first(&w, PUSHER_AUTHORISE)->at, s->at + s->ns);
        world_fini(&w);
    }
}

static void
t18_the_next_channel_gets_its_turn(void)
{
    struct world w;

    authorising(&w, NULL);
    add(&w, "presence-b", NULL);
    w.request = 1;
    world_grant(&w);
    w.request = 2;
    world_grant(&w);
    world_mark(&w);
    world_say(&w, REFUSAL("{\"code\":null,\"message\":\"no\"}"));
    CHECK_INT(world_sent(&w, "presence-b"), 1);
    world_say(&w,
              REFUSAL("{\"code\":null,\"message\":\"about " CHANNEL "\"}"));
    CHECK_INT(world_seen(&w, PUSHER_REFUSED), 1); /* not presence-b's */
    world_succeed(&w, "presence-b");
    CHECK(pusher_channel_subscribed(w.p, "presence-b"));
    CHECK(!pusher_channel_subscribed(w.p, CHANNEL));
    world_fini(&w);
}

static void
t18_information_leaves_the_pending_one_alone(void)
{
    struct world w;

    authorising(&w, NULL);
    world_grant(&w);
    world_mark(&w);
    world_say(&w, REFUSAL("{\"code\":4301,\"message\":\"client event\"}"));
    world_say(&w, REFUSAL("{\"code\":null,\"message\":\"No current "
                          "subscription to channel x, or subscription in "
                          "progress\"}"));
    CHECK_INT(w.count, w.mark);
    world_succeed(&w, CHANNEL);
    CHECK(pusher_channel_subscribed(w.p, CHANNEL));
    world_fini(&w);
}

static void
t19_existing_subscription(void)
{
    static const char text[] =
        REFUSAL("{\"code\":null,\"message\":\"Existing subscription to "
                "channel " CHANNEL "\"}");
    struct world w;

    authorising(&w, NULL);
    world_grant(&w);
    world_succeed(&w, CHANNEL);
    world_mark(&w);
    world_say(&w, text);
    CHECK_INT(w.count, w.mark);
    CHECK(pusher_channel_subscribed(w.p, CHANNEL));
    world_fini(&w);

    authorising(&w, NULL); /* sent twice: the first was heard */
    world_grant(&w);
    world_run(&w, S(11.1));
    world_grant(&w);
    world_say(&w, text);
    CHECK(pusher_channel_subscribed(w.p, CHANNEL));
    world_fini(&w);
}

static void
a_subscription_taken_away_is_a_gap_of_that_channel(void)
{
    struct world w;

    world_init(&w, NULL);
    world_make(&w);
    world_live(&w);
    world_mark(&w);
    world_say(&w, "{\"event\":\"pusher:subscription_error\",\"channel\":"
                  "\"" CHANNEL "\",\"data\":{\"error\":\"kicked\"}}");
    CHECK_STR(world_last(&w, PUSHER_LOST)->channel, CHANNEL);
    CHECK_STR(world_last(&w, PUSHER_LOST)->text, "kicked");
    CHECK(!pusher_channel_subscribed(w.p, CHANNEL));
    world_run(&w, S(1.1));
    CHECK_INT(world_seen(&w, PUSHER_AUTHORISE), 1);
    world_fini(&w);
}

static void
t20_events_before_the_success_are_not_lost(void)
{
    struct world w;

    authorising(&w, NULL);
    world_mark(&w);
    world_say(&w, DATA("[{\"eventID\":\"E0\"}]")); /* nobody asked yet */
    CHECK_INT(world_seen(&w, PUSHER_NOTIFICATION), 0);
    world_grant(&w);
    world_say(&w, DATA("[{\"eventID\":\"E1\"}]"));
    CHECK_INT(world_seen(&w, PUSHER_NOTIFICATION), 1);
    CHECK_INT(world_seen(&w, PUSHER_SUBSCRIBED), 0);
    world_succeed(&w, CHANNEL);
    CHECK_INT(world_seen(&w, PUSHER_SUBSCRIBED), 1);
    world_fini(&w);
}

static void
t21_data_in_its_forms(void)
{
    struct world w;

    world_init(&w, NULL);
    world_make(&w);
    world_live(&w);
    world_mark(&w);
    world_say(&w, DATA("\"[{\\\"eventID\\\":\\\"E1\\\"}]\""));
    CHECK_STR(world_last(&w, PUSHER_NOTIFICATION)->text, "E1");
    CHECK_STR(world_last(&w, PUSHER_NOTIFICATION)->channel, CHANNEL);
    world_say(&w, DATA("[{\"eventID\":\"E2\"},{\"eventID\":\"E3\"}]"));
    CHECK_INT(world_last(&w, PUSHER_NOTIFICATION)->count, 2);
    CHECK_STR(world_last(&w, PUSHER_NOTIFICATION)->more, "E3");
    world_say(&w, DATA("[]"));
    CHECK_INT(world_seen(&w, PUSHER_NOTIFICATION), 2);
    CHECK_INT(world_seen(&w, PUSHER_UNREADABLE), 0);
    CHECK_INT(world_stats(&w).ids, 3);
    world_fini(&w);
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
        struct world w;

        world_init(&w, NULL);
        world_make(&w);
        world_live(&w);
        world_mark(&w);
        world_say(&w, rows[i].text);
        CHECK_INT(world_seen(&w, PUSHER_UNREADABLE), rows[i].unreadable);
        CHECK_INT(world_stats(&w).dropped, !rows[i].unreadable);
        CHECK_INT(world_stats(&w).unreadable, rows[i].unreadable);
        if (rows[i].unreadable) {
            CHECK_STR(world_last(&w, PUSHER_UNREADABLE)->channel, CHANNEL);
        }
        CHECK_INT(w.count - w.mark, rows[i].unreadable);
        world_say(&w, DATA("[{\"eventID\":\"E1\"}]")); /* alive */
        CHECK_INT(world_seen(&w, PUSHER_NOTIFICATION), 1);
        world_fini(&w);
    }
}

static void
t21_good_ids_beside_bad_ones_are_told(void)
{
    struct world w;

    world_init(&w, NULL);
    world_make(&w);
    world_live(&w);
    world_mark(&w);
    world_say(&w, DATA("[{\"eventID\":\"E1\"},{},{\"eventID\":\"E2\"}]"));
    CHECK_INT(world_last(&w, PUSHER_NOTIFICATION)->count, 2);
    CHECK_INT(world_seen(&w, PUSHER_UNREADABLE), 1);
    world_fini(&w);
}

static void
t21_ten_thousand_ids_and_no_more(void)
{
    static char text[400000];
    struct world w;
    size_t n;

    for (int over = 0; over < 2; over++) {
        world_init(&w, NULL);
        world_make(&w);
        world_live(&w);
        n = (size_t)sprintf(text, "{\"event\":\"data\",\"channel\":\"" CHANNEL
                                  "\",\"data\":[");
        for (int i = 0; i < 10000 + over; i++) {
            n += (size_t)sprintf(text + n, "%s{\"eventID\":\"E%d\"}",
                                 i ? "," : "", i);
        }
        strcpy(text + n, "]}");
        world_mark(&w);
        world_say(&w, text);
        CHECK_INT(world_last(&w, PUSHER_NOTIFICATION)->count, 10000);
        CHECK_INT(world_last(&w, PUSHER_NOTIFICATION)->over, over);
        CHECK_STR(world_last(&w, PUSHER_NOTIFICATION)->more, "E9999");
        CHECK_INT(world_seen(&w, PUSHER_UNREADABLE), over);
        CHECK_INT(world_stats(&w).ids_over, over);
        world_fini(&w);
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
    struct world w;

    world_init(&w, NULL);
    world_make(&w);
    world_live(&w);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        world_mark(&w);
        world_say(&w, bad[i]);
        CHECK_INT(world_seen(&w, PUSHER_UNREADABLE), 1);
        CHECK_STR(world_last(&w, PUSHER_UNREADABLE)->channel, "");
        CHECK_INT(w.count - w.mark, 1);
    }
    world_say_bytes(&w, "\x01\x02", 2, true);
    CHECK_INT(world_stats(&w).unreadable, 8);
    CHECK_INT(pusher_state(w.p), SGO_CONN_CONNECTED);
    CHECK(pusher_channel_subscribed(w.p, CHANNEL));
    world_fini(&w);
}

static void
t22_a_flood_of_garbage_is_one_output(void)
{
    struct pusher_output out;
    struct world w;

    world_init(&w, NULL);
    world_make(&w);
    world_live(&w);
    for (int i = 0; i < 10000; i++) {
        pusher_message(w.p, w.now, w.generation, "x", 1, false);
    }
    CHECK(pusher_next(w.p, &out));
    CHECK_INT(out.kind, PUSHER_UNREADABLE);
    CHECK_INT(out.unreadable.count, 10000);
    CHECK(!pusher_next(w.p, &out));
    world_fini(&w);
}

static void
t24_sizes(void)
{
    char *text = calloc(1, (1 << 20) + 2);
    static const char head[] = "{\"event\":\"data\",\"channel\":\"" CHANNEL
                               "\",\"data\":[{\"eventID\":\"E1\"}],\"pad\":\"";
    static const size_t sizes[] = {64 << 10, 1 << 20, (1 << 20) + 1};

    for (size_t i = 0; i < 3; i++) {
        struct world w;

        world_init(&w, NULL);
        world_make(&w);
        world_live(&w);
        memset(text, 'x', sizes[i]);
        memcpy(text, head, sizeof(head) - 1);
        memcpy(text + sizes[i] - 2, "\"}", 2);
        world_mark(&w);
        world_say_bytes(&w, text, sizes[i], false);
        CHECK_INT(world_seen(&w, PUSHER_NOTIFICATION), i < 2);
        if (i == 2) {
            CHECK_INT(world_last(&w, PUSHER_CLOSE)->code, 1009);
            CHECK_INT(world_seen(&w, PUSHER_LOST), 1);
            CHECK_INT(world_last(&w, PUSHER_REPORT)->error.kind,
                      SGO_ERROR_LIMIT);
            CHECK(world_last(&w, PUSHER_REPORT)->ns >= S(0.5));
        }
        world_fini(&w);
    }
    free(text);
}

static void
t35_each_reconnect_authorises_subscribes_and_tells_one_gap(void)
{
    struct world w;

    world_init(&w, NULL);
    world_make(&w);
    world_live(&w);
    for (int i = 0; i < 3; i++) {
        int64_t last;

        world_run(&w, S(7));
        world_say(&w, DATA("[{\"eventID\":\"E1\"}]"));
        last = w.now;
        world_run(&w, S(2));
        world_mark(&w);
        world_closed(&w, 1001, "bye");
        CHECK_INT(world_seen(&w, PUSHER_LOST), 1);
        CHECK_STR(world_last(&w, PUSHER_LOST)->channel, "");
        CHECK_STR(world_last(&w, PUSHER_LOST)->text, "bye");
        CHECK_INT(world_last(&w, PUSHER_LOST)->ns, last);
        world_run(&w, S(9));
        if (world_seen(&w, PUSHER_COORDINATES)) {
            pusher_coordinates_failed(w.p, w.now, NULL);
            world_drain(&w);
        }
        world_through(&w);
        CHECK_INT(world_seen(&w, PUSHER_AUTHORISE), 1);
        CHECK_INT(world_sent(&w, "pusher:subscribe"), 1);
        CHECK_INT(world_seen(&w, PUSHER_SUBSCRIBED), 1);
        CHECK_INT(world_seen(&w, PUSHER_LOST), 1);
    }
    CHECK_INT(world_stats(&w).losses, 3);
    world_fini(&w);
}

static void
t35_no_gap_is_told_where_nothing_was_subscribed(void)
{
    struct world w;

    authorising(&w, NULL);
    world_grant(&w);
    world_mark(&w);
    world_closed(&w, 1006, "");
    CHECK_INT(world_seen(&w, PUSHER_LOST), 0);
    world_fini(&w);
}

static void
t37_removed_while_pending(void)
{
    struct world w;

    authorising(&w, NULL);
    world_grant(&w);
    world_mark(&w);
    pusher_channel_remove(w.p, w.now, CHANNEL);
    world_drain(&w);
    CHECK_INT(w.count, w.mark);
    CHECK_INT(pusher_channel_count(w.p), 0);
    world_say(&w, DATA("[{\"eventID\":\"E1\"}]")); /* nothing of it is told */
    CHECK_INT(w.count, w.mark);
    world_succeed(&w, CHANNEL);
    CHECK_INT(world_sent(&w, "pusher:unsubscribe"), 1);
    CHECK_INT(world_seen(&w, PUSHER_SUBSCRIBED), 0);
    world_say(&w, DATA("[{\"eventID\":\"E1\"}]"));
    CHECK_INT(world_seen(&w, PUSHER_NOTIFICATION), 0);
    CHECK_INT(world_seen(&w, PUSHER_UNREADABLE), 0);
    world_fini(&w);
}

static void
t37_removed_while_authorising_or_subscribed_or_unheard(void)
{
    struct world w;

    authorising(&w, NULL); /* authorising: never subscribed */
    world_mark(&w);
    pusher_channel_remove(w.p, w.now, CHANNEL);
    world_drain(&w);
    CHECK_INT(world_seen(&w, PUSHER_CANCEL_AUTHORISE), 1);
    world_grant(&w);
    CHECK_INT(world_sent(&w, "subscribe"), 0);
    world_fini(&w);

    world_init(&w, NULL); /* subscribed: at once */
    world_make(&w);
    world_live(&w);
    world_mark(&w);
    pusher_channel_remove(w.p, w.now, CHANNEL);
    pusher_channel_remove(w.p, w.now, "unknown");
    world_drain(&w);
    CHECK_INT(world_sent(&w, "pusher:unsubscribe"), 1);
    CHECK_INT(w.count - w.mark, 1);
    world_fini(&w);

    authorising(&w, NULL); /* unanswered: unsubscribed all the same */
    world_grant(&w);
    pusher_channel_remove(w.p, w.now, CHANNEL);
    world_mark(&w);
    world_run(&w, S(10.1));
    CHECK_INT(world_sent(&w, "pusher:unsubscribe"), 1);
    world_succeed(&w, CHANNEL); /* and again when it comes late */
    CHECK_INT(world_sent(&w, "pusher:unsubscribe"), 2);
    CHECK_INT(world_seen(&w, PUSHER_SUBSCRIBED), 0);
    world_fini(&w);
}

static void
t37_wanted_again_before_the_success(void)
{
    struct world w;

    authorising(&w, NULL);
    world_grant(&w);
    pusher_channel_remove(w.p, w.now, CHANNEL);
    add(&w, CHANNEL, NULL);
    world_succeed(&w, CHANNEL);
    CHECK(pusher_channel_subscribed(w.p, CHANNEL));
    CHECK_INT(world_sent(&w, "pusher:unsubscribe"), 0);
    world_fini(&w);
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
    struct world w;
    size_t n;

    world_init(&w, NULL);
    world_make(&w);
    add(&w, CHANNEL, NULL);
    world_connect(&w);
    world_grant(&w);
    n = (size_t)sprintf(
        list, "{\"event\":\"pusher_internal:subscription_succeeded"
              "\",\"channel\":\"" CHANNEL "\",\"data\":"
              "\"{\\\"presence\\\":{\\\"count\\\":100,\\\"ids\\\":[");
    for (int i = 0; i < 100; i++) {
        n += (size_t)sprintf(list + n, "%s\\\"someone%0*d\\\"", i ? "," : "",
                             1000, i);
    }
    strcpy(list + n, "]}}\"}");
    world_say(&w, list);
    CHECK_INT(world_seen(&w, PUSHER_SUBSCRIBED), 1);
    world_mark(&w);
    for (size_t i = 0; i < sizeof(quiet) / sizeof(quiet[0]); i++) {
        world_say(&w, quiet[i]);
    }
    CHECK_INT(w.count, w.mark);
    CHECK_INT(world_stats(&w).dropped, 0);
    CHECK(strstr(w.logged, "someone") == NULL);
    free(list);
    world_fini(&w);
}

static void
t41_no_secret_in_any_log_or_error(void)
{
    static const char channel_data[] = "{\"user_id\":\"u1\"}";
    struct world w;

    authorising(&w, NULL);
    world_grant(&w);
    world_say(&w,
              REFUSAL("{\"code\":null,\"message\":\"Invalid signature: "
                      "Expected HMAC SHA256 hex digest of "
                      "81.44:" CHANNEL ":{\\\"user_id\\\":\\\"u1\\\"}, "
                      "but got " SIGNATURE " for " AUTH " " API_KEY "\"}"));
    CHECK(strstr(world_last(&w, PUSHER_REFUSED)->error.text,
                 "Invalid signature"));
    for (size_t i = 0; i < w.count; i++) {
        CHECK(strstr(w.seen[i].error.text, SIGNATURE) == NULL);
        CHECK(strstr(w.seen[i].error.text, API_KEY) == NULL);
        CHECK(strstr(w.seen[i].error.text, channel_data) == NULL);
    }
    world_run(&w, S(2));
    world_answer(&w, 403, "{\"error\":\"" API_KEY " " SIGNATURE "\"}");
    world_run(&w, S(31));
    pusher_frame(w.p, w.now, w.generation);
    world_grant(&w);
    world_succeed(&w, CHANNEL);
    world_say(&w, REFUSAL("{\"code\":4301,\"message\":\"" API_KEY "\"}"));
    world_closed(&w, 4300, "because of " API_KEY " and " SIGNATURE);
    CHECK(w.logged_len > 100);
    CHECK(strstr(w.logged, SIGNATURE) == NULL);
    CHECK(strstr(w.logged, API_KEY) == NULL);
    CHECK(strstr(w.logged, channel_data) == NULL);
    CHECK(strstr(w.logged, "u1") == NULL);
    CHECK(strstr(world_stats(&w).last_close_reason, API_KEY) == NULL);
    world_fini(&w);
}

static void
names_and_limits_of_channels(void)
{
    char name[300];
    struct world w;

    world_init(&w, NULL);
    w.settings.channels_max = 3;
    world_make(&w);
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
    world_fini(&w);
}

static void
a_channel_added_while_connected_is_authorised_at_once(void)
{
    struct world w;

    world_init(&w, NULL);
    world_make(&w);
    world_connect(&w);
    CHECK_INT(world_seen(&w, PUSHER_AUTHORISE), 0);
    add(&w, CHANNEL, NULL);
    CHECK_INT(world_seen(&w, PUSHER_AUTHORISE), 1);
    world_fini(&w);
}

static void
new_headers_serve_the_present_socket(void)
{
    struct world w;
    struct pusher_coordinates fresh;
    static const char options[] =
        "{\"cluster\":\"us2\",\"channelAuthorization\":{\"endpoint\":"
        "\"https://new.example/auth\"}}";
    sgo_error err;

    authorising(&w, NULL);
    world_answer(&w, 500, "");
    CHECK_INT(pusher_options_parse(KEY, options, strlen(options), false,
                                   &fresh, &err),
              SGO_OK);
    CHECK(pusher_coordinates_equal(&fresh, pusher_coordinates(w.p)));
    CHECK_INT(pusher_set_coordinates(w.p, w.now, &fresh), SGO_OK);
    pusher_coordinates_fini(&fresh);
    world_run(&w, S(1.1));
    CHECK_STR(world_last(&w, PUSHER_AUTHORISE)->more,
              "https://new.example/auth");
    world_fini(&w);
}

int
main(void)
{
    RUN(t09_one_request_per_channel_and_connection_after_the_greeting);
    RUN(t09_at_most_four_at_a_time_and_one_subscribe);
    RUN(t10_channel_data_reaches_the_server_as_it_was_signed);
    RUN(the_users_id_stands_in_for_missing_channel_data);
    RUN(public_private_and_encrypted_channels);
    RUN(t11_403_is_told_once_and_retried_slowly);
    RUN(t11_403_for_3_minutes_is_final);
    RUN(t11_after_three_refusals_coordinates_are_fetched_anew);
    RUN(t11_no_free_slot_is_a_stream_limit);
    RUN(t11_404_is_final_for_the_channel_alone);
    RUN(t12_other_failures_back_off_on_the_same_socket);
    RUN(t12_no_answer_in_time);
    RUN(t12_retry_after_is_obeyed_even_by_a_new_connection);
    RUN(t13_a_200_that_grants_nothing);
    RUN(t13_server_texts_are_redacted);
    RUN(t14_an_answer_after_a_reconnect_is_never_sent);
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
    RUN(new_headers_serve_the_present_socket);
    return check_done();
}
