"""The core's iterator and callback interface, fed by the simulator."""

from __future__ import annotations

import gc
import itertools
import json
import select
import sys
import threading
import time
import weakref
from collections.abc import Iterator
from typing import Any

import pytest
from rig import eventually

from sgostream import _core
from sgostream.sim import Simulator

SCORE = ("teams", "home", "score")


class MyEvent(_core.Event):
    __slots__ = ()


class MyUpdate(_core.Update):
    __slots__ = ("note",)

    note: str


@pytest.fixture(scope="module")
def sim() -> Iterator[Simulator]:
    with Simulator(seed=3) as running:
        yield running


@pytest.fixture
def event_id(sim: Simulator) -> str:
    return sim.add_event(live=True)


@pytest.fixture
def client(sim: Simulator) -> Iterator[_core.Client]:
    made = make(sim)
    yield made
    made.close()


@pytest.fixture
def stream(client: _core.Client, event_id: str) -> _core.Stream:
    return client.stream("events:byid", {"eventID": event_id})


def make(sim: Simulator, **more: Any) -> _core.Client:
    return _core.Client(
        **{
            "api_key": sim.api_key,
            "base_url": sim.base_url,
            "proxy": "",
            "event_type": MyEvent,
            "update_type": MyUpdate,
            **more,
        }
    )


def test_iteration(sim: Simulator, stream: _core.Stream, event_id: str) -> None:
    subscription = _core.Subscription(stream)
    first = next(subscription)
    assert type(first) is MyUpdate
    assert (first.kind, first.cause, first.event_id) == ("added", "snapshot", event_id)
    assert type(first.event) is MyEvent
    assert first.previous is None
    assert first.stream is stream
    (change,) = first.changes
    assert change.path == ()
    assert change.old is _core.MISSING
    assert change.new is first.event
    assert len(first.quotes) == len(first.event.quote_rows())
    assert all(quote.old is None for quote in first.quotes)
    first.note = "slots of a subclass work"
    stream.wait_live(20)

    before = time.time_ns()
    sim.patch(event_id, SCORE, 41)
    second = next(subscription)
    assert (second.kind, second.cause) == ("changed", "notification")
    assert [(c.path, c.new) for c in second.changes] == [(SCORE, 41)]
    assert second.previous == first.event
    assert second.skipped == 0
    assert second.stale is False
    times = second.times
    assert times.notified is not None
    assert times.taken is not None
    order = [t for t in times if t is not None]
    assert len(order) == 5
    # Each is converted on its own: equal moments may differ by a hair.
    assert all(b > a - 1_000_000 for a, b in itertools.pairwise(order))
    assert before - 1_000_000_000 < order[0] <= order[-1] < time.time_ns() + 10**9

    held = stream.event(event_id)
    assert held == second.event
    assert type(held) is MyEvent
    assert stream.events() == [held]
    assert stream.event_ids() == [event_id]
    assert stream.event_count == 1
    seconds, reason = stream.staleness(event_id)
    assert seconds is not None
    assert 0 <= seconds < 60
    assert reason
    stats = subscription.stats()
    assert (stats["delivered"], stats["pending"]) == (2, 0)


def test_batches_conflate(sim: Simulator, stream: _core.Stream, event_id: str) -> None:
    subscription = _core.Subscription(stream)
    stream.wait_live(20)
    assert len(subscription.get_batch(timeout=10)) == 1
    for score in range(50, 60):
        sim.patch(event_id, SCORE, score)
    eventually(lambda: stream.events()[0]["teams"]["home"]["score"] == 59)
    (update,) = subscription.get_batch(max=10, timeout=10)
    assert update.event["teams"]["home"]["score"] == 59
    assert [(c.path, c.new) for c in update.changes] == [(SCORE, 59)]
    assert subscription.take_nowait() == []


