"""The live board: games and their odds, a column for each bookmaker."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypedDict, Unpack, cast

from .. import _options
from ._html import FORMATS, board_html
from ._live import LiveView
from ._table import Table

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .._options import SubscriptionOptions
    from .._stream import Stream

__all__ = ["Board", "BoardOptions", "OddsFormat", "odds_format"]

OddsFormat = Literal["american", "decimal", "implied"]
_MAX_FPS = 60


class BoardOptions(TypedDict, total=False):
    """Options of :meth:`~sgostream.Stream.board`; described there."""

    odd_ids: Iterable[str]
    bookmaker_ids: Iterable[str]
    event_ids: Iterable[str]
    league_ids: Iterable[str]
    max_rows: int
    max_bookmakers: int
    odds: OddsFormat
    height: int
    fps: int
    widget: bool | None


def odds_format(value: object) -> str:
    """One of the three ways to write a price."""
    if value not in FORMATS:
        raise ValueError(f"odds: must be one of {', '.join(FORMATS)}, not {value!r}")
    return value


class Board(LiveView):
    """A live board of a stream; made by :meth:`~sgostream.Stream.board`.

    The last expression of a cell shows it.  It has its own subscription and
    daemon thread, which end with ``close()``, with the stream, and when its
    cell runs again.  Any thread.
    """

    _kind = "board"

    def __init__(self, stream: Stream, **options: Unpack[BoardOptions]) -> None:
        _options.known("a board", options, BoardOptions)
        self._odds = odds_format(options.get("odds", "american"))
        fps = _options.count("fps", options.get("fps", 20), high=_MAX_FPS)
        books = _options.names("bookmaker_ids", options.get("bookmaker_ids"))
        self._table = Table(
            _options.names("odd_ids", options.get("odd_ids")),
            books,
            max_rows=_options.count("max_rows", options.get("max_rows", 300)),
            max_bookmakers=_options.count(
                "max_bookmakers", options.get("max_bookmakers", 12)
            ),
        )
        wanted: dict[str, Any] = {"odd_ids": self._table.odd_ids}
        if books:
            wanted["bookmaker_ids"] = books
        for name in ("event_ids", "league_ids"):
            if options.get(name) is not None:
                wanted[name] = options[name]
        height = _options.count("height", options.get("height", 560))
        super().__init__(
            stream,
            cast("SubscriptionOptions", wanted),
            self._table,
            fps=fps,
            widget=options.get("widget"),
            settings={"feed": stream.feed, "odds": self._odds, "height": height},
        )

    def _html(self, status: dict[str, Any]) -> str:
        return board_html(self._table, status, self._label, self._odds)
