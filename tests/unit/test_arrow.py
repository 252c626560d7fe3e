"""Quotes as Arrow streams, read by those who will read them."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import nanoarrow
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import sgostream
from sgostream import Event, QuoteChanges, Quotes

ODD = {
    "statID": "points",
    "statEntityID": "home",
    "periodID": "game",
    "betTypeID": "ml",
    "sideID": "home",
}
PLAYER = {**ODD, "statEntityID": "P_1", "playerID": "P_1", "betTypeID": "ou"}
TREE: dict[str, Any] = {
    "eventID": "e1",
    "leagueID": "NFL",
    "odds": {
        "points-home-game-ml-home": {
            **ODD,
            "byBookmaker": {
                "alpha": {
                    "odds": "-200",
                    "available": True,
                    "lastUpdatedAt": "2026-01-15T01:11:58.611Z",
                    "deeplink": 'https://a.example/é?"\\',
                },
                "beta": {"odds": "n/a", "spread": "-1.5", "available": False},
            },
        },
        "points-P_1-game-ou-over": {
            **PLAYER,
            "byBookmaker": {
                "alpha": {
                    "odds": "+150",
                    "overUnder": "21.5",
                    "altLines": [{"odds": "+300", "overUnder": "30.5"}],
                },
            },
        },
    },
}
COLUMNS = [
    *("event_id", "league_id", "odd_id", "stat_id", "stat_entity_id", "period_id"),
    *("bet_type_id", "side_id", "player_id", "bookmaker_id", "odds", "decimal"),
    *("line", "available", "last_updated_at", "is_alt_line", "deeplink"),
]
OLD_COLUMNS = ["old_odds", "old_line", "old_available"]


def parse(tree: dict[str, Any]) -> Event:
    return Event.parse(json.dumps(tree))


def variant(event_id: str, **odds: str) -> Event:
    """The event under another id, with bookmakers' odds replaced."""
    tree = json.loads(json.dumps(TREE))
    tree["eventID"] = event_id
    books = tree["odds"]["points-home-game-ml-home"]["byBookmaker"]
    for book, price in odds.items():
        books.setdefault(book, {})["odds"] = price
    return parse(tree)


@pytest.fixture
def quotes() -> Quotes:
    empty = parse({"eventID": "none", "leagueID": "NFL"})
    return Quotes([parse(TREE), empty, variant("e2", gamma="-110")], None, None, True)


def expected_row(event: Any, odd_id: str, book: str, alt: bool, q: Any) -> list[Any]:
    """One row by way of Python objects."""
    odd = event["odds"][odd_id]
    ids = ("statID", "statEntityID", "periodID", "betTypeID", "sideID", "playerID")
    head = [event["eventID"], event.get("leagueID"), odd_id, *map(odd.get, ids), book]
    if q is None:
        return [*head, None, None, None, None, None, alt, None]
    return [
        *(*head, q.odds, q.decimal, q.line, q.available),
        *(q.last_updated_at, alt, q.deeplink),
    ]


def expected(quotes: Quotes) -> list[dict[str, Any]]:
    events = {event.event_id: event for event in quotes._events}
    return [
        dict(
            zip(
                COLUMNS,
                expected_row(
                    events[row.event_id],
                    *(row.odd_id, row.bookmaker_id, row.is_alt_line, row.quote),
                ),
                strict=True,
            )
        )
        for row in quotes
    ]


# --- what is in it


def test_the_schema_is_as_documented(quotes: Quotes) -> None:
    strings = pa.dictionary(pa.int32(), pa.utf8())
    types = {
        **dict.fromkeys(COLUMNS[:10], strings),
        "odds": pa.int32(),
        "decimal": pa.float64(),
        "line": pa.float64(),
        "available": pa.bool_(),
        "last_updated_at": pa.timestamp("ms", "UTC"),
        "is_alt_line": pa.bool_(),
        "deeplink": pa.utf8(),
    }
    schema = pa.schema(quotes)
    assert {field.name: field.type for field in schema} == types
    assert schema.names == COLUMNS
    required = {field.name for field in schema if not field.nullable}
    assert required == {"event_id", "odd_id", "bookmaker_id", "is_alt_line"}
    assert pa.table(quotes).schema == schema
    older = pa.schema(QuoteChanges([]))
    assert older.names == COLUMNS + OLD_COLUMNS
    assert [older.field(name).type for name in OLD_COLUMNS] == [
        *(pa.int32(), pa.float64(), pa.bool_())
    ]
    assert pa.table(QuoteChanges([])).schema == older


