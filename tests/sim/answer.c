/* The model of the API: what it answers and counts, and what comes instead. */
#include "sim.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"

/* ---- URLs ------------------------------------------------------------------ */

/* The decoded value of a parameter of a query or form, or "". */
static const char *
param(const char *text, const char *name, char *out, size_t cap)
{
    size_t n = strlen(name), len = 0;
    const char *p = strchr(text, '?');

    for (p = p ? p + 1 : text; *p; p++) {
        bool found = strncmp(p, name, n) == 0 && p[n] == '=';

        for (p += found ? n + 1 : 0; *p && *p != '&'; p++) {
            unsigned c = (unsigned char)*p;

            if (*p == '%' && sscanf(p + 1, "%2x", &c) == 1) {
                p += 2;
            }
            if (found && len + 1 < cap) {
                out[len++] = (char)c;
            }
        }
        if (found || *p == '\0') {
            break;
        }
    }
    out[len] = '\0';
    return out;
}

static enum ask_kind
kind_of(const char *url)
{
    return strstr(url, "/stream/pusher/auth") ? ASK_AUTH
           : strstr(url, "/stream/events")    ? ASK_BOOT
           : strstr(url, "/account/usage")    ? ASK_USAGE
           : strstr(url, "eventIDs=")         ? ASK_IDS
                                              : ASK_LIST;
}

void
answer_read(struct sim *s, struct sim_request *r)
{
    static char ids[20000];

    r->kind = kind_of(r->url);
    param(r->url, "eventIDs", ids, sizeof(ids));
    for (char *p = strtok(ids, ","); p; p = strtok(NULL, ",")) {
        size_t i = truth_index(s, p);

        if (i < SIM_EVENTS && r->asked_n < SIM_EVENTS) {
            r->asked[r->asked_n++] = i;
        } else if (r->asked_n < SIM_EVENTS) {
            r->asked[r->asked_n++] = SIM_EVENTS; /* nobody knows it */
        }
    }
}

/* ---- answers ----------------------------------------------------------------- */

struct answer {
    struct sim *s;
    struct sim_request *r;
    int64_t as_of;
    size_t cap;
};

static void
add(struct answer *a, const char *text, size_t len)
{
    struct sim_request *r = a->r;

    if (r->len + len + 1 > a->cap) {
        a->cap = 2 * (r->len + len) + 1024;
        r->answer = must(realloc(r->answer, a->cap));
    }
    memcpy(r->answer + r->len, text, len);
    r->len += len;
    r->answer[r->len] = '\0';
}

static void
adds(struct answer *a, const char *text)
{
    add(a, text, strlen(text));
}

static void
add_event(struct answer *a, size_t i)
{
    struct sim_request *r = a->r;
    struct sim_event *e = &a->s->events[i];
    const struct event_version *v = truth_at(e, a->as_of);
    int order = v->body[1] ? (int)rand_between(&a->s->net, 0, 1) : 0;

    if (v != truth_now(e)) {
        e->lied_at = a->s->now;
    }
    adds(a, r->listed_n ? "," : "");
    r->listed_at[r->listed_n] = r->len;
    add(a, v->body[order], v->len[order]);
    r->listed[r->listed_n] = i;
    r->listed_end[r->listed_n++] = r->len;
}

static void
say(struct answer *a, int status, const char *text)
{
    a->r->status = status;
    a->r->len = 0;
    a->r->listed_n = 0;
    adds(a, text);
}

static void
none_found(struct answer *a)
{
    if (rand_between(&a->s->net, 0, 1)) {
        say(a, 404, "{\"success\":false,\"error\":\"No events found\"}");
    } else {
        say(a, 200, "{\"success\":true,\"data\":[]}");
    }
}

static bool
asked_for(const struct sim_request *r, size_t i)
{
    for (size_t k = 0; k < r->asked_n; k++) {
        if (r->asked[k] == i) {
            return true;
        }
    }
    return false;
}

static bool
belongs(struct answer *a, size_t i, const char *feed, const char *league)
{
    struct sim *s = a->s;
    struct sim_event *e = &s->events[i];
    const struct event_version *v = truth_at(e, a->as_of);
    bool in;

    if (a->r->kind == ASK_IDS) {
        in = asked_for(a->r, i) && v->state.exists;
        if (in && a->r->asked_n > 1 && scenario_hits(s, F_SHORT)) {
            e->lied_at = s->now;
            return false;
        }
    } else {
        in = truth_listed(e, v, feed, league, "");
    }
    if (!in && truth_now(e) != v) {
        e->lied_at = s->now;
    }
    return in;
}

