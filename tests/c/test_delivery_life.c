/* Streams and subscriptions over time: states and waits, ends, descriptors,
 * min_interval, staleness, reports, fork. */
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "base/clock.h"
#include "base/status.h"
#include "delivery_help.h"

static struct feeder f;

static void
put(const char *id, int score)
{
    CHECK_INT(feeder_put(&f, 1, small_event(id, "NFL", score, 0, 0)), SGO_OK);
}

static bool
readable(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};

    return poll(&p, 1, 0) == 1 && (p.revents & POLLIN);
}

static int64_t
soon(int ms)
{
    return clock_now_ns() + ms * NS_PER_MS;
}

/* Take one, waiting. */
static sgo_status
wait_one(sgo_subscription *sub, int ms, sgo_update **u, sgo_error *err)
{
    size_t n;

    *u = NULL;
    return subscription_take(sub, u, 1, soon(ms), &n, err);
}

/* ---- states --------------------------------------------------------------- */

static void
a_state_is_told_and_awaited(void)
{
    sgo_stream_state state;
    sgo_report report;
    sgo_error err;

    feeder_init(&f);
    CHECK_INT(hub_get_state(f.hub, 1, &state), SGO_OK);
    CHECK_INT(state.connection, SGO_CONN_INITIALIZED);
    CHECK_INT(state.phase, SGO_PHASE_IDLE);
    CHECK_INT(hub_wait_live(f.hub, 1, 0, &err), SGO_TIMEOUT);
    CHECK_INT(hub_wait_change(f.hub, 1, state.serial, soon(5)), SGO_TIMEOUT);
    hub_set_state(f.hub, 1, SGO_CONN_CONNECTING, SGO_PHASE_BOOTSTRAPPING, "",
                  0, clock_now_ns());
    CHECK_INT(hub_wait_change(f.hub, 1, state.serial, 0), SGO_OK);
    hub_set_state(f.hub, 1, SGO_CONN_CONNECTED, SGO_PHASE_LIVE, "subscribed",
                  0, clock_now_ns());
    CHECK_INT(hub_wait_live(f.hub, 1, CLOCK_NEVER, &err), SGO_OK);
    CHECK_INT(hub_take_report(f.hub, 0, &report), SGO_OK);
    CHECK_INT(report.kind, SGO_REPORT_STATE);
    CHECK_INT(report.previous, SGO_CONN_INITIALIZED);
    CHECK_INT(report.current, SGO_CONN_CONNECTING);
    CHECK_INT(hub_take_report(f.hub, 0, &report), SGO_OK);
    CHECK_INT(report.current, SGO_CONN_CONNECTED);
    CHECK_STR(report.text, "subscribed");
    CHECK_INT(report.stream_id, 1);
    hub_set_state(f.hub, 1, SGO_CONN_CONNECTED, SGO_PHASE_STALE, "", 0, 0);
    CHECK_INT(hub_take_report(f.hub, 0, &report), SGO_TIMEOUT);
    CHECK_INT(hub_wait_closed(f.hub, 1, 0, &err), SGO_TIMEOUT);
    hub_stream_close(f.hub, 1);
    hub_stream_close(f.hub, 1);
    CHECK_INT(hub_wait_closed(f.hub, 1, CLOCK_NEVER, &err), SGO_OK);
    CHECK_INT(hub_wait_live(f.hub, 1, CLOCK_NEVER, &err), SGO_CLOSED);
    CHECK_INT(hub_take_report(f.hub, 0, &report), SGO_OK);
    CHECK_INT(report.current, SGO_CONN_DISCONNECTED);
    hub_stream_drop(f.hub, 1);
    CHECK_INT(hub_get_state(f.hub, 1, &state), SGO_NOT_FOUND);
    CHECK_INT(hub_wait_closed(f.hub, 1, CLOCK_NEVER, &err), SGO_OK);
    hub_close(f.hub);
    for (int i = 2; i <= FEEDER_STREAMS; i++) { /* what waited is not lost */
        CHECK_INT(hub_take_report(f.hub, CLOCK_NEVER, &report), SGO_OK);
    }
    CHECK_INT(hub_take_report(f.hub, CLOCK_NEVER, &report), SGO_CLOSED);
    CHECK_INT(hub_stream_add(f.hub, 9), SGO_CLOSED);
    feeder_fini(&f);
}

