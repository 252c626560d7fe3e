"""Arrow streams that are read, wholly, in part or not at all, leave nothing."""

from __future__ import annotations

import json
from collections.abc import Callable

import nanoarrow
import polars as pl
import pyarrow as pa
import pytest
from leakcheck import check

from sgostream import Event, QuoteChanges

TREE = {
    "eventID": "e",
    "leagueID": "NFL",
    "odds": {
        f"points-{side}-game-ml-{side}": {
            "statID": "points",
            "sideID": side,
            "byBookmaker": {
                book: {"odds": "-110", "deeplink": "https://x.example/é\\"}
                for book in ("alpha", "beta", "gamma")
            },
        }
        for side in ("home", "away")
    },
}
EVENT = Event.parse(json.dumps(TREE))
NEWER = Event.parse(json.dumps(TREE).replace("-110", "+105"))
QUOTES = EVENT.quotes()
CHANGES = QuoteChanges([EVENT.diff(NEWER), NEWER.diff(EVENT)])


def read_in_part() -> None:
    reader = pa.RecordBatchReader.from_stream(CHANGES)
    batch = reader.read_next_batch()
    column = batch["bookmaker_id"]
    del batch, reader
    assert len(column) == 12  # both in one batch; the end was not asked for


CASES: dict[str, Callable[[], object]] = {
    "a table": lambda: pa.table(QUOTES),
    "a table of changes": lambda: pa.table(CHANGES),
    "read in part": read_in_part,
    "not read": lambda: pa.RecordBatchReader.from_stream(QUOTES),
    "a schema": lambda: (pa.schema(QUOTES), pa.schema(CHANGES)),
    "capsules": lambda: (QUOTES.__arrow_c_stream__(), CHANGES.__arrow_c_schema__()),
    "moved by nanoarrow": lambda: nanoarrow.Array(QUOTES).to_pylist(),
    "a frame": lambda: pl.DataFrame(CHANGES).height,
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_reading(case: Callable[[], object]) -> None:
    check(case, noisy=True)
