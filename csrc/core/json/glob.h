/* Simple patterns over names: `*` any run of bytes, `?` one character,
 * `[abc]`, `[a-z]`, `[!a-z]` one character of a class (ASCII members). */
#ifndef SGO_JSON_GLOB_H
#define SGO_JSON_GLOB_H

#include "base/types.h"

/* Longest pattern; matching costs at most pattern times text. */
enum { GLOB_MAX_BYTES = 256 };

/* NULL when well formed; else a static text that says what is wrong: empty,
 * too long, an unclosed or empty class, a range that runs backwards, a
 * control character.  Any thread. */
const char *glob_check(const char *pattern, size_t len);

/* The whole text matches the (well-formed) pattern; case counts.  Any thread.
 */
bool glob_match(const char *pattern, size_t pattern_len, const char *text,
                size_t len);

#endif
