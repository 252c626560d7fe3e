/* What the document engine costs, against inflating the same bytes.
 *
 *     bench_json [--rounds N] [--json]
 *
 * Every round runs every candidate once, in an order of its own, and a ratio
 * is taken within its round, so that what disturbs the machine for a while
 * disturbs both sides; told are medians.  Blocks come from a pool, buffers are kept.
 * Time is that of this thread.  The event is the sample pair (SGO_SAMPLES)
 * or, where that is not, one made up of the same size. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>
#if SGO_HAVE_LIBDEFLATE
#include <libdeflate.h>
#endif

#include "arrow/quotes.h"
#include "client_value.h"
#include "json/changes.h"
#include "json/project.h"
#include "json/quotes.h"
#include "json/simd.h"
#include "json_help.h"
#include "odds_event.h"

#define MEMORY_LIMIT 1.25

enum {
    SERIES = 24, /* successive versions with 3 % of the quotes touched */
    LOOKUPS = 200,
    LEAST_ROUNDS = 200
};

struct text_bytes {
    char *bytes;
    size_t len;
};

struct bench {
    struct pool *pool;
    struct text_bytes before, after, shuffled, gzip;
    struct text_bytes series[SERIES];
    struct document *old, *new, *versions[SERIES];
    struct shape shape;
    char *room; /* for what is inflated */
    const char *book;
    char path[2][128];
    unsigned round;
    z_stream zlib; /* inflates; kept as buffers are */
#if SGO_HAVE_LIBDEFLATE
    struct libdeflate_decompressor *libdeflate;
#endif
};

static int64_t
cpu_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void
must(bool good, const char *what)
{
    if (!good) {
        fprintf(stderr, "bench_json: %s failed\n", what);
        exit(1);
    }
}

/* --- candidates: each returns the ns it took -------------------------- */

static void
inflate_zlib(struct bench *b)
{
    z_stream *z = &b->zlib;

    must(inflateReset(z) == Z_OK, "inflateReset");
    z->next_in = (Bytef *)b->gzip.bytes;
    z->avail_in = (uInt)b->gzip.len;
    z->next_out = (Bytef *)b->room;
    z->avail_out = (uInt)b->after.len + 64;
    must(inflate(z, Z_FINISH) == Z_STREAM_END && z->total_out == b->after.len,
         "inflate");
}

static int64_t
run_zlib(struct bench *b)
{
    int64_t t = cpu_ns();

    inflate_zlib(b);
    return cpu_ns() - t;
}

#if SGO_HAVE_LIBDEFLATE
static void
inflate_libdeflate(struct bench *b)
{
    size_t n;

    must(libdeflate_gzip_decompress(b->libdeflate, b->gzip.bytes, b->gzip.len,
                                    b->room, b->after.len + 64,
                                    &n) == LIBDEFLATE_SUCCESS &&
             n == b->after.len,
         "libdeflate");
}

static int64_t
run_libdeflate(struct bench *b)
{
    int64_t t = cpu_ns();

    inflate_libdeflate(b);
    return cpu_ns() - t;
}
#endif

static int64_t
run_memcmp(struct bench *b)
{
    int64_t t = cpu_ns();

    must(memcmp(b->new->body, b->after.bytes, b->after.len) == 0, "memcmp");
    return cpu_ns() - t;
}

static int64_t
build(struct bench *b, const struct text_bytes *text)
{
    struct document *doc;
    int64_t t = cpu_ns();

    must(document_build(b->pool, text->bytes, text->len, &doc, NULL) == SGO_OK,
         "build");
    t = cpu_ns() - t;
    document_release(doc);
    return t;
}

static int64_t
run_build(struct bench *b)
{
    return build(b, &b->before);
}

static int64_t
run_build_shuffled(struct bench *b)
{
    return build(b, &b->shuffled);
}

static int64_t
update(struct bench *b, struct document *old, const char *bytes, size_t len)
{
    struct document *doc;
    struct changes *changes;
    int64_t t = cpu_ns();

    must(document_update(b->pool, bytes, len, old, &doc, &changes, NULL) ==
             SGO_OK,
         "update");
    t = cpu_ns() - t;
    changes_release(changes);
    document_release(doc);
    return t;
}

static int64_t
run_update(struct bench *b)
{
    return update(b, b->old, b->after.bytes, b->after.len);
}

static int64_t
run_update_moved(struct bench *b)
{
    unsigned i = b->round % (SERIES - 1);

    return update(b, b->versions[i], b->series[i + 1].bytes,
                  b->series[i + 1].len);
}

