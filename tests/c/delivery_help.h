/* What the tests of delivery/ share: a hub with a feeder that plays the I/O
 * thread, small events, and short ways to take updates. */
#ifndef SGO_TESTS_DELIVERY_HELP_H
#define SGO_TESTS_DELIVERY_HELP_H

#include "base/map.h"
#include "delivery/hub.h"

enum { FEEDER_STREAMS = 4 };

/* The newest documents of streams 1 to FEEDER_STREAMS, as a cache has them. */
struct feeder {
    struct hub *hub;
    struct pool *pool;
    struct map docs[FEEDER_STREAMS + 1]; /* by stream id */
    bool no_changes;                     /* publish without the list */
};

void feeder_init(struct feeder *f); /* hub, pool and streams are made */
void feeder_fini(struct feeder *f);

/* A small event: members say which parts differ.  Valid until the next call.
 */
const char *small_event(const char *id, const char *league, int score,
                        int odds, int stamp);

/* Publish a text as the event's newest version in the stream. */
sgo_status feeder_put(struct feeder *f, uint32_t stream_id, const char *json);
/* Publish a document (borrowed) that exists already. */
sgo_status feeder_put_doc(struct feeder *f, uint32_t stream_id,
                          struct document *doc);
sgo_status feeder_remove(struct feeder *f, uint32_t stream_id, const char *id);
/* Borrowed, or NULL. */
struct document *feeder_doc(struct feeder *f, uint32_t stream_id,
                            const char *id);

/* Subscribe to stream 1, or end the program.  options may be NULL. */
sgo_subscription *subscribe_one(struct feeder *f,
                                const sgo_subscription_options *options);

/* Take one update without waiting; NULL: none (*status says why). */
sgo_update *take_one(sgo_subscription *sub, sgo_status *status);

/* Take one and compare: kind ("added"…), the event's id, its "score"; frees
 * it.  False (with a line on stderr) when it differs; kind NULL: nothing must
 * be there. */
bool expect(sgo_subscription *sub, const char *kind, const char *id,
            int score);

/* An event's "score", or -1. */
int score_of(const struct document *doc);

#endif
