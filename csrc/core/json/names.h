/* Lists of names that somebody asked for: odds or bookmakers, exact ones and
 * such with a wild part.  Immutable once made; read on any thread. */
#ifndef SGO_JSON_NAMES_H
#define SGO_JSON_NAMES_H

#include "json/document.h"

enum { NAMES_MAX = 10000, NAME_MAX_BYTES = 1024 };

struct asked_name {
    char *bytes; /* NUL-terminated */
    size_t len;
    size_t wild_at; /* where its wild part begins; len: it has none */
};

/* Copies of n names without a wild part, owned by the caller.
 * SGO_NO_MEMORY. */
sgo_status names_copy(const char *const *from, size_t n,
                      struct asked_name **out) SGO_WARN_UNUSED;
void names_free(struct asked_name *names, size_t n); /* NULL is fine */

/* Those without a wild part first, then by their bytes. */
void names_sort(struct asked_name *names, size_t n);

/* Is it one of n sorted names without a wild part? */
bool names_have(const struct asked_name *names, size_t n, const char *bytes,
                size_t len);

/* A key of a document as decoded bytes: its own when nothing is escaped, else
 * in `room`, of NAME_MAX_BYTES.  False: too long to be any name. */
bool name_decode(struct text key, char *room, const char **bytes, size_t *len);

#endif
