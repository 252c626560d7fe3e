/* Update: what a consumer gets for one event.  One small object; everything
 * it shows is made when it is asked for. */
#include "update.h"

#include "changes.h"
#include "convert.h"
#include "guard.h"
#include "shared.h"
#include "view.h"

struct update_object {
    PyObject_HEAD
    sgo_update *update;
    PyTypeObject *event_type;
    PyObject *stream; /* NULL: of no stream (Event.diff) */
    PyObject *event;  /* made at the first use, like the next two */
    PyObject *previous;
    PyObject *event_id;
    PyObject *weakrefs;
    unsigned generation;
};

static struct update_object *
update_of(PyObject *self)
{
    return (struct update_object *)self;
}

PyObject *
update_wrap(PyTypeObject *type, PyTypeObject *event_type, sgo_update *update,
            PyObject *stream)
{
    struct update_object *self = NULL;

    if (type == NULL || event_type == NULL) {
        PyErr_SetString(PyExc_RuntimeError, "the client is being destroyed");
    } else {
        self = update_of(type->tp_alloc(type, 0));
    }
    if (self == NULL) {
        sgo_update_release(update);
        return NULL;
    }
    self->update = update;
    self->event_type = (PyTypeObject *)Py_NewRef((PyObject *)event_type);
    self->stream = Py_XNewRef(stream);
    self->generation = guard_generation();
    return (PyObject *)self;
}

static int
update_traverse(PyObject *op, visitproc visit, void *arg)
{
    struct update_object *self = update_of(op);

    Py_VISIT(Py_TYPE(op));
    Py_VISIT(self->event_type);
    Py_VISIT(self->stream);
    Py_VISIT(self->event);
    Py_VISIT(self->previous);
    Py_VISIT(self->event_id);
    return 0;
}

/* event_type stays: attributes need it as long as the object can be seen, and
 * a cycle through it also leads through the stream or the type itself. */
static int
update_clear(PyObject *op)
{
    struct update_object *self = update_of(op);

    Py_CLEAR(self->stream);
    Py_CLEAR(self->event);
    Py_CLEAR(self->previous);
    Py_CLEAR(self->event_id);
    return 0;
}

static void
update_dealloc(PyObject *op)
{
    struct update_object *self = update_of(op);
    PyTypeObject *type = Py_TYPE(op);

    PyObject_GC_UnTrack(op);
    if (self->weakrefs != NULL) {
        PyObject_ClearWeakRefs(op);
    }
    update_clear(op);
    Py_CLEAR(self->event_type);
    if (self->update != NULL && self->generation == guard_generation()) {
        sgo_update_release(self->update);
    }
    type->tp_free(op);
    Py_DECREF(type);
}

sgo_update *
update_handle(PyObject *update)
{
    return update_of(update)->update;
}

PyObject *
update_event_id(PyObject *op)
{
    struct update_object *self = update_of(op);
    PyObject *held = shared_peek(&self->event_id);

    if (held != NULL) {
        return held;
    }
    return shared_fill(&self->event_id, convert_utf8(sgo_event_id(
                                            sgo_update_event(self->update))));
}

/* --- attributes ----------------------------------------------------------- */

static PyObject *
get_kind(PyObject *self, void *Py_UNUSED(closure))
{
    struct core_state *state = state_of(self);

    if (state == NULL) {
        return NULL;
    }
    return Py_NewRef(
        state->update_kinds[sgo_update_get_kind(update_handle(self))]);
}

static PyObject *
get_cause(PyObject *self, void *Py_UNUSED(closure))
{
    struct core_state *state = state_of(self);

    if (state == NULL) {
        return NULL;
    }
    return Py_NewRef(state->causes[sgo_update_get_cause(update_handle(self))]);
}

static PyObject *
get_event(PyObject *op, void *Py_UNUSED(closure))
{
    struct update_object *self = update_of(op);
    PyObject *held = shared_peek(&self->event);

    if (held == NULL) {
        held = shared_fill(
            &self->event,
            view_new_event(self->event_type, sgo_update_event(self->update)));
    }
    return Py_XNewRef(held);
}

