"""The examples, the demo and the C example, run as a user would run them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from programs import EXAMPLES, example, running
from rig import Rig


def test_every_example_is_tested() -> None:
    here = Path(__file__)
    tested = "".join(
        path.read_text(encoding="utf-8")
        for path in (here, here.with_name("test_trading_examples.py"))
    )
    for path in [*EXAMPLES.glob("*.py"), *EXAMPLES.glob("*.c")]:
        assert path.stem in tested, f"{path.name} is run by no test"


def test_quick_start(rig: Rig) -> None:
    rig.sim.add_event(league="NBA", live=True)
    with running(rig, *example("quick_start.py")) as program:
        program.shows("NBA", "added")
        program.interrupt()


def test_live_events(rig: Rig) -> None:
    rig.sim.add_slate(3, size=40_000, live=1.0, intensity=0.9)
    with running(rig, *example("live_events.py")) as program:
        rig.sim.wait_subscribed("presence-events-live")
        rig.sim.play(rate=20)
        program.shows("-ml-", "->")
        program.interrupt()


def test_upcoming_by_league(rig: Rig) -> None:
    event_id = rig.sim.add_event(league="NFL", live=False)
    with running(rig, *example("upcoming_by_league.py", "NFL")) as program:
        program.shows(" @ ")
        rig.sim.wait_subscribed("presence-events-upcoming-NFL")
        rig.sim.patch(event_id, ("status", "displayLong"), "Soon now")
        program.shows("NFL", "status")
        program.interrupt()


def test_single_event(rig: Rig) -> None:
    event_id = rig.sim.add_event(live=True)
    with running(rig, *example("single_event.py", event_id)) as program:
        program.shows("added")
        rig.sim.wait_subscribed()
        rig.sim.patch(event_id, ("teams", "home", "score"), 66)
        program.shows("teams.home.score", "66")
        program.interrupt()


def test_connection_management(rig: Rig) -> None:
    event_id = rig.sim.add_event(live=True)
    with running(rig, *example("connection_management.py")) as program:
        program.shows("connecting -> connected")
        program.shows("added")
        rig.sim.wait_requests("/v2/events", answered=True)  # the reconcile
        rig.sim.patch(event_id, ("teams", "home", "score"), 44)
        program.shows("score")  # live: a gap before would not be told
        rig.sim.disconnect(4200)
        program.shows("connected -> ")
        program.shows("gap of")
        assert program.interrupt() == 0
        assert program.lines[-1] == "disconnected"


def test_nfl_tracker(rig: Rig) -> None:
    event_id = rig.sim.add_event(league="NFL", live=False)
    with running(rig, *example("nfl_tracker.py", "NFL", "0.3")) as program:
        program.shows("Initial event", event_id)
        program.shows("Heartbeat: connection connected, events tracked: 1")
        program.shows("Connection state: connecting -> connected")
        new = rig.sim.add_event(league="NFL", live=False)
        program.shows("New event", new)
        rig.sim.patch(event_id, ("status", "displayLong"), "Nearly")
        program.shows("Event updated", event_id)
        rig.sim.patch(event_id, ("status", "started"), True)
        program.shows("Event started", event_id)
        assert program.interrupt() == 0
        assert program.lines[-1] == "Disconnected"


def test_c_example_byid(rig: Rig, c_examples: Path) -> None:
    event_id = rig.sim.add_event(live=True)
    command = [str(c_examples / "byid"), "--updates", "2", event_id]
    with running(rig, *command) as program:
        program.shows(event_id, "added")
        rig.sim.wait_subscribed(f"presence-events-byid-{event_id}")
        rig.sim.patch(event_id, ("teams", "home", "score"), 71)
        assert program.process.wait(20) == 0
        program._reader.join(5)
        assert any(
            "teams.home.score" in line and "71" in line for line in program.lines
        )


@pytest.mark.timeout(120)
def test_demo_prints_lines_when_piped(rig: Rig) -> None:
    command = [sys.executable, "-m", "sgostream.cli", "demo", "--size", "30000"]
    with running(rig, *command) as program:
        program.shows("added")
        program.shows("quotes")
        assert program.interrupt() == 0
        assert not any("Traceback" in line for line in program.lines)


@pytest.mark.timeout(120)
def test_demo_draws_a_board_on_a_terminal(rig: Rig) -> None:
    import pty

    parent, child = pty.openpty()
    command = [sys.executable, "-m", "sgostream.cli", "demo"]
    command += ["--size", "30000", "--updates", "60", "--rate", "30"]
    env = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "140", "LINES": "40"}
    process = subprocess.Popen(
        command, stdout=child, stderr=child, stdin=child, env=env
    )
    os.close(child)
    seen = b""
    try:
        while chunk := _read(parent):
            seen += chunk
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.wait()
        os.close(parent)
    text = seen.decode("utf-8", "replace")
    for part in ("sgostream", "updates/s", "MONEYLINE", "FanDuel", "quit"):
        assert part in text
    assert "▲" in text or "▼" in text


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65536)
    except OSError:  # the other end is gone
        return b""
