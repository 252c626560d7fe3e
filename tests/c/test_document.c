/* json/document: building, reading, equal keys, hashes, threads, failure. */
#include "json/document.h"

#include <pthread.h>
#include <stdlib.h>

#include "check.h"
#include "json_help.h"

static struct pool *pool;

static void
check_raw(struct value v, const char *expected)
{
    size_t len;
    const char *raw = value_raw(v, &len);

    CHECK_MEM(raw, len, expected, strlen(expected));
}

static void
members_are_read(void)
{
    struct document *doc = help_build(
        pool, " { \"eventID\" : \"abc\", \"n\":-1.5 , \"t\":true,\"f\":false,"
              "\"z\":null,\"a\":[1,\"x\",{\"k\":2}, [ ] ],\"o\":{\"k\":{}},"
              "\"\\u00e9\":\"\\u0041\"} ");
    struct value root = document_root(doc), v, w;
    struct value_iter it;
    struct text key;
    size_t n = 0;

    CHECK_STR(doc->event_id, "abc");
    CHECK_INT(doc->event_id_len, 3);
    CHECK_INT(value_type(root), VALUE_OBJECT);
    CHECK_INT(value_len(root), 8);
    CHECK(VALUE_GET(root, "n", &v) && value_type(v) == VALUE_NUMBER);
    check_raw(v, "-1.5");
    CHECK(VALUE_GET(root, "t", &v) && value_type(v) == VALUE_TRUE);
    check_raw(v, "true");
    CHECK(VALUE_GET(root, "f", &v) && value_type(v) == VALUE_FALSE);
    CHECK(VALUE_GET(root, "z", &v) && value_type(v) == VALUE_NULL);
    CHECK(VALUE_GET(root, "\xC3\xA9", &v));
    CHECK(text_equal_bytes(value_text(v), "A", 1));
    CHECK(value_get_text(root, (struct text){"\\u0061", 6, true}, &v));
    CHECK_INT(value_type(v), VALUE_ARRAY);
    CHECK_INT(value_len(v), 4);
    CHECK(!VALUE_GET(root, "", &w));
    CHECK(!VALUE_GET(root, "eventid", &w));
    CHECK(!VALUE_GET(v, "n", &w)); /* an array has no members */
    CHECK(value_at(v, 1, &w));
    check_raw(w, "\"x\"");
    CHECK(!VALUE_GET(w, "n", &w));
    CHECK(!value_at(v, 4, &w));
    CHECK(!value_at(root, 0, &w));
    CHECK(value_at(v, 2, &w));
    check_raw(w, "{\"k\":2}");
    CHECK(VALUE_GET(w, "k", &w));
    CHECK_INT(value_len(w), 0);
    value_iter_init(&it, w);
    CHECK(!value_iter_next(&it, NULL, &v));
    CHECK(value_at(document_root(doc), 0, &v) == false);
    CHECK(VALUE_GET(root, "o", &v) && VALUE_GET(v, "k", &v));
    check_raw(v, "{}");
    CHECK_INT(value_len(v), 0);

    value_iter_init(&it, root);
    while (value_iter_next(&it, &key, &v)) {
        struct value again = document_value(doc, v.off);

        CHECK_INT(again.index, v.index);
        CHECK_INT(again.off, v.off);
        n++;
    }
    CHECK_INT(n, 8);
    document_release(doc);
    document_release(NULL);
}

static void
of_equal_keys_the_last_wins_at_the_first_place(void)
{
    struct document *doc = help_build(
        pool, "{\"a\":1,\"b\":[2],\"\\u0061\":{\"x\":3},\"c\":4,\"b\":5}");
    struct value root = document_root(doc), v;
    struct value_iter it;
    struct text key;
    static const char *const keys[] = {"a", "b", "c"};
    static const char *const values[] = {"{\"x\":3}", "5", "4"};
    int i = 0;

    CHECK_INT(value_len(root), 3);
    CHECK(VALUE_GET(root, "a", &v));
    check_raw(v, "{\"x\":3}");
    CHECK(VALUE_GET(v, "x", &v));
    value_iter_init(&it, root);
    for (; value_iter_next(&it, &key, &v) && i < 3; i++) {
        CHECK(text_equal_bytes(key, keys[i], strlen(keys[i])));
        check_raw(v, values[i]);
    }
    CHECK_INT(i, 3);
    document_release(doc);
}

