/* Comparing two indexed documents.  Recursion is bounded by SCAN_MAX_DEPTH.
 * Equal subtrees cost one memcmp; members are matched in order as long as
 * that holds, then by name. */
#include "json/diff.h"

#include <string.h>

#include "json/changes.h"
#include "json/document_internal.h"
#include "json/walk.h"

enum { LOOK_AHEAD = 4 }; /* members skipped in search of the next match */

static bool
same_bytes(struct value a, struct value b)
{
    size_t a_len, b_len;
    const char *a_raw = value_raw(a, &a_len);
    const char *b_raw = value_raw(b, &b_len);

    return a_len == b_len && memcmp(a_raw, b_raw, a_len) == 0;
}

bool
diff_leaf_equal(struct value a, struct value b)
{
    enum value_type type = value_type(a);
    const char *a_raw, *b_raw;
    size_t a_len, b_len;

    if (type != value_type(b)) {
        return false;
    }
    if (type == VALUE_STRING) {
        return text_equal(value_text(a), value_text(b));
    }
    if (type == VALUE_NUMBER) {
        a_raw = value_raw(a, &a_len);
        b_raw = value_raw(b, &b_len);
        return number_equal(a_raw, a_len, b_raw, b_len);
    }
    return true;
}

/* The members of one object, asked for in the order of another. */
struct matcher {
    struct value object;
    struct value_iter next;
};

static void
matcher_init(struct matcher *m, struct value object)
{
    m->object = object;
    value_iter_init(&m->next, object);
}

static bool
matcher_find(struct matcher *m, struct text key, struct value *out)
{
    struct value_iter it = m->next;
    struct text other;

    if (!it.distinct) {
        for (int i = 0; i < LOOK_AHEAD; i++) {
            if (!value_iter_next(&it, &other, out)) {
                break;
            }
            if (text_equal(other, key)) {
                m->next = it;
                return true;
            }
        }
    }
    return value_get_text(m->object, key, out);
}

void
diff_add_removed(struct change_list *list, struct value old_object,
                 struct value new_object)
{
    struct value_iter it;
    struct matcher new_members;
    struct text key;
    struct value old_value, new_value;

    value_iter_init(&it, old_object);
    matcher_init(&new_members, new_object);
    while (value_iter_next(&it, &key, &old_value)) {
        if (!matcher_find(&new_members, key, &new_value)) {
            change_list_add(list, (struct change){
                                      .old_off = old_value.off,
                                      .new_off = CHANGE_NONE,
                                      .kind = SGO_CHANGE_REMOVED,
                                      .timestamp = text_is_timestamp(key),
                                  });
        }
    }
}

static void
diff_objects(struct change_list *list, struct value old_object,
             struct value new_object)
{
    struct value_iter it;
    struct matcher old_members;
    struct text key;
    struct value old_value, new_value;
    uint32_t matched = 0;

    matcher_init(&old_members, old_object);
    value_iter_init(&it, new_object);
    while (value_iter_next(&it, &key, &new_value)) {
        if (matcher_find(&old_members, key, &old_value)) {
            matched++;
            diff_values(list, old_value, new_value, key);
        } else {
            change_list_add(list, (struct change){
                                      .old_off = CHANGE_NONE,
                                      .new_off = new_value.off,
                                      .kind = SGO_CHANGE_ADDED,
                                      .timestamp = text_is_timestamp(key),
                                  });
        }
    }
    if (matched < value_len(old_object)) {
        diff_add_removed(list, old_object, new_object);
    }
}

/* The line of an element of altLines; false: it has none. */
static bool
line_of(struct value element, bool *over_under, struct value *out)
{
    *over_under = false;
    if (VALUE_GET(element, "spread", out)) {
        return true;
    }
    *over_under = true;
    return VALUE_GET(element, "overUnder", out);
}

/* Both arrays have the same length: do their lines agree one by one? */
static bool
same_lines(struct value old_array, struct value new_array)
{
    struct value_iter old_it, new_it;
    struct value old_value, new_value, old_line, new_line;
    bool old_over, new_over, old_has, new_has;

    value_iter_init(&old_it, old_array);
    value_iter_init(&new_it, new_array);
    while (value_iter_next(&old_it, NULL, &old_value) &&
           value_iter_next(&new_it, NULL, &new_value)) {
        old_has = line_of(old_value, &old_over, &old_line);
        new_has = line_of(new_value, &new_over, &new_line);
        if (old_has != new_has) {
            return false;
        }
        if (old_has &&
            (old_over != new_over || !value_equal(old_line, new_line))) {
            return false;
        }
    }
    return true;
}

