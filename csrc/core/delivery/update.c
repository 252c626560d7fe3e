#include "delivery/update.h"

#include "base/mem.h"
#include "delivery/filter.h"
#include "delivery/internal.h"

struct sgo_update *
update_create(struct filter *filter)
{
    struct sgo_update *u = mem_calloc(1, sizeof(*u));

    if (u) {
        refcount_init(&u->refs);
        atomic_init(&u->raw, NULL);
        atomic_init(&u->shown, NULL);
        atomic_init(&u->quotes, NULL);
        atomic_init(&u->consensus, NULL);
        atomic_flag_clear(&u->naming);
        u->filter = filter_retain(filter);
    }
    return u;
}

sgo_status
update_create_diff(struct document *old_doc, struct document *new_doc,
                   bool include_timestamps, sgo_update **out)
{
    struct filter *filter = filter_create_plain(include_timestamps);
    struct sgo_update *u;

    if (filter == NULL) {
        return SGO_NO_MEMORY;
    }
    u = update_create(filter);
    filter_release(filter);
    if (u == NULL) {
        return SGO_NO_MEMORY;
    }
    u->kind = SGO_CHANGED;
    u->event = document_retain(new_doc);
    u->previous = document_retain(old_doc);
    *out = u;
    return SGO_OK;
}

void
update_retain(sgo_update *u)
{
    refcount_retain(&u->refs);
}

static void
free_quotes(struct quote_changes *quotes)
{
    if (quotes) {
        quote_changes_fini(quotes);
        mem_free(quotes);
    }
}

static void
free_consensus(struct consensus_changes *consensus)
{
    if (consensus) {
        consensus_changes_fini(consensus);
        mem_free(consensus);
    }
}

void
update_release(sgo_update *u)
{
    if (u == NULL || !refcount_release(&u->refs)) {
        return;
    }
    free_quotes(atomic_load(&u->quotes));
    free_consensus(atomic_load(&u->consensus));
    changes_release(atomic_load(&u->shown));
    changes_release(atomic_load(&u->raw));
    changes_release(u->junk);
    document_release(u->event);
    document_release(u->previous);
    filter_release(u->filter);
    mem_free(u->namer);
    mem_free(u);
}

void
update_release_chain(struct sgo_update *u)
{
    while (u) {
        struct sgo_update *next = u->next;

        update_release(u);
        u = next;
    }
}

sgo_update_kind
update_kind(const sgo_update *u)
{
    return u->kind;
}

sgo_cause
update_cause(const sgo_update *u)
{
    return u->cause;
}

struct document *
update_event(const sgo_update *u)
{
    return u->event;
}

struct document *
update_previous(const sgo_update *u)
{
    return u->previous;
}

uint64_t
update_skipped(const sgo_update *u)
{
    return u->skipped;
}

bool
update_stale(const sgo_update *u)
{
    return u->stale;
}

uint32_t
update_stream_id(const sgo_update *u)
{
    return u->stream_id;
}

sgo_times
update_times(const sgo_update *u)
{
    return u->times;
}

const struct document *
update_old_side(const sgo_update *u)
{
    return u->kind == SGO_REMOVED ? u->event : u->previous;
}

const struct document *
update_new_side(const sgo_update *u)
{
    return u->kind == SGO_REMOVED ? NULL : u->event;
}

/* ---- the differences, on first use ---------------------------------------- */

/* A list of n = 0 or 1 changes of the whole event. */
static sgo_status
whole_event(const struct document *old_doc, const struct document *new_doc,
            size_t n, struct changes **out)
{
    struct changes *list = mem_calloc(1, sizeof(*list));

    if (list == NULL) {
        return SGO_NO_MEMORY;
    }
    refcount_init(&list->refs);
    if (n) {
        list->items = mem_calloc(n, sizeof(*list->items));
        if (list->items == NULL) {
            mem_free(list);
            return SGO_NO_MEMORY;
        }
        list->n = n;
        list->items[0] = (struct change){
            .old_off = old_doc ? document_root(old_doc).off : CHANGE_NONE,
            .new_off = new_doc ? document_root(new_doc).off : CHANGE_NONE,
            .kind = new_doc ? SGO_CHANGE_ADDED : SGO_CHANGE_REMOVED};
    }
    *out = list;
    return SGO_OK;
}

/* Put a finished list into its place unless another thread was first; the
 * one that stands there. */
static struct changes *
settle(_Atomic(struct changes *) *place, struct changes *made)
{
    struct changes *first = NULL;

    if (atomic_compare_exchange_strong(place, &first, made)) {
        return made;
    }
    changes_release(made);
    return first;
}

