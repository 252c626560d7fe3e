/* Values of an event as Python objects.
 *
 * Strings are validated UTF-8 by the time they come here; a lone surrogate
 * can only stem from an escape and comes in its three-byte form, which is why
 * everything decodes with "surrogatepass", as json.loads does. */
#include "convert.h"

#include "shared.h"
#include "view.h"

#include <string.h>

enum {
    STACK_BYTES = 512,
    /* A number's text; the core accepts up to 1,024 bytes. */
    NUMBER_BYTES = 1100,
    /* So many digits fit an int64_t whatever they are. */
    FAST_DIGITS = 18
};

PyObject *
convert_text(sgo_text raw)
{
    char stack[STACK_BYTES], *heap = NULL;
    PyObject *result;
    sgo_text text = raw;

    if (raw.len == 0) {
        return PyUnicode_New(0, 0);
    }
    if (memchr(raw.bytes, '\\', raw.len) != NULL) {
        if (raw.len > sizeof(stack)) {
            heap = PyMem_Malloc(raw.len);
            if (heap == NULL) {
                return PyErr_NoMemory();
            }
        }
        text = sgo_text_decode(raw, heap == NULL ? stack : heap,
                               heap == NULL ? sizeof(stack) : raw.len);
    }
    result = PyUnicode_DecodeUTF8(text.bytes, (Py_ssize_t)text.len,
                                  "surrogatepass");
    PyMem_Free(heap);
    return result;
}

PyObject *
convert_utf8(sgo_text text)
{
    return PyUnicode_DecodeUTF8(text.bytes, (Py_ssize_t)text.len,
                                "surrogatepass");
}

PyObject *
convert_c_text(const char *text)
{
    return PyUnicode_DecodeUTF8(text, (Py_ssize_t)strlen(text), "replace");
}

/* Eight bytes at a time: ids of odds have some forty. */
static uint32_t
key_slot(sgo_text raw)
{
    uint64_t hash = raw.len, word;
    const char *p = raw.bytes;
    size_t left = raw.len;

    for (; left > 8; p += 8, left -= 8) {
        memcpy(&word, p, 8);
        hash = (hash ^ word) * UINT64_C(0x9fb21c651e98df25);
        hash ^= hash >> 32;
    }
    for (word = 0; left > 0; left--) {
        word = word << 8 | (unsigned char)*p++;
    }
    hash = (hash ^ word) * UINT64_C(0x9fb21c651e98df25);
    return (uint32_t)(hash >> 40) & (KEY_CACHE_SLOTS - 1);
}

PyObject *
convert_key(struct core_state *state, sgo_text raw)
{
    PyObject *key, **slot;

    if (raw.len == 0 || raw.len > KEY_CACHE_MAX_BYTES) {
        return convert_text(raw);
    }
    slot = &state->keys[key_slot(raw)];
    key = shared_peek(slot);
    /* Only ASCII strings are kept, so their bytes are the raw text; one with
     * a backslash is no raw text and is not kept either. */
    if (key != NULL && (size_t)PyUnicode_GET_LENGTH(key) == raw.len &&
        memcmp(PyUnicode_1BYTE_DATA(key), raw.bytes, raw.len) == 0) {
        return Py_NewRef(key);
    }
    key = convert_text(raw);
    if (key != NULL && PyUnicode_IS_ASCII(key) &&
        (size_t)PyUnicode_GET_LENGTH(key) == raw.len &&
        memchr(raw.bytes, '\\', raw.len) == NULL) {
#ifdef Py_GIL_DISABLED
        /* Another thread may be reading what is there: it stays for good. */
        if (shared_peek(slot) == NULL) {
            shared_fill(slot, Py_NewRef(key));
        }
#else
        Py_INCREF(key);
        Py_XSETREF(*slot, key);
#endif
    }
    return key;
}

int
convert_key_bytes(PyObject *str, const char **bytes, Py_ssize_t *len,
                  PyObject **owner)
{
    *owner = NULL;
    *bytes = PyUnicode_AsUTF8AndSize(str, len);
    if (*bytes != NULL) {
        return 0;
    }
    if (!PyErr_ExceptionMatches(PyExc_UnicodeEncodeError)) {
        return -1;
    }
    PyErr_Clear();
    *owner = PyUnicode_AsEncodedString(str, "utf-8", "surrogatepass");
    if (*owner == NULL) {
        return -1;
    }
    *bytes = PyBytes_AS_STRING(*owner);
    *len = PyBytes_GET_SIZE(*owner);
    return 0;
}

/* A number's text, terminated, in buffer. */
static const char *
terminated(sgo_text number, char *buffer)
{
    if (number.len >= NUMBER_BYTES) {
        PyErr_SetString(PyExc_ValueError, "number too long");
        return NULL;
    }
    memcpy(buffer, number.bytes, number.len);
    buffer[number.len] = '\0';
    return buffer;
}

