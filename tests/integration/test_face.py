"""The face of design: iterators, callbacks, asyncio, filters, states."""

from __future__ import annotations

import asyncio
import gc
import pickle
import subprocess
import sys
import threading
import time
import warnings
from typing import Any

import pytest
from rig import Rig, eventually, take_all

import sgostream

SCORE = ("teams", "home", "score")


def test_three_lines(rig: Rig) -> None:
    event_id = rig.sim.add_event(live=True)
    with sgostream.stream("events:live", **rig.options()) as live:
        for update in live:
            assert update.event.event_id == event_id
            assert update.kind == "added"
            break
        # The default subscription survives the break.
        live.wait_live(20)
        take = threading.Thread(target=rig.sim.patch, args=(event_id, SCORE, 7))
        take.start()
        for update in live:
            if update.kind == "changed" and update.changes[0].new == 7:
                break
        take.join()
    assert live.phase == "closed"
    assert live.client.closed


def test_two_threads_on_the_default_subscription_are_refused(rig: Rig) -> None:
    live = rig.client().live()
    with live:
        waiting = threading.Thread(target=lambda: list(live))
        waiting.start()
        eventually(lambda: live._taking.locked(), "the first waits")
        with pytest.raises(RuntimeError, match="subscribe"):
            next(iter(live))
        live.close()
        waiting.join(5)
        assert not waiting.is_alive()


def test_callbacks_run_in_order_and_survive_exceptions(rig: Rig) -> None:
    event_id = rig.sim.add_event(live=True)
    live = rig.client().live()
    seen: list[Any] = []
    errors: list[BaseException] = []
    states: list[sgostream.StateChange] = []

    @live.on_update
    def collect(update: sgostream.Update) -> None:
        seen.append(update)

    @live.on_update(odd_ids=["*-ml-*"], initial=False)
    def explode(update: sgostream.Update) -> None:
        raise RuntimeError(f"user's bug with {update.kind}")

    live.on_error(errors.append)
    live.on_state(states.append)
    with live:
        live.wait_live(20)
        rig.sim.patch(event_id, SCORE, 3)
        eventually(lambda: [u.kind for u in seen] == ["added", "changed"], "updates")
        eventually(lambda: errors, "the error")
        assert "user's bug" in str(errors[0])
        rig.sim.patch(event_id, SCORE, 4)
        eventually(lambda: len(seen) == 3, "the next update")
    eventually(lambda: states and states[-1].current == "disconnected", "the end")
    words = [s.current for s in states]
    assert words.index("connecting") < words.index("connected")


def test_coroutine_functions_are_refused_as_callbacks(rig: Rig) -> None:
    live = rig.client().live()

    async def wrong(update: sgostream.Update) -> None:
        raise AssertionError("never awaited")

    with pytest.raises(TypeError, match="async for"):
        live.on_update(wrong)
    with live.subscribe() as updates, pytest.raises(TypeError, match="async for"):
        updates.dispatch(wrong)


def test_dispatch_loop_ends_at_close(rig: Rig) -> None:
    rig.sim.add_event(live=True)
    live = rig.client().live()
    seen: list[str] = []
    with live, live.subscribe() as updates:

        def take(update: sgostream.Update) -> None:
            seen.append(update.kind)
            live.close()

        updates.dispatch(take)
    assert seen == ["added"]


def test_asyncio(rig: Rig) -> None:
    event_id = rig.sim.add_event(live=True)

    async def main() -> list[str]:
        kinds = []
        async with sgostream.stream("events:live", **rig.options()) as live:
            await live.wait_live_async(20)
            async for update in live:
                kinds.append(update.kind)
                if update.kind == "added":
                    await asyncio.to_thread(rig.sim.patch, event_id, SCORE, 42)
                elif update.event["teams"]["home"]["score"] == 42:
                    break
            with live.subscribe(initial=False) as updates:
                with pytest.raises(TimeoutError):
                    await updates.aget(timeout=0.05)
            usage = await live.client.usage_async(timeout=10)
            assert usage.tier
            found = await live.client.fetch_async(event_id, timeout=10)
            assert list(found) == [event_id]
        return kinds

    kinds = asyncio.run(main())
    assert kinds[0] == "added"
    assert set(kinds[1:]) == {"changed"}


def test_asyncio_close_elsewhere_ends_the_loop(rig: Rig) -> None:
    async def main() -> int:
        live = rig.client().live()
        count = 0
        async with live:

            async def close_soon() -> None:
                await live.wait_live_async(20)
                await live.aclose()

            task = asyncio.create_task(close_soon())
            async for _ in live:
                count += 1
            await task
        return count

    assert asyncio.run(main()) == 0


