"""The live chart: how the price of one odd moves, at each bookmaker."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict, Unpack, cast

from .. import _options
from ._board import OddsFormat, odds_format
from ._html import COLOURS, chart_html
from ._live import LiveView
from ._points import Points

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .._options import SubscriptionOptions
    from .._stream import Stream

__all__ = ["Chart", "ChartOptions"]

_FPS = 10


class ChartOptions(TypedDict, total=False):
    """Options of :meth:`~sgostream.Stream.chart`; described there."""

    bookmaker_ids: Iterable[str]
    max_bookmakers: int
    max_points: int
    odds: OddsFormat
    height: int
    widget: bool | None


class Chart(LiveView):
    """Line movement of one odd; made by :meth:`~sgostream.Stream.chart`.

    The last expression of a cell shows it.  It draws from the moment it was
    made, and ends with ``close()``, with the stream, and when its cell runs
    again.  Any thread.
    """

    _kind = "chart"

    def __init__(
        self,
        stream: Stream,
        event_id: str,
        odd_id: str,
        **options: Unpack[ChartOptions],
    ) -> None:
        _options.known("a chart", options, ChartOptions)
        event_id = _options.event_id(event_id)
        (odd_id,) = _options.names("odd_id", odd_id)
        if "*" in odd_id or "?" in odd_id:
            raise ValueError(f"odd_id: a chart shows one odd, {odd_id!r} is a pattern")
        self._odds = odds_format(options.get("odds", "american"))
        books = _options.names("bookmaker_ids", options.get("bookmaker_ids"))
        self._points = Points(
            odd_id,
            books,
            max_points=_options.count("max_points", options.get("max_points", 5000)),
            max_bookmakers=_options.count(
                "max_bookmakers", options.get("max_bookmakers", 12)
            ),
        )
        wanted: dict[str, Any] = {"event_ids": [event_id], "odd_ids": [odd_id]}
        if books:
            wanted["bookmaker_ids"] = books
        height = _options.count("height", options.get("height", 340))
        super().__init__(
            stream,
            cast("SubscriptionOptions", wanted),
            self._points,
            fps=_FPS,
            widget=options.get("widget"),
            settings={
                "feed": stream.feed,
                "odds": self._odds,
                "height": height,
                "colours": list(COLOURS),
                "max_points": self._points.max_points,
            },
        )

    def _html(self, status: dict[str, Any]) -> str:
        return chart_html(self._points.series, status, self._points.title, self._odds)
