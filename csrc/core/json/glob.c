/* Matching with one remembered star: the last one is the only one worth
 * returning to. */
#include "json/glob.h"

/* Behind the class that opens at p (the bracket), or NULL.  When c is not
 * negative, *hit says whether it is a member. */
static const char *class(const char *p, const char *end, int c, bool *hit,
                         const char **wrong)
{
    bool negated = false, found = false, first = true;

    p++;
    if (p < end && (*p == '!' || *p == '^')) {
        negated = true;
        p++;
    }
    for (;; first = false) {
        uint8_t low, high;

        if (p == end) {
            *wrong = "a class without its closing bracket";
            return NULL;
        }
        if (*p == ']' && !first) {
            break;
        }
        low = high = (uint8_t)*p++;
        if (end - p >= 2 && p[0] == '-' && p[1] != ']') {
            high = (uint8_t)p[1];
            p += 2;
        }
        if (low >= 0x80 || high >= 0x80) {
            *wrong = "a class with a character that is not ASCII";
            return NULL;
        }
        if (low > high) {
            *wrong = "a range that runs backwards";
            return NULL;
        }
        found = found || (c >= low && c <= high);
    }
    *hit = found != negated;
    return p + 1;
}

const char *
glob_check(const char *pattern, size_t len)
{
    const char *p = pattern, *end = pattern + len;
    const char *wrong = NULL;
    bool hit;

    if (len == 0) {
        return "an empty pattern";
    }
    if (len > GLOB_MAX_BYTES) {
        return "a pattern longer than 256 bytes";
    }
    while (p < end) {
        if ((uint8_t)*p < 0x20 || *p == 0x7F) {
            return "a control character";
        }
        if (*p == '[') {
            p = class(p, end, -1, &hit, &wrong);
            if (p == NULL) {
                return wrong;
            }
        } else {
            p++;
        }
    }
    return NULL;
}

/* Behind the character at p. */
static const char *
character(const char *p, const char *end)
{
    p++;
    while (p < end && ((uint8_t)*p & 0xC0) == 0x80) {
        p++;
    }
    return p;
}

/* One pattern element (no star) against one character: behind the element,
 * or NULL; *text moves on. */
static const char *
match_one(const char *p, const char *pattern_end, const char **text,
          const char *end)
{
    const char *wrong;
    bool hit;

    if (*p == '?') {
        *text = character(*text, end);
        return p + 1;
    }
    if (*p == '[') {
        uint8_t c = (uint8_t) * *text;

        p = class(p, pattern_end, c < 0x80 ? c : 0x80, &hit, &wrong);
        *text = character(*text, end);
        return p != NULL && hit ? p : NULL;
    }
    return *p == *(*text)++ ? p + 1 : NULL;
}

bool
glob_match(const char *pattern, size_t pattern_len, const char *text,
           size_t len)
{
    const char *p = pattern, *pattern_end = pattern + pattern_len;
    const char *t = text, *end = text + len;
    const char *star = NULL, *resume = NULL;

    while (t < end || p < pattern_end) {
        if (p < pattern_end && *p == '*') {
            star = ++p;
            resume = t;
            continue;
        }
        if (p < pattern_end && t < end) {
            const char *after = t;
            const char *next = match_one(p, pattern_end, &after, end);

            if (next != NULL) {
                p = next;
                t = after;
                continue;
            }
        }
        if (star == NULL || resume == end) {
            return false;
        }
        t = ++resume;
        p = star;
    }
    return true;
}
