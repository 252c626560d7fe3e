/* Shapes, and an event's way from bytes to a document in a shape. */
#include "json/project.h"

#include <string.h>

#include "base/mem.h"

void
shape_init(struct shape *shape)
{
    *shape = (struct shape){0};
}

void
shape_fini(struct shape *shape)
{
    names_free(shape->bookmaker_ids, shape->bookmaker_id_count);
    names_free(shape->odd_ids, shape->odd_id_count);
    shape_init(shape);
}

/* Where PLAYER_ID stands as a part of its own, or len. */
static size_t
find_player(const char *name, size_t len)
{
    size_t n = SHAPE_PLAYER_BYTES;

    for (size_t i = 0; i + n <= len; i++) {
        if (memcmp(name + i, SHAPE_PLAYER, n) == 0 &&
            (i == 0 || name[i - 1] == '-') &&
            (i + n == len || name[i + n] == '-')) {
            return i;
        }
    }
    return len;
}

static sgo_status
copy_names(const char *const *from, size_t n, bool odd_ids,
           struct asked_name **out)
{
    sgo_status status;

    if (n > NAMES_MAX) {
        return SGO_LIMIT;
    }
    for (size_t i = 0; i < n; i++) {
        size_t len = strlen(from[i]);

        if (len == 0 || len > NAME_MAX_BYTES) {
            return len == 0 ? SGO_INVALID : SGO_LIMIT;
        }
    }
    status = names_copy(from, n, out);
    if (status != SGO_OK) {
        return status;
    }
    for (size_t i = 0; odd_ids && i < n; i++) {
        (*out)[i].wild_at = find_player((*out)[i].bytes, (*out)[i].len);
    }
    names_sort(*out, n);
    return SGO_OK;
}

sgo_status
shape_set_bookmaker_ids(struct shape *shape, const char *const *ids, size_t n)
{
    sgo_status status =
        n ? copy_names(ids, n, false, &shape->bookmaker_ids) : SGO_OK;

    if (status == SGO_OK) {
        shape->bookmaker_id_count = n;
    }
    return status;
}

sgo_status
shape_set_odd_ids(struct shape *shape, const char *const *ids, size_t n)
{
    sgo_status status = n ? copy_names(ids, n, true, &shape->odd_ids) : SGO_OK;

    if (status == SGO_OK) {
        shape->odd_id_count = n;
        while (shape->exact_odd_id_count < n &&
               shape->odd_ids[shape->exact_odd_id_count].wild_at ==
                   shape->odd_ids[shape->exact_odd_id_count].len) {
            shape->exact_odd_id_count++;
        }
    }
    return status;
}

bool
shape_is_everything(const struct shape *shape)
{
    return shape->bookmaker_id_count == 0 && shape->odd_id_count == 0 &&
           shape->include_alt_lines && shape->include_open_close;
}

/* Of a pruned version: the old document again when nothing differs. */
static sgo_status
compare_pruned(struct document *old, struct document **doc,
               struct changes **changes)
{
    if ((*doc)->len == old->len &&
        memcmp((*doc)->body, old->body, old->len) == 0) {
        document_release(*doc);
        *doc = document_retain(old);
    }
    return diff_compare(old, *doc, changes);
}

/* What an older version of this shape was compared with may hold something to
 * prune only where containers came: members that it lacked, or values of
 * another type or length. */
static bool
may_be_pruned(const struct changes *changes, const struct document *doc)
{
    for (size_t i = 0; i < changes->n; i++) {
        const struct change *c = &changes->items[i];

        if (c->kind == SGO_CHANGE_ADDED ||
            (c->kind == SGO_CHANGE_VALUE &&
             (doc->body[c->new_off] == '{' || doc->body[c->new_off] == '['))) {
            return true;
        }
    }
    return false;
}

sgo_status
project_update(struct pool *pool, const char *bytes, size_t len,
               const struct shape *shape, struct document *old,
               struct document **out, struct changes **changes, bool *pruned,
               struct scan_error *err)
{
    struct document *doc, *smaller;
    struct changes *list = NULL;
    sgo_status status;
    bool did = false;

    /* The comparison usually stands: answers come in the shape asked for. */
    status = old != NULL
                 ? document_update(pool, bytes, len, old, &doc, &list, err)
                 : document_build(pool, bytes, len, &doc, err);
    if (status != SGO_OK) {
        return status;
    }
    if (shape != NULL && doc != old &&
        (list == NULL || may_be_pruned(list, doc))) {
        status = project(pool, doc, shape, &smaller);
        if (status != SGO_OK) {
            goto fail;
        }
        did = smaller != doc;
        document_release(doc);
        doc = smaller;
        if (did && old != NULL) {
            changes_release(list);
            list = NULL;
            status = compare_pruned(old, &doc, &list);
            if (status != SGO_OK) {
                goto fail;
            }
        }
    }
    if (pruned != NULL) {
        *pruned = did;
    }
    *changes = list;
    *out = doc;
    return SGO_OK;

fail:
    document_release(doc);
    changes_release(list);
    return status;
}
