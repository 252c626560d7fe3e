/* Changes read by quote.  The list of changes only says where to look: which
 * quotes, odds or whole parts were touched.  There the two versions are
 * compared by what a quote means. */
#include <string.h>

#include "base/mem.h"
#include "json/path.h"
#include "json/quote_compare.h"
#include "json/quote_lines.h"
#include "json/quote_place.h"
#include "json/quotes.h"

static const struct value none = {NULL, 0, VALUE_LEAF};

static const char *const consensus_names[CONSENSUS_FIELDS] = {
    "fairOdds",   "bookOdds",      "fairSpread",
    "bookSpread", "fairOverUnder", "bookOverUnder",
};

const char *
consensus_field_name(enum consensus_field field)
{
    return consensus_names[field];
}

/* One reading of one list; either quotes or consensus is wanted. */
struct reading {
    const struct document *old_doc;
    const struct document *new_doc;
    const struct show_filter *filter;
    struct quote_changes *quotes; /* NULL: not wanted */
    struct consensus_changes *consensus;
    size_t cap;
    sgo_status status;
    struct path_namer namer;
    struct value old_odds; /* of the documents; none where there are none */
    struct value new_odds;
    /* Where the quotes of the odd touched last stand on the other side. */
    uint32_t last_odd; /* its record; VALUE_LEAF: none yet */
    bool last_odd_is_old;
    struct value last_books;
    /* The quote touched by the last change, so that it is compared once. */
    uint32_t last_old; /* its records; VALUE_LEAF: none yet */
    uint32_t last_new;
    /* Quotes found without names, in documents that allow it. */
    bool has_places;
    struct quote_places old_places;
    struct quote_places new_places;
    uint32_t named_odd; /* record of the new odd of the name below */
    struct text odd_id;
    bool odd_is_shown;
};

static bool
make_room(struct reading *r, void **items, size_t n, size_t size)
{
    size_t cap = r->cap ? r->cap * 2 : 32;
    void *bigger;

    if (n < r->cap) {
        return true;
    }
    bigger = r->status == SGO_OK ? mem_realloc(*items, cap * size) : NULL;
    if (bigger == NULL) {
        r->status = SGO_NO_MEMORY;
        return false;
    }
    *items = bigger;
    r->cap = cap;
    return true;
}

static void
add_quote(struct reading *r, const struct quote_change *change)
{
    void *items = r->quotes->items;

    if (make_room(r, &items, r->quotes->n, sizeof(*change))) {
        r->quotes->items = items;
        r->quotes->items[r->quotes->n++] = *change;
    }
}

static void
add_consensus(struct reading *r, const struct consensus_change *change)
{
    void *items = r->consensus->items;

    if (make_room(r, &items, r->consensus->n, sizeof(*change))) {
        r->consensus->items = items;
        r->consensus->items[r->consensus->n++] = *change;
    }
}

/* The value if it is an object, else none. */
static struct value
object_or_none(struct value v)
{
    return v.doc != NULL && value_type(v) == VALUE_OBJECT ? v : none;
}

static struct value
member(struct value object, const char *name, size_t len)
{
    struct value v;

    return value_get(object, name, len, &v) ? v : none;
}

#define MEMBER(object, literal)                                               \
    member((object), (literal), sizeof(literal) - 1)

/* --- alternative lines ------------------------------------------------ */

/* Compare the alternative lines of a quote, matched by line; `change` carries
 * the names. */
static void
compare_alt_lines(struct reading *r, struct quote_change change)
{
    struct value old_array = MEMBER(change.old_quote, "altLines");
    struct value new_array = MEMBER(change.new_quote, "altLines");
    struct line_table table;
    struct value_iter it;
    struct value element;
    struct alt_line line;
    const char *old_raw, *new_raw;
    size_t old_len, new_len;

    if (old_array.doc != NULL && value_type(old_array) != VALUE_ARRAY) {
        old_array = none;
    }
    if (new_array.doc != NULL && value_type(new_array) != VALUE_ARRAY) {
        new_array = none;
    }
    if (old_array.doc == NULL && new_array.doc == NULL) {
        return;
    }
    if (old_array.doc != NULL && new_array.doc != NULL) {
        old_raw = value_raw(old_array, &old_len);
        new_raw = value_raw(new_array, &new_len);
        if (old_len == new_len && memcmp(old_raw, new_raw, old_len) == 0) {
            return;
        }
    }
    change.is_alt_line = true;
    if (!line_table_init(&table, old_array)) {
        r->status = SGO_NO_MEMORY;
        goto out;
    }
    value_iter_init(&it, new_array);
    while (value_iter_next(&it, NULL, &element)) {
        if (value_type(element) != VALUE_OBJECT) {
            continue;
        }
        alt_line_read(element, &line);
        change.old_quote = line_table_take(&table, &line);
        change.new_quote = element;
        if (quotes_differ(change.old_quote, change.new_quote, NULL)) {
            add_quote(r, &change);
        }
    }
    change.new_quote = none;
    for (uint32_t i = 0; i < table.n; i++) {
        if (!table.lines[i].taken) {
            change.old_quote = table.lines[i].value;
            add_quote(r, &change);
        }
    }
out:
    line_table_fini(&table);
}

