/* How a list of changes is gathered.  Private to json/. */
#ifndef SGO_JSON_CHANGES_H
#define SGO_JSON_CHANGES_H

#include <string.h>

#include "json/diff.h"

/* Zero-filled but for `pool` at first. */
struct change_list {
    struct pool *pool; /* borrowed; where items come from */
    struct change *items;
    size_t n;
    size_t cap;
    size_t cap_bytes;  /* as the pool told */
    sgo_status status; /* SGO_OK, SGO_LIMIT (overflow), SGO_NO_MEMORY */
};

void change_list_fini(struct change_list *list);

/* Make room for one more; false: none, the status tells why. */
bool change_list_grow(struct change_list *list);

/* Append; false once list->status is not SGO_OK. */
static inline bool
change_list_add(struct change_list *list, struct change change)
{
    if (list->status != SGO_OK ||
        (list->n == list->cap && !change_list_grow(list))) {
        return false;
    }
    list->items[list->n++] = change;
    return true;
}

/* Make the immutable list and empty this one.  An overflow becomes the one
 * change of the roots. */
sgo_status change_list_finish(struct change_list *list,
                              const struct document *old_doc,
                              const struct document *new_doc,
                              struct changes **out);

/* Is it a key of which a change alone is not news? */
static inline bool
text_is_timestamp(struct text key)
{
    static const char name[] = "lastUpdatedAt";
    uint64_t head, tail, name_head, name_tail;

    if (key.escaped) {
        return text_equal_bytes(key, name, sizeof(name) - 1);
    }
    if (key.len != sizeof(name) - 1) {
        return false;
    }
    memcpy(&head, key.raw, 8); /* thirteen bytes as two words */
    memcpy(&tail, key.raw + sizeof(name) - 9, 8);
    memcpy(&name_head, name, 8);
    memcpy(&name_tail, name + sizeof(name) - 9, 8);
    return head == name_head && tail == name_tail;
}

/* Compare two values of which the last key is `key` (raw == NULL: none) and
 * append what differs. */
void diff_values(struct change_list *list, struct value old_value,
                 struct value new_value, struct text key);

/* diff_compare by two walks over two indexes: what is not in the reach of the
 * fused pass, and its definition. */
sgo_status diff_compare_plain(const struct document *old_doc,
                              const struct document *new_doc,
                              struct changes **out);

/* Append a change for each member of old_object that new_object lacks. */
void diff_add_removed(struct change_list *list, struct value old_object,
                      struct value new_object);

/* Are two leaves equal? */
bool diff_leaf_equal(struct value a, struct value b);

#endif
