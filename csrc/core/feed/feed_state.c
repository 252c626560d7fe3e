/* One feed between its steps: what its streams are told of connection and
 * phase, gaps, the change to polling and back, and its end. */
#include "feed/brain.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"

/* ---- words -------------------------------------------------------------------- */

void
feed_reason(struct feed *f, const char *reason, int close_code)
{
    snprintf(f->reason, sizeof(f->reason), "%.*s", (int)sizeof(f->reason) - 1,
             reason ? reason : "");
    f->close_code = close_code;
    if (close_code) {
        f->stats.last_close_code = close_code;
    }
}

sgo_connection
feed_connection(const struct feed *f)
{
    sgo_connection c = SGO_CONN_CONNECTING;

    if (f->failed) {
        return SGO_CONN_FAILED;
    }
    if (f->closed) {
        return SGO_CONN_DISCONNECTED;
    }
    if (f->link) {
        c = pusher_state(f->link->pusher);
        if (c == SGO_CONN_INITIALIZED) {
            c = SGO_CONN_CONNECTING;
        }
    } else if (f->boot.slow_since) {
        c = SGO_CONN_DISCONNECTED;
    } else if (f->down_since &&
               f->b->now - f->down_since >= AUTO_POLL_AFTER_NS) {
        c = SGO_CONN_UNAVAILABLE;
    }
    if (f->polling && (c != SGO_CONN_CONNECTED || f->channel_refused)) {
        return SGO_CONN_POLLING;
    }
    return c;
}

sgo_phase
feed_phase(const struct feed *f)
{
    if (f->failed || f->closed) {
        return SGO_PHASE_CLOSED;
    }
    if (f->was_live) {
        /* The socket is back, what polling may have missed is not: stale
         * until the reconcile. */
        bool back = f->polling && feed_connection(f) != SGO_CONN_POLLING;

        return f->synced && !back ? SGO_PHASE_LIVE : SGO_PHASE_STALE;
    }
    if (f->channel == NULL) {
        return SGO_PHASE_BOOTSTRAPPING;
    }
    return f->subscribed ? SGO_PHASE_RECONCILING : SGO_PHASE_SUBSCRIBING;
}

/* ---- gaps ------------------------------------------------------------------------ */

void
feed_gap(struct feed *f, int64_t began, const char *reason)
{
    if (f->gap) {
        return; /* one gap, until it is repaired */
    }
    f->gap = true;
    f->gap_told = f->was_live;
    f->gap_began = began;
    f->gap_answers = 0;
    f->stats.gaps += f->was_live;
    snprintf(f->gap_reason, sizeof(f->gap_reason), "%s", reason ? reason : "");
}

void
feed_lost(struct feed *f, int64_t began, const char *reason, int code)
{
    struct brain *b = f->b;

    if (!f->subscribed) {
        return;
    }
    f->subscribed = false;
    f->synced = f->polling || MUTANT(LOSS_IGNORED);
    f->stats.reconnects++;
    f->down_since = b->now;
    wake_set(&b->wakes, &f->down, b->now + AUTO_POLL_AFTER_NS);
    if (code) {
        f->stats.last_close_code = code;
    }
    feed_gap(f, began, reason);
}

/* The next walk by the clock. */
static void
schedule(struct feed *f)
{
    struct brain *b = f->b;
    int64_t every = b->config.reconcile_interval_ns;

    if (f->polling) {
        every = budget_poll_interval(f);
    }
    if (every > 0) { /* a long walk is not followed by another at once */
        int64_t next = clock_add(f->walk.began, every);

        next = next < b->now + every / 4 ? b->now + every / 4 : next;
        wake_set(&b->wakes, &f->walk.next, next);
    }
    if (f->polling) {
        wake_set(&b->wakes, &f->down, clock_add(f->walk.began, 2 * every));
    }
}

void
feed_subscribed(struct feed *f)
{
    f->subscribed = true;
    f->channel_refused = false;
    f->subscribed_at = f->b->now;
    f->down_since = 0;
    wake_clear(&f->b->wakes, &f->down);
    if (!f->polling) {
        f->synced = false;
    }
    if (MUTANT(RECONCILE_SKIPPED)) {
        feed_repaired(f);
        return;
    }
    walk_want(f, ASK_RECONCILE, true);
}

/* A walk is complete and nothing was missed while it went on. */
void
feed_repaired(struct feed *f)
{
    struct node *n, *after;

    f->polled_at = f->walk.began;
    if (f->subscribed && f->polling &&
        f->b->config.transport != SGO_TRANSPORT_POLL) {
        f->polling = false; /* the socket is back and reconciled */
    }
    schedule(f);
    if (!f->subscribed && !f->polling) {
        return; /* without notifications nothing is current for long */
    }
    f->synced = true;
    f->was_live = true;
    if (f->polling) {
        f->proof = f->walk.began;
    }
    if (!f->gap) {
        return;
    }
    f->gap = false;
    LIST_EACH (n, after, &f->streams) {
        struct stream *s = NODE_OWNER(n, struct stream, in_feed);

        s->gap_due = f->gap_told;
        s->gap_began = f->gap_began;
        s->gap_ended = f->b->now;
        s->gap_answers = f->gap_answers;
        memcpy(s->gap_reason, f->gap_reason, sizeof(s->gap_reason));
    }
}

