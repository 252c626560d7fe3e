/* Alternative lines by line: a small hash with chains in document order. */
#include "json/quote_lines.h"

#include "base/hash.h"
#include "base/mem.h"
#include "json/diff.h"

static const struct value none = {NULL, 0, VALUE_LEAF};

enum { NO_LINE = 0 }; /* ends a chain of struct alt_line */

void
alt_line_read(struct value element, struct alt_line *out)
{
    size_t len;
    const char *raw;
    uint64_t seed;

    *out = (struct alt_line){.value = element, .line = none};
    if (!VALUE_GET(element, "spread", &out->line)) {
        out->over_under = VALUE_GET(element, "overUnder", &out->line);
    }
    if (out->line.doc == NULL) {
        return;
    }
    seed = hash_process_seed() ^ (uint64_t)out->over_under;
    if (value_type(out->line) == VALUE_STRING) {
        out->hash = text_hash(value_text(out->line), seed);
    } else {
        raw = value_raw(out->line, &len);
        out->hash = text_hash((struct text){raw, (uint32_t)len, false}, seed);
    }
}

static bool
same_line(const struct alt_line *a, const struct alt_line *b)
{
    if (a->hash != b->hash || a->over_under != b->over_under ||
        a->line.doc == NULL || b->line.doc == NULL) {
        return a->line.doc == NULL && b->line.doc == NULL;
    }
    return value_equal(a->line, b->line);
}

bool
line_table_init(struct line_table *t, struct value array)
{
    struct value_iter it;
    struct value element;
    size_t n = value_len(array);
    uint32_t slots = 16;

    while (slots < n * 2) {
        slots *= 2;
    }
    *t = (struct line_table){.mask = slots - 1};
    t->lines = mem_calloc(n, sizeof(*t->lines));
    t->heads = mem_calloc(slots, sizeof(*t->heads));
    if (t->lines == NULL || t->heads == NULL) {
        return false;
    }
    value_iter_init(&it, array);
    while (value_iter_next(&it, NULL, &element)) {
        if (value_type(element) == VALUE_OBJECT) {
            alt_line_read(element, &t->lines[t->n++]);
        }
    }
    for (uint32_t i = t->n; i-- > 0;) {
        uint32_t *head = &t->heads[t->lines[i].hash & t->mask];

        t->lines[i].chain = *head;
        *head = i + 1;
    }
    return true;
}

void
line_table_fini(struct line_table *t)
{
    mem_free(t->lines);
    mem_free(t->heads);
}

struct value
line_table_take(struct line_table *t, const struct alt_line *wanted)
{
    uint32_t *link = &t->heads[wanted->hash & t->mask];

    while (*link != NO_LINE) {
        struct alt_line *line = &t->lines[*link - 1];

        if (same_line(line, wanted)) {
            line->taken = true;
            *link = line->chain;
            return line->value;
        }
        link = &line->chain;
    }
    return none;
}
