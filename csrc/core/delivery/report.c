/* The ring of reports: log lines, state changes, gaps and errors on their way
 * to one reporter thread.  Nodes are made and freed outside the lock. */
#include <string.h>

#include "base/mem.h"
#include "base/status.h"
#include "delivery/internal.h"

/* Copy a line, cut to fit. */
static void
copy_text(char *to, size_t cap, const char *from)
{
    size_t len = from ? strnlen(from, cap - 1) : 0;

    if (len) {
        memcpy(to, from, len);
    }
    to[len] = '\0';
}

struct report_node *
report_create(sgo_report_kind kind, uint32_t stream_id, int64_t at)
{
    struct report_node *node = mem_calloc(1, sizeof(*node));

    if (node) {
        node->report.kind = kind;
        node->report.stream_id = stream_id;
        node->report.at = clock_epoch_ns(at);
        error_clear(&node->report.error);
    }
    return node;
}

void
report_fill_state(struct report_node *node, sgo_connection previous,
                  sgo_connection current, const char *reason, int code)
{
    if (node) {
        node->report.previous = previous;
        node->report.current = current;
        node->report.code = code;
        copy_text(node->report.text, sizeof(node->report.text), reason);
    }
}

struct report_node *
report_push_locked(struct hub *hub, struct report_node *node)
{
    bool log = node && node->report.kind == SGO_REPORT_LOG;

    if (node == NULL || hub->reports_closed ||
        hub->report_count >= HUB_MAX_REPORTS ||
        (log && hub->log_count >= HUB_MAX_LOG_REPORTS)) {
        hub->reports_dropped++;
        return node;
    }
    node->next = NULL;
    if (hub->last_report) {
        hub->last_report->next = node;
    } else {
        hub->first_report = node;
    }
    hub->last_report = node;
    hub->report_count++;
    hub->log_count += log;
    pthread_cond_signal(&hub->reported);
    return NULL;
}

static void
push(struct hub *hub, struct report_node *node)
{
    pthread_mutex_lock(&hub->lock);
    node = report_push_locked(hub, node);
    pthread_mutex_unlock(&hub->lock);
    mem_free(node);
}

void
hub_report(struct hub *hub, const sgo_report *report)
{
    struct report_node *node = mem_alloc(sizeof(*node));

    if (node) {
        node->report = *report;
    }
    push(hub, node);
}

void
hub_log_sink(void *ctx, sgo_log_level level, const char *area,
             const char *text)
{
    struct report_node *node =
        report_create(SGO_REPORT_LOG, 0, clock_now_ns());

    if (node) {
        node->report.level = level;
        copy_text(node->report.area, sizeof(node->report.area), area);
        copy_text(node->report.text, sizeof(node->report.text), text);
    }
    push(ctx, node);
}

void
hub_report_gap(struct hub *hub, uint32_t stream_id, const char *reason,
               int64_t began, int64_t ended, uint64_t events_refetched,
               int64_t now)
{
    struct report_node *node = report_create(SGO_REPORT_GAP, stream_id, now);

    if (node) {
        node->report.began = clock_epoch_ns(began);
        node->report.ended = clock_epoch_ns(ended);
        node->report.events_refetched = events_refetched;
        copy_text(node->report.text, sizeof(node->report.text), reason);
    }
    push(hub, node);
}

void
hub_report_error(struct hub *hub, uint32_t stream_id, const sgo_error *error,
                 int64_t now)
{
    struct report_node *node = report_create(SGO_REPORT_ERROR, stream_id, now);

    if (node) {
        node->report.error = *error;
    }
    push(hub, node);
}

sgo_status
hub_take_report(struct hub *hub, int64_t deadline_ns, sgo_report *out)
{
    struct report_node *node;
    sgo_status status = SGO_OK;

    pthread_mutex_lock(&hub->lock);
    while ((node = hub->first_report) == NULL) {
        int64_t now = clock_now_ns();

        if (hub->reports_closed) {
            status = SGO_CLOSED;
            break;
        }
        if (now >= deadline_ns) {
            status = SGO_TIMEOUT;
            break;
        }
        wait_slice(&hub->reported, &hub->lock, now, deadline_ns);
    }
    if (node) {
        hub->first_report = node->next;
        if (node->next == NULL) {
            hub->last_report = NULL;
        }
        hub->report_count--;
        hub->log_count -= node->report.kind == SGO_REPORT_LOG;
    }
    pthread_mutex_unlock(&hub->lock);
    if (node) {
        *out = node->report;
        mem_free(node);
    }
    return status;
}

uint64_t
hub_reports_dropped(struct hub *hub)
{
    uint64_t n;

    pthread_mutex_lock(&hub->lock);
    n = hub->reports_dropped;
    pthread_mutex_unlock(&hub->lock);
    return n;
}
