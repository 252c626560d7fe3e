/* The public face of arrow/. */
#include "arrow/columns.h"
#include "arrow/quotes.h"
#include "client_value.h"

_Static_assert(sizeof(sgo_event *) == sizeof(struct document *),
               "an array of events is one of documents");

sgo_status
sgo_quotes_export(sgo_event *const *events, size_t count,
                  const sgo_quote_filter *filter, struct ArrowArrayStream *out)
{
    return arrow_quotes((struct document *const *)events, count,
                        filter ? &filter->show : NULL,
                        filter && filter->alt_lines, out);
}

sgo_status
sgo_quote_changes_export(sgo_update *const *updates, size_t count,
                         struct ArrowArrayStream *out)
{
    return arrow_quote_changes(updates, count, out);
}

sgo_status
sgo_quotes_schema(bool changes, struct ArrowSchema *out)
{
    return arrow_schema_make(changes ? COLUMNS_OF_CHANGES : COLUMNS_OF_QUOTES,
                             out);
}