static void
answer_events(struct answer *a)
{
    struct sim *s = a->s;
    struct sim_request *r = a->r;
    char cursor[60], limit[12], live[8], league[40], text[80];
    size_t from, cap, last = 0;
    bool more = false;

    param(r->url, "cursor", cursor, sizeof(cursor));
    param(r->url, "limit", limit, sizeof(limit));
    param(r->url, "live", live, sizeof(live));
    param(r->url, "leagueID", league, sizeof(league));
    from = cursor[0] ? (size_t)atoi(cursor + 2) : 0;
    cap = limit[0] ? (size_t)atoi(limit) : 10;
    cap = cap < s->sc.page_cap ? cap : s->sc.page_cap;
    adds(a, "{\"success\":true,\"data\":[");
    for (size_t i = from; i < s->event_count; i++) {
        if (!belongs(a, i, live[0] ? "events:live" : "events:upcoming",
                     league)) {
            continue;
        }
        if (r->listed_n == cap) {
            more = true;
            break;
        }
        add_event(a, i);
        last = i + 1;
    }
    snprintf(text, sizeof(text), "],\"nextCursor\":\"n.%zu\"}", last);
    if (more || (r->listed_n && sim_chance(&s->net, 50))) {
        adds(a, text); /* sometimes it leads to nothing */
    } else {
        adds(a, "]}");
    }
    r->objects = r->listed_n ? (unsigned)r->listed_n : 1;
    if (r->listed_n == 0) {
        none_found(a);
    }
}

static void
answer_bootstrap(struct answer *a)
{
    struct sim *s = a->s;
    struct sim_request *r = a->r;
    char feed[40], league[40], event[80], channel[96], where[700];

    param(r->url, "feed", feed, sizeof(feed));
    param(r->url, "leagueID", league, sizeof(league));
    param(r->url, "eventID", event, sizeof(event));
    push_channel_name(s, channel, sizeof(channel), feed, league, event);
    snprintf(where, sizeof(where),
             "\"pusherKey\":\"0123456789abcdef%04u\",\"pusherOptions\":{"
             "\"cluster\":\"us2\",\"wsHost\":\"ws%u.test\",\"wssPort\":443,"
             "\"channelAuthorization\":{\"endpoint\":\"https://api.test/v2/"
             "stream/pusher/auth\",\"headers\":{\"x-api-key\":\"SECRET\"}}},"
             "\"user\":\"u1\",\"channel\":\"%s\"",
             s->key, s->key, channel);
    adds(a, "{\"success\":true,");
    if (!s->sc.snapshot_first) {
        adds(a, where);
        adds(a, ",");
    }
    adds(a, "\"data\":[");
    for (size_t i = 0; i < s->event_count; i++) {
        struct sim_event *e = &s->events[i];

        if (truth_listed(e, truth_at(e, a->as_of), feed, league, event)) {
            add_event(a, i);
        }
    }
    adds(a, "]");
    if (s->sc.snapshot_first) {
        adds(a, ",");
        adds(a, where);
    }
    adds(a, "}");
    r->objects = r->listed_n ? (unsigned)r->listed_n : 1;
}

static void
spent_of_late(const struct sim *s, unsigned *requests, unsigned *objects)
{
    *requests = *objects = 0;
    for (size_t n = s->spent_n; n && s->spent_n - n < SIM_LATEST; n--) {
        size_t i = (n - 1) % SIM_LATEST;

        if (s->spent[i].at <= s->now - 60 * NS_PER_S) {
            break;
        }
        ++*requests;
        *objects += s->spent[i].objects;
    }
}

