/* Numbers, American odds and time stamps: the part of text.h that computes.
 */
#include "json/text.h"

#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef __APPLE__
#include <xlocale.h>
#endif

#include "json/scan.h"

static pthread_once_t locale_once = PTHREAD_ONCE_INIT;
static locale_t c_locale;

static void
make_locale(void)
{
    c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
}

/* The long way to a double, correctly rounded: strtod in the C locale.  text
 * matches the number grammar. */
static bool
parse_slowly(const char *text, size_t len, double *out)
{
    char copy[SCAN_MAX_NUMBER_BYTES + 1];

    if (len > SCAN_MAX_NUMBER_BYTES) {
        return false;
    }
    memcpy(copy, text, len);
    copy[len] = '\0';
    pthread_once(&locale_once, make_locale);
    if (c_locale == (locale_t)0) {
        return false;
    }
    *out = strtod_l(copy, NULL, c_locale);
    return true;
}

static bool
is_digit(char c)
{
    return c >= '0' && c <= '9';
}

bool
number_parse_double(const char *text, size_t len, double *out)
{
    static const double powers[] = {
        1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
        1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    const char *p = text, *end = text + len;
    uint64_t mantissa = 0;
    int digits = 0, fraction = 0;
    bool negative = false;
    double value;

    if (p < end && (*p == '-' || *p == '+')) {
        negative = *p++ == '-';
    }
    if (p == end || !is_digit(*p)) {
        return false;
    }
    for (; p < end && is_digit(*p); p++) {
        mantissa = mantissa * 10 + (uint64_t)(*p - '0');
        digits += digits > 0 || *p != '0';
    }
    if (p < end && *p == '.') {
        p++;
        if (p == end || !is_digit(*p)) {
            return false;
        }
        for (; p < end && is_digit(*p); p++) {
            mantissa = mantissa * 10 + (uint64_t)(*p - '0');
            digits += digits > 0 || *p != '0';
            fraction++;
        }
    }
    if (p < end && (*p == 'e' || *p == 'E')) {
        p++;
        if (p < end && (*p == '-' || *p == '+')) {
            p++;
        }
        if (p == end) {
            return false;
        }
        for (; p < end; p++) {
            if (!is_digit(*p)) {
                return false;
            }
        }
        return parse_slowly(text, len, out);
    }
    if (p != end) {
        return false;
    }
    /* Both exact as doubles: one division rounds once. */
    if (digits > 15 || fraction > 22) {
        return parse_slowly(text, len, out);
    }
    value = (double)mantissa / powers[fraction];
    *out = negative ? -value : value;
    return true;
}

bool
number_is_float(const char *number, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (number[i] == '.' || number[i] == 'e' || number[i] == 'E') {
            return true;
        }
    }
    return false;
}

bool
number_parse_int64(const char *text, size_t len, int64_t *out)
{
    const char *p = text, *end = text + len;
    uint64_t value = 0, max = INT64_MAX;
    bool negative = false;

    if (p < end && *p == '-') {
        negative = true;
        max++;
        p++;
    }
    if (p == end) {
        return false;
    }
    for (; p < end; p++) {
        uint64_t digit = (uint64_t)(*p - '0');

        if (!is_digit(*p) || value > (max - digit) / 10) {
            return false;
        }
        value = value * 10 + digit;
    }
    *out = negative ? (int64_t)(0 - value) : (int64_t)value;
    return true;
}

/* A double and an integer's text, exactly: the double's own digits, where it
 * is whole, against the text's. */
static bool
equal_exactly(double d, const char *integer, size_t len)
{
    char text[512]; /* DBL_MAX has 309 digits */
    int n;

    if (!isfinite(d) || d != floor(d)) {
        return false;
    }
    n = snprintf(text, sizeof(text), "%.0f", d);
    if (d == 0) {
        return (len == 1 && integer[0] == '0') ||
               (len == 2 && memcmp(integer, "-0", 2) == 0);
    }
    return n > 0 && (size_t)n == len && memcmp(text, integer, len) == 0;
}

bool
number_equal(const char *a, size_t a_len, const char *b, size_t b_len)
{
    bool a_float, b_float;
    double x, y;

    if (a_len == b_len && memcmp(a, b, a_len) == 0) {
        return true;
    }
    a_float = number_is_float(a, a_len);
    b_float = number_is_float(b, b_len);
    if (!a_float && !b_float) { /* no leading zeros: only 0 and -0 remain */
        size_t a_at = a_len > 0 && a[0] == '-';
        size_t b_at = b_len > 0 && b[0] == '-';

        return a_len - a_at == 1 && a[a_at] == '0' && b_len - b_at == 1 &&
               b[b_at] == '0';
    }
    if (a_float && !number_parse_double(a, a_len, &x)) {
        return false;
    }
    if (b_float && !number_parse_double(b, b_len, &y)) {
        return false;
    }
    if (a_float && b_float) {
        return x == y;
    }
    return a_float ? equal_exactly(x, b, b_len) : equal_exactly(y, a, a_len);
}

