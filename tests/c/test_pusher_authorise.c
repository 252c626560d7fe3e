/* Authorising channels (pusher.md 3; checklist 9 to 14). */
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
t09_one_request_per_channel_and_connection_after_the_greeting(void)
{
    struct stage w;
    const struct seen *s;

    stage_init(&w, "{\"cluster\":\"us2\",\"channelAuthorization\":{"
                   "\"endpoint\":\"https://a.example/auth?x=1\",\"headers\":{"
                   "\"x-api-key\":\"" API_KEY "\"},\"params\":{\"a\":\"b c\"}}"
                   "}");
    stage_make(&w);
    add(&w, CHANNEL, NULL);
    pusher_start(w.p, w.now);
    stage_drain(&w);
    stage_opened(&w);
    CHECK_INT(stage_seen(&w, PUSHER_AUTHORISE), 0);
    stage_say(&w, ESTABLISHED);
    CHECK_INT(stage_seen(&w, PUSHER_AUTHORISE), 1);
    s = stage_last(&w, PUSHER_AUTHORISE);
    CHECK_STR(s->more, "https://a.example/auth?x=1");
    CHECK_STR(s->text, "socket_id=81.44&channel_name=" CHANNEL "&a=b%20c");
    CHECK_STR(s->channel, CHANNEL);
    CHECK_INT(s->count, 2); /* headers: the key and the content type */
    stage_grant(&w);
    stage_succeed(&w, CHANNEL);
    stage_run(&w, S(5));
    CHECK_INT(stage_seen(&w, PUSHER_AUTHORISE), 1);
    stage_mark(&w);
    stage_closed(&w, 1001, "");
    stage_run(&w, S(1.1));
    stage_opened(&w);
    CHECK_INT(stage_seen(&w, PUSHER_AUTHORISE), 0);
    stage_say(&w, "{\"event\":\"pusher:connection_established\",\"data\":"
                  "{\"socket_id\":\"7.8\"}}");
    CHECK_INT(stage_seen(&w, PUSHER_AUTHORISE), 1);
    CHECK(strstr(stage_last(&w, PUSHER_AUTHORISE)->text, "socket_id=7.8&"));
    stage_fini(&w);
}

static void
t09_at_most_four_at_a_time_and_one_subscribe(void)
{
    struct stage w;
    char name[32];
    uint64_t first;

    stage_init(&w, NULL);
    stage_make(&w);
    for (int i = 0; i < 10; i++) {
        snprintf(name, sizeof(name), "presence-%d", i);
        add(&w, name, NULL);
    }
    CHECK_INT(pusher_channel_count(w.p), 10);
    stage_connect(&w);
    CHECK_INT(stage_seen(&w, PUSHER_AUTHORISE), 4);
    first = stage_first(&w, PUSHER_AUTHORISE)->request;
    for (uint64_t r = first; r < first + 10; r++) {
        w.request = r;
        stage_grant(&w);
        CHECK_INT(stage_seen(&w, PUSHER_AUTHORISE),
                  4 + r - first + 1 < 10 ? 4 + (int)(r - first) + 1 : 10);
        CHECK_INT(stage_sent(&w, "pusher:subscribe"), 1);
    }
    for (int i = 0; i < 10; i++) {
        CHECK_INT(stage_sent(&w, "pusher:subscribe"), i + 1);
        snprintf(name, sizeof(name), "presence-%d", i);
        CHECK_STR(strstr(stage_last(&w, PUSHER_SEND)->text, name) ? "y" : "n",
                  "y");
        stage_succeed(&w, name);
        CHECK(pusher_channel_subscribed(w.p, name));
    }
    CHECK_INT(stage_seen(&w, PUSHER_SUBSCRIBED), 10);
    stage_fini(&w);
}

