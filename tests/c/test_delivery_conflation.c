/* What a consumer gets for a series of versions: the table of conflation row
 * by row, queues that do not conflate, filters, several streams. */
#include "check.h"
#include "delivery_help.h"
#include "json_help.h"

static struct feeder f;

static void
put(const char *id, int score)
{
    CHECK_INT(feeder_put(&f, 1, small_event(id, "NFL", score, 0, 0)), SGO_OK);
}

/* ---- the table ------------------------------------------------------------ */

static void
added_and_changed_is_added(void)
{
    sgo_subscription *sub;

    feeder_init(&f);
    sub = subscribe_one(&f, NULL);
    put("a", 1);
    put("a", 2);
    CHECK(expect(sub, "added", "a", 2));
    CHECK(expect(sub, NULL, NULL, 0));
    subscription_release(sub);
    feeder_fini(&f);
}

static void
changed_and_changed_is_changed(void)
{
    sgo_subscription *sub;
    sgo_status status;
    sgo_update *u;
    const struct changes *changes;

    feeder_init(&f);
    put("a", 1);
    sub = subscribe_one(&f, NULL);
    CHECK(expect(sub, "added", "a", 1));
    put("a", 2);
    put("a", 3);
    u = take_one(sub, &status);
    CHECK_INT(status, SGO_OK);
    CHECK_INT(update_kind(u), SGO_CHANGED);
    CHECK_INT(score_of(update_previous(u)), 1);
    CHECK_INT(score_of(update_event(u)), 3);
    CHECK_INT(update_skipped(u), 1);
    CHECK_INT(update_changes(u, &changes), SGO_OK);
    CHECK_INT(changes->n, 1);
    update_release(u);
    CHECK(expect(sub, NULL, NULL, 0));
    subscription_release(sub);
    feeder_fini(&f);
}

static void
changed_and_removed_is_removed(void)
{
    sgo_subscription *sub;
    sgo_status status;
    sgo_update *u;
    const struct changes *changes;

    feeder_init(&f);
    put("a", 1);
    sub = subscribe_one(&f, NULL);
    CHECK(expect(sub, "added", "a", 1));
    put("a", 2);
    feeder_remove(&f, 1, "a");
    u = take_one(sub, &status);
    CHECK_INT(update_kind(u), SGO_REMOVED);
    CHECK_INT(update_cause(u), SGO_CAUSE_EXPIRY);
    CHECK_INT(score_of(update_previous(u)), 1);
    CHECK_INT(score_of(update_event(u)), 2);
    CHECK_INT(update_changes(u, &changes), SGO_OK);
    CHECK_INT(changes->n, 1);
    CHECK_INT(changes->items[0].kind, SGO_CHANGE_REMOVED);
    update_release(u);
    CHECK(expect(sub, NULL, NULL, 0));
    subscription_release(sub);
    feeder_fini(&f);
}

static void
added_and_removed_is_nothing(void)
{
    sgo_subscription_stats stats;
    sgo_subscription *sub;

    feeder_init(&f);
    sub = subscribe_one(&f, NULL);
    put("a", 1);
    put("a", 2);
    feeder_remove(&f, 1, "a");
    CHECK(expect(sub, NULL, NULL, 0));
    subscription_get_stats(sub, &stats);
    CHECK_INT(stats.cancelled, 1);
    CHECK_INT(stats.pending, 0);
    put("a", 3); /* and begins anew */
    CHECK(expect(sub, "added", "a", 3));
    subscription_release(sub);
    feeder_fini(&f);
}

static void
removed_and_added_is_changed(void)
{
    sgo_subscription *sub;
    sgo_status status;
    sgo_update *u;

    feeder_init(&f);
    put("a", 1);
    sub = subscribe_one(&f, NULL);
    CHECK(expect(sub, "added", "a", 1));
    feeder_remove(&f, 1, "a");
    put("a", 5);
    u = take_one(sub, &status);
    CHECK_INT(update_kind(u), SGO_CHANGED);
    CHECK_INT(score_of(update_previous(u)), 1);
    CHECK_INT(score_of(update_event(u)), 5);
    update_release(u);
    feeder_remove(&f, 1, "a"); /* alone */
    CHECK(expect(sub, "removed", "a", 5));
    put("a", 6);
    CHECK(expect(sub, "added", "a", 6));
    subscription_release(sub);
    feeder_fini(&f);
}

