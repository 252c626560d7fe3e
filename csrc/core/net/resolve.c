/* Lookups live in state of the process, not of a loop: a helper that hangs in
 * getaddrinfo outlives the loop that asked, and the next one must find it. */
#include "net/resolve.h"

#include "base/mem.h"
#include "base/status.h"
#include "net/process.h"
#include "net/race.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

struct lookup {
    struct lookup *next; /* state's list, oldest first */
    bool running;        /* a helper has it */
    uint16_t port;
    struct resolve *waiters;
    struct state *state;
    char host[RESOLVE_HOST_BYTES];
};

struct resolve {
    struct resolve *next;  /* the lookup's waiters; state's lock */
    struct lookup *lookup; /* NULL: answered; state's lock */
    struct mailbox *box;   /* of the loop that asked */
    struct loop_task task;
    void (*on_done)(void *ctx, const struct resolve_result *result);
    void *ctx; /* on_done NULL: cancelled after it was answered */
    struct resolve_result result;
};

struct cached {
    char host[RESOLVE_HOST_BYTES]; /* "": free */
    uint16_t port;
    int64_t at_ns;
    size_t count;
    struct address addresses[RESOLVE_ADDRESSES];
};

struct state {
    struct process_state head; /* its lock guards everything here */
    struct lookup *lookups;
    size_t waiting, helpers;
    struct cached cache[RESOLVE_CACHED];
};

static process_slot state_slot;
static int (*_Atomic system_lookup)(const char *, const char *,
                                    const struct addrinfo *,
                                    struct addrinfo **) = getaddrinfo;
static void (*_Atomic system_free)(struct addrinfo *) = freeaddrinfo;

static struct state *
get_state(void)
{
    return process_get(&state_slot, sizeof(struct state));
}

/* ---- plain facts about hosts ----------------------------------------------*/

bool
resolve_numeric(const char *host, struct address *out)
{
    size_t len = strlen(host);
    unsigned char raw[sizeof(struct in6_addr)];
    struct address a = {.family = AF_INET};

    if (len >= 2 && host[0] == '[' && host[len - 1] == ']') {
        host++;
        len -= 2;
        a.family = AF_INET6;
    }
    if (len == 0 || len >= sizeof(a.text)) {
        return false;
    }
    memcpy(a.text, host, len);
    a.text[len] = '\0';
    if (a.family == AF_INET && inet_pton(AF_INET, a.text, raw) != 1) {
        a.family = AF_INET6;
    }
    if (a.family == AF_INET6 && inet_pton(AF_INET6, a.text, raw) != 1) {
        return false;
    }
    if (out != NULL) {
        *out = a;
    }
    return true;
}

bool
resolve_is_loopback(const char *host)
{
    static const char name[] = "localhost";
    size_t len = strlen(host), name_len = sizeof(name) - 1;
    struct address a;

    if (resolve_numeric(host, &a)) {
        return a.family == AF_INET ? strncmp(a.text, "127.", 4) == 0
                                   : strcmp(a.text, "::1") == 0;
    }
    return len >= name_len && strcasecmp(host + len - name_len, name) == 0 &&
           (len == name_len || host[len - name_len - 1] == '.');
}

/* ---- the cache ------------------------------------------------------------*/

static struct cached *
cache_find(struct state *state, const char *host, uint16_t port)
{
    for (size_t i = 0; i < RESOLVE_CACHED; i++) {
        struct cached *c = &state->cache[i];

        if (c->host[0] != '\0' && c->port == port &&
            strcasecmp(c->host, host) == 0) {
            return c;
        }
    }
    return NULL;
}

static void
cache_put(struct state *state, const struct lookup *lookup,
          const struct resolve_result *result)
{
    struct cached *at = cache_find(state, lookup->host, lookup->port);

    for (size_t i = 0; at == NULL && i < RESOLVE_CACHED; i++) {
        if (state->cache[i].host[0] == '\0') {
            at = &state->cache[i];
        }
    }
    if (at == NULL) { /* full: the oldest goes */
        at = &state->cache[0];
        for (size_t i = 1; i < RESOLVE_CACHED; i++) {
            if (state->cache[i].at_ns < at->at_ns) {
                at = &state->cache[i];
            }
        }
    }
    memcpy(at->host, lookup->host, sizeof(at->host));
    at->port = lookup->port;
    at->at_ns = clock_now_ns();
    at->count = result->count;
    memcpy(at->addresses, result->addresses, sizeof(at->addresses));
}

