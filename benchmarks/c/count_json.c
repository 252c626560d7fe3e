/* What benchmarks/budgets.py counts the instructions of, case by case, over
 * events that follow from a fixed seed.  Everything else, making the events
 * above all, is not counted. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#if __has_include(<valgrind/callgrind.h>)
#include <valgrind/callgrind.h>
#else /* then there is nothing that could count either */
#define CALLGRIND_ZERO_STATS
#define CALLGRIND_TOGGLE_COLLECT
#define CALLGRIND_DUMP_STATS_AT(name)
#endif

#include "base/clock.h"
#include "json/changes.h"
#include "json/document_internal.h"
#include "json/project.h"
#include "json/quotes.h"
#include "json/simd.h"
#include "json_help.h"
#include "odds_event.h"

enum { ODDS = 60, LOOKUPS = 100 };

/* In place of the core's: keys are then hashed alike in every run. */
int64_t
clock_now_ns(void)
{
    return 1;
}

struct text_bytes {
    char *bytes;
    size_t len;
};

static struct pool *pool;
static struct text_bytes first, half, few, shuffled;
static struct document *doc, *made;
static struct changes *changes;
static struct shape shape;

static void
must(bool good, const char *what)
{
    if (!good) {
        fprintf(stderr, "count_json: %s failed\n", what);
        exit(1);
    }
}

static void
build(const struct text_bytes *text)
{
    must(document_build(pool, text->bytes, text->len, &made, NULL) == SGO_OK,
         "build");
}

static void
update(const struct text_bytes *text)
{
    must(document_update_fused(pool, text->bytes, text->len, doc, &made,
                               &changes) == SGO_OK,
         "update");
}

static void
build_first(void)
{
    build(&first);
}

static void
update_half(void)
{
    update(&half);
}

static void
update_few(void)
{
    update(&few);
}

static void
update_shuffled(void)
{
    update(&shuffled);
}

static void
compare(void)
{
    must(diff_compare_plain(doc, made, &changes) == SGO_OK, "compare");
}

static void
prune(void)
{
    must(project_update(pool, first.bytes, first.len, &shape, NULL, &made,
                        &changes, NULL, NULL) == SGO_OK,
         "prune");
}

static void
read_quotes(void)
{
    struct quote_iter it;
    struct quote quote;
    struct quote_fields fields;

    quote_iter_init(&it, doc, NULL, true);
    while (quote_iter_next(&it, &quote)) {
        quote_read(quote.value, &fields);
    }
}

static void
compare_quotes(void)
{
    struct quote_changes out;

    must(quotes_changed(doc, made, changes, NULL, &out) == SGO_OK, "quotes");
    quote_changes_fini(&out);
}

static void
look_up(void)
{
    static const char odd[] = "rebounds-PLAYER_3_NBA-game-ou-over";
    struct value v;

    for (int i = 0; i < LOOKUPS; i++) {
        must(VALUE_GET(document_root(doc), "odds", &v) &&
                 VALUE_GET(v, odd, &v) && VALUE_GET(v, "byBookmaker", &v) &&
                 VALUE_GET(v, "icebook", &v) && VALUE_GET(v, "odds", &v),
             "look-up");
    }
}

/* --- running them ------------------------------------------------------ */

static void
forget(void)
{
    changes_release(changes);
    document_release(made);
    changes = NULL;
    made = NULL;
}

/* One case; the dump bears its name. */
#define COUNT(name, run)                                                      \
    do {                                                                      \
        CALLGRIND_ZERO_STATS;                                                 \
        CALLGRIND_TOGGLE_COLLECT;                                             \
        run();                                                                \
        CALLGRIND_TOGGLE_COLLECT;                                             \
        CALLGRIND_DUMP_STATS_AT(name);                                        \
    } while (0)

static void
take(struct buf *b, struct text_bytes *text)
{
    text->bytes = buf_take(b, &text->len);
    must(text->bytes != NULL, "memory");
}

static void
prepare(void)
{
    static const char *const book = "highstake";
    struct help_style style = {.shuffle = true};
    struct rand r;
    struct buf b;

    pool = pool_create(64 << 20);
    must(pool != NULL, "memory");
    rand_init(&r, 17);
    buf_init(&b, SCAN_MAX_BYTES);
    odds_event_write(&r, ODDS, &b);
    take(&b, &first);
    doc = help_build_bytes(pool, first.bytes, first.len);
    odds_event_touch(&r, doc, 500, &b);
    take(&b, &half);
    odds_event_touch(&r, doc, 30, &b);
    take(&b, &few);
    help_rewrite(&r, document_root(doc), &style, &b);
    take(&b, &shuffled);
    must(document_is_distinct(doc), "keys");
    shape_init(&shape);
    must(shape_set_bookmaker_ids(&shape, &book, 1) == SGO_OK, "shape");
}

static void
count_passes(bool portable)
{
    simd_force_portable(portable);
    COUNT(portable ? "build, portable" : "build", build_first);
    forget();
    COUNT(portable ? "update, half, portable" : "update, half", update_half);
    forget();
    COUNT(portable ? "update, few, portable" : "update, few", update_few);
    forget();
    COUNT(portable ? "update, shuffled, portable" : "update, shuffled",
          update_shuffled);
    forget();
    simd_force_portable(false);
}

int
main(void)
{
    prepare();
    if (simd_avx2()) {
        count_passes(false);
    }
    count_passes(true);
    simd_force_portable(true); /* what follows is the same in both */
    COUNT("prune", prune);
    forget();
    COUNT("quotes, read", read_quotes);
    build(&half);
    COUNT("compare", compare);
    COUNT("quotes, compared", compare_quotes);
    forget();
    look_up(); /* makes the hash */
    COUNT("look-up", look_up);
    document_release(doc);
    shape_fini(&shape);
    mem_free(first.bytes);
    mem_free(half.bytes);
    mem_free(few.bytes);
    mem_free(shuffled.bytes);
    pool_release(pool);
    return 0;
}
