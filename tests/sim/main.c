/* sim [--first N] [--seeds N] [--seconds N] [--faults LIST] [--storm S]
 *     [--trace] [--herd] [--mutants [NAME]] */
#include "sim.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double
wall(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int
main(int argc, char **argv)
{
    uint64_t first = 1, n = 100;
    bool trace = false;
    double began = wall(), virtual = 0;
    unsigned bad = 0;

    if (argc > 1) first = strtoull(argv[1], NULL, 10);
    if (argc > 2) n = strtoull(argv[2], NULL, 10);
    trace = argc > 3;
    for (uint64_t seed = first; seed < first + n; seed++) {
        static struct scenario sc;
        struct sim *s = must(calloc(1, sizeof(*s)));

        scenario_make(&sc, seed);
        s->trace = trace;
        if (trace) scenario_print(&sc);
        sim_run(s, &sc);
        virtual += sim_seconds(s);
        if (s->failed) {
            bad++;
            printf("seed %" PRIu64 ": %s at %.3f: %s\n", seed, s->promise, sim_seconds(s), s->failure);
        }
        sim_fini(s);
        free(s);
    }
    printf("%u of %" PRIu64 " bad; %.0f virtual s in %.1f s: %.0f\n", bad, n, virtual, wall() - began, virtual / (wall() - began));
    return bad != 0;
}
