"""Where the members of a JSON object stand in its text.

The simulator serves bytes as they were given to it, cuts members out of them
and overwrites values where they stand, so it needs positions and not values.
Text is handled as latin-1 here: one character is one byte, and the structure
of JSON is ASCII.
"""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple

_DECODER = json.JSONDecoder()
_WHITE = frozenset(" \t\n\r")
_SPACE = re.compile(r"[ \t\n\r]*")


class Member(NamedTuple):
    """One member of an object.

    ``start`` and ``end`` delimit the text between the commas, white space
    included; ``value`` and ``value_end`` the value without white space.
    """

    name: str
    start: int
    end: int
    value: int
    value_end: int
    decoded: Any


def _skip(text: str, pos: int) -> int:
    if text[pos : pos + 1] not in _WHITE:
        return pos
    match = _SPACE.match(text, pos)
    return match.end() if match else pos


def object_members(text: str, pos: int) -> tuple[list[Member], int]:
    """Split the object that starts at ``pos`` into its members.

    Parameters
    ----------
    text : str
        JSON, decoded as latin-1.
    pos : int
        Position of the opening brace.

    Returns
    -------
    tuple
        The members in order, and the position after the closing brace.

    Raises
    ------
    ValueError
        The text is no object.
    """
    if text[pos : pos + 1] != "{":
        raise ValueError(f"no object at offset {pos}")
    out: list[Member] = []
    start = pos + 1
    pos = _skip(text, start)
    if text[pos : pos + 1] == "}":
        return out, pos + 1
    while True:
        name, pos = _DECODER.raw_decode(text, pos)
        if not isinstance(name, str):
            raise ValueError(f"a member's name is no string, offset {start}")
        pos = _skip(text, pos)
        if text[pos : pos + 1] != ":":
            raise ValueError(f"no colon at offset {pos}")
        value = _skip(text, pos + 1)
        decoded, value_end = _DECODER.raw_decode(text, value)
        pos = _skip(text, value_end)
        out.append(Member(_utf8(name), start, pos, value, value_end, decoded))
        mark = text[pos : pos + 1]
        if mark == "}":
            return out, pos + 1
        if mark != ",":
            raise ValueError(f"neither comma nor brace at offset {pos}")
        start = pos + 1
        pos = _skip(text, start)


def array_items(text: str, pos: int) -> tuple[list[tuple[int, int]], int]:
    """Positions of the items of the array that starts at ``pos``."""
    if text[pos : pos + 1] != "[":
        raise ValueError(f"no array at offset {pos}")
    out: list[tuple[int, int]] = []
    pos = _skip(text, pos + 1)
    if text[pos : pos + 1] == "]":
        return out, pos + 1
    while True:
        _, end = _DECODER.raw_decode(text, pos)
        out.append((pos, end))
        pos = _skip(text, end)
        mark = text[pos : pos + 1]
        if mark == "]":
            return out, pos + 1
        if mark != ",":
            raise ValueError(f"neither comma nor bracket at offset {pos}")
        pos = _skip(text, pos + 1)


def first_brace(text: str) -> int:
    """Position of the first character that is no white space."""
    return _skip(text, 0)


def _utf8(name: str) -> str:
    if name.isascii():
        return name
    try:
        return name.encode("latin-1").decode("utf-8")
    except (UnicodeEncodeError, UnicodeDecodeError):
        return name  # written with \u escapes


def dumps(value: Any) -> bytes:
    """Compact JSON as the API writes it: UTF-8, no spaces."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()
