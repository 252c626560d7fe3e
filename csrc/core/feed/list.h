/* Intrusive doubly linked lists: a node inside each member, a node as head.
 * Nothing here allocates, so nothing here fails. */
#ifndef SGO_FEED_LIST_H
#define SGO_FEED_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct node {
    struct node *next;
    struct node *prev; /* both NULL: in no list */
};

#define NODE_OWNER(node, type, member)                                        \
    ((type *)(void *)((char *)(node)-offsetof(type, member)))

/* `node` may be removed inside the loop, its `after` may not. */
#define LIST_EACH(node, after, head)                                          \
    for (node = (head)->next, after = node->next; node != (head);             \
         node = after, after = node->next)

static inline void
list_init(struct node *head)
{
    head->next = head->prev = head;
}

static inline bool
list_empty(const struct node *head)
{
    return head->next == head;
}

static inline bool
node_linked(const struct node *n)
{
    return n->next != NULL;
}

static inline void
list_insert(struct node *before, struct node *n)
{
    n->next = before;
    n->prev = before->prev;
    before->prev->next = n;
    before->prev = n;
}

static inline void
list_append(struct node *head, struct node *n)
{
    list_insert(head, n);
}

static inline void
list_prepend(struct node *head, struct node *n)
{
    list_insert(head->next, n);
}

/* Harmless for a node in no list. */
static inline void
list_remove(struct node *n)
{
    if (n->next) {
        n->next->prev = n->prev;
        n->prev->next = n->next;
        n->next = n->prev = NULL;
    }
}

#endif
