/* The engine: the part of a client on the I/O thread.  It hands what the
 * network brings to the brain, does what the brain wants done, and publishes
 * what it finds.  Decides nothing by itself. */
#include <string.h>

#include "base/mem.h"
#include "base/status.h"
#include "client_engine.h"
#include "json/diff.h"
#include "json/document.h"
#include "net/http.h"
#include "net/socket.h"
#include "pusher/protocol.h"

/* ---- requests ------------------------------------------------------------ */

static void
on_started(void *ctx, int64_t now_ns)
{
    struct job *job = ctx;

    brain_request_started(job->engine->brain, job->request_id, now_ns);
    engine_pump(job->engine);
}

/* Decoded bytes of a body, to the brain; the caller pumps. */
static void
on_decoded(void *ctx, const char *bytes, size_t len)
{
    struct job *job = ctx;

    brain_request_data(job->engine->brain, job->request_id, bytes, len,
                       loop_now_ns(job->engine->loop));
}

/* What undoes the coding of a raw body. */
static void
choose_decoder(struct job *job, const struct http_head *head)
{
    const char *coding = head->content_encoding;

    if (!job->raw || coding[0] == '\0') {
        return;
    }
    if (strcmp(coding, "gzip") == 0 || strcmp(coding, "x-gzip") == 0) {
        job->gunzip = gunzip_create(
            job->engine->client->pool, job->max_body_bytes,
            job->as_it_comes ? GUNZIP_AS_IT_COMES : head->content_length,
            on_decoded, job);
        job->refused = job->gunzip ? SGO_OK : SGO_NO_MEMORY;
    } else {
        job->refused = SGO_INVALID;
    }
}

static void
on_head(void *ctx, const struct http_head *head)
{
    struct job *job = ctx;
    const struct answer_head answer = {
        .http_status = head->status,
        .retry_after_ns = head->retry_after_ns,
        .age_ns = head->age_ns,
    };

    choose_decoder(job, head);
    brain_request_head(job->engine->brain, job->request_id, &answer,
                       loop_now_ns(job->engine->loop));
    engine_pump(job->engine);
}

static sgo_status
on_data(void *ctx, const char *bytes, size_t len)
{
    struct job *job = ctx;
    struct engine *engine = job->engine;
    sgo_status status = SGO_OK;

    if (job->refused != SGO_OK) {
        return job->refused;
    }
    if (job->gunzip) {
        status = gunzip_feed(job->gunzip, bytes, len);
    } else {
        on_decoded(job, bytes, len);
    }
    /* The pump may cancel this very job; the engine outlives it. */
    engine_pump(engine);
    return status;
}

/* Decode the rest of a coded body and judge the whole: SGO_OK means that the
 * coding's checksum was right.  Otherwise *err says what is wrong. */
static sgo_status
judge_body(struct job *job, sgo_status ended, sgo_error *err)
{
    sgo_status status = ended == job->refused ? ended : SGO_OK;

    if (job->gunzip) {
        status = ended == SGO_OK ? gunzip_finish(job->gunzip)
                                 : gunzip_status(job->gunzip);
    }
    if (status == SGO_NO_MEMORY) {
        error_set(err, SGO_ERROR_MEMORY, "out of memory");
    } else if (status == SGO_LIMIT) {
        error_set(err, SGO_ERROR_LIMIT, "the answer is longer than %llu bytes",
                  (unsigned long long)job->max_body_bytes);
    } else if (job->refused == SGO_INVALID && status != SGO_OK) {
        error_set(err, SGO_ERROR_TRANSPORT,
                  "the answer came in a content coding that was not asked "
                  "for");
        job->engine->never_raw = true; /* curl knows more codings */
    } else if (status != SGO_OK) {
        error_set(err, SGO_ERROR_TRANSPORT,
                  "the answer's gzip coding is broken, or broke off");
    }
    return status;
}

static void
on_done(void *ctx, const struct http_end *end)
{
    struct job *job = ctx;
    struct engine *engine = job->engine;
    const uint64_t id = job->request_id;
    struct answer_end answer = {
        .ok = end->status == SGO_OK,
        .truncated = end->truncated,
        .http_status = end->http_status,
        .retry_after_ns = end->retry_after_ns,
        .error = end->error,
    };

    if (judge_body(job, end->status, &answer.error) != SGO_OK) {
        answer.ok = false;
        answer.truncated = true;
    }
    engine_forget_job(engine, job);
    brain_request_done(engine->brain, id, &answer, clock_now_ns());
    engine_pump(engine);
}

