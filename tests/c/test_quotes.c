/* json/quotes: reading quotes, changes by quote, consensus. */
#include "json/quotes.h"

#include <stdlib.h>

#include "check.h"
#include "json/path.h"
#include "json_help.h"

static struct pool *pool;

static void
fields_are_read(void)
{
    struct document *doc = help_build(
        pool,
        "{\"a\":{\"odds\":\"-110\",\"spread\":\"+1.5\",\"available\":true,"
        "\"lastUpdatedAt\":\"2025-08-27T20:03:50.406Z\","
        "\"deeplink\":\"https://x/?a=1&b\"},"
        "\"b\":{\"odds\":\"\\u002b105\",\"overUnder\":\"226.5\","
        "\"available\":false},"
        "\"c\":{\"odds\":\"N/A\",\"spread\":null,\"available\":\"yes\","
        "\"lastUpdatedAt\":\"yesterday\",\"deeplink\":5},"
        "\"d\":{\"odds\":-120,\"spread\":-4.5},\"e\":7}");
    struct value root = document_root(doc), v;
    struct quote_fields q;

    CHECK(VALUE_GET(root, "a", &v));
    quote_read(v, &q);
    CHECK(q.has_odds && q.odds_value == -110);
    CHECK(text_equal_bytes(q.odds, "-110", 4));
    CHECK(q.has_line && q.line_value == 1.5);
    CHECK(text_equal_bytes(q.line, "+1.5", 4));
    CHECK(q.has_available && q.available);
    CHECK(q.has_last_updated_at);
    CHECK_INT(q.last_updated_at_ns, INT64_C(1756325030406000000));
    CHECK(text_equal_bytes(q.deeplink, "https://x/?a=1&b", 16));

    CHECK(VALUE_GET(root, "b", &v));
    quote_read(v, &q);
    CHECK(q.has_odds && q.odds_value == 105);
    CHECK(q.has_line && q.line_value == 226.5);
    CHECK(q.has_available && !q.available);
    CHECK(!q.has_last_updated_at);
    CHECK(q.deeplink.raw == NULL);

    CHECK(VALUE_GET(root, "c", &v));
    quote_read(v, &q);
    CHECK(!q.has_odds && text_equal_bytes(q.odds, "N/A", 3));
    CHECK(!q.has_line && q.line.raw == NULL);
    CHECK(!q.has_available);
    CHECK(!q.has_last_updated_at);
    CHECK(q.deeplink.raw == NULL);

    CHECK(VALUE_GET(root, "d", &v));
    quote_read(v, &q);
    CHECK(q.has_odds && q.odds_value == -120);
    CHECK(q.has_line && q.line_value == -4.5);

    CHECK(VALUE_GET(root, "e", &v));
    quote_read(v, &q);
    CHECK(!q.has_odds && q.odds.raw == NULL && !q.has_line);
    quote_read((struct value){NULL, 0, VALUE_LEAF}, &q);
    CHECK(!q.has_odds && q.odds.raw == NULL && !q.has_line);
    document_release(doc);
}

static void
write_text(struct text text, struct buf *out)
{
    char name[256];
    size_t len;

    if (text_decode(text, name, sizeof(name), &len) == SGO_OK) {
        buf_append(out, name, len);
    }
}

