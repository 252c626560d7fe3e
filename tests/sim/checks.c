/* The promises, where they must hold: at each action, and at rest. */
#include "sim.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"

#define LONG_NS (60 * NS_PER_S)

struct sim_stream *
check_stream(struct sim *s, uint32_t id)
{
    return id && id <= s->stream_count ? &s->streams[id - 1] : NULL;
}

/* An untrue answer without a sign, or with nothing to compare it to: nobody
 * could tell. */
bool
check_may_go_back(const struct sim *s, size_t i, bool again)
{
    return (again || !s->sc.stamped) && s->events[i].lied_at;
}

static bool
belongs(const struct sim_event *e, const struct event_version *v,
        const struct sim_stream *st)
{
    return truth_listed(e, v, st->feed, st->league, st->event) &&
           !truth_leaving(v, st->feed);
}

/* ---- versions as the brain tells them (P1, P3) --------------------------------- */

static void
check_body(struct sim *s, size_t i, const struct document *doc, size_t v)
{
    const struct sim_event *e = &s->events[i];

    for (int order = 0; v && v <= e->n && order < 2; order++) {
        const struct event_version *x = &e->versions[v - 1];

        if (x->body[order] && x->len[order] == doc->len &&
            memcmp(x->body[order], doc->body, doc->len) == 0) {
            return;
        }
    }
    sim_fail(s, "P1", "%s: no version was ever like this: %.*s", e->id,
             (int)doc->len, doc->body);
}

static void
check_removal(struct sim *s, const struct sim_stream *st, size_t i,
              sgo_cause cause)
{
    const struct sim_event *e = &s->events[i];

    if (belongs(e, truth_now(e), st) && s->now - e->member_since > LONG_NS &&
        (e->lied_at == 0 || s->now - e->lied_at > LONG_NS) &&
        s->now - s->woke_at > LONG_NS) {
        sim_fail(s, "P1",
                 "S%u: %s removed (%s), but it has belonged for "
                 "%.1f s",
                 st->id, e->id, cause_name(cause),
                 (double)(s->now - e->member_since) / 1e9);
    }
}

void
check_publish(struct sim *s, const struct action *a)
{
    struct sim_stream *st = check_stream(s, a->u.publish.stream_id);
    struct document *doc = a->u.publish.event;
    size_t i = truth_index(s, doc->event_id), v = truth_version(doc);
    struct document **held;

    sim_line(s, "S%u %s %s v%d %s", a->u.publish.stream_id,
             update_kind_name(a->u.publish.kind), a->u.publish.event_id,
             (int)v - 1, cause_name(a->u.publish.cause));
    if (st == NULL || i == SIM_EVENTS || st->final) {
        sim_fail(s, "P1", "a version of nobody's event");
        return;
    }
    held = &st->docs[i];
    check_body(s, i, doc, v);
    switch (a->u.publish.kind) {
    case SGO_ADDED:
        if (*held ||
            (a->u.publish.cause != SGO_CAUSE_SNAPSHOT &&
             truth_leaving(&s->events[i].versions[v - 1], st->feed))) {
            sim_fail(s, "P1", "S%u: %s added, but %s", st->id, s->events[i].id,
                     *held ? "it was there" : "it has left");
        }
        break;
    case SGO_CHANGED:
        if (*held == NULL || a->u.publish.changes == NULL ||
            truth_version(*held) != truth_version(a->u.publish.previous)) {
            sim_fail(s, "P4", "S%u: %s changed from another version", st->id,
                     s->events[i].id);
        }
        break;
    case SGO_REMOVED:
        if (*held == NULL || truth_version(*held) != v) {
            sim_fail(s, "P4", "S%u: %s removed, another version was held",
                     st->id, s->events[i].id);
        }
        check_removal(s, st, i, a->u.publish.cause);
        break;
    }
    if (v < st->seen[i] && !check_may_go_back(s, i, *held == NULL)) {
        sim_fail(s, "P3", "S%u: %s version %zu after %zu", st->id,
                 s->events[i].id, v - 1, st->seen[i] - 1);
    }
    st->seen[i] = v;
    st->published[i]++;
    st->added_n += a->u.publish.kind == SGO_ADDED;
    st->removed_n += a->u.publish.kind == SGO_REMOVED;
    document_release(*held);
    *held = a->u.publish.kind == SGO_REMOVED ? NULL : document_retain(doc);
}

