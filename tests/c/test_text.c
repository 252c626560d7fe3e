/* json/text: strings, numbers, odds, time stamps. */
#include "json/text.h"

#include <locale.h>
#include <math.h>
#include <stdlib.h>

#include "base/rand.h"
#include "check.h"

#define RAW(literal)                                                          \
    ((struct text){literal, sizeof(literal) - 1,                              \
                   memchr(literal, '\\', sizeof(literal) - 1) != NULL})

static void
check_decode(struct text text, const char *expected, size_t n)
{
    char out[64];
    size_t len = 99;

    CHECK_INT(text_decode(text, out, sizeof(out), &len), SGO_OK);
    CHECK_MEM(out, len, expected, n);
    CHECK(text_equal_bytes(text, expected, n));
    if (n > 0) {
        CHECK_INT(text_decode(text, out, n - 1, &len), SGO_LIMIT);
        CHECK(!text_equal_bytes(text, expected, n - 1));
    }
}

static void
strings_decode(void)
{
    check_decode(RAW(""), "", 0);
    check_decode(RAW("abc"), "abc", 3);
    check_decode(RAW("\xC3\xA9"), "\xC3\xA9", 2);
    check_decode(RAW("\\\"\\\\\\/\\b\\f\\n\\r\\t"), "\"\\/\b\f\n\r\t", 8);
    check_decode(RAW("\\u0041\\u00e9\\u00E9\\u20ac"),
                 "A\xC3\xA9\xC3\xA9\xE2\x82\xAC", 8);
    check_decode(RAW("\\ud83c\\udfc8"), "\xF0\x9F\x8F\x88", 4);
    check_decode(RAW("a\\u0000b"), "a\0b", 3);
    /* Lone surrogates: three bytes each, as Python's surrogatepass. */
    check_decode(RAW("\\ud83c"), "\xED\xA0\xBC", 3);
    check_decode(RAW("\\udfc8\\ud83c"), "\xED\xBF\x88\xED\xA0\xBC", 6);
    check_decode(RAW("\\ud83cx"), "\xED\xA0\xBCx", 4);
    check_decode(RAW("\\ud83c\\n"), "\xED\xA0\xBC\n", 4);
    check_decode(RAW("\\ud83c\\ud83c\\udfc8"), "\xED\xA0\xBC\xF0\x9F\x8F\x88",
                 7);
}

static void
check_equal(struct text a, struct text b, bool expected)
{
    CHECK(text_equal(a, b) == expected);
    CHECK(text_equal(b, a) == expected);
    for (uint64_t seed = 0; seed < 3; seed++) {
        CHECK((text_hash(a, seed) == text_hash(b, seed)) == expected);
    }
}

static void
strings_compare_decoded(void)
{
    check_equal(RAW("abc"), RAW("abc"), true);
    check_equal(RAW("abc"), RAW("abd"), false);
    check_equal(RAW("abc"), RAW("ab"), false);
    check_equal(RAW("\\u0061bc"), RAW("abc"), true);
    check_equal(RAW("\\u0061bc"), RAW("a\\u0062c"), true);
    check_equal(RAW("\\u00e9"), RAW("\xC3\xA9"), true);
    check_equal(RAW("\\ud83c\\udfc8"), RAW("\xF0\x9F\x8F\x88"), true);
    check_equal(RAW("\\n"), RAW("n"), false);
    check_equal(RAW("\\\\n"), RAW("\\n"), false);
    check_equal(RAW("\\/"), RAW("/"), true);
    check_equal(RAW("a\\u0000"), RAW("a"), false);
    check_equal(RAW("12345678"), RAW("1234567\\u0038"), true);
    check_equal(RAW("123456789abcdefg"), RAW("1234567\\u00389abcdef\\u0067"),
                true);
    check_equal(RAW("12345678"), RAW("123456780"), false);
    CHECK(!text_equal_bytes(RAW("\\u0061"), "", 0));
    CHECK(text_equal_bytes(RAW(""), "", 0));
}

