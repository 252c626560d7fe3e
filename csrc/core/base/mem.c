#include "base/mem.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static _Atomic int64_t fail_after = -1;
static _Atomic uint64_t count;

static bool
refuse(void)
{
    atomic_fetch_add_explicit(&count, 1, memory_order_relaxed);
    if (atomic_load_explicit(&fail_after, memory_order_relaxed) < 0) {
        return false;
    }
    return atomic_fetch_sub(&fail_after, 1) == 0;
}

void *
mem_alloc(size_t bytes)
{
    return refuse() ? NULL : malloc(bytes ? bytes : 1);
}

void *
mem_calloc(size_t n, size_t bytes)
{
    if (refuse()) {
        return NULL;
    }
    return n && bytes ? calloc(n, bytes) : calloc(1, 1);
}

void *
mem_realloc(void *old, size_t bytes)
{
    return refuse() ? NULL : realloc(old, bytes ? bytes : 1);
}

void
mem_free(void *p)
{
    free(p);
}

char *
mem_dup(const void *bytes, size_t len)
{
    char *copy = mem_alloc(len + 1);

    if (copy) {
        if (len) {
            memcpy(copy, bytes, len);
        }
        copy[len] = '\0';
    }
    return copy;
}

void
mem_fail_after(int64_t successes)
{
    atomic_store(&fail_after, successes);
}

uint64_t
mem_count(void)
{
    return atomic_load(&count);
}
