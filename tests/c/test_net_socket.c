/* WebSockets over plain TCP on loopback: opening, messages, every kind of
 * end. */
#include "net_peer.h"
#include "torture.h"

#include "net/resolve.h"
#include "net/socket.h"

/* ---- the server: one behaviour per path -----------------------------------*/

static char server_saw[4096]; /* world's lock */
static size_t server_saw_len;
static int server_saw_opcode;
static int server_messages;

static void
note(int opcode, const char *bytes, size_t len)
{
    pthread_mutex_lock(&world);
    server_saw_opcode = opcode;
    server_saw_len =
        len < sizeof(server_saw) - 1 ? len : sizeof(server_saw) - 1;
    memcpy(server_saw, bytes, server_saw_len);
    server_saw[server_saw_len] = '\0';
    server_messages += opcode == WS_TEXT;
    pthread_cond_broadcast(&world_changed);
    pthread_mutex_unlock(&world);
}

/* Note what the client sends until it closes; answer its close. */
static void
drain(struct conn *c, bool answer)
{
    char *text = malloc(512 << 10);
    size_t len;
    int opcode;

    while ((opcode = ws_read(c, text, 512 << 10, &len)) >= 0) {
        note(opcode, text, len);
        if (opcode == WS_CLOSE && answer) {
            ws_frame(c, WS_CLOSE, true, text, len);
            break;
        }
    }
    free(text);
}

static void
send_big(struct conn *c, size_t len)
{
    char *text = malloc(len);

    memset(text, 'b', len);
    ws_frame(c, WS_TEXT, true, text, len);
    free(text);
}

static void
send_fragments(struct conn *c)
{
    ws_frame(c, WS_TEXT, false, "one ", 4);
    ws_frame(c, WS_PING, true, "between", 7);
    ws_frame(c, WS_MORE, false, "", 0);
    ws_frame(c, WS_MORE, false, "two ", 4);
    ws_frame(c, WS_MORE, true, "three", 5);
    ws_text(c, "whole");
    ws_frame(c, WS_BINARY, true, "\0\1", 2);
    ws_text(c, "");
}

static void
send_byte_by_byte(struct conn *c)
{
    static const char frame[] = "\x81\x05"
                                "hello";

    for (size_t i = 0; i < sizeof(frame) - 1; i++) {
        conn_write(c, frame + i, 1);
        poll(NULL, 0, 2);
    }
}

static void
speak(struct conn *c, const char *path)
{
    int code;

    if (sscanf(path, "/close/%d", &code) == 1) {
        ws_close(c, code, "see you");
        drain(c, false);
    } else if (strcmp(path, "/closeonly") == 0) {
        ws_frame(c, WS_CLOSE, true, "", 0);
        drain(c, false);
    } else if (strcmp(path, "/vanish") == 0) {
        ws_text(c, "hello");
    } else if (strcmp(path, "/reset") == 0) {
        ws_text(c, "hello");
        conn_reset(c);
    } else if (strcmp(path, "/fragments") == 0) {
        send_fragments(c);
        drain(c, true);
    } else if (strcmp(path, "/bytes") == 0) {
        send_byte_by_byte(c);
        drain(c, true);
    } else if (strcmp(path, "/big") == 0) {
        send_big(c, SOCKET_MESSAGE_BYTES);
        drain(c, true);
    } else if (strcmp(path, "/toobig") == 0) {
        send_big(c, SOCKET_MESSAGE_BYTES + 1);
        drain(c, true);
    } else if (strcmp(path, "/endless") == 0) {
        char block[4096] = "";

        ws_frame(c, WS_TEXT, false, "", 0);
        while (ws_frame(c, WS_MORE, false, block, sizeof(block))) {
        }
    } else if (strcmp(path, "/ping") == 0) {
        poll(NULL, 0, 150); /* silence first */
        ws_frame(c, WS_PING, true, "payload", 7);
        drain(c, true);
    } else if (strcmp(path, "/mute") == 0) {
        drain(c, false); /* never answers the close */
    } else if (strcmp(path, "/deaf") == 0) {
        poll(NULL, 0, -1); /* reads nothing; ended by peer_stop's shutdown */
    } else {
        ws_text(c, "hello");
        drain(c, true);
    }
}

