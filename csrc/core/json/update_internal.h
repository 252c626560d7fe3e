/* The state of the fused pass, and its levels: pairs of containers that are
 * open in both texts.  Private to json/update*.c. */
#ifndef SGO_JSON_UPDATE_INTERNAL_H
#define SGO_JSON_UPDATE_INTERNAL_H

#include "json/changes.h"
#include "json/document_internal.h"
#include "json/scanner.h"
#include "json/update_bytes.h"

/* A pair of containers that are open at the current place. */
struct level {
    uint32_t old;    /* record in the old document */
    uint32_t record; /* in the new index */
    uint32_t after;  /* old text: behind the last value, or the bracket */
    uint32_t child;  /* old record: the first that begins at or behind it */
    size_t mark;     /* changes when it was opened */
    bool is_object;
    bool in_array;  /* it is an element */
    bool irregular; /* an object whose members are matched by name */
    bool compare;   /* an array to be compared as a whole when closed */
    bool large;     /* irregular: without a table, see update_member.c */
    uint32_t table; /* irregular: where its members begin in u->members */
    uint32_t next;  /* … and the first of them that was not passed yet */
};

/* One old member or element. */
struct old_item {
    struct text key; /* raw == NULL: an element */
    uint32_t off;
    uint32_t index;
    uint32_t end;   /* behind the value */
    uint32_t child; /* the first record behind it */
};

struct member {
    struct old_item item;
    uint32_t sketch; /* of the key */
    bool matched;
};

struct update {
    struct scanner s; /* of the new text */
    const struct document *old;
    const struct update_bytes *bytes;
    struct document view; /* the new document as far as it is indexed */
    struct change_list list;
    struct level levels[SCAN_MAX_DEPTH];
    struct member *members; /* a stack: the tables of irregular levels */
    uint32_t member_count;
    uint32_t member_cap;
    uint32_t depth;   /* open levels */
    const char *p;    /* new text: the place that belongs to `after` */
    uint32_t differs; /* old text: offset of the first different byte */
};

static inline struct level *
update_top(struct update *u)
{
    return &u->levels[u->depth - 1];
}

static inline uint32_t
update_offset(const struct update *u, const char *p)
{
    return (uint32_t)(p - u->s.begin);
}

/* The new document as far as it is indexed. */
const struct document *update_view(struct update *u);

/* Values of the two sides. */
struct value update_old(const struct update *u, uint32_t off, uint32_t index);
struct value update_new(struct update *u, uint32_t off, uint32_t index);

/* Room for more records; false: none. */
static inline bool
update_reserve(struct update *u, uint32_t more)
{
    return u->s.index->cap - u->s.index->count >= more ||
           scan_index_reserve(u->s.index, more, u->s.max) == SGO_OK;
}

/* Is this level the array of a quote's alternative lines? */
bool update_is_alt_lines(const struct update *u, const struct level *level);

/* The member of this key differs in an element of the array: was it the line
 * of an alternative line?  Then only the comparison of the whole array can
 * tell what it means. */
void update_mark_element(const struct update *u, struct level *array,
                         const struct text *key);

/* The member of this key differs in the innermost level. */
static inline void
update_mark_line(struct update *u, const struct text *key)
{
    if (update_top(u)->in_array) {
        update_mark_element(u, &u->levels[u->depth - 2], key);
    }
}

/* Records were made by the full scanner from `from` on: no equal keys? */
bool update_fresh_are_distinct(struct update *u, uint32_t from);

/* Scan the new value at p, whose key stands at `key`, and compare it with its
 * old counterpart; a pair of containers of one type becomes a level instead.
 * False: take the long way. */
bool update_pair(struct update *u, const struct old_item *old, const char *p,
                 uint32_t key);

/* Take members of an object by the grammar and by name until the two texts
 * run together again, or it ends.  False: take the long way. */
bool update_take_members(struct update *u);

/* The members of an irregular object are complete: what of the old ones has
 * gone?  False: take the long way. */
bool update_finish_object(struct update *u, struct level *level);

/* Open the new container at p, whose key stands at `key`, as the counterpart
 * of an old one.  False: take the long way. */
bool update_open(struct update *u, uint32_t old, const char *p, uint32_t key);

/* The innermost level ends in front of `end` (new text).  False: take the
 * long way. */
bool update_close(struct update *u, const char *end);

#endif
