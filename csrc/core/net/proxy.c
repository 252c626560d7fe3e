#include "net/proxy.h"

#include "base/mem.h"
#include "base/status.h"
#include "net/process.h"
#include "net/resolve.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define PROXY_DEFAULT_PORT 80

static sgo_status
refuse(sgo_error *err, const char *where, const char *why)
{
    error_set(err, SGO_ERROR_CONFIGURATION,
              "%s: %s; write it as http://host:port or "
              "http://user:password@host:port",
              where, why);
    return SGO_INVALID;
}

static int
hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Percent-decode; false when it does not fit or holds a control byte. */
static bool
decode(const char *text, size_t len, char *out, size_t cap)
{
    size_t n = 0;

    for (size_t i = 0; i < len; i++) {
        char c = text[i];

        if (c == '%' && i + 2 < len && hex_digit(text[i + 1]) >= 0 &&
            hex_digit(text[i + 2]) >= 0) {
            c = (char)(hex_digit(text[i + 1]) * 16 + hex_digit(text[i + 2]));
            i += 2;
        }
        if (n + 1 >= cap || (unsigned char)c < 0x20 || c == 0x7f) {
            return false;
        }
        out[n++] = c;
    }
    out[n] = '\0';
    return true;
}

/* A decimal port in [1, 65535] that is all of the text. */
static bool
read_port(const char *text, size_t len, uint16_t *out)
{
    unsigned long value = 0;

    if (len == 0 || len > 5) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return false;
        }
        value = value * 10 + (unsigned long)(text[i] - '0');
    }
    *out = (uint16_t)value;
    return value >= 1 && value <= 65535;
}

/* "host", "host:port", "[v6]", "[v6]:port" */
static bool
read_host_port(const char *text, size_t len, char *host, size_t cap,
               uint16_t *port)
{
    const char *end = text + len, *host_end, *colon;

    if (len > 0 && text[0] == '[') {
        host_end = memchr(text, ']', len);
        if (host_end == NULL) {
            return false;
        }
        colon = host_end + 1;
        text++;
    } else {
        host_end = memchr(text, ':', len);
        if (host_end == NULL) {
            host_end = end;
        }
        colon = host_end;
    }
    if (host_end == text || (size_t)(host_end - text) >= cap) {
        return false;
    }
    for (const char *p = text; p < host_end; p++) {
        if ((unsigned char)*p <= 0x20 || *p == '%' || *p == 0x7f) {
            return false;
        }
    }
    memcpy(host, text, (size_t)(host_end - text));
    host[host_end - text] = '\0';
    return colon == end ||
           (*colon == ':' &&
            read_port(colon + 1, (size_t)(end - colon) - 1, port));
}

static sgo_status
read_url(const char *url, const char *where, struct proxy *out, sgo_error *err)
{
    const char *scheme_end = strstr(url, "://");
    const char *at = NULL, *end;

    if (scheme_end != NULL) {
        if (scheme_end - url != 4 || strncasecmp(url, "http", 4) != 0) {
            return refuse(err, where,
                          "only plain HTTP proxies are supported, no https "
                          "or socks ones");
        }
        url = scheme_end + 3;
    }
    end = url + strcspn(url, "/?#");
    for (const char *p = url; p < end; p++) {
        if (*p == '@') {
            at = p; /* the last one */
        }
    }
    out->login[0] = '\0';
    if (at != NULL &&
        !decode(url, (size_t)(at - url), out->login, sizeof(out->login))) {
        return refuse(err, where,
                      "the login is too long or holds control characters");
    }
    url = at != NULL ? at + 1 : url;
    out->port = PROXY_DEFAULT_PORT;
    if (!read_host_port(url, (size_t)(end - url), out->host, sizeof(out->host),
                        &out->port)) {
        return refuse(err, where, "the proxy's host or port is malformed");
    }
    out->used = true;
    return SGO_OK;
}

/* ---- NO_PROXY -------------------------------------------------------------*/

/* Is the numeric host inside "address/bits"? */
static bool
in_network(const char *host, const char *rule, size_t len)
{
    const char *slash = memchr(rule, '/', len);
    unsigned char a[16], b[16];
    char network[64];
    struct address numeric;
    uint16_t bits = 0;
    size_t net_len = slash ? (size_t)(slash - rule) : 0;

    if (slash == NULL || net_len >= sizeof(network) ||
        !resolve_numeric(host, &numeric)) {
        return false;
    }
    memcpy(network, rule, net_len);
    network[net_len] = '\0';
    if (inet_pton(numeric.family, numeric.text, a) != 1 ||
        inet_pton(numeric.family, network, b) != 1) {
        return false;
    }
    if (len == net_len + 2 && slash[1] == '0') {
        return true; /* "/0" */
    }
    if (!read_port(slash + 1, len - net_len - 1, &bits) ||
        bits > (numeric.family == AF_INET ? 32 : 128)) {
        return false;
    }
    return memcmp(a, b, bits / 8) == 0 &&
           (bits % 8 == 0 ||
            (a[bits / 8] ^ b[bits / 8]) >> (8 - bits % 8) == 0);
}

