/* What the files of the brain ask of each other, file by file.  Included by
 * brain.h, behind the structures. */
#ifndef SGO_FEED_PARTS_H
#define SGO_FEED_PARTS_H

#include "feed/brain.h"

/* ---- rules.c: what a document's status says ----------------------------- */

/* Rule 6: the event has left the feed. */
bool rules_leaving(const struct feed *f, const struct document *doc);
/* It would be in the answer to the feed's walk. */
bool rules_listed(const struct feed *f, const struct document *doc);
/* Rule 4: at least one lastUpdatedAt differs, and all that do went back. */
bool rules_stale_read(const struct changes *changes,
                      const struct document *old_doc,
                      const struct document *new_doc);

/* ---- api.c: the API's texts --------------------------------------------- */

/* "&bookmakerID=…" of the shape; *fits false: too long, left out. */
sgo_status api_shape_query(const struct shape *shape, bool expand_results,
                           char **out, bool *fits) SGO_WARN_UNUSED;
/* The decoded eventID of an event's bytes (out: DOCUMENT_MAX_EVENT_ID_BYTES +
 * 1); 0: none found by looking quickly. */
size_t api_event_id(const char *bytes, size_t len, char *out);
/* A whole small answer: *tree (cJSON_Delete) when it is an envelope with
 * success true.  SGO_INVALID, SGO_NO_MEMORY. */
sgo_status api_envelope(const char *bytes, size_t len,
                        cJSON **tree) SGO_WARN_UNUSED;
/* Path of the request's URL for texts: "/stream/events". */
void api_path(const struct request *r, char *out, size_t cap);

/* ---- retry.c: rule 9 ---------------------------------------------------- */

enum outcome {
    OUTCOME_OK,
    OUTCOME_REFUSED,   /* 400 413 414 422, other 4xx */
    OUTCOME_DENIED,    /* 401 403, the API's own words */
    OUTCOME_NOT_FOUND, /* 404, the API's own words */
    OUTCOME_LIMITED,   /* 429 */
    OUTCOME_SLOTS,     /* no stream slot */
    OUTCOME_HEAVY,     /* 504 */
    OUTCOME_MALFORMED, /* 200, but the body is none of the API's */
    OUTCOME_TOO_LARGE, /* one of our maxima */
    OUTCOME_BROKEN,    /* 5xx, 408 409, transport */
    OUTCOME_MEMORY     /* ours */
};

/* What the request came to, with a text fit for the user. */
enum outcome retry_judge(struct request *r, const struct answer_end *end,
                         sgo_error *err);
/* Note it in the gate; r->general becomes true when the whole host or key is
 * out and nothing is known of this request in particular. */
void retry_note(struct request *r, enum outcome outcome, const sgo_error *err);
/* Equal jitter: [d/2, d], d = first * 2^fails up to max. */
int64_t retry_delay(struct brain *b, unsigned fails, int64_t first,
                    int64_t max);
/* May a request go out now?  Else *when says when to look again. */
bool retry_gate_open(struct brain *b, int64_t *when);
/* And is it this kind's turn?  In an outage one request of the streams' tests
 * the host, and one of what is aside of them (calls, usage). */
bool retry_may_probe(const struct brain *b, bool aside);
/* 401 and 403 after the first live: final for feeds when it lasts. */
void retry_denied(struct brain *b, const sgo_error *err);

/* ---- cache.c: entries and members --------------------------------------- */

struct entry *cache_find(struct brain *b, const char *id, size_t len);
/* Found or made (without members).  NULL: out of memory or full (*full). */
struct entry *cache_entry(struct brain *b, const char *id, size_t len,
                          bool *full);
struct member *cache_member(const struct entry *e, const struct feed *f);
/* Found or made; NULL: out of memory. */
struct member *cache_join(struct entry *e, struct feed *f);
/* Out of the feed; `cause` of the removed that is told if it was held.  The
 * member is freed, the entry is not: cache_entry_unused() when done with it.
 * Out of memory: tried again soon, the member stays. */
void cache_leave(struct member *m, bool tell, sgo_cause cause);
/* Free the entry if nobody needs it any more. */
void cache_entry_unused(struct entry *e);
/* A list is over: what was kept because of it may go. */
void cache_list_over(struct brain *b);
void cache_free_all(struct brain *b);
/* The reconcile waits no longer for this member. */
void cache_settled(struct member *m);
/* Every id that a feed is notified of is counted once in ids_notified, and
 * once as what became of it: cache_notified() opens the member's account, or
 * counts as conflated what finds it open; cache_answered() and
 * cache_refused() close it, if it is open. */
void cache_notified(struct member *m);
void cache_answered(struct member *m);
void cache_refused(struct member *m);
/* Its answer state changed: a PROOF may be due. */
void cache_proof(struct entry *e);
/* Replace the held version (retains doc; NULL: none). */
void cache_hold(struct entry *e, struct document *doc);
/* Rule 6: on its way out, or back again. */
void cache_set_leaving(struct member *m, bool leaving);
/* Room for one more event of about `bytes`?  Lingering ones go first. */
bool cache_room(struct brain *b, size_t bytes);

