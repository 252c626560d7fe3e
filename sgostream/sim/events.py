"""The face, part one: events, what they become, what is told of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .base import Base
from .event import Path as EventPath
from .event import StoredEvent
from .files import read_file
from .maker import DEFAULT_START, EventMaker
from .shape import Shape
from .spans import dumps
from .store import Match

_DEFAULT_SHAPE = Shape()


class Events(Base):
    """Calls that add, change, show and announce events."""

    _made = 0

    def add_event(
        self,
        event: bytes | Mapping[str, Any] | None = None,
        *,
        snapshot: bytes | None = None,
        size: int = 20_000,
        league: str | None = None,
        live: bool = True,
        notify: bool = True,
    ) -> str:
        """Add an event; its id.

        Parameters
        ----------
        event : bytes or mapping, optional
            The event; bytes are served as they stand. None: one is made.
        snapshot : bytes, optional
            What ``/stream/events`` shows instead, until the next change.
        size, league, live
            Of the event that is made.
        """

        def run() -> str:
            nonlocal event
            if event is None:
                maker = EventMaker(
                    seed=f"{self.seed}/single/{self._made}",
                    size=size,
                    leagues=[league] if league else [],
                )
                self._made += 1
                made = maker.make(now=DEFAULT_START, live=live).event
            elif isinstance(event, bytes):
                made = StoredEvent(event)
            else:
                made = StoredEvent(dumps(event))
            return self._put(made, snapshot, notify)

        return self._thread.call(run)

    def _put(self, event: StoredEvent, snapshot: bytes | None, notify: bool) -> str:
        old = self.store.events.get(event.event_id)
        before = self.store.channels(old) if old is not None else set()
        self.store.add(event)
        self.store.learn_bookmakers(event)
        if snapshot is not None:
            event.snapshot = StoredEvent(snapshot)
            self.store.learn_bookmakers(event.snapshot)
        if notify:
            self._announce(event.event_id, before | self.store.channels(event))
        return event.event_id

    def add_files(self, *paths: str | Path, files: Sequence[str] = ()) -> list[str]:
        """Serve the events of payload files; their ids.

        Events of an answer of ``/stream/events`` become what that endpoint
        shows, when ``/events`` shows another form of them; of several forms
        from ``/events`` the last one counts.
        """

        def run() -> list[str]:
            events: dict[str, bytes] = {}
            snapshots: dict[str, bytes] = {}
            for path in [*paths, *files]:
                for found in read_file(Path(path)):
                    target = snapshots if found.is_snapshot else events
                    target[found.event_id] = found.text
            out = []
            for event_id, text in {**snapshots, **events}.items():
                event = StoredEvent(text)
                shown = snapshots.get(event_id)
                if shown == text:
                    shown = None
                out.append(self._put(event, shown, notify=False))
            return out

        return self._thread.call(run)

    def remove_event(self, event_id: str, *, notify: bool = True) -> None:
        """Take an event off the server; ids that nobody knows are 404."""

        def run() -> None:
            event = self.store.events.pop(event_id)
            self.store.thaw(event_id)
            if notify:
                self._announce(event_id, self.store.channels(event))

        self._thread.call(run)

    def set_event(
        self,
        event: bytes,
        *,
        snapshot: bytes | None = None,
        notify: bool = True,
    ) -> None:
        """Put new bytes in place of a held event."""
        fresh = StoredEvent(event)

        def change(held: StoredEvent) -> None:
            held.replace(event)
            self.store.learn_bookmakers(held)
            if snapshot is not None:
                held.snapshot = StoredEvent(snapshot)

        self._change(fresh.event_id, change, notify)

    def patch(
        self,
        event_id: str,
        path: EventPath | None = None,
        value: Any = None,
        *,
        values: Mapping[tuple[str | int, ...], Any] | None = None,
        notify: bool = True,
    ) -> None:
        """Write one value of an event, or several at once by ``values``.

        A path is a sequence: ``("teams", "home", "score")``,
        ``("odds", odd_id, "byBookmaker", "fanduel", "odds")``. Numbers and
        strings are overwritten where they stand.
        """

        def change(event: StoredEvent) -> None:
            if path is not None:
                event.set(path, value)
            for one, other in (values or {}).items():
                event.set(one, other)

        self._change(event_id, change, notify)

    def remove(self, event_id: str, path: EventPath, *, notify: bool = True) -> None:
        """Remove a member of an event."""
        self._change(event_id, lambda event: event.remove(path), notify)

    def set_quote(
        self,
        event_id: str,
        odd_id: str,
        bookmaker_id: str,
        *,
        odds: str | None = None,
        line: str | None = None,
        available: bool | None = None,
        last_updated_at: str | None = None,
        notify: bool = True,
    ) -> None:
        """Overwrite fields of one quote."""

        def change(event: StoredEvent) -> None:
            event.set_quote(
                odd_id,
                bookmaker_id,
                odds=odds,
                line=line,
                available=available,
                last_updated_at=last_updated_at,
            )

        self._change(event_id, change, notify)

    def _change(
        self,
        event_id: str,
        change: Callable[[StoredEvent], None],
        notify: bool,
    ) -> None:
        def run() -> None:
            event = self.store.events[event_id]
            before = self.store.channels(event)
            change(event)
            if notify:
                self._announce(event_id, before | self.store.channels(event))

        self._thread.call(run)

    def freeze(self, event_id: str) -> None:
        """Answer an event as it is now, whatever changes: a stale read."""
        self._thread.call(lambda: self.store.freeze(event_id))

    def thaw(self, event_id: str | None = None) -> None:
        """End `freeze`, for one event or all."""
        self._thread.call(lambda: self.store.thaw(event_id))

    def event_ids(self) -> list[str]:
        """Ids of all events."""
        return self._thread.call(lambda: list(self.store.events))

    def event_json(self, event_id: str, shape: Shape = _DEFAULT_SHAPE) -> bytes:
        """Return an event's bytes, as ``/events`` would show them now."""
        return self._thread.call(lambda: self.store.events[event_id].render(shape))

    def truth(
        self,
        feed: str = "events:live",
        *,
        league_id: str | None = None,
        event_id: str | None = None,
        shape: Shape = _DEFAULT_SHAPE,
    ) -> dict[str, bytes]:
        """Return the events of a feed as ``/events`` would answer them now."""
        params = {"feed": feed}
        if league_id is not None:
            params["leagueID"] = league_id
        if event_id is not None:
            params["eventID"] = event_id

        def run() -> dict[str, bytes]:
            chosen = self.store.select(self.store.feed(params))
            return {e.event_id: e.render(shape) for e in chosen}

        return self._thread.call(run)

    def add_feed(self, name: str, match: Match, channel: str) -> None:
        """Offer a feed that the vendor does not have yet."""
        self._thread.call(lambda: self.store.add_feed(name, match, channel))

    def add_feed_of(self, name: str, league_id: str, channel: str) -> None:
        """Offer a feed of all events of a league; for other processes."""
        self.add_feed(name, lambda e: bool(e.get("leagueID") == league_id), channel)

    # notifications

    def notify(self, event_ids: Iterable[str], channel: str | None = None) -> int:
        """Announce events on their channels, or on one; sent messages."""
        ids = [event_ids] if isinstance(event_ids, str) else list(event_ids)

        def run() -> int:
            if channel is not None:
                return self.pusher.notify(channel, ids)
            channels: dict[str, list[str]] = {}
            for event_id in ids:
                event = self.store.events.get(event_id)
                if event is None:
                    names = {f"presence-events-byid-{event_id}"}
                else:
                    names = self.store.channels(event)
                for name in sorted(names):
                    channels.setdefault(name, []).append(event_id)
            return sum(self.pusher.notify(c, i) for c, i in channels.items())

        return self._thread.call(run)

    def emit(
        self, channel: str, data: Any, event: str = "data", *, raw: bool = False
    ) -> int:
        """Send any channel event; the sockets it went to.

        ``raw``: ``data`` is the text of the whole message.
        """
        return self._thread.call(
            lambda: self.pusher.publish(channel, event, data, raw=raw)
        )

    def suppress(self, on: bool = True) -> None:
        """Stop announcing changes (`notify` and `emit` still work)."""
        self._suppressed = on

    @contextmanager
    def suppressed(self) -> Iterator[None]:
        """`suppress` for a block."""
        self.suppress()
        try:
            yield
        finally:
            self.suppress(False)
