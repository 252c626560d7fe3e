/* The n-th allocation of the brain fails, for every n of a whole story; it
 * must neither crash nor leak nor end away from the truth. */
#include "check.h"

#include <stdlib.h>

#include "base/mem.h"
#include "feed_world.h"

static struct world w;
static bool started;

/* Everything that allocates: streams, sockets, walks with pages, refetches,
 * leaving, a gap, a call, a shape's pruning, errors. */
static void
story(int64_t fail_at)
{
    const char *ids[2] = {"E0", "E1"};
    sgo_status two, call;

    world_init(&w, 3);
    w.page_cap = 2;
    w.config.linger_ns = NS_PER_S;
    w.config.reconcile_interval_ns = 30 * NS_PER_S;
    world_events(&w, 5);
    w.events[4].live = w.events[4].started = false;
    mem_fail_after(fail_at);
    started = world_start(&w);
    if (!started) {
        mem_fail_after(-1);
        return;
    }
    if (world_stream(&w, 1, "events:live", NULL, NULL) != SGO_OK) {
        world_drain(&w);
        CHECK_INT(world_stream(&w, 1, "events:live", NULL, NULL), SGO_OK);
    }
    two = world_stream(&w, 2, "events:byid", NULL, "E1");
    call = brain_call_fetch(w.b, 1, ids, 2, w.now);
    world_drain(&w);
    if (two != SGO_OK) {
        CHECK_INT(world_stream(&w, 2, "events:byid", NULL, "E1"), SGO_OK);
    }
    world_run(&w, 5 * NS_PER_S);
    world_change(&w, 0);
    world_run(&w, NS_PER_S);
    w.events[2].live = false;
    w.events[2].ended = true;
    world_change(&w, 2);
    world_change(&w, 1);
    world_run(&w, 3 * NS_PER_S);
    if (world_socket(&w)) {
        world_close_socket(&w, world_socket(&w), 4200);
    }
    world_change(&w, 3);
    world_run(&w, 60 * NS_PER_S);
    w.events[4].live = w.events[4].started = true;
    world_change(&w, 4);
    world_run(&w, 100 * NS_PER_S);
    mem_fail_after(-1);
    CHECK(call != SGO_OK || w.call.done);
}

static void
judge(int64_t n)
{
    for (size_t i = 0; started && i < w.stream_count; i++) {
        struct world_stream *s = &w.streams[i];
        unsigned bad = world_differences(&w, s->id, true);

        CHECK_INT(s->final, 0);
        CHECK_INT(s->phase, SGO_PHASE_LIVE);
        CHECK_INT(bad + s->broken + s->backwards, 0);
        if (bad || s->broken || s->backwards || s->final ||
            s->phase != SGO_PHASE_LIVE) {
            fprintf(stderr, "allocation %d: broken %u: %s\n", (int)n,
                    s->broken, s->error.text);
        }
    }
    world_fini(&w);
}

static void
any_failing_allocation_is_survived(void)
{
    uint64_t before = mem_count();
    int64_t total;

    story(-1);
    judge(-1);
    total = (int64_t)(mem_count() - before);
    CHECK(total > 500);
    for (int64_t n = 0; n < total && check_bad < 20; n++) {
        if (getenv("TORTURE_VERBOSE")) {
            fprintf(stderr, "n %d\n", (int)n);
        }
        story(n);
        judge(n);
    }
    printf("%d allocations failed one by one\n", (int)total);
}

int
main(void)
{
    RUN(any_failing_allocation_is_survived);
    return check_done();
}
