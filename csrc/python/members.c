/* The member views and the iterator.
 *
 * Sets are made of the views for the set operations: an operation on plain
 * sets follows.  That costs what it says; iteration, length and `in` cost no
 * more than the view's own. */
#include "members.h"

#include "convert.h"
#include "guard.h"
#include "shared.h"
#include "view.h"

/* --- iterator ------------------------------------------------------------ */

struct iterator_object {
    PyObject_HEAD
    PyObject *view; /* NULL once exhausted */
    sgo_iter iter;
    enum members_kind kind;
};

PyObject *
members_iterate(struct core_state *state, PyObject *view,
                enum members_kind kind)
{
    PyTypeObject *type;
    struct iterator_object *self;

    if (state == NULL) {
        return NULL;
    }
    type = state->types[TYPE_VIEW_ITERATOR];
    self = (struct iterator_object *)type->tp_alloc(type, 0);
    if (self == NULL) {
        return NULL;
    }
    self->view = Py_NewRef(view);
    self->kind = kind;
    sgo_iter_init(&self->iter, ((struct view_object *)view)->value);
    return (PyObject *)self;
}

static int
iterator_traverse(PyObject *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(((struct iterator_object *)self)->view);
    return 0;
}

static int
iterator_clear(PyObject *self)
{
    Py_CLEAR(((struct iterator_object *)self)->view);
    return 0;
}

static void
iterator_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);

    PyObject_GC_UnTrack(self);
    iterator_clear(self);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyObject *
iterator_next_lock_held(PyObject *op)
{
    struct iterator_object *self = (struct iterator_object *)op;
    struct core_state *state;
    sgo_text raw;
    sgo_value value;
    PyObject *key, *item;

    if (self->view == NULL) {
        return NULL;
    }
    if (!sgo_iter_next(&self->iter, &raw, &value)) {
        Py_CLEAR(self->view);
        return NULL;
    }
    state = state_of(op);
    if (state == NULL) {
        return NULL;
    }
    if (self->kind == MEMBERS_KEYS) {
        return convert_key(state, raw);
    }
    item = convert_value(state, value);
    if (self->kind == MEMBERS_VALUES || item == NULL) {
        return item;
    }
    key = convert_key(state, raw);
    if (key == NULL) {
        Py_DECREF(item);
        return NULL;
    }
    return Py_BuildValue("(NN)", key, item);
}

static PyObject *
iterator_next(PyObject *op)
{
    PyObject *item;

    SHARED_BEGIN(op);
    item = iterator_next_lock_held(op);
    SHARED_END();
    return item;
}

PyDoc_STRVAR(iterator_doc, "The iterator of all views.");

static PyType_Slot iterator_slots[] = {
    {Py_tp_doc, (void *)iterator_doc},
    {Py_tp_dealloc, iterator_dealloc},
    {Py_tp_traverse, iterator_traverse},
    {Py_tp_clear, iterator_clear},
    {Py_tp_iter, PyObject_SelfIter},
    {Py_tp_iternext, iterator_next},
    {0, NULL},
};

PyType_Spec view_iterator_spec = {
    .name = "sgostream._core.ViewIterator",
    .basicsize = sizeof(struct iterator_object),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC |
             Py_TPFLAGS_IMMUTABLETYPE | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = iterator_slots,
};

/* --- keys, values, items ------------------------------------------------- */

struct members_object {
    PyObject_HEAD
    PyObject *view;
};

static PyObject *
view_of(PyObject *self)
{
    return ((struct members_object *)self)->view;
}

PyObject *
members_new(struct core_state *state, PyObject *view, enum type_id id)
{
    PyTypeObject *type;
    PyObject *self;

    if (state == NULL) {
        return NULL;
    }
    type = state->types[id];
    self = type->tp_alloc(type, 0);
    if (self != NULL) {
        ((struct members_object *)self)->view = Py_NewRef(view);
    }
    return self;
}

static int
members_traverse(PyObject *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(view_of(self));
    return 0;
}

static int
members_clear(PyObject *self)
{
    Py_CLEAR(((struct members_object *)self)->view);
    return 0;
}

static void
members_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);

    PyObject_GC_UnTrack(self);
    members_clear(self);
    type->tp_free(self);
    Py_DECREF(type);
}

