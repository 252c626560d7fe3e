/* A client whose consumers' side finds no memory for longer than the hub can
 * wait: what could not be shown is told, and shown once there is memory. */
#include "client_peer.h"

#include "delivery/internal.h"
#include "sgostream.h"

enum { EVENTS = HUB_MAX_DEFERRED + 60 };

static sgo_client *
open_client(const struct slate *slate)
{
    sgo_client_options options;
    sgo_client *client = NULL;
    sgo_error err;
    char url[96];

    snprintf(url, sizeof(url), "%s/v2", slate->peer->base);
    sgo_client_options_init(&options);
    options.api_key = "key";
    options.base_url = url;
    options.proxy = "";
    options.log_level = SGO_LOG_ERROR;
    CHECK_INT(sgo_client_new(&options, &client, &err), SGO_OK);
    return client;
}

/* The next error that speaks so; false: none came in time. */
static bool
is_told(sgo_client *client, const char *text)
{
    const int64_t deadline = clock_now_ns() + PATIENCE_NS;
    sgo_report report;

    while (sgo_client_take_report(client, deadline, &report) == SGO_OK) {
        if (report.kind == SGO_REPORT_ERROR &&
            report.error.kind == SGO_ERROR_MEMORY &&
            strstr(report.error.text, text)) {
            return true;
        }
    }
    return false;
}

/* Events that the consumer has when it has all, or time is up. */
static size_t
take_all(sgo_subscription *sub)
{
    static bool seen[EVENTS];
    const int64_t deadline = clock_now_ns() + PATIENCE_NS;
    size_t total = 0;

    memset(seen, 0, sizeof(seen));
    while (total < EVENTS && clock_now_ns() < deadline) {
        sgo_update *updates[32];
        size_t n = 0;
        sgo_error err;

        if (sgo_subscription_take(sub, updates, 32, deadline, &n, &err) !=
            SGO_OK) {
            break;
        }
        for (size_t i = 0; i < n; i++) {
            const sgo_text id = sgo_event_id(sgo_update_event(updates[i]));
            const unsigned long k = strtoul(id.bytes + 1, NULL, 10);

            CHECK(k < EVENTS);
            total += k < EVENTS && !seen[k];
            seen[k < EVENTS ? k : 0] = true;
            sgo_update_release(updates[i]);
        }
    }
    return total;
}

static void
what_could_not_be_shown_is_told_and_shown_later(void)
{
    static struct slate slate;
    sgo_subscription *sub = NULL;
    sgo_stream *stream = NULL;
    sgo_stream_stats stats;
    sgo_client *client;
    sgo_error err;

    slate_start(&slate, EVENTS);
    client = open_client(&slate);
    CHECK_INT(sgo_stream_new(client, "events:live", NULL, 0, &stream, &err),
              SGO_OK);
    slate.hold = true;
    CHECK_INT(sgo_subscription_new(&stream, 1, NULL, &sub, &err), SGO_OK);
    WAIT(slate.peer->requests > 0);
    mem_fail_size(sizeof(struct holding)); /* no new event has a place */
    CHANGE(slate.hold = false);
    CHECK(is_told(client, "could not be shown"));
    CHECK_INT(sgo_stream_event_count(stream), 0);
    mem_fail_size(0);
    CHECK_INT(take_all(sub), EVENTS);
    CHECK_INT(sgo_stream_event_count(stream), EVENTS);
    CHECK_INT(sgo_stream_wait_live(stream, clock_now_ns() + PATIENCE_NS, &err),
              SGO_OK);
    sgo_stream_get_stats(stream, &stats);
    CHECK(stats.updates_retried >= 1);
    sgo_client_close(client);
    sgo_subscription_release(sub);
    sgo_stream_release(stream);
    sgo_client_release(client);
    slate_stop(&slate);
}

int
main(void)
{
    RUN(what_could_not_be_shown_is_told_and_shown_later);
    return check_done();
}
