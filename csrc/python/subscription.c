/* Subscription: options, life cycle, and what is no taking (take.c).
 *
 * No tp_clear: the references from here lead to streams and their client
 * only; a cycle needs an attribute of a subclass and is broken there. */
#include "subscription.h"

#include "args.h"
#include "client.h"
#include "convert.h"
#include "errors.h"
#include "guard.h"

static const char *const on_stale_words[] = {"raise", "mark", NULL};

#define OPTION(name, kind, field)                                             \
    {                                                                         \
        name, kind, offsetof(sgo_subscription_options, field), 0, NULL        \
    }
#define OPTION_LIST(name, field, count)                                       \
    {                                                                         \
        name, OPTION_TEXTS, offsetof(sgo_subscription_options, field),        \
            offsetof(sgo_subscription_options, count), NULL                   \
    }

static const struct option subscription_options[] = {
    OPTION_LIST("event_ids", event_ids, event_id_count),
    OPTION_LIST("league_ids", league_ids, league_id_count),
    OPTION_LIST("odd_ids", odd_ids, odd_id_count),
    OPTION_LIST("bookmaker_ids", bookmaker_ids, bookmaker_id_count),
    OPTION("include_timestamps", OPTION_BOOL, include_timestamps),
    OPTION("initial", OPTION_BOOL, initial),
    OPTION("conflate", OPTION_BOOL, conflate),
    OPTION("max_queue", OPTION_SIZE, max_queue),
    OPTION("min_interval", OPTION_SECONDS, min_interval_ns),
    OPTION("max_age", OPTION_SECONDS, max_age_ns),
    {"on_stale", OPTION_WORD, offsetof(sgo_subscription_options, on_stale), 0,
     on_stale_words},
    {NULL, OPTION_TEXT, 0, 0, NULL},
};

/* --- making ------------------------------------------------------------------ */

/* One Stream, or a sequence of Streams of one client, as a tuple. */
static PyObject *
read_streams(struct core_state *state, PyObject *arg)
{
    PyTypeObject *type = state->types[TYPE_STREAM];
    PyObject *streams = PyObject_TypeCheck(arg, type) ? PyTuple_Pack(1, arg)
                                                      : PySequence_Tuple(arg);
    Py_ssize_t i;

    if (streams == NULL) {
        return NULL;
    }
    if (PyTuple_GET_SIZE(streams) == 0) {
        PyErr_SetString(PyExc_ValueError, "subscribe to at least one stream");
        goto fail;
    }
    for (i = 0; i < PyTuple_GET_SIZE(streams); i++) {
        PyObject *stream = PyTuple_GET_ITEM(streams, i);

        if (!PyObject_TypeCheck(stream, type)) {
            PyErr_Format(PyExc_TypeError, "not a Stream: %.100s",
                         Py_TYPE(stream)->tp_name);
            goto fail;
        }
        if (stream_client(stream) !=
            stream_client(PyTuple_GET_ITEM(streams, 0))) {
            PyErr_SetString(PyExc_ValueError,
                            "the streams must be of one client");
            goto fail;
        }
    }
    return streams;
fail:
    Py_DECREF(streams);
    return NULL;
}

/* Keywords into options and self.  0 or -1. */
static int
read_options(struct subscription_object *self, PyObject *kwargs,
             sgo_subscription_options *options, struct options_memory *memory)
{
    PyObject *name, *value;
    Py_ssize_t pos = 0;
    int known;

    sgo_subscription_options_init(options);
    while (kwargs != NULL && PyDict_Next(kwargs, &pos, &name, &value)) {
        if (PyUnicode_CompareWithASCIIString(name, "exclusive") == 0) {
            known = PyObject_IsTrue(value);
            if (known < 0) {
                return -1;
            }
            self->exclusive = known;
            continue;
        }
        known =
            options_set(subscription_options, name, value, options, memory);
        if (known == 0) {
            PyErr_Format(PyExc_TypeError,
                         "Subscription() got an unexpected keyword argument "
                         "%R",
                         name);
        }
        if (known <= 0) {
            return -1;
        }
    }
    self->pattern_count = options->odd_id_count;
    return 0;
}