static void
quotes_are_iterated(void)
{
    static const char text[] =
        "{\"odds\":{\"x1\":{\"byBookmaker\":{\"a\":{\"odds\":\"1\","
        "\"altLines\":[{\"odds\":\"2\"},7,{\"odds\":\"3\"}]},\"b\":null,"
        "\"c\":{\"altLines\":{}}}},\"x2\":{},\"x3\":5,"
        "\"x4\":{\"byBookmaker\":[{}]},\"y\":{\"byBookmaker\":{\"a\":{}}}}}";
    static const struct {
        const char *pattern;
        const char *book;
        bool alt_lines;
        const char *expected;
    } cases[] = {
        {NULL, NULL, true, "x1/a x1/a+0 x1/a+2 x1/c y/a "},
        {NULL, NULL, false, "x1/a x1/c y/a "},
        {"y", NULL, true, "y/a "},
        {"x*", "a", true, "x1/a x1/a+0 x1/a+2 "},
        {NULL, "c", true, "x1/c "},
        {"zz", NULL, true, ""},
    };
    struct document *doc = help_build(pool, text);
    struct buf b;

    buf_init(&b, 1 << 12);
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct show_filter filter;
        struct quote_iter it;
        struct quote q;

        show_filter_init(&filter);
        if (cases[i].pattern != NULL) {
            CHECK_INT(
                show_filter_set_odd_ids(&filter, &cases[i].pattern, 1, NULL),
                SGO_OK);
        }
        if (cases[i].book != NULL) {
            CHECK_INT(show_filter_set_bookmaker_ids(&filter, &cases[i].book, 1,
                                                    NULL),
                      SGO_OK);
        }
        buf_reset(&b);
        buf_puts(&b, "");
        quote_iter_init(&it, doc, i ? &filter : NULL, cases[i].alt_lines);
        while (quote_iter_next(&it, &q)) {
            struct value again;

            write_text(q.odd_id, &b);
            buf_putc(&b, '/');
            write_text(q.bookmaker_id, &b);
            if (q.is_alt_line) {
                buf_printf(&b, "+%u", q.position);
            }
            buf_putc(&b, ' ');
            CHECK_INT(value_type(q.value), VALUE_OBJECT);
            CHECK(VALUE_GET(q.odd, "byBookmaker", &again));
        }
        CHECK(!quote_iter_next(&it, &q));
        CHECK_STR(b.data, cases[i].expected);
        show_filter_fini(&filter);
    }
    document_release(doc);
    doc = help_build(pool, "[{\"odds\":{}}]");
    {
        struct quote_iter it;
        struct quote q;

        quote_iter_init(&it, doc, NULL, true);
        CHECK(!quote_iter_next(&it, &q));
    }
    document_release(doc);
    buf_fini(&b);
}

/* --- changes ---------------------------------------------------------- */

static void
write_odds(struct value quote, struct buf *out)
{
    struct quote_fields q;

    if (quote.doc == NULL) {
        buf_putc(out, '-');
        return;
    }
    quote_read(quote, &q);
    if (q.odds.raw != NULL) {
        write_text(q.odds, out);
    }
    if (q.line.raw != NULL) {
        buf_putc(out, '@');
        write_text(q.line, out);
    }
}

/* The same is found where nothing is known of equal keys: by names then, not
 * by places. */
static void
check_by_name(const struct document *old, const char *new_text,
              const struct changes *changes, const struct show_filter *filter,
              const struct quote_changes *wanted)
{
    struct document *new = help_build(pool, new_text);
    struct quote_changes quotes;

    CHECK_INT(quotes_changed(old, new, changes, filter, &quotes), SGO_OK);
    CHECK_INT(quotes.n, wanted->n);
    for (size_t i = 0; i < quotes.n && i < wanted->n; i++) {
        const struct quote_change *a = &quotes.items[i],
                                  *b = &wanted->items[i];

        CHECK(text_equal(a->odd_id, b->odd_id) &&
              text_equal(a->bookmaker_id, b->bookmaker_id));
        CHECK_INT(a->is_alt_line, b->is_alt_line);
        CHECK_INT(a->old_quote.off, b->old_quote.off);
        CHECK_INT(a->old_quote.index, b->old_quote.index);
        CHECK_INT(a->new_quote.off, b->new_quote.off);
        CHECK_INT(a->new_quote.index, b->new_quote.index);
    }
    quote_changes_fini(&quotes);
    document_release(new);
}

