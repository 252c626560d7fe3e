/* Feeds and their sockets: which link a feed is on (rule 10), what the
 * protocol wants done and what it tells. */
#include "feed/brain.h"

#include <string.h>
#include <strings.h>

#include "base/mem.h"

/* ---- links and feeds --------------------------------------------------------- */

static struct link *
link_for(struct brain *b, const struct pusher_coordinates *c)
{
    struct node *n;

    for (n = b->links.next; n != &b->links; n = n->next) {
        struct link *l = NODE_OWNER(n, struct link, in_brain);

        if (!l->closing && pusher_coordinates_equal(&l->coordinates, c)) {
            return l;
        }
    }
    return NULL;
}

static void
settings(const struct brain *b, struct pusher_settings *s)
{
    pusher_settings_default(s);
    s->client_name = b->client_name;
    s->client_version = b->version;
    if (b->config.activity_timeout_ns > 0) {
        s->activity_ns = b->config.activity_timeout_ns;
        if (s->activity_floor_ns > s->activity_ns) {
            s->activity_floor_ns = s->activity_ns;
        }
    }
    if (b->config.pong_timeout_ns > 0) {
        s->pong_ns = b->config.pong_timeout_ns;
        if (s->jump_pong_ns > s->pong_ns) {
            s->jump_pong_ns = s->pong_ns;
        }
    }
    s->persist = b->config.transport == SGO_TRANSPORT_AUTO;
}

static struct link *
create(struct brain *b, const struct pusher_coordinates *c)
{
    struct pusher_settings s;
    struct link *l;

    if (b->link_count >= LINKS_MAX) {
        return NULL;
    }
    l = mem_calloc(1, sizeof(*l));
    if (l == NULL) {
        return NULL;
    }
    settings(b, &s);
    l->b = b;
    if (pusher_coordinates_copy(&l->coordinates, c) != SGO_OK ||
        (l->pusher = pusher_create(c, &s, &b->rand, b->log, b->now)) == NULL) {
        pusher_coordinates_fini(&l->coordinates);
        mem_free(l);
        return NULL;
    }
    l->id = ++b->link_next;
    list_append(&b->links, &l->in_brain);
    b->link_count++;
    return l;
}

void
link_free(struct link *l)
{
    struct node *n, *after;

    LIST_EACH (n, after, &l->b->requests) {
        struct request *r = NODE_OWNER(n, struct request, in_brain);

        if (r->link == l) {
            request_cancel(r);
        }
    }
    list_remove(&l->in_brain);
    l->b->link_count--;
    pusher_free(l->pusher);
    pusher_coordinates_fini(&l->coordinates);
    mem_free(l);
}

static void
unused(struct link *l)
{
    if (l->feed_count == 0 && !l->closing) {
        l->closing = true;
        pusher_stop(l->pusher, l->b->now);
    }
}

/* Does another feed of the link listen on this one's channel? */
static bool
shared(const struct feed *f)
{
    struct node *n;

    for (n = f->b->feeds.next; n != &f->b->feeds; n = n->next) {
        struct feed *other = NODE_OWNER(n, struct feed, in_brain);

        if (other != f && other->link == f->link && other->channel &&
            strcmp(other->channel, f->channel) == 0) {
            return true;
        }
    }
    return false;
}

void
link_detach(struct feed *f)
{
    struct link *l = f->link;

    if (l == NULL) {
        return;
    }
    if (f->channel && !shared(f)) {
        pusher_channel_remove(l->pusher, f->b->now, f->channel);
    }
    f->link = NULL;
    f->subscribed = false;
    l->feed_count--;
    unused(l);
}

static sgo_status
put_on(struct feed *f, struct link *l, sgo_error *err)
{
    sgo_status status =
        pusher_channel_add(l->pusher, f->b->now, f->channel, f->user);

    if (status == SGO_INVALID || status == SGO_LIMIT) {
        error_set(err, SGO_ERROR_PROTOCOL,
                  "the API named a channel for %s that cannot be subscribed",
                  f->title);
    }
    if (status == SGO_OK && f->link != l) {
        f->link = l;
        l->feed_count++;
    }
    return status;
}

