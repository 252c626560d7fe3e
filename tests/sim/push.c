/* The model of Pusher: sockets, presence channels, and what goes wrong with
 * them. */
#include "sim.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"

#define CHANNEL_DATA "{\"user_id\":\"u/1 \xC3\xA9\"}"

/* ---- names --------------------------------------------------------------------- */

void
push_channel_name(const struct sim *s, char *out, size_t cap, const char *feed,
                  const char *league, const char *event)
{
    size_t i = truth_index(s, event);
    char which[20] = "";

    if (i < SIM_EVENTS) {
        snprintf(which, sizeof(which), "%zu", i);
    }
    snprintf(out, cap, "presence-%s-%s%s.k%u", feed[0] ? feed + 7 : "x",
             league, which, s->key);
}

/* The same channel, wherever the app has moved. */
bool
push_same_channel(const char *a, const char *b)
{
    size_t n = (size_t)(strrchr(a, '.') - a);

    return strncmp(a, b, n + 1) == 0;
}

static const char *
socket_part(const char *auth)
{
    const char *p = strstr(auth, ":sig/");

    return p ? p + 5 : "";
}

void
push_auth_text(const struct sim *s, const char *socket_id, const char *channel,
               char *out, size_t cap)
{
    snprintf(out, cap, "0123456789abcdef%04u:sig/%s/%s", s->key, socket_id,
             channel);
}

static struct sim_link *
link_of(struct sim *s, uint32_t link_id)
{
    return &s->links[link_id % 64];
}

static struct sim_socket *
socket_of(struct sim *s, uint32_t link_id, uint64_t generation)
{
    for (size_t i = 0; i < SIM_SOCKETS; i++) {
        struct sim_socket *k = &s->sockets[i];

        if (k->link_id == link_id && k->generation == generation) {
            return k;
        }
    }
    return NULL;
}

static struct sim_socket *
socket_of_task(struct sim *s, const struct task *t)
{
    return socket_of(s, t->link_id, t->number);
}

static struct task *
socket_task(struct sim *s, struct sim_socket *k, int64_t at,
            void (*run)(struct sim *s, struct task *t))
{
    struct task *t = sim_task(s, at, run);

    t->link_id = k->link_id;
    t->number = k->generation;
    return t;
}

/* Messages of one socket arrive in order. */
static int64_t
in_order(struct sim *s, struct sim_socket *k)
{
    struct fault *f = scenario_hits(s, F_LAG);
    int64_t at = s->now + sim_delay(s);

    if (f) {
        at += rand_between(&s->luck, 0, f->arg * NS_PER_MS);
    }
    k->last_at = at > k->last_at ? at : k->last_at;
    return k->last_at;
}

/* ---- from the server ------------------------------------------------------------- */

static void
arrived(struct sim *s, struct task *t)
{
    struct sim_socket *k = socket_of_task(s, t);
    uint64_t ids = t->len;
    unsigned meant = 0;

    if (k == NULL || !k->open || k->left || k->mute) {
        return;
    }
    s->messages++;
    sim_line(s, "HEARS %s", t->text + t->code);
    for (size_t i = 0; ids && i < s->stream_count; i++) {
        struct sim_stream *st = &s->streams[i];
        char name[96];

        push_channel_name(s, name, sizeof(name), st->feed, st->league,
                          st->event);
        if (st->added && !st->final && push_same_channel(name, t->text)) {
            st->ids_delivered += (unsigned)__builtin_popcountll(ids);
            meant |= 1u << i;
        }
    }
    for (size_t i = 0; meant && i < s->event_count; i++) {
        if (ids & UINT64_C(1) << i) {
            s->events[i].notified_to |= meant | check_holders(s, i);
            s->events[i].notified_seq = s->seq + 1;
            s->events[i].notified_at = s->now;
            s->notified++;
        }
    }
    for (size_t c = 0; c < k->channel_count; c++) {
        k->channels[c].heard =
            k->channels[c].heard ||
            (strcmp(k->channels[c].name, t->text) == 0 &&
             strstr(t->text + t->code, "subscription_succeeded"));
    }
    brain_socket_message(s->b, k->link_id, k->generation, t->text + t->code,
                         strlen(t->text + t->code), false, s->now);
    sim_drain(s);
    for (size_t i = 0; meant && i < s->event_count && !s->failed; i++) {
        if (ids & UINT64_C(1) << i) {
            check_notified(s, i);
        }
    }
}

