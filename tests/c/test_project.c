/* json/project: what a shape leaves of an event. */
#include "json/project.h"

#include <stdlib.h>

#include "check.h"
#include "json_help.h"
#include "odds_event.h"

static struct pool *pool;

static void
check_project(const struct shape *shape, const char *text,
              const char *expected)
{
    struct document *doc = help_build(pool, text), *out;

    CHECK_INT(project(pool, doc, shape, &out), SGO_OK);
    CHECK_MEM(out->body, out->len, expected, strlen(expected));
    CHECK((out == doc) == (strcmp(text, expected) == 0));
    document_release(out);
    document_release(doc);
}

static void
extras_of_quotes_go(void)
{
    static const char full[] =
        "{\"eventID\":\"e\",\"altLines\":1,\"odds\":{\"x\":{\"openOdds\":\"1\","
        "\"byBookmaker\":{\"a\":{\"odds\":\"1\",\"altLines\":[{}],"
        "\"openOdds\":\"2\",\"openSpread\":\"2\",\"openOverUnder\":\"2\","
        "\"closeOdds\":\"2\",\"closeSpread\":\"2\",\"closeOverUnder\":\"2\","
        "\"available\":true}}}},\"results\":{\"closeOdds\":1}}";
    struct shape shape;

    shape_init(&shape);
    CHECK(!shape_is_everything(&shape));
    check_project(&shape, full,
                  "{\"eventID\":\"e\",\"altLines\":1,\"odds\":{\"x\":{"
                  "\"openOdds\":\"1\",\"byBookmaker\":{\"a\":{\"odds\":\"1\","
                  "\"available\":true}}}},\"results\":{\"closeOdds\":1}}");
    shape.include_alt_lines = true;
    check_project(&shape, full,
                  "{\"eventID\":\"e\",\"altLines\":1,\"odds\":{\"x\":{"
                  "\"openOdds\":\"1\",\"byBookmaker\":{\"a\":{\"odds\":\"1\","
                  "\"altLines\":[{}],"
                  "\"available\":true}}}},\"results\":{\"closeOdds\":1}}");
    shape.include_open_close = true;
    CHECK(shape_is_everything(&shape));
    check_project(&shape, full, full);
    shape_fini(&shape);
}

static void
nothing_to_prune_keeps_the_document(void)
{
    struct shape shape;

    shape_init(&shape);
    check_project(&shape, "{ \"odds\" : { \"x\" : { } } }",
                  "{ \"odds\" : { \"x\" : { } } }");
    check_project(&shape, "{\"a\":{\"altLines\":1}}",
                  "{\"a\":{\"altLines\":1}}");
    check_project(&shape, "{\"odds\":[{\"altLines\":1}]}",
                  "{\"odds\":[{\"altLines\":1}]}");
    check_project(&shape, "[{\"odds\":{\"a\":1}}]", "[{\"odds\":{\"a\":1}}]");
    check_project(&shape,
                  "{\"odds\":{\"x\":null,\"y\":{\"byBookmaker\":7},"
                  "\"z\":{\"byBookmaker\":{\"a\":3}}}}",
                  "{\"odds\":{\"x\":null,\"y\":{\"byBookmaker\":7},"
                  "\"z\":{\"byBookmaker\":{\"a\":3}}}}");
    shape_fini(&shape);
}

static void
other_bookmakers_go(void)
{
    const char *ids[] = {"c", "a"};
    struct shape shape;

    shape_init(&shape);
    CHECK_INT(shape_set_bookmaker_ids(&shape, ids, 2), SGO_OK);
    check_project(&shape,
                  "{\"odds\":{\"x\":{\"byBookmaker\":{\"b\":{},\"a\":{\"odds\""
                  ":\"1\"},\"\\u0063\":{}}},\"y\":{\"byBookmaker\":{\"b\":1}}}"
                  ",\"links\":{\"bookmakers\":{\"b\":\"u\"}}}",
                  "{\"odds\":{\"x\":{\"byBookmaker\":{\"a\":{\"odds\":\"1\"},"
                  "\"\\u0063\":{}}},\"y\":{\"byBookmaker\":{}}}"
                  ",\"links\":{\"bookmakers\":{\"b\":\"u\"}}}");
    check_project(&shape, "{\"odds\":{\"x\":{\"byBookmaker\":{\"a\":1}}}}",
                  "{\"odds\":{\"x\":{\"byBookmaker\":{\"a\":1}}}}");
    shape_fini(&shape);
}

