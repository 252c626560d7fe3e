/* The two small machines of the brain: token buckets and the heap of wakes. */
#include "check.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/rand.h"
#include "feed/pace.h"
#include "feed/wake.h"

/* ---- pace ------------------------------------------------------------------ */

enum { SPENDS = 4000 };

static struct {
    int64_t at;
    double objects;
} spent[SPENDS];

static void
unlimited(struct pace_limits *limits)
{
    for (int i = 0; i < PACE_WINDOWS; i++) {
        limits[i] = (struct pace_limits){-1, -1, 0, 0};
    }
}

/* Spend greedily whenever it is allowed; look at every window. */
static void
no_window_sees_more(double requests, double objects)
{
    struct pace pace;
    struct pace_limits limits[PACE_WINDOWS];
    struct rand rand;
    int64_t now = NS_PER_S;
    double most_requests = 0, most_objects = 0;

    rand_init(&rand, (uint64_t)(requests * 7 + objects));
    pace_init(&pace, now);
    unlimited(limits);
    limits[PACE_MINUTE].max_requests = requests;
    limits[PACE_MINUTE].max_objects = objects;
    pace_learn(&pace, limits, 0, 0, now);
    for (int i = 0; i < SPENDS; i++) {
        double n = (double)rand_between(&rand, 1, 10);

        now = pace_ready(&pace, n, now);
        spent[i].at = now;
        spent[i].objects = n;
        pace_spend(&pace, 1, n, now);
    }
    for (int i = 0, from = 0; i < SPENDS; i++) {
        double r = 0, o = 0;

        while (spent[i].at - spent[from].at >= 60 * NS_PER_S) {
            from++;
        }
        for (int k = from; k <= i; k++) {
            r++;
            o += spent[k].objects;
        }
        most_requests = r > most_requests ? r : most_requests;
        most_objects = o > most_objects ? o : most_objects;
    }
    CHECK(most_requests <= requests);
    CHECK(most_objects <= objects);
    /* And most of what may be had is had. */
    CHECK(most_requests >= requests * 0.6 || most_objects >= objects * 0.6);
}

static void
every_window_keeps_its_limit(void)
{
    no_window_sees_more(60, 100000);
    no_window_sees_more(10, 100000);
    no_window_sees_more(3000, 500);
    no_window_sees_more(100, 400);
    no_window_sees_more(2, 1e9);
}

static void
what_is_used_counts_and_debts_stay(void)
{
    struct pace pace, later;
    struct pace_limits limits[PACE_WINDOWS];
    int64_t now = NS_PER_S;

    pace_init(&pace, now);
    CHECK(!pace.known);
    CHECK_INT(pace_ready(&pace, 25, now), now);
    unlimited(limits);
    limits[PACE_MINUTE] = (struct pace_limits){60, -1, 59, 0};
    pace_learn(&pace, limits, 0, 0, now);
    CHECK(pace.known);
    CHECK_INT(pace_ready(&pace, 1000, now), now); /* objects are free */
    pace_spend(&pace, 1, 1000, now);
    CHECK(pace_ready(&pace, 1, now) > now);
    CHECK(pace_level(&pace, now) < 0.1);
    later = pace;
    CHECK(pace_level(&later, now + 60 * NS_PER_S) > 0.9);
    limits[PACE_MINUTE].used_requests = 0;
    pace_learn(&pace, limits, 0, 0, now); /* read again: no fresh burst */
    CHECK(pace_ready(&pace, 1, now) > now);
    limits[PACE_MONTH].max_objects = 2500;
    limits[PACE_MONTH].used_objects = 2500;
    pace_learn(&pace, limits, 0, 0, now);
    CHECK(pace_month_exhausted(&pace));
    CHECK(pace_interval(&pace, 1, 25) >= 25 * 1000 * NS_PER_S);
}

/* ---- wakes ------------------------------------------------------------------- */

enum { WAKES = 60 };

static struct wakes heap;
static struct wake wakes[WAKES];
static int64_t due_at[WAKES]; /* CLOCK_NEVER: not set */
static int fired;
static int64_t now_ns;

static void
due(void *owner)
{
    size_t i = (size_t)((struct wake *)owner - wakes);

    CHECK(due_at[i] <= now_ns);
    for (size_t k = 0; k < WAKES; k++) {
        CHECK(due_at[k] >= due_at[i]); /* the earliest first */
    }
    due_at[i] = CLOCK_NEVER;
    fired++;
}

static void
wakes_fire_in_order(void)
{
    struct rand rand;

    rand_init(&rand, 5);
    wakes_init(&heap);
    for (size_t i = 0; i < WAKES; i++) {
        CHECK_INT(wake_init(&heap, &wakes[i], due, &wakes[i]), SGO_OK);
        due_at[i] = CLOCK_NEVER;
    }
    for (int n = 0; n < 20000; n++) {
        size_t i = (size_t)rand_between(&rand, 0, WAKES - 1);
        int64_t least = CLOCK_NEVER;

        switch (rand_between(&rand, 0, 3)) {
        case 0:
            wake_clear(&heap, &wakes[i]);
            due_at[i] = CLOCK_NEVER;
            break;
        case 1:
            now_ns += rand_between(&rand, 0, 50);
            wakes_run(&heap, now_ns);
            break;
        default:
            due_at[i] = now_ns + rand_between(&rand, 0, 300);
            wake_set(&heap, &wakes[i], due_at[i]);
            break;
        }
        for (size_t k = 0; k < WAKES; k++) {
            least = due_at[k] < least ? due_at[k] : least;
            CHECK(wake_is_set(&wakes[k]) == (due_at[k] != CLOCK_NEVER));
        }
        CHECK_INT(wakes_next(&heap), least);
    }
    CHECK(fired > 1000);
    for (size_t i = 0; i < WAKES; i++) {
        wake_fini(&heap, &wakes[i]);
    }
    CHECK_INT(wakes_next(&heap), CLOCK_NEVER);
    wakes_fini(&heap);
}

int
main(void)
{
    RUN(every_window_keeps_its_limit);
    RUN(what_is_used_counts_and_debts_stay);
    RUN(wakes_fire_in_order);
    return check_done();
}
