/* The public face of events and values.  An sgo_event is a document, an
 * sgo_value has the shape of a value; nothing is copied. */
#include <string.h>

#include "base/mem.h"
#include "base/status.h"
#include "client_value.h"
#include "json/diff.h"
#include "json/quotes.h"

/* ---- events --------------------------------------------------------------- */

sgo_status
sgo_event_parse(const char *json, size_t len, sgo_event **out, sgo_error *err)
{
    struct scan_error where = {0, NULL};
    struct document *doc;
    struct pool *pool = pool_create(0); /* its own: no lock is shared */
    sgo_status status;

    if (pool == NULL) {
        error_set(err, SGO_ERROR_MEMORY, "out of memory");
        return SGO_NO_MEMORY;
    }
    status = document_build(pool, json, len, &doc, &where);
    pool_release(pool); /* the document holds it */
    if (status == SGO_NO_MEMORY) {
        error_set(err, SGO_ERROR_MEMORY, "out of memory");
        return status;
    }
    if (status != SGO_OK) {
        error_set(err,
                  status == SGO_LIMIT ? SGO_ERROR_LIMIT : SGO_ERROR_PROTOCOL,
                  "not an event: at byte %zu: %s", where.offset,
                  where.reason ? where.reason : "not JSON");
        return SGO_INVALID;
    }
    if (value_type(document_root(doc)) != VALUE_OBJECT ||
        doc->event_id_len == 0) {
        document_release(doc);
        error_set(err, SGO_ERROR_PROTOCOL,
                  "not an event: an object with a string \"eventID\" of 1 to "
                  "%d bytes is needed",
                  DOCUMENT_MAX_EVENT_ID_BYTES);
        return SGO_INVALID;
    }
    *out = event_of(doc);
    return SGO_OK;
}

void
sgo_event_retain(sgo_event *event)
{
    document_retain(document_of(event));
}

void
sgo_event_release(sgo_event *event)
{
    document_release(document_of(event));
}

sgo_text
sgo_event_id(const sgo_event *event)
{
    const struct document *doc = (const struct document *)event;

    return (sgo_text){doc->event_id, doc->event_id_len};
}

sgo_text
sgo_event_json(const sgo_event *event)
{
    const struct document *doc = (const struct document *)event;

    return (sgo_text){doc->body, doc->len};
}

sgo_value
sgo_event_root(const sgo_event *event)
{
    return value_out(document_root((const struct document *)event));
}

sgo_status
sgo_event_diff(sgo_event *old_event, sgo_event *new_event,
               bool include_timestamps, sgo_update **out)
{
    return update_create_diff(document_of(old_event), document_of(new_event),
                              include_timestamps, out);
}

/* ---- values --------------------------------------------------------------- */

sgo_status
sgo_value_equal(sgo_value a, sgo_value b, bool *equal)
{
    *equal = a.event == NULL || b.event == NULL
                 ? a.event == b.event
                 : value_equal(value_in(a), value_in(b));
    return SGO_OK;
}

sgo_type
sgo_value_type(sgo_value value)
{
    struct value v = value_in(value);
    const char *raw;
    size_t len;

    if (v.doc == NULL) {
        return SGO_TYPE_NONE;
    }
    switch (value_type(v)) {
    case VALUE_NULL:
        return SGO_TYPE_NULL;
    case VALUE_FALSE:
        return SGO_TYPE_FALSE;
    case VALUE_TRUE:
        return SGO_TYPE_TRUE;
    case VALUE_STRING:
        return SGO_TYPE_STRING;
    case VALUE_ARRAY:
        return SGO_TYPE_ARRAY;
    case VALUE_OBJECT:
        return SGO_TYPE_OBJECT;
    case VALUE_NUMBER:
        break;
    }
    raw = value_raw(v, &len);
    return number_is_float(raw, len) ? SGO_TYPE_REAL : SGO_TYPE_INTEGER;
}

sgo_text
sgo_value_json(sgo_value value)
{
    sgo_text text = {NULL, 0};

    if (value.event) {
        text.bytes = value_raw(value_in(value), &text.len);
    }
    return text;
}

size_t
sgo_value_len(sgo_value value)
{
    return value.event ? value_len(value_in(value)) : 0;
}

sgo_status
sgo_value_get(sgo_value object, const char *key, size_t key_len,
              sgo_value *out)
{
    struct value found;

    if (object.event == NULL ||
        !value_get(value_in(object), key, key_len, &found)) {
        return SGO_NOT_FOUND;
    }
    *out = value_out(found);
    return SGO_OK;
}

sgo_status
sgo_value_at(sgo_value array, size_t i, sgo_value *out)
{
    struct value found;

    if (array.event == NULL || !value_at(value_in(array), i, &found)) {
        return SGO_NOT_FOUND;
    }
    *out = value_out(found);
    return SGO_OK;
}

_Static_assert(sizeof(struct value_iter) <= sizeof(sgo_iter),
               "sgo_iter holds a value_iter");

void
sgo_iter_init(sgo_iter *iter, sgo_value container)
{
    struct value_iter it;

    value_iter_init(&it, value_in(container));
    memset(iter, 0, sizeof(*iter));
    memcpy(iter, &it, sizeof(it));
}

bool
sgo_iter_next(sgo_iter *iter, sgo_text *key, sgo_value *out)
{
    struct text text = {NULL, 0, false};
    struct value_iter it;
    struct value found;

    memcpy(&it, iter, sizeof(it));
    if (!value_iter_next(&it, &text, &found)) {
        return false;
    }
    memcpy(iter, &it, sizeof(it));
    *key = text_out(text);
    *out = value_out(found);
    return true;
}

