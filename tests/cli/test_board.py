"""The board: what its lines say, its keys, and a real terminal."""

from __future__ import annotations

import contextlib
import fcntl
import io
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest
from rich.cells import cell_len
from rich.console import Console
from rig import Rig, eventually

import sgostream
from sgostream.cli.board import Board
from sgostream.cli.keys import parse
from sgostream.cli.lines import fit
from sgostream.cli.markets import MARKETS, best_of, format_odds, short_age, sides_of
from sgostream.sim import Simulator

MONEYLINE, SPREAD, TOTAL = MARKETS


def drawn(board: Board, width: int = 150, height: int = 30) -> list[str]:
    """The board's lines as text."""
    console = Console(file=io.StringIO(), width=width, height=height)
    with console.capture() as captured:
        console.print(board.render(width, height))
    return captured.get().splitlines()


# -- parts


def event_of(sport: str, *odd_ids: str) -> sgostream.Event:
    import json

    odds = {odd_id: {"oddID": odd_id} for odd_id in odd_ids}
    return sgostream.Event.parse(
        json.dumps({"eventID": "e", "sportID": sport, "odds": odds})
    )


def test_sides_are_those_of_the_whole_game() -> None:
    event = event_of(
        "FOOTBALL",
        "points-home-1h-ml-home",
        "points-away-1h-ml-away",
        "points-home-game-ml-home",
        "points-away-game-ml-away",
        "points-home-reg-ml3way-home",
        "points-home-game-sp-home",
        "points-away-game-sp-away",
        "points-all-game-ou-under",
        "points-all-game-ou-over",
        "points-home-game-ou-over",
        "yards-JOE_1_NFL-game-ou-over",
    )
    assert sides_of(event, MONEYLINE) == (
        ("away", "points-away-game-ml-away"),
        ("home", "points-home-game-ml-home"),
    )
    assert sides_of(event, SPREAD)[0] == ("away", "points-away-game-sp-away")
    assert [odd_id for _, odd_id in sides_of(event, TOTAL)] == [
        "points-all-game-ou-over",
        "points-all-game-ou-under",
    ]


def test_football_is_won_lost_or_drawn() -> None:
    event = event_of(
        "SOCCER",
        "points-home-game-ml-home",
        "points-away-game-ml-away",
        "points-home-reg-ml3way-home",
        "points-all-reg-ml3way-draw",
        "points-away-reg-ml3way-away",
        "points-all-reg-ml3way-home+draw",
    )
    assert [side for side, _ in sides_of(event, MONEYLINE)] == ["away", "draw", "home"]


def quote(odds: int, line: float | None = None, on: bool = True) -> sgostream.Quote:
    return sgostream.Quote(odds, f"{odds:+d}", line, on, datetime.now(UTC), None)


def test_the_best_price_is_at_the_line_of_most_and_available() -> None:
    quotes = {
        "a": quote(-110, 3.5),
        "b": quote(-105, 3.5),
        "c": quote(+150, 7.5),  # another line: no better, only different
        "d": quote(+120, 3.5, on=False),
    }
    assert best_of(quotes) == "b"
    assert best_of({}) is None
    assert best_of({"d": quotes["d"]}) is None


def test_formats_of_prices_and_ages() -> None:
    price = quote(-110)
    assert format_odds(price, "american") == "-110"
    assert format_odds(price, "decimal") == "1.91"
    assert format_odds(price, "implied") == "52.4%"
    assert [short_age(s) for s in (-1, 5, 150, 7200, 10**9)] == [
        "0s", "5s", "2m", "2h", "99d",
    ]  # fmt: skip


def test_wide_and_hostile_text_keeps_its_columns() -> None:
    assert cell_len(fit("東京ヤクルトスワローズ", 9)) == 9
    assert fit("abc", 5) == "abc  "
    assert fit("abc", 5, right=True) == "  abc"
    assert fit("a\x1b[2Jb", 9) == "a\ufffd[2Jb   "


def test_keys_of_a_terminal() -> None:
    assert parse("sm\x1b[A\x1b[6~ q") == ["s", "m", "up", "page down", "space", "q"]
    assert parse("\x1b") == ["escape"]
    assert parse("\x1b[15~x") == ["x"]  # F5 means nothing here


