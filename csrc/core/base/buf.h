/* A growing byte buffer that cannot be made without a maximum.  A buffer that
 * met an error stays in that state (`status`) and ignores further appends, so
 * a chain of appends is checked once, at its end. */
#ifndef SGO_BASE_BUF_H
#define SGO_BASE_BUF_H

#include "base/types.h"

struct buf {
    char *data; /* NUL behind the last byte once anything was appended */
    size_t len;
    size_t cap;
    size_t max;        /* len never passes this */
    sgo_status status; /* SGO_OK, SGO_NO_MEMORY, SGO_LIMIT */
};

void buf_init(struct buf *b, size_t max);
void buf_fini(struct buf *b);  /* frees; the buffer is as after buf_init */
void buf_reset(struct buf *b); /* empties and clears the error, keeps memory */

/* Room for `more` further bytes. */
sgo_status buf_reserve(struct buf *b, size_t more);
sgo_status buf_append(struct buf *b, const void *bytes, size_t len);
sgo_status buf_puts(struct buf *b, const char *text);
sgo_status buf_putc(struct buf *b, char c);
sgo_status buf_printf(struct buf *b, const char *fmt, ...) SGO_PRINTF(2, 3);

/* Remove the first n bytes (n <= len). */
void buf_drop_front(struct buf *b, size_t n);

/* The bytes, owned by the caller (mem_free); the buffer is empty afterwards.
 * NULL when nothing was appended. */
char *buf_take(struct buf *b, size_t *len);

#endif
