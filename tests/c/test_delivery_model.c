/* The hub against a naive model: random versions, goings, takes and new
 * subscriptions; each update must be the one that the model expects, and its
 * changes must lead from `previous` to `event`.  After a drain the consumer's
 * copy is the stream's table. */
#include "check.h"
#include "base/mem.h"
#include "base/rand.h"
#include "base/status.h"
#include "delivery_help.h"
#include "json_help.h"

enum { EVENTS = 6, SUBS = 6, SEEDS = 150, STEPS = 400 };

/* What one subscription ought to do. */
struct model {
    sgo_subscription *sub;
    bool conflate, initial, timestamps, only_bovada, only_nfl, multi;
    size_t max_queue;
    struct document *has[EVENTS];  /* delivered last; references */
    struct document *base[EVENTS]; /* has, or a later one equal as shown */
    struct document *now[EVENTS];  /* the newest; NULL: gone */
    bool loud[EVENTS];             /* something to tell */
    uint64_t since[EVENTS];        /* the order of the telling */
    uint64_t skipped[EVENTS];
};

static struct feeder f;
static struct rand rng;
static struct model models[SUBS];
static uint64_t tick;

static void
set(struct document **place, struct document *doc)
{
    if (doc) {
        document_retain(doc);
    }
    document_release(*place);
    *place = doc;
}

static const char *
id_of(size_t i)
{
    static const char *const ids[] = {"e0", "e1", "e2", "e3", "e4", "e5"};

    return ids[i];
}

static size_t
index_of(const struct document *doc)
{
    return (size_t)(doc->event_id[1] - '0');
}

/* A member of one quote differs between two versions. */
static bool
quote_differs(const struct document *a, const struct document *b,
              const char *book, const char *name)
{
    const char *const steps[] = {"odds", "points-home", "byBookmaker", book,
                                 name};
    struct value v = document_root(a), w = document_root(b);

    for (size_t i = 0; i < 5; i++) {
        bool in_a = value_get(v, steps[i], strlen(steps[i]), &v);
        bool in_b = value_get(w, steps[i], strlen(steps[i]), &w);

        if (!in_a || !in_b) {
            return in_a != in_b;
        }
    }
    return !value_equal(v, w);
}

/* Does the subscription show a difference between two versions? */
static bool
differs(const struct model *m, const struct document *a,
        const struct document *b)
{
    if (score_of(a) != score_of(b) || quote_differs(a, b, "bovada", "odds")) {
        return true;
    }
    if (m->only_bovada) {
        return false;
    }
    return quote_differs(a, b, "pinnacle", "odds") ||
           (m->timestamps && quote_differs(a, b, "pinnacle", "lastUpdatedAt"));
}

static bool
chooses(const struct model *m, size_t i)
{
    return !m->only_nfl || i % 2 == 0;
}

/* A version in the table of stream 1, or of 2 for those of both. */
static void
model_put(struct model *m, struct document *doc)
{
    size_t i = index_of(doc);

    if (m->sub == NULL || !chooses(m, i) || m->now[i] == doc) {
        return;
    }
    if (m->now[i] == NULL) {
        m->skipped[i] += m->loud[i];
        m->since[i] = m->loud[i] ? m->since[i] : ++tick;
        m->loud[i] = true;
    } else if (differs(m, m->now[i], doc)) {
        m->skipped[i] += m->loud[i];
        m->since[i] = m->loud[i] ? m->since[i] : ++tick;
        if (!m->loud[i]) {
            set(&m->base[i], m->now[i]);
        }
        m->loud[i] = true;
    } else if (!m->loud[i]) {
        set(&m->base[i], doc);
    }
    set(&m->now[i], doc);
}

static void
model_gone(struct model *m, size_t i)
{
    if (m->sub == NULL || m->now[i] == NULL) {
        return;
    }
    if (m->has[i] == NULL) { /* added and removed */
        m->loud[i] = false;
        m->skipped[i] = 0;
    } else {
        m->skipped[i] += m->loud[i];
        m->since[i] = m->loud[i] ? m->since[i] : ++tick;
        m->loud[i] = true;
    }
    set(&m->now[i], NULL);
}

/* The event that must come next, or EVENTS. */
static size_t
model_next(const struct model *m)
{
    size_t best = EVENTS;

    for (size_t i = 0; i < EVENTS; i++) {
        if (m->loud[i] && (best == EVENTS || m->since[i] < m->since[best])) {
            best = i;
        }
    }
    return best;
}

