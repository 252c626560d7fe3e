/* Channels: what is held, what the server answers to a subscribe, and each
 * one's own way back when it is refused. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/status.h"
#include "pusher/protocol_internal.h"

#define RETRY_AFTER_MAX_NS (3600 * NS_PER_S)

enum {
    TIMEOUTS_MAX = 2, /* unanswered subscribes: then the socket is at fault */
    REFUSALS_MAX = 3  /* with nothing subscribed: coordinates may have moved */
};

struct pusher_channel *
pusher_channel_find(const struct pusher *p, const char *name)
{
    return name ? map_get(&p->channels, name, strlen(name)) : NULL;
}

static void
drop_auth(struct pusher_channel *ch)
{
    mem_free(ch->auth);
    mem_free(ch->channel_data);
    ch->auth = ch->channel_data = NULL;
}

void
pusher_channel_free(struct pusher_channel *ch)
{
    if (ch) {
        drop_auth(ch);
        mem_free(ch->user);
        mem_free(ch);
    }
}

static void
forget(struct pusher *p, struct pusher_channel *ch)
{
    map_remove(&p->channels, ch->name, ch->name_len);
    pusher_channel_free(ch);
}

bool
pusher_channel_any_subscribed(const struct pusher *p)
{
    const struct map_entry *e;
    size_t at = 0;

    while ((e = map_next(&p->channels, &at)) != NULL) {
        const struct pusher_channel *ch = e->value;

        if (ch->state == CHANNEL_SUBSCRIBED) {
            return true;
        }
    }
    return false;
}

/* Out of whatever it was doing on the socket. */
static void
settle(struct pusher *p, struct pusher_channel *ch)
{
    struct pusher_output out = {.kind = PUSHER_CANCEL_AUTHORISE,
                                .generation = p->generation};

    if (ch->state == CHANNEL_AUTHORISING) {
        p->authorising--;
        out.authorise.request = ch->request;
        pusher_outputs_push(p, &out, ch->name, NULL, NULL, false);
    }
    if (p->pending == ch) {
        p->pending = NULL;
    }
    if (ch->state != CHANNEL_REFUSED) {
        ch->state = CHANNEL_IDLE;
    }
    ch->request = 0;
    drop_auth(ch);
}

bool
pusher_channel_reset_all(struct pusher *p)
{
    const struct map_entry *e;
    bool subscribed = false;
    size_t at = 0;

    while ((e = map_next(&p->channels, &at)) != NULL) {
        struct pusher_channel *ch = e->value;

        subscribed = subscribed || (ch->state == CHANNEL_SUBSCRIBED);
        settle(p, ch);
        ch->asked = false;
        if (!ch->told_to_wait) {
            ch->retry_at = 0;
        }
        if (ch->leaving) {
            forget(p, ch);
        }
    }
    return subscribed;
}

void
pusher_channel_unsubscribe(struct pusher *p, int64_t now, const char *name)
{
    struct buf text;

    buf_init(&text, MESSAGE_SENT_MAX);
    message_write_unsubscribe(&text, name);
    pusher_outputs_send(p, now, &text);
}

void
pusher_channel_withdraw(struct pusher *p, int64_t now,
                        struct pusher_channel *ch)
{
    bool subscribed = ch->state == CHANNEL_SUBSCRIBED;

    settle(p, ch);
    if (subscribed) {
        pusher_channel_unsubscribe(p, now, ch->name);
    }
    forget(p, ch);
}

/* ---- failing ----------------------------------------------------------- */

/* Tell a refusal once per kind and series. */
static void
tell_refused(struct pusher *p, struct pusher_channel *ch, const sgo_error *err,
             int64_t delay)
{
    if (ch->told == err->kind && ch->told_status == err->http_status) {
        log_write(p->log, SGO_LOG_DEBUG, "pusher", "refused again: %s",
                  err->text);
        return;
    }
    ch->told = err->kind;
    ch->told_status = err->http_status;
    pusher_outputs_problem(p, PUSHER_REFUSED, ch->name, err, delay);
}

static void
give_up(struct pusher *p, struct pusher_channel *ch, const sgo_error *err)
{
    ch->state = CHANNEL_REFUSED;
    pusher_outputs_problem(p, PUSHER_FATAL, ch->name, err, -1);
}

/* Coordinates may have moved: a new connection, if nothing is lost by it. */
static void
reconnect(struct pusher *p, int64_t now, const char *why)
{
    struct pusher_loss loss = {
        .ours = true, .quiet = true, .close_code = 1000};

    error_set(&loss.error, SGO_ERROR_PROTOCOL, "%s", why);
    snprintf(loss.reason, sizeof(loss.reason), "%s", why);
    pusher_link_lose(p, now, &loss);
}

void
pusher_channel_fail(struct pusher *p, struct pusher_channel *ch, int64_t now,
                    enum pusher_failing how, const sgo_error *err)
{
    int64_t delay = -1;

    settle(p, ch);
    if (ch->leaving) {
        forget(p, ch);
        return;
    }
    if (how == FAIL_QUICK) {
        delay =
            pusher_backoff(p, ch->backoff++, p->settings.auth_backoff_max_ns);
    } else if (how == FAIL_SLOW) {
        ch->refusals++;
        p->want_coordinates = "authorisation refused";
        delay = pusher_slow_delay(p, now, &ch->slow_since, ch->ever);
    }
    if (delay < 0) {
        give_up(p, ch, err);
        return;
    }
    ch->told_to_wait = err->retry_after_ns > 0;
    if (ch->told_to_wait) {
        int64_t told = err->retry_after_ns < RETRY_AFTER_MAX_NS
                           ? err->retry_after_ns
                           : RETRY_AFTER_MAX_NS;

        delay = delay > told ? delay : told;
    }
    ch->retry_at = clock_add(now, delay);
    tell_refused(p, ch, err, delay);
    if (how == FAIL_SLOW && ch->refusals % REFUSALS_MAX == 0 &&
        err->kind != SGO_ERROR_STREAM_LIMIT &&
        !pusher_channel_any_subscribed(p)) {
        reconnect(p, now, "authorisation refused again and again");
    }
}

