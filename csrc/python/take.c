/* Taking from a subscription: the iterator and the callback interface.
 *
 * Updates are taken one at a time wherever user code runs between them: what
 * is still in the queue can be conflated, what was taken cannot. */
#include "subscription.h"

#include "args.h"
#include "client.h"
#include "errors.h"
#include "guard.h"
#include "update.h"
#include "wait.h"

/* Updates handed over by one call of get_batch or take_nowait, at most. */
enum { MAX_BATCH = 4096, DEFAULT_BATCH = 256 };

static int
guard(PyObject *self, const char *method)
{
    return guard_client(subscription_of(self)->client, REQUIRE_OWNER_PROCESS,
                        method);
}

/* --- taking ------------------------------------------------------------------ */

/* The Stream object with an id, borrowed; NULL: none. */
static PyObject *
find_stream(struct subscription_object *self, uint32_t id)
{
    Py_ssize_t i;

    for (i = 0; i < PyTuple_GET_SIZE(self->streams); i++) {
        PyObject *stream = PyTuple_GET_ITEM(self->streams, i);

        if (sgo_stream_id(((struct stream_object *)stream)->stream) == id) {
            return stream;
        }
    }
    return NULL;
}

/* The Update of a taken C update, which it takes. */
static PyObject *
wrap(struct subscription_object *self, sgo_update *update)
{
    return update_wrap(self->client->update_type, self->client->event_type,
                       update,
                       find_stream(self, sgo_update_stream_id(update)));
}

/* The list of n taken updates. */
static PyObject *
wrap_all(struct subscription_object *self, sgo_update **updates, size_t n)
{
    PyObject *list = PyList_New((Py_ssize_t)n);
    size_t i;

    for (i = 0; i < n; i++) {
        PyObject *update;

        if (list == NULL) {
            sgo_update_release(updates[i]);
            continue;
        }
        update = wrap(self, updates[i]);
        if (update == NULL) {
            Py_CLEAR(list);
        } else {
            PyList_SET_ITEM(list, (Py_ssize_t)i, update);
        }
    }
    return list;
}

/* Take up to max updates: *status is what it came to, with *err.  With
 * `wakeable`, wake() makes it a time-out.  0, or -1 with an exception. */
static int
take(struct subscription_object *self, const struct wait *wait, bool wakeable,
     sgo_update **out, size_t max, size_t *n, sgo_status *status,
     sgo_error *err)
{
    unsigned wakes = atomic_load(&self->wakes);
    int again;

    if (atomic_fetch_add(&self->waiting, 1) > 0 && self->exclusive) {
        atomic_fetch_sub(&self->waiting, 1);
        PyErr_SetString(PyExc_RuntimeError,
                        "two threads wait on one subscription: make one for "
                        "each with subscribe()");
        return -1;
    }
    do {
        int64_t slice_end = wait_slice_end(wait);

        again = 0;
        Py_BEGIN_ALLOW_THREADS
        *status = sgo_subscription_take(self->subscription, out, max,
                                        slice_end, n, err);
        Py_END_ALLOW_THREADS
        if (*status == SGO_TIMEOUT) {
            again = wait_again(wait);
        }
        if (again > 0 && wakeable && atomic_load(&self->wakes) != wakes) {
            again = 0;
        }
    } while (again > 0);
    atomic_fetch_sub(&self->waiting, 1);
    return again < 0 ? -1 : 0;
}

PyObject *
subscription_next(PyObject *op)
{
    struct subscription_object *self = subscription_of(op);
    struct core_state *state = state_of(op);
    sgo_error err = {.retry_after_ns = -1};
    sgo_update *update = NULL;
    sgo_status status;
    struct wait wait;
    size_t n = 0;

    if (state == NULL || guard(op, "next") < 0 ||
        wait_begin(&wait, state, NULL) < 0 ||
        take(self, &wait, false, &update, 1, &n, &status, &err) < 0) {
        return NULL;
    }
    if (status == SGO_OK) {
        return wrap(self, update);
    }
    if (status == SGO_CLOSED) {
        return NULL; /* StopIteration */
    }
    return errors_raise(state, status, &err);
}

