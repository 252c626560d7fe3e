/* The face: life cycle, inputs, the passing of time. */
#include "pusher/protocol.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/mutant.h"
#include "pusher/protocol_internal.h"

void
pusher_settings_default(struct pusher_settings *s)
{
    *s = (struct pusher_settings){
        .client_name = "sgostream",
        .client_version = "0",
        .open_ns = 10 * NS_PER_S,
        .establish_ns = 10 * NS_PER_S,
        .authorise_ns = 10 * NS_PER_S,
        .subscribe_ns = 10 * NS_PER_S,
        .close_ns = NS_PER_S,
        .activity_ns = 30 * NS_PER_S,
        .activity_floor_ns = 5 * NS_PER_S,
        .pong_ns = 10 * NS_PER_S,
        .jump_pong_ns = 5 * NS_PER_S,
        .unavailable_ns = 10 * NS_PER_S,
        .backoff_first_ns = NS_PER_S,
        .backoff_max_ns = 30 * NS_PER_S,
        .auth_backoff_max_ns = 60 * NS_PER_S,
        .stable_ns = 30 * NS_PER_S,
        .slow_low_ns = 15 * NS_PER_S,
        .slow_high_ns = 30 * NS_PER_S,
        .slow_for_ns = 180 * NS_PER_S,
        .crawl_low_ns = 60 * NS_PER_S,
        .crawl_high_ns = 300 * NS_PER_S,
        .coordinates_age_ns = 3600 * NS_PER_S,
        .coordinates_wait_ns = 30 * NS_PER_S,
        .message_max = (size_t)1 << 20,
        .ids_max = 10000,
        .channels_max = 1024,
        .authorisations_max = 4,
    };
}

struct pusher *
pusher_create(const struct pusher_coordinates *coordinates,
              const struct pusher_settings *settings, struct rand *rand,
              const struct log *log, int64_t now)
{
    struct pusher *p = mem_calloc(1, sizeof(*p));

    if (p == NULL) {
        return NULL;
    }
    p->settings = *settings;
    p->rand = rand;
    p->log = log;
    p->now = now;
    p->coords_at = now;
    p->unavailable_at = CLOCK_NEVER;
    p->pong_due = CLOCK_NEVER;
    p->adaptive_ns = CLOCK_NEVER;
    p->confirmed_at = -1;
    p->slow_since = -1;
    map_init(&p->channels, rand_next(rand));
    p->coords = pusher_shared_create(coordinates);
    if (p->coords == NULL || pusher_outputs_init(p) != SGO_OK) {
        pusher_free(p);
        return NULL;
    }
    if (coordinates->warning[0]) {
        log_write(log, SGO_LOG_WARNING, "pusher", "%s", coordinates->warning);
    }
    return p;
}

void
pusher_free(struct pusher *p)
{
    const struct map_entry *e;
    size_t at = 0;

    if (p == NULL) {
        return;
    }
    while ((e = map_next(&p->channels, &at)) != NULL) {
        pusher_channel_free(e->value);
    }
    map_fini(&p->channels);
    pusher_outputs_fini(p);
    pusher_shared_release(p->coords);
    pusher_shared_release(p->next_coords);
    mem_free(p);
}

void
pusher_start(struct pusher *p, int64_t now)
{
    const struct map_entry *e;
    size_t at = 0;

    p->now = now;
    if (p->link != LINK_IDLE && p->link != LINK_FAILED &&
        p->link != LINK_STOPPED) {
        return;
    }
    while ((e = map_next(&p->channels, &at)) != NULL) {
        struct pusher_channel *ch = e->value;

        ch->state = CHANNEL_IDLE;
        ch->backoff = ch->refusals = ch->timeouts = 0;
        ch->slow_since = -1;
        ch->told = SGO_ERROR_NONE;
    }
    pusher_link_begin(p, now);
}

void
pusher_stop(struct pusher *p, int64_t now)
{
    p->now = now;
    if (p->link == LINK_STOPPED) {
        return;
    }
    pusher_outputs_clear(p, true);
    pusher_link_rest(p, now, LINK_STOPPED, "stopped", 0);
}

