/* Rule 2: the walk of a feed's list, page by page, and the refetch of what the
 * list lacks.  Polling (rule 11) is the same walk on another clock.  A feed
 * without a list of its own walks by its id (byid) or by another bootstrap. */
#include "feed/brain.h"

#include <string.h>

#include "base/mem.h"

static void
page_wanted(struct feed *f)
{
    f->walk.wanted = true;
    f->walk.wanted_since = f->b->now;
}

static void
retry_due(void *owner)
{
    struct feed *f = owner;

    page_wanted(f);
}

static void
next_due(void *owner)
{
    struct feed *f = owner;

    walk_want(f, f->synced ? ASK_PERIODIC : ASK_RECONCILE, false);
}

sgo_status
walk_init_feed(struct feed *f)
{
    sgo_status status = wake_init(&f->b->wakes, &f->walk.retry, retry_due, f);

    if (status == SGO_OK) {
        status = wake_init(&f->b->wakes, &f->walk.next, next_due, f);
    }
    return status;
}

void
walk_fini_feed(struct feed *f)
{
    walk_stop(f);
    wake_fini(&f->b->wakes, &f->walk.retry);
    wake_fini(&f->b->wakes, &f->walk.next);
}

/* ---- beginning and stopping ------------------------------------------------ */

void
walk_want(struct feed *f, enum ask_class ask, bool fresh)
{
    struct feed_walk *w = &f->walk;

    if (fresh) {
        walk_stop(f);
    }
    if (w->active && w->ask <= ask) {
        return;
    }
    if (w->active) {
        w->ask = ask; /* the same walk, in more of a hurry */
        return;
    }
    w->due_ask = w->due && w->due_ask < ask ? w->due_ask : ask;
    w->due = true;
}

void
walk_missed(struct feed *f)
{
    if (f->walk.active) {
        f->walk.again = true;
    } else {
        walk_want(f, ASK_RECONCILE, false);
    }
}

void
walk_stop(struct feed *f)
{
    struct feed_walk *w = &f->walk;
    struct node *n, *after;

    request_cancel(w->request);
    w->request = NULL;
    mem_free(w->cursor);
    w->cursor = NULL;
    w->active = w->wanted = w->again = w->awaiting = w->due = false;
    wake_clear(&f->b->wakes, &w->retry);
    LIST_EACH (n, after, &f->members) {
        NODE_OWNER(n, struct member, in_feed)->awaited = false;
    }
    w->awaited = 0;
    if (f->boot.as_list) {
        f->boot.as_list = false;
        request_cancel(f->boot.request);
        f->boot.request = NULL;
        f->boot.wanted = f->boot.for_link;
    }
}

/* A byid feed's list is its event, asked by id. */
static bool
begin_by_id(struct feed *f)
{
    bool full;
    struct entry *e =
        cache_entry(f->b, f->event_id, strlen(f->event_id), &full);

    if (e == NULL || cache_join(e, f) == NULL) {
        if (e) {
            cache_entry_unused(e);
        }
        return false;
    }
    walk_list_ended(f);
    return true;
}

static void
begin(struct feed *f)
{
    struct feed_walk *w = &f->walk;

    w->due = false;
    w->active = true;
    w->again = false;
    w->judge = true;
    w->awaiting = false;
    w->ask = w->due_ask;
    w->number++;
    w->began = f->b->now;
    w->pages = 0;
    w->fails = 0;
    w->listing = 0;
    w->restarted = false;
    wake_clear(&f->b->wakes, &w->next);
    if (f->list) {
        page_wanted(f);
    } else if (f->kind == FEED_BYID) {
        if (!begin_by_id(f)) {
            w->active = false;
            wake_set(&f->b->wakes, &w->next, f->b->now + MEMORY_PAUSE_NS);
        }
    } else {
        f->boot.as_list = true;
        bootstrap_want(f);
    }
}

/* ---- pages --------------------------------------------------------------------- */

size_t
walk_expected(const struct feed *f)
{
    size_t n = f->walk.listed;

    return n < CHUNK_MAX_IDS     ? CHUNK_MAX_IDS
           : n > WALK_PAGE_LIMIT ? WALK_PAGE_LIMIT
                                 : n;
}

bool
walk_start_page(struct feed *f)
{
    struct brain *b = f->b;
    struct feed_walk *w = &f->walk;
    struct request *r = request_create(b, REQUEST_WALK, w->ask);
    struct buf u;
    size_t len;

    if (r == NULL) {
        return false;
    }
    buf_init(&u, 64 << 10);
    buf_printf(&u, "%s/events?%s&limit=%d%s", b->base_url, f->list,
               WALK_PAGE_LIMIT, b->shape_query);
    if (w->cursor) {
        buf_puts(&u, "&cursor=");
        message_write_escaped(&u, w->cursor);
    }
    r->url = u.status == SGO_OK ? buf_take(&u, &len) : NULL;
    buf_fini(&u);
    if (r->url == NULL) {
        request_free(r);
        return false;
    }
    r->feed = f;
    r->page = w->pages;
    r->reserved_objects = walk_expected(f);
    w->request = r;
    w->wanted = false;
    request_send(r);
    return true;
}

