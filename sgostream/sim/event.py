"""One stored event: its parts as bytes, and answers made from them.

The event is never kept as one tree. Its members are kept as they were
written, the odds one by one, so that a change costs what it changes and an
answer is a join of the parts that its shape shows.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from .encode import Fragment, compress
from .odd import AVAILABLE, LINE, ODDS, STAMP, Odd
from .shape import SNAPSHOT, Shape
from .spans import dumps, first_brace, object_members

#: A path in an event: names, and positions in arrays.
Path = Sequence[str | int]

_CACHED_SHAPES = 4
_QUOTE_FIELDS = {
    "odds": ODDS,
    "spread": LINE,
    "overUnder": LINE,
    "available": AVAILABLE,
    "lastUpdatedAt": STAMP,
}


class StoredEvent:
    """An event as the simulator holds it.

    Parameters
    ----------
    text : bytes
        The event's JSON; answers repeat these bytes as they stand.
    """

    def __init__(self, text: bytes) -> None:
        self.parts: dict[str, bytes] = {}
        self.odds: dict[str, Odd] = {}
        self._around_odds = (b'"odds":{', b"}")
        #: Makes the ``results`` of ``expandResults`` from the base set.
        self.expand: Callable[[Any], Any] | None = None
        #: What ``/stream/events`` shows instead, until the next change.
        self.snapshot: StoredEvent | None = None
        self.version = 0
        self._made: dict[Shape, Fragment] = {}
        self._decoded: dict[str, Any] = {}
        if text:
            self._load(text)

    @classmethod
    def from_parts(cls, parts: dict[str, bytes], odds: dict[str, Odd]) -> StoredEvent:
        """Make an event of members already written.

        Parameters
        ----------
        parts : dict
            Member name to ``"name":value``; ``odds`` marks its place.
        odds : dict
            The odds in their order.
        """
        event = cls(b"")
        event.parts = parts
        event.odds = odds
        return event

    def _load(self, text: bytes) -> None:
        latin = text.decode("latin-1")
        members, _ = object_members(latin, first_brace(latin))
        self.parts = {m.name: text[m.start : m.end] for m in members}
        self.odds = {}
        for member in members:
            if member.name != "odds" or latin[member.value] != "{":
                continue
            odds, _ = object_members(latin, member.value)
            self._around_odds = (
                text[member.start : member.value + 1],
                text[member.value_end - 1 : member.end],
            )
            if odds:
                for odd in odds:
                    self.odds[odd.name] = Odd(odd.name, text[odd.start : odd.end])
        if not isinstance(self.get("eventID"), str):
            raise ValueError("an event needs an eventID")

    def copy(self) -> StoredEvent:
        """Return an independent event with the same content and version."""
        other = StoredEvent(b"")
        other.parts = dict(self.parts)
        other.odds = {key: odd.copy() for key, odd in self.odds.items()}
        other._around_odds = self._around_odds
        other.expand = self.expand
        other.version = self.version
        return other

    # reading

    def get(self, name: str, default: Any = None) -> Any:
        """Return a member other than ``odds`` as plain objects."""
        if name not in self._decoded:
            part = self.parts.get(name)
            if part is None:
                return default
            member = object_members("{" + part.decode("latin-1") + "}", 0)
            span = member[0][0]
            self._decoded[name] = json.loads(part[span.value - 1 : span.value_end - 1])
        return self._decoded[name]

    @property
    def event_id(self) -> str:
        """The event's ``eventID``."""
        return str(self.get("eventID"))

    @property
    def status(self) -> dict[str, Any]:
        """The event's ``status``; not to be changed."""
        value = self.get("status")
        return value if isinstance(value, dict) else {}

    def flag(self, name: str) -> bool:
        """One of the flags of ``status``."""
        return self.status.get(name) is True

    # answers

    def render(self, shape: Shape) -> bytes:
        """Return the event's bytes as an answer of this shape shows them."""
        if self.snapshot is not None and shape == SNAPSHOT:
            return self.snapshot.render(shape)
        out = []
        for name, part in self.parts.items():
            if name == "odds":
                out.append(self._render_odds(shape))
            elif name == "results" and shape.expand_results and self.expand:
                more = self.expand(self.get("results"))
                out.append(b'"results":' + dumps(more))
            else:
                out.append(part)
        return b"{" + b",".join(out) + b"}"

    def fragment(self, shape: Shape) -> Fragment:
        """Return the same, compressed once per version and shape."""
        if self.snapshot is not None and shape == SNAPSHOT:
            return self.snapshot.fragment(shape)
        made = self._made.get(shape)
        if made is None:
            made = compress(self.render(shape))
            if len(self._made) >= _CACHED_SHAPES:
                self._made.pop(next(iter(self._made)))
            self._made[shape] = made
        return made

    def put_fragment(self, shape: Shape, fragment: Fragment) -> None:
        """Give the compressed answer for the present version."""
        self._made[shape] = fragment

    def _render_odds(self, shape: Shape) -> bytes:
        if "odds" in self.parts and not self.odds:
            return self.parts["odds"]
        if shape.odd_ids:
            shown = self._selected(shape)
        else:
            shown = list(self.odds.values())
        before, after = self._around_odds
        return before + b",".join([odd.view(shape) for odd in shown]) + after

    def _selected(self, shape: Shape) -> list[Odd]:
        ids = set(shape.select(self.odds))
        if shape.opposing:
            for odd_id in tuple(ids):
                odd = self.odds[odd_id]
                span = odd.index.fields.get("opposingOddID")
                if span is not None:
                    ids.add(json.loads(odd.text[span[0] : span[1]]))
        return [odd for odd in self.odds.values() if odd.odd_id in ids]

    # changes

    def touch(self) -> None:
        """Begin a new version; every change ends with this."""
        self.version += 1
        self._made.clear()
        self.snapshot = None

    def replace(self, text: bytes) -> None:
        """Take new bytes for the whole event."""
        fresh = StoredEvent(text)
        if fresh.event_id != self.event_id:
            raise ValueError(
                f"these are the bytes of {fresh.event_id!r}, not of {self.event_id!r}"
            )
        self.parts, self.odds = fresh.parts, fresh.odds
        self._around_odds = fresh._around_odds
        self._decoded = fresh._decoded
        self.expand = None
        self.touch()

    def set_part(self, name: str, value: Any) -> None:
        """Write a member of the event, ``odds`` excepted."""
        self._write_part(name, value)
        self.touch()

    def _write_part(self, name: str, value: Any) -> None:
        self.parts[name] = dumps(name) + b":" + dumps(value)
        self._decoded.pop(name, None)

    def set(self, path: Path, value: Any) -> None:
        """Write the value at a path; missing objects on the way are made."""
        head, rest = _split(path)
        if head != "odds":
            self._write_part(head, _with(self.get(head), rest, value))
        elif not rest:
            self.parts["odds"] = b'"odds":{}'
            self._around_odds = (b'"odds":{', b"}")
            self.odds = {}
            for odd_id, odd in value.items():
                self._put_odd(odd_id, odd)
        elif len(rest) == 1:
            self._put_odd(str(rest[0]), value)
        else:
            self._set_in_odd(str(rest[0]), rest[1:], value)
        self.touch()

    def remove(self, path: Path) -> None:
        """Remove the member at a path; ``KeyError`` if there is none."""
        head, rest = _split(path)
        if not rest:
            del self.parts[head]
            self._decoded.pop(head, None)
            if head == "odds":
                self.odds = {}
        elif head != "odds":
            self._write_part(head, _without(self.get(head), rest))
        elif len(rest) == 1:
            del self.odds[str(rest[0])]
            if not self.odds:
                self.parts["odds"] = b'"odds":{}'
                self._around_odds = (b'"odds":{', b"}")
        else:
            odd = self.odds[str(rest[0])]
            odd.set_value(_without(odd.value(), rest[1:]))
        self.touch()

    def set_quote(
        self,
        odd_id: str,
        bookmaker_id: str,
        *,
        odds: str | None = None,
        line: str | None = None,
        available: bool | None = None,
        last_updated_at: str | None = None,
    ) -> None:
        """Overwrite fields of one quote where they stand."""
        odd = self.odds[odd_id]
        number = odd.quote_number(bookmaker_id)
        if number < 0:
            raise KeyError(bookmaker_id)
        for field, value in (
            (ODDS, odds),
            (LINE, line),
            (AVAILABLE, available),
            (STAMP, last_updated_at),
        ):
            if value is None:
                continue
            if not odd.set_quote(number, field, dumps(value)):
                raise KeyError(f"{odd_id}/{bookmaker_id} lacks that field")
        self.touch()

    def _put_odd(self, odd_id: str, value: Any) -> None:
        if "odds" not in self.parts:
            self.parts["odds"] = b'"odds":{}'
        if not self.odds:
            self._around_odds = (b'"odds":{', b"}")
        text = dumps(odd_id) + b":" + dumps(value)
        if odd_id in self.odds:
            self.odds[odd_id].replace(text)
        else:
            self.odds[odd_id] = Odd(odd_id, text)

    def _set_in_odd(self, odd_id: str, rest: Path, value: Any) -> None:
        odd = self.odds[odd_id]
        if not isinstance(value, dict | list):
            text = dumps(value)
            if len(rest) == 1 and odd.set_field(str(rest[0]), text):
                return
            if len(rest) == 3 and rest[0] == "byBookmaker":
                number = odd.quote_number(str(rest[1]))
                field = _QUOTE_FIELDS.get(str(rest[2]))
                if (
                    number >= 0
                    and field is not None
                    and odd.set_quote(number, field, text)
                ):
                    return
        odd.set_value(_with(odd.value(), rest, value))


def _split(path: Path) -> tuple[str, Path]:
    if isinstance(path, str) or not path:
        raise ValueError(f"a path is a sequence of names, not {path!r}")
    return str(path[0]), path[1:]


def _with(tree: Any, path: Path, value: Any) -> Any:
    if not path:
        return value
    here, rest = path[0], path[1:]
    if isinstance(tree, list):
        at = int(here)
        out = list(tree)
        if at == len(out):
            out.append(None)
        out[at] = _with(out[at], rest, value)
        return out
    made = dict(tree) if isinstance(tree, dict) else {}
    made[str(here)] = _with(made.get(str(here)), rest, value)
    return made


def _without(tree: Any, path: Path) -> Any:
    here, rest = path[0], path[1:]
    if isinstance(tree, list):
        at = int(here)
        middle = [_without(tree[at], rest)] if rest else []
        return [*tree[:at], *middle, *tree[at + 1 :]]
    made = dict(tree)
    if rest:
        made[str(here)] = _without(made[str(here)], rest)
    else:
        del made[str(here)]
    return made
