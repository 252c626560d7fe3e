#include "json_help.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json/envelope.h"
#include "json/path.h"

char *
help_sample(const char *name, size_t *len)
{
    const char *dir = getenv("SGO_SAMPLES");
    char path[512];
    FILE *file;
    struct buf b;
    char piece[4096];
    size_t n;

    snprintf(path, sizeof(path), "%s/%s", dir ? dir : "../shared/samples",
             name);
    file = fopen(path, "rb");
    if (file == NULL) {
        fprintf(stderr, "sample %s is not there: skipped\n", name);
        return NULL;
    }
    buf_init(&b, 64 << 20);
    while ((n = fread(piece, 1, sizeof(piece), file)) > 0) {
        buf_append(&b, piece, n);
    }
    fclose(file);
    return buf_take(&b, len);
}

char *
help_sample_event(const char *name, size_t i, size_t *len)
{
    size_t n;
    char *bytes = help_sample(name, &n), *copy = NULL;
    struct envelope e;
    const char *element;

    if (bytes == NULL) {
        return NULL;
    }
    envelope_init(&e, ENVELOPE_MAX_REST, ENVELOPE_MAX_ELEMENT);
    envelope_feed(&e, bytes, n);
    while (envelope_next(&e, &element, &n) == SGO_OK) {
        if (i-- == 0) {
            copy = mem_dup(element, n);
            *len = n;
            break;
        }
    }
    envelope_fini(&e);
    mem_free(bytes);
    return copy;
}

struct document *
help_build_bytes(struct pool *pool, const char *bytes, size_t len)
{
    struct document *doc;
    struct scan_error err;
    sgo_status status = document_build(pool, bytes, len, &doc, &err);

    if (status != SGO_OK) {
        fprintf(stderr, "document_build: %d at %zu: %s\n%.*s\n", (int)status,
                err.offset, err.reason, len > 500 ? 500 : (int)len, bytes);
        abort();
    }
    return doc;
}

struct document *
help_build(struct pool *pool, const char *text)
{
    return help_build_bytes(pool, text, strlen(text));
}

/* --- random JSON ------------------------------------------------------ */

static bool
chance(struct rand *r, int per_mille)
{
    return rand_between(r, 0, 999) < per_mille;
}

static void
random_string(struct rand *r, struct buf *out)
{
    static const char *const pieces[] = {
        "a",
        "odds",
        "-110",
        "+1.5",
        "\xC3\xA9",
        "\\u00e9",
        "\\n",
        "\\\"",
        "\\\\",
        "\\/",
        "\xF0\x9F\x8F\x88",
        "\\ud83c\\udfc8",
        " ",
        "points-home-game-ml-home",
        "2026-01-15T01:11:23.858Z",
        "}",
        "{\\\"",
        ",",
        "\x7F",
        "\\u0041",
    };
    int64_t n = rand_between(r, 0, 4);

    buf_putc(out, '"');
    while (n-- > 0) {
        int64_t i = rand_between(
            r, 0, (int64_t)(sizeof(pieces) / sizeof(*pieces)) - 1);

        buf_puts(out, pieces[i]);
    }
    buf_putc(out, '"');
}

static void
random_scalar(struct rand *r, struct buf *out)
{
    static const char *const scalars[] = {
        "null", "true", "false", "0",   "-0",  "1",   "-17",
        "1.5",  "1e3",  "2E-2",  "0.1", "250", "1.0", "12345678901234567890",
    };

    if (chance(r, 500)) {
        random_string(r, out);
    } else {
        buf_puts(
            out,
            scalars[rand_between(
                r, 0, (int64_t)(sizeof(scalars) / sizeof(*scalars)) - 1)]);
    }
}

static void
random_value(struct rand *r, struct buf *out, int depth)
{
    static const char *const names[] = {
        "odds",      "byBookmaker", "altLines",  "lastUpdatedAt",
        "spread",    "score",       "overUnder", "available",
        "k\\u0065y", "\xC3\xA9",    "status",    "",
    };
    bool object;
    int64_t n;

    if (depth == 0 || out->len > 6000 || chance(r, 400)) {
        random_scalar(r, out);
        return;
    }
    object = chance(r, 700);
    n = chance(r, 50) ? rand_between(r, 30, 50) : rand_between(r, 0, 6);
    buf_putc(out, object ? '{' : '[');
    for (int64_t i = 0; i < n; i++) {
        if (i > 0) {
            buf_putc(out, ',');
        }
        if (object) {
            int64_t name = rand_between(r, 0, 11);

            /* Distinct by the number, but for the first few. */
            if (i < 1) {
                buf_printf(out, "\"%s\":", names[name]);
            } else {
                buf_printf(out, "\"%s%d\":", names[name], (int)i);
            }
        }
        random_value(r, out, depth - 1);
    }
    buf_putc(out, object ? '}' : ']');
}

