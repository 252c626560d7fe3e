/* keys(), values() and items() of an object, and the iterator of all views.
 */
#ifndef SGO_PYTHON_MEMBERS_H
#define SGO_PYTHON_MEMBERS_H

#include "state.h"

enum members_kind { MEMBERS_KEYS, MEMBERS_VALUES, MEMBERS_ITEMS };

/* An iterator over a view's members or elements (MEMBERS_VALUES for arrays);
 * state may be NULL with an exception set. */
PyObject *members_iterate(struct core_state *state, PyObject *view,
                          enum members_kind kind);

/* TYPE_KEYS, TYPE_VALUES or TYPE_ITEMS of an object; state as above. */
PyObject *members_new(struct core_state *state, PyObject *view,
                      enum type_id id);

#endif
