"""Made events and played slates: shape, size, determinism, realism."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from sgostream.sim import SNAPSHOT, EventMaker, Shape
from sgostream.sim.event import StoredEvent
from sgostream.sim.player import Player
from sgostream.sim.sports import LEAGUES
from sgostream.sim.store import Store

PRICE = re.compile(r"[+-][1-9][0-9]{2,5}")
STAMP = re.compile(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def slate(seed: int = 1, count: int = 12, size: int = 6000, **more: Any) -> Player:
    return Player(Store(), EventMaker(seed=seed, size=size), count=count, **more)


def content(player: Player) -> dict[str, bytes]:
    return {k: e.render(SNAPSHOT) for k, e in player.store.events.items()}


@pytest.mark.parametrize("size", [4000, 20_000, 100_000, 930_000])
def test_sizes_are_near_what_was_asked_for(size: int) -> None:
    maker = EventMaker(seed=3, size=size, leagues=["NBA", "NFL"])
    for number in range(3):
        text = maker.make(live=number % 2 == 0).event.render(SNAPSHOT)
        assert size * 0.6 < len(text) < size * 1.8


def test_a_real_size_event_has_as_much_in_it_as_a_real_one() -> None:
    maker = EventMaker(seed=3, leagues=["NBA"])
    event = json.loads(maker.make(live=True).event.render(SNAPSHOT))
    quotes = [
        quote
        for odd in event["odds"].values()
        for quote in odd.get("byBookmaker", {}).values()
    ]
    assert len(event["odds"]) > 280
    assert len(quotes) > 3300
    assert sum(len(quote.get("altLines", ())) for quote in quotes) > 1500
    assert any("byBookmaker" not in odd for odd in event["odds"].values())
    assert len({tuple(odd) for odd in event["odds"].values()}) > 6


@pytest.mark.parametrize("league", sorted(LEAGUES))
def test_events_look_like_the_vendors(league: str) -> None:
    maker = EventMaker(seed=8, size=60_000, leagues=[league])
    for live in (False, True):
        event = json.loads(maker.make(live=live).event.render(SNAPSHOT))
        assert re.fullmatch(r"[0-9A-Za-z]{20}", event["eventID"])
        assert event["leagueID"] == league
        assert event["status"]["live"] is live
        assert ("score" in event["teams"]["home"]) is live
        assert bool(event["results"]) is live
        assert STAMP.fullmatch(event["status"]["startsAt"])
        for odd_id, odd in event["odds"].items():
            assert odd["oddID"] == odd_id
            assert odd["opposingOddID"] in event["odds"]
            assert odd_id.split("-") == [
                odd["statID"],
                odd["statEntityID"],
                odd["periodID"],
                odd["betTypeID"],
                odd["sideID"],
            ]
            assert PRICE.fullmatch(odd["fairOdds"])
            for quote in odd.get("byBookmaker", {}).values():
                check_quote(odd, quote)


def check_quote(odd: dict[str, Any], quote: dict[str, Any]) -> None:
    line = {"sp": "spread", "ou": "overUnder"}.get(odd["betTypeID"])
    for one in [quote, *quote.get("altLines", [])]:
        assert PRICE.fullmatch(one["odds"])
        assert STAMP.fullmatch(one["lastUpdatedAt"])
        assert isinstance(one["available"], bool)
        if line == "spread":
            assert re.fullmatch(r"[+-]\d+(\.\d+)?", one[line])
        elif line:
            assert re.fullmatch(r"\d+(\.\d+)?", one[line])
    if "altLines" in quote:
        lines = [one[line] for one in quote["altLines"]]
        assert len(set(lines)) == len(lines)
        assert quote[line] not in lines


def test_members_are_those_of_the_samples(samples: Path) -> None:
    def names(event: dict[str, Any]) -> set[str]:
        out = set(event) | {f"status.{n}" for n in event["status"]}
        for odd in event["odds"].values():
            out |= {f"odd.{name}" for name in odd}
            for quote in odd.get("byBookmaker", {}).values():
                out |= {f"quote.{name}" for name in quote}
        return out

    real: set[str] = set()
    for name in (
        "stream-events-byid.mlb-final.json",
        "events.upcoming-page.soccer.json",
        "events.live.wta.json",
    ):
        answer = json.loads((samples / name).read_bytes())
        real |= set().union(*(names(event) for event in answer["data"]))
    maker = EventMaker(seed=4, size=100_000)
    made: set[str] = set()
    for number in range(12):
        event = maker.make(live=number % 2 == 0).event
        made |= names(json.loads(event.render(SNAPSHOT)))
    assert made <= real
    assert len(real - made) <= 6, real - made


def test_the_same_seed_makes_the_same_bytes() -> None:
    one, other, third = slate(1), slate(1), slate(2)
    assert content(one) == content(other)
    assert content(one) != content(third)
    for _ in range(300):
        one.step(5.0, 2)
        other.step(5.0, 2)
    assert content(one) == content(other)
    assert one.now == other.now


def test_reading_does_not_change_the_course() -> None:
    one, other = slate(1), slate(1)
    for number in range(200):
        moved = one.step(5.0)
        for event_id in moved.event_ids:
            if event_id in one.store.events:
                one.store.events[event_id].fragment(Shape())
                one.store.events[event_id].render(Shape(bookmaker_ids=("fanduel",)))
        if number % 50 == 0:
            content(one)
        other.step(5.0)
    assert content(one) == content(other)


def test_a_step_reports_what_it_changed_and_nothing_else_changes() -> None:
    player = slate(5, count=10)
    before = content(player)
    for _ in range(300):
        moved = player.step(3.0)
        after = content(player)
        differing = {i for i in before.keys() | after if before.get(i) != after.get(i)}
        left = before.keys() - after
        assert differing - left <= set(moved.event_ids)
        told = {i for ids in moved.channels.values() for i in ids}
        assert told == set(moved.event_ids)
        before = after


def test_played_events_equal_what_their_bytes_say() -> None:
    player = slate(9, count=6, size=60_000, live=1.0)
    for _ in range(300):
        player.step(20.0)
    for event in player.store.events.values():
        again = StoredEvent(event.render(SNAPSHOT))
        for odd_id, odd in event.odds.items():
            fresh = again.odds[odd_id]
            assert odd.text == fresh.text
            assert odd.index.quotes == fresh.index.quotes
            assert odd.index.fields == fresh.index.fields
        assert again.render(Shape()) == event.render(Shape())


def test_a_slate_lives_through_everything() -> None:
    player = slate(11, count=16, size=25_000)
    phases: Counter[str] = Counter()
    first = set(player.store.events)
    seen: set[str] = set()
    odds: dict[str, int] = {}
    grown = leaving_told = 0
    scores: dict[str, int] = {}
    for _ in range(6000):
        moved = player.step(15.0)
        for event_id in moved.event_ids:
            event = player.store.events.get(event_id)
            if event is None:
                continue
            grown += len(event.odds) > odds.get(event_id, len(event.odds))
            odds[event_id] = len(event.odds)
            live = "presence-events-live" in moved.channels
            leaving_told += live and event.flag("ended") and not event.flag("live")
            score = event.get("teams")["home"].get("score", 0)
            assert score >= scores.get(event_id, 0)
            scores[event_id] = score
        seen |= set(player.store.events)
        for game in player.games:
            phases[game.phase] += 1
    assert set(phases) >= {"upcoming", "live", "ended", "finalized"}
    assert grown > 5
    assert leaving_told > 5
    assert len(seen - first) > 5
    assert len(player.store.events) == 16
    assert max(scores.values()) > 20


def test_starts_move_and_games_are_cancelled() -> None:
    player = slate(3, count=40, live=0.0)
    first = content(player)
    for _ in range(1500):
        player.step(0.1)
    now = [e.get("status") for e in player.store.events.values()]
    old = [json.loads(text)["status"] for text in first.values()]
    assert any(status["cancelled"] for status in now)
    moved = [b for a, b in zip(old, now, strict=True) if a["startsAt"] != b["startsAt"]]
    assert moved
    assert all(status["previousStartsAt"] for status in moved)


def test_quotes_move_as_quotes_do() -> None:
    player = slate(4, count=1, size=200_000, live=1.0)
    (event,) = player.store.events.values()
    changed: Counter[str] = Counter()
    for _ in range(40):
        old = json.loads(event.render(Shape()))
        player.step(10.0)
        new = json.loads(event.render(Shape()))
        if new["status"]["ended"]:
            break
        for odd_id, odd in new["odds"].items():
            if odd_id not in old["odds"]:
                changed["odd"] += 1
                continue
            for book, quote in odd.get("byBookmaker", {}).items():
                for name, value in quote.items():
                    was = old["odds"][odd_id]["byBookmaker"][book].get(name)
                    changed[name] += value != was
    assert changed["lastUpdatedAt"] > changed["odds"] > changed["available"] > 0
    assert changed["overUnder"] + changed["spread"] > 0


def test_bad_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="NBX"):
        EventMaker(leagues=["NBX"])
    with pytest.raises(ValueError, match="bytes"):
        EventMaker(size=10)
