/* What a take would give: the list of ready updates, the heap of those that
 * min_interval holds back, and the descriptor that tells of both. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/eventfd.h>
#endif

#include "base/mem.h"
#include "delivery/internal.h"

void
ready_insert(struct update_list *list, struct sgo_update *after,
             struct sgo_update *u)
{
    u->prev = after;
    u->next = after ? after->next : list->first;
    if (u->next) {
        u->next->prev = u;
    } else {
        list->last = u;
    }
    if (after) {
        after->next = u;
    } else {
        list->first = u;
    }
    u->in_list = true;
    list->n++;
}

void
ready_remove(struct update_list *list, struct sgo_update *u)
{
    if (u->prev) {
        u->prev->next = u->next;
    } else {
        list->first = u->next;
    }
    if (u->next) {
        u->next->prev = u->prev;
    } else {
        list->last = u->prev;
    }
    u->prev = NULL;
    u->next = NULL;
    u->in_list = false;
    list->n--;
}

/* ---- the heap ------------------------------------------------------------- */

static void
place(struct sgo_subscription *sub, size_t at, struct slot *slot)
{
    sub->held[at] = slot;
    slot->heap_at = at + 1;
}

static void
sift_up(struct sgo_subscription *sub, size_t at, struct slot *slot)
{
    while (at > 0 && sub->held[(at - 1) / 2]->due > slot->due) {
        place(sub, at, sub->held[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    place(sub, at, slot);
}

static void
sift_down(struct sgo_subscription *sub, size_t at, struct slot *slot)
{
    for (;;) {
        size_t child = 2 * at + 1;

        if (child >= sub->held_count) {
            break;
        }
        if (child + 1 < sub->held_count &&
            sub->held[child + 1]->due < sub->held[child]->due) {
            child++;
        }
        if (sub->held[child]->due >= slot->due) {
            break;
        }
        place(sub, at, sub->held[child]);
        at = child;
    }
    place(sub, at, slot);
}

sgo_status
held_reserve(struct sgo_subscription *sub, size_t n)
{
    size_t cap = sub->held_cap ? sub->held_cap : 16;
    struct slot **held;

    if (n <= sub->held_cap) {
        return SGO_OK;
    }
    while (cap < n) {
        cap *= 2;
    }
    held = mem_realloc(sub->held, cap * sizeof(*held));
    if (held == NULL) {
        return SGO_NO_MEMORY;
    }
    sub->held = held;
    sub->held_cap = cap;
    return SGO_OK;
}

void
held_push(struct sgo_subscription *sub, struct slot *slot)
{
    if (slot->heap_at == 0) {
        sift_up(sub, sub->held_count++, slot);
    }
}

void
held_remove(struct sgo_subscription *sub, struct slot *slot)
{
    size_t at = slot->heap_at;
    struct slot *last;

    if (at == 0) {
        return;
    }
    slot->heap_at = 0;
    last = sub->held[--sub->held_count];
    if (last == slot) {
        return;
    }
    at--;
    if (at > 0 && sub->held[(at - 1) / 2]->due > last->due) {
        sift_up(sub, at, last);
    } else {
        sift_down(sub, at, last);
    }
}

void
held_release_locked(struct sgo_subscription *sub, int64_t now,
                    struct slot **dead)
{
    while (sub->held_count && sub->held[0]->due <= now) {
        struct slot *slot = sub->held[0];

        held_remove(sub, slot);
        slot->due = 0;
        if (slot->pending && !slot->pending->in_list) {
            ready_insert(&sub->ready, sub->ready.last, slot->pending);
        } else if (!slot->present && slot->queued == 0) {
            slot_remove_locked(sub, slot);
            slot->next = *dead;
            *dead = slot;
        }
    }
}

/* ---- when, and whether ---------------------------------------------------- */

int64_t
ready_deadline_locked(const struct sgo_subscription *sub)
{
    int64_t due = sub->held_count ? sub->held[0]->due : CLOCK_NEVER;

    if (sub->max_age_ns && sub->next_check < due) {
        due = sub->next_check;
    }
    return due;
}

bool
ready_now_locked(const struct sgo_subscription *sub)
{
    return sub->closed || sub->slow || sub->stale_untold || sub->ready.n ||
           sub->failed || sub->ended;
}

static void
write_wakeup(int fd)
{
    static const uint64_t one = 1;
    ssize_t n;

    do {
        n = write(fd, &one, sizeof(one));
    } while (n < 0 && errno == EINTR);
}

static void
drain(int fd)
{
    char bytes[64];
    ssize_t n;

    do { /* one wake-up is in it, so one read empties it */
        n = read(fd, bytes, sizeof(bytes));
    } while (n < 0 && errno == EINTR);
}

/* Two system calls per turn of an asyncio consumer, none for others.  They do
 * not block: the descriptor is non-blocking and at most one wake-up is in
 * it, so they may stand under the lock, which keeps them in order. */
void
ready_update_fd_locked(struct sgo_subscription *sub)
{
    bool ready = ready_now_locked(sub);

    if (sub->fd < 0 || ready == sub->signalled) {
        return;
    }
    sub->signalled = ready;
    if (ready) {
        write_wakeup(sub->fd_write);
    } else {
        drain(sub->fd);
    }
}

void
ready_signal_locked(struct sgo_subscription *sub)
{
    if (sub->waiters) {
        pthread_cond_broadcast(&sub->cond);
    }
    ready_update_fd_locked(sub);
}

/* A descriptor pair; both ends are the same for an eventfd. */
static int
make_fds(int *read_end, int *write_end)
{
#ifdef __linux__
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

    if (fd < 0) {
        return -1;
    }
    *read_end = *write_end = fd;
#else
    int fds[2];

    if (pipe(fds) != 0) {
        return -1;
    }
    for (int i = 0; i < 2; i++) {
        (void)fcntl(fds[i], F_SETFD, FD_CLOEXEC);
        (void)fcntl(fds[i], F_SETFL, O_NONBLOCK);
    }
    *read_end = fds[0];
    *write_end = fds[1];
#endif
    return 0;
}

static void
close_fds(int read_end, int write_end)
{
    if (read_end >= 0) {
        close(read_end);
        if (write_end != read_end) {
            close(write_end);
        }
    }
}

int
subscription_fd(sgo_subscription *sub)
{
    int read_end = -1, write_end = -1, fd;
    bool kick = false;

    pthread_mutex_lock(&sub->hub->lock);
    fd = sub->fd;
    pthread_mutex_unlock(&sub->hub->lock);
    if (fd >= 0) {
        return fd;
    }
    if (make_fds(&read_end, &write_end) != 0) {
        return -1;
    }
    pthread_mutex_lock(&sub->hub->lock);
    if (sub->fd < 0) {
        sub->fd = read_end;
        sub->fd_write = write_end;
        read_end = -1;
        ready_update_fd_locked(sub);
        kick = ready_deadline_locked(sub) != CLOCK_NEVER;
    }
    fd = sub->fd;
    pthread_mutex_unlock(&sub->hub->lock);
    close_fds(read_end, write_end); /* another thread was first */
    if (kick) {
        hub_kick(sub->hub);
    }
    return fd;
}

void
ready_close_fds(struct sgo_subscription *sub)
{
    close_fds(sub->fd, sub->fd_write);
}