static void
answer_usage(struct answer *a)
{
    struct sim *s = a->s;
    unsigned requests, objects;
    char text[500];

    spent_of_late(s, &requests, &objects);
    if (s->sc.minute_requests) {
        snprintf(text, sizeof(text),
                 "{\"success\":true,\"data\":{\"tier\":\"t\",\"rateLimits\":{"
                 "\"per-minute\":{\"max-requests\":%u,\"max-entities\":%u,"
                 "\"current-requests\":%u,\"current-entities\":%u},"
                 "\"per-day\":{\"max-requests\":\"unlimited\"}}}}",
                 s->sc.minute_requests, s->sc.minute_objects, requests,
                 objects);
    } else {
        snprintf(text, sizeof(text),
                 "{\"success\":true,\"data\":{\"rateLimits\":{}}}");
    }
    adds(a, text);
}

static void
answer_auth(struct answer *a)
{
    struct sim *s = a->s;
    char socket[40], channel[100], auth[200], text[400];
    struct fault *f = scenario_hits(s, F_AUTH);

    if (f && f->arg == 1) {
        a->r->lost = true;
    } else if (f && f->arg) {
        say(a, (int)f->arg, "{\"success\":false,\"error\":\"not now\"}");
        a->r->retry_after = f->arg == 429 ? 2 * NS_PER_S : -1;
    } else if (f) {
        say(a, 200, "<html>no</html>");
    } else if (scenario_hits(s, F_SLOTS)) {
        say(a, 403, "concurrent stream limit reached");
    } else {
        param(a->r->form, "socket_id", socket, sizeof(socket));
        param(a->r->form, "channel_name", channel, sizeof(channel));
        push_auth_text(s, socket, channel, auth, sizeof(auth));
        snprintf(text, sizeof(text),
                 "{\"auth\":\"%s\",\"channel_data\":\"{\\\"user_id\\\":"
                 "\\\"u\\/1 \\u00e9\\\"}\"}",
                 auth);
        say(a, 200, text);
    }
}

/* ---- faults ------------------------------------------------------------------- */

static bool
refused_id(struct sim *s, const struct sim_request *r)
{
    for (size_t i = 0; i < r->asked_n; i++) {
        for (size_t k = 0; k < s->sc.fault_count; k++) {
            struct fault *f = &s->sc.faults[k];

            if (f->kind == F_400_ID && (size_t)f->arg == r->asked[i] &&
                s->now - s->begin >= f->at && s->now - s->begin < f->until) {
                f->hits++;
                return true;
            }
        }
    }
    return false;
}

/* Answers that come instead of the true one. */
static bool
instead(struct answer *a)
{
    struct sim *s = a->s;
    struct sim_request *r = a->r;
    bool several = r->kind != ASK_IDS || r->asked_n > 1;
    struct fault *f;

    if (refused_id(s, r)) {
        say(a, 400, "{\"success\":false,\"error\":\"bad eventIDs\"}");
    } else if ((f = scenario_hits(s, F_500))) {
        static const int codes[] = {500, 503, 408, 409};

        say(a, codes[rand_between(&s->luck, 0, 3)],
            "{\"success\":false,\"error\":\"temporary\"}");
    } else if ((f = scenario_hits(s, F_HTML))) {
        static const int codes[] = {200, 502, 403};

        say(a, codes[rand_between(&s->luck, 0, 2)], "<html>hello</html>");
    } else if (several && (f = scenario_hits(s, F_504))) {
        say(a, 504, "{\"success\":false,\"error\":\"too heavy\"}");
    } else if ((f = scenario_hits(s, F_429))) {
        say(a, 429, "{\"success\":false,\"error\":\"limit per minute\"}");
    } else if ((f = scenario_hits(s, F_429_WAIT))) {
        say(a, 429, "{\"success\":false,\"error\":\"limit per hour\"}");
        r->retry_after = rand_between(&s->luck, 1, f->arg) * NS_PER_S;
    } else if ((f = scenario_hits(s, F_503_WAIT))) {
        say(a, 503, "{\"success\":false,\"error\":\"busy\"}");
        r->retry_after = rand_between(&s->luck, 1, f->arg) * NS_PER_S;
    } else if ((f = scenario_hits(s, F_401))) {
        say(a, 401, "{\"success\":false,\"error\":\"Invalid API key\"}");
        s->denied_at = s->now;
    } else if (r->kind == ASK_IDS && r->asked_n > 1 &&
               (f = scenario_hits(s, F_404_SEVERAL))) {
        say(a, 404, "{\"success\":false,\"error\":\"No events found\"}");
    } else if ((f = scenario_hits(s, F_FALSE))) {
        static const char *const texts[] = {
            "{\"success\":false,\"error\":\"sorry\"}", "{\"data\":[]}", "",
            "[]"};

        say(a, 200, texts[rand_between(&s->luck, 0, 3)]);
    } else if (r->kind == ASK_BOOT && (f = scenario_hits(s, F_SLOTS))) {
        say(a, 403,
            "{\"success\":false,\"error\":\"concurrent stream limit "
            "reached\"}");
    } else {
        return false;
    }
    return true;
}