# -- a board


@pytest.fixture
def rig() -> Iterator[Rig]:
    with contextlib.ExitStack() as stack:
        yield Rig(stack.enter_context(Simulator(seed=5)), stack)


def test_the_board_follows_a_feed(rig: Rig) -> None:
    rig.sim.add_slate(6, size=30_000, live=1.0, leagues=["NFL", "NBA"])
    client = rig.client(tls=False)
    live = client.live()
    board = Board(client, [live])
    with client.subscribe(live, include_timestamps=True) as updates:
        assert "sgostream" in drawn(board)[0]  # before anything came
        live.wait_live(20)
        board.feed(updates.get_batch(timeout=5))
        lines = drawn(board)
        assert "LIVE" in lines[0]
        assert "6 games" in lines[0]
        assert "MONEYLINE" in lines[1]
        assert sum("◆" in line for line in lines) >= 6
        assert not any("▲" in line or "▼" in line for line in lines)
        assert "quit" in lines[-1]
        assert all(len(line) <= 150 for line in lines)

        def moved() -> bool:
            rig.sim.step(5)
            board.feed(updates.get_batch(timeout=0.2))
            return any("▲" in line or "▼" in line for line in drawn(board))

        eventually(moved, "a price moves on the board")

        assert board.press("m")
        assert "SPREAD" in drawn(board)[1]
        assert board.press("o")
        assert board.odds_format == "decimal"
        assert re.search(r"[+-]\d+\.5 +1\.\d\d", "\n".join(drawn(board)))
        assert board.press("s")
        assert board.sport == "BASKETBALL"
        assert not any(line.startswith("NFL") for line in drawn(board))
        assert board.press("3")
        assert re.search(r" [ou]\d+", "\n".join(drawn(board)))
        assert board.press("down")
        assert board.press("space")
        assert "PAUSED" in drawn(board)[0]
        assert not board.press("q")
        board.tell("something\nhappened")
        assert "something\ufffdhappened" in drawn(board)[-2]
        for width, height in ((40, 5), (80, 10), (300, 100)):
            small = drawn(board, width, height)
            assert len(small) <= height
            assert all(len(line) <= width for line in small)

        # The banner, once it has been live and is no more.
        rig.sim.down()
        eventually(lambda: live.phase == "stale", "the stream is stale")
        lines = drawn(board)
        assert lines[1].startswith(" STALE")
        assert "last proof" in lines[1]


def test_polling_is_said(rig: Rig) -> None:
    rig.sim.add_slate(2, size=30_000, live=1.0)
    client = rig.client(tls=False, transport="poll")
    live = client.live()
    board = Board(client, [live])
    with client.subscribe(live) as updates:
        live.wait_live(20)
        board.feed(updates.get_batch(timeout=5))
        assert "POLLING" in drawn(board)[0]


# -- a real terminal


def tty_of(pid: int) -> int:
    """The controlling terminal of a process; 0: none yet."""
    with open(f"/proc/{pid}/stat", encoding="utf-8") as stat:
        return int(stat.read().rpartition(")")[2].split()[4])


class Terminal:
    """A program on a terminal of its own; what it shows is collected."""

    def __init__(self, command: list[str], env: dict[str, str]) -> None:
        self._parent, child = pty.openpty()
        self.resize(40, 140)
        # A session's leader that opens a terminal gets it: Ctrl-C arrives.
        shell = ["sh", "-c", 'exec "$@" <"$0" >"$0" 2>&1', os.ttyname(child)]
        self.process = subprocess.Popen(
            [*shell, *command], env=env, start_new_session=True
        )
        eventually(self._is_open, "the terminal is opened")
        os.close(child)
        os.set_blocking(self._parent, False)
        self.seen = ""

    def _is_open(self) -> bool:
        return tty_of(self.process.pid) != 0

    def resize(self, lines: int, columns: int) -> None:
        fcntl.ioctl(
            self._parent,
            termios.TIOCSWINSZ,
            struct.pack("HHHH", lines, columns, 0, 0),
        )

    def read(self) -> str:
        with contextlib.suppress(OSError):
            while chunk := os.read(self._parent, 65536):
                self.seen += chunk.decode("utf-8", "replace")
        return self.seen

    def shows(self, what: Callable[[str], object], text: str) -> None:
        """Wait until something is on what was drawn since the last call."""
        eventually(lambda: what(self.read()), text)
        self.seen = ""

    def press(self, keys: str) -> None:
        os.write(self._parent, keys.encode())

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._parent)


