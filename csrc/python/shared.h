/* What keeps Python objects right where threads run without a GIL.
 *
 * Instances are immutable but for slots that are filled once; those go through
 * here, on every build.  What changes for good is guarded by the owner's
 * critical section, which is nothing where there is a GIL. */
#ifndef SGO_PYTHON_SHARED_H
#define SGO_PYTHON_SHARED_H

#include "state.h"

#ifdef Py_GIL_DISABLED
#define SHARED_BEGIN(op) Py_BEGIN_CRITICAL_SECTION(op)
#define SHARED_END() Py_END_CRITICAL_SECTION()
#else
#define SHARED_BEGIN(op) {
#define SHARED_END() }
#endif

/* The object in a slot that is filled once, borrowed; NULL: none yet. */
static inline PyObject *
shared_peek(PyObject **slot)
{
    return __atomic_load_n(slot, __ATOMIC_ACQUIRE);
}

/* Fill a slot with `made`, which is taken and may be NULL, unless another
 * thread was faster.  What is there now, borrowed. */
static inline PyObject *
shared_fill(PyObject **slot, PyObject *made)
{
    PyObject *first = NULL;

    if (made == NULL ||
        __atomic_compare_exchange_n(slot, &first, made, false,
                                    __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
        return made;
    }
    Py_DECREF(made);
    return first;
}

/* New references to what stands in a container that others may change. */
static inline PyObject *
shared_list_item(PyObject *list, Py_ssize_t i)
{
#if PY_VERSION_HEX >= 0x030D0000
    return PyList_GetItemRef(list, i); /* IndexError once it is shorter */
#else
    return Py_NewRef(PyList_GET_ITEM(list, i));
#endif
}

/* NULL without an exception: there is none. */
static inline PyObject *
shared_dict_item(PyObject *dict, PyObject *key)
{
#if PY_VERSION_HEX >= 0x030D0000
    PyObject *item = NULL;

    return PyDict_GetItemRef(dict, key, &item) < 0 ? NULL : item;
#else
    return Py_XNewRef(PyDict_GetItemWithError(dict, key));
#endif
}

#endif
