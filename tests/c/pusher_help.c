#include "pusher_help.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pusher/message.h"

static void
keep_line(void *ctx, sgo_log_level level, const char *area, const char *text)
{
    struct stage *w = ctx;
    size_t len = strlen(text);

    (void)level;
    (void)area;
    if (w->logged_len + len + 2 < 1 << 20) {
        memcpy(w->logged + w->logged_len, text, len);
        w->logged_len += len;
        w->logged[w->logged_len++] = '\n';
        w->logged[w->logged_len] = '\0';
    }
}

void
stage_seed(struct stage *w, const char *options, uint64_t seed)
{
    sgo_error err;

    memset(w, 0, sizeof(*w));
    message_init();
    options = options ? options : OPTIONS;
    pusher_settings_default(&w->settings);
    rand_init(&w->rand, seed);
    w->seen = calloc(SEEN_MAX, sizeof(*w->seen));
    w->logged = calloc(1, 1 << 20);
    w->log = (struct log){keep_line, w, SGO_LOG_DEBUG, NULL};
    w->now = w->start = S(1000);
    if (pusher_options_parse(KEY, options, strlen(options), true,
                             &w->coordinates, &err) != SGO_OK) {
        fprintf(stderr, "%s\n", err.text);
        abort();
    }
}

void
stage_init(struct stage *w, const char *options)
{
    stage_seed(w, options, 1);
}

void
stage_make(struct stage *w)
{
    w->p = pusher_create(&w->coordinates, &w->settings, &w->rand, &w->log,
                         w->now);
}

void
stage_fini(struct stage *w)
{
    pusher_free(w->p);
    pusher_coordinates_fini(&w->coordinates);
    for (size_t i = 0; i < w->count; i++) {
        free(w->seen[i].text);
        free(w->seen[i].more);
    }
    free(w->seen);
    free(w->logged);
}

static void
keep_text(struct seen *s, const char *text, const char *more)
{
    s->text = strdup(text);
    s->more = more ? strdup(more) : NULL;
}

static void
keep(struct stage *w, const struct pusher_output *out)
{
    struct seen *s = &w->seen[w->count++];

    *s = (struct seen){.kind = out->kind, .at = w->now};
    s->generation = out->generation;
    snprintf(s->channel, sizeof(s->channel), "%s",
             out->channel ? out->channel : "");
    switch (out->kind) {
    case PUSHER_CONNECT:
        keep_text(s, out->connect.path, out->connect.host);
        s->port = out->connect.port;
        s->tls = out->connect.tls;
        w->generation = out->generation;
        break;
    case PUSHER_SEND:
        keep_text(s, out->send.text, NULL);
        s->count = out->send.len;
        break;
    case PUSHER_CLOSE:
        keep_text(s, out->close.reason, NULL);
        s->code = out->close.code;
        break;
    case PUSHER_KILL:
        break;
    case PUSHER_AUTHORISE:
        keep_text(s, out->authorise.body, out->authorise.url);
        s->count = out->authorise.header_count;
        w->request = s->request = out->authorise.request;
        break;
    case PUSHER_CANCEL_AUTHORISE:
        s->request = out->authorise.request;
        break;
    case PUSHER_COORDINATES:
        keep_text(s, out->coordinates.reason, NULL);
        break;
    case PUSHER_STATE:
        keep_text(s, out->state.reason, NULL);
        s->previous = out->state.previous;
        s->current = out->state.current;
        s->code = out->state.code;
        break;
    case PUSHER_SUBSCRIBED:
        break;
    case PUSHER_LOST:
        keep_text(s, out->lost.reason, NULL);
        s->ns = out->lost.began_ns;
        s->code = out->lost.code;
        break;
    case PUSHER_NOTIFICATION:
        s->count = out->notification.count;
        s->over = out->notification.over;
        keep_text(s, out->notification.ids[0],
                  out->notification.ids[s->count - 1]);
        break;
    case PUSHER_UNREADABLE:
        keep_text(s, out->unreadable.reason, NULL);
        s->count = out->unreadable.count;
        break;
    case PUSHER_REFUSED:
    case PUSHER_REPORT:
    case PUSHER_FATAL:
        s->error = out->problem.error;
        s->ns = out->problem.retry_in_ns;
        break;
    }
}

void
stage_drain(struct stage *w)
{
    struct pusher_output out;

    while (pusher_next(w->p, &out)) {
        if (w->count == SEEN_MAX) {
            fprintf(stderr, "too many outputs\n");
            abort();
        }
        keep(w, &out);
    }
}