sgo_status
link_attach(struct feed *f, const struct pusher_coordinates *c, int64_t asked,
            sgo_error *err)
{
    struct brain *b = f->b;
    struct link *l = f->link;
    sgo_status status = SGO_OK;
    struct pusher_coordinates copy = {0};
    bool fresh = false;

    if (l == NULL) {
        l = link_for(b, c);
        fresh = l == NULL;
        l = l ? l : create(b, c);
        if (l == NULL) {
            return SGO_NO_MEMORY;
        }
    }
    if (!fresh && asked > l->ended_at) {
        /* Newer ones, for later authorisations or sockets. */
        status = pusher_coordinates_copy(&copy, c);
        if (status == SGO_OK) {
            status = pusher_set_coordinates(l->pusher, b->now, c);
        }
        if (status != SGO_OK) {
            pusher_coordinates_fini(&copy);
            return status;
        }
        pusher_coordinates_fini(&l->coordinates);
        l->coordinates = copy;
    }
    status = put_on(f, l, err);
    if (status == SGO_OK) {
        pusher_start(l->pusher, b->now);
        if (pusher_channel_subscribed(l->pusher, f->channel)) {
            feed_subscribed(f); /* another feed has it already */
        }
    } else {
        unused(l);
    }
    return status;
}

/* ---- facts --------------------------------------------------------------------- */

void
link_moved(struct link *l)
{
    struct node *n, *after;

    LIST_EACH (n, after, &l->b->feeds) {
        struct feed *f = NODE_OWNER(n, struct feed, in_brain);

        if (f->link == l && !f->failed) {
            f->boot.for_link = true;
            bootstrap_want(f);
        }
    }
}

static void
notified(struct feed *f, const struct pusher_output *o)
{
    struct brain *b = f->b;

    f->stats.notifications++;
    f->stats.ids_notified += o->notification.count;
    for (size_t i = 0; i < o->notification.count; i++) {
        const char *id = o->notification.ids[i];
        bool full;
        struct entry *e = cache_entry(b, id, strlen(id), &full);
        struct member *m = e ? cache_join(e, f) : NULL;

        if (m == NULL && full) {
            b->counters.events_refused++;
            version_refused(f, id);
            f->stats.ids_refused++;
            continue;
        }
        if (m == NULL) { /* out of memory: the walk will find it */
            walk_missed(f);
            feed_gap(f, b->now, "out of memory");
            f->stats.ids_refused++;
            if (e) {
                cache_entry_unused(e);
            }
            continue;
        }
        cache_notified(m);
        f->stats.ids_gathered += e->asked || node_linked(&e->queued);
        e->notified_last = b->now;
        if (e->notified_at == 0) {
            e->notified_at = b->now;
        }
        if (m->notified_at == 0) {
            m->notified_at = b->now;
        }
        e->absent_at = 0;
        e->chunk_max = CHUNK_MAX_IDS;
        plan_ask(e, ASK_NOTIFIED, f);
        cache_proof(e);
    }
}

static void
fact(struct feed *f, const struct pusher_output *o)
{
    switch (o->kind) {
    case PUSHER_STATE:
        feed_reason(f, o->state.reason, o->state.code);
        break;
    case PUSHER_SUBSCRIBED:
        feed_subscribed(f);
        break;
    case PUSHER_LOST:
        feed_lost(f, o->lost.began_ns, o->lost.reason, o->lost.code);
        break;
    case PUSHER_NOTIFICATION:
        notified(f, o);
        break;
    case PUSHER_UNREADABLE:
        f->stats.messages_ignored += o->unreadable.count;
        if (f->subscribed && !MUTANT(GARBLE_IGNORED)) {
            feed_gap(f, f->b->now, o->unreadable.reason);
            walk_missed(f);
        }
        break;
    case PUSHER_REFUSED:
        f->channel_refused = true;
        report_feed(f, &o->problem.error, NULL);
        break;
    case PUSHER_REPORT:
        report_feed(f, &o->problem.error, NULL);
        break;
    case PUSHER_FATAL:
        feed_fail(f, &o->problem.error);
        break;
    default:
        break;
    }
}

static void
facts(struct link *l, const struct pusher_output *o)
{
    struct node *n, *after;

    LIST_EACH (n, after, &l->b->feeds) {
        struct feed *f = NODE_OWNER(n, struct feed, in_brain);

        if (f->link == l && !f->failed &&
            (o->channel == NULL ||
             (f->channel && strcmp(o->channel, f->channel) == 0))) {
            fact(f, o);
        }
    }
}