/* {"k0":0, …} with `n` members, of which some come again with n more. */
static struct document *
large_object(int n, int again)
{
    struct buf b;
    struct document *doc;

    buf_init(&b, 1 << 22);
    buf_puts(&b, "{\"odds\":{");
    for (int i = 0; i < n; i++) {
        buf_printf(&b, "%s\"k%d\":{\"v\":%d}", i ? "," : "", i, i);
    }
    for (int i = 0; i < again; i++) {
        buf_printf(&b, ",\"k%d\":{\"v\":%d}", i, i + n);
    }
    buf_puts(&b, "}}");
    doc = help_build_bytes(pool, b.data, b.len);
    buf_fini(&b);
    return doc;
}

static void
check_large(const struct document *doc, int n, int again)
{
    struct value odds, v;
    struct value_iter it;
    struct text key;
    char name[16], text[32];
    int i = 0;

    CHECK(VALUE_GET(document_root(doc), "odds", &odds));
    value_iter_init(&it, odds);
    for (; value_iter_next(&it, &key, &v); i++) {
        snprintf(name, sizeof(name), "k%d", i);
        snprintf(text, sizeof(text), "{\"v\":%d}", i < again ? i + n : i);
        CHECK(text_equal_bytes(key, name, strlen(name)));
        check_raw(v, text);
        CHECK(value_get(odds, name, strlen(name), &v));
        check_raw(v, text);
    }
    CHECK_INT(i, n);
    CHECK_INT(value_len(odds), n);
    CHECK(!VALUE_GET(odds, "k", &v));
    CHECK(!VALUE_GET(odds, "k1000000", &v));
}

static void
large_objects_are_hashed(void)
{
    for (int n = 28; n < 40; n++) {
        for (int again = 0; again < 6; again += 5) {
            struct document *doc = large_object(n, again);
            size_t before = document_bytes_resident(doc);

            check_large(doc, n, again);
            CHECK((document_bytes_resident(doc) > before) ==
                  (n + again >= DOCUMENT_HASH_MEMBERS));
            document_release(doc);
        }
    }
    struct document *doc = large_object(5000, 0);

    check_large(doc, 5000, 0);
    document_release(doc);
}

static void
without_memory_for_a_hash_reading_goes_on(void)
{
    struct document *doc = large_object(100, 3);
    struct value odds, v;
    struct value_iter it;
    struct text key;
    int n = 0;

    CHECK(VALUE_GET(document_root(doc), "odds", &odds));
    mem_fail_after(0);
    CHECK(VALUE_GET(odds, "k2", &v));
    check_raw(v, "{\"v\":102}");
    mem_fail_after(0);
    value_iter_init(&it, odds);
    mem_fail_after(-1);
    while (value_iter_next(&it, &key, &v)) {
        n++;
    }
    CHECK_INT(n, 100);
    mem_fail_after(0);
    CHECK_INT(value_len(odds), 100);
    mem_fail_after(-1);
    check_large(doc, 100, 3);
    document_release(doc);
}

