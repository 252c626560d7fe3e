/* The public face of events, values and updates, on texts and on samples. */
#include <stdlib.h>

#include "check.h"
#include "base/mem.h"
#include "json_help.h"
#include "sgostream.h"

static sgo_event *
parse(const char *text)
{
    sgo_event *event = NULL;
    sgo_error err;

    CHECK_INT(sgo_event_parse(text, strlen(text), &event, &err), SGO_OK);
    return event;
}

static sgo_value
get(sgo_value object, const char *key)
{
    sgo_value out = {NULL, 0, UINT32_MAX};

    CHECK_INT(sgo_value_get(object, key, strlen(key), &out), SGO_OK);
    return out;
}

static void
check_text(sgo_text text, const char *expected)
{
    CHECK_MEM(text.bytes, text.len, expected, strlen(expected));
}

static void
an_event_is_parsed_and_kept(void)
{
    static const char text[] = "{\"eventID\":\"e\\u00e9\",\"n\":1}";
    sgo_event *event = parse(text);

    check_text(sgo_event_id(event), "e\xc3\xa9");
    check_text(sgo_event_json(event), text);
    sgo_event_retain(event);
    sgo_event_release(event);
    CHECK_INT(sgo_value_len(sgo_event_root(event)), 2);
    sgo_event_release(event);
    sgo_event_release(NULL);
}

static void
what_is_no_event_is_refused(void)
{
    static const char *const texts[] = {"",
                                        "{",
                                        "[]",
                                        "[{\"eventID\":\"a\"}]",
                                        "{}",
                                        "{\"eventID\":1}",
                                        "{\"eventID\":\"\"}",
                                        "{\"eventID\":\"a\"} x",
                                        "nul",
                                        "\"eventID\"",
                                        "{\"eventID\":\"a\",\"x\":01}"};
    sgo_event *event = NULL;
    sgo_error err;

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        CHECK_INT(sgo_event_parse(texts[i], strlen(texts[i]), &event, &err),
                  SGO_INVALID);
        CHECK(event == NULL);
        CHECK(strstr(err.text, "not an event") != NULL);
    }
    CHECK_INT(
        sgo_event_parse("{\"eventID\":\"a\",\"x\":01}", 23, &event, &err),
        SGO_INVALID);
    CHECK(strstr(err.text, "at byte") != NULL);
    for (int n = 0; n < 20; n++) { /* memory fails at each place */
        sgo_status status;

        mem_fail_after(n);
        status = sgo_event_parse("{\"eventID\":\"a\"}", 15, &event, &err);
        mem_fail_after(-1);
        if (status == SGO_OK) {
            CHECK(n > 1);
            sgo_event_release(event);
            return;
        }
        CHECK_INT(status, SGO_NO_MEMORY);
        CHECK_INT(err.kind, SGO_ERROR_MEMORY);
    }
    CHECK(!"parsed in the end");
}

