/* The side of http.c that talks to curl: the options of one transfer, its
 * body, and what came of it.  The multi handle is http_multi.c's.
 * Traps that this file works around: docs/internals/io-loop.md. */
#include "net/http_internal.h"

#include "base/mem.h"
#include "base/status.h"

#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

enum { RECEIVE_BYTES = 16 << 10 }; /* of TLS, a record comes at a time */

/* ---- the body -------------------------------------------------------------*/

static size_t
abort_job(struct http_job *job, sgo_status status)
{
    job->abort_status = status;
    return 0; /* not what was offered: curl ends the transfer */
}

static void
first_byte(struct http_job *job)
{
    struct loop *loop = job->http->loop;

    job->end.first_byte_ns = loop_now_ns(loop);
    if (job->until_first_byte) {
        loop_timer_cancel(loop, &job->timeout);
    }
    job->slow_mark = 0;
    loop_timer_set(loop, &job->slow,
                   job->end.first_byte_ns + job->http->slow_window_ns);
}

static size_t
body_bytes(char *bytes, size_t size, size_t count, void *ctx)
{
    struct http_job *job = ctx;
    size_t len = size * count;
    sgo_status status = SGO_OK;

    if (job->cancelled || job->discard) {
        return job->cancelled ? 0 : len;
    }
    if (len == 0) {
        return 0;
    }
    if (job->end.body_bytes == 0) {
        first_byte(job);
    }
    if (len > job->max_body_bytes - job->end.body_bytes) {
        error_set(&job->abort_error, SGO_ERROR_LIMIT,
                  "the answer of %s is longer than %llu bytes",
                  job->origin.host, (unsigned long long)job->max_body_bytes);
        return abort_job(job, SGO_LIMIT);
    }
    job->end.body_bytes += len;
    if (job->handler->on_data != NULL) {
        job->calling = true;
        status = job->handler->on_data(job->ctx, bytes, len);
        job->calling = false;
    }
    if (status != SGO_OK) {
        error_set(&job->abort_error, SGO_ERROR_NONE,
                  "the answer of %s was not accepted", job->origin.host);
        return abort_job(job, status);
    }
    return job->cancelled ? 0 : len;
}

void
transfer_slow(void *ctx)
{
    struct http_job *job = ctx;
    struct http *http = job->http;
    curl_off_t received = 0;
    sgo_error error;

    curl_easy_getinfo(job->easy, CURLINFO_SIZE_DOWNLOAD_T, &received);
    if ((uint64_t)received - job->slow_mark <
        HTTP_SLOW_WINDOW_S * HTTP_SLOW_BYTES_PER_S) {
        job->slow_windows++;
    } else {
        job->slow_windows = 0;
    }
    job->slow_mark = (uint64_t)received;
    if (job->slow_windows < HTTP_SLOW_S / HTTP_SLOW_WINDOW_S) {
        loop_timer_set(http->loop, &job->slow,
                       loop_now_ns(http->loop) + http->slow_window_ns);
        return;
    }
    timeout_error(job, true, &error);
    http->running = true; /* not to be freed by on_done */
    job_end(job, SGO_TIMEOUT, &error);
    http->running = false;
    http_run(http);
}

/* ---- one transfer's options -----------------------------------------------*/

static curl_socket_t
open_descriptor(void *ctx, curlsocktype purpose, struct curl_sockaddr *to)
{
    struct http_job *job = ctx;
    int type = to->socktype;
    int fd;

    (void)purpose;
#ifdef SOCK_CLOEXEC
    type |= SOCK_CLOEXEC;
#endif
    fd = socket(to->family, type, to->protocol);
#ifndef SOCK_CLOEXEC
    if (fd >= 0) {
        fcntl(fd, F_SETFD, FD_CLOEXEC);
    }
#endif
    job->fd = fd;
    return fd < 0 ? CURL_SOCKET_BAD : fd;
}

static CURLcode
trust(CURL *easy, void *ssl_ctx, void *ctx)
{
    (void)easy;
    return tls_prepare(ssl_ctx, ctx) ? CURLE_OK : CURLE_SSL_CERTPROBLEM;
}

#define SET(option, value)                                                    \
    do {                                                                      \
        if (rc == CURLE_OK) {                                                 \
            rc = curl_easy_setopt(easy, option, value);                       \
        }                                                                     \
    } while (0)

