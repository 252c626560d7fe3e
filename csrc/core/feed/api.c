/* The API's side of texts: the shape as query parameters, the id of an event
 * without parsing it, small answers as trees. */
#include "feed/brain.h"

#include <string.h>

#include "base/mem.h"

/* "&name=a,b,c", each escaped. */
static void
append_names(struct buf *out, const char *name, const struct asked_name *names,
             size_t n)
{
    buf_printf(out, "&%s=", name);
    for (size_t i = 0; i < n; i++) {
        if (i) {
            buf_putc(out, ',');
        }
        message_write_escaped(out, names[i].bytes);
    }
}

sgo_status
api_shape_query(const struct shape *shape, bool expand_results, char **out,
                bool *fits)
{
    struct buf b;
    char *text;
    size_t len;
    bool with_names = true;

    for (;;) {
        buf_init(&b, SHAPE_QUERY_MAX_BYTES);
        if (shape && shape->bookmaker_id_count && with_names) {
            append_names(&b, "bookmakerID", shape->bookmaker_ids,
                         shape->bookmaker_id_count);
        }
        if (shape && shape->odd_id_count && with_names) {
            append_names(&b, "oddID", shape->odd_ids, shape->odd_id_count);
            if (shape->include_opposing) {
                buf_puts(&b, "&includeOpposingOdds=true");
            }
        }
        if (shape && shape->include_alt_lines) {
            buf_puts(&b, "&includeAltLines=true");
        }
        if (shape && shape->include_open_close) {
            buf_puts(&b, "&includeOpenCloseOdds=true");
        }
        if (expand_results) {
            buf_puts(&b, "&expandResults=true");
        }
        buf_append(&b, "", 0);
        if (b.status != SGO_LIMIT || !with_names) {
            break;
        }
        buf_fini(&b);
        with_names = false; /* too long: fetched whole, pruned here */
    }
    if (b.status != SGO_OK) {
        sgo_status status = b.status;

        buf_fini(&b);
        return status;
    }
    text = buf_take(&b, &len);
    if (text == NULL) {
        return SGO_NO_MEMORY;
    }
    *out = text;
    *fits = with_names;
    return SGO_OK;
}

/* Behind a string's closing quote, or NULL. */
static const char *
string_end(const char *p, const char *end)
{
    for (p++; p < end; p++) {
        if (*p == '\\') {
            p++;
        } else if (*p == '"') {
            return p + 1;
        }
    }
    return NULL;
}

static const char *
skip_space(const char *p, const char *end)
{
    while (p < end && (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r')) {
        p++;
    }
    return p;
}

/* Behind a value, or NULL: brackets and strings only. */
static const char *
value_end(const char *p, const char *end)
{
    size_t depth = 0;

    while (p < end) {
        if (*p == '"') {
            p = string_end(p, end);
            if (p == NULL) {
                return NULL;
            }
        } else {
            if (*p == '{' || *p == '[') {
                depth++;
            } else if (*p == '}' || *p == ']') {
                if (depth == 0) {
                    return p; /* the parent's end */
                }
                depth--;
            } else if (depth == 0 && *p == ',') {
                return p;
            }
            p++;
        }
        if (depth == 0) {
            p = skip_space(p, end);
            if (p < end && (*p == ',' || *p == '}')) {
                return p;
            }
        }
    }
    return NULL;
}

size_t
api_event_id(const char *bytes, size_t len, char *out)
{
    const char *end = bytes + len, *p = skip_space(bytes, end);
    size_t n = 0;

    if (p == end || *p != '{') {
        return 0;
    }
    do {
        const char *key = skip_space(p + 1, end), *value;
        bool found;

        if (key == end || *key != '"' || (p = string_end(key, end)) == NULL) {
            return 0;
        }
        found = p - key == 9 && memcmp(key, "\"eventID\"", 9) == 0;
        p = skip_space(p, end);
        if (p == end || *p != ':') {
            return 0;
        }
        value = skip_space(p + 1, end);
        if (found) {
            struct text text;

            if (value == end || *value != '"' ||
                (p = string_end(value, end)) == NULL) {
                return 0;
            }
            text = (struct text){value + 1, (uint32_t)(p - value - 2), true};
            if (text_decode(text, out, DOCUMENT_MAX_EVENT_ID_BYTES, &n) !=
                SGO_OK) {
                return 0;
            }
            out[n] = '\0';
            return n;
        }
        p = value_end(value, end);
    } while (p && *p == ',');
    return 0;
}

sgo_status
api_envelope(const char *bytes, size_t len, cJSON **tree)
{
    cJSON *found;
    sgo_status status = message_json(bytes, len, &found);

    if (status == SGO_OK &&
        !cJSON_IsTrue(message_member(found, "success", NULL))) {
        cJSON_Delete(found);
        status = SGO_INVALID;
    }
    if (status == SGO_OK) {
        *tree = found;
    }
    return status;
}

void
api_path(const struct request *r, char *out, size_t cap)
{
    const char *from = strstr(r->url, "://");
    size_t n;

    from = from ? strchr(from + 3, '/') : NULL;
    n = from ? strcspn(from, "?") : 0;
    if (n >= cap) {
        n = cap - 1;
    }
    if (from) {
        memcpy(out, from, n);
    }
    out[n] = '\0';
}
