/* What a subscription shows of an event: which odds, whose quotes, whether
 * time stamps alone count.  Everything outside `odds`, and a shown odd's own
 * members, are shown. */
#ifndef SGO_JSON_SHOW_H
#define SGO_JSON_SHOW_H

#include "json/diff.h"
#include "json/document.h"
#include "json/names.h"
#include "json/path.h"

/* Immutable once made; read on any thread.  Zero-filled with
 * include_timestamps = true it shows everything. */
struct show_filter {
    struct asked_name *odd_ids; /* patterns; n == 0: every odd */
    size_t odd_id_count;
    struct asked_name *bookmaker_ids; /* exact, sorted; 0: every bookmaker */
    size_t bookmaker_id_count;
    bool include_timestamps;
};

void show_filter_init(struct show_filter *filter); /* shows everything */
void show_filter_fini(struct show_filter *filter);

/* Copy the names in.  SGO_INVALID: a malformed pattern or an empty name
 * (*reason, may be NULL, gets a static text), SGO_LIMIT, SGO_NO_MEMORY; the
 * filter stays as it was.  Call each at most once per filter. */
sgo_status show_filter_set_odd_ids(struct show_filter *filter,
                                   const char *const *patterns, size_t n,
                                   const char **reason);
sgo_status show_filter_set_bookmaker_ids(struct show_filter *filter,
                                         const char *const *ids, size_t n,
                                         const char **reason);

/* Names of another filter into a fresh one, copied.  SGO_NO_MEMORY: it holds
 * some of them. */
sgo_status show_filter_copy(struct show_filter *to,
                            const struct show_filter *from);

/* True when the filter hides nothing. */
bool show_everything(const struct show_filter *filter);

bool show_odd(const struct show_filter *filter, struct text odd_id);
bool show_bookmaker(const struct show_filter *filter,
                    struct text bookmaker_id);

/* One change, named by the namer of the two documents it came from.  A change
 * of the whole of `odds` or of a `byBookmaker` is shown when anything inside,
 * on either side, is shown. */
bool show_change(const struct show_filter *filter, struct path_namer *namer,
                 const struct change *change);

/* True when at least one change is shown; stops at the first. */
bool show_any(const struct show_filter *filter, const struct document *old_doc,
              const struct document *new_doc, const struct changes *changes);

/* The changes that are shown, as a list of its own; `changes` itself with one
 * more reference when nothing is hidden.  *out belongs to the caller.
 * SGO_NO_MEMORY. */
sgo_status show_select(const struct show_filter *filter,
                       const struct document *old_doc,
                       const struct document *new_doc, struct changes *changes,
                       struct changes **out) SGO_WARN_UNUSED;

/* matched[i] becomes true where pattern i matches an odd of the document;
 * others are left alone (so that it gathers over documents). */
void show_mark_matches(const struct show_filter *filter,
                       const struct document *doc, bool *matched);

#endif
