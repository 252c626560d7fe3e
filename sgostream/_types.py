"""Plain values of the public face: enums, state changes, gaps, statistics."""

from __future__ import annotations

import dataclasses
import enum
from datetime import datetime

__all__ = [
    "Allowance",
    "ClientStats",
    "Connection",
    "Forecast",
    "Gap",
    "Phase",
    "RateWindow",
    "Staleness",
    "StateChange",
    "StreamStats",
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


@dataclasses.dataclass(frozen=True, slots=True)
class StreamStats:
    """Counters of one stream since it was started."""

    #: Messages on the channel that named ids.
    notifications: int
    #: Ids in them.
    ids_notified: int
    #: Of those, found pending or in flight already.
    ids_gathered: int
    #: Of those notified, answered by a request that started afterwards.
    ids_answered: int
    #: Notified again before they were answered.
    ids_conflated: int
    #: Not to be had, or over a limit; each was reported to ``on_error``.
    ids_refused: int
    #: Not answered yet.  ``ids_notified`` is the sum of these four.
    ids_pending: int
    #: Messages of unknown events or channels, or unreadable.
    messages_ignored: int
    #: Answers that brought a new or changed version.
    versions_applied: int
    #: Answers equal to the version held.
    versions_unchanged: int
    #: Answers older than the version held, not applied.
    versions_overtaken: int
    #: Answers that were malformed, too large, or over a limit.
    versions_refused: int
    #: Answers in which every ``lastUpdatedAt`` that differed went backwards.
    stale_reads: int
    #: Answers to a notification that had not changed yet, asked again.
    early_reads: int
    #: Times in which notifications may have been missed.
    gaps: int
    #: Completed walks of the feed's list with their refetches.
    reconciles: int
    #: Walks that did not complete.
    walks_failed: int
    #: Connections after the first one.
    reconnects: int
    #: Errors reported to ``on_error``.
    errors: int
    #: Updates taken by all subscriptions.
    updates_delivered: int
    #: Versions that a newer one replaced before they were taken.
    updates_conflated: int
    #: Times in which an update lacked memory; all was told again.
    updates_retried: int
    #: Events that joined the stream.
    events_added: int
    #: Events that left it.
    events_removed: int
    #: Close code of the last connection that ended; 0: none.
    last_close_code: int
    #: Seconds since the last frame on the socket; None before the first.
    last_frame_age: float | None


@dataclasses.dataclass(frozen=True, slots=True)
class ClientStats:
    """Counters of one client, over all its streams and calls."""

    #: Requests sent to the API and the authorisation endpoint.
    requests: int
    #: Of those, failed.
    requests_failed: int
    #: Of those, sent again.
    requests_retried: int
    #: Bytes of bodies, decoded.
    request_bytes_received: int
    #: Answers with status 429.
    rate_limited: int
    #: Requests out now.
    requests_in_flight: int
    #: Different events held.
    events_held: int
    #: Events refused: malformed, or over a limit.
    events_refused: int
    #: Bytes of the newest versions, JSON and index.
    bytes_documents: int
    #: Bytes of the pool behind all versions, blocks that wait for reuse included.
    bytes_pool: int
    #: Bytes of older versions that pending updates hold.
    bytes_queued: int
    #: Versions alive, those held by user code included.
    versions_alive: int
    #: Log lines and reports lost because nobody took them in time.
    reports_dropped: int
    #: Times that a quote was read whose price is no American odds.
    odds_unreadable: int
