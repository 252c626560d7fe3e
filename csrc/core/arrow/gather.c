/* Rows come odd by odd: what is the same in a run of rows is numbered once. */
#include "arrow/gather.h"

#include <string.h>

#include "base/mem.h"

enum { MEMOS = 64 }; /* of each column */

/* A text that had a number lately; it stands in an item that is still held. */
struct memo {
    struct text text;
    int32_t number;
};

/* The run that is being gathered, in memory of what stays the same. */
struct run {
    const struct document *doc;
    const char *odd_id; /* where it stands: the same place, the same odd */
    size_t at;          /* in g->kept */
    int32_t numbers[RUN_NUMBERS];
};

/* ---- numbers of texts ----------------------------------------------------*/

/* Where a plain text of this column is remembered. */
static struct memo *
memo_of(const struct gathered *g, enum arrow_column column, struct text text)
{
    unsigned hash = text.len;

    if (text.len > 0) {
        hash += (unsigned char)text.raw[0] * 7u;
        hash += (unsigned char)text.raw[text.len / 2] * 31u;
        hash += (unsigned char)text.raw[text.len - 1] * 5u;
    }
    return &g->memos[(size_t)column * MEMOS + hash % MEMOS];
}

/* The number of a text in its column's dictionary; raw NULL is null. */
static sgo_status
number_of(struct gathered *g, enum arrow_column column, struct text text,
          int32_t *number)
{
    struct memo *memo;
    const char *bytes;
    size_t len;
    sgo_status status;

    *number = DICTIONARY_NULL;
    if (text.raw == NULL) {
        return SGO_OK;
    }
    memo = memo_of(g, column, text);
    if (memo->text.raw && memo->text.len == text.len &&
        memcmp(memo->text.raw, text.raw, text.len) == 0) {
        *number = memo->number; /* the same raw text, with escapes or not */
        return SGO_OK;
    }
    status = row_text(&g->scratch, text, &bytes, &len);
    if (status == SGO_OK) {
        status = dictionary_put(&g->dictionaries[column], bytes, len, number);
    }
    if (status == SGO_OK) {
        *memo = (struct memo){text, *number};
    }
    return status;
}

/* A member that is a string, else raw NULL. */
static struct text
string_member(struct value object, const char *key)
{
    struct value v;

    if (object.doc && value_get(object, key, strlen(key), &v) &&
        value_type(v) == VALUE_STRING) {
        return value_text(v);
    }
    return (struct text){NULL, 0, false};
}

/* ---- the dictionaries of a row -------------------------------------------*/

static sgo_status
number_event(struct gathered *g, const struct document *doc, struct run *run)
{
    struct text id = {doc->event_id, doc->event_id_len, false};
    sgo_status status =
        number_of(g, COLUMN_EVENT_ID, id, &run->numbers[COLUMN_EVENT_ID]);

    if (status == SGO_OK) {
        status = number_of(g, COLUMN_LEAGUE_ID,
                           string_member(document_root(doc), "leagueID"),
                           &run->numbers[COLUMN_LEAGUE_ID]);
    }
    run->doc = doc;
    run->odd_id = NULL;
    return status;
}

/* The odd that an update names, in the document that has the quote. */
static void
find_odd(const struct row *row, struct odd_fields *out)
{
    struct value odd = {NULL, 0, VALUE_LEAF}, odds;

    if (VALUE_GET(document_root(row->doc), "odds", &odds) &&
        !value_get_text(odds, row->odd_id, &odd)) {
        odd.doc = NULL;
    }
    odd_read(odd, out);
}

