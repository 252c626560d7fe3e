/* Failing memory, random bytes, random servers: the protocol never crashes,
 * never breaks its own rules, and always comes back. */
#include <stdlib.h>

#include "base/mem.h"
#include "check.h"
#include "pusher_help.h"

#define NOTE(id)                                                              \
    "{\"event\":\"data\",\"channel\":\"" CHANNEL                              \
    "\",\"data\":[{\"eventID\":\"" id "\"}]}"

/* What an owner knows from the outputs alone. */
struct owner {
    struct stage w;
    size_t looked;        /* outputs already judged */
    uint64_t socket;      /* generation that may be open; 0: none */
    bool closing;         /* told to close it */
    bool opened, greeted; /* what the server did with it */
    size_t auths;         /* requests out */
    uint64_t auth[16];
    bool subscribed; /* CHANNEL, as told */
    bool pending;    /* CHANNEL's subscribe unanswered */
    bool coordinates;
    bool failed; /* FATAL for all */
    sgo_connection state;
    size_t gaps, told; /* LOST or UNREADABLE; ids */
};

static void
drop_auth(struct owner *o, uint64_t request)
{
    for (size_t i = 0; i < o->auths; i++) {
        if (o->auth[i] == request) {
            o->auth[i] = o->auth[--o->auths];
            return;
        }
    }
}

static void
judge(struct owner *o, const struct seen *s)
{
    switch (s->kind) {
    case PUSHER_CONNECT:
        CHECK(o->socket == 0); /* never two at once */
        o->socket = s->generation;
        o->closing = o->opened = o->greeted = o->pending = false;
        break;
    case PUSHER_SEND:
        CHECK(s->generation == o->socket && o->greeted && !o->closing);
        if (strstr(s->text, "pusher:subscribe") && strstr(s->text, CHANNEL)) {
            CHECK(!o->pending);
            o->pending = true;
        }
        break;
    case PUSHER_CLOSE:
        if (s->generation == o->socket) {
            o->closing = true;
        }
        break;
    case PUSHER_KILL:
        if (s->generation == o->socket) {
            o->socket = 0;
        }
        break;
    case PUSHER_AUTHORISE:
        CHECK(o->greeted && s->generation == o->socket);
        CHECK(o->auths < 4);
        o->auth[o->auths++] = s->request;
        if (strcmp(s->channel, CHANNEL) == 0) {
            o->pending = false; /* given up as unanswered */
        }
        break;
    case PUSHER_CANCEL_AUTHORISE:
        drop_auth(o, s->request);
        break;
    case PUSHER_COORDINATES:
        o->coordinates = true;
        break;
    case PUSHER_STATE:
        CHECK_INT(s->previous,
                  s->previous == s->current ? s->current : o->state);
        o->state = s->current;
        break;
    case PUSHER_SUBSCRIBED:
        if (strcmp(s->channel, CHANNEL) == 0) {
            CHECK(!o->subscribed);
            o->subscribed = true;
            o->pending = false;
        }
        break;
    case PUSHER_LOST:
        if (s->channel[0] == '\0' || strcmp(s->channel, CHANNEL) == 0) {
            o->subscribed = false;
        }
        o->gaps++;
        break;
    case PUSHER_NOTIFICATION:
        o->told += s->count;
        break;
    case PUSHER_UNREADABLE:
        o->gaps++;
        break;
    case PUSHER_REFUSED:
        if (strcmp(s->channel, CHANNEL) == 0) {
            o->pending = false;
        }
        break;
    case PUSHER_REPORT:
        break;
    case PUSHER_FATAL:
        o->failed = o->failed || s->channel[0] == '\0';
        break;
    }
}

static void
look(struct owner *o)
{
    stage_drain(&o->w);
    for (; o->looked < o->w.count; o->looked++) {
        judge(o, &o->w.seen[o->looked]);
    }
}

/* Keep the record small in long runs. */
static void
forget(struct owner *o)
{
    for (size_t i = 0; i < o->w.count; i++) {
        free(o->w.seen[i].text);
        free(o->w.seen[i].more);
    }
    o->w.count = o->w.mark = o->looked = 0;
}

static void
gone(struct owner *o, int code)
{
    struct pusher_end end = {.close_code = code};
    uint64_t generation = o->socket;

    o->socket = 0;
    o->opened = o->greeted = o->pending = false;
    pusher_closed(o->w.p, o->w.now, generation, &end);
    look(o);
}

static void
say(struct owner *o, const char *text, size_t len, bool binary)
{
    pusher_message(o->w.p, o->w.now, o->socket, text, len, binary);
    look(o);
}

static void
say_text(struct owner *o, const char *text)
{
    say(o, text, strlen(text), false);
}