/* The event whose bytes hold the offset is none any more. */
static void
forget_event_at(struct sim_request *r, size_t at)
{
    size_t k = 0;

    while (k < r->listed_n && r->listed_end[k] <= at) {
        k++;
    }
    if (k < r->listed_n && r->listed_at[k] <= at) {
        r->listed[k] = SIM_EVENTS;
    }
}

static void
damage(struct sim *s, struct sim_request *r)
{
    size_t at;

    if (scenario_hits(s, F_TRUNCATED)) {
        r->cut = true;
        r->len = (size_t)rand_between(&s->luck, 0, (int64_t)r->len);
    } else if (r->len && scenario_hits(s, F_MALFORMED)) {
        at = (size_t)rand_between(&s->luck, 0, (int64_t)r->len - 1);
        r->answer[at] = '\1';
        if (r->kind == ASK_IDS) {
            r->listed_n = 0;
        }
        forget_event_at(r, at); /* lists apply the others */
        r->status = r->status == 404 ? 500 : r->status;
    }
    while (r->listed_n && r->listed_end[r->listed_n - 1] > r->len) {
        r->listed_n--;
    }
}

/* Count against the plan; false: over it. */
static bool
within_plan(struct sim *s, const struct sim_request *r)
{
    unsigned requests, objects;

    if (r->kind == ASK_AUTH) {
        return true;
    }
    spent_of_late(s, &requests, &objects);
    if (s->sc.minute_requests && (requests >= s->sc.minute_requests ||
                                  objects > s->sc.minute_objects)) {
        s->over_plan++;
        /* Of answers that break off the client cannot know all objects. */
        if (s->usage_told && s->now - s->usage_told_at > 60 * NS_PER_S &&
            (requests >= s->sc.minute_requests ||
             objects > s->sc.minute_objects + s->sc.minute_objects / 10)) {
            sim_fail(s, "P9",
                     "%u requests and %u objects in a minute, the plan "
                     "allows %u and %u",
                     requests + 1, objects, s->sc.minute_requests,
                     s->sc.minute_objects);
        }
        return false;
    }
    s->spent[s->spent_n % SIM_LATEST].at = s->now;
    s->spent[s->spent_n++ % SIM_LATEST].objects = r->objects;
    return true;
}

static void
answer(struct answer *a)
{
    switch (a->r->kind) {
    case ASK_BOOT:
        answer_bootstrap(a);
        break;
    case ASK_LIST:
    case ASK_IDS:
        answer_events(a);
        break;
    case ASK_USAGE:
        answer_usage(a);
        break;
    case ASK_AUTH:
        break;
    }
}

void
answer_make(struct sim *s, struct sim_request *r)
{
    struct answer a = {.s = s, .r = r, .as_of = s->now};
    struct fault *f;

    r->status = 200;
    if (scenario_hits(s, F_OUTAGE) || scenario_hits(s, F_RESET)) {
        r->no_answer = true;
    } else if (scenario_hits(s, F_HANG)) {
        r->lost = true;
    } else if (r->kind == ASK_AUTH) {
        answer_auth(&a);
    } else if (!instead(&a)) {
        if ((f = scenario_hits(s, F_STALE))) {
            a.as_of -= rand_between(&s->luck, 0, f->arg * NS_PER_MS);
            s->lied_at = s->now;
        } else if ((f = scenario_hits(s, F_AGED))) {
            r->age = rand_between(&s->luck, 1, f->arg) * NS_PER_S;
            a.as_of -= r->age;
        }
        answer(&a);
        damage(s, r);
    }
    if (!r->no_answer && !r->lost && !within_plan(s, r)) {
        say(&a, 429, "{\"success\":false,\"error\":\"limit per minute\"}");
    }
}
