/* Stream: one feed of a client. */
#include "client.h"

#include "args.h"
#include "convert.h"
#include "errors.h"
#include "event.h"
#include "guard.h"
#include "view.h"
#include "wait.h"

/* More parameters than any feed has. */
enum { MAX_PARAMS = 64 };

static struct stream_object *
stream_of(PyObject *self)
{
    return (struct stream_object *)self;
}

/* Check a method's right to run. */
static int
guard(PyObject *self, unsigned require, const char *method)
{
    return guard_client(stream_of(self)->client, require, method);
}

/* --- life cycle ------------------------------------------------------------ */

/* The pairs of a dict as C strings, borrowed from it.  Their number or -1. */
static Py_ssize_t
read_params(PyObject *dict, sgo_param *params)
{
    PyObject *name, *value;
    Py_ssize_t pos = 0, n = 0;

    if (dict == Py_None) {
        return 0;
    }
    if (!PyDict_Check(dict)) {
        PyErr_Format(PyExc_TypeError, "params must be a dict, not %.100s",
                     Py_TYPE(dict)->tp_name);
        return -1;
    }
    if (PyDict_GET_SIZE(dict) > MAX_PARAMS) {
        PyErr_Format(PyExc_ValueError, "at most %d params", (int)MAX_PARAMS);
        return -1;
    }
    while (PyDict_Next(dict, &pos, &name, &value)) {
        params[n].name = options_text("a parameter's name", name);
        if (params[n].name == NULL) {
            return -1;
        }
        params[n].value = options_text(params[n].name, value);
        if (params[n].value == NULL) {
            return -1;
        }
        n++;
    }
    return n;
}

static PyObject *
stream_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static const char *const names[] = {"client", "feed", "params", NULL};
    struct core_state *state = state_of_type(type);
    PyObject *client, *feed, *dict = Py_None;
    struct stream_object *self = NULL;
    sgo_param params[MAX_PARAMS];
    sgo_error err = {.retry_after_ns = -1};
    const char *feed_text;
    sgo_status status;
    Py_ssize_t n;

    if (state == NULL ||
        !PyArg_ParseTupleAndKeywords(args, kwargs, "O!O|O:Stream",
                                     (char **)names, state->types[TYPE_CLIENT],
                                     &client, &feed, &dict)) {
        return NULL;
    }
    feed_text = options_text("feed", feed);
    if (feed_text == NULL) {
        return NULL;
    }
    /* A copy of our own: nobody changes it while its strings are used. */
    dict = PyDict_Check(dict) ? PyDict_Copy(dict) : Py_NewRef(dict);
    if (dict == NULL) {
        return NULL;
    }
    n = read_params(dict, params);
    if (n >= 0 &&
        guard_client((struct client_object *)client,
                     REQUIRE_OWNER_PROCESS | REQUIRE_OPEN, "stream") == 0) {
        self = stream_of(type->tp_alloc(type, 0));
    }
    if (self != NULL) {
        self->client = (struct client_object *)Py_NewRef(client);
        status = sgo_stream_new(self->client->client, feed_text, params,
                                (size_t)n, &self->stream, &err);
        if (status != SGO_OK) {
            Py_CLEAR(self);
            errors_raise(state, status, &err);
        }
    }
    Py_DECREF(dict);
    return (PyObject *)self;
}

static int
stream_traverse(PyObject *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(stream_of(self)->client);
    return 0;
}

/* A client's subclass may hold its streams: the cycle is broken there, or
 * here by dropping the client, which no method then finds. */
static void
stream_dealloc(PyObject *op)
{
    struct stream_object *self = stream_of(op);
    PyTypeObject *type = Py_TYPE(op);

    PyObject_GC_UnTrack(op);
    if (self->weakrefs != NULL) {
        PyObject_ClearWeakRefs(op);
    }
    if (self->stream != NULL && guard_owns(self->client)) {
        Py_BEGIN_ALLOW_THREADS
        sgo_stream_release(self->stream);
        Py_END_ALLOW_THREADS
    }
    Py_CLEAR(self->client);
    type->tp_free(op);
    Py_DECREF(type);
}

PyDoc_STRVAR(start_doc, "start($self, /)\n--\n\n"
                        "Start, unless it was started. Does not wait.");

