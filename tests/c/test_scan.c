/* json/scan: verdicts, limits, the index, truncation, failure. */
#include "json/scan.h"

#include <stdlib.h>

#include "check.h"
#include "json/simd.h"
#include "json_help.h"

static struct pool *pool;

static sgo_status
scan_bytes(const char *bytes, size_t len, struct scan_index *index,
           struct scan_error *err)
{
    char *padded = mem_calloc(1, len + SCAN_PADDING);
    sgo_status status;

    memcpy(padded, bytes, len);
    status = scan(padded, len, index, err);
    mem_free(padded);
    return status;
}

static sgo_status
verdict(const char *bytes, size_t len)
{
    struct scan_index index = {.pool = pool};
    struct scan_error err = {0, NULL};
    sgo_status status;

    simd_force_portable(true);
    status = scan_bytes(bytes, len, &index, &err);
    simd_force_portable(false);
    CHECK_INT(scan_bytes(bytes, len, &index, &err), status);
    if (status != SGO_OK) {
        CHECK(err.reason != NULL);
        CHECK(err.offset <= len);
    }
    scan_index_fini(&index);
    return status;
}

#define ACCEPT(text) CHECK_INT(verdict(text, sizeof(text) - 1), SGO_OK)
#define REJECT(text) CHECK_INT(verdict(text, sizeof(text) - 1), SGO_INVALID)

static void
well_formed_texts_pass(void)
{
    ACCEPT("null");
    ACCEPT(" true ");
    ACCEPT("\t\r\n false\n");
    ACCEPT("0");
    ACCEPT("-0");
    ACCEPT("-0.0e-0");
    ACCEPT("10.25E+3");
    ACCEPT("123456789012345678901234567890");
    ACCEPT("1e999");
    ACCEPT("\"\"");
    ACCEPT("\"a\x7F\"");
    ACCEPT("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\"");
    ACCEPT("\"\\ud83c\\udfc8\"");
    ACCEPT("\"\\ud83c\""); /* lone surrogates, as json.loads */
    ACCEPT("\"\\udfc8\\ud83c\"");
    ACCEPT("\"\\u0000\"");
    ACCEPT("\"\xC2\x80\xDF\xBF\xE0\xA0\x80\xED\x9F\xBF\xEE\x80\x80\"");
    ACCEPT("\"\xEF\xBF\xBF\xF0\x90\x80\x80\xF4\x8F\xBF\xBF\"");
    ACCEPT("{}");
    ACCEPT("[]");
    ACCEPT(" [ ] ");
    ACCEPT("[ 1 , 2 ]");
    ACCEPT("{ \"a\" : 1 , \"b\" : [ { } ] }");
    ACCEPT("{\"a\":1,\"a\":2}");
    ACCEPT("{\"\":\"\"}");
    ACCEPT("[[[[]],{}],\"]\"]");
}

static void
malformed_structure_is_refused(void)
{
    REJECT("");
    REJECT("   ");
    REJECT("\0");
    REJECT("1\0");
    REJECT("[1\0]");
    REJECT("\"a\0b\"");
    REJECT("\xEF\xBB\xBF{}");
    REJECT("{");
    REJECT("[");
    REJECT("}");
    REJECT("]");
    REJECT("{]");
    REJECT("[}");
    REJECT("[1}");
    REJECT("{\"a\":1]");
    REJECT("[,]");
    REJECT("[1,]");
    REJECT("[,1]");
    REJECT("[1 2]");
    REJECT("[1,,2]");
    REJECT("{,}");
    REJECT("{\"a\"}");
    REJECT("{\"a\":}");
    REJECT("{\"a\":1,}");
    REJECT("{\"a\" 1}");
    REJECT("{\"a\"::1}");
    REJECT("{a:1}");
    REJECT("{1:1}");
    REJECT("{null:1}");
    REJECT("{'a':1}");
    REJECT("{\"a\":1 \"b\":2}");
    REJECT("{\"a\":1,,\"b\":2}");
    REJECT("{}{}");
    REJECT("{} x");
    REJECT("1 2");
    REJECT("[1]]");
    REJECT("[\"a\"\"b\"]");
    REJECT("[1:2]");
    REJECT("// x\n1");
    REJECT("[1]/**/");
    REJECT("\v1");
    REJECT("\xC2\xA0"
           "1");
}

