"""Payload files: envelopes of the API, or bare events."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from .spans import array_items, first_brace, object_members


class FoundEvent(NamedTuple):
    """An event as it stands in a file."""

    event_id: str
    text: bytes
    is_snapshot: bool


def read_file(path: Path) -> list[FoundEvent]:
    """Return the events of a file, byte for byte; of a folder, of its JSON files.

    Files without events (as an answer of ``/account/usage``) give none.
    """
    if path.is_dir():
        out = []
        for one in sorted(path.glob("*.json")):
            out += read_file(one)
        return out
    text = path.read_bytes()
    latin = text.decode("latin-1")
    members, _ = object_members(latin, first_brace(latin))
    found = {member.name: member for member in members}
    if "eventID" in found:
        start = first_brace(latin)
        event_id = str(found["eventID"].decoded)
        return [FoundEvent(event_id, text[start:].rstrip(), False)]
    data = found.get("data")
    if data is None or not isinstance(data.decoded, list):
        return []
    items, _ = array_items(latin, data.value)
    return [
        FoundEvent(str(value["eventID"]), text[start:end], "pusherKey" in found)
        for (start, end), value in zip(items, data.decoded, strict=True)
        if isinstance(value, dict) and "eventID" in value
    ]
