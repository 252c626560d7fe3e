/* json/scan_bitmaps against the portable scanner: the same verdict, the same
 * index, the same place of an error, whatever the text and wherever its
 * tokens lie in the blocks.  cJSON reads what both accept. */
#include <stdlib.h>

#include "check.h"
#include "json/document_internal.h"
#include "json/scan_bitmaps.h"
#include "json_help.h"
#include "odds_event.h"

static struct pool *pool;
static int by_bitmaps, accepted, refused;

static bool
same_index(const struct scan_index *a, const struct scan_index *b)
{
    return a->count == b->count &&
           (a->count == 0 ||
            memcmp(a->items, b->items, a->count * sizeof(*a->items)) == 0);
}

#if SIMD_AVX2
/* The bitmaps alone: may they say yes to what the portable form refuses? */
static bool
bitmaps_agree(const char *padded, size_t len, const struct scan_index *wanted,
              sgo_status status)
{
    struct scan_index index = {.pool = pool};
    sgo_status alone = scan_bitmaps(padded, len, &index);
    bool good = alone == SGO_AGAIN || (alone == SGO_OK && status == SGO_OK &&
                                       same_index(&index, wanted));

    by_bitmaps += alone == SGO_OK;
    scan_index_fini(&index);
    return good;
}
#endif

/* Both forms agree on a text; false, and printed: they do not. */
static bool
agree(const char *bytes, size_t len)
{
    struct scan_index best = {.pool = pool}, plain = {.pool = pool};
    struct scan_error best_err = {0, ""}, plain_err = {0, ""};
    char *padded = mem_calloc(1, len + SCAN_PADDING);
    sgo_status best_status, plain_status;
    bool good;

    if (len > 0) {
        memcpy(padded, bytes, len);
    }
    best_status = scan(padded, len, &best, &best_err);
    simd_force_portable(true);
    plain_status = scan(padded, len, &plain, &plain_err);
    simd_force_portable(false);
    good = best_status == plain_status &&
           best_err.offset == plain_err.offset &&
           strcmp(best_err.reason, plain_err.reason) == 0 &&
           (plain_status != SGO_OK || same_index(&best, &plain));
#if SIMD_AVX2
    if (__builtin_cpu_supports("avx2")) {
        good = good && bitmaps_agree(padded, len, &plain, plain_status);
    }
#endif
    if (!good) {
        fprintf(stderr, "forms %d and %d: %.*s\n", (int)best_status,
                (int)plain_status, len < 3000 ? (int)len : 3000, bytes);
    }
    accepted += plain_status == SGO_OK;
    refused += plain_status != SGO_OK;
    scan_index_fini(&best);
    scan_index_fini(&plain);
    mem_free(padded);
    return good;
}

/* A text with `gap` letters in front of and behind a snippet. */
static void
put_snippet(struct buf *b, const char *front, int gap, const char *snippet,
            const char *rest)
{
    buf_reset(b);
    buf_puts(b, front);
    for (int i = 0; i < gap; i++) {
        buf_putc(b, 'a');
    }
    buf_puts(b, snippet);
    buf_puts(b, rest);
}