bool
resolve_cached(struct loop *loop, const char *host, uint16_t port,
               int64_t max_age_ns, struct resolve_result *out)
{
    struct state *state = get_state();
    struct cached *c = NULL;
    struct address a;

    if (resolve_numeric(host, &a)) {
        out->status = SGO_OK;
        out->count = 1;
        out->addresses[0] = a;
        return true;
    }
    if (state == NULL) {
        return false;
    }
    process_lock(&state->head);
    c = cache_find(state, host, port);
    if (c != NULL && loop_now_ns(loop) - c->at_ns <= max_age_ns) {
        out->status = SGO_OK;
        out->count = c->count;
        memcpy(out->addresses, c->addresses, sizeof(c->addresses));
    } else {
        c = NULL;
    }
    process_unlock(&state->head);
    return c != NULL;
}

void
resolve_forget(struct loop *loop, const char *host, uint16_t port)
{
    struct state *state = get_state();
    struct cached *c;

    (void)loop;
    if (state == NULL) {
        return;
    }
    process_lock(&state->head);
    c = cache_find(state, host, port);
    if (c != NULL) {
        c->host[0] = '\0';
    }
    process_unlock(&state->head);
}

/* ---- the helper -----------------------------------------------------------*/

static void
describe(struct resolve_result *result, const char *host, int rc, int saved)
{
    result->status = SGO_FAILED;
    result->count = 0;
    switch (rc) {
    case EAI_NONAME:
#if defined(EAI_NODATA) && EAI_NODATA != EAI_NONAME
    case EAI_NODATA:
#endif
        error_set(&result->error, SGO_ERROR_TRANSPORT,
                  "there is no host named %s (check the name, or the DNS "
                  "server)",
                  host);
        break;
    case EAI_AGAIN:
        error_set(&result->error, SGO_ERROR_TRANSPORT,
                  "the DNS server did not answer for %s (is the network "
                  "up?)",
                  host);
        break;
    case EAI_MEMORY:
        result->status = SGO_NO_MEMORY;
        error_set(&result->error, SGO_ERROR_MEMORY,
                  "out of memory while looking up %s", host);
        break;
    default:
        error_set(&result->error, SGO_ERROR_TRANSPORT,
                  "looking up %s failed: %s", host,
                  rc == EAI_SYSTEM ? strerror(saved) : gai_strerror(rc));
        break;
    }
    result->error.retryable = true;
}

/* Copy the addresses, the two families in turn, beginning with the first's. */
static void
take_addresses(struct resolve_result *result, const struct addrinfo *list)
{
    const struct addrinfo *at[2] = {list, list};
    int first = list != NULL ? list->ai_family : AF_INET;

    result->count = 0;
    for (int turn = 0;
         result->count < RESOLVE_ADDRESSES && (at[0] != NULL || at[1] != NULL);
         turn = !turn) {
        const struct addrinfo *ai = at[turn];
        struct address *a = &result->addresses[result->count];

        while (ai != NULL && (ai->ai_family == first) != (turn == 0)) {
            ai = ai->ai_next;
        }
        at[turn] = ai != NULL ? ai->ai_next : NULL;
        if (ai != NULL &&
            (ai->ai_family == AF_INET || ai->ai_family == AF_INET6) &&
            getnameinfo(ai->ai_addr, ai->ai_addrlen, a->text, sizeof(a->text),
                        NULL, 0, NI_NUMERICHOST) == 0) {
            a->family = ai->ai_family;
            result->count++;
        }
    }
}

/* RFC 6761: localhost is this machine even where the system does not know it
 * (a container without /etc/hosts). */
static void
take_loopback(struct resolve_result *result)
{
    result->addresses[0] = (struct address){"127.0.0.1", AF_INET};
    result->addresses[1] = (struct address){"::1", AF_INET6};
    result->count = 2;
}

