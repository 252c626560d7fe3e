/* curl's multi handle on our loop: its descriptors and its timer. */
#include "net/http_internal.h"

#include "base/mem.h"
#include "base/status.h"

#include <assert.h>
#include <errno.h>
#include <unistd.h>

/* One descriptor of curl's that is watched. */
struct descriptor {
    struct loop_io io; /* io.fd is -1 once it was closed */
    struct descriptor *next;
};

static void
descriptor_ready(void *ctx, int fd, int events)
{
    struct http *http = ctx;
    int mask = (events & LOOP_READ ? CURL_CSELECT_IN : 0) |
               (events & LOOP_WRITE ? CURL_CSELECT_OUT : 0) |
               (events & LOOP_ERROR ? CURL_CSELECT_ERR : 0);

    transfer_action(http, fd, mask);
    http_run(http);
}

static void
descriptor_unwatch(struct http *http, struct descriptor *d)
{
    if (d->io.fd >= 0) {
        loop_io_remove(http->loop, &d->io);
        d->io.fd = -1;
    }
}

static void
descriptor_free(struct http *http, struct descriptor *d)
{
    struct descriptor **at = &http->descriptors;

    while (*at != d) {
        at = &(*at)->next;
    }
    *at = d->next;
    descriptor_unwatch(http, d);
    mem_free(d);
}

static struct descriptor *
descriptor_new(struct http *http, curl_socket_t fd, int events)
{
    struct descriptor *d = mem_calloc(1, sizeof(*d));

    if (d == NULL) {
        return NULL;
    }
    d->io = (struct loop_io){
        .fd = fd, .events = events, .on_ready = descriptor_ready, .ctx = http};
    if (!loop_io_add(http->loop, &d->io)) {
        mem_free(d);
        return NULL;
    }
    d->next = http->descriptors;
    http->descriptors = d;
    return d;
}

static int
descriptor_changed(CURL *easy, curl_socket_t fd, int what, void *ctx,
                   void *socket_ctx)
{
    struct http *http = ctx;
    struct descriptor *d = socket_ctx;
    int events = (what & CURL_POLL_IN ? LOOP_READ : 0) |
                 (what & CURL_POLL_OUT ? LOOP_WRITE : 0);

    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        if (d != NULL) {
            curl_multi_assign(http->multi, fd, NULL);
            descriptor_free(http, d);
        }
        return 0;
    }
    if (d != NULL && d->io.fd >= 0) {
        loop_io_change(http->loop, &d->io, events);
        return 0;
    }
    if (d != NULL) { /* closed and opened anew under the same number */
        descriptor_free(http, d);
    }
    d = descriptor_new(http, fd, events);
    curl_multi_assign(http->multi, fd, d);
    if (d == NULL) {
        http->wounded = true; /* -1 would leave curl with a dangling entry */
    }
    return 0;
}

/* curl 7.88 closes the descriptor of a connection that was cancelled while it
 * connected before it says CURL_POLL_REMOVE; by then the number may be
 * another thread's. */
int
transfer_close_descriptor(void *ctx, curl_socket_t fd)
{
    struct http *http = ctx;

    for (struct descriptor *d = http->descriptors; d != NULL; d = d->next) {
        if (d->io.fd == fd) {
            descriptor_unwatch(http, d);
        }
    }
    for (struct http_job *job = http->jobs; job != NULL; job = job->next) {
        if (job->fd == fd) {
            job->fd = -1;
        }
    }
    return close(fd);
}

/* Only noted: curl must not be entered from here. */
static int
timer_changed(CURLM *multi, long timeout_ms, void *ctx)
{
    struct http *http = ctx;

    (void)multi;
    loop_timer_set(http->loop, &http->curl_timer,
                   timeout_ms < 0
                       ? CLOCK_NEVER
                       : clock_add(loop_now_ns(http->loop),
                                   (int64_t)timeout_ms * NS_PER_MS));
    return 0;
}

sgo_status
transfer_open(struct http *http)
{
    const long connections = (long)http->max_connections;
    CURLM *multi;

    if (http->multi != NULL) {
        return SGO_OK;
    }
    errno = 0;
    multi = curl_multi_init(); /* newer ones take descriptors */
    if (multi == NULL) {
        return errno == EMFILE || errno == ENFILE ? SGO_SYSTEM : SGO_NO_MEMORY;
    }
    http->multi = multi;
    curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, descriptor_changed);
    curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, http);
    curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, timer_changed);
    curl_multi_setopt(multi, CURLMOPT_TIMERDATA, http);
    curl_multi_setopt(multi, CURLMOPT_PIPELINING, CURLPIPE_MULTIPLEX);
    curl_multi_setopt(multi, CURLMOPT_MAX_HOST_CONNECTIONS, connections);
    curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, connections + 2);
    return SGO_OK;
}

void
transfer_close(struct http *http)
{
    if (http->multi != NULL) {
        curl_multi_cleanup(http->multi);
        http->multi = NULL;
    }
    while (http->descriptors != NULL) {
        descriptor_free(http, http->descriptors);
    }
}

void
transfer_action(struct http *http, curl_socket_t fd, int mask)
{
    int running;

    assert(!http->in_curl);
    if (http->multi == NULL) {
        return;
    }
    http->in_curl = true;
    if (curl_multi_socket_action(http->multi, fd, mask, &running) !=
        CURLM_OK) {
        http->wounded = true;
    }
    http->in_curl = false;
}
