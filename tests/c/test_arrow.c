/* Arrow streams of quotes, read as a foreign consumer would: by the two
 * interfaces alone, in any order of releases, on any thread. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "check.h"
#include "arrow/quotes.h"
#include "base/mem.h"
#include "json_help.h"
#include "sgostream.h"

enum { QUOTE_COLUMNS = 17, CHANGE_COLUMNS = 20 };

static const char first[] =
    "{\"eventID\":\"e1\",\"leagueID\":\"NFL\",\"odds\":{"
    "\"points-home-game-ml-home\":{\"statID\":\"points\",\"statEntityID\":"
    "\"home\",\"periodID\":\"game\",\"betTypeID\":\"ml\",\"sideID\":\"home\","
    "\"byBookmaker\":{"
    "\"alpha\":{\"odds\":\"-200\",\"available\":true,\"lastUpdatedAt\":"
    "\"2026-01-15T01:11:58.611Z\",\"deeplink\":\"https://a.example/\\u00e9\"},"
    "\"beta\":{\"odds\":\"n/a\",\"available\":false}}},"
    "\"points-X-game-ou-over\":{\"statID\":\"points\",\"statEntityID\":\"X\","
    "\"playerID\":\"X\",\"byBookmaker\":{"
    "\"alpha\":{\"odds\":\"+150\",\"overUnder\":\"21.5\",\"altLines\":["
    "{\"odds\":\"+300\",\"overUnder\":\"30.5\"}]}}}}}";

static const char second[] =
    "{\"eventID\":\"e2\",\"odds\":{\"points-home-game-ml-home\":{"
    "\"statID\":\"\\ud800x\",\"byBookmaker\":{\"gamma\":{\"odds\":\"50\","
    "\"lastUpdatedAt\":\"1969-12-31T23:59:59.9995Z\"}}}}}";

static sgo_event *
parse(const char *text)
{
    sgo_event *event = NULL;
    sgo_error err;

    CHECK_INT(sgo_event_parse(text, strlen(text), &event, &err), SGO_OK);
    return event;
}

/* ---- a consumer ---------------------------------------------------------- */

static bool
is_valid(const struct ArrowArray *array, int64_t row)
{
    const uint8_t *bits = array->buffers[0];

    return bits == NULL || (bits[row / 8] >> (row % 8) & 1);
}

static int64_t
count_nulls(const struct ArrowArray *array)
{
    int64_t n = 0;

    for (int64_t i = 0; i < array->length; i++) {
        n += !is_valid(array, i);
    }
    return n;
}

/* A column's string; "-" for null. */
static const char *
text_at(const struct ArrowArray *batch, int column, int64_t row)
{
    static char out[256];
    const struct ArrowArray *array = batch->children[column];
    const struct ArrowArray *strings = array->dictionary;
    const int32_t *offsets;
    int32_t at = (int32_t)row;

    if (!is_valid(array, row)) {
        return "-";
    }
    if (strings) {
        at = ((const int32_t *)array->buffers[1])[row];
        CHECK(at >= 0 && at < strings->length);
    } else {
        strings = array;
    }
    offsets = strings->buffers[1];
    snprintf(out, sizeof(out), "%.*s", offsets[at + 1] - offsets[at],
             (const char *)strings->buffers[2] + offsets[at]);
    return out;
}

static int32_t
int_at(const struct ArrowArray *batch, int column, int64_t row)
{
    const struct ArrowArray *array = batch->children[column];

    CHECK(is_valid(array, row));
    return ((const int32_t *)array->buffers[1])[row];
}

static double
double_at(const struct ArrowArray *batch, int column, int64_t row)
{
    const struct ArrowArray *array = batch->children[column];

    CHECK(is_valid(array, row));
    return ((const double *)array->buffers[1])[row];
}

static int
bool_at(const struct ArrowArray *batch, int column, int64_t row)
{
    const struct ArrowArray *array = batch->children[column];

    CHECK(is_valid(array, row));
    return ((const uint8_t *)array->buffers[1])[row / 8] >> (row % 8) & 1;
}

