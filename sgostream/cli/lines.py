"""The lines of one game on the board: its sides, their prices by bookmaker."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rich.cells import cell_len, set_cell_size
from rich.color import Color
from rich.style import Style
from rich.text import Text

from .._rich import book_name
from .common import clean
from .markets import Market, best_of, format_line, format_odds, short_age, sides_of

if TYPE_CHECKING:
    from .. import Event, Quote

__all__ = ["Game", "Layout", "fit", "game_lines"]

_FLASH_SECONDS = 2.5  # a moved price fades for so long
_OLD_SECONDS = 120.0  # an age from here on is yellow
_SCORE = 4
_BEST_NAME = 11
_AGE = 5  # with the blank before it
_WIDE = 110  # columns of a terminal where long leagues have room too

_UP = (0, 140, 60)
_DOWN = (190, 30, 45)
_NONE = "grey42"


@dataclass(slots=True)
class _Priced:
    """What one market of one version looks like."""

    event: Event
    market: Market
    sides: tuple[tuple[str, str], ...]
    #: odd_id -> bookmaker_id -> quote
    quotes: dict[str, dict[str, Quote]]
    #: odd_id -> bookmaker_id
    best: dict[str, str | None]


@dataclass(slots=True)
class Game:
    """One game: its newest version, and which prices moved when."""

    event: Event
    #: (odd_id, bookmaker_id) -> when it moved, and whether up
    moved: dict[tuple[str, str], tuple[float, bool]] = field(default_factory=dict)
    sides: dict[str, tuple[tuple[str, str], ...]] = field(default_factory=dict)
    #: How many odds the event had when `sides` was made.
    sides_of: int = -1
    priced: _Priced | None = None

    def find_sides(self, market: Market) -> tuple[tuple[str, str], ...]:
        """The market's sides: ``(side, odd_id)``."""
        count = len(self.event.get("odds") or ())
        if count != self.sides_of:
            self.sides, self.sides_of = {}, count
        if market.name not in self.sides:
            self.sides[market.name] = sides_of(self.event, market)
        return self.sides[market.name]

    def price(self, market: Market) -> _Priced:
        """The market's quotes, read once for each version."""
        held = self.priced
        if held is not None and held.event is self.event and held.market is market:
            return held
        sides = self.find_sides(market)
        quotes: dict[str, dict[str, Quote]] = {odd_id: {} for _, odd_id in sides}
        if quotes:
            for row in self.event.quotes(odd_ids=list(quotes)):
                if row.odd_id in quotes:
                    quotes[row.odd_id][row.bookmaker_id] = row.quote
        best = {odd_id: best_of(found) for odd_id, found in quotes.items()}
        self.priced = _Priced(self.event, market, sides, quotes, best)
        return self.priced


