/* Virtual time, and one run: the client's actions are done here. */
#include "sim.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"

/* ---- the clock of base/clock.h ------------------------------------------- */

static const struct sim *clock_owner;

int64_t
clock_now_ns(void)
{
    return clock_owner ? clock_owner->now : NS_PER_S;
}

int64_t
clock_epoch_ns(int64_t now_ns)
{
    return now_ns ? now_ns + INT64_C(1700000000) * NS_PER_S : 0;
}

/* ---- small things ---------------------------------------------------------- */

void *
must(void *p)
{
    if (p == NULL) {
        abort();
    }
    return p;
}

bool
sim_chance(struct rand *r, unsigned per_mille)
{
    return per_mille && rand_between(r, 0, 999) < (int64_t)per_mille;
}

double
sim_seconds(const struct sim *s)
{
    return (double)(s->now - s->begin) / 1e9;
}

int64_t
sim_delay(struct sim *s)
{
    int64_t d = rand_between(&s->net, s->sc.net_low, s->sc.net_high);

    return sim_chance(&s->net, s->sc.slow_tail) ? 6 * d : d;
}

static void line(struct sim *s, const char *fmt, va_list ap) SGO_PRINTF(2, 0);

static void
line(struct sim *s, const char *fmt, va_list ap)
{
    char text[700];
    int n = vsnprintf(text, sizeof(text), fmt, ap);

    for (int i = 0; i < n && i < (int)sizeof(text); i++) {
        s->digest =
            (s->digest ^ (unsigned char)text[i]) * UINT64_C(0x100000001b3);
    }
    if (s->trace) {
        printf("%10.4f  %s\n", sim_seconds(s), text);
    }
}

void
sim_line(struct sim *s, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    line(s, fmt, ap);
    va_end(ap);
}

void
sim_fail(struct sim *s, const char *promise, const char *fmt, ...)
{
    va_list ap;

    if (s->failed) {
        return;
    }
    s->failed = true;
    snprintf(s->promise, sizeof(s->promise), "%s", promise);
    va_start(ap, fmt);
    vsnprintf(s->failure, sizeof(s->failure), fmt, ap);
    va_end(ap);
    sim_line(s, "BROKEN %s: %s", promise, s->failure);
}

/* ---- tasks: a heap by time, then by order ----------------------------------- */

static bool
before(const struct task *a, const struct task *b)
{
    return a->at != b->at ? a->at < b->at : a->order < b->order;
}

struct task *
sim_task(struct sim *s, int64_t at, void (*run)(struct sim *s, struct task *t))
{
    struct task t = {
        .at = at > s->now ? at : s->now, .order = ++s->order, .run = run};
    size_t i = s->heap_n++;

    if (s->heap_n > s->heap_cap) {
        s->heap_cap = s->heap_cap ? 2 * s->heap_cap : 256;
        s->heap = must(realloc(s->heap, s->heap_cap * sizeof(*s->heap)));
    }
    for (; i && before(&t, &s->heap[(i - 1) / 2]); i = (i - 1) / 2) {
        s->heap[i] = s->heap[(i - 1) / 2];
    }
    s->heap[i] = t;
    return &s->heap[i]; /* until the next call */
}

static struct task
pop(struct sim *s)
{
    struct task first = s->heap[0], last = s->heap[--s->heap_n];
    size_t i = 0, k;

    while ((k = 2 * i + 1) < s->heap_n) {
        k += k + 1 < s->heap_n && before(&s->heap[k + 1], &s->heap[k]);
        if (!before(&s->heap[k], &last)) {
            break;
        }
        s->heap[i] = s->heap[k];
        i = k;
    }
    s->heap[i] = last;
    return first;
}

/* ---- actions ---------------------------------------------------------------- */

static void
do_publish(struct sim *s, const struct action *a)
{
    const struct publication pub = {
        .stream_id = a->u.publish.stream_id,
        .kind = a->u.publish.kind,
        .cause = a->u.publish.cause,
        .event_id = a->u.publish.event_id,
        .event_id_len = a->u.publish.event_id_len,
        .event = a->u.publish.event,
        .previous = a->u.publish.previous,
        .changes = a->u.publish.changes,
        .times = {.notified = a->u.publish.notified_ns,
                  .requested = a->u.publish.requested_ns,
                  .received = a->u.publish.received_ns,
                  .applied = a->u.publish.applied_ns}};
    sgo_status status;

    s->publishes++;
    check_publish(s, a);
    status = hub_publish(s->hub, &pub);
    if (status != SGO_OK && status != SGO_NOT_FOUND) {
        sim_fail(s, "P2", "hub_publish: %s", status_name(status));
    }
}

