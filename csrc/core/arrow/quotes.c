/* Two passes over what is exported: the first gathers the dictionaries and
 * keeps the numbers of each row's strings and where its quote stands; the
 * second, batch by batch as they are asked for, fills the columns.  A batch
 * takes several items, up to BATCH_ROWS; they are let go as soon as it is
 * made. */
#include "arrow/quotes.h"

#include <errno.h>
#include <string.h>

#include "arrow/rows.h"
#include "base/hash.h"
#include "base/mem.h"

enum {
    RUN_NUMBERS = COLUMN_BOOKMAKER_ID,
    MEMOS = 64,
    BATCH_ROWS = 1 << 17,      /* items are put together up to these */
    BATCH_TEXT_BYTES = 1 << 30 /* of documents: more than their deep links */
};

static size_t batch_rows = BATCH_ROWS;

void
arrow_force_batch_rows(size_t rows)
{
    batch_rows = rows ? rows : BATCH_ROWS;
}

/* What the first pass keeps of a row. */
struct kept_row {
    int32_t bookmaker; /* its number */
    uint32_t off;      /* of the quote in its document; of no use in updates */
    uint32_t index_and_alt; /* the quote's index * 2 + is_alt_line */
};

/* What it keeps before a run of rows of one odd. */
struct kept_run {
    int32_t rows;
    int32_t numbers[RUN_NUMBERS];
};

/* A text that had a number lately; it stands in an item that is still held. */
struct memo {
    struct text text;
    int32_t number;
};

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
    struct memo (*memos)[MEMOS]; /* of each column, in the first pass */
    struct buf kept;             /* kept_run, its kept_rows, kept_run, ... */
    size_t kept_at;              /* where the next item's begin */
    struct buf scratch;          /* decoded text */
    const char *error;           /* static */
};

/* The run that is being gathered, in memory of what stays the same. */
struct run {
    const struct document *doc;
    const char *odd_id; /* where it stands: the same place, the same odd */
    size_t at;          /* in s->kept */
    int32_t numbers[RUN_NUMBERS];
};

static sgo_status
begin_rows(struct row_iter *it, const struct quote_stream *s, size_t item)
{
    if (s->documents) {
        row_iter_document(it, s->documents[item], &s->filter, s->alt_lines);
        return SGO_OK;
    }
    return row_iter_update(it, s->updates[item]);
}

/* ---- numbers of texts ----------------------------------------------------*/

/* Where a plain text of this column is remembered. */
static struct memo *
memo_of(const struct quote_stream *s, enum arrow_column column,
        struct text text)
{
    unsigned hash = text.len;

    if (text.len > 0) {
        hash += (unsigned char)text.raw[0] * 7u;
        hash += (unsigned char)text.raw[text.len / 2] * 31u;
        hash += (unsigned char)text.raw[text.len - 1] * 5u;
    }
    return &s->memos[column][hash % MEMOS];
}

