/* Peers for the tests of net/: a TCP or TLS server whose connections are
 * served by a function of the test, certificates made on the spot, the far
 * side of a WebSocket, and a way to run a piece of a test on the I/O thread.
 * Loopback only; nothing sleeps for longer than its peer needs. */
#ifndef SGO_TESTS_NET_PEER_H
#define SGO_TESTS_NET_PEER_H

#include "base/clock.h"
#include "base/mem.h"
#include "net/loop.h"

#include "check.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* ThreadSanitizer cannot follow threads that a child of fork() starts. */
#if defined(__SANITIZE_THREAD__)
enum { FORK_AND_THREADS = 0 };
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
enum { FORK_AND_THREADS = 0 };
#else
enum { FORK_AND_THREADS = 1 };
#endif
#else
enum { FORK_AND_THREADS = 1 };
#endif

#define UNUSED __attribute__((unused))
enum { PEER_CONNECTIONS = 256 };
#define PATIENCE_NS (10 * NS_PER_S)

/* ---- waiting for something ----------------------------------------------*/

static pthread_mutex_t world = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t world_changed = PTHREAD_COND_INITIALIZER;

/* Change what a test waits for, under the lock. */
#define CHANGE(statement)                                                     \
    do {                                                                      \
        pthread_mutex_lock(&world);                                           \
        statement;                                                            \
        pthread_cond_broadcast(&world_changed);                               \
        pthread_mutex_unlock(&world);                                         \
    } while (0)

/* Wait until it is true; false after PATIENCE_NS. */
#define WAIT(cond) CHECK(WAIT_OK(cond))
#define WAIT_OK(cond)                                                         \
    __extension__({                                                           \
        struct timespec ts_;                                                  \
        bool ok_;                                                             \
        clock_gettime(CLOCK_REALTIME, &ts_);                                  \
        ts_.tv_sec += (time_t)(PATIENCE_NS / NS_PER_S);                       \
        pthread_mutex_lock(&world);                                           \
        while (!(ok_ = (cond)) &&                                             \
               pthread_cond_timedwait(&world_changed, &world, &ts_) == 0) {   \
        }                                                                     \
        pthread_mutex_unlock(&world);                                         \
        ok_;                                                                  \
    })

/* ---- on the I/O thread ----------------------------------------------------*/

struct errand {
    struct loop_task task;
    void (*run)(void *ctx);
    void *ctx;
    bool done;
};

static void
errand_run(void *ctx)
{
    struct errand *e = ctx;

    e->run(e->ctx);
    CHANGE(e->done = true);
}

/* Run it there and wait for its end. */
static UNUSED void
on_loop(struct loop *loop, void (*run)(void *ctx), void *ctx)
{
    struct errand e = {.run = run, .ctx = ctx};

    e.task.run = errand_run;
    e.task.ctx = &e;
    loop_post(loop, &e.task);
    WAIT(e.done);
}

static UNUSED struct loop *
get_loop(void)
{
    struct loop *loop = NULL;
    sgo_error err;

    if (loop_acquire(&loop, &err) != SGO_OK) {
        fprintf(stderr, "%s\n", err.text);
        abort();
    }
    return loop;
}

static UNUSED int64_t
ms_since(int64_t then_ns)
{
    return (clock_now_ns() - then_ns) / NS_PER_MS;
}

/* ---- servers --------------------------------------------------------------*/

struct peer;

struct conn {
    struct peer *peer;
    int fd;
    SSL *ssl;
    int number; /* 0: the peer's first connection */
    pthread_t thread;
};

struct peer {
    uint16_t port;
    char base[64]; /* "http://127.0.0.1:port" */
    int fd;
    SSL_CTX *tls; /* NULL: plain */
    void (*serve)(struct conn *conn);
    void *ctx;
    pthread_t thread;
    pthread_mutex_t lock; /* conns, count, stopping */
    struct conn conns[PEER_CONNECTIONS];
    int count;
    bool stopping;
    atomic_int accepted, requests, handshakes;
};

static UNUSED ssize_t
conn_read(struct conn *c, void *out, size_t len)
{
    return c->ssl != NULL ? SSL_read(c->ssl, out, (int)len)
                          : recv(c->fd, out, len, 0);
}

static UNUSED bool
conn_write(struct conn *c, const void *bytes, size_t len)
{
    const char *at = bytes;

    while (len > 0) {
        ssize_t n = c->ssl != NULL ? SSL_write(c->ssl, at, (int)len)
                                   : send(c->fd, at, len, MSG_NOSIGNAL);

        if (n <= 0) {
            return false;
        }
        at += n;
        len -= (size_t)n;
    }
    return true;
}

