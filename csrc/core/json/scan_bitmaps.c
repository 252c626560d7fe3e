/* Sixty-four bytes at a time, as bit masks: one bit for each byte.
 *
 * Which bytes stand in strings is told by the parity of the quotes before
 * them.  What remains are brackets, colons, commas and bare words (numbers
 * and literals), and in a text without white space the grammar is a matter of
 * neighbours: each of them, and each opening quote, is right or wrong by what
 * ends one byte before it.  That is checked for the whole block with a few
 * operations.  Neighbours do not tell an object from an array, so one mask
 * says which bytes have an array around them; only brackets change it, and
 * they are visited one by one anyway, to be indexed.  Bare words are visited
 * too, and what is rare in a string: escapes and bytes above 0x7F.
 *
 * Everything unexpected, white space between tokens included, is left to the
 * portable form: there is one place that finds errors and one that words
 * them. */
#include "json/scan_bitmaps.h"

#if SIMD_AVX2

#include <immintrin.h>
#include <string.h>

#include "json/scanner.h"

enum { BLOCK = 64 };

/* The bytes of a block by what they are, wherever they stand. */
struct bytes_of {
    uint64_t quote;
    uint64_t open;  /* { [ */
    uint64_t close; /* } ] */
    uint64_t colon;
    uint64_t comma;
    bool rare; /* a backslash, a control character or a byte above 0x7F */
};

struct bitmaps {
    const char *begin; /* of the text */
    const char *end;   /* behind its last byte that is no white space */
    struct scan_index *index;
    uint32_t max;

    /* What the block before leaves behind; masks have their bit 0 set, or
     * are empty. */
    uint64_t in_string;     /* all ones: it ended within a string */
    uint64_t in_array;      /* all ones: it ended within an array */
    uint64_t value_may;     /* a value may begin now */
    uint64_t key_may;       /* a key may begin now */
    uint64_t opened;        /* a bracket was opened */
    uint64_t value_ended;   /* a value has ended */
    uint64_t key_ended;     /* a key has ended: a colon must follow */
    uint64_t bare;          /* it ended with a byte of a bare word */
    uint64_t escaped;       /* the next byte is escaped */
    unsigned char key_runs; /* it ended within a key */
    uint32_t last_quote;    /* offset of the last quote that opened a string */
    const char *checked;    /* UTF-8 is well formed up to here */

    uint32_t depth;
    uint64_t arrays; /* bit 0: the innermost container is an array */
    uint32_t open[SCAN_MAX_DEPTH];
};

SIMD_TARGET static inline uint64_t
mask_of(__m256i low, __m256i high)
{
    return (uint32_t)_mm256_movemask_epi8(low) |
           (uint64_t)(uint32_t)_mm256_movemask_epi8(high) << 32;
}

SIMD_TARGET static inline uint64_t
where(__m256i low, __m256i high, char c)
{
    const __m256i all = _mm256_set1_epi8(c);

    return mask_of(_mm256_cmpeq_epi8(low, all), _mm256_cmpeq_epi8(high, all));
}

SIMD_TARGET static inline struct bytes_of
look(const char *block)
{
    const __m256i *at = (const __m256i *)(const void *)block;
    __m256i low = _mm256_loadu_si256(at), high = _mm256_loadu_si256(at + 1);
    const __m256i lower = _mm256_set1_epi8(0x20); /* [ ] become { } */
    const __m256i backslash = _mm256_set1_epi8('\\');
    __m256i low_brackets = _mm256_or_si256(low, lower);
    __m256i high_brackets = _mm256_or_si256(high, lower);
    /* Compared with their sign, bytes above 0x7F are below the space too. */
    __m256i rare =
        _mm256_or_si256(_mm256_or_si256(_mm256_cmpgt_epi8(lower, low),
                                        _mm256_cmpgt_epi8(lower, high)),
                        _mm256_or_si256(_mm256_cmpeq_epi8(low, backslash),
                                        _mm256_cmpeq_epi8(high, backslash)));

    return (struct bytes_of){
        .quote = where(low, high, '"'),
        .open = where(low_brackets, high_brackets, '{'),
        .close = where(low_brackets, high_brackets, '}'),
        .colon = where(low, high, ':'),
        .comma = where(low, high, ','),
        .rare = !_mm256_testz_si256(rare, rare),
    };
}