@pytest.mark.parametrize("kind", [Quotes, QuoteChanges])
def test_docstrings_list_every_column(kind: type) -> None:
    text = inspect.cleandoc(kind.__doc__ or "") + inspect.cleandoc(Quotes.__doc__ or "")
    for field in pa.schema(
        Quotes([], None, None, False) if kind is Quotes else QuoteChanges([])
    ):
        assert f"\n``{field.name}``" in text


def test_a_table_holds_what_the_rows_hold(quotes: Quotes) -> None:
    table = pa.table(quotes)
    table.validate(full=True)
    assert table.to_pylist() == expected(quotes)
    assert table.num_rows == len(quotes) == 9


def test_events_share_a_batch_and_its_dictionaries(quotes: Quotes) -> None:
    (batch,) = pa.table(quotes).to_batches()
    assert set(batch["event_id"].to_pylist()) == {"e1", "e2"}
    for name in COLUMNS[:10]:
        strings = batch[name].dictionary.to_pylist()
        assert len(set(strings)) == len(strings)
    assert batch["bookmaker_id"].dictionary.to_pylist() == ["alpha", "beta", "gamma"]


def test_the_filter_is_that_of_the_rows() -> None:
    chosen = parse(TREE).quotes(odd_ids=["*-ml-*"], bookmaker_ids=["beta"])
    assert pa.table(chosen).to_pylist() == expected(chosen)
    assert len(chosen) == 1


def test_no_events_make_an_empty_table() -> None:
    for none in (Quotes([], None, None, False), QuoteChanges([])):
        table = pa.table(none)
        table.validate(full=True)
        assert (table.num_rows, len(none)) == (0, 0)
        assert pl.DataFrame(none).columns == table.column_names


def test_text_that_is_no_utf8_is_replaced() -> None:
    tree = json.loads(json.dumps(TREE))
    odd = tree["odds"]["points-home-game-ml-home"]
    odd["statID"] = "a\ud800b\udfff"
    odd["sideID"] = "\U0001f600"  # a pair is no half
    odd["byBookmaker"]["alpha"]["deeplink"] = "\udc00"
    table = pa.table(parse(tree).quotes())
    table.validate(full=True)
    row = table.to_pylist()[0]
    assert row["stat_id"] == "a�b�"
    assert row["side_id"] == "\U0001f600"
    assert row["deeplink"] == "�"


def test_members_of_other_types_are_null() -> None:
    tree = json.loads(json.dumps(TREE))
    tree["leagueID"] = 7
    odd = tree["odds"]["points-home-game-ml-home"]
    odd["statID"] = {"x": 1}
    odd["byBookmaker"]["alpha"] = {"odds": [1], "available": 1, "deeplink": {}}
    row = pa.table(parse(tree).quotes()).to_pylist()[0]
    assert (row["league_id"], row["stat_id"], row["odds"]) == (None, None, None)
    assert (row["available"], row["deeplink"], row["line"]) == (None, None, None)


def test_payloads(samples: Path) -> None:
    events = []
    for path in sorted(samples.glob("*.json")):
        data = json.loads(path.read_text()).get("data")
        events += [parse(e) for e in data if "eventID" in e] if data else []
    for alt_lines in (False, True):
        quotes = Quotes(events[:40], None, None, alt_lines)
        table = pa.table(quotes)
        table.validate(full=True)
        assert table.num_rows == len(quotes)
        if not alt_lines:
            assert table.num_rows > 3000
            unique = {e.event_id: e for e in quotes._events}
            if len(unique) == len(quotes._events):
                assert table.to_pylist() == expected(quotes)


# --- changes


