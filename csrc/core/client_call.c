/* Calls: single requests outside any stream (fetch, usage). */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/status.h"
#include "client_internal.h"
#include "json/document.h"

/* What the I/O thread is told; owned by the command. */
struct request {
    uint32_t id;
    size_t n; /* 0: usage */
    char *ids[];
};

static void
free_request(void *ctx)
{
    struct request *request = ctx;

    for (size_t i = 0; i < request->n; i++) {
        mem_free(request->ids[i]);
    }
    mem_free(request);
}

static void
run_start(sgo_client *client, struct engine *engine, const sgo_error *why,
          void *ctx)
{
    const struct request *request = ctx;

    if (engine) {
        engine_call_start(engine, request->id,
                          (const char *const *)request->ids, request->n);
    } else {
        client_call_done(client, request->id, why, NULL, 0, NULL, 0);
    }
}

static void
run_cancel(sgo_client *client, struct engine *engine, const sgo_error *why,
           void *ctx)
{
    const struct request *request = ctx;

    (void)client;
    (void)why;
    if (engine) {
        engine_call_cancel(engine, request->id);
    }
}

/* ---- the list of unfinished calls ------------------------------------------ */

static void
list_call(sgo_call *call)
{
    sgo_client *client = call->client;

    pthread_mutex_lock(&client->lock);
    call->id = client->next_call_id++;
    call->next = client->calls;
    if (call->next) {
        call->next->prev = call;
    }
    client->calls = call;
    call->listed = true;
    refcount_retain(&call->refs);
    pthread_mutex_unlock(&client->lock);
}

/* Takes the list's reference over to the caller; NULL: not there. */
static sgo_call *
unlist_call(sgo_client *client, uint32_t id)
{
    sgo_call *call;

    pthread_mutex_lock(&client->lock);
    call = client->calls;
    while (call && call->id != id) {
        call = call->next;
    }
    if (call) {
        if (call->prev) {
            call->prev->next = call->next;
        } else {
            client->calls = call->next;
        }
        if (call->next) {
            call->next->prev = call->prev;
        }
        call->prev = call->next = NULL;
        call->listed = false;
    }
    pthread_mutex_unlock(&client->lock);
    return call;
}

/* ---- life ------------------------------------------------------------------ */

static void
free_call(sgo_call *call)
{
    for (size_t i = 0; i < call->document_count; i++) {
        document_release(call->documents[i]);
    }
    mem_free(call->documents);
    mem_free(call->json);
    if (call->fds[0] >= 0) {
        close(call->fds[0]);
        close(call->fds[1]);
    }
    pthread_mutex_destroy(&call->lock);
    pthread_cond_destroy(&call->done_cond);
    client_unhold(call->client);
    mem_free(call);
}

static void
unref_call(sgo_call *call)
{
    if (refcount_release(&call->refs)) {
        free_call(call);
    }
}

static sgo_call *
make_call(sgo_client *client)
{
    sgo_call *call = mem_calloc(1, sizeof(*call));

    if (call) {
        refcount_init(&call->refs);
        client_hold(client);
        call->client = client;
        pthread_mutex_init(&call->lock, NULL);
        pthread_cond_init(&call->done_cond, NULL);
        call->fds[0] = call->fds[1] = -1;
        error_clear(&call->error);
    }
    return call;
}

static sgo_status
start_call(sgo_client *client, struct request *request, sgo_call **out,
           sgo_error *err)
{
    sgo_call *call = make_call(client);
    sgo_status status;

    if (call == NULL) {
        free_request(request);
        error_set(err, SGO_ERROR_MEMORY, "out of memory");
        return SGO_NO_MEMORY;
    }
    list_call(call);
    request->id = call->id;
    status = client_post(client, run_start, free_request, request, err);
    if (status != SGO_OK) {
        sgo_call *listed = unlist_call(client, call->id);

        free_request(request);
        if (listed) {
            unref_call(listed);
        }
        unref_call(call);
        return status;
    }
    *out = call;
    return SGO_OK;
}

static struct request *
make_request(const char *const *ids, size_t n)
{
    struct request *request =
        mem_calloc(1, sizeof(*request) + n * sizeof(request->ids[0]));

    for (size_t i = 0; request && i < n; i++) {
        request->ids[i] = mem_dup(ids[i], strlen(ids[i]));
        if (request->ids[i] == NULL) {
            free_request(request);
            return NULL;
        }
        request->n++;
    }
    return request;
}

sgo_status
sgo_client_fetch(sgo_client *client, const char *const *ids, size_t id_count,
                 sgo_call **out, sgo_error *err)
{
    sgo_status status = client_check(client, err);
    struct request *request;

    if (status != SGO_OK) {
        return status;
    }
    if (id_count == 0 || id_count > BRAIN_MAX_CALL_IDS) {
        error_set(err, SGO_ERROR_CONFIGURATION,
                  "fetch: give 1 to %d event ids, not %zu", BRAIN_MAX_CALL_IDS,
                  id_count);
        return SGO_INVALID;
    }
    for (size_t i = 0; i < id_count; i++) {
        if (ids[i] == NULL || ids[i][0] == '\0' || strchr(ids[i], ',') ||
            strlen(ids[i]) > BRAIN_MAX_EVENT_ID_BYTES) {
            error_set(err, SGO_ERROR_CONFIGURATION,
                      "fetch: '%.80s' is no event id", ids[i] ? ids[i] : "");
            return SGO_INVALID;
        }
    }
    request = make_request(ids, id_count);
    if (request == NULL) {
        error_set(err, SGO_ERROR_MEMORY, "out of memory");
        return SGO_NO_MEMORY;
    }
    return start_call(client, request, out, err);
}