static int64_t
run_update_same(struct bench *b)
{
    return update(b, b->new, b->after.bytes, b->after.len);
}

static int64_t
run_update_shuffled(struct bench *b)
{
    return update(b, b->old, b->shuffled.bytes, b->shuffled.len);
}

static int64_t
run_build_portable(struct bench *b)
{
    int64_t t;

    simd_force_portable(true);
    t = run_build(b);
    simd_force_portable(false);
    return t;
}

static int64_t
run_update_portable(struct bench *b)
{
    int64_t t;

    simd_force_portable(true);
    t = run_update(b);
    simd_force_portable(false);
    return t;
}

static int64_t
run_zlib_update(struct bench *b)
{
    int64_t t = cpu_ns();

    inflate_zlib(b);
    update(b, b->old, b->room, b->after.len);
    return cpu_ns() - t;
}

#if SGO_HAVE_LIBDEFLATE
static int64_t
run_libdeflate_update(struct bench *b)
{
    int64_t t = cpu_ns();

    inflate_libdeflate(b);
    update(b, b->old, b->room, b->after.len);
    return cpu_ns() - t;
}
#endif

static int64_t
run_cjson(struct bench *b)
{
    int64_t t = cpu_ns();
    cJSON *tree = cJSON_ParseWithLength(b->after.bytes, b->after.len);

    must(tree != NULL, "cJSON");
    cJSON_Delete(tree);
    t = cpu_ns() - t;
    /* The heap tidies up after so many small blocks when it is next asked for
     * a large one; nobody else shall pay for that. */
    mem_free(mem_alloc(64 << 10));
    return t;
}

/* odds, an odd, byBookmaker, a bookmaker, odds: five steps. */
static int64_t
run_lookup(struct bench *b)
{
    struct value v;
    int64_t t = cpu_ns();

    for (int i = 0; i < LOOKUPS; i++) {
        const char *odd = b->path[i % 2];

        must(VALUE_GET(document_root(b->new), "odds", &v) &&
                 value_get(v, odd, strlen(odd), &v) &&
                 VALUE_GET(v, "byBookmaker", &v) &&
                 value_get(v, b->book, strlen(b->book), &v) &&
                 VALUE_GET(v, "odds", &v),
             "lookup");
    }
    return (cpu_ns() - t) / LOOKUPS;
}

static int64_t
run_quotes(struct bench *b)
{
    struct quote_iter it;
    struct quote quote;
    struct quote_fields fields;
    int64_t t = cpu_ns();

    quote_iter_init(&it, b->new, NULL, true);
    while (quote_iter_next(&it, &quote)) {
        quote_read(quote.value, &fields);
    }
    return cpu_ns() - t;
}

static int64_t
run_arrow(struct bench *b)
{
    struct ArrowArrayStream stream;
    struct ArrowArray batch;
    int64_t t = cpu_ns();

    must(arrow_quotes(&b->new, 1, NULL, true, &stream) == SGO_OK &&
             stream.get_next(&stream, &batch) == 0,
         "arrow");
    batch.release(&batch);
    stream.release(&stream);
    return cpu_ns() - t;
}

static int64_t
run_project(struct bench *b)
{
    struct document *doc;
    struct changes *none;
    int64_t t = cpu_ns();

    must(project_update(b->pool, b->after.bytes, b->after.len, &b->shape, NULL,
                        &doc, &none, NULL, NULL) == SGO_OK,
         "project");
    t = cpu_ns() - t;
    document_release(doc);
    return t;
}

struct candidate {
    const char *name;
    int64_t (*run)(struct bench *b);
    double limit; /* of the ratio; 0: none */
};

static const struct candidate candidates[] = {
    {"inflate, zlib (level 6)", run_zlib, 0}, /* the unit: stays first */
#if SGO_HAVE_LIBDEFLATE
    {"inflate, libdeflate", run_libdeflate, 0},
#endif
    {"memcmp of the body", run_memcmp, 0},
    {"update", run_update, 0.20},
    {"update, 3 % of the quotes moved", run_update_moved, 0.08},
    {"update, identical body", run_update_same, 0.03},
    {"update, members shuffled", run_update_shuffled, 2.0},
    {"first build", run_build, 0.33},
    {"first build, keys in random order", run_build_shuffled, 0.40},
    {"inflate + update, zlib", run_zlib_update, 1.25},
#if SGO_HAVE_LIBDEFLATE
    {"inflate + update, libdeflate", run_libdeflate_update, 0.60},
#endif
    {"first build, portable form", run_build_portable, 0},
    {"update, portable form", run_update_portable, 0},
    {"prune to one bookmaker and build", run_project, 0},
    {"all quotes read", run_quotes, 0},
    {"all quotes to an Arrow batch", run_arrow, 0},
    {"look-up of five steps, warm", run_lookup, 0},
    {"cJSON, parse and delete", run_cjson, 0},
};

