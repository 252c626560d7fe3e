/* What a request may be: which URLs, which headers, who gets the key. */
#include "net/http_internal.h"

#include "base/mem.h"
#include "base/status.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char key_header[] = "x-api-key";

bool
request_copy(char **out, const char *text)
{
    *out = text != NULL ? mem_dup(text, strlen(text)) : NULL;
    return text == NULL || *out != NULL;
}

/* ---- origins --------------------------------------------------------------*/

bool
origin_equal(const struct origin *a, const struct origin *b)
{
    return a->tls == b->tls && a->port == b->port &&
           strcasecmp(a->host, b->host) == 0;
}

static sgo_status
refuse(sgo_error *err, const char *why, const char *what)
{
    error_set(err, SGO_ERROR_CONFIGURATION, "%s%s", why, what);
    return SGO_INVALID;
}

static bool
is_ascii(const char *text)
{
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text >= 0x80 || (unsigned char)*text <= 0x20) {
            return false;
        }
    }
    return true;
}

static sgo_status
read_parts(CURLU *u, struct origin *out, char **normal, sgo_error *err)
{
    char *scheme = NULL, *host = NULL, *port = NULL, *whole = NULL;
    char *user = NULL;
    size_t len;
    sgo_status status = SGO_NO_MEMORY;

    error_set(err, SGO_ERROR_MEMORY, "out of memory");
    if (curl_url_get(u, CURLUPART_USER, &user, 0) == CURLUE_OK) {
        status = refuse(err, "a URL must not hold a login", "");
        goto done;
    }
    if (curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK ||
        curl_url_get(u, CURLUPART_HOST, &host, 0) != CURLUE_OK ||
        curl_url_get(u, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) !=
            CURLUE_OK ||
        curl_url_set(u, CURLUPART_FRAGMENT, NULL, 0) != CURLUE_OK ||
        curl_url_get(u, CURLUPART_URL, &whole, 0) != CURLUE_OK) {
        goto done;
    }
    len = strlen(host);
    if (len >= 2 && host[0] == '[') {
        memmove(host, host + 1, len - 2);
        host[len - 2] = '\0';
    }
    if (strcmp(scheme, "https") != 0 && strcmp(scheme, "http") != 0) {
        status = refuse(err, "not an https URL, but ", scheme);
    } else if (!is_ascii(host) || len == 0 || len >= sizeof(out->host)) {
        status = refuse(err,
                        "the host name is malformed, too long or not "
                        "in ASCII (give it in punycode)",
                        "");
    } else if (strcmp(scheme, "http") == 0 && !resolve_is_loopback(host)) {
        status = refuse(err, "plain http is for loopback only; use https for ",
                        host);
    } else if ((*normal = mem_dup(whole, strlen(whole))) != NULL) {
        out->tls = strcmp(scheme, "https") == 0;
        out->port = (uint16_t)strtoul(port, NULL, 10);
        snprintf(out->host, sizeof(out->host), "%s", host);
        status = SGO_OK;
        error_clear(err);
    }
done:
    curl_free(scheme);
    curl_free(host);
    curl_free(port);
    curl_free(whole);
    curl_free(user);
    return status;
}

sgo_status
origin_parse(const char *url, struct origin *out, char **normal,
             sgo_error *err)
{
    CURLU *u = curl_url();
    char *kept = NULL;
    sgo_status status;
    CURLUcode rc;

    if (u == NULL) {
        error_set(err, SGO_ERROR_MEMORY, "out of memory");
        return SGO_NO_MEMORY;
    }
    rc = strlen(url) < HTTP_URL_BYTES
             ? curl_url_set(u, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME)
             : CURLUE_MALFORMED_INPUT;
    if (rc == CURLUE_OUT_OF_MEMORY) {
        error_set(err, SGO_ERROR_MEMORY, "out of memory");
        status = SGO_NO_MEMORY;
    } else if (rc != CURLUE_OK) {
        status = refuse(err, "not a URL, or one over 16 KiB", "");
    } else {
        status = read_parts(u, out, &kept, err);
    }
    curl_url_cleanup(u);
    if (status == SGO_OK && normal != NULL) {
        *normal = kept;
    } else {
        mem_free(kept);
    }
    return status;
}

static bool
may_have_key(const struct http *http, const struct origin *to)
{
    if (origin_equal(to, &http->base)) {
        return true;
    }
    for (size_t i = 0; to->tls && i < http->key_host_count; i++) {
        if (strcasecmp(http->key_hosts[i], to->host) == 0) {
            return true;
        }
    }
    return false;
}

/* ---- headers --------------------------------------------------------------*/

