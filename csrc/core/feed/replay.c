/* Playing a recording back: the lines are read with suspicion, since they may
 * have been cut or edited. */
#include "feed/record.h"

#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "json/project.h"
#include "pusher/protocol.h"

enum { REPLAY_PIECES = 20000 }; /* names and ids of one line */

struct line {
    char kind;
    int64_t now, nexts, a, b, c, d;
    const char *bytes;
    size_t len;
};

/* Reads the NUL-terminated pieces of a line. */
struct pieces {
    const char *at;
    const char *end;
    bool bad;
};

static const char *
piece(struct pieces *p)
{
    const char *text = p->at;
    const char *nul =
        p->at < p->end ? memchr(p->at, 0, (size_t)(p->end - p->at)) : NULL;

    if (nul == NULL) {
        p->bad = true;
        return "";
    }
    p->at = nul + 1;
    return text;
}

/* A decimal number up to `stop`; moves *at behind it. */
static bool
read_number(const char **at, const char *end, char stop, int64_t *out)
{
    const char *p = *at;
    bool negative = p < end && *p == '-';
    uint64_t n = 0;

    p += negative;
    if (p == end || *p < '0' || *p > '9') {
        return false;
    }
    for (; p < end && *p >= '0' && *p <= '9'; p++) {
        n = n * 10 + (uint64_t)(*p - '0');
    }
    if (p == end || *p != stop) {
        return false;
    }
    *at = p + 1;
    *out = (int64_t)(negative ? 0 - n : n);
    return true;
}

static int64_t
number(struct pieces *p)
{
    int64_t n = 0;

    if (p->bad || !read_number(&p->at, p->end, '\0', &n)) {
        p->bad = true;
    }
    return n;
}

static size_t
counted(struct pieces *p)
{
    int64_t n = number(p);

    if (n < 0 || n > REPLAY_PIECES) {
        p->bad = true;
        return 0;
    }
    return (size_t)n;
}

/* n pieces as an array (mem_free); NULL: malformed, or no memory. */
static const char **
piece_list(struct pieces *p, size_t n)
{
    const char **list = mem_calloc(n + 1, sizeof(*list));

    for (size_t i = 0; list && i < n; i++) {
        list[i] = piece(p);
    }
    if (p->bad) {
        mem_free(list);
        return NULL;
    }
    return list;
}

static bool
next_line(const char **at, const char *end, struct line *out)
{
    const char *p = *at;
    int64_t len;

    if (end - p < 2 || p[1] != ' ') {
        return false;
    }
    out->kind = *p;
    p += 2;
    if (!read_number(&p, end, ' ', &out->now) ||
        !read_number(&p, end, ' ', &out->nexts) ||
        !read_number(&p, end, ' ', &out->a) ||
        !read_number(&p, end, ' ', &out->b) ||
        !read_number(&p, end, ' ', &out->c) ||
        !read_number(&p, end, ' ', &out->d) ||
        !read_number(&p, end, '\n', &len) || len < 0 || len >= end - p ||
        p[len] != '\n') {
        return false;
    }
    out->bytes = p;
    out->len = (size_t)len;
    *at = p + len + 1;
    return true;
}

/* ---- configuration --------------------------------------------------------- */

struct player {
    struct brain *b;
    struct shape shape;
    void (*act)(void *ctx, const struct action *action);
    void *ctx;
};

static sgo_status
read_names(struct pieces *p, struct shape *shape,
           sgo_status (*set)(struct shape *, const char *const *, size_t))
{
    size_t n = counted(p);
    const char **names = piece_list(p, n);
    sgo_status status;

    if (names == NULL) {
        return p->bad ? SGO_INVALID : SGO_NO_MEMORY;
    }
    status = n ? set(shape, names, n) : SGO_OK;
    mem_free(names);
    return status;
}

static sgo_status
read_shape(struct pieces *p, struct shape *shape, bool *has)
{
    sgo_status status;

    *has = number(p) != 0;
    if (!*has || p->bad) {
        return SGO_OK;
    }
    shape->include_opposing = number(p) != 0;
    shape->include_alt_lines = number(p) != 0;
    shape->include_open_close = number(p) != 0;
    status = read_names(p, shape, shape_set_bookmaker_ids);
    return status == SGO_OK ? read_names(p, shape, shape_set_odd_ids) : status;
}

