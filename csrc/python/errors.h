/* Errors of the core as Python exceptions. */
#ifndef SGO_PYTHON_ERRORS_H
#define SGO_PYTHON_ERRORS_H

#include "state.h"

/* Create _core.Error.  0 or -1. */
int errors_init(struct core_state *state, PyObject *module);

/* An exception instance for *err, made by the factory; new reference or NULL
 * with another exception set. */
PyObject *errors_make(struct core_state *state, const sgo_error *err);

/* Raise what a status other than SGO_OK and SGO_TIMEOUT stands for; err may
 * be NULL.  Returns NULL. */
PyObject *errors_raise(struct core_state *state, sgo_status status,
                       const sgo_error *err);

/* Raise an error of a kind with a text of our own (ASCII).  Returns NULL. */
PyObject *errors_raise_kind(struct core_state *state, sgo_error_kind kind,
                            const char *fmt, ...) SGO_PRINTF(3, 4);

/* The raised exception, taken out of the thread state, normalised and with
 * its traceback; new reference, never NULL while an error is set. */
PyObject *errors_take_raised(void);

/* Put an exception back; steals the reference. */
void errors_set_raised(PyObject *exception);

#endif
