/* Leaves: strings, numbers, and the texts of this API (American odds, lines,
 * time stamps).  Input is always validated JSON or bytes with a length;
 * nothing here depends on the locale or allocates. */
#ifndef SGO_JSON_TEXT_H
#define SGO_JSON_TEXT_H

#include "base/types.h"

/* A JSON string as it stands between its quotes.  Borrowed from a document. */
struct text {
    const char *raw;
    uint32_t len;
    bool escaped; /* holds a backslash; else raw is the decoded UTF-8 */
};

/* The text of a NUL-terminated literal of ours. */
#define TEXT(literal) ((struct text){(literal), sizeof(literal) - 1, false})

/* Decode into out (cap >= text.len always suffices); *len gets the bytes.
 * Lone surrogates come as three bytes (WTF-8; Python: "surrogatepass"), a
 * pair as one character.  SGO_LIMIT when cap is too small.  Any thread. */
sgo_status text_decode(struct text text, char *out, size_t cap, size_t *len);

/* Equal as decoded strings.  Any thread. */
bool text_equal(struct text a, struct text b);

/* Equal to decoded bytes.  Any thread. */
bool text_equal_bytes(struct text a, const char *bytes, size_t len);

/* Hash of the decoded string: equal strings have equal hashes. */
uint64_t text_hash(struct text text, uint64_t seed);

/* A JSON number's class: true for 1.0 and 1e3, false for 1 and -0. */
bool number_is_float(const char *number, size_t len);

/* Equal as Python's json.loads values: 1 == 1.0, 0 == -0.0, integers of any
 * size exactly, floats as doubles. */
bool number_equal(const char *a, size_t a_len, const char *b, size_t b_len);

/* A JSON number, or a line with a leading plus ("+1.5", "226.5"), as double:
 * correctly rounded, overflow gives infinity.  False: not a number. */
bool number_parse_double(const char *text, size_t len, double *out);

/* A JSON integer that fits.  False: it does not, or is a float. */
bool number_parse_int64(const char *text, size_t len, int64_t *out);

/* American odds: an optional sign and one to nine digits, "-110", "+105",
 * "EVEN" in any case is 100.  False: not odds (then *out is untouched). */
bool odds_parse(const char *text, size_t len, int32_t *out);

/* The decimal price of American odds: +150 is 2.5, -200 is 1.5; |odds| < 100
 * (not American odds) gives false. */
bool odds_decimal(int32_t american, double *out);

/* "2025-08-27T20:03:50.406Z" as epoch nanoseconds; also without fraction,
 * with 1 to 9 digits of it, and with an offset +hh:mm in place of Z.
 * False: no such time stamp. */
bool time_parse_ns(const char *text, size_t len, int64_t *out);

#endif
