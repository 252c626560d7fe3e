/* Change, QuoteChange, ConsensusChange, Times, StreamState: tuples with named
 * fields. */
#ifndef SGO_PYTHON_RECORD_H
#define SGO_PYTHON_RECORD_H

#include "state.h"

enum { RECORD_MAX_FIELDS = 6 };

/* Create the record types.  0 or -1. */
int record_init(struct core_state *state, PyObject *module);

/* Give a type of ours, before anyone sees it, its __match_args__.  0 or -1. */
int record_set_match_args(PyTypeObject *type, const char *const *fields);

/* A record of its type's fields, in order.  Steals the references; any of
 * them may be NULL with an exception set, then so is the result. */
PyObject *record_new(struct core_state *state, enum type_id type, ...);

#endif
