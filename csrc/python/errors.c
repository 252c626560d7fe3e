/* sgo_error to exceptions.
 *
 * Which class an error has is the wrapper's affair: it gives a factory, which
 * is called with (kind, text, http_status, close_code, retryable,
 * retry_after, window).  Without one the exception is _core.Error with these
 * as attributes.  Texts come from the core without the API key. */
#include "errors.h"

#include "convert.h"
#include "shared.h"

#include <stdarg.h>

static const char *const kind_names[] = {
    "unknown",      "authentication", "permission_denied",
    "stream_limit", "rate_limit",     "bad_request",
    "not_found",    "server",         "transport",
    "protocol",     "stale_data",     "slow_consumer",
    "limit",        "configuration",  "closed",
    "forked",       "memory",
};

/* Names of the factory's arguments behind kind and text, and of the class
 * attributes. */
static const char *const attributes[] = {
    "kind",      "text",        "http_status", "close_code",
    "retryable", "retry_after", "window",
};

enum { ATTRIBUTES = sizeof(attributes) / sizeof(attributes[0]) };

static const char error_doc[] =
    "An error of the core.\n\n"
    "Raised unless set_error_factory() has given other classes. Its\n"
    "attributes are the arguments of such a factory.";

int
errors_init(struct core_state *state, PyObject *module)
{
    PyObject *dict = Py_BuildValue(
        "{sssssOsOsOsOsO}", "kind", "unknown", "text", "", "http_status",
        Py_None, "close_code", Py_None, "retryable", Py_False, "retry_after",
        Py_None, "window", Py_None);

    if (dict == NULL) {
        return -1;
    }
    state->error = PyErr_NewExceptionWithDoc(
        "sgostream._core.Error", error_doc, PyExc_RuntimeError, dict);
    Py_DECREF(dict);
    if (state->error == NULL) {
        return -1;
    }
    return PyModule_AddObjectRef(module, "Error", state->error);
}

static PyObject *
number_or_none(int number)
{
    return number == 0 ? Py_NewRef(Py_None) : PyLong_FromLong(number);
}

/* The factory's seven arguments. */
static PyObject *
arguments(const sgo_error *err)
{
    size_t kind = (size_t)err->kind;
    PyObject *window, *retry_after;

    if (kind >= sizeof(kind_names) / sizeof(kind_names[0])) {
        kind = 0;
    }
    window = err->window[0] == '\0' ? Py_NewRef(Py_None)
                                    : convert_c_text(err->window);
    retry_after = err->retry_after_ns < 0
                      ? Py_NewRef(Py_None)
                      : convert_seconds(err->retry_after_ns);
    return Py_BuildValue(
        "(sNNNNNN)", kind_names[kind], convert_c_text(err->text),
        number_or_none(err->http_status), number_or_none(err->close_code),
        PyBool_FromLong(err->retryable), retry_after, window);
}

/* An instance of _core.Error. */
static PyObject *
default_error(struct core_state *state, PyObject *args)
{
    PyObject *error;
    int i;

    error = PyObject_CallOneArg(state->error, PyTuple_GET_ITEM(args, 1));
    for (i = 0; error != NULL && i < ATTRIBUTES; i++) {
        if (PyObject_SetAttrString(error, attributes[i],
                                   PyTuple_GET_ITEM(args, i)) < 0) {
            Py_CLEAR(error);
        }
    }
    return error;
}

PyObject *
errors_make(struct core_state *state, const sgo_error *err)
{
    PyObject *args = arguments(err), *factory, *error;

    if (args == NULL) {
        return NULL;
    }
    SHARED_BEGIN(state->error); /* it stands for the factory */
    factory = Py_XNewRef(state->error_factory);
    SHARED_END();
    if (factory == NULL) {
        error = default_error(state, args);
    } else {
        error = PyObject_Call(factory, args, NULL);
        Py_DECREF(factory);
        if (error != NULL && !PyExceptionInstance_Check(error)) {
            PyErr_Format(PyExc_TypeError,
                         "the error factory returned %.100s, not an exception",
                         Py_TYPE(error)->tp_name);
            Py_CLEAR(error);
        }
    }
    Py_DECREF(args);
    return error;
}

