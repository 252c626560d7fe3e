"""Quotes to a data frame: 100,000 rows by Arrow against a list of dicts.

Prints one line of JSON.  Both make the same columns of the same events: text,
American and decimal odds, line, time stamp.  Decoding the events' JSON is in
neither.
"""

from __future__ import annotations

import argparse
import gc
import json
import statistics
import time
from collections.abc import Callable
from typing import Any

import polars as pl

import sgostream
from sgostream.sim import Simulator

ROWS = 100_000


def rows_of(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The list of dicts."""
    out = []
    for event in events:
        event_id, league = event["eventID"], event["leagueID"]
        for odd_id, odd in event["odds"].items():
            for book, quote in odd.get("byBookmaker", {}).items():
                text = quote.get("odds")
                odds = int(text) if text else None
                decimal = None
                if odds is not None:
                    decimal = 1 + odds / 100 if odds >= 100 else 1 - 100 / odds
                line = quote.get("spread", quote.get("overUnder"))
                out.append(
                    {
                        "event_id": event_id,
                        "league_id": league,
                        "odd_id": odd_id,
                        "stat_id": odd.get("statID"),
                        "stat_entity_id": odd.get("statEntityID"),
                        "period_id": odd.get("periodID"),
                        "bet_type_id": odd.get("betTypeID"),
                        "side_id": odd.get("sideID"),
                        "player_id": odd.get("playerID"),
                        "bookmaker_id": book,
                        "odds": odds,
                        "decimal": decimal,
                        "line": float(line) if line else None,
                        "available": quote.get("available"),
                        "last_updated_at": quote.get("lastUpdatedAt"),
                        "is_alt_line": False,
                        "deeplink": quote.get("deeplink"),
                    }
                )
    return out


def by_dicts(events: list[dict[str, Any]]) -> pl.DataFrame:
    """The frame by way of dicts; polars parses the time stamps, which is fastest."""
    stamps = pl.col("last_updated_at").str.to_datetime(
        "%Y-%m-%dT%H:%M:%S%.3fZ", time_unit="ms", time_zone="UTC"
    )
    frame = pl.DataFrame(rows_of(events), infer_schema_length=None)
    return frame.with_columns(stamps)


def timed(call: Callable[[], pl.DataFrame]) -> float:
    """Milliseconds."""
    began = time.perf_counter()
    frame = call()
    took = (time.perf_counter() - began) * 1000
    del frame
    return took


def main() -> None:
    """Measure in turns."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    sim = Simulator(seed=1)
    sim.add_slate(26, size=1_110_000, leagues=("NFL", "NBA", "MLB"), live=1.0)
    texts = list(sim.truth().values())
    events, rows = [], 0
    for text in texts:
        event = sgostream.Event.parse(text)
        count = len(list(event.quotes()))
        if rows < ROWS:
            events.append(event)
            rows += count
    dicts = [json.loads(text) for text in texts[: len(events)]]
    table = sgostream._event.Quotes(events, None, None, False)
    arrow_frame, dict_frame = pl.DataFrame(table), by_dicts(dicts)
    same = ["odds", "decimal", "line", "available", "last_updated_at", "deeplink"]
    if not arrow_frame.select(same).equals(
        dict_frame.select(same).cast({"odds": pl.Int32})
    ):
        raise AssertionError("the two frames differ")
    gc.freeze()
    arrow, slow = [], []
    for _ in range(rounds):
        slow.append(timed(lambda: by_dicts(dicts)))
        arrow.append(timed(lambda: pl.DataFrame(table)))
    print(
        json.dumps(
            {
                "rows": arrow_frame.height,
                "arrow_ms": statistics.median(arrow),
                "dicts_ms": statistics.median(slow),
                "ratio": statistics.median(
                    b / a for a, b in zip(arrow, slow, strict=True)
                ),
                "polars": pl.__version__,
            }
        )
    )


if __name__ == "__main__":
    main()
