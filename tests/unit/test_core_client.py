"""Client, Stream, Subscription and Call of the core, without a server."""

from __future__ import annotations

import gc
import itertools
import logging
import os
import select
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from sgostream import _core

KEY = "0123456789abcdef-a-key"
NOWHERE = "http://127.0.0.1:9/v2"  # refuses connections


@pytest.fixture(autouse=True)
def _plain_errors() -> Iterator[None]:
    """Errors as _core.Error, whatever the package has set."""
    from sgostream import _errors

    _core.set_error_factory(None)
    yield
    _core.set_error_factory(_errors._make_error)


@pytest.fixture
def client() -> Iterator[_core.Client]:
    made = _core.Client(api_key=KEY, base_url=NOWHERE, proxy="")
    yield made
    made.close()


@pytest.fixture
def stream(client: _core.Client) -> _core.Stream:
    return client.stream("events:live")


@pytest.fixture
def subscription(client: _core.Client, stream: _core.Stream) -> _core.Subscription:
    return client.subscribe(stream)


def later(seconds: float, call: Callable[[], object]) -> threading.Timer:
    timer = threading.Timer(seconds, call)
    timer.daemon = True
    timer.start()
    return timer


def took(call: Callable[[], object]) -> float:
    began = time.monotonic()
    call()
    return time.monotonic() - began


# --- options


def test_a_client_needs_a_key() -> None:
    with pytest.raises(TypeError, match="api_key"):
        _core.Client()  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="keyword"):
        _core.Client(KEY)  # type: ignore[call-arg]
    for empty in ("", "a\nb"):
        with pytest.raises((ValueError, _core.Error)):
            _core.Client(api_key=empty)


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"nonsense": 1}, TypeError, "nonsense"),
        ({"base_url": 1}, TypeError, "base_url must be a str, not int"),
        ({"base_url": "http://a\0b"}, ValueError, "base_url contains a NUL"),
        ({"bookmaker_ids": "alpha"}, TypeError, "bookmaker_ids must be a sequence"),
        ({"bookmaker_ids": [1]}, TypeError, "bookmaker_ids must be a str, not int"),
        ({"bookmaker_ids": 3}, TypeError, "iterable"),
        ({"timeout": "x"}, TypeError, "timeout must be a number of seconds, not str"),
        ({"timeout": -1}, ValueError, "timeout must be zero or more seconds, not -1"),
        ({"timeout": float("nan")}, ValueError, "not nan"),
        ({"linger": -0.5}, ValueError, "linger"),
        ({"max_events": -1}, ValueError, "max_events must be from 0"),
        ({"max_events": 1 << 80}, ValueError, "max_events"),
        ({"max_events": 1.5}, TypeError, "max_events must be an int, not float"),
        ({"max_requests_in_flight": 1 << 40}, ValueError, "max_requests_in_flight"),
        ({"transport": "pigeon"}, ValueError, "unknown transport 'pigeon'"),
        ({"transport": 1}, TypeError, "transport must be a str"),
        ({"event_type": dict}, TypeError, "event_type must be a subclass"),
        ({"update_type": _core.Event}, TypeError, "update_type must be a subclass"),
        ({"event_type": "Event"}, TypeError, "event_type must be a subclass"),
    ],
)
def test_bad_options_name_themselves(
    options: dict[str, Any], error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text) as caught:
        _core.Client(api_key=KEY, **options)
    assert KEY not in str(caught.value)


def test_a_bad_key_is_not_quoted() -> None:
    for bad in (KEY + "\0", KEY + "\ud800", KEY + "\n"):
        with pytest.raises((ValueError, _core.Error)) as caught:
            _core.Client(api_key=bad)
        assert KEY not in str(caught.value)
        assert KEY not in repr(caught.value)
        cause = caught.value.__cause__ or caught.value.__context__
        assert cause is None or KEY not in repr(cause)


def test_all_options_are_taken() -> None:
    made = _core.Client(
        api_key=KEY,
        base_url="https://api.example/v2",
        bookmaker_ids=("alpha",),
        odd_ids=iter(["points-home-game-ml-home"]),
        include_alt_lines=True,
        include_opposing_odds=True,
        include_open_close_odds=False,
        expand_results=True,
        transport="websocket",
        timeout=1,
        reconcile_interval=60.5,
        linger=0,
        poll_interval=5,
        max_events=10,
        max_bytes=1 << 30,
        max_requests_in_flight=2,
        proxy=None,
        ca_file=None,
        allow_auth_hosts=["auth.example:8443"],
        record_file=None,
        log_level=logging.DEBUG,
        seed=1,
        activity_timeout=None,
        pong_timeout=2.5,
        event_type=None,
        update_type=None,
    )
    made.close()


