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

#if defined(__x86_64__)
#include <emmintrin.h>
#endif

#include "base/mem.h"
#include "json/update_internal.h"
#include "json/walk.h"

/* --- equal runs ------------------------------------------------------- */

static inline void
move_record(const struct container *from, struct container *to, uint32_t shift,
            uint32_t renumber)
{
#if defined(__x86_64__)
    /* A record is a vector, in which only a key that is missing is 0. */
    const __m128i by =
        _mm_setr_epi32((int)shift, (int)shift, (int)renumber, (int)shift);
    __m128i x = _mm_loadu_si128((const __m128i *)(const void *)from);
    __m128i missing = _mm_cmpeq_epi32(x, _mm_setzero_si128());

    _mm_storeu_si128((__m128i *)(void *)to,
                     _mm_add_epi32(x, _mm_andnot_si128(missing, by)));
#else
    to->off = from->off + shift;
    to->end = from->end + shift;
    to->next = from->next + renumber;
    to->key = from->key != 0 ? from->key + shift : 0;
#endif
}

/* Copy old records from one to in front of another; the new text stands
 * `shift` further. */
static bool
copy_records(struct update *u, uint32_t from, uint32_t to, uint32_t shift)
{
    const struct container *c = &u->old->containers[from];
    uint32_t n = to - from;
    uint32_t renumber;
    struct container *out;

    if (!update_reserve(u, n)) {
        return false;
    }
    out = &u->s.index->items[u->s.index->count];
    renumber = u->s.index->count - from;
    for (uint32_t i = 0; i < n; i++) {
        move_record(&c[i], &out[i], shift, renumber);
    }
    u->s.index->count += n;
    return true;
}

/* The innermost level's containers that end at or before `m`, from its next
 * one on: their records as they are.  There is at least one. */
