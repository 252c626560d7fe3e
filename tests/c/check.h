/* A tiny test frame: CHECK* print both sides and go on; a program's main is
 *     int main(void) { RUN(name); RUN(other); return check_done(); }
 * and its last line is "N passed, N failed". */
#ifndef SGO_TESTS_CHECK_H
#define SGO_TESTS_CHECK_H

#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int check_passed, check_failed, check_bad;

#define CHECK(cond)                                                           \
    do {                                                                      \
        if (!(cond)) {                                                        \
            check_bad++;                                                      \
            fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__,      \
                    #cond);                                                   \
        }                                                                     \
    } while (0)

#define CHECK_INT(a, b)                                                       \
    do {                                                                      \
        int64_t a_ = (int64_t)(a), b_ = (int64_t)(b);                         \
        if (a_ != b_) {                                                       \
            check_bad++;                                                      \
            fprintf(stderr,                                                   \
                    "%s:%d: %s is %" PRId64 ", expected %" PRId64 " (%s)\n",  \
                    __FILE__, __LINE__, #a, a_, b_, #b);                      \
        }                                                                     \
    } while (0)

#define CHECK_STR(a, b)                                                       \
    do {                                                                      \
        const char *a_ = (a), *b_ = (b);                                      \
        if (a_ == NULL || b_ == NULL || strcmp(a_, b_) != 0) {                \
            check_bad++;                                                      \
            fprintf(stderr, "%s:%d: %s is \"%s\", expected \"%s\"\n",         \
                    __FILE__, __LINE__, #a, a_ ? a_ : "(null)",               \
                    b_ ? b_ : "(null)");                                      \
        }                                                                     \
    } while (0)

#define CHECK_MEM(a, a_len, b, b_len)                                         \
    do {                                                                      \
        size_t al_ = (a_len), bl_ = (b_len);                                  \
        const void *a_ = (a), *b_ = (b);                                      \
        if (al_ != bl_ || (al_ && memcmp(a_, b_, al_) != 0)) {                \
            check_bad++;                                                      \
            fprintf(stderr, "%s:%d: %s: bytes differ (%zu, %zu)\n", __FILE__, \
                    __LINE__, #a, al_, bl_);                                  \
        }                                                                     \
    } while (0)

#define RUN(fn)                                                               \
    do {                                                                      \
        check_bad = 0;                                                        \
        fn();                                                                 \
        if (check_bad) {                                                      \
            check_failed++;                                                   \
            fprintf(stderr, "FAILED %s\n", #fn);                              \
        } else {                                                              \
            check_passed++;                                                   \
        }                                                                     \
    } while (0)

/* How often a random test goes round: n, scaled by SGO_TEST_PERCENT, which
 * the runner sets lower where everything is slower.  At least 1. */
static inline int
check_rounds(int n)
{
    const char *percent = getenv("SGO_TEST_PERCENT");
    int rounds = percent ? n * atoi(percent) / 100 : n;

    return rounds > 0 ? rounds : 1;
}

static inline int
check_done(void)
{
    printf("%d passed, %d failed\n", check_passed, check_failed);
    return check_failed ? 1 : 0;
}

#endif
