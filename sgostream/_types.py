"""Plain values of the public face: enums, state changes, gaps, statistics."""

from __future__ import annotations

import dataclasses
import enum
from datetime import datetime

__all__ = [
    "Allowance",
    "Connection",
    "Forecast",
    "Gap",
    "Phase",
    "RateWindow",
    "Staleness",
    "StateChange",
    "Usage",
]


class Connection(enum.StrEnum):
    """State of a stream's connection: the words of pusher-js, and ``polling``."""

    INITIALIZED = "initialized"
    CONNECTING = "connecting"
    CONNECTED = "connected"
    UNAVAILABLE = "unavailable"
    FAILED = "failed"
    DISCONNECTED = "disconnected"
    POLLING = "polling"


class Phase(enum.StrEnum):
    """How far a stream is: what its events are worth right now."""

    IDLE = "idle"
    BOOTSTRAPPING = "bootstrapping"
    SUBSCRIBING = "subscribing"
    RECONCILING = "reconciling"
    LIVE = "live"
    STALE = "stale"
    CLOSED = "closed"


@dataclasses.dataclass(frozen=True, slots=True)
class StateChange:
    """What ``on_state`` callbacks get: one state of the connection after another."""

    previous: Connection
    current: Connection
    #: Why, in words.
    reason: str
    #: The WebSocket close code, or None.
    code: int | None


@dataclasses.dataclass(frozen=True, slots=True)
class Gap:
    """What ``on_gap`` callbacks get: a time in which notifications may be missing.

    It is told once the reconcile that repaired it is complete.
    """

    #: Why notifications may be missing, in words.
    reason: str
    #: Aware UTC times.
    began: datetime
    ended: datetime
    #: How many events were fetched to repair it.
    events_refetched: int


@dataclasses.dataclass(frozen=True, slots=True)
class Staleness:
    """Age of the last proof that data is current."""

    #: Seconds since that proof; ``inf`` when there was none yet.
    seconds: float
    #: What the proof was, or why there is none.
    reason: str


@dataclasses.dataclass(frozen=True, slots=True)
class RateWindow:
    """Consumption of one window (second, minute, hour, day, month) of a key.

    None stands for "unlimited" in maxima and for "not told" in counts.
    """

    max_requests: int | None
    max_entities: int | None
    current_requests: int | None
    current_entities: int | None

    @property
    def requests_left(self) -> int | None:
        """Requests left in this window, None when unlimited or not told."""
        return _left(self.max_requests, self.current_requests)

    @property
    def entities_left(self) -> int | None:
        """Entities (objects) left in this window, None when unlimited or not told."""
        return _left(self.max_entities, self.current_entities)


def _left(maximum: int | None, current: int | None) -> int | None:
    if maximum is None or current is None:
        return None
    return max(0, maximum - current)


@dataclasses.dataclass(frozen=True, slots=True)
class Allowance:
    """What one window of the key's plan has left, as this client reckons it."""

    #: Allowed in the window.
    limit: int
    #: Used of it: what the API told, and what this client has spent since.
    used: int
    #: Still left.
    left: int
    #: Hours that the rest lasts at this client's rate so far; None before there is
    #: one.  More than the window's length: it will not run out.
    lasts_hours: float | None


@dataclasses.dataclass(frozen=True, slots=True)
class Forecast:
    """How long the key's plan lasts at this client's rate so far.

    Requests and objects are counted by the API apart; an object is one event
    in an answer.
    """

    #: False while documented caps stand in, because the API told none.
    known: bool
    requests_per_hour: float
    objects_per_hour: float
    #: By window, limited ones only: "second", "minute", "hour", "day", "month".
    requests: dict[str, Allowance]
    objects: dict[str, Allowance]
    #: Seconds between two walks of a feed that is polled, stretched to the plan;
    #: None when nothing is polled.
    poll_interval: float | None


@dataclasses.dataclass(frozen=True, slots=True)
class Usage:
    """Limits and consumption of the API key (``GET /account/usage``).

    The e-mail address, customer number and key hash of the answer are left
    out on purpose.
    """

    tier: str | None
    is_active: bool | None
    #: By window: "per-second", "per-minute", "per-hour", "per-day", "per-month".
    rate_limits: dict[str, RateWindow]
    #: How long they last.
    forecast: Forecast
