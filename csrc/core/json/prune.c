/* Pruning is one walk down to the quotes.  What stays is copied in runs, byte
 * for byte, and the records of its containers move along, so that nothing is
 * scanned again.  Copying begins with the first thing that goes: from most
 * answers nothing does. */
#include <string.h>

#include "base/map.h"
#include "json/document_internal.h"
#include "json/project.h"
#include "json/walk.h"

/* The work on one document. */
struct pruner {
    const struct shape *shape;
    struct pool *pool;
    const struct document *doc;
    struct map opposing; /* decoded ids that kept odds name as opposing */
    bool distinct;       /* no object has equal keys, or it does not matter */

    /* Room for all of the document: none until something goes. */
    char *out;
    size_t out_cap;
    struct scan_index index;
    uint32_t copied;  /* bytes of the document that were copied or left out */
    uint32_t removed; /* those left out */
    uint32_t records; /* of the document that were moved or left out */
    sgo_status status;

    char room[NAME_MAX_BYTES]; /* a decoded name */
};

/* PLAYER_ID stands for any player, not for a side. */
static bool
matches_player(const struct asked_name *name, const char *bytes, size_t len)
{
    static const char *const sides[] = {"home", "away", "all", "side1",
                                        "side2"};
    size_t head = name->wild_at;
    size_t tail = name->len - head - (SHAPE_PLAYER_BYTES);
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

    if (!name_decode(odd_id, p->room, &bytes, &len)) {
        return false;
    }
    if (names_have(shape->odd_ids, shape->exact_odd_id_count, bytes, len)) {
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
            name_decode(other, p->room, &bytes, &len)) {
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
    return name_decode(odd_id, p->room, &bytes, &len) &&
           map_get(&p->opposing, bytes, len) != NULL;
}

static bool
keep_bookmaker(struct pruner *p, struct text bookmaker_id)
{
    const struct shape *shape = p->shape;
    const char *bytes;
    size_t len;

    return shape->bookmaker_id_count == 0 ||
           (name_decode(bookmaker_id, p->room, &bytes, &len) &&
            names_have(shape->bookmaker_ids, shape->bookmaker_id_count, bytes,
                       len));
}

/* Are these members of a quote wanted? */
static bool
keep_quote_member(const struct shape *shape, struct text key)
{
    static const char *const extras[] = {"openOdds",      "openSpread",
                                         "openOverUnder", "closeOdds",
                                         "closeSpread",   "closeOverUnder"};

    /* Most are told by their first letter. */
    if (!key.escaped && (key.len < 8 || strchr("aoc", key.raw[0]) == NULL)) {
        return true;
    }
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

/* --- moving what stays -------------------------------------------------- */

/* Move the records up to one of the document.  They stay as they are but for
 * containers from which something goes; descend() settles these later. */
static void
move_records(struct pruner *p, uint32_t to)
{
    const struct container *c = p->doc->containers;
    uint32_t lost = p->records - p->index.count;

    for (uint32_t i = p->records; i < to; i++) {
        struct container *out = &p->index.items[p->index.count++];

        out->off = c[i].off - p->removed;
        out->end = c[i].end - p->removed;
        out->next = c[i].next - lost;
        out->key = c[i].key != 0 ? c[i].key - p->removed : 0;
    }
    p->records = to;
}

/* Room for the copy; false: out of memory. */
static bool
make_room(struct pruner *p)
{
    if (p->out == NULL) {
        p->out = pool_get(p->pool, p->doc->len + SCAN_PADDING, &p->out_cap);
        p->status =
            p->out == NULL
                ? SGO_NO_MEMORY
                : scan_index_reserve(&p->index, p->doc->count, p->doc->count);
    }
    return p->status == SGO_OK;
}

/* Leave out bytes from one place to another, and the records in between, of
 * which `first` is the first and `next` the first behind. */
static bool
leave_out(struct pruner *p, uint32_t from, uint32_t to, uint32_t first,
          uint32_t next)
{
    if (!make_room(p)) {
        return false;
    }
    move_records(p, first);
    memcpy(p->out + p->copied - p->removed, p->doc->body + p->copied,
           from - p->copied);
    p->copied = to;
    p->removed += to - from;
    p->records = next;
    return true;
}

/* --- the walk ----------------------------------------------------------- */

/* The levels on the way from the root to a quote's members. */
enum level { LEVEL_EVENT, LEVEL_ODDS, LEVEL_ODD, LEVEL_BOOKS, LEVEL_QUOTE };

static bool
keep_member(struct pruner *p, enum level level, uint32_t object,
            const struct walk_item *item)
{
    const struct document *doc = p->doc;
    struct value v = {doc, item->off, item->index};

    switch (level) {
    case LEVEL_ODDS:
        if (!p->distinct) { /* the last of equal keys decides */
            value_get_text(
                (struct value){doc, doc->containers[object].off, object},
                item->key, &v);
        }
        return keep_odd(p, item->key, v);
    case LEVEL_BOOKS:
        return keep_bookmaker(p, item->key);
    case LEVEL_QUOTE:
        return keep_quote_member(p->shape, item->key);
    default:
        return true;
    }
}

/* Does the way go on into this member? */
static bool
goes_deeper(const struct document *doc, enum level level,
            const struct walk_item *item)
{
    if (doc->body[item->off] != '{' || level == LEVEL_QUOTE) {
        return false;
    }
    if (level == LEVEL_EVENT) {
        return text_equal_bytes(item->key, "odds", 4);
    }
    return level != LEVEL_ODD ||
           text_equal_bytes(item->key, "byBookmaker", 11);
}

static bool prune_object(struct pruner *p, enum level level, uint32_t object);

/* Go down into a container and settle its record afterwards. */
static bool
descend(struct pruner *p, enum level level, uint32_t object)
{
    const struct container *c = &p->doc->containers[object];
    uint32_t removed = p->removed, lost = p->records - p->index.count, record;

    if (!prune_object(p, level, object)) {
        return false;
    }
    if (p->out == NULL ||
        (removed == p->removed && lost == p->records - p->index.count)) {
        return true; /* nothing went in there: it moves with the others */
    }
    move_records(p, c->next);
    record = object - lost;
    p->index.items[record].end = c->end - p->removed;
    p->index.items[record].next = p->index.count;
    return true;
}

/* A run of members that go, with the commas that go with them: those of the
 * one in front of each, but for the first of the object. */
struct gap {
    bool open;
    uint32_t from;  /* behind the last value that stays, or the bracket */
    uint32_t first; /* record */
};

static bool
prune_object(struct pruner *p, enum level level, uint32_t object)
{
    const struct document *doc = p->doc;
    struct walk w;
    struct walk_item item = {.off = 0};
    struct gap gap = {.open = false};
    bool any = false; /* a member stays */
    uint32_t behind, child;

    walk_init(&w, doc, object);
    behind = w.at;
    child = w.child;
    while (walk_next(&w, &item)) {
        if (!keep_member(p, level, object, &item)) {
            if (!gap.open) {
                gap = (struct gap){true, behind, child};
            }
        } else {
            if (gap.open) {
                uint32_t to = item.key_off;

                if (any) { /* the comma in front of it stays */
                    to = (uint32_t)(scanner_space(doc->body + behind) -
                                    doc->body);
                }
                if (!leave_out(p, gap.from, to, gap.first, child)) {
                    return false;
                }
                gap.open = false;
            }
            any = true;
            if (goes_deeper(doc, level, &item) &&
                !descend(p, level + 1, item.index)) {
                return false;
            }
        }
        behind = w.at;
        child = w.child;
    }
    return !gap.open || leave_out(p, gap.from, doc->containers[object].end - 1,
                                  gap.first, child);
}

/* --- the new document --------------------------------------------------- */

/* Copy what is behind the last gap, and make a document of it. */
static sgo_status
finish(struct pruner *p, struct document **out)
{
    const struct document *doc = p->doc;
    size_t len = doc->len - p->removed, cap;
    char *fit;
    sgo_status status;

    memcpy(p->out + p->copied - p->removed, doc->body + p->copied,
           doc->len - p->copied);
    memset(p->out + len, 0, SCAN_PADDING);
    if (p->out_cap - len > len / 16) { /* made for the whole */
        fit = pool_get(p->pool, len + SCAN_PADDING, &cap);
        if (fit == NULL) {
            return SGO_NO_MEMORY;
        }
        memcpy(fit, p->out, len + SCAN_PADDING);
        pool_put(p->pool, p->out, p->out_cap);
        p->out = fit;
        p->out_cap = cap;
    }
    status = document_fit_index(&p->index);
    if (status == SGO_OK) {
        status =
            document_adopt(p->pool, p->out, p->out_cap, len, p->index.items,
                           p->index.cap_bytes, p->index.count, out);
    }
    if (status == SGO_OK) {
        p->out = NULL; /* both blocks are the document's now */
        p->index.items = NULL;
        p->index.cap_bytes = 0;
    }
    return status;
}

sgo_status
project(struct pool *pool, struct document *doc, const struct shape *shape,
        struct document **out)
{
    struct pruner p = {.shape = shape,
                       .pool = pool,
                       .doc = doc,
                       .distinct = true,
                       .index = {.pool = pool},
                       .status = SGO_OK};
    struct value odds;

    if (shape_is_everything(shape) ||
        doc->body[doc->containers[0].off] != '{' ||
        !VALUE_GET(document_root(doc), "odds", &odds)) {
        *out = document_retain(doc);
        return SGO_OK;
    }
    map_init(&p.opposing, (uint64_t)(uintptr_t)doc | 1);
    if (shape->odd_id_count > 0 && shape->include_opposing) {
        p.distinct = document_is_distinct(doc);
        if (value_type(odds) == VALUE_OBJECT) {
            p.status = gather_opposing(&p, odds);
        }
    }
    if (p.status == SGO_OK) {
        descend(&p, LEVEL_EVENT, 0);
    }
    if (p.status == SGO_OK) {
        if (p.out == NULL) {
            *out = document_retain(doc);
        } else {
            p.status = finish(&p, out);
        }
    }
    if (p.status == SGO_OK &&
        atomic_load_explicit(&doc->distinct, memory_order_relaxed) ==
            DISTINCT_YES) {
        atomic_store_explicit(&(*out)->distinct, DISTINCT_YES,
                              memory_order_relaxed);
    }
    scan_index_fini(&p.index);
    pool_put(pool, p.out, p.out_cap);
    map_fini(&p.opposing);
    return p.status;
}
