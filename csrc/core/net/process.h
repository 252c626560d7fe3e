/* State that belongs to one process: looked up by process id, so that a child
 * of fork() finds fresh state and never touches a lock that a thread of its
 * parent may have held. */
#ifndef SGO_NET_PROCESS_H
#define SGO_NET_PROCESS_H

#include "base/types.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/types.h>

/* First member of the state.  Never freed: a child keeps its parent's
 * reachable through `inherited`. */
struct process_state {
    pid_t pid;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct process_state *inherited;
};

typedef _Atomic(struct process_state *) process_slot;

/* This process's state behind *slot: `bytes` large, zeroed when new.  NULL
 * when out of memory.  Any thread. */
void *process_get(process_slot *slot, size_t bytes) SGO_WARN_UNUSED;

void process_lock(struct process_state *state);
void process_unlock(struct process_state *state);
void process_broadcast(struct process_state *state);

/* Wait for a broadcast for at most wait_ns; the caller holds the lock and
 * loops on its condition. */
void process_wait(struct process_state *state, int64_t wait_ns);

/* A detached (thread == NULL) or joinable thread with every signal blocked.
 * Any thread. */
sgo_status process_thread(pthread_t *thread, void *(*run)(void *),
                          void *ctx) SGO_WARN_UNUSED;

/* Name the calling thread for debuggers; at most 15 characters. */
void process_name_thread(const char *name);

#endif