static void
check_number(const char *text, double expected)
{
    double out = -1;

    CHECK(number_parse_double(text, strlen(text), &out));
    if (!(out == expected && signbit(out) == signbit(expected))) {
        fprintf(stderr, "%s gave %.17g\n", text, out);
        CHECK(false);
    }
}

static void
numbers_become_the_nearest_double(void)
{
    static const char *const wrong[] = {"",    "-",   "+",  "1.",  ".5",
                                        "1e",  "1e+", "1x", "0x1", "nan",
                                        "1,5", " 1",  "1 ", "--1", "1e5.0"};
    char text[64];
    struct rand r;
    double out = 42;

    check_number("0", 0.0);
    check_number("-0", -0.0);
    check_number("+0", 0.0);
    check_number("226.5", 226.5);
    check_number("+1.5", 1.5);
    check_number("-4.5", -4.5);
    check_number("0.1", 0.1);
    check_number("1e3", 1000);
    check_number("1E-2", 0.01);
    check_number("9007199254740993", 9007199254740992.0);
    check_number("1e400", INFINITY);
    check_number("-1e400", -INFINITY);
    check_number("1e-400", 0.0);
    check_number("123456789012345678", 123456789012345678.0);
    check_number("0.000000000000000000000001", 1e-24);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        CHECK(!number_parse_double(wrong[i], strlen(wrong[i]), &out));
    }
    CHECK(out == 42);

    rand_init(&r, 3);
    for (int i = 0; i < 20000; i++) {
        int decimals = (int)rand_between(&r, 0, 12);
        double value = (double)rand_between(&r, -1000000000, 1000000000) /
                       pow(10, decimals);

        snprintf(text, sizeof(text), "%.*f", decimals, value);
        CHECK(number_parse_double(text, strlen(text), &out));
        CHECK(out == strtod(text, NULL));
    }
}

static void
the_locale_does_not_matter(void)
{
    double out;

    /* Where the system has it; the slow path is the one at risk. */
    if (setlocale(LC_ALL, "de_DE.UTF-8") == NULL) {
        setlocale(LC_ALL, "");
    }
    check_number("1234567890.123456789", 1234567890.123456789);
    CHECK(number_parse_double("1.5e1", 5, &out) && out == 15);
    CHECK(number_equal("15.0", 4, "15", 2));
    setlocale(LC_ALL, "C");
}

static void
check_same(const char *a, const char *b, bool expected)
{
    CHECK(number_equal(a, strlen(a), b, strlen(b)) == expected);
    CHECK(number_equal(b, strlen(b), a, strlen(a)) == expected);
    if (number_equal(a, strlen(a), b, strlen(b)) != expected) {
        fprintf(stderr, "%s, %s\n", a, b);
    }
}

static void
numbers_compare_as_python_would(void)
{
    check_same("1", "1", true);
    check_same("1", "2", false);
    check_same("1", "1.0", true);
    check_same("1.0", "1.00", true);
    check_same("1e2", "100", true);
    check_same("0", "-0", true);
    check_same("-0.0", "0", true);
    check_same("-1", "1", false);
    check_same("10", "1", false);
    check_same("0.1", "1e-1", true);
    check_same("1e400", "1e500", true);
    check_same("1e400", "-1e400", false);
    check_same("9007199254740993", "9007199254740992", false);
    check_same("9007199254740993", "9007199254740992.0", false);
    check_same("9007199254740992", "9007199254740993.0", true);
    check_same("100000000000000000000000", "1e23", false);
    check_same("99999999999999991611392", "1e23", true);
    check_same("1.5", "1", false);
    check_same("12345678901234567890", "12345678901234567891", false);
    CHECK(number_is_float("1.0", 3));
    CHECK(number_is_float("1E3", 3));
    CHECK(!number_is_float("-12", 3));
}

static void
integers_fit_or_not(void)
{
    int64_t out = 5;

    CHECK(number_parse_int64("9223372036854775807", 19, &out));
    CHECK_INT(out, INT64_MAX);
    CHECK(number_parse_int64("-9223372036854775808", 20, &out));
    CHECK_INT(out, INT64_MIN);
    CHECK(number_parse_int64("-0", 2, &out));
    CHECK_INT(out, 0);
    CHECK(!number_parse_int64("9223372036854775808", 19, &out));
    CHECK(!number_parse_int64("-9223372036854775809", 20, &out));
    CHECK(!number_parse_int64("99999999999999999999", 20, &out));
    CHECK(!number_parse_int64("1.0", 3, &out));
    CHECK(!number_parse_int64("", 0, &out));
    CHECK(!number_parse_int64("-", 1, &out));
    CHECK_INT(out, 0);
}