/* ---- wants ---------------------------------------------------------------------- */

static bool
copy_headers(struct request *r, const struct pusher_output *o)
{
    size_t n = o->authorise.header_count;

    n = n > BRAIN_MAX_HEADERS ? BRAIN_MAX_HEADERS : n;
    r->headers = mem_calloc(n + 1, sizeof(*r->headers));
    if (r->headers == NULL) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        const struct pusher_pair *p = &o->authorise.headers[i];

        r->headers[i].name = mem_dup(p->name, strlen(p->name));
        r->headers[i].value = mem_secret(p->value, strlen(p->value));
        r->headers[i].secret = true;
        r->header_count = i + 1;
        if (r->headers[i].name == NULL || r->headers[i].value == NULL) {
            return false;
        }
        if (strcasecmp(p->name, "x-api-key") == 0) {
            r->with_key = false; /* the options bring it */
        }
    }
    return true;
}

static void
authorise_failed(struct link *l, uint64_t number, sgo_error_kind kind,
                 const char *text)
{
    sgo_error err;
    struct pusher_auth_answer answer = {.error = &err};

    error_set(&err, kind, "%s", text);
    err.retryable = true;
    pusher_authorised(l->pusher, l->b->now, number, &answer);
}

static void
authorise(struct link *l, const struct pusher_output *o)
{
    struct brain *b = l->b;
    struct request *r = request_create(b, REQUEST_AUTHORISE, ASK_NOTIFIED);
    struct pusher_url url;

    if (r == NULL) {
        authorise_failed(l, o->authorise.request, SGO_ERROR_MEMORY,
                         "out of memory");
        return;
    }
    r->link = l;
    r->number = o->authorise.request;
    r->timeout = 10 * NS_PER_S;
    r->with_key = pusher_url_split(o->authorise.url, &url) == SGO_OK &&
                  permit_is_origin(b, &url) && url.tls == b->origin.tls;
    r->url = mem_dup(o->authorise.url, strlen(o->authorise.url));
    r->body = mem_dup(o->authorise.body, o->authorise.body_len);
    r->body_len = o->authorise.body_len;
    if (r->url == NULL || r->body == NULL || !copy_headers(r, o)) {
        request_free(r);
        authorise_failed(l, o->authorise.request, SGO_ERROR_MEMORY,
                         "out of memory");
        return;
    }
    request_send(r);
}

static void
cancel_authorise(struct link *l, uint64_t number)
{
    struct node *n, *after;

    LIST_EACH (n, after, &l->b->requests) {
        struct request *r = NODE_OWNER(n, struct request, in_brain);

        if (r->link == l && r->number == number) {
            request_cancel(r);
        }
    }
}

void
link_authorised(struct request *r, const struct answer_end *end)
{
    struct pusher_auth_answer answer = {
        .http_status = end->ok ? end->http_status : 0,
        .body = r->small.data ? r->small.data : "",
        .len = r->small.len,
        .retry_after_ns = end->retry_after_ns,
        .error = end->ok ? NULL : &end->error};

    if (end->retry_after_ns <= 0) {
        answer.retry_after_ns = r->retry_after;
    }
    pusher_authorised(r->link->pusher, r->b->now, r->number, &answer);
}

/* Ask for coordinates by way of one of the link's feeds. */
static void
coordinates(struct link *l, const char *reason)
{
    struct node *n;
    sgo_error err;

    for (n = l->b->feeds.next; n != &l->b->feeds; n = n->next) {
        struct feed *f = NODE_OWNER(n, struct feed, in_brain);

        if (f->link == l && !f->failed) {
            log_write(l->b->log, SGO_LOG_INFO, "feed",
                      "%s: coordinates are fetched anew: %s", f->title,
                      reason);
            f->boot.for_link = true;
            bootstrap_want(f);
            return;
        }
    }
    error_set(&err, SGO_ERROR_CLOSED, "no feed is left");
    pusher_coordinates_failed(l->pusher, l->b->now, &err);
}

