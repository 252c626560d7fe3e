/* The struct of Subscription, and its methods that take updates (take.c). */
#ifndef SGO_PYTHON_SUBSCRIPTION_H
#define SGO_PYTHON_SUBSCRIPTION_H

#include "state.h"

#include <stdatomic.h>

struct client_object;

struct subscription_object {
    PyObject_HEAD
    sgo_subscription *subscription;
    struct client_object *client; /* borrowed from the first stream */
    PyObject *streams;            /* tuple of Stream, at least one */
    size_t pattern_count;         /* of odd_ids */
    PyObject *weakrefs;
    atomic_uint wakes;   /* calls of wake() */
    atomic_uint waiting; /* threads inside a take */
    bool exclusive;      /* at most one of them */
};

static inline struct subscription_object *
subscription_of(PyObject *self)
{
    return (struct subscription_object *)self;
}

/* tp_iternext, and methods with METH_FASTCALL | METH_KEYWORDS. */
PyObject *subscription_next(PyObject *op);
PyObject *subscription_get(PyObject *op, PyObject *const *args,
                           Py_ssize_t nargs, PyObject *kwnames);
PyObject *subscription_get_batch(PyObject *op, PyObject *const *args,
                                 Py_ssize_t nargs, PyObject *kwnames);
PyObject *subscription_take_nowait(PyObject *op, PyObject *const *args,
                                   Py_ssize_t nargs, PyObject *kwnames);
PyObject *subscription_dispatch(PyObject *op, PyObject *const *args,
                                Py_ssize_t nargs, PyObject *kwnames);

#endif
