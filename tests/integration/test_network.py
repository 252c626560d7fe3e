"""The network at its worst: names, certificates, proxies, dead ends."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hostile import Names, Program, Proxy, Sleep, dead_port, free_port, mute_port
from rig import SLACK, Rig, Watch, eventually

import sgostream
from sgostream.sim import Simulator
from sgostream.sim.remote import spawn

SCORE = ("teams", "home", "score")


def score(stream: sgostream.Stream, event_id: str) -> object:
    return stream.events[event_id]["teams"]["home"]["score"]


# -- names --------------------------------------------------------------------

TALKER = """
import sys, threading, time, sgostream
lock = threading.Lock()
def say(*words):
    with lock:
        print(*words, flush=True)
live = sgostream.stream("events:live", **{options!r})
live.on_error(lambda error: say("error", type(error).__name__, error))
say("started")
live.start()
def live_soon():
    live.wait_live()
    say("live")
threading.Thread(target=live_soon, daemon=True).start()
for line in sys.stdin:
    began = time.monotonic()
    live.close()
    say("closed", time.monotonic() - began)
    break
"""


@pytest.fixture
def named(rig: Rig, tmp_path: Path) -> Iterator[tuple[Names, dict[str, Any]]]:
    """A resolver to play with, and options of a client by name."""
    names = Names(tmp_path)
    with Simulator(seed=3, tls_names=("api.sim.test",)) as sim:
        sim.add_event(live=True)
        yield (
            names,
            {
                "api_key": sim.api_key,
                "base_url": f"https://api.sim.test:{sim.tls_port}/v2",
                "ca_file": sim.ca_file,
                "proxy": "",
            },
        )


def test_names_fail_and_then_are_found(named: tuple[Names, dict[str, Any]]) -> None:
    names, options = named
    names.fail()
    with Program(
        TALKER.format(options=options), environment=names.environment()
    ) as program:
        assert program.line() == "started"
        told = program.line()
        assert told.startswith("error TransportError")
        assert "api.sim.test" in told
        names.fail(False)
        while (line := program.line()) != "live":
            assert line.startswith("error TransportError")
        program.say("close")
        assert float(program.line().split()[1]) < 1.0
        assert program.finish()[0] == 0


@pytest.mark.parametrize("leg", ["api", "pusher"])
def test_close_while_a_lookup_hangs(
    named: tuple[Names, dict[str, Any]], rig: Rig, leg: str
) -> None:
    names, options = named
    if leg == "pusher":
        rig.sim.add_event(live=True)
        rig.sim.settings.pusher_options["wsHost"] = "ws.sim.test"
        options = rig.options()
    names.hang()
    with Program(
        TALKER.format(options=options), environment=names.environment()
    ) as program:
        assert program.line() == "started"
        eventually(names.asked, "the lookup")
        assert names.asked()[0] == ("ws" if leg == "pusher" else "api") + ".sim.test"
        program.say("close")
        assert float(program.line().split()[1]) < 1.0
        began = time.monotonic()
        assert program.finish()[0] == 0  # the helper that hangs holds nobody up
        assert time.monotonic() - began < 2.0 + SLACK


def test_a_lookup_that_hung_goes_on(named: tuple[Names, dict[str, Any]]) -> None:
    names, options = named
    names.hang()
    with Program(
        TALKER.format(options=options), environment=names.environment()
    ) as program:
        assert program.line() == "started"
        eventually(names.asked, "the lookup")
        names.hang(False)
        assert program.line() == "live"
        assert set(names.asked()) == {"api.sim.test"}


# -- proxies that are none ------------------------------------------------------


@pytest.mark.parametrize("environment", ["", "http://127.0.0.1:9"])
def test_without_a_proxy_there_is_no_word_of_one(rig: Rig, environment: str) -> None:
    rig.sim.add_event(live=True)
    code = f"""
import logging, os, sys
os.environ["http_proxy"] = {environment!r}
import sgostream
logging.basicConfig(level=logging.DEBUG, stream=sys.stdout)
with sgostream.stream("events:live", **{rig.options(proxy="")!r}) as live:
    live.wait_live(20)
