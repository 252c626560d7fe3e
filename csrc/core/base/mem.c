#include "base/mem.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static _Atomic int64_t fail_after = -1;
static _Atomic size_t fail_size;
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
    const size_t size = atomic_load_explicit(&fail_size, memory_order_relaxed);

    if (refuse() || (size && n == 1 && bytes == size)) {
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
mem_wipe(void *p, size_t bytes)
{
    if (bytes) {
        memset(p, 0, bytes);
        __asm__ volatile("" : : "r"(p) : "memory");
    }
}

/* What stands before a secret in its pages. */
struct secret {
    size_t mapped;
    char text[];
};

char *
mem_secret(const void *bytes, size_t len)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), mapped;
    struct secret *s;

    if (refuse()) {
        return NULL;
    }
    mapped = (sizeof(*s) + len + page) / page * page;
    s = mmap(NULL, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
             /* cppcheck-suppress invalidFunctionArg */
             -1, 0);
    if (s == MAP_FAILED) {
        return NULL;
    }
#ifdef MADV_DONTDUMP
    madvise(s, mapped, MADV_DONTDUMP); /* else: as other memory */
#endif
    s->mapped = mapped;
    if (len) {
        memcpy(s->text, bytes, len); /* fresh pages: a NUL is behind it */
    }
    /* cppcheck-suppress memleak ; mem_secret_free() finds it */
    return s->text;
}

void
mem_secret_free(char *secret)
{
    struct secret *s;
    size_t mapped;

    if (secret == NULL) {
        return;
    }
    s = (struct secret *)(void *)(secret - offsetof(struct secret, text));
    mapped = s->mapped;
    mem_wipe(s, mapped);
    munmap(s, mapped);
}

void
mem_fail_after(int64_t successes)
{
    atomic_store(&fail_after, successes);
}

bool
mem_fail_pending(void)
{
    return atomic_load(&fail_after) >= 0;
}

void
mem_fail_size(size_t bytes)
{
    atomic_store(&fail_size, bytes);
}

uint64_t
mem_count(void)
{
    return atomic_load(&count);
}
