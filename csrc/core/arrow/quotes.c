/* Two passes over what is exported: the first gathers the dictionaries and
 * counts rows, the second, batch by batch as they are asked for, fills the
 * columns.  An item is let go as soon as its batch is made. */
#include "arrow/quotes.h"

#include <errno.h>
#include <string.h>

#include "arrow/batch.h"
#include "base/clock.h"
#include "base/mem.h"
#include "json/quotes.h"

struct quote_stream {
    size_t columns;
    size_t count;                /* of items */
    struct document **documents; /* retained; NULL: updates */
    sgo_update **updates;        /* retained; NULL: documents */
    size_t *rows;                /* of each item, by the first pass */
    size_t at;                   /* the next item */
    bool gathered;
    bool alt_lines;
    struct show_filter filter;
    struct dictionary dictionaries[COLUMN_DICTIONARIES];
    struct buf scratch; /* decoded text */
    const char *error;  /* static */
};

/* Both kinds of item, row by row. */
struct row_iter {
    struct document *document; /* NULL: of an update */
    struct quote_iter quotes;
    const struct quote_changes *changes;
    size_t next;
};

struct row {
    const struct document *doc; /* whose event it is */
    struct value odd;           /* its object; doc NULL: not known yet */
    struct text odd_id;
    struct text bookmaker_id;
    bool is_alt_line;
    struct value quote; /* doc NULL: gone */
    struct value old;   /* doc NULL: new */
};

/* What stays the same from row to row. */
struct row_memory {
    const struct document *doc;
    const char *odd_id; /* where it stands: the same place, the same odd */
    int32_t numbers[COLUMN_BOOKMAKER_ID];
};

/* ---- rows -------------------------------------------------------------------*/

static sgo_status
row_iter_init(struct row_iter *it, const struct quote_stream *s, size_t item)
{
    *it = (struct row_iter){.document = NULL};
    if (s->documents) {
        it->document = s->documents[item];
        quote_iter_init(&it->quotes, it->document, &s->filter, s->alt_lines);
        return SGO_OK;
    }
    return update_quotes(s->updates[item], &it->changes);
}

static bool
row_iter_next(struct row_iter *it, struct row *row)
{
    const struct quote_change *change;

    if (it->document) {
        struct quote quote;

        if (!quote_iter_next(&it->quotes, &quote)) {
            return false;
        }
        *row = (struct row){.doc = it->document,
                            .odd = quote.odd,
                            .odd_id = quote.odd_id,
                            .bookmaker_id = quote.bookmaker_id,
                            .is_alt_line = quote.is_alt_line,
                            .quote = quote.value};
        return true;
    }
    if (it->next == it->changes->n) {
        return false;
    }
    change = &it->changes->items[it->next++];
    *row = (struct row){.doc = change->new_quote.doc ? change->new_quote.doc
                                                     : change->old_quote.doc,
                        .odd_id = change->odd_id,
                        .bookmaker_id = change->bookmaker_id,
                        .is_alt_line = change->is_alt_line,
                        .quote = change->new_quote,
                        .old = change->old_quote};
    return true;
}

/* ---- text -------------------------------------------------------------------*/

/* A text as UTF-8: what JSON may hold and UTF-8 not, half a surrogate pair,
 * becomes U+FFFD, which is as long.  Valid until the next call. */
static sgo_status
plain_text(struct buf *scratch, struct text text, const char **bytes,
           size_t *len)
{
    uint8_t *p;
    sgo_status status;

    *bytes = text.raw;
    *len = text.len;
    if (!text.escaped) {
        return SGO_OK;
    }
    buf_reset(scratch);
    status = buf_reserve(scratch, (size_t)text.len + 1);
    if (status == SGO_OK) {
        status = text_decode(text, scratch->data, text.len, len);
    }
    if (status != SGO_OK) {
        return status;
    }
    p = (uint8_t *)scratch->data;
    for (size_t i = 0; i + 2 < *len; i++) {
        if (p[i] == 0xED && p[i + 1] >= 0xA0) {
            memcpy(p + i, "\xEF\xBF\xBD", 3);
        }
    }
    *bytes = scratch->data;
    return SGO_OK;
}

/* The number of a text in its column's dictionary; raw NULL is null. */
static sgo_status
number_of(struct quote_stream *s, enum arrow_column column, struct text text,
          int32_t *number)
{
    const char *bytes;
    size_t len;
    sgo_status status;

    *number = DICTIONARY_NULL;
    if (text.raw == NULL) {
        return SGO_OK;
    }
    status = plain_text(&s->scratch, text, &bytes, &len);
    if (status == SGO_OK) {
        status = dictionary_put(&s->dictionaries[column], bytes, len, number);
    }
    return status;
}

