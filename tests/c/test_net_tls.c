/* Trust: CA files, https and wss against certificates that are right and
 * wrong in every way that matters. */
#include "net_peer.h"

#include "net/http.h"
#include "net/resolve.h"
#include "net/socket.h"
#include "net/tls.h"

enum { DAY_S = 86400 };

/* ---- the certificates of all tests ------------------------------------------*/

static struct cert ca, other_ca, good, by_ip, wrong_name, expired, early,
    unknown, self_signed;
static char ca_path[64];

static void
make_certificates(void)
{
    ca = cert_make("test CA", NULL, NULL, -DAY_S, DAY_S);
    other_ca = cert_make("other CA", NULL, NULL, -DAY_S, DAY_S);
    good = cert_make("good", "DNS:localhost", &ca, -DAY_S, DAY_S);
    by_ip = cert_make("ip", "IP:127.0.0.1", &ca, -DAY_S, DAY_S);
    wrong_name = cert_make("wrong", "DNS:example.com", &ca, -DAY_S, DAY_S);
    expired = cert_make("old", "DNS:localhost", &ca, -2 * DAY_S, -DAY_S);
    early = cert_make("early", "DNS:localhost", &ca, DAY_S, 2 * DAY_S);
    unknown = cert_make("x", "DNS:localhost", &other_ca, -DAY_S, DAY_S);
    self_signed = cert_make("s", "DNS:localhost", NULL, -DAY_S, DAY_S);
    cert_write(&ca, ca_path, sizeof(ca_path));
}

static void
free_certificates(void)
{
    struct cert *all[] = {&ca,    &other_ca,   &good,
                          &by_ip, &wrong_name, &expired,
                          &early, &unknown,    &self_signed};

    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        cert_free(all[i]);
    }
    unlink(ca_path);
}

/* ---- CA files ---------------------------------------------------------------*/

static void
write_file(char path[64], const char *text)
{
    FILE *f;

    snprintf(path, 64, "/tmp/sgostream-test-XXXXXX");
    f = fdopen(mkstemp(path), "w");
    fputs(text, f);
    fclose(f);
}

static void
a_ca_file_is_loaded_once_and_shared(void)
{
    struct roots *a = NULL, *b = NULL;
    sgo_error err;

    CHECK_INT(roots_acquire(ca_path, &a, &err), SGO_OK);
    CHECK_INT(roots_acquire(ca_path, &b, &err), SGO_OK);
    CHECK(a == b);
    CHECK_INT(roots_count(a), 1);
    CHECK_STR(roots_path(a), ca_path);
    CHECK(roots_retain(a) == a);
    roots_release(a);
    roots_release(a);
    roots_release(b);
    roots_release(NULL);
}

static void
bad_ca_files_are_named(void)
{
    static const struct {
        const char *text, *words;
    } cases[] = {
        {"", "no certificate"},
        {"hello\n", "no certificate"},
        {"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
         "malformed"},
        {"-----BEGIN CERTIFICATE-----\nMIIB", "malformed"},
    };
    struct roots *roots = NULL;
    char path[64];
    sgo_error err;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        write_file(path, cases[i].text);
        CHECK_INT(roots_acquire(path, &roots, &err), SGO_INVALID);
        CHECK_INT(err.kind, SGO_ERROR_CONFIGURATION);
        CHECK(strstr(err.text, path) != NULL);
        CHECK(strstr(err.text, cases[i].words) != NULL);
        unlink(path);
    }
    CHECK_INT(roots_acquire("/nonexistent/ca.pem", &roots, &err), SGO_INVALID);
    CHECK(strstr(err.text, "/nonexistent/ca.pem") != NULL);
    CHECK(strstr(err.text, "No such file") != NULL);
    CHECK(roots == NULL);
}

static void
the_environment_names_the_systems_file(void)
{
    struct roots *roots = NULL;
    sgo_error err;

    setenv("SSL_CERT_FILE", ca_path, 1);
    CHECK_INT(roots_acquire(NULL, &roots, &err), SGO_OK);
    CHECK_STR(roots_path(roots), ca_path);
    roots_release(roots);
    setenv("SSL_CERT_FILE", "/nonexistent/x.pem", 1);
    CHECK_INT(roots_acquire("", &roots, &err), SGO_INVALID);
    CHECK(strstr(err.text, "SSL_CERT_FILE") != NULL);
    unsetenv("SSL_CERT_FILE");
    roots = NULL;
    if (roots_acquire(NULL, &roots, &err) == SGO_OK) {
        CHECK(roots_count(roots) > 10);
        roots_release(roots);
    }
}