static void
t10_channel_data_reaches_the_server_as_it_was_signed(void)
{
    struct stage w;

    authorising(&w, NULL);
    stage_answer(&w, 200,
                 "{\"auth\":\"k:s\",\"channel_data\":"
                 "\"{\\\"user_id\\\" : \\\"\\/\\u00e9 x\\\"}\"}");
    CHECK_STR(stage_last(&w, PUSHER_SEND)->text,
              "{\"event\":\"pusher:subscribe\",\"data\":{\"channel\":"
              "\"" CHANNEL "\",\"auth\":\"k:s\",\"channel_data\":"
              "\"{\\\"user_id\\\" : \\\"/\xc3\xa9 x\\\"}\"}}");
    stage_fini(&w);
}

static void
the_users_id_stands_in_for_missing_channel_data(void)
{
    struct stage w;

    stage_init(&w, NULL);
    stage_make(&w);
    add(&w, CHANNEL, "ab\"c");
    stage_connect(&w);
    stage_answer(&w, 200, "{\"auth\":\"k:s\"}");
    CHECK(
        strstr(stage_last(&w, PUSHER_SEND)->text,
               "\"channel_data\":\"{\\\"user_id\\\":\\\"ab\\\\\\\"c\\\"}\"") !=
        NULL);
    stage_fini(&w);

    authorising(&w, NULL); /* without a user it is a failure */
    stage_answer(&w, 200, "{\"auth\":\"k:s\"}");
    CHECK_INT(stage_sent(&w, "pusher:subscribe"), 0);
    CHECK_INT(stage_seen(&w, PUSHER_REFUSED), 1);
    stage_fini(&w);
}

static void
public_private_and_encrypted_channels(void)
{
    struct stage w;

    stage_init(&w, NULL);
    stage_make(&w);
    add(&w, "scores", NULL);
    add(&w, "private-x", NULL);
    add(&w, "private-encrypted-y", NULL);
    stage_connect(&w);
    CHECK_INT(stage_seen(&w, PUSHER_AUTHORISE), 1);
    CHECK_STR(stage_last(&w, PUSHER_AUTHORISE)->channel, "private-x");
    CHECK_STR(stage_last(&w, PUSHER_FATAL)->channel, "private-encrypted-y");
    CHECK_INT(stage_last(&w, PUSHER_FATAL)->error.kind,
              SGO_ERROR_CONFIGURATION);
    CHECK_STR(stage_last(&w, PUSHER_SEND)->text,
              "{\"event\":\"pusher:subscribe\",\"data\":"
              "{\"channel\":\"scores\"}}");
    stage_answer(&w, 200, "{\"auth\":\"k:s\"}");
    stage_succeed(&w, "scores");
    CHECK_STR(stage_last(&w, PUSHER_SEND)->text,
              "{\"event\":\"pusher:subscribe\",\"data\":"
              "{\"channel\":\"private-x\",\"auth\":\"k:s\"}}");
    stage_fini(&w);

    authorising(&w, "{\"cluster\":\"us2\"}"); /* no endpoint */
    CHECK_INT(stage_seen(&w, PUSHER_AUTHORISE), 0);
    CHECK_INT(stage_seen(&w, PUSHER_FATAL), 1);
    CHECK_INT(pusher_state(w.p), SGO_CONN_CONNECTED);
    stage_fini(&w);
}

static void
t11_403_is_told_once_and_retried_slowly(void)
{
    struct stage w;
    int64_t from;

    authorising(&w, NULL);
    stage_mark(&w);
    for (int i = 0; i < 2; i++) {
        from = w.now;
        stage_answer(&w, 403, "{\"success\":false,\"error\":\"Not yours\"}");
        CHECK_INT(stage_seen(&w, PUSHER_REFUSED), 1);
        CHECK_INT(pusher_state(w.p), SGO_CONN_CONNECTED);
        while (stage_seen(&w, PUSHER_AUTHORISE) == (size_t)i) {
            stage_run(&w, S(0.5));
            pusher_frame(w.p, w.now, w.generation);
        }
        CHECK(w.now - from >= S(15) && w.now - from <= S(30.5));
    }
    CHECK_INT(stage_seen(&w, PUSHER_CLOSE), 0);
    CHECK_INT(stage_first(&w, PUSHER_REFUSED)->error.kind,
              SGO_ERROR_PERMISSION_DENIED);
    CHECK_INT(stage_first(&w, PUSHER_REFUSED)->error.http_status, 403);
    CHECK(strstr(stage_first(&w, PUSHER_REFUSED)->error.text, "Not yours"));
    CHECK(stage_first(&w, PUSHER_REFUSED)->ns >= S(15));
    stage_grant(&w);
    stage_succeed(&w, CHANNEL);
    CHECK(pusher_channel_subscribed(w.p, CHANNEL));
    stage_fini(&w);
}

