/* Views of an event's JSON: one struct for Event, ObjectView and ArrayView. */
#ifndef SGO_PYTHON_VIEW_H
#define SGO_PYTHON_VIEW_H

#include "state.h"

/* Immutable but for `len`.  Of Python it holds its type only; tp_clear has
 * nothing to do. */
struct view_object {
    PyObject_HEAD
    sgo_value value; /* its event is retained */
    Py_ssize_t len;  /* -1: not yet counted */
    PyObject *weakrefs;
    unsigned generation; /* guard_generation() at birth */
};

/* A view of `type` (one of ours or a subclass) on a container; retains the
 * event.  New reference or NULL. */
PyObject *view_new(PyTypeObject *type, sgo_value value);

/* An Event of `type`; retains the event. */
PyObject *view_new_event(PyTypeObject *type, sgo_event *event);

/* True when obj is a view or an event; then *value is its place. */
bool view_value(struct core_state *state, PyObject *obj, sgo_value *value);

/* An event's C object, borrowed. */
static inline sgo_event *
view_event(PyObject *event)
{
    return (sgo_event *)((struct view_object *)event)->value.event;
}

/* Shared slots. */
int view_traverse(PyObject *self, visitproc visit, void *arg);
void view_dealloc(PyObject *op);
Py_ssize_t view_length(PyObject *op);
PyObject *view_compare(PyObject *op, PyObject *other, int operation);
PyObject *view_repr(PyObject *self);

/* METH_NOARGS: self, the subtree's bytes, plain objects, (json.loads, bytes). */
PyObject *view_self(PyObject *self, PyObject *ignored);
PyObject *view_json(PyObject *self, PyObject *ignored);
PyObject *view_plain(PyObject *self, PyObject *ignored);
PyObject *view_reduce(PyObject *self, PyObject *ignored);
PyObject *view_deepcopy(PyObject *self, PyObject *memo);

/* A view's value for a key: 1, 0 no such member, -1 exception.  Keys that
 * are no str are no members. */
int view_find(PyObject *op, PyObject *key, sgo_value *out);

#endif
