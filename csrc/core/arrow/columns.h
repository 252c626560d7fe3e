/* The columns of an exported table of quotes, and their schema.  The one
 * place that knows names, types and order. */
#ifndef SGO_ARROW_COLUMNS_H
#define SGO_ARROW_COLUMNS_H

#include "base/types.h"

enum arrow_column {
    COLUMN_EVENT_ID,
    COLUMN_LEAGUE_ID,
    COLUMN_ODD_ID, /* from here to player_id: the same for a whole odd */
    COLUMN_STAT_ID,
    COLUMN_STAT_ENTITY_ID,
    COLUMN_PERIOD_ID,
    COLUMN_BET_TYPE_ID,
    COLUMN_SIDE_ID,
    COLUMN_PLAYER_ID,
    COLUMN_BOOKMAKER_ID,
    COLUMN_DICTIONARIES, /* the above have a dictionary each */
    COLUMN_ODDS = COLUMN_DICTIONARIES,
    COLUMN_DECIMAL,
    COLUMN_LINE,
    COLUMN_AVAILABLE,
    COLUMN_LAST_UPDATED_AT,
    COLUMN_IS_ALT_LINE,
    COLUMN_DEEPLINK,
    COLUMNS_OF_QUOTES, /* a table of quote changes has three more */
    COLUMN_OLD_ODDS = COLUMNS_OF_QUOTES,
    COLUMN_OLD_LINE,
    COLUMN_OLD_AVAILABLE,
    COLUMNS_OF_CHANGES
};

enum column_type {
    COLUMN_TYPE_DICTIONARY, /* int32 into a dictionary of utf8 */
    COLUMN_TYPE_INT32,
    COLUMN_TYPE_FLOAT64,
    COLUMN_TYPE_BOOL,
    COLUMN_TYPE_TIMESTAMP_MS,
    COLUMN_TYPE_UTF8
};

struct column_spec {
    const char *name;
    enum column_type type;
    bool nullable;
};

extern const struct column_spec arrow_columns[COLUMNS_OF_CHANGES];

/* The schema of a table of the first `columns` columns; *out is released by
 * its own release, on any thread.  SGO_NO_MEMORY.  Any thread. */
sgo_status arrow_schema_make(size_t columns,
                             struct ArrowSchema *out) SGO_WARN_UNUSED;

#endif