void
help_random(struct rand *r, struct buf *out)
{
    int64_t n = rand_between(r, 0, 8);

    buf_puts(out, "{\"eventID\":\"e1\"");
    for (int64_t i = 0; i < n; i++) {
        buf_printf(out, ",\"%s%d\":", chance(r, 300) ? "odds" : "m", (int)i);
        random_value(r, out, 6);
    }
    buf_putc(out, '}');
}

/* --- rewriting -------------------------------------------------------- */

static void
space(struct rand *r, const struct help_style *style, struct buf *out)
{
    static const char spaces[] = " \t\n\r";

    while (style->spaces && chance(r, 300)) {
        buf_putc(out, spaces[rand_between(r, 0, 3)]);
    }
}

static void
disguise_string(struct rand *r, struct text text, struct buf *out)
{
    buf_putc(out, '"');
    for (uint32_t i = 0; i < text.len; i++) {
        uint8_t c = (uint8_t)text.raw[i];

        if (c == '\\') {
            uint32_t n = text.raw[i + 1] == 'u' ? 6 : 2;

            buf_append(out, text.raw + i, n);
            i += n - 1;
        } else if (c < 0x80 && chance(r, 200)) {
            buf_printf(out, chance(r, 500) ? "\\u%04x" : "\\u%04X", c);
        } else {
            buf_putc(out, (char)c);
        }
    }
    buf_putc(out, '"');
}

static void
rewrite_leaf(struct rand *r, struct value v, const struct help_style *style,
             struct buf *out)
{
    size_t len;
    const char *raw = value_raw(v, &len);

    if (chance(r, style->change_per_mille)) {
        if (chance(r, 500)) {
            random_scalar(r, out);
        } else {
            random_value(r, out, 2);
        }
    } else if (style->disguise && value_type(v) == VALUE_STRING) {
        disguise_string(r, value_text(v), out);
    } else if (style->disguise && value_type(v) == VALUE_NUMBER && len < 18 &&
               chance(r, 500)) {
        if (number_is_float(raw, len)) {
            buf_append(out, raw, len);
            if (memchr(raw, 'e', len) == NULL &&
                memchr(raw, 'E', len) == NULL) {
                buf_puts(out, chance(r, 500) ? "0" : "e0");
            }
        } else {
            buf_append(out, raw, len);
            buf_puts(out, ".0");
        }
    } else {
        buf_append(out, raw, len);
    }
}

static void
rewrite_key(struct rand *r, struct text key, const struct help_style *style,
            struct buf *out)
{
    if (style->disguise) {
        disguise_string(r, key, out);
    } else {
        buf_append(out, key.raw - 1, key.len + 2u);
    }
}

static void
rewrite_members(struct rand *r, struct value v, const struct help_style *style,
                struct buf *out)
{
    bool object = value_type(v) == VALUE_OBJECT;
    size_t n = value_len(v), written = 0;
    struct value *values = calloc(n + 1, sizeof(*values));
    struct text *keys = calloc(n + 1, sizeof(*keys));
    struct value_iter it;
    size_t i = 0;

    if (values == NULL || keys == NULL) {
        abort();
    }
    value_iter_init(&it, v);
    while (value_iter_next(&it, &keys[i], &values[i])) {
        i++;
    }
    for (i = n; object && style->shuffle && i > 1; i--) {
        size_t j = (size_t)rand_between(r, 0, (int64_t)i - 1);
        struct value value = values[j];
        struct text key = keys[j];

        values[j] = values[i - 1];
        keys[j] = keys[i - 1];
        values[i - 1] = value;
        keys[i - 1] = key;
    }
    for (i = 0; i < n; i++) {
        if (chance(r, style->change_per_mille)) {
            continue; /* dropped */
        }
        if (written++ > 0) {
            buf_putc(out, ',');
        }
        space(r, style, out);
        if (chance(r, style->change_per_mille)) { /* one more */
            if (object) {
                buf_printf(out, "\"new%d\":", (int)i);
            }
            random_value(r, out, 3);
            buf_putc(out, ',');
        }
        if (object) {
            rewrite_key(r, keys[i], style, out);
            space(r, style, out);
            buf_putc(out, ':');
            space(r, style, out);
        }
        help_rewrite(r, values[i], style, out);
        space(r, style, out);
    }
    free(values);
    free(keys);
}

void
help_rewrite(struct rand *r, struct value v, const struct help_style *style,
             struct buf *out)
{
    if (v.index == VALUE_LEAF) {
        rewrite_leaf(r, v, style, out);
        return;
    }
    buf_putc(out, value_type(v) == VALUE_OBJECT ? '{' : '[');
    space(r, style, out);
    rewrite_members(r, v, style, out);
    buf_putc(out, value_type(v) == VALUE_OBJECT ? '}' : ']');
}

/* --- oracles ---------------------------------------------------------- */

