/* Lists of changes: gathering, sharing, reading. */
#include "json/changes.h"

#include "base/mem.h"

void
change_list_fini(struct change_list *list)
{
    mem_free(list->items);
    *list = (struct change_list){.status = SGO_OK};
}

bool
change_list_grow(struct change_list *list)
{
    size_t cap = list->cap ? list->cap * 2 : 64;
    struct change *items;

    if (list->n >= DIFF_MAX_CHANGES) {
        list->status = SGO_LIMIT;
        return false;
    }
    if (cap > DIFF_MAX_CHANGES) {
        cap = DIFF_MAX_CHANGES;
    }
    items = mem_realloc(list->items, cap * sizeof(*items));
    if (items == NULL) {
        list->status = SGO_NO_MEMORY;
        return false;
    }
    list->items = items;
    list->cap = cap;
    return true;
}

sgo_status
change_list_finish(struct change_list *list, const struct document *old_doc,
                   const struct document *new_doc, struct changes **out)
{
    bool overflow = list->status == SGO_LIMIT;
    sgo_status status = list->status;
    struct changes *changes;

    if (status == SGO_NO_MEMORY) {
        goto fail;
    }
    changes = mem_calloc(1, sizeof(*changes));
    if (changes == NULL) {
        status = SGO_NO_MEMORY;
        goto fail;
    }
    if (overflow) {
        list->items[0] = (struct change){
            .old_off = document_root(old_doc).off,
            .new_off = document_root(new_doc).off,
            .kind = SGO_CHANGE_VALUE,
        };
        list->n = 1;
    }
    if (list->n > 0 && list->n < list->cap) {
        struct change *fit = mem_realloc(list->items, list->n * sizeof(*fit));

        if (fit != NULL) {
            list->items = fit;
        }
    }
    refcount_init(&changes->refs);
    changes->n = list->n;
    changes->items = list->items;
    changes->overflow = overflow;
    *list = (struct change_list){.status = SGO_OK};
    *out = changes;
    return SGO_OK;

fail:
    change_list_fini(list);
    return status;
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
    mem_free(changes->items);
    mem_free(changes);
}

size_t
changes_bytes(const struct changes *changes)
{
    return sizeof(*changes) + changes->n * sizeof(*changes->items);
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