static void
a_final_error_comes_last_and_again(void)
{
    sgo_subscription *sub;
    sgo_status status;
    sgo_update *u;
    sgo_report report;
    sgo_error err, got;
    int fd;

    feeder_init(&f);
    put("a", 1);
    sub = subscribe_one(&f, NULL);
    fd = subscription_fd(sub);
    put("b", 1);
    error_set(&err, SGO_ERROR_AUTHENTICATION, "the key was refused");
    err.http_status = 401;
    hub_fail(f.hub, 1, &err, clock_now_ns());
    CHECK_INT(hub_wait_live(f.hub, 1, CLOCK_NEVER, &got), SGO_FAILED);
    CHECK_STR(got.text, "the key was refused");
    CHECK_INT(hub_wait_closed(f.hub, 1, CLOCK_NEVER, &got), SGO_FAILED);
    CHECK(expect(sub, "added", "a", 1));
    CHECK(expect(sub, "added", "b", 1));
    for (int i = 0; i < 3; i++) {
        CHECK_INT(wait_one(sub, 1000, &u, &got), SGO_FAILED);
        CHECK_INT(got.http_status, 401);
        CHECK(readable(fd));
    }
    put("c", 1); /* over is over */
    CHECK(take_one(sub, &status) == NULL);
    CHECK_INT(status, SGO_FAILED);
    CHECK_INT(hub_take_report(f.hub, 0, &report), SGO_OK);
    CHECK_INT(report.kind, SGO_REPORT_ERROR);
    CHECK(report.final);
    CHECK_INT(hub_take_report(f.hub, 0, &report), SGO_OK);
    CHECK_INT(report.kind, SGO_REPORT_STATE);
    CHECK_INT(report.current, SGO_CONN_FAILED);
    hub_stream_close(f.hub, 1);
    CHECK_INT(wait_one(sub, 1000, &u, &got), SGO_FAILED);
    CHECK_INT(hub_wait_live(f.hub, 1, CLOCK_NEVER, &got), SGO_FAILED);
    subscription_release(sub);
    feeder_fini(&f);
}

static void
closing_drops_what_is_pending_and_ends_quietly(void)
{
    sgo_subscription_stats stats;
    sgo_subscription *one, *two;
    sgo_status status;

    feeder_init(&f);
    put("a", 1);
    one = subscribe_one(&f, NULL);
    two = subscribe_one(&f, NULL);
    subscription_close(one);
    subscription_close(one);
    CHECK(take_one(one, &status) == NULL);
    CHECK_INT(status, SGO_CLOSED);
    subscription_get_stats(one, &stats);
    CHECK_INT(stats.dropped, 1);
    CHECK_INT(stats.pending, 0);
    hub_stream_close(f.hub, 1);
    CHECK(take_one(two, &status) == NULL);
    CHECK_INT(status, SGO_CLOSED);
    CHECK_INT(hub_event_count(f.hub, 1), 0);
    subscription_release(one);
    subscription_release(two);
    feeder_fini(&f);
}

/* ---- waiting -------------------------------------------------------------- */

static atomic_bool told;

static void *
take_until_told(void *arg)
{
    sgo_update *u;
    sgo_error err;
    sgo_status status = wait_one(arg, 60000, &u, &err);

    atomic_store(&told, true);
    return (void *)(intptr_t)status;
}

/* The thread counts as waiting once take has gone to sleep; wake, close and
 * publish must reach it whether or not it has. */
static sgo_status
join(pthread_t thread)
{
    void *result;

    pthread_join(thread, &result);
    return (sgo_status)(intptr_t)result;
}

