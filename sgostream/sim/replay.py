"""Recorded slates: answers made once and shown again and again."""

from __future__ import annotations

from dataclasses import dataclass

from .encode import Fragment, inflate
from .event import StoredEvent
from .player import Moved
from .shape import SNAPSHOT, Shape
from .store import Store


@dataclass(slots=True)
class _Version:
    event_id: str
    answer: Fragment
    whole: Fragment
    channels: dict[str, list[str]]


class _Recorded(StoredEvent):
    """An event whose answers of one shape were made beforehand.

    What was recorded beside them is what ``/stream/events`` shows; other
    shapes are made of that.
    """

    def show(self, shape: Shape, version: _Version) -> None:
        self._whole = version.whole
        self._parsed = False
        self.touch()
        self.put_fragment(shape, version.answer)
        self.put_fragment(SNAPSHOT, version.whole)
        self._recorded_shape = shape

    def render(self, shape: Shape) -> bytes:
        made = self._made.get(shape)
        if made is not None:
            return inflate(made)
        if not self._parsed:  # another shape: slow, and right
            made_before = dict(self._made)
            self._load(inflate(self._whole))
            self._decoded.clear()
            self._made = made_before
            self._parsed = True
        return super().render(shape)


class Recording:
    """Versions of events in the order in which they came."""

    def __init__(self, store: Store, shape: Shape) -> None:
        self._store = store
        self._shape = shape
        self._versions: list[_Version] = []
        self._at = 0

    @property
    def size(self) -> int:
        """Bytes that are kept."""
        return sum(
            len(v.answer.deflated) + len(v.whole.deflated) for v in self._versions
        )

    def take(self, moved: Moved) -> None:
        """Keep the present answers of what has moved."""
        for event_id in moved.event_ids:
            event = self._store.events.get(event_id)
            if event is None:
                continue
            channels = {
                name: [event_id]
                for name, ids in moved.channels.items()
                if event_id in ids
            }
            self._versions.append(
                _Version(
                    event_id,
                    event.fragment(self._shape),
                    event.fragment(SNAPSHOT),
                    channels,
                )
            )

    def step(self) -> Moved:
        """Show the next version; after the last comes the first."""
        if not self._versions:
            return Moved([], {})
        version = self._versions[self._at]
        self._at = (self._at + 1) % len(self._versions)
        held = self._store.events.get(version.event_id)
        if not isinstance(held, _Recorded):
            text = inflate(version.whole)
            held = _Recorded(text)
            self._store.add(held)
        held.show(self._shape, version)
        return Moved([version.event_id], version.channels)