static void
a_b_a_leaves_changes_empty(void)
{
    sgo_subscription *sub;
    sgo_status status;
    sgo_update *u;
    const struct changes *changes;
    const struct quote_changes *quotes;

    feeder_init(&f);
    put("a", 1);
    sub = subscribe_one(&f, NULL);
    CHECK(expect(sub, "added", "a", 1));
    put("a", 2);
    put("a", 1);
    u = take_one(sub, &status);
    CHECK_INT(update_kind(u), SGO_CHANGED);
    CHECK_INT(update_changes(u, &changes), SGO_OK);
    CHECK_INT(changes->n, 0);
    CHECK_INT(update_quotes(u, &quotes), SGO_OK);
    CHECK_INT(quotes->n, 0);
    update_release(u);
    subscription_release(sub);
    feeder_fini(&f);
}

static void
key_order_alone_delivers_nothing(void)
{
    sgo_subscription *sub;
    struct document *doc;

    feeder_init(&f);
    for (int with_list = 0; with_list < 2; with_list++) {
        f.no_changes = !with_list;
        feeder_put(&f, 1, "{\"eventID\":\"a\",\"x\":1,\"score\":2}");
        sub = subscribe_one(&f, NULL);
        CHECK(expect(sub, "added", "a", 2));
        feeder_put(&f, 1, "{\"score\":2,\"eventID\":\"a\",\"x\":1}");
        CHECK(expect(sub, NULL, NULL, 0));
        doc = hub_event(f.hub, 1, "a", 1); /* the bytes are replaced */
        CHECK(doc == feeder_doc(&f, 1, "a"));
        document_release(doc);
        subscription_release(sub);
        feeder_remove(&f, 1, "a");
    }
    feeder_fini(&f);
}

static void
oldest_first_and_a_later_version_keeps_its_place(void)
{
    sgo_subscription *sub;

    feeder_init(&f);
    put("a", 1);
    put("b", 1);
    put("c", 1);
    sub = subscribe_one(&f, NULL);
    CHECK(expect(sub, "added", "a", 1));
    put("d", 1);
    put("b", 2); /* still pending: keeps its place */
    put("a", 2);
    CHECK(expect(sub, "added", "b", 2));
    CHECK(expect(sub, "added", "c", 1));
    CHECK(expect(sub, "added", "d", 1));
    CHECK(expect(sub, "changed", "a", 2));
    CHECK(expect(sub, NULL, NULL, 0));
    subscription_release(sub);
    feeder_fini(&f);
}

static void
the_list_of_the_core_is_shared(void)
{
    sgo_subscription *sub;
    sgo_status status;
    sgo_update *u;
    const struct changes *changes;
    struct document *next;
    struct changes *list;
    struct document *held;
    struct publication pub = {.stream_id = 1, .kind = SGO_CHANGED};
    const char *text = small_event("a", "NFL", 2, 0, 0);
    sgo_subscription_options options;

    feeder_init(&f);
    put("a", 1);
    subscription_options_init(&options);
    options.include_timestamps = true;
    sub = subscribe_one(&f, &options);
    CHECK(expect(sub, "added", "a", 1));
    held = feeder_doc(&f, 1, "a");
    text = small_event("a", "NFL", 2, 0, 0);
    CHECK_INT(
        document_update(f.pool, text, strlen(text), held, &next, &list, NULL),
        SGO_OK);
    pub.event_id = "a";
    pub.event_id_len = 1;
    pub.event = next;
    pub.previous = held;
    pub.changes = list;
    CHECK_INT(hub_publish(f.hub, &pub), SGO_OK);
    u = take_one(sub, &status);
    CHECK_INT(update_changes(u, &changes), SGO_OK);
    CHECK(changes == list);
    CHECK(update_previous(u) == held);
    update_release(u);
    changes_release(list);
    document_release(next);
    subscription_release(sub);
    feeder_fini(&f);
}

