/* Messages as text (pusher.md 2, 3; checklist 3, 10, 13, 21, 22). */
#include <stdlib.h>

#include "base/mem.h"
#include "check.h"
#include "pusher/message.h"
#include "pusher_help.h"

static sgo_status
parse(const char *text, struct message *m)
{
    return message_parse(text, strlen(text), m);
}

static void
t03_established_with_string_and_object(void)
{
    static const char *const forms[] = {
        ESTABLISHED,
        "{\"event\":\"pusher:connection_established\",\"data\":"
        "{\"socket_id\":\"81.44\",\"activity_timeout\":120}}",
        "{\"data\":{\"activity_timeout\":120,\"x\":[1],\"socket_id\":"
        "\"81.44\"},\"extra\":null,\"event\":"
        "\"pusher:connection_established\"}",
    };
    char id[MESSAGE_SOCKET_ID_MAX + 1];
    struct message m;
    int64_t activity;

    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        CHECK_INT(parse(forms[i], &m), SGO_OK);
        CHECK_INT(m.kind, MESSAGE_ESTABLISHED);
        CHECK_INT(message_read_established(&m, id, &activity), SGO_OK);
        CHECK_STR(id, "81.44");
        CHECK_INT(activity, S(120));
        message_fini(&m);
    }
}

static void
socket_ids_are_checked(void)
{
    static const char *const bad[] = {
        "{}",
        "{\"socket_id\":\"\"}",
        "{\"socket_id\":5}",
        "{\"socket_id\":\"a b\"}",
        "{\"socket_id\":\"\\u00e9\"}",
        "{\"socket_id\":\"a\",\"socket_id\":\"b\"}",
        "{\"socket_id\":\"" SIGNATURE "1\"}", /* 65 bytes */
        "null",
        "\"text\"",
    };
    char id[MESSAGE_SOCKET_ID_MAX + 1], text[512];
    struct message m;
    int64_t activity;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        snprintf(text, sizeof(text),
                 "{\"event\":\"pusher:connection_established\",\"data\":%s}",
                 bad[i]);
        CHECK_INT(parse(text, &m), SGO_OK);
        CHECK_INT(message_read_established(&m, id, &activity), SGO_INVALID);
        message_fini(&m);
    }
}

static void
t21_data_as_string_and_as_array(void)
{
    static const char *const forms[] = {
        "{\"event\":\"data\",\"channel\":\"c\",\"data\":"
        "\"[{\\\"eventID\\\":\\\"E1\\\"},{\\\"eventID\\\":\\\"E2\\\"}]\"}",
        "{\"event\":\"data\",\"channel\":\"c\",\"data\":"
        "[{\"eventID\":\"E1\"},{\"x\":1,\"eventID\":\"E2\"}]}",
        " {\"channel\":\"c\" , \"data\":[{\"eventID\":\"\\u00451\"},"
        "{\"eventID\":\"E2\"}],\"event\":\"data\"}\n",
    };
    struct message_ids ids;
    struct message m;

    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        CHECK_INT(parse(forms[i], &m), SGO_OK);
        CHECK_INT(m.kind, MESSAGE_DATA);
        CHECK_STR(m.channel, "c");
        CHECK_INT(message_read_ids(&m, 100, &ids), SGO_OK);
        CHECK_INT(ids.count, 2);
        CHECK_STR(ids.ids[0], "E1");
        CHECK_STR(ids.ids[1], "E2");
        CHECK_INT(ids.bad, 0);
        mem_free(ids.ids);
        message_fini(&m);
    }
}

static void
t21_data_that_is_no_list(void)
{
    static const char *const forms[] = {
        "null", "5", "\"text\"", "{}", "\"{}\"", "\"[\"", "true", "\"\"",
    };
    char text[256];
    struct message_ids ids;
    struct message m;

    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        snprintf(text, sizeof(text),
                 "{\"event\":\"data\",\"channel\":\"c\",\"data\":%s}",
                 forms[i]);
        CHECK_INT(parse(text, &m), SGO_OK);
        CHECK_INT(message_read_ids(&m, 100, &ids), SGO_INVALID);
        message_fini(&m);
    }
    CHECK_INT(parse("{\"event\":\"data\",\"channel\":\"c\"}", &m), SGO_OK);
    CHECK_INT(message_read_ids(&m, 100, &ids), SGO_INVALID);
    message_fini(&m);
}

