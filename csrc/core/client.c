/* Clients: life cycle, and the way of commands to the I/O thread. */
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/status.h"
#include "client_internal.h"
#include "pusher/message.h"

/* The living clients of this process, for sgo_shutdown. */
static pthread_mutex_t clients_lock = PTHREAD_MUTEX_INITIALIZER;
static sgo_client *clients;

static void
list_add(sgo_client *client)
{
    pthread_mutex_lock(&clients_lock);
    client->next = clients;
    if (clients) {
        clients->prev = client;
    }
    clients = client;
    pthread_mutex_unlock(&clients_lock);
}

static void
list_remove(sgo_client *client)
{
    pthread_mutex_lock(&clients_lock);
    if (client->prev) {
        client->prev->next = client->next;
    } else if (clients == client) {
        clients = client->next;
    }
    if (client->next) {
        client->next->prev = client->prev;
    }
    client->prev = client->next = NULL;
    pthread_mutex_unlock(&clients_lock);
}

void
sgo_after_fork_in_child(void)
{
    /* The parent's lock may have been held by a thread that is not here. */
    pthread_mutex_init(&clients_lock, NULL);
    clients = NULL;
    loop_after_fork_child();
}

const char *
sgo_default_ca_file(void)
{
    return roots_default_path();
}

int64_t
sgo_now_ns(void)
{
    return clock_now_ns();
}

/* ---- checks ------------------------------------------------------------- */

bool
client_is_ours(const sgo_client *client)
{
    return client->pid == getpid();
}

sgo_status
client_check(const sgo_client *client, sgo_error *err)
{
    sgo_client *c = (sgo_client *)client;
    bool closing;

    if (!client_is_ours(client)) {
        if (err) {
            error_set(err, SGO_ERROR_FORKED,
                      "this client was made in process %ld and is used in "
                      "its child %ld: make a new one after fork()",
                      (long)client->pid, (long)getpid());
        }
        return SGO_FORKED;
    }
    pthread_mutex_lock(&c->lock);
    closing = c->closing;
    pthread_mutex_unlock(&c->lock);
    if (closing && err) {
        error_set(err, SGO_ERROR_CLOSED, "the client is closed");
    }
    return closing ? SGO_CLOSED : SGO_OK;
}

bool
client_wait(pthread_cond_t *cond, pthread_mutex_t *lock, int64_t deadline_ns)
{
    const int64_t slice = 100 * NS_PER_MS;
    int64_t left = deadline_ns - clock_now_ns();
    struct timespec until;

    if (left <= 0) {
        return false;
    }
    if (left > slice) {
        left = slice;
    }
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += (long)(left % NS_PER_S);
    until.tv_sec += (time_t)(left / NS_PER_S);
    if (until.tv_nsec >= NS_PER_S) {
        until.tv_nsec -= (long)NS_PER_S;
        until.tv_sec++;
    }
    pthread_cond_timedwait(cond, lock, &until);
    return true;
}

/* ---- waking the engine's timer ---------------------------------------------*/

static void
run_kick(void *ctx)
{
    sgo_client *client = ctx;

    pthread_mutex_lock(&client->lock);
    client->kicked = false;
    pthread_mutex_unlock(&client->lock);
    if (client->engine) {
        engine_set_timer(client->engine);
    }
    client_unhold(client);
}

static void
drop_kick(void *ctx)
{
    client_unhold(ctx);
}

/* The hub's deadline has come nearer (a consumer's thread). */
static void
kick(void *ctx)
{
    sgo_client *client = ctx;

    pthread_mutex_lock(&client->lock);
    if (client->loop && !client->closing && !client->kicked) {
        client->kicked = true;
        client_hold(client);
        client->kick_task = (struct loop_task){
            .run = run_kick, .drop = drop_kick, .ctx = client};
        loop_post(client->loop, &client->kick_task);
    }
    pthread_mutex_unlock(&client->lock);
}

/* ---- making and freeing --------------------------------------------------- */

