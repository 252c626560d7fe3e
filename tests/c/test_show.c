/* json/show: which changes a filter shows. */
#include "json/show.h"

#include <stdlib.h>

#include "check.h"
#include "json_help.h"

static struct pool *pool;

#define QUOTE(odds, time)                                                     \
    "{\"odds\":\"" odds "\",\"lastUpdatedAt\":\"" time "\"}"

static void
make_filter(struct show_filter *filter, const char *odd_id,
            const char *bookmaker_id, bool include_timestamps)
{
    show_filter_init(filter);
    CHECK(show_everything(filter));
    if (odd_id != NULL) {
        CHECK_INT(show_filter_set_odd_ids(filter, &odd_id, 1, NULL), SGO_OK);
    }
    if (bookmaker_id != NULL) {
        CHECK_INT(
            show_filter_set_bookmaker_ids(filter, &bookmaker_id, 1, NULL),
            SGO_OK);
    }
    filter->include_timestamps = include_timestamps;
}

/* How many of the changes between two texts the filter shows. */
static size_t
shown(const struct show_filter *filter, const char *old_text,
      const char *new_text)
{
    struct document *old = help_build(pool, old_text);
    struct document *new = help_build(pool, new_text);
    struct changes *changes, *selected;
    size_t n;

    CHECK_INT(diff_compare(old, new, &changes), SGO_OK);
    CHECK_INT(show_select(filter, old, new, changes, &selected), SGO_OK);
    n = selected->n;
    CHECK(show_any(filter, old, new, changes) == (n > 0));
    CHECK((selected == changes) == (n == changes->n));
    changes_release(selected);
    changes_release(changes);
    document_release(old);
    document_release(new);
    return n;
}

static void
an_empty_filter_shows_all(void)
{
    struct show_filter filter;

    make_filter(&filter, NULL, NULL, true);
    CHECK(show_everything(&filter));
    CHECK_INT(shown(&filter, "{\"a\":1,\"lastUpdatedAt\":1}",
                    "{\"a\":2,\"lastUpdatedAt\":2}"),
              2);
    CHECK_INT(shown(&filter, "{\"a\":1}", "{ \"a\":1}"), 0);
    show_filter_fini(&filter);
}

static void
time_stamps_alone_are_hidden(void)
{
    struct show_filter filter;

    make_filter(&filter, NULL, NULL, false);
    CHECK(!show_everything(&filter));
    CHECK_INT(shown(&filter,
                    "{\"odds\":{\"x\":{\"byBookmaker\":{\"b\":" QUOTE(
                        "1", "t") "}}}}",
                    "{\"odds\":{\"x\":{\"byBookmaker\":{\"b\":" QUOTE(
                        "1", "u") "}}}}"),
              0);
    CHECK_INT(shown(&filter,
                    "{\"odds\":{\"x\":{\"byBookmaker\":{\"b\":" QUOTE(
                        "1", "t") "}}}}",
                    "{\"odds\":{\"x\":{\"byBookmaker\":{\"b\":" QUOTE(
                        "2", "u") "}}}}"),
              1);
    CHECK_INT(shown(&filter, "{\"a\":1}", "{\"a\":1,\"lastUpdatedAt\":1}"), 0);
    show_filter_fini(&filter);
}

/* One odd `x1` with a quote of `b1` and one of `b2`, one odd `y1`. */
#define EVENT(x1_fair, x1_b1, x1_b2, y1_fair, y1_b1)                          \
    "{\"odds\":{\"x1\":{\"fairOdds\":" x1_fair                                \
    ",\"byBookmaker\":{\"b1\":{\"odds\":" x1_b1 "},\"b2\":{\"odds\":" x1_b2   \
    "}}},\"y1\":{\"fairOdds\":" y1_fair                                       \
    ",\"byBookmaker\":{\"b1\":{\"odds\":" y1_b1 "}}}}}"

