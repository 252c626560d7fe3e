/* One WebSocket from socket_open to on_end: states, time limits, the queue.
 * lws ends everything by WSI_DESTROY, which arrives here as
 * socket_attempt_ended; what follows from it is done later, by the step
 * timer, so that no callback runs inside lws' own clean-up. */
#include "net/socket_internal.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/status.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define KILL_AGAIN_NS (5 * NS_PER_MS)

/* ---- life -----------------------------------------------------------------*/

void
socket_free(struct socket *s)
{
    resolve_cancel(s->lookup);
    loop_timer_cancel(s->loop, &s->step);
    loop_timer_cancel(s->loop, &s->limit);
    loop_timer_cancel(s->loop, &s->attempt);
    if (s->prev != NULL) {
        s->prev->next = s->next;
    } else if (s->set->sockets == s) {
        s->set->sockets = s->next;
    }
    if (s->next != NULL) {
        s->next->prev = s->prev;
    }
    if (s->vhost != NULL) {
        s->vhost->references--;
    }
    if (s->holding) {
        loop_unhold(s->loop);
    }
    while (s->queue != NULL) {
        struct message *m = s->queue;

        s->queue = m->next;
        mem_free(m);
    }
    buf_fini(&s->message);
    roots_release(s->roots);
    mem_free(s->path);
    mem_free(s->user_agent);
    mem_free(s);
}

static void
soon(struct socket *s)
{
    loop_timer_set(s->loop, &s->step, loop_now_ns(s->loop));
}

/* Let lws drop the connection: it ends in socket_attempt_ended. */
static void
kill_wire(struct socket *s)
{
    s->killed = true;
    wire_kill(s);
    loop_timer_set(s->loop, &s->step, loop_now_ns(s->loop) + KILL_AGAIN_NS);
}

static void
name_peer(const struct socket *s, char *out, size_t cap)
{
    if (s->proxy.used) {
        snprintf(out, cap, "%s:%u through the proxy %s:%u", s->host, s->port,
                 s->proxy.host, s->proxy.port);
    } else if (s->address_at > 0) {
        snprintf(out, cap, "%s:%u (%s)", s->host, s->port,
                 s->addresses[s->address_at - 1].text);
    } else {
        snprintf(out, cap, "%s:%u", s->host, s->port);
    }
}

/* ---- errors in words ------------------------------------------------------*/

static void
describe_timeout(struct socket *s, const char *peer, sgo_error *err)
{
    const char *phase = "no TCP connection was made";

    if (s->state == SOCKET_RESOLVING) {
        phase = "the DNS server did not answer (is the network up?)";
    } else if (s->phase == PHASE_TLS) {
        phase = s->proxy.used ? "the proxy did not answer, or the TLS "
                                "handshake was not complete"
                              : "the TLS handshake was not complete";
    } else if (s->phase == PHASE_UPGRADE) {
        phase = "the WebSocket handshake was not answered";
    }
    error_set(err, SGO_ERROR_TRANSPORT, "%s: %s within %g s", peer, phase,
              (double)s->open_timeout_ns / (double)NS_PER_S);
}

