"""The Pusher conformance checklist where it takes real sockets and real time.

One test for each statement, named after its number; the other statements are
tested without I/O in ``tests/c/test_pusher_*.c`` (the last test here looks).
"""

from __future__ import annotations

import ctypes
import json
import os
import re
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from rig import SLACK, Rig, Watch, eventually, take_all

import sgostream
from sgostream.sim import ConnectionScript, Simulator

ROOT = Path(__file__).resolve().parents[2]
SCORE = ("teams", "home", "score")
LIVE = "presence-events-live"


def score(stream: sgostream.Stream, event_id: str) -> object:
    return stream.events[event_id]["teams"]["home"]["score"]


def frame(first: int, payload: bytes) -> bytes:
    """A server's WebSocket frame: first byte (FIN, opcode), length, payload."""
    if len(payload) < 126:
        return bytes([first, len(payload)]) + payload
    return bytes([first, 126]) + len(payload).to_bytes(2, "big") + payload


def threads() -> set[str]:
    return set(os.listdir("/proc/self/task"))


def open_sockets() -> set[str]:
    """This process's sockets, by inode."""
    found = set()
    for name in os.listdir("/proc/self/fd"):
        try:
            target = os.readlink(f"/proc/self/fd/{name}")
        except OSError:
            continue
        if target.startswith("socket:"):
            found.add(target)
    return found


@pytest.mark.parametrize("path", ["", "/deep", "deep/er"], ids=["no", "one", "two"])
def test_t01_the_request_names_protocol_and_us_and_no_secret(
    rig: Rig, path: str
) -> None:
    if path:
        rig.sim.settings.pusher_options["wsPath"] = path
    with rig.client().live() as live:
        live.wait_live(20)
        (request,) = rig.sockets()
    assert request.scheme == "https"
    wanted = f"/{path.strip('/')}" if path else ""
    assert request.path == f"{wanted}/app/{rig.sim.pusher.key}"
    assert request.params["protocol"] == "7"
    assert request.params["client"].startswith("sgostream")
    assert re.fullmatch(r"\d+\.\d+\.\d+", request.params["version"])
    assert set(request.params) <= {"protocol", "client", "version"}
    assert "sec-websocket-protocol" not in request.headers
    assert "sec-websocket-extensions" not in request.headers
    assert "cookie" not in request.headers
    assert request.key_in == ""
    assert rig.sim.api_key not in json.dumps([request.headers, request.params])


def test_t15_a_redirected_authorisation_is_not_followed(rig: Rig) -> None:
    event_id = rig.sim.add_event(live=True)
    with Simulator(seed=2) as other:
        rule = rig.sim.rule(
            "/stream/pusher/auth",
            status=302,
            headers={
                "Location": f"https://localhost:{other.tls_port}/v2/stream/pusher/auth"
            },
            times=1,
        )
        live = rig.client().live()
        watch = Watch(live)
        with live:
            rig.sim.wait(lambda: rule.hits == 1)
            eventually(lambda: watch.errors, "the report")
            live.wait_live(20)  # the next try is answered
            rig.sim.patch(event_id, SCORE, 4)
            eventually(lambda: score(live, event_id) == 4, "the change")
        assert other.requests() == []
    asked = rig.sim.requests("/v2/stream/pusher/auth")
    assert [r.status for r in asked] == [302, 200]
    assert "302" in str(watch.errors[0]) or "redirect" in str(watch.errors[0])


def test_t20_nothing_is_lost_between_subscription_and_reconcile(rig: Rig) -> None:
    ids = [rig.sim.add_event(live=True) for _ in range(3)]
    walk = rig.sim.hold("/events", when="after", params={"live": "true"})
    live = rig.client().live()
    with live:
        walk.wait_arrived()  # made, with the events as they are now
        assert live.phase == "reconciling"
        names = list(rig.sim.subscriptions())
        assert names == [LIVE]  # asked only after the success
        rig.sim.patch(ids[0], SCORE, 71)  # told
        with rig.sim.suppressed():
            rig.sim.patch(ids[1], SCORE, 72)  # told below, before the walk is in
        rig.sim.notify([ids[1]])
        walk.release()
        live.wait_live(20)
        rig.at_rest(live)
        assert (score(live, ids[0]), score(live, ids[1])) == (71, 72)
    order = [r.path for r in rig.sim.requests()]
    assert order.index("/v2/stream/pusher/auth") < order.index("/v2/events")


