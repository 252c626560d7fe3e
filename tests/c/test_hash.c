/* Keys of others are hashed with a secret: keys chosen to collide do not, and
 * each process has a secret of its own. */
#include "check.h"

#include "base/hash.h"
#include "base/map.h"
#include "json/text.h"

enum { PAIRS = 12, CRAFTED = 1 << PAIRS, CRAFTED_BYTES = PAIRS * 16 };

/* Number `n` of 4,096 keys: differences that a multiplication by any odd
 * constant and a shift (29 or 32 bits) let pass, whatever the seed. */
static void
craft(char *key, unsigned n, int shift)
{
    for (int i = 0; i < PAIRS; i++) {
        uint64_t a = UINT64_C(0x3131313131313131) * (uint64_t)(i % 3 + 1);
        uint64_t b = UINT64_C(0x3232323232323232);

        if (n >> i & 1) {
            a ^= UINT64_C(1) << 63;
            b ^= UINT64_C(1) << 63 | UINT64_C(1) << (63 - shift);
        }
        memcpy(key + i * 16, &a, 8);
        memcpy(key + i * 16 + 8, &b, 8);
    }
}

static int
by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

static size_t
distinct(uint64_t *hashes)
{
    size_t n = 1;

    qsort(hashes, CRAFTED, sizeof(*hashes), by_value);
    for (size_t i = 1; i < CRAFTED; i++) {
        n += hashes[i] != hashes[i - 1];
    }
    return n;
}

static void
crafted_keys_do_not_collide(void)
{
    static uint64_t of_map[CRAFTED], of_text[CRAFTED], low[CRAFTED];
    char key[CRAFTED_BYTES];

    for (int shift = 29; shift <= 32; shift += 3) {
        for (uint64_t seed = 0; seed < 5; seed++) {
            for (unsigned n = 0; n < CRAFTED; n++) {
                craft(key, n, shift);
                of_map[n] = map_hash(seed, key, sizeof(key));
                of_text[n] =
                    text_hash((struct text){key, sizeof(key), false}, seed);
                low[n] = of_map[n] % CRAFTED;
            }
            CHECK_INT(distinct(of_map), CRAFTED);
            CHECK_INT(distinct(of_text), CRAFTED);
            CHECK(distinct(low) > CRAFTED / 2); /* by chance: 63 % */
        }
    }
}

/* What a flood would be: each key compared with all before it. */
static void
a_map_of_crafted_keys_is_a_map(void)
{
    static char keys[CRAFTED][CRAFTED_BYTES];
    struct map m;
    size_t longest = 0, run = 0;

    map_init(&m, 7);
    for (unsigned n = 0; n < CRAFTED; n++) {
        craft(keys[n], n, 29);
        CHECK_INT(map_put(&m, keys[n], CRAFTED_BYTES, keys[n], NULL), SGO_OK);
    }
    for (size_t i = 0; i < m.slot_count; i++) {
        run = m.slots[i] ? run + 1 : 0;
        longest = run > longest ? run : longest;
    }
    CHECK(longest < 200); /* of 4,096 */
    for (unsigned n = 0; n < CRAFTED; n++) {
        CHECK(map_get(&m, keys[n], CRAFTED_BYTES) == keys[n]);
    }
    map_fini(&m);
}

static void
seeds_make_other_hashes(void)
{
    static const char key[] = "points-home-game-ml-home";
    struct text text = {key, sizeof(key) - 1, false};

    CHECK(map_hash(1, key, 24) != map_hash(2, key, 24));
    CHECK(text_hash(text, 1) != text_hash(text, 2));
    CHECK(hash_process_seed() != 0);
    CHECK(hash_process_seed() == hash_process_seed());
}

static const char *self;

static void
each_process_has_its_own(void)
{
    char command[512], first[64] = "", second[64] = "";
    FILE *a, *b;

    snprintf(command, sizeof(command), "'%s' seed", self);
    a = popen(command, "r");
    b = popen(command, "r");
    CHECK(a && fgets(first, sizeof(first), a) && strlen(first) > 2);
    CHECK(b && fgets(second, sizeof(second), b) && strlen(second) > 2);
    CHECK(strcmp(first, second) != 0);
    pclose(a);
    pclose(b);
}

int
main(int argc, char **argv)
{
    self = argv[0];
    if (argc == 2 && strcmp(argv[1], "seed") == 0) {
        printf("%" PRIx64 "\n", hash_process_seed());
        return 0;
    }
    RUN(crafted_keys_do_not_collide);
    RUN(a_map_of_crafted_keys_is_a_map);
    RUN(seeds_make_other_hashes);
    RUN(each_process_has_its_own);
    return check_done();
}