static bool
copy_complete(struct update *u, uint32_t m, uint32_t shift)
{
    const struct container *containers = u->old->containers;
    struct level *top = update_top(u);
    uint32_t last = containers[top->old].next;
    uint32_t from = top->child, to = from, after;

    do {
        after = containers[to].end;
        to = containers[to].next;
    } while (to < last && containers[to].end <= m);
    top->after = after;
    top->child = to;
    return copy_records(u, from, to, shift);
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
    m = start +
        (uint32_t)u->bytes->common_prefix(u->p, u->old->body + start, max);
    while (u->depth > 0) {
        struct level *top = update_top(u);
        const struct container *child = &containers[top->child];
        const struct container *old = &containers[top->old];

        if (top->child < old->next && child->off < m) {
            if (child->end <= m) {
                if (!copy_complete(u, m, shift)) {
                    return false;
                }
            } else if (!update_open(u, top->child,
                                    u->s.begin +
                                        (uint32_t)(child->off + shift),
                                    child->key ? child->key + shift : 0)) {
                return false;
            }
        } else if (old->end <= m) {
            top->after = old->end; /* all was passed */
            if (!update_close(u, u->s.begin + (uint32_t)(old->end + shift))) {
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

bool
update_fresh_are_distinct(struct update *u, uint32_t from)
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

/* A value has changed whose parent is the innermost level. */
static bool
add_changed(struct update *u, const struct text *key, uint32_t old_off,
            uint32_t new_off)
{
    struct level *top = update_top(u);

    if (key->raw != NULL) {
        update_mark_line(u, key);
    } else if (update_is_alt_lines(u, top)) {
        top->compare = true;
    }
    return change_list_add(
        &u->list, (struct change){
                      .old_off = old_off,
                      .new_off = new_off,
                      .kind = SGO_CHANGE_VALUE,
                      .timestamp = key->raw != NULL && text_is_timestamp(*key),
                  });
}

bool
update_pair(struct update *u, const struct old_item *old, const char *p,
            uint32_t key)
{
    uint32_t fresh = u->s.index->count;
    const char *end;

    if (old->index != VALUE_LEAF && *p == u->old->body[old->off]) {
        return update_open(u, old->index, p, key);
    }
    if (*p == '"' && *(end = u->bytes->plain_end(p + 1)) == '"') {
        end++;
    } else {
        end = scanner_value(&u->s, p, u->depth, key);
        if (end == NULL || !update_fresh_are_distinct(u, fresh)) {
            return false;
        }
    }
    if ((old->index != VALUE_LEAF || u->s.index->count > fresh ||
         leaf_changed(u, old, p, end)) &&
        !add_changed(u, &old->key, old->off, update_offset(u, p))) {
        return false;
    }
    update_top(u)->after = old->end;
    update_top(u)->child = old->child;
    u->p = end;
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
    if (end == NULL || !update_fresh_are_distinct(u, top->record)) {
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
        return update_pair(u, &old, p, item->key_off + shift);
    }
    p = scanner_space(p);
    if (*p == ']') {
        return retake_array(u); /* it ends here, or is malformed */
    }
    return update_pair(u, &old, p, 0);
}

/* Walk from `after` to the token in which the texts differ. */
static bool
walk_to_difference(struct update *u)
{
    struct level *top = update_top(u);
    const char *body = u->old->body;
    uint32_t shift = update_offset(u, u->p) - top->after;
    struct walk w = {body, u->old->containers, top->after, top->child,
                     top->is_object};
    struct walk_item item = {.off = 0};

    while (walk_next(&w, &item) && item.off <= u->differs) {
        if (item.index != VALUE_LEAF || u->differs < w.at ||
            (u->differs == w.at && body[item.off] != '"')) {
            return take_value(u, &w, &item, shift);
        }
        top->after = w.at;
        u->p = u->s.begin + (uint32_t)(w.at + shift);
    }
    return w.is_object ? update_take_members(u) : retake_array(u);
}

/* The key of the value that opens at `value` in an object, if it is one: no
 * backslash stands between `from` and there.  `guess` is where the key opens
 * if the colon stands between the two, or NULL. */
static bool
key_before(const char *from, const char *value, const char *guess,
           struct text *key)
{
    const char *p = value - 1, *end;

    if (guess != NULL && p[0] == ':' && p[-1] == '"') {
        *key = (struct text){guess + 1, (uint32_t)(p - guess - 2), false};
        return true;
    }
    while (p > from && SCANNER_IS(p, CLASS_SPACE)) {
        p--;
    }
    if (*p != ':') {
        return false;
    }
    do {
        p--;
    } while (*p != '"');
    end = p;
    do {
        p--;
    } while (*p != '"');
    *key = (struct text){p + 1, (uint32_t)(end - p - 1), false};
    return true;
}

/* Both strings go on, and end, with plain letters from where they differ:
 * then these are all that must be looked at.  False: not so. */
static bool
plain_strings_end(const struct update *u, uint32_t shift, const char **old_end,
                  const char **new_end)
{
    const char *old = u->old->body + u->differs;

    if ((uint8_t)old[-1] >= 0x80) {
        return false; /* perhaps half a character */
    }
    *old_end = u->bytes->plain_end(old);
    *new_end =
        u->bytes->plain_end(u->s.begin + (uint32_t)(u->differs + shift));
    return **old_end == '"' && **new_end == '"';
}

/* Find the token in which the texts differ, and deal with it.  Usually it is
 * a string: then the number of quotes since `after` is odd and the last of
 * them opens it, provided that no backslash stands there.  That is told
 * faster than by walking. */
static bool
take_difference(struct update *u)
{
    struct level *top = update_top(u);
    const char *body = u->old->body, *from = body + top->after;
    const char *old_end, *new_end;
    uint32_t shift = update_offset(u, u->p) - top->after;
    struct old_item old = {.key = {NULL, 0, false}, .index = VALUE_LEAF};
    struct open_string open;
    bool ignored;

    if (!u->bytes->open_string(from, body + u->differs, &open) ||
        (top->is_object &&
         !key_before(from, open.quote, open.key, &old.key))) {
        return walk_to_difference(u);
    }
    old.off = (uint32_t)(open.quote - body);
    if (plain_strings_end(u, shift, &old_end, &new_end)) {
        top->after = (uint32_t)(old_end + 1 - body);
        u->p = new_end + 1;
        return add_changed(u, &old.key, old.off, old.off + shift);
    }
    old.end = (uint32_t)(walk_string(body + u->differs - 1, &ignored) - body);
    old.child = top->child;
    return update_pair(
        u, &old, u->s.begin + (uint32_t)(old.off + shift),
        top->is_object ? (uint32_t)(old.key.raw - 1 - body) + shift : 0);
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

/* Run the pass over a padded body.  *out is owned by the caller also when the
 * status is not SGO_OK (finish it), and may be NULL. */
static sgo_status
begin_and_run(const char *body, size_t len, const struct document *old,
              struct scan_index *index, struct update **out)
{
    struct update *u = mem_calloc(1, sizeof(*u));

    *out = u;
    if (u == NULL) {
        return SGO_NO_MEMORY;
    }
    u->s = (struct scanner){
        .begin = body,
        .end = body + len,
        .index = index,
        .max = (uint32_t)scan_max_containers(len),
    };
    u->list.pool = index->pool;
    u->old = old;
    u->bytes = update_bytes();
    u->view.body = body;
    u->view.len = (uint32_t)len;
    return run(u) ? SGO_OK : SGO_AGAIN;
}

static void
finish(struct update *u)
{
    if (u != NULL) {
        change_list_fini(&u->list);
        mem_free(u->members);
        document_move_hashes(&u->view, NULL);
        mem_free(u);
    }
}

sgo_status
document_update_fused(struct pool *pool, const char *bytes, size_t len,
                      const struct document *old, struct document **out,
                      struct changes **changes)
{
    struct scan_index index = {.pool = pool};
    struct update *u = NULL;
    struct changes *list = NULL;
    struct document *doc = NULL;
    size_t cap = 0;
    char *body = pool_get(pool, len + SCAN_PADDING, &cap);
    sgo_status status = SGO_NO_MEMORY;

    if (body == NULL) {
        return SGO_NO_MEMORY;
    }
    memcpy(body, bytes, len);
    memset(body + len, 0, SCAN_PADDING);
    status = begin_and_run(body, len, old, &index, &u);
    if (status == SGO_OK) {
        status = change_list_finish(&u->list, old, update_view(u), &list);
    }
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
        *out = doc;
        *changes = list;
    } else {
        changes_release(list);
        scan_index_fini(&index);
        pool_put(pool, body, cap);
    }
    finish(u);
    return status;
}

sgo_status
document_compare_fused(const struct document *old_doc,
                       const struct document *new_doc, struct changes **out)
{
    struct scan_index index = {.pool = new_doc->pool};
    struct update *u = NULL;
    union {
        const struct document *in;
        struct document *out;
    } own = {new_doc}; /* what is learnt is no change of the document */
    sgo_status status =
        begin_and_run(new_doc->body, new_doc->len, old_doc, &index, &u);

    if (status == SGO_OK) {
        atomic_store_explicit(&own.out->distinct, DISTINCT_YES,
                              memory_order_relaxed);
        status = change_list_finish(&u->list, old_doc, new_doc, out);
    }
    scan_index_fini(&index);
    finish(u);
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
    status = diff_compare_plain(old, doc, &list);
    if (status != SGO_OK) {
        document_release(doc);
        return status;
    }
    *out = doc;
    *changes = list;
    return SGO_OK;
}
