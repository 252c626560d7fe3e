/* The system's readiness set, its timer and its wake-up descriptor: epoll,
 * timerfd and eventfd on Linux; kqueue and a pipe elsewhere.  A poller is
 * read without waiting, because another loop waits for its descriptor. */
#ifndef SGO_NET_POLLER_H
#define SGO_NET_POLLER_H

#include "base/types.h"

enum { POLLER_READ = 1, POLLER_WRITE = 2, POLLER_ERROR = 4 };
enum { POLLER_BATCH = 64 };

struct poller {
    int fd;       /* readable when something is ready */
    int timer_fd; /* Linux only, else -1 */
};

struct poller_event {
    void *ptr; /* as given to poller_set; the poller itself for its timer */
    int events;
};

/* false: the system refused (errno). */
bool poller_open(struct poller *p);

/* Closes the timer; also the set itself unless someone else took it over. */
void poller_close(struct poller *p, bool set_too);

/* Change what fd is watched for, from `before` to `after` (0: not at all). */
bool poller_set(struct poller *p, int fd, int before, int after, void *ptr);

/* What is ready now; never waits. */
size_t poller_read(struct poller *p, struct poller_event out[POLLER_BATCH]);

/* Fire once at deadline_ns of clock_now_ns(), replacing the former deadline.
 * The event must be answered by poller_timer_ack. */
void poller_timer_arm(struct poller *p, int64_t deadline_ns, int64_t now_ns);
void poller_timer_ack(struct poller *p);

/* A descriptor that any thread can make readable: ends[0] is read, ends[1]
 * written; the same number on Linux. */
bool wake_open(int ends[2]);
void wake_close(int ends[2]);
void wake_signal(int end); /* any thread, async-signal-safe, never blocks */
void wake_drain(int end);

#endif
