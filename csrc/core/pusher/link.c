/* The life of the socket: when to connect, when to ask for coordinates first,
 * whether it still lives, and what follows when it does not.  Generations
 * make every late input harmless; there are never two attempts at once. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/mutant.h"
#include "base/status.h"
#include "pusher/protocol_internal.h"

#define ACTIVITY_UNTOLD_NS (120 * NS_PER_S) /* the protocol's own default */
#define ADAPTIVE_FLOOR_NS (10 * NS_PER_S)
#define PONG_FLOOR_NS NS_PER_S         /* options may not make us impatient */
#define SERVER_ERROR_NS (5 * NS_PER_S) /* it explains an end so soon after */
#define ROTATION_WINDOW_NS (600 * NS_PER_S)
#define ROTATION_FIRST_NS (NS_PER_S / 2)
#define ROTATION_SECOND_NS (5 * NS_PER_S)
#define RETRY_AFTER_MAX_NS (300 * NS_PER_S)

enum { FAILED_CYCLES_MAX = 3 }; /* then the coordinates may be the cause */

static int64_t
least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t
most(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

bool
pusher_link_open(const struct pusher *p)
{
    return p->link == LINK_GREETING || p->link == LINK_UP;
}

void
pusher_link_set_state(struct pusher *p, sgo_connection state,
                      const char *reason, int code)
{
    struct pusher_output out = {.kind = PUSHER_STATE,
                                .generation = p->generation};

    if (state == p->state) {
        return;
    }
    out.state.previous = p->state;
    out.state.current = state;
    out.state.code = code;
    pusher_outputs_push(p, &out, NULL, reason, NULL, false);
    log_write(p->log, SGO_LOG_INFO, "pusher", "%s -> %s%s%s",
              connection_name(p->state), connection_name(state),
              reason && *reason ? ": " : "", reason ? reason : "");
    p->state = state;
    p->stats.state = state;
    p->unavailable_at = CLOCK_NEVER;
    if (state == SGO_CONN_CONNECTING) {
        p->unavailable_at = clock_add(
            p->now, least(p->settings.unavailable_ns,
                          most(p->coords->c.unavailable_timeout_ns,
                               least(NS_PER_S, p->settings.unavailable_ns))));
    }
}

/* Connecting as far as the word goes. */
static void
set_trying(struct pusher *p, const char *reason, int code)
{
    if (p->state != SGO_CONN_UNAVAILABLE) {
        pusher_link_set_state(p, SGO_CONN_CONNECTING, reason, code);
    }
}

/* ---- connecting -------------------------------------------------------- */

static void
connect_now(struct pusher *p, int64_t now)
{
    struct pusher_output out = {.kind = PUSHER_CONNECT};
    struct buf path;
    size_t len;

    if (p->next_coords) {
        pusher_shared_release(p->coords);
        p->coords = p->next_coords;
        p->next_coords = NULL;
    }
    p->generation++;
    p->stats.attempts++;
    p->link = LINK_OPENING;
    p->link_deadline = clock_add(now, p->settings.open_ns);
    p->server_error = 0;
    set_trying(p, "", 0);
    buf_init(&path, 4096);
    buf_printf(&path, "%s/app/%s?protocol=7&client=", p->coords->c.path,
               p->coords->c.key);
    message_write_escaped(&path, p->settings.client_name);
    buf_puts(&path, "&version=");
    message_write_escaped(&path, p->settings.client_version);
    if (path.status != SGO_OK) {
        buf_fini(&path);
        p->trouble = true;
        return;
    }
    out.generation = p->generation;
    out.connect.port = p->coords->c.port;
    out.connect.tls = p->coords->c.tls;
    out.connect.path = buf_take(&path, &len);
    pusher_outputs_push(p, &out, NULL, NULL,
                        (void *)(uintptr_t)out.connect.path, true);
}

/* The wait is over: fetch coordinates first, if something asks for it. */
static void
try_now(struct pusher *p, int64_t now)
{
    struct pusher_output out = {.kind = PUSHER_KILL};
    const char *why = MUTANT(COORDINATES_KEPT) ? NULL : p->want_coordinates;

    if (p->closing) { /* the peer did not close in time */
        out.generation = p->closing;
        p->closing = 0;
        pusher_outputs_push(p, &out, NULL, NULL, NULL, false);
    }
    if (why == NULL && p->next_coords == NULL &&
        now - p->coords_at > p->settings.coordinates_age_ns) {
        why = "coordinates are old";
    }
    if (why == NULL) {
        connect_now(p, now);
        return;
    }
    p->want_coordinates = NULL;
    p->link = LINK_COORDINATES;
    p->link_deadline = clock_add(now, p->settings.coordinates_wait_ns);
    set_trying(p, "", 0);
    out = (struct pusher_output){.kind = PUSHER_COORDINATES,
                                 .generation = p->generation};
    pusher_outputs_push(p, &out, NULL, why, NULL, false);
}

void
pusher_link_begin(struct pusher *p, int64_t now)
{
    p->backoff = p->failed_cycles = p->protocol_ends = p->rotations = 0;
    p->slow_since = -1;
    p->key_refused = p->key_refetched = false;
    p->adaptive_ns = CLOCK_NEVER;
    p->confirmed_at = -1;
    p->pong_due = CLOCK_NEVER;
    p->link = LINK_WAITING;
    p->retry_at = now;
    set_trying(p, "", 0);
    if (p->closing == 0) {
        try_now(p, now);
    }
}

void
pusher_link_answered(struct pusher *p, int64_t now)
{
    if (p->link == LINK_COORDINATES) {
        connect_now(p, now);
    }
}

void
pusher_link_established(struct pusher *p, int64_t now, int64_t told_ns)
{
    const struct pusher_settings *s = &p->settings;
    int64_t activity = least(p->coords->c.activity_timeout_ns, s->activity_ns);

    activity = least(activity, told_ns > 0 ? told_ns : ACTIVITY_UNTOLD_NS);
    activity = least(activity, p->adaptive_ns);
    p->activity_ns =
        most(activity, least(s->activity_floor_ns, s->activity_ns));
    p->link = LINK_UP;
    p->link_deadline = CLOCK_NEVER;
    p->pong_due = CLOCK_NEVER;
    p->last_tx = now;
    p->stats.established++;
    p->stats.established_at_ns = now;
    p->stats.activity_ns = p->activity_ns;
    pusher_link_set_state(p, SGO_CONN_CONNECTED, "", 0);
    pusher_channel_advance(p, now);
}

/* ---- liveness ---------------------------------------------------------- */

void
pusher_link_life(struct pusher *p, int64_t now)
{
    p->last_rx = now;
    p->pong_due = CLOCK_NEVER;
    p->stats.last_frame_ns = now;
}

void
pusher_link_ping(struct pusher *p, int64_t now, int64_t pong_ns)
{
    struct buf text;

    buf_init(&text, MESSAGE_SENT_MAX);
    message_write_ping(&text);
    p->stats.pings_sent++;
    p->pong_due = clock_add(now, pong_ns);
    pusher_outputs_send(p, now, &text);
}

static int64_t
pong_wait(const struct pusher *p)
{
    int64_t floor = least(PONG_FLOOR_NS, p->settings.pong_ns);

    return most(floor,
                least(p->coords->c.pong_timeout_ns, p->settings.pong_ns));
}

/* A ping is due when either side was silent: some servers drop a client that
 * only listens. */
static int64_t
ping_due(const struct pusher *p)
{
    return p->pong_due == CLOCK_NEVER
               ? clock_add(MUTANT(PING_WHEN_DEAF)
                               ? p->last_rx
                               : least(p->last_rx, p->last_tx),
                           p->activity_ns)
               : CLOCK_NEVER;
}

static void
pong_missing(struct pusher *p, int64_t now)
{
    struct pusher_loss loss = {
        .ours = true, .unclean = true, .close_code = 1000};

    error_set(&loss.error, SGO_ERROR_TRANSPORT,
              "Pusher at %s:%d did not answer a ping: the connection is dead",
              p->coords->c.host, p->coords->c.port);
    snprintf(loss.reason, sizeof(loss.reason), "no answer to a ping");
    pusher_link_lose(p, now, &loss);
}

/* ---- losing ------------------------------------------------------------ */

/* Tell the owner that we are done with the socket. */
static void
end_socket(struct pusher *p, int64_t now, int code, const char *reason)
{
    struct pusher_output out = {.generation = p->generation};

    if (pusher_link_open(p)) {
        out.kind = PUSHER_CLOSE;
        out.close.code = code;
        p->closing = p->generation;
        p->closing_until = clock_add(now, p->settings.close_ns);
        pusher_outputs_push(p, &out, NULL, reason, NULL, false);
    } else if (p->link == LINK_OPENING) {
        out.kind = PUSHER_KILL;
        pusher_outputs_push(p, &out, NULL, NULL, NULL, false);
    }
}

static void
forget_socket(struct pusher *p)
{
    p->pong_due = CLOCK_NEVER;
    p->confirmed_at = -1;
    p->server_error = 0;
    p->socket_id[0] = '\0';
    p->stats.established_at_ns = 0;
}

void
pusher_link_rest(struct pusher *p, int64_t now, enum pusher_link rest,
                 const char *reason, int code)
{
    end_socket(p, now, 1000, "");
    pusher_channel_reset_all(p);
    forget_socket(p);
    p->link = rest;
    p->want_coordinates = NULL;
    pusher_link_set_state(
        p, rest == LINK_FAILED ? SGO_CONN_FAILED : SGO_CONN_DISCONNECTED,
        reason, code);
}

/* Codes that stand for "no close frame, no code". */
static bool
says_nothing(int code)
{
    return code == 0 || code == 1005 || code == 1006;
}

/* An end soon after the beginning, without a close frame: something between
 * cuts idle connections, so ask for life more often next time. */
static void
learn_activity(struct pusher *p, int64_t now, const struct pusher_loss *loss)
{
    int64_t life = now - p->stats.established_at_ns;
    bool cut = loss->unclean || (!loss->ours && says_nothing(loss->code));

    p->adaptive_ns = cut && life < 2 * p->activity_ns
                         ? most(life / 2, ADAPTIVE_FLOOR_NS)
                         : CLOCK_NEVER;
}

static int64_t
rotation_delay(struct pusher *p, int64_t now)
{
    if (p->rotations && now - p->rotation_at > ROTATION_WINDOW_NS) {
        p->rotations = 0;
    }
    p->rotation_at = now;
    switch (MUTANT(ROTATION_HOT) ? 0 : p->rotations++) {
    case 0:
        return rand_between(p->rand, 0, ROTATION_FIRST_NS);
    case 1:
        return rand_between(p->rand, 0, ROTATION_SECOND_NS);
    default:
        return pusher_backoff(p, p->backoff++, p->settings.backoff_max_ns);
    }
}

/* Told to use TLS. -1: we do already. */
static int64_t
tls_delay(struct pusher *p)
{
    struct pusher_shared *tls;

    if (p->coords->c.tls) {
        return -1;
    }
    tls = pusher_shared_create(&p->coords->c);
    if (tls) {
        tls->c.tls = true;
        tls->c.port = tls->c.tls_port;
        pusher_shared_release(p->coords);
        p->coords = tls;
        return 0;
    }
    return pusher_backoff(p, p->backoff++, p->settings.backoff_max_ns);
}

static int64_t
key_delay(struct pusher *p, int64_t now)
{
    bool again = p->key_refused;

    if (again && p->key_refetched) {
        return -1;
    }
    p->key_refused = true;
    p->want_coordinates = "app key refused";
    return again ? pusher_slow_delay(p, now, &p->slow_since, true)
                 : pusher_backoff(p, p->backoff++, p->settings.backoff_max_ns);
}

/* How long to wait; -1: for ever. */
static int64_t
delay_of(struct pusher *p, int64_t now, enum pusher_fate fate)
{
    switch (fate) {
    case FATE_FATAL:
        return -1;
    case FATE_TLS:
        return tls_delay(p);
    case FATE_KEY:
        return key_delay(p, now);
    case FATE_ROTATE:
        return rotation_delay(p, now);
    case FATE_SLOW_ANEW:
        p->want_coordinates = "connection refused";
        return pusher_slow_delay(p, now, &p->slow_since, p->ever_confirmed);
    case FATE_SLOW:
        return pusher_slow_delay(p, now, &p->slow_since, p->ever_confirmed);
    case FATE_ANEW:
        p->want_coordinates = "upgrade refused";
        break;
    case FATE_BACKOFF_1S:
        p->backoff = p->backoff ? p->backoff : 1;
        break;
    case FATE_BACKOFF:
        break;
    }
    return pusher_backoff(p, p->backoff++, p->settings.backoff_max_ns);
}

static void
after_loss(struct pusher *p, int64_t now, const struct pusher_loss *loss,
           struct pusher_verdict v)
{
    bool slow = v.fate == FATE_SLOW || v.fate == FATE_SLOW_ANEW ||
                (v.fate == FATE_KEY && p->key_refused);
    int64_t delay = delay_of(p, now, v.fate);

    if (delay < 0) {
        pusher_outputs_problem(p, PUSHER_FATAL, NULL, &loss->error, -1);
        p->link = LINK_IDLE; /* nothing left to end */
        pusher_link_rest(p, now, LINK_FAILED, loss->reason, loss->code);
        return;
    }
    if (loss->retry_after_ns > 0) {
        delay = most(delay, least(loss->retry_after_ns, RETRY_AFTER_MAX_NS));
    }
    if (p->failed_cycles >= FAILED_CYCLES_MAX) {
        p->failed_cycles = 0;
        if (p->want_coordinates == NULL) {
            p->want_coordinates = "three failed attempts";
        }
    }
    p->link = LINK_WAITING;
    p->retry_at = clock_add(now, delay);
    if (v.report) {
        pusher_outputs_problem(p, PUSHER_REPORT, NULL, &loss->error, delay);
    }
    if (slow) {
        pusher_link_set_state(p, SGO_CONN_DISCONNECTED, loss->reason,
                              loss->code);
    } else {
        set_trying(p, loss->reason, loss->code);
    }
    log_write(p->log, SGO_LOG_DEBUG, "pusher", "next attempt in %d ms",
              (int)(delay / NS_PER_MS));
}

void
pusher_link_lose(struct pusher *p, int64_t now, struct pusher_loss *loss)
{
    struct pusher_output lost = {.kind = PUSHER_LOST,
                                 .generation = p->generation};
    bool was_up = p->link == LINK_UP;
    bool telling = !loss->quiet && loss->error.kind &&
                   loss->error.kind != SGO_ERROR_TRANSPORT;
    struct pusher_verdict v;

    if (!loss->ours && says_nothing(loss->code) && p->server_error &&
        now - p->server_error_at <= SERVER_ERROR_NS) {
        loss->code = p->server_error;
    }
    pusher_redact(p, loss->reason, sizeof(loss->reason));
    if (loss->ours) {
        end_socket(p, now, loss->close_code, "");
    }
    pusher_explain(p, loss);
    p->stats.last_close_code = loss->code;
    snprintf(p->stats.last_close_reason, sizeof(p->stats.last_close_reason),
             "%s", loss->reason);
    if (was_up) {
        p->stats.losses++;
        learn_activity(p, now, loss);
    }
    if (p->confirmed_at >= 0 &&
        now - p->confirmed_at >= p->settings.stable_ns) {
        p->backoff = p->failed_cycles = 0;
    } else {
        p->failed_cycles++;
    }
    lost.lost.began_ns = p->last_rx;
    lost.lost.code = loss->code;
    if (pusher_channel_reset_all(p)) {
        pusher_outputs_push(p, &lost, NULL, loss->reason, NULL, false);
    }
    forget_socket(p);
    v = pusher_judge(p, loss, was_up);
    v.report = v.report || telling;
    after_loss(p, now, loss, v);
}

void
pusher_link_drop(struct pusher *p, int64_t now, int close_code,
                 sgo_error_kind kind, const char *text)
{
    struct pusher_loss loss = {.ours = true, .close_code = close_code};

    error_set(&loss.error, kind, "Pusher at %s:%d: %s", p->coords->c.host,
              p->coords->c.port, text);
    snprintf(loss.reason, sizeof(loss.reason), "%s", text);
    pusher_link_lose(p, now, &loss);
}

/* ---- time -------------------------------------------------------------- */

/* When the wait ends: not while the old socket is still closing. */
static int64_t
waiting_until(const struct pusher *p)
{
    return p->closing ? most(p->retry_at, p->closing_until) : p->retry_at;
}

int64_t
pusher_link_deadline(const struct pusher *p)
{
    int64_t at = p->unavailable_at;

    switch (p->link) {
    case LINK_WAITING:
        return least(at, waiting_until(p));
    case LINK_COORDINATES:
    case LINK_OPENING:
    case LINK_GREETING:
        return least(at, p->link_deadline);
    case LINK_UP:
        return MUTANT(PONG_NOT_AWAITED)
                   ? least(at, ping_due(p))
                   : least(at, least(p->pong_due, ping_due(p)));
    default:
        return CLOCK_NEVER;
    }
}

void
pusher_link_tick(struct pusher *p, int64_t now)
{
    if (p->link == LINK_IDLE || p->link == LINK_FAILED ||
        p->link == LINK_STOPPED) {
        return;
    }
    if (now >= p->unavailable_at) {
        pusher_link_set_state(p, SGO_CONN_UNAVAILABLE, "no connection yet", 0);
    }
    if (p->link == LINK_WAITING && now >= waiting_until(p)) {
        try_now(p, now);
    } else if (p->link == LINK_COORDINATES && now >= p->link_deadline) {
        connect_now(p, now);
    } else if (p->link == LINK_OPENING && now >= p->link_deadline) {
        pusher_link_drop(p, now, 1000, SGO_ERROR_TRANSPORT,
                         "no WebSocket within the time allowed");
    } else if (p->link == LINK_GREETING && now >= p->link_deadline) {
        pusher_link_drop(p, now, 1000, SGO_ERROR_TRANSPORT,
                         "no greeting within the time allowed");
    } else if (p->link == LINK_UP && now >= p->pong_due &&
               !MUTANT(PONG_NOT_AWAITED)) {
        pong_missing(p, now);
    } else if (p->link == LINK_UP && now >= ping_due(p)) {
        pusher_link_ping(p, now, pong_wait(p));
    }
}
