/* Which quote a place of a document stands in, told from the index alone.
 * Made for the places of a list of changes, which come mostly in order. */
#ifndef SGO_JSON_QUOTE_PLACE_H
#define SGO_JSON_QUOTE_PLACE_H

#include "json/document.h"

/* Records of the document's index; VALUE_LEAF: none yet. */
struct quote_places {
    const struct document *doc; /* borrowed; without equal keys */
    uint32_t odds;
    uint32_t odd; /* of the place found last, and so on */
    uint32_t books;
    uint32_t quote;
};

/* `odds` is the object of that name.  False: it is none, or the document is
 * not known to be without equal keys; then nothing can be found. */
bool quote_places_init(struct quote_places *places, struct value odds);

/* Find the odd, its byBookmaker and the quote in which a place stands, all
 * objects; they stay in `places` until the next call.  False: it stands in no
 * quote. */
bool quote_places_find(struct quote_places *places, uint32_t off);

/* The key of a record that stands in an object. */
struct text quote_places_key(const struct quote_places *places,
                             uint32_t record);

/* The quote found last. */
struct value quote_places_value(const struct quote_places *places);

/* Whether the quote found last holds no object and no array. */
bool quote_places_is_flat(const struct quote_places *places);

#endif