static void
waiting_takes_are_woken(void)
{
    sgo_subscription *sub;
    pthread_t taker;
    int64_t began;

    feeder_init(&f);
    sub = subscribe_one(&f, NULL);
    began = clock_now_ns();
    pthread_create(&taker, NULL, take_until_told, sub);
    while (!atomic_load(&told)) { /* a wake-up before the wait is lost */
        subscription_wake(sub);
        sched_yield();
    }
    CHECK_INT(join(taker), SGO_TIMEOUT);
    pthread_create(&taker, NULL, take_until_told, sub);
    subscription_close(sub);
    CHECK_INT(join(taker), SGO_CLOSED);
    subscription_release(sub);
    sub = subscribe_one(&f, NULL);
    pthread_create(&taker, NULL, take_until_told, sub);
    hub_close(f.hub);
    CHECK_INT(join(taker), SGO_CLOSED);
    CHECK(clock_now_ns() - began < 10 * NS_PER_S);
    subscription_release(sub);
    feeder_fini(&f);
}

/* ---- the descriptor ------------------------------------------------------- */

static void
the_descriptor_is_readable_while_take_would_not_wait(void)
{
    sgo_subscription_options options;
    sgo_subscription *sub, *queue;
    sgo_status status;
    int fd;

    feeder_init(&f);
    sub = subscribe_one(&f, NULL);
    fd = subscription_fd(sub);
    CHECK(fd >= 0);
    CHECK_INT(subscription_fd(sub), fd);
    CHECK(!readable(fd));
    put("a", 1);
    put("b", 1);
    CHECK(readable(fd));
    CHECK(expect(sub, "added", "a", 1));
    CHECK(readable(fd));
    CHECK(expect(sub, "added", "b", 1));
    CHECK(!readable(fd));
    put("c", 1);
    CHECK(readable(fd));
    feeder_remove(&f, 1, "c"); /* nothing after all */
    CHECK(!readable(fd));
    CHECK(take_one(sub, &status) == NULL);
    CHECK(!readable(fd));
    put("d", 1);
    subscription_close(sub);
    CHECK(readable(fd));
    CHECK(take_one(sub, &status) == NULL);
    CHECK(take_one(sub, &status) == NULL);
    CHECK(readable(fd)); /* stays */
    subscription_release(sub);

    put("e", 1); /* pending before the descriptor is asked for */
    sub = subscribe_one(&f, NULL);
    CHECK(readable(subscription_fd(sub)));
    subscription_options_init(&options);
    options.conflate = false;
    options.max_queue = 1;
    options.initial = false;
    queue = subscribe_one(&f, &options);
    fd = subscription_fd(queue);
    CHECK(!readable(fd));
    put("f", 1);
    put("f", 2);
    feeder_remove(&f, 1, "f"); /* slow is left to be told */
    CHECK(readable(fd));
    CHECK(take_one(queue, &status) == NULL);
    CHECK_INT(status, SGO_SLOW_CONSUMER);
    CHECK(!readable(fd));
    hub_stream_close(f.hub, 1);
    CHECK(readable(fd));
    subscription_release(queue);
    subscription_release(sub);
    feeder_fini(&f);
}

/* ---- min_interval --------------------------------------------------------- */