bool
odds_parse(const char *text, size_t len, int32_t *out)
{
    const char *p = text, *end = text + len;
    bool negative = false;
    int32_t value = 0;

    if (len == 4 && (p[0] | 0x20) == 'e' && (p[1] | 0x20) == 'v' &&
        (p[2] | 0x20) == 'e' && (p[3] | 0x20) == 'n') {
        *out = 100;
        return true;
    }
    if (p < end && (*p == '-' || *p == '+')) {
        negative = *p++ == '-';
    }
    if (p == end || end - p > 9) {
        return false;
    }
    for (; p < end; p++) {
        if (!is_digit(*p)) {
            return false;
        }
        value = value * 10 + (*p - '0');
    }
    *out = negative ? -value : value;
    return true;
}

bool
odds_decimal(int32_t american, double *out)
{
    if (american >= 100) {
        *out = 1.0 + american / 100.0;
        return true;
    }
    if (american <= -100) {
        *out = 1.0 - 100.0 / american;
        return true;
    }
    return false;
}

/* Two digits at p as a number, or one so negative that sums stay so. */
static inline int
two_digits(const char *p)
{
    unsigned tens = (unsigned)(unsigned char)p[0] - '0';
    unsigned ones = (unsigned)(unsigned char)p[1] - '0';

    return tens > 9 || ones > 9 ? -100000 : (int)(tens * 10 + ones);
}

/* Days from 1970-01-01 in the Gregorian calendar. */
static int64_t
days_from_epoch(int year, int month, int day)
{
    int64_t y = month <= 2 ? year - 1 : year; /* years begin in March */
    int64_t era = y / 400;
    int64_t of_era = y - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year -
           719468;
}

/* What follows the seconds: fraction and zone.  *offset_s is to be taken from
 * the local time. */
static bool
parse_fraction_and_zone(const char *p, const char *end, int64_t *fraction_ns,
                        int64_t *offset_s)
{
    int64_t fraction = 0, scale = 100000000;
    int hour, minute;

    if (p < end && *p == '.') {
        p++;
        if (p == end || !is_digit(*p)) {
            return false;
        }
        for (; p < end && is_digit(*p); p++) {
            if (scale == 0) {
                return false;
            }
            fraction += (*p - '0') * scale;
            scale /= 10;
        }
    }
    *fraction_ns = fraction;
    *offset_s = 0;
    if (end - p == 1 && (*p == 'Z' || *p == 'z')) {
        return true;
    }
    if (end - p != 6 || (*p != '+' && *p != '-') || p[3] != ':') {
        return false;
    }
    hour = two_digits(p + 1);
    minute = two_digits(p + 4);
    if (hour < 0 || hour > 23 || minute < 0 || minute > 59) {
        return false;
    }
    *offset_s = (hour * 60 + minute) * 60;
    if (*p == '-') {
        *offset_s = -*offset_s;
    }
    return true;
}

bool
time_parse_ns(const char *text, size_t len, int64_t *out)
{
    static const uint8_t month_days[] = {31, 29, 31, 30, 31, 30,
                                         31, 31, 30, 31, 30, 31};
    int year, month, day, hour, minute, second;
    int64_t fraction_ns, offset_s, seconds;

    if (len < 20 || text[4] != '-' || text[7] != '-' ||
        (text[10] != 'T' && text[10] != 't') || text[13] != ':' ||
        text[16] != ':') {
        return false;
    }
    year = two_digits(text) * 100 + two_digits(text + 2);
    month = two_digits(text + 5);
    day = two_digits(text + 8);
    hour = two_digits(text + 11);
    minute = two_digits(text + 14);
    second = two_digits(text + 17);
    /* int64 nanoseconds reach from 1677 to 2262. */
    if (year < 1678 || year > 2261 || month < 1 || month > 12 || day < 1 ||
        day > month_days[month - 1] || hour < 0 || hour > 23 || minute < 0 ||
        minute > 59 || second < 0 || second > 59) {
        return false;
    }
    if (month == 2 && day == 29 &&
        (year % 4 != 0 || (year % 100 == 0 && year % 400 != 0))) {
        return false;
    }
    if (!parse_fraction_and_zone(text + 19, text + len, &fraction_ns,
                                 &offset_s)) {
        return false;
    }
    seconds = days_from_epoch(year, month, day) * 86400 + hour * 3600 +
              minute * 60 + second - offset_s;
    *out = seconds * INT64_C(1000000000) + fraction_ns;
    return true;
}
