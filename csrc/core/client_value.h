/* Between the public names of documents, values and texts and the core's. */
#ifndef SGO_CLIENT_VALUE_H
#define SGO_CLIENT_VALUE_H

#include "delivery/update.h"
#include "json/document.h"
#include "json/show.h"
#include "sgostream.h"

struct sgo_quote_filter {
    struct show_filter show;
    bool alt_lines;
};

static inline struct document *
document_of(sgo_event *event)
{
    return (struct document *)event;
}

static inline sgo_event *
event_of(struct document *doc)
{
    return (sgo_event *)doc;
}

static inline struct value
value_in(sgo_value v)
{
    return (struct value){(const struct document *)v.event, v.offset, v.index};
}

static inline sgo_value
value_out(struct value v)
{
    return (sgo_value){(const sgo_event *)v.doc, v.off, v.index};
}

/* raw == NULL stays NULL: absent. */
static inline sgo_text
text_out(struct text text)
{
    return (sgo_text){text.raw, text.raw ? text.len : 0};
}

#endif
