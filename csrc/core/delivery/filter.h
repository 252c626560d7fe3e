/* What one subscription wants: which events, and what of them is shown.
 * Immutable once made and shared by reference count with its updates. */
#ifndef SGO_DELIVERY_FILTER_H
#define SGO_DELIVERY_FILTER_H

#include "base/map.h"
#include "base/refcount.h"
#include "json/show.h"

struct filter {
    struct refcount refs;
    struct show_filter show;
    struct map event_ids; /* name -> itself; empty: every event */
    struct map league_ids;
};

/* Copies the names.  *out belongs to the caller.  SGO_INVALID (err says which
 * option and why), SGO_NO_MEMORY.  Any thread, no locks. */
sgo_status filter_create(const sgo_subscription_options *options,
                         struct filter **out, sgo_error *err) SGO_WARN_UNUSED;

/* A filter that chooses and shows everything, time stamps if asked.  NULL
 * when out of memory. */
struct filter *filter_create_plain(bool include_timestamps) SGO_WARN_UNUSED;

/* Any thread, no locks; release accepts NULL. */
struct filter *filter_retain(struct filter *filter);
void filter_release(struct filter *filter);

/* The event is one of those chosen (event_ids and league_ids).  Any thread,
 * no locks. */
bool filter_chooses(const struct filter *filter, const char *event_id,
                    size_t id_len, const struct document *doc);

#endif