static void
serve(struct conn *c)
{
    struct request r;
    char text[64];

    if (!read_request(c, &r)) {
        return;
    }
    if (sscanf(r.path, "/status/%15s", text) == 1) {
        respond(c, text, "Location: http://127.0.0.1/\r\n", "no", 2);
        conn_until_closed(c);
    } else if (strcmp(r.path, "/silent") == 0) {
        conn_until_closed(c);
    } else if (strcmp(r.path, "/half") == 0) {
        conn_text(c, "HTTP/1.1 101 Swi");
        conn_until_closed(c);
    } else if (strcmp(r.path, "/hangup") == 0) {
        return;
    } else if (strcmp(r.path, "/badaccept") == 0) {
        conn_text(c, "HTTP/1.1 101 Switching Protocols\r\n"
                     "Upgrade: websocket\r\nConnection: Upgrade\r\n"
                     "Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n"
                     "\r\n");
        conn_until_closed(c);
    } else if (strcmp(r.path, "/head") == 0) {
        note(0, r.head, strlen(r.head));
        ws_accept(c, &r);
        drain(c, true);
    } else if (ws_accept(c, &r)) {
        speak(c, r.path);
    }
}

/* ---- the client -------------------------------------------------------------*/

struct line {
    struct loop *loop;
    struct socket_request request;
    struct socket *socket;
    sgo_status opened_status;
    sgo_error err;
    bool open, ended, kill_on_message, kill_on_open;
    int messages, frames;
    char text[256]; /* all messages, separated by '|' */
    size_t longest;
    bool binary;
    struct socket_end end;
    /* for errands */
    const char *say;
    size_t say_len;
    sgo_status said;
    int close_code;
    int64_t last_rx_ns;
};

static void
on_open(void *ctx)
{
    struct line *l = ctx;

    CHECK(!l->open && !l->ended);
    if (l->kill_on_open) {
        socket_kill(l->socket);
    }
    CHANGE(l->open = true);
}

static void
on_message(void *ctx, const char *bytes, size_t len, bool binary)
{
    struct line *l = ctx;
    size_t used = strlen(l->text);

    CHECK(l->open && !l->ended);
    if (l->kill_on_message) {
        socket_kill(l->socket);
    }
    pthread_mutex_lock(&world);
    snprintf(l->text + used, sizeof(l->text) - used, "%.*s|",
             len < 100 ? (int)len : 100, bytes);
    l->longest = len > l->longest ? len : l->longest;
    l->binary |= binary;
    l->messages++;
    pthread_cond_broadcast(&world_changed);
    pthread_mutex_unlock(&world);
}

static void
on_frame(void *ctx)
{
    struct line *l = ctx;

    CHANGE(l->frames++);
}

static void
on_end(void *ctx, const struct socket_end *end)
{
    struct line *l = ctx;

    CHECK(!l->ended);
    l->end = *end;
    socket_kill(l->socket); /* harmless here */
    CHANGE(l->ended = true);
}

static const struct socket_handler handler = {on_open, on_message, on_frame,
                                              on_end};

static void
open_line(void *ctx)
{
    struct line *l = ctx;

    l->opened_status =
        socket_open(l->loop, &l->request, &handler, l, &l->socket, &l->err);
    CHECK(!l->open && !l->ended);
}

static void
say(void *ctx)
{
    struct line *l = ctx;

    l->said = socket_send(l->socket, l->say, l->say_len);
}

static void
hang_up(void *ctx)
{
    struct line *l = ctx;

    socket_close(l->socket, l->close_code, "bye");
}

static void
drop(void *ctx)
{
    struct line *l = ctx;

    socket_kill(l->socket);
}

static void
walk_off(void *ctx)
{
    struct line *l = ctx;

    socket_leave(l->socket, 1000, "bye");
}

static struct line
line_to(struct loop *loop, struct peer *peer, const char *path)
{
    return (struct line){.loop = loop,
                         .close_code = 1000,
                         .request = {.host = "127.0.0.1",
                                     .port = peer->port,
                                     .path = path,
                                     .open_timeout_ns = 5 * NS_PER_S}};
}

static void
dial(struct line *l)
{
    on_loop(l->loop, open_line, l);
    CHECK_INT(l->opened_status, SGO_OK);
}

