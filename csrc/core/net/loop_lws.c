/* The loop's side of libwebsockets: its one callback, its log, its start. */
#include "net/loop_internal.h"

#include "base/log.h"

#include <libwebsockets.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

/* lws counts descriptors: the poller and one per socket. */
enum { LWS_DESCRIPTORS = 256, LWS_HEADER_BYTES = 8 << 10 };
#define LWS_TIMEOUT_S 60 /* a backstop: sockets have deadlines of their own */

static int
adopted_callback(struct loop_wsi *self, struct lws *wsi, int reason,
                 void *user, void *in, size_t len)
{
    (void)wsi;
    (void)user;
    (void)in;
    (void)len;
    if (reason == LWS_CALLBACK_RAW_RX_FILE) {
        loop_dispatch(self->loop);
    }
    return 0;
}

static int
lws_entry(struct lws *wsi, enum lws_callback_reasons reason, void *user,
          void *in, size_t len)
{
    struct loop_wsi *self;
    struct loop *loop;
    int rc;

    switch (reason) {
    case LWS_CALLBACK_RAW_RX_FILE:
    case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
    case LWS_CALLBACK_ESTABLISHED_CLIENT_HTTP:
    case LWS_CALLBACK_CLOSED_CLIENT_HTTP:
    case LWS_CALLBACK_CLIENT_APPEND_HANDSHAKE_HEADER:
    case LWS_CALLBACK_CLIENT_ESTABLISHED:
    case LWS_CALLBACK_CLIENT_RECEIVE:
    case LWS_CALLBACK_CLIENT_RECEIVE_PONG:
    case LWS_CALLBACK_CLIENT_WRITEABLE:
    case LWS_CALLBACK_CLIENT_CLOSED:
    case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
    case LWS_CALLBACK_OPENSSL_PERFORM_SERVER_CERT_VERIFICATION:
    case LWS_CALLBACK_WSI_DESTROY:
        break;
    default:
        return 0;
    }
    self = lws_get_opaque_user_data(wsi);
    if (self == NULL) {
        return 0;
    }
    loop = self->loop; /* self may be gone after its callback */
    loop_enter(loop);
    rc = self->callback(self, wsi, (int)reason, user, in, len);
    loop_leave(loop);
    return rc;
}

static const struct lws_protocols protocols[] = {
    {.name = "sgostream",
     .callback = lws_entry,
     .rx_buffer_size = LOOP_RX_BYTES},
    {.name = NULL},
};

const struct lws_protocols *
loop_protocols(void)
{
    return protocols;
}

/* lws' log is one per process and comes from whichever thread logs; only the
 * I/O thread's lines have someone to go to. */
static void
lws_line(int level, const char *line)
{
    struct loop *loop = loop_current();
    struct loop_watch *outer; /* we may be inside another walk */
    char text[LOG_TEXT_BYTES];
    size_t len = strcspn(line, "\r\n");

    if (loop == NULL) {
        return;
    }
    outer = loop->next_watch;
    snprintf(text, sizeof(text), "lws: %.*s",
             len < sizeof(text) ? (int)len : (int)sizeof(text), line);
    FOR_EACH_WATCH (loop, watch) {
        if (watch->on_log != NULL) {
            watch->on_log(watch->ctx,
                          level & LLL_ERR ? SGO_LOG_INFO : SGO_LOG_DEBUG,
                          text);
        }
    }
    loop->next_watch = outer;
}

/* ---- the descriptor that lws forgets ---------------------------------------*/

/* Up to 4.3.5 (Debian 13, and ours in wheels) lws_context_destroy() forgets
 * to close the eventfd that lws_cancel_service() writes to: one descriptor
 * for each loop.  We learn its number as an event loop of our own, which does
 * nothing else, and close it after lws if it is still the same one: only
 * that has the count that we gave it. */
#if defined(__linux__) && LWS_LIBRARY_VERSION_NUMBER >= 4002000

#define EVENT_MARK (UINT64_C(0x73676f) << 32)

static _Thread_local struct loop *creating;

static int
learn_descriptor(struct lws *wsi)
{
    if (creating != NULL && creating->event_fd < 0) {
        creating->event_fd = (int)lws_get_socket_fd(wsi); /* lws's first */
    }
    return 0;
}

static const struct lws_event_loop_ops poll_ops = {
    .name = "sgostream",
    .sock_accept = learn_descriptor,
    .flags = LELOF_ISPOLL,
};
static const lws_plugin_evlib_t poll_library = {.ops = &poll_ops};

