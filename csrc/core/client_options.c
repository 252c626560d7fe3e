/* Options of a client: defaults, validation, copies.  Knows nothing of what
 * they do. */
#include <string.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/status.h"
#include "client_internal.h"
#include "pusher/options.h"

#define DEFAULT_BASE_URL "https://api.sportsgameodds.com/v2"

enum {
    KEY_MAX_BYTES = 4096,
    URL_MAX_BYTES = 2048,
    AUTH_HOSTS_MAX = 32,
    REQUESTS_MAX = 64
};

void
sgo_client_options_init(sgo_client_options *options)
{
    *options = (sgo_client_options){
        .size = sizeof(*options),
        .timeout_ns = 30 * NS_PER_S,
        .reconcile_interval_ns = 300 * NS_PER_S,
        .linger_ns = 60 * NS_PER_S,
        .poll_interval_ns = 30 * NS_PER_S,
        .max_events = 20000,
        .max_bytes = (size_t)2 << 30,
        .max_requests_in_flight = 6,
        .log_level = SGO_LOG_INFO,
    };
}

static sgo_status
refuse(sgo_error *err, const char *option, const char *remedy)
{
    error_set(err, SGO_ERROR_CONFIGURATION, "%s: %s", option, remedy);
    return SGO_INVALID;
}

static sgo_status
no_memory(sgo_error *err)
{
    error_set(err, SGO_ERROR_MEMORY, "out of memory");
    return SGO_NO_MEMORY;
}

/* Printable ASCII only: it becomes a header's value. */
static bool
is_header_value(const char *text)
{
    for (const char *p = text; *p; p++) {
        if ((unsigned char)*p < 0x21 || (unsigned char)*p > 0x7e) {
            return false;
        }
    }
    return true;
}

static sgo_status
copy_key(struct options *to, const char *key, sgo_error *err)
{
    if (key == NULL || key[0] == '\0') {
        return refuse(err, "api_key",
                      "is missing: give it as api_key, or set the environment "
                      "variable SPORTS_ODDS_API_KEY_HEADER");
    }
    if (strlen(key) > KEY_MAX_BYTES) {
        return refuse(err, "api_key", "is longer than 4,096 bytes");
    }
    if (!is_header_value(key)) {
        return refuse(err, "api_key",
                      "has a space, newline, control or non-ASCII character: "
                      "copy it again, without the line end");
    }
    to->api_key = mem_secret(key, strlen(key));
    return to->api_key ? SGO_OK : no_memory(err);
}

static sgo_status
copy_base_url(struct options *to, const char *url, sgo_error *err)
{
    struct pusher_url parts;
    size_t len;

    if (url == NULL || url[0] == '\0') {
        url = DEFAULT_BASE_URL;
    }
    len = strlen(url);
    if (len > URL_MAX_BYTES || strpbrk(url, "?#") ||
        pusher_url_split(url, &parts) != SGO_OK) {
        return refuse(err, "base_url",
                      "is not a URL of the form https://host[:port]/v2");
    }
    if (!parts.tls && !pusher_host_is_loopback(parts.host)) {
        return refuse(err, "base_url",
                      "must be https (plain http would send the API key in "
                      "clear; only loopback hosts may use it)");
    }
    while (len && url[len - 1] == '/') {
        len--;
    }
    to->needs_tls = parts.tls;
    to->base_url = mem_dup(url, len);
    return to->base_url ? SGO_OK : no_memory(err);
}

static sgo_status
copy_names(struct options *to, const sgo_client_options *from, sgo_error *err)
{
    sgo_status status;

    for (size_t i = 0; i < from->odd_id_count; i++) {
        if (from->odd_ids[i] && strchr(from->odd_ids[i], '*')) {
            error_set(err, SGO_ERROR_CONFIGURATION,
                      "odd_ids: '%.80s' has a '*': a client's odd_ids are "
                      "exact or have PLAYER_ID for the player; patterns go "
                      "to subscribe(odd_ids=...)",
                      from->odd_ids[i]);
            return SGO_INVALID;
        }
    }
    status = shape_set_bookmaker_ids(&to->shape, from->bookmaker_ids,
                                     from->bookmaker_id_count);
    if (status == SGO_OK) {
        status =
            shape_set_odd_ids(&to->shape, from->odd_ids, from->odd_id_count);
    }
    if (status == SGO_NO_MEMORY) {
        return no_memory(err);
    }
    if (status != SGO_OK) {
        return refuse(err, "bookmaker_ids, odd_ids",
                      status == SGO_LIMIT ? "more than 10,000 names"
                                          : "an empty name");
    }
    to->shape.include_alt_lines = from->include_alt_lines;
    to->shape.include_opposing = from->include_opposing_odds;
    to->shape.include_open_close = from->include_open_close_odds;
    return SGO_OK;
}

