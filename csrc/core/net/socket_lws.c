/* Everything of a socket that calls libwebsockets, or is called by it. */
#include "net/socket_internal.h"

#include "base/mem.h"
#include "base/status.h"

#include <libwebsockets.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

static const char vhost_name[] =
    "sgostream-socket"; /* lws keeps the pointer */

#define LWS_BACKSTOP_S 60 /* our own limits are shorter */

/* ---- vhosts: one per set of roots and proxy -------------------------------*/

static bool
same_proxy(const struct proxy *a, const struct proxy *b)
{
    return a->used == b->used &&
           (!a->used || (a->port == b->port && strcmp(a->host, b->host) == 0 &&
                         strcmp(a->login, b->login) == 0));
}

static struct vhost *
vhost_find(struct socket_set *set, const struct roots *roots,
           const struct proxy *proxy)
{
    for (struct vhost *v = set->vhosts; v != NULL; v = v->next) {
        if (v->lws != NULL && v->roots == roots &&
            same_proxy(&v->proxy, proxy)) {
            return v;
        }
    }
    return NULL;
}

/* Room for one more: the first that nobody uses goes. */
static bool
vhost_make_room(struct socket_set *set)
{
    struct vhost *unused = NULL;
    unsigned n = 0;

    for (struct vhost *v = set->vhosts; v != NULL; v = v->next) {
        if (v->lws != NULL) {
            n++;
            if (v->references == 0) {
                unused = v;
            }
        }
    }
    if (n < SOCKET_VHOSTS) {
        return true;
    }
    if (unused == NULL) {
        return false;
    }
    lws_vhost_destroy(unused->lws);
    unused->lws = NULL;
    return true;
}

static void
vhost_free(struct vhost *v)
{
    SSL_CTX_free(v->ssl_ctx);
    roots_release(v->roots);
    mem_free(v);
}

static struct vhost *
vhost_get(struct socket_set *set, struct roots *roots,
          const struct proxy *proxy)
{
    struct lws_context_creation_info info = {0};
    struct vhost *v = vhost_find(set, roots, proxy);

    if (v != NULL || !vhost_make_room(set)) {
        return v;
    }
    v = mem_calloc(1, sizeof(*v));
    if (v == NULL) {
        return NULL;
    }
    v->proxy = *proxy;
    info.port = CONTEXT_PORT_NO_LISTEN;
    info.vhost_name = vhost_name;
    info.protocols = loop_protocols();
    info.http_proxy_address = LWS_NO_PROXY;
    info.connect_timeout_secs = LWS_BACKSTOP_S;
    if (roots != NULL) {
        v->roots = roots_retain(roots);
        v->ssl_ctx = tls_socket_ctx(roots);
        if (v->ssl_ctx == NULL) {
            vhost_free(v);
            return NULL;
        }
        info.options = LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
        info.provided_client_ssl_ctx = v->ssl_ctx;
    }
    v->lws = lws_create_vhost(loop_lws(set->loop), &info);
    if (v->lws == NULL) {
        vhost_free(v);
        return NULL;
    }
    v->next = set->vhosts;
    set->vhosts = v;
    return v;
}

void
wire_close_vhosts(struct socket_set *set)
{
    while (set->vhosts != NULL) {
        struct vhost *v = set->vhosts;

        set->vhosts = v->next;
        vhost_free(v);
    }
}

/* ---- callbacks ------------------------------------------------------------*/

static void
note_words(struct socket *s, const char *in, size_t len)
{
    if (in != NULL && s->why[0] == '\0') {
        snprintf(s->why, sizeof(s->why), "%.*s",
                 len < sizeof(s->why) ? (int)len : (int)sizeof(s->why), in);
    }
}

/* lws does not tell when TCP is connected; the descriptor does. */
static void
note_phase(struct socket *s, struct lws *wsi)
{
    struct sockaddr_storage to;
    socklen_t len = sizeof(to);

    if (s->phase == PHASE_TCP &&
        getpeername(lws_get_socket_fd(wsi), (struct sockaddr *)&to, &len) ==
            0) {
        s->phase = PHASE_TLS;
    }
}

