/* The I/O thread: its life, its turn, and the one callback that lws knows.
 * The order of the end matters: docs/internals/io-loop.md. */
#include "net/loop_internal.h"

#include "base/mem.h"
#include "base/status.h"
#include "net/process.h"
#include "net/proxy.h"

#include <libwebsockets.h>

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define HOLD_NS (500 * NS_PER_MS)

struct registry {
    struct process_state state; /* its lock guards the rest */
    struct loop *loop;          /* NULL: none, or one that is ending */
    unsigned ending;            /* loops on their way out */
};

static process_slot registry_slot;
static _Thread_local struct loop *current;

/* ---- the turn -----------------------------------------------------------*/

static int64_t
suspended_ns(void)
{
#ifdef __APPLE__
    clockid_t running = CLOCK_UPTIME_RAW;
#else
    clockid_t running = CLOCK_MONOTONIC;
#endif
    struct timespec ts;

    clock_gettime(running, &ts);
    return clock_now_ns() - ((int64_t)ts.tv_sec * NS_PER_S + ts.tv_nsec);
}

static void
look_for_jump(struct loop *loop)
{
    int64_t suspended = suspended_ns();
    int64_t jump = suspended - loop->suspended_ns;

    loop->suspended_ns = suspended;
    if (jump < LOOP_JUMP_NS) {
        return;
    }
    FOR_EACH_WATCH (loop, watch) {
        if (watch->on_clock_jump != NULL) {
            watch->on_clock_jump(watch->ctx, jump);
        }
    }
}

static void
read_mailbox(void *ctx, int fd, int events)
{
    struct loop *loop = ctx;
    struct loop_task *list;

    (void)events;
    loop->stats.wakeups++;
    wake_drain(fd);
    list = mailbox_take(loop->box);
    while (list != NULL) {
        struct loop_task *task = list;

        list = task->next; /* the task may be gone after its run */
        loop->stats.tasks++;
        task->run(task->ctx);
    }
}

void
loop_dispatch(struct loop *loop)
{
    loop_enter(loop);
    loop->stats.turns++;
    look_for_jump(loop);
    loop->batch_len = poller_read(&loop->poller, loop->batch);
    for (loop->batch_at = 0; loop->batch_at < loop->batch_len;
         loop->batch_at++) {
        struct poller_event *event = &loop->batch[loop->batch_at];
        struct loop_io *io = event->ptr;

        if (event->ptr == &loop->poller) {
            poller_timer_ack(&loop->poller);
            loop->armed_ns = CLOCK_NEVER;
        } else if (io != NULL) { /* NULL: removed meanwhile */
            io->on_ready(io->ctx, io->fd, event->events);
        }
    }
    loop->batch_len = 0;
    timers_fire(loop);
    loop_leave(loop);
}

void
loop_enter(struct loop *loop)
{
    if (loop->depth++ == 0) {
        loop->now_ns = clock_now_ns();
    }
}

void
loop_leave(struct loop *loop)
{
    if (--loop->depth == 0) {
        timers_arm(loop);
    }
}

/* ---- the thread ---------------------------------------------------------*/

static void
loop_free(struct loop *loop)
{
    loop_end_lws(loop);
    poller_close(&loop->poller, !loop->poller_adopted);
    mailbox_release(loop->box);
    mem_free(loop);
}

static void
end_holding(void *ctx)
{
    struct loop *loop = ctx;

    loop->done = true;
}

/* Refuse new work, let every owner drop its things, wait for goodbyes. */
static void
begin_stop(void *ctx)
{
    struct loop *loop = ctx;

    loop->stopping = true;
    FOR_EACH_WATCH (loop, watch) {
        void (*on_stop)(void *ctx) = watch->on_stop;
        void *watch_ctx = watch->ctx;

        if (watch->on_gone == NULL) {
            loop_watch_remove(loop, watch);
        }
        if (on_stop != NULL) {
            on_stop(watch_ctx);
        }
    }
    if (loop->holds == 0) {
        loop->done = true;
    } else {
        loop_timer_set(loop, &loop->hold_timer, loop->now_ns + HOLD_NS);
    }
}