static void
values_have_types_and_members(void)
{
    sgo_event *event =
        parse("{\"eventID\":\"e\",\"null\":null,\"no\":false,\"yes\":true,"
              "\"int\":-12,\"real\":1.5e3,\"text\":\"a\\nb\",\"list\":[1,[2],"
              "{}],\"twice\":1,\"twice\":{\"x\":2}}");
    sgo_value root = sgo_event_root(event);
    sgo_value none = {NULL, 0, 0}, list, item;
    char room[16];
    bool equal;

    CHECK_INT(sgo_value_type(root), SGO_TYPE_OBJECT);
    CHECK_INT(sgo_value_type(get(root, "null")), SGO_TYPE_NULL);
    CHECK_INT(sgo_value_type(get(root, "no")), SGO_TYPE_FALSE);
    CHECK_INT(sgo_value_type(get(root, "yes")), SGO_TYPE_TRUE);
    CHECK_INT(sgo_value_type(get(root, "int")), SGO_TYPE_INTEGER);
    CHECK_INT(sgo_value_type(get(root, "real")), SGO_TYPE_REAL);
    CHECK_INT(sgo_value_type(get(root, "text")), SGO_TYPE_STRING);
    CHECK_INT(sgo_value_type(none), SGO_TYPE_NONE);
    check_text(sgo_value_json(get(root, "int")), "-12");
    check_text(sgo_value_json(get(root, "text")), "\"a\\nb\"");
    check_text(sgo_value_string(get(root, "text")), "a\\nb");
    check_text(sgo_text_decode(sgo_value_string(get(root, "text")), room,
                               sizeof(room)),
               "a\nb");
    CHECK(sgo_value_string(root).bytes == NULL);
    CHECK(sgo_value_json(none).bytes == NULL);
    CHECK_INT(sgo_value_type(get(root, "twice")), SGO_TYPE_OBJECT);
    CHECK_INT(sgo_value_len(root), 9);
    CHECK_INT(sgo_value_len(none), 0);
    list = get(root, "list");
    CHECK_INT(sgo_value_type(list), SGO_TYPE_ARRAY);
    CHECK_INT(sgo_value_len(list), 3);
    CHECK_INT(sgo_value_at(list, 1, &item), SGO_OK);
    check_text(sgo_value_json(item), "[2]");
    CHECK_INT(sgo_value_at(list, 3, &item), SGO_NOT_FOUND);
    CHECK_INT(sgo_value_at(root, 0, &item), SGO_NOT_FOUND);
    CHECK_INT(sgo_value_at(none, 0, &item), SGO_NOT_FOUND);
    CHECK_INT(sgo_value_get(root, "what", 4, &item), SGO_NOT_FOUND);
    CHECK_INT(sgo_value_get(none, "x", 1, &item), SGO_NOT_FOUND);
    CHECK_INT(sgo_value_equal(none, none, &equal), SGO_OK);
    CHECK(equal);
    CHECK_INT(sgo_value_equal(none, root, &equal), SGO_OK);
    CHECK(!equal);
    CHECK_INT(sgo_value_equal(root, root, &equal), SGO_OK);
    CHECK(equal);
    sgo_event_release(event);
}

static void
iteration_gives_keys_once_and_elements_in_order(void)
{
    sgo_event *event =
        parse("{\"eventID\":\"e\",\"b\":1,\"a\":[5,6],\"b\":2}");
    static const char *const keys[] = {"eventID", "b", "a"};
    static const char *const values[] = {"\"e\"", "2", "[5,6]"};
    sgo_iter iter, copy;
    sgo_value value;
    sgo_text key;

    sgo_iter_init(&iter, sgo_event_root(event));
    copy = iter; /* plain data */
    for (int i = 0; i < 3; i++) {
        CHECK(sgo_iter_next(&iter, &key, &value));
        check_text(key, keys[i]);
        check_text(sgo_value_json(value), values[i]);
    }
    CHECK(!sgo_iter_next(&iter, &key, &value));
    CHECK(sgo_iter_next(&copy, &key, &value));
    check_text(key, "eventID");
    sgo_iter_init(&iter, get(sgo_event_root(event), "a"));
    CHECK(sgo_iter_next(&iter, &key, &value));
    CHECK_INT(key.len, 0);
    check_text(sgo_value_json(value), "5");
    CHECK(sgo_iter_next(&iter, &key, &value));
    CHECK(!sgo_iter_next(&iter, &key, &value));
    sgo_iter_init(&iter, get(sgo_event_root(event), "b")); /* a leaf */
    CHECK(!sgo_iter_next(&iter, &key, &value));
    sgo_event_release(event);
}

