/* Is this text JSON?  The scanner's grammar without an index, for small
 * things that cJSON will parse afterwards (it validates too little). */
#ifndef SGO_JSON_VALIDATE_H
#define SGO_JSON_VALIDATE_H

#include "json/scan.h"

/* Validate `len` bytes that are followed by SCAN_PADDING zero bytes: what
 * scan() accepts, at most SCAN_MAX_DEPTH deep.  SGO_INVALID, SGO_LIMIT; err
 * (may be NULL) says where and why.  Allocates nothing.  Any thread. */
sgo_status json_validate(const char *bytes, size_t len,
                         struct scan_error *err) SGO_WARN_UNUSED;

#endif
