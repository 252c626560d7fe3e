/* One proxy decision for both legs, since curl and lws each read a different
 * half of the environment.  Pure: the environment comes in as a function. */
#ifndef SGO_NET_PROXY_H
#define SGO_NET_PROXY_H

#include "base/types.h"

enum { PROXY_HOST_BYTES = 254, PROXY_LOGIN_BYTES = 256 };

struct proxy {
    bool used;
    char host[PROXY_HOST_BYTES]; /* no brackets */
    uint16_t port;
    char login[PROXY_LOGIN_BYTES]; /* user:password, decoded; secret; or "" */
};

/* getenv with a context; NULL for a variable that is not set. */
typedef const char *(*proxy_env)(void *ctx, const char *name);

/* Which proxy a connection to scheme://host:port goes through.  `explicit_url`
 * (NULL: not given; "": none at all) decides alone; otherwise https and wss
 * take HTTPS_PROXY, http and ws take http_proxy (lower case only), then
 * ALL_PROXY, NO_PROXY permitting; lower case goes first; loopback goes
 * direct.  Proxies are plain HTTP ones ("http://user:password@host:port");
 * any other kind is SGO_ERROR_CONFIGURATION, which never shows a login.
 * Any thread if env is. */
sgo_status proxy_decide(const char *explicit_url, proxy_env env, void *ctx,
                        const char *scheme, const char *host, uint16_t port,
                        struct proxy *out, sgo_error *err) SGO_WARN_UNUSED;

/* Remember the proxy variables of the environment as they are now.  Called
 * by loop_acquire on its caller's thread, because reading the environment on
 * the I/O thread would race with a setenv() elsewhere. */
void proxy_remember_env(void);

/* proxy_decide with the environment as last remembered.  Any thread. */
sgo_status proxy_decide_now(const char *explicit_url, const char *scheme,
                            const char *host, uint16_t port, struct proxy *out,
                            sgo_error *err) SGO_WARN_UNUSED;

#endif
