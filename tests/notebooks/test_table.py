"""What a board and a chart hold, and that frames add up to it, in the browser too."""

from __future__ import annotations

import json
import random
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

import sgostream
from sgostream import Event, Update
from sgostream.notebook._html import FORMATS, board_html, chart_html, price_text
from sgostream.notebook._points import Points
from sgostream.notebook._table import Table

STATIC = Path(sgostream.__file__).parent / "notebook" / "static"
ML_HOME, ML_AWAY = "points-home-game-ml-home", "points-away-game-ml-away"
TOTAL = "points-all-game-ou-over"
STATUS = {"phase": "live", "time": 1.8e9, "updates": 3, "moves": 0, "left_out": ""}

Quotes = dict[str, dict[str, Any]]


def quote(odds: int, *, line: float | None = None, ok: bool = True) -> dict[str, Any]:
    out: dict[str, Any] = {"odds": f"{odds:+d}", "available": ok}
    if line is not None:
        out["overUnder"] = str(line)
    return out


def event(name: str, odds: dict[str, Quotes], *, live: bool = True) -> Event:
    return Event.parse(
        json.dumps(
            {
                "eventID": name,
                "leagueID": "NFL",
                "status": {"live": live, "startsAt": "2026-01-01T00:00:00Z"},
                "odds": {key: {"byBookmaker": value} for key, value in odds.items()},
            }
        )
    )


def update(kind: str, version: Event, applied: float | None = None) -> Update:
    at = None if applied is None else int(applied * 1e9)
    times = SimpleNamespace(applied=at)
    return cast(Update, SimpleNamespace(kind=kind, event=version, times=times))


def only_row(table: Table) -> Any:
    ((_, row),) = table.ordered()
    return row


def test_the_best_price_is_the_best_for_who_bets() -> None:
    table = Table()
    books = {"a": quote(-110), "b": quote(-105), "c": quote(-120)}
    table.take([update("added", event("e", {ML_HOME: books}))])
    row = only_row(table)
    assert table.books[row.best] == "b"
    books["c"] = quote(+100)
    books["b"] = quote(-105, ok=False)
    table.take([update("changed", event("e", {ML_HOME: books}))])
    assert table.books[row.best] == "c"
    books["c"] = quote(+100, ok=False)
    table.take([update("changed", event("e", {ML_HOME: books}))])
    assert table.books[row.best] == "a"


def test_prices_on_another_line_do_not_compete() -> None:
    table = Table()
    books = {"a": quote(-110, line=48.5), "b": quote(-108, line=48.5)}
    books["c"] = quote(+130, line=50.5)
    table.take([update("added", event("e", {TOTAL: books}))])
    row = only_row(table)
    assert table.books[row.best] == "b"
    assert row.line == 48.5


def test_a_patch_holds_what_moved_and_nothing_else() -> None:
    table = Table()
    books = {"a": quote(-110), "b": quote(-105)}
    table.take([update("added", event("e", {ML_HOME: books}))])
    assert table.has_news
    table.full()
    assert not table.has_news
    table.take([update("changed", event("e", {ML_HOME: books}))])
    assert not table.has_news
    books["a"] = quote(-111)
    table.take([update("changed", event("e", {ML_HOME: books}))])
    row = only_row(table)
    assert table.patch() == {"cells": [row.id, 0, (-111, None, True, 0)]}
    del books["a"]
    table.take([update("changed", event("e", {ML_HOME: books}))])
    assert table.patch() == {"cells": [row.id, 0, None]}
    table.take([update("removed", event("e", {}))])
    assert table.patch() == {"lost": [row.game], "gone": [row.id]}
    assert table.row_count == 0


def test_what_does_not_fit_waits_and_comes_when_there_is_room() -> None:
    table = Table(max_rows=2, max_bookmakers=1)
    books = {"a": quote(-110), "b": quote(-105)}
    late = update("added", event("late", {ML_HOME: books}, live=False))
    batch = [late]
    for name in ("one", "two"):
        batch.append(update("added", event(name, {ML_HOME: books})))
    table.take(batch)
    assert list(table.games) == ["one", "two"]  # in progress first
    assert table.left_out == "1 games and 1 bookmakers"
    table.take([update("removed", event("one", {}))])
    assert list(table.games) == ["two", "late"]
    assert table.left_out == "1 bookmakers"


def test_named_bookmakers_are_the_columns_in_their_order() -> None:
    table = Table(bookmaker_ids=["b", "a"])
    books = {"a": quote(-110), "b": quote(-105), "c": quote(+500)}
    table.take([update("added", event("e", {ML_HOME: books}))])
    assert table.books == ["b", "a"]
    assert only_row(table).best == 0


def random_walk(rng: random.Random, table: Table) -> list[dict[str, Any]]:
    """Frames of a slate that moves at random; the last one is whole."""
    games: dict[str, dict[str, Quotes]] = {}
    frames = [{"t": "full", **table.full()}]
    for _ in range(120):
        name = rng.choice("abcdef")
        kind = "changed" if name in games else "added"
        if kind == "changed" and rng.random() < 0.1:
            table.take([update("removed", event(name, games.pop(name)))])
        else:
            odds = games.setdefault(name, {})
            for odd_id in rng.sample([ML_HOME, ML_AWAY, TOTAL], rng.randint(1, 3)):
                books = odds.setdefault(odd_id, {})
                line = rng.choice([1.5, 2.5]) if odd_id == TOTAL else None
                book = rng.choice(["p", "q", "r", "s"])
                books[book] = quote(
                    rng.randint(100, 140), line=line, ok=rng.random() < 0.9
                )
                if rng.random() < 0.15:
                    del books[book]
                if rng.random() < 0.05:
                    del odds[odd_id]
            table.take([update(kind, event(name, odds, live=rng.random() < 0.8))])
        if rng.random() < 0.6:
            frames.append({"t": "patch", **table.patch()})
    frames.append({"t": "patch", **table.patch()})
    frames.append({"t": "full", **table.full()})
    return frames


