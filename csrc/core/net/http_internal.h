/* What http.c, http_transfer.c, http_head.c and http_error.c share. */
#ifndef SGO_NET_HTTP_INTERNAL_H
#define SGO_NET_HTTP_INTERNAL_H

#include "net/http.h"
#include "net/proxy.h"
#include "net/resolve.h"

#include <curl/curl.h>

#if defined(LIBCURL_VERSION_NUM) && LIBCURL_VERSION_NUM < 0x075700
#error "sgostream needs libcurl 7.87 or newer (CURLOPT_QUICK_EXIT)"
#endif

enum { HTTP_HEAD_BYTES = 256 << 10 };
#define HTTP_POOL_AGE_S 50L /* below the usual keep-alive of servers */
#define HTTP_SLOW_WINDOW_S 5
/* A host that answered in the last minute keeps its addresses this long:
 * most requests go over its open connection anyway. */
#define HTTP_PROVEN_NS (60 * NS_PER_S)
#define HTTP_PROVEN_AGE_NS (300 * NS_PER_S)

struct origin {
    bool tls;
    uint16_t port;
    char host[RESOLVE_HOST_BYTES]; /* no brackets */
};

enum job_state {
    JOB_NEW,       /* waits for the pump */
    JOB_RESOLVING, /* waits for resolve.c */
    JOB_SENT,      /* curl has it */
    JOB_ENDED      /* inside on_done */
};

struct http_job {
    struct http_job *prev, *next; /* the http's list, oldest first */
    struct http *http;
    const struct http_handler *handler; /* a copy of it below */
    struct http_handler handler_copy;
    void *ctx;
    enum job_state state;
    bool calling;   /* inside one of its callbacks: cancel only marks */
    bool cancelled; /* dropped as soon as curl lets go */

    char *url;
    char *method;
    char *body;
    size_t body_len;
    struct curl_slist *headers;
    struct origin origin;
    struct proxy proxy;
    bool raw, until_first_byte, with_key;
    uint64_t max_body_bytes;
    int redirects; /* still allowed */
    bool follow;   /* some were allowed at all */

    struct resolve *lookup;
    struct curl_slist *resolved;
    CURL *easy;
    int fd; /* that curl last opened for it, if that is still open; or -1 */
    char curl_text[CURL_ERROR_SIZE];
    struct loop_timer timeout, slow;
    int64_t begun_ns, timeout_ns;
    unsigned slow_windows; /* in a row */
    uint64_t slow_mark;    /* wire bytes when the window began */
    bool old_addresses;    /* older than RESOLVE_FRESH_NS */
    bool retried;

    struct http_head head;
    size_t head_bytes; /* of this answer; 0: nothing came */
    bool has_location;
    bool head_told; /* on_head was called, or will not be */
    bool discard;   /* a redirect to be followed: its body is dropped */
    sgo_status abort_status; /* why a callback of ours ended it */
    sgo_error abort_error;
    struct http_end end;
};

struct http {
    struct loop *loop;
    CURLM *multi;           /* NULL: to be made again */
    size_t max_connections; /* per host */
    struct loop_watch watch;
    struct loop_timer pump_timer, curl_timer;
    bool running;       /* inside http_run */
    bool in_curl;       /* inside curl: do not add or remove handles */
    bool pump_needed;   /* a job is new */
    bool burial_needed; /* a job was cancelled inside curl */
    bool wounded;       /* a descriptor could not be watched, or curl had
                           no memory for its books */
    struct descriptor *descriptors; /* of curl's connections */
    struct http_job *jobs, *last_job;
    size_t in_flight;

    char *api_key;
    struct origin base;
    char **key_hosts;
    size_t key_host_count;
    char *user_agent;
    char *proxy;
    struct roots *roots;
    struct log *log;
    int64_t slow_window_ns;
    char proven_host[RESOLVE_HOST_BYTES]; /* answered last, at proven_ns */
    int64_t proven_ns;
};

/* http.c */
void job_free(struct http_job *job);
/* Tell on_done and free.  error may be NULL when status is SGO_OK. */
void job_end(struct http_job *job, sgo_status status, const sgo_error *error);
/* Back to JOB_NEW, for a retry or redirect. */
void job_again(struct http_job *job);
/* Move everything on until it rests: reap, bury, pump. */
void http_run(struct http *http);

/* http_request.c */
/* Scheme, host and port of a URL that is allowed at all; *normal (may be
 * NULL) gets the URL without fragment, owned by the caller. */
sgo_status origin_parse(const char *url, struct origin *out, char **normal,
                        sgo_error *err);
bool origin_equal(const struct origin *a, const struct origin *b);
/* Check a request and copy it into its job. */
sgo_status request_fill(struct http_job *job,
                        const struct http_request *request, sgo_error *err);
/* A copy owned by *out; NULL stays NULL.  false: out of memory. */
bool request_copy(char **out, const char *text);

/* http_multi.c */
/* Make the multi handle where there is none.  SGO_SYSTEM, and errno: out of
 * descriptors; SGO_NO_MEMORY. */
sgo_status transfer_open(struct http *http);
void transfer_close(struct http *http);
/* Let curl work on what is due; the caller is outside curl and reaps. */
void transfer_action(struct http *http, curl_socket_t fd, int mask);
/* CURLOPT_CLOSESOCKETFUNCTION; ctx is the http. */
int transfer_close_descriptor(void *ctx, curl_socket_t fd);

/* http_transfer.c */
sgo_status transfer_begin(struct http_job *job);
void transfer_drop(struct http_job *job); /* out of curl */
void transfer_slow(void *ctx);
bool transfer_reap(struct http *http);

/* http_head.c: curl's header callback. */
size_t head_line(char *line, size_t size, size_t count, void *ctx);

/* http_error.c */
void transfer_error(struct http_job *job, CURLcode rc, sgo_error *err);
void timeout_error(struct http_job *job, bool slow, sgo_error *err);

#endif