/* Good and bad tokens at every place in a block and over its edges. */
static void
tokens_may_lie_anywhere(void)
{
    static const char *const snippets[] = {
        "",
        "\\\\",
        "\\\"",
        "\\\\\\\"",
        "\\",
        "\\u00e9",
        "\\u00g9",
        "\\x",
        "\xC3\xA9",
        "\xE2\x82\xAC",
        "\xF0\x9F\x8F\x88",
        "\xF0\x9F\x8F",
        "\xC3",
        "\xA9",
        "\xED\xA0\x80",
        "\x1F",
        "\x7F",
        "\n",
        "{}[]:,",
        "\",\"b",
        "\":1,\"b",
        "\":\"b",
        "\":\"b\",\"c",
        "\":\"b\":\"c",
        "\",1,\"b",
        "\",-1.5e+3,\"b",
        "\",01,\"b",
        "\",true,\"b",
        "\",falsee,\"b",
        "\",null,\"b",
        "\",nul,\"b",
        "\",[],\"b",
        "\",{},\"b",
        "\",{\"c\":[]},\"b",
        "\":{\"c\":[1,{}]},\"b",
        "\":[{\"c\":1},{\"c\":2}],\"b",
        "\":[\"c\":1],\"b",
        "\":{\"c\",1},\"b",
        "\":{\"c\":1,},\"b",
        "\":[1,],\"b",
        "\":[1],],\"b",
        "\":{]},\"b",
        "\":[[},\"b",
        "\"\"b",
        "\" ,\"b",
        "\": \"b",
        "\":\t[ ],\"b",
        "\"}{\"b",
        "\"][\"b",
        "\",\\\"\"",
        "\",\"\",\"",
        "\":\"\",\"\":\"",
    };
    static const char *const around[][2] = {
        {"[\"", "\"]"},
        {"{\"", "\":1}"},
        {"{\"x\":{\"", "\":[]}}"},
        {"{\"x\":\"", "\"}"},
        {"[{\"x\":\"\\\\", "\"},2]"},
        {"[1,\"", "\",false]\n"},
        {"\"", "\""},
        {"[\"", ""},
    };
    struct buf b;

    buf_init(&b, 1 << 20);
    for (size_t i = 0; i < sizeof(snippets) / sizeof(*snippets); i++) {
        for (size_t j = 0; j < sizeof(around) / sizeof(*around); j++) {
            for (int gap = 40; gap <= 135; gap++) {
                put_snippet(&b, around[j][0], gap, snippets[i], around[j][1]);
                CHECK(agree(b.data, b.len));
            }
        }
    }
    CHECK(accepted > 1000 && refused > 1000);
    buf_fini(&b);
}

/* All texts of up to six of these tokens. */
static void
short_texts_agree(void)
{
    static const char *const tokens[] = {"{", "}", "[", "]",
                                         ":", ",", "1", "\"\""};
    char text[16];

    for (int n = 0; n < 8 * 8 * 8 * 8 * 8 * 8; n++) {
        text[0] = '\0';
        for (int i = 0, left = n; i < 6; i++, left /= 8) {
            strcat(text, tokens[left % 8]);
        }
        if (!agree(text, strlen(text))) {
            CHECK(false);
            break;
        }
    }
}

/* Of a text in our style nothing may be left to the slower form. */
static void
compact_texts_take_the_bitmaps(void)
{
    struct help_style style = {.shuffle = true, .disguise = true};
    struct rand r;
    struct buf a, b;

    rand_init(&r, 3);
    buf_init(&a, 4 << 20);
    buf_init(&b, 4 << 20);
    for (int i = 0; i < check_rounds(200); i++) {
        struct document *doc;

        buf_reset(&a);
        buf_reset(&b);
        if (i % 10 == 0) {
            odds_event_write(&r, 1 + i % 30, &a);
        } else {
            help_random(&r, &a);
        }
        doc = help_build_bytes(pool, a.data, a.len);
        help_rewrite(&r, document_root(doc), &style, &b);
        by_bitmaps = 0;
        CHECK(agree(a.data, a.len));
        CHECK(agree(b.data, b.len));
#if SIMD_AVX2
        CHECK_INT(by_bitmaps, simd_avx2() ? 2 : 0);
#endif
        document_release(doc);
    }
    buf_fini(&a);
    buf_fini(&b);
}

static bool
cjson_reads_the_same(const char *bytes, size_t len)
{
    cJSON *node = cJSON_ParseWithLength(bytes, len);
    struct document *doc = NULL;
    bool same =
        document_build(pool, bytes, len, &doc, NULL) != SGO_OK ||
        (node != NULL && (!document_is_distinct(doc) ||
                          help_equals_cjson(document_root(doc), node)));

    cJSON_Delete(node);
    document_release(doc);
    return same;
}

