/* Who may use an object: fork generations, open or closed. */
#ifndef SGO_PYTHON_GUARD_H
#define SGO_PYTHON_GUARD_H

#include "state.h"

/* Count forks from now on; called once per module object, any number of
 * times per process.  0, or -1 with an exception. */
int guard_watch_forks(void);

/* How many forks lie between this process and the one that loaded us first.
 * An object stamped with another number belongs to the parent: its memory
 * may be read, but nothing of it is locked, joined or freed here. */
unsigned guard_generation(void);

struct client_object;

/* Whether what belongs to this client (NULL: to none) may be closed and freed
 * here: it was made in this process. */
bool guard_owns(const struct client_object *client);

enum {
    REQUIRE_OWNER_PROCESS = 1,
    REQUIRE_OPEN = 2 /* the client is not closed */
};

/* The one check at the top of each method of Client, Stream, Subscription
 * and Call: 0, or -1 with the exception set.  `method` is for its text. */
int guard_client(const struct client_object *client, unsigned require,
                 const char *method);

#endif
