/* API and Pusher on one loopback port, for tests of the whole client: a slate
 * of live events that the test changes, over net_peer.h's server. */
#ifndef SGO_TESTS_CLIENT_PEER_H
#define SGO_TESTS_CLIENT_PEER_H

#include "net_peer.h"

enum { SLATE_EVENTS = 400, SLATE_BODY_BYTES = 512, SLATE_PAGE = 100 };

#define SLATE_KEY "0123456789abcdef0123"
#define SLATE_CHANNEL "private-events-live"

struct slate {
    struct peer *peer;
    size_t n;
    unsigned v[SLATE_EVENTS]; /* version of "E0"…, under world's lock */
    bool hold;                /* bootstraps wait; CHANGE it */
    pthread_mutex_t wire;     /* who writes to the socket; guards `socket` */
    struct conn *socket;      /* subscribed, the newest */
};

/* The event's JSON as the API has it now. */
static UNUSED size_t
slate_event(struct slate *s, size_t i, char body[SLATE_BODY_BYTES])
{
    unsigned v;

    pthread_mutex_lock(&world);
    v = s->v[i];
    pthread_mutex_unlock(&world);
    return (size_t)snprintf(
        body, SLATE_BODY_BYTES,
        "{\"eventID\":\"E%zu\",\"leagueID\":\"NBA\",\"status\":{\"live\":true,"
        "\"started\":true,\"ended\":false},\"odds\":{\"points-home\":{"
        "\"oddID\":\"points-home\",\"byBookmaker\":{\"book\":{\"odds\":\"-%u\","
        "\"available\":true}}}},\"version\":%u}",
        i, 100 + v, v);
}

static void
slate_respond(struct conn *c, const char *text, size_t len)
{
    respond(c, "200 OK", "Content-Type: application/json\r\n", text, len);
}

/* Events [from, until) of the slate, with what stands before "data". */
static void
slate_list(struct slate *s, struct conn *c, const char *before, size_t from,
           size_t until, const char *ids)
{
    char body[SLATE_BODY_BYTES], id[24], *text;
    const char *separator = "";
    size_t len;
    FILE *f = open_memstream(&text, &len);

    fprintf(f, "{\"success\":true,%s\"data\":[", before);
    for (size_t i = from; i < until && i < s->n; i++) {
        snprintf(id, sizeof(id), "E%zu,", i);
        if (ids == NULL || strstr(ids, id)) {
            slate_event(s, i, body);
            fprintf(f, "%s%s", separator, body);
            separator = ",";
        }
    }
    fputs("]", f);
    if (ids == NULL && until < s->n) {
        fprintf(f, ",\"nextCursor\":\"%zu\"", until);
    }
    fputs("}", f);
    fclose(f);
    slate_respond(c, text, len);
    free(text);
}

static void
slate_bootstrap(struct slate *s, struct conn *c)
{
    char before[600];

    (void)WAIT_OK(!s->hold);
    snprintf(before, sizeof(before),
             "\"pusherKey\":\"" SLATE_KEY "\",\"pusherOptions\":{"
             "\"cluster\":\"us2\",\"wsHost\":\"127.0.0.1\",\"wsPort\":%u,"
             "\"forceTLS\":false,\"channelAuthorization\":{\"endpoint\":"
             "\"%s/v2/auth\"}},\"user\":\"u1\",\"channel\":\"" SLATE_CHANNEL
             "\",",
             s->peer->port, s->peer->base);
    slate_list(s, c, before, 0, s->n, NULL);
}

static void
slate_events(struct slate *s, struct conn *c, const char *path)
{
    const char *ids = strstr(path, "eventIDs="), *at;
    char asked[1100];
    size_t from;

    if (ids) {
        snprintf(asked, sizeof(asked), "%.*s,", (int)strcspn(ids + 9, "&"),
                 ids + 9);
        while ((at = strstr(asked, "%2C")) != NULL) {
            memmove(asked + (at - asked) + 1, at + 3, strlen(at + 3) + 1);
            asked[at - asked] = ',';
        }
        slate_list(s, c, "", 0, s->n, asked);
        return;
    }
    at = strstr(path, "cursor=");
    from = at ? strtoul(at + 7, NULL, 10) : 0;
    slate_list(s, c, "", from, from + SLATE_PAGE, NULL);
}

