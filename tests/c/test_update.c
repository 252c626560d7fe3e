/* json/update: the fused pass against its definition.  A document that an
 * update gives is identical to one built from scratch, record by record; its
 * list of changes is that of diff_compare_plain; nothing malformed is accepted. */
#include <stdlib.h>

#include "check.h"
#include "json/changes.h"
#include "json/document_internal.h"
#include "json/simd.h"
#include "json_help.h"
#include "odds_event.h"

static struct pool *pool;
static int fused, fell_back, refused;

static bool
same_documents(const struct document *a, const struct document *b)
{
    return a->len == b->len && memcmp(a->body, b->body, a->len) == 0 &&
           a->count == b->count &&
           memcmp(a->containers, b->containers,
                  a->count * sizeof(*a->containers)) == 0 &&
           strcmp(a->event_id, b->event_id) == 0;
}

static bool
same_changes(const struct changes *a, const struct changes *b)
{
    if (a->n != b->n || a->overflow != b->overflow) {
        return false;
    }
    for (size_t i = 0; i < a->n; i++) {
        const struct change *x = &a->items[i], *y = &b->items[i];

        if (x->old_off != y->old_off || x->new_off != y->new_off ||
            x->kind != y->kind || x->timestamp != y->timestamp) {
            return false;
        }
    }
    return true;
}

/* The pass in the portable form gives the same as in the best one. */
static bool
portable_agrees(struct document *old, const char *bytes, size_t len,
                sgo_status wanted_status, const struct document *wanted,
                const struct changes *wanted_changes)
{
    struct document *doc = NULL;
    struct changes *changes = NULL;
    sgo_status status;
    bool good;

    simd_force_portable(true);
    status = document_update_fused(pool, bytes, len, old, &doc, &changes);
    simd_force_portable(false);
    good = status == wanted_status &&
           (status != SGO_OK || (same_documents(doc, wanted) &&
                                 same_changes(changes, wanted_changes)));
    changes_release(changes);
    document_release(doc);
    return good;
}

/* One old document and new bytes: all ways must agree.  False: they do not;
 * the texts are printed. */
static bool
agree(struct document *old, const char *bytes, size_t len)
{
    struct document *built = NULL, *updated = NULL;
    struct changes *wanted = NULL, *got = NULL, *compared = NULL;
    struct scan_error build_err = {0, ""}, update_err = {0, ""};
    bool same_bytes = old->len == len && memcmp(old->body, bytes, len) == 0;
    sgo_status status, status_fused = SGO_AGAIN;
    bool good, forms_agree = true;

    status = document_build(pool, bytes, len, &built, &build_err);
    if (!same_bytes && document_is_distinct(old)) {
        status_fused =
            document_update_fused(pool, bytes, len, old, &updated, &got);
        forms_agree =
            portable_agrees(old, bytes, len, status_fused, updated, got);
    }
    if (status != SGO_OK) {
        good = status_fused == SGO_AGAIN &&
               document_update(pool, bytes, len, old, &updated, &got,
                               &update_err) == status &&
               update_err.offset == build_err.offset &&
               strcmp(update_err.reason, build_err.reason) == 0;
        refused++;
    } else {
        good = diff_compare_plain(old, built, &wanted) == SGO_OK;
        if (status_fused == SGO_OK) {
            fused++;
        } else {
            fell_back++;
            good = good && document_update(pool, bytes, len, old, &updated,
                                           &got, NULL) == SGO_OK;
        }
        good = good && same_documents(built, updated) &&
               same_changes(wanted, got) &&
               diff_compare(old, built, &compared) == SGO_OK &&
               same_changes(wanted, compared) &&
               (updated == old) == same_bytes;
    }
    good = good && forms_agree;
    if (!good && old->len < 20000) {
        fprintf(stderr, "old: %.*s\nnew: %.*s\nfused %d\n", (int)old->len,
                old->body, (int)len, bytes, (int)status_fused);
        fprintf(stderr, "changes %zu, wanted %zu\n", got ? got->n : 0,
                wanted ? wanted->n : 0);
    }
    changes_release(wanted);
    changes_release(got);
    changes_release(compared);
    document_release(built);
    document_release(updated);
    return good;
}