/* Each bit becomes the parity of those up to it. */
SIMD_TARGET static inline uint64_t
parity_so_far(uint64_t bits)
{
    return (uint64_t)_mm_cvtsi128_si64(_mm_clmulepi64_si128(
        _mm_set_epi64x(0, (int64_t)bits), _mm_set1_epi8((char)0xFF), 0));
}

/* --- the rare bytes of strings ---------------------------------------- */

/* Which bytes are escaped, and are the escapes well formed?  Runs of
 * backslashes alternate: of one that begins at an odd place, those at odd
 * places escape, and an addition carries the place where it ends. */
static bool
take_escapes(struct bitmaps *s, const char *block, uint64_t backslash,
             uint64_t *escaped)
{
    const uint64_t even = UINT64_C(0x5555555555555555);
    uint64_t follows, odd_starts, ends, escaping;

    backslash &= ~s->escaped;
    follows = backslash << 1 | s->escaped;
    odd_starts = backslash & ~even & ~follows;
    s->escaped = __builtin_add_overflow(odd_starts, backslash, &ends);
    *escaped = (even ^ ends << 1) & follows;
    escaping = backslash & ~*escaped;
    for (; escaping != 0; escaping &= escaping - 1) {
        if (scanner_escape(block + __builtin_ctzll(escaping) + 1) == NULL) {
            return false;
        }
    }
    return true;
}

/* The characters that begin in this block are well-formed UTF-8. */
static bool
take_characters(struct bitmaps *s, const char *block, uint64_t above)
{
    for (; above != 0; above &= above - 1) {
        const char *p = block + __builtin_ctzll(above);

        if (p >= s->checked) {
            s->checked = scanner_character(p);
            if (s->checked == NULL) {
                return false;
            }
        }
    }
    return true;
}

/* A block with rare bytes, or behind one that ended with an escape.  False:
 * something is wrong. */
SIMD_TARGET static bool __attribute__((noinline))
take_rare(struct bitmaps *s, const char *block, uint64_t *quote)
{
    const __m256i *at = (const __m256i *)(const void *)block;
    __m256i low = _mm256_loadu_si256(at), high = _mm256_loadu_si256(at + 1);
    const __m256i last = _mm256_set1_epi8(0x1F);
    uint64_t control =
        mask_of(_mm256_cmpeq_epi8(_mm256_max_epu8(low, last), last),
                _mm256_cmpeq_epi8(_mm256_max_epu8(high, last), last));
    uint64_t escaped = 0;

    if (s->end - block < BLOCK) {
        control &= (UINT64_C(1) << (s->end - block)) - 1; /* the padding */
    }
    if (control != 0 || !take_characters(s, block, mask_of(low, high)) ||
        !take_escapes(s, block, where(low, high, '\\'), &escaped)) {
        return false;
    }
    *quote &= ~escaped;
    return true;
}

/* --- brackets and bare words ------------------------------------------ */

/* A bracket at the bit `at` of the block opens a container, which becomes a
 * record. */
static inline void
open_container(struct bitmaps *s, const char *block, unsigned at,
               uint64_t opening_quotes)
{
    struct scan_index *index = s->index;
    struct container *c = &index->items[index->count];
    uint64_t before = opening_quotes & ((UINT64_C(1) << at) - 1);
    uint32_t offset = (uint32_t)(block - s->begin);
    uint32_t key = s->last_quote;

    if (before != 0) {
        key = offset + 63 - (uint32_t)__builtin_clzll(before);
    }
    c->off = offset + at;
    c->key = s->in_array ? 0 : key;
    s->open[s->depth++] = index->count++;
    s->in_array = block[at] == '[' ? UINT64_MAX : 0;
    s->arrays = s->arrays << 1 | (s->in_array & 1);
}

