/* What a seed means: how the client is configured, what happens in the world,
 * and the list of faults, all decided before the run begins.  Taking faults
 * off the list leaves the rest as it was. */
#include "sim.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Each kind of fault: how it is drawn. */
static const struct {
    const char *name;
    unsigned weight;   /* how often it is chosen */
    bool instant;      /* happens at one moment */
    bool lossy;        /* only a later reconcile can repair it */
    bool once;         /* at most one in a run */
    int64_t longest;   /* seconds */
    int64_t low, high; /* of arg */
} kinds[F_KINDS] = {
    [F_RESET] = {"reset", 4, false, false, false, 40, 0, 0},
    [F_HANG] = {"hang", 2, false, false, false, 20, 0, 0},
    [F_SLOW] = {"slow", 3, false, false, false, 60, 1, 12},
    [F_500] = {"500", 3, false, false, false, 40, 0, 0},
    [F_HTML] = {"html", 3, false, false, false, 40, 0, 0},
    [F_504] = {"504", 2, false, false, false, 40, 0, 0},
    [F_429] = {"429", 2, false, false, false, 30, 0, 0},
    [F_429_WAIT] = {"429-wait", 2, false, false, false, 30, 1, 20},
    [F_503_WAIT] = {"503-wait", 2, false, false, false, 30, 1, 20},
    [F_400_ID] = {"400-id", 2, false, true, false, 60, 0, 9},
    [F_401] = {"401", 1, false, false, true, 50, 0, 0},
    [F_404_SEVERAL] = {"404-several", 2, false, false, false, 60, 0, 0},
    [F_TRUNCATED] = {"truncated", 3, false, false, false, 40, 0, 0},
    [F_MALFORMED] = {"malformed", 3, false, false, false, 40, 0, 0},
    [F_FALSE] = {"success-false", 3, false, false, false, 40, 0, 0},
    [F_SHORT] = {"short", 3, false, false, false, 60, 0, 0},
    [F_STALE] = {"stale", 3, false, true, false, 60, 100, 3000},
    [F_AGED] = {"aged", 2, false, true, false, 60, 1, 3},
    [F_SLOTS] = {"slots", 1, false, false, true, 60, 0, 0},
    [F_CLOSE] = {"close", 8, true, false, false, 0, 0, 0},
    [F_HALF_OPEN] = {"half-open", 3, true, false, false, 0, 0, 0},
    [F_REFUSE] = {"refuse", 3, false, false, false, 60, 0, 0},
    [F_NO_GREETING] = {"no-greeting", 2, false, false, false, 40, 0, 0},
    [F_BAD_GREETING] = {"bad-greeting", 2, false, false, false, 40, 0, 0},
    [F_ERROR_FIRST] = {"error-first", 2, false, false, true, 60, 0, 0},
    [F_LAG] = {"lag", 3, false, false, false, 60, 100, 8000},
    [F_DUPLICATE] = {"duplicate", 3, false, false, false, 120, 0, 0},
    [F_LOSE] = {"lose", 3, false, true, false, 60, 0, 0},
    [F_GARBLE] = {"garble", 3, false, false, false, 60, 0, 0},
    [F_NOISE] = {"noise", 3, false, false, false, 120, 0, 0},
    [F_SUB_SILENT] = {"sub-silent", 2, false, false, false, 40, 0, 0},
    [F_SUB_ERROR] = {"sub-error", 2, false, false, false, 40, 0, 0},
    [F_AUTH] = {"auth", 3, false, false, false, 40, 0, 0},
    [F_ROTATE] = {"rotate", 2, true, false, true, 0, 0, 0},
    [F_FATAL] = {"fatal", 0, true, false, true, 0, 0, 0},
    [F_SUSPEND] = {"suspend", 2, true, false, false, 0, 5, 400},
    [F_OUTAGE] = {"outage", 3, false, false, false, 90, 0, 0},
    [F_BURST] = {"burst", 4, true, false, false, 0, 0, 0},
    [F_VANISH] = {"vanish", 3, false, false, false, 60, 0, 9},
    [F_NO_TAKE] = {"no-take", 4, false, false, false, 90, 0, 0},
};

