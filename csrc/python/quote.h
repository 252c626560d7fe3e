/* Quote: one bookmaker's price and line for one odd. */
#ifndef SGO_PYTHON_QUOTE_H
#define SGO_PYTHON_QUOTE_H

#include "state.h"

/* The constructor's arguments, NULL-terminated. */
extern const char *const quote_fields[];

/* The quote that stands at value; None where there is none (type NONE).  With
 * `like`, a quote that is probably much the same, None or NULL, texts are
 * shared.  New reference or NULL. */
PyObject *quote_from_value(struct core_state *state, sgo_value value,
                           PyObject *like);

#endif
