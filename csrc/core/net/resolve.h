/* Host names to addresses without ever blocking the I/O thread: getaddrinfo
 * runs in detached helpers, at most one per host name and RESOLVE_HELPERS per
 * process; one that hangs is left behind.  The helper also races the
 * addresses, so that the first of a result is one that answers. */
#ifndef SGO_NET_RESOLVE_H
#define SGO_NET_RESOLVE_H

#include "base/types.h"
#include "net/loop.h"

#include <netdb.h>
#include <sys/socket.h>

enum {
    RESOLVE_ADDRESSES = 8, /* kept per name */
    RESOLVE_HELPERS = 4,   /* threads per process */
    RESOLVE_WAITING = 64,  /* lookups that wait for a helper */
    RESOLVE_CACHED = 32,   /* names */
    RESOLVE_HOST_BYTES = 254
};
#define RESOLVE_FRESH_NS (30 * NS_PER_S)
#define RESOLVE_STAGGER_NS (250 * NS_PER_MS) /* between two racers */
#define RESOLVE_RACE_NS (3 * NS_PER_S)       /* the race as a whole */

struct address {
    char text[64]; /* numeric, without brackets */
    int family;    /* AF_INET, AF_INET6 */
};

struct resolve_result {
    sgo_status status; /* SGO_OK: count > 0; else see error */
    sgo_error error;   /* SGO_ERROR_TRANSPORT: which host, what to try */
    size_t count;
    struct address addresses[RESOLVE_ADDRESSES];
};

struct resolve;

/* An answer without a lookup: a numeric host, or a name resolved at most
 * max_age_ns ago. */
bool resolve_cached(struct loop *loop, const char *host, uint16_t port,
                    int64_t max_age_ns, struct resolve_result *out);

/* Look up; on_done comes in a later turn, at most once, and never after
 * resolve_cancel.  There is no time limit here: the caller sets a timer and
 * cancels.  *out is valid until on_done or cancel. */
sgo_status resolve_start(struct loop *loop, const char *host, uint16_t port,
                         void (*on_done)(void *ctx,
                                         const struct resolve_result *result),
                         void *ctx, struct resolve **out) SGO_WARN_UNUSED;
void resolve_cancel(struct resolve *lookup); /* NULL is fine */

/* Drop what is cached for a host that could not be reached. */
void resolve_forget(struct loop *loop, const char *host, uint16_t port);

/* True for an IPv4 or IPv6 literal (IPv6 with or without brackets); *out may
 * be NULL.  Any thread. */
bool resolve_numeric(const char *host, struct address *out);

/* True for localhost, *.localhost, 127/8 and ::1.  Any thread. */
bool resolve_is_loopback(const char *host);

/* Tests: replace getaddrinfo and freeaddrinfo (NULL: the system's). */
void resolve_set_system(int (*lookup)(const char *host, const char *service,
                                      const struct addrinfo *hints,
                                      struct addrinfo **out),
                        void (*free_list)(struct addrinfo *list));

/* Tests: helpers running now, the hung ones included.  Any thread. */
size_t resolve_helpers(void);

#endif
