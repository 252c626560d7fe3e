/* What differs between two documents, as a list that can be replayed.
 *
 * A member that came or went is one change.  Arrays of equal length compare
 * by position, others are one change of the whole array; so is `altLines`
 * when its sequence of lines differs.  A change of type is one change.
 * Scalars are equal when json.loads would give equal values of one JSON type.
 * The order of keys means nothing; of equal keys the last counts.
 *
 * The list follows the new document; members that went come after the other
 * changes of their object, in the old document's order. */
#ifndef SGO_JSON_DIFF_H
#define SGO_JSON_DIFF_H

#include "base/refcount.h"
#include "json/document.h"

enum {
    /* Longer lists become one change of the whole event (`overflow`). */
    DIFF_MAX_CHANGES = 500000
};

#define CHANGE_NONE UINT32_MAX

struct change {
    uint32_t old_off; /* of the old value; CHANGE_NONE: added */
    uint32_t new_off; /* of the new value; CHANGE_NONE: removed */
    uint8_t kind;     /* sgo_change_kind */
    bool timestamp;   /* its last key is lastUpdatedAt */
};

/* Immutable once made; shared by reference count. */
struct changes {
    struct refcount refs;
    size_t n;
    struct change *items;
    struct pool *pool; /* a reference; NULL: items come from the heap */
    size_t cap_bytes;
    bool overflow; /* the list is one change of the root */
};

/* Any thread; release accepts NULL. */
struct changes *changes_retain(struct changes *changes);
void changes_release(struct changes *changes);
size_t changes_bytes(const struct changes *changes);

/* Compare two documents; *out belongs to the caller.  SGO_NO_MEMORY.  Any
 * thread. */
sgo_status diff_compare(const struct document *old_doc,
                        const struct document *new_doc,
                        struct changes **out) SGO_WARN_UNUSED;

/* Equal as JSON values (the rule above; true and 1 are not equal), also
 * across documents.  Any thread. */
bool value_equal(struct value a, struct value b);

/* The values of a change's two sides; doc == NULL on the side that lacks it.
 */
struct value change_old(const struct change *c, const struct document *doc);
struct value change_new(const struct change *c, const struct document *doc);

#endif
