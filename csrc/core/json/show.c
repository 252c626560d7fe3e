/* Filters of what is shown; the rules are those of the design's "Which". */
#include "json/show.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "json/changes.h"
#include "json/glob.h"

enum { MAX_NAME_BYTES = 1024 };

void
show_filter_init(struct show_filter *filter)
{
    *filter = (struct show_filter){.include_timestamps = true};
}

static void
free_names(struct show_name *names, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        mem_free(names[i].bytes);
    }
    mem_free(names);
}

void
show_filter_fini(struct show_filter *filter)
{
    free_names(filter->odd_ids, filter->odd_id_count);
    free_names(filter->bookmaker_ids, filter->bookmaker_id_count);
    show_filter_init(filter);
}

static sgo_status
copy_names(const char *const *from, size_t n, bool patterns,
           struct show_name **out, const char **reason)
{
    struct show_name *names;
    const char *wrong = NULL;
    sgo_status status = SGO_NO_MEMORY;
    size_t done = 0;

    if (n > SHOW_MAX_NAMES) {
        wrong = "too many names";
        status = SGO_LIMIT;
        names = NULL;
        goto fail;
    }
    names = mem_calloc(n, sizeof(*names));
    if (names == NULL) {
        goto fail;
    }
    for (; done < n; done++) {
        size_t len = strlen(from[done]);

        wrong = patterns               ? glob_check(from[done], len)
                : len == 0             ? "an empty name"
                : len > MAX_NAME_BYTES ? "a name longer than 1024 bytes"
                                       : NULL;
        if (wrong != NULL) {
            status = SGO_INVALID;
            goto fail;
        }
        names[done].bytes = mem_dup(from[done], len);
        if (names[done].bytes == NULL) {
            goto fail;
        }
        names[done].len = len;
        names[done].plain = strpbrk(from[done], "*?[") == NULL;
    }
    *out = names;
    return SGO_OK;

fail:
    free_names(names, done);
    if (reason != NULL && wrong != NULL) {
        *reason = wrong;
    }
    return status;
}

sgo_status
show_filter_set_odd_ids(struct show_filter *filter,
                        const char *const *patterns, size_t n,
                        const char **reason)
{
    sgo_status status;

    if (n == 0) {
        return SGO_OK;
    }
    status = copy_names(patterns, n, true, &filter->odd_ids, reason);
    if (status == SGO_OK) {
        filter->odd_id_count = n;
    }
    return status;
}

static int
compare_bytes(const char *a, size_t a_len, const char *b, size_t b_len)
{
    size_t len = a_len < b_len ? a_len : b_len;
    int order = len > 0 ? memcmp(a, b, len) : 0;

    return order != 0 ? order : (a_len > b_len) - (a_len < b_len);
}

static int
compare_names(const void *a, const void *b)
{
    const struct show_name *x = a, *y = b;

    return compare_bytes(x->bytes, x->len, y->bytes, y->len);
}

sgo_status
show_filter_set_bookmaker_ids(struct show_filter *filter,
                              const char *const *ids, size_t n,
                              const char **reason)
{
    sgo_status status;

    if (n == 0) {
        return SGO_OK;
    }
    status = copy_names(ids, n, false, &filter->bookmaker_ids, reason);
    if (status == SGO_OK) {
        filter->bookmaker_id_count = n;
        qsort(filter->bookmaker_ids, n, sizeof(*filter->bookmaker_ids),
              compare_names);
    }
    return status;
}

bool
show_everything(const struct show_filter *filter)
{
    return filter->odd_id_count == 0 && filter->bookmaker_id_count == 0 &&
           filter->include_timestamps;
}

/* A name as decoded bytes: its own when nothing is escaped, else in `room`.
 * False: too long to be any name. */
static bool
plain_bytes(struct text name, char *room, const char **bytes, size_t *len)
{
    if (!name.escaped) {
        *bytes = name.raw;
        *len = name.len;
        return true;
    }
    *bytes = room;
    return text_decode(name, room, MAX_NAME_BYTES, len) == SGO_OK;
}

static bool
pattern_matches(const struct show_name *pattern, const char *bytes, size_t len)
{
    if (pattern->plain) {
        return pattern->len == len && memcmp(pattern->bytes, bytes, len) == 0;
    }
    return glob_match(pattern->bytes, pattern->len, bytes, len);
}

bool
show_odd(const struct show_filter *filter, struct text odd_id)
{
    char room[MAX_NAME_BYTES];
    const char *bytes;
    size_t len;

    if (filter->odd_id_count == 0) {
        return true;
    }
    if (!plain_bytes(odd_id, room, &bytes, &len)) {
        return false;
    }
    for (size_t i = 0; i < filter->odd_id_count; i++) {
        if (pattern_matches(&filter->odd_ids[i], bytes, len)) {
            return true;
        }
    }
    return false;
}

