/* Entries and members: which ids the client knows, which version it holds of
 * each, and to which feeds they belong. */
#include "feed/brain.h"

#include <string.h>

#include "base/mem.h"

struct entry *
cache_find(struct brain *b, const char *id, size_t len)
{
    return map_get(&b->entries, id, len);
}

static void
later_due(void *owner)
{
    struct entry *e = owner;

    plan_requeue(e);
}

static void
entry_free(struct entry *e)
{
    cache_hold(e, NULL);
    wake_fini(&e->b->wakes, &e->later);
    list_remove(&e->queued);
    list_remove(&e->proof_due);
    list_remove(&e->echo);
    mem_free(e);
}

struct entry *
cache_entry(struct brain *b, const char *id, size_t len, bool *full)
{
    struct entry *e = cache_find(b, id, len);

    *full = false;
    if (e) {
        return e;
    }
    if (b->entries.len >= b->config.max_events + ENTRIES_SPARE) {
        *full = true;
        return NULL;
    }
    e = mem_calloc(1, sizeof(*e) + len + 1);
    if (e == NULL) {
        return NULL;
    }
    e->b = b;
    e->id = (char *)(e + 1);
    memcpy(e->id, id, len);
    e->id_len = (uint32_t)len;
    e->chunk_max = CHUNK_MAX_IDS;
    list_init(&e->members);
    if (wake_init(&b->wakes, &e->later, later_due, e) != SGO_OK ||
        map_put(&b->entries, id, len, e, NULL) != SGO_OK) {
        entry_free(e);
        return NULL;
    }
    return e;
}

void
cache_hold(struct entry *e, struct document *doc)
{
    struct brain *b = e->b;
    struct document *old = e->doc;

    if (old) {
        b->cache_bytes -= e->bytes;
        b->held--;
    }
    e->doc = doc ? document_retain(doc) : NULL;
    if (doc) {
        e->bytes = document_bytes_resident(doc);
        b->cache_bytes += e->bytes;
        b->held++;
    }
    document_release(old);
}

/* Is a list under way that began before the event was last heard of? */
static bool
may_echo(const struct entry *e)
{
    const struct node *n;

    for (n = e->b->requests.next; n != &e->b->requests; n = n->next) {
        const struct request *r = NODE_OWNER(n, struct request, in_brain);

        if ((r->kind == REQUEST_WALK || r->kind == REQUEST_BOOTSTRAP) &&
            r->started <= e->arrived) {
            return true;
        }
    }
    return false;
}

void
cache_entry_unused(struct entry *e)
{
    if (e->member_count) {
        return;
    }
    plan_drop(e);
    cache_hold(e, NULL);
    e->notified_at = e->absent_at = 0;
    e->refused = e->early = false;
    e->early_step = 0;
    list_remove(&e->proof_due);
    if (e->asked == NULL && !may_echo(e)) {
        map_remove(&e->b->entries, e->id, e->id_len);
        entry_free(e);
    } else if (e->asked == NULL && !node_linked(&e->echo)) {
        list_append(&e->b->echoes, &e->echo);
    }
}

void
cache_list_over(struct brain *b)
{
    struct node *n, *after;

    LIST_EACH (n, after, &b->echoes) {
        struct entry *e = NODE_OWNER(n, struct entry, echo);

        if (e->member_count || !may_echo(e)) {
            list_remove(&e->echo);
            cache_entry_unused(e);
        }
    }
}

struct member *
cache_member(const struct entry *e, const struct feed *f)
{
    const struct node *n;

    for (n = e->members.next; n != &e->members; n = n->next) {
        struct member *m = NODE_OWNER(n, struct member, in_entry);

        if (m->feed == f) {
            return m;
        }
    }
    return NULL;
}

/* Is an answer under way that may show the event to belong (again)? */
static bool
open_question(const struct entry *e)
{
    return e->asked || node_linked(&e->queued) || e->notified_at || e->early;
}

/* Its time is over; but while an answer is under way it stays a member that is
 * not shown, so that the answer finds it. */
static void
expire(struct member *m, sgo_cause cause)
{
    struct entry *e = m->entry;

    if (m->held && open_question(e) &&
        publish_reserve(e->b, m->feed->stream_count) == SGO_OK) {
        publish_member(m, SGO_REMOVED, cause, NULL, NULL, NULL);
        cache_set_leaving(m, false);
        return;
    }
    cache_leave(m, true, cause);
    cache_entry_unused(e);
}

static void
linger_due(void *owner)
{
    struct member *m = owner;

    expire(m, m->leave_cause);
}

