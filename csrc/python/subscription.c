/* Subscription: the iterator and the callback interface over the core's
 * queue.  Updates are taken one at a time wherever user code runs between
 * them: what is still in the queue can be conflated, what was taken cannot.
 *
 * No tp_clear: the references from here lead to streams and their client
 * only; a cycle needs an attribute of a subclass and is broken there. */
#include "client.h"

#include "args.h"
#include "convert.h"
#include "errors.h"
#include "guard.h"
#include "update.h"
#include "wait.h"

/* Updates handed over by one call of get_batch or take_nowait, at most. */
enum { MAX_BATCH = 4096, DEFAULT_BATCH = 256 };

struct subscription_object {
    PyObject_HEAD
    sgo_subscription *subscription;
    struct client_object *client; /* borrowed from the first stream */
    PyObject *streams;            /* tuple of Stream, at least one */
    PyObject *patterns;           /* odd_ids as a tuple of str */
    PyObject *weakrefs;
    unsigned wakes;   /* calls of wake() */
    unsigned waiting; /* threads inside a take */
    bool exclusive;   /* at most one of them */
};

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

static struct subscription_object *
subscription_of(PyObject *self)
{
    return (struct subscription_object *)self;
}

static int
guard(PyObject *self, const char *method)
{
    return guard_client(subscription_of(self)->client, REQUIRE_OWNER_PROCESS,
                        method);
}

/* --- making ------------------------------------------------------------------ */

/* One Stream, or a sequence of Streams of one client, as a tuple. */
static PyObject *
read_streams(struct core_state *state, PyObject *arg)
{
    PyTypeObject *type = state->types[TYPE_STREAM];
    PyObject *streams = PyObject_TypeCheck(arg, type) ? PyTuple_Pack(1, arg)
                                                      : PySequence_Tuple(arg);
    Py_ssize_t i;

    if (streams == NULL)
        return NULL;
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
    size_t i;
    int known;

    sgo_subscription_options_init(options);
    while (kwargs != NULL && PyDict_Next(kwargs, &pos, &name, &value)) {
        if (PyUnicode_CompareWithASCIIString(name, "exclusive") == 0) {
            known = PyObject_IsTrue(value);
            if (known < 0)
                return -1;
            self->exclusive = known;
            continue;
        }
        known =
            options_set(subscription_options, name, value, options, memory);
        if (known == 0)
            PyErr_Format(PyExc_TypeError,
                         "Subscription() got an unexpected keyword argument "
                         "%R",
                         name);
        if (known <= 0)
            return -1;
    }
    self->patterns = PyTuple_New((Py_ssize_t)options->odd_id_count);
    for (i = 0; self->patterns != NULL && i < options->odd_id_count; i++) {
        PyObject *pattern = convert_c_text(options->odd_ids[i]);

        if (pattern == NULL)
            return -1;
        PyTuple_SET_ITEM(self->patterns, (Py_ssize_t)i, pattern);
    }
    return self->patterns == NULL ? -1 : 0;
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
    if (status == SGO_OK)
        return 0;
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

    if (state == NULL || !PyArg_ParseTuple(args, "O:Subscription", &streams))
        return NULL;
    self = subscription_of(type->tp_alloc(type, 0));
    if (self == NULL)
        return NULL;
    self->streams = read_streams(state, streams);
    if (self->streams == NULL)
        goto fail;
    self->client = stream_client(PyTuple_GET_ITEM(self->streams, 0));
    if (guard_client(self->client, REQUIRE_OWNER_PROCESS | REQUIRE_OPEN,
                     "subscribe") < 0 ||
        read_options(self, kwargs, &options, &memory) < 0 ||
        open_subscription(state, self, &options) < 0)
        goto fail;
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
    Py_VISIT(subscription_of(self)->patterns);
    return 0;
}

/* A subscription that nobody can take from is closed. */
static void
subscription_dealloc(PyObject *op)
{
    struct subscription_object *self = subscription_of(op);
    PyTypeObject *type = Py_TYPE(op);

    PyObject_GC_UnTrack(op);
    if (self->weakrefs != NULL)
        PyObject_ClearWeakRefs(op);
    if (self->subscription != NULL &&
        self->client->generation == guard_generation()) {
        Py_BEGIN_ALLOW_THREADS
        sgo_subscription_close(self->subscription);
        sgo_subscription_release(self->subscription);
        Py_END_ALLOW_THREADS
    }
    Py_CLEAR(self->streams);
    Py_CLEAR(self->patterns);
    type->tp_free(op);
    Py_DECREF(type);
}

/* --- taking ------------------------------------------------------------------ */

/* The Stream object with an id, borrowed; NULL: none. */
static PyObject *
find_stream(struct subscription_object *self, uint32_t id)
{
    Py_ssize_t i;

    for (i = 0; i < PyTuple_GET_SIZE(self->streams); i++) {
        PyObject *stream = PyTuple_GET_ITEM(self->streams, i);

        if (sgo_stream_id(((struct stream_object *)stream)->stream) == id)
            return stream;
    }
    return NULL;
}

