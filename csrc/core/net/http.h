/* HTTP(S) requests over curl on the I/O thread.  The caller caps how many are
 * out at once; names are resolved by resolve.c, trust comes from tls.c, the
 * proxy from proxy.c.  The API key lives here and is sent to nobody but the
 * origins it was made for. */
#ifndef SGO_NET_HTTP_H
#define SGO_NET_HTTP_H

#include "base/types.h"
#include "net/loop.h"
#include "net/tls.h"

struct http;
struct http_job;

enum {
    HTTP_REDIRECTS = 3,
    HTTP_URL_BYTES = 16 << 10,
    HTTP_HEADERS = 32,
    HTTP_CONNECTIONS = 6 /* per host, when it does not speak HTTP/2 */
};
#define HTTP_SLOW_BYTES_PER_S 1000 /* below this … */
#define HTTP_SLOW_S 15             /* … for this long: given up */

/* Everything is copied; roots is retained. */
struct http_config {
    const char *api_key;  /* sent as x-api-key when with_key; may be NULL */
    const char *base_url; /* its origin may receive the key */
    const char *const *key_hosts; /* further hosts that may, over https */
    size_t key_host_count;
    const char *user_agent; /* NULL: "sgostream" */
    struct roots *roots;    /* NULL: https is refused */
    const char *proxy;      /* NULL: environment; "": none; else a URL */
    size_t max_connections; /* per host; 0: HTTP_CONNECTIONS */
    int64_t slow_window_ns; /* tests: HTTP_SLOW_S in shorter seconds */
    struct log *log;        /* may be NULL; outlives the http */
};

/* Created and freed on the I/O thread. */
sgo_status http_create(struct loop *loop, const struct http_config *config,
                       struct http **out, sgo_error *err) SGO_WARN_UNUSED;

/* Cancels every job (no callbacks), closes every connection.  Not inside one
 * of its own callbacks.  The loop does this by itself if it stops first; the
 * pointer is then dead. */
void http_free(struct http *http);

struct http_header {
    const char *name;
    const char *value; /* CR, LF and NUL are refused, as in name */
};

/* Copied before http_start returns. */
struct http_request {
    const char *method; /* "GET", "POST" */
    const char *url;    /* https, or http to loopback */
    const struct http_header *headers;
    size_t header_count;
    const void *body; /* NULL: none */
    size_t body_len;
    bool with_key;           /* add x-api-key; refused for foreign origins */
    bool until_first_byte;   /* timeout_ns ends with the first body byte */
    bool raw;                /* ask for gzip only and hand it on undecoded */
    bool no_cache;           /* Cache-Control: no-cache */
    int redirects;           /* at most; 0: none are followed */
    int64_t timeout_ns;      /* the whole of it, lookup included; 0: none */
    uint64_t max_body_bytes; /* as handed to on_data; 0: 1 GiB */
};

struct http_head {
    int status;
    int64_t retry_after_ns;    /* -1: not told */
    int64_t age_ns;            /* Age header; 0: none */
    int64_t content_length;    /* as on the wire; -1: not told */
    char content_encoding[32]; /* of what on_data gets: "" when decoded */
    char content_type[64];     /* lower case, without parameters */
    int version;               /* 10, 11, 20; 0: unknown */
};

/* How it ended.  status SGO_OK: a whole answer arrived, whatever its
 * http_status, and error is empty.  Otherwise error says why in words and
 * status is SGO_TIMEOUT, SGO_LIMIT (max_body_bytes, error kind LIMIT),
 * SGO_INVALID (refused before anything was sent, kind CONFIGURATION, or a
 * redirect elsewhere, kind PROTOCOL), SGO_NO_MEMORY, what on_data returned, or
 * SGO_FAILED (kind TRANSPORT). */
struct http_end {
    sgo_status status;
    int http_status;        /* 0: no head arrived */
    bool truncated;         /* head arrived, body broke off */
    int64_t retry_after_ns; /* -1: not told */
    uint64_t body_bytes;    /* handed to on_data */
    uint64_t wire_bytes;    /* received for the body, as coded */
    int64_t started_ns;     /* see on_started; 0: never sent */
    int64_t first_byte_ns;  /* of the body; 0: none */
    int64_t ended_ns;
    bool reused; /* went over a connection that existed before */
    int version; /* as in http_head */
    sgo_error error;
};

/* Called on the I/O thread, never inside http_start.  Each may be NULL but
 * on_done.  http_cancel and http_start may be called from within. */
struct http_handler {
    /* Handed to curl: the server cannot see the request before `now_ns`.
     * Again (later) when the request is repeated on a fresh connection or
     * after a redirect; the last one counts. */
    void (*on_started)(void *ctx, int64_t now_ns);
    /* The final answer's head, once. */
    void (*on_head)(void *ctx, const struct http_head *head);
    /* Other than SGO_OK ends the request with that status. */
    sgo_status (*on_data)(void *ctx, const char *bytes, size_t len);
    /* Last call; the job is gone afterwards. */
    void (*on_done)(void *ctx, const struct http_end *end);
};

/* SGO_OK: on_done will come.  SGO_INVALID or SGO_NO_MEMORY (err told): it
 * will not.  *out (may be NULL) is valid until on_done or http_cancel. */
sgo_status http_start(struct http *http, const struct http_request *request,
                      const struct http_handler *handler, void *ctx,
                      struct http_job **out, sgo_error *err) SGO_WARN_UNUSED;

/* No callback afterwards, also when called from within one.  NULL is fine. */
void http_cancel(struct http_job *job);

size_t http_in_flight(const struct http *http);

/* "Retry-After" in seconds or as an HTTP date (relative to epoch_s); -1 when
 * it is neither.  At most a year.  Any thread. */
int64_t http_retry_after_ns(const char *text, size_t len, int64_t epoch_s);

#endif
