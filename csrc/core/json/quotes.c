/* Reading quotes: one quote's members, and all quotes of a document. */
#include "json/quotes.h"

#include <string.h>

#include "json/walk.h"

/* The members of these names in one walk, of equal keys the last; doc == NULL
 * where there is none. */
static void
find_members(struct value object, const struct text *names, int n,
             struct value *found)
{
    struct walk w;
    struct walk_item item = {.off = 0};

    memset(found, 0, (size_t)n * sizeof(*found));
    if (object.doc == NULL || object.index == VALUE_LEAF ||
        object.doc->body[object.off] != '{') {
        return;
    }
    walk_init(&w, object.doc, object.index);
    while (walk_next(&w, &item)) {
        for (int i = 0; i < n; i++) {
            if (item.key.escaped ? text_equal(item.key, names[i])
                                 : item.key.len == names[i].len &&
                                       memcmp(item.key.raw, names[i].raw,
                                              names[i].len) == 0) {
                found[i] = (struct value){object.doc, item.off, item.index};
                break;
            }
        }
    }
}

/* A string's text, raw == NULL for anything else. */
static struct text
string_text(struct value v)
{
    if (v.doc == NULL || value_type(v) != VALUE_STRING) {
        return (struct text){NULL, 0, false};
    }
    return value_text(v);
}

/* A string's or number's text; raw == NULL for anything else. */
static struct text
scalar_text(struct value v)
{
    struct text none = {NULL, 0, false};
    size_t raw_len;
    const char *raw;

    if (v.doc == NULL) {
        return none;
    }
    switch (value_type(v)) {
    case VALUE_STRING:
        return value_text(v);
    case VALUE_NUMBER:
        raw = value_raw(v, &raw_len);
        return (struct text){raw, (uint32_t)raw_len, false};
    default:
        return none;
    }
}

/* The text's decoded bytes, in `room` when it holds escapes; false: longer
 * than any text of interest. */
static bool
decoded(struct text text, char room[64], const char **bytes, size_t *len)
{
    if (text.raw == NULL) {
        return false;
    }
    if (!text.escaped) {
        *bytes = text.raw;
        *len = text.len;
        return true;
    }
    *bytes = room;
    return text_decode(text, room, 64, len) == SGO_OK;
}

void
quote_read(struct value quote, struct quote_fields *out)
{
    enum {
        ODDS,
        SPREAD,
        OVER_UNDER,
        AVAILABLE,
        LAST_UPDATED_AT,
        DEEPLINK,
        MEMBERS
    };
    static const struct text names[MEMBERS] = {
        {"odds", 4, false},           {"spread", 6, false},
        {"overUnder", 9, false},      {"available", 9, false},
        {"lastUpdatedAt", 13, false}, {"deeplink", 8, false},
    };
    struct value found[MEMBERS], v;
    const char *bytes;
    char room[64];
    size_t len;

    *out = (struct quote_fields){.has_odds = false};
    find_members(quote, names, MEMBERS, found);
    out->odds = scalar_text(found[ODDS]);
    if (decoded(out->odds, room, &bytes, &len)) {
        out->has_odds = odds_parse(bytes, len, &out->odds_value);
    }
    if (out->odds.raw != NULL && !out->has_odds) {
        pool_tally(quote.doc->pool, DOCUMENT_TALLY_UNREADABLE, 1);
    }
    out->line = scalar_text(found[SPREAD]);
    if (out->line.raw == NULL) {
        out->line = scalar_text(found[OVER_UNDER]);
    }
    if (decoded(out->line, room, &bytes, &len)) {
        out->has_line = number_parse_double(bytes, len, &out->line_value);
    }
    v = found[AVAILABLE];
    if (v.doc != NULL) {
        enum value_type type = value_type(v);

        out->has_available = type == VALUE_TRUE || type == VALUE_FALSE;
        out->available = type == VALUE_TRUE;
    }
    if (decoded(scalar_text(found[LAST_UPDATED_AT]), room, &bytes, &len)) {
        out->has_last_updated_at =
            time_parse_ns(bytes, len, &out->last_updated_at_ns);
    }
    out->deeplink = string_text(found[DEEPLINK]);
}

void
odd_read(struct value odd, struct odd_fields *out)
{
    enum { MEMBERS = 6 };
    static const struct text names[MEMBERS] = {
        {"statID", 6, false},   {"statEntityID", 12, false},
        {"periodID", 8, false}, {"betTypeID", 9, false},
        {"sideID", 6, false},   {"playerID", 8, false},
    };
    struct value found[MEMBERS];

    find_members(odd, names, MEMBERS, found);
    out->stat_id = string_text(found[0]);
    out->stat_entity_id = string_text(found[1]);
    out->period_id = string_text(found[2]);
    out->bet_type_id = string_text(found[3]);
    out->side_id = string_text(found[4]);
    out->player_id = string_text(found[5]);
}

void
quote_iter_init(struct quote_iter *it, const struct document *doc,
                const struct show_filter *filter, bool alt_lines)
{
    struct value odds = {NULL, 0, VALUE_LEAF};

    *it = (struct quote_iter){.filter = filter, .alt_lines = alt_lines};
    if (VALUE_GET(document_root(doc), "odds", &odds) &&
        value_type(odds) != VALUE_OBJECT) {
        odds.doc = NULL;
    }
    value_iter_init(&it->odds, odds);
}

/* On to the next odd that is shown and has quotes. */
static bool
next_odd(struct quote_iter *it)
{
    struct quote *q = &it->current;
    struct value books;

    while (value_iter_next(&it->odds, &q->odd_id, &q->odd)) {
        if (it->filter != NULL && !show_odd(it->filter, q->odd_id)) {
            continue;
        }
        if (VALUE_GET(q->odd, "byBookmaker", &books) &&
            value_type(books) == VALUE_OBJECT) {
            value_iter_init(&it->books, books);
            it->in_books = true;
            return true;
        }
    }
    return false;
}

/* On to the next quote of the current odd. */
static bool
next_book(struct quote_iter *it)
{
    struct quote *q = &it->current;
    struct value lines;

    while (value_iter_next(&it->books, &q->bookmaker_id, &q->value)) {
        if (value_type(q->value) != VALUE_OBJECT ||
            (it->filter != NULL &&
             !show_bookmaker(it->filter, q->bookmaker_id))) {
            continue;
        }
        q->is_alt_line = false;
        q->position = 0;
        if (it->alt_lines && VALUE_GET(q->value, "altLines", &lines) &&
            value_type(lines) == VALUE_ARRAY) {
            value_iter_init(&it->lines, lines);
            it->in_lines = true;
        }
        return true;
    }
    it->in_books = false;
    return false;
}

/* On to the next alternative line of the current quote. */
static bool
next_line(struct quote_iter *it)
{
    struct quote *q = &it->current;

    while (value_iter_next(&it->lines, NULL, &q->value)) {
        q->position = q->is_alt_line ? q->position + 1 : 0;
        q->is_alt_line = true;
        if (value_type(q->value) == VALUE_OBJECT) {
            return true;
        }
    }
    it->in_lines = false;
    return false;
}

bool
quote_iter_next(struct quote_iter *it, struct quote *out)
{
    for (;;) {
        if ((it->in_lines && next_line(it)) ||
            (it->in_books && next_book(it))) {
            *out = it->current;
            return true;
        }
        if (!next_odd(it)) {
            return false;
        }
    }
}
