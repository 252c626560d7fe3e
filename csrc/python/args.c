/* Parsing of arguments and options.
 *
 * Messages name the option and the type or number that was given, never a
 * text: one of them is the API key. */
#include "args.h"

#include "wait.h"

#include <string.h>

int
args_parse(const char *function, PyObject *const *args, Py_ssize_t nargs,
           PyObject *kwnames, const char *const *names, size_t required,
           size_t positional, PyObject **values)
{
    Py_ssize_t i, keywords = kwnames == NULL ? 0 : PyTuple_GET_SIZE(kwnames);
    size_t n, count = 0;

    while (names[count] != NULL) {
        values[count++] = NULL;
    }
    if ((size_t)nargs > positional) {
        PyErr_Format(PyExc_TypeError,
                     "%s() takes at most %zu positional arguments (%zd given)",
                     function, positional, nargs);
        return -1;
    }
    for (i = 0; i < nargs; i++) {
        values[i] = args[i];
    }
    for (i = 0; i < keywords; i++) {
        PyObject *keyword = PyTuple_GET_ITEM(kwnames, i);

        for (n = 0; n < count; n++) {
            if (PyUnicode_CompareWithASCIIString(keyword, names[n]) == 0) {
                break;
            }
        }
        if (n == count || values[n] != NULL) {
            PyErr_Format(PyExc_TypeError, "%s() got %s argument %R", function,
                         n == count ? "an unexpected keyword"
                                    : "several values for",
                         keyword);
            return -1;
        }
        values[n] = args[nargs + i];
    }
    for (n = 0; n < required; n++) {
        if (values[n] == NULL) {
            PyErr_Format(PyExc_TypeError, "%s() needs the argument '%s'",
                         function, names[n]);
            return -1;
        }
    }
    return 0;
}

const char *
options_text(const char *name, PyObject *value)
{
    const char *text;
    Py_ssize_t len;

    if (!PyUnicode_Check(value)) {
        PyErr_Format(PyExc_TypeError, "%s must be a str, not %.100s", name,
                     Py_TYPE(value)->tp_name);
        return NULL;
    }
    text = PyUnicode_AsUTF8AndSize(value, &len);
    if (text == NULL) {
        /* The codec's own error would quote the text. */
        if (PyErr_ExceptionMatches(PyExc_UnicodeEncodeError)) {
            PyErr_Format(PyExc_ValueError, "%s is no valid Unicode", name);
        }
        return NULL;
    }
    if (strlen(text) != (size_t)len) {
        PyErr_Format(PyExc_ValueError, "%s contains a NUL character", name);
        return NULL;
    }
    return text;
}

/* Keep a reference as long as the memory. */
static int
keep(struct options_memory *memory, PyObject *owner)
{
    if (memory->owners == NULL) {
        memory->owners = PyList_New(0);
        if (memory->owners == NULL) {
            return -1;
        }
    }
    return PyList_Append(memory->owners, owner);
}