static void
grant(struct owner *o, int status, const char *body)
{
    uint64_t request = o->auth[0];

    drop_auth(o, request);
    o->w.request = request;
    stage_answer(&o->w, status, body);
    look(o);
}

static void
succeed(struct owner *o)
{
    o->pending = false;
    stage_succeed(&o->w, CHANNEL);
    look(o);
}

static void
pass(struct owner *o, int64_t ns)
{
    int64_t due = pusher_deadline(o->w.p);

    o->w.now = due < o->w.now + ns ? (due > o->w.now ? due : o->w.now)
                                   : o->w.now + ns;
    pusher_tick(o->w.p, o->w.now);
    look(o);
}

/* One step of a server and owner that do all they should. */
static void
good_step(struct owner *o)
{
    static const char body[] =
        "{\"auth\":\"" AUTH "\",\"channel_data\":\"{}\"}";

    look(o);
    if (o->coordinates) {
        o->coordinates = false;
        if (pusher_set_coordinates(o->w.p, o->w.now, &o->w.coordinates) !=
            SGO_OK) {
            pusher_coordinates_failed(o->w.p, o->w.now, NULL);
        }
        look(o);
    } else if (o->socket && o->closing) {
        gone(o, 1000);
    } else if (o->socket && !o->opened) {
        o->opened = true;
        stage_opened(&o->w);
        look(o);
    } else if (o->socket && !o->greeted) {
        o->greeted = true;
        say_text(o, ESTABLISHED);
    } else if (o->auths) {
        grant(o, 200, body);
    } else if (o->pending) {
        succeed(o);
    } else {
        pass(o, S(1));
        if (o->greeted && o->socket) {
            pusher_frame(o->w.p, o->w.now, o->socket);
        }
    }
}

/* Until CHANNEL is subscribed; false after an hour. */
static bool
recover(struct owner *o)
{
    int64_t until = o->w.now + S(3600);

    for (int steps = 0; steps < 100000 && o->w.now < until; steps++) {
        if (o->w.count > SEEN_MAX / 2) {
            forget(o);
        }
        if (pusher_channel_subscribed(o->w.p, CHANNEL) && o->subscribed) {
            return true;
        }
        good_step(o);
    }
    return false;
}

/* Connect, subscribe, be told things, lose it, come back, stop. */
static void
scenario(struct owner *o)
{
    struct stage *w = &o->w;
    size_t before;

    if (pusher_channel_add(w->p, w->now, CHANNEL, "user") != SGO_OK &&
        pusher_channel_add(w->p, w->now, CHANNEL, "user") != SGO_OK) {
        CHECK(false);
    }
    pusher_start(w->p, w->now);
    look(o);
    CHECK(recover(o));
    for (int i = 0; i < 3; i++) {
        /* P2: told, or a gap. */
        before = o->told + o->gaps;
        say_text(o, NOTE("E1"));
        CHECK(o->told + o->gaps > before);
        CHECK(recover(o));
    }
    say_text(o, "{\"event\":\"pusher:ping\"}");
    CHECK(recover(o));
    pass(o, S(40));
    CHECK(recover(o));
    gone(o, 1006);
    CHECK(recover(o));
    pusher_stop(w->p, w->now);
    look(o);
}

static void
every_allocation_may_fail(void)
{
    bool done = false;
    int n;

    for (n = 0; !done && n < 10000; n++) {
        static struct owner o;
        uint64_t asked;

        memset(&o, 0, sizeof(o));
        stage_init(&o.w, NULL);
        asked = mem_count();
        mem_fail_after(n);
        stage_make(&o.w);
        if (o.w.p == NULL) {
            stage_make(&o.w);
        }
        scenario(&o);
        asked = mem_count() - asked;
        mem_fail_after(-1);
        done = (uint64_t)n > asked;
        if (check_bad) {
            fprintf(stderr, "allocation %d\n", n);
            done = true;
        }
        stage_fini(&o.w);
    }
    CHECK(n > 60);
}

static void
memory_fails_again_and_again(void)
{
    for (uint64_t seed = 1; seed < 300 && !check_bad; seed++) {
        static struct owner o;
        struct rand dice;

        memset(&o, 0, sizeof(o));
        stage_seed(&o.w, NULL, seed);
        stage_make(&o.w);
        rand_init(&dice, seed);
        CHECK_INT(pusher_channel_add(o.w.p, o.w.now, CHANNEL, NULL), SGO_OK);
        pusher_start(o.w.p, o.w.now);
        for (int i = 0; i < 400; i++) {
            mem_fail_after(rand_between(&dice, 0, 12));
            if (o.subscribed && rand_between(&dice, 0, 3) == 0) {
                size_t before = o.told + o.gaps;

                say_text(&o, NOTE("E1"));
                CHECK(o.told + o.gaps > before);
            } else if (o.socket && rand_between(&dice, 0, 30) == 0) {
                gone(&o, 1006);
            } else {
                good_step(&o);
            }
        }
        mem_fail_after(-1);
        CHECK(o.failed || recover(&o));
        if (check_bad) {
            fprintf(stderr, "seed %d\n", (int)seed);
        }
        stage_fini(&o.w);
    }
}

