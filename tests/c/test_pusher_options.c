/* pusherKey and pusherOptions (pusher.md 1.2; checklist 2). */
#include "base/mem.h"
#include "check.h"
#include "pusher/message.h"
#include "pusher_help.h"

static struct pusher_coordinates c;
static sgo_error err;

static sgo_status
parse(const char *json, bool plain)
{
    pusher_coordinates_fini(&c);
    memset(&err, 0, sizeof(err));
    return pusher_options_parse(KEY, json, strlen(json), plain, &c, &err);
}

#define REFUSED(json, plain, word)                                            \
    do {                                                                      \
        CHECK_INT(parse(json, plain), SGO_INVALID);                           \
        CHECK_INT(err.kind, SGO_ERROR_PROTOCOL);                              \
        CHECK(strstr(err.text, word) != NULL);                                \
        CHECK(c.key == NULL);                                                 \
    } while (0)

static void
t02_the_documented_example(void)
{
    CHECK_INT(parse(OPTIONS, false), SGO_OK);
    CHECK_STR(c.host, "ws-us2.pusher.com");
    CHECK_INT(c.port, 443);
    CHECK(c.tls);
    CHECK_STR(c.path, "");
    CHECK_STR(c.cluster, "us2");
    CHECK_STR(c.auth_url, "https://api.example.com/v2/stream/pusher/auth");
    CHECK_INT(c.auth_header_count, 2);
    CHECK_STR(c.auth_headers[0].name, "x-api-key");
    CHECK_STR(c.auth_headers[0].value, API_KEY);
    CHECK_STR(c.auth_headers[1].name, "Content-Type");
    CHECK_STR(c.auth_headers[1].value, "application/x-www-form-urlencoded");
    CHECK_INT(c.activity_timeout_ns, S(120));
    CHECK_INT(c.pong_timeout_ns, S(30));
    CHECK_STR(c.warning, "");
}

static void
t02_ws_host_beats_cluster(void)
{
    CHECK_INT(parse("{\"cluster\":\"eu\",\"wsHost\":\"h.example\"}", false),
              SGO_OK);
    CHECK_STR(c.host, "h.example");
}

static void
t02_cluster_alone_gives_its_host(void)
{
    CHECK_INT(parse("{\"cluster\":\"eu\"}", false), SGO_OK);
    CHECK_STR(c.host, "ws-eu.pusher.com");
    CHECK_INT(c.port, 443);
    CHECK(c.tls);
    CHECK(c.auth_url == NULL);
}

static void
t02_no_force_tls_is_tls(void)
{
    CHECK_INT(parse("{\"wsHost\":\"localhost\",\"wsPort\":81}", true), SGO_OK);
    CHECK(c.tls);
    CHECK_INT(c.port, 443);
    CHECK_INT(parse("{\"wsHost\":\"localhost\",\"forceTLS\":\"false\"}", true),
              SGO_OK);
    CHECK(c.tls);
}

static void
t02_plain_only_for_loopback_and_if_allowed(void)
{
    REFUSED("{\"cluster\":\"eu\",\"forceTLS\":false}", true, "forceTLS");
    REFUSED("{\"wsHost\":\"127.0.0.1\",\"forceTLS\":false}", false,
            "forceTLS");
    REFUSED("{\"wsHost\":\"127.0.0.1.evil.com\",\"forceTLS\":false}", true,
            "forceTLS");
    CHECK_INT(parse("{\"wsHost\":\"127.0.0.1\",\"forceTLS\":false,"
                    "\"wsPort\":\"8123\",\"wssPort\":8443}",
                    true),
              SGO_OK);
    CHECK(!c.tls);
    CHECK_INT(c.port, 8123);
    CHECK_INT(c.tls_port, 8443);
    CHECK_INT(parse("{\"wsHost\":\"[::1]\",\"forceTLS\":false}", true),
              SGO_OK);
    CHECK_STR(c.host, "::1");
    CHECK_INT(c.port, 80);
}

