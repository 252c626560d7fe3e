/* Event: the view of a whole version. */
#ifndef SGO_PYTHON_EVENT_H
#define SGO_PYTHON_EVENT_H

#include "state.h"

/* A type for events given by the user: None or a subclass of `base` (an index
 * of ours).  A new reference, or NULL with an exception. */
PyTypeObject *event_check_type(struct core_state *state, enum type_id base,
                               const char *name, PyObject *value);

/* The list of Events of `type` for n C events (borrowed). */
PyObject *event_list(PyTypeObject *type, sgo_event *const *events, size_t n);

/* The filter of (odd_ids, bookmaker_ids, alt_lines), each NULL or None where
 * not given; for sgo_quote_filter_free.  NULL with an exception. */
sgo_quote_filter *event_make_filter(struct core_state *state,
                                    PyObject *const *values);

#endif