static const char game[] =
    "{\"eventID\":\"g\",\"odds\":{\"points-home-game-ml-home\":{\"fairOdds\":"
    "\"+105\",\"byBookmaker\":{\"pinnacle\":{\"odds\":\"-110\",\"spread\":"
    "\"-1.5\",\"available\":true,\"lastUpdatedAt\":\"1969-12-31T23:59:59.9995Z"
    "\",\"deeplink\":\"https:\\/\\/x\",\"altLines\":[{\"odds\":\"+200\","
    "\"spread\":\"-3.5\"}]},\"bovada\":{\"odds\":\"odd\"}}},"
    "\"rebounds-x\":{\"byBookmaker\":{\"bovada\":{\"odds\":\"+100\"}}}}}";

static void
quotes_are_read_and_listed(void)
{
    const char *const odds[] = {"points-*"};
    const char *const books[] = {"pinnacle"};
    const char *const bad[] = {""};
    sgo_event *event = parse(game);
    sgo_quote_filter *filter;
    sgo_quote_row *rows;
    sgo_quote quote;
    sgo_error err;
    size_t n;

    CHECK_INT(sgo_event_quotes(event, NULL, &rows, &n), SGO_OK);
    CHECK_INT(n, 3);
    check_text(rows[0].odd_id, "points-home-game-ml-home");
    check_text(rows[1].bookmaker_id, "bovada");
    sgo_quote_read(rows[0].quote, &quote);
    CHECK(quote.has_odds);
    CHECK_INT(quote.odds, -110);
    CHECK(quote.has_line && quote.line == -1.5);
    CHECK_INT(quote.available, 1);
    CHECK_INT(quote.last_updated_at_ms, -1); /* rounded down */
    check_text(quote.deeplink, "https:\\/\\/x");
    sgo_quote_read(rows[1].quote, &quote);
    CHECK(!quote.has_odds && !quote.has_line);
    check_text(quote.odds_text, "odd");
    CHECK(quote.line_text.bytes == NULL && quote.deeplink.bytes == NULL);
    CHECK_INT(quote.available, -1);
    CHECK(quote.last_updated_at_ms == INT64_MIN);
    CHECK_INT(sgo_value_type(rows[2].odd), SGO_TYPE_OBJECT);
    sgo_quote_rows_free(rows);

    CHECK_INT(sgo_quote_filter_new(odds, 1, books, 1, true, &filter, &err),
              SGO_OK);
    CHECK_INT(sgo_event_quotes(event, filter, &rows, &n), SGO_OK);
    CHECK_INT(n, 2);
    CHECK(!rows[0].is_alt_line && rows[1].is_alt_line);
    sgo_quote_rows_free(rows);
    sgo_quote_filter_free(filter);
    CHECK_INT(sgo_quote_filter_new(bad, 1, NULL, 0, true, &filter, &err),
              SGO_INVALID);
    CHECK(strstr(err.text, "odd_ids") != NULL);
    CHECK_INT(sgo_quote_filter_new(NULL, 0, bad, 1, true, &filter, &err),
              SGO_INVALID);
    CHECK(strstr(err.text, "bookmaker_ids") != NULL);
    sgo_quote_filter_free(NULL);
    sgo_event_release(event);
}