const char *
fault_name(enum fault_kind kind)
{
    return kinds[kind].name;
}

/* ---- drawing ------------------------------------------------------------------- */

static int64_t
one_of(struct rand *r, const int64_t *values, size_t n)
{
    return values[rand_between(r, 0, (int64_t)n - 1)];
}
#define ONE_OF(r, ...)                                                        \
    one_of((r), (const int64_t[]){__VA_ARGS__},                               \
           sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t))

static enum fault_kind
draw_kind(struct rand *r)
{
    unsigned all = 0;
    int64_t n;

    for (int k = 0; k < F_KINDS; k++) {
        all += kinds[k].weight;
    }
    n = rand_between(r, 0, all - 1);
    for (int k = 0; k < F_KINDS; k++) {
        n -= kinds[k].weight;
        if (n < 0) {
            return (enum fault_kind)k;
        }
    }
    return F_RESET;
}

static bool
has(const struct scenario *sc, enum fault_kind kind)
{
    for (size_t i = 0; i < sc->fault_count; i++) {
        if (sc->faults[i].kind == kind) {
            return true;
        }
    }
    return false;
}

static int64_t
draw_arg(struct rand *r, enum fault_kind kind)
{
    switch (kind) {
    case F_CLOSE:
        return ONE_OF(r, 0, 0, 1000, 1001, 1002, 1006, 1011, 4100, 4200, 4200,
                      4201, 4202, 4300, 4004, 4009, 4050);
    case F_REFUSE:
        return ONE_OF(r, 0, 0, 503, 403, 404);
    case F_ERROR_FIRST:
        return ONE_OF(r, 4004, 4100, 4200, 4301);
    case F_AUTH:
        return ONE_OF(r, 0, 1, 403, 500, 429);
    default:
        return rand_between(r, kinds[kind].low, kinds[kind].high);
    }
}

static void
draw_fault(struct scenario *sc, struct rand *r, enum fault_kind kind)
{
    struct fault *f = &sc->faults[sc->fault_count];
    int64_t length;

    /* Drawn whole before it is judged: what follows stays as it is. */
    f->kind = kind;
    f->at = rand_between(r, 0, sc->storm_ns * 9 / 10);
    length = rand_between(r, 1, kinds[kind].longest * 1000) * NS_PER_MS;
    f->until = f->at + (kinds[kind].instant ? 0 : length);
    f->per_mille = (unsigned)ONE_OF(r, 50, 200, 500, 1000, 1000);
    f->arg = draw_arg(r, kind);
    if ((kinds[kind].lossy && sc->lossless) ||
        (kinds[kind].once && has(sc, kind))) {
        return;
    }
    if (kind == F_401 && sc->streams[sc->stream_count - 1].at) {
        return; /* it would be final for a stream that begins then */
    }
    if (kind == F_NO_TAKE || kind == F_VANISH || kind == F_OUTAGE ||
        kind == F_401) {
        f->per_mille = 1000;
    }
    if (kind == F_VANISH || kind == F_400_ID) {
        f->arg %= (int64_t)sc->events;
    }
    sc->fault_count++;
}

