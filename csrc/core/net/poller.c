#include "net/poller.h"

#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#ifdef __linux__

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>

bool
poller_open(struct poller *p)
{
    p->timer_fd = -1;
    p->fd = epoll_create1(EPOLL_CLOEXEC);
    if (p->fd < 0) {
        return false;
    }
    p->timer_fd = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
    if (p->timer_fd < 0 || !poller_set(p, p->timer_fd, 0, POLLER_READ, p)) {
        int saved = errno;

        poller_close(p, true);
        errno = saved;
        return false;
    }
    return true;
}

void
poller_close(struct poller *p, bool set_too)
{
    if (p->timer_fd >= 0) {
        close(p->timer_fd);
    }
    if (set_too && p->fd >= 0) {
        close(p->fd);
    }
    p->timer_fd = p->fd = -1;
}

bool
poller_set(struct poller *p, int fd, int before, int after, void *ptr)
{
    struct epoll_event ev = {.data.ptr = ptr};
    int op;

    if (after == 0) {
        return before == 0 || epoll_ctl(p->fd, EPOLL_CTL_DEL, fd, &ev) == 0;
    }
    ev.events = (after & POLLER_READ ? (uint32_t)EPOLLIN : 0) |
                (after & POLLER_WRITE ? (uint32_t)EPOLLOUT : 0);
    op = before == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
    return epoll_ctl(p->fd, op, fd, &ev) == 0;
}

size_t
poller_read(struct poller *p, struct poller_event out[POLLER_BATCH])
{
    struct epoll_event ready[POLLER_BATCH];
    int n = epoll_wait(p->fd, ready, POLLER_BATCH, 0);

    for (int i = 0; i < n; i++) {
        uint32_t e = ready[i].events;

        out[i].ptr = ready[i].data.ptr;
        out[i].events = (e & EPOLLIN ? POLLER_READ : 0) |
                        (e & EPOLLOUT ? POLLER_WRITE : 0) |
                        (e & (EPOLLERR | EPOLLHUP) ? POLLER_ERROR : 0);
    }
    return n > 0 ? (size_t)n : 0;
}

void
poller_timer_arm(struct poller *p, int64_t deadline_ns, int64_t now_ns)
{
    struct itimerspec spec = {0};

    (void)now_ns;
    if (deadline_ns < 1) {
        deadline_ns = 1; /* 0 would disarm */
    }
    if (deadline_ns != CLOCK_NEVER) {
        spec.it_value.tv_sec = (time_t)(deadline_ns / NS_PER_S);
        spec.it_value.tv_nsec = (long)(deadline_ns % NS_PER_S);
    }
    timerfd_settime(p->timer_fd, TFD_TIMER_ABSTIME, &spec, NULL);
}

void
poller_timer_ack(struct poller *p)
{
    uint64_t count;
    ssize_t n = read(p->timer_fd, &count, sizeof(count));

    (void)n; /* EAGAIN: re-armed meanwhile */
}

bool
wake_open(int ends[2])
{
    ends[0] = ends[1] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return ends[0] >= 0;
}

void
wake_close(int ends[2])
{
    close(ends[0]);
}

void
wake_signal(int end)
{
    uint64_t one = 1;
    ssize_t n = write(end, &one, sizeof(one));

    (void)n; /* full: it is readable anyway */
}

void
wake_drain(int end)
{
    uint64_t count;
    ssize_t n = read(end, &count, sizeof(count));

    (void)n;
}

#else /* kqueue */

#include <sys/event.h>

bool
poller_open(struct poller *p)
{
    p->timer_fd = -1;
    p->fd = kqueue();
    if (p->fd >= 0) {
        fcntl(p->fd, F_SETFD, FD_CLOEXEC);
    }
    return p->fd >= 0;
}

void
poller_close(struct poller *p, bool set_too)
{
    if (set_too && p->fd >= 0) {
        close(p->fd);
    }
    p->fd = -1;
}

bool
poller_set(struct poller *p, int fd, int before, int after, void *ptr)
{
    static const struct {
        int bit;
        int16_t filter;
    } kinds[] = {{POLLER_READ, EVFILT_READ}, {POLLER_WRITE, EVFILT_WRITE}};
    bool ok = true;

    for (size_t i = 0; i < 2; i++) {
        struct kevent change;

        if (after & kinds[i].bit) {
            EV_SET(&change, fd, kinds[i].filter, EV_ADD, 0, 0, ptr);
        } else if (before & kinds[i].bit) {
            EV_SET(&change, fd, kinds[i].filter, EV_DELETE, 0, 0, NULL);
        } else {
            continue;
        }
        ok = kevent(p->fd, &change, 1, NULL, 0, NULL) == 0 && ok;
    }
    return ok;
}

size_t
poller_read(struct poller *p, struct poller_event out[POLLER_BATCH])
{
    struct kevent ready[POLLER_BATCH];
    struct timespec zero = {0};
    int n = kevent(p->fd, NULL, 0, ready, POLLER_BATCH, &zero);

    for (int i = 0; i < n; i++) {
        out[i].ptr = ready[i].udata;
        out[i].events =
            ready[i].filter == EVFILT_WRITE ? POLLER_WRITE : POLLER_READ;
        if (ready[i].flags & EV_ERROR) {
            out[i].events |= POLLER_ERROR;
        }
    }
    return n > 0 ? (size_t)n : 0;
}

void
poller_timer_arm(struct poller *p, int64_t deadline_ns, int64_t now_ns)
{
    struct kevent change;

    if (deadline_ns == CLOCK_NEVER) {
        EV_SET(&change, 1, EVFILT_TIMER, EV_DELETE, 0, 0, NULL);
    } else {
        int64_t wait = deadline_ns > now_ns ? deadline_ns - now_ns : 0;

        EV_SET(&change, 1, EVFILT_TIMER, EV_ADD | EV_ONESHOT, NOTE_NSECONDS,
               wait, p);
    }
    kevent(p->fd, &change, 1, NULL, 0, NULL);
}

void
poller_timer_ack(struct poller *p)
{
    (void)p; /* one-shot */
}

bool
wake_open(int ends[2])
{
    if (pipe(ends) != 0) {
        return false;
    }
    for (int i = 0; i < 2; i++) {
        fcntl(ends[i], F_SETFD, FD_CLOEXEC);
        fcntl(ends[i], F_SETFL, O_NONBLOCK);
    }
    return true;
}

void
wake_close(int ends[2])
{
    close(ends[0]);
    close(ends[1]);
}

void
wake_signal(int end)
{
    ssize_t n = write(end, "", 1);

    (void)n;
}

void
wake_drain(int end)
{
    char sink[256];

    while (read(end, sink, sizeof(sink)) == (ssize_t)sizeof(sink)) {
    }
}

#endif
