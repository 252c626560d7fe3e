"""What a key may do: plans, their limits, and what has been used."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

INTERVALS = {
    "per-second": 1.0,
    "per-minute": 60.0,
    "per-hour": 3600.0,
    "per-day": 86400.0,
    "per-month": 30 * 86400.0,
}


@dataclass(slots=True)
class Limit:
    """Limits of one interval; None is unlimited."""

    requests: int | None = None
    entities: int | None = None


def default_limits() -> dict[str, Limit]:
    """Return the documented caps of an unlimited plan."""
    return {
        "per-second": Limit(),
        "per-minute": Limit(),
        "per-hour": Limit(50_000, 300_000),
        "per-day": Limit(500_000, 7_000_000),
        "per-month": Limit(),
    }


@dataclass(slots=True)
class Plan:
    """A key's plan.

    Parameters
    ----------
    tier : str
        As ``/account/usage`` tells it.
    streaming : bool
        False: ``/stream/events`` answers 403.
    active : bool
        False: everything answers 403.
    bookmakers : frozenset of str or None
        The bookmakers of the plan; None: all that are known.
    max_streams : int or None
        Concurrent streams; one stream is one channel of one socket.
    limits : dict
        Interval (``"per-minute"``) to `Limit`.
    """

    tier: str = "allstar"
    streaming: bool = True
    active: bool = True
    bookmakers: frozenset[str] | None = None
    max_streams: int | None = None
    limits: dict[str, Limit] = field(default_factory=default_limits)


class Usage:
    """What one key has used, in fixed windows from its first use."""

    def __init__(self, plan: Plan, clock: Callable[[], float] = time.monotonic) -> None:
        self.plan = plan
        self._clock = clock
        #: interval -> [end of window, requests, entities]
        self._windows: dict[str, list[float]] = {}

    def _window(self, interval: str) -> list[float]:
        now = self._clock()
        window = self._windows.get(interval)
        if window is None or now >= window[0]:
            window = [now + INTERVALS[interval], 0, 0]
            self._windows[interval] = window
        return window

    def refused(self) -> tuple[str, float] | None:
        """Return the interval that is used up and the seconds until it ends."""
        for interval, limit in self.plan.limits.items():
            end, requests, entities = self._window(interval)
            if (limit.requests is not None and requests >= limit.requests) or (
                limit.entities is not None and entities >= limit.entities
            ):
                return interval, end - self._clock()
        return None

    def count(self, requests: int, entities: int) -> None:
        """Count requests and the events they returned."""
        for interval in self.plan.limits:
            window = self._window(interval)
            window[1] += requests
            window[2] += entities

    def report(self) -> dict[str, Any]:
        """``rateLimits`` of ``/account/usage``."""
        out: dict[str, Any] = {}
        for interval, limit in self.plan.limits.items():
            _, requests, entities = self._window(interval)
            part: dict[str, Any] = {}
            for name, maximum, current in (
                ("requests", limit.requests, requests),
                ("entities", limit.entities, entities),
            ):
                if maximum is None:
                    part[f"max-{name}"] = "unlimited"
                else:
                    part[f"max-{name}"] = maximum
                    part[f"current-{name}"] = int(current)
            out[interval] = part
        return out
