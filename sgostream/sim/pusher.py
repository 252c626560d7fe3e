"""A Pusher Channels server: protocol 7 over WebSocket."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from aiohttp import WSMsgType, web

from .auth import is_authorised
from .connection import (
    CLOSE_TIMEOUT_S,
    Connection,
    ConnectionScript,
    end,
    error_message,
    refuse_as_scripted,
    write,
)
from .journal import Request

#: Bytes of ``data`` in one message, as the hosted service allows.
MAX_EVENT_BYTES = 10_240
_MAX_FRAME_BYTES = 64 * 1024


class PusherServer:
    """Connections, channels and what is sent on them.

    Attributes
    ----------
    activity_timeout : float
        Told to clients, seconds; a client silent for that long is pinged,
        and closed with 4201 after `pong_timeout`.
    max_connections : int or None
        Above it connections are refused with 4004.
    tls_only : bool
        Plain connections are refused with 4000.
    data_as_object : bool
        Send the data of channel events as JSON instead of a string.
    """

    def __init__(
        self,
        key: str,
        secret: str,
        rng: random.Random,
        changed: Callable[[], None],
    ) -> None:
        self.key = key
        self.secret = secret
        self.activity_timeout = 120.0
        self.pong_timeout = 30.0
        self.max_connections: int | None = None
        self.tls_only = False
        self.data_as_object = False
        self.connections: list[Connection] = []
        #: Ended connections, the newest hundred.
        self.ended: deque[Connection] = deque(maxlen=100)
        #: Treatment of the next connections, then `default_script`.
        self.scripts: deque[ConnectionScript] = deque()
        self.default_script = ConnectionScript()
        self.opened = 0
        self._rng = rng
        self._changed = changed

    # sending

    def publish(self, channel: str, event: str, data: Any, *, raw: bool = False) -> int:
        """Send a channel event; the number of sockets it went to.

        ``raw``: ``data`` is the text of the whole message.
        """
        if raw:
            text = str(data)
        else:
            if not self.data_as_object and not isinstance(data, str):
                data = json.dumps(data, separators=(",", ":"))
            text = json.dumps(
                {"event": event, "channel": channel, "data": data},
                separators=(",", ":"),
            )
        count = 0
        for connection in self.connections:
            if channel in connection.channels:
                connection.send(text)
                count += 1
        return count

    def notify(self, channel: str, event_ids: Iterable[str]) -> int:
        """Announce changed events, in as many messages as it takes."""
        batch: list[dict[str, str]] = []
        size = 2
        messages = 0
        for event_id in event_ids:
            more = len(json.dumps(event_id)) + len('{"eventID":},')
            if batch and size + more > MAX_EVENT_BYTES:
                self.publish(channel, "data", batch)
                messages += 1
                batch, size = [], 2
            batch.append({"eventID": event_id})
            size += more
        if batch:
            self.publish(channel, "data", batch)
            messages += 1
        return messages

    def members(self, channel: str) -> list[str]:
        """User ids present on a channel, each once."""
        found = (c.channels.get(channel) for c in self.connections)
        return list(dict.fromkeys(user for user in found if user))

    # one connection

    async def serve(
        self, request: web.Request, key: str, entry: Request
    ) -> web.StreamResponse:
        """Serve one socket until it ends."""
        script = self.scripts.popleft() if self.scripts else None
        script = script or self.default_script
        if script.status is not None:
            return web.Response(status=script.status, text="no upgrade")
        ws = web.WebSocketResponse(
            autoping=False,
            compress=False,
            max_msg_size=_MAX_FRAME_BYTES,
            timeout=CLOSE_TIMEOUT_S,
        )
        if not ws.can_prepare(request).ok:
            return web.Response(status=400, text="a WebSocket is expected")
        await ws.prepare(request)
        entry.status = 101
        connection = Connection(
            socket_id=self._socket_id(),
            ws=ws,
            request=request,
            params=dict(request.query),
            script=script,
            opened_at=time.monotonic(),
            queue=asyncio.Queue(),
        )
        connection.heard_at = connection.opened_at
        self.connections.append(connection)
        self.opened += 1
        self._changed()
        reader = asyncio.create_task(self._run(connection, key))
        writer = asyncio.create_task(write(connection, reader))
        watch = asyncio.create_task(self._watch(connection))
        try:
            await asyncio.wait([reader])
            if connection.closing:
                await asyncio.wait([writer], timeout=2 * CLOSE_TIMEOUT_S)
        finally:
            connection.ended_at = time.monotonic()
            if ws.close_code in (None, 1006):  # the peer has not said goodbye
                users = connection.channels.values()
                connection.ghosts = [user for user in users if user]
            self._leave_all(connection)
            self.connections.remove(connection)
            self.ended.append(connection)
            if connection.closed_with is None:
                connection.closed_with = ws.close_code or 1006
            for task in (watch, writer, reader):
                task.cancel()
            await asyncio.gather(watch, writer, reader, return_exceptions=True)
            self._changed()
        return ws

    async def _run(self, connection: Connection, key: str) -> None:
        await self._greet(connection, key)
        await self._read(connection)

    def _socket_id(self) -> str:
        first = self._rng.randrange(1, 10**6)
        return f"{first}.{self._rng.randrange(1, 10**9)}"

    async def _greet(self, connection: Connection, key: str) -> None:
        script = connection.script
        if script.delay:
            await asyncio.sleep(script.delay)
        if script.close is not None and script.close_at == "open":
            end(connection, script)
            return
        refusal = self._refusal(connection, key)
        if refusal is not None:
            connection.send(error_message(*refusal))
            connection.close(*refusal)
            return
        if script.error is not None:
            connection.send(error_message(script.error, "scripted error"))
            return
        if script.first is not None:
            if script.first:
                connection.send(script.first)
            return
        timeout = self.activity_timeout
        data = {
            "socket_id": connection.socket_id,
            "activity_timeout": int(timeout) or timeout,
        }
        connection.send(
            {
                "event": "pusher:connection_established",
                "data": json.dumps(data, separators=(",", ":")),
            }
        )
        if script.close is not None and script.close_at == "established":
            end(connection, script)

    def _refusal(self, connection: Connection, key: str) -> tuple[int, str] | None:
        version = connection.params.get("protocol")
        if self.tls_only and connection.request.scheme == "http":
            return 4000, "Application only accepts SSL connections"
        if key != self.key:
            return 4001, (
                f"App key {key} not in this cluster. "
                "Did you forget to specify the cluster?"
            )
        if version is None:
            return 4008, "No protocol version supplied"
        if not version.isdigit():
            return 4006, "Invalid version string format"
        if not 4 <= int(version) <= 7:
            return 4007, "Unsupported protocol version"
        if (
            self.max_connections is not None
            and len(self.connections) > self.max_connections
        ):
            return 4004, "Account is over its connection quota"
        return None

    async def _read(self, connection: Connection) -> None:
        async for message in connection.ws:
            connection.heard_at = time.monotonic()
            if connection.muted:
                continue
            if message.type is WSMsgType.PING:
                if connection.script.pong:
                    await connection.ws.pong(message.data)
            elif message.type is WSMsgType.PONG:
                connection.pongs.append(bytes(message.data))
                self._changed()
            elif message.type is WSMsgType.TEXT:
                connection.received.append(message.data)
                self._handle(connection, message.data)
                self._changed()
            elif message.type is WSMsgType.BINARY:
                connection.send(error_message(4200, "Binary is not supported"))

    def _handle(self, connection: Connection, text: str) -> None:
        try:
            message = json.loads(text)
            event = message["event"]
            if not isinstance(event, str):
                raise TypeError(event)
            data = message.get("data") or {}
            if isinstance(data, str):
                data = json.loads(data)
        except (ValueError, KeyError, TypeError):
            connection.send(error_message(4200, "Invalid message"))
            return
        if event == "pusher:ping":
            connection.pings += 1
            if connection.script.pong:
                connection.send({"event": "pusher:pong", "data": {}})
        elif event == "pusher:subscribe":
            self._subscribe(connection, data)
        elif event == "pusher:unsubscribe":
            self._unsubscribe(connection, data)
        elif event.startswith("client-"):
            connection.send(error_message(4301, "Client events are not enabled"))

    def _subscribe(self, connection: Connection, data: Any) -> None:
        script = connection.script
        channel = data.get("channel") if isinstance(data, dict) else None
        if not isinstance(channel, str):
            connection.send(error_message(None, "Missing channel"))
            return
        if script.close is not None and script.close_at == "subscribe":
            end(connection, script)
            return
        if script.subscribe != "ok":
            refuse_as_scripted(connection, channel)
            return
        if channel in connection.channels:
            connection.send(
                error_message(None, f"Existing subscription to channel {channel}")
            )
            return
        problem = self._check(connection, channel, data)
        if problem is not None:
            connection.send(error_message(None, problem))
            return
        self._join(connection, channel, data.get("channel_data"))
        if script.close is not None and script.close_at == "subscribed":
            end(connection, script)

    def _check(
        self, connection: Connection, channel: str, data: dict[str, Any]
    ) -> str | None:
        """Return what is wrong with a subscription, if anything."""
        if not channel.startswith(("private-", "presence-")):
            return None
        auth = data.get("auth")
        channel_data = data.get("channel_data")
        presence = channel.startswith("presence-")
        if not isinstance(auth, str) or ":" not in auth:
            return f"Auth value for subscription to {channel} is missing"
        if presence and not isinstance(channel_data, str):
            return "channel_data is missing for a presence channel"
        if auth.partition(":")[0] != self.key:
            return "Invalid key in subscription auth data"
        signed = channel_data if presence else None
        if not is_authorised(
            self.key, self.secret, connection.socket_id, channel, signed, auth
        ):
            text = f"{connection.socket_id}:{channel}"
            if signed is not None:
                text += f":{signed}"
            return (
                "Invalid signature: Expected HMAC SHA256 hex digest of "
                f"{text}, but got {auth.partition(':')[2]}"
            )
        if presence:
            try:
                user = json.loads(str(channel_data))["user_id"]
            except (ValueError, KeyError, TypeError):
                return "channel_data has no user_id"
            if not user:
                return "channel_data has no user_id"
        return None

    def _join(self, connection: Connection, channel: str, channel_data: Any) -> None:
        user = None
        data: Any = {}
        if channel.startswith("presence-"):
            member = json.loads(channel_data)
            user = str(member["user_id"])
            newcomer = user not in self.members(channel)
            connection.channels[channel] = user
            ids = self.members(channel)
            hash_: dict[str, Any] = dict.fromkeys(ids)
            hash_[user] = member.get("user_info")
            data = {"presence": {"ids": ids, "hash": hash_, "count": len(ids)}}
            if newcomer:
                self._tell_others(connection, channel, "member_added", member)
        else:
            connection.channels[channel] = None
        success: dict[str, Any] = {
            "event": "pusher_internal:subscription_succeeded",
            "channel": channel,
        }
        form = connection.script.success_data
        if form == "string":
            success["data"] = json.dumps(data, separators=(",", ":"))
        elif form == "object":
            success["data"] = data
        connection.send(success)
        self._changed()

    def _unsubscribe(self, connection: Connection, data: Any) -> None:
        channel = data.get("channel") if isinstance(data, dict) else None
        if channel not in connection.channels:
            connection.send(
                error_message(
                    None,
                    f"No current subscription to channel {channel}, "
                    "or subscription in progress",
                )
            )
            return
        self._leave(connection, channel)

    def _leave(self, connection: Connection, channel: str) -> None:
        user = connection.channels.pop(channel)
        if user is not None and user not in self.members(channel):
            self._tell_others(connection, channel, "member_removed", {"user_id": user})
        self._changed()

    def _leave_all(self, connection: Connection) -> None:
        for channel in tuple(connection.channels):
            self._leave(connection, channel)

    def _tell_others(
        self, connection: Connection, channel: str, name: str, data: Any
    ) -> None:
        text = json.dumps(
            {
                "event": f"pusher_internal:{name}",
                "channel": channel,
                "data": json.dumps(data, separators=(",", ":")),
            },
            separators=(",", ":"),
        )
        for other in self.connections:
            if other is not connection and channel in other.channels:
                other.send(text)

    async def _watch(self, connection: Connection) -> None:
        """Ping a silent client, and close when it stays silent."""
        while True:
            silent = time.monotonic() - connection.heard_at
            left = self.activity_timeout - silent
            if left > 0:
                await asyncio.sleep(left)
                continue
            connection.send({"event": "pusher:ping", "data": {}})
            asked = connection.heard_at
            await asyncio.sleep(self.pong_timeout)
            if connection.heard_at == asked and not connection.muted:
                reason = "Pong reply not received"
                connection.send(error_message(4201, reason))
                connection.close(4201, reason)
                return
