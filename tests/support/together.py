"""Scenarios side by side: what takes time in them is waiting.

A scenario is a generator that gets a rig of its own and yields what it waits
for: ``(text, condition)``.  One thread runs all, so that fifty reconnects take
as long as the slowest; each outcome then is a test of its own.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TypeAlias

from rig import DEADLINE, Rig

from sgostream.sim import Simulator

Wait: TypeAlias = tuple[str, Callable[[], object]]
Scenario: TypeAlias = Callable[[Rig], Iterator[Wait]]

_AT_ONCE = 24  # more would be a test of this machine


class _Running:
    """One scenario under way."""

    def __init__(self, scenario: Scenario, seed: int) -> None:
        self.error: BaseException | None = None
        self.done = False
        self._stack = contextlib.ExitStack()
        sim = self._stack.enter_context(Simulator(seed=seed))
        self._steps = scenario(Rig(sim, self._stack))
        self._wait: Wait = ("the start", lambda: True)
        self._deadline = time.monotonic() + DEADLINE

    def turn(self) -> None:
        """Go on if what it waits for is there."""
        what, condition = self._wait
        try:
            if condition():
                self._wait = next(self._steps)
                self._deadline = time.monotonic() + DEADLINE
            elif time.monotonic() > self._deadline:
                self._steps.throw(
                    AssertionError(f"{what} did not hold within {DEADLINE} s")
                )
        except StopIteration:
            self.done = True
        except BaseException as error:
            self.error = error
            self.done = True

    def end(self) -> None:
        self._steps.close()
        self._stack.close()


def run_together(scenarios: dict[str, Scenario]) -> dict[str, BaseException | None]:
    """Run all; the error of each, or None."""
    with concurrent.futures.ThreadPoolExecutor(4) as ends:
        return _run(scenarios, ends)


def _run(
    scenarios: dict[str, Scenario], ends: concurrent.futures.Executor
) -> dict[str, BaseException | None]:
    outcomes: dict[str, BaseException | None] = {}
    left = list(scenarios.items())
    running: dict[str, _Running] = {}
    ended: list[concurrent.futures.Future[None]] = []
    while left or running:
        while left and len(running) < _AT_ONCE:
            name, scenario = left.pop(0)
            running[name] = _Running(scenario, len(left))
        for name, one in list(running.items()):
            one.turn()
            if one.done:
                del running[name]
                outcomes[name] = one.error
                ended.append(ends.submit(one.end))  # it would hold up the others
        time.sleep(0.002)  # between two looks, never instead of one
    for end in ended:
        end.result(60)
    return outcomes


def chosen(scenarios: dict[str, Scenario], names: Iterable[str]) -> dict[str, Scenario]:
    """Those that pytest was asked for."""
    wanted = set(names)
    return {name: s for name, s in scenarios.items() if name in wanted}
