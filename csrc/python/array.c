/* ArrayView: a JSON array as a Sequence. */
#include "view.h"

#include "convert.h"
#include "members.h"
#include "sequence.h"

static PyObject *
array_item(PyObject *self, Py_ssize_t i)
{
    struct core_state *state = state_of(self);
    sgo_value value;

    if (state == NULL) {
        return NULL;
    }
    if (i < 0 || sgo_value_at(((struct view_object *)self)->value, (size_t)i,
                              &value) != SGO_OK) {
        PyErr_SetString(PyExc_IndexError, "array index out of range");
        return NULL;
    }
    return convert_value(state, value);
}

static PyObject *
array_iter(PyObject *self)
{
    return members_iterate(state_of(self), self, MEMBERS_VALUES);
}

/* A plain list of the elements; positions cost a walk each, so all are
 * gathered first. */
static PyObject *
array_slice(PyObject *self, PyObject *key)
{
    PyObject *list = PySequence_List(self), *part;

    if (list == NULL) {
        return NULL;
    }
    part = PyObject_GetItem(list, key);
    Py_DECREF(list);
    return part;
}

static PyObject *
array_subscript(PyObject *self, PyObject *key)
{
    return sequence_subscript(self, key, array_slice);
}

/* The first position from start to stop whose element equals wanted, -1 for
 * none, -2 with an exception; counts all into *count if given. */
static Py_ssize_t
search(PyObject *self, PyObject *wanted, Py_ssize_t start, Py_ssize_t stop,
       Py_ssize_t *count)
{
    struct core_state *state = state_of(self);
    Py_ssize_t i;
    sgo_iter iter;
    sgo_text raw;
    sgo_value value;
    int equal;

    if (state == NULL) {
        return -2;
    }
    sgo_iter_init(&iter, ((struct view_object *)self)->value);
    for (i = 0; i < stop && sgo_iter_next(&iter, &raw, &value); i++) {
        if (i < start) {
            continue;
        }
        equal = convert_equal(state, value, wanted);
        if (equal < 0) {
            return -2;
        }
        if (equal > 0 && count == NULL) {
            return i;
        }
        if (equal > 0) {
            ++*count;
        }
    }
    return -1;
}

static int
array_contains(PyObject *self, PyObject *wanted)
{
    Py_ssize_t i = search(self, wanted, 0, PY_SSIZE_T_MAX, NULL);

    return i == -2 ? -1 : i >= 0;
}

static PyObject *
array_count(PyObject *self, PyObject *wanted)
{
    Py_ssize_t count = 0;

    if (search(self, wanted, 0, PY_SSIZE_T_MAX, &count) == -2) {
        return NULL;
    }
    return PyLong_FromSsize_t(count);
}

/* A bound of index(): below zero from the end, clipped. */
static int
parse_bound(PyObject *self, PyObject *arg, Py_ssize_t *out)
{
    Py_ssize_t i = PyNumber_AsSsize_t(arg, NULL);

    if (i == -1 && PyErr_Occurred()) {
        return -1;
    }
    if (i < 0) {
        i += view_length(self);
    }
    *out = i < 0 ? 0 : i;
    return 0;
}

static PyObject *
array_index(PyObject *self, PyObject *const *args, Py_ssize_t nargs)
{
    Py_ssize_t start = 0, stop = PY_SSIZE_T_MAX, i;

    if (nargs < 1 || nargs > 3) {
        PyErr_Format(PyExc_TypeError,
                     "index() takes 1 to 3 arguments (%zd given)", nargs);
        return NULL;
    }
    if ((nargs > 1 && parse_bound(self, args[1], &start) < 0) ||
        (nargs > 2 && parse_bound(self, args[2], &stop) < 0)) {
        return NULL;
    }
    i = search(self, args[0], start, stop, NULL);
    if (i >= 0) {
        return PyLong_FromSsize_t(i);
    }
    if (i == -1) {
        PyErr_Format(PyExc_ValueError, "%R is not in the array", args[0]);
    }
    return NULL;
}

PyDoc_STRVAR(json_doc, "json($self, /)\n--\n\nThe JSON text as bytes.");
PyDoc_STRVAR(copy_doc,
             "copy($self, /)\n--\n\nA plain list, detached from the event.");
PyDoc_STRVAR(to_list_doc, "to_list($self, /)\n--\n\n"
                          "A plain list, detached from the event.");

static PyMethodDef array_methods[] = {
    {"index", METHOD(array_index), METH_FASTCALL, sequence_index_doc},
    {"count", array_count, METH_O, sequence_count_doc},
    {"json", view_json, METH_NOARGS, json_doc},
    {"copy", view_plain, METH_NOARGS, copy_doc},
    {"to_list", view_plain, METH_NOARGS, to_list_doc},
    {"__reversed__", sequence_reversed, METH_NOARGS, NULL},
    {"__copy__", view_self, METH_NOARGS, NULL},
    {"__deepcopy__", view_deepcopy, METH_O, NULL},
    {"__reduce__", view_reduce, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef array_members[] = {
    {"__weaklistoffset__", T_PYSSIZET, offsetof(struct view_object, weakrefs),
     READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

PyDoc_STRVAR(array_doc,
             "A JSON array inside an event: an immutable Sequence over C\n"
             "memory, which converts only what is touched and keeps the\n"
             "event alive.");

static PyType_Slot array_slots[] = {
    {Py_tp_doc, (void *)array_doc},
    {Py_tp_dealloc, view_dealloc},
    {Py_tp_traverse, view_traverse},
    {Py_tp_repr, view_repr},
    {Py_tp_richcompare, view_compare},
    {Py_tp_hash, PyObject_HashNotImplemented},
    {Py_tp_iter, array_iter},
    {Py_tp_methods, array_methods},
    {Py_tp_members, array_members},
    {Py_mp_length, view_length},
    {Py_mp_subscript, array_subscript},
    {Py_sq_length, view_length},
    {Py_sq_item, array_item},
    {Py_sq_contains, array_contains},
    {0, NULL},
};

PyType_Spec array_view_spec = {
    .name = "sgostream._core.ArrayView",
    .basicsize = sizeof(struct view_object),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC |
             Py_TPFLAGS_IMMUTABLETYPE | Py_TPFLAGS_DISALLOW_INSTANTIATION |
             Py_TPFLAGS_SEQUENCE,
    .slots = array_slots,
};
