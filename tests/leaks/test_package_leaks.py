"""Every public method of the package, many times: nothing is left behind."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest
from leakcheck import check, refuses

import sgostream
from sgostream.sim.remote import RemoteSimulator, spawn


@pytest.fixture(scope="module", autouse=True)
def quiet() -> Iterator[None]:
    """Keep records out of pytest's hands, which would hold them."""
    logger = logging.getLogger("sgostream")
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    yield
    logger.setLevel(before)


class Rig:
    """One live stream of one event; the simulator is at rest."""

    def __init__(self, sim: RemoteSimulator) -> None:
        self.options: dict[str, Any] = {
            "api_key": sim.api_key,
            "base_url": sim.base_url,
            "proxy": "",
        }
        self.event_id = sim.add_event(live=True)
        self.client = sgostream.Client(**self.options)
        self.stream = self.client.by_id(self.event_id)
        self.stream.wait_live(20)
        self.idle = self.stream.subscribe(odd_ids=["points-*"])
        self.idle.get_batch(timeout=5)
        self.event = self.stream.events[self.event_id]
        self.update = self.event.diff(self.event)
        self.quotes = self.event.quotes()

    def loop(self, coroutine: Coroutine[Any, Any, object]) -> None:
        asyncio.run(coroutine)

    def once(self, use: Callable[[sgostream.Stream], object]) -> None:
        """Use a stream with a client of its own."""
        with sgostream.stream(
            "events:byid", event_id=self.event_id, **self.options
        ) as stream:
            use(stream)

    def callback(self, kind: str) -> None:
        def use(stream: sgostream.Stream) -> None:
            getattr(stream, kind)(lambda item: None)

        self.once(use)

    async def async_for(self) -> None:
        async with self.stream.subscribe() as subscription:
            async for _ in subscription:
                break

    async def aget(self) -> None:
        async with self.stream.subscribe() as subscription:
            await subscription.aget(timeout=5)

    async def aclose(self) -> None:
        client = sgostream.Client(**self.options)
        stream = client.by_id(self.event_id)
        await stream.wait_live_async(20)
        await stream.aclose()
        await client.aclose()

    def dispatch(self) -> None:
        with self.stream.subscribe() as subscription:
            subscription.dispatch(lambda update: subscription.close())


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    with spawn(["--events", "0", "--rate", "0", "--size", "20000"]) as sim:
        made = Rig(sim)
        yield made
        made.stream.close()
        made.client.close()


def attribute(what: str, name: str) -> Callable[[Rig], object]:
    """Read an attribute; call it when it is a method without arguments."""

    def use(rig: Rig) -> object:
        value = getattr(getattr(rig, what), name)
        return value() if callable(value) else value

    return use


STREAM_PROPERTIES = (
    "client",
    "connection",
    "error",
    "events",
    "feed",
    "is_stale",
    "params",
    "phase",
    "stats",
)

