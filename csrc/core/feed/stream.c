/* Streams: their parameters, the feed each listens to, and what each is told
 * of it. */
#include "feed/brain.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"

/* ---- parameters ------------------------------------------------------------------ */

static sgo_status
check_text(const char *what, const char *text, size_t max, sgo_error *err)
{
    size_t len = text ? strnlen(text, max + 1) : 0;

    if (len == 0 || len > max) {
        error_set(err, SGO_ERROR_CONFIGURATION, "%s %s", what,
                  len ? "is too long" : "is empty");
        return SGO_INVALID;
    }
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];

        if (c < 0x20 || c == 0x7f) {
            error_set(err, SGO_ERROR_CONFIGURATION,
                      "%s holds a control character", what);
            return SGO_INVALID;
        }
    }
    return SGO_OK;
}

static const char *
param(const struct brain_param *params, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(params[i].name, name) == 0) {
            return params[i].value;
        }
    }
    return NULL;
}

static enum feed_kind
kind_of(const char *feed)
{
    if (strcmp(feed, "events:live") == 0) {
        return FEED_LIVE;
    }
    if (strcmp(feed, "events:upcoming") == 0) {
        return FEED_UPCOMING;
    }
    return strcmp(feed, "events:byid") == 0 ? FEED_BYID : FEED_OTHER;
}

static sgo_status
check(const struct brain *b, const char *feed,
      const struct brain_param *params, size_t n, sgo_error *err)
{
    enum feed_kind kind;
    sgo_status status =
        check_text("the feed's name", feed, BRAIN_MAX_NAME_BYTES, err);

    for (size_t i = 0; i < n && status == SGO_OK; i++) {
        status = check_text("a parameter's name", params[i].name,
                            BRAIN_MAX_NAME_BYTES, err);
        if (status == SGO_OK) {
            status = check_text(params[i].name, params[i].value,
                                BRAIN_MAX_NAME_BYTES, err);
        }
        if (status == SGO_OK && (strcmp(params[i].name, "feed") == 0 ||
                                 param(params, i, params[i].name))) {
            error_set(err, SGO_ERROR_CONFIGURATION,
                      "parameter %s is given twice", params[i].name);
            status = SGO_INVALID;
        }
    }
    if (status != SGO_OK) {
        return status;
    }
    kind = kind_of(feed);
    if (kind == FEED_UPCOMING && param(params, n, "leagueID") == NULL) {
        error_set(err, SGO_ERROR_CONFIGURATION,
                  "events:upcoming needs leagueID, such as \"NFL\"");
    } else if (kind == FEED_BYID && param(params, n, "eventID") == NULL) {
        error_set(err, SGO_ERROR_CONFIGURATION, "events:byid needs eventID");
    } else if (kind == FEED_OTHER &&
               b->config.transport == SGO_TRANSPORT_POLL) {
        error_set(err, SGO_ERROR_CONFIGURATION,
                  "transport=\"poll\" serves events:live, events:upcoming "
                  "and events:byid, not %.200s",
                  feed);
    } else {
        return SGO_OK;
    }
    return SGO_INVALID;
}

/* ---- feeds --------------------------------------------------------------------------- */

/* "feed=…&a=…&b=…", sorted by name: the query, and what makes feeds equal. */
static char *
query_of(const char *feed, const struct brain_param *params, size_t n)
{
    bool used[BRAIN_MAX_PARAMS] = {false};
    struct buf q;
    size_t len;

    buf_init(&q, 256 << 10);
    buf_puts(&q, "feed=");
    message_write_escaped(&q, feed);
    for (size_t k = 0; k < n; k++) {
        size_t least = n;

        for (size_t i = 0; i < n; i++) {
            if (!used[i] && (least == n ||
                             strcmp(params[i].name, params[least].name) < 0)) {
                least = i;
            }
        }
        used[least] = true;
        buf_putc(&q, '&');
        message_write_escaped(&q, params[least].name);
        buf_putc(&q, '=');
        message_write_escaped(&q, params[least].value);
    }
    if (q.status != SGO_OK) {
        buf_fini(&q);
        return NULL;
    }
    return buf_take(&q, &len);
}

static char *
list_of(enum feed_kind kind, const char *league_id)
{
    struct buf q;
    size_t len;
    char *text;

    buf_init(&q, 16 << 10);
    if (kind == FEED_LIVE) {
        buf_puts(&q, "live=true");
    } else {
        buf_puts(&q, "leagueID=");
        message_write_escaped(&q, league_id);
        buf_puts(&q, "&started=false&oddsAvailable=true");
    }
    text = q.status == SGO_OK ? buf_take(&q, &len) : NULL;
    buf_fini(&q);
    return text;
}

