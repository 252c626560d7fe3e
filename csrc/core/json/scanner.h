/* The pieces of the scanner, for the fused update: one token, one value.
 * Private to json/.  All of them rely on the zero padding behind the text
 * instead of asking for the end at each byte: a zero byte ends every token,
 * and none of them reads more than SCAN_PADDING bytes behind it. */
#ifndef SGO_JSON_SCANNER_H
#define SGO_JSON_SCANNER_H

#include "json/scan.h"

struct scanner {
    const char *begin;
    const char *end;
    struct scan_index *index;
    uint32_t max; /* records the whole index may have */
    sgo_status status;
    const char *at;     /* where it failed */
    const char *reason; /* why */
};

/* Classes of bytes, for scanner_class[]. */
enum {
    CLASS_STRING = 1, /* ends the plain run of a string: " \ control >= 0x80 */
    CLASS_SPACE = 2,  /* space, tab, line feed, carriage return */
    CLASS_DIGIT = 4,
    CLASS_HEX = 8,
    CLASS_END = 16,  /* ends a number or literal: , ] } space NUL */
    CLASS_CLOSE = 32 /* , ] } */
};

extern const uint8_t scanner_class[256];

#define SCANNER_IS(p, class) (scanner_class[(uint8_t) * (p)] & (class))

static inline const char *
scanner_space(const char *p)
{
    while (SCANNER_IS(p, CLASS_SPACE)) {
        p++;
    }
    return p;
}

/* One character above U+007F; behind it, or NULL: not well-formed UTF-8. */
const char *scanner_character(const char *p);

/* p behind the backslash; behind the escape, or NULL. */
const char *scanner_escape(const char *p);

/* p at the opening quote; behind the closing one, or NULL (status set). */
const char *scanner_string(struct scanner *s, const char *p);

/* A string, number or literal; behind it, or NULL. */
const char *scanner_leaf(struct scanner *s, const char *p);

/* One value of any kind whose enclosing containers number `depth`; key is the
 * offset of its key or 0.  Appends the records of its containers. */
const char *scanner_value(struct scanner *s, const char *p, uint32_t depth,
                          uint32_t key);

#endif
