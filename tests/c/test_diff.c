/* json/diff: what is a change, the oracle of the samples, replay. */
#include "json/diff.h"

#include <stdlib.h>

#include "check.h"
#include "json/changes.h"
#include "json/path.h"
#include "json_help.h"

static struct pool *pool;

/* The changes as text: "kind path old>new" each on a line; times marked "*".
 */
static void
describe(const struct document *old, const struct document *new,
         const struct changes *changes, struct buf *out)
{
    struct path_namer namer;

    path_namer_init(&namer, old, new);
    for (size_t i = 0; i < changes->n; i++) {
        const struct change *c = &changes->items[i];
        const struct path *path = path_namer_name(&namer, c);
        struct value a = change_old(c, old), b = change_new(c, new);
        const char *raw;
        size_t len;

        buf_putc(out, "=+-"[c->kind]);
        for (uint32_t s = 0; s < path->n; s++) {
            if (path->steps[s].key.raw != NULL) {
                buf_printf(out, "/%.*s", (int)path->steps[s].key.len,
                           path->steps[s].key.raw);
            } else {
                buf_printf(out, "/%u", path->steps[s].position);
            }
        }
        buf_putc(out, ' ');
        if (a.doc != NULL) {
            raw = value_raw(a, &len);
            buf_append(out, raw, len);
        }
        buf_putc(out, '>');
        if (b.doc != NULL) {
            raw = value_raw(b, &len);
            buf_append(out, raw, len);
        }
        buf_puts(out, c->timestamp ? "*\n" : "\n");
    }
}

static void
check_diff(const char *old_text, const char *new_text, const char *expected)
{
    struct document *old = help_build(pool, old_text);
    struct document *new = help_build(pool, new_text);
    struct document *updated;
    struct changes *changes;
    struct buf b;

    buf_init(&b, 1 << 20);
    CHECK_INT(diff_compare(old, new, &changes), SGO_OK);
    buf_puts(&b, "");
    describe(old, new, changes, &b);
    CHECK_STR(b.data, expected);
    CHECK(value_equal(document_root(old), document_root(new)) ==
          (changes->n == 0));
    changes_release(changes);

    CHECK_INT(document_update(pool, new_text, strlen(new_text), old, &updated,
                              &changes, NULL),
              SGO_OK);
    buf_reset(&b);
    describe(old, updated, changes, &b);
    CHECK_STR(b.data, expected);
    changes_release(changes);
    document_release(updated);

    CHECK_INT(diff_compare_plain(old, new, &changes), SGO_OK);
    buf_reset(&b);
    describe(old, new, changes, &b);
    CHECK_STR(b.data, expected);
    changes_release(changes);

    CHECK_INT(diff_compare(old, old, &changes), SGO_OK);
    CHECK_INT(changes->n, 0);
    changes_release(changes);
    document_release(old);
    document_release(new);
    buf_fini(&b);
}

static void
scalars_change(void)
{
    check_diff("{\"a\":1,\"b\":\"x\"}", "{\"a\":2,\"b\":\"x\"}", "=/a 1>2\n");
    check_diff("{\"a\":{\"b\":{\"c\":true}}}", "{\"a\":{\"b\":{\"c\":false}}}",
               "=/a/b/c true>false\n");
    check_diff("{\"a\":null}", "{\"a\":\"null\"}", "=/a null>\"null\"\n");
    check_diff("{\"a\":1}", "{\"a\":true}", "=/a 1>true\n");
    check_diff("{\"a\":{}}", "{\"a\":[]}", "=/a {}>[]\n");
    check_diff("{\"a\":{\"x\":1}}", "{\"a\":7}", "=/a {\"x\":1}>7\n");
}

