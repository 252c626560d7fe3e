/* Deadlines and slices.
 *
 * PyErr_CheckSignals acts only on the main thread, so only there a slice is
 * short; elsewhere a wait costs one attach per second. */
#include "wait.h"

#include "errors.h"

#include <math.h>
#include <pythread.h>

/* Ctrl-C is answered within 100 ms: half of that for the wait, the rest for
 * getting the GIL back. */
static const int64_t MAIN_SLICE_NS = 50000000;
static const int64_t OTHER_SLICE_NS = 1000000000;

/* Beyond this (some 292 years in ns) a duration is as good as endless. */
static const double MAX_SECONDS = 9.0e9;

int
wait_seconds(PyObject *value, const char *name, double *seconds, int64_t *ns)
{
    double s = PyFloat_AsDouble(value);

    if (s == -1.0 && PyErr_Occurred()) {
        if (PyErr_ExceptionMatches(PyExc_TypeError)) {
            PyErr_Format(PyExc_TypeError,
                         "%s must be a number of seconds, not %.100s", name,
                         Py_TYPE(value)->tp_name);
        }
        return -1;
    }
    if (isnan(s) || s < 0) {
        PyErr_Format(PyExc_ValueError,
                     "%s must be zero or more seconds, not %R", name, value);
        return -1;
    }
    *seconds = s;
    *ns = s >= MAX_SECONDS ? INT64_MAX : (int64_t)(s * 1e9);
    return 0;
}

int
wait_begin(struct wait *wait, const struct core_state *state,
           PyObject *timeout)
{
    int64_t ns, now;

    wait->slice_ns = PyThread_get_thread_ident() == state->main_thread
                         ? MAIN_SLICE_NS
                         : OTHER_SLICE_NS;
    wait->deadline_ns = INT64_MAX;
    wait->timeout = -1;
    if (timeout == NULL || timeout == Py_None) {
        return 0;
    }
    if (wait_seconds(timeout, "timeout", &wait->timeout, &ns) < 0) {
        return -1;
    }
    now = sgo_now_ns();
    if (ns < INT64_MAX - now) {
        wait->deadline_ns = now + ns;
    }
    return 0;
}

int64_t
wait_slice_end(const struct wait *wait)
{
    int64_t end = sgo_now_ns() + wait->slice_ns;

    return end < wait->deadline_ns ? end : wait->deadline_ns;
}

int
wait_again(const struct wait *wait)
{
    if (PyErr_CheckSignals() < 0) {
        return -1;
    }
    return sgo_now_ns() < wait->deadline_ns;
}

PyObject *
wait_timed_out(const struct wait *wait, const char *what)
{
    PyObject *seconds;

    if (wait->timeout < 0) {
        PyErr_Format(PyExc_TimeoutError, "%s: woken", what);
        return NULL;
    }
    seconds = PyFloat_FromDouble(wait->timeout);
    if (seconds != NULL) {
        PyErr_Format(PyExc_TimeoutError, "%s within %R s", what, seconds);
        Py_DECREF(seconds);
    }
    return NULL;
}

PyObject *
wait_end(const struct wait *wait, struct core_state *state, bool interrupted,
         sgo_status status, const char *what, const sgo_error *err)
{
    if (interrupted) {
        return NULL;
    }
    if (status == SGO_OK) {
        Py_RETURN_NONE;
    }
    if (status == SGO_TIMEOUT) {
        return wait_timed_out(wait, what);
    }
    return errors_raise(state, status, err);
}
