"""The events the simulator holds, the feeds over them, lists and pages."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from .event import StoredEvent
from .shape import split_ids
from .sports import BOOKMAKERS, LEAGUES

#: The vendor's page sizes.
DEFAULT_LIMIT = 10
MAX_LIMIT = 300

Match = Callable[[StoredEvent], bool]


class BadParameterError(ValueError):
    """A parameter that the API answers with 400."""


@dataclass(frozen=True, slots=True)
class Feed:
    """A feed as one request names it."""

    name: str
    channel: str
    match: Match


def is_live(event: StoredEvent) -> bool:
    """In progress: what ``events:live`` shows."""
    return event.flag("live")


def is_upcoming(event: StoredEvent) -> bool:
    """Not started and with odds: what ``events:upcoming`` shows."""
    return (
        event.flag("oddsAvailable")
        and not event.flag("started")
        and not event.flag("cancelled")
    )


class Store:
    """All events by id, in the order of their arrival.

    Attributes
    ----------
    page_cap : int or None
        The endpoint's own maximum per page; None: 25, with ``bookmakerID``
        50, with ``oddID`` 100.
    overshoot : bool
        A full last page carries a cursor that leads to nothing, as the
        vendor's does; False: it carries none.
    """

    def __init__(self) -> None:
        self.events: dict[str, StoredEvent] = {}
        self.bookmakers: set[str] = set(BOOKMAKERS)
        self.leagues: set[str] = set(LEAGUES)
        self.page_cap: int | None = None
        self.overshoot = True
        self._frozen: dict[str, StoredEvent] = {}
        self._more_feeds: dict[str, tuple[str, Match]] = {}

    def add(self, event: StoredEvent) -> StoredEvent:
        """Take an event, in place of one with the same id."""
        event_id = event.event_id
        old = self.events.get(event_id)
        if old is not None:
            event.version = old.version + 1
        self.events[event_id] = event
        league = event.get("leagueID")
        if isinstance(league, str):
            self.leagues.add(league)
        return event

    def learn_bookmakers(self, event: StoredEvent) -> None:
        """Know the bookmakers of an event from elsewhere."""
        for odd in event.odds.values():
            self.bookmakers.update(odd.index.books)

    # old answers

    def freeze(self, event_id: str) -> None:
        """From now on answer this event as it is now."""
        self._frozen[event_id] = self.events[event_id].copy()

    def thaw(self, event_id: str | None = None) -> None:
        """Answer this event, or all, as they are again."""
        if event_id is None:
            self._frozen.clear()
        else:
            self._frozen.pop(event_id, None)

    def answered(self, event: StoredEvent) -> StoredEvent:
        """Return the version of an event that answers show."""
        if not self._frozen:
            return event
        return self._frozen.get(event.event_id, event)

    # feeds

    def add_feed(self, name: str, match: Match, channel: str) -> None:
        """Add a feed that the vendor does not have yet."""
        self._more_feeds[name] = (channel, match)

    def feed(self, params: Mapping[str, str]) -> Feed:
        """Return the feed that a request names.

        Raises
        ------
        BadParameterError
            Feed or parameters are not the API's.
        KeyError
            The one event asked for does not exist.
        """
        name = params.get("feed", "")
        if name == "events:live":
            return Feed(name, "presence-events-live", is_live)
        if name == "events:upcoming":
            league = params.get("leagueID", "")
            if not league:
                raise BadParameterError(
                    "leagueID is required for the events:upcoming feed"
                )
            if league not in self.leagues:
                raise BadParameterError(f"Invalid leagueID: {league}")
            return Feed(
                name,
                f"presence-events-upcoming-{league}",
                lambda e: is_upcoming(e) and e.get("leagueID") == league,
            )
        if name == "events:byid":
            event_id = params.get("eventID", "")
            if not event_id:
                raise BadParameterError("eventID is required for the events:byid feed")
            if event_id not in self.events:
                raise KeyError(event_id)
            return Feed(
                name,
                f"presence-events-byid-{event_id}",
                lambda e: e.event_id == event_id,
            )
        if name in self._more_feeds:
            channel, match = self._more_feeds[name]
            return Feed(name, channel, match)
        raise BadParameterError(f"Invalid feed: {name}" if name else "Missing feed")

    def channels(self, event: StoredEvent) -> set[str]:
        """Return the channels on which a change of this event is announced."""
        out = {f"presence-events-byid-{event.event_id}"}
        if is_live(event):
            out.add("presence-events-live")
        if is_upcoming(event):
            out.add(f"presence-events-upcoming-{event.get('leagueID')}")
        for channel, match in self._more_feeds.values():
            if match(event):
                out.add(channel)
        return out

    def select(self, feed: Feed) -> list[StoredEvent]:
        """Return the events of a feed, as answers show them."""
        answered = (self.answered(event) for event in self.events.values())
        return [event for event in answered if feed.match(event)]

    # lists

    def listed(self, params: Mapping[str, str]) -> tuple[list[StoredEvent], str | None]:
        """One page of ``/events``: the events and the next cursor."""
        ids = split_ids(params.get("eventIDs") or params.get("eventID") or "")
        if ids:
            chosen = [
                self.answered(self.events[event_id])
                for event_id in dict.fromkeys(ids)
                if event_id in self.events
            ]
        else:
            match = _filter(params)
            shown = (self.answered(event) for event in self.events.values())
            chosen = sorted((e for e in shown if match(e)), key=_order)
        return self._page(chosen, params, by_id=bool(ids))

    def _page(
        self,
        chosen: list[StoredEvent],
        params: Mapping[str, str],
        *,
        by_id: bool,
    ) -> tuple[list[StoredEvent], str | None]:
        size = min(_limit(params), self._cap(params))
        asked = _digest(params)
        begin = 0
        if "cursor" in params:
            after = _read_cursor(params["cursor"], asked)
            if by_id:
                place = [e.event_id for e in chosen]
                begin = place.index(after[1]) + 1 if after[1] in place else len(place)
            else:
                begin = sum(_order(e) <= after for e in chosen)
        page = chosen[begin : begin + size]
        more = len(chosen) > begin + size
        if len(page) == size and page and (more or self.overshoot):
            return page, _write_cursor(_order(page[-1]), asked)
        return page, None

    def _cap(self, params: Mapping[str, str]) -> int:
        if self.page_cap is not None:
            return self.page_cap
        if params.get("oddID") or params.get("oddIDs"):
            return 100
        return 50 if params.get("bookmakerID") else 25


def _limit(params: Mapping[str, str]) -> int:
    text = params.get("limit", str(DEFAULT_LIMIT))
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise BadParameterError(f"Invalid limit: {text}")
    if int(text) > MAX_LIMIT:
        raise BadParameterError(f"limit must not be greater than {MAX_LIMIT}")
    return int(text)


_FLAGS = ("started", "live", "ended", "finalized", "cancelled")
_STATUS_FLAGS = (*_FLAGS, "oddsAvailable", "oddsPresent")


def _filter(params: Mapping[str, str]) -> Match:
    tests: list[Match] = []

    def member(name: str, values: Iterable[str]) -> None:
        wanted = frozenset(values)
        tests.append(lambda e: e.get(name) in wanted)

    for name in ("sportID", "leagueID", "type"):
        if params.get(name):
            member(name, split_ids(params[name]))
    for name in _STATUS_FLAGS:
        if name in params:
            tests.append(_flag_is(name, params[name] == "true"))
    if params.get("teamID"):
        teams = frozenset(split_ids(params["teamID"]))
        tests.append(lambda e: bool(teams & _team_ids(e)))
    if params.get("playerID"):
        players = frozenset(split_ids(params["playerID"]))
        tests.append(lambda e: bool(players & set(e.get("players") or ())))
    if params.get("startsAfter"):
        after = _time("startsAfter", params["startsAfter"])
        tests.append(lambda e: _starts(e) >= after)
    if params.get("startsBefore"):
        before = _time("startsBefore", params["startsBefore"])
        tests.append(lambda e: _starts(e) <= before)
    return lambda e: all(test(e) for test in tests)


def _flag_is(name: str, wanted: bool) -> Match:
    return lambda event: event.flag(name) is wanted


def _team_ids(event: StoredEvent) -> set[str]:
    teams = event.get("teams") or {}
    return {team.get("teamID", "") for team in teams.values()}


def _starts(event: StoredEvent) -> int:
    text = event.status.get("startsAt")
    return _time("startsAt", text) if isinstance(text, str) else 0


def _time(name: str, text: str) -> int:
    """Milliseconds since 1970 from an ISO stamp or such a number."""
    if text.isascii() and text.isdigit():
        return int(text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise BadParameterError(f"Invalid {name}: {text}") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return int(moment.timestamp() * 1000)


def _order(event: StoredEvent) -> tuple[int, str]:
    return _starts(event), event.event_id


def _digest(params: Mapping[str, str]) -> str:
    asked = sorted((k, v) for k, v in params.items() if k != "cursor")
    text = json.dumps(asked).encode()
    return hashlib.sha256(text).hexdigest()[:16]


def _write_cursor(place: tuple[int, str], asked: str) -> str:
    text = json.dumps([place[0], place[1], asked], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _read_cursor(text: str, asked: str) -> tuple[int, str]:
    try:
        padded = text + "=" * (-len(text) % 4)
        starts, event_id, digest = json.loads(base64.urlsafe_b64decode(padded))
    except ValueError:
        raise BadParameterError("Invalid cursor") from None
    if digest != asked:
        raise BadParameterError("The cursor belongs to another query")
    return int(starts), str(event_id)
