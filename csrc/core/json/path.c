/* A cursor keeps one walk per open container, each standing on the value last
 * named or passed; a place further on in the document continues the walks, a
 * place before it starts those over that have passed it. */
#include "json/path.h"

#include "json/walk.h"

static void
open_level(struct path_cursor *cursor, uint32_t index)
{
    cursor->levels[cursor->depth++] = (struct path_level){
        .index = index,
        .at = cursor->doc->containers[index].off + 1,
        .child = index + 1,
        .value_index = VALUE_LEAF,
    };
}

void
path_cursor_init(struct path_cursor *cursor, const struct document *doc)
{
    cursor->doc = doc;
    cursor->depth = 0;
    cursor->path.n = 0;
    open_level(cursor, 0);
}

/* Walk on until the level stands on the value that begins at or surrounds
 * off. */
static void
advance(const struct document *doc, struct path_level *level, uint32_t off)
{
    struct walk w;
    struct walk_item item;

    if (off < level->off) {
        level->at = doc->containers[level->index].off + 1;
        level->child = level->index + 1;
        level->off = 0;
    }
    w = (struct walk){doc->body, doc->containers, level->at, level->child,
                      doc->body[doc->containers[level->index].off] == '{'};
    while (level->off == 0 || level->at <= off) {
        if (!walk_next(&w, &item)) {
            return; /* not a place of this document */
        }
        level->position = level->off == 0 ? 0 : level->position + 1;
        level->off = item.off;
        level->value_index = item.index;
        level->at = w.at;
        level->child = w.child;
        level->key = w.is_object ? item.key : (struct text){NULL, 0, false};
    }
}

const struct path *
path_cursor_name(struct path_cursor *cursor, uint32_t off)
{
    const struct container *containers = cursor->doc->containers;
    struct path *path = &cursor->path;
    uint32_t i;

    while (cursor->depth > 1) {
        const struct container *c =
            &containers[cursor->levels[cursor->depth - 1].index];

        if (c->off < off && off < c->end) {
            break;
        }
        cursor->depth--;
    }
    path->n = 0;
    if (off <= containers[0].off) {
        return path;
    }
    for (i = cursor->depth - 1;; i++) {
        struct path_level *level = &cursor->levels[i];

        advance(cursor->doc, level, off);
        if (level->off >= off || level->value_index == VALUE_LEAF) {
            break;
        }
        open_level(cursor, level->value_index);
    }
    path->n = cursor->depth;
    for (i = 0; i < path->n; i++) {
        path->steps[i].key = cursor->levels[i].key;
        path->steps[i].position = cursor->levels[i].position;
        path->indexes[i] = cursor->levels[i].index;
    }
    return path;
}

void
path_namer_init(struct path_namer *namer, const struct document *old_doc,
                const struct document *new_doc)
{
    path_cursor_init(&namer->old_side, old_doc);
    path_cursor_init(&namer->new_side, new_doc);
}

const struct path *
path_namer_name(struct path_namer *namer, const struct change *change)
{
    if (change->kind == SGO_CHANGE_REMOVED) {
        return path_cursor_name(&namer->old_side, change->old_off);
    }
    return path_cursor_name(&namer->new_side, change->new_off);
}
