/* The engine's inside, shared by client_engine*.c.  I/O thread only. */
#ifndef SGO_CLIENT_ENGINE_H
#define SGO_CLIENT_ENGINE_H

#include "client_internal.h"
#include "client_record.h"
#include "net/gunzip.h"
#include "net/http.h"
#include "net/socket.h"

#define ENGINE_USER_AGENT "sgostream/" SGO_VERSION

/* A request that is out. */
struct job {
    struct job *next;
    struct engine *engine;
    uint64_t request_id;
    struct http_job *http_job;
    uint64_t max_body_bytes; /* once decoded */
    bool raw;                /* its body comes as it is coded */
    bool as_it_comes;        /* and is not to be waited for: a list */
    sgo_status refused;      /* why its body is: SGO_INVALID, a coding that we
                                did not ask for; SGO_NO_MEMORY */
    struct gunzip *gunzip;   /* owned; NULL: the body is plain */
};

/* One socket of one link (the brain's word for a logical connection). */
struct line {
    struct line *next;
    struct engine *engine;
    uint32_t link_id;
    uint64_t generation;
    struct socket *socket;
};

struct engine {
    sgo_client *client; /* borrowed: the client waits for our end */
    struct loop *loop;  /* borrowed from the client */
    struct brain *brain;
    struct recorder *recorder; /* NULL: no recording */
    struct http *http;
    struct loop_timer timer;
    struct loop_watch watch;
    struct job *jobs;
    struct line *lines;
    uint32_t *streams; /* ids, for statistics */
    size_t stream_count, stream_cap;
    size_t queued_told;     /* bytes, as the brain knows them */
    size_t pool_kept;       /* what the pool was last told to keep */
    uint64_t requests_told; /* counters that siblings were told */
    uint64_t objects_told;
    bool closing;
    bool never_raw; /* the server codes bodies as it likes: curl decodes */
    struct engine *sibling; /* next engine of this loop */
};

/* After each input: do what the brain wants done. */
void engine_pump(struct engine *engine);

/* client_engine_tell.c: actions that concern consumers, and statistics. */
void engine_tell(struct engine *engine, const struct action *action);
void engine_account(struct engine *engine);

/* client_engine_life.c */
void engine_share_spending(struct engine *engine,
                           const struct brain_counters *counters);
void engine_forget_job(struct engine *engine, struct job *job);

#endif
