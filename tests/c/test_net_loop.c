/* The I/O thread: posts, timers, life, fork. */
#include "net_peer.h"
#include "torture.h"

#include <sys/wait.h>

/* ---- posts ----------------------------------------------------------------*/

struct counted {
    struct loop_task task;
    int number;
    int *last;
    int *wrong;
};

static void
count_in_order(void *ctx)
{
    struct counted *c = ctx;

    if (c->number != *c->last + 1) {
        ++*c->wrong;
    }
    *c->last = c->number;
    if (c->number % 1000 == 0) {
        CHANGE((void)0);
    }
}

enum { FLOOD = 50000, PRODUCERS = 4 };

struct producer {
    pthread_t thread;
    struct loop *loop;
    struct counted *tasks;
    int last, wrong;
};

static void *
produce(void *ctx)
{
    struct producer *p = ctx;

    for (int i = 0; i < FLOOD; i++) {
        p->tasks[i].task =
            (struct loop_task){.run = count_in_order, .ctx = &p->tasks[i]};
        p->tasks[i].number = i + 1;
        p->tasks[i].last = &p->last;
        p->tasks[i].wrong = &p->wrong;
        loop_post(p->loop, &p->tasks[i].task);
    }
    return NULL;
}

struct stats_errand {
    struct loop *loop;
    struct loop_stats stats;
};

static void
read_stats(void *ctx)
{
    struct stats_errand *e = ctx;

    loop_stats(e->loop, &e->stats);
}

static void
a_flood_of_posts_runs_in_order_with_few_wakeups(void)
{
    struct loop *loop = get_loop();
    struct producer producers[PRODUCERS] = {{0}};
    struct stats_errand e = {.loop = loop};

    for (int i = 0; i < PRODUCERS; i++) {
        producers[i].loop = loop;
        producers[i].tasks = calloc(FLOOD, sizeof(struct counted));
        pthread_create(&producers[i].thread, NULL, produce, &producers[i]);
    }
    for (int i = 0; i < PRODUCERS; i++) {
        pthread_join(producers[i].thread, NULL);
    }
    on_loop(loop, read_stats, &e); /* behind them all */
    for (int i = 0; i < PRODUCERS; i++) {
        CHECK_INT(producers[i].last, FLOOD);
        CHECK_INT(producers[i].wrong, 0);
        free(producers[i].tasks);
    }
    CHECK_INT(e.stats.tasks, FLOOD * PRODUCERS + 1);
    CHECK(e.stats.wakeups < e.stats.tasks / 2);
    loop_release(loop);
}

static void
run_never(void *ctx)
{
    ++*(int *)ctx;
}

static void
count_drop(void *ctx)
{
    ++*((int *)ctx + 1);
}

static void
posts_after_the_end_are_dropped(void)
{
    struct loop *loop = get_loop();
    struct mailbox *box = mailbox_retain(loop_mailbox(loop));
    int counts[2] = {0, 0};
    struct loop_task task = {
        .run = run_never, .drop = count_drop, .ctx = counts};

    loop_release(loop);
    mailbox_post(box, &task);
    mailbox_post(box, &task);
    CHECK_INT(counts[0], 0);
    CHECK_INT(counts[1], 2);
    mailbox_release(box);
}

/* ---- timers ---------------------------------------------------------------*/

struct clocked {
    struct loop *loop;
    struct loop_timer timers[6];
    int order[8];
    int fired;
    int64_t begun, latest_ns;
};

static void
fire(struct clocked *c, int which)
{
    CHECK(loop_is_current(c->loop));
    CHANGE(c->order[c->fired++] = which);
}

static void
fire0(void *ctx)
{
    fire(ctx, 0);
}

static void
fire1(void *ctx)
{
    struct clocked *c = ctx;

    fire(c, 1);
    loop_timer_cancel(c->loop, &c->timers[3]); /* due at the same time */
    if (c->fired < 4) {
        loop_timer_set(c->loop, &c->timers[1], c->begun); /* the past */
    }
}

static void
fire2(void *ctx)
{
    struct clocked *c = ctx;

    c->latest_ns = clock_now_ns();
    fire(c, 2);
}

static void
fire3(void *ctx)
{
    fire(ctx, 3);
}