/* A member that is a string, else raw NULL. */
static struct text
string_member(struct value object, const char *key)
{
    struct value v;

    if (object.doc && value_get(object, key, strlen(key), &v) &&
        value_type(v) == VALUE_STRING) {
        return value_text(v);
    }
    return (struct text){NULL, 0, false};
}

/* ---- the dictionaries of a row ------------------------------------------------*/

static sgo_status
number_event(struct quote_stream *s, const struct document *doc,
             struct row_memory *memory)
{
    struct text id = {doc->event_id, doc->event_id_len, false};
    sgo_status status =
        number_of(s, COLUMN_EVENT_ID, id, &memory->numbers[COLUMN_EVENT_ID]);

    if (status == SGO_OK) {
        status = number_of(s, COLUMN_LEAGUE_ID,
                           string_member(document_root(doc), "leagueID"),
                           &memory->numbers[COLUMN_LEAGUE_ID]);
    }
    memory->doc = doc;
    memory->odd_id = NULL;
    return status;
}

static sgo_status
number_odd(struct quote_stream *s, const struct row *row,
           struct row_memory *memory)
{
    static const char *const keys[] = {
        [COLUMN_STAT_ID] = "statID",
        [COLUMN_STAT_ENTITY_ID] = "statEntityID",
        [COLUMN_PERIOD_ID] = "periodID",
        [COLUMN_BET_TYPE_ID] = "betTypeID",
        [COLUMN_SIDE_ID] = "sideID",
        [COLUMN_PLAYER_ID] = "playerID",
    };
    struct value odd = row->odd, odds;
    sgo_status status = number_of(s, COLUMN_ODD_ID, row->odd_id,
                                  &memory->numbers[COLUMN_ODD_ID]);

    if (odd.doc == NULL && VALUE_GET(document_root(row->doc), "odds", &odds)) {
        if (!value_get_text(odds, row->odd_id, &odd)) {
            odd.doc = NULL;
        }
    }
    for (int i = COLUMN_STAT_ID; status == SGO_OK && i <= COLUMN_PLAYER_ID;
         i++) {
        status = number_of(s, (enum arrow_column)i,
                           string_member(odd, keys[i]), &memory->numbers[i]);
    }
    memory->odd_id = row->odd_id.raw;
    return status;
}

/* All of a row's dictionary columns: memory->numbers, and the bookmaker. */
static sgo_status
number_row(struct quote_stream *s, const struct row *row,
           struct row_memory *memory, int32_t *bookmaker)
{
    sgo_status status = SGO_OK;

    if (memory->doc != row->doc) {
        status = number_event(s, row->doc, memory);
    }
    if (status == SGO_OK && memory->odd_id != row->odd_id.raw) {
        status = number_odd(s, row, memory);
    }
    if (status == SGO_OK) {
        status =
            number_of(s, COLUMN_BOOKMAKER_ID, row->bookmaker_id, bookmaker);
    }
    return status;
}

/* ---- the passes -----------------------------------------------------------------*/

static void
drop_dictionaries(struct quote_stream *s)
{
    for (size_t i = 0; i < COLUMN_DICTIONARIES; i++) {
        dictionary_fini(&s->dictionaries[i]);
    }
}

static sgo_status
gather_item(struct quote_stream *s, size_t item)
{
    struct row_memory memory = {.doc = NULL};
    struct row_iter it;
    struct row row;
    int32_t bookmaker;
    sgo_status status = row_iter_init(&it, s, item);

    s->rows[item] = 0;
    while (status == SGO_OK && row_iter_next(&it, &row)) {
        status = number_row(s, &row, &memory, &bookmaker);
        s->rows[item]++;
    }
    return status;
}

static sgo_status
gather(struct quote_stream *s)
{
    sgo_status status = SGO_OK;

    for (size_t i = 0; status == SGO_OK && i < s->count; i++) {
        status = gather_item(s, i);
    }
    for (size_t i = 0; status == SGO_OK && i < COLUMN_DICTIONARIES; i++) {
        status = dictionary_seal(&s->dictionaries[i]);
    }
    if (status != SGO_OK) {
        drop_dictionaries(s); /* the next call starts over */
    }
    s->gathered = status == SGO_OK;
    return status;
}