/* ---- bytes ------------------------------------------------------------- */

static const char *const samples[] = {
    ESTABLISHED,
    NOTE("E1"),
    "{\"event\":\"data\",\"channel\":\"" CHANNEL
    "\",\"data\":\"[{\\\"eventID\\\":\\\"E2\\\"}]\"}",
    "{\"event\":\"pusher:error\",\"data\":{\"code\":4201,\"message\":\"m\"}}",
    "{\"event\":\"pusher:error\",\"data\":\"{\\\"code\\\":null}\"}",
    "{\"event\":\"pusher_internal:subscription_succeeded\",\"channel\":"
    "\"" CHANNEL "\",\"data\":\"{\\\"presence\\\":{}}\"}",
    "{\"event\":\"pusher:subscription_error\",\"channel\":\"" CHANNEL
    "\",\"data\":{\"status\":403}}",
    "{\"event\":\"pusher:ping\",\"data\":{}}",
};

static size_t
mutant(struct rand *dice, char *out)
{
    static const char bytes[] = "\"\\{}[]:,0un\x00\x80\xff e";
    const char *from = samples[rand_between(
        dice, 0, sizeof(samples) / sizeof(samples[0]) - 1)];
    size_t len = strlen(from);

    memcpy(out, from, len);
    for (int64_t n = rand_between(dice, 0, 6); n > 0 && len; n--) {
        size_t at = (size_t)rand_between(dice, 0, (int64_t)len - 1);

        switch (rand_between(dice, 0, 3)) {
        case 0:
            out[at] = bytes[rand_between(dice, 0, sizeof(bytes) - 2)];
            break;
        case 1:
            out[at] = (char)rand_between(dice, 0, 255);
            break;
        case 2:
            len = at;
            break;
        default:
            memmove(out + at + 1, out + at, len - at);
            out[at] = bytes[rand_between(dice, 0, sizeof(bytes) - 2)];
            len++;
            break;
        }
    }
    return len;
}

static void
random_bytes_as_messages(void)
{
    static struct owner o;
    struct rand dice;
    char text[4096];

    memset(&o, 0, sizeof(o));
    stage_init(&o.w, NULL);
    stage_make(&o.w);
    rand_init(&dice, 7);
    CHECK_INT(pusher_channel_add(o.w.p, o.w.now, CHANNEL, NULL), SGO_OK);
    pusher_start(o.w.p, o.w.now);
    CHECK(recover(&o));
    for (int i = 0; i < 100000 && !check_bad; i++) {
        size_t len = mutant(&dice, text);
        char *exact = malloc(len ? len : 1); /* no byte behind it is ours */

        memcpy(exact, text, len);
        if (o.w.count > SEEN_MAX / 2) {
            forget(&o);
        }
        if (o.socket && o.greeted && !o.closing) {
            o.pending = false; /* it may be answered by anything */
            say(&o, exact, len, false);
        } else {
            good_step(&o);
        }
        free(exact);
    }
    CHECK(recover(&o));
    stage_fini(&o.w);
}

/* ---- servers ----------------------------------------------------------- */

static void
wild_answer(struct owner *o, struct rand *dice)
{
    static const int statuses[] = {200, 200, 200, 200, 403, 401,
                                   500, 429, 302, 0,   400};
    static const char *const bodies[] = {
        "{\"auth\":\"" AUTH "\",\"channel_data\":\"{}\"}",
        "{\"auth\":\"" AUTH "\"}",
        "{\"error\":\"too many concurrent streams\"}",
        "<html>",
        "",
    };

    grant(o, statuses[rand_between(dice, 0, 10)],
          bodies[rand_between(dice, 0, 4)]);
}

