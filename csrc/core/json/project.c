/* Shapes, and an event's way from bytes to a document in a shape. */
#include "json/project.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

void
shape_init(struct shape *shape)
{
    *shape = (struct shape){0};
}

static void
free_names(struct shape_name *names, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        mem_free(names[i].bytes);
    }
    mem_free(names);
}

void
shape_fini(struct shape *shape)
{
    free_names(shape->bookmaker_ids, shape->bookmaker_id_count);
    free_names(shape->odd_ids, shape->odd_id_count);
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

int
shape_compare_names(const char *a, size_t a_len, const char *b, size_t b_len)
{
    size_t len = a_len < b_len ? a_len : b_len;
    int order = len > 0 ? memcmp(a, b, len) : 0;

    return order != 0 ? order : (a_len > b_len) - (a_len < b_len);
}

/* Those without PLAYER_ID first, then by name. */
static int
compare_names(const void *a, const void *b)
{
    const struct shape_name *x = a, *y = b;
    bool x_player = x->player_at < x->len, y_player = y->player_at < y->len;

    if (x_player != y_player) {
        return x_player ? 1 : -1;
    }
    return shape_compare_names(x->bytes, x->len, y->bytes, y->len);
}

static sgo_status
copy_names(const char *const *from, size_t n, bool odd_ids,
           struct shape_name **out)
{
    sgo_status status = SGO_NO_MEMORY;
    struct shape_name *names;
    size_t done = 0;

    if (n > SHAPE_MAX_NAMES) {
        return SGO_LIMIT;
    }
    names = mem_calloc(n, sizeof(*names));
    if (names == NULL) {
        return SGO_NO_MEMORY;
    }
    for (; done < n; done++) {
        size_t len = strlen(from[done]);

        if (len == 0 || len > SHAPE_MAX_NAME_BYTES) {
            status = len == 0 ? SGO_INVALID : SGO_LIMIT;
            goto fail;
        }
        names[done].bytes = mem_dup(from[done], len);
        if (names[done].bytes == NULL) {
            goto fail;
        }
        names[done].len = len;
        names[done].player_at = odd_ids ? find_player(from[done], len) : len;
    }
    qsort(names, n, sizeof(*names), compare_names);
    *out = names;
    return SGO_OK;

fail:
    free_names(names, done);
    return status;
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
               shape->odd_ids[shape->exact_odd_id_count].player_at ==
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
