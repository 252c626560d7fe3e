/* Messages of the server and what they change.  Whatever could have named
 * ids and was not understood is told as UNREADABLE; everything else that we
 * do not know is dropped and counted. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/status.h"
#include "pusher/protocol_internal.h"

/* A channel that we asked for on this socket and did not let go. */
static struct pusher_channel *
ours(const struct pusher *p, const char *name)
{
    struct pusher_channel *ch = pusher_channel_find(p, name);

    return ch && ch->asked && !ch->leaving ? ch : NULL;
}

/* channel NULL: it may have been for any of ours. */
static void
unreadable(struct pusher *p, const char *channel, const char *reason)
{
    const struct map_entry *e;
    bool asked = false;
    size_t at = 0;

    p->stats.unreadable++;
    if (channel) {
        asked = ours(p, channel) != NULL;
    } else {
        while (!asked && (e = map_next(&p->channels, &at)) != NULL) {
            asked = ours(p, e->key) != NULL;
        }
    }
    if (asked) {
        log_write(p->log, SGO_LOG_WARNING, "pusher",
                  "a message was not understood: %s", reason);
        pusher_outputs_unreadable(p, channel, reason);
    }
}

/* ---- the first message ------------------------------------------------- */

static void
refused(struct pusher *p, int64_t now, const struct message *m)
{
    struct pusher_loss loss = {.ours = true, .close_code = 1000};
    struct message_error err;

    message_read_error(m, &err);
    p->stats.server_errors++;
    p->stats.last_server_error = err.code;
    pusher_redact(p, err.text, strlen(err.text) + 1);
    loss.code = err.code;
    snprintf(loss.reason, sizeof(loss.reason), "%s", err.text);
    if (err.code == 0) {
        error_set(&loss.error, SGO_ERROR_PROTOCOL,
                  "Pusher at %s:%d refused the connection: %s",
                  p->coords->c.host, p->coords->c.port,
                  *err.text ? err.text : "no reason told");
    }
    pusher_link_lose(p, now, &loss);
}

static void
greeting(struct pusher *p, int64_t now, const struct message *m,
         sgo_status status)
{
    int64_t activity_ns;

    if (status == SGO_OK && m->kind == MESSAGE_ESTABLISHED &&
        message_read_established(m, p->socket_id, &activity_ns) == SGO_OK) {
        pusher_link_established(p, now, activity_ns);
    } else if (status == SGO_OK && m->kind == MESSAGE_ERROR) {
        refused(p, now, m);
    } else if (status == SGO_NO_MEMORY) {
        pusher_link_drop(p, now, 1000, SGO_ERROR_MEMORY,
                         "out of memory while connecting");
    } else {
        p->stats.unreadable++;
        pusher_link_drop(p, now, 1002, SGO_ERROR_PROTOCOL,
                         "the first message is no usable "
                         "connection_established");
    }
}

/* ---- established ------------------------------------------------------- */

static void
on_ping(struct pusher *p, int64_t now)
{
    struct buf text;

    buf_init(&text, MESSAGE_SENT_MAX);
    message_write_pong(&text);
    p->stats.pings_received++;
    p->stats.pongs_sent++;
    pusher_outputs_send(p, now, &text);
}

static void
on_subscribed(struct pusher *p, int64_t now, const char *name)
{
    struct pusher_channel *ch = pusher_channel_find(p, name);

    if (ch && ch->asked && ch->state != CHANNEL_SUBSCRIBED) {
        pusher_channel_confirm(p, ch, now);
        return;
    }
    p->stats.dropped++;
    if (name && ch == NULL && *name &&
        strlen(name) <= PUSHER_CHANNEL_NAME_MAX) {
        pusher_channel_unsubscribe(p, now, name); /* no ghost */
    }
}

/* The text of a subscription error, made fit to be told. */
static void
on_subscription_error(struct pusher *p, int64_t now, const struct message *m)
{
    struct pusher_channel *ch = pusher_channel_find(p, m->channel);
    struct message_error err;

    if (m->channel == NULL) {
        ch = p->pending;
    }
    if (ch == NULL || (ch != p->pending && ch->state != CHANNEL_SUBSCRIBED)) {
        p->stats.dropped++;
        return;
    }
    message_read_error(m, &err);
    pusher_redact(p, err.text, strlen(err.text) + 1);
    pusher_channel_denied(p, ch, now, err.text, err.status, err.code);
}

/* Does the text name another channel of ours than `ch`? */
static bool
names_another(const struct pusher *p, const struct pusher_channel *ch,
              const char *text)
{
    const struct map_entry *e;
    size_t at = 0;

    if (strstr(text, ch->name)) {
        return false;
    }
    while ((e = map_next(&p->channels, &at)) != NULL) {
        if (e->value != ch && strstr(text, e->key)) {
            return true;
        }
    }
    return false;
}