/* ids: bits of the events that a readable notification names. */
void
push_say(struct sim *s, struct sim_socket *k, const char *channel,
         uint64_t ids, const char *text)
{
    struct task *t = socket_task(s, k, in_order(s, k), arrived);
    size_t n = strlen(channel) + 1, len = strlen(text) + 1;

    t->text = must(malloc(n + len));
    memcpy(t->text, channel, n);
    memcpy(t->text + n, text, len);
    t->code = (int)n;
    t->len = ids;
}

static void
tell_closed(struct sim *s, struct sim_socket *k, const struct pusher_end *end)
{
    struct sim_link *l = link_of(s, k->link_id);

    k->open = k->alive = false;
    if (!k->left) {
        l->ended_at = s->now;
        l->code = end->close_code;
        l->told_wait = end->retry_after_ns;
        l->by_client = false;
        l->fetched = false;
    }
    sim_line(s, "SOCKET %u.%" PRIu64 " ends %d", k->link_id, k->generation,
             end->close_code);
    brain_socket_closed(s->b, k->link_id, k->generation, end, s->now);
    sim_drain(s);
    check_lost(s);
}

static void
closed(struct sim *s, struct task *t)
{
    struct sim_socket *k = socket_of_task(s, t);
    const struct pusher_end end = {
        .close_code = t->code, .reason = "", .retry_after_ns = -1};

    if (k && k->open) {
        tell_closed(s, k, &end);
    }
}

static void
close_by_server(struct sim *s, struct sim_socket *k, int code)
{
    k->alive = false; /* nothing more is said to it */
    socket_task(s, k, in_order(s, k), closed)->code = code;
}

static void
greet(struct sim *s, struct sim_socket *k)
{
    struct fault *f;
    char text[200];

    k->alive = true;
    k->heard_at = s->now;
    snprintf(k->socket_id, sizeof(k->socket_id), "%" PRIu64 ".%u", s->order,
             k->link_id);
    if (k->key != s->key) {
        close_by_server(s, k, 4001);
    } else if (scenario_hits(s, F_NO_GREETING)) {
        return;
    } else if (scenario_hits(s, F_BAD_GREETING)) {
        push_say(s, k, "", 0, "hello");
    } else if ((f = scenario_hits(s, F_ERROR_FIRST))) {
        snprintf(text, sizeof(text),
                 "{\"event\":\"pusher:error\",\"data\":{\"code\":%d,"
                 "\"message\":\"no\"}}",
                 (int)f->arg);
        push_say(s, k, "", 0, text);
    } else {
        bool string = rand_between(&s->net, 0, 1);
        const char *q = string ? "\\\"" : "\"", *d = string ? "\"" : "";

        snprintf(text, sizeof(text),
                 "{\"event\":\"pusher:connection_established\",\"data\":%s{"
                 "%ssocket_id%s:%s%s%s,%sactivity_timeout%s:%d}%s}",
                 d, q, q, q, k->socket_id, q, q, q,
                 rand_between(&s->net, 0, 1) ? 120 : 30, d);
        k->greeted = true;
        push_say(s, k, "", 0, text);
    }
}

static void
opened(struct sim *s, struct task *t)
{
    struct sim_socket *k = socket_of_task(s, t);
    struct pusher_end end = {.reason = "", .retry_after_ns = -1};
    struct fault *f;
    sgo_error err;

    if (k == NULL || !k->open || k->left) {
        return;
    }
    f = scenario_hits(s, F_REFUSE);
    if (f && f->arg) {
        end.http_status = (int)f->arg;
        end.retry_after_ns = f->arg == 503 ? 4 * NS_PER_S : -1;
        tell_closed(s, k, &end);
    } else if (f || scenario_hits(s, F_OUTAGE)) {
        error_set(&err, SGO_ERROR_TRANSPORT, "ws.test: connection refused");
        err.retryable = true;
        end.error = &err;
        tell_closed(s, k, &end);
    } else {
        brain_socket_opened(s->b, k->link_id, k->generation, s->now);
        sim_drain(s);
        greet(s, k);
    }
}

/* ---- from the client ---------------------------------------------------------------- */

