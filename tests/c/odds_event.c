#include "odds_event.h"

#include <string.h>

enum { BOOKS = 12, PLAYERS = 24, LINES = 7 };

static const char *const books[BOOKS] = {
    "alphabet", "betaworld", "casino24", "doublebet", "evenmoney", "fairodds",
    "gamblers", "highstake", "icebook",  "jackpot",   "kingpins",  "unknown",
};
static const char *const stats[] = {
    "points", "rebounds", "assists", "points+rebounds", "threePointersMade",
};
static const char *const periods[] = {"game", "1h", "2h", "1q", "2q", "reg"};

static int
pick(struct rand *r, int low, int high)
{
    return (int)rand_between(r, low, high);
}

static void
write_price(struct rand *r, struct buf *out)
{
    buf_printf(out, "\"%s%d\"", pick(r, 0, 2) ? "-" : "+", pick(r, 100, 250));
}

static void
write_time(struct rand *r, struct buf *out)
{
    buf_printf(out, "\"2026-01-15T01:%02d:%02d.%03dZ\"", pick(r, 11, 19),
               pick(r, 0, 59), pick(r, 0, 999));
}

static void
write_alt_lines(struct rand *r, int line, struct buf *out)
{
    buf_puts(out, ",\"altLines\":[");
    for (int i = 0; i < LINES; i++) {
        buf_puts(out, i ? ",{\"odds\":" : "{\"odds\":");
        write_price(r, out);
        buf_printf(out, ",\"overUnder\":\"%d.5\",\"lastUpdatedAt\":",
                   line + i - LINES / 2);
        write_time(r, out);
        buf_puts(out, ",\"available\":true}");
    }
    buf_putc(out, ']');
}

static void
write_quote(struct rand *r, int odd, int book, struct buf *out)
{
    int line = pick(r, 10, 60);

    buf_printf(out, "%s\"%s\":{\"odds\":", book ? "," : "", books[book]);
    write_price(r, out);
    if (odd % 4 != 0) {
        buf_printf(out, ",\"overUnder\":\"%d.5\"", line);
    }
    buf_puts(out, ",\"lastUpdatedAt\":");
    write_time(r, out);
    buf_printf(out, ",\"available\":%s", pick(r, 0, 30) ? "true" : "false");
    if (book < 5) {
        buf_printf(out,
                   ",\"deeplink\":\"https://%s.invalid/betslip/add?marketId="
                   "42.%d&selectionId=%d\"",
                   books[book], pick(r, 100000000, 999999999),
                   pick(r, 100000, 999999));
    }
    if (odd % 6 == 1) {
        write_alt_lines(r, line, out);
    }
    buf_putc(out, '}');
}

static void
write_odd(struct rand *r, int odd, struct buf *out)
{
    const char *stat = stats[odd / 2 / PLAYERS % 5];
    const char *period = periods[odd / 2 / PLAYERS / 5 % 6];
    const char *side = odd % 2 ? "over" : "under";
    int player = odd / 2 % PLAYERS;

    buf_printf(out,
               "%s\"%s-PLAYER_%d_NBA-%s-ou-%s\":{\"oddID\":"
               "\"%s-PLAYER_%d_NBA-%s-ou-%s\",\"opposingOddID\":"
               "\"%s-PLAYER_%d_NBA-%s-ou-%s\",\"marketName\":"
               "\"Player %d Over/Under\",\"statID\":\"%s\","
               "\"statEntityID\":\"PLAYER_%d_NBA\",\"periodID\":\"%s\","
               "\"betTypeID\":\"ou\",\"sideID\":\"%s\",\"playerID\":"
               "\"PLAYER_%d_NBA\"",
               odd ? "," : "", stat, player, period, side, stat, player,
               period, side, stat, player, period, odd % 2 ? "under" : "over",
               player, stat, player, period, side, player);
    buf_puts(out, ",\"started\":true,\"ended\":false,\"cancelled\":false,"
                  "\"bookOddsAvailable\":true,\"fairOddsAvailable\":true,"
                  "\"fairOdds\":");
    write_price(r, out);
    buf_puts(out, ",\"bookOdds\":");
    write_price(r, out);
    buf_printf(out, ",\"fairOverUnder\":\"%d.5\",\"score\":%d.25",
               pick(r, 10, 60), pick(r, 0, 60));
    buf_puts(out, ",\"scoringSupported\":true,\"byBookmaker\":{");
    for (int book = 0; book < BOOKS; book++) {
        write_quote(r, odd, book, out);
    }
    buf_puts(out, "}}");
}

