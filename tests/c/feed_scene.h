/* What the stories about the brain have in common: one world, the ways to get
 * its first stream live, and answers by hand.  All static: the checks count in
 * the test that includes it. */
#ifndef SGO_TESTS_FEED_SCENE_H
#define SGO_TESTS_FEED_SCENE_H

#include <stdlib.h>

#include "check.h"
#include "feed_world.h"

static struct world w;

/* ---- conditions for world_until() ------------------------------------------- */

static inline bool
live_1(struct world *x)
{
    return world_stream_of(x, 1)->phase == SGO_PHASE_LIVE;
}

static inline bool
nothing_open(struct world *x)
{
    return x->requests == NULL;
}

/* ---- streams and events ------------------------------------------------------ */

static inline const struct world_stream *
S(uint32_t id)
{
    return world_stream_of(&w, id);
}

/* Start, add stream 1 (league or event id, or NULL), and wait until it is live
 * with no request out. */
static inline void
go_live(const char *feed, const char *league, const char *id)
{
    CHECK(world_start(&w));
    CHECK_INT(world_stream(&w, 1, feed, league, id), SGO_OK);
    CHECK(world_until(&w, live_1, 60 * NS_PER_S));
    CHECK(world_until(&w, nothing_open, 60 * NS_PER_S));
}

/* An event changes, and that is notified. */
static inline void
change(size_t i)
{
    world_change(&w, i);
    world_run(&w, 100 * NS_PER_MS);
}

/* ---- answers by hand --------------------------------------------------------- */

static inline bool
request_open(const char *text)
{
    return world_find(&w, text) != NULL;
}

/* The open request, which must be there. */
static inline struct world_request *
find(const char *text)
{
    struct world_request *r = world_find(&w, text);

    CHECK(r != NULL);
    return r;
}

/* Answer as the API would, now. */
static inline void
answer_truly(struct world_request *r)
{
    int status;
    char *body;

    if (r) {
        body = world_reply(&w, r, &status);
        world_answer(&w, r, status, body);
        free(body);
    }
}

static inline void
reply(const char *text)
{
    answer_truly(find(text));
}

/* A 429 to the request, which must be there; wait < 0: no Retry-After. */
static inline void
refuse(struct world_request *r, int64_t wait)
{
    CHECK(r != NULL);
    if (r) {
        world_answer_wait(&w, r, 429, wait,
                          "{\"success\":false,\"error\":\"limit\"}");
    }
}

#endif
