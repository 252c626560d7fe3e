/* Inputs are buffered and written when the engine has done what they brought
 * about, so a process that dies leaves all but the last in the file.  Disk
 * errors end the recording, never the client. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/status.h"
#include "client_record.h"

enum {
    BUFFER_BYTES = 64 << 10,
    LAST_LINE_BYTES = 64 /* kept free for it */
};

/* Where in an input the next piece belongs: head, bytes, line end. */
enum piece { PIECE_HEAD, PIECE_BYTES, PIECE_END };

struct recorder {
    struct record record;
    const struct log *log;
    int fd;
    enum piece next;
    bool stopped;
    uint64_t size; /* of the file and the buffer */
    uint64_t max_bytes;
    uint64_t actions;
    uint64_t digest;
    size_t used;
    char buffer[BUFFER_BYTES];
};

static void
stop(struct recorder *r, const char *why)
{
    r->stopped = true;
    log_write(r->log, SGO_LOG_WARNING, "client", "recording ends: %s", why);
}

static void
write_out(struct recorder *r, const char *bytes, size_t len)
{
    while (len && !r->stopped) {
        const ssize_t n = write(r->fd, bytes, len);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            stop(r, n < 0 ? strerror(errno) : "the disk is full");
            return;
        }
        bytes += n;
        len -= (size_t)n;
    }
}

static void
put(struct recorder *r, const char *bytes, size_t len)
{
    if (len > sizeof(r->buffer) - r->used) {
        recorder_flush(r);
    }
    if (len > sizeof(r->buffer)) {
        write_out(r, bytes, len);
    } else if (len) {
        memcpy(r->buffer + r->used, bytes, len);
        r->used += len;
    }
    r->size += len;
}

/* How many bytes follow the head: its last number. */
static uint64_t
announced(const char *head, size_t len)
{
    uint64_t n = 0;
    size_t at = len;

    while (at && head[at - 1] != ' ') {
        at--;
    }
    for (; at < len && head[at] >= '0' && head[at] <= '9'; at++) {
        n = n * 10 + (uint64_t)(head[at] - '0');
    }
    return n;
}

static void
put_last_line(struct recorder *r)
{
    char line[LAST_LINE_BYTES];
    const int n =
        snprintf(line, sizeof(line), "= %" PRIu64 " %016" PRIx64 "\n",
                 r->actions, r->digest);

    put(r, line, (size_t)n);
}

/* The pieces of an input: its head, its bytes if it has any, a line end. */
static void
on_write(void *ctx, const char *bytes, size_t len)
{
    struct recorder *r = ctx;

    if (r->stopped) {
        return;
    }
    switch (r->next) {
    case PIECE_HEAD:
        if (r->size + len + announced(bytes, len) + LAST_LINE_BYTES >
            r->max_bytes) {
            put_last_line(r);
            recorder_flush(r);
            stop(r, "the file has reached its maximum");
            return;
        }
        r->next = announced(bytes, len) ? PIECE_BYTES : PIECE_END;
        break;
    case PIECE_BYTES:
        r->next = PIECE_END;
        break;
    case PIECE_END:
        r->next = PIECE_HEAD;
        break;
    }
    put(r, bytes, len);
}

sgo_status
recorder_open(const char *path, const char *key, uint64_t max_bytes,
              const struct log *log, struct recorder **out, sgo_error *err)
{
    struct recorder *r = mem_calloc(1, sizeof(*r));

    if (r == NULL) {
        error_set(err, SGO_ERROR_MEMORY, "out of memory");
        return SGO_NO_MEMORY;
    }
    r->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW,
                 0600);
    if (r->fd < 0) {
        error_set(err, SGO_ERROR_CONFIGURATION,
                  "record: '%.200s' cannot be written: %s", path,
                  strerror(errno));
        mem_free(r);
        return SGO_FAILED;
    }
    r->record = (struct record){.write = on_write, .ctx = r, .secret = key};
    r->log = log;
    r->max_bytes = max_bytes;
    put(r, RECORD_FILE_HEAD, strlen(RECORD_FILE_HEAD));
    *out = r;
    return SGO_OK;
}

const struct record *
recorder_record(struct recorder *r)
{
    return &r->record;
}

void
recorder_action(struct recorder *r, const struct action *action)
{
    if (r && !r->stopped) {
        r->digest = record_digest(r->digest, action);
        r->actions++;
    }
}

void
recorder_flush(struct recorder *r)
{
    if (r && r->used) {
        write_out(r, r->buffer, r->used);
        r->used = 0;
    }
}

void
recorder_close(struct recorder *r)
{
    if (r == NULL) {
        return;
    }
    if (!r->stopped) {
        put_last_line(r);
    }
    recorder_flush(r);
    close(r->fd);
    mem_free(r);
}