sgo_status
sgo_client_usage(sgo_client *client, sgo_call **out, sgo_error *err)
{
    sgo_status status = client_check(client, err);
    struct request *request;

    if (status != SGO_OK) {
        return status;
    }
    request = make_request(NULL, 0);
    if (request == NULL) {
        error_set(err, SGO_ERROR_MEMORY, "out of memory");
        return SGO_NO_MEMORY;
    }
    return start_call(client, request, out, err);
}

/* ---- answers ---------------------------------------------------------------- */

static void
take_results(sgo_call *call, struct document **documents, size_t n,
             const char *json, size_t json_len)
{
    bool complete = true;

    if (n) {
        call->documents = mem_calloc(n, sizeof(struct document *));
        complete = call->documents != NULL;
        for (size_t i = 0; complete && i < n; i++) {
            call->documents[call->document_count++] =
                document_retain(documents[i]);
        }
    }
    if (json) {
        call->json = mem_dup(json, json_len);
        call->json_len = call->json ? json_len : 0;
        complete = complete && call->json;
    }
    if (!complete) {
        error_set(&call->error, SGO_ERROR_MEMORY, "out of memory");
    }
}

/* false: it has ended, or is not known. */
static bool
end_call(sgo_client *client, uint32_t call_id, const sgo_error *error,
         struct document **documents, size_t n, const char *json,
         size_t json_len)
{
    sgo_call *call = unlist_call(client, call_id);

    if (call == NULL) {
        return false;
    }
    pthread_mutex_lock(&call->lock);
    if (error) {
        call->error = *error;
    } else {
        take_results(call, documents, n, json, json_len);
    }
    call->done = true;
    if (call->fds[1] >= 0) {
        (void)!write(call->fds[1], "", 1);
    }
    pthread_cond_broadcast(&call->done_cond);
    pthread_mutex_unlock(&call->lock);
    unref_call(call);
    return true;
}

void
client_call_done(sgo_client *client, uint32_t call_id, const sgo_error *error,
                 struct document **documents, size_t n, const char *json,
                 size_t json_len)
{
    (void)end_call(client, call_id, error, documents, n, json, json_len);
}

void
client_calls_close(sgo_client *client)
{
    sgo_error err;
    sgo_call *first;

    error_set(&err, SGO_ERROR_CLOSED, "the client was closed meanwhile");
    for (;;) {
        pthread_mutex_lock(&client->lock);
        first = client->calls;
        if (first) {
            refcount_retain(&first->refs);
        }
        pthread_mutex_unlock(&client->lock);
        if (first == NULL) {
            return;
        }
        client_call_done(client, first->id, &err, NULL, 0, NULL, 0);
        unref_call(first);
    }
}

/* ---- withdrawing ------------------------------------------------------------ */

void
sgo_call_cancel(sgo_call *call)
{
    sgo_client *client = call->client;
    struct request *request;
    sgo_error err;

    if (!client_is_ours(client)) {
        return;
    }
    error_set(&err, SGO_ERROR_CLOSED, "the call was withdrawn");
    if (!end_call(client, call->id, &err, NULL, 0, NULL, 0)) {
        return; /* done */
    }
    request = make_request(NULL, 0);
    if (request) {
        request->id = call->id;
        if (client_post(client, run_cancel, free_request, request, &err) !=
            SGO_OK) {
            free_request(request);
        }
    } /* else its answer will find nobody */
}

void
sgo_call_release(sgo_call *call)
{
    if (call && client_is_ours(call->client)) {
        sgo_call_cancel(call);
        unref_call(call);
    }
}

/* ---- results ---------------------------------------------------------------- */

sgo_status
sgo_call_wait(sgo_call *call, int64_t deadline_ns, sgo_error *err)
{
    sgo_status status = SGO_OK;

    if (!client_is_ours(call->client)) {
        return client_check(call->client, err);
    }
    pthread_mutex_lock(&call->lock);
    while (!call->done &&
           client_wait(&call->done_cond, &call->lock, deadline_ns)) {
    }
    if (!call->done) {
        status = SGO_TIMEOUT;
    } else if (call->error.kind != SGO_ERROR_NONE) {
        *err = call->error;
        status =
            call->error.kind == SGO_ERROR_CLOSED ? SGO_CLOSED : SGO_FAILED;
    }
    pthread_mutex_unlock(&call->lock);
    return status;
}

/* Results are written once, before `done` under the lock that the waiter
 * took: no lock is needed to read them. */

size_t
sgo_call_event_count(const sgo_call *call)
{
    return call->document_count;
}

sgo_event *
sgo_call_event(const sgo_call *call, size_t i)
{
    return (sgo_event *)call->documents[i];
}

sgo_text
sgo_call_json(const sgo_call *call)
{
    return (sgo_text){call->json, call->json_len};
}

int
sgo_call_fd(sgo_call *call)
{
    int fd;

    if (!client_is_ours(call->client)) {
        errno = EBADF;
        return -1;
    }
    pthread_mutex_lock(&call->lock);
    if (call->fds[0] < 0 && pipe(call->fds) == 0) {
        for (int i = 0; i < 2; i++) {
            (void)fcntl(call->fds[i], F_SETFD, FD_CLOEXEC);
            (void)fcntl(call->fds[i], F_SETFL, O_NONBLOCK);
        }
        if (call->done) {
            (void)!write(call->fds[1], "", 1);
        }
    }
    fd = call->fds[0];
    pthread_mutex_unlock(&call->lock);
    return fd;
}