/* lws asks for further headers: a chance to name ourselves, and the moment
 * when TCP and TLS are behind us. */
static int
append_header(struct socket *s, unsigned char **at, size_t room)
{
    int n = snprintf((char *)*at, room, "User-Agent: %s\r\n", s->user_agent);

    s->phase = PHASE_UPGRADE;
    if (n < 0 || (size_t)n >= room) {
        return -1;
    }
    *at += n;
    return 0;
}

static int
write_next(struct socket *s, struct lws *wsi)
{
    struct message *m;
    int n = 0;
    bool more;

    if (s->close_sent) {
        return 0; /* a second -1 would not wait for the answer */
    }
    m = socket_take_message(s);
    if (m != NULL) {
        n = lws_write(wsi, m->bytes + LWS_PRE, m->len, LWS_WRITE_TEXT);
        mem_free(m);
    }
    if (n < 0) {
        return -1;
    }
    more = s->queue != NULL || lws_partial_buffered(wsi);
    socket_wrote(s, more);
    if (more) {
        lws_callback_on_writable(wsi);
        return 0;
    }
    if (s->state == SOCKET_CLOSING) {
        s->close_sent = true;
        lws_close_reason(wsi, (enum lws_close_status)s->close_code,
                         (unsigned char *)s->close_reason,
                         strlen(s->close_reason));
        return -1; /* lws sends it and waits for the answer */
    }
    return 0;
}

static int
socket_event(struct loop_wsi *self, struct lws *wsi, int reason, void *user,
             void *in, size_t len)
{
    struct socket *s = (struct socket *)(void *)self;

    if (s->killed && reason != LWS_CALLBACK_WSI_DESTROY) {
        return reason == LWS_CALLBACK_CLIENT_CONNECTION_ERROR ? 0 : -1;
    }
    switch (reason) {
    case LWS_CALLBACK_OPENSSL_PERFORM_SERVER_CERT_VERIFICATION:
        s->phase = PHASE_TLS;
        if (len == 0 && s->verify_error == 0) { /* len: was it fine? */
            s->verify_error = X509_STORE_CTX_get_error(user);
        }
        break;
    case LWS_CALLBACK_CLIENT_APPEND_HANDSHAKE_HEADER:
        return append_header(s, in, len);
    case LWS_CALLBACK_ESTABLISHED_CLIENT_HTTP: {
        /* The answer's head, before lws judges the upgrade by it. */
        int status = (int)lws_http_client_http_response(wsi);

        if (status != 101) {
            s->end.http_status = status;
        }
        break;
    }
    case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
        note_words(s, in, len);
        note_phase(s, wsi);
        break;
    case LWS_CALLBACK_CLIENT_ESTABLISHED:
        socket_opened(s);
        break;
    case LWS_CALLBACK_CLIENT_RECEIVE:
        socket_received(s, in, len, lws_is_first_fragment(wsi),
                        lws_is_final_fragment(wsi) &&
                            lws_remaining_packet_payload(wsi) == 0,
                        lws_frame_is_binary(wsi));
        break;
    case LWS_CALLBACK_CLIENT_RECEIVE_PONG:
        socket_pong(s);
        break;
    case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
        socket_peer_closes(s, in, len);
        break;
    case LWS_CALLBACK_CLIENT_WRITEABLE:
        return write_next(s, wsi);
    case LWS_CALLBACK_WSI_DESTROY:
        socket_attempt_ended(s);
        break;
    default:
        break;
    }
    return 0;
}

/* ---- connecting -----------------------------------------------------------*/

/* Point the vhost at the proxy's address of this attempt.
 *
 * In two steps: lws keeps the port it was told before.  Some builds of it
 * (Debian's 4.3.5-7) leave the port in the address when they get both. */