static struct loop *loop;
static struct peer *peer;

static void
setup(void)
{
    loop = get_loop();
    peer = peer_start(serve, NULL, NULL);
    CHANGE(server_messages = 0);
}

static void
teardown(void)
{
    int64_t begun = clock_now_ns();

    loop_release(loop);
    CHECK(ms_since(begun) < 1000);
    peer_stop(peer);
}

/* ---- messages -------------------------------------------------------------*/

static void
talk_and_hang_up(void)
{
    struct line l;

    setup();
    l = line_to(loop, peer, "/hello");
    dial(&l);
    WAIT(l.messages == 1);
    CHECK_STR(l.text, "hello|");
    l.say = "{\"event\":\"pusher:ping\"}";
    l.say_len = strlen(l.say);
    on_loop(loop, say, &l);
    CHECK_INT(l.said, SGO_OK);
    WAIT(server_messages == 1);
    CHECK_STR(server_saw, l.say);
    on_loop(loop, hang_up, &l);
    WAIT(l.ended);
    CHECK_INT(l.end.status, SGO_OK);
    CHECK(l.end.was_open && l.end.clean);
    CHECK_INT(l.end.close_code, 1000);
    CHECK_INT(server_saw_opcode, WS_CLOSE);
    CHECK_MEM(server_saw, server_saw_len,
              "\x03\xe8"
              "bye",
              5);
    teardown();
}

static void
what_we_say_of_ourselves(void)
{
    struct line l;
    char host[64];

    setup();
    l = line_to(loop, peer, "/head");
    l.request.user_agent = "sgostream/9";
    dial(&l);
    WAIT(l.open);
    snprintf(host, sizeof(host), "\r\nHost: 127.0.0.1:%u\r\n", peer->port);
    CHECK(strcasestr(server_saw, host) != NULL);
    CHECK(strstr(server_saw, "\r\nUser-Agent: sgostream/9\r\n") != NULL);
    CHECK(strcasestr(server_saw, "Sec-WebSocket-Extensions") == NULL);
    CHECK(strcasestr(server_saw, "Sec-WebSocket-Protocol") == NULL);
    CHECK(strcasestr(server_saw, "\r\nOrigin") == NULL);
    on_loop(loop, drop, &l);
    teardown();
}

static void
fragments_become_messages(void)
{
    struct line l;

    setup();
    l = line_to(loop, peer, "/fragments");
    dial(&l);
    WAIT(l.messages == 4);
    CHECK_MEM(l.text, strlen(l.text), "one two three|whole|||", 22);
    CHECK(l.binary);
    CHECK(l.frames >= 6);
    WAIT(server_saw_opcode == WS_PONG);
    CHECK_STR(server_saw, "between");
    on_loop(loop, drop, &l);
    l = line_to(loop, peer, "/bytes");
    dial(&l);
    WAIT(l.messages == 1);
    CHECK_STR(l.text, "hello|");
    on_loop(loop, drop, &l);
    teardown();
}

static void
messages_have_a_maximum(void)
{
    struct line l;

    setup();
    l = line_to(loop, peer, "/big");
    dial(&l);
    WAIT(l.messages == 1);
    CHECK_INT(SOCKET_MESSAGE_BYTES, 1 << 20);
    CHECK_INT(l.longest, SOCKET_MESSAGE_BYTES);
    on_loop(loop, drop, &l);
    l = line_to(loop, peer, "/toobig");
    dial(&l);
    WAIT(l.ended);
    CHECK_INT(l.messages, 0);
    CHECK_INT(l.end.status, SGO_LIMIT);
    CHECK_INT(l.end.error.kind, SGO_ERROR_LIMIT);
    CHECK_INT(l.end.close_code, 1009);
    WAIT(server_saw_opcode == WS_CLOSE);
    CHECK_INT((unsigned char)server_saw[0] << 8 | (unsigned char)server_saw[1],
              1009);
    l = line_to(loop, peer, "/endless");
    l.request.max_message_bytes = 100000;
    dial(&l);
    WAIT(l.ended);
    CHECK_INT(l.end.status, SGO_LIMIT);
    teardown();
}

