#include "net/race.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

bool
race_sockaddr(const struct address *address, uint16_t port,
              struct sockaddr_storage *out, socklen_t *len)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC,
                             .ai_socktype = SOCK_STREAM,
                             .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV};
    struct addrinfo *list = NULL;
    char service[8];

    snprintf(service, sizeof(service), "%u", port);
    if (getaddrinfo(address->text, service, &hints, &list) != 0) {
        return false;
    }
    memcpy(out, list->ai_addr, list->ai_addrlen);
    *len = list->ai_addrlen;
    freeaddrinfo(list);
    return true;
}

/* A socket that is connecting or connected (*done), or -1. */
static int
begin_connect(const struct address *address, uint16_t port, bool *done)
{
    struct sockaddr_storage to;
    socklen_t len;
    int fd;

    if (!race_sockaddr(address, port, &to, &len)) {
        return -1;
    }
    fd = socket(address->family, SOCK_STREAM, 0);
    if (fd < 0) {
        return -1;
    }
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    *done = connect(fd, (struct sockaddr *)&to, len) == 0;
    if (!*done && errno != EINPROGRESS) {
        close(fd);
        return -1;
    }
    return fd;
}

struct race {
    struct pollfd fds[RESOLVE_ADDRESSES]; /* fd -1: failed or not begun */
    size_t begun, running;
    size_t winner; /* SIZE_MAX: none yet */
};

/* Begin with the next address that can be tried at all. */
static void
begin_next(struct race *race, const struct address *addresses, size_t count,
           uint16_t port)
{
    while (race->begun < count && race->winner == SIZE_MAX) {
        size_t i = race->begun++;
        bool done = false;

        race->fds[i].fd = begin_connect(&addresses[i], port, &done);
        race->fds[i].events = POLLOUT;
        if (done) {
            race->winner = i;
        }
        if (race->fds[i].fd >= 0) {
            race->running++;
            return;
        }
    }
}

/* Look at what poll() found; true when one of them failed. */
static bool
look(struct race *race)
{
    bool failed = false;

    for (size_t i = 0; i < race->begun; i++) {
        socklen_t len = sizeof(int);
        int why = 0;

        if (race->fds[i].fd < 0 || race->fds[i].revents == 0) {
            continue;
        }
        getsockopt(race->fds[i].fd, SOL_SOCKET, SO_ERROR, &why, &len);
        if (why == 0) {
            race->winner = i;
            return false;
        }
        close(race->fds[i].fd);
        race->fds[i].fd = -1;
        race->running--;
        failed = true;
    }
    return failed;
}

void
race_addresses(struct address *addresses, size_t count, uint16_t port)
{
    struct race race = {.winner = SIZE_MAX};
    int64_t now = clock_now_ns();
    int64_t end = now + RESOLVE_RACE_NS;
    int64_t next = now;

    if (count < 2) {
        return;
    }
    for (size_t i = 0; i < count; i++) {
        race.fds[i].fd = -1;
    }
    while (race.winner == SIZE_MAX && now < end) {
        int64_t until = end;

        if (race.begun < count && now >= next) {
            begin_next(&race, addresses, count, port);
            next = now + RESOLVE_STAGGER_NS;
        }
        if (race.winner != SIZE_MAX || race.running == 0) {
            break; /* decided, or all failed at once */
        }
        if (race.begun < count && next < until) {
            until = next;
        }
        if (poll(race.fds, (nfds_t)race.begun,
                 (int)((until - now + NS_PER_MS - 1) / NS_PER_MS)) > 0 &&
            look(&race)) {
            next = 0; /* the one before failed */
        }
        now = clock_now_ns();
        if (race.running == 0 && race.begun == count) {
            break;
        }
        if (race.running == 0) {
            next = 0;
        }
    }
    for (size_t i = 0; i < race.begun; i++) {
        if (race.fds[i].fd >= 0) {
            close(race.fds[i].fd);
        }
    }
    if (race.winner != SIZE_MAX && race.winner > 0) {
        struct address first = addresses[race.winner];

        memmove(&addresses[1], &addresses[0],
                race.winner * sizeof(addresses[0]));
        addresses[0] = first;
    }
}
