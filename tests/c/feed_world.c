#include "feed_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/status.h"

#define BASE_URL "https://api.test/v2"
#define LONG_AGO (1000 * NS_PER_S)

static void *
must(void *p)
{
    if (p == NULL) {
        abort();
    }
    return p;
}

/* ---- chance -------------------------------------------------------------- */

static bool
chance(struct world *w, unsigned per_mille)
{
    return per_mille && rand_between(&w->rand, 0, 999) < (int64_t)per_mille;
}

static int64_t
delay(struct world *w)
{
    int64_t d = rand_between(&w->rand, w->net_low, w->net_high);

    return chance(w, w->slow_tail) ? 6 * d : d;
}

/* ---- tasks ----------------------------------------------------------------- */

static struct world_task *
task_add(struct world *w, int64_t at,
         void (*run)(void *world, struct world_task *task))
{
    struct world_task *t = must(calloc(1, sizeof(*t))), **p = &w->tasks;

    t->at = at < w->now ? w->now : at;
    t->run = run;
    while (*p && (*p)->at <= t->at) {
        p = &(*p)->next;
    }
    t->next = *p;
    *p = t;
    return t;
}

static void
task_free(struct world_task *t)
{
    free(t->text);
    free(t);
}

/* ---- events ----------------------------------------------------------------- */

void
world_events(struct world *w, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct world_event *e = &w->events[w->event_count];

        snprintf(e->id, sizeof(e->id), "E%zu", w->event_count++);
        snprintf(e->league, sizeof(e->league), "NBA");
        e->v = e->stamp = 1;
        e->exists = e->live = e->started = e->odds_available = true;
        e->changed_at = w->now;
    }
}

char *
world_body(const struct world_event *e)
{
    char *text = must(malloc(900));
    unsigned s = e->stamp;

    snprintf(text, 900,
             "{\"eventID\":\"%s\",\"leagueID\":\"%s\",\"status\":{\"live\":%s,"
             "\"started\":%s,\"ended\":%s,\"cancelled\":%s,"
             "\"oddsAvailable\":%s},\"odds\":{\"points-home-game-ml-home\":{"
             "\"oddID\":\"points-home-game-ml-home\",\"byBookmaker\":{\"b1\":{"
             "\"odds\":\"%+d\",\"lastUpdatedAt\":\"2026-%02u-%02uT%02u:%02u:"
             "%02u.000Z\",\"altLines\":[]},\"b2\":{\"odds\":\"+100\","
             "\"openOdds\":\"+101\"}}}},\"v\":%u}",
             e->id, e->league, e->live ? "true" : "false",
             e->started ? "true" : "false", e->ended ? "true" : "false",
             e->cancelled ? "true" : "false",
             e->odds_available ? "true" : "false", (int)(e->v % 900) + 100,
             1 + s / (28 * 86400) % 12, 1 + s / 86400 % 28, s / 3600 % 24,
             s / 60 % 60, s % 60, e->v);
    return text;
}

static bool
in_list(const struct world_event *e, const char *feed, const char *league,
        const char *event_id)
{
    if (!e->exists) {
        return false;
    }
    if (strcmp(feed, "events:live") == 0) {
        return e->live;
    }
    if (strcmp(feed, "events:upcoming") == 0) {
        return !e->started && e->odds_available && !e->cancelled &&
               strcmp(e->league, league) == 0;
    }
    if (strcmp(feed, "events:byid") == 0) {
        return strcmp(e->id, event_id) == 0;
    }
    return strcmp(e->league, "NBA") == 0; /* any other feed */
}

static void
channel_name(char *out, size_t cap, const char *feed, const char *league,
             const char *event_id)
{
    snprintf(out, cap, "presence-%s%s%s", feed[0] ? feed : "x",
             league[0]     ? "-"
             : event_id[0] ? "="
                           : "",
             league[0] ? league : event_id);
    for (char *p = out; *p; p++) {
        *p = *p == ':' ? '-' : *p;
    }
}

static bool
on_channel(const struct world_event *e, const char *channel)
{
    char name[80];

    if (strcmp(channel, "presence-events-live") == 0) {
        return e->started; /* also when it leaves */
    }
    snprintf(name, sizeof(name), "presence-events-upcoming-%s", e->league);
    if (strcmp(channel, name) == 0) {
        return true;
    }
    snprintf(name, sizeof(name), "presence-events-byid=%s", e->id);
    if (strcmp(channel, name) == 0) {
        return true;
    }
    return strncmp(channel, "presence-events-new", 19) == 0;
}

/* ---- the consumer -------------------------------------------------------------- */

static void
digest(struct world *w, const void *bytes, size_t len)
{
    const unsigned char *p = bytes;

    for (size_t i = 0; i < len; i++) {
        w->digest = (w->digest ^ p[i]) * UINT64_C(0x100000001b3);
    }
}

static void
trace(struct world *w, const char *line)
{
    size_t len = strlen(line);

    if (!w->want_trace) {
        return;
    }
    w->trace = must(realloc(w->trace, w->trace_len + len + 2));
    memcpy(w->trace + w->trace_len, line, len);
    w->trace_len += len;
    w->trace[w->trace_len++] = '\n';
    w->trace[w->trace_len] = '\0';
}