static void
check_quotes(const char *old_text, const char *new_text,
             const struct show_filter *filter, const char *expected)
{
    struct document *old = help_build(pool, old_text);
    struct document *new = help_build(pool, new_text);
    struct changes *changes;
    struct quote_changes quotes;
    struct consensus_changes consensus;
    struct buf b;

    buf_init(&b, 1 << 14);
    buf_puts(&b, "");
    CHECK_INT(diff_compare(old, new, &changes), SGO_OK);
    CHECK_INT(quotes_changed(old, new, changes, filter, &quotes), SGO_OK);
    check_by_name(old, new_text, changes, filter, &quotes);
    for (size_t i = 0; i < quotes.n; i++) {
        const struct quote_change *c = &quotes.items[i];

        write_text(c->odd_id, &b);
        buf_putc(&b, '/');
        write_text(c->bookmaker_id, &b);
        buf_puts(&b, c->is_alt_line ? "+ " : " ");
        write_odds(c->old_quote, &b);
        buf_putc(&b, '>');
        write_odds(c->new_quote, &b);
        buf_putc(&b, ';');
    }
    CHECK_INT(consensus_changed(old, new, changes, filter, &consensus),
              SGO_OK);
    for (size_t i = 0; i < consensus.n; i++) {
        const struct consensus_change *c = &consensus.items[i];
        const struct value sides[2] = {c->old_value, c->new_value};

        write_text(c->odd_id, &b);
        buf_printf(&b, ".%s ", consensus_field_name(c->field));
        for (int s = 0; s < 2; s++) {
            if (sides[s].doc != NULL) {
                size_t len;
                const char *raw = value_raw(sides[s], &len);

                buf_append(&b, raw, len);
            } else {
                buf_putc(&b, '-');
            }
            buf_putc(&b, s ? ';' : '>');
        }
    }
    CHECK_STR(b.data, expected);
    quote_changes_fini(&quotes);
    consensus_changes_fini(&consensus);
    changes_release(changes);
    document_release(old);
    document_release(new);
    buf_fini(&b);
}

#define ODDS(inside) "{\"odds\":{" inside "}}"
#define ODD(id, inside) "\"" id "\":{\"oddID\":\"" id "\"," inside "}"
#define BOOKS(inside) "\"byBookmaker\":{" inside "}"
#define QUOTE(book, odds, time)                                               \
    "\"" book "\":{\"odds\":\"" odds "\",\"lastUpdatedAt\":\"" time "\"}"
#define LINES(book, odds, lines)                                              \
    "\"" book "\":{\"odds\":\"" odds "\",\"altLines\":[" lines "]}"
#define LINE(odds, line, time)                                                \
    "{\"odds\":\"" odds "\",\"spread\":\"" line                               \
    "\",\"lastUpdatedAt\":\"" time "\"}"

static void
changed_quotes_are_listed_once(void)
{
    check_quotes(
        ODDS(ODD("x", BOOKS(QUOTE("a", "1", "t") "," QUOTE("b", "5", "t")))),
        ODDS(ODD("x", BOOKS(QUOTE("a", "2", "u") "," QUOTE("b", "5", "u")))),
        NULL, "x/a 1>2;");
    check_quotes(ODDS(ODD("x", BOOKS(QUOTE("a", "1", "t")))),
                 ODDS(ODD("x", BOOKS("\"a\":{\"lastUpdatedAt\":\"t\","
                                     "\"available\":true,\"odds\":\"1\"}"))),
                 NULL, "x/a 1>1;");
    /* Changes of both kinds in one quote. */
    check_quotes(ODDS(ODD("x", BOOKS("\"a\":{\"odds\":\"1\",\"m\":{\"k\":1},"
                                     "\"deeplink\":\"d\"}"))),
                 ODDS(ODD("x", BOOKS("\"a\":{\"m\":{},\"odds\":\"2\"}"))),
                 NULL, "x/a 1>2;");
    check_quotes(ODDS(ODD("x", BOOKS(QUOTE("a", "1", "t")))),
                 ODDS(ODD("x", BOOKS(QUOTE("a", "\\u0031", "u")))), NULL, "");
}

