"""Nothing is lost: between snapshot and subscription, over pages, over gaps."""

from __future__ import annotations

import os
import threading
from typing import Any

import pytest
from rig import Replica, Rig, eventually, take_all

import sgostream

SCORE = ("teams", "home", "score")


def test_a_change_between_snapshot_and_subscription_arrives(rig: Rig) -> None:
    ids = [rig.sim.add_event(live=True) for _ in range(3)]
    held = rig.sim.hold("/stream/pusher/auth")
    live = rig.client().live()
    with live:
        held.wait_arrived()  # the snapshot is in, the subscription is not
        eventually(lambda: len(live.events) == 3, "the snapshot")
        with rig.sim.suppressed():
            rig.sim.patch(ids[1], SCORE, 88)
            late = rig.sim.add_event(live=True)
        held.release()
        live.wait_live(20)
        assert live.events[ids[1]]["teams"]["home"]["score"] == 88
        assert late in live.events
        rig.at_rest(live)


def test_a_change_while_disconnected_arrives(rig: Rig) -> None:
    ids = [rig.sim.add_event(live=True) for _ in range(3)]
    live = rig.client().live()
    gaps: list[sgostream.Gap] = []
    live.on_gap(gaps.append)
    with live:
        live.wait_live(20)
        held = rig.sim.hold("/stream/pusher/auth")
        rig.sim.disconnect(4200)
        held.wait_arrived()
        with rig.sim.suppressed():
            rig.sim.patch(ids[0], SCORE, 91)
        assert live.phase != "live"
        held.release()
        eventually(
            lambda: live.events[ids[0]]["teams"]["home"]["score"] == 91, "the change"
        )
        live.wait_live(20)
        rig.at_rest(live)
        eventually(lambda: gaps, "the gap notice")
        assert gaps[0].events_refetched >= 3
        assert gaps[0].began <= gaps[0].ended


def test_120_ids_in_one_notification_against_the_page_caps(rig: Rig) -> None:
    rig.sim.store.page_cap = 25
    ids = [rig.sim.add_event(live=True, size=4_000) for _ in range(120)]
    live = rig.client().live()
    with live:
        live.wait_live(20)
        assert len(live.events) == 120
        with rig.sim.suppressed():
            for number, event_id in enumerate(ids):
                rig.sim.patch(event_id, SCORE, 200 + number)
        rig.sim.notify(ids)

        def all_there() -> bool:
            return all(
                live.events[event_id]["teams"]["home"]["score"] == 200 + number
                for number, event_id in enumerate(ids)
            )

        eventually(all_there, "120 changes")
        rig.at_rest(live)


def test_answers_that_overtake_each_other_never_go_backwards(rig: Rig) -> None:
    event_id = rig.sim.add_event(live=True)
    live = rig.client().live()
    with live, live.subscribe(conflate=False, initial=False) as updates:
        live.wait_live(20)
        take_all(updates)
        slow = rig.sim.hold("/events", when="after")
        rig.sim.patch(event_id, SCORE, 10)
        slow.wait_arrived()  # the old answer is made, and on its way
        rig.sim.patch(event_id, SCORE, 11)
        rig.sim.patch(event_id, SCORE, 12)
        slow.release()
        eventually(
            lambda: live.events[event_id]["teams"]["home"]["score"] == 12, "the newest"
        )
        seen = [u.event["teams"]["home"]["score"] for u in take_all(updates)]
        assert seen == sorted(seen)
        assert seen[-1] == 12
        rig.at_rest(live)


def test_list_page_overtaken_by_a_refetch_does_not_go_backwards(rig: Rig) -> None:
    event_id = rig.sim.add_event(live=True)
    live = rig.client(reconcile_interval=0.5).live()
    with live, live.subscribe(conflate=False, initial=False) as updates:
        live.wait_live(20)
        page = rig.sim.hold("/events", when="after", params={"live": "true"})
        page.wait_arrived(20)  # a page with the old version is on its way
        rig.sim.patch(event_id, SCORE, 60)
        eventually(
            lambda: live.events[event_id]["teams"]["home"]["score"] == 60, "the change"
        )
        page.release()
        rig.sim.patch(event_id, SCORE, 61)
        eventually(
            lambda: live.events[event_id]["teams"]["home"]["score"] == 61, "the next"
        )
        seen = [u.event["teams"]["home"]["score"] for u in take_all(updates)]
        assert seen == sorted(seen)
        rig.at_rest(live)