def test_without_conflation_every_version_comes(
    sim: Simulator, stream: _core.Stream, event_id: str
) -> None:
    subscription = _core.Subscription(stream, conflate=False, max_queue=100)
    stream.wait_live(20)
    seen = [u.event["teams"]["home"]["score"] for u in subscription.get_batch()]
    for score in (71, 72, 73):
        sim.patch(event_id, SCORE, score)
        eventually(lambda s=score: stream.events()[0]["teams"]["home"]["score"] == s)
    updates = subscription.get_batch(timeout=10)
    assert [u.event["teams"]["home"]["score"] for u in updates] == [71, 72, 73]
    assert updates[0].previous is not None
    assert updates[0].previous["teams"]["home"]["score"] == seen[-1]


def test_the_descriptor_follows_the_queue(
    sim: Simulator, stream: _core.Stream, event_id: str
) -> None:
    subscription = _core.Subscription(stream)
    stream.wait_live(20)
    assert select.select([subscription], [], [], 10)[0]
    assert len(subscription.take_nowait() or ()) == 1
    assert subscription.take_nowait() == []
    assert not select.select([subscription], [], [], 0)[0]
    sim.patch(event_id, SCORE, 33)
    assert select.select([subscription], [], [], 10)[0]
    assert len(subscription.take_nowait() or ()) == 1


def test_filters_are_exact(
    sim: Simulator, client: _core.Client, stream: _core.Stream, event_id: str
) -> None:
    _core.Subscription(stream).get(20)
    (held,) = stream.events()
    odd_id, bookmaker_id, *_ = held.quote_rows()[0]
    one = client.subscribe(
        stream, odd_ids=[odd_id, "no-such-*"], bookmaker_ids=[bookmaker_id]
    )
    update = one.get(20)
    assert {(q.odd_id, q.bookmaker_id) for q in update.quotes} == {
        (odd_id, bookmaker_id)
    }
    matched, unmatched = one.pattern_matches()
    assert matched > 0
    assert unmatched == 0
    assert client.subscribe(stream, event_ids=["other"]).take_nowait() == []


# --- dispatch


def test_dispatch_calls_in_order_and_ends_at_close(
    sim: Simulator, stream: _core.Stream, event_id: str
) -> None:
    subscription = _core.Subscription(stream)
    seen: list[Any] = []

    def callback(update: _core.Update) -> None:
        seen.append((update.kind, update.event["teams"]["home"]["score"]))
        if seen[-1][1] == 93:
            subscription.close()

    thread = threading.Thread(target=subscription.dispatch, args=(callback,))
    thread.start()
    stream.wait_live(20)
    for score in (91, 92, 93):
        sim.patch(event_id, SCORE, score)
        eventually(lambda s=score: ("changed", s) in seen)
    thread.join(10)
    assert not thread.is_alive()
    assert [kind for kind, _ in seen] == ["added", *["changed"] * 3]


def test_dispatch_hands_exceptions_to_on_error(
    sim: Simulator, stream: _core.Stream, event_id: str
) -> None:
    subscription = _core.Subscription(stream)
    errors: list[BaseException] = []

    def callback(update: _core.Update) -> None:
        if update.kind == "added":
            sim.patch(event_id, SCORE, 17)
            raise ZeroDivisionError("mine")
        subscription.close()

    subscription.dispatch(callback, on_error=errors.append)
    (error,) = errors
    assert isinstance(error, ZeroDivisionError)
    assert error.__traceback__ is not None
    assert error.__traceback__.tb_frame.f_code.co_name == "callback"


def test_dispatch_without_on_error_uses_the_unraisable_hook(
    sim: Simulator,
    stream: _core.Stream,
    event_id: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    subscription = _core.Subscription(stream)
    caught: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda info: caught.append(info))

    def callback(update: _core.Update) -> None:
        subscription.close()
        raise ZeroDivisionError

    subscription.dispatch(callback)
    assert [info.exc_type for info in caught] == [ZeroDivisionError]
    assert caught[0].object is callback


