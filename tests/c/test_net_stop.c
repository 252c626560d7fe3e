/* The end of the loop in the middle of everything: requests and sockets in
 * each state, producers that hammer the mailbox, and all of it again under a
 * new loop.  What is looked for is time, crashes and leaks. */
#include "net_peer.h"

#include "net/http.h"
#include "net/resolve.h"
#include "net/socket.h"

#include <dirent.h>

enum { PATHS = 6, SOCKETS = 6 };

static void
serve(struct conn *c)
{
    struct request r;
    char text[256];
    size_t len;

    while (read_request(c, &r)) {
        if (strcmp(r.path, "/ok") == 0) {
            respond(c, "200 OK", "", "ok", 2);
        } else if (strcmp(r.path, "/begin") == 0) {
            conn_text(c, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nbegun");
            conn_until_closed(c);
            return;
        } else if (strcmp(r.path, "/ws") == 0) {
            ws_accept(c, &r);
            ws_text(c, "hello");
            while (ws_read(c, text, sizeof(text), &len) >= 0) {
                CHANGE((void)0); /* no answer, not even to a close */
            }
            return;
        } else {
            conn_until_closed(c);
            return;
        }
    }
}

/* A listener whose queue is full: further connects hang. */
struct full {
    int fd;
    int fillers[4];
    uint16_t port;
};

static void
full_open(struct full *f)
{
    struct sockaddr_in sa = {.sin_family = AF_INET,
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

    f->fd = listen_on_loopback(&f->port, 0);
    sa.sin_port = htons(f->port);
    for (size_t i = 0; i < 4; i++) {
        f->fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)!connect(f->fillers[i], (struct sockaddr *)&sa, sizeof(sa));
    }
}

static void
full_close(struct full *f)
{
    for (size_t i = 0; i < 4; i++) {
        close(f->fillers[i]);
    }
    close(f->fd);
}

static int
hanging_lookup(const char *host, const char *service,
               const struct addrinfo *hints, struct addrinfo **out)
{
    (void)host;
    (void)service;
    (void)hints;
    (void)out;
    poll(NULL, 0, 300);
    return EAI_AGAIN;
}

struct scene {
    struct loop *loop;
    struct peer *peer;
    struct full full;
    struct http *http;
    struct socket *sockets[SOCKETS];
    int opens, data, ended;
    bool stopped; /* nothing may be told afterwards */
};

static void
on_done(void *ctx, const struct http_end *end)
{
    struct scene *s = ctx;

    (void)end;
    CHECK(!s->stopped);
}

static sgo_status
on_data(void *ctx, const char *bytes, size_t len)
{
    struct scene *s = ctx;

    (void)bytes;
    CHANGE(s->data += len == 5);
    return SGO_OK;
}

static void
on_open(void *ctx)
{
    struct scene *s = ctx;

    CHANGE(s->opens++);
}

static void
on_message(void *ctx, const char *bytes, size_t len, bool binary)
{
    (void)ctx;
    (void)bytes;
    (void)len;
    (void)binary;
}

static void
on_end(void *ctx, const struct socket_end *end)
{
    struct scene *s = ctx;

    (void)end;
    CHECK(!s->stopped);
    s->ended++;
}

/* The socket's pointer is dead after its end. */
#define ENDS_OF(n)                                                            \
    static void on_end_##n(void *ctx, const struct socket_end *end)           \
    {                                                                         \
        ((struct scene *)ctx)->sockets[n] = NULL;                             \
        on_end(ctx, end);                                                     \
    }
ENDS_OF(0)
ENDS_OF(1)
ENDS_OF(2)
ENDS_OF(3)
ENDS_OF(4)
ENDS_OF(5)

static void (*const ends[])(void *, const struct socket_end *) = {
    on_end_0, on_end_1, on_end_2, on_end_3, on_end_4, on_end_5};

static void
set_scene(void *ctx)
{
    static const struct http_handler http_handler = {.on_data = on_data,
                                                     .on_done = on_done};
    struct scene *s = ctx;
    struct http_config config = {.max_connections = 8};
    const char *const hosts[] = {"127.0.0.1",       "127.0.0.1",
                                 "127.0.0.1",       "127.0.0.1",
                                 "hang1.localhost", "hang2.localhost"};
    const uint16_t ports[] = {
        s->peer->port, s->peer->port, s->peer->port, s->full.port, 1, 2};
    const char *const paths[] = {"/ok",   "/begin", "/silent",
                                 "/full", "/dns",   "/dns"};
    const char *const lines[] = {"/ws",   "/ws",  "/silent",
                                 "/full", "/dns", "/ws"};
    sgo_error err;

    CHECK_INT(http_create(s->loop, &config, &s->http, &err), SGO_OK);
    for (int i = 0; i < PATHS; i++) {
        char url[128];
        struct http_request request = {.method = "GET", .url = url};

        snprintf(url, sizeof(url), "http://%s:%u%s", hosts[i], ports[i],
                 paths[i]);
        CHECK_INT(http_start(s->http, &request, &http_handler, s, NULL, &err),
                  SGO_OK);
    }
    for (int i = 0; i < SOCKETS; i++) {
        int of = i == 5 ? 0 : i;
        struct socket_handler socket_handler = {on_open, on_message, NULL,
                                                ends[i]};
        struct socket_request request = {
            .host = hosts[of], .port = ports[of], .path = lines[i]};

        CHECK_INT(socket_open(s->loop, &request, &socket_handler, s,
                              &s->sockets[i], &err),
                  SGO_OK);
    }
}

static void
leave_some(void *ctx)
{
    struct scene *s = ctx;

    socket_leave(s->sockets[0], 1000, "bye");
    socket_close(s->sockets[1], 1000, "bye");
    CHECK_INT(socket_send(s->sockets[5], "x", 1), SGO_OK);
    s->sockets[0] = NULL; /* dead since it left */
}

static void
clean_up(void *ctx)
{
    struct scene *s = ctx;

    http_free(s->http);
    for (int i = 0; i < SOCKETS; i++) {
        socket_kill(s->sockets[i]);
    }
    CHANGE(s->stopped = true);
}

/* ---- producers ------------------------------------------------------------*/

struct hammer {
    pthread_t thread;
    struct mailbox *box;
    atomic_bool *over;
    int64_t runs, drops;
};

static void
hammer_run(void *ctx)
{
    CHANGE(++*(int64_t *)ctx);
}

static void *
hammer_main(void *ctx)
{
    struct hammer *h = ctx;
    int64_t posted = 0;

    while (!*h->over) {
        /* One at a time: a task is not posted twice before it ran. */
        struct loop_task task = {
            .run = hammer_run, .drop = hammer_run, .ctx = &h->runs};

        mailbox_post(h->box, &task);
        posted++;
        WAIT(h->runs == posted);
    }
    return NULL;
}

static void
play(bool tidy, bool hammered, int delay_ms)
{
    struct scene s = {.loop = get_loop()};
    struct hammer hammers[3];
    atomic_bool over = false;
    int64_t begun;

    s.peer = peer_start(serve, NULL, NULL);
    full_open(&s.full);
    for (int i = 0; hammered && i < 3; i++) {
        hammers[i] = (struct hammer){
            .box = mailbox_retain(loop_mailbox(s.loop)), .over = &over};
        pthread_create(&hammers[i].thread, NULL, hammer_main, &hammers[i]);
    }
    on_loop(s.loop, set_scene, &s);
    if (delay_ms < 0) {
        WAIT(s.opens == 3 && s.data == 1);
        on_loop(s.loop, leave_some, &s);
    } else {
        poll(NULL, 0, delay_ms);
    }
    if (tidy) {
        on_loop(s.loop, clean_up, &s);
    }
    begun = clock_now_ns();
    loop_release(s.loop);
    CHECK(ms_since(begun) < 1000); /* LOOP_STOP_NS and some slack */
    CHANGE(s.stopped = true);
    over = true;
    for (int i = 0; hammered && i < 3; i++) {
        pthread_join(hammers[i].thread, NULL);
        mailbox_release(hammers[i].box);
    }
    WAIT(peer_open(s.peer) == 0);
    full_close(&s.full);
    peer_stop(s.peer);
}

static void
stopped_in_every_state_by_the_owner(void)
{
    play(true, false, -1);
}

static void
stopped_in_every_state_by_the_loop_alone(void)
{
    play(false, false, -1);
}

static void
stopped_at_any_moment(void)
{
    for (int i = 0; i < 12; i++) {
        play(i % 2 == 0, false, i / 2);
    }
}

static void
stopped_while_others_post(void)
{
    for (int i = 0; i < 6; i++) {
        play(i % 2 == 0, true, i == 0 ? -1 : i);
    }
}

/* How many descriptors this process has; -1 where that cannot be told. */
static int
open_descriptors(void)
{
    DIR *dir = opendir("/proc/self/fd");
    int n = -1;

    while (dir != NULL && readdir(dir) != NULL) {
        n++;
    }
    if (dir != NULL) {
        closedir(dir);
    }
    return n;
}

static void
nothing_is_left_open(void)
{
    int before = open_descriptors();

    for (int i = 0; i < 3; i++) {
        play(i % 2 == 0, false, -1);
    }
    /* On a machine so busy that a stop took its whole bound, the thread may
     * still be at it. */
    for (int64_t begun = clock_now_ns();
         open_descriptors() != before && ms_since(begun) < 5000;) {
        poll(NULL, 0, 10);
    }
    CHECK_INT(open_descriptors(), before);
}

int
main(void)
{
    resolve_set_system(hanging_lookup, NULL);
    RUN(stopped_in_every_state_by_the_owner);
    RUN(stopped_in_every_state_by_the_loop_alone);
    RUN(nothing_is_left_open);
    RUN(stopped_at_any_moment);
    RUN(stopped_while_others_post);
    while (resolve_helpers() > 0) {
        poll(NULL, 0, 5);
    }
    return check_done();
}