static void
min_interval_holds_back_and_conflates(void)
{
    sgo_subscription_options options;
    sgo_subscription_stats stats;
    sgo_subscription *sub;
    sgo_update *u;
    sgo_error err;
    int64_t taken;
    int fd;

    feeder_init(&f);
    subscription_options_init(&options);
    options.min_interval_ns = 60 * NS_PER_MS;
    sub = subscribe_one(&f, &options);
    fd = subscription_fd(sub);
    put("a", 1);
    CHECK(expect(sub, "added", "a", 1));
    taken = clock_now_ns();
    put("a", 2);
    put("b", 1);
    CHECK(expect(sub, "added", "b", 1)); /* another event does not wait */
    put("a", 3);
    subscription_get_stats(sub, &stats);
    CHECK_INT(stats.pending, 1);
    CHECK(hub_deadline(f.hub) < CLOCK_NEVER);
    CHECK(!readable(fd));
    CHECK_INT(wait_one(sub, 5000, &u, &err), SGO_OK);
    CHECK(clock_now_ns() - taken >= 59 * NS_PER_MS);
    CHECK_INT(score_of(update_event(u)), 3);
    CHECK_INT(update_skipped(u), 1);
    update_release(u);
    put("a", 4);
    put("b", 2);
    CHECK(!readable(fd));
    hub_tick(f.hub, clock_now_ns() + NS_PER_S); /* as the I/O thread would */
    CHECK(readable(fd));
    CHECK_INT(hub_deadline(f.hub), CLOCK_NEVER);
    CHECK(expect(sub, "changed", "b", 2));
    CHECK(expect(sub, "changed", "a", 4));
    CHECK(!readable(fd));
    /* Held over a removal and back; and a removal alone. */
    feeder_remove(&f, 1, "a");
    put("a", 5);
    feeder_remove(&f, 1, "b");
    hub_tick(f.hub, clock_now_ns() + NS_PER_S);
    CHECK(expect(sub, "removed", "b", 2));
    CHECK(expect(sub, "changed", "a", 5));
    put("b", 6); /* b's interval runs on */
    CHECK(expect(sub, NULL, NULL, 0));
    feeder_remove(&f, 1, "b");
    put("b", 7);
    hub_tick(f.hub, clock_now_ns() + NS_PER_S);
    CHECK(expect(sub, "added", "b", 7));
    /* The end does not wait. */
    put("b", 8);
    error_set(&err, SGO_ERROR_SERVER, "over");
    hub_fail(f.hub, 1, &err, clock_now_ns());
    CHECK(expect(sub, "changed", "b", 8));
    CHECK_INT(hub_queued_bytes(f.hub), 0);
    subscription_release(sub);
    feeder_fini(&f);
}

/* ---- staleness ------------------------------------------------------------ */

static int64_t
staleness(const char *id, int64_t now, const char **reason)
{
    int64_t ns = -2;

    if (hub_staleness(f.hub, 1, id, id ? strlen(id) : 0, now, &ns, reason) !=
        SGO_OK) {
        return -3;
    }
    return ns;
}

static void
proofs_move_only_forward(void)
{
    const char *reason;
    int64_t t = clock_now_ns() + NS_PER_S;

    feeder_init(&f);
    put("a", 1); /* proven by its request, about now */
    CHECK_INT(staleness(NULL, t, &reason), -1);
    CHECK_INT(staleness("x", t, &reason), -3);
    CHECK(staleness("a", t, &reason) > 0);
    hub_prove(f.hub, 1, NULL, 0, t, false, "frame", t); /* not live yet */
    CHECK_INT(staleness(NULL, t + 5, &reason), -1);
    hub_set_state(f.hub, 1, SGO_CONN_CONNECTED, SGO_PHASE_LIVE, "", 0, t);
    CHECK_INT(staleness(NULL, t + 5, &reason), 5);
    CHECK_INT(staleness("a", t + 5, &reason), 5);
    CHECK_STR(reason, "frame");
    hub_prove(f.hub, 1, NULL, 0, t + 10, false, "frame", t + 10);
    CHECK_INT(staleness("a", t + 10, &reason), 0);
    /* A notification without its answer stops the event's clock there. */
    hub_prove(f.hub, 1, "a", 1, 0, true, "notified", t + 20);
    hub_prove(f.hub, 1, NULL, 0, t + 50, false, "frame", t + 50);
    CHECK_INT(staleness(NULL, t + 50, &reason), 0);
    CHECK_INT(staleness("a", t + 50, &reason), 30);
    CHECK_STR(reason, "notified");
    hub_prove(f.hub, 1, "a", 1, t + 40, false, "answered", t + 60);
    CHECK_INT(staleness("a", t + 60, &reason), 10);
    /* The socket is lost: what was proven stays, no more comes. */
    hub_set_state(f.hub, 1, SGO_CONN_CONNECTING, SGO_PHASE_STALE, "", 0, t);
    hub_prove(f.hub, 1, NULL, 0, t + 90, false, "frame", t + 90);
    CHECK_INT(staleness(NULL, t + 90, &reason), 40);
    hub_prove(f.hub, 1, "a", 1, t + 80, false, "answered", t + 90);
    CHECK_INT(staleness("a", t + 90, &reason), 10);
    feeder_fini(&f);
}

