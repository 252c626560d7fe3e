/* The command line: many seeds, one seed with a trace, deliberate bugs, the
 * herd.  A seed that breaks a promise is shrunk, and one command that replays
 * it is printed.  `sim --help` lists the options. */
#include "sim.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/mutant.h"

enum { SEED_MAX_SECONDS = 120, FAILURES_MAX = 10 };

struct options {
    uint64_t first, seeds;
    double seconds; /* of real time; 0: no limit */
    uint64_t keep;  /* bits of the faults that stay */
    double storm;   /* 0: as the seed says */
    bool trace, herd, mutants;
    const char *mutant; /* only this one */
    unsigned sample, offset;
    const char *table; /* file to write the table of mutants into */
};

/* What became of one run. */
struct verdict {
    bool failed;
    char promise[8];
    char failure[600];
    double at; /* virtual seconds */
    double lasted;
    size_t faults; /* of the seed */
};

static double
wall(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* ---- crashes and endless loops name their seed ---------------------------------- */

static volatile uint64_t running;

static void
crashed(int sig)
{
    char text[100];
    int n = snprintf(text, sizeof(text),
                     "\nsignal %d in seed %" PRIu64 ": make sim FIRST=%" PRIu64
                     " SEEDS=1\n",
                     sig, running, running);
    ssize_t unused = write(2, text, (size_t)n);

    (void)unused;
    signal(sig, SIG_DFL);
    raise(sig);
}

static void
watch_signals(void)
{
    signal(SIGSEGV, crashed);
    signal(SIGABRT, crashed);
    signal(SIGBUS, crashed);
    signal(SIGFPE, crashed);
    signal(SIGALRM, crashed);
}

/* ---- one seed ---------------------------------------------------------------------- */

static void
prune(struct scenario *sc, uint64_t keep, double storm)
{
    for (size_t i = 0; i < sc->fault_count; i++) {
        if (!(keep & UINT64_C(1) << i)) {
            sc->faults[i].at = sc->faults[i].until = INT64_MAX / 4;
        }
    }
    if (storm > 0) {
        sc->storm_ns = (int64_t)(storm * 1e9);
    }
}

static struct verdict
run_seed(uint64_t seed, uint64_t keep, double storm, bool trace)
{
    struct scenario *sc = must(calloc(1, sizeof(*sc)));
    struct sim *s = must(calloc(1, sizeof(*s)));
    struct verdict v = {.failed = false};

    running = seed;
    alarm(SEED_MAX_SECONDS);
    scenario_make(sc, seed);
    v.faults = sc->fault_count;
    prune(sc, keep, storm);
    if (trace) {
        scenario_print(sc);
    }
    s->trace = trace;
    sim_run(s, sc);
    v.failed = s->failed;
    v.at = v.lasted = sim_seconds(s);
    memcpy(v.promise, s->promise, sizeof(v.promise));
    memcpy(v.failure, s->failure, sizeof(v.failure));
    if (trace) {
        printf("digest %016" PRIx64 "\n", s->digest);
    }
    sim_fini(s);
    free(s);
    free(sc);
    alarm(0);
    return v;
}

/* ---- shrinking --------------------------------------------------------------------------- */

static bool
still(uint64_t seed, uint64_t keep, double storm, const struct verdict *was,
      struct verdict *now)
{
    struct verdict v = run_seed(seed, keep, storm, false);

    if (!v.failed || strcmp(v.promise, was->promise) != 0) {
        return false;
    }
    *now = v;
    return true;
}

/* Take away what the failure does not need. */
static void
shrink(uint64_t seed, uint64_t *keep, double *storm, struct verdict *v)
{
    const struct verdict was = *v;
    double shorter = *storm > 0 ? *storm : 400;
    bool fewer = true;

    while (fewer) {
        fewer = false;
        for (size_t i = 0; i < was.faults; i++) {
            uint64_t without = *keep & ~(UINT64_C(1) << i);

            if (without != *keep && still(seed, without, *storm, &was, v)) {
                *keep = without;
                fewer = true;
            }
        }
    }
    for (shorter = v->at < shorter ? v->at + 0.01 : shorter; shorter > 1;
         shorter *= 0.8) {
        if (!still(seed, *keep, shorter, &was, v)) {
            break;
        }
        *storm = shorter;
    }
}

static void
print_replay(uint64_t seed, uint64_t keep, double storm, size_t faults)
{
    const char *comma = "";

    printf("  replay: make sim FIRST=%" PRIu64 " SEEDS=1 SIM_ARGS='--faults ",
           seed);
    for (size_t i = 0; i < faults; i++) {
        if (keep & UINT64_C(1) << i) {
            printf("%s%zu", comma, i);
            comma = ",";
        }
    }
    printf("%s", *comma ? "" : "none");
    if (storm > 0) {
        printf(" --storm %.3f", storm);
    }
    printf(" --trace'\n");
}

static void
report(uint64_t seed, const struct options *o, struct verdict *v)
{
    uint64_t keep = o->keep;
    double storm = o->storm;
    size_t left = 0;

    printf("seed %" PRIu64 " breaks %s at %.3f s: %s\n", seed, v->promise,
           v->at, v->failure);
    if (o->trace) {
        return;
    }
    shrink(seed, &keep, &storm, v);
    for (size_t i = 0; i < v->faults; i++) {
        left += keep >> i & 1;
    }
    printf("  shrunk to %zu of %zu faults: %s at %.3f s: %s\n", left,
           v->faults, v->promise, v->at, v->failure);
    print_replay(seed, keep, storm, v->faults);
    fflush(stdout);
}

/* ---- many seeds -------------------------------------------------------------------------- */

static bool
run_seeds(const struct options *o)
{
    double began = wall(), virtual = 0;
    uint64_t n = 0, bad = 0;

    while (n < o->seeds && bad < FAILURES_MAX &&
           (o->seconds <= 0 || wall() - began < o->seconds)) {
        uint64_t seed = o->first + n++;
        struct verdict v = run_seed(seed, o->keep, o->storm, o->trace);

        virtual += v.lasted;
        if (v.failed) {
            bad++;
            report(seed, o, &v);
        }
    }
    printf("%" PRIu64 " seeds from %" PRIu64 ": %" PRIu64
           " broke a promise; %.0f virtual seconds in %.1f s, %.0f to 1\n",
           n, o->first, bad, virtual, wall() - began,
           virtual / (wall() - began));
    return bad == 0;
}

/* ---- deliberate bugs ------------------------------------------------------------------------ */

#ifdef SGO_MUTANTS

int sgo_mutant;

static const struct {
    const char *name, *what;
} mutants[] = {{"NONE", ""},
#define MUTANT_ROW(name, what) {#name, what},
               MUTANTS(MUTANT_ROW)
#undef MUTANT_ROW
};

enum { MUTANT_SEEDS = 500, TABLE_MAX = 64 << 10 };

/* Replace what stands between the marks in the file. */
static bool
write_table(const char *path, const char *rows)
{
    static const char begin[] = "<!-- mutants: begin -->\n",
                      end[] = "<!-- mutants: end -->";
    char *text = must(calloc(1, TABLE_MAX));
    FILE *f = fopen(path, "r");
    char *from, *to;
    size_t n;

    n = f ? fread(text, 1, TABLE_MAX - 1, f) : 0;
    from = strstr(text, begin);
    to = from ? strstr(from, end) : NULL;
    if (f) {
        fclose(f);
    }
    f = to ? fopen(path, "w") : NULL;
    if (f) {
        from += sizeof(begin) - 1;
        fwrite(text, 1, (size_t)(from - text), f);
        fputs(rows, f);
        fwrite(to, 1, n - (size_t)(to - text), f);
        fclose(f);
    }
    free(text);
    return f != NULL;
}

/* Seeds it took to catch it; 0: not caught. */
static unsigned
catch_mutant(const struct options *o, struct verdict *v)
{
    for (unsigned n = 0; n < MUTANT_SEEDS; n++) {
        *v = run_seed(o->first + n, o->keep, o->storm, false);
        if (v->failed) {
            return n + 1;
        }
    }
    return 0;
}

static bool
run_mutants(const struct options *o)
{
    char rows[20000];
    size_t len = 0;
    unsigned missed = 0, count = MUTANT_COUNT - 1, n = 0;
    double began = wall();

    len += (size_t)snprintf(rows, sizeof(rows),
                            "| deliberate bug | name | seeds to catch | "
                            "breaks |\n|---|---|---|---|\n");
    for (unsigned i = 0; i < count; i++) {
        unsigned m = 1 + (o->offset + i) % count, seeds;
        struct verdict v;

        if ((o->mutant && strcmp(o->mutant, mutants[m].name) != 0) ||
            (o->sample && n >= o->sample)) {
            continue;
        }
        n++;
        sgo_mutant = (int)m;
        seeds = catch_mutant(o, &v);
        missed += seeds == 0;
        printf("%-22s %4u %-6s %s\n", mutants[m].name, seeds,
               seeds ? v.promise : "MISSED", seeds ? v.failure : "");
        fflush(stdout);
        len += (size_t)snprintf(rows + len, sizeof(rows) - len,
                                "| %s | `%s` | %u | %s |\n", mutants[m].what,
                                mutants[m].name, seeds,
                                seeds ? v.promise : "not caught");
    }
    sgo_mutant = 0;
    printf("%u deliberate bugs, %u not caught within %d seeds from %" PRIu64
           ", %.1f s\n",
           n, missed, MUTANT_SEEDS, o->first, wall() - began);
    if (o->table && !write_table(o->table, rows)) {
        printf("%s: no marks to write the table between\n", o->table);
        return false;
    }
    return missed == 0 && n > 0;
}

static bool
choose_mutant(const char *name)
{
    for (unsigned m = 1; m < MUTANT_COUNT; m++) {
        if (strcmp(mutants[m].name, name) == 0) {
            sgo_mutant = (int)m;
            return true;
        }
    }
    return false;
}

#else

static bool
run_mutants(const struct options *o)
{
    (void)o;
    printf("this program has no deliberate bugs: make sim-mutants\n");
    return false;
}

static bool
choose_mutant(const char *name)
{
    (void)name;
    return false;
}

#endif

/* ---- the command line ------------------------------------------------------------------------- */

static const char usage[] =
    "sim [options]\n"
    "  --first N      the first seed (1)\n"
    "  --seeds N      how many (2000)\n"
    "  --seconds S    …or until so much real time has passed\n"
    "  --faults LIST  of each seed's faults only these, or none\n"
    "  --storm S      faults and changes for S virtual seconds only\n"
    "  --trace        print everything that happens\n"
    "  --herd         10,000 clients of a server that was down for 30 s\n"
    "  --mutants      catch every deliberate bug within 500 seeds\n"
    "  --mutant NAME  run with this one (with --mutants: only this one)\n"
    "  --sample N --offset M   N of them, from number M on\n"
    "  --table FILE   write their table between the marks in FILE\n";

static uint64_t
read_list(const char *text)
{
    uint64_t bits = 0;

    while (*text >= '0' && *text <= '9') {
        char *end;
        unsigned long n = strtoul(text, &end, 10);

        bits |= n < 64 ? UINT64_C(1) << n : 0;
        text = *end == ',' ? end + 1 : end;
    }
    return bits;
}

/* Takes one option that has a value. */
static bool
read_value(struct options *o, const char *name, const char *value)
{
    if (strcmp(name, "--first") == 0) {
        o->first = strtoull(value, NULL, 10);
    } else if (strcmp(name, "--seeds") == 0) {
        o->seeds = strtoull(value, NULL, 10);
    } else if (strcmp(name, "--seconds") == 0) {
        o->seconds = strtod(value, NULL);
    } else if (strcmp(name, "--faults") == 0) {
        o->keep = read_list(value);
    } else if (strcmp(name, "--storm") == 0) {
        o->storm = strtod(value, NULL);
    } else if (strcmp(name, "--mutant") == 0) {
        o->mutant = value;
    } else if (strcmp(name, "--sample") == 0) {
        o->sample = (unsigned)strtoul(value, NULL, 10);
    } else if (strcmp(name, "--offset") == 0) {
        o->offset = (unsigned)strtoul(value, NULL, 10);
    } else if (strcmp(name, "--table") == 0) {
        o->table = value;
    } else {
        return false;
    }
    return true;
}

static bool
read_options(struct options *o, int argc, char **argv)
{
    *o = (struct options){.first = 1, .seeds = 2000, .keep = UINT64_MAX};
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--trace") == 0) {
            o->trace = true;
        } else if (strcmp(argv[i], "--herd") == 0) {
            o->herd = true;
        } else if (strcmp(argv[i], "--mutants") == 0) {
            o->mutants = true;
        } else if (i + 1 == argc || !read_value(o, argv[i], argv[i + 1])) {
            fputs(usage, stderr);
            return false;
        } else {
            i++;
        }
    }
    return true;
}

int
main(int argc, char **argv)
{
    struct options o;

    if (!read_options(&o, argc, argv)) {
        return 2;
    }
    watch_signals();
    if (o.herd) {
        return herd_run(true) ? 0 : 1;
    }
    if (o.mutants) {
        return run_mutants(&o) ? 0 : 1;
    }
    if (o.mutant && !choose_mutant(o.mutant)) {
        fprintf(stderr, "there is no such deliberate bug here: %s\n",
                o.mutant);
        return 2;
    }
    return run_seeds(&o) ? 0 : 1;
}
