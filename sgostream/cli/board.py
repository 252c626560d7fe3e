"""A live board of games for the terminal: prices by bookmaker that flash and fade.

It is fed with updates and drawn as lines of text; it reads no keyboard and
writes nothing itself, so that a test or a picture needs no terminal.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.text import Text

from .common import clean, progress_line, streams_of
from .lines import Game, Layout, game_lines
from .markets import FORMATS, MARKETS, Market, by_coverage, short_age

if TYPE_CHECKING:
    from .. import Client, Event, Stream, Update

__all__ = ["Board"]

_RATE_SECONDS = 10.0  # updates per second are those of the last so many
_MESSAGE_SECONDS = 15.0
_STALE_EVENT_SECONDS = 15.0  # an event not proven for so long is marked


_HELP = (
    ("s", "sport"),
    ("m", "market"),
    ("o", "odds"),
    ("↑↓", "games"),
    ("←→", "books"),
    ("space", "pause"),
    ("q", "quit"),
)


class Board:
    """Games with their prices by bookmaker.

    Parameters
    ----------
    client : Client
    streams : sequence of Stream
        Whose state and counters the headline tells.
    bookmaker_ids : sequence of str
        Columns in this order; without any, those with most prices first.
    market, odds_format, sport : str
        What is shown first.
    """

    def __init__(
        self,
        client: Client,
        streams: Sequence[Stream],
        *,
        bookmaker_ids: Sequence[str] = (),
        market: str = "moneyline",
        odds_format: str = "american",
        sport: str = "",
    ) -> None:
        self.paused = False
        #: Updates taken so far.
        self.updates = 0
        self._client = client
        self._streams = list(streams)
        self._names = streams_of(streams)
        self._games: dict[str, Game] = {}
        self._moves = 0
        self._message = (float("-inf"), "")
        self._recent: deque[tuple[float, int]] = deque()
        self._began = time.monotonic()
        self._was_live = False
        self._market = next((n for n, m in enumerate(MARKETS) if m.name == market), 0)
        self._format = FORMATS.index(odds_format) if odds_format in FORMATS else 0
        self._sport = sport.upper()
        self._books: list[str] = list(bookmaker_ids)
        self._books_fixed = bool(bookmaker_ids)
        self._books_market: Market | None = None
        self._first_game = 0
        self._first_book = 0
        self._page = 5

    # -- what comes -----------------------------------------------------------

    @property
    def market(self) -> str:
        """Name of the market that is shown."""
        return MARKETS[self._market].name

    @property
    def odds_format(self) -> str:
        """How prices are written."""
        return FORMATS[self._format]

    @property
    def sport(self) -> str:
        """The sport that is shown; empty: all."""
        return self._sport

    def feed(self, updates: Iterable[Update]) -> None:
        """Take in updates."""
        now = time.monotonic()
        count = 0
        for update in updates:
            count += 1
            event = update.event
            if update.kind == "removed":
                self._games.pop(event.event_id, None)
                continue
            game = self._games.get(event.event_id)
            if game is None:
                game = self._games[event.event_id] = Game(event)
            game.event = event
            if update.kind == "changed":
                self._note_moves(game, update, now)
        if count:
            self.updates += count
            self._recent.append((now, count))

    def _note_moves(self, game: Game, update: Update, now: float) -> None:
        shown = {odd_id for m in MARKETS for _, odd_id in game.find_sides(m)}
        moves = update.quotes
        self._moves += len(moves)
        for change in moves:
            if change.odd_id not in shown or change.is_alt_line:
                continue
            old, new = change.old, change.new
            if old is None or new is None or new.decimal is None:
                continue
            if old.decimal is None or (old.odds, old.line) == (new.odds, new.line):
                continue
            up = new.decimal > old.decimal or (
                new.decimal == old.decimal and (new.line or 0) > (old.line or 0)
            )
            game.moved[change.odd_id, change.bookmaker_id] = (now, up)

    def tell(self, text: str) -> None:
        """Show a message, as of an error that mends itself, for a while.

        May be called from any thread.
        """
        self._message = (time.monotonic(), clean(text))

    def _told(self, now: float) -> Text | None:
        if now - self._message[0] > _MESSAGE_SECONDS:
            return None
        return Text(f" {self._message[1]}", style="yellow")

    # -- keys -----------------------------------------------------------------

    def press(self, key: str) -> bool:
        """Obey a key; False when it ends the board."""
        if key in ("q", "Q", "escape"):
            return False
        if key in ("m", "M"):
            self._market = _turn(self._market, len(MARKETS), key == "m")
            self._first_book = 0
        elif key in ("1", "2", "3"):
            self._market = int(key) - 1
            self._first_book = 0
        elif key in ("o", "O"):
            self._format = _turn(self._format, len(FORMATS), key == "o")
        elif key in ("s", "S"):
            sports = ["", *self._sports()]
            at = sports.index(self._sport) if self._sport in sports else 0
            self._sport = sports[_turn(at, len(sports), key == "s")]
            self._first_game = self._first_book = 0
            self._books_market = None
        elif key == "space":
            self.paused = not self.paused
        else:
            self._scroll(key)
        return True

    def _scroll(self, key: str) -> None:
        step = {
            "up": -1, "k": -1, "down": 1, "j": 1,
            "page up": -self._page, "page down": self._page,
            "home": -(10**6), "end": 10**6,
        }.get(key, 0)  # fmt: skip
        self._first_game = max(0, self._first_game + step)
        across = {"left": -1, "h": -1, "right": 1, "l": 1}.get(key, 0)
        self._first_book = max(0, self._first_book + across)

    def _sports(self) -> list[str]:
        return sorted({g.event.sport_id or "" for g in self._games.values()} - {""})

    # -- drawing --------------------------------------------------------------

    def render(self, width: int = 120, height: int = 40) -> RenderableType:
        """The board as it stands, exactly ``height`` lines or fewer.

        Parameters
        ----------
        width, height : int
            Columns and lines of the terminal.
        """
        now = time.monotonic()
        market = MARKETS[self._market]
        games = self._shown_games()
        stale = self._stale()
        lines = [self._headline(now, len(games), width)]
        if stale is not None:
            lines.append(stale)
        layout = Layout.of(width, market, self.odds_format)
        self._order_books(games, market)
        most = max(0, len(self._books) - layout.room)
        self._first_book = min(self._first_book, most)
        books = self._books[self._first_book : self._first_book + layout.room]
        layout = replace(layout, books=tuple(books))
        lines.append(layout.header())
        body = height - len(lines) - 2
        fitting = self._take_fitting(games, market, body)
        for game in fitting:
            lines += game_lines(game, layout, self._left(game.event), now)
        if not games:
            lines.append(self._nothing_yet(now))
        lines += [Text("")] * (height - 1 - len(lines))
        told = self._told(now)
        if told is not None and len(lines) > 2:
            lines[height - 2] = told
        lines.append(self._footer(games, fitting, books))
        for line in lines:
            line.no_wrap, line.overflow = True, "crop"
            line.truncate(width)
        return Group(*lines[:height])

    def _shown_games(self) -> list[Game]:
        games = [
            game
            for game in self._games.values()
            if not self._sport or (game.event.sport_id or "").upper() == self._sport
        ]
        games.sort(
            key=lambda game: (
                not game.event.is_live,
                str(game.event.starts_at),
                game.event.event_id,
            )
        )
        return games

    def _take_fitting(self, games: list[Game], market: Market, room: int) -> list[Game]:
        """The games from the first one shown that have room."""
        each = 3 if market.kinds[-1] == "ml" else 2
        most = max(1, room // each)
        self._page = max(1, most - 1)
        self._first_game = max(0, min(self._first_game, len(games) - most))
        out: list[Game] = []
        for game in games[self._first_game :]:
            room -= max(2, len(game.find_sides(market)))
            if room < 0:
                break
            out.append(game)
        return out

    def _order_books(self, games: list[Game], market: Market) -> None:
        """Columns stay where they are until the market or the sport changes."""
        if self._books_fixed:
            return
        seen = [
            book
            for game in games
            for found in game.price(market).quotes.values()
            for book in found
        ]
        if self._books_market is not market:
            self._books = by_coverage(seen)
            self._books_market = market if self._is_live() else None
            return
        known = set(self._books)
        self._books += [book for book in by_coverage(seen) if book not in known]

    def _is_live(self) -> bool:
        live = all(stream.phase == "live" for stream in self._streams)
        self._was_live = self._was_live or live
        return live

    def _stale(self) -> Text | None:
        """The banner: what is shown may be old; None while all is well."""
        if self._is_live() or not self._was_live:
            return None
        stream = next((s for s in self._streams if s.phase != "live"), None)
        if stream is None:  # live again this very moment
            return None
        age = stream.staleness()
        since = "" if age.seconds == float("inf") else f" for {age.seconds:.0f} s"
        text = Text(
            f" STALE{since}: {stream.connection}, {stream.phase}. "
            f"Prices may be old; last proof: {age.reason} ",
            style="bold bright_white on #a8141e",
        )
        text.pad_right(500)
        return text

    def _headline(self, now: float, games: int, width: int) -> Text:
        live = self._is_live()
        if self.paused:
            state = (" PAUSED ", "bold black on yellow")
        elif live and any(s.connection == "polling" for s in self._streams):
            state = (" POLLING ", "bold black on yellow")  # current, but not at once
        elif live:
            state = (" LIVE ", "bold bright_white on #0a6b2d")
        elif self._was_live:
            state = (" STALE ", "bold bright_white on #a8141e")
        else:
            phase = next((s.phase for s in self._streams if s.phase != "live"), "live")
            state = (f" {phase} ", "bold black on yellow")
        while self._recent and now - self._recent[0][0] > _RATE_SECONDS:
            self._recent.popleft()
        span = min(_RATE_SECONDS, max(0.5, now - self._began))
        rate = sum(count for _, count in self._recent) / span
        stats = self._client.stats()
        parts = [
            f"{games} games",
            f"{rate:.1f} updates/s",
            f"{self._moves:,} prices moved",
            f"{stats.request_bytes_received / 1e6:,.0f} MB read",
        ]
        head = Text.assemble(
            ("sgostream ", "bold"), state, ("  " + self._names, "cyan"), "  "
        )
        head.append("  ".join(parts), style="dim")
        return head

    def _nothing_yet(self, now: float) -> Text:
        if self._games:
            return Text("  no games of this sport", style="dim")
        if self._is_live():
            return Text(
                "  no games in this feed now: it fills by itself as they start",
                style="dim",
            )
        line = progress_line(self._client, self._streams, now - self._began)
        return Text(f"  {line}", style="yellow")

    def _footer(self, games: list[Game], fitting: list[Game], books: list[str]) -> Text:
        first, last = self._first_game, self._first_game + len(fitting)
        left, right = self._first_book, self._first_book + len(books)
        values = {
            "sport": self._sport or "all",
            "market": self.market,
            "odds": self.odds_format,
            "games": f"{first + bool(fitting)}-{last}/{len(games)}",
            "books": f"{left + bool(books)}-{right}/{len(self._books)}",
        }
        text = Text()
        for key, what in _HELP:
            text.append(f" {key} ", style="reverse")
            text.append(f" {what}", style="dim")
            if what in values:
                text.append(f" {values[what]}", style="bold")
            text.append("  ")
        return text

    # -- one game -------------------------------------------------------------

    def _left(self, event: Event) -> list[tuple[str, str]]:
        status = event.status
        short = status.get("displayShort") or ("live" if event.is_live else "")
        state = str(short)
        if status.get("inBreak") is True:
            state += " brk"
        league = (event.league_id or "", "cyan")
        mark = self._event_age(event.event_id)
        if mark is not None:
            league = (f"{league[0]} {mark}", "bold yellow")
        return [league, (state, "green" if event.is_live else "dim")]

    def _event_age(self, event_id: str) -> str | None:
        """The age of an event that nothing has proven for a while."""
        if not self._is_live():
            return None  # the banner says it of all
        best: float | None = None
        for stream in self._streams:
            if stream.connection == "polling":
                return None  # old by design; the interval is known
            try:
                seconds = stream.staleness(event_id).seconds
            except KeyError:
                continue
            best = seconds if best is None else min(best, seconds)
        if best is None or best < _STALE_EVENT_SECONDS:
            return None
        return "!" + ("old" if best == float("inf") else short_age(best))


def _turn(at: int, count: int, forward: bool) -> int:
    return (at + (1 if forward else -1)) % count