bool
world_traced(struct world *w, const char *text)
{
    return w->trace && strstr(w->trace, text) != NULL;
}

struct world_stream *
world_stream_of(struct world *w, uint32_t id)
{
    for (size_t i = 0; i < w->stream_count; i++) {
        if (w->streams[i].id == id) {
            return &w->streams[i];
        }
    }
    return NULL;
}

static unsigned
version_in(const struct document *doc)
{
    struct value v;
    int64_t n = 0;
    const char *raw;
    size_t len;

    if (VALUE_GET(document_root(doc), "v", &v)) {
        raw = value_raw(v, &len);
        number_parse_int64(raw, len, &n);
    }
    return (unsigned)n;
}

static void
consume(struct world *w, const struct action *a)
{
    struct world_stream *s = world_stream_of(w, a->u.publish.stream_id);
    size_t i = (size_t)atoi(a->u.publish.event_id + 1);
    unsigned v = version_in(a->u.publish.event);
    struct world_held *h;
    char line[160];

    snprintf(line, sizeof(line), "S%u %s %s v%u %s", a->u.publish.stream_id,
             update_kind_name(a->u.publish.kind), a->u.publish.event_id, v,
             cause_name(a->u.publish.cause));
    trace(w, line);
    if (s == NULL || i >= WORLD_EVENTS) {
        return;
    }
    h = &s->held[i];
    switch (a->u.publish.kind) {
    case SGO_ADDED:
        s->added++;
        if (w->may_repeat && h->doc == a->u.publish.event) {
            break;
        }
        s->broken += h->doc != NULL;
        s->count++;
        break;
    case SGO_CHANGED:
        s->changed++;
        s->broken += h->doc == NULL || h->doc != a->u.publish.previous ||
                     a->u.publish.changes == NULL;
        break;
    case SGO_REMOVED:
        s->removed++;
        if (a->u.publish.cause == SGO_CAUSE_RESYNC && i < w->event_count &&
            in_list(&w->events[i], s->feed, s->league, s->event_id) &&
            w->now - w->events[i].member_since > 60 * NS_PER_S) {
            s->wrongly_removed++;
        }
        s->broken += h->doc == NULL || h->doc != a->u.publish.event;
        s->count--;
        break;
    }
    s->backwards += h->doc != NULL && v < h->v;
    document_release(h->doc);
    h->doc = NULL;
    if (a->u.publish.kind != SGO_REMOVED) {
        h->doc = document_retain(a->u.publish.event);
        h->v = v;
    }
}

unsigned
world_differences(struct world *w, uint32_t stream_id, bool loud)
{
    struct world_stream *s = world_stream_of(w, stream_id);
    unsigned bad = 0;

    for (size_t i = 0; i < w->event_count; i++) {
        const struct world_event *e = &w->events[i];
        bool truth = in_list(e, s->feed, s->league, s->event_id);
        const struct document *doc = s->held[i].doc;
        char *body = world_body(e);
        bool right = truth ? doc && doc->len == strlen(body) &&
                                 memcmp(doc->body, body, doc->len) == 0
                           : doc == NULL;

        if (!right) {
            bad++;
            if (loud) {
                fprintf(stderr, "stream %u %s: truth %s v%u, held %s v%u\n",
                        stream_id, e->id, truth ? "in" : "out", e->v,
                        doc ? "yes" : "no", doc ? s->held[i].v : 0);
            }
        }
        free(body);
    }
    return bad;
}

/* ---- the API --------------------------------------------------------------------- */

/* The decoded value of a query parameter, or "". */
static void
query_param(const char *url, const char *name, char *out, size_t cap)
{
    const char *p = strchr(url, '?');
    size_t n = strlen(name), len = 0;

    out[0] = '\0';
    for (; p; p = strchr(p + 1, '&')) {
        if (strncmp(p + 1, name, n) == 0 && p[1 + n] == '=') {
            for (p += n + 2; *p && *p != '&' && len + 1 < cap; p++) {
                unsigned c = (unsigned char)*p;

                if (*p == '%' && sscanf(p + 1, "%2x", &c) == 1) {
                    p += 2;
                }
                out[len++] = (char)c;
            }
            out[len] = '\0';
            return;
        }
    }
}

static bool
asked(const char *ids, const char *id)
{
    size_t n = strlen(id);

    for (const char *p = ids; p;
         p = strchr(p, ',') ? strchr(p, ',') + 1 : NULL) {
        if (strncmp(p, id, n) == 0 && (p[n] == '\0' || p[n] == ',')) {
            return true;
        }
    }
    return false;
}

static char *
event_now(struct world *w, struct world_event *e)
{
    if (e->older && chance(w, w->faults.stale_read)) {
        return must(strdup(e->older));
    }
    return world_body(e);
}