static void
ws_path_with_or_without_slash(void)
{
    CHECK_INT(parse("{\"cluster\":\"eu\",\"wsPath\":\"/a/b/\"}", false),
              SGO_OK);
    CHECK_STR(c.path, "/a/b");
    CHECK_INT(parse("{\"cluster\":\"eu\",\"wsPath\":\"a\"}", false), SGO_OK);
    CHECK_STR(c.path, "/a");
    CHECK_INT(parse("{\"cluster\":\"eu\",\"wsPath\":\"/\"}", false), SGO_OK);
    CHECK_STR(c.path, "");
    REFUSED("{\"cluster\":\"eu\",\"wsPath\":\"/a?b\"}", false, "wsPath");
    REFUSED("{\"cluster\":\"eu\",\"wsPath\":\"/a b\"}", false, "wsPath");
}

static void
odd_hosts_keys_and_ports_are_refused(void)
{
    REFUSED("{}", false, "cluster");
    REFUSED("[]", false, "object");
    REFUSED("nonsense", false, "object");
    REFUSED("{\"cluster\":\"a/b\"}", false, "cluster");
    REFUSED("{\"wsHost\":\"a b\"}", false, "wsHost");
    REFUSED("{\"wsHost\":\"user@host\"}", false, "wsHost");
    REFUSED("{\"wsHost\":\"host/path\"}", false, "wsHost");
    REFUSED("{\"wsHost\":\"a\\r\\nb\"}", false, "wsHost");
    REFUSED("{\"wsHost\":\"h\",\"wssPort\":0}", false, "port");
    REFUSED("{\"wsHost\":\"h\",\"wssPort\":70000}", false, "port");
    REFUSED("{\"wsHost\":\"h\",\"wssPort\":443.5}", false, "port");
    REFUSED("{\"wsHost\":\"h\",\"wssPort\":\"x\"}", false, "port");
    CHECK_INT(pusher_options_parse("a/b", "{\"cluster\":\"x\"}", 15, false, &c,
                                   &err),
              SGO_INVALID);
    CHECK_INT(
        pusher_options_parse("", "{\"cluster\":\"x\"}", 15, false, &c, &err),
        SGO_INVALID);
    CHECK_INT(
        pusher_options_parse(NULL, "{\"cluster\":\"x\"}", 15, false, &c, &err),
        SGO_INVALID);
}

static void
the_old_spelling_is_read_when_the_new_is_absent(void)
{
    CHECK_INT(parse("{\"cluster\":\"eu\",\"authEndpoint\":"
                    "\"https://a.example/x\",\"auth\":{\"headers\":"
                    "{\"H\":1,\"B\":true},\"params\":{\"p\":\"v w\"}}}",
                    false),
              SGO_OK);
    CHECK_STR(c.auth_url, "https://a.example/x");
    CHECK_STR(c.auth_headers[0].value, "1");
    CHECK_STR(c.auth_headers[1].value, "true");
    CHECK_INT(c.auth_param_count, 1);
    CHECK_STR(c.auth_params[0].value, "v w");
    CHECK_INT(parse("{\"cluster\":\"eu\",\"authEndpoint\":\"https://a/x\","
                    "\"channelAuthorization\":{\"endpoint\":"
                    "\"https://b/y\"}}",
                    false),
              SGO_OK);
    CHECK_STR(c.auth_url, "https://b/y");
}

static void
a_content_type_of_the_options_wins(void)
{
    CHECK_INT(parse("{\"cluster\":\"eu\",\"auth\":{\"headers\":"
                    "{\"content-type\":\"text/plain\"}}}",
                    false),
              SGO_OK);
    CHECK_INT(c.auth_header_count, 1);
    CHECK_STR(c.auth_headers[0].value, "text/plain");
}

#define AUTH_HEADER(h)                                                        \
    "{\"cluster\":\"eu\",\"channelAuthorization\":{\"endpoint\":"             \
    "\"https://a/b\",\"headers\":{" h "}}}"

