"""Streams: one feed, kept current."""

from __future__ import annotations

import asyncio
import logging
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar, Unpack, cast, overload

from . import _core, _options, _rich
from ._dispatch import CALLBACKS_WAIT, Dispatcher
from ._errors import ClosedError, ForkedError
from ._event import Event, Quotes, Update
from ._events_view import EventsView
from ._options import SubscriptionOptions
from ._subscription import Subscription, refuse_coroutine
from ._types import Connection, Gap, Phase, Staleness, StateChange, StreamStats

if TYPE_CHECKING:
    from ._client import Client
    from .notebook import Board, BoardOptions, Chart, ChartOptions

__all__ = ["Stream"]

OnUpdate = TypeVar("OnUpdate", bound=Callable[[Update], object])
OnState = TypeVar("OnState", bound=Callable[[StateChange], object])
OnGap = TypeVar("OnGap", bound=Callable[[Gap], object])
OnError = TypeVar("OnError", bound=Callable[[BaseException], object])

_log = logging.getLogger(__name__)

_streams: weakref.WeakValueDictionary[int, Stream]
_streams = weakref.WeakValueDictionary()


def find_stream(core: _core.Stream | None) -> Stream | None:
    """The Python stream around a core stream, if it still lives."""
    if core is None:
        return None
    found = _streams.get(id(core))
    if found is None or found._core is not core:
        return None
    return found