/* Everything that differs, before the filter. */
static sgo_status
raw_changes(sgo_update *u, struct changes **out)
{
    const struct document *old_doc = update_old_side(u);
    const struct document *new_doc = update_new_side(u);
    struct changes *made = atomic_load(&u->raw);
    sgo_status status;

    if (made == NULL) {
        if (old_doc == NULL || new_doc == NULL) {
            status = whole_event(old_doc, new_doc, 1, &made);
        } else if (old_doc == new_doc) {
            status = whole_event(old_doc, new_doc, 0, &made);
        } else {
            status = diff_compare(old_doc, new_doc, &made);
        }
        if (status != SGO_OK) {
            return status;
        }
        made = settle(&u->raw, made);
    }
    *out = made;
    return SGO_OK;
}

sgo_status
update_changes(sgo_update *u, const struct changes **out)
{
    struct changes *made = atomic_load(&u->shown);
    struct changes *raw;
    sgo_status status;

    if (made == NULL) {
        const struct document *old_doc = update_old_side(u);
        const struct document *new_doc = update_new_side(u);

        status = raw_changes(u, &raw);
        if (status != SGO_OK) {
            return status;
        }
        if (old_doc == NULL || new_doc == NULL || old_doc == new_doc) {
            made = changes_retain(raw); /* an event as a whole is shown */
        } else {
            status =
                show_select(&u->filter->show, old_doc, new_doc, raw, &made);
            if (status != SGO_OK) {
                return status;
            }
        }
        made = settle(&u->shown, made);
    }
    *out = made;
    return SGO_OK;
}

/* For json/quotes: the list, which is not asked for where a side lacks. */
static sgo_status
two_sided(sgo_update *u, struct changes **out)
{
    *out = NULL;
    if (update_old_side(u) == NULL || update_new_side(u) == NULL) {
        return SGO_OK;
    }
    return raw_changes(u, out);
}

sgo_status
update_quotes(sgo_update *u, const struct quote_changes **out)
{
    struct quote_changes *made = atomic_load(&u->quotes);
    struct quote_changes *first = NULL;
    struct changes *raw;
    sgo_status status;

    if (made) {
        *out = made;
        return SGO_OK;
    }
    made = mem_calloc(1, sizeof(*made));
    status = made ? two_sided(u, &raw) : SGO_NO_MEMORY;
    if (status == SGO_OK) {
        status = quotes_changed(update_old_side(u), update_new_side(u), raw,
                                &u->filter->show, made);
    }
    if (status != SGO_OK) {
        mem_free(made);
        return status;
    }
    if (!atomic_compare_exchange_strong(&u->quotes, &first, made)) {
        free_quotes(made);
        made = first;
    }
    *out = made;
    return SGO_OK;
}

sgo_status
update_consensus(sgo_update *u, const struct consensus_changes **out)
{
    struct consensus_changes *made = atomic_load(&u->consensus);
    struct consensus_changes *first = NULL;
    struct changes *raw;
    sgo_status status;

    if (made) {
        *out = made;
        return SGO_OK;
    }
    made = mem_calloc(1, sizeof(*made));
    status = made ? two_sided(u, &raw) : SGO_NO_MEMORY;
    if (status == SGO_OK) {
        status = consensus_changed(update_old_side(u), update_new_side(u), raw,
                                   &u->filter->show, made);
    }
    if (status != SGO_OK) {
        mem_free(made);
        return status;
    }
    if (!atomic_compare_exchange_strong(&u->consensus, &first, made)) {
        free_consensus(made);
        made = first;
    }
    *out = made;
    return SGO_OK;
}

/* ---- paths ---------------------------------------------------------------- */

static void
copy_path(struct path *to, const struct path *from)
{
    to->n = from->n;
    for (uint32_t i = 0; i < from->n; i++) {
        to->steps[i] = from->steps[i];
    }
}

void
update_path(sgo_update *u, const struct change *change, struct path *out)
{
    struct path_namer own;
    bool mine;

    out->n = 0;
    if (update_old_side(u) == NULL || update_new_side(u) == NULL) {
        return; /* the event as a whole: the root */
    }
    mine =
        !atomic_flag_test_and_set_explicit(&u->naming, memory_order_acquire);
    if (mine && u->namer == NULL) {
        u->namer = mem_alloc(sizeof(*u->namer));
        if (u->namer) {
            path_namer_init(u->namer, u->previous, u->event);
        }
    }
    if (mine && u->namer) {
        copy_path(out, path_namer_name(u->namer, change));
    } else { /* another thread is at it, or no memory: walk from the root */
        path_namer_init(&own, u->previous, u->event);
        copy_path(out, path_namer_name(&own, change));
    }
    if (mine) {
        atomic_flag_clear_explicit(&u->naming, memory_order_release);
    }
}
