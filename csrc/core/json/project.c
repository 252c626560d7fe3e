/* Pruning copies spans: what stays, stays byte for byte.  A first pass only
 * looks whether anything goes, because for most answers nothing does. */
#include "json/project.h"

#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/mem.h"

enum { MAX_NAME_BYTES = 1024 };

static const char player[] = "PLAYER_ID";

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
    size_t n = sizeof(player) - 1;

    for (size_t i = 0; i + n <= len; i++) {
        if (memcmp(name + i, player, n) == 0 &&
            (i == 0 || name[i - 1] == '-') &&
            (i + n == len || name[i + n] == '-')) {
            return i;
        }
    }
    return len;
}

static int
compare_bytes(const char *a, size_t a_len, const char *b, size_t b_len)
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
    return compare_bytes(x->bytes, x->len, y->bytes, y->len);
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

        if (len == 0 || len > MAX_NAME_BYTES) {
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

/* The work on one document. */
struct pruner {
    const struct shape *shape;
    struct map opposing; /* decoded ids that kept odds name as opposing */
    char *out;           /* NULL: only look */
    size_t n;
    bool pruned;
    char room[MAX_NAME_BYTES]; /* a decoded name */
};

static void
emit(struct pruner *p, const char *bytes, size_t len)
{
    if (p->out != NULL) {
        memcpy(p->out + p->n, bytes, len);
    }
    p->n += len;
}

static void
emit_raw(struct pruner *p, struct value v)
{
    size_t len;
    const char *raw = value_raw(v, &len);

    emit(p, raw, len);
}

static void
emit_key(struct pruner *p, struct text key, bool *first)
{
    emit(p, ",", *first ? 0 : 1);
    *first = false;
    emit(p, key.raw - 1, key.len + 2u); /* with its quotes */
    emit(p, ":", 1);
}

/* A name as decoded bytes; false: too long to be one that was asked for. */
static bool
name_bytes(struct pruner *p, struct text name, const char **bytes, size_t *len)
{
    if (!name.escaped) {
        *bytes = name.raw;
        *len = name.len;
        return true;
    }
    *bytes = p->room;
    return text_decode(name, p->room, sizeof(p->room), len) == SGO_OK;
}

static bool
is_listed(const struct shape_name *names, size_t n, const char *bytes,
          size_t len)
{
    size_t low = 0;

    while (low < n) {
        size_t middle = low + (n - low) / 2;
        int order =
            compare_bytes(names[middle].bytes, names[middle].len, bytes, len);

        if (order == 0) {
            return true;
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            n = middle;
        }
    }
    return false;
}

/* PLAYER_ID stands for any player, not for a side. */
static bool
matches_player(const struct shape_name *name, const char *bytes, size_t len)
{
    static const char *const sides[] = {"home", "away", "all", "side1",
                                        "side2"};
    size_t head = name->player_at;
    size_t tail = name->len - head - (sizeof(player) - 1);
    const char *middle = bytes + head;
    size_t middle_len;

    if (len <= head + tail || memcmp(bytes, name->bytes, head) != 0 ||
        memcmp(bytes + len - tail, name->bytes + name->len - tail, tail) !=
            0) {
        return false;
    }
    middle_len = len - head - tail;
    for (size_t i = 0; i < sizeof(sides) / sizeof(*sides); i++) {
        if (strlen(sides[i]) == middle_len &&
            memcmp(sides[i], middle, middle_len) == 0) {
            return false;
        }
    }
    return true;
}

static bool
odd_is_asked(struct pruner *p, struct text odd_id)
{
    const struct shape *shape = p->shape;
    const char *bytes;
    size_t len;

    if (!name_bytes(p, odd_id, &bytes, &len)) {
        return false;
    }
    if (is_listed(shape->odd_ids, shape->exact_odd_id_count, bytes, len)) {
        return true;
    }
    for (size_t i = shape->exact_odd_id_count; i < shape->odd_id_count; i++) {
        if (matches_player(&shape->odd_ids[i], bytes, len)) {
            return true;
        }
    }
    return false;
}

static bool
opposing_of(struct value odd, struct text *out)
{
    struct value v;

    if (!VALUE_GET(odd, "opposingOddID", &v) ||
        value_type(v) != VALUE_STRING) {
        return false;
    }
    *out = value_text(v);
    return true;
}

/* Gather what asked odds name as their other side. */
static sgo_status
gather_opposing(struct pruner *p, struct value odds)
{
    struct value_iter it;
    struct text key, other;
    struct value odd;
    const char *bytes;
    size_t len;

    value_iter_init(&it, odds);
    while (value_iter_next(&it, &key, &odd)) {
        if (odd_is_asked(p, key) && opposing_of(odd, &other) &&
            name_bytes(p, other, &bytes, &len)) {
            sgo_status status = map_put(&p->opposing, bytes, len, p, NULL);

            if (status != SGO_OK) {
                return status;
            }
        }
    }
    return SGO_OK;
}

static bool
keep_odd(struct pruner *p, struct text odd_id, struct value odd)
{
    struct text other;
    const char *bytes;
    size_t len;

    if (p->shape->odd_id_count == 0 || odd_is_asked(p, odd_id)) {
        return true;
    }
    if (!p->shape->include_opposing) {
        return false;
    }
    if (opposing_of(odd, &other) && odd_is_asked(p, other)) {
        return true;
    }
    return name_bytes(p, odd_id, &bytes, &len) &&
           map_get(&p->opposing, bytes, len) != NULL;
}

static bool
keep_bookmaker(struct pruner *p, struct text bookmaker_id)
{
    const struct shape *shape = p->shape;
    const char *bytes;
    size_t len;

    return shape->bookmaker_id_count == 0 ||
           (name_bytes(p, bookmaker_id, &bytes, &len) &&
            is_listed(shape->bookmaker_ids, shape->bookmaker_id_count, bytes,
                      len));
}

static bool
keep_quote_member(const struct shape *shape, struct text key)
{
    static const char *const extras[] = {"openOdds",      "openSpread",
                                         "openOverUnder", "closeOdds",
                                         "closeSpread",   "closeOverUnder"};

    if (!shape->include_alt_lines && text_equal_bytes(key, "altLines", 8)) {
        return false;
    }
    for (size_t i = 0; i < sizeof(extras) / sizeof(*extras); i++) {
        if (!shape->include_open_close &&
            text_equal_bytes(key, extras[i], strlen(extras[i]))) {
            return false;
        }
    }
    return true;
}

/* The levels on the way from the root to a quote's members. */
enum level { LEVEL_EVENT, LEVEL_ODDS, LEVEL_ODD, LEVEL_BOOKS, LEVEL_QUOTE };

static bool
keep_member(struct pruner *p, enum level level, struct text key,
            struct value v)
{
    switch (level) {
    case LEVEL_ODDS:
        return keep_odd(p, key, v);
    case LEVEL_BOOKS:
        return keep_bookmaker(p, key);
    case LEVEL_QUOTE:
        return keep_quote_member(p->shape, key);
    default:
        return true;
    }
}

/* Does the way go on into this member? */
static bool
goes_deeper(enum level level, struct text key, struct value v)
{
    if (value_type(v) != VALUE_OBJECT || level == LEVEL_QUOTE) {
        return false;
    }
    if (level == LEVEL_EVENT) {
        return text_equal_bytes(key, "odds", 4);
    }
    return level != LEVEL_ODD || text_equal_bytes(key, "byBookmaker", 11);
}

static void
prune(struct pruner *p, enum level level, struct value object)
{
    struct value_iter it;
    struct text key;
    struct value v;
    bool first = true;

    emit(p, "{", 1);
    value_iter_init(&it, object);
    while (value_iter_next(&it, &key, &v)) {
        if (!keep_member(p, level, key, v)) {
            p->pruned = true;
            continue;
        }
        emit_key(p, key, &first);
        if (goes_deeper(level, key, v)) {
            prune(p, level + 1, v);
        } else {
            emit_raw(p, v);
        }
    }
    emit(p, "}", 1);
}

sgo_status
project(struct pool *pool, struct document *doc, const struct shape *shape,
        struct document **out)
{
    struct pruner p = {.shape = shape};
    struct value root = document_root(doc), odds;
    sgo_status status = SGO_OK;
    char *bytes = NULL;
    size_t cap = 0;

    map_init(&p.opposing, (uint64_t)(uintptr_t)doc | 1);
    if (shape_is_everything(shape) || !VALUE_GET(root, "odds", &odds) ||
        value_type(odds) != VALUE_OBJECT) {
        *out = document_retain(doc);
        goto out;
    }
    if (shape->odd_id_count > 0 && shape->include_opposing) {
        status = gather_opposing(&p, odds);
        if (status != SGO_OK) {
            goto out;
        }
    }
    prune(&p, LEVEL_EVENT, root);
    if (!p.pruned) {
        *out = document_retain(doc);
        goto out;
    }
    bytes = pool_get(pool, p.n, &cap);
    if (bytes == NULL) {
        status = SGO_NO_MEMORY;
        goto out;
    }
    p.out = bytes;
    p.n = 0;
    prune(&p, LEVEL_EVENT, root);
    status = document_build(pool, bytes, p.n, out, NULL);

out:
    pool_put(pool, bytes, cap);
    map_fini(&p.opposing);
    return status;
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
