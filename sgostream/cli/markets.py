"""A game's main markets: which odds are the sides of the winner, spread, total."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .common import clean

if TYPE_CHECKING:
    from .. import Event, Quote

__all__ = ["FORMATS", "MARKETS", "Market", "best_of", "format_odds", "sides_of"]

#: How prices are written.
FORMATS = ("american", "decimal", "implied")


@dataclass(frozen=True, slots=True)
class Market:
    """One market of a game."""

    name: str
    #: betTypeIDs, the preferred one last.
    kinds: tuple[str, ...]
    has_line: bool


MARKETS = (
    Market("moneyline", ("ml3way", "ml"), False),
    Market("spread", ("sp",), True),
    Market("total", ("ou",), True),
)

_PERIODS = {"reg": 0, "game": 1}
_ORDER = {"away": 0, "draw": 1, "home": 2, "over": 0, "under": 1}


def sides_of(event: Event, market: Market) -> tuple[tuple[str, str], ...]:
    """The sides of a market of the whole game: ``(side, odd_id)``, away first.

    The preferred statistic is the one that decides the game: points, where the
    event has them.  Football's winner is taken with the draw.
    """
    found: dict[tuple[str, str, str], dict[str, str]] = {}
    for odd_id in event.get("odds") or ():
        parts = odd_id.split("-")
        if len(parts) != 5 or parts[2] not in _PERIODS or parts[3] not in market.kinds:
            continue
        stat_id, entity, period_id, kind, side = parts
        if side not in _ORDER or (entity not in ("all", side)):
            continue
        found.setdefault((stat_id, period_id, kind), {})[side] = odd_id
    if not found:
        return ()
    draws = event.sport_id == "SOCCER"

    def rank(key: tuple[str, str, str]) -> tuple[int, int, int, int]:
        stat_id, period_id, kind = key
        kind_rank = market.kinds.index(kind)
        return (
            len(found[key]) >= 2,
            stat_id == "points",
            -kind_rank if draws else kind_rank,
            _PERIODS[period_id],
        )

    best = found[max(found, key=rank)]
    return tuple(sorted(best.items(), key=lambda item: _ORDER[item[0]]))


def best_of(quotes: Mapping[str, Quote]) -> str | None:
    """The bookmaker with the best price at the line that most of them offer.

    Prices at different lines do not compare; unavailable ones do not count.
    """
    usable = {
        bookmaker_id: quote
        for bookmaker_id, quote in quotes.items()
        if quote.odds is not None and quote.available is not False
    }
    if not usable:
        return None
    lines = Counter(quote.line for quote in usable.values())
    line = max(lines, key=lambda value: (lines[value], -(value or 0.0)))
    at_line = [b for b, quote in usable.items() if quote.line == line]
    return max(at_line, key=lambda b: usable[b].decimal or 0.0)


def format_odds(quote: Quote, how: str) -> str:
    """A price as text: ``-110``, ``1.91`` or ``52.4%``."""
    if quote.odds is None:
        return clean(quote.text or "?")[:6]
    if how == "decimal":
        return f"{quote.decimal:.2f}" if (quote.decimal or 0) < 100 else (
            f"{quote.decimal:.0f}"
        )  # fmt: skip
    if how == "implied":
        return f"{100 * (quote.implied_probability or 0):.1f}%"
    return f"{quote.odds:+d}"


def format_line(line: float | None, market: Market, side: str) -> str:
    """A line as text: ``-3.5``, ``o47.5``; empty without one."""
    if line is None:
        return ""
    if market.name == "total":
        return f"{side[0]}{line:g}"
    return f"{line:+g}" if line else "pk"


def short_age(seconds: float) -> str:
    """An age in three characters: ``4s``, ``12m``, ``3h``, ``9d``."""
    seconds = max(0.0, seconds)
    if seconds < 100:
        return f"{int(seconds)}s"
    if seconds < 100 * 60:
        return f"{int(seconds / 60)}m"
    if seconds < 100 * 3600:
        return f"{int(seconds / 3600)}h"
    return f"{min(99, int(seconds / 86400))}d"


def by_coverage(books: Iterable[str]) -> list[str]:
    """Bookmakers by how often they occur, then by name."""
    counts = Counter(books)
    return sorted(counts, key=lambda book: (-counts[book], book))
