/* A byte-driven state machine; see envelope.h.  Elements that lie whole in
 * one piece are handed out where they lie, only those across pieces are
 * copied. */
#include "json/envelope.h"

#include <string.h>

#include "base/mem.h"
#include "json/scanner.h"
#include "json/skip.h"
#include "json/text.h"

enum { BLOCK = 64 }; /* bytes looked at one by one before blocks again */

void
envelope_init(struct envelope *e, size_t max_rest, size_t max_element)
{
    *e = (struct envelope){
        .state = ENVELOPE_START,
        .status = SGO_OK,
        .max_total = ENVELOPE_MAX_TOTAL,
    };
    buf_init(&e->rest, max_rest);
    buf_init(&e->element, max_element);
}

void
envelope_fini(struct envelope *e)
{
    if (e->rest.data) {
        mem_wipe(e->rest.data, e->rest.len); /* coordinates hold the key */
    }
    buf_fini(&e->rest);
    buf_fini(&e->element);
}

static sgo_status
fail(struct envelope *e, sgo_status status, const char *reason)
{
    e->status = status;
    e->reason = reason;
    return status;
}

void
envelope_feed(struct envelope *e, const char *bytes, size_t len)
{
    e->chunk = bytes;
    e->chunk_len = len;
    e->at = 0;
    e->total += len;
    if (e->total > e->max_total && e->status == SGO_OK) {
        fail(e, SGO_LIMIT, "answer too long");
    }
}

/* Append to the rest; an error becomes the envelope's. */
static bool
keep(struct envelope *e, const char *bytes, size_t len)
{
    sgo_status status = buf_append(&e->rest, bytes, len);

    if (status != SGO_OK) {
        fail(e, status,
             status == SGO_LIMIT ? "too much beside the events"
                                 : "out of memory");
        return false;
    }
    return true;
}

static void
begin_value(struct envelope *e, char first)
{
    e->depth = 0;
    e->in_string = false;
    e->after_backslash = false;
    e->scalar = first != '"' && first != '{' && first != '[';
}

/* Inside a string: move to behind its closing quote, or the piece's end. */
static const char *
skip_string(struct envelope *e, const char *p, const char *end)
{
    for (; p < end; p++) {
        if (e->after_backslash) {
            e->after_backslash = false;
        } else if (*p == '\\') {
            e->after_backslash = true;
        } else if (*p == '"') {
            e->in_string = false;
            return p + 1;
        }
    }
    return p;
}

/* Byte by byte through a value that is no scalar, as far as `end`; true when
 * it is complete. */
static bool
skip_bytes(struct envelope *e, const char **at, const char *end)
{
    const char *p = *at;
    bool done = false;

    while (!done && p < end) {
        if (e->in_string) {
            p = skip_string(e, p, end);
            done = !e->in_string && e->depth == 0;
            continue;
        }
        switch (*p++) {
        case '"':
            e->in_string = true;
            break;
        case '{':
        case '[':
            e->depth++;
            break;
        case '}':
        case ']':
            e->depth--;
            done = e->depth == 0;
            break;
        default:
            break;
        }
    }
    *at = p;
    return done;
}

/* Move through a value or element; true when it is complete, e->at is then
 * behind it. */
static bool
skip_value(struct envelope *e)
{
    const char *p = e->chunk + e->at, *end = e->chunk + e->chunk_len;
    bool done = false;

    if (e->scalar) {
        while (p < end && *p != ',' && *p != ']' && *p != '}' &&
               !SCANNER_IS(p, CLASS_SPACE)) {
            p++;
        }
        done = p < end;
    }
    while (!done && !e->scalar && p < end) {
        if (e->depth > 0 && !e->after_backslash) {
            p = skip_blocks(p, end, &e->depth, &e->in_string);
        }
        done = skip_bytes(e, &p, end - p > BLOCK ? p + BLOCK : end);
    }
    e->at = (size_t)(p - e->chunk);
    return done;
}

/* The first byte of an element or of a value: can it begin one? */
static bool
begins_value(char c)
{
    return c == '{' || c == '[' || c == '"' || c == '-' ||
           (c >= '0' && c <= '9') || c == 't' || c == 'f' || c == 'n';
}

/* Go on with the element from `start` in the chunk. */
static sgo_status
take_element(struct envelope *e, size_t start, const char **element,
             size_t *len)
{
    bool done = skip_value(e);
    size_t n = e->at - start;
    sgo_status status;

    if (done && e->element.len == 0) {
        if (n > e->element.max) {
            return fail(e, SGO_LIMIT, "event too long");
        }
        *element = e->chunk + start;
        *len = n;
    } else {
        status = buf_append(&e->element, e->chunk + start, n);
        if (status != SGO_OK) {
            return fail(e, status,
                        status == SGO_LIMIT ? "event too long"
                                            : "out of memory");
        }
        if (!done) {
            return SGO_AGAIN;
        }
        *element = e->element.data;
        *len = e->element.len;
        e->handed_out = true;
    }
    e->elements++;
    e->state = ENVELOPE_AFTER_ELEMENT;
    return SGO_OK;
}

