/* Two passes over what is exported: the first gathers the dictionaries and
 * keeps the numbers of each row's strings and where its quote stands; the
 * second, batch by batch as they are asked for, fills the columns.  A batch
 * takes several items, up to BATCH_ROWS; they are let go as soon as it is
 * made. */
#include "arrow/quotes.h"

#include <errno.h>
#include <string.h>

#include "arrow/gather.h"
#include "arrow/rows.h"
#include "base/hash.h"
#include "base/mem.h"

enum {
    BATCH_ROWS = 1 << 17,      /* items are put together up to these */
    BATCH_TEXT_BYTES = 1 << 30 /* of documents: more than their deep links */
};

static size_t batch_rows = BATCH_ROWS;

void
arrow_force_batch_rows(size_t rows)
{
    batch_rows = rows ? rows : BATCH_ROWS;
}

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
    struct gathered first; /* what the first pass keeps */
    size_t kept_at;        /* where the next item's rows begin in it */
    struct buf scratch;    /* decoded text */
    const char *error;     /* static */
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

/* ---- the passes ----------------------------------------------------------*/

static sgo_status
gather(struct quote_stream *s)
{
    sgo_status status = gathered_begin(&s->first);

    for (size_t i = 0; status == SGO_OK && i < s->count; i++) {
        struct row_iter it;

        status = begin_rows(&it, s, i);
        if (status == SGO_OK) {
            status = gathered_add(&s->first, &it, s->documents != NULL,
                                  &s->rows[i]);
        }
    }
    status = gathered_end(&s->first, status);
    s->gathered = status == SGO_OK;
    return status;
}

/* The dictionary columns, from what the first pass kept.  Returns where the
 * next item's rows begin. */
static size_t
fill_numbers(const struct quote_stream *s, struct batch *batch)
{
    int32_t *bookmakers = batch->values[COLUMN_BOOKMAKER_ID]; /* never null */
    struct kept_iter it = {.at = s->first.kept.data + s->kept_at};

    for (size_t i = 0; i < batch->rows; i++) {
        const bool is_first = it.left == 0;

        bookmakers[i] = kept_next(&it)->bookmaker;
        for (int c = 0; is_first && c < RUN_NUMBERS; c++) {
            batch_set_numbers(batch, (enum arrow_column)c, i,
                              (size_t)it.run->rows, it.run->numbers[c]);
        }
    }
    return (size_t)(it.at - s->first.kept.data);
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
    struct kept_iter it = {.at = s->first.kept.data + s->kept_at};
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
        batch_export(batch, s->first.dictionaries, out);
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
    gathered_fini(&s->first);
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
    gathered_init(&s->first, hash_process_seed() ^ (uintptr_t)s);
    buf_init(&s->scratch, SCAN_MAX_BYTES);
    show_filter_init(&s->filter);
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
