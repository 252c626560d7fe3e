/* Rule 8 and 11 where they meet the account: limits are read from
 * /account/usage, what is left decides how often polls may come, and a
 * forecast is made of it. */
#include "feed/brain.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

#define USAGE_EVERY_NS (15 * 60 * NS_PER_S)
#define USAGE_RETRY_NS (60 * NS_PER_S)

/* ---- reading ----------------------------------------------------------------- */

/* A limit or a count; "unlimited", "n/a" and what is missing: -1. */
static double
number(const cJSON *window, const char *name, const char *old_name)
{
    const cJSON *v = message_member(window, name, NULL);

    if (v == NULL) {
        v = message_member(window, old_name, NULL);
    }
    return cJSON_IsNumber(v) && isfinite(v->valuedouble) && v->valuedouble >= 0
               ? v->valuedouble
               : -1;
}

/* A limit of nothing would never let us ask again: it is none. */
static double
limit(double n)
{
    return n >= 1 ? n : -1;
}

/* Requests and objects until now, those under way as expected. */
static void
spent(const struct brain *b, double *requests, double *objects)
{
    const struct node *n;

    *requests = (double)b->counters.requests_sent;
    *objects = (double)b->counters.objects_spent;
    for (n = b->requests.next; n != &b->requests; n = n->next) {
        const struct request *r = NODE_OWNER(n, struct request, in_brain);

        *objects += (double)r->reserved_objects;
    }
}

void
budget_mark(struct request *r)
{
    spent(r->b, &r->requests_before, &r->objects_before);
    r->requests_before++; /* the answer counts itself */
}

void
budget_learn(struct request *r, const cJSON *data)
{
    struct brain *b = r->b;
    double requests, objects;
    const cJSON *all = message_member(data, "rateLimits", NULL);
    struct pace_limits limits[PACE_WINDOWS];
    struct node *n, *after;
    sgo_error err;

    if (!cJSON_IsObject(all)) {
        return;
    }
    for (int w = 0; w < PACE_WINDOWS; w++) {
        char name[24];
        const cJSON *window;

        snprintf(name, sizeof(name), "per-%s",
                 pace_window_name((enum pace_window)w));
        window = message_member(all, name, NULL);
        limits[w].max_requests =
            limit(number(window, "max-requests", "maxRequestsPerInterval"));
        limits[w].max_objects =
            limit(number(window, "max-entities", "maxEntitiesPerInterval"));
        limits[w].used_requests =
            number(window, "current-requests", "currentIntervalRequests");
        limits[w].used_objects =
            number(window, "current-entities", "currentIntervalEntities");
    }
    spent(b, &requests, &objects);
    pace_learn(&b->pace, limits, requests - r->requests_before,
               objects - r->objects_before, b->now);
    if (!pace_month_exhausted(&b->pace)) {
        return;
    }
    error_set(&err, SGO_ERROR_RATE_LIMIT,
              "the key's limit for the month is used up");
    snprintf(err.window, sizeof(err.window), "month");
    LIST_EACH (n, after, &b->feeds) {
        feed_fail(NODE_OWNER(n, struct feed, in_brain), &err);
    }
}

bool
budget_start_usage(struct brain *b)
{
    struct request *r = request_create(b, REQUEST_USAGE, ASK_PERIODIC);
    struct buf u;
    size_t len;

    if (r == NULL) {
        return false;
    }
    buf_init(&u, 64 << 10);
    buf_printf(&u, "%s/account/usage", b->base_url);
    r->url = buf_take(&u, &len);
    if (r->url == NULL) {
        request_free(r);
        return false;
    }
    budget_mark(r);
    b->usage = r;
    b->usage_wanted = false;
    request_send(r);
    return true;
}

void
budget_usage_done(struct request *r, enum outcome outcome)
{
    struct brain *b = r->b;
    const cJSON *data =
        outcome == OUTCOME_OK ? message_member(r->tree, "data", NULL) : NULL;

    b->usage = NULL;
    if (data) {
        budget_learn(r, data);
    }
    wake_set(&b->wakes, &b->usage_wake,
             b->now + (data ? USAGE_EVERY_NS : USAGE_RETRY_NS));
}

