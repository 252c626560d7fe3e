"""Control: holds, faults, stale reads, life, other processes, the program."""

from __future__ import annotations

import json
import os
import signal
import socket as sockets
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection, HTTPException, IncompleteRead
from pathlib import Path

import pytest
from simclient import get, run, socket

from sgostream.sim import SNAPSHOT, Shape, Simulator
from sgostream.sim.process import SimulatorProcess
from sgostream.sim.remote import RemoteSimulator, spawn


@pytest.fixture
def sim() -> Iterator[Simulator]:
    with Simulator(seed=1) as simulator:
        yield simulator


def score(sim: Simulator, event_id: str) -> int:
    (event,) = get(sim, "/events", {"eventID": event_id}).json["data"]
    return int(event["teams"]["home"]["score"])


# answers that come late or wrong


def test_answers_overtake_each_other(sim: Simulator) -> None:
    event_id = sim.add_event()
    sim.patch(event_id, ("teams", "home", "score"), 1)
    held = sim.hold("/events", nth=2)
    with ThreadPoolExecutor() as pool:
        assert score(sim, event_id) == 1
        old = pool.submit(score, sim, event_id)
        held.wait_arrived()
        sim.patch(event_id, ("teams", "home", "score"), 2)
        assert score(sim, event_id) == 2
        assert not old.done()
        held.release()
        assert old.result(10) == 1
    first, second, third = sim.requests("/v2/events")
    assert second.answered_at > third.answered_at  # type: ignore[operator]
    assert first.events[event_id] == second.events[event_id] < third.events[event_id]


def test_a_request_can_be_held_before_its_answer_is_made(sim: Simulator) -> None:
    event_id = sim.add_event()
    held = sim.hold("/events", when="before")
    with ThreadPoolExecutor() as pool:
        late = pool.submit(score, sim, event_id)
        held.wait_arrived()
        sim.patch(event_id, ("teams", "home", "score"), 41)
        held.release()
        assert late.result(10) == 41


def test_rules_choose_by_path_and_parameters(sim: Simulator) -> None:
    sim.add_slate(3, size=4000)
    rule = sim.rule("/events", status=503, params={"live": None}, skip=1, times=2)
    statuses = [
        get(sim, "/events", {"live": "true"} if live else None).status
        for live in (True, False, True, True, True)
    ]
    assert statuses == [200, 200, 503, 503, 200]
    assert rule.hits == 2
    sim.rule("*", status=500, times=None)
    assert get(sim, "/account/usage").status == 500
    sim.clear_rules()
    assert get(sim, "/account/usage").status == 200


def test_canned_answers(sim: Simulator) -> None:
    sim.rule("/events", status=429, headers={"Retry-After": "7"})
    reply = get(sim, "/events")
    assert (reply.status, reply.headers["retry-after"]) == (429, "7")
    assert reply.json["success"] is False
    sim.rule("/events", body="<html>login</html>")
    reply = get(sim, "/events")
    assert (reply.status, reply.headers["content-type"]) == (200, "text/html")
    sim.rule("/events", body={"success": True})
    assert get(sim, "/events").json == {"success": True}
    sim.rule("/events", body=b"")
    assert get(sim, "/events").body == b""
    sim.rule("/events", status=302, headers={"Location": "http://x/"}, body="")
    assert get(sim, "/events").headers["location"] == "http://x/"


def test_broken_bodies(sim: Simulator) -> None:
    event_id = sim.add_event()
    params = {"eventID": event_id}
    sim.rule("/events", truncate=100)
    with pytest.raises(IncompleteRead) as caught:
        get(sim, "/events", params)
    assert len(caught.value.partial) == 100
    sim.rule("/events", reset="before")
    with pytest.raises((ConnectionError, HTTPException)):
        get(sim, "/events", params)
    sim.rule("/events", reset="body")
    with pytest.raises((ConnectionError, HTTPException)):
        get(sim, "/events", params)
    sim.rule("/events", edit=lambda data: data[:-4] + b"\0\0\0\0")
    with pytest.raises((EOFError, OSError)):
        assert get(sim, "/events", params).body
    sim.rule("/events", encoding="identity", edit=lambda data: data[:-1])
    with pytest.raises(json.JSONDecodeError):
        assert get(sim, "/events", params).json
    assert get(sim, "/events", params).ids == [event_id]