static void
equal_values_in_other_spellings_are_no_change(void)
{
    check_diff("{\"a\":1.0,\"b\":\"\\u00e9\",\"c\":1e2,\"d\":0}",
               "{ \"d\" : -0 , \"c\":100, \"b\":\"\xC3\xA9\",\"\\u0061\":1}",
               "");
    check_diff("{\"a\":[1,2,{\"x\":1}]}", "{\"a\":[ 1.0,2 , {\"x\" :1}]}", "");
    check_diff("{\"a\":9007199254740993}", "{\"a\":9007199254740992.0}",
               "=/a 9007199254740993>9007199254740992.0\n");
}

static void
a_member_that_comes_or_goes_is_one_change(void)
{
    check_diff("{\"a\":1}", "{\"a\":1,\"b\":{\"c\":1,\"d\":2}}",
               "+/b >{\"c\":1,\"d\":2}\n");
    check_diff("{\"a\":1,\"b\":{\"c\":1,\"d\":2}}", "{\"a\":1}",
               "-/b {\"c\":1,\"d\":2}>\n");
    check_diff("{\"o\":{\"a\":1,\"b\":2,\"c\":3,\"d\":4},\"z\":1}",
               "{\"o\":{\"x\":9,\"c\":4,\"d\":4,\"a\":1},\"z\":2}",
               "+/o/x >9\n=/o/c 3>4\n-/o/b 2>\n=/z 1>2\n");
    check_diff("{\"a\":1,\"b\":2}", "{\"c\":1}", "+/c >1\n-/a 1>\n-/b 2>\n");
    check_diff("{}", "{\"a\":1}", "+/a >1\n");
    check_diff("{\"a\":null}", "{}", "-/a null>\n");
}

static void
the_order_of_keys_is_nothing(void)
{
    check_diff("{\"a\":1,\"b\":[{\"x\":1,\"y\":2}],\"c\":{\"d\":{},\"e\":3}}",
               "{\"c\":{\"e\":3,\"d\":{}},\"b\":[{\"y\":2,\"x\":1}],\"a\":1}",
               "");
}

static void
arrays_compare_by_position_or_as_a_whole(void)
{
    check_diff("{\"a\":[1,2,3]}", "{\"a\":[1,9,3]}", "=/a/1 2>9\n");
    check_diff("{\"a\":[1,2,3]}", "{\"a\":[1,2]}", "=/a [1,2,3]>[1,2]\n");
    check_diff("{\"a\":[]}", "{\"a\":[[]]}", "=/a []>[[]]\n");
    check_diff("{\"a\":[{\"b\":1},{\"b\":2}]}",
               "{\"a\":[{\"b\":1},{\"b\":3}]}", "=/a/1/b 2>3\n");
    check_diff("{\"a\":[[1,2],[3]]}", "{\"a\":[[1,5],[3,4]]}",
               "=/a/0/1 2>5\n=/a/1 [3]>[3,4]\n");
    check_diff("[1,{\"a\":[2]}]", "[1,{\"a\":[3]}]", "=/1/a/0 2>3\n");
}

static void
alt_lines_change_as_a_whole_when_their_lines_do(void)
{
    check_diff("{\"altLines\":[{\"odds\":\"1\",\"spread\":\"+1.5\"},"
               "{\"odds\":\"2\",\"spread\":\"+2.5\"}]}",
               "{\"altLines\":[{\"odds\":\"1\",\"spread\":\"+1.5\"},"
               "{\"odds\":\"3\",\"spread\":\"+2.5\"}]}",
               "=/altLines/1/odds \"2\">\"3\"\n");
    check_diff("{\"altLines\":[{\"odds\":1,\"spread\":\"+1.5\"}]}",
               "{\"altLines\":[{\"odds\":1,\"spread\":\"+2.5\"}]}",
               "=/altLines [{\"odds\":1,\"spread\":\"+1.5\"}]"
               ">[{\"odds\":1,\"spread\":\"+2.5\"}]\n");
    check_diff("{\"altLines\":[{\"odds\":1,\"overUnder\":\"5\"}]}",
               "{\"altLines\":[{\"odds\":1,\"spread\":\"5\"}]}",
               "=/altLines [{\"odds\":1,\"overUnder\":\"5\"}]"
               ">[{\"odds\":1,\"spread\":\"5\"}]\n");
    check_diff("{\"altLines\":[{\"odds\":1}]}",
               "{\"altLines\":[{\"odds\":2}]}", "=/altLines/0/odds 1>2\n");
    check_diff(
        "{\"altLines\":[{\"odds\":1,\"overUnder\":\"5\"}]}",
        "{\"altLines\":[{\"odds\":2}]}",
        "=/altLines [{\"odds\":1,\"overUnder\":\"5\"}]>[{\"odds\":2}]\n");
    check_diff("{\"other\":[{\"odds\":1,\"spread\":\"5\"}]}",
               "{\"other\":[{\"odds\":1,\"spread\":\"6\"}]}",
               "=/other/0/spread \"5\">\"6\"\n");
}

