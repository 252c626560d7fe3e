/* What is told: versions to streams, proofs, and reports of errors.  Room is
 * made before anything changes, so that telling itself cannot fail. */
#include "feed/brain.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"

/* ---- versions --------------------------------------------------------------- */

sgo_status
publish_reserve(struct brain *b, size_t n)
{
    struct publish_queue *q = &b->publishes;
    size_t cap = q->cap ? q->cap : 64;
    struct publish *items;

    if (q->cap - q->len >= n) {
        return SGO_OK;
    }
    while (cap - q->len < n) {
        cap *= 2;
    }
    items = mem_alloc(cap * sizeof(*items));
    if (items == NULL) {
        return SGO_NO_MEMORY;
    }
    for (size_t i = 0, from = q->first; i < q->len; i++) {
        items[i] = q->items[from];
        from = from + 1 == q->cap ? 0 : from + 1;
    }
    mem_free(q->items);
    q->items = items;
    q->cap = cap;
    q->first = 0;
    return SGO_OK;
}

void
publish_fini(struct publish *p)
{
    document_release(p->event);
    document_release(p->previous);
    changes_release(p->changes);
    *p = (struct publish){0};
}

static void
push(struct brain *b, const struct publish *p)
{
    struct publish_queue *q = &b->publishes;
    struct publish *to = &q->items[(q->first + q->len) % q->cap];

    *to = *p;
    document_retain(to->event);
    if (to->previous) {
        document_retain(to->previous);
    }
    if (to->changes) {
        changes_retain(to->changes);
    }
    q->len++;
}

void
publish_member(struct member *m, sgo_update_kind kind, sgo_cause cause,
               struct document *previous, struct changes *changes,
               const struct version *v)
{
    struct brain *b = m->entry->b;
    struct feed *f = m->feed;
    struct publish p = {.kind = kind,
                        .cause = cause,
                        .event = m->entry->doc,
                        .previous = previous,
                        .changes = changes,
                        .notified = v ? m->notified_at : 0,
                        .requested = v ? v->started : 0,
                        .received = v ? v->arrived : 0,
                        .applied = b->now};
    struct node *n, *after;

    m->held = kind != SGO_REMOVED;
    if (kind == SGO_ADDED) {
        f->stats.events_added++;
    } else if (kind == SGO_REMOVED) {
        f->stats.events_removed++;
    }
    LIST_EACH (n, after, &f->streams) {
        p.stream_id = NODE_OWNER(n, struct stream, in_feed)->id;
        push(b, &p);
    }
}

void
publish_held(struct stream *s, struct member *m)
{
    struct entry *e = m->entry;
    struct publish p = {.stream_id = s->id,
                        .kind = SGO_ADDED,
                        .cause = SGO_CAUSE_SNAPSHOT,
                        .event = e->doc,
                        .requested = e->as_of,
                        .received = e->arrived,
                        .applied = e->b->now};

    push(e->b, &p);
}

void
publish_forget(struct brain *b, uint32_t stream_id)
{
    struct publish_queue *q = &b->publishes;
    size_t kept = 0;

    for (size_t i = 0; i < q->len; i++) {
        struct publish *p = &q->items[(q->first + i) % q->cap];

        if (p->stream_id == stream_id) {
            publish_fini(p);
        } else {
            q->items[(q->first + kept++) % q->cap] = *p;
        }
    }
    q->len = kept;
}