static void
go_live(void)
{
    hub_prove(f.hub, 1, NULL, 0, clock_now_ns(), false, "frame",
              clock_now_ns());
    hub_set_state(f.hub, 1, SGO_CONN_CONNECTED, SGO_PHASE_LIVE, "", 0,
                  clock_now_ns());
}

static void
prove_now(void)
{
    hub_prove(f.hub, 1, NULL, 0, clock_now_ns(), false, "frame",
              clock_now_ns());
}

static void
stale_data_is_raised_once_per_episode(void)
{
    sgo_subscription_options options;
    sgo_subscription_stats stats;
    sgo_subscription *sub;
    sgo_update *u;
    sgo_error err;
    int fd;

    feeder_init(&f);
    go_live();
    put("a", 1);
    subscription_options_init(&options);
    options.max_age_ns = 80 * NS_PER_MS;
    sub = subscribe_one(&f, &options);
    fd = subscription_fd(sub);
    CHECK(expect(sub, "added", "a", 1));
    CHECK_INT(wait_one(sub, 5000, &u, &err), SGO_STALE);
    CHECK_INT(err.kind, SGO_ERROR_STALE_DATA);
    CHECK_INT(wait_one(sub, 20, &u, &err), SGO_TIMEOUT); /* once */
    put("a", 2);
    CHECK(expect(sub, "changed", "a", 2)); /* data comes all the same */
    prove_now();
    CHECK_INT(wait_one(sub, 10, &u, &err), SGO_TIMEOUT);
    CHECK(!readable(fd));
    CHECK(hub_deadline(f.hub) < CLOCK_NEVER);
    while (!readable(fd)) { /* as the I/O thread would */
        hub_tick(f.hub, clock_now_ns());
    }
    CHECK_INT(wait_one(sub, 5000, &u, &err), SGO_STALE); /* anew */
    CHECK(!readable(fd));
    subscription_get_stats(sub, &stats);
    CHECK_INT(stats.stale_episodes, 2);
    subscription_release(sub);
    feeder_fini(&f);
}

static void
a_subscription_to_old_data_says_so_at_once(void)
{
    int64_t old = clock_now_ns() - 10 * NS_PER_S;
    sgo_subscription_options options;
    sgo_subscription *raises, *marks;
    sgo_status status;
    sgo_update *u;

    feeder_init(&f);
    put("a", 1);
    hub_prove(f.hub, 1, NULL, 0, old, false, "frame", old);
    hub_set_state(f.hub, 1, SGO_CONN_CONNECTED, SGO_PHASE_LIVE, "", 0, old);
    subscription_options_init(&options);
    options.max_age_ns = 5 * NS_PER_S;
    raises = subscribe_one(&f, &options);
    options.on_stale = SGO_ON_STALE_MARK;
    marks = subscribe_one(&f, &options);
    CHECK(take_one(raises, &status) == NULL);
    CHECK_INT(status, SGO_STALE);
    CHECK(expect(raises, "added", "a", 1));
    u = take_one(marks, &status); /* a's own request was just now */
    CHECK_INT(update_kind(u), SGO_ADDED);
    CHECK(!update_stale(u));
    update_release(u);
    subscription_release(raises);
    subscription_release(marks);
    feeder_fini(&f);
}

static void
one_event_without_answer_is_stale(void)
{
    sgo_subscription_options options;
    sgo_subscription *sub;
    sgo_update *u;
    sgo_error err;
    int64_t began;

    feeder_init(&f);
    go_live();
    put("a", 1);
    put("b", 1);
    subscription_options_init(&options);
    options.max_age_ns = 100 * NS_PER_MS;
    sub = subscribe_one(&f, &options);
    CHECK(expect(sub, "added", "a", 1));
    CHECK(expect(sub, "added", "b", 1));
    began = clock_now_ns();
    hub_prove(f.hub, 1, "b", 1, 0, true, "notified", began);
    for (;;) { /* the socket lives on */
        sgo_status status;

        prove_now();
        status = wait_one(sub, 5, &u, &err);
        CHECK(status == SGO_TIMEOUT || status == SGO_STALE);
        if (status != SGO_TIMEOUT) {
            break;
        }
        if (clock_now_ns() - began > 10 * NS_PER_S) {
            CHECK(!"stale in time");
            break;
        }
    }
    CHECK(clock_now_ns() - began >= 99 * NS_PER_MS);
    subscription_release(sub);
    feeder_fini(&f);
}