static void
t21_elements_without_a_usable_id_are_counted(void)
{
    struct message_ids ids;
    struct message m;

    CHECK_INT(parse("{\"event\":\"data\",\"channel\":\"c\",\"data\":"
                    "[{\"eventID\":\"A\"},{\"eventID\":1},{},5,null,"
                    "{\"eventID\":\"\"},{\"eventID\":\"x\\ny\"},"
                    "{\"eventID\":\"p\",\"eventID\":\"q\"},\"E\","
                    "{\"eventid\":\"z\"},{\"eventID\":\"B\"}]}",
                    &m),
              SGO_OK);
    CHECK_INT(message_read_ids(&m, 100, &ids), SGO_OK);
    CHECK_INT(ids.count, 2);
    CHECK_INT(ids.bad, 9);
    CHECK_STR(ids.ids[1], "B");
    mem_free(ids.ids);
    CHECK_INT(message_read_ids(&m, 1, &ids), SGO_OK);
    CHECK_INT(ids.count, 1);
    CHECK_INT(ids.over, 1);
    mem_free(ids.ids);
    message_fini(&m);
}

static void
t22_what_is_no_message(void)
{
    static const char *const forms[] = {
        "",
        "x",
        "[]",
        "5",
        "null",
        "\"data\"",
        "{}",
        "{\"data\":[]}",
        "{\"event\":5}",
        "{\"event\":null}",
        "{\"event\":\"data\",\"event\":\"data\"}",
        "{\"event\":\"data\",\"data\":1,\"data\":2}",
        "{\"event\":\"data\",\"channel\":\"a\",\"channel\":\"b\"}",
        "{\"event\":\"data\",\"channel\":7}",
        "{\"event\":\"da\x80ta\"}",
        "{\"event\":\"data\"}x",
        "{\"event\":\"data\",}",
        "{\"event\":\"data\",\"data\":\"a\\u0000b\"}",
        "{\"event\":\"data\\ud800\"}",
        "{'event':'data'}",
        "\xef\xbb\xbf{\"event\":\"data\"}",
        "{\"event\":\"data\",\"x\":01}",
        "{\"event\":\"data\",\"x\":\"\t\"}",
    };
    struct message m;

    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        CHECK_INT(parse(forms[i], &m), SGO_INVALID);
        message_fini(&m);
    }
}

static void
t22_depth_10000(void)
{
    static char text[20100];
    struct message m;
    size_t n = 0;

    n += (size_t)sprintf(text, "{\"event\":\"data\",\"data\":");
    memset(text + n, '[', 10000);
    memset(text + n + 10000, ']', 10000);
    strcpy(text + n + 20000, "}");
    CHECK_INT(parse(text, &m), SGO_INVALID);
    message_fini(&m);
    text[n - 1] = ':';
    memset(text + n, ' ', 20000); /* depth 64 passes, 65 does not */
    memset(text + n, '[', 63);
    memset(text + n + 63, ']', 63);
    CHECK_INT(parse(text, &m), SGO_OK);
    message_fini(&m);
    memset(text + n, '[', 64);
    memset(text + n + 64, ']', 64);
    CHECK_INT(parse(text, &m), SGO_INVALID);
    message_fini(&m);
}

static void
the_channel_of_a_broken_message_is_told(void)
{
    struct message m;

    CHECK_INT(parse("{\"channel\":\"c\",\"event\":5}", &m), SGO_INVALID);
    CHECK_STR(m.channel, "c");
    message_fini(&m);
}

static void
an_inner_nul_or_bad_inner_json_stays_text(void)
{
    struct message m;
    struct message_ids ids;

    CHECK_INT(parse("{\"event\":\"data\",\"data\":"
                    "\"[{\\\"eventID\\\":\\\"a\\\\u0000b\\\"}]\"}",
                    &m),
              SGO_OK);
    CHECK_INT(message_read_ids(&m, 9, &ids), SGO_INVALID);
    message_fini(&m);
}

static void
errors_in_all_their_forms(void)
{
    static const struct {
        const char *data, *text;
        int code, status;
    } forms[] = {
        {"{\"code\":4004,\"message\":\"over\"}", "over", 4004, 0},
        {"\"{\\\"code\\\":4004,\\\"message\\\":\\\"over\\\"}\"", "over", 4004,
         0},
        {"{\"code\":null,\"message\":\"m\"}", "m", 0, 0},
        {"{\"message\":\"m\"}", "m", 0, 0},
        {"{\"code\":\"4004\"}", "", 0, 0},
        {"{\"code\":4e300}", "", 0, 0},
        {"{\"code\":-1}", "", 0, 0},
        {"{\"type\":\"AuthError\",\"error\":\"e\",\"status\":401}", "e", 0,
         401},
        {"\"plain\"", "plain", 0, 0},
        {"\"{}\"", "", 0, 0},
        {"null", "", 0, 0},
    };
    struct message_error err;
    struct message m;
    char text[256];

    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        snprintf(text, sizeof(text),
                 "{\"event\":\"pusher:error\",\"data\":%s}", forms[i].data);
        CHECK_INT(parse(text, &m), SGO_OK);
        CHECK_INT(m.kind, MESSAGE_ERROR);
        message_read_error(&m, &err);
        CHECK_INT(err.code, forms[i].code);
        CHECK_INT(err.status, forms[i].status);
        CHECK_STR(err.text, forms[i].text);
        message_fini(&m);
    }
    CHECK_INT(parse("{\"event\":\"pusher:error\"}", &m), SGO_OK);
    message_read_error(&m, &err);
    CHECK_INT(err.code, 0);
    CHECK_STR(err.text, "");
    message_fini(&m);
}

