"""Calls that nobody waits for any more are withdrawn, and hold nothing back."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest
from rig import Rig, eventually

import sgostream

ONE = "mg55OPFOORFcu5v3FvfO"

WAYS: dict[str, Callable[[sgostream.Client, float | None], Any]] = {
    "fetch": lambda client, timeout: client.fetch(ONE, timeout=timeout),
    "usage": lambda client, timeout: client.usage(timeout=timeout),
    "fetch_async": lambda client, timeout: asyncio.run(
        client.fetch_async(ONE, timeout=timeout)
    ),
    "usage_async": lambda client, timeout: asyncio.run(
        client.usage_async(timeout=timeout)
    ),
}


def path_of(way: str) -> str:
    return "/events" if "fetch" in way else "/account/usage"


@pytest.mark.parametrize("way", WAYS)
def test_a_call_whose_time_is_up_is_withdrawn(rig: Rig, way: str) -> None:
    rule = rig.sim.rule(path_of(way), hold="after", times=None)
    client = rig.client(tls=False)
    with pytest.raises(TimeoutError) as kept:  # and with it the frames
        WAYS[way](client, 0.5)
    eventually(lambda: client.stats().requests_in_flight == 0, "it is withdrawn")
    assert rule.hits <= 1
    assert kept.value.__traceback__ is not None


@pytest.mark.parametrize("way", WAYS)
def test_a_call_whose_time_is_up_is_not_tried_again(rig: Rig, way: str) -> None:
    event_id = rig.sim.add_event(live=True)
    rule = rig.sim.rule(path_of(way), status=503, times=None)
    client = rig.client(tls=False)
    with pytest.raises(TimeoutError) as kept:
        WAYS[way](client, 0.2)
    hits = rule.hits
    live = client.live()
    with live:
        # The bootstrap is not behind a call that goes on.
        eventually(lambda: list(live.events) == [event_id], "the snapshot is here")
        if path_of(way) == "/account/usage":
            live.wait_live(20)
            assert rule.hits <= hits + 1  # the client itself reads its limits
    assert kept.value.__traceback__ is not None


@pytest.mark.parametrize("name", ["fetch_async", "usage_async"])
def test_a_cancelled_coroutine_withdraws_its_call(rig: Rig, name: str) -> None:
    rule = rig.sim.rule(path_of(name), hold="after", times=None)
    client = rig.client(tls=False)

    async def run() -> asyncio.Task[Any]:
        arguments = [ONE] if name == "fetch_async" else []
        task = asyncio.create_task(getattr(client, name)(*arguments))
        await asyncio.to_thread(eventually, lambda: rule.held == 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return task  # which keeps its exception and that its frames

    task = asyncio.run(run())
    eventually(lambda: client.stats().requests_in_flight == 0, "it is withdrawn")
    assert task.cancelled()


def test_a_withdrawn_call_ends_for_who_waits_elsewhere(rig: Rig) -> None:
    rule = rig.sim.rule("/account/usage", hold="after", times=None)
    call = rig.client(tls=False)._core.usage()
    eventually(lambda: rule.held == 1, "it is under way")
    raised: list[BaseException] = []

    def wait() -> None:
        try:
            call.wait(timeout=20)
        except sgostream.SgoError as error:
            raised.append(error)

    waiting = threading.Thread(target=wait)
    waiting.start()
    call.cancel()
    waiting.join(10)
    assert not waiting.is_alive()
    assert [type(error) for error in raised] == [sgostream.ClosedError]
    call.cancel()  # once more is fine
