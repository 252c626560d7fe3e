/* Pusher's messages as text: those of the server are checked and taken apart,
 * ours are written, and so are the body of an authorisation request and the
 * reading of its answer.  cJSON parses, after json/scan has validated (cJSON
 * takes malformed UTF-8 and cuts strings at an escaped NUL).
 * I/O thread: cJSON's allocator is process-wide. */
#ifndef SGO_PUSHER_MESSAGE_H
#define SGO_PUSHER_MESSAGE_H

#include <cjson/cJSON.h>

#include "base/buf.h"
#include "base/types.h"
#include "pusher/options.h"

enum {
    MESSAGE_DEPTH_MAX = 64,            /* nesting of anything told to us */
    MESSAGE_AUTH_BODY_MAX = 64 * 1024, /* bytes of an authorisation answer */
    MESSAGE_SENT_MAX = 512 * 1024,     /* bytes of a message of ours */
    MESSAGE_SOCKET_ID_MAX = 64,
    MESSAGE_AUTH_MAX = 1024 /* bytes of `auth` */
};

/* Make cJSON allocate by base/mem.  Once per process, before any other use of
 * cJSON; further calls do nothing. */
void message_init(void);

/* Validated JSON text as a tree (cJSON_Delete).  SGO_INVALID: not strict
 * JSON, nested deeper than 64, or a string holds an escaped NUL;
 * SGO_NO_MEMORY. */
sgo_status message_json(const char *bytes, size_t len,
                        cJSON **out) SGO_WARN_UNUSED;

/* Zero all strings of a tree that held a secret, before its cJSON_Delete.
 * NULL is fine. */
void message_wipe(cJSON *tree);

/* The member `name` of an object; NULL if absent or (*twice) repeated. */
cJSON *message_member(const cJSON *object, const char *name, bool *twice);

/* A string member, NULL if absent, repeated or not a string. */
const char *message_text(const cJSON *object, const char *name);

enum message_kind {
    MESSAGE_OTHER = 0, /* a name we do not know: dropped */
    MESSAGE_ESTABLISHED,
    MESSAGE_ERROR,
    MESSAGE_PING,
    MESSAGE_PONG,
    MESSAGE_SUBSCRIBED,
    MESSAGE_SUBSCRIPTION_ERROR,
    MESSAGE_INTERNAL, /* members, counts, cache misses...: nothing to us */
    MESSAGE_DATA      /* the event "data": ids */
};

/* A message of the server.  Strings point into `tree`. */
struct message {
    enum message_kind kind;
    cJSON *tree;
    const char *channel; /* NULL: none, or not a string */
    cJSON *data;         /* decoded once; NULL: absent */
    cJSON *inner;        /* the tree data belongs to, if it was a string */
};

/* SGO_INVALID: no JSON, no object, no or a repeated `event`, `channel` or
 * `data`; then *out holds the channel if that much could be read (fini it all
 * the same).  SGO_NO_MEMORY. */
sgo_status message_parse(const char *bytes, size_t len,
                         struct message *out) SGO_WARN_UNUSED;
void message_fini(struct message *m);

/* connection_established: the socket id (into out, MESSAGE_SOCKET_ID_MAX + 1
 * bytes) and the activity time as the server said it, or -1. */
sgo_status message_read_established(const struct message *m, char *socket_id,
                                    int64_t *activity_ns) SGO_WARN_UNUSED;

/* pusher:error and subscription errors: code or 0 (null, absent, odd), status
 * or 0, and the text (mutable, "" if none). */
struct message_error {
    int code;
    int status;
    char *text;
    char none[1];
};
void message_read_error(const struct message *m, struct message_error *out);

/* The ids of a notification in one block (mem_free): `count` pointers, then
 * their strings. */
struct message_ids {
    char **ids;
    size_t count;
    size_t over; /* beyond max */
    size_t bad;  /* elements without a usable eventID */
};
/* SGO_INVALID: the payload is not an array.  SGO_NO_MEMORY. */
sgo_status message_read_ids(const struct message *m, size_t max,
                            struct message_ids *out) SGO_WARN_UNUSED;

/* Ours.  Errors stay in the buffer. */
void message_write_ping(struct buf *out);
void message_write_pong(struct buf *out);
void message_write_unsubscribe(struct buf *out, const char *channel);
void message_write_subscribe(struct buf *out, const char *channel,
                             const char *auth, const char *channel_data);

/* A JSON string with its quotes, or text for a form field or query. */
void message_write_string(struct buf *out, const char *text);
void message_write_escaped(struct buf *out, const char *text);

/* The form: socket_id, channel_name, params. */
void message_write_form(struct buf *out, const char *socket_id,
                        const char *channel, const struct pusher_pair *params,
                        size_t count);

/* {"auth":..., "channel_data":...}; both mem_free; *channel_data NULL when
 * absent.  SGO_INVALID with a reason without contents. */
sgo_status message_read_auth(const char *body, size_t len, char **auth,
                             char **channel_data,
                             const char **reason) SGO_WARN_UNUSED;

/* The human text of an error body ({"success":false,"error":"..."}, or the
 * like, or plain text), cut and without control characters; "" if none. */
void message_read_error_body(const char *body, size_t len, char *out,
                             size_t cap);

/* Does a refusal's text speak of a lack of stream or connection slots? */
bool message_speaks_of_slots(const char *text);

/* Blank runs of 32 and more hex digits (signatures, user ids). */
void message_mask_hex(char *text);

#endif
