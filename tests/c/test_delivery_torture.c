/* The n-th allocation fails, for every n: nothing crashes, leaks or is lost
 * silently.  What a subscription missed it gets at the next publish or tick,
 * and a call that failed can be made again. */
#include <stdlib.h>

#include "check.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/status.h"
#include "delivery/internal.h"
#include "delivery_help.h"
#include "json_help.h"

enum { EVENTS = 3, VERSIONS = 4, SUBS = 3 };

static struct feeder f;
static struct document *docs[EVENTS][VERSIONS];
static sgo_subscription *subs[SUBS];
static struct document *copies[SUBS][EVENTS];

static const char *
id_of(int i)
{
    static const char *const ids[] = {"e0", "e1", "e2"};

    return ids[i];
}

static void
set(struct document **place, struct document *doc)
{
    if (doc) {
        document_retain(doc);
    }
    document_release(*place);
    *place = doc;
}

static void
set_up(void)
{
    static const char *const book[] = {"bovada"};
    sgo_subscription_options options;

    feeder_init(&f);
    for (int i = 0; i < EVENTS; i++) {
        for (int v = 0; v < VERSIONS; v++) {
            docs[i][v] =
                help_build(f.pool, small_event(id_of(i), "NFL", v, v, v));
        }
    }
    for (int k = 0; k < SUBS; k++) {
        subscription_options_init(&options);
        options.conflate = k != 1;
        options.max_queue = 3;
        options.min_interval_ns = k == 2;
        options.bookmaker_ids = book;
        options.bookmaker_id_count = k == 2;
        subs[k] = subscribe_one(&f, &options);
    }
}

static void
tear_down(void)
{
    for (int k = 0; k < SUBS; k++) {
        subscription_release(subs[k]);
        for (int i = 0; i < EVENTS; i++) {
            set(&copies[k][i], NULL);
        }
    }
    for (int i = 0; i < EVENTS; i++) {
        for (int v = 0; v < VERSIONS; v++) {
            document_release(docs[i][v]);
        }
    }
    CHECK_INT(hub_queued_bytes(f.hub), 0);
    feeder_fini(&f);
}

static sgo_status
publish(int i, struct document *doc, struct document *previous)
{
    struct publication pub = {.stream_id = 1,
                              .kind = doc == NULL ? SGO_REMOVED
                                      : previous  ? SGO_CHANGED
                                                  : SGO_ADDED,
                              .cause = SGO_CAUSE_NOTIFICATION,
                              .event_id = id_of(i),
                              .event_id_len = 2,
                              .event = doc,
                              .previous = previous};

    return hub_publish(f.hub, &pub);
}

static void
drain(int k)
{
    for (;;) {
        sgo_update *u;
        sgo_status status;
        int i;

        u = take_one(subs[k], &status);
        if (status == SGO_SLOW_CONSUMER) {
            continue;
        }
        if (u == NULL) {
            CHECK_INT(status, SGO_TIMEOUT);
            return;
        }
        i = update_event(u)->event_id[1] - '0';
        CHECK_INT(update_kind(u) == SGO_ADDED, copies[k][i] == NULL);
        set(&copies[k][i],
            update_kind(u) == SGO_REMOVED ? NULL : update_event(u));
        update_release(u);
    }
}

/* A small life; how often hub_publish had no memory at all. */
static int
play(void)
{
    int refused = 0;

    for (int v = 0; v < VERSIONS; v++) {
        for (int i = 0; i < EVENTS; i++) {
            refused +=
                publish(i, docs[i][v], v ? docs[i][v - 1] : NULL) != SGO_OK;
        }
        if (v == 1) {
            drain(0);
            drain(1);
        }
    }
    refused += publish(0, NULL, NULL) != SGO_OK;
    drain(2);
    return refused;
}

static void
what_lacked_memory_is_mended(void)
{
    uint64_t repairs = 0;
    uint64_t most;

    set_up();
    most = mem_count();
    CHECK_INT(play(), 0);
    most = mem_count() - most;
    tear_down();
    CHECK(most > 20 && most < 5000);
    for (uint64_t n = 0; n < most; n++) {
        int64_t now;

        set_up();
        mem_fail_after((int64_t)n);
        CHECK_INT(play(), 0);
        mem_fail_after(-1);
        now = clock_now_ns() + NS_PER_S;
        hub_tick(f.hub, now);
        CHECK_INT(hub_deadline(f.hub), CLOCK_NEVER);
        repairs += hub_repairs(f.hub);
        for (int k = 0; k < SUBS; k++) {
            drain(k);
            CHECK(copies[k][0] == NULL);
            for (int i = 1; i < EVENTS; i++) {
                CHECK(copies[k][i] != NULL);
                if (copies[k][i]) {
                    CHECK_INT(score_of(copies[k][i]), VERSIONS - 1);
                }
            }
        }
        tear_down();
        if (check_bad) {
            fprintf(stderr, "allocation %" PRIu64 "\n", n);
            return;
        }
    }
    CHECK(repairs > 0);
}

