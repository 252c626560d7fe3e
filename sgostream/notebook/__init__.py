"""Live views of streams in notebooks: a board, and charts of line movement.

Made by :meth:`Stream.board` and :meth:`Stream.chart`.  With the extra
``notebook`` (anywidget, ipywidgets) they are widgets that get what changed;
without it an HTML table that is replaced once a second.  Importing this package
imports neither IPython nor anywidget.
"""

from __future__ import annotations

from ._board import Board, BoardOptions
from ._chart import Chart, ChartOptions
from ._simulated import client_options

__all__ = ["Board", "BoardOptions", "Chart", "ChartOptions", "client_options"]