/* Refused for ever: what becomes of it. */
static void
refuse_for_ever(struct stage *w, int status, const char *body)
{
    int64_t until = w->now + S(1500);

    w->settings.coordinates_wait_ns = 0;
    while (w->now < until && stage_seen(w, PUSHER_FATAL) == 0) {
        const struct seen *s = stage_last(w, PUSHER_AUTHORISE);
        const struct seen *c = stage_last(w, PUSHER_CONNECT);

        if (s->kind && s->request == w->request) {
            stage_mark(w);
            stage_answer(w, status, body);
        } else if (c->kind) {
            stage_mark(w);
            stage_opened(w);
            stage_say(w, ESTABLISHED);
        } else {
            stage_run(w, S(1));
            pusher_frame(w->p, w->now, w->generation);
        }
    }
}

static void
t11_403_for_3_minutes_is_final(void)
{
    struct stage w;
    int64_t from;

    authorising(&w, NULL);
    from = w.now;
    refuse_for_ever(&w, 403, "");
    CHECK_INT(stage_seen(&w, PUSHER_FATAL), 1);
    CHECK_STR(stage_last(&w, PUSHER_FATAL)->channel, CHANNEL);
    CHECK(w.now - from >= S(180) && w.now - from <= S(230));
    CHECK(pusher_state(w.p) == SGO_CONN_CONNECTED);
    stage_fini(&w);

    stage_init(&w, NULL); /* unless it was subscribed before */
    stage_make(&w);
    stage_live(&w);
    stage_closed(&w, 1001, "");
    stage_run(&w, S(1.1));
    refuse_for_ever(&w, 403, "");
    CHECK_INT(stage_seen(&w, PUSHER_FATAL), 0);
    stage_fini(&w);

    stage_init(&w, NULL); /* or the owner persists */
    w.settings.persist = true;
    stage_make(&w);
    add(&w, CHANNEL, NULL);
    stage_connect(&w);
    refuse_for_ever(&w, 403, "");
    CHECK_INT(stage_seen(&w, PUSHER_FATAL), 0);
    stage_fini(&w);
}

static void
t11_after_three_refusals_coordinates_are_fetched_anew(void)
{
    struct stage w;

    authorising(&w, NULL);
    for (int i = 0; i < 3; i++) {
        stage_mark(&w);
        stage_answer(&w, 401, "");
        CHECK_INT(stage_seen(&w, PUSHER_CLOSE), i == 2);
        while (i < 2 && stage_seen(&w, PUSHER_AUTHORISE) == 0) {
            stage_run(&w, S(1));
            pusher_frame(w.p, w.now, w.generation);
        }
    }
    CHECK_INT(pusher_state(w.p), SGO_CONN_CONNECTING);
    stage_run(&w, S(1.1));
    CHECK_INT(stage_seen(&w, PUSHER_COORDINATES), 1);
    CHECK_STR(stage_last(&w, PUSHER_COORDINATES)->text,
              "authorisation refused");
    stage_fini(&w);
}