static void
wild_step(struct owner *o, struct rand *dice)
{
    static const int codes[] = {0,    1000, 1001, 1006, 1002, 4009,
                                4100, 4200, 4201, 4004, 4300, 1011};
    struct stage *w = &o->w;

    switch (rand_between(dice, 0, 15)) {
    case 0:
    case 1:
        if (o->socket) {
            gone(o, codes[rand_between(dice, 0, 11)]);
        }
        break;
    case 2:
        if (o->socket && o->opened && !o->closing) {
            o->pending = false;
            o->greeted = true; /* whatever it says */
            say_text(o, samples[rand_between(dice, 0, 7)]);
        }
        break;
    case 3:
        pass(o, rand_between(dice, 0, S(20)));
        break;
    case 4:
        if (o->auths) {
            wild_answer(o, dice);
        }
        break;
    case 5: /* late and unknown inputs */
        pusher_opened(w->p, w->now, w->generation + 1);
        pusher_message(w->p, w->now, w->generation + 1, "x", 1, false);
        pusher_closed(w->p, w->now, 0, &(struct pusher_end){0});
        w->request = 1;
        stage_answer(w, 200, "{}");
        look(o);
        break;
    case 6:
        w->now += rand_between(dice, 0, S(100));
        pusher_clock_jump(w->p, w->now);
        look(o);
        break;
    case 7:
        pusher_channel_remove(w->p, w->now, CHANNEL);
        look(o);
        o->subscribed = o->pending = false;
        CHECK_INT(pusher_channel_add(w->p, w->now, CHANNEL, "u"), SGO_OK);
        look(o);
        break;
    case 8:
        if (rand_between(dice, 0, 3) == 0) {
            CHECK_INT(pusher_channel_add(w->p, w->now, "private-2", NULL),
                      SGO_OK);
        } else {
            pusher_channel_remove(w->p, w->now, "private-2");
        }
        look(o);
        break;
    default:
        good_step(o);
        break;
    }
}

static void
random_servers_and_owners(void)
{
    for (uint64_t seed = 1; seed <= 2000 && !check_bad; seed++) {
        static struct owner o;
        struct rand dice;

        memset(&o, 0, sizeof(o));
        stage_seed(&o.w, NULL, seed);
        o.w.settings.persist = true;
        stage_make(&o.w);
        rand_init(&dice, seed ^ 0x5bd1e995);
        CHECK_INT(pusher_channel_add(o.w.p, o.w.now, CHANNEL, "u"), SGO_OK);
        pusher_start(o.w.p, o.w.now);
        look(&o);
        for (int i = 0; i < 400 && !check_bad; i++) {
            wild_step(&o, &dice);
        }
        CHECK(o.failed || recover(&o));
        if (check_bad) {
            fprintf(stderr, "seed %d\n", (int)seed);
        }
        stage_fini(&o.w);
    }
}

static void
the_same_seed_gives_the_same_outputs(void)
{
    static struct owner runs[2];

    for (int run = 0; run < 2; run++) {
        struct owner *o = &runs[run];
        struct rand dice;

        memset(o, 0, sizeof(*o));
        stage_seed(&o->w, NULL, 99);
        o->w.settings.persist = true;
        stage_make(&o->w);
        rand_init(&dice, 5);
        CHECK_INT(pusher_channel_add(o->w.p, o->w.now, CHANNEL, "u"), SGO_OK);
        pusher_start(o->w.p, o->w.now);
        look(o);
        for (int i = 0; i < 1000; i++) {
            wild_step(o, &dice);
        }
    }
    CHECK_INT(runs[0].w.count, runs[1].w.count);
    for (size_t i = 0; i < runs[0].w.count && !check_bad; i++) {
        const struct seen *a = &runs[0].w.seen[i], *b = &runs[1].w.seen[i];

        CHECK_INT(a->kind, b->kind);
        CHECK_INT(a->at, b->at);
        CHECK_INT(a->ns, b->ns);
        CHECK_STR(a->text ? a->text : "", b->text ? b->text : "");
    }
    stage_fini(&runs[0].w);
    stage_fini(&runs[1].w);
}

/* An owner that does not drain: the queue stays bounded and the rest is made
 * good by starting over. */
static void
an_undrained_queue_is_bounded(void)
{
    static struct owner o;

    memset(&o, 0, sizeof(o));
    stage_init(&o.w, NULL);
    stage_make(&o.w);
    CHECK_INT(pusher_channel_add(o.w.p, o.w.now, CHANNEL, NULL), SGO_OK);
    pusher_start(o.w.p, o.w.now);
    CHECK(recover(&o));
    for (int i = 0; i < 10000; i++) {
        pusher_message(o.w.p, o.w.now, o.socket, NOTE("E1"),
                       strlen(NOTE("E1")), false);
    }
    look(&o);
    CHECK(o.told == 4096);
    CHECK(o.gaps > 0);
    CHECK(recover(&o));
    stage_fini(&o.w);
}

int
main(void)
{
    RUN(every_allocation_may_fail);
    RUN(memory_fails_again_and_again);
    RUN(random_bytes_as_messages);
    RUN(random_servers_and_owners);
    RUN(the_same_seed_gives_the_same_outputs);
    RUN(an_undrained_queue_is_bounded);
    return check_done();
}