static void
malformed_scalars_are_refused(void)
{
    REJECT("nul");
    REJECT("nulll");
    REJECT("True");
    REJECT("truefalse");
    REJECT("NaN");
    REJECT("Infinity");
    REJECT("-Infinity");
    REJECT("undefined");
    REJECT("01");
    REJECT("-01");
    REJECT("-");
    REJECT("+1");
    REJECT(".5");
    REJECT("1.");
    REJECT("1.e3");
    REJECT("1e");
    REJECT("1e+");
    REJECT("1e1.5");
    REJECT("0x10");
    REJECT("1_000");
    REJECT("1a");
    REJECT("--1");
    REJECT("[1.2.3]");
    REJECT("\"");
    REJECT("\"a");
    REJECT("\"a\\\"");
    REJECT("\"\\x41\"");
    REJECT("\"\\'\"");
    REJECT("\"\\u12\"");
    REJECT("\"\\u12g4\"");
    REJECT("\"\\U0041\"");
    REJECT("\"\\");
    REJECT("\"\\u");
    REJECT("\"a\nb\"");
    REJECT("\"a\tb\"");
    REJECT("\"\x1F\"");
    REJECT("\"\x80\"");
    REJECT("\"\xC0\x80\"");
    REJECT("\"\xC1\xBF\"");
    REJECT("\"\xC3\"");
    REJECT("\"\xE0\x9F\xBF\"");
    REJECT("\"\xE2\x82\"");
    REJECT("\"\xED\xA0\x80\""); /* a surrogate in UTF-8 */
    REJECT("\"\xF0\x8F\xBF\xBF\"");
    REJECT("\"\xF4\x90\x80\x80\"");
    REJECT("\"\xF5\x80\x80\x80\"");
    REJECT("\"\xFF\"");
    REJECT("{\"\xC3\":1}");
}

static void
limits_hold_exactly(void)
{
    struct buf b;
    size_t len;

    buf_init(&b, 64 << 20);
    for (int depth = 64; depth <= 65; depth++) {
        buf_reset(&b);
        for (int i = 0; i < depth; i++) {
            buf_putc(&b, i % 2 ? '[' : '{');
            if (i % 2 == 0) {
                buf_puts(&b, "\"a\":");
            }
        }
        buf_putc(&b, '1');
        for (int i = depth; i-- > 0;) {
            buf_putc(&b, i % 2 ? ']' : '}');
        }
        CHECK_INT(verdict(b.data, b.len), depth == 64 ? SGO_OK : SGO_LIMIT);
    }

    for (int digits = 1024; digits <= 1025; digits++) {
        buf_reset(&b);
        for (int i = 0; i < digits; i++) {
            buf_putc(&b, '9');
        }
        CHECK_INT(verdict(b.data, b.len), digits == 1024 ? SGO_OK : SGO_LIMIT);
    }

    /* [[],[],…]: three bytes a container, but sixteen in the index. */
    buf_reset(&b);
    buf_putc(&b, '[');
    for (int i = 0; i < 20000; i++) {
        buf_puts(&b, i ? ",[]" : "[]");
    }
    buf_putc(&b, ']');
    CHECK_INT(verdict(b.data, b.len), SGO_LIMIT);

    buf_reset(&b);
    buf_putc(&b, '"');
    buf_reserve(&b, SCAN_MAX_BYTES + 1);
    memset(b.data + 1, 'a', SCAN_MAX_BYTES);
    len = SCAN_MAX_BYTES;
    b.data[len - 1] = '"';
    CHECK_INT(verdict(b.data, len), SGO_OK);
    b.data[len - 1] = 'a';
    b.data[len] = '"';
    CHECK_INT(verdict(b.data, len + 1), SGO_LIMIT);
    buf_fini(&b);
}

static void
the_index_lists_containers_in_preorder(void)
{
    static const char text[] =
        " {\"a\":[1,{\"b\":{}},[]], \"c\\\"\" : {\"d\":\"}\"} ,\"e\":2}";
    static const struct container wanted[] = {
        {1, 48, 6, 0},   {6, 21, 5, 2},  {9, 17, 4, 0},
        {14, 16, 4, 10}, {18, 20, 5, 0}, {31, 40, 6, 23},
    };
    struct scan_index index = {.pool = pool};

    CHECK_INT(scan_bytes(text, sizeof(text) - 1, &index, NULL), SGO_OK);
    CHECK_INT(index.count, 6);
    for (uint32_t i = 0; i < 6 && i < index.count; i++) {
        CHECK_INT(index.items[i].off, wanted[i].off);
        CHECK_INT(index.items[i].end, wanted[i].end);
        CHECK_INT(index.items[i].next, wanted[i].next);
        CHECK_INT(index.items[i].key, wanted[i].key);
    }
    scan_index_fini(&index);
}

