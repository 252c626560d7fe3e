/* Subscriptions of all kinds.  Each keeps copies of its own as a user would,
 * changed by nothing but the updates' changes (P4); versions never go back
 * (P3); at rest the copies are what the streams hold. */
#include "sim.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "json_help.h"

/* ---- what a subscription shows ------------------------------------------------- */

static void
drop_times(cJSON *node)
{
    cJSON *item, *next;

    for (item = node ? node->child : NULL; item; item = next) {
        next = item->next;
        if (item->string && strcmp(item->string, "lastUpdatedAt") == 0) {
            cJSON_Delete(cJSON_DetachItemViaPointer(node, item));
        } else {
            drop_times(item);
        }
    }
}

static void
drop_books(cJSON *odd)
{
    cJSON *books = cJSON_GetObjectItemCaseSensitive(odd, "byBookmaker");
    cJSON *item, *next;

    for (item = books ? books->child : NULL; item; item = next) {
        next = item->next;
        if (strcmp(item->string, "b1") != 0) {
            cJSON_Delete(cJSON_DetachItemViaPointer(books, item));
        }
    }
}

/* Leave what the subscription shows. */
static void
project(const struct sim_sub *sub, cJSON *event)
{
    cJSON *odds = cJSON_GetObjectItemCaseSensitive(event, "odds");
    cJSON *item, *next;

    for (item = odds ? odds->child : NULL; item; item = next) {
        next = item->next;
        if (sub->only_points && strncmp(item->string, "points-", 7) != 0) {
            cJSON_Delete(cJSON_DetachItemViaPointer(odds, item));
        } else if (sub->only_b1) {
            drop_books(item);
        }
    }
    if (!sub->timestamps) {
        drop_times(event);
    }
}

static cJSON *
shown(const struct sim_sub *sub, const struct document *doc)
{
    cJSON *tree = must(cJSON_ParseWithLength(doc->body, doc->len));

    project(sub, tree);
    return tree;
}

static bool
copy_is(const struct sim_sub *sub, size_t i, const struct document *doc)
{
    cJSON *wanted = shown(sub, doc);
    bool same = sub->copies[i] && help_same_json(sub->copies[i], wanted);

    cJSON_Delete(wanted);
    return same;
}

/* ---- one update ------------------------------------------------------------------- */

static void
replay(struct sim *s, struct sim_sub *sub, size_t i, sgo_update *u)
{
    const struct changes *changes;

    if (update_changes(u, &changes) != SGO_OK) {
        sim_fail(s, "P4", "no changes");
        return;
    }
    for (size_t k = 0; k < changes->n; k++) {
        struct path path;

        update_path(u, &changes->items[k], &path);
        if (!help_replay(&sub->copies[i], &path,
                         change_new(&changes->items[k], update_event(u)))) {
            sim_fail(s, "P4", "sub %d: a change of %s leads nowhere",
                     (int)(sub - s->subs), s->events[i].id);
            return;
        }
    }
    project(sub, sub->copies[i]);
    if (!copy_is(sub, i, update_event(u))) {
        sim_fail(s, "P4",
                 "sub %d: %s replayed is not the event (%s, %zu changes, "
                 "skipped %" PRIu64 ")",
                 (int)(sub - s->subs), s->events[i].id,
                 update_kind_name(update_kind(u)), changes->n,
                 update_skipped(u));
    }
}

static void
check_order(struct sim *s, struct sim_sub *sub, size_t i, size_t v, bool again)
{
    if (v < sub->seen[i] && !check_may_go_back(s, i, again)) {
        sim_fail(s, "P3", "sub %d: %s version %zu after %zu",
                 (int)(sub - s->subs), s->events[i].id, v - 1,
                 sub->seen[i] - 1);
    }
    sub->seen[i] = v;
}

