#include "delivery_help.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/status.h"

void
feeder_init(struct feeder *f)
{
    memset(f, 0, sizeof(*f));
    f->hub = hub_create(&(struct hub_config){.seed = 7});
    f->pool = pool_create((size_t)1 << 20);
    if (f->hub == NULL || f->pool == NULL) {
        abort();
    }
    for (uint32_t i = 1; i <= FEEDER_STREAMS; i++) {
        map_init(&f->docs[i], i);
        if (hub_stream_add(f->hub, i) != SGO_OK) {
            abort();
        }
    }
}

void
feeder_fini(struct feeder *f)
{
    for (uint32_t i = 1; i <= FEEDER_STREAMS; i++) {
        struct map_entry *entry;
        size_t at = 0;

        while ((entry = map_next(&f->docs[i], &at)) != NULL) {
            document_release(entry->value);
        }
        map_fini(&f->docs[i]);
    }
    hub_close(f->hub);
    hub_release(f->hub);
    pool_release(f->pool);
}

const char *
small_event(const char *id, const char *league, int score, int odds, int stamp)
{
    static _Thread_local char text[512];

    snprintf(text, sizeof(text),
             "{\"eventID\":\"%s\",\"leagueID\":\"%s\",\"score\":%d,"
             "\"odds\":{\"points-home\":{\"oddID\":\"points-home\","
             "\"byBookmaker\":{\"pinnacle\":{\"odds\":\"-%d\","
             "\"lastUpdatedAt\":\"2025-08-27T20:03:%02d.000Z\"},"
             "\"bovada\":{\"odds\":\"+%d\"}}}}}",
             id, league, score, 100 + odds % 800, stamp % 60,
             odds < 0 ? 100 - odds : 150);
    return text;
}

static sgo_status
publish(struct feeder *f, uint32_t stream_id, struct document *doc,
        struct document *old, struct changes *changes)
{
    struct publication pub = {
        .stream_id = stream_id,
        .kind = old ? SGO_CHANGED : SGO_ADDED,
        .cause = SGO_CAUSE_NOTIFICATION,
        .event_id = doc->event_id,
        .event_id_len = doc->event_id_len,
        .event = doc,
        .previous = old,
        .changes = f->no_changes ? NULL : changes,
        .times = {.applied = clock_now_ns(), .requested = clock_now_ns()}};

    return hub_publish(f->hub, &pub);
}

static sgo_status
settle(struct feeder *f, uint32_t stream_id, struct document *doc,
       struct changes *changes)
{
    struct document *old =
        map_get(&f->docs[stream_id], doc->event_id, doc->event_id_len);
    sgo_status status = publish(f, stream_id, doc, old, changes);

    if (map_put(&f->docs[stream_id], doc->event_id, doc->event_id_len,
                document_retain(doc), NULL) != SGO_OK) {
        abort();
    }
    document_release(old);
    return status;
}

sgo_status
feeder_put(struct feeder *f, uint32_t stream_id, const char *json)
{
    struct document *doc, *old;
    struct changes *changes = NULL;
    sgo_status status;

    if (document_build(f->pool, json, strlen(json), &doc, NULL) != SGO_OK) {
        abort();
    }
    old = map_get(&f->docs[stream_id], doc->event_id, doc->event_id_len);
    if (old) {
        struct document *built = doc;

        if (document_update(f->pool, json, strlen(json), old, &doc, &changes,
                            NULL) != SGO_OK) {
            abort();
        }
        document_release(built);
    }
    status = settle(f, stream_id, doc, changes);
    document_release(doc);
    changes_release(changes);
    return status;
}

sgo_status
feeder_put_doc(struct feeder *f, uint32_t stream_id, struct document *doc)
{
    struct document *old =
        map_get(&f->docs[stream_id], doc->event_id, doc->event_id_len);
    struct changes *changes = NULL;
    sgo_status status;

    if (old && diff_compare(old, doc, &changes) != SGO_OK) {
        abort();
    }
    status = settle(f, stream_id, doc, changes);
    changes_release(changes);
    return status;
}

sgo_status
feeder_remove(struct feeder *f, uint32_t stream_id, const char *id)
{
    struct document *doc = map_remove(&f->docs[stream_id], id, strlen(id));
    struct publication pub = {.stream_id = stream_id,
                              .kind = SGO_REMOVED,
                              .cause = SGO_CAUSE_EXPIRY,
                              .event_id = id,
                              .event_id_len = strlen(id),
                              .event = doc,
                              .times = {.applied = clock_now_ns()}};
    sgo_status status = hub_publish(f->hub, &pub);

    document_release(doc);
    return status;
}

struct document *
feeder_doc(struct feeder *f, uint32_t stream_id, const char *id)
{
    return map_get(&f->docs[stream_id], id, strlen(id));
}

sgo_subscription *
subscribe_one(struct feeder *f, const sgo_subscription_options *options)
{
    const uint32_t id = 1;
    sgo_subscription *sub;
    sgo_error err;

    if (subscription_create(f->hub, &id, 1, options, &sub, &err) != SGO_OK) {
        fprintf(stderr, "no subscription: %s\n", err.text);
        abort();
    }
    return sub;
}

sgo_update *
take_one(sgo_subscription *sub, sgo_status *status)
{
    sgo_update *update = NULL;
    sgo_error err;
    size_t n;

    *status = subscription_take(sub, &update, 1, 0, &n, &err);
    return *status == SGO_OK ? update : NULL;
}

int
score_of(const struct document *doc)
{
    struct value value;
    const char *raw;
    int64_t score;
    size_t len;

    if (!VALUE_GET(document_root(doc), "score", &value)) {
        return -1;
    }
    raw = value_raw(value, &len);
    return number_parse_int64(raw, len, &score) ? (int)score : -1;
}

bool
expect(sgo_subscription *sub, const char *kind, const char *id, int score)
{
    sgo_status status;
    sgo_update *u = take_one(sub, &status);
    bool right;

    if (kind == NULL || u == NULL) {
        right = kind == NULL && u == NULL && status == SGO_TIMEOUT;
        if (!right) {
            fprintf(stderr, "expected %s %s, got %s (%s)\n",
                    kind ? kind : "nothing", id ? id : "",
                    u ? update_kind_name(update_kind(u)) : "nothing",
                    status_name(status));
        }
    } else {
        right = strcmp(update_kind_name(update_kind(u)), kind) == 0 &&
                strcmp(update_event(u)->event_id, id) == 0 &&
                score_of(update_event(u)) == score;
        if (!right) {
            fprintf(stderr, "expected %s %s %d, got %s %s %d\n", kind, id,
                    score, update_kind_name(update_kind(u)),
                    update_event(u)->event_id, score_of(update_event(u)));
        }
    }
    update_release(u);
    return right;
}
