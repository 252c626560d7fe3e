/* Fuzz target: two documents, parted by a 0xFF byte, which no JSON holds.  An
 * update must equal building and comparing, in both of its forms, every change must have a name,
 * and quotes must be read without a fault. */
#include "fuzz.h"

#include <string.h>

#include "json/changes.h"
#include "json/document_internal.h"
#include "json/path.h"
#include "json/quotes.h"
#include "json/simd.h"

static void
check_changes(const struct document *old, const struct document *new,
              const struct changes *got)
{
    struct changes *wanted;
    struct path_namer namer;
    struct quote_changes quotes;
    struct consensus_changes consensus;

    REQUIRE(diff_compare_plain(old, new, &wanted) == SGO_OK);
    REQUIRE(got->n == wanted->n);
    path_namer_init(&namer, old, new);
    for (size_t i = 0; i < got->n; i++) {
        const struct change *a = &got->items[i], *b = &wanted->items[i];

        REQUIRE(a->old_off == b->old_off && a->new_off == b->new_off);
        REQUIRE(a->kind == b->kind && a->timestamp == b->timestamp);
        path_namer_name(&namer, a);
    }
    REQUIRE((got->n == 0) ==
            value_equal(document_root(old), document_root(new)));
    REQUIRE(quotes_changed(old, new, got, NULL, &quotes) == SGO_OK);
    REQUIRE(consensus_changed(old, new, got, NULL, &consensus) == SGO_OK);
    quote_changes_fini(&quotes);
    consensus_changes_fini(&consensus);
    changes_release(wanted);
}

/* Places give what names give: `built` is the new document, of which nothing
 * is known yet. */
static void
check_places(const struct document *old, const struct document *updated,
             const struct document *built, const struct changes *changes)
{
    struct quote_changes a, b;

    REQUIRE(quotes_changed(old, updated, changes, NULL, &a) == SGO_OK);
    REQUIRE(quotes_changed(old, built, changes, NULL, &b) == SGO_OK);
    REQUIRE(a.n == b.n);
    for (size_t i = 0; i < a.n; i++) {
        const struct quote_change *x = &a.items[i], *y = &b.items[i];

        REQUIRE(text_equal(x->odd_id, y->odd_id));
        REQUIRE(text_equal(x->bookmaker_id, y->bookmaker_id));
        REQUIRE(x->is_alt_line == y->is_alt_line);
        REQUIRE(x->old_quote.off == y->old_quote.off);
        REQUIRE(x->new_quote.off == y->new_quote.off);
    }
    quote_changes_fini(&a);
    quote_changes_fini(&b);
}

static void
check_update(struct pool *pool, struct document *old, const char *bytes,
             size_t len)
{
    struct document *built = NULL, *updated = NULL;
    struct changes *changes = NULL;
    sgo_status status, wanted;

    wanted = document_build(pool, bytes, len, &built, NULL);
    status = document_update(pool, bytes, len, old, &updated, &changes, NULL);
    REQUIRE(status == wanted);
    if (status == SGO_OK) {
        REQUIRE(updated->len == len && updated->count == built->count);
        REQUIRE(memcmp(updated->body, built->body, len) == 0);
        REQUIRE(memcmp(updated->containers, built->containers,
                       built->count * sizeof(struct container)) == 0);
        check_places(old, updated, built, changes);
        check_changes(old, updated, changes);
    }
    changes_release(changes);
    document_release(built);
    document_release(updated);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct pool *pool;
    const uint8_t *cut = size > 0 ? memchr(data, 0xFF, size) : NULL;
    size_t old_len = cut != NULL ? (size_t)(cut - data) : size;
    struct document *old;

    if (pool == NULL) {
        pool = pool_create(1 << 20);
    }
    if (document_build(pool, (const char *)data, old_len, &old, NULL) !=
        SGO_OK) {
        return 0;
    }
    for (int form = 0; cut != NULL && form < 2; form++) {
        simd_force_portable(form == 1);
        check_update(pool, old, (const char *)cut + 1, size - old_len - 1);
        simd_force_portable(false);
    }
    document_release(old);
    return 0;
}
