/* The server's messages: checked, parsed, taken apart. */
#include "pusher/message.h"

#include <stdatomic.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "json/validate.h"

enum {
    EVENT_ID_MAX = 200,                 /* as PUSHER_EVENT_ID_MAX */
    ACTIVITY_SECONDS_MAX = 24 * 60 * 60 /* more is taken as this */
};

_Static_assert((int)MESSAGE_DEPTH_MAX == (int)SCAN_MAX_DEPTH,
               "validated by json/");

void
message_init(void)
{
    static atomic_flag done = ATOMIC_FLAG_INIT;
    cJSON_Hooks hooks = {mem_alloc, mem_free};

    if (!atomic_flag_test_and_set(&done)) {
        cJSON_InitHooks(&hooks);
    }
}

/* Does validated JSON hold \u0000?  cJSON would end the string there. */
static bool
has_escaped_nul(const char *text, size_t len)
{
    const char *end = text + len;
    const char *p = text;

    while ((p = memchr(p, '\\', (size_t)(end - p))) != NULL) {
        if (end - p >= 6 && memcmp(p, "\\u0000", 6) == 0) {
            return true;
        }
        p += 2; /* validated: something follows the backslash */
    }
    return false;
}

sgo_status
message_json(const char *bytes, size_t len, cJSON **out)
{
    char *padded = mem_alloc(len + SCAN_PADDING);
    sgo_status status;

    if (padded == NULL) {
        return SGO_NO_MEMORY;
    }
    if (len) {
        memcpy(padded, bytes, len);
    }
    memset(padded + len, 0, SCAN_PADDING);
    status = json_validate(padded, len, NULL);
    if (status == SGO_OK && !has_escaped_nul(padded, len)) {
        cJSON *tree = cJSON_ParseWithLength(padded, len);

        if (tree) {
            *out = tree;
        } else { /* a lone surrogate, a number too long, or no memory */
            status = SGO_INVALID;
        }
    } else {
        status = SGO_INVALID;
    }
    mem_wipe(padded, len); /* options hold the key */
    mem_free(padded);
    return status;
}

void
message_wipe(cJSON *tree)
{
    for (cJSON *at = tree; at; at = at->next) {
        if (cJSON_IsString(at)) {
            mem_wipe(at->valuestring, strlen(at->valuestring));
        }
        message_wipe(at->child); /* no deeper than message_json allows */
    }
}

cJSON *
message_member(const cJSON *object, const char *name, bool *twice)
{
    cJSON *found = NULL;
    bool again = false;

    if (cJSON_IsObject(object)) {
        for (cJSON *at = object->child; at; at = at->next) {
            if (at->string && strcmp(at->string, name) == 0) {
                again = again || found;
                found = at;
            }
        }
    }
    if (twice) {
        *twice = again;
    }
    return again ? NULL : found;
}

const char *
message_text(const cJSON *object, const char *name)
{
    return cJSON_GetStringValue(message_member(object, name, NULL));
}

static enum message_kind
kind_of(const char *name)
{
    static const struct {
        const char *name;
        enum message_kind kind;
    } names[] = {
        {"data", MESSAGE_DATA},
        {"pusher:ping", MESSAGE_PING},
        {"pusher:pong", MESSAGE_PONG},
        {"pusher:error", MESSAGE_ERROR},
        {"pusher:connection_established", MESSAGE_ESTABLISHED},
        {"pusher_internal:subscription_succeeded", MESSAGE_SUBSCRIBED},
        {"pusher:subscription_succeeded", MESSAGE_SUBSCRIBED},
        {"pusher:subscription_error", MESSAGE_SUBSCRIPTION_ERROR},
        {"pusher_internal:subscription_error", MESSAGE_SUBSCRIPTION_ERROR},
        {"pusher_internal:member_added", MESSAGE_INTERNAL},
        {"pusher_internal:member_removed", MESSAGE_INTERNAL},
        {"pusher_internal:subscription_count", MESSAGE_INTERNAL},
        {"pusher_internal:watchlist_events", MESSAGE_INTERNAL},
        {"pusher:cache_miss", MESSAGE_INTERNAL},
        {"pusher:signin_success", MESSAGE_INTERNAL},
    };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(name, names[i].name) == 0) {
            return names[i].kind;
        }
    }
    return MESSAGE_OTHER;
}

/* pusher-js's rule: a string is parsed once, and stays text if that fails.
 * Only where we look at it: member lists are other people's. */
static sgo_status
decode_data(struct message *m, cJSON *data)
{
    m->data = data;
    if (!cJSON_IsString(data) ||
        (m->kind != MESSAGE_DATA && m->kind != MESSAGE_ERROR &&
         m->kind != MESSAGE_ESTABLISHED &&
         m->kind != MESSAGE_SUBSCRIPTION_ERROR)) {
        return SGO_OK;
    }
    switch (message_json(data->valuestring, strlen(data->valuestring),
                         &m->inner)) {
    case SGO_OK:
        m->data = m->inner;
        return SGO_OK;
    case SGO_NO_MEMORY:
        return SGO_NO_MEMORY;
    default:
        return SGO_OK;
    }
}

