/* Requests over plain HTTP on loopback: life of a job, keep-alive, redirects,
 * limits, the ways in which a server can fail. */
#include "net_peer.h"
#include "torture.h"

#include "net/http.h"
#include "net/resolve.h"

#include <zlib.h>

static const char key[] = "sk-test-0123456789abcdef";

/* ---- the server -----------------------------------------------------------*/

static atomic_int key_seen; /* requests that carried the key */

static void
respond_gzip(struct conn *c, bool truncated)
{
    static const char plain[] = "compressed hello compressed hello";
    unsigned char packed[256];
    z_stream z = {0};
    size_t len;

    deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
    z.next_in = (unsigned char *)(uintptr_t)plain;
    z.avail_in = sizeof(plain) - 1;
    z.next_out = packed;
    z.avail_out = sizeof(packed);
    deflate(&z, Z_FINISH);
    len = z.total_out;
    deflateEnd(&z);
    if (truncated) {
        packed[len - 9] ^= 0x55; /* the data itself */
    }
    respond(c, "200 OK", "Content-Encoding: gzip\r\n", packed, len);
}

static void
respond_big(struct conn *c, size_t len)
{
    char *body = malloc(len);

    memset(body, 'x', len);
    respond(c, "200 OK", "", body, len);
    free(body);
}

