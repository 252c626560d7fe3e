/* Gathering strings in a map, and writing them out as offsets and bytes. */
#include "arrow/dictionary.h"

#include <string.h>

#include "base/mem.h"

void
dictionary_init(struct dictionary *d, uint64_t seed)
{
    *d = (struct dictionary){.bytes = 0};
    map_init(&d->map, seed);
}

void
dictionary_fini(struct dictionary *d)
{
    map_fini(&d->map);
    dictionary_block_release(d->block);
    d->block = NULL;
    d->bytes = 0;
}

sgo_status
dictionary_put(struct dictionary *d, const char *bytes, size_t len,
               int32_t *number)
{
    void *found = map_get(&d->map, bytes, len);
    uintptr_t next = d->map.len + 1;
    sgo_status status;

    if (found == NULL) {
        if (len > INT32_MAX - d->bytes || next >= INT32_MAX) {
            return SGO_LIMIT;
        }
        found = (void *)next;
        status = map_put(&d->map, bytes, len, found, NULL);
        if (status != SGO_OK) {
            return status;
        }
        d->bytes += len;
    }
    *number = (int32_t)((uintptr_t)found - 1);
    return SGO_OK;
}

sgo_status
dictionary_seal(struct dictionary *d)
{
    size_t n = d->map.len, at = 0, offset = 0, i = 0;
    struct dictionary_block *block =
        mem_alloc(sizeof(*block) + (n + 1) * sizeof(int32_t) + d->bytes);
    const struct map_entry *entry;

    if (block == NULL) {
        return SGO_NO_MEMORY;
    }
    refcount_init(&block->refs);
    block->count = (int32_t)n;
    block->offsets = (int32_t *)(void *)(block + 1);
    block->bytes = (char *)(block->offsets + n + 1);
    for (; (entry = map_next(&d->map, &at)) != NULL; i++) {
        block->offsets[i] = (int32_t)offset;
        memcpy(block->bytes + offset, entry->key, entry->key_len);
        offset += entry->key_len;
    }
    block->offsets[i] = (int32_t)offset;
    d->block = block;
    map_fini(&d->map);
    return SGO_OK;
}

void
dictionary_block_release(struct dictionary_block *block)
{
    if (block && refcount_release(&block->refs)) {
        mem_free(block);
    }
}
