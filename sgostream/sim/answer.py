"""An answer before it is sent: status, headers, and its body in parts."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

from . import encode
from .event import StoredEvent
from .shape import Shape
from .spans import dumps

_JSON = "application/json; charset=utf-8"

#: Compressed between two turns of the loop.
_BATCH_BYTES = 4 << 20


@dataclass(slots=True)
class Answer:
    """What is sent for a request.

    The body is ``head``, the events with commas between, and ``tail``.
    """

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    head: bytes = b""
    events: list[StoredEvent] = field(default_factory=list)
    shape: Shape = field(default_factory=Shape)
    tail: bytes = b""

    @classmethod
    def json(cls, value: Any, status: int = 200) -> Answer:
        """Return an answer of plain objects."""
        return cls(status, {"Content-Type": _JSON}, dumps(value))

    @classmethod
    def error(cls, status: int, text: str) -> Answer:
        """Return the API's error envelope."""
        return cls.json({"success": False, "error": text}, status)

    @classmethod
    def event_list(
        cls,
        members: dict[str, Any],
        events: list[StoredEvent],
        shape: Shape,
    ) -> Answer:
        """Return an envelope; ``data`` of ``members`` stands for the events."""
        head: list[bytes] = []
        tail: list[bytes] = []
        seen = False
        for name, value in members.items():
            if name == "data":
                seen = True
            else:
                text = dumps(name) + b":" + dumps(value)
                (tail if seen else head).append(text)
        before = b"{" + b"".join(part + b"," for part in head) + b'"data":['
        after = b"]" + b"".join(b"," + part for part in tail) + b"}"
        return cls(200, {"Content-Type": _JSON}, before, list(events), shape, after)

    async def body(self, coding: str) -> bytes:
        """Return the encoded body.

        Long lists give way to the rest of the loop in between; each event
        is shown as it is when its turn comes.
        """
        if coding != "gzip":
            parts = [self.head]
            for number, event in enumerate(self.events):
                if number:
                    parts.append(b",")
                parts.append(event.render(self.shape))
            parts.append(self.tail)
            return encode.encode(b"".join(parts), coding)
        stream = encode.GzipStream()
        out = [stream.begin()]
        comma = encode.small(b",")
        if self.head:
            whole = encode.small(self.head) if self.events else None
            out.append(stream.add(whole or encode.compress(self.head)))
        done = 0
        for number, event in enumerate(self.events):
            if number:
                out.append(stream.add(comma))
            part = event.fragment(self.shape)
            out.append(stream.add(part))
            done += part.size
            if done > _BATCH_BYTES:
                done = 0
                await asyncio.sleep(0)
        if self.tail:
            out.append(stream.add(encode.small(self.tail)))
        out.append(stream.end())
        return b"".join(out)
