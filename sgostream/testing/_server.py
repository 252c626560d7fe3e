"""The server of :mod:`sgostream.testing`: scripted games, and waiting."""

from __future__ import annotations

import contextlib
import json
import os
import random
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Self, TypeVar, Unpack

from .. import _stream
from .._client import Client
from .._options import KEY_VARIABLE, URL_VARIABLE, ClientOptions
from .._stream import Stream
from .._types import Connection, Phase
from ..sim import Simulator
from ..sim.stopping import Stopping
from ._game import Game, _Values
from ._making import DEFAULT_ODDS, Odds, make_event

__all__ = ["OddsServer"]

T = TypeVar("T")

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_FOLLOWING = (Phase.RECONCILING, Phase.LIVE, Phase.STALE)


class OddsServer(Stopping):
    """A server of the API and of its notifications, for tests.

    It listens on a loopback port that the kernel chooses and speaks what the
    real one speaks: bootstrap, channels, refetches, limits.  It shows exactly
    the games that a test adds, and they change only when the test says so.  A
    context manager; every method may be called from any thread.

    Parameters
    ----------
    seed : int, default 0
        For ids; the same seed, the same ids.
    timeout : float, default 10.0
        Seconds that a change waits for the clients to hold it.

    Examples
    --------
    >>> with OddsServer() as server:                       # doctest: +SKIP
    ...     game = server.add_event("NFL", home="Bills", away="Chiefs")
    ...     with server.stream("events:live") as live:
    ...         live.wait_live(timeout=10)
    ...         game.score(home=7)
    ...         assert live.events[game.event_id].score.home == 7
    """

    def __init__(self, *, seed: int = 0, timeout: float = 10.0) -> None:
        self._simulator = Simulator(https=False, seed=seed)
        self._timeout = timeout
        self._random = random.Random(f"{seed}/testing")
        self._clients = contextlib.ExitStack()
        self._is_out = False

    # -- life -----------------------------------------------------------------

    def start(self) -> Self:
        """Listen."""
        self._simulator.start()
        return self

    def stop(self) -> None:
        """Close the clients that it made, then itself.  Idempotent."""
        self._clients.close()
        self._simulator.stop()

    def __enter__(self) -> Self:
        return self.start()

    # -- how to reach it ------------------------------------------------------

    @property
    def simulator(self) -> Simulator:
        """The simulator behind it, for faults that have no verb here."""
        return self._simulator

    @property
    def api_key(self) -> str:
        """The key that it accepts."""
        return self._simulator.api_key

    @property
    def base_url(self) -> str:
        """What ``base_url=`` takes."""
        return self._simulator.base_url

    def environment(self) -> dict[str, str]:
        """Variables that lead ``sgostream`` here, for programs under test."""
        hosts = os.environ.get("NO_PROXY") or os.environ.get("no_proxy") or ""
        direct = ",".join(filter(None, (hosts, "127.0.0.1")))
        return {
            KEY_VARIABLE: self.api_key,
            URL_VARIABLE: self.base_url,
            "NO_PROXY": direct,
            "no_proxy": direct,
        }

    def client(self, **options: Unpack[ClientOptions]) -> Client:
        """A client of this server; closed with it at the latest.

        Parameters
        ----------
        **options
            As :class:`sgostream.Client` takes them.
        """
        reach: ClientOptions = {
            "api_key": self.api_key,
            "base_url": self.base_url,
            "proxy": "",
        }
        reach.update(options)
        return self._clients.enter_context(Client(**reach))

    def stream(
        self,
        feed: str = "events:live",
        *,
        league_id: str | None = None,
        event_id: str | None = None,
        **options: Unpack[ClientOptions],
    ) -> Stream:
        """A stream of this server with a client of its own.

        Parameters
        ----------
        feed, league_id, event_id
            As :func:`sgostream.stream` takes them.
        **options
            As :class:`sgostream.Client` takes them.
        """
        params = {"leagueID": league_id, "eventID": event_id}
        given = {name: value for name, value in params.items() if value is not None}
        return self.client(**options).stream(feed, params=given)

    # -- events ---------------------------------------------------------------

    def add_event(
        self,
        league_id: str = "NFL",
        *,
        home: str = "Home",
        away: str = "Away",
        live: bool = True,
        odds: Odds | None = None,
        starts_at: datetime | None = None,
        event_id: str | None = None,
        event: Mapping[str, Any] | bytes | None = None,
    ) -> Game:
        """Add a game; streams whose feed shows it get ``added``.

        Parameters
        ----------
        league_id : str, default "NFL"
        home, away : str
            Names of the sides.
        live : bool, default True
            Under way, else upcoming.
        odds : mapping, optional
            ``odd_id -> bookmaker_id -> price``, the price American odds or
            ``(odds, line)``.  Default: moneyline, spread and total of the game
            at draftkings, fanduel and pinnacle.
        starts_at : datetime, optional
            Default an hour ago, or from now on when it is upcoming.
        event_id : str, optional
            Default one is drawn.
        event : mapping or bytes, optional
            The whole event in the API's shape, or its JSON text, instead of
            all of the above: for example an event that was recorded.

        Returns
        -------
        Game
        """
        if event is None:
            if starts_at is None:
                hour = timedelta(hours=-1 if live else 1)
                starts_at = datetime.now(UTC) + hour
            made: Mapping[str, Any] | bytes = make_event(
                event_id or "".join(self._random.choices(_ALPHABET, k=20)),
                league_id,
                home,
                away,
                live=live,
                odds=DEFAULT_ODDS if odds is None else odds,
                starts_at=starts_at,
            )
        else:
            made = event
            plain = json.loads(event) if isinstance(event, bytes) else event
            league_id = str(plain.get("leagueID", league_id))
        before = self._answers()
        added = self._simulator.add_event(made)
        self._wait_shown(added, {}, before)
        return Game(self, added, league_id)

    def _write(self, event_id: str, values: _Values) -> None:
        """Change an event, announce it, wait for who follows it."""
        before = self._answers()
        self._simulator.patch(event_id, values=values)
        self._wait_shown(event_id, values, before)

    # -- waiting --------------------------------------------------------------

    def wait_until(self, condition: Callable[[], T], timeout: float | None = None) -> T:
        """Wait until a condition holds: for what the code under test does.

        Parameters
        ----------
        condition : callable
            Called again and again until it returns something true.
        timeout : float, optional
            Seconds; default the server's.

        Returns
        -------
        object
            What the condition returned.

        Raises
        ------
        TimeoutError
            It did not hold in time.
        """
        limit = self._timeout if timeout is None else timeout
        return self._simulator.wait(condition, limit)

    def _answers(self) -> int:
        return self._simulator.journal.count

    def _wait_shown(self, event_id: str, values: _Values, before: int) -> None:
        """Wait until everybody who follows an event has its new version.

        Clients anywhere: the answer to a request that came after the change.
        Streams of this process: their newest version shows the values.
        """
        if self._is_out:
            return
        with contextlib.suppress(KeyError):
            if self._followers(event_id):
                self.wait_until(lambda: self._was_answered(event_id, before))
        for stream in self._streams_here():
            self.wait_until(
                lambda stream=stream: (  # type: ignore[misc]
                    not self._follows(stream, event_id)
                    or _shows(stream, event_id, values)
                )
            )

    def _followers(self, event_id: str) -> int:
        """Sockets on a channel that names the event."""
        store = self._simulator.store
        channels = store.channels(store.events[event_id])
        return sum(
            not channels.isdisjoint(connection["channels"])
            for connection in self._simulator.connections()
        )

    def _was_answered(self, event_id: str, before: int) -> bool:
        """Whether each of those sockets' clients can have been answered."""
        version = self._simulator.store.events[event_id].version
        answers = sum(
            entry.answered_at is not None and entry.events.get(event_id, -1) >= version
            for entry in self._simulator.requests(since=before)
        )
        return answers >= self._followers(event_id)

    def _streams_here(self) -> Iterator[Stream]:
        for stream in list(_stream._streams.values()):
            if stream.client._shown == self.base_url and not stream.client.closed:
                yield stream

    def _follows(self, stream: Stream, event_id: str) -> bool:
        """Whether a stream will be told of the event's change by its socket."""
        if stream.connection is not Connection.CONNECTED:
            return False
        if stream.phase not in _FOLLOWING:
            return False
        params = dict(stream.params)
        truth = self._simulator.truth(
            stream.feed,
            league_id=params.get("leagueID"),
            event_id=params.get("eventID"),
        )
        return event_id in truth or event_id in stream.events

    # -- trouble --------------------------------------------------------------

    def drop_connection(self, code: int | None = None) -> None:
        """End every socket; clients reconnect and repair the gap.

        Parameters
        ----------
        code : int, optional
            Close code of Pusher, like 4200; default TCP is cut.
        """
        self._simulator.disconnect(code)

    def go_stale(self) -> None:
        """Vanish: cut everything and refuse every connection, until `recover`.

        Streams turn ``stale``; games can change meanwhile, unseen.
        """
        if not self._is_out:
            self._is_out = True
            self._simulator.down()

    def recover(self) -> None:
        """Be there again; streams reconnect by themselves and become live."""
        if self._is_out:
            self._simulator.up()
            self._is_out = False

    @contextlib.contextmanager
    def outage(self) -> Iterator[None]:
        """``go_stale()`` for a block, then ``recover()``."""
        self.go_stale()
        try:
            yield
        finally:
            self.recover()

    def fail(
        self, status: int = 503, *, times: int = 1, retry_after: float | None = None
    ) -> None:
        """Answer the next requests of the API with an error.

        Parameters
        ----------
        status : int, default 503
            429 for the rate limit, 401 for an unknown key.
        times : int, default 1
            How many requests.
        retry_after : float, optional
            Seconds, for the header of that name.
        """
        headers = {} if retry_after is None else {"Retry-After": f"{retry_after:g}"}
        self._simulator.rule("*", status=status, times=times, headers=headers)

    def __repr__(self) -> str:
        return (
            f"<OddsServer {self.base_url}: {len(self._simulator.event_ids())} events>"
        )


def _shows(stream: Stream, event_id: str, values: _Values) -> bool:
    """Whether a stream holds the event with all these values.

    Of odds that the client's shape prunes, only what is there can be compared.
    """
    try:
        event = stream.events[event_id]
    except KeyError:
        return False
    pruned = stream.client._prunes_odds
    for path, value in values.items():
        may_lack = pruned and path[0] == "odds"
        if may_lack and isinstance(value, dict):
            continue
        here: Any = event
        for step in path:
            try:
                here = here[step]
            except (KeyError, IndexError, TypeError):
                here = value if may_lack else None
                break
        if here != value:
            return False
    return True