/* Subscribe.  0 or -1. */
static int
open_subscription(struct core_state *state, struct subscription_object *self,
                  const sgo_subscription_options *options)
{
    size_t n = (size_t)PyTuple_GET_SIZE(self->streams), i;
    sgo_error err = {.retry_after_ns = -1};
    sgo_stream **streams = PyMem_New(sgo_stream *, n);
    sgo_status status;

    if (streams == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    for (i = 0; i < n; i++) {
        PyObject *stream = PyTuple_GET_ITEM(self->streams, (Py_ssize_t)i);

        streams[i] = ((struct stream_object *)stream)->stream;
    }
    Py_BEGIN_ALLOW_THREADS
    status =
        sgo_subscription_new(streams, n, options, &self->subscription, &err);
    Py_END_ALLOW_THREADS
    PyMem_Free(streams);
    if (status == SGO_OK) {
        return 0;
    }
    errors_raise(state, status, &err);
    return -1;
}

static PyObject *
subscription_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    struct core_state *state = state_of_type(type);
    sgo_subscription_options options;
    struct options_memory memory = {0};
    struct subscription_object *self;
    PyObject *streams;

    if (state == NULL || !PyArg_ParseTuple(args, "O:Subscription", &streams)) {
        return NULL;
    }
    self = subscription_of(type->tp_alloc(type, 0));
    if (self == NULL) {
        return NULL;
    }
    self->streams = read_streams(state, streams);
    if (self->streams == NULL) {
        goto fail;
    }
    self->client = stream_client(PyTuple_GET_ITEM(self->streams, 0));
    if (guard_client(self->client, REQUIRE_OWNER_PROCESS | REQUIRE_OPEN,
                     "subscribe") < 0 ||
        read_options(self, kwargs, &options, &memory) < 0 ||
        open_subscription(state, self, &options) < 0) {
        goto fail;
    }
    options_memory_fini(&memory);
    return (PyObject *)self;
fail:
    options_memory_fini(&memory);
    Py_DECREF(self);
    return NULL;
}

static int
subscription_traverse(PyObject *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(subscription_of(self)->streams);
    return 0;
}

/* A subscription that nobody can take from is closed. */
static void
subscription_dealloc(PyObject *op)
{
    struct subscription_object *self = subscription_of(op);
    PyTypeObject *type = Py_TYPE(op);

    PyObject_GC_UnTrack(op);
    if (self->weakrefs != NULL) {
        PyObject_ClearWeakRefs(op);
    }
    if (self->subscription != NULL && guard_owns(self->client)) {
        Py_BEGIN_ALLOW_THREADS
        sgo_subscription_close(self->subscription);
        sgo_subscription_release(self->subscription);
        Py_END_ALLOW_THREADS
    }
    Py_CLEAR(self->streams);
    type->tp_free(op);
    Py_DECREF(type);
}

/* --- the rest ------------------------------------------------------------------ */

PyDoc_STRVAR(fileno_doc,
             "fileno($self, /)\n--\n\n"
             "A descriptor that is readable while take_nowait() would give\n"
             "something; it belongs to the subscription.");

