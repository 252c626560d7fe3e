/* Requests: their life from http_start to on_done, and the pump that moves
 * them from one state to the next. */
#include "net/http_internal.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/status.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* ---- create and free ------------------------------------------------------*/

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;
static CURLcode curl_ready;

static void
start_curl(void)
{
    curl_ready = curl_global_init(CURL_GLOBAL_DEFAULT);
}

static void
http_dispose(struct http *http)
{
    while (http->jobs != NULL) {
        job_free(http->jobs);
    }
    transfer_close(http);
    loop_timer_cancel(http->loop, &http->pump_timer);
    loop_timer_cancel(http->loop, &http->curl_timer);
    roots_release(http->roots);
    mem_secret_free(http->api_key);
    mem_free(http->user_agent);
    mem_free(http->proxy);
    for (size_t i = 0; http->key_hosts != NULL && i < http->key_host_count;
         i++) {
        mem_free(http->key_hosts[i]);
    }
    mem_free(http->key_hosts);
    mem_free(http);
}

static void
pump_later(void *ctx)
{
    http_run(ctx);
}

static void
curl_is_due(void *ctx)
{
    transfer_action(ctx, CURL_SOCKET_TIMEOUT, 0);
    http_run(ctx);
}

static void
loop_stops(void *ctx)
{
    http_dispose(ctx);
}

static sgo_status
copy_config(struct http *http, const struct http_config *config,
            sgo_error *err)
{
    const char *agent = config->user_agent ? config->user_agent : "sgostream";
    sgo_status status;

    if (config->base_url != NULL) {
        status = origin_parse(config->base_url, &http->base, NULL, err);
        if (status != SGO_OK) {
            return status;
        }
    }
    if (config->api_key != NULL) {
        http->api_key = mem_secret(config->api_key, strlen(config->api_key));
        if (http->api_key == NULL) {
            goto no_memory;
        }
    }
    if (!request_copy(&http->user_agent, agent) ||
        !request_copy(&http->proxy, config->proxy)) {
        goto no_memory;
    }
    if (config->key_host_count > 0) {
        http->key_hosts =
            mem_calloc(config->key_host_count, sizeof(*http->key_hosts));
        if (http->key_hosts == NULL) {
            goto no_memory;
        }
        http->key_host_count = config->key_host_count;
        for (size_t i = 0; i < http->key_host_count; i++) {
            if (!request_copy(&http->key_hosts[i], config->key_hosts[i])) {
                goto no_memory;
            }
        }
    }
    http->roots = config->roots ? roots_retain(config->roots) : NULL;
    http->log = config->log;
    http->slow_window_ns = config->slow_window_ns > 0
                               ? config->slow_window_ns
                               : HTTP_SLOW_WINDOW_S * NS_PER_S;
    return SGO_OK;

no_memory:
    error_set(err, SGO_ERROR_MEMORY, "out of memory");
    return SGO_NO_MEMORY;
}

sgo_status
http_create(struct loop *loop, const struct http_config *config,
            struct http **out, sgo_error *err)
{
    struct http *http;
    sgo_status status;

    assert(loop_is_current(loop));
    pthread_once(&curl_once, start_curl);
    http = mem_calloc(1, sizeof(*http));
    if (http == NULL || curl_ready != CURLE_OK) {
        mem_free(http);
        error_set(err, SGO_ERROR_MEMORY, "out of memory");
        return SGO_NO_MEMORY;
    }
    http->loop = loop;
    loop_timer_init(&http->pump_timer, pump_later, http);
    loop_timer_init(&http->curl_timer, curl_is_due, http);
    http->watch = (struct loop_watch){.on_stop = loop_stops, .ctx = http};
    status = copy_config(http, config, err);
    if (status == SGO_OK) {
        http->max_connections = config->max_connections
                                    ? config->max_connections
                                    : HTTP_CONNECTIONS;
        status = transfer_open(http);
        if (status == SGO_SYSTEM) {
            error_set(err, SGO_ERROR_TRANSPORT,
                      "libcurl could not be started: %s", strerror(errno));
        } else if (status != SGO_OK) {
            error_set(err, SGO_ERROR_MEMORY, "out of memory");
        }
    }
    if (status != SGO_OK) {
        http_dispose(http);
        return status;
    }
    loop_watch_add(loop, &http->watch);
    *out = http;
    return SGO_OK;
}