static char *
events_reply(struct world *w, struct world_request *r, int *status)
{
    static char ids[20000];
    char cursor[40], limit[12], live[8], league[40];
    size_t from, cap, n = 0, len, last = 0;
    char *text = NULL;
    FILE *f = open_memstream(&text, &len);
    bool more = false;

    query_param(r->url, "eventIDs", ids, sizeof(ids));
    query_param(r->url, "cursor", cursor, sizeof(cursor));
    query_param(r->url, "limit", limit, sizeof(limit));
    query_param(r->url, "live", live, sizeof(live));
    query_param(r->url, "leagueID", league, sizeof(league));
    from = cursor[0] ? (size_t)atoi(cursor) : 0;
    cap = limit[0] ? (size_t)atoi(limit) : 10;
    cap = cap < w->page_cap ? cap : w->page_cap;
    fputs("{\"success\":true,\"data\":[", f);
    for (size_t i = from; i < w->event_count; i++) {
        struct world_event *e = &w->events[i];
        char *body;
        bool in = ids[0]
                      ? e->exists && asked(ids, e->id)
                      : in_list(e, live[0] ? "events:live" : "events:upcoming",
                                league, "");

        if (!in || (ids[0] && chance(w, w->faults.vanish)) ||
            (strchr(ids, ',') && chance(w, w->faults.vanish_among))) {
            continue;
        }
        if (n == cap) {
            more = true;
            break;
        }
        body = event_now(w, e);
        fprintf(f, "%s%s", n++ ? "," : "", body);
        free(body);
        last = i + 1;
    }
    fputs("]", f);
    if (more) {
        fprintf(f, ",\"nextCursor\":\"%zu\"", last);
    }
    fputs("}", f);
    fclose(f);
    w->objects += n ? n : 1;
    if (n == 0) {
        free(text);
        *status = 404;
        return must(
            strdup("{\"success\":false,\"error\":\"No events found\"}"));
    }
    *status = 200;
    return text;
}

static char *
bootstrap_reply(struct world *w, struct world_request *r, int *status)
{
    char feed[80], league[40], event_id[40], channel[200];
    char *text = NULL, *where = NULL;
    size_t len, n = 0;
    FILE *f;

    if (w->boot_status) {
        *status = w->boot_status;
        return must(strdup(w->boot_error));
    }
    query_param(r->url, "feed", feed, sizeof(feed));
    query_param(r->url, "leagueID", league, sizeof(league));
    query_param(r->url, "eventID", event_id, sizeof(event_id));
    channel_name(channel, sizeof(channel), feed, league, event_id);
    if (asprintf(&where,
                 "\"pusherKey\":\"0123456789abcdef0123\",\"pusherOptions\":{"
                 "\"cluster\":\"us2\",\"wsHost\":\"ws.test\",\"wssPort\":443,"
                 "\"channelAuthorization\":{\"endpoint\":\"%s\",\"headers\":{"
                 "\"x-api-key\":\"SECRETKEY\"}}},\"user\":\"u1\","
                 "\"channel\":\"%s\"",
                 w->auth_endpoint, channel) < 0) {
        abort();
    }
    f = open_memstream(&text, &len);
    fputs("{\"success\":true,", f);
    if (!w->snapshot_first) {
        fprintf(f, "%s,", where);
    }
    fputs("\"data\":[", f);
    for (size_t i = 0; i < w->event_count; i++) {
        struct world_event *e = &w->events[i];

        if (in_list(e, feed, league, event_id)) {
            char *body = event_now(w, e);

            fprintf(f, "%s%s", n++ ? "," : "", body);
            free(body);
        }
    }
    fputs("]", f);
    if (w->snapshot_first) {
        fprintf(f, ",%s", where);
    }
    fputs("}", f);
    fclose(f);
    free(where);
    w->objects += n ? n : 1;
    *status = 200;
    return text;
}

char *
world_reply(struct world *w, struct world_request *r, int *status)
{
    char *text;

    if (strstr(r->url, "/stream/pusher/auth")) {
        *status = 200;
        return must(strdup("{\"auth\":\"0123456789abcdef0123:sig\","
                           "\"channel_data\":\"{\\\"user_id\\\":\\\"u1\\\"}"
                           "\"}"));
    }
    if (strstr(r->url, "/account/usage")) {
        *status = 200;
        if (asprintf(&text,
                     "{\"success\":true,\"data\":{\"tier\":\"t\","
                     "\"rateLimits\":{%s}}}",
                     w->usage) < 0) {
            abort();
        }
        return text;
    }
    if (strstr(r->url, "/stream/events")) {
        return bootstrap_reply(w, r, status);
    }
    return events_reply(w, r, status);
}

static void
request_free(struct world *w, struct world_request *r)
{
    struct world_request **p = &w->requests;

    while (*p && *p != r) {
        p = &(*p)->next;
    }
    if (*p) {
        *p = r->next;
    }
    free(r->url);
    free(r->method);
    free(r->body);
    free(r->answer);
    free(r);
}

static struct world_request *
request_of(struct world *w, uint64_t id)
{
    struct world_request *r = w->requests;

    while (r && r->id != id) {
        r = r->next;
    }
    return r;
}

struct world_request *
world_find(struct world *w, const char *text)
{
    struct world_request *found = NULL;

    for (struct world_request *r = w->requests; r; r = r->next) {
        if (strstr(r->url, text)) {
            found = r; /* the list has the newest first */
        }
    }
    return found;
}

static void step_head(void *world, struct world_task *task);
static void step_data(void *world, struct world_task *task);

static void
step_start(void *world, struct world_task *task)
{
    struct world *w = world;
    struct world_request *r = request_of(w, task->number);

    if (r && !r->started) {
        r->started = true;
        brain_request_started(w->b, r->id, w->now);
    }
}

