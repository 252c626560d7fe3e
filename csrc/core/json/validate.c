/* One pass over tokens with the open brackets in a bit set.  Relies on the
 * zero padding as the scanner does: a zero byte is no token. */
#include "json/validate.h"

#include "json/scanner.h"

_Static_assert(SCAN_MAX_DEPTH <= 64, "one bit per open container");

static const char *
refuse(struct scanner *s, const char *at, sgo_status status,
       const char *reason)
{
    s->status = status;
    s->at = at;
    s->reason = at >= s->end ? "cut short" : reason;
    return NULL;
}

/* A member's key and colon; p at the value, or NULL. */
static const char *
key(struct scanner *s, const char *p)
{
    if (*p != '"') {
        return refuse(s, p, SGO_INVALID, "key expected");
    }
    p = scanner_string(s, p);
    if (p == NULL) {
        return NULL;
    }
    p = scanner_space(p);
    if (*p != ':') {
        return refuse(s, p, SGO_INVALID, "colon expected");
    }
    return scanner_space(p + 1);
}

/* One value with all that is in it; behind it, or NULL. */
static const char *
value(struct scanner *s, const char *p)
{
    uint64_t objects = 0; /* bit 0: the innermost container is an object */
    unsigned depth = 0;

    for (;;) {
        bool opened = *p == '{' || *p == '[';

        if (opened) {
            if (depth == SCAN_MAX_DEPTH) {
                return refuse(s, p, SGO_LIMIT, "nested too deeply");
            }
            depth++;
            objects = objects << 1 | (*p == '{');
            p = scanner_space(p + 1);
        } else if ((p = scanner_leaf(s, p)) == NULL) {
            return NULL;
        }
        for (;;) { /* close what ends here, then step to the next value */
            if (!opened) {
                if (depth == 0) {
                    return p;
                }
                p = scanner_space(p);
            }
            if (*p == (objects & 1 ? '}' : ']')) {
                p++;
                depth--;
                objects >>= 1;
                opened = false;
                continue;
            }
            break;
        }
        if (!opened) {
            if (*p != ',') {
                return refuse(s, p, SGO_INVALID,
                              "comma or closing bracket expected");
            }
            p = scanner_space(p + 1);
        }
        if ((objects & 1) && (p = key(s, p)) == NULL) {
            return NULL;
        }
    }
}

sgo_status
json_validate(const char *bytes, size_t len, struct scan_error *err)
{
    struct scanner s = {
        .begin = bytes, .end = bytes + len, .status = SGO_OK, .at = bytes};
    const char *p;

    if (len > SCAN_MAX_BYTES) {
        s.status = SGO_LIMIT;
        s.reason = "too long";
    } else {
        p = value(&s, scanner_space(bytes));
        if (p != NULL && scanner_space(p) != s.end) {
            refuse(&s, p, SGO_INVALID, "bytes behind the value");
        }
    }
    if (s.status != SGO_OK && err != NULL) {
        err->offset = (size_t)(s.at - s.begin);
        err->reason = s.reason;
    }
    return s.status;
}