#: Under a sanitizer fewer do: each of them takes the same way.
STEPS = 250 if os.environ.get("SGO_SANITIZER") else 1000


@pytest.mark.timeout(300)
def test_1000_notifications_over_200_real_size_events(rig: Rig) -> None:
    rig.sim.add_slate(200, size=900_000, live=1.0)
    client = rig.client()
    live = client.live()
    replicas = [Replica(thorough=False), Replica(thorough=False)]
    stop = threading.Event()
    problems: list[BaseException] = []

    def consume(sub: sgostream.Subscription, replica: Replica, batch: int) -> None:
        try:
            while True:
                got = sub.get_batch(batch, timeout=0.5)
                replica.feed(got)
                if not got and stop.is_set():
                    return
        except BaseException as error:
            problems.append(error)

    with live:
        subs = [
            live.subscribe(include_timestamps=True),
            live.subscribe(include_timestamps=True, conflate=False, max_queue=100_000),
        ]
        threads = [
            threading.Thread(target=consume, args=(sub, replica, batch))
            for sub, replica, batch in zip(subs, replicas, (5, 50), strict=True)
        ]
        for thread in threads:
            thread.start()
        live.wait_live(120)
        rig.sim.play(rate=60.0, steps=STEPS)
        eventually(lambda: rig.sim.played()["steps"] >= STEPS, "all steps", 120)
        eventually(lambda: live.stats().ids_pending == 0, "every answer", 60)

        def equal() -> bool:
            wanted = rig.sim.truth()
            held = live.events
            return all(
                held[i].json() == wanted[i] if i in held else False for i in wanted
            )

        eventually(equal, "events == truth", 60)
        stop.set()
        for thread in threads:
            thread.join(60)
        assert not problems, problems
        for replica in replicas:
            assert set(replica.events) == set(live.events)
            for event_id, event in live.events.items():
                assert event == replica.events[event_id]
        assert live.stats().notifications >= 0.9 * STEPS


def test_a_refused_chunk_is_bisected_until_one_id_is_left(rig: Rig) -> None:
    ids = [rig.sim.add_event(live=True) for _ in range(4)]
    errors: list[BaseException] = []
    live = rig.client().live()
    live.on_error(errors.append)
    with live:
        live.wait_live(20)
        with rig.sim.suppressed():
            for event_id in ids:
                rig.sim.patch(event_id, SCORE, 5)
        bad = ids[2]
        for refused in (ids, ids[2:], ids[2:3]):
            rig.sim.rule(
                "/events",
                params={"eventIDs": ",".join(refused)},
                status=400,
                times=None,
            )
        rig.sim.notify(ids)

        def others() -> Any:
            return all(
                live.events[i]["teams"]["home"]["score"] == 5 for i in ids if i != bad
            )

        eventually(others, "the other three")
        eventually(lambda: errors, "the report")
        assert any(bad in str(error) for error in errors)
        rig.sim.clear_rules()
        rig.sim.notify([bad])
        rig.at_rest(live)


def test_an_event_that_ends_lingers_and_leaves(rig: Rig) -> None:
    event_id = rig.sim.add_event(live=True)
    rig.sim.add_event(live=True)
    live = rig.client(linger=0.5).live()
    with live, live.subscribe(initial=False) as updates:
        live.wait_live(20)
        take_all(updates)
        rig.sim.patch(
            event_id,
            values={("status", "live"): False, ("status", "ended"): True},
        )
        changed = updates.get(timeout=10)
        assert (changed.kind, changed.event["status"]["ended"]) == ("changed", True)
        removed = updates.get(timeout=10)
        assert (removed.kind, removed.cause) == ("removed", "expiry")
        assert event_id not in live.events