/* Count the answer against the key's minute; false: over the limit. */
static bool
within_limits(struct world *w, unsigned objects)
{
    unsigned requests = 1, all = objects;

    if (w->minute_requests == 0) {
        return true;
    }
    for (size_t i = 0; i < sizeof(w->spent) / sizeof(w->spent[0]); i++) {
        if (w->spent[i].at > w->now - 60 * NS_PER_S) {
            requests++;
            all += w->spent[i].objects;
        }
    }
    if (requests > w->minute_requests || all > w->minute_objects) {
        w->limited++;
        return false;
    }
    w->spent[w->spent_at].at = w->now;
    w->spent[w->spent_at].objects = objects;
    w->spent_at = (w->spent_at + 1) % (sizeof(w->spent) / sizeof(w->spent[0]));
    return true;
}

/* The server reads its data now. */
static void
step_read(void *world, struct world_task *task)
{
    struct world *w = world;
    struct world_request *r = request_of(w, task->number);
    uint64_t before;
    bool api;

    if (r == NULL) {
        return;
    }
    api = strstr(r->url, "/stream/pusher/auth") == NULL;
    before = w->objects;
    r->answer = world_reply(w, r, &r->status);
    r->retry_after = -1;
    if (api && !within_limits(w, (unsigned)(w->objects - before))) {
        r->status = 429;
        free(r->answer);
        r->answer = must(strdup("{\"success\":false,\"error\":\"limit per "
                                "minute\"}"));
    } else if (chance(w, w->faults.transport)) {
        r->transport = true;
    } else if (chance(w, w->faults.server_error)) {
        r->status = 503;
        free(r->answer);
        r->answer =
            must(strdup("{\"success\":false,\"error\":\"temporary\"}"));
    } else if (chance(w, w->faults.rate_limit) && api) {
        r->status = 429;
        r->retry_after = 2 * NS_PER_S;
        free(r->answer);
        r->answer = must(strdup("{\"success\":false,\"error\":\"limit per "
                                "minute\"}"));
    } else if (chance(w, w->faults.html)) {
        free(r->answer);
        r->status = rand_between(&w->rand, 0, 1) ? 200 : 502;
        r->answer = must(strdup("<html>hello</html>"));
    } else if (chance(w, w->faults.truncated)) {
        r->cut = true;
    }
    r->answer_len = strlen(r->answer);
    if (r->cut) {
        r->answer_len =
            (size_t)rand_between(&w->rand, 0, (int64_t)r->answer_len);
    }
    task_add(w, w->now + delay(w), step_head)->number = r->id;
}

static void
request_end(struct world *w, struct world_request *r)
{
    struct answer_end end = {.ok = !r->cut && !r->transport,
                             .truncated = r->cut,
                             .http_status = r->transport ? 0 : r->status,
                             .retry_after_ns = r->retry_after};
    uint64_t id = r->id;

    if (!end.ok) {
        error_set(&end.error, SGO_ERROR_TRANSPORT,
                  "connection to api.test "
                  "broke");
        end.error.retryable = true;
    }
    request_free(w, r);
    brain_request_done(w->b, id, &end, w->now);
}

static void
step_head(void *world, struct world_task *task)
{
    struct world *w = world;
    struct world_request *r = request_of(w, task->number);
    struct answer_head head;

    if (r == NULL) {
        return;
    }
    if (r->transport) {
        request_end(w, r);
        return;
    }
    head = (struct answer_head){r->status, r->retry_after, r->age};
    brain_request_head(w->b, r->id, &head, w->now);
    task_add(w, w->now, step_data)->number = task->number;
}

static void
step_data(void *world, struct world_task *task)
{
    struct world *w = world;
    struct world_request *r = request_of(w, task->number);
    size_t n;

    if (r == NULL) {
        return;
    }
    n = r->answer_len - r->sent;
    if (n == 0) {
        request_end(w, r);
        return;
    }
    n = n < w->chunk_bytes ? n : w->chunk_bytes;
    r->sent += n;
    task_add(w,
             w->now + delay(w) / (int64_t)(r->answer_len / w->chunk_bytes + 2),
             step_data)
        ->number = task->number;
    brain_request_data(w->b, r->id, r->answer + r->sent - n, n, w->now);
}

void
world_begin(struct world *w, struct world_request *r)
{
    w->now++;
    r->started = true;
    brain_request_started(w->b, r->id, w->now);
    world_drain(w);
}

void
world_answer(struct world *w, struct world_request *r, int status,
             const char *body)
{
    world_answer_wait(w, r, status, -1, body);
}

void
world_answer_wait(struct world *w, struct world_request *r, int status,
                  int64_t retry_after_ns, const char *body)
{
    struct answer_head head = {status, retry_after_ns, r->age};
    struct answer_end end = {
        .ok = true, .http_status = status, .retry_after_ns = retry_after_ns};
    uint64_t id = r->id;

    if (!r->started) {
        world_begin(w, r);
    }
    request_free(w, r);
    w->now++;
    brain_request_head(w->b, id, &head, w->now);
    brain_request_data(w->b, id, body, strlen(body), w->now);
    brain_request_done(w->b, id, &end, w->now);
    world_drain(w);
}

void
world_fail(struct world *w, struct world_request *r)
{
    w->now++;
    r->transport = true;
    request_end(w, r);
    world_drain(w);
}

