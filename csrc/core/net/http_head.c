/* The head of an answer, line by line as curl hands it over: untrusted, with
 * lengths, and only what the rest asks for. */
#include "net/http_internal.h"

#include "base/status.h"

#include <string.h>
#include <strings.h>
#include <time.h>

#define YEAR_S INT64_C(31536000)

/* ---- small parsers --------------------------------------------------------*/

struct text {
    const char *at;
    size_t len;
};

static bool
is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static struct text
trim(const char *at, size_t len)
{
    while (len > 0 && is_space(at[0])) {
        at++;
        len--;
    }
    while (len > 0 && is_space(at[len - 1])) {
        len--;
    }
    return (struct text){at, len};
}

/* A decimal number that is all of the text; -1: it is not one.  Saturates. */
static int64_t
read_number(struct text t)
{
    int64_t value = 0;

    if (t.len == 0) {
        return -1;
    }
    for (size_t i = 0; i < t.len; i++) {
        if (t.at[i] < '0' || t.at[i] > '9') {
            return -1;
        }
        value = value > INT64_MAX / 20 ? INT64_MAX / 20
                                       : value * 10 + (t.at[i] - '0');
    }
    return value;
}

static void
copy_lower(char *out, size_t cap, struct text t)
{
    size_t n = t.len < cap - 1 ? t.len : cap - 1;

    for (size_t i = 0; i < n; i++) {
        char c = t.at[i];

        out[i] = c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
    }
    out[n] = '\0';
}

int64_t
http_retry_after_ns(const char *text, size_t len, int64_t epoch_s)
{
    struct text t = trim(text, len);
    int64_t seconds = read_number(t);
    char date[64];

    if (seconds < 0 && t.len > 0 && t.len < sizeof(date)) {
        time_t when;

        memcpy(date, t.at, t.len);
        date[t.len] = '\0';
        when = curl_getdate(date, NULL);
        if (when == (time_t)-1) {
            return -1;
        }
        seconds = (int64_t)when > epoch_s ? (int64_t)when - epoch_s : 0;
    }
    if (seconds < 0) {
        return -1;
    }
    return (seconds < YEAR_S ? seconds : YEAR_S) * NS_PER_S;
}

/* ---- the lines ------------------------------------------------------------*/

/* "HTTP/1.1 200 OK", "HTTP/2 200": a new head begins. */
static void
status_line(struct http_job *job, struct text t)
{
    const char *space = memchr(t.at, ' ', t.len);
    struct http_head *head = &job->head;
    size_t at = space != NULL ? (size_t)(space - t.at) + 1 : t.len;

    memset(head, 0, sizeof(*head));
    head->retry_after_ns = head->content_length = -1;
    job->has_location = false;
    if (t.len - at >= 3) {
        int64_t status = read_number((struct text){t.at + at, 3});

        head->status = status > 0 ? (int)status : 0;
    }
    if (at > 6 && t.at[5] == '2') {
        head->version = 20;
    } else if (at > 8 && t.at[5] == '1') {
        head->version = t.at[7] == '0' ? 10 : 11;
    }
}

static void
field_line(struct http_job *job, struct text name, struct text value)
{
    struct http_head *head = &job->head;
    int64_t number;

#define IS(word)                                                              \
    (name.len == sizeof(word) - 1 && strncasecmp(name.at, word, name.len) == 0)
    if (IS("retry-after")) {
        if (head->retry_after_ns < 0) {
            head->retry_after_ns =
                http_retry_after_ns(value.at, value.len, (int64_t)time(NULL));
        }
    } else if (IS("retry-after-ms")) { /* the vendor's SDKs prefer it */
        number = read_number(value);
        if (number >= 0) {
            head->retry_after_ns =
                (number < YEAR_S * 1000 ? number : YEAR_S * 1000) * NS_PER_MS;
        }
    } else if (IS("age")) {
        number = read_number(value);
        head->age_ns =
            number < 0 ? 0 : (number < YEAR_S ? number : YEAR_S) * NS_PER_S;
    } else if (IS("content-length")) {
        head->content_length = read_number(value);
    } else if (IS("content-encoding")) {
        copy_lower(head->content_encoding, sizeof(head->content_encoding),
                   value);
    } else if (IS("content-type")) {
        const char *end = memchr(value.at, ';', value.len);

        copy_lower(head->content_type, sizeof(head->content_type),
                   trim(value.at, end ? (size_t)(end - value.at) : value.len));
    } else if (IS("location")) {
        job->has_location = value.len > 0;
    }
#undef IS
}

/* The empty line.  Heads of 1xx answers are passed over. */
static bool
head_ends(struct http_job *job)
{
    struct http_head *head = &job->head;
    int status = head->status;

    if (status < 200 || job->head_told) {
        return true; /* the latter: trailers */
    }
    if (job->follow && job->has_location &&
        (status == 301 || status == 302 || status == 303 || status == 307 ||
         status == 308)) {
        job->discard = true;
        return true;
    }
    job->head_told = true;
    if (!job->raw || strcmp(head->content_encoding, "identity") == 0) {
        head->content_encoding[0] = '\0';
    }
    if (job->handler->on_head != NULL) {
        job->calling = true;
        job->handler->on_head(job->ctx, head);
        job->calling = false;
    }
    return !job->cancelled;
}

size_t
head_line(char *line, size_t size, size_t count, void *ctx)
{
    struct http_job *job = ctx;
    size_t len = size * count;
    struct text t = trim(line, len);
    const char *colon;

    if (job->cancelled) {
        return 0;
    }
    job->head_bytes += len;
    if (job->head_bytes > HTTP_HEAD_BYTES) {
        job->abort_status = SGO_LIMIT;
        error_set(&job->abort_error, SGO_ERROR_LIMIT,
                  "the head of the answer of %s is longer than %d bytes",
                  job->origin.host, HTTP_HEAD_BYTES);
        return 0;
    }
    if (t.len == 0) {
        return head_ends(job) ? len : 0;
    }
    if (job->head_told) {
        return len; /* trailers */
    }
    colon = memchr(t.at, ':', t.len);
    if (t.len > 5 && memcmp(t.at, "HTTP/", 5) == 0) {
        status_line(job, t);
    } else if (colon != NULL) {
        struct text name = {t.at, (size_t)(colon - t.at)};

        field_line(job, name, trim(colon + 1, t.len - name.len - 1));
    }
    return len;
}
