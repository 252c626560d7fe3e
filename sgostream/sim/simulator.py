"""The simulator as one object: start it, change its events, look inside."""

from __future__ import annotations

import asyncio
import random
import secrets
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, fields
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from . import tls
from .api import Api, Key, Settings
from .control import Control
from .event import Path as EventPath
from .event import StoredEvent
from .files import read_file
from .journal import Journal, Request
from .loop import LoopThread
from .maker import DEFAULT_START, REAL_SIZE, EventMaker
from .plan import Plan
from .player import Moved, Player
from .pusher import ConnectionScript, PusherServer
from .relay import Relay
from .replay import Recording
from .rules import Rule, Rules
from .server import Server
from .shape import Shape
from .spans import dumps
from .store import Match, Store

T = TypeVar("T")

_DEFAULT_SHAPE = Shape()


class Simulator:
    """A local copy of the API and its Pusher service.

    Every method may be called from any thread; they take effect at once and
    in order. Nothing is sent before `start`.

    Parameters
    ----------
    host : str
        Address to listen on.
    port, tls_port : int
        Ports; 0: chosen by the kernel.
    https : bool
        Also listen with TLS, under a private authority.
    tls_names : sequence of str
        Names and addresses of the server's certificate.
    tls_expired : bool
        Make a certificate whose time is over.
    api_key : str or None
        The key that is accepted; None: one is made.
    plan : Plan or None
        What that key may do.
    seed : int
        For everything that is drawn.

    Attributes
    ----------
    settings : Settings
        How the endpoints answer.
    pusher : PusherServer
        The sockets; timeouts and limits are its attributes.
    store : Store
        The events; to be changed by the methods here only.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        tls_port: int = 0,
        https: bool = True,
        tls_names: Sequence[str] = tls.LOCAL_NAMES,
        tls_expired: bool = False,
        api_key: str | None = None,
        plan: Plan | None = None,
        seed: int = 0,
    ) -> None:
        rng = random.Random(f"{seed}/sockets")
        self.seed = seed
        self.host = host
        self.api_key = api_key or f"sim-{secrets.token_hex(12)}"
        self.settings = Settings()
        self.store = Store()
        self.journal = Journal()
        self.rules = Rules()
        self.pusher = PusherServer(
            f"{rng.getrandbits(80):020x}",
            f"{rng.getrandbits(80):020x}",
            rng,
            self.journal.poke,
        )
        self.api = Api(self.store, self.pusher, self.settings)
        self.api.add_key(self.api_key, plan or Plan())
        self.player: Player | None = None
        self.recording: Recording | None = None
        self._server = Server(
            self.api, self.pusher, self.rules, self.journal, Control(self)
        )
        self._https = https
        self._tls_names = tuple(tls_names)
        self._tls_expired = tls_expired
        self._wanted_ports = (port, tls_port)
        self._folder: Path | None = None
        self._context: Any = None
        self._thread = LoopThread("sgostream-sim")
        self._task: asyncio.Task[Any] | None = None
        self._relays: list[Relay] = []
        self._suppressed = False
        self._made = 0
        self.ca_file = ""

    # life

    def start(self) -> Self:
        """Listen; returns when connections are accepted."""
        if self._thread.running:
            raise RuntimeError("the simulator is running already")
        if self._https and self._context is None:
            self._folder = Path(tempfile.mkdtemp(prefix="sgostream-sim-"))
            self._context, ca_file = tls.make_context(
                self._folder, self._tls_names, expired=self._tls_expired
            )
            self.ca_file = str(ca_file)
        self._thread.start()
        try:
            self.up()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Cut everything and end the thread; may be called again."""
        if self._thread.running:
            self.pause()
            for relay in self._relays:
                self._thread.run(relay.stop())
            self._relays.clear()
            self._thread.run(self._server.stop())
            self._thread.stop()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None
            self._context = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def up(self) -> None:
        """Listen again after `down`, on the same ports."""
        ports = self._thread.run(
            self._server.start(self.host, self._wanted_ports, self._context)
        )
        self._wanted_ports = self.api.ports = ports

    def down(self) -> None:
        """Refuse connections and cut the open ones, until `up`."""
        self._thread.run(self._server.stop())

    def cut(self) -> None:
        """Cut all HTTP connections, sockets included, as a broken wire."""
        self._thread.call(self._server.cut)

    def relay(self, *, https: bool = False) -> Relay:
        """Put a wire before a port that can be slow, dead or cut.

        Clients use it when their URL has its port, and their sockets when
        ``settings.pusher_options`` carries it as ``wsPort`` or ``wssPort``.
        """
        target = (self.host, self.tls_port if https else self.port)
        made = Relay(self.host, target)
        self._thread.run(made.start())
        self._relays.append(made)
        return made

    def cut_relay(self, relay: Relay) -> None:
        """Cut all connections of a relay by a reset."""
        self._thread.call(relay.cut)

    @property
    def port(self) -> int:
        """The plain port."""
        return self.api.ports[0]

    @property
    def tls_port(self) -> int:
        """The TLS port, 0 without TLS."""
        return self.api.ports[1]

    @property
    def base_url(self) -> str:
        """Base URL over plain HTTP."""
        return f"http://{self._netloc(self.port)}/v2"

    @property
    def https_base_url(self) -> str:
        """Base URL over TLS, to be trusted by `ca_file`."""
        return f"https://{self._netloc(self.tls_port)}/v2"

    @property
    def ws_url(self) -> str:
        """URL of the plain Pusher socket."""
        return f"ws://{self._netloc(self.port)}/app/{self.pusher.key}"

    @property
    def wss_url(self) -> str:
        """URL of the Pusher socket over TLS."""
        return f"wss://{self._netloc(self.tls_port)}/app/{self.pusher.key}"

    def _netloc(self, port: int) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{port}"

    def info(self) -> dict[str, Any]:
        """Return what another process needs to use this simulator."""
        return {
            "base_url": self.base_url,
            "https_base_url": self.https_base_url if self._https else "",
            "ca_file": self.ca_file,
            "api_key": self.api_key,
            "pusher_key": self.pusher.key,
            "ws_url": self.ws_url,
            "wss_url": self.wss_url if self._https else "",
            "events": len(self.store.events),
        }

    # events

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

    def add_files(self, *paths: str | Path, files: Sequence[str] = ()) -> Any:
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

    def add_slate(
        self,
        count: int = 10,
        *,
        size: int = REAL_SIZE,
        leagues: Sequence[str] = (),
        live: float = 0.5,
        start: float | None = None,
        intensity: float = 0.06,
        seed: int | None = None,
    ) -> list[str]:
        """Add a slate of games that `step` and `play` move; their ids.

        Parameters
        ----------
        count : int
            Games; a new one follows on each that leaves.
        size : int
            Bytes of an event, roughly.
        leagues : sequence of str
            Empty: all.
        live : float
            Share of games under way.
        start : float, optional
            The slate's clock, seconds since 1970.
        intensity : float
            Share of an event's markets that a change moves.
        """

        def run() -> list[str]:
            old = set(self.store.events)
            maker = EventMaker(
                seed=self.seed if seed is None else seed,
                size=size,
                leagues=leagues,
            )
            self.player = Player(
                self.store,
                maker,
                count=count,
                live=live,
                start=DEFAULT_START if start is None else start,
                intensity=intensity,
            )
            return [e for e in self.store.events if e not in old]

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

    def _announce(self, event_id: str, channels: Iterable[str]) -> None:
        if not self._suppressed:
            for channel in sorted(channels):
                self.pusher.notify(channel, [event_id])

    # playing

    def step(
        self,
        count: int = 1,
        *,
        seconds: float = 1.0,
        steps: int = 1,
        notify: bool = True,
    ) -> list[str]:
        """Move the slate by hand; the ids of the changed events.

        Parameters
        ----------
        count : int
            Events that change in one step.
        seconds : float
            How far the slate's clock goes in one step.
        steps : int
            Steps.
        """

        def run() -> list[str]:
            out: list[str] = []
            for _ in range(steps):
                moved = self._need_player().step(seconds, count)
                self._tell(moved, notify)
                out += moved.event_ids
            return out

        return self._thread.call(run)

    def _need_player(self) -> Player:
        if self.player is None:
            raise RuntimeError("there is no slate; call add_slate first")
        return self.player

    def _tell(self, moved: Moved, notify: bool = True) -> None:
        if notify and not self._suppressed:
            for channel, ids in moved.channels.items():
                self.pusher.notify(channel, ids)

    def play(
        self,
        *,
        rate: float = 10.0,
        speed: float = 1.0,
        batch: int = 1,
        steps: int | None = None,
    ) -> None:
        """Move the slate in the background.

        Parameters
        ----------
        rate : float
            Changed events per second.
        speed : float
            Seconds of the slate's clock per second.
        batch : int
            Changed events per notification.
        steps : int, optional
            Stop after so many.
        """
        if rate <= 0 or batch < 1 or speed < 0:
            raise ValueError("rate and batch are positive, speed not negative")
        player = self._thread.call(self._need_player)

        def step() -> None:
            self._tell(player.step(speed * batch / rate, batch))

        self._start_task(step, batch / rate, steps)

    def _start_task(
        self, step: Callable[[], None], every: float, steps: int | None
    ) -> None:
        def run() -> None:
            if self._task is not None:
                self._task.cancel()
            self._task = self._thread.spawn(_repeat(step, every, steps))

        self._thread.call(run)

    def pause(self) -> None:
        """Stop `play` and `replay`; the state stays."""

        def run() -> None:
            if self._task is not None:
                self._task.cancel()
                self._task = None

        self._thread.call(run)

    def played(self) -> dict[str, Any]:
        """Return steps taken, the slate's clock, and whether it is moving."""
        player = self.player
        return {
            "steps": player.steps if player else 0,
            "now": player.now if player else 0.0,
            "playing": self._task is not None and not self._task.done(),
        }

    def record(
        self,
        steps: int,
        *,
        shape: Shape = _DEFAULT_SHAPE,
        seconds: float = 1.0,
        count: int = 1,
    ) -> int:
        """Play ahead and keep the compressed answers; their bytes.

        `replay` then shows them again and again for hardly any work.
        """

        def run() -> int:
            player = self._need_player()
            recording = Recording(self.store, shape)
            for _ in range(steps):
                recording.take(player.step(seconds, count))
            self.recording = recording
            return recording.size

        return self._thread.call(run)

    def replay(self, *, rate: float = 80.0, steps: int | None = None) -> None:
        """Show what was recorded, ``rate`` steps a second, round and round."""
        recording = self.recording
        if recording is None:
            raise RuntimeError("nothing is recorded; call record first")

        def step() -> None:
            self._tell(recording.step())

        self._start_task(step, 1.0 / rate, steps)

    # what happened

    def requests(self, path: str | None = None, *, since: int = 0) -> list[Request]:
        """Return the requests so far; ``path`` as in ``"/v2/events"``."""
        return self.journal.requests(path, since=since)

    def clear_requests(self) -> None:
        """Forget the requests so far."""
        self.journal.clear()

    def wait(self, until: Callable[[], T], timeout: float = 10.0) -> T:
        """Wait until a condition holds; what it returned."""
        return self.journal.wait(until, timeout)

    def wait_requests(
        self,
        path: str,
        count: int = 1,
        *,
        since: int = 0,
        answered: bool = False,
        timeout: float = 10.0,
    ) -> list[Request]:
        """Wait until so many requests of a path have come (or are done)."""

        def enough() -> list[Request]:
            found = self.journal.requests(path, since=since)
            if answered:
                found = [r for r in found if r.answered_at is not None]
            return found if len(found) >= count else []

        return self.journal.wait(enough, timeout)

    def wait_subscribed(
        self, channel: str | None = None, *, timeout: float = 10.0
    ) -> str:
        """Wait until a channel, or any, has a subscription; its name."""

        def found() -> str:
            for name in self.subscriptions():
                if channel is None or name == channel:
                    return name
            return ""

        return self.journal.wait(found, timeout)

    def connections(self) -> list[dict[str, Any]]:
        """Return the open sockets, oldest first."""

        def run() -> list[dict[str, Any]]:
            return [
                {
                    "socket_id": c.socket_id,
                    "params": dict(c.params),
                    "scheme": c.request.scheme,
                    "channels": list(c.channels),
                    "age": time.monotonic() - c.opened_at,
                    "sent": c.sent,
                    "pings": c.pings,
                    "received": list(c.received),
                }
                for c in self.pusher.connections
                if c.closed_with is None
            ]

        return self._thread.call(run)

    def subscriptions(self) -> dict[str, int]:
        """Channels with the number of sockets on each."""

        def run() -> dict[str, int]:
            out: dict[str, int] = {}
            for connection in self.pusher.connections:
                for channel in connection.channels:
                    out[channel] = out.get(channel, 0) + 1
            return out

        return self._thread.call(run)

    streams = subscriptions

    # faults

    def rule(self, path: str = "*", **what: Any) -> Rule:
        """Put a `Rule` in force: ``rule("/events", status=503, times=2)``."""
        return self.rules.add(Rule(path, **what))

    def hold(
        self, path: str, *, nth: int = 1, when: str = "after", **what: Any
    ) -> Held:
        """Hold the answer of the n-th request of a path from now on.

        ``"after"``: the answer is made, with the events as they are then,
        and sent when released. ``"before"``: it is made when released.
        """
        rule = self.rule(path, skip=nth - 1, hold=when, **what)
        return Held(self, rule)

    def release(self, rule: Rule | int) -> None:
        """Let held answers go, and those that this rule would hold."""
        found = self.rules.find(rule) if isinstance(rule, int) else rule
        self._thread.call(found.gate.set)

    def clear_rules(self) -> None:
        """Forget all rules; what is held is released."""
        for rule in self.rules.clear():
            self._thread.call(rule.gate.set)

    def script(self, script: ConnectionScript, *, times: int = 1) -> None:
        """Treat the next sockets in a given way; ``times`` 0: all."""

        def run() -> None:
            if times == 0:
                self.pusher.default_script = script
            self.pusher.scripts.extend([script] * times)

        self._thread.call(run)

    def disconnect(
        self,
        code: int | None = None,
        reason: str = "",
        *,
        socket_id: str | None = None,
        error: int | None = None,
    ) -> int:
        """End sockets with a close code, or without one cut TCP; how many.

        ``error``: send ``pusher:error`` with this code first.
        """

        def run() -> int:
            count = 0
            for connection in tuple(self.pusher.connections):
                if connection.closed_with is not None:
                    continue
                if socket_id not in (None, connection.socket_id):
                    continue
                count += 1
                if error is not None:
                    data = {"code": error, "message": reason or "scripted"}
                    connection.send({"event": "pusher:error", "data": data})
                if code is None:
                    asyncio.get_running_loop().call_later(
                        0.02 if error is not None else 0.0, connection.abort
                    )
                else:
                    connection.close(code, reason)
            return count

        return self._thread.call(run)

    def mute(self, on: bool = True, *, socket_id: str | None = None) -> None:
        """Leave sockets open and dead: nothing is sent, nothing answered."""

        def run() -> None:
            for connection in self.pusher.connections:
                if socket_id in (None, connection.socket_id):
                    connection.muted = on

        self._thread.call(run)

    # settings

    def add_key(self, api_key: str, plan: Plan | None = None, **of_plan: Any) -> Key:
        """Accept another key, with a plan or fields of one."""
        return self.api.add_key(api_key, plan or Plan(**of_plan))

    def configure(self, **values: Any) -> dict[str, Any]:
        """Set attributes of `settings`, `pusher`, `store` or the key's plan.

        For other processes; in process assign to them. Returns the settings.
        """
        key = self.api.keys[self.api_key]
        names = {field.name for field in fields(Settings)}
        for name, value in values.items():
            if name in names:
                held = getattr(self.settings, name)
                if isinstance(held, tuple):
                    value = tuple(value)
                setattr(self.settings, name, value)
            elif name in ("streaming", "active", "max_streams", "tier"):
                setattr(key.plan, name, value)
            elif name in _PUSHER_ATTRIBUTES:
                setattr(self.pusher, name, value)
            elif name in ("page_cap", "overshoot"):
                setattr(self.store, name, value)
            else:
                raise ValueError(f"there is no setting {name!r}")
        return asdict(self.settings)

    def limit(
        self,
        interval: str,
        *,
        requests: int | None = None,
        entities: int | None = None,
    ) -> None:
        """Set a limit of the key: ``limit("per-minute", requests=10)``."""
        plan = self.api.keys[self.api_key].plan
        plan.limits[interval].requests = requests
        plan.limits[interval].entities = entities


_PUSHER_ATTRIBUTES = frozenset(
    (
        "activity_timeout",
        "pong_timeout",
        "max_connections",
        "tls_only",
        "data_as_object",
    )
)


class Held:
    """A request whose answer is held, or will be."""

    def __init__(self, simulator: Simulator, rule: Rule) -> None:
        self.rule = rule
        self._simulator = simulator

    def wait_arrived(self, timeout: float = 10.0) -> None:
        """Wait until the answer is being held."""
        self._simulator.wait(lambda: self.rule.held > 0, timeout)

    def release(self) -> None:
        """Let it go."""
        self._simulator.release(self.rule)


async def _repeat(step: Callable[[], None], every: float, steps: int | None) -> None:
    """Take steps at even times; what was late is caught up with."""
    loop = asyncio.get_running_loop()
    due = loop.time()
    done = 0
    while steps is None or done < steps:
        step()
        done += 1
        due += every
        pause = due - loop.time()
        if pause < -1.0:  # far behind: do not try to catch up
            due = loop.time()
        await asyncio.sleep(max(0.0, pause))
