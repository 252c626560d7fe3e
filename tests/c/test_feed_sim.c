/* Random schedules: changes, delays, overtaking, drops, faults by seed; at
 * rest every stream equals the truth, and on the way nothing goes backwards.
 *
 *     test_feed_sim [first seed] [count] [-v] */
#include "check.h"

#include <stdlib.h>

#include "feed_world.h"

static uint64_t first_seed = 1;
static uint64_t seed_count; /* 0: as many as the runner allows */
static bool verbose;

/* No periodic reconcile comes to the rescue, and nothing happens that only it
 * could find: whatever is right at the end was notified or reconciled after a
 * gap. */
static bool lossless;

static void
random_change(struct world *w)
{
    size_t i = (size_t)rand_between(&w->rand, 0, (int64_t)w->event_count - 1);
    struct world_event *e = &w->events[i];

    switch (rand_between(&w->rand, 0, w->event_count < 6 ? 9 : 19)) {
    case 0: /* over */
        if (e->live) {
            e->live = false;
            e->ended = true;
        }
        break;
    case 1: /* back again, or begun */
        if (e->ended || !e->started) {
            e->live = e->started = true;
            e->ended = false;
        }
        break;
    case 2: /* off the list, without having ended */
        e->live = lossless ? e->live : !e->live && e->started;
        break;
    case 3: /* set for later */
        if (e->ended && !lossless) {
            e->ended = e->live = e->started = false;
        }
        break;
    default:
        break;
    }
    w->suppress = rand_between(&w->rand, 0, 99) < 3 && !lossless;
    world_change(w, i);
    w->suppress = false;
}

static void
configure(struct world *w, uint64_t seed)
{
    bool hard = seed % 3 == 0;

    w->config.linger_ns = rand_between(&w->rand, 0, 4) * NS_PER_S;
    w->config.reconcile_interval_ns = rand_between(&w->rand, 2, 60) * NS_PER_S;
    w->config.max_requests_in_flight = (unsigned)rand_between(&w->rand, 1, 6);
    w->page_cap = (size_t)rand_between(&w->rand, 1, 12);
    w->chunk_bytes = (size_t)rand_between(&w->rand, 1, 4000);
    w->net_high = rand_between(&w->rand, 1, 1500) * NS_PER_MS;
    w->net_low = w->net_high / 40;
    w->slow_tail = seed % 2 ? 100 : 0;
    w->no_stamps = seed % 8 < 4;
    w->snapshot_first = seed % 2;
    w->config.transport = seed % 7 == 0   ? SGO_TRANSPORT_POLL
                          : seed % 5 == 0 ? SGO_TRANSPORT_AUTO
                                          : SGO_TRANSPORT_WEBSOCKET;
    lossless = seed % 3 && seed % 4 == 1;
    if (lossless) {
        w->config.reconcile_interval_ns = 0;
        w->config.transport = SGO_TRANSPORT_WEBSOCKET;
    }
    w->faults.duplicate = 50;
    w->faults.socket_drop = seed % 4 ? 5 : 30;
    if (hard) {
        w->faults = (struct world_faults){.transport = 40,
                                          .server_error = 40,
                                          .rate_limit = 15,
                                          .truncated = 30,
                                          .html = 15,
                                          .socket_drop = 10,
                                          .duplicate = 50};
        w->faults.vanish = seed % 2 ? 20 : 0;
        w->faults.vanish_among = seed % 2 ? 0 : 200;
        w->faults.stale_read = seed % 2 ? 0 : 100;
        w->faults.aged = seed % 4 == 1;
    } else if (lossless && seed % 5 < 3) {
        w->faults.transport = w->faults.server_error = w->faults.html = 30;
        w->faults.truncated = w->faults.rate_limit = 20;
    }
}

static bool
run_seed(uint64_t seed)
{
    static struct world w;
    int64_t pause = seed % 4 < 2 ? 100 : 400;
    unsigned bad = 0, vanish;
    bool ok;

    world_init(&w, seed);
    configure(&w, seed);
    w.want_trace = verbose;
    w.want_recording = seed % 10 == 3;
    world_events(&w, (size_t)rand_between(&w.rand, 1, seed % 2 ? 5 : 40));
    for (size_t i = 0; i < w.event_count; i++) {
        if (rand_between(&w.rand, 0, 2) == 0) {
            w.events[i].live = w.events[i].started = false;
        }
    }
    if (!world_start(&w)) {
        return false;
    }
    world_stream(&w, 1, "events:live", NULL, NULL);
    if (seed % 2) {
        world_stream(&w, 2, "events:upcoming", "NBA", NULL);
    }
    if (seed % 5 < 2) {
        world_stream(&w, 3, "events:byid", NULL, "E0");
    }
    for (int i = 0; i < 200; i++) {
        world_run(&w, rand_between(&w.rand, 0, pause) * NS_PER_MS);
        random_change(&w);
        if (i == 75 && seed % 3 == 1) {
            world_stream(&w, 4, "events:live", NULL, NULL);
        }
    }
    vanish = w.faults.vanish;
    w.slow_tail = 0;
    w.faults = (struct world_faults){0};
    world_run(&w, 1500 * NS_PER_S);
    for (size_t i = 0; i < w.stream_count; i++) {
        struct world_stream *s = &w.streams[i];

        if (s->final) {
            fprintf(stderr, "seed %" PRIu64 ": stream %u ended: %s\n", seed,
                    s->id, s->error.text);
            bad++;
            continue;
        }
        bad += world_differences(&w, s->id, true);
        if (vanish == 0) {
            bad += s->wrongly_removed;
        }
        bad += s->broken + (s->phase != SGO_PHASE_LIVE);
        if (!(seed % 3 == 0 && seed % 2 == 0)) { /* no stale reads */
            bad += s->backwards;
        }
        if (s->phase != SGO_PHASE_LIVE || s->broken || s->wrongly_removed) {
            fprintf(stderr, "seed %" PRIu64 ": phase %d broken %u\n", seed,
                    s->phase, s->broken);
        }
    }
    if (w.want_recording && world_replay(&w) != w.digest) {
        fprintf(stderr, "seed %" PRIu64 ": the replay differs\n", seed);
        bad++;
    }
    bad += w.same_id_twice;
    bad += w.most_ids > 25;
    bad += w.most_in_flight > w.config.max_requests_in_flight;
    ok = bad == 0;
    if (!ok) {
        fprintf(stderr,
                "FAILED seed %" PRIu64 " (%u); twice %u, most %zu, in flight "
                "%u\n",
                seed, bad, w.same_id_twice, w.most_ids, w.most_in_flight);
    }
    if (verbose) {
        fputs(w.trace ? w.trace : "", stdout);
    }
    world_fini(&w);
    return ok;
}

static void
every_seed_ends_in_the_truth(void)
{
    uint64_t count = seed_count;

    if (count == 0) {
        count = (uint64_t)check_rounds(2000);
    }
    for (uint64_t s = first_seed; s < first_seed + count; s++) {
        CHECK(run_seed(s));
    }
}

int
main(int argc, char **argv)
{
    if (argc > 1) {
        first_seed = strtoull(argv[1], NULL, 10);
        seed_count = 1;
    }
    if (argc > 2) {
        seed_count = strtoull(argv[2], NULL, 10);
    }
    verbose = argc > 3;
    RUN(every_seed_ends_in_the_truth);
    return check_done();
}