/* An error without a channel: perhaps the answer to the pending subscribe;
 * otherwise information, whatever its code. */
static void
on_error(struct pusher *p, int64_t now, const struct message *m)
{
    static const char existing[] = "Existing subscription";
    static const char not_yet[] = "No current subscription";
    struct pusher_channel *ch = p->pending;
    struct message_error err;
    bool named;

    message_read_error(m, &err);
    p->stats.server_errors++;
    p->stats.last_server_error = err.code;
    if (err.code >= 4000 && err.code < 4300) {
        p->server_error = err.code;
        p->server_error_at = now;
    }
    named = ch && strstr(err.text, ch->name);
    if (strncmp(err.text, existing, sizeof(existing) - 1) == 0) {
        if (named) {
            pusher_channel_confirm(p, ch, now);
        }
        return;
    }
    if (strncmp(err.text, not_yet, sizeof(not_yet) - 1) == 0) {
        return;
    }
    if (ch && (named || ((err.code == 0 || err.code == 4009) &&
                         !names_another(p, ch, err.text)))) {
        pusher_redact(p, err.text, strlen(err.text) + 1);
        pusher_channel_denied(p, ch, now, err.text, err.status, err.code);
        return;
    }
    pusher_redact(p, err.text, strlen(err.text) + 1);
    log_write(p->log, SGO_LOG_WARNING, "pusher", "the server says: %s (%d)",
              err.text, err.code);
}

static void
on_data(struct pusher *p, const struct message *m)
{
    struct pusher_output out = {.kind = PUSHER_NOTIFICATION,
                                .generation = p->generation};
    struct message_ids ids;
    sgo_status status;

    if (ours(p, m->channel) == NULL) {
        p->stats.dropped++;
        return;
    }
    status = message_read_ids(m, p->settings.ids_max, &ids);
    if (status != SGO_OK) {
        unreadable(p, m->channel,
                   status == SGO_NO_MEMORY ? "out of memory"
                                           : "a notification without a list");
        return;
    }
    p->stats.notifications++;
    p->stats.ids += ids.count;
    p->stats.ids_over += ids.over;
    if (ids.count) {
        out.notification.ids = (const char *const *)ids.ids;
        out.notification.count = ids.count;
        out.notification.over = ids.over;
        pusher_outputs_push(p, &out, m->channel, NULL, ids.ids, false);
    }
    if (ids.over) {
        unreadable(p, m->channel, "a notification with too many ids");
    }
    if (ids.bad) {
        unreadable(p, m->channel, "a notification without some eventID");
    }
}

static void
established(struct pusher *p, int64_t now, const struct message *m)
{
    switch (m->kind) {
    case MESSAGE_DATA:
        on_data(p, m);
        break;
    case MESSAGE_PING:
        on_ping(p, now);
        break;
    case MESSAGE_SUBSCRIBED:
        on_subscribed(p, now, m->channel);
        break;
    case MESSAGE_SUBSCRIPTION_ERROR:
        on_subscription_error(p, now, m);
        break;
    case MESSAGE_ERROR:
        on_error(p, now, m);
        break;
    case MESSAGE_PONG:
    case MESSAGE_INTERNAL:
        break;
    case MESSAGE_ESTABLISHED:
    case MESSAGE_OTHER:
        p->stats.dropped++;
        break;
    }
}

void
pusher_receive(struct pusher *p, int64_t now, const char *bytes, size_t len,
               bool binary)
{
    struct message m;
    sgo_status status;

    p->stats.messages++;
    if (len > p->settings.message_max) {
        p->stats.unreadable++;
        pusher_link_drop(p, now, 1009, SGO_ERROR_LIMIT,
                         "a message is over the limit");
        return;
    }
    if (binary && p->link == LINK_GREETING) {
        p->stats.unreadable++;
        pusher_link_drop(p, now, 1003, SGO_ERROR_PROTOCOL,
                         "the first message is binary");
        return;
    }
    if (binary) {
        unreadable(p, NULL, "a binary message");
        return;
    }
    status = message_parse(bytes, len, &m);
    if (p->link == LINK_GREETING) {
        greeting(p, now, &m, status);
    } else if (status == SGO_OK) {
        established(p, now, &m);
    } else if (m.channel && pusher_channel_find(p, m.channel) == NULL) {
        p->stats.dropped++;
    } else {
        unreadable(p, m.channel,
                   status == SGO_NO_MEMORY ? "out of memory"
                                           : "not a Pusher message");
    }
    message_fini(&m);
}
