"""Clients: the key, the documents and the sockets behind streams."""

from __future__ import annotations

import asyncio
import json
import os
import warnings
import weakref
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any, ClassVar, Self, Unpack, cast

from . import _core, _options, _rich
from ._aio import wait_readable
from ._dispatch import CALLBACKS_WAIT
from ._errors import ServerError
from ._event import Event, Update
from ._options import ClientOptions, SubscriptionOptions
from ._reports import ReportRouter
from ._stream import Stream
from ._subscription import Subscription
from ._types import Allowance, ClientStats, Forecast, RateWindow, Usage

__all__ = ["Client", "stream"]


class Client:
    """Owns the key, the documents and the sockets; streams are made from it.

    Does no I/O and starts no thread until a stream is started or a call made.
    All its streams share one socket, one cache and the key's budget of
    requests.  A context manager (``with`` and ``async with``); close it when
    done.  Safe to use from any thread.

    Parameters
    ----------
    api_key : str, optional
        Default: the environment variable ``SPORTS_ODDS_API_KEY_HEADER``.
    base_url : str, optional
        Default: ``SPORTS_GAME_ODDS_BASE_URL``, else the vendor's.  https, or
        plain http to a loopback host.
    bookmaker_ids, odd_ids : iterable of str, optional
        The shape: what of an event is fetched and kept.  ``odd_ids`` are exact
        or have ``PLAYER_ID`` for the player.  Default everything.
    include_alt_lines, include_opposing_odds : bool, default False
        Alternative lines; the other side of each odd asked for.
    include_open_close_odds, expand_results : bool, default False
        Each bookmaker's opening and closing prices; all statistics.
    transport : {"auto", "websocket", "poll"}, default "auto"
        ``poll`` works with every plan; streaming needs AllStar or a custom one.
    timeout : float, default 30.0
        Seconds for one request.
    reconcile_interval : float, default 300.0
        Seconds between two comparisons with the feed's list; 0 for none.
    linger : float, default 60.0
        Seconds that an event which left its feed stays.
    poll_interval : float, default 30.0
        Seconds between two polls.
    max_events : int, default 20000
    max_bytes : int, default 2 GiB
        Bounds of the cache with all pending updates.
    max_requests_in_flight : int, default 6
        Requests out at once; ids that come meanwhile share the next one.
    proxy : str, optional
        ``http://user:password@host:port``; default from ``HTTPS_PROXY``,
        ``ALL_PROXY`` and ``NO_PROXY``; ``""`` for none.
    ca_file : path, optional
        PEM file of trusted roots; default ``SSL_CERT_FILE``, else the system's,
        else those of ``certifi`` if it is installed.
    allow_auth_hosts : iterable of str, optional
        Further hosts (``host`` or ``host:port``) that may authorise channels
        and so receive the key.
    record : path, optional
        Record what the network brings into this file (at most 1 GiB, without
        the key), for a bug report that reproduces itself.  Default no file.

    Raises
    ------
    ConfigurationError
        No usable key; an option that the core refuses.
    TypeError, ValueError
        An option of the wrong type or out of range.

    Examples
    --------
    >>> with sgostream.Client() as client:                 # doctest: +SKIP
    ...     for update in client.upcoming("NFL"):
    ...         print(update)
    """

    #: Options of the core that have no public name; tests set them.
    _core_options: ClassVar[Mapping[str, Any]] = {}

    def __init__(self, **options: Unpack[ClientOptions]) -> None:
        _options.known("a client", options, ClientOptions)
        checked = {**_options.client_options(options), **self._core_options}
        self._core = _core.Client(**checked, event_type=Event, update_type=Update)
        self._router = ReportRouter(self._core)
        self._shown = str(checked["base_url"] or "the vendor's API")
        self._prunes_odds = bool(checked["odd_ids"] or checked["bookmaker_ids"])
        self._finalizer = weakref.finalize(
            self,
            _forgotten,
            self._core,
            f"<sgostream.Client for {self._shown}>",
            os.getpid(),
        )

    # -- streams --------------------------------------------------------------

    def live(self) -> Stream:
        """``events:live``: all events in progress.

        Returns
        -------
        Stream
            Not started.

        Raises
        ------
        ClosedError
            The client is closed.
        """
        return Stream(self, "events:live", {})

    def upcoming(self, league_id: str) -> Stream:
        """``events:upcoming``: events of a league with odds, not started yet.

        Parameters
        ----------
        league_id : str
            One league, like ``"NFL"``.

        Returns
        -------
        Stream
            Not started.

        Raises
        ------
        TypeError, ValueError
            ``league_id`` is no text, or empty.
        ClosedError
            The client is closed.
        """
        return Stream(
            self, "events:upcoming", {"leagueID": _options.league_id(league_id)}
        )

    def by_id(self, event_id: str) -> Stream:
        """``events:byid``: one event.

        Parameters
        ----------
        event_id : str

        Returns
        -------
        Stream
            Not started.

        Raises
        ------
        TypeError, ValueError
            ``event_id`` is no text, or empty.
        ClosedError
            The client is closed.
        """
        return Stream(self, "events:byid", {"eventID": _options.event_id(event_id)})

    def stream(
        self, feed: str, *, params: Mapping[str, object] | None = None
    ) -> Stream:
        """Any feed by name, also one that this version does not know.

        Parameters
        ----------
        feed : str
            Its name, like ``"events:live"``.
        params : mapping, optional
            Its parameters by the API's names (``{"leagueID": "NFL"}``); bools
            become ``true``/``false``, lists are joined by commas.

        Returns
        -------
        Stream
            Not started.

        Raises
        ------
        ConfigurationError
            A known feed without its parameter.
        """
        if not isinstance(feed, str):
            raise TypeError(f"feed: expected a string, not {type(feed).__name__}")
        return Stream(self, feed, _options.params(params))

    def subscribe(
        self, *streams: Stream, **options: Unpack[SubscriptionOptions]
    ) -> Subscription:
        """One subscription over several streams of this client; starts them.

        An event that is in two of them comes once, and is ``removed`` when the
        last of them loses it; ``update.stream`` says which.

        Parameters
        ----------
        *streams : Stream
        **options
            As in :meth:`Stream.subscribe`.

        Returns
        -------
        Subscription
        """
        if not streams:
            raise TypeError("subscribe: give at least one stream")
        for item in streams:
            if not isinstance(item, Stream):
                raise TypeError(
                    f"subscribe: expected streams, not {type(item).__name__}"
                )
            if item._client is not self:
                raise ValueError(
                    f"subscribe: {item!r} belongs to another client; "
                    "one subscription takes streams of one client"
                )
        core = self._subscribe_core(streams, options)
        patterns = _options.names("odd_ids", options.get("odd_ids"))
        return Subscription(core, streams, patterns)

    def _subscribe_core(
        self, streams: tuple[Stream, ...], options: SubscriptionOptions
    ) -> _core.Subscription:
        checked = _options.subscription_options(options)
        for item in streams:
            item.start()
        return self._core.subscribe([item._core for item in streams], **checked)

    # -- calls ----------------------------------------------------------------

    def fetch(self, *event_ids: str, timeout: float | None = None) -> dict[str, Event]:
        """Get events once, without a stream, in this client's shape.

        Parameters
        ----------
        *event_ids : str
        timeout : float, optional
            Seconds to wait; None waits as long as requests are retried.

        Returns
        -------
        dict of str to Event
            Those that the API knows.

        Raises
        ------
        TimeoutError, SgoError
        """
        call = self._core.fetch(self._ids(event_ids))
        self._router.start()
        _wait_call(call, timeout)
        return _by_id(call)

    async def fetch_async(
        self, *event_ids: str, timeout: float | None = None
    ) -> dict[str, Event]:
        """``fetch`` inside a coroutine.

        Parameters
        ----------
        *event_ids : str
        timeout : float, optional
            Seconds to wait; None waits as long as requests are retried.

        Returns
        -------
        dict of str to Event
            Those that the API knows.

        Raises
        ------
        TimeoutError, SgoError
        """
        ids = self._ids(event_ids)
        call = await asyncio.to_thread(self._core.fetch, ids)
        self._router.start()
        await _wait_call_async(call, timeout)
        return _by_id(call)

    def usage(self, *, timeout: float | None = None) -> Usage:
        """Limits and consumption of the key (``GET /account/usage``).

        Parameters
        ----------
        timeout : float, optional
            Seconds to wait; None waits as long as the request is retried.

        Returns
        -------
        Usage

        Raises
        ------
        AuthenticationError
            The API does not know the key.
        TimeoutError, SgoError
        """
        call = self._core.usage()
        self._router.start()
        _wait_call(call, timeout)
        return _read_usage(call.json)

    async def usage_async(self, *, timeout: float | None = None) -> Usage:
        """``usage`` inside a coroutine.

        Parameters
        ----------
        timeout : float, optional
            Seconds to wait; None waits as long as the request is retried.

        Returns
        -------
        Usage

        Raises
        ------
        AuthenticationError
            The API does not know the key.
        TimeoutError, SgoError
        """
        call = await asyncio.to_thread(self._core.usage)
        self._router.start()
        await _wait_call_async(call, timeout)
        return _read_usage(call.json)

    def _ids(self, event_ids: tuple[str, ...]) -> list[str]:
        if not event_ids:
            raise TypeError("fetch: give at least one event_id")
        return [_options.event_id(item) for item in event_ids]

    # -- the rest -------------------------------------------------------------

    def stats(self) -> ClientStats:
        """Counters of this client, as they are now.

        Returns
        -------
        ClientStats
        """
        return ClientStats(**self._core.stats())

    @property
    def closed(self) -> bool:
        """True once ``close()`` was called."""
        return self._core.closed

    def close(self) -> None:
        """Close its streams and sockets, within a second.  Idempotent.

        Events and updates that were delivered stay readable.  Callbacks have seen
        all that was to come when it returns, unless one of them takes longer than
        half a second or calls this.
        """
        self._core.close()
        self._finalizer.detach()
        self._router.join(CALLBACKS_WAIT)

    async def aclose(self) -> None:
        """``close()`` without blocking the event loop."""
        await asyncio.to_thread(self.close)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        state = "closed" if self.closed else "open"
        return f"<sgostream.Client for {self._shown}: {state}>"

    def _repr_mimebundle_(
        self,
        include: Iterable[str] | None = None,
        exclude: Iterable[str] | None = None,
    ) -> dict[str, Any]:
        return _rich.bundle(self, _rich.client_html(self), include, exclude)


