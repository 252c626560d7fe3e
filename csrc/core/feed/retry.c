/* Rule 9: what an answer means, and what its meaning does to the requests that
 * come after it.  The gate is the part that concerns the host and the key as a
 * whole; what concerns one request is its owner's (ids, walk, bootstrap). */
#include "feed/brain.h"

#include <stdio.h>
#include <string.h>

/* ---- what an answer means ------------------------------------------------- */

struct reading {
    struct request *r;
    int status;
    char text[160]; /* the API's own words, or "" */
    bool own_words; /* the body is the API's error envelope */
    char path[160];
};

static void
read_error(struct request *r, struct reading *out)
{
    cJSON *tree = NULL;

    out->r = r;
    api_path(r, out->path, sizeof(out->path));
    message_read_error_body(r->small.data ? r->small.data : "", r->small.len,
                            out->text, sizeof(out->text));
    message_mask_hex(out->text);
    if (r->small.len &&
        message_json(r->small.data, r->small.len, &tree) == SGO_OK) {
        out->own_words = cJSON_IsFalse(message_member(tree, "success", NULL));
        cJSON_Delete(tree);
    }
}

static const char *
said(const struct reading *in)
{
    return in->text[0] ? in->text : "no reason given";
}

static const char *
subject(const struct request *r)
{
    return r->feed ? r->feed->title : "the events asked for";
}

static enum outcome
denied(const struct reading *in, sgo_error *err)
{
    if (in->status == 401) {
        error_set(err, SGO_ERROR_AUTHENTICATION,
                  "the API refused the key (401: %s): give the right one by "
                  "api_key= or in SPORTS_ODDS_API_KEY_HEADER",
                  said(in));
    } else if (in->r->kind == REQUEST_BOOTSTRAP) {
        error_set(err, SGO_ERROR_PERMISSION_DENIED,
                  "this key may not stream (403: %s): streaming comes with "
                  "AllStar and custom plans; transport=\"poll\" works with "
                  "every plan",
                  said(in));
    } else {
        error_set(err, SGO_ERROR_PERMISSION_DENIED,
                  "this key's plan does not allow %s (403: %s)", in->path,
                  said(in));
    }
    return OUTCOME_DENIED;
}

static const char *
window_of(const char *text)
{
    static const char *const words[] = {"month", "day", "hour", "minute",
                                        "second"};

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcasestr(text, words[i])) {
            return words[i];
        }
    }
    return strcasestr(text, "dai") ? "day" : "";
}

static enum outcome
client_error(const struct reading *in, sgo_error *err)
{
    bool boot = in->r->kind == REQUEST_BOOTSTRAP;
    bool was_live = in->r->feed && in->r->feed->was_live;

    if (boot && (in->status == 403 || in->status == 429) &&
        message_speaks_of_slots(in->text)) {
        error_set(err, SGO_ERROR_STREAM_LIMIT,
                  "no free stream for this key (%d: %s): close other streams "
                  "of the key; it is tried again",
                  in->status, said(in));
        err->retryable = true;
        return OUTCOME_SLOTS;
    }
    if ((in->status == 401 || in->status == 403) && in->own_words) {
        return denied(in, err);
    }
    if (in->status == 404 && in->own_words) {
        error_set(err, SGO_ERROR_NOT_FOUND,
                  "the API knows nothing of %s (404: %s)", subject(in->r),
                  said(in));
        return OUTCOME_NOT_FOUND;
    }
    if (in->status == 429) {
        error_set(err, SGO_ERROR_RATE_LIMIT,
                  "the key's limit is used up (429: %s)", said(in));
        err->retryable = true;
        snprintf(err->window, sizeof(err->window), "%s", window_of(in->text));
        return OUTCOME_LIMITED;
    }
    if (in->status == 408 || in->status == 409 || in->status == 401 ||
        in->status == 403 || (in->status == 404 && was_live)) {
        error_set(err, SGO_ERROR_SERVER, "%s answered %d (%s)", in->path,
                  in->status, said(in));
        err->retryable = true;
        return OUTCOME_BROKEN;
    }
    error_set(err, SGO_ERROR_BAD_REQUEST,
              "the API refused %s of %s (%d: %s)%s", in->path, subject(in->r),
              in->status, said(in),
              in->own_words ? "" : "; is base_url right?");
    return OUTCOME_REFUSED;
}

