/* Moving fast through a JSON value whose bytes need no look.  Private to
 * json/. */
#ifndef SGO_JSON_SKIP_H
#define SGO_JSON_SKIP_H

#include <stdbool.h>
#include <stdint.h>

/* From p, within a value that has `*depth` (at least 1) brackets open, on to a
 * place at which the value has not ended, as near to its end, or to `end`, as
 * whole blocks without a backslash lead; p itself where that is no way.  Reads
 * nothing from `end` on.  *in_string: p stands in a string. */
const char *skip_blocks(const char *p, const char *end, uint32_t *depth,
                        bool *in_string);

#endif