void
stage_run(struct stage *w, int64_t duration_ns)
{
    int64_t until = w->now + duration_ns;
    int idle = 0;

    for (;;) {
        int64_t due = pusher_deadline(w->p);
        size_t before = w->count;

        if (due > until) {
            break;
        }
        idle = due <= w->now ? idle + 1 : 0;
        w->now = due > w->now ? due : w->now;
        pusher_tick(w->p, w->now);
        stage_drain(w);
        if (idle > 50 && before == w->count) {
            fprintf(stderr, "the deadline stands still\n");
            abort();
        }
    }
    w->now = until;
}

void
stage_mark(struct stage *w)
{
    w->mark = w->count;
}

size_t
stage_seen(const struct stage *w, enum pusher_output_kind kind)
{
    size_t n = 0;

    for (size_t i = w->mark; i < w->count; i++) {
        n += w->seen[i].kind == kind;
    }
    return n;
}

static const struct seen blank = {.text = (char *)(uintptr_t) "",
                                  .more = (char *)(uintptr_t) ""};

const struct seen *
stage_last(const struct stage *w, enum pusher_output_kind kind)
{
    for (size_t i = w->count; i-- > w->mark;) {
        if (w->seen[i].kind == kind) {
            return &w->seen[i];
        }
    }
    return &blank;
}

const struct seen *
stage_first(const struct stage *w, enum pusher_output_kind kind)
{
    for (size_t i = w->mark; i < w->count; i++) {
        if (w->seen[i].kind == kind) {
            return &w->seen[i];
        }
    }
    return &blank;
}

size_t
stage_sent(const struct stage *w, const char *text)
{
    size_t n = 0;

    for (size_t i = w->mark; i < w->count; i++) {
        n += w->seen[i].kind == PUSHER_SEND && strstr(w->seen[i].text, text);
    }
    return n;
}

void
stage_opened(struct stage *w)
{
    pusher_opened(w->p, w->now, w->generation);
    stage_drain(w);
}

void
stage_say_bytes(struct stage *w, const char *bytes, size_t len, bool binary)
{
    pusher_message(w->p, w->now, w->generation, bytes, len, binary);
    stage_drain(w);
}

void
stage_say(struct stage *w, const char *text)
{
    stage_say_bytes(w, text, strlen(text), false);
}

void
stage_closed(struct stage *w, int code, const char *reason)
{
    struct pusher_end end = {.close_code = code, .reason = reason};

    end.reason_len = reason ? strlen(reason) : 0;
    pusher_closed(w->p, w->now, w->generation, &end);
    stage_drain(w);
}

void
stage_failed(struct stage *w, sgo_error_kind kind, int http_status)
{
    sgo_error err = {.kind = kind, .text = "no route to ws-us2.pusher.com"};
    struct pusher_end end = {.http_status = http_status};

    end.error = kind ? &err : NULL;
    pusher_closed(w->p, w->now, w->generation, &end);
    stage_drain(w);
}

void
stage_answer(struct stage *w, int status, const char *body)
{
    struct pusher_auth_answer answer = {.http_status = status, .body = body};

    answer.len = body ? strlen(body) : 0;
    pusher_authorised(w->p, w->now, w->request, &answer);
    stage_drain(w);
}

void
stage_grant(struct stage *w)
{
    stage_answer(w, 200,
                 "{\"auth\":\"" AUTH "\",\"channel_data\":"
                 "\"{\\\"user_id\\\":\\\"u1\\\"}\"}");
}

void
stage_succeed(struct stage *w, const char *channel)
{
    char text[512];

    snprintf(text, sizeof(text),
             "{\"event\":\"pusher_internal:subscription_succeeded\","
             "\"channel\":\"%s\",\"data\":\"{}\"}",
             channel);
    stage_say(w, text);
}

void
stage_connect(struct stage *w)
{
    pusher_start(w->p, w->now);
    stage_drain(w);
    stage_opened(w);
    stage_say(w, ESTABLISHED);
}

void
stage_through(struct stage *w)
{
    stage_opened(w);
    stage_say(w, ESTABLISHED);
    stage_grant(w);
    stage_succeed(w, CHANNEL);
}

void
stage_live(struct stage *w)
{
    if (pusher_channel_add(w->p, w->now, CHANNEL, NULL) != SGO_OK) {
        abort();
    }
    pusher_start(w->p, w->now);
    stage_drain(w);
    stage_through(w);
}

struct pusher_stats
stage_stats(const struct stage *w)
{
    struct pusher_stats stats;

    pusher_read_stats(w->p, &stats);
    return stats;
}
