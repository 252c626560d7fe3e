#include "feed/wake.h"

#include "base/clock.h"
#include "base/mem.h"

void
wakes_init(struct wakes *w)
{
    *w = (struct wakes){0};
}

void
wakes_fini(struct wakes *w)
{
    mem_free(w->heap);
    wakes_init(w);
}

sgo_status
wake_init(struct wakes *w, struct wake *wake, void (*due)(void *owner),
          void *owner)
{
    if (w->reserved == w->cap) {
        size_t cap = w->cap ? w->cap * 2 : 64;
        struct wake **heap = mem_realloc(w->heap, cap * sizeof(*heap));

        if (heap == NULL) {
            return SGO_NO_MEMORY;
        }
        w->heap = heap;
        w->cap = cap;
    }
    w->reserved++;
    *wake = (struct wake){.due = due, .owner = owner};
    return SGO_OK;
}

void
wake_fini(struct wakes *w, struct wake *wake)
{
    if (wake->due) {
        wake_clear(w, wake);
        w->reserved--;
        wake->due = NULL;
    }
}

bool
wake_is_set(const struct wake *wake)
{
    return wake->at != 0;
}

static bool
before(const struct wake *a, const struct wake *b)
{
    return a->when != b->when ? a->when < b->when : a->seq < b->seq;
}

static void
put(struct wakes *w, size_t at, struct wake *wake)
{
    w->heap[at] = wake;
    wake->at = at + 1;
}

static void
sift_up(struct wakes *w, size_t at)
{
    struct wake *wake = w->heap[at];

    while (at > 0 && before(wake, w->heap[(at - 1) / 2])) {
        put(w, at, w->heap[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    put(w, at, wake);
}

static void
sift_down(struct wakes *w, size_t at)
{
    struct wake *wake = w->heap[at];

    for (;;) {
        size_t child = 2 * at + 1;

        if (child >= w->len) {
            break;
        }
        if (child + 1 < w->len && before(w->heap[child + 1], w->heap[child])) {
            child++;
        }
        if (!before(w->heap[child], wake)) {
            break;
        }
        put(w, at, w->heap[child]);
        at = child;
    }
    put(w, at, wake);
}

void
wake_clear(struct wakes *w, struct wake *wake)
{
    size_t at = wake->at;
    struct wake *last;

    if (at == 0) {
        return;
    }
    wake->at = 0;
    last = w->heap[--w->len];
    if (last != wake) {
        put(w, at - 1, last);
        sift_up(w, at - 1);
        sift_down(w, last->at - 1);
    }
}

void
wake_set(struct wakes *w, struct wake *wake, int64_t when)
{
    wake_clear(w, wake);
    if (when == CLOCK_NEVER) {
        return;
    }
    wake->when = when;
    wake->seq = ++w->seq;
    put(w, w->len++, wake);
    sift_up(w, w->len - 1);
}

int64_t
wakes_next(const struct wakes *w)
{
    return w->len ? w->heap[0]->when : CLOCK_NEVER;
}

void
wakes_run(struct wakes *w, int64_t now)
{
    uint64_t last = w->seq;

    while (w->len && w->heap[0]->when <= now && w->heap[0]->seq <= last) {
        struct wake *wake = w->heap[0];

        wake_clear(w, wake);
        wake->due(wake->owner);
    }
}