static bool
rule_matches(const char *rule, size_t len, const char *host, uint16_t port)
{
    size_t host_len = strlen(host);
    struct address numeric;
    uint16_t only = 0;
    const char *colon;

    if (len == 1 && rule[0] == '*') {
        return true;
    }
    if (in_network(host, rule, len)) {
        return true;
    }
    if (len > 1 && rule[0] == '[') { /* "[v6]" or "[v6]:port" */
        const char *close = memchr(rule, ']', len);

        if (close == NULL) {
            return false;
        }
        if (close + 1 < rule + len &&
            (close[1] != ':' ||
             !read_port(close + 2, (size_t)(rule + len - close) - 2, &only))) {
            return false;
        }
        rule++;
        len = (size_t)(close - rule);
    } else {
        colon = memchr(rule, ':', len);
        if (colon != NULL &&
            memchr(colon + 1, ':', len - (size_t)(colon - rule) - 1) == NULL) {
            if (!read_port(colon + 1, len - (size_t)(colon - rule) - 1,
                           &only)) {
                return false;
            }
            len = (size_t)(colon - rule);
        }
    }
    if (only != 0 && only != port) {
        return false;
    }
    while (len > 0 && (*rule == '.' || *rule == '*')) {
        rule++; /* "*.x", ".x" and "x" all mean x and what is below it */
        len--;
    }
    if (len == 0 || len > host_len ||
        strncasecmp(host + host_len - len, rule, len) != 0) {
        return false;
    }
    return len == host_len || (host[host_len - len - 1] == '.' &&
                               !resolve_numeric(host, &numeric));
}

static bool
excluded(const char *list, const char *host, uint16_t port)
{
    while (list != NULL && *list != '\0') {
        size_t len = strcspn(list, ", \t");

        if (len > 0 && rule_matches(list, len, host, port)) {
            return true;
        }
        list += len;
        list += strspn(list, ", \t");
    }
    return false;
}

/* ---- the decision ---------------------------------------------------------*/

/* The first of `names` that is set and not empty. */
static const char *
first_set(proxy_env env, void *ctx, const char *const *names,
          const char **name)
{
    for (; *names != NULL; names++) {
        const char *value = env(ctx, *names);

        if (value != NULL && *value != '\0') {
            *name = *names;
            return value;
        }
    }
    return NULL;
}

sgo_status
proxy_decide(const char *explicit_url, proxy_env env, void *ctx,
             const char *scheme, const char *host, uint16_t port,
             struct proxy *out, sgo_error *err)
{
    /* HTTP_PROXY in capitals is what a CGI client's "Proxy:" header sets. */
    static const char *const secure[] = {"https_proxy", "HTTPS_PROXY",
                                         "all_proxy", "ALL_PROXY", NULL};
    static const char *const plain[] = {"http_proxy", "all_proxy", "ALL_PROXY",
                                        NULL};
    static const char *const none[] = {"no_proxy", "NO_PROXY", NULL};
    bool tls = strcmp(scheme, "https") == 0 || strcmp(scheme, "wss") == 0;
    const char *name = NULL, *unused, *value;

    memset(out, 0, sizeof(*out));
    if (explicit_url != NULL) {
        return *explicit_url == '\0'
                   ? SGO_OK
                   : read_url(explicit_url, "proxy", out, err);
    }
    if (resolve_is_loopback(host)) {
        return SGO_OK;
    }
    value = first_set(env, ctx, tls ? secure : plain, &name);
    if (value == NULL ||
        excluded(first_set(env, ctx, none, &unused), host, port)) {
        return SGO_OK;
    }
    return read_url(value, name, out, err);
}

/* ---- the environment, as remembered --------------------------------------*/

static const char *const variables[] = {
    "https_proxy", "HTTPS_PROXY", "http_proxy", "all_proxy",
    "ALL_PROXY",   "no_proxy",    "NO_PROXY"};
enum {
    VARIABLES = sizeof(variables) / sizeof(variables[0]),
    VARIABLE_BYTES = 8 << 10 /* longer ones are taken as not set */
};

struct remembered {
    struct process_state head; /* its lock guards the values */
    char *values[VARIABLES];
};

static process_slot remembered_slot;

void
proxy_remember_env(void)
{
    struct remembered *r =
        process_get(&remembered_slot, sizeof(struct remembered));

    if (r == NULL) {
        return;
    }
    process_lock(&r->head);
    for (size_t i = 0; i < VARIABLES; i++) {
        const char *value = getenv(variables[i]);
        size_t len = value != NULL ? strlen(value) : 0;

        mem_free(r->values[i]);
        r->values[i] =
            len > 0 && len < VARIABLE_BYTES ? mem_dup(value, len) : NULL;
    }
    process_unlock(&r->head);
}

static const char *
remembered_env(void *ctx, const char *name)
{
    struct remembered *r = ctx;

    for (size_t i = 0; i < VARIABLES; i++) {
        if (strcmp(variables[i], name) == 0) {
            return r->values[i];
        }
    }
    return NULL;
}

sgo_status
proxy_decide_now(const char *explicit_url, const char *scheme,
                 const char *host, uint16_t port, struct proxy *out,
                 sgo_error *err)
{
    struct remembered *r =
        process_get(&remembered_slot, sizeof(struct remembered));
    sgo_status status;

    if (r == NULL) {
        error_set(err, SGO_ERROR_MEMORY, "out of memory");
        return SGO_NO_MEMORY;
    }
    process_lock(&r->head);
    status = proxy_decide(explicit_url, remembered_env, r, scheme, host, port,
                          out, err);
    process_unlock(&r->head);
    return status;
}