static void
set_timers(void *ctx)
{
    struct clocked *c = ctx;
    int64_t now = loop_now_ns(c->loop);

    c->begun = now;
    loop_timer_init(&c->timers[0], fire0, c);
    loop_timer_init(&c->timers[1], fire1, c);
    loop_timer_init(&c->timers[2], fire2, c);
    loop_timer_init(&c->timers[3], fire3, c);
    loop_timer_init(&c->timers[4], fire3, c);
    loop_timer_set(c->loop, &c->timers[2], now + 60 * NS_PER_MS);
    loop_timer_set(c->loop, &c->timers[1], now + 30 * NS_PER_MS);
    loop_timer_set(c->loop, &c->timers[3], now + 30 * NS_PER_MS);
    loop_timer_set(c->loop, &c->timers[0], now + 3600 * NS_PER_S);
    loop_timer_set(c->loop, &c->timers[0], now - NS_PER_S); /* moved */
    loop_timer_set(c->loop, &c->timers[4], now + 10 * NS_PER_MS);
    loop_timer_set(c->loop, &c->timers[4], CLOCK_NEVER);
}

static void
timers_fire_in_order_and_on_time(void)
{
    struct loop *loop = get_loop();
    struct clocked c = {.loop = loop};
    static const int expected[] = {0, 1, 1, 1, 2};

    on_loop(loop, set_timers, &c);
    WAIT(c.fired == 5);
    CHECK_MEM(c.order, sizeof(expected), expected, sizeof(expected));
    CHECK(c.latest_ns >= c.begun + 60 * NS_PER_MS);
    CHECK(c.latest_ns < c.begun + 1000 * NS_PER_MS);
    loop_release(loop);
}

static void
nothing_happens_in_an_idle_loop(void)
{
    struct loop *loop = get_loop();
    struct stats_errand before = {.loop = loop}, after = {.loop = loop};

    on_loop(loop, read_stats, &before);
    poll(NULL, 0, 300); /* the idleness itself */
    on_loop(loop, read_stats, &after);
    CHECK(after.stats.turns - before.stats.turns <= 2);
    loop_release(loop);
}

/* ---- watches --------------------------------------------------------------*/

struct watched {
    struct loop *loop;
    struct loop_watch watch, other;
    int64_t jump_ns;
    int stops, gone;
};

static void
jumped(void *ctx, int64_t jump_ns)
{
    struct watched *w = ctx;

    CHANGE(w->jump_ns = jump_ns);
    loop_watch_remove(w->loop, &w->other); /* while it is walked */
}

static void
stopped(void *ctx)
{
    ((struct watched *)ctx)->stops++;
}

static void
gone(void *ctx)
{
    ((struct watched *)ctx)->gone++;
}

static void
watch_and_skew(void *ctx)
{
    struct watched *w = ctx;

    w->other = (struct loop_watch){.on_stop = stopped, .ctx = w};
    w->watch = (struct loop_watch){.on_clock_jump = jumped,
                                   .on_stop = stopped,
                                   .on_gone = gone,
                                   .ctx = w};
    loop_watch_add(w->loop, &w->other);
    loop_watch_add(w->loop, &w->watch);
    loop_skew(w->loop, 600 * NS_PER_S);
}

static void
do_nothing(void *ctx)
{
    (void)ctx;
}

static void
a_jump_of_the_clock_and_the_end_are_told(void)
{
    struct loop *loop = get_loop();
    struct watched w = {.loop = loop};

    on_loop(loop, watch_and_skew, &w);
    on_loop(loop, do_nothing, NULL);
    WAIT(w.jump_ns != 0);
    CHECK(w.jump_ns > 599 * NS_PER_S && w.jump_ns < 601 * NS_PER_S);
    loop_release(loop);
    CHECK_INT(w.stops, 1);
    CHECK_INT(w.gone, 1);
}

/* ---- life -----------------------------------------------------------------*/

static void
everyone_shares_one_loop(void)
{
    struct loop *a = get_loop();
    struct loop *b = get_loop();

    CHECK(a == b);
    loop_release(a);
    on_loop(b, do_nothing, NULL); /* still there */
    loop_release(b);
}

static void *
come_and_go(void *ctx)
{
    (void)ctx;
    for (int i = 0; i < 40; i++) {
        struct loop *loop = get_loop();
        struct errand e = {.run = do_nothing};

        e.task.run = errand_run;
        e.task.ctx = &e;
        loop_post(loop, &e.task);
        if (!WAIT_OK(e.done)) {
            abort();
        }
        loop_release(loop);
    }
    return NULL;
}

