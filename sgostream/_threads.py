"""Helper threads that never keep an interpreter from ending."""

from __future__ import annotations

import threading
from collections.abc import Callable

__all__ = ["start_helper"]


def start_helper(
    target: Callable[[], None], name: str, stop: Callable[[], None]
) -> threading.Thread:
    """Start a daemon thread, or the next best where those are forbidden.

    Parameters
    ----------
    target : callable
        What the thread runs.
    name : str
        Its name.
    stop : callable
        Makes ``target`` return.  Called at exit in interpreters that forbid
        daemon threads (subinterpreters of some hosts), before the interpreter
        joins its ordinary threads.

    Returns
    -------
    Thread
    """
    try:
        thread = threading.Thread(target=target, name=name, daemon=True)
        thread.start()
    except RuntimeError as error:
        if "daemon" not in str(error):
            raise
        register = getattr(threading, "_register_atexit")  # noqa: B009
        register(stop)
        thread = threading.Thread(target=target, name=name, daemon=False)
        thread.start()
    return thread
