"""What ends with ``stop()``, and so at the end of a ``with``."""

from __future__ import annotations

from types import TracebackType
from typing import Self


class Stopping:
    """Leaving a ``with`` calls `stop`."""

    def stop(self) -> None:
        """End it; may be called again."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()
