/* Opening and closing levels of the fused pass; what closing must settle. */
#include "json/update_internal.h"

const struct document *
update_view(struct update *u)
{
    u->view.containers = u->s.index->items;
    u->view.count = u->s.index->count;
    return &u->view;
}

struct value
update_old(const struct update *u, uint32_t off, uint32_t index)
{
    return (struct value){u->old, off, index};
}

struct value
update_new(struct update *u, uint32_t off, uint32_t index)
{
    return (struct value){update_view(u), off, index};
}

/* Is the key that opens at `quote` altLines?  Long keys are not read to their
 * end. */
static bool
is_alt_lines_key(const char *quote)
{
    enum { LONGEST = 6 * 8 }; /* every letter as \\uXXXX */
    struct text key = {quote + 1, 0, false};

    while (quote[key.len + 1] != '"') {
        uint32_t n = quote[key.len + 1] == '\\' ? 2 : 1;

        key.escaped = key.escaped || n == 2;
        key.len += n;
        if (key.len > LONGEST) {
            return false;
        }
    }
    return text_equal_bytes(key, "altLines", 8);
}

bool
update_is_alt_lines(const struct update *u, const struct level *level)
{
    const struct container *c = &u->old->containers[level->old];

    return c->key != 0 && u->old->body[c->off] == '[' &&
           is_alt_lines_key(u->old->body + c->key);
}

static bool
is_line_key(struct text key)
{
    return text_equal_bytes(key, "spread", 6) ||
           text_equal_bytes(key, "overUnder", 9);
}

void
update_mark_element(const struct update *u, struct level *array,
                    const struct text *key)
{
    if (is_line_key(*key) && update_is_alt_lines(u, array)) {
        array->compare = true;
    }
}

bool
update_open(struct update *u, uint32_t old, const char *p, uint32_t key)
{
    struct scan_index *index = u->s.index;
    const struct container *was = &u->old->containers[old];
    struct container *c;
    struct level *level;
    struct text text;
    bool in_array = false;

    if (!update_reserve(u, 1)) {
        return false;
    }
    if (u->depth > 0) {
        in_array = !update_top(u)->is_object;
        if (update_top(u)->in_array && was->key != 0) {
            text = document_key(u->old, was->key);
            update_mark_element(u, &u->levels[u->depth - 2], &text);
        }
    }
    c = &index->items[index->count];
    c->off = update_offset(u, p);
    c->key = key;
    level = &u->levels[u->depth++];
    level->old = old;
    level->record = index->count++;
    level->after = was->off + 1;
    level->child = old + 1;
    level->mark = u->list.n;
    level->is_object = *p == '{';
    level->in_array = in_array;
    level->irregular = false;
    level->compare = false;
    level->large = false;
    u->p = p + 1;
    return true;
}

/* Compare an array as a whole instead of what was found inside so far. */
static void
compare_array(struct update *u, const struct level *level)
{
    const struct container *c = &u->old->containers[level->old];
    struct text key = {NULL, 0, false};

    if (c->key != 0) {
        key = document_key(u->old, c->key);
    }
    u->list.n = level->mark;
    diff_values(
        &u->list, update_old(u, c->off, level->old),
        update_new(u, u->s.index->items[level->record].off, level->record),
        key);
}

bool
update_close(struct update *u, const char *end)
{
    struct level *level = update_top(u);
    const struct container *old = &u->old->containers[level->old];
    struct container *c = &u->s.index->items[level->record];

    c->end = update_offset(u, end);
    c->next = u->s.index->count;
    u->depth--; /* the level stays where it is until the next one opens */
    u->p = end;
    if (u->depth > 0) {
        update_top(u)->after = old->end;
        update_top(u)->child = old->next;
    }
    if (level->irregular && !update_finish_object(u, level)) {
        return false;
    }
    if (level->compare) {
        compare_array(u, level);
    }
    return u->list.status == SGO_OK;
}