static void
check_replay(const struct model *m, sgo_update *u)
{
    const struct changes *changes;

    CHECK_INT(update_changes(u, &changes), SGO_OK);
    if (update_kind(u) != SGO_CHANGED) {
        CHECK_INT(changes->n, 1);
        return;
    }
    if (m->timestamps && !m->only_bovada) {
        CHECK(help_replays(update_previous(u), update_event(u), changes));
    }
    CHECK_INT(changes->n == 0,
              !differs(m, update_previous(u), update_event(u)));
}

/* Take one update and compare it with the model (conflating). */
static bool
take_conflating(struct model *m)
{
    size_t i = model_next(m);
    sgo_update_kind kind;
    sgo_status status;
    sgo_update *u = take_one(m->sub, &status);

    CHECK_INT(u == NULL, i == EVENTS);
    if (u == NULL || i == EVENTS) {
        update_release(u);
        return false;
    }
    kind = m->has[i] == NULL ? SGO_ADDED
           : m->now[i]       ? SGO_CHANGED
                             : SGO_REMOVED;
    CHECK_STR(update_event(u)->event_id, id_of(i));
    CHECK_STR(update_kind_name(update_kind(u)), update_kind_name(kind));
    CHECK_INT(update_skipped(u), m->skipped[i]);
    if (m->now[i]) {
        CHECK(update_event(u) == m->now[i]);
    }
    if (kind == SGO_ADDED) {
        CHECK(update_previous(u) == NULL);
    } else {
        CHECK(update_previous(u) != NULL);
        CHECK(!differs(m, update_previous(u), m->has[i]));
        CHECK(update_previous(u) == m->base[i]);
    }
    check_replay(m, u);
    set(&m->has[i], m->now[i]);
    set(&m->base[i], m->now[i]);
    m->loud[i] = false;
    m->skipped[i] = 0;
    update_release(u);
    return true;
}

/* A queue: each update must continue the consumer's copy; no more is known of
 * it here. */
static bool
take_queued(struct model *m)
{
    sgo_status status;
    sgo_update *u = take_one(m->sub, &status);
    size_t i;

    if (status == SGO_SLOW_CONSUMER) {
        return true;
    }
    if (u == NULL) {
        return false;
    }
    i = index_of(update_event(u));
    if (update_kind(u) == SGO_ADDED) {
        CHECK(m->has[i] == NULL);
    } else {
        CHECK(m->has[i] != NULL);
        CHECK(update_previous(u) != NULL);
        if (m->has[i] && update_previous(u)) {
            CHECK(!differs(m, update_previous(u), m->has[i]));
        }
    }
    check_replay(m, u);
    set(&m->has[i], update_kind(u) == SGO_REMOVED ? NULL : update_event(u));
    update_release(u);
    return true;
}

static bool
take(struct model *m)
{
    return m->conflate ? take_conflating(m) : take_queued(m);
}

static void
model_close(struct model *m)
{
    subscription_release(m->sub);
    for (size_t i = 0; i < EVENTS; i++) {
        set(&m->has[i], NULL);
        set(&m->base[i], NULL);
        set(&m->now[i], NULL);
    }
    memset(m, 0, sizeof(*m));
}

static void
model_open(struct model *m)
{
    static const char *const book[] = {"bovada"}, *const league[] = {"NFL"};
    const uint32_t streams[] = {1, 2};
    sgo_subscription_options options;
    sgo_error err;

    m->conflate = rand_between(&rng, 0, 2) > 0;
    m->initial = rand_between(&rng, 0, 3) > 0;
    m->timestamps = rand_between(&rng, 0, 1);
    m->only_bovada = rand_between(&rng, 0, 3) == 0;
    m->only_nfl = rand_between(&rng, 0, 3) == 0;
    m->multi = rand_between(&rng, 0, 1);
    m->max_queue = (size_t)rand_between(&rng, 1, 30);
    subscription_options_init(&options);
    options.conflate = m->conflate;
    options.max_queue = m->max_queue;
    options.initial = m->initial;
    options.include_timestamps = m->timestamps;
    options.bookmaker_ids = book;
    options.bookmaker_id_count = m->only_bovada;
    options.league_ids = league;
    options.league_id_count = m->only_nfl;
    CHECK_INT(subscription_create(f.hub, streams, m->multi ? 2 : 1, &options,
                                  &m->sub, &err),
              SGO_OK);
    for (uint32_t s = 1; s <= (m->multi ? 2u : 1u); s++) {
        struct map_entry *entry;
        size_t at = 0;

        while ((entry = map_next(&f.docs[s], &at)) != NULL) {
            size_t i = index_of(entry->value);

            if (!chooses(m, i) || m->now[i]) {
                continue;
            }
            set(&m->now[i], entry->value);
            if (m->initial) {
                m->loud[i] = true;
                m->since[i] = ++tick;
            } else {
                set(&m->has[i], entry->value);
                set(&m->base[i], entry->value);
            }
        }
    }
}