static void
time_stamps_are_marked(void)
{
    check_diff("{\"q\":{\"odds\":\"1\",\"lastUpdatedAt\":\"x\"}}",
               "{\"q\":{\"odds\":\"2\",\"lastUpdatedAt\":\"y\"}}",
               "=/q/odds \"1\">\"2\"\n=/q/lastUpdatedAt \"x\">\"y\"*\n");
    check_diff("{\"lastUpdatedAt\":1}", "{}", "-/lastUpdatedAt 1>*\n");
    check_diff("{}", "{\"lastUpdatedAt\":1}", "+/lastUpdatedAt >1*\n");
    check_diff("{\"lastUpdatedAt\":[1]}", "{\"lastUpdatedAt\":[2]}",
               "=/lastUpdatedAt/0 1>2\n");
}

static void
of_equal_keys_the_last_counts(void)
{
    check_diff("{\"a\":1,\"a\":2}", "{\"a\":2}", "");
    check_diff("{\"a\":1,\"a\":2}", "{\"a\":9,\"a\":2}", "");
    check_diff("{\"a\":1,\"b\":0,\"a\":2}", "{\"a\":1,\"b\":0,\"a\":3}",
               "=/a 2>3\n");
    check_diff("{\"a\":1,\"b\":0,\"\\u0061\":2}", "{\"a\":1,\"b\":0}",
               "=/a 2>1\n");
    check_diff("{\"a\":{\"x\":1},\"a\":{\"x\":2},\"c\":1}",
               "{\"a\":{\"x\":5},\"c\":1}", "=/a/x 2>5\n");
}

static void
the_roots_may_differ_in_type(void)
{
    check_diff("{\"a\":1}", "[1]", "= {\"a\":1}>[1]\n");
    check_diff("[1]", "[1,2]", "= [1]>[1,2]\n");
}

static void
a_list_too_long_becomes_one_change(void)
{
    struct buf a, b;
    struct document *old, *new;
    struct changes *changes;

    buf_init(&a, 32 << 20);
    buf_init(&b, 32 << 20);
    buf_puts(&a, "{\"x\":[");
    buf_puts(&b, "{\"x\":[");
    for (int i = 0; i <= DIFF_MAX_CHANGES; i++) {
        buf_puts(&a, i ? ",1" : "1");
        buf_puts(&b, i ? ",2" : "2");
    }
    buf_puts(&a, "]}");
    buf_puts(&b, "]}");
    old = help_build_bytes(pool, a.data, a.len);
    new = help_build_bytes(pool, b.data, b.len);
    CHECK_INT(diff_compare(old, new, &changes), SGO_OK);
    CHECK(changes->overflow);
    CHECK_INT(changes->n, 1);
    CHECK_INT(changes->items[0].old_off, 0);
    CHECK_INT(changes->items[0].new_off, 0);
    CHECK(changes_bytes(changes) < 1000);
    changes_release(changes);
    document_release(old);
    document_release(new);
    buf_fini(&a);
    buf_fini(&b);
}

/* --- the samples' oracle ---------------------------------------------- */

