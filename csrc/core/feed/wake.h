/* Many deadlines, the earliest first: a binary heap of places inside their
 * owners.  A wake reserves its place when it is made, so that setting one
 * never fails. */
#ifndef SGO_FEED_WAKE_H
#define SGO_FEED_WAKE_H

#include "base/types.h"

struct wake {
    int64_t when;
    void (*due)(void *owner); /* called by wakes_run; may set it again */
    void *owner;
    size_t at;    /* place in the heap + 1; 0: not set */
    uint64_t seq; /* equal times fire in the order they were set */
};

struct wakes {
    struct wake **heap;
    size_t len;
    size_t cap;
    size_t reserved; /* wakes that exist */
    uint64_t seq;
};

void wakes_init(struct wakes *w);
void wakes_fini(struct wakes *w); /* the wakes must be gone or forgotten */

/* Make one, not set.  SGO_NO_MEMORY. */
sgo_status wake_init(struct wakes *w, struct wake *wake,
                     void (*due)(void *owner), void *owner) SGO_WARN_UNUSED;
/* Harmless for a zeroed wake that was never made. */
void wake_fini(struct wakes *w, struct wake *wake);

void wake_set(struct wakes *w, struct wake *wake, int64_t when);
void wake_clear(struct wakes *w, struct wake *wake);
bool wake_is_set(const struct wake *wake);

int64_t wakes_next(const struct wakes *w); /* or CLOCK_NEVER */
/* Call all that are due, earliest first; one that sets itself to the past
 * fires at the next run. */
void wakes_run(struct wakes *w, int64_t now);

#endif
