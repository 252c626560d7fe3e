#include "delivery/filter.h"

#include <string.h>

#include "base/mem.h"
#include "base/status.h"
#include "json/glob.h"
#include "delivery/hub.h"

enum { MAX_LEAGUE_ID_BYTES = 256 }; /* longer ones match no league_ids */

/* Copy n names into an empty map. */
static sgo_status
set_names(struct map *map, const char *const *names, size_t n,
          const char *option, sgo_error *err)
{
    if (n > HUB_MAX_NAMES) {
        error_set(err, SGO_ERROR_LIMIT, "%s has %zu names, at most %d go",
                  option, n, HUB_MAX_NAMES);
        return SGO_INVALID;
    }
    for (size_t i = 0; i < n; i++) {
        if (names[i] == NULL || names[i][0] == '\0') {
            error_set(err, SGO_ERROR_BAD_REQUEST,
                      "%s[%zu] is empty: leave it out to choose all", option,
                      i);
            return SGO_INVALID;
        }
        if (map_put(map, names[i], strlen(names[i]), map, NULL) != SGO_OK) {
            return SGO_NO_MEMORY;
        }
    }
    return SGO_OK;
}

/* Say which option, and which pattern of it, show_filter refused. */
static sgo_status
refused(sgo_status status, const char *option, const char *const *names,
        size_t n, const char *reason, sgo_error *err)
{
    if (status == SGO_LIMIT) {
        error_set(err, SGO_ERROR_LIMIT, "%s has more than %d names", option,
                  NAMES_MAX);
        return SGO_INVALID;
    }
    if (status == SGO_INVALID) {
        size_t wrong = 0;

        while (wrong + 1 < n &&
               glob_check(names[wrong], strlen(names[wrong])) == NULL) {
            wrong++;
        }
        error_set(err, SGO_ERROR_BAD_REQUEST, "%s: '%.80s': %s", option,
                  names[wrong], reason ? reason : "malformed");
    }
    return status;
}

struct filter *
filter_create_plain(bool include_timestamps)
{
    struct filter *filter = mem_calloc(1, sizeof(*filter));

    if (filter) {
        refcount_init(&filter->refs);
        show_filter_init(&filter->show);
        filter->show.include_timestamps = include_timestamps;
        map_init(&filter->event_ids, 0);
        map_init(&filter->league_ids, 0);
    }
    return filter;
}

sgo_status
filter_create(const sgo_subscription_options *options, struct filter **out,
              sgo_error *err)
{
    struct filter *filter = filter_create_plain(options->include_timestamps);
    const char *reason = NULL;
    sgo_status status;

    if (filter == NULL) {
        return SGO_NO_MEMORY;
    }
    status = set_names(&filter->event_ids, options->event_ids,
                       options->event_id_count, "event_ids", err);
    if (status == SGO_OK) {
        status = set_names(&filter->league_ids, options->league_ids,
                           options->league_id_count, "league_ids", err);
    }
    if (status == SGO_OK && options->odd_id_count) {
        status = show_filter_set_odd_ids(&filter->show, options->odd_ids,
                                         options->odd_id_count, &reason);
        status = refused(status, "odd_ids", options->odd_ids,
                         options->odd_id_count, reason, err);
    }
    if (status == SGO_OK && options->bookmaker_id_count) {
        status = show_filter_set_bookmaker_ids(
            &filter->show, options->bookmaker_ids, options->bookmaker_id_count,
            &reason);
        status = refused(status, "bookmaker_ids", options->bookmaker_ids,
                         options->bookmaker_id_count, reason, err);
    }
    if (status != SGO_OK) {
        filter_release(filter);
        return status;
    }
    *out = filter;
    return SGO_OK;
}

struct filter *
filter_retain(struct filter *filter)
{
    refcount_retain(&filter->refs);
    return filter;
}

void
filter_release(struct filter *filter)
{
    if (filter && refcount_release(&filter->refs)) {
        show_filter_fini(&filter->show);
        map_fini(&filter->event_ids);
        map_fini(&filter->league_ids);
        mem_free(filter);
    }
}

bool
filter_chooses(const struct filter *filter, const char *event_id,
               size_t id_len, const struct document *doc)
{
    char league[MAX_LEAGUE_ID_BYTES];
    struct value value;
    size_t len;

    if (filter->event_ids.len &&
        map_get(&filter->event_ids, event_id, id_len) == NULL) {
        return false;
    }
    if (filter->league_ids.len == 0) {
        return true;
    }
    return VALUE_GET(document_root(doc), "leagueID", &value) &&
           value_type(value) == VALUE_STRING &&
           text_decode(value_text(value), league, sizeof(league), &len) ==
               SGO_OK &&
           map_get(&filter->league_ids, league, len) != NULL;
}