static CURLcode
set_proxy(const struct http_job *job)
{
    const struct proxy *proxy = &job->proxy;
    CURL *easy = job->easy;
    CURLcode rc = CURLE_OK;
    char url[PROXY_HOST_BYTES + 32] = "";
    char user[PROXY_LOGIN_BYTES];
    const char *colon = strchr(proxy->login, ':');
    bool v6 = strchr(proxy->host, ':') != NULL;

    if (proxy->used) {
        snprintf(url, sizeof(url), "http://%s%s%s:%u", v6 ? "[" : "",
                 proxy->host, v6 ? "]" : "", proxy->port);
    }
    SET(CURLOPT_PROXY, url); /* "": none, whatever the environment says */
    SET(CURLOPT_NOPROXY, "");
    SET(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    if (proxy->used && proxy->login[0] != '\0') {
        snprintf(user, sizeof(user), "%.*s",
                 colon ? (int)(colon - proxy->login) : PROXY_LOGIN_BYTES,
                 proxy->login);
        SET(CURLOPT_PROXYAUTH, (long)CURLAUTH_BASIC);
        SET(CURLOPT_PROXYUSERNAME, user);
        SET(CURLOPT_PROXYPASSWORD, colon ? colon + 1 : "");
    }
    return rc;
}

static CURLcode
set_tls(const struct http_job *job)
{
    CURL *easy = job->easy;
    CURLcode rc = CURLE_OK;

    /* May fail: curl can be built without HTTP/2. */
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
    SET(CURLOPT_PIPEWAIT, 1L);
    SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    /* A CA path, which Debian's curl has by default, turns its cache of
     * roots off and makes it read them for every connection. */
    SET(CURLOPT_CAINFO, NULL);
    SET(CURLOPT_CAPATH, NULL);
    SET(CURLOPT_SSL_CTX_FUNCTION, trust);
    SET(CURLOPT_SSL_CTX_DATA, job->http->roots);
    return rc;
}

static CURLcode
set_connection(struct http_job *job)
{
    struct http *http = job->http;
    CURL *easy = job->easy;
    CURLcode rc = CURLE_OK;

    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_QUICK_EXIT, 1L);
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_OPENSOCKETFUNCTION, open_descriptor);
    SET(CURLOPT_OPENSOCKETDATA, job);
    SET(CURLOPT_CLOSESOCKETFUNCTION, transfer_close_descriptor);
    SET(CURLOPT_CLOSESOCKETDATA, http);
    SET(CURLOPT_MAXAGE_CONN, HTTP_POOL_AGE_S);
    SET(CURLOPT_FRESH_CONNECT, job->retried ? 1L : 0L);
    SET(CURLOPT_BUFFERSIZE, (long)RECEIVE_BYTES);
    SET(CURLOPT_RESOLVE, job->resolved);
    if (rc == CURLE_OK) {
        rc = set_proxy(job);
    }
    if (rc == CURLE_OK && job->origin.tls) {
        rc = set_tls(job);
    }
    if (!job->origin.tls) {
        SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    }
    return rc;
}

static CURLcode
set_request(struct http_job *job)
{
    CURL *easy = job->easy;
    CURLcode rc = CURLE_OK;

    SET(CURLOPT_PRIVATE, job);
    SET(CURLOPT_ERRORBUFFER, job->curl_text);
    SET(CURLOPT_URL, job->url);
    SET(CURLOPT_USERAGENT, job->http->user_agent);
    SET(CURLOPT_HTTPHEADER, job->headers);
    SET(CURLOPT_HEADERFUNCTION, head_line);
    SET(CURLOPT_HEADERDATA, job);
    SET(CURLOPT_WRITEFUNCTION, body_bytes);
    SET(CURLOPT_WRITEDATA, job);
    if (job->raw) {
        SET(CURLOPT_HTTP_CONTENT_DECODING, 0L);
    } else {
        SET(CURLOPT_ACCEPT_ENCODING, ""); /* all that curl can decode */
    }
    if (job->body != NULL) {
        SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)job->body_len);
        SET(CURLOPT_POSTFIELDS, job->body);
    }
    if (strcmp(job->method, job->body != NULL ? "POST" : "GET") != 0) {
        SET(CURLOPT_CUSTOMREQUEST, job->method);
    }
    return rc;
}

sgo_status
transfer_begin(struct http_job *job)
{
    struct http *http = job->http;

    /* Never an old one: curl refuses CURLOPT_BUFFERSIZE on a handle that was
     * used for HTTP/2. */
    job->easy = curl_easy_init();
    if (job->easy == NULL || set_connection(job) != CURLE_OK ||
        set_request(job) != CURLE_OK) {
        return SGO_NO_MEMORY;
    }
    job->curl_text[0] = '\0';
    job->fd = -1;
    job->end.started_ns = loop_now_ns(http->loop);
    if (job->handler->on_started != NULL) {
        job->calling = true;
        job->handler->on_started(job->ctx, job->end.started_ns);
        job->calling = false;
        if (job->cancelled) {
            return SGO_CLOSED;
        }
    }
    job->state = JOB_SENT;
    if (transfer_open(http) != SGO_OK ||
        curl_multi_add_handle(http->multi, job->easy) != CURLM_OK) {
        return SGO_NO_MEMORY;
    }
    return SGO_OK;
}