static sgo_status
copy_auth_hosts(struct options *to, const sgo_client_options *from,
                sgo_error *err)
{
    if (from->allow_auth_host_count > AUTH_HOSTS_MAX) {
        return refuse(err, "allow_auth_hosts", "more than 32 hosts");
    }
    if (from->allow_auth_host_count == 0) {
        return SGO_OK;
    }
    to->auth_hosts =
        mem_calloc(from->allow_auth_host_count, sizeof(*to->auth_hosts));
    if (to->auth_hosts == NULL) {
        return no_memory(err);
    }
    for (size_t i = 0; i < from->allow_auth_host_count; i++) {
        const char *host = from->allow_auth_hosts[i];

        if (host == NULL || host[0] == '\0' || strpbrk(host, "/@ ")) {
            return refuse(err, "allow_auth_hosts",
                          "an entry is not of the form host or host:port");
        }
        to->auth_hosts[i] = mem_dup(host, strlen(host));
        if (to->auth_hosts[i] == NULL) {
            return no_memory(err);
        }
        to->auth_host_count++;
    }
    return SGO_OK;
}

static sgo_status
copy_numbers(struct options *to, const sgo_client_options *from,
             sgo_error *err)
{
    if (from->timeout_ns <= 0) {
        return refuse(err, "timeout", "must be greater than 0");
    }
    if (from->reconcile_interval_ns < 0 || from->linger_ns < 0 ||
        from->activity_timeout_ns < 0 || from->pong_timeout_ns < 0) {
        return refuse(err, "reconcile_interval, linger",
                      "must not be negative");
    }
    if (from->poll_interval_ns <= 0) {
        return refuse(err, "poll_interval", "must be greater than 0");
    }
    if (from->max_events == 0 || from->max_bytes == 0) {
        return refuse(err, "max_events, max_bytes", "must be at least 1");
    }
    if (from->max_requests_in_flight == 0 ||
        from->max_requests_in_flight > REQUESTS_MAX) {
        return refuse(err, "max_requests_in_flight", "must be 1 to 64");
    }
    if (from->transport > SGO_TRANSPORT_POLL) {
        return refuse(err, "transport",
                      "must be \"auto\", \"websocket\" or \"poll\"");
    }
    to->expand_results = from->expand_results;
    to->transport = from->transport;
    to->timeout_ns = from->timeout_ns;
    to->reconcile_interval_ns = from->reconcile_interval_ns;
    to->linger_ns = from->linger_ns;
    to->poll_interval_ns = from->poll_interval_ns;
    to->activity_timeout_ns = from->activity_timeout_ns;
    to->pong_timeout_ns = from->pong_timeout_ns;
    to->max_events = from->max_events;
    to->max_bytes = from->max_bytes;
    to->max_requests_in_flight = from->max_requests_in_flight;
    to->log_level = from->log_level;
    return SGO_OK;
}

static sgo_status
copy_texts(struct options *to, const sgo_client_options *from, sgo_error *err)
{
    if (from->proxy) {
        to->proxy = mem_dup(from->proxy, strlen(from->proxy));
        if (to->proxy == NULL) {
            return no_memory(err);
        }
    }
    if (from->ca_file) {
        to->ca_file = mem_dup(from->ca_file, strlen(from->ca_file));
        if (to->ca_file == NULL) {
            return no_memory(err);
        }
    }
    if (from->record_file) {
        if (from->record_file[0] == '\0') {
            return refuse(err, "record", "is empty: give the path of a file");
        }
        to->record_file =
            mem_dup(from->record_file, strlen(from->record_file));
        if (to->record_file == NULL) {
            return no_memory(err);
        }
    }
    to->seed = from->seed;
    if (to->seed == 0 && getentropy(&to->seed, sizeof(to->seed)) != 0) {
        to->seed = (uint64_t)clock_now_ns(); /* jitter, not a secret */
    }
    return SGO_OK;
}

sgo_status
options_copy(struct options *to, const sgo_client_options *from,
             sgo_error *err)
{
    sgo_status status;

    *to = (struct options){0};
    shape_init(&to->shape);
    if (from->size != sizeof(*from)) {
        return refuse(err, "options",
                      "call sgo_client_options_init first, with the header "
                      "of this library");
    }
    status = copy_key(to, from->api_key, err);
    if (status == SGO_OK) {
        status = copy_base_url(to, from->base_url, err);
    }
    if (status == SGO_OK) {
        status = copy_numbers(to, from, err);
    }
    if (status == SGO_OK) {
        status = copy_names(to, from, err);
    }
    if (status == SGO_OK) {
        status = copy_auth_hosts(to, from, err);
    }
    if (status == SGO_OK) {
        status = copy_texts(to, from, err);
    }
    if (status != SGO_OK) {
        options_fini(to);
    }
    return status;
}

void
options_fini(struct options *options)
{
    mem_secret_free(options->api_key);
    mem_free(options->base_url);
    mem_free(options->proxy);
    mem_free(options->ca_file);
    mem_free(options->record_file);
    for (size_t i = 0; i < options->auth_host_count; i++) {
        mem_free(options->auth_hosts[i]);
    }
    mem_free(options->auth_hosts);
    shape_fini(&options->shape);
    *options = (struct options){0};
}
