/* What the tests of json/ share: samples, random JSON, equivalent rewriting,
 * and cJSON as an oracle. */
#ifndef SGO_TESTS_JSON_HELP_H
#define SGO_TESTS_JSON_HELP_H

#include <cJSON.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/rand.h"
#include "json/diff.h"
#include "json/document.h"
#include "json/path.h"

/* A sample's bytes (free with mem_free), or NULL when the samples are not
 * there: the test then says so and passes. */
char *help_sample(const char *name, size_t *len);

/* Element i of a sample's `data`, or NULL. */
char *help_sample_event(const char *name, size_t i, size_t *len);

/* Build a document or end the program. */
struct document *help_build(struct pool *pool, const char *text);
struct document *help_build_bytes(struct pool *pool, const char *bytes,
                                  size_t len);

struct help_style {
    bool shuffle;         /* members in any order */
    bool spaces;          /* white space anywhere */
    bool disguise;        /* other spellings of equal scalars */
    int change_per_mille; /* scalars replaced, members dropped and added */
};

/* Random JSON: an object of events' look, keys distinct, no \u0000. */
void help_random(struct rand *r, struct buf *out);

/* A document's text written again in the style. */
void help_rewrite(struct rand *r, struct value v,
                  const struct help_style *style, struct buf *out);

/* Does the document have the structure that cJSON reads from its bytes? */
bool help_equals_cjson(struct value v, const cJSON *node);

/* Replay one change on *root; false: its path leads nowhere. */
bool help_replay(cJSON **root, const struct path *path,
                 struct value new_value);

/* As cJSON_Compare, which looks each member up from the front and so takes
 * minutes for an event: here the next member is tried first. */
bool help_same_json(const cJSON *a, const cJSON *b);

/* Replay the changes on cJSON's reading of old; equal to that of new? */
bool help_replays(const struct document *old_doc,
                  const struct document *new_doc,
                  const struct changes *changes);

#endif
