/* The way of an HTTP request: started, read, answered, broken off. */
#include "sim.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"

static struct sim_request *
request_of(struct sim *s, uint64_t id)
{
    struct sim_request *r = s->requests;

    while (r && r->id != id) {
        r = r->next;
    }
    return r;
}

static void
request_free(struct sim *s, struct sim_request *r)
{
    struct sim_request **p = &s->requests;

    while (*p != r) {
        p = &(*p)->next;
    }
    *p = r->next;
    free(r->url);
    free(r->form);
    free(r->answer);
    free(r);
}

static void
request_end(struct sim *s, struct sim_request *r, const char *why)
{
    struct answer_end end = {.ok = why == NULL,
                             .truncated = why && r->sent,
                             .http_status = r->headed ? r->status : 0,
                             .retry_after_ns =
                                 r->headed ? r->retry_after : -1};
    uint64_t id = r->id;

    if (why) {
        error_set(&end.error, SGO_ERROR_TRANSPORT, "api.test: %s", why);
        end.error.retryable = true;
    }
    r->whole = end.ok;
    sim_line(s, "ANSWER %" PRIu64 " %d%s%s, %zu events", id, end.http_status,
             why ? " " : "", why ? why : "", r->listed_n);
    check_answer(s, r, true);
    if (r->kind == ASK_USAGE && end.ok && r->status == 200 &&
        strstr(r->answer, "rateLimits")) {
        s->usage_told_at = s->usage_told ? s->usage_told_at : s->now;
        s->usage_told = true;
    }
    request_free(s, r);
    brain_request_done(s->b, id, &end, s->now);
    sim_drain(s);
}

static void
step_data(struct sim *s, struct task *t)
{
    struct sim_request *r = request_of(s, t->number);
    size_t n, pieces;

    if (r == NULL) {
        return;
    }
    n = r->len - r->sent;
    if (n == 0) {
        request_end(s, r, r->cut ? "connection broke" : NULL);
        return;
    }
    n = n < r->chunk ? n : r->chunk;
    pieces = r->len / r->chunk + 2;
    r->sent += n;
    check_answer(s, r, false);
    sim_task(s, s->now + sim_delay(s) / (int64_t)pieces, step_data)->number =
        r->id;
    brain_request_data(s->b, r->id, r->answer + r->sent - n, n, s->now);
    sim_drain(s);
}

static void
step_head(struct sim *s, struct task *t)
{
    struct sim_request *r = request_of(s, t->number);
    struct answer_head head;

    if (r == NULL) {
        return;
    }
    if (r->no_answer) {
        request_end(s, r, "connection refused");
        return;
    }
    r->headed = true;
    head = (struct answer_head){r->status, r->retry_after, r->age};
    sim_task(s, s->now, step_data)->number = r->id;
    brain_request_head(s->b, r->id, &head, s->now);
    sim_drain(s);
}

/* The server reads its data now. */
static void
step_read(struct sim *s, struct task *t)
{
    struct sim_request *r = request_of(s, t->number);
    struct fault *f;
    int64_t late = 0;

    if (r == NULL) {
        return;
    }
    answer_make(s, r);
    if ((f = scenario_hits(s, F_SLOW))) {
        late = rand_between(&s->luck, 0, f->arg * NS_PER_S);
    }
    if (!r->lost) {
        sim_task(s, s->now + sim_delay(s) + late, step_head)->number = r->id;
    }
}

static void
step_start(struct sim *s, struct task *t)
{
    struct sim_request *r = request_of(s, t->number);

    if (r) {
        r->started = true;
        r->started_seq = s->seq + 1;
        brain_request_started(s->b, r->id, s->now);
        sim_drain(s);
    }
}

static void
step_timeout(struct sim *s, struct task *t)
{
    struct sim_request *r = request_of(s, t->number);

    if (r && !(r->until_first_byte && r->sent)) {
        request_end(s, r, "timed out");
    }
}

void
api_request(struct sim *s, const struct action *a)
{
    struct sim_request *r = must(calloc(1, sizeof(*r)));
    struct fault *f;
    int64_t at, wait = 0; /* before the server reads its data */

    r->id = a->u.request.request_id;
    r->url = must(strdup(a->u.request.url));
    r->form = must(strndup(a->u.request.body ? a->u.request.body : "",
                           a->u.request.body_len));
    r->until_first_byte = a->u.request.until_first_byte;
    r->timeout_ns = a->u.request.timeout_ns;
    r->sent_at = s->now;
    r->retry_after = -1;
    r->chunk = s->sc.chunk;
    r->next = s->requests;
    s->requests = r;
    s->asks++;
    sim_line(s, "%s %" PRIu64 " %.180s", a->u.request.method, r->id,
             r->url + 19);
    answer_read(s, r);
    check_request(s, r);
    at = s->now + 1 + sim_delay(s) / 4;
    sim_task(s, at, step_start)->number = r->id;
    if ((f = scenario_hits(s, F_SLOW)) && rand_between(&s->luck, 0, 1)) {
        wait = rand_between(&s->luck, 0, f->arg * NS_PER_S / 4);
    }
    sim_task(s, at + 1 + sim_delay(s) + wait, step_read)->number = r->id;
    sim_task(s, s->now + r->timeout_ns, step_timeout)->number = r->id;
}

void
api_cancel(struct sim *s, uint64_t id)
{
    struct sim_request *r = request_of(s, id);

    if (r) {
        request_free(s, r);
    }
}

void
api_break_all(struct sim *s)
{
    uint64_t ids[64];
    size_t n = 0;

    for (struct sim_request *r = s->requests; r && n < 64; r = r->next) {
        ids[n++] = r->id;
    }
    while (n && !s->failed) {
        struct sim_request *r = request_of(s, ids[--n]);

        if (r) {
            request_end(s, r, "connection lost");
        }
    }
}

void
api_fini(struct sim *s)
{
    while (s->requests) {
        request_free(s, s->requests);
    }
}
