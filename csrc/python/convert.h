/* C data to Python objects: convert.c (values of an event) and
 * convert_record.c (everything else) are the only files that do it. */
#ifndef SGO_PYTHON_CONVERT_H
#define SGO_PYTHON_CONVERT_H

#include "state.h"

/* All functions need the GIL and return a new reference, or NULL with an
 * exception set, unless they say otherwise. */

/* --- convert.c -------------------------------------------------------- */

/* Scalars as json.loads gives them; objects and arrays as views, which keep
 * the event.  A value of type NONE is MISSING. */
PyObject *convert_value(struct core_state *state, sgo_value value);

/* The whole subtree as plain objects. */
PyObject *convert_plain(struct core_state *state, sgo_value value);

/* Likewise of any Python object made of views, dicts, lists and scalars, with
 * new dicts and lists; TypeError for others. */
PyObject *convert_to_plain(struct core_state *state, PyObject *obj);

/* The contents of a raw JSON string. */
PyObject *convert_text(sgo_text raw);

/* Likewise for keys and ids, which come often: from a bounded cache. */
PyObject *convert_key(struct core_state *state, sgo_text raw);

/* Decoded UTF-8 of the core. */
PyObject *convert_utf8(sgo_text text);

/* NUL-terminated text of the core (errors, log lines). */
PyObject *convert_c_text(const char *text);

/* Equal as JSON values: 1, 0, or -1 with an exception.  `other` may be a
 * view or any plain object; false and 0 are not equal. */
int convert_equal(struct core_state *state, sgo_value value, PyObject *other);

/* A str's UTF-8 as it stands in decoded keys of the core.  *bytes lives as
 * long as the str and *owner (new reference or NULL), which the caller drops.
 * 0, or -1 with an exception. */
int convert_key_bytes(PyObject *str, const char **bytes, Py_ssize_t *len,
                      PyObject **owner);

/* --- convert_record.c --------------------------------------------------- */

/* Intern the words of the enums, find the datetime module.  0 or -1. */
int convert_init(struct core_state *state);

/* Nanoseconds as seconds. */
PyObject *convert_seconds(int64_t ns);

/* A file descriptor; below zero: OSError of that errno. */
PyObject *convert_fd(int fd, int saved_errno);

/* Epoch milliseconds as aware datetime; None where datetime has none. */
PyObject *convert_time(struct core_state *state, int64_t epoch_ms);

PyObject *convert_times(struct core_state *state, sgo_times times);
PyObject *convert_stream_state(struct core_state *state,
                               const sgo_stream_state *s);
PyObject *convert_report(struct core_state *state, const sgo_report *report);
PyObject *convert_client_stats(const sgo_client_stats *stats);
PyObject *convert_stream_stats(const sgo_stream_stats *stats);
PyObject *convert_subscription_stats(const sgo_subscription_stats *stats);

#endif
