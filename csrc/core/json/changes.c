/* Lists of changes: gathering, sharing, reading. */
#include "json/changes.h"

#include <string.h>

#include "base/mem.h"

/* Empty, as before its first use. */
static void
forget(struct change_list *list)
{
    *list = (struct change_list){.pool = list->pool, .status = SGO_OK};
}

void
change_list_fini(struct change_list *list)
{
    pool_put(list->pool, list->items, list->cap_bytes);
    forget(list);
}

/* Exchange the block for one that holds `want` items. */
static bool
move_to(struct change_list *list, size_t want)
{
    size_t cap_bytes;
    struct change *items =
        pool_get(list->pool, want * sizeof(*items), &cap_bytes);

    if (items == NULL) {
        return false;
    }
    if (list->n > 0) {
        memcpy(items, list->items, list->n * sizeof(*items));
    }
    pool_put(list->pool, list->items, list->cap_bytes);
    list->items = items;
    list->cap_bytes = cap_bytes;
    list->cap = cap_bytes / sizeof(*items);
    if (list->cap > DIFF_MAX_CHANGES) {
        list->cap = DIFF_MAX_CHANGES;
    }
    return true;
}

bool
change_list_grow(struct change_list *list)
{
    if (list->n >= DIFF_MAX_CHANGES) {
        list->status = SGO_LIMIT;
        return false;
    }
    if (!move_to(list, list->cap ? list->cap * 2 : 64)) {
        list->status = SGO_NO_MEMORY;
        return false;
    }
    return true;
}

sgo_status
change_list_finish(struct change_list *list, const struct document *old_doc,
                   const struct document *new_doc, struct changes **out)
{
    bool overflow = list->status == SGO_LIMIT;
    struct changes *changes = NULL;

    if (list->status != SGO_NO_MEMORY) {
        changes = mem_calloc(1, sizeof(*changes));
    }
    if (changes == NULL) {
        change_list_fini(list);
        return SGO_NO_MEMORY;
    }
    if (overflow) {
        list->items[0] = (struct change){
            .old_off = document_root(old_doc).off,
            .new_off = document_root(new_doc).off,
            .kind = SGO_CHANGE_VALUE,
        };
        list->n = 1;
    }
    if (list->n == 0) {
        change_list_fini(list);
    } else if (list->cap - list->n > list->n / 16) {
        move_to(list, list->n); /* or stay in the larger block */
    }
    refcount_init(&changes->refs);
    changes->n = list->n;
    changes->items = list->items;
    changes->pool = pool_retain(list->pool);
    changes->cap_bytes = list->cap_bytes;
    changes->overflow = overflow;
    forget(list);
    *out = changes;
    return SGO_OK;
}

struct changes *
changes_retain(struct changes *changes)
{
    refcount_retain(&changes->refs);
    return changes;
}

void
changes_release(struct changes *changes)
{
    if (changes == NULL || !refcount_release(&changes->refs)) {
        return;
    }
    if (changes->pool != NULL) {
        pool_put(changes->pool, changes->items, changes->cap_bytes);
        pool_release(changes->pool);
    } else {
        mem_free(changes->items);
    }
    mem_free(changes);
}

size_t
changes_bytes(const struct changes *changes)
{
    return sizeof(*changes) + changes->cap_bytes;
}

static struct value
value_or_none(const struct document *doc, uint32_t off)
{
    if (off == CHANGE_NONE || doc == NULL) {
        return (struct value){NULL, 0, VALUE_LEAF};
    }
    return document_value(doc, off);
}

struct value
change_old(const struct change *c, const struct document *doc)
{
    return value_or_none(doc, c->old_off);
}

struct value
change_new(const struct change *c, const struct document *doc)
{
    return value_or_none(doc, c->new_off);
}