def widest(text: str) -> int:
    """The longest line of the last whole frame; each begins at the top."""
    frames = text.split("\x1b[H")
    if len(frames) < 3:
        return 0
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", frames[-2])
    return max(len(line) for line in re.split(r"[\r\n]+", plain))


def environment(sim: Simulator, **more: str) -> dict[str, str]:
    env = {
        **os.environ,
        "TERM": "xterm-256color",
        "SPORTS_ODDS_API_KEY_HEADER": sim.api_key,
        "SPORTS_GAME_ODDS_BASE_URL": sim.base_url,
        "NO_PROXY": "*",
    }
    for name in ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE"):
        env.pop(name, None)
    return {**env, **more}


@pytest.mark.timeout(120)
def test_progress_then_no_colour_then_q() -> None:
    with Simulator(seed=6) as sim:
        sim.add_slate(3, size=30_000, live=1.0, start=time.time())
        held = sim.hold("/stream/events", when="before")
        command = [sys.executable, "-m", "sgostream.cli", "watch"]
        terminal = Terminal(command, environment(sim, NO_COLOR="1"))
        try:
            terminal.shows(lambda s: "bootstrapping" in s and " MB" in s, "progress")
            held.release()
            terminal.shows(lambda s: "LIVE" in s, "the board")
            terminal.shows(
                lambda s: "◆" in s and not re.search("[34]8;", s), "no colour"
            )
            terminal.press("q")
            assert terminal.process.wait(20) == 0
        finally:
            terminal.close()


@pytest.mark.timeout(120)
def test_the_key_is_asked_for_and_not_shown() -> None:
    with Simulator(seed=6) as sim:
        env = environment(sim)
        del env["SPORTS_ODDS_API_KEY_HEADER"]
        terminal = Terminal([sys.executable, "-m", "sgostream.cli", "usage"], env)
        try:
            terminal.shows(lambda s: "API key" in s, "the question")
            terminal.press(f"{sim.api_key}\n")
            assert terminal.process.wait(20) == 0
            seen = terminal.read()
            assert "allstar" in seen
            assert sim.api_key not in seen
        finally:
            terminal.close()


@pytest.mark.timeout(120)
def test_watch_on_a_terminal_keys_resize_and_ctrl_c() -> None:
    with Simulator(seed=6) as sim:
        sim.add_slate(8, size=30_000, live=1.0, leagues=["NFL"], start=time.time())
        sim.play(rate=20.0)
        command = [sys.executable, "-m", "sgostream.cli", "watch"]
        terminal = Terminal(command, environment(sim))
        try:
            terminal.shows(lambda s: "LIVE" in s and "MONEYLINE" in s, "the board")
            terminal.shows(lambda s: "▲" in s or "▼" in s, "moves")
            terminal.shows(lambda s: "\x1b[" in s and "48;" in s, "colours")
            terminal.press("m")
            terminal.shows(lambda s: "SPREAD" in s, "the next market")
            terminal.press("oo")
            terminal.shows(lambda s: "implied" in s and "%" in s, "another format")
            terminal.press("s")
            terminal.shows(lambda s: "FOOTBALL" in s, "the next sport")
            terminal.resize(20, 80)
            terminal.process.send_signal(signal.SIGWINCH)
            terminal.shows(lambda s: 60 < widest(s) <= 80, "the new width")
            terminal.press("\x03")  # Ctrl-C as typed
            assert terminal.process.wait(20) == 0
            assert "\x1b[?1049l" in terminal.read()  # the screen is given back
            assert "Traceback" not in terminal.seen
        finally:
            terminal.close()
