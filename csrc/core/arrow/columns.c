/* The table of columns and its schema.  All structures of one schema stand in
 * one block that each of them holds a reference on, since a consumer may move
 * children out and release them in any order. */
#include "arrow/columns.h"

#include "base/mem.h"
#include "base/refcount.h"

const struct column_spec arrow_columns[COLUMNS_OF_CHANGES] = {
    [COLUMN_EVENT_ID] = {"event_id", COLUMN_TYPE_DICTIONARY, false},
    [COLUMN_LEAGUE_ID] = {"league_id", COLUMN_TYPE_DICTIONARY, true},
    [COLUMN_ODD_ID] = {"odd_id", COLUMN_TYPE_DICTIONARY, false},
    [COLUMN_STAT_ID] = {"stat_id", COLUMN_TYPE_DICTIONARY, true},
    [COLUMN_STAT_ENTITY_ID] = {"stat_entity_id", COLUMN_TYPE_DICTIONARY, true},
    [COLUMN_PERIOD_ID] = {"period_id", COLUMN_TYPE_DICTIONARY, true},
    [COLUMN_BET_TYPE_ID] = {"bet_type_id", COLUMN_TYPE_DICTIONARY, true},
    [COLUMN_SIDE_ID] = {"side_id", COLUMN_TYPE_DICTIONARY, true},
    [COLUMN_PLAYER_ID] = {"player_id", COLUMN_TYPE_DICTIONARY, true},
    [COLUMN_BOOKMAKER_ID] = {"bookmaker_id", COLUMN_TYPE_DICTIONARY, false},
    [COLUMN_ODDS] = {"odds", COLUMN_TYPE_INT32, true},
    [COLUMN_DECIMAL] = {"decimal", COLUMN_TYPE_FLOAT64, true},
    [COLUMN_LINE] = {"line", COLUMN_TYPE_FLOAT64, true},
    [COLUMN_AVAILABLE] = {"available", COLUMN_TYPE_BOOL, true},
    [COLUMN_LAST_UPDATED_AT] = {"last_updated_at", COLUMN_TYPE_TIMESTAMP_MS,
                                true},
    [COLUMN_IS_ALT_LINE] = {"is_alt_line", COLUMN_TYPE_BOOL, false},
    [COLUMN_DEEPLINK] = {"deeplink", COLUMN_TYPE_UTF8, true},
    [COLUMN_OLD_ODDS] = {"old_odds", COLUMN_TYPE_INT32, true},
    [COLUMN_OLD_LINE] = {"old_line", COLUMN_TYPE_FLOAT64, true},
    [COLUMN_OLD_AVAILABLE] = {"old_available", COLUMN_TYPE_BOOL, true},
};

static const char *const formats[] = {
    [COLUMN_TYPE_DICTIONARY] = "i", [COLUMN_TYPE_INT32] = "i",
    [COLUMN_TYPE_FLOAT64] = "g",    [COLUMN_TYPE_BOOL] = "b",
    [COLUMN_TYPE_UTF8] = "u",       [COLUMN_TYPE_TIMESTAMP_MS] = "tsm:UTC",
};

struct schema_block {
    struct refcount refs; /* one for each structure not yet released */
    struct ArrowSchema *pointers[COLUMNS_OF_CHANGES];
    struct ArrowSchema children[COLUMNS_OF_CHANGES];
    struct ArrowSchema dictionaries[COLUMN_DICTIONARIES];
};

/* Of every structure, wherever it was moved to.  Any thread. */
static void
release_schema(struct ArrowSchema *schema)
{
    struct schema_block *block = schema->private_data;

    for (int64_t i = 0; i < schema->n_children; i++) {
        if (schema->children[i]->release) {
            schema->children[i]->release(schema->children[i]);
        }
    }
    if (schema->dictionary && schema->dictionary->release) {
        schema->dictionary->release(schema->dictionary);
    }
    schema->release = NULL;
    if (refcount_release(&block->refs)) {
        mem_free(block);
    }
}

static void
fill(struct schema_block *block, struct ArrowSchema *schema, const char *name,
     const char *format, bool nullable)
{
    refcount_retain(&block->refs);
    *schema = (struct ArrowSchema){
        .format = format,
        .name = name,
        .flags = nullable ? ARROW_FLAG_NULLABLE : 0,
        .release = release_schema,
        .private_data = block,
    };
}

sgo_status
arrow_schema_make(size_t columns, struct ArrowSchema *out)
{
    struct schema_block *block = mem_calloc(1, sizeof(*block));

    if (block == NULL) {
        return SGO_NO_MEMORY;
    }
    refcount_init(&block->refs); /* the root's */
    for (size_t i = 0; i < columns; i++) {
        const struct column_spec *spec = &arrow_columns[i];
        struct ArrowSchema *child = &block->children[i];

        fill(block, child, spec->name, formats[spec->type], spec->nullable);
        if (spec->type == COLUMN_TYPE_DICTIONARY) {
            child->dictionary = &block->dictionaries[i];
            fill(block, child->dictionary, "", "u", false);
        }
        block->pointers[i] = child;
    }
    *out = (struct ArrowSchema){
        .format = "+s",
        .name = "",
        .n_children = (int64_t)columns,
        .children = block->pointers,
        .release = release_schema,
        .private_data = block,
    };
    return SGO_OK;
}