static void
what_waits_to_be_sent_has_a_maximum(void)
{
    static char much[SOCKET_QUEUE_BYTES + 1];
    struct line l;
    int sent = 0;

    setup();
    memset(much, 'm', sizeof(much));
    l = line_to(loop, peer, "/hello");
    dial(&l);
    WAIT(l.open);
    l.say = much;
    l.say_len = sizeof(much);
    on_loop(loop, say, &l);
    CHECK_INT(l.said, SGO_LIMIT);
    l.say_len = 1000;
    while (sent < 200) {
        on_loop(loop, say, &l);
        CHECK_INT(l.said, SGO_OK);
        sent++;
    }
    WAIT(server_messages == sent);
    on_loop(loop, hang_up, &l);
    WAIT(l.ended);
    CHECK_INT(l.end.close_code, 1000);
    teardown();
}

static void
ask_last_rx(void *ctx)
{
    struct line *l = ctx;

    l->last_rx_ns = socket_last_rx_ns(l->socket);
}

static void
a_ping_is_answered_and_counts_as_life(void)
{
    struct line l, quiet;
    int64_t opened, asked;

    setup();
    l = line_to(loop, peer, "/ping");
    quiet = l;
    l.request.life_interval_ns = 100 * NS_PER_MS;
    dial(&l);
    WAIT(l.open);
    opened = clock_now_ns();
    CHECK_INT(l.frames, 0);
    WAIT(server_saw_opcode == WS_PONG);
    CHECK_STR(server_saw, "payload");
    WAIT(l.frames >= 1); /* found by the next look */
    CHECK(ms_since(opened) >= 100);
    on_loop(loop, ask_last_rx, &l);
    CHECK(l.last_rx_ns > opened + 60 * NS_PER_MS);
    on_loop(loop, drop, &l);

    CHANGE(server_saw_opcode = 0);
    dial(&quiet); /* looks every 5 s only, unless asked */
    WAIT(quiet.open);
    opened = clock_now_ns();
    on_loop(loop, ask_last_rx, &quiet);
    CHECK(quiet.last_rx_ns <= opened);
    WAIT(server_saw_opcode == WS_PONG);
    asked = clock_now_ns();
    on_loop(loop, ask_last_rx, &quiet);
    CHECK(quiet.last_rx_ns > opened + 60 * NS_PER_MS);
    CHECK(quiet.last_rx_ns <= asked + NS_PER_S);
    CHECK_INT(quiet.frames, 0);
    on_loop(loop, drop, &quiet);
    teardown();
}

/* ---- ends -----------------------------------------------------------------*/

static void
every_close_code_arrives(void)
{
    static const int codes[] = {1000, 1001, 1011, 3000, 4001,
                                4004, 4100, 4200, 4299};

    setup();
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        char path[32];
        struct line l;

        snprintf(path, sizeof(path), "/close/%d", codes[i]);
        l = line_to(loop, peer, path);
        dial(&l);
        WAIT(l.ended);
        CHECK(l.open);
        CHECK_INT(l.end.status, SGO_OK);
        CHECK(l.end.clean);
        CHECK_INT(l.end.close_code, codes[i]);
        CHECK_STR(l.end.reason, "see you");
        CHECK_INT(l.end.error.kind, SGO_ERROR_NONE);
    }
    teardown();
}

static void
ends_without_a_code(void)
{
    struct line l;

    setup();
    l = line_to(loop, peer, "/closeonly");
    dial(&l);
    WAIT(l.ended);
    CHECK_INT(l.end.status, SGO_OK);
    CHECK_INT(l.end.close_code, 1005);
    l = line_to(loop, peer, "/vanish");
    dial(&l);
    WAIT(l.ended);
    CHECK_INT(l.messages, 1);
    CHECK_INT(l.end.status, SGO_FAILED);
    CHECK_INT(l.end.close_code, 1006);
    CHECK(!l.end.clean);
    CHECK_INT(l.end.error.kind, SGO_ERROR_TRANSPORT);
    l = line_to(loop, peer, "/reset");
    dial(&l);
    WAIT(l.ended);
    CHECK_INT(l.end.close_code, 1006);
    teardown();
}

