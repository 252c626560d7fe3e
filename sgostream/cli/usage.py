"""``usage``: the key's limits, what is left of them, and how long that lasts."""

from __future__ import annotations

import dataclasses
import json
import sys

from rich.console import Console
from rich.table import Table
from rich.text import Text

from .. import Allowance, Forecast, RateWindow, Usage
from .common import Connect, clean

__all__ = ["run"]

_BAR = 14
_SOON = 0.9  # of a limit: shown in yellow
_HOURS = {"second": 1 / 3600, "minute": 1 / 60, "hour": 1, "day": 24, "month": 730}
_BASES = {
    "client": "at this client's rate",
    "hour": "if every hour takes what this one has taken so far",
    "none": "not told: there is no rate yet",
}


def run(connect: Connect, *, as_json: bool) -> None:
    """Ask ``/account/usage``, which costs no objects, and print it."""
    with connect.client() as client:
        usage, basis = _forecast(client.usage(timeout=2 * connect.timeout))
    if as_json:
        json.dump(_json(usage, basis), sys.stdout)
        sys.stdout.write("\n")
        return
    console = Console(highlight=False)
    tier = clean(usage.tier or "unknown")
    active = "" if usage.is_active is not False else " (inactive)"
    if not console.is_terminal:
        sys.stdout.write(f"plan\t{tier}{active}\n")
        for row in _rows(usage):
            sys.stdout.write("\t".join(row.plain()) + "\n")
        sys.stdout.write(f"forecast\t{_rate(usage.forecast)}\t{_BASES[basis]}\n")
        return
    console.print(Text.assemble(("plan  ", "dim"), (tier, "bold"),
                                (active, "bold red")))  # fmt: skip
    console.print(_table(usage))
    console.print(f"{_rate(usage.forecast)}; lasts: {_BASES[basis]}", style="dim")
    if not usage.forecast.known:
        console.print("the API told no limits: documented caps", style="yellow")


# -- the forecast -------------------------------------------------------------


def _forecast(usage: Usage) -> tuple[Usage, str]:
    """Give the usage a forecast that means something here, and its basis.

    This process has asked for nothing yet, so it has no rate of its own.  The
    key has one: what all its programs have taken in the present hour.
    """
    told = usage.forecast
    if told.requests_per_hour or told.objects_per_hour:
        return usage, "client"
    hour = usage.rate_limits.get("per-hour")
    requests = (hour and hour.current_requests) or 0
    objects = (hour and hour.current_entities) or 0
    if not requests and not objects:
        return usage, "none"
    forecast = dataclasses.replace(
        told,
        requests_per_hour=float(requests),
        objects_per_hour=float(objects),
        requests=_lasting(told.requests, requests),
        objects=_lasting(told.objects, objects),
    )
    return dataclasses.replace(usage, forecast=forecast), "hour"


def _lasting(windows: dict[str, Allowance], per_hour: int) -> dict[str, Allowance]:
    return {
        name: dataclasses.replace(
            window, lasts_hours=round(window.left / per_hour, 2) if per_hour else None
        )
        for name, window in windows.items()
    }


def _rate(forecast: Forecast) -> str:
    return (
        f"{forecast.requests_per_hour:,.0f} requests "
        f"and {forecast.objects_per_hour:,.0f} objects an hour"
    )


# -- rows ---------------------------------------------------------------------


@dataclasses.dataclass(frozen=True, slots=True)
class _Row:
    """Requests or objects of one window."""

    window: str
    kind: str
    used: int | None
    most: int | None
    lasts: float | None

    @property
    def left(self) -> int | None:
        if self.used is None or self.most is None:
            return None
        return max(0, self.most - self.used)

    @property
    def runs_out(self) -> bool:
        """Whether it is used up before it begins anew."""
        name = self.window.removeprefix("per-")
        return self.lasts is not None and self.lasts < _HOURS.get(name, 0)

    def plain(self) -> tuple[str, ...]:
        most = "unlimited" if self.most is None else str(self.most)
        lasts = "-" if self.lasts is None else f"{self.lasts:g}h"
        return self.window, self.kind, _or_dash(self.used), most, \
            _or_dash(self.left), lasts  # fmt: skip


def _or_dash(value: int | None) -> str:
    return "-" if value is None else str(value)


def _rows(usage: Usage) -> list[_Row]:
    """Every window that the API told; without any, those that are assumed."""
    limits = usage.rate_limits
    forecast = usage.forecast
    if not limits:
        limits = {f"per-{name}": _assumed(forecast, name) for name in _HOURS}
    rows = []
    for name, window in limits.items():
        short = name.removeprefix("per-")
        for kind, used, most, windows in (
            ("requests", window.current_requests, window.max_requests,
             forecast.requests),
            ("objects", window.current_entities, window.max_entities,
             forecast.objects),
        ):  # fmt: skip
            allowance = windows.get(short)
            lasts = allowance.lasts_hours if allowance else None
            rows.append(_Row(name, kind, used, most, lasts))
    return rows


def _assumed(forecast: Forecast, name: str) -> RateWindow:
    requests, objects = forecast.requests.get(name), forecast.objects.get(name)
    return RateWindow(
        max_requests=requests.limit if requests else None,
        max_entities=objects.limit if objects else None,
        current_requests=requests.used if requests else None,
        current_entities=objects.used if objects else None,
    )


def _json(usage: Usage, basis: str) -> dict[str, object]:
    out: dict[str, object] = dataclasses.asdict(usage)
    out["rate_limits"] = {
        name: {
            **dataclasses.asdict(window),
            "requests_left": window.requests_left,
            "entities_left": window.entities_left,
        }
        for name, window in usage.rate_limits.items()
    }
    out["forecast"] = {"basis": basis, **dataclasses.asdict(usage.forecast)}
    return out


# -- the table ----------------------------------------------------------------


def _table(usage: Usage) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column("window", no_wrap=True)
    table.add_column("", no_wrap=True)
    for heading in ("used", "limit", "left"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    table.add_column("lasts", no_wrap=True)
    for row in _rows(usage):
        table.add_row(
            row.window.removeprefix("per-") if row.kind == "requests" else "",
            row.kind,
            "-" if row.used is None else f"{row.used:,}",
            "unlimited" if row.most is None else f"{row.most:,}",
            "" if row.left is None else f"{row.left:,}",
            _bar(row.used, row.most),
            _lasts(row),
        )
    return table


def _lasts(row: _Row) -> Text:
    if row.lasts is None:
        return Text("")
    if not row.runs_out:
        return Text("enough", "dim")
    if row.lasts >= 48:
        return Text(f"{row.lasts / 24:.0f} days", "yellow")
    if row.lasts >= 1:
        return Text(f"{row.lasts:.0f} h", "yellow")
    return Text(f"{row.lasts * 60:.0f} min", "red")


def _bar(used: int | None, most: int | None) -> Text:
    if used is None or not most:
        return Text("")
    share = min(1.0, used / most)
    filled = round(share * _BAR)
    style = "red" if share >= 1.0 else "yellow" if share >= _SOON else "green"
    return Text.assemble(
        ("━" * filled, style), ("─" * (_BAR - filled), "dim"), f" {share:4.0%}"
    )
