/* Requests by id: asked, answered, compared with each other (rules 3 and 12),
 * split where rule 9 says so. */
#include "feed/brain.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"

/* ---- asking -------------------------------------------------------------------- */

static char *
ids_url(struct brain *b, struct entry *const *ids, size_t n,
        const char *cursor)
{
    struct buf u;
    size_t len;

    buf_init(&u, 64 << 10);
    buf_printf(&u, "%s/events?eventIDs=", b->base_url);
    for (size_t i = 0; i < n; i++) {
        if (i) {
            buf_putc(&u, ',');
        }
        message_write_escaped(&u, ids[i]->id);
    }
    buf_printf(&u, "&limit=%zu%s", n, b->shape_query);
    if (cursor) {
        buf_puts(&u, "&cursor=");
        message_write_escaped(&u, cursor);
    }
    if (u.status != SGO_OK) {
        buf_fini(&u);
        return NULL;
    }
    return buf_take(&u, &len);
}

bool
ids_start(struct brain *b, struct entry **ids, size_t n, enum ask_class ask)
{
    struct request *r = request_create(b, REQUEST_IDS, ask);

    if (r == NULL) {
        return false;
    }
    r->url = ids_url(b, ids, n, NULL);
    r->ids = mem_alloc(n * sizeof(*r->ids));
    if (r->url == NULL || r->ids == NULL) {
        request_free(r);
        return false;
    }
    memcpy(r->ids, ids, n * sizeof(*ids));
    r->id_count = r->asked_count = n;
    r->reserved_objects = n;
    for (size_t i = 0; i < n; i++) {
        plan_drop(ids[i]);
        ids[i]->asked = r;
    }
    request_send(r);
    return true;
}

/* The next page of an answer.  The cursor wants every other parameter as it
 * was, so the URL is the old one with the cursor behind it. */
static bool
next_page(struct request *r, const char *cursor)
{
    struct request *next = request_create(r->b, REQUEST_IDS, r->ask);
    struct buf u;
    size_t len;

    if (next == NULL) {
        return false;
    }
    buf_init(&u, 64 << 10);
    len = r->cursor ? strlen(r->url) - strlen(strstr(r->url, "&cursor="))
                    : strlen(r->url);
    buf_append(&u, r->url, len);
    buf_puts(&u, "&cursor=");
    message_write_escaped(&u, cursor);
    next->cursor = mem_dup(cursor, strlen(cursor));
    next->url = u.status == SGO_OK ? buf_take(&u, &len) : NULL;
    buf_fini(&u);
    next->ids = mem_alloc(r->id_count * sizeof(*next->ids));
    if (next->cursor == NULL || next->url == NULL || next->ids == NULL) {
        request_free(next);
        return false;
    }
    memcpy(next->ids, r->ids, r->id_count * sizeof(*next->ids));
    next->id_count = r->id_count;
    next->asked_count = r->asked_count;
    next->found = r->found;
    next->page = r->page + 1;
    next->reserved_objects = r->id_count;
    for (size_t i = 0; i < r->id_count; i++) {
        r->ids[i]->asked = next;
    }
    r->id_count = 0;
    request_send(next);
    return true;
}

/* ---- failures ------------------------------------------------------------------- */

/* The failure, with the event's id before it. */
static void
tell_failure(struct entry *e, const sgo_error *err)
{
    sgo_error text;

    error_set(&text, err->kind, "event %s: %s", e->id, err->text);
    text.http_status = err->http_status;
    text.retryable = err->retryable;
    e->failure_told = e->b->now;
    report_entry(e, &text);
}

static void
refuse(struct entry *e, const sgo_error *err)
{
    struct node *n, *after;

    e->refused = true;
    e->b->counters.events_refused++;
    cache_proof(e);
    tell_failure(e, err);
    LIST_EACH (n, after, &e->members) {
        struct member *m = NODE_OWNER(n, struct member, in_entry);

        m->feed->stats.versions_refused++;
        cache_refused(m);
        cache_settled(m);
    }
}

/* The answer to r refused the event for good.  Notified again meanwhile, it is
 * asked again: another version may be had. */
static void
refuse_or_ask(struct request *r, struct entry *e, const sgo_error *err)
{
    if (r->started <= e->demand && e->member_count) {
        plan_requeue(e);
    } else {
        refuse(e, err);
        cache_entry_unused(e);
    }
}