/* ---- Pusher ------------------------------------------------------------------------- */

static struct world_socket *
socket_of(struct world *w, uint32_t link_id, uint64_t generation)
{
    for (size_t i = 0; i < w->socket_count; i++) {
        if (w->sockets[i].link_id == link_id &&
            w->sockets[i].generation == generation) {
            return &w->sockets[i];
        }
    }
    return NULL;
}

struct world_socket *
world_socket(struct world *w)
{
    for (size_t i = w->socket_count; i > 0; i--) {
        if (w->sockets[i - 1].open) {
            return &w->sockets[i - 1];
        }
    }
    return NULL;
}

static void
step_message(void *world, struct world_task *task)
{
    struct world *w = world;
    struct world_socket *s = socket_of(w, task->link_id, task->number);

    if (s && s->open && !s->mute) {
        brain_socket_message(w->b, s->link_id, s->generation, task->text,
                             strlen(task->text), false, w->now);
    }
}

/* Messages of one socket arrive in order. */
static int64_t
in_order(struct world *w, struct world_socket *s)
{
    int64_t at = w->now + delay(w);

    s->last_at = at > s->last_at ? at : s->last_at;
    return s->last_at;
}

void
world_say(struct world *w, struct world_socket *s, const char *text)
{
    struct world_task *t = task_add(w, in_order(w, s), step_message);

    t->link_id = s->link_id;
    t->number = s->generation;
    t->text = must(strdup(text));
}

static void
tell_closed(struct world *w, struct world_socket *s, int code)
{
    struct pusher_end end = {.close_code = code,
                             .reason = "",
                             .reason_len = 0,
                             .retry_after_ns = 0};

    s->open = false;
    s->channel_count = 0;
    brain_socket_closed(w->b, s->link_id, s->generation, &end, w->now);
}

static void
step_closed(void *world, struct world_task *task)
{
    struct world *w = world;
    struct world_socket *s = socket_of(w, task->link_id, task->number);

    if (s && s->open) {
        tell_closed(w, s, task->code);
    }
}

void
world_close_socket(struct world *w, struct world_socket *s, int code)
{
    struct world_task *t = task_add(w, in_order(w, s), step_closed);

    s->channel_count = 0; /* the server has forgotten it */
    t->link_id = s->link_id;
    t->number = s->generation;
    t->code = code;
}

static void
step_opened(void *world, struct world_task *task)
{
    struct world *w = world;
    struct world_socket *s = socket_of(w, task->link_id, task->number);

    if (s == NULL || !s->open) {
        return;
    }
    if (w->refuse_sockets) {
        tell_closed(w, s, w->refuse_code);
        return;
    }
    brain_socket_opened(w->b, s->link_id, s->generation, w->now);
    world_say(
        w, s,
        "{\"event\":\"pusher:connection_established\",\"data\":\"{"
        "\\\"socket_id\\\":\\\"1.2\\\",\\\"activity_timeout\\\":120}\"}");
}

/* A message of the client has reached the server. */
static void
step_heard(void *world, struct world_task *task)
{
    struct world *w = world;
    struct world_socket *s = socket_of(w, task->link_id, task->number);
    const char *name;
    char text[400];

    if (s == NULL || !s->open || s->mute) {
        return;
    }
    if (strstr(task->text, "pusher:ping")) {
        world_say(w, s, "{\"event\":\"pusher:pong\",\"data\":{}}");
        return;
    }
    if (strstr(task->text, "pusher:subscribe") == NULL ||
        w->silent_subscribe || s->channel_count == 8) {
        return;
    }
    name = strstr(task->text, "\"channel\":\"") + 11;
    snprintf(s->channels[s->channel_count++], 80, "%.*s",
             (int)strcspn(name, "\""), name);
    snprintf(text, sizeof(text),
             "{\"event\":\"pusher_internal:subscription_succeeded\","
             "\"channel\":\"%s\",\"data\":\"{}\"}",
             s->channels[s->channel_count - 1]);
    world_say(w, s, text);
}

void
world_notify(struct world *w, size_t i)
{
    const struct world_event *e = &w->events[i];
    char text[300];

    for (size_t k = 0; k < w->socket_count; k++) {
        struct world_socket *s = &w->sockets[k];

        for (size_t c = 0; s->open && c < s->channel_count; c++) {
            if (!on_channel(e, s->channels[c])) {
                continue;
            }
            snprintf(text, sizeof(text),
                     "{\"event\":\"data\",\"channel\":\"%s\",\"data\":\"[{"
                     "\\\"eventID\\\":\\\"%s\\\"}]\"}",
                     s->channels[c], e->id);
            world_say(w, s, text);
            if (chance(w, w->faults.duplicate)) {
                world_say(w, s, text);
            }
        }
        if (s->open && s->channel_count && chance(w, w->faults.socket_drop)) {
            static const int codes[] = {0, 1006, 4200, 4100, 1001};

            world_close_socket(w, s, codes[rand_between(&w->rand, 0, 4)]);
        }
    }
}

