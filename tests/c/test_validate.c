/* json_validate() accepts what scan() accepts and nothing else. */
#include "base/mem.h"
#include "base/rand.h"
#include "check.h"
#include "json/validate.h"

static struct scan_index wide;

/* Both verdicts; they must agree. */
static sgo_status
verdict(const char *text, size_t len)
{
    char *padded = mem_calloc(1, len + SCAN_PADDING);
    struct scan_error a = {0}, b = {0};
    sgo_status mine, reference;

    memcpy(padded, text, len);
    mine = json_validate(padded, len, &a);
    wide.count = 0;
    reference = scan(padded, len, &wide, &b);
    CHECK_INT(mine, reference);
    if (mine != SGO_OK) {
        CHECK_INT(a.offset, b.offset);
        CHECK_STR(a.reason, b.reason);
    }
    if (check_bad) {
        fprintf(stderr, "%.*s\n", (int)len, text);
    }
    CHECK_INT(json_validate(padded, len, NULL), mine);
    mem_free(padded);
    return mine;
}

static void
texts_that_are_json(void)
{
    static const char *const good[] = {
        "null",
        " [ ] ",
        "{}",
        "[[],{},[{}]]",
        "{\"a\":1,\"b\":[true,false,null],\"c\":{\"d\":\"e\"}}",
        "[1,-0,1.5e-7,\"\\u00e9\\n\xc3\xa9\"]",
        "\t{ \"a\" :\r\n[ 1 , 2 ] , \"a\" : { } }\n",
    };

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        CHECK_INT(verdict(good[i], strlen(good[i])), SGO_OK);
    }
}

static void
texts_that_are_not(void)
{
    static const char *const bad[] = {
        "",        " ",          "]",     "}",        "[",         "{",
        "[1",      "[1,",        "[1,]",  "[,1]",     "{,}",       "{\"a\"",
        "{\"a\":", "{\"a\":1,}", "{a:1}", "{1:2}",    "[1 2]",     "[}",
        "{]",      "[1}",        "nul",   "01",       "\"\\x\"",   "\"\x80\"",
        "[1]]",    "{}{}",       ":",     "{\"a\"1}", "[\"a\":1]", "\"\n\"",
    };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CHECK_INT(verdict(bad[i], strlen(bad[i])), SGO_INVALID);
    }
    CHECK_INT(verdict("[\0]", 3), SGO_INVALID);
}

static void
depth_is_limited(void)
{
    char text[200];

    for (int depth = 63; depth <= 66; depth++) {
        memset(text, '[', (size_t)depth);
        memset(text + depth, ']', (size_t)depth);
        CHECK_INT(verdict(text, 2 * (size_t)depth),
                  depth <= SCAN_MAX_DEPTH ? SGO_OK : SGO_LIMIT);
    }
}

static void
mutants_get_the_same_verdict(void)
{
    static const char seed_text[] =
        "{\"event\":\"data\",\"channel\":\"presence-x\",\"data\":[{\"eventID\""
        ":\"E1\",\"n\":[-1.5e3,true,null]},{},[[]],\"\\u00e9\xc3\xa9\"]}";
    static const char bytes[] = "{}[]:,\"\\ 0-.eEtn\x80\xc3\x01";
    struct rand dice;

    rand_init(&dice, 3);
    for (int i = 0; i < 200000 && !check_bad; i++) {
        char text[256];
        size_t len = sizeof(seed_text) - 1;

        memcpy(text, seed_text, len);
        for (int64_t n = rand_between(&dice, 1, 4); n > 0 && len; n--) {
            size_t at = (size_t)rand_between(&dice, 0, (int64_t)len - 1);
            int64_t how = rand_between(&dice, 0, 3);

            if (how == 0) {
                memmove(text + at, text + at + 1, len - at - 1);
                len--;
            } else if (how == 1 && len < 200) {
                memmove(text + at + 1, text + at, len - at);
                text[at] = bytes[rand_between(&dice, 0, sizeof(bytes) - 2)];
                len++;
            } else if (how == 2) {
                text[at] = bytes[rand_between(&dice, 0, sizeof(bytes) - 2)];
            } else if (rand_between(&dice, 0, 9) == 0) {
                len = at;
            }
        }
        verdict(text, len);
    }
}

int
main(void)
{
    wide.pool = pool_create(1 << 20);
    RUN(texts_that_are_json);
    RUN(texts_that_are_not);
    RUN(depth_is_limited);
    RUN(mutants_get_the_same_verdict);
    scan_index_fini(&wide);
    pool_release(wide.pool);
    return check_done();
}
