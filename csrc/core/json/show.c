/* Filters of what is shown; the rules are those of the design's "Which". */
#include "json/show.h"

#include <string.h>

#include "base/mem.h"
#include "json/changes.h"
#include "json/glob.h"

void
show_filter_init(struct show_filter *filter)
{
    *filter = (struct show_filter){.include_timestamps = true};
}

void
show_filter_fini(struct show_filter *filter)
{
    names_free(filter->odd_ids, filter->odd_id_count);
    names_free(filter->bookmaker_ids, filter->bookmaker_id_count);
    show_filter_init(filter);
}

static sgo_status
copy_names(const char *const *from, size_t n, bool patterns,
           struct asked_name **out, const char **reason)
{
    const char *wrong = n > NAMES_MAX ? "too many names" : NULL;
    sgo_status status = wrong ? SGO_LIMIT : SGO_INVALID;

    for (size_t i = 0; wrong == NULL && i < n; i++) {
        size_t len = strlen(from[i]);

        wrong = patterns               ? glob_check(from[i], len)
                : len == 0             ? "an empty name"
                : len > NAME_MAX_BYTES ? "a name longer than 1024 bytes"
                                       : NULL;
    }
    if (wrong != NULL) {
        if (reason != NULL) {
            *reason = wrong;
        }
        return status;
    }
    status = names_copy(from, n, out);
    for (size_t i = 0; patterns && status == SGO_OK && i < n; i++) {
        (*out)[i].wild_at = strcspn(from[i], "*?[");
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
        names_sort(filter->bookmaker_ids, n);
    }
    return status;
}

bool
show_everything(const struct show_filter *filter)
{
    return filter->odd_id_count == 0 && filter->bookmaker_id_count == 0 &&
           filter->include_timestamps;
}

static bool
pattern_matches(const struct asked_name *pattern, const char *bytes,
                size_t len)
{
    if (pattern->wild_at == pattern->len) {
        return pattern->len == len && memcmp(pattern->bytes, bytes, len) == 0;
    }
    return glob_match(pattern->bytes, pattern->len, bytes, len);
}

/* The plain list that show_filter_set_* takes; owned by the caller. */
static const char **
name_list(const struct asked_name *names, size_t n)
{
    const char **list = mem_alloc(n * sizeof(*list));

    for (size_t i = 0; list && i < n; i++) {
        list[i] = names[i].bytes;
    }
    return list;
}

sgo_status
show_filter_copy(struct show_filter *to, const struct show_filter *from)
{
    const char **odds = name_list(from->odd_ids, from->odd_id_count);
    const char **books =
        name_list(from->bookmaker_ids, from->bookmaker_id_count);
    sgo_status status = odds && books ? SGO_OK : SGO_NO_MEMORY;

    if (status == SGO_OK && from->odd_id_count) {
        status = show_filter_set_odd_ids(to, odds, from->odd_id_count, NULL);
    }
    if (status == SGO_OK && from->bookmaker_id_count) {
        status = show_filter_set_bookmaker_ids(to, books,
                                               from->bookmaker_id_count, NULL);
    }
    mem_free(odds);
    mem_free(books);
    return status;
}

bool
show_odd(const struct show_filter *filter, struct text odd_id)
{
    char room[NAME_MAX_BYTES];
    const char *bytes;
    size_t len;

    if (filter->odd_id_count == 0) {
        return true;
    }
    if (!name_decode(odd_id, room, &bytes, &len)) {
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
    char room[NAME_MAX_BYTES];
    const char *bytes;
    size_t len;

    return filter->bookmaker_id_count == 0 ||
           (name_decode(bookmaker_id, room, &bytes, &len) &&
            names_have(filter->bookmaker_ids, filter->bookmaker_id_count,
                       bytes, len));
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
        char room[NAME_MAX_BYTES];
        const char *bytes;
        size_t len;

        if (!name_decode(key, room, &bytes, &len)) {
            continue;
        }
        for (size_t i = 0; i < filter->odd_id_count; i++) {
            matched[i] =
                matched[i] || pattern_matches(&filter->odd_ids[i], bytes, len);
        }
    }
}