static void
do_error(struct sim *s, const struct action *a)
{
    check_error(s, a);
    if (a->u.error.final) {
        hub_fail(s->hub, a->u.error.stream_id, a->u.error.error, s->now);
    }
}

static void
do_state(struct sim *s, const struct action *a)
{
    sgo_stream_stats stats;

    check_state(s, a);
    hub_set_state(s->hub, a->u.state.stream_id, a->u.state.connection,
                  a->u.state.phase, a->u.state.reason, a->u.state.close_code,
                  s->now);
    if (brain_stream_stats(s->b, a->u.state.stream_id, s->now, &stats) ==
        SGO_OK) {
        hub_set_stats(s->hub, a->u.state.stream_id, &stats);
    }
}

static void
do_action(struct sim *s, const struct action *a)
{
    struct sim_stream *stream;

    switch (a->kind) {
    case ACTION_REQUEST:
        api_request(s, a);
        break;
    case ACTION_CANCEL:
        sim_line(s, "CANCEL %" PRIu64, a->u.cancel.request_id);
        api_cancel(s, a->u.cancel.request_id);
        break;
    case ACTION_CONNECT:
        push_connect(s, a);
        break;
    case ACTION_SEND:
        push_send(s, a);
        break;
    case ACTION_CLOSE:
        push_close(s, a->u.close.link_id, a->u.close.generation,
                   a->u.close.code);
        break;
    case ACTION_KILL:
        push_close(s, a->u.kill.link_id, a->u.kill.generation, 0);
        break;
    case ACTION_PUBLISH:
        do_publish(s, a);
        break;
    case ACTION_STATE:
        do_state(s, a);
        break;
    case ACTION_GAP:
        stream = check_stream(s, a->u.gap.stream_id);
        sim_line(s, "S%u GAP %s, %" PRIu64 " refetched", a->u.gap.stream_id,
                 a->u.gap.reason, a->u.gap.events_refetched);
        if (stream) {
            stream->gaps++;
        }
        break;
    case ACTION_ERROR:
        do_error(s, a);
        break;
    case ACTION_CALL_DONE:
        break;
    case ACTION_PROOF:
        check_proof(s, a);
        hub_prove(s->hub, a->u.proof.stream_id, a->u.proof.event_id,
                  a->u.proof.event_id_len, a->u.proof.proof_ns,
                  a->u.proof.unanswered, a->u.proof.reason, s->now);
        break;
    case ACTION_SHED:
        hub_shed(s->hub, a->u.shed.bytes);
        break;
    }
}

void
sim_drain(struct sim *s)
{
    struct action a;
    size_t most = 100000;

    s->seq++;
    while (!s->failed && brain_next(s->b, &a)) {
        do_action(s, &a);
        if (--most == 0) {
            sim_fail(s, "P5", "the brain's actions never end");
        }
    }
    if (++s->steps % 32 == 0) {
        check_bounds(s);
    }
}

/* ---- time ---------------------------------------------------------------------- */

/* One step, if there is one before `end`. */
static bool
step(struct sim *s, int64_t end)
{
    int64_t brain = brain_deadline(s->b), hub = hub_deadline(s->hub), due;
    struct task t;

    due = brain < hub ? brain : hub;
    due = due < s->now ? s->now : due;
    if (s->heap_n && s->heap[0].at <= due && s->heap[0].at <= end) {
        t = pop(s);
        s->now = t.at > s->now ? t.at : s->now;
        t.run(s, &t);
        free(t.text);
        return true;
    }
    if (due > end) {
        s->now = s->now < end ? end : s->now; /* it may have slept over it */
        return false;
    }
    s->now = due;
    if (hub <= due) {
        hub_tick(s->hub, s->now);
    }
    if (brain <= due) {
        brain_tick(s->b, s->now);
        sim_drain(s);
    }
    return true;
}

static void
run_for(struct sim *s, int64_t duration)
{
    int64_t end = s->now + duration;

    while (!s->failed && step(s, end)) {
    }
}

/* ---- one run --------------------------------------------------------------------- */

