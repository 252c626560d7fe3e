"""Update, Changes, Change, QuoteChange, ConsensusChange, Times by Event.diff."""

from __future__ import annotations

import copy
import json
import pickle
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from sgostream import _core

MISSING = _core.MISSING


def quote(
    odds: str, at: str = "2026-01-01T00:00:00.000Z", **more: Any
) -> dict[str, Any]:
    return {"odds": odds, "available": True, "lastUpdatedAt": at, **more}


OLD: dict[str, Any] = {
    "eventID": "e1",
    "teams": {"home": {"score": 1}, "away": {"score": 0}},
    "tags": ["a", "b"],
    "gone": {"x": 1},
    "odds": {
        "points-home-game-ml-home": {
            "oddID": "points-home-game-ml-home",
            "bookOdds": "-110",
            "byBookmaker": {
                "alpha": quote("-110"),
                "beta": quote("+105", overUnder="8.5"),
                "quiet": quote("-120"),
            },
        }
    },
}


def changed() -> dict[str, Any]:
    new = copy.deepcopy(OLD)
    new["teams"]["home"]["score"] = 2
    del new["gone"]
    new["more"] = [1, {"deep": None}]
    new["tags"] = ["a", "c"]
    odd = new["odds"]["points-home-game-ml-home"]
    odd["bookOdds"] = "-115"
    books = odd["byBookmaker"]
    books["alpha"] = quote("-118", "2026-01-01T00:00:05.250Z")
    del books["beta"]
    books["gamma"] = quote("EVEN", spread="-1.5")
    books["quiet"]["lastUpdatedAt"] = "2026-01-01T00:00:09.000Z"
    return new


def parse(plain: object) -> _core.Event:
    return _core.Event.parse(json.dumps(plain))


def diff(
    old: object = None, new: object = None, *, include_timestamps: bool = False
) -> _core.Update:
    old_event = parse(OLD if old is None else old)
    new_event = parse(changed() if new is None else new)
    return old_event.diff(new_event, include_timestamps=include_timestamps)


def apply(plain: Any, changes: Sequence[_core.Change]) -> Any:
    root = {"": copy.deepcopy(plain)}
    for change in changes:
        *path, last = ("", *change.path)
        place: Any = root
        for step in path:
            place = place[step]
        if change.new is MISSING:
            del place[last]
        else:
            place[last] = _core.to_plain(change.new)
    return root[""]


def test_an_update_of_diff() -> None:
    update = diff()
    assert type(update) is _core.Update
    assert update.kind == "changed"
    assert update.event == changed()
    assert update.previous == OLD
    assert update.event_id == "e1"
    assert update.event is update.event
    assert update.previous is update.previous
    assert update.stream is None
    assert update.skipped == 0
    assert update.stale is False
    assert repr(update) == "<Update changed e1>"
    with pytest.raises(AttributeError):
        update.kind = "added"  # type: ignore[misc]
    with pytest.raises(TypeError):
        pickle.dumps(update)


def test_changes_name_place_and_both_sides() -> None:
    odd = ("odds", "points-home-game-ml-home")
    found = {change.path: (change.old, change.new) for change in diff().changes}
    assert found == {
        ("teams", "home", "score"): (1, 2),
        ("gone",): ({"x": 1}, MISSING),
        ("more",): (MISSING, [1, {"deep": None}]),
        ("tags", 1): ("b", "c"),
        (*odd, "bookOdds"): ("-110", "-115"),
        (*odd, "byBookmaker", "alpha", "odds"): ("-110", "-118"),
        (*odd, "byBookmaker", "beta"): (quote("+105", overUnder="8.5"), MISSING),
        (*odd, "byBookmaker", "gamma"): (MISSING, quote("EVEN", spread="-1.5")),
    }


def test_changes_with_timestamps_replay() -> None:
    update = diff(include_timestamps=True)
    assert update.previous is not None
    assert apply(OLD, update.changes) == changed()
    assert apply(update.previous.to_dict(), update.changes) == update.event
    assert len(update.changes) == len(diff().changes) + 2


def test_diff_of_equal_events_is_empty() -> None:
    update = diff(OLD, json.loads(json.dumps(OLD)))
    assert list(update.changes) == []
    assert list(update.quotes) == []
    assert list(update.consensus) == []
    assert not update.changes


