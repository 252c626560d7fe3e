/* Copies of what a subscription's streams hold at one moment, for those who
 * must look at documents without the lock: the filling of a new subscription,
 * the mending of a damaged one, the search for patterns that match. */
#include <string.h>

#include "base/mem.h"
#include "delivery/internal.h"

enum { MATCH_EVENTS = 256 /* looked at by one question for matches */ };

static void
snapshot_copy_locked(struct sgo_subscription *sub, struct snapshot *s)
{
    for (size_t i = 0; i < sub->stream_count; i++) {
        struct hub_stream *stream = sub->members[i].stream;
        struct map_entry *entry;
        size_t at = 0;

        while ((entry = map_next(&stream->events, &at)) != NULL) {
            const struct holding *holding = entry->value;

            s->docs[s->n] = document_retain(holding->doc);
            s->streams[s->n++] = stream;
        }
    }
}

void
snapshot_fini(struct snapshot *s)
{
    for (size_t i = 0; i < s->n; i++) {
        document_release(s->docs[i]);
    }
    mem_free(s->docs);
    mem_free(s->streams);
}

sgo_status
snapshot_take(struct sgo_subscription *sub, bool link, struct snapshot *out)
{
    struct snapshot s = {0};

    for (;;) {
        bool closed = false;
        size_t count = 0;

        pthread_mutex_lock(&sub->hub->lock);
        for (size_t i = 0; i < sub->stream_count; i++) {
            count += sub->members[i].stream->events.len;
            closed = closed || sub->members[i].stream->closed;
        }
        if (s.docs && count <= s.cap && !(closed && link)) {
            snapshot_copy_locked(sub, &s);
            if (link) {
                subscription_link_locked(sub);
            }
            pthread_mutex_unlock(&sub->hub->lock);
            *out = s;
            return SGO_OK;
        }
        pthread_mutex_unlock(&sub->hub->lock);
        mem_free(s.docs);
        mem_free(s.streams);
        if (closed && link) {
            return SGO_CLOSED;
        }
        s.cap = count + count / 8 + 16;
        s.docs = mem_alloc(s.cap * sizeof(*s.docs));
        s.streams = mem_alloc(s.cap * sizeof(*s.streams));
        if (s.docs == NULL || s.streams == NULL) {
            mem_free(s.docs);
            mem_free(s.streams);
            return SGO_NO_MEMORY;
        }
    }
}

/* Which patterns match is looked for when someone asks, on the asker's thread:
 * a few hundred events at a time, going round. */
static void
look_for_matches(sgo_subscription *sub)
{
    const struct show_filter *show = &sub->filter->show;
    bool *matched = mem_calloc(show->odd_id_count, sizeof(*matched));
    struct snapshot snapshot;
    size_t from;

    if (matched == NULL || snapshot_take(sub, false, &snapshot) != SGO_OK) {
        mem_free(matched);
        return;
    }
    pthread_mutex_lock(&sub->hub->lock);
    memcpy(matched, sub->matched, show->odd_id_count);
    from = sub->match_at;
    sub->match_at += MATCH_EVENTS;
    pthread_mutex_unlock(&sub->hub->lock);
    for (size_t i = 0; i < snapshot.n && i < MATCH_EVENTS; i++) {
        struct document *doc = snapshot.docs[(from + i) % snapshot.n];

        if (filter_chooses(sub->filter, doc->event_id, doc->event_id_len,
                           doc)) {
            show_mark_matches(show, doc, matched);
        }
    }
    pthread_mutex_lock(&sub->hub->lock);
    for (size_t i = 0; i < show->odd_id_count; i++) {
        sub->matched[i] = sub->matched[i] || matched[i];
    }
    pthread_mutex_unlock(&sub->hub->lock);
    snapshot_fini(&snapshot);
    mem_free(matched);
}

uint64_t
subscription_pattern_matches(sgo_subscription *sub, size_t i)
{
    bool matched;

    if (i >= sub->filter->show.odd_id_count) {
        return 0;
    }
    pthread_mutex_lock(&sub->hub->lock);
    matched = sub->matched[i];
    pthread_mutex_unlock(&sub->hub->lock);
    if (!matched) {
        look_for_matches(sub);
        pthread_mutex_lock(&sub->hub->lock);
        matched = sub->matched[i];
        pthread_mutex_unlock(&sub->hub->lock);
    }
    return matched;
}
