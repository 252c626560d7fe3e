"""Events and updates with their shortcuts, as deliveries hand them out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeVar, cast, overload

from . import _core, _options, _rich

if TYPE_CHECKING:
    from typing_extensions import CapsuleType

    from . import types
    from ._core import Quote
    from ._stream import Stream

__all__ = ["Event", "QuoteChanges", "QuoteRow", "Quotes", "Score", "Update"]


_Default = TypeVar("_Default")
_UpdateT = TypeVar("_UpdateT", bound=_core.Update)


class Score(NamedTuple):
    """Points of both sides; None where the event has none yet."""

    home: float | int | None
    """Of the home team."""
    away: float | int | None
    """Of the away team."""


class QuoteRow(NamedTuple):
    """One quote with its place: an odd, a bookmaker, main or alternative line."""

    event_id: str
    """The ``eventID``."""
    odd_id: str
    """The key in ``odds``."""
    bookmaker_id: str
    """The key in ``byBookmaker``."""
    is_alt_line: bool
    """Whether it is one of the bookmaker's ``altLines``."""
    quote: Quote
    """Price and line."""


class Quotes:
    """Quotes of one or more events, in document order.

    Iterable, with a length; it holds its events while it lives.  Data frame
    libraries read it as an Arrow C stream, without ``pyarrow`` and without a
    Python object per quote::

        polars.DataFrame(live.quotes())
        pandas.DataFrame.from_arrow(live.quotes())
        pyarrow.table(live.quotes())
        duckdb.sql("SELECT bookmaker_id, avg(decimal) FROM quotes GROUP BY 1")

    ==================== ============================ ==============================
    column               Arrow type                   meaning
    ==================== ============================ ==============================
    ``event_id``         dictionary<int32, utf8>      ``eventID``
    ``league_id``        dictionary<int32, utf8>      ``leagueID``
    ``odd_id``           dictionary<int32, utf8>      key in ``odds``
    ``stat_id``          dictionary<int32, utf8>      ``statID`` of the odd
    ``stat_entity_id``   dictionary<int32, utf8>      ``statEntityID`` of the odd
    ``period_id``        dictionary<int32, utf8>      ``periodID`` of the odd
    ``bet_type_id``      dictionary<int32, utf8>      ``betTypeID`` of the odd
    ``side_id``          dictionary<int32, utf8>      ``sideID`` of the odd
    ``player_id``        dictionary<int32, utf8>      ``playerID`` of the odd
    ``bookmaker_id``     dictionary<int32, utf8>      key in ``byBookmaker``
    ``odds``             int32                        American odds
    ``decimal``          float64                      the decimal price
    ``line``             float64                      spread or total
    ``available``        bool                         can be bet on now
    ``last_updated_at``  timestamp[ms, UTC]           of the quote
    ``is_alt_line``      bool                         an alternative line
    ``deeplink``         utf8                         the bookmaker's page
    ==================== ============================ ==============================

    What an event lacks, or writes unreadably, is null.  The stream has one
    batch for each event with quotes, and one dictionary for each column in all
    of them.  Each export is a new stream, with references of its own: it may be
    read on any thread, also after the client was closed, and the buffers that
    it gave belong to their reader.
    """

    __slots__ = ("_alt_lines", "_bookmaker_ids", "_events", "_len", "_odd_ids")

    def __init__(
        self,
        events: Iterable[Event],
        odd_ids: Iterable[str] | None,
        bookmaker_ids: Iterable[str] | None,
        alt_lines: bool,
    ) -> None:
        self._events = tuple(events)
        self._odd_ids = _options.names("odd_ids", odd_ids)
        self._bookmaker_ids = _options.names("bookmaker_ids", bookmaker_ids)
        self._alt_lines = _options.flag("alt_lines", alt_lines)
        self._len: int | None = None

    def __iter__(self) -> Iterator[QuoteRow]:
        for event in self._events:
            event_id = event.event_id
            for odd_id, bookmaker_id, is_alt_line, quote in event.quote_rows(
                self._odd_ids, self._bookmaker_ids, self._alt_lines
            ):
                yield QuoteRow(event_id, odd_id, bookmaker_id, is_alt_line, quote)

    def __len__(self) -> int:
        if self._len is None:
            self._len = sum(
                event.quote_count(self._odd_ids, self._bookmaker_ids, self._alt_lines)
                for event in self._events
            )
        return self._len

    def __arrow_c_stream__(
        self, requested_schema: CapsuleType | None = None
    ) -> CapsuleType:
        """A new Arrow C stream; its columns are always those of the table above.

        Parameters
        ----------
        requested_schema : capsule, optional
            Ignored: the protocol lets a producer keep to its own schema.

        Returns
        -------
        capsule ``"arrow_array_stream"``
        """
        return _core.arrow_quotes(
            self._events, self._odd_ids, self._bookmaker_ids, self._alt_lines
        )

    def __arrow_c_schema__(self) -> CapsuleType:
        """The schema of the stream, as a capsule ``"arrow_schema"``."""
        return _core.arrow_schema()

    def __repr__(self) -> str:
        return f"<Quotes of {len(self._events)} events: {len(self)} rows>"