/* true: go on with the connection */
static bool
serve_one(struct conn *c, const struct request *r)
{
    char value[128], text[512];
    int n;

    if (get_field(r, "x-api-key", value, sizeof(value))) {
        key_seen += strcmp(value, key) == 0;
    }
    if (strcmp(r->path, "/hello") == 0) {
        return respond(c, "200 OK",
                       "Content-Type: Text/Plain; charset=x\r\n"
                       "Age: 7\r\n",
                       "hello", 5);
    }
    if (strcmp(r->path, "/echo") == 0) {
        snprintf(text, sizeof(text), "%s %.*s", r->method, (int)r->body_len,
                 r->body);
        return respond(c, "200 OK", "", text, strlen(text));
    }
    if (strcmp(r->path, "/fields") == 0) {
        return respond(c, "200 OK", "", r->head, strlen(r->head));
    }
    if (strcmp(r->path, "/chunked") == 0) {
        return conn_text(c, "HTTP/1.1 103 Early Hints\r\n\r\n"
                            "HTTP/1.1 200 OK\r\n"
                            "Transfer-Encoding: chunked\r\n\r\n"
                            "5\r\nhello\r\n6\r\n world\r\n0\r\n"
                            "Age: 99\r\n\r\n");
    }
    if (strcmp(r->path, "/gzip") == 0) {
        respond_gzip(c, false);
        return true;
    }
    if (strcmp(r->path, "/badgzip") == 0) {
        respond_gzip(c, true);
        return false;
    }
    if (strcmp(r->path, "/big") == 0) {
        respond_big(c, 1 << 20);
        return true;
    }
    if (strcmp(r->path, "/empty") == 0) {
        return respond(c, "204 No Content", "", "", 0);
    }
    if (strcmp(r->path, "/429") == 0) {
        return respond(c, "429 Too Many Requests", "Retry-After: 17\r\n", "{}",
                       2);
    }
    if (sscanf(r->path, "/redirect/%d", &n) == 1) {
        if (n == 0) {
            snprintf(text, sizeof(text), "Location: /echo\r\n");
        } else {
            snprintf(text, sizeof(text), "Location: /redirect/%d\r\n", n - 1);
        }
        return respond(c, "302 Found", text, "moved", 5);
    }
    if (strcmp(r->path, "/redirect/keep") == 0) {
        return respond(c, "307 Temporary Redirect", "Location: /echo\r\n", "",
                       0);
    }
    if (strcmp(r->path, "/elsewhere") == 0) {
        snprintf(text, sizeof(text),
                 "Location: http://127.0.0.1:%u/hello?secret=1\r\n",
                 *(uint16_t *)c->peer->ctx);
        return respond(c, "302 Found", text, "", 0);
    }
    if (strcmp(r->path, "/partial") == 0) {
        conn_text(c, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
        return false;
    }
    if (strcmp(r->path, "/reset") == 0) {
        conn_reset(c);
        return false;
    }
    if (strcmp(r->path, "/die") == 0) { /* keep-alive promised, then closed */
        respond(c, "200 OK", "", "x", 1);
        return false;
    }
    if (strcmp(r->path, "/nonsense") == 0) {
        conn_text(c, "SSH-2.0-OpenSSH_9.2\r\n");
        return false;
    }
    if (strcmp(r->path, "/endlesshead") == 0) {
        conn_text(c, "HTTP/1.1 200 OK\r\n");
        memset(text, 'a', sizeof(text));
        memcpy(text, "X-Filler: ", 10);
        memcpy(text + sizeof(text) - 2, "\r\n", 2);
        while (conn_write(c, text, sizeof(text))) {
        }
        return false;
    }
    if (strcmp(r->path, "/headonly") == 0) {
        conn_text(c, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n");
        conn_until_closed(c);
        return false;
    }
    if (strcmp(r->path, "/drip") == 0) {
        conn_text(c, "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n");
        while (conn_write(c, "drop", 4)) {
            poll(NULL, 0, 10);
        }
        return false;
    }
    if (strcmp(r->path, "/begin") == 0) {
        conn_text(c, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nbegun");
        conn_until_closed(c);
        return false;
    }
    conn_until_closed(c); /* "/silent" */
    return false;
}

static void
serve(struct conn *c)
{
    struct request r;

    while (read_request(c, &r) && serve_one(c, &r)) {
    }
}

/* ---- the client ---------------------------------------------------------*/

struct fetch {
    struct bench *bench;
    char url[256];
    struct http_request request;
    struct http_header headers[4];
    struct http_job *job;
    sgo_status started;
    sgo_error err;
    int starts, heads;
    struct http_head head;
    char body[2048];
    size_t body_len;
    size_t cancel_at; /* cancel itself once this much came */
    bool cancel_in_head, refuse_body, cancelled_self;
    int64_t begun_ns, started_ns;
    struct http_end end;
    bool done;
};

struct bench {
    struct loop *loop;
    struct http *http;
    struct peer *peer;
    struct http_config config;
    uint16_t elsewhere;
    sgo_status created;
    sgo_error err;
};

static void
on_started(void *ctx, int64_t now_ns)
{
    struct fetch *f = ctx;

    f->started_ns = now_ns;
    CHANGE(f->starts++);
}

static void
on_head(void *ctx, const struct http_head *head)
{
    struct fetch *f = ctx;

    f->head = *head;
    if (f->cancel_in_head) {
        f->cancelled_self = true;
        http_cancel(f->job);
    }
    CHANGE(f->heads++);
}

static sgo_status
on_data(void *ctx, const char *bytes, size_t len)
{
    struct fetch *f = ctx;
    size_t room = sizeof(f->body) - 1 - f->body_len;

    CHECK(!f->cancelled_self);
    memcpy(f->body + f->body_len, bytes, len < room ? len : room);
    CHANGE(f->body_len += len < room ? len : room);
    if (f->cancel_at > 0 && f->body_len >= f->cancel_at) {
        f->cancelled_self = true;
        http_cancel(f->job);
    }
    return f->refuse_body ? SGO_INVALID : SGO_OK;
}

static void
on_done(void *ctx, const struct http_end *end)
{
    struct fetch *f = ctx;

    CHECK(!f->cancelled_self);
    CHECK(!f->done);
    http_cancel(f->job); /* harmless here */
    f->end = *end;
    CHANGE(f->done = true);
}

static const struct http_handler handler = {on_started, on_head, on_data,
                                            on_done};

static void
start(void *ctx)
{
    struct fetch *f = ctx;

    f->request.url = f->url;
    f->request.headers = f->headers;
    f->begun_ns = clock_now_ns();
    f->started =
        http_start(f->bench->http, &f->request, &handler, f, &f->job, &f->err);
    CHECK(f->starts == 0 && !f->done); /* nothing inside http_start */
    memset(f->url, 'Z', 8);            /* it was copied */
}

static void
cancel(void *ctx)
{
    struct fetch *f = ctx;

    http_cancel(f->job);
}

static struct fetch
fetch_of(struct bench *b, const char *method, const char *path)
{
    struct fetch f = {.bench = b};

    snprintf(f.url, sizeof(f.url), "%s%s", b->peer ? b->peer->base : "", path);
    f.request.method = method;
    f.request.timeout_ns = 5 * NS_PER_S;
    return f;
}

static void
begin(struct fetch *f)
{
    on_loop(f->bench->loop, start, f);
}

/* Start and wait for the end. */
static void
go(struct fetch *f)
{
    begin(f);
    if (f->started != SGO_OK) {
        fprintf(stderr, "http_start: %s\n", f->err.text);
        CHECK(false);
        return;
    }
    WAIT(f->done);
}

static void
create(void *ctx)
{
    struct bench *b = ctx;

    b->created = http_create(b->loop, &b->config, &b->http, &b->err);
}

static void
destroy(void *ctx)
{
    struct bench *b = ctx;

    http_free(b->http);
}

static void
bench_open(struct bench *b)
{
    memset(b, 0, sizeof(*b));
    b->loop = get_loop();
    b->peer = peer_start(serve, NULL, &b->elsewhere);
    b->config = (struct http_config){
        .api_key = key, .base_url = b->peer->base, .user_agent = "test/1"};
    on_loop(b->loop, create, b);
    CHECK_INT(b->created, SGO_OK);
}

static void
bench_close(struct bench *b)
{
    on_loop(b->loop, destroy, b);
    loop_release(b->loop);
    peer_stop(b->peer);
}

/* ---- what works -----------------------------------------------------------*/

static void
an_answer_arrives_whole(void)
{
    struct bench b;
    struct fetch f;

    bench_open(&b);
    f = fetch_of(&b, "GET", "/hello");
    go(&f);
    CHECK_INT(f.end.status, SGO_OK);
    CHECK_INT(f.end.http_status, 200);
    CHECK_INT(f.end.error.kind, SGO_ERROR_NONE);
    CHECK_MEM(f.body, f.body_len, "hello", 5);
    CHECK_INT(f.starts, 1);
    CHECK_INT(f.heads, 1);
    CHECK_INT(f.head.status, 200);
    CHECK_INT(f.head.age_ns, 7 * NS_PER_S);
    CHECK_INT(f.head.content_length, 5);
    CHECK_STR(f.head.content_type, "text/plain");
    CHECK_INT(f.head.version, 11);
    CHECK_INT(f.head.retry_after_ns, -1);
    CHECK(f.started_ns >= f.begun_ns - NS_PER_MS * 50);
    CHECK(f.end.started_ns == f.started_ns);
    CHECK(f.end.first_byte_ns >= f.started_ns);
    CHECK(f.end.ended_ns >= f.end.first_byte_ns);
    CHECK(!f.end.reused);
    CHECK_INT(f.end.body_bytes, 5);
    bench_close(&b);
}

static void
a_connection_is_used_again(void)
{
    struct bench b;

    bench_open(&b);
    for (int i = 0; i < 30; i++) {
        struct fetch f = fetch_of(&b, "GET", "/hello");

        go(&f);
        CHECK_INT(f.end.status, SGO_OK);
        CHECK_INT(f.end.reused, i > 0);
    }
    CHECK_INT(b.peer->accepted, 1);
    bench_close(&b);
}

static void
six_at_a_time_take_six_connections(void)
{
    struct bench b;
    struct fetch f[10];

    bench_open(&b);
    for (int i = 0; i < 10; i++) {
        f[i] = fetch_of(&b, "GET", "/silent");
        begin(&f[i]);
    }
    WAIT(b.peer->requests == 6);
    CHECK_INT(b.peer->accepted, 6);
    for (int i = 0; i < 6; i++) {
        on_loop(b.loop, cancel, &f[i]);
    }
    WAIT(b.peer->requests == 10);
    bench_close(&b);
}

static void
bodies_are_decoded_unless_wanted_raw(void)
{
    struct bench b;
    struct fetch f;

    bench_open(&b);
    f = fetch_of(&b, "GET", "/gzip");
    go(&f);
    CHECK_INT(f.end.status, SGO_OK);
    CHECK_STR(f.body, "compressed hello compressed hello");
    CHECK_STR(f.head.content_encoding, "");
    CHECK(f.end.wire_bytes > 0 && f.end.wire_bytes != f.end.body_bytes);
    f = fetch_of(&b, "GET", "/gzip");
    f.request.raw = true;
    go(&f);
    CHECK_STR(f.head.content_encoding, "gzip");
    CHECK_INT((unsigned char)f.body[0], 0x1f);
    CHECK_INT(f.end.body_bytes, f.end.wire_bytes);
    f = fetch_of(&b, "GET", "/badgzip");
    go(&f);
    CHECK_INT(f.end.status, SGO_FAILED);
    CHECK(f.end.truncated);
    CHECK(strstr(f.end.error.text, "decompressed") != NULL);
    bench_close(&b);
}

static void
chunks_and_early_hints_and_trailers(void)
{
    struct bench b;
    struct fetch f;

    bench_open(&b);
    f = fetch_of(&b, "GET", "/chunked");
    go(&f);
    CHECK_INT(f.end.status, SGO_OK);
    CHECK_INT(f.heads, 1);
    CHECK_INT(f.head.status, 200);
    CHECK_INT(f.head.age_ns, 0);
    CHECK_INT(f.head.content_length, -1);
    CHECK_STR(f.body, "hello world");
    f = fetch_of(&b, "GET", "/empty");
    go(&f);
    CHECK_INT(f.end.status, SGO_OK);
    CHECK_INT(f.end.http_status, 204);
    CHECK_INT(f.heads, 1);
    bench_close(&b);
}

static void
a_post_and_its_headers(void)
{
    struct bench b;
    struct fetch f;

    bench_open(&b);
    f = fetch_of(&b, "POST", "/echo");
    f.request.body = "socket_id=1.2";
    f.request.body_len = 13;
    go(&f);
    CHECK_STR(f.body, "POST socket_id=1.2");
    f = fetch_of(&b, "POST", "/echo");
    go(&f);
    CHECK_STR(f.body, "POST ");
    f = fetch_of(&b, "GET", "/fields?a=b%2Bc");
    snprintf(f.url, sizeof(f.url), "%s/fields", b.peer->base);
    f.headers[0] = (struct http_header){"X-One", "two"};
    f.headers[1] = (struct http_header){"X-Empty", ""};
    f.request.header_count = 2;
    f.request.no_cache = f.request.with_key = true;
    go(&f);
    CHECK(strstr(f.body, "\r\nX-One: two\r\n") != NULL);
    CHECK(strstr(f.body, "\r\nX-Empty:\r\n") != NULL);
    CHECK(strstr(f.body, "\r\nCache-Control: no-cache\r\n") != NULL);
    CHECK(strstr(f.body, "\r\nx-api-key: sk-test") != NULL);
    CHECK(strstr(f.body, "\r\nUser-Agent: test/1\r\n") != NULL);
    CHECK(strstr(f.body, "gzip") != NULL);
    CHECK(strstr(f.body, "Expect") == NULL);
    bench_close(&b);
}

static void
told_to_wait(void)
{
    struct bench b;
    struct fetch f;

    bench_open(&b);
    f = fetch_of(&b, "GET", "/429");
    go(&f);
    CHECK_INT(f.end.status, SGO_OK);
    CHECK_INT(f.end.http_status, 429);
    CHECK_INT(f.end.retry_after_ns, 17 * NS_PER_S);
    bench_close(&b);
#define AFTER(text) http_retry_after_ns(text, strlen(text), 1000000000)
    CHECK_INT(AFTER("0"), 0);
    CHECK_INT(AFTER(" 120 "), 120 * NS_PER_S);
    CHECK_INT(AFTER("99999999999999999999"), 31536000 * NS_PER_S);
    CHECK_INT(AFTER("Sun, 09 Sep 2001 01:47:10 GMT"), 30 * NS_PER_S);
    CHECK_INT(AFTER("Sun, 09 Sep 2001 01:46:00 GMT"), 0);
    CHECK_INT(AFTER("-1"), -1);
    CHECK_INT(AFTER("soon"), -1);
    CHECK_INT(AFTER(""), -1);
    CHECK_INT(http_retry_after_ns("77777", 2, 0), 77 * NS_PER_S);
}

/* ---- redirects ------------------------------------------------------------*/

static void
redirects_stay_at_home(void)
{
    struct bench b;
    struct peer *other;
    struct fetch f;
    int keys;

    bench_open(&b);
    other = peer_start(serve, NULL, &b.elsewhere);
    b.elsewhere = other->port;
    f = fetch_of(&b, "GET", "/redirect/2");
    f.request.redirects = 3;
    f.request.with_key = true;
    keys = key_seen;
    go(&f);
    CHECK_INT(f.end.status, SGO_OK);
    CHECK_STR(f.body, "GET ");
    CHECK_INT(f.heads, 1);
    CHECK_INT(f.starts, 4);
    CHECK_INT(key_seen - keys, 4);
    f = fetch_of(&b, "GET", "/redirect/3");
    f.request.redirects = 3;
    go(&f);
    CHECK_INT(f.end.status, SGO_INVALID);
    CHECK_INT(f.end.error.kind, SGO_ERROR_PROTOCOL);
    CHECK_INT(f.end.http_status, 302);
    f = fetch_of(&b, "GET", "/redirect/3");
    f.request.redirects = 9; /* three are the most, whoever asks */
    go(&f);
    CHECK_INT(f.end.status, SGO_INVALID);
    f = fetch_of(&b, "GET", "/redirect/0"); /* none allowed: an answer */
    go(&f);
    CHECK_INT(f.end.status, SGO_OK);
    CHECK_INT(f.end.http_status, 302);
    CHECK_STR(f.body, "moved");
    f = fetch_of(&b, "GET", "/elsewhere");
    f.request.redirects = 3;
    f.request.with_key = true;
    go(&f);
    CHECK_INT(f.end.status, SGO_INVALID);
    CHECK_INT(f.end.error.kind, SGO_ERROR_PROTOCOL);
    CHECK(strstr(f.end.error.text, "/hello") != NULL);
    CHECK(strstr(f.end.error.text, "secret") == NULL);
    CHECK_INT(other->accepted, 0);
    f = fetch_of(&b, "POST", "/redirect/0");
    f.request.redirects = 1;
    f.request.body = "x";
    f.request.body_len = 1;
    go(&f);
    CHECK_STR(f.body, "GET ");
    f = fetch_of(&b, "POST", "/redirect/keep");
    f.request.redirects = 1;
    f.request.body = "x";
    f.request.body_len = 1;
    go(&f);
    CHECK_STR(f.body, "POST x");
    peer_stop(other);
    bench_close(&b);
}

/* ---- what is refused --------------------------------------------------------*/

static void
bad_requests_are_refused_before_they_start(void)
{
    static const struct {
        const char *url, *method, *name, *value;
        bool with_key;
    } cases[] = {
        {"http://example.com/", "GET", NULL, NULL, false},
        {"https://127.0.0.1/", "GET", NULL, NULL, false}, /* no roots */
        {"ftp://127.0.0.1/", "GET", NULL, NULL, false},
        {"http://u:p@127.0.0.1/", "GET", NULL, NULL, false},
        {"http://127.0.0.1:1/", "GET", NULL, NULL, true}, /* foreign port */
        {"http://127.0.0.1:99999/", "GET", NULL, NULL, false},
        {"not a url", "GET", NULL, NULL, false},
        {"", "GET", NULL, NULL, false},
        {"http://127.0.0.1/", "G T", NULL, NULL, false},
        {"http://127.0.0.1/", "", NULL, NULL, false},
        {"http://127.0.0.1/", "GET", "X", "a\r\nb: c", false},
        {"http://127.0.0.1/", "GET", "X: y", "a", false},
        {"http://127.0.0.1/", "GET", "", "a", false},
    };
    struct bench b;

    bench_open(&b);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct fetch f = fetch_of(&b, cases[i].method, "");

        snprintf(f.url, sizeof(f.url), "%s", cases[i].url);
        f.headers[0] = (struct http_header){cases[i].name, cases[i].value};
        f.request.header_count = cases[i].name != NULL;
        f.request.with_key = cases[i].with_key;
        begin(&f);
        if (f.started != SGO_INVALID) {
            fprintf(stderr, "case %zu\n", i);
        }
        CHECK_INT(f.started, SGO_INVALID);
        CHECK_INT(f.err.kind, SGO_ERROR_CONFIGURATION);
        CHECK(strstr(f.err.text, key) == NULL);
    }
    CHECK_INT(b.peer->accepted, 0);
    bench_close(&b);
}

static void
long_answers_are_cut(void)
{
    struct bench b;
    struct fetch f;

    bench_open(&b);
    f = fetch_of(&b, "GET", "/big");
    f.request.max_body_bytes = 100000;
    go(&f);
    CHECK_INT(f.end.status, SGO_LIMIT);
    CHECK_INT(f.end.error.kind, SGO_ERROR_LIMIT);
    CHECK(f.end.truncated);
    CHECK(f.end.body_bytes <= 100000);
    f = fetch_of(&b, "GET", "/big");
    f.request.max_body_bytes = 1 << 20; /* exactly */
    go(&f);
    CHECK_INT(f.end.status, SGO_OK);
    f = fetch_of(&b, "GET", "/endlesshead");
    go(&f);
    CHECK(f.end.status != SGO_OK);
    CHECK_INT(f.heads, 0);
    f = fetch_of(&b, "GET", "/hello");
    f.refuse_body = true;
    go(&f);
    CHECK_INT(f.end.status, SGO_INVALID);
    bench_close(&b);
}

/* ---- what fails -------------------------------------------------------------*/

static void
failures_are_told_in_words(void)
{
    static const struct {
        const char *path, *words;
        bool truncated;
    } cases[] = {
        {"/reset", "broke", false},
        {"/partial", "middle", true},
        {"/nonsense", "", false},
    };
    struct bench b;
    struct fetch f;

    bench_open(&b);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        f = fetch_of(&b, "GET", cases[i].path);
        go(&f);
        CHECK_INT(f.end.status, SGO_FAILED);
        CHECK_INT(f.end.error.kind, SGO_ERROR_TRANSPORT);
        CHECK(f.end.error.retryable);
        CHECK_INT(f.end.truncated, cases[i].truncated);
        if (strstr(f.end.error.text, cases[i].words) == NULL ||
            strstr(f.end.error.text, "127.0.0.1") == NULL) {
            fprintf(stderr, "%s: %s\n", cases[i].path, f.end.error.text);
            CHECK(false);
        }
    }
    f = fetch_of(&b, "GET", "");
    snprintf(f.url, sizeof(f.url), "http://127.0.0.1:%u/", closed_port());
    go(&f);
    CHECK_INT(f.end.status, SGO_FAILED);
    CHECK(strstr(f.end.error.text, "refused") != NULL);
    f = fetch_of(&b, "GET", "");
    snprintf(f.url, sizeof(f.url), "http://nowhere.localhost:1/");
    go(&f);
    CHECK_INT(f.end.status, SGO_FAILED);
    CHECK(strstr(f.end.error.text, "nowhere.localhost") != NULL);
    bench_close(&b);
}

static void
time_runs_out(void)
{
    struct bench b;
    struct fetch f;

    bench_open(&b);
    f = fetch_of(&b, "GET", "/silent");
    f.request.timeout_ns = 100 * NS_PER_MS;
    go(&f);
    CHECK_INT(f.end.status, SGO_TIMEOUT);
    CHECK(strstr(f.end.error.text, "no answer came within 0.1 s") != NULL);
    CHECK_INT(f.heads, 0);
    f = fetch_of(&b, "GET", "/begin");
    f.request.timeout_ns = 100 * NS_PER_MS;
    go(&f);
    CHECK_INT(f.end.status, SGO_TIMEOUT);
    CHECK_INT(f.end.http_status, 200);
    CHECK(f.end.truncated);
    CHECK_STR(f.body, "begun");
    f = fetch_of(&b, "GET", "/headonly");
    f.request.timeout_ns = 100 * NS_PER_MS;
    f.request.until_first_byte = true;
    go(&f);
    CHECK_INT(f.end.status, SGO_TIMEOUT);
    f = fetch_of(&b, "GET", "/begin");
    f.request.timeout_ns = 100 * NS_PER_MS;
    f.request.until_first_byte = true; /* reached: no limit any more */
    begin(&f);
    WAIT(f.body_len == 5);
    poll(NULL, 0, 250);
    CHECK(!f.done);
    on_loop(b.loop, cancel, &f);
    bench_close(&b);
}

static void
a_trickle_is_no_answer(void)
{
    struct bench b = {0};
    struct fetch f;

    b.loop = get_loop();
    b.peer = peer_start(serve, NULL, &b.elsewhere);
    b.config.slow_window_ns = 100 * NS_PER_MS;
    on_loop(b.loop, create, &b);
    f = fetch_of(&b, "GET", "/drip");
    f.request.until_first_byte = true;
    go(&f);
    CHECK_INT(f.end.status, SGO_TIMEOUT);
    CHECK(strstr(f.end.error.text, "less than 1000 bytes per second") != NULL);
    CHECK(f.end.truncated);
    CHECK(f.body_len >= 4);
    bench_close(&b);
}

static void
a_dead_connection_of_the_pool_is_no_failure(void)
{
    struct bench b;

    bench_open(&b);
    for (int i = 0; i < 20; i++) {
        struct fetch f = fetch_of(&b, "GET", "/die");

        go(&f);
        CHECK_INT(f.end.status, SGO_OK);
    }
    CHECK_INT(b.peer->accepted, 20);
    bench_close(&b);
}

/* Closes the second request of each connection without an answer: what a
 * server does whose keep-alive ends while our request is on its way. */
static void
serve_then_drop(struct conn *c)
{
    struct request r;

    if (read_request(c, &r) && respond(c, "200 OK", "", "x", 1) &&
        read_request(c, &r)) {
        conn_reset(c);
    }
}

static void
a_request_that_met_the_end_of_a_connection_is_repeated_once(void)
{
    struct bench b;
    struct fetch f;

    bench_open(&b);
    b.peer->serve = serve_then_drop;
    f = fetch_of(&b, "GET", "/a");
    go(&f);
    CHECK_INT(f.end.status, SGO_OK);
    f = fetch_of(&b, "GET", "/b");
    go(&f);
    CHECK_INT(f.end.status, SGO_OK);
    CHECK(!f.end.reused);
    CHECK(f.starts == 1 || f.starts == 2); /* by curl itself, or by us */
    CHECK_INT(b.peer->requests, 3);
    bench_close(&b);
}

/* ---- cancelling ---------------------------------------------------------------*/

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
start_and_cancel(void *ctx)
{
    start(ctx);
    cancel(ctx);
}

static void
cancelled_in_each_state_nothing_comes(void)
{
    struct bench b;
    struct fetch now, resolving, silent, head, data, twice[2];

    bench_open(&b);
    now = fetch_of(&b, "GET", "/hello");
    on_loop(b.loop, start_and_cancel, &now);
    resolve_set_system(hanging_lookup, NULL);
    resolving = fetch_of(&b, "GET", "");
    snprintf(resolving.url, sizeof(resolving.url), "http://hang.localhost/");
    begin(&resolving);
    on_loop(b.loop, cancel, &resolving);
    silent = fetch_of(&b, "GET", "/silent");
    begin(&silent);
    WAIT(b.peer->requests >= 1);
    on_loop(b.loop, cancel, &silent);
    head = fetch_of(&b, "GET", "/hello");
    head.cancel_in_head = true;
    begin(&head);
    WAIT(head.heads == 1);
    data = fetch_of(&b, "GET", "/big");
    data.cancel_at = 1;
    begin(&data);
    WAIT(data.body_len > 0);
    for (int i = 0; i < 2; i++) { /* the rest goes on */
        twice[i] = fetch_of(&b, "GET", "/hello");
        go(&twice[i]);
        CHECK_INT(twice[i].end.status, SGO_OK);
    }
    CHECK(!now.done && !resolving.done && !silent.done && !head.done &&
          !data.done);
    CHECK_INT(now.starts, 0);
    resolve_set_system(NULL, NULL);
    bench_close(&b);
}

static void
count_in_flight(void *ctx)
{
    struct bench *b = ctx;

    CHECK_INT(http_in_flight(b->http), 0);
}

static void
nothing_is_left_in_flight(void)
{
    struct bench b;
    struct fetch f[4];

    bench_open(&b);
    for (int i = 0; i < 4; i++) {
        f[i] = fetch_of(&b, "GET", i % 2 ? "/silent" : "/hello");
        begin(&f[i]);
    }
    WAIT(f[0].done && f[2].done && b.peer->requests == 4);
    on_loop(b.loop, cancel, &f[1]);
    on_loop(b.loop, cancel, &f[3]);
    on_loop(b.loop, count_in_flight, &b);
    bench_close(&b);
}

/* ---- memory -----------------------------------------------------------------*/

static void
fails_for_want_of_memory(const struct fetch *f)
{
    const sgo_error *err = f->started != SGO_OK ? &f->err : &f->end.error;

    CHECK(err->kind == SGO_ERROR_MEMORY || err->kind == SGO_ERROR_TRANSPORT);
    CHECK(err->text[0] != '\0');
}

/* The n-th allocation of a request fails, ours or curl's, for every n until
 * none was left to fail; the next request finds everything in order. */
static void
any_failing_allocation_is_an_error(void)
{
    int failed = 0, unharmed = 0;
    bool all = false;

    for (int64_t n = 0; !all && check_bad == 0; n++) {
        struct bench b;
        struct fetch f, after;

        bench_open(&b);
        f = fetch_of(&b, "POST", "/echo");
        f.request.body = "x";
        f.request.body_len = 1;
        f.request.with_key = true;
        mem_fail_after(n);
        begin(&f);
        if (f.started == SGO_OK) {
            WAIT(f.done);
        }
        all = mem_fail_pending();
        mem_fail_after(-1);
        if (f.started != SGO_OK || f.end.status != SGO_OK) {
            failed++;
            fails_for_want_of_memory(&f);
        } else {
            unharmed++;
            CHECK_INT(f.end.http_status, 200);
            CHECK_MEM(f.body, f.body_len, "POST x", 6);
        }
        after = fetch_of(&b, "GET", "/hello");
        go(&after);
        CHECK_INT(after.end.status, SGO_OK);
        on_loop(b.loop, count_in_flight, &b);
        bench_close(&b);
    }
    printf("%d allocations of a request failed one by one, %d others did no "
           "harm\n",
           failed, unharmed - 1);
    CHECK(failed > 40);
}

/* Likewise those that make what requests need. */
static void
no_half_made_http_is_left(void)
{
    bool all = false;

    for (int64_t n = 0; !all && check_bad == 0; n++) {
        struct bench b = {.loop = get_loop()};

        b.config = (struct http_config){.api_key = key,
                                        .base_url = "http://127.0.0.1:1",
                                        .user_agent = "test/1"};
        mem_fail_after(n);
        on_loop(b.loop, create, &b);
        all = mem_fail_pending();
        mem_fail_after(-1);
        if (b.created == SGO_OK) {
            on_loop(b.loop, destroy, &b);
        } else {
            CHECK_INT(b.created, SGO_NO_MEMORY);
            CHECK_INT(b.err.kind, SGO_ERROR_MEMORY);
            CHECK(b.http == NULL);
        }
        loop_release(b.loop);
    }
}

int
main(void)
{
    torture_libraries();
    RUN(an_answer_arrives_whole);
    RUN(a_connection_is_used_again);
    RUN(six_at_a_time_take_six_connections);
    RUN(bodies_are_decoded_unless_wanted_raw);
    RUN(chunks_and_early_hints_and_trailers);
    RUN(a_post_and_its_headers);
    RUN(told_to_wait);
    RUN(redirects_stay_at_home);
    RUN(bad_requests_are_refused_before_they_start);
    RUN(long_answers_are_cut);
    RUN(failures_are_told_in_words);
    RUN(time_runs_out);
    RUN(a_trickle_is_no_answer);
    RUN(a_dead_connection_of_the_pool_is_no_failure);
    RUN(a_request_that_met_the_end_of_a_connection_is_repeated_once);
    RUN(cancelled_in_each_state_nothing_comes);
    RUN(nothing_is_left_in_flight);
    RUN(any_failing_allocation_is_an_error);
    RUN(no_half_made_http_is_left);
    return check_done();
}
