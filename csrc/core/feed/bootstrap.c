/* Rule 1's first step: GET /stream/events, for coordinates, for the snapshot,
 * and as the list of feeds that have none of their own. */
#include "feed/brain.h"

#include <string.h>

#include "base/mem.h"

void
bootstrap_want(struct feed *f)
{
    struct bootstrap *boot = &f->boot;

    if (boot->request == NULL && !boot->wanted && !wake_is_set(&boot->retry)) {
        boot->wanted = true;
        boot->wanted_since = f->b->now;
    }
}

bool
bootstrap_start(struct feed *f)
{
    struct brain *b = f->b;
    struct request *r = request_create(b, REQUEST_BOOTSTRAP, ASK_RECONCILE);
    struct buf u;
    size_t len;

    if (r == NULL) {
        return false;
    }
    buf_init(&u, 64 << 10);
    buf_printf(&u, "%s/stream/events?%s", b->base_url, f->query);
    r->url = u.status == SGO_OK ? buf_take(&u, &len) : NULL;
    buf_fini(&u);
    if (r->url == NULL) {
        request_free(r);
        return false;
    }
    r->feed = f;
    r->reserved_objects = walk_expected(f);
    f->boot.request = r;
    f->boot.wanted = false;
    request_send(r);
    return true;
}

bool
bootstrap_takes_events(const struct request *r)
{
    return r->feed->boot.as_list || !r->feed->events_shown;
}

/* ---- coordinates ------------------------------------------------------------- */

static sgo_status
read_coordinates(struct feed *f, const cJSON *tree,
                 struct pusher_coordinates *out, sgo_error *err)
{
    const char *key = message_text(tree, "pusherKey");
    const cJSON *options = message_member(tree, "pusherOptions", NULL);
    const char *channel = message_text(tree, "channel");
    sgo_status status;
    char *text;

    if (key == NULL || channel == NULL || !cJSON_IsObject(options)) {
        error_set(err, SGO_ERROR_PROTOCOL,
                  "the answer of /stream/events for %s lacks pusherKey, "
                  "pusherOptions or channel",
                  f->title);
        return SGO_INVALID;
    }
    text = cJSON_PrintUnformatted(options);
    if (text == NULL) {
        return SGO_NO_MEMORY;
    }
    status = pusher_options_parse(key, text, strlen(text), true, out, err);
    mem_wipe(text, strlen(text)); /* it holds the key */
    cJSON_free(text);
    return status;
}

static sgo_status
replace_text(char **to, const char *text)
{
    char *copy = text ? mem_dup(text, strlen(text)) : NULL;

    if (text && copy == NULL) {
        return SGO_NO_MEMORY;
    }
    mem_free(*to);
    *to = copy;
    return SGO_OK;
}

/* Put the feed on the socket that the answer names. */
static sgo_status
use_coordinates(struct feed *f, const cJSON *tree, int64_t asked,
                sgo_error *err)
{
    struct pusher_coordinates c = {0};
    struct link *moved = NULL;
    const char *channel = message_text(tree, "channel");
    sgo_status status = read_coordinates(f, tree, &c, err);

    if (status != SGO_OK) {
        return status;
    }
    if (c.warning[0]) {
        log_write(f->b->log, SGO_LOG_WARNING, "feed", "%s: %s", f->title,
                  c.warning);
    }
    if (!permit_authorisation(f->b, &c, err)) {
        pusher_coordinates_fini(&c);
        return SGO_SYSTEM; /* waiting will not mend it */
    }
    if (f->link && f->channel && strcmp(f->channel, channel) != 0) {
        if (!pusher_coordinates_equal(&f->link->coordinates, &c)) {
            moved = f->link;
        }
        link_detach(f);
    }
    status = replace_text(&f->channel, channel);
    if (status == SGO_OK) {
        status = replace_text(&f->user, message_text(tree, "user"));
    }
    if (status == SGO_OK) {
        status = link_attach(f, &c, asked, err);
    }
    if (moved) {
        link_moved(moved);
    }
    pusher_coordinates_fini(&c);
    return status;
}

/* ---- failures ------------------------------------------------------------------- */

static void
later(struct feed *f, int64_t delay)
{
    f->b->counters.requests_retried++;
    wake_set(&f->b->wakes, &f->boot.retry, clock_add(f->b->now, delay));
}

/* A refusal that time may mend: slots, or a permission that was there before.
 */
