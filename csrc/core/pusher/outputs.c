/* The queue of wants and facts: a ring that is drained after every input and
 * so stays small.  When memory fails and something is lost, `trouble` is set;
 * once the rest is drained the socket is given up, which tells the owner
 * everything it needs in order to lose nothing silently. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/status.h"
#include "pusher/protocol_internal.h"

enum {
    RING_MIN = 32, /* more than any one input makes */
    RING_MAX = 4096
};

struct pusher_shared *
pusher_shared_create(const struct pusher_coordinates *c)
{
    struct pusher_shared *s = mem_calloc(1, sizeof(*s));

    if (s && pusher_coordinates_copy(&s->c, c) != SGO_OK) {
        mem_free(s);
        return NULL;
    }
    if (s) {
        s->refs = 1;
    }
    return s;
}

struct pusher_shared *
pusher_shared_retain(struct pusher_shared *s)
{
    s->refs++;
    return s;
}

void
pusher_shared_release(struct pusher_shared *s)
{
    if (s && --s->refs == 0) {
        pusher_coordinates_fini(&s->c);
        mem_free(s);
    }
}

static void
record_fini(struct pusher_record *r)
{
    mem_free(r->block);
    pusher_shared_release(r->coordinates);
    r->block = NULL;
    r->coordinates = NULL;
}

sgo_status
pusher_outputs_init(struct pusher *p)
{
    p->ring = mem_calloc(RING_MIN, sizeof(*p->ring));
    p->ring_cap = p->ring ? RING_MIN : 0;
    return p->ring ? SGO_OK : SGO_NO_MEMORY;
}

static bool
is_end(enum pusher_output_kind kind)
{
    return kind == PUSHER_CLOSE || kind == PUSHER_KILL ||
           kind == PUSHER_CANCEL_AUTHORISE;
}

void
pusher_outputs_clear(struct pusher *p, bool keep_ends)
{
    size_t kept = 0;

    for (size_t i = 0; i < p->ring_len; i++) {
        size_t from = (p->ring_head + i) & (p->ring_cap - 1);
        size_t to = (p->ring_head + kept) & (p->ring_cap - 1);

        if (keep_ends && is_end(p->ring[from].out.kind)) {
            if (to != from) { /* ends own no block */
                p->ring[to] = p->ring[from];
            }
            kept++;
        } else {
            record_fini(&p->ring[from]);
        }
    }
    p->ring_len = kept;
    p->trouble = false;
}

void
pusher_outputs_fini(struct pusher *p)
{
    pusher_outputs_clear(p, false);
    record_fini(&p->taken);
    mem_free(p->ring);
    p->ring = NULL;
}

static bool
make_room(struct pusher *p)
{
    struct pusher_record *grown;

    if (p->ring_len < p->ring_cap) {
        return true;
    }
    if (p->ring_cap >= RING_MAX) {
        return false;
    }
    grown = mem_calloc(p->ring_cap * 2, sizeof(*grown));
    if (grown == NULL) {
        return false;
    }
    for (size_t i = 0; i < p->ring_len; i++) {
        grown[i] = p->ring[(p->ring_head + i) & (p->ring_cap - 1)];
    }
    mem_free(p->ring);
    p->ring = grown;
    p->ring_cap *= 2;
    p->ring_head = 0;
    return true;
}

void
pusher_outputs_push(struct pusher *p, const struct pusher_output *out,
                    const char *channel, const char *reason, void *block,
                    bool with_coords)
{
    struct pusher_record *r;

    if (!make_room(p)) {
        mem_free(block);
        p->trouble = true;
        return;
    }
    r = &p->ring[(p->ring_head + p->ring_len++) & (p->ring_cap - 1)];
    r->out = *out;
    r->out.channel = channel ? r->channel : NULL;
    snprintf(r->channel, sizeof(r->channel), "%s", channel ? channel : "");
    snprintf(r->reason, sizeof(r->reason), "%s", reason ? reason : "");
    r->block = block;
    r->coordinates = with_coords ? pusher_shared_retain(p->coords) : NULL;
}

void
pusher_outputs_send(struct pusher *p, int64_t now, struct buf *text)
{
    struct pusher_output out = {.kind = PUSHER_SEND,
                                .generation = p->generation};

    if (text->status != SGO_OK) {
        buf_fini(text);
        p->trouble = true;
        return;
    }
    p->last_tx = now;
    out.send.text = buf_take(text, &out.send.len);
    pusher_outputs_push(p, &out, NULL, NULL, (void *)(uintptr_t)out.send.text,
                        false);
}