static void
slate_say(struct slate *s, struct conn *c, const char *text)
{
    pthread_mutex_lock(&s->wire);
    ws_text(c, text);
    pthread_mutex_unlock(&s->wire);
}

static void
slate_socket(struct slate *s, struct conn *c, const struct request *r)
{
    char text[4096];
    size_t len;
    int opcode;

    ws_accept(c, r);
    slate_say(
        s, c,
        "{\"event\":\"pusher:connection_established\",\"data\":\"{"
        "\\\"socket_id\\\":\\\"1.2\\\",\\\"activity_timeout\\\":120}\"}");
    while ((opcode = ws_read(c, text, sizeof(text), &len)) >= 0) {
        if (opcode == WS_CLOSE) {
            ws_frame(c, WS_CLOSE, true, text, len < 2 ? 0 : 2);
            break;
        }
        if (strstr(text, "pusher:subscribe")) {
            slate_say(s, c,
                      "{\"event\":\"pusher_internal:subscription_succeeded\","
                      "\"channel\":\"" SLATE_CHANNEL "\",\"data\":\"{}\"}");
            pthread_mutex_lock(&s->wire);
            s->socket = c;
            pthread_mutex_unlock(&s->wire);
        } else if (strstr(text, "pusher:ping")) {
            slate_say(s, c, "{\"event\":\"pusher:pong\",\"data\":{}}");
        }
    }
    pthread_mutex_lock(&s->wire);
    if (s->socket == c) {
        s->socket = NULL;
    }
    pthread_mutex_unlock(&s->wire);
}

static void
slate_serve(struct conn *c)
{
    static const char usage[] =
        "{\"success\":true,\"data\":{\"rateLimits\":{}}}";
    static const char auth[] = "{\"auth\":\"" SLATE_KEY ":00\"}";
    struct slate *s = c->peer->ctx;
    struct request r;

    while (read_request(c, &r)) {
        if (strncmp(r.path, "/app/", 5) == 0) {
            slate_socket(s, c, &r);
            return;
        }
        if (strncmp(r.path, "/v2/stream/events", 17) == 0) {
            slate_bootstrap(s, c);
        } else if (strncmp(r.path, "/v2/events", 10) == 0) {
            slate_events(s, c, r.path);
        } else if (strcmp(r.path, "/v2/auth") == 0) {
            slate_respond(c, auth, sizeof(auth) - 1);
        } else {
            slate_respond(c, usage, sizeof(usage) - 1);
        }
    }
}

static UNUSED void
slate_start(struct slate *s, size_t n)
{
    *s = (struct slate){.n = n};
    for (size_t i = 0; i < n; i++) {
        s->v[i] = 1;
    }
    pthread_mutex_init(&s->wire, NULL);
    s->peer = peer_start(slate_serve, NULL, s);
}

static UNUSED void
slate_stop(struct slate *s)
{
    peer_stop(s->peer);
    pthread_mutex_destroy(&s->wire);
}

/* The event changes, and whoever has subscribed hears of it. */
static UNUSED void
slate_change(struct slate *s, size_t i)
{
    char text[300];

    CHANGE(s->v[i]++);
    snprintf(text, sizeof(text),
             "{\"event\":\"data\",\"channel\":\"" SLATE_CHANNEL "\",\"data\":"
             "\"[{\\\"eventID\\\":\\\"E%zu\\\"}]\"}",
             i);
    pthread_mutex_lock(&s->wire);
    if (s->socket) {
        ws_text(s->socket, text);
    }
    pthread_mutex_unlock(&s->wire);
}

#endif
