/* What all views share, and ObjectView: a JSON object as a Mapping. */
#include "view.h"

#include "convert.h"
#include "guard.h"
#include "members.h"

/* Comparing more bytes than this is done without the GIL. */
enum { DETACH_BYTES = 16384 };
/* So much of its JSON stands in a view's repr. */
enum { REPR_BYTES = 160 };

PyObject *
view_new(PyTypeObject *type, sgo_value value)
{
    struct view_object *self;

    if (type == NULL) {
        PyErr_SetString(PyExc_RuntimeError, "the module is being unloaded");
        return NULL;
    }
    self = (struct view_object *)type->tp_alloc(type, 0);
    if (self == NULL) {
        return NULL;
    }
    sgo_event_retain((sgo_event *)value.event);
    self->value = value;
    self->len = -1;
    self->generation = guard_generation();
    return (PyObject *)self;
}

PyObject *
view_new_event(PyTypeObject *type, sgo_event *event)
{
    return view_new(type, sgo_event_root(event));
}

bool
view_value(struct core_state *state, PyObject *obj, sgo_value *value)
{
    if (!PyObject_TypeCheck(obj, state->types[TYPE_OBJECT_VIEW]) &&
        !Py_IS_TYPE(obj, state->types[TYPE_ARRAY_VIEW])) {
        return false;
    }
    *value = ((struct view_object *)obj)->value;
    return true;
}

int
view_traverse(PyObject *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    return 0;
}

void
view_dealloc(PyObject *op)
{
    struct view_object *self = (struct view_object *)op;
    PyTypeObject *type = Py_TYPE(op);

    PyObject_GC_UnTrack(op);
    if (self->weakrefs != NULL) {
        PyObject_ClearWeakRefs(op);
    }
    if (self->value.event != NULL && self->generation == guard_generation()) {
        sgo_event_release((sgo_event *)self->value.event);
    }
    type->tp_free(op);
    Py_DECREF(type);
}

Py_ssize_t
view_length(PyObject *op)
{
    struct view_object *self = (struct view_object *)op;

    Py_ssize_t len = __atomic_load_n(&self->len, __ATOMIC_RELAXED);

    if (len < 0) {
        len = (Py_ssize_t)sgo_value_len(self->value);
        __atomic_store_n(&self->len, len, __ATOMIC_RELAXED);
    }
    return len;
}

/* Two views, of which large ones are compared detached. */
static int
views_equal(sgo_value a, sgo_value b)
{
    bool equal = false;
    sgo_status status;

    if (sgo_value_json(a).len < DETACH_BYTES) {
        status = sgo_value_equal(a, b, &equal);
    } else {
        Py_BEGIN_ALLOW_THREADS
        status = sgo_value_equal(a, b, &equal);
        Py_END_ALLOW_THREADS
    }
    if (status != SGO_OK) {
        PyErr_NoMemory();
        return -1;
    }
    return equal;
}

PyObject *
view_compare(PyObject *op, PyObject *other, int operation)
{
    struct core_state *state = state_of(op);
    sgo_value value = ((struct view_object *)op)->value, other_value;
    int equal;

    if (state == NULL) {
        return NULL;
    }
    if (operation != Py_EQ && operation != Py_NE) {
        Py_RETURN_NOTIMPLEMENTED;
    }
    if (op == other) {
        equal = 1;
    } else if (view_value(state, other, &other_value)) {
        equal = views_equal(value, other_value);
    } else if (PyDict_Check(other) || PyList_Check(other)) {
        equal = convert_equal(state, value, other);
    } else {
        Py_RETURN_NOTIMPLEMENTED;
    }
    if (equal < 0) {
        return NULL;
    }
    return PyBool_FromLong(equal == (operation == Py_EQ));
}

PyObject *
view_self(PyObject *self, PyObject *Py_UNUSED(ignored))
{
    return Py_NewRef(self);
}

PyObject *
view_deepcopy(PyObject *self, PyObject *Py_UNUSED(memo))
{
    return Py_NewRef(self);
}

PyObject *
view_json(PyObject *self, PyObject *Py_UNUSED(ignored))
{
    sgo_text json = sgo_value_json(((struct view_object *)self)->value);

    return PyBytes_FromStringAndSize(json.bytes, (Py_ssize_t)json.len);
}

PyObject *
view_plain(PyObject *self, PyObject *Py_UNUSED(ignored))
{
    struct core_state *state = state_of(self);

    if (state == NULL) {
        return NULL;
    }
    return convert_plain(state, ((struct view_object *)self)->value);
}

/* A pickled view is plain: it carries its subtree, not the event. */
PyObject *
view_reduce(PyObject *self, PyObject *Py_UNUSED(ignored))
{
    struct core_state *state = state_of(self);
    PyObject *json;

    if (state == NULL) {
        return NULL;
    }
    json = view_json(self, NULL);
    if (json == NULL) {
        return NULL;
    }
    return Py_BuildValue("(O(N))", state->json_loads, json);
}

/* <ObjectView {"odds":"-110",...}> */
PyObject *
view_repr(PyObject *self)
{
    sgo_text json = sgo_value_json(((struct view_object *)self)->value);
    bool cut = json.len > REPR_BYTES;
    const char *name = strrchr(Py_TYPE(self)->tp_name, '.');
    PyObject *text, *result;

    text = PyUnicode_DecodeUTF8(
        json.bytes, cut ? REPR_BYTES : (Py_ssize_t)json.len, "ignore");
    if (text == NULL) {
        return NULL;
    }
    result = PyUnicode_FromFormat(
        "<%s %U%s>", name == NULL ? Py_TYPE(self)->tp_name : name + 1, text,
        cut ? "..." : "");
    Py_DECREF(text);
    return result;
}

