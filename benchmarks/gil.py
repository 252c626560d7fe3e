"""How long a consumer holds the GIL for one update of which it reads ten quotes.

For events of several sizes: ten quotes move, the update arrives, and the thread
that takes it runs three steps on its own CPU clock:

take
    ``next(subscription)`` of an update that is there: one small object.
list
    ``len(update.quotes)``: compares nothing the core has not compared already,
    and runs detached from Python.  It grows with what changed.
touch
    Ten quote changes with ids, old and new odds, line and decimal price.

The GIL is held for at most take + touch, and for a second ``len(update.quotes)``,
which is what remains of the list step once the list is there.  That sum is an
upper bound, as what ``take`` does detached is in it.  The limit is 50 us at the
median, whatever the event's size; a run that misses it exits with status 1.

    python benchmarks/gil.py [--rounds 100] [--json gil.json]
"""

from __future__ import annotations

import argparse
import gc
import itertools
import json
import platform
import select
import statistics
import sys
import time

import sgostream
from sgostream.sim.remote import RemoteSimulator, spawn

SIZES = (20_000, 200_000, 1_000_000)  # bytes of JSON, about
QUOTES = 10
WARM_UP = 5
LIMIT_US = 50.0
MAX_GROWTH = 1.5  # largest event against the smallest


def find_quotes(event: sgostream.Event) -> list[tuple[str, str]]:
    """Places of QUOTES quotes, spread over the event."""
    rows = list(event.quotes())
    step = max(1, len(rows) // QUOTES)
    return [(row.odd_id, row.bookmaker_id) for row in rows[::step][:QUOTES]]


def move(
    sim: RemoteSimulator, event_id: str, places: list[tuple[str, str]], turn: int
) -> None:
    """Give each of the quotes another price; one notification for all."""
    for n, (odd_id, book) in enumerate(places):
        sim.set_quote(
            event_id=event_id,
            odd_id=odd_id,
            bookmaker_id=book,
            odds=f"+{150 + (turn * 7 + n) % 400}",
            notify=n == len(places) - 1,
        )


def wait_readable(core: object) -> None:
    """Until an update is there, without taking it."""
    ready, _, _ = select.select([core], [], [], 20)
    if not ready:
        raise TimeoutError("no update came within 20 s")


def measure(subscription: sgostream.Subscription) -> dict[str, float]:
    """Microseconds of this thread's CPU for each step."""
    clock = time.thread_time_ns
    wait_readable(subscription._core)
    t0 = clock()
    update = next(subscription)
    t1 = clock()
    quotes = update.quotes
    n = len(quotes)
    t2 = clock()
    again = len(update.quotes)
    t3 = clock()
    seen = [
        (
            *(change.event_id, change.odd_id, change.bookmaker_id),
            *(change.old.odds, change.new.odds, change.new.line, change.new.decimal),
        )
        for change in itertools.islice(quotes, QUOTES)
    ]
    t4 = clock()
    if not n == again == len(seen) == QUOTES:
        raise AssertionError(f"{n} quotes moved, not {QUOTES}")
    steps = {"take": t1 - t0, "list": t2 - t1, "again": t3 - t2, "touch": t4 - t3}
    us = {name: ns / 1000 for name, ns in steps.items()}
    us["held"] = us["take"] + us["again"] + us["touch"]
    return us


class Subject:
    """One event of one size, with its stream and consumer."""

    def __init__(self, sim: RemoteSimulator, client: sgostream.Client, size: int):
        self.event_id = sim.add_event(size=size, league="NFL", live=True)
        stream = client.by_id(self.event_id)
        stream.wait_live(30)
        self.subscription = stream.subscribe(initial=False)
        event = stream.events[self.event_id]
        self.bytes = len(event.json())
        self.places = find_quotes(event)
        self.found: list[dict[str, float]] = []

    def turn(self, sim: RemoteSimulator, number: int) -> None:
        """One update."""
        move(sim, self.event_id, self.places, number)
        self.found.append(measure(self.subscription))

    def row(self) -> dict[str, float]:
        """Medians, without the first turns: caches and interned keys are warm."""
        found = self.found[WARM_UP:]
        row = {name: statistics.median(one[name] for one in found) for name in found[0]}
        row["held_p90"] = statistics.quantiles([x["held"] for x in found], n=10)[-1]
        row["bytes"] = self.bytes
        return row


def run(sim: RemoteSimulator, rounds: int) -> list[dict[str, float]]:
    """A row for each size; the sizes take turns, so that noise is shared."""
    options = {"api_key": sim.api_key, "base_url": sim.base_url, "proxy": ""}
    with sgostream.Client(**options) as client:
        subjects = [Subject(sim, client, size) for size in SIZES]
        for number in range(rounds + WARM_UP):
            for subject in subjects:
                subject.turn(sim, number)
    return [subject.row() for subject in subjects]


def main() -> int:
    """Print the table; 1 when the limit is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--json", metavar="FILE", help="write the figures too")
    args = parser.parse_args()
    with spawn(["--events", "0", "--rate", "0"]) as sim:
        gc.freeze()  # a collection is nobody's update
        gc.disable()
        rows = run(sim, args.rounds)
    growth = rows[-1]["held"] / rows[0]["held"]
    print(f"{platform.processor() or platform.machine()}, {sys.version.split()[0]}")
    print("median us of the consumer's CPU for one update, ten quotes read\n")
    print("| event, bytes | take | touch | GIL held, at most | p90 | list (detached) |")
    print("|---|---|---|---|---|---|")
    for row in rows:
        print(
            f"| {row['bytes']:,.0f} | {row['take']:.1f} | {row['touch']:.1f} "
            f"| {row['held']:.1f} | {row['held_p90']:.1f} "
            f"| {row['list'] - row['again']:.1f} |"
        )
    good = max(row["held"] for row in rows) <= LIMIT_US and growth <= MAX_GROWTH
    print(
        f"\nlargest / smallest: {growth:.2f} (limit {MAX_GROWTH}); "
        f"limit {LIMIT_US:.0f} us: {'met' if good else 'MISSED'}"
    )
    if args.json:
        with open(args.json, "w", encoding="utf-8") as file:
            json.dump({"rows": rows, "growth": growth, "met": good}, file, indent=1)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