/* What the interface demands of every batch, whatever it holds. */
static void
check_batch(const struct ArrowArray *batch, int columns)
{
    CHECK_INT(batch->n_children, columns);
    CHECK_INT(batch->n_buffers, 1);
    CHECK(batch->buffers[0] == NULL && batch->null_count == 0);
    CHECK(batch->release != NULL && batch->length > 0);
    for (int i = 0; i < columns; i++) {
        const struct ArrowArray *child = batch->children[i];

        CHECK_INT(child->length, batch->length);
        CHECK_INT(child->offset, 0);
        CHECK_INT(child->null_count, count_nulls(child));
        CHECK((child->dictionary != NULL) == (i < 10));
        CHECK(child->release != NULL);
        for (int b = 0; b < child->n_buffers; b++) {
            CHECK(child->buffers[b] != NULL || b == 0);
            if (b < 2) {
                CHECK_INT((uintptr_t)child->buffers[b] % 64, 0);
            }
        }
    }
}

static void
next(struct ArrowArrayStream *stream, struct ArrowArray *out)
{
    CHECK_INT(stream->get_next(stream, out), 0);
}

static struct ArrowArrayStream
export_both(bool alt_lines)
{
    sgo_event *events[] = {parse(first), parse(second)};
    struct ArrowArrayStream stream = {.release = NULL};
    sgo_quote_filter *filter = NULL;
    sgo_error err;

    CHECK_INT(sgo_quote_filter_new(NULL, 0, NULL, 0, alt_lines, &filter, &err),
              SGO_OK);
    CHECK_INT(sgo_quotes_export(events, 2, filter, &stream), SGO_OK);
    sgo_quote_filter_free(filter); /* the stream has all it needs */
    sgo_event_release(events[0]);
    sgo_event_release(events[1]);
    return stream;
}

/* ---- what they hold ------------------------------------------------------- */

static void
the_schema_names_every_column(void)
{
    static const char *const names[CHANGE_COLUMNS] = {
        "event_id",     "league_id",      "odd_id",
        "stat_id",      "stat_entity_id", "period_id",
        "bet_type_id",  "side_id",        "player_id",
        "bookmaker_id", "odds",           "decimal",
        "line",         "available",      "last_updated_at",
        "is_alt_line",  "deeplink",       "old_odds",
        "old_line",     "old_available"};
    static const char *const formats[CHANGE_COLUMNS] = {
        "i", "i", "i", "i", "i",       "i", "i", "i", "i", "i",
        "i", "g", "g", "b", "tsm:UTC", "b", "u", "i", "g", "b"};

    for (int changes = 0; changes < 2; changes++) {
        struct ArrowSchema schema;
        int n = changes ? CHANGE_COLUMNS : QUOTE_COLUMNS;

        CHECK_INT(sgo_quotes_schema(changes != 0, &schema), SGO_OK);
        CHECK_STR(schema.format, "+s");
        CHECK_INT(schema.n_children, n);
        for (int i = 0; i < n; i++) {
            const struct ArrowSchema *child = schema.children[i];
            bool required = i == 0 || i == 2 || i == 9 || i == 15;

            CHECK_STR(child->name, names[i]);
            CHECK_STR(child->format, formats[i]);
            CHECK_INT(child->flags, required ? 0 : ARROW_FLAG_NULLABLE);
            CHECK((child->dictionary != NULL) == (i < 10));
            if (child->dictionary) {
                CHECK_STR(child->dictionary->format, "u");
            }
        }
        schema.release(&schema);
        CHECK(schema.release == NULL);
    }
}

static void
events_share_a_batch(void)
{
    struct ArrowArrayStream stream = export_both(true);
    struct ArrowArray batch;
    const int32_t *links;

    next(&stream, &batch);
    check_batch(&batch, QUOTE_COLUMNS);
    CHECK_INT(batch.length, 5);
    CHECK_STR(text_at(&batch, 0, 3), "e1");
    CHECK_STR(text_at(&batch, 0, 4), "e2");
    CHECK_INT(int_at(&batch, 10, 0), -200);
    CHECK_INT(int_at(&batch, 10, 4), 50);
    CHECK_INT(bool_at(&batch, 15, 3), 1);
    CHECK_INT(bool_at(&batch, 15, 4), 0);
    CHECK_STR(text_at(&batch, 9, 4), "gamma");
    links = batch.children[16]->buffers[1];
    for (int i = 0; i < 5; i++) {
        CHECK(links[i] <= links[i + 1]);
    }
    batch.release(&batch);
    next(&stream, &batch);
    CHECK(batch.release == NULL);
    stream.release(&stream);
}