CASES: dict[str, Callable[[Rig], object]] = {
    "stream": lambda rig: rig.once(lambda stream: None),
    "apply": lambda rig: sgostream.apply(rig.event, rig.update.changes),
    "to_plain": lambda rig: sgostream.to_plain(rig.event["teams"]),
    "Client": lambda rig: sgostream.Client(**rig.options).close(),
    "Client wrong": lambda rig: refuses(
        lambda: sgostream.Client(api_key="k" * 8, timeout=-1), ValueError
    )(),
    "Client.close": lambda rig: rig.once(lambda stream: stream.wait_live(20)),
    "Client.aclose": lambda rig: rig.loop(rig.aclose()),
    "Client.closed": lambda rig: rig.client.closed,
    "Client.stats": lambda rig: rig.client.stats(),
    "Client.subscribe": lambda rig: rig.client.subscribe(rig.stream).close(),
    "Client.fetch": lambda rig: rig.client.fetch(rig.event_id, timeout=20),
    "Client.fetch_async": lambda rig: rig.loop(rig.client.fetch_async(rig.event_id)),
    "Client.usage": lambda rig: rig.client.usage(timeout=20),
    "Client.usage_async": lambda rig: rig.loop(rig.client.usage_async()),
    "Client.live": lambda rig: rig.once(lambda stream: stream.client.live()),
    "Client.upcoming": lambda rig: rig.once(lambda s: s.client.upcoming("NFL")),
    "Client.by_id": lambda rig: rig.once(lambda s: s.client.by_id("x")),
    "Client.stream": lambda rig: rig.once(lambda s: s.client.stream("events:x")),
    "Stream.start": lambda rig: rig.stream.start(),
    "Stream.close": lambda rig: rig.once(lambda stream: stream.close()),
    "Stream.aclose": lambda rig: rig.loop(rig.aclose()),
    "Stream.wait_live": lambda rig: rig.stream.wait_live(20),
    "Stream.wait_live_async": lambda rig: rig.loop(rig.stream.wait_live_async(20)),
    "Stream.wait_closed": lambda rig: refuses(
        lambda: rig.stream.wait_closed(0), TimeoutError
    )(),
    "Stream.subscribe": lambda rig: rig.stream.subscribe().close(),
    "Stream.board": lambda rig: rig.stream.board().close(),
    "Stream.chart": lambda rig: rig.stream.chart(rig.event_id, "x").close(),
    "Stream.quotes": lambda rig: list(rig.stream.quotes()),
    "Stream.staleness": lambda rig: rig.stream.staleness(rig.event_id),
    "Stream iteration": lambda rig: rig.once(lambda stream: next(iter(stream))),
    **{
        f"Stream.{name}": lambda rig, name=name: rig.callback(name)
        for name in ("on_update", "on_state", "on_gap", "on_error")
    },
    **{f"Stream.{name}": attribute("stream", name) for name in STREAM_PROPERTIES},
    "EventsView": lambda rig: (dict(rig.stream.events), rig.stream.events.get("x")),
    "Subscription.get": lambda rig: refuses(lambda: rig.idle.get(0), TimeoutError)(),
    "Subscription.get_batch": lambda rig: rig.stream.subscribe().get_batch(timeout=5),
    "Subscription.quote_changes": lambda rig: (
        rig.stream.subscribe().quote_changes(timeout=5).__arrow_c_stream__(),
        rig.idle.quote_changes(timeout=0),
    ),
    "Subscription.aget": lambda rig: rig.loop(rig.aget()),
    "Subscription async for": lambda rig: rig.loop(rig.async_for()),
    "Subscription.dispatch": lambda rig: rig.dispatch(),
    "Subscription.close": lambda rig: rig.stream.subscribe().close(),
    "Subscription.stats": lambda rig: rig.idle.stats(),
    "Event.parse": lambda rig: sgostream.Event.parse(rig.event.json()),
    "Event.diff": lambda rig: rig.event.diff(rig.event),
    "Event.get": lambda rig: rig.event.get("odds"),
    **{
        f"Event.{name}": attribute("event", name)
        for name in dir(sgostream.Event)
        if not name.startswith("_") and name not in ("parse", "diff", "get")
    },
    "Event html": lambda rig: (rig.event._repr_html_(), repr(rig.event)),
    **{
        f"Update.{name}": attribute("update", name)
        for name in dir(sgostream.Update)
        if not name.startswith("_")
    },
    "Update repr": lambda rig: repr(rig.update),
    "Quotes": lambda rig: (list(rig.event.quotes()), len(rig.quotes)),
    "Quotes arrow": lambda rig: rig.event.quotes().__arrow_c_stream__(),
}


@pytest.mark.parametrize("name", CASES)
def test_package(rig: Rig, name: str) -> None:
    case = CASES[name]

    def use() -> None:
        case(rig)

    # What makes clients, loops and threads is slow: fewer calls show it too.
    source = inspect.getsource(case)
    heavy = name == "Client" or "once" in source or "loop" in source
    check(use, times=20 if heavy else 50, noisy=heavy)


def test_every_public_method_is_here() -> None:
    known = {name.split()[0] for name in CASES}
    missing = [
        f"{kind.__name__}.{name}"
        for kind in (
            sgostream.Client,
            sgostream.Stream,
            sgostream.Subscription,
            sgostream.Event,
            sgostream.Update,
        )
        for name in dir(kind)
        if not name.startswith("_") and f"{kind.__name__}.{name}" not in known
    ]
    assert not missing