/* ---- both kinds of clients --------------------------------------------------*/

static void
serve(struct conn *c)
{
    struct request r;
    char text[256];
    size_t len;

    while (read_request(c, &r)) {
        if (strcmp(r.path, "/ws") == 0) {
            if (ws_accept(c, &r) && ws_text(c, "secure hello")) {
                while (ws_read(c, text, sizeof(text), &len) == WS_TEXT) {
                    ws_frame(c, WS_TEXT, true, text, len);
                }
            }
            return;
        }
        if (!respond(c, "200 OK", "", "hello", 5)) {
            return;
        }
    }
}

static void
serve_nothing(struct conn *c)
{
    conn_until_closed(c);
}

struct trial {
    struct loop *loop;
    struct roots *roots;
    const char *host;
    uint16_t port;
    struct http *http;
    struct socket *socket;
    struct http_end http_end;
    struct socket_end socket_end;
    bool http_done, open, ended, echoed;
    int64_t timeout_ns;
    const char *proxy;
};

static void
on_done(void *ctx, const struct http_end *end)
{
    struct trial *t = ctx;

    t->http_end = *end;
    CHANGE(t->http_done = true);
}

static void
on_open(void *ctx)
{
    struct trial *t = ctx;

    CHANGE(t->open = true);
}

static void
on_message(void *ctx, const char *bytes, size_t len, bool binary)
{
    struct trial *t = ctx;

    (void)binary;
    if (len == 12 && memcmp(bytes, "secure hello", 12) == 0) {
        CHECK_INT(socket_send(t->socket, "back", 4), SGO_OK);
    } else {
        CHANGE(t->echoed = len == 4 && memcmp(bytes, "back", 4) == 0);
    }
}

static void
on_end(void *ctx, const struct socket_end *end)
{
    struct trial *t = ctx;

    t->socket_end = *end;
    CHANGE(t->ended = true);
}

static void
try_both(void *ctx)
{
    static const struct http_handler http_handler = {.on_done = on_done};
    static const struct socket_handler socket_handler = {on_open, on_message,
                                                         NULL, on_end};
    struct trial *t = ctx;
    char url[128];
    sgo_error err;
    struct http_config config = {.roots = t->roots, .proxy = t->proxy};
    struct http_request request = {
        .method = "GET", .url = url, .timeout_ns = t->timeout_ns};
    struct socket_request line = {.host = t->host,
                                  .port = t->port,
                                  .path = "/ws",
                                  .tls = true,
                                  .roots = t->roots,
                                  .proxy = t->proxy,
                                  .open_timeout_ns = t->timeout_ns};

    snprintf(url, sizeof(url), "https://%s:%u/x", t->host, t->port);
    CHECK_INT(http_create(t->loop, &config, &t->http, &err), SGO_OK);
    CHECK_INT(http_start(t->http, &request, &http_handler, t, NULL, &err),
              SGO_OK);
    CHECK_INT(
        socket_open(t->loop, &line, &socket_handler, t, &t->socket, &err),
        SGO_OK);
}

static void
end_trial(void *ctx)
{
    struct trial *t = ctx;

    if (!t->ended) {
        socket_leave(t->socket, 1000, "");
    }
    http_free(t->http);
}

static struct trial
run_trial(const char *host, uint16_t port, const char *proxy,
          int64_t timeout_ns)
{
    struct trial t = {.loop = get_loop(),
                      .host = host,
                      .port = port,
                      .proxy = proxy,
                      .timeout_ns = timeout_ns};
    sgo_error err;

    CHECK_INT(roots_acquire(ca_path, &t.roots, &err), SGO_OK);
    on_loop(t.loop, try_both, &t);
    WAIT(t.http_done && (t.ended || t.echoed));
    on_loop(t.loop, end_trial, &t);
    loop_release(t.loop);
    roots_release(t.roots);
    return t;
}

