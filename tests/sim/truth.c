/* The events as they are: versions, bodies, who would list them. */
#include "sim.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json/text.h"

static const char *const books[SIM_BOOKS] = {"b1", "b2", "b3"};
static const char *const odds[SIM_ODDS] = {
    "points-home-game-ml-home", "points-all-game-ou-over",
    "assists+rebounds-P_1-game-ou-over"};

/* ---- bodies ------------------------------------------------------------------ */

struct page {
    char *p;
    size_t len, cap;
};

static void put(struct page *t, const char *fmt, ...) SGO_PRINTF(2, 3);

static void
put(struct page *t, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    t->len += (size_t)vsnprintf(t->p + t->len, t->cap - t->len, fmt, ap);
    va_end(ap);
    if (t->len >= t->cap) {
        abort();
    }
}

static const char *
yes(bool b)
{
    return b ? "true" : "false";
}

static void
put_time(struct page *t, unsigned ms)
{
    put(t, "\"2026-01-15T%02u:%02u:%02u.%03uZ\"", ms / 3600000 % 24,
        ms / 60000 % 60, ms / 1000 % 60, ms % 1000);
}

static void
put_marker(struct page *t, const struct event_state *e, size_t v)
{
    put(t, "\"marker-all-game-x-y\":{\"v\":%zu", v);
    if (e->stamp) {
        put(t, ",\"lastUpdatedAt\":");
        put_time(t, e->stamp);
    }
    put(t, "}");
}

static void
put_quote(struct page *t, const struct quote_state *q, const char *book)
{
    put(t, "\"%s\":{\"odds\":\"%+d\",\"lastUpdatedAt\":", book, q->odds);
    put_time(t, q->stamp);
    put(t, ",\"available\":%s", yes(q->odds % 7));
    if (q->alt_lines >= 0) {
        put(t, ",\"altLines\":[");
        for (int i = 0; i < q->alt_lines; i++) {
            put(t, "%s{\"overUnder\":\"%d.5\",\"odds\":\"%+d\"}", i ? "," : "",
                40 + i, q->odds + i);
        }
        put(t, "]");
    }
    put(t, "}");
}

static void
put_odds(struct page *t, const struct event_state *e, size_t v, bool other)
{
    put(t, "\"odds\":{");
    if (!other) {
        put_marker(t, e, v);
    }
    for (int k = 0; k < SIM_ODDS; k++) {
        int o = other ? SIM_ODDS - 1 - k : k;
        bool first = true;

        put(t, "%s\"%s\":{\"oddID\":\"%s\",\"byBookmaker\":{",
            k || !other ? "," : "", odds[o], odds[o]);
        for (int i = 0; i < SIM_BOOKS; i++) {
            int b = other ? (i + 1) % SIM_BOOKS : i;

            if (e->quotes[o][b].there) {
                put(t, "%s", first ? "" : ",");
                put_quote(t, &e->quotes[o][b], books[b]);
                first = false;
            }
        }
        put(t, "}}");
    }
    if (other) {
        put(t, ",");
        put_marker(t, e, v);
    }
    put(t, "}");
}

static char *
body_of(const struct sim_event *e, const struct event_state *st, size_t v,
        bool other, size_t *len)
{
    char room[6000];
    struct page t = {room, 0, sizeof(room)};

    put(&t, "{\"eventID\":\"%s\",\"leagueID\":\"%s\",", e->id, e->league);
    if (other) {
        put_odds(&t, st, v, other);
        put(&t, ",");
    }
    put(&t,
        "\"status\":{\"live\":%s,\"started\":%s,\"ended\":%s,\"cancelled\":%s"
        ",\"oddsAvailable\":%s},\"teams\":{\"home\":{\"names\":{\"long\":"
        "\"Caf\\u00e9 \xC3\xA9\"},\"score\":%d}}",
        yes(st->live), yes(st->started), yes(st->ended), yes(st->cancelled),
        yes(st->odds_available), st->score);
    if (!other) {
        put(&t, ",");
        put_odds(&t, st, v, other);
    }
    put(&t, "}");
    *len = t.len;
    return must(strndup(room, t.len));
}