def moved() -> tuple[Event, Event]:
    tree = json.loads(json.dumps(TREE))
    books = tree["odds"]["points-home-game-ml-home"]["byBookmaker"]
    books["alpha"]["odds"] = "-210"
    books["alpha"]["available"] = False
    books["delta"] = {"odds": "+100"}
    del books["beta"]
    line = tree["odds"]["points-P_1-game-ou-over"]["byBookmaker"]["alpha"]
    line["overUnder"] = "22.5"
    return parse(TREE), parse(tree)


def test_changes_hold_old_and_new() -> None:
    old, new = moved()
    changes = QuoteChanges([old.diff(new), new.diff(old)])
    table = pa.table(changes)
    table.validate(full=True)
    rows = []
    for update in changes.updates:
        for change in update.quotes:
            side = update.event if change.new is not None else update.previous
            key = (change.odd_id, change.bookmaker_id, change.is_alt_line)
            was = change.old
            rows.append(
                [
                    *expected_row(side, *key, change.new),
                    *((was.odds, was.line, was.available) if was else (None,) * 3),
                ]
            )
    assert [list(row.values()) for row in table.to_pylist()] == rows
    assert table.num_rows == len(changes) == len(list(changes)) == 8
    assert len(table.to_batches()) == 1
    assert repr(changes) == "<QuoteChanges of 2 updates: 8 rows>"


def test_updates_without_quotes_have_no_rows() -> None:
    old, new = moved()
    same = old.diff(old)
    table = pa.table(QuoteChanges([same, old.diff(new), same]))
    assert [batch.num_rows for batch in table.to_batches()] == [4]


# --- the readers


def test_polars_reads_it(quotes: Quotes) -> None:
    frame = pl.DataFrame(quotes)
    assert frame.to_dicts() == expected(quotes)
    assert frame.schema["bookmaker_id"] == pl.Categorical
    assert frame.schema["last_updated_at"] == pl.Datetime("ms", "UTC")
    best = frame.group_by("bookmaker_id").agg(pl.col("decimal").max())
    assert dict(best.iter_rows())["alpha"] == 4.0


def test_pandas_reads_it(quotes: Quotes) -> None:
    frame = pd.DataFrame.from_arrow(quotes)
    assert list(frame.columns) == COLUMNS
    assert list(frame["bookmaker_id"]) == [row.bookmaker_id for row in quotes]
    assert frame["event_id"].dtype == "category"
    assert frame["last_updated_at"][0] == datetime(
        2026, 1, 15, 1, 11, 58, 611000, tzinfo=UTC
    )
    wanted = [row["decimal"] for row in expected(quotes)]
    assert [None if pd.isna(x) else x for x in frame["decimal"]] == wanted


def test_duckdb_reads_it(quotes: Quotes) -> None:
    with duckdb.connect() as db:
        db.register("q", quotes)
        rows = db.execute("SELECT * EXCLUDE last_updated_at FROM q").fetchall()
        wanted = [
            tuple(value for key, value in row.items() if key != "last_updated_at")
            for row in expected(quotes)
        ]
        assert rows == wanted
        # Again: a registered object is exported anew for each query.
        counted = db.execute(
            "SELECT event_id, count(*), epoch_ms(max(last_updated_at)) "
            "FROM q GROUP BY 1 ORDER BY 1"
        ).fetchall()
    assert counted == [("e1", 4, 1768439518611), ("e2", 5, 1768439518611)]


def test_nanoarrow_reads_and_validates_it(quotes: Quotes) -> None:
    table = nanoarrow.Array(quotes)
    assert len(table) == len(quotes)
    for chunk in table.iter_chunks():
        nanoarrow.c_array(chunk)
    assert [row["bookmaker_id"] for row in table.iter_py()] == [
        row.bookmaker_id for row in quotes
    ]


# --- lifetimes


def test_each_export_is_a_stream_of_its_own(quotes: Quotes) -> None:
    one = pa.RecordBatchReader.from_stream(quotes)
    two = pa.RecordBatchReader.from_stream(quotes)
    assert one.read_next_batch().num_rows == 9
    assert two.read_all().num_rows == 9
    assert one.read_all().num_rows == 0


def test_what_was_read_outlives_everything(quotes: Quotes) -> None:
    wanted = expected(quotes)
    reader = pa.RecordBatchReader.from_stream(quotes)
    batch = reader.read_next_batch()
    column = batch["bookmaker_id"]
    del quotes, reader
    assert batch.to_pylist() == wanted
    del batch
    assert column.to_pylist()[:4] == ["alpha", "beta", "alpha", "alpha"]