static void
confirm(struct sim *s, struct sim_socket *k, const char *channel)
{
    static const char *const data[] = {
        "\"{\\\"presence\\\":{\\\"ids\\\":[\\\"u1\\\"],\\\"hash\\\":{},"
        "\\\"count\\\":1}}\"",
        "\"{}\"", "{}", NULL};
    const char *d = data[rand_between(&s->net, 0, 3)];
    char text[400];

    for (size_t i = 0; i < k->channel_count; i++) {
        if (strcmp(k->channels[i].name, channel) == 0) {
            push_say(s, k, "", 0,
                     "{\"event\":\"pusher:error\",\"data\":{\"code\":null,"
                     "\"message\":\"Existing subscription to channel\"}}");
            return;
        }
    }
    if (k->channel_count < SIM_CHANNELS) {
        struct sim_channel *c = &k->channels[k->channel_count++];

        snprintf(c->name, sizeof(c->name), "%s", channel);
        c->confirmed_at = s->now;
    }
    snprintf(text, sizeof(text),
             "{\"event\":\"pusher_internal:subscription_succeeded\","
             "\"channel\":\"%s\"%s%s}",
             channel, d ? ",\"data\":" : "", d ? d : "");
    push_say(s, k, channel, 0, text);
}

static void
subscribe(struct sim *s, struct sim_socket *k, const cJSON *data)
{
    const char *channel = cJSON_GetStringValue(
        cJSON_GetObjectItemCaseSensitive(data, "channel"));
    const char *auth =
        cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(data, "auth"));
    const char *user = cJSON_GetStringValue(
        cJSON_GetObjectItemCaseSensitive(data, "channel_data"));
    char wanted[200], text[400];

    if (channel == NULL || auth == NULL || user == NULL ||
        strcmp(user, CHANNEL_DATA) != 0) {
        sim_fail(s, "P2", "subscribe without auth or channel_data: %s",
                 user ? user : "none");
        return;
    }
    if (strncmp(socket_part(auth), k->socket_id, strlen(k->socket_id)) != 0) {
        sim_fail(s, "P2", "the signature of another socket was sent");
        return;
    }
    push_auth_text(s, k->socket_id, channel, wanted, sizeof(wanted));
    if (scenario_hits(s, F_SUB_SILENT)) {
        return;
    }
    if (strcmp(auth, wanted) != 0) {
        push_say(s, k, "", 0,
                 "{\"event\":\"pusher:error\",\"data\":{\"code\":null,"
                 "\"message\":\"Invalid signature: Expected HMAC\"}}");
    } else if (scenario_hits(s, F_SUB_ERROR)) {
        if (rand_between(&s->luck, 0, 1)) {
            snprintf(text, sizeof(text),
                     "{\"event\":\"pusher:subscription_error\",\"channel\":"
                     "\"%s\",\"data\":{\"type\":\"AuthError\",\"error\":"
                     "\"no\",\"status\":%d}}",
                     channel, rand_between(&s->luck, 0, 1) ? 401 : 500);
            push_say(s, k, "", 0, text);
        } else {
            push_say(s, k, "", 0,
                     "{\"event\":\"pusher:error\",\"data\":{\"code\":4009,"
                     "\"message\":\"Connection not authorized\"}}");
        }
    } else {
        confirm(s, k, channel);
    }
}

static void
heard(struct sim *s, struct task *t)
{
    struct sim_socket *k = socket_of_task(s, t);
    const char *event;
    const cJSON *data;
    cJSON *tree;

    if (k == NULL || !k->alive || k->mute) {
        return;
    }
    k->heard_at = s->now;
    tree = cJSON_Parse(t->text);
    event =
        cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(tree, "event"));
    data = cJSON_GetObjectItemCaseSensitive(tree, "data");
    if (event == NULL) {
        sim_fail(s, "P2", "the client sent %s", t->text);
    } else if (strcmp(event, "pusher:ping") == 0) {
        push_say(s, k, "", 0, "{\"event\":\"pusher:pong\",\"data\":{}}");
    } else if (strcmp(event, "pusher:subscribe") == 0) {
        subscribe(s, k, data);
    } else if (strcmp(event, "pusher:unsubscribe") == 0) {
        const char *name = cJSON_GetStringValue(
            cJSON_GetObjectItemCaseSensitive(data, "channel"));

        for (size_t i = 0; name && i < k->channel_count; i++) {
            if (strcmp(k->channels[i].name, name) == 0) {
                k->channels[i] = k->channels[--k->channel_count];
            }
        }
    }
    cJSON_Delete(tree);
}