static void *
loop_main(void *arg)
{
    struct loop *loop = arg;
    struct process_state *registry = loop->registry;

    process_name_thread("sgostream-io");
    current = loop;
    while (!loop->done && lws_service(loop->lws, 0) >= 0) {
    }
    loop->stopping = true;
    mailbox_close(loop->box);
    while (loop->timers != NULL) {
        loop_timer_cancel(loop, loop->timers);
    }
    loop_end_lws(loop);
    FOR_EACH_WATCH (loop, watch) {
        if (watch->on_gone != NULL) {
            watch->on_gone(watch->ctx);
        }
    }
    current = NULL;
    process_lock(registry);
    loop->ended = true;
    process_broadcast(registry);
    process_unlock(registry);
    if (refcount_release(&loop->refs)) {
        loop_free(loop);
    }
    return NULL;
}

static struct loop *
loop_create(struct registry *registry)
{
    struct loop *loop = mem_calloc(1, sizeof(*loop));

    if (loop == NULL) {
        return NULL;
    }
    loop->poller.fd = loop->poller.timer_fd = loop->event_fd = -1;
    loop->pid = getpid();
    loop->registry = &registry->state;
    loop->users = 1;
    refcount_init(&loop->refs);
    loop->armed_ns = CLOCK_NEVER;
    loop->suspended_ns = suspended_ns();
    loop->now_ns = clock_now_ns();
    loop->stop_task = (struct loop_task){.run = begin_stop, .ctx = loop};
    loop_timer_init(&loop->hold_timer, end_holding, loop);
    loop->box = mailbox_create();
    if (loop->box == NULL || !poller_open(&loop->poller)) {
        goto fail;
    }
    loop->wake_io = (struct loop_io){.fd = loop->box->wake[0],
                                     .events = LOOP_READ,
                                     .on_ready = read_mailbox,
                                     .ctx = loop};
    if (!loop_io_add(loop, &loop->wake_io) || !loop_start_lws(loop)) {
        goto fail;
    }
    refcount_retain(&loop->refs); /* the thread's */
    if (process_thread(&loop->thread, loop_main, loop) != SGO_OK) {
        goto fail;
    }
    return loop;

fail:
    loop_free(loop);
    return NULL;
}

/* ---- acquire and release --------------------------------------------------*/

sgo_status
loop_acquire(struct loop **out, sgo_error *err)
{
    struct registry *registry =
        process_get(&registry_slot, sizeof(struct registry));
    int64_t deadline = clock_now_ns() + LOOP_STOP_NS;
    int64_t now;

    if (registry == NULL) {
        error_set(err, SGO_ERROR_MEMORY, "out of memory");
        return SGO_NO_MEMORY;
    }
    proxy_remember_env();
    process_lock(&registry->state);
    while (registry->loop == NULL && registry->ending > 0 &&
           (now = clock_now_ns()) < deadline) {
        process_wait(&registry->state, deadline - now);
    }
    if (registry->loop != NULL) {
        registry->loop->users++;
    } else {
        errno = 0;
        registry->loop = loop_create(registry);
        if (registry->loop == NULL) {
            const int why = errno == ENOMEM ? 0 : errno;

            error_set(err, why ? SGO_ERROR_TRANSPORT : SGO_ERROR_MEMORY,
                      "the I/O thread could not be started: %s",
                      why ? strerror(why) : "out of memory");
            process_unlock(&registry->state);
            return why ? SGO_SYSTEM : SGO_NO_MEMORY;
        }
    }
    *out = registry->loop;
    process_unlock(&registry->state);
    return SGO_OK;
}

