"""The face, part three: what was asked, who is connected, waiting for it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

from .base import Base
from .journal import Request

T = TypeVar("T")


class Watching(Base):
    """Calls that look and wait, and change nothing."""

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
                    "pongs": [bytes(p) for p in c.pongs],
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