static void
check_pair(const char *old_text, const char *new_text, bool takes_the_pass)
{
    struct document *old = help_build(pool, old_text);
    int before = fused;

    CHECK(agree(old, new_text, strlen(new_text)));
    CHECK_INT(fused - before, takes_the_pass);
    if (fused - before != takes_the_pass) {
        fprintf(stderr, "%s to %s\n", old_text, new_text);
    }
    document_release(old);
}

static void
values_change_in_one_pass(void)
{
    check_pair("{\"a\":1}", "{\"a\":2}", true);
    check_pair("{\"a\":12}", "{\"a\":123}", true);
    check_pair("{\"a\":123}", "{\"a\":12}", true);
    check_pair("{\"a\":12,\"b\":1}", "{\"a\":1.2,\"b\":1}", true);
    check_pair("{\"a\":\"x\"}", "{\"a\":\"xy\"}", true);
    check_pair("{\"a\":\"x\\\\\"}", "{\"a\":\"x\\\"\"}", true);
    check_pair("{\"a\":\"\\u00e9\"}", "{\"a\":\"\xC3\xA9\"}", true);
    check_pair("{\"a\":true}", "{\"a\":\"true\"}", true);
    check_pair("{\"a\":1,\"b\":[]}", "{\"a\":{\"x\":[1]},\"b\":[]}", true);
    check_pair("{\"a\":{\"x\":[1]},\"b\":[]}", "{\"a\":1,\"b\":[]}", true);
    check_pair("{\"a\":{\"x\":1},\"b\":[]}", "{\"a\":[1],\"b\":[]}", true);
    check_pair("[1,2,[3,{\"a\":4}]]", "[1,5,[3,{\"a\":6}]]", true);
    check_pair("[1,2]", "[1,{}]", true);
    check_pair("{\"a\":1.0}", "{\"a\":1.00}", true);
    check_pair("{\"lastUpdatedAt\":1,\"a\":2}",
               "{\"lastUpdatedAt\":2,\"a\":3}", true);
    check_pair("{\"a\":{\"b\":{\"c\":{}}}}", "{\"a\":{\"b\":{\"c\":[]}}}",
               true);
}

static void
members_come_go_and_move_in_one_pass(void)
{
    check_pair("{}", "{\"a\":1}", true);
    check_pair("{}", "{\"a\":1,\"b\":{}}", true);
    check_pair("{\"a\":1}", "{}", true);
    check_pair("{\"b\":2}", "{\"a\":1,\"b\":2}", true);
    check_pair("{\"b\":{}}", "{\"a\":1,\"c\":{},\"b\":{}}", true);
    check_pair("{\"a\":1,\"b\":2}", "{\"a\":1,\"b\":2,\"c\":3}", true);
    check_pair("{\"a\":1,\"b\":2,\"c\":3}", "{\"a\":1,\"c\":3}", true);
    check_pair("{\"a\":1,\"b\":{},\"c\":3}", "{\"b\":{},\"c\":3}", true);
    check_pair("{\"a\":1,\"b\":2,\"c\":[3]}", "{\"c\":[3],\"b\":2,\"a\":1}",
               true);
    check_pair("{\"a\":{\"x\":1},\"b\":{\"y\":2},\"c\":{\"z\":3}}",
               "{\"c\":{\"z\":4},\"a\":{\"x\":5},\"b\":{\"y\":6}}", true);
    check_pair("{\"o\":{\"a\":1},\"p\":1}", "{\"o\":{\"b\":1},\"p\":2}", true);
    check_pair("{\"a\":1}", "{ \"a\" : 1 }", true);
    check_pair("{\"a\":1,\"b\":2}", "{\"\\u0061\":1,\"b\":3}", true);
    check_pair("{\"a\":1,\"b\":2}\n", " {\"a\":1,\"b\":2}  ", true);
    check_pair("{\"a\":1}", "{\"a\":1}\n", true);
    check_pair("[1]", "[1,2]", true);
    check_pair("[]", "[[],{}]", true);
    check_pair("[1]", "[]", true);
    check_pair("[1,{}]", "[ ]", true);
    check_pair("{\"a\":1}", "{\"a\": 1}", true);
    check_pair("{\"a\":[1,2,3]}", "{\"a\":[1,2]}", true);
    check_pair("{\"a\":[{\"b\":1},2]}", "{\"a\":[{\"b\":2}, 3]}", true);
}