static char *
title_of(const char *feed, const struct brain_param *params, size_t n)
{
    char text[200];
    int len = snprintf(text, sizeof(text), "%.100s", feed);

    for (size_t i = 0; i < n && len < (int)sizeof(text); i++) {
        len += snprintf(text + len, sizeof(text) - (size_t)len, " %.40s=%.40s",
                        params[i].name, params[i].value);
    }
    return mem_dup(text, strlen(text));
}

static bool
name_feed(struct feed *f, const char *feed, const struct brain_param *params,
          size_t n)
{
    const char *event_id = param(params, n, "eventID");
    const char *league_id = param(params, n, "leagueID");

    f->kind = kind_of(feed);
    f->name = mem_dup(feed, strlen(feed));
    f->title = title_of(feed, params, n);
    f->key = f->query ? mem_dup(f->query, strlen(f->query)) : NULL;
    if (f->kind == FEED_BYID) {
        f->event_id = mem_dup(event_id, strlen(event_id));
    }
    if (f->kind == FEED_UPCOMING) {
        f->league_id = mem_dup(league_id, strlen(league_id));
    }
    if (f->kind == FEED_LIVE || f->league_id) {
        f->list = list_of(f->kind, f->league_id);
    }
    return f->name && f->title && f->key && f->query &&
           (f->kind != FEED_BYID || f->event_id) &&
           (f->kind != FEED_UPCOMING || f->league_id) &&
           (f->kind == FEED_BYID || f->kind == FEED_OTHER || f->list);
}

/* query is taken. */
static struct feed *
feed_create(struct brain *b, char *query, const char *feed,
            const struct brain_param *params, size_t n)
{
    struct feed *f = mem_calloc(1, sizeof(*f));

    if (f == NULL) {
        mem_free(query);
        return NULL;
    }
    f->b = b;
    f->query = query;
    list_init(&f->streams);
    list_init(&f->members);
    for (int k = 0; k < ASK_CLASSES; k++) {
        list_init(&f->queues[k]);
    }
    list_append(&b->feeds, &f->in_brain);
    if (!name_feed(f, feed, params, n) || feed_start(f) != SGO_OK ||
        map_put(&b->feeds_by_key, f->key, strlen(f->key), f, NULL) != SGO_OK) {
        feed_free(f);
        return NULL;
    }
    return f;
}

/* ---- joining and leaving ------------------------------------------------------------------ */

static void
join(struct stream *s, struct feed *f)
{
    s->feed = f;
    s->base = f->stats;
    /* What is pending will be answered to this one as well. */
    s->base.ids_notified -= f->stats.ids_pending;
    s->proof_told = 0;
    list_append(&f->streams, &s->in_feed);
    f->stream_count++;
}

void
stream_leave(struct stream *s)
{
    struct feed *f = s->feed;

    if (f == NULL) {
        return;
    }
    stream_count(s, s->feed->b->now, &s->final_stats);
    list_remove(&s->in_feed);
    f->stream_count--;
    s->feed = NULL;
    wake_fini(&s->b->wakes, &s->retell);
}

void
stream_free(struct stream *s)
{
    if (s->feed) {
        list_remove(&s->in_feed);
        s->feed->stream_count--;
    }
    if (node_linked(&s->in_brain)) {
        list_remove(&s->in_brain);
        s->b->stream_count--;
    }
    wake_fini(&s->b->wakes, &s->retell);
    mem_free(s);
}

static struct stream *
find(const struct brain *b, uint32_t id)
{
    return map_get(&b->streams_by_id, (const char *)&id, sizeof(id));
}

void
stream_close(struct stream *s)
{
    struct brain *b = s->b;

    stream_leave(s);
    publish_forget(b, s->id);
    map_remove(&b->streams_by_id, (const char *)&s->id, sizeof(s->id));
    s->closed = true;
    s->gap_due = false;
}

sgo_status
stream_catch_up(struct stream *s, struct feed *f)
{
    struct node *n, *after;
    size_t held = 0;
    sgo_status status;

    LIST_EACH (n, after, &f->members) {
        held += NODE_OWNER(n, struct member, in_feed)->held;
    }
    status = publish_reserve(f->b, held);
    if (status != SGO_OK) {
        return status;
    }
    LIST_EACH (n, after, &f->members) {
        struct member *m = NODE_OWNER(n, struct member, in_feed);

        if (m->held) {
            publish_held(s, m);
            cache_proof(m->entry);
        }
    }
    return SGO_OK;
}