static void
join(struct sim *s, size_t i)
{
    struct sim_stream *st = &s->streams[i];
    struct brain_param params[2];
    size_t n = 0;
    sgo_error err;
    sgo_stream_stats stats;

    st->id = (uint32_t)i + 1;
    snprintf(st->feed, sizeof(st->feed), "%s", s->sc.streams[i].feed);
    snprintf(st->league, sizeof(st->league), "%s", s->sc.streams[i].league);
    if (st->league[0]) {
        params[n++] = (struct brain_param){"leagueID", st->league};
    }
    if (s->sc.streams[i].event >= 0) {
        memcpy(st->event, s->events[s->sc.streams[i].event].id,
               sizeof(st->event));
        params[n++] = (struct brain_param){"eventID", st->event};
    }
    st->added = true;
    s->seq++;
    sim_line(s, "S%u JOINS %s %s%s", st->id, st->feed, st->league, st->event);
    if (brain_stream_add(s->b, st->id, st->feed, params, n, s->now, &err) !=
        SGO_OK) {
        sim_fail(s, "P1", "no stream: %s", err.text);
    }
    /* What its feed was notified of and has not answered, it will hear of. */
    if (brain_stream_stats(s->b, st->id, s->now, &stats) == SGO_OK) {
        st->ids_delivered = stats.ids_pending;
    }
    sim_drain(s);
}

static void
join_task(struct sim *s, struct task *t)
{
    join(s, (size_t)t->number);
}

static bool
make(struct sim *s)
{
    const struct scenario *sc = &s->sc;
    const struct hub_config hub_config = {.seed = sc->seed};
    struct brain_config config = {
        .base_url = "https://api.test/v2",
        .client_name = "sgostream",
        .version = "0.1.0",
        .transport = sc->transport,
        .timeout_ns = 30 * NS_PER_S,
        .reconcile_interval_ns = sc->reconcile_ns,
        .linger_ns = sc->linger_ns,
        .poll_interval_ns = sc->poll_ns,
        .max_events = sc->max_events,
        .max_bytes = (size_t)64 << 20,
        .max_requests_in_flight = sc->max_in_flight,
        .seed = sc->seed * 7 + 3,
    };

    s->pool = pool_create((size_t)1 << 20);
    config.pool = s->pool;
    s->hub = hub_create(&hub_config);
    s->b = s->pool ? brain_create(&config) : NULL;
    return s->hub && s->b;
}

/* How long it may take from the end of the storm until everything is found:
 * the slowest way back (crawl, then reconnect), and the reconciles that
 * absence needs. */
static int64_t
rest(const struct sim *s)
{
    return 420 * NS_PER_S + 4 * s->sc.reconcile_ns + s->sc.linger_ns +
           (s->sc.transport != SGO_TRANSPORT_WEBSOCKET ? 4 * s->sc.poll_ns
                                                       : 0) +
           (s->sc.minute_requests ? 600 * NS_PER_S : 0);
}

static void
calm_down(struct sim *s)
{
    s->calm = true;
    s->sc.slow_tail = 0; /* a slow network alone may keep a stream stale */
    if (s->sc.net_high > 100 * NS_PER_MS) {
        s->sc.net_high = 100 * NS_PER_MS;
        s->sc.net_low = 5 * NS_PER_MS;
    }
    sim_line(s, "CALM");
}

void
sim_run(struct sim *s, const struct scenario *sc)
{
    s->sc = *sc;
    s->now = s->begin = 1000 * NS_PER_S;
    s->digest = 1;
    clock_owner = s;
    rand_init(&s->act, sc->seed * 4 + 1);
    rand_init(&s->net, sc->seed * 4 + 2);
    rand_init(&s->luck, sc->seed * 4 + 3);
    rand_init(&s->who, sc->seed * 4 + 4);
    truth_init(s);
    if (!make(s)) {
        abort();
    }
    for (size_t i = 0; i < sc->stream_count; i++) {
        s->stream_count++;
        s->streams[i].id = (uint32_t)i + 1;
        if (hub_stream_add(s->hub, s->streams[i].id) != SGO_OK) {
            abort();
        }
        if (sc->streams[i].at) {
            sim_task(s, s->now + sc->streams[i].at, join_task)->number = i;
        } else {
            join(s, i);
        }
    }
    scenario_start(s);
    consumer_start(s);
    run_for(s, sc->storm_ns);
    calm_down(s);
    run_for(s, rest(s));
    if (!s->failed) {
        check_rest(s);
        consumer_check(s);
    }
}

void
sim_fini(struct sim *s)
{
    consumer_fini(s);
    if (s->b) {
        struct action a;

        brain_close(s->b, s->now);
        while (brain_next(s->b, &a)) {
        }
        brain_free(s->b);
    }
    hub_close(s->hub);
    hub_release(s->hub);
    for (size_t i = 0; i < s->stream_count; i++) {
        for (size_t k = 0; k < SIM_EVENTS; k++) {
            document_release(s->streams[i].docs[k]);
        }
    }
    api_fini(s);
    while (s->heap_n) {
        struct task t = pop(s);

        free(t.text);
    }
    free(s->heap);
    truth_fini(s);
    pool_release(s->pool);
    clock_owner = NULL;
}