static void
t11_no_free_slot_is_a_stream_limit(void)
{
    static const int statuses[] = {401, 403, 429};

    for (size_t i = 0; i < 3; i++) {
        struct stage w;
        int64_t from;

        authorising(&w, NULL);
        stage_mark(&w);
        from = w.now;
        stage_answer(&w, statuses[i],
                     "{\"error\":\"Too many concurrent streams\"}");
        CHECK_INT(stage_last(&w, PUSHER_REFUSED)->error.kind,
                  SGO_ERROR_STREAM_LIMIT);
        while (stage_seen(&w, PUSHER_AUTHORISE) == 0) {
            stage_run(&w, S(0.5));
            pusher_frame(w.p, w.now, w.generation);
        }
        CHECK(w.now - from >= S(15) && w.now - from <= S(30.5));
        stage_fini(&w);
    }
}

static void
t11_404_is_final_for_the_channel_alone(void)
{
    static const int statuses[] = {404, 410};

    for (size_t i = 0; i < 2; i++) {
        struct stage w;

        authorising(&w, NULL);
        stage_mark(&w);
        stage_answer(&w, statuses[i], "");
        CHECK_STR(stage_last(&w, PUSHER_FATAL)->channel, CHANNEL);
        CHECK_INT(stage_last(&w, PUSHER_FATAL)->error.kind,
                  SGO_ERROR_NOT_FOUND);
        CHECK_INT(pusher_state(w.p), SGO_CONN_CONNECTED);
        stage_mark(&w);
        add(&w, CHANNEL, NULL); /* asked for again: tried again */
        CHECK_INT(stage_seen(&w, PUSHER_AUTHORISE), 1);
        stage_fini(&w);
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
        struct stage w;
        double d = 1;

        authorising(&w, NULL);
        for (int n = 0; n < 8; n++) {
            int64_t from = w.now;

            stage_mark(&w);
            stage_answer(&w, rows[i].status, "");
            if (n == 0) {
                CHECK_INT(stage_last(&w, PUSHER_REFUSED)->error.kind,
                          rows[i].kind);
            }
            while (stage_seen(&w, PUSHER_AUTHORISE) == 0) {
                w.now = pusher_deadline(w.p);
                pusher_tick(w.p, w.now);
                pusher_frame(w.p, w.now, w.generation);
                stage_drain(&w);
            }
            CHECK((double)(w.now - from) >= d / 2 * 1e9);
            CHECK((double)(w.now - from) <= d * 1e9);
            d = d * 2 < 60 ? d * 2 : 60;
        }
        CHECK_INT(w.generation, 1);
        CHECK_INT(stage_stats(&w).authorisations_failed, 8);
        stage_fini(&w);
    }
}

static void
t12_no_answer_in_time(void)
{
    struct stage w;
    uint64_t first;

    authorising(&w, NULL);
    first = w.request;
    stage_mark(&w);
    stage_run(&w, S(9.9));
    CHECK_INT(stage_seen(&w, PUSHER_CANCEL_AUTHORISE), 0);
    stage_run(&w, S(0.2));
    CHECK_INT(stage_last(&w, PUSHER_CANCEL_AUTHORISE)->request, first);
    CHECK_INT(stage_seen(&w, PUSHER_REFUSED), 1);
    stage_run(&w, S(1));
    CHECK_INT(stage_seen(&w, PUSHER_AUTHORISE), 1);
    w.request = first; /* its late answer means nothing */
    stage_grant(&w);
    CHECK_INT(stage_sent(&w, "pusher:subscribe"), 0);
    CHECK_INT(stage_stats(&w).late, 1);
    stage_fini(&w);
}