static void
threads_come_and_go_at_once(void)
{
    pthread_t threads[4];

    for (int i = 0; i < 4; i++) {
        pthread_create(&threads[i], NULL, come_and_go, NULL);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
    }
}

static void
read_mask(void *ctx)
{
    pthread_sigmask(SIG_SETMASK, NULL, ctx);
}

static void
on_sigpipe(int number)
{
    (void)number;
}

static void
signals_are_blocked_there_and_sigpipe_is_put_back(void)
{
    struct sigaction action = {.sa_handler = on_sigpipe}, after;
    struct loop *loop;
    sigset_t mask;

    sigaction(SIGPIPE, &action, NULL);
    loop = get_loop();
    sigaction(SIGPIPE, NULL, &after);
    CHECK(after.sa_handler == on_sigpipe);
    on_loop(loop, read_mask, &mask);
    CHECK(sigismember(&mask, SIGINT));
    CHECK(sigismember(&mask, SIGPIPE));
    CHECK(sigismember(&mask, SIGTERM));
    loop_release(loop);
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    CHECK(!sigismember(&mask, SIGINT));
    signal(SIGPIPE, SIG_DFL);
}

/* In the child: the inherited loop is not ours, a new one works. */
static int
use_in_child(struct loop *inherited, struct mailbox *box)
{
    int counts[2] = {0, 0};
    struct loop_task task = {
        .run = run_never, .drop = count_drop, .ctx = counts};
    struct loop *loop = NULL;
    sgo_error err;

    loop_after_fork_child();
    if (loop_is_ours(inherited)) {
        return 2;
    }
    mailbox_post(box, &task);
    if (counts[1] != 1) {
        return 3;
    }
    loop_release(inherited);
    if (!FORK_AND_THREADS) {
        return 0;
    }
    if (loop_acquire(&loop, &err) != SGO_OK || loop == inherited) {
        return 4;
    }
    {
        struct errand e = {.run = do_nothing};

        e.task.run = errand_run;
        e.task.ctx = &e;
        loop_post(loop, &e.task);
        if (!WAIT_OK(e.done)) {
            return 5;
        }
    }
    loop_release(loop);
    return 0;
}

static void
a_forked_child_starts_anew(void)
{
    struct loop *loop = get_loop();
    int status = -1;
    pid_t child;

    on_loop(loop, do_nothing, NULL);
    child = fork();
    if (child == 0) {
        _exit(use_in_child(loop, loop_mailbox(loop)));
    }
    CHECK_INT(waitpid(child, &status, 0), child);
    CHECK(WIFEXITED(status));
    CHECK_INT(WEXITSTATUS(status), 0);
    on_loop(loop, do_nothing, NULL); /* the parent's goes on */
    loop_release(loop);
}

static void
memory_that_runs_out_is_an_error(void)
{
    bool all = false;

    for (int64_t n = 0; !all && check_bad == 0; n++) {
        struct loop *loop = NULL;
        sgo_error err;
        sgo_status status;

        mem_fail_after(n);
        status = loop_acquire(&loop, &err);
        if (status == SGO_OK) {
            on_loop(loop, do_nothing, NULL);
            loop_release(loop);
        } else {
            CHECK(status == SGO_NO_MEMORY || status == SGO_SYSTEM);
            CHECK(err.text[0] != '\0');
            CHECK(loop == NULL);
        }
        all = mem_fail_pending();
        mem_fail_after(-1);
        loop = get_loop(); /* and the next time it works */
        on_loop(loop, do_nothing, NULL);
        loop_release(loop);
    }
}

int
main(void)
{
    torture_libraries();
    RUN(a_flood_of_posts_runs_in_order_with_few_wakeups);
    RUN(posts_after_the_end_are_dropped);
    RUN(timers_fire_in_order_and_on_time);
    RUN(nothing_happens_in_an_idle_loop);
    RUN(a_jump_of_the_clock_and_the_end_are_told);
    RUN(everyone_shares_one_loop);
    RUN(threads_come_and_go_at_once);
    RUN(signals_are_blocked_there_and_sigpipe_is_put_back);
    RUN(a_forked_child_starts_anew);
    RUN(memory_that_runs_out_is_an_error);
    return check_done();
}
