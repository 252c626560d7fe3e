/* What loop.c, loop_lws.c, mailbox.c and timer.c know of each other. */
#ifndef SGO_NET_LOOP_INTERNAL_H
#define SGO_NET_LOOP_INTERNAL_H

#include "base/refcount.h"
#include "net/loop.h"
#include "net/poller.h"

#include <pthread.h>
#include <sys/types.h>

struct mailbox {
    struct refcount refs; /* the loop, and whoever may post late */
    pthread_mutex_t lock; /* head, tail, closed; never held while calling */
    struct loop_task *head;
    struct loop_task **tail;
    bool closed; /* posts are dropped */
    int wake[2];
    pid_t pid;
};

struct mailbox *mailbox_create(void);
struct loop_task *mailbox_take(struct mailbox *box); /* oldest first */
void mailbox_close(struct mailbox *box);             /* drops the rest */

struct loop {
    pid_t pid;
    struct refcount refs; /* the thread, the registry */
    unsigned users;       /* registry's lock */
    bool ended;           /* registry's lock: the thread is past its work */
    struct process_state *registry;
    pthread_t thread;
    struct mailbox *box;
    struct loop_task stop_task;

    /* the I/O thread's */
    struct lws_context *lws;
    int event_fd;            /* lws's own wake-up; -1: unknown */
    struct loop_wsi adopted; /* the poller, as lws sees it */
    struct poller poller;
    bool poller_adopted; /* lws closes its descriptor */
    struct loop_io wake_io;
    struct poller_event batch[POLLER_BATCH]; /* being dispatched */
    size_t batch_at, batch_len;
    int64_t now_ns;
    int64_t suspended_ns; /* BOOTTIME - MONOTONIC at the last turn */
    int64_t armed_ns;     /* deadline in the system's timer */
    struct loop_timer *timers;
    bool firing;
    unsigned depth; /* of loop_enter */
    bool stopping, done;
    unsigned holds;
    struct loop_timer hold_timer;
    struct loop_watch *watches;
    struct loop_watch *next_watch; /* of a walk that is under way */
    struct loop_stats stats;
    void *socket_slot; /* socket.c's */
};

/* Walk the watches; they may go while we walk. */
#define FOR_EACH_WATCH(loop, w)                                               \
    for (struct loop_watch *w = (loop)->watches;                              \
         w != NULL && ((loop)->next_watch = w->next, true);                   \
         w = (loop)->next_watch)

/* loop.c: one turn; the loop of this thread or NULL */
void loop_dispatch(struct loop *loop);
struct loop *loop_current(void);

/* loop_lws.c: a context with the poller adopted; false: lws or the system
 * refused.  What was made is freed with the loop. */
bool loop_start_lws(struct loop *loop);
/* End lws, if it was started; nothing of it stays open. */
void loop_end_lws(struct loop *loop);

/* Run what is due at loop->now_ns. */
void timers_fire(struct loop *loop);
/* Tell the system of the first deadline if it is earlier than armed. */
void timers_arm(struct loop *loop);

#endif
