"""Content codings, and gzip bodies put together from parts.

A part is compressed once, as raw deflate that ends on a byte boundary and
refers to nothing before it, so parts can be put in one stream in any order.
The checksum of the whole is computed from theirs, without the bytes.
"""

from __future__ import annotations

import importlib
import zlib
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, NamedTuple

_GZIP_HEAD = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
_LAST_BLOCK = b"\x03\x00"
_RAW = -15


def _find_deflate() -> tuple[str, Any]:
    for name, module in (
        ("isal", "isal.isal_zlib"),
        ("zlib-ng", "zlib_ng.zlib_ng"),
    ):
        try:
            return name, importlib.import_module(module)
        except ImportError:
            continue
    return "zlib", zlib


#: Name of the compressor in use, and its module.
DEFLATE_NAME, _deflate = _find_deflate()

try:
    _brotli: Any = importlib.import_module("brotli")
except ImportError:
    _brotli = None


class Fragment(NamedTuple):
    """A compressed part of a body."""

    deflated: bytes
    crc: int
    size: int


def compress(text: bytes) -> Fragment:
    """Compress a part, fast rather than small."""
    packer = _deflate.compressobj(1, zlib.DEFLATED, _RAW)
    deflated = packer.compress(text) + packer.flush(zlib.Z_SYNC_FLUSH)
    return Fragment(deflated, _deflate.crc32(text), len(text))


@lru_cache(maxsize=512)
def small(text: bytes) -> Fragment:
    """Compress a part that comes again and again, as the envelope."""
    return compress(text)


def inflate(fragment: Fragment) -> bytes:
    """Return the bytes of a part."""
    return zlib.decompressobj(_RAW).decompress(fragment.deflated)


class GzipStream:
    """One gzip body from parts, piece by piece."""

    def __init__(self) -> None:
        self._crc = 0
        self._size = 0

    def begin(self) -> bytes:
        """Return the bytes before the first part."""
        return _GZIP_HEAD

    def add(self, part: Fragment) -> bytes:
        """Return the bytes of one part."""
        self._crc = crc_combine(self._crc, part.crc, part.size)
        self._size += part.size
        return part.deflated

    def end(self) -> bytes:
        """Return the bytes after the last part."""
        size = self._size & 0xFFFFFFFF
        return (
            _LAST_BLOCK + self._crc.to_bytes(4, "little") + size.to_bytes(4, "little")
        )


def gzip_body(parts: Iterable[Fragment]) -> bytes:
    """One gzip body from parts."""
    stream = GzipStream()
    out = [stream.begin()]
    out += [stream.add(part) for part in parts]
    out.append(stream.end())
    return b"".join(out)


def negotiate(accept: str, offered: Iterable[str]) -> str:
    """Return the content coding to use: the first one offered that is accepted.

    Parameters
    ----------
    accept : str
        The request's ``Accept-Encoding``, or nothing.
    offered : iterable of str
        What the server is willing to send, best first.
    """
    accepted = set()
    for item in accept.lower().split(","):
        name, _, parameter = item.strip().partition(";")
        weight = parameter.strip().removeprefix("q=")
        if weight and not weight.strip("0."):
            continue
        accepted.add(name.strip())
    for name in offered:
        if name == "br" and _brotli is None:
            continue
        if name in accepted or (name == "gzip" and "*" in accepted):
            return name
    return "identity"


def encode(body: bytes, coding: str) -> bytes:
    """Encode a whole body."""
    if coding == "gzip":
        return gzip_body([compress(body)])
    if coding == "deflate":
        return zlib.compress(body, 1)
    if coding == "br":
        out: bytes = _brotli.compress(body, quality=4)
        return out
    return body


# The checksum of two parts put together: the first one's, moved on by the
# length of the second (a product of polynomials modulo the CRC's), and the
# second one's.

_POLY = 0xEDB88320


def _times(a: int, b: int) -> int:
    product = 0
    bit = 1 << 31
    while True:
        if a & bit:
            product ^= b
            if not a & (bit - 1):
                return product
        bit >>= 1
        if not bit:
            return product
        b = (b >> 1) ^ _POLY if b & 1 else b >> 1


def _powers() -> list[int]:
    out = [1 << 30]  # x
    for _ in range(63):
        out.append(_times(out[-1], out[-1]))
    return out


_X_TO_2_TO = _powers()


@lru_cache(maxsize=4096)
def _move(size: int) -> int:
    out = 1 << 31
    at = 3  # bytes to bits
    while size:
        if size & 1:
            out = _times(_X_TO_2_TO[at % 64], out)
        size >>= 1
        at += 1
    return out


def crc_combine(first: int, second: int, second_size: int) -> int:
    """CRC-32 of two parts together, from the CRC of each."""
    if not second_size:
        return first
    return _times(_move(second_size), first) ^ second
