/* What an answer does to an entry: rule 4 (as-of), rule 5 (early reads) and
 * rule 6 (leaving and gone), and who is told. */
#include "feed/brain.h"

#include <string.h>

static const int64_t series_ns[SERIES_STEPS] = {
    NS_PER_S / 2, NS_PER_S, 2 * NS_PER_S}; /* rules 4 and 5 */

static size_t
listeners(const struct entry *e)
{
    const struct node *n;
    size_t count = 0;

    for (n = e->members.next; n != &e->members; n = n->next) {
        count += NODE_OWNER(n, struct member, in_entry)->feed->stream_count;
    }
    return count;
}

static sgo_cause
cause_of(const struct member *m, const struct version *v)
{
    if (m->notified_at) {
        return SGO_CAUSE_NOTIFICATION;
    }
    if (v->snapshot && !v->list->boot.as_list) {
        return SGO_CAUSE_SNAPSHOT;
    }
    if (m->feed->polling) {
        return SGO_CAUSE_POLL;
    }
    return v->list == NULL && v->ask == ASK_NOTIFIED ? SGO_CAUSE_NOTIFICATION
                                                     : SGO_CAUSE_RESYNC;
}

static void
count(struct entry *e, size_t offset)
{
    struct node *n, *after;

    LIST_EACH (n, after, &e->members) {
        struct feed *f = NODE_OWNER(n, struct member, in_entry)->feed;

        ++*(uint64_t *)(void *)((char *)&f->stats + offset);
    }
}
#define COUNT(e, field) count((e), offsetof(sgo_stream_stats, field))

/* Nothing was asked after this answer's start: it may take a membership away,
 * which a later answer would otherwise not find. */
static bool
newest(const struct entry *e, const struct version *v)
{
    return v->started > e->demand;
}

/* The held version is offered to all members: `added` for those that have not
 * shown it, `changed` for the others when previous is given.  decides: the
 * answer says just what is held, and nothing was asked after its start, so it
 * may take memberships away.  Publishing was reserved for. */
static void
offer(struct entry *e, const struct version *v, bool decides,
      struct document *previous, struct changes *changes)
{
    struct node *n, *after;

    LIST_EACH (n, after, &e->members) {
        struct member *m = NODE_OWNER(n, struct member, in_entry);
        bool leaving = rules_leaving(m->feed, e->doc);

        if (!m->held && leaving && !MUTANT(LEFT_ADDED)) {
            if (decides) {
                cache_leave(m, false, SGO_CAUSE_RESYNC);
            }
            continue;
        }
        if (!m->held) {
            publish_member(m, SGO_ADDED, cause_of(m, v), NULL, NULL, v);
        } else if (previous) {
            publish_member(m, SGO_CHANGED, cause_of(m, v), previous, changes,
                           v);
        }
        cache_set_leaving(m, leaving);
        if (decides && m->absences >= 2 && !leaving &&
            !rules_listed(m->feed, e->doc)) {
            cache_leave(m, true, SGO_CAUSE_RESYNC);
        }
    }
}

/* ---- bookkeeping of answers --------------------------------------------------- */

static bool
narrow(const struct brain *b)
{
    const struct shape *shape = b->shape;

    return shape && (shape->bookmaker_id_count || shape->odd_id_count);
}

/* Rule 5: the notification was true, so an equal answer was probably read
 * before the change had reached where we read. */
static bool
suspect(const struct entry *e)
{
    const unsigned steps = narrow(e->b) ? 1 : SERIES_STEPS;

    return !MUTANT(EARLY_BELIEVED) && (e->notified_at || e->early) &&
           e->early_step < steps && pace_level(&e->b->pace, e->b->now) > 0.5;
}

static bool
read_early(struct entry *e, bool equal)
{
    struct brain *b = e->b;

    if (!equal || !suspect(e)) {
        return false;
    }
    COUNT(e, early_reads);
    plan_drop(e);
    plan_later(e, ASK_PERIODIC,
               b->now + (narrow(b) ? NS_PER_S : series_ns[e->early_step]));
    e->early_step++;
    e->early = true;
    return true;
}

/* The answer contains the event; it settles what was asked before it started.
 */
