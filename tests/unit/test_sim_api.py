"""The endpoints: statuses, feeds, filters, pages, limits, codings."""

from __future__ import annotations

import json
import urllib.parse
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from simclient import Reply, get

from sgostream.sim import SNAPSHOT, Limit, Plan, Shape, Simulator


@pytest.fixture
def sim() -> Iterator[Simulator]:
    with Simulator(seed=1) as simulator:
        yield simulator


def slate(sim: Simulator, count: int = 8, **more: float) -> list[str]:
    return sim.add_slate(count, size=4000, **more)  # type: ignore[arg-type]


def error(reply: Reply, status: int) -> str:
    assert reply.status == status, reply
    assert reply.json["success"] is False
    return str(reply.json["error"])


# who may ask


def test_keys(sim: Simulator) -> None:
    slate(sim)
    assert "Missing" in error(get(sim, "/events", key=""), 401)
    assert "Invalid" in error(get(sim, "/events", key="nobody"), 401)
    assert get(sim, "/events", {"apiKey": sim.api_key}, key="").status == 200
    sim.add_key("idle", active=False)
    assert "inactive" in error(get(sim, "/events", key="idle"), 403)
    sim.add_key("pro", streaming=False)
    assert get(sim, "/events", key="pro").status == 200
    text = error(get(sim, "/stream/events", {"feed": "events:live"}, key="pro"), 403)
    assert "AllStar" in text


def test_the_key_stays_out_of_the_journal(sim: Simulator) -> None:
    slate(sim)
    get(sim, "/events", {"apiKey": sim.api_key})
    get(sim, "/events")
    in_query, in_header = sim.requests("/v2/events")
    assert in_query.key_in == in_header.key_in == "header"
    assert sim.api_key not in repr(sim.requests())


def test_paths_and_methods(sim: Simulator) -> None:
    slate(sim)
    assert get(sim, "/events/").status == 200
    assert "Unknown path" in error(get(sim, "/teams"), 404)
    reply = get(sim, "/events", method="POST")
    assert reply.status == 405
    assert reply.headers["allow"] == "GET"


# /stream/events


def test_a_bootstrap(sim: Simulator) -> None:
    slate(sim, 9, live=0.4)
    for https in (False, True):
        reply = get(sim, "/stream/events", {"feed": "events:live"}, https=https)
        body = reply.json
        assert reply.status == 200
        assert set(body) == {
            "success", "data", "pusherKey", "pusherOptions", "user", "channel",
        }  # fmt: skip
        assert body["channel"] == "presence-events-live"
        assert len(body["user"]) == 64
        assert len(body["pusherKey"]) == 20
        options = body["pusherOptions"]
        scheme, port = ("https", sim.tls_port) if https else ("http", sim.port)
        assert options["channelAuthorization"] == {
            "endpoint": f"{scheme}://127.0.0.1:{port}/v2/stream/pusher/auth",
            "headers": {"x-api-key": sim.api_key},
        }
        assert options["wsHost"] == "127.0.0.1"
        assert (options["wsPort"], options["wssPort"]) == (sim.port, sim.tls_port)
        assert options["cluster"] == "us2"
        assert options.get("forceTLS") is (None if https else False)
        assert reply.ids == [e for e in sim.truth() if e in reply.ids]
        assert set(reply.ids) == set(sim.truth())


def test_a_bootstrap_takes_no_shape(sim: Simulator) -> None:
    event_id = sim.add_event(size=60_000)
    params = {"feed": "events:byid", "eventID": event_id, "bookmakerID": "nobody"}
    reply = get(sim, "/stream/events", params)
    whole = sim.event_json(event_id, SNAPSHOT)
    assert b'"altLines"' in whole
    assert whole in reply.body
    reply = get(sim, "/events", {"eventID": event_id})
    assert b'"altLines"' not in reply.body
    assert sim.event_json(event_id) in reply.body


