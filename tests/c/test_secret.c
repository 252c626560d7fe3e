/* The key and core dumps: what a core file of a client would hold is read from
 * /proc by its parent.  The client is a process of its own that makes the key
 * by itself, so that no copy is there but the client's. */
#include "net_peer.h"

#include <fcntl.h>
#include <sys/wait.h>

#include "sgostream.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { READABLE = 0 }; /* shadows and quarantines are not ours */
#elif defined(__linux__)
enum { READABLE = 1 };
#else
enum { READABLE = 0 };
#endif

enum { KEY_LEN = 40 };

static void
make_key(char key[KEY_LEN + 1])
{
    for (int i = 0; i < KEY_LEN; i++) {
        key[i] = (char)('a' + (i * 7 + i * i * 3 + 5) % 26);
    }
    key[KEY_LEN] = '\0';
}

/* ---- what a core file would hold ------------------------------------------ */

/* curl keeps the text of a request that it has sent, or frees it as it is.
 * That is the one copy that is not ours to wipe (docs/security.md). */
static bool
is_curls(const char *bytes, const char *at)
{
    static const char before[] = "\r\nx-api-key: ";
    size_t n = sizeof(before) - 1;

    return at - bytes >= (ptrdiff_t)n && memcmp(at - n, before, n) == 0;
}

static size_t
count_in(const char *bytes, size_t len, const char *key)
{
    size_t found = 0;

    for (const char *p = bytes;
         (p = memmem(p, len - (size_t)(p - bytes), key, KEY_LEN)) != NULL;
         p++) {
        found += !is_curls(bytes, p);
    }
    return found;
}

static size_t
count_in_area(int mem, uint64_t from, uint64_t to, const char *key)
{
    enum { PIECE = 16 << 20 };
    char *bytes = malloc(PIECE + KEY_LEN);
    const size_t overlap = KEY_LEN - 1; /* what may begin one */
    size_t kept = 0, found = 0;

    for (uint64_t at = from; at < to;) {
        uint64_t most = to - at < PIECE ? to - at : PIECE;
        ssize_t n = pread(mem, bytes + kept, (size_t)most, (off_t)at);

        if (n <= 0) {
            break;
        }
        found += count_in(bytes, kept + (size_t)n, key);
        at += (uint64_t)n;
        kept += (size_t)n;
        if (kept > overlap) {
            memmove(bytes, bytes + kept - overlap, overlap);
            kept = overlap;
        }
    }
    free(bytes);
    return found;
}

/* Copies of the key in all that would be dumped of the process; *hidden:
 * areas that would not be. */
static size_t
copies_in_core(pid_t pid, size_t *hidden)
{
    char path[64], line[512], key[KEY_LEN + 1];
    uint64_t from = 0, to = 0;
    size_t found = 0;
    bool readable = false;
    FILE *maps;
    int mem;

    make_key(key);
    *hidden = 0;
    snprintf(path, sizeof(path), "/proc/%d/mem", (int)pid);
    mem = open(path, O_RDONLY | O_CLOEXEC);
    snprintf(path, sizeof(path), "/proc/%d/smaps", (int)pid);
    maps = fopen(path, "re");
    CHECK(mem >= 0 && maps != NULL);
    while (maps && fgets(line, sizeof(line), maps)) {
        char *end, *more;
        uint64_t a = strtoull(line, &end, 16);

        if (end != line && *end == '-') {
            from = a;
            to = strtoull(end + 1, &more, 16);
            readable = more[1] == 'r';
        } else if (strncmp(line, "VmFlags:", 8) == 0 && readable) {
            if (strstr(line, " dd")) {
                ++*hidden;
            } else {
                found += count_in_area(mem, from, to, key);
            }
        }
    }
    if (maps) {
        fclose(maps);
    }
    close(mem);
    return found;
}

/* ---- the client --------------------------------------------------------------- */

enum step { MADE, ANSWERED, CLOSED, STEPS };

static void
pause_at(int talk, enum step step)
{
    char c = (char)step;

    if (write(talk, &c, 1) != 1 || read(talk, &c, 1) != 1) {
        _exit(3);
    }
}

