/* The scanner for processors with AVX2.  Private to json/. */
#ifndef SGO_JSON_SCAN_BITMAPS_H
#define SGO_JSON_SCAN_BITMAPS_H

#include "json/scan.h"
#include "json/simd.h"

#if SIMD_AVX2
/* As scan(), for compact texts whose root is a container: exactly the index
 * that scan() makes.  SGO_AGAIN: let the portable form judge, which also
 * knows what is wrong and where; the index then holds nothing of use.
 * SGO_NO_MEMORY. */
sgo_status scan_bitmaps(const char *bytes, size_t len,
                        struct scan_index *index) SGO_WARN_UNUSED;
#endif

#endif