"""
    with Program(code) as one:
        status, out, errors = one.finish()
    assert status == 0, errors
    assert "subscribed" in out  # the log is there
    assert "proxy" not in (out + errors).lower()


# -- dead ends: close() within a second ---------------------------------------

DEAD_ENDS: dict[str, Callable[[], contextlib.AbstractContextManager[int]]] = {
    "tcp": dead_port,
    "tls": mute_port,
}


@pytest.mark.parametrize("end", DEAD_ENDS)
@pytest.mark.parametrize("leg", ["api", "pusher"])
def test_close_while_a_connection_hangs(rig: Rig, leg: str, end: str) -> None:
    rig.sim.add_event(live=True)
    with DEAD_ENDS[end]() as port:
        others = _own_sockets()
        if leg == "api":
            live = rig.client(base_url=f"https://127.0.0.1:{port}/v2").live()
        else:
            rig.sim.settings.pusher_options["wssPort"] = port
            live = rig.client().live()
        live.start()
        if leg == "pusher":
            eventually(lambda: live.phase == "subscribing", "the snapshot")
        eventually(lambda: _connects_to(port, others), "the connection")
        began = time.monotonic()
        live.client.close()
        assert time.monotonic() - began < 1.0
        eventually(lambda: not _connects_to(port, others), "the end of the socket")


def _own_sockets() -> set[str]:
    own = set()
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            own.add(os.readlink(f"/proc/self/fd/{name}"))
    return own


def _connects_to(port: int, others: set[str]) -> bool:
    """Whether a socket of the client connects, or is connected, to a port."""
    own = _own_sockets() - others
    with open("/proc/self/net/tcp", encoding="ascii") as table:
        rows = [line.split() for line in list(table)[1:]]
    return any(
        f"socket:[{row[9]}]" in own and row[2].endswith(f":{port:04X}") for row in rows
    )


# -- certificates -------------------------------------------------------------


@pytest.mark.parametrize("leg", ["api", "pusher"])
@pytest.mark.parametrize("fault", ["expired", "wrong-name", "unknown"])
def test_a_bad_certificate_is_refused_and_told(
    rig: Rig, tmp_path: Path, leg: str, fault: str
) -> None:
    rig.sim.add_event(live=True)
    bad = Simulator(
        seed=4,
        tls_expired=fault == "expired",
        tls_names=("other.test",) if fault == "wrong-name" else ("127.0.0.1",),
        api_key=rig.sim.api_key,
    )
    with bad:
        roots = tmp_path / "roots.pem"
        trusted = [rig.sim.ca_file] + [bad.ca_file] * (fault != "unknown")
        roots.write_text("".join(Path(p).read_text() for p in trusted))
        if leg == "api":
            client = rig.client(base_url=bad.https_base_url, ca_file=str(roots))
        else:
            rig.sim.settings.pusher_options["wssPort"] = bad.tls_port
            client = rig.client(ca_file=str(roots))
        live = client.live()
        watch = Watch(live)
        with live:
            eventually(lambda: watch.errors, "the report")
        assert bad.requests() == []  # not a byte of HTTP, and so no key
    error = watch.errors[0]
    assert isinstance(error, sgostream.TransportError)
    assert "certificate" in str(error).lower()
    word = {"expired": "expired", "wrong-name": "name", "unknown": "ca_file"}[fault]
    assert word in str(error).lower(), error


# -- a proxy ------------------------------------------------------------------


def test_both_legs_go_through_the_proxy(rig: Rig, tmp_path: Path) -> None:
    event_id = rig.sim.add_event(live=True)
    with Proxy(tmp_path) as proxy:
        live = rig.client(proxy=proxy.url).live()
        with live:
            live.wait_live(20)
            rig.sim.patch(event_id, SCORE, 3)
            eventually(lambda: score(live, event_id) == 3, "the change")
        tunnels = proxy.log().count(f"CONNECT 127.0.0.1:{rig.sim.tls_port}")
        assert tunnels >= 2
        assert rig.sim.api_key not in proxy.log()


def test_a_proxy_that_wants_a_login_gets_it(rig: Rig, tmp_path: Path) -> None:
    rig.sim.add_event(live=True)
    with Proxy(tmp_path, login="user:geheim-42") as proxy:
        live = rig.client(proxy=proxy.url).live()
        with live:
            live.wait_live(20)
            rig.at_rest(live)
        assert "geheim-42" not in repr(live.client)


def test_a_proxy_that_wants_another_login_is_told_of(rig: Rig, tmp_path: Path) -> None:
    rig.sim.add_event(live=True)
    with Proxy(tmp_path, login="user:geheim-42") as proxy:
        url = f"http://user:falsch-17@127.0.0.1:{proxy.port}"
        live = rig.client(proxy=url).live()
        watch = Watch(live)
        with live:
            eventually(lambda: watch.errors, "the report")
        text = str(watch.errors[0])
        assert isinstance(watch.errors[0], sgostream.TransportError)
        assert "proxy" in text.lower()
        assert "falsch-17" not in text


def test_a_proxy_that_dies_and_returns(rig: Rig, tmp_path: Path) -> None:
    event_id = rig.sim.add_event(live=True)
    with Proxy(tmp_path) as proxy:
        live = rig.client(proxy=proxy.url).live()
        watch = Watch(live)
        with live:
            live.wait_live(20)
            proxy.stop()
            eventually(lambda: live.phase == "stale", "the loss")
            with rig.sim.suppressed():
                rig.sim.patch(event_id, SCORE, 77)
            proxy.start()
            eventually(lambda: live.phase == "live", "the return")
            assert score(live, event_id) == 77
            eventually(lambda: watch.gaps, "the gap notice")


def test_the_environment_names_the_proxy(
    named: tuple[Names, dict[str, Any]], tmp_path: Path
) -> None:
    names, options = named
    environment = names.environment()
    program = TALKER.format(options={**options, "proxy": None})
    with Proxy(tmp_path, environment=environment) as proxy:
        for more, tunnels in (
            ({"HTTPS_PROXY": proxy.url}, 2),
            ({"HTTPS_PROXY": proxy.url, "NO_PROXY": ".sim.test"}, 0),
        ):
            before = proxy.log().count("CONNECT api.sim.test:")
            with Program(program, environment={**environment, **more}) as one:
                assert one.line() == "started"
                assert one.line() == "live"
                one.say("close")
                assert one.finish()[0] == 0
            after = proxy.log().count("CONNECT api.sim.test:")
            assert (after - before >= tunnels) if tunnels else after == before


# -- a server that stops ------------------------------------------------------


def test_a_stopped_server_is_found_and_awaited(rig: Rig) -> None:
    """Half-open: the process is frozen, its kernel goes on acknowledging."""
    with spawn(
        ["--events", "3", "--live", "1", "--rate", "0", "--size", "20000"]
    ) as sim:
        client = rig.client(
            base_url=sim.base_url,
            api_key=sim.api_key,
            core={"activity_timeout": 0.4, "pong_timeout": 0.3},
        )
        live = client.live()
        watch = Watch(live)
        with live:
            live.wait_live(20)
            began = time.monotonic()
            os.kill(sim.pid, signal.SIGSTOP)
            try:
                eventually(lambda: live.phase == "stale", "the discovery")
                assert time.monotonic() - began < 0.7 + 2 * SLACK
                assert live.connection != "connected"
            finally:
                os.kill(sim.pid, signal.SIGCONT)
            live.wait_live(20)
            eventually(lambda: watch.gaps, "the gap notice")
            truth = sim.truth()
            assert {i: e.json().decode() for i, e in live.events.items()} == truth


def test_a_server_that_is_away_is_awaited(rig: Rig) -> None:
    port = free_port()
    with Simulator(seed=5, port=port, https=False) as first:
        event_id = first.add_event(live=True)
        live = rig.client(base_url=first.base_url, api_key=first.api_key).live()
        live.wait_live(20)
        assert event_id in live.events
        key, held = first.api_key, first.event_json(event_id)
    eventually(lambda: live.phase == "stale", "the loss")
    with Simulator(seed=6, port=port, https=False, api_key=key) as second:
        second.add_event(held)
        other = second.add_event(live=True)
        eventually(lambda: other in live.events, "the new server's event")
        eventually(lambda: live.phase == "live", "live again")
        assert {i: e.json() for i, e in live.events.items()} == second.truth()
        live.close()


# -- a machine that sleeps ------------------------------------------------------

SLEEPER = """
import sys, time, sgostream
class Client(sgostream.Client):
    _core_options = {{"pong_timeout": 1.0}}