static void
took(struct sim *s, struct sim_sub *sub, sgo_update *u)
{
    sgo_update_kind kind = update_kind(u);
    struct document *event = update_event(u);
    size_t i = truth_index(s, event->event_id), v = truth_version(event);
    bool had;

    sub->taken++;
    sub->skipped += update_skipped(u);
    sim_line(s, "TOOK %d %s %s v%d skipped %d%s", (int)(sub - s->subs),
             update_kind_name(kind), event->event_id, (int)v - 1,
             (int)update_skipped(u), update_stale(u) ? " stale" : "");
    if (i == SIM_EVENTS) {
        sim_fail(s, "P4", "unknown event");
        return;
    }
    had = sub->copies[i] != NULL;
    if (had != (kind != SGO_ADDED)) {
        sim_fail(s, "P4", "sub %d: %s %s, but %s", (int)(sub - s->subs),
                 update_kind_name(kind), event->event_id,
                 had ? "it was there" : "it was not there");
        return;
    }
    sub->stale[i] = update_stale(u);
    check_order(s, sub, i, v, !had || update_skipped(u));
    if (kind == SGO_REMOVED) {
        cJSON_Delete(sub->copies[i]);
        sub->copies[i] = NULL;
        return;
    }
    if (kind == SGO_CHANGED &&
        (update_previous(u) == NULL || !copy_is(sub, i, update_previous(u)))) {
        sim_fail(s, "P4", "sub %d: `previous` of %s is not what was shown",
                 (int)(sub - s->subs), event->event_id);
        return;
    }
    replay(s, sub, i, u);
}

static bool
take_some(struct sim *s, struct sim_sub *sub, size_t max)
{
    sgo_update *updates[64];
    size_t n = 0;
    sgo_error err;
    sgo_status status = subscription_take(
        sub->sub, updates, max < 64 ? max : 64, s->now, &n, &err);

    switch (status) {
    case SGO_OK:
        for (size_t i = 0; i < n; i++) {
            if (!s->failed) {
                took(s, sub, updates[i]);
            }
            update_release(updates[i]);
        }
        return true;
    case SGO_SLOW_CONSUMER:
        sub->slow++;
        if (sub->conflate) {
            sim_fail(s, "P5", "a conflating subscription was slow");
        }
        return true;
    case SGO_FAILED:
        sub->ended = true;
        return false;
    case SGO_TIMEOUT:
        return false;
    default:
        sim_fail(s, "P5", "take: %s", status_name(status));
        return false;
    }
}

/* ---- their life ---------------------------------------------------------------------- */

static void
take_task(struct sim *s, struct task *t)
{
    struct sim_sub *sub = &s->subs[t->number];
    int64_t pause = rand_between(&s->who, 0, 2 * sub->pause_ns);

    if (!scenario_hits(s, F_NO_TAKE)) {
        take_some(s, sub, (size_t)rand_between(&s->who, 1, 20));
    }
    if (!s->calm && !sub->ended) {
        sim_task(s, s->now + pause, take_task)->number = t->number;
    }
}

static bool
chooses(const struct sim *s, const struct sim_sub *sub, size_t i)
{
    return !(sub->only_nba && strcmp(s->events[i].league, "NBA") != 0) &&
           !(sub->one_event && i != 0);
}

/* What its first stream has ever told of the events it chooses. */
static int64_t
told_of(const struct sim *s, const struct sim_sub *sub)
{
    int64_t n = 0;

    for (size_t i = 0; i < s->event_count; i++) {
        if (chooses(s, sub, i)) {
            n += (int64_t)s->streams[sub->streams[0] - 1].published[i];
        }
    }
    return n;
}

static void
choose_streams(struct sim *s, struct sim_sub *sub)
{
    for (size_t i = 0; i < s->stream_count; i++) {
        if (!s->streams[i].final && rand_between(&s->who, 0, 1)) {
            sub->streams[sub->stream_n++] = s->streams[i].id;
        }
    }
    if (sub->stream_n == 0 && !s->streams[0].final) {
        sub->streams[sub->stream_n++] = s->streams[0].id;
    }
}

