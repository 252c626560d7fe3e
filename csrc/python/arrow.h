/* Quotes as PyCapsules of the Arrow PyCapsule interface. */
#ifndef SGO_PYTHON_ARROW_H
#define SGO_PYTHON_ARROW_H

#include "state.h"

/* Functions of the module; their texts are in arrow.c. */
extern const char capsule_quotes_doc[];
PyObject *capsule_quotes(PyObject *module, PyObject *const *args,
                         Py_ssize_t nargs, PyObject *kwnames);
extern const char capsule_quote_changes_doc[];
PyObject *capsule_quote_changes(PyObject *module, PyObject *iterable);
extern const char capsule_schema_doc[];
PyObject *capsule_schema(PyObject *module, PyObject *const *args,
                         Py_ssize_t nargs, PyObject *kwnames);

#endif
