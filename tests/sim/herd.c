/* 10,000 clients of one server, which goes down for 30 s and comes back: how
 * many of them does each second see?  Only the protocol runs here; sockets,
 * authorisations and subscriptions are answered at once while it is up. */
#include "sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pusher/message.h"
#include "pusher/protocol.h"

enum { CLIENTS = 10000, HERD_SECONDS = 150, SHARE_MAX = CLIENTS / 10 };

#define STEP_NS (10 * NS_PER_MS)
#define DOWN_AT (120 * NS_PER_S)
#define DOWN_NS (30 * NS_PER_S)

struct member {
    struct pusher *p;
    struct rand rand;
    int64_t due;
};

/* Connects by second since the server went down. */
struct herd {
    struct member *members;
    struct pusher_coordinates coordinates;
    int64_t now;
    bool up;
    unsigned connects[HERD_SECONDS];
    unsigned back, most, most_at;
};

static const char options[] =
    "{\"cluster\":\"us2\",\"wsHost\":\"ws.test\",\"channelAuthorization\":{"
    "\"endpoint\":\"https://api.test/v2/stream/pusher/auth\"}}";

static const char greeting[] =
    "{\"event\":\"pusher:connection_established\",\"data\":\"{\\\"socket_id"
    "\\\":\\\"1.2\\\",\\\"activity_timeout\\\":120}\"}";
static const char success[] =
    "{\"event\":\"pusher_internal:subscription_succeeded\",\"channel\":"
    "\"presence-x\",\"data\":\"{}\"}";
static const char pong[] = "{\"event\":\"pusher:pong\",\"data\":{}}";
static const char grant[] =
    "{\"auth\":\"k:s\",\"channel_data\":\"{\\\"user_id\\\":\\\"u\\\"}\"}";

static void
connect_wanted(struct herd *h, struct member *m, uint64_t generation)
{
    const struct pusher_end end = {.reason = "", .retry_after_ns = -1};

    if (h->now >= DOWN_AT && (h->now - DOWN_AT) / NS_PER_S < HERD_SECONDS) {
        h->connects[(h->now - DOWN_AT) / NS_PER_S]++;
    }
    if (!h->up) {
        pusher_closed(m->p, h->now, generation, &end);
        return;
    }
    pusher_opened(m->p, h->now, generation);
    pusher_message(m->p, h->now, generation, greeting, sizeof(greeting) - 1,
                   false);
}

/* Do what the client wants, at once. */
static void
serve(struct herd *h, struct member *m)
{
    const struct pusher_auth_answer granted = {.http_status = 200,
                                               .body = grant,
                                               .len = sizeof(grant) - 1,
                                               .retry_after_ns = -1};
    struct pusher_output o;

    while (pusher_next(m->p, &o)) {
        switch (o.kind) {
        case PUSHER_CONNECT:
            connect_wanted(h, m, o.generation);
            break;
        case PUSHER_AUTHORISE:
            pusher_authorised(m->p, h->now, o.authorise.request, &granted);
            break;
        case PUSHER_SEND:
            if (memmem(o.send.text, o.send.len, "pusher:ping", 11)) {
                pusher_message(m->p, h->now, o.generation, pong,
                               sizeof(pong) - 1, false);
            } else {
                pusher_message(m->p, h->now, o.generation, success,
                               sizeof(success) - 1, false);
            }
            break;
        case PUSHER_COORDINATES:
            if (pusher_set_coordinates(m->p, h->now, &h->coordinates) !=
                SGO_OK) {
                abort();
            }
            break;
        default:
            break;
        }
    }
    m->due = pusher_deadline(m->p);
}

static void
begin(struct herd *h)
{
    struct pusher_settings settings;
    sgo_error err;

    message_init();
    pusher_settings_default(&settings);
    settings.client_name = "sgostream";
    settings.client_version = "0";
    if (pusher_options_parse("0123456789abcdef0123", options,
                             sizeof(options) - 1, false, &h->coordinates,
                             &err) != SGO_OK) {
        abort();
    }
    h->up = true;
    h->now = NS_PER_S;
    h->members = must(calloc(CLIENTS, sizeof(*h->members)));
    for (size_t i = 0; i < CLIENTS; i++) {
        struct member *m = &h->members[i];

        rand_init(&m->rand, 77 + i);
        m->p = must(
            pusher_create(&h->coordinates, &settings, &m->rand, NULL, h->now));
        if (pusher_channel_add(m->p, h->now, "presence-x", "u") != SGO_OK) {
            abort();
        }
        pusher_start(m->p, h->now);
        serve(h, m);
    }
}

static void
go_down(struct herd *h, int code)
{
    const struct pusher_end end = {
        .close_code = code, .reason = "", .retry_after_ns = -1};

    h->up = false;
    for (size_t i = 0; i < CLIENTS; i++) {
        struct pusher_stats stats;

        pusher_read_stats(h->members[i].p, &stats);
        pusher_closed(h->members[i].p, h->now, stats.attempts, &end);
        serve(h, &h->members[i]);
    }
}

static void
show(struct herd *h, int code)
{
    printf("%d clients, down for 30 s (close code %d); connects in each "
           "second after the return:\n ",
           CLIENTS, code);
    for (int i = 30; i < HERD_SECONDS; i++) {
        if (h->connects[i]) {
            printf(" %d:%u", i - 30, h->connects[i]);
        }
    }
    printf("\n  most: %u in second %u; subscribed again: %u\n", h->most,
           h->most_at, h->back);
}

static bool
run(int code, bool loud)
{
    struct herd *h = must(calloc(1, sizeof(*h)));
    bool good;

    begin(h);
    h->now = DOWN_AT;
    for (size_t i = 0; i < CLIENTS; i++) { /* stable for long by now */
        pusher_tick(h->members[i].p, h->now);
        serve(h, &h->members[i]);
    }
    go_down(h, code);
    for (; h->now < DOWN_AT + HERD_SECONDS * NS_PER_S; h->now += STEP_NS) {
        h->up = h->now >= DOWN_AT + DOWN_NS;
        for (size_t i = 0; i < CLIENTS; i++) {
            if (h->members[i].due <= h->now) {
                pusher_tick(h->members[i].p, h->now);
                serve(h, &h->members[i]);
            }
        }
    }
    for (unsigned i = 30; i < HERD_SECONDS; i++) {
        if (h->connects[i] > h->most) {
            h->most = h->connects[i];
            h->most_at = i - 30;
        }
    }
    for (size_t i = 0; i < CLIENTS; i++) {
        h->back += pusher_channel_subscribed(h->members[i].p, "presence-x");
        pusher_free(h->members[i].p);
    }
    if (loud) {
        show(h, code);
    }
    good = h->most <= SHARE_MAX && h->back == CLIENTS;
    pusher_coordinates_fini(&h->coordinates);
    free(h->members);
    free(h);
    return good;
}

bool
herd_run(bool loud)
{
    bool good = run(1006, loud);

    return run(4200, loud) && good;
}