class QuoteChanges:
    """Quotes that a batch of updates changed, in the order of the updates.

    Iterable over :class:`QuoteChange`, with a length; it holds its updates while
    it lives.  As an Arrow C stream it has the columns of :class:`Quotes`, read
    from the new quote, and three more:

    ==================== ============================ ==============================
    column               Arrow type                   meaning
    ==================== ============================ ==============================
    ``old_odds``         int32                        American odds before
    ``old_line``         float64                      spread or total before
    ``old_available``    bool                         whether it could be bet on
    ==================== ============================ ==============================

    A quote that is new has nulls in those three; one that is gone has nulls in
    the columns of the new quote instead.  The stream has one batch for each
    update that changed quotes.
    """

    __slots__ = ("_updates",)

    def __init__(self, updates: Iterable[Update]) -> None:
        self._updates = tuple(updates)

    @property
    def updates(self) -> tuple[Update, ...]:
        """The updates, oldest first; empty when none came in time."""
        return self._updates

    def __iter__(self) -> Iterator[_core.QuoteChange]:
        for update in self._updates:
            yield from update.quotes

    def __len__(self) -> int:
        return sum(len(update.quotes) for update in self._updates)

    def __arrow_c_stream__(
        self, requested_schema: CapsuleType | None = None
    ) -> CapsuleType:
        """A new Arrow C stream; its columns are always those described above.

        Parameters
        ----------
        requested_schema : capsule, optional
            Ignored: the protocol lets a producer keep to its own schema.

        Returns
        -------
        capsule ``"arrow_array_stream"``
        """
        return _core.arrow_quote_changes(self._updates)

    def __arrow_c_schema__(self) -> CapsuleType:
        """The schema of the stream, as a capsule ``"arrow_schema"``."""
        return _core.arrow_schema(changes=True)

    def __repr__(self) -> str:
        return f"<QuoteChanges of {len(self._updates)} updates: {len(self)} rows>"


def _text(mapping: Any, *path: str) -> str | None:
    """The string at a path, or None where anything on the way is missing."""
    for key in path:
        if not isinstance(mapping, Mapping):
            return None
        mapping = mapping.get(key)
    return mapping if isinstance(mapping, str) and mapping else None


