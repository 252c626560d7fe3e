/* Calls of the user outside any stream: events once, and the account's usage.
 * A fetch asks chunk after chunk, one request at a time, and keeps what it
 * finds apart from the cache. */
#include "feed/brain.h"

#include <string.h>

#include "base/mem.h"

enum { CALL_TRIES = 3 }; /* failures in a row before the user is told */

/* ---- making ---------------------------------------------------------------------- */

static void
retry_due(void *owner)
{
    struct call *c = owner;

    c->waiting = true;
}

static sgo_status
create(struct brain *b, uint32_t id, struct call **out)
{
    struct call *c;

    if (b->call_count >= BRAIN_MAX_CALLS) {
        return SGO_LIMIT;
    }
    c = mem_calloc(1, sizeof(*c));
    if (c == NULL || wake_init(&b->wakes, &c->retry, retry_due, c) != SGO_OK) {
        mem_free(c);
        return SGO_NO_MEMORY;
    }
    c->b = b;
    c->id = id;
    c->waiting = true;
    c->since = b->now;
    c->chunk_max = CHUNK_MAX_IDS;
    *out = c;
    return SGO_OK;
}

static void
accept(struct call *c)
{
    list_append(&c->b->calls, &c->in_brain);
    c->b->call_count++;
}

void
call_free(struct call *c)
{
    if (c == NULL) {
        return;
    }
    if (node_linked(&c->in_brain)) {
        list_remove(&c->in_brain);
        c->b->call_count--;
    }
    request_cancel(c->request);
    wake_fini(&c->b->wakes, &c->retry);
    for (size_t i = 0; i < c->document_count; i++) {
        document_release(c->documents[i]);
    }
    mem_free(c->documents);
    mem_free(c->ids);
    mem_free(c->cursor);
    mem_free(c->json);
    mem_free(c);
}

/* Pointers, then their strings, in one block. */
static char **
copy_ids(const char *const *ids, size_t n)
{
    size_t bytes = n * sizeof(char *);
    char **copy, *text;

    for (size_t i = 0; i < n; i++) {
        bytes += strnlen(ids[i], BRAIN_MAX_EVENT_ID_BYTES) + 1;
    }
    copy = mem_alloc(bytes);
    if (copy == NULL) {
        return NULL;
    }
    text = (char *)(copy + n);
    for (size_t i = 0; i < n; i++) {
        size_t len = strnlen(ids[i], BRAIN_MAX_EVENT_ID_BYTES);

        copy[i] = text;
        memcpy(text, ids[i], len);
        text[len] = '\0';
        text += len + 1;
    }
    return copy;
}

sgo_status
brain_call_fetch(struct brain *b, uint32_t call_id, const char *const *ids,
                 size_t n, int64_t now)
{
    struct call *c;
    sgo_status status;

    if (n > BRAIN_MAX_CALL_IDS) {
        return SGO_LIMIT;
    }
    record_fetch(b, now, call_id, ids, n);
    brain_input(b, now);
    if (b->closed) {
        return SGO_CLOSED;
    }
    status = create(b, call_id, &c);
    if (status != SGO_OK) {
        return status;
    }
    c->ids = copy_ids(ids, n);
    c->documents = mem_calloc(n + 1, sizeof(*c->documents));
    if (c->ids == NULL || c->documents == NULL) {
        call_free(c);
        return SGO_NO_MEMORY;
    }
    c->id_count = n;
    c->done = n == 0;
    accept(c);
    return SGO_OK;
}

sgo_status
brain_call_usage(struct brain *b, uint32_t call_id, int64_t now)
{
    struct call *c;
    sgo_status status;

    record_input(b, 'U', now, (struct record_args){call_id, 0, 0, 0}, NULL, 0);
    brain_input(b, now);
    if (b->closed) {
        return SGO_CLOSED;
    }
    status = create(b, call_id, &c);
    if (status == SGO_OK) {
        c->usage = true;
        accept(c);
    }
    return status;
}

void
brain_call_cancel(struct brain *b, uint32_t call_id, int64_t now)
{
    struct node *n, *after;

    record_input(b, 'X', now, (struct record_args){call_id, 0, 0, 0}, NULL, 0);
    brain_input(b, now);
    LIST_EACH (n, after, &b->calls) {
        struct call *c = NODE_OWNER(n, struct call, in_brain);

        if (c->id == call_id) {
            call_free(c);
        }
    }
}

/* ---- asking -------------------------------------------------------------------------- */