static void
quotes_stand_in_their_columns(void)
{
    struct ArrowArrayStream stream = export_both(true);
    struct ArrowArray batch;

    next(&stream, &batch);
    check_batch(&batch, QUOTE_COLUMNS);
    CHECK_INT(batch.length, 4);
    CHECK_STR(text_at(&batch, 0, 3), "e1");
    CHECK_STR(text_at(&batch, 1, 0), "NFL");
    CHECK_STR(text_at(&batch, 2, 1), "points-home-game-ml-home");
    CHECK_STR(text_at(&batch, 2, 2), "points-X-game-ou-over");
    CHECK_STR(text_at(&batch, 3, 0), "points");
    CHECK_STR(text_at(&batch, 4, 0), "home");
    CHECK_STR(text_at(&batch, 5, 0), "game");
    CHECK_STR(text_at(&batch, 6, 0), "ml");
    CHECK_STR(text_at(&batch, 7, 0), "home");
    CHECK_STR(text_at(&batch, 7, 2), "-");
    CHECK_STR(text_at(&batch, 8, 0), "-");
    CHECK_STR(text_at(&batch, 8, 2), "X");
    CHECK_STR(text_at(&batch, 9, 0), "alpha");
    CHECK_STR(text_at(&batch, 9, 1), "beta");
    CHECK_INT(int_at(&batch, 10, 0), -200);
    CHECK(!is_valid(batch.children[10], 1)); /* "n/a" */
    CHECK(double_at(&batch, 11, 0) == 1.5);
    CHECK(double_at(&batch, 11, 2) == 2.5);
    CHECK(!is_valid(batch.children[12], 0));
    CHECK(double_at(&batch, 12, 2) == 21.5);
    CHECK(double_at(&batch, 12, 3) == 30.5);
    CHECK_INT(bool_at(&batch, 13, 0), 1);
    CHECK_INT(bool_at(&batch, 13, 1), 0);
    CHECK(!is_valid(batch.children[13], 2));
    CHECK_INT(((const int64_t *)batch.children[14]->buffers[1])[0],
              1768439518611);
    CHECK_INT(bool_at(&batch, 15, 2), 0);
    CHECK_INT(bool_at(&batch, 15, 3), 1);
    CHECK_STR(text_at(&batch, 16, 0), "https://a.example/\xc3\xa9");
    CHECK_STR(text_at(&batch, 16, 1), "-");
    batch.release(&batch);

    next(&stream, &batch);
    check_batch(&batch, QUOTE_COLUMNS);
    CHECK_STR(text_at(&batch, 0, 0), "e2");
    CHECK_STR(text_at(&batch, 1, 0), "-");
    CHECK_STR(text_at(&batch, 3, 0), "\xef\xbf\xbdx"); /* half a pair */
    CHECK_INT(int_at(&batch, 10, 0), 50);
    CHECK(!is_valid(batch.children[11], 0)); /* no American price */
    CHECK_INT(((const int64_t *)batch.children[14]->buffers[1])[0], -1);
    batch.release(&batch);

    next(&stream, &batch);
    CHECK(batch.release == NULL);
    next(&stream, &batch); /* and stays at its end */
    CHECK(batch.release == NULL);
    stream.release(&stream);
    CHECK(stream.release == NULL);
}

static void
all_batches_share_one_dictionary(void)
{
    struct ArrowArrayStream stream = export_both(false);
    struct ArrowArray a, b;

    next(&stream, &a);
    next(&stream, &b);
    for (int i = 0; i < 10; i++) {
        const struct ArrowArray *x = a.children[i]->dictionary;
        const struct ArrowArray *y = b.children[i]->dictionary;

        CHECK_INT(x->length, y->length);
        CHECK(x->buffers[1] == y->buffers[1]);
        CHECK(x->buffers[2] == y->buffers[2]);
    }
    CHECK_INT(a.children[9]->dictionary->length, 3); /* gamma is known */
    a.release(&a);
    b.release(&b);
    stream.release(&stream);
}