/* A top-level key is complete: is it the one? */
static sgo_status
end_key(struct envelope *e)
{
    const char *raw = e->rest.data + e->key_start;
    size_t len = e->rest.len - 1 - e->key_start;
    struct text key = {raw, (uint32_t)len, memchr(raw, '\\', len) != NULL};

    /* Only a well-formed string may be decoded. */
    if (key.escaped) {
        struct scanner s = {.begin = raw - 1};
        const char *end;
        char copy[256];

        e->key_is_data = false;
        if (len + 2 + SCAN_PADDING <= sizeof(copy)) {
            memset(copy, 0, sizeof(copy));
            memcpy(copy, raw - 1, len + 2);
            s.begin = copy;
            s.end = copy + len + 2;
            end = scanner_string(&s, copy);
            e->key_is_data = end == s.end && text_equal_bytes(key, "data", 4);
        }
    } else {
        e->key_is_data = text_equal_bytes(key, "data", 4);
    }
    if (e->key_is_data) {
        if (e->seen_data) {
            return fail(e, SGO_INVALID, "data stands twice");
        }
        e->seen_data = true;
    }
    e->state = ENVELOPE_COLON;
    return SGO_OK;
}

/* States in which one byte c that is no white space is looked at. */
static sgo_status
structure(struct envelope *e, char c)
{
    switch (e->state) {
    case ENVELOPE_START:
        if (c != '{') {
            return fail(e, SGO_INVALID, "not a JSON object");
        }
        e->state = ENVELOPE_FIRST_KEY;
        break;
    case ENVELOPE_FIRST_KEY:
    case ENVELOPE_KEY:
        if (c == '}' && e->state == ENVELOPE_FIRST_KEY) {
            e->state = ENVELOPE_END;
            break;
        }
        if (c != '"') {
            return fail(e, SGO_INVALID, "key expected");
        }
        e->state = ENVELOPE_IN_KEY;
        e->in_string = true;
        e->after_backslash = false;
        e->key_start = e->rest.len + 1;
        break;
    case ENVELOPE_COLON:
        if (c != ':') {
            return fail(e, SGO_INVALID, "colon expected");
        }
        e->state = ENVELOPE_VALUE;
        break;
    case ENVELOPE_AFTER_VALUE:
        if (c != ',' && c != '}') {
            return fail(e, SGO_INVALID, "comma or closing brace expected");
        }
        e->state = c == ',' ? ENVELOPE_KEY : ENVELOPE_END;
        break;
    default:
        return fail(e, SGO_INVALID, "bytes behind the object");
    }
    e->at++;
    return keep(e, &c, 1) ? SGO_OK : e->status;
}

/* The first byte of a top-level value. */
static sgo_status
value_start(struct envelope *e, char c)
{
    if (e->key_is_data && c == '[') {
        e->state = ENVELOPE_FIRST_ELEMENT;
        e->at++;
        return keep(e, "null", 4) ? SGO_OK : e->status;
    }
    if (!begins_value(c)) {
        return fail(e, SGO_INVALID, "value expected");
    }
    begin_value(e, c);
    e->state = ENVELOPE_IN_VALUE;
    return SGO_OK;
}

/* Between elements. */
static sgo_status
element_start(struct envelope *e, char c)
{
    if (e->state == ENVELOPE_AFTER_ELEMENT) {
        if (c != ',' && c != ']') {
            return fail(e, SGO_INVALID, "comma or closing bracket expected");
        }
        e->state = c == ',' ? ENVELOPE_ELEMENT : ENVELOPE_AFTER_VALUE;
        e->at++;
    } else if (e->state == ENVELOPE_FIRST_ELEMENT && c == ']') {
        e->state = ENVELOPE_AFTER_VALUE;
        e->at++;
    } else if (begins_value(c)) {
        begin_value(e, c);
        e->state = ENVELOPE_IN_ELEMENT;
    } else {
        return fail(e, SGO_INVALID, "event expected");
    }
    return SGO_OK;
}

/* The inside of a key or of a value that goes to the rest. */
static sgo_status
inside(struct envelope *e)
{
    size_t start = e->at;
    const char *end = e->chunk + e->chunk_len;
    bool done;

    if (e->state == ENVELOPE_IN_KEY) {
        const char *p = skip_string(e, e->chunk + start, end);

        e->at = (size_t)(p - e->chunk);
        done = !e->in_string;
    } else {
        done = skip_value(e);
    }
    if (!keep(e, e->chunk + start, e->at - start)) {
        return e->status;
    }
    if (!done) {
        return SGO_AGAIN;
    }
    if (e->state == ENVELOPE_IN_KEY) {
        return end_key(e);
    }
    e->state = ENVELOPE_AFTER_VALUE;
    return SGO_OK;
}

sgo_status
envelope_next(struct envelope *e, const char **element, size_t *len)
{
    sgo_status status = e->status;

    if (e->handed_out) {
        e->handed_out = false;
        buf_reset(&e->element);
    }
    while (status == SGO_OK && e->at < e->chunk_len) {
        char c = e->chunk[e->at];

        if (e->state == ENVELOPE_IN_ELEMENT) {
            return take_element(e, e->at, element, len);
        }
        if (e->state == ENVELOPE_IN_KEY || e->state == ENVELOPE_IN_VALUE) {
            status = inside(e);
        } else if (SCANNER_IS(&c, CLASS_SPACE)) {
            e->at++;
        } else if (e->state == ENVELOPE_VALUE) {
            status = value_start(e, c);
        } else if (e->state == ENVELOPE_FIRST_ELEMENT ||
                   e->state == ENVELOPE_ELEMENT ||
                   e->state == ENVELOPE_AFTER_ELEMENT) {
            status = element_start(e, c);
        } else {
            status = structure(e, c);
        }
    }
    return status == SGO_OK ? SGO_AGAIN : status;
}

sgo_status
envelope_finish(struct envelope *e, const char **rest, size_t *len)
{
    if (e->status != SGO_OK) {
        return e->status;
    }
    if (e->state != ENVELOPE_END || e->at < e->chunk_len) {
        return fail(e, SGO_INVALID, "cut short");
    }
    *rest = e->rest.data;
    *len = e->rest.len;
    return SGO_OK;
}
