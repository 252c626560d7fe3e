/* Client: options, life cycle, calls, reports. */
#include "client.h"

#include "args.h"
#include "convert.h"
#include "errors.h"
#include "event.h"
#include "guard.h"
#include "wait.h"

static const char *const transports[] = {"auto", "websocket", "poll", NULL};

#define OPTION(name, kind, field)                                             \
    {                                                                         \
        name, kind, offsetof(sgo_client_options, field), 0, NULL              \
    }
#define OPTION_LIST(name, field, count)                                       \
    {                                                                         \
        name, OPTION_TEXTS, offsetof(sgo_client_options, field),              \
            offsetof(sgo_client_options, count), NULL                         \
    }

static const struct option client_options[] = {
    OPTION("api_key", OPTION_TEXT, api_key),
    OPTION("base_url", OPTION_TEXT, base_url),
    OPTION_LIST("bookmaker_ids", bookmaker_ids, bookmaker_id_count),
    OPTION_LIST("odd_ids", odd_ids, odd_id_count),
    OPTION("include_alt_lines", OPTION_BOOL, include_alt_lines),
    OPTION("include_opposing_odds", OPTION_BOOL, include_opposing_odds),
    OPTION("include_open_close_odds", OPTION_BOOL, include_open_close_odds),
    OPTION("expand_results", OPTION_BOOL, expand_results),
    {"transport", OPTION_WORD, offsetof(sgo_client_options, transport), 0,
     transports},
    OPTION("timeout", OPTION_SECONDS, timeout_ns),
    OPTION("reconcile_interval", OPTION_SECONDS, reconcile_interval_ns),
    OPTION("linger", OPTION_SECONDS, linger_ns),
    OPTION("poll_interval", OPTION_SECONDS, poll_interval_ns),
    OPTION("max_events", OPTION_SIZE, max_events),
    OPTION("max_bytes", OPTION_SIZE, max_bytes),
    OPTION("max_requests_in_flight", OPTION_UNSIGNED, max_requests_in_flight),
    OPTION("proxy", OPTION_TEXT, proxy),
    OPTION("ca_file", OPTION_TEXT, ca_file),
    OPTION_LIST("allow_auth_hosts", allow_auth_hosts, allow_auth_host_count),
    OPTION("record_file", OPTION_TEXT, record_file),
    OPTION("log_level", OPTION_LEVEL, log_level),
    OPTION("seed", OPTION_UINT64, seed),
    OPTION("activity_timeout", OPTION_SECONDS, activity_timeout_ns),
    OPTION("pong_timeout", OPTION_SECONDS, pong_timeout_ns),
    {NULL, OPTION_TEXT, 0, 0, NULL},
};

static struct client_object *
client_of(PyObject *self)
{
    return (struct client_object *)self;
}

/* Read one keyword: an option of the core, or one of the two types.  0, -1. */
static int
set_keyword(struct core_state *state, struct client_object *self,
            PyObject *name, PyObject *value, sgo_client_options *options,
            struct options_memory *memory)
{
    PyTypeObject **slot = NULL;
    enum type_id base = TYPE_EVENT;
    int known;

    if (PyUnicode_CompareWithASCIIString(name, "event_type") == 0) {
        slot = &self->event_type;
    } else if (PyUnicode_CompareWithASCIIString(name, "update_type") == 0) {
        slot = &self->update_type;
        base = TYPE_UPDATE;
    }
    if (slot == NULL) {
        known = options_set(client_options, name, value, options, memory);
        if (known == 0) {
            PyErr_Format(PyExc_TypeError,
                         "Client() got an unexpected keyword argument %R",
                         name);
        }
        return known > 0 ? 0 : -1;
    }
    Py_CLEAR(*slot);
    *slot = event_check_type(
        state, base, base == TYPE_EVENT ? "event_type" : "update_type", value);
    return *slot == NULL ? -1 : 0;
}

/* Fill self from keywords.  0 or -1. */
static int
open_client(struct core_state *state, struct client_object *self,
            PyObject *kwargs)
{
    sgo_client_options options;
    struct options_memory memory = {0};
    sgo_error err = {.retry_after_ns = -1};
    PyObject *name, *value;
    Py_ssize_t pos = 0;
    sgo_status status;
    int result = -1;

    sgo_client_options_init(&options);
    while (kwargs != NULL && PyDict_Next(kwargs, &pos, &name, &value)) {
        if (set_keyword(state, self, name, value, &options, &memory) < 0) {
            goto done;
        }
    }
    if (self->event_type == NULL) {
        self->event_type =
            event_check_type(state, TYPE_EVENT, "event_type", NULL);
    }
    if (self->update_type == NULL) {
        self->update_type =
            event_check_type(state, TYPE_UPDATE, "update_type", NULL);
    }
    if (options.api_key == NULL) {
        PyErr_SetString(PyExc_TypeError, "Client() needs api_key");
        goto done;
    }
    status = sgo_client_new(&options, &self->client, &err);
    if (status == SGO_OK) {
        result = 0;
    } else {
        errors_raise(state, status, &err);
    }
done:
    options_memory_fini(&memory);
    return result;
}