static void
stale_events_are_marked_and_unmarked(void)
{
    sgo_subscription_options options;
    sgo_subscription *sub;
    const struct changes *changes;
    sgo_update *u;
    sgo_error err;
    int seen = 0;

    feeder_init(&f);
    go_live();
    put("a", 1);
    put("b", 1);
    subscription_options_init(&options);
    options.max_age_ns = 80 * NS_PER_MS;
    options.on_stale = SGO_ON_STALE_MARK;
    sub = subscribe_one(&f, &options);
    CHECK(expect(sub, "added", "a", 1));
    CHECK(expect(sub, "added", "b", 1));
    for (int i = 0; i < 2; i++) { /* each event once */
        CHECK_INT(wait_one(sub, 5000, &u, &err), SGO_OK);
        CHECK_INT(update_kind(u), SGO_CHANGED);
        CHECK(update_stale(u));
        CHECK(update_previous(u) == update_event(u));
        CHECK_INT(update_changes(u, &changes), SGO_OK);
        CHECK_INT(changes->n, 0);
        seen |= 1 << (update_event(u)->event_id[0] - 'a');
        update_release(u);
    }
    CHECK_INT(seen, 3);
    CHECK_INT(wait_one(sub, 20, &u, &err), SGO_TIMEOUT);
    put("a", 2); /* proves itself: the update says so */
    CHECK_INT(wait_one(sub, 0, &u, &err), SGO_OK);
    CHECK(!update_stale(u));
    CHECK_INT(score_of(update_event(u)), 2);
    update_release(u);
    prove_now();
    CHECK_INT(wait_one(sub, 5000, &u, &err), SGO_OK);
    CHECK_STR(update_event(u)->event_id, "b");
    CHECK(!update_stale(u));
    CHECK_INT(update_skipped(u), 0);
    update_release(u);
    /* A mark that a version overtakes is an ordinary change. */
    while (hub_deadline(f.hub) == 0 || wait_one(sub, 5000, &u, &err) != 0) {
    }
    CHECK(update_stale(u));
    update_release(u);
    subscription_release(sub);
    feeder_fini(&f);
}

/* ---- reports -------------------------------------------------------------- */

static void
the_ring_is_bounded_and_leaves_room_for_errors(void)
{
    sgo_report report;
    sgo_error err;
    int n = 0;

    feeder_init(&f);
    for (int i = 0; i < HUB_MAX_REPORTS + 10; i++) {
        hub_log_sink(f.hub, SGO_LOG_INFO, "http", "a line");
    }
    CHECK_INT(hub_reports_dropped(f.hub),
              HUB_MAX_REPORTS + 10 - HUB_MAX_LOG_REPORTS);
    error_set(&err, SGO_ERROR_SERVER, "five hundred");
    hub_report_error(f.hub, 2, &err, clock_now_ns());
    hub_report_gap(f.hub, 2, "socket lost", clock_now_ns(), clock_now_ns(), 7,
                   clock_now_ns());
    while (hub_take_report(f.hub, 0, &report) == SGO_OK) {
        n++;
        if (report.kind == SGO_REPORT_LOG) {
            CHECK_STR(report.area, "http");
            CHECK_INT(report.level, SGO_LOG_INFO);
        }
        if (report.kind == SGO_REPORT_ERROR) {
            CHECK_STR(report.error.text, "five hundred");
            CHECK(!report.final);
        }
    }
    CHECK_INT(n, HUB_MAX_LOG_REPORTS + 2);
    CHECK_INT(report.kind, SGO_REPORT_GAP);
    CHECK_INT(report.events_refetched, 7);
    CHECK(report.began > INT64_C(1500000000) * NS_PER_S);
    for (int i = 0; i < HUB_MAX_REPORTS + 1; i++) {
        hub_report(f.hub, &report);
    }
    feeder_fini(&f);
}