static void
refused_upgrades_tell_the_status(void)
{
    static const struct {
        const char *path;
        int status;
        const char *words;
    } cases[] = {
        {"/status/403", 403, "403"},    {"/status/503", 503, "503"},
        {"/status/404", 404, "404"},    {"/status/302", 302, "302"},
        {"/status/200", 200, "200"},    {"/hangup", 0, "handshake"},
        {"/badaccept", 0, "handshake"},
    };

    setup();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct line l = line_to(loop, peer, cases[i].path);

        dial(&l);
        WAIT(l.ended);
        CHECK(!l.open && !l.end.was_open);
        CHECK_INT(l.end.status, SGO_FAILED);
        CHECK_INT(l.end.http_status, cases[i].status);
        CHECK_INT(l.end.error.kind, SGO_ERROR_TRANSPORT);
        CHECK(l.end.error.retryable);
        if (strstr(l.end.error.text, cases[i].words) == NULL) {
            fprintf(stderr, "%s: %s\n", cases[i].path, l.end.error.text);
            CHECK(false);
        }
    }
    teardown();
}

static void
unreachable_and_silent_servers(void)
{
    struct line l;
    int64_t begun;

    setup();
    l = line_to(loop, peer, "/");
    l.request.port = closed_port();
    begun = clock_now_ns();
    dial(&l);
    WAIT(l.ended);
    CHECK_INT(l.end.status, SGO_FAILED);
    CHECK(strstr(l.end.error.text, "refused") != NULL);
    CHECK(ms_since(begun) < 1000);
    l = line_to(loop, peer, "/");
    l.request.host = "nowhere.localhost";
    dial(&l);
    WAIT(l.ended);
    CHECK_INT(l.end.status, SGO_FAILED);
    CHECK(strstr(l.end.error.text, "nowhere.localhost") != NULL);
    for (int i = 0; i < 2; i++) {
        l = line_to(loop, peer, i ? "/half" : "/silent");
        l.request.open_timeout_ns = 150 * NS_PER_MS;
        begun = clock_now_ns();
        dial(&l);
        WAIT(l.ended);
        CHECK_INT(l.end.status, SGO_TIMEOUT);
        CHECK(strstr(l.end.error.text, "within 0.15 s") != NULL);
        CHECK(ms_since(begun) >= 140 && ms_since(begun) < 1500);
    }
    teardown();
}

static int
two_addresses(const char *host, const char *service,
              const struct addrinfo *hints, struct addrinfo **out)
{
    struct addrinfo numeric = *hints, *second = NULL;

    (void)host;
    numeric.ai_flags = AI_NUMERICHOST;
    if (getaddrinfo("127.0.0.9", service, &numeric, out) != 0 ||
        getaddrinfo("127.0.0.1", service, &numeric, &second) != 0) {
        return EAI_FAIL;
    }
    (*out)->ai_next = second;
    return 0;
}

/* Accepts on another address and hangs up at once, so that the race is won
 * by an address that is good for nothing. */
static void *
accept_and_hang_up(void *ctx)
{
    int fd;

    while ((fd = accept(*(int *)ctx, NULL, NULL)) >= 0) {
        close(fd);
    }
    return NULL;
}

