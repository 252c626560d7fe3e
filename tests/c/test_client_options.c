/* The figures of the design are the defaults, and what is beyond a maximum is
 * refused with its name. */
#include "check.h"

#include "base/clock.h"
#include "sgostream.h"

static void
the_defaults_are_the_designs(void)
{
    sgo_client_options c;
    sgo_subscription_options s;

    sgo_client_options_init(&c);
    CHECK_INT(c.timeout_ns, 30 * NS_PER_S);
    CHECK_INT(c.reconcile_interval_ns, 300 * NS_PER_S);
    CHECK_INT(c.linger_ns, 60 * NS_PER_S);
    CHECK_INT(c.poll_interval_ns, 30 * NS_PER_S);
    CHECK_INT(c.max_events, 20000);
    CHECK_INT(c.max_bytes, INT64_C(2) << 30);
    CHECK_INT(c.max_requests_in_flight, 6);
    CHECK_INT(c.transport, SGO_TRANSPORT_AUTO);
    sgo_subscription_options_init(&s);
    CHECK_INT(s.max_queue, 10000);
    CHECK(s.conflate && s.initial && !s.include_timestamps);
    CHECK_INT(s.min_interval_ns, 0);
    CHECK_INT(s.max_age_ns, 0);
    CHECK_INT(s.on_stale, SGO_ON_STALE_RAISE);
}

static void
refused(const sgo_client_options *options, const char *word)
{
    sgo_client *client = NULL;
    sgo_error err;

    CHECK_INT(sgo_client_new(options, &client, &err), SGO_INVALID);
    CHECK_INT(err.kind, SGO_ERROR_CONFIGURATION);
    CHECK(strstr(err.text, word) != NULL);
    CHECK(client == NULL);
}

static void
bad_options_are_named(void)
{
    sgo_client_options good, bad;

    sgo_client_options_init(&good);
    good.api_key = "key";
#define BAD(field, value, word)                                               \
    do {                                                                      \
        bad = good;                                                           \
        bad.field = (value);                                                  \
        refused(&bad, word);                                                  \
    } while (0)
    BAD(api_key, NULL, "key");
    BAD(api_key, "", "key");
    BAD(api_key, "a\nb", "key");
    BAD(timeout_ns, -1, "timeout");
    BAD(linger_ns, -1, "linger");
    BAD(poll_interval_ns, 0, "poll_interval");
    BAD(max_events, 0, "max_events");
    BAD(max_requests_in_flight, 0, "max_requests_in_flight");
    BAD(max_requests_in_flight, 65, "max_requests_in_flight");
    BAD(base_url, "http://elsewhere.test/v2", "http");
#undef BAD
}

int
main(void)
{
    RUN(the_defaults_are_the_designs);
    RUN(bad_options_are_named);
    return check_done();
}
