/* Event: one immutable version of one event. */
#include "event.h"

#include "args.h"
#include "convert.h"
#include "errors.h"
#include "quote.h"
#include "update.h"
#include "view.h"

PyTypeObject *
event_check_type(struct core_state *state, enum type_id base, const char *name,
                 PyObject *value)
{
    PyTypeObject *type = state->types[base];

    if (value != NULL && value != Py_None) {
        if (!PyType_Check(value) ||
            !PyType_IsSubtype((PyTypeObject *)value, type)) {
            PyErr_Format(PyExc_TypeError, "%s must be a subclass of %s", name,
                         type->tp_name);
            return NULL;
        }
        type = (PyTypeObject *)value;
    }
    return (PyTypeObject *)Py_NewRef((PyObject *)type);
}

PyObject *
event_list(PyTypeObject *type, sgo_event *const *events, size_t n)
{
    PyObject *list = PyList_New((Py_ssize_t)n);
    size_t i;

    for (i = 0; list != NULL && i < n; i++) {
        PyObject *event = view_new_event(type, events[i]);

        if (event == NULL) {
            Py_CLEAR(list);
        } else {
            PyList_SET_ITEM(list, (Py_ssize_t)i, event);
        }
    }
    return list;
}

static PyObject *
get_event_id(PyObject *self, void *Py_UNUSED(closure))
{
    return convert_utf8(sgo_event_id(view_event(self)));
}

