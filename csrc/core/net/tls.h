/* Whom we trust: one set of root certificates per CA file, loaded once and
 * shared by both network libraries, which would otherwise disagree (lws
 * follows OpenSSL's paths, curl its built-in ones) and reload it. */
#ifndef SGO_NET_TLS_H
#define SGO_NET_TLS_H

#include "base/types.h"

struct roots;
struct ssl_ctx_st;

/* The roots of `ca_file` (PEM); NULL or "": of SSL_CERT_FILE, else of the
 * first usual bundle of the system that exists.  Reads the file (some 30 ms)
 * unless the set is already in use.  The caller owns one reference.
 * SGO_ERROR_CONFIGURATION names the file and what is wrong with it.  Any
 * thread; keep it off the I/O thread. */
sgo_status roots_acquire(const char *ca_file, struct roots **out,
                         sgo_error *err) SGO_WARN_UNUSED;
/* The file that NULL stands for: SSL_CERT_FILE, or the first of the system's
 * bundles that can be read; NULL: there is none.  Valid until the environment
 * changes.  Any thread. */
const char *roots_default_path(void);
struct roots *roots_retain(struct roots *roots); /* any thread */
void roots_release(struct roots *roots);         /* any thread; NULL is fine */

/* The file they came from.  Any thread. */
const char *roots_path(const struct roots *roots);
size_t roots_count(const struct roots *roots);

/* ---- for socket.c and http.c ---------------------------------------------*/

/* Use these roots and nothing else in a context, with TLS 1.2 at least, and
 * verify the peer.  false: OpenSSL refused. */
bool tls_prepare(struct ssl_ctx_st *ssl_ctx, struct roots *roots);

/* A client context for WebSockets (ALPN http/1.1); NULL: out of memory.
 * SSL_CTX_free it. */
struct ssl_ctx_st *tls_socket_ctx(struct roots *roots);

/* What a verification result (X509_V_ERR_*) means, in words with advice;
 * never NULL. */
const char *tls_verify_words(long verify_result);

#endif
