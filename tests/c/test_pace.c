/* feed/pace: buckets that learn their limits while they are in use. */
#include "feed/pace.h"

#include "base/clock.h"
#include "check.h"

static void
limits_of(struct pace_limits *limits, double objects_per_day, double used)
{
    for (int w = 0; w < PACE_WINDOWS; w++) {
        limits[w] = (struct pace_limits){-1, -1, 0, 0};
    }
    limits[PACE_DAY].max_objects = objects_per_day;
    limits[PACE_DAY].used_objects = used;
}

static bool
near(double a, double b)
{
    return a - b < 0.01 && b - a < 0.01;
}

static void
a_larger_limit_is_no_emptier_bucket(void)
{
    struct pace_limits limits[PACE_WINDOWS];
    struct pace p;
    int64_t now = 1000 * NS_PER_S;

    pace_init(&p, now);
    CHECK(near(pace_level(&p, now), 1));
    pace_spend(&p, 1, 1, now);
    limits_of(limits, 7e6, 1);
    pace_learn(&p, limits, 0, 0, now);
    CHECK(near(pace_level(&p, now), 1));
    limits_of(limits, 7e5, 1);
    pace_learn(&p, limits, 0, 0, now);
    CHECK(near(pace_level(&p, now), 1));
}

static void
what_a_burst_took_stays_taken(void)
{
    struct pace_limits limits[PACE_WINDOWS];
    struct pace p;
    int64_t now = 1000 * NS_PER_S;

    pace_init(&p, now);
    limits_of(limits, 1e6, 0);
    pace_learn(&p, limits, 0, 0, now);
    pace_spend(&p, 1, 150000, now); /* of a burst of 200,000 */
    CHECK(near(pace_level(&p, now), 0.25));
    limits_of(limits, 1e6, 150000);
    pace_learn(&p, limits, 0, 0, now);
    CHECK(near(pace_level(&p, now), 0.25));
    limits_of(limits, 2e6, 150000);
    pace_learn(&p, limits, 0, 0, now);
    CHECK(near(pace_level(&p, now), 250000 / 400000.0));
    limits_of(limits, 1e6, 990000); /* the account knows better */
    pace_learn(&p, limits, 0, 0, now);
    CHECK(near(pace_level(&p, now), 10000 / 200000.0));
}

static void
no_window_sees_more_than_its_limit(void)
{
    struct pace_limits limits[PACE_WINDOWS];
    struct pace p;
    int64_t now = 1000 * NS_PER_S, end = now + 60 * NS_PER_S;
    int sent = 0;

    for (int w = 0; w < PACE_WINDOWS; w++) {
        limits[w] = (struct pace_limits){-1, -1, 0, 0};
    }
    limits[PACE_MINUTE].max_requests = 300;
    pace_init(&p, now);
    pace_learn(&p, limits, 0, 0, now);
    while ((now = pace_ready(&p, 1, now)) < end) {
        pace_spend(&p, 1, 1, now);
        sent++;
    }
    CHECK(sent <= 300);
    CHECK(sent > 270);
}

int
main(void)
{
    RUN(a_larger_limit_is_no_emptier_bucket);
    RUN(what_a_burst_took_stays_taken);
    RUN(no_window_sees_more_than_its_limit);
    return check_done();
}
