/* The mailbox: a list under a lock, and a descriptor that is signalled only
 * when the list was empty. */
#include "net/loop_internal.h"

#include "base/mem.h"

#include <unistd.h>

struct mailbox *
mailbox_create(void)
{
    struct mailbox *box = mem_calloc(1, sizeof(*box));

    if (box == NULL) {
        return NULL;
    }
    if (!wake_open(box->wake)) {
        mem_free(box);
        return NULL;
    }
    refcount_init(&box->refs);
    pthread_mutex_init(&box->lock, NULL);
    box->tail = &box->head;
    box->pid = getpid();
    return box;
}

struct mailbox *
mailbox_retain(struct mailbox *box)
{
    refcount_retain(&box->refs);
    return box;
}

void
mailbox_release(struct mailbox *box)
{
    if (box == NULL || box->pid != getpid() || !refcount_release(&box->refs)) {
        return;
    }
    wake_close(box->wake);
    pthread_mutex_destroy(&box->lock);
    mem_free(box);
}

static void
drop(struct loop_task *task)
{
    if (task->drop != NULL) {
        task->drop(task->ctx);
    }
}

void
mailbox_post(struct mailbox *box, struct loop_task *task)
{
    bool was_empty, closed;

    if (box->pid != getpid()) {
        drop(task);
        return;
    }
    task->next = NULL;
    pthread_mutex_lock(&box->lock);
    closed = box->closed;
    was_empty = box->head == NULL;
    if (!closed) {
        *box->tail = task;
        box->tail = &task->next;
    }
    pthread_mutex_unlock(&box->lock);
    if (closed) {
        drop(task);
    } else if (was_empty) {
        /* The reader may have run the task and let go of everything but the
         * box, which the caller of this function still holds. */
        wake_signal(box->wake[1]);
    }
}

struct loop_task *
mailbox_take(struct mailbox *box)
{
    struct loop_task *list;

    pthread_mutex_lock(&box->lock);
    list = box->head;
    box->head = NULL;
    box->tail = &box->head;
    pthread_mutex_unlock(&box->lock);
    return list;
}

void
mailbox_close(struct mailbox *box)
{
    struct loop_task *list;

    pthread_mutex_lock(&box->lock);
    box->closed = true;
    pthread_mutex_unlock(&box->lock);
    list = mailbox_take(box);
    while (list != NULL) {
        struct loop_task *task = list;

        list = task->next;
        drop(task);
    }
}