void
odds_event_write(struct rand *r, int odds, struct buf *out)
{
    buf_printf(
        out,
        "{\"eventID\":\"made%d\",\"sportID\":\"BASKETBALL\","
        "\"leagueID\":\"NBA\",\"type\":\"match\",\"teams\":{\"home\":"
        "{\"names\":{\"long\":\"Caf\xC3\xA9 Giants\",\"short\":\"CAF\"},"
        "\"score\":%d},\"away\":{\"names\":{\"long\":"
        "\"The \\\"Dunes\\\"\",\"short\":\"DUN\"},\"score\":%d}},"
        "\"status\":{\"started\":true,\"live\":true,"
        "\"startsAt\":\"2026-01-15T00:30:00.000Z\","
        "\"periods\":{\"started\":[\"1q\",\"2q\"],\"ended\":[\"1q\"]}},"
        "\"players\":{",
        pick(r, 1000, 9999), pick(r, 0, 120), pick(r, 0, 120));
    for (int i = 0; i < PLAYERS; i++) {
        buf_printf(out,
                   "%s\"PLAYER_%d_NBA\":{\"playerID\":\"PLAYER_%d_NBA\","
                   "\"name\":\"Player %d\",\"number\":%d}",
                   i ? "," : "", i, i, i, pick(r, 0, 99));
    }
    buf_puts(out, "},\"odds\":{");
    for (int odd = 0; odd < odds; odd++) {
        write_odd(r, odd, out);
    }
    buf_puts(out, "}}");
}

/* --- touching --------------------------------------------------------- */

struct touch {
    const char *body;
    size_t copied; /* of the body */
    struct rand *r;
    struct buf *out;
};

/* Up to the value; what follows is its replacement. */
static void
replace(struct touch *t, struct value v)
{
    size_t len;

    value_raw(v, &len);
    buf_append(t->out, t->body + t->copied, v.off - t->copied);
    t->copied = v.off + len;
}

static void
touch_quote(struct touch *t, struct value quote, bool stamp_only)
{
    struct value_iter it, lines;
    struct value v, line;
    struct text key;
    bool price = !stamp_only && pick(t->r, 0, 5) == 0;
    bool available = !stamp_only && pick(t->r, 0, 49) == 0;

    value_iter_init(&it, quote);
    while (value_iter_next(&it, &key, &v)) {
        if (text_equal_bytes(key, "lastUpdatedAt", 13)) {
            replace(t, v);
            write_time(t->r, t->out);
        } else if (price && text_equal_bytes(key, "odds", 4)) {
            replace(t, v);
            write_price(t->r, t->out);
        } else if (available && text_equal_bytes(key, "available", 9)) {
            replace(t, v);
            buf_puts(t->out, value_type(v) == VALUE_TRUE ? "false" : "true");
        } else if (text_equal_bytes(key, "altLines", 8)) {
            value_iter_init(&lines, v);
            while (value_iter_next(&lines, NULL, &line)) {
                touch_quote(t, line, true);
            }
        }
    }
}

void
odds_event_touch(struct rand *r, const struct document *event, int per_mille,
                 struct buf *out)
{
    struct touch t = {event->body, 0, r, out};
    struct value_iter odds, quotes;
    struct value odd, by_bookmaker, quote, v;

    if (VALUE_GET(document_root(event), "odds", &v)) {
        value_iter_init(&odds, v);
        while (value_iter_next(&odds, NULL, &odd)) {
            if (!VALUE_GET(odd, "byBookmaker", &by_bookmaker)) {
                continue;
            }
            value_iter_init(&quotes, by_bookmaker);
            while (value_iter_next(&quotes, NULL, &quote)) {
                if (pick(r, 0, 999) < per_mille) {
                    touch_quote(&t, quote, false);
                }
            }
        }
    }
    buf_append(out, t.body + t.copied, event->len - t.copied);
}