def test_no_repr_shows_the_key(client: _core.Client, stream: _core.Stream) -> None:
    for thing in (client, stream, client.stats(), stream.state(), stream.stats()):
        assert KEY not in repr(thing)
    assert repr(client) == "<Client open>"
    client.close()
    assert repr(client) == "<Client closed>"
    # Nothing of the binding refers to it.
    assert not any(
        isinstance(item, str) and KEY in item for item in gc.get_referents(client)
    )


# --- life cycle


def test_closing_twice_and_using_what_is_closed(client: _core.Client) -> None:
    stream = client.stream("events:live")
    subscription = client.subscribe(stream)
    assert not client.closed
    client.close()
    client.close()
    assert client.closed
    for use in (
        lambda: client.stream("events:live"),
        lambda: client.subscribe(stream),
        lambda: client.fetch(["a"]),
        client.usage,
        stream.start,
        subscription.get,
        subscription.get_batch,
    ):
        with pytest.raises(_core.Error) as caught:
            use()
        assert caught.value.kind == "closed"
    stream.close()
    subscription.close()
    assert list(subscription) == []
    assert subscription.take_nowait() is None
    assert subscription.dispatch(print) is None
    assert stream.state().phase == "closed"
    assert client.stats()["events_held"] == 0
    assert stream.event("x") is None
    assert stream.events() == stream.event_ids() == []
    while client.take_report(timeout=5) is not None:
        pass


def test_close_is_quick(client: _core.Client) -> None:
    for _ in range(3):
        client.stream("events:live").start()
    client.fetch(["a"])
    assert took(client.close) < 1.0


def test_dropping_everything_frees_it_without_the_collector() -> None:
    gc.collect()
    gc.disable()
    try:
        made = _core.Client(api_key=KEY, base_url=NOWHERE)
        stream = made.stream("events:live")
        subscription = made.subscribe(stream)
        call = made.fetch(["a"])
        gone = [weakref.ref(x) for x in (made, stream, subscription, call)]
        del made, stream, call
        assert gone[0]() is not None  # the subscription keeps its stream and client
        assert took(subscription.__class__.close.__get__(subscription)) < 1
        del subscription
        assert [reference() for reference in gone] == [None] * 4
    finally:
        gc.enable()


def test_subclasses_and_cycles() -> None:
    class MyClient(_core.Client):
        pass

    class MyStream(_core.Stream):
        pass

    class MySubscription(_core.Subscription):
        pass

    made = MyClient(api_key=KEY, base_url=NOWHERE)
    stream = MyStream(made, "events:byid", {"eventID": "e"})
    subscription = MySubscription(stream, initial=False)
    assert stream.client is made
    assert subscription.streams == (stream,)
    made.stream_of_mine = stream  # type: ignore[attr-defined]
    stream.subscription = subscription  # type: ignore[attr-defined]
    gone = [weakref.ref(x) for x in (made, stream, subscription)]
    del made, stream, subscription
    gc.collect()
    assert [reference() for reference in gone] == [None] * 3


def test_a_cycle_through_the_event_type_is_collected() -> None:
    class Mine(_core.Event):
        client: Any

    Mine.client = _core.Client(api_key=KEY, base_url=NOWHERE, event_type=Mine)
    gone = weakref.ref(Mine.client)
    del Mine
    gc.collect()
    assert gone() is None


# --- streams


def test_streams_have_ids_and_states(client: _core.Client) -> None:
    one = client.stream("events:live")
    two = client.stream("events:upcoming", {"leagueID": "NFL"})
    three = client.stream(feed="events:new-kind", params={"x": "y"})
    assert len({one.id, two.id, three.id}) == 3
    state = one.state()
    assert state[:4] == ("initialized", "idle", False, state.serial)
    assert state.error is None
    assert one.event_count == 0
    assert one.stats()["notifications"] == 0
    assert one.stats()["last_frame_age"] is None
    seconds, reason = one.staleness()
    assert seconds is None
    assert reason
    with pytest.raises(KeyError, match="nope"):
        one.staleness("nope")
    with pytest.raises(TypeError):
        one.staleness(1)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        one.event(1)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ((), TypeError),
        ((1,), TypeError),
        (("events:live", [("a", "b")]), TypeError),
        (("events:live", {"a": 1}), TypeError),
        (("events:live", {1: "a"}), TypeError),
        (("events:live", {"a": "x\0y"}), ValueError),
        (("events:x", {f"p{i}": "v" for i in range(65)}), ValueError),
        (("",), (ValueError, _core.Error)),
        (("events:upcoming",), (ValueError, _core.Error)),
        (("events:byid", {}), (ValueError, _core.Error)),
    ],
)
def test_bad_streams(
    client: _core.Client, arguments: tuple[Any, ...], error: Any
) -> None:
    with pytest.raises(error):
        client.stream(*arguments)


