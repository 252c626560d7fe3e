"""What a chart shows: the prices of one odd over time, for each bookmaker.

Knows nothing of notebooks.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .._rich import book_name, odd_label

if TYPE_CHECKING:
    from .._event import Event, Update

__all__ = ["Points", "Series"]

#: ``(epoch seconds, American odds, line)``; no odds: not offered from there on.
Point = tuple[float, int | None, float | None]


@dataclass(slots=True)
class Series:
    """One bookmaker's prices."""

    book: str
    points: list[Point] = field(default_factory=list)


class Points:
    """Prices of one odd, with what was added since the last frame.

    Parameters
    ----------
    odd_id : str
        Exact.
    bookmaker_ids : sequence of str
        Which, in this order; empty: as they come.
    max_points : int
        For each bookmaker; the oldest go first.
    max_bookmakers : int
    clock : callable
        Epoch seconds.
    """

    def __init__(
        self,
        odd_id: str,
        bookmaker_ids: Sequence[str] = (),
        *,
        max_points: int = 5000,
        max_bookmakers: int = 12,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.odd_id = odd_id
        self.title = odd_id
        self.updates = 0
        self.moves = 0
        self.series: list[Series] = [Series(book) for book in bookmaker_ids]
        self._fixed = bool(bookmaker_ids)
        self._columns = {one.book: i for i, one in enumerate(self.series)}
        self.max_points = max_points
        self._max_books = max_bookmakers
        self._left_out: set[str] = set()
        self._clock = clock
        self._told_title = ""
        self._told_books = 0
        self._new: list[Any] = []

    def take(self, updates: Iterable[Update]) -> None:
        """Take in updates of the odd's event, oldest first."""
        for update in updates:
            self.updates += 1
            event = update.event
            applied = update.times.applied
            at = self._clock() if applied is None else applied / 1e9
            self._read(event, at, gone=update.kind == "removed")

    def _read(self, event: Event, at: float, *, gone: bool) -> None:
        if not gone:
            self.title = f"{event.title}: {odd_label(event, self.odd_id)}"
        seen = set()
        for _, book, _, quote in [] if gone else event.quote_rows([self.odd_id]):
            column = self._column(book)
            if column < 0:
                continue
            seen.add(column)
            odds = None if quote.available is False else quote.odds
            self._add(column, at, odds, quote.line)
        for column in range(len(self.series)):
            if column not in seen:
                self._add(column, at, None, None)

    def _column(self, book: str) -> int:
        column = self._columns.get(book, -1)
        if column >= 0 or self._fixed or book == "unknown":
            return column
        if len(self.series) >= self._max_books:
            self._left_out.add(book)
            return -1
        self._columns[book] = len(self.series)
        self.series.append(Series(book))
        return self._columns[book]

    def _add(
        self, column: int, at: float, odds: int | None, line: float | None
    ) -> None:
        points = self.series[column].points
        if points:
            if points[-1][1:] == (odds, line):
                return
            at = max(at, points[-1][0])
            self.moves += 1
        elif odds is None:
            return
        point = (round(at, 3), odds, line)
        points.append(point)
        if len(points) > self.max_points:
            del points[0]
        self._new += (column, *point)

    @property
    def has_news(self) -> bool:
        """Whether anything was added since the last frame."""
        return bool(self._new) or self.title != self._told_title

    @property
    def left_out(self) -> str:
        """What did not fit, in words; empty: everything fits."""
        return f"{len(self._left_out)} bookmakers" if self._left_out else ""

    def full(self) -> dict[str, Any]:
        """Everything; forgets what was added before."""
        flat: list[Any] = []
        for column, one in enumerate(self.series):
            for point in one.points:
                flat += (column, *point)
        self._new = []
        return {**self._heads(), "points": flat}

    def patch(self) -> dict[str, Any]:
        """What was added since ``full()`` or ``patch()``.

        ``points`` are flat: column, time, odds, line, over and over.
        """
        out = {"points": self._new} if self._new else {}
        self._new = []
        if len(self.series) != self._told_books or self.title != self._told_title:
            out.update(self._heads())
        return out

    def _heads(self) -> dict[str, Any]:
        self._told_books, self._told_title = len(self.series), self.title
        return {
            "title": self.title,
            "books": [[one.book, book_name(one.book)] for one in self.series],
        }