enum { CANDIDATES = sizeof(candidates) / sizeof(*candidates) };

/* --- the event -------------------------------------------------------- */

static void
deflate_gzip(struct bench *b)
{
    z_stream z = {.next_in = (Bytef *)b->after.bytes,
                  .avail_in = (uInt)b->after.len};
    size_t cap;

    must(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) ==
             Z_OK,
         "deflateInit2");
    cap = deflateBound(&z, b->after.len);
    b->gzip.bytes = mem_alloc(cap);
    must(b->gzip.bytes != NULL, "memory");
    z.next_out = (Bytef *)b->gzip.bytes;
    z.avail_out = (uInt)cap;
    must(deflate(&z, Z_FINISH) == Z_STREAM_END, "deflate");
    b->gzip.len = z.total_out;
    deflateEnd(&z);
}

static struct text_bytes
touched(const struct document *doc, struct rand *r, int per_mille)
{
    struct text_bytes text;
    struct buf out;

    buf_init(&out, SCAN_MAX_BYTES);
    odds_event_touch(r, doc, per_mille, &out);
    text.bytes = buf_take(&out, &text.len);
    return text;
}

static bool
load_pair(struct bench *b, struct rand *r)
{
    struct buf out;

    b->before.bytes =
        help_sample_event("synthetic-nba-live.rev1.json", 0, &b->before.len);
    b->after.bytes =
        help_sample_event("synthetic-nba-live.rev2.json", 0, &b->after.len);
    if (b->before.bytes != NULL && b->after.bytes != NULL) {
        b->old = help_build_bytes(b->pool, b->before.bytes, b->before.len);
        return true;
    }
    buf_init(&out, SCAN_MAX_BYTES);
    odds_event_write(r, ODDS_EVENT_LARGE, &out);
    b->before.bytes = buf_take(&out, &b->before.len);
    b->old = help_build_bytes(b->pool, b->before.bytes, b->before.len);
    b->after = touched(b->old, r, 500);
    return false;
}

/* A bookmaker of the first odd, and two odds that have it. */
static void
find_paths(struct bench *b)
{
    struct quote_iter it;
    struct quote quote;
    int found = 0;
    static char book[64];

    quote_iter_init(&it, b->new, NULL, false);
    while (quote_iter_next(&it, &quote) && found < 2) {
        if (book[0] == '\0') {
            snprintf(book, sizeof(book), "%.*s", (int)quote.bookmaker_id.len,
                     quote.bookmaker_id.raw);
        }
        if (text_equal_bytes(quote.bookmaker_id, book, strlen(book))) {
            snprintf(b->path[found++], sizeof(b->path[0]), "%.*s",
                     (int)quote.odd_id.len, quote.odd_id.raw);
        }
    }
    must(found == 2, "looking for quotes");
    b->book = book;
}

static bool
prepare(struct bench *b)
{
    struct help_style style = {.shuffle = true};
    struct buf out;
    struct rand r;
    bool samples;

    rand_init(&r, 5);
    b->pool = pool_create(256 << 20);
    must(b->pool != NULL, "memory");
    samples = load_pair(b, &r);
    b->new = help_build_bytes(b->pool, b->after.bytes, b->after.len);
    buf_init(&out, SCAN_MAX_BYTES);
    help_rewrite(&r, document_root(b->new), &style, &out);
    b->shuffled.bytes = buf_take(&out, &b->shuffled.len);
    b->versions[0] = document_retain(b->new);
    b->series[0] = b->after;
    for (int i = 1; i < SERIES; i++) {
        b->series[i] = touched(b->versions[i - 1], &r, 30);
        b->versions[i] =
            help_build_bytes(b->pool, b->series[i].bytes, b->series[i].len);
    }
    deflate_gzip(b);
    b->room = mem_alloc(b->after.len + 64);
    must(inflateInit2(&b->zlib, 15 + 16) == Z_OK, "inflateInit2");
    find_paths(b);
    shape_init(&b->shape);
    must(b->room != NULL &&
             shape_set_bookmaker_ids(&b->shape, &b->book, 1) == SGO_OK,
         "memory");
#if SGO_HAVE_LIBDEFLATE
    b->libdeflate = libdeflate_alloc_decompressor();
#endif
    return samples;
}

