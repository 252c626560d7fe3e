"""The commands in this process, against a simulator."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from typer.testing import CliRunner

from sgostream.cli.app import app
from sgostream.sim import Simulator

if os.environ.get("SGO_SANITIZER"):
    # Python on top of the face that other tests use: nothing for ASan to find.
    collect_ignore_glob = ["test_*.py"]

Run = Callable[..., Any]


@pytest.fixture
def sim() -> Iterator[Simulator]:
    """A simulator with a live game and two that are to come."""
    with Simulator(seed=3) as found:
        found.add_event(league="NFL", live=True)
        found.add_event(league="NFL", live=False)
        found.add_event(league="NBA", live=False)
        yield found


@pytest.fixture
def run(sim: Simulator, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command with the simulator's key and address in the environment."""
    monkeypatch.setenv("SPORTS_ODDS_API_KEY_HEADER", sim.api_key)
    monkeypatch.setenv("SPORTS_GAME_ODDS_BASE_URL", sim.base_url)
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setenv("COLUMNS", "160")

    def invoke(*arguments: str, stdin: str | None = None) -> Any:
        result = CliRunner().invoke(app, list(arguments), input=stdin)
        if result.exception is not None and not isinstance(
            result.exception, SystemExit
        ):
            raise result.exception
        assert sim.api_key not in result.output
        return result

    return invoke
