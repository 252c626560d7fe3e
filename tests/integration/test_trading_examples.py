"""The trading scripts, run as programs against scripted games."""

from __future__ import annotations

import http.server
import itertools
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from programs import Program, example, launched

from sgostream.testing import OddsServer

HOME, AWAY = "points-home-game-ml-home", "points-away-game-ml-away"
SPREAD_HOME, SPREAD_AWAY = "points-home-game-sp-home", "points-away-game-sp-away"


@pytest.fixture
def server() -> Iterator[OddsServer]:
    with OddsServer(timeout=30.0) as made:
        yield made


@contextmanager
def running(server: OddsServer, command: list[str], **more: str) -> Iterator[Program]:
    with launched({**server.environment(), **more}, command) as program:
        server.simulator.wait_subscribed(timeout=60)
        yield program


def until_shown(program: Program, act: Callable[[int], None], *parts: str) -> None:
    """Act again and again: what comes before a program listens is lost on it."""
    deadline = time.monotonic() + 60
    for number in itertools.count():
        act(number)
        for _ in range(20):
            if program.has_shown(*parts):
                return
            time.sleep(0.01)
        assert program.process.poll() is None, "\n".join(program.lines)
        assert time.monotonic() < deadline, "\n".join(program.lines[-20:])


def test_best_price(server: OddsServer) -> None:
    game = server.add_event(
        home="Bills",
        away="Chiefs",
        odds={HOME: {"draftkings": -130, "fanduel": -125}, AWAY: {"fanduel": 105}},
    )
    with running(server, example("best_price.py")) as program:
        program.shows("Chiefs @ Bills", HOME, "-125 at fanduel")
        game.move(HOME, "draftkings", 100)
        program.shows(HOME, "+100 at draftkings")
        game.move(HOME, "fanduel", -126)
        game.suspend(HOME, "draftkings")
        program.shows(HOME, "-126 at fanduel")
        before = len(program.lines)
        game.move(HOME, "draftkings", -140)  # suspended: not an offer
        game.move(AWAY, "fanduel", 110)
        program.shows(AWAY, "+110 at fanduel")
        assert len(program.lines) == before + 1
        assert program.interrupt() == 0


def test_arbitrage_scan(server: OddsServer) -> None:
    game = server.add_event(
        home="Bills",
        away="Chiefs",
        odds={
            HOME: {"draftkings": -110, "fanduel": -115},
            AWAY: {"draftkings": -110, "pinnacle": 100},
            SPREAD_HOME: {"draftkings": (120, -3.5)},
            SPREAD_AWAY: {"pinnacle": (105, 2.5)},
        },
    )
    with running(server, example("arbitrage_scan.py", "0.5")) as program:
        game.move(AWAY, "pinnacle", 120)
        program.shows("2.21%", HOME, "-110 at draftkings (53.5%)", "pinnacle (46.5%)")
        assert not program.has_shown(SPREAD_HOME)  # -3.5 has no opposite at +2.5
        game.move(SPREAD_AWAY, "pinnacle", line=3.5)
        program.shows(SPREAD_HOME, "+120 at draftkings", "+105 at pinnacle")
        game.suspend(AWAY, "pinnacle")
        game.move(HOME, "draftkings", 125)
        program.shows("-110 at draftkings", "+125 at draftkings")
        assert program.interrupt() == 0


def test_steam_alert(server: OddsServer) -> None:
    game = server.add_event(home="Bills", away="Chiefs")

    def move(number: int) -> None:
        by = number % 2 * 40
        game.move(HOME, "draftkings", -150 - by)
        game.move(HOME, "fanduel", -148 - by)

    with running(server, example("steam_alert.py", "2", "60")) as program:
        until_shown(program, move, "STEAM Chiefs @ Bills", HOME, "draftkings, fanduel")
        game.move(AWAY, "pinnacle", 150)  # one alone is none
        assert program.interrupt() == 0
        assert not program.has_shown("STEAM", AWAY)


def test_closing_lines(server: OddsServer, tmp_path: Path) -> None:
    games = {}

    def one_more(number: int) -> None:
        game = server.add_event("NBA", home=f"H{number}", away=f"A{number}", live=False)
        games[game.event_id] = game
        game.move(HOME, "pinnacle", -177)
        game.start()
        game.move(HOME, "pinnacle", -999)  # in play: no closing price

    command = example("closing_lines.py", str(tmp_path), "NBA")
    server.add_event("NBA", live=False)
    with running(server, command) as program:
        until_shown(program, one_more, "18 closing quotes in")
        assert program.interrupt() == 0
    files = list((tmp_path / "NBA").glob("*.parquet"))
    assert files
    assert {path.stem for path in files} <= set(games)
    table = pl.read_parquet(tmp_path / "NBA" / "*.parquet")
    closing = table.filter(
        (pl.col("odd_id") == HOME) & (pl.col("bookmaker_id") == "pinnacle")
    )
    assert closing["odds"].to_list() == [-177] * len(files)
    assert table["title"].str.starts_with("A").all()
    assert table["starts_at"].null_count() == 0


class Hook(http.server.BaseHTTPRequestHandler):
    """A webhook that says "too fast" once."""

    posts: list[dict[str, Any]]
    refusals: int

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        kind = type(self)
        if kind.refusals:
            kind.refusals -= 1
            self.send_response(429)
            self.send_header("Retry-After", "0.05")
        else:
            kind.posts.append(json.loads(body))
            self.send_response(204)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args: object) -> None:
        pass


def test_webhook_alert(server: OddsServer) -> None:
    kind = type("Hook", (Hook,), {"posts": [], "refusals": 1})
    game = server.add_event(home="Bills", away="Chiefs")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), kind) as hook:
        threading.Thread(target=hook.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{hook.server_port}/hook/secret"
        with running(
            server, example("webhook_alert.py", "5"), WEBHOOK_URL=url
        ) as program:
            program.shows("watching")
            until_shown(
                program,
                lambda number: game.move(HOME, "fanduel", -300 if number % 2 else 140),
                "at fanduel",
            )
            server.wait_until(lambda: kind.posts)
            game.move(AWAY, "fanduel", 109)  # from 108: too little to tell
            assert program.interrupt() == 0
            assert not program.has_shown("secret")
        hook.shutdown()
    (text,) = {post["content"].splitlines()[0][:23] for post in kind.posts[:1]}
    assert text == "**Chiefs @ Bills** poin"
    assert kind.refusals == 0
    assert not any(AWAY in post["content"] for post in kind.posts)