static void
clean_up(struct bench *b)
{
    for (int i = 0; i < SERIES; i++) {
        document_release(b->versions[i]);
        mem_free(b->series[i].bytes); /* number 0 is `after` */
    }
    document_release(b->old);
    document_release(b->new);
    mem_free(b->before.bytes);
    mem_free(b->shuffled.bytes);
    mem_free(b->gzip.bytes);
    mem_free(b->room);
    inflateEnd(&b->zlib);
    shape_fini(&b->shape);
    pool_release(b->pool);
#if SGO_HAVE_LIBDEFLATE
    libdeflate_free_decompressor(b->libdeflate);
#endif
}

/* --- measuring -------------------------------------------------------- */

static int
compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* Sorts. */
static double
percentile(double *numbers, unsigned n, double part)
{
    qsort(numbers, n, sizeof(*numbers), compare_doubles);
    return numbers[(unsigned)(part * (n - 1) + 0.5)];
}

static const char *
machine(void)
{
    static char name[256] = "unknown processor";
    char line[256];
    FILE *file = fopen("/proc/cpuinfo", "r");

    while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
        if (strncmp(line, "model name", 10) == 0 && strchr(line, ':')) {
            snprintf(name, sizeof(name), "%s", strchr(line, ':') + 2);
            name[strcspn(name, "\n")] = '\0';
            break;
        }
    }
    if (file != NULL) {
        fclose(file);
    }
    return name;
}

struct row {
    double us, ratio, low, high;
};

/* --- memory ----------------------------------------------------------- */

struct memory {
    double accounted; /* bytes held to bytes of JSON */
    double resident;  /* the same, as the system sees it */
    size_t events, json;
};

static size_t
resident_bytes(void)
{
    unsigned long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");

    must(file != NULL && fscanf(file, "%*s %lu", &pages) == 1, "statm");
    fclose(file);
    return pages * (size_t)sysconf(_SC_PAGESIZE);
}

/* Events of many sizes, each updated twice: the pool then holds what a client
 * of so many events would let it keep (a sixteenth, 8 to 64 MiB). */
static void
measure_memory(struct memory *m)
{
    enum { EVENTS = 500, ROUNDS = 3, LARGEST = 320 };
    struct pool *pool = pool_create(8 << 20);
    struct document **held = calloc(EVENTS, sizeof(struct document *));
    size_t before, own = 0;
    struct pool_stats stats;
    struct rand r;
    struct buf b;

    must(pool != NULL && held != NULL, "memory");
    rand_init(&r, 13);
    buf_init(&b, SCAN_MAX_BYTES);
    buf_reserve(&b, 2 << 20);
    memset(b.data, 0, b.cap);
    before = resident_bytes();
    for (int i = 0; i < ROUNDS * EVENTS; i++) {
        struct document **doc = &held[i % EVENTS], *old = *doc;
        struct changes *changes = NULL;

        buf_reset(&b);
        if (old == NULL) {
            odds_event_write(&r, (int)rand_between(&r, 1, LARGEST), &b);
            *doc = help_build_bytes(pool, b.data, b.len);
        } else {
            odds_event_touch(&r, old, 100, &b);
            must(document_update(pool, b.data, b.len, old, doc, &changes,
                                 NULL) == SGO_OK,
                 "update");
        }
        changes_release(changes);
        document_release(old);
        if (i == EVENTS) {
            pool_stats(pool, &stats);
            pool_set_max_cached(pool, stats.used_bytes / 16 > 64 << 20
                                          ? 64 << 20
                                          : stats.used_bytes / 16);
        }
    }
    pool_stats(pool, &stats);
    *m = (struct memory){.events = EVENTS};
    for (int i = 0; i < EVENTS; i++) {
        m->json += held[i]->len;
        own += sizeof(*held[i]) + held[i]->event_id_len + 1;
    }
    m->accounted = (double)(stats.used_bytes + stats.cached_bytes + own) /
                   (double)m->json;
    m->resident = (double)(resident_bytes() - before) / (double)m->json;
    for (int i = 0; i < EVENTS; i++) {
        document_release(held[i]);
    }
    free(held);
    buf_fini(&b);
    pool_release(pool);
}

