/* Making, keeping and freeing documents, and the hashes of their large
 * objects.  Reading them is value.c. */
#include "json/document.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "json/document_internal.h"
#include "json/walk.h"

/* An eventID that cannot be one counts as none: not a string, empty, longer
 * than DOCUMENT_MAX_EVENT_ID_BYTES, holding a control character or a lone
 * surrogate.  Ids stand in URLs, logs and maps. */
static size_t
read_event_id(const struct document *doc, char *out)
{
    struct walk w;
    struct walk_item item;
    struct text text = {NULL, 0, false};
    size_t len;

    /* No value_get: it might leave a hash in a document not yet made. */
    walk_init(&w, doc, 0);
    while (w.is_object && walk_next(&w, &item)) {
        if (text_equal_bytes(item.key, "eventID", 7)) {
            text = (struct text){NULL, 0, false};
            if (doc->body[item.off] == '"') {
                walk_key(doc->body + item.off, &text);
            }
        }
    }
    if (text_decode(text, out, DOCUMENT_MAX_EVENT_ID_BYTES, &len) != SGO_OK) {
        return 0;
    }
    for (size_t i = 0; i < len; i++) {
        uint8_t c = (uint8_t)out[i];

        if (c < 0x20 || c == 0x7F ||
            (c == 0xED && i + 1 < len && (uint8_t)out[i + 1] >= 0xA0)) {
            return 0;
        }
    }
    return len;
}

sgo_status
document_adopt(struct pool *pool, char *body, size_t body_cap, size_t len,
               struct container *containers, size_t containers_cap,
               uint32_t count, struct document **out)
{
    struct document view = {.body = body,
                            .len = (uint32_t)len,
                            .containers = containers,
                            .count = count};
    char id[DOCUMENT_MAX_EVENT_ID_BYTES];
    size_t id_len = read_event_id(&view, id);
    struct document *doc = mem_calloc(1, sizeof(*doc) + id_len + 1);
    char *id_copy;

    if (doc == NULL) {
        return SGO_NO_MEMORY;
    }
    id_copy = (char *)(doc + 1);
    memcpy(id_copy, id, id_len);
    refcount_init(&doc->refs);
    doc->body = body;
    doc->len = (uint32_t)len;
    doc->containers = containers;
    doc->count = count;
    doc->event_id = id_copy;
    doc->event_id_len = (uint32_t)id_len;
    doc->pool = pool_retain(pool);
    pool_tally(pool, DOCUMENT_TALLY_ALIVE, 1);
    doc->body_cap = body_cap;
    doc->containers_cap = containers_cap;
    *out = doc;
    return SGO_OK;
}

sgo_status
document_fit_index(struct scan_index *index)
{
    size_t bytes = index->count * sizeof(struct container), cap;
    struct container *items;

    if (index->cap_bytes - bytes <= bytes / 16) {
        return SGO_OK;
    }
    items = pool_get(index->pool, bytes, &cap);
    if (items == NULL) {
        return SGO_NO_MEMORY;
    }
    memcpy(items, index->items, bytes);
    pool_put(index->pool, index->items, index->cap_bytes);
    index->items = items;
    index->cap_bytes = cap;
    return SGO_OK;
}

sgo_status
document_build(struct pool *pool, const char *bytes, size_t len,
               struct document **out, struct scan_error *err)
{
    struct scan_index index = {.pool = pool};
    struct scan_error none;
    sgo_status status;
    char *body = NULL;
    size_t cap = 0;

    if (err == NULL) {
        err = &none;
    }
    err->offset = 0;
    err->reason = "out of memory";
    if (len > SCAN_MAX_BYTES) {
        err->reason = "too long";
        return SGO_LIMIT;
    }
    body = pool_get(pool, len + SCAN_PADDING, &cap);
    if (body == NULL) {
        return SGO_NO_MEMORY;
    }
    if (len > 0) {
        memcpy(body, bytes, len);
    }
    memset(body + len, 0, SCAN_PADDING);

    status = scan(body, len, &index, err);
    if (status != SGO_OK) {
        goto fail;
    }
    if (index.count == 0) {
        err->reason = "object or array expected";
        status = SGO_INVALID;
        goto fail;
    }
    status = document_fit_index(&index);
    if (status == SGO_OK) {
        status = document_adopt(pool, body, cap, len, index.items,
                                index.cap_bytes, index.count, out);
    }
    if (status != SGO_OK) {
        goto fail;
    }
    return SGO_OK;

fail:
    scan_index_fini(&index);
    pool_put(pool, body, cap);
    return status;
}

struct document *
document_retain(struct document *doc)
{
    refcount_retain(&doc->refs);
    return doc;
}

void
document_move_hashes(struct document *from, struct document *to)
{
    for (int i = 0; i < DOCUMENT_HASH_LISTS; i++) {
        struct key_hash *hash = atomic_load(&from->hashes[i]);

        atomic_store(&from->hashes[i], NULL);
        if (to != NULL) {
            atomic_store(&to->hashes[i], hash);
            continue;
        }
        while (hash != NULL) {
            struct key_hash *next = hash->next;

            mem_free(hash);
            hash = next;
        }
    }
}

void
document_release(struct document *doc)
{
    union {
        const void *in;
        void *out;
    } block;

    if (doc == NULL || !refcount_release(&doc->refs)) {
        return;
    }
    document_move_hashes(doc, NULL);
    pool_tally(doc->pool, DOCUMENT_TALLY_ALIVE, -1);
    block.in = doc->body;
    pool_put(doc->pool, block.out, doc->body_cap);
    block.in = doc->containers;
    pool_put(doc->pool, block.out, doc->containers_cap);
    pool_release(doc->pool);
    mem_free(doc);
}