static void
answered(struct entry *e, const struct version *v, bool equal)
{
    struct node *n, *after;
    bool early;

    if (v->started > e->proof) {
        e->proof = v->started;
    }
    e->absent_at = 0;
    e->fails = 0;
    e->refused = false;
    e->chunk_max = CHUNK_MAX_IDS;
    cache_proof(e);
    if (v->started <= e->demand) {
        return; /* asked again meanwhile */
    }
    early = read_early(e, equal);
    e->notified_at = 0;
    if (!early) {
        plan_drop(e);
        e->early = false;
        e->early_step = 0;
    }
    LIST_EACH (n, after, &e->members) {
        struct member *m = NODE_OWNER(n, struct member, in_entry);

        m->feed->gap_answers++;
        if (!early) {
            m->notified_at = 0;
            cache_answered(m);
        }
        cache_settled(m);
    }
}

/* A read that must not be believed yet (rule 4): asked again, up to the end of
 * the series; only an answer that was asked for after the series' last wait is
 * a step of it, however many come in between.  False: believe it. */
static bool
ask_again(struct entry *e, const struct version *v)
{
    if (v->started >= e->stale_next) {
        if (e->stale_step >= SERIES_STEPS) {
            return false;
        }
        e->stale_next = e->b->now + series_ns[e->stale_step++];
    }
    plan_later(e, e->ask, e->stale_next);
    return true;
}

static void
believed(struct entry *e)
{
    e->stale_step = 0;
    e->stale_next = 0;
}

/* ---- versions -------------------------------------------------------------------- */

void
version_refused(struct feed *f, const char *id)
{
    struct brain *b = f->b;
    sgo_error err;

    f->stats.versions_refused++;
    if (f->limit_told && b->now - f->limit_told < 60 * NS_PER_S) {
        return;
    }
    f->limit_told = b->now;
    error_set(&err, SGO_ERROR_LIMIT,
              "event %s is not kept: the client holds %zu events in %zu MB; "
              "raise max_events or max_bytes",
              id, b->held, b->cache_bytes >> 20);
    report_feed(f, &err, id);
}

static void
refuse_new(struct entry *e)
{
    struct node *n, *after;

    e->b->counters.events_refused++;
    e->arrived = e->b->now; /* a list that began before knows less */
    LIST_EACH (n, after, &e->members) {
        struct member *m = NODE_OWNER(n, struct member, in_entry);

        version_refused(m->feed, e->id);
        cache_refused(m);
        cache_leave(m, false, SGO_CAUSE_RESYNC);
    }
}

static sgo_status
apply_first(struct entry *e, const struct version *v)
{
    struct node *n, *after;
    bool wanted = false;

    if (v->as_of <= e->arrived) { /* it was there, and left meanwhile */
        COUNT(e, versions_overtaken);
        plan_ask(e, ASK_RECONCILE, v->list);
        return SGO_OK;
    }
    LIST_EACH (n, after, &e->members) {
        struct member *m = NODE_OWNER(n, struct member, in_entry);

        if (MUTANT(LEFT_ADDED) || !rules_leaving(m->feed, v->doc)) {
            wanted = true;
        } else if (newest(e, v)) {
            cache_leave(m, false, SGO_CAUSE_RESYNC); /* never shown */
        }
    }
    if (!wanted) {
        e->arrived = v->arrived; /* a list that began before knows less */
        return SGO_OK;
    }
    if (!cache_room(e->b, document_bytes_resident(v->doc))) {
        refuse_new(e);
        return SGO_OK;
    }
    if (publish_reserve(e->b, 2 * listeners(e)) != SGO_OK) {
        return SGO_NO_MEMORY;
    }
    cache_hold(e, v->doc);
    e->from_snapshot = v->snapshot;
    e->as_of = v->as_of;
    e->arrived = v->arrived;
    COUNT(e, versions_applied);
    offer(e, v, newest(e, v), NULL, NULL);
    answered(e, v, false);
    return SGO_OK;
}

/* The version is newer than the held one, and its bytes differ. */
static void
replace(struct entry *e, const struct version *v)
{
    struct document *old = document_retain(e->doc);

    cache_hold(e, v->doc);
    e->from_snapshot = v->snapshot;
    e->as_of = v->as_of;
    e->arrived = v->arrived;
    believed(e);
    COUNT(e, versions_applied);
    offer(e, v, newest(e, v), old, v->changes);
    document_release(old);
    answered(e, v, false);
}

