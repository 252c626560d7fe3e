"""The three feeds over TLS, the vendor's own bytes, and feeds to come."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rig import Replica, Rig, eventually, take_all

import sgostream

EVENT_ID = "mg55OPFOORFcu5v3FvfO"


@pytest.mark.parametrize("tls", [True, False], ids=["https", "http"])
def test_live_feed_shows_and_follows(rig: Rig, tls: bool) -> None:
    ids = [rig.sim.add_event(live=True) for _ in range(3)]
    rig.sim.add_event(live=False)
    live = rig.client(tls=tls).live()
    with live, live.subscribe(include_timestamps=True) as updates:
        live.wait_live(20)
        assert set(live.events) == set(ids)
        rig.at_rest(live)
        replica = Replica()
        replica.feed(take_all(updates))
        rig.sim.patch(ids[0], ("teams", "home", "score"), 77)
        update = updates.get(timeout=10)
        assert (update.kind, update.cause) == ("changed", "notification")
        assert [c.path for c in update.changes] == [("teams", "home", "score")]
        assert update.changes[0].new == 77
        assert update.stream is live
        replica.feed([update])
        rig.at_rest(live)
        assert live.connection == "connected"


def test_presence_channel_with_real_signature_over_wss(rig: Rig) -> None:
    rig.sim.add_event(live=True)
    live = rig.client().live()
    with live:
        live.wait_live(20)
        (connection,) = rig.sim.connections()
        assert connection["scheme"] in ("https", "wss")
        assert connection["channels"] == ["presence-events-live"]
        (auth,) = rig.sim.requests("/v2/stream/pusher/auth")
        assert auth.status == 200


def test_upcoming_feed_of_a_league(rig: Rig) -> None:
    nfl = [rig.sim.add_event(league="NFL", live=False) for _ in range(3)]
    rig.sim.add_event(league="NBA", live=False)
    upcoming = rig.client().upcoming("NFL")
    with upcoming:
        upcoming.wait_live(20)
        assert set(upcoming.events) == set(nfl)
        rig.at_rest(upcoming, feed="events:upcoming", league_id="NFL")
        new = rig.sim.add_event(league="NFL", live=False)
        eventually(lambda: new in upcoming.events, "the new event")
        rig.at_rest(upcoming, feed="events:upcoming", league_id="NFL")


def test_by_id_feed(rig: Rig) -> None:
    event_id = rig.sim.add_event(live=True)
    rig.sim.add_event(live=True)
    game = rig.client().by_id(event_id)
    with game:
        game.wait_live(20)
        assert list(game.events) == [event_id]
        rig.sim.patch(event_id, ("teams", "away", "score"), 31)
        rig.at_rest(game, feed="events:byid", event_id=event_id)
        assert game.events[event_id].score is not None
        assert game.events[event_id].score.away == 31


def test_a_feed_that_this_version_does_not_know(rig: Rig) -> None:
    rig.sim.add_feed_of("events:of-league", "NHL", "presence-events-of-league-NHL")
    ids = [rig.sim.add_event(league="NHL", live=True) for _ in range(2)]
    stream = rig.client().stream("events:of-league")
    with stream:
        stream.wait_live(20)
        assert set(stream.events) == set(ids)
        rig.sim.patch(ids[1], ("teams", "home", "score"), 9)
        rig.sim.notify([ids[1]], channel="presence-events-of-league-NHL")
        eventually(
            lambda: stream.events[ids[1]]["teams"]["home"]["score"] == 9, "the change"
        )


def test_two_streams_share_socket_and_documents(rig: Rig) -> None:
    event_id = rig.sim.add_event(live=True)
    client = rig.client()
    live, game = client.live(), client.by_id(event_id)
    with live, game, client.subscribe(live, game) as both:
        live.wait_live(20)
        game.wait_live(20)
        assert len(rig.sim.connections()) == 1
        added = take_all(both)
        assert [u.kind for u in added] == ["added"]
        rig.sim.patch(event_id, ("teams", "home", "score"), 55)
        update = both.get(timeout=10)
        assert update.kind == "changed"
        assert take_all(both) == []
        assert client.stats().events_held == 1


# -- the vendor's own payloads ------------------------------------------------


def _without(event: Any, *names: str) -> Any:
    """The event without the quotes' members that a shape excludes."""
    for odd in event.get("odds", {}).values():
        for quote in odd.get("byBookmaker", {}).values():
            for name in names:
                quote.pop(name, None)
    return event


_OPEN_CLOSE = (
    "openOdds",
    "openSpread",
    "openOverUnder",
    "closeOdds",
    "closeSpread",
    "closeOverUnder",
)


def test_vendor_bootstrap_and_its_refetch(rig: Rig, samples: Path) -> None:
    bootstrap = samples / "stream-events-byid.mlb-final.json"
    refetch = samples / "events.final.mlb.json"
    snapshot = json.loads(bootstrap.read_bytes())["data"][0]
    twin = json.loads(refetch.read_bytes())["data"][0]
    rig.sim.add_files(bootstrap, refetch)
    game = rig.client().by_id(EVENT_ID)
    with game, game.subscribe(include_timestamps=True) as updates:
        first = updates.get(timeout=20)
        assert first.cause == "snapshot"
        assert first.event.to_dict() == _without(snapshot, "altLines", *_OPEN_CLOSE)
        game.wait_live(20)
        held = game.events[EVENT_ID]
        assert held.to_dict() == twin
        # Nothing was pruned from the answer to a refetch: the server's bytes.
        assert held.json() in refetch.read_bytes()
        replica = Replica()
        replica.feed([first, *take_all(updates)])
        assert replica.events[EVENT_ID] == twin