static void
odds_not_asked_for_go(void)
{
    const char *ids[] = {"points-home-game-ml-home",
                         "points-PLAYER_ID-game-ou-over"};
    struct shape shape;

    shape_init(&shape);
    CHECK_INT(shape_set_odd_ids(&shape, ids, 2), SGO_OK);
    CHECK_INT(shape.exact_odd_id_count, 1);
    check_project(&shape,
                  "{\"odds\":{\"points-home-game-ml-home\":{},"
                  "\"points-away-game-ml-away\":{\"opposingOddID\":"
                  "\"points-home-game-ml-home\"},"
                  "\"points-LEBRON_JAMES_1_NBA-game-ou-over\":{},"
                  "\"points-LEBRON_JAMES_1_NBA-game-ou-under\":{},"
                  "\"points-LEBRON_JAMES_1_NBA-1h-ou-over\":{},"
                  "\"points--game-ou-over\":{},"
                  "\"points-all-game-ou-over\":{}}}",
                  "{\"odds\":{\"points-home-game-ml-home\":{},"
                  "\"points-LEBRON_JAMES_1_NBA-game-ou-over\":{}}}");
    check_project(&shape, "{\"odds\":{\"z\":1}}", "{\"odds\":{}}");
    shape_fini(&shape);
}

static void
the_opposing_odd_stays_when_asked_for(void)
{
    const char *ids[] = {"a", "p-PLAYER_ID-g"};
    struct shape shape;

    shape_init(&shape);
    CHECK_INT(shape_set_odd_ids(&shape, ids, 2), SGO_OK);
    shape.include_opposing = true;
    /* b names a; c is named by a; d is the other side of a player's; e is
     * nobody's. */
    check_project(&shape,
                  "{\"odds\":{\"b\":{\"opposingOddID\":\"a\"},"
                  "\"a\":{\"opposingOddID\":\"\\u0063\"},\"c\":{},"
                  "\"d\":{\"opposingOddID\":\"p-X-g\"},"
                  "\"e\":{\"opposingOddID\":\"b\"},\"f\":1}}",
                  "{\"odds\":{\"b\":{\"opposingOddID\":\"a\"},"
                  "\"a\":{\"opposingOddID\":\"\\u0063\"},\"c\":{},"
                  "\"d\":{\"opposingOddID\":\"p-X-g\"}}}");
    shape_fini(&shape);
}

static void
bad_names_are_refused(void)
{
    const char *empty[] = {"a", ""};
    static const char *many[NAMES_MAX + 1];
    struct shape shape;

    shape_init(&shape);
    for (int i = 0; i <= NAMES_MAX; i++) {
        many[i] = "x";
    }
    CHECK_INT(shape_set_odd_ids(&shape, empty, 2), SGO_INVALID);
    CHECK_INT(shape_set_bookmaker_ids(&shape, empty, 2), SGO_INVALID);
    CHECK_INT(shape_set_odd_ids(&shape, many, NAMES_MAX + 1), SGO_LIMIT);
    CHECK_INT(shape_set_odd_ids(&shape, NULL, 0), SGO_OK);
    CHECK_INT(shape.odd_id_count + shape.bookmaker_id_count, 0);
    shape_fini(&shape);
}

/* A snapshot with alternative lines against the answer without: pruned, the
 * two differ in nothing that stands in both. */
static void
a_pruned_snapshot_holds_what_a_refetch_holds(void)
{
    size_t a_len, b_len, i = 0;
    char *a =
        help_sample_event("stream-events-byid.mlb-final.json", 0, &a_len);
    char *b = help_sample_event("events.final.mlb.json", 0, &b_len);
    struct document *old, *new, *pruned;
    struct value_iter it, books;
    struct value odds, odd, other, quote, v;
    struct text key, book;
    struct shape shape;

    if (a == NULL || b == NULL) {
        return;
    }
    shape_init(&shape);
    old = help_build_bytes(pool, a, a_len);
    new = help_build_bytes(pool, b, b_len);
    CHECK_INT(project(pool, old, &shape, &pruned), SGO_OK);
    CHECK(pruned->len < old->len / 2);
    CHECK(strstr(old->body, "altLines") != NULL);
    CHECK(strstr(pruned->body, "altLines") == NULL);
    CHECK(VALUE_GET(document_root(pruned), "odds", &odds));
    CHECK_INT(value_len(odds), 14);
    value_iter_init(&it, odds);
    while (value_iter_next(&it, &key, &odd)) {
        CHECK(VALUE_GET(document_root(new), "odds", &other));
        if (!value_get_text(other, key, &other) ||
            !VALUE_GET(odd, "byBookmaker", &odd) ||
            !VALUE_GET(other, "byBookmaker", &other)) {
            continue;
        }
        value_iter_init(&books, odd);
        while (value_iter_next(&books, &book, &quote)) {
            if (value_get_text(other, book, &v)) {
                CHECK(value_equal(quote, v));
                i++;
            }
        }
    }
    CHECK(i == 0 || i > 5);
    shape_fini(&shape);
    document_release(old);
    document_release(new);
    document_release(pruned);
    mem_free(a);
    mem_free(b);
}