static void
retell_due(void *owner)
{
    struct stream *s = owner;

    if (s->feed && stream_catch_up(s, s->feed) != SGO_OK) {
        wake_set(&s->b->wakes, &s->retell, s->b->now + MEMORY_PAUSE_NS);
    }
}

void
brain_untold(struct brain *b, uint32_t stream_id, int64_t now)
{
    struct stream *s;

    record_input(b, 'V', now, (struct record_args){stream_id, 0, 0, 0}, NULL,
                 0);
    brain_input(b, now);
    s = find(b, stream_id);
    if (s && s->feed) {
        s->feed->stats.updates_retried++;
        wake_set(&b->wakes, &s->retell, b->now + MEMORY_PAUSE_NS);
    }
}

static struct feed *
feed_for(struct brain *b, const char *feed, const struct brain_param *params,
         size_t n)
{
    char *query = query_of(feed, params, n);
    struct feed *f;

    if (query == NULL) {
        return NULL;
    }
    f = map_get(&b->feeds_by_key, query, strlen(query));
    if (f && f->failed) { /* about to be freed: begin anew */
        map_remove(&b->feeds_by_key, query, strlen(query));
        f = NULL;
    }
    if (f) {
        mem_free(query);
        return f;
    }
    return feed_create(b, query, feed, params, n);
}

sgo_status
brain_stream_add(struct brain *b, uint32_t stream_id, const char *feed,
                 const struct brain_param *params, size_t n, int64_t now,
                 sgo_error *err)
{
    struct stream *s;
    struct feed *f;
    sgo_status status;

    if (n > BRAIN_MAX_PARAMS) {
        error_set(err, SGO_ERROR_CONFIGURATION, "more than %d parameters",
                  BRAIN_MAX_PARAMS);
        return SGO_INVALID;
    }
    record_stream(b, now, stream_id, feed, params, n);
    brain_input(b, now);
    if (b->closed) {
        error_set(err, SGO_ERROR_CLOSED, "the client is closed");
        return SGO_CLOSED;
    }
    status = check(b, feed, params, n, err);
    if (status != SGO_OK) {
        return status;
    }
    if (b->stream_count >= BRAIN_MAX_STREAMS || find(b, stream_id)) {
        error_set(err, SGO_ERROR_LIMIT, "more than %d streams of one client",
                  BRAIN_MAX_STREAMS);
        return SGO_LIMIT;
    }
    error_set(err, SGO_ERROR_MEMORY, "out of memory");
    s = mem_calloc(1, sizeof(*s));
    if (s == NULL) {
        return SGO_NO_MEMORY;
    }
    s->b = b;
    s->id = stream_id;
    f = feed_for(b, feed, params, n);
    if (f == NULL ||
        map_put(&b->streams_by_id, (const char *)&stream_id, sizeof(stream_id),
                s, NULL) != SGO_OK ||
        wake_init(&b->wakes, &s->retell, retell_due, s) != SGO_OK ||
        stream_catch_up(s, f) != SGO_OK) {
        wake_fini(&b->wakes, &s->retell);
        map_remove(&b->streams_by_id, (const char *)&stream_id,
                   sizeof(stream_id));
        mem_free(s); /* a feed without streams is freed when we settle */
        return SGO_NO_MEMORY;
    }
    join(s, f);
    list_append(&b->streams, &s->in_brain);
    b->stream_count++;
    b->usage_wanted = b->usage_wanted || !b->usage_asked;
    b->usage_asked = true;
    error_clear(err);
    return SGO_OK;
}

void
brain_stream_remove(struct brain *b, uint32_t stream_id, int64_t now)
{
    struct stream *s;

    record_input(b, 'R', now, (struct record_args){stream_id, 0, 0, 0}, NULL,
                 0);
    brain_input(b, now);
    s = find(b, stream_id);
    if (s) {
        stream_close(s);
    }
}

/* ---- telling --------------------------------------------------------------------------------- */

