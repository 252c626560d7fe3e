/* Which address answers first: connects that start a quarter of a second
 * apart, or as soon as the one before failed. */
#ifndef SGO_NET_RACE_H
#define SGO_NET_RACE_H

#include "net/resolve.h"

/* Move the first address that accepts a TCP connection to the front; nothing
 * changes when none does within RESOLVE_RACE_NS.  Blocks: helper threads
 * only.  A single address is not tried. */
void race_addresses(struct address *addresses, size_t count, uint16_t port);

/* The socket address of a numeric one; false if it is malformed.  Any
 * thread. */
bool race_sockaddr(const struct address *address, uint16_t port,
                   struct sockaddr_storage *out, socklen_t *len);

#endif
