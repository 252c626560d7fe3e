/* Requests from their making to their end: what goes out, what comes in, and
 * whose it is. */
#include "feed/brain.h"

#include <string.h>

#include "base/mem.h"

static bool
is_list(enum request_kind kind)
{
    return kind == REQUEST_WALK || kind == REQUEST_BOOTSTRAP;
}

/* Outside all streams: no stream waits for its end. */
static bool
is_aside(enum request_kind kind)
{
    return kind == REQUEST_USAGE || kind == REQUEST_CALL_IDS ||
           kind == REQUEST_CALL_USAGE;
}

/* Whether the outcome says something about the host and the key as a whole:
 * /account/usage is a place of its own, and its failures are no news of the
 * events'. */
static bool
is_evidence(const struct request *r, enum outcome outcome)
{
    return (r->kind != REQUEST_USAGE && r->kind != REQUEST_CALL_USAGE) ||
           outcome == OUTCOME_OK || outcome == OUTCOME_LIMITED ||
           outcome == OUTCOME_MEMORY;
}

/* ---- making --------------------------------------------------------------- */

struct request *
request_create(struct brain *b, enum request_kind kind, enum ask_class ask)
{
    struct request *r = mem_calloc(1, sizeof(*r));

    if (r == NULL) {
        return NULL;
    }
    r->b = b;
    r->kind = kind;
    r->ask = ask;
    r->retry_after = -1;
    r->timeout = b->config.timeout_ns;
    r->with_key = kind != REQUEST_AUTHORISE;
    r->until_first_byte = is_list(kind);
    r->max_body_bytes = kind == REQUEST_AUTHORISE || kind == REQUEST_USAGE ||
                                kind == REQUEST_CALL_USAGE
                            ? SMALL_BODY_MAX
                            : SNAPSHOT_MAX_BYTES;
    envelope_init(&r->envelope, ENVELOPE_MAX_REST, ENVELOPE_MAX_ELEMENT);
    buf_init(&r->small, SMALL_BODY_MAX);
    return r;
}

static void
item_fini(struct item *item)
{
    document_release(item->doc);
    document_release(item->old);
    changes_release(item->changes);
    *item = (struct item){0};
}

static void
free_items(struct request *r)
{
    for (size_t i = 0; i < r->item_count; i++) {
        item_fini(&r->items[i]);
    }
    mem_free(r->items);
}

struct item *
request_item(struct request *r, const struct entry *e)
{
    if (r->items == NULL) {
        r->item_cap = r->asked_count + ANSWER_SPARE_EVENTS;
        r->items = mem_calloc(r->item_cap, sizeof(*r->items));
        if (r->items == NULL) {
            return NULL;
        }
    }
    for (size_t i = 0; e && i < r->item_count; i++) {
        if (r->items[i].e == e) { /* twice in one answer: the later counts */
            item_fini(&r->items[i]);
            return &r->items[i];
        }
    }
    return r->item_count < r->item_cap ? &r->items[r->item_count++] : NULL;
}

void
request_free(struct request *r)
{
    if (r == NULL) {
        return;
    }
    free_items(r);
    envelope_fini(&r->envelope);
    buf_fini(&r->small);
    message_wipe(r->tree); /* a bootstrap's holds the key */
    cJSON_Delete(r->tree);
    for (size_t i = 0; i < r->header_count; i++) {
        mem_free((char *)(uintptr_t)r->headers[i].name);
        mem_secret_free((char *)(uintptr_t)r->headers[i].value);
    }
    mem_free(r->headers);
    mem_free(r->url);
    mem_free(r->body);
    mem_free(r->ids);
    mem_free(r->cursor);
    mem_free(r);
}

static void
count_in_flight(struct request *r, int by)
{
    struct brain *b = r->b;

    if (r->kind == REQUEST_AUTHORISE) {
        return;
    }
    b->in_flight += (unsigned)by;
    if (r->kind == REQUEST_WALK) {
        b->walks_in_flight += (unsigned)by;
    } else if (r->kind == REQUEST_BOOTSTRAP) {
        b->boots_in_flight += (unsigned)by;
    }
}