/* Parse n bytes into an event of a type. */
static PyObject *
parse_bytes(PyTypeObject *type, const char *bytes, Py_ssize_t n)
{
    struct core_state *state = state_of_type(type);
    sgo_error err = {.retry_after_ns = -1};
    sgo_event *event = NULL;
    sgo_status status;
    PyObject *self;

    if (state == NULL) {
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS
    status = sgo_event_parse(bytes, (size_t)n, &event, &err);
    Py_END_ALLOW_THREADS
    if (status != SGO_OK) {
        return errors_raise(state, status, &err);
    }
    self = view_new_event(type, event);
    sgo_event_release(event); /* the view has its own */
    return self;
}

PyDoc_STRVAR(parse_doc,
             "parse($type, json, /)\n--\n\n"
             "An event from its JSON text (str or bytes): an object with a\n"
             "string eventID. ValueError says where and why it is none.");

static PyObject *
event_parse(PyObject *type, PyObject *json)
{
    Py_buffer buffer;
    const char *text;
    Py_ssize_t n;
    PyObject *self;

    if (PyUnicode_Check(json)) {
        text = PyUnicode_AsUTF8AndSize(json, &n);
        if (text == NULL) {
            return NULL;
        }
        return parse_bytes((PyTypeObject *)type, text, n);
    }
    if (PyObject_GetBuffer(json, &buffer, PyBUF_SIMPLE) < 0) {
        return NULL;
    }
    self = parse_bytes((PyTypeObject *)type, buffer.buf, buffer.len);
    PyBuffer_Release(&buffer);
    return self;
}

PyDoc_STRVAR(diff_doc,
             "diff($self, /, other, include_timestamps=False, *, "
             "update_type=None)\n--\n\n"
             "What leads from this version to another one, as an Update.");

static PyObject *
event_diff(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
           PyObject *kwnames)
{
    static const char *const names[] = {"other", "include_timestamps",
                                        "update_type", NULL};
    struct core_state *state = state_of(self);
    PyObject *values[3], *result;
    PyTypeObject *type;
    sgo_update *update = NULL;
    sgo_status status;
    int timestamps = 0;

    if (state == NULL ||
        args_parse("diff", args, nargs, kwnames, names, 1, 2, values) < 0) {
        return NULL;
    }
    if (!PyObject_TypeCheck(values[0], state->types[TYPE_EVENT])) {
        PyErr_Format(PyExc_TypeError, "other must be an Event, not %.100s",
                     Py_TYPE(values[0])->tp_name);
        return NULL;
    }
    if (values[1] != NULL) {
        timestamps = PyObject_IsTrue(values[1]);
        if (timestamps < 0) {
            return NULL;
        }
    }
    type = event_check_type(state, TYPE_UPDATE, "update_type", values[2]);
    if (type == NULL) {
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS
    status = sgo_event_diff(view_event(self), view_event(values[0]),
                            timestamps, &update);
    Py_END_ALLOW_THREADS
    if (status == SGO_OK) {
        result = update_wrap(type, Py_TYPE(self), update, NULL);
    } else {
        result = errors_raise(state, status, NULL);
    }
    Py_DECREF(type);
    return result;
}

/* (odd_id, bookmaker_id, is_alt_line, Quote) of a row. */
static PyObject *
convert_row(struct core_state *state, const sgo_quote_row *row)
{
    return Py_BuildValue("(NNNN)", convert_key(state, row->odd_id),
                         convert_key(state, row->bookmaker_id),
                         PyBool_FromLong(row->is_alt_line),
                         quote_from_value(state, row->quote, NULL));
}

static PyObject *
convert_rows(struct core_state *state, const sgo_quote_row *rows, size_t n)
{
    PyObject *list = PyList_New((Py_ssize_t)n);
    size_t i;

    for (i = 0; list != NULL && i < n; i++) {
        PyObject *row = convert_row(state, &rows[i]);

        if (row == NULL) {
            Py_CLEAR(list);
        } else {
            PyList_SET_ITEM(list, (Py_ssize_t)i, row);
        }
    }
    return list;
}

sgo_quote_filter *
event_make_filter(struct core_state *state, PyObject *const *values)
{
    struct options_memory memory = {0};
    const char *const *odds = NULL, *const *books = NULL;
    size_t odd_count = 0, book_count = 0;
    sgo_quote_filter *filter = NULL;
    sgo_error err = {.retry_after_ns = -1};
    sgo_status status;
    int alt_lines = values[2] == NULL ? 0 : PyObject_IsTrue(values[2]);

    if (alt_lines < 0) {
        return NULL;
    }
    if (values[0] != NULL && values[0] != Py_None &&
        options_texts("odd_ids", values[0], &memory, &odds, &odd_count) < 0) {
        goto done;
    }
    if (values[1] != NULL && values[1] != Py_None &&
        options_texts("bookmaker_ids", values[1], &memory, &books,
                      &book_count) < 0) {
        goto done;
    }
    status = sgo_quote_filter_new(odds, odd_count, books, book_count,
                                  alt_lines, &filter, &err);
    if (status != SGO_OK) {
        errors_raise(state, status, &err);
    }
done:
    options_memory_fini(&memory);
    return filter;
}

PyDoc_STRVAR(quote_rows_doc,
             "quote_rows($self, /, odd_ids=None, bookmaker_ids=None, "
             "alt_lines=False)\n--\n\n"
             "The quotes as a list of (odd_id, bookmaker_id, is_alt_line, "
             "Quote).\n\n"
             "odd_ids are globs, bookmaker_ids exact; None: all.");

static PyObject *
event_quote_rows(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
                 PyObject *kwnames)
{
    static const char *const names[] = {"odd_ids", "bookmaker_ids",
                                        "alt_lines", NULL};
    struct core_state *state = state_of(self);
    PyObject *values[3], *list;
    sgo_quote_filter *filter;
    sgo_quote_row *rows = NULL;
    size_t count = 0;
    sgo_status status;

    if (state == NULL || args_parse("quote_rows", args, nargs, kwnames, names,
                                    0, 3, values) < 0) {
        return NULL;
    }
    filter = event_make_filter(state, values);
    if (filter == NULL) {
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS
    status = sgo_event_quotes(view_event(self), filter, &rows, &count);
    Py_END_ALLOW_THREADS
    sgo_quote_filter_free(filter);
    if (status != SGO_OK) {
        return errors_raise(state, status, NULL);
    }
    list = convert_rows(state, rows, count);
    sgo_quote_rows_free(rows);
    return list;
}

PyDoc_STRVAR(quote_count_doc,
             "quote_count($self, /, odd_ids=None, bookmaker_ids=None, "
             "alt_lines=False)\n--\n\n"
             "How many rows quote_rows() would give.");

static PyObject *
event_quote_count(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
                  PyObject *kwnames)
{
    static const char *const names[] = {"odd_ids", "bookmaker_ids",
                                        "alt_lines", NULL};
    struct core_state *state = state_of(self);
    sgo_quote_filter *filter;
    PyObject *values[3];
    size_t count;

    if (state == NULL || args_parse("quote_count", args, nargs, kwnames, names,
                                    0, 3, values) < 0) {
        return NULL;
    }
    filter = event_make_filter(state, values);
    if (filter == NULL) {
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS
    count = sgo_event_quote_count(view_event(self), filter);
    sgo_quote_filter_free(filter);
    Py_END_ALLOW_THREADS
    return PyLong_FromSize_t(count);
}

/* Unpickled by parse() of its own type. */
static PyObject *
event_reduce(PyObject *self, PyObject *Py_UNUSED(ignored))
{
    PyObject *parse, *json;

    parse = PyObject_GetAttrString((PyObject *)Py_TYPE(self), "parse");
    if (parse == NULL) {
        return NULL;
    }
    json = view_json(self, NULL);
    if (json == NULL) {
        Py_DECREF(parse);
        return NULL;
    }
    return Py_BuildValue("(N(N))", parse, json);
}

static Py_hash_t
event_hash(PyObject *self)
{
    PyObject *id = get_event_id(self, NULL);
    Py_hash_t hash;

    if (id == NULL) {
        return -1;
    }
    hash = PyObject_Hash(id);
    Py_DECREF(id);
    return hash;
}

static PyObject *
event_repr(PyObject *self)
{
    PyObject *id = get_event_id(self, NULL), *text;

    if (id == NULL) {
        return NULL;
    }
    text = PyUnicode_FromFormat("<Event %U>", id);
    Py_DECREF(id);
    return text;
}

static PyGetSetDef event_getset[] = {
    {"event_id", get_event_id, NULL, "The eventID.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyMethodDef event_methods[] = {
    {"parse", event_parse, METH_O | METH_CLASS, parse_doc},
    {"diff", METHOD(event_diff), METH_FASTCALL | METH_KEYWORDS, diff_doc},
    {"quote_rows", METHOD(event_quote_rows), METH_FASTCALL | METH_KEYWORDS,
     quote_rows_doc},
    {"quote_count", METHOD(event_quote_count), METH_FASTCALL | METH_KEYWORDS,
     quote_count_doc},
    {"__reduce__", event_reduce, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

PyDoc_STRVAR(event_doc,
             "One immutable version of one event: a Mapping over C memory.\n\n"
             "Equal by JSON value, also to a dict; hash() is that of its\n"
             "eventID; copies are itself; copy() and to_dict() are plain.");

static PyType_Slot event_slots[] = {
    {Py_tp_doc, (void *)event_doc},
    {Py_tp_dealloc, view_dealloc},
    {Py_tp_traverse, view_traverse},
    {Py_tp_repr, event_repr},
    {Py_tp_richcompare, view_compare},
    {Py_tp_hash, event_hash},
    {Py_tp_getset, event_getset},
    {Py_tp_methods, event_methods},
    {0, NULL},
};

PyType_Spec event_spec = {
    .name = "sgostream._core.Event",
    .basicsize = sizeof(struct view_object),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_BASETYPE |
             Py_TPFLAGS_IMMUTABLETYPE | Py_TPFLAGS_DISALLOW_INSTANTIATION |
             Py_TPFLAGS_MAPPING,
    .slots = event_slots,
};
