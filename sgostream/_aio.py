"""asyncio over descriptors: no helper thread, no polling."""

from __future__ import annotations

import asyncio
from typing import Protocol

__all__ = ["Readable", "wait_readable"]


class Readable(Protocol):
    """Something with a descriptor that turns readable."""

    def fileno(self) -> int:
        """The descriptor."""


async def wait_readable(source: Readable, timeout: float | None = None) -> bool:
    """Wait until the source's descriptor is readable.

    Parameters
    ----------
    source : Readable
        Belongs to one running loop at a time.
    timeout : float, optional
        Seconds; None waits for ever.

    Returns
    -------
    bool
        False when the time was up.
    """
    loop = asyncio.get_running_loop()
    ready = loop.create_future()

    def on_ready() -> None:
        if not ready.done():
            ready.set_result(None)

    descriptor = source.fileno()
    loop.add_reader(descriptor, on_ready)
    try:
        async with asyncio.timeout(timeout):
            await ready
    except TimeoutError:
        return False
    finally:
        loop.remove_reader(descriptor)
    return True