/* ---- coordinates ------------------------------------------------------- */

static bool
has_socket(const struct pusher *p)
{
    return p->link == LINK_OPENING || pusher_link_open(p);
}

sgo_status
pusher_set_coordinates(struct pusher *p, int64_t now,
                       const struct pusher_coordinates *c)
{
    struct pusher_shared *shared = pusher_shared_create(c);

    p->now = now;
    if (shared == NULL) {
        return SGO_NO_MEMORY;
    }
    if (c->warning[0]) {
        log_write(p->log, SGO_LOG_WARNING, "pusher", "%s", c->warning);
    }
    pusher_shared_release(p->next_coords);
    p->next_coords = NULL;
    if (has_socket(p) && !pusher_coordinates_equal(&p->coords->c, c)) {
        p->next_coords = shared;
    } else {
        pusher_shared_release(p->coords);
        p->coords = shared;
    }
    p->coords_at = now;
    p->want_coordinates = NULL;
    p->key_refetched = p->key_refused;
    pusher_link_answered(p, now);
    return SGO_OK;
}

void
pusher_coordinates_failed(struct pusher *p, int64_t now, const sgo_error *err)
{
    p->now = now;
    if (p->link == LINK_COORDINATES) {
        log_write(p->log, SGO_LOG_WARNING, "pusher",
                  "no new coordinates, using the old ones: %s",
                  err ? err->text : "no reason told");
        pusher_link_answered(p, now);
    }
}

const struct pusher_coordinates *
pusher_coordinates(const struct pusher *p)
{
    return &p->coords->c;
}

/* ---- channels ---------------------------------------------------------- */

static bool
is_name(const char *name)
{
    size_t len = strnlen(name, PUSHER_CHANNEL_NAME_MAX + 1);

    if (len == 0 || len > PUSHER_CHANNEL_NAME_MAX) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        if (name[i] < 0x21 || name[i] > 0x7e) {
            return false;
        }
    }
    return true;
}

/* A channel that is held is wanted again. */
static sgo_status
hold_again(struct pusher *p, int64_t now, struct pusher_channel *ch)
{
    ch->leaving = false;
    if (ch->state == CHANNEL_REFUSED) {
        ch->state = CHANNEL_IDLE;
        ch->slow_since = -1;
        ch->retry_at = 0;
        ch->told = SGO_ERROR_NONE;
        pusher_channel_advance(p, now);
    }
    return SGO_OK;
}

sgo_status
pusher_channel_add(struct pusher *p, int64_t now, const char *name,
                   const char *user)
{
    struct pusher_channel *ch;

    p->now = now;
    if (!is_name(name)) {
        return SGO_INVALID;
    }
    ch = pusher_channel_find(p, name);
    if (ch) {
        return hold_again(p, now, ch);
    }
    if (p->channels.len >= p->settings.channels_max) {
        return SGO_LIMIT;
    }
    ch = mem_calloc(1, sizeof(*ch));
    if (ch == NULL) {
        return SGO_NO_MEMORY;
    }
    ch->slow_since = -1;
    ch->name_len = strlen(name);
    memcpy(ch->name, name, ch->name_len + 1);
    ch->user = user ? mem_dup(user, strlen(user)) : NULL;
    if ((user && ch->user == NULL) ||
        map_put(&p->channels, name, ch->name_len, ch, NULL) != SGO_OK) {
        pusher_channel_free(ch);
        return SGO_NO_MEMORY;
    }
    pusher_channel_advance(p, now);
    return SGO_OK;
}

void
pusher_channel_remove(struct pusher *p, int64_t now, const char *name)
{
    struct pusher_channel *ch = pusher_channel_find(p, name);

    p->now = now;
    if (ch == NULL) {
        return;
    }
    if (ch->state == CHANNEL_PENDING) {
        ch->leaving = true; /* too early an unsubscribe is an error */
        return;
    }
    pusher_channel_withdraw(p, now, ch);
    pusher_channel_advance(p, now);
}