static bool
set_proxy(struct socket *s, const struct address *to)
{
    char text[PROXY_LOGIN_BYTES + sizeof(to->text) + 16];
    bool v6 = to->family == AF_INET6;

    snprintf(text, sizeof(text), "proxy:%u", s->proxy.port);
    if (lws_set_proxy(s->vhost->lws, text) != 0) {
        return false;
    }
    snprintf(text, sizeof(text), "%s%s%s%s%s", s->proxy.login,
             s->proxy.login[0] != '\0' ? "@" : "", v6 ? "[" : "", to->text,
             v6 ? "]" : "");
    return lws_set_proxy(s->vhost->lws, text) == 0;
}

sgo_status
wire_connect(struct socket *s, const struct address *to)
{
    static const lws_retry_bo_t no_pings;
    struct lws_client_connect_info info = {0};
    char host[SOCKET_HOST_BYTES + 16];
    bool v6 = strchr(s->host, ':') != NULL;

    if (s->vhost == NULL) {
        s->vhost = vhost_get(s->set, s->tls ? s->roots : NULL, &s->proxy);
        if (s->vhost == NULL) {
            return SGO_NO_MEMORY;
        }
        s->vhost->references++;
    }
    if (s->proxy.used && !set_proxy(s, to)) {
        return SGO_NO_MEMORY;
    }
    /* Host, SNI and the name that is checked come from info.host; lws cuts
     * the port off for the latter two. */
    if (s->port == (s->tls ? 443 : 80)) {
        snprintf(host, sizeof(host), "%s%s%s", v6 ? "[" : "", s->host,
                 v6 ? "]" : "");
    } else {
        snprintf(host, sizeof(host), "%s%s%s:%u", v6 ? "[" : "", s->host,
                 v6 ? "]" : "", s->port);
    }
    s->head.loop = s->loop;
    s->head.callback = socket_event;
    info.context = loop_lws(s->loop);
    info.vhost = s->vhost->lws;
    info.address = s->proxy.used ? s->host : to->text;
    info.port = s->port;
    info.path = s->path;
    info.host = host;
    info.ssl_connection =
        LCCSCF_HTTP_NO_FOLLOW_REDIRECT | (s->tls ? (int)LCCSCF_USE_SSL : 0);
    info.alpn = "http/1.1";
    info.local_protocol_name = loop_protocols()[0].name;
    info.retry_and_idle_policy = &no_pings;
    info.ietf_version_or_minus_one = -1;
    info.opaque_user_data = &s->head;
    info.pwsi = &s->wsi;
    if (lws_client_connect_via_info(&info) == NULL) {
        s->wsi = NULL; /* gone, with or without a WSI_DESTROY */
    }
    return SGO_OK;
}

void
wire_want_write(struct socket *s)
{
    if (s->wsi != NULL) {
        lws_callback_on_writable(s->wsi);
    }
}

/* Asynchronously, because we may be inside its own callback.  Each step that
 * the handshake makes meanwhile sets a timeout of its own and so forgets ours:
 * the caller asks again until it is gone. */
void
wire_kill(struct socket *s)
{
    note_phase(s, s->wsi);
    lws_set_timeout(s->wsi, PENDING_TIMEOUT_USER_REASON_BASE,
                    LWS_TO_KILL_ASYNC);
}

int64_t
wire_idle_ns(const struct socket *s)
{
#if defined(__linux__)
    struct tcp_info info;
    socklen_t len = sizeof(info);

    if (getsockopt(lws_get_socket_fd(s->wsi), IPPROTO_TCP, TCP_INFO, &info,
                   &len) == 0) {
        return (int64_t)info.tcpi_last_data_recv * NS_PER_MS;
    }
#else
    (void)s;
#endif
    return -1;
}

struct message *
wire_message(const char *text, size_t len)
{
    struct message *m = mem_alloc(sizeof(*m) + LWS_PRE + len);

    if (m != NULL) {
        m->next = NULL;
        m->len = len;
        memcpy(m->bytes + LWS_PRE, text, len);
    }
    return m;
}
