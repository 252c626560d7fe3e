/* One producer and many consumers at once: no update is lost, doubled or out
 * of order, whatever the interleaving.  Meant for ThreadSanitizer. */
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "check.h"
#include "base/clock.h"
#include "base/rand.h"
#include "base/status.h"
#include "delivery_help.h"
#include "json_help.h"

enum { EVENTS = 8, ROUNDS = 4000, CONSUMERS = 5 };

static struct feeder f;
static atomic_bool done;
static atomic_int failures;
static atomic_uint_fast64_t taken;

#define MUST(cond)                                                            \
    do {                                                                      \
        if (!(cond)) {                                                        \
            atomic_fetch_add(&failures, 1);                                   \
            fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__,      \
                    #cond);                                                   \
        }                                                                     \
    } while (0)

/* What one consumer has been told. */
struct copy {
    struct document *docs[EVENTS];
};

static size_t
index_of(const struct document *doc)
{
    return (size_t)(doc->event_id[1] - '0');
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
follow(struct copy *copy, sgo_update *u)
{
    size_t i = index_of(update_event(u));
    struct document *has = copy->docs[i];
    const struct changes *changes;

    atomic_fetch_add(&taken, 1);
    switch (update_kind(u)) {
    case SGO_ADDED:
        MUST(has == NULL);
        MUST(update_previous(u) == NULL);
        break;
    case SGO_CHANGED:
        MUST(has != NULL && update_previous(u) == has);
        MUST(update_changes(u, &changes) == SGO_OK);
        if (has && score_of(update_event(u)) != score_of(has)) {
            MUST(changes->n == 1);
        }
        break;
    case SGO_REMOVED:
        MUST(has != NULL);
        break;
    }
    if (has) { /* never backwards; scores grow */
        MUST(score_of(update_event(u)) >= score_of(has));
    }
    set(&copy->docs[i],
        update_kind(u) == SGO_REMOVED ? NULL : update_event(u));
}

static void
check_copy(struct copy *copy)
{
    for (size_t i = 0; i < EVENTS; i++) {
        const char id[] = {'e', (char)('0' + i), '\0'};
        struct document *doc = feeder_doc(&f, 1, id);

        MUST(copy->docs[i] == doc);
        set(&copy->docs[i], NULL);
    }
}

static void *
consume(void *arg)
{
    const int number = (int)(intptr_t)arg;
    sgo_subscription_options options;
    struct copy copy = {{NULL}};
    sgo_update *updates[16];
    sgo_subscription *sub;
    int fd = -1;

    subscription_options_init(&options);
    options.include_timestamps = true;
    options.conflate = number % 2 == 0;
    options.max_queue = 64;
    options.min_interval_ns = number == 4 ? NS_PER_MS : 0;
    sub = subscribe_one(&f, &options);
    if (number >= 3) {
        fd = subscription_fd(sub);
    }
    for (;;) {
        sgo_error err;
        size_t n = 0;
        bool last = atomic_load(&done); /* before looking */
        sgo_status status;

        if (fd >= 0 && !last) {
            struct pollfd p = {.fd = fd, .events = POLLIN};

            poll(&p, 1, 20);
        }
        status = subscription_take(sub, updates, 16,
                                   clock_now_ns() + 20 * NS_PER_MS, &n, &err);
        for (size_t i = 0; status == SGO_OK && i < n; i++) {
            follow(&copy, updates[i]);
            update_release(updates[i]);
        }
        MUST(status == SGO_OK || status == SGO_TIMEOUT ||
             status == SGO_SLOW_CONSUMER);
        if (last && status == SGO_TIMEOUT) {
            break;
        }
    }
    check_copy(&copy);
    subscription_release(sub);
    return NULL;
}

/* Subscriptions that come and go: whoever has drained one is not behind what
 * the table held before. */
static void *
visit(void *arg)
{
    (void)arg;
    while (!atomic_load(&done)) {
        sgo_subscription *sub = subscribe_one(&f, NULL);
        struct document *before[EVENTS];
        struct copy copy = {{NULL}};
        sgo_status status;
        sgo_update *u;

        for (size_t i = 0; i < EVENTS; i++) {
            const char id[] = {'e', (char)('0' + i), '\0'};

            before[i] = hub_event(f.hub, 1, id, 2);
        }
        while ((u = take_one(sub, &status)) != NULL) {
            follow(&copy, u);
            update_release(u);
        }
        for (size_t i = 0; i < EVENTS; i++) {
            if (before[i] && copy.docs[i]) { /* else: it has gone since */
                MUST(score_of(copy.docs[i]) >= score_of(before[i]));
            }
            document_release(before[i]);
            set(&copy.docs[i], NULL);
        }
        subscription_release(sub);
    }
    return NULL;
}

/* Readers of tables and states, and takers of reports. */
static void *
look(void *arg)
{
    (void)arg;
    while (!atomic_load(&done)) {
        struct document **docs;
        sgo_stream_state state;
        sgo_report report;
        const char *reason;
        int64_t ns;
        size_t n;

        if (hub_events(f.hub, 1, &docs, &n) == SGO_OK) {
            for (size_t i = 0; i < n; i++) {
                MUST(score_of(docs[i]) >= 0);
                document_release(docs[i]);
            }
            free(docs);
        }
        (void)hub_get_state(f.hub, 1, &state);
        (void)hub_staleness(f.hub, 1, "e1", 2, clock_now_ns(), &ns, &reason);
        (void)hub_take_report(f.hub, 0, &report);
        (void)hub_queued_bytes(f.hub);
    }
    return NULL;
}

/* The I/O thread. */
static void
produce(void)
{
    bool held[EVENTS] = {false};
    struct rand rng;

    rand_init(&rng, 42);
    for (int round = 1; round <= ROUNDS; round++) {
        size_t i = (size_t)rand_between(&rng, 0, EVENTS - 1);
        const char id[] = {'e', (char)('0' + i), '\0'};
        int64_t now = clock_now_ns();

        if (held[i] && rand_between(&rng, 0, 9) == 0) {
            feeder_remove(&f, 1, id);
            held[i] = false;
        } else {
            f.no_changes = rand_between(&rng, 0, 4) == 0;
            feeder_put(&f, 1, small_event(id, "NFL", round, 0, 0));
            held[i] = true;
        }
        if (round % 16 == 0) {
            hub_prove(f.hub, 1, NULL, 0, now, false, "frame", now);
            hub_set_state(f.hub, 1, SGO_CONN_CONNECTED,
                          round % 32 ? SGO_PHASE_STALE : SGO_PHASE_LIVE, "", 0,
                          now);
        }
        if (round % 1000 == 0) {
            (void)hub_shed(f.hub, 0);
        }
        if (hub_deadline(f.hub) <= now) {
            hub_tick(f.hub, now);
        }
    }
}

static void
no_update_is_lost_or_doubled(void)
{
    pthread_t threads[CONSUMERS + 2];

    feeder_init(&f);
    for (int i = 0; i < CONSUMERS; i++) {
        pthread_create(&threads[i], NULL, consume, (void *)(intptr_t)i);
    }
    pthread_create(&threads[CONSUMERS], NULL, visit, NULL);
    pthread_create(&threads[CONSUMERS + 1], NULL, look, NULL);
    produce();
    atomic_store(&done, true);
    for (int i = 0; i < CONSUMERS + 2; i++) {
        pthread_join(threads[i], NULL);
    }
    CHECK_INT(atomic_load(&failures), 0);
    CHECK(atomic_load(&taken) > 0);
    CHECK_INT(hub_queued_bytes(f.hub), 0);
    feeder_fini(&f);
}

/* ---- sharing one subscription --------------------------------------------- */

static atomic_int shares;

static void *
share(void *arg)
{
    for (;;) {
        sgo_update *u;
        sgo_error err;
        size_t n;
        sgo_status status =
            subscription_take(arg, &u, 1, CLOCK_NEVER, &n, &err);

        if (status != SGO_OK) {
            MUST(status == SGO_CLOSED);
            return NULL;
        }
        atomic_fetch_add(&shares, 1);
        update_release(u);
    }
}

static void
takers_share_a_subscription_and_close_reaches_all(void)
{
    sgo_subscription_options options;
    pthread_t threads[3];
    sgo_subscription *sub;

    feeder_init(&f);
    subscription_options_init(&options);
    options.conflate = false;
    options.max_queue = 2000;
    sub = subscribe_one(&f, &options);
    for (int i = 0; i < 3; i++) {
        pthread_create(&threads[i], NULL, share, sub);
    }
    for (int i = 0; i < 1000; i++) {
        feeder_put(&f, 1, small_event("e1", "NFL", i, 0, 0));
    }
    while (atomic_load(&shares) < 1000) {
        sched_yield();
    }
    subscription_close(sub);
    for (int i = 0; i < 3; i++) {
        pthread_join(threads[i], NULL);
    }
    CHECK_INT(atomic_load(&shares), 1000);
    CHECK_INT(atomic_load(&failures), 0);
    subscription_release(sub);
    feeder_fini(&f);
}

/* ---- one update, many readers --------------------------------------------- */

static sgo_update *shared_update;

static void *
read_update(void *arg)
{
    const struct consensus_changes *consensus;
    const struct quote_changes *quotes;
    const struct changes *changes;
    struct path path;

    (void)arg;
    MUST(update_changes(shared_update, &changes) == SGO_OK);
    MUST(changes->n == 3);
    for (size_t i = 0; i < changes->n; i++) {
        update_path(shared_update, &changes->items[i], &path);
        MUST(path.n >= 1);
    }
    MUST(update_quotes(shared_update, &quotes) == SGO_OK);
    MUST(quotes->n == 2);
    MUST(update_consensus(shared_update, &consensus) == SGO_OK);
    MUST(consensus->n == 0);
    update_release(shared_update);
    return NULL;
}

static void
an_update_is_computed_once_by_many(void)
{
    pthread_t threads[4];

    for (int round = 0; round < 100; round++) {
        struct document *a, *b;

        f.pool = pool_create(0);
        a = help_build(f.pool, small_event("a", "NFL", 1, 0, 0));
        b = help_build(f.pool, small_event("a", "NFL", 2, -1, 0));
        CHECK_INT(update_create_diff(a, b, false, &shared_update), SGO_OK);
        document_release(a);
        document_release(b);
        pool_release(f.pool);
        for (int i = 0; i < 4; i++) {
            update_retain(shared_update);
            pthread_create(&threads[i], NULL, read_update, NULL);
        }
        update_release(shared_update);
        for (int i = 0; i < 4; i++) {
            pthread_join(threads[i], NULL);
        }
    }
    CHECK_INT(atomic_load(&failures), 0);
}

int
main(void)
{
    RUN(no_update_is_lost_or_doubled);
    RUN(takers_share_a_subscription_and_close_reaches_all);
    RUN(an_update_is_computed_once_by_many);
    return check_done();
}
