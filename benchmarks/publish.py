"""Put the newest results into docs/benchmarks.md, between its two marks.

    python benchmarks/publish.py

``make bench`` and ``make bench-load`` do it at their end.  What is shown is
results/full.md, or quick.md until there is one, with gil.json and load.json.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results"
PAGE = HERE.parent / "docs" / "benchmarks.md"
BEGIN = "<!-- results: written by benchmarks/publish.py -->\n"
END = "<!-- end of results -->\n"


def read(name: str) -> dict[str, Any] | None:
    """One file of figures, if it is there."""
    try:
        found: dict[str, Any] = json.loads((RESULTS / name).read_text("utf-8"))
    except FileNotFoundError:
        return None
    return found


def sides() -> str:
    """The table, and which run it is of."""
    for name, what in (
        ("full", "`make bench`, whole windows."),
        (
            "quick",
            "One short run (`--quick`: one round); the whole run has more rounds "
            "and longer windows.",
        ),
    ):
        path = RESULTS / f"{name}.md"
        if path.exists():
            return f"{what}\n\n{path.read_text('utf-8')}"
    return "There are none yet.\n"


def gil() -> str:
    """The GIL's row for events of several sizes."""
    found = read("gil.json")
    if found is None:
        return ""
    rows = "; ".join(
        f"{row['held']:.1f} us for {row['bytes'] / 1e6:.2f} MB" for row in found["rows"]
    )
    verdict = "met" if found["met"] else "MISSED"
    return (
        "\n`benchmarks/gil.py`, GIL held per update, ten quotes read, at most: "
        f"{rows}; largest against smallest {found['growth']:.2f} "
        f"(limit 1.5, and 50 us: {verdict}).\n"
    )


def load() -> str:
    """The minutes at the vendor's cap, and what became of each notification."""
    found = read("load.json")
    if found is None:
        return ""
    n = {**found["counts"], **found}
    verdict = "met" if found["met"] else "MISSED"
    return (
        f"\n`benchmarks/load.py`, {n['minutes']:g} minutes, {n['machine']['at']}: "
        f"{n['shown']:,} changes shown, {n['ids_notified']:,} ids notified, "
        f"{n['ids_conflated']:,} of them again before the answer to the first was "
        "there (one answer tells both), "
        f"{n['versions_applied']:,} versions applied, {n['delivered']:,} handed to "
        f"user code, {n['skipped']:,} counted as skipped, {n['versions_lost']} lost; "
        f"at the end {n['pending']} pending, {n['bytes_queued']} bytes queued, "
        f"{n['events_behind']} events otherwise than the server has them. "
        f"{n['cpu_share'] * 100:.1f} % of a core (limit 15 %), "
        f"{n['cpu_ms_per_update']:.2f} ms an update: {verdict}.\n"
    )


def publish() -> None:
    """Rewrite the part between the marks."""
    page = PAGE.read_text("utf-8")
    head, rest = page.split(BEGIN)
    _, tail = rest.split(END)
    body = sides() + gil() + load()
    PAGE.write_text(f"{head}{BEGIN}\n{body}\n{END}{tail}", "utf-8")


if __name__ == "__main__":
    publish()
