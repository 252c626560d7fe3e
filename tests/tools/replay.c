/* Feed a recording to a brain of its own: make replay FILE=path.  Prints what
 * the brain wanted done (with -v, one line for each) and compares with what
 * the recorded one had wanted.
 *
 * Exit status 0: the same; 1: not the same; 2: no recording; 3: the recording
 * has no last line (the process died), so there is nothing to compare with. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client_record.h"
#include "json/document.h"

struct told {
    bool loud;
    uint64_t actions, digest;
    uint64_t wanted_actions, wanted_digest;
    bool has_wanted, same;
};

static const char *const connections[] = {
    "initialized", "connecting",   "connected", "unavailable",
    "failed",      "disconnected", "polling"};
static const char *const phases[] = {
    "idle", "bootstrapping", "subscribing", "reconciling",
    "live", "stale",         "closed"};
static const char *const kinds[] = {"added", "changed", "removed"};

#define WORD(words, i)                                                        \
    ((size_t)(i) < sizeof(words) / sizeof((words)[0]) ? (words)[i] : "?")

static void
show(const struct action *a)
{
    switch (a->kind) {
    case ACTION_REQUEST:
        printf("%s %s\n", a->u.request.method, a->u.request.url);
        break;
    case ACTION_CANCEL:
        printf("cancel request %" PRIu64 "\n", a->u.cancel.request_id);
        break;
    case ACTION_CONNECT:
        printf("connect %s:%u\n", a->u.connect.host, a->u.connect.port);
        break;
    case ACTION_SEND:
        printf("send %.*s\n", (int)a->u.send.len, a->u.send.text);
        break;
    case ACTION_CLOSE:
        printf("close %d %s\n", a->u.close.code, a->u.close.reason);
        break;
    case ACTION_KILL:
        printf("kill\n");
        break;
    case ACTION_PUBLISH:
        printf("stream %u: %s %s, %u bytes\n", a->u.publish.stream_id,
               WORD(kinds, a->u.publish.kind), a->u.publish.event_id,
               a->u.publish.event->len);
        break;
    case ACTION_STATE:
        printf("stream %u: %s, %s: %s\n", a->u.state.stream_id,
               WORD(connections, a->u.state.connection),
               WORD(phases, a->u.state.phase), a->u.state.reason);
        break;
    case ACTION_GAP:
        printf("stream %u: gap of %.3f s repaired: %s\n", a->u.gap.stream_id,
               (double)(a->u.gap.ended_ns - a->u.gap.began_ns) / 1e9,
               a->u.gap.reason);
        break;
    case ACTION_ERROR:
        printf("stream %u: error: %s\n", a->u.error.stream_id,
               a->u.error.error->text);
        break;
    case ACTION_CALL_DONE:
        printf("call %u done\n", a->u.call_done.call_id);
        break;
    case ACTION_PROOF:
    case ACTION_SHED:
        break;
    }
}

static void
on_action(void *ctx, const struct action *action)
{
    struct told *told = ctx;

    if (told->loud) {
        show(action);
    }
    told->digest = record_digest(told->digest, action);
    told->actions++;
    if (told->actions == told->wanted_actions) {
        told->same = told->digest == told->wanted_digest;
    }
}

/* The whole file; NULL and a text on stderr otherwise. */
static char *
read_file(const char *path, size_t *len)
{
    FILE *file = fopen(path, "rb");
    char *bytes = NULL;
    long size = 0;

    if (file && fseek(file, 0, SEEK_END) == 0) {
        size = ftell(file);
        rewind(file);
        bytes = size >= 0 ? malloc((size_t)size + 1) : NULL;
    }
    if (bytes == NULL || fread(bytes, 1, (size_t)size, file) != (size_t)size) {
        perror(path);
        free(bytes);
        bytes = NULL;
    }
    if (file) {
        fclose(file);
    }
    *len = (size_t)size;
    return bytes;
}

/* Take the last line off: how long the rest is. */
static size_t
take_last_line(const char *bytes, size_t len, struct told *told)
{
    char line[64] = "";
    size_t at = len ? len - 1 : 0;

    while (at && bytes[at - 1] != '\n') {
        at--;
    }
    if (len - at >= sizeof(line) || len == 0 || bytes[len - 1] != '\n') {
        return len;
    }
    memcpy(line, bytes + at, len - at);
    if (sscanf(line, "= %" SCNu64 " %" SCNx64, &told->wanted_actions,
               &told->wanted_digest) != 2) {
        return len;
    }
    told->has_wanted = true;
    told->same = told->wanted_actions == 0;
    return at;
}

static int
replay(const char *bytes, size_t len, struct told *told)
{
    const size_t head = strlen(RECORD_FILE_HEAD);
    const struct brain_config base = {.pool = pool_create(SIZE_MAX)};
    size_t inputs = 0;
    sgo_status status;

    if (len < head || memcmp(bytes, RECORD_FILE_HEAD, head) != 0) {
        fprintf(stderr, "this is no recording of sgostream\n");
        pool_release(base.pool);
        return 2;
    }
    len = take_last_line(bytes, len, told);
    status = record_replay(bytes + head, len - head, &base, on_action, told,
                           &inputs);
    pool_release(base.pool);
    printf("%zu inputs, %" PRIu64 " actions, digest %016" PRIx64 "\n", inputs,
           told->actions, told->digest);
    if (status != SGO_OK && inputs <= 1) {
        fprintf(stderr, "this is no recording, or of another version\n");
        return 2;
    }
    if (!told->has_wanted) {
        printf("the recording breaks off: nothing to compare with\n");
        return 3;
    }
    if (status != SGO_OK || !told->same) {
        printf("NOT what was recorded: %" PRIu64 " actions, digest %016" PRIx64
               "\n",
               told->wanted_actions, told->wanted_digest);
        return 1;
    }
    printf("as recorded\n");
    return 0;
}

int
main(int argc, char **argv)
{
    struct told told = {.loud = argc == 3 && strcmp(argv[1], "-v") == 0};
    size_t len;
    char *bytes;
    int code;

    if (argc != 2 && !told.loud) {
        fprintf(stderr, "usage: replay [-v] FILE\n");
        return 2;
    }
    bytes = read_file(argv[argc - 1], &len);
    if (bytes == NULL) {
        return 2;
    }
    code = replay(bytes, len, &told);
    free(bytes);
    return code;
}
