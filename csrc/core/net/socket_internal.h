/* What the files of socket.h share: socket.c (states and ends), socket_request.c
 * (opening), socket_message.c (traffic), socket_lws.c (everything that calls
 * libwebsockets). */
#ifndef SGO_NET_SOCKET_INTERNAL_H
#define SGO_NET_SOCKET_INTERNAL_H

#include "base/buf.h"
#include "net/resolve.h"
#include "net/socket.h"

struct lws;
struct lws_vhost;

enum {
    SOCKET_HOST_BYTES = 128,   /* lws cuts longer names */
    SOCKET_PROXIED_BYTES = 90, /* lws builds CONNECT in 256 bytes */
    SOCKET_LOGIN_BYTES = 90,   /* and the login in 96 */
    SOCKET_PATH_BYTES = 2048,
    SOCKET_VHOSTS = 32 /* pairs of roots and proxy, per loop */
};
/* Per address, while there are more to try. */
#define SOCKET_ADDRESS_NS (3 * NS_PER_S)

enum socket_state {
    SOCKET_RESOLVING,  /* waits for addresses, or for the first step */
    SOCKET_CONNECTING, /* lws is at work, or the next address waits */
    SOCKET_OPEN,
    SOCKET_CLOSING, /* our close waits to be sent or answered */
    SOCKET_ENDED    /* on_end waits for its turn */
};

/* How far an attempt came. */
enum socket_phase { PHASE_TCP, PHASE_TLS, PHASE_UPGRADE };

struct message {
    struct message *next;
    size_t len;
    unsigned char bytes[]; /* LWS_PRE free bytes, then len */
};

struct socket {
    struct loop_wsi head; /* first: lws' opaque pointer */
    struct socket *prev, *next;
    struct socket_set *set;
    struct loop *loop;
    struct socket_handler handler;
    void *ctx;
    enum socket_state state;
    enum socket_phase phase;
    bool dead;       /* no callbacks; freed when lws lets go */
    bool delivering; /* inside on_end */
    bool entering;   /* inside lws_client_connect_via_info */
    bool holding;    /* keeps a stopping loop alive */
    bool give_up;    /* no further address */
    bool killed;     /* lws was asked to drop it */
    bool close_sent;
    bool stuck, late; /* which time limit ended it */

    char host[SOCKET_HOST_BYTES];
    uint16_t port;
    char *path;
    char *user_agent;
    bool tls;
    struct roots *roots;
    struct proxy proxy;
    struct log *log;
    int64_t open_timeout_ns, life_interval_ns;

    struct resolve *lookup;
    struct address addresses[RESOLVE_ADDRESSES];
    size_t address_count, address_at; /* at: the next to be tried */
    struct lws *wsi;
    struct vhost *vhost;
    enum socket_phase
        far_phase;       /* of the earlier address that came furthest */
    sgo_error far_error; /* its end; kind NONE: there was none */
    long verify_error;   /* X509_V_ERR_*, 0: none */
    char why[160];       /* lws' words */

    struct loop_timer step;    /* the next move, in a clean stack */
    struct loop_timer limit;   /* of opening; of closing; of sending */
    struct loop_timer attempt; /* of one address; open: looks for life */

    struct buf message; /* parts of one message so far */
    bool binary;
    int64_t last_rx_ns;
    struct message *queue, **queue_tail;
    size_t queued;
    int close_code; /* ours; 0: none */
    char close_reason[SOCKET_REASON_BYTES];
    struct socket_end end;
};

struct vhost {
    struct vhost *next;
    unsigned references; /* sockets */
    struct roots *roots; /* NULL: plain only; retained */
    struct proxy proxy;
    struct ssl_ctx_st *ssl_ctx;
    struct lws_vhost *lws; /* NULL: retired, but its ssl_ctx may be in use */
};

/* All sockets of a loop. */
struct socket_set {
    struct loop *loop;
    struct loop_watch watch;
    int64_t jumped_ns; /* when the machine last woke; 0: never slept */
    struct socket *sockets;
    struct vhost *vhosts;
};

/* socket.c */
void socket_free(struct socket *s);
void socket_attempt_ended(struct socket *s); /* lws has let go */
void socket_init_timers(struct socket *s);
void socket_opened(struct socket *s);

/* socket_message.c */
/* Ask the system whether anything arrived that lws kept to itself. */
void socket_look_for_life(struct socket *s);
void socket_received(struct socket *s, const char *bytes, size_t len,
                     bool first, bool last, bool binary);
void socket_pong(struct socket *s);
void socket_peer_closes(struct socket *s, const unsigned char *in, size_t len);
/* The next message to be written, taken from the queue, or NULL. */
struct message *socket_take_message(struct socket *s);
/* After a write: more is waiting (ours, or inside lws), or all is sent. */
void socket_wrote(struct socket *s, bool more);

/* socket_lws.c */
sgo_status wire_connect(struct socket *s, const struct address *to);
void wire_want_write(struct socket *s);
void wire_kill(struct socket *s);
int64_t wire_idle_ns(const struct socket *s); /* -1: not known */
struct message *wire_message(const char *text, size_t len);
void wire_close_vhosts(struct socket_set *set); /* lws is gone */

#endif
