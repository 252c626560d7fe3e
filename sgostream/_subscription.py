"""Subscriptions: a consumer's own queue of updates."""

from __future__ import annotations

import asyncio
import dataclasses
import inspect
import time
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Self, cast

from . import _core, _options
from ._aio import wait_readable
from ._event import QuoteChanges, Update

if TYPE_CHECKING:
    from ._stream import Stream

__all__ = ["Subscription", "SubscriptionStats"]


@dataclasses.dataclass(frozen=True, slots=True)
class SubscriptionStats:
    """Counters of one subscription."""

    pending: int
    """Updates that are ready, or held back by ``min_interval``."""
    delivered: int
    """Updates taken."""
    conflated: int
    """Versions that a newer one replaced before they were taken."""
    cancelled: int
    """Events added and removed again before anybody took them."""
    hidden: int
    """New versions of which the filter showed nothing."""
    dropped: int
    """Pending updates that ``close()`` dropped."""
    previous_dropped: int
    """Previous versions given up under ``max_bytes``."""
    slow_episodes: int
    """Times that ``max_queue`` was passed."""
    stale_episodes: int
    """Times that ``max_age`` was passed."""
    pattern_matches: dict[str, int]
    """How many odds each pattern of ``odd_ids`` has matched."""


class Subscription:
    """A consumer's queue: iterate it, or take from it.

    It yields ``added`` for every event then held, and from there on one update
    for each event that changed, oldest first.  With ``conflate=True`` (the
    default) a slow consumer finds the newest version of each event and the
    changes since the one it took before; nothing queues up.

    Iterable with ``for`` and ``async for``; a context manager that closes it.
    Safe to use from any thread; one event loop at a time.

    See Also
    --------
    Stream.subscribe : makes one.
    """

    def __init__(
        self,
        core: _core.Subscription,
        streams: tuple[Stream, ...],
        patterns: list[str],
    ) -> None:
        self._core = core
        self._streams = streams  # kept alive while somebody consumes them
        self._patterns = patterns
        self._loop: asyncio.AbstractEventLoop | None = None

    # -- taking ---------------------------------------------------------------

    def __iter__(self) -> Iterator[Update]:
        return self

    def __next__(self) -> Update:
        return cast(Update, next(self._core))

    def get(self, timeout: float | None = None) -> Update:
        """Take the next update.

        Parameters
        ----------
        timeout : float, optional
            Seconds; None waits for ever.

        Returns
        -------
        Update

        Raises
        ------
        TimeoutError
            Nothing came in time.
        ClosedError
            The subscription or its streams were closed.
        SgoError
            The final error of the stream; SlowConsumerError; StaleDataError.
        """
        return cast(Update, self._core.get(timeout=_timeout(timeout)))

    def get_batch(self, max: int = 1000, timeout: float | None = None) -> list[Update]:
        """Take up to ``max`` updates, waiting for the first one only.

        Parameters
        ----------
        max : int, default 1000
        timeout : float, optional
            Seconds to wait for the first; None waits for ever.

        Returns
        -------
        list of Update
            Empty when the time is up.

        Raises
        ------
        ClosedError, SgoError
            As ``get``.
        """
        _options.count("max", max)
        return cast(
            "list[Update]", self._core.get_batch(max, timeout=_timeout(timeout))
        )

    def quote_changes(
        self, max: int = 1000, timeout: float | None = None
    ) -> QuoteChanges:
        """Take up to ``max`` updates as one table of changed quotes.

        ``polars.DataFrame(subscription.quote_changes())`` is what moved since
        the last call.  The first table after subscribing holds every quote of
        every event as new, unless ``initial=False``.

        Parameters
        ----------
        max : int, default 1000
        timeout : float, optional
            Seconds to wait for the first update; None waits for ever.

        Returns
        -------
        QuoteChanges
            An Arrow table for data frame libraries, iterable too; without rows
            when the time is up, or when no update changed a quote.

        Raises
        ------
        ClosedError, SgoError
            As ``get``.
        """
        return QuoteChanges(self.get_batch(max, timeout))

    def dispatch(
        self,
        callback: Callable[[Update], object],
        on_error: Callable[[BaseException], object] | None = None,
    ) -> None:
        """Take and call, until the subscription ends; the loop runs in C.

        Parameters
        ----------
        callback : callable
            Called with each update on this thread.
        on_error : callable, optional
            Called with an exception that ``callback`` raised; without it the
            exception goes to ``sys.unraisablehook``.  Neither ends the loop.

        Raises
        ------
        SgoError
            The final error of the stream.
        TypeError
            The callback is a coroutine function: use ``async for``.
        """
        refuse_coroutine(callback, "dispatch")
        self._core.dispatch(cast(Callable[[_core.Update], object], callback), on_error)

    # -- asyncio --------------------------------------------------------------

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Update:
        self._claim_loop()
        while True:
            try:
                batch = self._core.take_nowait(1)
            except StopIteration:
                raise StopAsyncIteration from None
            if batch is None:
                raise StopAsyncIteration
            if batch:
                return cast(Update, batch[0])
            await wait_readable(self._core)

    async def aget(self, timeout: float | None = None) -> Update:
        """Take the next update inside a coroutine.

        Parameters
        ----------
        timeout : float, optional
            Seconds; None waits for ever.

        Returns
        -------
        Update

        Raises
        ------
        TimeoutError, ClosedError, SgoError
            As ``get``.
        RuntimeError
            The subscription already serves another event loop.
        """
        self._claim_loop()
        _timeout(timeout)
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            batch = self._core.take_nowait(1)
            if batch is None:
                return cast(Update, self._core.get(timeout=0.0))  # raises
            if batch:
                return cast(Update, batch[0])
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            if not await wait_readable(self._core, left):
                raise TimeoutError(f"no update within {timeout:g} s")

    def _claim_loop(self) -> None:
        loop = asyncio.get_running_loop()
        if (
            self._loop is not None
            and self._loop is not loop
            and not self._loop.is_closed()
        ):
            raise RuntimeError(
                "this subscription serves another event loop: "
                "make one for each loop with subscribe()"
            )
        self._loop = loop

    # -- the rest -------------------------------------------------------------

    def close(self) -> None:
        """End it: loops over it end quietly, what is pending is dropped."""
        self._core.close()

    def stats(self) -> SubscriptionStats:
        """Counters of this subscription, as they are now.

        Returns
        -------
        SubscriptionStats
        """
        matches = self._core.pattern_matches()
        return SubscriptionStats(
            **self._core.stats(),
            pattern_matches=dict(zip(self._patterns, matches, strict=True)),
        )

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
        self.close()

    def __repr__(self) -> str:
        feeds = ", ".join(stream.feed for stream in self._streams)
        return f"<Subscription to {feeds}>"


def _timeout(value: float | None) -> float | None:
    return None if value is None else _options.seconds("timeout", value)


def refuse_coroutine(callback: Callable[..., object], where: str) -> None:
    """TypeError for a coroutine function, naming what to use instead."""
    if not callable(callback):
        raise TypeError(f"{where}: expected a callable, not {callback!r}")
    target = getattr(callback, "__call__", callback)  # noqa: B004
    if inspect.iscoroutinefunction(callback) or inspect.iscoroutinefunction(target):
        raise TypeError(
            f"{where}: {callback!r} is a coroutine function, which would never be "
            "awaited; use `async for update in stream` instead"
        )
