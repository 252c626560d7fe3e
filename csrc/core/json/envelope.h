/* The splitter of API answers: {"success":…, "data":[event, …], …} arrives in
 * pieces of any size and leaves as whole events, one by one, and a small rest
 * for cJSON.  Elements are not validated here beyond brackets and strings;
 * document_build does that. */
#ifndef SGO_JSON_ENVELOPE_H
#define SGO_JSON_ENVELOPE_H

#include "base/buf.h"

#define ENVELOPE_MAX_REST ((size_t)256 << 10)
#define ENVELOPE_MAX_ELEMENT ((size_t)32 << 20)
#define ENVELOPE_MAX_TOTAL ((uint64_t)1 << 30)

enum envelope_state {
    ENVELOPE_START,     /* white space, then the opening brace */
    ENVELOPE_FIRST_KEY, /* a key or the closing brace */
    ENVELOPE_KEY,       /* a key (behind a comma) */
    ENVELOPE_IN_KEY,    /* inside a top-level key */
    ENVELOPE_COLON,
    ENVELOPE_VALUE,         /* the first byte of a top-level value */
    ENVELOPE_IN_VALUE,      /* inside one that goes to the rest */
    ENVELOPE_AFTER_VALUE,   /* comma or closing brace */
    ENVELOPE_FIRST_ELEMENT, /* an element or the closing bracket */
    ENVELOPE_ELEMENT,       /* an element (behind a comma) */
    ENVELOPE_IN_ELEMENT,
    ENVELOPE_AFTER_ELEMENT, /* comma or closing bracket */
    ENVELOPE_END            /* only white space may follow */
};

struct envelope {
    enum envelope_state state;
    sgo_status status;  /* sticky once not SGO_OK */
    const char *reason; /* static; NULL while fine */
    const char *chunk;  /* borrowed from the last feed */
    size_t chunk_len;
    size_t at;      /* next byte of the chunk */
    uint64_t total; /* bytes fed */
    uint64_t max_total;
    uint32_t depth; /* open brackets in the value or element */
    bool in_string;
    bool after_backslash;
    bool scalar; /* the value or element is a bare literal */
    bool seen_data;
    bool key_is_data;
    bool handed_out;  /* element.data was given to the caller */
    size_t key_start; /* in rest, behind the opening quote */
    size_t elements;  /* handed out so far */
    struct buf rest;
    struct buf element; /* one that spans chunks */
};

void envelope_init(struct envelope *e, size_t max_rest, size_t max_element);
void envelope_fini(struct envelope *e);

/* Hand over the next piece of the body.  The bytes are borrowed until
 * envelope_next has returned SGO_AGAIN (or an error); feeding earlier loses
 * bytes and is an error of the caller. */
void envelope_feed(struct envelope *e, const char *bytes, size_t len);

/* The next whole element of `data`, valid until the next call of envelope_*.
 * SGO_OK, SGO_AGAIN (feed more, or finish), SGO_INVALID (not an envelope),
 * SGO_LIMIT (a maximum passed), SGO_NO_MEMORY; errors stay. */
sgo_status envelope_next(struct envelope *e, const char **element,
                         size_t *len);

/* The body has ended: the rest as a JSON object's text with `data` as null
 * where it was an array, NUL-terminated, valid until envelope_fini.
 * SGO_INVALID when the body was cut short. */
sgo_status envelope_finish(struct envelope *e, const char **rest, size_t *len);

#endif
