/* Pruning to the shape: the snapshot of a stream carries everything, answers
 * to requests by id only what was asked.  Pruning the one makes it equal to
 * the other, so that no difference of shape looks like a change. */
#ifndef SGO_JSON_PROJECT_H
#define SGO_JSON_PROJECT_H

#include "json/diff.h"
#include "json/document.h"
#include "json/names.h"

/* Stands for any player in a name, as a part of its own. */
#define SHAPE_PLAYER "PLAYER_ID"
enum { SHAPE_PLAYER_BYTES = sizeof(SHAPE_PLAYER) - 1 };

/* Immutable once made; read on any thread. */
struct shape {
    struct asked_name *bookmaker_ids; /* sorted; n == 0: all */
    size_t bookmaker_id_count;
    struct asked_name *odd_ids; /* PLAYER_ID is wild; sorted */
    size_t odd_id_count;        /* 0: all */
    size_t exact_odd_id_count;  /* how many of them have no PLAYER_ID */
    bool include_opposing;      /* keep the other side of each asked odd */
    bool include_alt_lines;
    bool include_open_close; /* quotes' openOdds … closeOverUnder */
};

void shape_init(struct shape *shape); /* all odds and books, no extras */
void shape_fini(struct shape *shape);

/* Copy the names in; call each at most once.  SGO_INVALID: an empty name;
 * SGO_LIMIT, SGO_NO_MEMORY; the shape stays as it was. */
sgo_status shape_set_bookmaker_ids(struct shape *shape, const char *const *ids,
                                   size_t n);
sgo_status shape_set_odd_ids(struct shape *shape, const char *const *ids,
                             size_t n);

/* True when the shape prunes nothing. */
bool shape_is_everything(const struct shape *shape);

/* Copy the document's bytes without what the shape excludes.  *out is a
 * document of its own, or `doc` itself with one more reference when there was
 * nothing to prune (tell by comparing the pointers).  `results` and
 * everything else outside `odds` stay.  An odd or a `byBookmaker` that loses
 * its last member stays as an empty object.  SGO_NO_MEMORY.  Any thread. */
sgo_status project(struct pool *pool, struct document *doc,
                   const struct shape *shape,
                   struct document **out) SGO_WARN_UNUSED;

/* The whole way of an event's bytes: prune, build, compare.  shape NULL:
 * everything.  old NULL: no comparison, *changes becomes NULL; else it is a
 * version in the same shape, and what it already holds is not looked at again.
 * Otherwise as document_update; *pruned (may be NULL) says whether something
 * went. */
sgo_status project_update(struct pool *pool, const char *bytes, size_t len,
                          const struct shape *shape, struct document *old,
                          struct document **out, struct changes **changes,
                          bool *pruned,
                          struct scan_error *err) SGO_WARN_UNUSED;

#endif
