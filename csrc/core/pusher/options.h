/* Where a Pusher app is and how to be let in: what `pusherKey` and
 * `pusherOptions` of a bootstrap say, read with pusher-js's rules and refused
 * where they would be unsafe.  Knows nothing of connections.  The options
 * hold the API key (in an authorisation header): log nothing of them. */
#ifndef SGO_PUSHER_OPTIONS_H
#define SGO_PUSHER_OPTIONS_H

#include "base/types.h"

enum {
    PUSHER_KEY_MAX = 128,       /* bytes of the app key */
    PUSHER_HOST_MAX = 253,      /* bytes of a host name */
    PUSHER_PATH_MAX = 512,      /* bytes of wsPath */
    PUSHER_URL_MAX = 2048,      /* bytes of the authorisation endpoint */
    PUSHER_PAIRS_MAX = 32,      /* headers; parameters */
    PUSHER_PAIR_NAME_MAX = 256, /* bytes */
    PUSHER_PAIR_VALUE_MAX = 8192,
    PUSHER_OPTIONS_MAX = 256 * 1024 /* bytes of pusherOptions */
};

/* A header or form field; both strings owned by the coordinates. */
struct pusher_pair {
    char *name;
    char *value;
};

struct pusher_coordinates {
    char *key;     /* the app key: public, but not ours to spread */
    char *cluster; /* "" when not told; for messages */
    char *host;    /* IPv6 without brackets */
    int port;      /* the port in use */
    int tls_port;  /* the one to use when told to switch to TLS (4000) */
    bool tls;
    char *path; /* wsPath: "" or "/x/y", no slash at the end */

    int64_t activity_timeout_ns;    /* options' or 120 s */
    int64_t pong_timeout_ns;        /* options' or 30 s */
    int64_t unavailable_timeout_ns; /* options' or 10 s */

    char *auth_url; /* absolute; NULL: none was told, public channels only */
    struct pusher_pair *auth_headers; /* Content-Type is always among them */
    size_t auth_header_count;
    struct pusher_pair *auth_params;
    size_t auth_param_count;

    char warning[160]; /* an oddity worth a log line, or "" */
};

/* The parts of an absolute http or https URL. */
struct pusher_url {
    bool tls;
    char host[PUSHER_HOST_MAX + 1]; /* lower case, IPv6 without brackets */
    int port;
    const char *path; /* into the URL given: all behind the authority */
};

/* Read key and options (a JSON object; len bytes).  Plain http and ws pass
 * only for loopback hosts and with allow_plain_loopback.  On success *out
 * owns its strings (pusher_coordinates_fini).
 * SGO_INVALID (with *err), SGO_LIMIT (with *err), SGO_NO_MEMORY.
 * I/O thread (cJSON). */
sgo_status pusher_options_parse(const char *key, const char *options_json,
                                size_t len, bool allow_plain_loopback,
                                struct pusher_coordinates *out,
                                sgo_error *err) SGO_WARN_UNUSED;

/* Do both name the same socket (key, host, port, path, TLS)? */
bool pusher_coordinates_equal(const struct pusher_coordinates *a,
                              const struct pusher_coordinates *b);

/* A deep copy; *out is untouched on failure. */
sgo_status pusher_coordinates_copy(struct pusher_coordinates *out,
                                   const struct pusher_coordinates *from)
    SGO_WARN_UNUSED;

/* Free what it owns; it is zeroed.  A zeroed one may be given. */
void pusher_coordinates_fini(struct pusher_coordinates *c);

/* Split an absolute URL for a judgement of scheme, host and port.  SGO_INVALID
 * for anything else: user info, spaces, control characters, other schemes. */
sgo_status pusher_url_split(const char *url,
                            struct pusher_url *out) SGO_WARN_UNUSED;

/* "localhost", 127.0.0.0/8 and ::1. */
bool pusher_host_is_loopback(const char *host);

#endif