struct call *
call_waiting(struct brain *b)
{
    struct node *n;

    for (n = b->calls.next; n != &b->calls; n = n->next) {
        struct call *c = NODE_OWNER(n, struct call, in_brain);

        if (c->waiting && !c->done) {
            return c;
        }
    }
    return NULL;
}

static char *
fetch_url(struct call *c)
{
    struct brain *b = c->b;
    struct buf u;
    size_t len, room = URL_MAX_BYTES - SHAPE_QUERY_MAX_BYTES / 2;

    if (c->cursor == NULL) {
        c->ahead = 0;
    }
    buf_init(&u, 64 << 10);
    buf_printf(&u, "%s/events?eventIDs=", b->base_url);
    for (size_t i = 0; c->next + i < c->id_count && i < c->chunk_max; i++) {
        if ((c->cursor && i == c->ahead) || (i && u.len > room)) {
            break;
        }
        if (i) {
            buf_putc(&u, ',');
        }
        message_write_escaped(&u, c->ids[c->next + i]);
        if (c->cursor == NULL) {
            c->ahead++;
        }
    }
    buf_printf(&u, "&limit=%zu%s", c->ahead, b->shape_query);
    if (c->cursor) {
        buf_puts(&u, "&cursor=");
        message_write_escaped(&u, c->cursor);
    }
    if (u.status != SGO_OK) {
        buf_fini(&u);
        return NULL;
    }
    return buf_take(&u, &len);
}

static char *
usage_url(const struct brain *b)
{
    struct buf u;
    size_t len;

    buf_init(&u, 64 << 10);
    buf_printf(&u, "%s/account/usage", b->base_url);
    return buf_take(&u, &len);
}

bool
call_start(struct call *c)
{
    struct request *r = request_create(
        c->b, c->usage ? REQUEST_CALL_USAGE : REQUEST_CALL_IDS, ASK_NOTIFIED);

    if (r == NULL) {
        return false;
    }
    r->url = c->usage ? usage_url(c->b) : fetch_url(c);
    if (r->url == NULL) {
        request_free(r);
        return false;
    }
    budget_mark(r);
    r->call = c;
    r->asked_count = c->ahead;
    r->reserved_objects = c->ahead;
    c->request = r;
    c->waiting = false;
    request_send(r);
    return true;
}

/* ---- answers --------------------------------------------------------------------------- */

static void
give_up(struct call *c, const sgo_error *err)
{
    c->error = *err;
    c->failed = c->done = true;
}

static void
try_again(struct call *c, const sgo_error *err, bool general)
{
    struct brain *b = c->b;

    if (++c->fails >= CALL_TRIES) {
        give_up(c, err);
        return;
    }
    b->counters.requests_retried++;
    if (general) {
        c->waiting = true; /* the gate keeps it */
        return;
    }
    wake_set(&b->wakes, &c->retry,
             b->now + retry_delay(b, c->fails, RETRY_FIRST_NS, RETRY_MAX_NS));
}

static bool
found(const struct call *c, const char *id)
{
    for (size_t i = 0; i < c->document_count; i++) {
        if (strcmp(c->documents[i]->event_id, id) == 0) {
            return true;
        }
    }
    return false;
}

/* The chunk is answered: what is missing is asked again, alone if need be; an
 * id that is missing when asked alone is not known to the API. */
static void
chunk_ended(struct call *c)
{
    size_t have = 0;

    mem_free(c->cursor);
    c->cursor = NULL;
    for (size_t i = 0; i < c->ahead; i++) {
        char *id = c->ids[c->next + i];

        if (found(c, id)) {
            c->ids[c->next + i] = c->ids[c->next + have];
            c->ids[c->next + have++] = id;
        }
    }
    if (c->ahead == 1) {
        c->next++;
    } else {
        c->next += have;
        c->chunk_max = have ? CHUNK_MAX_IDS : 1;
    }
    c->fails = 0;
    c->done = c->next == c->id_count;
    c->waiting = !c->done;
}

void
call_take(struct request *r, const char *bytes, size_t len)
{
    struct brain *b = r->b;
    const struct shape *shape = b->prune_answers ? b->shape : NULL;
    struct item *item, made = {0};
    struct scan_error why = {0, NULL};
    sgo_status status = project_update(b->pool, bytes, len, shape, NULL,
                                       &made.doc, &made.changes, NULL, &why);

    if (status != SGO_OK) {
        r->body_status = status;
        r->body_reason = why.reason;
        return;
    }
    item = request_item(r, NULL);
    if (item) {
        *item = made;
        return;
    }
    if (r->items == NULL) {
        r->body_status = SGO_NO_MEMORY;
    }
    document_release(made.doc);
}