class Event(_core.Event):
    r"""One immutable version of one event: a mapping that reads C memory.

    Everything of the API's JSON is there under its own names
    (``event["odds"][odd_id]["byBookmaker"]["pinnacle"]["odds"]``); only what is
    touched becomes a Python object, and inner objects and arrays are views that
    keep the event alive.  The attributes below are shortcuts into it, None
    where the event lacks the member.

    Equal by JSON value to other events, views and plain ``dict``\ s; the hash is
    that of its ``eventID``.  ``json.dumps(event)`` raises since it is no
    ``dict``: use ``event.json()``, ``event.to_dict()``, or
    ``json.dumps(x, default=sgostream.to_plain)``.  Safe to read from any thread.
    """

    __slots__ = ()

    if TYPE_CHECKING:

        @overload
        def __getitem__(
            self, key: Literal["eventID", "sportID", "leagueID", "type"], /
        ) -> str: ...
        @overload
        def __getitem__(self, key: Literal["odds"], /) -> types.Odds: ...
        @overload
        def __getitem__(self, key: Literal["teams"], /) -> types.Teams: ...
        @overload
        def __getitem__(self, key: Literal["status"], /) -> types.Status: ...
        @overload
        def __getitem__(self, key: Literal["players"], /) -> types.Players: ...
        @overload
        def __getitem__(self, key: Literal["results"], /) -> types.Results: ...
        @overload
        def __getitem__(self, key: Literal["info"], /) -> types.Info: ...
        @overload
        def __getitem__(self, key: Literal["links"], /) -> types.Links: ...
        @overload
        def __getitem__(self, key: Literal["activity"], /) -> types.Activity: ...
        @overload
        def __getitem__(self, key: Literal["props"], /) -> Mapping[str, types.Prop]: ...
        @overload
        def __getitem__(self, key: Literal["manual"], /) -> bool: ...
        @overload
        def __getitem__(self, key: str, /) -> Any: ...
        def __getitem__(self, key: str, /) -> Any: ...

        @overload  # type: ignore[override]  # narrower where the key is known
        def get(
            self, key: Literal["eventID", "sportID", "leagueID", "type"], /
        ) -> str | None: ...
        @overload
        def get(self, key: Literal["odds"], /) -> types.Odds | None: ...
        @overload
        def get(self, key: Literal["teams"], /) -> types.Teams | None: ...
        @overload
        def get(self, key: Literal["status"], /) -> types.Status | None: ...
        @overload
        def get(self, key: Literal["players"], /) -> types.Players | None: ...
        @overload
        def get(self, key: Literal["results"], /) -> types.Results | None: ...
        @overload
        def get(self, key: Literal["info"], /) -> types.Info | None: ...
        @overload
        def get(self, key: Literal["links"], /) -> types.Links | None: ...
        @overload
        def get(self, key: Literal["activity"], /) -> types.Activity | None: ...
        @overload
        def get(self, key: Literal["props"], /) -> Mapping[str, types.Prop] | None: ...
        @overload
        def get(self, key: Literal["manual"], /) -> bool | None: ...
        @overload
        def get(self, key: str, default: None = None, /) -> Any | None: ...
        @overload
        def get(  # pyright: ignore[reportIncompatibleMethodOverride]
            self, key: str, default: Any | _Default, /
        ) -> Any | _Default: ...
        def get(self, key: str, default: Any = None, /) -> Any: ...

    @property
    def event_id(self) -> str:
        """``eventID``."""
        return self["eventID"]

    @property
    def league_id(self) -> str | None:
        """``leagueID``."""
        return _text(self, "leagueID")

    @property
    def sport_id(self) -> str | None:
        """``sportID``."""
        return _text(self, "sportID")

    @property
    def home(self) -> str | None:
        """Name of the home side: medium, else long, else short."""
        return self._side("home")

    @property
    def away(self) -> str | None:
        """Name of the away side: medium, else long, else short."""
        return self._side("away")

    def _side(self, side: str) -> str | None:
        for size in ("medium", "long", "short"):
            name = _text(self, "teams", side, "names", size)
            if name:
                return name
        return None

    @property
    def title(self) -> str:
        """``"Chiefs @ Bills"``, or the best that the event offers."""
        home, away = self.home, self.away
        if home and away:
            return f"{away} @ {home}"
        return (
            home
            or away
            or _text(self, "props", "title")
            or _text(self, "props", "name")
            or self.event_id
        )

    @property
    def score(self) -> Score | None:
        """Points of both sides, None before the start."""
        teams = self.get("teams")
        if not isinstance(teams, Mapping):
            return None
        points = []
        for side in ("home", "away"):
            team = teams.get(side)
            value = team.get("score") if isinstance(team, Mapping) else None
            ok = isinstance(value, (int, float)) and not isinstance(value, bool)
            points.append(value if ok else None)
        if points == [None, None]:
            return None
        return Score(points[0], points[1])

    @property
    def status(self) -> types.Status:
        """The event's ``status`` object; empty when there is none."""
        value = self.get("status")
        found: Any = value if isinstance(value, Mapping) else {}
        return cast("types.Status", found)

    @property
    def starts_at(self) -> datetime | None:
        """Start as an aware UTC time."""
        value = _text(self, "status", "startsAt")
        if value is None:
            return None
        try:
            when = datetime.fromisoformat(value)
        except ValueError:
            return None
        return when if when.tzinfo is not None else None

    @property
    def is_live(self) -> bool:
        """True while ``status.live`` is true."""
        return self.status.get("live") is True

    def quotes(
        self,
        *,
        odd_ids: Iterable[str] | None = None,
        bookmaker_ids: Iterable[str] | None = None,
        alt_lines: bool = False,
    ) -> Quotes:
        """The quotes of this version.

        Parameters
        ----------
        odd_ids : iterable of str, optional
            Patterns (``points-*-game-*``); default all odds.
        bookmaker_ids : iterable of str, optional
            Exact ids; default all bookmakers.
        alt_lines : bool, default False
            Alternative lines too, where the shape has them.

        Returns
        -------
        Quotes
            Iterable, and an Arrow table for data frame libraries.
        """
        return Quotes((self,), odd_ids, bookmaker_ids, alt_lines)

    @overload
    def diff(
        self,
        other: _core.Event,
        include_timestamps: bool = False,
        *,
        update_type: None = None,
    ) -> Update: ...

    @overload
    def diff(
        self,
        other: _core.Event,
        include_timestamps: bool = False,
        *,
        update_type: type[_UpdateT],
    ) -> _UpdateT: ...

    def diff(
        self,
        other: _core.Event,
        include_timestamps: bool = False,
        *,
        update_type: type[_core.Update] | None = None,
    ) -> Any:
        """What leads from this version to another one.

        Parameters
        ----------
        other : Event
            The later version.
        include_timestamps : bool, default False
            Changes of ``lastUpdatedAt`` alone too.
        update_type : type, optional
            What to return; default :class:`Update`.

        Returns
        -------
        Update
            Of kind ``changed``, with this version as ``previous``.
        """
        return super().diff(
            other, include_timestamps, update_type=update_type or Update
        )

    def __repr__(self) -> str:
        parts = [part for part in (self.league_id, self.title) if part]
        score = self.score
        if score is not None:
            parts.append(_points(score))
        short = _text(self, "status", "displayShort")
        if short:
            parts.append(short)
        return f"<Event {self.event_id}: {' '.join(parts)}>"

    def _repr_html_(self) -> str:
        return _rich.event_html(self)

    def _repr_mimebundle_(
        self,
        include: Iterable[str] | None = None,
        exclude: Iterable[str] | None = None,
    ) -> dict[str, Any]:
        return _rich.bundle(self, _rich.event_html(self), include, exclude)


