/* json/glob: matching, and what is malformed. */
#include "json/glob.h"

#include "check.h"

static bool
match(const char *pattern, const char *text)
{
    CHECK(glob_check(pattern, strlen(pattern)) == NULL);
    return glob_match(pattern, strlen(pattern), text, strlen(text));
}

static void
patterns_match_whole_texts(void)
{
    CHECK(match("points-home-game-ml-home", "points-home-game-ml-home"));
    CHECK(!match("points-home-game-ml-home", "points-home-game-ml-homes"));
    CHECK(!match("points", "Points"));
    CHECK(match("points-*-game-*", "points-home-game-ml-home"));
    CHECK(match("points-*-game-*", "points-LEBRON_JAMES_1_NBA-game-ou-over"));
    CHECK(!match("points-*-game-*", "points-home-1h-ml-home"));
    CHECK(match("*", ""));
    CHECK(match("*", "abc"));
    CHECK(match("**", "abc"));
    CHECK(match("a*", "a"));
    CHECK(match("*a", "bca"));
    CHECK(!match("*a", "ab"));
    CHECK(match("*ab*ab*", "xabyabz"));
    CHECK(!match("*ab*ab*", "xabyaz"));
    CHECK(match("a*b*c", "aXbYbZc"));
    CHECK(match("?", "a"));
    CHECK(!match("?", ""));
    CHECK(!match("?", "ab"));
    CHECK(match("?", "\xC3\xA9"));
    CHECK(match("a?c", "a\xE2\x82\xAC"
                       "c"));
    CHECK(match("*?", "\xE2\x82\xAC"));
    CHECK(!match("??", "\xE2\x82\xAC"));
    CHECK(match("points+rebounds-*", "points+rebounds-X-game-ou-over"));
    CHECK(!match("a", ""));
}

static void
classes_match_one_character(void)
{
    CHECK(match("[abc]", "b"));
    CHECK(!match("[abc]", "d"));
    CHECK(match("*-[1-4]q-*", "points-home-3q-ml-home"));
    CHECK(!match("*-[1-4]q-*", "points-home-5q-ml-home"));
    CHECK(match("[!a-c]", "d"));
    CHECK(match("[^a-c]", "d"));
    CHECK(!match("[!a-c]", "b"));
    CHECK(match("[]]", "]"));
    CHECK(match("[!]]", "a"));
    CHECK(match("[a-]", "-"));
    CHECK(match("[-a]", "-"));
    CHECK(match("[!a]", "\xC3\xA9"));
    CHECK(!match("[a]", "\xC3\xA9"));
    CHECK(match("[*]", "*"));
    CHECK(!match("[*]", "a"));
    CHECK(!match("[a]", ""));
    CHECK(match("*[0-9]", "ab12"));
}

static void
malformed_patterns_are_named(void)
{
    static const char *const wrong[] = {
        "",      "[",    "[a",   "a[",         "[]",   "[!",  "[!]",
        "[z-a]", "a\nb", "\x7F", "[\xC3\xA9]", "*[a-", "[a-b"};
    char longest[GLOB_MAX_BYTES + 1];

    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        if (glob_check(wrong[i], strlen(wrong[i])) == NULL) {
            fprintf(stderr, "accepted: %s\n", wrong[i]);
            CHECK(false);
        }
    }
    memset(longest, 'a', sizeof(longest));
    CHECK(glob_check(longest, GLOB_MAX_BYTES) == NULL);
    CHECK(glob_check(longest, GLOB_MAX_BYTES + 1) != NULL);
    CHECK(glob_check("a\0b", 3) != NULL);
}

/* Stars do not multiply the work. */
static void
hostile_patterns_end_soon(void)
{
    char pattern[201], text[5000];

    for (int i = 0; i < 200; i += 2) {
        pattern[i] = '*';
        pattern[i + 1] = 'a';
    }
    pattern[200] = 'b';
    memset(text, 'a', sizeof(text));
    CHECK(!glob_match(pattern, 201, text, sizeof(text)));
    CHECK(glob_match(pattern, 200, text, sizeof(text)));
}

int
main(void)
{
    RUN(patterns_match_whole_texts);
    RUN(classes_match_one_character);
    RUN(malformed_patterns_are_named);
    RUN(hostile_patterns_end_soon);
    return check_done();
}
