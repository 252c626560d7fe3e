/* A stage for the Pusher protocol: virtual time, a scripted server, and a
 * record of everything that was wanted and told. */
#ifndef SGO_TESTS_PUSHER_HELP_H
#define SGO_TESTS_PUSHER_HELP_H

#include "base/clock.h"
#include "pusher/protocol.h"

#define OPTIONS                                                               \
    "{\"cluster\":\"us2\",\"wsHost\":\"ws-us2.pusher.com\",\"wsPort\":80,"    \
    "\"wssPort\":443,\"channelAuthorization\":{\"endpoint\":"                 \
    "\"https://api.example.com/v2/stream/pusher/auth\",\"headers\":"          \
    "{\"x-api-key\":\"topsecretapikey\"}}}"
#define KEY "0123456789abcdef0123"
#define API_KEY "topsecretapikey"
#define CHANNEL "presence-events-live"
#define SIGNATURE                                                             \
    "58df8b0c36d6982b82c3ecf6b4662e34fe8c25bba48f5369f135bf843651c3a4"
#define AUTH KEY ":" SIGNATURE
#define ESTABLISHED                                                           \
    "{\"event\":\"pusher:connection_established\",\"data\":"                  \
    "\"{\\\"socket_id\\\":\\\"81.44\\\",\\\"activity_timeout\\\":120}\"}"

enum { SEEN_MAX = 20000 };

/* One output, copied. */
struct seen {
    enum pusher_output_kind kind;
    int64_t at;
    uint64_t generation;
    uint64_t request;
    sgo_connection previous, current;
    int code;
    bool tls;
    int port;
    size_t count, over;
    int64_t ns; /* retry_in, began */
    sgo_error error;
    char channel[PUSHER_CHANNEL_NAME_MAX + 1];
    char *text; /* path, message, body, reason, first id */
    char *more; /* host, url, last id */
};

struct stage {
    struct pusher *p;
    struct pusher_settings settings;
    struct pusher_coordinates coordinates;
    struct rand rand;
    struct log log;
    int64_t now;
    int64_t start;
    uint64_t generation; /* of the last CONNECT */
    uint64_t request;    /* of the last AUTHORISE */
    struct seen *seen;
    size_t count;
    size_t mark; /* looks start here */
    char *logged;
    size_t logged_len;
};

/* With OPTIONS (NULL) or others; settings at their defaults, seed 1. */
void stage_init(struct stage *w, const char *options);
void stage_seed(struct stage *w, const char *options, uint64_t seed);
/* Create the protocol from w->settings; init does not. */
void stage_make(struct stage *w);
void stage_fini(struct stage *w);

void stage_drain(struct stage *w);
/* Let time pass, ticking at each deadline. */
void stage_run(struct stage *w, int64_t duration_ns);
void stage_mark(struct stage *w); /* forget what was seen so far */

size_t stage_seen(const struct stage *w, enum pusher_output_kind kind);
/* The last of its kind since the mark; a blank one if there is none. */
const struct seen *stage_last(const struct stage *w,
                              enum pusher_output_kind kind);
const struct seen *stage_first(const struct stage *w,
                               enum pusher_output_kind kind);
/* SENDs since the mark that hold the text. */
size_t stage_sent(const struct stage *w, const char *text);

/* The network and the server. */
void stage_opened(struct stage *w);
void stage_say(struct stage *w, const char *text);
void stage_say_bytes(struct stage *w, const char *bytes, size_t len,
                     bool binary);
void stage_closed(struct stage *w, int code, const char *reason);
void stage_failed(struct stage *w, sgo_error_kind kind, int http_status);
void stage_answer(struct stage *w, int status, const char *body);
void stage_grant(struct stage *w);
void stage_succeed(struct stage *w, const char *channel);

/* Started, opened, greeted; then also with CHANNEL subscribed. */
void stage_connect(struct stage *w);
void stage_live(struct stage *w);
/* Open, greet, grant, confirm the connection that was just asked for. */
void stage_through(struct stage *w);
struct pusher_stats stage_stats(const struct stage *w);

#define S(n) ((int64_t)((double)(n)*1e9))

#endif