static void
an_update_prunes_builds_and_compares(void)
{
    static const char held[] = "{\"odds\":{\"x\":{\"byBookmaker\":{\"a\":"
                               "{\"odds\":\"1\"}}}}}";
    static const char full[] =
        "{\"odds\":{\"x\":{\"byBookmaker\":{\"a\":{\"odds\":\"1\","
        "\"altLines\":[]}}}}}";
    static const char news[] =
        "{\"odds\":{\"x\":{\"byBookmaker\":{\"a\":{\"odds\":\"2\","
        "\"altLines\":[]}}}}}";
    struct document *old, *doc;
    struct changes *changes = NULL;
    struct shape shape;
    struct scan_error err;
    bool pruned;

    shape_init(&shape);
    CHECK_INT(project_update(pool, full, sizeof(full) - 1, &shape, NULL, &old,
                             &changes, &pruned, NULL),
              SGO_OK);
    CHECK(pruned && changes == NULL);
    CHECK_MEM(old->body, old->len, held, sizeof(held) - 1);

    CHECK_INT(project_update(pool, full, sizeof(full) - 1, &shape, old, &doc,
                             &changes, &pruned, NULL),
              SGO_OK);
    CHECK(doc == old && pruned && changes->n == 0);
    document_release(doc);
    changes_release(changes);

    CHECK_INT(project_update(pool, held, sizeof(held) - 1, &shape, old, &doc,
                             &changes, &pruned, NULL),
              SGO_OK);
    CHECK(doc == old && !pruned && changes->n == 0);
    document_release(doc);
    changes_release(changes);

    CHECK_INT(project_update(pool, news, sizeof(news) - 1, &shape, old, &doc,
                             &changes, &pruned, NULL),
              SGO_OK);
    CHECK(doc != old && pruned && changes->n == 1);
    document_release(doc);
    changes_release(changes);

    CHECK_INT(project_update(pool, news, sizeof(news) - 1, NULL, old, &doc,
                             &changes, NULL, NULL),
              SGO_OK);
    CHECK_INT(changes->n, 2);
    document_release(doc);
    changes_release(changes);

    CHECK_INT(project_update(pool, news, sizeof(news) - 2, &shape, old, &doc,
                             &changes, &pruned, &err),
              SGO_INVALID);
    CHECK_STR(err.reason, "cut short");
    document_release(old);
    shape_fini(&shape);
}

/* cJSON's reading without what one bookmaker's shape excludes. */
static cJSON *
pruned_by_cjson(const struct document *doc, const char *bookmaker, bool lines)
{
    cJSON *root = cJSON_ParseWithLength(doc->body, doc->len);
    cJSON *odds = cJSON_GetObjectItemCaseSensitive(root, "odds");
    cJSON *odd, *books, *book, *next;

    cJSON_ArrayForEach(odd, odds)
    {
        books = cJSON_GetObjectItemCaseSensitive(odd, "byBookmaker");
        for (book = books ? books->child : NULL; book != NULL; book = next) {
            next = book->next;
            if (!lines) {
                cJSON_DeleteItemFromObjectCaseSensitive(book, "altLines");
            }
            if (strcmp(book->string, bookmaker) != 0) {
                cJSON_Delete(cJSON_DetachItemViaPointer(books, book));
            }
        }
    }
    return root;
}

/* The result is the document that its bytes would give, prunes to itself, and
 * says what cJSON says. */