/* Index the brackets of a block.  *arrays gets the bytes that have an array
 * around them; opening brackets count as inside, closing ones as outside.
 * False: they do not match, or are too many. */
SIMD_TARGET static inline bool
take_brackets(struct bitmaps *s, const char *block, uint64_t open,
              uint64_t close, uint64_t opening_quotes, uint64_t *arrays)
{
    uint64_t within = s->in_array;

    for (uint64_t left = open | close; left != 0; left &= left - 1) {
        unsigned at = (unsigned)__builtin_ctzll(left);
        uint64_t was = s->in_array;

        if (open >> at & 1) {
            if (s->depth == SCAN_MAX_DEPTH) {
                return false;
            }
            open_container(s, block, at, opening_quotes);
        } else {
            struct container *c;

            if (s->depth == 0 || (block[at] == ']') != (was & 1)) {
                return false;
            }
            c = &s->index->items[s->open[--s->depth]];
            c->end = (uint32_t)(block - s->begin) + at + 1;
            c->next = s->index->count;
            s->arrays >>= 1;
            s->in_array = 0 - (s->arrays & 1);
        }
        within ^= (was ^ s->in_array) & UINT64_MAX << at;
    }
    *arrays = within;
    return true;
}

static inline bool
is_word(const char *p, const char *word, size_t len)
{
    return memcmp(p, word, len) == 0 && SCANNER_IS(p + len, CLASS_CLOSE);
}

/* Numbers and literals, to the byte in front of what must follow them. */
SIMD_TARGET static inline bool
take_bare_words(const char *block, uint64_t starts)
{
    for (; starts != 0; starts &= starts - 1) {
        const char *p = block + __builtin_ctzll(starts);
        struct scanner s = {.end = p};

        if (*p == 't' ? is_word(p, "true", 4)
                      : *p == 'f' && is_word(p, "false", 5)) {
            continue;
        }
        p = scanner_leaf(&s, p);
        if (p == NULL || !SCANNER_IS(p, CLASS_CLOSE)) {
            return false;
        }
    }
    return true;
}

/* --- blocks ------------------------------------------------------------ */

/* The masks of what stands outside strings. */
struct tokens {
    uint64_t strings; /* from an opening quote to in front of the closing */
    uint64_t opening_quote, closing_quote;
    uint64_t open, close, colon, comma;
    uint64_t bare; /* all else */
    uint64_t arrays;
};

/* Moved on by one byte; what falls off the end goes to the next block. */
static inline uint64_t
after(uint64_t bits, uint64_t *carry)
{
    uint64_t moved = bits << 1 | *carry;

    *carry = bits >> 63;
    return moved;
}

/* Is every token right behind what stands in front of it? */
static inline bool
neighbours_agree(struct bitmaps *s, const struct tokens *t,
                 uint64_t *bare_starts)
{
    uint64_t value_may =
        after(t->colon | ((t->comma | t->open) & t->arrays), &s->value_may);
    uint64_t key_may = after((t->comma | t->open) & ~t->arrays, &s->key_may);
    uint64_t keys = t->opening_quote & key_may;
    uint64_t key_ends, value_ended, wrong;
    unsigned char overflow;

    /* Adding a bit where a string begins carries it to where it ends. */
    overflow = __builtin_add_overflow(t->strings, keys, &key_ends);
    overflow |=
        __builtin_add_overflow(key_ends, (uint64_t)s->key_runs, &key_ends);
    s->key_runs = overflow;
    key_ends &= ~t->strings;
    *bare_starts = t->bare & ~after(t->bare, &s->bare);
    value_ended = after((t->closing_quote & ~key_ends) | t->close | t->bare,
                        &s->value_ended);
    wrong = (t->opening_quote & ~(value_may | key_may)) |
            ((t->open | *bare_starts) & ~value_may) |
            (t->comma & ~value_ended) |
            (t->close & ~(value_ended | after(t->open, &s->opened))) |
            (t->colon ^ after(key_ends, &s->key_ended));
    return wrong == 0;
}

