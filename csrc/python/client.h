/* The structs of Client, Stream, Subscription and Call.  References go one
 * way: Subscription -> Stream -> Client <- Call, so dropping the last of them
 * frees all without the garbage collector. */
#ifndef SGO_PYTHON_CLIENT_H
#define SGO_PYTHON_CLIENT_H

#include "state.h"

struct client_object {
    PyObject_HEAD
    sgo_client *client;
    PyTypeObject *event_type; /* what deliveries are made of */
    PyTypeObject *update_type;
    PyObject *weakrefs;
    unsigned generation; /* guard_generation() at birth */
};

struct stream_object {
    PyObject_HEAD
    sgo_stream *stream;
    struct client_object *client;
    PyObject *weakrefs;
};

/* Types of the client that deliveries need; borrowed. */
static inline struct client_object *
stream_client(PyObject *stream)
{
    return ((struct stream_object *)stream)->client;
}

/* A Call around a C call, which it takes.  New reference or NULL. */
PyObject *call_new(struct core_state *state, struct client_object *client,
                   sgo_call *call);

#endif