/* Why it never opened. */
static void
describe_failure(struct socket *s, sgo_error *err)
{
    char peer[SOCKET_HOST_BYTES + PROXY_HOST_BYTES + 96];

    name_peer(s, peer, sizeof(peer));
    if (s->late) {
        describe_timeout(s, peer, err);
    } else if (s->verify_error != 0) {
        error_set(err, SGO_ERROR_TRANSPORT, "%s cannot be trusted: %s", peer,
                  tls_verify_words(s->verify_error));
    } else if (s->end.http_status != 0) {
        error_set(err, SGO_ERROR_TRANSPORT,
                  "%s answered HTTP status %d instead of opening a WebSocket",
                  peer, s->end.http_status);
    } else if (strstr(s->why, "proxy") != NULL) {
        error_set(err, SGO_ERROR_TRANSPORT,
                  "the proxy %s:%u did not connect us to %s:%u (is its login "
                  "missing or wrong?)",
                  s->proxy.host, s->proxy.port, s->host, s->port);
    } else if (s->phase == PHASE_UPGRADE) {
        error_set(err, SGO_ERROR_TRANSPORT,
                  "%s broke off the WebSocket handshake%s%s", peer,
                  s->why[0] ? ": " : "", s->why);
    } else if (s->phase == PHASE_TLS && s->tls) {
        error_set(err, SGO_ERROR_TRANSPORT,
                  "the TLS handshake with %s failed%s%s", peer,
                  s->why[0] ? ": " : "", s->why);
    } else if (s->proxy.used) {
        error_set(err, SGO_ERROR_TRANSPORT,
                  "could not connect to the proxy %s:%u: refused or "
                  "unreachable",
                  s->proxy.host, s->proxy.port);
    } else {
        error_set(err, SGO_ERROR_TRANSPORT,
                  "could not connect to %s: refused or unreachable", peer);
    }
    err->http_status = s->end.http_status;
    err->retryable = true;
}

/* Keep the words of the address that came furthest: "refused" by the last one
 * would hide what the only server that answered had said. */
static void
remember_failure(struct socket *s)
{
    if (s->far_error.kind == SGO_ERROR_NONE || s->phase > s->far_phase) {
        s->far_phase = s->phase;
        describe_failure(s, &s->far_error);
    }
}

/* ---- the end --------------------------------------------------------------*/

/* Decide what on_end will say, and let it be said soon. */
static void
end_with(struct socket *s, sgo_status status)
{
    s->state = SOCKET_ENDED;
    s->end.status = status;
    loop_timer_cancel(s->loop, &s->limit);
    loop_timer_cancel(s->loop, &s->attempt);
    soon(s);
}

static void
deliver_end(struct socket *s)
{
    const struct socket_end *end = &s->end;

    log_write(s->log, SGO_LOG_DEBUG, "socket", "%s:%u: %s%s, code %d%s%s",
              s->host, s->port, end->was_open ? "closed, " : "",
              status_name(end->status), end->close_code,
              end->error.text[0] ? ": " : "", end->error.text);
    s->delivering = true;
    s->handler.on_end(s->ctx, end);
    socket_free(s);
}

static void
end_open(struct socket *s)
{
    struct socket_end *end = &s->end;
    char peer[SOCKET_HOST_BYTES + PROXY_HOST_BYTES + 96];

    name_peer(s, peer, sizeof(peer));
    if (s->end.status != SGO_OK) { /* decided before: limit, memory */
        end_with(s, s->end.status);
    } else if (s->stuck) {
        error_set(&end->error, SGO_ERROR_TRANSPORT,
                  "nothing could be sent to %s for %d s", peer,
                  (int)(SOCKET_STUCK_NS / NS_PER_S));
        end->error.retryable = true;
        end->close_code = 1006;
        end_with(s, SGO_TIMEOUT);
    } else if (end->clean) {
        end_with(s, SGO_OK);
    } else if (s->state == SOCKET_CLOSING) {
        end->close_code = s->close_code;
        end->clean = !s->late;
        end_with(s, SGO_OK);
    } else {
        error_set(&end->error, SGO_ERROR_TRANSPORT,
                  "the connection to %s broke", peer);
        end->error.retryable = true;
        end->close_code = 1006;
        end_with(s, SGO_FAILED);
    }
}

static void
end_unopened(struct socket *s)
{
    if (s->give_up && !s->late) { /* socket_close */
        end_with(s, SGO_CLOSED);
        return;
    }
    if (s->end.error.kind == SGO_ERROR_NONE) {
        if (s->far_error.kind != SGO_ERROR_NONE && s->far_phase > s->phase &&
            !s->late) {
            s->end.error = s->far_error;
        } else {
            describe_failure(s, &s->end.error);
        }
        if (s->phase == PHASE_TCP) {
            resolve_forget(s->loop, s->proxy.used ? s->proxy.host : s->host,
                           s->proxy.used ? s->proxy.port : s->port);
        }
    }
    end_with(s, s->late ? SGO_TIMEOUT : SGO_FAILED);
}