/* ---- live is a promise (P2) --------------------------------------------------------- */

/* All that was true when the channel was confirmed is held now, or newer. */
static void
check_live(struct sim *s, struct sim_stream *st)
{
    char channel[96];
    int64_t since;

    push_channel_name(s, channel, sizeof(channel), st->feed, st->league,
                      st->event);
    since = push_confirmed_at(s, channel);
    if (s->sc.transport != SGO_TRANSPORT_WEBSOCKET || since == 0 ||
        s->sc.max_events < s->event_count) {
        return;
    }
    for (size_t i = 0; i < s->event_count; i++) {
        const struct sim_event *e = &s->events[i];
        const struct event_version *v = truth_at(e, since);
        size_t held = st->docs[i] ? truth_version(st->docs[i]) : 0;

        if (!belongs(e, v, st) || e->member_since > since ||
            e->lied_at > since || e->told_refused || e->reported_at > since) {
            continue;
        }
        if (held < (size_t)(v - e->versions) + 1) {
            sim_fail(s, "P2",
                     "S%u is live with version %d of %s; it was %d when the "
                     "channel was confirmed",
                     st->id, (int)held - 1, e->id, (int)(v - e->versions));
        }
    }
}

/* Without its channel no stream is live. */
void
check_lost(struct sim *s)
{
    for (size_t k = 0; k < s->stream_count; k++) {
        const struct sim_stream *st = &s->streams[k];
        char channel[96];

        push_channel_name(s, channel, sizeof(channel), st->feed, st->league,
                          st->event);
        if (s->sc.transport == SGO_TRANSPORT_WEBSOCKET && !st->final &&
            st->phase == SGO_PHASE_LIVE &&
            push_confirmed_at(s, channel) == 0) {
            sim_fail(s, "P2", "S%u is live without its channel", st->id);
        }
    }
}

void
check_state(struct sim *s, const struct action *a)
{
    struct sim_stream *st = check_stream(s, a->u.state.stream_id);
    bool was_live;

    sim_line(s, "S%u %s %s: %s", a->u.state.stream_id,
             connection_name(a->u.state.connection),
             phase_name(a->u.state.phase), a->u.state.reason);
    if (st == NULL) {
        return;
    }
    was_live = st->phase == SGO_PHASE_LIVE;
    st->phase_at = st->phase == a->u.state.phase ? st->phase_at : s->now;
    st->connection = a->u.state.connection;
    st->phase = a->u.state.phase;
    if (st->phase == SGO_PHASE_LIVE && !was_live) {
        st->live_at = s->now;
        check_live(s, st);
    }
}

/* ---- notified ids (P2) ----------------------------------------------------------------- */

void
check_proof(struct sim *s, const struct action *a)
{
    struct sim_stream *st = check_stream(s, a->u.proof.stream_id);
    struct sim_event *e;
    size_t i;

    if (a->u.proof.proof_ns > s->now + NS_PER_MS) {
        sim_fail(s, "P2", "a proof from the future");
    }
    if (a->u.proof.event_id == NULL || st == NULL) {
        return;
    }
    i = truth_index(s, a->u.proof.event_id);
    if (i == SIM_EVENTS) {
        return;
    }
    e = &s->events[i];
    st->unanswered[i] = a->u.proof.unanswered;
    e->told_refused = a->u.proof.refused;
    if (!a->u.proof.unanswered && !a->u.proof.refused &&
        e->notified_seq > e->answer_seq) {
        sim_fail(s, "P2",
                 "S%u: %s is called answered, but no request that started "
                 "after its notification at %.4f was",
                 st->id, e->id, (double)(e->notified_at - s->begin) / 1e9);
    }
}

/* Bits of the streams that show the event. */
unsigned
check_holders(const struct sim *s, size_t i)
{
    unsigned bits = 0;

    for (size_t k = 0; k < s->stream_count; k++) {
        if (s->streams[k].docs[i] && !s->streams[k].final) {
            bits |= 1u << k;
        }
    }
    return bits;
}

/* With its last stream a notification has nobody to whom it is owed. */
static void
forget_notified(struct sim *s, const struct sim_stream *st)
{
    for (size_t i = 0; i < s->event_count; i++) {
        struct sim_event *e = &s->events[i];

        e->notified_to &= ~(1u << (st->id - 1));
        if (e->notified_to == 0) {
            e->notified_seq = 0;
        }
    }
}