static void
american_odds_parse(void)
{
    static const char *const wrong[] = {
        "", "+", "-", "1.5", "-110 ", "N/A", "EVE", "1e3", "1234567890"};
    int32_t odds = 7;
    double decimal = 0;

    CHECK(odds_parse("-110", 4, &odds));
    CHECK_INT(odds, -110);
    CHECK(odds_parse("+105", 4, &odds));
    CHECK_INT(odds, 105);
    CHECK(odds_parse("250", 3, &odds));
    CHECK_INT(odds, 250);
    CHECK(odds_parse("-100000", 7, &odds));
    CHECK_INT(odds, -100000);
    CHECK(odds_parse("Even", 4, &odds));
    CHECK_INT(odds, 100);
    odds = 7;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        CHECK(!odds_parse(wrong[i], strlen(wrong[i]), &odds));
    }
    CHECK_INT(odds, 7);

    CHECK(odds_decimal(150, &decimal) && decimal == 2.5);
    CHECK(odds_decimal(-200, &decimal) && decimal == 1.5);
    CHECK(odds_decimal(100, &decimal) && decimal == 2.0);
    CHECK(odds_decimal(-100, &decimal) && decimal == 2.0);
    CHECK(!odds_decimal(99, &decimal));
    CHECK(!odds_decimal(0, &decimal));
    CHECK(!odds_decimal(-99, &decimal));
}

static void
check_time(const char *text, int64_t expected)
{
    int64_t ns = -1;

    CHECK(time_parse_ns(text, strlen(text), &ns));
    CHECK_INT(ns, expected);
}

static void
time_stamps_parse(void)
{
    static const char *const wrong[] = {
        "",
        "2025-08-27",
        "2025-08-27T20:03:50",
        "2025-08-27T20:03:50.Z",
        "2025-08-27 20:03:50Z",
        "2025-13-27T20:03:50Z",
        "2025-00-27T20:03:50Z",
        "2025-02-29T20:03:50Z",
        "2025-04-31T20:03:50Z",
        "2025-08-27T24:03:50Z",
        "2025-08-27T20:60:50Z",
        "2025-08-27T20:03:60Z",
        "2025-08-27T20:03:50.1234567890Z",
        "2025-08-27T20:03:50+0100",
        "2025-08-27T20:03:50+24:00",
        "2025-08-27T20:03:50.406ZZ",
        "1600-08-27T20:03:50Z",
        "9999-08-27T20:03:50Z",
        "2025-08-27T20:0x:50Z",
    };
    int64_t ns = 11;

    check_time("1970-01-01T00:00:00Z", 0);
    check_time("1970-01-01T00:00:00.001Z", 1000000);
    check_time("1969-12-31T23:59:59.999Z", -1000000);
    check_time("2025-08-27T20:03:50.406Z", INT64_C(1756325030406000000));
    check_time("2000-02-29T12:00:00Z", INT64_C(951825600000000000));
    check_time("2024-12-31T23:59:59.123456789Z", INT64_C(1735689599123456789));
    check_time("2025-08-27T22:03:50.406+02:00", INT64_C(1756325030406000000));
    check_time("2025-08-27T15:33:50.406-04:30", INT64_C(1756325030406000000));
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        CHECK(!time_parse_ns(wrong[i], strlen(wrong[i]), &ns));
    }
    CHECK_INT(ns, 11);
}

int
main(void)
{
    RUN(strings_decode);
    RUN(strings_compare_decoded);
    RUN(numbers_become_the_nearest_double);
    RUN(the_locale_does_not_matter);
    RUN(numbers_compare_as_python_would);
    RUN(integers_fit_or_not);
    RUN(american_odds_parse);
    RUN(time_stamps_parse);
    return check_done();
}
