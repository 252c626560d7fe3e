"""Board and chart as plain HTML: the fallback, and the last frame of a notebook."""

from __future__ import annotations

import html
import math
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .._rich import american, book_name, line_text
from ._table import decimal

if TYPE_CHECKING:
    from ._points import Series
    from ._table import Row, Table

__all__ = ["FORMATS", "board_html", "chart_html", "price_text"]

FORMATS = ("american", "decimal", "implied")
_MAX_ROWS = 60  # of the plain table; the rest is counted

_STYLE = """
.sgo-plain{--fg:#1b1f24;--bg:#fff;--dim:#667085;--rule:#e4e7ec;--best:#d9f2e3;
--besttext:#05603a;--alarm:#b42318;font:13px/1.4 system-ui,sans-serif;
color:var(--fg);overflow-x:auto}
body[data-jp-theme-light="false"] .sgo-plain,body.vscode-dark .sgo-plain{
--fg:#e6e8ec;--bg:#111;--dim:#98a2b3;--rule:#30363f;--best:#0f3d28;
--besttext:#86e0b0;--alarm:#f97066}
@media (prefers-color-scheme:dark){body:not([data-jp-theme-light]):not(
.vscode-light) .sgo-plain{--fg:#e6e8ec;--bg:#111;--dim:#98a2b3;--rule:#30363f;
--best:#0f3d28;--besttext:#86e0b0;--alarm:#f97066}}
.sgo-plain table{border-collapse:collapse;font-variant-numeric:tabular-nums}
.sgo-plain caption{text-align:left;padding:4px 2px;color:var(--dim)}
.sgo-plain th,.sgo-plain td{padding:3px 8px;text-align:right;white-space:nowrap;
border-bottom:1px solid var(--rule);background:none}
.sgo-plain th{font-weight:600}.sgo-plain .l{text-align:left;font-weight:400}
.sgo-plain .best{background:var(--best);color:var(--besttext);font-weight:700}
.sgo-plain .d{color:var(--dim)}.sgo-plain .alarm{color:var(--alarm);font-weight:600}
"""


def price_text(odds: int | None, form: str) -> str:
    """A price as ``+150``, ``2.50`` or ``40.0%``.

    Parameters
    ----------
    odds : int or None
        American; None: a dash.
    form : str
        One of ``FORMATS``.
    """
    if odds is None or form == "american":
        return american(odds)
    price = decimal(odds)
    return f"{price:.2f}" if form == "decimal" else f"{100 / price:.1f}%"


def _headline(status: Mapping[str, Any], label: str) -> str:
    """The caption: what it is, how fresh, when."""
    phase = str(status["phase"])
    when = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(status["time"]))
    word = phase
    if phase not in ("live", "closed"):
        age = status.get("age")
        seconds = "" if age is None else f", proven current {age:.0f} s ago"
        why = status.get("error") or status.get("reason") or ""
        word = f"{phase}{seconds}{': ' if why else ''}{why}"
    alarm = "" if phase == "live" else " class='alarm'"
    return (
        f"<b>{html.escape(label)}</b> <span{alarm}>{html.escape(word)}</span> "
        f"&middot; {when} &middot; {status['updates']:,} updates"
    )


def board_html(table: Table, status: Mapping[str, Any], label: str, form: str) -> str:
    """The board of this moment.

    Parameters
    ----------
    table : Table
    status : mapping
        As the widget gets it.
    label : str
        The feed's name.
    form : str
        One of ``FORMATS``.
    """
    heads = "".join(
        f"<th scope='col'>{html.escape(book_name(book))}</th>" for book in table.books
    )
    rows = []
    last = None
    ordered = table.ordered()
    for game, row in ordered[:_MAX_ROWS]:
        title = ""
        if game is not last:
            league, name, state, score, *_ = game.shown
            title = (
                f"<span class='d'>{html.escape(league)}</span> {html.escape(name)} "
                f"<b>{html.escape(score)}</b> "
                f"<span class='d'>{html.escape(state)}</span>"
            )
        last = game
        rows.append(
            f"<tr><td class='l'>{title}</td><th scope='row' class='l'>"
            f"{html.escape(row.label)} <b>{line_text(row.line, row.bet_type)}</b></th>"
            f"{_cells(row, len(table.books), form)}</tr>"
        )
    more = len(ordered) - len(rows)
    tail = f"<div class='d'>{more} more rows</div>" if more > 0 else ""
    return (
        f"<div class='sgo-plain'><style>{_STYLE}</style>"
        f"<table><caption>{_headline(status, label)}</caption>"
        f"<thead><tr><th class='l' scope='col'>game</th>"
        f"<th class='l' scope='col'>odd</th>{heads}</tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table>{tail}</div>"
    )


def _cells(row: Row, count: int, form: str) -> str:
    out = []
    for column in range(count):
        cell = row.cells.get(column)
        if cell is None or cell[0] is None:
            out.append("<td class='d'>&middot;</td>")
            continue
        odds, line, available, _ = cell
        text = price_text(odds, form)
        if line != row.line:
            text = f"<span class='d'>{line_text(line, row.bet_type)}</span> {text}"
        if column == row.best:
            out.append(f"<td class='best'>{text}</td>")
        elif available:
            out.append(f"<td>{text}</td>")
        else:
            out.append(f"<td class='d'><s>{text}</s></td>")
    return "".join(out)


