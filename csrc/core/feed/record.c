/* Writing the recording of a brain's inputs. */
#include "feed/brain.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

enum { RECORD_TEXT_MAX = 4 << 20 }; /* parameters, ids, names of a shape */

void
record_input(struct brain *b, char kind, int64_t now, struct record_args args,
             const char *bytes, size_t len)
{
    char line[200];
    int n;

    if (b->record == NULL) {
        return;
    }
    n = snprintf(line, sizeof(line),
                 "%c %" PRId64 " %" PRIu64 " %" PRId64 " %" PRId64 " %" PRId64
                 " %" PRId64 " %zu\n",
                 kind, now, b->nexts, args.a, args.b, args.c, args.d, len);
    b->nexts = 0;
    b->record->write(b->record->ctx, line, (size_t)n);
    if (len) {
        b->record->write(b->record->ctx, bytes, len);
    }
    b->record->write(b->record->ctx, "\n", 1);
}

/* A text made of NUL-terminated pieces; one that did not fit or find memory
 * is recorded as a line of kind '!', which no replay accepts. */
static void
put_buf(struct brain *b, char kind, int64_t now, struct record_args args,
        struct buf *text)
{
    bool ok = text->status == SGO_OK;

    record_input(b, ok ? kind : '!', now, args, ok ? text->data : NULL,
                 ok ? text->len : 0);
    buf_fini(text);
}

static void
put_piece(struct buf *text, const char *piece)
{
    buf_append(text, piece, strlen(piece) + 1);
}

static void
put_number(struct buf *text, int64_t n)
{
    buf_printf(text, "%" PRId64, n);
    buf_append(text, "", 1);
}

static void
put_names(struct buf *text, const struct asked_name *names, size_t n)
{
    put_number(text, (int64_t)n);
    for (size_t i = 0; i < n; i++) {
        put_piece(text, names[i].bytes);
    }
}

void
record_config(struct brain *b, const struct brain_config *config)
{
    const struct shape *shape = config->shape;
    struct buf text;

    if (b->record == NULL) {
        return;
    }
    buf_init(&text, RECORD_TEXT_MAX);
    put_piece(&text, config->base_url);
    put_piece(&text, config->client_name);
    put_piece(&text, config->version);
    put_number(&text, config->expand_results);
    put_number(&text, config->transport);
    put_number(&text, config->timeout_ns);
    put_number(&text, config->reconcile_interval_ns);
    put_number(&text, config->linger_ns);
    put_number(&text, config->poll_interval_ns);
    put_number(&text, (int64_t)config->max_events);
    put_number(&text, (int64_t)config->max_bytes);
    put_number(&text, config->max_requests_in_flight);
    put_number(&text, config->activity_timeout_ns);
    put_number(&text, config->pong_timeout_ns);
    put_number(&text, (int64_t)config->seed);
    put_number(&text, (int64_t)config->allow_auth_host_count);
    for (size_t i = 0; i < config->allow_auth_host_count; i++) {
        put_piece(&text, config->allow_auth_hosts[i]);
    }
    put_number(&text, shape != NULL);
    if (shape) {
        put_number(&text, shape->include_opposing);
        put_number(&text, shape->include_alt_lines);
        put_number(&text, shape->include_open_close);
        put_names(&text, shape->bookmaker_ids, shape->bookmaker_id_count);
        put_names(&text, shape->odd_ids, shape->odd_id_count);
    }
    put_buf(b, 'C', 0, (struct record_args){0}, &text);
}

void
record_stream(struct brain *b, int64_t now, uint32_t id, const char *feed,
              const struct brain_param *params, size_t n)
{
    struct buf text;

    if (b->record == NULL) {
        return;
    }
    buf_init(&text, RECORD_TEXT_MAX);
    put_piece(&text, feed ? feed : "");
    for (size_t i = 0; i < n; i++) {
        put_piece(&text, params[i].name ? params[i].name : "");
        put_piece(&text, params[i].value ? params[i].value : "");
    }
    put_buf(b, 'S', now, (struct record_args){id, (int64_t)n, 0, 0}, &text);
}