static void
the_next_address_is_tried(void)
{
    struct sockaddr_in sa = {.sin_family = AF_INET};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    pthread_t thread;
    struct line l;

    setup();
    sa.sin_port = htons(peer->port);
    inet_pton(AF_INET, "127.0.0.9", &sa.sin_addr);
    CHECK_INT(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
    CHECK_INT(listen(fd, 8), 0);
    pthread_create(&thread, NULL, accept_and_hang_up, &fd);
    resolve_set_system(two_addresses, NULL);
    l = line_to(loop, peer, "/hello");
    l.request.host = "walk.localhost";
    dial(&l);
    WAIT(l.messages == 1 || l.ended);
    CHECK(l.open);
    on_loop(loop, drop, &l);
    resolve_set_system(NULL, NULL);
    shutdown(fd, SHUT_RDWR);
    pthread_join(thread, NULL);
    close(fd);
    teardown();
}

static int
hanging_lookup(const char *host, const char *service,
               const struct addrinfo *hints, struct addrinfo **out)
{
    (void)host;
    (void)service;
    (void)hints;
    (void)out;
    poll(NULL, 0, 1500);
    return EAI_AGAIN;
}

static void
a_dns_server_that_hangs_costs_its_time_limit_only(void)
{
    struct line l;
    int64_t begun;

    setup();
    resolve_set_system(hanging_lookup, NULL);
    l = line_to(loop, peer, "/");
    l.request.host = "hang.localhost";
    l.request.open_timeout_ns = 100 * NS_PER_MS;
    begun = clock_now_ns();
    dial(&l);
    WAIT(l.ended);
    CHECK_INT(l.end.status, SGO_TIMEOUT);
    CHECK(strstr(l.end.error.text, "DNS") != NULL);
    CHECK(ms_since(begun) < 1000);
    l = line_to(loop, peer, "/");
    l.request.host = "hang.localhost";
    dial(&l);
    resolve_set_system(NULL, NULL);
    teardown(); /* and the loop ends meanwhile */
    CHECK(!l.ended);
    while (resolve_helpers() > 0) {
        poll(NULL, 0, 5);
    }
}

/* ---- our own ends ---------------------------------------------------------*/

static void
a_peer_that_does_not_answer_our_close_is_dropped(void)
{
    struct line l;
    int64_t begun;

    setup();
    l = line_to(loop, peer, "/mute");
    dial(&l);
    WAIT(l.open);
    begun = clock_now_ns();
    on_loop(loop, hang_up, &l);
    WAIT(l.ended);
    CHECK(ms_since(begun) >= 900 && ms_since(begun) < 2000);
    CHECK_INT(l.end.status, SGO_OK);
    CHECK(!l.end.clean);
    WAIT(peer_open(peer) == 0);
    teardown();
}

static void
closed_before_it_opened(void)
{
    struct line silent, fresh;

    setup();
    silent = line_to(loop, peer, "/silent");
    dial(&silent);
    WAIT(peer->requests == 1);
    on_loop(loop, hang_up, &silent);
    WAIT(silent.ended);
    CHECK_INT(silent.end.status, SGO_CLOSED);
    CHECK_INT(silent.end.error.kind, SGO_ERROR_NONE);
    fresh = line_to(loop, peer, "/silent");
    on_loop(loop, open_line, &fresh);
    on_loop(loop, hang_up, &fresh);
    WAIT(fresh.ended);
    CHECK_INT(fresh.end.status, SGO_CLOSED);
    WAIT(peer_open(peer) == 0);
    teardown();
}

static void
open_and_kill(void *ctx)
{
    open_line(ctx);
    drop(ctx);
}

static void
killed_in_each_state_nothing_comes(void)
{
    struct line fresh, silent, open, message, at_open;

    setup();
    fresh = line_to(loop, peer, "/hello");
    on_loop(loop, open_and_kill, &fresh);
    silent = line_to(loop, peer, "/silent");
    dial(&silent);
    WAIT(peer->requests == 1);
    on_loop(loop, drop, &silent);
    open = line_to(loop, peer, "/mute");
    dial(&open);
    WAIT(open.open);
    on_loop(loop, drop, &open);
    message = line_to(loop, peer, "/fragments");
    message.kill_on_message = true;
    dial(&message);
    WAIT(message.messages == 1);
    at_open = line_to(loop, peer, "/hello");
    at_open.kill_on_open = true;
    dial(&at_open);
    WAIT(at_open.open);
    WAIT(peer_open(peer) == 0);
    CHECK(!fresh.ended && !silent.ended && !open.ended && !message.ended);
    CHECK_INT(message.messages, 1);
    CHECK_INT(at_open.messages, 0);
    teardown();
}

static void
a_loop_that_stops_lets_its_sockets_say_goodbye(void)
{
    struct line l, rude, other;
    int64_t begun;

    setup();
    l = line_to(loop, peer, "/hello");
    dial(&l);
    rude = line_to(loop, peer, "/mute");
    dial(&rude);
    other = line_to(loop, peer, "/silent"); /* simply killed */
    dial(&other);
    WAIT(l.open && rude.open && peer->requests == 3);
    CHANGE(server_saw_opcode = 0);
    on_loop(loop, walk_off, &l);
    on_loop(loop, walk_off, &rude);
    begun = clock_now_ns();
    loop_release(loop);
    CHECK(ms_since(begun) < 1000);
    WAIT(server_saw_opcode == WS_CLOSE);
    CHECK(!l.ended && !rude.ended && !other.ended);
    WAIT(peer_open(peer) == 0);
    peer_stop(peer);
}

static void
leaving_alone_takes_no_time(void)
{
    struct line l;
    int64_t begun;

    setup();
    l = line_to(loop, peer, "/hello");
    dial(&l);
    WAIT(l.open);
    on_loop(loop, walk_off, &l);
    begun = clock_now_ns();
    WAIT(peer_open(peer) == 0);
    CHECK(ms_since(begun) < 400);
    CHECK(!l.ended);
    teardown();
}

/* ---- what is refused ------------------------------------------------------*/

static void
bad_requests_are_refused(void)
{
    static const struct {
        const char *host, *path;
        bool tls;
    } cases[] = {
        {"example.com", "/", false},
        {"127.0.0.1", "/", true},
        {"127.0.0.1", "x", false},
        {"127.0.0.1", "", false},
        {"127.0.0.1", "/a b", false},
        {"127.0.0.1", "/a\r\nX: y", false},
        {"", "/", false},
        {"a b", "/", false},
        {"local host", "/", false},
    };

    setup();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct line l = line_to(loop, peer, cases[i].path);

        l.request.host = cases[i].host;
        l.request.tls = cases[i].tls;
        on_loop(loop, open_line, &l);
        CHECK_INT(l.opened_status, SGO_INVALID);
        CHECK_INT(l.err.kind, SGO_ERROR_CONFIGURATION);
    }
    CHECK_INT(peer->accepted, 0);
    teardown();
}

