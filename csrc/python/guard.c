/* Guards of the binding's objects.
 *
 * The fork counter is the only process-global datum of the binding: a plain
 * number that a pthread_atfork handler raises in the child.  The handler
 * touches neither Python nor a lock. */
#include "guard.h"

#include "client.h"
#include "errors.h"

#include <pthread.h>
#include <stdatomic.h>

static atomic_uint generation;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static int once_result;

static void
count_fork(void)
{
    atomic_fetch_add_explicit(&generation, 1, memory_order_relaxed);
}

static void
watch(void)
{
    once_result = pthread_atfork(NULL, NULL, count_fork);
}

int
guard_watch_forks(void)
{
    pthread_once(&once, watch);
    if (once_result != 0) {
        errno = once_result;
        PyErr_SetFromErrno(PyExc_OSError);
        return -1;
    }
    return 0;
}

unsigned
guard_generation(void)
{
    return atomic_load_explicit(&generation, memory_order_relaxed);
}

bool
guard_owns(const struct client_object *client)
{
    return client != NULL && client->generation == guard_generation();
}

int
guard_client(const struct client_object *client, unsigned require,
             const char *method)
{
    struct core_state *state;

    if ((require & REQUIRE_OWNER_PROCESS) &&
        client->generation != guard_generation()) {
        state = state_of((PyObject *)client);
        errors_raise_kind(state, SGO_ERROR_FORKED,
                          "%s(): this client was made before fork(); make a "
                          "new one in the child process",
                          method);
        return -1;
    }
    if ((require & REQUIRE_OPEN) && sgo_client_is_closed(client->client)) {
        state = state_of((PyObject *)client);
        errors_raise_kind(state, SGO_ERROR_CLOSED,
                          "%s(): the client is closed", method);
        return -1;
    }
    return 0;
}