struct tally {
    int odds, available, timestamps, book_odds, added_odds, removed;
    int scores, results, status, other;
};

static void
tally_change(const struct path *path, const struct change *c, struct tally *t)
{
    if (c->kind == SGO_CHANGE_REMOVED) {
        t->removed++;
    } else if (c->kind == SGO_CHANGE_ADDED) {
        t->added_odds += path->n == 2 && PATH_IS(path, 0, "odds");
    } else if (PATH_IS(path, 2, "byBookmaker") && path->n == 5) {
        t->odds += PATH_IS(path, 4, "odds");
        t->available += PATH_IS(path, 4, "available");
        t->timestamps += c->timestamp;
    } else if (PATH_IS(path, 0, "odds") && PATH_IS(path, 2, "bookOdds")) {
        t->book_odds++;
    } else if (PATH_IS(path, 0, "teams") && PATH_IS(path, 2, "score")) {
        t->scores++;
    } else if (PATH_IS(path, 0, "results")) {
        t->results++;
    } else if (PATH_IS(path, 0, "status")) {
        t->status++;
    } else {
        t->other++;
    }
}

static void
check_tally(const struct document *old, const struct document *new,
            struct changes *changes)
{
    struct path_namer namer;
    struct tally t = {0};
    int touched = 0;

    path_namer_init(&namer, old, new);
    for (size_t i = 0; i < changes->n; i++) {
        tally_change(path_namer_name(&namer, &changes->items[i]),
                     &changes->items[i], &t);
    }
    CHECK_INT(changes->n, 3546);
    CHECK_INT(t.odds, 302);
    CHECK_INT(t.available, 36);
    CHECK_INT(t.book_odds, 176);
    CHECK_INT(t.added_odds, 2);
    CHECK_INT(t.removed, 0);
    CHECK_INT(t.scores, 2);
    CHECK_INT(t.status, 0);
    CHECK(t.results > 8);
    /* 1,617 quotes of which the time stamp alone changed: those whose
     * neighbours in the list name no other member of theirs. */
    touched = t.timestamps - 1617;
    CHECK(touched > 300 && touched <= t.odds + t.available);
}

static void
the_samples_differ_as_their_oracle_says(void)
{
    static const struct help_style styles[] = {
        {.shuffle = false},
        {.shuffle = true},
        {.shuffle = true, .spaces = true},
    };
    size_t a_len, b_len;
    char *a = help_sample_event("synthetic-nba-live.rev1.json", 0, &a_len);
    char *b = help_sample_event("synthetic-nba-live.rev2.json", 0, &b_len);
    struct document *old, *new, *other;
    struct changes *changes;
    struct buf text;
    struct rand r;

    if (a == NULL || b == NULL) {
        return;
    }
    rand_init(&r, 5);
    buf_init(&text, 32 << 20);
    old = help_build_bytes(pool, a, a_len);
    new = help_build_bytes(pool, b, b_len);
    for (size_t i = 0; i < sizeof(styles) / sizeof(*styles); i++) {
        buf_reset(&text);
        help_rewrite(&r, document_root(new), &styles[i], &text);
        CHECK_INT(document_update(pool, text.data, text.len, old, &other,
                                  &changes, NULL),
                  SGO_OK);
        check_tally(old, other, changes);
        if (i == 0) {
            CHECK_MEM(text.data, text.len, new->body, new->len);
            CHECK(help_replays(old, other, changes));
        }
        changes_release(changes);
        document_release(other);
    }
    document_release(old);
    document_release(new);
    buf_fini(&text);
    mem_free(a);
    mem_free(b);
}

/* --- random pairs ----------------------------------------------------- */