static enum outcome
bad_status(struct request *r, int status, sgo_error *err)
{
    struct reading in = {.status = status};
    enum outcome outcome;

    read_error(r, &in);
    if (status >= 400 && status < 500) {
        outcome = client_error(&in, err);
    } else {
        error_set(err, SGO_ERROR_SERVER, "%s answered %d (%s)", in.path,
                  status, said(&in));
        err->retryable = true;
        outcome = status == 504 ? OUTCOME_HEAVY : OUTCOME_BROKEN;
    }
    err->http_status = status;
    return outcome;
}

/* A body that should have been an envelope. */
static enum outcome
bad_body(struct request *r, sgo_status status, sgo_error *err)
{
    char path[160];

    api_path(r, path, sizeof(path));
    switch (status) {
    case SGO_LIMIT:
        error_set(err, SGO_ERROR_LIMIT, "the answer of %s is too large (%s)",
                  path, r->body_reason ? r->body_reason : "over a limit");
        err->retryable = true;
        return OUTCOME_TOO_LARGE;
    case SGO_NO_MEMORY:
        error_set(err, SGO_ERROR_MEMORY, "out of memory reading %s", path);
        err->retryable = true;
        return OUTCOME_MEMORY;
    default:
        error_set(err, SGO_ERROR_SERVER,
                  "the answer of %s is not the API's JSON (%s): is base_url "
                  "right, is a proxy in between?",
                  path,
                  r->body_reason ? r->body_reason : "no \"success\": true");
        err->http_status = r->http_status;
        err->retryable = true;
        return OUTCOME_MALFORMED;
    }
}

static enum outcome
good_status(struct request *r, sgo_error *err)
{
    sgo_status status = r->body_status;
    const char *text = r->small.data ? r->small.data : "";
    size_t len = r->small.len;

    if (status == SGO_OK && r->split) {
        status = envelope_finish(&r->envelope, &text, &len);
        if (status != SGO_OK && r->envelope.reason) {
            r->body_reason = r->envelope.reason;
        }
    } else if (status == SGO_OK) {
        status = r->small.status;
    }
    if (status == SGO_OK) {
        status = api_envelope(text, len, &r->tree);
    }
    if (status == SGO_OK && r->split &&
        !cJSON_IsNull(message_member(r->tree, "data", NULL))) {
        r->body_reason = "no array \"data\""; /* the splitter leaves null */
        status = SGO_INVALID;
    }
    return status == SGO_OK ? OUTCOME_OK : bad_body(r, status, err);
}

static enum outcome
no_answer(struct request *r, const struct answer_end *end, sgo_error *err)
{
    *err = end->error;
    if (err->kind == SGO_ERROR_NONE) {
        char path[160];

        api_path(r, path, sizeof(path));
        error_set(err, SGO_ERROR_TRANSPORT, "no whole answer from %s", path);
    }
    if (err->http_status == 0) {
        err->http_status = end->http_status;
    }
    switch (err->kind) {
    case SGO_ERROR_LIMIT:
        err->retryable = true;
        return OUTCOME_TOO_LARGE;
    case SGO_ERROR_MEMORY:
        err->retryable = true;
        return OUTCOME_MEMORY;
    case SGO_ERROR_CONFIGURATION:
        return OUTCOME_REFUSED;
    default:
        err->retryable = true;
        return OUTCOME_BROKEN;
    }
}

enum outcome
retry_judge(struct request *r, const struct answer_end *end, sgo_error *err)
{
    int status = end->http_status ? end->http_status : r->http_status;
    enum outcome outcome;

    error_clear(err);
    r->http_status = status;
    if (!end->ok && status != 429) { /* half an answer proves nothing */
        outcome = no_answer(r, end, err);
    } else if (status >= 200 && status < 300) {
        outcome = good_status(r, err);
    } else {
        outcome = bad_status(r, status, err);
    }
    err->retry_after_ns =
        end->retry_after_ns > 0 ? end->retry_after_ns : r->retry_after;
    return outcome;
}

/* ---- the gate --------------------------------------------------------------- */

int64_t
retry_delay(struct brain *b, unsigned fails, int64_t first, int64_t max)
{
    int64_t d = first;

    for (unsigned i = 1; i < fails && d < max && !MUTANT(RETRY_FLAT); i++) {
        d *= 2;
    }
    d = d > max ? max : d;
    return MUTANT(RETRY_NO_JITTER) ? d : rand_between(&b->rand, d / 2, d);
}

static void
note_success(struct brain *b, enum outcome outcome)
{
    struct gate *g = &b->gate;

    g->last_success = b->now;
    g->outage = false;
    g->fails = 0;
    g->limited = 0;
    if (outcome == OUTCOME_OK) {
        g->denied_since = 0;
    }
}

