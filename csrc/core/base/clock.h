/* The one clock: monotonic, counting suspend where the system can. */
#ifndef SGO_BASE_CLOCK_H
#define SGO_BASE_CLOCK_H

#include <stdint.h>

#define NS_PER_MS INT64_C(1000000)
#define NS_PER_S INT64_C(1000000000)
#define CLOCK_NEVER INT64_MAX /* a deadline that never comes */

/* Nanoseconds now (CLOCK_BOOTTIME; CLOCK_MONOTONIC on macOS, which counts
 * suspend there).  Any thread. */
int64_t clock_now_ns(void);

/* Nanoseconds since the Unix epoch that belong to a clock_now_ns() value,
 * derived from one pairing taken per call.  Any thread. */
int64_t clock_epoch_ns(int64_t now_ns);

/* a + b for deadlines: saturates at CLOCK_NEVER. b >= 0. */
static inline int64_t
clock_add(int64_t a, int64_t b)
{
    return a > CLOCK_NEVER - b ? CLOCK_NEVER : a + b;
}

#endif