int
options_texts(const char *name, PyObject *value, struct options_memory *memory,
              const char *const **out, size_t *count)
{
    PyObject *items;
    const char **array;
    Py_ssize_t i, n;
    int result;

    if (PyUnicode_Check(value) || PyBytes_Check(value)) {
        PyErr_Format(PyExc_TypeError,
                     "%s must be a sequence of str, not one %.100s", name,
                     Py_TYPE(value)->tp_name);
        return -1;
    }
    items = PySequence_Tuple(value);
    if (items == NULL) {
        return -1;
    }
    n = PyTuple_GET_SIZE(items);
    result = keep(memory, items);
    Py_DECREF(items); /* memory keeps it */
    if (result < 0) {
        return -1;
    }
    if (memory->array_count == OPTIONS_MAX_ARRAYS) {
        PyErr_SetString(PyExc_SystemError, "too many lists of options");
        return -1;
    }
    array = PyMem_New(const char *, (size_t)n + 1);
    if (array == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    memory->arrays[memory->array_count++] = array;
    for (i = 0; i < n; i++) {
        array[i] = options_text(name, PyTuple_GET_ITEM(items, i));
        if (array[i] == NULL) {
            return -1;
        }
    }
    *out = array;
    *count = (size_t)n;
    return 0;
}

void
options_memory_fini(struct options_memory *memory)
{
    while (memory->array_count > 0) {
        PyMem_Free(memory->arrays[--memory->array_count]);
    }
    Py_CLEAR(memory->owners);
}

/* A non-negative integer up to max. */
static int
parse_unsigned(const char *name, PyObject *value, unsigned long long max,
               unsigned long long *out)
{
    PyObject *number = PyNumber_Index(value);
    int overflow;
    long long n;

    if (number == NULL) {
        if (PyErr_ExceptionMatches(PyExc_TypeError)) {
            PyErr_Format(PyExc_TypeError, "%s must be an int, not %.100s",
                         name, Py_TYPE(value)->tp_name);
        }
        return -1;
    }
    n = PyLong_AsLongLongAndOverflow(number, &overflow);
    Py_DECREF(number);
    if (n == -1 && PyErr_Occurred()) {
        return -1;
    }
    if (overflow != 0 || n < 0 || (unsigned long long)n > max) {
        PyErr_Format(PyExc_ValueError, "%s must be from 0 to %llu, not %R",
                     name, max, value);
        return -1;
    }
    *out = (unsigned long long)n;
    return 0;
}

static int
parse_word(const struct option *option, PyObject *value, int *out)
{
    int i;

    if (!PyUnicode_Check(value)) {
        PyErr_Format(PyExc_TypeError, "%s must be a str, not %.100s",
                     option->name, Py_TYPE(value)->tp_name);
        return -1;
    }
    for (i = 0; option->words[i] != NULL; i++) {
        if (PyUnicode_CompareWithASCIIString(value, option->words[i]) == 0) {
            *out = i;
            return 0;
        }
    }
    PyErr_Format(PyExc_ValueError, "unknown %s %R", option->name, value);
    return -1;
}

static int
set_text(const struct option *option, PyObject *value, char *base,
         struct options_memory *memory)
{
    const char *text = NULL;

    if (value != Py_None) {
        text = options_text(option->name, value);
        if (text == NULL || keep(memory, value) < 0) {
            return -1;
        }
    }
    memcpy(base + option->offset, &text, sizeof(text));
    return 0;
}

static int
set_texts(const struct option *option, PyObject *value, char *base,
          struct options_memory *memory)
{
    const char *const *array = NULL;
    size_t count = 0;

    if (value != Py_None &&
        options_texts(option->name, value, memory, &array, &count) < 0) {
        return -1;
    }
    memcpy(base + option->offset, &array, sizeof(array));
    memcpy(base + option->count_offset, &count, sizeof(count));
    return 0;
}

static int
set_number(const struct option *option, PyObject *value, char *base)
{
    unsigned long long number = 0;
    size_t size;
    unsigned narrow;
    uint64_t wide;

    switch (option->kind) {
    case OPTION_SIZE:
        if (parse_unsigned(option->name, value, PY_SSIZE_T_MAX, &number) < 0) {
            return -1;
        }
        size = (size_t)number;
        memcpy(base + option->offset, &size, sizeof(size));
        return 0;
    case OPTION_UINT64:
        if (parse_unsigned(option->name, value, INT64_MAX, &number) < 0) {
            return -1;
        }
        wide = number;
        memcpy(base + option->offset, &wide, sizeof(wide));
        return 0;
    default: /* OPTION_UNSIGNED, OPTION_LEVEL: an enum is as wide */
        if (parse_unsigned(option->name, value, INT_MAX, &number) < 0) {
            return -1;
        }
        narrow = (unsigned)number;
        memcpy(base + option->offset, &narrow, sizeof(narrow));
        return 0;
    }
}

static int
set_value(const struct option *option, PyObject *value, char *base,
          struct options_memory *memory)
{
    double seconds;
    int64_t ns = 0;
    int truth, word;
    bool flag;

    switch (option->kind) {
    case OPTION_TEXT:
        return set_text(option, value, base, memory);
    case OPTION_TEXTS:
        return set_texts(option, value, base, memory);
    case OPTION_BOOL:
        truth = PyObject_IsTrue(value);
        if (truth < 0) {
            return -1;
        }
        flag = truth != 0;
        memcpy(base + option->offset, &flag, sizeof(flag));
        return 0;
    case OPTION_SECONDS:
        if (value != Py_None &&
            wait_seconds(value, option->name, &seconds, &ns) < 0) {
            return -1;
        }
        memcpy(base + option->offset, &ns, sizeof(ns));
        return 0;
    case OPTION_WORD:
        if (parse_word(option, value, &word) < 0) {
            return -1;
        }
        memcpy(base + option->offset, &word, sizeof(word));
        return 0;
    default:
        return set_number(option, value, base);
    }
}

int
options_set(const struct option *options, PyObject *name, PyObject *value,
            void *base, struct options_memory *memory)
{
    for (; options->name != NULL; options++) {
        if (PyUnicode_CompareWithASCIIString(name, options->name) == 0) {
            return set_value(options, value, base, memory) < 0 ? -1 : 1;
        }
    }
    return 0;
}