static const struct http_handler http_handler = {
    .on_started = on_started,
    .on_head = on_head,
    .on_data = on_data,
    .on_done = on_done,
};

void
engine_forget_job(struct engine *engine, struct job *job)
{
    struct job **at = &engine->jobs;

    while (*at != job) {
        at = &(*at)->next;
    }
    *at = job->next;
    gunzip_free(job->gunzip);
    mem_free(job);
}

/* What events come in is taken as it is coded and decoded by us: curl takes a
 * gzip stream without its end or checksum for whole. */
static bool
is_taken_raw(const struct engine *engine, const struct action *action)
{
    return !engine->never_raw && strcmp(action->u.request.method, "GET") == 0;
}

static sgo_status
start_job(struct engine *engine, const struct action *action, sgo_error *err)
{
    struct http_header headers[BRAIN_MAX_HEADERS];
    struct job *job = mem_calloc(1, sizeof(*job));
    struct http_request request;
    sgo_status status;

    if (job == NULL) {
        error_set(err, SGO_ERROR_MEMORY, "out of memory");
        return SGO_NO_MEMORY;
    }
    for (size_t i = 0; i < action->u.request.header_count; i++) {
        headers[i].name = action->u.request.headers[i].name;
        headers[i].value = action->u.request.headers[i].value;
    }
    request = (struct http_request){
        .method = action->u.request.method,
        .url = action->u.request.url,
        .headers = headers,
        .header_count = action->u.request.header_count,
        .body = action->u.request.body,
        .body_len = action->u.request.body_len,
        .with_key = action->u.request.with_key,
        .until_first_byte = action->u.request.until_first_byte,
        .raw = is_taken_raw(engine, action),
        .no_cache = action->u.request.no_cache,
        .redirects = action->u.request.redirects,
        .timeout_ns = action->u.request.timeout_ns,
        .max_body_bytes = action->u.request.max_body_bytes,
    };
    job->engine = engine;
    job->request_id = action->u.request.request_id;
    job->max_body_bytes = request.max_body_bytes;
    job->raw = request.raw;
    job->as_it_comes = request.until_first_byte;
    status = http_start(engine->http, &request, &http_handler, job,
                        &job->http_job, err);
    if (status != SGO_OK) {
        mem_free(job);
        return status;
    }
    job->next = engine->jobs;
    engine->jobs = job;
    return SGO_OK;
}

static void
do_request(struct engine *engine, const struct action *action)
{
    const uint64_t id = action->u.request.request_id;
    struct answer_end end = {.retry_after_ns = -1};

    if (start_job(engine, action, &end.error) != SGO_OK) {
        brain_request_done(engine->brain, id, &end, clock_now_ns());
    }
}

static void
do_cancel(struct engine *engine, uint64_t request_id)
{
    for (struct job *job = engine->jobs; job; job = job->next) {
        if (job->request_id == request_id) {
            http_cancel(job->http_job);
            engine_forget_job(engine, job);
            return;
        }
    }
}

/* ---- sockets --------------------------------------------------------------*/

static void
on_open(void *ctx)
{
    struct line *line = ctx;

    brain_socket_opened(line->engine->brain, line->link_id, line->generation,
                        clock_now_ns());
    engine_pump(line->engine);
}

static void
on_message(void *ctx, const char *bytes, size_t len, bool binary)
{
    struct line *line = ctx;

    brain_socket_message(line->engine->brain, line->link_id, line->generation,
                         bytes, len, binary, clock_now_ns());
    engine_pump(line->engine);
}

static void
on_frame(void *ctx)
{
    struct line *line = ctx;

    brain_socket_frame(line->engine->brain, line->link_id, line->generation,
                       clock_now_ns());
    engine_pump(line->engine);
}

static void
forget_line(struct engine *engine, struct line *line)
{
    struct line **at = &engine->lines;

    while (*at != line) {
        at = &(*at)->next;
    }
    *at = line->next;
    mem_free(line);
}

static void
on_end(void *ctx, const struct socket_end *end)
{
    struct line *line = ctx;
    struct engine *engine = line->engine;
    const uint32_t link_id = line->link_id;
    const uint64_t generation = line->generation;
    const struct pusher_end told = {
        .close_code = end->close_code,
        .reason = end->reason,
        .reason_len = strlen(end->reason),
        .http_status = end->http_status,
        .retry_after_ns = -1,
        .error = end->status == SGO_OK ? NULL : &end->error,
    };

    forget_line(engine, line);
    brain_socket_closed(engine->brain, link_id, generation, &told,
                        clock_now_ns());
    engine_pump(engine);
}

