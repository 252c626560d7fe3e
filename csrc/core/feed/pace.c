#include "feed/pace.h"

#include "base/clock.h"

/* The share of a limit that may be spent in one burst, and the share that
 * comes back over a window; the rest is slack for delays on the way, since
 * the server counts when a request arrives. */
static const double burst_share = 0.2;
static const double refill_share = 0.75;

static const struct {
    const char *name;
    int64_t ns;
} windows[PACE_WINDOWS] = {
    {"second", NS_PER_S},
    {"minute", 60 * NS_PER_S},
    {"hour", 3600 * NS_PER_S},
    {"day", 86400 * NS_PER_S},
    {"month", 30 * 86400 * NS_PER_S},
};

int64_t
pace_window_ns(enum pace_window w)
{
    return windows[w].ns;
}

const char *
pace_window_name(enum pace_window w)
{
    return windows[w].name;
}

/* limit < 0: unlimited; used < 0: not told. */
static void
bucket_set(struct pace_bucket *b, enum pace_window w, double limit,
           double used, double since, int64_t now)
{
    double owed = b->limited ? b->capacity - b->tokens : 0;
    double held = b->limited ? b->tokens : limit;

    b->at = now;
    b->spent = since;
    b->used = used < 0 ? 0 : used;
    b->limited = limit >= 0;
    if (!b->limited) {
        return;
    }
    b->limit = limit;
    b->capacity = limit * burst_share < 1 ? 1 : limit * burst_share;
    b->per_ns = limit * refill_share / (double)windows[w].ns;
    b->tokens = limit - b->used;
    if (b->tokens > b->capacity) {
        b->tokens = b->capacity;
    }
    b->tokens -= since;
    if (held < b->capacity - owed) {
        held = b->capacity - owed; /* a larger bucket is not an emptier one */
    }
    if (b->tokens > held) {
        b->tokens = held; /* debts stay */
    }
}

static void
bucket_refill(struct pace_bucket *b, int64_t now)
{
    if (b->limited && now > b->at) {
        b->tokens += (double)(now - b->at) * b->per_ns;
        if (b->tokens > b->capacity) {
            b->tokens = b->capacity;
        }
        b->at = now;
    }
}

/* When it holds n, or as much as it can. */
static int64_t
bucket_ready(struct pace_bucket *b, double n, int64_t now)
{
    bucket_refill(b, now);
    if (n > b->capacity) {
        n = b->capacity;
    }
    if (!b->limited || b->tokens >= n) {
        return now;
    }
    if (b->per_ns <= 0) {
        return clock_add(now, 3600 * NS_PER_S);
    }
    return clock_add(now, (int64_t)((n - b->tokens) / b->per_ns) + 1);
}

static void
bucket_spend(struct pace_bucket *b, double n, int64_t now)
{
    bucket_refill(b, now);
    b->spent += n;
    if (b->limited) {
        b->tokens -= n;
        if (b->tokens > b->capacity) {
            b->tokens = b->capacity;
        }
    }
}

void
pace_init(struct pace *p, int64_t now)
{
    struct pace_limits caps[PACE_WINDOWS];

    *p = (struct pace){0};
    for (int w = 0; w < PACE_WINDOWS; w++) {
        caps[w] = (struct pace_limits){-1, -1, 0, 0};
    }
    caps[PACE_HOUR].max_requests = 50000;
    caps[PACE_HOUR].max_objects = 250000;
    caps[PACE_DAY].max_requests = 500000;
    caps[PACE_DAY].max_objects = 3000000;
    pace_learn(p, caps, 0, 0, now);
    p->known = false;
}

void
pace_learn(struct pace *p, const struct pace_limits limits[PACE_WINDOWS],
           double requests, double objects, int64_t now)
{
    for (int w = 0; w < PACE_WINDOWS; w++) {
        bucket_refill(&p->requests[w], now);
        bucket_refill(&p->objects[w], now);
        bucket_set(&p->requests[w], (enum pace_window)w,
                   limits[w].max_requests, limits[w].used_requests, requests,
                   now);
        bucket_set(&p->objects[w], (enum pace_window)w, limits[w].max_objects,
                   limits[w].used_objects, objects, now);
    }
    p->known = true;
}

int64_t
pace_ready(struct pace *p, double objects, int64_t now)
{
    int64_t when = now;

    for (int w = 0; w < PACE_WINDOWS; w++) {
        int64_t a = bucket_ready(&p->requests[w], 1, now);
        int64_t b = bucket_ready(&p->objects[w], objects, now);

        when = a > when ? a : when;
        when = b > when ? b : when;
    }
    return when;
}

void
pace_spend(struct pace *p, double requests, double objects, int64_t now)
{
    for (int w = 0; w < PACE_WINDOWS; w++) {
        bucket_spend(&p->requests[w], requests, now);
        bucket_spend(&p->objects[w], objects, now);
    }
}

static double
bucket_level(struct pace_bucket *b, int64_t now)
{
    bucket_refill(b, now);
    return b->limited ? b->tokens / b->capacity : 1;
}

double
pace_level(struct pace *p, int64_t now)
{
    double level = 1;

    for (int w = 0; w < PACE_WINDOWS; w++) {
        double a = bucket_level(&p->requests[w], now);
        double b = bucket_level(&p->objects[w], now);

        level = a < level ? a : level;
        level = b < level ? b : level;
    }
    return level < 0 ? 0 : level;
}

int64_t
pace_interval(const struct pace *p, double requests, double objects)
{
    double ns = 0;

    for (int w = 0; w < PACE_WINDOWS; w++) {
        const struct pace_bucket *a = &p->requests[w], *b = &p->objects[w];

        if (a->limited && a->per_ns > 0 && requests / a->per_ns > ns) {
            ns = requests / a->per_ns;
        }
        if (b->limited && b->per_ns > 0 && objects / b->per_ns > ns) {
            ns = objects / b->per_ns;
        }
    }
    return ns > 9e18 ? CLOCK_NEVER : (int64_t)ns;
}

bool
pace_month_exhausted(const struct pace *p)
{
    const struct pace_bucket *a = &p->requests[PACE_MONTH];
    const struct pace_bucket *b = &p->objects[PACE_MONTH];

    return (a->limited && a->used >= a->limit) ||
           (b->limited && b->used >= b->limit);
}
