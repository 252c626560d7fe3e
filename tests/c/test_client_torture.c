/* The n-th allocation of a whole client fails, ours, cJSON's, curl's or
 * libwebsockets', for every n until none was left to fail: from the making of
 * the client over bootstrap, socket, subscription, notification, refetch and
 * delivery to its close, against a server on loopback.
 *
 * Whatever fails, nothing crashes, hangs or is lost: what cannot go on says so
 * and goes on when it is asked again; at rest the consumer has the truth;
 * close() returns; no descriptor is left.  (Leaks: under ASan.)
 *
 * Here one n of SGO_TORTURE_STRIDE (97) is tried; 1: all, `make torture`. */
#include "client_peer.h"
#include "torture.h"

#include "sgostream.h"

#include <dirent.h>

enum { EVENTS = 3, DEFAULT_STRIDE = 97 };
#define SETTLE_NS (60 * NS_PER_S)

struct session {
    struct slate slate;
    sgo_client *client;
    sgo_stream *stream;
    sgo_subscription *sub;
    char seen[EVENTS][SLATE_BODY_BYTES]; /* as the consumer was told */
    unsigned told;                       /* errors */
    uint64_t failed;                     /* requests of the stream */
};

static int
descriptors(void)
{
    DIR *dir = opendir("/proc/self/fd");
    int n = 0;

    while (dir && readdir(dir)) {
        n++;
    }
    if (dir) {
        closedir(dir);
    }
    return n;
}

/* A call of the face failed: it must say that memory ran out. */
static bool
again(struct session *s, sgo_status status, const sgo_error *err)
{
    if (status == SGO_OK) {
        return false;
    }
    CHECK(status == SGO_NO_MEMORY || status == SGO_FAILED ||
          status == SGO_SYSTEM);
    CHECK_INT(err->kind, SGO_ERROR_MEMORY);
    CHECK(err->text[0] != '\0');
    s->told++;
    return true;
}

/* Only one allocation fails: the second try works. */
#define TRY(call)                                                             \
    do {                                                                      \
        sgo_error err = {0};                                                  \
        if (again(s, call, &err)) {                                           \
            CHECK_INT(call, SGO_OK);                                          \
        }                                                                     \
    } while (0)

static void
open_client(struct session *s)
{
    sgo_client_options options;
    char url[96];

    snprintf(url, sizeof(url), "%s/v2", s->slate.peer->base);
    sgo_client_options_init(&options);
    options.api_key = "key";
    options.base_url = url;
    options.proxy = "";
    options.transport = SGO_TRANSPORT_WEBSOCKET;
    options.timeout_ns = 5 * NS_PER_S;
    options.seed = 1;
    TRY(sgo_client_new(&options, &s->client, &err));
}

static void
open_stream(struct session *s)
{
    TRY(sgo_stream_new(s->client, "events:live", NULL, 0, &s->stream, &err));
    if (s->stream) {
        TRY(sgo_subscription_new(&s->stream, 1, NULL, &s->sub, &err));
    }
}

static void
close_stream(struct session *s)
{
    sgo_subscription_release(s->sub);
    if (s->stream) {
        sgo_stream_close(s->stream);
    }
    sgo_stream_release(s->stream);
    s->sub = NULL;
    s->stream = NULL;
}

static void
note(struct session *s, sgo_update *update)
{
    sgo_event *event = sgo_update_event(update);
    const sgo_text id = sgo_event_id(event), json = sgo_event_json(event);
    const unsigned long i = strtoul(id.bytes + 1, NULL, 10);
    size_t changes = 0;

    CHECK(i < EVENTS && json.len < SLATE_BODY_BYTES);
    if (i < EVENTS && json.len < SLATE_BODY_BYTES) {
        memcpy(s->seen[i], json.bytes, json.len);
        s->seen[i][json.len] = '\0';
    }
    if (sgo_update_changes(update, &changes) != SGO_OK) {
        s->told++;
        CHECK_INT(sgo_update_changes(update, &changes), SGO_OK);
    }
    CHECK(sgo_update_get_kind(update) != SGO_CHANGED || changes > 0 ||
          sgo_update_previous(update) == NULL);
    sgo_update_release(update);
}

static bool
is_truth(struct session *s)
{
    char body[SLATE_BODY_BYTES];

    for (size_t i = 0; i < EVENTS; i++) {
        slate_event(&s->slate, i, body);
        if (strcmp(body, s->seen[i]) != 0) {
            return false;
        }
    }
    return true;
}

/* Take until the consumer has the truth.  A stream that ended is made again,
 * as its user would. */