void
http_free(struct http *http)
{
    if (http == NULL) {
        return;
    }
    assert(loop_is_current(http->loop) && !http->running && !http->in_curl);
    loop_watch_remove(http->loop, &http->watch);
    http_dispose(http);
}

/* ---- the jobs -------------------------------------------------------------*/

/* The transfer is over: nobody needs them, and the key is in one. */
static void
drop_headers(struct http_job *job)
{
    for (struct curl_slist *h = job->headers; h != NULL; h = h->next) {
        mem_wipe(h->data, strlen(h->data));
    }
    curl_slist_free_all(job->headers);
    job->headers = NULL;
}

void
job_free(struct http_job *job)
{
    struct http *http = job->http;

    transfer_drop(job);
    resolve_cancel(job->lookup);
    loop_timer_cancel(http->loop, &job->timeout);
    loop_timer_cancel(http->loop, &job->slow);
    if (job->prev != NULL) {
        job->prev->next = job->next;
    } else {
        http->jobs = job->next;
    }
    if (job->next != NULL) {
        job->next->prev = job->prev;
    } else {
        http->last_job = job->prev;
    }
    http->in_flight--;
    drop_headers(job);
    mem_free(job->url);
    mem_free(job->method);
    mem_free(job->body);
    mem_free(job);
}

void
job_end(struct http_job *job, sgo_status status, const sgo_error *error)
{
    struct http *http = job->http;
    struct http_end *end = &job->end;

    transfer_drop(job);
    drop_headers(job);
    loop_timer_cancel(http->loop, &job->timeout);
    loop_timer_cancel(http->loop, &job->slow);
    end->status = status;
    if (error != NULL) {
        end->error = *error;
        end->error.http_status = end->http_status;
        error_redact(&end->error, http->api_key);
    } else {
        error_clear(&end->error);
    }
    end->truncated = status != SGO_OK && job->head_told;
    end->ended_ns = loop_now_ns(http->loop);
    if (status == SGO_OK) {
        snprintf(http->proven_host, sizeof(http->proven_host), "%s",
                 job->origin.host);
        http->proven_ns = end->ended_ns;
    }
    log_write(http->log, SGO_LOG_DEBUG, "http",
              "%s %s:%u: %s %d, %llu bytes, %lld ms%s%s", job->method,
              job->origin.host, job->origin.port, status_name(status),
              end->http_status, (unsigned long long)end->wire_bytes,
              (long long)((end->ended_ns - job->begun_ns) / NS_PER_MS),
              error != NULL ? ": " : "", error != NULL ? end->error.text : "");
    job->state = JOB_ENDED;
    job->calling = true;
    job->handler->on_done(job->ctx, end);
    job_free(job);
}

void
job_again(struct http_job *job)
{
    transfer_drop(job);
    loop_timer_cancel(job->http->loop, &job->slow);
    memset(&job->head, 0, sizeof(job->head));
    job->head_bytes = 0;
    job->has_location = job->discard = job->head_told = false;
    job->slow_windows = 0;
    job->state = JOB_NEW;
    job->http->pump_needed = true;
}

static void
timed_out(void *ctx)
{
    struct http_job *job = ctx;
    struct http *http = job->http;
    sgo_error error;

    http->running = true; /* not to be freed by on_done */
    timeout_error(job, false, &error);
    job_end(job, SGO_TIMEOUT, &error);
    http->running = false;
    http_run(http);
}