/* A want of the owner: true. */
static bool
want(struct link *l, const struct pusher_output *o, struct action *out)
{
    *out = (struct action){0};
    switch (o->kind) {
    case PUSHER_CONNECT:
        out->kind = ACTION_CONNECT;
        out->u.connect.link_id = l->id;
        out->u.connect.generation = o->generation;
        out->u.connect.host = o->connect.host;
        out->u.connect.port = (uint16_t)o->connect.port;
        out->u.connect.path = o->connect.path;
        out->u.connect.tls = o->connect.tls;
        return true;
    case PUSHER_SEND:
        out->kind = ACTION_SEND;
        out->u.send.link_id = l->id;
        out->u.send.generation = o->generation;
        out->u.send.text = o->send.text;
        out->u.send.len = o->send.len;
        return true;
    case PUSHER_CLOSE:
        l->ended_at = l->b->now;
        out->kind = ACTION_CLOSE;
        out->u.close.link_id = l->id;
        out->u.close.generation = o->generation;
        out->u.close.code = o->close.code;
        out->u.close.reason = o->close.reason;
        return true;
    case PUSHER_KILL:
        l->ended_at = l->b->now;
        out->kind = ACTION_KILL;
        out->u.kill.link_id = l->id;
        out->u.kill.generation = o->generation;
        return true;
    default:
        return false;
    }
}

bool
link_next(struct brain *b, struct action *out)
{
    struct node *n, *after;

    LIST_EACH (n, after, &b->links) {
        struct link *l = NODE_OWNER(n, struct link, in_brain);
        struct pusher_output o;

        while (pusher_next(l->pusher, &o)) {
            if (want(l, &o, out)) {
                return true;
            }
            b->settled = false;
            if (o.kind == PUSHER_AUTHORISE) {
                authorise(l, &o);
            } else if (o.kind == PUSHER_CANCEL_AUTHORISE) {
                cancel_authorise(l, o.authorise.request);
            } else if (o.kind == PUSHER_COORDINATES) {
                coordinates(l, o.coordinates.reason);
            } else {
                facts(l, &o);
            }
        }
        if (l->closing) {
            link_free(l);
        }
    }
    return false;
}

int64_t
link_deadline(const struct brain *b)
{
    int64_t earliest = CLOCK_NEVER;
    const struct node *n;

    for (n = b->links.next; n != &b->links; n = n->next) {
        int64_t when =
            pusher_deadline(NODE_OWNER(n, struct link, in_brain)->pusher);

        earliest = when < earliest ? when : earliest;
    }
    return earliest;
}

/* ---- inputs ------------------------------------------------------------------------- */

static struct link *
input(struct brain *b, uint32_t link_id, int64_t now)
{
    struct node *n;

    brain_input(b, now);
    for (n = b->links.next; n != &b->links; n = n->next) {
        struct link *l = NODE_OWNER(n, struct link, in_brain);

        if (l->id == link_id) {
            return l;
        }
    }
    return NULL;
}

void
brain_socket_opened(struct brain *b, uint32_t link_id, uint64_t generation,
                    int64_t now)
{
    struct link *l = input(b, link_id, now);

    record_input(b, 'O', now,
                 (struct record_args){link_id, (int64_t)generation, 0, 0},
                 NULL, 0);
    if (l) {
        pusher_opened(l->pusher, b->now, generation);
    }
}

void
brain_socket_message(struct brain *b, uint32_t link_id, uint64_t generation,
                     const char *bytes, size_t len, bool binary, int64_t now)
{
    struct link *l = input(b, link_id, now);
    size_t none = 0;

    record_bytes(b, 'M', now,
                 (struct record_args){link_id, (int64_t)generation, binary, 0},
                 bytes, len, &none);
    if (l) {
        pusher_message(l->pusher, b->now, generation, bytes, len, binary);
    }
}

void
brain_socket_frame(struct brain *b, uint32_t link_id, uint64_t generation,
                   int64_t now)
{
    struct link *l = input(b, link_id, now);

    record_input(b, 'W', now,
                 (struct record_args){link_id, (int64_t)generation, 0, 0},
                 NULL, 0);
    if (l) {
        pusher_frame(l->pusher, b->now, generation);
    }
}

void
brain_socket_closed(struct brain *b, uint32_t link_id, uint64_t generation,
                    const struct pusher_end *end, int64_t now)
{
    struct link *l = input(b, link_id, now);

    record_closed(b, now, link_id, generation, end);
    if (l) {
        l->ended_at = b->now;
        pusher_closed(l->pusher, b->now, generation, end);
    }
}