void
push_send(struct sim *s, const struct action *a)
{
    struct sim_socket *k =
        socket_of(s, a->u.send.link_id, a->u.send.generation);

    sim_line(s, "SEND %.*s", (int)a->u.send.len, a->u.send.text);
    if (k && k->open && !k->left) {
        struct task *t = socket_task(s, k, s->now + sim_delay(s), heard);

        t->text = must(strndup(a->u.send.text, a->u.send.len));
    }
}

void
push_close(struct sim *s, uint32_t link_id, uint64_t generation, int code)
{
    struct sim_socket *k = socket_of(s, link_id, generation);
    struct sim_link *l = link_of(s, link_id);

    sim_line(s, "CLOSE %u.%" PRIu64 " %d", link_id, generation, code);
    if (k == NULL || !k->open) {
        return;
    }
    push_check_found(s, k);
    if (!k->left) {
        l->ended_at = s->now;
        l->code = 0;
        l->told_wait = -1;
        l->by_client = true;
        l->fetched = false;
    }
    k->left = true;
    k->alive = false;
    k->channel_count = 0;
    if (code == 0) {
        k->open = false;
    } else { /* the owner's own timer ends a dead one */
        int64_t wait = k->mute ? NS_PER_S : 2 * sim_delay(s);

        wait = wait > NS_PER_S ? NS_PER_S : wait;
        socket_task(s, k, s->now + wait, closed)->code = code;
    }
}

/* ---- connects ------------------------------------------------------------------------ */

void
push_connect(struct sim *s, const struct action *a)
{
    struct sim_socket *k = NULL;
    const char *key = strstr(a->u.connect.path, "/app/0123456789abcdef");

    sim_line(s, "CONNECT %u.%" PRIu64 " %s %s", a->u.connect.link_id,
             a->u.connect.generation, a->u.connect.host, a->u.connect.path);
    push_check_connect(s, a->u.connect.link_id,
                       link_of(s, a->u.connect.link_id));
    for (size_t i = 0; i < SIM_SOCKETS; i++) {
        if (!s->sockets[i].open) {
            k = &s->sockets[i];
            break;
        }
    }
    if (k == NULL || key == NULL) {
        sim_fail(s, "P5", "too many sockets, or no key in the path");
        return;
    }
    *k = (struct sim_socket){.link_id = a->u.connect.link_id,
                             .generation = a->u.connect.generation,
                             .open = true,
                             .key = (unsigned)atoi(key + 21)};
    socket_task(s, k, in_order(s, k), opened);
}

int64_t
push_confirmed_at(const struct sim *s, const char *channel)
{
    int64_t at = 0;

    for (size_t i = 0; i < SIM_SOCKETS; i++) {
        const struct sim_socket *k = &s->sockets[i];

        for (size_t c = 0; k->open && !k->left && c < k->channel_count; c++) {
            if (k->channels[c].heard &&
                push_same_channel(channel, k->channels[c].name) &&
                k->channels[c].confirmed_at > at) {
                at = k->channels[c].confirmed_at;
            }
        }
    }
    return at;
}

/* ---- faults at one moment, and the server's own clock ------------------------------------ */

void
push_instant(struct sim *s, struct fault *f)
{
    f->hits++;
    if (f->kind == F_ROTATE) {
        s->key++;
    }
    for (size_t i = 0; i < SIM_SOCKETS; i++) {
        struct sim_socket *k = &s->sockets[i];

        if (!k->alive || k->mute) {
            continue;
        }
        switch (f->kind) {
        case F_HALF_OPEN:
            k->mute = true;
            k->mute_at = s->now;
            break;
        case F_ROTATE:
            close_by_server(s, k, 4001);
            break;
        case F_FATAL:
            s->fatal = true;
            close_by_server(s, k, 4005);
            break;
        default:
            close_by_server(s, k, (int)f->arg);
            break;
        }
    }
}

static void
frame(struct sim *s, struct task *t)
{
    struct sim_socket *k = socket_of_task(s, t);

    if (k && k->open && !k->left && !k->mute) {
        brain_socket_frame(s->b, k->link_id, k->generation, s->now);
        sim_drain(s);
    }
}

void
push_pings(struct sim *s)
{
    for (size_t i = 0; i < SIM_SOCKETS; i++) {
        struct sim_socket *k = &s->sockets[i];

        if (k->alive && !k->mute) {
            socket_task(s, k, in_order(s, k), frame);
        }
    }
}
