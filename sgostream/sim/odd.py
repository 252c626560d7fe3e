"""One stored odd: its bytes, where its values stand, and views of it.

An odd is kept as the text of its member of ``odds``, name included. Values
are overwritten where they stand; text of another length moves what follows
and the recorded positions with it. Nothing is parsed again.
"""

from __future__ import annotations

import json
import re
from array import array
from typing import Any

from .market import open_price
from .shape import Shape
from .spans import Member, dumps, object_members

#: Fields of a quote whose positions are recorded, in this order.
START, END, ODDS, LINE, AVAILABLE, STAMP, ALT = 0, 1, 2, 4, 6, 8, 10
_STRIDE = 12

_FIELD = {
    "odds": ODDS,
    "spread": LINE,
    "overUnder": LINE,
    "available": AVAILABLE,
    "lastUpdatedAt": STAMP,
    "altLines": ALT,
}
_OPEN_CLOSE = frozenset(
    (
        "openOdds",
        "openSpread",
        "openOverUnder",
        "closeOdds",
        "closeSpread",
        "closeOverUnder",
    )
)
_OPEN_CLOSE_TEXT = re.compile(rb'"(?:open|close)(?:Odds|Spread|OverUnder)"')
_BOOKS = '"byBookmaker":{'
_MEMBER = re.compile(r'"([a-zA-Z]+)":("[^"\\]*"|true|false|-?[0-9.]+)')
#: A quote as it nearly always is; any other is taken apart member by member.
_QUOTE = re.compile(
    r'"([^"\\]*)":\{"odds":("[^"\\]*")(?:,"(?:spread|overUnder)":("[^"\\]*"))?'
    r',"lastUpdatedAt":("[^"\\]*"),"available":(true|false)'
    r'(?:,"deeplink":"[^"\\]*")?'
    r'(,"altLines":(\[(?:\{(?:"\w+":(?:"[^"\\]*"|true|false),?)*\},?)*\]))?\}'
)
_STAMP_TEXT = re.compile(rb'("lastUpdatedAt":")[^"]*')


class Index:
    """Positions in the text of one odd."""

    __slots__ = ("alt_cuts", "body", "books", "fields", "open_cuts", "quotes")

    def __init__(self, text: bytes | bytearray) -> None:
        latin = text.decode("latin-1")
        brace = latin.index("{", latin.index(":", _key_end(latin)))
        self._clear()
        if not self._read_usual(latin, brace):
            self._clear()
            self._read_any(latin, brace)

    def _clear(self) -> None:
        self.books: list[str] = []
        self.quotes = array("i")
        self.alt_cuts = array("i")
        self.open_cuts = array("i")
        #: What stands between the braces of ``byBookmaker``.
        self.body = array("i", (-1, -1))
        #: Member of the odd itself -> position of its value.
        self.fields: dict[str, tuple[int, int]] = {}

    # the usual way: patterns of what is nearly always there

    def _read_usual(self, latin: str, brace: int) -> bool:
        """Read the odd by patterns; False where it is not as usual."""
        at = brace + 1
        while True:
            found = _MEMBER.match(latin, at)
            if found is not None:
                self.fields[found[1]] = found.span(2)
                at = found.end()
            elif latin.startswith(_BOOKS, at):
                start = at + len(_BOOKS)
                end = self._read_usual_quotes(latin, start)
                if end < 0:
                    return False
                self.body = array("i", (start, end))
                at = end + 1
                self.fields["byBookmaker"] = (start - 1, at)
            else:
                return False
            mark = latin[at : at + 1]
            if mark == "}":
                return True
            if mark != ",":
                return False
            at += 1

    def _read_usual_quotes(self, latin: str, at: int) -> int:
        """Read the quotes; the position of the closing brace, or -1."""
        if latin[at : at + 1] == "}":
            return at
        while True:
            found = _QUOTE.match(latin, at)
            if found is None:
                return -1
            span = found.span
            self.books.append(found[1])
            self.quotes.extend(span() + span(2) + span(3) + span(5) + span(4) + span(7))
            if found[6] is not None:
                self.alt_cuts.extend(span(6))
            at = found.end()
            mark = latin[at : at + 1]
            if mark == "}":
                return at
            if mark != ",":
                return -1
            at += 1

    # any other way

    def _read_any(self, latin: str, brace: int) -> None:
        members, _ = object_members(latin, brace)
        for member in members:
            self.fields[member.name] = (member.value, member.value_end)
            if member.name == "byBookmaker" and latin[member.value] == "{":
                self._read_any_quotes(latin, member)

    def _read_any_quotes(self, latin: str, books: Member) -> None:
        self.body = array("i", (books.value + 1, books.value_end - 1))
        quotes, _ = object_members(latin, books.value)
        for quote in quotes:
            self.books.append(quote.name)
            row = array("i", (-1,)) * _STRIDE
            row[START], row[END] = quote.start, quote.end
            if latin[quote.value] == "{":
                self._read_any_quote(latin, quote, row)
            self.quotes.extend(row)

    def _read_any_quote(self, latin: str, quote: Member, row: array[int]) -> None:
        leading = True
        for member in object_members(latin, quote.value)[0]:
            place = _FIELD.get(member.name)
            if place is not None:
                row[place], row[place + 1] = member.value, member.value_end
            cuts = None
            if member.name == "altLines":
                cuts = self.alt_cuts
            elif member.name in _OPEN_CLOSE:
                cuts = self.open_cuts
            if cuts is None:
                leading = False
            elif leading:  # goes with the comma after it
                cuts.extend((member.start, member.end + 1))
            else:  # goes with the comma before it
                cuts.extend((member.start - 1, member.end))

    def shift(self, place: int, by: int) -> None:
        """Move every position from ``place`` on."""
        for name in ("quotes", "alt_cuts", "open_cuts", "body"):
            old = getattr(self, name)
            moved = [x + by if x >= place else x for x in old]
            setattr(self, name, array("i", moved))
        self.fields = {
            name: (a + by if a >= place else a, e + by if e >= place else e)
            for name, (a, e) in self.fields.items()
        }


