"""Which notebook cell shows what, so that running a cell again replaces it.

IPython is looked at only where it is already there.
"""

from __future__ import annotations

import gc
import importlib
import sys
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ._live import LiveView

__all__ = ["is_busy", "keep", "publish", "release", "shell"]

_lock = threading.Lock()
_shown: dict[int, tuple[str, LiveView]] = {}
_hooked: Any = None
_replaced = False
_running = 0


def shell() -> Any:
    """IPython's shell, or None outside it."""
    ipython = sys.modules.get("IPython")
    found = None if ipython is None else ipython.get_ipython()
    if found is not None:
        _hook(found)
    return found


def publish(data: dict[str, Any], name: str, *, update: bool = False) -> None:
    """Show data in the cell that runs, or in place of what has this name.

    Parameters
    ----------
    data : dict
        By MIME type.
    name : str
        Display id.
    update : bool
        Replace.
    """
    try:
        display: Any = importlib.import_module("IPython.display")
    except ImportError as error:
        raise ImportError(
            "boards and charts are for notebooks: pip install 'sgostream[notebook]'"
        ) from error
    display.publish_display_data(data, transient={"display_id": name}, update=update)


def is_busy() -> bool:
    """Whether the kernel runs a cell right now."""
    return _running > 0


def keep(view: LiveView) -> None:
    """A view is on a page: keep it until it is closed or its cell runs again."""
    key = _cell_key(shell())
    with _lock:
        _shown[id(view)] = (key, view)


def release(view: LiveView) -> None:
    """A view was closed."""
    with _lock:
        _shown.pop(id(view), None)


def _cell_key(found: Any) -> str:
    """The cell that runs now: its id where the front end tells it, else its code."""
    get_parent = getattr(found, "get_parent", None)
    parent = get_parent() if get_parent is not None else None
    if not isinstance(parent, dict):
        return ""
    cell_id = parent.get("metadata", {}).get("cellId")
    return str(cell_id or parent.get("content", {}).get("code", ""))


def _hook(found: Any) -> None:
    global _hooked, _running
    with _lock:
        if _hooked is found:
            return
        _hooked = found
    # Called inside a cell, whose beginning we did not hear.
    _running = 1
    found.events.register("pre_run_cell", _before_cell)
    found.events.register("post_run_cell", _after_cell)


def _before_cell(info: Any) -> None:
    global _running, _replaced
    del info
    _running += 1
    key = _cell_key(_hooked)
    with _lock:
        old = [view for at, view in _shown.values() if at == key and key]
    for view in old:
        _replaced = True
        view._replace()


def _after_cell(result: Any) -> None:
    global _running, _replaced
    del result
    _running = max(0, _running - 1)
    if _replaced:
        # The cell has bound its names anew: what the old ones held goes now,
        # sockets included, also where it stood in a cycle.
        _replaced = False
        gc.collect()