static void
odds_are_chosen_by_pattern(void)
{
    struct show_filter filter;

    make_filter(&filter, "x*", NULL, true);
    CHECK_INT(shown(&filter, EVENT("1", "1", "1", "1", "1"),
                    EVENT("2", "2", "2", "2", "2")),
              3);
    CHECK_INT(shown(&filter, EVENT("1", "1", "1", "1", "1"),
                    EVENT("1", "1", "1", "2", "2")),
              0);
    /* An odd that comes, goes, or is no object any more. */
    CHECK_INT(shown(&filter, "{\"odds\":{\"x1\":{}}}", "{\"odds\":{}}"), 1);
    CHECK_INT(shown(&filter, "{\"odds\":{\"y1\":{}}}", "{\"odds\":{}}"), 0);
    CHECK_INT(shown(&filter, "{\"odds\":{\"x1\":{}}}",
                    "{\"odds\":{\"x1\":null,\"y2\":1}}"),
              1);
    /* Outside of odds everything is shown. */
    CHECK_INT(shown(&filter, "{\"y1\":1,\"s\":{\"odds\":1}}",
                    "{\"y1\":2,\"s\":{\"odds\":2}}"),
              2);
    CHECK_INT(shown(&filter, "{\"eventID\":\"a\"}", "[]"), 1);
    show_filter_fini(&filter);
}

static void
quotes_are_chosen_by_bookmaker(void)
{
    struct show_filter filter;

    make_filter(&filter, NULL, "b1", true);
    /* x1's and y1's own members, and the quotes of b1. */
    CHECK_INT(shown(&filter, EVENT("1", "1", "1", "1", "1"),
                    EVENT("2", "2", "2", "2", "2")),
              4);
    CHECK_INT(shown(&filter, EVENT("1", "1", "1", "1", "1"),
                    EVENT("1", "1", "2", "1", "1")),
              0);
    CHECK_INT(shown(&filter,
                    "{\"odds\":{\"x\":{\"byBookmaker\":{\"b2\":{}}}}}",
                    "{\"odds\":{\"x\":{\"byBookmaker\":{\"b1\":{}}}}}"),
              1);
    CHECK_INT(shown(&filter, "{\"odds\":{\"x\":{}}}",
                    "{\"odds\":{\"x\":{\"byBookmaker\":{\"b2\":{}}}}}"),
              0);
    CHECK_INT(shown(&filter, "{\"odds\":{\"x\":{}}}",
                    "{\"odds\":{\"x\":{\"byBookmaker\":{\"b2\":{},"
                    "\"\\u00621\":{}}}}}"),
              1);
    CHECK_INT(shown(&filter,
                    "{\"odds\":{\"x\":{\"byBookmaker\":{\"b2\":{}}}}}",
                    "{\"odds\":{\"x\":{\"byBookmaker\":null}}}"),
              1);
    show_filter_fini(&filter);
}

static void
the_whole_of_odds_is_shown_if_anything_inside_is(void)
{
    struct show_filter filter;

    make_filter(&filter, "x*", "b1", false);
    CHECK_INT(shown(&filter, "{}", "{\"odds\":{\"x1\":{},\"y1\":{}}}"), 1);
    CHECK_INT(shown(&filter, "{\"odds\":{\"x1\":{}}}", "{}"), 1);
    CHECK_INT(shown(&filter, "{}", "{\"odds\":{\"y1\":{}}}"), 0);
    CHECK_INT(shown(&filter, "{\"odds\":{}}", "{}"), 0);
    CHECK_INT(shown(&filter, "{\"odds\":{\"y1\":1}}", "{\"odds\":[]}"), 1);
    CHECK_INT(shown(&filter, "{\"odds\":[1]}", "{\"odds\":[2]}"), 1);
    CHECK_INT(shown(&filter,
                    "{\"odds\":{\"x\":{\"byBookmaker\":[{\"a\":1}]}}}",
                    "{\"odds\":{\"x\":{\"byBookmaker\":[{\"a\":2}]}}}"),
              1);
    show_filter_fini(&filter);
}

static void
bad_names_are_refused(void)
{
    struct show_filter filter;
    const char *names[] = {"ok", "[z-a]"}, *empty[] = {"b", ""};
    const char *reason = NULL;
    static const char *many[NAMES_MAX + 1];

    show_filter_init(&filter);
    CHECK_INT(show_filter_set_odd_ids(&filter, names, 2, &reason),
              SGO_INVALID);
    CHECK_STR(reason, "a range that runs backwards");
    reason = NULL;
    CHECK_INT(show_filter_set_bookmaker_ids(&filter, empty, 2, &reason),
              SGO_INVALID);
    CHECK_STR(reason, "an empty name");
    for (int i = 0; i <= NAMES_MAX; i++) {
        many[i] = "a";
    }
    CHECK_INT(show_filter_set_odd_ids(&filter, many, NAMES_MAX + 1, NULL),
              SGO_LIMIT);
    CHECK_INT(show_filter_set_odd_ids(&filter, NULL, 0, NULL), SGO_OK);
    CHECK(show_everything(&filter));
    CHECK_INT(show_filter_set_odd_ids(&filter, many, NAMES_MAX, NULL), SGO_OK);
    show_filter_fini(&filter);
    CHECK(show_everything(&filter));
}