void
request_send(struct request *r)
{
    struct brain *b = r->b;

    r->id = ++b->request_next;
    r->created = b->now;
    r->started = b->now + 1; /* behind what brought it about */
    list_append(&b->requests, &r->in_brain);
    list_append(&b->to_send, &r->to_send);
    count_in_flight(r, 1);
    b->counters.requests_sent++;
    log_write(b->log, SGO_LOG_DEBUG, "http", "request %llu: %s %s",
              (unsigned long long)r->id,
              r->kind == REQUEST_AUTHORISE ? "POST" : "GET", r->url);
    pace_spend(&b->pace, 1, (double)r->reserved_objects, b->now);
    if (r->kind != REQUEST_AUTHORISE && (b->gate.outage || b->gate.limited)) {
        r->probe = true;
        b->gate.probing[is_aside(r->kind)] = true;
    }
}

/* Out of the books, whatever becomes of it. */
static void
retire(struct request *r)
{
    struct brain *b = r->b;

    if (r->probe) {
        r->probe = false;
        b->gate.probing[is_aside(r->kind)] = false;
    }
    list_remove(&r->in_brain);
    list_remove(&r->to_send);
    count_in_flight(r, -1);
    b->counters.objects_spent += r->objects;
    pace_spend(&b->pace, 0, (double)r->objects - (double)r->reserved_objects,
               b->now);
    if (is_list(r->kind)) {
        cache_list_over(b);
    }
}

void
request_release_ids(struct request *r)
{
    for (size_t i = 0; i < r->id_count; i++) {
        struct entry *e = r->ids[i];

        e->asked = NULL;
        cache_entry_unused(e);
    }
    r->id_count = 0;
}

void
request_cancel(struct request *r)
{
    if (r == NULL) {
        return;
    }
    retire(r);
    request_release_ids(r);
    if (r->sent) {
        list_append(&r->b->cancels, &r->in_brain);
    } else {
        request_free(r);
    }
}

int64_t
request_as_of(const struct request *r)
{
    return r->started - r->age;
}

/* ---- inputs ----------------------------------------------------------------- */

static struct request *
find(struct brain *b, uint64_t id)
{
    struct node *n;

    for (n = b->requests.next; n != &b->requests; n = n->next) {
        struct request *r = NODE_OWNER(n, struct request, in_brain);

        if (r->id == id) {
            return r;
        }
    }
    return NULL;
}

static struct request *
input(struct brain *b, uint64_t id, int64_t now)
{
    brain_input(b, now);
    return b->closed ? NULL : find(b, id);
}

void
brain_request_started(struct brain *b, uint64_t request_id, int64_t now)
{
    struct request *r = input(b, request_id, now);

    record_input(b, 'B', now,
                 (struct record_args){(int64_t)request_id, 0, 0, 0}, NULL, 0);
    if (r) {
        /* It may be told late; but it was made before it began. */
        r->started = now > r->created ? now : r->created + 1;
        r->started = r->started < b->now ? r->started : b->now;
    }
}

void
brain_request_head(struct brain *b, uint64_t request_id,
                   const struct answer_head *head, int64_t now)
{
    struct request *r = input(b, request_id, now);

    record_input(b, 'H', now,
                 (struct record_args){(int64_t)request_id, head->http_status,
                                      head->retry_after_ns, head->age_ns},
                 NULL, 0);
    if (r) {
        r->head = true;
        r->http_status = head->http_status;
        r->retry_after = head->retry_after_ns;
        r->age = head->age_ns > 0 ? head->age_ns : 0;
        r->split = head->http_status >= 200 && head->http_status < 300 &&
                   (is_list(r->kind) || r->kind == REQUEST_IDS ||
                    r->kind == REQUEST_CALL_IDS);
    }
}