static void
pruned_events_are_documents(void)
{
    static const char *const books[] = {"alphabet", "highstake", "unknown",
                                        "nobody"};
    struct rand r;
    struct buf a, b;

    rand_init(&r, 61);
    buf_init(&a, 1 << 22);
    buf_init(&b, 1 << 22);
    for (int i = 0; i < check_rounds(80); i++) {
        struct help_style style = {
            .shuffle = i % 2, .spaces = i % 3 == 0, .disguise = i % 5 == 0};
        const char *book = books[i % 4];
        struct document *doc, *again, *out = NULL, *same = NULL;
        struct shape shape;
        cJSON *wanted, *got;

        buf_reset(&a);
        buf_reset(&b);
        odds_event_write(&r, 1 + i % 9, &a);
        doc = help_build_bytes(pool, a.data, a.len);
        help_rewrite(&r, document_root(doc), &style, &b);
        document_release(doc);
        doc = help_build_bytes(pool, b.data, b.len);
        shape_init(&shape);
        shape.include_alt_lines = i % 4 == 0;
        CHECK_INT(shape_set_bookmaker_ids(&shape, &book, 1), SGO_OK);
        CHECK_INT(project(pool, doc, &shape, &out), SGO_OK);
        again = help_build_bytes(pool, out->body, out->len);
        CHECK_MEM(out->containers, out->count * sizeof(struct container),
                  again->containers, again->count * sizeof(struct container));
        CHECK_INT(project(pool, out, &shape, &same), SGO_OK);
        CHECK(same == out);
        wanted = pruned_by_cjson(doc, book, shape.include_alt_lines);
        got = cJSON_ParseWithLength(out->body, out->len);
        CHECK(wanted != NULL && got != NULL && help_same_json(wanted, got));
        cJSON_Delete(wanted);
        cJSON_Delete(got);
        document_release(same);
        document_release(again);
        document_release(out);
        document_release(doc);
        shape_fini(&shape);
    }
    buf_fini(&a);
    buf_fini(&b);
}

static void
equal_keys_are_pruned_by_the_last(void)
{
    const char *ids[] = {"a"};
    struct shape shape;

    shape_init(&shape);
    CHECK_INT(shape_set_odd_ids(&shape, ids, 1), SGO_OK);
    shape.include_opposing = true;
    check_project(&shape,
                  "{\"odds\":{\"b\":{\"opposingOddID\":\"a\"},\"a\":{},"
                  "\"b\":{},\"c\":{},\"c\":{\"opposingOddID\":\"a\"}}}",
                  "{\"odds\":{\"a\":{},\"c\":{},"
                  "\"c\":{\"opposingOddID\":\"a\"}}}");
    check_project(&shape, "{\"odds\":{\"x\":1},\"odds\":{\"y\":[1],\"a\":2}}",
                  "{\"odds\":{},\"odds\":{\"a\":2}}");
    shape_fini(&shape);
}

static void
a_failing_heap_leaves_nothing_behind(void)
{
    static const char text[] =
        "{\"odds\":{\"a\":{\"opposingOddID\":\"b\",\"byBookmaker\":{\"k\":{"
        "\"altLines\":[]}}},\"b\":{},\"c\":{}}}";
    const char *ids[] = {"a", "b"};
    struct document *old = help_build(pool, "{\"odds\":{}}"), *doc;
    struct changes *changes;
    struct pool_stats before, after;
    sgo_status status = SGO_NO_MEMORY;
    struct shape shape;

    for (int n = 0; status == SGO_NO_MEMORY; n++) {
        shape_init(&shape);
        mem_fail_after(n);
        status = shape_set_odd_ids(&shape, ids, 1);
        if (status == SGO_OK) {
            status = shape_set_bookmaker_ids(&shape, ids, 2);
        }
        mem_fail_after(-1);
        if (status != SGO_OK) {
            shape_fini(&shape);
        }
    }
    shape.include_opposing = true;
    status = SGO_NO_MEMORY;
    for (int n = 0; status == SGO_NO_MEMORY; n++) {
        pool_trim(pool, 0);
        pool_stats(pool, &before);
        mem_fail_after(n);
        status = project_update(pool, text, sizeof(text) - 1, &shape, old,
                                &doc, &changes, NULL, NULL);
        if (status != SGO_OK) {
            pool_stats(pool, &after);
            CHECK_INT(after.used_bytes, before.used_bytes);
        }
    }
    mem_fail_after(-1);
    CHECK_INT(status, SGO_OK);
    CHECK_INT(changes->n, 2);
    changes_release(changes);
    document_release(doc);
    document_release(old);
    shape_fini(&shape);
}

int
main(void)
{
    struct pool_stats stats;

    pool = pool_create(1 << 24);
    RUN(extras_of_quotes_go);
    RUN(nothing_to_prune_keeps_the_document);
    RUN(other_bookmakers_go);
    RUN(odds_not_asked_for_go);
    RUN(the_opposing_odd_stays_when_asked_for);
    RUN(bad_names_are_refused);
    RUN(a_pruned_snapshot_holds_what_a_refetch_holds);
    RUN(an_update_prunes_builds_and_compares);
    RUN(pruned_events_are_documents);
    RUN(equal_keys_are_pruned_by_the_last);
    RUN(a_failing_heap_leaves_nothing_behind);
    pool_stats(pool, &stats);
    if (stats.used_bytes != 0) {
        fprintf(stderr, "%zu bytes are still out\n", stats.used_bytes);
        return 1;
    }
    pool_release(pool);
    return check_done();
}