void
world_change(struct world *w, size_t i)
{
    struct world_event *e = &w->events[i];

    free(e->older);
    e->older = world_body(e);
    e->v++;
    e->stamp = w->no_stamps ? e->stamp : e->v;
    e->changed_at = w->now;
    if (e->live != e->was_live || e->started != e->was_started) {
        e->member_since = w->now;
        e->was_live = e->live;
        e->was_started = e->started;
    }
    if (!w->suppress) {
        world_notify(w, i);
    }
}

/* ---- actions ------------------------------------------------------------------------- */

static void
count_request(struct world *w, const struct world_request *r)
{
    static char ids[20000], other[20000];
    unsigned open = 0;
    size_t n = 0;

    w->requests_made++;
    if (strstr(r->url, "/stream/pusher/auth")) {
        w->auths++;
        return;
    }
    if (strstr(r->url, "/stream/events")) {
        w->bootstraps++;
    } else if (strstr(r->url, "/account/usage")) {
        w->usages++;
    } else if (strstr(r->url, "eventIDs=")) {
        w->id_requests++;
        query_param(r->url, "eventIDs", ids, sizeof(ids));
        for (char *p = strtok(ids, ","); p; p = strtok(NULL, ",")) {
            n++;
            for (struct world_request *o = w->requests; o; o = o->next) {
                /* A further page repeats ids that are answered already. */
                if (o != r && strstr(o->url, "eventIDs=") &&
                    !strstr(o->url, "cursor=") && !strstr(r->url, "cursor=")) {
                    query_param(o->url, "eventIDs", other, sizeof(other));
                    w->same_id_twice += asked(other, p);
                }
            }
        }
        w->most_ids = n > w->most_ids ? n : w->most_ids;
    } else {
        w->walks++;
    }
    for (struct world_request *o = w->requests; o; o = o->next) {
        open += strstr(o->url, "/stream/pusher/auth") == NULL;
    }
    w->most_in_flight = open > w->most_in_flight ? open : w->most_in_flight;
}

static void
take_request(struct world *w, const struct action *a)
{
    struct world_request *r = must(calloc(1, sizeof(*r)));
    bool auth = strstr(a->u.request.url, "/stream/pusher/auth") != NULL;
    char line[200];

    snprintf(line, sizeof(line), "%s %.150s", a->u.request.method,
             a->u.request.url);
    trace(w, line);
    r->id = a->u.request.request_id;
    r->url = must(strdup(a->u.request.url));
    r->method = must(strdup(a->u.request.method));
    r->body = a->u.request.body ? must(strdup(a->u.request.body)) : NULL;
    r->with_key = a->u.request.with_key;
    r->until_first_byte = a->u.request.until_first_byte;
    r->asked_at = w->now;
    r->retry_after = -1;
    r->next = w->requests;
    w->requests = r;
    if (w->faults.aged && chance(w, 200)) {
        r->age = rand_between(&w->rand, 0, 3) * NS_PER_S;
    }
    count_request(w, r);
    if (auth ? !w->manual_auth : !w->manual) {
        int64_t at = w->now + delay(w) / 4;

        task_add(w, at, step_start)->number = r->id;
        task_add(w, at + delay(w), step_read)->number = r->id;
    }
}

static void
take_connect(struct world *w, const struct action *a)
{
    struct world_socket *s;
    struct world_task *t;
    char line[200];

    snprintf(line, sizeof(line), "CONNECT %s:%u %.100s", a->u.connect.host,
             a->u.connect.port, a->u.connect.path);
    trace(w, line);
    w->connects++;
    if (w->socket_count == WORLD_SOCKETS) { /* forget the oldest */
        memmove(w->sockets, w->sockets + 1,
                --w->socket_count * sizeof(*w->sockets));
    }
    s = &w->sockets[w->socket_count++];
    *s = (struct world_socket){.link_id = a->u.connect.link_id,
                               .generation = a->u.connect.generation,
                               .open = true};
    t = task_add(w, in_order(w, s), step_opened);
    t->link_id = s->link_id;
    t->number = s->generation;
}

static void
take_send(struct world *w, const struct action *a)
{
    struct world_socket *s =
        socket_of(w, a->u.send.link_id, a->u.send.generation);
    struct world_task *t;

    if (s) {
        t = task_add(w, w->now + delay(w), step_heard);
        t->link_id = s->link_id;
        t->number = s->generation;
        t->text = must(strndup(a->u.send.text, a->u.send.len));
    }
}

static void
take_close(struct world *w, uint32_t link_id, uint64_t generation, int code)
{
    struct world_socket *s = socket_of(w, link_id, generation);
    char line[60];

    snprintf(line, sizeof(line), "CLOSE %d", code);
    trace(w, line);
    if (s && s->open && code) {
        s->channel_count = 0;
        world_close_socket(w, s, code);
    } else if (s) {
        s->open = false;
    }
}

static void
take_state(struct world *w, const struct action *a)
{
    struct world_stream *s = world_stream_of(w, a->u.state.stream_id);
    char line[300];

    snprintf(line, sizeof(line), "S%u %s %s", a->u.state.stream_id,
             connection_name(a->u.state.connection),
             phase_name(a->u.state.phase));
    trace(w, line);
    if (s) {
        s->connection = a->u.state.connection;
        s->phase = a->u.state.phase;
    }
}

