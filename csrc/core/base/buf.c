#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

void
buf_init(struct buf *b, size_t max)
{
    *b = (struct buf){.max = max};
}

void
buf_fini(struct buf *b)
{
    mem_free(b->data);
    buf_init(b, b->max);
}

void
buf_reset(struct buf *b)
{
    b->len = 0;
    b->status = SGO_OK;
    if (b->data) {
        b->data[0] = '\0';
    }
}

sgo_status
buf_reserve(struct buf *b, size_t more)
{
    size_t cap;
    char *data;

    if (b->status != SGO_OK) {
        return b->status;
    }
    if (more > b->max || b->len > b->max - more) {
        return b->status = SGO_LIMIT;
    }
    if (b->len + more < b->cap) {
        return SGO_OK;
    }
    cap = b->cap ? b->cap : 64;
    while (cap <= b->len + more) {
        cap *= 2;
    }
    if (cap > b->max + 1) {
        cap = b->max + 1;
    }
    data = mem_realloc(b->data, cap);
    if (data == NULL) {
        return b->status = SGO_NO_MEMORY;
    }
    b->data = data;
    b->cap = cap;
    return SGO_OK;
}

sgo_status
buf_append(struct buf *b, const void *bytes, size_t len)
{
    sgo_status status = buf_reserve(b, len);

    if (status == SGO_OK) {
        if (len) {
            memcpy(b->data + b->len, bytes, len);
        }
        b->len += len;
        b->data[b->len] = '\0';
    }
    return status;
}

sgo_status
buf_puts(struct buf *b, const char *text)
{
    return buf_append(b, text, strlen(text));
}

sgo_status
buf_putc(struct buf *b, char c)
{
    return buf_append(b, &c, 1);
}

sgo_status
buf_printf(struct buf *b, const char *fmt, ...)
{
    va_list args;
    int n;
    sgo_status status;

    va_start(args, fmt);
    n = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    if (n < 0) {
        return b->status = SGO_INVALID;
    }
    status = buf_reserve(b, (size_t)n);
    if (status == SGO_OK) {
        va_start(args, fmt);
        vsnprintf(b->data + b->len, (size_t)n + 1, fmt, args);
        va_end(args);
        b->len += (size_t)n;
    }
    return status;
}

void
buf_drop_front(struct buf *b, size_t n)
{
    if (n) {
        memmove(b->data, b->data + n, b->len - n);
        b->len -= n;
        b->data[b->len] = '\0';
    }
}

char *
buf_take(struct buf *b, size_t *len)
{
    char *data = b->data;

    *len = b->len;
    buf_init(b, b->max);
    return data;
}
