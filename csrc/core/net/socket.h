/* A WebSocket client over libwebsockets.  One struct socket is one attempt
 * and the connection that may come of it; reconnecting is the caller's
 * business.  Every callback on the I/O thread, never inside socket_open. */
#ifndef SGO_NET_SOCKET_H
#define SGO_NET_SOCKET_H

#include "base/types.h"
#include "net/loop.h"
#include "net/proxy.h"
#include "net/tls.h"

struct socket;

enum {
    SOCKET_MESSAGE_BYTES = 1 << 20, /* default maximum received */
    SOCKET_QUEUE_BYTES = 256 << 10, /* waiting to be sent */
    SOCKET_REASON_BYTES = 124
};
#define SOCKET_STUCK_NS (10 * NS_PER_S) /* nothing could be sent: dead */
#define SOCKET_CLOSE_NS NS_PER_S        /* wait for the peer's close */
#define SOCKET_LIFE_NS (5 * NS_PER_S)
#define SOCKET_LEAVE_NS (500 * NS_PER_MS)

/* Copied; roots is retained. */
struct socket_request {
    const char *host; /* for SNI, certificate and Host; no brackets */
    uint16_t port;
    const char *path; /* with query, starts with '/' */
    bool tls;         /* false: loopback only */
    struct roots *roots;
    const char *user_agent;
    const char *proxy;        /* NULL: environment; "": none; else a URL */
    size_t max_message_bytes; /* 0: SOCKET_MESSAGE_BYTES */
    int64_t open_timeout_ns;  /* lookup to 101; 0: none */
    int64_t life_interval_ns; /* see on_frame; 0: SOCKET_LIFE_NS */
    struct log *log;          /* may be NULL; outlives the socket */
};

struct socket_end {
    bool was_open;
    bool clean;     /* a close frame came from the peer */
    int close_code; /* the peer's; 1005: frame without code; 1006: none;
                        1009: ours, message too big; 0: never open */
    char reason[SOCKET_REASON_BYTES]; /* the peer's, valid UTF-8 */
    int http_status;   /* of an answer other than 101; 0: none came */
    sgo_status status; /* SGO_OK: closed by frames, see close_code;
                          SGO_CLOSED: by socket_close before it was open;
                          SGO_TIMEOUT; SGO_LIMIT; SGO_FAILED;
                          SGO_NO_MEMORY */
    sgo_error error;   /* TRANSPORT (or LIMIT) unless SGO_OK or SGO_CLOSED */
};

struct socket_handler {
    void (*on_open)(void *ctx);
    /* One whole message; bytes valid during the call. */
    void (*on_message)(void *ctx, const char *bytes, size_t len, bool binary);
    /* Anything arrived, control frames and fragments included: a sign of
     * life.  Before on_message.  Pings of the peer, which lws answers and
     * keeps to itself, are noticed up to life_interval_ns late, on Linux
     * only.  May be NULL. */
    void (*on_frame)(void *ctx);
    /* Exactly once, last; the socket is gone afterwards. */
    void (*on_end)(void *ctx, const struct socket_end *end);
};

/* SGO_OK: on_end will come.  SGO_INVALID, SGO_NO_MEMORY, SGO_CLOSED (the loop
 * is stopping): err told, it will not. */
sgo_status socket_open(struct loop *loop, const struct socket_request *request,
                       const struct socket_handler *handler, void *ctx,
                       struct socket **out, sgo_error *err) SGO_WARN_UNUSED;

/* Queue one text message; SGO_LIMIT when SOCKET_QUEUE_BYTES would be passed,
 * SGO_CLOSED unless open. */
sgo_status socket_send(struct socket *s, const char *text,
                       size_t len) SGO_WARN_UNUSED;

/* Say goodbye (code 1000, 3000-4999) and wait SOCKET_CLOSE_NS for the peer;
 * on_end comes.  Before the connection is open: ends at once. */
void socket_close(struct socket *s, int code, const char *reason);

/* The same, but no callback comes any more and the pointer is dead: the loop
 * finishes it within SOCKET_LEAVE_NS.  NULL is fine. */
void socket_leave(struct socket *s, int code, const char *reason);

/* Drop the connection now; no callback afterwards, the pointer is dead.  May
 * be called inside its own callbacks.  NULL is fine. */
void socket_kill(struct socket *s);

/* Bytes that wait to be sent. */
size_t socket_queued(const struct socket *s);

/* When anything last arrived, pings included where the system tells (Linux),
 * on loop_now_ns()'s clock; 0: never open. */
int64_t socket_last_rx_ns(const struct socket *s);

#endif
