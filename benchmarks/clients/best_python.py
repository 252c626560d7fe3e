"""Peer 2: the strongest Python: aiohttp, asyncpusher, uvloop and what decodes fastest.

Decoders and inflaters are tried on the first event, the faster ones are kept.
Ids that come while six requests are out are gathered, newest version once, as
sgostream does.  The collector of cycles is off: nothing here makes any.
"""

from __future__ import annotations

import asyncio
import gc
import ssl
import time
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import aiohttp
import asyncpusher
import msgspec
import orjson
import uvloop
from isal import isal_zlib
from report import API_KEY, BASE_URL, CA_FILE, GIL_MODE, TOUCHED, Report
from zlib_ng import zlib_ng

IN_FLIGHT = 6
IDS_PER_REQUEST = 25


class Quote(msgspec.Struct, gc=False):
    """What is compared of a quote."""

    odds: str | None = None
    spread: str | None = None
    overUnder: str | None = None  # noqa: N815
    available: bool | None = None
    deeplink: str | None = None


class Odd(msgspec.Struct, gc=False):
    """What is compared of an odd."""

    byBookmaker: dict[str, Quote] = {}  # noqa: N815


class Event(msgspec.Struct, gc=False):
    """What is compared of an event."""

    eventID: str  # noqa: N815
    benchVersion: str  # noqa: N815
    odds: dict[str, Odd] = {}


class Answer(msgspec.Struct, gc=False):
    """An answer of /events."""

    data: list[Event]


Price = tuple[str, str, Any, Any]


class Typed:
    """msgspec: only what is compared is decoded."""

    name = "msgspec"
    decode = staticmethod(msgspec.json.Decoder(Answer).decode)

    def events(self, body: bytes) -> Iterator[tuple[str, str, Any]]:
        """Id, version and content of each event of an answer."""
        for event in self.decode(body).data:
            yield event.eventID, event.benchVersion, event.odds

    @staticmethod
    def changed(old: dict[str, Odd], new: dict[str, Odd]) -> list[Price]:
        """The quotes that differ."""
        out: list[Price] = []
        for odd_id, odd in new.items():
            before = old.get(odd_id)
            if before is None or before != odd:
                books = before.byBookmaker if before is not None else {}
                for book, quote in odd.byBookmaker.items():
                    was = books.get(book)
                    if was != quote:
                        out.append(
                            (
                                odd_id,
                                book,
                                was and (was.odds, was.spread or was.overUnder),
                                (quote.odds, quote.spread or quote.overUnder),
                            )
                        )
                if len(books) > len(odd.byBookmaker):
                    for book, was in books.items():
                        if book not in odd.byBookmaker:
                            price = (was.odds, was.spread or was.overUnder)
                            out.append((odd_id, book, price, None))
        return out


class Whole:
    """orjson: everything is decoded, the odds are compared."""

    name = "orjson"

    def events(self, body: bytes) -> Iterator[tuple[str, str, Any]]:
        """Id, version and content of each event of an answer."""
        for event in orjson.loads(body)["data"]:
            yield event["eventID"], event["benchVersion"], event["odds"]

    @staticmethod
    def changed(old: dict[str, Any], new: dict[str, Any]) -> list[Price]:
        """The quotes that differ in more than their time stamp."""
        out: list[Price] = []
        for odd_id, odd in new.items():
            before = old.get(odd_id, {})
            if before == odd:
                continue
            books = before.get("byBookmaker", {})
            for book, quote in odd.get("byBookmaker", {}).items():
                was = books.get(book, {})
                if was != quote and any(
                    was.get(k) != quote.get(k)
                    for k in ("odds", "spread", "overUnder", "available", "deeplink")
                ):
                    out.append(
                        (
                            odd_id,
                            book,
                            (was.get("odds"), was.get("spread", was.get("overUnder"))),
                            (
                                quote["odds"],
                                quote.get("spread", quote.get("overUnder")),
                            ),
                        )
                    )
        return out


def fastest(calls: dict[str, Callable[[], Any]]) -> str:
    """The name of the call that takes the least CPU, of five tries each."""
    best: dict[str, int] = {}
    for _ in range(5):
        for name, call in calls.items():
            began = time.thread_time_ns()
            call()
            took = time.thread_time_ns() - began
            best[name] = min(best.get(name, took), took)
    return min(best, key=lambda name: best[name])