static PyObject *
convert_integer(sgo_text number)
{
    char buffer[NUMBER_BYTES];
    bool negative = number.len > 0 && number.bytes[0] == '-';
    long long n = 0;
    size_t i;

    if (number.len - negative <= FAST_DIGITS) {
        for (i = negative; i < number.len; i++) {
            n = n * 10 + (number.bytes[i] - '0');
        }
        return PyLong_FromLongLong(negative ? -n : n);
    }
    if (terminated(number, buffer) == NULL) {
        return NULL;
    }
    return PyLong_FromString(buffer, NULL, 10);
}

static PyObject *
convert_real(sgo_text number)
{
    char buffer[NUMBER_BYTES];
    double d;

    if (terminated(number, buffer) == NULL) {
        return NULL;
    }
    /* Overflow gives infinity, as float() does. */
    d = PyOS_string_to_double(buffer, NULL, NULL);
    if (d == -1.0 && PyErr_Occurred()) {
        return NULL;
    }
    return PyFloat_FromDouble(d);
}

/* Scalars and MISSING; containers are the callers' affair. */
static PyObject *
convert_leaf(struct core_state *state, sgo_value value, sgo_type type)
{
    switch (type) {
    case SGO_TYPE_NONE:
        return Py_NewRef(state->missing);
    case SGO_TYPE_FALSE:
        return Py_NewRef(Py_False);
    case SGO_TYPE_TRUE:
        return Py_NewRef(Py_True);
    case SGO_TYPE_INTEGER:
        return convert_integer(sgo_value_json(value));
    case SGO_TYPE_REAL:
        return convert_real(sgo_value_json(value));
    case SGO_TYPE_STRING:
        return convert_text(sgo_value_string(value));
    default:
        return Py_NewRef(Py_None);
    }
}

PyObject *
convert_value(struct core_state *state, sgo_value value)
{
    sgo_type type = sgo_value_type(value);

    if (type == SGO_TYPE_OBJECT) {
        return view_new(state->types[TYPE_OBJECT_VIEW], value);
    }
    if (type == SGO_TYPE_ARRAY) {
        return view_new(state->types[TYPE_ARRAY_VIEW], value);
    }
    return convert_leaf(state, value, type);
}

static PyObject *
plain_object(struct core_state *state, sgo_value object)
{
    PyObject *dict = PyDict_New();
    sgo_iter iter;
    sgo_text raw;
    sgo_value value;

    if (dict == NULL) {
        return NULL;
    }
    sgo_iter_init(&iter, object);
    while (sgo_iter_next(&iter, &raw, &value)) {
        PyObject *key = convert_key(state, raw), *item = NULL;
        int result = -1;

        if (key != NULL) {
            item = convert_plain(state, value);
        }
        if (item != NULL) {
            result = PyDict_SetItem(dict, key, item);
        }
        Py_XDECREF(key);
        Py_XDECREF(item);
        if (result < 0) {
            Py_DECREF(dict);
            return NULL;
        }
    }
    return dict;
}

static PyObject *
plain_array(struct core_state *state, sgo_value array)
{
    PyObject *list = PyList_New(0);
    sgo_iter iter;
    sgo_text raw;
    sgo_value value;

    if (list == NULL) {
        return NULL;
    }
    sgo_iter_init(&iter, array);
    while (sgo_iter_next(&iter, &raw, &value)) {
        PyObject *item = convert_plain(state, value);
        int result = item == NULL ? -1 : PyList_Append(list, item);

        Py_XDECREF(item);
        if (result < 0) {
            Py_DECREF(list);
            return NULL;
        }
    }
    return list;
}

/* Recursion is bounded by the core's nesting limit (64). */
PyObject *
convert_plain(struct core_state *state, sgo_value value)
{
    sgo_type type = sgo_value_type(value);

    if (type == SGO_TYPE_OBJECT) {
        return plain_object(state, value);
    }
    if (type == SGO_TYPE_ARRAY) {
        return plain_array(state, value);
    }
    return convert_leaf(state, value, type);
}

/* Items are held while they are copied: hashing a foreign key, or a finalizer,
 * may change the container meanwhile. */
static PyObject *
copy_dict(struct core_state *state, PyObject *dict)
{
    PyObject *copy = PyDict_New(), *key, *value;
    Py_ssize_t pos = 0;

#ifdef Py_GIL_DISABLED
    dict = PyDict_Copy(dict); /* ours alone while we walk over it */
    if (dict == NULL) {
        Py_XDECREF(copy);
        return NULL;
    }
#endif
    while (copy != NULL && PyDict_Next(dict, &pos, &key, &value)) {
        PyObject *plain;

        Py_INCREF(key);
        Py_INCREF(value);
        plain = convert_to_plain(state, value);
        if (plain == NULL || PyDict_SetItem(copy, key, plain) < 0) {
            Py_CLEAR(copy);
        }
        Py_XDECREF(plain);
        Py_DECREF(key);
        Py_DECREF(value);
    }
#ifdef Py_GIL_DISABLED
    Py_DECREF(dict);
#endif
    return copy;
}

