/* Out of memory everywhere: curl and libwebsockets allocate through base/mem
 * as well, so that mem_fail_after() reaches them.  (cJSON always does.  OpenSSL
 * does not: its allocations are made by the test's servers too, and it is not
 * ours to prove.) */
#ifndef SGO_TESTS_TORTURE_H
#define SGO_TESTS_TORTURE_H

#include "base/mem.h"

#include <curl/curl.h>
#include <libwebsockets.h>

#include <stdlib.h>
#include <string.h>

static char *
torture_dup(const char *text)
{
    return mem_dup(text, strlen(text));
}

/* What libwebsockets 4.1 does not bear the want of: it uses the first without
 * a look, asserts for the second when a frame comes, and without the others it
 * leaks what it had made before them. */
static bool
torture_spares(const char *reason)
{
    static const char *const spared[] = {
        "same vh list",
        "client frame buffer",
        "vhost-specific plugin table",
        "client stash",
    };

    for (size_t i = 0; i < sizeof(spared) / sizeof(spared[0]); i++) {
        if (strcmp(reason, spared[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* libwebsockets' way: 0 bytes free. */
static void *
torture_realloc(void *old, size_t bytes, const char *reason)
{
    if (bytes == 0) {
        mem_free(old);
        return NULL;
    }
    return torture_spares(reason) ? realloc(old, bytes)
                                  : mem_realloc(old, bytes);
}

/* Call first of all, on the main thread: curl takes the first set it gets. */
static inline void
torture_libraries(void)
{
    if (curl_global_init_mem(CURL_GLOBAL_DEFAULT, mem_alloc, mem_free,
                             mem_realloc, torture_dup,
                             mem_calloc) != CURLE_OK) {
        abort();
    }
    lws_set_allocator(torture_realloc);
}

#endif