static void
t12_retry_after_is_obeyed_even_by_a_new_connection(void)
{
    struct pusher_auth_answer answer = {.http_status = 429,
                                        .retry_after_ns = S(20)};
    struct stage w;

    authorising(&w, NULL);
    stage_mark(&w);
    pusher_authorised(w.p, w.now, w.request, &answer);
    stage_drain(&w);
    CHECK_INT(stage_last(&w, PUSHER_REFUSED)->error.retry_after_ns, S(20));
    stage_run(&w, S(10));
    CHECK_INT(stage_seen(&w, PUSHER_AUTHORISE), 0);
    stage_closed(&w, 1001, "");
    stage_run(&w, S(1));
    stage_opened(&w);
    stage_say(&w, ESTABLISHED);
    stage_run(&w, S(8.9));
    CHECK_INT(stage_seen(&w, PUSHER_AUTHORISE), 0);
    stage_run(&w, S(0.2));
    CHECK_INT(stage_seen(&w, PUSHER_AUTHORISE), 1);
    stage_fini(&w);
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
        struct stage w;

        authorising(&w, NULL);
        stage_mark(&w);
        stage_answer(&w, 200,
                     i < sizeof(bodies) / sizeof(bodies[0]) ? bodies[i]
                                                            : large);
        CHECK_INT(stage_sent(&w, "pusher:subscribe"), 0);
        CHECK_INT(stage_last(&w, PUSHER_REFUSED)->error.kind,
                  SGO_ERROR_PROTOCOL);
        CHECK(strstr(stage_last(&w, PUSHER_REFUSED)->error.text, API_KEY) ==
              NULL);
        stage_fini(&w);
    }
    free(large);
}

static void
t13_server_texts_are_redacted(void)
{
    struct stage w;
    const struct seen *s;

    authorising(&w, NULL);
    stage_answer(&w, 403,
                 "{\"error\":\"key " API_KEY " of " SIGNATURE " is bad\"}");
    s = stage_last(&w, PUSHER_REFUSED);
    CHECK(strstr(s->error.text, API_KEY) == NULL);
    CHECK(strstr(s->error.text, SIGNATURE) == NULL);
    CHECK(strstr(s->error.text, "key [redacted] of [redacted] is bad"));
    stage_fini(&w);
}

static void
t14_an_answer_after_a_reconnect_is_never_sent(void)
{
    struct stage w;
    uint64_t first;

    authorising(&w, NULL);
    first = w.request;
    stage_mark(&w);
    stage_closed(&w, 1006, "");
    CHECK_INT(stage_last(&w, PUSHER_CANCEL_AUTHORISE)->request, first);
    stage_run(&w, S(1.1));
    stage_opened(&w);
    stage_say(&w, "{\"event\":\"pusher:connection_established\",\"data\":"
                  "{\"socket_id\":\"9.9\"}}");
    CHECK(w.request != first);
    CHECK(strstr(stage_last(&w, PUSHER_AUTHORISE)->text, "socket_id=9.9"));
    w.request = first;
    stage_grant(&w);
    CHECK_INT(stage_sent(&w, "pusher:subscribe"), 0);
    w.request = stage_last(&w, PUSHER_AUTHORISE)->request;
    stage_grant(&w);
    CHECK_INT(stage_sent(&w, "pusher:subscribe"), 1);
    w.request = first;
    stage_grant(&w);
    CHECK_INT(stage_sent(&w, "pusher:subscribe"), 1);
    stage_fini(&w);
}

static void
new_headers_serve_the_present_socket(void)
{
    struct stage w;
    struct pusher_coordinates fresh;
    static const char options[] =
        "{\"cluster\":\"us2\",\"channelAuthorization\":{\"endpoint\":"
        "\"https://new.example/auth\"}}";
    sgo_error err;

    authorising(&w, NULL);
    stage_answer(&w, 500, "");
    CHECK_INT(pusher_options_parse(KEY, options, strlen(options), false,
                                   &fresh, &err),
              SGO_OK);
    CHECK(pusher_coordinates_equal(&fresh, pusher_coordinates(w.p)));
    CHECK_INT(pusher_set_coordinates(w.p, w.now, &fresh), SGO_OK);
    pusher_coordinates_fini(&fresh);
    stage_run(&w, S(1.1));
    CHECK_STR(stage_last(&w, PUSHER_AUTHORISE)->more,
              "https://new.example/auth");
    stage_fini(&w);
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
    RUN(new_headers_serve_the_present_socket);
    return check_done();
}