sgo_text
sgo_text_decode(sgo_text raw, char *buffer, size_t cap)
{
    sgo_text text = {buffer, 0};

    if (raw.len == 0 || memchr(raw.bytes, '\\', raw.len) == NULL) {
        return raw;
    }
    if (text_decode((struct text){raw.bytes, (uint32_t)raw.len, true}, buffer,
                    cap, &text.len) != SGO_OK) {
        text.len = 0; /* cap < raw.len: the caller's mistake */
    }
    return text;
}

sgo_text
sgo_value_string(sgo_value value)
{
    struct value v = value_in(value);

    if (v.doc == NULL || value_type(v) != VALUE_STRING) {
        return (sgo_text){NULL, 0};
    }
    return text_out(value_text(v));
}

/* ---- quotes --------------------------------------------------------------- */

void
sgo_quote_read(sgo_value quote, sgo_quote *out)
{
    struct quote_fields fields;

    quote_read(value_in(quote), &fields);
    *out =
        (sgo_quote){.has_odds = fields.has_odds,
                    .odds = fields.has_odds ? fields.odds_value : 0,
                    .odds_text = text_out(fields.odds),
                    .has_line = fields.has_line,
                    .line = fields.has_line ? fields.line_value : 0.0,
                    .line_text = text_out(fields.line),
                    .available = fields.has_available ? fields.available : -1,
                    .last_updated_at_ms = INT64_MIN,
                    .deeplink = text_out(fields.deeplink)};
    if (fields.has_last_updated_at) {
        int64_t ns = fields.last_updated_at_ns;

        /* Rounded down, before 1970 too. */
        out->last_updated_at_ms = ns / 1000000 - (ns % 1000000 < 0);
    }
}

/* Turn a refusal of show_filter into the public error. */
static sgo_status
refused(sgo_status status, const char *option, const char *reason,
        sgo_error *err)
{
    if (status == SGO_NO_MEMORY) {
        error_set(err, SGO_ERROR_MEMORY, "out of memory");
    } else if (status == SGO_LIMIT) {
        error_set(err, SGO_ERROR_LIMIT, "%s has more than %d names", option,
                  NAMES_MAX);
        status = SGO_INVALID;
    } else if (status != SGO_OK) {
        error_set(err, SGO_ERROR_BAD_REQUEST, "%s: %s", option,
                  reason ? reason : "malformed");
    }
    return status;
}

sgo_status
sgo_quote_filter_new(const char *const *odd_ids, size_t odd_id_count,
                     const char *const *bookmaker_ids,
                     size_t bookmaker_id_count, bool alt_lines,
                     sgo_quote_filter **out, sgo_error *err)
{
    struct sgo_quote_filter *filter = mem_calloc(1, sizeof(*filter));
    const char *reason = NULL;
    sgo_status status = SGO_OK;

    if (filter == NULL) {
        return refused(SGO_NO_MEMORY, "", NULL, err);
    }
    show_filter_init(&filter->show);
    filter->alt_lines = alt_lines;
    if (odd_id_count) {
        status = refused(show_filter_set_odd_ids(&filter->show, odd_ids,
                                                 odd_id_count, &reason),
                         "odd_ids", reason, err);
    }
    if (status == SGO_OK && bookmaker_id_count) {
        status =
            refused(show_filter_set_bookmaker_ids(&filter->show, bookmaker_ids,
                                                  bookmaker_id_count, &reason),
                    "bookmaker_ids", reason, err);
    }
    if (status != SGO_OK) {
        sgo_quote_filter_free(filter);
        return status;
    }
    *out = filter;
    return SGO_OK;
}

void
sgo_quote_filter_free(sgo_quote_filter *filter)
{
    if (filter) {
        show_filter_fini(&filter->show);
        mem_free(filter);
    }
}

/* Room for one more row. */
static bool
grow(sgo_quote_row **rows, size_t n, size_t *cap)
{
    sgo_quote_row *grown;

    if (n < *cap) {
        return true;
    }
    *cap = *cap ? *cap * 2 : 256;
    grown = mem_realloc(*rows, *cap * sizeof(*grown));
    if (grown == NULL) {
        return false;
    }
    *rows = grown;
    return true;
}

sgo_status
sgo_event_quotes(const sgo_event *event, const sgo_quote_filter *filter,
                 sgo_quote_row **rows, size_t *count)
{
    sgo_quote_row *made = NULL;
    size_t n = 0, cap = 0;
    struct quote_iter it;
    struct quote quote;

    quote_iter_init(&it, (const struct document *)event,
                    filter ? &filter->show : NULL,
                    filter && filter->alt_lines);
    while (quote_iter_next(&it, &quote)) {
        if (!grow(&made, n, &cap)) {
            mem_free(made);
            return SGO_NO_MEMORY;
        }
        made[n++] =
            (sgo_quote_row){.odd_id = text_out(quote.odd_id),
                            .bookmaker_id = text_out(quote.bookmaker_id),
                            .is_alt_line = quote.is_alt_line,
                            .odd = value_out(quote.odd),
                            .quote = value_out(quote.value)};
    }
    *rows = made;
    *count = n;
    return SGO_OK;
}

void
sgo_quote_rows_free(sgo_quote_row *rows)
{
    mem_free(rows);
}

size_t
sgo_event_quote_count(const sgo_event *event, const sgo_quote_filter *filter)
{
    struct quote_iter it;
    struct quote quote;
    size_t n = 0;

    quote_iter_init(&it, (const struct document *)event,
                    filter ? &filter->show : NULL,
                    filter && filter->alt_lines);
    while (quote_iter_next(&it, &quote)) {
        n++;
    }
    return n;
}