def test_t23_an_event_in_1_byte_fragments_is_delivered_once(rig: Rig) -> None:
    event_id = rig.sim.add_event(live=True)
    live = rig.client().live()
    with live:
        live.wait_live(20)
        updates = live.subscribe(initial=False, conflate=False)
        rig.sim.patch(event_id, SCORE, 31, notify=False)
        message = json.dumps(
            {
                "event": "data",
                "channel": LIVE,
                "data": json.dumps([{"eventID": event_id}]),
            }
        ).encode()
        wire = frame(0x01, message[:1])
        for at in range(1, len(message) - 1):
            wire += frame(0x00, message[at : at + 1])
        wire += frame(0x89, b"between")  # a ping may stand between fragments
        wire += frame(0x80, message[-1:])
        rig.sim.send_raw(wire)
        got = take_all(updates)
        assert [(c.path, c.new) for u in got for c in u.changes] == [(SCORE, 31)]
        assert live.stats().notifications == 1
        assert live.stats().ids_notified == 1
        eventually(
            lambda: rig.sim.connections()[0]["pongs"] == [b"between"], "the pong"
        )


def test_t23_a_stream_in_1_byte_segments_is_delivered_once(rig: Rig) -> None:
    event_id = rig.sim.add_event(live=True)
    relay = rig.sim.relay()
    rig.sim.settings.pusher_options["wsPort"] = relay.port
    live = rig.client(tls=False).live()
    with live:
        live.wait_live(20)
        updates = live.subscribe(initial=False, conflate=False)
        relay.chunk = 1
        rig.sim.patch(event_id, SCORE, 32)
        assert updates.get(timeout=20).changes[0].new == 32
        assert take_all(updates) == []
        assert live.stats().notifications == 1
    assert relay.connections == 1


def test_t25_pings_are_answered_while_user_code_blocks(rig: Rig) -> None:
    event_id = rig.sim.add_event(live=True)
    blocked, release = threading.Event(), threading.Event()
    live = rig.client().live()

    @live.on_update(initial=False)
    def block(update: sgostream.Update) -> None:
        blocked.set()
        release.wait(30)

    with live:
        live.wait_live(20)
        rig.sim.patch(event_id, SCORE, 1)
        assert blocked.wait(10)
        try:
            for number, form in enumerate((',"data":{}', ',"data":""', ""), 1):
                began = time.monotonic()
                ping = f'{{"event":"pusher:ping"{form}}}'
                assert rig.sim.emit(LIVE, ping, raw=True) == 1
                rig.sim.wait(lambda n=number: _pongs(rig) == n)
                assert time.monotonic() - began < 0.1 + SLACK
            began = time.monotonic()
            rig.sim.send_raw(frame(0x89, b"\x00payload\xff"))
            rig.sim.wait(
                lambda: rig.sim.connections()[0]["pongs"] == [b"\x00payload\xff"]
            )
            assert time.monotonic() - began < 0.1 + SLACK
        finally:
            release.set()


def _pongs(rig: Rig) -> int:
    (socket,) = rig.sim.connections()
    return sum("pusher:pong" in text for text in socket["received"])