/* ---- publish.c ----------------------------------------------------------- */

/* Room for n more; then publish_* cannot fail. */
sgo_status publish_reserve(struct brain *b, size_t n) SGO_WARN_UNUSED;
struct version;
/* Nothing more of what is queued for the stream. */
void publish_forget(struct brain *b, uint32_t stream_id);
/* Tell the feed's streams; v (may be NULL) gives the times. */
void publish_member(struct member *m, sgo_update_kind kind, sgo_cause cause,
                    struct document *previous, struct changes *changes,
                    const struct version *v);
/* `added` of what is held, to a stream that came later. */
void publish_held(struct stream *s, struct member *m);
bool publish_next(struct brain *b, struct action *out);
bool proof_next(struct brain *b, struct action *out);
bool report_next(struct brain *b, struct action *out);
void publish_fini(struct publish *p);
void report_feed(struct feed *f, const sgo_error *err, const char *event_id);
void report_client(struct brain *b, const sgo_error *err);
void report_entry(struct entry *e, const sgo_error *err);

/* ---- version.c: rule 4 and what follows from a version ------------------- */

struct version {
    struct document *doc;    /* borrowed */
    struct changes *changes; /* from entry->doc; NULL when there is none */
    int64_t as_of;           /* Age subtracted */
    int64_t started;
    int64_t arrived;
    bool snapshot;
    struct feed *list; /* whose list or snapshot, or NULL */
    enum ask_class ask;
};

/* Apply what the answer says of the entry (rules 4 to 6).  SGO_NO_MEMORY:
 * nothing was done. */
sgo_status version_apply(struct entry *e,
                         const struct version *v) SGO_WARN_UNUSED;
/* An event of a list or snapshot, as it arrives. */
void version_listed(struct request *r, const char *bytes, size_t len);
/* The client is full: count, and report once a minute. */
void version_refused(struct feed *f, const char *id);
/* A lone answer, or a 404, without the event. */
void version_absent(struct entry *e, int64_t started);

/* ---- plan.c: rule 3 ------------------------------------------------------ */

/* The event must be answered by a request that starts after now. */
void plan_ask(struct entry *e, enum ask_class ask, struct feed *f);
/* Ask again at `when`, for itself (series, retries). */
void plan_later(struct entry *e, enum ask_class ask, int64_t when);
void plan_drop(struct entry *e); /* not pending any more */
/* Back to where it was, in front. */
void plan_requeue(struct entry *e);
void plan_feed_gone(struct feed *f);
/* Start whatever may start. */
void plan_run(struct brain *b);

/* ---- feed.c --------------------------------------------------------------- */

/* Begin an input: the brain's time moves on. */
void brain_input(struct brain *b, int64_t now);

/* ---- record.c: what is recorded of an input; nothing when it is off ------- */

struct record_args {
    int64_t a, b, c, d;
};
void record_config(struct brain *b, const struct brain_config *config);
void record_input(struct brain *b, char kind, int64_t now,
                  struct record_args args, const char *bytes, size_t len);
/* A stream's feed and parameters; a call's ids. */
void record_stream(struct brain *b, int64_t now, uint32_t id, const char *feed,
                   const struct brain_param *params, size_t n);
void record_fetch(struct brain *b, int64_t now, uint32_t id,
                  const char *const *ids, size_t n);
/* Bytes of an answer or a message, without the secret; *matched: how much of
 * it the last piece ended with. */
void record_bytes(struct brain *b, char kind, int64_t now,
                  struct record_args args, const char *bytes, size_t len,
                  size_t *matched);
void record_end(struct brain *b, int64_t now, uint64_t request_id,
                const struct answer_end *end);
void record_closed(struct brain *b, int64_t now, uint32_t link_id,
                   uint64_t generation, const struct pusher_end *end);

/* ---- request.c ------------------------------------------------------------ */

struct request *request_create(struct brain *b, enum request_kind kind,
                               enum ask_class ask);
/* Hand it to the owner of curl; the URL is set. */
void request_send(struct request *r);
void request_cancel(struct request *r); /* NULL allowed; frees in time */
void request_free(struct request *r);
/* Start, as far as as-of goes. */
int64_t request_as_of(const struct request *r);
void request_release_ids(struct request *r);
/* A place for an event of the answer, e's own if it has one already.  NULL:
 * out of memory, or more than was asked for. */
struct item *request_item(struct request *r, const struct entry *e);

/* ---- ids.c: id requests ---------------------------------------------------- */

/* A request for the entries; false: out of memory, nothing changed. */
bool ids_start(struct brain *b, struct entry **ids, size_t n,
               enum ask_class ask);