void
socket_attempt_ended(struct socket *s)
{
    s->wsi = NULL;
    s->killed = false;
    loop_timer_cancel(s->loop, &s->step);
    loop_timer_cancel(s->loop, &s->attempt);
    if (s->dead) {
        if (!s->entering) {
            socket_free(s);
        }
        return;
    }
    if (s->end.was_open) {
        end_open(s);
    } else if (s->entering) {
        return; /* connect_next looks at s->wsi */
    } else if (s->give_up || s->verify_error != 0 || s->end.http_status != 0 ||
               s->address_at == s->address_count) {
        end_unopened(s);
    } else {
        remember_failure(s);
        soon(s); /* the next address */
    }
}

/* ---- opening --------------------------------------------------------------*/

static void
connect_next(struct socket *s)
{
    const struct address *to = &s->addresses[s->address_at++];
    int64_t now = loop_now_ns(s->loop);
    sgo_status status;

    s->state = SOCKET_CONNECTING;
    s->phase = PHASE_TCP;
    s->why[0] = '\0';
    s->entering = true;
    status = wire_connect(s, to);
    s->entering = false;
    if (status == SGO_NO_MEMORY) {
        error_set(&s->end.error, SGO_ERROR_MEMORY, "out of memory");
        s->give_up = s->late = false;
        end_with(s, SGO_NO_MEMORY);
    } else if (s->wsi == NULL) {
        socket_attempt_ended(s);
    } else if (s->address_at < s->address_count) {
        loop_timer_set(s->loop, &s->attempt, now + SOCKET_ADDRESS_NS);
    }
}

static void
take_addresses(struct socket *s, const struct resolve_result *result)
{
    s->address_count = result->count;
    memcpy(s->addresses, result->addresses, sizeof(s->addresses));
    connect_next(s);
}

static void
resolved(void *ctx, const struct resolve_result *result)
{
    struct socket *s = ctx;

    s->lookup = NULL;
    if (result->status == SGO_OK) {
        take_addresses(s, result);
        return;
    }
    if (s->proxy.used) {
        error_set(&s->end.error, SGO_ERROR_TRANSPORT, "the proxy: %s",
                  result->error.text);
    } else {
        s->end.error = result->error;
    }
    s->end.error.retryable = true;
    end_with(s, result->status);
}

static void
look_up(struct socket *s)
{
    const char *via = s->proxy.used ? s->proxy.host : s->host;
    uint16_t port = s->proxy.used ? s->proxy.port : s->port;
    struct resolve_result result;
    sgo_status status;

    if (resolve_cached(s->loop, via, port, RESOLVE_FRESH_NS, &result)) {
        take_addresses(s, &result);
        return;
    }
    status = resolve_start(s->loop, via, port, resolved, s, &s->lookup);
    if (status == SGO_OK) {
        return;
    }
    if (status == SGO_LIMIT) {
        error_set(&s->end.error, SGO_ERROR_TRANSPORT,
                  "too many host names wait for the DNS server (the last: "
                  "%s)",
                  via);
        s->end.error.retryable = true;
    } else {
        error_set(&s->end.error, SGO_ERROR_MEMORY, "out of memory");
    }
    end_with(s, status);
}

static void
take_step(void *ctx)
{
    struct socket *s = ctx;

    if (s->killed) {
        kill_wire(s); /* wire_kill() says why */
        return;
    }
    switch (s->state) {
    case SOCKET_RESOLVING:
        if (s->give_up) {
            end_unopened(s);
        } else {
            look_up(s);
        }
        break;
    case SOCKET_CONNECTING:
        connect_next(s);
        break;
    case SOCKET_ENDED:
        deliver_end(s);
        break;
    case SOCKET_OPEN:
    case SOCKET_CLOSING:
        break;
    }
}