def stream(
    feed: str,
    *,
    league_id: str | None = None,
    event_id: str | None = None,
    params: Mapping[str, object] | None = None,
    **client_options: Unpack[ClientOptions],
) -> Stream:
    """Make a stream with a client of its own.

    Parameters
    ----------
    feed : str
        ``"events:live"``, ``"events:upcoming"``, ``"events:byid"``, or any
        other feed's name.
    league_id : str, optional
        Needed by ``events:upcoming``.
    event_id : str, optional
        Needed by ``events:byid``.
    params : mapping, optional
        Further parameters by the API's names.
    **client_options
        As for :class:`Client`; ``api_key`` comes from the environment variable
        ``SPORTS_ODDS_API_KEY_HEADER`` when left out.

    Returns
    -------
    Stream
        Not started; closing it closes its client.

    Raises
    ------
    ConfigurationError
        No usable key, or a known feed without its parameter.

    Examples
    --------
    >>> with sgostream.stream("events:live") as live:      # doctest: +SKIP
    ...     for update in live:
    ...         print(update)
    """
    if not isinstance(feed, str):
        raise TypeError(f"feed: expected a string, not {type(feed).__name__}")
    checked = _options.params(params)
    if league_id is not None:
        checked["leagueID"] = _options.league_id(league_id)
    if event_id is not None:
        checked["eventID"] = _options.event_id(event_id)
    client = Client(**client_options)
    try:
        return Stream(client, feed, checked, owns_client=True)
    except BaseException:
        client.close()
        raise


