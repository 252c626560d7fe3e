/* Rule 8: the plan's limits as token buckets, per second, minute, hour, day
 * and month, for requests and for objects.  A bucket of limit L holds a fifth
 * of L and refills by three quarters of it over its window, so that no window
 * of that length, wherever it begins, sees more than L. */
#ifndef SGO_FEED_PACE_H
#define SGO_FEED_PACE_H

#include "base/types.h"

enum pace_window {
    PACE_SECOND,
    PACE_MINUTE,
    PACE_HOUR,
    PACE_DAY,
    PACE_MONTH,
    PACE_WINDOWS
};

struct pace_bucket {
    bool limited;
    double limit;    /* of the window */
    double capacity; /* of the bucket */
    double per_ns;   /* refill */
    double tokens;   /* may be negative: an answer was dearer than expected */
    double used;     /* in the window, as last read … */
    double spent;    /* … and since then by us */
    int64_t at;      /* when `tokens` was right */
};

struct pace {
    struct pace_bucket requests[PACE_WINDOWS];
    struct pace_bucket objects[PACE_WINDOWS];
    bool known; /* read from the account, not the documented caps */
};

/* What /account/usage says of one window; -1: not told or unlimited. */
struct pace_limits {
    double max_requests, max_objects;
    double used_requests, used_objects;
};

/* The caps that the vendor documents for every key. */
void pace_init(struct pace *p, int64_t now);
/* Replace all limits.  requests, objects: what was spent since the account was
 * asked, of which the answer may not know. */
void pace_learn(struct pace *p, const struct pace_limits limits[PACE_WINDOWS],
                double requests, double objects, int64_t now);
/* When a request that may cost so many objects fits; now or earlier: now. */
int64_t pace_ready(struct pace *p, double objects, int64_t now);
void pace_spend(struct pace *p, double requests, double objects, int64_t now);
/* The emptiest bucket: 1 full, 0 empty. */
double pace_level(struct pace *p, int64_t now);
/* Shortest time between answers of so many objects and one request each that
 * every window can bear for good. */
int64_t pace_interval(const struct pace *p, double requests, double objects);
/* No more this month: used reached the limit when it was last read. */
bool pace_month_exhausted(const struct pace *p);

int64_t pace_window_ns(enum pace_window w);
const char *pace_window_name(enum pace_window w); /* "minute" */

#endif
