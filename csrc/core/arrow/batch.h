/* One batch of rows on its way to an Arrow array.  It is made for a known
 * number of rows, filled row by row, then exported; what was exported owns
 * its memory and is released on any thread. */
#ifndef SGO_ARROW_BATCH_H
#define SGO_ARROW_BATCH_H

#include "arrow/columns.h"
#include "arrow/dictionary.h"
#include "base/buf.h"

struct batch {
    struct refcount refs; /* one for each array not yet released */
    size_t columns;
    size_t rows;
    void *values[COLUMNS_OF_CHANGES];   /* utf8: the offsets, rows + 1 */
    uint8_t *valid[COLUMNS_OF_CHANGES]; /* bitmap; NULL: never null */
    size_t valid_count[COLUMNS_OF_CHANGES];
    struct buf text; /* of the one utf8 column */
    struct dictionary_block *dictionaries[COLUMN_DICTIONARIES];

    const void *no_buffer[1];
    const void *buffers[COLUMNS_OF_CHANGES][3];
    const void *dictionary_buffers[COLUMN_DICTIONARIES][3];
    struct ArrowArray *pointers[COLUMNS_OF_CHANGES];
    struct ArrowArray children[COLUMNS_OF_CHANGES];
    struct ArrowArray dictionary_arrays[COLUMN_DICTIONARIES];
};

/* Rows start as null, false or the first entry.  NULL: out of memory. */
struct batch *batch_create(size_t columns, size_t rows) SGO_WARN_UNUSED;
void batch_free(struct batch *batch); /* one that was not exported */

static inline void
batch_mark(struct batch *batch, enum arrow_column column, size_t row)
{
    if (batch->valid[column]) {
        batch->valid[column][row / 8] |= (uint8_t)(1u << (row % 8));
        batch->valid_count[column]++;
    }
}

/* For a dictionary column, one number for rows [row, row + n);
 * DICTIONARY_NULL leaves null. */
void batch_set_numbers(struct batch *batch, enum arrow_column column,
                       size_t row, size_t n, int32_t number);

static inline void
batch_set_int32(struct batch *batch, enum arrow_column column, size_t row,
                int32_t value)
{
    ((int32_t *)batch->values[column])[row] = value;
    batch_mark(batch, column, row);
}

static inline void
batch_set_int64(struct batch *batch, enum arrow_column column, size_t row,
                int64_t value)
{
    ((int64_t *)batch->values[column])[row] = value;
    batch_mark(batch, column, row);
}

static inline void
batch_set_double(struct batch *batch, enum arrow_column column, size_t row,
                 double value)
{
    ((double *)batch->values[column])[row] = value;
    batch_mark(batch, column, row);
}

static inline void
batch_set_bool(struct batch *batch, enum arrow_column column, size_t row,
               bool value)
{
    if (value) {
        ((uint8_t *)batch->values[column])[row / 8] |=
            (uint8_t)(1u << (row % 8));
    }
    batch_mark(batch, column, row);
}

/* The next row's text, or null (bytes NULL); in order, for every row.
 * SGO_NO_MEMORY, SGO_LIMIT: past 2 GiB in one batch. */
sgo_status batch_add_text(struct batch *batch, size_t row, const char *bytes,
                          size_t len) SGO_WARN_UNUSED;

/* Turn it into a struct array with these sealed dictionaries.  Ownership
 * moves to *out.  Cannot fail. */
void batch_export(struct batch *batch, const struct dictionary *dictionaries,
                  struct ArrowArray *out);

#endif
