/* The brain as its owner sees it: making it, the inputs that concern no one
 * part, and the order in which its actions are told. */
#include "feed/feed.h"

#include <string.h>

#include "base/mem.h"
#include "feed/brain.h"

/* ---- making ---------------------------------------------------------------- */

static void
look_again(void *owner)
{
    (void)owner; /* plan_run follows every input */
}

static void
usage_due(void *owner)
{
    struct brain *b = owner;

    b->usage_wanted = b->stream_count > 0;
    b->usage_asked = b->usage_wanted;
}

static char *
dup_text(const char *text)
{
    return mem_dup(text, strlen(text));
}

static bool
copy_hosts(struct brain *b, const struct brain_config *config)
{
    size_t n = config->allow_auth_host_count;

    b->auth_hosts = mem_calloc(n + 1, sizeof(*b->auth_hosts));
    if (b->auth_hosts == NULL) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        b->auth_hosts[i] = dup_text(config->allow_auth_hosts[i]);
        if (b->auth_hosts[i] == NULL) {
            return false;
        }
        b->auth_host_count++;
    }
    return true;
}

static void
init(struct brain *b, const struct brain_config *config)
{
    b->config = *config;
    b->config.base_url = b->config.client_name = b->config.version = NULL;
    b->config.allow_auth_hosts = NULL;
    if (b->config.max_requests_in_flight == 0) {
        b->config.max_requests_in_flight = 1;
    }
    b->shape = config->shape;
    b->log = config->log;
    b->record = config->record;
    b->pool = pool_retain(config->pool);
    rand_init(&b->rand, config->seed);
    b->map_seed = rand_next(&b->rand);
    wakes_init(&b->wakes);
    map_init(&b->entries, b->map_seed);
    map_init(&b->feeds_by_key, b->map_seed);
    map_init(&b->streams_by_id, b->map_seed);
    list_init(&b->feeds);
    list_init(&b->streams);
    list_init(&b->links);
    list_init(&b->calls);
    list_init(&b->requests);
    list_init(&b->to_send);
    list_init(&b->cancels);
    list_init(&b->lingering);
    list_init(&b->echoes);
    list_init(&b->proofs_due);
    pace_init(&b->pace, 0);
}

struct brain *
brain_create(const struct brain_config *config)
{
    struct brain *b = mem_calloc(1, sizeof(*b));
    bool fits = true;

    if (b == NULL) {
        return NULL;
    }
    message_init();
    init(b, config);
    b->base_url = dup_text(config->base_url);
    b->client_name = dup_text(config->client_name);
    b->version = dup_text(config->version);
    if (b->base_url == NULL || b->client_name == NULL || b->version == NULL ||
        !copy_hosts(b, config) ||
        pusher_url_split(b->base_url, &b->origin) != SGO_OK ||
        api_shape_query(config->shape, config->expand_results, &b->shape_query,
                        &fits) != SGO_OK ||
        wake_init(&b->wakes, &b->gate_wake, look_again, b) != SGO_OK ||
        wake_init(&b->wakes, &b->usage_wake, usage_due, b) != SGO_OK) {
        brain_free(b);
        return NULL;
    }
    record_config(b, config);
    b->prune_answers = !fits;
    b->shape_adds = config->expand_results ||
                    (config->shape && config->shape->include_open_close);
    return b;
}

static void
free_requests(struct node *head)
{
    struct node *n, *after;

    LIST_EACH (n, after, head) {
        struct request *r = NODE_OWNER(n, struct request, in_brain);

        r->id_count = 0; /* the entries are gone */
        list_remove(n);
        request_free(r);
    }
}

void
brain_free(struct brain *b)
{
    struct node *n, *after;

    if (b == NULL) {
        return;
    }
    LIST_EACH (n, after, &b->calls) {
        call_free(NODE_OWNER(n, struct call, in_brain));
    }
    call_free(b->out_call);
    LIST_EACH (n, after, &b->streams) {
        stream_free(NODE_OWNER(n, struct stream, in_brain));
    }
    LIST_EACH (n, after, &b->feeds) {
        feed_free(NODE_OWNER(n, struct feed, in_brain));
    }
    LIST_EACH (n, after, &b->links) {
        link_free(NODE_OWNER(n, struct link, in_brain));
    }
    cache_free_all(b);
    free_requests(&b->requests);
    free_requests(&b->cancels);
    request_free(b->out_request);
    publish_fini(&b->out_publish);
    while (b->publishes.len) {
        publish_fini(&b->publishes.items[b->publishes.first]);
        b->publishes.first = (b->publishes.first + 1) % b->publishes.cap;
        b->publishes.len--;
    }
    mem_free(b->publishes.items);
    map_fini(&b->feeds_by_key);
    map_fini(&b->streams_by_id);
    wakes_fini(&b->wakes);
    pool_release(b->pool);
    for (size_t i = 0; i < b->auth_host_count; i++) {
        mem_free(b->auth_hosts[i]);
    }
    mem_free(b->auth_hosts);
    mem_free(b->shape_query);
    mem_free(b->base_url);
    mem_free(b->client_name);
    mem_free(b->version);
    mem_free(b);
}

/* ---- inputs --------------------------------------------------------------------- */

void
brain_input(struct brain *b, int64_t now)
{
    /* Every input has a time of its own, so that "started after" never ties.
     */
    b->now = now > b->now ? now : b->now + 1;
    if (b->began == 0) {
        b->began = b->now;
    }
    b->settled = false;
}

void
brain_tick(struct brain *b, int64_t now)
{
    struct node *n;

    record_input(b, 'T', now, (struct record_args){0}, NULL, 0);
    brain_input(b, now);
    if (b->closed) {
        return;
    }
    wakes_run(&b->wakes, b->now);
    for (n = b->links.next; n != &b->links; n = n->next) {
        pusher_tick(NODE_OWNER(n, struct link, in_brain)->pusher, b->now);
    }
}