static bool
is_token(const char *name)
{
    static const char allowed[] = "!#$%&'*+-.^_`|~";

    if (*name == '\0') {
        return false;
    }
    for (; *name != '\0'; name++) {
        char lower = (char)(*name | 0x20);

        if (!(lower >= 'a' && lower <= 'z') &&
            !(*name >= '0' && *name <= '9') &&
            strchr(allowed, *name) == NULL) {
            return false;
        }
    }
    return true;
}

static bool
is_field_value(const char *value)
{
    for (; *value != '\0'; value++) {
        unsigned char c = (unsigned char)*value;

        if ((c < 0x20 && c != '\t') || c == 0x7f) {
            return false;
        }
    }
    return true;
}

/* Append "name: value"; curl wants "name;" for an empty value. */
static bool
add_header(struct curl_slist **list, const char *name, const char *value)
{
    size_t cap = strlen(name) + strlen(value) + 3;
    char *line = mem_alloc(cap);
    struct curl_slist *longer;

    if (line == NULL) {
        return false;
    }
    snprintf(line, cap, *value != '\0' ? "%s: %s" : "%s;", name, value);
    longer = curl_slist_append(*list, line);
    mem_wipe(line, cap); /* it may be the key */
    mem_free(line);
    if (longer == NULL) {
        return false;
    }
    *list = longer;
    return true;
}

static sgo_status
build_headers(struct http_job *job, const struct http_request *request,
              sgo_error *err)
{
    struct http *http = job->http;
    bool ok = true;

    if (request->header_count > HTTP_HEADERS) {
        return refuse(err, "more than 32 request headers", "");
    }
    for (size_t i = 0; i < request->header_count; i++) {
        const struct http_header *h = &request->headers[i];

        if (!is_token(h->name)) {
            return refuse(err, "a request header's name is malformed", "");
        }
        if (!is_field_value(h->value)) {
            return refuse(err, "control characters in the value of header ",
                          h->name);
        }
        ok = ok && add_header(&job->headers, h->name, h->value);
    }
    if (job->with_key) {
        if (http->api_key == NULL || !is_field_value(http->api_key)) {
            return refuse(err,
                          "there is no API key, or it holds control "
                          "characters",
                          "");
        }
        ok = ok && add_header(&job->headers, key_header, http->api_key);
    }
    if (request->no_cache) {
        ok = ok && add_header(&job->headers, "Cache-Control", "no-cache");
    }
    if (request->raw) {
        ok = ok && add_header(&job->headers, "Accept-Encoding", "gzip");
    }
    if (job->body != NULL) { /* no "Expect: 100-continue" */
        struct curl_slist *longer = curl_slist_append(job->headers, "Expect:");

        ok = ok && longer != NULL;
        job->headers = longer != NULL ? longer : job->headers;
    }
    if (!ok) {
        error_set(err, SGO_ERROR_MEMORY, "out of memory");
        return SGO_NO_MEMORY;
    }
    return SGO_OK;
}

static sgo_status
check_policy(struct http_job *job, sgo_error *err)
{
    struct http *http = job->http;

    if (job->origin.tls && http->roots == NULL) {
        return refuse(err, "no CA certificates were given for ",
                      job->origin.host);
    }
    if (job->with_key && !may_have_key(http, &job->origin)) {
        return refuse(err, "the API key is not for ", job->origin.host);
    }
    return proxy_decide_now(http->proxy, job->origin.tls ? "https" : "http",
                            job->origin.host, job->origin.port, &job->proxy,
                            err);
}

/* ---- the whole --------------------------------------------------------------*/

sgo_status
request_fill(struct http_job *job, const struct http_request *request,
             sgo_error *err)
{
    bool has_body = false;
    sgo_status status;

    status = origin_parse(request->url, &job->origin, &job->url, err);
    if (status != SGO_OK) {
        return status;
    }
    if (!is_token(request->method)) {
        return refuse(err, "the request's method is malformed", "");
    }
    job->with_key = request->with_key;
    job->raw = request->raw;
    job->until_first_byte = request->until_first_byte;
    job->redirects = request->redirects < HTTP_REDIRECTS ? request->redirects
                                                         : HTTP_REDIRECTS;
    job->follow = job->redirects > 0;
    job->max_body_bytes =
        request->max_body_bytes ? request->max_body_bytes : 1 << 30;
    job->timeout_ns = request->timeout_ns;
    job->end.retry_after_ns = -1;
    job->body_len = request->body != NULL ? request->body_len : 0;
    if (request->body != NULL || strcmp(request->method, "POST") == 0) {
        job->body =
            mem_dup(request->body != NULL ? request->body : "", job->body_len);
        has_body = true;
    }
    if (!request_copy(&job->method, request->method) ||
        (has_body && job->body == NULL)) {
        error_set(err, SGO_ERROR_MEMORY, "out of memory");
        return SGO_NO_MEMORY;
    }
    status = check_policy(job, err);
    return status == SGO_OK ? build_headers(job, request, err) : status;
}