static void
print_table(const struct bench *b, const struct row *rows,
            const struct memory *m, unsigned rounds, bool samples)
{
    struct utsname system = {.machine = "?"};
    int over = 0;

    uname(&system);
    printf("%s, %s; %s event of %zu bytes, %zu as gzip; %u rounds;\n"
           "form: %s\n\n",
           machine(), system.machine, samples ? "sample" : "made-up",
           b->after.len, b->gzip.len, rounds,
           simd_avx2() ? "AVX2" : "portable");
    printf("| %-34s | %9s | %7s | %15s | %5s |\n", "what", "us", "x zlib",
           "10 % to 90 %", "limit");
    printf("|------------------------------------|----------:|--------:"
           "|----------------:|------:|\n");
    for (int i = 0; i < CANDIDATES; i++) {
        char limit[16] = "";

        if (candidates[i].limit > 0) {
            snprintf(limit, sizeof(limit), "%.2f", candidates[i].limit);
        }
        printf("| %-34s | %9.1f | %7.4f | %6.3f to %5.3f | %5s |%s\n",
               candidates[i].name, rows[i].us, rows[i].ratio, rows[i].low,
               rows[i].high, limit,
               limit[0] && rows[i].ratio > candidates[i].limit ? " over" : "");
        over += limit[0] && rows[i].ratio > candidates[i].limit;
    }
    over += m->accounted > MEMORY_LIMIT || m->resident > MEMORY_LIMIT;
    printf("\nbytes held for each byte of JSON, %zu events of %zu MB in all: "
           "%.3f, resident %.3f (limit %.2f)\n",
           m->events, m->json / 1000000, m->accounted, m->resident,
           MEMORY_LIMIT);
    printf("%d over their limits\n", over);
}

static void
print_json(const struct row *rows, const struct memory *m)
{
    printf("{\n  \"bytes held\": {\"accounted\": %.4f, \"resident\": %.4f, "
           "\"limit\": %.2f},\n",
           m->accounted, m->resident, MEMORY_LIMIT);
    for (int i = 0; i < CANDIDATES; i++) {
        printf(
            "  \"%s\": {\"us\": %.2f, \"ratio\": %.5f, \"limit\": %.2f}%s\n",
            candidates[i].name, rows[i].us, rows[i].ratio, candidates[i].limit,
            i + 1 < CANDIDATES ? "," : "");
    }
    printf("}\n");
}

/* What ran before one leaves its traces in caches and in the heap. */
static void
shuffle(struct rand *r, int *order)
{
    for (int i = CANDIDATES; i > 1; i--) {
        int64_t j = rand_between(r, 0, i - 1);
        int swapped = order[j];

        order[j] = order[i - 1];
        order[i - 1] = swapped;
    }
}

static void
measure(struct bench *b, unsigned rounds, struct row *rows)
{
    double *us = calloc((size_t)CANDIDATES * rounds, sizeof(*us));
    double *ratio = calloc((size_t)CANDIDATES * rounds, sizeof(*ratio));
    unsigned warm = 5;
    int order[CANDIDATES];
    struct rand r;

    must(us != NULL && ratio != NULL, "memory");
    rand_init(&r, 7);
    for (int i = 0; i < CANDIDATES; i++) {
        order[i] = i;
    }
    for (unsigned round = 0; round < rounds + warm; round++) {
        int64_t ns[CANDIDATES];

        b->round = round;
        shuffle(&r, order);
        for (int i = 0; i < CANDIDATES; i++) {
            ns[order[i]] = candidates[order[i]].run(b);
        }
        for (int i = 0; i < CANDIDATES && round >= warm; i++) {
            us[(unsigned)i * rounds + round - warm] = (double)ns[i] / 1000;
            ratio[(unsigned)i * rounds + round - warm] =
                (double)ns[i] / (double)ns[0];
        }
    }
    for (unsigned i = 0; i < CANDIDATES; i++) {
        rows[i].us = percentile(us + i * rounds, rounds, 0.5);
        rows[i].ratio = percentile(ratio + i * rounds, rounds, 0.5);
        rows[i].low = percentile(ratio + i * rounds, rounds, 0.1);
        rows[i].high = percentile(ratio + i * rounds, rounds, 0.9);
    }
    free(us);
    free(ratio);
}

int
main(int argc, char **argv)
{
    struct bench b = {.round = 0};
    struct row rows[CANDIDATES];
    struct memory memory;
    unsigned rounds = LEAST_ROUNDS;
    bool json = false, samples;

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0) {
            json = true;
        } else if (strcmp(argv[i], "--rounds") == 0 && i + 1 < argc) {
            rounds = (unsigned)strtoul(argv[++i], NULL, 10);
        } else {
            fprintf(stderr, "usage: bench_json [--rounds N] [--json]\n");
            return 2;
        }
    }
    must(rounds > 0, "--rounds");
    measure_memory(&memory);
    samples = prepare(&b);
    measure(&b, rounds, rows);
    if (json) {
        print_json(rows, &memory);
    } else {
        print_table(&b, rows, &memory, rounds, samples);
    }
    clean_up(&b);
    return 0;
}
