/* The reading of events and changes by quote: one bookmaker's price and line
 * for one odd, its alternative lines, and the consensus of an odd. */
#ifndef SGO_JSON_QUOTES_H
#define SGO_JSON_QUOTES_H

#include "json/diff.h"
#include "json/document.h"
#include "json/show.h"

/* One quote or alternative line; borrows the document. */
struct quote {
    struct text odd_id;       /* the key in `odds` */
    struct text bookmaker_id; /* the key in `byBookmaker` */
    struct value odd;         /* the odd's object */
    struct value value; /* the quote's object, or the alternative line's */
    bool is_alt_line;
    uint32_t position; /* of an alternative line in its array */
};

/* What stands in a quote.  Absent or odd members: see the has_* flags. */
struct quote_fields {
    struct text odds; /* raw == NULL: absent or not a string */
    bool has_odds;    /* odds_value holds the American odds */
    int32_t odds_value;
    struct text line; /* `spread`, else `overUnder`; raw == NULL: none */
    bool has_line;
    double line_value;
    bool has_available;
    bool available;
    bool has_last_updated_at;
    int64_t last_updated_at_ns; /* epoch */
    struct text deeplink;       /* raw == NULL: none */
};

/* Read a quote's object; a value that is no object (or has doc == NULL)
 * leaves all empty.  Numbers are accepted where the API sends strings.  Odds
 * that are there and unreadable are tallied with the document's pool.  Any
 * thread. */
void quote_read(struct value quote, struct quote_fields *out);

/* The ids that stand in an odd. */
struct odd_fields {
    struct text stat_id; /* raw == NULL: absent or not a string */
    struct text stat_entity_id;
    struct text period_id;
    struct text bet_type_id;
    struct text side_id;
    struct text player_id;
};

/* Read an odd's object; a value that is no object (or has doc == NULL) leaves
 * all empty.  Any thread. */
void odd_read(struct value odd, struct odd_fields *out);

/* Every quote of a document in its order: a quote, then (if asked) its
 * alternative lines.  Values that are no objects are passed over. */
struct quote_iter {
    const struct show_filter *filter; /* borrowed; NULL: all */
    bool alt_lines;
    struct value_iter odds;
    struct value_iter books;
    struct value_iter lines;
    bool in_books;
    bool in_lines;
    struct quote current;
    struct odd_fields odd_fields; /* of the current quote's odd */
};

void quote_iter_init(struct quote_iter *it, const struct document *doc,
                     const struct show_filter *filter, bool alt_lines);
bool quote_iter_next(struct quote_iter *it, struct quote *out);

/* One quote that differs.  The texts are borrowed from the side that has the
 * quote (the new one where both have); a side that lacks it has
 * value.doc == NULL. */
struct quote_change {
    struct text odd_id;
    struct text bookmaker_id;
    bool is_alt_line;
    struct value old_quote;
    struct value new_quote;
};

enum consensus_field {
    CONSENSUS_FAIR_ODDS,
    CONSENSUS_BOOK_ODDS,
    CONSENSUS_FAIR_SPREAD,
    CONSENSUS_BOOK_SPREAD,
    CONSENSUS_FAIR_OVER_UNDER,
    CONSENSUS_BOOK_OVER_UNDER,
    CONSENSUS_FIELDS
};

/* The field's name in the JSON ("fairOdds"…). */
const char *consensus_field_name(enum consensus_field field);

/* One consensus member that differs; doc == NULL on the side without it. */
struct consensus_change {
    struct text odd_id;
    enum consensus_field field;
    struct value old_value;
    struct value new_value;
};

/* Both borrow the two documents, which the holder keeps. */
struct quote_changes {
    size_t n;
    struct quote_change *items;
};

struct consensus_changes {
    size_t n;
    struct consensus_change *items;
};

/* Read a list of changes (as diff_compare gave it for these documents) by
 * quote: without quotes of which lastUpdatedAt alone changed; alternative
 * lines matched by line, not by position.  old_doc may be NULL (changes too):
 * every quote of new_doc is new; likewise new_doc NULL.  filter may be NULL.
 * In the order of the changes.  SGO_NO_MEMORY.  Any thread. */
sgo_status quotes_changed(const struct document *old_doc,
                          const struct document *new_doc,
                          const struct changes *changes,
                          const struct show_filter *filter,
                          struct quote_changes *out) SGO_WARN_UNUSED;
void quote_changes_fini(struct quote_changes *changes);

/* Likewise for the consensus members of odds. */
sgo_status consensus_changed(const struct document *old_doc,
                             const struct document *new_doc,
                             const struct changes *changes,
                             const struct show_filter *filter,
                             struct consensus_changes *out) SGO_WARN_UNUSED;
void consensus_changes_fini(struct consensus_changes *changes);

#endif