static void
changes_replay_on_random_pairs(void)
{
    struct rand r;
    struct buf a, b;
    size_t changed = 0, total = 0;
    int rounds = check_rounds(3000);

    rand_init(&r, 23);
    buf_init(&a, 1 << 24);
    buf_init(&b, 1 << 24);
    for (int i = 0; i < rounds; i++) {
        struct help_style style = {
            .shuffle = i % 3 == 0,
            .spaces = i % 5 == 0,
            .disguise = i % 2 == 0,
            .change_per_mille = (int)rand_between(&r, 0, i % 4 ? 20 : 300),
        };
        struct document *old, *new;
        struct changes *changes;
        bool equal;

        buf_reset(&a);
        buf_reset(&b);
        help_random(&r, &a);
        old = help_build_bytes(pool, a.data, a.len);
        help_rewrite(&r, document_root(old), &style, &b);
        CHECK_INT(
            document_update(pool, b.data, b.len, old, &new, &changes, NULL),
            SGO_OK);
        equal = value_equal(document_root(old), document_root(new));
        CHECK(equal == (changes->n == 0));
        CHECK(value_equal(document_root(new), document_root(old)) == equal);
        CHECK(style.change_per_mille > 0 || equal);
        CHECK(help_replays(old, new, changes));
        for (size_t c = 0; c < changes->n; c++) {
            struct value x = change_old(&changes->items[c], old);
            struct value y = change_new(&changes->items[c], new);

            CHECK(x.doc == NULL || y.doc == NULL || !value_equal(x, y));
        }
        changed += changes->n > 0;
        total += changes->n;
        changes_release(changes);
        document_release(old);
        document_release(new);
    }
    CHECK(changed > (size_t)rounds / 4);
    CHECK(total > (size_t)rounds);
    buf_fini(&a);
    buf_fini(&b);
}

static void
a_failing_heap_leaves_nothing_behind(void)
{
    struct rand r;
    struct help_style style = {.shuffle = true, .change_per_mille = 200};
    struct buf a, b;
    struct document *old, *new;
    struct changes *changes = NULL;
    sgo_status status = SGO_NO_MEMORY;

    rand_init(&r, 4);
    buf_init(&a, 1 << 22);
    buf_init(&b, 1 << 22);
    while (a.len < 5000) {
        buf_reset(&a);
        help_random(&r, &a);
    }
    old = help_build_bytes(pool, a.data, a.len);
    help_rewrite(&r, document_root(old), &style, &b);
    new = help_build_bytes(pool, b.data, b.len);
    for (int n = 0; status == SGO_NO_MEMORY; n++) {
        struct document *fresh =
            help_build_bytes(pool, b.data, b.len); /* unhashed */

        mem_fail_after(n);
        status = diff_compare(old, fresh, &changes);
        mem_fail_after(-1);
        CHECK(status == SGO_OK || changes == NULL);
        if (status == SGO_OK) {
            CHECK(help_replays(old, fresh, changes));
            changes_release(changes_retain(changes));
            changes_release(changes);
        }
        document_release(fresh);
    }
    CHECK_INT(status, SGO_OK);
    changes_release(NULL);
    document_release(old);
    document_release(new);
    buf_fini(&a);
    buf_fini(&b);
}

int
main(void)
{
    struct pool_stats stats;

    pool = pool_create(1 << 24);
    RUN(scalars_change);
    RUN(equal_values_in_other_spellings_are_no_change);
    RUN(a_member_that_comes_or_goes_is_one_change);
    RUN(the_order_of_keys_is_nothing);
    RUN(arrays_compare_by_position_or_as_a_whole);
    RUN(alt_lines_change_as_a_whole_when_their_lines_do);
    RUN(time_stamps_are_marked);
    RUN(of_equal_keys_the_last_counts);
    RUN(the_roots_may_differ_in_type);
    RUN(a_list_too_long_becomes_one_change);
    RUN(the_samples_differ_as_their_oracle_says);
    RUN(changes_replay_on_random_pairs);
    RUN(a_failing_heap_leaves_nothing_behind);
    pool_stats(pool, &stats);
    if (stats.used_bytes != 0) {
        fprintf(stderr, "%zu bytes are still out\n", stats.used_bytes);
        return 1;
    }
    pool_release(pool);
    return check_done();
}
