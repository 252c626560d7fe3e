/* The sequences behind update.changes, .quotes and .consensus. */
#ifndef SGO_PYTHON_CHANGES_H
#define SGO_PYTHON_CHANGES_H

#include "state.h"

enum changes_kind { CHANGES_ALL, CHANGES_QUOTES, CHANGES_CONSENSUS };

/* Compute the list if it is not there yet (detached) and make its sequence;
 * state may be NULL with an exception set.  New reference or NULL. */
PyObject *changes_new(struct core_state *state, PyObject *update,
                      enum changes_kind kind);

#endif