class Odd:
    """One odd of one event."""

    __slots__ = (
        "_has_alt",
        "_has_open",
        "_index",
        "_view",
        "odd_id",
        "open_line",
        "text",
    )

    def __init__(
        self,
        odd_id: str,
        text: bytes | bytearray,
        open_line: str | None = None,
    ) -> None:
        self.odd_id = odd_id
        #: Line at the opening, empty without lines; None: the text already
        #: holds all that ``includeOpenCloseOdds`` shows.
        self.open_line = open_line
        #: ``"<oddID>":{...}``, as it stands in the event.
        self.text = bytearray(text)
        self._index: Index | None = None
        self._view: tuple[tuple[Any, ...], bytes] | None = None
        self._has_alt: bool | None = None
        self._has_open: bool | None = None

    def copy(self) -> Odd:
        """Return an independent odd with the same text."""
        return Odd(self.odd_id, self.text, self.open_line)

    @property
    def index(self) -> Index:
        """Where the values stand; made on first use."""
        if self._index is None:
            self._index = Index(self.text)
        return self._index

    def replace(self, text: bytes | bytearray) -> None:
        """Take a new text for the whole odd."""
        self.text = bytearray(text)
        self._index = self._view = self._has_alt = self._has_open = None

    def value(self) -> dict[str, Any]:
        """Return the odd as plain objects."""
        start, end = _value_span(self.text)
        out: dict[str, Any] = json.loads(self.text[start:end])
        return out

    def set_value(self, value: Any) -> None:
        """Write plain objects in place of the whole odd."""
        start, end = _value_span(self.text)
        self.replace(self.text[:start] + dumps(value) + self.text[end:])

    # values where they stand

    def splice(self, start: int, end: int, text: bytes) -> None:
        """Put ``text`` where ``start`` to ``end`` stood."""
        self._view = None
        self.text[start:end] = text
        by = len(text) - (end - start)
        if by and self._index is not None:
            # What ends where something is inserted stays as it is.
            self._index.shift(end if end > start else end + 1, by)

    def quote_number(self, bookmaker_id: str) -> int:
        """Position of a bookmaker's quote, or -1."""
        try:
            return self.index.books.index(bookmaker_id)
        except ValueError:
            return -1

    def set_quote(self, number: int, field: int, text: bytes) -> bool:
        """Overwrite one recorded field of a quote; False if it has none."""
        quotes = self.index.quotes
        start = quotes[number * _STRIDE + field]
        if start < 0:
            return False
        end = quotes[number * _STRIDE + field + 1]
        if end - start == len(text):
            self.text[start:end] = text
            self._view = None
        else:
            self.splice(start, end, text)
        return True

    def quote_field(self, number: int, field: int) -> bytes:
        """Text of one recorded field of a quote, empty if it has none."""
        quotes = self.index.quotes
        start = quotes[number * _STRIDE + field]
        if start < 0:
            return b""
        return bytes(self.text[start : quotes[number * _STRIDE + field + 1]])

    def set_field(self, name: str, text: bytes) -> bool:
        """Overwrite the value of a member of the odd itself."""
        span = self.index.fields.get(name)
        if span is None:
            return False
        if span[1] - span[0] == len(text):
            self.text[span[0] : span[1]] = text
            self._view = None
        else:
            self.splice(span[0], span[1], text)
        return True

    def append_field(self, name: str, text: bytes) -> None:
        """Write a member of the odd; a new one comes last."""
        if self.set_field(name, text):
            return
        fields = self.index.fields
        at = max(end for _, end in fields.values()) if fields else 0
        comma = b"," if fields else b""
        member = comma + dumps(name) + b":" + text
        if not fields:
            at = self.text.rindex(b"}")
        self.splice(at, at, member)
        fields = self.index.fields
        fields[name] = (at + len(member) - len(text), at + len(member))

    def stamp_alt_lines(self, number: int, stamp: bytes) -> None:
        """Give all alternative lines of a quote the same time stamp."""
        old = self.quote_field(number, ALT)
        if old:
            new = _STAMP_TEXT.sub(lambda found: found[1] + stamp, old)
            self.set_quote(number, ALT, new)

    # views

    def view(self, shape: Shape) -> bytes | bytearray:
        """Return the text with what the shape leaves out cut away."""
        if self._has_alt is None:
            self._has_alt = b'"altLines"' in self.text
            found = _OPEN_CLOSE_TEXT.search(self.text)
            self._has_open = found is not None
        cut_alt = self._has_alt and not shape.alt_lines
        cut_open = self._has_open and not shape.open_close
        add = shape.open_close and self.open_line is not None
        if not (cut_alt or cut_open or add or shape.bookmaker_ids):
            return self.text
        key = (cut_alt, cut_open, add, shape.bookmaker_ids)
        if self._view is None or self._view[0] != key:
            text = self._cut(bool(cut_alt), bool(cut_open), add, key[3])
            self._view = (key, text)
        return self._view[1]

    def _cut(self, alt: bool, open_: bool, add: bool, books: tuple[str, ...]) -> bytes:
        index = self.index
        cuts = _pairs(index.alt_cuts) if alt else []
        if open_:
            cuts += _pairs(index.open_cuts)
        if books and index.body[0] >= 0:
            gone = self._quote_cuts(books)
            cuts = [
                cut for cut in cuts if not any(a <= cut[0] < e for a, e in gone)
            ] + gone
        more = self._open_close(books) if add else {}
        cuts += [(place, place) for place in more]
        cuts.sort()
        parts: list[bytes | bytearray] = []
        at = 0
        for start, end in cuts:
            parts.append(self.text[at:start])
            if start == end:
                parts.append(more.get(start, b""))
            at = end
        parts.append(self.text[at:])
        return b"".join(parts)

    def _open_close(self, books: tuple[str, ...]) -> dict[int, bytes]:
        """Return what ``includeOpenCloseOdds`` adds, and where.

        Opening prices are drawn from the names; the closing ones follow the
        market, as they do while a game is on.
        """
        index = self.index
        out = {}
        started = self.text_of("started") == b"true"
        for number, book in enumerate(index.books):
            if books and book not in books:
                continue
            price = open_price(self.odd_id, book).encode()
            text = b',"openOdds":"' + price + b'"'
            line = self.quote_field(number, LINE)
            name = b"Spread" if line[1:2] in b"+-" else b"OverUnder"
            if line:
                opened = dumps(self.open_line)
                text += b',"open' + name + b'":' + opened
            if started:
                text += b',"closeOdds":' + self.quote_field(number, ODDS)
                if line:
                    text += b',"close' + name + b'":' + line
            out[index.quotes[number * _STRIDE + END] - 1] = text
        return out

    def text_of(self, name: str) -> bytes:
        """Text of a member of the odd itself, empty if it has none."""
        start, end = self.index.fields.get(name, (0, 0))
        return bytes(self.text[start:end])

    def _quote_cuts(self, books: tuple[str, ...]) -> list[tuple[int, int]]:
        index = self.index
        if not any(book in books for book in index.books):
            return [(index.body[0], index.body[1])]
        out = []
        leading = True
        for number, book in enumerate(index.books):
            start = index.quotes[number * _STRIDE + START]
            end = index.quotes[number * _STRIDE + END]
            if book in books:
                leading = False
            elif leading:
                out.append((start, end + 1))
            else:
                out.append((start - 1, end))
        return out


def _pairs(flat: array[int]) -> list[tuple[int, int]]:
    return list(zip(flat[::2], flat[1::2], strict=True))


def _key_end(latin: str) -> int:
    start = latin.index('"')
    _, end = json.JSONDecoder().raw_decode(latin, start)
    return int(end)


def _value_span(text: bytes | bytearray) -> tuple[int, int]:
    latin = text.decode("latin-1")
    start = latin.index("{", latin.index(":", _key_end(latin)))
    _, end = json.JSONDecoder().raw_decode(latin, start)
    return start, int(end)
