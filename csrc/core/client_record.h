/* The file of a recording (feed/record.h): every input of one client's brain,
 * framed by a first line that names the format and a last one that tells what
 * came of it.  I/O thread only. */
#ifndef SGO_CLIENT_RECORD_H
#define SGO_CLIENT_RECORD_H

#include "base/log.h"
#include "feed/record.h"

/* The file's first line.  After the inputs: "= actions digest\n", unless the
 * process died before. */
#define RECORD_FILE_HEAD "sgostream recording 1\n"
/* Recording stops before the input that would pass this; told in the log. */
#define RECORD_FILE_MAX_BYTES ((uint64_t)1 << 30)

struct recorder;

/* Create or truncate `path`, readable by its owner only; no link is followed.
 * key: blanked wherever it occurs; borrowed, as is log.  SGO_FAILED (err says
 * why), SGO_NO_MEMORY. */
sgo_status recorder_open(const char *path, const char *key, uint64_t max_bytes,
                         const struct log *log, struct recorder **out,
                         sgo_error *err) SGO_WARN_UNUSED;
/* What brain_config.record takes; valid until recorder_close(). */
const struct record *recorder_record(struct recorder *r);
/* An action was taken from the brain.  Accepts NULL. */
void recorder_action(struct recorder *r, const struct action *action);
/* What was recorded goes to the file.  Accepts NULL. */
void recorder_flush(struct recorder *r);
/* Write the last line and free; the brain is gone.  Accepts NULL. */
void recorder_close(struct recorder *r);

#endif
