"""The face, part two: slates that move by themselves."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from .base import Base
from .maker import DEFAULT_START, REAL_SIZE, EventMaker
from .player import Moved, Player
from .replay import Recording
from .shape import Shape

_DEFAULT_SHAPE = Shape()


class Playing(Base):
    """Calls that make a slate and move it."""

    player: Player | None = None
    recording: Recording | None = None
    _task: asyncio.Task[Any] | None = None

    def add_slate(
        self,
        count: int = 10,
        *,
        size: int = REAL_SIZE,
        leagues: Sequence[str] = (),
        live: float = 0.5,
        start: float | None = None,
        intensity: float = 0.06,
        seed: int | None = None,
    ) -> list[str]:
        """Add a slate of games that `step` and `play` move; their ids.

        Parameters
        ----------
        count : int
            Games; a new one follows on each that leaves.
        size : int
            Bytes of an event, roughly.
        leagues : sequence of str
            Empty: all.
        live : float
            Share of games under way.
        start : float, optional
            The slate's clock, seconds since 1970.
        intensity : float
            Share of an event's markets that a change moves.
        """

        def run() -> list[str]:
            old = set(self.store.events)
            maker = EventMaker(
                seed=self.seed if seed is None else seed,
                size=size,
                leagues=leagues,
            )
            self.player = Player(
                self.store,
                maker,
                count=count,
                live=live,
                start=DEFAULT_START if start is None else start,
                intensity=intensity,
            )
            return [e for e in self.store.events if e not in old]

        return self._thread.call(run)

    def step(
        self,
        count: int = 1,
        *,
        seconds: float = 1.0,
        steps: int = 1,
        notify: bool = True,
    ) -> list[str]:
        """Move the slate by hand; the ids of the changed events.

        Parameters
        ----------
        count : int
            Events that change in one step.
        seconds : float
            How far the slate's clock goes in one step.
        steps : int
            Steps.
        """

        def run() -> list[str]:
            out: list[str] = []
            for _ in range(steps):
                moved = self._need_player().step(seconds, count)
                self._tell(moved, notify)
                out += moved.event_ids
            return out

        return self._thread.call(run)

    def _need_player(self) -> Player:
        if self.player is None:
            raise RuntimeError("there is no slate; call add_slate first")
        return self.player

    def _tell(self, moved: Moved, notify: bool = True) -> None:
        if notify and not self._suppressed:
            for channel, ids in moved.channels.items():
                self.pusher.notify(channel, ids)

    def play(
        self,
        *,
        rate: float = 10.0,
        speed: float = 1.0,
        batch: int = 1,
        steps: int | None = None,
    ) -> None:
        """Move the slate in the background.

        Parameters
        ----------
        rate : float
            Changed events per second.
        speed : float
            Seconds of the slate's clock per second.
        batch : int
            Changed events per notification.
        steps : int, optional
            Stop after so many.
        """
        if rate <= 0 or batch < 1 or speed < 0:
            raise ValueError("rate and batch are positive, speed not negative")
        player = self._thread.call(self._need_player)

        def step() -> None:
            self._tell(player.step(speed * batch / rate, batch))

        self._start_task(step, batch / rate, steps)

    def _start_task(
        self, step: Callable[[], None], every: float, steps: int | None
    ) -> None:
        def run() -> None:
            if self._task is not None:
                self._task.cancel()
            self._task = self._thread.spawn(_repeat(step, every, steps))

        self._thread.call(run)

    def pause(self) -> None:
        """Stop `play` and `replay`; the state stays."""

        def run() -> None:
            task, self._task = self._task, None
            if task is not None:
                task.cancel()
                _raise_error_of(task)

        self._thread.call(run)

    def played(self) -> dict[str, Any]:
        """Return steps taken, the slate's clock, and whether it is moving."""
        if self._task is not None:
            _raise_error_of(self._task)
        player = self.player
        return {
            "steps": player.steps if player else 0,
            "now": player.now if player else 0.0,
            "playing": self._task is not None and not self._task.done(),
        }

    def record(
        self,
        steps: int,
        *,
        shape: Shape = _DEFAULT_SHAPE,
        seconds: float = 1.0,
        count: int = 1,
    ) -> int:
        """Play ahead and keep the compressed answers; their bytes.

        `replay` then shows them again and again for hardly any work.
        """

        def run() -> int:
            player = self._need_player()
            recording = Recording(self.store, shape)
            for _ in range(steps):
                recording.take(player.step(seconds, count))
            self.recording = recording
            return recording.size

        return self._thread.call(run)

    def replay(self, *, rate: float = 80.0, steps: int | None = None) -> None:
        """Show what was recorded, ``rate`` steps a second, round and round."""
        recording = self.recording
        if recording is None:
            raise RuntimeError("nothing is recorded; call record first")

        def step() -> None:
            self._tell(recording.step())

        self._start_task(step, 1.0 / rate, steps)


def _raise_error_of(task: asyncio.Task[Any]) -> None:
    """Raise what ended a task; a bug in playing must not look like a pause."""
    if task.done() and not task.cancelled():
        error = task.exception()
        if error is not None:
            raise error


async def _repeat(step: Callable[[], None], every: float, steps: int | None) -> None:
    """Take steps at even times; what was late is caught up with."""
    loop = asyncio.get_running_loop()
    due = loop.time()
    done = 0
    while steps is None or done < steps:
        step()
        done += 1
        due += every
        pause = due - loop.time()
        if pause < -1.0:  # far behind: do not try to catch up
            due = loop.time()
        await asyncio.sleep(max(0.0, pause))