/* Memory is gone for long: every allocation of some publishes fails. */
static void
a_new_event_waits_for_memory(void)
{
    struct document *doc;
    int tries = 0;

    set_up();
    do { /* each try fails at another place, one at a time */
        mem_fail_after(tries++);
        CHECK_INT(publish(0, docs[0][0], NULL), SGO_OK);
        mem_fail_after(-1);
        doc = hub_event(f.hub, 1, "e0", 2);
        if (doc == NULL) { /* deferred: a tick brings it */
            CHECK(hub_deadline(f.hub) < CLOCK_NEVER);
            hub_tick(f.hub, clock_now_ns() + NS_PER_S);
            doc = hub_event(f.hub, 1, "e0", 2);
        }
        CHECK(doc == docs[0][0]);
        document_release(doc);
        CHECK_INT(publish(0, NULL, NULL), SGO_OK);
    } while (tries < 30 && check_bad == 0);
    drain(0);
    tear_down();
}

static void
a_deferred_event_is_overtaken_by_news(void)
{
    bool deferred = false;

    for (int n = 0; n < 12; n++) {
        struct document *doc;

        set_up();
        mem_fail_after(n);
        CHECK_INT(publish(0, docs[0][0], NULL), SGO_OK);
        mem_fail_after(-1);
        doc = hub_event(f.hub, 1, "e0", 2);
        deferred = deferred || doc == NULL;
        document_release(doc);
        CHECK_INT(publish(0, docs[0][1], docs[0][0]), SGO_OK);
        hub_tick(f.hub, clock_now_ns() + NS_PER_S);
        drain(0);
        CHECK(copies[0][0] == docs[0][1]);
        CHECK_INT(publish(0, NULL, NULL), SGO_OK);
        drain(0);
        CHECK(copies[0][0] == NULL);
        tear_down();
    }
    CHECK(deferred);
}

static sgo_status
publish_new(struct document *doc)
{
    return hub_publish(f.hub, &(struct publication){
                                  .stream_id = 1,
                                  .kind = SGO_ADDED,
                                  .cause = SGO_CAUSE_SNAPSHOT,
                                  .event_id = doc->event_id,
                                  .event_id_len = doc->event_id_len,
                                  .event = doc,
                              });
}

/* Of new events that find no memory, a number waits; what is beyond is given
 * back to the caller, with nothing changed (client_engine_tell.c then asks the
 * brain to tell it again). */
static void
a_bounded_number_of_new_events_waits(void)
{
    enum { MORE = HUB_MAX_DEFERRED + 3 };
    static struct document *many[MORE];
    char id[16];

    set_up();
    for (int i = 0; i < MORE; i++) {
        snprintf(id, sizeof(id), "n%d", i);
        many[i] = help_build(f.pool, small_event(id, "NFL", i, 1, 1));
    }
    mem_fail_size(sizeof(struct holding));
    for (int i = 0; i < MORE; i++) {
        CHECK_INT(publish_new(many[i]),
                  i < HUB_MAX_DEFERRED ? SGO_OK : SGO_NO_MEMORY);
    }
    CHECK_INT(hub_event_count(f.hub, 1), 0);
    CHECK_INT(hub_repairs(f.hub), HUB_MAX_DEFERRED);
    hub_tick(f.hub, clock_now_ns() + NS_PER_S); /* still none */
    CHECK_INT(hub_event_count(f.hub, 1), 0);
    mem_fail_size(0);
    hub_tick(f.hub, clock_now_ns() + 2 * NS_PER_S);
    CHECK_INT(hub_event_count(f.hub, 1), HUB_MAX_DEFERRED);
    for (int i = HUB_MAX_DEFERRED; i < MORE; i++) {
        CHECK_INT(publish_new(many[i]), SGO_OK);
    }
    CHECK_INT(hub_event_count(f.hub, 1), MORE);
    for (int i = 0; i < MORE; i++) {
        document_release(many[i]);
    }
    tear_down();
}

/* ---- calls that report SGO_NO_MEMORY --------------------------------------- */

static void
subscribing_fails_whole(void)
{
    const uint32_t streams[] = {1, 2};
    sgo_subscription_options options;
    static const char *const names[] = {"points-*"};
    int failures = 0;

    set_up();
    for (int i = 0; i < EVENTS; i++) {
        CHECK_INT(publish(i, docs[i][0], NULL), SGO_OK);
    }
    subscription_options_init(&options);
    options.odd_ids = options.bookmaker_ids = options.event_ids = names;
    options.odd_id_count = options.bookmaker_id_count = 1;
    options.min_interval_ns = 1;
    for (int n = 0; n < 1000; n++) {
        sgo_subscription *sub;
        sgo_status status;
        sgo_error err;

        mem_fail_after(n);
        status = subscription_create(f.hub, streams, 2, &options, &sub, &err);
        mem_fail_after(-1);
        if (status == SGO_OK) {
            CHECK(expect(sub, "added", "e0", 0));
            subscription_release(sub);
            break;
        }
        CHECK_INT(status, SGO_NO_MEMORY);
        CHECK_INT(err.kind, SGO_ERROR_MEMORY);
        failures++;
    }
    CHECK(failures > 10);
    for (int k = 0; k < SUBS; k++) {
        drain(k);
    }
    tear_down();
}