def test_one_subscription_serves_one_loop(rig: Rig) -> None:
    rig.sim.add_event(live=True)
    live = rig.client().live()
    with live, live.subscribe() as updates:
        started, done = threading.Event(), threading.Event()

        async def hold() -> None:
            await updates.aget(timeout=10)
            started.set()
            await asyncio.to_thread(done.wait)

        other = threading.Thread(target=asyncio.run, args=(hold(),))
        other.start()
        assert started.wait(15)

        async def second() -> None:
            with pytest.raises(RuntimeError, match="another event loop"):
                await updates.aget(timeout=1)

        asyncio.run(second())
        done.set()
        other.join(5)


def test_sync_for_inside_a_running_loop(rig: Rig) -> None:
    """A notebook cell runs under a loop; plain `for` must work there."""
    rig.sim.add_event(live=True)

    async def cell() -> str:
        with sgostream.stream("events:live", **rig.options()) as live:
            for update in live:
                return update.kind
        return "nothing"

    assert asyncio.run(cell()) == "added"


def test_filters_choose_events_and_what_is_shown(rig: Rig) -> None:
    nfl = rig.sim.add_event(league="NFL", live=True)
    nba = rig.sim.add_event(league="NBA", live=True)
    live = rig.client().live()
    with live:
        live.wait_live(20)
        event = live.events[nfl]
        odd_id = next(i for i, o in event["odds"].items() if o.get("byBookmaker"))
        book = next(iter(event["odds"][odd_id]["byBookmaker"]))
        other = next(
            i for i, o in event["odds"].items() if i != odd_id and o.get("byBookmaker")
        )
        other_book = next(iter(event["odds"][other]["byBookmaker"]))
        with (
            live.subscribe(league_ids=["NFL"], initial=False) as by_league,
            live.subscribe(event_ids=[nba], initial=False) as by_event,
            live.subscribe(odd_ids=[odd_id], initial=False) as by_odd,
            live.subscribe(bookmaker_ids=["nobody"], initial=False) as by_book,
        ):
            rig.sim.set_quote(nfl, odd_id, book, odds="-123")
            shown = by_odd.get(timeout=10)
            assert [(q.odd_id, q.bookmaker_id) for q in shown.quotes] == [
                (odd_id, book)
            ]
            assert shown.quotes[0].new.odds == -123
            assert shown.quotes[0].new.decimal == pytest.approx(1 + 100 / 123)
            rig.sim.set_quote(nfl, other, other_book, odds="+456")
            eventually(
                lambda: (
                    live.events[nfl]["odds"][other]["byBookmaker"][other_book]["odds"]
                    == "+456"
                ),
                "the second change",
            )
            assert take_all(by_odd) == []
            assert take_all(by_event) == []
            assert {u.event.event_id for u in take_all(by_league)} == {nfl}
            assert take_all(by_book) == []
            assert by_odd.stats().hidden >= 1
            assert by_odd.stats().pattern_matches[odd_id] >= 1
        with pytest.raises(ValueError, match=r"\[abc"):
            live.subscribe(odd_ids=["[abc"])


def test_conflation_keeps_the_newest_and_all_changes(rig: Rig) -> None:
    event_id = rig.sim.add_event(live=True)
    live = rig.client().live()
    with live, live.subscribe() as updates:
        live.wait_live(20)
        first = updates.get(timeout=10)
        for score in (1, 2, 3):
            rig.sim.patch(event_id, SCORE, 100 + score)
            eventually(
                lambda wanted=100 + score: (
                    live.events[event_id]["teams"]["home"]["score"] == wanted
                ),
                "the change",
            )
        update = updates.get(timeout=10)
        assert update.previous == first.event
        assert update.skipped == 2
        assert update.event["teams"]["home"]["score"] == 103
        assert sgostream.apply(first.event, update.changes) == update.event.to_dict()
        assert take_all(updates) == []


def test_a_slow_consumer_without_conflation_is_told_once(rig: Rig) -> None:
    event_id = rig.sim.add_event(live=True)
    live = rig.client().live()
    with live, live.subscribe(conflate=False, max_queue=2) as updates:
        live.wait_live(20)
        for score in range(5):
            rig.sim.patch(event_id, SCORE, 300 + score)
            eventually(
                lambda wanted=300 + score: (
                    live.events[event_id]["teams"]["home"]["score"] == wanted
                ),
                "the change",
            )
        with pytest.raises(sgostream.SlowConsumerError):
            list(iter(lambda: updates.get(timeout=5), None))
        last = take_all(updates)[-1]
        assert last.event["teams"]["home"]["score"] == 304
        assert updates.stats().slow_episodes == 1