static void
take_documents(struct call *c, struct request *r)
{
    for (size_t i = 0; i < r->item_count; i++) {
        struct document *doc = r->items[i].doc;

        if (c->document_count < c->id_count && doc->event_id_len &&
            !found(c, doc->event_id)) {
            c->documents[c->document_count++] = document_retain(doc);
        }
    }
}

static void
fetched(struct call *c, struct request *r)
{
    const char *cursor = message_text(r->tree, "nextCursor");
    char *copy = NULL;
    sgo_error err;

    take_documents(c, r);
    if (cursor && cursor[0] && r->envelope.elements &&
        strlen(cursor) <= CURSOR_MAX_BYTES &&
        (c->cursor == NULL || strcmp(c->cursor, cursor) != 0)) {
        copy = mem_dup(cursor, strlen(cursor));
        if (copy == NULL) {
            error_set(&err, SGO_ERROR_MEMORY, "out of memory");
            try_again(c, &err, false);
            return;
        }
    }
    mem_free(c->cursor);
    c->cursor = copy;
    if (copy) {
        c->waiting = true;
    } else {
        chunk_ended(c);
    }
}

/* The account's own words, and behind them our forecast. */
static char *
usage_text(struct brain *b, const cJSON *data)
{
    char *text = cJSON_PrintUnformatted(data);
    size_t len = text ? strlen(text) : 0;
    struct buf out;
    sgo_status status;

    if (text == NULL) {
        return NULL;
    }
    buf_init(&out, 2 * SMALL_BODY_MAX);
    buf_append(&out, text, len - 1); /* without the closing brace */
    cJSON_free(text);
    buf_puts(&out, len > 2 ? ",\"forecast\":" : "\"forecast\":");
    status = budget_forecast(b, &out);
    if (status == SGO_OK) {
        status = buf_putc(&out, '}');
    }
    if (status != SGO_OK) {
        buf_fini(&out);
        return NULL;
    }
    return buf_take(&out, &len);
}

static void
usage_read(struct call *c, struct request *r)
{
    const cJSON *data = message_member(r->tree, "data", NULL);
    sgo_error err;

    if (cJSON_IsObject(data)) {
        budget_learn(r, data);
        c->json = usage_text(c->b, data);
        c->done = c->json != NULL;
        error_set(&err, SGO_ERROR_MEMORY, "out of memory");
    } else {
        error_set(&err, SGO_ERROR_PROTOCOL, "the usage answer has no data");
    }
    if (!c->done) {
        try_again(c, &err, false);
    }
}

void
call_done(struct request *r, enum outcome outcome, const sgo_error *err)
{
    struct call *c = r->call;

    c->request = NULL;
    if (outcome == OUTCOME_OK) {
        if (c->usage) {
            usage_read(c, r);
        } else {
            fetched(c, r);
        }
        return;
    }
    if (outcome == OUTCOME_NOT_FOUND && !c->usage) {
        chunk_ended(c); /* none of them, or the end of the pages */
        return;
    }
    if (!c->usage && c->ahead > 1 &&
        (outcome == OUTCOME_REFUSED || outcome == OUTCOME_HEAVY ||
         outcome == OUTCOME_TOO_LARGE)) {
        mem_free(c->cursor);
        c->cursor = NULL;
        c->chunk_max = c->ahead / 2;
        c->waiting = true;
        return;
    }
    if (outcome == OUTCOME_REFUSED || outcome == OUTCOME_DENIED ||
        outcome == OUTCOME_NOT_FOUND || outcome == OUTCOME_TOO_LARGE) {
        give_up(c, err);
        return;
    }
    try_again(c, err, r->general);
}

bool
call_next(struct brain *b, struct action *out)
{
    struct node *n, *after;

    call_free(b->out_call);
    b->out_call = NULL;
    LIST_EACH (n, after, &b->calls) {
        struct call *c = NODE_OWNER(n, struct call, in_brain);

        if (!c->done) {
            continue;
        }
        list_remove(&c->in_brain);
        b->call_count--;
        b->out_call = c;
        *out = (struct action){.kind = ACTION_CALL_DONE};
        out->u.call_done.call_id = c->id;
        if (c->failed) {
            out->u.call_done.error = &c->error;
            return true;
        }
        out->u.call_done.documents = c->documents;
        out->u.call_done.n = c->document_count;
        out->u.call_done.json = c->json;
        out->u.call_done.json_len = c->json ? strlen(c->json) : 0;
        return true;
    }
    return false;
}