static void
of_equal_members_the_last_is_compared(void)
{
    check_quotes(
        ODDS(ODD("x", BOOKS("\"a\":{\"odds\":\"1\",\"odds\":\"2\"}"))),
        ODDS(ODD("x", BOOKS("\"a\":{\"odds\":\"9\",\"odds\":\"2\"}"))), NULL,
        "");
    check_quotes(
        ODDS(ODD("x", BOOKS("\"a\":{\"odds\":\"1\",\"odds\":\"2\"}"))),
        ODDS(ODD("x", BOOKS("\"a\":{\"odds\":\"1\",\"odds\":\"3\"}"))), NULL,
        "x/a 2>3;");
    check_quotes(
        ODDS(ODD("x", BOOKS("\"a\":{\"odds\":\"1\",\"\\u006fdds\":\"2\"}"))),
        ODDS(ODD("x", BOOKS("\"a\":{\"odds\":\"3\",\"\\u006fdds\":\"2\"}"))),
        NULL, "");
}

static void
quotes_come_and_go_alone_or_with_what_holds_them(void)
{
    check_quotes(
        ODDS(ODD("x", BOOKS(QUOTE("a", "1", "t") "," QUOTE("b", "5", "t")))),
        ODDS(ODD("x", BOOKS(QUOTE("c", "7", "t") "," QUOTE("b", "5", "t")))),
        NULL, "x/c ->7;x/a 1>-;");
    check_quotes(ODDS(ODD("x", "\"byBookmaker\":null")),
                 ODDS(ODD("x", BOOKS(QUOTE("c", "7", "t")))), NULL,
                 "x/c ->7;");
    check_quotes(ODDS(ODD("x", BOOKS(QUOTE("c", "7", "t")))),
                 ODDS(ODD("x", "\"a\":1")), NULL, "x/c 7>-;");
    check_quotes(ODDS(ODD("x", BOOKS(QUOTE("c", "7", "t")))),
                 ODDS(ODD("y", BOOKS(QUOTE("c", "8", "t")))), NULL,
                 "y/c ->8;x/c 7>-;");
    check_quotes("{}", ODDS(ODD("y", BOOKS(QUOTE("c", "8", "t")))), NULL,
                 "y/c ->8;");
    check_quotes(ODDS(ODD("y", BOOKS(QUOTE("c", "8", "t")))), "{}", NULL,
                 "y/c 8>-;");
    check_quotes(ODDS(ODD("y", BOOKS(QUOTE("c", "8", "t")))), "[]", NULL,
                 "y/c 8>-;");
    check_quotes(ODDS(ODD("y", BOOKS("\"c\":null"))),
                 ODDS(ODD("y", BOOKS(QUOTE("c", "8", "t")))), NULL,
                 "y/c ->8;");
    check_quotes(ODDS(ODD("y", BOOKS("\"c\":1"))),
                 ODDS(ODD("y", BOOKS("\"c\":2"))), NULL, "");
    check_quotes("{\"odds\":[[[[1,2]]]]}", "{\"odds\":[[[[1,3]]]]}", NULL, "");
}

