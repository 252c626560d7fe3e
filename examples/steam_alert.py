"""Steam: several bookmakers move one price the same way within seconds.

Usage: python steam_alert.py [BOOKS [SECONDS]]
BOOKS bookmakers (default 3) within SECONDS (default 30) are steam.
"""

import sys
import time
from typing import NamedTuple

import sgostream


class Steam(NamedTuple):
    """Who moved, and by how much at most, as a change of probability."""

    odd_id: str
    shorter: bool
    bookmaker_ids: tuple[str, ...]
    largest: float


class SteamDetector:
    """Feed it updates; it says where several bookmakers went one way."""

    def __init__(self, books: int = 3, window: float = 30.0) -> None:
        self.books = books
        self.window = window
        # (event, odd, direction) -> bookmaker -> when and how far it moved
        self._moves: dict[tuple[str, str, bool], dict[str, tuple[float, float]]] = {}

    def feed(self, update: sgostream.Update, now: float) -> list[Steam]:
        """Take an update; ``now`` in seconds of any clock that only grows."""
        if update.kind == "removed":
            for key in [k for k in self._moves if k[0] == update.event.event_id]:
                del self._moves[key]
            return []
        touched = set[tuple[str, str, bool]]()
        for change in update.quotes:
            # A new quote or a new line is no move of a price.
            if change.old is None or change.new is None:
                continue
            if not change.new.available or change.old.line != change.new.line:
                continue
            before = change.old.implied_probability
            after = change.new.implied_probability
            if before is None or after is None or before == after:
                continue
            key = (change.event_id, change.odd_id, after > before)
            moves = self._moves.setdefault(key, {})
            moves[change.bookmaker_id] = (now, abs(after - before))
            touched.add(key)
        found: list[Steam] = []
        for key in sorted(touched):
            moves = self._moves[key]
            for book in [b for b, (at, _) in moves.items() if now - at > self.window]:
                del moves[book]
            if len(moves) >= self.books:
                largest = max(size for _, size in moves.values())
                found.append(Steam(key[1], key[2], tuple(sorted(moves)), largest))
                del self._moves[key]
        return found


def main(books: int, window: float) -> None:
    """Follow the games in progress until Ctrl-C."""
    detector = SteamDetector(books, window)
    with sgostream.stream("events:live") as live:
        # initial=False: the prices at the start are no moves.
        for update in live.subscribe(initial=False):
            for steam in detector.feed(update, time.monotonic()):
                print(
                    f"STEAM {update.event.title}: {steam.odd_id} "
                    f"{'shorter' if steam.shorter else 'longer'} at "
                    f"{', '.join(steam.bookmaker_ids)} (up to {steam.largest:.1%})",
                    flush=True,
                )


if __name__ == "__main__":
    try:
        main(
            int(sys.argv[1]) if len(sys.argv) > 1 else 3,
            float(sys.argv[2]) if len(sys.argv) > 2 else 30.0,
        )
    except KeyboardInterrupt:
        pass