static void
the_filter_chooses_rows(void)
{
    static const char *const odds[] = {"points-*-game-ml-*"};
    static const char *const books[] = {"gamma", "beta"};
    sgo_event *events[] = {parse(first), parse(second), parse(first)};
    struct ArrowArrayStream stream;
    sgo_quote_filter *filter = NULL;
    struct ArrowArray batch;
    sgo_error err;

    CHECK_INT(sgo_quote_filter_new(odds, 1, books, 1, false, &filter, &err),
              SGO_OK);
    CHECK_INT(sgo_quotes_export(events, 3, filter, &stream), SGO_OK);
    CHECK_INT(sgo_event_quote_count(events[0], filter), 0);
    CHECK_INT(sgo_event_quote_count(events[1], filter), 1);
    CHECK_INT(sgo_event_quote_count(events[0], NULL), 3);
    next(&stream, &batch); /* events without rows have no batch */
    CHECK_STR(text_at(&batch, 0, 0), "e2");
    CHECK_INT(batch.length, 1);
    batch.release(&batch);
    next(&stream, &batch);
    CHECK(batch.release == NULL);
    stream.release(&stream);
    sgo_quote_filter_free(filter);
    for (int i = 0; i < 3; i++) {
        sgo_event_release(events[i]);
    }
}

static void
nothing_is_an_empty_stream(void)
{
    struct ArrowArrayStream stream;
    struct ArrowSchema schema;
    struct ArrowArray batch;

    CHECK_INT(sgo_quotes_export(NULL, 0, NULL, &stream), SGO_OK);
    CHECK_INT(stream.get_schema(&stream, &schema), 0);
    CHECK_INT(schema.n_children, QUOTE_COLUMNS);
    schema.release(&schema);
    next(&stream, &batch);
    CHECK(batch.release == NULL);
    stream.release(&stream);
    CHECK_INT(sgo_quote_changes_export(NULL, 0, &stream), SGO_OK);
    next(&stream, &batch);
    CHECK(batch.release == NULL);
    stream.release(&stream);
}

static const char newer[] =
    "{\"eventID\":\"e1\",\"leagueID\":\"NFL\",\"odds\":{"
    "\"points-home-game-ml-home\":{\"statID\":\"points\",\"statEntityID\":"
    "\"home\",\"periodID\":\"game\",\"betTypeID\":\"ml\",\"sideID\":\"home\","
    "\"byBookmaker\":{"
    "\"alpha\":{\"odds\":\"-210\",\"available\":false},"
    "\"delta\":{\"odds\":\"+100\"}}},"
    "\"points-X-game-ou-over\":{\"statID\":\"points\",\"statEntityID\":\"X\","
    "\"playerID\":\"X\",\"byBookmaker\":{"
    "\"alpha\":{\"odds\":\"+150\",\"overUnder\":\"22.5\",\"altLines\":["
    "{\"odds\":\"+300\",\"overUnder\":\"30.5\"}]}}}}}";