static void
alternative_lines_are_compared_as_defined(void)
{
#define LINES(inside) "{\"q\":{\"altLines\":[" inside "],\"z\":1}}"
    check_pair(LINES("{\"odds\":1,\"spread\":\"1\"},{\"odds\":2}"),
               LINES("{\"odds\":3,\"spread\":\"1\"},{\"odds\":4}"), true);
    check_pair(LINES("{\"odds\":1,\"spread\":\"1\"},{\"odds\":2}"),
               LINES("{\"odds\":3,\"spread\":\"2\"},{\"odds\":4}"), true);
    check_pair(LINES("{\"odds\":1,\"spread\":\"1\"},{\"odds\":2}"),
               LINES("{\"odds\":3,\"overUnder\":\"1\"},{\"odds\":4}"), true);
    check_pair(LINES("{\"spread\":\"1\"}"), LINES("{\"spread\":\"\\u0031\"}"),
               true);
    check_pair(LINES("{\"odds\":2},{\"spread\":\"1\",\"odds\":1}"),
               LINES("{\"odds\":3},{\"odds\":1}"), true);
    check_pair(LINES("{\"spread\":\"1\"},{\"a\":1}"), LINES("7,{\"a\":2}"),
               true);
    check_pair(LINES("{\"a\":1},{\"spread\":[1]}"),
               LINES("{\"a\":2},{\"spread\":[2]}"), true);
    check_pair(LINES("1,2"), LINES("1,2,3"), true);
#undef LINES
}

static void
what_is_unusual_goes_the_long_way(void)
{
    check_pair("{\"a\":1,\"a\":2}", "{\"a\":1,\"a\":3}", false);
    check_pair("{\"a\":1}", "{\"a\":1,\"a\":2}", false);
    check_pair("{\"a\":1}", "{\"a\":{\"b\":1,\"b\":2}}", false);
    check_pair("{\"a\":1}", "{\"b\":[{\"b\":1,\"\\u0062\":2}]}", false);
    check_pair("{\"a\":1}", "[1]", false);
    check_pair("{\"a\":1}", "{\"a\":1}", false); /* equal bytes */
    check_pair("{\"a\":1}", "{\"a\":}", false);
    check_pair("{\"a\":1}", "{\"a\":1}}", false);
    check_pair("{}", "{\"a\":1 \"b\":2}", false);
    check_pair("{\"b\":2}", "{\"a\":1 \"b\":2}", false);
    check_pair("{\"b\":2}", "{\"a\":1,}", false);
    check_pair("{ }", "{\"a\":1 }", true);
    check_pair("{ \"b\":2}", "{\"a\":1 \"b\":2}", false);
    check_pair("{\"a\":\"b\"}", "{\"a\":\"b\n\"}", false);
    check_pair("{\"a\":1}", "", false);
    check_pair("{\"a\":[]}", "{\"a\":[,]}", false);
    check_pair("{\"a\":[1]}", "{\"a\":[1,]}", false);
}

static void
depth_is_limited_here_too(void)
{
    struct buf a, b;

    buf_init(&a, 1000);
    buf_init(&b, 1000);
    for (int i = 0; i < SCAN_MAX_DEPTH - 1; i++) {
        buf_puts(&a, i % 2 ? "{\"a\":" : "[");
        buf_puts(&b, i % 2 ? "{\"a\":" : "[");
    }
    buf_puts(&a, "1");
    buf_puts(&b, "[1]");
    for (int i = SCAN_MAX_DEPTH - 1; i-- > 0;) {
        buf_putc(&a, i % 2 ? '}' : ']');
        buf_putc(&b, i % 2 ? '}' : ']');
    }
    check_pair(a.data, b.data, true);
    buf_reset(&b);
    for (int i = 0; i < SCAN_MAX_DEPTH - 1; i++) {
        buf_puts(&b, i % 2 ? "{\"a\":" : "[");
    }
    buf_puts(&b, "[[1]]");
    for (int i = SCAN_MAX_DEPTH - 1; i-- > 0;) {
        buf_putc(&b, i % 2 ? '}' : ']');
    }
    check_pair(a.data, b.data, false);
    buf_fini(&a);
    buf_fini(&b);
}

/* --- at random -------------------------------------------------------- */

