"""The sockets: HTTP and WebSocket, plain and over TLS, on one loop."""

from __future__ import annotations

import asyncio
import socket
import ssl
import weakref

from aiohttp import web

from .answer import Answer
from .api import Api, Asked
from .control import Control
from .encode import negotiate
from .journal import Journal, Request
from .loop import abort
from .pusher import PusherServer
from .rules import Rule, Rules

_MAX_BODY_BYTES = 64 << 20
_APP = "/app/"


class Server:
    """Listens, notes what is asked, obeys the rules, sends answers."""

    def __init__(
        self,
        api: Api,
        pusher: PusherServer,
        rules: Rules,
        journal: Journal,
        control: Control,
    ) -> None:
        self.api = api
        self.pusher = pusher
        self.rules = rules
        self.journal = journal
        self.control = control
        self._runner: web.AppRunner | None = None
        self._sites: list[web.SockSite] = []
        self._transports: weakref.WeakSet[asyncio.Transport] = weakref.WeakSet()

    async def start(
        self,
        host: str,
        ports: tuple[int, int],
        context: ssl.SSLContext | None,
    ) -> tuple[int, int]:
        """Listen on a plain and a TLS port; the ports in use."""
        app = web.Application(client_max_size=_MAX_BODY_BYTES)
        app.router.add_route("*", "/{path:.*}", self._handle)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await runner.setup()
        self._runner = runner
        out: list[int] = []
        for port, tls in zip(ports, (None, context), strict=True):
            if tls is None and out:
                out.append(0)
                continue
            sock = _listen(host, port)
            out.append(sock.getsockname()[1])
            site = web.SockSite(runner, sock, ssl_context=tls)
            await site.start()
            self._sites.append(site)
        return out[0], out[1]

    async def stop(self) -> None:
        """Stop listening and cut what is open."""
        for connection in tuple(self.pusher.connections):
            connection.abort()
        self.cut()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
        self._sites.clear()

    def cut(self) -> None:
        """Cut all HTTP connections."""
        for transport in tuple(self._transports):
            abort(transport)
        self._transports.clear()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        if request.transport is not None:
            self._transports.add(request.transport)
        path = request.path
        if path.startswith("/control/"):
            return await self.control.handle(request)
        entry = self.journal.begin(
            request.method,
            request.scheme,
            path,
            dict(request.query),
            {k.lower(): v for k, v in request.headers.items()},
        )
        status, size = 0, 0
        try:
            if _APP in path and "Upgrade" in request.headers:
                rule = self.rules.take("WS", path, request.query)
                if rule is not None:
                    if rule.hold:
                        await self._hold(rule)
                    await self._wait(rule)
                    if rule.reset:
                        _abort(request)
                        return web.Response()
                key = path.partition(_APP)[2]
                response = await self.pusher.serve(request, key, entry)
                status = response.status
                return response
            sent = await self._answer(request, entry)
            status = sent.status
            size = entry.size
            return sent
        finally:
            self.journal.end(entry, status, size)

    async def _answer(self, request: web.Request, entry: Request) -> web.StreamResponse:
        body = await request.read()
        entry.body = body[:65536].decode("utf-8", "replace")
        rule = self.rules.take(request.method, request.path, request.query)
        if rule is not None and rule.hold == "before":
            await self._hold(rule)
        answer = self._make(request, body, rule)
        entry.events = {e.event_id: e.version for e in answer.events}
        offered = self.api.settings.encodings
        accept = request.headers.get("Accept-Encoding", "")
        coding = negotiate(accept, offered)
        if rule is not None and rule.encoding is not None:
            coding = rule.encoding
        data = await answer.body(coding)
        if rule is not None and rule.edit is not None:
            data = rule.edit(data)
        headers = dict(answer.headers)
        if coding != "identity":
            headers["Content-Encoding"] = coding
        headers["Vary"] = "Accept-Encoding"
        entry.size = len(data)
        if rule is not None:
            if rule.hold == "after":
                await self._hold(rule)
            await self._wait(rule)
            return await _send_badly(request, answer, headers, data, rule)
        return web.Response(status=answer.status, headers=headers, body=data)

    def _make(self, request: web.Request, body: bytes, rule: Rule | None) -> Answer:
        if rule is not None and (rule.status is not None or rule.body is not None):
            return _canned(rule)
        asked = Asked(
            request.method,
            request.path,
            list(request.query.items()),
            {k.lower(): v for k, v in request.headers.items()},
            body,
            request.scheme,
            request.host,
        )
        answer = self.api.answer(asked)
        if rule is not None:
            answer.headers.update(rule.headers)
        return answer

    async def _hold(self, rule: Rule) -> None:
        rule.held += 1
        self.journal.poke()
        try:
            await rule.gate.wait()
        finally:
            rule.held -= 1
            self.journal.poke()

    async def _wait(self, rule: Rule) -> None:
        if rule.delay > 0.0:
            await asyncio.sleep(rule.delay)


def _canned(rule: Rule) -> Answer:
    status = rule.status or 200
    body = rule.body
    if body is None and status >= 400:
        answer = Answer.error(status, f"Scripted answer {status}")
    elif isinstance(body, dict | list):
        answer = Answer.json(body, status)
    else:
        data = body.encode() if isinstance(body, str) else body or b""
        kind = "text/html" if data[:1] == b"<" else "application/json"
        answer = Answer(status, {"Content-Type": kind}, data)
    answer.headers.update(rule.headers)
    return answer


async def _send_badly(
    request: web.Request,
    answer: Answer,
    headers: dict[str, str],
    data: bytes,
    rule: Rule,
) -> web.StreamResponse:
    """Send as a rule has it: cut short, in drops, or not at all."""
    if rule.reset == "before":
        _abort(request)
        return web.Response()
    limit = len(data) if rule.truncate is None else rule.truncate
    if rule.reset == "body":
        limit = min(limit, len(data) // 2)
    if rule.drip is None and limit >= len(data):
        return web.Response(status=answer.status, headers=headers, body=data)
    response = web.StreamResponse(status=answer.status, headers=headers)
    response.content_length = len(data)
    await response.prepare(request)
    piece, pause = rule.drip or (max(limit, 1), 0.0)
    for at in range(0, limit, piece):
        await response.write(data[at : min(at + piece, limit)])
        if pause:
            await asyncio.sleep(pause)
    if limit < len(data):
        if rule.reset == "body":
            _abort(request)
        elif request.transport is not None:
            request.transport.close()
        return response
    await response.write_eof()
    return response


def _abort(request: web.Request) -> None:
    abort(request.transport)


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind((host, port))
    return sock