static void
changes_tell_old_and_new(void)
{
    sgo_event *a = parse(first), *b = parse(newer);
    struct ArrowArrayStream stream;
    struct ArrowArray batch;
    sgo_update *update = NULL;
    int seen = 0;

    CHECK_INT(sgo_event_diff(a, b, false, &update), SGO_OK);
    CHECK_INT(sgo_quote_changes_export(&update, 1, &stream), SGO_OK);
    sgo_update_release(update);
    sgo_event_release(a);
    sgo_event_release(b);
    next(&stream, &batch);
    check_batch(&batch, CHANGE_COLUMNS);
    CHECK_INT(batch.length, 4);
    for (int64_t i = 0; i < batch.length; i++) {
        char book[32];

        snprintf(book, sizeof(book), "%s", text_at(&batch, 9, i));
        CHECK_STR(text_at(&batch, 0, i), "e1");
        CHECK_STR(text_at(&batch, 3, i), "points");
        if (strcmp(book, "beta") == 0) { /* gone */
            CHECK_STR(text_at(&batch, 4, i), "home");
            CHECK(!is_valid(batch.children[13], i));
            CHECK_INT(bool_at(&batch, 19, i), 0);
            seen |= 1;
        } else if (strcmp(book, "delta") == 0) { /* new */
            CHECK_INT(int_at(&batch, 10, i), 100);
            CHECK(!is_valid(batch.children[17], i));
            CHECK(!is_valid(batch.children[19], i));
            seen |= 2;
        } else if (is_valid(batch.children[12], i)) { /* another line */
            CHECK_STR(text_at(&batch, 8, i), "X");
            CHECK(double_at(&batch, 12, i) == 22.5);
            CHECK(double_at(&batch, 18, i) == 21.5);
            CHECK_INT(int_at(&batch, 17, i), 150);
            seen |= 4;
        } else {
            CHECK_INT(int_at(&batch, 10, i), -210);
            CHECK_INT(int_at(&batch, 17, i), -200);
            CHECK_INT(bool_at(&batch, 13, i), 0);
            CHECK_INT(bool_at(&batch, 19, i), 1);
            seen |= 8;
        }
    }
    CHECK_INT(seen, 15);
    batch.release(&batch);
    stream.release(&stream);
}

/* ---- lifetimes: run under valgrind and ASan, which see what is wrong ------- */

static void
batches_outlive_their_stream(void)
{
    struct ArrowArrayStream stream = export_both(false);
    struct ArrowArray a, b;

    next(&stream, &a);
    next(&stream, &b);
    stream.release(&stream);
    CHECK_STR(text_at(&b, 9, 0), "gamma");
    b.release(&b);
    CHECK_STR(text_at(&a, 9, 1), "beta");
    a.release(&a);
}

static void
streams_are_released_at_any_point(void)
{
    for (int taken = 0; taken <= 3; taken++) {
        struct ArrowArrayStream stream = export_both(false);

        for (int i = 0; i < taken; i++) {
            struct ArrowArray batch;

            next(&stream, &batch);
            if (batch.release) {
                batch.release(&batch);
            }
        }
        stream.release(&stream);
    }
}

/* Columns moved out live on, in whatever order they and the rest go. */
static void
children_are_moved_out_and_released_in_any_order(void)
{
    for (int order = 0; order < 4; order++) {
        struct ArrowArrayStream stream = export_both(false);
        struct ArrowArray batch, ids, links, strings;

        next(&stream, &batch);
        ids = *batch.children[9];
        batch.children[9]->release = NULL;
        links = *batch.children[16];
        batch.children[16]->release = NULL;
        if (order & 1) {
            stream.release(&stream);
            batch.release(&batch);
        }
        strings = *ids.dictionary;
        ids.dictionary->release = NULL;
        ids.release(&ids);
        CHECK_INT(strings.length, 3);
        CHECK_MEM((const char *)strings.buffers[2], 14, "alphabetagamma", 14);
        if (order & 2) {
            strings.release(&strings);
            links.release(&links);
        } else {
            links.release(&links);
            strings.release(&strings);
        }
        if (!(order & 1)) {
            batch.release(&batch);
            stream.release(&stream);
        }
    }
}

static void
schema_parts_are_moved_out_too(void)
{
    struct ArrowSchema schema, child, strings;

    CHECK_INT(sgo_quotes_schema(true, &schema), SGO_OK);
    child = *schema.children[2];
    schema.children[2]->release = NULL;
    schema.release(&schema);
    strings = *child.dictionary;
    child.dictionary->release = NULL;
    CHECK_STR(child.name, "odd_id");
    child.release(&child);
    CHECK_STR(strings.format, "u");
    strings.release(&strings);
}

static void *
read_elsewhere(void *ctx)
{
    struct ArrowArrayStream *stream = ctx;
    struct ArrowArray batch;
    int64_t rows = 0;

    for (;;) {
        if (stream->get_next(stream, &batch) != 0 || batch.release == NULL) {
            break;
        }
        rows += batch.length;
        batch.release(&batch);
    }
    stream->release(stream);
    return (void *)(intptr_t)rows;
}

/* Several exports of the same events, each read on a thread of its own while
 * the events' owner lets go. */