/* The count of an eventfd; 0: it is none, or there is no /proc. */
static uint64_t
event_count(int fd)
{
    char path[48], line[80];
    uint64_t count = 0;
    FILE *file;

    snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
    file = fopen(path, "re");
    if (file == NULL) {
        return 0;
    }
    while (fgets(line, sizeof(line), file) != NULL) {
        if (sscanf(line, "eventfd-count: %" SCNx64, &count) == 1) {
            break;
        }
    }
    fclose(file);
    return count;
}

static struct lws_context *
create_context(struct loop *loop, struct lws_context_creation_info *info)
{
    struct lws_context *context;

    info->event_lib_custom = &poll_library;
    creating = loop;
    context = lws_create_context(info);
    creating = NULL;
    info->event_lib_custom = NULL;
    return context;
}

void
loop_end_lws(struct loop *loop)
{
    uint64_t mark = EVENT_MARK, count;

    if (loop->lws == NULL) {
        return;
    }
    if (event_count(loop->event_fd) >= EVENT_MARK ||
        write(loop->event_fd, &mark, sizeof(mark)) != sizeof(mark)) {
        loop->event_fd = -1; /* not an eventfd of lws's */
    }
    lws_context_destroy(loop->lws); /* late callbacks come from here */
    loop->lws = NULL;
    count = loop->event_fd < 0 ? 0 : event_count(loop->event_fd);
    if (count >> 32 == EVENT_MARK >> 32) {
        close(loop->event_fd);
    }
    loop->event_fd = -1;
}

#else

static struct lws_context *
create_context(struct loop *loop, struct lws_context_creation_info *info)
{
    (void)loop;
    return lws_create_context(info);
}

void
loop_end_lws(struct loop *loop)
{
    if (loop->lws != NULL) {
        lws_context_destroy(loop->lws); /* late callbacks come from here */
        loop->lws = NULL;
    }
}

#endif

/* ---- the start -------------------------------------------------------------*/

/* The context.  Creation sets SIGPIPE to be ignored, for the whole process;
 * and one that fails for want of memory closes descriptor 0, which lws 4.1
 * takes for its source of randomness before it has opened one. */
static struct lws_context *
create_quietly(struct loop *loop, struct lws_context_creation_info *info)
{
    const int flags = fcntl(STDIN_FILENO, F_GETFD);
    const int kept = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    struct lws_context *context;
    struct sigaction before;
    int saved;

    sigaction(SIGPIPE, NULL, &before);
    context = create_context(loop, info);
    saved = errno;
    sigaction(SIGPIPE, &before, NULL);
    if (kept >= 0) {
        if (context == NULL && fcntl(STDIN_FILENO, F_GETFD) < 0 &&
            dup2(kept, STDIN_FILENO) == STDIN_FILENO) {
            (void)fcntl(STDIN_FILENO, F_SETFD, flags);
        }
        close(kept);
    }
    errno = saved;
    return context;
}

bool
loop_start_lws(struct loop *loop)
{
    static const lws_retry_bo_t no_pings;
    struct lws_context_creation_info info = {0};
    lws_sock_file_fd_type fd;
    struct lws_vhost *vhost;
    struct lws *wsi;

    lws_set_log_level(LLL_ERR | LLL_WARN, lws_line);
    info.port = CONTEXT_PORT_NO_LISTEN;
    info.options = LWS_SERVER_OPTION_EXPLICIT_VHOSTS |
                   LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
    info.fd_limit_per_thread = LWS_DESCRIPTORS;
    info.max_http_header_data = LWS_HEADER_BYTES;
    info.timeout_secs = LWS_TIMEOUT_S;
    info.retry_and_idle_policy = &no_pings;
    info.gid = (gid_t)-1;
    info.uid = (uid_t)-1;
    loop->lws = create_quietly(loop, &info);
    if (loop->lws == NULL) {
        return false;
    }
    info.options = 0;
    info.vhost_name = "sgostream-loop";
    info.protocols = protocols;
    info.http_proxy_address = LWS_NO_PROXY;
    vhost = lws_create_vhost(loop->lws, &info);
    if (vhost == NULL) {
        return false;
    }
    fd.filefd = (lws_filefd_type)(long long)loop->poller.fd;
    wsi = lws_adopt_descriptor_vhost(vhost, LWS_ADOPT_RAW_FILE_DESC, fd,
                                     protocols[0].name, NULL);
    if (wsi == NULL) {
        return false;
    }
    loop->poller_adopted = true;
    loop->adopted.loop = loop;
    loop->adopted.callback = adopted_callback;
    lws_set_opaque_user_data(wsi, &loop->adopted);
    return true;
}

struct lws_context *
loop_lws(struct loop *loop)
{
    return loop->lws;
}
