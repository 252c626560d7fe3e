"""Packets that are lost, dropped and refused, by the kernel's own filter.

They run as root in a network namespace that `make test-packets` has made, so
that no rule here touches anybody else.  Loopback is all that there is in it.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from collections.abc import Iterator

import pytest
from rig import Rig, Watch, eventually

import sgostream

SCORE = ("teams", "home", "score")


@pytest.fixture(autouse=True)
def own_network() -> None:
    """Refuse to touch a network that is not ours."""
    devices = set(os.listdir("/proc/sys/net/ipv4/conf"))
    if not devices <= {"all", "default", "lo"}:
        pytest.fail(f"not in a namespace of its own: {sorted(devices)}")


@contextlib.contextmanager
def rule(*words: str) -> Iterator[None]:
    """A rule for all packets of TCP that arrive, while it lasts."""
    command = ["iptables", "-w", "-{}", "INPUT", "-p", "tcp", *words]

    def run(how: str) -> None:
        done = [word.format(how) for word in command]
        subprocess.run(done, check=True, timeout=20)

    run("A")
    try:
        yield
    finally:
        run("D")


def score(stream: sgostream.Stream, event_id: str) -> object:
    return stream.events[event_id]["teams"]["home"]["score"]


@pytest.mark.parametrize("tls", [True, False], ids=["tls", "plain"])
def test_one_packet_in_ten_is_lost(rig: Rig, tls: bool) -> None:
    """Retransmissions, delays, and an order that is kept: nothing is lost."""
    rig.sim.add_slate(10, size=60_000, live=1.0)
    live = rig.client(tls=tls).live()
    watch = Watch(live)
    lossy = rule(
        "-m", "statistic", "--mode", "random", "--probability", "0.1", "-j", "DROP"
    )
    with live, lossy:
        live.wait_live(60)
        rig.sim.play(rate=60.0, steps=200)
        eventually(lambda: rig.sim.played()["steps"] >= 200, "200 steps", 60)
        rig.at_rest(live)
        stats = live.stats()
        assert stats.notifications > 0
        eventually(lambda: live.stats().ids_pending == 0, "every answer")
        stats = live.stats()
        assert stats.ids_notified == (
            stats.ids_answered + stats.ids_conflated + stats.ids_refused
        )
    assert not [e for e in watch.errors if not getattr(e, "retryable", False)]


@pytest.mark.parametrize(
    "target",
    [("DROP",), ("REJECT", "--reject-with", "tcp-reset")],
    ids=["dropped", "refused"],
)
def test_a_dead_network_is_found_in_time(rig: Rig, target: tuple[str, ...]) -> None:
    """Half-open: both sides believe in the socket, and nothing arrives."""
    event_id = rig.sim.add_event(live=True)
    live = rig.client(
        core={"activity_timeout": 0.8, "pong_timeout": 0.5}, timeout=2.0
    ).live()
    watch = Watch(live)
    with live:
        live.wait_live(20)
        ports = f"{rig.sim.port},{rig.sim.tls_port}"
        with contextlib.ExitStack() as dead:
            for side in ("--dports", "--sports"):
                dead.enter_context(rule("-m", "multiport", side, ports, "-j", *target))
            began = time.monotonic()
            with rig.sim.suppressed():
                rig.sim.patch(event_id, SCORE, 41)
            eventually(lambda: live.phase == "stale", "the discovery")
            assert time.monotonic() - began < 10.0  # 1.3 s, on a busy machine
            assert live.connection != "connected"
            assert live.is_stale
            assert score(live, event_id) != 41
        live.wait_live(60)
        assert score(live, event_id) == 41
        rig.at_rest(live)
        eventually(lambda: watch.gaps, "the gap notice")
        assert live.stats().reconnects >= 1


def test_close_while_every_packet_is_dropped(rig: Rig) -> None:
    rig.sim.add_event(live=True)
    live = rig.client().live()
    live.wait_live(20)
    with rule("-j", "DROP"):
        began = time.monotonic()
        live.client.close()
        assert time.monotonic() - began < 1.0