static void
without_pending_no_old_version_is_held(void)
{
    struct pool_stats before, after;
    sgo_subscription *sub;

    feeder_init(&f);
    put("a", 1);
    sub = subscribe_one(&f, NULL);
    CHECK(expect(sub, "added", "a", 1));
    pool_stats(f.pool, &before);
    for (int i = 2; i < 20; i++) {
        put("a", i);
        CHECK(expect(sub, "changed", "a", i));
    }
    pool_stats(f.pool, &after);
    CHECK_INT(after.used_bytes, before.used_bytes);
    CHECK_INT(hub_queued_bytes(f.hub), 0);
    put("a", 100); /* pending: the base, and only that */
    for (int i = 101; i < 120; i++) {
        put("a", i);
    }
    pool_stats(f.pool, &after);
    CHECK(after.used_bytes <= 2 * before.used_bytes);
    CHECK(hub_queued_bytes(f.hub) > 0);
    subscription_close(sub);
    CHECK_INT(hub_queued_bytes(f.hub), 0);
    pool_stats(f.pool, &after);
    CHECK_INT(after.used_bytes, before.used_bytes);
    subscription_release(sub);
    feeder_fini(&f);
}

/* ---- initial -------------------------------------------------------------- */

static void
initial_false_knows_what_is_held(void)
{
    sgo_subscription_options options;
    sgo_subscription *sub;
    sgo_status status;
    sgo_update *u;

    feeder_init(&f);
    put("a", 1);
    put("b", 1);
    subscription_options_init(&options);
    options.initial = false;
    sub = subscribe_one(&f, &options);
    CHECK(expect(sub, NULL, NULL, 0));
    put("a", 2);
    feeder_remove(&f, 1, "b");
    put("c", 1);
    u = take_one(sub, &status);
    CHECK_INT(update_kind(u), SGO_CHANGED);
    CHECK_INT(score_of(update_previous(u)), 1);
    update_release(u);
    CHECK(expect(sub, "removed", "b", 1));
    CHECK(expect(sub, "added", "c", 1));
    CHECK(expect(sub, NULL, NULL, 0));
    subscription_release(sub);
    feeder_fini(&f);
}

static void
a_snapshot_says_so_until_delivered(void)
{
    sgo_subscription *sub;
    sgo_status status;
    sgo_update *u;

    feeder_init(&f);
    put("a", 1);
    sub = subscribe_one(&f, NULL);
    put("a", 2);
    put("b", 1);
    u = take_one(sub, &status);
    CHECK_INT(update_kind(u), SGO_ADDED);
    CHECK_INT(update_cause(u), SGO_CAUSE_SNAPSHOT);
    CHECK_INT(score_of(update_event(u)), 2);
    CHECK(update_previous(u) == NULL);
    CHECK_INT(update_skipped(u), 1);
    CHECK(update_times(u).taken > 0);
    CHECK(update_times(u).applied > 0);
    CHECK(update_times(u).taken >= update_times(u).applied);
    CHECK_INT(update_times(u).notified, 0);
    update_release(u);
    u = take_one(sub, &status);
    CHECK_INT(update_cause(u), SGO_CAUSE_NOTIFICATION);
    update_release(u);
    subscription_release(sub);
    feeder_fini(&f);
}

/* ---- not conflating ------------------------------------------------------- */

static void
a_queue_keeps_every_version(void)
{
    sgo_subscription_options options;
    sgo_subscription *sub;
    sgo_status status;
    sgo_update *u;

    feeder_init(&f);
    subscription_options_init(&options);
    options.conflate = false;
    sub = subscribe_one(&f, &options);
    put("a", 1);
    put("a", 2);
    feeder_remove(&f, 1, "a");
    put("a", 3);
    CHECK(expect(sub, "added", "a", 1));
    u = take_one(sub, &status);
    CHECK_INT(update_kind(u), SGO_CHANGED);
    CHECK_INT(score_of(update_previous(u)), 1);
    CHECK_INT(score_of(update_event(u)), 2);
    update_release(u);
    CHECK(expect(sub, "removed", "a", 2));
    CHECK(expect(sub, "added", "a", 3));
    CHECK(expect(sub, NULL, NULL, 0));
    CHECK_INT(hub_queued_bytes(f.hub), 0);
    subscription_release(sub);
    feeder_fini(&f);
}