static sgo_status
make(struct player *player, const struct line *line,
     const struct brain_config *base)
{
    struct pieces p = {line->bytes, line->bytes + line->len, false};
    struct brain_config c = *base;
    const char **hosts;
    sgo_status status;
    bool has_shape = false;

    c.record = NULL;
    c.base_url = piece(&p);
    c.client_name = piece(&p);
    c.version = piece(&p);
    c.expand_results = number(&p) != 0;
    c.transport = (sgo_transport)number(&p);
    c.timeout_ns = number(&p);
    c.reconcile_interval_ns = number(&p);
    c.linger_ns = number(&p);
    c.poll_interval_ns = number(&p);
    c.max_events = (size_t)number(&p);
    c.max_bytes = (size_t)number(&p);
    c.max_requests_in_flight = (unsigned)number(&p);
    c.activity_timeout_ns = number(&p);
    c.pong_timeout_ns = number(&p);
    c.seed = (uint64_t)number(&p);
    c.allow_auth_host_count = counted(&p);
    hosts = piece_list(&p, c.allow_auth_host_count);
    c.allow_auth_hosts = hosts;
    status =
        hosts ? read_shape(&p, &player->shape, &has_shape) : SGO_NO_MEMORY;
    c.shape = has_shape ? &player->shape : NULL;
    if (p.bad || line->kind != 'C') {
        status = SGO_INVALID;
    } else if (status == SGO_OK) {
        player->b = brain_create(&c);
        status = player->b ? SGO_OK : SGO_NO_MEMORY;
    }
    mem_free(hosts);
    return status;
}

/* ---- inputs -------------------------------------------------------------------- */

static bool
play_stream(struct brain *b, const struct line *l)
{
    struct pieces p = {l->bytes, l->bytes + l->len, false};
    struct brain_param params[BRAIN_MAX_PARAMS + 1];
    const char *feed = piece(&p);
    sgo_error err;
    sgo_status status;

    if (l->b < 0 || l->b > BRAIN_MAX_PARAMS) {
        return true; /* it was refused */
    }
    for (int64_t i = 0; i < l->b; i++) {
        params[i].name = piece(&p);
        params[i].value = piece(&p);
    }
    if (p.bad) {
        return false;
    }
    status = brain_stream_add(b, (uint32_t)l->a, feed, params, (size_t)l->b,
                              l->now, &err);
    return status != SGO_NO_MEMORY;
}

static bool
play_fetch(struct brain *b, const struct line *l)
{
    struct pieces p = {l->bytes, l->bytes + l->len, false};
    const char **ids;
    sgo_status status;

    if (l->b < 0 || l->b > BRAIN_MAX_CALL_IDS) {
        return true;
    }
    ids = piece_list(&p, (size_t)l->b);
    if (ids == NULL) {
        return false;
    }
    status = brain_call_fetch(b, (uint32_t)l->a, ids, (size_t)l->b, l->now);
    mem_free(ids);
    return status != SGO_NO_MEMORY;
}

static void
read_error(struct pieces *p, sgo_error *err)
{
    memset(err, 0, sizeof(*err));
    err->kind = (sgo_error_kind)number(p);
    err->http_status = (int)number(p);
    err->close_code = (int)number(p);
    err->retryable = number(p) != 0;
    err->retry_after_ns = number(p);
    memcpy(err->window, "", 1);
    strncpy(err->window, piece(p), sizeof(err->window) - 1);
    strncpy(err->text, piece(p), sizeof(err->text) - 1);
}

static bool
play_end(struct brain *b, const struct line *l)
{
    struct pieces p = {l->bytes, l->bytes + l->len, false};
    struct answer_end end = {.ok = l->b & 1,
                             .truncated = (l->b & 2) != 0,
                             .http_status = (int)l->c,
                             .retry_after_ns = l->d};

    read_error(&p, &end.error);
    if (!p.bad) {
        brain_request_done(b, (uint64_t)l->a, &end, l->now);
    }
    return !p.bad;
}

