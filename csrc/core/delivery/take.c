/* The consumer's side: taking updates, and the clock's part of readiness. */
#include "base/mem.h"
#include "base/status.h"
#include "delivery/internal.h"

/* Move up to max updates to out; returns their number. */
static size_t
pop_locked(struct sgo_subscription *sub, sgo_update **out, size_t max,
           int64_t now, struct sgo_update **junk, struct slot **dead)
{
    size_t n = 0;

    while (n < max && sub->ready.first) {
        struct sgo_update *u = sub->ready.first;
        struct hub_stream *stream = u->stream;
        struct slot *slot = u->slot;

        if (sub->max_age_ns) {
            u->stale = stale_age_locked(sub, slot, now) >= sub->max_age_ns;
        }
        slot_take_update_locked(sub, u);
        if (u->mark && u->stale == slot->stale_shown) {
            u->next = *junk; /* no news any more */
            *junk = u;
            continue;
        }
        slot->stale_shown = u->stale;
        if (sub->min_interval_ns) {
            slot->due = clock_add(now, sub->min_interval_ns);
        }
        slot_retire_locked(sub, slot, dead);
        stream->delivered++;
        sub->stats.delivered++;
        out[n++] = u;
    }
    return n;
}

/* Everything but the wait.  SGO_AGAIN: nothing yet. */
static sgo_status
try_locked(struct sgo_subscription *sub, sgo_update **out, size_t max,
           int64_t now, size_t *count, sgo_error *err,
           struct sgo_update **junk, struct slot **dead)
{
    size_t n;

    stale_check_locked(sub, now, junk);
    if (sub->closed) {
        return SGO_CLOSED;
    }
    if (sub->stale_untold) {
        sub->stale_untold = false;
        error_set(err, SGO_ERROR_STALE_DATA,
                  "nothing has proven the data current for %.3f s, max_age "
                  "is %.3f s: wait for the stream to recover, or use "
                  "on_stale=\"mark\"",
                  (double)sub->stale_age_ns / 1e9,
                  (double)sub->max_age_ns / 1e9);
        err->retryable = true;
        return SGO_STALE;
    }
    if (sub->slow) {
        sub->slow = false;
        error_set(err, SGO_ERROR_SLOW_CONSUMER,
                  "more than %zu updates were waiting (max_queue): what "
                  "follows is conflated until the queue is empty",
                  sub->max_queue);
        err->retryable = true;
        return SGO_SLOW_CONSUMER;
    }
    held_release_locked(sub, sub->failed ? CLOCK_NEVER : now, dead);
    n = pop_locked(sub, out, max, now, junk, dead);
    if (n) {
        *count = n;
        return SGO_OK;
    }
    if (sub->failed) {
        *err = sub->failed->state.error;
        return SGO_FAILED;
    }
    return sub->ended ? SGO_CLOSED : SGO_AGAIN;
}

/* The clock's nanoseconds become those of the epoch. */
static void
set_times(sgo_update **updates, size_t n, int64_t now)
{
    int64_t offset = clock_epoch_ns(now) - now;

    for (size_t i = 0; i < n; i++) {
        sgo_times *t = &updates[i]->times;

        t->notified += t->notified ? offset : 0;
        t->requested += t->requested ? offset : 0;
        t->received += t->received ? offset : 0;
        t->applied += t->applied ? offset : 0;
        t->taken = now + offset;
    }
}

sgo_status
subscription_take(sgo_subscription *sub, sgo_update **out, size_t max,
                  int64_t deadline_ns, size_t *count, sgo_error *err)
{
    struct sgo_update *junk = NULL;
    struct slot *dead = NULL;
    sgo_error scratch;
    sgo_status status;
    uint64_t wakes;
    int64_t now;

    if (max == 0) {
        *count = 0;
        return SGO_OK;
    }
    pthread_mutex_lock(&sub->hub->lock);
    wakes = sub->wakes;
    for (;;) {
        int64_t until;

        now = clock_now_ns();
        status = try_locked(sub, out, max, now, count, err ? err : &scratch,
                            &junk, &dead);
        if (status != SGO_AGAIN) {
            break;
        }
        if (now >= deadline_ns || wakes != sub->wakes) {
            status = SGO_TIMEOUT;
            break;
        }
        until = ready_deadline_locked(sub);
        sub->waiters++;
        wait_slice(&sub->cond, &sub->hub->lock, now,
                   until < deadline_ns ? until : deadline_ns);
        sub->waiters--;
    }
    ready_update_fd_locked(sub);
    pthread_mutex_unlock(&sub->hub->lock);
    update_release_chain(junk);
    slot_free_chain(dead);
    if (status == SGO_OK) {
        set_times(out, *count, now);
    }
    return status;
}

void
subscription_wake(sgo_subscription *sub)
{
    pthread_mutex_lock(&sub->hub->lock);
    sub->wakes++;
    pthread_cond_broadcast(&sub->cond);
    pthread_mutex_unlock(&sub->hub->lock);
}

/* ---- the clock ------------------------------------------------------------ */

void
take_tick(struct sgo_subscription *sub, int64_t now)
{
    struct sgo_update *junk = NULL;
    struct slot *dead = NULL;

    pthread_mutex_lock(&sub->hub->lock);
    stale_check_locked(sub, now, &junk);
    held_release_locked(sub, now, &dead);
    ready_update_fd_locked(sub);
    pthread_mutex_unlock(&sub->hub->lock);
    update_release_chain(junk);
    slot_free_chain(dead);
}

/* When the descriptor may have to become readable by the clock. */
static int64_t
fd_deadline_locked(const struct sgo_subscription *sub)
{
    return sub->fd < 0 || sub->closed ? CLOCK_NEVER
                                      : ready_deadline_locked(sub);
}

void
hub_tick(struct hub *hub, int64_t now)
{
    struct sgo_subscription *sub;

    publish_mend(hub, now);
    do {
        pthread_mutex_lock(&hub->lock);
        sub = hub->subs;
        while (sub && (fd_deadline_locked(sub) > now ||
                       !subscription_try_retain(sub))) {
            sub = sub->next;
        }
        pthread_mutex_unlock(&hub->lock);
        if (sub) {
            take_tick(sub, now);
            subscription_release(sub);
        }
    } while (sub);
}

int64_t
hub_deadline(struct hub *hub)
{
    int64_t deadline = CLOCK_NEVER;

    pthread_mutex_lock(&hub->lock);
    if (hub->any_damaged || hub->deferred_count) {
        deadline = hub->mend_at;
    }
    for (struct sgo_subscription *sub = hub->subs; sub; sub = sub->next) {
        int64_t due = fd_deadline_locked(sub);

        deadline = due < deadline ? due : deadline;
    }
    pthread_mutex_unlock(&hub->lock);
    return deadline;
}