def test_waits_of_streams_time_out(stream: _core.Stream) -> None:
    serial = stream.state().serial
    for wait in (
        stream.wait_live,
        stream.wait_closed,
        lambda timeout: stream.wait_change(serial, timeout),
    ):
        with pytest.raises(TimeoutError, match=r"within 0\.05 s"):
            wait(timeout=0.05)
        with pytest.raises(TimeoutError):
            wait(timeout=0)
        with pytest.raises(ValueError, match="timeout must be zero or more seconds"):
            wait(timeout=-1)
        with pytest.raises(TypeError):
            wait(timeout="1")


def test_waits_of_streams_end(stream: _core.Stream) -> None:
    serial = stream.state().serial
    later(0.05, stream.start)
    stream.wait_change(serial, timeout=10)
    assert stream.state().connection != "initialized"
    later(0.05, stream.close)
    stream.wait_closed(timeout=10)
    with pytest.raises(_core.Error) as caught:
        stream.wait_live(timeout=10)
    assert caught.value.kind == "closed"


# --- subscriptions


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"nonsense": 1}, TypeError, "nonsense"),
        ({"odd_ids": "points-*"}, TypeError, "odd_ids"),
        ({"odd_ids": [""]}, (ValueError, _core.Error), "odd_ids"),
        ({"min_interval": -1}, ValueError, "min_interval"),
        ({"on_stale": "shout"}, ValueError, "unknown on_stale 'shout'"),
        ({"max_queue": -5}, ValueError, "max_queue"),
    ],
)
def test_bad_subscription_options(
    stream: _core.Stream, options: dict[str, Any], error: Any, text: str
) -> None:
    with pytest.raises(error, match=text):
        _core.Subscription(stream, **options)


def test_what_can_be_subscribed_to(client: _core.Client, stream: _core.Stream) -> None:
    other = _core.Client(api_key=KEY, base_url=NOWHERE)
    with pytest.raises(ValueError, match="one client"):
        client.subscribe([stream, other.stream("events:live")])
    other.close()
    with pytest.raises(ValueError, match="at least one"):
        client.subscribe([])
    with pytest.raises(TypeError, match="not a Stream: int"):
        client.subscribe([1])  # type: ignore[list-item]
    with pytest.raises(TypeError):
        client.subscribe(1)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        client.subscribe()  # type: ignore[call-arg]
    second = client.stream("events:byid", {"eventID": "e"})
    assert client.subscribe(iter([stream, second])).streams == (stream, second)


def test_an_empty_subscription(subscription: _core.Subscription) -> None:
    with pytest.raises(TimeoutError, match=r"no update within 0\.05 s"):
        subscription.get(0.05)
    assert subscription.get_batch(timeout=0.05) == []
    assert subscription.get_batch(5, 0) == []
    assert subscription.take_nowait() == []
    assert subscription.stats()["pending"] == 0
    for wrong in (0, -1):
        with pytest.raises(ValueError, match="at least 1"):
            subscription.get_batch(wrong)
        with pytest.raises(ValueError, match="at least 1"):
            subscription.take_nowait(max=wrong)
    with pytest.raises(TypeError):
        subscription.get_batch("5")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="timeout"):
        subscription.get(-1)


def test_pattern_matches_follow_the_patterns(stream: _core.Stream) -> None:
    assert _core.Subscription(stream).pattern_matches() == []
    both = _core.Subscription(stream, odd_ids=["points-*", "x-*"])
    assert both.pattern_matches() == [0, 0]


@pytest.mark.parametrize("close", ["subscription", "stream", "client"])
def test_close_elsewhere_ends_loops_quietly(
    client: _core.Client,
    stream: _core.Stream,
    subscription: _core.Subscription,
    close: str,
) -> None:
    things = {"subscription": subscription, "stream": stream, "client": client}
    later(0.1, things[close].close)
    assert took(lambda: list(subscription)) < 2
    assert list(subscription) == []


def test_close_elsewhere_ends_get_and_dispatch(client: _core.Client) -> None:
    stream = client.stream("events:live")
    for method in ("get", "get_batch", "dispatch"):
        subscription = client.subscribe(stream)
        later(0.1, subscription.close)
        if method == "dispatch":
            subscription.dispatch(print)
            continue
        with pytest.raises(_core.Error) as caught:
            getattr(subscription, method)()
        assert caught.value.kind == "closed"


def test_wake_makes_waits_time_out(subscription: _core.Subscription) -> None:
    later(0.1, subscription.wake)
    with pytest.raises(TimeoutError, match="woken"):
        subscription.get()
    later(0.1, subscription.wake)
    assert subscription.get_batch() == []