/* ---- what is left --------------------------------------------------------------- */

static double
left(const struct pace_bucket *p)
{
    double n = p->limit - p->used - p->spent;

    return n > 0 ? n : 0;
}

/* Windows too long to wait out: what is left must last the whole window,
 * since nobody tells when it began. */
static double
interval_of(const struct pace_bucket *p, enum pace_window w, double cost)
{
    if (!p->limited || cost <= 0) {
        return 0;
    }
    return left(p) > cost ? cost * (double)pace_window_ns(w) / left(p)
                          : (double)pace_window_ns(w) / 24;
}

int64_t
budget_poll_interval(const struct feed *f)
{
    struct brain *b = f->b;
    double requests = 0, objects = 0, ns;
    struct node *n;

    for (n = b->feeds.next; n != &b->feeds; n = n->next) {
        const struct feed *each = NODE_OWNER(n, struct feed, in_brain);

        if (each->polling) {
            requests += (double)(each->walk.pages ? each->walk.pages : 1);
            objects += (double)(each->walk.listed ? each->walk.listed : 1);
        }
    }
    ns = (double)pace_interval(&b->pace, requests, objects);
    if (ns < 1.25 * (double)f->walk.took) {
        ns = 1.25 * (double)f->walk.took; /* slower than the interval */
    }
    for (int w = PACE_DAY; w <= PACE_MONTH; w++) {
        double a =
            interval_of(&b->pace.requests[w], (enum pace_window)w, requests);
        double c =
            interval_of(&b->pace.objects[w], (enum pace_window)w, objects);

        ns = a > ns ? a : ns;
        ns = c > ns ? c : ns;
    }
    if (ns < (double)b->config.poll_interval_ns) {
        return b->config.poll_interval_ns;
    }
    return ns > 86400e9 ? 86400 * NS_PER_S : (int64_t)ns;
}

/* ---- forecast ---------------------------------------------------------------------- */

static void
forecast_side(struct buf *out, const struct pace_bucket *buckets,
              double per_hour)
{
    bool first = true;

    buf_putc(out, '{');
    for (int w = 0; w < PACE_WINDOWS; w++) {
        const struct pace_bucket *p = &buckets[w];

        if (!p->limited) {
            continue;
        }
        buf_printf(out, "%s\"%s\":{\"limit\":%.0f,\"used\":%.0f,\"left\":%.0f",
                   first ? "" : ",", pace_window_name((enum pace_window)w),
                   p->limit, p->used + p->spent, left(p));
        if (per_hour > 0) {
            buf_printf(out, ",\"lasts_hours\":%.2f", left(p) / per_hour);
        }
        buf_putc(out, '}');
        first = false;
    }
    buf_putc(out, '}');
}

sgo_status
budget_forecast(struct brain *b, struct buf *out)
{
    double hours = (double)(b->now - b->began) / 3600e9;
    double requests = 0, objects = 0;
    struct node *n;

    if (hours > 1e-3) {
        requests = (double)b->counters.requests_sent / hours;
        objects = (double)b->counters.objects_spent / hours;
    }
    buf_printf(out,
               "{\"known\":%s,\"requests_per_hour\":%.1f,"
               "\"objects_per_hour\":%.1f,\"requests\":",
               b->pace.known ? "true" : "false", requests, objects);
    forecast_side(out, b->pace.requests, requests);
    buf_puts(out, ",\"objects\":");
    forecast_side(out, b->pace.objects, objects);
    for (n = b->feeds.next; n != &b->feeds; n = n->next) {
        const struct feed *f = NODE_OWNER(n, struct feed, in_brain);

        if (f->polling) {
            buf_printf(out, ",\"poll_interval_s\":%.1f",
                       (double)budget_poll_interval(f) / 1e9);
            break;
        }
    }
    return buf_putc(out, '}');
}
