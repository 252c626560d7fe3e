/* Irregular objects of the fused pass: their keys, white space or order of
 * members differ.  New members are matched with the old ones by name, one at
 * a time; in between the pass runs on over what is equal.
 *
 * Objects of up to TABLE_MEMBERS members get a table of the old ones and of
 * those that only the new object has, in which each is marked as it is met:
 * what stays unmarked has gone, and what is met twice stands twice in the new
 * object.  Larger ones use the key hash of documents. */
#include <string.h>

#include "base/mem.h"
#include "json/update_internal.h"
#include "json/walk.h"

enum {
    TABLE_MEMBERS = 512,
    LOOK_AHEAD = 4 /* large objects: members looked at before the hash */
};

static struct member *
table_of(const struct update *u, const struct level *level)
{
    return u->members ? u->members + level->table : NULL; /* none yet */
}

static uint32_t
table_size(const struct update *u, const struct level *level)
{
    return u->member_count - level->table;
}

static bool
push_member(struct update *u, const struct old_item *item, bool matched)
{
    if (u->member_count == u->member_cap) {
        uint32_t cap = u->member_cap ? u->member_cap * 2 : 64;
        struct member *members =
            mem_realloc(u->members, cap * sizeof(*members));

        if (members == NULL) {
            return false;
        }
        u->members = members;
        u->member_cap = cap;
    }
    u->members[u->member_count++] = (struct member){
        .item = *item,
        .sketch = (uint32_t)(walk_sketch(item->key) >> 32),
        .matched = matched,
    };
    return true;
}

/* Behind the string that opens at p, of the old text. */
static const char *
string_end(const struct update *u, const char *p, bool *escaped)
{
    const char *end = u->bytes->plain_end(p + 1);

    *escaped = false;
    return *end == '"' ? end + 1 : walk_string(p, escaped);
}

/* As walk_next() over an object, in which strings tend to be plain. */
static bool
next_member(const struct update *u, struct walk *w, struct walk_item *item)
{
    const char *p = scanner_space(w->body + w->at), *end;
    bool ignored;

    if (*p == ',') {
        p = scanner_space(p + 1);
    } else if (*p == '}') {
        return false;
    }
    end = string_end(u, p, &item->key.escaped);
    item->key.raw = p + 1;
    item->key.len = (uint32_t)(end - p - 2);
    p = scanner_space(scanner_space(end) + 1);
    item->off = (uint32_t)(p - w->body);
    if (*p == '{' || *p == '[') {
        item->index = w->child;
        w->at = w->containers[w->child].end;
        w->child = w->containers[w->child].next;
        return true;
    }
    item->index = VALUE_LEAF;
    end = *p == '"' ? string_end(u, p, &ignored) : walk_leaf(p);
    w->at = (uint32_t)(end - w->body);
    return true;
}

/* Begin to match by name; what stands before `after` has matched in order. */
static bool
become_irregular(struct update *u, struct level *level)
{
    struct walk w;
    struct walk_item item;
    struct old_item old;

    level->irregular = true;
    level->table = u->member_count;
    level->next = 0;
    walk_init(&w, u->old, level->old);
    while (next_member(u, &w, &item)) {
        bool passed = item.off < level->after;

        if (table_size(u, level) == TABLE_MEMBERS) {
            level->large = true;
            u->member_count = level->table;
            return true;
        }
        old = (struct old_item){item.key, item.off, item.index, w.at, w.child};
        if (!push_member(u, &old, passed)) {
            return false;
        }
        level->next += passed;
    }
    return true;
}

/* Mark what the pass has run over since the last look.  False: one of them
 * was met before, so the new object has equal keys. */
static bool
mark_passed(struct update *u, struct level *level)
{
    struct member *table = table_of(u, level);
    uint32_t n = table_size(u, level);

    while (level->next < n && table[level->next].item.off < level->after) {
        if (table[level->next].matched) {
            return false;
        }
        table[level->next++].matched = true;
    }
    return true;
}

static struct member *
find_in_table(struct update *u, const struct level *level, struct text key)
{
    struct member *table = table_of(u, level);
    uint32_t n = table_size(u, level), at = level->next;
    uint32_t sketch = (uint32_t)(walk_sketch(key) >> 32);

    for (uint32_t i = 0; i < n; i++, at++) {
        struct member *m;

        if (at >= n) {
            at = 0;
        }
        m = &table[at];
        if (((m->sketch == sketch && m->item.key.len == key.len) ||
             m->item.key.escaped || key.escaped) &&
            text_equal(m->item.key, key)) {
            return m;
        }
    }
    return NULL;
}

/* Large objects: the next ones first, then by look-up. */
static bool
find_in_large(struct update *u, const struct level *level, struct text key,
              struct old_item *out)
{
    const struct container *containers = u->old->containers;
    struct walk w = {u->old->body, containers, level->after, level->child,
                     true};
    struct walk_item item;
    struct value v;
    uint32_t low, high;

