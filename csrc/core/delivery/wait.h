/* Condition variables that wait for deadlines of clock_now_ns().  They know
 * no clock that counts suspend, so waits run in slices of their own monotonic
 * clock and the caller compares the deadline after each. */
#ifndef SGO_DELIVERY_WAIT_H
#define SGO_DELIVERY_WAIT_H

#include <pthread.h>
#include <time.h>

#include "base/clock.h"

#define WAIT_SLICE_NS (100 * NS_PER_MS)

/* 0, or an errno. */
static inline int
wait_init(pthread_cond_t *cond)
{
#ifdef __APPLE__
    return pthread_cond_init(cond, NULL);
#else
    pthread_condattr_t attr;
    int error = pthread_condattr_init(&attr);

    if (error) {
        return error;
    }
    error = pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    if (error == 0) {
        error = pthread_cond_init(cond, &attr);
    }
    pthread_condattr_destroy(&attr);
    return error;
#endif
}

/* Wait for a signal, the deadline or the end of the slice.  Caller holds
 * lock. */
static inline void
wait_slice(pthread_cond_t *cond, pthread_mutex_t *lock, int64_t now,
           int64_t deadline_ns)
{
    int64_t ns = WAIT_SLICE_NS;
    struct timespec ts;

    if (deadline_ns <= now) {
        return;
    }
    if (deadline_ns - now < ns) {
        ns = deadline_ns - now;
    }
#ifdef __APPLE__
    ts.tv_sec = 0;
    ts.tv_nsec = (long)ns;
    pthread_cond_timedwait_relative_np(cond, lock, &ts);
#else
    clock_gettime(CLOCK_MONOTONIC, &ts);
    ns += ts.tv_nsec;
    ts.tv_sec += (time_t)(ns / NS_PER_S);
    ts.tv_nsec = (long)(ns % NS_PER_S);
    pthread_cond_timedwait(cond, lock, &ts);
#endif
}

#endif
