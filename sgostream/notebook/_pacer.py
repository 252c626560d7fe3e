"""When the next frame may go to the browser.

The browser acknowledges each frame once it is on the screen.  With two frames
unacknowledged the next ones wait, and what they would have said gathers; so a
slow browser gets fewer and larger frames, and nothing queues up anywhere.
Where no acknowledgement can come, because the kernel is busy in a cell and
serves its messages in the order they come, frames go on slowly.
"""

from __future__ import annotations

import threading

__all__ = ["Pacer"]

_WINDOW = 2
_FIRST_PATIENCE_S = 0.25
_LAST_PATIENCE_S = 2.0


class Pacer:
    """Counts frames out and acknowledged.  Any thread.

    Parameters
    ----------
    interval : float
        Seconds between two frames at least.
    """

    def __init__(self, interval: float) -> None:
        self.interval = interval
        self._lock = threading.Lock()
        self._sent = 0
        self._acknowledged = 0
        self._last = float("-inf")
        self._patience = _FIRST_PATIENCE_S
        self._full = True
        self._views: int | None = None  # None: the browser has not said yet

    @property
    def heard(self) -> bool:
        """Whether a browser has ever answered."""
        return self._acknowledged > 0

    @property
    def wants_whole(self) -> bool:
        """Whether a browser waits for the whole."""
        return self._full

    def hello(self) -> None:
        """A browser asks for the whole."""
        with self._lock:
            self._full = True
            self._acknowledged = self._sent
            self._patience = _FIRST_PATIENCE_S
            if self._views == 0:
                self._views = None

    def acknowledge(self, number: int) -> None:
        """Frame ``number`` is on a screen, and all before it."""
        with self._lock:
            self._acknowledged = max(self._acknowledged, min(number, self._sent))
            self._patience = _FIRST_PATIENCE_S

    def views(self, count: int) -> None:
        """So many views are on the page; with none nothing is sent."""
        with self._lock:
            self._views = count

    def next(self, now: float, *, busy: bool) -> tuple[int, bool] | None:
        """Ask to send a frame: its number and whether it must be whole.

        Parameters
        ----------
        now : float
            Seconds, monotonic.
        busy : bool
            The kernel runs a cell, so acknowledgements may be waiting.
        """
        with self._lock:
            if self._views == 0 and not self._full:
                return None
            waited = now - self._last
            if self._sent - self._acknowledged >= _WINDOW:
                if waited < self._patience:
                    return None
                if not busy:
                    self._patience = min(2 * self._patience, _LAST_PATIENCE_S)
            elif waited < self.interval:
                return None
            whole = self._full or (self._acknowledged == 0 and self._sent >= _WINDOW)
            self._full = False
            self._sent += 1
            self._last = now
            return self._sent, whole
