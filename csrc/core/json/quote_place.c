/* Four levels of records, each walked on from where it stood.  Of the text
 * only the brackets and the key of byBookmaker are looked at. */
#include "json/quote_place.h"

#include "json/document_internal.h"

bool
quote_places_init(struct quote_places *places, struct value odds)
{
    *places = (struct quote_places){.doc = odds.doc,
                                    .odds = odds.index,
                                    .odd = VALUE_LEAF,
                                    .books = VALUE_LEAF,
                                    .quote = VALUE_LEAF};
    return odds.doc != NULL && odds.index != VALUE_LEAF &&
           odds.doc->body[odds.off] == '{' &&
           atomic_load_explicit(&odds.doc->distinct, memory_order_relaxed) ==
               DISTINCT_YES;
}

/* The object in `parent` around a place; the search begins at `from` if that
 * is one in the same parent and not behind the place. */
static uint32_t
child_around(const struct document *doc, uint32_t parent, uint32_t from,
             uint32_t off)
{
    const struct container *c = doc->containers;
    const uint32_t last = c[parent].next;
    uint32_t i = parent + 1;

    if (from != VALUE_LEAF && from > parent && from < last &&
        c[from].off <= off) {
        i = from;
    }
    while (i < last && c[i].end <= off) {
        i = c[i].next;
    }
    if (i >= last || c[i].off >= off || doc->body[c[i].off] != '{') {
        return VALUE_LEAF;
    }
    return i;
}

bool
quote_places_find(struct quote_places *places, uint32_t off)
{
    const struct document *doc = places->doc;
    const struct container *c = doc->containers;
    const uint32_t was_books = places->books, was_quote = places->quote;

    if (off <= c[places->odds].off || off >= c[places->odds].end) {
        return false;
    }
    places->odd = child_around(doc, places->odds, places->odd, off);
    if (places->odd == VALUE_LEAF) {
        return false;
    }
    places->books = child_around(doc, places->odd, VALUE_LEAF, off);
    if (places->books == VALUE_LEAF ||
        (places->books != was_books &&
         !text_equal_bytes(quote_places_key(places, places->books),
                           "byBookmaker", 11))) {
        places->books = VALUE_LEAF;
        return false;
    }
    places->quote =
        child_around(doc, places->books,
                     places->books == was_books ? was_quote : VALUE_LEAF, off);
    return places->quote != VALUE_LEAF;
}

struct text
quote_places_key(const struct quote_places *places, uint32_t record)
{
    return document_key(places->doc, places->doc->containers[record].key);
}

struct value
quote_places_value(const struct quote_places *places)
{
    return (struct value){places->doc,
                          places->doc->containers[places->quote].off,
                          places->quote};
}

bool
quote_places_is_flat(const struct quote_places *places)
{
    return places->doc->containers[places->quote].next == places->quote + 1;
}
