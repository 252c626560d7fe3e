/* Changes: a lazy Sequence of Change, QuoteChange or ConsensusChange.  An
 * item is made each time it is asked for and belongs to nobody else. */
#include "changes.h"

#include "convert.h"
#include "errors.h"
#include "quote.h"
#include "record.h"
#include "sequence.h"
#include "update.h"

struct changes_object {
    PyObject_HEAD
    PyObject *update;
    Py_ssize_t n;
    enum changes_kind kind;
};

static struct changes_object *
changes_of(PyObject *self)
{
    return (struct changes_object *)self;
}

static sgo_status
count_changes(sgo_update *update, enum changes_kind kind, size_t *n)
{
    switch (kind) {
    case CHANGES_QUOTES:
        return sgo_update_quotes(update, n);
    case CHANGES_CONSENSUS:
        return sgo_update_consensus(update, n);
    default:
        return sgo_update_changes(update, n);
    }
}

PyObject *
changes_new(struct core_state *state, PyObject *update, enum changes_kind kind)
{
    sgo_update *handle = update_handle(update);
    struct changes_object *self;
    sgo_status status;
    PyTypeObject *type;
    size_t n = 0;

    if (state == NULL) {
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS
    status = count_changes(handle, kind, &n);
    Py_END_ALLOW_THREADS
    if (status != SGO_OK) {
        return errors_raise(state, status, NULL);
    }
    type = state->types[TYPE_CHANGES];
    self = changes_of(type->tp_alloc(type, 0));
    if (self == NULL) {
        return NULL;
    }
    self->update = Py_NewRef(update);
    self->n = (Py_ssize_t)n;
    self->kind = kind;
    return (PyObject *)self;
}

static int
changes_traverse(PyObject *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(changes_of(self)->update);
    return 0;
}

static int
changes_clear(PyObject *self)
{
    Py_CLEAR(changes_of(self)->update);
    return 0;
}

static void
changes_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);

    PyObject_GC_UnTrack(self);
    changes_clear(self);
    type->tp_free(self);
    Py_DECREF(type);
}

/* --- items ---------------------------------------------------------------- */

static PyObject *
convert_path(struct core_state *state, const sgo_step *steps, size_t n)
{
    PyObject *path = PyTuple_New((Py_ssize_t)n);
    size_t i;

    for (i = 0; path != NULL && i < n; i++) {
        PyObject *step = steps[i].key.bytes != NULL
                             ? convert_key(state, steps[i].key)
                             : PyLong_FromSize_t(steps[i].position);

        if (step == NULL) {
            Py_CLEAR(path);
        } else {
            PyTuple_SET_ITEM(path, (Py_ssize_t)i, step);
        }
    }
    return path;
}

/* One side of a change; the root is the update's own Event object. */
static PyObject *
convert_side(struct core_state *state, PyObject *update, sgo_value value,
             size_t path_len)
{
    if (path_len == 0 && value.event != NULL) {
        return update_event_of(update, value);
    }
    return convert_value(state, value);
}

static PyObject *
change_item(struct core_state *state, PyObject *update, size_t i)
{
    sgo_update *handle = update_handle(update);
    sgo_step steps[SGO_PATH_MAX];
    size_t n = sgo_update_change_path(handle, i, steps);
    sgo_change change = sgo_update_change(handle, i);

    return record_new(state, TYPE_CHANGE, convert_path(state, steps, n),
                      convert_side(state, update, change.old_value, n),
                      convert_side(state, update, change.new_value, n));
}

static PyObject *
quote_item(struct core_state *state, PyObject *update, size_t i)
{
    sgo_quote_change change = sgo_update_quote(update_handle(update), i);
    PyObject *old_quote = quote_from_value(state, change.old_quote, NULL);

    return record_new(
        state, TYPE_QUOTE_CHANGE, Py_XNewRef(update_event_id(update)),
        convert_key(state, change.odd_id),
        convert_key(state, change.bookmaker_id),
        PyBool_FromLong(change.is_alt_line), old_quote,
        old_quote == NULL
            ? NULL
            : quote_from_value(state, change.new_quote, old_quote));
}

/* None, not MISSING: a consensus value is a plain optional text. */
static PyObject *
convert_optional(struct core_state *state, sgo_value value)
{
    if (sgo_value_type(value) == SGO_TYPE_NONE) {
        Py_RETURN_NONE;
    }
    return convert_value(state, value);
}

static PyObject *
consensus_item(struct core_state *state, PyObject *update, size_t i)
{
    sgo_consensus_change change =
        sgo_update_consensus_change(update_handle(update), i);

    return record_new(
        state, TYPE_CONSENSUS_CHANGE, Py_XNewRef(update_event_id(update)),
        convert_key(state, change.odd_id), convert_key(state, change.field),
        convert_optional(state, change.old_value),
        convert_optional(state, change.new_value));
}