static void
a_slow_consumer_is_told_once_and_catches_up(void)
{
    sgo_subscription_options options;
    sgo_subscription_stats stats;
    sgo_subscription *sub;
    sgo_status status;
    sgo_update *u;

    feeder_init(&f);
    put("a", 1);
    put("b", 1);
    subscription_options_init(&options);
    options.conflate = false;
    options.max_queue = 4;
    sub = subscribe_one(&f, &options);
    CHECK(expect(sub, "added", "a", 1));
    CHECK(expect(sub, "added", "b", 1));
    put("a", 2);
    put("a", 3);
    put("c", 1);
    feeder_remove(&f, 1, "c"); /* full now */
    put("b", 2);               /* one too many */
    put("a", 4);
    u = take_one(sub, &status);
    CHECK(u == NULL);
    CHECK_INT(status, SGO_SLOW_CONSUMER);
    u = take_one(sub, &status);
    CHECK_INT(update_kind(u), SGO_CHANGED);
    CHECK_INT(score_of(update_previous(u)), 1); /* what was last delivered */
    CHECK_INT(score_of(update_event(u)), 4);
    CHECK_INT(update_skipped(u), 2);
    update_release(u);
    CHECK(expect(sub, "changed", "b", 2)); /* c came and went */
    CHECK(expect(sub, NULL, NULL, 0));
    put("a", 5); /* drained: every version again */
    put("a", 6);
    CHECK(expect(sub, "changed", "a", 5));
    CHECK(expect(sub, "changed", "a", 6));
    subscription_get_stats(sub, &stats);
    CHECK_INT(stats.slow_episodes, 1);
    CHECK_INT(stats.cancelled, 1);
    CHECK_INT(stats.pending, 0);
    CHECK_INT(hub_queued_bytes(f.hub), 0);
    subscription_release(sub);
    feeder_fini(&f);
}

/* ---- filters -------------------------------------------------------------- */

static void
hidden_changes_deliver_nothing_but_are_carried(void)
{
    const char *const books[] = {"bovada"};
    sgo_subscription_options options;
    sgo_subscription_stats stats;
    sgo_subscription *sub;
    sgo_status status;
    sgo_update *u;
    const struct changes *changes;

    feeder_init(&f);
    feeder_put(&f, 1, small_event("a", "NFL", 1, 0, 0));
    subscription_options_init(&options);
    options.bookmaker_ids = books;
    options.bookmaker_id_count = 1;
    sub = subscribe_one(&f, &options);
    CHECK(expect(sub, "added", "a", 1));
    feeder_put(&f, 1, small_event("a", "NFL", 1, 5, 0)); /* pinnacle */
    feeder_put(&f, 1, small_event("a", "NFL", 1, 5, 9)); /* a time stamp */
    CHECK(expect(sub, NULL, NULL, 0));
    subscription_get_stats(sub, &stats);
    CHECK_INT(stats.hidden, 2);
    feeder_put(&f, 1, small_event("a", "NFL", 2, 5, 9)); /* shown */
    feeder_put(&f, 1, small_event("a", "NFL", 2, 7, 9)); /* hidden */
    u = take_one(sub, &status);
    CHECK_INT(update_kind(u), SGO_CHANGED);
    CHECK(update_event(u) == feeder_doc(&f, 1, "a")); /* the newest */
    CHECK_INT(update_skipped(u), 0);
    CHECK_INT(update_changes(u, &changes), SGO_OK);
    CHECK_INT(changes->n, 1); /* the score, not pinnacle */
    update_release(u);
    subscription_release(sub);
    feeder_fini(&f);
}