static bool
text_is(struct text text, const char *expected)
{
    return text_equal_bytes(text, expected, strlen(expected));
}

bool
help_equals_cjson(struct value v, const cJSON *node)
{
    struct value_iter it;
    struct value member;
    struct text key;
    size_t len;
    const char *raw = value_raw(v, &len);
    double number;

    switch (value_type(v)) {
    case VALUE_NULL:
        return cJSON_IsNull(node);
    case VALUE_FALSE:
        return cJSON_IsFalse(node);
    case VALUE_TRUE:
        return cJSON_IsTrue(node);
    case VALUE_NUMBER:
        return cJSON_IsNumber(node) &&
               number_parse_double(raw, len, &number) &&
               number == node->valuedouble;
    case VALUE_STRING:
        return cJSON_IsString(node) &&
               text_is(value_text(v), node->valuestring);
    default:
        break;
    }
    if (value_type(v) == VALUE_OBJECT ? !cJSON_IsObject(node)
                                      : !cJSON_IsArray(node)) {
        return false;
    }
    if (value_len(v) != (size_t)cJSON_GetArraySize(node)) {
        return false;
    }
    node = node->child;
    value_iter_init(&it, v);
    while (value_iter_next(&it, &key, &member)) {
        if (node == NULL || !help_equals_cjson(member, node) ||
            (it.is_object && !text_is(key, node->string))) {
            return false;
        }
        node = node->next;
    }
    return node == NULL;
}

static char *
step_name(const struct path_step *step)
{
    static char name[4096];
    size_t len;

    if (text_decode(step->key, name, sizeof(name) - 1, &len) != SGO_OK) {
        abort();
    }
    name[len] = '\0';
    return name;
}

bool
help_replay(cJSON **root, const struct path *path, struct value new_value)
{
    cJSON *at = *root, *fresh = NULL;
    const struct path_step *last;
    size_t len;
    const char *raw;

    if (new_value.doc != NULL) {
        raw = value_raw(new_value, &len);
        fresh = cJSON_ParseWithLength(raw, len);
    }
    if (path->n == 0) {
        cJSON_Delete(*root);
        *root = fresh;
        return fresh != NULL;
    }
    for (uint32_t i = 0; i + 1 < path->n && at != NULL; i++) {
        const struct path_step *step = &path->steps[i];

        at = step->key.raw != NULL
                 ? cJSON_GetObjectItemCaseSensitive(at, step_name(step))
                 : cJSON_GetArrayItem(at, (int)step->position);
    }
    if (at == NULL) {
        cJSON_Delete(fresh);
        return false;
    }
    last = &path->steps[path->n - 1];
    if (last->key.raw == NULL) {
        return fresh != NULL &&
               cJSON_ReplaceItemInArray(at, (int)last->position, fresh);
    }
    if (fresh == NULL) {
        if (cJSON_GetObjectItemCaseSensitive(at, step_name(last)) == NULL) {
            return false;
        }
        cJSON_DeleteItemFromObjectCaseSensitive(at, step_name(last));
        return true;
    }
    if (cJSON_GetObjectItemCaseSensitive(at, step_name(last)) != NULL) {
        return cJSON_ReplaceItemInObjectCaseSensitive(at, step_name(last),
                                                      fresh);
    }
    return cJSON_AddItemToObject(at, step_name(last), fresh);
}

bool
help_same_json(const cJSON *a, const cJSON *b)
{
    const cJSON *near = b->child, *match, *item;

    if (!cJSON_IsObject(a) && !cJSON_IsArray(a)) {
        return cJSON_Compare(a, b, true);
    }
    if ((a->type & 0xff) != (b->type & 0xff) ||
        cJSON_GetArraySize(a) != cJSON_GetArraySize(b)) {
        return false;
    }
    cJSON_ArrayForEach(item, a)
    {
        match = near;
        if (cJSON_IsObject(a) &&
            (near == NULL || strcmp(near->string, item->string) != 0)) {
            match = cJSON_GetObjectItemCaseSensitive(b, item->string);
        }
        if (match == NULL || !help_same_json(item, match)) {
            return false;
        }
        near = match->next;
    }
    return true;
}

bool
help_replays(const struct document *old_doc, const struct document *new_doc,
             const struct changes *changes)
{
    cJSON *root = cJSON_ParseWithLength(old_doc->body, old_doc->len);
    cJSON *wanted = cJSON_ParseWithLength(new_doc->body, new_doc->len);
    struct path_namer namer;
    bool same = root != NULL && wanted != NULL;

    path_namer_init(&namer, old_doc, new_doc);
    for (size_t i = 0; same && i < changes->n; i++) {
        const struct change *c = &changes->items[i];

        same = help_replay(&root, path_namer_name(&namer, c),
                           change_new(c, new_doc));
    }
    same = same && help_same_json(root, wanted);
    cJSON_Delete(root);
    cJSON_Delete(wanted);
    return same;
}