def test_events_view_and_event_face(rig: Rig) -> None:
    ids = [rig.sim.add_event(live=True) for _ in range(2)]
    live = rig.client().live()
    with live:
        live.wait_live(20)
        assert len(live.events) == 2
        assert ids[0] in live.events
        assert "nothing" not in live.events
        with pytest.raises(KeyError):
            live.events["nothing"]
        event = live.events[ids[0]]
        assert isinstance(event, sgostream.Event)
        assert event.is_live
        assert event.title == f"{event.away} @ {event.home}"
        assert event.starts_at is not None
        assert event.starts_at.tzinfo is not None
        assert hash(event) == hash(event.event_id)
        rows = list(event.quotes())
        assert rows
        assert all(row.event_id == event.event_id for row in rows)
        assert len(live.quotes()) >= len(rows)
        again = pickle.loads(pickle.dumps(event))
        assert again == event
        assert isinstance(again, sgostream.Event)
    # Events outlive their client.
    live.client.close()
    assert event["eventID"] == ids[0]
    assert event == again


def test_update_repr_is_one_readable_line(rig: Rig) -> None:
    event_id = rig.sim.add_event(league="NFL", live=True)
    live = rig.client().live()
    with live, live.subscribe(initial=False) as updates:
        live.wait_live(20)
        take_all(updates)
        rig.sim.patch(event_id, SCORE, 21)
        text = repr(updates.get(timeout=10))
        assert text.startswith("NFL ")
        assert " @ " in text
        assert text.endswith("score")
        assert "\n" not in text


def test_usage_and_stats(rig: Rig) -> None:
    client = rig.client()
    rig.sim.limit("per-minute", requests=300)
    usage = client.usage(timeout=10)
    assert usage.tier == "allstar"
    assert usage.rate_limits["per-minute"].max_requests == 300
    assert usage.rate_limits["per-second"].max_requests is None
    with client.live() as live:
        live.wait_live(20)
        assert live.stats().reconciles >= 1
        assert client.stats().requests >= 4


def test_usage_forecasts(rig: Rig) -> None:
    rig.sim.add_event(live=True)
    rig.sim.limit("per-hour", requests=5000, entities=70_000)
    client = rig.client(transport="poll", poll_interval=45.0)
    with client.live() as live:
        live.wait_live(20)
        seen = client.usage(timeout=10).forecast
    assert seen.known
    hour = seen.requests["hour"]
    assert (hour.limit, hour.used + hour.left) == (5000, 5000)
    assert hour.used >= 1
    assert seen.objects["hour"].limit == 70_000
    assert seen.objects["hour"].used >= 1
    assert "second" not in seen.requests  # unlimited
    assert seen.poll_interval is not None
    assert seen.poll_interval >= 45.0


@pytest.mark.parametrize("call", ["fetch_async", "usage_async"])
def test_what_a_coroutine_asks_is_logged_as_well(rig: Rig, call: str) -> None:
    event_id = rig.sim.add_event(live=True)
    client = rig.client()
    arguments = [event_id] if call == "fetch_async" else []
    asyncio.run(getattr(client, call)(*arguments, timeout=10))
    names = [thread.name for thread in threading.enumerate()]
    assert "sgostream-reports" in names
    client.close()


def test_fetch_finds_what_the_api_knows(rig: Rig) -> None:
    ids = [rig.sim.add_event(live=False) for _ in range(30)]
    found = rig.client().fetch(*ids, "doesNotExist00000000", timeout=20)
    assert set(found) == set(ids)


def test_close_is_idempotent_and_final(rig: Rig) -> None:
    client = rig.client()
    live = client.live()
    live.wait_live(20)
    client.close()
    client.close()
    assert live.phase == "closed"
    assert live.connection == "disconnected"
    with pytest.raises(sgostream.ClosedError):
        client.live().start()
    assert list(live) == [] if live._default else True


def test_forgotten_client_warns_and_is_closed(rig: Rig) -> None:
    live = sgostream.stream("events:live", **rig.options())
    live.wait_live(20)
    threads = threading.active_count()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        del live
        gc.collect()
        eventually(
            lambda: any(issubclass(w.category, ResourceWarning) for w in caught),
            "the warning",
        )
    eventually(lambda: not rig.sim.connections(), "the end of the socket")
    assert threading.active_count() <= threads


def test_forgotten_stream_ends_the_interpreter_at_once(rig: Rig) -> None:
    rig.sim.add_event(live=True)
    program = (
        "import sgostream\n"
        f"live = sgostream.stream('events:live', **{rig.options()!r})\n"
        "live.wait_live(20)\n"
        "print('live', flush=True)\n"
    )
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-W", "always", "-c", program],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "live\n"
    assert "ResourceWarning" in done.stderr
    assert time.monotonic() - began < 30