static UNUSED bool
conn_text(struct conn *c, const char *text)
{
    return conn_write(c, text, strlen(text));
}

/* Read exactly len bytes. */
static UNUSED bool
conn_exactly(struct conn *c, void *out, size_t len)
{
    char *at = out;

    while (len > 0) {
        ssize_t n = conn_read(c, at, len);

        if (n <= 0) {
            return false;
        }
        at += n;
        len -= (size_t)n;
    }
    return true;
}

/* Wait until the other side closes, throwing away what it says. */
static UNUSED void
conn_until_closed(struct conn *c)
{
    char sink[4096];

    while (conn_read(c, sink, sizeof(sink)) > 0) {
    }
}

/* Close with a TCP reset. */
static UNUSED void
conn_reset(struct conn *c)
{
    struct linger now = {1, 0};

    setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
}

static void *
conn_main(void *arg)
{
    struct conn *c = arg;
    struct peer *p = c->peer;
    bool fine = true;
    sigset_t pipe_signal;
    int fd;

    sigemptyset(&pipe_signal); /* OpenSSL writes with write() */
    sigaddset(&pipe_signal, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe_signal, NULL);
    if (p->tls != NULL) {
        c->ssl = SSL_new(p->tls);
        SSL_set_fd(c->ssl, c->fd);
        fine = SSL_accept(c->ssl) == 1;
        if (fine) {
            p->handshakes++;
        }
    }
    if (fine) {
        p->serve(c);
    }
    SSL_free(c->ssl);
    ERR_clear_error();
    pthread_mutex_lock(&p->lock);
    fd = c->fd;
    c->fd = -1;
    close(fd);
    pthread_mutex_unlock(&p->lock);
    CHANGE((void)0);
    return NULL;
}

static void *
peer_main(void *arg)
{
    struct peer *p = arg;

    for (;;) {
        int fd = accept(p->fd, NULL, NULL);
        int one = 1;
        struct conn *c;

        if (fd < 0) {
            return NULL;
        }
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
        pthread_mutex_lock(&p->lock);
        if (p->stopping || p->count == PEER_CONNECTIONS) {
            pthread_mutex_unlock(&p->lock);
            close(fd);
            continue;
        }
        c = &p->conns[p->count];
        c->peer = p;
        c->fd = fd;
        c->number = p->count++;
        p->accepted++;
        pthread_create(&c->thread, NULL, conn_main, c);
        pthread_mutex_unlock(&p->lock);
        CHANGE((void)0);
    }
}

static int
listen_on_loopback(uint16_t *port, int backlog)
{
    struct sockaddr_in sa = {.sin_family = AF_INET,
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(sa);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || bind(fd, (struct sockaddr *)&sa, sizeof(sa)) != 0 ||
        listen(fd, backlog) != 0 ||
        getsockname(fd, (struct sockaddr *)&sa, &len) != 0) {
        perror("listen");
        abort();
    }
    *port = ntohs(sa.sin_port);
    return fd;
}

/* A port of loopback that refuses. */
static UNUSED uint16_t
closed_port(void)
{
    uint16_t port;

    close(listen_on_loopback(&port, 1));
    return port;
}

static UNUSED struct peer *
peer_start(void (*serve)(struct conn *conn), SSL_CTX *tls, void *ctx)
{
    struct peer *p = calloc(1, sizeof(*p));

    pthread_mutex_init(&p->lock, NULL);
    p->fd = listen_on_loopback(&p->port, 64);
    p->serve = serve;
    p->tls = tls;
    p->ctx = ctx;
    snprintf(p->base, sizeof(p->base), "%s://%s:%u", tls ? "https" : "http",
             tls ? "localhost" : "127.0.0.1", p->port);
    pthread_create(&p->thread, NULL, peer_main, p);
    return p;
}

/* Ends every connection and joins every thread. */
static UNUSED void
peer_stop(struct peer *p)
{
    pthread_mutex_lock(&p->lock);
    p->stopping = true;
    shutdown(p->fd, SHUT_RDWR);
    for (int i = 0; i < p->count; i++) {
        if (p->conns[i].fd >= 0) {
            shutdown(p->conns[i].fd, SHUT_RDWR);
        }
    }
    pthread_mutex_unlock(&p->lock);
    pthread_join(p->thread, NULL);
    close(p->fd);
    for (int i = 0; i < p->count; i++) {
        pthread_join(p->conns[i].thread, NULL);
    }
    pthread_mutex_destroy(&p->lock);
    free(p);
}