def _points(score: Score) -> str:
    """``14-10``: away first, as in the title."""
    shown = [
        "-" if value is None else f"{value:g}" for value in (score.away, score.home)
    ]
    return "-".join(shown)


class Update(_core.Update):
    """What a subscription delivers for one event.

    ``event`` is the new version (for ``removed`` the last one), ``previous``
    the one that this subscription delivered before, or a later one that differs
    from it in nothing that the subscription shows; ``changes``, ``quotes`` and
    ``consensus`` say exactly what differs.  All of it is computed off the GIL
    and turned into Python objects only where touched.  It is immutable: any
    thread may read it, also after its stream was closed.
    """

    __slots__ = ()

    if TYPE_CHECKING:

        @property
        def event(self) -> Event: ...

        @property
        def previous(self) -> Event | None: ...

    @property
    def stream(self) -> Stream | None:  # type: ignore[override]
        """The stream it came from, None when that is gone."""
        from ._stream import find_stream

        return find_stream(super().stream)

    def __repr__(self) -> str:
        event = self.event
        parts = [part for part in (event.league_id, event.title) if part]
        score = event.score
        if score is not None:
            parts.append(_points(score))
        short = _text(event, "status", "displayShort")
        if short:
            parts.append(short)
        return f"{' '.join(parts)}: {self._what()}"

    def _repr_mimebundle_(
        self,
        include: Iterable[str] | None = None,
        exclude: Iterable[str] | None = None,
    ) -> dict[str, Any]:
        return _rich.bundle(self, _rich.update_html(self), include, exclude)

    def _what(self) -> str:
        if self.kind != "changed":
            return str(self.kind)
        said = []
        quotes = len(self.quotes)
        if quotes:
            said.append(f"{quotes} quote{'s' if quotes > 1 else ''}")
        groups: dict[str, None] = {}
        for change in self.changes:
            head = change.path[0] if change.path else "everything"
            if head == "teams" and change.path[-1] == "score":
                head = "score"
            if head != "odds":
                groups[str(head)] = None
            elif not quotes:
                groups["odds"] = None
        said.extend(groups)
        if not said:
            said.append("back to the previous version" if self.skipped else "no change")
        if self.stale:
            said.append("stale")
        return ", ".join(said)