static void
settle(struct session *s)
{
    const int64_t deadline = clock_now_ns() + SETTLE_NS;

    while (s->sub && !is_truth(s)) {
        sgo_update *updates[4];
        sgo_error err = {0};
        size_t n = 0;
        sgo_status status = sgo_subscription_take(
            s->sub, updates, 4, clock_now_ns() + 50 * NS_PER_MS, &n, &err);

        for (size_t i = 0; status == SGO_OK && i < n; i++) {
            note(s, updates[i]);
        }
        if (status != SGO_OK && status != SGO_TIMEOUT &&
            again(s, status, &err) && status == SGO_FAILED) {
            close_stream(s);
            open_stream(s);
        }
        if (clock_now_ns() > deadline) {
            CHECK(!"the truth did not arrive");
            return;
        }
    }
    CHECK(is_truth(s));
}

/* Before the call, which is tried again without a word as long as it gets its
 * answer. */
static void
count_failures(struct session *s)
{
    sgo_client_stats counters;

    sgo_client_get_stats(s->client, &counters);
    s->failed = counters.requests_failed;
}

static void
fetch(struct session *s)
{
    const char *ids[] = {"E1"};

    for (int tries = 0; tries < 2; tries++) {
        sgo_call *call = NULL;
        sgo_error why = {0};
        sgo_status status;

        TRY(sgo_client_fetch(s->client, ids, 1, &call, &err));
        if (call == NULL) {
            return;
        }
        status = sgo_call_wait(call, clock_now_ns() + SETTLE_NS, &why);
        if (status == SGO_OK) {
            CHECK_INT(sgo_call_event_count(call), 1);
            tries = 2;
        } else {
            again(s, status, &why);
            CHECK(tries == 0);
        }
        sgo_call_release(call);
    }
}

static void
close_client(struct session *s)
{
    const int64_t began = clock_now_ns();
    sgo_stream_stats stats = {0};
    sgo_client_stats counters = {0};
    sgo_report report;

    if (s->stream) {
        sgo_stream_get_stats(s->stream, &stats);
        CHECK_INT(stats.ids_notified,
                  stats.ids_answered + stats.ids_conflated +
                      stats.ids_refused + stats.ids_pending);
    }
    sgo_client_get_stats(s->client, &counters);
    sgo_client_close(s->client);
    CHECK(clock_now_ns() - began < 10 * NS_PER_S);
    while (sgo_client_take_report(s->client, clock_now_ns() + NS_PER_S,
                                  &report) == SGO_OK) {
        s->told += report.kind == SGO_REPORT_ERROR;
    }
    /* What had to be done again was told, or counted as dropped. */
    CHECK_INT(s->failed && !s->told && !counters.reports_dropped, 0);
    CHECK_INT(stats.reconnects && !s->told && !counters.reports_dropped, 0);
    CHECK_INT(stats.updates_retried && !s->told && !counters.reports_dropped,
              0);
    sgo_subscription_release(s->sub);
    sgo_stream_release(s->stream);
    sgo_client_release(s->client);
}

/* false: there was no n-th allocation. */
static bool
story(int64_t n, int before)
{
    struct session session = {.told = 0}, *s = &session;
    bool failed;

    slate_start(&s->slate, EVENTS);
    mem_fail_after(n);
    open_client(s);
    if (s->client) {
        open_stream(s);
        settle(s); /* bootstrap, or the reconcile */
        slate_change(&s->slate, 0);
        slate_change(&s->slate, 2);
        settle(s); /* notification, or the reconcile */
        count_failures(s);
        fetch(s);
        close_client(s);
    }
    failed = !mem_fail_pending();
    mem_fail_after(-1);
    slate_stop(&s->slate);
    /* The last of the I/O thread may still be on its way out. */
    for (int i = 0; i < 10000 && descriptors() != before; i++) {
        poll(NULL, 0, 1);
    }
    CHECK_INT(descriptors(), before);
    if (check_bad) {
        fprintf(stderr, "allocation %d\n", (int)n);
    }
    return failed;
}

static void
any_failing_allocation_is_survived(void)
{
    const char *text = getenv("SGO_TORTURE_STRIDE");
    const int stride = text ? atoi(text) : DEFAULT_STRIDE;
    const char *first = getenv("SGO_TORTURE_FIRST");
    int64_t n = first ? atoi(first) : 0;
    const int before = descriptors();
    int tried = 0;

    story(INT64_MAX, before); /* what is made once per process is made here */
    while (check_bad < 20 && story(n, before)) {
        tried++;
        if (getenv("SGO_TORTURE_VERBOSE")) {
            fprintf(stderr, "%d: %.3f s\n", (int)n,
                    (double)clock_now_ns() / 1e9);
        }
        n += stride > 0 ? stride : 1;
    }
    printf("%d allocations up to number %d failed, one at a time\n", tried,
           (int)n);
    CHECK(n > 300);
}

int
main(void)
{
    torture_libraries();
    RUN(any_failing_allocation_is_survived);
    return check_done();
}
