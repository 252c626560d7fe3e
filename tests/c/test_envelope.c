/* json/envelope: any pieces, any key order; bounds; malformed bodies. */
#include "json/envelope.h"

#include <stdlib.h>

#include "check.h"
#include "json_help.h"

/* Feed a body in pieces of `size` (0: random) and write elements, each ended
 * by a bar, then the rest. */
static sgo_status
split(const char *body, size_t len, size_t size, struct rand *r,
      size_t max_rest, size_t max_element, struct buf *out)
{
    struct envelope e;
    const char *element, *rest;
    size_t at = 0, n;
    sgo_status status = SGO_AGAIN;

    envelope_init(&e, max_rest, max_element);
    while (at < len && status == SGO_AGAIN) {
        size_t more = size ? size : (size_t)rand_between(r, 0, 40);
        char *piece;

        more = more > len - at ? len - at : more;
        /* Its own block, so that a sanitizer sees a byte read too far. */
        piece = malloc(more ? more : 1);
        memcpy(piece, body + at, more);
        envelope_feed(&e, piece, more);
        while ((status = envelope_next(&e, &element, &n)) == SGO_OK) {
            buf_append(out, element, n);
            buf_putc(out, '|');
        }
        free(piece);
        at += more;
    }
    if (status == SGO_AGAIN) {
        envelope_feed(&e, "", 0);
        status = envelope_finish(&e, &rest, &n);
        if (status == SGO_OK) {
            CHECK_INT(strlen(rest), n);
            buf_append(out, rest, n);
        }
    }
    CHECK((e.reason == NULL) == (status == SGO_OK));
    CHECK_INT(envelope_next(&e, &element, &n) == SGO_AGAIN, status == SGO_OK);
    envelope_fini(&e);
    return status;
}

static void
check_split(const char *body, const char *expected)
{
    struct rand r;
    struct buf b;

    rand_init(&r, 1);
    buf_init(&b, 1 << 20);
    for (size_t size = 0; size < 12; size++) {
        buf_reset(&b);
        buf_puts(&b, "");
        CHECK_INT(split(body, strlen(body), size, &r, 1000, 1000, &b), SGO_OK);
        CHECK_STR(b.data, expected);
    }
    buf_fini(&b);
}

static void
elements_and_rest_are_parted(void)
{
    check_split("{\"success\":true,\"data\":[{\"a\":1},{\"b\":[2]}]}",
                "{\"a\":1}|{\"b\":[2]}|{\"success\":true,\"data\":null}");
    check_split("{\"data\":[],\"success\":true}",
                "{\"data\":null,\"success\":true}");
    check_split(" \n{ \"data\" : [ {} , [] , 7 , \"x\" , null ] , "
                "\"nextCursor\" : \"a\\\"}\" , \"x\" : { \"y\" : [ 1 ] } }\n ",
                "{}|[]|7|\"x\"|null|{\"data\":null,\"nextCursor\":\"a\\\"}\","
                "\"x\":{ \"y\" : [ 1 ] }}");
    check_split("{}", "{}");
    check_split("{\"success\":false,\"error\":\"no [such] {thing}\"}",
                "{\"success\":false,\"error\":\"no [such] {thing}\"}");
    check_split("{\"data\":null}", "{\"data\":null}");
    check_split("{\"data\":{\"rateLimits\":{\"a\":[]}},\"n\":-1.5e3}",
                "{\"data\":{\"rateLimits\":{\"a\":[]}},\"n\":-1.5e3}");
    check_split("{\"d\\u0061ta\":[{\"a\":\"]}\\\\\"}]}",
                "{\"a\":\"]}\\\\\"}|{\"d\\u0061ta\":null}");
    check_split("{\"x\":{\"data\":[{\"a\":1}]},\"data\":[{\"b\":2}]}",
                "{\"b\":2}|{\"x\":{\"data\":[{\"a\":1}]},\"data\":null}");
    check_split("{\"data\":[1.5,true]}", "1.5|true|{\"data\":null}");
    check_split("{\"\":[1]}", "{\"\":[1]}");
}

