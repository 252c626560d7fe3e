/* Arrow capsules.  A consumer moves the structure out and sets its release to
 * NULL; what is left inside when the capsule dies was never consumed. */
#include "arrow.h"

#include "args.h"
#include "errors.h"
#include "event.h"
#include "update.h"
#include "view.h"

static const char STREAM_NAME[] = "arrow_array_stream";
static const char SCHEMA_NAME[] = "arrow_schema";

static void
free_stream(PyObject *capsule)
{
    struct ArrowArrayStream *stream =
        PyCapsule_GetPointer(capsule, STREAM_NAME);

    if (stream->release != NULL) {
        Py_BEGIN_ALLOW_THREADS /* it may hold the last of many versions */
        stream->release(stream);
        Py_END_ALLOW_THREADS
    }
    PyMem_Free(stream);
}

static void
free_schema(PyObject *capsule)
{
    struct ArrowSchema *schema = PyCapsule_GetPointer(capsule, SCHEMA_NAME);

    if (schema->release != NULL) {
        schema->release(schema);
    }
    PyMem_Free(schema);
}

/* A capsule of *made, which it takes, also when it fails. */
static PyObject *
stream_capsule(struct ArrowArrayStream *made)
{
    struct ArrowArrayStream *stream = PyMem_New(struct ArrowArrayStream, 1);
    PyObject *capsule;

    if (stream == NULL) {
        made->release(made);
        return PyErr_NoMemory();
    }
    *stream = *made;
    capsule = PyCapsule_New(stream, STREAM_NAME, free_stream);
    if (capsule == NULL) {
        stream->release(stream);
        PyMem_Free(stream);
    }
    return capsule;
}

/* The items of an iterable as a tuple of instances of a type. */
static PyObject *
read_items(PyObject *iterable, PyTypeObject *type, const char *what)
{
    PyObject *items = PySequence_Tuple(iterable);
    Py_ssize_t i;

    for (i = 0; items != NULL && i < PyTuple_GET_SIZE(items); i++) {
        PyObject *item = PyTuple_GET_ITEM(items, i);

        if (!PyObject_TypeCheck(item, type)) {
            PyErr_Format(PyExc_TypeError, "not %s: %.100s", what,
                         Py_TYPE(item)->tp_name);
            Py_CLEAR(items);
        }
    }
    return items;
}

/* The stream over a tuple of events. */
static PyObject *
export_events(struct core_state *state, PyObject *items,
              const sgo_quote_filter *filter)
{
    size_t n = (size_t)PyTuple_GET_SIZE(items), i;
    sgo_event **events = PyMem_New(sgo_event *, n + 1);
    struct ArrowArrayStream stream;
    sgo_status status;

    if (events == NULL) {
        return PyErr_NoMemory();
    }
    for (i = 0; i < n; i++) {
        events[i] = view_event(PyTuple_GET_ITEM(items, (Py_ssize_t)i));
    }
    Py_BEGIN_ALLOW_THREADS
    status = sgo_quotes_export(events, n, filter, &stream);
    Py_END_ALLOW_THREADS
    PyMem_Free(events);
    return status == SGO_OK ? stream_capsule(&stream)
                            : errors_raise(state, status, NULL);
}

const char capsule_quotes_doc[] =
    "arrow_quotes($module, /, events, odd_ids=None, bookmaker_ids=None,\n"
    "             alt_lines=False)\n--\n\n"
    "A capsule \"arrow_array_stream\" of the events' quotes; the filter is\n"
    "that of Event.quote_rows().";

PyObject *
capsule_quotes(PyObject *module, PyObject *const *args, Py_ssize_t nargs,
               PyObject *kwnames)
{
    static const char *const names[] = {"events", "odd_ids", "bookmaker_ids",
                                        "alt_lines", NULL};
    struct core_state *state = state_of_module(module);
    PyObject *values[4], *items, *capsule = NULL;
    sgo_quote_filter *filter;

    if (args_parse("arrow_quotes", args, nargs, kwnames, names, 1, 4, values) <
        0) {
        return NULL;
    }
    items = read_items(values[0], state->types[TYPE_EVENT], "an Event");
    if (items == NULL) {
        return NULL;
    }
    filter = event_make_filter(state, values + 1);
    if (filter != NULL) {
        capsule = export_events(state, items, filter);
        sgo_quote_filter_free(filter);
    }
    Py_DECREF(items);
    return capsule;
}

const char capsule_quote_changes_doc[] =
    "arrow_quote_changes($module, updates, /)\n--\n\n"
    "A capsule \"arrow_array_stream\" of what updates changed of quotes.";

PyObject *
capsule_quote_changes(PyObject *module, PyObject *iterable)
{
    struct core_state *state = state_of_module(module);
    PyObject *items =
        read_items(iterable, state->types[TYPE_UPDATE], "an Update");
    struct ArrowArrayStream stream;
    sgo_update **updates;
    sgo_status status;
    size_t n, i;

    if (items == NULL) {
        return NULL;
    }
    n = (size_t)PyTuple_GET_SIZE(items);
    updates = PyMem_New(sgo_update *, n + 1);
    if (updates == NULL) {
        Py_DECREF(items);
        return PyErr_NoMemory();
    }
    for (i = 0; i < n; i++) {
        updates[i] = update_handle(PyTuple_GET_ITEM(items, (Py_ssize_t)i));
    }
    Py_BEGIN_ALLOW_THREADS
    status = sgo_quote_changes_export(updates, n, &stream);
    Py_END_ALLOW_THREADS
    PyMem_Free(updates);
    Py_DECREF(items);
    return status == SGO_OK ? stream_capsule(&stream)
                            : errors_raise(state, status, NULL);
}

const char capsule_schema_doc[] =
    "arrow_schema($module, /, changes=False)\n--\n\n"
    "A capsule \"arrow_schema\" of arrow_quotes() or, with changes, of\n"
    "arrow_quote_changes().";

PyObject *
capsule_schema(PyObject *module, PyObject *const *args, Py_ssize_t nargs,
               PyObject *kwnames)
{
    static const char *const names[] = {"changes", NULL};
    PyObject *value, *capsule = NULL;
    struct ArrowSchema *schema;
    sgo_status status;
    int changes = 0;

    if (args_parse("arrow_schema", args, nargs, kwnames, names, 0, 1, &value) <
        0) {
        return NULL;
    }
    if (value != NULL) {
        changes = PyObject_IsTrue(value);
        if (changes < 0) {
            return NULL;
        }
    }
    schema = PyMem_New(struct ArrowSchema, 1);
    if (schema == NULL) {
        return PyErr_NoMemory();
    }
    status = sgo_quotes_schema(changes != 0, schema);
    if (status == SGO_OK) {
        capsule = PyCapsule_New(schema, SCHEMA_NAME, free_schema);
        if (capsule == NULL) {
            schema->release(schema);
        }
    } else {
        errors_raise(state_of_module(module), status, NULL);
    }
    if (capsule == NULL) {
        PyMem_Free(schema);
    }
    return capsule;
}
