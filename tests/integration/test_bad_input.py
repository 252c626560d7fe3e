"""One clear error of the right class for each kind of bad input."""

from __future__ import annotations

import socket
import time
from typing import Any

import pytest
from rig import Rig

import sgostream
from sgostream.sim import Simulator

KEY = "SPORTS_ODDS_API_KEY_HEADER"


def final_error(stream: sgostream.Stream, within: float) -> sgostream.SgoError:
    """The error that ends the stream; it is raised by waiting and by looping."""
    began = time.monotonic()
    with pytest.raises(sgostream.SgoError) as caught:
        stream.wait_live(within)
    assert time.monotonic() - began < within
    with pytest.raises(type(caught.value)):
        next(iter(stream))
    stream.close()
    return caught.value


def test_no_key_names_both_ways(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(KEY, raising=False)
    with pytest.raises(sgostream.ConfigurationError, match=rf"api_key.*{KEY}"):
        sgostream.stream("events:live")


@pytest.mark.parametrize("key", ["", "  ", "abc\n", "a b", "schlüssel"])
def test_unusable_key_is_refused_and_not_shown(key: str) -> None:
    with pytest.raises(sgostream.ConfigurationError) as caught:
        sgostream.Client(api_key=key)
    if len(key.strip()) > 2:
        assert key.strip() not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"timeout": -1}, ValueError, "timeout.*-1"),
        ({"timeout": "5"}, TypeError, "timeout"),
        ({"linger": float("nan")}, ValueError, "linger"),
        ({"odd_ids": ["points-*"]}, ValueError, "subscribe"),
        ({"bookmaker_ids": ["a,b"]}, ValueError, "comma"),
        ({"transport": "carrier pigeon"}, ValueError, "poll"),
        ({"max_requests_in_flight": 0}, ValueError, "max_requests_in_flight"),
        ({"base_url": "http://example.com/v2"}, sgostream.ConfigurationError, "https"),
        ({"base_url": "nonsense"}, sgostream.ConfigurationError, "base_url"),
        ({"colour": "red"}, TypeError, "colour"),
    ],
)
def test_bad_options_name_value_and_remedy(
    options: dict[str, Any], error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text):
        sgostream.Client(api_key="some-key", **options)


def test_upcoming_without_league(rig: Rig) -> None:
    with pytest.raises(sgostream.ConfigurationError, match="league"):
        sgostream.stream("events:upcoming", **rig.options())


def test_wrong_key_is_401(rig: Rig) -> None:
    live = rig.client(api_key="wrong-key-000").live()
    error = final_error(live, 10)
    assert isinstance(error, sgostream.AuthenticationError)
    assert error.status == 401
    assert KEY in str(error)
    assert "wrong-key-000" not in str(error)


def test_key_without_streaming_is_403_and_names_the_way_out(rig: Rig) -> None:
    rig.sim.add_key("pro-key-1234", streaming=False)
    error = final_error(rig.client(api_key="pro-key-1234").live(), 10)
    assert isinstance(error, sgostream.PermissionDeniedError)
    assert error.status == 403
    assert "AllStar" in str(error)
    assert "custom" in str(error)
    assert 'transport="poll"' in str(error)


def test_unknown_league(rig: Rig) -> None:
    error = final_error(rig.client().upcoming("QUIDDITCH"), 10)
    assert isinstance(error, (sgostream.NotFoundError, sgostream.BadRequestError))
    assert "QUIDDITCH" in str(error)


def test_unknown_event(rig: Rig) -> None:
    error = final_error(rig.client().by_id("nope0000000000000000"), 10)
    assert isinstance(error, sgostream.NotFoundError)
    assert "nope0000000000000000" in str(error)


def reported(rig: Rig, within: float = 15.0, **options: Any) -> sgostream.SgoError:
    """The first error that is reported while the stream goes on trying."""
    errors: list[BaseException] = []
    client = sgostream.Client(**rig.options(**options))
    live = client.live()
    live.on_error(errors.append)
    began = time.monotonic()
    try:
        live.start()
        while not errors:
            assert time.monotonic() - began < within, "nothing was reported"
            time.sleep(0.01)
    finally:
        live.close()
        client.close()
    assert isinstance(errors[0], sgostream.SgoError)
    return errors[0]


def test_unknown_host(rig: Rig) -> None:
    error = reported(rig, base_url="https://no-such-host.invalid/v2")
    assert isinstance(error, sgostream.TransportError)
    assert "no-such-host.invalid" in str(error)
    assert error.retryable


def test_refused_port(rig: Rig) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    error = reported(rig, base_url=f"https://127.0.0.1:{port}/v2")
    assert isinstance(error, sgostream.TransportError)
    assert str(port) in str(error)


def test_untrusted_certificate(rig: Rig) -> None:
    with Simulator(seed=2) as other:
        error = reported(rig, ca_file=other.ca_file)
    assert isinstance(error, sgostream.TransportError)
    assert "certificate" in str(error).lower()
    assert "ca_file" in str(error)


def test_ca_file_that_does_not_exist(rig: Rig) -> None:
    client = sgostream.Client(**rig.options(ca_file="/no/such/file.pem"))
    with client, pytest.raises(sgostream.ConfigurationError, match=r"file\.pem"):
        client.live().start()


def test_html_instead_of_json(rig: Rig) -> None:
    rig.sim.rule(
        "/stream/events",
        times=None,
        status=200,
        body="<html><body>Sorry</body></html>",
        headers={"Content-Type": "text/html"},
    )
    error = reported(rig)
    assert isinstance(error, sgostream.ServerError)
    assert "JSON" in str(error)


def test_a_proxy_that_refuses(rig: Rig) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    error = reported(rig, proxy=f"http://127.0.0.1:{port}")
    assert isinstance(error, sgostream.TransportError)
    assert "proxy" in str(error).lower()


def test_use_after_close(rig: Rig) -> None:
    client = rig.client()
    live = client.live()
    client.close()
    for call in (live.start, live.subscribe, client.live, client.usage):
        with pytest.raises(sgostream.ClosedError):
            call()


def test_waits_end_in_time(rig: Rig) -> None:
    rig.sim.hold("/stream/events", times=None)
    live = rig.client().live()
    with live, live.subscribe() as updates:
        began = time.monotonic()
        with pytest.raises(TimeoutError):
            updates.get(timeout=0.2)
        with pytest.raises(TimeoutError):
            live.wait_live(0.2)
        with pytest.raises(TimeoutError):
            live.wait_closed(0.2)
        assert updates.get_batch(timeout=0.2) == []
        assert 0.8 <= time.monotonic() - began < 5
        with pytest.raises(ValueError, match="-1"):
            updates.get(timeout=-1)


@pytest.mark.parametrize(
    "path", ["/stream/events", "/stream/pusher/auth", "/events"], ids=str
)
def test_close_while_an_answer_hangs_takes_less_than_a_second(
    rig: Rig, path: str
) -> None:
    rig.sim.add_event(live=True)
    held = rig.sim.hold(path, times=None)
    live = rig.client().live()
    live.start()
    held.wait_arrived()
    began = time.monotonic()
    live.close()
    live.client.close()
    assert time.monotonic() - began < 1.0
