/* A hash map from byte strings to pointers that remembers insertion order.
 * Keys are copied.  Iteration is in insertion order, so that a seeded run
 * repeats exactly.  Not thread-safe: the owner locks. */
#ifndef SGO_BASE_MAP_H
#define SGO_BASE_MAP_H

#include "base/types.h"

struct map_entry {
    char *key; /* NUL-terminated copy; NULL: a removed place */
    size_t key_len;
    uint64_t hash;
    void *value;
};

struct map {
    struct map_entry *entries; /* insertion order, with removed places */
    size_t used;               /* places used, removed ones included */
    size_t cap;
    uint32_t *slots; /* entry number + 1; 0: free; open addressing */
    size_t slot_count;
    size_t len; /* live entries */
    uint64_t seed;
};

void map_init(struct map *m, uint64_t seed);

/* What places a key. */
uint64_t map_hash(uint64_t seed, const char *key, size_t key_len);

/* Frees keys and table; the values belong to the owner. */
void map_fini(struct map *m);

/* The value, or NULL. */
void *map_get(const struct map *m, const char *key, size_t key_len);

/* Insert or replace; *old (may be NULL) gets the former value or NULL. */
sgo_status map_put(struct map *m, const char *key, size_t key_len, void *value,
                   void **old) SGO_WARN_UNUSED;

/* Remove; the former value or NULL. */
void *map_remove(struct map *m, const char *key, size_t key_len);

/* Iterate: start with *at = 0; NULL at the end.  Removing the entry just
 * returned is allowed, inserting is not. */
struct map_entry *map_next(const struct map *m, size_t *at);

#endif
