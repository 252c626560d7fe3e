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

/* Does a key stand behind the place where w is? */
static bool
stands_again(struct walk w, struct text key)
{
    struct walk_item item = {.off = 0};

    while (walk_next(&w, &item)) {
        if (text_equal(item.key, key)) {
            return true;
        }
    }
    return false;
}

/* Two quotes by what mostly is so: the same keys in the same order, each
 * once.  1: they differ in more than their time stamp; 0: they do not, and
 * have no alternative lines; -1: a closer look is needed. */
static int
differ_in_step(struct value a, struct value b)
{
    struct walk a_walk, b_walk;
    struct walk_item a_item = {.off = 0}, b_item = {.off = 0};

    walk_init(&a_walk, a.doc, a.index);
    walk_init(&b_walk, b.doc, b.index);
    while (walk_next(&a_walk, &a_item)) {
        uint32_t n;

        if (!walk_next(&b_walk, &b_item) ||
            !text_equal(a_item.key, b_item.key) ||
            text_equal_bytes(a_item.key, "altLines", 8)) {
            return -1;
        }
        n = a_walk.at - a_item.off;
        if ((n != b_walk.at - b_item.off ||
             memcmp(a_walk.body + a_item.off, b_walk.body + b_item.off, n) !=
                 0) &&
            is_news(a_item.key)) {
            struct value a_value = {a.doc, a_item.off, a_item.index};
            struct value b_value = {b.doc, b_item.off, b_item.index};

            return value_equal(a_value, b_value) ||
                           stands_again(a_walk, a_item.key) ||
                           stands_again(b_walk, a_item.key)
                       ? -1
                       : 1;
        }
    }
    return walk_next(&b_walk, &b_item) ? -1 : 0;
}

bool
quotes_differ(struct value a, struct value b)
{
    struct value_iter it;
    struct value a_value, b_value;
    struct text key;
    int64_t balance = 0; /* members of a less those of b */
    int quick;

    if (a.doc == NULL || b.doc == NULL) {
        return a.doc != b.doc;
    }
    quick = differ_in_step(a, b);
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