def test_feeds(sim: Simulator) -> None:
    sim.add_slate(12, size=4000, live=0.5, leagues=["NFL"])
    live, upcoming = sim.truth(), sim.truth("events:upcoming", league_id="NFL")
    assert len(live) == len(upcoming) == 6

    def feed(name: str, **params: str) -> Reply:
        return get(sim, "/stream/events", {"feed": name, **params})

    reply = feed("events:upcoming", leagueID="NFL")
    assert set(reply.ids) == set(upcoming)
    assert reply.json["channel"] == "presence-events-upcoming-NFL"
    assert feed("events:upcoming", leagueID="NBA").json["data"] == []
    assert "leagueID" in error(feed("events:upcoming"), 400)
    assert "XFL" in error(feed("events:upcoming", leagueID="XFL"), 400)
    assert "eventID" in error(feed("events:byid"), 400)
    assert "not found" in error(feed("events:byid", eventID="nobody"), 404)
    assert "feed" in error(feed("events:other"), 400)
    assert "feed" in error(get(sim, "/stream/events"), 400)


def test_a_feed_of_the_future(sim: Simulator) -> None:
    sim.add_slate(6, size=4000, leagues=["NHL"])
    sim.add_feed_of("events:new-kind", "NHL", "presence-events-new")
    reply = get(sim, "/stream/events", {"feed": "events:new-kind", "x": "y"})
    assert reply.json["channel"] == "presence-events-new"
    assert len(reply.ids) == 6


# /events


def test_events_by_id(sim: Simulator) -> None:
    ids = slate(sim)
    reply = get(sim, "/events", {"eventIDs": f"{ids[3]}, {ids[0]},nobody,{ids[3]}"})
    assert reply.ids == [ids[3], ids[0]]
    assert reply.json["data"][0] == json.loads(sim.event_json(ids[3]))
    text = error(get(sim, "/events", {"eventIDs": "nobody"}), 404)
    assert text == "No events found"
    sim.settings.empty_is_404 = False
    assert get(sim, "/events", {"eventIDs": "nobody"}).json["data"] == []


def test_ids_make_filters_idle_but_not_shapes(sim: Simulator) -> None:
    event_id = sim.add_event(size=60_000)
    params = {"eventID": event_id, "live": "false", "bookmakerID": "fanduel"}
    (event,) = get(sim, "/events", params).json["data"]
    books = {b for odd in event["odds"].values() for b in odd.get("byBookmaker", ())}
    assert books == {"fanduel"}


@pytest.mark.parametrize(
    "params",
    [
        {"includeAltLines": "true"},
        {"includeOpenCloseOdds": "true", "expandResults": "true"},
        {"bookmakerID": "fanduel,draftkings"},
        {"oddID": "points-home-game-ml-home", "includeOpposingOdds": "true"},
        {"oddID": "points-PLAYER_ID-game-ou-over"},
    ],
)
def test_shapes_are_as_the_truth_says(sim: Simulator, params: dict[str, str]) -> None:
    event_id = sim.add_event(size=90_000, league="NBA")
    body = get(sim, "/events", {"eventID": event_id, **params}).body
    assert sim.event_json(event_id, Shape.from_params(params)) in body
    plain = get(sim, "/events", {"eventID": event_id}).body
    assert body != plain


def test_plus_signs_in_odd_ids(sim: Simulator) -> None:
    event_id = sim.add_event(size=900_000, league="NBA")
    odd_id = "points+rebounds+assists-PLAYER_ID-game-ou-under"
    reply = get(sim, "/events", {"eventID": event_id, "oddID": odd_id})
    (event,) = reply.json["data"]
    assert event["odds"]
    assert all(name.startswith("points+rebounds+assists-") for name in event["odds"])


def test_a_bookmaker_outside_the_plan_fails_the_whole_call(sim: Simulator) -> None:
    slate(sim)
    text = error(get(sim, "/events", {"bookmakerID": "fanduel,nobody"}), 400)
    assert text == (
        "The bookmakerID nobody is unavailable at your current subscription "
        "tier. Upgrade to unlock"
    )
    sim.add_key("small", bookmakers=frozenset(["fanduel"]))
    assert get(sim, "/events", {"bookmakerID": "betmgm"}, key="small").status == 400