void
loop_release(struct loop *loop)
{
    struct registry *registry;
    int64_t deadline, now;
    bool ended;

    if (loop == NULL || loop->pid != getpid()) {
        return;
    }
    assert(!loop_is_current(loop)); /* it would wait for itself */
    registry = (struct registry *)loop->registry;
    process_lock(&registry->state);
    if (--loop->users > 0) {
        process_unlock(&registry->state);
        return;
    }
    registry->loop = NULL;
    registry->ending++;
    process_unlock(&registry->state);
    mailbox_post(loop->box, &loop->stop_task);

    deadline = clock_now_ns() + LOOP_STOP_NS;
    process_lock(&registry->state);
    while (!loop->ended && (now = clock_now_ns()) < deadline) {
        process_wait(&registry->state, deadline - now);
    }
    ended = loop->ended;
    registry->ending--;
    process_broadcast(&registry->state);
    process_unlock(&registry->state);
    if (ended) {
        pthread_join(loop->thread, NULL);
    } else {
        pthread_detach(loop->thread); /* it cleans up when it gets there */
    }
    if (refcount_release(&loop->refs)) {
        loop_free(loop);
    }
}

void
loop_after_fork_child(void)
{
    struct registry *fresh;

    current = NULL;
    fresh = process_get(&registry_slot, sizeof(struct registry));
    (void)fresh; /* out of memory: the next call tries again */
}

struct loop *
loop_current(void)
{
    return current;
}

bool
loop_is_current(const struct loop *loop)
{
    return current == loop;
}

bool
loop_is_ours(const struct loop *loop)
{
    return loop->pid == getpid();
}

bool
loop_stopping(const struct loop *loop)
{
    return loop->stopping;
}

/* ---- small things ---------------------------------------------------------*/

void
loop_post(struct loop *loop, struct loop_task *task)
{
    mailbox_post(loop->box, task);
}

struct mailbox *
loop_mailbox(struct loop *loop)
{
    return loop->box;
}

int64_t
loop_now_ns(const struct loop *loop)
{
    return loop->now_ns;
}

void
loop_watch_add(struct loop *loop, struct loop_watch *watch)
{
    watch->prev = NULL;
    watch->next = loop->watches;
    if (watch->next != NULL) {
        watch->next->prev = watch;
    }
    loop->watches = watch;
}

void
loop_watch_remove(struct loop *loop, struct loop_watch *watch)
{
    if (loop->next_watch == watch) {
        loop->next_watch = watch->next;
    }
    if (watch->prev != NULL) {
        watch->prev->next = watch->next;
    } else if (loop->watches == watch) {
        loop->watches = watch->next;
    } else {
        return; /* not on the list */
    }
    if (watch->next != NULL) {
        watch->next->prev = watch->prev;
    }
    watch->prev = watch->next = NULL;
}

bool
loop_io_add(struct loop *loop, struct loop_io *io)
{
    return poller_set(&loop->poller, io->fd, 0, io->events, io);
}

bool
loop_io_change(struct loop *loop, struct loop_io *io, int events)
{
    int before = io->events;

    io->events = events;
    return before == events ||
           poller_set(&loop->poller, io->fd, before, events, io);
}

void
loop_io_remove(struct loop *loop, struct loop_io *io)
{
    poller_set(&loop->poller, io->fd, io->events, 0, io);
    io->events = 0;
    for (size_t i = loop->batch_at; i < loop->batch_len; i++) {
        if (loop->batch[i].ptr == io) {
            loop->batch[i].ptr = NULL;
        }
    }
}

void **
loop_socket_slot(struct loop *loop)
{
    return &loop->socket_slot;
}

void
loop_hold(struct loop *loop)
{
    loop->holds++;
}

void
loop_unhold(struct loop *loop)
{
    if (--loop->holds == 0 && loop->stopping) {
        loop->done = true;
    }
}

void
loop_skew(struct loop *loop, int64_t jump_ns)
{
    loop->suspended_ns -= jump_ns;
}

void
loop_stats(const struct loop *loop, struct loop_stats *out)
{
    *out = loop->stats;
}