/* Rewritten texts, valid by construction. */
static void
rewritten_texts_agree(void)
{
    struct rand r;
    struct buf a, b;
    int before = fused;

    rand_init(&r, 31);
    buf_init(&a, 1 << 22);
    buf_init(&b, 1 << 22);
    for (int i = 0; i < 3000; i++) {
        struct help_style style = {
            .shuffle = i % 3 == 0,
            .spaces = i % 5 == 0,
            .disguise = i % 4 == 0,
            .change_per_mille = (int)rand_between(&r, 0, i % 4 ? 20 : 200),
        };
        struct document *old;

        buf_reset(&a);
        buf_reset(&b);
        help_random(&r, &a);
        old = help_build_bytes(pool, a.data, a.len);
        help_rewrite(&r, document_root(old), &style, &b);
        CHECK(agree(old, b.data, b.len));
        document_release(old);
    }
    CHECK(fused - before > 1500);
    buf_fini(&a);
    buf_fini(&b);
}

/* Damage a text in one to three places. */
static void
mutate(struct rand *r, struct buf *b)
{
    static const char letters[] = "{}[]:,\"\\ 019.eE+-tfn\xC3\xA9\n\t/au";
    int64_t times = rand_between(r, 1, 3);

    while (times-- > 0 && b->len > 2) {
        size_t at = (size_t)rand_between(r, 0, (int64_t)b->len - 1);
        size_t n = (size_t)rand_between(r, 1, 12);
        char piece[64];
        size_t from;

        n = n > b->len - at ? b->len - at : n;
        switch (rand_between(r, 0, 4)) {
        case 0: /* another byte */
            b->data[at] =
                letters[rand_between(r, 0, (int64_t)sizeof(letters) - 2)];
            break;
        case 1: /* cut */
            memmove(b->data + at, b->data + at + n, b->len - at - n + 1);
            b->len -= n;
            break;
        case 2: /* twice */
            memcpy(piece, b->data + at, n);
            buf_reserve(b, n);
            memmove(b->data + at + n, b->data + at, b->len - at + 1);
            memcpy(b->data + at, piece, n);
            b->len += n;
            break;
        case 3: /* over another place */
            from = (size_t)rand_between(r, 0, (int64_t)(b->len - n));
            memmove(b->data + at, b->data + from, n);
            break;
        default: /* a digit, which mostly stays valid */
            while (at + 1 < b->len &&
                   (b->data[at] < '0' || b->data[at] > '9')) {
                at++;
            }
            b->data[at] = (char)('0' + rand_between(r, 0, 9));
            break;
        }
    }
}

static void
mutants_agree(const char *text, size_t len, uint64_t seed, int rounds)
{
    struct document *old = help_build_bytes(pool, text, len);
    struct rand r;
    struct buf b;

    rand_init(&r, seed);
    buf_init(&b, 1 << 22);
    for (int i = 0; i < rounds; i++) {
        if (i % 4 == 0) {
            buf_reset(&b);
            buf_append(&b, text, len);
        }
        mutate(&r, &b);
        if (!agree(old, b.data, b.len)) {
            CHECK(false);
            break;
        }
    }
    document_release(old);
    buf_fini(&b);
}

static void
mutants_of_random_texts_agree(void)
{
    struct rand r;
    struct buf a, b;

    rand_init(&r, 37);
    buf_init(&a, 1 << 22);
    buf_init(&b, 1 << 22);
    fused = fell_back = refused = 0;
    for (int i = 0; i < 400; i++) {
        buf_reset(&a);
        buf_reset(&b);
        help_random(&r, &a);
        if (i % 2 == 0) {
            struct document *doc = help_build_bytes(pool, a.data, a.len);
            struct help_style style = {.spaces = true};

            help_rewrite(&r, document_root(doc), &style, &b);
            document_release(doc);
        } else {
            buf_append(&b, a.data, a.len);
        }
        mutants_agree(b.data, b.len, (uint64_t)i, 100);
    }
    CHECK(fused > 2000);
    CHECK(refused > 10000);
    buf_fini(&a);
    buf_fini(&b);
}

static void
mutants_of_made_up_events_agree(void)
{
    struct rand r;
    struct buf a, b;

    rand_init(&r, 53);
    buf_init(&a, 1 << 22);
    buf_init(&b, 1 << 22);
    for (int i = 0; i < check_rounds(24); i++) {
        struct document *old;

        buf_reset(&a);
        odds_event_write(&r, 1 + i % 6, &a);
        mutants_agree(a.data, a.len, (uint64_t)i, 200);
        old = help_build_bytes(pool, a.data, a.len);
        for (int per_mille = 1; per_mille <= 1000; per_mille *= 10) {
            buf_reset(&b);
            odds_event_touch(&r, old, per_mille, &b);
            CHECK(agree(old, b.data, b.len));
        }
        document_release(old);
    }
    buf_fini(&a);
    buf_fini(&b);
}

