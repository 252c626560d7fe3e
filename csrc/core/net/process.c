#include "net/process.h"

#include "base/clock.h"
#include "base/mem.h"

#include <signal.h>
#include <time.h>
#include <unistd.h>

static struct process_state *
state_new(size_t bytes, struct process_state *inherited)
{
    struct process_state *state = mem_calloc(1, bytes);
    pthread_condattr_t attr;

    if (state == NULL) {
        return NULL;
    }
    state->pid = getpid();
    state->inherited = inherited;
    pthread_mutex_init(&state->lock, NULL);
    pthread_condattr_init(&attr);
#ifndef __APPLE__
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
#endif
    pthread_cond_init(&state->changed, &attr);
    pthread_condattr_destroy(&attr);
    return state;
}

void *
process_get(process_slot *slot, size_t bytes)
{
    struct process_state *seen = atomic_load(slot);
    pid_t pid = getpid();

    while (seen == NULL || seen->pid != pid) {
        struct process_state *fresh = state_new(bytes, seen);

        if (fresh == NULL) {
            return NULL;
        }
        if (atomic_compare_exchange_strong(slot, &seen, fresh)) {
            return fresh;
        }
        pthread_mutex_destroy(&fresh->lock);
        pthread_cond_destroy(&fresh->changed);
        mem_free(fresh);
    }
    return seen;
}

void
process_lock(struct process_state *state)
{
    pthread_mutex_lock(&state->lock);
}

void
process_unlock(struct process_state *state)
{
    pthread_mutex_unlock(&state->lock);
}

void
process_broadcast(struct process_state *state)
{
    pthread_cond_broadcast(&state->changed);
}

void
process_wait(struct process_state *state, int64_t wait_ns)
{
    struct timespec ts;

    if (wait_ns <= 0) {
        return;
    }
#ifdef __APPLE__
    ts.tv_sec = (time_t)(wait_ns / NS_PER_S);
    ts.tv_nsec = (long)(wait_ns % NS_PER_S);
    pthread_cond_timedwait_relative_np(&state->changed, &state->lock, &ts);
#else
    clock_gettime(CLOCK_MONOTONIC, &ts);
    ts.tv_sec += (time_t)(wait_ns / NS_PER_S);
    ts.tv_nsec += (long)(wait_ns % NS_PER_S);
    if (ts.tv_nsec >= NS_PER_S) {
        ts.tv_nsec -= (long)NS_PER_S;
        ts.tv_sec++;
    }
    pthread_cond_timedwait(&state->changed, &state->lock, &ts);
#endif
}

sgo_status
process_thread(pthread_t *thread, void *(*run)(void *), void *ctx)
{
    pthread_attr_t attr;
    pthread_t made;
    sigset_t all, before;
    int rc;

    if (pthread_attr_init(&attr) != 0) {
        return SGO_NO_MEMORY;
    }
    if (thread == NULL) {
        pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    }
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    rc = pthread_create(&made, &attr, run, ctx);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attr);
    if (rc != 0) {
        return SGO_SYSTEM;
    }
    if (thread != NULL) {
        *thread = made;
    }
    return SGO_OK;
}

void
process_name_thread(const char *name)
{
#if defined(__APPLE__)
    pthread_setname_np(name);
#elif defined(__linux__)
    pthread_setname_np(pthread_self(), name);
#else
    (void)name;
#endif
}