static void
limit_passed(void *ctx)
{
    struct socket *s = ctx;

    switch (s->state) {
    case SOCKET_RESOLVING:
        s->late = true;
        resolve_cancel(s->lookup);
        s->lookup = NULL;
        end_unopened(s);
        break;
    case SOCKET_CONNECTING:
        s->late = s->give_up = true;
        if (s->wsi != NULL) {
            kill_wire(s);
        } else {
            end_unopened(s);
        }
        break;
    case SOCKET_OPEN:
        s->stuck = true;
        kill_wire(s);
        break;
    case SOCKET_CLOSING:
        s->late = true;
        kill_wire(s);
        break;
    case SOCKET_ENDED:
        break;
    }
}

static void
attempt_timer(void *ctx)
{
    struct socket *s = ctx;

    if (s->state == SOCKET_OPEN) {
        loop_timer_set(s->loop, &s->attempt,
                       loop_now_ns(s->loop) + s->life_interval_ns);
        socket_look_for_life(s); /* last: it calls out */
    } else if (s->wsi != NULL) {
        kill_wire(s);
    }
}

void
socket_init_timers(struct socket *s)
{
    loop_timer_init(&s->step, take_step, s);
    loop_timer_init(&s->limit, limit_passed, s);
    loop_timer_init(&s->attempt, attempt_timer, s);
}

void
socket_opened(struct socket *s)
{
    loop_timer_cancel(s->loop, &s->limit);
    s->state = SOCKET_OPEN;
    s->end.was_open = true;
    s->last_rx_ns = loop_now_ns(s->loop);
    loop_timer_set(s->loop, &s->attempt, s->last_rx_ns + s->life_interval_ns);
    if (!s->dead) {
        s->handler.on_open(s->ctx);
    }
}

/* ---- closing --------------------------------------------------------------*/

void
socket_close(struct socket *s, int code, const char *reason)
{
    if (s->delivering || s->state == SOCKET_ENDED ||
        s->state == SOCKET_CLOSING) {
        return;
    }
    if (s->state == SOCKET_OPEN) {
        s->close_code = code;
        snprintf(s->close_reason, sizeof(s->close_reason), "%s",
                 reason ? reason : "");
        s->state = SOCKET_CLOSING;
        loop_timer_set(s->loop, &s->limit,
                       loop_now_ns(s->loop) + SOCKET_CLOSE_NS);
        wire_want_write(s);
        return;
    }
    s->give_up = true;
    resolve_cancel(s->lookup);
    s->lookup = NULL;
    if (s->wsi != NULL) {
        kill_wire(s);
    } else {
        end_unopened(s);
    }
}

void
socket_leave(struct socket *s, int code, const char *reason)
{
    if (s == NULL || s->delivering || s->dead) {
        return;
    }
    if (s->wsi == NULL || !s->end.was_open || s->state == SOCKET_ENDED) {
        socket_kill(s);
        return;
    }
    s->dead = true;
    s->holding = true;
    loop_hold(s->loop);
    socket_close(s, code, reason);
    loop_timer_set(s->loop, &s->limit, loop_now_ns(s->loop) + SOCKET_LEAVE_NS);
}

void
socket_kill(struct socket *s)
{
    if (s == NULL || s->delivering || s->dead) {
        return;
    }
    s->dead = true;
    resolve_cancel(s->lookup);
    s->lookup = NULL;
    loop_timer_cancel(s->loop, &s->step);
    loop_timer_cancel(s->loop, &s->limit);
    loop_timer_cancel(s->loop, &s->attempt);
    if (s->wsi != NULL) {
        kill_wire(s);
    } else {
        socket_free(s);
    }
}
