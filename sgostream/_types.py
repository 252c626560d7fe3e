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
    """The state before."""
    current: Connection
    """The state from now on."""
    reason: str
    """Why, in words."""
    code: int | None
    """The WebSocket close code, or None."""


@dataclasses.dataclass(frozen=True, slots=True)
class Gap:
    """What ``on_gap`` callbacks get: a time in which notifications may be missing.

    It is told once the reconcile that repaired it is complete.
    """

    reason: str
    """Why notifications may be missing, in words."""
    began: datetime
    """When it began, aware and in UTC."""
    ended: datetime
    """When it was repaired, aware and in UTC."""
    events_refetched: int
    """How many events were fetched to repair it."""


@dataclasses.dataclass(frozen=True, slots=True)
class Staleness:
    """Age of the last proof that data is current."""

    seconds: float
    """Seconds since that proof; ``inf`` when there was none yet."""
    reason: str
    """What the proof was, or why there is none."""


@dataclasses.dataclass(frozen=True, slots=True)
class RateWindow:
    """Consumption of one window (second, minute, hour, day, month) of a key.

    None stands for "unlimited" in maxima and for "not told" in counts.
    """

    max_requests: int | None
    """Requests allowed in the window; None: unlimited."""
    max_entities: int | None
    """Entities (objects, events in answers) allowed; None: unlimited."""
    current_requests: int | None
    """Requests used of it; None: not told."""
    current_entities: int | None
    """Entities used of it; None: not told."""

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

    limit: int
    """Allowed in the window."""
    used: int
    """Used of it: what the API told, and what this client has spent since."""
    left: int
    """Still left."""
    lasts_hours: float | None
    """Hours that the rest lasts at this client's rate so far; None before there is
    one.  More than the window's length: it will not run out.
    """


@dataclasses.dataclass(frozen=True, slots=True)
class Forecast:
    """How long the key's plan lasts at this client's rate so far.

    Requests and objects are counted by the API apart; an object is one event
    in an answer.
    """

    known: bool
    """False while documented caps stand in, because the API told none."""
    requests_per_hour: float
    """This client's requests an hour so far; 0.0 before there is a rate."""
    objects_per_hour: float
    """This client's objects an hour so far; 0.0 before there is a rate."""
    requests: dict[str, Allowance]
    """By window, limited ones only: "second", "minute", "hour", "day", "month"."""
    objects: dict[str, Allowance]
    """The same for objects."""
    poll_interval: float | None
    """Seconds between two walks of a feed that is polled, stretched to the plan;
    None when nothing is polled.
    """


@dataclasses.dataclass(frozen=True, slots=True)
class Usage:
    """Limits and consumption of the API key (``GET /account/usage``).

    The e-mail address, customer number and key hash of the answer are left
    out on purpose.
    """

    tier: str | None
    """The plan's name as the API has it, or None."""
    is_active: bool | None
    """Whether the key is active; None: not told."""
    rate_limits: dict[str, RateWindow]
    """By window: "per-second", "per-minute", "per-hour", "per-day", "per-month"."""
    forecast: Forecast
    """How long they last."""


@dataclasses.dataclass(frozen=True, slots=True)
class StreamStats:
    """Counters of one stream since it was started."""

    notifications: int
    """Messages on the channel that named ids."""
    ids_notified: int
    """Ids in them."""
    ids_gathered: int
    """Of those, found pending or in flight already."""
    ids_answered: int
    """Of those notified, answered by a request that started afterwards."""
    ids_conflated: int
    """Notified again before they were answered."""
    ids_refused: int
    """Not to be had, or over a limit; each was reported to ``on_error``."""
    ids_pending: int
    """Not answered yet.  ``ids_notified`` is the sum of these four."""
    messages_ignored: int
    """Messages of unknown events or channels, or unreadable."""
    versions_applied: int
    """Answers that brought a new or changed version."""
    versions_unchanged: int
    """Answers equal to the version held."""
    versions_overtaken: int
    """Answers older than the version held, not applied."""
    versions_refused: int
    """Answers that were malformed, too large, or over a limit."""
    stale_reads: int
    """Answers in which every ``lastUpdatedAt`` that differed went backwards."""
    early_reads: int
    """Answers to a notification that had not changed yet, asked again."""
    gaps: int
    """Times in which notifications may have been missed."""
    reconciles: int
    """Completed walks of the feed's list with their refetches."""
    walks_failed: int
    """Walks that did not complete."""
    reconnects: int
    """Connections after the first one."""
    errors: int
    """Errors reported to ``on_error``."""
    updates_delivered: int
    """Updates taken by all subscriptions."""
    updates_conflated: int
    """Versions that a newer one replaced before they were taken."""
    updates_retried: int
    """Times in which an update lacked memory; all was told again."""
    events_added: int
    """Events that joined the stream."""
    events_removed: int
    """Events that left it."""
    last_close_code: int
    """Close code of the last connection that ended; 0: none."""
    last_frame_age: float | None
    """Seconds since the last frame on the socket; None before the first."""


@dataclasses.dataclass(frozen=True, slots=True)
class ClientStats:
    """Counters of one client, over all its streams and calls."""

    requests: int
    """Requests sent to the API and the authorisation endpoint."""
    requests_failed: int
    """Of those, failed."""
    requests_retried: int
    """Of those, sent again."""
    request_bytes_received: int
    """Bytes of bodies, decoded."""
    rate_limited: int
    """Answers with status 429."""
    requests_in_flight: int
    """Requests out now."""
    events_held: int
    """Different events held."""
    events_refused: int
    """Events refused: malformed, or over a limit."""
    bytes_documents: int
    """Bytes of the newest versions, JSON and index."""
    bytes_pool: int
    """Bytes of the pool behind all versions, blocks that wait for reuse included."""
    bytes_queued: int
    """Bytes of older versions that pending updates hold."""
    versions_alive: int
    """Versions alive, those held by user code included."""
    reports_dropped: int
    """Log lines and reports lost because nobody took them in time."""
    odds_unreadable: int
    """Times that a quote was read whose price is no American odds."""