/* --- ObjectView --------------------------------------------------------- */

int
view_find(PyObject *op, PyObject *key, sgo_value *out)
{
    const char *bytes;
    Py_ssize_t len;
    PyObject *owner;
    sgo_status status;

    if (!PyUnicode_Check(key)) {
        return 0;
    }
    if (convert_key_bytes(key, &bytes, &len, &owner) < 0) {
        return -1;
    }
    status = sgo_value_get(((struct view_object *)op)->value, bytes,
                           (size_t)len, out);
    Py_XDECREF(owner);
    if (status == SGO_NO_MEMORY) {
        PyErr_NoMemory();
        return -1;
    }
    return status == SGO_OK;
}

static PyObject *
object_subscript(PyObject *self, PyObject *key)
{
    struct core_state *state = state_of(self);
    sgo_value value;
    int found;

    if (state == NULL) {
        return NULL;
    }
    found = view_find(self, key, &value);
    if (found > 0) {
        return convert_value(state, value);
    }
    if (found == 0) {
        PyErr_SetObject(PyExc_KeyError, key);
    }
    return NULL;
}

static int
object_contains(PyObject *self, PyObject *key)
{
    sgo_value value;

    return view_find(self, key, &value);
}

PyDoc_STRVAR(object_get_doc,
             "get($self, key, default=None, /)\n--\n\n"
             "The member's value, or default where there is none.");

static PyObject *
object_get(PyObject *self, PyObject *const *args, Py_ssize_t nargs)
{
    struct core_state *state = state_of(self);
    sgo_value value;
    int found;

    if (state == NULL) {
        return NULL;
    }
    if (nargs < 1 || nargs > 2) {
        PyErr_Format(PyExc_TypeError,
                     "get() takes 1 or 2 arguments (%zd given)", nargs);
        return NULL;
    }
    found = view_find(self, args[0], &value);
    if (found < 0) {
        return NULL;
    }
    if (found > 0) {
        return convert_value(state, value);
    }
    return Py_NewRef(nargs == 2 ? args[1] : Py_None);
}

static PyObject *
object_iter(PyObject *self)
{
    return members_iterate(state_of(self), self, MEMBERS_KEYS);
}

static PyObject *
object_keys(PyObject *self, PyObject *Py_UNUSED(ignored))
{
    return members_new(state_of(self), self, TYPE_KEYS);
}

static PyObject *
object_values(PyObject *self, PyObject *Py_UNUSED(ignored))
{
    return members_new(state_of(self), self, TYPE_VALUES);
}

static PyObject *
object_items(PyObject *self, PyObject *Py_UNUSED(ignored))
{
    return members_new(state_of(self), self, TYPE_ITEMS);
}

PyDoc_STRVAR(keys_doc, "keys($self, /)\n--\n\nA set-like view of the keys.");
PyDoc_STRVAR(values_doc, "values($self, /)\n--\n\nA view of the values.");
PyDoc_STRVAR(items_doc,
             "items($self, /)\n--\n\nA set-like view of (key, value).");
PyDoc_STRVAR(json_doc, "json($self, /)\n--\n\nThe JSON text as bytes.");
PyDoc_STRVAR(copy_doc,
             "copy($self, /)\n--\n\nA plain dict, detached from the event.");
PyDoc_STRVAR(to_dict_doc, "to_dict($self, /)\n--\n\n"
                          "A plain dict, detached from the event.");

static PyMethodDef object_methods[] = {
    {"get", METHOD(object_get), METH_FASTCALL, object_get_doc},
    {"keys", object_keys, METH_NOARGS, keys_doc},
    {"values", object_values, METH_NOARGS, values_doc},
    {"items", object_items, METH_NOARGS, items_doc},
    {"json", view_json, METH_NOARGS, json_doc},
    {"copy", view_plain, METH_NOARGS, copy_doc},
    {"to_dict", view_plain, METH_NOARGS, to_dict_doc},
    {"__copy__", view_self, METH_NOARGS, NULL},
    {"__deepcopy__", view_deepcopy, METH_O, NULL},
    {"__reduce__", view_reduce, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef view_members[] = {
    {"__weaklistoffset__", T_PYSSIZET, offsetof(struct view_object, weakrefs),
     READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

PyDoc_STRVAR(object_doc,
             "A JSON object inside an event: an immutable Mapping over C\n"
             "memory, which converts only what is touched and keeps the\n"
             "event alive.");

static PyType_Slot object_slots[] = {
    {Py_tp_doc, (void *)object_doc},
    {Py_tp_dealloc, view_dealloc},
    {Py_tp_traverse, view_traverse},
    {Py_tp_repr, view_repr},
    {Py_tp_richcompare, view_compare},
    {Py_tp_hash, PyObject_HashNotImplemented},
    {Py_tp_iter, object_iter},
    {Py_tp_methods, object_methods},
    {Py_tp_members, view_members},
    {Py_mp_length, view_length},
    {Py_mp_subscript, object_subscript},
    {Py_sq_contains, object_contains},
    {0, NULL},
};

PyType_Spec object_view_spec = {
    .name = "sgostream._core.ObjectView",
    .basicsize = sizeof(struct view_object),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_BASETYPE |
             Py_TPFLAGS_IMMUTABLETYPE | Py_TPFLAGS_DISALLOW_INSTANTIATION |
             Py_TPFLAGS_MAPPING,
    .slots = object_slots,
};