void
check_notified(struct sim *s, size_t i)
{
    const struct sim_event *e = &s->events[i];

    for (size_t k = 0; k < s->stream_count; k++) {
        const struct sim_stream *st = &s->streams[k];

        if (st->docs[i] && !st->final && !st->unanswered[i] &&
            e->notified_seq > e->answer_seq) {
            sim_fail(s, "P2",
                     "S%u: %s was notified and is not called "
                     "unanswered",
                     st->id, e->id);
        }
    }
}

void
check_error(struct sim *s, const struct action *a)
{
    struct sim_stream *st = check_stream(s, a->u.error.stream_id);
    const sgo_error *err = a->u.error.error;
    bool expected = false;
    size_t i;

    sim_line(s, "S%u ERROR%s %d %s", a->u.error.stream_id,
             a->u.error.final ? " final" : "", err->kind, err->text);
    s->errors_told++;
    s->limit_errors += err->kind == SGO_ERROR_LIMIT;
    if (a->u.error.event_id) {
        i = truth_index(s, a->u.error.event_id);
        if (i < SIM_EVENTS) {
            s->events[i].reported_at = s->now;
        }
    }
    if (!a->u.error.final || st == NULL) {
        return;
    }
    if (st->event[0] && err->kind == SGO_ERROR_NOT_FOUND) {
        expected = truth_index(s, st->event) < SIM_EVENTS &&
                   s->events[truth_index(s, st->event)].n > 1;
    }
    if (!expected && !s->fatal) {
        sim_fail(s, "P2", "S%u ended: %s", st->id, err->text);
    }
    st->final = true;
    forget_notified(s, st);
    st->error = *err;
    for (i = 0; i < SIM_EVENTS; i++) {
        document_release(st->docs[i]);
        st->docs[i] = NULL;
    }
}

/* ---- requests and answers (P5, P9) ---------------------------------------------------------- */

static bool
further_page(const struct sim_request *r)
{
    return strstr(r->url, "cursor=") != NULL;
}

static void
check_twice(struct sim *s, const struct sim_request *r)
{
    for (const struct sim_request *o = s->requests; o; o = o->next) {
        if (o == r || o->kind != ASK_IDS || further_page(o)) {
            continue;
        }
        for (size_t i = 0; i < r->asked_n; i++) {
            for (size_t k = 0; k < o->asked_n; k++) {
                if (r->asked[i] == o->asked[k] && r->asked[i] < SIM_EVENTS) {
                    sim_fail(s, "P5", "%s is asked twice at once",
                             s->events[r->asked[i]].id);
                }
            }
        }
    }
}

static bool
power_of_two_seconds(int64_t ns)
{
    int64_t n = ns / NS_PER_S;

    return ns > 0 && ns % NS_PER_S == 0 && (n & (n - 1)) == 0;
}

void
check_request(struct sim *s, const struct sim_request *r)
{
    unsigned out = 0;

    if (r->kind == ASK_AUTH) {
        return;
    }
    for (const struct sim_request *o = s->requests; o; o = o->next) {
        out += o->kind != ASK_AUTH;
    }
    if (out > s->sc.max_in_flight) {
        sim_fail(s, "P5", "%u requests at once", out);
    }
    if (r->asked_n > 25 || strlen(r->url) > 8192) {
        sim_fail(s, "P5", "%zu ids in %zu bytes of URL", r->asked_n,
                 strlen(r->url));
    }
    if (s->now < s->wait_until) {
        sim_fail(s, "P9", "asked %.3f s before a 429 allows it",
                 (double)(s->wait_until - s->now) / 1e9);
    }
    if (r->kind == ASK_IDS && !further_page(r)) {
        check_twice(s, r);
    }
    if (s->outage_since) {
        double lasts = (double)(s->now - s->outage_since) / 1e9;

        if (++s->outage_asks > 16 + lasts / 8) {
            sim_fail(s, "P9", "%u requests in %.1f s of outage",
                     s->outage_asks, lasts);
        }
        if (power_of_two_seconds(s->now - s->failed_at)) {
            sim_fail(s, "P9", "asked exactly %d s after a failure: no jitter",
                     (int)((s->now - s->failed_at) / NS_PER_S));
        }
    }
}