static void
event_ids_are_decoded_or_empty(void)
{
    static const struct {
        const char *text;
        const char *id;
    } cases[] = {
        {"{\"eventID\":\"x\"}", "x"},
        {"{\"a\":1,\"eventID\":\"DENVER_2024-05-20T00:30:00Z_NBA\"}",
         "DENVER_2024-05-20T00:30:00Z_NBA"},
        {"{\"eventID\":\"\\u0041\\u00e9\"}", "A\xC3\xA9"},
        {"{\"event\\u0049D\":\"x\"}", "x"},
        {"{\"eventID\":\"x\",\"eventID\":\"y\"}", "y"},
        {"{\"eventID\":\"x\",\"eventID\":7}", ""},
        {"{\"eventID\":\"a\\u0000b\"}", ""},
        {"{\"eventID\":\"a\\nb\"}", ""},
        {"{\"eventID\":\"\\ud800\"}", ""},
        {"{\"eventID\":\"\"}", ""},
        {"{\"eventID\":12}", ""},
        {"{\"eventID\":null}", ""},
        {"{}", ""},
        {"[\"eventID\",\"x\"]", ""},
    };
    char text[400];

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct document *doc = help_build(pool, cases[i].text);

        CHECK_STR(doc->event_id, cases[i].id);
        CHECK_INT(doc->event_id_len, strlen(cases[i].id));
        document_release(doc);
    }
    for (int len = 256; len <= 257; len++) {
        struct document *doc;

        snprintf(text, sizeof(text), "{\"eventID\":\"%0*d\"}", len, 0);
        doc = help_build(pool, text);
        CHECK_INT(doc->event_id_len, len == 256 ? 256 : 0);
        document_release(doc);
    }
}

static void
what_is_no_container_is_refused(void)
{
    struct document *doc = NULL;
    struct scan_error err;

    CHECK_INT(document_build(pool, "12", 2, &doc, &err), SGO_INVALID);
    CHECK_STR(err.reason, "object or array expected");
    CHECK_INT(document_build(pool, "{\"a\":}", 6, &doc, &err), SGO_INVALID);
    CHECK_INT(err.offset, 5);
    CHECK_INT(document_build(pool, "", 0, &doc, NULL), SGO_INVALID);
    CHECK(doc == NULL);
}

static void
structure_agrees_with_cjson(void)
{
    static const struct help_style styles[] = {
        {.shuffle = false},
        {.shuffle = true, .spaces = true},
        {.spaces = true, .disguise = true},
    };
    struct rand r;
    struct buf b, c;

    rand_init(&r, 11);
    buf_init(&b, 1 << 22);
    buf_init(&c, 1 << 22);
    for (int i = 0; i < check_rounds(600); i++) {
        struct document *doc;
        cJSON *node;

        buf_reset(&b);
        help_random(&r, &b);
        doc = help_build_bytes(pool, b.data, b.len);
        for (int s = 0; s < 3; s++) {
            struct document *other;

            buf_reset(&c);
            help_rewrite(&r, document_root(doc), &styles[s], &c);
            other = help_build_bytes(pool, c.data, c.len);
            node = cJSON_ParseWithLength(c.data, c.len);
            CHECK(node != NULL);
            CHECK(help_equals_cjson(document_root(other), node));
            CHECK(value_equal(document_root(doc), document_root(other)));
            cJSON_Delete(node);
            document_release(other);
        }
        document_release(doc);
    }
    buf_fini(&b);
    buf_fini(&c);
}

static void
samples_agree_with_cjson(void)
{
    static const char *const names[] = {
        "synthetic-nba-live.rev1.json", "events.final.mlb.json",
        "events.live.wta.json",         "events.upcoming-page.soccer.json",
        "events.prop.nfl.json",         "stream-events-byid.mlb-final.json",
    };

    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        size_t len;
        char *event = help_sample_event(names[i], 0, &len);
        struct document *doc;
        cJSON *node;

        if (event == NULL) {
            return;
        }
        doc = help_build_bytes(pool, event, len);
        node = cJSON_ParseWithLength(event, len);
        CHECK(help_equals_cjson(document_root(doc), node));
        CHECK_INT(doc->event_id_len, 20);
        if (len > 100000) { /* 1.12 in the bytes and the index */
            CHECK((double)document_bytes_resident(doc) < 1.25 * (double)len);
        }
        cJSON_Delete(node);
        document_release(doc);
        mem_free(event);
    }
}

static void
equal_bytes_give_the_held_document(void)
{
    static const char text[] = "{\"eventID\":\"x\",\"a\":1}";
    struct document *doc = help_build(pool, text), *again;
    struct changes *changes;

    CHECK_INT(document_update(pool, text, sizeof(text) - 1, doc, &again,
                              &changes, NULL),
              SGO_OK);
    CHECK(again == doc);
    CHECK_INT(changes->n, 0);
    changes_release(changes);
    document_release(again);
    document_release(doc);
}

