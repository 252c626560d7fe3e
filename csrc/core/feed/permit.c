/* Which endpoints may be asked to authorise channels, and which of them may
 * get the API key (P10). */
#include "feed/brain.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

/* "host" or "host:port" of the configuration, IPv6 in brackets or not. */
static bool
host_matches(const char *allowed, const struct pusher_url *url)
{
    char both[PUSHER_HOST_MAX + 16];

    if (strcasecmp(allowed, url->host) == 0) {
        return true;
    }
    snprintf(both, sizeof(both), "%s:%d", url->host, url->port);
    if (strcasecmp(allowed, both) == 0) {
        return true;
    }
    snprintf(both, sizeof(both), "[%s]:%d", url->host, url->port);
    return strcasecmp(allowed, both) == 0;
}

bool
permit_is_origin(const struct brain *b, const struct pusher_url *url)
{
    return strcasecmp(b->origin.host, url->host) == 0 &&
           b->origin.port == url->port;
}

bool
permit_authorisation(struct brain *b, const struct pusher_coordinates *c,
                     sgo_error *err)
{
    struct pusher_url url;

    if (c->auth_url == NULL) {
        return true; /* public channels only; the protocol complains */
    }
    if (pusher_url_split(c->auth_url, &url) != SGO_OK) {
        error_set(err, SGO_ERROR_CONFIGURATION,
                  "the API named an authorisation endpoint that is no URL");
        return false;
    }
    if (!url.tls && !pusher_host_is_loopback(url.host)) {
        error_set(err, SGO_ERROR_CONFIGURATION,
                  "the authorisation endpoint http://%s:%d is not https: the "
                  "key is not sent there",
                  url.host, url.port);
        return false;
    }
    if (permit_is_origin(b, &url)) {
        return true;
    }
    for (size_t i = 0; i < b->auth_host_count; i++) {
        if (host_matches(b->auth_hosts[i], &url)) {
            return true;
        }
    }
    error_set(err, SGO_ERROR_CONFIGURATION,
              "the authorisation endpoint is on %s:%d, not on base_url's "
              "%s:%d: if that is right, pass allow_auth_hosts=(\"%s:%d\",)",
              url.host, url.port, b->origin.host, b->origin.port, url.host,
              url.port);
    return false;
}