/* Counted each time; told at once, then once a minute. */
static void
note_failure(struct entry *e, const sgo_error *err)
{
    struct node *n, *after;

    if (e->failure_told == 0 ||
        e->b->now - e->failure_told >= FAILURE_TOLD_NS) {
        tell_failure(e, err);
        return;
    }
    LIST_EACH (n, after, &e->members) {
        NODE_OWNER(n, struct member, in_entry)->feed->stats.errors++;
    }
}

/* Give all open ids back, oldest first in the queue again.  most: the largest
 * chunk they may be in from now on; delay: not before; 0: at once. */
static void
give_back(struct request *r, size_t most, int64_t delay)
{
    while (r->id_count) {
        struct entry *e = r->ids[--r->id_count];

        e->asked = NULL;
        if (most < e->chunk_max) {
            e->chunk_max = most ? most : 1;
        }
        if (e->member_count == 0) {
            cache_entry_unused(e);
        } else if (delay > 0) {
            plan_later(e, e->ask, e->b->now + delay);
        } else {
            plan_requeue(e);
        }
    }
}

/* One id alone cannot be had for now. */
static void
lone_failure(struct request *r, const sgo_error *err)
{
    struct entry *e = r->ids[0];
    int64_t delay;

    e->fails++;
    r->b->counters.requests_retried++;
    delay = retry_delay(r->b, e->fails, RETRY_FIRST_NS, RETRY_MAX_NS);
    if (err->retry_after_ns > delay) {
        delay = err->retry_after_ns;
    }
    if (e->fails == 3 && !e->refused) {
        refuse(e, err);
    } else {
        note_failure(e, err);
    }
    give_back(r, 1, MUTANT(RETRY_DROPPED) ? CLOCK_NEVER - r->b->now : delay);
}

static void
split_or_wait(struct request *r, const sgo_error *err)
{
    if (r->id_count > 1) {
        give_back(r, r->id_count / 2, 0);
    } else {
        lone_failure(r, err);
    }
}

/* Every id has been answered or not (the last page is in). */
static void
compare(struct request *r)
{
    size_t open = r->id_count;

    if (open == 0) {
        return;
    }
    while (r->id_count &&
           (r->asked_count == 1 || MUTANT(SEVERAL_404_BELIEVED))) {
        struct entry *e = r->ids[--r->id_count];

        e->asked = NULL;
        if (e->member_count) {
            version_absent(e, r->started);
        }
        cache_entry_unused(e);
    }
    if (r->id_count == 0 || MUTANT(SHORT_BELIEVED)) {
        return;
    }
    r->b->counters.requests_retried++;
    give_back(r, r->found ? open : 1, 0);
}

static void
failed(struct request *r, enum outcome outcome, const sgo_error *err)
{
    if (r->general) {
        r->b->counters.requests_retried++;
        give_back(r, CHUNK_MAX_IDS, 0);
        return;
    }
    switch (outcome) {
    case OUTCOME_NOT_FOUND:
        if (r->page || r->id_count == 1 || MUTANT(SEVERAL_404_BELIEVED)) {
            compare(r); /* the end of the list, or one id alone */
        } else {
            give_back(r, 1, 0); /* of several ids nothing is proven */
        }
        break;
    case OUTCOME_DENIED:
        retry_denied(r->b, err);
        give_back(r, CHUNK_MAX_IDS, 0);
        break;
    case OUTCOME_REFUSED:
    case OUTCOME_TOO_LARGE:
        if (r->id_count == 1) {
            struct entry *e = r->ids[0];

            r->id_count = 0;
            e->asked = NULL;
            refuse_or_ask(r, e, err);
            break;
        }
        split_or_wait(r, err);
        break;
    default:
        split_or_wait(r, err);
        break;
    }
}

/* ---- answers ---------------------------------------------------------------------- */

/* Compare the document with what its entry holds (now). */
static sgo_status
compare_with_held(struct item *item)
{
    changes_release(item->changes);
    document_release(item->old);
    item->changes = NULL;
    item->old = item->e->doc ? document_retain(item->e->doc) : NULL;
    return item->old ? diff_compare(item->old, item->doc, &item->changes)
                     : SGO_OK;
}