def _forgotten(core: _core.Client, shown: str, pid: int) -> None:
    """A client was collected, or the interpreter ends, without ``close()``."""
    if os.getpid() != pid or core.closed:
        return
    warnings.warn(
        f"{shown} was never closed: use `with`, or call close()",
        ResourceWarning,
        stacklevel=2,
    )
    core.close()


def _wait(timeout: float | None) -> float | None:
    return None if timeout is None else _options.seconds("timeout", timeout)


def _wait_call(call: _core.Call, timeout: float | None) -> None:
    try:
        call.wait(timeout=_wait(timeout))
    finally:
        # An exception's frames may keep the call alive for long.
        call.cancel()


async def _wait_call_async(call: _core.Call, timeout: float | None) -> None:
    try:
        checked = _wait(timeout)
        if not await wait_readable(call, checked):
            raise TimeoutError(f"no answer within {checked:g} s")
        call.wait(timeout=0.0)
    finally:
        call.cancel()


def _by_id(call: _core.Call) -> dict[str, Event]:
    return {event.event_id: event for event in cast("list[Event]", call.events)}


def _limit(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _read_usage(text: str) -> Usage:
    data = json.loads(text)
    if not isinstance(data, dict):
        raise ServerError(
            f"/account/usage answered with {type(data).__name__}, not an object"
        )
    limits = data.get("rateLimits")
    windows = {}
    for name, window in (limits if isinstance(limits, dict) else {}).items():
        if isinstance(window, dict):
            windows[str(name)] = RateWindow(
                max_requests=_limit(window.get("max-requests")),
                max_entities=_limit(window.get("max-entities")),
                current_requests=_limit(window.get("current-requests")),
                current_entities=_limit(window.get("current-entities")),
            )
    tier, active = data.get("tier"), data.get("isActive")
    return Usage(
        tier=tier if isinstance(tier, str) else None,
        is_active=active if isinstance(active, bool) else None,
        rate_limits=windows,
        forecast=_read_forecast(data["forecast"]),
    )


def _read_forecast(told: dict[str, Any]) -> Forecast:
    """The core's own member of the answer."""

    def side(name: str) -> dict[str, Allowance]:
        return {
            window: Allowance(
                int(row["limit"]),
                int(row["used"]),
                int(row["left"]),
                row.get("lasts_hours"),
            )
            for window, row in told[name].items()
        }

    return Forecast(
        known=told["known"],
        requests_per_hour=told["requests_per_hour"],
        objects_per_hour=told["objects_per_hour"],
        requests=side("requests"),
        objects=side("objects"),
        poll_interval=told.get("poll_interval_s"),
    )