static void
put_random(void)
{
    size_t i = (size_t)rand_between(&rng, 0, EVENTS - 1);
    uint32_t stream = (uint32_t)rand_between(&rng, 1, 2);
    uint32_t other = 3 - stream;
    struct document *doc;

    f.no_changes = rand_between(&rng, 0, 3) == 0;
    feeder_put(&f, stream,
               small_event(id_of(i), i % 2 ? "NBA" : "NFL",
                           (int)rand_between(&rng, 0, 2),
                           (int)rand_between(&rng, 0, 2) - 1,
                           (int)rand_between(&rng, 0, 2)));
    doc = feeder_doc(&f, stream, id_of(i));
    for (size_t k = 0; k < SUBS; k++) {
        if (models[k].multi || stream == 1) {
            model_put(&models[k], doc);
        }
    }
    if (feeder_doc(&f, other, id_of(i))) { /* versions are per client */
        feeder_put_doc(&f, other, doc);
        for (size_t k = 0; k < SUBS; k++) {
            if (models[k].multi || other == 1) {
                model_put(&models[k], doc);
            }
        }
    }
}

static void
remove_random(void)
{
    size_t i = (size_t)rand_between(&rng, 0, EVENTS - 1);
    uint32_t stream = (uint32_t)rand_between(&rng, 1, 2);

    if (feeder_doc(&f, stream, id_of(i)) == NULL) {
        return;
    }
    feeder_remove(&f, stream, id_of(i));
    for (size_t k = 0; k < SUBS; k++) {
        bool held = feeder_doc(&f, 1, id_of(i)) ||
                    (models[k].multi && feeder_doc(&f, 2, id_of(i)));

        if (!held) {
            model_gone(&models[k], i);
        }
    }
}

/* The consumer's copy, once nothing is pending, is the table. */
static void
check_drained(struct model *m)
{
    int bad = check_bad;

    while (take(m) && check_bad == bad) {
    }
    for (size_t i = 0; i < EVENTS; i++) {
        struct document *doc = feeder_doc(&f, 1, id_of(i));

        if (doc == NULL && m->multi) {
            doc = feeder_doc(&f, 2, id_of(i));
        }
        if (!chooses(m, i)) {
            doc = NULL;
        }
        CHECK_INT(m->has[i] != NULL, doc != NULL);
        if (doc && m->has[i]) {
            CHECK(!differs(m, doc, m->has[i]));
        }
    }
}

static bool
run_seed(uint64_t seed)
{
    int bad = check_bad;

    rand_init(&rng, seed);
    feeder_init(&f);
    for (int step = 0; step < STEPS && check_bad == bad; step++) {
        struct model *m = &models[rand_between(&rng, 0, SUBS - 1)];
        int64_t what = rand_between(&rng, 0, 99);

        if (what < 45) {
            put_random();
        } else if (what < 60) {
            remove_random();
        } else if (m->sub == NULL) {
            model_open(m);
        } else if (what < 63) {
            model_close(m);
        } else if (what < 66) {
            check_drained(m);
        } else {
            (void)take(m);
        }
    }
    for (size_t k = 0; k < SUBS; k++) {
        if (models[k].sub) {
            if (check_bad == bad) {
                check_drained(&models[k]);
            }
            model_close(&models[k]);
        }
    }
    CHECK_INT(hub_queued_bytes(f.hub), 0);
    feeder_fini(&f);
    if (check_bad != bad) {
        fprintf(stderr, "seed %" PRIu64 "\n", seed);
    }
    return check_bad == bad;
}

static void
random_series_agree_with_the_model(void)
{
    for (uint64_t seed = 1; seed <= SEEDS && run_seed(seed); seed++) {
    }
}

int
main(void)
{
    RUN(random_series_agree_with_the_model);
    return check_done();
}
