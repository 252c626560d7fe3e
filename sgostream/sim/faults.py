"""The face, part four: what goes wrong, and settings."""

from __future__ import annotations

import asyncio
from dataclasses import asdict, fields
from typing import Any

from .api import Key, Settings
from .base import Base
from .connection import ConnectionScript
from .plan import Plan
from .rules import Rule

_PUSHER_ATTRIBUTES = frozenset(
    (
        "activity_timeout",
        "pong_timeout",
        "max_connections",
        "tls_only",
        "data_as_object",
    )
)


class Faults(Base):
    """Calls that make answers and sockets misbehave."""

    def rule(self, path: str = "*", **what: Any) -> Rule:
        """Put a `Rule` in force: ``rule("/events", status=503, times=2)``."""
        return self.rules.add(Rule(path, **what))

    def hold(
        self, path: str, *, nth: int = 1, when: str = "after", **what: Any
    ) -> Held:
        """Hold the answer of the n-th request of a path from now on.

        ``"after"``: the answer is made, with the events as they are then,
        and sent when released. ``"before"``: it is made when released.
        """
        rule = self.rule(path, skip=nth - 1, hold=when, **what)
        return Held(self, rule)

    def release(self, rule: Rule | int) -> None:
        """Let held answers go, and those that this rule would hold."""
        found = self.rules.find(rule) if isinstance(rule, int) else rule
        self._thread.call(found.gate.set)

    def clear_rules(self) -> None:
        """Forget all rules; what is held is released."""
        for rule in self.rules.clear():
            self._thread.call(rule.gate.set)

    def script(self, script: ConnectionScript, *, times: int = 1) -> None:
        """Treat the next sockets in a given way; ``times`` 0: all."""

        def run() -> None:
            if times == 0:
                self.pusher.default_script = script
            self.pusher.scripts.extend([script] * times)

        self._thread.call(run)

    def disconnect(
        self,
        code: int | None = None,
        reason: str = "",
        *,
        socket_id: str | None = None,
        error: int | None = None,
    ) -> int:
        """End sockets with a close code, or without one cut TCP; how many.

        ``error``: send ``pusher:error`` with this code first.
        """

        def run() -> int:
            count = 0
            for connection in tuple(self.pusher.connections):
                if connection.closed_with is not None:
                    continue
                if socket_id not in (None, connection.socket_id):
                    continue
                count += 1
                if error is not None:
                    data = {"code": error, "message": reason or "scripted"}
                    connection.send({"event": "pusher:error", "data": data})
                if code is None:
                    asyncio.get_running_loop().call_later(
                        0.02 if error is not None else 0.0, connection.abort
                    )
                else:
                    connection.close(code, reason)
            return count

        return self._thread.call(run)

    def mute(self, on: bool = True, *, socket_id: str | None = None) -> None:
        """Leave sockets open and dead: nothing is sent, nothing answered."""

        def run() -> None:
            for connection in self.pusher.connections:
                if socket_id in (None, connection.socket_id):
                    connection.muted = on

        self._thread.call(run)

    def send_raw(self, data: bytes, *, socket_id: str | None = None) -> None:
        """Write bytes on the wire of sockets: frames that no server sends."""

        def run() -> None:
            for connection in self.pusher.connections:
                if socket_id in (None, connection.socket_id):
                    if connection.request.transport is not None:
                        connection.request.transport.write(data)

        self._thread.call(run)

    # settings

    def add_key(self, api_key: str, plan: Plan | None = None, **of_plan: Any) -> Key:
        """Accept another key, with a plan or fields of one."""
        return self.api.add_key(api_key, plan or Plan(**of_plan))

    def configure(self, **values: Any) -> dict[str, Any]:
        """Set attributes of `settings`, `pusher`, `store` or the key's plan.

        For other processes; in process assign to them. Returns the settings.
        """
        key = self.api.keys[self.api_key]
        names = {field.name for field in fields(Settings)}
        for name, value in values.items():
            if name in names:
                held = getattr(self.settings, name)
                if isinstance(held, tuple):
                    value = tuple(value)
                setattr(self.settings, name, value)
            elif name in ("streaming", "active", "max_streams", "tier"):
                setattr(key.plan, name, value)
            elif name in _PUSHER_ATTRIBUTES:
                setattr(self.pusher, name, value)
            elif name in ("page_cap", "overshoot"):
                setattr(self.store, name, value)
            else:
                raise ValueError(f"there is no setting {name!r}")
        return asdict(self.settings)

    def limit(
        self,
        interval: str,
        *,
        requests: int | None = None,
        entities: int | None = None,
    ) -> None:
        """Set a limit of the key: ``limit("per-minute", requests=10)``."""
        plan = self.api.keys[self.api_key].plan
        plan.limits[interval].requests = requests
        plan.limits[interval].entities = entities


class Held:
    """A request whose answer is held, or will be."""

    def __init__(self, simulator: Faults, rule: Rule) -> None:
        self.rule = rule
        self._simulator = simulator

    def wait_arrived(self, timeout: float = 10.0) -> None:
        """Wait until the answer is being held."""
        self._simulator.journal.wait(lambda: self.rule.held > 0, timeout)

    def release(self) -> None:
        """Let it go."""
        self._simulator.release(self.rule)