/* The n-th allocation of a socket fails, ours or libwebsockets', for every n
 * until none was left to fail: an error, or no harm; and the next socket finds
 * everything in order. */
static void
any_failing_allocation_is_an_error(void)
{
    int failed = 0;
    bool all = false;

    for (int64_t n = 0; !all && check_bad == 0; n++) {
        struct line l, after;

        setup();
        l = line_to(loop, peer, "/fragments");
        /* A handshake without room for its headers waits in silence. */
        l.request.open_timeout_ns = 400 * NS_PER_MS;
        mem_fail_after(n);
        on_loop(loop, open_line, &l);
        if (l.opened_status == SGO_OK) {
            WAIT(l.messages == 4 || l.ended);
        } else {
            CHECK_INT(l.err.kind, SGO_ERROR_MEMORY);
        }
        all = mem_fail_pending();
        mem_fail_after(-1);
        failed += l.opened_status != SGO_OK || l.messages != 4;
        if (l.opened_status == SGO_OK && l.messages != 4) {
            CHECK(l.end.status != SGO_OK && l.end.error.text[0] != '\0');
        }
        if (l.opened_status == SGO_OK && !l.ended) {
            on_loop(loop, drop, &l);
        }
        after = line_to(loop, peer, "/fragments");
        on_loop(loop, open_line, &after);
        WAIT(after.messages == 4);
        on_loop(loop, drop, &after);
        teardown();
    }
    printf("%d allocations of a socket failed one by one\n", failed);
    CHECK(failed > 8);
}

int
main(void)
{
    torture_libraries();
    RUN(talk_and_hang_up);
    RUN(what_we_say_of_ourselves);
    RUN(fragments_become_messages);
    RUN(messages_have_a_maximum);
    RUN(what_waits_to_be_sent_has_a_maximum);
    RUN(a_ping_is_answered_and_counts_as_life);
    RUN(every_close_code_arrives);
    RUN(ends_without_a_code);
    RUN(refused_upgrades_tell_the_status);
    RUN(unreachable_and_silent_servers);
    RUN(the_next_address_is_tried);
    RUN(a_dns_server_that_hangs_costs_its_time_limit_only);
    RUN(a_peer_that_does_not_answer_our_close_is_dropped);
    RUN(closed_before_it_opened);
    RUN(killed_in_each_state_nothing_comes);
    RUN(a_loop_that_stops_lets_its_sockets_say_goodbye);
    RUN(leaving_alone_takes_no_time);
    RUN(bad_requests_are_refused);
    RUN(any_failing_allocation_is_an_error);
    return check_done();
}