/* --- levels ----------------------------------------------------------- */

static void
compare_quotes(struct reading *r, struct text odd_id, struct text bookmaker_id,
               struct value old_value, struct value new_value)
{
    struct quote_change change = {
        .odd_id = odd_id,
        .bookmaker_id = bookmaker_id,
        .old_quote = object_or_none(old_value),
        .new_quote = object_or_none(new_value),
    };
    bool may_have_lines;

    if (r->filter != NULL && !show_bookmaker(r->filter, bookmaker_id)) {
        return;
    }
    if (quotes_differ(change.old_quote, change.new_quote, &may_have_lines)) {
        add_quote(r, &change);
    }
    if (may_have_lines) {
        compare_alt_lines(r, change);
    }
}

static void
compare_books(struct reading *r, struct text odd_id, struct value old_books,
              struct value new_books)
{
    struct value_iter it;
    struct text key;
    struct value old_value, new_value;

    old_books = object_or_none(old_books);
    new_books = object_or_none(new_books);
    value_iter_init(&it, new_books);
    while (value_iter_next(&it, &key, &new_value)) {
        if (!value_get_text(old_books, key, &old_value)) {
            old_value = none;
        }
        compare_quotes(r, odd_id, key, old_value, new_value);
    }
    value_iter_init(&it, old_books);
    while (value_iter_next(&it, &key, &old_value)) {
        if (!value_get_text(new_books, key, &new_value)) {
            compare_quotes(r, odd_id, key, old_value, none);
        }
    }
}

static void
compare_field(struct reading *r, struct text odd_id,
              enum consensus_field field, struct value old_value,
              struct value new_value)
{
    struct consensus_change change = {odd_id, field, old_value, new_value};

    if (old_value.doc == NULL && new_value.doc == NULL) {
        return;
    }
    if (old_value.doc != NULL && new_value.doc != NULL &&
        value_equal(old_value, new_value)) {
        return;
    }
    add_consensus(r, &change);
}

static void
compare_odds(struct reading *r, struct text odd_id, struct value old_odd,
             struct value new_odd)
{
    old_odd = object_or_none(old_odd);
    new_odd = object_or_none(new_odd);
    if (r->filter != NULL && !show_odd(r->filter, odd_id)) {
        return;
    }
    if (r->quotes != NULL) {
        compare_books(r, odd_id, MEMBER(old_odd, "byBookmaker"),
                      MEMBER(new_odd, "byBookmaker"));
        return;
    }
    for (int i = 0; i < CONSENSUS_FIELDS; i++) {
        const char *name = consensus_names[i];

        compare_field(r, odd_id, (enum consensus_field)i,
                      member(old_odd, name, strlen(name)),
                      member(new_odd, name, strlen(name)));
    }
}

static void
compare_all(struct reading *r, struct value old_odds, struct value new_odds)
{
    struct value_iter it;
    struct text key;
    struct value old_odd, new_odd;

    old_odds = object_or_none(old_odds);
    new_odds = object_or_none(new_odds);
    value_iter_init(&it, new_odds);
    while (value_iter_next(&it, &key, &new_odd)) {
        if (!value_get_text(old_odds, key, &old_odd)) {
            old_odd = none;
        }
        compare_odds(r, key, old_odd, new_odd);
    }
    value_iter_init(&it, old_odds);
    while (value_iter_next(&it, &key, &old_odd)) {
        if (!value_get_text(new_odds, key, &new_odd)) {
            compare_odds(r, key, old_odd, none);
        }
    }
}

static struct value
odds_of(const struct document *doc)
{
    return doc != NULL ? MEMBER(document_root(doc), "odds") : none;
}

/* --- changes ---------------------------------------------------------- */

/* A change inside a quote that is no news: the time stamp of the quote or of
 * one of its alternative lines. */
static bool
is_stamp_only(const struct path *path)
{
    return PATH_IS(path, 4, "lastUpdatedAt") ||
           (PATH_IS(path, 4, "altLines") && PATH_IS(path, 6, "lastUpdatedAt"));
}