static void
patterns_that_matched_are_marked(void)
{
    struct show_filter filter;
    const char *names[] = {"x*", "zz", "y1"};
    bool matched[3] = {false, false, false};
    struct document *doc;

    show_filter_init(&filter);
    CHECK_INT(show_filter_set_odd_ids(&filter, names, 3, NULL), SGO_OK);
    doc = help_build(pool, "{\"odds\":{\"x7\":1,\"q\":2}}");
    show_mark_matches(&filter, doc, matched);
    CHECK(matched[0] && !matched[1] && !matched[2]);
    document_release(doc);
    doc = help_build(pool, "{\"odds\":{\"\\u00791\":1}}");
    show_mark_matches(&filter, doc, matched);
    CHECK(matched[0] && !matched[1] && matched[2]);
    document_release(doc);
    doc = help_build(pool, "{\"odds\":[1]}");
    show_mark_matches(&filter, doc, matched);
    document_release(doc);
    show_filter_fini(&filter);
}

static void
many_bookmakers_are_found(void)
{
    struct show_filter filter;
    char names[100][8];
    const char *list[100];

    for (int i = 0; i < 100; i++) {
        snprintf(names[i], sizeof(names[i]), "b%d", (i * 37) % 100);
        list[i] = names[i];
    }
    show_filter_init(&filter);
    CHECK_INT(show_filter_set_bookmaker_ids(&filter, list, 100, NULL), SGO_OK);
    for (int i = 0; i < 100; i++) {
        struct text name = {names[i], (uint32_t)strlen(names[i]), false};

        CHECK(show_bookmaker(&filter, name));
        CHECK(show_odd(&filter, name));
    }
    CHECK(!show_bookmaker(&filter, TEXT("b")));
    CHECK(!show_bookmaker(&filter, TEXT("b100")));
    CHECK(!show_bookmaker(&filter, TEXT("")));
    show_filter_fini(&filter);
}

static void
a_failing_heap_is_told(void)
{
    struct show_filter filter;
    const char *names[] = {"b1", "b2"}, *patterns[] = {"x1", "z"};
    struct document *old = help_build(pool, EVENT("1", "1", "1", "1", "1"));
    struct document *new = help_build(pool, EVENT("2", "2", "2", "2", "2"));
    struct changes *changes, *selected = NULL;
    sgo_status status = SGO_NO_MEMORY;

    for (int n = 0; status == SGO_NO_MEMORY; n++) {
        show_filter_init(&filter);
        mem_fail_after(n);
        status = show_filter_set_bookmaker_ids(&filter, names, 2, NULL);
        if (status == SGO_OK) {
            status = show_filter_set_odd_ids(&filter, patterns, 2, NULL);
        }
        mem_fail_after(-1);
        if (status != SGO_OK) {
            show_filter_fini(&filter);
        }
    }
    CHECK_INT(status, SGO_OK);
    CHECK_INT(diff_compare(old, new, &changes), SGO_OK);
    status = SGO_NO_MEMORY;
    for (int n = 0; status == SGO_NO_MEMORY; n++) {
        mem_fail_after(n);
        status = show_select(&filter, old, new, changes, &selected);
        mem_fail_after(-1);
        CHECK(status == SGO_OK || selected == NULL);
    }
    CHECK_INT(status, SGO_OK);
    CHECK_INT(selected->n, 3);
    changes_release(selected);
    changes_release(changes);
    show_filter_fini(&filter);
    document_release(old);
    document_release(new);
}

int
main(void)
{
    pool = pool_create(1 << 20);
    RUN(an_empty_filter_shows_all);
    RUN(time_stamps_alone_are_hidden);
    RUN(odds_are_chosen_by_pattern);
    RUN(quotes_are_chosen_by_bookmaker);
    RUN(the_whole_of_odds_is_shown_if_anything_inside_is);
    RUN(bad_names_are_refused);
    RUN(patterns_that_matched_are_marked);
    RUN(many_bookmakers_are_found);
    RUN(a_failing_heap_is_told);
    pool_release(pool);
    return check_done();
}
