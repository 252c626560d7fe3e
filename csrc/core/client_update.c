/* The public face of subscriptions and updates, over delivery/.  (The making
 * of a subscription needs streams and stands in client_stream.c.) */
#include <errno.h>
#include <string.h>

#include "base/status.h"
#include "client_value.h"
#include "delivery/hub.h"

/* ---- subscriptions -------------------------------------------------------- */

void
sgo_subscription_options_init(sgo_subscription_options *options)
{
    subscription_options_init(options);
}

/* In a child of fork() the hub's lock may be held for ever. */
static bool
is_foreign(const sgo_subscription *subscription)
{
    return hub_in_child(subscription_hub(subscription));
}

void
sgo_subscription_retain(sgo_subscription *subscription)
{
    subscription_retain(subscription);
}

void
sgo_subscription_release(sgo_subscription *subscription)
{
    subscription_release(subscription);
}

void
sgo_subscription_close(sgo_subscription *subscription)
{
    if (!is_foreign(subscription)) {
        subscription_close(subscription);
    }
}

sgo_status
sgo_subscription_take(sgo_subscription *subscription, sgo_update **out,
                      size_t max, int64_t deadline_ns, size_t *count,
                      sgo_error *err)
{
    if (is_foreign(subscription)) {
        if (err) {
            error_set(err, SGO_ERROR_FORKED,
                      "this subscription belongs to the parent process: make "
                      "a new client after fork()");
        }
        return SGO_FORKED;
    }
    return subscription_take(subscription, out, max, deadline_ns, count, err);
}

void
sgo_subscription_wake(sgo_subscription *subscription)
{
    if (!is_foreign(subscription)) {
        subscription_wake(subscription);
    }
}

int
sgo_subscription_fd(sgo_subscription *subscription)
{
    if (is_foreign(subscription)) {
        errno = EBADF;
        return -1;
    }
    return subscription_fd(subscription);
}

void
sgo_subscription_get_stats(sgo_subscription *subscription,
                           sgo_subscription_stats *out)
{
    memset(out, 0, sizeof(*out));
    if (!is_foreign(subscription)) {
        subscription_get_stats(subscription, out);
    }
}

uint64_t
sgo_subscription_pattern_matches(sgo_subscription *subscription, size_t i)
{
    return is_foreign(subscription)
               ? 0
               : subscription_pattern_matches(subscription, i);
}

/* ---- updates -------------------------------------------------------------- */

void
sgo_update_retain(sgo_update *update)
{
    update_retain(update);
}

void
sgo_update_release(sgo_update *update)
{
    update_release(update);
}

sgo_update_kind
sgo_update_get_kind(const sgo_update *update)
{
    return update_kind(update);
}

sgo_cause
sgo_update_get_cause(const sgo_update *update)
{
    return update_cause(update);
}

sgo_event *
sgo_update_event(const sgo_update *update)
{
    return event_of(update_event(update));
}

sgo_event *
sgo_update_previous(const sgo_update *update)
{
    return event_of(update_previous(update));
}

uint64_t
sgo_update_skipped(const sgo_update *update)
{
    return update_skipped(update);
}

bool
sgo_update_stale(const sgo_update *update)
{
    return update_stale(update);
}

uint32_t
sgo_update_stream_id(const sgo_update *update)
{
    return update_stream_id(update);
}

sgo_times
sgo_update_times(const sgo_update *update)
{
    return update_times(update);
}

/* ---- changes -------------------------------------------------------------- */

/* Item i of a list that has been computed; NULL: there is none. */
static const struct change *
nth_change(sgo_update *update, size_t i)
{
    const struct changes *list;

    if (update_changes(update, &list) != SGO_OK || i >= list->n) {
        return NULL;
    }
    return &list->items[i];
}

sgo_status
sgo_update_changes(sgo_update *update, size_t *count)
{
    const struct changes *list;
    sgo_status status = update_changes(update, &list);

    if (status == SGO_OK) {
        *count = list->n;
    }
    return status;
}

sgo_change
sgo_update_change(sgo_update *update, size_t i)
{
    const struct change *change = nth_change(update, i);
    sgo_change out = {{NULL, 0, UINT32_MAX}, {NULL, 0, UINT32_MAX}};

    if (change) {
        const struct document *old_doc = update_old_side(update);
        const struct document *new_doc = update_new_side(update);

        if (old_doc) {
            out.old_value = value_out(change_old(change, old_doc));
        }
        if (new_doc) {
            out.new_value = value_out(change_new(change, new_doc));
        }
    }
    return out;
}

_Static_assert((int)SGO_PATH_MAX >= (int)SCAN_MAX_DEPTH,
               "a path fits into SGO_PATH_MAX steps");

size_t
sgo_update_change_path(sgo_update *update, size_t i, sgo_step *steps)
{
    const struct change *change = nth_change(update, i);
    struct path path;

    if (change == NULL) {
        return 0;
    }
    update_path(update, change, &path);
    for (uint32_t at = 0; at < path.n; at++) {
        steps[at] =
            (sgo_step){text_out(path.steps[at].key), path.steps[at].position};
    }
    return path.n;
}

/* ---- quotes and consensus -------------------------------------------------- */

sgo_status
sgo_update_quotes(sgo_update *update, size_t *count)
{
    const struct quote_changes *list;
    sgo_status status = update_quotes(update, &list);

    if (status == SGO_OK) {
        *count = list->n;
    }
    return status;
}

sgo_quote_change
sgo_update_quote(sgo_update *update, size_t i)
{
    const struct quote_changes *list;
    sgo_quote_change out = {.is_alt_line = false};

    if (update_quotes(update, &list) == SGO_OK && i < list->n) {
        const struct quote_change *q = &list->items[i];

        out = (sgo_quote_change){.odd_id = text_out(q->odd_id),
                                 .bookmaker_id = text_out(q->bookmaker_id),
                                 .is_alt_line = q->is_alt_line,
                                 .old_quote = value_out(q->old_quote),
                                 .new_quote = value_out(q->new_quote)};
    }
    return out;
}

sgo_status
sgo_update_consensus(sgo_update *update, size_t *count)
{
    const struct consensus_changes *list;
    sgo_status status = update_consensus(update, &list);

    if (status == SGO_OK) {
        *count = list->n;
    }
    return status;
}

sgo_consensus_change
sgo_update_consensus_change(sgo_update *update, size_t i)
{
    const struct consensus_changes *list;
    sgo_consensus_change out = {.odd_id = {NULL, 0}};

    if (update_consensus(update, &list) == SGO_OK && i < list->n) {
        const struct consensus_change *c = &list->items[i];
        const char *field = consensus_field_name(c->field);

        out = (sgo_consensus_change){.odd_id = text_out(c->odd_id),
                                     .field = {field, strlen(field)},
                                     .old_value = value_out(c->old_value),
                                     .new_value = value_out(c->new_value)};
    }
    return out;
}
