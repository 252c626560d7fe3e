/* What the fused pass asks of plain bytes, in the portable form and, where
 * the processor has it, with AVX2.  Private to json/update*.c. */
#ifndef SGO_JSON_UPDATE_BYTES_H
#define SGO_JSON_UPDATE_BYTES_H

#include <stdbool.h>
#include <stddef.h>

/* The last string that opens in a piece of text and is not closed in it. */
struct open_string {
    const char *quote; /* that opens it */
    const char *key;   /* the quote that opens the string in front of it, if
                          it is known; else NULL */
};

struct update_bytes {
    /* How many bytes are equal, at most max. */
    size_t (*common_prefix)(const char *a, const char *b, size_t max);

    /* Does `end` lie within a string, when `begin` does not?  False also when
     * a backslash stands between them.  Up to 64 bytes behind `end` are
     * read. */
    bool (*open_string)(const char *begin, const char *end,
                        struct open_string *out);

    /* From within a string to the first byte that is no plain letter of it:
     * a quote, a backslash, a control character, a byte above 0x7F.  Relies
     * on the padding behind the text. */
    const char *(*plain_end)(const char *p);
};

/* The best form for this processor, or the forced one.  Any thread. */
const struct update_bytes *update_bytes(void);

#endif
