/* json/path: names in order, out of order, in depth. */
#include "json/path.h"

#include <stdlib.h>

#include "check.h"
#include "json_help.h"

static struct pool *pool;

static void
write_path(const struct path *path, struct buf *out)
{
    for (uint32_t i = 0; i < path->n; i++) {
        const struct path_step *step = &path->steps[i];

        if (step->key.raw != NULL) {
            buf_putc(out, '/');
            buf_append(out, step->key.raw, step->key.len);
        } else {
            buf_printf(out, "/%u", step->position);
        }
    }
}

/* Every place of a document with its path, found by walking down. */
struct place {
    uint32_t off;
    char *path;
};

static void
gather(struct value v, const char *path, struct place *places, size_t *n)
{
    struct value_iter it;
    struct value member;
    struct text key;
    struct buf b;

    places[*n].off = v.off;
    places[(*n)++].path = mem_dup(path, strlen(path));
    buf_init(&b, 1 << 16);
    value_iter_init(&it, v);
    for (int i = 0; value_iter_next(&it, &key, &member); i++) {
        buf_reset(&b);
        buf_puts(&b, path);
        if (it.is_object) {
            buf_putc(&b, '/');
            buf_append(&b, key.raw, key.len);
        } else {
            buf_printf(&b, "/%d", i);
        }
        gather(member, b.data, places, n);
    }
    buf_fini(&b);
}

static void
check_all(struct document *doc, struct rand *r)
{
    struct place *places = calloc(doc->len, sizeof(*places));
    struct path_cursor ordered, random, single;
    struct buf b;
    size_t n = 0;

    gather(document_root(doc), "", places, &n);
    buf_init(&b, 1 << 16);
    path_cursor_init(&ordered, doc);
    path_cursor_init(&random, doc);
    for (size_t i = 0; i < n; i++) {
        size_t j = (size_t)rand_between(r, 0, (int64_t)n - 1);
        const struct path *path;

        buf_reset(&b);
        buf_puts(&b, "");
        path = path_cursor_name(&ordered, places[i].off);
        write_path(path, &b);
        CHECK_STR(b.data, places[i].path);
        for (uint32_t s = 0; s < path->n; s++) {
            const struct container *c = &doc->containers[path->indexes[s]];

            CHECK(c->off < places[i].off && places[i].off < c->end);
            CHECK(s > 0 || path->indexes[s] == 0);
        }
        buf_reset(&b);
        buf_puts(&b, "");
        write_path(path_cursor_name(&random, places[j].off), &b);
        CHECK_STR(b.data, places[j].path);
        path_cursor_init(&single, doc);
        buf_reset(&b);
        buf_puts(&b, "");
        write_path(path_cursor_name(&single, places[j].off), &b);
        CHECK_STR(b.data, places[j].path);
    }
    for (size_t i = 0; i < n; i++) {
        mem_free(places[i].path);
    }
    free(places);
    buf_fini(&b);
}

static void
each_place_has_its_name(void)
{
    struct rand r;
    struct buf b, c;

    rand_init(&r, 9);
    buf_init(&b, 1 << 20);
    buf_init(&c, 1 << 20);
    for (int i = 0; i < 100; i++) {
        struct help_style style = {.shuffle = true, .spaces = true};
        struct document *doc, *other;

        buf_reset(&b);
        buf_reset(&c);
        help_random(&r, &b);
        doc = help_build_bytes(pool, b.data, b.len);
        help_rewrite(&r, document_root(doc), &style, &c);
        other = help_build_bytes(pool, c.data, c.len);
        check_all(doc, &r);
        check_all(other, &r);
        document_release(doc);
        document_release(other);
    }
    buf_fini(&b);
    buf_fini(&c);
}

static void
the_deepest_place_has_a_name(void)
{
    struct buf b;
    struct document *doc;
    struct path_cursor cursor;
    const struct path *path;

    buf_init(&b, 1 << 12);
    for (int i = 0; i < SCAN_MAX_DEPTH; i++) {
        buf_puts(&b, i % 2 ? "{\"k\":" : "[0,");
    }
    buf_puts(&b, "77");
    for (int i = SCAN_MAX_DEPTH; i-- > 0;) {
        buf_putc(&b, i % 2 ? '}' : ']');
    }
    doc = help_build_bytes(pool, b.data, b.len);
    path_cursor_init(&cursor, doc);
    path =
        path_cursor_name(&cursor, (uint32_t)(strstr(b.data, "77") - b.data));
    CHECK_INT(path->n, SCAN_MAX_DEPTH);
    CHECK(PATH_IS(path, SCAN_MAX_DEPTH - 1, "k"));
    CHECK(!PATH_IS(path, SCAN_MAX_DEPTH - 1, "kk"));
    CHECK(!PATH_IS(path, 0, "k"));
    CHECK_INT(path->steps[0].position, 1);
    CHECK_INT(path_cursor_name(&cursor, 0)->n, 0);
    document_release(doc);
    buf_fini(&b);
}

int
main(void)
{
    pool = pool_create(1 << 20);
    RUN(each_place_has_its_name);
    RUN(the_deepest_place_has_a_name);
    pool_release(pool);
    return check_done();
}
