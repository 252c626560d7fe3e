/* Coordinates as values, and the URL helpers that judge them. */
#include "pusher/options.h"

#include <string.h>

#include "base/mem.h"

static void
free_pairs(struct pusher_pair *pairs, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        mem_free(pairs[i].name);
        mem_secret_free(pairs[i].value);
    }
    mem_free(pairs);
}

void
pusher_coordinates_fini(struct pusher_coordinates *c)
{
    mem_free(c->key);
    mem_free(c->cluster);
    mem_free(c->host);
    mem_free(c->path);
    mem_free(c->auth_url);
    free_pairs(c->auth_headers, c->auth_header_count);
    free_pairs(c->auth_params, c->auth_param_count);
    memset(c, 0, sizeof(*c));
}

bool
pusher_coordinates_equal(const struct pusher_coordinates *a,
                         const struct pusher_coordinates *b)
{
    return strcmp(a->key, b->key) == 0 && strcasecmp(a->host, b->host) == 0 &&
           a->port == b->port && strcmp(a->path, b->path) == 0 &&
           a->tls == b->tls;
}

/* NULL stays NULL; *failed is set when memory ran out. */
static char *
copy_text(const char *text, bool *failed)
{
    char *out = text ? mem_dup(text, strlen(text)) : NULL;

    *failed = *failed || (text && out == NULL);
    return out;
}

static struct pusher_pair *
copy_pairs(const struct pusher_pair *from, size_t count, bool *failed)
{
    struct pusher_pair *out;

    if (count == 0) {
        return NULL;
    }
    out = mem_calloc(count, sizeof(*out));
    if (out == NULL) {
        *failed = true;
        return NULL;
    }
    for (size_t i = 0; i < count; i++) {
        out[i].name = copy_text(from[i].name, failed);
        out[i].value = mem_secret(from[i].value, strlen(from[i].value));
        *failed = *failed || out[i].value == NULL;
    }
    return out;
}

sgo_status
pusher_coordinates_copy(struct pusher_coordinates *out,
                        const struct pusher_coordinates *from)
{
    struct pusher_coordinates c = *from; /* plain members */
    bool failed = false;

    c.key = copy_text(from->key, &failed);
    c.cluster = copy_text(from->cluster, &failed);
    c.host = copy_text(from->host, &failed);
    c.path = copy_text(from->path, &failed);
    c.auth_url = copy_text(from->auth_url, &failed);
    c.auth_headers =
        copy_pairs(from->auth_headers, from->auth_header_count, &failed);
    c.auth_params =
        copy_pairs(from->auth_params, from->auth_param_count, &failed);
    if (failed) {
        c.auth_header_count = c.auth_headers ? c.auth_header_count : 0;
        c.auth_param_count = c.auth_params ? c.auth_param_count : 0;
        pusher_coordinates_fini(&c);
        return SGO_NO_MEMORY;
    }
    *out = c;
    return SGO_OK;
}

bool
pusher_host_is_loopback(const char *host)
{
    unsigned parts = 1, value = 0, digits = 0;

    if (strcasecmp(host, "localhost") == 0 || strcmp(host, "::1") == 0) {
        return true;
    }
    if (strncmp(host, "127.", 4) != 0) {
        return false;
    }
    for (const char *p = host + 4;; p++) { /* 127.a.b.c, nothing shorter */
        if (*p >= '0' && *p <= '9') {
            value = value * 10 + (unsigned)(*p - '0');
            if (++digits > 3 || value > 255) {
                return false;
            }
        } else if ((*p == '.' || *p == '\0') && digits) {
            parts++;
            value = digits = 0;
            if (*p == '\0') {
                return parts == 4;
            }
        } else {
            return false;
        }
    }
}

/* Host and optional port from [at, end). */
static bool
split_authority(const char *at, const char *end, struct pusher_url *out)
{
    const char *host_end, *port;
    size_t len;

    if (at < end && *at == '[') {
        at++;
        host_end = memchr(at, ']', (size_t)(end - at));
        port = host_end ? host_end + 1 : end;
    } else {
        host_end = memchr(at, ':', (size_t)(end - at));
        host_end = host_end ? host_end : end;
        port = host_end;
    }
    if (host_end == NULL || host_end == at ||
        host_end - at > PUSHER_HOST_MAX) {
        return false;
    }
    len = (size_t)(host_end - at);
    for (size_t i = 0; i < len; i++) {
        char c = at[i];

        if (c >= 'A' && c <= 'Z') {
            c = (char)(c - 'A' + 'a');
        } else if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
                     c == '.' || c == '-' || c == '_' ||
                     (c == ':' && *host_end == ']'))) {
            return false;
        }
        out->host[i] = c;
    }
    out->host[len] = '\0';
    if (port == end) {
        return true;
    }
    if (*port++ != ':' || port == end || end - port > 5) {
        return false;
    }
    for (out->port = 0; port < end; port++) {
        if (*port < '0' || *port > '9') {
            return false;
        }
        out->port = out->port * 10 + (*port - '0');
    }
    return out->port >= 1 && out->port <= 65535;
}

sgo_status
pusher_url_split(const char *url, struct pusher_url *out)
{
    struct pusher_url parts = {0};
    const char *authority, *end;

    if (strnlen(url, PUSHER_URL_MAX + 1) > PUSHER_URL_MAX) {
        return SGO_INVALID;
    }
    for (const char *p = url; *p; p++) {
        if (*p < 0x21 || *p > 0x7e || *p == '\\') {
            return SGO_INVALID;
        }
    }
    if (strncasecmp(url, "https://", 8) == 0) {
        parts.tls = true;
        parts.port = 443;
        authority = url + 8;
    } else if (strncasecmp(url, "http://", 7) == 0) {
        parts.port = 80;
        authority = url + 7;
    } else {
        return SGO_INVALID;
    }
    end = authority + strcspn(authority, "/?#");
    if (!split_authority(authority, end, &parts)) {
        return SGO_INVALID;
    }
    parts.path = end;
    *out = parts;
    return SGO_OK;
}
