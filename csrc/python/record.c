/* Records: immutable tuple types with named fields, which are compared,
 * hashed, unpacked and indexed as tuples, built by name, matched by position
 * or name, and pickled. */
#include "record.h"

#include <stdarg.h>
#include <stddef.h>

struct record_def {
    const char *name;
    const char *format; /* of PyArg_ParseTupleAndKeywords */
    const char *fields[RECORD_MAX_FIELDS + 1];
    const char *field_docs[RECORD_MAX_FIELDS];
    const char *doc;
};

/* In the order of enum type_id from TYPE_CHANGE on. */
static struct record_def defs[] = {
    {"sgostream._core.Change",
     "OOO:Change",
     {"path", "old", "new"},
     {"Keys and positions that lead to the place.",
      "The value before, MISSING if there was none.",
      "The value now, MISSING if there is none."},
     "Change(path, old, new)\n--\n\n"
     "One place of an event that differs.\n\n"
     "path is a tuple of keys and positions; the side that lacks the member\n"
     "is MISSING."},
    {"sgostream._core.QuoteChange",
     "OOOOOO:QuoteChange",
     {"event_id", "odd_id", "bookmaker_id", "is_alt_line", "old", "new"},
     {"The eventID.", "The key in odds.", "The key in byBookmaker.",
      "Whether it is an alternative line.", "The Quote before, or None.",
      "The Quote now, or None."},
     "QuoteChange(event_id, odd_id, bookmaker_id, is_alt_line, old, new)\n"
     "--\n\n"
     "One bookmaker's quote that differs; None on the side that lacks it."},
    {"sgostream._core.ConsensusChange",
     "OOOOO:ConsensusChange",
     {"event_id", "odd_id", "field", "old", "new"},
     {"The eventID.", "The key in odds.",
      "The member's name: fairOdds, bookSpread, ...",
      "The value before, or None.", "The value now, or None."},
     "ConsensusChange(event_id, odd_id, field, old, new)\n--\n\n"
     "One consensus value of an odd that differs; None on the side that\n"
     "lacks it."},
    {"sgostream._core.Times",
     "OOOOO:Times",
     {"notified", "requested", "received", "applied", "taken"},
     {"When the notification arrived.", "When the request started.",
      "When its answer was complete.", "When the version became the newest.",
      "When the update was taken."},
     "Times(notified, requested, received, applied, taken)\n--\n\n"
     "Epoch nanoseconds of an update's way; None: unknown."},
    {"sgostream._core.StreamState",
     "OOOOO:StreamState",
     {"connection", "phase", "failed", "serial", "error"},
     {"Of the connection, in pusher-js's words and polling.",
      "How far the stream is.", "Whether it ended by an error.",
      "Grows with each change.", "The final error, or None."},
     "StreamState(connection, phase, failed, serial, error)\n--\n\n"
     "A stream's state at one moment; serial grows with each change."},
};

enum { RECORD_TYPES = sizeof(defs) / sizeof(defs[0]) };

static size_t
field_count(const struct record_def *def)
{
    size_t n = 0;

    while (def->fields[n] != NULL) {
        n++;
    }
    return n;
}

/* The definition of one of our (final) types; NULL with an exception. */
static const struct record_def *
def_of(PyTypeObject *type)
{
    struct core_state *state = state_of_type(type);
    int i;

    if (state == NULL) {
        return NULL;
    }
    for (i = 0; i < RECORD_TYPES; i++) {
        if (state->types[TYPE_CHANGE + i] == type) {
            return &defs[i];
        }
    }
    PyErr_SetString(PyExc_SystemError, "not a record type");
    return NULL;
}

/* A record of fields[0..n); steals them. */
static PyObject *
build(PyTypeObject *type, PyObject **fields, size_t n)
{
    PyObject *self = type->tp_alloc(type, (Py_ssize_t)n);
    size_t i;

#if PY_VERSION_HEX >= 0x030E0000
    /* Tuples keep their hash from 3.14 on; tp_alloc leaves 0, which would be
     * taken for one: -1 says that it is still to be computed. */
    if (self != NULL) {
        ((PyTupleObject *)self)->ob_hash = -1;
    }
#endif
    for (i = 0; i < n; i++) {
        if (self == NULL) {
            Py_DECREF(fields[i]);
        } else {
            PyTuple_SET_ITEM(self, (Py_ssize_t)i, fields[i]);
        }
    }
    return self;
}

PyObject *
record_new(struct core_state *state, enum type_id type, ...)
{
    size_t n = field_count(&defs[type - TYPE_CHANGE]), i;
    PyObject *fields[RECORD_MAX_FIELDS];
    bool complete = true;
    va_list args;

    va_start(args, type);
    for (i = 0; i < n; i++) {
        fields[i] = va_arg(args, PyObject *);
        complete = complete && fields[i] != NULL;
    }
    va_end(args);
    if (complete) {
        return build(state->types[type], fields, n);
    }
    for (i = 0; i < n; i++) {
        Py_XDECREF(fields[i]);
    }
    return NULL;
}