/* Addresses are known: give it to curl. */
static void
begin(struct http_job *job, const struct resolve_result *result)
{
    const char *via = job->proxy.used ? job->proxy.host : job->origin.host;
    uint16_t port = job->proxy.used ? job->proxy.port : job->origin.port;
    struct curl_slist *list;
    char entry[RESOLVE_HOST_BYTES + RESOLVE_ADDRESSES * 68 + 16];
    size_t len;
    sgo_status status = SGO_NO_MEMORY;
    sgo_error error;

    curl_slist_free_all(job->resolved);
    job->resolved = NULL;
    if (!resolve_numeric(via, NULL)) {
        len = (size_t)snprintf(entry, sizeof(entry), "+%s:%u:", via, port);
        for (size_t i = 0; i < result->count; i++) {
            const struct address *a = &result->addresses[i];

            len += (size_t)snprintf(entry + len, sizeof(entry) - len,
                                    "%s%s%s%s", i > 0 ? "," : "",
                                    a->family == AF_INET6 ? "[" : "", a->text,
                                    a->family == AF_INET6 ? "]" : "");
        }
        list = curl_slist_append(NULL, entry);
        if (list == NULL) {
            goto fail;
        }
        job->resolved = list;
    }
    status = transfer_begin(job);
    if (status == SGO_OK) {
        return;
    }
fail:
    if (job->cancelled) { /* by on_started */
        job_free(job);
        return;
    }
    error_set(&error, SGO_ERROR_MEMORY, "out of memory");
    job_end(job, status, &error);
}

static void
resolved(void *ctx, const struct resolve_result *result)
{
    struct http_job *job = ctx;
    struct http *http = job->http;

    job->lookup = NULL;
    http->running = true; /* not to be freed by on_started or on_done */
    if (result->status == SGO_OK) {
        begin(job, result);
        transfer_action(http, CURL_SOCKET_TIMEOUT, 0);
    } else {
        sgo_error error = result->error;

        if (job->proxy.used) {
            error_set(&error, SGO_ERROR_TRANSPORT, "the proxy: %s",
                      result->error.text);
            error.retryable = true;
        }
        job_end(job, result->status, &error);
    }
    http->running = false;
    http_run(http);
}

/* Move a new job on: with addresses at hand to curl, else to the resolver. */
static void
step(struct http_job *job)
{
    struct http *http = job->http;
    const char *via = job->proxy.used ? job->proxy.host : job->origin.host;
    uint16_t port = job->proxy.used ? job->proxy.port : job->origin.port;
    bool proven = !job->retried &&
                  strcasecmp(http->proven_host, job->origin.host) == 0 &&
                  loop_now_ns(http->loop) - http->proven_ns < HTTP_PROVEN_NS;
    struct resolve_result result;
    sgo_error error;
    sgo_status status;

    job->old_addresses = false;
    if (resolve_cached(http->loop, via, port, RESOLVE_FRESH_NS, &result)) {
        begin(job, &result);
        return;
    }
    if (proven &&
        resolve_cached(http->loop, via, port, HTTP_PROVEN_AGE_NS, &result)) {
        job->old_addresses = true;
        begin(job, &result);
        return;
    }
    job->state = JOB_RESOLVING;
    status = resolve_start(http->loop, via, port, resolved, job, &job->lookup);
    if (status == SGO_OK) {
        return;
    }
    if (status == SGO_LIMIT) {
        error_set(&error, SGO_ERROR_TRANSPORT,
                  "too many host names wait for the DNS server (the last: "
                  "%s)",
                  via);
        error.retryable = true;
    } else {
        error_set(&error, SGO_ERROR_MEMORY, "out of memory");
    }
    job_end(job, status, &error);
}

static struct http_job *
first_in(struct http *http, enum job_state state, bool cancelled)
{
    struct http_job *job = http->jobs;

    while (job != NULL &&
           !(cancelled ? job->cancelled && !job->calling
                       : job->state == state && !job->cancelled)) {
        job = job->next;
    }
    return job;
}