sgo_status
sgo_client_new(const sgo_client_options *options, sgo_client **out,
               sgo_error *err)
{
    sgo_client *client = mem_calloc(1, sizeof(*client));
    sgo_status status;

    error_set(err, SGO_ERROR_MEMORY, "out of memory");
    if (client == NULL) {
        return SGO_NO_MEMORY;
    }
    status = options_copy(&client->options, options, err);
    if (status != SGO_OK) {
        mem_free(client);
        return status;
    }
    client->pool = pool_create(POOL_MIN_CACHED_BYTES);
    client->hub = hub_create(&(struct hub_config){
        .seed = client->options.seed, .kick = kick, .kick_ctx = client});
    if (client->pool == NULL || client->hub == NULL) {
        hub_release(client->hub);
        pool_release(client->pool);
        options_fini(&client->options);
        mem_free(client);
        return SGO_NO_MEMORY;
    }
    refcount_init(&client->refs);
    refcount_init(&client->holds);
    client->pid = getpid();
    client->log = (struct log){
        .sink = hub_log_sink,
        .ctx = client->hub,
        .level = client->options.log_level,
        .secret = client->options.api_key,
    };
    pthread_mutex_init(&client->lock, NULL);
    pthread_cond_init(&client->changed, NULL);
    client->next_stream_id = 1;
    client->next_call_id = 1;
    list_add(client);
    error_clear(err);
    *out = client;
    return SGO_OK;
}

void
client_hold(sgo_client *client)
{
    refcount_retain(&client->holds);
}

void
client_unhold(sgo_client *client)
{
    if (!refcount_release(&client->holds)) {
        return;
    }
    hub_forget_kick(client->hub);
    hub_release(client->hub);
    pool_release(client->pool);
    options_fini(&client->options);
    pthread_mutex_destroy(&client->lock);
    pthread_cond_destroy(&client->changed);
    mem_free(client);
}

void
sgo_client_retain(sgo_client *client)
{
    refcount_retain(&client->refs);
}

void
sgo_client_release(sgo_client *client)
{
    if (client == NULL || !refcount_release(&client->refs)) {
        return;
    }
    if (!client_is_ours(client)) {
        return; /* the parent's: its locks and threads are not here */
    }
    sgo_client_close(client);
    list_remove(client);
    client_unhold(client);
}

static void
run_close(sgo_client *client, struct engine *engine, const sgo_error *why,
          void *ctx)
{
    (void)why;
    (void)ctx;
    if (engine) {
        client->engine = NULL;
        engine_free(engine);
    }
    pthread_mutex_lock(&client->lock);
    client->engine_gone = true;
    pthread_cond_broadcast(&client->changed);
    pthread_mutex_unlock(&client->lock);
}

/* ---- commands -------------------------------------------------------------*/

struct command {
    struct loop_task task;
    sgo_client *client; /* a hold */
    void (*run)(sgo_client *client, struct engine *engine,
                const sgo_error *why, void *ctx);
    void (*done)(void *ctx);
    void *ctx;
};

static void
command_end(struct command *command)
{
    if (command->done) {
        command->done(command->ctx);
    }
    client_unhold(command->client);
    mem_free(command);
}

static void
command_run(void *ctx)
{
    struct command *command = ctx;
    sgo_client *client = command->client;
    sgo_error why;

    error_clear(&why);
    if (client->engine_gone) { /* written on this thread only */
        error_set(&why, SGO_ERROR_CLOSED, "the client is closed");
    } else if (client->engine == NULL && command->run != run_close) {
        /* On failure the command hears why; the next one tries again. */
        (void)!engine_create(client, client->loop, &client->engine, &why);
    }
    command->run(client, client->engine, &why, command->ctx);
    command_end(command);
}

/* The loop takes no more work: it outlives every client, so this is the end
 * of a loop whose thread could not be kept. */
static void
command_drop(void *ctx)
{
    struct command *command = ctx;
    sgo_error why;

    error_set(&why, SGO_ERROR_CLOSED, "the I/O thread has ended");
    command->run(command->client, NULL, &why, command->ctx);
    command_end(command);
}

/* The loop and the roots; with client->lock held, since two starters must not
 * both do it.  May wait for a former loop to end. */
static sgo_status
start_locked(sgo_client *client, sgo_error *err)
{
    sgo_status status;

    if (client->loop) {
        return SGO_OK;
    }
    if (client->roots == NULL) {
        status = roots_acquire(client->options.ca_file, &client->roots, err);
        /* Plain http to a loopback host can do without. */
        if (status != SGO_OK &&
            (client->options.needs_tls || client->options.ca_file)) {
            return status;
        }
    }
    message_init();
    return loop_acquire(&client->loop, err);
}