/* The quotes, on the other side, of the odd that a change stands in. */
static struct value
books_of_other(struct reading *r, const struct path *path, bool is_old)
{
    struct value odd;

    if (r->last_odd != path->indexes[2] || r->last_odd_is_old != is_old) {
        r->last_odd = path->indexes[2];
        r->last_odd_is_old = is_old;
        r->last_books = none;
        if (value_get_text(is_old ? r->new_odds : r->old_odds,
                           path->steps[1].key, &odd)) {
            r->last_books = MEMBER(odd, "byBookmaker");
        }
    }
    return r->last_books;
}

/* The quote that a change stands in (path: odds, oddID, byBookmaker,
 * bookmakerID, …): the side that was named gives its record, the other is
 * found by name. */
static void
read_touched_quote(struct reading *r, const struct path *path, bool is_old)
{
    const struct document *here = is_old ? r->old_doc : r->new_doc;
    uint32_t record = path->indexes[4];
    struct value mine = {here, here->containers[record].off, record};
    struct value other;
    struct text bookmaker_id = path->steps[3].key;

    if (record == (is_old ? r->last_old : r->last_new) ||
        is_stamp_only(path)) {
        return;
    }
    if (!value_get_text(books_of_other(r, path, is_old), bookmaker_id,
                        &other)) {
        other = none;
    }
    r->last_old = is_old ? record : other.index;
    r->last_new = is_old ? other.index : record;
    compare_quotes(r, path->steps[1].key, bookmaker_id, is_old ? mine : other,
                   is_old ? other : mine);
}

static void
read_odd_member(struct reading *r, const struct path *path,
                struct value old_value, struct value new_value)
{
    struct text odd_id = path->steps[1].key;

    if (r->quotes != NULL) {
        if (PATH_IS(path, 2, "byBookmaker")) {
            compare_books(r, odd_id, old_value, new_value);
        }
        return;
    }
    for (int i = 0; i < CONSENSUS_FIELDS; i++) {
        const char *name = consensus_names[i];

        if (text_equal_bytes(path->steps[2].key, name, strlen(name))) {
            compare_field(r, odd_id, (enum consensus_field)i, old_value,
                          new_value);
        }
    }
}

static void
read_change(struct reading *r, const struct change *change)
{
    const struct path *path = path_namer_name(&r->namer, change);
    struct value old_value = change_old(change, r->old_doc);
    struct value new_value = change_new(change, r->new_doc);

    if (path->n == 0) {
        compare_all(r, r->old_odds, r->new_odds);
        return;
    }
    if (!PATH_IS(path, 0, "odds")) {
        return;
    }
    if (path->n == 1) {
        compare_all(r, old_value, new_value);
        return;
    }
    for (uint32_t i = 1; i < path->n && i < 4; i++) {
        if (path->steps[i].key.raw == NULL) {
            return; /* an array where objects are expected: no quotes */
        }
    }
    if (path->n == 2) {
        compare_odds(r, path->steps[1].key, old_value, new_value);
        return;
    }
    if (r->filter != NULL && !show_odd(r->filter, path->steps[1].key)) {
        return;
    }
    if (path->n == 3) {
        read_odd_member(r, path, old_value, new_value);
    } else if (r->quotes != NULL && PATH_IS(path, 2, "byBookmaker")) {
        if (path->n == 4) {
            compare_quotes(r, path->steps[1].key, path->steps[3].key,
                           old_value, new_value);
        } else if (path->steps[4].key.raw != NULL) {
            read_touched_quote(r, path, change->kind == SGO_CHANGE_REMOVED);
        }
    }
}

/* Whether the key before a value may be altLines, which is no news where it
 * is no array. */
static bool
may_be_lines(const char *value)
{
    static const char name[] = "altLines";
    const char *p = value - 2;

    if (p[0] != '"' || p[1] != ':') {
        return true; /* white space */
    }
    do {
        p--;
    } while (*p != '"' && *p != '\\');
    return *p == '\\' || memcmp(p + 1, name, sizeof(name) - 1) == 0;
}

/* The usual change: inside a quote that stands on both sides.  Then the two
 * places tell which, without any name.  In a quote that holds leaves alone a
 * leaf that has changed is a difference, unless it is the time stamp.  False:
 * not so, read it by name. */
