/* Fuzz target: one document.  Both forms of the scanner agree.  What is accepted is read by cJSON too (which is
 * the laxer one), every container can be walked, and pruned to a shape it is
 * a document again. */
#include "fuzz.h"

#include <cjson/cJSON.h>
#include <string.h>

#include "json/document_internal.h"
#include "json/project.h"
#include "json/quotes.h"
#include "json/simd.h"

static struct pool *pool;
static struct shape shape;

static void
begin(void)
{
    static const char *const bookmakers[] = {"pinnacle", "alpha"};
    static const char *const odds[] = {"points-home-game-ml-home"};

    pool = pool_create(1 << 20);
    shape_init(&shape);
    REQUIRE(shape_set_bookmaker_ids(&shape, bookmakers, 2) == SGO_OK);
    REQUIRE(shape_set_odd_ids(&shape, odds, 1) == SGO_OK);
}

static void
check_pruned(const char *bytes, size_t len)
{
    struct document *pruned = NULL, *again = NULL;
    struct changes *changes = NULL;
    struct scan_error why = {0, NULL};

    if (project_update(pool, bytes, len, &shape, NULL, &pruned, &changes, NULL,
                       &why) != SGO_OK) {
        return;
    }
    REQUIRE(pruned->len <= len);
    REQUIRE(document_build(pool, pruned->body, pruned->len, &again, NULL) ==
            SGO_OK);
    REQUIRE(again->count == pruned->count);
    REQUIRE(memcmp(again->containers, pruned->containers,
                   again->count * sizeof(struct container)) == 0);
    changes_release(changes);
    document_release(again);
    document_release(pruned);
}

/* What json.loads takes and cJSON does not: lone surrogates (any escape, for
 * simplicity), numbers of 64 characters and more. */
static bool
beyond_cjson(const char *bytes, size_t len)
{
    size_t run = 0;

    for (size_t i = 0; i < len && run < 60; i++) {
        run = strchr("0123456789+-.eE", bytes[i]) ? run + 1 : 0;
    }
    return run >= 60 || memmem(bytes, len, "\\u", 2) != NULL;
}

/* The two forms of the scanner give the same verdict and the same index. */
static void
check_forms(const char *bytes, size_t len, sgo_status wanted,
            const struct document *doc, const struct scan_error *wanted_err)
{
    struct document *plain = NULL;
    struct scan_error err = {0, ""};
    sgo_status status;

    simd_force_portable(true);
    status = document_build(pool, bytes, len, &plain, &err);
    simd_force_portable(false);
    REQUIRE(status == wanted);
    if (status == SGO_OK) {
        REQUIRE(plain->count == doc->count);
        REQUIRE(memcmp(plain->containers, doc->containers,
                       doc->count * sizeof(struct container)) == 0);
        document_release(plain);
    } else {
        REQUIRE(err.offset == wanted_err->offset);
        REQUIRE(strcmp(err.reason, wanted_err->reason) == 0);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *bytes = (const char *)data;
    struct document *doc = NULL;
    struct scan_error err = {0, ""};
    sgo_status status;
    cJSON *tree;

    if (pool == NULL) {
        begin();
    }
    status = document_build(pool, bytes, size, &doc, &err);
    check_forms(bytes, size, status, doc, &err);
    if (status != SGO_OK) {
        return 0;
    }
    tree = cJSON_ParseWithLength(bytes, size);
    REQUIRE(tree != NULL || beyond_cjson(bytes, size));
    cJSON_Delete(tree);
    for (uint32_t i = 0; i < doc->count; i++) {
        struct value v = document_value(doc, doc->containers[i].off), item;
        size_t n = value_len(v);

        REQUIRE(value_type(v) == VALUE_ARRAY || value_type(v) == VALUE_OBJECT);
        REQUIRE(n == 0 || value_type(v) != VALUE_ARRAY ||
                value_at(v, n - 1, &item));
    }
    document_release(doc);
    check_pruned(bytes, size);
    return 0;
}
