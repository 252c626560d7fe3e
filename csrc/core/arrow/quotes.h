/* Quotes, and changes of quotes, as Arrow C streams: batches of whole events
 * or updates, one dictionary a column for the whole stream.  Nothing is read
 * before the first batch is asked for. */
#ifndef SGO_ARROW_QUOTES_H
#define SGO_ARROW_QUOTES_H

#include "delivery/update.h"
#include "json/document.h"
#include "json/show.h"

/* A stream of its own over the documents, which it retains, of what the
 * filter (copied; NULL: all) shows.  *out is released by its own release.
 * SGO_NO_MEMORY.  Any thread; get_next and release as well, one at a time. */
sgo_status arrow_quotes(struct document *const *documents, size_t n,
                        const struct show_filter *filter, bool alt_lines,
                        struct ArrowArrayStream *out) SGO_WARN_UNUSED;

/* Likewise over updates: what each shows of quotes, old and new. */
sgo_status arrow_quote_changes(sgo_update *const *updates, size_t n,
                               struct ArrowArrayStream *out) SGO_WARN_UNUSED;

/* Batches of so many rows, but of one event or update at least; 0: as usual.
 * For tests, before any stream is read. */
void arrow_force_batch_rows(size_t rows);

#endif
