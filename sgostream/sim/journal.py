"""What was asked of the simulator, and waiting for it to happen."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

T = TypeVar("T")

#: Requests kept; older ones are forgotten.
MAX_REQUESTS = 100_000

_SECRET = frozenset(("x-api-key", "authorization", "proxy-authorization"))


@dataclass(slots=True)
class Request:
    """One request, as it came and as it was answered.

    Times are seconds of ``time.monotonic()``; status 0 is a connection that was
    cut instead of answered. The key is nowhere in it;
    ``key_in`` tells where it was given: ``header``, ``query`` or nothing.
    """

    number: int
    at: float
    method: str
    scheme: str
    path: str
    params: dict[str, str]
    headers: dict[str, str]
    key_in: str = ""
    body: str = ""
    status: int | None = None
    answered_at: float | None = None
    size: int = 0
    #: The events of the answer and the version of each.
    events: dict[str, int] = field(default_factory=dict)


class Journal:
    """The requests in order; any thread may read it and wait on it."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._requests: deque[Request] = deque(maxlen=MAX_REQUESTS)
        self._count = 0
        self._changes = 0

    def begin(
        self,
        method: str,
        scheme: str,
        path: str,
        params: dict[str, str],
        headers: dict[str, str],
    ) -> Request:
        """Note a request that has arrived."""
        key_in = ""
        if "apiKey" in params:
            key_in = "query"
            params = {k: v for k, v in params.items() if k != "apiKey"}
        if "x-api-key" in headers:
            key_in = "header"
        clean = {k: v for k, v in headers.items() if k not in _SECRET}
        with self._changed:
            entry = Request(
                self._count,
                time.monotonic(),
                method,
                scheme,
                path,
                params,
                clean,
                key_in,
            )
            self._count += 1
            self._requests.append(entry)
            self._changes += 1
            self._changed.notify_all()
        return entry

    def end(self, entry: Request, status: int, size: int) -> None:
        """Note that a request has been answered."""
        entry.status = status
        entry.size = size
        entry.answered_at = time.monotonic()
        self.poke()

    def poke(self) -> None:
        """Tell the waiting threads that something has changed."""
        with self._changed:
            self._changes += 1
            self._changed.notify_all()

    def requests(self, path: str | None = None, *, since: int = 0) -> list[Request]:
        """Return the requests so far, of one path, from a number on."""
        with self._changed:
            return [
                entry
                for entry in self._requests
                if entry.number >= since and (path is None or entry.path == path)
            ]

    def clear(self) -> None:
        """Forget the requests; their numbers go on."""
        with self._changed:
            self._requests.clear()

    @property
    def count(self) -> int:
        """Requests that have arrived so far."""
        return self._count

    def wait(self, until: Callable[[], T], timeout: float) -> T:
        """Wait until a condition holds and give what it returned.

        Raises
        ------
        TimeoutError
            It did not hold within ``timeout`` seconds.
        """
        deadline = time.monotonic() + timeout
        while True:
            seen = self._changes
            result = until()  # without the lock: it may call into the loop
            if result:
                return result
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError(f"the condition did not hold within {timeout} s")
            with self._changed:
                if self._changes == seen:
                    # Sliced: what a condition reads may change unannounced.
                    self._changed.wait(min(left, 0.05))
