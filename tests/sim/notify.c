/* Who is told of a change, and how: whole, twice, unreadable, or not. */
#include "sim.h"

#include <stdio.h>
#include <string.h>

/* Is the channel told of a change of the event? */
static bool
concerns(const struct sim *s, const struct sim_event *e,
         const struct event_version *was, const char *channel)
{
    const struct event_version *v = truth_now(e);
    char name[96];

    push_channel_name(s, name, sizeof(name), "events:live", "", "");
    if (push_same_channel(name, channel)) {
        return v->state.live || was->state.live;
    }
    push_channel_name(s, name, sizeof(name), "events:upcoming", e->league, "");
    if (push_same_channel(name, channel)) {
        return !v->state.started || !was->state.started;
    }
    push_channel_name(s, name, sizeof(name), "events:byid", "", e->id);
    if (push_same_channel(name, channel)) {
        return true;
    }
    push_channel_name(s, name, sizeof(name), "events:new-kind", "NBA", "");
    return push_same_channel(name, channel) && strcmp(e->league, "NBA") == 0;
}

static void
noise(struct sim *s, struct sim_socket *k, const char *channel)
{
    char text[300];
    static const char *const texts[] = {
        "{\"event\":\"pusher_internal:member_added\",\"channel\":\"%s\","
        "\"data\":\"{\\\"user_id\\\":\\\"x\\\"}\"}",
        "{\"event\":\"other\",\"channel\":\"%s\",\"data\":\"[{\\\"eventID\\\""
        ":\\\"E0\\\"}]\"}",
        "{\"event\":\"data\",\"channel\":\"other-%s\",\"data\":\"[{"
        "\\\"eventID\\\":\\\"E0\\\"}]\"}",
        "{\"event\":\"pusher:ping\",\"data\":{},\"x\":\"%s\"}",
        "{\"event\":\"pusher:error\",\"data\":{\"code\":4301,\"message\":"
        "\"%s\"}}",
        "{\"event\":\"data\",\"channel\":\"%s\",\"data\":\"[]\"}"};

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    snprintf(text, sizeof(text), texts[rand_between(&s->luck, 0, 5)], channel);
#pragma GCC diagnostic pop
    push_say(s, k, "", 0, text);
}

static size_t
put_ids(const struct sim *s, uint64_t ids, const char *q, char *text,
        size_t cap)
{
    size_t len = 0;

    for (size_t i = 0; i < s->event_count; i++) {
        if (ids & UINT64_C(1) << i) {
            len += (size_t)snprintf(text + len, cap - len,
                                    "%s{%seventID%s:%s%s%s}", len ? "," : "",
                                    q, q, q, s->events[i].id, q);
        }
    }
    return len;
}

static void
notify_channel(struct sim *s, struct sim_socket *k, const char *channel,
               uint64_t ids)
{
    bool string = !s->sc.data_array;
    char list[3000], text[3300];

    if (scenario_hits(s, F_NOISE)) {
        noise(s, k, channel);
    }
    if (scenario_hits(s, F_LOSE)) {
        return;
    }
    put_ids(s, ids, string ? "\\\"" : "\"", list, sizeof(list));
    if (scenario_hits(s, F_GARBLE)) {
        static const char *const texts[] = {
            "{\"event\":\"data\",\"channel\":\"%s\",\"data\":\"[{]\"}",
            "{\"event\":\"data\",\"channel\":\"%s\",\"data\":{\"a\":1}}",
            ("{\"event\":\"data\",\"channel\":\"%s\","
             "\"data\":\"[{\\\"id\\\":1}]\"}"),
            "{\"event\":\"data\",\"channel\":\"%s\",\"da"};

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        snprintf(text, sizeof(text), texts[rand_between(&s->luck, 0, 3)],
                 channel);
#pragma GCC diagnostic pop
        push_say(s, k, "", 0, text);
        return;
    }
    snprintf(text, sizeof(text),
             "{\"event\":\"data\",\"channel\":\"%s\",\"data\":%s[%s]%s}",
             channel, string ? "\"" : "", list, string ? "\"" : "");
    push_say(s, k, channel, ids, text);
    if (scenario_hits(s, F_DUPLICATE)) {
        push_say(s, k, channel, ids, text);
    }
}

void
push_notify(struct sim *s, const size_t *events, size_t n,
            const struct event_version *was)
{
    for (size_t i = 0; i < SIM_SOCKETS; i++) {
        struct sim_socket *k = &s->sockets[i];

        for (size_t c = 0; k->alive && !k->mute && c < k->channel_count; c++) {
            const char *channel = k->channels[c].name;
            uint64_t ids = 0;

            for (size_t e = 0; e < n; e++) {
                if (concerns(s, &s->events[events[e]], &was[e], channel)) {
                    ids |= UINT64_C(1) << events[e];
                }
            }
            if (ids && s->sc.batches && strstr(channel, "-byid-") == NULL) {
                size_t more = (size_t)rand_between(
                    &s->net, 0, (int64_t)s->event_count - 1);
                const struct event_version *v = truth_now(&s->events[more]);

                if (concerns(s, &s->events[more], v, channel)) {
                    ids |= UINT64_C(1) << more;
                }
            }
            if (ids) {
                notify_channel(s, k, channel, ids);
            }
        }
    }
}