/* The Update of a taken C update, which it takes. */
static PyObject *
wrap(struct subscription_object *self, sgo_update *update)
{
    return update_new(self->client->update_type, self->client->event_type,
                      update, find_stream(self, sgo_update_stream_id(update)));
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
        if (update == NULL)
            Py_CLEAR(list);
        else
            PyList_SET_ITEM(list, (Py_ssize_t)i, update);
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
    unsigned wakes = self->wakes;
    int again;

    if (self->exclusive && self->waiting > 0) {
        PyErr_SetString(PyExc_RuntimeError,
                        "two threads wait on one subscription: make one for "
                        "each with subscribe()");
        return -1;
    }
    self->waiting++;
    do {
        int64_t slice_end = wait_slice_end(wait);

        again = 0;
        Py_BEGIN_ALLOW_THREADS
        *status = sgo_subscription_take(self->subscription, out, max,
                                        slice_end, n, err);
        Py_END_ALLOW_THREADS
        if (*status == SGO_TIMEOUT)
            again = wait_again(wait);
        if (again > 0 && wakeable && self->wakes != wakes)
            again = 0;
    } while (again > 0);
    self->waiting--;
    return again < 0 ? -1 : 0;
}

static PyObject *
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
        take(self, &wait, false, &update, 1, &n, &status, &err) < 0)
        return NULL;
    if (status == SGO_OK)
        return wrap(self, update);
    if (status == SGO_CLOSED)
        return NULL; /* StopIteration */
    return errors_raise(state, status, &err);
}

PyDoc_STRVAR(get_doc,
             "get($self, /, timeout=None)\n--\n\n"
             "Wait for the next update.\n\n"
             "TimeoutError when none came within timeout seconds, or after\n"
             "wake(); an error of kind 'closed' after close().");

static PyObject *
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
        take(self, &wait, true, &update, 1, &n, &status, &err) < 0)
        return NULL;
    if (status == SGO_OK)
        return wrap(self, update);
    if (status == SGO_TIMEOUT)
        return wait_timed_out(&wait, "no update");
    return errors_raise(state, status, &err);
}