static void
confirm(struct entry *e, const struct version *v)
{
    believed(e);
    if (v->doc != e->doc && v->as_of > e->arrived) {
        cache_hold(e, v->doc); /* the same values in other bytes */
    }
    e->from_snapshot = e->from_snapshot && v->snapshot;
    e->as_of = v->as_of > e->as_of ? v->as_of : e->as_of;
    e->arrived = v->arrived > e->arrived ? v->arrived : e->arrived;
    COUNT(e, versions_unchanged);
    offer(e, v, newest(e, v) && !suspect(e), NULL, NULL);
    answered(e, v, true);
}

sgo_status
version_apply(struct entry *e, const struct version *v)
{
    bool equal;

    if (e->doc == NULL) {
        return apply_first(e, v);
    }
    if (publish_reserve(e->b, 2 * listeners(e)) != SGO_OK) {
        return SGO_NO_MEMORY;
    }
    if (v->snapshot && !e->from_snapshot) {
        /* The snapshot's shape is not the API's: it only tells membership,
         * the reconcile that follows compares. */
        offer(e, v, false, NULL, NULL);
        return SGO_OK;
    }
    equal = v->doc == e->doc || (v->changes && v->changes->n == 0);
    if (equal) {
        confirm(e, v);
        return SGO_OK;
    }
    if (v->as_of <= (MUTANT(AS_OF_BY_START) ? e->as_of : e->arrived)) {
        COUNT(e, versions_overtaken);
        offer(e, v, false, NULL, NULL);
        if (v->started <= e->arrived) {
            plan_ask(e, ASK_RECONCILE, NULL); /* neither is proven newer */
            return SGO_OK;
        }
        if (ask_again(e, v)) {
            return SGO_OK; /* a cached answer, by its Age */
        }
    } else if (v->changes && !MUTANT(STALE_BELIEVED) &&
               rules_stale_read(v->changes, e->doc, v->doc)) {
        COUNT(e, stale_reads);
        offer(e, v, false, NULL, NULL);
        if (ask_again(e, v)) {
            return SGO_OK;
        }
    }
    replace(e, v);
    return SGO_OK;
}

/* ---- lists and snapshots ------------------------------------------------------------ */

/* Something of the list could not be kept in mind: the page is asked again. */
static void
listed_lost(struct request *r)
{
    r->body_status = SGO_NO_MEMORY;
}

/* The walk is not complete before the event is answered by id. */
static void
await(struct entry *e, struct feed *f)
{
    struct member *m = cache_member(e, f);

    if (m && !m->awaited) {
        m->awaited = true;
        f->walk.awaited++;
    }
}

/* A new event that the list shows in unusable bytes may be had by its id. */
static void
ask_refused(struct feed *f, const char *id)
{
    bool full;
    struct entry *e = cache_entry(f->b, id, strlen(id), &full);

    if (e && cache_join(e, f)) {
        await(e, f);
        plan_ask(e, ASK_RECONCILE, f);
    } else if (e) {
        cache_entry_unused(e);
    }
}

static void
listed_refused(struct request *r, struct entry *e, const char *id,
               const struct scan_error *why, sgo_status status)
{
    sgo_error err;

    error_set(&err, status == SGO_LIMIT ? SGO_ERROR_LIMIT : SGO_ERROR_PROTOCOL,
              "event %s of %s was refused: %s at byte %zu",
              id[0] ? id : "(without id)", r->feed->title,
              why->reason ? why->reason : "malformed", why->offset);
    r->feed->stats.versions_refused++;
    r->b->counters.events_refused++;
    report_feed(r->feed, &err, id[0] ? id : NULL);
    if (e) {
        e->refused = true;
        cache_proof(e);
    }
    /* What this feed has already is asked as not listed; what only another
     * has may be had by id. */
    if (id[0] && (r->kind == REQUEST_WALK || r->feed->boot.as_list) &&
        (e == NULL || cache_member(e, r->feed) == NULL)) {
        ask_refused(r->feed, id);
    }
}

/* Build the document against the entry that its bytes seem to name; *e is
 * corrected when they name another (duplicate keys). */
static sgo_status
build(struct request *r, const char *bytes, size_t len, struct entry **e,
      struct document **doc, struct changes **changes, struct scan_error *why)
{
    struct brain *b = r->b;
    bool snapshot = r->kind == REQUEST_BOOTSTRAP;
    const struct shape *shape = snapshot || b->prune_answers ? b->shape : NULL;
    struct document *old = *e ? (*e)->doc : NULL;
    sgo_status status;