static void
each_export_is_read_on_another_thread(void)
{
    enum { THREADS = 4 };
    size_t len;
    char *text = help_sample_event("synthetic-nba-live.rev1.json", 0, &len);
    sgo_event *event = NULL;
    struct ArrowArrayStream streams[THREADS];
    pthread_t threads[THREADS];
    int64_t expected;
    sgo_error err;

    if (text == NULL) {
        event = parse(first);
    } else {
        CHECK_INT(sgo_event_parse(text, len, &event, &err), SGO_OK);
    }
    expected = (int64_t)sgo_event_quote_count(event, NULL);
    for (int i = 0; i < THREADS; i++) {
        CHECK_INT(sgo_quotes_export(&event, 1, NULL, &streams[i]), SGO_OK);
    }
    sgo_event_release(event);
    for (int i = 0; i < THREADS; i++) {
        CHECK_INT(
            pthread_create(&threads[i], NULL, read_elsewhere, &streams[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        void *rows;

        pthread_join(threads[i], &rows);
        CHECK_INT((intptr_t)rows, expected);
    }
    mem_free(text);
}

/* ---- no memory -------------------------------------------------------------- */

/* An export of a fresh difference, or of its newer event, in which the n-th
 * allocation fails (negative: none does).  Returns how many there were. */
static uint64_t
export_failing_at(int64_t n, bool changes)
{
    sgo_event *a = parse(first), *b = parse(newer);
    sgo_update *update = NULL;
    struct ArrowArrayStream stream = {.release = NULL};
    struct ArrowArray batch = {.release = NULL};
    uint64_t before;
    sgo_status status;
    int rc;

    CHECK_INT(sgo_event_diff(a, b, false, &update), SGO_OK);
    before = mem_count();
    mem_fail_after(n);
    status = changes ? sgo_quote_changes_export(&update, 1, &stream)
                     : sgo_quotes_export(&b, 1, NULL, &stream);
    if (status != SGO_OK) {
        mem_fail_after(-1);
        CHECK_INT(status, SGO_NO_MEMORY);
        goto done;
    }
    rc = stream.get_next(&stream, &batch);
    mem_fail_after(-1);
    before = mem_count() - before;
    if (rc != 0) {
        CHECK_INT(rc, ENOMEM);
        CHECK_STR(stream.get_last_error(&stream), "out of memory");
        next(&stream, &batch); /* as if nothing had been */
    }
    CHECK(stream.get_last_error(&stream) == NULL);
    check_batch(&batch, changes ? CHANGE_COLUMNS : QUOTE_COLUMNS);
    CHECK_STR(text_at(&batch, 0, 0), "e1");
    CHECK_STR(text_at(&batch, 2, 0), "points-home-game-ml-home");
    CHECK_STR(text_at(&batch, 9, 0), "alpha");
    batch.release(&batch);
    stream.release(&stream);
done:
    sgo_update_release(update);
    sgo_event_release(a);
    sgo_event_release(b);
    return before;
}

static void
failed_allocations_are_told_and_can_be_repeated(void)
{
    struct ArrowSchema schema;

    for (int changes = 0; changes < 2; changes++) {
        int64_t all = (int64_t)export_failing_at(-1, changes != 0);

        CHECK(all > 30);
        for (int64_t n = 0; n < all; n++) {
            export_failing_at(n, changes != 0);
        }
    }
    mem_fail_after(0);
    CHECK_INT(sgo_quotes_schema(true, &schema), SGO_NO_MEMORY);
    mem_fail_after(-1);
}

int
main(void)
{
    RUN(the_schema_names_every_column);
    RUN(events_share_a_batch);
    arrow_force_batch_rows(1); /* one each, of what follows */
    RUN(quotes_stand_in_their_columns);
    RUN(all_batches_share_one_dictionary);
    RUN(the_filter_chooses_rows);
    RUN(nothing_is_an_empty_stream);
    RUN(changes_tell_old_and_new);
    RUN(batches_outlive_their_stream);
    RUN(streams_are_released_at_any_point);
    RUN(children_are_moved_out_and_released_in_any_order);
    RUN(schema_parts_are_moved_out_too);
    RUN(each_export_is_read_on_another_thread);
    RUN(failed_allocations_are_told_and_can_be_repeated);
    return check_done();
}