def test_quotes_tell_old_and_new() -> None:
    found = {change.bookmaker_id: change for change in diff().quotes}
    assert set(found) == {"alpha", "beta", "gamma"}  # not the one touched only
    alpha, beta, gamma = found["alpha"], found["beta"], found["gamma"]
    assert alpha.event_id == "e1"
    assert alpha.odd_id == "points-home-game-ml-home"
    assert alpha.is_alt_line is False
    assert alpha.old is not None
    assert alpha.new is not None
    assert (alpha.old.odds, alpha.new.odds) == (-110, -118)
    assert alpha.new.last_updated_at is not None
    assert alpha.new.last_updated_at.isoformat() == "2026-01-01T00:00:05.250000+00:00"
    assert beta.new is None
    assert beta.old is not None
    assert beta.old.line == 8.5
    assert gamma.old is None
    assert gamma.new is not None
    assert (gamma.new.odds, gamma.new.text, gamma.new.line) == (100, "EVEN", -1.5)


def test_consensus_tells_old_and_new() -> None:
    (change,) = diff().consensus
    assert change == ("e1", "points-home-game-ml-home", "bookOdds", "-110", "-115")
    assert change.field == "bookOdds"
    new = copy.deepcopy(OLD)
    del new["odds"]["points-home-game-ml-home"]["bookOdds"]
    (change,) = diff(OLD, new).consensus
    assert change.new is None


def test_changes_are_a_sequence() -> None:
    changes = diff().changes
    plain = list(changes)
    assert isinstance(changes, Sequence)
    assert len(changes) == len(plain)
    assert changes[0] == plain[0]
    assert changes[-1] == plain[-1]
    assert changes[1:4] == plain[1:4]
    assert changes[::-2] == plain[::-2]
    assert list(reversed(changes)) == plain[::-1]
    assert plain[2] in changes
    assert changes.index(plain[2]) == 2
    assert changes.count(plain[2]) == 1
    assert changes == plain
    assert plain == changes
    assert changes == diff().changes
    assert changes != plain[1:]
    assert repr(changes) == f"<{len(plain)} changes>"
    assert repr(diff().quotes) == "<3 quotes>"
    for wrong in (len(plain), -len(plain) - 1):
        with pytest.raises(IndexError):
            changes[wrong]
    with pytest.raises(TypeError):
        changes["0"]  # type: ignore[call-overload]
    with pytest.raises(ValueError, match="not in list"):
        changes.index("nothing")
    with pytest.raises(TypeError):
        hash(changes)
    match changes:
        case [first, *_]:
            assert first == plain[0]
        case _:
            pytest.fail("no sequence")


def test_changes_keep_their_update() -> None:
    changes = diff().changes
    assert all(isinstance(change, _core.Change) for change in changes)


def test_a_change_of_another_event_id() -> None:
    update = diff(OLD, {**OLD, "eventID": "e2"})
    assert update.event_id == "e2"
    assert [change.path for change in update.changes] == [("eventID",)]


def test_diff_arguments() -> None:
    event = parse(OLD)

    class Mine(_core.Update):
        __slots__ = ()

    assert type(event.diff(event, update_type=Mine)) is Mine
    with pytest.raises(TypeError, match="must be an Event"):
        event.diff(OLD)  # type: ignore[call-overload]
    with pytest.raises(TypeError, match="subclass"):
        event.diff(event, update_type=int)  # type: ignore[type-var]
    with pytest.raises(TypeError, match="unexpected"):
        event.diff(event, timestamps=True)  # type: ignore[call-overload]
    with pytest.raises(TypeError, match="needs"):
        event.diff()  # type: ignore[call-overload]
    with pytest.raises(TypeError, match="several"):
        event.diff(event, other=event)  # type: ignore[call-overload]


def test_the_events_of_a_diff_are_of_the_first_ones_type() -> None:
    class Mine(_core.Event):
        __slots__ = ()

    update = Mine.parse(json.dumps(OLD)).diff(parse(changed()))
    assert type(update.event) is Mine
    assert type(update.previous) is Mine


# --- records


RECORDS = [
    (_core.Change, ("path", "old", "new"), (("a", 1), 1, MISSING)),
    (
        _core.QuoteChange,
        ("event_id", "odd_id", "bookmaker_id", "is_alt_line", "old", "new"),
        ("e", "o", "b", False, None, _core.Quote(odds=-110)),
    ),
    (
        _core.ConsensusChange,
        ("event_id", "odd_id", "field", "old", "new"),
        ("e", "o", "fairOdds", "+100", None),
    ),
    (
        _core.Times,
        ("notified", "requested", "received", "applied", "taken"),
        (1, 2, None, 4, 5),
    ),
    (
        _core.StreamState,
        ("connection", "phase", "failed", "serial", "error"),
        ("connected", "live", False, 9, None),
    ),
]