static sgo_status
fill_quote(struct quote_stream *s, struct batch *batch, size_t i,
           const struct row *row)
{
    struct quote_fields q;
    const char *bytes = NULL;
    size_t len = 0;
    double decimal;
    sgo_status status;

    quote_read(row->quote, &q);
    if (q.has_odds) {
        batch_set_int32(batch, COLUMN_ODDS, i, q.odds_value);
        if (odds_decimal(q.odds_value, &decimal)) {
            batch_set_double(batch, COLUMN_DECIMAL, i, decimal);
        }
    }
    if (q.has_line) {
        batch_set_double(batch, COLUMN_LINE, i, q.line_value);
    }
    if (q.has_available) {
        batch_set_bool(batch, COLUMN_AVAILABLE, i, q.available);
    }
    if (q.has_last_updated_at) {
        int64_t ns = q.last_updated_at_ns;

        /* Rounded down, before 1970 too. */
        batch_set_int64(batch, COLUMN_LAST_UPDATED_AT, i,
                        ns / NS_PER_MS - (ns % NS_PER_MS < 0));
    }
    batch_set_bool(batch, COLUMN_IS_ALT_LINE, i, row->is_alt_line);
    if (q.deeplink.raw) {
        status = plain_text(&s->scratch, q.deeplink, &bytes, &len);
        if (status != SGO_OK) {
            return status;
        }
    }
    return batch_add_text(batch, i, bytes, len);
}

static void
fill_old(struct batch *batch, size_t i, const struct row *row)
{
    struct quote_fields q;

    quote_read(row->old, &q);
    if (q.has_odds) {
        batch_set_int32(batch, COLUMN_OLD_ODDS, i, q.odds_value);
    }
    if (q.has_line) {
        batch_set_double(batch, COLUMN_OLD_LINE, i, q.line_value);
    }
    if (q.has_available) {
        batch_set_bool(batch, COLUMN_OLD_AVAILABLE, i, q.available);
    }
}

static sgo_status
fill_batch(struct quote_stream *s, struct batch *batch)
{
    struct row_memory memory = {.doc = NULL};
    struct row_iter it;
    struct row row;
    int32_t bookmaker;
    sgo_status status = row_iter_init(&it, s, s->at);

    for (size_t i = 0; status == SGO_OK && i < batch->rows; i++) {
        if (!row_iter_next(&it, &row)) {
            return SGO_INVALID; /* documents do not change */
        }
        status = number_row(s, &row, &memory, &bookmaker);
        if (status != SGO_OK) {
            break;
        }
        for (int c = 0; c < COLUMN_BOOKMAKER_ID; c++) {
            batch_set_number(batch, (enum arrow_column)c, i,
                             memory.numbers[c]);
        }
        batch_set_number(batch, COLUMN_BOOKMAKER_ID, i, bookmaker);
        status = fill_quote(s, batch, i, &row);
        if (batch->columns == COLUMNS_OF_CHANGES) {
            fill_old(batch, i, &row);
        }
    }
    return status;
}

static void
drop_item(struct quote_stream *s, size_t item)
{
    if (s->documents) {
        document_release(s->documents[item]);
        s->documents[item] = NULL;
    } else {
        update_release(s->updates[item]);
        s->updates[item] = NULL;
    }
}

static sgo_status
next_batch(struct quote_stream *s, struct ArrowArray *out)
{
    struct batch *batch;
    sgo_status status = s->gathered ? SGO_OK : gather(s);

    if (status != SGO_OK) {
        return status;
    }
    while (s->at < s->count && s->rows[s->at] == 0) {
        drop_item(s, s->at++);
    }
    if (s->at == s->count) {
        *out = (struct ArrowArray){.release = NULL}; /* the end */
        return SGO_OK;
    }
    batch = batch_create(s->columns, s->rows[s->at]);
    if (batch == NULL) {
        return SGO_NO_MEMORY;
    }
    status = fill_batch(s, batch);
    if (status != SGO_OK) {
        batch_free(batch);
        return status;
    }
    batch_export(batch, s->dictionaries, out);
    drop_item(s, s->at++);
    return SGO_OK;
}

/* ---- the stream -------------------------------------------------------------------*/

static int
told(struct quote_stream *s, sgo_status status)
{
    switch (status) {
    case SGO_OK:
        s->error = NULL;
        return 0;
    case SGO_NO_MEMORY:
        s->error = "out of memory";
        return ENOMEM;
    case SGO_LIMIT:
        s->error = "more text than 32-bit offsets can address";
        return EOVERFLOW;
    default:
        s->error = "unreadable quotes";
        return EINVAL;
    }
}