static void
alternative_lines_match_by_line(void)
{
    /* One price changes; the time stamps of all move. */
    check_quotes(
        ODDS(ODD("x",
                 BOOKS(LINES("a", "1",
                             LINE("5", "+1", "t") "," LINE("6", "+2", "t"))))),
        ODDS(ODD("x",
                 BOOKS(LINES("a", "1",
                             LINE("5", "+1", "u") "," LINE("7", "+2", "u"))))),
        NULL, "x/a+ 6@+2>7@+2;");
    /* Moved, one new, one gone: no position counts. */
    check_quotes(
        ODDS(ODD("x",
                 BOOKS(LINES("a", "1",
                             LINE("5", "+1", "t") "," LINE("6", "+2", "t"))))),
        ODDS(ODD("x",
                 BOOKS(LINES("a", "2",
                             LINE("8", "+3", "t") "," LINE("5", "+1", "t"))))),
        NULL, "x/a 1>2;x/a+ ->8@+3;x/a+ 6@+2>-;");
    /* The same line twice: the first with the first. */
    check_quotes(
        ODDS(ODD("x",
                 BOOKS(LINES("a", "1",
                             LINE("5", "+1", "t") "," LINE("6", "+1", "t"))))),
        ODDS(ODD("x",
                 BOOKS(LINES("a", "1",
                             LINE("5", "+1", "t") "," LINE(
                                 "6", "+1", "t") "," LINE("7", "+1", "t"))))),
        NULL, "x/a+ ->7@+1;");
    check_quotes(ODDS(ODD("x", BOOKS(LINES("a", "1", LINE("5", "+1", "t"))))),
                 ODDS(ODD("x", BOOKS(QUOTE("a", "1", "t")))), NULL,
                 "x/a+ 5@+1>-;");
    check_quotes(ODDS(ODD("x", BOOKS(""))),
                 ODDS(ODD("x", BOOKS(LINES("a", "1", LINE("5", "+1", "t"))))),
                 NULL, "x/a ->1;x/a+ ->5@+1;");
    /* Lines that are no array are no news, however their key is written. */
    check_quotes(
        ODDS(ODD("x", BOOKS("\"a\":{\"odds\":\"1\",\"altLines\":5}"))),
        ODDS(ODD("x", BOOKS("\"a\":{\"odds\":\"1\",\"altLines\":6}"))), NULL,
        "");
    check_quotes(ODDS(ODD("x", BOOKS("\"a\":{\"alt\\u004cines\":\"5\"}"))),
                 ODDS(ODD("x", BOOKS("\"a\":{\"alt\\u004cines\":\"6\"}"))),
                 NULL, "");
    check_quotes(ODDS(ODD("x", BOOKS("\"a\":{\"altLines\" : 5}"))),
                 ODDS(ODD("x", BOOKS("\"a\":{\"altLines\" : 6}"))), NULL, "");
    check_quotes(ODDS(ODD("x", BOOKS("\"a\":{\"altLines2\":5}"))),
                 ODDS(ODD("x", BOOKS("\"a\":{\"altLines2\":6}"))), NULL,
                 "x/a >;");
    /* Lines without a line go by position among themselves. */
    check_quotes(ODDS(ODD("x", BOOKS(LINES("a", "1",
                                           "{\"odds\":\"5\"},7,"
                                           "{\"odds\":\"6\"}")))),
                 ODDS(ODD("x", BOOKS(LINES("a", "1",
                                           "{\"odds\":\"5\"},"
                                           "{\"odds\":\"7\"}")))),
                 NULL, "x/a+ 6>7;");
}

static void
consensus_members_are_read(void)
{
    check_quotes(ODDS(ODD("x", "\"fairOdds\":\"1\",\"bookOdds\":\"2\","
                               "\"bookSpread\":\"+1\"")),
                 ODDS(ODD("x", "\"fairOdds\":\"1\",\"bookOdds\":\"3\","
                               "\"fairOverUnder\":\"5\"")),
                 NULL,
                 "x.bookOdds \"2\">\"3\";x.fairOverUnder ->\"5\";"
                 "x.bookSpread \"+1\">-;");
    check_quotes("{}", ODDS(ODD("x", "\"fairOdds\":\"1\",\"score\":2")), NULL,
                 "x.fairOdds ->\"1\";");
    check_quotes(ODDS(ODD("x", "\"fairOdds\":\"1\",\"score\":2")),
                 ODDS("\"x\":null"), NULL, "x.fairOdds \"1\">-;");
    check_quotes(ODDS(ODD("x", "\"score\":1")), ODDS(ODD("x", "\"score\":2")),
                 NULL, "");
}