static PyObject *
client_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    struct core_state *state = state_of_type(type);
    struct client_object *self;

    if (state == NULL) {
        return NULL;
    }
    if (PyTuple_GET_SIZE(args) != 0) {
        PyErr_SetString(PyExc_TypeError,
                        "Client() takes keyword arguments only");
        return NULL;
    }
    self = client_of(type->tp_alloc(type, 0));
    if (self == NULL) {
        return NULL;
    }
    self->generation = guard_generation();
    if (open_client(state, self, kwargs) < 0) {
        Py_CLEAR(self);
    }
    return (PyObject *)self;
}

static int
client_traverse(PyObject *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(client_of(self)->event_type);
    Py_VISIT(client_of(self)->update_type);
    return 0;
}

static int
client_clear(PyObject *self)
{
    Py_CLEAR(client_of(self)->event_type);
    Py_CLEAR(client_of(self)->update_type);
    return 0;
}

/* The last release may close sockets: detached.  In a forked child the
 * inherited client is left alone. */
static void
client_dealloc(PyObject *op)
{
    struct client_object *self = client_of(op);
    PyTypeObject *type = Py_TYPE(op);

    PyObject_GC_UnTrack(op);
    if (self->weakrefs != NULL) {
        PyObject_ClearWeakRefs(op);
    }
    if (self->client != NULL && guard_owns(self)) {
        Py_BEGIN_ALLOW_THREADS
        sgo_client_release(self->client);
        Py_END_ALLOW_THREADS
    }
    client_clear(op);
    type->tp_free(op);
    Py_DECREF(type);
}

/* --- methods --------------------------------------------------------------- */

PyDoc_STRVAR(stream_doc, "stream($self, /, feed, params=None)\n--\n\n"
                         "Stream(self, feed, params).");

static PyObject *
client_stream(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
              PyObject *kwnames)
{
    static const char *const names[] = {"feed", "params", NULL};
    struct core_state *state = state_of(self);
    PyObject *values[2];

    if (state == NULL ||
        args_parse("stream", args, nargs, kwnames, names, 1, 2, values) < 0) {
        return NULL;
    }
    return PyObject_CallFunctionObjArgs(
        (PyObject *)state->types[TYPE_STREAM], self, values[0],
        values[1] == NULL ? Py_None : values[1], NULL);
}

PyDoc_STRVAR(subscribe_doc, "subscribe($self, streams, /, **options)\n--\n\n"
                            "Subscription(streams, **options).");

static PyObject *
client_subscribe(PyObject *self, PyObject *args, PyObject *kwargs)
{
    struct core_state *state = state_of(self);

    if (state == NULL) {
        return NULL;
    }
    return PyObject_Call((PyObject *)state->types[TYPE_SUBSCRIPTION], args,
                         kwargs);
}

PyDoc_STRVAR(fetch_doc, "fetch($self, event_ids, /)\n--\n\n"
                        "Ask for events once, without a stream.");

static PyObject *
client_fetch(PyObject *self, PyObject *event_ids)
{
    struct core_state *state = state_of(self);
    struct options_memory memory = {0};
    const char *const *ids = NULL;
    size_t count = 0;
    sgo_call *call = NULL;
    sgo_error err = {.retry_after_ns = -1};
    sgo_status status;
    PyObject *result = NULL;

    if (state == NULL ||
        guard_client(client_of(self), REQUIRE_OWNER_PROCESS | REQUIRE_OPEN,
                     "fetch") < 0) {
        return NULL;
    }
    if (options_texts("event_ids", event_ids, &memory, &ids, &count) == 0) {
        Py_BEGIN_ALLOW_THREADS
        status =
            sgo_client_fetch(client_of(self)->client, ids, count, &call, &err);
        Py_END_ALLOW_THREADS
        result = status == SGO_OK ? call_new(state, client_of(self), call)
                                  : errors_raise(state, status, &err);
    }
    options_memory_fini(&memory);
    return result;
}

PyDoc_STRVAR(usage_doc, "usage($self, /)\n--\n\n"
                        "Ask for the key's limits and consumption.");