static void
note_outage(struct sim *s, const struct sim_request *r)
{
    if (r->no_answer && scenario_hits(s, F_OUTAGE)) {
        if (s->outage_since == 0) {
            s->outage_since = s->now;
            s->outage_asks = 0;
        }
        s->failed_at = s->now;
    } else {
        s->outage_since = 0;
    }
}

static void
is_answered(struct sim *s, const struct sim_request *r, size_t i)
{
    if (i < SIM_EVENTS && r->started_seq > s->events[i].answer_seq) {
        s->events[i].answer_seq = r->started_seq;
    }
}

static void
note_answer(struct sim *s, struct sim_request *r)
{
    bool there = false;

    for (size_t i = 0; i < r->listed_n; i++) {
        is_answered(s, r, r->listed[i]);
        there = there || (r->asked_n == 1 && r->listed[i] == r->asked[0]);
    }
    if (r->asked_n == 1 && !there) {
        is_answered(s, r, r->asked[0]); /* the answer is that it is not */
    }
}

/* Called as data arrives (lists are applied at once), and at the end. */
void
check_answer(struct sim *s, struct sim_request *r, bool ended)
{
    bool list = r->kind == ASK_LIST || r->kind == ASK_BOOT;

    for (; list && r->told < r->listed_n && r->listed_end[r->told] <= r->sent;
         r->told++) {
        is_answered(s, r, r->listed[r->told]);
    }
    if (r->kind == ASK_IDS && ended && r->whole &&
        (r->status == 200 || r->status == 404)) {
        note_answer(s, r);
    }
    if (r->kind != ASK_AUTH && ended && r->headed && r->status == 429) {
        int64_t wait = r->retry_after > 0 ? r->retry_after : NS_PER_S / 2;

        if (r->retry_after <= 0 && r->sent_at <= s->refused_at) {
            wait = 0; /* sent before another was refused: no news */
        }
        s->refused_at = s->now;
        if (s->now + wait > s->wait_until) {
            s->wait_until = s->now + wait;
        }
    }
    if (r->kind != ASK_AUTH && ended) {
        note_outage(s, r);
    }
}

/* ---- sums -------------------------------------------------------------------------------------- */

/* Of every id that was notified one thing became, and it is counted. */
static void
check_sum(struct sim *s, const struct sim_stream *st)
{
    sgo_stream_stats t;

    if (!st->added || brain_stream_stats(s->b, st->id, s->now, &t) != SGO_OK) {
        return;
    }
    if (t.ids_notified !=
        t.ids_answered + t.ids_conflated + t.ids_refused + t.ids_pending) {
        sim_fail(s, "counts",
                 "S%u: %" PRIu64 " ids notified, %" PRIu64
                 " answered + %" PRIu64 " conflated + %" PRIu64
                 " refused + %" PRIu64 " pending",
                 st->id, t.ids_notified, t.ids_answered, t.ids_conflated,
                 t.ids_refused, t.ids_pending);
    }
    if (t.ids_pending > s->event_count) {
        sim_fail(s, "P5", "S%u: %" PRIu64 " ids pending", st->id,
                 t.ids_pending);
    }
}

/* ---- bounds (P5) ------------------------------------------------------------------------------ */

void
check_bounds(struct sim *s)
{
    struct brain_counters c;

    brain_get_counters(s->b, &c);
    if (c.events_held > s->sc.max_events ||
        c.requests_in_flight > s->sc.max_in_flight ||
        c.cache_bytes > (size_t)64 << 20) {
        sim_fail(s, "P5", "%zu events, %u requests, %zu bytes", c.events_held,
                 c.requests_in_flight, c.cache_bytes);
    }
    for (size_t i = 0; i < s->stream_count; i++) {
        check_sum(s, &s->streams[i]);
    }
    for (size_t i = 0; i < s->sub_count; i++) {
        const struct sim_sub *sub = &s->subs[i];
        sgo_subscription_stats st;

        if (sub->sub == NULL) {
            continue;
        }
        subscription_get_stats(sub->sub, &st);
        if (st.pending > (sub->conflate || sub->max_queue < s->event_count
                              ? s->event_count
                              : sub->max_queue)) {
            sim_fail(s, "P5", "sub %zu: %" PRIu64 " pending", i, st.pending);
        }
    }
}

/* ---- at rest (P1) ------------------------------------------------------------------------------- */