static void
draw_streams(struct scenario *sc, struct rand *r)
{
    size_t n = (size_t)ONE_OF(r, 1, 1, 2, 3, 4);

    for (size_t i = 0; i < n; i++) {
        int64_t at =
            i && rand_between(r, 0, 1) ? rand_between(r, 0, sc->storm_ns) : 0;

        sc->streams[i].feed = "events:live";
        sc->streams[i].league = "";
        sc->streams[i].event = -1;
        sc->streams[i].at = i ? at : 0;
        switch (i ? rand_between(r, 0, 4) : rand_between(r, 0, 2)) {
        case 0:
            sc->streams[i].feed = "events:upcoming";
            sc->streams[i].league = rand_between(r, 0, 1) ? "NBA" : "NFL";
            break;
        case 3:
            sc->streams[i].feed = "events:byid";
            sc->streams[i].event =
                (int)rand_between(r, 0, (int64_t)sc->events - 1);
            break;
        case 4:
            if (sc->transport != SGO_TRANSPORT_POLL) {
                sc->streams[i].feed = "events:new-kind";
                sc->streams[i].league = "NBA";
            }
            break;
        default:
            break;
        }
        sc->stream_count++;
    }
    /* Late ones last. */
    for (size_t i = 1; i < n; i++) {
        for (size_t k = i; k > 1 && sc->streams[k - 1].at > sc->streams[k].at;
             k--) {
            typeof(sc->streams[0]) x = sc->streams[k];

            sc->streams[k] = sc->streams[k - 1];
            sc->streams[k - 1] = x;
        }
    }
}

/* Rule 5: each notification comes before its change can be read, and nothing
 * else goes wrong.  Changes of one event keep their distance. */
static void
make_early(struct scenario *sc)
{
    sc->early = sc->lossless = sc->stamped = true;
    sc->reconcile_ns = 0;
    sc->transport = SGO_TRANSPORT_WEBSOCKET;
    sc->minute_requests = sc->minute_objects = 0;
    sc->max_events = 20000;
    sc->net_high = 100 * NS_PER_MS;
    sc->slow_tail = 0;
    sc->batches = false;
    sc->stream_count = 1;
    sc->faults[0] = (struct fault){.kind = F_STALE,
                                   .at = 20 * NS_PER_S,
                                   .until = sc->storm_ns,
                                   .per_mille = 1000,
                                   .arg = 450};
    sc->fault_count = 1;
}

/* Rule 4: answers to the list and by id overtake each other all the time, and
 * no time stamp tells which is older. */
static void
make_race(struct scenario *sc)
{
    sc->stamped = sc->lossless = false;
    sc->events = sc->events > 5 ? 5 : sc->events;
    sc->page_cap = 100;
    sc->change_ns = 250 * NS_PER_MS;
    sc->reconcile_ns = 5 * NS_PER_S;
    sc->transport = SGO_TRANSPORT_WEBSOCKET;
    sc->minute_requests = sc->minute_objects = 0;
    sc->max_events = 20000;
    sc->max_in_flight = 6;
    sc->stream_count = 1;
    sc->streams[0].feed = "events:live";
    sc->streams[0].league = "";
    sc->streams[0].event = -1;
    sc->faults[0] = (struct fault){
        .kind = F_SLOW, .until = sc->storm_ns, .per_mille = 700, .arg = 4};
    sc->fault_count = 1;
}

