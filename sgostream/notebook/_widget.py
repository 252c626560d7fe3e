"""The widget: the one file that imports anywidget.

Its state is small: which view, its settings, and ``frame``, where the browser
keeps what it shows, so that a notebook saved with its widgets shows the last
frame again.  Frames themselves are custom messages.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib.resources import files
from typing import Any

import anywidget
import traitlets

__all__ = ["make_widget"]


class _Widget(anywidget.AnyWidget):
    settings = traitlets.Dict().tag(sync=True)
    frame = traitlets.Dict().tag(sync=True)


@cache
def _widget_type(kind: str) -> type[_Widget]:
    """A type with a plain ES module and a style sheet.

    Each is what all views share, then the kind's own; the type has a name of its
    own since anywidget tells style sheets apart by it.
    """
    folder = files(__package__) / "static"
    script, style = (
        "\n".join(
            (folder / f"{name}.{end}").read_text("utf-8") for name in ("live", kind)
        )
        for end in ("js", "css")
    )
    members = {"_esm": script, "_css": style, "__module__": __name__}
    return type(kind.capitalize(), (_Widget,), members)


def make_widget(
    kind: str, settings: dict[str, Any], heard: Callable[[Any], None]
) -> anywidget.AnyWidget:
    """A widget for one view.

    Parameters
    ----------
    kind : str
        ``"board"`` or ``"chart"``.
    settings : dict
        For the browser.
    heard : callable
        Called with each message from the browser, on the kernel's thread.
    """
    made = _widget_type(kind)(settings=settings)
    made.on_msg(lambda _widget, content, _buffers: heard(content))
    return made