bool
pusher_channel_subscribed(const struct pusher *p, const char *name)
{
    const struct pusher_channel *ch = pusher_channel_find(p, name);

    return ch && ch->state == CHANNEL_SUBSCRIBED;
}

size_t
pusher_channel_count(const struct pusher *p)
{
    const struct map_entry *e;
    size_t at = 0, n = 0;

    while ((e = map_next(&p->channels, &at)) != NULL) {
        const struct pusher_channel *ch = e->value;

        n += !ch->leaving;
    }
    return n;
}

/* ---- the network ------------------------------------------------------- */

void
pusher_opened(struct pusher *p, int64_t now, uint64_t generation)
{
    p->now = now;
    if (generation != p->generation || p->link != LINK_OPENING) {
        p->stats.late++;
        return;
    }
    p->link = LINK_GREETING;
    p->link_deadline = clock_add(now, p->settings.establish_ns);
    p->last_tx = now;
    pusher_link_life(p, now);
}

void
pusher_message(struct pusher *p, int64_t now, uint64_t generation,
               const char *bytes, size_t len, bool binary)
{
    p->now = now;
    if (generation != p->generation || !pusher_link_open(p)) {
        p->stats.late++;
        return;
    }
    pusher_link_life(p, now);
    pusher_receive(p, now, bytes, len, binary);
}

void
pusher_frame(struct pusher *p, int64_t now, uint64_t generation)
{
    p->now = now;
    if (generation != p->generation || !pusher_link_open(p)) {
        p->stats.late++;
        return;
    }
    pusher_link_life(p, now);
}

/* Copy what may be shown of a close reason: printable ASCII, cut. */
static void
copy_reason(char *out, size_t cap, const char *reason, size_t len)
{
    size_t n = 0;

    for (; reason && n < len && n < cap - 1; n++) {
        out[n] = reason[n] >= 0x20 && reason[n] < 0x7f ? reason[n] : '?';
    }
    out[n] = '\0';
}

void
pusher_closed(struct pusher *p, int64_t now, uint64_t generation,
              const struct pusher_end *end)
{
    struct pusher_loss loss = {0};

    p->now = now;
    if (generation == p->closing) {
        p->closing = 0;
        return;
    }
    if (generation != p->generation || !has_socket(p)) {
        p->stats.late++;
        return;
    }
    loss.code = end->close_code;
    loss.http_status = end->http_status;
    loss.retry_after_ns = end->retry_after_ns;
    copy_reason(loss.reason, sizeof(loss.reason), end->reason,
                end->reason_len);
    if (end->error && end->error->kind) {
        loss.error = *end->error;
    }
    pusher_link_lose(p, now, &loss);
}

/* ---- time -------------------------------------------------------------- */

void
pusher_clock_jump(struct pusher *p, int64_t now)
{
    int64_t pong = p->settings.jump_pong_ns;

    p->now = now;
    if (p->link == LINK_UP && !MUTANT(JUMP_IGNORED)) {
        pusher_link_ping(
            p, now, pong < p->settings.pong_ns ? pong : p->settings.pong_ns);
    }
}

int64_t
pusher_deadline(const struct pusher *p)
{
    int64_t link = pusher_link_deadline(p);
    int64_t channel = pusher_channel_deadline(p);

    return link < channel ? link : channel;
}

void
pusher_tick(struct pusher *p, int64_t now)
{
    int64_t due = pusher_deadline(p);

    p->now = now;
    if (p->link == LINK_UP && due < now && now - due > p->activity_ns) {
        pusher_clock_jump(p, now); /* we slept, the peer need not be gone */
    }
    pusher_link_tick(p, now);
    pusher_channel_tick(p, now);
}

/* ---- looking ----------------------------------------------------------- */

sgo_connection
pusher_state(const struct pusher *p)
{
    return p->state;
}

int64_t
pusher_last_frame(const struct pusher *p)
{
    return p->stats.last_frame_ns;
}

void
pusher_read_stats(const struct pusher *p, struct pusher_stats *out)
{
    *out = p->stats;
    out->state = p->state;
}
