/* What a document's status says about belonging to a feed, and what its time
 * stamps say about being old.  Knows documents, nothing of requests. */
#include "feed/brain.h"

#include <string.h>

struct status {
    bool live, started, ended, completed, finalized, cancelled;
    bool odds_available;
    bool known; /* there is a status object */
};

static bool
flag(struct value object, const char *name, bool absent)
{
    struct value v;

    if (!value_get(object, name, strlen(name), &v)) {
        return absent;
    }
    return value_type(v) == VALUE_TRUE;
}

static struct status
read_status(const struct document *doc)
{
    struct value object;
    struct status s = {.odds_available = true};

    if (!VALUE_GET(document_root(doc), "status", &object) ||
        value_type(object) != VALUE_OBJECT) {
        return s;
    }
    s.known = true;
    s.live = flag(object, "live", false);
    s.started = flag(object, "started", false);
    s.ended = flag(object, "ended", false);
    s.completed = flag(object, "completed", false);
    s.finalized = flag(object, "finalized", false);
    s.cancelled = flag(object, "cancelled", false);
    s.odds_available = flag(object, "oddsAvailable", true);
    return s;
}

bool
rules_leaving(const struct feed *f, const struct document *doc)
{
    struct status s = read_status(doc);

    if (!s.known) {
        return false;
    }
    switch (f->kind) {
    case FEED_LIVE:
        return !s.live &&
               (s.ended || s.completed || s.finalized || s.cancelled);
    case FEED_UPCOMING:
        return s.started || s.cancelled || !s.odds_available;
    case FEED_BYID:
    case FEED_OTHER:
        break;
    }
    return false;
}

static bool
in_league(const struct feed *f, const struct document *doc)
{
    struct value v;

    if (f->league_id == NULL || strchr(f->league_id, ',') ||
        !VALUE_GET(document_root(doc), "leagueID", &v) ||
        value_type(v) != VALUE_STRING) {
        return true;
    }
    return text_equal_bytes(value_text(v), f->league_id, strlen(f->league_id));
}

bool
rules_listed(const struct feed *f, const struct document *doc)
{
    struct status s = read_status(doc);

    if (!s.known) {
        return true;
    }
    switch (f->kind) {
    case FEED_LIVE:
        return s.live;
    case FEED_UPCOMING:
        return !s.started && s.odds_available && in_league(f, doc);
    case FEED_BYID:
    case FEED_OTHER:
        break;
    }
    return true;
}

/* -1: b is earlier than a; 1: later; 0: equal or no two times. */
static int
compare_times(struct value a, struct value b)
{
    int64_t at, bt;
    struct text x, y;

    if (value_type(a) != VALUE_STRING || value_type(b) != VALUE_STRING) {
        return 0;
    }
    x = value_text(a);
    y = value_text(b);
    if (x.escaped || y.escaped || !time_parse_ns(x.raw, x.len, &at) ||
        !time_parse_ns(y.raw, y.len, &bt)) {
        return 0;
    }
    return bt < at ? -1 : bt > at;
}

bool
rules_stale_read(const struct changes *changes, const struct document *old_doc,
                 const struct document *new_doc)
{
    bool back = false;

    for (size_t i = 0; i < changes->n; i++) {
        const struct change *c = &changes->items[i];
        int order;

        if (!c->timestamp || c->kind != SGO_CHANGE_VALUE) {
            continue;
        }
        order = compare_times(change_old(c, old_doc), change_new(c, new_doc));
        if (order > 0) {
            return false;
        }
        back = back || order < 0;
    }
    return back;
}