/* Connections that are open now. */
static UNUSED int
peer_open(struct peer *p)
{
    int n = 0;

    pthread_mutex_lock(&p->lock);
    for (int i = 0; i < p->count; i++) {
        n += p->conns[i].fd >= 0;
    }
    pthread_mutex_unlock(&p->lock);
    return n;
}

/* ---- HTTP, the server's side ------------------------------------------------*/

struct request {
    char head[8192]; /* all of it, NUL-terminated */
    char method[16];
    char path[1024];
    size_t body_len;
    char body[4096];
};

static UNUSED bool
read_request(struct conn *c, struct request *r)
{
    size_t len = 0;
    const char *at;

    memset(r, 0, sizeof(*r));
    while (strstr(r->head, "\r\n\r\n") == NULL) {
        if (len + 1 >= sizeof(r->head) ||
            conn_read(c, r->head + len, 1) <= 0) {
            return false;
        }
        r->head[++len] = '\0';
    }
    c->peer->requests++;
    CHANGE((void)0);
    if (sscanf(r->head, "%15s %1023s", r->method, r->path) != 2) {
        return false;
    }
    at = strcasestr(r->head, "\r\ncontent-length:");
    if (at != NULL) {
        r->body_len = strtoul(at + 17, NULL, 10);
        return r->body_len < sizeof(r->body) &&
               conn_exactly(c, r->body, r->body_len);
    }
    return true;
}

/* The value of a header in *out; false: absent. */
static UNUSED bool
get_field(const struct request *r, const char *name, char *out, size_t cap)
{
    char probe[64];
    const char *at;
    size_t len;

    snprintf(probe, sizeof(probe), "\r\n%s:", name);
    at = strcasestr(r->head, probe);
    if (at == NULL) {
        return false;
    }
    at += strlen(probe);
    at += strspn(at, " ");
    len = strcspn(at, "\r");
    snprintf(out, cap, "%.*s", (int)len, at);
    return true;
}

static UNUSED bool
respond(struct conn *c, const char *status, const char *fields,
        const void *body, size_t len)
{
    char head[2048];

    snprintf(head, sizeof(head),
             "HTTP/1.1 %s\r\nContent-Length: %zu\r\n%s\r\n", status, len,
             fields);
    return conn_text(c, head) && conn_write(c, body, len);
}

/* ---- WebSocket, the server's side -----------------------------------------*/

/* Answer the upgrade of a request that was read. */
static UNUSED bool
ws_accept(struct conn *c, const struct request *r)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned char code[64];
    char key[128], text[256];
    unsigned n = 0;

    if (!get_field(r, "Sec-WebSocket-Key", key, 64)) {
        return false;
    }
    strcat(key, "258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    EVP_Digest(key, strlen(key), digest, &n, EVP_sha1(), NULL);
    EVP_EncodeBlock(code, digest, (int)n);
    snprintf(text, sizeof(text),
             "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
             "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
             code);
    return conn_text(c, text);
}

enum {
    WS_MORE = 0,
    WS_TEXT = 1,
    WS_BINARY = 2,
    WS_CLOSE = 8,
    WS_PING = 9,
    WS_PONG = 10
};

static UNUSED bool
ws_frame(struct conn *c, int opcode, bool final, const void *bytes, size_t len)
{
    unsigned char head[10];
    size_t n = 2;

    head[0] = (unsigned char)((final ? 0x80 : 0) | opcode);
    if (len < 126) {
        head[1] = (unsigned char)len;
    } else if (len < 65536) {
        head[1] = 126;
        head[2] = (unsigned char)(len >> 8);
        head[3] = (unsigned char)len;
        n = 4;
    } else {
        head[1] = 127;
        for (int i = 0; i < 8; i++) {
            head[2 + i] = (unsigned char)((uint64_t)len >> (56 - 8 * i));
        }
        n = 10;
    }
    return conn_write(c, head, n) && conn_write(c, bytes, len);
}

static UNUSED bool
ws_text(struct conn *c, const char *text)
{
    return ws_frame(c, WS_TEXT, true, text, strlen(text));
}