/* max of get_batch and take_nowait: 0 or -1. */
static int
read_max(PyObject *arg, size_t *max)
{
    Py_ssize_t n = DEFAULT_BATCH;

    if (arg != NULL) {
        n = PyNumber_AsSsize_t(arg, NULL);
        if (n == -1 && PyErr_Occurred())
            return -1;
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

    if (updates == NULL)
        return PyErr_NoMemory();
    if (take(self, wait, true, updates, max, &n, &status, &err) == 0) {
        if (status == SGO_OK || status == SGO_TIMEOUT)
            list = wrap_all(self, updates, status == SGO_OK ? n : 0);
        else if (status == SGO_CLOSED && closed != NULL)
            *closed = true;
        else
            errors_raise(state, status, &err);
    }
    PyMem_Free(updates);
    return list;
}

PyDoc_STRVAR(get_batch_doc,
             "get_batch($self, /, max=256, timeout=None)\n--\n\n"
             "Wait for updates and take up to max of them (at most 4096).\n\n"
             "An empty list when none came within timeout seconds, or after\n"
             "wake(); an error of kind 'closed' after close().");

static PyObject *
subscription_get_batch(PyObject *op, PyObject *const *args, Py_ssize_t nargs,
                       PyObject *kwnames)
{
    static const char *const names[] = {"max", "timeout", NULL};
    struct core_state *state = state_of(op);
    PyObject *values[2];
    struct wait wait;
    size_t max;

    if (state == NULL ||
        args_parse("get_batch", args, nargs, kwnames, names, 0, 2, values) < 0)
        return NULL;
    if (read_max(values[0], &max) < 0 || guard(op, "get_batch") < 0 ||
        wait_begin(&wait, state, values[1]) < 0)
        return NULL;
    return take_list(op, state, &wait, max, NULL);
}

PyDoc_STRVAR(take_nowait_doc,
             "take_nowait($self, /, max=256)\n--\n\n"
             "The updates that are there, up to max of them, as a list.\n\n"
             "Empty when there is none, None once the subscription is\n"
             "closed.");

static PyObject *
subscription_take_nowait(PyObject *op, PyObject *const *args, Py_ssize_t nargs,
                         PyObject *kwnames)
{
    static const char *const names[] = {"max", NULL};
    static const struct wait no_wait = {0, 0, 0};
    struct core_state *state = state_of(op);
    PyObject *arg, *list;
    bool closed = false;
    size_t max;

    if (state == NULL ||
        args_parse("take_nowait", args, nargs, kwnames, names, 0, 1, &arg) < 0)
        return NULL;
    if (read_max(arg, &max) < 0 || guard(op, "take_nowait") < 0)
        return NULL;
    list = take_list(op, state, &no_wait, max, &closed);
    if (closed)
        Py_RETURN_NONE;
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

    if (!PyErr_ExceptionMatches(PyExc_Exception))
        return -1;
    if (on_error == NULL) {
        PyErr_WriteUnraisable(culprit);
        return 0;
    }
    exception = errors_take_raised();
    result = PyObject_CallOneArg(on_error, exception);
    Py_DECREF(exception);
    if (result == NULL) {
        if (!PyErr_ExceptionMatches(PyExc_Exception))
            return -1;
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

    if (update == NULL)
        return -1;
    result = PyObject_CallOneArg(callback, update);
    Py_DECREF(update);
    if (result == NULL)
        return report_raised(on_error, callback);
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

    if (wait_begin(&wait, state, NULL) < 0)
        return -1;
    for (;;) {
        sgo_error err = {.retry_after_ns = -1};
        sgo_update *update = NULL;
        sgo_status status;
        size_t n = 0;

        if (take(self, &wait, false, &update, 1, &n, &status, &err) < 0)
            return -1;
        if (status == SGO_CLOSED)
            return 0;
        if (status == SGO_OK) {
            if (dispatch_one(self, update, callback, on_error) < 0)
                return -1;
            continue;
        }
        errors_raise(state, status, &err);
        /* These two are told once and the next take goes on. */
        if ((status != SGO_SLOW_CONSUMER && status != SGO_STALE) ||
            on_error == NULL || report_raised(on_error, op) < 0)
            return -1;
    }
}

PyDoc_STRVAR(dispatch_doc,
             "dispatch($self, /, callback, on_error=None)\n--\n\n"
             "Take updates and call callback(update), until close().\n\n"
             "An Exception of callback goes to on_error(exception), without\n"
             "it to sys.unraisablehook, and the loop goes on. The final\n"
             "error of a stream is raised.");

static PyObject *
subscription_dispatch(PyObject *op, PyObject *const *args, Py_ssize_t nargs,
                      PyObject *kwnames)
{
    static const char *const names[] = {"callback", "on_error", NULL};
    struct core_state *state = state_of(op);
    PyObject *values[2];
    int i;

    if (state == NULL ||
        args_parse("dispatch", args, nargs, kwnames, names, 1, 2, values) < 0)
        return NULL;
    if (values[1] == Py_None)
        values[1] = NULL;
    for (i = 0; i < 2; i++) {
        if (values[i] != NULL && !PyCallable_Check(values[i])) {
            PyErr_Format(PyExc_TypeError, "%s must be callable, not %.100s",
                         names[i], Py_TYPE(values[i])->tp_name);
            return NULL;
        }
    }
    if (guard(op, "dispatch") < 0 ||
        dispatch_loop(op, state, values[0], values[1]) < 0)
        return NULL;
    Py_RETURN_NONE;
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

    if (guard(self, "fileno") < 0)
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    fd = sgo_subscription_fd(subscription_of(self)->subscription);
    saved = errno;
    Py_END_ALLOW_THREADS
    if (fd < 0) {
        errno = saved;
        return PyErr_SetFromErrno(PyExc_OSError);
    }
    return PyLong_FromLong(fd);
}

PyDoc_STRVAR(wake_doc, "wake($self, /)\n--\n\n"
                       "Make get() and get_batch(), waiting now, time out.");

static PyObject *
subscription_wake(PyObject *self, PyObject *Py_UNUSED(ignored))
{
    if (guard(self, "wake") < 0)
        return NULL;
    subscription_of(self)->wakes++;
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

    if (self->client->generation == guard_generation()) {
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

    if (guard(self, "stats") < 0)
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    sgo_subscription_get_stats(subscription_of(self)->subscription, &stats);
    Py_END_ALLOW_THREADS
    return convert_subscription_stats(&stats);
}

PyDoc_STRVAR(pattern_matches_doc,
             "pattern_matches($self, /)\n--\n\n"
             "How often each pattern of odd_ids has matched, as a dict.");

static PyObject *
subscription_pattern_matches(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    struct subscription_object *self = subscription_of(op);
    PyObject *dict;
    Py_ssize_t i;

    if (guard(op, "pattern_matches") < 0)
        return NULL;
    dict = PyDict_New();
    for (i = 0; dict != NULL && i < PyTuple_GET_SIZE(self->patterns); i++) {
        uint64_t n =
            sgo_subscription_pattern_matches(self->subscription, (size_t)i);
        PyObject *number = PyLong_FromUnsignedLongLong(n);

        if (number == NULL ||
            PyDict_SetItem(dict, PyTuple_GET_ITEM(self->patterns, i), number) <
                0)
            Py_CLEAR(dict);
        Py_XDECREF(number);
    }
    return dict;
}

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
