/* Where the core's log lines go: a sink given by the owner.  `area` becomes
 * the logger's name behind "sgostream." ("socket", "http", "feed"…).  The
 * sink is called on the I/O thread and must not block. */
#ifndef SGO_BASE_LOG_H
#define SGO_BASE_LOG_H

#include "base/types.h"

enum { LOG_TEXT_BYTES = 400 };

struct log {
    void (*sink)(void *ctx, sgo_log_level level, const char *area,
                 const char *text);
    void *ctx;
    sgo_log_level level; /* lines below this are not formatted */
    const char *secret;  /* redacted from every line; NULL: none */
};

/* Format and hand over; cut at LOG_TEXT_BYTES.  log may be NULL. */
void log_write(const struct log *log, sgo_log_level level, const char *area,
               const char *fmt, ...) SGO_PRINTF(4, 5);

#endif
