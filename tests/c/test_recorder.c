/* The file of a recording: its frame, its maximum, its errors. */
#include "check.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/pool.h"
#include "client_record.h"

static char path[64];
static struct pool *pool;

static void
open_path(void)
{
    int fd;

    snprintf(path, sizeof(path), "/tmp/sgostream-recorder-XXXXXX");
    fd = mkstemp(path);
    CHECK(fd >= 0);
    close(fd);
    pool = pool_create(1 << 20);
}

static struct brain_config
config(const struct record *record)
{
    return (struct brain_config){
        .base_url = "https://api.test/v2",
        .client_name = "sgostream",
        .version = "1",
        .timeout_ns = 30 * NS_PER_S,
        .linger_ns = 60 * NS_PER_S,
        .poll_interval_ns = 30 * NS_PER_S,
        .max_events = 100,
        .max_bytes = 1 << 20,
        .max_requests_in_flight = 6,
        .pool = pool,
        .record = record,
        .seed = 1,
    };
}

static void
drain(struct brain *b, struct recorder *r)
{
    struct action action;

    while (brain_next(b, &action)) {
        recorder_action(r, &action);
    }
    recorder_flush(r);
}

/* A stream whose bootstrap answers with the text in pieces, then ticks. */
static void
record(const char *key, uint64_t max_bytes, const char *text, int ticks)
{
    struct answer_head head = {.http_status = 500, .retry_after_ns = -1};
    struct answer_end end = {
        .ok = true, .http_status = 500, .retry_after_ns = -1};
    struct recorder *r = NULL;
    struct brain_config c;
    struct brain *b;
    sgo_error err;

    CHECK_INT(recorder_open(path, key, max_bytes, NULL, &r, &err), SGO_OK);
    c = config(recorder_record(r));
    b = brain_create(&c);
    CHECK(b != NULL);
    CHECK_INT(brain_stream_add(b, 1, "events:live", NULL, 0, 1, &err), SGO_OK);
    drain(b, r);
    brain_request_started(b, 1, 2);
    brain_request_head(b, 1, &head, 2);
    for (size_t i = 0; i < strlen(text); i += 7) {
        size_t len = strlen(text) - i;

        brain_request_data(b, 1, text + i, len < 7 ? len : 7, 3);
    }
    snprintf(end.error.text, sizeof(end.error.text), "%s", text);
    brain_request_done(b, 1, &end, 4);
    for (int i = 0; i < ticks; i++) {
        brain_tick(b, (i + 1) * NS_PER_S);
        drain(b, r);
    }
    brain_close(b, (ticks + 2) * NS_PER_S);
    drain(b, r);
    brain_free(b);
    recorder_close(r);
}

struct seen {
    uint64_t digest, actions, wanted_digest, wanted_actions;
    bool same;
};

static void
on_action(void *ctx, const struct action *action)
{
    struct seen *seen = ctx;

    seen->digest = record_digest(seen->digest, action);
    if (++seen->actions == seen->wanted_actions) {
        seen->same = seen->digest == seen->wanted_digest;
    }
}

/* The file's size; it must replay as recorded and not hold `absent`. */
static size_t
replays(const char *absent)
{
    static char bytes[1 << 20];
    const size_t head = strlen(RECORD_FILE_HEAD);
    const struct brain_config base = config(NULL);
    struct seen seen = {0};
    FILE *file = fopen(path, "rb");
    size_t len = fread(bytes, 1, sizeof(bytes) - 1, file), at = len - 1;

    fclose(file);
    bytes[len] = '\0';
    CHECK(len > head && memcmp(bytes, RECORD_FILE_HEAD, head) == 0);
    CHECK(memmem(bytes, len, absent, strlen(absent)) == NULL);
    while (at && bytes[at - 1] != '\n') {
        at--;
    }
    CHECK(bytes[at] == '=');
    seen.wanted_actions = strtoull(bytes + at + 2, NULL, 10);
    seen.wanted_digest = strtoull(strrchr(bytes + at, ' ') + 1, NULL, 16);
    CHECK_INT(
        record_replay(bytes + head, at - head, &base, on_action, &seen, NULL),
        SGO_OK);
    CHECK(seen.same);
    return len;
}

static void
what_is_recorded_replays(void)
{
    open_path();
    record("SECRETKEY", 1 << 20, "no such thing", 100);
    CHECK(replays("SECRETKEY") > 1000);
    unlink(path);
    pool_release(pool);
}

static void
the_key_is_blanked_also_where_pieces_cut_it(void)
{
    char text[40];

    open_path();
    for (int before = 0; before < 9; before++) { /* pieces are of 7 bytes */
        snprintf(text, sizeof(text), "%.*sSECRETKEYandSECRETKEY", before,
                 "---------");
        record("SECRETKEY", 1 << 20, text, 3);
        replays("SECR");
        replays("ETKE");
        replays("KEY");
    }
    unlink(path);
    pool_release(pool);
}

static void
at_its_maximum_the_file_ends_with_a_whole_input(void)
{
    open_path();
    for (uint64_t max = 700; max < 1000; max += 13) {
        size_t size;

        record("SECRETKEY", max, "no such thing", 100);
        size = replays("SECRETKEY");
        CHECK(size <= max && size > max - 200);
    }
    unlink(path);
    pool_release(pool);
}

static void
a_path_that_cannot_be_written_is_named(void)
{
    struct recorder *r = NULL;
    sgo_error err;

    CHECK_INT(recorder_open("/nowhere/at/all", "k", 1000, NULL, &r, &err),
              SGO_FAILED);
    CHECK(r == NULL);
    CHECK(strstr(err.text, "/nowhere/at/all") != NULL);
    CHECK_INT(err.kind, SGO_ERROR_CONFIGURATION);
}

static void
a_full_disk_ends_the_recording_only(void)
{
    open_path();
    unlink(path);
    snprintf(path, sizeof(path), "/dev/full");
    record("SECRETKEY", 1 << 20, "no such thing", 3);
    pool_release(pool);
}

int
main(void)
{
    RUN(what_is_recorded_replays);
    RUN(the_key_is_blanked_also_where_pieces_cut_it);
    RUN(at_its_maximum_the_file_ends_with_a_whole_input);
    RUN(a_path_that_cannot_be_written_is_named);
    RUN(a_full_disk_ends_the_recording_only);
    return check_done();
}