def test_an_exclusive_subscription_serves_one_thread(stream: _core.Stream) -> None:
    subscription = _core.Subscription(stream, exclusive=True)
    ended = threading.Event()

    def wait() -> None:
        list(subscription)
        ended.set()

    thread = threading.Thread(target=wait)
    thread.start()
    try:
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            try:
                subscription.take_nowait()
            except RuntimeError as error:
                assert "subscribe()" in str(error)  # noqa: PT017
                break
        else:
            pytest.fail("never refused")
    finally:
        subscription.close()
        thread.join(10)
    assert ended.is_set()


def test_many_threads_wait_on_one_subscription(
    subscription: _core.Subscription,
) -> None:
    threads = [threading.Thread(target=list, args=(subscription,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    subscription.wake()
    subscription.close()
    for thread in threads:
        thread.join(5)
        assert not thread.is_alive()


def test_the_descriptor_is_readable_once_closed(
    subscription: _core.Subscription,
) -> None:
    descriptor = subscription.fileno()
    assert descriptor == subscription.fileno()
    assert select.select([descriptor], [], [], 0)[0] == []
    later(0.05, subscription.close)
    assert select.select([subscription], [], [], 10)[0] == [subscription]
    assert subscription.take_nowait() is None


def test_dispatch_refuses_what_cannot_be_called(
    subscription: _core.Subscription,
) -> None:
    with pytest.raises(TypeError, match="callback must be callable"):
        subscription.dispatch(1)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="on_error must be callable"):
        subscription.dispatch(print, on_error=1)  # type: ignore[arg-type]


def test_the_gil_is_free_while_something_waits(
    subscription: _core.Subscription,
) -> None:
    thread = threading.Thread(target=list, args=(subscription,))
    thread.start()
    began, n = time.monotonic(), 0
    while time.monotonic() - began < 0.2:
        n += 1
    subscription.close()
    thread.join(5)
    assert n > 1000


# --- calls, reports, errors


def test_calls_wait(client: _core.Client) -> None:
    for call in (client.fetch(["a", "b"]), client.fetch(("a",)), client.usage()):
        with pytest.raises(TimeoutError, match=r"no answer within 0\.0 s"):
            call.wait(0)
        for read in (lambda call=call: call.events, lambda call=call: call.json):
            with pytest.raises(RuntimeError, match="wait"):
                read()
        assert call.fileno() >= 0
        os.fstat(call.fileno())
    with pytest.raises(TypeError):
        client.fetch("abc")
    with pytest.raises(TypeError):
        client.fetch([1])  # type: ignore[list-item]


def test_a_closed_client_ends_its_calls(client: _core.Client) -> None:
    call = client.usage()
    later(0.1, client.close)
    with pytest.raises(_core.Error) as caught:
        call.wait(timeout=10)
    assert caught.value.kind in ("closed", "transport")


def test_reports_come_in_order_and_end(
    client: _core.Client, stream: _core.Stream
) -> None:
    stream.start()
    later(0.3, client.close)
    reports = []
    while (report := client.take_report(timeout=10)) is not None:
        reports.append(report)
    kinds = {report["kind"] for report in reports}
    assert {"log", "state"} <= kinds
    stamps = [report["at"] for report in reports]
    assert all(b > a - 1_000_000 for a, b in itertools.pairwise(stamps))
    state = next(r for r in reports if r["kind"] == "state")
    assert (state["previous"], state["current"]) == ("initialized", "connecting")
    assert state["stream_id"] == stream.id
    for report in reports:
        assert KEY not in repr(report)
    errors = [r["error"] for r in reports if r["kind"] == "error"]
    assert errors
    assert all(isinstance(error, _core.Error) for error in errors)
    assert errors[0].kind == "transport"
    assert errors[0].retryable is True
    assert client.take_report() is None


def test_reports_time_out(client: _core.Client) -> None:
    with pytest.raises(TimeoutError, match="no report within 0"):
        client.take_report(0)


def test_the_error_factory(client: _core.Client) -> None:
    made: list[tuple[Any, ...]] = []

    class Mine(Exception):
        pass

    def factory(*args: Any) -> Exception:
        made.append(args)
        return Mine(args[1])

    _core.set_error_factory(factory)
    client.close()
    with pytest.raises(Mine, match="closed"):
        client.usage()
    (args,) = made
    assert args[0] == "closed"
    assert args[2:] == (None, None, False, None, None)

    _core.set_error_factory(lambda *args: "no exception")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="str, not an exception"):
        client.usage()

    def broken(*args: Any) -> Exception:
        raise ZeroDivisionError

    _core.set_error_factory(broken)
    with pytest.raises(ZeroDivisionError):
        client.usage()
    with pytest.raises(TypeError, match="callable"):
        _core.set_error_factory(1)  # type: ignore[arg-type]
    _core.set_error_factory(None)
    with pytest.raises(_core.Error) as caught:
        client.usage()
    error = caught.value
    assert (error.kind, error.http_status, error.window) == ("closed", None, None)
    assert error.text == str(error)