PyObject *
subscription_get(PyObject *op, PyObject *const *args, Py_ssize_t nargs,
                 PyObject *kwnames)
{
    static const char *const names[] = {"timeout", NULL};
    struct subscription_object *self = subscription_of(op);
    struct core_state *state = state_of(op);
    sgo_error err = {.retry_after_ns = -1};
    sgo_update *update = NULL;
    PyObject *timeout;
    sgo_status status;
    struct wait wait;
    size_t n = 0;

    if (state == NULL ||
        args_parse("get", args, nargs, kwnames, names, 0, 1, &timeout) < 0 ||
        guard(op, "get") < 0 || wait_begin(&wait, state, timeout) < 0 ||
        take(self, &wait, true, &update, 1, &n, &status, &err) < 0) {
        return NULL;
    }
    if (status == SGO_OK) {
        return wrap(self, update);
    }
    if (status == SGO_TIMEOUT) {
        return wait_timed_out(&wait, "no update");
    }
    return errors_raise(state, status, &err);
}

/* max of get_batch and take_nowait: 0 or -1. */
static int
read_max(PyObject *arg, size_t *max)
{
    Py_ssize_t n = DEFAULT_BATCH;

    if (arg != NULL) {
        n = PyNumber_AsSsize_t(arg, NULL);
        if (n == -1 && PyErr_Occurred()) {
            return -1;
        }
    }
    if (n < 1) {
        PyErr_Format(PyExc_ValueError, "max must be at least 1, not %R", arg);
        return -1;
    }
    *max = n > MAX_BATCH ? MAX_BATCH : (size_t)n;
    return 0;
}

/* A list of up to max updates.  NULL with an exception; or without one, when
 * the subscription is closed and `closed` is not NULL (then set to true). */
static PyObject *
take_list(PyObject *op, struct core_state *state, const struct wait *wait,
          size_t max, bool *closed)
{
    struct subscription_object *self = subscription_of(op);
    sgo_error err = {.retry_after_ns = -1};
    sgo_update **updates = PyMem_New(sgo_update *, max);
    PyObject *list = NULL;
    sgo_status status;
    size_t n = 0;

    if (updates == NULL) {
        return PyErr_NoMemory();
    }
    if (take(self, wait, true, updates, max, &n, &status, &err) == 0) {
        if (status == SGO_OK || status == SGO_TIMEOUT) {
            list = wrap_all(self, updates, status == SGO_OK ? n : 0);
        } else if (status == SGO_CLOSED && closed != NULL) {
            *closed = true;
        } else {
            errors_raise(state, status, &err);
        }
    }
    PyMem_Free(updates);
    return list;
}

PyObject *
subscription_get_batch(PyObject *op, PyObject *const *args, Py_ssize_t nargs,
                       PyObject *kwnames)
{
    static const char *const names[] = {"max", "timeout", NULL};
    struct core_state *state = state_of(op);
    PyObject *values[2];
    struct wait wait;
    size_t max;

    if (state == NULL || args_parse("get_batch", args, nargs, kwnames, names,
                                    0, 2, values) < 0) {
        return NULL;
    }
    if (read_max(values[0], &max) < 0 || guard(op, "get_batch") < 0 ||
        wait_begin(&wait, state, values[1]) < 0) {
        return NULL;
    }
    return take_list(op, state, &wait, max, NULL);
}

