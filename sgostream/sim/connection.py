"""One socket of the Pusher server: its queue, its script, its end."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from .loop import abort

CLOSE_TIMEOUT_S = 1.0

_MAX_QUEUED = 10_000
_KEPT_MESSAGES = 1000


@dataclass(slots=True)
class ConnectionScript:
    """How one connection is treated.

    Parameters
    ----------
    status : int or None
        Refuse the upgrade with this HTTP status.
    first : str or None
        Text sent instead of ``pusher:connection_established``; empty: none.
    error : int or None
        Send ``pusher:error`` with this code as first message.
    close : int or None
        Close with this code, at the moment that ``close_at`` names.
    close_at : str
        ``"open"``, ``"established"``, ``"subscribe"`` (instead of the
        answer) or ``"subscribed"``.
    reset : bool
        Cut TCP instead of closing.
    delay : float
        Seconds before the first message.
    subscribe : str
        Answer to a subscription: ``"ok"``, ``"silent"``, ``"auth-error"``,
        ``"internal-error"``, ``"invalid-signature"``, ``"4009"``, or a text
        that is sent as it is.
    success_data : str or None
        Form of the success: ``"string"``, ``"object"`` or ``"absent"``.
    pong : bool
        Whether pings are answered.
    """

    status: int | None = None
    first: str | None = None
    error: int | None = None
    close: int | None = None
    close_at: str = "established"
    reset: bool = False
    delay: float = 0.0
    subscribe: str = "ok"
    success_data: str = "string"
    pong: bool = True


@dataclass(eq=False, slots=True)
class Connection:
    """One socket."""

    socket_id: str
    ws: web.WebSocketResponse
    request: web.Request
    params: dict[str, str]
    script: ConnectionScript
    opened_at: float
    queue: asyncio.Queue[str | tuple[int, str]]
    #: Channel to the user id of its presence, if it is one.
    channels: dict[str, str | None] = field(default_factory=dict)
    #: Messages from the client, the newest thousand.
    received: deque[str] = field(default_factory=lambda: deque(maxlen=_KEPT_MESSAGES))
    heard_at: float = 0.0
    sent: int = 0
    pings: int = 0
    #: Payloads of WebSocket pongs, the newest thousand.
    pongs: deque[bytes] = field(default_factory=lambda: deque(maxlen=_KEPT_MESSAGES))
    muted: bool = False
    closed_with: int | None = None
    #: Whether a close frame of ours is still to go out, and be answered.
    closing: bool = False
    #: When it ended, and the users whose channels it held then; see
    #: `Settings.ghost_seconds`.
    ended_at: float = 0.0
    ghosts: list[str] = field(default_factory=list)

    def send(self, message: dict[str, Any] | str) -> None:
        """Queue a message."""
        if self.muted or self.closed_with is not None:
            return
        if not isinstance(message, str):
            message = json.dumps(message, separators=(",", ":"))
        if self.queue.qsize() >= _MAX_QUEUED:
            self.abort()
            return
        self.sent += 1
        self.queue.put_nowait(message)

    def close(self, code: int, reason: str = "") -> None:
        """Close after what is queued has been sent."""
        if self.closed_with is None:
            self.closed_with = code
            self.closing = True
            self.queue.put_nowait((code, reason))

    def abort(self) -> None:
        """Cut TCP."""
        if self.closed_with is None:
            self.closed_with = 1006
        self.closing = False
        abort(self.request.transport)


async def write(connection: Connection, reader: asyncio.Task[None]) -> None:
    """Send what is queued until the connection is to be closed."""
    while True:
        item = await connection.queue.get()
        try:
            if isinstance(item, str):
                await connection.ws.send_str(item)
                continue
            # The close waits for the peer's, which the reader must not take.
            reader.cancel()
            await asyncio.wait([reader])
            await connection.ws.close(code=item[0], message=item[1].encode()[:120])
        except ConnectionError:
            pass
        return


def end(connection: Connection, script: ConnectionScript) -> None:
    """End a connection as its script has it."""
    if script.reset:
        connection.abort()
    elif script.close is not None:
        connection.close(script.close, "scripted close")


def error_message(code: int | None, text: str) -> dict[str, Any]:
    """Return a ``pusher:error``."""
    return {"event": "pusher:error", "data": {"code": code, "message": text}}


def refuse_as_scripted(connection: Connection, channel: str) -> None:
    """Answer a subscription as the script has it."""
    how = connection.script.subscribe
    if how == "silent":
        return
    if how in ("auth-error", "internal-error"):
        prefix = "pusher" if how == "auth-error" else "pusher_internal"
        connection.send(
            {
                "event": f"{prefix}:subscription_error",
                "channel": channel,
                "data": {
                    "type": "AuthError",
                    "error": "The connection is unauthorized.",
                    "status": 401,
                },
            }
        )
    elif how == "invalid-signature":
        connection.send(
            error_message(
                None,
                "Invalid signature: Expected HMAC SHA256 hex digest of "
                f"{connection.socket_id}:{channel}, but got nothing",
            )
        )
    elif how == "4009":
        connection.send(error_message(4009, "Connection is unauthorized"))
    else:
        connection.send(how)