    *changes = NULL;
    status = project_update(b->pool, bytes, len, shape, old, doc, changes,
                            NULL, why);
    if (status == SGO_OK && *e &&
        ((*doc)->event_id_len != (*e)->id_len ||
         memcmp((*doc)->event_id, (*e)->id, (*e)->id_len) != 0)) {
        changes_release(*changes);
        *changes = NULL;
        *e = cache_find(b, (*doc)->event_id, (*doc)->event_id_len);
        if (*e && (*e)->doc) {
            status = diff_compare((*e)->doc, *doc, changes);
            if (status != SGO_OK) {
                document_release(*doc);
            }
        }
    }
    return status;
}

void
version_listed(struct request *r, const char *bytes, size_t len)
{
    struct brain *b = r->b;
    struct feed *f = r->feed;
    char id[DOCUMENT_MAX_EVENT_ID_BYTES + 1] = "";
    struct version v = {.as_of = request_as_of(r),
                        .started = r->started,
                        .arrived = b->now,
                        .snapshot = r->kind == REQUEST_BOOTSTRAP,
                        .list = f,
                        .ask = r->ask};
    size_t n = api_event_id(bytes, len, id);
    struct entry *e = n ? cache_find(b, id, n) : NULL;
    struct scan_error why = {0, NULL};
    struct member *m;
    bool full;
    sgo_status status = build(r, bytes, len, &e, &v.doc, &v.changes, &why);

    if (status == SGO_NO_MEMORY) {
        listed_lost(r);
        return;
    }
    if (status != SGO_OK || v.doc->event_id_len == 0) {
        listed_refused(r, e, id, &why, status);
        if (status == SGO_OK) {
            document_release(v.doc);
            changes_release(v.changes);
        }
        return;
    }
    e = cache_entry(b, v.doc->event_id, v.doc->event_id_len, &full);
    m = e ? cache_join(e, f) : NULL;
    if (m) {
        if (r->kind == REQUEST_WALK || f->boot.as_list) {
            m->seen = f->walk.number;
            m->absences = 0;
        }
        m->page = r->id;
        if (r->kind == REQUEST_BOOTSTRAP && f->boot.as_list &&
            (b->shape_adds || !e->from_snapshot)) {
            await(e, f);
            plan_ask(e, ASK_RECONCILE, f);
        }
        if (version_apply(e, &v) != SGO_OK) {
            listed_lost(r);
        } else if ((r->kind == REQUEST_WALK || f->boot.as_list) &&
                   (e->doc == NULL || e->proof < v.started)) {
            await(e, f); /* what it shows was not believed */
        }
    } else if (!full) {
        listed_lost(r);
    } else {
        b->counters.events_refused++;
        version_refused(f, v.doc->event_id);
    }
    if (e) {
        cache_entry_unused(e);
    }
    document_release(v.doc);
    changes_release(v.changes);
}

/* ---- gone ------------------------------------------------------------------------------ */

static void
gone(struct entry *e)
{
    struct node *n, *after;
    sgo_error err;

    e->arrived = e->b->now; /* a list that began before knows less */
    error_set(&err, SGO_ERROR_NOT_FOUND,
              "the API knows no event %s (any more)", e->id);
    LIST_EACH (n, after, &e->members) {
        struct member *m = NODE_OWNER(n, struct member, in_entry);

        if (m->feed->kind == FEED_BYID) {
            feed_fail(m->feed, &err);
        } else {
            cache_leave(m, true, SGO_CAUSE_RESYNC);
        }
    }
}

void
version_absent(struct entry *e, int64_t started)
{
    struct node *n, *after;

    e->chunk_max = MUTANT(SEVERAL_404_BELIEVED) ? CHUNK_MAX_IDS : 1;
    if (started <= e->demand) {
        plan_requeue(e); /* asked before its last notification */
        return;
    }
    if (e->absent_at && started - e->absent_at >= GONE_APART_NS) {
        gone(e);
        return;
    }
    if (e->absent_at == 0) {
        e->absent_at = started;
    }
    plan_later(e, e->ask, e->absent_at + GONE_APART_NS);
    LIST_EACH (n, after, &e->members) {
        struct member *m = NODE_OWNER(n, struct member, in_entry);

        if (m->held || m->feed->kind != FEED_BYID) {
            cache_settled(m);
        }
    }
}