static int
stream_get_schema(struct ArrowArrayStream *stream, struct ArrowSchema *out)
{
    struct quote_stream *s = stream->private_data;

    return told(s, arrow_schema_make(s->columns, out));
}

static int
stream_get_next(struct ArrowArrayStream *stream, struct ArrowArray *out)
{
    struct quote_stream *s = stream->private_data;

    return told(s, next_batch(s, out));
}

static const char *
stream_get_last_error(struct ArrowArrayStream *stream)
{
    struct quote_stream *s = stream->private_data;

    return s->error;
}

static void
quote_stream_free(struct quote_stream *s)
{
    for (size_t i = s->at; i < s->count; i++) {
        drop_item(s, i);
    }
    drop_dictionaries(s);
    buf_fini(&s->scratch);
    show_filter_fini(&s->filter);
    mem_free(s);
}

static void
stream_release(struct ArrowArrayStream *stream)
{
    quote_stream_free(stream->private_data);
    stream->release = NULL;
}

/* A stream of n items, without them: they and their rows lie behind it. */
static struct quote_stream *
quote_stream_create(size_t columns, size_t n)
{
    const size_t each = sizeof(void *) + sizeof(size_t);
    uint64_t seed = (uint64_t)clock_now_ns();
    struct quote_stream *s;

    if (n > (SIZE_MAX - sizeof(*s)) / each) {
        return NULL;
    }
    s = mem_calloc(1, sizeof(*s) + n * each);
    if (s == NULL) {
        return NULL;
    }
    s->columns = columns;
    s->rows = (size_t *)(void *)(s + 1);
    buf_init(&s->scratch, SCAN_MAX_BYTES);
    show_filter_init(&s->filter);
    for (size_t i = 0; i < COLUMN_DICTIONARIES; i++) {
        dictionary_init(&s->dictionaries[i], seed ^ (uintptr_t)s);
    }
    return s;
}

static void
hand_out(struct quote_stream *s, struct ArrowArrayStream *out)
{
    *out = (struct ArrowArrayStream){
        .get_schema = stream_get_schema,
        .get_next = stream_get_next,
        .get_last_error = stream_get_last_error,
        .release = stream_release,
        .private_data = s,
    };
}

/* The plain list that show_filter_set_* takes; owned by the caller. */
static const char **
name_list(const struct show_name *names, size_t n)
{
    const char **list = mem_alloc(n * sizeof(*list));

    for (size_t i = 0; list && i < n; i++) {
        list[i] = names[i].bytes;
    }
    return list;
}

static sgo_status
copy_filter(struct show_filter *to, const struct show_filter *from)
{
    const char **odds = name_list(from->odd_ids, from->odd_id_count);
    const char **books =
        name_list(from->bookmaker_ids, from->bookmaker_id_count);
    sgo_status status = odds && books ? SGO_OK : SGO_NO_MEMORY;

    if (status == SGO_OK && from->odd_id_count) {
        status = show_filter_set_odd_ids(to, odds, from->odd_id_count, NULL);
    }
    if (status == SGO_OK && from->bookmaker_id_count) {
        status = show_filter_set_bookmaker_ids(to, books,
                                               from->bookmaker_id_count, NULL);
    }
    mem_free(odds);
    mem_free(books);
    return status;
}

sgo_status
arrow_quotes(struct document *const *documents, size_t n,
             const struct show_filter *filter, bool alt_lines,
             struct ArrowArrayStream *out)
{
    struct quote_stream *s = quote_stream_create(COLUMNS_OF_QUOTES, n);
    sgo_status status;

    if (s == NULL) {
        return SGO_NO_MEMORY;
    }
    s->alt_lines = alt_lines;
    s->documents = (struct document **)(void *)(s->rows + n);
    if (filter) {
        status = copy_filter(&s->filter, filter);
        if (status != SGO_OK) {
            quote_stream_free(s);
            return status;
        }
    }
    for (size_t i = 0; i < n; i++) {
        s->documents[i] = document_retain(documents[i]);
    }
    s->count = n;
    hand_out(s, out);
    return SGO_OK;
}

sgo_status
arrow_quote_changes(sgo_update *const *updates, size_t n,
                    struct ArrowArrayStream *out)
{
    struct quote_stream *s = quote_stream_create(COLUMNS_OF_CHANGES, n);

    if (s == NULL) {
        return SGO_NO_MEMORY;
    }
    s->updates = (sgo_update **)(void *)(s->rows + n);
    for (size_t i = 0; i < n; i++) {
        update_retain(updates[i]);
        s->updates[i] = updates[i];
    }
    s->count = n;
    hand_out(s, out);
    return SGO_OK;
}