void
record_fetch(struct brain *b, int64_t now, uint32_t id, const char *const *ids,
             size_t n)
{
    struct buf text;

    if (b->record == NULL) {
        return;
    }
    buf_init(&text, RECORD_TEXT_MAX);
    for (size_t i = 0; i < n; i++) {
        put_piece(&text, ids[i]);
    }
    buf_append(&text, "", 0);
    put_buf(b, 'F', now, (struct record_args){id, (int64_t)n, 0, 0}, &text);
}

/* ---- the secret ---------------------------------------------------------------- */

/* Overwrite the secret in a copy of the bytes, also where pieces cut it: what
 * a piece ends with goes too.  Fewer than RECORD_SECRET_MIN bytes may be
 * anything and stay; what follows them goes all the same. */
static void
blank(const char *secret, char *bytes, size_t len, size_t *matched)
{
    size_t n = strlen(secret), at = 0;
    char *found;

    if (*matched) {
        size_t rest = n - *matched < len ? n - *matched : len;

        if (memcmp(bytes, secret + *matched, rest) == 0) {
            *matched += rest;
            if (*matched >= RECORD_SECRET_MIN) {
                memset(bytes, 'X', rest);
            }
            if (*matched < n) {
                return; /* still inside */
            }
            at = rest;
        }
    }
    *matched = 0;
    while ((found = memmem(bytes + at, len - at, secret, n)) != NULL) {
        memset(found, 'X', n);
        at = (size_t)(found - bytes) + n;
    }
    for (size_t k = n - 1; k > 0; k--) {
        if (k <= len - at && memcmp(bytes + len - k, secret, k) == 0) {
            if (k >= RECORD_SECRET_MIN) {
                memset(bytes + len - k, 'X', k);
            }
            *matched = k;
            return;
        }
    }
}

void
record_bytes(struct brain *b, char kind, int64_t now, struct record_args args,
             const char *bytes, size_t len, size_t *matched)
{
    const char *secret = b->record ? b->record->secret : NULL;
    char *copy;

    if (b->record == NULL) {
        return;
    }
    if (secret == NULL || strlen(secret) < RECORD_SECRET_MIN) {
        record_input(b, kind, now, args, bytes, len);
        return;
    }
    copy = mem_dup(bytes, len);
    if (copy) {
        blank(secret, copy, len, matched);
    }
    record_input(b, copy ? kind : '!', now, args, copy, copy ? len : 0);
    mem_free(copy);
}

/* ---- records with errors ---------------------------------------------------------- */

static void
put_error(struct buf *text, const sgo_error *err)
{
    put_number(text, err->kind);
    put_number(text, err->http_status);
    put_number(text, err->close_code);
    put_number(text, err->retryable);
    put_number(text, err->retry_after_ns);
    put_piece(text, err->window);
    put_piece(text, err->text);
}

static void
put_blanked(struct brain *b, char kind, int64_t now, struct record_args args,
            struct buf *text)
{
    size_t matched = 0;

    if (text->status == SGO_OK) {
        record_bytes(b, kind, now, args, text->data, text->len, &matched);
    } else {
        record_input(b, '!', now, args, NULL, 0);
    }
    buf_fini(text);
}

void
record_end(struct brain *b, int64_t now, uint64_t request_id,
           const struct answer_end *end)
{
    struct buf text;

    if (b->record == NULL) {
        return;
    }
    buf_init(&text, RECORD_TEXT_MAX);
    put_error(&text, &end->error);
    put_blanked(b, 'E', now,
                (struct record_args){(int64_t)request_id,
                                     end->ok + 2 * end->truncated,
                                     end->http_status, end->retry_after_ns},
                &text);
}

void
record_closed(struct brain *b, int64_t now, uint32_t link_id,
              uint64_t generation, const struct pusher_end *end)
{
    struct buf text;

    if (b->record == NULL) {
        return;
    }
    buf_init(&text, RECORD_TEXT_MAX);
    put_number(&text, end->retry_after_ns);
    put_number(&text, (int64_t)end->reason_len);
    buf_append(&text, end->reason, end->reason_len);
    buf_append(&text, "", 1);
    put_number(&text, end->error != NULL);
    if (end->error) {
        put_error(&text, end->error);
    }
    put_blanked(b, 'Z', now,
                (struct record_args){link_id, (int64_t)generation,
                                     end->close_code, end->http_status},
                &text);
}