static void
add_version(struct sim *s, struct sim_event *e, const struct event_state *st)
{
    struct event_version *v;

    if (e->n == e->cap) {
        e->cap = e->cap ? 2 * e->cap : 16;
        e->versions = must(realloc(e->versions, e->cap * sizeof(*v)));
    }
    v = &e->versions[e->n];
    *v = (struct event_version){.at = s->now, .state = *st};
    v->body[0] = body_of(e, st, e->n, false, &v->len[0]);
    v->body[1] = s->sc.reorder ? body_of(e, st, e->n, true, &v->len[1]) : NULL;
    e->n++;
}

/* ---- reading ------------------------------------------------------------------- */

size_t
truth_index(const struct sim *s, const char *id)
{
    size_t n = strlen(id), i = n;

    while (i && id[i - 1] >= '0' && id[i - 1] <= '9') {
        i--;
    }
    i = i < n ? (size_t)strtoul(id + i, NULL, 10) : SIM_EVENTS;
    return i < s->event_count && strcmp(s->events[i].id, id) == 0 ? i
                                                                  : SIM_EVENTS;
}

const struct event_version *
truth_at(const struct sim_event *e, int64_t when)
{
    size_t v = e->n - 1;

    while (v && e->versions[v].at > when) {
        v--;
    }
    return &e->versions[v];
}

bool
truth_listed(const struct sim_event *e, const struct event_version *v,
             const char *feed, const char *league, const char *event)
{
    const struct event_state *st = &v->state;

    if (!st->exists) {
        return false;
    }
    if (strcmp(feed, "events:live") == 0) {
        return st->live;
    }
    if (strcmp(feed, "events:upcoming") == 0) {
        return !st->started && st->odds_available &&
               strcmp(e->league, league) == 0;
    }
    if (strcmp(feed, "events:byid") == 0) {
        return strcmp(e->id, event) == 0;
    }
    return strcmp(e->league, "NBA") == 0; /* any other feed */
}

bool
truth_leaving(const struct event_version *v, const char *feed)
{
    const struct event_state *st = &v->state;

    if (strcmp(feed, "events:live") == 0) {
        return !st->live && (st->ended || st->cancelled);
    }
    if (strcmp(feed, "events:upcoming") == 0) {
        return st->started || st->cancelled || !st->odds_available;
    }
    return false;
}

size_t
truth_version(const struct document *doc)
{
    struct value v;
    const char *raw;
    int64_t n = -1;
    size_t len;

    if (VALUE_GET(document_root(doc), "odds", &v) &&
        VALUE_GET(v, "marker-all-game-x-y", &v) && VALUE_GET(v, "v", &v)) {
        raw = value_raw(v, &len);
        number_parse_int64(raw, len, &n);
    }
    return (size_t)(n + 1);
}

/* ---- changing -------------------------------------------------------------------- */

static void
change_quote(struct sim *s, struct event_state *st)
{
    struct quote_state *q =
        &st->quotes[rand_between(&s->act, 0, SIM_ODDS - 1)]
                   [rand_between(&s->act, 0, SIM_BOOKS - 1)];

    switch (rand_between(&s->act, 0, 9)) {
    case 0:
        q->there = !q->there;
        break;
    case 1:
        q->alt_lines = (int)rand_between(&s->act, -1, 3);
        break;
    case 2:
        q->stamp++; /* a time stamp alone */
        break;
    default:
        q->odds = (int)rand_between(&s->act, -3, 3) * 50 + 110;
        break;
    }
    if (sim_chance(&s->act, 800)) {
        q->stamp = (unsigned)((s->now - s->begin) / NS_PER_MS) + 1;
    }
}