@dataclass(frozen=True, slots=True)
class Layout:
    """Which columns there are, and how wide."""

    market: Market
    odds_format: str
    left: int  # league and state
    team: int
    price: int  # with its line
    room: int  # bookmakers
    books: tuple[str, ...] = ()

    @classmethod
    def of(cls, width: int, market: Market, odds_format: str) -> Layout:
        """That of a terminal so wide."""
        left = 11 if width >= _WIDE else 9
        team = max(10, min(24, width // 7))
        price = 12 if market.has_line else 6
        taken = left + team + _SCORE + 1 + price + 1 + _BEST_NAME + 5 + 1
        room = max(0, (width - taken) // (price + 1 + _AGE))
        return cls(market, odds_format, left, team, price, room)

    def header(self) -> Text:
        """The names of the columns."""
        text = Text(style="bold underline")
        name = self.market.name.upper()
        text.append(f"{'':{self.left}}{name:{self.team}}{'':>{_SCORE}} ")
        text.append(f"{'best':>{self.price}}{'':{_BEST_NAME + 6}}", style="cyan")
        for book in self.books:  # above the prices; a long name takes the ages' room
            shown = book_name(book)
            width = max(self.price + 1, cell_len(clean(shown)))
            cell = self.price + 1 + _AGE
            text.append(fit(fit(shown, min(cell - 1, width), right=True), cell))
        return text

    def price_text(self, quote: Quote, side: str) -> str:
        """A price, after its line where the market has lines."""
        price = format_odds(quote, self.odds_format)
        if not self.market.has_line:
            return price
        return f"{format_line(quote.line, self.market, side):>6} {price:>5}"


def game_lines(
    game: Game, layout: Layout, left: Sequence[tuple[str, str]], now: float
) -> list[Text]:
    """One line for each side of the market, two at least.

    Parameters
    ----------
    game : Game
    layout : Layout
    left : sequence of (str, str)
        What stands left of the lines, and its style.
    now : float
        Of the monotonic clock.
    """
    event = game.event
    priced = game.price(layout.market)
    sides: list[tuple[str, str]] = list(priced.sides) or [("away", ""), ("home", "")]
    if len(sides) == 1:
        sides.append(("", ""))
    out = []
    for at, (side, odd_id) in enumerate(sides):
        name, points = _side(event, side, at, event.score)
        line = Text()
        shown = left[at] if at < len(left) else ("", "")
        line.append(fit(shown[0], layout.left - 1) + " ", style=shown[1])
        style = "bold" if event.is_live else ""
        line.append(fit(name, layout.team - 1) + " ", style=style)
        line.append(f"{points:>{_SCORE}} ", style=style)
        quotes = priced.quotes.get(odd_id, {})
        best = priced.best.get(odd_id)
        _best(line, None if best is None else quotes[best], best, layout, side)
        for book in layout.books:
            moved = game.moved.get((odd_id, book))
            age = None if moved is None else now - moved[0]
            flash = None
            if moved is not None and age is not None and age < _FLASH_SECONDS:
                flash = (1.0 - age / _FLASH_SECONDS, moved[1])
            _cell(line, quotes.get(book), flash, book == best, layout, side)
        out.append(line)
    return out


def _best(
    line: Text, quote: Quote | None, book: str | None, layout: Layout, side: str
) -> None:
    if quote is None or book is None:
        line.append(f"{'-':>{layout.price}}{'':{_BEST_NAME + 6}}", style=_NONE)
        return
    shown = layout.price_text(quote, side)
    line.append(f"{shown:>{layout.price}}", style="bold bright_cyan")
    line.append(f" {fit(book_name(book), _BEST_NAME + 4)} ", style="cyan")


def _cell(
    line: Text,
    quote: Quote | None,
    flash: tuple[float, bool] | None,
    is_best: bool,
    layout: Layout,
    side: str,
) -> None:
    """One bookmaker's price, which way it moved, and how old it is."""
    if quote is None:
        line.append(f"{'·':>{layout.price}}{'':{1 + _AGE}}", style=_NONE)
        return
    shown = layout.price_text(quote, side)
    mark, style = " ", Style.null()
    if quote.available is False:
        style = Style.parse(f"strike {_NONE}")
    elif is_best:
        mark, style = "◆", Style.parse("bold bright_cyan")
    if flash is not None:
        mark = "▲" if flash[1] else "▼"
        style = _flash(*flash) + Style(underline=is_best)
    line.append(" " * max(0, layout.price - len(shown)))
    line.append(shown + mark, style=style)
    stamp = quote.last_updated_at
    age = None if stamp is None else max(0.0, time.time() - stamp.timestamp())
    text = "-" if age is None else short_age(age)
    old = age is not None and age >= _OLD_SECONDS
    line.append(f"{text:>{_AGE - 1}} ", style="yellow" if old else "grey50")


def _flash(strength: float, up: bool) -> Style:
    """Bright when it moved, then fading into the background."""
    if strength < 0.12:
        return Style(bold=True)
    base = _UP if up else _DOWN
    red, green, blue = (int(part * strength) for part in base)
    back = Color.from_rgb(red, green, blue)
    return Style(color="bright_white", bold=True, bgcolor=back)


def fit(text: str, width: int, *, right: bool = False) -> str:
    """Cut or pad to so many columns of the terminal; wide characters take two."""
    text = clean(text)
    size = cell_len(text)
    if size > width:
        return set_cell_size(text, max(0, width - 1)) + "…"
    return " " * (width - size) + text if right else text + " " * (width - size)


def _side(event: Event, side: str, at: int, score: object) -> tuple[str, str]:
    """Name and points of a line: away first, also for over and under."""
    names = {"away": event.away, "home": event.home, "draw": "draw"}
    where = side if side in names else ("away", "home")[min(at, 1)]
    points = getattr(score, where, None)
    name = names.get(where) or (event.title if at == 0 else "")
    return name, "" if points is None else f"{points:g}"