static void
ask_system(const struct lookup *lookup, struct resolve_result *result)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC,
                             .ai_socktype = SOCK_STREAM};
    struct addrinfo *list = NULL;
    int rc, saved;

    memset(result, 0, sizeof(*result));
    error_clear(&result->error);
    rc = atomic_load(&system_lookup)(lookup->host, NULL, &hints, &list);
    saved = errno;
    if (rc == 0) {
        take_addresses(result, list);
        atomic_load (&system_free)(list);
    }
    if (rc == 0 && result->count == 0) {
        rc = EAI_NONAME;
    }
    if (rc != 0 && strcasecmp(lookup->host, "localhost") == 0) {
        take_loopback(result);
        rc = 0;
    }
    if (rc != 0) {
        describe(result, lookup->host, rc, saved);
        return;
    }
    result->status = SGO_OK;
    race_addresses(result->addresses, result->count, lookup->port);
}

/* Take a lookup off the list and answer its waiters. The caller holds the
 * lock; the waiters returned are posted after it was given back. */
static struct resolve *
detach_locked(struct state *state, struct lookup *lookup,
              const struct resolve_result *result)
{
    struct lookup **at = &state->lookups;
    struct resolve *waiters = lookup->waiters;

    while (*at != lookup) {
        at = &(*at)->next;
    }
    *at = lookup->next;
    for (struct resolve *w = waiters; w != NULL; w = w->next) {
        w->lookup = NULL;
        w->result = *result;
    }
    mem_free(lookup);
    return waiters;
}

static void
post_answers(struct resolve *waiters)
{
    while (waiters != NULL) {
        struct resolve *w = waiters;
        struct mailbox *box = mailbox_retain(w->box);

        waiters = w->next;
        mailbox_post(box, &w->task); /* w may be gone now */
        mailbox_release(box);
    }
}

static void *helper_main(void *arg);

static bool
name_is_running_locked(const struct state *state, const char *host)
{
    for (struct lookup *l = state->lookups; l != NULL; l = l->next) {
        if (l->running && strcasecmp(l->host, host) == 0) {
            return true;
        }
    }
    return false;
}

/* Give waiting lookups to new helpers.  Returns the waiters of those whose
 * helper could not be started, to be posted. */
static struct resolve *
start_helpers_locked(struct state *state)
{
    struct resolve *failed = NULL;
    struct lookup *l = state->lookups;

    while (l != NULL && state->helpers < RESOLVE_HELPERS) {
        struct lookup *next = l->next;

        if (!l->running && !name_is_running_locked(state, l->host)) {
            l->running = true;
            state->waiting--;
            state->helpers++;
            if (process_thread(NULL, helper_main, l) != SGO_OK) {
                struct resolve_result result = {.status = SGO_SYSTEM};
                struct resolve *waiters, **end;

                state->helpers--;
                error_set(&result.error, SGO_ERROR_TRANSPORT,
                          "no thread could be started to look up %s", l->host);
                result.error.retryable = true;
                waiters = detach_locked(state, l, &result);
                for (end = &failed; *end != NULL; end = &(*end)->next) {
                }
                *end = waiters;
            }
        }
        l = next;
    }
    return failed;
}

static void *
helper_main(void *arg)
{
    struct lookup *lookup = arg;
    struct state *state = lookup->state;
    struct resolve_result result;
    struct resolve *answered, *failed;

    process_name_thread("sgostream-dns");
    ask_system(lookup, &result);
    process_lock(&state->head);
    if (result.status == SGO_OK) {
        cache_put(state, lookup, &result);
    }
    answered = detach_locked(state, lookup, &result);
    state->helpers--;
    failed = start_helpers_locked(state);
    process_unlock(&state->head);
    post_answers(answered);
    post_answers(failed);
    return NULL;
}

/* ---- asking ---------------------------------------------------------------*/

static void
resolve_free(void *ctx)
{
    struct resolve *lookup = ctx;

    mailbox_release(lookup->box);
    mem_free(lookup);
}

static void
deliver(void *ctx)
{
    struct resolve *lookup = ctx;

    if (lookup->on_done != NULL) {
        lookup->on_done(lookup->ctx, &lookup->result);
    }
    resolve_free(lookup);
}

