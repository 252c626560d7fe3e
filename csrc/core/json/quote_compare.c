/* Two quotes member by member: mostly side by side, by name where need be. */
#include "json/quote_compare.h"

#include <string.h>

#include "json/diff.h"
#include "json/walk.h"

static bool
is_news(struct text key)
{
    return !text_equal_bytes(key, "lastUpdatedAt", 13) &&
           !text_equal_bytes(key, "altLines", 8);
}

/* Two quotes by what mostly is so: the same keys in the same order, each
 * once.  1: they differ in more than their time stamp; 0: they do not; -1: a
 * closer look is needed, at alternative lines too. */
static int
differ_in_step(struct value a, struct value b)
{
    struct walk a_walk, b_walk;
    struct walk_item a_item = {.off = 0}, b_item = {.off = 0};
    struct text differs = {NULL, 0, false}; /* the key of what does */

    walk_init(&a_walk, a.doc, a.index);
    walk_init(&b_walk, b.doc, b.index);
    while (walk_next(&a_walk, &a_item)) {
        uint32_t n;

        if (!walk_next(&b_walk, &b_item) ||
            !text_equal(a_item.key, b_item.key) ||
            text_equal_bytes(a_item.key, "altLines", 8)) {
            return -1;
        }
        if (differs.raw != NULL) {
            if (text_equal(a_item.key, differs)) {
                return -1; /* it stands twice, and the last counts */
            }
            continue;
        }
        n = a_walk.at - a_item.off;
        if ((n != b_walk.at - b_item.off ||
             memcmp(a_walk.body + a_item.off, b_walk.body + b_item.off, n) !=
                 0) &&
            is_news(a_item.key) &&
            !value_equal((struct value){a.doc, a_item.off, a_item.index},
                         (struct value){b.doc, b_item.off, b_item.index})) {
            differs = a_item.key;
        }
    }
    return walk_next(&b_walk, &b_item) ? -1 : differs.raw != NULL;
}

bool
quotes_differ(struct value a, struct value b, bool *may_have_lines)
{
    struct value_iter it;
    struct value a_value, b_value;
    struct text key;
    int64_t balance = 0; /* members of a less those of b */
    int quick;

    if (may_have_lines) {
        *may_have_lines = true;
    }
    if (a.doc == NULL || b.doc == NULL) {
        return a.doc != b.doc;
    }
    quick = differ_in_step(a, b);
    if (quick >= 0 && may_have_lines) {
        *may_have_lines = false;
    }
    if (quick >= 0) {
        return quick;
    }
    value_iter_init(&it, a);
    while (value_iter_next(&it, &key, &a_value)) {
        if (is_news(key)) {
            if (!value_get_text(b, key, &b_value) ||
                !value_equal(a_value, b_value)) {
                return true;
            }
            balance++;
        }
    }
    value_iter_init(&it, b);
    while (value_iter_next(&it, &key, &b_value)) {
        balance -= is_news(key);
    }
    return balance != 0;
}
