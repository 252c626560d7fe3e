/* Rows of documents and of updates, and their values. */
#include "arrow/rows.h"

#include <string.h>

#include "base/clock.h"

void
row_iter_document(struct row_iter *it, struct document *document,
                  const struct show_filter *filter, bool alt_lines)
{
    *it = (struct row_iter){.document = document};
    quote_iter_init(&it->quotes, document, filter, alt_lines);
}

sgo_status
row_iter_update(struct row_iter *it, sgo_update *update)
{
    *it = (struct row_iter){.document = NULL};
    return update_quotes(update, &it->changes);
}

bool
row_iter_next(struct row_iter *it, struct row *row)
{
    const struct quote_change *change;

    if (it->document) {
        struct quote quote;

        if (!quote_iter_next(&it->quotes, &quote)) {
            return false;
        }
        *row = (struct row){.doc = it->document,
                            .odd = &it->quotes.odd_fields,
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

sgo_status
row_text(struct buf *scratch, struct text text, const char **bytes,
         size_t *len)
{
    static const uint8_t replacement[3] = {0xEF, 0xBF, 0xBD};
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
    /* Half a surrogate pair came as three bytes, and so is U+FFFD. */
    p = (uint8_t *)scratch->data;
    for (size_t i = 0; i + 2 < *len; i++) {
        if (p[i] == 0xED && p[i + 1] >= 0xA0) {
            memcpy(p + i, replacement, sizeof(replacement));
        }
    }
    *bytes = scratch->data;
    return SGO_OK;
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

sgo_status
row_fill(struct batch *batch, size_t i, const struct row *row,
         struct buf *scratch)
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
    if (batch->columns == COLUMNS_OF_CHANGES) {
        fill_old(batch, i, row);
    }
    if (q.deeplink.raw) {
        status = row_text(scratch, q.deeplink, &bytes, &len);
        if (status != SGO_OK) {
            return status;
        }
    }
    return batch_add_text(batch, i, bytes, len);
}
