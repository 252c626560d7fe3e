"""A live board of games for the terminal: best prices, moves that flash, ages."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from .._event import Event, Update
    from .._stream import Stream

__all__ = ["Board"]

_FLASH_SECONDS = 1.5  # a moved price is coloured so long, then fades
_PERIODS = ("game", "reg")


@dataclass(slots=True)
class _Cell:
    """One best price: what is shown, and when it moved last."""

    odds: int | None = None
    line: str = ""
    bookmaker_id: str = ""
    moved: float = 0.0
    up: bool = False


@dataclass(slots=True)
class _Row:
    event: Event
    cells: dict[str, _Cell] = field(default_factory=dict)
    updated: float = 0.0
    updates: int = 0


class Board:
    """Games with their best prices; fed with updates, drawn as a rich table.

    Parameters
    ----------
    stream : Stream
        For the headline: state and counters.
    """

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._rows: dict[str, _Row] = {}
        self._updates = 0
        self._quotes = 0
        self._began = time.monotonic()

    @property
    def updates(self) -> int:
        """Updates shown so far."""
        return self._updates

    def feed(self, updates: Iterable[Update]) -> None:
        """Take in updates."""
        now = time.monotonic()
        for update in updates:
            event = update.event
            self._updates += 1
            if update.kind == "removed":
                self._rows.pop(event.event_id, None)
                continue
            row = self._rows.setdefault(event.event_id, _Row(event))
            row.event = event
            row.updated = now
            row.updates += 1
            if update.kind == "changed":
                self._quotes += len(update.quotes)
            self._reprice(row, now)

    def _reprice(self, row: _Row, now: float) -> None:
        odds = row.event.get("odds")
        if not isinstance(odds, Mapping):
            return
        for name, best in _best_prices(odds).items():
            cell = row.cells.setdefault(name, _Cell())
            if (
                cell.odds is not None
                and best.odds is not None
                and cell.odds != best.odds
            ):
                cell.moved = now
                cell.up = best.odds > cell.odds
            cell.odds, cell.line, cell.bookmaker_id = (
                best.odds,
                best.line,
                best.bookmaker_id,
            )

    def render(self, height: int = 40) -> Table:
        """The board as it stands.

        Parameters
        ----------
        height : int
            Lines of the terminal; games that do not fit are counted below.
        """
        now = time.monotonic()
        seconds = max(now - self._began, 0.001)
        stats = self._stream.stats()
        phase = self._stream.phase
        style = "bold green" if phase == "live" else "bold white on red"
        title = Text.assemble(
            ("sgostream ", "bold"),
            (f" {phase} ", style),
            f"  {len(self._rows)} games  {self._updates / seconds:.1f} updates/s  "
            f"{self._quotes:,} quotes moved  {stats.updates_conflated} conflated",
        )
        table = Table(
            title=title, title_justify="left", expand=True, box=None, padding=(0, 1)
        )
        table.add_column("league", style="cyan", no_wrap=True)
        table.add_column("game", no_wrap=True, ratio=2)
        table.add_column("state", no_wrap=True)
        table.add_column("score", justify="right", no_wrap=True)
        for heading in ("away ml", "home ml", "away spread", "total over"):
            table.add_column(heading, justify="right", no_wrap=True)
        table.add_column("age", justify="right", no_wrap=True)
        rows = sorted(
            self._rows.values(),
            key=lambda row: (
                not row.event.is_live,
                str(row.event.starts_at),
                row.event.event_id,
            ),
        )
        room = max(3, height - 4)
        for row in rows[:room]:
            table.add_row(*_line(row, now))
        if len(rows) > room:
            table.caption = f"{len(rows) - room} more"
        return table


def _line(row: _Row, now: float) -> list[Text]:
    event = row.event
    score = event.score
    status = event.status
    shown = status.get("displayShort") or ("live" if event.is_live else "")
    age = now - row.updated
    return [
        Text(event.league_id or ""),
        Text(event.title, style="bold" if event.is_live else ""),
        Text(str(shown)),
        Text("" if score is None else f"{_number(score.away)}-{_number(score.home)}"),
        *(
            _price(row.cells.get(name), now)
            for name in ("ml-away", "ml-home", "sp-away", "ou-over")
        ),
        Text(f"{age:.0f}s", style="dim" if age < 30 else "yellow"),
    ]


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:g}"


def _price(cell: _Cell | None, now: float) -> Text:
    if cell is None or cell.odds is None:
        return Text("-", style="dim")
    text = Text()
    if cell.line:
        text.append(f"{cell.line} ", style="dim")
    style = "bold"
    mark = " "
    if now - cell.moved < _FLASH_SECONDS:
        style = "bold green" if cell.up else "bold red"
        mark = "▲" if cell.up else "▼"
    text.append(f"{cell.odds:+d}{mark}", style=style)
    text.append(f" {cell.bookmaker_id[:10]:10}", style="dim")
    return text


def _best_prices(odds: Mapping[str, Any]) -> dict[str, _Cell]:
    """The best available price for each side of a game's main markets."""
    best: dict[str, _Cell] = {}
    for odd_id, odd in odds.items():
        parts = odd_id.split("-")
        if len(parts) != 5 or parts[0] != "points" or parts[2] not in _PERIODS:
            continue
        _, entity, _, kind, side = parts
        if kind == "ou" and entity != "all":
            continue
        books = odd.get("byBookmaker")
        if isinstance(books, Mapping):
            _take_best(best, f"{kind}-{side}", books)
    return best


def _take_best(best: dict[str, _Cell], name: str, books: Mapping[str, Any]) -> None:
    for bookmaker_id, quote in books.items():
        if not isinstance(quote, Mapping) or quote.get("available") is False:
            continue
        try:
            odds = int(quote["odds"])
        except (KeyError, TypeError, ValueError):
            continue
        cell = best.get(name)
        if cell is None or cell.odds is None or odds > cell.odds:
            line = quote.get("spread") or quote.get("overUnder") or ""
            best[name] = _Cell(odds, str(line), bookmaker_id)
