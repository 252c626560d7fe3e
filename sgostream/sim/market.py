"""Markets of an invented game: sides, lines, probabilities, prices."""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass
from functools import lru_cache

_SQRT2 = math.sqrt(2.0)


def american(probability: float) -> str:
    """American price of a probability, as the API writes it."""
    p = min(max(probability, 0.001), 0.999)
    if p > 0.5:
        value = round(100.0 * p / (1.0 - p))
        return "+100" if value <= 100 else f"-{value}"
    return f"+{max(100, round(100.0 * (1.0 - p) / p))}"


def normal(x: float) -> float:
    """Probability that a standard normal variable is below ``x``."""
    return 0.5 * (1.0 + math.erf(x / _SQRT2))


def half(x: float) -> float:
    """Return the nearest value that ends in .5."""
    return math.floor(x) + 0.5


def spread_text(line: float) -> str:
    """Return a spread as the API writes it: signed."""
    return f"{line + 0.0:+g}"


def share(text: str) -> float:
    """Return a number from 0 to 1 that depends on the text alone."""
    return zlib.crc32(text.encode()) / 0xFFFFFFFF


@dataclass(slots=True)
class Side:
    """One side of a market: an odd."""

    odd_id: str
    opposing_id: str
    entity: str
    side_id: str


@dataclass(slots=True)
class Market:
    """Two odds (or six) that are priced together.

    ``drift`` is what the books believe beyond the model; it wanders.
    """

    kind: str
    stat_id: str
    period_id: str
    entity: str
    title: str
    sides: list[Side]
    alt_lines: int = 0
    player_id: str = ""
    priced: bool = True
    mean: float = 0.0
    line: float | None = None
    open_line: float | None = None
    over: float = 0.5
    draw: float = 0.0
    drift: float = 0.0
    ended: bool = False

    @property
    def line_field(self) -> str:
        """Name of the member that holds the line; empty: none."""
        return {"sp": "spread", "ou": "overUnder"}.get(self.kind, "")

    @property
    def consensus_field(self) -> str:
        """Ending of the consensus members that hold the line."""
        return {"sp": "Spread", "ou": "OverUnder"}.get(self.kind, "")

    def line_text(self, side: Side, line: float | None = None) -> str:
        """Return the line of a side as the API writes it; empty: none."""
        value = self.line if line is None else line
        if value is None:
            return ""
        if self.kind == "sp":
            return spread_text(value if side.side_id == "home" else -value)
        return f"{value:g}"

    def probability(self, side: Side, shift: float = 0.0) -> float:
        """Probability of a side; ``shift`` moves the line by so much."""
        name = side.side_id
        if self.kind == "ml3way":
            win = self.over * (1.0 - self.draw)
            p = {
                "home": win,
                "draw": self.draw,
                "away": 1.0 - win - self.draw,
                "home+draw": win + self.draw,
                "away+draw": 1.0 - win,
                "not_draw": 1.0 - self.draw,
            }[name]
        else:
            first = name in ("home", "over", "yes", "even")
            over = self.over + self.drift
            if shift:
                sign = 1.0 if self.kind == "sp" else -1.0
                over += sign * 0.045 * shift
            p = over if first else 1.0 - over
        return min(max(p, 0.01), 0.99)


@lru_cache(maxsize=1024)
def book_prices(book: str) -> tuple[float, float]:
    """Margin of a bookmaker on each side, and its lean."""
    return 0.016 + 0.02 * share(book), (share(book + "/lean") - 0.5) * 0.02


def open_price(odd_id: str, book: str) -> str:
    """Return the price with which a bookmaker opened; depends on the names alone."""
    return american(0.35 + 0.3 * share(f"{odd_id}/{book}"))


def two_sides(
    kind: str, stat_id: str, period_id: str, entity: str, title: str
) -> Market:
    """Return a market of two opposing odds."""
    names = {
        "ml": ("home", "away"),
        "sp": ("home", "away"),
        "ou": ("over", "under"),
        "yn": ("yes", "no"),
        "eo": ("even", "odd"),
    }[kind]
    ids = []
    for name in names:
        whose = name if kind in ("ml", "sp") else entity
        ids.append((whose, f"{stat_id}-{whose}-{period_id}-{kind}-{name}"))
    sides = [
        Side(ids[0][1], ids[1][1], ids[0][0], names[0]),
        Side(ids[1][1], ids[0][1], ids[1][0], names[1]),
    ]
    return Market(kind, stat_id, period_id, entity, title, sides)


def three_way(stat_id: str, period_id: str, title: str) -> Market:
    """Return the six odds of a market with a draw."""
    pairs = (
        (("home", "home"), ("away", "away+draw")),
        (("all", "draw"), ("all", "not_draw")),
        (("away", "away"), ("home", "home+draw")),
    )

    def odd_id(entity: str, side: str) -> str:
        return f"{stat_id}-{entity}-{period_id}-ml3way-{side}"

    sides = []
    for one, other in pairs:
        sides.append(Side(odd_id(*one), odd_id(*other), *one))
        sides.append(Side(odd_id(*other), odd_id(*one), *other))
    return Market("ml3way", stat_id, period_id, "all", title, sides)