static void
be_client(int talk)
{
    char key[KEY_LEN + 1], url[64];
    uint16_t port;
    sgo_client_options options;
    sgo_client *client = NULL;
    sgo_call *call = NULL;
    sgo_error err;

    if (read(talk, &port, sizeof(port)) != sizeof(port)) {
        _exit(3);
    }
    snprintf(url, sizeof(url), "http://127.0.0.1:%u/v2", port);
    make_key(key);
    sgo_client_options_init(&options);
    options.api_key = key;
    options.base_url = url;
    options.proxy = "";
    if (sgo_client_new(&options, &client, &err) != SGO_OK) {
        _exit(4);
    }
    mem_wipe(key, sizeof(key));
    pause_at(talk, MADE);
    if (sgo_client_usage(client, &call, &err) != SGO_OK ||
        sgo_call_wait(call, clock_now_ns() + PATIENCE_NS, &err) != SGO_OK) {
        _exit(5);
    }
    pause_at(talk, ANSWERED);
    sgo_call_release(call);
    sgo_client_close(client);
    sgo_client_release(client);
    sgo_shutdown();
    pause_at(talk, CLOSED);
    _exit(0);
}

static bool had_key;

static void
serve(struct conn *c)
{
    static const char body[] = "{\"success\":true,\"data\":{}}";
    struct request r;
    char key[KEY_LEN + 1];

    make_key(key);
    while (read_request(c, &r)) {
        CHANGE(had_key = strstr(r.head, key) != NULL);
        respond(c, "200 OK", "", body, sizeof(body) - 1);
    }
}

static void
a_core_file_of_a_client_has_no_key(void)
{
    size_t copies[STEPS] = {0}, hidden[STEPS] = {0};
    struct peer *peer;
    int talk[2], status = -1;
    pid_t pid;
    char c;

    if (!READABLE || !FORK_AND_THREADS) {
        return;
    }
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, talk) == 0);
    pid = fork(); /* before there is any thread, or any key */
    if (pid == 0) {
        close(talk[0]);
        be_client(talk[1]);
    }
    close(talk[1]);
    peer = peer_start(serve, NULL, NULL);
    CHECK(write(talk[0], &peer->port, sizeof(peer->port)) ==
          sizeof(peer->port));
    while (read(talk[0], &c, 1) == 1 && c >= 0 && c < STEPS) {
        copies[(int)c] = copies_in_core(pid, &hidden[(int)c]);
        CHECK(write(talk[0], "", 1) == 1);
    }
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
    CHECK(had_key); /* it is what the server got */
    CHECK(hidden[ANSWERED] > hidden[CLOSED]);
    CHECK_INT(copies[MADE], 0);
    CHECK_INT(copies[ANSWERED], 0);
    CHECK_INT(copies[CLOSED], 0);
    close(talk[0]);
    peer_stop(peer);
}

/* ---- the pieces ---------------------------------------------------------------- */

static void
a_secret_is_a_string_of_its_own_pages(void)
{
    char *a = mem_secret("key", 3), *b = mem_secret("", 0);
    size_t page = (size_t)sysconf(_SC_PAGESIZE), big = 3 * page;
    char *long_text = malloc(big), *c;

    memset(long_text, 'x', big);
    c = mem_secret(long_text, big);
    CHECK_STR(a, "key");
    CHECK_STR(b, "");
    CHECK_INT(strlen(c), big);
    CHECK((uintptr_t)a / page != (uintptr_t)b / page);
    mem_secret_free(a);
    mem_secret_free(b);
    mem_secret_free(c);
    mem_secret_free(NULL);
    mem_fail_after(0);
    CHECK(mem_secret("key", 3) == NULL);
    mem_fail_after(-1);
    mem_wipe(long_text, big);
    CHECK(long_text[0] == '\0' && long_text[big - 1] == '\0');
    mem_wipe(NULL, 0);
    free(long_text);
}

int
main(void)
{
    RUN(a_core_file_of_a_client_has_no_key);
    RUN(a_secret_is_a_string_of_its_own_pages);
    return check_done();
}
