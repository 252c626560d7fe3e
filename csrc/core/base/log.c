#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/status.h"

void
log_write(const struct log *log, sgo_log_level level, const char *area,
          const char *fmt, ...)
{
    char text[LOG_TEXT_BYTES];
    va_list args;

    if (log == NULL || log->sink == NULL || level < log->level) {
        return;
    }
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    text_redact(text, sizeof(text), log->secret);
    log->sink(log->ctx, level, area, text);
}
