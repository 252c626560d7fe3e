/* The I/O thread: its life, its turn, and the one callback that lws knows.
 * The order of the end matters: docs/internals/io-loop.md. */
#include "net/loop_internal.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/status.h"
#include "net/process.h"
#include "net/proxy.h"

#include <libwebsockets.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* lws counts descriptors: the poller and one per socket. */
enum { LWS_DESCRIPTORS = 256, LWS_HEADER_BYTES = 8 << 10 };
#define LWS_TIMEOUT_S 60 /* a backstop: sockets have deadlines of their own */
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

/* Call one member of every watch; watches may go while we walk. */
#define FOR_EACH_WATCH(loop, w)                                               \
    for (struct loop_watch *w = (loop)->watches;                              \
         w != NULL && ((loop)->next_watch = w->next, true);                   \
         w = (loop)->next_watch)

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

static void
dispatch(struct loop *loop)
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

/* ---- lws ----------------------------------------------------------------*/

static int
adopted_callback(struct loop_wsi *self, struct lws *wsi, int reason,
                 void *user, void *in, size_t len)
{
    (void)wsi;
    (void)user;
    (void)in;
    (void)len;
    if (reason == LWS_CALLBACK_RAW_RX_FILE) {
        dispatch(self->loop);
    }
    return 0;
}

static int
lws_entry(struct lws *wsi, enum lws_callback_reasons reason, void *user,
          void *in, size_t len)
{
    struct loop_wsi *self;
    struct loop *loop;
    int rc;

    switch (reason) {
    case LWS_CALLBACK_RAW_RX_FILE:
    case LWS_CALLBACK_WSI_CREATE:
    case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
    case LWS_CALLBACK_ESTABLISHED_CLIENT_HTTP:
    case LWS_CALLBACK_CLOSED_CLIENT_HTTP:
    case LWS_CALLBACK_CLIENT_APPEND_HANDSHAKE_HEADER:
    case LWS_CALLBACK_CLIENT_ESTABLISHED:
    case LWS_CALLBACK_CLIENT_RECEIVE:
    case LWS_CALLBACK_CLIENT_RECEIVE_PONG:
    case LWS_CALLBACK_CLIENT_WRITEABLE:
    case LWS_CALLBACK_CLIENT_CLOSED:
    case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
    case LWS_CALLBACK_OPENSSL_PERFORM_SERVER_CERT_VERIFICATION:
    case LWS_CALLBACK_WSI_DESTROY:
        break;
    default:
        return 0;
    }
    self = lws_get_opaque_user_data(wsi);
    if (self == NULL) {
        return 0;
    }
    loop = self->loop; /* self may be gone after its callback */
    loop_enter(loop);
    rc = self->callback(self, wsi, (int)reason, user, in, len);
    loop_leave(loop);
    return rc;
}

static const struct lws_protocols protocols[] = {
    {.name = "sgostream",
     .callback = lws_entry,
     .rx_buffer_size = LOOP_RX_BYTES},
    {.name = NULL},
};

const struct lws_protocols *
loop_protocols(void)
{
    return protocols;
}

/* lws' log is one per process and comes from whichever thread logs; only the
 * I/O thread's lines have someone to go to. */
static void
lws_line(int level, const char *line)
{
    struct loop *loop = current;
    struct loop_watch *outer; /* we may be inside another walk */
    char text[LOG_TEXT_BYTES];
    size_t len = strcspn(line, "\r\n");

    if (loop == NULL) {
        return;
    }
    outer = loop->next_watch;
    snprintf(text, sizeof(text), "lws: %.*s",
             len < sizeof(text) ? (int)len : (int)sizeof(text), line);
    FOR_EACH_WATCH (loop, watch) {
        if (watch->on_log != NULL) {
            watch->on_log(watch->ctx,
                          level & LLL_ERR ? SGO_LOG_INFO : SGO_LOG_DEBUG,
                          text);
        }
    }
    loop->next_watch = outer;
}

static bool
lws_start(struct loop *loop)
{
    static const lws_retry_bo_t no_pings;
    struct lws_context_creation_info info = {0};
    struct sigaction before;
    lws_sock_file_fd_type fd;
    struct lws_vhost *vhost;
    struct lws *wsi;

    lws_set_log_level(LLL_ERR | LLL_WARN, lws_line);
    info.port = CONTEXT_PORT_NO_LISTEN;
    info.options = LWS_SERVER_OPTION_EXPLICIT_VHOSTS |
                   LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
    info.fd_limit_per_thread = LWS_DESCRIPTORS;
    info.max_http_header_data = LWS_HEADER_BYTES;
    info.timeout_secs = LWS_TIMEOUT_S;
    info.retry_and_idle_policy = &no_pings;
    info.gid = (gid_t)-1;
    info.uid = (uid_t)-1;
    /* Creation sets SIGPIPE to be ignored, for the whole process. */
    sigaction(SIGPIPE, NULL, &before);
    loop->lws = lws_create_context(&info);
    sigaction(SIGPIPE, &before, NULL);
    if (loop->lws == NULL) {
        return false;
    }
    info.options = 0;
    info.vhost_name = "sgostream-loop";
    info.protocols = protocols;
    info.http_proxy_address = ""; /* else lws reads $http_proxy */
    vhost = lws_create_vhost(loop->lws, &info);
    if (vhost == NULL) {
        return false;
    }
    fd.filefd = (lws_filefd_type)(long long)loop->poller.fd;
    wsi = lws_adopt_descriptor_vhost(vhost, LWS_ADOPT_RAW_FILE_DESC, fd,
                                     protocols[0].name, NULL);
    if (wsi == NULL) {
        return false;
    }
    loop->poller_adopted = true;
    loop->adopted.loop = loop;
    loop->adopted.callback = adopted_callback;
    lws_set_opaque_user_data(wsi, &loop->adopted);
    return true;
}

struct lws_context *
loop_lws(struct loop *loop)
{
    return loop->lws;
}

/* ---- the thread ---------------------------------------------------------*/

static void
loop_free(struct loop *loop)
{
    if (loop->lws != NULL) {
        lws_context_destroy(loop->lws);
    }
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
    lws_context_destroy(loop->lws); /* late callbacks come from here */
    loop->lws = NULL;
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
    loop->poller.fd = loop->poller.timer_fd = -1;
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
    if (!loop_io_add(loop, &loop->wake_io) || !lws_start(loop)) {
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
            error_set(err, SGO_ERROR_TRANSPORT,
                      "the I/O thread could not be started: %s",
                      errno ? strerror(errno) : "out of memory");
            process_unlock(&registry->state);
            return errno ? SGO_SYSTEM : SGO_NO_MEMORY;
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