static const struct socket_handler socket_handler = {
    .on_open = on_open,
    .on_message = on_message,
    .on_frame = on_frame,
    .on_end = on_end,
};

static struct line *
find_line(struct engine *engine, uint32_t link_id, uint64_t generation)
{
    struct line *line = engine->lines;

    while (line &&
           (line->link_id != link_id || line->generation != generation)) {
        line = line->next;
    }
    return line;
}

static sgo_status
open_line(struct engine *engine, const struct action *action, sgo_error *err)
{
    const struct options *options = &engine->client->options;
    const struct socket_request request = {
        .host = action->u.connect.host,
        .port = action->u.connect.port,
        .path = action->u.connect.path,
        .tls = action->u.connect.tls,
        .roots = engine->client->roots,
        .user_agent = ENGINE_USER_AGENT,
        .proxy = options->proxy,
        .log = &engine->client->log,
    };
    struct line *line = mem_calloc(1, sizeof(*line));
    sgo_status status;

    if (line == NULL) {
        error_set(err, SGO_ERROR_MEMORY, "out of memory");
        return SGO_NO_MEMORY;
    }
    line->engine = engine;
    line->link_id = action->u.connect.link_id;
    line->generation = action->u.connect.generation;
    status = socket_open(engine->loop, &request, &socket_handler, line,
                         &line->socket, err);
    if (status != SGO_OK) {
        mem_free(line);
        return status;
    }
    line->next = engine->lines;
    engine->lines = line;
    return SGO_OK;
}

static void
do_connect(struct engine *engine, const struct action *action)
{
    const uint32_t link_id = action->u.connect.link_id;
    const uint64_t generation = action->u.connect.generation;
    sgo_error err;
    const struct pusher_end end = {.retry_after_ns = -1, .error = &err};

    if (open_line(engine, action, &err) != SGO_OK) {
        brain_socket_closed(engine->brain, link_id, generation, &end,
                            clock_now_ns());
    }
}

static void
do_send(struct engine *engine, const struct action *action)
{
    struct line *line =
        find_line(engine, action->u.send.link_id, action->u.send.generation);

    /* A full queue or a socket on its way out: its end is about to come, or
     * the silence that follows is found by the pong timer. */
    if (line && socket_send(line->socket, action->u.send.text,
                            action->u.send.len) == SGO_LIMIT) {
        socket_close(line->socket, 1000, "send queue full");
    }
}

static void
do_close(struct engine *engine, const struct action *action)
{
    struct line *line =
        find_line(engine, action->u.close.link_id, action->u.close.generation);

    if (line == NULL) {
        return;
    }
    if (engine->closing) {
        socket_leave(line->socket, action->u.close.code,
                     action->u.close.reason);
        forget_line(engine, line);
    } else {
        socket_close(line->socket, action->u.close.code,
                     action->u.close.reason);
    }
}

static void
do_kill(struct engine *engine, const struct action *action)
{
    struct line *line =
        find_line(engine, action->u.kill.link_id, action->u.kill.generation);

    if (line) {
        socket_kill(line->socket);
        forget_line(engine, line);
    }
}

/* ---- the pump -------------------------------------------------------------*/

static bool
do_network(struct engine *engine, const struct action *action)
{
    switch (action->kind) {
    case ACTION_REQUEST:
        do_request(engine, action);
        return true;
    case ACTION_CANCEL:
        do_cancel(engine, action->u.cancel.request_id);
        return true;
    case ACTION_CONNECT:
        do_connect(engine, action);
        return true;
    case ACTION_SEND:
        do_send(engine, action);
        return true;
    case ACTION_CLOSE:
        do_close(engine, action);
        return true;
    case ACTION_KILL:
        do_kill(engine, action);
        return true;
    default:
        return false;
    }
}

void
engine_pump(struct engine *engine)
{
    struct action action;
    bool acted = false;

    while (brain_next(engine->brain, &action)) {
        if (!acted) {
            engine_account(engine); /* who hears the news finds it counted */
        }
        acted = true;
        recorder_action(engine->recorder, &action);
        if (!do_network(engine, &action)) {
            engine_tell(engine, &action);
        }
    }
    if (acted) {
        engine_account(engine);
    }
    recorder_flush(engine->recorder);
    engine_set_timer(engine);
}
