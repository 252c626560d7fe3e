/* pusherKey and pusherOptions: pusher-js's defaults, our refusals. */
#include "pusher/options.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/status.h"
#include "pusher/message.h"

enum { CLUSTER_MAX = 64, TIMEOUT_MS_MAX = 24 * 60 * 60 * 1000 };

/* One reading of options: the first error ends it. */
struct reading {
    const cJSON *root;
    bool allow_plain;
    struct pusher_coordinates c;
    sgo_status status;
    sgo_error *err;
};

static sgo_status
refuse(struct reading *r, sgo_status status, const char *what)
{
    if (r->status == SGO_OK) {
        r->status = status;
        error_set(r->err,
                  status == SGO_NO_MEMORY ? SGO_ERROR_MEMORY
                                          : SGO_ERROR_PROTOCOL,
                  "Pusher coordinates refused: %s", what);
    }
    return r->status;
}

static char *
copy(struct reading *r, const char *text, size_t len)
{
    char *out = mem_dup(text, len);

    if (out == NULL) {
        refuse(r, SGO_NO_MEMORY, "out of memory");
    }
    return out;
}

/* Are all bytes of text among ASCII letters, digits and `more`? */
static bool
only(const char *text, const char *more)
{
    for (const char *p = text; *p; p++) {
        if (!((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
              (*p >= '0' && *p <= '9') || strchr(more, *p))) {
            return false;
        }
    }
    return true;
}

static bool
all_printable(const char *text)
{
    for (const char *p = text; *p; p++) {
        if (*p < 0x21 || *p > 0x7e) {
            return false;
        }
    }
    return true;
}

/* 0: absent or null; -1: odd. */
static int
read_port(struct reading *r, const char *name)
{
    const cJSON *item = message_member(r->root, name, NULL);
    const char *text = cJSON_GetStringValue(item);
    int port = 0;

    if (item == NULL || cJSON_IsNull(item)) {
        return 0;
    }
    if (cJSON_IsNumber(item) && item->valuedouble >= 1 &&
        item->valuedouble <= 65535 &&
        (double)item->valueint == item->valuedouble) {
        return item->valueint;
    }
    for (size_t i = 0; text && text[i]; i++) {
        if (text[i] < '0' || text[i] > '9' || i > 4) {
            return -1;
        }
        port = port * 10 + (text[i] - '0');
    }
    return port >= 1 && port <= 65535 ? port : -1;
}

static int64_t
read_timeout(struct reading *r, const char *name, int64_t fallback_ns)
{
    const cJSON *item = message_member(r->root, name, NULL);

    if (!cJSON_IsNumber(item) || !(item->valuedouble > 0)) {
        return fallback_ns;
    }
    return item->valuedouble < TIMEOUT_MS_MAX
               ? (int64_t)(item->valuedouble * (double)NS_PER_MS)
               : (int64_t)TIMEOUT_MS_MAX * NS_PER_MS;
}

static void
read_host(struct reading *r)
{
    const char *cluster = message_text(r->root, "cluster");
    const char *host = message_text(r->root, "wsHost");
    char name[CLUSTER_MAX + 32];
    size_t len;

    if (cluster && (strlen(cluster) > CLUSTER_MAX || !only(cluster, "-_"))) {
        refuse(r, SGO_INVALID, "odd characters in \"cluster\"");
        return;
    }
    r->c.cluster =
        copy(r, cluster ? cluster : "", cluster ? strlen(cluster) : 0);
    if ((host == NULL || *host == '\0') && cluster && *cluster) {
        snprintf(name, sizeof(name), "ws-%s.pusher.com", cluster);
        host = name;
    }
    if (host == NULL || *host == '\0') {
        refuse(r, SGO_INVALID, "neither \"wsHost\" nor \"cluster\" is told");
        return;
    }
    len = strlen(host);
    if (*host == '[' && host[len - 1] == ']') {
        host++;
        len -= 2;
    }
    if (len == 0 || len > PUSHER_HOST_MAX || !only(host, ".-_:]") ||
        memchr(host, ']', len)) {
        refuse(r, SGO_INVALID, "\"wsHost\" is not a host name");
        return;
    }
    r->c.host = copy(r, host, len);
}

static void
read_path(struct reading *r)
{
    const char *path = message_text(r->root, "wsPath");
    size_t len;

    path = path ? path : "";
    while (*path == '/') {
        path++;
    }
    len = strlen(path);
    while (len && path[len - 1] == '/') {
        len--;
    }
    if (len > PUSHER_PATH_MAX || !all_printable(path) ||
        strpbrk(path, "?#\\\"")) {
        refuse(r, SGO_INVALID, "\"wsPath\" is not a path");
        return;
    }
    r->c.path = mem_calloc(1, len + 2);
    if (r->c.path == NULL) {
        refuse(r, SGO_NO_MEMORY, "out of memory");
    } else if (len) {
        r->c.path[0] = '/';
        memcpy(r->c.path + 1, path, len);
    }
}

static void
read_ports(struct reading *r)
{
    const cJSON *force = message_member(r->root, "forceTLS", NULL);
    int plain = read_port(r, "wsPort");
    int tls = read_port(r, "wssPort");

    r->c.tls = !cJSON_IsFalse(force);
    if (tls < 0 || (plain < 0 && !r->c.tls)) {
        refuse(r, SGO_INVALID, "a port is not a number from 1 to 65535");
        return;
    }
    r->c.tls_port = tls ? tls : 443;
    r->c.port = r->c.tls ? r->c.tls_port : plain ? plain : 80;
    if (!r->c.tls && r->c.host &&
        !(r->allow_plain && pusher_host_is_loopback(r->c.host))) {
        refuse(r, SGO_INVALID,
               "\"forceTLS\": false asks for an unencrypted connection");
    }
}

/* A list of transports without ws and wss says that we should not exist. */
static void
check_transports(struct reading *r)
{
    const cJSON *list = message_member(r->root, "enabledTransports", NULL);
    const cJSON *at;

    if (!cJSON_IsArray(list)) {
        return;
    }
    cJSON_ArrayForEach(at, list)
    {
        const char *name = cJSON_GetStringValue(at);

        if (name && (strcmp(name, "ws") == 0 || strcmp(name, "wss") == 0)) {
            return;
        }
    }
    snprintf(r->c.warning, sizeof(r->c.warning),
             "pusherOptions.enabledTransports lists no WebSocket; trying one "
             "all the same");
}

static void
read_auth_url(struct reading *r, const char *url)
{
    struct pusher_url parts;

    if (url == NULL) {
        return;
    }
    if (pusher_url_split(url, &parts) != SGO_OK) {
        refuse(r, SGO_INVALID,
               "the authorisation endpoint is not an absolute https URL");
        return;
    }
    if (!parts.tls &&
        !(r->allow_plain && pusher_host_is_loopback(parts.host))) {
        refuse(r, SGO_INVALID, "the authorisation endpoint is not https");
        return;
    }
    r->c.auth_url = copy(r, url, strlen(url));
}

/* The text of a scalar; buf for numbers.  NULL: nothing to send. */
static const char *
stringified(const cJSON *item, char *buf, size_t cap)
{
    if (cJSON_IsString(item)) {
        return item->valuestring;
    }
    if (cJSON_IsBool(item)) {
        return cJSON_IsTrue(item) ? "true" : "false";
    }
    if (cJSON_IsNumber(item)) {
        snprintf(buf, cap, "%.15g", item->valuedouble);
        return buf;
    }
    return NULL;
}

static bool
header_allowed(const char *name, const char *value)
{
    static const char *const forbidden[] = {"Host", "Content-Length",
                                            "Transfer-Encoding"};

    if (*name == '\0' || !only(name, "!#$%&'*+-.^_`|~")) {
        return false;
    }
    for (size_t i = 0; i < sizeof(forbidden) / sizeof(forbidden[0]); i++) {
        if (strcasecmp(name, forbidden[i]) == 0) {
            return false;
        }
    }
    for (const char *p = value; *p; p++) {
        if (((unsigned char)*p < 0x20 && *p != '\t') || *p == 0x7f) {
            return false;
        }
    }
    return true;
}

static sgo_status
add_pair(struct reading *r, struct pusher_pair **list, size_t *count,
         const char *name, const char *value)
{
    struct pusher_pair *grown;

    if (*count == PUSHER_PAIRS_MAX || strlen(name) > PUSHER_PAIR_NAME_MAX ||
        strlen(value) > PUSHER_PAIR_VALUE_MAX) {
        return refuse(r, SGO_LIMIT,
                      "too many or too long authorisation headers or params");
    }
    grown = mem_realloc(*list, (*count + 1) * sizeof(**list));
    if (grown == NULL) {
        return refuse(r, SGO_NO_MEMORY, "out of memory");
    }
    *list = grown;
    grown[*count] = (struct pusher_pair){copy(r, name, strlen(name)),
                                         mem_secret(value, strlen(value))};
    if (grown[*count].value == NULL) {
        refuse(r, SGO_NO_MEMORY, "out of memory");
    }
    ++*count;
    return r->status;
}

static void
read_headers(struct reading *r, const cJSON *object)
{
    static const char type[] = "Content-Type";
    bool has_type = false;
    const cJSON *at;
    char number[32];

    cJSON_ArrayForEach(at, object)
    {
        const char *value = stringified(at, number, sizeof(number));

        if (value == NULL || at->string == NULL) {
            continue;
        }
        if (!header_allowed(at->string, value)) {
            refuse(r, SGO_INVALID,
                   "an authorisation header is malformed, or one of Host, "
                   "Content-Length, Transfer-Encoding");
            return;
        }
        has_type = has_type || strcasecmp(at->string, type) == 0;
        if (add_pair(r, &r->c.auth_headers, &r->c.auth_header_count,
                     at->string, value) != SGO_OK) {
            return;
        }
    }
    if (!has_type) {
        add_pair(r, &r->c.auth_headers, &r->c.auth_header_count, type,
                 "application/x-www-form-urlencoded");
    }
}

static void
read_params(struct reading *r, const cJSON *object)
{
    const cJSON *at;
    char number[32];

    cJSON_ArrayForEach(at, object)
    {
        const char *value = stringified(at, number, sizeof(number));

        if (value && at->string &&
            add_pair(r, &r->c.auth_params, &r->c.auth_param_count, at->string,
                     value) != SGO_OK) {
            return;
        }
    }
}

/* New spelling, else the old one. */
static void
read_auth(struct reading *r)
{
    const cJSON *auth = message_member(r->root, "channelAuthorization", NULL);
    const cJSON *headers, *params;

    if (cJSON_IsObject(auth)) {
        read_auth_url(r, message_text(auth, "endpoint"));
    } else {
        read_auth_url(r, message_text(r->root, "authEndpoint"));
        auth = message_member(r->root, "auth", NULL);
    }
    headers = message_member(auth, "headers", NULL);
    params = message_member(auth, "params", NULL);
    read_headers(r, cJSON_IsObject(headers) ? headers : NULL);
    read_params(r, cJSON_IsObject(params) ? params : NULL);
}

sgo_status
pusher_options_parse(const char *key, const char *options_json, size_t len,
                     bool allow_plain_loopback, struct pusher_coordinates *out,
                     sgo_error *err)
{
    struct reading r = {.allow_plain = allow_plain_loopback, .err = err};
    cJSON *tree = NULL;
    sgo_status status;

    if (key == NULL || *key == '\0' || strlen(key) > PUSHER_KEY_MAX ||
        !only(key, "-_")) {
        return refuse(&r, SGO_INVALID, "\"pusherKey\" is not a Pusher key");
    }
    if (len > PUSHER_OPTIONS_MAX) {
        return refuse(&r, SGO_LIMIT, "\"pusherOptions\" is over 256 KiB");
    }
    status = message_json(options_json, len, &tree);
    if (status != SGO_OK || !cJSON_IsObject(tree)) {
        cJSON_Delete(tree);
        return refuse(&r, status == SGO_NO_MEMORY ? status : SGO_INVALID,
                      "\"pusherOptions\" is not a JSON object");
    }
    r.root = tree;
    r.c.key = copy(&r, key, strlen(key));
    read_host(&r);
    read_path(&r);
    read_ports(&r);
    r.c.activity_timeout_ns =
        read_timeout(&r, "activityTimeout", 120 * NS_PER_S);
    r.c.pong_timeout_ns = read_timeout(&r, "pongTimeout", 30 * NS_PER_S);
    r.c.unavailable_timeout_ns =
        read_timeout(&r, "unavailableTimeout", 10 * NS_PER_S);
    check_transports(&r);
    if (r.status == SGO_OK) {
        read_auth(&r);
    }
    message_wipe(tree);
    cJSON_Delete(tree);
    if (r.status != SGO_OK) {
        pusher_coordinates_fini(&r.c);
        return r.status;
    }
    *out = r.c;
    return SGO_OK;
}
