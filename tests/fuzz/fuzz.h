/* What the fuzz targets share; libFuzzer brings main(). */
#ifndef SGO_TESTS_FUZZ_H
#define SGO_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(cond)                                                         \
    do {                                                                      \
        if (!(cond)) {                                                        \
            fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__,      \
                    #cond);                                                   \
            abort();                                                          \
        }                                                                     \
    } while (0)

#endif
