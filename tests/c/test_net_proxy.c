/* The proxy decision: pure, so a table of environments. */
#include "net/proxy.h"
#include "base/mem.h"
#include "net/resolve.h"

#include "check.h"

#include <stdlib.h>

/* name, value, name, value, NULL */
static const char *
look(void *ctx, const char *name)
{
    const char *const *env = ctx;

    for (; *env != NULL; env += 2) {
        if (strcmp(env[0], name) == 0) {
            return env[1];
        }
    }
    return NULL;
}

static sgo_status
decide(const char *explicit_url, const char *const *env, const char *scheme,
       const char *host, struct proxy *out, sgo_error *err)
{
    static const char *const empty[] = {NULL};

    return proxy_decide(explicit_url, look, (void *)(env ? env : empty),
                        scheme, host, 443, out, err);
}

#define ENV(...) ((const char *const[]){__VA_ARGS__, NULL})

/* "host:port login" or "direct" or "error" */
static const char *
outcome(const char *explicit_url, const char *const *env, const char *scheme,
        const char *host)
{
    static char text[1024];
    struct proxy p;
    sgo_error err;

    if (decide(explicit_url, env, scheme, host, &p, &err) != SGO_OK) {
        CHECK_INT(err.kind, SGO_ERROR_CONFIGURATION);
        return "error";
    }
    if (!p.used) {
        return "direct";
    }
    snprintf(text, sizeof(text), "%s:%u%s%s", p.host, p.port,
             p.login[0] ? " " : "", p.login);
    return text;
}

static void
an_explicit_proxy_decides_alone(void)
{
    const char *const *env =
        ENV("HTTPS_PROXY", "http://env:1", "NO_PROXY", "*");

    CHECK_STR(outcome("http://p:3128", env, "https", "a.example"), "p:3128");
    CHECK_STR(outcome("p:3128", env, "wss", "127.0.0.1"), "p:3128");
    CHECK_STR(outcome("", env, "https", "a.example"), "direct");
    CHECK_STR(outcome("HTTP://p", NULL, "https", "a"), "p:80");
    CHECK_STR(outcome("http://[::1]:99/", NULL, "https", "a"), "::1:99");
    CHECK_STR(outcome("http://u%40x:p%3Aq@h:8/", NULL, "https", "a"),
              "h:8 u@x:p:q");
    CHECK_STR(outcome("http://u:p@ss@h:8", NULL, "https", "a"), "h:8 u:p@ss");
}

static void
malformed_ones_are_refused_without_showing_the_login(void)
{
    static const char *const bad[] = {
        "https://p:1",        "socks5://p:1", "http://",
        "http://:80",         "http://p:0",   "http://p:65536",
        "http://p:80x",       "http://p q:1", "http://[::1:1",
        "http://u%0d%0a@p:1", "ftp://p:1",    "http://p:",
        "http://[::1]x:1",
    };
    struct proxy p;
    sgo_error err;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CHECK_STR(outcome(bad[i], NULL, "https", "a"), "error");
    }
    CHECK_INT(decide("socks5://me:secret@p:1", NULL, "https", "a", &p, &err),
              SGO_INVALID);
    CHECK(strstr(err.text, "secret") == NULL);
    CHECK(strstr(err.text, "socks") != NULL);
    CHECK_INT(
        decide(NULL, ENV("ALL_PROXY", "socks5://p:1"), "https", "a", &p, &err),
        SGO_INVALID);
    CHECK(strstr(err.text, "ALL_PROXY") != NULL);
}

