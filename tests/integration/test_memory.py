"""What a client says of its memory is true."""

from __future__ import annotations

import gc
from collections.abc import Callable

from rig import Rig, eventually

import sgostream

HEADS = 4096  # a version's fixed parts: its head, and slack of small blocks


def settles(check: Callable[[], None], timeout: float = 20.0) -> None:
    """Wait until a check of several figures passes; then show which did not."""

    def passes() -> bool:
        gc.collect()
        try:
            check()
        except AssertionError:
            return False
        return True

    try:
        eventually(passes, timeout=timeout)
    except AssertionError:
        check()
        raise


def json_bytes(live: sgostream.Stream) -> int:
    return sum(len(event.json()) for event in live.events.values())


def some_quote(live: sgostream.Stream, event_id: str) -> tuple[str, str]:
    row = next(iter(live.events[event_id].quotes()))
    return row.odd_id, row.bookmaker_id


def test_at_rest_the_newest_versions_are_all_there_is(rig: Rig) -> None:
    ids = [rig.sim.add_event(live=True) for _ in range(5)]
    with rig.client() as client, client.live() as live:
        live.wait_live(20)
        rig.at_rest(live)

        def check() -> None:
            stats, size = client.stats(), json_bytes(live)
            gc.collect()
            assert stats.events_held == len(ids)
            assert client.stats().versions_alive == len(ids)
            assert size < stats.bytes_documents <= 1.25 * size + HEADS * len(ids)
            assert stats.bytes_pool + HEADS * len(ids) >= stats.bytes_documents
            assert stats.bytes_queued == 0
            assert stats.odds_unreadable == 0

        settles(check)


def test_a_pending_update_holds_the_version_before(rig: Rig) -> None:
    event_id = rig.sim.add_event(live=True)
    rig.sim.add_event(live=True)
    with rig.client() as client, client.live() as live:
        live.wait_live(20)
        rig.at_rest(live)
        subscription = live.subscribe(initial=False)
        place = some_quote(live, event_id)
        size = len(live.events[event_id].json())
        for n in range(1, 4):  # three versions, one update
            rig.sim.set_quote(event_id, *place, odds=f"+{n}23")
            rig.at_rest(live)

        def pending() -> None:
            stats = client.stats()
            assert size <= stats.bytes_queued <= 1.5 * size + HEADS
            assert stats.versions_alive == 3

        settles(pending)
        (update,) = subscription.get_batch(timeout=10)
        assert update.skipped == 2
        assert client.stats().bytes_queued == 0
        assert client.stats().versions_alive == 3
        del update
        settles(lambda: eq(client.stats().versions_alive, 2))


def eq(a: object, b: object) -> None:
    assert a == b


def test_a_version_lives_as_long_as_somebody_holds_it(rig: Rig) -> None:
    event_id = rig.sim.add_event(live=True)
    with rig.client() as client, client.live() as live:
        live.wait_live(20)
        rig.at_rest(live)
        place = some_quote(live, event_id)
        old = live.events[event_id]
        view = old["odds"]
        quotes = live.quotes()
        del old
        rig.sim.set_quote(event_id, *place, odds="+777")
        rig.at_rest(live)
        settles(lambda: eq(client.stats().versions_alive, 2))
        del view
        settles(lambda: eq(client.stats().versions_alive, 2))  # quotes hold it
        capsule = quotes.__arrow_c_stream__()
        del quotes
        settles(lambda: eq(client.stats().versions_alive, 2))  # and the export
        del capsule
        settles(lambda: eq(client.stats().versions_alive, 1))


def test_memory_goes_back_when_the_slate_shrinks_and_at_close(rig: Rig) -> None:
    ids = [rig.sim.add_event(live=True, size=1_000_000) for _ in range(24)]
    with rig.client(linger=0.0) as client, client.live() as live:
        live.wait_live(20)
        rig.at_rest(live)
        full = client.stats()
        assert full.bytes_documents > 16 << 20
        kept = live.events[ids[0]]
        for event_id in ids[:-1]:
            rig.sim.patch(
                event_id,
                values={("status", "live"): False, ("status", "ended"): True},
            )

        def shrunk() -> None:
            stats = client.stats()
            assert stats.events_held == 1
            assert stats.bytes_documents < full.bytes_documents / 10
            assert stats.versions_alive == 2
            assert stats.bytes_pool < 3 * stats.bytes_documents + (8 << 20)

        settles(shrunk)
        client.close()
        stats = client.stats()
        assert (stats.events_held, stats.bytes_documents) == (0, 0)
        assert stats.versions_alive == 1
        assert stats.bytes_pool < 1.5 * len(kept.json())
        del kept
        settles(
            lambda: eq(
                (client.stats().versions_alive, client.stats().bytes_pool), (0, 0)
            )
        )


def test_unreadable_odds_are_counted_when_they_are_read(rig: Rig) -> None:
    event_id = rig.sim.add_event(live=True)
    with rig.client() as client, client.live() as live:
        live.wait_live(20)
        rig.at_rest(live)
        place = some_quote(live, event_id)
        rig.sim.set_quote(event_id, *place, odds="n/a")
        rig.at_rest(live)
        assert client.stats().odds_unreadable == 0
        quotes = [row.quote for row in live.quotes()]
        assert [quote.text for quote in quotes if quote.odds is None] == ["n/a"]
        assert client.stats().odds_unreadable == 1
