"""tail, get, usage, sim: what they print, and how they end."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

import sgostream
from sgostream.cli import __main__ as entry
from sgostream.cli.common import Exit, exit_of
from sgostream.sim import Simulator

Run = Callable[..., Any]

SCORE = ("teams", "home", "score")
ODD = "points-home-game-ml-home"


@contextmanager
def moving(sim: Simulator) -> Iterator[str]:
    """Change the live game's score again and again; its id."""
    (event_id,) = sim.truth()
    done = threading.Event()

    def move() -> None:
        points = 0
        while not done.wait(0.02):
            points += 1
            sim.patch(event_id, SCORE, points)

    thread = threading.Thread(target=move)
    thread.start()
    try:
        yield event_id
    finally:
        done.set()
        thread.join()


# -- tail


def test_tail_prints_a_line_per_update(run: Run, sim: Simulator) -> None:
    with moving(sim):
        result = run("tail", "--count", "3")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert len(lines) == 3
    assert lines[0].endswith(": added")
    assert "NFL" in lines[1]
    assert "score" in lines[2]
    assert "connection: connected" in result.stderr


def test_tail_json_is_one_object_per_update(run: Run, sim: Simulator) -> None:
    with moving(sim) as event_id:
        result = run("tail", "--json", "--changes", "--full", "-n", "3", "--quiet")
    assert result.exit_code == 0
    assert result.stderr == ""
    added, first, second = [json.loads(line) for line in result.stdout.splitlines()]
    assert (added["kind"], added["cause"]) == ("added", "snapshot")
    assert added["event"]["eventID"] == added["event_id"] == event_id
    assert first["kind"] == "changed"
    assert second["score"]["home"] > 0
    assert any(change["path"] == list(SCORE) for change in second["changes"])


def test_tail_quotes_is_one_line_per_move(run: Run, sim: Simulator) -> None:
    (event_id,) = sim.truth()
    odd_id, book = next(
        (odd_id, book)
        for odd_id, odd in json.loads(sim.truth()[event_id])["odds"].items()
        for book in odd.get("byBookmaker", {})
    )
    done = threading.Event()

    def move() -> None:
        odds = 100
        while not done.wait(0.02):
            odds += 5
            sim.set_quote(event_id, odd_id, book, odds=f"+{odds}")

    thread = threading.Thread(target=move)
    thread.start()
    try:
        result = run("tail", "--quotes", "--no-initial", "-n", "2", "--odd", odd_id)
    finally:
        done.set()
        thread.join()
    assert result.exit_code == 0
    for line in result.stdout.splitlines():
        assert odd_id in line
        assert book in line
        assert " -> " in line


def test_tail_ends_in_time(run: Run) -> None:
    result = run("tail", "--seconds", "0.5", "--league", "NBA")
    assert result.exit_code == 0
    assert result.stdout == ""


def test_a_refused_key_is_said_and_is_status_3(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPORTS_ODDS_API_KEY_HEADER", "wrong-key")
    result = run("tail", "--quiet")
    assert result.exit_code == Exit.KEY
    assert "SPORTS_ODDS_API_KEY_HEADER" in result.stderr
    assert "wrong-key" not in result.output


@pytest.mark.parametrize("command", ["tail", "watch", "get --live", "usage"])
def test_no_key_is_said_and_is_status_3(
    run: Run, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.delenv("SPORTS_ODDS_API_KEY_HEADER")
    result = run(*command.split())
    assert result.exit_code == Exit.KEY
    assert "SPORTS_ODDS_API_KEY_HEADER" in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        "tail --transport pigeon",
        "tail --param a=b",
        "tail --feed events:new --param nonsense",
        "tail --count 0",
        "watch --market corners",
        "get",
        "no-such-command",
        "tail --api-key secret",
    ],
)
def test_wrong_usage_is_status_2(run: Run, arguments: str) -> None:
    result = run(*arguments.split())
    assert result.exit_code == Exit.USAGE
    assert result.stdout == ""