/* False: something is unexpected. */
SIMD_TARGET static inline bool
take_block(struct bitmaps *s, const char *block, uint64_t inside)
{
    struct bytes_of b = look(block);
    struct tokens t;
    uint64_t bare_starts;

    if ((b.rare || s->escaped) && !take_rare(s, block, &b.quote)) {
        return false;
    }
    t.strings = parity_so_far(b.quote) ^ s->in_string;
    s->in_string = 0 - (t.strings >> 63);
    t.opening_quote = b.quote & t.strings;
    t.closing_quote = b.quote & ~t.strings;
    t.open = b.open & ~t.strings;
    t.close = b.close & ~t.strings;
    t.colon = b.colon & ~t.strings;
    t.comma = b.comma & ~t.strings;
    t.bare = inside & ~(t.strings | t.closing_quote | t.open | t.close |
                        t.colon | t.comma);
    if (!take_brackets(s, block, t.open, t.close, t.opening_quote,
                       &t.arrays) ||
        !neighbours_agree(s, &t, &bare_starts) ||
        !take_bare_words(block, bare_starts)) {
        return false;
    }
    if (t.opening_quote != 0) {
        s->last_quote = (uint32_t)(block - s->begin) + 63 -
                        (uint32_t)__builtin_clzll(t.opening_quote);
    }
    return true;
}

/* Room for the brackets of one more block. */
static inline sgo_status
make_room(struct bitmaps *s)
{
    sgo_status status = SGO_OK;

    if (s->index->cap - s->index->count < BLOCK) {
        status = scan_index_reserve(s->index, BLOCK, s->max);
    }
    return status == SGO_LIMIT ? SGO_AGAIN : status;
}

SIMD_TARGET static sgo_status
take_text(struct bitmaps *s, const char *p)
{
    sgo_status status;

    for (; s->end - p > BLOCK; p += BLOCK) {
        status = make_room(s);
        if (status != SGO_OK) {
            return status;
        }
        if (!take_block(s, p, UINT64_MAX) || s->depth == 0) {
            return SGO_AGAIN;
        }
    }
    status = make_room(s);
    if (status != SGO_OK) {
        return status;
    }
    if (!take_block(s, p, UINT64_MAX >> (BLOCK - (s->end - p))) ||
        s->depth != 0 || s->in_string ||
        s->index->items[0].end != (uint32_t)(s->end - s->begin)) {
        return SGO_AGAIN;
    }
    return SGO_OK;
}

sgo_status
scan_bitmaps(const char *bytes, size_t len, struct scan_index *index)
{
    /* The root stands where a value may begin, as if in an array. */
    struct bitmaps s = {.begin = bytes,
                        .end = bytes + len,
                        .index = index,
                        .max = (uint32_t)scan_max_containers(len),
                        .in_array = UINT64_MAX,
                        .value_may = 1,
                        .arrays = 1};
    const char *p = scanner_space(bytes);
    sgo_status status;

    while (s.end > p && SCANNER_IS(s.end - 1, CLASS_SPACE)) {
        s.end--;
    }
    if (s.end - p < 2 || (*p != '{' && *p != '[')) {
        return SGO_AGAIN;
    }
    s.checked = p;
    /* What documents of many odds need, so that the index rarely moves. */
    status = scan_index_reserve(index, (uint32_t)(len / 128) + BLOCK, s.max);
    if (status == SGO_NO_MEMORY) {
        return status;
    }
    return take_text(&s, p);
}

#endif
