/* Fuzz target: an answer of the API.  The first byte is the length of pieces;
 * fed in pieces or whole, the same elements and the same end must come out. */
#include "fuzz.h"

#include <string.h>

#include "json/envelope.h"

struct outcome {
    sgo_status status;
    size_t elements;
    uint64_t digest;
};

static void
add(struct outcome *o, const char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        o->digest =
            (o->digest ^ (unsigned char)bytes[i]) * UINT64_C(0x100000001b3);
    }
    o->digest = (o->digest ^ len) * UINT64_C(0x100000001b3);
}

static struct outcome
split(const char *bytes, size_t len, size_t piece)
{
    struct outcome o = {SGO_AGAIN, 0, 1};
    struct envelope e;
    const char *found;
    size_t n;

    envelope_init(&e, 4096, 4096); /* small: the maxima are reached too */
    for (size_t at = 0; at < len && o.status == SGO_AGAIN; at += piece) {
        char *copy; /* its bounds are the sanitizer's to watch */

        n = len - at < piece ? len - at : piece;
        copy = malloc(n);
        REQUIRE(copy != NULL);
        memcpy(copy, bytes + at, n);
        envelope_feed(&e, copy, n);
        while ((o.status = envelope_next(&e, &found, &n)) == SGO_OK) {
            o.elements++;
            add(&o, found, n);
        }
        free(copy);
    }
    if (o.status == SGO_AGAIN) {
        o.status = envelope_finish(&e, &found, &n);
        if (o.status == SGO_OK) {
            REQUIRE(found[n] == '\0');
            add(&o, found, n);
        }
    }
    REQUIRE(o.status != SGO_AGAIN);
    envelope_fini(&e);
    return o;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *bytes = (const char *)data + 1;
    struct outcome whole, pieces;

    if (size < 2) {
        return 0;
    }
    whole = split(bytes, size - 1, size - 1);
    pieces = split(bytes, size - 1, data[0] % 64 + 1U);
    REQUIRE(whole.status == pieces.status);
    REQUIRE(whole.elements == pieces.elements);
    REQUIRE(whole.digest == pieces.digest);
    return 0;
}