static Py_ssize_t
members_length(PyObject *self)
{
    return view_length(view_of(self));
}

static PyObject *
keys_iter(PyObject *self)
{
    return members_iterate(state_of(self), view_of(self), MEMBERS_KEYS);
}

static PyObject *
values_iter(PyObject *self)
{
    return members_iterate(state_of(self), view_of(self), MEMBERS_VALUES);
}

static PyObject *
items_iter(PyObject *self)
{
    return members_iterate(state_of(self), view_of(self), MEMBERS_ITEMS);
}

static int
keys_contains(PyObject *self, PyObject *key)
{
    sgo_value value;

    return view_find(view_of(self), key, &value);
}

static int
values_contains(PyObject *self, PyObject *wanted)
{
    struct core_state *state = state_of(self);
    sgo_iter iter;
    sgo_text raw;
    sgo_value value;
    int equal = 0;

    if (state == NULL) {
        return -1;
    }
    sgo_iter_init(&iter, ((struct view_object *)view_of(self))->value);
    while (equal == 0 && sgo_iter_next(&iter, &raw, &value)) {
        equal = convert_equal(state, value, wanted);
    }
    return equal;
}

static int
items_contains(PyObject *self, PyObject *item)
{
    struct core_state *state = state_of(self);
    sgo_value value;
    int found;

    if (state == NULL) {
        return -1;
    }
    if (!PyTuple_Check(item) || PyTuple_GET_SIZE(item) != 2) {
        return 0;
    }
    found = view_find(view_of(self), PyTuple_GET_ITEM(item, 0), &value);
    if (found <= 0) {
        return found;
    }
    return convert_equal(state, value, PyTuple_GET_ITEM(item, 1));
}

static PyObject *
members_repr(PyObject *self)
{
    PyObject *list = PySequence_List(self), *text;
    const char *name = strrchr(Py_TYPE(self)->tp_name, '.') + 1;

    if (list == NULL) {
        return NULL;
    }
    text = PyUnicode_FromFormat("%s(%R)", name, list);
    Py_DECREF(list);
    return text;
}

/* --- as sets ------------------------------------------------------------- */

typedef PyObject *(*set_operation)(PyObject *, PyObject *);

/* operation(set(a), set(b)); either may be a view, the other any iterable. */
static PyObject *
operate(PyObject *a, PyObject *b, set_operation operation)
{
    PyObject *left = PySet_New(a), *right, *result;

    if (left == NULL) {
        return NULL;
    }
    right = PySet_New(b);
    result = right == NULL ? NULL : operation(left, right);
    Py_DECREF(left);
    Py_XDECREF(right);
    return result;
}

static PyObject *
members_and(PyObject *a, PyObject *b)
{
    return operate(a, b, PyNumber_And);
}

static PyObject *
members_or(PyObject *a, PyObject *b)
{
    return operate(a, b, PyNumber_Or);
}

static PyObject *
members_xor(PyObject *a, PyObject *b)
{
    return operate(a, b, PyNumber_Xor);
}

static PyObject *
members_subtract(PyObject *a, PyObject *b)
{
    return operate(a, b, PyNumber_Subtract);
}

/* True when every item of a is in b. */
static int
contained(PyObject *a, PyObject *b)
{
    PyObject *iterator = PyObject_GetIter(a), *item;
    int result = 1;

    if (iterator == NULL) {
        return -1;
    }
    while (result == 1 && (item = PyIter_Next(iterator)) != NULL) {
        result = PySequence_Contains(b, item);
        Py_DECREF(item);
    }
    Py_DECREF(iterator);
    return PyErr_Occurred() ? -1 : result;
}

static bool
is_set(struct core_state *state, PyObject *obj)
{
    return PyAnySet_Check(obj) || PyDictKeys_Check(obj) ||
           PyDictItems_Check(obj) ||
           Py_IS_TYPE(obj, state->types[TYPE_KEYS]) ||
           Py_IS_TYPE(obj, state->types[TYPE_ITEMS]);
}

