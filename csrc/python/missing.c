/* MISSING: what stands in a Change for the side that lacks the member. */
#include "state.h"

static PyObject *
missing_repr(PyObject *Py_UNUSED(self))
{
    return PyUnicode_FromString("MISSING");
}

static int
missing_bool(PyObject *Py_UNUSED(self))
{
    return 0;
}

/* A string: pickle and copy look the global up, and find the one object. */
static PyObject *
missing_reduce(PyObject *Py_UNUSED(self), PyObject *Py_UNUSED(ignored))
{
    return PyUnicode_FromString("MISSING");
}

static int
missing_traverse(PyObject *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    return 0;
}

static void
missing_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);

    PyObject_GC_UnTrack(self);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyMethodDef missing_methods[] = {
    {"__reduce__", missing_reduce, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

PyDoc_STRVAR(missing_doc, "The type of MISSING: no such member.");

static PyType_Slot missing_slots[] = {
    {Py_tp_doc, (void *)missing_doc},
    {Py_tp_dealloc, missing_dealloc},
    {Py_tp_traverse, missing_traverse},
    {Py_tp_repr, missing_repr},
    {Py_nb_bool, missing_bool},
    {Py_tp_methods, missing_methods},
    {0, NULL},
};

PyType_Spec missing_spec = {
    .name = "sgostream._core.MissingType",
    .basicsize = sizeof(PyObject),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC |
             Py_TPFLAGS_IMMUTABLETYPE | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = missing_slots,
};
