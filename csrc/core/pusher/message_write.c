/* Our own messages, and the form of an authorisation request.  Their data is
 * an object, not a string, as the protocol wants it of clients. */
#include "pusher/message.h"

#include <string.h>

void
message_write_string(struct buf *out, const char *text)
{
    static const char hex[] = "0123456789abcdef";

    buf_putc(out, '"');
    for (const char *p = text; *p; p++) {
        unsigned char c = (unsigned char)*p;

        if (c == '"' || c == '\\') {
            buf_putc(out, '\\');
            buf_putc(out, (char)c);
        } else if (c < 0x20 || c == 0x7f) {
            buf_puts(out, "\\u00");
            buf_putc(out, hex[c >> 4]);
            buf_putc(out, hex[c & 15]);
        } else {
            buf_putc(out, (char)c);
        }
    }
    buf_putc(out, '"');
}

void
message_write_escaped(struct buf *out, const char *text)
{
    static const char hex[] = "0123456789ABCDEF";

    for (const char *p = text; *p; p++) {
        unsigned char c = (unsigned char)*p;

        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
            (c >= '0' && c <= '9') || strchr("-._~", c)) {
            buf_putc(out, (char)c);
        } else {
            buf_putc(out, '%');
            buf_putc(out, hex[c >> 4]);
            buf_putc(out, hex[c & 15]);
        }
    }
}

void
message_write_ping(struct buf *out)
{
    buf_puts(out, "{\"event\":\"pusher:ping\",\"data\":{}}");
}

void
message_write_pong(struct buf *out)
{
    buf_puts(out, "{\"event\":\"pusher:pong\",\"data\":{}}");
}

void
message_write_unsubscribe(struct buf *out, const char *channel)
{
    buf_puts(out, "{\"event\":\"pusher:unsubscribe\",\"data\":{\"channel\":");
    message_write_string(out, channel);
    buf_puts(out, "}}");
}

void
message_write_subscribe(struct buf *out, const char *channel, const char *auth,
                        const char *channel_data)
{
    buf_puts(out, "{\"event\":\"pusher:subscribe\",\"data\":{\"channel\":");
    message_write_string(out, channel);
    if (auth) {
        buf_puts(out, ",\"auth\":");
        message_write_string(out, auth);
    }
    if (channel_data) {
        buf_puts(out, ",\"channel_data\":");
        message_write_string(out, channel_data);
    }
    buf_puts(out, "}}");
}

void
message_write_form(struct buf *out, const char *socket_id, const char *channel,
                   const struct pusher_pair *params, size_t count)
{
    buf_puts(out, "socket_id=");
    message_write_escaped(out, socket_id);
    buf_puts(out, "&channel_name=");
    message_write_escaped(out, channel);
    for (size_t i = 0; i < count; i++) {
        buf_putc(out, '&');
        message_write_escaped(out, params[i].name);
        buf_putc(out, '=');
        message_write_escaped(out, params[i].value);
    }
}