void
brain_clock_jump(struct brain *b, int64_t now)
{
    struct node *n;

    record_input(b, 'J', now, (struct record_args){0}, NULL, 0);
    brain_input(b, now);
    for (n = b->links.next; n != &b->links; n = n->next) {
        pusher_clock_jump(NODE_OWNER(n, struct link, in_brain)->pusher,
                          b->now);
    }
}

void
brain_set_queued_bytes(struct brain *b, size_t bytes, int64_t now)
{
    bool over;

    record_input(b, 'Q', now, (struct record_args){(int64_t)bytes, 0, 0, 0},
                 NULL, 0);
    brain_input(b, now);
    b->queued_bytes = bytes;
    over = b->cache_bytes + bytes > b->config.max_bytes;
    b->shed_failed = over && (b->shed_told || b->shed_failed);
    b->shed_told = false;
    if (over && !b->shed_failed && bytes) {
        b->shed_wanted = b->cache_bytes + bytes - b->config.max_bytes;
    }
}

void
brain_spent_elsewhere(struct brain *b, uint64_t requests, uint64_t objects,
                      int64_t now)
{
    record_input(
        b, 'P', now,
        (struct record_args){(int64_t)requests, (int64_t)objects, 0, 0}, NULL,
        0);
    brain_input(b, now);
    pace_spend(&b->pace, (double)requests, (double)objects, b->now);
}

void
brain_close(struct brain *b, int64_t now)
{
    struct node *n, *after;

    record_input(b, 'Y', now, (struct record_args){0}, NULL, 0);
    brain_input(b, now);
    if (b->closed) {
        return;
    }
    LIST_EACH (n, after, &b->calls) {
        call_free(NODE_OWNER(n, struct call, in_brain));
    }
    LIST_EACH (n, after, &b->streams) {
        struct stream *s = NODE_OWNER(n, struct stream, in_brain);

        stream_close(s);
    }
    LIST_EACH (n, after, &b->feeds) {
        feed_free(NODE_OWNER(n, struct feed, in_brain));
    }
    LIST_EACH (n, after, &b->requests) {
        request_cancel(NODE_OWNER(n, struct request, in_brain));
    }
    b->usage = NULL;
    b->closed = true;
}

int64_t
brain_deadline(const struct brain *b)
{
    int64_t a = wakes_next(&b->wakes), l = link_deadline(b);

    if (b->closed) {
        return l;
    }
    return a < l ? a : l;
}

/* ---- outputs -------------------------------------------------------------------- */

static bool
cancel_next(struct brain *b, struct action *out)
{
    struct request *r;

    request_free(b->out_request);
    b->out_request = NULL;
    if (list_empty(&b->cancels)) {
        return false;
    }
    r = NODE_OWNER(b->cancels.next, struct request, in_brain);
    list_remove(&r->in_brain);
    b->out_request = r;
    *out = (struct action){.kind = ACTION_CANCEL};
    out->u.cancel.request_id = r->id;
    return true;
}

static bool
request_next(struct brain *b, struct action *out)
{
    struct request *r;

    if (list_empty(&b->to_send)) {
        return false;
    }
    r = NODE_OWNER(b->to_send.next, struct request, to_send);
    list_remove(&r->to_send);
    r->sent = true;
    *out = (struct action){.kind = ACTION_REQUEST};
    out->u.request.request_id = r->id;
    out->u.request.method = r->kind == REQUEST_AUTHORISE ? "POST" : "GET";
    out->u.request.url = r->url;
    out->u.request.headers = r->headers;
    out->u.request.header_count = r->header_count;
    out->u.request.body = r->body;
    out->u.request.body_len = r->body_len;
    out->u.request.with_key = r->with_key;
    out->u.request.timeout_ns = r->timeout;
    out->u.request.until_first_byte = r->until_first_byte;
    out->u.request.max_body_bytes = r->max_body_bytes;
    out->u.request.redirects = r->kind == REQUEST_AUTHORISE ? 0 : 3;
    out->u.request.no_cache = true;
    return true;
}

static bool
shed_next(struct brain *b, struct action *out)
{
    if (b->shed_wanted == 0) {
        return false;
    }
    *out = (struct action){.kind = ACTION_SHED};
    out->u.shed.bytes = b->shed_wanted;
    b->shed_wanted = 0;
    b->shed_told = true;
    return true;
}

/* What the input has brought about, once per input. */
static void
settle(struct brain *b)
{
    struct node *n, *after;

    if (b->settled || b->closed) {
        return;
    }
    b->settled = true;
    LIST_EACH (n, after, &b->feeds) {
        feed_settle(NODE_OWNER(n, struct feed, in_brain));
    }
    plan_run(b);
}

bool
brain_next(struct brain *b, struct action *out)
{
    b->nexts++;
    for (;;) {
        bool more = link_next(b, out);

        if (more) {
            return true;
        }
        if (b->settled || b->closed) {
            break;
        }
        settle(b); /* may stop or start links: look at them again */
    }
    return cancel_next(b, out) || request_next(b, out) ||
           publish_next(b, out) || proof_next(b, out) || shed_next(b, out) ||
           stream_gap_next(b, out) || report_next(b, out) ||
           stream_state_next(b, out) || call_next(b, out);
}

void
brain_get_counters(const struct brain *b, struct brain_counters *out)
{
    *out = b->counters;
    out->requests_in_flight = b->in_flight;
    out->events_held = b->held;
    out->cache_bytes = b->cache_bytes;
}
