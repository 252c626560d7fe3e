/* sgostream._core: module object, types, functions.
 *
 * Multi-phase initialisation; each module object has its own state.  Several
 * interpreters that share one GIL may load it.  Interpreters with a GIL of
 * their own and free-threaded builds are not claimed: fields of instances are
 * guarded by the GIL alone. */
#include "state.h"

#include "arrow.h"
#include "convert.h"
#include "errors.h"
#include "guard.h"
#include "quote.h"
#include "record.h"
#include "shared.h"

#include <pythread.h>

struct type_row {
    enum type_id id;
    PyType_Spec *spec;
    int base;        /* a type_id, or -1 */
    const char *abc; /* class of collections.abc to register with, or NULL */
};

static const struct type_row type_rows[] = {
    {TYPE_CLIENT, &client_spec, -1, NULL},
    {TYPE_STREAM, &stream_spec, -1, NULL},
    {TYPE_SUBSCRIPTION, &subscription_spec, -1, NULL},
    {TYPE_CALL, &call_spec, -1, NULL},
    {TYPE_UPDATE, &update_spec, -1, NULL},
    {TYPE_CHANGES, &changes_spec, -1, "Sequence"},
    {TYPE_OBJECT_VIEW, &object_view_spec, -1, "Mapping"},
    {TYPE_EVENT, &event_spec, TYPE_OBJECT_VIEW, NULL},
    {TYPE_ARRAY_VIEW, &array_view_spec, -1, "Sequence"},
    {TYPE_KEYS, &keys_spec, -1, "KeysView"},
    {TYPE_VALUES, &values_spec, -1, "ValuesView"},
    {TYPE_ITEMS, &items_spec, -1, "ItemsView"},
    {TYPE_VIEW_ITERATOR, &view_iterator_spec, -1, NULL},
    {TYPE_QUOTE, &quote_spec, -1, NULL},
    {TYPE_MISSING, &missing_spec, -1, NULL},
};

enum { TYPE_ROWS = sizeof(type_rows) / sizeof(type_rows[0]) };

/* --- functions ----------------------------------------------------------------- */

PyDoc_STRVAR(set_error_factory_doc,
             "set_error_factory($module, factory, /)\n--\n\n"
             "Make errors by factory(kind, text, http_status, close_code,\n"
             "retryable, retry_after, window); None: instances of Error.");

static PyObject *
set_error_factory(PyObject *module, PyObject *factory)
{
    struct core_state *state = state_of_module(module);

    if (factory != Py_None && !PyCallable_Check(factory)) {
        PyErr_Format(PyExc_TypeError,
                     "the factory must be callable or None, not %.100s",
                     Py_TYPE(factory)->tp_name);
        return NULL;
    }
    SHARED_BEGIN(state->error);
    Py_XSETREF(state->error_factory,
               factory == Py_None ? NULL : Py_NewRef(factory));
    SHARED_END();
    Py_RETURN_NONE;
}

PyDoc_STRVAR(
    to_plain_doc,
    "to_plain($module, obj, /)\n--\n\n"
    "Events and views as plain objects, also inside dicts and lists,\n"
    "which are copied; TypeError for what is no JSON value.\n\n"
    "Serves as the default= of json.dumps and orjson.dumps.");

static PyObject *
to_plain(PyObject *module, PyObject *obj)
{
    return convert_to_plain(state_of_module(module), obj);
}

PyDoc_STRVAR(default_ca_file_doc,
             "default_ca_file($module, /)\n--\n\n"
             "The CA file of clients without ca_file: SSL_CERT_FILE or the\n"
             "system's; None: this system has none.");

static PyObject *
default_ca_file(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored))
{
    const char *path = sgo_default_ca_file();

    if (path == NULL) {
        Py_RETURN_NONE;
    }
    return PyUnicode_DecodeFSDefault(path);
}

PyDoc_STRVAR(after_fork_doc,
             "after_fork_in_child($module, /)\n--\n\n"
             "Abandon the parent's clients: for os.register_at_fork.");

