/* The heart: validating, indexing and comparing a new body against the held
 * document in one pass.
 *
 * Both texts are read in lock step.  Invariant: at the two places (`after` of
 * the innermost level in the old text, `p` in the new one) the lexer would be
 * in the same state, behind a complete value or behind an opening bracket.
 * Bytes that are equal from there on are therefore valid, and hold the same
 * containers: their records are copied with a shift.  At the first difference
 * the token it lies in is found from the old text; a value is scanned anew
 * and compared; anything else (keys, white space, brackets) makes the object
 * irregular, and its members are matched by name, one at a time, until the
 * two texts run together again.  Arrays with such a difference are scanned
 * and compared as a whole.
 *
 * Whatever is unusual (malformed text, equal keys, limits, another type of
 * root) ends the pass; document_update then builds and compares, which also
 * gives the verdict and the place of an error. */
#include <string.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "base/mem.h"
#include "json/update_internal.h"
#include "json/walk.h"

enum { LOOK_AHEAD = 4 };

#if defined(__SSE2__)
static inline __m128i
equal_16(const char *a, const char *b)
{
    return _mm_cmpeq_epi8(_mm_loadu_si128((const __m128i *)(const void *)a),
                          _mm_loadu_si128((const __m128i *)(const void *)b));
}
#endif

/* How many bytes are equal, at most max. */
static size_t
common_prefix(const char *a, const char *b, size_t max)
{
    size_t n = 0;

#if defined(__SSE2__)
    for (; n + 64 <= max; n += 64) {
        __m128i equal =
            _mm_and_si128(_mm_and_si128(equal_16(a + n, b + n),
                                        equal_16(a + n + 16, b + n + 16)),
                          _mm_and_si128(equal_16(a + n + 32, b + n + 32),
                                        equal_16(a + n + 48, b + n + 48)));

        if (_mm_movemask_epi8(equal) != 0xFFFF) {
            break;
        }
    }
    for (; n + 16 <= max; n += 16) {
        unsigned equal = (unsigned)_mm_movemask_epi8(equal_16(a + n, b + n));

        if (equal != 0xFFFF) {
            return n + (size_t)__builtin_ctz(~equal);
        }
    }
#else
    for (; n + 8 <= max; n += 8) {
        uint64_t x, y;

        memcpy(&x, a + n, 8);
        memcpy(&y, b + n, 8);
        if (x != y) {
            break;
        }
    }
#endif
    while (n < max && a[n] == b[n]) {
        n++;
    }
    return n;
}

/* --- equal runs ------------------------------------------------------- */

/* Copy the records of an old subtree; the new text stands `shift` further. */
static bool
copy_records(struct update *u, uint32_t from, uint32_t shift)
{
    const struct container *c = &u->old->containers[from];
    uint32_t n = c->next - from;
    uint32_t renumber;
    struct container *out;

    if (!update_reserve(u, n)) {
        return false;
    }
    out = &u->s.index->items[u->s.index->count];
    renumber = u->s.index->count - from;
    for (uint32_t i = 0; i < n; i++) {
        out[i].off = c[i].off + shift;
        out[i].end = c[i].end + shift;
        out[i].next = c[i].next + renumber;
        out[i].key = c[i].key != 0 ? c[i].key + shift : 0;
    }
    u->s.index->count += n;
    return true;
}

/* Skip what is equal, closing and opening levels on the way; sets `differs`
 * for the innermost level, or closes them all. */
static bool
skip_equal(struct update *u)
{
    const struct container *containers = u->old->containers;
    uint32_t start = update_top(u)->after;
    uint32_t shift = update_offset(u, u->p) - start;
    size_t max = u->old->len - start;
    uint32_t m;

    if ((size_t)(u->s.end - u->p) < max) {
        max = (size_t)(u->s.end - u->p);
    }
    m = start + (uint32_t)common_prefix(u->p, u->old->body + start, max);
    while (u->depth > 0) {
        struct level *top = update_top(u);
        const struct container *child = &containers[top->child];

        if (top->child < containers[top->old].next && child->off < m) {
            if (child->end > m) {
                if (!update_open(u, top->child,
                                 u->s.begin + (uint32_t)(child->off + shift),
                                 child->key ? child->key + shift : 0)) {
                    return false;
                }
                continue;
            }
            if (!copy_records(u, top->child, shift)) {
                return false;
            }
            top->after = child->end;
            top->child = child->next;
        } else if (containers[top->old].end <= m) {
            if (!update_close(
                    u, u->s.begin +
                           (uint32_t)(containers[top->old].end + shift))) {
                return false;
            }
        } else {
            u->p = u->s.begin + (uint32_t)(top->after + shift);
            break;
        }
    }
    u->differs = m;
    return true;
}

