"""The simulator's control over HTTP, for other processes.

``POST /control/<method>`` with a JSON object of arguments calls the method
of that name; the answer is ``{"result": ...}`` or ``{"error": ...}``.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from aiohttp import web

from .connection import ConnectionScript
from .event import StoredEvent
from .rules import Rule
from .shape import Shape

if TYPE_CHECKING:
    from .simulator import Simulator

#: What other processes may call.
METHODS = frozenset(
    (
        "add_event", "add_feed_of", "add_files", "add_key", "add_slate",
        "clear_requests", "clear_rules", "configure", "connections",
        "disconnect", "down", "emit", "event_ids", "freeze", "info", "mute",
        "notify", "patch", "pause", "play", "played", "record", "release",
        "remove", "remove_event", "replay", "requests", "rule", "script",
        "set_event", "set_quote", "snapshot", "step", "streams",
        "suppress", "thaw", "truth", "up",
    )
)  # fmt: skip


class Control:
    """Hands calls from HTTP to the simulator."""

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator

    async def handle(self, request: web.Request) -> web.Response:
        """Answer one call."""
        name = request.path.removeprefix("/control/")
        if name not in METHODS:
            return _reply({"error": f"there is no {name!r}"}, 404)
        try:
            text = await request.text()
            arguments = json.loads(text) if text else {}
            arguments = _from_json(name, arguments)
            result = getattr(self._simulator, name)(**arguments)
        except (TypeError, ValueError, LookupError, OSError) as error:
            text = f"{type(error).__name__}: {error}"
            return _reply({"error": text}, 400)
        return _reply({"result": to_json(result)}, 200)


def _reply(value: Any, status: int) -> web.Response:
    return web.Response(
        status=status,
        text=json.dumps(value, ensure_ascii=False),
        content_type="application/json",
    )


def _from_json(name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    out = dict(arguments)
    if isinstance(out.get("shape"), Mapping):
        fields = dict(out["shape"])
        for key in ("odd_ids", "bookmaker_ids"):
            fields[key] = tuple(fields.get(key, ()))
        out["shape"] = Shape(**fields)
    if name == "script":
        script = {k: out.pop(k) for k in list(out) if k != "times"}
        out = {"script": ConnectionScript(**script), **out}
    if name == "rule" and out.get("drip") is not None:
        out["drip"] = tuple(out["drip"])
    if name == "set_event" or name == "add_event":
        for key in ("event", "snapshot"):
            if isinstance(out.get(key), str):
                out[key] = out[key].encode()
    return out


def to_json(value: Any) -> Any:
    """Make a result fit for JSON; bytes become text."""
    if isinstance(value, bytes | bytearray):
        return value.decode("utf-8", "replace")
    if isinstance(value, Rule):
        return {"number": value.number, "hits": value.hits, "held": value.held}
    if isinstance(value, StoredEvent):
        return value.event_id
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            field.name: to_json(getattr(value, field.name))
            for field in dataclasses.fields(value)
        }
    if isinstance(value, Mapping):
        return {str(k): to_json(v) for k, v in value.items()}
    if isinstance(value, str | int | float | bool) or value is None:
        return value
    if isinstance(value, list | tuple | set | frozenset):
        return [to_json(item) for item in value]
    return str(value)