/* ---- polling (rule 11) --------------------------------------------------------------- */

static void
start_polling(struct feed *f)
{
    f->polling = true;
    f->synced = false;
    log_write(f->b->log, SGO_LOG_WARNING, "feed",
              "%s: no socket, polling every %.0f s", f->title,
              (double)f->b->config.poll_interval_ns / 1e9);
    walk_want(f, ASK_RECONCILE, false);
}

/* The socket has been down for long, or two polls were missed. */
static void
down_due(void *owner)
{
    struct feed *f = owner;
    struct brain *b = f->b;

    if (f->failed || f->closed) {
        return;
    }
    if (f->polling) {
        f->synced = false; /* two intervals without a complete walk */
        return;
    }
    if (f->subscribed || b->config.transport != SGO_TRANSPORT_AUTO ||
        f->kind == FEED_OTHER) {
        return;
    }
    if (f->link == NULL && f->boot.fails == 0 && f->boot.slow_since == 0) {
        wake_set(&b->wakes, &f->down, b->now + NS_PER_S); /* still its turn */
        return;
    }
    start_polling(f);
}

/* ---- making and ending ----------------------------------------------------------------- */

static void
boot_due(void *owner)
{
    bootstrap_want(owner);
}

sgo_status
feed_start(struct feed *f)
{
    struct brain *b = f->b;
    sgo_status status = walk_init_feed(f);

    if (status == SGO_OK) {
        status = wake_init(&b->wakes, &f->boot.retry, boot_due, f);
    }
    if (status == SGO_OK) {
        status = wake_init(&b->wakes, &f->down, down_due, f);
    }
    if (status != SGO_OK) {
        return status;
    }
    f->down_since = b->now;
    if (b->config.transport == SGO_TRANSPORT_POLL) {
        f->polling = true;
        walk_want(f, ASK_RECONCILE, false);
    } else {
        wake_set(&b->wakes, &f->down, b->now + AUTO_POLL_AFTER_NS);
        bootstrap_want(f);
    }
    return SGO_OK;
}

void
feed_fail(struct feed *f, const sgo_error *err)
{
    if (f->failed) {
        return;
    }
    f->failed = true;
    f->final_error = *err;
    f->final_error.retryable = false;
    feed_reason(f, err->text, err->close_code);
}

/* Its streams go on without it: they have only their ending to tell. */
static void
dismiss(struct feed *f)
{
    struct node *n, *after;

    LIST_EACH (n, after, &f->streams) {
        struct stream *s = NODE_OWNER(n, struct stream, in_feed);

        stream_leave(s);
        s->final_due = true;
        s->final_error = f->final_error;
    }
}

void
feed_settle(struct feed *f)
{
    if (f->failed) {
        dismiss(f);
    }
    if (f->stream_count == 0) {
        feed_free(f);
        return;
    }
    if (f->channel_refused && !f->polling && !f->subscribed &&
        f->b->config.transport == SGO_TRANSPORT_AUTO &&
        f->kind != FEED_OTHER) {
        start_polling(f);
    }
    walk_settle(f);
    if (f->link) {
        int64_t frame = pusher_last_frame(f->link->pusher);

        f->last_frame = frame > f->last_frame ? frame : f->last_frame;
        if (f->subscribed && f->synced && !f->polling &&
            f->last_frame > f->proof) {
            f->proof = f->last_frame;
        }
    }
}

void
feed_free(struct feed *f)
{
    struct brain *b = f->b;
    struct node *n, *after;

    f->closed = true;
    request_cancel(f->boot.request);
    f->boot.request = NULL;
    walk_fini_feed(f);
    link_detach(f);
    LIST_EACH (n, after, &f->members) {
        struct member *m = NODE_OWNER(n, struct member, in_feed);
        struct entry *e = m->entry;

        cache_leave(m, false, SGO_CAUSE_EXPIRY);
        cache_entry_unused(e);
    }
    wake_fini(&b->wakes, &f->boot.retry);
    wake_fini(&b->wakes, &f->down);
    plan_feed_gone(f);
    if (f->key && map_get(&b->feeds_by_key, f->key, strlen(f->key)) == f) {
        map_remove(&b->feeds_by_key, f->key, strlen(f->key));
    }
    list_remove(&f->in_brain);
    mem_free(f->key);
    mem_free(f->name);
    mem_free(f->title);
    mem_free(f->query);
    mem_free(f->list);
    mem_free(f->event_id);
    mem_free(f->league_id);
    mem_free(f->channel);
    mem_free(f->user);
    mem_free(f);
}
