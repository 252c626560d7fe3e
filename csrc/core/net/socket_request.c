/* socket_open: what a request may be, and the sockets of a loop as a set. */
#include "net/socket_internal.h"

#include "base/mem.h"
#include "base/status.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

static void
loop_stops(void *ctx)
{
    struct socket_set *set = ctx;
    struct socket *next;

    for (struct socket *s = set->sockets; s != NULL; s = next) {
        next = s->next;
        socket_kill(s); /* not those that are leaving */
    }
}

static void
loop_jumped(void *ctx, int64_t jump_ns)
{
    struct socket_set *set = ctx;

    (void)jump_ns;
    set->jumped_ns = loop_now_ns(set->loop);
}

static void
loop_gone(void *ctx)
{
    struct socket_set *set = ctx;

    while (set->sockets != NULL) {
        socket_free(set->sockets); /* lws never told of their end */
    }
    wire_close_vhosts(set);
    *loop_socket_slot(set->loop) = NULL;
    mem_free(set);
}

static struct socket_set *
get_set(struct loop *loop)
{
    void **slot = loop_socket_slot(loop);
    struct socket_set *set = *slot;

    if (set == NULL) {
        set = mem_calloc(1, sizeof(*set));
        if (set == NULL) {
            return NULL;
        }
        set->loop = loop;
        set->watch = (struct loop_watch){.on_clock_jump = loop_jumped,
                                         .on_stop = loop_stops,
                                         .on_gone = loop_gone,
                                         .ctx = set};
        loop_watch_add(loop, &set->watch);
        *slot = set;
    }
    return set;
}

static sgo_status
refuse(sgo_error *err, const char *why, const char *what)
{
    error_set(err, SGO_ERROR_CONFIGURATION, "%s%s", why, what);
    return SGO_INVALID;
}

static bool
is_printable(const char *text)
{
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text <= 0x20 || (unsigned char)*text >= 0x7f) {
            return false;
        }
    }
    return true;
}

static sgo_status
check(const struct socket_request *r, struct proxy *proxy, sgo_error *err)
{
    struct address numeric;
    sgo_status status;

    if (r->host[0] == '\0' || strlen(r->host) >= SOCKET_HOST_BYTES ||
        !is_printable(r->host)) {
        return refuse(err,
                      "the WebSocket's host name is malformed or too "
                      "long",
                      "");
    }
    if (r->path[0] != '/' || strlen(r->path) >= SOCKET_PATH_BYTES ||
        !is_printable(r->path) || r->port == 0) {
        return refuse(err, "the WebSocket's path or port is malformed", "");
    }
    if (!r->tls && !resolve_is_loopback(r->host)) {
        return refuse(err, "plain ws is for loopback only; use wss for ",
                      r->host);
    }
    if (r->tls && r->roots == NULL) {
        return refuse(err, "no CA certificates were given for ", r->host);
    }
    if (r->tls && resolve_numeric(r->host, &numeric) &&
        numeric.family == AF_INET6) {
        /* lws cuts names at the first colon and would then check none. */
        return refuse(err, "wss needs a host name or an IPv4 address, not ",
                      r->host);
    }
    status = proxy_decide_now(r->proxy, r->tls ? "wss" : "ws", r->host,
                              r->port, proxy, err);
    if (status == SGO_OK && proxy->used &&
        (strlen(r->host) > SOCKET_PROXIED_BYTES ||
         strlen(proxy->login) > SOCKET_LOGIN_BYTES)) {
        return refuse(err,
                      "the host name or the proxy's login is too long "
                      "for a WebSocket through a proxy",
                      "");
    }
    return status;
}

static bool
fill(struct socket *s, const struct socket_request *r)
{
    const char *agent = r->user_agent != NULL ? r->user_agent : "sgostream";

    snprintf(s->host, sizeof(s->host), "%s", r->host);
    s->port = r->port;
    s->tls = r->tls;
    s->log = r->log;
    s->open_timeout_ns = r->open_timeout_ns;
    s->life_interval_ns =
        r->life_interval_ns > 0 ? r->life_interval_ns : SOCKET_LIFE_NS;
    s->path = mem_dup(r->path, strlen(r->path));
    s->user_agent = mem_dup(agent, strlen(agent));
    s->roots = r->roots != NULL ? roots_retain(r->roots) : NULL;
    return s->path != NULL && s->user_agent != NULL;
}

sgo_status
socket_open(struct loop *loop, const struct socket_request *request,
            const struct socket_handler *handler, void *ctx,
            struct socket **out, sgo_error *err)
{
    struct socket_set *set;
    struct socket *s = NULL;
    struct proxy proxy;
    sgo_status status;

    assert(loop_is_current(loop));
    if (loop_stopping(loop)) {
        error_set(err, SGO_ERROR_CLOSED, "the I/O thread is stopping");
        return SGO_CLOSED;
    }
    status = check(request, &proxy, err);
    if (status != SGO_OK) {
        return status;
    }
    set = get_set(loop);
    if (set != NULL) {
        s = mem_calloc(1, sizeof(*s));
    }
    if (s == NULL) {
        error_set(err, SGO_ERROR_MEMORY, "out of memory");
        return SGO_NO_MEMORY;
    }
    s->loop = loop;
    s->set = set;
    s->handler = *handler;
    s->ctx = ctx;
    s->proxy = proxy;
    s->queue_tail = &s->queue;
    error_clear(&s->end.error);
    socket_init_timers(s);
    buf_init(&s->message, request->max_message_bytes
                              ? request->max_message_bytes
                              : SOCKET_MESSAGE_BYTES);
    s->next = set->sockets;
    if (s->next != NULL) {
        s->next->prev = s;
    }
    set->sockets = s;
    if (!fill(s, request)) {
        socket_free(s);
        error_set(err, SGO_ERROR_MEMORY, "out of memory");
        return SGO_NO_MEMORY;
    }
    if (s->open_timeout_ns > 0) {
        loop_timer_set(loop, &s->limit,
                       clock_add(loop_now_ns(loop), s->open_timeout_ns));
    }
    loop_timer_set(loop, &s->step, loop_now_ns(loop));
    *out = s;
    return SGO_OK;
}
