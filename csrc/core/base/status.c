#include "base/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define NAME_OF(names, i)                                                     \
    ((size_t)(i) < sizeof(names) / sizeof((names)[0]) ? (names)[(size_t)(i)]  \
                                                      : "unknown")

const char *
status_name(sgo_status status)
{
    static const char *const names[] = {
        "ok",     "timeout",      "closed",    "slow consumer", "stale",
        "failed", "not found",    "no memory", "limit",         "invalid",
        "forked", "system error", "again"};

    return NAME_OF(names, status);
}

const char *
update_kind_name(sgo_update_kind kind)
{
    static const char *const names[] = {"added", "changed", "removed"};

    return NAME_OF(names, kind);
}

const char *
cause_name(sgo_cause cause)
{
    static const char *const names[] = {"snapshot", "notification", "resync",
                                        "poll", "expiry"};

    return NAME_OF(names, cause);
}

const char *
connection_name(sgo_connection connection)
{
    static const char *const names[] = {
        "initialized", "connecting",   "connected", "unavailable",
        "failed",      "disconnected", "polling"};

    return NAME_OF(names, connection);
}

const char *
phase_name(sgo_phase phase)
{
    static const char *const names[] = {
        "idle", "bootstrapping", "subscribing", "reconciling",
        "live", "stale",         "closed"};

    return NAME_OF(names, phase);
}

/* Cut an unfinished UTF-8 character at the end; blank control characters. */
static void
tidy(char *text)
{
    size_t len = strlen(text);
    size_t lead = len;

    while (lead > 0 && ((unsigned char)text[lead - 1] & 0xc0) == 0x80) {
        lead--;
    }
    if (lead > 0 && (unsigned char)text[lead - 1] >= 0xc0) {
        unsigned char c = (unsigned char)text[lead - 1];
        size_t need = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;

        if (len - (lead - 1) < need) {
            text[lead - 1] = '\0';
        }
    }
    for (char *p = text; *p; p++) {
        if ((unsigned char)*p < 0x20 || *p == 0x7f) {
            *p = ' ';
        }
    }
}

void
error_clear(sgo_error *err)
{
    memset(err, 0, sizeof(*err));
    err->retry_after_ns = -1;
}

void
error_set(sgo_error *err, sgo_error_kind kind, const char *fmt, ...)
{
    va_list args;

    error_clear(err);
    err->kind = kind;
    va_start(args, fmt);
    vsnprintf(err->text, sizeof(err->text), fmt, args);
    va_end(args);
    tidy(err->text);
}

/* So much of a secret's beginning is as good as the whole. */
enum { REDACT_PREFIX = 8 };

/* Whether "%2F" stands at `at`, for this byte. */
static bool
escapes(const char *at, unsigned char byte)
{
    static const char digits[] = "0123456789abcdef";

    return at[0] == '%' && at[1] != '\0' &&
           (at[1] | 0x20) == (digits[byte >> 4] | 0x20) &&
           (at[2] | 0x20) == (digits[byte & 15] | 0x20);
}

/* How many bytes at `at` spell the secret, plainly or escaped for a URL; 0:
 * another text.  Its beginning is enough, since texts are cut to fit. */
static size_t
spells(const char *at, const char *secret, size_t secret_len)
{
    size_t enough = secret_len < REDACT_PREFIX ? secret_len : REDACT_PREFIX;
    size_t used = 0, n = 0;

    for (; n < secret_len; n++) {
        if (at[used] == secret[n]) {
            used++;
        } else if (escapes(at + used, (unsigned char)secret[n])) {
            used += 3;
        } else {
            break;
        }
    }
    return n >= enough ? used : 0;
}

void
text_redact(char *text, size_t cap, const char *secret)
{
    static const char mark[] = "[redacted]";
    size_t secret_len = secret ? strlen(secret) : 0;
    size_t mark_len = sizeof(mark) - 1;
    char *at = text;

    if (secret_len < 4) {
        return;
    }
    while (*at) {
        size_t used = spells(at, secret, secret_len);
        size_t tail, room, put, keep;

        if (used == 0) {
            at++;
            continue;
        }
        tail = strlen(at + used);
        room = cap - 1 - (size_t)(at - text);
        put = mark_len < room ? mark_len : room;
        keep = tail < room - put ? tail : room - put;
        memmove(at + put, at + used, keep);
        memcpy(at, mark, put);
        at[put + keep] = '\0';
        at += put;
    }
}

void
error_redact(sgo_error *err, const char *secret)
{
    text_redact(err->text, sizeof(err->text), secret);
}