/* Begin, end, come back: what moves an event between feeds. */
static void
change_status(struct sim *s, struct event_state *st)
{
    bool lossless = s->sc.lossless;

    switch (rand_between(&s->act, 0, 6)) {
    case 0: /* over */
        if (st->live) {
            st->live = false;
            st->ended = true;
        }
        break;
    case 1: /* begun, or back again */
        if (!st->live) {
            st->live = st->started = st->odds_available = true;
            st->ended = st->cancelled = false;
        }
        break;
    case 2: /* off the list, without having ended */
        st->live = lossless ? st->live : !st->live && st->started;
        break;
    case 3: /* set for later */
        if (st->ended && !lossless) {
            st->ended = st->live = st->started = false;
            st->odds_available = true;
        }
        break;
    case 4:
        if (!st->started) {
            st->cancelled = true;
            st->odds_available = sim_chance(&s->act, 300);
        }
        break;
    case 5:
        if (!st->started && (!lossless || !st->cancelled)) {
            st->odds_available = !st->odds_available;
        }
        break;
    default:
        st->score++;
        break;
    }
}

static void
apply(struct sim *s, size_t i, const struct event_state *st)
{
    struct sim_event *e = &s->events[i];
    struct event_version was = *truth_now(e);

    add_version(s, e, st);
    if (st->live != was.state.live || st->started != was.state.started ||
        st->exists != was.state.exists || st->ended != was.state.ended ||
        st->cancelled != was.state.cancelled ||
        st->odds_available != was.state.odds_available) {
        e->member_since = s->now;
    }
    sim_line(s, "TRUTH %s is version %zu%s%s%s", e->id, e->n - 1,
             st->exists ? "" : " gone", st->live ? " live" : "",
             st->ended ? " ended" : "");
    push_notify(s, &i, 1, &was);
}

/* Where changes are stamped, each moves the time on. */
static void
stamp(const struct sim *s, struct event_state *st)
{
    if (s->sc.stamped) {
        unsigned ms = (unsigned)((s->now - s->begin) / NS_PER_MS) + 1;

        st->stamp = ms > st->stamp ? ms : st->stamp + 1;
    }
}

void
truth_change(struct sim *s, size_t i)
{
    struct event_state st = truth_now(&s->events[i])->state;
    int64_t n = rand_between(&s->act, 1, 3);

    while (n-- > 0) {
        change_quote(s, &st);
    }
    if (!s->sc.early && sim_chance(&s->act, s->event_count < 6 ? 500 : 200)) {
        change_status(s, &st);
    }
    if (sim_chance(&s->act, 100)) {
        st.score += 2;
    }
    stamp(s, &st);
    apply(s, i, &st);
}

void
truth_exist(struct sim *s, size_t i, bool exists)
{
    struct event_state st = truth_now(&s->events[i])->state;

    if (st.exists != exists) {
        st.exists = exists;
        stamp(s, &st); /* coming back is a change too */
        apply(s, i, &st);
    }
}

void
truth_init(struct sim *s)
{
    static const char *const prefixes[] = {"E", "E", "E+", "\xC3\xA9/"};

    s->event_count = s->sc.events;
    for (size_t i = 0; i < s->event_count; i++) {
        struct sim_event *e = &s->events[i];
        struct event_state st = {
            .exists = true, .odds_available = true, .stamp = s->sc.stamped};

        snprintf(e->id, sizeof(e->id), "%s%zu",
                 prefixes[rand_between(&s->act, 0, 3)], i);
        snprintf(e->league, sizeof(e->league), "%s", i % 3 ? "NBA" : "NFL");
        st.live = st.started = rand_between(&s->act, 0, 2) > 0;
        for (int o = 0; o < SIM_ODDS; o++) {
            for (int b = 0; b < SIM_BOOKS; b++) {
                st.quotes[o][b] = (struct quote_state){
                    .there = sim_chance(&s->act, 800),
                    .odds = 110,
                    .alt_lines = (int)rand_between(&s->act, -1, 2)};
            }
        }
        add_version(s, e, &st);
    }
}

void
truth_fini(struct sim *s)
{
    for (size_t i = 0; i < s->event_count; i++) {
        struct sim_event *e = &s->events[i];

        for (size_t v = 0; v < e->n; v++) {
            free(e->versions[v].body[0]);
            free(e->versions[v].body[1]);
        }
        free(e->versions);
    }
}