static PyObject *
after_fork_in_child(PyObject *module, PyObject *Py_UNUSED(ignored))
{
    sgo_after_fork_in_child();
    state_of_module(module)->main_thread = PyThread_get_thread_ident();
    Py_RETURN_NONE;
}

PyDoc_STRVAR(shutdown_doc, "shutdown($module, /)\n--\n\n"
                           "Stop whatever still runs, within one second: for\n"
                           "atexit.  Does nothing in a subinterpreter, whose\n"
                           "end is not the process's.");

static PyObject *
core_shutdown(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored))
{
    if (PyInterpreterState_Get() != PyInterpreterState_Main()) {
        Py_RETURN_NONE; /* the clients of others go on */
    }
    Py_BEGIN_ALLOW_THREADS
    sgo_shutdown();
    Py_END_ALLOW_THREADS
    Py_RETURN_NONE;
}

static PyMethodDef core_methods[] = {
    {"set_error_factory", set_error_factory, METH_O, set_error_factory_doc},
    {"to_plain", to_plain, METH_O, to_plain_doc},
    {"default_ca_file", default_ca_file, METH_NOARGS, default_ca_file_doc},
    {"after_fork_in_child", after_fork_in_child, METH_NOARGS, after_fork_doc},
    {"shutdown", core_shutdown, METH_NOARGS, shutdown_doc},
    {"arrow_quotes", METHOD(capsule_quotes), METH_FASTCALL | METH_KEYWORDS,
     capsule_quotes_doc},
    {"arrow_quote_changes", capsule_quote_changes, METH_O,
     capsule_quote_changes_doc},
    {"arrow_schema", METHOD(capsule_schema), METH_FASTCALL | METH_KEYWORDS,
     capsule_schema_doc},
    {NULL, NULL, 0, NULL},
};

/* --- initialisation -------------------------------------------------------------- */

/* module.name, a new reference. */
static PyObject *
import_name(const char *module_name, const char *name)
{
    PyObject *module = PyImport_ImportModule(module_name), *object;

    if (module == NULL) {
        return NULL;
    }
    object = PyObject_GetAttrString(module, name);
    Py_DECREF(module);
    return object;
}

/* The ident of the thread that handles signals. */
static int
find_main_thread(struct core_state *state)
{
    PyObject *function = import_name("threading", "main_thread");
    PyObject *thread, *ident;

    if (function == NULL) {
        return -1;
    }
    thread = PyObject_CallNoArgs(function);
    Py_DECREF(function);
    if (thread == NULL) {
        return -1;
    }
    ident = PyObject_GetAttrString(thread, "ident");
    Py_DECREF(thread);
    if (ident == NULL) {
        return -1;
    }
    state->main_thread = PyLong_AsUnsignedLong(ident);
    Py_DECREF(ident);
    return PyErr_Occurred() ? -1 : 0;
}

static int
register_abc(PyTypeObject *type, const char *name)
{
    PyObject *abc = import_name("collections.abc", name), *result;

    if (abc == NULL) {
        return -1;
    }
    result = PyObject_CallMethod(abc, "register", "O", type);
    Py_DECREF(abc);
    Py_XDECREF(result);
    return result == NULL ? -1 : 0;
}

static int
create_types(struct core_state *state, PyObject *module)
{
    int i;

    for (i = 0; i < TYPE_ROWS; i++) {
        const struct type_row *row = &type_rows[i];
        PyObject *base =
            row->base < 0 ? NULL : (PyObject *)state->types[row->base];
        PyTypeObject *type =
            (PyTypeObject *)PyType_FromModuleAndSpec(module, row->spec, base);

        if (type == NULL) {
            return -1;
        }
        state->types[row->id] = type;
        if (PyModule_AddType(module, type) < 0 ||
            (row->abc != NULL && register_abc(type, row->abc) < 0)) {
            return -1;
        }
    }
    if (record_set_match_args(state->types[TYPE_QUOTE], quote_fields) < 0) {
        return -1;
    }
    return record_init(state, module);
}