static void
draw_world(struct scenario *sc, struct rand *r)
{
    sc->events = (size_t)ONE_OF(r, 1, 3, 5, 12, 30, 40);
    sc->storm_ns = ONE_OF(r, 40, 90, 180, 300) * NS_PER_S;
    sc->change_ns = ONE_OF(r, 60, 250, 700, 3000) * NS_PER_MS;
    sc->net_high = ONE_OF(r, 20, 100, 400, 1500) * NS_PER_MS;
    sc->net_low = sc->net_high / 40;
    sc->slow_tail = (unsigned)ONE_OF(r, 0, 0, 50, 100);
    sc->page_cap = (size_t)ONE_OF(r, 1, 4, 10, 25, 100);
    sc->chunk = (size_t)ONE_OF(r, 37, 500, 4000, 100000);
    sc->lossless = rand_between(r, 0, 2) == 0;
    sc->stamped = rand_between(r, 0, 1);
    sc->reorder = rand_between(r, 0, 3) == 0;
    sc->snapshot_first = rand_between(r, 0, 1);
    sc->batches = rand_between(r, 0, 1);
    sc->ws_pings = rand_between(r, 0, 1);
    sc->data_array = rand_between(r, 0, 3) == 0;
    sc->transport = (sgo_transport)ONE_OF(
        r, SGO_TRANSPORT_WEBSOCKET, SGO_TRANSPORT_WEBSOCKET,
        SGO_TRANSPORT_WEBSOCKET, SGO_TRANSPORT_AUTO, SGO_TRANSPORT_AUTO,
        SGO_TRANSPORT_POLL);
    sc->reconcile_ns = ONE_OF(r, 5, 20, 60, 120) * NS_PER_S;
    sc->linger_ns = ONE_OF(r, 0, 1, 4, 20) * NS_PER_S;
    sc->poll_ns = ONE_OF(r, 2, 10, 30) * NS_PER_S;
    sc->max_in_flight = (unsigned)rand_between(r, 1, 6);
    sc->max_events = 20000;
    if (rand_between(r, 0, 9) == 0 && !sc->lossless) {
        sc->max_events = sc->events / 2 + 1;
    }
    if (rand_between(r, 0, 4) == 0 && !sc->lossless) {
        sc->minute_requests = (unsigned)ONE_OF(r, 60, 120, 300);
        sc->minute_objects = (unsigned)ONE_OF(r, 600, 1500, 5000);
        sc->change_ns = 4 * sc->change_ns;
        sc->page_cap = sc->page_cap < 10 ? 10 : sc->page_cap;
    }
    if (sc->lossless) {
        sc->reconcile_ns = 0;
        sc->transport = SGO_TRANSPORT_WEBSOCKET;
    }
}

void
scenario_make(struct scenario *sc, uint64_t seed)
{
    struct rand r;
    size_t faults;

    rand_init(&r, seed * 11 + 5);
    *sc = (struct scenario){.seed = seed};
    draw_world(sc, &r);
    sc->sub_count = (size_t)rand_between(&r, 1, SIM_SUBS);
    draw_streams(sc, &r);
    faults = (size_t)ONE_OF(&r, 0, 2, 4, 8, 14, 22);
    for (size_t i = 0; i < faults; i++) {
        draw_fault(sc, &r, draw_kind(&r));
    }
    if (rand_between(&r, 0, 29) == 0) {
        draw_fault(sc, &r, F_FATAL);
    }
    switch (rand_between(&r, 0, 24)) {
    case 0:
        make_early(sc);
        break;
    case 1:
        make_race(sc);
        break;
    default:
        break;
    }
}

void
scenario_print(const struct scenario *sc)
{
    printf("seed %" PRIu64 ": %zu events, %zu streams, %zu subscriptions, "
           "storm %.0f s, a change per %.2f s, net %d to %d ms%s, page %zu, "
           "%s%s%s%s, reconcile %.0f s, linger %.0f s, %u in flight, "
           "transport %d, max_events %zu, plan %u/%u\n",
           sc->seed, sc->events, sc->stream_count, sc->sub_count,
           (double)sc->storm_ns / 1e9, (double)sc->change_ns / 1e9,
           (int)(sc->net_low / NS_PER_MS), (int)(sc->net_high / NS_PER_MS),
           sc->slow_tail ? " with a tail" : "", sc->page_cap,
           sc->lossless ? "lossless" : "lossy", sc->stamped ? " stamped" : "",
           sc->reorder ? " reorder" : "", sc->batches ? " batches" : "",
           (double)sc->reconcile_ns / 1e9, (double)sc->linger_ns / 1e9,
           sc->max_in_flight, sc->transport, sc->max_events,
           sc->minute_requests, sc->minute_objects);
    for (size_t i = 0; i < sc->fault_count; i++) {
        const struct fault *f = &sc->faults[i];

        printf("  fault %zu: %s at %.3f to %.3f, %u of 1000, arg %d\n", i,
               fault_name(f->kind), (double)f->at / 1e9,
               (double)f->until / 1e9, f->per_mille, (int)f->arg);
    }
}

/* ---- in force --------------------------------------------------------------------- */

/* A refused key is final for streams that never were live. */
static bool
all_live_once(const struct sim *s)
{
    for (size_t i = 0; i < s->stream_count; i++) {
        if (s->streams[i].live_at == 0) {
            return false;
        }
    }
    return true;
}