static void
the_environment_chooses_by_scheme(void)
{
    const char *const *all = ENV("https_proxy", "http://s:1", "http_proxy",
                                 "http://h:2", "ALL_PROXY", "http://all:3");

    CHECK_STR(outcome(NULL, all, "https", "a.example"), "s:1");
    CHECK_STR(outcome(NULL, all, "wss", "a.example"), "s:1");
    CHECK_STR(outcome(NULL, all, "http", "a.example"), "h:2");
    CHECK_STR(outcome(NULL, all, "ws", "a.example"), "h:2");
    CHECK_STR(outcome(NULL, all, "https", "localhost"), "direct");
    CHECK_STR(outcome(NULL, all, "https", "127.9.9.9"), "direct");
    CHECK_STR(outcome(NULL, all, "https", "::1"), "direct");
    CHECK_STR(outcome(NULL, ENV("ALL_PROXY", "http://all:3"), "https", "a"),
              "all:3");
    CHECK_STR(outcome(NULL, ENV("HTTPS_PROXY", "", "all_proxy", "q:4"),
                      "https", "a"),
              "q:4");
    /* A CGI client can set this one by a header. */
    CHECK_STR(outcome(NULL, ENV("HTTP_PROXY", "http://evil:1"), "http", "a"),
              "direct");
    CHECK_STR(outcome(NULL,
                      ENV("https_proxy", "http://low:1", "HTTPS_PROXY",
                          "http://up:1"),
                      "https", "a"),
              "low:1");
}

static void
no_proxy_is_obeyed(void)
{
    static const struct {
        const char *list, *host;
        bool direct;
    } cases[] = {
        {"example.com", "example.com", true},
        {"example.com", "EXAMPLE.com", true},
        {"example.com", "api.example.com", true},
        {".example.com", "api.example.com", true},
        {"*.example.com", "api.example.com", true},
        {".example.com", "example.com", true},
        {"example.com", "badexample.com", false},
        {"example.com", "example.com.evil", false},
        {"a, example.com ,b", "example.com", true},
        {"*", "anything", true},
        {"", "anything", false},
        {" , ,", "anything", false},
        {"example.com:443", "example.com", true},
        {"example.com:80", "example.com", false},
        {"10.1.2.3", "10.1.2.3", true},
        {"2.3", "10.1.2.3", false},
        {"10.0.0.0/8", "10.1.2.3", true},
        {"10.0.0.0/8", "11.1.2.3", false},
        {"10.1.2.0/23", "10.1.3.9", true},
        {"10.1.2.0/23", "10.1.4.9", false},
        {"0.0.0.0/0", "9.9.9.9", true},
        {"10.0.0.0/33", "10.1.2.3", false},
        {"10.0.0.0/x", "10.1.2.3", false},
        {"fd00::/8", "fd12::1", true},
        {"fd00::/8", "fe12::1", false},
        {"[fd12::1]", "fd12::1", true},
        {"[fd12::1]:443", "fd12::1", true},
        {"[fd12::1]:80", "fd12::1", false},
        {"fd12::1", "fd12::1", true},
        {"[", "x", false},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *got =
            outcome(NULL, ENV("https_proxy", "p:1", "no_proxy", cases[i].list),
                    "https", cases[i].host);

        if (strcmp(got, cases[i].direct ? "direct" : "p:1") != 0) {
            fprintf(stderr, "no_proxy=\"%s\" host %s: %s\n", cases[i].list,
                    cases[i].host, got);
            CHECK(false);
        }
    }
    CHECK_STR(outcome(NULL, ENV("https_proxy", "p:1", "NO_PROXY", "a"),
                      "https", "a"),
              "direct");
}

static void
the_remembered_environment_is_used(void)
{
    struct proxy p;
    sgo_error err;

    setenv("https_proxy", "http://one:1", 1);
    proxy_remember_env();
    setenv("https_proxy", "http://two:2", 1);
    CHECK_INT(proxy_decide_now(NULL, "https", "a.example", 443, &p, &err),
              SGO_OK);
    CHECK_STR(p.host, "one");
    unsetenv("https_proxy");
    proxy_remember_env();
    CHECK_INT(proxy_decide_now(NULL, "https", "a.example", 443, &p, &err),
              SGO_OK);
    CHECK(!p.used);
}

int
main(void)
{
    unsetenv("all_proxy");
    unsetenv("ALL_PROXY");
    unsetenv("HTTPS_PROXY");
    RUN(an_explicit_proxy_decides_alone);
    RUN(malformed_ones_are_refused_without_showing_the_login);
    RUN(the_environment_chooses_by_scheme);
    RUN(no_proxy_is_obeyed);
    RUN(the_remembered_environment_is_used);
    return check_done();
}