static void
a_diff_names_paths_and_quotes(void)
{
    sgo_event *a = parse(game);
    sgo_event *b;
    char *text = mem_dup(game, sizeof(game) - 1);
    sgo_step steps[SGO_PATH_MAX];
    sgo_consensus_change consensus;
    sgo_quote_change quote;
    sgo_change change;
    sgo_update *u;
    size_t n;

    memcpy(strstr(text, "-110"), "-115", 4);
    memcpy(strstr(text, "+105"), "+107", 4);
    b = parse(text);
    mem_free(text);
    CHECK_INT(sgo_event_diff(a, b, false, &u), SGO_OK);
    sgo_event_release(a); /* the update holds them */
    sgo_event_release(b);
    CHECK_INT(sgo_update_get_kind(u), SGO_CHANGED);
    CHECK(sgo_update_event(u) == b && sgo_update_previous(u) == a);
    CHECK_INT(sgo_update_stream_id(u), 0);
    CHECK_INT(sgo_update_changes(u, &n), SGO_OK);
    CHECK_INT(n, 2);
    change = sgo_update_change(u, 1);
    check_text(sgo_value_json(change.old_value), "\"-110\"");
    check_text(sgo_value_json(change.new_value), "\"-115\"");
    CHECK_INT(sgo_update_change_path(u, 1, steps), 5);
    check_text(steps[3].key, "pinnacle");
    check_text(steps[4].key, "odds");
    change = sgo_update_change(u, 2);
    CHECK_INT(sgo_value_type(change.new_value), SGO_TYPE_NONE);
    CHECK_INT(sgo_update_change_path(u, 2, steps), 0);
    CHECK_INT(sgo_update_quotes(u, &n), SGO_OK);
    CHECK_INT(n, 1);
    quote = sgo_update_quote(u, 0);
    check_text(quote.bookmaker_id, "pinnacle");
    CHECK_INT(sgo_value_type(quote.old_quote), SGO_TYPE_OBJECT);
    CHECK(sgo_update_quote(u, 1).odd_id.bytes == NULL);
    CHECK_INT(sgo_update_consensus(u, &n), SGO_OK);
    CHECK_INT(n, 1);
    consensus = sgo_update_consensus_change(u, 0);
    check_text(consensus.field, "fairOdds");
    check_text(sgo_value_json(consensus.new_value), "\"+107\"");
    sgo_update_retain(u);
    sgo_update_release(u);
    sgo_update_release(u);
    sgo_update_release(NULL);
}

/* Every path of a real event's diff leads to the change's value. */
static void
paths_of_a_sample_lead_to_their_values(void)
{
    size_t len_a, len_b, n;
    char *text_a =
        help_sample_event("synthetic-nba-live.rev1.json", 0, &len_a);
    char *text_b =
        help_sample_event("synthetic-nba-live.rev2.json", 0, &len_b);
    sgo_event *a = NULL, *b = NULL;
    sgo_update *u = NULL;
    sgo_error err;

    if (text_a == NULL || text_b == NULL ||
        sgo_event_parse(text_a, len_a, &a, &err) != SGO_OK ||
        sgo_event_parse(text_b, len_b, &b, &err) != SGO_OK) {
        goto out;
    }
    CHECK_INT(sgo_event_diff(a, b, true, &u), SGO_OK);
    CHECK_INT(sgo_update_changes(u, &n), SGO_OK);
    CHECK(n > 0);
    for (size_t i = 0; i < n; i++) {
        sgo_change change = sgo_update_change(u, i);
        sgo_step steps[SGO_PATH_MAX];
        size_t depth = sgo_update_change_path(u, i, steps);
        bool gone = change.new_value.event == NULL;
        sgo_value at = sgo_event_root(gone ? a : b);

        for (size_t k = 0; k < depth; k++) {
            if (steps[k].key.bytes) {
                CHECK_INT(sgo_value_get(at, steps[k].key.bytes,
                                        steps[k].key.len, &at),
                          SGO_OK);
            } else {
                CHECK_INT(sgo_value_at(at, steps[k].position, &at), SGO_OK);
            }
        }
        CHECK_INT(at.offset,
                  gone ? change.old_value.offset : change.new_value.offset);
    }
out:
    sgo_update_release(u);
    sgo_event_release(a);
    sgo_event_release(b);
    mem_free(text_a);
    mem_free(text_b);
}

int
main(void)
{
    RUN(an_event_is_parsed_and_kept);
    RUN(what_is_no_event_is_refused);
    RUN(values_have_types_and_members);
    RUN(iteration_gives_keys_once_and_elements_in_order);
    RUN(quotes_are_read_and_listed);
    RUN(a_diff_names_paths_and_quotes);
    RUN(paths_of_a_sample_lead_to_their_values);
    return check_done();
}
