"""The simplest clients of the simulator: one GET, one socket."""

from __future__ import annotations

import asyncio
import gzip
import json
import ssl
import urllib.parse
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPSConnection
from typing import Any, TypeVar

import aiohttp

from sgostream.sim import Simulator

T = TypeVar("T")


@dataclass
class Reply:
    status: int
    headers: dict[str, str]
    raw: bytes

    @property
    def body(self) -> bytes:
        coding = self.headers.get("content-encoding")
        return gzip.decompress(self.raw) if coding == "gzip" else self.raw

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def ids(self) -> list[str]:
        return [event["eventID"] for event in self.json["data"]]


def get(
    sim: Simulator,
    path: str,
    params: dict[str, str] | list[tuple[str, str]] | None = None,
    *,
    key: str | None = None,
    https: bool = False,
    encoding: str = "gzip",
    method: str = "GET",
    body: str | None = None,
    headers: dict[str, str] | None = None,
) -> Reply:
    """Ask once, on a connection of its own."""
    connection: HTTPConnection
    if https:
        context = ssl.create_default_context(cafile=sim.ca_file)
        connection = HTTPSConnection(
            "127.0.0.1", sim.tls_port, timeout=10, context=context
        )
    else:
        connection = HTTPConnection("127.0.0.1", sim.port, timeout=10)
    target = f"/v2{path}"
    if params:
        target += "?" + urllib.parse.urlencode(params)
    sent = {"Accept-Encoding": encoding, **(headers or {})}
    if key != "":
        sent["x-api-key"] = key or sim.api_key
    try:
        connection.request(method, target, body, sent)
        answer = connection.getresponse()
        names = {k.lower(): v for k, v in answer.getheaders()}
        return Reply(answer.status, names, answer.read())
    finally:
        connection.close()


class Socket:
    """A Pusher socket that speaks only when told to."""

    def __init__(
        self, sim: Simulator, ws: aiohttp.ClientWebSocketResponse, api_key: str
    ) -> None:
        self.sim = sim
        self.ws = ws
        self.api_key = api_key
        self.socket_id = ""

    async def message(self) -> dict[str, Any]:
        """Take the next message."""
        found = await asyncio.wait_for(self.ws.receive(), 10)
        assert found.type is aiohttp.WSMsgType.TEXT, found
        return dict(json.loads(found.data))

    async def closed(self) -> int | None:
        """Wait for the end and give the close code."""
        while True:
            found = await asyncio.wait_for(self.ws.receive(), 10)
            if found.type is not aiohttp.WSMsgType.TEXT:
                return self.ws.close_code

    async def send(self, event: str, data: Any) -> None:
        """Send a message."""
        await self.ws.send_str(json.dumps({"event": event, "data": data}))

    def authorise(self, channel: str) -> dict[str, Any]:
        """Ask for the right to subscribe."""
        form = {"socket_id": self.socket_id, "channel_name": channel}
        reply = get(
            self.sim,
            "/stream/pusher/auth",
            key=self.api_key,
            method="POST",
            body=urllib.parse.urlencode(form),
            headers={"Content-Type": "application/x-www-form-urlencoded"},
        )
        assert reply.status == 200, reply
        return dict(reply.json)

    async def subscribe(self, channel: str) -> dict[str, Any]:
        """Authorise, subscribe, and give the answer."""
        rights = self.authorise(channel)
        await self.send("pusher:subscribe", {"channel": channel, **rights})
        return await self.message()


@asynccontextmanager
async def socket(
    sim: Simulator,
    query: str = "protocol=7&client=test&version=1.0.0",
    *,
    https: bool = False,
    greet: bool = True,
    api_key: str | None = None,
    port: int | None = None,
) -> AsyncIterator[Socket]:
    """Connect; with ``greet``, take the first message too."""
    context = ssl.create_default_context(cafile=sim.ca_file) if https else None
    url = sim.wss_url if https else sim.ws_url
    if port is not None:
        url = url.replace(f":{sim.tls_port if https else sim.port}/", f":{port}/")
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{url}?{query}", ssl=context or True, autoping=False) as ws,
    ):
        wire = ws.get_extra_info("socket")
        made = Socket(sim, ws, api_key or sim.api_key)
        if greet:
            first = await made.message()
            assert first["event"] == "pusher:connection_established"
            made.socket_id = json.loads(first["data"])["socket_id"]
        yield made
    async with asyncio.timeout(10):
        # The transport closes a little later, and tells nobody.
        while wire is not None and wire.fileno() >= 0:  # noqa: ASYNC110
            await asyncio.sleep(0.001)


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a test that is a coroutine."""
    return asyncio.run(coroutine)