/* --- differences ------------------------------------------------------ */

/* Records were made by the full scanner from `from` on: no equal keys? */
static bool
fresh_are_distinct(struct update *u, uint32_t from)
{
    uint32_t n;

    for (uint32_t i = from; i < u->s.index->count; i++) {
        if (u->s.begin[u->s.index->items[i].off] == '{' &&
            document_has_equal_keys(update_view(u), i, &n)) {
            return false;
        }
    }
    return true;
}

/* One old member or element, in the old text. */
struct old_item {
    struct text key;
    uint32_t off;
    uint32_t index;
    uint32_t end;   /* behind the value */
    uint32_t child; /* the first record behind it */
};

/* Two leaves, the new one from p to end, of unlike bytes or found by name. */
static bool
leaf_changed(struct update *u, const struct old_item *old, const char *p,
             const char *end)
{
    const char *was = u->old->body + old->off;
    size_t len = (size_t)(end - p), was_len = old->end - old->off;

    if (len == was_len && memcmp(p, was, len) == 0) {
        return false;
    }
    if (*p == '"' && memchr(p, '\\', len) == NULL &&
        memchr(was, '\\', was_len) == NULL) {
        return true;
    }
    return !diff_leaf_equal(update_old(u, old->off, VALUE_LEAF),
                            update_new(u, update_offset(u, p), VALUE_LEAF));
}

/* Scan the new value at p and compare it with its old counterpart; a pair of
 * containers of one type becomes a level instead. */
static bool
pair_values(struct update *u, const struct old_item *old, const char *p,
            uint32_t key)
{
    uint32_t fresh = u->s.index->count;
    const char *end;

    if (old->index != VALUE_LEAF && *p == u->old->body[old->off]) {
        return update_open(u, old->index, p, key);
    }
    end = scanner_value(&u->s, p, u->depth, key);
    if (end == NULL || !fresh_are_distinct(u, fresh)) {
        return false;
    }
    if (old->index != VALUE_LEAF || u->s.index->count > fresh ||
        leaf_changed(u, old, p, end)) {
        if (old->key.raw != NULL) {
            update_mark_line(u, &old->key, 0);
        } else if (update_is_alt_lines(u, update_top(u))) {
            update_top(u)->compare = true;
        }
        if (!change_list_add(&u->list,
                             (struct change){
                                 .old_off = old->off,
                                 .new_off = update_offset(u, p),
                                 .kind = SGO_CHANGE_VALUE,
                                 .timestamp = old->key.raw != NULL &&
                                              TEXT_IS_TIMESTAMP(old->key),
                             })) {
            return false;
        }
    }
    update_top(u)->after = old->end;
    update_top(u)->child = old->child;
    u->p = end;
    return true;
}