static UNUSED bool
ws_close(struct conn *c, int code, const char *reason)
{
    unsigned char body[128];
    size_t len = strlen(reason);

    body[0] = (unsigned char)(code >> 8);
    body[1] = (unsigned char)code;
    memcpy(body + 2, reason, len);
    return ws_frame(c, WS_CLOSE, true, body, len + 2);
}

/* Read one frame of the client; the opcode, or -1.  out is NUL-terminated. */
static UNUSED int
ws_read(struct conn *c, char *out, size_t cap, size_t *len)
{
    unsigned char head[2], more[8], mask[4];
    uint64_t n;

    if (!conn_exactly(c, head, 2)) {
        return -1;
    }
    n = head[1] & 0x7f;
    if (n >= 126) {
        size_t bytes = n == 126 ? 2 : 8;

        if (!conn_exactly(c, more, bytes)) {
            return -1;
        }
        n = 0;
        for (size_t i = 0; i < bytes; i++) {
            n = n << 8 | more[i];
        }
    }
    if (!(head[1] & 0x80) || n >= cap || !conn_exactly(c, mask, 4) ||
        !conn_exactly(c, out, (size_t)n)) {
        return -1;
    }
    for (size_t i = 0; i < n; i++) {
        out[i] = (char)(out[i] ^ (char)mask[i % 4]);
    }
    out[n] = '\0';
    *len = (size_t)n;
    return head[0] & 0x0f;
}

/* ---- certificates -----------------------------------------------------------*/

struct cert {
    EVP_PKEY *key;
    X509 *x509;
};

static void
add_extension(X509 *cert, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509_EXTENSION *ext;

    X509V3_set_ctx_nodb(&ctx);
    X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
    ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    X509_add_ext(cert, ext, -1);
    X509_EXTENSION_free(ext);
}

/* issuer NULL: self-signed.  san "DNS:localhost"; NULL: a CA. */
static UNUSED struct cert
cert_make(const char *name, const char *san, const struct cert *issuer,
          long from_s, long until_s)
{
    static long serial = 1000;
    struct cert c = {EVP_EC_gen("P-256"), X509_new()};
    X509_NAME *subject = X509_get_subject_name(c.x509);
    X509 *by = issuer != NULL ? issuer->x509 : c.x509;

    X509_set_version(c.x509, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(c.x509), serial++);
    X509_gmtime_adj(X509_getm_notBefore(c.x509), from_s);
    X509_gmtime_adj(X509_getm_notAfter(c.x509), until_s);
    X509_set_pubkey(c.x509, c.key);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                               (const unsigned char *)name, -1, -1, 0);
    X509_set_issuer_name(c.x509, X509_get_subject_name(by));
    if (san == NULL) {
        add_extension(c.x509, by, NID_basic_constraints, "critical,CA:TRUE");
        add_extension(c.x509, by, NID_key_usage,
                      "critical,keyCertSign,cRLSign");
    } else {
        add_extension(c.x509, by, NID_subject_alt_name, san);
    }
    add_extension(c.x509, by, NID_subject_key_identifier, "hash");
    X509_sign(c.x509, issuer != NULL ? issuer->key : c.key, EVP_sha256());
    return c;
}

static UNUSED void
cert_free(struct cert *c)
{
    EVP_PKEY_free(c->key);
    X509_free(c->x509);
}

/* Write certificates in PEM form to a new temporary file; unlink it. */
static UNUSED void
cert_write(const struct cert *c, char *path, size_t cap)
{
    FILE *f;

    snprintf(path, cap, "/tmp/sgostream-test-XXXXXX");
    f = fdopen(mkstemp(path), "w");
    PEM_write_X509(f, c->x509);
    fclose(f);
}

static int
choose_h1(SSL *ssl, const unsigned char **out, unsigned char *out_len,
          const unsigned char *in, unsigned in_len, void *arg)
{
    static const unsigned char h1[] = "\x08http/1.1";

    (void)ssl;
    (void)arg;
    return SSL_select_next_proto((unsigned char **)out, out_len, h1, 9, in,
                                 in_len) == OPENSSL_NPN_NEGOTIATED
               ? SSL_TLSEXT_ERR_OK
               : SSL_TLSEXT_ERR_NOACK;
}

static UNUSED SSL_CTX *
server_ctx(const struct cert *c)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

    SSL_CTX_use_certificate(ctx, c->x509);
    SSL_CTX_use_PrivateKey(ctx, c->key);
    SSL_CTX_set_alpn_select_cb(ctx, choose_h1, NULL);
    return ctx;
}

#endif
