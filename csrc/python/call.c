/* Call: one fetch or usage request. */
#include "client.h"

#include "args.h"
#include "convert.h"
#include "errors.h"
#include "guard.h"
#include "view.h"
#include "wait.h"

struct call_object {
    PyObject_HEAD
    sgo_call *call;
    struct client_object *client;
    PyObject *weakrefs;
};

static struct call_object *
call_of(PyObject *self)
{
    return (struct call_object *)self;
}

PyObject *
call_new(struct core_state *state, struct client_object *client,
         sgo_call *call)
{
    PyTypeObject *type = state->types[TYPE_CALL];
    struct call_object *self = call_of(type->tp_alloc(type, 0));

    if (self == NULL) {
        sgo_call_release(call);
        return NULL;
    }
    self->call = call;
    self->client = (struct client_object *)Py_NewRef((PyObject *)client);
    return (PyObject *)self;
}

static int
call_traverse(PyObject *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(call_of(self)->client);
    return 0;
}

/* No tp_clear: a client never leads back to a call. */
static void
call_dealloc(PyObject *op)
{
    struct call_object *self = call_of(op);
    PyTypeObject *type = Py_TYPE(op);

    PyObject_GC_UnTrack(op);
    if (self->weakrefs != NULL) {
        PyObject_ClearWeakRefs(op);
    }
    if (guard_owns(self->client)) {
        sgo_call_release(self->call);
    }
    Py_CLEAR(self->client);
    type->tp_free(op);
    Py_DECREF(type);
}

PyDoc_STRVAR(wait_doc, "wait($self, /, timeout=None)\n--\n\n"
                       "Wait for the answer; raises what it came to.");

static PyObject *
call_wait(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
          PyObject *kwnames)
{
    static const char *const names[] = {"timeout", NULL};
    struct core_state *state = state_of(self);
    sgo_call *call = call_of(self)->call;
    sgo_error err = {.retry_after_ns = -1};
    PyObject *timeout;
    sgo_status status;
    struct wait wait;
    bool interrupted;

    if (state == NULL ||
        args_parse("wait", args, nargs, kwnames, names, 0, 1, &timeout) < 0 ||
        guard_client(call_of(self)->client, REQUIRE_OWNER_PROCESS, "wait") <
            0 ||
        wait_begin(&wait, state, timeout) < 0) {
        return NULL;
    }
    WAIT(status, interrupted, &wait, sgo_call_wait(call, slice_end, &err));
    return wait_end(&wait, state, interrupted, status, "no answer", &err);
}

/* The results may be read: 0, or -1 with what wait() would raise. */
static int
require_done(PyObject *self, struct core_state *state, const char *name)
{
    sgo_error err = {.retry_after_ns = -1};
    sgo_status status;

    if (state == NULL ||
        guard_client(call_of(self)->client, REQUIRE_OWNER_PROCESS, name) < 0) {
        return -1;
    }
    Py_BEGIN_ALLOW_THREADS
    status = sgo_call_wait(call_of(self)->call, 0, &err);
    Py_END_ALLOW_THREADS
    if (status == SGO_OK) {
        return 0;
    }
    if (status == SGO_TIMEOUT) {
        PyErr_SetString(PyExc_RuntimeError,
                        "the answer is not there yet: wait() first");
    } else {
        errors_raise(state, status, &err);
    }
    return -1;
}

static PyObject *
get_events(PyObject *self, void *Py_UNUSED(closure))
{
    const sgo_call *call = call_of(self)->call;
    PyTypeObject *type = call_of(self)->client->event_type;
    PyObject *list;
    size_t i, n;

    if (require_done(self, state_of(self), "events") < 0) {
        return NULL;
    }
    n = sgo_call_event_count(call);
    list = PyList_New((Py_ssize_t)n);
    for (i = 0; list != NULL && i < n; i++) {
        PyObject *event = view_new_event(type, sgo_call_event(call, i));

        if (event == NULL) {
            Py_CLEAR(list);
        } else {
            PyList_SET_ITEM(list, (Py_ssize_t)i, event);
        }
    }
    return list;
}

static PyObject *
get_json(PyObject *self, void *Py_UNUSED(closure))
{
    sgo_text json;

    if (require_done(self, state_of(self), "json") < 0) {
        return NULL;
    }
    json = sgo_call_json(call_of(self)->call);
    return convert_utf8(json);
}

PyDoc_STRVAR(fileno_doc, "fileno($self, /)\n--\n\n"
                         "A descriptor that turns readable with the answer;\n"
                         "it belongs to the call.");

static PyObject *
call_fileno(PyObject *self, PyObject *Py_UNUSED(ignored))
{
    int fd, saved;

    if (guard_client(call_of(self)->client, REQUIRE_OWNER_PROCESS, "fileno") <
        0) {
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS
    fd = sgo_call_fd(call_of(self)->call);
    saved = errno;
    Py_END_ALLOW_THREADS
    return convert_fd(fd, saved);
}

PyDoc_STRVAR(cancel_doc, "cancel($self, /)\n--\n\n"
                         "Withdraw it: nothing is tried any more, and who\n"
                         "waits gets a ClosedError.  Done calls stay done.");

static PyObject *
call_cancel(PyObject *self, PyObject *Py_UNUSED(ignored))
{
    if (guard_client(call_of(self)->client, REQUIRE_OWNER_PROCESS, "cancel") <
        0) {
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS
    sgo_call_cancel(call_of(self)->call);
    Py_END_ALLOW_THREADS
    Py_RETURN_NONE;
}

static PyMethodDef call_methods[] = {
    {"wait", METHOD(call_wait), METH_FASTCALL | METH_KEYWORDS, wait_doc},
    {"cancel", call_cancel, METH_NOARGS, cancel_doc},
    {"fileno", call_fileno, METH_NOARGS, fileno_doc},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef call_getset[] = {
    {"events", get_events, NULL, "The events found, as a list.", NULL},
    {"json", get_json, NULL, "The JSON text of the answer's data.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyMemberDef call_members[] = {
    {"__weaklistoffset__", T_PYSSIZET, offsetof(struct call_object, weakrefs),
     READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

PyDoc_STRVAR(call_doc, "One request outside any stream, under way or done.");

static PyType_Slot call_slots[] = {
    {Py_tp_doc, (void *)call_doc},
    {Py_tp_dealloc, call_dealloc},
    {Py_tp_traverse, call_traverse},
    {Py_tp_methods, call_methods},
    {Py_tp_getset, call_getset},
    {Py_tp_members, call_members},
    {0, NULL},
};

PyType_Spec call_spec = {
    .name = "sgostream._core.Call",
    .basicsize = sizeof(struct call_object),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC |
             Py_TPFLAGS_IMMUTABLETYPE | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = call_slots,
};
