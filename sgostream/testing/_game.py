"""One scripted game of an :class:`OddsServer`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from ._making import (
    Price,
    PriceAndLine,
    line_text,
    make_odd,
    make_quote,
    now_stamp,
    price_text,
    split_odd_id,
    started_status,
)

if TYPE_CHECKING:
    from ._server import OddsServer

__all__ = ["Game"]

_Values = dict[tuple[str | int, ...], Any]


class Game:
    """One event on the server; each method is one change of it.

    Made by :meth:`OddsServer.add_event`.  A method returns once the clients
    that follow the event hold its new version; what a strategy does with it is
    waited for with :meth:`OddsServer.wait_until` or ``subscription.get()``.
    Clients that poll are not waited for.
    """

    def __init__(self, server: OddsServer, event_id: str, league_id: str) -> None:
        self._server = server
        self._event_id = event_id
        self._league_id = league_id

    @property
    def event_id(self) -> str:
        """Its ``eventID``."""
        return self._event_id

    @property
    def data(self) -> dict[str, Any]:
        """The event as the API would answer it now; a copy."""
        found = json.loads(self._server.simulator.event_json(self._event_id))
        assert isinstance(found, dict)
        return found

    # -- odds -----------------------------------------------------------------

    def move(
        self,
        odd_id: str,
        bookmaker_id: str,
        odds: Price | None = None,
        *,
        line: float | None = None,
    ) -> None:
        """Move a price, a line, or both, of one bookmaker's quote.

        A quote that is not there yet is added; it needs ``odds``.

        Parameters
        ----------
        odd_id : str
            Like ``points-home-game-ml-home``.
        bookmaker_id : str
            Like ``draftkings``.
        odds : int or str, optional
            American odds.  A string is sent as it stands.
        line : float, optional
            The spread or the total.

        Raises
        ------
        KeyError
            The event has no such odd: see :meth:`add_odd`.
        """
        if odds is None and line is None:
            raise TypeError("move: give odds=, line= or both")
        odd = self._odd(odd_id)
        base = ("odds", odd_id, "byBookmaker", bookmaker_id)
        held = odd.get("byBookmaker", {}).get(bookmaker_id)
        if held is None:
            if odds is None:
                raise TypeError(f"move: {bookmaker_id} has no quote yet; give odds=")
            what: PriceAndLine = odds if line is None else (odds, line)
            self._write({base: make_quote(odd_id, what)})
            return
        values: _Values = {(*base, "lastUpdatedAt"): now_stamp()}
        if odds is not None:
            values[(*base, "odds")] = price_text(odds)
        if line is not None:
            bet_type = split_odd_id(odd_id)[3]
            name = {"sp": "spread", "ou": "overUnder"}.get(bet_type)
            if name is None:
                raise ValueError(f"move: {odd_id} is no spread and no total")
            values[(*base, name)] = line_text(bet_type, line)
        self._write(values)

    def add_odd(self, odd_id: str, quotes: Mapping[str, PriceAndLine]) -> None:
        """Add an odd, or put another one in its place.

        Parameters
        ----------
        odd_id : str
        quotes : mapping
            ``bookmaker_id`` to American odds, or to ``(odds, line)``.
        """
        odd = make_odd(odd_id, quotes, started=self.data["status"]["started"])
        self._write({("odds", odd_id): odd})

    def suspend(self, odd_id: str = "*", bookmaker_id: str = "*") -> int:
        """Take quotes off the board: their ``available`` becomes false.

        Parameters
        ----------
        odd_id, bookmaker_id : str
            Patterns: ``points-*-game-ml-*``, ``draftkings``; default all.

        Returns
        -------
        int
            Quotes that were available until now.
        """
        return self._set_available(odd_id, bookmaker_id, available=False)

    def resume(self, odd_id: str = "*", bookmaker_id: str = "*") -> int:
        """Undo :meth:`suspend`; how many quotes came back."""
        return self._set_available(odd_id, bookmaker_id, available=True)

    def _set_available(self, odd_id: str, book: str, *, available: bool) -> int:
        values: _Values = {}
        count = 0
        found = False
        for path, quote in self._quotes(odd_id, book):
            found = True
            if quote.get("available") is not available:
                values[(*path, "available")] = available
                values[(*path, "lastUpdatedAt")] = now_stamp()
                count += 1
        if not found:
            raise KeyError(f"no quote matches odd {odd_id!r}, bookmaker {book!r}")
        if values:
            self._write(values)
        return count

    def _quotes(
        self, odd_pattern: str, book_pattern: str
    ) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
        for odd_id, odd in self.data["odds"].items():
            if fnmatchcase(odd_id, odd_pattern):
                for book, quote in odd.get("byBookmaker", {}).items():
                    if fnmatchcase(book, book_pattern):
                        yield ("odds", odd_id, "byBookmaker", book), quote

    def _odd(self, odd_id: str) -> dict[str, Any]:
        split_odd_id(odd_id)
        odds = self.data["odds"]
        if odd_id not in odds:
            raise KeyError(
                f"the event has no odd {odd_id!r}; add_odd() adds it. It has "
                + ", ".join(odds)
            )
        found = odds[odd_id]
        assert isinstance(found, dict)
        return found

    # -- the game -------------------------------------------------------------

    def start(self) -> None:
        """Begin: the event leaves ``events:upcoming`` and is in ``events:live``."""
        values = self._status(started_status(self._league_id))
        for side in ("home", "away"):
            values[("teams", side, "score")] = 0
        for odd_id in self.data["odds"]:
            values[("odds", odd_id, "started")] = True
        self._write(values)

    def score(self, *, home: float | None = None, away: float | None = None) -> None:
        """Set the points of one side or both.

        Parameters
        ----------
        home, away : int or float, optional
            Points so far.
        """
        if home is None and away is None:
            raise TypeError("score: give home=, away= or both")
        values: _Values = {}
        for side, points in (("home", home), ("away", away)):
            if points is not None:
                values[("teams", side, "score")] = points
                values[("results", "game", side, "points")] = points
        self._write(values)

    def period(self, period_id: str, text: str) -> None:
        """Go on to a period: its id, and the text to display."""
        before = self.data["status"]
        self._write(
            self._status(
                {
                    "previousPeriodID": before["currentPeriodID"],
                    "currentPeriodID": period_id,
                    "displayShort": text,
                    "displayLong": text,
                }
            )
        )

    def end(self) -> None:
        """End and settle it: final, all quotes off the board.

        Streams of ``events:live`` deliver this change, and ``linger`` seconds
        later (:class:`sgostream.Client`) ``removed``.
        """
        self._finish(
            {"ended": True, "completed": True, "finalized": True}, "F", "Final"
        )

    def cancel(self) -> None:
        """Cancel it: it leaves every feed."""
        self._finish({"cancelled": True}, "C", "Cancelled")

    def _finish(self, flags: dict[str, bool], short: str, long: str) -> None:
        data = self.data
        values = self._status(
            {
                "live": False,
                "oddsAvailable": False,
                "displayShort": short,
                "displayLong": long,
                "currentPeriodID": "",
                "previousPeriodID": data["status"]["currentPeriodID"],
                **flags,
            }
        )
        for odd_id in data["odds"]:
            which = "cancelled" if "cancelled" in flags else "ended"
            values[("odds", odd_id, which)] = True
        for path, _ in self._quotes("*", "*"):
            values[(*path, "available")] = False
            values[(*path, "lastUpdatedAt")] = now_stamp()
        self._write(values)

    @staticmethod
    def _status(members: Mapping[str, object]) -> _Values:
        return {("status", name): value for name, value in members.items()}

    def set(self, path: Sequence[str | int], value: object) -> None:
        """Write any value of the event: what the methods above do not cover.

        Parameters
        ----------
        path : sequence
            Names and positions: ``("odds", odd_id, "fairOdds")``.
        value : object
            Anything that JSON has.
        """
        if isinstance(path, str) or not path:
            raise TypeError(f"set: a path is a sequence of names, not {path!r}")
        self._write({tuple(path): value})

    def _write(self, values: _Values) -> None:
        self._server._write(self._event_id, values)

    def __repr__(self) -> str:
        return f"<Game {self._event_id} of {self._league_id}>"