static void
t10_channel_data_survives_byte_for_byte(void)
{
    /* What the server signed: escapes, spaces, UTF-8, an escaped slash. */
    static const char signed_text[] =
        "{\"user_id\" : \"u\\/1\\u00e9\xc3\xa9\",\"x\":\"a\\\"b\\\\ \\n\"}";
    char *auth, *data;
    const char *reason;
    struct buf body, text;
    cJSON *tree;

    buf_init(&body, 1 << 16);
    buf_puts(&body, "{\"channel_data\":");
    message_write_string(&body, signed_text);
    buf_puts(&body, ",\"auth\":\"k:s\"}");
    CHECK_INT(message_read_auth(body.data, body.len, &auth, &data, &reason),
              SGO_OK);
    CHECK_STR(auth, "k:s");
    CHECK_STR(data, signed_text);
    buf_init(&text, 1 << 16);
    message_write_subscribe(&text, CHANNEL, auth, data);
    CHECK_INT(message_json(text.data, text.len, &tree), SGO_OK);
    CHECK_STR(message_text(message_member(tree, "data", NULL), "channel_data"),
              signed_text);
    CHECK_STR(message_text(message_member(tree, "data", NULL), "auth"), "k:s");
    CHECK_STR(message_text(tree, "event"), "pusher:subscribe");
    cJSON_Delete(tree);
    mem_free(auth);
    mem_free(data);
    buf_fini(&body);
    buf_fini(&text);
}

static void
t13_what_is_no_authorisation(void)
{
    static const char *const bad[] = {
        "",
        "<html>",
        "[]",
        "{}",
        "{\"auth\":5}",
        "{\"auth\":\"\"}",
        "{\"auth\":\"a\",\"auth\":\"b\"}",
        "{\"auth\":\"a\",\"channel_data\":{\"user_id\":\"u\"}}",
        "{\"auth\":\"a\",\"channel_data\":5}",
        "{\"auth\":\"a\",\"channel_data\":\"x\",\"channel_data\":\"y\"}",
    };
    char *auth = NULL, *data = NULL;
    const char *reason;
    char *large = calloc(1, 1 << 20);

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CHECK_INT(
            message_read_auth(bad[i], strlen(bad[i]), &auth, &data, &reason),
            SGO_INVALID);
        CHECK(auth == NULL && data == NULL);
        CHECK(*reason != '\0');
    }
    memset(large, ' ', 1 << 20);
    memcpy(large, "{\"auth\":\"a\"}", 12);
    CHECK_INT(message_read_auth(large, 1 << 20, &auth, &data, &reason),
              SGO_INVALID);
    CHECK(strstr(reason, "64 KiB") != NULL);
    free(large);
    CHECK_INT(message_read_auth("{\"auth\":\"a\",\"channel_data\":null}", 32,
                                &auth, &data, &reason),
              SGO_OK);
    CHECK(data == NULL);
    mem_free(auth);
}

static void
t09_the_form_is_escaped_as_pusher_js_does(void)
{
    struct pusher_pair params[] = {
        {(char *)(uintptr_t) "a", (char *)(uintptr_t) "b c"},
        {(char *)(uintptr_t) "d&e", (char *)(uintptr_t) "\xc3\xa9="}};
    struct buf form;

    buf_init(&form, 1 << 12);
    message_write_form(&form, "1.2", "presence-a;b@c", params, 2);
    CHECK_STR(form.data, "socket_id=1.2&channel_name=presence-a%3Bb%40c"
                         "&a=b%20c&d%26e=%C3%A9%3D");
    buf_fini(&form);
}

