#include "base/map.h"

#include <string.h>

#include "base/hash.h"
#include "base/mem.h"

enum { MAP_MIN_SLOTS = 8 };

uint64_t
map_hash(uint64_t seed, const char *key, size_t len)
{
    const uint64_t secret = hash_secret(seed);
    uint64_t h = seed ^ len, word;

    for (; len > 8; key += 8, len -= 8) {
        memcpy(&word, key, 8);
        h = hash_step(h, word, secret);
    }
    word = 0;
    for (size_t i = 0; i < len; i++) {
        word = word << 8 | (unsigned char)key[i];
    }
    h = hash_step(h, word, secret);
    return hash_step(h, secret >> 32, secret);
}

void
map_init(struct map *m, uint64_t seed)
{
    *m = (struct map){.seed = seed};
}

void
map_fini(struct map *m)
{
    for (size_t i = 0; i < m->used; i++) {
        mem_free(m->entries[i].key);
    }
    mem_free(m->entries);
    mem_free(m->slots);
    map_init(m, m->seed);
}

/* The slot of the key, or of the free place where it would go. */
static size_t
find_slot(const struct map *m, uint64_t hash, const char *key, size_t len)
{
    size_t mask = m->slot_count - 1;
    size_t at = (size_t)hash & mask;

    for (;;) {
        const struct map_entry *e;

        if (m->slots[at] == 0) {
            return at;
        }
        e = &m->entries[m->slots[at] - 1];
        if (e->key && e->hash == hash && e->key_len == len &&
            memcmp(e->key, key, len) == 0) {
            return at;
        }
        at = (at + 1) & mask;
    }
}

static struct map_entry *
find(const struct map *m, const char *key, size_t len)
{
    size_t at;

    if (m->len == 0) {
        return NULL;
    }
    at = find_slot(m, map_hash(m->seed, key, len), key, len);
    return m->slots[at] ? &m->entries[m->slots[at] - 1] : NULL;
}

/* Drop removed places and make room for one more entry. */
static sgo_status
grow(struct map *m)
{
    size_t slots = MAP_MIN_SLOTS;
    struct map_entry *entries;
    uint32_t *table;
    size_t n = 0;

    while (slots < (m->len + 1) * 2) {
        slots *= 2;
    }
    entries = mem_calloc(slots, sizeof(*entries));
    table = mem_calloc(slots, sizeof(*table));
    if (entries == NULL || table == NULL || slots > UINT32_MAX / 2) {
        mem_free(entries);
        mem_free(table);
        return SGO_NO_MEMORY;
    }
    for (size_t i = 0; i < m->used; i++) {
        if (m->entries[i].key) {
            entries[n++] = m->entries[i];
        }
    }
    for (size_t i = 0; i < n; i++) {
        size_t at = (size_t)entries[i].hash & (slots - 1);

        while (table[at]) {
            at = (at + 1) & (slots - 1);
        }
        table[at] = (uint32_t)i + 1;
    }
    mem_free(m->entries);
    mem_free(m->slots);
    m->entries = entries;
    m->slots = table;
    m->slot_count = slots;
    m->used = n;
    m->cap = slots / 2 + slots / 4; /* load factor 3/4, tombstones too */
    return SGO_OK;
}

void *
map_get(const struct map *m, const char *key, size_t key_len)
{
    const struct map_entry *e = find(m, key, key_len);

    return e ? e->value : NULL;
}

sgo_status
map_put(struct map *m, const char *key, size_t key_len, void *value,
        void **old)
{
    struct map_entry *e = find(m, key, key_len);
    uint64_t hash;
    char *copy;

    if (e) {
        if (old) {
            *old = e->value;
        }
        e->value = value;
        return SGO_OK;
    }
    if (m->used == m->cap && grow(m) != SGO_OK) {
        return SGO_NO_MEMORY;
    }
    copy = mem_dup(key, key_len);
    if (copy == NULL) {
        return SGO_NO_MEMORY;
    }
    hash = map_hash(m->seed, key, key_len);
    m->slots[find_slot(m, hash, key, key_len)] = (uint32_t)m->used + 1;
    m->entries[m->used++] = (struct map_entry){copy, key_len, hash, value};
    m->len++;
    if (old) {
        *old = NULL;
    }
    return SGO_OK;
}

void *
map_remove(struct map *m, const char *key, size_t key_len)
{
    struct map_entry *e = find(m, key, key_len);

    if (e == NULL) {
        return NULL;
    }
    mem_free(e->key);
    e->key = NULL; /* its slot stays taken until the next grow() */
    m->len--;
    return e->value;
}

struct map_entry *
map_next(const struct map *m, size_t *at)
{
    while (*at < m->used) {
        struct map_entry *e = &m->entries[(*at)++];

        if (e->key) {
            return e;
        }
    }
    return NULL;
}