static void
dangerous_headers_are_refused(void)
{
    REFUSED(AUTH_HEADER("\"hOsT\":\"x\""), false, "header");
    REFUSED(AUTH_HEADER("\"Content-Length\":\"1\""), false, "header");
    REFUSED(AUTH_HEADER("\"transfer-encoding\":\"chunked\""), false, "header");
    REFUSED(AUTH_HEADER("\"A\":\"b\\r\\nC: d\""), false, "header");
    REFUSED(AUTH_HEADER("\"A\\n\":\"b\""), false, "header");
    REFUSED(AUTH_HEADER("\"A b\":\"c\""), false, "header");
    REFUSED(AUTH_HEADER("\"\":\"c\""), false, "header");
    CHECK_INT(parse(AUTH_HEADER("\"A\":null,\"B\":{},\"C\":\"d\""), false),
              SGO_OK);
    CHECK_STR(c.auth_headers[0].name, "C");
}

static void
too_many_headers_are_a_limit(void)
{
    char json[8192];
    size_t n = 0;

    n += (size_t)snprintf(json, sizeof(json),
                          "{\"cluster\":\"eu\",\"auth\":{\"headers\":{");
    for (int i = 0; i < 40; i++) {
        n += (size_t)snprintf(json + n, sizeof(json) - n, "%s\"h%d\":1",
                              i ? "," : "", i);
    }
    snprintf(json + n, sizeof(json) - n, "}}}");
    CHECK_INT(parse(json, false), SGO_LIMIT);
}

static void
endpoints_must_be_https(void)
{
    static const char *const bad[] = {
        "/pusher/auth",    "http://api.example.com/x",
        "ftp://a/b",       "https://",
        "https://u@h/x",   "https://h:0/x",
        "https://h:x/x",   "https://a b/x",
        "https://h\\\\x/",
    };
    char json[256];

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        snprintf(json, sizeof(json),
                 "{\"cluster\":\"eu\",\"authEndpoint\":\"%s\"}", bad[i]);
        REFUSED(json, true, "endpoint");
    }
    CHECK_INT(parse("{\"cluster\":\"eu\",\"authEndpoint\":"
                    "\"http://127.0.0.1:8000/auth\"}",
                    true),
              SGO_OK);
    REFUSED("{\"cluster\":\"eu\",\"authEndpoint\":"
            "\"http://127.0.0.1:8000/auth\"}",
            false, "endpoint");
}

static void
transports_without_websocket_are_warned_of(void)
{
    CHECK_INT(
        parse("{\"cluster\":\"eu\",\"enabledTransports\":[\"xhr\"]}", false),
        SGO_OK);
    CHECK(strstr(c.warning, "enabledTransports") != NULL);
    CHECK_INT(parse("{\"cluster\":\"eu\",\"enabledTransports\":[\"ws\"],"
                    "\"disableStats\":true,\"nacl\":{}}",
                    false),
              SGO_OK);
    CHECK_STR(c.warning, "");
}

static void
timeouts_are_read_and_odd_ones_ignored(void)
{
    CHECK_INT(parse("{\"cluster\":\"eu\",\"activityTimeout\":20000,"
                    "\"pongTimeout\":\"x\",\"unavailableTimeout\":-5}",
                    false),
              SGO_OK);
    CHECK_INT(c.activity_timeout_ns, S(20));
    CHECK_INT(c.pong_timeout_ns, S(30));
    CHECK_INT(c.unavailable_timeout_ns, S(10));
    CHECK_INT(parse("{\"cluster\":\"eu\",\"activityTimeout\":1e300}", false),
              SGO_OK);
    CHECK(c.activity_timeout_ns > 0);
}

