/* base/status: texts of errors, and what must not stand in them. */
#include "base/status.h"

#include "check.h"

#define SECRET "0123456789abcdef/+KEY"

static void
check_redacted(const char *text, const char *wanted)
{
    char buffer[256];

    snprintf(buffer, sizeof(buffer), "%s", text);
    text_redact(buffer, sizeof(buffer), SECRET);
    CHECK_STR(buffer, wanted);
}

static void
secrets_are_redacted_wherever_they_stand(void)
{
    check_redacted("", "");
    check_redacted("nothing here", "nothing here");
    check_redacted(SECRET, "[redacted]");
    check_redacted("a " SECRET " b " SECRET, "a [redacted] b [redacted]");
    check_redacted(SECRET SECRET, "[redacted][redacted]");
}

static void
escaped_and_cut_secrets_too(void)
{
    check_redacted("k=0123456789abcdef%2F%2BKEY;", "k=[redacted];");
    check_redacted("k=0123456789abcdef%2f%2bKEY;", "k=[redacted];");
    check_redacted("%30123456789abcdef%2F%2bK%45Y", "[redacted]");
    check_redacted("cut 0123456789a)", "cut [redacted])");
    check_redacted("cut 01234567", "cut [redacted]");
    check_redacted("cut 0123456789abcdef%2", "cut [redacted]%2");
    check_redacted("0123456 is another", "0123456 is another");
    check_redacted("%", "%");
    check_redacted("0123456789abcdef%", "[redacted]%");
}

static void
short_secrets_count_as_a_whole(void)
{
    char text[64] = "the word is abcd, not abc";

    text_redact(text, sizeof(text), "abcd");
    CHECK_STR(text, "the word is [redacted], not abc");
    text_redact(text, sizeof(text), "the"); /* too short to be one */
    CHECK_STR(text, "the word is [redacted], not abc");
    text_redact(text, sizeof(text), NULL);
    text_redact(text, sizeof(text), "");
    CHECK_STR(text, "the word is [redacted], not abc");
}

static void
a_full_buffer_is_cut_and_not_overrun(void)
{
    char text[13] = "abcd abcd ab";
    char small[5] = "abcd";

    text_redact(text, sizeof(text), "abcd");
    CHECK_STR(text, "[redacted] a"); /* of which 7 bytes at most are left */
    text_redact(small, sizeof(small), "abcd");
    CHECK_STR(small, "[red");
}

int
main(void)
{
    RUN(secrets_are_redacted_wherever_they_stand);
    RUN(escaped_and_cut_secrets_too);
    RUN(short_secrets_count_as_a_whole);
    RUN(a_full_buffer_is_cut_and_not_overrun);
    return check_done();
}
