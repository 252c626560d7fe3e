/* The first pass over what is exported: the dictionaries of all rows, and of
 * each row the numbers of its strings and where its quote stands. */
#ifndef SGO_ARROW_GATHER_H
#define SGO_ARROW_GATHER_H

#include "arrow/batch.h"
#include "arrow/rows.h"

enum { RUN_NUMBERS = COLUMN_BOOKMAKER_ID };

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

struct memo;

struct gathered {
    struct dictionary dictionaries[COLUMN_DICTIONARIES];
    struct buf kept;    /* kept_run, its kept_rows, kept_run, ... */
    struct memo *memos; /* while it is gathered */
    struct buf scratch; /* decoded text, likewise */
};

void gathered_init(struct gathered *g, uint64_t seed);
void gathered_fini(struct gathered *g);

/* Before the first gathered_add().  SGO_NO_MEMORY. */
sgo_status gathered_begin(struct gathered *g) SGO_WARN_UNUSED;
/* Add the rows of an item, which stays held until gathered_end().  with_places:
 * they are quotes of one document.  SGO_NO_MEMORY, SGO_LIMIT. */
sgo_status gathered_add(struct gathered *g, struct row_iter *it,
                        bool with_places, size_t *rows) SGO_WARN_UNUSED;
/* Behind the last: seal the dictionaries, or, if status says that something
 * failed, drop all, for another beginning.  Returns the status.
 * SGO_NO_MEMORY. */
sgo_status gathered_end(struct gathered *g, sgo_status status) SGO_WARN_UNUSED;

/* The rows that the first pass kept of an item, in order. */
struct kept_iter {
    const char *at;
    const struct kept_run *run;
    int32_t left; /* rows of the run */
};

static inline const struct kept_row *
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

#endif