static Py_ssize_t
changes_length(PyObject *self)
{
    return changes_of(self)->n;
}

static PyObject *
changes_item(PyObject *op, Py_ssize_t i)
{
    struct changes_object *self = changes_of(op);
    struct core_state *state = state_of(op);

    if (state == NULL) {
        return NULL;
    }
    if (i < 0 || i >= self->n) {
        PyErr_SetString(PyExc_IndexError, "index out of range");
        return NULL;
    }
    switch (self->kind) {
    case CHANGES_QUOTES:
        return quote_item(state, self->update, (size_t)i);
    case CHANGES_CONSENSUS:
        return consensus_item(state, self->update, (size_t)i);
    default:
        return change_item(state, self->update, (size_t)i);
    }
}

/* A list of the items asked for; the others are not made. */
static PyObject *
changes_slice(PyObject *self, PyObject *key)
{
    Py_ssize_t start, stop, step, n, i;
    PyObject *list;

    if (PySlice_Unpack(key, &start, &stop, &step) < 0) {
        return NULL;
    }
    n = PySlice_AdjustIndices(changes_length(self), &start, &stop, step);
    list = PyList_New(n);
    for (i = 0; list != NULL && i < n; i++) {
        PyObject *item = changes_item(self, start + i * step);

        if (item == NULL) {
            Py_CLEAR(list);
        } else {
            PyList_SET_ITEM(list, i, item);
        }
    }
    return list;
}

static PyObject *
changes_subscript(PyObject *self, PyObject *key)
{
    return sequence_subscript(self, key, changes_slice);
}

/* Equal to a list of equal items, or to another such sequence. */
static PyObject *
changes_compare(PyObject *self, PyObject *other, int op)
{
    PyObject *a, *b, *result = NULL;

    if ((op != Py_EQ && op != Py_NE) ||
        (!PyList_Check(other) && !Py_IS_TYPE(other, Py_TYPE(self)))) {
        Py_RETURN_NOTIMPLEMENTED;
    }
    a = PySequence_List(self);
    b = a == NULL ? NULL : PySequence_List(other);
    if (b != NULL) {
        result = PyObject_RichCompare(a, b, op);
    }
    Py_XDECREF(a);
    Py_XDECREF(b);
    return result;
}

static PyObject *
changes_repr(PyObject *self)
{
    static const char *const names[] = {"changes", "quotes", "consensus"};

    return PyUnicode_FromFormat("<%zd %s>", changes_length(self),
                                names[changes_of(self)->kind]);
}

static PyObject *
changes_count(PyObject *self, PyObject *value)
{
    Py_ssize_t n = PySequence_Count(self, value);

    return n < 0 ? NULL : PyLong_FromSsize_t(n);
}

static PyObject *
changes_index(PyObject *self, PyObject *args)
{
    PyObject *list = PySequence_List(self), *method, *result = NULL;

    if (list == NULL) {
        return NULL;
    }
    method = PyObject_GetAttrString(list, "index");
    if (method != NULL) {
        result = PyObject_Call(method, args, NULL);
        Py_DECREF(method);
    }
    Py_DECREF(list);
    return result;
}

static PyMethodDef changes_methods[] = {
    {"count", changes_count, METH_O, sequence_count_doc},
    {"index", changes_index, METH_VARARGS, sequence_index_doc},
    {"__reversed__", sequence_reversed, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

PyDoc_STRVAR(changes_doc,
             "A read-only sequence whose items are made when asked for.");

static PyType_Slot changes_slots[] = {
    {Py_tp_doc, (void *)changes_doc},
    {Py_tp_dealloc, changes_dealloc},
    {Py_tp_traverse, changes_traverse},
    {Py_tp_clear, changes_clear},
    {Py_tp_repr, changes_repr},
    {Py_tp_richcompare, changes_compare},
    {Py_tp_hash, PyObject_HashNotImplemented},
    {Py_tp_iter, PySeqIter_New},
    {Py_tp_methods, changes_methods},
    {Py_mp_length, changes_length},
    {Py_mp_subscript, changes_subscript},
    {Py_sq_length, changes_length},
    {Py_sq_item, changes_item},
    {0, NULL},
};

PyType_Spec changes_spec = {
    .name = "sgostream._core.Changes",
    .basicsize = sizeof(struct changes_object),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC |
             Py_TPFLAGS_IMMUTABLETYPE | Py_TPFLAGS_DISALLOW_INSTANTIATION |
             Py_TPFLAGS_SEQUENCE,
    .slots = changes_slots,
};