struct member *
cache_join(struct entry *e, struct feed *f)
{
    struct member *m = cache_member(e, f);

    if (m) {
        return m;
    }
    m = mem_calloc(1, sizeof(*m));
    if (m == NULL) {
        return NULL;
    }
    if (wake_init(&e->b->wakes, &m->linger, linger_due, m) != SGO_OK) {
        mem_free(m);
        return NULL;
    }
    m->entry = e;
    m->feed = f;
    m->leave_cause = SGO_CAUSE_EXPIRY;
    list_append(&e->members, &m->in_entry);
    list_append(&f->members, &m->in_feed);
    e->member_count++;
    return m;
}

void
cache_settled(struct member *m)
{
    if (m->awaited) {
        m->awaited = false;
        m->feed->walk.awaited--;
    }
}

void
cache_notified(struct member *m)
{
    sgo_stream_stats *stats = &m->feed->stats;

    if (m->open) {
        stats->ids_conflated += !MUTANT(CONFLATED_UNCOUNTED);
    } else {
        stats->ids_pending++;
    }
    m->open = true;
}

void
cache_answered(struct member *m)
{
    m->feed->stats.ids_answered += m->open;
    m->feed->stats.ids_pending -= m->open;
    m->open = false;
}

void
cache_refused(struct member *m)
{
    m->feed->stats.ids_refused += m->open;
    m->feed->stats.ids_pending -= m->open;
    m->open = false;
}

void
cache_leave(struct member *m, bool tell, sgo_cause cause)
{
    struct entry *e = m->entry;
    struct brain *b = e->b;

    if (tell && m->held) {
        if (publish_reserve(b, m->feed->stream_count) != SGO_OK) {
            m->leave_cause = cause;
            wake_set(&b->wakes, &m->linger, b->now + MEMORY_PAUSE_NS);
            return;
        }
        publish_member(m, SGO_REMOVED, cause, NULL, NULL, NULL);
    }
    cache_settled(m);
    cache_answered(m);
    if (e->queue_feed == m->feed) {
        e->queue_feed = NULL; /* found anew when it is queued again */
    }
    list_remove(&m->in_lingering);
    list_remove(&m->in_entry);
    list_remove(&m->in_feed);
    e->member_count--;
    wake_fini(&b->wakes, &m->linger);
    if (node_linked(&e->queued)) {
        plan_requeue(e); /* into the queue of a feed that still has it */
    }
    mem_free(m);
}

void
cache_set_leaving(struct member *m, bool leaving)
{
    struct brain *b = m->entry->b;

    if (leaving == m->leaving || (MUTANT(LINGER_KEPT) && m->leaving)) {
        return;
    }
    m->leaving = leaving;
    if (leaving) {
        m->leave_cause = SGO_CAUSE_EXPIRY;
        list_append(&b->lingering, &m->in_lingering);
        wake_set(&b->wakes, &m->linger,
                 clock_add(b->now, b->config.linger_ns));
    } else {
        list_remove(&m->in_lingering);
        wake_clear(&b->wakes, &m->linger);
    }
}

void
cache_proof(struct entry *e)
{
    if (!node_linked(&e->proof_due) && e->member_count) {
        list_append(&e->b->proofs_due, &e->proof_due);
    }
}

bool
cache_room(struct brain *b, size_t bytes)
{
    size_t max = b->config.max_bytes;
    struct node *n, *after;

    LIST_EACH (n, after, &b->lingering) {
        struct member *m = NODE_OWNER(n, struct member, in_lingering);

        if (b->held < b->config.max_events &&
            b->cache_bytes + b->queued_bytes + bytes <= max) {
            return true;
        }
        expire(m, SGO_CAUSE_EXPIRY);
    }
    if (MUTANT(MAX_EVENTS_IGNORED)) {
        return true;
    }
    if (b->held >= b->config.max_events || b->cache_bytes + bytes > max) {
        return false;
    }
    if (b->cache_bytes + b->queued_bytes + bytes > max) {
        b->shed_wanted = b->cache_bytes + b->queued_bytes + bytes - max;
        return !b->shed_failed;
    }
    return true;
}

void
cache_free_all(struct brain *b)
{
    size_t at = 0;
    struct map_entry *place;

    while ((place = map_next(&b->entries, &at)) != NULL) {
        struct entry *e = place->value;
        struct node *n, *after;

        LIST_EACH (n, after, &e->members) {
            struct member *m = NODE_OWNER(n, struct member, in_entry);

            list_remove(&m->in_lingering);
            list_remove(&m->in_feed);
            wake_fini(&b->wakes, &m->linger);
            mem_free(m);
        }
        entry_free(e);
    }
    map_fini(&b->entries);
}