def test_filters(sim: Simulator) -> None:
    sim.add_slate(40, size=4000, live=0.5)
    sim.step(steps=200, seconds=40.0)
    events = {i: json.loads(sim.event_json(i)) for i in sim.event_ids()}

    def listed(**params: str) -> set[str]:
        found: set[str] = set()
        asked = {"limit": "100", **params}
        while True:
            reply = get(sim, "/events", asked)
            if reply.status == 404:
                return found
            found.update(reply.ids)
            if "nextCursor" not in reply.json:
                return found
            asked["cursor"] = reply.json["nextCursor"]

    names = ("live", "started", "ended", "finalized", "cancelled", "oddsAvailable")
    for name in names:
        for value in (True, False):
            expected = {i for i, e in events.items() if e["status"][name] is value}
            assert listed(**{name: "true" if value else "false"}) == expected
    leagues = {e["leagueID"] for e in events.values()}
    assert len(leagues) > 3
    for league in leagues:
        expected = {i for i, e in events.items() if e["leagueID"] == league}
        assert listed(leagueID=league) == expected
    assert listed(leagueID=",".join(leagues), type="match") == set(events)
    assert listed(sportID="SOCCER,TENNIS") == {
        i for i, e in events.items() if e["sportID"] in ("SOCCER", "TENNIS")
    }
    event = next(e for e in events.values() if e.get("players"))
    assert event["eventID"] in listed(teamID=event["teams"]["home"]["teamID"])
    assert event["eventID"] in listed(playerID=next(iter(event["players"])))
    starts = sorted(e["status"]["startsAt"] for e in events.values())
    middle = starts[20]
    assert listed(startsAfter=middle) | listed(startsBefore=middle) == set(events)
    assert len(listed(startsAfter=middle)) < 40
    assert listed(startsBefore="1500000000000") == set()


@pytest.mark.parametrize(
    ("params", "text"),
    [
        ([("limit", "301")], "300"),
        ([("limit", "0")], "limit"),
        ([("limit", "ten")], "limit"),
        ([("live", "1")], "live must be true or false"),
        ([("live", "True")], "live must be true or false"),
        ([("live", "true"), ("live", "true")], "twice"),
        ([("eventID", "a"), ("eventIDs", "b")], "exclude"),
        ([("eventIDs", "")], "eventIDs is empty"),
        ([("startsAfter", "yesterday")], "startsAfter"),
        ([("cursor", "???")], "cursor"),
    ],
)
def test_bad_parameters(
    sim: Simulator, params: list[tuple[str, str]], text: str
) -> None:
    slate(sim)
    assert text in error(get(sim, "/events", params), 400)


# pages


def walk(sim: Simulator, **params: str) -> list[list[str]]:
    pages = []
    asked = dict(params)
    while True:
        reply = get(sim, "/events", asked)
        if reply.status == 404:
            pages.append([])
            return pages
        assert reply.status == 200
        pages.append(reply.ids)
        cursor = reply.json.get("nextCursor")
        if cursor is None:
            return pages
        asked["cursor"] = cursor


@pytest.mark.parametrize(
    ("params", "sizes"),
    [
        ({}, [10] * 10 + [0]),
        ({"limit": "7"}, [7] * 14 + [2]),
        ({"limit": "25"}, [25] * 4 + [0]),
        ({"limit": "100"}, [25] * 4 + [0]),
        ({"limit": "300", "bookmakerID": "fanduel"}, [50, 50, 0]),
        ({"limit": "99", "oddID": "points-home-game-ml-home"}, [99, 1]),
    ],
)
def test_pages_and_their_caps(
    sim: Simulator, params: dict[str, str], sizes: list[int]
) -> None:
    ids = slate(sim, 100)
    pages = walk(sim, **params)
    assert [len(page) for page in pages] == sizes
    assert sorted(i for page in pages for i in page) == sorted(ids)


def test_the_cap_holds_for_ids_too(sim: Simulator) -> None:
    ids = slate(sim, 60)
    pages = walk(sim, eventIDs=",".join(ids))
    assert [len(page) for page in pages] == [10] * 6 + [0]
    pages = walk(sim, eventIDs=",".join(ids), limit="300")
    assert [i for page in pages for i in page] == ids
    assert [len(page) for page in pages] == [25, 25, 10]


