/* An atomic reference count: embed it, start it at one. */
#ifndef SGO_BASE_REFCOUNT_H
#define SGO_BASE_REFCOUNT_H

#include <stdatomic.h>
#include <stdbool.h>

struct refcount {
    atomic_uint n;
};

static inline void
refcount_init(struct refcount *r)
{
    atomic_init(&r->n, 1);
}

static inline void
refcount_retain(struct refcount *r)
{
    atomic_fetch_add_explicit(&r->n, 1, memory_order_relaxed);
}

/* True when the last reference is gone: the caller frees. */
static inline bool
refcount_release(struct refcount *r)
{
    return atomic_fetch_sub_explicit(&r->n, 1, memory_order_acq_rel) == 1;
}

#endif