static PyObject *
raise_made(struct core_state *state, const sgo_error *err)
{
    PyObject *error = errors_make(state, err);

    if (error != NULL) {
        PyErr_SetObject((PyObject *)Py_TYPE(error), error);
        Py_DECREF(error);
    }
    return NULL;
}

PyObject *
errors_raise_kind(struct core_state *state, sgo_error_kind kind,
                  const char *fmt, ...)
{
    sgo_error err = {.kind = kind, .retry_after_ns = -1};
    va_list args;

    va_start(args, fmt);
    vsnprintf(err.text, sizeof(err.text), fmt, args);
    va_end(args);
    return raise_made(state, &err);
}

/* The kind that belongs to a status whose record names none. */
static sgo_error_kind
kind_of_status(sgo_status status)
{
    switch (status) {
    case SGO_CLOSED:
        return SGO_ERROR_CLOSED;
    case SGO_FORKED:
        return SGO_ERROR_FORKED;
    case SGO_SLOW_CONSUMER:
        return SGO_ERROR_SLOW_CONSUMER;
    case SGO_STALE:
        return SGO_ERROR_STALE_DATA;
    case SGO_LIMIT:
        return SGO_ERROR_LIMIT;
    case SGO_NOT_FOUND:
        return SGO_ERROR_NOT_FOUND;
    default:
        return SGO_ERROR_NONE;
    }
}

/* What is said when the core gave no text. */
static const char *
text_of_status(sgo_status status)
{
    switch (status) {
    case SGO_CLOSED:
        return "closed";
    case SGO_FORKED:
        return "made before fork(): make a new client in the child process";
    case SGO_SLOW_CONSUMER:
        return "the subscription's queue overflowed";
    case SGO_STALE:
        return "data older than max_age";
    case SGO_LIMIT:
        return "a limit was reached";
    case SGO_NOT_FOUND:
        return "not found";
    case SGO_INVALID:
        return "invalid argument";
    case SGO_SYSTEM:
        return "the operating system refused";
    default:
        return "unexpected status of the core";
    }
}

PyObject *
errors_raise(struct core_state *state, sgo_status status, const sgo_error *err)
{
    sgo_error full = {.kind = SGO_ERROR_NONE, .retry_after_ns = -1};
    bool misuse;

    if (status == SGO_NO_MEMORY) {
        return PyErr_NoMemory();
    }
    if (err != NULL) {
        full = *err;
    }
    if (full.text[0] == '\0') {
        snprintf(full.text, sizeof(full.text), "%s", text_of_status(status));
    }
    misuse = status == SGO_INVALID && full.kind != SGO_ERROR_CONFIGURATION;
    if (misuse || (status == SGO_SYSTEM && full.kind == SGO_ERROR_NONE)) {
        PyObject *text = convert_c_text(full.text);

        if (text != NULL) {
            PyErr_SetObject(misuse ? PyExc_ValueError : PyExc_OSError, text);
            Py_DECREF(text);
        }
        return NULL;
    }
    if (full.kind == SGO_ERROR_NONE) {
        full.kind = kind_of_status(status);
    }
    if (full.kind == SGO_ERROR_MEMORY) {
        return PyErr_NoMemory();
    }
    return raise_made(state, &full);
}

PyObject *
errors_take_raised(void)
{
#if PY_VERSION_HEX >= 0x030C0000
    return PyErr_GetRaisedException();
#else
    PyObject *type, *value, *traceback;

    PyErr_Fetch(&type, &value, &traceback);
    PyErr_NormalizeException(&type, &value, &traceback);
    if (value != NULL && traceback != NULL) {
        PyException_SetTraceback(value, traceback);
    }
    Py_XDECREF(type);
    Py_XDECREF(traceback);
    return value;
#endif
}

void
errors_set_raised(PyObject *exception)
{
#if PY_VERSION_HEX >= 0x030C0000
    PyErr_SetRaisedException(exception);
#else
    PyErr_Restore(Py_NewRef(Py_TYPE(exception)), exception,
                  PyException_GetTraceback(exception));
#endif
}
