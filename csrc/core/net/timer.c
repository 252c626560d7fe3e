/* Deadlines in a sorted list: few enough (a handful per request and socket)
 * that an intrusive list, which cannot fail, beats a heap. */
#include "net/loop_internal.h"

#include <assert.h>

enum { FIRING_ROUNDS = 4 };

void
loop_timer_init(struct loop_timer *timer, void (*fire)(void *ctx), void *ctx)
{
    timer->prev = timer->next = NULL;
    timer->deadline_ns = CLOCK_NEVER;
    timer->fire = fire;
    timer->ctx = ctx;
}

static void
unlink_timer(struct loop *loop, struct loop_timer *timer)
{
    if (timer->prev != NULL) {
        timer->prev->next = timer->next;
    } else {
        loop->timers = timer->next;
    }
    if (timer->next != NULL) {
        timer->next->prev = timer->prev;
    }
    timer->prev = timer->next = NULL;
    timer->deadline_ns = CLOCK_NEVER;
}

void
loop_timer_cancel(struct loop *loop, struct loop_timer *timer)
{
    if (timer->deadline_ns != CLOCK_NEVER) {
        unlink_timer(loop, timer);
    }
}

void
loop_timer_set(struct loop *loop, struct loop_timer *timer,
               int64_t deadline_ns)
{
    struct loop_timer *before = NULL, *after;

    assert(loop_is_current(loop));
    loop_timer_cancel(loop, timer);
    if (deadline_ns == CLOCK_NEVER) {
        return;
    }
    if (loop->firing && deadline_ns <= loop->now_ns) {
        deadline_ns = loop->now_ns + 1; /* the next round: no endless one */
    }
    after = loop->timers;
    while (after != NULL && after->deadline_ns <= deadline_ns) {
        before = after;
        after = after->next;
    }
    timer->deadline_ns = deadline_ns;
    timer->prev = before;
    timer->next = after;
    if (before != NULL) {
        before->next = timer;
    } else {
        loop->timers = timer;
    }
    if (after != NULL) {
        after->prev = timer;
    }
}

/* What a timer sets for at once is due in the next round, and after the last
 * one in the next turn, which costs five system calls. */
void
timers_fire(struct loop *loop)
{
    loop->firing = true;
    for (int round = 0; round < FIRING_ROUNDS; round++) {
        while (loop->timers != NULL &&
               loop->timers->deadline_ns <= loop->now_ns) {
            struct loop_timer *timer = loop->timers;

            unlink_timer(loop, timer);
            loop->stats.fired++;
            timer->fire(timer->ctx);
        }
        if (loop->timers == NULL ||
            loop->timers->deadline_ns > loop->now_ns + 1) {
            break;
        }
        if (round + 1 < FIRING_ROUNDS) {
            loop->now_ns++;
        }
    }
    loop->firing = false;
}

void
timers_arm(struct loop *loop)
{
    int64_t first =
        loop->timers != NULL ? loop->timers->deadline_ns : CLOCK_NEVER;

    if (first < loop->armed_ns) {
        loop->armed_ns = first;
        loop->stats.arms++;
        poller_timer_arm(&loop->poller, first, loop->now_ns);
    }
}