static void
slowly(struct feed *f, const sgo_error *err, bool slots)
{
    struct brain *b = f->b;
    struct bootstrap *boot = &f->boot;
    int64_t low = SLOW_RETRY_LOW_NS, high = SLOW_RETRY_HIGH_NS;

    if (boot->slow_since == 0) {
        boot->slow_since = b->now;
    }
    if (b->now - boot->slow_since >= SLOW_RETRY_FOR_NS) {
        if (!slots || !f->was_live) {
            feed_fail(f, err);
            return;
        }
        low = CRAWL_LOW_NS;
        high = CRAWL_HIGH_NS;
    }
    report_feed(f, err, NULL);
    later(f, rand_between(&b->rand, low, high));
}

static void
failed(struct feed *f, enum outcome outcome, const sgo_error *err,
       bool general)
{
    struct bootstrap *boot = &f->boot;
    int64_t delay;

    if (boot->for_link && f->link && !boot->as_list) {
        /* The socket goes on with the coordinates it has. */
        boot->for_link = false;
        pusher_coordinates_failed(f->link->pusher, f->b->now, err);
        report_feed(f, err, NULL);
        if (outcome != OUTCOME_DENIED && outcome != OUTCOME_REFUSED &&
            outcome != OUTCOME_NOT_FOUND) {
            return;
        }
    } else if (general) {
        bootstrap_want(f);
        return;
    }
    switch (outcome) {
    case OUTCOME_DENIED:
        if (f->was_live) {
            slowly(f, err, false);
            break;
        }
        feed_fail(f, err);
        break;
    case OUTCOME_REFUSED:
    case OUTCOME_NOT_FOUND:
        feed_fail(f, err);
        break;
    case OUTCOME_SLOTS:
        slowly(f, err, true);
        break;
    default:
        boot->fails++;
        report_feed(f, err, NULL);
        delay = retry_delay(f->b, boot->fails, RETRY_FIRST_NS, RETRY_MAX_NS);
        later(f, err->retry_after_ns > delay ? err->retry_after_ns : delay);
        break;
    }
}

/* ---- answers ---------------------------------------------------------------------- */

/* asked: when the request started. */
static void
finish(struct feed *f, const cJSON *tree, int64_t asked)
{
    struct bootstrap *boot = &f->boot;
    /* Under way since before the socket ended: may be why it did. */
    bool old = f->link && boot->for_link && asked <= f->link->ended_at;
    sgo_error err;
    sgo_status status = SGO_OK;

    error_clear(&err);
    if (f->link == NULL || (boot->for_link && !old)) {
        status = use_coordinates(f, tree, asked, &err);
    }
    if (status != SGO_OK) {
        if (err.kind == SGO_ERROR_NONE) {
            error_set(&err, SGO_ERROR_MEMORY, "out of memory");
        }
        if (status == SGO_SYSTEM) {
            feed_fail(f, &err);
        } else {
            failed(f, OUTCOME_MALFORMED, &err, false);
        }
        return;
    }
    boot->fails = 0;
    boot->slow_since = 0;
    boot->for_link = old;
    if (old) {
        bootstrap_want(f);
    }
    f->events_shown = true;
    if (boot->as_list) {
        boot->as_list = false;
        walk_list_ended(f);
    }
}

void
bootstrap_done(struct request *r, enum outcome outcome, const sgo_error *err)
{
    struct feed *f = r->feed;

    f->boot.request = NULL;
    if (outcome == OUTCOME_OK) {
        f->walk.listing = r->envelope.elements;
        finish(f, r->tree, r->started);
        return;
    }
    if (f->boot.as_list) {
        f->stats.walks_failed++;
    }
    walk_page_broken(r);
    failed(f, outcome, err, r->general);
}

void
bootstrap_peek(struct request *r)
{
    struct feed *f = r->feed;
    struct buf text;
    cJSON *tree = NULL;

    if (bootstrap_takes_events(r) || r->cut ||
        r->envelope.state < ENVELOPE_FIRST_ELEMENT ||
        r->envelope.state > ENVELOPE_AFTER_ELEMENT) {
        return;
    }
    r->cut = true; /* looked at once */
    buf_init(&text, ENVELOPE_MAX_REST + 2);
    buf_append(&text, r->envelope.rest.data, r->envelope.rest.len);
    if (buf_putc(&text, '}') == SGO_OK &&
        api_envelope(text.data, text.len, &tree) == SGO_OK &&
        message_text(tree, "channel") && message_text(tree, "pusherKey") &&
        message_member(tree, "pusherOptions", NULL)) {
        f->boot.request = NULL;
        finish(f, tree, r->started);
        request_cancel(r);
    }
    message_wipe(tree);
    cJSON_Delete(tree);
    if (text.data) {
        mem_wipe(text.data, text.len);
    }
    buf_fini(&text);
}
