"""``usage``: the key's limits, and what is left of them."""

from __future__ import annotations

import dataclasses
import json
import sys

from rich.console import Console
from rich.table import Table
from rich.text import Text

from .. import RateWindow, Usage
from .common import Connect, clean

__all__ = ["run"]

_BAR = 20
_SOON = 0.9  # of a limit: shown in yellow


def run(connect: Connect, *, as_json: bool) -> None:
    """Ask ``/account/usage``, which costs no objects, and print it."""
    with connect.client() as client:
        usage = client.usage(timeout=2 * connect.timeout)
    if as_json:
        json.dump(_json(usage), sys.stdout)
        sys.stdout.write("\n")
        return
    console = Console(highlight=False)
    tier = clean(usage.tier or "unknown")
    active = "" if usage.is_active is not False else " (inactive)"
    if not console.is_terminal:
        sys.stdout.write(f"plan\t{tier}{active}\n")
        for name, window in usage.rate_limits.items():
            for kind, used, most in _rows(window):
                sys.stdout.write(f"{name}\t{kind}\t{_of(used)}\t{_of(most, 'max')}\n")
        return
    console.print(Text.assemble(("plan  ", "dim"), (tier, "bold"),
                                (active, "bold red")))  # fmt: skip
    console.print(_table(usage))


def _rows(window: RateWindow) -> list[tuple[str, int | None, int | None]]:
    return [
        ("requests", window.current_requests, window.max_requests),
        ("objects", window.current_entities, window.max_entities),
    ]


def _of(value: int | None, kind: str = "used") -> str:
    if value is None:
        return "unlimited" if kind == "max" else "-"
    return str(value)


def _json(usage: Usage) -> dict[str, object]:
    out: dict[str, object] = dataclasses.asdict(usage)
    out["rate_limits"] = {
        name: {
            **dataclasses.asdict(window),
            "requests_left": window.requests_left,
            "entities_left": window.entities_left,
        }
        for name, window in usage.rate_limits.items()
    }
    return out


def _table(usage: Usage) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column("window", no_wrap=True)
    table.add_column("", no_wrap=True)
    for heading in ("used", "limit", "left"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    for name, window in usage.rate_limits.items():
        for kind, used, most in _rows(window):
            left = None if None in (used, most) else max(0, (most or 0) - (used or 0))
            table.add_row(
                name.removeprefix("per-") if kind == "requests" else "",
                kind,
                "-" if used is None else f"{used:,}",
                "unlimited" if most is None else f"{most:,}",
                "" if left is None else f"{left:,}",
                _bar(used, most),
            )
    return table


def _bar(used: int | None, most: int | None) -> Text:
    if used is None or not most:
        return Text("")
    share = min(1.0, used / most)
    filled = round(share * _BAR)
    style = "red" if share >= 1.0 else "yellow" if share >= _SOON else "green"
    return Text.assemble(
        ("━" * filled, style), ("─" * (_BAR - filled), "dim"), f" {share:4.0%}"
    )
