/* Reading quotes: one quote's members, and all quotes of a document. */
#include "json/quotes.h"

#include <string.h>

#include "json/document_internal.h"
#include "json/walk.h"

/* A member's name; at least four bytes, so that two loads compare it. */
struct name {
    char bytes[16];
    uint32_t len;
};

#define NAME(literal)                                                         \
    {                                                                         \
        literal, sizeof(literal) - 1                                          \
    }

/* A member's value.  Of a string the text between its quotes, of any other
 * leaf all of it; of a container none (raw == NULL). */
struct member {
    struct text text;
    uint32_t off;
    uint32_t index;
    char first; /* the value's first byte; 0: there is no such member */
};

static inline bool
same_bytes(const char *a, const char *b, size_t n)
{
    return memcmp(a, b, n) == 0;
}

/* Whether n bytes, at least four and at most 16, are the name's. */
static inline bool
is_name(const char *bytes, const struct name *name)
{
    const uint32_t n = name->len;

    if (n <= 8) {
        return same_bytes(bytes, name->bytes, 4) &&
               same_bytes(bytes + n - 4, name->bytes + n - 4, 4);
    }
    return same_bytes(bytes, name->bytes, 8) &&
           same_bytes(bytes + n - 8, name->bytes + n - 8, 8);
}

/* Which of the names a key is; n: none. */
static inline int
which_name(struct text key, const struct name *names, int n)
{
    for (int i = 0; i < n; i++) {
        if (key.escaped
                ? text_equal_bytes(key, names[i].bytes, names[i].len)
                : key.len == names[i].len && is_name(key.raw, &names[i])) {
            return i;
        }
    }
    return n;
}

/* The value at p, a member of what is walked; w goes behind it. */
static inline struct member
read_member(struct walk *w, const char *p)
{
    struct member m = {
        {NULL, 0, false}, (uint32_t)(p - w->body), VALUE_LEAF, *p};
    const char *end;

    if (*p == '{' || *p == '[') {
        m.index = w->child;
        w->at = w->containers[w->child].end;
        w->child = w->containers[w->child].next;
        return m;
    }
    if (*p == '"') {
        end = walk_string(p, &m.text.escaped);
        m.text.raw = p + 1;
        m.text.len = (uint32_t)(end - p - 2);
    } else {
        end = walk_leaf(p);
        m.text.raw = p;
        m.text.len = (uint32_t)(end - p);
    }
    w->at = (uint32_t)(end - w->body);
    return m;
}

/* The members of these names in one walk, of equal keys the last.  Members
 * mostly stand in the order of the names. */
static void
find_members(struct value object, const struct name *names, int n,
             struct member *found)
{
    struct walk w;
    uint32_t lengths = 0; /* a bit for each */
    int guess = 0;

    for (int i = 0; i < n; i++) {
        found[i].first = 0;
        found[i].text.raw = NULL;
        lengths |= 1u << names[i].len;
    }
    if (object.doc == NULL || object.index == VALUE_LEAF ||
        object.doc->body[object.off] != '{') {
        return;
    }
    walk_init(&w, object.doc, object.index);
    for (;;) {
        const char *p = scanner_space(w.body + w.at);
        struct text key;
        struct member m;
        int at;

        if (*p == ',') {
            p = scanner_space(p + 1);
        } else if (*p == '}') {
            return;
        }
        at = guess;
        if (is_name(p + 1, &names[at]) && p[names[at].len + 1] == '"') {
            p += names[at].len + 2;
        } else {
            p = walk_key(p, &key);
            at = lengths >> (key.len & 31) & 1 || key.escaped
                     ? which_name(key, names, n)
                     : n;
        }
        m = read_member(&w, scanner_space(scanner_space(p) + 1));
        if (at < n) {
            found[at] = m;
            guess = at + 1 < n ? at + 1 : 0;
        }
    }
}

/* A string's text, raw == NULL for anything else. */
static struct text
string_text(const struct member *m)
{
    return m->first == '"' ? m->text : (struct text){NULL, 0, false};
}

/* A string's or number's text; raw == NULL for anything else. */
static struct text
scalar_text(const struct member *m)
{
    if (m->first == '"' || m->first == '-' ||
        (m->first >= '0' && m->first <= '9')) {
        return m->text;
    }
    return (struct text){NULL, 0, false};
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
        LAST_UPDATED_AT,
        AVAILABLE,
        DEEPLINK,
        MEMBERS
    };
    static const struct name names[MEMBERS] = {
        NAME("odds"),          NAME("spread"),    NAME("overUnder"),
        NAME("lastUpdatedAt"), NAME("available"), NAME("deeplink"),
    };
    struct member found[MEMBERS];
    const char *bytes;
    char room[64];
    size_t len;

    *out = (struct quote_fields){.has_odds = false};
    find_members(quote, names, MEMBERS, found);
    out->odds = scalar_text(&found[ODDS]);
    if (decoded(out->odds, room, &bytes, &len)) {
        out->has_odds = odds_parse(bytes, len, &out->odds_value);
    }
    if (out->odds.raw != NULL && !out->has_odds) {
        pool_tally(quote.doc->pool, DOCUMENT_TALLY_UNREADABLE, 1);
    }
    out->line = scalar_text(&found[SPREAD]);
    if (out->line.raw == NULL) {
        out->line = scalar_text(&found[OVER_UNDER]);
    }
    if (decoded(out->line, room, &bytes, &len)) {
        out->has_line = number_parse_double(bytes, len, &out->line_value);
    }
    out->available = found[AVAILABLE].first == 't';
    out->has_available = out->available || found[AVAILABLE].first == 'f';
    if (decoded(scalar_text(&found[LAST_UPDATED_AT]), room, &bytes, &len)) {
        out->has_last_updated_at =
            time_parse_ns(bytes, len, &out->last_updated_at_ns);
    }
    out->deeplink = string_text(&found[DEEPLINK]);
}

/* The ids in an odd, and the object of its quotes (doc == NULL: none). */
static void
read_odd(struct value odd, struct odd_fields *out, struct value *books)
{
    enum { BOOKS = 6, MEMBERS };
    static const struct name names[MEMBERS] = {
        NAME("statID"),
        NAME("statEntityID"),
        NAME("periodID"),
        NAME("betTypeID"),
        NAME("sideID"),
        NAME("playerID"),
        [BOOKS] = NAME("byBookmaker"),
    };
    struct member found[MEMBERS];

    find_members(odd, names, MEMBERS, found);
    out->stat_id = string_text(&found[0]);
    out->stat_entity_id = string_text(&found[1]);
    out->period_id = string_text(&found[2]);
    out->bet_type_id = string_text(&found[3]);
    out->side_id = string_text(&found[4]);
    out->player_id = string_text(&found[5]);
    books->doc = NULL;
    if (found[BOOKS].first == '{') {
        *books = (struct value){odd.doc, found[BOOKS].off, found[BOOKS].index};
    }
}

void
odd_read(struct value odd, struct odd_fields *out)
{
    struct value books;

    read_odd(odd, out, &books);
}

void
quote_iter_init(struct quote_iter *it, const struct document *doc,
                const struct show_filter *filter, bool alt_lines)
{
    struct value odds = {NULL, 0, VALUE_LEAF};

    *it = (struct quote_iter){.filter = filter, .alt_lines = alt_lines};
    document_is_distinct(doc); /* learnt once, not for each object each time */
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
        read_odd(q->odd, &it->odd_fields, &books);
        if (books.doc != NULL) {
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