static bool
play_closed(struct brain *b, const struct line *l)
{
    struct pieces p = {l->bytes, l->bytes + l->len, false};
    struct pusher_end end = {.close_code = (int)l->c,
                             .http_status = (int)l->d};
    sgo_error err;
    int64_t len;

    end.retry_after_ns = number(&p);
    len = number(&p);
    if (p.bad || len < 0 || len >= p.end - p.at || p.at[len] != '\0') {
        return false;
    }
    end.reason = p.at;
    end.reason_len = (size_t)len;
    p.at += len + 1;
    if (number(&p)) {
        read_error(&p, &err);
        end.error = &err;
    }
    if (!p.bad) {
        brain_socket_closed(b, (uint32_t)l->a, (uint64_t)l->b, &end, l->now);
    }
    return !p.bad;
}

static bool
play(struct brain *b, const struct line *l)
{
    struct answer_head head = {(int)l->b, l->c, l->d};

    switch (l->kind) {
    case 'S':
        return play_stream(b, l);
    case 'R':
        brain_stream_remove(b, (uint32_t)l->a, l->now);
        return true;
    case 'V':
        brain_untold(b, (uint32_t)l->a, l->now);
        return true;
    case 'F':
        return play_fetch(b, l);
    case 'U':
        return brain_call_usage(b, (uint32_t)l->a, l->now) != SGO_NO_MEMORY;
    case 'X':
        brain_call_cancel(b, (uint32_t)l->a, l->now);
        return true;
    case 'B':
        brain_request_started(b, (uint64_t)l->a, l->now);
        return true;
    case 'H':
        brain_request_head(b, (uint64_t)l->a, &head, l->now);
        return true;
    case 'D':
        brain_request_data(b, (uint64_t)l->a, l->bytes, l->len, l->now);
        return true;
    case 'E':
        return play_end(b, l);
    case 'O':
        brain_socket_opened(b, (uint32_t)l->a, (uint64_t)l->b, l->now);
        return true;
    case 'M':
        brain_socket_message(b, (uint32_t)l->a, (uint64_t)l->b, l->bytes,
                             l->len, l->c != 0, l->now);
        return true;
    case 'W':
        brain_socket_frame(b, (uint32_t)l->a, (uint64_t)l->b, l->now);
        return true;
    case 'Z':
        return play_closed(b, l);
    case 'T':
        brain_tick(b, l->now);
        return true;
    case 'J':
        brain_clock_jump(b, l->now);
        return true;
    case 'Q':
        brain_set_queued_bytes(b, (size_t)l->a, l->now);
        return true;
    case 'P':
        brain_spent_elsewhere(b, (uint64_t)l->a, (uint64_t)l->b, l->now);
        return true;
    case 'Y':
        brain_close(b, l->now);
        return true;
    default:
        return false;
    }
}

/* As often as the recorded owner did; `nexts` < 0: until it is empty. */
static void
drain(struct player *p, int64_t nexts)
{
    struct action action;

    for (int64_t i = 0; nexts < 0 || i < nexts; i++) {
        if (brain_next(p->b, &action)) {
            p->act(p->ctx, &action);
        } else if (nexts < 0) {
            return;
        }
    }
}

sgo_status
record_replay(const char *bytes, size_t len, const struct brain_config *base,
              void (*act)(void *ctx, const struct action *action), void *ctx,
              size_t *out_lines)
{
    struct player player = {.act = act, .ctx = ctx};
    const char *at = bytes, *end = bytes + len;
    struct line line;
    size_t lines = 1;
    sgo_status status;

    if (!next_line(&at, end, &line)) {
        return SGO_INVALID;
    }
    shape_init(&player.shape);
    status = make(&player, &line, base);
    while (status == SGO_OK && at < end) {
        if (!next_line(&at, end, &line)) {
            status = SGO_INVALID;
            break;
        }
        drain(&player, line.nexts < 0 ? 0 : line.nexts);
        if (!play(player.b, &line)) {
            status = SGO_INVALID;
            break;
        }
        lines++;
    }
    if (status == SGO_OK) {
        drain(&player, -1);
    }
    brain_free(player.b);
    shape_fini(&player.shape);
    if (out_lines) {
        *out_lines = lines;
    }
    return status;
}