struct fault *
scenario_hits(struct sim *s, enum fault_kind kind)
{
    int64_t at = s->now - s->begin;

    for (size_t i = 0; i < s->sc.fault_count && !s->calm; i++) {
        struct fault *f = &s->sc.faults[i];

        if (f->kind == kind && at >= f->at && at < f->until &&
            (f->per_mille == 1000 || sim_chance(&s->luck, f->per_mille)) &&
            (kind != F_401 || all_live_once(s))) {
            f->hits++;
            return f;
        }
    }
    return NULL;
}

/* ---- happening ---------------------------------------------------------------------- */

static void
change(struct sim *s, struct task *t)
{
    size_t i = (size_t)rand_between(&s->act, 0, (int64_t)s->event_count - 1);

    (void)t;
    if (s->calm) {
        return;
    }
    if (!s->sc.early || s->now - truth_now(&s->events[i])->at > 8 * NS_PER_S) {
        truth_change(s, i);
    }
    sim_task(s, s->now + rand_between(&s->act, 0, 2 * s->sc.change_ns),
             change);
}

static void
tick(struct sim *s, struct task *t)
{
    (void)t;
    if (s->sc.ws_pings && s->now / NS_PER_S % 20 < 5) {
        push_pings(s);
    }
    push_check(s);
    sim_task(s, s->now + 5 * NS_PER_S, tick);
}

static void
sleep_for(struct sim *s, int64_t seconds)
{
    s->now += seconds * NS_PER_S;
    s->woke_at = s->now;
    brain_clock_jump(s->b, s->now);
    sim_drain(s);
    if (seconds > 15) {
        api_break_all(s);
    }
}

static void
strike(struct sim *s, struct task *t)
{
    struct fault *f = &s->sc.faults[t->number];
    struct fault hush = {.kind = F_HALF_OPEN}, reset = {.kind = F_CLOSE};

    if (s->calm) {
        return;
    }
    sim_line(s, "FAULT %d %s %d", (int)t->number, fault_name(f->kind),
             (int)f->arg);
    switch (f->kind) {
    case F_SUSPEND:
        f->hits++;
        if (f->arg > 60) {
            push_instant(s, &hush);
        }
        sleep_for(s, f->arg);
        break;
    case F_OUTAGE:
        push_instant(s, f);
        break;
    case F_BURST:
        f->hits++;
        for (size_t i = 0; i < s->event_count; i++) {
            truth_change(s, i);
        }
        break;
    case F_VANISH:
        f->hits++;
        truth_exist(s, (size_t)f->arg, false);
        break;
    case F_REFUSE:
    case F_NO_GREETING:
    case F_BAD_GREETING:
    case F_ERROR_FIRST:
    case F_SUB_SILENT:
    case F_SUB_ERROR:
    case F_AUTH:
        if (sim_chance(&s->luck, 500)) { /* so that someone comes */
            push_instant(s, &reset);
        }
        break;
    default:
        if (kinds[f->kind].instant) {
            push_instant(s, f);
        }
        break;
    }
}

static void
lift(struct sim *s, struct task *t)
{
    struct fault *f = &s->sc.faults[t->number];

    if (s->calm) {
        return; /* what is gone then stays gone */
    }
    sim_line(s, "FAULT %d %s is over", (int)t->number, fault_name(f->kind));
    if (f->kind == F_VANISH) {
        truth_exist(s, (size_t)f->arg, true);
    }
}

void
scenario_start(struct sim *s)
{
    for (size_t i = 0; i < s->sc.fault_count; i++) {
        const struct fault *f = &s->sc.faults[i];

        sim_task(s, s->begin + f->at, strike)->number = i;
        if (!kinds[f->kind].instant) {
            sim_task(s, s->begin + f->until, lift)->number = i;
        }
    }
    sim_task(s, s->now + rand_between(&s->act, 0, s->sc.change_ns), change);
    sim_task(s, s->now + 5 * NS_PER_S, tick);
}
