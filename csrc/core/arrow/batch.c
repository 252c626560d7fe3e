/* The memory of a batch: one block of bookkeeping, one of values. */
#include "arrow/batch.h"

#include <string.h>

#include "base/mem.h"

enum { ALIGNMENT = 64 }; /* what Arrow recommends */

static size_t
value_bytes(enum column_type type, size_t rows)
{
    switch (type) {
    case COLUMN_TYPE_FLOAT64:
    case COLUMN_TYPE_TIMESTAMP_MS:
        return rows * 8;
    case COLUMN_TYPE_BOOL:
        return (rows + 7) / 8;
    case COLUMN_TYPE_UTF8:
        return (rows + 1) * 4;
    case COLUMN_TYPE_DICTIONARY:
    case COLUMN_TYPE_INT32:
        break;
    }
    return rows * 4;
}

static size_t
aligned(size_t bytes)
{
    return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

/* Places for the columns behind `at`, or with batch NULL only their bytes. */
static size_t
lay_out(struct batch *batch, char *at, size_t columns, size_t rows)
{
    size_t offset = 0;

    for (size_t i = 0; i < columns; i++) {
        const struct column_spec *spec = &arrow_columns[i];

        if (batch) {
            batch->values[i] = at + offset;
        }
        offset += aligned(value_bytes(spec->type, rows));
        if (spec->nullable) {
            if (batch) {
                batch->valid[i] = (uint8_t *)at + offset;
            }
            offset += aligned((rows + 7) / 8);
        }
    }
    return offset;
}

struct batch *
batch_create(size_t columns, size_t rows)
{
    size_t bytes = lay_out(NULL, NULL, columns, rows);
    size_t head = aligned(sizeof(struct batch));
    struct batch *batch = mem_calloc(1, head + ALIGNMENT + bytes);
    uintptr_t at = (uintptr_t)batch;

    if (batch == NULL) {
        return NULL;
    }
    refcount_init(&batch->refs);
    batch->columns = columns;
    batch->rows = rows;
    buf_init(&batch->text, INT32_MAX);
    lay_out(batch, (char *)batch + (aligned(at + sizeof(*batch)) - at),
            columns, rows);
    return batch;
}

void
batch_free(struct batch *batch)
{
    if (batch) {
        for (size_t i = 0; i < COLUMN_DICTIONARIES; i++) {
            dictionary_block_release(batch->dictionaries[i]);
        }
        buf_fini(&batch->text);
        mem_free(batch);
    }
}

/* Bits [at, at + n) of a bitmap. */
static void
mark_bits(uint8_t *bits, size_t at, size_t n)
{
    for (; n > 0 && at % 8 != 0; at++, n--) {
        bits[at / 8] |= (uint8_t)(1u << (at % 8));
    }
    memset(bits + at / 8, 0xFF, n / 8);
    if (n % 8 != 0) {
        bits[at / 8 + n / 8] |= (uint8_t)((1u << (n % 8)) - 1);
    }
}

void
batch_set_numbers(struct batch *batch, enum arrow_column column, size_t row,
                  size_t n, int32_t number)
{
    int32_t *values = batch->values[column];

    if (number == DICTIONARY_NULL) {
        return;
    }
    for (size_t i = row; i < row + n; i++) {
        values[i] = number;
    }
    if (batch->valid[column]) {
        mark_bits(batch->valid[column], row, n);
        batch->valid_count[column] += n;
    }
}

sgo_status
batch_add_text(struct batch *batch, size_t row, const char *bytes, size_t len)
{
    int32_t *offsets = batch->values[COLUMN_DEEPLINK];

    if (bytes) {
        sgo_status status = buf_append(&batch->text, bytes, len);

        if (status != SGO_OK) {
            return status;
        }
        batch_mark(batch, COLUMN_DEEPLINK, row);
    }
    offsets[row + 1] = (int32_t)batch->text.len;
    return SGO_OK;
}

/* Of every array of a batch, wherever it was moved to.  Any thread. */
static void
release_array(struct ArrowArray *array)
{
    struct batch *batch = array->private_data;

    for (int64_t i = 0; i < array->n_children; i++) {
        if (array->children[i]->release) {
            array->children[i]->release(array->children[i]);
        }
    }
    if (array->dictionary && array->dictionary->release) {
        array->dictionary->release(array->dictionary);
    }
    array->release = NULL;
    if (refcount_release(&batch->refs)) {
        batch_free(batch);
    }
}

static void
export_dictionary(struct batch *batch, size_t column,
                  struct dictionary_block *block)
{
    const void **buffers = batch->dictionary_buffers[column];

    refcount_retain(&block->refs);
    batch->dictionaries[column] = block;
    buffers[1] = block->offsets;
    buffers[2] = block->bytes;
    refcount_retain(&batch->refs);
    batch->dictionary_arrays[column] = (struct ArrowArray){
        .length = block->count,
        .n_buffers = 3,
        .buffers = buffers,
        .release = release_array,
        .private_data = batch,
    };
    batch->children[column].dictionary = &batch->dictionary_arrays[column];
}

static void
export_column(struct batch *batch, size_t column)
{
    const bool is_text = arrow_columns[column].type == COLUMN_TYPE_UTF8;
    const void **buffers = batch->buffers[column];
    struct ArrowArray *child = &batch->children[column];
    size_t nulls = 0;

    if (batch->valid[column]) {
        nulls = batch->rows - batch->valid_count[column];
        buffers[0] = batch->valid[column];
    }
    buffers[1] = batch->values[column];
    buffers[2] = is_text ? (batch->text.data ? batch->text.data : "") : NULL;
    refcount_retain(&batch->refs);
    *child = (struct ArrowArray){
        .length = (int64_t)batch->rows,
        .null_count = (int64_t)nulls,
        .n_buffers = is_text ? 3 : 2,
        .buffers = buffers,
        .release = release_array,
        .private_data = batch,
    };
    batch->pointers[column] = child;
}

void
batch_export(struct batch *batch, const struct dictionary *dictionaries,
             struct ArrowArray *out)
{
    for (size_t i = 0; i < batch->columns; i++) {
        export_column(batch, i);
        if (i < COLUMN_DICTIONARIES) {
            export_dictionary(batch, i, dictionaries[i].block);
        }
    }
    *out = (struct ArrowArray){
        .length = (int64_t)batch->rows,
        .n_buffers = 1,
        .n_children = (int64_t)batch->columns,
        .buffers = batch->no_buffer,
        .children = batch->pointers,
        .release = release_array, /* with the reference that was ours */
        .private_data = batch,
    };
}
