"""Stored events: bytes kept as they came, shapes cut, values overwritten."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from sgostream.sim import FULL, SNAPSHOT, EventMaker, Shape
from sgostream.sim.event import StoredEvent
from sgostream.sim.files import read_file
from sgostream.sim.odd import Index

TEXT = """ { "eventID" : "E1" , "leagueID":"NBA",
 "status":{"live":true}, "odds" : {
  "points-home-game-sp-home" : {"oddID":"points-home-game-sp-home",
    "opposingOddID":"points-away-game-sp-away", "byBookmaker": {
      "a" : {"altLines" : [{"odds":"+1","spread":"-2"}] , "odds":"-110","spread":"-1.5",
             "available":true,"lastUpdatedAt":"2026-01-01T00:00:00.000Z"},
      "b":{"openOdds":"+5","odds":"+100","closeSpread":"1","altLines":[]},
      "c":{ "odds" : "+9999" }
  }, "name":"\\u017d\u017d" },
  "points-away-game-sp-away":{"oddID":"points-away-game-sp-away"},
  "points+rebounds-JO_DOE_1_NBA-game-ou-over":{"byBookmaker":{}}
 } , "z" : [ 1 , 2.50 ] } """


def pruned(event: Any, shape: Shape) -> Any:
    """Apply a shape to plain objects, the slow and obvious way."""
    event = json.loads(json.dumps(event))
    for odd in event["odds"].values():
        quotes = odd.get("byBookmaker")
        if quotes is None:
            continue
        for name in list(quotes):
            if shape.bookmaker_ids and name not in shape.bookmaker_ids:
                del quotes[name]
                continue
            for member in list(quotes[name]):
                is_alt = member == "altLines"
                is_old = member.startswith(("open", "close"))
                if (is_alt and not shape.alt_lines) or (
                    is_old and not shape.open_close
                ):
                    del quotes[name][member]
    return event


def ordered(text: bytes) -> Any:
    """JSON with the order of its members."""
    return json.loads(text, object_pairs_hook=lambda pairs: pairs)


def test_bytes_are_kept() -> None:
    text = TEXT.encode()
    assert StoredEvent(text).render(FULL) == text.strip()


@pytest.mark.parametrize("alt", [False, True])
@pytest.mark.parametrize("old", [False, True])
@pytest.mark.parametrize(
    "books", [(), ("a",), ("b",), ("c",), ("a", "c"), ("b", "c"), ("x",)]
)
def test_shapes_cut_what_they_leave_out(
    alt: bool, old: bool, books: tuple[str, ...]
) -> None:
    shape = Shape(bookmaker_ids=books, alt_lines=alt, open_close=old)
    cut = StoredEvent(TEXT.encode()).render(shape)
    expected = pruned(json.loads(TEXT), shape)
    assert ordered(cut) == ordered(json.dumps(expected).encode())


def test_odd_ids_choose_odds() -> None:
    event = StoredEvent(TEXT.encode())

    def shown(*ids: str, opposing: bool = False) -> list[str]:
        shape = Shape(odd_ids=ids, opposing=opposing)
        return list(json.loads(event.render(shape))["odds"])

    home, away = "points-home-game-sp-home", "points-away-game-sp-away"
    assert shown(home) == [home]
    assert shown(away, home) == [home, away]
    assert shown(home, opposing=True) == [home, away]
    player = "points+rebounds-JO_DOE_1_NBA-game-ou-over"
    assert shown("points+rebounds-PLAYER_ID-game-ou-over") == [player]
    assert shown("points-PLAYER_ID-game-sp-home") == []
    assert shown("nothing") == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("status", "live"), False),
        (("status", "new", "deep"), [1, {"x": None}]),
        (("z", 1), "text"),
        (("z", 2), 3),
        (("fresh",), {"a": "\u017d"}),
        (("odds", "points-home-game-sp-home", "byBookmaker", "a", "odds"), "-1000"),
        (("odds", "points-home-game-sp-home", "byBookmaker", "a", "available"), False),
        (("odds", "points-home-game-sp-home", "byBookmaker", "c", "odds"), '+1"\n'),
        (("odds", "points-home-game-sp-home", "byBookmaker", "c", "x"), 1.5),
        (("odds", "points-home-game-sp-home", "name"), "other"),
        (("odds", "points-home-game-sp-home", "byBookmaker", "d"), {"odds": "+1"}),
        (("odds", "points-away-game-sp-away"), {"oddID": "x"}),
        (("odds", "new-odd"), {"oddID": "new-odd"}),
        (("odds",), {}),
        (("odds",), {"only": {}}),
    ],
)
def test_a_written_value_equals_a_changed_tree(
    path: tuple[str | int, ...], value: Any
) -> None:
    event = StoredEvent(TEXT.encode())
    event.render(Shape())  # views and positions exist before the change
    tree = json.loads(TEXT)
    at = tree
    for step in path[:-1]:
        at = at.setdefault(step, {}) if isinstance(at, dict) else at[step]
    if isinstance(at, list) and path[-1] == len(at):
        at.append(value)
    else:
        at[path[-1]] = value
    event.set(path, value)
    assert ordered(event.render(FULL)) == ordered(json.dumps(tree).encode())
    expected = pruned(tree, Shape())
    assert json.loads(event.render(Shape())) == expected
    assert event.version == 1


@pytest.mark.parametrize(
    "path",
    [
        ("status", "live"),
        ("z",),
        ("z", 0),
        ("odds",),
        ("odds", "points-away-game-sp-away"),
        ("odds", "points-home-game-sp-home", "byBookmaker"),
        ("odds", "points-home-game-sp-home", "byBookmaker", "a", "altLines"),
    ],
)
def test_a_removed_member_is_gone(path: tuple[str | int, ...]) -> None:
    event = StoredEvent(TEXT.encode())
    tree = json.loads(TEXT)
    at = tree
    for step in path[:-1]:
        at = at[step]
    del at[path[-1]]
    event.remove(path)
    assert json.loads(event.render(FULL)) == tree
    with pytest.raises((KeyError, IndexError)):
        event.remove(("status", "nothing"))


def test_random_patches_in_place_equal_the_reparsed_event() -> None:
    """Lengths change, positions move, and every view stays right."""
    rng = random.Random(7)
    event = EventMaker(seed=5, size=60_000).make(live=True).event
    tree = json.loads(event.render(SNAPSHOT))
    odd_ids = [i for i, odd in tree["odds"].items() if odd.get("byBookmaker")]
    for _ in range(600):
        odd_id = rng.choice(odd_ids)
        quotes = tree["odds"][odd_id]["byBookmaker"]
        book = rng.choice(list(quotes))
        member, value = rng.choice(
            [
                ("odds", rng.choice(["-105", "+100000", "+1"])),
                ("available", rng.random() < 0.5),
                ("lastUpdatedAt", "2026-02-03T04:05:06.789Z"),
            ]
        )
        event.set(("odds", odd_id, "byBookmaker", book, member), value)
        quotes[book][member] = value
        field = rng.choice(["bookOdds", "fairOdds"])
        event.set(("odds", odd_id, field), value)
        tree["odds"][odd_id][field] = value
        number = event.odds[odd_id].quote_number(book)
        if "altLines" in quotes[book]:
            stamp = f"2026-03-03T04:05:06.{rng.randrange(1000):03d}Z"
            event.odds[odd_id].stamp_alt_lines(number, stamp.encode())
            for line in quotes[book]["altLines"]:
                line["lastUpdatedAt"] = stamp
    text = event.render(SNAPSHOT)
    assert ordered(text) == ordered(json.dumps(tree).encode())
    again = StoredEvent(text)
    for shape in (Shape(), SNAPSHOT, Shape(bookmaker_ids=("fanduel",))):
        assert again.render(shape) == event.render(shape)
    for odd_id, odd in event.odds.items():
        fresh = again.odds[odd_id].index
        assert odd.index.quotes == fresh.quotes
        assert odd.index.fields == fresh.fields
        assert odd.index.alt_cuts == fresh.alt_cuts


def test_a_copy_is_independent() -> None:
    event = StoredEvent(TEXT.encode())
    copy = event.copy()
    event.set_quote("points-home-game-sp-home", "a", odds="+7")
    assert copy.render(FULL) == TEXT.strip().encode()
    with pytest.raises(KeyError):
        event.set_quote("points-home-game-sp-home", "nobody", odds="+7")
    with pytest.raises(KeyError):
        event.set_quote("points-home-game-sp-home", "c", line="+7")


@pytest.mark.parametrize("text", [b"[]", b"{}", b'{"eventID":1}', b'{"eventID"}', b""])
def test_what_is_no_event_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        StoredEvent(text) if text else read_text(text)


def read_text(text: bytes) -> None:
    StoredEvent(text + b" ")


def test_open_and_close_prices_of_made_events() -> None:
    event = EventMaker(seed=2, size=30_000).make(live=True).event
    shape = Shape(open_close=True)
    more = json.loads(event.render(shape))
    assert pruned(more, Shape()) == json.loads(event.render(Shape()))
    quotes = [q for o in more["odds"].values() for q in o["byBookmaker"].values()]
    assert all("openOdds" in quote for quote in quotes)
    assert any("closeSpread" in quote or "closeOverUnder" in quote for quote in quotes)


def test_expanded_results() -> None:
    event = EventMaker(seed=2, size=30_000).make(live=True).event
    base = json.loads(event.render(Shape()))["results"]
    more = json.loads(event.render(Shape(expand_results=True)))["results"]
    assert base["game"]["home"].items() < more["game"]["home"].items()
    assert json.loads(event.render(SNAPSHOT))["results"] == base


# the vendor's own payloads


def test_sample_files_are_kept_byte_for_byte(samples: Path) -> None:
    count = 0
    for path in sorted(samples.glob("*.json")):
        text = path.read_bytes()
        for found in read_file(path):
            count += 1
            assert found.text in text
            event = StoredEvent(found.text)
            assert event.render(FULL) == found.text
            tree = json.loads(found.text)
            for shape in (Shape(), SNAPSHOT, Shape(bookmaker_ids=("fanduel",))):
                expected = json.dumps(pruned(tree, shape)).encode()
                assert ordered(event.render(shape)) == ordered(expected)
    assert count >= 8
    assert read_file(samples / "account-usage.json") == []
    assert len(read_file(samples)) == count


def test_only_stream_answers_are_snapshots(samples: Path) -> None:
    (found,) = read_file(samples / "stream-events-byid.mlb-final.json")
    assert found.is_snapshot
    (found,) = read_file(samples / "events.final.mlb.json")
    assert not found.is_snapshot


def test_the_fast_way_to_the_positions_is_right(monkeypatch: Any) -> None:
    """Positions found by pattern equal those found member by member."""
    event = EventMaker(seed=6, size=90_000).make(live=True).event
    texts = [bytes(odd.text) for odd in event.odds.values()]
    for trap in (
        b'"o":{"byBookmaker":{}}',
        b'"o":{}',
        b'"o":{"name":"a\\"b","score":-1.50,"byBookmaker":{},"x":null}',
        b'"o" : {"name":"\xc4\x87","score":12,"byBookmaker":{} }',
        b'"o":{"byBookmaker":{"a":{"odds":"+1","lastUpdatedAt":"x",'
        b'"available":true},"b":{"available":true,"odds":"\\"]"}}}',
        b'"o":{"byBookmaker":{"a":{"odds":"+1","lastUpdatedAt":"x",'
        b'"available":true,"altLines":[{"odds":"]}"},{}]}}}',
        b'"o":{"byBookmaker":{"a":{"odds":"+1","lastUpdatedAt":"x",'
        b'"available":true} ,"b":{}}}',
    ):
        texts.append(trap)
    fast = [Index(text) for text in texts]
    monkeypatch.setattr(Index, "_read_usual", lambda *_: False)
    for text, found in zip(texts, fast, strict=True):
        slow = Index(text)
        for name in ("books", "quotes", "alt_cuts", "open_cuts", "body", "fields"):
            assert getattr(found, name) == getattr(slow, name), (name, text)
    assert any(found.alt_cuts for found in fast)