class Follower:
    """The live feed, compared as it comes."""

    def __init__(self, report: Report, session: aiohttp.ClientSession) -> None:
        self.report = report
        self.session = session
        self.decoder: Typed | Whole = Typed()
        self.inflate: Callable[..., bytes] = isal_zlib.decompress
        self.events: dict[str, Any] = {}
        self.pending: dict[str, None] = {}
        self.wake = asyncio.Event()

    async def bootstrap(self) -> dict[str, Any]:
        """Fetch snapshot and coordinates; choose the decoders."""
        url = f"{BASE_URL}/stream/events"
        async with self.session.get(url, params={"feed": "events:live"}) as answer:
            packed = await answer.read()
        body = self.inflate(packed, wbits=31)
        del packed
        found: dict[str, Any] = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
        first = msgspec.json.decode(found["data"], type=list[msgspec.Raw])[0]
        one = b'{"data":[' + bytes(first) + b"]}"
        small = zlib.compress(one, 6, 31)
        inflaters = {"isal": isal_zlib.decompress, "zlib-ng": zlib_ng.decompress}
        which = fastest(
            {n: lambda f=f: f(small, wbits=31) for n, f in inflaters.items()}
        )
        self.inflate = inflaters[which]

        def try_out(decoder: Typed | Whole) -> None:
            (old,) = decoder.events(one)
            (new,) = decoder.events(one)
            decoder.changed(old[2], new[2])

        decoders: dict[str, Typed | Whole] = {d.name: d for d in (Typed(), Whole())}
        self.decoder = decoders[
            fastest({n: lambda d=d: try_out(d) for n, d in decoders.items()})
        ]
        for event_id, _, odds in self.decoder.events(
            b'{"data":' + bytes(found["data"]) + b"}"
        ):
            self.events[event_id] = odds
        self.report.first()
        self.choice = f"{self.decoder.name}, {which}"
        return {k: msgspec.json.decode(v) for k, v in found.items() if k != "data"}

    async def notified(self, data: list[dict[str, str]]) -> None:
        """Remember the ids; a worker fetches them."""
        for item in data:
            self.pending[item["eventID"]] = None
        self.wake.set()

    async def work(self) -> None:
        """Fetch what is pending, for ever."""
        while True:
            while not self.pending:
                self.wake.clear()
                await self.wake.wait()
            ids = list(self.pending)[:IDS_PER_REQUEST]
            for event_id in ids:
                del self.pending[event_id]
            await self.fetch(ids)

    async def fetch(self, ids: list[str]) -> None:
        """Fetch events, compare them, hand over their prices."""
        params = {"eventIDs": ",".join(ids)}
        async with self.session.get(f"{BASE_URL}/events", params=params) as answer:
            packed = await answer.read()
        body = self.inflate(packed, wbits=31)  # without the GIL
        began = time.thread_time_ns()
        for event_id, version, odds in self.decoder.events(body):
            old = self.events.get(event_id)
            if old is not None:
                changes = self.decoder.changed(old, odds)
                for change in changes[:TOUCHED] if GIL_MODE else changes:
                    self.report.price(event_id, *change)
            self.events[event_id] = odds
            self.report.held_ns.append(time.thread_time_ns() - began)
            self.report.update(event_id, version)


async def main() -> None:
    """Follow the live feed until the driver ends this process."""
    report = Report()
    context = ssl.create_default_context(cafile=CA_FILE)
    session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=IN_FLIGHT + 1, ssl=context),
        headers={"x-api-key": API_KEY, "Accept-Encoding": "gzip"},
        auto_decompress=False,
        json_serialize=lambda value: orjson.dumps(value).decode(),
        read_bufsize=1 << 20,
    )
    follower = Follower(report, session)
    info = await follower.bootstrap()
    options = info["pusherOptions"]

    async def authorise(data: dict[str, str]) -> Any:
        authorisation = options["channelAuthorization"]
        async with session.post(
            authorisation["endpoint"], headers=authorisation["headers"], data=data
        ) as answer:
            body = await answer.read()
            if answer.headers.get("Content-Encoding") == "gzip":
                body = zlib.decompress(body, 31)
            return orjson.loads(body)

    pusher = asyncpusher.Pusher(
        info["pusherKey"],
        custom_host=options["wsHost"],
        custom_port=options["wssPort"],
        channel_authenticator=authorise,
        ssl=context,
    )
    await pusher.connect()
    channel = await pusher.subscribe(info["channel"])
    channel.bind("data", follower.notified)
    while channel.state != channel.State.SUBSCRIBED:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    gc.freeze()
    gc.disable()
    workers = [asyncio.create_task(follower.work()) for _ in range(IN_FLIGHT)]
    report.ready(len(follower.events), version=follower.choice)
    await asyncio.gather(*workers)


uvloop.run(main())
