"""A recording holds no key and replays exactly."""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path

import pytest
from rig import Rig, eventually

import sgostream
from sgostream.sim import Simulator

SCORE = ("teams", "home", "score")
KEY = "geheim-0123456789abcdef"


@pytest.fixture
def replay(c_examples: Path) -> Path:
    """Return the replay program."""
    program = c_examples.parent / "tools" / "replay"
    assert program.exists(), "run by make, which builds it"
    return program


def run(program: Path, *args: str | Path) -> tuple[int, str]:
    """Run it; its exit status and what it printed."""
    done = subprocess.run(
        [program, *args], capture_output=True, text=True, timeout=60, check=False
    )
    return done.returncode, done.stdout + done.stderr


def record(path: Path) -> None:
    """Record a client with a disconnect, changes and calls."""
    with Simulator(seed=3, api_key=KEY) as sim:
        ids = [sim.add_event(live=True) for _ in range(3)]
        client = sgostream.Client(
            api_key=sim.api_key,
            base_url=sim.https_base_url,
            ca_file=sim.ca_file,
            proxy="",
            record=path,
        )
        with client, client.live() as live:
            live.wait_live(20)
            sim.patch(ids[0], SCORE, 71)
            eventually(
                lambda: live.events[ids[0]]["teams"]["home"]["score"] == 71,
                "the change",
            )
            sim.disconnect(4200)
            eventually(lambda: live.phase != "live", "the loss")
            sim.patch(ids[1], SCORE, 72)
            live.wait_live(20)
            assert live.events[ids[1]]["teams"]["home"]["score"] == 72
            client.fetch(ids[2])
            client.usage()
        assert any("/stream/events" in r.path for r in sim.requests())


def test_a_recording_replays_exactly_and_holds_no_key(
    tmp_path: Path, replay: Path
) -> None:
    path = tmp_path / "odds.rec"
    record(path)
    recorded = path.read_bytes()
    # The bootstrap's pusherOptions had it; its place is there.
    assert KEY.encode() not in recorded
    assert KEY[:8].encode() not in recorded
    assert KEY[-8:].encode() not in recorded
    assert b"X" * len(KEY) in recorded
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    code, text = run(replay, path)
    assert (code, text.splitlines()[-1]) == (0, "as recorded")
    code, text = run(replay, "-v", path)
    assert code == 0
    assert "stream 1: connected, live" in text
    assert "gap of" in text
    assert KEY not in text


def test_a_recording_that_breaks_off_is_run_as_far_as_it_goes(
    tmp_path: Path, replay: Path
) -> None:
    path = tmp_path / "odds.rec"
    record(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    code, text = run(replay, path)
    assert code == 3
    assert "breaks off" in text


def test_another_digest_is_told(tmp_path: Path, replay: Path) -> None:
    path = tmp_path / "odds.rec"
    record(path)
    whole = path.read_bytes().rstrip(b"\n")
    path.write_bytes(whole[:-1] + (b"0" if whole[-1:] != b"0" else b"1") + b"\n")
    code, text = run(replay, path)
    assert code == 1
    assert "NOT what was recorded" in text


def test_what_is_no_recording_is_refused(tmp_path: Path, replay: Path) -> None:
    path = tmp_path / "other"
    for content in (b"", b"hello\n", b"sgostream recording 1\nC 0 0 0 0 0 0 9\n"):
        path.write_bytes(content)
        code, text = run(replay, path)
        assert code == 2, text


def test_a_file_that_cannot_be_written_is_named(rig: Rig, tmp_path: Path) -> None:
    path = tmp_path / "missing" / "odds.rec"
    live = rig.client(record=path).live()
    with live, pytest.raises(sgostream.ConfigurationError, match="missing"):
        live.wait_live(20)


def test_no_link_is_followed(rig: Rig, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("kept")
    os.symlink(precious, tmp_path / "odds.rec")
    live = rig.client(record=tmp_path / "odds.rec").live()
    with live, pytest.raises(sgostream.ConfigurationError, match="cannot be written"):
        live.wait_live(20)
    assert precious.read_text() == "kept"