static PyObject *
get_previous(PyObject *op, void *Py_UNUSED(closure))
{
    struct update_object *self = update_of(op);
    sgo_event *previous = sgo_update_previous(self->update);
    PyObject *held = shared_peek(&self->previous);

    if (previous == NULL) {
        Py_RETURN_NONE;
    }
    if (held == NULL) {
        held = shared_fill(&self->previous,
                           view_new_event(self->event_type, previous));
    }
    return Py_XNewRef(held);
}

PyObject *
update_event_of(PyObject *op, sgo_value root)
{
    struct update_object *self = update_of(op);

    if (root.event == sgo_update_event(self->update)) {
        return get_event(op, NULL);
    }
    if (root.event == sgo_update_previous(self->update)) {
        return get_previous(op, NULL);
    }
    return view_new(self->event_type, root);
}

static PyObject *
get_event_id(PyObject *self, void *Py_UNUSED(closure))
{
    return Py_XNewRef(update_event_id(self));
}

/* changes, quotes, consensus: closure is the enum changes_kind. */
static PyObject *
get_changes(PyObject *self, void *closure)
{
    return changes_new(state_of(self), self,
                       (enum changes_kind)(intptr_t)closure);
}

static PyObject *
get_skipped(PyObject *self, void *Py_UNUSED(closure))
{
    return PyLong_FromUnsignedLongLong(
        sgo_update_skipped(update_handle(self)));
}

static PyObject *
get_stale(PyObject *self, void *Py_UNUSED(closure))
{
    return PyBool_FromLong(sgo_update_stale(update_handle(self)));
}

static PyObject *
get_stream(PyObject *self, void *Py_UNUSED(closure))
{
    PyObject *stream = update_of(self)->stream;

    return Py_NewRef(stream == NULL ? Py_None : stream);
}

static PyObject *
get_times(PyObject *self, void *Py_UNUSED(closure))
{
    struct core_state *state = state_of(self);

    if (state == NULL) {
        return NULL;
    }
    return convert_times(state, sgo_update_times(update_handle(self)));
}

static PyObject *
update_repr(PyObject *self)
{
    PyObject *kind = get_kind(self, NULL), *text;

    if (kind == NULL) {
        return NULL;
    }
    if (update_event_id(self) == NULL) {
        Py_DECREF(kind);
        return NULL;
    }
    text = PyUnicode_FromFormat("<Update %U %U>", kind, update_event_id(self));
    Py_DECREF(kind);
    return text;
}

static PyGetSetDef update_getset[] = {
    {"kind", get_kind, NULL, "'added', 'changed' or 'removed'.", NULL},
    {"cause", get_cause, NULL,
     "'snapshot', 'notification', 'resync', 'poll' or 'expiry'.", NULL},
    {"event", get_event, NULL, "The new version; for 'removed' the last one.",
     NULL},
    {"previous", get_previous, NULL, "The version delivered before, or None.",
     NULL},
    {"event_id", get_event_id, NULL, "The eventID.", NULL},
    {"changes", get_changes, NULL, "Sequence of Change.",
     (void *)(intptr_t)CHANGES_ALL},
    {"quotes", get_changes, NULL, "Sequence of QuoteChange.",
     (void *)(intptr_t)CHANGES_QUOTES},
    {"consensus", get_changes, NULL, "Sequence of ConsensusChange.",
     (void *)(intptr_t)CHANGES_CONSENSUS},
    {"skipped", get_skipped, NULL, "Versions conflated away.", NULL},
    {"stale", get_stale, NULL, "True while not proven current.", NULL},
    {"stream", get_stream, NULL, "Whose it is; None: of no stream.", NULL},
    {"times", get_times, NULL, "Times of its way.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyMemberDef update_members[] = {
    {"__weaklistoffset__", T_PYSSIZET,
     offsetof(struct update_object, weakrefs), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

PyDoc_STRVAR(update_doc, "What happened to one event, for one consumer.");

static PyType_Slot update_slots[] = {
    {Py_tp_doc, (void *)update_doc},   {Py_tp_dealloc, update_dealloc},
    {Py_tp_traverse, update_traverse}, {Py_tp_clear, update_clear},
    {Py_tp_repr, update_repr},         {Py_tp_getset, update_getset},
    {Py_tp_members, update_members},   {0, NULL},
};

PyType_Spec update_spec = {
    .name = "sgostream._core.Update",
    .basicsize = sizeof(struct update_object),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_BASETYPE |
             Py_TPFLAGS_IMMUTABLETYPE | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = update_slots,
};