static void
check_event(struct sim *s, const struct sim_stream *st, size_t i,
            bool may_lack)
{
    const struct sim_event *e = &s->events[i];
    const struct event_version *v = truth_now(e);
    const struct document *doc = st->docs[i];
    size_t held = doc ? truth_version(doc) : 0;

    if (belongs(e, v, st) && held != e->n && !(may_lack && held == 0)) {
        sim_fail(s, "P1", "S%u at rest: version %d of %s, the truth is %zu",
                 st->id, (int)held - 1, e->id, e->n - 1);
    }
    if (!belongs(e, v, st) && doc &&
        (truth_leaving(v, st->feed) || s->sc.reconcile_ns ||
         !v->state.exists)) {
        sim_fail(s, "P1", "S%u at rest: %s does not belong", st->id, e->id);
    }
    if (doc && e->notified_seq > e->answer_seq) {
        sim_fail(s, "P2",
                 "S%u at rest: a notification of %s at %.4f was "
                 "never answered",
                 st->id, e->id, (double)(e->notified_at - s->begin) / 1e9);
    }
    if (doc && (st->unanswered[i] || e->told_refused)) {
        sim_fail(s, "P2", "S%u at rest: %s is not proven", st->id, e->id);
    }
}

static void
check_table(struct sim *s, const struct sim_stream *st)
{
    size_t n = 0;

    for (size_t i = 0; i < s->event_count; i++) {
        const char *id = s->events[i].id;
        struct document *doc = hub_event(s->hub, st->id, id, strlen(id));

        n += doc != NULL;
        if (doc != st->docs[i]) {
            sim_fail(s, "P1", "S%u: the table's %s is not what was told",
                     st->id, id);
        }
        document_release(doc);
    }
    if (n != hub_event_count(s->hub, st->id)) {
        sim_fail(s, "P1", "S%u: the table has others, too", st->id);
    }
}

static void
check_stats(struct sim *s, const struct sim_stream *st)
{
    sgo_stream_stats stats;

    check_sum(s, st);

    if (brain_stream_stats(s->b, st->id, s->now, &stats) != SGO_OK) {
        sim_fail(s, "counts", "S%u has no statistics", st->id);
        return;
    }
    if (stats.ids_notified != st->ids_delivered) {
        sim_fail(s, "counts",
                 "S%u: %" PRIu64 " ids notified, %" PRIu64 " counted", st->id,
                 st->ids_delivered, stats.ids_notified);
    }
    if (stats.ids_pending) {
        sim_fail(s, "P1", "S%u at rest: %" PRIu64 " ids pending", st->id,
                 stats.ids_pending);
    }
    if (s->sc.streams[st->id - 1].at == 0 &&
        (stats.events_added != st->added_n ||
         stats.events_removed != st->removed_n)) {
        sim_fail(s, "counts",
                 "S%u: %" PRIu64 " added, %" PRIu64
                 " removed; counted %" PRIu64 ", %" PRIu64,
                 st->id, st->added_n, st->removed_n, stats.events_added,
                 stats.events_removed);
    }
    if (st->gaps > stats.gaps && s->sc.streams[st->id - 1].at == 0) {
        sim_fail(s, "counts", "S%u: %u gaps told, %" PRIu64 " counted", st->id,
                 st->gaps, stats.gaps);
    }
}

void
check_rest(struct sim *s)
{
    struct brain_counters c;
    bool may_lack;

    push_check(s);
    brain_get_counters(s->b, &c);
    may_lack = s->sc.max_events < s->event_count && c.events_refused &&
               s->limit_errors;
    for (size_t k = 0; k < s->stream_count && !s->failed; k++) {
        const struct sim_stream *st = &s->streams[k];

        if (st->final) {
            continue;
        }
        if (st->phase != SGO_PHASE_LIVE &&
            !(st->connection == SGO_CONN_POLLING &&
              s->now - st->phase_at < 2 * LONG_NS)) { /* slow polls */
            sim_fail(s, "P1", "S%u at rest: %s, %s", st->id,
                     connection_name(st->connection), phase_name(st->phase));
        }
        for (size_t i = 0; i < s->event_count && !s->failed; i++) {
            check_event(s, st, i, may_lack);
        }
        check_table(s, st);
        check_stats(s, st);
    }
    for (const struct sim_request *r = s->requests; r; r = r->next) {
        if (s->now - r->sent_at > 2 * r->timeout_ns) {
            sim_fail(s, "P1", "request %" PRIu64 " is stuck", r->id);
        }
    }
}