static PyObject *
stream_start(PyObject *self, PyObject *Py_UNUSED(ignored))
{
    struct core_state *state = state_of(self);
    sgo_error err = {.retry_after_ns = -1};
    sgo_status status;

    if (state == NULL || guard(self, REQUIRE_OWNER_PROCESS, "start") < 0) {
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS
    status = sgo_stream_start(stream_of(self)->stream, &err);
    Py_END_ALLOW_THREADS
    if (status != SGO_OK) {
        return errors_raise(state, status, &err);
    }
    Py_RETURN_NONE;
}

PyDoc_STRVAR(close_doc, "close($self, /)\n--\n\n"
                        "End the stream and, quietly, the loops over it.");

static PyObject *
stream_close(PyObject *self, PyObject *Py_UNUSED(ignored))
{
    if (guard_owns(stream_of(self)->client)) {
        Py_BEGIN_ALLOW_THREADS
        sgo_stream_close(stream_of(self)->stream);
        Py_END_ALLOW_THREADS
    }
    Py_RETURN_NONE;
}

/* --- state and waits ------------------------------------------------------- */

PyDoc_STRVAR(state_doc, "state($self, /)\n--\n\n"
                        "The StreamState of this moment.");

static PyObject *
stream_state(PyObject *self, PyObject *Py_UNUSED(ignored))
{
    struct core_state *state = state_of(self);
    sgo_stream_state s = {.connection = SGO_CONN_INITIALIZED};

    if (state == NULL || guard(self, REQUIRE_OWNER_PROCESS, "state") < 0) {
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS
    sgo_stream_get_state(stream_of(self)->stream, &s);
    Py_END_ALLOW_THREADS
    return convert_stream_state(state, &s);
}

typedef sgo_status (*stream_wait)(sgo_stream *, int64_t, sgo_error *);

/* wait_live and wait_closed, which differ in the call and in words. */
static PyObject *
wait_for(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
         PyObject *kwnames, stream_wait call, const char *method,
         const char *what)
{
    static const char *const names[] = {"timeout", NULL};
    struct core_state *state = state_of(self);
    sgo_stream *stream = stream_of(self)->stream;
    sgo_error err = {.retry_after_ns = -1};
    PyObject *timeout;
    sgo_status status;
    struct wait wait;
    bool interrupted;

    if (state == NULL ||
        args_parse(method, args, nargs, kwnames, names, 0, 1, &timeout) < 0 ||
        guard(self, REQUIRE_OWNER_PROCESS, method) < 0 ||
        wait_begin(&wait, state, timeout) < 0) {
        return NULL;
    }
    WAIT(status, interrupted, &wait, call(stream, slice_end, &err));
    return wait_end(&wait, state, interrupted, status, what, &err);
}

PyDoc_STRVAR(wait_live_doc,
             "wait_live($self, /, timeout=None)\n--\n\n"
             "Wait until the stream is live; raises its final error.");

static PyObject *
stream_wait_live(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
                 PyObject *kwnames)
{
    return wait_for(self, args, nargs, kwnames, sgo_stream_wait_live,
                    "wait_live", "not live");
}

PyDoc_STRVAR(wait_closed_doc,
             "wait_closed($self, /, timeout=None)\n--\n\n"
             "Wait until the stream is closed; raises its final error.");

static PyObject *
stream_wait_closed(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
                   PyObject *kwnames)
{
    return wait_for(self, args, nargs, kwnames, sgo_stream_wait_closed,
                    "wait_closed", "not closed");
}

PyDoc_STRVAR(wait_change_doc,
             "wait_change($self, /, seen, timeout=None)\n--\n\n"
             "Wait until state().serial differs from seen.");

static PyObject *
stream_wait_change(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
                   PyObject *kwnames)
{
    static const char *const names[] = {"seen", "timeout", NULL};
    struct core_state *state = state_of(self);
    sgo_stream *stream = stream_of(self)->stream;
    unsigned long long seen;
    PyObject *values[2];
    sgo_status status;
    struct wait wait;
    bool interrupted;

    if (state == NULL ||
        args_parse("wait_change", args, nargs, kwnames, names, 1, 2, values) <
            0 ||
        guard(self, REQUIRE_OWNER_PROCESS, "wait_change") < 0 ||
        wait_begin(&wait, state, values[1]) < 0) {
        return NULL;
    }
    seen = PyLong_AsUnsignedLongLong(values[0]);
    if (seen == (unsigned long long)-1 && PyErr_Occurred()) {
        return NULL;
    }
    WAIT(status, interrupted, &wait,
         sgo_stream_wait_change(stream, seen, slice_end));
    return wait_end(&wait, state, interrupted, status, "no change of state",
                    NULL);
}

/* --- events ------------------------------------------------------------------ */

/* An event id's bytes; TypeError for no str.  `owner` as in
 * convert_key_bytes. */
static int
read_id(PyObject *id, const char **bytes, Py_ssize_t *len, PyObject **owner)
{
    if (!PyUnicode_Check(id)) {
        PyErr_Format(PyExc_TypeError, "event_id must be a str, not %.100s",
                     Py_TYPE(id)->tp_name);
        return -1;
    }
    return convert_key_bytes(id, bytes, len, owner);
}

PyDoc_STRVAR(event_doc, "event($self, event_id, /)\n--\n\n"
                        "The newest version held, or None.");

static PyObject *
stream_event(PyObject *self, PyObject *id)
{
    sgo_stream *stream = stream_of(self)->stream;
    const char *bytes;
    Py_ssize_t len;
    PyObject *owner, *result;
    sgo_event *event;

    if (guard(self, REQUIRE_OWNER_PROCESS, "event") < 0 ||
        read_id(id, &bytes, &len, &owner) < 0) {
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS
    event = sgo_stream_event(stream, bytes, (size_t)len);
    Py_END_ALLOW_THREADS
    Py_XDECREF(owner);
    if (event == NULL) {
        Py_RETURN_NONE;
    }
    result = view_new_event(stream_of(self)->client->event_type, event);
    sgo_event_release(event);
    return result;
}

/* All newest versions, for sgo_events_free.  0 or -1. */
static int
take_events(PyObject *self, const char *method, sgo_event ***events,
            size_t *count)
{
    struct core_state *state = state_of(self);
    sgo_stream *stream = stream_of(self)->stream;
    sgo_status status;

    if (state == NULL || guard(self, REQUIRE_OWNER_PROCESS, method) < 0) {
        return -1;
    }
    *events = NULL;
    *count = 0;
    Py_BEGIN_ALLOW_THREADS
    status = sgo_stream_events(stream, events, count);
    Py_END_ALLOW_THREADS
    if (status == SGO_OK) {
        return 0;
    }
    errors_raise(state, status, NULL);
    return -1;
}

PyDoc_STRVAR(events_doc, "events($self, /)\n--\n\n"
                         "All newest versions of one moment, as a list.");

static PyObject *
stream_events(PyObject *self, PyObject *Py_UNUSED(ignored))
{
    sgo_event **events;
    size_t count;
    PyObject *list;

    if (take_events(self, "events", &events, &count) < 0) {
        return NULL;
    }
    list = event_list(stream_of(self)->client->event_type, events, count);
    sgo_events_free(events, count);
    return list;
}

PyDoc_STRVAR(event_ids_doc, "event_ids($self, /)\n--\n\n"
                            "The ids of all events held, as a list.");

static PyObject *
stream_event_ids(PyObject *self, PyObject *Py_UNUSED(ignored))
{
    sgo_event **events;
    size_t count, i;
    PyObject *list;

    if (take_events(self, "event_ids", &events, &count) < 0) {
        return NULL;
    }
    list = PyList_New((Py_ssize_t)count);
    for (i = 0; list != NULL && i < count; i++) {
        PyObject *id = convert_utf8(sgo_event_id(events[i]));

        if (id == NULL) {
            Py_CLEAR(list);
        } else {
            PyList_SET_ITEM(list, (Py_ssize_t)i, id);
        }
    }
    sgo_events_free(events, count);
    return list;
}

PyDoc_STRVAR(staleness_doc,
             "staleness($self, event_id=None, /)\n--\n\n"
             "(seconds since the last proof of currency, reason) of the\n"
             "stream or of an event; seconds is None before the first proof,\n"
             "KeyError for an event that is not held.");

static PyObject *
stream_staleness(PyObject *self, PyObject *const *args, Py_ssize_t nargs)
{
    struct core_state *state = state_of(self);
    sgo_stream *stream = stream_of(self)->stream;
    const char *bytes = NULL, *reason = "";
    PyObject *owner = NULL;
    Py_ssize_t len = 0;
    int64_t ns = -1;
    sgo_status status;

    if (state == NULL || guard(self, REQUIRE_OWNER_PROCESS, "staleness") < 0) {
        return NULL;
    }
    if (nargs > 1) {
        PyErr_SetString(PyExc_TypeError, "staleness() takes one event_id");
        return NULL;
    }
    if (nargs == 1 && args[0] != Py_None &&
        read_id(args[0], &bytes, &len, &owner) < 0) {
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS
    status = sgo_stream_staleness(stream, bytes, (size_t)len, &ns, &reason);
    Py_END_ALLOW_THREADS
    Py_XDECREF(owner);
    if (status == SGO_NOT_FOUND && nargs == 1) {
        PyErr_SetObject(PyExc_KeyError, args[0]);
        return NULL;
    }
    if (status != SGO_OK) {
        return errors_raise(state, status, NULL);
    }
    return Py_BuildValue("(NN)",
                         ns < 0 ? Py_NewRef(Py_None) : convert_seconds(ns),
                         convert_c_text(reason));
}

PyDoc_STRVAR(stats_doc, "stats($self, /)\n--\n\n"
                        "The counters as a dict.");

static PyObject *
stream_stats(PyObject *self, PyObject *Py_UNUSED(ignored))
{
    sgo_stream_stats stats = {0};

    if (guard(self, REQUIRE_OWNER_PROCESS, "stats") < 0) {
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS
    sgo_stream_get_stats(stream_of(self)->stream, &stats);
    Py_END_ALLOW_THREADS
    return convert_stream_stats(&stats);
}

static PyObject *
get_event_count(PyObject *self, void *Py_UNUSED(closure))
{
    size_t count;

    if (guard(self, REQUIRE_OWNER_PROCESS, "event_count") < 0) {
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS
    count = sgo_stream_event_count(stream_of(self)->stream);
    Py_END_ALLOW_THREADS
    return PyLong_FromSize_t(count);
}

static PyObject *
get_id(PyObject *self, void *Py_UNUSED(closure))
{
    return PyLong_FromUnsignedLong(sgo_stream_id(stream_of(self)->stream));
}

static PyObject *
get_client(PyObject *self, void *Py_UNUSED(closure))
{
    return Py_NewRef((PyObject *)stream_of(self)->client);
}

static PyMethodDef stream_methods[] = {
    {"start", stream_start, METH_NOARGS, start_doc},
    {"close", stream_close, METH_NOARGS, close_doc},
    {"state", stream_state, METH_NOARGS, state_doc},
    {"wait_live", METHOD(stream_wait_live), METH_FASTCALL | METH_KEYWORDS,
     wait_live_doc},
    {"wait_closed", METHOD(stream_wait_closed), METH_FASTCALL | METH_KEYWORDS,
     wait_closed_doc},
    {"wait_change", METHOD(stream_wait_change), METH_FASTCALL | METH_KEYWORDS,
     wait_change_doc},
    {"event", stream_event, METH_O, event_doc},
    {"events", stream_events, METH_NOARGS, events_doc},
    {"event_ids", stream_event_ids, METH_NOARGS, event_ids_doc},
    {"staleness", METHOD(stream_staleness), METH_FASTCALL, staleness_doc},
    {"stats", stream_stats, METH_NOARGS, stats_doc},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef stream_getset[] = {
    {"id", get_id, NULL, "Its number among the client's streams.", NULL},
    {"client", get_client, NULL, "The client.", NULL},
    {"event_count", get_event_count, NULL, "How many events are held.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyMemberDef stream_members[] = {
    {"__weaklistoffset__", T_PYSSIZET,
     offsetof(struct stream_object, weakrefs), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

PyDoc_STRVAR(stream_class_doc,
             "Stream(client, feed, params=None)\n--\n\n"
             "One feed of a client. Every method may be called from any\n"
             "thread.");

static PyType_Slot stream_slots[] = {
    {Py_tp_doc, (void *)stream_class_doc}, {Py_tp_new, stream_new},
    {Py_tp_dealloc, stream_dealloc},       {Py_tp_traverse, stream_traverse},
    {Py_tp_methods, stream_methods},       {Py_tp_getset, stream_getset},
    {Py_tp_members, stream_members},       {0, NULL},
};

PyType_Spec stream_spec = {
    .name = "sgostream._core.Stream",
    .basicsize = sizeof(struct stream_object),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_BASETYPE |
             Py_TPFLAGS_IMMUTABLETYPE,
    .slots = stream_slots,
};
