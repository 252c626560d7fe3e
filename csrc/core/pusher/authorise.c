/* Getting in: authorise (a few channels at a time), then subscribe (one at a
 * time, because errors carry no channel). */
#include <string.h>

#include "base/mem.h"
#include "base/mutant.h"
#include "base/status.h"
#include "pusher/protocol_internal.h"

static bool
starts(const char *name, const char *prefix)
{
    return strncmp(name, prefix, strlen(prefix)) == 0;
}

static bool
needs_auth(const struct pusher_channel *ch)
{
    return starts(ch->name, "private-") || starts(ch->name, "presence-");
}

bool
pusher_channel_may_start(const struct pusher *p,
                         const struct pusher_channel *ch)
{
    return !needs_auth(ch) || p->authorising < p->settings.authorisations_max;
}

static void
authorise(struct pusher *p, struct pusher_channel *ch, int64_t now)
{
    const struct pusher_coordinates *c = &p->coords->c;
    struct pusher_output out = {.kind = PUSHER_AUTHORISE,
                                .generation = p->generation};
    struct buf body;
    sgo_error err;

    if (c->auth_url == NULL || starts(ch->name, "private-encrypted-")) {
        error_set(&err, SGO_ERROR_CONFIGURATION, "channel %s: %s", ch->name,
                  c->auth_url ? "encrypted channels are not supported"
                              : "no authorisation endpoint was told");
        pusher_channel_fail(p, ch, now, FAIL_FINAL, &err);
        return;
    }
    buf_init(&body, (size_t)PUSHER_PAIRS_MAX * 3 *
                        (PUSHER_PAIR_NAME_MAX + PUSHER_PAIR_VALUE_MAX + 2));
    message_write_form(&body, p->socket_id, ch->name, c->auth_params,
                       c->auth_param_count);
    if (body.status != SGO_OK) {
        buf_fini(&body);
        error_set(&err, SGO_ERROR_MEMORY, "channel %s: out of memory",
                  ch->name);
        pusher_channel_fail(p, ch, now, FAIL_QUICK, &err);
        return;
    }
    ch->state = CHANNEL_AUTHORISING;
    ch->request = ++p->last_request;
    ch->deadline = clock_add(now, p->settings.authorise_ns);
    ch->told_to_wait = false;
    p->authorising++;
    p->stats.authorisations++;
    out.authorise.request = ch->request;
    out.authorise.body = buf_take(&body, &out.authorise.body_len);
    pusher_outputs_push(p, &out, ch->name, NULL,
                        (void *)(uintptr_t)out.authorise.body, true);
}

static void
subscribe(struct pusher *p, struct pusher_channel *ch, int64_t now)
{
    struct buf text;

    ch->state = CHANNEL_PENDING;
    ch->asked = true;
    ch->deadline = MUTANT(SUBSCRIBE_AWAITED)
                       ? CLOCK_NEVER
                       : clock_add(now, p->settings.subscribe_ns);
    p->pending = ch;
    p->stats.subscriptions++;
    buf_init(&text, MESSAGE_SENT_MAX);
    message_write_subscribe(&text, ch->name, ch->auth, ch->channel_data);
    pusher_outputs_send(p, now, &text);
}

void
pusher_channel_advance(struct pusher *p, int64_t now)
{
    const struct map_entry *e;
    size_t at = 0;

    while (p->link == LINK_UP && (e = map_next(&p->channels, &at)) != NULL) {
        struct pusher_channel *ch = e->value;

        if (ch->state != CHANNEL_IDLE || ch->retry_at > now) {
            continue;
        }
        if (!needs_auth(ch)) {
            ch->state = CHANNEL_AUTHORISED;
        } else if (pusher_channel_may_start(p, ch)) {
            authorise(p, ch, now);
        }
    }
    at = 0;
    while (p->link == LINK_UP && p->pending == NULL &&
           (e = map_next(&p->channels, &at)) != NULL) {
        struct pusher_channel *ch = e->value;

        if (ch->state == CHANNEL_AUTHORISED) {
            subscribe(p, ch, now);
        }
    }
}

static struct pusher_channel *
find_request(const struct pusher *p, uint64_t request)
{
    const struct map_entry *e;
    size_t at = 0;

    while ((e = map_next(&p->channels, &at)) != NULL) {
        struct pusher_channel *ch = e->value;

        if (ch->state == CHANNEL_AUTHORISING && ch->request == request) {
            return ch;
        }
    }
    return NULL;
}