static PyObject *
copy_list(struct core_state *state, PyObject *list)
{
    PyObject *copy = PyList_New(0);
    Py_ssize_t i;

    for (i = 0; copy != NULL && i < PyList_GET_SIZE(list); i++) {
        PyObject *item = shared_list_item(list, i);
        PyObject *plain = item == NULL ? NULL : convert_to_plain(state, item);

        if (plain == NULL || PyList_Append(copy, plain) < 0) {
            Py_CLEAR(copy);
        }
        Py_XDECREF(plain);
        Py_XDECREF(item);
    }
    return copy;
}

PyObject *
convert_to_plain(struct core_state *state, PyObject *obj)
{
    sgo_value value;
    PyObject *copy;

    if (view_value(state, obj, &value)) {
        return convert_plain(state, value);
    }
    if (obj == Py_None || PyUnicode_Check(obj) || PyLong_Check(obj) ||
        PyFloat_Check(obj)) {
        return Py_NewRef(obj);
    }
    if (!PyDict_Check(obj) && !PyList_Check(obj)) {
        PyErr_Format(PyExc_TypeError, "Object of type %.100s is no JSON value",
                     Py_TYPE(obj)->tp_name);
        return NULL;
    }
    if (Py_EnterRecursiveCall(" in to_plain")) {
        return NULL;
    }
    copy = PyDict_Check(obj) ? copy_dict(state, obj) : copy_list(state, obj);
    Py_LeaveRecursiveCall();
    return copy;
}

/* --- equality ----------------------------------------------------------- */

static int
equal_to_dict(struct core_state *state, sgo_value object, PyObject *dict)
{
    sgo_iter iter;
    sgo_text raw;
    sgo_value value;
    size_t n = 0;
    int result = 1;

    sgo_iter_init(&iter, object);
    while (result == 1 && sgo_iter_next(&iter, &raw, &value)) {
        PyObject *key = convert_key(state, raw), *item;

        n++;
        if (key == NULL) {
            return -1;
        }
        item = shared_dict_item(dict, key);
        Py_DECREF(key);
        if (item == NULL) {
            return PyErr_Occurred() ? -1 : 0;
        }
        result = convert_equal(state, value, item);
        Py_DECREF(item);
    }
    if (result == 1 && n != (size_t)PyDict_GET_SIZE(dict)) {
        result = 0;
    }
    return result;
}

static int
equal_to_list(struct core_state *state, sgo_value array, PyObject *list)
{
    sgo_iter iter;
    sgo_text raw;
    sgo_value value;
    Py_ssize_t i = 0;
    int result = 1;

    sgo_iter_init(&iter, array);
    while (result == 1 && sgo_iter_next(&iter, &raw, &value)) {
        PyObject *item;

        /* The list may shrink while an element's __eq__ runs. */
        if (i >= PyList_GET_SIZE(list)) {
            return 0;
        }
        item = shared_list_item(list, i);
        if (item == NULL) {
            PyErr_Clear(); /* shorter by now */
            return 0;
        }
        i++;
        result = convert_equal(state, value, item);
        Py_DECREF(item);
    }
    if (result == 1 && i != PyList_GET_SIZE(list)) {
        result = 0;
    }
    return result;
}

int
convert_equal(struct core_state *state, sgo_value value, PyObject *other)
{
    sgo_type type = sgo_value_type(value);
    sgo_value other_value;
    PyObject *leaf;
    int result;

    if (view_value(state, other, &other_value)) {
        bool equal = false;

        if (sgo_value_equal(value, other_value, &equal) != SGO_OK) {
            PyErr_NoMemory();
            return -1;
        }
        return equal;
    }
    if (type == SGO_TYPE_OBJECT) {
        return PyDict_Check(other) ? equal_to_dict(state, value, other) : 0;
    }
    if (type == SGO_TYPE_ARRAY) {
        return PyList_Check(other) ? equal_to_list(state, value, other) : 0;
    }
    leaf = convert_leaf(state, value, type);
    if (leaf == NULL) {
        return -1;
    }
    /* As JSON values, true is not 1. */
    if (PyBool_Check(leaf) || PyBool_Check(other)) {
        result = leaf == other;
    } else {
        result = PyObject_RichCompareBool(leaf, other, Py_EQ);
    }
    Py_DECREF(leaf);
    return result;
}
