/* Names of the shared enums, and the making of errors. */
#ifndef SGO_BASE_STATUS_H
#define SGO_BASE_STATUS_H

#include "base/types.h"

/* Static lower-case words ("ok", "timeout", "added", "connected", "live"…);
 * "unknown" for numbers outside the enum.  Any thread. */
const char *status_name(sgo_status status);
const char *update_kind_name(sgo_update_kind kind);
const char *cause_name(sgo_cause cause);
const char *connection_name(sgo_connection connection);
const char *phase_name(sgo_phase phase);

/* Fill *err: no status, not retryable, no retry_after.  Text is cut at a
 * whole UTF-8 character; control characters become spaces.  Any thread. */
void error_set(sgo_error *err, sgo_error_kind kind, const char *fmt, ...)
    SGO_PRINTF(3, 4);
void error_clear(sgo_error *err);

/* Replace each occurrence of `secret` (if at least 4 bytes) in err->text and
 * in any buffer by "[redacted]" or as much of it as fits: as it is, escaped
 * for a URL, or cut (its first 8 bytes are enough). */
void error_redact(sgo_error *err, const char *secret);
void text_redact(char *text, size_t cap, const char *secret);

#endif
