/* Lists of names: copied, sorted, searched. */
#include "json/names.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

void
names_free(struct asked_name *names, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        mem_free(names[i].bytes);
    }
    mem_free(names);
}

sgo_status
names_copy(const char *const *from, size_t n, struct asked_name **out)
{
    struct asked_name *names = mem_calloc(n, sizeof(*names));

    if (names == NULL) {
        return SGO_NO_MEMORY;
    }
    for (size_t i = 0; i < n; i++) {
        size_t len = strlen(from[i]);

        names[i].bytes = mem_dup(from[i], len);
        if (names[i].bytes == NULL) {
            names_free(names, i);
            return SGO_NO_MEMORY;
        }
        names[i].len = names[i].wild_at = len;
    }
    *out = names;
    return SGO_OK;
}

static int
compare_bytes(const char *a, size_t a_len, const char *b, size_t b_len)
{
    size_t len = a_len < b_len ? a_len : b_len;
    int order = len > 0 ? memcmp(a, b, len) : 0;

    return order != 0 ? order : (a_len > b_len) - (a_len < b_len);
}

static int
compare_names(const void *a, const void *b)
{
    const struct asked_name *x = a, *y = b;
    bool x_wild = x->wild_at < x->len, y_wild = y->wild_at < y->len;

    if (x_wild != y_wild) {
        return x_wild ? 1 : -1;
    }
    return compare_bytes(x->bytes, x->len, y->bytes, y->len);
}

void
names_sort(struct asked_name *names, size_t n)
{
    qsort(names, n, sizeof(*names), compare_names);
}

bool
names_have(const struct asked_name *names, size_t n, const char *bytes,
           size_t len)
{
    size_t low = 0;

    while (low < n) {
        size_t middle = low + (n - low) / 2;
        int order =
            compare_bytes(names[middle].bytes, names[middle].len, bytes, len);

        if (order == 0) {
            return true;
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            n = middle;
        }
    }
    return false;
}

bool
name_decode(struct text key, char *room, const char **bytes, size_t *len)
{
    if (!key.escaped) {
        *bytes = key.raw;
        *len = key.len;
        return true;
    }
    *bytes = room;
    return text_decode(key, room, NAME_MAX_BYTES, len) == SGO_OK;
}
