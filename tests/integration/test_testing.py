"""sgostream.testing: verbs, waiting, the fixture, and the guide's example."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import sgostream
from sgostream.testing import Game, OddsServer
from sgostream.testing.pytest_plugin import odds_server

__all__ = ["odds_server"]

ROOT = Path(__file__).resolve().parents[2]
GUIDE = ROOT / "docs" / "guide" / "testing.md"
ML = "points-home-game-ml-home"
TOTAL = "points-all-game-ou-over"


@pytest.fixture(scope="module")
def server() -> Iterator[OddsServer]:
    with OddsServer() as made:
        yield made


@pytest.fixture(scope="module")
def live(server: OddsServer) -> sgostream.Stream:
    return server.stream("events:live").wait_live(timeout=20)


@pytest.fixture
def game(server: OddsServer) -> Game:
    return server.add_event("NFL", home="Bills", away="Chiefs")


@pytest.fixture
def updates(live: sgostream.Stream, game: Game) -> Iterator[sgostream.Subscription]:
    with live.subscribe(event_ids=[game.event_id], initial=False) as made:
        yield made


def test_an_added_game_is_held_when_the_call_returns(
    live: sgostream.Stream, game: Game
) -> None:
    event = live.events[game.event_id]
    assert event == game.data
    assert (event.title, event.league_id) == ("Chiefs @ Bills", "NFL")
    assert event.is_live
    assert event.score == (0, 0)
    assert len(event.quotes()) == 18


def test_a_moved_price_is_one_quote_change(
    live: sgostream.Stream, game: Game, updates: sgostream.Subscription
) -> None:
    game.move(ML, "draftkings", 145)
    assert live.events[game.event_id]["odds"][ML]["byBookmaker"]["draftkings"][
        "odds"
    ] == ("+145")
    (change,) = updates.get(timeout=20).quotes
    assert change.bookmaker_id == "draftkings"
    assert change.old is not None
    assert change.new is not None
    assert (change.old.odds, change.new.odds) == (-130, 145)
    game.move(TOTAL, "fanduel", line=48.5)
    (change,) = updates.get(timeout=20).quotes
    assert change.new is not None
    assert (change.new.odds, change.new.line) == (-105, 48.5)
    game.move(ML, "newbook", -101)
    (change,) = updates.get(timeout=20).quotes
    assert change.old is None


def test_suspend_and_resume(game: Game, updates: sgostream.Subscription) -> None:
    assert game.suspend("points-*-game-ml-*", "fanduel") == 2
    changes = list(updates.get(timeout=20).quotes)
    assert len(changes) == 2
    assert all(c.new is not None and c.new.available is False for c in changes)
    assert game.suspend("points-*-game-ml-*", "fanduel") == 0
    assert game.resume() == 2
    assert len(updates.get(timeout=20).quotes) == 2
    with pytest.raises(KeyError, match="no quote matches"):
        game.suspend("nothing-*")


def test_a_game_from_start_to_end(server: OddsServer, live: sgostream.Stream) -> None:
    game = server.add_event("EPL", home="Ajax", away="Feyenoord", live=False)
    assert game.event_id not in live.events
    with server.stream("events:upcoming", league_id="EPL") as upcoming:
        upcoming.wait_live(timeout=20)
        assert upcoming.events[game.event_id].score is None
        game.start()
        assert live.events[game.event_id].status["currentPeriodID"] == "1h"
        assert upcoming.events[game.event_id].status["started"] is True
    game.score(home=1)
    game.score(away=2)
    assert live.events[game.event_id].score == (1, 2)
    game.period("2h", "2nd Half")
    assert live.events[game.event_id].status["displayShort"] == "2nd Half"
    game.end()
    event = live.events[game.event_id]
    assert event.status["finalized"] is True
    assert not event.is_live
    assert not any(row.quote.available for row in event.quotes())


def test_odds_of_ones_own_and_values_of_any_kind(
    server: OddsServer, live: sgostream.Stream
) -> None:
    game = server.add_event(odds={ML: {"pinnacle": -150}}, event_id="MyOwnEvent")
    game.add_odd(TOTAL, {"pinnacle": (-110, 50.5)})
    game.set(("odds", ML, "fairOdds"), "-144")
    event = live.events["MyOwnEvent"]
    assert event["odds"][ML]["fairOdds"] == "-144"
    assert event["odds"][TOTAL]["byBookmaker"]["pinnacle"]["overUnder"] == "50.5"
    copy = server.add_event(event={**game.data, "eventID": "Copy4567890123456789"})
    copy.cancel()
    assert live.events[copy.event_id].status["cancelled"] is True


def test_clients_with_a_shape_are_waited_for(server: OddsServer, game: Game) -> None:
    with server.client(bookmaker_ids=["fanduel"]) as client:
        shaped = client.live().wait_live(timeout=20)
        game.move(ML, "draftkings", -999)
        game.move(ML, "fanduel", -888)
        game.add_odd("points-all-1h-ou-over", {"draftkings": (-110, 20.5)})
        held = shaped.events[game.event_id]["odds"][ML]["byBookmaker"]
        assert held["fanduel"]["odds"] == "-888"
        assert "draftkings" not in held


def test_an_outage_makes_stale_and_is_repaired() -> None:
    with OddsServer() as server:
        game = server.add_event()
        live = server.stream().wait_live(timeout=20)
        gaps: list[sgostream.Gap] = []
        live.on_gap(gaps.append)
        with server.outage():
            server.wait_until(lambda: live.phase is sgostream.Phase.STALE, 20)
            game.score(home=21)
            assert live.events[game.event_id].score == (0, 0)
        server.wait_until(lambda: live.phase is sgostream.Phase.LIVE, 30)
        assert live.events[game.event_id].score == (21, 0)
        server.drop_connection(4200)
        server.wait_until(lambda: len(gaps) >= 2, 30)
        server.fail(503, times=1)
        game.score(home=28)  # asked again after the 503
        assert live.events[game.event_id].score == (28, 0)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda game: game.move(ML, "fanduel"), "give odds="),
        (lambda game: game.move(ML, "fanduel", 50), "100 or more"),
        (lambda game: game.move(ML, "fanduel", -110.5), "as an int"),
        (lambda game: game.move(ML, "fanduel", line=3), "no spread"),
        (lambda game: game.move("nonsense", "fanduel", 110), "stat-entity"),
        (lambda game: game.move(TOTAL.replace("over", "x"), "f", 110), "add_odd"),
        (lambda game: game.score(), "give home="),
        (lambda game: game.set("status", 1), "sequence of names"),
    ],
)
def test_misuse_says_what_to_do(game: Game, call: object, text: str) -> None:
    assert callable(call)
    with pytest.raises((TypeError, ValueError, KeyError), match=text):
        call(game)


def test_the_fixture_leads_code_without_options_here(odds_server: OddsServer) -> None:
    game = odds_server.add_event()
    with sgostream.stream("events:live") as live:
        live.wait_live(timeout=20)
        assert list(live.events) == [game.event_id]


def test_the_guides_example_runs(tmp_path: Path) -> None:
    text = GUIDE.read_text(encoding="utf-8")
    files = re.findall(r"```python\n# ([a-z_]+\.py)\n(.*?)```", text, re.S)
    assert [name for name, _ in files] == ["steam.py", "conftest.py", "test_steam.py"]
    for name, body in files:
        (tmp_path / name).write_text(body, encoding="utf-8")
    (plain,) = re.findall(r"```python\n(from sgostream.*?)```", text, re.S)
    (tmp_path / "test_plain.py").write_text(plain + "\n\ndef test(): pass\n")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "."],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([*sys.path, str(tmp_path)])},
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 passed" in done.stdout