READ = """
import { readFileSync } from "node:fs";
const walks = JSON.parse(readFileSync(0));
const plain = (frame) => JSON.stringify(frame, (key, value) =>
  value && typeof value === "object" && !Array.isArray(value)
    ? Object.fromEntries(Object.entries(value).sort()) : value);
for (const [name, read] of [["board", readBoard], ["chart", readChart]]) {
  if (!read) continue;
  for (const frames of walks[name] || []) {
    const whole = {}, parts = {};
    read(whole, frames.at(-1), []);
    for (const frame of frames.slice(0, -1)) read(parts, frame, []);
    if (plain(whole) !== plain(parts)) {
      console.error(plain(whole) + "\\n" + plain(parts));
      process.exit(1);
    }
  }
}
console.log("equal");
"""


def read_in_node(
    kind: str,
    walks: list[list[dict[str, Any]]],
    folder: Path,
    env: dict[str, str],
) -> None:
    """Let the browser's own code add frames up; the sum must be the whole."""
    script = "\n".join((STATIC / f"{n}.js").read_text() for n in ("live", kind))
    other = "readChart" if kind == "board" else "readBoard"
    path = folder / "read.mjs"
    path.write_text(f"{script}\nconst {other} = null;\n{READ}")
    done = subprocess.run(
        ["node", str(path)],
        input=json.dumps({kind: walks}),
        capture_output=True,
        text=True,
        env=env,
    )
    assert done.stdout == "equal\n", done.stderr


def test_patches_add_up_to_the_whole_in_the_browsers_code(
    tmp_path: Path, plain_env: dict[str, str]
) -> None:
    walks = []
    for seed in range(12):
        table = Table(max_rows=9, max_bookmakers=3)
        walks.append(random_walk(random.Random(seed), table))
    read_in_node("board", walks, tmp_path, plain_env)


def chart_walk(rng: random.Random, points: Points) -> list[dict[str, Any]]:
    frames = [{"t": "full", **points.full()}]
    books: Quotes = {}
    for step in range(100):
        book = rng.choice("pqrst")
        books[book] = quote(rng.randint(100, 110), ok=rng.random() < 0.9)
        if rng.random() < 0.1:
            del books[book]
        points.take([update("changed", event("e", {ML_HOME: books}), step)])
        if rng.random() < 0.5:
            frames.append({"t": "patch", **points.patch()})
    points.take([update("removed", event("e", {}), 101)])
    frames.append({"t": "patch", **points.patch()})
    frames.append({"t": "full", **points.full()})
    return frames


def test_points_add_up_to_the_whole_in_the_browsers_code(
    tmp_path: Path, plain_env: dict[str, str]
) -> None:
    walks = []
    for seed in range(12):
        points = Points(ML_HOME, max_bookmakers=4)
        walks.append(chart_walk(random.Random(seed), points))
    read_in_node("chart", walks, tmp_path, plain_env)


def test_a_chart_keeps_each_move_once_and_says_when_a_price_went() -> None:
    points = Points(ML_HOME, max_points=3)
    for at, odds in [(1, 100), (2, 100), (3, 105), (4, 110), (5, 115)]:
        books = {"a": quote(odds), "b": quote(100)}
        points.take([update("changed", event("e", {ML_HOME: books}), at)])
    a, b = points.series
    assert a.points == [(3, 105, None), (4, 110, None), (5, 115, None)]
    assert b.points == [(1, 100, None)]
    gone = {"b": quote(100, ok=False)}
    points.take([update("changed", event("e", {ML_HOME: gone}), 6)])
    assert a.points[-1] == (6, None, None)
    assert b.points[-1] == (6, None, None)


def test_prices_in_three_ways() -> None:
    assert [price_text(150, form) for form in FORMATS] == ["+150", "2.50", "40.0%"]
    assert [price_text(-200, form) for form in FORMATS] == ["-200", "1.50", "66.7%"]
    assert price_text(None, "decimal") == "-"


@pytest.mark.parametrize("form", FORMATS)
def test_the_plain_pages_escape_and_say_when_they_are_not_current(form: str) -> None:
    bad = "<img src=x>"
    version = Event.parse(
        json.dumps(
            {
                "eventID": "e",
                "leagueID": bad,
                "teams": {"home": {"names": {"medium": bad}}},
                "odds": {
                    ML_HOME: {"byBookmaker": {bad: quote(+120), "b": quote(+110)}}
                },
            }
        )
    )
    table, points = Table(), Points(ML_HOME)
    table.take([update("added", version)])
    points.take([update("added", version, 1.8e9 - 60)])
    stale = {**STATUS, "phase": "stale", "age": 12.3, "reason": bad}
    for status in (STATUS, stale):
        pages = [board_html(table, status, bad, form)]
        pages.append(chart_html(points.series, status, bad, form))
        for page in pages:
            assert "<img" not in page
            assert price_text(120, form) in page
            assert ("proven current 12 s ago" in page) is (status is stale)
    assert "no price yet" in chart_html([], STATUS, "x", form)
