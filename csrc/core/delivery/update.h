/* One update: what a consumer gets for one event.  While it is pending it
 * belongs to a subscription and changes under the hub's lock (slot.c); once
 * taken it is immutable but for what is computed on first use, which is
 * published atomically.  Nothing here takes the hub's lock, so updates may be
 * read and released after the client is gone, and in a child of fork(). */
#ifndef SGO_DELIVERY_UPDATE_H
#define SGO_DELIVERY_UPDATE_H

#include "json/diff.h"
#include "json/document.h"
#include "json/path.h"
#include "json/quotes.h"

typedef struct sgo_update sgo_update;

/* The difference of two documents as an update of kind changed, for nobody's
 * subscription.  Retains both.  *out belongs to the caller.  SGO_NO_MEMORY.
 * Any thread. */
sgo_status update_create_diff(struct document *old_doc,
                              struct document *new_doc,
                              bool include_timestamps,
                              sgo_update **out) SGO_WARN_UNUSED;

/* Any thread, no locks; release accepts NULL. */
void update_retain(sgo_update *update);
void update_release(sgo_update *update);

/* Plain reading; documents are borrowed.  Any thread, no locks. */
sgo_update_kind update_kind(const sgo_update *update);
sgo_cause update_cause(const sgo_update *update);
struct document *update_event(const sgo_update *update);
struct document *update_previous(const sgo_update *update); /* or NULL */
uint64_t update_skipped(const sgo_update *update);
bool update_stale(const sgo_update *update);
uint32_t update_stream_id(const sgo_update *update); /* 0: none */
sgo_times update_times(const sgo_update *update);

/* The documents that changes and quotes of this update speak of: `removed`
 * compares the event with nothing.  NULL: no such side. */
const struct document *update_old_side(const sgo_update *update);
const struct document *update_new_side(const sgo_update *update);

/* What is shown of the difference, computed at the first call, borrowed from
 * the update.  SGO_NO_MEMORY (then the next call tries again).  Any thread,
 * no locks; two threads may compute the same once. */
sgo_status update_changes(sgo_update *update,
                          const struct changes **out) SGO_WARN_UNUSED;
sgo_status update_quotes(sgo_update *update,
                         const struct quote_changes **out) SGO_WARN_UNUSED;
sgo_status update_consensus(
    sgo_update *update, const struct consensus_changes **out) SGO_WARN_UNUSED;

/* Copy the path of one change (update_changes has succeeded) into *out, but
 * for its indexes.  Asking in order is cheap.  Any thread, no locks. */
void update_path(sgo_update *update, const struct change *change,
                 struct path *out);

#endif
