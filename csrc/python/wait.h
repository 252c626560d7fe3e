/* The one form of waiting: a monotonic deadline, cut into slices between
 * which signal handlers may run. */
#ifndef SGO_PYTHON_WAIT_H
#define SGO_PYTHON_WAIT_H

#include "state.h"

struct wait {
    int64_t deadline_ns; /* INT64_MAX: none */
    int64_t slice_ns;
    double timeout; /* as given, for messages */
};

/* timeout: seconds, None or NULL for ever.  TypeError, ValueError (negative,
 * not a number).  0 or -1. */
int wait_begin(struct wait *wait, const struct core_state *state,
               PyObject *timeout);

/* Where the next slice ends, for a sgo_* call made without the GIL. */
int64_t wait_slice_end(const struct wait *wait);

/* After a slice that came to SGO_TIMEOUT: 1 go on, 0 time is up, -1 a signal
 * handler has raised. */
int wait_again(const struct wait *wait);

/* Raise TimeoutError, "<what> within 2.5 s", or "<what>: woken" where the wait
 * had no limit; returns NULL. */
PyObject *wait_timed_out(const struct wait *wait, const char *what);

/* What a wait that has no answer of its own comes to: None, or NULL with
 * TimeoutError ("<what> within 2.5 s"), what a signal handler has raised, or
 * the error. */
PyObject *wait_end(const struct wait *wait, struct core_state *state,
                   bool interrupted, sgo_status status, const char *what,
                   const sgo_error *err);

/* Seconds to nanoseconds; saturates.  ValueError names `name` for negative
 * and not-a-number.  0 or -1. */
int wait_seconds(PyObject *value, const char *name, double *seconds,
                 int64_t *ns);

/* WAIT(status, wait, call): run `call` detached, slice by slice, until it
 * comes to something else than SGO_TIMEOUT, time is up, or a signal handler
 * raises (then `interrupted` becomes true).  The expression may use
 * `slice_end`. */
#define WAIT(status, interrupted, wait, call)                                 \
    do {                                                                      \
        int again_ = 0;                                                       \
        do {                                                                  \
            int64_t slice_end = wait_slice_end(wait);                         \
            Py_BEGIN_ALLOW_THREADS(status)                                    \
            = (call);                                                         \
            Py_END_ALLOW_THREADS                                              \
            again_ = (status) == SGO_TIMEOUT ? wait_again(wait) : 0;          \
        } while (again_ > 0);                                                 \
        (interrupted) = again_ < 0;                                           \
    } while (0)

#endif