static void
filters_hold_for_quotes_and_consensus(void)
{
    struct show_filter filter;
    const char *pattern = "x*", *book = "b";

    show_filter_init(&filter);
    CHECK_INT(show_filter_set_odd_ids(&filter, &pattern, 1, NULL), SGO_OK);
    CHECK_INT(show_filter_set_bookmaker_ids(&filter, &book, 1, NULL), SGO_OK);
    check_quotes(
        ODDS(ODD(
            "x",
            BOOKS(QUOTE("a", "1", "t") "," QUOTE(
                "b", "5",
                "t")) ",\"bookOdds\":1") "," ODD("y",
                                                 BOOKS(QUOTE(
                                                     "b", "5",
                                                     "t")) ",\"bookOdds\":1")),
        ODDS(ODD(
            "x",
            BOOKS(QUOTE("a", "2", "u") "," QUOTE(
                "b", "6",
                "u")) ",\"bookOdds\":2") "," ODD("y",
                                                 BOOKS(QUOTE(
                                                     "b", "6",
                                                     "t")) ",\"bookOdds\":2")),
        &filter, "x/b 5>6;x.bookOdds 1>2;");
    check_quotes(
        "{}",
        ODDS(ODD("x", BOOKS(QUOTE("a", "2", "u") "," QUOTE(
                          "b", "6", "u"))) "," ODD("y", BOOKS(QUOTE("b", "6",
                                                                    "t")))),
        &filter, "x/b ->6;");
    show_filter_fini(&filter);
}

static void
without_an_old_version_every_quote_is_new(void)
{
    struct document *doc = help_build(
        pool,
        ODDS(ODD("x", BOOKS(LINES("a", "1",
                                  LINE("5", "+1", "t"))) ","
                                                         "\"bookOdds\":1")));
    struct quote_changes quotes;
    struct consensus_changes consensus;

    CHECK_INT(quotes_changed(NULL, doc, NULL, NULL, &quotes), SGO_OK);
    CHECK_INT(quotes.n, 2);
    CHECK(quotes.items[0].old_quote.doc == NULL);
    CHECK(quotes.items[1].is_alt_line);
    quote_changes_fini(&quotes);
    CHECK_INT(quotes_changed(doc, NULL, NULL, NULL, &quotes), SGO_OK);
    CHECK_INT(quotes.n, 2);
    CHECK(quotes.items[0].new_quote.doc == NULL);
    quote_changes_fini(&quotes);
    CHECK_INT(consensus_changed(NULL, doc, NULL, NULL, &consensus), SGO_OK);
    CHECK_INT(consensus.n, 1);
    consensus_changes_fini(&consensus);
    document_release(doc);
}

/* The same reading without any list of changes: both versions in full. */
static size_t
count_by_full_comparison(const struct document *old,
                         const struct document *new)
{
    struct quote_iter it;
    struct quote q;
    size_t n = 0;

    quote_iter_init(&it, new, NULL, false);
    while (quote_iter_next(&it, &q)) {
        struct value other = document_root(old);
        struct value_iter members;
        struct text key;
        struct value a, b;
        bool differs;

        differs = !VALUE_GET(other, "odds", &other) ||
                  !value_get_text(other, q.odd_id, &other) ||
                  !VALUE_GET(other, "byBookmaker", &other) ||
                  !value_get_text(other, q.bookmaker_id, &other) ||
                  value_len(other) != value_len(q.value);
        value_iter_init(&members, q.value);
        while (!differs && value_iter_next(&members, &key, &a)) {
            differs = !text_equal_bytes(key, "lastUpdatedAt", 13) &&
                      !text_equal_bytes(key, "altLines", 8) &&
                      (!value_get_text(other, key, &b) || !value_equal(a, b));
        }
        n += differs;
    }
    return n;
}

