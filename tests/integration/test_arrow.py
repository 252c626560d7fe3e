"""Arrow tables of a stream and of a subscription, over the network."""

from __future__ import annotations

import polars as pl
import pyarrow as pa
import pytest
from rig import Rig, eventually

import sgostream


def test_a_stream_is_a_table(rig: Rig) -> None:
    ids = [rig.sim.add_event(live=True) for _ in range(3)]
    with rig.client() as client, client.live() as live:
        live.wait_live(20)
        eventually(lambda: set(live.events) == set(ids))
        frame = pl.DataFrame(live.quotes())
        assert set(frame["event_id"].unique()) == set(ids)
        assert len(frame) == sum(len(e.quotes()) for e in live.events.values())
        odd = frame.row(0, named=True)
        quote = live.events[odd["event_id"]]["odds"][odd["odd_id"]]["byBookmaker"]
        assert int(quote[odd["bookmaker_id"]]["odds"]) == odd["odds"]
        one = live.quotes(bookmaker_ids=["draftkings"])
        assert set(pl.DataFrame(one)["bookmaker_id"].unique()) == {"draftkings"}


def test_exports_are_read_after_close(rig: Rig) -> None:
    rig.sim.add_event(live=True)
    rig.sim.add_event(live=True)
    client = rig.client()
    live = client.live()
    live.wait_live(20)
    quotes = live.quotes()
    changes = live.subscribe().quote_changes(timeout=10)
    readers = [pa.RecordBatchReader.from_stream(x) for x in (quotes, changes)]
    first = readers[0].read_next_batch()
    client.close()
    del client, live, changes
    assert readers[0].read_all().num_rows + first.num_rows == len(quotes)
    assert readers[1].read_all().num_rows > 0
    assert pa.table(quotes).num_rows == len(quotes)  # it holds its versions


def test_a_subscription_gives_tables_of_what_moved(rig: Rig) -> None:
    event_id = rig.sim.add_event(live=True)
    with rig.client() as client, client.by_id(event_id) as game:
        subscription = game.subscribe(bookmaker_ids=["draftkings"])
        first = subscription.quote_changes(timeout=20)
        assert [update.kind for update in first.updates] == ["added"]
        table = pa.table(first)
        assert table.num_rows == len(first) > 0
        assert table["old_odds"].null_count == table.num_rows
        game.wait_live(20)
        odd_id = table["odd_id"][0].as_py()
        old = table["odds"][0].as_py()
        nothing = subscription.quote_changes(timeout=0.0)
        assert (len(nothing), nothing.updates) == (0, ())
        assert pa.table(nothing).schema == table.schema

        rig.sim.set_quote(event_id, odd_id, "draftkings", odds="+4567")
        moved = pa.table(subscription.quote_changes(timeout=20))
        assert moved.select(["odd_id", "odds", "old_odds"]).to_pylist() == [
            {"odd_id": odd_id, "odds": 4567, "old_odds": old}
        ]
        subscription.close()
        with pytest.raises(sgostream.ClosedError):
            subscription.quote_changes(timeout=1)