class Stream:
    r"""One feed of the API, kept current in the background.

    Made by :meth:`Client.live`, :meth:`Client.upcoming`, :meth:`Client.by_id`,
    :meth:`Client.stream` or :func:`sgostream.stream`.  It starts when it is
    entered, iterated, subscribed to, waited for, or ``start()``\ ed.  Every
    method may be called from any thread; blocking ones release the GIL and
    react to Ctrl-C within 100 ms.

    Examples
    --------
    >>> with sgostream.stream("events:live") as live:      # doctest: +SKIP
    ...     for update in live:
    ...         print(update)
    """

    def __init__(
        self,
        client: Client,
        feed: str,
        params: Mapping[str, str],
        *,
        owns_client: bool = False,
    ) -> None:
        self._client = client
        self._feed = feed
        self._params = dict(params)
        self._owns_client = owns_client
        self._core = client._core.stream(feed, dict(params))
        self._default: Subscription | None = None
        self._lock = threading.RLock()  # _default_subscription starts us
        self._taking = threading.Lock()
        self._dispatcher = Dispatcher(feed)
        self._before_start: list[
            tuple[Callable[[Update], object], SubscriptionOptions]
        ] = []
        self._started = False
        #: Boards and charts, whose last frame is of before the end.
        self._views: weakref.WeakSet[Board | Chart] = weakref.WeakSet()
        _streams[id(self._core)] = self
        client._router.add(self._core.id, self._dispatcher)

    # -- life -----------------------------------------------------------------

    @property
    def client(self) -> Client:
        """The client it belongs to."""
        return self._client

    @property
    def feed(self) -> str:
        """The feed's name, ``events:live`` for example."""
        return self._feed

    @property
    def params(self) -> Mapping[str, str]:
        """The feed's parameters as they go to the API."""
        return dict(self._params)

    def start(self) -> Self:
        """Start it; nothing happens when it runs.  Does not wait.

        Returns
        -------
        Stream
            Itself.

        Raises
        ------
        ClosedError
            It was closed.
        ConfigurationError
            The CA file cannot be used.
        """
        self._client._router.start()
        self._core.start()
        with self._lock:
            waiting, self._before_start = self._before_start, []
            self._started = True
        for callback, options in waiting:
            self._dispatch_updates(callback, options)
        return self

    def close(self) -> None:
        """Stop it within a second and end its loops quietly.  Idempotent.

        Callbacks have seen all that was to come when it returns, unless one of
        them takes longer than half a second (a warning names it) or calls this.
        Closes its client too if it was made by :func:`sgostream.stream`.
        """
        try:
            before = self._core.state().connection
        except ForkedError:
            return  # the parent's: neither its threads nor its sockets are here
        self._dispatcher.end()
        self._core.close()
        if before in ("disconnected", "failed") or not self._client._router.started:
            # no further state will come
            self._dispatcher.close()
        if self._owns_client:
            self._client.close()
        self._dispatcher.join(CALLBACKS_WAIT)
        for view in list(self._views):
            view.close()
        busy = self._dispatcher.running
        if busy is not None:
            _log.warning("closed while the callback %r is still running", busy)

    async def aclose(self) -> None:
        """``close()`` without blocking the event loop."""
        await asyncio.to_thread(self.close)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self.start)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    # -- updates --------------------------------------------------------------

    def subscribe(self, **options: Unpack[SubscriptionOptions]) -> Subscription:
        """Make an independent subscription, and start the stream.

        Parameters
        ----------
        event_ids, league_ids : iterable of str, optional
            Which events; exact ids.  Default all.
        odd_ids : iterable of str, optional
            Which odds are shown: patterns like ``points-*-game-*``.
        bookmaker_ids : iterable of str, optional
            Whose quotes are shown; exact ids.
        include_timestamps : bool, default False
            Show changes of ``lastUpdatedAt`` alone.
        initial : bool, default True
            Begin with ``added`` for every event held.
        conflate : bool, default True
            One pending update per event; else every version in order.
        max_queue : int, default 10000
            With ``conflate=False``: how many updates may wait.
        min_interval : float, default 0.0
            Seconds between two updates of one event at least.
        max_age : float, optional
            Seconds after which data that is not proven current is stale.
        on_stale : {"raise", "mark"}, default "raise"
            Raise :class:`StaleDataError`, or deliver updates marked ``stale``.

        Returns
        -------
        Subscription

        Raises
        ------
        ValueError, TypeError
            An option is malformed.
        ClosedError
            The stream was closed.
        """
        return self._client.subscribe(self, **options)

    def _default_subscription(self) -> Subscription:
        with self._lock:
            if self._default is None:
                self._default = self._client.subscribe(self)
            return self._default

    def __iter__(self) -> Iterator[Update]:
        self._default_subscription()
        return self

    def __next__(self) -> Update:
        subscription = self._default_subscription()
        if not self._taking.acquire(blocking=False):
            raise RuntimeError(
                "two threads iterate this stream at once: give each its own "
                "subscription with stream.subscribe()"
            )
        try:
            return next(subscription)
        finally:
            self._taking.release()

    def __aiter__(self) -> Self:
        self._default_subscription()
        return self

    async def __anext__(self) -> Update:
        return await self._default_subscription().__anext__()

    # -- callbacks ------------------------------------------------------------

    @overload
    def on_update(self, callback: OnUpdate, /) -> OnUpdate: ...

    @overload
    def on_update(
        self, /, **options: Unpack[SubscriptionOptions]
    ) -> Callable[[OnUpdate], OnUpdate]: ...

    def on_update(self, callback: Any = None, /, **options: Any) -> Any:
        """Call a function with each update: ``@stream.on_update``.

        Bare, or called with a subscription's options:
        ``@stream.on_update(league_ids=["NFL"])``.  Callbacks of a stream run on
        one daemon thread of its own, in order.  What one raises is logged,
        handed to ``on_error``, and stops nothing.

        Parameters
        ----------
        callback : callable, optional
            Called with an :class:`Update`.
        **options
            As for :meth:`subscribe`.

        Returns
        -------
        callable
            The callback, or a decorator where only options were given.

        Raises
        ------
        TypeError
            The function is a coroutine function: use ``async for``.
        """
        checked = cast(SubscriptionOptions, options)
        _options.subscription_options(checked)

        def register(function: Any) -> Any:
            refuse_coroutine(function, "on_update")
            with self._lock:
                if not self._started:
                    self._before_start.append((function, checked))
                    return function
            self._dispatch_updates(function, checked)
            return function

        return register if callback is None else register(callback)

    def _dispatch_updates(
        self, callback: Callable[[Update], object], options: SubscriptionOptions
    ) -> None:
        subscription = self._client._subscribe_core((self,), options)
        self._dispatcher.add_subscription(subscription, callback)

    def on_state(self, callback: OnState, /) -> OnState:
        """Call a function with each :class:`StateChange` of the connection.

        Parameters
        ----------
        callback : callable
            Called on the thread of the stream's callbacks, in order.

        Returns
        -------
        callable
            The callback, so that this serves as a decorator.
        """
        self._register("state", "on_state", callback)
        return callback

    def on_gap(self, callback: OnGap, /) -> OnGap:
        """Call a function with each :class:`Gap`, once it is repaired.

        Parameters
        ----------
        callback : callable
            Called on the thread of the stream's callbacks, in order.

        Returns
        -------
        callable
            The callback, so that this serves as a decorator.
        """
        self._register("gap", "on_gap", callback)
        return callback

    def on_error(self, callback: OnError, /) -> OnError:
        """Call a function with every reported error, the final one too.

        Parameters
        ----------
        callback : callable
            Called on the thread of the stream's callbacks, in order.  An error
            that is ``retryable`` is being retried.

        Returns
        -------
        callable
            The callback, so that this serves as a decorator.
        """
        self._register("error", "on_error", callback)
        return callback

    def _register(
        self, kind: str, where: str, callback: Callable[[Any], object]
    ) -> None:
        refuse_coroutine(callback, where)
        self._dispatcher.add_callback(kind, callback)

    # -- state ----------------------------------------------------------------

    @property
    def connection(self) -> Connection:
        """State of the connection, in pusher-js's words and ``polling``."""
        return Connection(self._core.state().connection)

    @property
    def phase(self) -> Phase:
        """How far it is: ``live`` says that its events are proven current."""
        return Phase(self._core.state().phase)

    @property
    def error(self) -> BaseException | None:
        """The final error that ended it, or None."""
        return self._core.state().error

    def wait_live(self, timeout: float | None = None) -> Self:
        """Start it and wait until its phase is ``live``.

        Parameters
        ----------
        timeout : float, optional
            Seconds; None waits for ever.

        Returns
        -------
        Stream
            Itself.

        Raises
        ------
        TimeoutError
            Not live in time.
        ClosedError
            It was closed meanwhile.
        SgoError
            The final error, if it ended with one.
        """
        checked = None if timeout is None else _options.seconds("timeout", timeout)
        self.start()
        self._core.wait_live(timeout=checked)
        return self

    async def wait_live_async(self, timeout: float | None = None) -> Self:
        """``wait_live`` inside a coroutine.

        Parameters
        ----------
        timeout : float, optional
            Seconds; None waits for ever.

        Returns
        -------
        Stream
            Itself.

        Raises
        ------
        TimeoutError, ClosedError, SgoError
            As ``wait_live``.
        """
        checked = None if timeout is None else _options.seconds("timeout", timeout)
        await asyncio.to_thread(self.start)
        async with asyncio.timeout(checked):
            while True:
                state = self._core.state()
                if state.phase == "live" or state.failed or state.phase == "closed":
                    self._core.wait_live(timeout=0.0)
                    return self
                await asyncio.to_thread(_wait_change, self._core, state.serial)

    def wait_closed(self, timeout: float | None = None) -> None:
        """Start it and wait until it ends: for scripts of callbacks only.

        Parameters
        ----------
        timeout : float, optional
            Seconds; None waits for ever.

        Raises
        ------
        TimeoutError
            Still running when the time was up.
        SgoError
            The final error, if it ended with one.
        """
        checked = None if timeout is None else _options.seconds("timeout", timeout)
        try:
            self.start()
        except ClosedError:
            pass  # a callback was faster than we
        self._core.wait_closed(timeout=checked)

    @property
    def is_stale(self) -> bool:
        """True while its data is not proven current."""
        return self.phase is not Phase.LIVE

    def staleness(self, event_id: str | None = None) -> Staleness:
        """Age of the last proof that the stream, or one event, is current.

        Parameters
        ----------
        event_id : str, optional
            One event; default the stream as a whole.

        Returns
        -------
        Staleness

        Raises
        ------
        KeyError
            The event is not held.
        """
        if event_id is not None:
            _options.event_id(event_id)
        seconds, reason = self._core.staleness(event_id)
        return Staleness(float("inf") if seconds is None else seconds, reason)

    # -- data -----------------------------------------------------------------

    @property
    def events(self) -> EventsView:
        """Read-only mapping ``event_id -> Event`` of the newest versions."""
        return EventsView(self._core)

    def quotes(
        self,
        *,
        odd_ids: Iterable[str] | None = None,
        bookmaker_ids: Iterable[str] | None = None,
        alt_lines: bool = False,
    ) -> Quotes:
        """The quotes of all events held at this moment, as a table.

        ``polars.DataFrame(live.quotes())`` and the like read it as Arrow;
        :class:`Quotes` lists the columns.

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
        """
        events = cast("list[Event]", self._core.events())
        return Quotes(events, odd_ids, bookmaker_ids, alt_lines)

    def board(self, **options: Unpack[BoardOptions]) -> Board:
        """A live board for a notebook: games and odds, a column for each bookmaker.

        As the last expression of a cell it shows itself and goes on while other
        cells run.  It is a widget where anywidget is installed (the extra
        ``notebook``), else an HTML table that is replaced once a second.  It
        has a subscription of its own, starts the stream, and ends with
        ``close()``, with the stream, and when its cell runs again.

        Parameters
        ----------
        odd_ids : iterable of str, optional
            Patterns (``points-*-game-*``); default moneyline, spread, total and
            three-way result of the game.
        bookmaker_ids : iterable of str, optional
            Exact ids, a column for each in this order; default as they come.
        event_ids, league_ids : iterable of str, optional
            Exact ids; default all.
        max_rows : int, default 300
            Odds; games that do not fit are counted below.
        max_bookmakers : int, default 12
        odds : {"american", "decimal", "implied"}, default "american"
            How prices are written at first.
        height : int, default 560
            Pixels before it scrolls.
        fps : int, default 20
            Frames a second at most, 60 or fewer; a slow browser gets fewer.
        widget : bool, optional
            True: ImportError where anywidget is missing; False: the table.

        Returns
        -------
        sgostream.notebook.Board
        """
        from .notebook import Board

        return Board(self, **options)

    def chart(
        self, event_id: str, odd_id: str, **options: Unpack[ChartOptions]
    ) -> Chart:
        """A live chart for a notebook: how one odd moves at each bookmaker.

        Draws from the moment it is made; shown, ended and without anywidget as
        :meth:`board`.

        Parameters
        ----------
        event_id : str
        odd_id : str
            Exact, like ``"points-home-game-ml-home"``.
        bookmaker_ids : iterable of str, optional
            Exact ids; default as they come.
        max_bookmakers : int, default 12
        max_points : int, default 5000
            For each bookmaker; the oldest go first.
        odds : {"american", "decimal", "implied"}, default "american"
            How prices are written at first.
        height : int, default 340
            Pixels.
        widget : bool, optional
            True: ImportError where anywidget is missing; False: plain SVG.

        Returns
        -------
        sgostream.notebook.Chart
        """
        from .notebook import Chart

        return Chart(self, event_id, odd_id, **options)

    def stats(self) -> StreamStats:
        """Counters of this stream, as they are now.

        Returns
        -------
        StreamStats
        """
        return StreamStats(**self._core.stats())

    def __repr__(self) -> str:
        shown = "".join(f" {name}={value}" for name, value in self._params.items())
        try:
            state = self._core.state()
            count = self._core.event_count
        except ForkedError:
            return f"<Stream {self._feed}{shown}: of the parent process>"
        return (
            f"<Stream {self._feed}{shown}: {state.connection}, {state.phase}, "
            f"{count} events>"
        )

    def _repr_mimebundle_(
        self,
        include: Iterable[str] | None = None,
        exclude: Iterable[str] | None = None,
    ) -> dict[str, Any]:
        return _rich.bundle(self, _rich.stream_html(self), include, exclude)


def _wait_change(core: _core.Stream, serial: int) -> None:
    """Half a second at most: a cancelled wait leaves no thread behind for long."""
    core.wait_change(serial, timeout=0.5)
