"""What a board shows: games, rows (odds) and cells (a bookmaker's quote).

Knows nothing of notebooks.  It is fed with updates and says what differs since
it was asked last, as small lists that go to the browser as they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .._rich import (
    MAIN_ODDS,
    book_name,
    line_text,
    main_line,
    odd_label,
    points,
    state_text,
)

if TYPE_CHECKING:
    from .._core import Quote
    from .._event import Event, Update

__all__ = ["Cell", "Game", "Row", "Table", "decimal"]

#: ``[odds, line, available, last updated (epoch seconds)]``
Cell = tuple[int | None, float | None, bool, int]

#: Ids of bookmakers at which nobody can bet.
_NO_BOOKS = frozenset(("unknown",))


@dataclass(slots=True)
class Row:
    """One odd of one game."""

    id: int
    game: int
    odd_id: str
    label: str
    order: int
    bet_type: str
    cells: dict[int, Cell] = field(default_factory=dict)
    #: Column of the best price, -1: none; the line that it is for.
    best: int = -1
    line: float | None = None

    def judge(self) -> bool:
        """Find the best price anew; tell whether it or the line changed.

        Only prices on the line that most bookmakers offer are compared.
        """
        offered = {
            column: cell
            for column, cell in self.cells.items()
            if cell[0] is not None and cell[2]
        }
        line = main_line(cell[1] for cell in offered.values())
        best, top = -1, 0.0
        for column, cell in offered.items():
            assert cell[0] is not None
            price = decimal(cell[0])
            if cell[1] == line and price > top:
                best, top = column, price
        changed = (best, line) != (self.best, self.line)
        self.best, self.line = best, line
        return changed


@dataclass(slots=True)
class Game:
    """One event: what its rows have in common."""

    id: int
    event_id: str
    shown: tuple[Any, ...] = ()
    rows: dict[str, Row] = field(default_factory=dict)


def decimal(odds: int) -> float:
    """The decimal price of American odds."""
    if odds == 0:
        return 1.0
    return 1.0 + (odds / 100.0 if odds > 0 else -100.0 / odds)


class Table:
    """Rows and cells with what changed since the last frame.

    Parameters
    ----------
    odd_ids : sequence of str
        Patterns; empty: the main odds of a game.
    bookmaker_ids : sequence of str
        Which, in this order; empty: as they come.
    max_rows, max_bookmakers : int
        What does not fit is counted, not shown.
    """

    def __init__(
        self,
        odd_ids: Sequence[str] = (),
        bookmaker_ids: Sequence[str] = (),
        *,
        max_rows: int = 300,
        max_bookmakers: int = 12,
    ) -> None:
        self.odd_ids = tuple(odd_ids) or MAIN_ODDS
        self._order = {odd_id: i for i, odd_id in enumerate(self.odd_ids)}
        self._fixed = bool(bookmaker_ids)
        self.books: list[str] = list(dict.fromkeys(bookmaker_ids))[:max_bookmakers]
        self._columns = {book: i for i, book in enumerate(self.books)}
        self._max_rows = max_rows
        self._max_books = max_bookmakers
        self._books_left_out: set[str] = set()
        self.games: dict[str, Game] = {}
        self._waiting: dict[str, Event] = {}  # games for which there was no room
        self.row_count = 0
        self.updates = 0
        self.moves = 0
        self._serial = 0
        self._clear()

    def _clear(self) -> None:
        self._new_books = False
        self._changed_games: dict[int, Game] = {}
        self._lost: list[int] = []  # games
        self._gone: list[int] = []  # rows
        self._new_rows: dict[int, Row] = {}
        self._changed_cells: dict[tuple[int, int], Row] = {}
        self._marks: dict[int, Row] = {}

    # -- what it is given -----------------------------------------------------

    def take(self, updates: Iterable[Update]) -> None:
        """Take in updates of one subscription, oldest first."""
        batch = list(updates)
        self.updates += len(batch)
        # Where room is short, games in progress and early ones come first.
        batch.sort(key=lambda u: _rank(u.event) if u.kind == "added" else (False, 0.0))
        for update in batch:
            event = update.event
            if update.kind == "removed":
                self._remove(event.event_id)
            else:
                self._show(event)

    def _remove(self, event_id: str) -> None:
        self._waiting.pop(event_id, None)
        game = self.games.pop(event_id, None)
        if game is None:
            return
        self._changed_games.pop(game.id, None)
        self._lost.append(game.id)
        for row in game.rows.values():
            self._drop(row)
        waiting, self._waiting = self._waiting, {}
        for event in sorted(waiting.values(), key=_rank):
            self._show(event)

    def _drop(self, row: Row) -> None:
        self.row_count -= 1
        if self._new_rows.pop(row.id, None) is None:
            self._gone.append(row.id)
        self._marks.pop(row.id, None)
        for key in [key for key in self._changed_cells if key[0] == row.id]:
            del self._changed_cells[key]

    def _show(self, event: Event) -> None:
        event_id = event.event_id
        quotes = event.quote_rows(self.odd_ids, self.books if self._fixed else None)
        odds: dict[str, dict[int, Cell]] = {}
        for odd_id, book, _, quote in quotes:
            column = self._column(book)
            if column >= 0:
                odds.setdefault(odd_id, {})[column] = _cell(quote)
        game = self.games.get(event_id)
        if game is None:
            if self.row_count + len(odds) > self._max_rows:
                self._waiting[event_id] = event
                return
            self._serial += 1
            game = self.games[event_id] = Game(self._serial, event_id)
            self._waiting.pop(event_id, None)
        shown = _about(event)
        if shown != game.shown:
            game.shown = shown
            self._changed_games[game.id] = game
        for odd_id in [odd_id for odd_id in game.rows if odd_id not in odds]:
            self._drop(game.rows.pop(odd_id))
        for odd_id, cells in odds.items():
            row = game.rows.get(odd_id)
            if row is not None:
                self._change(row, cells)
            elif self.row_count < self._max_rows:
                self._add(game, event, odd_id, cells)

    def _column(self, book: str) -> int:
        column = self._columns.get(book)
        if column is not None:
            return column
        if self._fixed or book in _NO_BOOKS:
            return -1
        if len(self.books) >= self._max_books:
            self._books_left_out.add(book)
            return -1
        self._columns[book] = len(self.books)
        self.books.append(book)
        self._new_books = True
        return self._columns[book]

    def _add(
        self, game: Game, event: Event, odd_id: str, cells: dict[int, Cell]
    ) -> None:
        self._serial += 1
        self.row_count += 1
        row = Row(
            self._serial,
            game.id,
            odd_id,
            odd_label(event, odd_id),
            self._order.get(odd_id, len(self._order)),
            (odd_id.split("-") + [""] * 4)[3],
            cells,
        )
        row.judge()
        game.rows[odd_id] = row
        self._new_rows[row.id] = row

    def _change(self, row: Row, cells: dict[int, Cell]) -> None:
        changed = [
            column
            for column in cells.keys() | row.cells.keys()
            # A cell keeps the stamp of its last move: how long the price stands.
            if (cells.get(column) or ())[:3] != (row.cells.get(column) or ())[:3]
        ]
        if not changed:
            return
        for column in changed:
            if column in cells:
                row.cells[column] = cells[column]
            else:
                del row.cells[column]
        self.moves += len(changed)
        if row.id in self._new_rows:
            row.judge()
            return
        for column in changed:
            self._changed_cells[row.id, column] = row
        if row.judge():
            self._marks[row.id] = row

    # -- what it tells --------------------------------------------------------

    @property
    def has_news(self) -> bool:
        """Whether anything changed since the last frame."""
        return bool(
            self._new_books
            or self._changed_games
            or self._lost
            or self._gone
            or self._new_rows
            or self._changed_cells
            or self._marks
        )

    @property
    def left_out(self) -> str:
        """What did not fit, in words; empty: everything fits."""
        parts = []
        if self._waiting:
            parts.append(f"{len(self._waiting)} games")
        if self._books_left_out:
            parts.append(f"{len(self._books_left_out)} bookmakers")
        return " and ".join(parts)

    def full(self) -> dict[str, Any]:
        """The whole table; forgets what changed before."""
        self._clear()
        games = self.games.values()
        return {
            "books": [[book, book_name(book)] for book in self.books],
            "games": [_game_out(game) for game in games],
            "rows": [_row_out(row) for game in games for row in game.rows.values()],
        }

    def patch(self) -> dict[str, Any]:
        """What changed since ``full()`` or ``patch()``; empty members left out.

        ``cells`` are flat: row, column, then a cell or None, over and over.
        """
        out: dict[str, Any] = {}
        if self._new_books:
            out["books"] = [[book, book_name(book)] for book in self.books]
        if self._changed_games:
            out["games"] = [_game_out(game) for game in self._changed_games.values()]
        if self._lost:
            out["lost"] = self._lost
        if self._gone:
            out["gone"] = self._gone
        if self._new_rows:
            out["rows"] = [_row_out(row) for row in self._new_rows.values()]
        if self._changed_cells:
            flat: list[Any] = []
            for (row_id, column), row in self._changed_cells.items():
                flat += (row_id, column, row.cells.get(column))
            out["cells"] = flat
        if self._marks:
            out["marks"] = [
                value
                for row in self._marks.values()
                for value in (row.id, row.best, line_text(row.line, row.bet_type))
            ]
        self._clear()
        return out

    def ordered(self) -> list[tuple[Game, Row]]:
        """All rows as a board shows them at first."""
        games = sorted(
            self.games.values(), key=lambda game: (not game.shown[4], *game.shown[5:])
        )
        return [
            (game, row)
            for game in games
            for row in sorted(game.rows.values(), key=lambda row: row.order)
        ]


def _rank(event: Event) -> tuple[bool, float]:
    return (not event.is_live, _start(event))


def _start(event: Event) -> float:
    starts = event.starts_at
    return 0.0 if starts is None else starts.timestamp()


def _about(event: Event) -> tuple[Any, ...]:
    """League, title, state, score, whether in progress, start, id."""
    score = event.score
    state = state_text(event) or ("live" if event.is_live else "")
    shown = "" if score is None else f"{points(score.away)}-{points(score.home)}"
    return (
        event.league_id or "",
        event.title,
        state,
        shown,
        event.is_live,
        _start(event),
        event.event_id,
    )


def _cell(quote: Quote) -> Cell:
    stamp = quote.last_updated_at
    return (
        quote.odds,
        quote.line,
        quote.available is not False,
        0 if stamp is None else int(stamp.timestamp()),
    )


def _game_out(game: Game) -> list[Any]:
    return [game.id, *game.shown]


def _row_out(row: Row) -> list[Any]:
    cells = [value for column, cell in row.cells.items() for value in (column, cell)]
    return [
        row.id,
        row.game,
        row.odd_id,
        row.label,
        row.order,
        row.bet_type,
        row.best,
        line_text(row.line, row.bet_type),
        cells,
    ]