static void
urls_split(void)
{
    struct pusher_url u;

    CHECK_INT(pusher_url_split("https://API.Example.com/v2/x?y", &u), SGO_OK);
    CHECK(u.tls);
    CHECK_STR(u.host, "api.example.com");
    CHECK_INT(u.port, 443);
    CHECK_STR(u.path, "/v2/x?y");
    CHECK_INT(pusher_url_split("http://[::1]:8080", &u), SGO_OK);
    CHECK(!u.tls);
    CHECK_STR(u.host, "::1");
    CHECK_INT(u.port, 8080);
    CHECK_STR(u.path, "");
    CHECK_INT(pusher_url_split("https://h?x=/", &u), SGO_OK);
    CHECK_STR(u.host, "h");
    CHECK_INT(pusher_url_split("https://h:65536/", &u), SGO_INVALID);
    CHECK_INT(pusher_url_split("https://h:/", &u), SGO_INVALID);
    CHECK_INT(pusher_url_split("https://h::1/", &u), SGO_INVALID);
    CHECK_INT(pusher_url_split("https://[::1/", &u), SGO_INVALID);
    CHECK_INT(pusher_url_split("https://h\n/", &u), SGO_INVALID);
}

static void
loopback_hosts(void)
{
    CHECK(pusher_host_is_loopback("localhost"));
    CHECK(pusher_host_is_loopback("LOCALHOST"));
    CHECK(pusher_host_is_loopback("127.0.0.1"));
    CHECK(pusher_host_is_loopback("127.255.0.9"));
    CHECK(pusher_host_is_loopback("::1"));
    CHECK(!pusher_host_is_loopback("127.0.0.1.com"));
    CHECK(!pusher_host_is_loopback("127.1"));
    CHECK(!pusher_host_is_loopback("127.0.0.256"));
    CHECK(!pusher_host_is_loopback("127.0.0.1."));
    CHECK(!pusher_host_is_loopback("128.0.0.1"));
    CHECK(!pusher_host_is_loopback("localhost.evil.com"));
}

static void
copies_are_equal_and_independent(void)
{
    struct pusher_coordinates d;

    CHECK_INT(parse(OPTIONS, false), SGO_OK);
    CHECK_INT(pusher_coordinates_copy(&d, &c), SGO_OK);
    CHECK(pusher_coordinates_equal(&c, &d));
    CHECK(d.auth_headers != c.auth_headers);
    CHECK_STR(d.auth_headers[0].value, API_KEY);
    d.port++;
    CHECK(!pusher_coordinates_equal(&c, &d));
    pusher_coordinates_fini(&d);
}

static void
every_allocation_may_fail(void)
{
    struct pusher_coordinates d;
    bool done = false;

    for (int n = 0; !done; n++) {
        sgo_status status;

        pusher_coordinates_fini(&c);
        mem_fail_after(n);
        status = pusher_options_parse(KEY, OPTIONS, strlen(OPTIONS), false, &c,
                                      &err);
        mem_fail_after(-1);
        done = status == SGO_OK;
        CHECK(done || c.key == NULL);
    }
    done = false;
    for (int n = 0; !done; n++) {
        mem_fail_after(n);
        done = pusher_coordinates_copy(&d, &c) == SGO_OK;
        mem_fail_after(-1);
    }
    pusher_coordinates_fini(&d);
}

int
main(void)
{
    message_init();
    RUN(t02_the_documented_example);
    RUN(t02_ws_host_beats_cluster);
    RUN(t02_cluster_alone_gives_its_host);
    RUN(t02_no_force_tls_is_tls);
    RUN(t02_plain_only_for_loopback_and_if_allowed);
    RUN(ws_path_with_or_without_slash);
    RUN(odd_hosts_keys_and_ports_are_refused);
    RUN(the_old_spelling_is_read_when_the_new_is_absent);
    RUN(a_content_type_of_the_options_wins);
    RUN(dangerous_headers_are_refused);
    RUN(too_many_headers_are_a_limit);
    RUN(endpoints_must_be_https);
    RUN(transports_without_websocket_are_warned_of);
    RUN(timeouts_are_read_and_odd_ones_ignored);
    RUN(urls_split);
    RUN(loopback_hosts);
    RUN(copies_are_equal_and_independent);
    RUN(every_allocation_may_fail);
    pusher_coordinates_fini(&c);
    return check_done();
}