static void
our_messages_have_object_data(void)
{
    struct buf text;

    buf_init(&text, 1 << 12);
    message_write_ping(&text);
    CHECK_STR(text.data, "{\"event\":\"pusher:ping\",\"data\":{}}");
    buf_reset(&text);
    message_write_pong(&text);
    CHECK_STR(text.data, "{\"event\":\"pusher:pong\",\"data\":{}}");
    buf_reset(&text);
    message_write_unsubscribe(&text, "a\"b");
    CHECK_STR(text.data, "{\"event\":\"pusher:unsubscribe\",\"data\":"
                         "{\"channel\":\"a\\\"b\"}}");
    buf_reset(&text);
    message_write_subscribe(&text, "public", NULL, NULL);
    CHECK_STR(text.data, "{\"event\":\"pusher:subscribe\",\"data\":"
                         "{\"channel\":\"public\"}}");
    buf_reset(&text);
    message_write_string(&text, "\x01\x1f\x7f\n/");
    CHECK_STR(text.data, "\"\\u0001\\u001f\\u007f\\u000a/\"");
    buf_fini(&text);
}

static void
error_bodies_are_read_leniently(void)
{
    static const struct {
        const char *body, *text;
    } forms[] = {
        {"{\"success\":false,\"error\":\"No slots\"}", "No slots"},
        {"{\"message\":\"m\"}", "m"},
        {"{\"error\":{\"message\":\"deep\"}}", "deep"},
        {"\"text\"", "text"},
        {"  plain text\r\nmore", "plain text  more"},
        {"<html>secret</html>", ""},
        {"{\"error\":5}", ""},
        {"{broken", ""},
        {"", ""},
        {"\xff\xfe oops", "?? oops"},
    };
    char out[64];

    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        message_read_error_body(forms[i].body, strlen(forms[i].body), out,
                                sizeof(out));
        CHECK_STR(out, forms[i].text);
    }
    message_read_error_body("{\"error\":\"1234567\xc3\xa9\"}", 21, out, 9);
    CHECK_STR(out, "1234567"); /* no half characters */
}

static void
a_lack_of_slots_is_recognised(void)
{
    CHECK(message_speaks_of_slots("Maximum number of concurrent streams"));
    CHECK(message_speaks_of_slots("Too many connections"));
    CHECK(message_speaks_of_slots("connection LIMIT reached"));
    CHECK(!message_speaks_of_slots("Your plan does not include streaming"));
    CHECK(!message_speaks_of_slots("Rate limit exceeded"));
    CHECK(!message_speaks_of_slots("Invalid API key"));
    CHECK(!message_speaks_of_slots(""));
}

static void
hex_runs_are_masked(void)
{
    char text[] = "got " SIGNATURE ", key " KEY " end";
    char short_run[] = "deadbeef";

    message_mask_hex(text);
    CHECK_STR(text, "got [redacted], key " KEY " end");
    message_mask_hex(short_run);
    CHECK_STR(short_run, "deadbeef");
}

static void
every_allocation_may_fail(void)
{
    static const char text[] =
        "{\"event\":\"data\",\"channel\":\"c\",\"data\":"
        "\"[{\\\"eventID\\\":\\\"E1\\\"},{\\\"eventID\\\":\\\"E2\\\"}]\"}";
    static const char answer[] = "{\"auth\":\"a\",\"channel_data\":\"b\"}";
    bool done = false;
    const char *reason;

    for (int n = 0; !done; n++) {
        struct message_ids ids = {0};
        struct message m;

        mem_fail_after(n);
        done = parse(text, &m) == SGO_OK &&
               message_read_ids(&m, 9, &ids) == SGO_OK;
        mem_fail_after(-1);
        mem_free(ids.ids);
        message_fini(&m);
    }
    done = false;
    for (int n = 0; !done; n++) {
        char *auth = NULL, *data = NULL;

        mem_fail_after(n);
        done = message_read_auth(answer, strlen(answer), &auth, &data,
                                 &reason) == SGO_OK;
        mem_fail_after(-1);
        CHECK(done || (auth == NULL && data == NULL));
        mem_free(auth);
        mem_free(data);
    }
}

int
main(void)
{
    message_init();
    message_init();
    RUN(t03_established_with_string_and_object);
    RUN(socket_ids_are_checked);
    RUN(t09_the_form_is_escaped_as_pusher_js_does);
    RUN(t10_channel_data_survives_byte_for_byte);
    RUN(t13_what_is_no_authorisation);
    RUN(t21_data_as_string_and_as_array);
    RUN(t21_data_that_is_no_list);
    RUN(t21_elements_without_a_usable_id_are_counted);
    RUN(t22_what_is_no_message);
    RUN(t22_depth_10000);
    RUN(the_channel_of_a_broken_message_is_told);
    RUN(an_inner_nul_or_bad_inner_json_stays_text);
    RUN(errors_in_all_their_forms);
    RUN(our_messages_have_object_data);
    RUN(error_bodies_are_read_leniently);
    RUN(a_lack_of_slots_is_recognised);
    RUN(hex_runs_are_masked);
    RUN(every_allocation_may_fail);
    return check_done();
}
