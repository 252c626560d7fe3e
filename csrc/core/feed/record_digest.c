/* What a brain wanted done, as one number: a replay that does the same gives
 * the same.  The API key and what it may stand in are left out, since a
 * recording does not have them: header values, texts of errors. */
#include "feed/record.h"

#include <string.h>

#include "json/document.h"

static void
put(uint64_t *digest, const void *bytes, size_t len)
{
    const unsigned char *p = bytes;

    for (size_t i = 0; i < len; i++) {
        *digest = (*digest ^ p[i]) * UINT64_C(0x100000001b3);
    }
}

static void
put_number(uint64_t *digest, int64_t n)
{
    put(digest, &n, sizeof(n));
}

static void
put_text(uint64_t *digest, const char *text)
{
    if (text) {
        put(digest, text, strlen(text) + 1);
    }
}

static void
put_document(uint64_t *digest, const struct document *doc)
{
    if (doc) {
        put(digest, doc->body, doc->len);
    }
}

static void
put_network(uint64_t *digest, const struct action *a)
{
    switch (a->kind) {
    case ACTION_REQUEST:
        put_number(digest, (int64_t)a->u.request.request_id);
        put_text(digest, a->u.request.method);
        put_text(digest, a->u.request.url);
        put(digest, a->u.request.body, a->u.request.body_len);
        put_number(digest, (int64_t)a->u.request.header_count);
        break;
    case ACTION_CANCEL:
        put_number(digest, (int64_t)a->u.cancel.request_id);
        break;
    case ACTION_CONNECT:
        put_number(digest, (int64_t)a->u.connect.generation);
        put_text(digest, a->u.connect.host);
        put_text(digest, a->u.connect.path);
        break;
    case ACTION_SEND:
        put(digest, a->u.send.text, a->u.send.len);
        break;
    case ACTION_CLOSE:
        put_number(digest, a->u.close.code);
        break;
    case ACTION_KILL:
        put_number(digest, (int64_t)a->u.kill.generation);
        break;
    default:
        break;
    }
}

static void
put_told(uint64_t *digest, const struct action *a)
{
    switch (a->kind) {
    case ACTION_PUBLISH:
        put_number(digest, a->u.publish.stream_id);
        put_number(digest, a->u.publish.kind);
        put_number(digest, a->u.publish.cause);
        put_number(digest, a->u.publish.applied_ns);
        put_text(digest, a->u.publish.event_id);
        put_document(digest, a->u.publish.event);
        put_document(digest, a->u.publish.previous);
        break;
    case ACTION_STATE:
        put_number(digest, a->u.state.stream_id);
        put_number(digest, a->u.state.connection);
        put_number(digest, a->u.state.phase);
        put_number(digest, a->u.state.close_code);
        break;
    case ACTION_GAP:
        put_number(digest, a->u.gap.began_ns);
        put_number(digest, a->u.gap.ended_ns);
        break;
    case ACTION_ERROR:
        put_number(digest, a->u.error.stream_id);
        put_number(digest, a->u.error.final);
        put_number(digest, a->u.error.error->kind);
        put_number(digest, a->u.error.error->http_status);
        put_text(digest, a->u.error.event_id);
        break;
    case ACTION_CALL_DONE:
        put_number(digest, a->u.call_done.call_id);
        put_number(digest, (int64_t)a->u.call_done.n);
        put_number(digest, a->u.call_done.error != NULL);
        break;
    case ACTION_PROOF:
        put_number(digest, a->u.proof.proof_ns);
        put_text(digest, a->u.proof.event_id);
        break;
    case ACTION_SHED:
        put_number(digest, (int64_t)a->u.shed.bytes);
        break;
    default:
        break;
    }
}

uint64_t
record_digest(uint64_t digest, const struct action *action)
{
    if (digest == 0) {
        digest = UINT64_C(0xcbf29ce484222325);
    }
    put_number(&digest, action->kind);
    put_network(&digest, action);
    put_told(&digest, action);
    return digest;
}
