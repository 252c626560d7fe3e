"""Promise P4 as code: changes applied to a version give the next one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ._core import MISSING, Change, to_plain

__all__ = ["apply"]


def apply(mapping: Mapping[str, Any] | None, changes: Iterable[Change]) -> Any:
    """Apply an update's changes to its previous version.

    Parameters
    ----------
    mapping : Mapping or None
        The version to start from: an :class:`Event`, a ``dict``, or None for
        an update without a previous version.
    changes : iterable of Change
        ``update.changes``.

    Returns
    -------
    dict
        New plain objects, equal as JSON values to ``update.event`` when the
        subscription had no filter and ``include_timestamps=True``.
        ``sgostream.MISSING`` when the event was removed.

    Raises
    ------
    ValueError
        When a change does not fit the mapping (another version's change).

    See Also
    --------
    Update.changes, Event.diff
    """
    root: Any = MISSING if mapping is None else to_plain(mapping)
    for change in changes:
        if not change.path:
            root = MISSING if change.new is MISSING else to_plain(change.new)
            continue
        set_change(root, change)
    return root


def set_change(root: Any, change: Change) -> None:
    """Write one change, not at the root, into plain objects."""
    place = root
    *parents, last = change.path
    try:
        for step in parents:
            place = place[step]
        if change.new is MISSING:
            del place[last]
        else:
            place[last] = to_plain(change.new)
    except (KeyError, IndexError, TypeError) as error:
        raise ValueError(
            f"change at {change.path!r} does not fit this version: {error}"
        ) from error
