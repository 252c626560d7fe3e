"""Gzip bodies from parts, checksums, content codings, signatures."""

from __future__ import annotations

import gzip
import random
import shutil
import subprocess
import zlib
from pathlib import Path

import pytest

from sgostream.sim.auth import authorise, is_authorised, signature, user_of
from sgostream.sim.encode import (
    compress,
    crc_combine,
    encode,
    gzip_body,
    inflate,
    negotiate,
)


@pytest.mark.parametrize("size", [0, 1, 2, 255, 4096, 100_003])
def test_checksums_combine(size: int) -> None:
    rng = random.Random(size)
    first, second = rng.randbytes(size // 2 + 1), rng.randbytes(size)
    combined = crc_combine(zlib.crc32(first), zlib.crc32(second), size)
    assert combined == zlib.crc32(first + second)


def test_a_body_of_parts_is_one_gzip_member() -> None:
    rng = random.Random(1)
    parts = [rng.choice([b"abc" * 9999, b"", rng.randbytes(70_000)]) for _ in range(20)]
    body = gzip_body(compress(part) for part in parts)
    unpacker = zlib.decompressobj(31)
    assert unpacker.decompress(body) == b"".join(parts)
    assert unpacker.eof
    assert unpacker.unused_data == b""


def test_the_same_part_may_come_twice() -> None:
    part = compress(b"the same part " * 100)
    assert gzip.decompress(gzip_body([part, part])) == b"the same part " * 200
    assert inflate(part) == b"the same part " * 100


def test_gzip_the_program_reads_it(tmp_path: Path) -> None:
    if shutil.which("gzip") is None:
        pytest.skip("gzip is not installed")
    path = tmp_path / "body.gz"
    path.write_bytes(gzip_body([compress(b"one,"), compress(b"two")]))
    done = subprocess.run(["gzip", "-dc", path], capture_output=True, check=True)
    assert done.stdout == b"one,two"
    assert done.stderr == b""


@pytest.mark.parametrize(
    ("accept", "offered", "chosen"),
    [
        ("", ("gzip",), "identity"),
        ("gzip", ("gzip",), "gzip"),
        ("deflate, gzip;q=0.5, br", ("gzip",), "gzip"),
        ("gzip;q=0", ("gzip",), "identity"),
        ("gzip;q=0.000", ("gzip",), "identity"),
        ("*", ("gzip",), "gzip"),
        ("deflate", ("gzip", "deflate"), "deflate"),
        ("identity", ("gzip",), "identity"),
    ],
)
def test_content_codings(accept: str, offered: tuple[str, ...], chosen: str) -> None:
    assert negotiate(accept, offered) == chosen


def test_whole_bodies() -> None:
    text = b"a body " * 1000
    assert gzip.decompress(encode(text, "gzip")) == text
    assert zlib.decompress(encode(text, "deflate")) == text
    assert encode(text, "identity") == text


def test_the_documented_signature() -> None:
    assert signature("7ad3773142a6692b25b8", "1234.1234:private-foobar") == (
        "58df8b0c36d6982b82c3ecf6b4662e34fe8c25bba48f5369f135bf843651c3a4"
    )


def test_authorisations_cover_socket_channel_and_data() -> None:
    right = ("key", "secret", "1.2", "presence-x", '{"user_id":"u"}')
    auth = authorise(*right)
    assert auth.startswith("key:")
    assert is_authorised(*right, auth)
    assert not is_authorised("key", "secret", "1.3", *right[3:], auth)
    assert not is_authorised(*right[:3], "presence-y", right[4], auth)
    assert not is_authorised(*right[:4], '{"user_id": "u"}', auth)
    assert not is_authorised(*right, "kéy:é")


def test_the_user_does_not_tell_the_key() -> None:
    user = user_of("my-secret-key")
    assert len(user) == 64
    assert int(user, 16) >= 0
    assert "my-secret-key" not in user
    assert user == user_of("my-secret-key") != user_of("another")