static PyObject *
members_compare(PyObject *self, PyObject *other, int op)
{
    struct core_state *state = state_of(self);
    Py_ssize_t n, m;
    int result;

    if (state == NULL) {
        return NULL;
    }
    if (!is_set(state, other)) {
        Py_RETURN_NOTIMPLEMENTED;
    }
    n = members_length(self);
    m = PyObject_Size(other);
    if (m < 0) {
        return NULL;
    }
    switch (op) {
    case Py_LT:
        result = n < m ? contained(self, other) : 0;
        break;
    case Py_LE:
        result = n <= m ? contained(self, other) : 0;
        break;
    case Py_GT:
        result = n > m ? contained(other, self) : 0;
        break;
    case Py_GE:
        result = n >= m ? contained(other, self) : 0;
        break;
    default:
        result = n == m ? contained(self, other) : 0;
        if (op == Py_NE && result >= 0) {
            result = !result;
        }
        break;
    }
    return result < 0 ? NULL : PyBool_FromLong(result);
}

PyDoc_STRVAR(isdisjoint_doc, "isdisjoint($self, other, /)\n--\n\n"
                             "True when no item is also in other.");

static PyObject *
members_isdisjoint(PyObject *self, PyObject *other)
{
    PyObject *iterator = PyObject_GetIter(other), *item;
    int found = 0;

    if (iterator == NULL) {
        return NULL;
    }
    while (found == 0 && (item = PyIter_Next(iterator)) != NULL) {
        found = PySequence_Contains(self, item);
        Py_DECREF(item);
    }
    Py_DECREF(iterator);
    if (found < 0 || PyErr_Occurred()) {
        return NULL;
    }
    return PyBool_FromLong(!found);
}

static PyMethodDef set_methods[] = {
    {"isdisjoint", members_isdisjoint, METH_O, isdisjoint_doc},
    {NULL, NULL, 0, NULL},
};

/* The slots of all three; keys and items have set operations besides. */
#define MEMBERS_SLOTS(iter, contains)                                         \
    {Py_tp_dealloc, members_dealloc}, {Py_tp_traverse, members_traverse},     \
        {Py_tp_clear, members_clear}, {Py_tp_repr, members_repr},             \
        {Py_tp_iter, iter}, {Py_sq_length, members_length},                   \
    {                                                                         \
        Py_sq_contains, contains                                              \
    }

#define SET_SLOTS                                                             \
    {Py_tp_richcompare, members_compare},                                     \
        {Py_tp_hash, PyObject_HashNotImplemented}, {Py_nb_and, members_and},  \
        {Py_nb_or, members_or}, {Py_nb_xor, members_xor},                     \
        {Py_nb_subtract, members_subtract},                                   \
    {                                                                         \
        Py_tp_methods, set_methods                                            \
    }

PyDoc_STRVAR(keys_doc, "A set-like view of the keys of an object.");

static PyType_Slot keys_slots[] = {
    {Py_tp_doc, (void *)keys_doc},
    MEMBERS_SLOTS(keys_iter, keys_contains),
    SET_SLOTS,
    {0, NULL},
};

PyDoc_STRVAR(values_doc, "A view of the values of an object.");

static PyType_Slot values_slots[] = {
    {Py_tp_doc, (void *)values_doc},
    MEMBERS_SLOTS(values_iter, values_contains),
    {0, NULL},
};

PyDoc_STRVAR(items_doc,
             "A set-like view of the (key, value) pairs of an object.");

static PyType_Slot items_slots[] = {
    {Py_tp_doc, (void *)items_doc},
    MEMBERS_SLOTS(items_iter, items_contains),
    SET_SLOTS,
    {0, NULL},
};

#define MEMBERS_FLAGS                                                         \
    (Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE |     \
     Py_TPFLAGS_DISALLOW_INSTANTIATION)

PyType_Spec keys_spec = {
    .name = "sgostream._core.Keys",
    .basicsize = sizeof(struct members_object),
    .flags = MEMBERS_FLAGS,
    .slots = keys_slots,
};

PyType_Spec values_spec = {
    .name = "sgostream._core.Values",
    .basicsize = sizeof(struct members_object),
    .flags = MEMBERS_FLAGS,
    .slots = values_slots,
};

PyType_Spec items_spec = {
    .name = "sgostream._core.Items",
    .basicsize = sizeof(struct members_object),
    .flags = MEMBERS_FLAGS,
    .slots = items_slots,
};
