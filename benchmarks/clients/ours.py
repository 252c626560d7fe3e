"""sgostream, as its README shows it."""

from __future__ import annotations

import hashlib
import itertools
import select
import threading
import time
from typing import Any

from report import API_KEY, BASE_URL, CA_FILE, DIGESTS, GIL_MODE, TOUCHED, Report

import sgostream


def prices(report: Report, update: sgostream.Update) -> None:
    """Hand every changed quote to the user's code."""
    for event_id, odd_id, bookmaker_id, _, old, new in update.quotes:
        report.price(
            event_id,
            odd_id,
            bookmaker_id,
            old and (old.odds, old.line),
            new and (new.odds, new.line),
        )


def some_prices(report: Report, update: sgostream.Update, began: int) -> None:
    """Hand ten quotes over, and time what may have held the GIL.

    What the first look at ``quotes`` does beyond a second one runs detached.
    """
    clock = time.thread_time_ns
    t0 = clock()
    quotes = update.quotes
    t1 = clock()
    quotes = update.quotes
    for change in itertools.islice(quotes, TOUCHED):
        report.price(
            change.event_id,
            change.odd_id,
            change.bookmaker_id,
            change.old and change.old.odds,
            change.new and change.new.odds,
        )
    report.held_ns.append((t0 - began) + (clock() - t1))


def main() -> None:
    """Take updates until the driver ends this process."""
    report = Report()
    client = sgostream.Client(
        api_key=API_KEY, base_url=BASE_URL, ca_file=CA_FILE, proxy=""
    )
    live = client.live()
    subscription = live.subscribe()
    next(subscription)
    report.first()
    counted = {"added": 0, "removed": 0, "skipped": 0}

    def counts() -> dict[str, int]:
        """What became of notifications and versions so far."""
        of = live.stats()
        return {
            **counted,
            "ids_notified": of.ids_notified,
            "ids_answered": of.ids_answered,
            "ids_conflated": of.ids_conflated,
            "ids_refused": of.ids_refused,
            "ids_pending": of.ids_pending,
            "versions_applied": of.versions_applied,
            "versions_unchanged": of.versions_unchanged,
        }

    def more() -> dict[str, Any]:
        """For a window's end."""
        out: dict[str, Any] = {
            "counts": counts(),
            "pending": subscription.stats().pending,
            "bytes_queued": client.stats().bytes_queued,
        }
        if DIGESTS:
            out["digests"] = {
                event_id: hashlib.sha256(event.json()).hexdigest()
                for event_id, event in live.events.items()
            }
        return out

    report.mark = counts
    report.more = more

    def wait() -> None:
        live.wait_live(120)
        # what came meanwhile is taken: nothing of the start is left
        while subscription.stats().pending:
            time.sleep(0.01)
        report.ready(len(live.events), version=sgostream.__version__)

    threading.Thread(target=wait, daemon=True).start()
    while True:
        if GIL_MODE:  # until one is there: waiting does not hold the GIL
            select.select([subscription._core], [], [])
        began = time.thread_time_ns()
        update = next(subscription)
        counted["skipped"] += update.skipped
        if update.kind != "changed":
            counted[update.kind] += 1
            continue
        if GIL_MODE:
            some_prices(report, update, began)
        else:
            prices(report, update)
        report.update(
            update.event.event_id,
            update.event["benchVersion"],
            update.times.received or 0,
        )
        del update


main()
