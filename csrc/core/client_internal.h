/* The inside of client*.c: the public objects, and the engine, which is that
 * part of a client that lives on the I/O thread. */
#ifndef SGO_CLIENT_INTERNAL_H
#define SGO_CLIENT_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>
#include <sys/types.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/pool.h"
#include "base/refcount.h"
#include "delivery/hub.h"
#include "feed/feed.h"
#include "json/project.h"
#include "net/loop.h"
#include "net/tls.h"
#include "sgostream.h"

struct engine;

/* Returned blocks that a client's pool keeps for reuse: a part of what its
 * documents occupy, between these two. */
enum {
    POOL_CACHED_PART = 16,
    POOL_MIN_CACHED_BYTES = 8 << 20,
    POOL_MAX_CACHED_BYTES = 64 << 20
};

/* A client's options, validated and copied. */
struct options {
    char *api_key; /* secret */
    char *base_url;
    char *proxy;       /* NULL: from the environment */
    char *ca_file;     /* NULL: SSL_CERT_FILE, or the system's */
    char *record_file; /* NULL: none */
    char **auth_hosts;
    size_t auth_host_count;
    struct shape shape;
    bool expand_results;
    bool needs_tls; /* base_url is https */
    sgo_transport transport;
    int64_t timeout_ns;
    int64_t reconcile_interval_ns;
    int64_t linger_ns;
    int64_t poll_interval_ns;
    int64_t activity_timeout_ns;
    int64_t pong_timeout_ns;
    size_t max_events;
    size_t max_bytes;
    unsigned max_requests_in_flight;
    sgo_log_level log_level;
    uint64_t seed;
};

sgo_status options_copy(struct options *to, const sgo_client_options *from,
                        sgo_error *err) SGO_WARN_UNUSED;
void options_fini(struct options *options); /* wipes the key */

/* What the brain needs to know of a stream. */
struct stream_spec {
    uint32_t id; /* from 1, unique in the client */
    char *feed;
    struct brain_param *params; /* owned strings */
    size_t param_count;
};

struct sgo_client {
    struct refcount refs;  /* handles of users; the last release closes */
    struct refcount holds; /* all handles count one, so do commands that are
                              under way and calls; the last one frees */
    pid_t pid;
    struct options options; /* immutable */
    struct log log;         /* its sink is the hub's ring of reports */
    struct pool *pool;
    struct hub *hub;

    pthread_mutex_t lock;
    pthread_cond_t changed;  /* engine_gone or closed */
    struct loop *loop;       /* NULL: not started, or ended */
    struct roots *roots;     /* NULL: not loaded, or not needed */
    atomic_bool closing;     /* close has begun; written under lock */
    bool closed;             /* close is done */
    bool engine_gone;        /* the I/O thread will not touch us again */
    uint32_t next_stream_id; /* from 1 */
    uint32_t next_call_id;   /* from 1 */
    struct sgo_call *calls;  /* unfinished ones, a reference each */
    struct brain_counters counters; /* as the engine told last */

    bool kicked; /* kick_task is posted */
    struct loop_task kick_task;

    struct engine *engine; /* I/O thread only */

    struct sgo_client *prev; /* the list of living clients (client_life.c) */
    struct sgo_client *next;
};

struct sgo_stream {
    struct refcount refs;
    sgo_client *client; /* a handle */
    struct stream_spec spec;
    atomic_bool started;
    atomic_bool closed;
};

struct sgo_call {
    struct refcount refs;
    sgo_client *client;           /* a hold */
    struct sgo_call *prev, *next; /* client->calls; under client->lock */
    bool listed;                  /* likewise */
    uint32_t id;
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t done_cond;
    int fds[2]; /* read and write end of a pipe; -1: none asked for */
    bool done;
    sgo_error error; /* kind SGO_ERROR_NONE: it went well */
    struct document **documents;
    size_t document_count;
    char *json;
    size_t json_len;
};

/* ---- client.c ----------------------------------------------------------- */

/* SGO_OK; SGO_FORKED or SGO_CLOSED with *err (may be NULL).  Any thread. */
sgo_status client_check(const sgo_client *client, sgo_error *err);
bool client_is_ours(const sgo_client *client); /* false in a forked child */

/* One command for the I/O thread: run is called there with the engine, or
 * with NULL and the reason when there is none (closed, or it could not be
 * made); then done(ctx) frees.  Starts the I/O thread if needed.  On failure
 * neither is called. Takes client->lock; any thread. */
sgo_status client_post(sgo_client *client,
                       void (*run)(sgo_client *client, struct engine *engine,
                                   const sgo_error *why, void *ctx),
                       void (*done)(void *ctx), void *ctx, sgo_error *err);

void client_hold(sgo_client *client);
void client_unhold(sgo_client *client); /* any thread; may free */

/* Wait on a condition until deadline_ns of clock_now_ns(), in one slice of at
 * most 100 ms (condition variables know no clock that counts suspend).
 * false: the deadline had passed.  Caller holds lock. */
bool client_wait(pthread_cond_t *cond, pthread_mutex_t *lock,
                 int64_t deadline_ns);

sgo_status spec_copy(struct stream_spec *to, const struct stream_spec *from);
void spec_fini(struct stream_spec *spec);

/* ---- client_engine*.c: I/O thread ---------------------------------------- */

sgo_status engine_create(sgo_client *client, struct loop *loop,
                         struct engine **out, sgo_error *err);
/* Says goodbye to server and streams, then frees. */
void engine_free(struct engine *engine);
void engine_stream_add(struct engine *engine, const struct stream_spec *spec);
void engine_stream_remove(struct engine *engine, uint32_t stream_id);
/* n == 0: usage. */
void engine_call_start(struct engine *engine, uint32_t call_id,
                       const char *const *ids, size_t n);
void engine_call_cancel(struct engine *engine, uint32_t call_id);
void engine_set_timer(struct engine *engine);

/* ---- client_call.c -------------------------------------------------------- */

/* The answer to a call; unknown ids are ignored.  I/O thread, or the closing
 * thread.  Takes client->lock and the call's. */
void client_call_done(sgo_client *client, uint32_t call_id,
                      const sgo_error *error, struct document **documents,
                      size_t n, const char *json, size_t json_len);
/* Ends all unfinished ones: the client was closed. */
void client_calls_close(sgo_client *client);

#endif