void
pusher_outputs_problem(struct pusher *p, enum pusher_output_kind kind,
                       const char *channel, const sgo_error *err,
                       int64_t retry_in_ns)
{
    struct pusher_output out = {.kind = kind, .generation = p->generation};

    out.problem.error = *err;
    out.problem.error.retryable = kind != PUSHER_FATAL;
    out.problem.retry_in_ns = retry_in_ns;
    pusher_outputs_push(p, &out, channel, NULL, NULL, false);
    log_write(p->log, kind == PUSHER_FATAL ? SGO_LOG_ERROR : SGO_LOG_WARNING,
              "pusher", "%s", err->text);
}

void
pusher_outputs_unreadable(struct pusher *p, const char *channel,
                          const char *reason)
{
    struct pusher_output out = {.kind = PUSHER_UNREADABLE,
                                .generation = p->generation};
    struct pusher_record *last;

    if (p->ring_len) { /* a flood is one record */
        last = &p->ring[(p->ring_head + p->ring_len - 1) & (p->ring_cap - 1)];
        if (last->out.kind == PUSHER_UNREADABLE &&
            strcmp(last->channel, channel ? channel : "") == 0) {
            last->out.unreadable.count++;
            return;
        }
    }
    out.unreadable.count = 1;
    pusher_outputs_push(p, &out, channel, reason, NULL, false);
}

/* An output was lost.  With a socket, losing it says everything; without one,
 * the state is told again and a reconcile asked for. */
static void
start_over(struct pusher *p)
{
    struct pusher_output out = {.kind = PUSHER_STATE};

    p->trouble = false;
    switch (p->link) {
    case LINK_OPENING:
    case LINK_GREETING:
    case LINK_UP:
        pusher_link_drop(p, p->now, 1000, SGO_ERROR_MEMORY,
                         "out of memory: the Pusher connection starts over");
        break;
    case LINK_STOPPED:
        break;
    case LINK_COORDINATES: /* the question may be what was lost */
        p->link = LINK_WAITING;
        p->retry_at = clock_add(p->now, p->settings.backoff_first_ns);
        break;
    default:
        break;
    }
    if (p->link != LINK_STOPPED) {
        pusher_outputs_unreadable(p, NULL, "out of memory");
        out.state.previous = out.state.current = p->state;
        pusher_outputs_push(p, &out, NULL, "out of memory", NULL, false);
    }
}

/* Point the output into the record that was taken. */
static void
settle(struct pusher_record *r)
{
    static const struct pusher_coordinates none;
    struct pusher_output *o = &r->out;
    const struct pusher_coordinates *c =
        r->coordinates ? &r->coordinates->c : &none;

    o->channel = o->channel ? r->channel : NULL;
    switch (o->kind) {
    case PUSHER_CONNECT:
        o->connect.host = c->host;
        break;
    case PUSHER_CLOSE:
        o->close.reason = r->reason;
        break;
    case PUSHER_AUTHORISE:
        o->authorise.url = c->auth_url;
        o->authorise.headers = c->auth_headers;
        o->authorise.header_count = c->auth_header_count;
        break;
    case PUSHER_COORDINATES:
        o->coordinates.reason = r->reason;
        break;
    case PUSHER_STATE:
        o->state.reason = r->reason;
        break;
    case PUSHER_LOST:
        o->lost.reason = r->reason;
        break;
    case PUSHER_UNREADABLE:
        o->unreadable.reason = r->reason;
        break;
    default:
        break;
    }
}

bool
pusher_next(struct pusher *p, struct pusher_output *out)
{
    record_fini(&p->taken);
    if (p->ring_len == 0 && p->trouble) {
        start_over(p);
    }
    if (p->ring_len == 0) {
        return false;
    }
    p->taken = p->ring[p->ring_head];
    p->ring[p->ring_head].block = NULL;
    p->ring[p->ring_head].coordinates = NULL;
    p->ring_head = (p->ring_head + 1) & (p->ring_cap - 1);
    p->ring_len--;
    settle(&p->taken);
    *out = p->taken.out;
    return true;
}
