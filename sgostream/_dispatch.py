"""The dispatcher: one daemon thread per stream that runs user callbacks in order."""

from __future__ import annotations

import collections
import logging
import os
import select
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from . import _core
from ._errors import SgoError
from ._threads import start_helper

if TYPE_CHECKING:
    from ._event import Update
    from ._types import Gap, StateChange

__all__ = ["CALLBACKS_WAIT", "Dispatcher"]

_log = logging.getLogger(__name__)

#: Seconds that a ``close()`` gives the callbacks to see the last of what came.
CALLBACKS_WAIT = 0.5

_BATCH = 64  # updates taken per turn, so that one callback cannot starve the others
_MAX_WAITING = 10_000  # state changes, gaps and errors; the oldest go first


class Dispatcher:
    """Callbacks of one stream, and the thread that runs them.

    Every method may be called from any thread.  The lock is held for list
    surgery only, never while a callback runs.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._lock = threading.Lock()
        self._waiting: collections.deque[tuple[str, Any]] = collections.deque(
            maxlen=_MAX_WAITING
        )
        self._callbacks: dict[str, list[Callable[[Any], object]]] = {
            "state": [],
            "gap": [],
            "error": [],
        }
        self._subscriptions: list[
            tuple[_core.Subscription, Callable[[Update], object]]
        ] = []
        self._wake_read = -1
        self._wake_write = -1
        self._thread: threading.Thread | None = None
        self._ending = False  # closing, once the last state has come
        self._closing = False
        self._running: Callable[[Any], object] | None = None

    # -- what it is given -----------------------------------------------------

    def add_callback(self, kind: str, callback: Callable[[Any], object]) -> None:
        """Run this for each "state", "gap" or "error"."""
        with self._lock:
            self._callbacks[kind].append(callback)
        self._start()

    def add_subscription(
        self, core: _core.Subscription, callback: Callable[[Update], object]
    ) -> None:
        """Run this for each update of a subscription."""
        with self._lock:
            self._subscriptions.append((core, callback))
        self._start()
        self._wake()

    def put_state(self, change: StateChange) -> None:
        """Queue a state change."""
        self._put("state", change)
        if self._ending and change.current == "disconnected":
            self.close()

    def put_gap(self, gap: Gap) -> None:
        """Queue a gap."""
        self._put("gap", gap)

    def put_error(self, error: BaseException) -> None:
        """Queue an error."""
        self._put("error", error)

    def _put(self, kind: str, item: object) -> None:
        with self._lock:
            if self._closing or not self._callbacks[kind]:
                return
            self._waiting.append((kind, item))
        self._wake()

    def end(self) -> None:
        """Close once the stream's last state, ``disconnected``, has come."""
        self._ending = True

    def close(self) -> None:
        """End the thread once what was queued has been run."""
        with self._lock:
            self._closing = True
        self._wake()

    def join(self, timeout: float) -> None:
        """Wait at most ``timeout`` seconds until all that was queued has been run.

        Returns at once on the dispatcher's own thread, and where nothing runs.
        """
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout)

    def is_thread(self, thread: threading.Thread) -> bool:
        """Whether this is the thread that runs the callbacks."""
        return self._thread is thread

    @property
    def running(self) -> Callable[[Any], object] | None:
        """The callback that another thread is in right now, or None."""
        thread = self._thread
        if thread is None or thread is threading.current_thread():
            return None
        return self._running

    # -- the thread -----------------------------------------------------------

    def _start(self) -> None:
        with self._lock:
            if self._thread is not None or self._closing:
                return
            self._wake_read, self._wake_write = os.pipe()
            os.set_blocking(self._wake_read, False)
            os.set_blocking(self._wake_write, False)
            self._thread = start_helper(
                self._run, f"sgostream-callbacks-{self._name}", self.close
            )

    def _wake(self) -> None:
        with self._lock:
            if self._wake_write >= 0:
                try:
                    os.write(self._wake_write, b"\0")
                except BlockingIOError:
                    pass  # it is awake already

    def _run(self) -> None:
        try:
            while self._turn():
                pass
        finally:
            with self._lock:
                read, write = self._wake_read, self._wake_write
                self._wake_read = self._wake_write = -1
                self._subscriptions.clear()
            os.close(read)
            os.close(write)

    def _turn(self) -> bool:
        """Wait for work and do a portion of it; False when all is done."""
        with self._lock:
            subscriptions = list(self._subscriptions)
            idle = not self._waiting
            if idle and self._closing and not subscriptions:
                return False
            if idle and self._closing:
                idle = False  # drain, then end
        if idle:
            self._sleep([core for core, _ in subscriptions])
        self._run_waiting()
        for core, callback in subscriptions:
            if not self._run_updates(core, callback):
                with self._lock:
                    self._subscriptions = [
                        pair for pair in self._subscriptions if pair[0] is not core
                    ]
        return True

    def _sleep(self, cores: list[_core.Subscription]) -> None:
        poller = select.poll()
        poller.register(self._wake_read, select.POLLIN)
        for core in cores:
            poller.register(core.fileno(), select.POLLIN)
        poller.poll()
        try:
            os.read(self._wake_read, 4096)
        except BlockingIOError:
            pass

    def _run_waiting(self) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    return
                kind, item = self._waiting.popleft()
                callbacks = list(self._callbacks[kind])
            for callback in callbacks:
                self._call(callback, item, is_error=kind == "error")

    def _run_updates(
        self, core: _core.Subscription, callback: Callable[[Update], object]
    ) -> bool:
        """Run a portion of updates; False when the subscription has ended."""
        try:
            batch = core.take_nowait(_BATCH)
        except SgoError as error:
            if error.retryable:
                self._report(error)
                return True
            return False  # the final error: its own report reaches on_error
        if batch is None:
            return False
        for update in batch:
            self._call(callback, update, is_error=False)
        return True

    def _call(
        self, callback: Callable[[Any], object], item: object, *, is_error: bool
    ) -> None:
        self._running = callback
        try:
            callback(item)
        except BaseException as error:  # sys.exit() ends no thread of ours
            _log.exception("callback %r raised", callback)
            if not is_error:
                self._report(error)
        finally:
            self._running = None

    def _report(self, error: BaseException) -> None:
        with self._lock:
            callbacks = list(self._callbacks["error"])
        for callback in callbacks:
            self._call(callback, error, is_error=True)
