/* The name of a place in a document: the keys and positions that lead to it.
 * A cursor names a list of places in one merge over the index when they come
 * in document order, and any place at the price of a walk from the root. */
#ifndef SGO_JSON_PATH_H
#define SGO_JSON_PATH_H

#include "json/diff.h"
#include "json/document.h"

struct path_step {
    struct text key; /* raw == NULL: a position in an array */
    uint32_t position;
};

struct path {
    uint32_t n; /* 0: the root itself */
    struct path_step steps[SCAN_MAX_DEPTH];
    /* indexes[i] is the container record in which steps[i] stands; thus
     * indexes[0] is 0.  Only the first n are set. */
    uint32_t indexes[SCAN_MAX_DEPTH];
};

/* A walk through one open container, standing on one of its values. */
struct path_level {
    uint32_t index; /* the container's record */
    uint32_t at;    /* where the walk goes on: behind the value */
    uint32_t child;
    uint32_t off; /* of the value; 0: not begun */
    uint32_t value_index;
    uint32_t position;
    struct text key;
};

struct path_cursor {
    const struct document *doc;
    uint32_t depth; /* open containers, at least the root */
    struct path_level levels[SCAN_MAX_DEPTH];
    struct path path;
};

/* Borrows the document. */
void path_cursor_init(struct path_cursor *cursor, const struct document *doc);

/* The path of the value whose first byte stands at off; valid until the next
 * call.  The texts are borrowed from the document.  Cannot fail for offsets
 * that come from changes or values of this document. */
const struct path *path_cursor_name(struct path_cursor *cursor, uint32_t off);

/* The two cursors that naming a list of changes takes. */
struct path_namer {
    struct path_cursor old_side;
    struct path_cursor new_side;
};

void path_namer_init(struct path_namer *namer, const struct document *old_doc,
                     const struct document *new_doc);

/* The path of a change: in the new document, for removed members in the old
 * one.  Valid until the next call. */
const struct path *path_namer_name(struct path_namer *namer,
                                   const struct change *change);

/* Step i of the path is the key `literal`. */
#define PATH_IS(path, i, literal)                                             \
    ((i) < (path)->n && (path)->steps[i].key.raw != NULL &&                   \
     text_equal_bytes((path)->steps[i].key, (literal), sizeof(literal) - 1))

#endif