static void
limited_until(struct gate *g, int64_t when)
{
    if (when > g->limited_until && !MUTANT(LIMIT_429_IGNORED)) {
        g->limited_until = when;
    }
}

static void
note_limited(struct brain *b, const struct request *r, const sgo_error *err)
{
    struct gate *g = &b->gate;
    int64_t delay = MUTANT(RETRY_AFTER_IGNORED) ? -1 : err->retry_after_ns;

    b->counters.rate_limited++;
    if (delay > 3600 * NS_PER_S) {
        delay = 3600 * NS_PER_S;
        b->usage_wanted = true;
    }
    if (r->created < g->limited_at) { /* sent before we knew: no news … */
        if (delay > 0) {              /* … but for a wait that it tells */
            limited_until(g, clock_add(b->now, delay));
        }
        return;
    }
    g->opened = g->limited_at = b->now;
    g->limited++;
    if (delay <= 0) {
        delay = retry_delay(b, g->limited, RETRY_FIRST_NS, RETRY_MAX_NS);
        b->usage_wanted = b->usage_wanted || g->limited == 3;
    }
    limited_until(g, clock_add(b->now, delay));
    report_client(b, err);
}

static bool
note_broken(struct brain *b, const struct request *r, const sgo_error *err)
{
    struct gate *g = &b->gate;
    int64_t delay;

    if (g->last_success > r->started) {
        return false; /* the host lives: it is this request */
    }
    if (g->outage && r->created < g->opened) {
        return true; /* one outage, many failures */
    }
    g->outage = true;
    g->opened = b->now;
    g->fails++;
    delay = retry_delay(b, g->fails, RETRY_FIRST_NS, RETRY_MAX_NS);
    if (err->retry_after_ns > delay) {
        delay = err->retry_after_ns > 3600 * NS_PER_S ? 3600 * NS_PER_S
                                                      : err->retry_after_ns;
    }
    g->until = clock_add(b->now, delay);
    report_client(b, err);
    return true;
}

/* Ten times a second while there is none: not each of them is news. */
static void
note_memory(struct brain *b, const sgo_error *err)
{
    struct gate *g = &b->gate;

    g->memory_until = b->now + MEMORY_PAUSE_NS;
    if (g->memory_told == 0 || b->now - g->memory_told >= FAILURE_TOLD_NS) {
        g->memory_told = b->now;
        report_client(b, err);
    }
}

void
retry_note(struct request *r, enum outcome outcome, const sgo_error *err)
{
    struct brain *b = r->b;

    switch (outcome) {
    case OUTCOME_OK:
    case OUTCOME_NOT_FOUND:
    case OUTCOME_REFUSED:
    case OUTCOME_DENIED:
        note_success(b, outcome);
        break;
    case OUTCOME_LIMITED:
        note_limited(b, r, err);
        r->general = true;
        break;
    case OUTCOME_BROKEN:
        r->general = note_broken(b, r, err);
        break;
    case OUTCOME_MEMORY:
        note_memory(b, err);
        r->general = true;
        break;
    case OUTCOME_SLOTS:
    case OUTCOME_HEAVY:
    case OUTCOME_MALFORMED:
    case OUTCOME_TOO_LARGE:
        break;
    }
}

bool
retry_gate_open(struct brain *b, int64_t *when)
{
    const struct gate *g = &b->gate;
    int64_t until = g->memory_until;

    if (g->limited_until > until) {
        until = g->limited_until;
    }
    if (g->outage && g->until > until) {
        until = g->until;
    }
    *when = until;
    return until <= b->now;
}

bool
retry_may_probe(const struct brain *b, bool aside)
{
    const struct gate *g = &b->gate;

    return !(g->outage || g->limited) || !g->probing[aside];
}

void
retry_denied(struct brain *b, const sgo_error *err)
{
    struct gate *g = &b->gate;
    struct node *n, *after;
    bool last;

    if (g->denied_since == 0) {
        g->denied_since = b->now;
    }
    last = b->now - g->denied_since >= SLOW_RETRY_FOR_NS;
    LIST_EACH (n, after, &b->feeds) {
        struct feed *f = NODE_OWNER(n, struct feed, in_brain);

        if (last || !f->was_live) {
            feed_fail(f, err);
        }
    }
    report_client(b, err);
    g->limited_until =
        b->now + rand_between(&b->rand, SLOW_RETRY_LOW_NS, SLOW_RETRY_HIGH_NS);
}