static void
take_refused(struct request *r, struct entry *e, sgo_status status,
             const struct scan_error *why)
{
    struct item *item;

    if (status == SGO_LIMIT && e && e->asked == r) {
        item = request_item(r, e); /* this event alone is refused */
        if (item) {
            item->e = e;
            item->reason = why->reason ? why->reason : "over a limit";
        }
    } else if (status != SGO_LIMIT) {
        r->body_status = status;
        r->body_reason = why->reason;
    }
}

void
ids_take(struct request *r, const char *bytes, size_t len)
{
    struct brain *b = r->b;
    const struct shape *shape = b->prune_answers ? b->shape : NULL;
    char id[DOCUMENT_MAX_EVENT_ID_BYTES + 1];
    size_t n = api_event_id(bytes, len, id);
    struct entry *e = n ? cache_find(b, id, n) : NULL, *named;
    struct item *item, made = {.e = e};
    struct scan_error why = {0, NULL};
    sgo_status status =
        project_update(b->pool, bytes, len, shape, e ? e->doc : NULL,
                       &made.doc, &made.changes, NULL, &why);

    if (status != SGO_OK) {
        take_refused(r, e, status, &why);
        return;
    }
    made.old = e && e->doc ? document_retain(e->doc) : NULL;
    named = cache_find(b, made.doc->event_id, made.doc->event_id_len);
    made.e = named;
    if (named && named != e) { /* equal keys: the quick look was wrong */
        status = compare_with_held(&made);
    }
    item = named && named->asked == r && status == SGO_OK
               ? request_item(r, named)
               : NULL;
    if (item) {
        *item = made;
        return;
    }
    if (status != SGO_OK || r->items == NULL) {
        r->body_status = named && named->asked == r ? SGO_NO_MEMORY : SGO_OK;
    }
    document_release(made.doc);
    document_release(made.old);
    changes_release(made.changes);
}

static bool
take_out(struct request *r, struct entry *e)
{
    for (size_t i = 0; i < r->id_count; i++) {
        if (r->ids[i] == e) {
            memmove(&r->ids[i], &r->ids[i + 1],
                    (--r->id_count - i) * sizeof(*r->ids));
            e->asked = NULL;
            return true;
        }
    }
    return false;
}

static void
apply(struct request *r, struct item *item)
{
    struct entry *e = item->e;
    struct version v = {.as_of = request_as_of(r),
                        .started = r->started,
                        .arrived = r->b->now,
                        .ask = e->ask};
    sgo_status status = SGO_OK;

    if (!take_out(r, e)) {
        return;
    }
    if (item->doc == NULL) {
        sgo_error err;

        error_set(&err, SGO_ERROR_LIMIT, "%s", item->reason);
        refuse_or_ask(r, e, &err);
        return;
    }
    r->found++;
    if (r->started <= e->demand && e->member_count) {
        plan_requeue(e); /* notified again meanwhile */
    }
    if (item->old != e->doc) { /* another answer came between */
        status = compare_with_held(item);
    }
    if (status == SGO_OK) {
        v.doc = item->doc;
        v.changes = item->changes;
        status = version_apply(e, &v);
    }
    if (status != SGO_OK) {
        r->b->gate.memory_until = r->b->now + MEMORY_PAUSE_NS;
        plan_requeue(e);
    }
    cache_entry_unused(e);
}

/* Further pages are requests like others: only when one may go out. */
static bool
may_go_on(struct request *r)
{
    struct brain *b = r->b;
    int64_t when;

    return retry_gate_open(b, &when) &&
           pace_ready(&b->pace, (double)r->id_count, b->now) <= b->now;
}

static void
answered(struct request *r)
{
    struct brain *b = r->b;
    const char *cursor = message_text(r->tree, "nextCursor");

    for (size_t i = 0; i < r->item_count; i++) {
        apply(r, &r->items[i]);
    }
    if (r->id_count && cursor && cursor[0] && r->envelope.elements &&
        strlen(cursor) <= CURSOR_MAX_BYTES) {
        if (!may_go_on(r)) {
            give_back(r, CHUNK_MAX_IDS, 0);
        } else if (!next_page(r, cursor)) {
            b->gate.memory_until = b->now + MEMORY_PAUSE_NS;
            give_back(r, CHUNK_MAX_IDS, 0);
        }
        return;
    }
    compare(r);
}

void
ids_done(struct request *r, enum outcome outcome, const sgo_error *err)
{
    if (outcome == OUTCOME_OK) {
        answered(r);
    } else {
        failed(r, outcome, err);
    }
}
