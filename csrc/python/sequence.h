/* What our sequences have in common: subscripts, reversed(), words. */
#ifndef SGO_PYTHON_SEQUENCE_H
#define SGO_PYTHON_SEQUENCE_H

#include "state.h"

/* self[key]: an integer, also from the end, by the type's sq_item; a slice by
 * the function given.  New reference, or NULL with an exception. */
PyObject *sequence_subscript(PyObject *self, PyObject *key, binaryfunc slice);

/* self.__reversed__(), for METH_NOARGS: over a list made first, since our
 * positions may cost a walk each. */
PyObject *sequence_reversed(PyObject *self, PyObject *ignored);

extern const char sequence_count_doc[];
extern const char sequence_index_doc[];

#endif