static void
events_are_chosen_by_id_and_league(void)
{
    const char *const ids[] = {"a", "c"};
    const char *const leagues[] = {"NBA"};
    sgo_subscription_options options;
    sgo_subscription *by_id, *by_league;

    feeder_init(&f);
    feeder_put(&f, 1, small_event("a", "NFL", 1, 0, 0));
    feeder_put(&f, 1, small_event("b", "NBA", 1, 0, 0));
    subscription_options_init(&options);
    options.event_ids = ids;
    options.event_id_count = 2;
    by_id = subscribe_one(&f, &options);
    subscription_options_init(&options);
    options.league_ids = leagues;
    options.league_id_count = 1;
    by_league = subscribe_one(&f, &options);
    feeder_put(&f, 1, small_event("c", "MLB", 1, 0, 0));
    feeder_put(&f, 1, small_event("d", "NBA", 1, 0, 0));
    CHECK(expect(by_id, "added", "a", 1));
    CHECK(expect(by_id, "added", "c", 1));
    CHECK(expect(by_id, NULL, NULL, 0));
    CHECK(expect(by_league, "added", "b", 1));
    CHECK(expect(by_league, "added", "d", 1));
    CHECK(expect(by_league, NULL, NULL, 0));
    feeder_remove(&f, 1, "a");
    feeder_remove(&f, 1, "b");
    CHECK(expect(by_id, "removed", "a", 1));
    CHECK(expect(by_league, "removed", "b", 1));
    /* An event that changes its league leaves. */
    feeder_put(&f, 1, small_event("d", "WNBA", 2, 0, 0));
    CHECK(expect(by_league, "removed", "d", 2));
    CHECK(expect(by_league, NULL, NULL, 0));
    subscription_release(by_id);
    subscription_release(by_league);
    feeder_fini(&f);
}

static void
patterns_that_match_nothing_show(void)
{
    const char *const odds[] = {"points-*", "rushing-*"};
    const char *const bad[] = {"points-["};
    const uint32_t id = 1;
    sgo_subscription_options options;
    sgo_subscription *sub;
    sgo_error err;

    feeder_init(&f);
    put("a", 1);
    subscription_options_init(&options);
    options.odd_ids = odds;
    options.odd_id_count = 2;
    sub = subscribe_one(&f, &options);
    CHECK(subscription_pattern_matches(sub, 0) > 0);
    CHECK_INT(subscription_pattern_matches(sub, 1), 0);
    CHECK_INT(subscription_pattern_matches(sub, 2), 0);
    subscription_release(sub);
    options.odd_ids = bad;
    options.odd_id_count = 1;
    CHECK_INT(subscription_create(f.hub, &id, 1, &options, &sub, &err),
              SGO_INVALID);
    CHECK(strstr(err.text, "odd_ids") != NULL);
    feeder_fini(&f);
}

static void
bad_options_are_refused(void)
{
    const uint32_t id = 1, unknown = 99;
    sgo_subscription_options options;
    sgo_subscription *sub;
    sgo_error err;

    feeder_init(&f);
    subscription_options_init(&options);
    options.min_interval_ns = -1;
    CHECK_INT(subscription_create(f.hub, &id, 1, &options, &sub, &err),
              SGO_INVALID);
    CHECK(strstr(err.text, "min_interval") != NULL);
    subscription_options_init(&options);
    options.conflate = false;
    options.max_queue = 0;
    CHECK_INT(subscription_create(f.hub, &id, 1, &options, &sub, &err),
              SGO_INVALID);
    CHECK(strstr(err.text, "max_queue") != NULL);
    options.max_queue = 1;
    options.min_interval_ns = 1;
    CHECK_INT(subscription_create(f.hub, &id, 1, &options, &sub, &err),
              SGO_INVALID);
    subscription_options_init(&options);
    options.max_age_ns = -5;
    CHECK_INT(subscription_create(f.hub, &id, 1, &options, &sub, &err),
              SGO_INVALID);
    CHECK_INT(subscription_create(f.hub, &id, 0, NULL, &sub, &err),
              SGO_INVALID);
    CHECK_INT(subscription_create(f.hub, &unknown, 1, NULL, &sub, &err),
              SGO_NOT_FOUND);
    hub_stream_close(f.hub, 1);
    CHECK_INT(subscription_create(f.hub, &id, 1, NULL, &sub, &err),
              SGO_CLOSED);
    feeder_fini(&f);
}