sgo_status
client_post(sgo_client *client,
            void (*run)(sgo_client *client, struct engine *engine,
                        const sgo_error *why, void *ctx),
            void (*done)(void *ctx), void *ctx, sgo_error *err)
{
    struct command *command = mem_calloc(1, sizeof(*command));
    sgo_status status;

    if (command == NULL) {
        error_set(err, SGO_ERROR_MEMORY, "out of memory");
        return SGO_NO_MEMORY;
    }
    command->task.run = command_run;
    command->task.drop = command_drop;
    command->task.ctx = command;
    command->client = client;
    command->run = run;
    command->done = done;
    command->ctx = ctx;
    pthread_mutex_lock(&client->lock);
    if (client->closing) {
        error_set(err, SGO_ERROR_CLOSED, "the client is closed");
        status = SGO_CLOSED;
    } else {
        status = start_locked(client, err);
    }
    if (status == SGO_OK) {
        client_hold(client);
        loop_post(client->loop, &command->task);
    }
    pthread_mutex_unlock(&client->lock);
    if (status != SGO_OK) {
        mem_free(command);
    }
    return status;
}

/* ---- closing -------------------------------------------------------------- */

/* End the engine and let go of the loop, within a second. */
static void
stop_engine(sgo_client *client, struct command *command)
{
    const int64_t deadline = clock_now_ns() + NS_PER_S;
    struct loop *loop = client->loop;
    bool gone;

    if (loop == NULL) {
        mem_free(command);
        return;
    }
    *command = (struct command){
        .task = {.run = command_run, .drop = command_drop, .ctx = command},
        .client = client,
        .run = run_close,
    };
    client_hold(client);
    loop_post(loop, &command->task);
    pthread_mutex_lock(&client->lock);
    while (!client->engine_gone &&
           client_wait(&client->changed, &client->lock, deadline)) {
    }
    gone = client->engine_gone;
    client->loop = NULL;
    pthread_mutex_unlock(&client->lock);
    if (gone) {
        loop_release(loop);
    } /* else the I/O thread is stuck: never free what it may touch */
}

void
sgo_client_close(sgo_client *client)
{
    struct command *command;

    if (!client_is_ours(client)) {
        return;
    }
    pthread_mutex_lock(&client->lock);
    if (client->closing) {
        const int64_t deadline = clock_now_ns() + NS_PER_S;

        while (!client->closed &&
               client_wait(&client->changed, &client->lock, deadline)) {
        }
        pthread_mutex_unlock(&client->lock);
        return;
    }
    client->closing = true;
    pthread_mutex_unlock(&client->lock);

    hub_close(client->hub);
    command = mem_calloc(1, sizeof(*command));
    while (command == NULL) { /* closing must not fail */
        usleep(1000);
        command = mem_calloc(1, sizeof(*command));
    }
    stop_engine(client, command);
    client_calls_close(client);
    roots_release(client->roots);
    client->roots = NULL;
    pthread_mutex_lock(&client->lock);
    client->closed = true;
    pthread_cond_broadcast(&client->changed);
    pthread_mutex_unlock(&client->lock);
}

bool
sgo_client_is_closed(const sgo_client *client)
{
    return client_check(client, NULL) != SGO_OK;
}

void
sgo_shutdown(void)
{
    for (;;) {
        sgo_client *client;

        pthread_mutex_lock(&clients_lock);
        client = clients;
        while (client && atomic_load(&client->closing)) {
            client = client->next;
        }
        if (client) {
            /* Not a handle: its owner may be giving back the last one. */
            client_hold(client);
        }
        pthread_mutex_unlock(&clients_lock);
        if (client == NULL) {
            return;
        }
        sgo_client_close(client);
        client_unhold(client);
    }
}

void
sgo_client_get_stats(sgo_client *client, sgo_client_stats *out)
{
    struct brain_counters counters;
    struct pool_stats pool;

    *out = (sgo_client_stats){0};
    if (!client_is_ours(client)) {
        return;
    }
    pthread_mutex_lock(&client->lock);
    counters = client->counters;
    pthread_mutex_unlock(&client->lock);
    pool_stats(client->pool, &pool);
    out->requests = counters.requests_sent;
    out->requests_failed = counters.requests_failed;
    out->requests_retried = counters.requests_retried;
    out->request_bytes_received = counters.body_bytes;
    out->rate_limited = counters.rate_limited;
    out->requests_in_flight = counters.requests_in_flight;
    out->events_held = counters.events_held;
    out->events_refused = counters.events_refused;
    out->bytes_documents = counters.cache_bytes;
    out->bytes_pool = pool.used_bytes + pool.cached_bytes;
    out->bytes_queued = hub_queued_bytes(client->hub);
    out->versions_alive = (uint64_t)pool.tallies[DOCUMENT_TALLY_ALIVE];
    out->odds_unreadable = (uint64_t)pool.tallies[DOCUMENT_TALLY_UNREADABLE];
    out->reports_dropped =
        hub_reports_dropped(client->hub) + counters.errors_dropped;
}