/* A descriptor could not be watched, and curl does not say whose it was: end
 * every transfer, which also lets go of the descriptor.  Or curl's books are
 * not in order: 7.88 keeps a descriptor's entry without its table when the
 * table found no memory, and divides by that table's size at the next use.
 * Only a new multi handle is rid of it. */
static void
end_wounded(struct http *http)
{
    struct http_job *job;
    sgo_error error;

    http->wounded = false;
    while ((job = first_in(http, JOB_SENT, false)) != NULL) {
        error_set(&error, SGO_ERROR_MEMORY,
                  "out of memory, or of descriptors, for the request to %s",
                  job->origin.host);
        error.retryable = true;
        job_end(job, SGO_NO_MEMORY, &error);
    }
    transfer_close(http); /* the next transfer opens it */
}

void
http_run(struct http *http)
{
    struct http_job *job;
    int rounds = 16; /* then the rest of the loop gets its turn */

    if (http->running) {
        return;
    }
    http->running = true;
    for (;;) {
        transfer_reap(http);
        while (http->burial_needed &&
               (job = first_in(http, JOB_NEW, true)) != NULL) {
            job_free(job);
        }
        http->burial_needed = false;
        if (http->wounded) {
            end_wounded(http);
        }
        if (!http->pump_needed || rounds-- == 0) {
            break;
        }
        http->pump_needed = false;
        while ((job = first_in(http, JOB_NEW, false)) != NULL) {
            step(job);
        }
        transfer_action(http, CURL_SOCKET_TIMEOUT, 0);
    }
    http->running = false;
    if (http->pump_needed) {
        loop_timer_set(http->loop, &http->pump_timer, loop_now_ns(http->loop));
    }
}

/* ---- start and cancel ---------------------------------------------------*/

static void
link_job(struct http *http, struct http_job *job)
{
    job->http = http;
    job->prev = http->last_job;
    if (http->last_job != NULL) {
        http->last_job->next = job;
    } else {
        http->jobs = job;
    }
    http->last_job = job;
    http->in_flight++;
    loop_timer_init(&job->timeout, timed_out, job);
    loop_timer_init(&job->slow, transfer_slow, job);
}

sgo_status
http_start(struct http *http, const struct http_request *request,
           const struct http_handler *handler, void *ctx,
           struct http_job **out, sgo_error *err)
{
    struct http_job *job = mem_calloc(1, sizeof(*job));
    int64_t now = loop_now_ns(http->loop);
    sgo_status status;

    assert(loop_is_current(http->loop));
    if (job == NULL) {
        error_set(err, SGO_ERROR_MEMORY, "out of memory");
        return SGO_NO_MEMORY;
    }
    link_job(http, job);
    job->handler_copy = *handler;
    job->handler = &job->handler_copy;
    job->ctx = ctx;
    job->begun_ns = now;
    status = request_fill(job, request, err);
    if (status != SGO_OK) {
        job_free(job);
        return status;
    }
    if (job->timeout_ns > 0) {
        loop_timer_set(http->loop, &job->timeout,
                       clock_add(now, job->timeout_ns));
    }
    http->pump_needed = true;
    if (!http->running) {
        loop_timer_set(http->loop, &http->pump_timer, now);
    }
    if (out != NULL) {
        *out = job;
    }
    return SGO_OK;
}

void
http_cancel(struct http_job *job)
{
    struct http *http;

    if (job == NULL || job->state == JOB_ENDED) {
        return;
    }
    http = job->http;
    assert(loop_is_current(http->loop));
    if (job->calling || http->in_curl) {
        job->cancelled = true; /* dropped when curl has returned */
        http->burial_needed = true;
        loop_timer_cancel(http->loop, &job->timeout);
        loop_timer_cancel(http->loop, &job->slow);
    } else {
        job_free(job);
    }
}

size_t
http_in_flight(const struct http *http)
{
    return http->in_flight;
}