static void
a_failing_heap_leaves_nothing_behind(void)
{
    static const char old_text[] = "{\"eventID\":\"x\",\"a\":[1,{}],\"b\":1}";
    static const char new_text[] = "{\"eventID\":\"x\",\"a\":[2,{}],\"c\":1}";
    struct document *old, *doc;
    struct changes *changes;
    struct pool_stats before, after;
    sgo_status status = SGO_NO_MEMORY;
    int n;

    for (n = 0; status == SGO_NO_MEMORY; n++) {
        pool_trim(pool, 0);
        pool_stats(pool, &before);
        mem_fail_after(n);
        status =
            document_build(pool, old_text, sizeof(old_text) - 1, &old, NULL);
        if (status != SGO_OK) {
            pool_stats(pool, &after);
            CHECK_INT(after.used_bytes, before.used_bytes);
        }
    }
    CHECK_INT(status, SGO_OK);
    CHECK(n > 3);
    for (n = 0; n < 20; n++) { /* some failures send it the long way */
        pool_trim(pool, 0);
        pool_stats(pool, &before);
        mem_fail_after(n);
        status = document_update(pool, new_text, sizeof(new_text) - 1, old,
                                 &doc, &changes, NULL);
        mem_fail_after(-1);
        CHECK(status == SGO_OK || status == SGO_NO_MEMORY);
        if (status == SGO_OK) {
            CHECK_INT(changes->n, 3);
            changes_release(changes);
            document_release(doc);
        }
        pool_stats(pool, &after);
        CHECK_INT(after.used_bytes, before.used_bytes);
    }
    CHECK_INT(status, SGO_OK);
    document_release(old);
}

static void *
reader(void *arg)
{
    struct document *doc = arg;
    struct value odds, v;
    char name[16];

    for (int round = 0; round < 20; round++) {
        if (!VALUE_GET(document_root(doc), "odds", &odds)) {
            return arg;
        }
        for (int i = 0; i < 200; i++) {
            snprintf(name, sizeof(name), "k%d", i);
            if (!value_get(odds, name, strlen(name), &v)) {
                return arg;
            }
        }
    }
    document_release(doc);
    return NULL;
}

/* All threads meet the unhashed document at once; one hash is kept. */
static void
threads_read_one_document(void)
{
    for (int round = 0; round < 10; round++) {
        struct document *doc = large_object(200, 0);
        size_t before = document_bytes_resident(doc), alone;
        struct document *other = large_object(200, 0);
        pthread_t threads[4];
        void *failed;

        check_large(other, 200, 0);
        alone = document_bytes_resident(other) - before;
        document_release(other);
        for (int i = 0; i < 4; i++) {
            document_retain(doc);
            pthread_create(&threads[i], NULL, reader, doc);
        }
        for (int i = 0; i < 4; i++) {
            pthread_join(threads[i], &failed);
            CHECK(failed == NULL);
        }
        CHECK_INT(document_bytes_resident(doc) - before, alone);
        document_release(doc);
    }
}

int
main(void)
{
    struct pool_stats stats;

    pool = pool_create(1 << 20);
    RUN(members_are_read);
    RUN(of_equal_keys_the_last_wins_at_the_first_place);
    RUN(large_objects_are_hashed);
    RUN(without_memory_for_a_hash_reading_goes_on);
    RUN(event_ids_are_decoded_or_empty);
    RUN(what_is_no_container_is_refused);
    RUN(structure_agrees_with_cjson);
    RUN(samples_agree_with_cjson);
    RUN(equal_bytes_give_the_held_document);
    RUN(a_failing_heap_leaves_nothing_behind);
    RUN(threads_read_one_document);
    pool_stats(pool, &stats);
    if (stats.used_bytes != 0) {
        fprintf(stderr, "%zu bytes are still out\n", stats.used_bytes);
        return 1;
    }
    pool_release(pool);
    return check_done();
}
