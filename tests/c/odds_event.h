/* Events of the API's look and size, made up: what stands in them follows
 * from the seed alone, on every machine.  For tests and benchmarks. */
#ifndef SGO_TESTS_ODDS_EVENT_H
#define SGO_TESTS_ODDS_EVENT_H

#include "base/buf.h"
#include "base/rand.h"
#include "json/document.h"

/* Odds of an event of about 0.9 MB. */
enum { ODDS_EVENT_LARGE = 300 };

/* Append an event with so many odds, twelve quotes each, alternative lines
 * at every sixth odd. */
void odds_event_write(struct rand *r, int odds, struct buf *out);

/* Append the event with so many of a thousand quotes touched: these have
 * another time stamp, their alternative lines too; one in six has another
 * price, one in fifty is no longer, or again, available. */
void odds_event_touch(struct rand *r, const struct document *event,
                      int per_mille, struct buf *out);

#endif