@pytest.mark.parametrize(
    ("kind", "names", "values"), RECORDS, ids=[row[0].__name__ for row in RECORDS]
)
def test_records(kind: Any, names: tuple[str, ...], values: tuple[Any, ...]) -> None:
    record = kind(*values)
    assert record == values
    assert record == kind(**dict(zip(names, values, strict=True)))
    assert tuple(record) == values
    assert [getattr(record, name) for name in names] == list(values)
    assert kind.__match_args__ == names
    assert hash(record) == hash(values)
    assert record[0] == values[0]
    assert len(record) == len(names)
    assert repr(record).startswith(f"{kind.__name__}({names[0]}={values[0]!r}, ")
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        again = pickle.loads(pickle.dumps(record, protocol))
        assert again == record
        assert type(again) is kind
    assert copy.deepcopy(record) == record
    with pytest.raises(AttributeError):
        setattr(record, names[0], 1)
    with pytest.raises(AttributeError):
        record.extra = 1
    with pytest.raises(TypeError):
        kind(*values[:-1])
    with pytest.raises(TypeError):
        kind(*values, 1)
    with pytest.raises(TypeError):
        kind(*values, nope=1)
    with pytest.raises(TypeError):
        type("Sub", (kind,), {})


def test_records_unpack_and_match() -> None:
    path, old, new = diff().changes[0]
    match diff().changes[0]:
        case _core.Change(found_path, found_old, new=found_new):
            assert (found_path, found_old, found_new) == (path, old, new)
        case _:
            pytest.fail("no match")


def test_a_change_with_a_view_pickles_its_subtree() -> None:
    update = diff()
    change = next(c for c in update.changes if c.path == ("more",))
    assert isinstance(change.new, _core.ArrayView)
    again = pickle.loads(pickle.dumps(change))
    assert again == change
    assert again.old is MISSING
    assert type(again.new) is list
    with pytest.raises(TypeError, match="unhashable"):
        hash(change)


def test_missing_is_one_falsy_thing() -> None:
    assert not MISSING
    assert repr(MISSING) == "MISSING"
    assert MISSING != None  # noqa: E711
    assert MISSING == MISSING
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        assert pickle.loads(pickle.dumps(MISSING, protocol)) is MISSING
    assert copy.copy(MISSING) is MISSING
    assert copy.deepcopy([MISSING])[0] is MISSING
    with pytest.raises(TypeError):
        type(MISSING)()


# --- real payloads


@pytest.fixture(scope="module")
def revisions(samples: Path) -> tuple[bytes, bytes]:
    """The event of the synthetic payloads before and after, as its bytes."""
    bodies = []
    for name in ("synthetic-nba-live.rev1.json", "synthetic-nba-live.rev2.json"):
        body = json.loads((samples / name).read_bytes())
        (plain,) = body["data"]
        bodies.append(json.dumps(plain).encode())
    return bodies[0], bodies[1]


def test_the_oracle_of_the_two_revisions(revisions: tuple[bytes, bytes]) -> None:
    old, new = (_core.Event.parse(body) for body in revisions)
    update = old.diff(new)
    prices = flips = 0
    for change in update.quotes:
        if change.is_alt_line or change.old is None or change.new is None:
            continue
        prices += change.old.odds != change.new.odds
        flips += change.old.available != change.new.available
    assert prices == 302
    assert flips == 36
    books = [change for change in update.consensus if change.field == "bookOdds"]
    assert sum(change.old is not None for change in books) == 176
    assert sum(change.old is None for change in books) == 2
    added = {c.path[1] for c in update.changes if len(c.path) == 2 and c.old is MISSING}
    assert added == {"points-home-4q-ml-home", "points-away-4q-ml-away"}
    assert not [c for c in update.changes if "lastUpdatedAt" in c.path]


def test_the_two_revisions_replay(revisions: tuple[bytes, bytes]) -> None:
    old, new = (_core.Event.parse(body) for body in revisions)
    for a, b in ((old, new), (new, old)):
        update = a.diff(b, include_timestamps=True)
        assert apply(a.to_dict(), update.changes) == b


def test_a_delivery_is_one_small_object(revisions: tuple[bytes, bytes]) -> None:
    old, new = (_core.Event.parse(body) for body in revisions)
    update = old.diff(new)
    assert sys.getsizeof(update) < 256
    assert sys.getsizeof(update.event) < 256