PyObject *
subscription_take_nowait(PyObject *op, PyObject *const *args, Py_ssize_t nargs,
                         PyObject *kwnames)
{
    static const char *const names[] = {"max", NULL};
    static const struct wait no_wait = {0, 0, 0};
    struct core_state *state = state_of(op);
    PyObject *arg, *list;
    bool closed = false;
    size_t max;

    if (state == NULL || args_parse("take_nowait", args, nargs, kwnames, names,
                                    0, 1, &arg) < 0) {
        return NULL;
    }
    if (read_max(arg, &max) < 0 || guard(op, "take_nowait") < 0) {
        return NULL;
    }
    list = take_list(op, state, &no_wait, max, &closed);
    if (closed) {
        Py_RETURN_NONE;
    }
    return list;
}

/* --- dispatch ------------------------------------------------------------------ */

/* After user code or a take raised an Exception: hand it to on_error, else to
 * the unraisable hook in the name of `culprit`.  0 when the loop may go on;
 * -1 when something else than an Exception is (still) raised. */
static int
report_raised(PyObject *on_error, PyObject *culprit)
{
    PyObject *exception, *result;

    if (!PyErr_ExceptionMatches(PyExc_Exception)) {
        return -1;
    }
    if (on_error == NULL) {
        PyErr_WriteUnraisable(culprit);
        return 0;
    }
    exception = errors_take_raised();
    result = PyObject_CallOneArg(on_error, exception);
    Py_DECREF(exception);
    if (result == NULL) {
        if (!PyErr_ExceptionMatches(PyExc_Exception)) {
            return -1;
        }
        PyErr_WriteUnraisable(on_error);
    }
    Py_XDECREF(result);
    return 0;
}

/* Call back for one update, which is taken.  0 go on, -1 stop. */
static int
dispatch_one(struct subscription_object *self, sgo_update *handle,
             PyObject *callback, PyObject *on_error)
{
    PyObject *update = wrap(self, handle), *result;

    if (update == NULL) {
        return -1;
    }
    result = PyObject_CallOneArg(callback, update);
    Py_DECREF(update);
    if (result == NULL) {
        return report_raised(on_error, callback);
    }
    Py_DECREF(result);
    return PyErr_CheckSignals();
}

/* The loop: 0 after close(), -1 with an exception. */
static int
dispatch_loop(PyObject *op, struct core_state *state, PyObject *callback,
              PyObject *on_error)
{
    struct subscription_object *self = subscription_of(op);
    struct wait wait;

    if (wait_begin(&wait, state, NULL) < 0) {
        return -1;
    }
    for (;;) {
        sgo_error err = {.retry_after_ns = -1};
        sgo_update *update = NULL;
        sgo_status status;
        size_t n = 0;

        if (take(self, &wait, false, &update, 1, &n, &status, &err) < 0) {
            return -1;
        }
        if (status == SGO_CLOSED) {
            return 0;
        }
        if (status == SGO_OK) {
            if (dispatch_one(self, update, callback, on_error) < 0) {
                return -1;
            }
            continue;
        }
        errors_raise(state, status, &err);
        /* These two are told once and the next take goes on. */
        if ((status != SGO_SLOW_CONSUMER && status != SGO_STALE) ||
            on_error == NULL || report_raised(on_error, op) < 0) {
            return -1;
        }
    }
}

PyObject *
subscription_dispatch(PyObject *op, PyObject *const *args, Py_ssize_t nargs,
                      PyObject *kwnames)
{
    static const char *const names[] = {"callback", "on_error", NULL};
    struct core_state *state = state_of(op);
    PyObject *values[2];
    int i;

    if (state == NULL || args_parse("dispatch", args, nargs, kwnames, names, 1,
                                    2, values) < 0) {
        return NULL;
    }
    if (values[1] == Py_None) {
        values[1] = NULL;
    }
    for (i = 0; i < 2; i++) {
        if (values[i] != NULL && !PyCallable_Check(values[i])) {
            PyErr_Format(PyExc_TypeError, "%s must be callable, not %.100s",
                         names[i], Py_TYPE(values[i])->tp_name);
            return NULL;
        }
    }
    if (guard(op, "dispatch") < 0 ||
        dispatch_loop(op, state, values[0], values[1]) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}
