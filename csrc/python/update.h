/* Update, and its lists of changes. */
#ifndef SGO_PYTHON_UPDATE_H
#define SGO_PYTHON_UPDATE_H

#include "state.h"

/* An Update of `type` whose events will be of `event_type`; takes the C
 * update (also when it fails); stream (borrowed, may be NULL) is what
 * update.stream will be.  New reference or NULL. */
PyObject *update_wrap(PyTypeObject *type, PyTypeObject *event_type,
                      sgo_update *update, PyObject *stream);

/* What changes.c reads of an update; borrowed. */
sgo_update *update_handle(PyObject *update);
PyObject *update_event_id(PyObject *op); /* NULL with an exception */
/* The event that a whole-event change stands for; new reference. */
PyObject *update_event_of(PyObject *op, sgo_value root);

#endif