static PyObject *
subscription_fileno(PyObject *self, PyObject *Py_UNUSED(ignored))
{
    int fd, saved;

    if (guard_client(subscription_of(self)->client, REQUIRE_OWNER_PROCESS,
                     "fileno") < 0) {
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS
    fd = sgo_subscription_fd(subscription_of(self)->subscription);
    saved = errno;
    Py_END_ALLOW_THREADS
    return convert_fd(fd, saved);
}

PyDoc_STRVAR(wake_doc, "wake($self, /)\n--\n\n"
                       "Make get() and get_batch(), waiting now, time out.");

static PyObject *
subscription_wake(PyObject *self, PyObject *Py_UNUSED(ignored))
{
    if (guard_client(subscription_of(self)->client, REQUIRE_OWNER_PROCESS,
                     "wake") < 0) {
        return NULL;
    }
    atomic_fetch_add(&subscription_of(self)->wakes, 1);
    Py_BEGIN_ALLOW_THREADS
    sgo_subscription_wake(subscription_of(self)->subscription);
    Py_END_ALLOW_THREADS
    Py_RETURN_NONE;
}

PyDoc_STRVAR(close_doc, "close($self, /)\n--\n\n"
                        "End the loops over it and drop what is pending.");

static PyObject *
subscription_close(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    struct subscription_object *self = subscription_of(op);

    if (guard_owns(self->client)) {
        Py_BEGIN_ALLOW_THREADS
        sgo_subscription_close(self->subscription);
        Py_END_ALLOW_THREADS
    }
    Py_RETURN_NONE;
}

PyDoc_STRVAR(stats_doc, "stats($self, /)\n--\n\n"
                        "The counters as a dict.");

static PyObject *
subscription_stats(PyObject *self, PyObject *Py_UNUSED(ignored))
{
    sgo_subscription_stats stats = {0};

    if (guard_client(subscription_of(self)->client, REQUIRE_OWNER_PROCESS,
                     "stats") < 0) {
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS
    sgo_subscription_get_stats(subscription_of(self)->subscription, &stats);
    Py_END_ALLOW_THREADS
    return convert_subscription_stats(&stats);
}

PyDoc_STRVAR(pattern_matches_doc,
             "pattern_matches($self, /)\n--\n\n"
             "How often each pattern of odd_ids has matched, in their order.");

static PyObject *
subscription_pattern_matches(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    struct subscription_object *self = subscription_of(op);
    PyObject *list;
    size_t i;

    if (guard_client(subscription_of(op)->client, REQUIRE_OWNER_PROCESS,
                     "pattern_matches") < 0) {
        return NULL;
    }
    list = PyList_New((Py_ssize_t)self->pattern_count);
    for (i = 0; list != NULL && i < self->pattern_count; i++) {
        PyObject *number = PyLong_FromUnsignedLongLong(
            sgo_subscription_pattern_matches(self->subscription, i));

        if (number == NULL) {
            Py_CLEAR(list);
        } else {
            PyList_SET_ITEM(list, (Py_ssize_t)i, number);
        }
    }
    return list;
}

PyDoc_STRVAR(get_doc,
             "get($self, /, timeout=None)\n--\n\n"
             "Wait for the next update.\n\n"
             "TimeoutError when none came within timeout seconds, or after\n"
             "wake(); an error of kind 'closed' after close().");

PyDoc_STRVAR(get_batch_doc,
             "get_batch($self, /, max=256, timeout=None)\n--\n\n"
             "Wait for updates and take up to max of them (at most 4096).\n\n"
             "An empty list when none came within timeout seconds, or after\n"
             "wake(); an error of kind 'closed' after close().");

PyDoc_STRVAR(take_nowait_doc,
             "take_nowait($self, /, max=256)\n--\n\n"
             "The updates that are there, up to max of them, as a list.\n\n"
             "Empty when there is none, None once the subscription is\n"
             "closed.");

PyDoc_STRVAR(dispatch_doc,
             "dispatch($self, /, callback, on_error=None)\n--\n\n"
             "Take updates and call callback(update), until close().\n\n"
             "An Exception of callback goes to on_error(exception), without\n"
             "it to sys.unraisablehook, and the loop goes on. The final\n"
             "error of a stream is raised.");

static PyMethodDef subscription_methods[] = {
    {"get", METHOD(subscription_get), METH_FASTCALL | METH_KEYWORDS, get_doc},
    {"get_batch", METHOD(subscription_get_batch),
     METH_FASTCALL | METH_KEYWORDS, get_batch_doc},
    {"take_nowait", METHOD(subscription_take_nowait),
     METH_FASTCALL | METH_KEYWORDS, take_nowait_doc},
    {"dispatch", METHOD(subscription_dispatch), METH_FASTCALL | METH_KEYWORDS,
     dispatch_doc},
    {"fileno", subscription_fileno, METH_NOARGS, fileno_doc},
    {"wake", subscription_wake, METH_NOARGS, wake_doc},
    {"close", subscription_close, METH_NOARGS, close_doc},
    {"stats", subscription_stats, METH_NOARGS, stats_doc},
    {"pattern_matches", subscription_pattern_matches, METH_NOARGS,
     pattern_matches_doc},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef subscription_members[] = {
    {"streams", T_OBJECT_EX, offsetof(struct subscription_object, streams),
     READONLY, "The streams, as a tuple."},
    {"__weaklistoffset__", T_PYSSIZET,
     offsetof(struct subscription_object, weakrefs), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

PyDoc_STRVAR(subscription_doc,
             "Subscription(streams, /, **options)\n--\n\n"
             "A consumer's queue over one stream or several of one client.\n\n"
             "An iterator that waits for the next update and ends at\n"
             "close(). Options are those of subscribe() in plain units; with\n"
             "exclusive=True a second thread that waits gets RuntimeError.\n"
             "Every method may be called from any thread.");

static PyType_Slot subscription_slots[] = {
    {Py_tp_doc, (void *)subscription_doc},
    {Py_tp_new, subscription_new},
    {Py_tp_dealloc, subscription_dealloc},
    {Py_tp_traverse, subscription_traverse},
    {Py_tp_iter, PyObject_SelfIter},
    {Py_tp_iternext, subscription_next},
    {Py_tp_methods, subscription_methods},
    {Py_tp_members, subscription_members},
    {0, NULL},
};

PyType_Spec subscription_spec = {
    .name = "sgostream._core.Subscription",
    .basicsize = sizeof(struct subscription_object),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_BASETYPE |
             Py_TPFLAGS_IMMUTABLETYPE,
    .slots = subscription_slots,
};