void
transfer_drop(struct http_job *job)
{
    struct http *http = job->http;

    assert(!http->in_curl);
    if (job->easy != NULL) {
        curl_multi_remove_handle(http->multi, job->easy);
        curl_easy_cleanup(job->easy);
        job->easy = NULL;
    }
    curl_slist_free_all(job->resolved);
    job->resolved = NULL;
}

/* ---- what came of it ------------------------------------------------------*/

static void
collect(struct http_job *job)
{
    long connects = 1;
    curl_off_t received = 0;

    curl_easy_getinfo(job->easy, CURLINFO_NUM_CONNECTS, &connects);
    curl_easy_getinfo(job->easy, CURLINFO_SIZE_DOWNLOAD_T, &received);
    job->end.reused = connects == 0;
    job->end.wire_bytes = (uint64_t)received;
    job->end.http_status = job->head.status;
    job->end.version = job->head.version;
    job->end.retry_after_ns =
        job->head.status != 0 ? job->head.retry_after_ns : -1;
}

/* A server may close an idle connection just when we use it; and addresses
 * that we kept beyond their time may be wrong.  Both deserve one more try. */
static bool
worth_repeating(struct http_job *job, CURLcode rc)
{
    if (job->retried || job->head_bytes > 0) {
        return false;
    }
    switch (rc) {
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
        return job->end.reused;
    case CURLE_COULDNT_CONNECT:
        return job->old_addresses;
    default:
        return false;
    }
}

static void
follow(struct http_job *job)
{
    char *target = NULL, *url = NULL;
    struct origin to;
    sgo_error error;
    int status = job->head.status;

    curl_easy_getinfo(job->easy, CURLINFO_REDIRECT_URL, &target);
    if (job->redirects == 0) {
        error_set(&error, SGO_ERROR_PROTOCOL,
                  "%s redirected more than %d times", job->origin.host,
                  HTTP_REDIRECTS);
        job_end(job, SGO_INVALID, &error);
        return;
    }
    if (target == NULL || origin_parse(target, &to, &url, &error) != SGO_OK ||
        !origin_equal(&to, &job->origin)) {
        error_set(&error, SGO_ERROR_PROTOCOL,
                  "%s redirected to %.*s, which is not followed: only the "
                  "same scheme, host and port are",
                  job->origin.host,
                  target != NULL ? (int)strcspn(target, "?#") : 7,
                  target != NULL ? target : "nowhere");
        mem_free(url);
        job_end(job, SGO_INVALID, &error);
        return;
    }
    job->redirects--;
    mem_free(job->url);
    job->url = url;
    if (strcmp(job->method, "POST") == 0 &&
        (status == 301 || status == 302 || status == 303)) {
        mem_free(job->body);
        job->body = NULL;
        memcpy(job->method, "GET", sizeof("GET"));
    }
    job_again(job);
}

static void
finished(struct http_job *job, CURLcode rc)
{
    sgo_error error;
    sgo_status status = SGO_FAILED;

    if (job->cancelled) {
        job_free(job);
        return;
    }
    collect(job);
    if (rc == CURLE_OK) {
        if (job->discard) {
            follow(job);
        } else {
            job_end(job, SGO_OK, NULL);
        }
        return;
    }
    if (rc == CURLE_COULDNT_CONNECT && job->proxy.used) {
        resolve_forget(job->http->loop, job->proxy.host, job->proxy.port);
    } else if (rc == CURLE_COULDNT_CONNECT) {
        resolve_forget(job->http->loop, job->origin.host, job->origin.port);
    }
    if (job->abort_status != SGO_OK) {
        job_end(job, job->abort_status, &job->abort_error);
        return;
    }
    if (worth_repeating(job, rc)) {
        job->retried = true;
        job_again(job);
        return;
    }
    transfer_error(job, rc, &error);
    if (rc == CURLE_OUT_OF_MEMORY) {
        status = SGO_NO_MEMORY;
    } else if (rc == CURLE_OPERATION_TIMEDOUT) {
        status = SGO_TIMEOUT;
    }
    job_end(job, status, &error);
}

bool
transfer_reap(struct http *http)
{
    bool any = false;
    CURLMsg *message;
    int left;

    while ((message = curl_multi_info_read(http->multi, &left)) != NULL) {
        char *private = NULL;
        CURLcode rc = message->data.result;

        if (message->msg != CURLMSG_DONE) {
            continue;
        }
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &private);
        finished((struct http_job *)(void *)private, rc);
        any = true;
    }
    return any;
}
