/* Whether two quotes differ.  Private to json/. */
#ifndef SGO_JSON_QUOTE_COMPARE_H
#define SGO_JSON_QUOTE_COMPARE_H

#include "json/document.h"

/* Do two quotes (objects, or doc == NULL: there is none) differ in more than
 * their time stamp and alternative lines?  *may_have_lines (or NULL): false
 * when neither has such lines.  Any thread. */
bool quotes_differ(struct value a, struct value b, bool *may_have_lines);

#endif