size_t
document_bytes_resident(const struct document *doc)
{
    size_t bytes = sizeof(*doc) + doc->event_id_len + 1 + doc->body_cap +
                   doc->containers_cap;

    for (int i = 0; i < DOCUMENT_HASH_LISTS; i++) {
        const struct key_hash *hash =
            atomic_load_explicit(&doc->hashes[i], memory_order_acquire);

        for (; hash != NULL; hash = hash->next) {
            bytes += hash->bytes;
        }
    }
    return bytes;
}

/* --- hashes ----------------------------------------------------------- */

/* Bytes: `"":0,` is the smallest member, and the last has no comma. */
enum { SMALLEST_HASHED = DOCUMENT_HASH_MEMBERS * 5 };

struct text
document_key(const struct document *doc, uint32_t off)
{
    struct text key;

    walk_key(doc->body + off, &key);
    return key;
}

uint32_t
document_count(const struct document *doc, uint32_t index)
{
    struct walk w;
    struct walk_item item;
    uint32_t n = 0;

    walk_init(&w, doc, index);
    while (walk_next(&w, &item)) {
        n++;
    }
    return n;
}

static struct key_entry *
find(const struct document *doc, const struct key_hash *hash, struct text key,
     uint32_t hashed, uint32_t *slot)
{
    uint32_t at = hashed & hash->mask;

    for (; hash->slots[at] != 0; at = (at + 1) & hash->mask) {
        struct key_entry *entry = &hash->entries[hash->slots[at] - 1];

        if (entry->hash == hashed &&
            text_equal(document_key(doc, entry->key_off), key)) {
            return entry;
        }
    }
    *slot = at;
    return NULL;
}

static struct key_hash *
make_hash(const struct document *doc, uint32_t index, uint32_t members)
{
    struct key_hash *hash;
    struct walk w;
    struct walk_item item;
    uint32_t slots = 64;
    size_t bytes;

    while (slots < members * 2) {
        slots *= 2;
    }
    bytes = sizeof(*hash) + members * sizeof(struct key_entry) +
            slots * sizeof(uint32_t);
    hash = mem_calloc(1, bytes);
    if (hash == NULL) {
        return NULL;
    }
    hash->container = index;
    hash->mask = slots - 1;
    hash->bytes = bytes;
    hash->entries = (struct key_entry *)(void *)(hash + 1);
    hash->slots = (uint32_t *)(void *)(hash->entries + members);

    walk_init(&w, doc, index);
    while (walk_next(&w, &item)) {
        uint32_t hashed = (uint32_t)text_hash(item.key, hash_process_seed());
        uint32_t slot = 0;
        struct key_entry *entry = find(doc, hash, item.key, hashed, &slot);

        if (entry == NULL) {
            entry = &hash->entries[hash->count++];
            entry->key_off = item.key_off;
            entry->hash = hashed;
            hash->slots[slot] = hash->count;
        } else {
            hash->has_equal_keys = true;
        }
        entry->value_off = item.off;
        entry->value_index = item.index;
    }
    return hash;
}

static struct key_hash *
lookup(struct key_hash *hash, const struct key_hash *until, uint32_t index)
{
    for (; hash != until; hash = hash->next) {
        if (hash->container == index) {
            return hash;
        }
    }
    return NULL;
}

const struct key_hash *
document_hash_made(const struct document *doc, uint32_t index)
{
    const struct container *c = &doc->containers[index];

    if (c->end - c->off < SMALLEST_HASHED) {
        return NULL;
    }
    return lookup(
        atomic_load_explicit(&doc->hashes[index % DOCUMENT_HASH_LISTS],
                             memory_order_acquire),
        NULL, index);
}

const struct key_hash *
document_hash(const struct document *doc, uint32_t index)
{
    /* The lists are the one part of a document that grows after its making;
     * the const of its readers does not reach them. */
    union {
        const struct document *in;
        struct document *out;
    } own = {doc};
    _Atomic(struct key_hash *) *list =
        &own.out->hashes[index % DOCUMENT_HASH_LISTS];
    const struct container *c = &doc->containers[index];
    struct key_hash *head, *seen = NULL, *hash;
    uint32_t members;

    if (c->end - c->off < SMALLEST_HASHED) {
        return NULL;
    }
    head = atomic_load_explicit(list, memory_order_acquire);
    hash = lookup(head, NULL, index);
    if (hash != NULL) {
        return hash;
    }
    members = document_count(doc, index);
    if (members < DOCUMENT_HASH_MEMBERS) {
        return NULL;
    }
    hash = make_hash(doc, index, members);
    if (hash == NULL) {
        return NULL;
    }
    do { /* another thread may have been faster: look at what is new */
        struct key_hash *other = lookup(head, seen, index);

        if (other != NULL) {
            mem_free(hash);
            return other;
        }
        seen = head;
        hash->next = head;
    } while (!atomic_compare_exchange_weak_explicit(
        list, &head, hash, memory_order_acq_rel, memory_order_acquire));
    return hash;
}

const struct key_entry *
document_hash_get(const struct document *doc, const struct key_hash *hash,
                  struct text key)
{
    uint32_t slot = 0;

    return find(doc, hash, key, (uint32_t)text_hash(key, hash_process_seed()),
                &slot);
}
