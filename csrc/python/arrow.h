/* Quotes as PyCapsules of the Arrow PyCapsule interface. */
#ifndef SGO_PYTHON_ARROW_H
#define SGO_PYTHON_ARROW_H

#include "state.h"

/* Functions of the module; their texts are in arrow.c. */
extern const char arrow_quotes_doc[];
PyObject *arrow_quotes(PyObject *module, PyObject *const *args,
                       Py_ssize_t nargs, PyObject *kwnames);
extern const char arrow_quote_changes_doc[];
PyObject *arrow_quote_changes(PyObject *module, PyObject *updates);
extern const char arrow_schema_doc[];
PyObject *arrow_schema(PyObject *module, PyObject *const *args,
                       Py_ssize_t nargs, PyObject *kwnames);

#endif