static void
errors_tell_where_and_why(void)
{
    static const struct {
        const char *text;
        size_t offset;
        const char *reason;
    } cases[] = {
        {"{\"a\":tru}", 5, "unknown literal"},
        {"{\"a\":1 2}", 7, "comma or closing bracket expected"},
        {"{\"a\":[1,2", 9, "cut short"},
        {"{\"a", 3, "cut short"},
        {"{\"a\\q\":1}", 3, "bad escape"},
        {"[1.]", 3, "malformed number"},
        {"[\"\x01\"]", 2, "control character in string"},
        {"[\"\xFF\"]", 2, "malformed UTF-8"},
        {"{} {}", 3, "bytes behind the value"},
        {"{1", 1, "key expected"},
        {"{\"a\"1", 4, "colon expected"},
        {"[x", 1, "value expected"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct scan_index index = {.pool = pool};
        struct scan_error err;

        CHECK_INT(
            scan_bytes(cases[i].text, strlen(cases[i].text), &index, &err),
            SGO_INVALID);
        CHECK_INT(err.offset, cases[i].offset);
        CHECK_STR(err.reason, cases[i].reason);
        scan_index_fini(&index);
    }
}

/* Of every prefix none passes; the bytes behind it are not looked at. */
static void
every_truncation_of_a_sample_fails(void)
{
    size_t len;
    char *event = help_sample_event("events.live.wta.json", 0, &len);
    struct scan_index index = {.pool = pool};
    struct scan_error err;

    if (event == NULL) {
        return;
    }
    for (size_t cut = 0; cut < len; cut++) {
        sgo_status status = scan_bytes(event, cut, &index, &err);

        CHECK_INT(status, SGO_INVALID);
        CHECK(err.offset <= cut);
        if (status == SGO_OK) {
            break;
        }
    }
    CHECK_INT(scan_bytes(event, len, &index, &err), SGO_OK);
    scan_index_fini(&index);
    mem_free(event);
}

/* Our verdict on damaged texts against cJSON's: what we accept, it accepts
 * (the other way it is known to be lenient). */
static void
nothing_is_accepted_that_cjson_refuses(void)
{
    struct rand r;
    struct buf b;
    int accepted = 0;

    rand_init(&r, 7);
    buf_init(&b, 1 << 20);
    for (int i = 0; i < 20000; i++) {
        struct scan_index index = {.pool = pool};

        if (i % 20 == 0) {
            buf_reset(&b);
            help_random(&r, &b);
        }
        b.data[rand_between(&r, 0, (int64_t)b.len - 1)] =
            "{}[]:,\"\\ 0019eE+-.truflasn\x80\xC3\xA9\n"[rand_between(&r, 0,
                                                                      30)];
        if (scan_bytes(b.data, b.len, &index, NULL) == SGO_OK) {
            cJSON *node = cJSON_ParseWithLength(b.data, b.len);

            accepted++;
            /* It cannot hold a lone surrogate. */
            CHECK(node != NULL || strstr(b.data, "\\u") != NULL);
            cJSON_Delete(node);
        }
        scan_index_fini(&index);
    }
    CHECK(accepted > 300);
    buf_fini(&b);
}

static void
a_failing_heap_is_told(void)
{
    struct scan_index index = {.pool = pool};
    struct scan_error err;
    sgo_status status = SGO_NO_MEMORY;
    struct buf b;

    buf_init(&b, 1 << 20);
    buf_putc(&b, '[');
    for (int i = 0; i < 1000; i++) {
        buf_puts(&b, i ? ",{\"abcdefghijklmnop\":[]}" : "[]");
    }
    buf_putc(&b, ']');
    buf_reserve(&b, SCAN_PADDING);
    memset(b.data + b.len, 0, SCAN_PADDING);
    for (int n = 0; status == SGO_NO_MEMORY; n++) {
        pool_trim(pool, 0);
        mem_fail_after(n);
        status = scan(b.data, b.len, &index, &err);
        CHECK(status == SGO_OK || status == SGO_NO_MEMORY);
        CHECK(status != SGO_OK || n > 2);
        scan_index_fini(&index);
    }
    mem_fail_after(-1);
    CHECK_INT(status, SGO_OK);
    buf_fini(&b);
}

int
main(void)
{
    struct pool_stats stats;

    pool = pool_create(1 << 20);
    RUN(well_formed_texts_pass);
    RUN(malformed_structure_is_refused);
    RUN(malformed_scalars_are_refused);
    RUN(limits_hold_exactly);
    RUN(the_index_lists_containers_in_preorder);
    RUN(errors_tell_where_and_why);
    RUN(every_truncation_of_a_sample_fails);
    RUN(nothing_is_accepted_that_cjson_refuses);
    RUN(a_failing_heap_is_told);
    pool_stats(pool, &stats);
    if (stats.used_bytes != 0) {
        fprintf(stderr, "%zu bytes are still out\n", stats.used_bytes);
        return 1;
    }
    pool_release(pool);
    return check_done();
}
