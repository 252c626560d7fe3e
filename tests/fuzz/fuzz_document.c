/* Fuzz target: one document.  What is accepted is read by cJSON too (which is
 * the laxer one), every container can be walked, and pruned to a shape it is
 * a document again. */
#include "fuzz.h"

#include <cjson/cJSON.h>
#include <string.h>

#include "json/document_internal.h"
#include "json/project.h"
#include "json/quotes.h"

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

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *bytes = (const char *)data;
    struct document *doc = NULL;
    cJSON *tree;

    if (pool == NULL) {
        begin();
    }
    if (document_build(pool, bytes, size, &doc, NULL) != SGO_OK) {
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