void
walk_page_broken(struct request *r)
{
    struct feed *f = r->feed;
    struct node *n, *after;

    f->walk.judge = false;
    if (r->objects == 0) {
        return;
    }
    LIST_EACH (n, after, &f->members) {
        struct member *m = NODE_OWNER(n, struct member, in_feed);

        if (m->page == r->id) {
            plan_ask(m->entry, ASK_RECONCILE, f);
        }
    }
}

static void
walk_again_from_start(struct feed *f)
{
    struct feed_walk *w = &f->walk;
    enum ask_class ask = w->ask;

    walk_want(f, ask, true);
    begin(f);
    w->restarted = true;
}

static void
page_failed(struct request *r, enum outcome outcome, const sgo_error *err)
{
    struct feed *f = r->feed;
    struct feed_walk *w = &f->walk;
    int64_t delay;

    f->stats.walks_failed++;
    walk_page_broken(r);
    if (r->general) {
        page_wanted(f);
        return;
    }
    switch (outcome) {
    case OUTCOME_REFUSED:
        if (r->page && !w->restarted) {
            walk_again_from_start(f); /* the cursor may have grown old */
        } else {
            feed_fail(f, err);
        }
        return;
    case OUTCOME_DENIED:
        retry_denied(f->b, err);
        page_wanted(f);
        return;
    default:
        w->fails++;
        f->b->counters.requests_retried++;
        report_feed(f, err, NULL);
        delay = retry_delay(f->b, w->fails, RETRY_FIRST_NS, RETRY_MAX_NS);
        if (err->retry_after_ns > delay) {
            delay = err->retry_after_ns;
        }
        wake_set(&f->b->wakes, &w->retry, f->b->now + delay);
        return;
    }
}

static sgo_status
next_page(struct request *r)
{
    struct feed_walk *w = &r->feed->walk;
    const char *cursor = message_text(r->tree, "nextCursor");
    char *copy = NULL;

    if (cursor && cursor[0] && r->envelope.elements &&
        !MUTANT(CURSOR_IGNORED)) {
        if (strlen(cursor) <= CURSOR_MAX_BYTES &&
            w->pages + 1 < WALK_MAX_PAGES &&
            (w->cursor == NULL || strcmp(cursor, w->cursor) != 0)) {
            copy = mem_dup(cursor, strlen(cursor));
            if (copy == NULL) {
                return SGO_NO_MEMORY;
            }
        } else {
            w->judge = false; /* there is more that we will not see */
        }
    }
    w->pages++;
    mem_free(w->cursor);
    w->cursor = copy;
    return SGO_OK;
}

void
walk_done(struct request *r, enum outcome outcome, const sgo_error *err)
{
    struct feed *f = r->feed;
    struct feed_walk *w = &f->walk;

    w->request = NULL;
    if (outcome == OUTCOME_NOT_FOUND) { /* an empty list, or its end */
        mem_free(w->cursor);
        w->cursor = NULL;
        walk_list_ended(f);
        return;
    }
    if (outcome != OUTCOME_OK) {
        page_failed(r, outcome, err);
        return;
    }
    w->fails = 0;
    if (next_page(r) != SGO_OK) {
        f->b->gate.memory_until = f->b->now + MEMORY_PAUSE_NS;
        page_wanted(f);
        return;
    }
    w->listing += r->envelope.elements;
    if (w->cursor) {
        page_wanted(f);
    } else {
        walk_list_ended(f);
    }
}

/* ---- its end -------------------------------------------------------------------- */

void
walk_list_ended(struct feed *f)
{
    struct feed_walk *w = &f->walk;
    struct node *n, *after;

    LIST_EACH (n, after, &f->members) {
        struct member *m = NODE_OWNER(n, struct member, in_feed);

        if (m->seen == w->number || MUTANT(LIST_ALONE)) {
            continue;
        }
        if (w->judge && f->kind != FEED_BYID) {
            m->absences++;
        }
        if (!m->awaited && !MUTANT(LIST_NOT_AWAITED)) {
            m->awaited = true;
            w->awaited++;
        }
        plan_ask(m->entry, w->ask, f);
    }
    f->events_shown = true;
    w->listed = w->listing;
    w->awaiting = true;
}

static void
complete(struct feed *f)
{
    struct feed_walk *w = &f->walk;
    bool again = w->again;

    w->active = w->awaiting = w->again = false;
    w->took = f->b->now - w->began;
    f->stats.reconciles++;
    if (again) {
        walk_want(f, ASK_RECONCILE, false);
    } else {
        feed_repaired(f);
    }
}

void
walk_settle(struct feed *f)
{
    struct feed_walk *w = &f->walk;

    if (w->awaiting && w->awaited == 0) {
        complete(f);
    }
    if (w->due && !w->active) {
        begin(f);
        if (w->awaiting && w->awaited == 0) {
            complete(f);
        }
    }
}