bool
publish_next(struct brain *b, struct action *out)
{
    struct publish_queue *q = &b->publishes;
    struct publish *p = &b->out_publish;

    publish_fini(p);
    if (q->len == 0) {
        return false;
    }
    *p = q->items[q->first];
    q->first = (q->first + 1) % q->cap;
    q->len--;
    *out = (struct action){.kind = ACTION_PUBLISH};
    out->u.publish.stream_id = p->stream_id;
    out->u.publish.kind = p->kind;
    out->u.publish.cause = p->cause;
    out->u.publish.event = p->event;
    out->u.publish.previous = p->previous;
    out->u.publish.changes = p->changes;
    out->u.publish.notified_ns = p->notified;
    out->u.publish.requested_ns = p->requested;
    out->u.publish.received_ns = p->received;
    out->u.publish.applied_ns = p->applied;
    out->u.publish.event_id = p->event->event_id;
    out->u.publish.event_id_len = p->event->event_id_len;
    return true;
}

/* ---- proofs ------------------------------------------------------------------ */

/* One entry's proof goes to each stream that holds it: the cursor walks
 * through feeds and streams by position, since nothing changes between. */
bool
proof_next(struct brain *b, struct action *out)
{
    while (!list_empty(&b->proofs_due)) {
        struct entry *e =
            NODE_OWNER(b->proofs_due.next, struct entry, proof_due);
        size_t skip = b->proof_at;
        struct node *n, *after, *sn, *safter;

        LIST_EACH (n, after, &e->members) {
            struct member *m = NODE_OWNER(n, struct member, in_entry);

            LIST_EACH (sn, safter, &m->feed->streams) {
                struct stream *s = NODE_OWNER(sn, struct stream, in_feed);

                if (!m->held || skip-- > 0) {
                    continue;
                }
                b->proof_at++;
                *out = (struct action){.kind = ACTION_PROOF};
                out->u.proof.stream_id = s->id;
                out->u.proof.event_id = e->id;
                out->u.proof.event_id_len = e->id_len;
                out->u.proof.proof_ns = e->proof;
                out->u.proof.unanswered = e->notified_at != 0;
                out->u.proof.refused = e->refused;
                out->u.proof.reason =
                    e->refused       ? "its newest version was refused"
                    : e->notified_at ? "notified, not yet refetched"
                                     : "answered by a request";
                return true;
            }
        }
        b->proof_at = 0;
        list_remove(&e->proof_due);
    }
    return false;
}

/* ---- reports ------------------------------------------------------------------ */

static void
report(struct brain *b, uint32_t stream_id, const sgo_error *err,
       const char *event_id)
{
    struct report *r;

    if (b->report_len == ERRORS_MAX) {
        b->counters.errors_dropped++;
        return;
    }
    r = &b->reports[(b->report_first + b->report_len++) % ERRORS_MAX];
    r->stream_id = stream_id;
    r->error = *err;
    snprintf(r->event_id, sizeof(r->event_id), "%s", event_id ? event_id : "");
}

void
report_feed(struct feed *f, const sgo_error *err, const char *event_id)
{
    struct node *n, *after;

    f->stats.errors++;
    LIST_EACH (n, after, &f->streams) {
        report(f->b, NODE_OWNER(n, struct stream, in_feed)->id, err, event_id);
    }
}

void
report_client(struct brain *b, const sgo_error *err)
{
    struct node *n, *after;

    LIST_EACH (n, after, &b->feeds) {
        NODE_OWNER(n, struct feed, in_brain)->stats.errors++;
    }
    report(b, 0, err, NULL);
}

void
report_entry(struct entry *e, const sgo_error *err)
{
    struct node *n, *after;

    LIST_EACH (n, after, &e->members) {
        report_feed(NODE_OWNER(n, struct member, in_entry)->feed, err, e->id);
    }
}

bool
report_next(struct brain *b, struct action *out)
{
    struct report *r = &b->out_report;

    if (b->report_len == 0) {
        return false;
    }
    *r = b->reports[b->report_first];
    b->report_first = (b->report_first + 1) % ERRORS_MAX;
    b->report_len--;
    *out = (struct action){.kind = ACTION_ERROR};
    out->u.error.stream_id = r->stream_id;
    out->u.error.error = &r->error;
    out->u.error.event_id = r->event_id[0] ? r->event_id : NULL;
    return true;
}