static PyObject *
client_usage(PyObject *self, PyObject *Py_UNUSED(ignored))
{
    struct core_state *state = state_of(self);
    sgo_call *call = NULL;
    sgo_error err = {.retry_after_ns = -1};
    sgo_status status;

    if (state == NULL ||
        guard_client(client_of(self), REQUIRE_OWNER_PROCESS | REQUIRE_OPEN,
                     "usage") < 0) {
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS
    status = sgo_client_usage(client_of(self)->client, &call, &err);
    Py_END_ALLOW_THREADS
    if (status != SGO_OK) {
        return errors_raise(state, status, &err);
    }
    return call_new(state, client_of(self), call);
}

PyDoc_STRVAR(stats_doc, "stats($self, /)\n--\n\n"
                        "The counters as a dict.");

static PyObject *
client_stats(PyObject *self, PyObject *Py_UNUSED(ignored))
{
    sgo_client_stats stats = {0};

    if (guard_client(client_of(self), REQUIRE_OWNER_PROCESS, "stats") < 0) {
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS
    sgo_client_get_stats(client_of(self)->client, &stats);
    Py_END_ALLOW_THREADS
    return convert_client_stats(&stats);
}

PyDoc_STRVAR(take_report_doc,
             "take_report($self, /, timeout=None)\n--\n\n"
             "Wait for the oldest report (log line, state, gap, error).\n\n"
             "None once the client is closed and all were taken;\n"
             "TimeoutError when none came within timeout seconds.");

static PyObject *
client_take_report(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
                   PyObject *kwnames)
{
    static const char *const names[] = {"timeout", NULL};
    struct core_state *state = state_of(self);
    sgo_client *client = client_of(self)->client;
    PyObject *timeout;
    sgo_report report = {.kind = SGO_REPORT_LOG};
    sgo_status status;
    struct wait wait;
    bool interrupted;

    if (state == NULL ||
        args_parse("take_report", args, nargs, kwnames, names, 0, 1,
                   &timeout) < 0 ||
        guard_client(client_of(self), REQUIRE_OWNER_PROCESS, "take_report") <
            0 ||
        wait_begin(&wait, state, timeout) < 0) {
        return NULL;
    }
    WAIT(status, interrupted, &wait,
         sgo_client_take_report(client, slice_end, &report));
    if (interrupted) {
        return NULL;
    }
    if (status == SGO_OK) {
        return convert_report(state, &report);
    }
    if (status == SGO_TIMEOUT) {
        return wait_timed_out(&wait, "no report");
    }
    if (status == SGO_CLOSED) {
        Py_RETURN_NONE;
    }
    return errors_raise(state, status, NULL);
}

PyDoc_STRVAR(close_doc, "close($self, /)\n--\n\n"
                        "Close all streams and sockets, within one second.\n\n"
                        "May be called again, and from any thread.");

static PyObject *
client_close(PyObject *self, PyObject *Py_UNUSED(ignored))
{
    /* In a child the inherited client is not touched: it is closed there. */
    if (guard_owns(client_of(self))) {
        Py_BEGIN_ALLOW_THREADS
        sgo_client_close(client_of(self)->client);
        Py_END_ALLOW_THREADS
    }
    Py_RETURN_NONE;
}

static PyObject *
get_closed(PyObject *self, void *Py_UNUSED(closure))
{
    if (!guard_owns(client_of(self))) {
        Py_RETURN_TRUE;
    }
    return PyBool_FromLong(sgo_client_is_closed(client_of(self)->client));
}

static PyObject *
client_repr(PyObject *self)
{
    if (!guard_owns(client_of(self))) {
        return PyUnicode_FromString("<Client of the parent process>");
    }
    return PyUnicode_FromFormat(
        "<Client %s>",
        sgo_client_is_closed(client_of(self)->client) ? "closed" : "open");
}

static PyMethodDef client_methods[] = {
    {"stream", METHOD(client_stream), METH_FASTCALL | METH_KEYWORDS,
     stream_doc},
    {"subscribe", METHOD(client_subscribe), METH_VARARGS | METH_KEYWORDS,
     subscribe_doc},
    {"fetch", client_fetch, METH_O, fetch_doc},
    {"usage", client_usage, METH_NOARGS, usage_doc},
    {"stats", client_stats, METH_NOARGS, stats_doc},
    {"take_report", METHOD(client_take_report), METH_FASTCALL | METH_KEYWORDS,
     take_report_doc},
    {"close", client_close, METH_NOARGS, close_doc},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef client_getset[] = {
    {"closed", get_closed, NULL, "True after close().", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyMemberDef client_members[] = {
    {"__weaklistoffset__", T_PYSSIZET,
     offsetof(struct client_object, weakrefs), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

PyDoc_STRVAR(client_doc,
             "Client(**options)\n--\n\n"
             "A key, its pool of documents, its sockets and streams.\n\n"
             "Options are those of sgostream.Client in plain units (seconds\n"
             "as numbers), event_type and update_type the classes that\n"
             "deliveries are made of. Every method may be called from any\n"
             "thread.");

static PyType_Slot client_slots[] = {
    {Py_tp_doc, (void *)client_doc}, {Py_tp_new, client_new},
    {Py_tp_dealloc, client_dealloc}, {Py_tp_traverse, client_traverse},
    {Py_tp_clear, client_clear},     {Py_tp_repr, client_repr},
    {Py_tp_methods, client_methods}, {Py_tp_getset, client_getset},
    {Py_tp_members, client_members}, {0, NULL},
};

PyType_Spec client_spec = {
    .name = "sgostream._core.Client",
    .basicsize = sizeof(struct client_object),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_BASETYPE |
             Py_TPFLAGS_IMMUTABLETYPE,
    .slots = client_slots,
};