/* The old member of this name: the next ones first, then by look-up. */
static bool
find_old(struct update *u, struct text key, struct old_item *out)
{
    const struct level *top = update_top(u);
    const struct container *containers = u->old->containers;
    struct walk w = {u->old->body, containers, top->after, top->child, true};
    struct walk_item item;
    struct value v;
    uint32_t low, high;

    for (int i = 0; i < LOOK_AHEAD && walk_next(&w, &item); i++) {
        if (text_equal(item.key, key)) {
            *out = (struct old_item){item.key, item.off, item.index, w.at,
                                     w.child};
            return true;
        }
    }
    if (!value_get_text(update_old(u, containers[top->old].off, top->old), key,
                        &v)) {
        return false;
    }
    *out = (struct old_item){key, v.off, v.index, 0, 0};
    if (v.index != VALUE_LEAF) {
        out->end = containers[v.index].end;
        out->child = containers[v.index].next;
        return true;
    }
    out->end = (uint32_t)(walk_leaf(u->old->body + v.off) - u->old->body);
    low = top->old + 1;
    high = containers[top->old].next;
    while (low < high) { /* the first record behind the leaf */
        uint32_t middle = low + (high - low) / 2;

        if (containers[middle].off < v.off) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    out->child = low;
    return true;
}

/* A member that only the new object has, its value at p. */
static bool
add_member(struct update *u, struct text key, const char *p, uint32_t key_off)
{
    uint32_t fresh = u->s.index->count;
    const char *end = scanner_value(&u->s, p, u->depth, key_off);

    if (end == NULL || !fresh_are_distinct(u, fresh)) {
        return false;
    }
    u->p = end;
    return change_list_add(&u->list, (struct change){
                                         .old_off = CHANGE_NONE,
                                         .new_off = update_offset(u, p),
                                         .kind = SGO_CHANGE_ADDED,
                                         .timestamp = TEXT_IS_TIMESTAMP(key),
                                     });
}

/* Take one member of the new object, or its end, by the grammar. */
static bool
take_member(struct update *u)
{
    struct level *top = update_top(u);
    const char *first = u->s.begin + u->s.index->items[top->record].off + 1;
    const char *p = scanner_space(u->p), *end;
    struct old_item old;
    struct text key;
    uint32_t key_off;

    top->irregular = true;
    if (*p == '}') {
        return update_close(u, p + 1);
    }
    if (u->p != first) {
        if (*p != ',') {
            return false;
        }
        p = scanner_space(p + 1);
    }
    if (*p != '"') {
        return false;
    }
    end = scanner_string(&u->s, p);
    if (end == NULL) {
        return false;
    }
    key_off = update_offset(u, p);
    key.raw = p + 1;
    key.len = (uint32_t)(end - p - 2);
    key.escaped = memchr(key.raw, '\\', key.len) != NULL;
    p = scanner_space(end);
    if (*p != ':') {
        return false;
    }
    p = scanner_space(p + 1);
    if (find_old(u, key, &old)) {
        return pair_values(u, &old, p, key_off);
    }
    return add_member(u, key, p, key_off);
}

/* Take members of an irregular object until the two texts are in the same
 * state: both behind a value, or both behind the bracket. */
static bool
take_members(struct update *u)
{
    uint32_t depth = u->depth;

    do {
        if (!take_member(u)) {
            return false;
        }
    } while (u->depth == depth &&
             update_top(u)->after ==
                 u->old->containers[update_top(u)->old].off + 1);
    return true;
}

/* The structure of an array differs: scan it all again, and compare it. */
static bool
retake_array(struct update *u)
{
    struct level *top = update_top(u);
    struct container c = u->s.index->items[top->record];
    const char *end;

    u->s.index->count = top->record;
    end = scanner_value(&u->s, u->s.begin + c.off, u->depth - 1, c.key);
    if (end == NULL || !fresh_are_distinct(u, top->record)) {
        return false;
    }
    top->compare = true;
    return update_close(u, end);
}

/* The texts differ in this value, or where it begins. */
static bool
take_value(struct update *u, const struct walk *w,
           const struct walk_item *item, uint32_t shift)
{
    struct old_item old = {.key = {NULL, 0, false},
                           .off = item->off,
                           .index = item->index,
                           .end = w->at,
                           .child = w->child};
    const char *p = u->s.begin + (uint32_t)(item->off + shift);

    if (w->is_object) {
        old.key = item->key;
        p = scanner_space(p);
        return pair_values(u, &old, p, item->key_off + shift);
    }
    p = scanner_space(p);
    if (*p == ']') {
        return retake_array(u); /* it ends here, or is malformed */
    }
    return pair_values(u, &old, p, 0);
}

/* Find the token in which the texts differ, and deal with it. */
static bool
take_difference(struct update *u)
{
    struct level *top = update_top(u);
    const char *body = u->old->body;
    uint32_t shift = update_offset(u, u->p) - top->after;
    struct walk w = {body, u->old->containers, top->after, top->child,
                     body[u->old->containers[top->old].off] == '{'};
    struct walk_item item = {.off = 0};

    while (walk_next(&w, &item) && item.off <= u->differs) {
        if (item.index != VALUE_LEAF || u->differs < w.at ||
            (u->differs == w.at && body[item.off] != '"')) {
            return take_value(u, &w, &item, shift);
        }
        top->after = w.at;
        u->p = u->s.begin + (uint32_t)(w.at + shift);
    }
    return w.is_object ? take_members(u) : retake_array(u);
}

/* The whole pass; false: take the long way. */
static bool
run(struct update *u)
{
    const char *p = scanner_space(u->s.begin);
    const struct container *root = &u->old->containers[0];

    if (*p != u->old->body[root->off] || !update_reserve(u, u->old->count) ||
        !update_open(u, 0, p, 0)) {
        return false;
    }
    while (u->depth > 0) {
        if (!skip_equal(u)) {
            return false;
        }
        if (u->depth > 0 && !take_difference(u)) {
            return false;
        }
    }
    return u->list.status == SGO_OK && scanner_space(u->p) == u->s.end;
}

sgo_status
document_update_fused(struct pool *pool, const char *bytes, size_t len,
                      const struct document *old, struct document **out,
                      struct changes **changes)
{
    struct scan_index index = {.pool = pool};
    struct update *u = mem_calloc(1, sizeof(*u));
    sgo_status status = SGO_NO_MEMORY;
    struct changes *list = NULL;
    struct document *doc = NULL;
    char *body = NULL;
    size_t cap = 0;

    if (u != NULL) {
        body = pool_get(pool, len + SCAN_PADDING, &cap);
    }
    if (body == NULL) {
        goto out;
    }
    memcpy(body, bytes, len);
    memset(body + len, 0, SCAN_PADDING);
    u->s = (struct scanner){
        .begin = body,
        .end = body + len,
        .index = &index,
        .max = (uint32_t)scan_max_containers(len),
    };
    u->old = old;
    u->view.body = body;
    u->view.len = (uint32_t)len;
    if (!run(u)) {
        status = SGO_AGAIN;
        goto out;
    }
    status = change_list_finish(&u->list, old, update_view(u), &list);
    if (status == SGO_OK) {
        status = document_fit_index(&index);
    }
    if (status == SGO_OK) {
        status = document_adopt(pool, body, cap, len, index.items,
                                index.cap_bytes, index.count, &doc);
    }
    if (status == SGO_OK) {
        document_move_hashes(&u->view, doc);
        atomic_store_explicit(&doc->distinct, DISTINCT_YES,
                              memory_order_relaxed);
        mem_free(u);
        *out = doc;
        *changes = list;
        return SGO_OK;
    }
out:
    changes_release(list);
    scan_index_fini(&index);
    pool_put(pool, body, cap);
    if (u != NULL) {
        change_list_fini(&u->list);
        document_move_hashes(&u->view, NULL);
        mem_free(u);
    }
    return status;
}

sgo_status
document_update(struct pool *pool, const char *bytes, size_t len,
                struct document *old, struct document **out,
                struct changes **changes, struct scan_error *err)
{
    struct document *doc = NULL;
    struct changes *list;
    sgo_status status;

    if (len == old->len && memcmp(bytes, old->body, len) == 0) {
        doc = document_retain(old);
    } else {
        if (len <= SCAN_MAX_BYTES && document_is_distinct(old)) {
            status =
                document_update_fused(pool, bytes, len, old, out, changes);
            if (status != SGO_AGAIN) {
                return status;
            }
        }
        status = document_build(pool, bytes, len, &doc, err);
        if (status != SGO_OK) {
            return status;
        }
    }
    status = diff_compare(old, doc, &list);
    if (status != SGO_OK) {
        document_release(doc);
        return status;
    }
    *out = doc;
    *changes = list;
    return SGO_OK;
}