/* What kind of subscription it is. */
static void
draw_kind(struct sim *s, struct sim_sub *sub)
{
    static const int64_t pauses[] = {5, 100, 1000, 5000};

    sub->conflate = rand_between(&s->who, 0, 2) > 0;
    sub->initial = rand_between(&s->who, 0, 3) > 0;
    sub->timestamps = rand_between(&s->who, 0, 1);
    sub->only_points = rand_between(&s->who, 0, 3) == 0;
    sub->only_b1 = rand_between(&s->who, 0, 3) == 0;
    sub->only_nba = rand_between(&s->who, 0, 4) == 0;
    sub->one_event = rand_between(&s->who, 0, 7) == 0;
    sub->mark = rand_between(&s->who, 0, 5) == 0;
    sub->max_queue = (size_t)rand_between(&s->who, 1, 60);
    sub->min_interval_ns = sub->conflate && rand_between(&s->who, 0, 3) == 0
                               ? rand_between(&s->who, 1, 3000) * NS_PER_MS
                               : 0;
    sub->pause_ns = pauses[rand_between(&s->who, 0, 3)] * NS_PER_MS;
}

static sgo_status
create(struct sim *s, struct sim_sub *sub, sgo_error *err)
{
    static const char *const points[] = {"points-*"}, *const book[] = {"b1"},
                             *const nba[] = {"NBA"};
    const char *one[] = {s->events[0].id};
    sgo_subscription_options o;

    subscription_options_init(&o);
    o.conflate = sub->conflate;
    o.initial = sub->initial;
    o.include_timestamps = sub->timestamps;
    o.max_queue = sub->max_queue;
    o.min_interval_ns = sub->min_interval_ns;
    o.odd_ids = points;
    o.odd_id_count = sub->only_points;
    o.bookmaker_ids = book;
    o.bookmaker_id_count = sub->only_b1;
    o.league_ids = nba;
    o.league_id_count = sub->only_nba;
    o.event_ids = one;
    o.event_id_count = sub->one_event;
    o.max_age_ns = sub->mark ? 90 * NS_PER_S : 0;
    o.on_stale = SGO_ON_STALE_MARK;
    return subscription_create(s->hub, sub->streams, sub->stream_n, &o,
                               &sub->sub, err);
}

static void
open_task(struct sim *s, struct task *t)
{
    struct sim_sub *sub = &s->subs[t->number];
    sgo_error err;

    choose_streams(s, sub);
    if (sub->stream_n == 0) {
        sub->ended = true;
        return;
    }
    draw_kind(s, sub);
    if (create(s, sub, &err) != SGO_OK) {
        sim_fail(s, "P5", "no subscription: %s", err.text);
        sub->ended = true;
        return;
    }
    sim_line(s, "SUB %d opens%s%s%s%s%s", (int)t->number,
             sub->conflate ? "" : " queue", sub->initial ? "" : " later",
             sub->timestamps ? " times" : "",
             sub->only_points ? " points" : "", sub->only_b1 ? " b1" : "");
    if (!sub->initial) { /* it knows what is held without being told */
        for (size_t i = 0; i < s->event_count; i++) {
            struct document *doc = consumer_held(s, sub, i);

            if (doc) {
                sub->copies[i] = shown(sub, doc);
                sub->seen[i] = truth_version(doc);
            }
        }
    }
    for (size_t i = 0; i < s->event_count; i++) { /* the snapshot is told */
        sub->offered += sub->initial && consumer_held(s, sub, i);
    }
    sub->offered -= told_of(s, sub);
    sim_task(s, s->now, take_task)->number = t->number;
}