/* ---- the table ------------------------------------------------------------ */

static void
the_table_is_read_at_one_moment(void)
{
    struct document **docs;
    size_t n;

    feeder_init(&f);
    CHECK_INT(hub_events(f.hub, 1, &docs, &n), SGO_OK);
    CHECK_INT(n, 0);
    free(docs);
    put("b", 1);
    put("a", 1);
    put("b", 2);
    CHECK_INT(hub_event_count(f.hub, 1), 2);
    CHECK(hub_event(f.hub, 1, "x", 1) == NULL);
    CHECK_INT(hub_events(f.hub, 1, &docs, &n), SGO_OK);
    CHECK_INT(n, 2);
    CHECK_STR(docs[0]->event_id, "b"); /* oldest member first */
    CHECK_INT(score_of(docs[0]), 2);
    hub_stream_close(f.hub, 1);
    CHECK_STR(docs[1]->event_id, "a"); /* ours still */
    for (size_t i = 0; i < n; i++) {
        document_release(docs[i]);
    }
    free(docs);
    feeder_fini(&f);
}

static void
statistics_add_what_was_delivered(void)
{
    sgo_stream_stats stats = {.notifications = 5};
    sgo_subscription *sub;

    feeder_init(&f);
    hub_set_stats(f.hub, 1, &stats);
    sub = subscribe_one(&f, NULL);
    put("a", 1);
    put("a", 2);
    CHECK(expect(sub, "added", "a", 2));
    hub_get_stats(f.hub, 1, &stats);
    CHECK_INT(stats.notifications, 5);
    CHECK_INT(stats.updates_delivered, 1);
    CHECK_INT(stats.updates_conflated, 1);
    hub_get_stats(f.hub, 99, &stats);
    CHECK_INT(stats.updates_delivered, 0);
    subscription_release(sub);
    feeder_fini(&f);
}

/* ---- fork ----------------------------------------------------------------- */

/* In the child: nothing may touch the lock, which the parent holds. */
static int
child(sgo_subscription *sub, sgo_update *u)
{
    const struct changes *changes;

    alarm(20);
    if (!hub_in_child(f.hub) || update_changes(u, &changes) != SGO_OK ||
        changes->n != 1 || score_of(update_event(u)) != 2) {
        return 1;
    }
    update_release(u);
    subscription_release(sub);
    hub_release(f.hub);
    return 0;
}

static void
a_child_reads_and_releases_updates(void)
{
    sgo_subscription *sub;
    sgo_status status;
    sgo_update *u;
    int result = -1;
    pid_t pid;

    feeder_init(&f);
    put("a", 1);
    sub = subscribe_one(&f, NULL);
    CHECK(expect(sub, "added", "a", 1));
    put("a", 2);
    u = take_one(sub, &status);
    feeder_remove(&f, 1, "a"); /* the update's are the last references */
    CHECK(!hub_in_child(f.hub));
    pid = fork();
    if (pid == 0) {
        _exit(child(sub, u));
    }
    CHECK(pid > 0);
    waitpid(pid, &result, 0);
    CHECK(WIFEXITED(result) && WEXITSTATUS(result) == 0);
    update_release(u);
    subscription_release(sub);
    feeder_fini(&f);
}

int
main(void)
{
    RUN(a_state_is_told_and_awaited);
    RUN(a_final_error_comes_last_and_again);
    RUN(closing_drops_what_is_pending_and_ends_quietly);
    RUN(waiting_takes_are_woken);
    RUN(the_descriptor_is_readable_while_take_would_not_wait);
    RUN(min_interval_holds_back_and_conflates);
    RUN(proofs_move_only_forward);
    RUN(stale_data_is_raised_once_per_episode);
    RUN(a_subscription_to_old_data_says_so_at_once);
    RUN(one_event_without_answer_is_stale);
    RUN(stale_events_are_marked_and_unmarked);
    RUN(the_ring_is_bounded_and_leaves_room_for_errors);
    RUN(the_table_is_read_at_one_moment);
    RUN(statistics_add_what_was_delivered);
    RUN(a_child_reads_and_releases_updates);
    return check_done();
}