static PyObject *
record_tp_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    const struct record_def *def = def_of(type);
    PyObject *f[RECORD_MAX_FIELDS];
    size_t i, n;

    if (def == NULL || !PyArg_ParseTupleAndKeywords(
                           args, kwargs, def->format, (char **)def->fields,
                           &f[0], &f[1], &f[2], &f[3], &f[4], &f[5])) {
        return NULL;
    }
    n = field_count(def);
    for (i = 0; i < n; i++) {
        Py_INCREF(f[i]);
    }
    return build(type, f, n);
}

/* The tuple's own clear is none: an immutable tuple is no part of a cycle
 * that only it could break.  Its dealloc frees the items; the type goes with
 * subtype_dealloc. */
static int
record_traverse(PyObject *self, visitproc visit, void *arg)
{
    Py_ssize_t i;

    Py_VISIT(Py_TYPE(self));
    for (i = 0; i < PyTuple_GET_SIZE(self); i++) {
        Py_VISIT(PyTuple_GET_ITEM(self, i));
    }
    return 0;
}

static PyObject *
record_repr(PyObject *self)
{
    const struct record_def *def = def_of(Py_TYPE(self));
    PyObject *text = NULL;
    Py_ssize_t i;

    if (def == NULL) {
        return NULL;
    }
    text = PyUnicode_FromFormat("%s(", strrchr(def->name, '.') + 1);
    for (i = 0; text != NULL && i < PyTuple_GET_SIZE(self); i++) {
        PyObject *longer =
            PyUnicode_FromFormat("%U%s%s=%R", text, i == 0 ? "" : ", ",
                                 def->fields[i], PyTuple_GET_ITEM(self, i));

        Py_SETREF(text, longer);
    }
    if (text != NULL) {
        Py_SETREF(text, PyUnicode_FromFormat("%U)", text));
    }
    return text;
}

static PyObject *
record_reduce(PyObject *self, PyObject *Py_UNUSED(ignored))
{
    PyObject *args = PyTuple_GetSlice(self, 0, PyTuple_GET_SIZE(self));

    if (args == NULL) {
        return NULL;
    }
    return Py_BuildValue("(ON)", Py_TYPE(self), args);
}

static PyMethodDef record_methods[] = {
    {"__reduce__", record_reduce, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

int
record_set_match_args(PyTypeObject *type, const char *const *fields)
{
    PyObject *names;
    Py_ssize_t n = 0, i;
    int result;

    while (fields[n] != NULL) {
        n++;
    }
    names = PyTuple_New(n);
    for (i = 0; names != NULL && i < n; i++) {
        PyObject *name = PyUnicode_InternFromString(fields[i]);

        if (name == NULL) {
            Py_CLEAR(names);
        } else {
            PyTuple_SET_ITEM(names, i, name);
        }
    }
    if (names == NULL) {
        return -1;
    }
    /* The type is immutable already; nobody has seen it yet. */
    result = PyDict_SetItemString(type->tp_dict, "__match_args__", names);
    Py_DECREF(names);
    PyType_Modified(type);
    return result;
}

static PyTypeObject *
create_type(const struct record_def *def, PyObject *module)
{
    /* Members, not getters: these the interpreter reads without a call.  The
     * type has a copy of the table. */
    PyMemberDef members[RECORD_MAX_FIELDS + 1] = {{NULL, 0, 0, 0, NULL}};
    PyType_Slot slots[] = {
        {Py_tp_doc, (void *)def->doc},
        {Py_tp_new, record_tp_new},
        {Py_tp_traverse, record_traverse},
        {Py_tp_repr, record_repr},
        {Py_tp_members, members},
        {Py_tp_methods, record_methods},
        {0, NULL},
    };
    PyType_Spec spec = {
        .name = def->name,
        .flags =
            Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE,
        .slots = slots,
    };
    PyObject *type = NULL;
    size_t i, n = field_count(def);

    for (i = 0; i < n; i++) {
        members[i] = (PyMemberDef){
            .name = def->fields[i],
            .type = T_OBJECT_EX,
            .offset = (Py_ssize_t)(offsetof(PyTupleObject, ob_item) +
                                   i * sizeof(PyObject *)),
            .flags = READONLY,
            .doc = def->field_docs[i],
        };
    }
    type = PyType_FromModuleAndSpec(module, &spec, (PyObject *)&PyTuple_Type);
    if (type != NULL &&
        record_set_match_args((PyTypeObject *)type, def->fields) < 0) {
        Py_CLEAR(type);
    }
    return (PyTypeObject *)type;
}

int
record_init(struct core_state *state, PyObject *module)
{
    int i;

    for (i = 0; i < RECORD_TYPES; i++) {
        PyTypeObject *type = create_type(&defs[i], module);

        if (type == NULL) {
            return -1;
        }
        state->types[TYPE_CHANGE + i] = type;
        if (PyModule_AddType(module, type) < 0) {
            return -1;
        }
    }
    return 0;
}