static void
mutate(struct rand *r, struct buf *b)
{
    static const char letters[] = "{}[]:,\"\\019.eE+-tfn\xC3\xA9\x1F/au ";
    size_t at = (size_t)rand_between(r, 0, (int64_t)b->len - 1), n;

    switch (rand_between(r, 0, 3)) {
    case 0:
        b->data[at] =
            letters[rand_between(r, 0, (int64_t)sizeof(letters) - 2)];
        break;
    case 1:
        b->data[at] ^= (char)(1 << rand_between(r, 0, 7));
        break;
    case 2: /* cut */
        n = (size_t)rand_between(r, 1, 20);
        n = n > b->len - at ? b->len - at : n;
        memmove(b->data + at, b->data + at + n, b->len - at - n + 1);
        b->len -= n;
        break;
    default: /* a piece over another place */
        n = (size_t)rand_between(r, 1, 40);
        n = n > b->len - at ? b->len - at : n;
        memmove(b->data + at,
                b->data + rand_between(r, 0, (int64_t)(b->len - n)), n);
        break;
    }
}

static void
mutants_agree(const char *text, size_t len, uint64_t seed, int rounds)
{
    struct rand r;
    struct buf b;

    rand_init(&r, seed);
    buf_init(&b, 4 << 20);
    for (int i = 0; i < rounds; i++) {
        int before = accepted;

        if (i % 3 == 0 || b.len < 2) {
            buf_reset(&b);
            buf_append(&b, text, len);
        }
        mutate(&r, &b);
        if (b.len > 0 && !agree(b.data, b.len)) {
            CHECK(false);
            break;
        }
        /* It cuts strings at an escaped zero, and knows no equal keys. */
        if (accepted > before && i % 16 == 0) {
            CHECK(memmem(b.data, b.len, "\\u", 2) != NULL ||
                  cjson_reads_the_same(b.data, b.len));
        }
    }
    buf_fini(&b);
}

static void
mutants_of_events_agree(void)
{
    int rounds = check_rounds(40);
    struct rand r;
    struct buf b;

    rand_init(&r, 11);
    buf_init(&b, 4 << 20);
    accepted = refused = by_bitmaps = 0;
    for (int i = 0; i < rounds; i++) {
        buf_reset(&b);
        odds_event_write(&r, 1 + i % 3, &b);
        mutants_agree(b.data, b.len, (uint64_t)i, 400);
        buf_reset(&b);
        help_random(&r, &b);
        mutants_agree(b.data, b.len, (uint64_t)i, 400);
    }
    CHECK(accepted > 50 * rounds && refused > 50 * rounds);
#if SIMD_AVX2
    CHECK(!simd_avx2() || by_bitmaps > accepted / 2);
#endif
    buf_fini(&b);
}

static void
samples_and_their_mutants_agree(void)
{
    static const char *const names[] = {
        "events.live.wta.json", "events.upcoming-page.soccer.json",
        "events.prop.nfl.json", "events.final.mlb.json"};

    for (int i = 0; i < 4; i++) {
        size_t len;
        char *sample = help_sample(names[i], &len);

        if (sample == NULL) {
            return;
        }
        by_bitmaps = 0;
        CHECK(agree(sample, len));
#if SIMD_AVX2
        CHECK_INT(by_bitmaps, simd_avx2());
#endif
        mutants_agree(sample, len, 5, check_rounds(300));
        mem_free(sample);
    }
}

int
main(void)
{
    struct pool_stats stats;

    pool = pool_create(1 << 24);
    RUN(tokens_may_lie_anywhere);
    RUN(short_texts_agree);
    RUN(compact_texts_take_the_bitmaps);
    RUN(mutants_of_events_agree);
    RUN(samples_and_their_mutants_agree);
    pool_stats(pool, &stats);
    if (stats.used_bytes != 0) {
        fprintf(stderr, "%zu bytes are still out\n", stats.used_bytes);
        return 1;
    }
    pool_release(pool);
    return check_done();
}