/* ---- answers to subscribe ---------------------------------------------- */

void
pusher_channel_confirm(struct pusher *p, struct pusher_channel *ch,
                       int64_t now)
{
    struct pusher_output out = {.kind = PUSHER_SUBSCRIBED,
                                .generation = p->generation};

    settle(p, ch);
    if (ch->leaving) {
        pusher_channel_unsubscribe(p, now, ch->name);
        forget(p, ch);
        pusher_channel_advance(p, now);
        return;
    }
    ch->state = CHANNEL_SUBSCRIBED;
    ch->ever = true;
    ch->backoff = ch->refusals = ch->timeouts = 0;
    ch->slow_since = -1;
    ch->told = SGO_ERROR_NONE;
    ch->told_status = 0;
    ch->retry_at = 0;
    ch->told_to_wait = false;
    p->ever_confirmed = true;
    p->slow_since = -1;
    p->key_refused = p->key_refetched = false;
    if (p->confirmed_at < 0) {
        p->confirmed_at = now;
    }
    pusher_outputs_push(p, &out, ch->name, NULL, NULL, false);
    log_write(p->log, SGO_LOG_INFO, "pusher", "subscribed to %s", ch->name);
    pusher_channel_advance(p, now);
}

void
pusher_channel_denied(struct pusher *p, struct pusher_channel *ch, int64_t now,
                      const char *text, int status, int code)
{
    struct pusher_output lost = {.kind = PUSHER_LOST,
                                 .generation = p->generation};
    enum pusher_failing how = FAIL_QUICK;
    sgo_error_kind kind = SGO_ERROR_PROTOCOL;
    sgo_error err;

    p->stats.subscriptions_failed++;
    if (ch->state == CHANNEL_SUBSCRIBED) {
        lost.lost.began_ns = p->last_rx;
        lost.lost.code = code;
        pusher_outputs_push(p, &lost, ch->name, text, NULL, false);
    }
    if (message_speaks_of_slots(text)) {
        kind = SGO_ERROR_STREAM_LIMIT;
        how = FAIL_SLOW;
    } else if (status == 401 || status == 403) {
        kind = status == 401 ? SGO_ERROR_AUTHENTICATION
                             : SGO_ERROR_PERMISSION_DENIED;
        how = FAIL_SLOW;
    } else if (code == 4009) {
        how = FAIL_SLOW;
    }
    error_set(&err, kind, "subscription to channel %s refused: %s", ch->name,
              *text ? text : "no reason told");
    err.http_status = status < 600 ? status : 0;
    err.close_code = code;
    pusher_channel_fail(p, ch, now, how, &err);
    pusher_channel_advance(p, now);
}

/* ---- time -------------------------------------------------------------- */

static void
authorise_late(struct pusher *p, struct pusher_channel *ch, int64_t now)
{
    sgo_error err;

    p->stats.authorisations_failed++;
    error_set(&err, SGO_ERROR_TRANSPORT,
              "authorisation of channel %s: no answer within the time allowed",
              ch->name);
    pusher_channel_fail(p, ch, now, FAIL_QUICK, &err); /* cancels */
}

static void
subscribe_late(struct pusher *p, struct pusher_channel *ch, int64_t now)
{
    sgo_error err;

    p->stats.subscriptions_failed++;
    if (ch->leaving) { /* it may have been heard all the same */
        pusher_channel_unsubscribe(p, now, ch->name);
    }
    error_set(&err, SGO_ERROR_TRANSPORT,
              "subscription to channel %s: no answer within the time allowed",
              ch->name);
    ch->timeouts++;
    if (!ch->leaving && ch->timeouts % TIMEOUTS_MAX == 0 &&
        !pusher_channel_any_subscribed(p)) {
        tell_refused(p, ch, &err, 0);
        reconnect(p, now, "subscriptions stay unanswered");
        return;
    }
    pusher_channel_fail(p, ch, now, FAIL_QUICK, &err);
}

void
pusher_channel_tick(struct pusher *p, int64_t now)
{
    const struct map_entry *e;
    size_t at = 0;

    while (p->link == LINK_UP && (e = map_next(&p->channels, &at)) != NULL) {
        struct pusher_channel *ch = e->value;

        if (ch->state == CHANNEL_AUTHORISING && now >= ch->deadline) {
            authorise_late(p, ch, now);
        } else if (ch->state == CHANNEL_PENDING && now >= ch->deadline) {
            subscribe_late(p, ch, now);
        }
    }
    pusher_channel_advance(p, now);
}

int64_t
pusher_channel_deadline(const struct pusher *p)
{
    const struct map_entry *e;
    int64_t deadline = CLOCK_NEVER;
    size_t at = 0;

    while (p->link == LINK_UP && (e = map_next(&p->channels, &at)) != NULL) {
        const struct pusher_channel *ch = e->value;
        int64_t own = CLOCK_NEVER;

        if (ch->state == CHANNEL_AUTHORISING || ch->state == CHANNEL_PENDING) {
            own = ch->deadline;
        } else if (ch->state == CHANNEL_IDLE && ch->retry_at > p->now) {
            own = ch->retry_at;
        } else if (ch->state == CHANNEL_IDLE &&
                   pusher_channel_may_start(p, ch)) {
            own = p->now;
        }
        deadline = own < deadline ? own : deadline;
    }
    return deadline;
}