/* channel_data that the answer lacks, as the vendor's Ruby client writes it:
 * the text that the server has signed. */
static sgo_status
default_channel_data(struct pusher_channel *ch)
{
    struct buf text;
    size_t len;
    sgo_status status;

    buf_init(&text, 64 * 1024);
    buf_puts(&text, "{\"user_id\":");
    message_write_string(&text, ch->user);
    buf_puts(&text, "}");
    status = text.status;
    if (status == SGO_OK) {
        ch->channel_data = buf_take(&text, &len);
    }
    buf_fini(&text);
    return status;
}

/* Take over a 200; NULL, or why not. */
static const char *
read_grant(struct pusher_channel *ch, const struct pusher_auth_answer *answer)
{
    const char *reason;

    if (message_read_auth(answer->body, answer->len, &ch->auth,
                          &ch->channel_data, &reason) != SGO_OK) {
        return reason;
    }
    if (ch->channel_data || !starts(ch->name, "presence-")) {
        return NULL;
    }
    if (ch->user == NULL) {
        return "the answer has no \"channel_data\"";
    }
    return default_channel_data(ch) == SGO_OK ? NULL : "out of memory";
}

static enum pusher_failing
judge_answer(const struct pusher_auth_answer *answer, const char *text,
             sgo_error_kind *kind)
{
    int status = answer->http_status;
    bool slots = message_speaks_of_slots(text);

    if (status == 404 || status == 410) {
        *kind = SGO_ERROR_NOT_FOUND;
        return FAIL_FINAL;
    }
    if ((status == 403 || status == 401 || status == 429) && slots) {
        *kind = SGO_ERROR_STREAM_LIMIT;
        return FAIL_SLOW;
    }
    if (status == 401 || status == 403) {
        *kind = status == 401 ? SGO_ERROR_AUTHENTICATION
                              : SGO_ERROR_PERMISSION_DENIED;
        return FAIL_SLOW;
    }
    if (status == 408 || status == 429) {
        *kind = status == 429 ? SGO_ERROR_RATE_LIMIT : SGO_ERROR_TRANSPORT;
        return FAIL_QUICK;
    }
    if (status >= 400 && status < 500) {
        *kind = SGO_ERROR_BAD_REQUEST;
        return FAIL_SLOW;
    }
    *kind = status >= 500 ? SGO_ERROR_SERVER : SGO_ERROR_PROTOCOL;
    return FAIL_QUICK;
}

static void
not_granted(struct pusher *p, struct pusher_channel *ch, int64_t now,
            const struct pusher_auth_answer *answer, const char *reason)
{
    enum pusher_failing how = FAIL_QUICK;
    char text[200] = "";
    sgo_error_kind kind;
    sgo_error err;

    p->stats.authorisations_failed++;
    if (answer->http_status == 0) {
        error_set(&err,
                  answer->error ? answer->error->kind : SGO_ERROR_TRANSPORT,
                  "authorisation of channel %s: %s", ch->name,
                  answer->error ? answer->error->text : "no answer");
    } else if (reason) {
        error_set(&err, SGO_ERROR_PROTOCOL, "authorisation of channel %s: %s",
                  ch->name, reason);
    } else {
        message_read_error_body(answer->body, answer->len, text, sizeof(text));
        how = judge_answer(answer, text, &kind);
        pusher_redact(p, text, sizeof(text));
        error_set(&err, kind, "authorisation of channel %s: HTTP %d%s%s",
                  ch->name, answer->http_status, *text ? ": " : "", text);
    }
    err.http_status = answer->http_status;
    if (answer->retry_after_ns > 0) {
        err.retry_after_ns = answer->retry_after_ns;
    }
    pusher_redact(p, err.text, sizeof(err.text));
    pusher_channel_fail(p, ch, now, how, &err);
}

void
pusher_authorised(struct pusher *p, int64_t now, uint64_t request,
                  const struct pusher_auth_answer *answer)
{
    struct pusher_channel *ch = find_request(p, request);
    const char *reason = NULL;

    p->now = now;
    if (ch == NULL || p->link != LINK_UP) {
        p->stats.late++;
        return;
    }
    ch->state = CHANNEL_IDLE; /* its request is over: nothing to cancel */
    p->authorising--;
    if (answer->http_status == 200) {
        reason = read_grant(ch, answer);
    }
    if (answer->http_status == 200 && reason == NULL) {
        ch->state = CHANNEL_AUTHORISED;
    } else {
        not_granted(p, ch, now, answer, reason);
    }
    pusher_channel_advance(p, now);
}