static void
split(struct request *r, const char *bytes, size_t len)
{
    const char *event;
    size_t event_len;
    sgo_status status = SGO_AGAIN;

    envelope_feed(&r->envelope, bytes, len);
    while (r->body_status == SGO_OK &&
           (status = envelope_next(&r->envelope, &event, &event_len)) ==
               SGO_OK) {
        r->objects++;
        if (r->kind == REQUEST_IDS) {
            ids_take(r, event, event_len);
        } else if (r->kind == REQUEST_CALL_IDS) {
            call_take(r, event, event_len);
        } else if (r->kind == REQUEST_WALK || bootstrap_takes_events(r)) {
            version_listed(r, event, event_len);
        }
    }
    if (status != SGO_AGAIN && r->body_status == SGO_OK) {
        r->body_status = status;
        r->body_reason = r->envelope.reason;
    }
}

void
brain_request_data(struct brain *b, uint64_t request_id, const char *bytes,
                   size_t len, int64_t now)
{
    struct request *r = input(b, request_id, now);
    size_t none = 0;

    record_bytes(b, 'D', now,
                 (struct record_args){(int64_t)request_id, 0, 0, 0}, bytes,
                 len, r ? &r->secret_matched : &none);
    if (r == NULL || len == 0) {
        return;
    }
    r->bytes += len;
    b->counters.body_bytes += len;
    if (r->split) {
        if (r->body_status == SGO_OK) {
            split(r, bytes, len);
        }
        if (r->kind == REQUEST_BOOTSTRAP) {
            bootstrap_peek(r); /* may be its end */
        }
        return;
    }
    if (len > SMALL_BODY_MAX - r->small.len) {
        if (r->http_status == 200 && r->body_status == SGO_OK) {
            r->body_status = SGO_LIMIT;
        }
        len = SMALL_BODY_MAX - r->small.len;
    }
    buf_append(&r->small, bytes, len);
}

/* The answer is in: hand it to its owner. */
static void
dispatch(struct request *r, const struct answer_end *end)
{
    struct brain *b = r->b;
    sgo_error err;
    enum outcome outcome;

    if (r->kind == REQUEST_AUTHORISE) {
        link_authorised(r, end);
        return;
    }
    outcome = retry_judge(r, end, &err);
    if (outcome != OUTCOME_OK && outcome != OUTCOME_NOT_FOUND &&
        r->kind != REQUEST_USAGE) { /* reading limits is a courtesy */
        b->counters.requests_failed++;
    }
    if (is_evidence(r, outcome)) {
        retry_note(r, outcome, &err);
    }
    if (outcome != OUTCOME_OK) {
        log_write(b->log, SGO_LOG_INFO, "http", "request %llu: %s",
                  (unsigned long long)r->id, err.text);
    }
    switch (r->kind) {
    case REQUEST_BOOTSTRAP:
        bootstrap_done(r, outcome, &err);
        break;
    case REQUEST_WALK:
        walk_done(r, outcome, &err);
        break;
    case REQUEST_IDS:
        ids_done(r, outcome, &err);
        break;
    case REQUEST_USAGE:
        budget_usage_done(r, outcome);
        break;
    case REQUEST_CALL_IDS:
    case REQUEST_CALL_USAGE:
        call_done(r, outcome, &err);
        break;
    case REQUEST_AUTHORISE:
        break;
    }
}

void
brain_request_done(struct brain *b, uint64_t request_id,
                   const struct answer_end *end, int64_t now)
{
    struct request *r = input(b, request_id, now);

    record_end(b, now, request_id, end);
    if (r == NULL) {
        return;
    }
    if (r->split && r->objects == 0 && end->ok) {
        r->objects = 1; /* every answer costs at least one */
    }
    retire(r);
    dispatch(r, end);
    request_release_ids(r);
    request_free(r);
}
