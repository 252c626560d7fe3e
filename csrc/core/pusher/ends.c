/* What an end of connection means (the table of close codes), in words and in
 * waiting time. */
#include <stdio.h>
#include <string.h>

#include "base/mutant.h"
#include "base/status.h"
#include "pusher/protocol_internal.h"

enum { PROTOCOL_ENDS_TOLD = 3 }; /* 1002-1004: reported from the third on */

int64_t
pusher_backoff(struct pusher *p, unsigned n, int64_t max_ns)
{
    int64_t d = p->settings.backoff_first_ns;

    while (n-- && d < max_ns && !MUTANT(RECONNECT_FLAT)) {
        d *= 2;
    }
    d = d < max_ns ? d : max_ns;
    if (MUTANT(RECONNECT_NO_JITTER)) {
        return d;
    }
    return rand_between(p->rand, d / 2, d);
}

int64_t
pusher_slow_delay(struct pusher *p, int64_t now, int64_t *since, bool ever)
{
    const struct pusher_settings *s = &p->settings;

    if (*since < 0) {
        *since = now;
    }
    if (now - *since < s->slow_for_ns) {
        return rand_between(p->rand, s->slow_low_ns, s->slow_high_ns);
    }
    if (ever || s->persist) {
        return rand_between(p->rand, s->crawl_low_ns, s->crawl_high_ns);
    }
    return -1;
}

static struct pusher_verdict
judge_code(struct pusher *p, int code, bool was_up)
{
    struct pusher_verdict v = {FATE_BACKOFF, !was_up};

    if (code >= 1002 && code <= 1004) {
        v.report = ++p->protocol_ends >= PROTOCOL_ENDS_TOLD;
        return v;
    }
    p->protocol_ends = 0;
    if (code < 4000) {
        return v;
    }
    v.report = true;
    if (code == 4000) {
        v.fate = FATE_TLS;
    } else if (code == 4001 || code == 4003) {
        v.fate = FATE_KEY;
    } else if (code == 4004) {
        v.fate = FATE_SLOW;
    } else if (code >= 4005 && code <= 4008) {
        v.fate = FATE_FATAL;
    } else if (code < 4100) {
        v.fate = FATE_SLOW_ANEW;
    } else if (code < 4200) {
        v.fate = FATE_BACKOFF_1S;
        v.report = false;
    } else if (code < 4300) {
        v.fate = FATE_ROTATE;
        v.report = false;
    }
    return v;
}

struct pusher_verdict
pusher_judge(struct pusher *p, const struct pusher_loss *loss, bool was_up)
{
    struct pusher_verdict v;

    if (loss->http_status) {
        bool anew = loss->http_status == 401 || loss->http_status == 403 ||
                    loss->http_status == 404;

        p->protocol_ends = 0;
        v = (struct pusher_verdict){anew ? FATE_ANEW : FATE_BACKOFF, true};
    } else {
        v = judge_code(p, loss->code, was_up);
        if (loss->ours && loss->code == 0) {
            v.report = true; /* we say why we gave it up */
        }
    }
    if (loss->quiet) {
        v.report = false;
    }
    return v;
}

static const char *
code_words(int code)
{
    static const struct {
        int code;
        const char *words;
    } known[] = {
        {1000, "closed normally"},
        {1001, "going away"},
        {1002, "protocol error"},
        {1003, "unsupported data"},
        {1006, "lost without a close frame"},
        {1009, "message too big"},
        {1011, "server error"},
        {4000, "TLS only"},
        {4001, "app key unknown in this cluster"},
        {4003, "app disabled"},
        {4004, "app over its connection quota"},
        {4005, "path not found"},
        {4006, "invalid version string"},
        {4007, "protocol version unsupported"},
        {4008, "no protocol version given"},
        {4009, "connection not authorised"},
        {4100, "over capacity"},
        {4200, "asked to reconnect"},
        {4201, "our pong did not arrive"},
        {4202, "closed after long inactivity"},
    };

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (known[i].code == code) {
            return known[i].words;
        }
    }
    return code ? "closed by the server" : "connection lost";
}

static void
explain_status(const struct pusher_coordinates *c, struct pusher_loss *loss)
{
    error_set(&loss->error,
              loss->http_status >= 500 ? SGO_ERROR_SERVER
                                       : SGO_ERROR_TRANSPORT,
              "Pusher at %s:%d answered HTTP %d instead of opening a "
              "WebSocket",
              c->host, c->port, loss->http_status);
    loss->error.http_status = loss->http_status;
    if (loss->retry_after_ns > 0) {
        loss->error.retry_after_ns = loss->retry_after_ns;
    }
}

static sgo_error_kind
kind_of(int code)
{
    if (code == 4004) {
        return SGO_ERROR_STREAM_LIMIT;
    }
    return (code >= 1002 && code <= 1004) || code >= 4000
               ? SGO_ERROR_PROTOCOL
               : SGO_ERROR_TRANSPORT;
}

void
pusher_explain(const struct pusher *p, struct pusher_loss *loss)
{
    const struct pusher_coordinates *c = &p->coords->c;
    size_t key_len = strlen(c->key);
    char server[PUSHER_REASON_BYTES];

    snprintf(server, sizeof(server), "%s", loss->reason);
    if (loss->reason[0] == '\0') {
        snprintf(loss->reason, sizeof(loss->reason), "%.*s",
                 (int)sizeof(loss->reason) - 1,
                 loss->error.kind    ? loss->error.text
                 : loss->http_status ? "no WebSocket"
                                     : code_words(loss->code));
    }
    if (loss->error.kind) {
        loss->error.close_code = loss->code;
        return;
    }
    if (loss->http_status) {
        explain_status(c, loss);
        return;
    }
    if (loss->code == 4001 || loss->code == 4003) {
        error_set(
            &loss->error, SGO_ERROR_PROTOCOL,
            "Pusher refuses the app key ...%s in cluster %s: %s (%d)%s%s",
            c->key + (key_len > 4 ? key_len - 4 : 0),
            c->cluster[0] ? c->cluster : c->host, code_words(loss->code),
            loss->code, server[0] ? ": " : "", server);
    } else {
        error_set(&loss->error, kind_of(loss->code),
                  "Pusher at %s:%d: %s (%d)%s%s", c->host, c->port,
                  code_words(loss->code), loss->code, server[0] ? ": " : "",
                  server);
    }
    loss->error.close_code = loss->code;
}

void
pusher_redact(const struct pusher *p, char *text, size_t cap)
{
    const struct pusher_coordinates *c = &p->coords->c;
    const struct map_entry *e;
    size_t at = 0;

    for (size_t i = 0; i < c->auth_header_count; i++) {
        if (strcasecmp(c->auth_headers[i].name, "Content-Type") != 0) {
            text_redact(text, cap, c->auth_headers[i].value);
        }
    }
    for (size_t i = 0; i < c->auth_param_count; i++) {
        text_redact(text, cap, c->auth_params[i].value);
    }
    while ((e = map_next(&p->channels, &at)) != NULL) {
        const struct pusher_channel *ch = e->value;

        text_redact(text, cap, ch->user);
        text_redact(text, cap, ch->channel_data);
        text_redact(text, cap, ch->auth);
    }
    message_mask_hex(text);
}
