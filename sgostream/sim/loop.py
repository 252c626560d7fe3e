"""A thread with an event loop, and calls into it from other threads."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

_CALL_TIMEOUT_S = 60.0


def abort(transport: asyncio.BaseTransport | None) -> None:
    """Cut a connection, if it is there.

    A TLS transport that was closed twice has let go of its protocol; Python
    3.11.2 (Debian 12) then fails in `abort`, newer ones do nothing.
    """
    if isinstance(transport, asyncio.WriteTransport):
        with contextlib.suppress(AttributeError):
            transport.abort()


async def _last_turns(loop: asyncio.AbstractEventLoop) -> None:
    """Let what was cut be closed: that is done by callbacks of later turns."""
    selector = getattr(loop, "_selector", None)
    for _ in range(20):
        if selector is None or len(selector.get_map()) <= 1:  # its own pipe
            break
        await asyncio.sleep(0.005)
    for _ in range(3):
        await asyncio.sleep(0)


class LoopThread:
    """Runs a loop in a thread of its own between `start` and `stop`."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    @property
    def running(self) -> bool:
        """Whether the thread is there."""
        return self._thread is not None

    def start(self) -> None:
        """Start the thread."""
        ready = threading.Event()

        def run() -> None:
            loop = asyncio.new_event_loop()
            self._loop = loop
            asyncio.set_event_loop(loop)
            loop.call_soon(ready.set)
            try:
                loop.run_forever()
            finally:
                tasks = asyncio.all_tasks(loop)
                for task in tasks:
                    task.cancel()
                loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
                loop.run_until_complete(loop.shutdown_asyncgens())
                loop.run_until_complete(_last_turns(loop))
                loop.close()

        self._thread = threading.Thread(target=run, name=self._name, daemon=True)
        self._thread.start()
        ready.wait()

    def stop(self) -> None:
        """End the thread and wait for it."""
        thread, loop = self._thread, self._loop
        if thread is None or loop is None:
            return
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        self._thread = self._loop = None

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine in the loop and wait for its result."""
        if self._loop is None:
            coroutine.close()
            raise RuntimeError("the simulator is not running")
        future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        return future.result(_CALL_TIMEOUT_S)

    def call(self, function: Callable[[], T]) -> T:
        """Call a function in the loop's thread and wait for its result."""
        loop = self._loop
        if loop is None or threading.current_thread() is self._thread:
            return function()
        future: concurrent.futures.Future[T] = concurrent.futures.Future()

        def run() -> None:
            try:
                future.set_result(function())
            except BaseException as error:
                future.set_exception(error)

        loop.call_soon_threadsafe(run)
        return future.result(_CALL_TIMEOUT_S)

    def spawn(self, coroutine: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Start a task; only from the loop's thread."""
        if self._loop is None:
            coroutine.close()
            raise RuntimeError("the simulator is not running")
        return self._loop.create_task(coroutine)