static void
publications_that_say_nothing_do_nothing(void)
{
    struct publication pub = {.stream_id = 1,
                              .kind = SGO_REMOVED,
                              .event_id = "x",
                              .event_id_len = 1};
    sgo_subscription *sub;

    feeder_init(&f);
    sub = subscribe_one(&f, NULL);
    CHECK_INT(hub_publish(f.hub, &pub), SGO_OK); /* not held */
    put("a", 1);
    CHECK(expect(sub, "added", "a", 1));
    pub.kind = SGO_CHANGED; /* the same version again */
    pub.event_id = "a";
    pub.event = feeder_doc(&f, 1, "a");
    CHECK_INT(hub_publish(f.hub, &pub), SGO_OK);
    pub.event_id = "b"; /* under another name */
    CHECK_INT(hub_publish(f.hub, &pub), SGO_INVALID);
    pub.event_id = "a";
    pub.stream_id = 77;
    CHECK_INT(hub_publish(f.hub, &pub), SGO_NOT_FOUND);
    CHECK(expect(sub, NULL, NULL, 0));
    subscription_release(sub);
    feeder_fini(&f);
}

/* ---- several streams ------------------------------------------------------ */

static void
an_event_in_two_streams_comes_once(void)
{
    const uint32_t both[] = {1, 2, 2};
    sgo_subscription *sub;
    struct document *doc;
    sgo_status status;
    sgo_update *u;
    sgo_error err;

    feeder_init(&f);
    put("a", 1);
    feeder_put_doc(&f, 2, feeder_doc(&f, 1, "a"));
    feeder_put(&f, 2, small_event("b", "NFL", 1, 0, 0));
    CHECK_INT(subscription_create(f.hub, both, 3, NULL, &sub, &err), SGO_OK);
    CHECK(expect(sub, "added", "a", 1));
    u = take_one(sub, &status);
    CHECK_INT(update_stream_id(u), 2);
    update_release(u);
    CHECK(expect(sub, NULL, NULL, 0));
    /* The same new version through both, with a take in between. */
    put("a", 2);
    CHECK(expect(sub, "changed", "a", 2));
    doc = document_retain(feeder_doc(&f, 1, "a"));
    feeder_put_doc(&f, 2, doc);
    CHECK(expect(sub, NULL, NULL, 0));
    feeder_remove(&f, 1, "a"); /* stream 2 has it still */
    CHECK(expect(sub, NULL, NULL, 0));
    feeder_put_doc(&f, 1, doc); /* and back */
    CHECK(expect(sub, NULL, NULL, 0));
    feeder_remove(&f, 2, "a");
    CHECK(expect(sub, NULL, NULL, 0));
    feeder_remove(&f, 1, "a");
    CHECK(expect(sub, "removed", "a", 2));
    document_release(doc);
    subscription_release(sub);
    feeder_fini(&f);
}

static void
one_closed_stream_of_two_takes_only_its_own(void)
{
    const uint32_t both[] = {1, 2};
    sgo_subscription *sub;
    sgo_status status;
    sgo_error err;

    feeder_init(&f);
    put("a", 1);
    put("b", 1);
    feeder_put_doc(&f, 2, feeder_doc(&f, 1, "b"));
    feeder_put(&f, 2, small_event("c", "NFL", 1, 0, 0));
    CHECK_INT(subscription_create(f.hub, both, 2, NULL, &sub, &err), SGO_OK);
    hub_stream_close(f.hub, 1);
    CHECK(expect(sub, "added", "b", 1));
    CHECK(expect(sub, "added", "c", 1));
    CHECK(expect(sub, NULL, NULL, 0));
    feeder_put(&f, 2, small_event("b", "NFL", 2, 0, 0));
    CHECK(expect(sub, "changed", "b", 2));
    CHECK_INT(feeder_put(&f, 1, small_event("d", "NFL", 2, 0, 0)),
              SGO_NOT_FOUND);
    feeder_put(&f, 2, small_event("c", "NFL", 2, 0, 0));
    hub_stream_close(f.hub, 2);
    CHECK(take_one(sub, &status) == NULL);
    CHECK_INT(status, SGO_CLOSED);
    subscription_release(sub);
    feeder_fini(&f);
}

