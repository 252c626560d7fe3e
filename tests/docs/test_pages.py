"""The Python of every page runs, as written, against a simulator.

All ``python`` blocks of a page run in order in one namespace; one that begins
with ``# name.py`` can be imported by the others.  What would go on
for ever ends after a few updates.  A block that cannot run here says why in a
comment above it: ``<!-- not run: reason -->``.
"""

from __future__ import annotations

import ast
import asyncio
import contextlib
import inspect
import itertools
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import sgostream
from sgostream.sim import Simulator

ROOT = Path(__file__).resolve().parents[2]
FENCE = re.compile(
    r"(?P<mark>^<!--.*-->\n\n?)?^(?P<fence>`{3,})python\n(?P<code>.*?)^(?P=fence)$",
    re.MULTILINE | re.DOTALL,
)
NOT_RUN = re.compile(r"<!-- not run: \S.* -->")
GAME = "mg55OPFOORFcu5v3FvfO"  # the id that pages use
ODD = "points-home-game-ml-home"  # of that game
TAKES = 4  # of one subscription
DEADLINE = 30.0


def blocks_of(text: str) -> list[tuple[int, str]]:
    """``(line, code)`` of the blocks that can run."""
    return [
        (text.count("\n", 0, found.start("code")), found["code"])
        for found in FENCE.finditer(text)
        if not NOT_RUN.match(found["mark"] or "")
    ]


def pages() -> Iterator[Path]:
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        if "_build" not in path.parts and blocks_of(path.read_text(encoding="utf-8")):
            yield path


class Enough(BaseException):
    """Ends a loop of a page that has no end of its own."""


class Bounds:
    """Ends what would go on for ever; fails what gets nothing."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.clients: list[sgostream.Client] = []
        self._taken: dict[int, int] = {}
        self._alive: list[sgostream.Subscription] = []  # so that ids stay theirs
        kind = sgostream.Subscription
        take, take_async = kind.get, kind.aget

        def get(this: Any, timeout: float | None = None) -> Any:
            self._count(this)
            return take(this, DEADLINE if timeout is None else timeout)

        def following(this: Any) -> Any:
            if self._is_enough(this):
                raise StopIteration
            try:
                return take(this, DEADLINE)
            except sgostream.ClosedError:
                raise StopIteration from None

        async def following_async(this: Any) -> Any:
            if self._is_enough(this):
                raise StopAsyncIteration
            try:
                return await take_async(this, DEADLINE)
            except sgostream.ClosedError:
                raise StopAsyncIteration from None

        async def aget(this: Any, timeout: float | None = None) -> Any:
            self._count(this)
            return await take_async(this, timeout)

        batch = kind.get_batch

        def get_batch(this: Any, *given: Any, **options: Any) -> Any:
            self._count(this)
            return batch(this, *given, **options)

        dispatch = kind.dispatch

        def dispatched(this: Any, callback: Any, on_error: Any = None) -> None:
            def counted(update: sgostream.Update) -> None:
                callback(update)
                if self._is_enough(this):
                    this.close()

            dispatch(this, counted, on_error)

        patch.setattr(kind, "get", get)
        patch.setattr(kind, "aget", aget)
        patch.setattr(kind, "get_batch", get_batch)
        patch.setattr(kind, "dispatch", dispatched)
        patch.setattr(kind, "__next__", following)
        patch.setattr(kind, "__anext__", following_async)
        patch.setattr(sgostream.Stream, "wait_closed", self._wait_closed)
        begin = sgostream.Client.__init__

        def init(this: sgostream.Client, **options: Any) -> None:
            begin(this, **options)
            self.clients.append(this)

        patch.setattr(sgostream.Client, "__init__", init)

    def _is_enough(self, subscription: sgostream.Subscription) -> bool:
        if id(subscription) not in self._taken:
            self._alive.append(subscription)
        count = self._taken.get(id(subscription), 0) + 1
        self._taken[id(subscription)] = count
        return count > TAKES

    def _count(self, subscription: sgostream.Subscription) -> None:
        if self._is_enough(subscription):
            raise Enough

    @staticmethod
    def _wait_closed(stream: sgostream.Stream, timeout: float | None = None) -> None:
        """Let callbacks see some updates, then close."""
        stream.wait_live(DEADLINE)
        end = time.monotonic() + DEADLINE
        while stream.stats().updates_delivered < TAKES and time.monotonic() < end:
            time.sleep(0.01)
        stream.close()


@pytest.fixture
def sim() -> Iterator[Simulator]:
    with Simulator(seed=5) as made:
        made.add_slate(16, size=12_000, leagues=["NFL", "NBA"], live=0.6, intensity=0.9)
        model = json.loads(made.event_json(made.event_ids()[0]))
        made.add_event({**model, "eventID": GAME, "leagueID": "NFL"})
        made.play(rate=60)
        done = threading.Event()
        mover = threading.Thread(target=move_the_game, args=(made, done))
        mover.start()
        yield made
        done.set()
        mover.join()


def move_the_game(sim: Simulator, done: threading.Event) -> None:
    """The slate does not move the page's own game."""
    for price in itertools.cycle(range(101, 999)):
        if done.wait(0.05):
            return
        sim.set_quote(GAME, ODD, "fanduel", odds=f"+{price}")


FILE = re.compile(r"# (\w+\.py)\n")


def run_block(name: str, line: int, code: str, space: dict[str, Any]) -> None:
    tree = ast.parse(code)
    ast.increment_lineno(tree, line)
    made = compile(tree, name, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    function: Callable[[], Any] = eval  # a block with `await` gives a coroutine
    with contextlib.suppress(Enough):
        result = function(made, space)  # type: ignore[call-arg]
        if inspect.iscoroutine(result):
            space["__runner__"].run(result)


@pytest.mark.parametrize("page", list(pages()), ids=lambda p: str(p.relative_to(ROOT)))
def test_python_of_a_page_runs(
    page: Path,
    sim: Simulator,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("SPORTS_ODDS_API_KEY_HEADER", sim.api_key)
    monkeypatch.setenv("SPORTS_GAME_ODDS_BASE_URL", sim.base_url)
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    name = str(page.relative_to(ROOT))
    blocks = blocks_of(page.read_text(encoding="utf-8"))
    with monkeypatch.context() as patch, asyncio.Runner() as runner:
        bounds = Bounds(patch)
        space: dict[str, Any] = {"__name__": "__main__", "__runner__": runner}
        try:
            for line, code in blocks:
                if named := FILE.match(code):  # a module that others import
                    (tmp_path / named[1]).write_text(code, encoding="utf-8")
                run_block(name, line, code, space)
        finally:
            for client in bounds.clients:
                client.close()
    if any("print(" in code for _, code in blocks):
        assert capsys.readouterr().out, "nothing was printed"


def test_what_is_not_run_says_why() -> None:
    for path in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        for found in FENCE.finditer(path.read_text(encoding="utf-8")):
            mark = (found["mark"] or "").strip()
            assert not mark or NOT_RUN.fullmatch(mark), f"{path.name}: {mark}"


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"])
def test_links_outside_the_pages_lead_somewhere(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    for target in re.findall(r"\]\((?!https?://|#)([^)#]+)[^)]*\)", text):
        assert (ROOT / target).exists(), f"{name}: {target}"