static void
the_samples_give_what_their_oracle_says(void)
{
    size_t a_len, b_len;
    char *a = help_sample_event("synthetic-nba-live.rev1.json", 0, &a_len);
    char *b = help_sample_event("synthetic-nba-live.rev2.json", 0, &b_len);
    struct document *old, *new;
    struct changes *changes;
    struct quote_changes quotes;
    struct consensus_changes consensus;
    struct path_namer namer;
    size_t main_quotes = 0, fresh = 0, stamps = 0, book_odds = 0, i;

    if (a == NULL || b == NULL) {
        return;
    }
    old = help_build_bytes(pool, a, a_len);
    new = help_build_bytes(pool, b, b_len);
    CHECK_INT(diff_compare(old, new, &changes), SGO_OK);
    CHECK_INT(quotes_changed(old, new, changes, NULL, &quotes), SGO_OK);
    for (i = 0; i < quotes.n; i++) {
        fresh += quotes.items[i].old_quote.doc == NULL;
        main_quotes += !quotes.items[i].is_alt_line;
    }
    CHECK_INT(fresh, 24); /* two new odds of twelve bookmakers */
    CHECK_INT(main_quotes, count_by_full_comparison(old, new));

    path_namer_init(&namer, old, new);
    for (i = 0; i < changes->n; i++) {
        const struct path *path = path_namer_name(&namer, &changes->items[i]);

        stamps += path->n == 5 && changes->items[i].timestamp;
    }
    /* Quotes touched, less those with news: only the stamp moved. */
    CHECK_INT(stamps - (main_quotes - fresh), 1617);

    CHECK_INT(consensus_changed(old, new, changes, NULL, &consensus), SGO_OK);
    for (i = 0; i < consensus.n; i++) {
        const struct consensus_change *c = &consensus.items[i];

        book_odds += c->field == CONSENSUS_BOOK_ODDS && c->old_value.doc &&
                     c->new_value.doc;
    }
    CHECK_INT(book_odds, 176);
    consensus_changes_fini(&consensus);
    quote_changes_fini(&quotes);
    changes_release(changes);
    document_release(old);
    document_release(new);
    mem_free(a);
    mem_free(b);
}

static void
a_failing_heap_leaves_nothing_behind(void)
{
    struct document *old = help_build(
        pool,
        ODDS(ODD("x", BOOKS(LINES("a", "1",
                                  LINE("5", "+1", "t"))) ","
                                                         "\"bookOdds\":1")));
    struct document *new = help_build(
        pool,
        ODDS(ODD("x", BOOKS(LINES("a", "2",
                                  LINE("6", "+1", "t"))) ","
                                                         "\"bookOdds\":2")));
    struct quote_changes quotes;
    struct consensus_changes consensus;
    struct changes *changes;
    sgo_status status = SGO_NO_MEMORY;

    CHECK_INT(diff_compare(old, new, &changes), SGO_OK);
    for (int n = 0; status == SGO_NO_MEMORY; n++) {
        mem_fail_after(n);
        status = quotes_changed(old, new, changes, NULL, &quotes);
        CHECK(status != SGO_OK || n >= 3);
    }
    CHECK_INT(status, SGO_OK);
    CHECK_INT(quotes.n, 2);
    quote_changes_fini(&quotes);
    mem_fail_after(0);
    CHECK_INT(consensus_changed(old, new, changes, NULL, &consensus),
              SGO_NO_MEMORY);
    mem_fail_after(-1);
    changes_release(changes);
    document_release(old);
    document_release(new);
}

int
main(void)
{
    pool = pool_create(1 << 24);
    RUN(fields_are_read);
    RUN(quotes_are_iterated);
    RUN(changed_quotes_are_listed_once);
    RUN(of_equal_members_the_last_is_compared);
    RUN(quotes_come_and_go_alone_or_with_what_holds_them);
    RUN(alternative_lines_match_by_line);
    RUN(consensus_members_are_read);
    RUN(filters_hold_for_quotes_and_consensus);
    RUN(without_an_old_version_every_quote_is_new);
    RUN(the_samples_give_what_their_oracle_says);
    RUN(a_failing_heap_leaves_nothing_behind);
    pool_release(pool);
    return check_done();
}
