/* Names to addresses: helpers, the cache, the race.  getaddrinfo is replaced
 * where a test needs a DNS server that hangs, lies or counts. */
#include "net_peer.h"

#include "net/resolve.h"

/* ---- a DNS server of our own ------------------------------------------------*/

static atomic_int asked;
static bool released; /* of "hang*" names; world's lock */

static struct addrinfo *
entry(const char *text, struct addrinfo *next)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                             .ai_flags = AI_NUMERICHOST};
    struct addrinfo *out = NULL, *copy;

    if (getaddrinfo(text, NULL, &hints, &out) != 0) {
        abort();
    }
    copy = calloc(1, sizeof(*copy) + sizeof(struct sockaddr_storage));
    *copy = *out;
    copy->ai_addr = (struct sockaddr *)(copy + 1);
    memcpy(copy->ai_addr, out->ai_addr, out->ai_addrlen);
    copy->ai_canonname = NULL;
    copy->ai_next = next;
    freeaddrinfo(out);
    return copy;
}

static int
fake_lookup(const char *host, const char *service,
            const struct addrinfo *hints, struct addrinfo **out)
{
    (void)service;
    (void)hints;
    asked++;
    CHANGE((void)0);
    if (strncmp(host, "hang", 4) == 0) {
        pthread_mutex_lock(&world);
        while (!released) {
            pthread_cond_wait(&world_changed, &world);
        }
        pthread_mutex_unlock(&world);
    }
    if (strncmp(host, "none", 4) == 0 || strcmp(host, "localhost") == 0) {
        return EAI_NONAME;
    }
    if (strncmp(host, "again", 5) == 0) {
        return EAI_AGAIN;
    }
    if (strcmp(host, "two.test") == 0) { /* the first refuses */
        *out = entry("127.0.0.2", entry("127.0.0.1", NULL));
        return 0;
    }
    if (strcmp(host, "many.test") == 0) {
        *out = NULL;
        for (int i = 0; i < 20; i++) {
            *out = entry("127.0.0.9", *out);
        }
        return 0;
    }
    *out = entry("127.0.0.1", NULL);
    return 0;
}

static void
fake_free(struct addrinfo *list)
{
    while (list != NULL) {
        struct addrinfo *next = list->ai_next;

        free(list);
        list = next;
    }
}

/* ---- asking -------------------------------------------------------------*/

struct question {
    struct loop *loop;
    const char *host;
    uint16_t port;
    struct resolve *lookup;
    struct resolve_result result;
    bool answered, cached;
    sgo_status started;
};

static void
answer(void *ctx, const struct resolve_result *result)
{
    struct question *q = ctx;

    CHECK(loop_is_current(q->loop));
    q->result = *result;
    CHANGE(q->answered = true);
}

static void
ask(void *ctx)
{
    struct question *q = ctx;

    q->started =
        resolve_start(q->loop, q->host, q->port, answer, q, &q->lookup);
    CHECK(!q->answered); /* never inside */
}

static void
cancel(void *ctx)
{
    struct question *q = ctx;

    resolve_cancel(q->lookup);
}

static void
ask_cache(void *ctx)
{
    struct question *q = ctx;

    q->cached = resolve_cached(q->loop, q->host, q->port, RESOLVE_FRESH_NS,
                               &q->result);
}

static void
forget(void *ctx)
{
    struct question *q = ctx;

    resolve_forget(q->loop, q->host, q->port);
}

static void
numbers_and_loopback_are_told_apart(void)
{
    struct address a;

    CHECK(resolve_numeric("192.0.2.1", &a) && a.family == AF_INET);
    CHECK(resolve_numeric("2001:db8::1", &a) && a.family == AF_INET6);
    CHECK(resolve_numeric("[2001:db8::1]", &a));
    CHECK_STR(a.text, "2001:db8::1");
    CHECK(!resolve_numeric("[192.0.2.1]", NULL));
    CHECK(!resolve_numeric("192.0.2", NULL));
    CHECK(!resolve_numeric("", NULL));
    CHECK(!resolve_numeric("[]", NULL));
    CHECK(!resolve_numeric("example.com", NULL));
    CHECK(resolve_is_loopback("localhost"));
    CHECK(resolve_is_loopback("LOCALHOST"));
    CHECK(resolve_is_loopback("a.localhost"));
    CHECK(resolve_is_loopback("127.1.2.3"));
    CHECK(resolve_is_loopback("[::1]"));
    CHECK(!resolve_is_loopback("notlocalhost"));
    CHECK(!resolve_is_loopback("127.evil.example"));
    CHECK(!resolve_is_loopback("localhost.example"));
    CHECK(!resolve_is_loopback("128.0.0.1"));
}

