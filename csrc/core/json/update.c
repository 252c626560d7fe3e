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
#include <immintrin.h>
#endif

#include "base/mem.h"
#include "json/simd.h"
#include "json/update_internal.h"
#include "json/walk.h"

#if defined(__x86_64__)
static inline uint32_t
equal_16(const char *a, const char *b)
{
    return (uint32_t)_mm_movemask_epi8(
        _mm_cmpeq_epi8(_mm_loadu_si128((const __m128i *)(const void *)a),
                       _mm_loadu_si128((const __m128i *)(const void *)b)));
}

SIMD_TARGET static size_t
common_prefix_avx2(const char *a, const char *b, size_t max)
{
    size_t n = 0;

    for (; n + 32 <= max; n += 32) {
        __m256i x = _mm256_loadu_si256((const __m256i *)(const void *)(a + n));
        __m256i y = _mm256_loadu_si256((const __m256i *)(const void *)(b + n));
        uint32_t equal =
            (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(x, y));

        if (equal != UINT32_MAX) {
            return n + (size_t)__builtin_ctz(~equal);
        }
    }
    while (n < max && a[n] == b[n]) {
        n++;
    }
    return n;
}
#endif

/* How many bytes are equal, at most max; the portable form. */
static size_t
common_prefix_plain(const char *a, const char *b, size_t max)
{
    size_t n = 0;

#if defined(__x86_64__)
    for (; n + 16 <= max; n += 16) {
        uint32_t equal = equal_16(a + n, b + n);

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

/* The best form for this processor. */
static size_t
common_prefix(const char *a, const char *b, size_t max)
{
#if SIMD_AVX2
    if (simd_avx2()) {
        return common_prefix_avx2(a, b, max);
    }
#endif
    return common_prefix_plain(a, b, max);
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
            top->after = containers[top->old].end; /* all was passed */
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

bool
update_pair(struct update *u, const struct old_item *old, const char *p,
            uint32_t key)
{
    uint32_t fresh = u->s.index->count;
    const char *end;

    if (old->index != VALUE_LEAF && *p == u->old->body[old->off]) {
        return update_open(u, old->index, p, key);
    }
    end = scanner_value(&u->s, p, u->depth, key);
    if (end == NULL || !update_fresh_are_distinct(u, fresh)) {
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
    return w.is_object ? update_take_members(u) : retake_array(u);
}

/* The usual difference lies inside a string: then the number of quotes since
 * `after` is odd and the last of them opens it, provided that no backslash
 * stands there.  That is told faster than by walking.  *open gets it. */
static bool
differs_in_string(const struct update *u, uint32_t from, uint32_t *open)
{
    const char *p = u->old->body + from;
    const char *end = u->old->body + u->differs;
    const char *last = NULL;
    bool odd = false;

#if defined(__x86_64__)
    const __m128i quote = _mm_set1_epi8('"');
    const __m128i backslash = _mm_set1_epi8('\\');

    for (; p < end; p += 16) { /* the padding allows to read on */
        __m128i x = _mm_loadu_si128((const __m128i *)(const void *)p);
        unsigned quotes =
            (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(x, quote));
        unsigned escapes =
            (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(x, backslash));
        unsigned inside = end - p < 16 ? (1u << (end - p)) - 1 : 0xFFFF;

        if (escapes & inside) {
            return false;
        }
        quotes &= inside;
        if (quotes != 0) {
            odd ^= (bool)__builtin_parity(quotes);
            last = p + (31 - __builtin_clz(quotes));
        }
    }
#else
    for (; p < end; p++) {
        if (*p == '\\') {
            return false;
        }
        if (*p == '"') {
            odd = !odd;
            last = p;
        }
    }
#endif
    if (!odd) {
        return false;
    }
    *open = (uint32_t)(last - u->old->body);
    return true;
}

/* The key of the string that opens at `open` in an object, if it is a value:
 * no backslash stands between `from` and there. */
static bool
key_before(const struct update *u, uint32_t from, uint32_t open,
           struct text *key)
{
    const char *begin = u->old->body + from;
    const char *p = u->old->body + open - 1, *end;

    while (p > begin && SCANNER_IS(p, CLASS_SPACE)) {
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

/* Find the token in which the texts differ, and deal with it. */
static bool
take_difference(struct update *u)
{
    struct level *top = update_top(u);
    uint32_t shift = update_offset(u, u->p) - top->after;
    bool is_object = u->old->body[u->old->containers[top->old].off] == '{';
    struct old_item old = {.key = {NULL, 0, false}, .index = VALUE_LEAF};
    bool ignored;

    if (!differs_in_string(u, top->after, &old.off) ||
        (is_object && !key_before(u, top->after, old.off, &old.key))) {
        return walk_to_difference(u);
    }
    old.end = (uint32_t)(walk_string(u->old->body + u->differs - 1, &ignored) -
                         u->old->body);
    old.child = top->child;
    return update_pair(
        u, &old, u->s.begin + (uint32_t)(old.off + shift),
        is_object ? (uint32_t)(old.key.raw - 1 - u->old->body) + shift : 0);
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
    u->old = old;
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
    sgo_status status =
        begin_and_run(new_doc->body, new_doc->len, old_doc, &index, &u);

    if (status == SGO_OK) {
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