def test_slow_bodies(sim: Simulator) -> None:
    event_id = sim.add_event(size=4000)
    sim.rule("/events", drip=(500, 0.01), encoding="identity")
    began = time.monotonic()
    reply = get(sim, "/events", {"eventID": event_id})
    assert reply.ids == [event_id]
    assert time.monotonic() - began >= 0.01 * (len(reply.raw) // 500)
    sim.rule("/events", delay=0.1)
    began = time.monotonic()
    get(sim, "/events", {"eventID": event_id})
    assert time.monotonic() - began >= 0.1


def test_bodies_that_are_too_large(sim: Simulator) -> None:
    reply = get(sim, "/stream/pusher/auth", method="POST", body="x" * (65 << 20))
    assert reply.status == 413


def test_stale_reads(sim: Simulator) -> None:
    event_id = sim.add_event()
    sim.patch(event_id, ("teams", "home", "score"), 1)
    sim.freeze(event_id)
    sim.patch(event_id, ("teams", "home", "score"), 2)
    assert score(sim, event_id) == 1
    assert b'"score":1' in sim.truth()[event_id]
    sim.thaw(event_id)
    assert score(sim, event_id) == 2


# changes


def test_changes_are_what_the_truth_tells(sim: Simulator) -> None:
    event_id = sim.add_event({"eventID": "E", "odds": {"o": {"byBookmaker": {}}}})
    assert event_id == "E"
    sim.patch("E", ("odds", "o", "byBookmaker", "b"), {"odds": "+100"})
    sim.set_quote("E", "o", "b", odds="-1000")
    sim.patch("E", values={("a",): 1, ("c", "d"): 2})
    sim.remove("E", ("a",))
    expected = b'{"eventID":"E","odds":{"o":{"byBookmaker":{"b":{"odds":"-1000"}}}}'
    assert sim.event_json("E") == expected + b',"c":{"d":2}}'
    assert sim.truth("events:byid", event_id="E") == {"E": sim.event_json("E")}
    with pytest.raises(KeyError):
        sim.patch("nobody", ("a",), 1)
    with pytest.raises(ValueError, match="path"):
        sim.patch("E", "status.live", 1)
    sim.remove_event("E")
    assert get(sim, "/events", {"eventID": "E"}).status == 404


def test_two_runs_with_one_seed_are_equal() -> None:
    def play() -> dict[str, bytes]:
        with Simulator(seed=9) as sim:
            ids = sim.add_slate(6, size=5000)
            sim.step(steps=150, seconds=9.0)
            del ids
            return {i: sim.event_json(i, SNAPSHOT) for i in sim.event_ids()}

    assert play() == play()


def test_playing_in_the_background(sim: Simulator) -> None:
    sim.add_slate(5, size=4000, live=1.0)

    async def body() -> None:
        async with socket(sim) as one:
            await one.subscribe("presence-events-live")
            sim.play(rate=200.0, speed=5.0, batch=2)
            for _ in range(10):
                assert (await one.message())["event"] == "data"
            sim.pause()
            steps = sim.played()["steps"]
            assert steps >= 10
            assert sim.played()["playing"] is False

    run(body())
    sim.play(rate=1000.0, steps=20)
    sim.wait(lambda: not sim.played()["playing"])
    with pytest.raises(ValueError, match="rate"):
        sim.play(rate=0.0)


def test_a_bug_in_playing_does_not_look_like_a_pause(
    sim: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    sim.add_slate(2, size=4000)
    monkeypatch.setattr(sim.player, "step", lambda *_: 1 / 0)
    sim.play(rate=100.0)
    with pytest.raises(ZeroDivisionError):
        sim.wait(lambda: not sim.played()["playing"])
    with pytest.raises(ZeroDivisionError):
        sim.pause()


def test_slate_events_may_be_changed_and_removed_by_hand(sim: Simulator) -> None:
    ids = sim.add_slate(4, size=4000, live=1.0)
    sim.remove_event(ids[0])
    sim.set_event(sim.event_json(ids[1]))
    sim.patch(ids[2], ("info", "mine"), 1)
    sim.step(steps=50)
    assert ids[0] not in sim.event_ids()
    assert b'"mine":1' in sim.event_json(ids[2])
    for event_id in ids[1:]:
        sim.remove_event(event_id)
    assert sim.step() == []


def test_recorded_slates_show_what_was_played(sim: Simulator) -> None:
    sim.add_slate(3, size=60_000, live=1.0)
    with Simulator(seed=1) as other:
        other.add_slate(3, size=60_000, live=1.0)
        assert sim.record(40) > 0
        seen = []
        for _ in range(40):
            (event_id,) = other.step()
            seen.append((event_id, other.event_json(event_id)))
    recording = sim.recording
    assert recording is not None
    for _ in range(2):  # round and round
        for event_id, text in seen:
            assert recording.step().event_ids == [event_id]
            assert sim.event_json(event_id) == text
            assert text in get(sim, "/events", {"eventID": event_id}).body
    shape = Shape(bookmaker_ids=("fanduel",))
    assert len(sim.event_json(event_id, shape)) < len(text)
    sim.replay(rate=500.0, steps=10)
    sim.wait(lambda: not sim.played()["playing"])


# waiting and looking


def test_waiting_for_requests(sim: Simulator) -> None:
    sim.add_event()
    thread = threading.Timer(0.05, get, (sim, "/events"))
    thread.start()
    (found,) = sim.wait_requests("/v2/events", answered=True)
    thread.join()
    assert (found.status, found.scheme, found.method) == (200, "http", "GET")
    assert found.headers["accept-encoding"] == "gzip"
    mark = sim.journal.count
    assert sim.requests(since=mark) == []
    with pytest.raises(TimeoutError):
        sim.wait_requests("/v2/events", since=mark, timeout=0.05)


# life


def test_down_and_up_again_on_the_same_port(sim: Simulator) -> None:
    sim.add_event()
    port = sim.port

    async def body() -> None:
        async with socket(sim) as one:
            sim.down()
            assert await one.closed() == 1006

    run(body())
    with pytest.raises(ConnectionRefusedError):
        get(sim, "/events")
    sim.up()
    assert sim.port == port
    assert get(sim, "/events").status == 200


def test_it_stops_with_everything_open_and_leaves_nothing() -> None:
    before = threading.active_count()
    sim = Simulator().start()
    ca_file = Path(sim.ca_file)
    assert ca_file.exists()
    sim.add_slate(2, size=4000)
    sim.play(rate=100.0)
    sim.hold("/events")
    idle = sockets.create_connection(("127.0.0.1", sim.port))
    with ThreadPoolExecutor() as pool:
        stuck = pool.submit(get, sim, "/events")
        sim.wait_requests("/v2/events")
        began = time.monotonic()
        sim.stop()
        assert time.monotonic() - began < 3.0
        assert stuck.exception(10) is not None
    idle.close()
    sim.stop()
    assert not ca_file.exists()
    assert threading.active_count() == before


def test_without_tls_and_before_the_start() -> None:
    sim = Simulator(https=False, api_key="mine")
    event_id = sim.add_event(size=4000)
    with sim:
        assert sim.info()["https_base_url"] == ""
        assert sim.ca_file == ""
        assert get(sim, "/events", key="mine").ids == [event_id]


# other processes


def test_control_over_http(sim: Simulator) -> None:
    event_id = sim.add_event(size=4000)
    remote = RemoteSimulator(sim.base_url)
    assert (remote.api_key, remote.ca_file) == (sim.api_key, sim.ca_file)
    assert remote.event_ids() == [event_id]
    remote.patch(event_id=event_id, path=["teams", "home", "score"], value=8)
    assert score(sim, event_id) == 8
    truth = remote.truth(feed="events:byid", event_id=event_id)
    assert truth[event_id].encode() == sim.event_json(event_id)
    rule = remote.rule(path="/events", status=500)
    assert rule["number"] == 0
    assert get(sim, "/events").status == 500
    assert remote.requests()[-1]["status"] == 500
    remote.configure(page_cap=3, encodings=["deflate"], activity_timeout=9.0)
    assert sim.store.page_cap == 3
    assert sim.settings.encodings == ("deflate",)
    assert sim.pusher.activity_timeout == 9.0
    text = sim.event_json(event_id).decode()
    remote.set_event(event=text.replace('"live":true', '"live":false'))
    assert sim.truth() == {}
    with pytest.raises(RuntimeError, match="KeyError"):
        remote.patch(event_id="nobody", path=["a"], value=1)
    with pytest.raises(RuntimeError, match="there is no"):
        remote.start()
    with pytest.raises(RuntimeError, match="nonsense"):
        remote.configure(nonsense=1)


def test_held_answers_over_http(sim: Simulator) -> None:
    event_id = sim.add_event(size=4000)
    remote = RemoteSimulator(sim.base_url)
    number = remote.rule(path="/events", hold="after")["number"]
    with ThreadPoolExecutor() as pool:
        late = pool.submit(get, sim, "/events")
        remote.wait(lambda: len(remote.requests(path="/v2/events")) == 1)
        assert not late.done()
        remote.release(rule=number)
        assert late.result(10).ids == [event_id]


def test_the_program_serves_and_ends_on_ctrl_c(samples: Path) -> None:
    arguments = ["--events", "3", "--size", "4000", "--rate", "50", "--files"]
    with spawn([*arguments, str(samples / "events.live.wta.json")]) as remote:
        assert len(remote.event_ids()) == 4
        remote.wait(lambda: remote.played()["steps"] > 3)
        began = time.monotonic()
        os.kill(remote.pid, signal.SIGINT)
        process = remote._process
        assert process is not None
        assert process.wait(10) == 0
        assert time.monotonic() - began < 2.0


def test_a_program_that_does_not_start_is_told(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(ChildProcessError, match="status 2"):
        SimulatorProcess("--events", "many")
    assert "invalid int value" in capfd.readouterr().err


def test_the_program_tells_people_what_they_need() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "sgostream.sim", "--events", "1", "--size", "4000"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    lines = [process.stdout.readline() for _ in range(6)]
    process.send_signal(signal.SIGTERM)
    rest, errors = process.communicate(timeout=10)
    text = "".join(lines) + rest
    assert process.returncode == 0
    assert errors == ""
    for word in ("base URL", "http://127.0.0.1:", "CA file", "API key", "Ctrl-C"):
        assert word in text


# wires


def test_a_relay_slows_blocks_and_cuts(sim: Simulator) -> None:
    event_id = sim.add_event(size=3000)
    wire = sim.relay()
    connection = HTTPConnection("127.0.0.1", wire.port, timeout=10)
    headers = {"x-api-key": sim.api_key}

    def fetch() -> bytes:
        connection.request("GET", f"/v2/events?eventID={event_id}", headers=headers)
        return connection.getresponse().read()

    assert sim.event_json(event_id) in fetch()
    wire.chunk = 7
    assert sim.event_json(event_id) in fetch()
    wire.chunk, wire.delay = 0, 0.05
    began = time.monotonic()
    fetch()
    assert time.monotonic() - began >= 0.1
    wire.delay, wire.blocked = 0.0, True
    mark = sim.journal.count
    connection.request("GET", "/v2/events", headers=headers)
    with pytest.raises(TimeoutError):
        sim.wait_requests("/v2/events", since=mark, timeout=0.1)
    wire.blocked = False
    connection.getresponse().read()
    sim.cut_relay(wire)
    with pytest.raises((ConnectionError, HTTPException)):
        fetch()
    connection.close()
    assert wire.connections == 1


def test_a_socket_behind_a_wire_of_single_bytes(sim: Simulator) -> None:
    wire = sim.relay(https=True)
    wire.chunk = 1
    sim.settings.pusher_options["wssPort"] = wire.port
    reply = get(sim, "/stream/events", {"feed": "events:live"}, https=True)
    assert reply.json["pusherOptions"]["wssPort"] == wire.port

    async def body() -> None:
        async with socket(sim, https=True, port=wire.port) as one:
            await one.subscribe("presence-events-live")
            sim.notify(["x"], "presence-events-live")
            assert "x" in (await one.message())["data"]

    run(body())
