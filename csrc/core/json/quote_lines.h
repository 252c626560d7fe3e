/* The alternative lines of one version of a quote, found by line: by the text
 * of `spread` or `overUnder`, the first that was not taken yet. */
#ifndef SGO_JSON_QUOTE_LINES_H
#define SGO_JSON_QUOTE_LINES_H

#include "json/document.h"

struct alt_line {
    struct value value;
    struct value line; /* doc == NULL: it names none */
    bool over_under;
    bool taken;
    uint64_t hash;
    uint32_t chain; /* number + 1 of the next with the same slot */
};

/* Chains of lines, in document order. */
struct line_table {
    struct alt_line *lines;
    uint32_t *heads;
    uint32_t n;
    uint32_t mask;
};

/* Read an element of altLines, an object. */
void alt_line_read(struct value element, struct alt_line *out);

/* The objects in an array of lines (doc == NULL: none).  False: out of
 * memory; the table is to be finished all the same. */
bool line_table_init(struct line_table *t, struct value array);
void line_table_fini(struct line_table *t);

/* Take the first line not yet taken that is the same; doc == NULL: no such. */
struct value line_table_take(struct line_table *t,
                             const struct alt_line *wanted);

#endif