static void
take_error(struct world *w, const struct action *a)
{
    char line[700];

    snprintf(line, sizeof(line), "S%u error%s %d %s%s%s", a->u.error.stream_id,
             a->u.error.final ? " final" : "", a->u.error.error->kind,
             a->u.error.error->text, a->u.error.event_id ? " about " : "",
             a->u.error.event_id ? a->u.error.event_id : "");
    trace(w, line);
    for (size_t i = 0; i < w->stream_count; i++) {
        struct world_stream *s = &w->streams[i];

        if (a->u.error.stream_id == 0 || s->id == a->u.error.stream_id) {
            s->errors++;
            s->error = *a->u.error.error;
            s->final = s->final || a->u.error.final;
        }
    }
}

static void
take_call(struct world *w, const struct action *a)
{
    size_t len = 0;

    w->call.id = a->u.call_done.call_id;
    w->call.done = true;
    w->call.n = a->u.call_done.n;
    error_clear(&w->call.error);
    if (a->u.call_done.error) {
        w->call.error = *a->u.call_done.error;
    }
    w->call.ids[0] = '\0';
    for (size_t i = 0; i < a->u.call_done.n && len < 500; i++) {
        len += (size_t)snprintf(w->call.ids + len, 100, "%s ",
                                a->u.call_done.documents[i]->event_id);
    }
    snprintf(w->call.json, sizeof(w->call.json), "%s",
             a->u.call_done.json ? a->u.call_done.json : "");
    trace(w, "CALL_DONE");
}

/* All that an action says, for comparing a replay. */
static void
digest_action(struct world *w, const struct action *a)
{
    digest(w, &a->kind, sizeof(a->kind));
    switch (a->kind) {
    case ACTION_REQUEST:
        digest(w, a->u.request.url, strlen(a->u.request.url));
        digest(w, a->u.request.body, a->u.request.body_len);
        break;
    case ACTION_SEND:
        digest(w, a->u.send.text, a->u.send.len);
        break;
    case ACTION_CONNECT:
        digest(w, a->u.connect.path, strlen(a->u.connect.path));
        digest(w, &a->u.connect.generation, sizeof(uint64_t));
        break;
    case ACTION_PUBLISH:
        digest(w, &a->u.publish.stream_id, sizeof(uint32_t));
        digest(w, &a->u.publish.kind, sizeof(a->u.publish.kind));
        digest(w, &a->u.publish.cause, sizeof(a->u.publish.cause));
        digest(w, a->u.publish.event->body, a->u.publish.event->len);
        digest(w, &a->u.publish.applied_ns, sizeof(int64_t));
        break;
    case ACTION_STATE:
        digest(w, &a->u.state.connection, sizeof(a->u.state.connection));
        digest(w, &a->u.state.phase, sizeof(a->u.state.phase));
        break;
    case ACTION_ERROR:
        digest(w, a->u.error.error->text, strlen(a->u.error.error->text));
        break;
    case ACTION_PROOF:
        digest(w, &a->u.proof.proof_ns, sizeof(int64_t));
        break;
    case ACTION_CALL_DONE:
        digest(w, &a->u.call_done.n, sizeof(size_t));
        break;
    default:
        break;
    }
}

static void
replayed(void *ctx, const struct action *a)
{
    digest_action(ctx, a);
}

uint64_t
world_replay(struct world *w)
{
    static struct world scratch;
    size_t lines;

    memset(&scratch, 0, sizeof(scratch));
    scratch.digest = 1;
    if (record_replay(w->recording, w->recording_len, &w->config, replayed,
                      &scratch, &lines) != SGO_OK) {
        return 0;
    }
    return lines ? scratch.digest : 0;
}

static void
record_write(void *ctx, const char *bytes, size_t len)
{
    struct world *w = ctx;

    if (w->recording_len + len > w->recording_cap) {
        w->recording_cap = 2 * (w->recording_len + len) + 1024;
        w->recording = must(realloc(w->recording, w->recording_cap));
    }
    memcpy(w->recording + w->recording_len, bytes, len);
    w->recording_len += len;
}

static void
take(struct world *w, const struct action *a)
{
    struct world_request *r;
    struct world_stream *s;
    char line[200];

    digest_action(w, a);
    switch (a->kind) {
    case ACTION_REQUEST:
        take_request(w, a);
        break;
    case ACTION_CANCEL:
        trace(w, "CANCEL");
        r = request_of(w, a->u.cancel.request_id);
        if (r) {
            request_free(w, r);
        }
        break;
    case ACTION_CONNECT:
        take_connect(w, a);
        break;
    case ACTION_SEND:
        take_send(w, a);
        break;
    case ACTION_CLOSE:
        take_close(w, a->u.close.link_id, a->u.close.generation,
                   a->u.close.code);
        break;
    case ACTION_KILL:
        take_close(w, a->u.kill.link_id, a->u.kill.generation, 0);
        break;
    case ACTION_PUBLISH:
        consume(w, a);
        break;
    case ACTION_STATE:
        take_state(w, a);
        break;
    case ACTION_GAP:
        s = world_stream_of(w, a->u.gap.stream_id);
        snprintf(line, sizeof(line), "S%u gap %s refetched %d",
                 a->u.gap.stream_id, a->u.gap.reason,
                 (int)a->u.gap.events_refetched);
        trace(w, line);
        if (s) {
            s->gaps++;
        }
        break;
    case ACTION_ERROR:
        take_error(w, a);
        break;
    case ACTION_CALL_DONE:
        take_call(w, a);
        break;
    case ACTION_PROOF:
        if (a->u.proof.event_id) {
            snprintf(line, sizeof(line), "S%u proof %s %s%s",
                     a->u.proof.stream_id, a->u.proof.event_id,
                     a->u.proof.unanswered ? "unanswered" : "answered",
                     a->u.proof.refused ? " refused" : "");
            trace(w, line);
        }
        break;
    case ACTION_SHED:
        w->shed += a->u.shed.bytes;
        break;
    }
}