static void
a_name_is_looked_up_once_and_remembered(void)
{
    struct loop *loop = get_loop();
    struct question a = {.loop = loop, .host = "one.test", .port = 1};
    struct question b = a, c = a;
    int before = asked;

    on_loop(loop, ask, &a);
    WAIT(a.answered);
    CHECK_INT(a.result.status, SGO_OK);
    CHECK_INT(a.result.count, 1);
    CHECK_STR(a.result.addresses[0].text, "127.0.0.1");
    on_loop(loop, ask, &b);
    WAIT(b.answered);
    on_loop(loop, ask_cache, &c);
    CHECK(c.cached);
    CHECK_INT(asked - before, 1);
    on_loop(loop, forget, &c);
    on_loop(loop, ask_cache, &c);
    CHECK(!c.cached);
    loop_release(loop);
}

static void
failures_are_words_and_not_remembered(void)
{
    struct loop *loop = get_loop();
    struct question a = {.loop = loop, .host = "none.test", .port = 1};
    struct question b = a;
    struct question c = {.loop = loop, .host = "again.test", .port = 1};
    int before = asked;

    on_loop(loop, ask, &a);
    WAIT(a.answered);
    CHECK_INT(a.result.status, SGO_FAILED);
    CHECK_INT(a.result.error.kind, SGO_ERROR_TRANSPORT);
    CHECK(strstr(a.result.error.text, "none.test") != NULL);
    on_loop(loop, ask, &b);
    WAIT(b.answered);
    CHECK_INT(asked - before, 2);
    on_loop(loop, ask, &c);
    WAIT(c.answered);
    CHECK(strstr(c.result.error.text, "DNS server") != NULL);
    loop_release(loop);
}

static void
hanging_helpers_are_few_and_hold_nothing_up(void)
{
    struct loop *loop = get_loop();
    struct question q[8];
    static const char *const names[8] = {"hang1", "hang1", "hang2", "hang3",
                                         "hang4", "late5", "hang1", "late5"};
    int64_t begun;
    int before = asked;

    CHANGE(released = false);
    for (int i = 0; i < 8; i++) {
        q[i] = (struct question){
            .loop = loop, .host = names[i], .port = i == 6 ? 2 : 1};
        on_loop(loop, ask, &q[i]);
        CHECK_INT(q[i].started, SGO_OK);
    }
    WAIT(asked - before == 4); /* the fifth name waits for a helper */
    CHECK_INT(resolve_helpers(), 4);
    on_loop(loop, cancel, &q[0]); /* running */
    on_loop(loop, cancel, &q[7]); /* waiting, shared */
    begun = clock_now_ns();
    CHANGE(released = true);
    WAIT(q[1].answered && q[2].answered && q[3].answered && q[4].answered &&
         q[5].answered && q[6].answered);
    CHECK(ms_since(begun) < 1000);
    CHECK(!q[0].answered);
    CHECK(!q[7].answered);
    CHECK_INT(asked - before, 6);
    loop_release(loop);
}

static void
the_loop_ends_while_a_lookup_hangs(void)
{
    struct loop *loop = get_loop();
    struct question q = {.loop = loop, .host = "hang7", .port = 1};
    struct question again = q;
    int before = asked;
    int64_t begun;

    CHANGE(released = false);
    on_loop(loop, ask, &q);
    WAIT(asked - before == 1);
    on_loop(loop, cancel, &q);
    begun = clock_now_ns();
    loop_release(loop);
    CHECK(ms_since(begun) < 500);
    CHECK_INT(resolve_helpers(), 1);
    loop = get_loop(); /* a new one joins the helper left behind */
    again.loop = loop;
    on_loop(loop, ask, &again);
    CHECK_INT(resolve_helpers(), 1);
    CHANGE(released = true);
    WAIT(again.answered);
    CHECK_INT(asked - before, 1);
    loop_release(loop);
}