def test_watch_prints_lines_when_piped(run: Run) -> None:
    result = run("watch", "--seconds", "1")
    assert result.exit_code == 0
    assert ": added" in result.stdout


def test_what_the_network_says_moves_no_cursor(run: Run, sim: Simulator) -> None:
    ((event_id, body),) = sim.truth().items()
    name = "\x1b[2JEvil\n\ud800"
    event = json.loads(body)
    event["teams"]["home"]["names"] = {"medium": name}
    sim.set_event(json.dumps(event).encode())
    plain = run("tail", "-n", "1", "--quiet").stdout
    assert "Evil" in plain
    assert "\x1b" not in plain
    assert plain.count("\n") == 1
    told = json.loads(run("tail", "-n", "1", "--json", "--quiet").stdout)
    assert name in told["title"]
    assert "\x1b" not in run("get", event_id).stdout


# -- get


def test_get_by_id_prints_the_api_json(run: Run, sim: Simulator) -> None:
    ((event_id, body),) = sim.truth().items()
    result = run("get", event_id, "--json")
    assert result.exit_code == 0
    assert result.stdout.encode() == body + b"\n"
    plain = run("get", "-", stdin=f"{event_id}\n")
    fields = plain.stdout.rstrip("\n").split("\t")
    assert fields[:2] == [event_id, "NFL"]
    assert " @ " in fields[2]


def test_get_of_an_unknown_event_tells_the_others(run: Run, sim: Simulator) -> None:
    (event_id,) = sim.truth()
    result = run("get", event_id, "no-such-event", "--json")
    assert result.exit_code == Exit.FAILED
    assert json.loads(result.stdout)["eventID"] == event_id
    assert "no-such-event" in result.stderr


def test_get_a_feed_takes_no_stream(run: Run, sim: Simulator) -> None:
    result = run("get", "--live", "--upcoming", "NFL", "--json")
    assert result.exit_code == 0
    found = {json.loads(line)["eventID"] for line in result.stdout.splitlines()}
    assert set(sim.truth()) < found
    assert len(found) == 2
    assert not sim.requests("/v2/stream/events")


# -- usage


def test_usage_in_words_and_json(run: Run, sim: Simulator) -> None:
    sim.limit("per-minute", requests=10)
    result = run("usage")
    assert result.exit_code == 0
    assert "plan\tallstar" in result.stdout
    assert "per-minute\trequests\t0\t10" in result.stdout
    told = json.loads(run("usage", "--json").stdout)
    assert told["tier"] == "allstar"
    assert told["rate_limits"]["per-minute"]["requests_left"] == 10
    assert "simulator@example.invalid" not in str(told)


def test_usage_forecasts_at_the_rate_of_the_hour(run: Run, sim: Simulator) -> None:
    assert "no rate yet" in run("usage").stdout
    sim.limit("per-hour", requests=5_000, entities=100_000)
    sim.limit("per-month", entities=60_000)
    sim.api.keys[sim.api_key].usage.count(200, 10_000)
    told = json.loads(run("usage", "--json").stdout)["forecast"]
    assert (told["basis"], told["known"]) == ("hour", True)
    assert told["objects_per_hour"] == 10_000
    assert told["objects"]["month"] == {
        "limit": 60_000, "used": 10_000, "left": 50_000, "lasts_hours": 5.0,
    }  # fmt: skip
    plain = run("usage").stdout
    assert "per-month\tobjects\t10000\t60000\t50000\t5h" in plain
    assert "10,000 objects an hour" in plain
    assert "forecast\t" in plain.splitlines()[-1]