client = Client(**{options!r})
live = client.live().wait_live(20)
print("live", flush=True)
for line in sys.stdin:
    client.stats()
    live.subscribe(initial=False).close()
    client.fetch({event_id!r})
    print("awake", flush=True)
    if line.strip() == "wait":
        while live.stats().reconnects == 0:
            time.sleep(0.01)
        live.wait_live(20)
        score = live.events[{event_id!r}]["teams"]["home"]["score"]
        print("live", live.stats().reconnects, score, flush=True)
client.close()
"""


def test_after_a_sleep_the_socket_is_tried_at_once(rig: Rig, tmp_path: Path) -> None:
    """Activity time is 30 s: without the jump nothing would be asked so soon."""
    event_id = rig.sim.add_event(live=True)
    machine = Sleep(tmp_path)
    code = SLEEPER.format(options=rig.options(), event_id=event_id)

    def pinged() -> bool:
        return any(
            "pusher:ping" in text
            for one in rig.sim.connections()
            for text in one["received"]
        )

    with Program(code, environment=machine.environment()) as program:
        assert program.line() == "live"
        assert not pinged()
        machine.sleep(15)
        program.say("awake?")
        assert program.line() == "awake"
        eventually(pinged, "the ping")
        assert len(rig.sockets()) == 1  # it was answered
        rig.sim.mute()
        with rig.sim.suppressed():
            rig.sim.patch(event_id, SCORE, 31)
        began = time.monotonic()
        machine.sleep(15)
        program.say("wait")
        assert program.line() == "awake"
        assert program.line() == "live 1 31"
        assert time.monotonic() - began < 20.0  # not the activity time of 30 s
        assert len(rig.sockets()) == 2
        assert program.finish()[0] == 0