static void
good_certificates_are_accepted(void)
{
    SSL_CTX *tls = server_ctx(&good), *ip = server_ctx(&by_ip);
    struct peer *peer = peer_start(serve, tls, NULL);
    struct peer *numeric = peer_start(serve, ip, NULL);
    struct trial t = run_trial("localhost", peer->port, NULL, 5 * NS_PER_S);

    CHECK_INT(t.http_end.status, SGO_OK);
    CHECK_INT(t.http_end.http_status, 200);
    CHECK(t.echoed);
    t = run_trial("127.0.0.1", numeric->port, NULL, 5 * NS_PER_S);
    CHECK_INT(t.http_end.status, SGO_OK);
    CHECK(t.echoed);
    peer_stop(peer);
    peer_stop(numeric);
    SSL_CTX_free(tls);
    SSL_CTX_free(ip);
}

static void
bad_certificates_are_refused_in_words(void)
{
    const struct {
        struct cert *cert;
        const char *host, *words;
    } cases[] = {
        {&wrong_name, "localhost", "another name"},
        {&good, "127.0.0.1", "another name"},
        {&expired, "localhost", "has expired"},
        {&early, "localhost", "not valid yet"},
        {&unknown, "localhost", "unknown issuer"},
        {&self_signed, "localhost", "self-signed"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        SSL_CTX *tls = server_ctx(cases[i].cert);
        struct peer *peer = peer_start(serve, tls, NULL);
        struct trial t =
            run_trial(cases[i].host, peer->port, NULL, 5 * NS_PER_S);

        CHECK_INT(t.http_end.status, SGO_FAILED);
        CHECK_INT(t.socket_end.status, SGO_FAILED);
        CHECK(!t.open);
        if (strstr(t.http_end.error.text, cases[i].words) == NULL ||
            strstr(t.socket_end.error.text, cases[i].words) == NULL) {
            fprintf(stderr, "case %zu:\n  %s\n  %s\n", i,
                    t.http_end.error.text, t.socket_end.error.text);
            CHECK(false);
        }
        CHECK_INT(peer->requests, 0);
        peer_stop(peer);
        SSL_CTX_free(tls);
    }
}

static void
old_versions_of_tls_are_refused(void)
{
    SSL_CTX *tls = server_ctx(&good);
    struct peer *peer;
    struct trial t;

    SSL_CTX_set_security_level(tls, 0);
    SSL_CTX_set_min_proto_version(tls, TLS1_VERSION);
    SSL_CTX_set_max_proto_version(tls, TLS1_1_VERSION);
    peer = peer_start(serve, tls, NULL);
    t = run_trial("localhost", peer->port, NULL, 5 * NS_PER_S);
    CHECK_INT(t.http_end.status, SGO_FAILED);
    CHECK_INT(t.socket_end.status, SGO_FAILED);
    CHECK(strstr(t.http_end.error.text, "TLS handshake") != NULL);
    CHECK(strstr(t.socket_end.error.text, "TLS handshake") != NULL);
    peer_stop(peer);
    SSL_CTX_free(tls);
}

static int
two_addresses(const char *host, const char *service,
              const struct addrinfo *hints, struct addrinfo **out)
{
    struct addrinfo numeric = *hints;

    (void)host;
    numeric.ai_flags = AI_NUMERICHOST;
    return getaddrinfo("127.0.0.1", service, &numeric, out) != 0 ||
                   getaddrinfo("127.0.0.9", service, &numeric,
                               &(*out)->ai_next) != 0
               ? EAI_FAIL
               : 0;
}

/* Nobody listens at the second address: its "refused" says less. */
static void
the_words_of_the_address_that_came_furthest_are_kept(void)
{
    SSL_CTX *tls = server_ctx(&good);
    struct peer *peer;
    struct trial t;

    SSL_CTX_set_security_level(tls, 0);
    SSL_CTX_set_max_proto_version(tls, TLS1_1_VERSION);
    peer = peer_start(serve, tls, NULL);
    resolve_set_system(two_addresses, NULL);
    t = run_trial("far.localhost", peer->port, NULL, 5 * NS_PER_S);
    resolve_set_system(NULL, NULL);
    CHECK_INT(t.socket_end.status, SGO_FAILED);
    CHECK(strstr(t.socket_end.error.text, "TLS handshake") != NULL);
    CHECK(strstr(t.socket_end.error.text, "127.0.0.1") != NULL);
    CHECK(strstr(t.http_end.error.text, "TLS handshake") != NULL);
    peer_stop(peer);
    SSL_CTX_free(tls);
}

static void
servers_that_speak_no_tls(void)
{
    struct peer *silent = peer_start(serve_nothing, NULL, NULL);
    struct peer *plain = peer_start(serve, NULL, NULL);
    struct trial t =
        run_trial("localhost", silent->port, NULL, 150 * NS_PER_MS);

    CHECK_INT(t.http_end.status, SGO_TIMEOUT);
    CHECK_INT(t.socket_end.status, SGO_TIMEOUT);
    CHECK(strstr(t.http_end.error.text, "TLS handshake") != NULL);
    CHECK(strstr(t.socket_end.error.text, "TLS handshake") != NULL);
    t = run_trial("localhost", plain->port, NULL, 300 * NS_PER_MS);
    CHECK(t.http_end.status != SGO_OK);
    CHECK(t.socket_end.status != SGO_OK);
    peer_stop(silent);
    peer_stop(plain);
}

/* ---- through a proxy ----------------------------------------------------------*/

struct tunnel {
    const char *answer; /* instead of connecting; NULL: connect */
    char saw[512];      /* the last CONNECT; world's lock */
    int connects;
};

/* Pass bytes both ways until one side ends. */
static void
pipe_both_ways(int a, int b)
{
    struct pollfd fds[2] = {{.fd = a, .events = POLLIN},
                            {.fd = b, .events = POLLIN}};
    char buffer[8192];

    while (poll(fds, 2, -1) > 0) {
        for (int i = 0; i < 2; i++) {
            ssize_t n;

            if (fds[i].revents == 0) {
                continue;
            }
            n = recv(fds[i].fd, buffer, sizeof(buffer), 0);
            if (n <= 0 ||
                send(fds[!i].fd, buffer, (size_t)n, MSG_NOSIGNAL) != n) {
                return;
            }
        }
    }
}

static void
serve_connect(struct conn *c)
{
    struct tunnel *tunnel = c->peer->ctx;
    struct sockaddr_in sa = {.sin_family = AF_INET,
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct request r;
    const char *colon;
    int fd;

    if (!read_request(c, &r)) {
        return;
    }
    CHANGE((tunnel->connects++,
            snprintf(tunnel->saw, sizeof(tunnel->saw), "%.511s", r.head)));
    if (tunnel->answer != NULL) {
        conn_text(c, tunnel->answer);
        return;
    }
    colon = strrchr(r.path, ':');
    sa.sin_port = htons((uint16_t)strtoul(colon + 1, NULL, 10));
    fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(fd, (struct sockaddr *)&sa, sizeof(sa)) == 0 &&
        conn_text(c, "HTTP/1.1 200 Connection established\r\n\r\n")) {
        pipe_both_ways(c->fd, fd);
    }
    close(fd);
}

static void
both_kinds_go_through_a_proxy(void)
{
    SSL_CTX *tls = server_ctx(&good);
    struct tunnel tunnel = {0};
    struct peer *peer = peer_start(serve, tls, NULL);
    struct peer *proxy = peer_start(serve_connect, NULL, &tunnel);
    struct trial t;
    char url[128], line[64];

    snprintf(url, sizeof(url), "http://me:s3cret%%40@localhost:%u",
             proxy->port);
    t = run_trial("localhost", peer->port, url, 5 * NS_PER_S);
    CHECK_INT(t.http_end.status, SGO_OK);
    CHECK(t.echoed);
    CHECK_INT(tunnel.connects, 2);
    snprintf(line, sizeof(line), "CONNECT localhost:%u HTTP/1.1\r\n",
             peer->port);
    CHECK(strncmp(tunnel.saw, line, strlen(line)) == 0);
    /* base64 of me:s3cret@ */
    CHECK(strcasestr(tunnel.saw, "Proxy-Authorization: Basic "
                                 "bWU6czNjcmV0QA==") != NULL);

    tunnel.answer = "HTTP/1.1 407 Proxy Authentication Required\r\n"
                    "Content-Length: 0\r\n\r\n";
    t = run_trial("localhost", peer->port, url, 5 * NS_PER_S);
    CHECK_INT(t.http_end.status, SGO_FAILED);
    CHECK_INT(t.socket_end.status, SGO_FAILED);
    CHECK(strstr(t.http_end.error.text, "407") != NULL);
    CHECK(strstr(t.http_end.error.text, "proxy localhost:") != NULL);
    CHECK(strstr(t.socket_end.error.text, "proxy localhost:") != NULL);
    CHECK(strstr(t.http_end.error.text, "s3cret") == NULL);
    CHECK(strstr(t.socket_end.error.text, "s3cret") == NULL);

    snprintf(url, sizeof(url), "http://127.0.0.1:%u", closed_port());
    t = run_trial("localhost", peer->port, url, 5 * NS_PER_S);
    CHECK(strstr(t.http_end.error.text, "could not connect to the proxy") !=
          NULL);
    CHECK(strstr(t.socket_end.error.text, "could not connect to the proxy") !=
          NULL);
    peer_stop(proxy);
    peer_stop(peer);
    SSL_CTX_free(tls);
}

/* More pairs of roots and proxy than the loop keeps vhosts for. */
static void
many_proxies_one_after_the_other(void)
{
    struct tunnel tunnel = {.answer = "HTTP/1.1 503 No\r\n\r\n"};
    struct peer *proxy = peer_start(serve_connect, NULL, &tunnel);
    struct loop *loop = get_loop(); /* one loop for all of them */

    for (int i = 0; i < 40; i++) {
        char url[128];
        struct trial t;

        snprintf(url, sizeof(url), "http://user%d:pw@127.0.0.1:%u", i,
                 proxy->port);
        t = run_trial("localhost", 443, url, 5 * NS_PER_S);
        CHECK_INT(t.http_end.status, SGO_FAILED);
        CHECK_INT(t.socket_end.status, SGO_FAILED);
        CHECK(strstr(t.socket_end.error.text, "the proxy 127.0.0.1:") != NULL);
    }
    CHECK_INT(tunnel.connects, 80);
    loop_release(loop);
    peer_stop(proxy);
}

/* ---- many at once -------------------------------------------------------------*/

enum { CROWD = 12 };

static void
a_crowd_shares_one_set_of_roots(void)
{
    SSL_CTX *tls = server_ctx(&good);
    struct peer *peer = peer_start(serve, tls, NULL);
    struct trial t[CROWD];
    struct loop *loop = get_loop();
    struct roots *roots = NULL;
    sgo_error err;

    CHECK_INT(roots_acquire(ca_path, &roots, &err), SGO_OK);
    for (int i = 0; i < CROWD; i++) {
        t[i] = (struct trial){.loop = loop,
                              .roots = roots,
                              .host = "localhost",
                              .port = peer->port,
                              .timeout_ns = 5 * NS_PER_S};
        on_loop(loop, try_both, &t[i]);
    }
    for (int i = 0; i < CROWD; i++) {
        WAIT(t[i].http_done && (t[i].ended || t[i].echoed));
        CHECK_INT(t[i].http_end.status, SGO_OK);
        CHECK(t[i].echoed);
        on_loop(loop, end_trial, &t[i]);
    }
    loop_release(loop);
    roots_release(roots);
    peer_stop(peer);
    SSL_CTX_free(tls);
}

int
main(void)
{
    make_certificates();
    RUN(a_ca_file_is_loaded_once_and_shared);
    RUN(bad_ca_files_are_named);
    RUN(the_environment_names_the_systems_file);
    RUN(good_certificates_are_accepted);
    RUN(bad_certificates_are_refused_in_words);
    RUN(old_versions_of_tls_are_refused);
    RUN(the_words_of_the_address_that_came_furthest_are_kept);
    RUN(servers_that_speak_no_tls);
    RUN(both_kinds_go_through_a_proxy);
    RUN(many_proxies_one_after_the_other);
    RUN(a_crowd_shares_one_set_of_roots);
    free_certificates();
    return check_done();
}
