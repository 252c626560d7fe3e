/* Fuzz target: a hostile Pusher server and authorisation endpoint.  The input
 * is cut at 0xFF bytes; each piece's first byte says what it is: pusherOptions
 * (first piece only), a message, an authorisation's answer, the end of the
 * socket, or time passing.  What is wanted must stay within bounds. */
#include "fuzz.h"

#include <string.h>

#include "base/clock.h"
#include "pusher/message.h"
#include "pusher/protocol.h"

static const char plain_options[] =
    "{\"cluster\":\"mt1\",\"channelAuthorization\":{\"endpoint\":"
    "\"https://api.test/v2/stream/pusher/auth\",\"headers\":{\"x-api-key\":"
    "\"SECRETKEY\"}}}";

struct peer {
    struct pusher *p;
    int64_t now;
    uint64_t generation, request;
    bool open;
};

static void
drain(struct peer *peer)
{
    struct pusher_output o;
    int n = 0;

    while (pusher_next(peer->p, &o)) {
        REQUIRE(++n < 10000);
        switch (o.kind) {
        case PUSHER_CONNECT:
            REQUIRE(strstr(o.connect.path, "SECRETKEY") == NULL);
            peer->generation = o.generation;
            peer->open = false;
            break;
        case PUSHER_SEND:
            REQUIRE(o.send.len <= MESSAGE_SENT_MAX);
            REQUIRE(strlen(o.send.text) == o.send.len);
            break;
        case PUSHER_AUTHORISE:
            peer->request = o.authorise.request;
            for (size_t i = 0; i < o.authorise.header_count; i++) {
                REQUIRE(!strpbrk(o.authorise.headers[i].value, "\r\n"));
                REQUIRE(!strpbrk(o.authorise.headers[i].name, "\r\n: "));
            }
            break;
        case PUSHER_NOTIFICATION:
            for (size_t i = 0; i < o.notification.count; i++) {
                size_t len = strlen(o.notification.ids[i]);

                REQUIRE(len > 0 && len <= PUSHER_EVENT_ID_MAX);
            }
            break;
        default:
            break;
        }
    }
}

static void
one(struct peer *peer, const char *bytes, size_t len)
{
    const char kind = len ? bytes[0] : 't';
    struct pusher_auth_answer answer = {.http_status = 200};
    struct pusher_end end = {.close_code = 4200};

    bytes += len > 0;
    len -= len > 0;
    peer->now += 50 * NS_PER_MS;
    switch (kind) {
    case 'a':
        answer.body = bytes;
        answer.len = len;
        pusher_authorised(peer->p, peer->now, peer->request, &answer);
        break;
    case 'c':
        end.close_code =
            len >= 4
                ? atoi((char[5]){bytes[0], bytes[1], bytes[2], bytes[3], 0})
                : 1006;
        end.reason = bytes;
        end.reason_len = len;
        pusher_closed(peer->p, peer->now, peer->generation, &end);
        break;
    case 't':
        peer->now += (int64_t)len * NS_PER_S;
        pusher_tick(peer->p, peer->now);
        break;
    default:
        if (!peer->open) {
            pusher_opened(peer->p, peer->now, peer->generation);
            peer->open = true;
            drain(peer);
        }
        pusher_message(peer->p, peer->now, peer->generation, bytes, len,
                       kind == 'b');
        break;
    }
    drain(peer);
}

static sgo_status
options(const char *bytes, size_t len, struct pusher_coordinates *out)
{
    sgo_error err;

    if (len && bytes[0] == 'o' &&
        pusher_options_parse("0123456789abcdef0123", bytes + 1, len - 1, false,
                             out, &err) == SGO_OK) {
        REQUIRE(out->tls);
        return SGO_OK;
    }
    return pusher_options_parse("0123456789abcdef0123", plain_options,
                                sizeof(plain_options) - 1, false, out, &err);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *at = (const char *)data, *end = at + size;
    struct pusher_coordinates coordinates;
    struct pusher_settings settings;
    struct peer peer = {.now = NS_PER_S};
    struct rand rand;

    message_init();
    rand_init(&rand, 1);
    pusher_settings_default(&settings);
    REQUIRE(options(at, size, &coordinates) == SGO_OK);
    peer.p = pusher_create(&coordinates, &settings, &rand, NULL, peer.now);
    REQUIRE(peer.p != NULL);
    REQUIRE(pusher_channel_add(peer.p, peer.now, "private-events", NULL) ==
            SGO_OK);
    REQUIRE(pusher_channel_add(peer.p, peer.now, "presence-events",
                               "{\"user_id\":\"1\"}") == SGO_OK);
    pusher_start(peer.p, peer.now);
    drain(&peer);
    while (at < end) {
        const char *cut = memchr(at, 0xFF, (size_t)(end - at));
        const size_t len = (size_t)((cut ? cut : end) - at);
        char *copy = malloc(len + 1); /* its bounds are watched */

        REQUIRE(copy != NULL);
        memcpy(copy, at, len);
        one(&peer, copy, len);
        free(copy);
        at += len + 1;
    }
    pusher_stop(peer.p, peer.now);
    drain(&peer);
    pusher_free(peer.p);
    pusher_coordinates_fini(&coordinates);
    return 0;
}