def test_the_cap_can_be_set_and_the_end_told(sim: Simulator) -> None:
    slate(sim, 20)
    sim.store.page_cap = 5
    sim.store.overshoot = False
    assert [len(page) for page in walk(sim, limit="100")] == [5] * 4
    sim.settings.null_cursor = True
    one = {"eventID": sim.event_ids()[0]}
    assert get(sim, "/events", one).json["nextCursor"] is None


def test_a_cursor_belongs_to_its_query(sim: Simulator) -> None:
    slate(sim, 30)
    cursor = get(sim, "/events").json["nextCursor"]
    reply = get(sim, "/events", {"cursor": cursor, "live": "true"})
    assert "another query" in error(reply, 400)


def test_events_that_come_and_go_do_not_shift_pages(sim: Simulator) -> None:
    slate(sim, 30)
    first = get(sim, "/events")
    sim.remove_event(first.ids[0])
    second = get(sim, "/events", {"cursor": first.json["nextCursor"]})
    third = get(sim, "/events", {"cursor": second.json["nextCursor"]})
    found = first.ids + second.ids + third.ids
    assert len(found) == len(set(found)) == 30


# limits


def test_limits_and_usage(sim: Simulator) -> None:
    slate(sim, 10)
    sim.limit("per-minute", requests=3)
    for _ in range(3):
        assert get(sim, "/events").status == 200
    assert "minute" in error(get(sim, "/events"), 429)
    sim.settings.retry_after = True
    reply = get(sim, "/events")
    assert 1 <= int(reply.headers["retry-after"]) <= 60
    usage = get(sim, "/account/usage").json["data"]
    limits = usage["rateLimits"]
    assert limits["per-minute"] == {
        "max-requests": 3,
        "current-requests": 3,
        "max-entities": "unlimited",
    }
    assert limits["per-hour"]["current-entities"] == 30
    assert limits["per-second"]["max-requests"] == "unlimited"
    assert usage["isActive"] is True


def test_an_answer_costs_at_least_one_object() -> None:
    plan = Plan(limits={"per-day": Limit(entities=12)})
    with Simulator(plan=plan) as sim:
        slate(sim, 10)
        get(sim, "/events", {"eventID": "nobody"})
        get(sim, "/events")
        limits = get(sim, "/account/usage").json["data"]["rateLimits"]
        assert limits["per-day"]["current-entities"] == 11
        assert get(sim, "/events").status == 200
        assert get(sim, "/events").status == 429


# codings


@pytest.mark.parametrize("coding", ["gzip", "deflate", "identity"])
def test_codings(sim: Simulator, coding: str) -> None:
    ids = slate(sim)
    sim.settings.encodings = ("gzip", "deflate")
    reply = get(sim, "/events", encoding=coding)
    assert reply.headers.get("content-encoding", "identity") == coding
    body = reply.body
    if coding == "deflate":
        body = zlib.decompress(reply.raw)
    assert len(json.loads(body)["data"]) == len(ids)


def test_an_answer_is_compressed_once_per_version(sim: Simulator) -> None:
    event_id = sim.add_event(size=50_000)
    event = sim.store.events[event_id]
    get(sim, "/events", {"eventID": event_id})
    made = event.fragment(Shape())
    get(sim, "/events", {"live": "true"})
    assert event.fragment(Shape()) is made
    sim.patch(event_id, ("teams", "home", "score"), 99)
    assert event.fragment(Shape()) is not made
    (fresh,) = get(sim, "/events", {"eventID": event_id}).json["data"]
    assert fresh["teams"]["home"]["score"] == 99


def test_real_size_events_over_tls(sim: Simulator) -> None:
    ids = sim.add_slate(3, live=1.0, leagues=["NBA"])
    reply = get(sim, "/stream/events", {"feed": "events:live"}, https=True)
    assert len(reply.body) > 2_500_000
    for event_id in ids:
        assert sim.event_json(event_id, SNAPSHOT) in reply.body


# authorisation


def post(sim: Simulator, body: str, kind: str) -> Reply:
    return get(
        sim,
        "/stream/pusher/auth",
        method="POST",
        body=body,
        headers={"Content-Type": kind},
    )