static void
mutants_of_samples_agree(void)
{
    static const char *const names[] = {"events.live.wta.json",
                                        "events.upcoming-page.soccer.json"};

    for (int i = 0; i < 2; i++) {
        size_t len;
        char *event = help_sample_event(names[i], 0, &len);

        if (event == NULL) {
            return;
        }
        mutants_agree(event, len, 41, i ? 500 : 2000);
        mem_free(event);
    }
}

static void
the_synthetic_pair_agrees(void)
{
    static const struct help_style styles[] = {
        {.shuffle = false},
        {.shuffle = true},
        {.spaces = true},
        {.change_per_mille = 3},
    };
    size_t a_len, b_len;
    char *a = help_sample_event("synthetic-nba-live.rev1.json", 0, &a_len);
    char *b = help_sample_event("synthetic-nba-live.rev2.json", 0, &b_len);
    struct document *old, *new;
    struct rand r;
    struct buf text;
    int before = fused;

    if (a == NULL || b == NULL) {
        return;
    }
    rand_init(&r, 43);
    buf_init(&text, 32 << 20);
    old = help_build_bytes(pool, a, a_len);
    new = help_build_bytes(pool, b, b_len);
    for (size_t i = 0; i < sizeof(styles) / sizeof(*styles); i++) {
        buf_reset(&text);
        help_rewrite(&r, document_root(new), &styles[i], &text);
        CHECK(agree(old, text.data, text.len));
    }
    CHECK(agree(new, a, a_len));
    CHECK_INT(fused - before, 5);
    document_release(old);
    document_release(new);
    buf_fini(&text);
    mem_free(a);
    mem_free(b);
}

static void
a_failing_heap_leaves_nothing_behind(void)
{
    struct rand r;
    struct help_style style = {.shuffle = true, .change_per_mille = 50};
    struct buf a, b;
    struct document *old, *doc;
    struct changes *changes;
    struct pool_stats before, after;
    sgo_status status = SGO_NO_MEMORY;

    rand_init(&r, 47);
    buf_init(&a, 1 << 22);
    buf_init(&b, 1 << 22);
    while (a.len < 4000) {
        buf_reset(&a);
        help_random(&r, &a);
    }
    old = help_build_bytes(pool, a.data, a.len);
    help_rewrite(&r, document_root(old), &style, &b);
    CHECK(document_is_distinct(old));
    for (int n = 0; status != SGO_OK; n++) {
        pool_trim(pool, 0);
        pool_stats(pool, &before);
        mem_fail_after(n);
        status =
            document_update_fused(pool, b.data, b.len, old, &doc, &changes);
        mem_fail_after(-1);
        CHECK(status == SGO_OK || status == SGO_NO_MEMORY ||
              status == SGO_AGAIN);
        pool_stats(pool, &after);
        if (status != SGO_OK) {
            CHECK_INT(after.used_bytes, before.used_bytes);
        }
        CHECK(n < 1000);
    }
    document_release(doc);
    changes_release(changes);
    document_release(old);
    buf_fini(&a);
    buf_fini(&b);
}

int
main(void)
{
    struct pool_stats stats;

    pool = pool_create(1 << 24);
    RUN(values_change_in_one_pass);
    RUN(members_come_go_and_move_in_one_pass);
    RUN(alternative_lines_are_compared_as_defined);
    RUN(what_is_unusual_goes_the_long_way);
    RUN(depth_is_limited_here_too);
    RUN(rewritten_texts_agree);
    RUN(mutants_of_random_texts_agree);
    RUN(mutants_of_made_up_events_agree);
    RUN(mutants_of_samples_agree);
    RUN(the_synthetic_pair_agrees);
    RUN(a_failing_heap_leaves_nothing_behind);
    pool_stats(pool, &stats);
    if (stats.used_bytes != 0) {
        fprintf(stderr, "%zu bytes are still out\n", stats.used_bytes);
        return 1;
    }
    pool_release(pool);
    return check_done();
}
