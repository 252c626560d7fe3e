"""The best price of every side across bookmakers, told whenever it changes.

Usage: python best_price.py [PATTERN]
PATTERN chooses odds; default the moneylines of whole games: *-game-ml-*
"""

import sys

import sgostream


class BestPrices:
    """The best available price of each odd, kept from updates alone."""

    def __init__(self) -> None:
        self._prices: dict[tuple[str, str], dict[str, sgostream.Quote]] = {}
        self._best: dict[tuple[str, str], tuple[str, int | None]] = {}

    def feed(self, update: sgostream.Update) -> list[tuple[str, str, sgostream.Quote]]:
        """Take an update; ``(odd_id, bookmaker_id, quote)`` of each new best."""
        touched = set[tuple[str, str]]()
        for change in update.quotes:
            key = (change.event_id, change.odd_id)
            quotes = self._prices.setdefault(key, {})
            if change.new is None:
                quotes.pop(change.bookmaker_id, None)
            else:
                quotes[change.bookmaker_id] = change.new
            touched.add(key)
        told: list[tuple[str, str, sgostream.Quote]] = []
        for key in touched:
            found = best(self._prices[key])
            now = ("", None) if found is None else (found[0], found[1].odds)
            if now != self._best.get(key, ("", None)):
                self._best[key] = now
                if found is not None:
                    told.append((key[1], *found))
        return sorted(told, key=lambda row: row[:2])


def best(quotes: dict[str, sgostream.Quote]) -> tuple[str, sgostream.Quote] | None:
    """The bookmaker with the highest price that can be bet on now."""
    offers = [
        (quote.decimal, book, quote)
        for book, quote in quotes.items()
        if quote.available and quote.decimal is not None
    ]
    if not offers:
        return None
    _, book, quote = max(offers, key=lambda offer: offer[:2])
    return book, quote


def main(pattern: str) -> None:
    """Follow the games in progress until Ctrl-C."""
    prices = BestPrices()
    with sgostream.stream("events:live") as live:
        for update in live.subscribe(odd_ids=[pattern]):
            for odd_id, book, quote in prices.feed(update):
                print(
                    f"{update.event.title}: {odd_id} {quote.text} at {book}", flush=True
                )


if __name__ == "__main__":
    try:
        main(sys.argv[1] if len(sys.argv) > 1 else "*-game-ml-*")
    except KeyboardInterrupt:
        pass
