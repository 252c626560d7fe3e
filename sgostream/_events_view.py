"""The events that a stream holds, as a mapping."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import cast

from . import _core
from ._event import Event

__all__ = ["EventsView"]


class EventsView(Mapping[str, Event]):
    """``event_id -> Event`` of a stream's newest versions; read-only and live.

    Iterating goes over the ids held at that moment.  It may be ahead of the
    updates taken so far.  Any thread may read it; ``KeyError`` for an event
    that is not held.
    """

    __slots__ = ("_core",)

    def __init__(self, core: _core.Stream) -> None:
        self._core = core

    def __getitem__(self, event_id: str) -> Event:
        found = self._core.event(event_id)
        if found is None:
            raise KeyError(event_id)
        return cast(Event, found)

    def __iter__(self) -> Iterator[str]:
        return iter(self._core.event_ids())

    def __len__(self) -> int:
        return self._core.event_count

    def __contains__(self, event_id: object) -> bool:
        return isinstance(event_id, str) and self._core.event(event_id) is not None

    def __repr__(self) -> str:
        return f"<{len(self)} events>"