def test_an_on_error_that_raises_is_told_too(
    stream: _core.Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    subscription = _core.Subscription(stream)
    caught: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda info: caught.append(info))

    def callback(update: _core.Update) -> None:
        subscription.close()
        raise ZeroDivisionError

    def on_error(error: BaseException) -> None:
        raise KeyError("also bad")

    subscription.dispatch(callback, on_error)
    assert [info.exc_type for info in caught] == [KeyError]


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_what_is_no_exception_leaves_dispatch(
    stream: _core.Stream, kind: type[BaseException]
) -> None:
    subscription = _core.Subscription(stream)

    def callback(update: _core.Update) -> None:
        raise kind

    with pytest.raises(kind):
        subscription.dispatch(callback, on_error=lambda error: None)


# --- errors, calls


def test_a_fatal_error_is_raised_again_and_again(sim: Simulator) -> None:
    client = make(sim, api_key="wrong-key-0000000000")
    stream = client.stream("events:live")
    subscription = client.subscribe(stream)
    for take in (
        lambda: next(subscription),
        subscription.get,
        subscription.get_batch,
        subscription.take_nowait,
        lambda: subscription.dispatch(print),
        lambda: stream.wait_live(20),
        lambda: stream.wait_closed(20),
    ):
        with pytest.raises(Exception, match=r"401|key") as caught:
            take()
        assert type(caught.value).__name__ == "AuthenticationError"
        assert "wrong-key" not in str(caught.value)
    state = stream.state()
    assert state.failed
    assert type(state.error).__name__ == "AuthenticationError"
    client.close()


def test_fetch(sim: Simulator, client: _core.Client, event_id: str) -> None:
    other = sim.add_event(live=False)
    call = client.fetch([event_id, other, "no-such-event"])
    assert select.select([call], [], [], 20)[0] == [call]
    call.wait(timeout=20)
    call.wait()
    found = {event.event_id: event for event in call.events}
    assert set(found) == {event_id, other}
    assert all(type(event) is MyEvent for event in found.values())
    assert found[event_id] == json.loads(found[event_id].json())
    assert call.json == ""


def test_usage(client: _core.Client) -> None:
    call = client.usage()
    call.wait(20)
    assert isinstance(json.loads(call.json), dict)
    assert call.events == []


# --- several streams, lifetime


def test_an_update_names_its_stream(
    sim: Simulator, client: _core.Client, event_id: str
) -> None:
    other_id = sim.add_event(live=True)
    one = client.stream("events:byid", {"eventID": event_id})
    two = client.stream("events:byid", {"eventID": other_id})
    both = client.subscribe([one, two])
    found = {}
    while len(found) < 2:
        update = both.get(20)
        found[update.event_id] = update.stream
    assert found == {event_id: one, other_id: two}


def test_an_update_outlives_everything(sim: Simulator, event_id: str) -> None:
    client = make(sim)
    stream = client.stream("events:byid", {"eventID": event_id})
    subscription = client.subscribe(stream)
    update = subscription.get(20)
    plain = update.event.to_dict()
    gone = [weakref.ref(x) for x in (subscription,)]
    client.close()
    del client, stream, subscription
    gc.collect()
    assert gone[0]() is None
    assert update.event == plain
    assert update.stream is not None
    assert update.stream.state().phase == "closed"
    view = update.event["teams"]
    del update
    gc.collect()
    assert view == plain["teams"]


def test_taking_gives_the_old_version_back(
    sim: Simulator, client: _core.Client, stream: _core.Stream, event_id: str
) -> None:
    subscription = _core.Subscription(stream)
    subscription.get(20)
    stream.wait_live(20)
    sim.patch(event_id, SCORE, 81)
    eventually(lambda: stream.events()[0]["teams"]["home"]["score"] == 81)
    assert client.stats()["bytes_queued"] > 0
    subscription.get(20)
    assert client.stats()["bytes_queued"] == 0