/* An event has arrived: build it, and wait for the rest. */
void ids_take(struct request *r, const char *bytes, size_t len);
void ids_done(struct request *r, enum outcome outcome, const sgo_error *err);

/* ---- walk.c: rule 2 -------------------------------------------------------- */

sgo_status walk_init_feed(struct feed *f) SGO_WARN_UNUSED;
void walk_fini_feed(struct feed *f);
/* A walk from here on; one that is active already serves unless `fresh`: then
 * it is begun anew. */
void walk_want(struct feed *f, enum ask_class ask, bool fresh);
/* A gap now: what was walked may have missed it. */
void walk_missed(struct feed *f);
void walk_stop(struct feed *f);
/* Objects that one page (or bootstrap) will probably cost. */
size_t walk_expected(const struct feed *f);
bool walk_start_page(struct feed *f);
void walk_done(struct request *r, enum outcome outcome, const sgo_error *err);
/* All of the list is in: refetch what it lacks. */
void walk_list_ended(struct feed *f);
/* What a broken-off list has applied becomes pending. */
void walk_page_broken(struct request *r);
/* Between inputs: begin what is due, complete what is settled. */
void walk_settle(struct feed *f);

/* ---- bootstrap.c ------------------------------------------------------------ */

void bootstrap_want(struct feed *f);
bool bootstrap_start(struct feed *f);
void bootstrap_done(struct request *r, enum outcome outcome,
                    const sgo_error *err);
/* Its events are wanted (not: only coordinates, while events are held). */
bool bootstrap_takes_events(const struct request *r);
/* A piece has come: are the coordinates in already, and nothing else wanted?
 * Then it is cut and done. */
void bootstrap_peek(struct request *r);

/* ---- stream.c ---------------------------------------------------------------- */

void feed_fail(struct feed *f, const sgo_error *err);
void feed_reason(struct feed *f, const char *reason, int close_code);
sgo_connection feed_connection(const struct feed *f);
sgo_phase feed_phase(const struct feed *f);
void feed_gap(struct feed *f, int64_t began, const char *reason);
void feed_repaired(struct feed *f); /* reconcile complete */
void feed_lost(struct feed *f, int64_t began, const char *reason, int code);
void feed_subscribed(struct feed *f);
void feed_settle(struct feed *f); /* between inputs; may free it */
void feed_free(struct feed *f);
bool stream_gap_next(struct brain *b, struct action *out);
bool stream_state_next(struct brain *b, struct action *out);
void stream_free(struct stream *s);
void stream_close(struct stream *s); /* removed: only its end is told */
void stream_leave(struct stream *s); /* its feed, if it has one */
/* `added` of all that it shows; SGO_NO_MEMORY: of nothing. */
sgo_status stream_catch_up(struct stream *s, struct feed *f) SGO_WARN_UNUSED;
void stream_count(const struct stream *s, int64_t now, sgo_stream_stats *out);
sgo_status feed_start(struct feed *f) SGO_WARN_UNUSED;

/* ---- permit.c: P10 ---------------------------------------------------------- */

/* May the endpoint be asked?  *err says why not. */
bool permit_authorisation(struct brain *b, const struct pusher_coordinates *c,
                          sgo_error *err);
/* base_url's host and port. */
bool permit_is_origin(const struct brain *b, const struct pusher_url *url);

/* ---- link.c -------------------------------------------------------------------- */

/* Put the feed on the link that the coordinates name; asked: when they were
 * asked for. */
sgo_status link_attach(struct feed *f, const struct pusher_coordinates *c,
                       int64_t asked, sgo_error *err) SGO_WARN_UNUSED;
/* The app has moved away from the link: its other feeds ask where to. */
void link_moved(struct link *l);
void link_detach(struct feed *f);
void link_free(struct link *l);
bool link_next(struct brain *b, struct action *out);
void link_authorised(struct request *r, const struct answer_end *end);
int64_t link_deadline(const struct brain *b);

/* ---- call.c ---------------------------------------------------------------------- */

bool call_start(struct call *c);
void call_take(struct request *r, const char *bytes, size_t len);
void call_done(struct request *r, enum outcome outcome, const sgo_error *err);
void call_free(struct call *c);
bool call_next(struct brain *b, struct action *out);
struct call *call_waiting(struct brain *b);

/* ---- budget.c: rule 8's other half ------------------------------------------------ */

bool budget_start_usage(struct brain *b);
void budget_usage_done(struct request *r, enum outcome outcome);
/* Rule 11: poll_interval, stretched to what the plan can bear. */
int64_t budget_poll_interval(const struct feed *f);
/* JSON: what is left and how long it lasts at the present rate. */
sgo_status budget_forecast(struct brain *b, struct buf *out) SGO_WARN_UNUSED;
/* Read limits out of an answer's `data`. */
void budget_learn(struct request *r, const cJSON *data);
/* A usage request is about to go out. */
void budget_mark(struct request *r);

#endif
