/* Which versions of the network libraries are in use. */
#ifndef SGO_NET_VERSION_H
#define SGO_NET_VERSION_H

/* "libwebsockets/4.1.6 libcurl/7.88.1 OpenSSL/3.0.15 zlib/1.2.13", and
 * " libdeflate/1.14" where it is used; static.  Any thread after the first
 * call has returned. */
const char *net_version_text(void);

#endif
