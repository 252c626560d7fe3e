/* The one I/O thread of the process: libwebsockets' loop with one poller of
 * ours adopted into it (docs/internals/io-loop.md).  Everything below runs on
 * that thread unless "any thread" is said.  A callback never runs inside the
 * call that asked for it. */
#ifndef SGO_NET_LOOP_H
#define SGO_NET_LOOP_H

#include "base/clock.h"
#include "base/types.h"

/* A vhost's proxy that is none: with NULL lws reads $http_proxy, and of an
 * address without a port it complains.  Port 0 is how it marks "no proxy". */
#define LWS_NO_PROXY ":0"

struct loop;
struct mailbox;
struct lws_context;
struct lws_protocols;

/* ---- life ---------------------------------------------------------------*/

/* The process's loop, started by the first caller; each success needs one
 * loop_release.  Any thread but the I/O thread; may wait for a former loop to
 * end.  In a child of fork() it starts a new loop and leaves the inherited
 * one untouched. */
sgo_status loop_acquire(struct loop **out, sgo_error *err) SGO_WARN_UNUSED;

/* The last release stops the thread and joins it, within LOOP_STOP_NS: what
 * still runs is ended without callbacks (sockets that are leaving get up to
 * half a second), posts that come later are dropped.  Does nothing with a
 * loop that was inherited through fork().  Any thread but the I/O thread. */
void loop_release(struct loop *loop);

/* For the child of a fork(): forget the inherited loop at once, so that its
 * memory is not taken for a living one.  Optional: every entry point checks
 * the process id too.  Only in the child, before it starts threads. */
void loop_after_fork_child(void);

/* True on the loop's own thread.  Any thread. */
bool loop_is_current(const struct loop *loop);

/* False in a child of the process that made it.  Any thread. */
bool loop_is_ours(const struct loop *loop);

#define LOOP_STOP_NS (800 * NS_PER_MS) /* bound on the last release */

/* ---- the mailbox --------------------------------------------------------*/

/* Work for the I/O thread, embedded in the poster's struct; not posted twice
 * before it ran.  Exactly one of run and drop is called, once: run on the I/O
 * thread; drop on any thread (the poster's own, inside loop_post, or the one
 * that lets go of the mailbox) when the loop no longer takes work. */
struct loop_task {
    struct loop_task *next; /* the mailbox's */
    void (*run)(void *ctx);
    void (*drop)(void *ctx); /* may be NULL */
    void *ctx;
};

/* Any thread, while it holds the loop (acquired).  Order of posts of one
 * thread is kept.  Never blocks. */
void loop_post(struct loop *loop, struct loop_task *task);

/* The part that outlives the loop, for threads that may be late.  Any
 * thread. */
struct mailbox *loop_mailbox(struct loop *loop); /* borrowed */
struct mailbox *mailbox_retain(struct mailbox *box);
void mailbox_release(struct mailbox *box);
void mailbox_post(struct mailbox *box, struct loop_task *task);

/* ---- time ---------------------------------------------------------------*/

/* clock_now_ns() as read when this turn began. */
int64_t loop_now_ns(const struct loop *loop);

/* One deadline, embedded in its owner. */
struct loop_timer {
    struct loop_timer *prev; /* the loop's list, earliest first */
    struct loop_timer *next;
    int64_t deadline_ns; /* CLOCK_NEVER: not set */
    void (*fire)(void *ctx);
    void *ctx;
};

void loop_timer_init(struct loop_timer *timer, void (*fire)(void *ctx),
                     void *ctx);

/* Set or move; CLOCK_NEVER cancels; a deadline in the past fires at the end
 * of this turn.  Cannot fail. */
void loop_timer_set(struct loop *loop, struct loop_timer *timer,
                    int64_t deadline_ns);
void loop_timer_cancel(struct loop *loop, struct loop_timer *timer);

/* ---- watching -----------------------------------------------------------*/

/* What an owner of things on the loop wants to be told; each may be NULL.
 * Embedded in the owner; add and remove on the I/O thread. */
struct loop_watch {
    struct loop_watch *prev;
    struct loop_watch *next;
    /* The machine slept: CLOCK_BOOTTIME ran jump_ns ahead of
     * CLOCK_MONOTONIC (LOOP_JUMP_NS or more) since the turn before. */
    void (*on_clock_jump)(void *ctx, int64_t jump_ns);
    /* The loop ends: drop everything; the watch is already removed. */
    void (*on_stop)(void *ctx);
    /* The network libraries are gone; only then free what they used.  A
     * watch that has this one stays on the list until here. */
    void (*on_gone)(void *ctx);
    /* A line of libwebsockets' log.  Must not block nor touch the watches. */
    void (*on_log)(void *ctx, sgo_log_level level, const char *text);
    void *ctx;
};

#define LOOP_JUMP_NS (2 * NS_PER_S)

void loop_watch_add(struct loop *loop, struct loop_watch *watch);
void loop_watch_remove(struct loop *loop, struct loop_watch *watch);

/* Readiness of a descriptor (curl's sockets). */
enum { LOOP_READ = 1, LOOP_WRITE = 2, LOOP_ERROR = 4 };

/* on_ready gets a mask of the above. `io` must stay until loop_io_remove. */
struct loop_io {
    int fd;
    int events;
    void (*on_ready)(void *ctx, int fd, int events);
    void *ctx;
};

/* Watch io->fd for io->events, change them, stop watching.  Remove before the
 * descriptor is closed; no event comes afterwards.  false: the system refused. */
bool loop_io_add(struct loop *loop, struct loop_io *io);
bool loop_io_change(struct loop *loop, struct loop_io *io, int events);
void loop_io_remove(struct loop *loop, struct loop_io *io);

/* For socket.c: libwebsockets' own. */
struct lws_context *loop_lws(struct loop *loop);

/* True once the last release was seen: refuse new work. */
bool loop_stopping(const struct loop *loop);

/* Around every entry from libwebsockets: reads the clock for this turn, and
 * arms the system's timer. */
void loop_enter(struct loop *loop);
void loop_leave(struct loop *loop);

/* The first member of what lws_get_opaque_user_data() of a connection points
 * to: every vhost has the loop's one callback, because lws sends some reasons
 * to the first vhost of the context whoever's they are. */
struct lws;
struct loop_wsi {
    struct loop *loop;
    int (*callback)(struct loop_wsi *self, struct lws *wsi, int reason,
                    void *user, void *in, size_t len);
};

/* A vhost's list of protocols; static. */
const struct lws_protocols *loop_protocols(void);
enum { LOOP_RX_BYTES = 64 << 10 };

/* A place for socket.c's own state; NULL at first. */
void **loop_socket_slot(struct loop *loop);

/* Sockets that say goodbye keep a stopping loop alive until their time. */
void loop_hold(struct loop *loop);
void loop_unhold(struct loop *loop);

/* Tests: the next turn finds that the machine slept. */
void loop_skew(struct loop *loop, int64_t jump_ns);

struct loop_stats {
    uint64_t turns;   /* times that the poller was read */
    uint64_t wakeups; /* times that the mailbox's descriptor was read */
    uint64_t tasks;   /* tasks run */
    uint64_t fired;   /* timers fired */
    uint64_t arms;    /* times that the system's timer was set */
};
void loop_stats(const struct loop *loop, struct loop_stats *out);

#endif