static void
an_answer_that_comes_too_late_is_dropped(void)
{
    struct loop *loop = get_loop();
    struct question q = {.loop = loop, .host = "hang8", .port = 1};
    int before = asked;

    CHANGE(released = false);
    on_loop(loop, ask, &q);
    WAIT(asked - before == 1);
    loop_release(loop); /* not cancelled: the mailbox drops it */
    CHANGE(released = true);
    while (resolve_helpers() > 0) {
        poll(NULL, 0, 1);
    }
    CHECK(!q.answered);
}

static void
the_address_that_answers_comes_first(void)
{
    struct loop *loop = get_loop();
    uint16_t port;
    int fd = listen_on_loopback(&port, 8);
    struct question q = {.loop = loop, .host = "two.test", .port = port};
    struct question none = {.loop = loop, .host = "two.test"};
    int64_t begun = clock_now_ns();

    on_loop(loop, ask, &q);
    WAIT(q.answered);
    CHECK_INT(q.result.count, 2);
    CHECK_STR(q.result.addresses[0].text, "127.0.0.1");
    CHECK_STR(q.result.addresses[1].text, "127.0.0.2");
    CHECK(ms_since(begun) < 1000);
    close(fd);
    none.port = closed_port();
    on_loop(loop, ask, &none);
    WAIT(none.answered); /* all refuse: the order stays */
    CHECK_INT(none.result.status, SGO_OK);
    CHECK_STR(none.result.addresses[0].text, "127.0.0.2");
    loop_release(loop);
}

static void
long_lists_and_long_names_are_bounded(void)
{
    struct loop *loop = get_loop();
    char name[400];
    struct question many = {
        .loop = loop, .host = "many.test", .port = closed_port()};
    struct question lengthy = {.loop = loop, .host = name, .port = 1};
    struct question number = {.loop = loop, .host = "192.0.2.7", .port = 1};

    memset(name, 'a', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    on_loop(loop, ask, &many);
    on_loop(loop, ask, &lengthy);
    on_loop(loop, ask, &number);
    WAIT(many.answered && lengthy.answered && number.answered);
    CHECK_INT(many.result.count, RESOLVE_ADDRESSES);
    CHECK_INT(lengthy.result.status, SGO_INVALID);
    CHECK_INT(number.result.status, SGO_OK);
    CHECK_STR(number.result.addresses[0].text, "192.0.2.7");
    loop_release(loop);
}

static void
localhost_needs_no_system(void)
{
    struct loop *loop = get_loop();
    struct question q = {.loop = loop, .host = "localhost", .port = 9};

    on_loop(loop, ask, &q);
    WAIT(q.answered);
    CHECK_INT(q.result.status, SGO_OK);
    CHECK_INT(q.result.count, 2);
    loop_release(loop);
}

static void
the_systems_own_answers_work(void)
{
    struct loop *loop = get_loop();
    struct question q = {.loop = loop, .host = "localhost", .port = 9};

    resolve_set_system(NULL, NULL);
    on_loop(loop, ask, &q);
    WAIT(q.answered);
    CHECK_INT(q.result.status, SGO_OK);
    resolve_set_system(fake_lookup, fake_free);
    loop_release(loop);
}

static void
memory_that_runs_out_is_an_error(void)
{
    struct loop *loop = get_loop();

    bool all = false;

    for (int64_t n = 0; !all && check_bad == 0; n++) {
        struct question q = {.loop = loop, .host = "mem.test", .port = 1};

        mem_fail_after(n);
        on_loop(loop, ask, &q);
        if (q.started == SGO_OK) {
            WAIT(q.answered);
        } else {
            CHECK_INT(q.started, SGO_NO_MEMORY);
        }
        all = mem_fail_pending();
        mem_fail_after(-1);
    }
    loop_release(loop);
}

int
main(void)
{
    resolve_set_system(fake_lookup, fake_free);
    RUN(numbers_and_loopback_are_told_apart);
    RUN(a_name_is_looked_up_once_and_remembered);
    RUN(failures_are_words_and_not_remembered);
    RUN(hanging_helpers_are_few_and_hold_nothing_up);
    RUN(the_loop_ends_while_a_lookup_hangs);
    RUN(an_answer_that_comes_too_late_is_dropped);
    RUN(the_address_that_answers_comes_first);
    RUN(long_lists_and_long_names_are_bounded);
    RUN(localhost_needs_no_system);
    RUN(the_systems_own_answers_work);
    RUN(memory_that_runs_out_is_an_error);
    return check_done();
}
