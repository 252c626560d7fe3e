/* The rows of a table: where they come from, and how the columns that have no
 * dictionary are filled. */
#ifndef SGO_ARROW_ROWS_H
#define SGO_ARROW_ROWS_H

#include "arrow/batch.h"
#include "delivery/update.h"
#include "json/quotes.h"

/* Borrows the document, or the update. */
struct row {
    const struct document *doc;   /* whose event it is */
    const struct odd_fields *odd; /* NULL: not read yet */
    struct text odd_id;
    struct text bookmaker_id;
    bool is_alt_line;
    struct value quote; /* doc NULL: gone */
    struct value old;   /* doc NULL: new */
};

struct row_iter {
    struct document *document; /* NULL: of an update */
    struct quote_iter quotes;
    const struct quote_changes *changes;
    size_t next;
};

/* Over the quotes of a document that the filter (borrowed) shows. */
void row_iter_document(struct row_iter *it, struct document *document,
                       const struct show_filter *filter, bool alt_lines);
/* Over the quotes that an update changed.  SGO_NO_MEMORY. */
sgo_status row_iter_update(struct row_iter *it,
                           sgo_update *update) SGO_WARN_UNUSED;
bool row_iter_next(struct row_iter *it, struct row *row);

/* A text as UTF-8, perhaps in scratch and valid until its next use.  What
 * JSON may hold and UTF-8 not, half a surrogate pair, becomes U+FFFD.
 * SGO_NO_MEMORY. */
sgo_status row_text(struct buf *scratch, struct text text, const char **bytes,
                    size_t *len) SGO_WARN_UNUSED;

/* All of row i but its dictionary columns; rows in order.  SGO_NO_MEMORY,
 * SGO_LIMIT. */
sgo_status row_fill(struct batch *batch, size_t i, const struct row *row,
                    struct buf *scratch) SGO_WARN_UNUSED;

#endif
