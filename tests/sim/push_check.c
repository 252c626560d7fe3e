/* What must hold of sockets: dead ones are found in time, the client is not
 * silent, and it connects neither too soon nor too often. */
#include "sim.h"

#include <inttypes.h>

/* A socket leads nowhere: found after activity and pong time; after a sleep,
 * after the shorter pong time. */
#define DEAD_FOUND_NS (40 * NS_PER_S + NS_PER_S / 2)
#define DEAD_FOUND_AWAKE_NS (5 * NS_PER_S + NS_PER_S / 2)
#define SILENCE_MAX_NS (42 * NS_PER_S)

void
push_check_found(struct sim *s, const struct sim_socket *k)
{
    int64_t by = k->mute_at + DEAD_FOUND_NS;

    if (s->woke_at > k->mute_at) {
        by = s->woke_at + DEAD_FOUND_AWAKE_NS;
    }
    if (k->mute && k->greeted && s->now > by) {
        sim_fail(s, "P2", "a dead socket was not found within %.1f s",
                 (double)(by - k->mute_at) / 1e9);
    }
}

void
push_check(struct sim *s)
{
    for (size_t i = 0; i < SIM_SOCKETS; i++) {
        struct sim_socket *k = &s->sockets[i];

        if (!k->open || k->left) {
            continue;
        }
        push_check_found(s, k);
        if (k->alive && k->greeted && !k->mute &&
            s->now - k->heard_at > SILENCE_MAX_NS &&
            s->now - s->woke_at > SILENCE_MAX_NS) {
            sim_fail(s, "P2", "the client was silent for %.1f s",
                     (double)(s->now - k->heard_at) / 1e9);
        }
    }
}

/* ---- connects: how soon, how often --------------------------------------------------- */

static bool
power_of_two_seconds(int64_t ns)
{
    int64_t n = ns / NS_PER_S;

    return ns > 0 && ns % NS_PER_S == 0 && (n & (n - 1)) == 0;
}

static int64_t
least_wait(const struct sim_link *l)
{
    int64_t least = NS_PER_S / 2;

    if (l->code >= 4100 && l->code < 4200) {
        least = NS_PER_S;
    } else if (l->code >= 4200 && l->code < 4300) {
        least = 0;
    } else if (l->code == 4004 || (l->code >= 4009 && l->code < 4100)) {
        least = 15 * NS_PER_S;
    } else if (l->by_client) {
        least = 0;
    }
    return l->told_wait > least ? l->told_wait : least;
}

void
push_check_connect(struct sim *s, uint32_t link_id, struct sim_link *l)
{
    int64_t since = s->now - l->ended_at;
    unsigned lately = 1;

    for (size_t i = 0; i < SIM_SOCKETS; i++) {
        const struct sim_socket *k = &s->sockets[i];

        if (k->open && !k->left && k->link_id == link_id) {
            sim_fail(s, "P5", "two sockets of one link");
        }
    }
    if (l->used && since < least_wait(l)) {
        sim_fail(s, "P9", "reconnect %.3f s after code %d, not before %.1f",
                 (double)since / 1e9, l->code, (double)least_wait(l) / 1e9);
    }
    if (l->used && !l->by_client && l->told_wait <= 0 &&
        power_of_two_seconds(since)) {
        sim_fail(s, "P9", "reconnect after exactly %d s: no jitter",
                 (int)(since / NS_PER_S));
    }
    for (size_t i = 0; i < l->connect_count && i < 16; i++) {
        lately += s->now - l->connects[i] < 30 * NS_PER_S;
    }
    if (lately > 8) {
        sim_fail(s, "P9", "%u connects within 30 s", lately);
    }
    l->connects[l->connect_count++ % 16] = s->now;
    l->used = true;
}