static bool
read_by_place(struct reading *r, const struct change *change)
{
    struct quote_places *old_side = &r->old_places, *new_side = &r->new_places;
    struct quote_change found;
    bool flat;

    if (!r->has_places || change->kind != SGO_CHANGE_VALUE ||
        !quote_places_find(new_side, change->new_off) ||
        !quote_places_find(old_side, change->old_off)) {
        return false;
    }
    flat = quote_places_is_flat(new_side) && quote_places_is_flat(old_side);
    if (change->timestamp) {
        return flat;
    }
    if (r->named_odd != new_side->odd) {
        r->named_odd = new_side->odd;
        r->odd_id = quote_places_key(new_side, new_side->odd);
        r->odd_is_shown = r->filter == NULL || show_odd(r->filter, r->odd_id);
    }
    if (!r->odd_is_shown) {
        return true;
    }
    r->last_old = old_side->quote;
    r->last_new = new_side->quote;
    found = (struct quote_change){
        .odd_id = r->odd_id,
        .bookmaker_id = quote_places_key(new_side, new_side->quote),
        .old_quote = quote_places_value(old_side),
        .new_quote = quote_places_value(new_side),
    };
    if (!flat || may_be_lines(r->new_doc->body + change->new_off)) {
        compare_quotes(r, found.odd_id, found.bookmaker_id, found.old_quote,
                       found.new_quote);
    } else if (r->filter == NULL ||
               show_bookmaker(r->filter, found.bookmaker_id)) {
        add_quote(r, &found);
    }
    return true;
}

/* Whether a change stands in the quote that was compared last. */
static bool
is_in_last_quote(const struct reading *r, const struct change *change)
{
    const bool is_old = change->kind == SGO_CHANGE_REMOVED;
    const struct document *doc = is_old ? r->old_doc : r->new_doc;
    const uint32_t record = is_old ? r->last_old : r->last_new;
    const uint32_t off = is_old ? change->old_off : change->new_off;

    return record != VALUE_LEAF && doc->containers[record].off < off &&
           off < doc->containers[record].end;
}

static void
read_changes(struct reading *r, const struct changes *changes)
{
    if (r->old_doc == NULL || r->new_doc == NULL) {
        compare_all(r, r->old_odds, r->new_odds);
        return;
    }
    path_namer_init(&r->namer, r->old_doc, r->new_doc);
    r->named_odd = VALUE_LEAF;
    r->has_places = r->quotes != NULL &&
                    quote_places_init(&r->old_places, r->old_odds) &&
                    quote_places_init(&r->new_places, r->new_odds);
    for (size_t i = 0; i < changes->n && r->status == SGO_OK; i++) {
        const struct change *change = &changes->items[i];

        if (!is_in_last_quote(r, change) && /* else nothing new: no name */
            !read_by_place(r, change)) {
            read_change(r, change);
        }
    }
}

/* Fill the lists that are given; out of memory, what they have stays. */
static sgo_status
read_lists(const struct document *old_doc, const struct document *new_doc,
           const struct changes *changes, const struct show_filter *filter,
           struct quote_changes *quotes, struct consensus_changes *consensus)
{
    struct reading r = {.old_doc = old_doc,
                        .new_doc = new_doc,
                        .filter = filter,
                        .quotes = quotes,
                        .consensus = consensus,
                        .status = SGO_OK,
                        .old_odds = odds_of(old_doc),
                        .new_odds = odds_of(new_doc),
                        .last_odd = VALUE_LEAF,
                        .last_old = VALUE_LEAF,
                        .last_new = VALUE_LEAF};

    read_changes(&r, changes);
    return r.status;
}

sgo_status
quotes_changed(const struct document *old_doc, const struct document *new_doc,
               const struct changes *changes, const struct show_filter *filter,
               struct quote_changes *out)
{
    struct quote_changes list = {0, NULL};
    sgo_status status =
        read_lists(old_doc, new_doc, changes, filter, &list, NULL);

    if (status != SGO_OK) {
        quote_changes_fini(&list);
        return status;
    }
    *out = list;
    return SGO_OK;
}

void
quote_changes_fini(struct quote_changes *changes)
{
    mem_free(changes->items);
    *changes = (struct quote_changes){0, NULL};
}

sgo_status
consensus_changed(const struct document *old_doc,
                  const struct document *new_doc,
                  const struct changes *changes,
                  const struct show_filter *filter,
                  struct consensus_changes *out)
{
    struct consensus_changes list = {0, NULL};
    sgo_status status =
        read_lists(old_doc, new_doc, changes, filter, NULL, &list);

    if (status != SGO_OK) {
        consensus_changes_fini(&list);
        return status;
    }
    *out = list;
    return SGO_OK;
}

void
consensus_changes_fini(struct consensus_changes *changes)
{
    mem_free(changes->items);
    *changes = (struct consensus_changes){0, NULL};
}