def test_usage_on_a_terminal_says_what_runs_out(
    run: Run, sim: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    monkeypatch.setenv("FORCE_COLOR", "1")
    sim.limit("per-month", entities=60_000)
    sim.api.keys[sim.api_key].usage.count(200, 10_000)
    shown = {
        words[0] if words[0] != "objects" else "month objects": words[-1]
        for line in re.sub(r"\x1b\[[\d;]*m", "", run("usage").stdout).splitlines()
        if (words := re.split(r"\s{2,}", line.strip()))
    }
    assert shown["month objects"] == "5 h"
    assert shown["hour"] == "enough"


# -- the frame


def test_every_command_has_help_with_examples(run: Run) -> None:
    listed = run("--help").stdout
    for command in ("watch", "tail", "get", "usage", "doctor", "demo", "sim"):
        assert command in listed
    for command in ("watch", "tail", "get", "usage", "doctor", "demo"):
        result = run(command, "--help")
        assert result.exit_code == 0
        assert "Example" in result.stdout
        for secret in ("--key", "--api-key", "--token"):
            assert secret not in result.stdout


def test_sim_hands_its_arguments_on(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    result = run("sim", "--help")
    assert result.exit_code == 0
    assert "sgostream sim" in result.output + capsys.readouterr().out


def test_version(run: Run) -> None:
    assert run("--version").stdout == f"sgostream {sgostream.__version__}\n"


def test_statuses_of_errors() -> None:
    assert exit_of(sgostream.RateLimitError("x")) == Exit.LIMIT
    assert exit_of(sgostream.PermissionDeniedError("x")) == Exit.KEY
    assert exit_of(sgostream.ConfigurationError("the CA file is no file")) == 2
    assert exit_of(sgostream.TransportError("x")) == Exit.FAILED


def test_without_the_extra_it_names_the_extra(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delitem(sys.modules, "sgostream.cli.app", raising=False)
    monkeypatch.setitem(sys.modules, "typer", None)
    assert entry.main(["usage"]) == 2
    assert 'pip install "sgostream[cli]"' in capsys.readouterr().err


@pytest.mark.parametrize(
    ("line", "words"),
    [("sgostream do", {"doctor"}), ("sgostream watch --upcoming NB", {"NBA"})],
)
def test_completion(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    line: str,
    words: set[str],
) -> None:
    monkeypatch.setenv("_SGOSTREAM_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", line)
    monkeypatch.setenv("COMP_CWORD", str(line.count(" ")))
    assert entry.main([]) == 0
    assert set(capsys.readouterr().out.split()) == words


def _program(sim: Simulator, *arguments: str, **more: str) -> subprocess.Popen[str]:
    env: dict[str, Any] = {
        **os.environ,
        **more,
        "SPORTS_ODDS_API_KEY_HEADER": sim.api_key,
        "SPORTS_GAME_ODDS_BASE_URL": sim.base_url,
        "NO_PROXY": "*",
    }
    return subprocess.Popen(
        [sys.executable, "-m", "sgostream.cli", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
        env=env,
    )


def test_a_reader_that_leaves_ends_tail_quietly(sim: Simulator) -> None:
    with _program(sim, "tail", "--json", "--quiet") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert json.loads(process.stdout.readline())["kind"] == "added"
        process.stdout.close()  # nothing more will come: it is noticed all the same
        assert process.wait(20) == 0
        assert process.stderr.read() == ""


def test_a_narrow_encoding_loses_no_data(sim: Simulator) -> None:
    (event_id,) = sim.truth()
    names = {"medium": "Köln", "long": "Köln", "short": "KOL"}
    sim.patch(event_id, ("teams", "home", "names"), names)
    ascii_only = {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    with _program(sim, "tail", "--json", "-n", "1", **ascii_only) as process:
        out, errors = process.communicate(timeout=20)
        assert "Köln" in json.loads(out)["title"]
    with _program(sim, "doctor", "--wait", "0", **ascii_only) as process:
        out, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
        assert "no_notifications" in out


def test_ctrl_c_while_it_waits_for_an_answer(sim: Simulator) -> None:
    held = sim.hold("/account/usage", when="before")
    with _program(sim, "usage") as process:
        assert process.stderr is not None
        held.wait_arrived()
        process.send_signal(2)
        assert process.wait(20) == Exit.INTERRUPTED
        assert "Traceback" not in process.stderr.read()
    held.release()


def test_ctrl_c_ends_tail_quietly(sim: Simulator) -> None:
    with _program(sim, "tail", "--quiet") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline()
        process.send_signal(2)
        assert process.wait(20) == 0
        assert process.stderr.read() == ""