/* ---- the byte limit ------------------------------------------------------- */

static void
shedding_drops_previous_then_ends_queues(void)
{
    sgo_subscription_options options;
    sgo_subscription *sub, *queue;
    sgo_subscription_stats stats;
    sgo_status status;
    sgo_update *u;
    const struct changes *changes;
    size_t bytes;

    feeder_init(&f);
    put("a", 1);
    put("b", 1);
    sub = subscribe_one(&f, NULL);
    subscription_options_init(&options);
    options.conflate = false;
    queue = subscribe_one(&f, &options);
    while ((u = take_one(sub, &status)) != NULL) {
        update_release(u);
    }
    while ((u = take_one(queue, &status)) != NULL) {
        update_release(u);
    }
    for (int i = 2; i < 6; i++) {
        put("a", i);
        put("b", i);
    }
    bytes = hub_queued_bytes(f.hub);
    CHECK(bytes > 0);
    CHECK_INT(hub_shed(f.hub, 1) > 0, 1);
    CHECK(hub_queued_bytes(f.hub) < bytes);
    bytes = hub_queued_bytes(f.hub);
    CHECK_INT(hub_shed(f.hub, SIZE_MAX), bytes - hub_queued_bytes(f.hub));
    CHECK_INT(hub_queued_bytes(f.hub), 0);
    subscription_get_stats(sub, &stats);
    CHECK_INT(stats.previous_dropped, 2);
    u = take_one(sub, &status);
    CHECK_INT(update_kind(u), SGO_CHANGED);
    CHECK(update_previous(u) == NULL);
    CHECK_INT(update_changes(u, &changes), SGO_OK);
    CHECK_INT(changes->n, 1);
    CHECK_INT(changes->items[0].kind, SGO_CHANGE_ADDED);
    update_release(u);
    put("b", 9); /* on the one without previous */
    feeder_remove(&f, 1, "b");
    CHECK(expect(sub, "removed", "b", 9));
    CHECK(take_one(queue, &status) == NULL);
    CHECK_INT(status, SGO_SLOW_CONSUMER);
    CHECK(expect(queue, "changed", "a", 5));
    CHECK(expect(queue, "removed", "b", 9));
    CHECK(expect(queue, NULL, NULL, 0));
    CHECK_INT(hub_queued_bytes(f.hub), 0);
    subscription_release(sub);
    subscription_release(queue);
    feeder_fini(&f);
}

int
main(void)
{
    RUN(added_and_changed_is_added);
    RUN(changed_and_changed_is_changed);
    RUN(changed_and_removed_is_removed);
    RUN(added_and_removed_is_nothing);
    RUN(removed_and_added_is_changed);
    RUN(a_b_a_leaves_changes_empty);
    RUN(key_order_alone_delivers_nothing);
    RUN(oldest_first_and_a_later_version_keeps_its_place);
    RUN(the_list_of_the_core_is_shared);
    RUN(without_pending_no_old_version_is_held);
    RUN(initial_false_knows_what_is_held);
    RUN(a_snapshot_says_so_until_delivered);
    RUN(a_queue_keeps_every_version);
    RUN(a_slow_consumer_is_told_once_and_catches_up);
    RUN(hidden_changes_deliver_nothing_but_are_carried);
    RUN(events_are_chosen_by_id_and_league);
    RUN(patterns_that_match_nothing_show);
    RUN(bad_options_are_refused);
    RUN(publications_that_say_nothing_do_nothing);
    RUN(an_event_in_two_streams_comes_once);
    RUN(one_closed_stream_of_two_takes_only_its_own);
    RUN(shedding_drops_previous_then_ends_queues);
    return check_done();
}