bool
show_bookmaker(const struct show_filter *filter, struct text bookmaker_id)
{
    char room[MAX_NAME_BYTES];
    size_t low = 0, high = filter->bookmaker_id_count;
    const char *bytes;
    size_t len;

    if (high == 0) {
        return true;
    }
    if (!plain_bytes(bookmaker_id, room, &bytes, &len)) {
        return false;
    }
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct show_name *name = &filter->bookmaker_ids[middle];
        int order = compare_bytes(name->bytes, name->len, bytes, len);

        if (order == 0) {
            return true;
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return false;
}

/* Is anything shown of one side of a change of the whole of `odds`, or of a
 * `byBookmaker`?  What is no object holds no odds and no quotes: shown. */
static bool
side_shown(const struct show_filter *filter, struct value side, bool odds)
{
    struct value_iter it;
    struct text key;
    struct value member;

    if (side.doc == NULL) {
        return false;
    }
    if (value_type(side) != VALUE_OBJECT) {
        return true;
    }
    value_iter_init(&it, side);
    while (value_iter_next(&it, &key, &member)) {
        if (odds ? show_odd(filter, key) : show_bookmaker(filter, key)) {
            return true;
        }
    }
    return false;
}

bool
show_change(const struct show_filter *filter, struct path_namer *namer,
            const struct change *change)
{
    const struct path *path;

    if (change->timestamp && !filter->include_timestamps) {
        return false;
    }
    if (filter->odd_id_count == 0 && filter->bookmaker_id_count == 0) {
        return true;
    }
    path = path_namer_name(namer, change);
    if (!PATH_IS(path, 0, "odds")) {
        return true;
    }
    if (path->n > 1) {
        if (path->steps[1].key.raw == NULL) {
            return true;
        }
        if (!show_odd(filter, path->steps[1].key)) {
            return false;
        }
        if (path->n == 2 || filter->bookmaker_id_count == 0 ||
            !PATH_IS(path, 2, "byBookmaker")) {
            return true;
        }
        if (path->n > 3) {
            return path->steps[3].key.raw == NULL ||
                   show_bookmaker(filter, path->steps[3].key);
        }
    }
    return side_shown(filter, change_old(change, namer->old_side.doc),
                      path->n == 1) ||
           side_shown(filter, change_new(change, namer->new_side.doc),
                      path->n == 1);
}

bool
show_any(const struct show_filter *filter, const struct document *old_doc,
         const struct document *new_doc, const struct changes *changes)
{
    struct path_namer namer;

    if (show_everything(filter)) {
        return changes->n > 0;
    }
    path_namer_init(&namer, old_doc, new_doc);
    for (size_t i = 0; i < changes->n; i++) {
        if (show_change(filter, &namer, &changes->items[i])) {
            return true;
        }
    }
    return false;
}

sgo_status
show_select(const struct show_filter *filter, const struct document *old_doc,
            const struct document *new_doc, struct changes *changes,
            struct changes **out)
{
    struct change_list list = {.pool = new_doc->pool, .status = SGO_OK};
    struct path_namer namer;

    if (show_everything(filter)) {
        *out = changes_retain(changes);
        return SGO_OK;
    }
    path_namer_init(&namer, old_doc, new_doc);
    for (size_t i = 0; i < changes->n; i++) {
        if (show_change(filter, &namer, &changes->items[i])) {
            change_list_add(&list, changes->items[i]);
        }
    }
    if (list.status == SGO_OK && list.n == changes->n) {
        change_list_fini(&list);
        *out = changes_retain(changes);
        return SGO_OK;
    }
    return change_list_finish(&list, old_doc, new_doc, out);
}

void
show_mark_matches(const struct show_filter *filter, const struct document *doc,
                  bool *matched)
{
    struct value odds, odd;
    struct value_iter it;
    struct text key;

    if (filter->odd_id_count == 0 ||
        !VALUE_GET(document_root(doc), "odds", &odds) ||
        value_type(odds) != VALUE_OBJECT) {
        return;
    }
    value_iter_init(&it, odds);
    while (value_iter_next(&it, &key, &odd)) {
        char room[MAX_NAME_BYTES];
        const char *bytes;
        size_t len;

        if (!plain_bytes(key, room, &bytes, &len)) {
            continue;
        }
        for (size_t i = 0; i < filter->odd_id_count; i++) {
            matched[i] =
                matched[i] || pattern_matches(&filter->odd_ids[i], bytes, len);
        }
    }
}
