/* What goes over an open WebSocket: parts that become messages, and the queue
 * of what is to be sent. */
#include "net/socket_internal.h"

#include "base/mem.h"
#include "base/status.h"

#include <string.h>

/* ---- what arrives ---------------------------------------------------------*/

static void
sign_of_life(struct socket *s)
{
    s->last_rx_ns = loop_now_ns(s->loop);
    if (!s->dead && s->handler.on_frame != NULL) {
        s->handler.on_frame(s->ctx);
    }
}

/* End it ourselves, with a reason that on_end will tell. */
static void
refuse_message(struct socket *s)
{
    bool too_big = s->message.status == SGO_LIMIT;

    if (too_big) {
        error_set(&s->end.error, SGO_ERROR_LIMIT,
                  "%s:%u sent a message of more than %zu bytes", s->host,
                  s->port, s->message.max);
        s->end.error.close_code = 1009;
    } else {
        error_set(&s->end.error, SGO_ERROR_MEMORY, "out of memory");
    }
    s->end.status = s->message.status;
    s->end.close_code = too_big ? 1009 : 1006;
    socket_close(s, too_big ? 1009 : 1001, too_big ? "message too big" : "");
    buf_fini(&s->message);
}

void
socket_received(struct socket *s, const char *bytes, size_t len, bool first,
                bool last, bool binary)
{
    sign_of_life(s);
    if (s->dead || s->state != SOCKET_OPEN) {
        return;
    }
    if (first) {
        buf_reset(&s->message);
        s->binary = binary;
        if (last && len <= s->message.max) {
            s->handler.on_message(s->ctx, bytes, len, binary);
            return;
        }
    }
    if (buf_append(&s->message, bytes, len) != SGO_OK) {
        refuse_message(s);
    } else if (last) {
        s->handler.on_message(s->ctx, s->message.data, s->message.len,
                              s->binary);
        if (!s->dead && s->message.cap > SOCKET_QUEUE_BYTES) {
            buf_fini(&s->message); /* big ones are rare */
        }
    }
}

void
socket_pong(struct socket *s)
{
    sign_of_life(s);
}

/* Keep what is valid UTF-8 of the reason, from its start. */
static void
copy_reason(char *out, size_t cap, const unsigned char *in, size_t len)
{
    size_t n = 0;

    while (n < len && n < cap - 1) {
        unsigned char c = in[n];
        size_t more = c < 0x80 ? 0 : c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : 1;

        if ((c >= 0x80 && (c < 0xc2 || c > 0xf4)) || n + more >= cap - 1 ||
            n + more >= len) {
            break;
        }
        for (size_t i = 1; i <= more; i++) {
            if ((in[n + i] & 0xc0) != 0x80) {
                more = SIZE_MAX;
                break;
            }
        }
        if (more == SIZE_MAX || (c == 0xe0 && in[n + 1] < 0xa0) ||
            (c == 0xed && in[n + 1] > 0x9f) ||
            (c == 0xf0 && in[n + 1] < 0x90) ||
            (c == 0xf4 && in[n + 1] > 0x8f)) {
            break;
        }
        for (size_t i = 0; i <= more; i++) {
            unsigned char b = in[n + i];

            out[n + i] = b < 0x20 || b == 0x7f ? ' ' : (char)b;
        }
        n += more + 1;
    }
    out[n] = '\0';
}

void
socket_peer_closes(struct socket *s, const unsigned char *in, size_t len)
{
    sign_of_life(s);
    s->end.clean = true;
    s->end.close_code = len >= 2 ? in[0] << 8 | in[1] : 1005;
    if (len > 2) {
        copy_reason(s->end.reason, sizeof(s->end.reason), in + 2, len - 2);
    }
    /* lws answers; give it no longer than our own close would get */
    loop_timer_set(s->loop, &s->limit, loop_now_ns(s->loop) + SOCKET_CLOSE_NS);
}

/* ---- what is sent ---------------------------------------------------------*/

sgo_status
socket_send(struct socket *s, const char *text, size_t len)
{
    struct message *m;

    if (s->state != SOCKET_OPEN || s->end.clean) {
        return SGO_CLOSED;
    }
    if (len > SOCKET_QUEUE_BYTES - s->queued) {
        return SGO_LIMIT;
    }
    m = wire_message(text, len);
    if (m == NULL) {
        return SGO_NO_MEMORY;
    }
    *s->queue_tail = m;
    s->queue_tail = &m->next;
    s->queued += len;
    if (s->limit.deadline_ns == CLOCK_NEVER) {
        loop_timer_set(s->loop, &s->limit,
                       loop_now_ns(s->loop) + SOCKET_STUCK_NS);
    }
    wire_want_write(s);
    return SGO_OK;
}

struct message *
socket_take_message(struct socket *s)
{
    struct message *m = s->queue;

    if (m != NULL) {
        s->queue = m->next;
        s->queued -= m->len;
        if (s->queue == NULL) {
            s->queue_tail = &s->queue;
        }
    }
    return m;
}

void
socket_wrote(struct socket *s, bool more)
{
    if (s->state == SOCKET_OPEN && !s->end.clean) {
        loop_timer_set(s->loop, &s->limit,
                       more ? loop_now_ns(s->loop) + SOCKET_STUCK_NS
                            : CLOCK_NEVER);
    }
}

size_t
socket_queued(const struct socket *s)
{
    return s->queued;
}

/* TCP counts its idle time in ticks of a few ms, and not while the machine
 * sleeps: only what is clearly later than what we know counts. */
#define CLEARLY_NS (50 * NS_PER_MS)

int64_t
socket_last_rx_ns(const struct socket *s)
{
    int64_t known = s->last_rx_ns, idle, at;

    if (s->wsi == NULL || known == 0) {
        return known;
    }
    idle = wire_idle_ns(s);
    at = loop_now_ns(s->loop) - idle;
    if (idle < 0 || at < s->set->jumped_ns + CLEARLY_NS ||
        at < known + CLEARLY_NS) {
        return known;
    }
    return at;
}

void
socket_look_for_life(struct socket *s)
{
    int64_t at = socket_last_rx_ns(s);

    if (at > s->last_rx_ns) {
        s->last_rx_ns = at;
        if (!s->dead && s->handler.on_frame != NULL) {
            s->handler.on_frame(s->ctx); /* s may be dead now */
        }
    }
}