bool
stream_gap_next(struct brain *b, struct action *out)
{
    struct node *n, *after;

    LIST_EACH (n, after, &b->streams) {
        struct stream *s = NODE_OWNER(n, struct stream, in_brain);

        if (s->gap_due) {
            s->gap_due = false;
            *out = (struct action){.kind = ACTION_GAP};
            out->u.gap.stream_id = s->id;
            out->u.gap.reason = s->gap_reason;
            out->u.gap.began_ns = s->gap_began;
            out->u.gap.ended_ns = s->gap_ended;
            out->u.gap.events_refetched = s->gap_answers;
            return true;
        }
        if (s->feed && s->feed->proof > s->proof_told) {
            s->proof_told = s->feed->proof;
            *out = (struct action){.kind = ACTION_PROOF};
            out->u.proof.stream_id = s->id;
            out->u.proof.proof_ns = s->feed->proof;
            out->u.proof.reason = s->feed->polling
                                      ? "start of the last complete poll"
                                      : "last frame of the socket";
            return true;
        }
    }
    return false;
}

/* What it should be told, by now. */
static void
present(const struct stream *s, sgo_connection *connection, sgo_phase *phase)
{
    if (s->feed) {
        *connection = feed_connection(s->feed);
        *phase = feed_phase(s->feed);
        if (*phase == SGO_PHASE_LIVE && wake_is_set(&s->retell)) {
            *phase = SGO_PHASE_STALE; /* not all of it could be told */
        }
    } else {
        *connection = s->closed ? SGO_CONN_DISCONNECTED : SGO_CONN_FAILED;
        *phase = SGO_PHASE_CLOSED;
    }
}

static bool
tell_final(struct stream *s, struct action *out)
{
    s->final_due = false;
    if (s->closed) {
        return false;
    }
    *out = (struct action){.kind = ACTION_ERROR};
    out->u.error.stream_id = s->id;
    out->u.error.final = true;
    out->u.error.error = &s->final_error;
    return true;
}

static bool
tell_state(struct stream *s, struct action *out)
{
    sgo_connection connection;
    sgo_phase phase;

    present(s, &connection, &phase);
    if (s->ended ||
        (s->told && s->connection == connection && s->phase == phase)) {
        return false;
    }
    s->told = true;
    s->connection = connection;
    s->phase = phase;
    s->ended = s->feed == NULL;
    *out = (struct action){.kind = ACTION_STATE};
    out->u.state.stream_id = s->id;
    out->u.state.connection = connection;
    out->u.state.phase = phase;
    out->u.state.reason = s->closed ? "closed"
                          : s->feed ? s->feed->reason
                                    : s->final_error.text;
    out->u.state.close_code =
        s->feed ? s->feed->close_code : s->final_error.close_code;
    return true;
}

bool
stream_state_next(struct brain *b, struct action *out)
{
    struct node *n, *after;

    LIST_EACH (n, after, &b->streams) {
        struct stream *s = NODE_OWNER(n, struct stream, in_brain);

        if ((s->final_due && tell_final(s, out)) || tell_state(s, out)) {
            return true;
        }
        if (s->closed) {
            stream_free(s);
        }
    }
    return false;
}

/* ---- counters ---------------------------------------------------------------------------------- */

/* The feed's counters since the stream joined. */
void
stream_count(const struct stream *s, int64_t now, sgo_stream_stats *out)
{
    const struct feed *f = s->feed;
    const uint64_t *from, *base;
    uint64_t *to;

    if (f == NULL) {
        *out = s->final_stats;
        return;
    }
    *out = f->stats;
    /* The uint64_t counters stand first, in one run. */
    to = (uint64_t *)(void *)out;
    from = (const uint64_t *)(const void *)&f->stats;
    base = (const uint64_t *)(const void *)&s->base;
    for (size_t i = 0;
         i < offsetof(sgo_stream_stats, last_close_code) / sizeof(*to); i++) {
        to[i] = from[i] - base[i];
    }
    out->last_frame_age_ns = f->last_frame && now > f->last_frame
                                 ? now - f->last_frame
                             : f->last_frame ? 0
                                             : -1;
    if (f->link) { /* also of attempts that came to no subscription */
        struct pusher_stats p;

        pusher_read_stats(f->link->pusher, &p);
        if (p.last_close_code) {
            out->last_close_code = p.last_close_code;
        }
    }
}

sgo_status
brain_stream_stats(const struct brain *b, uint32_t stream_id, int64_t now,
                   sgo_stream_stats *out)
{
    const struct stream *s = find(b, stream_id);

    if (s == NULL) {
        return SGO_NOT_FOUND;
    }
    stream_count(s, now, out);
    return SGO_OK;
}
