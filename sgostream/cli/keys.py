"""Keys of a terminal, one by one, without waiting for a line."""

from __future__ import annotations

import os
import select
import sys
from types import TracebackType
from typing import Any, Self

__all__ = ["Keys"]

_NAMED = {
    "\x1b[A": "up", "\x1b[B": "down", "\x1b[C": "right", "\x1b[D": "left",
    "\x1bOA": "up", "\x1bOB": "down", "\x1bOC": "right", "\x1bOD": "left",
    "\x1b[5~": "page up", "\x1b[6~": "page down", "\x1b[H": "home",
    "\x1b[F": "end", "\x1b[1~": "home", "\x1b[4~": "end", " ": "space",
    "\x1b": "escape", "\r": "enter", "\n": "enter",
}  # fmt: skip


def parse(text: str) -> list[str]:
    """Split what came from a terminal into names of keys."""
    out = []
    while text:
        size = 1
        if text[0] == "\x1b" and len(text) > 1:
            size = next(
                (n for n in range(min(6, len(text)), 1, -1) if text[:n] in _NAMED), 0
            )
            if not size:  # a sequence that means nothing to us
                size = 2
                if text[1] == "[":  # up to its final character
                    size = next(
                        (n for n in range(2, len(text)) if "@" <= text[n] <= "~"),
                        len(text) - 1,
                    )
                    size += 1
                text = text[size:]
                continue
        out.append(_NAMED.get(text[:size], text[:size]))
        text = text[size:]
    return out


class Keys:
    """Context in which stdin gives single keys; nothing where it is no terminal.

    Ctrl-C stays a signal.
    """

    def __init__(self) -> None:
        self._descriptor: int | None = None
        self._before: list[Any] | None = None

    def __enter__(self) -> Self:
        try:
            import termios
            import tty

            descriptor = sys.stdin.fileno()
            if os.isatty(descriptor):
                self._before = termios.tcgetattr(descriptor)
                tty.setcbreak(descriptor, termios.TCSANOW)
                self._descriptor = descriptor
        except (ImportError, OSError, ValueError):
            self._descriptor = None
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._descriptor is not None and self._before is not None:
            import termios

            try:
                termios.tcsetattr(self._descriptor, termios.TCSADRAIN, self._before)
            except termios.error:
                pass  # the terminal is gone
        self._descriptor = None

    def read(self) -> list[str]:
        """Keys pressed since the last call; does not wait."""
        if self._descriptor is None:
            return []
        data = b""
        try:
            while select.select([self._descriptor], [], [], 0)[0]:
                more = os.read(self._descriptor, 256)
                data += more
                if len(more) < 256:
                    break
        except OSError:
            self._descriptor = None
        return parse(data.decode("utf-8", "replace"))