/* The number of a text in its column's dictionary; raw NULL is null. */
static sgo_status
number_of(struct quote_stream *s, enum arrow_column column, struct text text,
          int32_t *number)
{
    struct memo *memo;
    const char *bytes;
    size_t len;
    sgo_status status;

    *number = DICTIONARY_NULL;
    if (text.raw == NULL) {
        return SGO_OK;
    }
    memo = memo_of(s, column, text);
    if (memo->text.raw && memo->text.len == text.len &&
        memcmp(memo->text.raw, text.raw, text.len) == 0) {
        *number = memo->number; /* the same raw text, with escapes or not */
        return SGO_OK;
    }
    status = row_text(&s->scratch, text, &bytes, &len);
    if (status == SGO_OK) {
        status = dictionary_put(&s->dictionaries[column], bytes, len, number);
    }
    if (status == SGO_OK) {
        *memo = (struct memo){text, *number};
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

/* ---- the dictionaries of a row -------------------------------------------*/

static sgo_status
number_event(struct quote_stream *s, const struct document *doc,
             struct run *run)
{
    struct text id = {doc->event_id, doc->event_id_len, false};
    sgo_status status =
        number_of(s, COLUMN_EVENT_ID, id, &run->numbers[COLUMN_EVENT_ID]);

    if (status == SGO_OK) {
        status = number_of(s, COLUMN_LEAGUE_ID,
                           string_member(document_root(doc), "leagueID"),
                           &run->numbers[COLUMN_LEAGUE_ID]);
    }
    run->doc = doc;
    run->odd_id = NULL;
    return status;
}

/* The odd that an update names, in the document that has the quote. */
static void
find_odd(const struct row *row, struct odd_fields *out)
{
    struct value odd = {NULL, 0, VALUE_LEAF}, odds;

    if (VALUE_GET(document_root(row->doc), "odds", &odds) &&
        !value_get_text(odds, row->odd_id, &odd)) {
        odd.doc = NULL;
    }
    odd_read(odd, out);
}

static sgo_status
number_odd(struct quote_stream *s, const struct row *row, struct run *run)
{
    struct odd_fields f;

    if (row->odd) {
        f = *row->odd;
    } else {
        find_odd(row, &f);
    }
    const struct text texts[] = {
        [COLUMN_ODD_ID] = row->odd_id,
        [COLUMN_STAT_ID] = f.stat_id,
        [COLUMN_STAT_ENTITY_ID] = f.stat_entity_id,
        [COLUMN_PERIOD_ID] = f.period_id,
        [COLUMN_BET_TYPE_ID] = f.bet_type_id,
        [COLUMN_SIDE_ID] = f.side_id,
        [COLUMN_PLAYER_ID] = f.player_id,
    };

    for (int i = COLUMN_ODD_ID; i <= COLUMN_PLAYER_ID; i++) {
        sgo_status status =
            number_of(s, (enum arrow_column)i, texts[i], &run->numbers[i]);

        if (status != SGO_OK) {
            return status;
        }
    }
    run->odd_id = row->odd_id.raw;
    return SGO_OK;
}

static sgo_status
begin_run(struct quote_stream *s, const struct row *row, struct run *run)
{
    struct kept_run kept = {.rows = 0};
    sgo_status status = SGO_OK;

    if (run->doc != row->doc) {
        status = number_event(s, row->doc, run);
    }
    if (status == SGO_OK) {
        status = number_odd(s, row, run);
    }
    if (status != SGO_OK) {
        return status;
    }
    run->at = s->kept.len;
    memcpy(kept.numbers, run->numbers, sizeof(kept.numbers));
    return buf_append(&s->kept, &kept, sizeof(kept));
}

static sgo_status
add_to_run(struct quote_stream *s, const struct row *row,
           const struct run *run)
{
    struct kept_row kept = {.bookmaker = DICTIONARY_NULL};
    sgo_status status =
        number_of(s, COLUMN_BOOKMAKER_ID, row->bookmaker_id, &kept.bookmaker);

    if (s->documents) {
        kept.off = row->quote.off;
        kept.index_and_alt = row->quote.index * 2 + row->is_alt_line;
    }
    if (status == SGO_OK) {
        status = buf_append(&s->kept, &kept, sizeof(kept));
    }
    if (status == SGO_OK) {
        struct kept_run *head = (void *)(s->kept.data + run->at);

        head->rows++;
    }
    return status;
}

/* ---- the passes ----------------------------------------------------------*/

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
    struct run run = {.doc = NULL};
    struct row_iter it;
    struct row row;
    sgo_status status = begin_rows(&it, s, item);

    s->rows[item] = 0;
    while (status == SGO_OK && row_iter_next(&it, &row)) {
        if (run.odd_id != row.odd_id.raw || run.doc != row.doc) {
            status = begin_run(s, &row, &run);
        }
        if (status == SGO_OK) {
            status = add_to_run(s, &row, &run);
        }
        s->rows[item]++;
    }
    return status;
}

static sgo_status
gather(struct quote_stream *s)
{
    sgo_status status;

    s->memos = mem_calloc(COLUMN_DICTIONARIES, sizeof(*s->memos));
    status = s->memos ? SGO_OK : SGO_NO_MEMORY;
    for (size_t i = 0; status == SGO_OK && i < s->count; i++) {
        status = gather_item(s, i);
    }
    mem_free(s->memos);
    s->memos = NULL;
    for (size_t i = 0; status == SGO_OK && i < COLUMN_DICTIONARIES; i++) {
        status = dictionary_seal(&s->dictionaries[i]);
    }
    if (status != SGO_OK) {
        drop_dictionaries(s); /* the next call starts over */
        buf_fini(&s->kept);
    }
    s->gathered = status == SGO_OK;
    return status;
}

/* The rows that the first pass kept of an item, in order. */
struct kept_iter {
    const char *at;
    const struct kept_run *run;
    int32_t left; /* rows of the run */
};

static const struct kept_row *
kept_next(struct kept_iter *it)
{
    const struct kept_row *row;

    if (it->left == 0) {
        it->run = (const void *)it->at;
        it->left = it->run->rows;
        it->at += sizeof(*it->run);
    }
    row = (const void *)it->at;
    it->at += sizeof(*row);
    it->left--;
    return row;
}

/* The dictionary columns, from what the first pass kept.  Returns where the
 * next item's rows begin. */
static size_t
fill_numbers(const struct quote_stream *s, struct batch *batch)
{
    int32_t *bookmakers = batch->values[COLUMN_BOOKMAKER_ID]; /* never null */
    struct kept_iter it = {.at = s->kept.data + s->kept_at};

    for (size_t i = 0; i < batch->rows; i++) {
        const bool is_first = it.left == 0;

        bookmakers[i] = kept_next(&it)->bookmaker;
        for (int c = 0; is_first && c < RUN_NUMBERS; c++) {
            batch_set_numbers(batch, (enum arrow_column)c, i,
                              (size_t)it.run->rows, it.run->numbers[c]);
        }
    }
    return (size_t)(it.at - s->kept.data);
}

/* The other columns of a document's quotes, which stand where the first pass
 * saw them: documents do not change.  Rows from `first` on. */
static sgo_status
fill_quotes(struct quote_stream *s, size_t item, struct batch *batch,
            size_t first, struct kept_iter *it)
{
    const struct document *doc = s->documents[item];
    sgo_status status = SGO_OK;

    for (size_t i = 0; status == SGO_OK && i < s->rows[item]; i++) {
        const struct kept_row *kept = kept_next(it);
        const struct row row = {
            .is_alt_line = kept->index_and_alt % 2,
            .quote = {doc, kept->off, kept->index_and_alt / 2},
        };

        status = row_fill(batch, first + i, &row, &s->scratch);
    }
    return status;
}

static sgo_status
fill_changes(struct quote_stream *s, size_t item, struct batch *batch,
             size_t first)
{
    struct row_iter it;
    struct row row;
    sgo_status status = row_iter_update(&it, s->updates[item]);

    for (size_t i = 0; status == SGO_OK && i < s->rows[item]; i++) {
        if (!row_iter_next(&it, &row)) {
            return SGO_INVALID; /* nor do updates */
        }
        status = row_fill(batch, first + i, &row, &s->scratch);
    }
    return status;
}

/* The columns without dictionary, of the items before `end`. */
static sgo_status
fill_values(struct quote_stream *s, size_t end, struct batch *batch)
{
    struct kept_iter it = {.at = s->kept.data + s->kept_at};
    sgo_status status = SGO_OK;
    size_t first = 0;

    for (size_t i = s->at; status == SGO_OK && i < end; i++) {
        status = s->documents ? fill_quotes(s, i, batch, first, &it)
                              : fill_changes(s, i, batch, first);
        first += s->rows[i];
    }
    return status;
}

/* How much text an item can have. */
static size_t
text_bytes(const struct quote_stream *s, size_t item)
{
    const struct document *doc =
        s->documents ? s->documents[item] : update_event(s->updates[item]);

    return doc->len;
}

/* The items of the next batch: at least one that has rows.  Returns the one
 * behind them. */
static size_t
choose_items(const struct quote_stream *s, size_t *rows)
{
    size_t end = s->at, text = 0;

    *rows = 0;
    for (; end < s->count; end++) {
        size_t bytes = text_bytes(s, end);

        if (*rows > 0 && s->rows[end] > 0 &&
            (*rows + s->rows[end] > batch_rows ||
             text + bytes > BATCH_TEXT_BYTES)) {
            break;
        }
        *rows += s->rows[end];
        text += s->rows[end] > 0 ? bytes : 0;
    }
    return end;
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
    size_t rows, end;
    sgo_status status = s->gathered ? SGO_OK : gather(s);

    if (status != SGO_OK) {
        return status;
    }
    end = choose_items(s, &rows);
    *out = (struct ArrowArray){.release = NULL}; /* the end */
    if (rows > 0) {
        batch = batch_create(s->columns, rows);
        if (batch == NULL) {
            return SGO_NO_MEMORY;
        }
        status = fill_values(s, end, batch);
        if (status != SGO_OK) {
            batch_free(batch);
            return status;
        }
        s->kept_at = fill_numbers(s, batch);
        batch_export(batch, s->dictionaries, out);
    }
    while (s->at < end) {
        drop_item(s, s->at++);
    }
    return SGO_OK;
}

/* ---- the stream ----------------------------------------------------------*/

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
    buf_fini(&s->kept);
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
    const uint64_t seed = hash_process_seed();
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
    buf_init(&s->kept, SIZE_MAX / 4); /* a fraction of the documents */
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
        status = show_filter_copy(&s->filter, filter);
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
