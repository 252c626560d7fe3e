/* Answers of the authorisation endpoint, and what may be quoted of a server's
 * words. */
#include "pusher/message.h"

#include <string.h>

#include "base/mem.h"

sgo_status
message_read_auth(const char *body, size_t len, char **auth,
                  char **channel_data, const char **reason)
{
    cJSON *tree = NULL;
    const cJSON *member;
    const char *text, *data;
    bool twice;
    char *a = NULL, *d = NULL;
    sgo_status status = SGO_INVALID;

    *reason = "the answer is larger than 64 KiB";
    if (len > MESSAGE_AUTH_BODY_MAX) {
        return SGO_INVALID;
    }
    *reason = "the answer is not JSON";
    status = message_json(body, len, &tree);
    if (status != SGO_OK) {
        *reason = status == SGO_NO_MEMORY ? "out of memory" : *reason;
        return status;
    }
    status = SGO_INVALID;
    *reason = "the answer has no usable \"auth\"";
    text = message_text(tree, "auth");
    if (text == NULL || *text == '\0' || strlen(text) > MESSAGE_AUTH_MAX) {
        goto out;
    }
    *reason = "\"channel_data\" is not a string";
    member = message_member(tree, "channel_data", &twice);
    if (twice ||
        (member && !cJSON_IsNull(member) && !cJSON_IsString(member))) {
        goto out;
    }
    a = mem_dup(text, strlen(text));
    data = cJSON_GetStringValue(member);
    d = data ? mem_dup(data, strlen(data)) : NULL;
    if (a == NULL || (data && d == NULL)) {
        *reason = "out of memory";
        status = SGO_NO_MEMORY;
        goto out;
    }
    *auth = a;
    *channel_data = d;
    a = d = NULL;
    status = SGO_OK;
out:
    mem_free(a);
    mem_free(d);
    cJSON_Delete(tree);
    return status;
}

/* Copy at most cap - 1 bytes, whole characters only (text is valid UTF-8 if
 * `utf8`; otherwise what is not ASCII becomes '?'). */
static void
copy_line(char *out, size_t cap, const char *text, size_t len, bool utf8)
{
    size_t n = len < cap - 1 ? len : cap - 1;

    while (utf8 && n < len && n > 0 &&
           ((unsigned char)text[n] & 0xc0) == 0x80) {
        n--;
    }
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)text[i];

        if (c < 0x20 || c == 0x7f) {
            c = ' ';
        } else if (c >= 0x80 && !utf8) {
            c = '?';
        }
        out[i] = (char)c;
    }
    out[n] = '\0';
}

void
message_read_error_body(const char *body, size_t len, char *out, size_t cap)
{
    cJSON *tree = NULL;
    const char *text = NULL;
    size_t skip = 0;

    out[0] = '\0';
    if (len > MESSAGE_AUTH_BODY_MAX) {
        return;
    }
    if (message_json(body, len, &tree) == SGO_OK) {
        text = message_text(tree, "error");
        if (text == NULL) {
            text = message_text(tree, "message");
        }
        if (text == NULL) {
            text =
                message_text(message_member(tree, "error", NULL), "message");
        }
        if (text == NULL && cJSON_IsString(tree)) {
            text = tree->valuestring;
        }
        if (text) {
            copy_line(out, cap, text, strlen(text), true);
        }
        cJSON_Delete(tree);
        return;
    }
    while (skip < len && strchr(" \t\r\n", body[skip]) && body[skip]) {
        skip++;
    }
    if (skip < len && !strchr("<{[", body[skip])) {
        copy_line(out, cap, body + skip, len - skip, false);
    }
}

bool
message_speaks_of_slots(const char *text)
{
    static const char *const what[] = {"stream", "connection"};
    static const char *const lack[] = {
        "limit",   "concurrent", "too many", "maximum", "exceed",
        "already", "quota",      "slot",     "at once", "simultaneous"};
    bool named = false;

    for (size_t i = 0; i < sizeof(what) / sizeof(what[0]); i++) {
        named = named || strcasestr(text, what[i]);
    }
    for (size_t i = 0; named && i < sizeof(lack) / sizeof(lack[0]); i++) {
        if (strcasestr(text, lack[i])) {
            return true;
        }
    }
    return false;
}

static bool
is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') ||
           (c >= 'A' && c <= 'F');
}

void
message_mask_hex(char *text)
{
    static const char mark[] = "[redacted]";
    char *to = text;

    for (const char *p = text; *p;) {
        size_t run = 0;

        while (is_hex(p[run])) {
            run++;
        }
        if (run >= 32) {
            memcpy(to, mark, sizeof(mark) - 1);
            to += sizeof(mark) - 1;
            p += run;
        } else {
            run = run ? run : 1;
            memmove(to, p, run);
            to += run;
            p += run;
        }
    }
    *to = '\0';
}