def test_t25_pings_are_answered_while_the_interpreter_is_held(rig: Rig) -> None:
    """C code of someone else that never lets go of the GIL."""
    program = (
        "import ctypes, sgostream\n"
        f"live = sgostream.stream('events:live', **{rig.options()!r})\n"
        "live.wait_live(20)\n"
        "print('live', flush=True)\n"
        "ctypes.PyDLL(None).usleep(2_000_000)\n"
        "live.close()\n"
    )
    assert hasattr(ctypes, "PyDLL")
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "live\n"
        began = time.monotonic()
        rig.sim.emit(LIVE, '{"event":"pusher:ping","data":{}}', raw=True)
        rig.sim.wait(lambda: _pongs(rig) == 1)
        assert time.monotonic() - began < 0.1 + SLACK
        assert process.poll() is None
        assert process.wait(20) == 0


def test_t26_t27_a_dead_wire_is_found_in_activity_plus_pong_time(rig: Rig) -> None:
    event_id = rig.sim.add_event(live=True)
    core = {"activity_timeout": 0.4, "pong_timeout": 0.3}
    live = rig.client(core=core).live()
    watch = Watch(live)
    with live:
        live.wait_live(20)
        silent = time.monotonic()
        rig.sim.mute()
        rig.sim.wait(lambda: len(rig.sockets()) == 2, 20)
        found = rig.sockets()[1].at - silent
        # From the last frame: 0.4 + 0.3, the backoff of 0.5 to 1 s.
        assert found >= 0.3 + 0.5  # the last frame may be up to 0.4 s old
        assert found < 0.7 + 1.0 + 2 * SLACK
        live.wait_live(20)
        rig.sim.patch(event_id, SCORE, 8)
        eventually(lambda: score(live, event_id) == 8, "the change")
        eventually(lambda: len(watch.gaps) == 1, "the gap notice")


def test_t27_an_answered_ping_keeps_the_connection(rig: Rig) -> None:
    rig.sim.add_event(live=True)
    core = {"activity_timeout": 0.1, "pong_timeout": 0.5 + SLACK}
    with rig.client(core=core).live() as live:
        live.wait_live(20)
        rig.sim.wait(lambda: rig.sim.connections()[0]["pings"] >= 5)
        assert live.phase == "live"
        assert live.stats().reconnects == 0
        assert live.staleness().seconds < 0.1 + 2 * SLACK
    assert len(rig.sockets()) == 1


def test_t28_a_busy_server_is_pinged_too(rig: Rig) -> None:
    rig.sim.add_event(live=True)
    core = {"activity_timeout": 0.2, "pong_timeout": 5.0}
    with rig.client(core=core).live() as live:
        live.wait_live(20)
        began, told = time.monotonic(), 0
        while rig.sim.connections()[0]["pings"] < 2:
            rig.sim.emit(LIVE, '{"event":"of no interest"}', raw=True)
            told += 1
            assert time.monotonic() - began < 10
        assert told > 2


def test_t34_the_state_leaves_connected_at_once(rig: Rig) -> None:
    rig.sim.add_event(live=True)
    with rig.client().live() as live:
        live.wait_live(20)
        serial = live._core.state().serial
        began = time.monotonic()
        rig.sim.disconnect(None)
        live._core.wait_change(serial, timeout=10)
        assert time.monotonic() - began < 0.05 + SLACK
        state = live._core.state()
        assert state.connection != "connected"
        assert state.phase == "stale"
        live.wait_live(20)


def test_t35_a_reconnect_authorises_subscribes_and_refetches_all(rig: Rig) -> None:
    ids = [rig.sim.add_event(live=True) for _ in range(4)]
    live = rig.client().live()
    watch = Watch(live)
    with live:
        live.wait_live(20)
        first = rig.sim.connections()[0]["socket_id"]
        since = rig.sim.journal.count
        rig.sim.disconnect(4200)
        with rig.sim.suppressed():
            for number, event_id in enumerate(ids):
                rig.sim.patch(event_id, SCORE, 300 + number)
        eventually(lambda: live.phase == "live" and len(watch.gaps) == 1, "repaired")
        rig.at_rest(live)
        (socket,) = rig.sim.connections()
        assert socket["socket_id"] != first
        assert socket["channels"] == [LIVE]
        asked = rig.sim.requests(since=since)
        auth = [r for r in asked if r.path == "/v2/stream/pusher/auth"]
        assert len(auth) == 1
        assert socket["socket_id"] in auth[0].body
        refetched = {i for r in asked if r.path == "/v2/events" for i in r.events}
        assert refetched == set(ids)
        assert watch.gaps[0].events_refetched == len(ids)
        assert watch.gaps[0].began <= watch.gaps[0].ended
        assert live.stats().gaps == 1
    assert len(watch.gaps) == 1