# --- the chart --------------------------------------------------------------

_WIDTH, _HEIGHT = 760, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 120, 12, 26

#: Colours that stay apart for most eyes, on white and on black.
COLOURS = (
    "#2f7de1",
    "#e5732a",
    "#1f9d66",
    "#c2448f",
    "#8a63d2",
    "#b88a00",
    "#169aa8",
    "#d9485f",
    "#6b8e23",
    "#7a7f87",
    "#a0522d",
    "#4a5cc5",
)


def _value(odds: int, form: str) -> float:
    """Where a price stands on the axis: prices close at +100 stay close."""
    price = decimal(odds)
    return 100 / price if form == "implied" else price


def _tick(value: float, form: str) -> str:
    if form == "implied":
        return f"{value:.1f}%"
    if form == "decimal" or value <= 1:
        return f"{value:.2f}"
    odds = (value - 1) * 100 if value >= 2 else -100 / (value - 1)
    return f"{odds:+.0f}"


def _ticks(low: float, high: float, count: int = 5) -> list[float]:
    """Round values between two bounds."""
    raw = (high - low) / max(1, count)
    scale = 10.0 ** math.floor(math.log10(raw))
    step = next(m * scale for m in (1, 2, 2.5, 5, 10) if m * scale >= raw)
    first = math.ceil(low / step)
    return [n * step for n in range(first, math.floor(high / step) + 1)]


def chart_html(
    series: Sequence[Series], status: Mapping[str, Any], label: str, form: str
) -> str:
    """Line movement of this moment, as SVG.

    Parameters
    ----------
    series : sequence of Series
        One for each bookmaker.
    status : mapping
        As the widget gets it.
    label : str
        Game and odd.
    form : str
        One of ``FORMATS``.
    """
    seen = [s for s in series if any(p[1] is not None for p in s.points)]
    head = (
        f"<div class='sgo-plain'><style>{_STYLE}</style>"
        f"<div class='d' style='padding:4px 2px'>{_headline(status, label)}</div>"
    )
    if not seen:
        return f"{head}<div>no price yet</div></div>"
    end = float(status["time"])
    start = min(min(s.points[0][0] for s in seen), end - 10)
    values = [_value(p[1], form) for s in seen for p in s.points if p[1] is not None]
    low, high = min(values), max(values)
    pad = (high - low) * 0.08 or 0.02 * high
    low, high = low - pad, high + pad

    def x(at: float) -> float:
        return _LEFT + (at - start) / (end - start) * (_WIDTH - _LEFT - _RIGHT)

    def y(value: float) -> float:
        return _TOP + (high - value) / (high - low) * (_HEIGHT - _TOP - _BOTTOM)

    parts = []
    for value in _ticks(low, high):
        at = y(value)
        parts.append(
            f"<line x1='{_LEFT}' x2='{_WIDTH - _RIGHT}' y1='{at:.1f}' y2='{at:.1f}' "
            f"stroke='var(--rule)'/><text x='{_LEFT - 6}' y='{at + 4:.1f}' "
            f"text-anchor='end' fill='var(--dim)'>{_tick(value, form)}</text>"
        )
    for at, anchor in ((start, "start"), (end, "end")):
        clock = time.strftime("%H:%M:%S", time.gmtime(at))
        parts.append(
            f"<text x='{x(at):.1f}' y='{_HEIGHT - 8}' text-anchor='{anchor}' "
            f"fill='var(--dim)'>{clock}</text>"
        )
    ends = []
    for number, one in enumerate(seen):
        colour = COLOURS[number % len(COLOURS)]
        path, last = _path(one, form, x, y, end)
        parts.append(
            f"<path d='{path}' fill='none' stroke='{colour}' stroke-width='1.75'/>"
        )
        if last is not None:
            ends.append((y(_value(last, form)), colour, one.book, last))
    ends.sort(key=lambda item: item[0])
    floor = 0.0
    for at, colour, book, last in ends:
        floor = max(at, floor + 14)
        name = f"{price_text(last, form)} {book_name(book)}"
        parts.append(
            f"<text x='{_WIDTH - _RIGHT + 6}' y='{floor + 4:.1f}' fill='{colour}'>"
            f"{html.escape(name)}</text>"
        )
    return (
        f"{head}<svg viewBox='0 0 {_WIDTH} {_HEIGHT}' width='{_WIDTH}' "
        f"style='max-width:100%' font-size='11' role='img' "
        f"aria-label='{html.escape(label, quote=True)}'>{''.join(parts)}</svg></div>"
    )


def _path(one: Series, form: str, x: Any, y: Any, end: float) -> tuple[str, int | None]:
    """A line of steps, broken where there is no price; the last price."""
    out: list[str] = []
    last: int | None = None
    for at, odds, _ in one.points:
        here = f"{x(at):.1f}"
        if odds is None:
            if last is not None:
                out.append(f"H{here}")
        elif last is None:
            out.append(f"M{here} {y(_value(odds, form)):.1f}")
        else:
            out.append(f"H{here}V{y(_value(odds, form)):.1f}")
        last = odds
    if last is not None:
        out.append(f"H{x(end):.1f}")
    return "".join(out), last