static bool
diff_arrays(struct change_list *list, struct value old_array,
            struct value new_array, struct text key)
{
    struct value_iter old_it, new_it;
    struct value old_value, new_value;
    static const struct text none = {NULL, 0, false};

    if (value_len(old_array) != value_len(new_array)) {
        return false;
    }
    if (key.raw != NULL && text_equal_bytes(key, "altLines", 8) &&
        !same_lines(old_array, new_array)) {
        return false;
    }
    value_iter_init(&old_it, old_array);
    value_iter_init(&new_it, new_array);
    while (value_iter_next(&old_it, NULL, &old_value) &&
           value_iter_next(&new_it, NULL, &new_value)) {
        diff_values(list, old_value, new_value, none);
    }
    return true;
}

void
diff_values(struct change_list *list, struct value old_value,
            struct value new_value, struct text key)
{
    enum value_type type = value_type(old_value);

    if (list->status != SGO_OK) {
        return;
    }
    if (type == value_type(new_value)) {
        if (type < VALUE_ARRAY) {
            if (diff_leaf_equal(old_value, new_value)) {
                return;
            }
        } else if (same_bytes(old_value, new_value)) {
            return;
        } else if (type == VALUE_OBJECT) {
            diff_objects(list, old_value, new_value);
            return;
        } else if (diff_arrays(list, old_value, new_value, key)) {
            return;
        }
    }
    change_list_add(list,
                    (struct change){
                        .old_off = old_value.off,
                        .new_off = new_value.off,
                        .kind = SGO_CHANGE_VALUE,
                        .timestamp = key.raw != NULL && text_is_timestamp(key),
                    });
}

sgo_status
diff_compare_plain(const struct document *old_doc,
                   const struct document *new_doc, struct changes **out)
{
    struct change_list list = {.pool = new_doc->pool, .status = SGO_OK};

    if (old_doc != new_doc) {
        diff_values(&list, document_root(old_doc), document_root(new_doc),
                    (struct text){NULL, 0, false});
    }
    return change_list_finish(&list, old_doc, new_doc, out);
}

sgo_status
diff_compare(const struct document *old_doc, const struct document *new_doc,
             struct changes **out)
{
    if (old_doc != new_doc && document_is_distinct(old_doc) &&
        document_compare_fused(old_doc, new_doc, out) == SGO_OK) {
        return SGO_OK;
    }
    return diff_compare_plain(old_doc, new_doc, out);
}

static bool
objects_equal(struct value a, struct value b)
{
    struct value_iter it;
    struct matcher b_members;
    struct text key;
    struct value a_value, b_value;

    value_iter_init(&it, a);
    matcher_init(&b_members, b);
    if (value_len(a) != value_len(b)) {
        return false;
    }
    while (value_iter_next(&it, &key, &a_value)) {
        if (!matcher_find(&b_members, key, &b_value) ||
            !value_equal(a_value, b_value)) {
            return false;
        }
    }
    return true;
}

static bool
arrays_equal(struct value a, struct value b)
{
    struct value_iter a_it, b_it;
    struct value a_value, b_value;
    bool a_more, b_more;

    value_iter_init(&a_it, a);
    value_iter_init(&b_it, b);
    for (;;) {
        a_more = value_iter_next(&a_it, NULL, &a_value);
        b_more = value_iter_next(&b_it, NULL, &b_value);
        if (!a_more || !b_more) {
            return a_more == b_more;
        }
        if (!value_equal(a_value, b_value)) {
            return false;
        }
    }
}

bool
value_equal(struct value a, struct value b)
{
    enum value_type type = value_type(a);

    if (type != value_type(b)) {
        return false;
    }
    if (type < VALUE_ARRAY) {
        return diff_leaf_equal(a, b);
    }
    if (same_bytes(a, b)) {
        return true;
    }
    return type == VALUE_OBJECT ? objects_equal(a, b) : arrays_equal(a, b);
}