HOLDS = {
    "handshake": {"path": "*/app/*", "method": "WS"},
    "authorisation": {"path": "/stream/pusher/auth"},
    "reconcile": {"path": "/events"},
}
SCRIPTS = {
    "greeting": [ConnectionScript(first="")],
    "subscription": [ConnectionScript(subscribe="silent")],
    "backoff": [ConnectionScript(close=4100, close_at="open"), ConnectionScript()],
    "slow retry": [ConnectionScript(close=4004, close_at="open")],
}


@pytest.mark.parametrize("state", [*HOLDS, *SCRIPTS, "live"])
def test_t39_stop_in_every_state(rig: Rig, state: str) -> None:
    """Lookup and TLS: test_host.py, with names and ports that hang."""
    rig.sim.add_event(live=True)
    before, sockets = threads(), open_sockets()
    rule = (
        rig.sim.rule(times=None, hold="before", **HOLDS[state])
        if state in HOLDS
        else None
    )
    for script in SCRIPTS.get(state, []):
        rig.sim.script(script)
    live = rig.client().live()
    live.start()
    if rule is not None:
        rig.sim.wait(lambda: rule.held > 0, 20)
    elif state == "live":
        live.wait_live(20)
    elif state == "greeting":
        rig.sim.wait(rig.sim.connections, 20)
    elif state == "subscription":
        rig.sim.wait(lambda: _asked_to_subscribe(rig), 20)
    else:
        code = SCRIPTS[state][0].close
        eventually(lambda: live.stats().last_close_code == code, "the end")
    began = time.monotonic()
    live.client.close()
    assert time.monotonic() - began < 1.0
    rig.sim.wait(lambda: not rig.sim.pusher.connections)
    codes = [c.ws.close_code for c in rig.sim.pusher.ended]
    if state in ("live", "subscription", "authorisation", "reconcile"):
        assert codes == [1000]
    elif state == "greeting":  # the 101 may still be on its way to us
        assert codes in ([1000], [1006])
    count = rig.sim.journal.count
    eventually(lambda: threads() <= before, "the end of every thread")
    # Sockets that are left are the simulator's ends of kept connections.
    rig.sim.cut()
    eventually(lambda: open_sockets() <= sockets, "the end of every socket")
    assert rig.sim.journal.count == count
    assert live.phase == "closed"


def _asked_to_subscribe(rig: Rig) -> bool:
    return any(
        "pusher:subscribe" in text
        for socket in rig.sim.connections()
        for text in socket["received"]
    )


def test_every_statement_has_a_test_named_after_it() -> None:
    places = [
        *ROOT.glob("tests/c/test_pusher_*.c"),
        *ROOT.glob("tests/integration/*.py"),
    ]
    found: dict[int, list[str]] = {}
    for place in places:
        text = place.read_text(encoding="utf-8")
        names = re.findall(
            r"^(t\d\d_\w+)\(void\)|^def test_((?:t\d\d_)+\w+)\(", text, re.MULTILINE
        )
        for in_c, in_python in names:
            for number in re.findall(r"t(\d\d)_", in_c or in_python):
                found.setdefault(int(number), []).append(
                    f"{place.name}: {in_c or in_python}"
                )
    missing = set(range(1, 43)) - set(found)
    assert not missing, f"no test for {sorted(missing)}"
    assert max(found) == 42
    for number in (1, 15, 20, 23, 25, 34, 35, 39):  # these take real sockets
        assert any(".py:" in name for name in found[number]), number