def test_authorisation_by_form_and_json(sim: Simulator) -> None:
    fields = {"socket_id": "1.2", "channel_name": "presence-events-live"}
    form = "application/x-www-form-urlencoded"
    by_form = post(sim, urllib.parse.urlencode(fields), f"{form}; charset=UTF-8")
    by_json = post(sim, json.dumps(fields), "application/json")
    assert by_form.status == 200
    assert by_form.json == by_json.json
    user = get(sim, "/stream/events", {"feed": "events:live"}).json["user"]
    assert by_form.json["channel_data"] == f'{{"user_id":"{user}"}}'
    assert by_form.json["auth"].startswith(sim.pusher.key + ":")
    assert (
        "channel_data"
        not in post(sim, "socket_id=1.2&channel_name=private-x", form).json
    )


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ("channel_name=presence-x", "application/x-www-form-urlencoded"),
        ("socket_id=1.2", "application/x-www-form-urlencoded"),
        ("[]", "application/json"),
        ("{", "application/json"),
        ("", ""),
    ],
)
def test_bad_authorisation_requests(sim: Simulator, body: str, kind: str) -> None:
    assert post(sim, body, kind).status == 400
    assert get(sim, "/stream/pusher/auth").status == 405


def test_ways_of_authorising_wrongly(sim: Simulator) -> None:
    body, kind = (
        "socket_id=1.2&channel_name=presence-x",
        ("application/x-www-form-urlencoded"),
    )
    right = post(sim, body, kind).json
    sim.settings.auth_mode = "wrong-signature"
    assert post(sim, body, kind).json["auth"] != right["auth"]
    sim.settings.auth_mode = "no-channel-data"
    assert post(sim, body, kind).json == {"auth": right["auth"]}
    sim.settings.auth_mode = "no-auth"
    assert "auth" not in post(sim, body, kind).json
    sim.settings.auth_mode = "object-channel-data"
    assert isinstance(post(sim, body, kind).json["channel_data"], dict)
    sim.settings.auth_mode = "ok"
    sim.settings.channel_data = '{"user_id": "\\u00e9 \\/ é"}'
    assert post(sim, body, kind).json["channel_data"] == sim.settings.channel_data


# files


def test_vendor_files_are_served_as_they_stand(sim: Simulator, samples: Path) -> None:
    sim.add_files(samples)
    event_id = "mg55OPFOORFcu5v3FvfO"
    params = {"feed": "events:byid", "eventID": event_id}
    bootstrap = get(sim, "/stream/events", params)
    vendor = json.loads((samples / "stream-events-byid.mlb-final.json").read_bytes())
    assert bootstrap.json["data"] == vendor["data"]
    twin = (samples / "events.final.mlb.json").read_bytes()
    body = get(sim, "/events", {"eventIDs": event_id}).body
    assert body[body.index(b'"data":') :] == twin[twin.index(b'"data":') :]
    assert sim.truth("events:byid", event_id=event_id)[event_id] in twin
    rev1 = (samples / "synthetic-nba-live.rev1.json").read_bytes()
    rev2 = (samples / "synthetic-nba-live.rev2.json").read_bytes()
    event_id = "VMVLH32MU2i0jtmgMDyg"
    alt = {"eventID": event_id, "includeAltLines": "true"}
    for text in (rev1, rev2):
        sim.set_event(text[text.index(b"[") + 1 : text.rindex(b"]")])
        assert text[text.index(b'"data"') :] in get(sim, "/events", alt).body


def test_a_snapshot_of_its_own_lasts_until_the_next_change(sim: Simulator) -> None:
    event_id = sim.add_event(size=5000)
    text = sim.event_json(event_id)
    other = text.replace(b'"live":true', b'"live":true,"extra":1')
    sim.set_event(text, snapshot=other)
    params = {"feed": "events:byid", "eventID": event_id}
    assert other in get(sim, "/stream/events", params).body
    assert other not in get(sim, "/events", {"eventID": event_id}).body
    sim.patch(event_id, ("teams", "home", "score"), 77)
    assert b'"extra"' not in get(sim, "/stream/events", params).body