void
world_drain(struct world *w)
{
    struct action a;
    size_t most = 1000000;

    while (brain_next(w->b, &a)) {
        take(w, &a);
        if (most-- == 0) {
            fprintf(stderr, "the brain never ends\n");
            abort();
        }
    }
}

/* ---- time ------------------------------------------------------------------------------ */

void
world_tick(struct world *w)
{
    brain_tick(w->b, w->now);
    world_drain(w);
}

/* One step, if there is one before `end`. */
static bool
step(struct world *w, int64_t end)
{
    int64_t deadline = brain_deadline(w->b);
    struct world_task *t = w->tasks;

    deadline = deadline < w->now ? w->now : deadline;
    if (t && t->at <= deadline && t->at <= end) {
        w->tasks = t->next;
        w->now = t->at > w->now ? t->at : w->now;
        t->run(w, t);
        task_free(t);
        world_drain(w);
        return true;
    }
    if (deadline <= end) {
        w->now = deadline;
        world_tick(w);
        return true;
    }
    w->now = end;
    return false;
}

void
world_run(struct world *w, int64_t duration)
{
    int64_t end = w->now + duration;

    while (step(w, end)) {
    }
}

bool
world_until(struct world *w, bool (*cond)(struct world *w), int64_t max)
{
    int64_t end = w->now + max;

    while (!cond(w)) {
        if (!step(w, end)) {
            return cond(w);
        }
    }
    return true;
}

/* ---- life ------------------------------------------------------------------------------- */

void
world_init(struct world *w, uint64_t seed)
{
    memset(w, 0, sizeof(*w));
    rand_init(&w->rand, seed * 2 + 1);
    w->now = LONG_AGO;
    w->net_low = 5 * NS_PER_MS;
    w->net_high = 80 * NS_PER_MS;
    w->page_cap = 100;
    w->chunk_bytes = 700;
    w->digest = 1;
    snprintf(w->auth_endpoint, sizeof(w->auth_endpoint),
             BASE_URL "/stream/pusher/auth");
    w->config = (struct brain_config){.base_url = BASE_URL,
                                      .client_name = "sgostream",
                                      .version = "0.1.0",
                                      .transport = SGO_TRANSPORT_WEBSOCKET,
                                      .timeout_ns = 30 * NS_PER_S,
                                      .reconcile_interval_ns = 300 * NS_PER_S,
                                      .linger_ns = 60 * NS_PER_S,
                                      .poll_interval_ns = 30 * NS_PER_S,
                                      .max_events = 20000,
                                      .max_bytes = (size_t)2 << 30,
                                      .max_requests_in_flight = 6,
                                      .seed = seed};
}

bool
world_start(struct world *w)
{
    w->pool = pool_create((size_t)1 << 20);
    if (w->pool == NULL) {
        return false;
    }
    w->config.pool = w->pool;
    if (w->want_recording) {
        w->record = (struct record){record_write, w, "SECRETKEY"};
        w->config.record = &w->record;
    }
    w->b = brain_create(&w->config);
    return w->b != NULL;
}

sgo_status
world_stream(struct world *w, uint32_t id, const char *feed,
             const char *league, const char *event_id)
{
    struct world_stream *s = &w->streams[w->stream_count];
    struct brain_param params[2];
    size_t n = 0;
    sgo_error err;
    sgo_status status;

    if (league) {
        params[n++] = (struct brain_param){"leagueID", league};
    }
    if (event_id) {
        params[n++] = (struct brain_param){"eventID", event_id};
    }
    status = brain_stream_add(w->b, id, feed, params, n, w->now, &err);
    if (status == SGO_OK) {
        *s = (struct world_stream){.id = id};
        snprintf(s->feed, sizeof(s->feed), "%s", feed);
        snprintf(s->league, sizeof(s->league), "%s", league ? league : "");
        snprintf(s->event_id, sizeof(s->event_id), "%s",
                 event_id ? event_id : "");
        w->stream_count++;
    }
    world_drain(w);
    return status;
}

void
world_fini(struct world *w)
{
    brain_free(w->b);
    while (w->requests) {
        request_free(w, w->requests);
    }
    while (w->tasks) {
        struct world_task *t = w->tasks;

        w->tasks = t->next;
        task_free(t);
    }
    for (size_t i = 0; i < w->stream_count; i++) {
        for (size_t k = 0; k < WORLD_EVENTS; k++) {
            document_release(w->streams[i].held[k].doc);
        }
    }
    for (size_t i = 0; i < w->event_count; i++) {
        free(w->events[i].older);
    }
    if (w->pool) {
        pool_release(w->pool);
    }
    free(w->trace);
    free(w->recording);
}
