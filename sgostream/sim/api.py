"""The API's endpoints: what is asked, and what is answered."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from .answer import Answer
from .auth import authorise, presence_data, user_of
from .plan import Plan, Usage
from .pusher import PusherServer
from .shape import SNAPSHOT, Shape, split_ids
from .store import BadParameterError, Store

_BOOLEANS = (
    "includeOpposingOdds", "includeOpposingOddIDs", "includeAltLines",
    "includeOpenCloseOdds", "expandResults", "oddsAvailable", "oddsPresent",
    "live", "started", "ended", "finalized", "cancelled",
)  # fmt: skip


@dataclass(slots=True)
class Asked:
    """A request as the endpoints see it."""

    method: str
    path: str
    query: list[tuple[str, str]]
    headers: dict[str, str]
    body: bytes
    scheme: str
    host: str

    @property
    def params(self) -> dict[str, str]:
        """Parameters by name."""
        return dict(self.query)


@dataclass(slots=True)
class Key:
    """A key of the API."""

    text: str = field(repr=False)
    plan: Plan
    usage: Usage
    user: str


@dataclass(slots=True)
class Settings:
    """What tests may bend.

    Parameters
    ----------
    empty_is_404 : bool
        Answers without events are 404, as documented; else 200 and ``[]``.
    null_cursor : bool
        The last page carries ``"nextCursor":null``.
    retry_after : bool
        429 comes with ``Retry-After``.
    pusher_options : dict
        Laid over the ``pusherOptions``; None removes a member.
    channel_data : str or None
        Text that is signed instead of ``{"user_id":...}``.
    auth_mode : str
        ``"ok"``, ``"wrong-signature"``, ``"no-channel-data"``, ``"no-auth"``
        or ``"object-channel-data"``.
    slots_status : int
        Status of an answer for want of stream slots.
    ghost_seconds : float
        How long a socket lost without a close still takes its slots.
    encodings : tuple of str
        Content codings offered, best first: gzip, br, deflate.
    """

    empty_is_404: bool = True
    null_cursor: bool = False
    retry_after: bool = False
    pusher_options: dict[str, Any] = field(default_factory=dict)
    channel_data: str | None = None
    auth_mode: str = "ok"
    slots_status: int = 403
    ghost_seconds: float = 0.0
    encodings: tuple[str, ...] = ("gzip",)


class Api:
    """The endpoints over a store."""

    def __init__(self, store: Store, pusher: PusherServer, settings: Settings) -> None:
        self.store = store
        self.pusher = pusher
        self.settings = settings
        self.keys: dict[str, Key] = {}
        #: Ports as clients see them: plain and TLS.
        self.ports = (0, 0)

    def add_key(self, text: str, plan: Plan) -> Key:
        """Accept a key."""
        key = Key(text, plan, Usage(plan), user_of(text))
        self.keys[text] = key
        return key

    def answer(self, asked: Asked) -> Answer:
        """Answer one request."""
        path = asked.path.rstrip("/")
        handler = {
            "/v2/events": self._events,
            "/v2/stream/events": self._stream,
            "/v2/account/usage": self._usage,
            "/v2/stream/pusher/auth": self._authorise,
        }.get(path)
        if handler is None:
            return Answer.error(404, f"Unknown path {asked.path}")
        method = "POST" if path.endswith("/auth") else "GET"
        if asked.method != method:
            answer = Answer.error(405, f"{asked.method} is not allowed")
            answer.headers["Allow"] = method
            return answer
        key = self._key(asked)
        if isinstance(key, Answer):
            return key
        costs = path in ("/v2/events", "/v2/stream/events")
        refused = key.usage.refused() if costs else None
        if refused is not None:
            return self._limited(*refused)
        try:
            _check(asked)
            answer = handler(asked, key)
        except BadParameterError as error:
            answer = Answer.error(400, str(error))
        if costs:
            key.usage.count(1, max(1, len(answer.events)))
        return answer

    def _key(self, asked: Asked) -> Key | Answer:
        text = asked.headers.get("x-api-key") or asked.params.get("apiKey")
        if not text:
            return Answer.error(401, "Missing API key")
        key = self.keys.get(text)
        if key is None:
            return Answer.error(401, "Invalid API key")
        if not key.plan.active:
            return Answer.error(403, "This API key is inactive")
        return key

    def _limited(self, interval: str, left: float) -> Answer:
        window = interval.removeprefix("per-")
        answer = Answer.error(
            429, f"Rate limit exceeded: the limit per {window} is used up"
        )
        if self.settings.retry_after:
            answer.headers["Retry-After"] = str(max(1, int(left + 0.999)))
        return answer

    # the endpoints

    def _events(self, asked: Asked, key: Key) -> Answer:
        params = asked.params
        shape = Shape.from_params(params)
        self._check_bookmakers(shape, key)
        events, cursor = self.store.listed(params)
        if not events and self.settings.empty_is_404:
            return Answer.error(404, "No events found")
        members: dict[str, Any] = {"success": True, "data": None}
        if cursor is not None:
            members = {"nextCursor": cursor, **members}
        elif self.settings.null_cursor:
            members["nextCursor"] = None
        return Answer.event_list(members, events, shape)

    def _check_bookmakers(self, shape: Shape, key: Key) -> None:
        allowed = key.plan.bookmakers or self.store.bookmakers
        for book in shape.bookmaker_ids:
            if book not in allowed:
                raise BadParameterError(
                    f"The bookmakerID {book} is unavailable at your current "
                    "subscription tier. Upgrade to unlock"
                )

    def _stream(self, asked: Asked, key: Key) -> Answer:
        if not key.plan.streaming:
            return Answer.error(
                403,
                "Streaming is not included in your subscription tier. "
                "An AllStar or custom plan is required",
            )
        lacking = self._lacking_slots(key)
        if lacking is not None:
            return lacking
        try:
            feed = self.store.feed(asked.params)
        except KeyError:
            return Answer.error(404, "Event not found")
        members = {
            "pusherKey": self.pusher.key,
            "pusherOptions": self._pusher_options(asked, key),
            "user": key.user,
            "channel": feed.channel,
            "success": True,
            "data": None,
        }
        return Answer.event_list(members, self.store.select(feed), SNAPSHOT)

    def _lacking_slots(self, key: Key) -> Answer | None:
        most = key.plan.max_streams
        if most is None or self.streams(key.user) < most:
            return None
        return Answer.error(
            self.settings.slots_status,
            f"Concurrent stream limit reached: your key allows {most} streams",
        )

    def streams(self, user: str) -> int:
        """Count the streams of a user: channels of sockets, and ghosts."""
        since = time.monotonic() - self.settings.ghost_seconds
        held = [c.channels.values() for c in self.pusher.connections]
        gone = [c.ghosts for c in self.pusher.ended if c.ended_at > since]
        return sum(found == user for users in (*held, *gone) for found in users)

    def _pusher_options(self, asked: Asked, key: Key) -> dict[str, Any]:
        host = _host_name(asked.host)
        plain, tls = self.ports
        options: dict[str, Any] = {
            "channelAuthorization": {
                "endpoint": f"{asked.scheme}://{asked.host}/v2/stream/pusher/auth",
                "headers": {"x-api-key": key.text},
            },
            "cluster": "us2",
            "wsPort": plain,
            "wssPort": tls or None,
            "httpPort": plain,
            "httpsPort": tls or None,
            "wsHost": host,
            "httpHost": host,
        }
        if asked.scheme == "http":
            options["forceTLS"] = False
        options.update(self.settings.pusher_options)
        return {k: v for k, v in options.items() if v is not None}

    def _usage(self, asked: Asked, key: Key) -> Answer:
        del asked
        return Answer.json(
            {
                "success": True,
                "data": {
                    "keyID": user_of("id of " + key.text),
                    "customerID": "cus_simulator",
                    "email": "simulator@example.invalid",
                    "isActive": key.plan.active,
                    "tier": key.plan.tier,
                    "rateLimits": key.usage.report(),
                },
            }
        )

    def _authorise(self, asked: Asked, key: Key) -> Answer:
        fields = _form(asked)
        socket_id = fields.get("socket_id")
        channel = fields.get("channel_name")
        if not isinstance(socket_id, str) or not socket_id:
            raise BadParameterError("socket_id is missing")
        if not isinstance(channel, str) or not channel:
            raise BadParameterError("channel_name is missing")
        if not key.plan.streaming:
            return Answer.error(403, "Streaming is not included in your tier")
        lacking = self._lacking_slots(key)
        if lacking is not None:
            return lacking
        return Answer.json(self._signed(socket_id, channel, key))

    def _signed(self, socket_id: str, channel: str, key: Key) -> dict[str, Any]:
        mode = self.settings.auth_mode
        data = None
        if channel.startswith("presence-"):
            data = self.settings.channel_data or presence_data(key.user)
        secret = self.pusher.secret
        if mode == "wrong-signature":
            secret += "?"
        auth = authorise(self.pusher.key, secret, socket_id, channel, data)
        out: dict[str, Any] = {"auth": auth}
        if data is not None and mode != "no-channel-data":
            out["channel_data"] = data
        if data is not None and mode == "object-channel-data":
            out["channel_data"] = json.loads(data)
        if mode == "no-auth":
            del out["auth"]
        return out


def _check(asked: Asked) -> None:
    seen: set[str] = set()
    for name, value in asked.query:
        if name in seen:
            raise BadParameterError(f"The parameter {name} is given twice")
        seen.add(name)
        if name in _BOOLEANS and value not in ("true", "false"):
            raise BadParameterError(f"{name} must be true or false")
    if "eventID" in seen and "eventIDs" in seen:
        raise BadParameterError("eventID and eventIDs exclude each other")
    for name in ("eventID", "eventIDs"):
        if name in seen and not split_ids(asked.params[name]):
            raise BadParameterError(f"{name} is empty")


def _form(asked: Asked) -> dict[str, Any]:
    kind = asked.headers.get("content-type", "").partition(";")[0].strip()
    try:
        text = asked.body.decode()
        if kind == "application/json":
            value = json.loads(text)
            if not isinstance(value, dict):
                raise BadParameterError("The body must be a JSON object")
            return value
        return dict(parse_qsl(text, keep_blank_values=True))
    except ValueError:
        raise BadParameterError("The body cannot be read") from None


def _host_name(host: str) -> str:
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.rpartition(":")[0] if ":" in host else host
