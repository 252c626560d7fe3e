/* Arguments of METH_FASTCALL | METH_KEYWORDS methods, and option tables. */
#ifndef SGO_PYTHON_ARGS_H
#define SGO_PYTHON_ARGS_H

#include "state.h"

/* Sort positional and keyword arguments into values[] (borrowed references;
 * NULL where not given), one for each of the NULL-terminated names.  The first
 * `required` must be given, at most `positional` by position.  0 or -1. */
int args_parse(const char *function, PyObject *const *args, Py_ssize_t nargs,
               PyObject *kwnames, const char *const *names, size_t required,
               size_t positional, PyObject **values);

enum option_kind {
    OPTION_TEXT,    /* const char *; None: NULL */
    OPTION_TEXTS,   /* const char *const * and a count; None: empty */
    OPTION_BOOL,    /* bool */
    OPTION_SECONDS, /* int64_t nanoseconds; None: 0 */
    OPTION_SIZE,    /* size_t */
    OPTION_UNSIGNED,
    OPTION_UINT64,
    OPTION_WORD, /* int: position in `words` */
    OPTION_LEVEL /* int */
};

/* One keyword of a constructor and where its value goes. */
struct option {
    const char *name;
    enum option_kind kind;
    size_t offset;
    size_t count_offset;      /* OPTION_TEXTS */
    const char *const *words; /* OPTION_WORD, NULL-terminated */
};

enum { OPTIONS_MAX_ARRAYS = 8 };

/* What parsed options point to; zero-filled at first. */
struct options_memory {
    PyObject *owners; /* list of the objects whose text is borrowed */
    const char **arrays[OPTIONS_MAX_ARRAYS];
    size_t array_count;
};

/* Write the value of one keyword into the record at base.  1 done, 0 no such
 * option, -1 with an exception. */
int options_set(const struct option *options, PyObject *name, PyObject *value,
                void *base, struct options_memory *memory);

/* A sequence of str as an array of C strings, kept by memory.  0 or -1. */
int options_texts(const char *name, PyObject *value,
                  struct options_memory *memory, const char *const **out,
                  size_t *count);

/* A str without NUL as C string, borrowed from it; `name` is for messages,
 * which never quote the value.  NULL with an exception. */
const char *options_text(const char *name, PyObject *value);

void options_memory_fini(struct options_memory *memory);

#endif