sgo_status
message_parse(const char *bytes, size_t len, struct message *out)
{
    bool twice_event, twice_channel, twice_data;
    const cJSON *event, *channel;
    cJSON *data;
    sgo_status status;

    memset(out, 0, sizeof(*out));
    status = message_json(bytes, len, &out->tree);
    if (status != SGO_OK) {
        return status;
    }
    event = message_member(out->tree, "event", &twice_event);
    channel = message_member(out->tree, "channel", &twice_channel);
    data = message_member(out->tree, "data", &twice_data);
    out->channel = cJSON_GetStringValue(channel);
    if (twice_event || twice_channel || twice_data || !cJSON_IsString(event) ||
        (channel && !out->channel && !cJSON_IsNull(channel))) {
        return SGO_INVALID;
    }
    out->kind = kind_of(event->valuestring);
    return data ? decode_data(out, data) : SGO_OK;
}

void
message_fini(struct message *m)
{
    cJSON_Delete(m->inner);
    cJSON_Delete(m->tree);
    memset(m, 0, sizeof(*m));
}

sgo_status
message_read_established(const struct message *m, char *socket_id,
                         int64_t *activity_ns)
{
    const char *id = message_text(m->data, "socket_id");
    const cJSON *activity = message_member(m->data, "activity_timeout", NULL);
    size_t len = id ? strlen(id) : 0;

    if (len == 0 || len > MESSAGE_SOCKET_ID_MAX) {
        return SGO_INVALID;
    }
    for (size_t i = 0; i < len; i++) {
        if (id[i] < 0x21 || id[i] > 0x7e) {
            return SGO_INVALID;
        }
    }
    memcpy(socket_id, id, len + 1);
    *activity_ns = -1;
    if (cJSON_IsNumber(activity) && activity->valuedouble > 0) {
        double s = activity->valuedouble;

        s = s < ACTIVITY_SECONDS_MAX ? s : ACTIVITY_SECONDS_MAX;
        *activity_ns = (int64_t)(s * (double)NS_PER_S);
    }
    return SGO_OK;
}

/* A number that is an integer from 1 to 65535, else 0. */
static int
small_number(const cJSON *item)
{
    if (!cJSON_IsNumber(item) || !(item->valuedouble >= 1) ||
        item->valuedouble > 65535) {
        return 0;
    }
    return (double)item->valueint == item->valuedouble ? item->valueint : 0;
}

void
message_read_error(const struct message *m, struct message_error *out)
{
    cJSON *text = message_member(m->data, "message", NULL);

    if (!cJSON_IsString(text)) {
        text = message_member(m->data, "error", NULL);
    }
    if (cJSON_IsString(m->data)) {
        text = m->data;
    }
    out->code = small_number(message_member(m->data, "code", NULL));
    out->status = small_number(message_member(m->data, "status", NULL));
    out->none[0] = '\0';
    out->text = cJSON_IsString(text) ? text->valuestring : out->none;
}

/* The id of an element, NULL if it has none that could be one. */
static const char *
event_id_of(const cJSON *element)
{
    const char *id = message_text(element, "eventID");
    size_t len = id ? strlen(id) : 0;

    if (len == 0 || len > EVENT_ID_MAX) {
        return NULL;
    }
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)id[i] < 0x20 || id[i] == 0x7f) {
            return NULL;
        }
    }
    return id;
}

sgo_status
message_read_ids(const struct message *m, size_t max, struct message_ids *out)
{
    struct message_ids ids = {0};
    size_t bytes = 0, n = 0;
    const cJSON *at;
    char *text;

    if (!cJSON_IsArray(m->data)) {
        return SGO_INVALID;
    }
    cJSON_ArrayForEach(at, m->data)
    {
        const char *id = event_id_of(at);

        if (id == NULL) {
            ids.bad++;
        } else if (ids.count == max) {
            ids.over++;
        } else {
            ids.count++;
            bytes += strlen(id) + 1;
        }
    }
    if (ids.count) {
        ids.ids = mem_alloc(ids.count * sizeof(*ids.ids) + bytes);
        if (ids.ids == NULL) {
            return SGO_NO_MEMORY;
        }
        text = (char *)(ids.ids + ids.count);
        for (at = m->data->child; at && n < ids.count; at = at->next) {
            const char *id = event_id_of(at);

            if (id) {
                size_t len = strlen(id) + 1;

                memcpy(text, id, len);
                ids.ids[n++] = text;
                text += len;
            }
        }
    }
    *out = ids;
    return SGO_OK;
}