static int
add_constants(struct core_state *state, PyObject *module)
{
    PyTypeObject *missing = state->types[TYPE_MISSING];
    PyObject *versions;
    int result;

    state->missing = missing->tp_alloc(missing, 0);
    if (state->missing == NULL ||
        PyModule_AddObjectRef(module, "MISSING", state->missing) < 0 ||
        PyModule_AddStringConstant(module, "__version__", SGO_VERSION) < 0) {
        return -1;
    }
    versions = convert_c_text(sgo_version_text());
    if (versions == NULL) {
        return -1;
    }
    result = PyModule_AddObjectRef(module, "version_text", versions);
    Py_DECREF(versions);
    return result;
}

static int
core_exec(PyObject *module)
{
    struct core_state *state = state_of_module(module);

    state->json_loads = import_name("json", "loads");
    if (state->json_loads == NULL) {
        return -1;
    }
    if (guard_watch_forks() < 0 || find_main_thread(state) < 0 ||
        convert_init(state) < 0 || errors_init(state, module) < 0 ||
        create_types(state, module) < 0) {
        return -1;
    }
    return add_constants(state, module);
}

/* --- the state's references --------------------------------------------------------- */

/* The words of the enums and the cached keys are strings, which lead
 * nowhere: cleared below, not visited. */
static int
core_traverse(PyObject *module, visitproc visit, void *arg)
{
    struct core_state *state = state_of_module(module);
    int i;

    for (i = 0; i < TYPE_COUNT; i++) {
        Py_VISIT(state->types[i]);
    }
    Py_VISIT(state->error);
    Py_VISIT(state->error_factory);
    Py_VISIT(state->missing);
    Py_VISIT(state->json_loads);
    return 0;
}

static void
clear_all(PyObject **items, size_t n)
{
    size_t i;

    for (i = 0; i < n; i++) {
        Py_CLEAR(items[i]);
    }
}

#define CLEAR_ALL(items) clear_all((items), sizeof(items) / sizeof((items)[0]))

static int
core_clear(PyObject *module)
{
    struct core_state *state = state_of_module(module);
    int i;

    for (i = 0; i < TYPE_COUNT; i++) {
        Py_CLEAR(state->types[i]);
    }
    Py_CLEAR(state->error);
    Py_CLEAR(state->error_factory);
    Py_CLEAR(state->missing);
    Py_CLEAR(state->json_loads);
    CLEAR_ALL(state->update_kinds);
    CLEAR_ALL(state->causes);
    CLEAR_ALL(state->connections);
    CLEAR_ALL(state->phases);
    CLEAR_ALL(state->keys);
    return 0;
}

static void
core_free(void *module)
{
    core_clear(module);
}

static PyModuleDef_Slot core_slots[] = {
    {Py_mod_exec, core_exec},
#if PY_VERSION_HEX >= 0x030C0000
    {Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED},
#endif
#if PY_VERSION_HEX >= 0x030D0000
    {Py_mod_gil, Py_MOD_GIL_NOT_USED},
#endif
    {0, NULL},
};

PyDoc_STRVAR(core_doc,
             "The C core of sgostream: both its iterator and its callback\n"
             "interface. The package sgostream adds names, validation,\n"
             "asyncio, threads and logging.");

struct PyModuleDef core_module = {
    PyModuleDef_HEAD_INIT,       .m_name = "sgostream._core",
    .m_doc = core_doc,           .m_size = sizeof(struct core_state),
    .m_methods = core_methods,   .m_slots = core_slots,
    .m_traverse = core_traverse, .m_clear = core_clear,
    .m_free = core_free,
};

PyMODINIT_FUNC PyInit__core(void);

PyMODINIT_FUNC
PyInit__core(void)
{
    return PyModuleDef_Init(&core_module);
}
