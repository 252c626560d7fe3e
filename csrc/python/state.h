/* What one module object of sgostream._core holds, and the entry points that
 * its files offer one another.  All references to Python objects that outlive
 * a call live in struct core_state or in instances: nothing is static, so
 * that every interpreter has its own. */
#ifndef SGO_PYTHON_STATE_H
#define SGO_PYTHON_STATE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <structmember.h>

#include "sgostream.h"

enum type_id {
    TYPE_CLIENT = 0,
    TYPE_STREAM,
    TYPE_SUBSCRIPTION,
    TYPE_CALL,
    TYPE_UPDATE,
    TYPE_CHANGES,
    TYPE_OBJECT_VIEW,
    TYPE_EVENT, /* behind its base, OBJECT_VIEW */
    TYPE_ARRAY_VIEW,
    TYPE_KEYS,
    TYPE_VALUES,
    TYPE_ITEMS,
    TYPE_VIEW_ITERATOR,
    TYPE_QUOTE,
    TYPE_MISSING,
    TYPE_CHANGE, /* the records, in the order of record.c's table */
    TYPE_QUOTE_CHANGE,
    TYPE_CONSENSUS_CHANGE,
    TYPE_TIMES,
    TYPE_STREAM_STATE,
    TYPE_COUNT
};

/* Slots of the cache of decoded keys: a power of two.  An event has some
 * hundred different keys and odd ids, and they come again and again. */
enum { KEY_CACHE_SLOTS = 1024, KEY_CACHE_MAX_BYTES = 96 };

struct core_state {
    PyTypeObject *types[TYPE_COUNT];
    PyObject *error;         /* the exception class of this module */
    PyObject *error_factory; /* NULL: instances of `error` */
    PyObject *missing;
    PyObject *json_loads;
    PyObject *update_kinds[3]; /* the words of each enum, interned */
    PyObject *causes[5];
    PyObject *connections[7];
    PyObject *phases[7];
    PyObject *keys[KEY_CACHE_SLOTS];
    const void *datetime;      /* the datetime module's table of functions */
    unsigned long main_thread; /* where signals are handled */
};

extern struct PyModuleDef core_module;

/* The state of a module object. */
static inline struct core_state *
state_of_module(PyObject *module)
{
    return PyModule_GetState(module);
}

/* The state behind an instance of one of our types or of a subclass. */
static inline struct core_state *
state_of(PyObject *self)
{
    PyObject *module = PyType_GetModuleByDef(Py_TYPE(self), &core_module);

    return module == NULL ? NULL : PyModule_GetState(module);
}

/* Likewise for a type, in tp_new and class methods. */
static inline struct core_state *
state_of_type(PyTypeObject *type)
{
    PyObject *module = PyType_GetModuleByDef(type, &core_module);

    return module == NULL ? NULL : PyModule_GetState(module);
}

/* METH_FASTCALL and friends have other signatures than PyCFunction. */
#define METHOD(function) ((PyCFunction)(void (*)(void))(function))

extern PyType_Spec client_spec;
extern PyType_Spec stream_spec;
extern PyType_Spec subscription_spec;
extern PyType_Spec call_spec;
extern PyType_Spec update_spec;
extern PyType_Spec changes_spec;
extern PyType_Spec object_view_spec;
extern PyType_Spec event_spec;
extern PyType_Spec array_view_spec;
extern PyType_Spec keys_spec;
extern PyType_Spec values_spec;
extern PyType_Spec items_spec;
extern PyType_Spec view_iterator_spec;
extern PyType_Spec quote_spec;
extern PyType_Spec missing_spec;

#endif