void
consumer_start(struct sim *s)
{
    s->sub_count = s->sc.sub_count;
    for (size_t i = 0; i < s->sub_count; i++) {
        int64_t at = rand_between(&s->who, 0, 1)
                         ? rand_between(&s->who, 0, s->sc.storm_ns)
                         : 0;

        sim_task(s, s->now + at, open_task)->number = i;
    }
}

/* ---- at rest ----------------------------------------------------------------------------- */

struct document *
consumer_held(struct sim *s, const struct sim_sub *sub, size_t i)
{
    if (!chooses(s, sub, i)) {
        return NULL;
    }
    for (size_t k = 0; k < sub->stream_n; k++) {
        struct document *doc = s->streams[sub->streams[k] - 1].docs[i];

        if (doc) {
            return doc;
        }
    }
    return NULL;
}

static void
check_counts(struct sim *s, const struct sim_sub *sub)
{
    sgo_subscription_stats st;

    subscription_get_stats(sub->sub, &st);
    if (st.delivered != sub->taken || st.slow_episodes < sub->slow) {
        sim_fail(s, "counts", "sub %d: %" PRIu64 " taken, %" PRIu64 " counted",
                 (int)(sub - s->subs), sub->taken, st.delivered);
    }
    if (st.pending || (st.cancelled == 0 && st.conflated != sub->skipped) ||
        sub->skipped > st.conflated) {
        sim_fail(s, "counts",
                 "sub %d: %" PRIu64 " pending, %" PRIu64 " conflated, %" PRIu64
                 " skipped",
                 (int)(sub - s->subs), st.pending, st.conflated, sub->skipped);
    }
}

/* Told = delivered + conflated + hidden, and two for each event that came and
 * went unseen. */
static void
check_sum(struct sim *s, const struct sim_sub *sub)
{
    sgo_subscription_stats st;
    int64_t told = sub->offered + told_of(s, sub), kept;

    subscription_get_stats(sub->sub, &st);
    kept =
        (int64_t)(st.delivered + st.conflated + st.hidden + 2 * st.cancelled);
    if (sub->stream_n == 1 && !sub->mark && told != kept) {
        sim_fail(s, "counts",
                 "sub %d: %d told = %d delivered + %d conflated + %d hidden + "
                 "2 * %d cancelled",
                 (int)(sub - s->subs), (int)told, (int)st.delivered,
                 (int)st.conflated, (int)st.hidden, (int)st.cancelled);
    }
}

void
consumer_drain(struct sim *s, struct sim_sub *sub)
{
    while (!s->failed && take_some(s, sub, 64)) {
    }
}

void
consumer_check(struct sim *s)
{
    for (size_t k = 0; k < s->sub_count && !s->failed; k++) {
        struct sim_sub *sub = &s->subs[k];

        if (sub->sub == NULL) {
            continue;
        }
        consumer_drain(s, sub);
        if (sub->min_interval_ns) { /* what was held back meanwhile */
            s->now += 4 * NS_PER_S;
            consumer_drain(s, sub);
        }
        if (sub->ended) {
            continue; /* a stream of it has failed */
        }
        for (size_t i = 0; i < s->event_count && !s->failed; i++) {
            struct document *doc = consumer_held(s, sub, i);

            if (doc ? !copy_is(sub, i, doc) : sub->copies[i] != NULL) {
                sim_fail(s, "P4",
                         "sub %zu: its copy of %s is not what the "
                         "streams hold",
                         k, s->events[i].id);
            }
            if (doc && sub->stale[i]) {
                sim_fail(s, "P2", "sub %zu: %s is stale at rest", k,
                         s->events[i].id);
            }
        }
        check_counts(s, sub);
        check_sum(s, sub);
    }
}

void
consumer_fini(struct sim *s)
{
    for (size_t k = 0; k < s->sub_count; k++) {
        subscription_release(s->subs[k].sub);
        for (size_t i = 0; i < SIM_EVENTS; i++) {
            cJSON_Delete(s->subs[k].copies[i]);
        }
    }
}