static void
malformed_bodies_are_refused(void)
{
    static const char *const bodies[] = {
        "",
        "   ",
        "[]",
        "null",
        "<html>",
        "{",
        "{\"a\"",
        "{\"a\":",
        "{\"a\":1",
        "{\"a\":1,",
        "{\"a\":1,}",
        "{,\"a\":1}",
        "{\"a\" 1}",
        "{\"a\":}",
        "{\"a\":1 \"b\":2}",
        "{a:1}",
        "{\"data\":[",
        "{\"data\":[{}",
        "{\"data\":[{}]",
        "{\"data\":[{},]}",
        "{\"data\":[,{}]}",
        "{\"data\":[{} {}]}",
        "{\"data\":[}]}",
        "{\"data\":[{}]]}",
        "{\"data\":[{\"a\":\"]}",
        "{\"data\":[{\"a\":\"\\\"}]}",
        "{\"data\":[x]}",
        "{\"data\":[1",
        "{\"data\":[]}x",
        "{\"data\":[]}{}",
        "{\"data\":[1],\"data\":[2]}",
        "\xEF\xBB\xBF{}",
    };
    struct rand r;
    struct buf b;

    rand_init(&r, 2);
    buf_init(&b, 1 << 16);
    for (size_t i = 0; i < sizeof(bodies) / sizeof(*bodies); i++) {
        for (size_t size = 0; size < 5; size++) {
            sgo_status status =
                split(bodies[i], strlen(bodies[i]), size, &r, 1000, 1000, &b);

            if (status != SGO_INVALID) {
                fprintf(stderr, "%s gave %d\n", bodies[i], (int)status);
                CHECK(false);
            }
        }
    }
    buf_fini(&b);
}

static void
every_truncation_is_refused(void)
{
    static const char body[] =
        "{\"success\":true,\"data\":[{\"a\":\"\\\\\"},{\"b\":[2,{}]}],"
        "\"nextCursor\":\"x\"}";
    struct rand r;
    struct buf b;

    rand_init(&r, 3);
    buf_init(&b, 1 << 16);
    for (size_t cut = 0; cut < sizeof(body) - 1; cut++) {
        CHECK_INT(split(body, cut, 0, &r, 1000, 1000, &b), SGO_INVALID);
    }
    CHECK_INT(split(body, sizeof(body) - 1, 0, &r, 1000, 1000, &b), SGO_OK);
    buf_fini(&b);
}

static void
maxima_hold(void)
{
    struct envelope e;
    struct rand r;
    struct buf b;
    const char *element;
    size_t n;

    rand_init(&r, 4);
    buf_init(&b, 1 << 16);
    for (size_t size = 1; size < 40; size += 6) {
        CHECK_INT(
            split("{\"data\":[{\"a\":123456}]}", 23, size, &r, 1000, 12, &b),
            SGO_OK);
        CHECK_INT(
            split("{\"data\":[{\"a\":123456}]}", 23, size, &r, 1000, 11, &b),
            SGO_LIMIT);
        CHECK_INT(split("{\"a\":123}", 9, size, &r, 9, 10, &b), SGO_OK);
        CHECK_INT(split("{\"a\":123}", 9, size, &r, 8, 10, &b), SGO_LIMIT);
    }
    envelope_init(&e, 100, 100);
    e.max_total = 10;
    envelope_feed(&e, "{\"data\":", 8);
    CHECK_INT(envelope_next(&e, &element, &n), SGO_AGAIN);
    envelope_feed(&e, "[{},{}]", 7);
    CHECK_INT(envelope_next(&e, &element, &n), SGO_LIMIT);
    CHECK_STR(e.reason, "answer too long");
    envelope_fini(&e);
    envelope_init(&e, 100, 100);
    e.total = ((uint64_t)1 << 30) - 8; /* as if so much had come */
    envelope_feed(&e, "{\"data\":", 8);
    CHECK_INT(envelope_next(&e, &element, &n), SGO_AGAIN);
    envelope_feed(&e, "[", 1);
    CHECK_INT(envelope_next(&e, &element, &n), SGO_LIMIT);
    envelope_fini(&e);
    buf_fini(&b);
}

static void
whole_elements_are_not_copied(void)
{
    static const char body[] = "{\"data\":[{\"a\":1},{\"b\":2}]}";
    struct envelope e;
    const char *element, *rest;
    size_t n;

    envelope_init(&e, 100, 100);
    envelope_feed(&e, body, sizeof(body) - 1);
    CHECK_INT(envelope_next(&e, &element, &n), SGO_OK);
    CHECK(element == body + 9);
    CHECK_INT(n, 7);
    CHECK_INT(envelope_next(&e, &element, &n), SGO_OK);
    CHECK(element == body + 17);
    CHECK_INT(e.elements, 2);
    /* Before the tail was read, the body counts as cut short. */
    CHECK_INT(envelope_finish(&e, &rest, &n), SGO_INVALID);
    envelope_fini(&e);
}

