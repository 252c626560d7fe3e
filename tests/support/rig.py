"""A simulator for one test, clients that trust it, and waiting."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable
from typing import Any, TypeVar

import sgostream
from sgostream._apply import set_change
from sgostream.sim import Simulator
from sgostream.sim.journal import Request

T = TypeVar("T")

DEADLINE = 20.0
#: Seconds that a busy machine may add to what is promised.
SLACK = float(os.environ.get("SGO_SLACK", "0.4"))


def eventually(
    condition: Callable[[], T], what: str = "the condition", timeout: float = DEADLINE
) -> T:
    """Wait until a condition holds; what it returned."""
    end = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"{what} did not hold within {timeout} s")
        time.sleep(0.005)  # between two looks, never instead of one


class Rig:
    """A simulator with the clients of one test; all are closed at its end."""

    def __init__(self, sim: Simulator, stack: contextlib.ExitStack) -> None:
        self.sim = sim
        self._stack = stack

    def options(self, *, tls: bool = True, **more: Any) -> dict[str, Any]:
        """Options of a client for this simulator."""
        base = {
            "api_key": self.sim.api_key,
            "base_url": self.sim.https_base_url if tls else self.sim.base_url,
            "ca_file": self.sim.ca_file,
            "proxy": "",
        }
        return {**base, **more}

    def client(
        self, *, tls: bool = True, core: dict[str, Any] | None = None, **more: Any
    ) -> sgostream.Client:
        """Make a client of this simulator; `core`: options without public name."""
        kind = sgostream.Client
        if core:
            kind = type("Client", (sgostream.Client,), {"_core_options": core})
        return self._stack.enter_context(kind(**self.options(tls=tls, **more)))

    def is_at_rest(self, stream: sgostream.Stream, **truth: Any) -> bool:
        """Whether the stream's events equal the server's, field for field."""
        wanted = self.sim.truth(**truth)
        return {i: e.json() for i, e in stream.events.items()} == wanted

    def at_rest(self, stream: sgostream.Stream, **truth: Any) -> None:
        """Wait until `is_at_rest`."""
        eventually(lambda: self.is_at_rest(stream, **truth), "stream.events == truth")

    def sockets(self) -> list[Request]:
        """Every request for a socket so far, oldest first."""
        return [r for r in self.sim.requests() if "/app/" in r.path]


class Watch:
    """What a stream's callbacks were told."""

    def __init__(self, stream: sgostream.Stream) -> None:
        self.states: list[sgostream.StateChange] = []
        self.gaps: list[sgostream.Gap] = []
        self.errors: list[BaseException] = []
        stream.on_state(self.states.append)
        stream.on_gap(self.gaps.append)
        stream.on_error(self.errors.append)


def take_all(
    subscription: sgostream.Subscription, quiet: float = 0.3
) -> list[sgostream.Update]:
    """Everything that comes until nothing has come for `quiet` seconds."""
    out: list[sgostream.Update] = []
    while batch := subscription.get_batch(timeout=quiet):
        out.extend(batch)
    return out


class Replica:
    """A consumer's copies, kept by applying changes only (promise P4).

    thorough: compare each step with the versions that the update carries; else
    the copies are changed in place and only their last state is worth a look.
    """

    def __init__(self, *, thorough: bool = True) -> None:
        self.events: dict[str, Any] = {}
        self._thorough = thorough

    def feed(self, updates: list[sgostream.Update]) -> None:
        """Apply updates; their previous version must be our copy."""
        for update in updates:
            if not self._thorough and update.kind == "changed":
                for change in update.changes:
                    set_change(self.events[update.event.event_id], change)
                continue
            event_id = update.event.event_id
            held = self.events.get(event_id)
            if update.kind == "added":
                assert held is None, f"{event_id} added twice"
                assert update.previous is None
            else:
                assert update.previous is not None or update.kind == "removed"
                if update.previous is not None:
                    assert update.previous == held, f"{event_id}: another previous"
            after = sgostream.apply(held, update.changes)
            if update.kind == "removed":
                assert after is sgostream.MISSING
                del self.events[event_id]
            else:
                assert after == update.event.to_dict()
                self.events[event_id] = after