def test_it_is_read_on_another_thread(quotes: Quotes) -> None:
    readers = [pa.RecordBatchReader.from_stream(quotes) for _ in range(4)]
    tables: list[Any] = []

    def read(reader: Any) -> None:
        tables.append(reader.read_all())

    threads = [threading.Thread(target=read, args=(reader,)) for reader in readers]
    wanted = expected(quotes)
    del quotes
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [table.to_pylist() for table in tables] == [wanted] * 4


def test_capsules_are_of_the_protocol(quotes: Quotes) -> None:
    assert "arrow_array_stream" in repr(quotes.__arrow_c_stream__())
    assert "arrow_array_stream" in repr(quotes.__arrow_c_stream__(None))
    wanted = nanoarrow.c_schema(nanoarrow.struct({"x": nanoarrow.int32()}))
    capsule = quotes.__arrow_c_stream__(requested_schema=wanted.__arrow_c_schema__())
    assert "arrow_array_stream" in repr(capsule)
    assert "arrow_schema" in repr(quotes.__arrow_c_schema__())


@pytest.mark.parametrize("bad", [[1], [None], 5, ["e"]])
def test_other_things_are_refused(bad: Any) -> None:
    with pytest.raises(TypeError):
        sgostream._core.arrow_quotes(bad)
    with pytest.raises(TypeError):
        sgostream._core.arrow_quote_changes(bad)


PROGRAM = """
import json, os, sys
import sgostream
tree = json.loads(sys.argv[1])
quotes = sgostream.Event.parse(json.dumps(tree)).quotes()
"""
ENDS = {
    "a capsule that nobody read": "capsule = quotes.__arrow_c_stream__()",
    "a capsule in a cycle": "x = [quotes.__arrow_c_stream__()]; x.append(x); del x",
    "a reader that was not drained": (
        "import pyarrow\n"
        "reader = pyarrow.RecordBatchReader.from_stream(quotes)\n"
        "batch = reader.read_next_batch()"
    ),
    "a table": "import pyarrow; sys.modules['sys'].kept = pyarrow.table(quotes)",
    "a frame": "import polars; frame = polars.DataFrame(quotes)",
    "a thread that still holds one": (
        "import pyarrow, threading, time\n"
        "reader = pyarrow.RecordBatchReader.from_stream(quotes)\n"
        "def hold(reader):\n"
        "    reader.read_next_batch(); time.sleep(60)\n"
        "threading.Thread(target=hold, args=(reader,), daemon=True).start()\n"
        "del reader, quotes"
    ),
    "no pyarrow": "quotes.__arrow_c_stream__(); assert 'pyarrow' not in sys.modules",
    "a child of fork": (
        "import pyarrow\n"
        "held = quotes.__arrow_c_stream__()\n"
        "pid = os.fork()\n"
        "if pid == 0:\n"
        "    del held\n"
        "    rows = pyarrow.RecordBatchReader.from_stream(quotes).read_next_batch()\n"
        "    os._exit(0 if rows.num_rows == 3 else 1)\n"
        "assert os.waitpid(pid, 0)[1] == 0"
    ),
}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_the_interpreter_ends_with(end: str) -> None:
    done = subprocess.run(
        [
            *(sys.executable, "-X", "faulthandler", "-W", "ignore::DeprecationWarning"),
            *("-c", PROGRAM + end, json.dumps(TREE)),
        ],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_rows_are_made_one_event_at_a_time() -> None:
    calls: list[str] = []

    class Spy(Event):
        __slots__ = ()

        def quote_rows(self, *args: Any, **kwargs: Any) -> Any:
            calls.append(self.event_id)
            return super().quote_rows(*args, **kwargs)

    events = [Spy.parse(json.dumps({**TREE, "eventID": x})) for x in "ab"]
    rows = Quotes(events, None, None, False)
    assert len(rows) == 6
    assert repr(rows) == "<Quotes of 2 events: 6 rows>"
    assert not calls
    iterator = iter(rows)
    next(iterator)
    assert calls == ["a"]
    assert len(list(iterator)) == 5