def test_vendor_bootstrap_unpruned_is_the_servers_bytes(
    rig: Rig, samples: Path
) -> None:
    bootstrap = samples / "stream-events-byid.mlb-final.json"
    rig.sim.add_files(bootstrap)
    client = rig.client(
        include_alt_lines=True, include_open_close_odds=True, expand_results=True
    )
    game = client.by_id(EVENT_ID)
    with game, game.subscribe() as updates:
        first = updates.get(timeout=20)
        assert first.event.json() in bootstrap.read_bytes()
        assert first.event == json.loads(bootstrap.read_bytes())["data"][0]


@pytest.mark.parametrize(
    "name",
    [
        "events.live.wta.json",
        "events.upcoming-page.soccer.json",
        "events.prop.nfl.json",
    ],
)
def test_vendor_events_come_out_as_json_loads_gives_them(
    rig: Rig, samples: Path, name: str
) -> None:
    text = (samples / name).read_bytes()
    wanted = {e["eventID"]: e for e in json.loads(text)["data"]}
    rig.sim.add_files(samples / name)
    client = rig.client(
        include_alt_lines=True, include_open_close_odds=True, expand_results=True
    )
    found = client.fetch(*wanted, timeout=20)
    assert {i: e.to_dict() for i, e in found.items()} == wanted
    for event in found.values():
        assert event.json() in text


# -- what changed: the oracle of the synthetic pair -----------------------------


@pytest.fixture(scope="module")
def revisions(samples: Path) -> tuple[Any, Any]:
    out = []
    for name in ("synthetic-nba-live.rev1.json", "synthetic-nba-live.rev2.json"):
        loaded = json.loads((samples / name).read_bytes())
        out.append(loaded["data"][0] if "data" in loaded else loaded)
    return out[0], out[1]


def _shuffled(value: Any, rng: random.Random) -> Any:
    if isinstance(value, dict):
        items = [(k, _shuffled(v, rng)) for k, v in value.items()]
        rng.shuffle(items)
        return dict(items)
    if isinstance(value, list):
        return [_shuffled(v, rng) for v in value]
    return value


def _forms(new: Any) -> Iterator[tuple[str, str]]:
    yield "compact", json.dumps(new, separators=(",", ":"), ensure_ascii=False)
    for seed in range(3):
        mixed = _shuffled(new, random.Random(seed))
        yield f"shuffled-{seed}", json.dumps(mixed, separators=(",", ":"))
    yield "indented", json.dumps(new, indent=2)
    yield (
        "spaced",
        json.dumps(_shuffled(new, random.Random(9)), separators=(" , ", " : ")),
    )


def _check_oracle(old: Any, update: Any) -> None:
    prices = [
        q
        for q in update.quotes
        if q.old is not None
        and q.new is not None
        and q.old.text != q.new.text
        and not q.is_alt_line
    ]
    flips = [
        q
        for q in update.quotes
        if q.old is not None
        and q.new is not None
        and q.old.available != q.new.available
        and not q.is_alt_line
    ]
    known = set(old["odds"])
    assert len([q for q in prices if q.odd_id in known]) == 302
    assert len([q for q in flips if q.odd_id in known]) == 36
    book = [c for c in update.consensus if c.field == "bookOdds" and c.odd_id in known]
    assert len(book) == 176
    added = [
        c.path[1]
        for c in update.changes
        if len(c.path) == 2 and c.path[0] == "odds" and c.old is sgostream.MISSING
    ]
    assert sorted(added) == ["points-away-4q-ml-away", "points-home-4q-ml-home"]
    gone = [c for c in update.changes if c.new is sgostream.MISSING]
    assert gone == []
    scores = {c.path[1]: (c.old, c.new) for c in update.changes if c.path[0] == "teams"}
    assert scores == {"home": (45, 50), "away": (44, 46)} or set(scores) == {
        "home",
        "away",
    }
    heads = {c.path[0] for c in update.changes}
    assert heads == {"odds", "teams", "results"}
    assert not any(c.path[-1] == "lastUpdatedAt" for c in update.changes)


def test_synthetic_pair_gives_exactly_the_oracle(revisions: tuple[Any, Any]) -> None:
    old, new = revisions
    first = sgostream.Event.parse(json.dumps(old, separators=(",", ":")))
    for name, text in _forms(new):
        second = sgostream.Event.parse(text)
        update = first.diff(second)
        _check_oracle(old, update)
        everything = first.diff(second, include_timestamps=True)
        stamps = [c for c in everything.changes if c.path[-1] == "lastUpdatedAt"]
        main = {
            c.path[:4]
            for c in stamps
            if len(c.path) == 5 and c.path[2] == "byBookmaker"
        }
        others = {
            c.path[:4]
            for c in everything.changes
            if len(c.path) >= 5
            and c.path[2] == "byBookmaker"
            and c.path[-1] != "lastUpdatedAt"
        }
        assert len(main - others) == 1617, name
        assert sgostream.apply(first, everything.changes) == new, name