static sgo_status
number_odd(struct gathered *g, const struct row *row, struct run *run)
{
    struct odd_fields f;

    if (row->odd) {
        f = *row->odd;
    } else {
        find_odd(row, &f);
    }
    const struct text texts[] = {
        [COLUMN_ODD_ID] = row->odd_id,
        [COLUMN_STAT_ID] = f.stat_id,
        [COLUMN_STAT_ENTITY_ID] = f.stat_entity_id,
        [COLUMN_PERIOD_ID] = f.period_id,
        [COLUMN_BET_TYPE_ID] = f.bet_type_id,
        [COLUMN_SIDE_ID] = f.side_id,
        [COLUMN_PLAYER_ID] = f.player_id,
    };

    for (int i = COLUMN_ODD_ID; i <= COLUMN_PLAYER_ID; i++) {
        sgo_status status =
            number_of(g, (enum arrow_column)i, texts[i], &run->numbers[i]);

        if (status != SGO_OK) {
            return status;
        }
    }
    run->odd_id = row->odd_id.raw;
    return SGO_OK;
}

static sgo_status
begin_run(struct gathered *g, const struct row *row, struct run *run)
{
    struct kept_run kept = {.rows = 0};
    sgo_status status = SGO_OK;

    if (run->doc != row->doc) {
        status = number_event(g, row->doc, run);
    }
    if (status == SGO_OK) {
        status = number_odd(g, row, run);
    }
    if (status != SGO_OK) {
        return status;
    }
    run->at = g->kept.len;
    memcpy(kept.numbers, run->numbers, sizeof(kept.numbers));
    return buf_append(&g->kept, &kept, sizeof(kept));
}

static sgo_status
add_to_run(struct gathered *g, const struct row *row, const struct run *run,
           bool with_place)
{
    struct kept_row kept = {.bookmaker = DICTIONARY_NULL};
    sgo_status status =
        number_of(g, COLUMN_BOOKMAKER_ID, row->bookmaker_id, &kept.bookmaker);

    if (with_place) {
        kept.off = row->quote.off;
        kept.index_and_alt = row->quote.index * 2 + row->is_alt_line;
    }
    if (status == SGO_OK) {
        status = buf_append(&g->kept, &kept, sizeof(kept));
    }
    if (status == SGO_OK) {
        struct kept_run *head = (void *)(g->kept.data + run->at);

        head->rows++;
    }
    return status;
}

/* ---- the pass ------------------------------------------------------------*/

void
gathered_init(struct gathered *g, uint64_t seed)
{
    buf_init(&g->kept, SIZE_MAX / 4); /* a fraction of the documents */
    buf_init(&g->scratch, SCAN_MAX_BYTES);
    g->memos = NULL;
    for (size_t i = 0; i < COLUMN_DICTIONARIES; i++) {
        dictionary_init(&g->dictionaries[i], seed);
    }
}

void
gathered_fini(struct gathered *g)
{
    for (size_t i = 0; i < COLUMN_DICTIONARIES; i++) {
        dictionary_fini(&g->dictionaries[i]);
    }
    mem_free(g->memos);
    g->memos = NULL;
    buf_fini(&g->kept);
    buf_fini(&g->scratch);
}

sgo_status
gathered_begin(struct gathered *g)
{
    g->memos = mem_calloc(COLUMN_DICTIONARIES * MEMOS, sizeof(*g->memos));
    return g->memos ? SGO_OK : SGO_NO_MEMORY;
}

sgo_status
gathered_add(struct gathered *g, struct row_iter *it, bool with_places,
             size_t *rows)
{
    struct run run = {.doc = NULL};
    struct row row;
    sgo_status status = SGO_OK;

    *rows = 0;
    while (status == SGO_OK && row_iter_next(it, &row)) {
        if (run.odd_id != row.odd_id.raw || run.doc != row.doc) {
            status = begin_run(g, &row, &run);
        }
        if (status == SGO_OK) {
            status = add_to_run(g, &row, &run, with_places);
        }
        ++*rows;
    }
    return status;
}

sgo_status
gathered_end(struct gathered *g, sgo_status status)
{
    mem_free(g->memos);
    g->memos = NULL;
    buf_fini(&g->scratch);
    for (size_t i = 0; status == SGO_OK && i < COLUMN_DICTIONARIES; i++) {
        status = dictionary_seal(&g->dictionaries[i]);
    }
    if (status != SGO_OK) {
        gathered_fini(g);
    }
    return status;
}
