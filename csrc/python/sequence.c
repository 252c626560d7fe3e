/* What ArrayView and Changes have in common. */
#include "sequence.h"

const char sequence_count_doc[] = "count($self, value, /)\n--\n\n"
                                  "How many elements equal value.";
const char sequence_index_doc[] =
    "index($self, value, start=0, stop=9223372036854775807, /)\n"
    "--\n\n"
    "The first position of value; ValueError where it is absent.";

PyObject *
sequence_subscript(PyObject *self, PyObject *key, binaryfunc slice)
{
    Py_ssize_t i;

    if (PyIndex_Check(key)) {
        i = PyNumber_AsSsize_t(key, PyExc_IndexError);
        if (i == -1 && PyErr_Occurred()) {
            return NULL;
        }
        return PySequence_GetItem(self, i);
    }
    if (!PySlice_Check(key)) {
        PyErr_Format(PyExc_TypeError,
                     "indices must be integers or slices, not %.100s",
                     Py_TYPE(key)->tp_name);
        return NULL;
    }
    return slice(self, key);
}

PyObject *
sequence_reversed(PyObject *self, PyObject *Py_UNUSED(ignored))
{
    PyObject *list = PySequence_List(self), *iterator;

    if (list == NULL) {
        return NULL;
    }
    iterator = PyObject_CallOneArg((PyObject *)&PyReversed_Type, list);
    Py_DECREF(list);
    return iterator;
}