/* Join the lookup of this name or make one. */
static sgo_status
join_locked(struct state *state, struct resolve *w, const char *host,
            uint16_t port)
{
    struct lookup **at = &state->lookups;

    while (*at != NULL &&
           ((*at)->port != port || strcasecmp((*at)->host, host) != 0)) {
        at = &(*at)->next;
    }
    if (*at == NULL) {
        struct lookup *fresh;

        if (state->waiting >= RESOLVE_WAITING) {
            return SGO_LIMIT;
        }
        fresh = mem_calloc(1, sizeof(*fresh));
        if (fresh == NULL) {
            return SGO_NO_MEMORY;
        }
        snprintf(fresh->host, sizeof(fresh->host), "%s", host);
        fresh->port = port;
        fresh->state = state;
        state->waiting++;
        *at = fresh;
    }
    w->lookup = *at;
    w->next = (*at)->waiters;
    (*at)->waiters = w;
    return SGO_OK;
}

sgo_status
resolve_start(struct loop *loop, const char *host, uint16_t port,
              void (*on_done)(void *ctx, const struct resolve_result *result),
              void *ctx, struct resolve **out)
{
    struct state *state = get_state();
    struct resolve *w = mem_calloc(1, sizeof(*w));
    struct resolve *failed;
    sgo_status status;

    if (state == NULL || w == NULL) {
        mem_free(w);
        return SGO_NO_MEMORY;
    }
    w->task =
        (struct loop_task){.run = deliver, .drop = resolve_free, .ctx = w};
    w->box = mailbox_retain(loop_mailbox(loop));
    w->on_done = on_done;
    w->ctx = ctx;
    error_clear(&w->result.error);
    if (strlen(host) >= RESOLVE_HOST_BYTES) {
        w->result.status = SGO_INVALID;
        error_set(&w->result.error, SGO_ERROR_CONFIGURATION,
                  "the host name has more than %d characters",
                  RESOLVE_HOST_BYTES - 1);
        loop_post(loop, &w->task);
    } else if (resolve_cached(loop, host, port, RESOLVE_FRESH_NS,
                              &w->result)) {
        loop_post(loop, &w->task);
    } else {
        process_lock(&state->head);
        status = join_locked(state, w, host, port);
        failed = start_helpers_locked(state);
        process_unlock(&state->head);
        post_answers(failed);
        if (status != SGO_OK) {
            resolve_free(w);
            return status;
        }
    }
    *out = w;
    return SGO_OK;
}

void
resolve_cancel(struct resolve *lookup)
{
    struct state *state = get_state();
    bool answered = true;

    if (lookup == NULL || state == NULL) {
        return;
    }
    process_lock(&state->head);
    if (lookup->lookup != NULL) {
        struct lookup *asked = lookup->lookup;
        struct resolve **at = &asked->waiters;

        while (*at != lookup) {
            at = &(*at)->next;
        }
        *at = lookup->next;
        answered = false;
        if (asked->waiters == NULL && !asked->running) {
            struct lookup **link = &state->lookups;

            while (*link != asked) {
                link = &(*link)->next;
            }
            *link = asked->next;
            state->waiting--;
            mem_free(asked);
        }
    }
    process_unlock(&state->head);
    if (answered) {
        lookup->on_done = NULL; /* it is on its way through the mailbox */
    } else {
        resolve_free(lookup);
    }
}

/* ---- tests ----------------------------------------------------------------*/

void
resolve_set_system(int (*lookup)(const char *host, const char *service,
                                 const struct addrinfo *hints,
                                 struct addrinfo **out),
                   void (*free_list)(struct addrinfo *list))
{
    atomic_store(&system_lookup, lookup ? lookup : getaddrinfo);
    atomic_store(&system_free, free_list ? free_list : freeaddrinfo);
}

size_t
resolve_helpers(void)
{
    struct state *state = get_state();
    size_t n;

    if (state == NULL) {
        return 0;
    }
    process_lock(&state->head);
    n = state->helpers;
    process_unlock(&state->head);
    return n;
}