static void
reading_an_update_can_be_tried_again(void)
{
    const struct consensus_changes *consensus;
    const struct quote_changes *quotes;
    const struct changes *changes;
    struct path path;
    sgo_update *u;
    int failures = 0;
    int n = 0;

    set_up();
    CHECK_INT(update_create_diff(docs[0][0], docs[0][2], false, &u), SGO_OK);
    for (;; n++) {
        sgo_status a, b, c;

        mem_fail_after(n);
        a = update_quotes(u, &quotes);
        b = update_consensus(u, &consensus);
        c = update_changes(u, &changes);
        mem_fail_after(-1);
        if (a == SGO_OK && b == SGO_OK && c == SGO_OK) {
            break;
        }
        failures++;
    }
    CHECK(failures > 0);
    CHECK_INT(changes->n, 2);
    mem_fail_after(0); /* a namer that cannot be had */
    update_path(u, &changes->items[0], &path);
    mem_fail_after(-1);
    CHECK_INT(path.n, 1);
    CHECK(text_equal_bytes(path.steps[0].key, "score", 5));
    update_release(u);
    for (n = 0; n < 10; n++) {
        mem_fail_after(n);
        if (update_create_diff(docs[0][0], docs[0][1], true, &u) == SGO_OK) {
            update_release(u);
        }
        mem_fail_after(-1);
    }
    tear_down();
}

static void
hubs_streams_and_tables_fail_whole(void)
{
    struct document **all;
    sgo_report report;
    sgo_error err;
    size_t count;
    int n = 0;

    mem_fail_after(0);
    CHECK(hub_create(&(struct hub_config){.seed = 1}) == NULL);
    set_up();
    mem_fail_after(0);
    CHECK_INT(hub_stream_add(f.hub, 9), SGO_NO_MEMORY);
    CHECK_INT(publish(0, docs[0][0], NULL), SGO_OK);
    mem_fail_after(0);
    CHECK_INT(hub_events(f.hub, 1, &all, &count), SGO_NO_MEMORY);
    CHECK_INT(hub_events(f.hub, 1, &all, &count), SGO_OK);
    CHECK_INT(count, 1);
    document_release(all[0]);
    mem_free(all);
    /* A report that finds no memory is counted; its state is set. */
    mem_fail_after(0);
    hub_set_state(f.hub, 1, SGO_CONN_CONNECTING, SGO_PHASE_BOOTSTRAPPING, "",
                  0, 1);
    CHECK_INT(hub_reports_dropped(f.hub), 1);
    error_set(&err, SGO_ERROR_SERVER, "over");
    for (n = 0; n < 2; n++) {
        mem_fail_after(n);
        hub_fail(f.hub, (uint32_t)n + 1, &err, 1);
        mem_fail_after(-1);
    }
    CHECK_INT(hub_reports_dropped(f.hub), 3);
    mem_fail_after(0);
    hub_log_sink(f.hub, SGO_LOG_INFO, "http", "a line");
    CHECK_INT(hub_reports_dropped(f.hub), 4);
    CHECK_INT(hub_take_report(f.hub, 0, &report), SGO_OK);
    tear_down();
}

/* Marks of staleness are made when there is memory for them. */
static void
marks_wait_for_memory(void)
{
    sgo_subscription_options options;
    sgo_subscription *sub;
    sgo_error err;
    size_t n = 0;

    set_up();
    CHECK_INT(publish(0, docs[0][0], NULL), SGO_OK);
    CHECK_INT(publish(1, docs[1][0], NULL), SGO_OK);
    subscription_options_init(&options);
    options.max_age_ns = 20 * NS_PER_MS;
    options.on_stale = SGO_ON_STALE_MARK;
    options.initial = false;
    sub = subscribe_one(&f, &options);
    for (int marks = 0, tries = 0; marks < 2 && tries < 100; tries++) {
        sgo_update *u;
        sgo_status status;

        mem_fail_after(tries % 2);
        status =
            subscription_take(sub, &u, 1, clock_now_ns() + NS_PER_S, &n, &err);
        mem_fail_after(-1);
        if (status == SGO_OK) {
            CHECK(update_stale(u));
            update_release(u);
            marks++;
        }
    }
    CHECK_INT(n, 1);
    subscription_release(sub);
    for (int k = 0; k < SUBS; k++) {
        drain(k);
    }
    tear_down();
}

int
main(void)
{
    RUN(what_lacked_memory_is_mended);
    RUN(a_new_event_waits_for_memory);
    RUN(a_deferred_event_is_overtaken_by_news);
    RUN(a_bounded_number_of_new_events_waits);
    RUN(subscribing_fails_whole);
    RUN(reading_an_update_can_be_tried_again);
    RUN(hubs_streams_and_tables_fail_whole);
    RUN(marks_wait_for_memory);
    return check_done();
}