    for (int i = 0; i < LOOK_AHEAD && walk_next(&w, &item); i++) {
        if (text_equal(item.key, key)) {
            *out = (struct old_item){item.key, item.off, item.index, w.at,
                                     w.child};
            return true;
        }
    }
    if (!value_get_text(update_old(u, containers[level->old].off, level->old),
                        key, &v)) {
        return false;
    }
    *out = (struct old_item){key, v.off, v.index, 0, 0};
    if (v.index != VALUE_LEAF) {
        out->end = containers[v.index].end;
        out->child = containers[v.index].next;
        return true;
    }
    out->end = (uint32_t)(walk_leaf(u->old->body + v.off) - u->old->body);
    low = level->old + 1;
    high = containers[level->old].next;
    while (low < high) { /* the first record behind the leaf */
        uint32_t middle = low + (high - low) / 2;

        if (containers[middle].off < v.off) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    out->child = low;
    return true;
}

/* A member that only the new object has, its value at p.  It joins the table,
 * where it is found when its key comes again. */
static bool
add_member(struct update *u, struct text key, const char *p, uint32_t key_off)
{
    const struct old_item item = {key, UINT32_MAX, VALUE_LEAF, 0, 0};
    uint32_t fresh = u->s.index->count;
    const char *end = scanner_value(&u->s, p, u->depth, key_off);

    if (end == NULL || !update_fresh_are_distinct(u, fresh)) {
        return false;
    }
    if (!update_top(u)->large && !push_member(u, &item, true)) {
        return false;
    }
    update_mark_line(u, &key);
    u->p = end;
    return change_list_add(&u->list, (struct change){
                                         .old_off = CHANGE_NONE,
                                         .new_off = update_offset(u, p),
                                         .kind = SGO_CHANGE_ADDED,
                                         .timestamp = text_is_timestamp(key),
                                     });
}

/* Match a member by its name, its value at p. */
static bool
match_member(struct update *u, struct text key, const char *p,
             uint32_t key_off)
{
    struct level *top = update_top(u);
    struct old_item item;
    struct member *m;

    if (top->large) {
        return find_in_large(u, top, key, &item)
                   ? update_pair(u, &item, p, key_off)
                   : add_member(u, key, p, key_off);
    }
    m = find_in_table(u, top, key);
    if (m == NULL) {
        return add_member(u, key, p, key_off);
    }
    if (m->matched) {
        return false;
    }
    m->matched = true;
    top->next = (uint32_t)(m - table_of(u, top)) + 1;
    item = m->item; /* the table may move */
    return update_pair(u, &item, p, key_off);
}

/* Take one member of the new object, or its end, by the grammar. */
static bool
take_member(struct update *u)
{
    struct level *top = update_top(u);
    const char *first = u->s.begin + u->s.index->items[top->record].off + 1;
    const char *p = scanner_space(u->p), *end;
    struct text key;
    uint32_t key_off;

    if (!top->irregular ? !become_irregular(u, top)
                        : !top->large && !mark_passed(u, top)) {
        return false;
    }
    if (*p == '}') {
        return update_close(u, p + 1);
    }
    if (u->p != first) {
        if (*p != ',') {
            return false;
        }
        p = scanner_space(p + 1);
    }
    if (*p != '"') {
        return false;
    }
    key_off = update_offset(u, p);
    key.raw = p + 1;
    key.escaped = false;
    end = u->bytes->plain_end(p + 1);
    if (*end == '"') {
        end++;
        key.len = (uint32_t)(end - p - 2);
    } else {
        end = scanner_string(&u->s, p);
        if (end == NULL) {
            return false;
        }
        key.len = (uint32_t)(end - p - 2);
        key.escaped = memchr(key.raw, '\\', key.len) != NULL;
    }
    p = scanner_space(end);
    if (*p != ':') {
        return false;
    }
    return match_member(u, key, scanner_space(p + 1), key_off);
}

bool
update_take_members(struct update *u)
{
    uint32_t depth = u->depth;
    const struct level *top = update_top(u);
    uint32_t first = u->old->containers[top->old].off + 1;

    /* The two texts may run together only in one lexer state: both behind a
     * value, or both behind the bracket.  And it should be worth it. */
    do {
        if (!take_member(u)) {
            return false;
        }
    } while (u->depth == depth &&
             (top->after == first ||
              memcmp(u->p, u->old->body + top->after, 4) != 0));
    return true;
}

/* The level was closed already: its parent is the innermost one. */
static void
member_has_gone(struct update *u, const struct level *level,
                const struct old_item *item)
{
    if (level->in_array) {
        update_mark_element(u, update_top(u), &item->key);
    }
    change_list_add(&u->list, (struct change){
                                  .old_off = item->off,
                                  .new_off = CHANGE_NONE,
                                  .kind = SGO_CHANGE_REMOVED,
                                  .timestamp = text_is_timestamp(item->key),
                              });
}

bool
update_finish_object(struct update *u, struct level *level)
{
    const struct container *c = &u->s.index->items[level->record];
    struct member *table;
    uint32_t n;

    if (level->large &&
        document_has_equal_keys(update_view(u), level->record, &n)) {
        return false;
    }
    if (level->large) {
        diff_add_removed(
            &u->list,
            update_old(u, u->old->containers[level->old].off, level->old),
            update_new(u, c->off, level->record));
        if (u->depth > 0 && update_is_alt_lines(u, update_top(u))) {
            update_top(u)->compare = true;
        }
        return true;
    }
    if (!mark_passed(u, level)) {
        return false;
    }
    table = table_of(u, level);
    n = table_size(u, level);
    for (uint32_t i = 0; i < n; i++) {
        if (!table[i].matched) {
            member_has_gone(u, level, &table[i].item);
        }
    }
    u->member_count = level->table;
    return true;
}