static void
samples_come_through_in_any_pieces(void)
{
    static const char *const names[] = {"stream-events-byid.mlb-final.json",
                                        "account-usage.json",
                                        "events.upcoming-page.soccer.json"};
    static const int events[] = {1, 0, 3};
    struct rand r;
    struct buf once, pieces;

    rand_init(&r, 5);
    buf_init(&once, 4 << 20);
    buf_init(&pieces, 4 << 20);
    for (int i = 0; i < 3; i++) {
        size_t len;
        char *body = help_sample(names[i], &len);
        cJSON *whole, *rest;
        int n = 0;
        char *tail;

        if (body == NULL) {
            break;
        }
        buf_reset(&once);
        buf_reset(&pieces);
        CHECK_INT(split(body, len, len, &r, ENVELOPE_MAX_REST,
                        ENVELOPE_MAX_ELEMENT, &once),
                  SGO_OK);
        CHECK_INT(split(body, len, 0, &r, ENVELOPE_MAX_REST,
                        ENVELOPE_MAX_ELEMENT, &pieces),
                  SGO_OK);
        CHECK_MEM(once.data, once.len, pieces.data, pieces.len);
        for (tail = once.data; (tail = strstr(tail, "}|")) != NULL; tail++) {
            n++;
        }
        CHECK_INT(n, events[i]);
        tail = strrchr(once.data, '|');
        rest = cJSON_Parse(tail ? tail + 1 : once.data);
        whole = cJSON_ParseWithLength(body, len);
        CHECK(cJSON_IsTrue(cJSON_GetObjectItem(rest, "success")));
        if (events[i] > 0) {
            cJSON_ReplaceItemInObject(whole, "data", cJSON_CreateNull());
        }
        CHECK(cJSON_Compare(whole, rest, true));
        cJSON_Delete(whole);
        cJSON_Delete(rest);
        mem_free(body);
    }
    buf_fini(&once);
    buf_fini(&pieces);
}

/* A nested value of random pieces; strings hold what looks like structure. */
static void
write_value(struct rand *r, struct buf *b, int depth)
{
    static const char long_string[] =
        "\"a string of more than sixty-four bytes, so that whole blocks lie in "
        "it: } ] { [ , : and on and on it goes until the very end\"";
    static const char *const leaves[] = {
        "1",
        "true",
        "\"\"",
        "\"[{]}\"",
        long_string,
        "\"\\\\\"",
        "\"}\\\"]\\\\\\\"{\"",
    };
    const bool is_object = rand_between(r, 0, 1);
    const int64_t n = rand_between(r, 0, 6);

    if (depth == 0 || rand_between(r, 0, 3) == 0) {
        buf_puts(b, leaves[rand_between(r, 0, 6)]);
        return;
    }
    buf_putc(b, is_object ? '{' : '[');
    for (int64_t i = 0; i < n; i++) {
        buf_puts(b, i ? "," : "");
        if (is_object) {
            buf_printf(b, "\"key{%d\":", (int)i);
        }
        write_value(r, b, depth - 1);
    }
    buf_putc(b, is_object ? '}' : ']');
}

static void
blocks_and_bytes_agree(void)
{
    struct buf body, whole, pieces;
    struct rand r;

    buf_init(&body, 1 << 20);
    buf_init(&whole, 1 << 20);
    buf_init(&pieces, 1 << 20);
    rand_init(&r, 21);
    for (int i = 0; i < 300; i++) {
        buf_reset(&body);
        buf_reset(&whole);
        buf_reset(&pieces);
        buf_puts(&body, "{\"x\":");
        write_value(&r, &body, 4);
        buf_puts(&body, ",\"data\":[");
        write_value(&r, &body, 5);
        buf_puts(&body, ",{\"last\":[]}],\"success\":true}");
        CHECK_INT(
            split(body.data, body.len, body.len, &r, 1 << 19, 1 << 19, &whole),
            SGO_OK);
        CHECK_INT(split(body.data, body.len, 7, &r, 1 << 19, 1 << 19, &pieces),
                  SGO_OK);
        CHECK_INT(whole.len, pieces.len);
        CHECK(memcmp(whole.data, pieces.data, whole.len) == 0);
    }
    buf_fini(&body);
    buf_fini(&whole);
    buf_fini(&pieces);
}

static void
a_failing_heap_is_told(void)
{
    static const char body[] = "{\"success\":true,\"data\":[{\"a\":1}]}";
    struct rand r;
    struct buf b;
    sgo_status status = SGO_NO_MEMORY;

    rand_init(&r, 6);
    buf_init(&b, 1 << 16);
    buf_reserve(&b, 1000);
    for (int n = 0; status == SGO_NO_MEMORY; n++) {
        mem_fail_after(n);
        status = split(body, sizeof(body) - 1, 3, &r, 100, 100, &b);
        CHECK(status != SGO_OK || n >= 2);
    }
    mem_fail_after(-1);
    CHECK_INT(status, SGO_OK);
    buf_fini(&b);
}

int
main(void)
{
    RUN(elements_and_rest_are_parted);
    RUN(malformed_bodies_are_refused);
    RUN(every_truncation_is_refused);
    RUN(maxima_hold);
    RUN(whole_elements_are_not_copied);
    RUN(samples_come_through_in_any_pieces);
    RUN(blocks_and_bytes_agree);
    RUN(a_failing_heap_is_told);
    return check_done();
}
