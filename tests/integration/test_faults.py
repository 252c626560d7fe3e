"""Real faults over real sockets: each heals, is told, and loses nothing.

Most are scenarios that run side by side (`together.py`); their names are what
happens.  At the end of each the stream's events equal the server's.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from rig import SLACK, Rig, Watch
from together import Scenario, Wait, chosen, run_together

import sgostream
from sgostream.sim import ConnectionScript

SCORE = ("teams", "home", "score")


def score(stream: sgostream.Stream, event_id: str) -> object:
    return stream.events[event_id]["teams"]["home"]["score"]


def is_live(stream: sgostream.Stream) -> Callable[[], object]:
    return lambda: stream.phase == "live"


def equal(rig: Rig, stream: sgostream.Stream) -> Wait:
    return "events == truth", lambda: rig.is_at_rest(stream)


# -- the table of close codes ---------------------------------------------------

SOON, BACKOFF, AFTER_1_S = (0.0, 0.5), (0.5, 1.0), (1.0, 2.0)

#: How a connection ends, and the seconds until the next attempt.  "raw": a
#: close frame that no library sends; 1004, which is reserved, counts as 1002.
RETRIED: dict[str, tuple[dict[str, Any], tuple[float, float]]] = {
    "1000": ({"close": 1000}, BACKOFF),
    "1001": ({"close": 1001}, BACKOFF),
    "1002": ({"close": 1002}, BACKOFF),
    "1003": ({"close": 1003}, BACKOFF),
    "1008": ({"close": 1008}, BACKOFF),
    "1011": ({"close": 1011}, BACKOFF),
    "1004": ({"raw": b"\x88\x02\x03\xec", "seen": 1002}, BACKOFF),
    "1005": ({"raw": b"\x88\x00", "seen": 1005}, BACKOFF),
    "3999": ({"close": 3999}, BACKOFF),
    "reset": ({"reset": True}, BACKOFF),
    "reset_of_tls": ({"reset": True, "tls": True}, BACKOFF),
    "4100": ({"close": 4100}, AFTER_1_S),
    "4199": ({"close": 4199}, AFTER_1_S),
    "4200": ({"close": 4200}, SOON),
    "4201": ({"close": 4201}, SOON),
    "4202": ({"close": 4202}, SOON),
    "4299": ({"close": 4299}, SOON),
    "4300": ({"close": 4300}, BACKOFF),
    "4999": ({"close": 4999}, BACKOFF),
}
#: Codes that are told, while it goes on.
TOLD = {"4300", "4999"}


def closes_then_resyncs(name: str) -> Scenario:
    """Live; the server ends the socket; what changes meanwhile is not lost."""
    what, (low, high) = RETRIED[name]
    code = what.get("close")
    seen = code or what.get("seen", 1006)

    def scenario(rig: Rig) -> Iterator[Wait]:
        ids = [rig.sim.add_event(live=True) for _ in range(2)]
        live = rig.client(tls="tls" in what).live()
        watch = Watch(live)
        live.start()
        yield "live", is_live(live)
        ended = time.monotonic()
        if "raw" in what:
            rig.sim.send_raw(what["raw"])
        else:
            rig.sim.disconnect(code, "so be it")
        with rig.sim.suppressed():
            rig.sim.patch(ids[0], SCORE, 501)
        yield "the next socket", lambda: len(rig.sockets()) == 2
        waited = rig.sockets()[1].at - ended
        assert low <= waited <= high + SLACK, waited
        yield "live again", is_live(live)
        assert score(live, ids[0]) == 501
        yield equal(rig, live)
        yield "the gap notice", lambda: watch.gaps
        assert len(watch.gaps) == 1
        assert live.stats().reconnects == 1
        assert live.stats().last_close_code == seen
        left = [s for s in watch.states if s.previous == "connected"]
        assert len(left) == 1
        assert left[0].code == seen
        assert left[0].reason
        if code:
            assert "so be it" in left[0].reason
        if name in TOLD:
            assert isinstance(watch.errors[0], sgostream.ProtocolError)
            assert watch.errors[0].close_code == code
            assert watch.errors[0].retryable

    return scenario


def closes_before_the_greeting(name: str) -> Scenario:
    """The first socket ends before it was any good."""
    what, (low, high) = RETRIED[name]

    def scenario(rig: Rig) -> Iterator[Wait]:
        rig.sim.add_event(live=True)
        close = ConnectionScript(
            close=what.get("close", 1006), reset="reset" in what, close_at="open"
        )
        rig.sim.script(close)
        live = rig.client(tls="tls" in what).live()
        watch = Watch(live)
        live.start()
        yield "the end", lambda: len(rig.sim.pusher.ended) == 1
        yield "the next socket", lambda: len(rig.sockets()) == 2
        waited = rig.sockets()[1].at - rig.sockets()[0].at
        assert low <= waited <= high + SLACK, waited
        yield "live", is_live(live)
        yield equal(rig, live)
        assert live.stats().last_close_code == what.get("close", 1006)
        assert live.stats().gaps == 0
        assert not watch.gaps

    return scenario


REFUSED: dict[str, tuple[int, type[sgostream.SgoError], str]] = {
    "4004": (4004, sgostream.StreamLimitError, "quota"),
    "4009": (4009, sgostream.ProtocolError, "authorised"),
    "4010": (4010, sgostream.ProtocolError, "4010"),
    "4099": (4099, sgostream.ProtocolError, "4099"),
}


def is_refused_and_tries_slowly(name: str, *, after: bool) -> Scenario:
    """Disconnected, told, and no hurry to come back."""
    code, kind, text = REFUSED[name]

    def scenario(rig: Rig) -> Iterator[Wait]:
        rig.sim.add_event(live=True)
        if not after:
            rig.sim.script(ConnectionScript(close=code, close_at="open"))
        live = rig.client(tls=False, transport="websocket").live()
        watch = Watch(live)
        live.start()
        if after:
            yield "live", is_live(live)
            rig.sim.disconnect(code, "no")
        yield "the word", lambda: live.connection == "disconnected"
        yield "the report", lambda: watch.errors
        error = watch.errors[0]
        assert isinstance(error, kind), error
        assert text in str(error)
        assert error.close_code == code
        assert error.retryable
        assert live.phase != "closed"
        assert live.stats().last_close_code == code
        quiet = time.monotonic() + 2.0
        yield "two seconds", lambda: time.monotonic() > quiet
        assert len(rig.sockets()) == 1

    return scenario


def is_fatal(code: int, *, after: bool) -> Scenario:
    """An end that no waiting mends is raised to whoever waits."""

    def scenario(rig: Rig) -> Iterator[Wait]:
        rig.sim.add_event(live=True)
        if not after:
            rig.sim.script(ConnectionScript(close=code, close_at="open"), times=0)
        live = rig.client().live()
        watch = Watch(live)
        live.start()
        updates = live.subscribe()
        if after:
            yield "live", is_live(live)
            rig.sim.disconnect(code, "no")
        yield "the end", lambda: live.error is not None
        assert live.connection == "failed"
        assert live.phase == "closed"
        assert isinstance(live.error, sgostream.ProtocolError)
        assert live.error.close_code == code
        assert not live.error.retryable
        with pytest.raises(sgostream.ProtocolError):
            live.wait_live(0)
        with pytest.raises(sgostream.ProtocolError):
            list(updates)
        yield "the report", lambda: watch.errors
        assert len(rig.sockets()) == 1

    return scenario


def key_is_unknown(code: int, *, once: bool) -> Scenario:
    """4001 and 4003: the coordinates are asked for again before it is final."""

    def scenario(rig: Rig) -> Iterator[Wait]:
        rig.sim.add_event(live=True)
        script = ConnectionScript(close=code, close_at="open")
        rig.sim.script(script, times=1 if once else 0)
        live = rig.client(tls=False).live()
        watch = Watch(live)
        live.start()
        if once:
            yield "live", is_live(live)
            yield equal(rig, live)
            yield "the report", lambda: watch.errors
            assert watch.errors[0].close_code == code
        else:
            yield "the end", lambda: live.error is not None
            assert rig.sim.pusher.key[-4:] in str(live.error)
            assert rig.sim.pusher.key not in str(live.error)
            assert "us2" in str(live.error)
            assert live.connection == "failed"
        assert len(rig.sim.requests("/v2/stream/events")) == 2
        assert len(rig.sockets()) == 2

    return scenario


def key_is_unknown_later(code: int) -> Scenario:
    """4001 and 4003 to a stream that is live: asked for anew, and live again."""

    def scenario(rig: Rig) -> Iterator[Wait]:
        event_id = rig.sim.add_event(live=True)
        live = rig.client(tls=False).live()
        watch = Watch(live)
        live.start()
        yield "live", is_live(live)
        rig.sim.disconnect(code, "no such key")
        with rig.sim.suppressed():
            rig.sim.patch(event_id, SCORE, 502)
        yield "the gap notice", lambda: watch.gaps
        yield "live again", is_live(live)
        yield equal(rig, live)
        assert score(live, event_id) == 502
        assert watch.errors[0].close_code == code
        assert watch.errors[0].retryable
        assert len(rig.sim.requests("/v2/stream/events")) == 2
        assert len(rig.sockets()) == 2

    return scenario


def server_wants_tls_and_gets_it(rig: Rig) -> Iterator[Wait]:
    rig.sim.add_event(live=True)
    rig.sim.pusher.tls_only = True
    live = rig.client(tls=False).live().start()
    yield "live", is_live(live)
    yield equal(rig, live)
    assert [r.scheme for r in rig.sockets()] == ["http", "https"]
    assert rig.sockets()[1].at - rig.sockets()[0].at < 0.5 + SLACK


def upgrade_is_answered(status: int) -> Scenario:
    """An HTTP status instead of the 101."""

    def scenario(rig: Rig) -> Iterator[Wait]:
        rig.sim.add_event(live=True)
        rig.sim.script(ConnectionScript(status=status))
        live = rig.client(tls=False).live()
        watch = Watch(live)
        live.start()
        yield "the report", lambda: watch.errors
        assert watch.errors[0].status == status
        assert str(status) in str(watch.errors[0])
        yield "live", is_live(live)
        waited = rig.sockets()[1].at - rig.sockets()[0].at
        assert 0.5 <= waited <= 1.0 + SLACK, waited
        again = 2 if status in (401, 403, 404) else 1
        assert len(rig.sim.requests("/v2/stream/events")) == again
        yield equal(rig, live)

    return scenario


def error_event_then_reset(code: int) -> Scenario:
    """A server that says why, and cuts TCP without a close frame."""

    def scenario(rig: Rig) -> Iterator[Wait]:
        rig.sim.add_event(live=True)
        live = rig.client(tls=False).live().start()
        yield "live", is_live(live)
        ended = time.monotonic()
        rig.sim.disconnect(None, "bye", error=code)
        yield "the next socket", lambda: len(rig.sockets()) == 2
        assert rig.sockets()[1].at - ended < 0.5 + SLACK
        assert live.stats().last_close_code == code
        yield "live again", is_live(live)
        yield equal(rig, live)

    return scenario


def server_closes_4200_in_a_loop(rig: Rig) -> Iterator[Wait]:
    """No hot loop: 0-0.5 s, 0-5 s, then backoff."""
    rig.sim.add_event(live=True)
    rig.sim.script(ConnectionScript(close=4200, close_at="subscribed"), times=0)
    began = time.monotonic()
    rig.client(tls=False).live().start()
    yield "three seconds", lambda: time.monotonic() > began + 3.0
    assert len(rig.sockets()) <= 7


CODES: dict[str, Scenario] = {
    "server_wants_tls_and_gets_it": server_wants_tls_and_gets_it,
    "server_wants_tls_on_tls": is_fatal(4000, after=False),
    "server_closes_4200_in_a_loop": server_closes_4200_in_a_loop,
    "server_says_4201_and_resets": error_event_then_reset(4201),
    "server_says_4200_and_resets": error_event_then_reset(4200),
}
for _name in RETRIED:
    CODES[f"server_closes_{_name}_then_resyncs"] = closes_then_resyncs(_name)
    if "raw" not in RETRIED[_name][0]:  # a script closes as its library does
        CODES[f"server_closes_{_name}_before_the_greeting"] = (
            closes_before_the_greeting(_name)
        )
for _name in REFUSED:
    for _after in (False, True):
        CODES[f"server_refuses_{_name}_{'when_live' if _after else 'at_once'}"] = (
            is_refused_and_tries_slowly(_name, after=_after)
        )
for _code in (4005, 4006, 4007, 4008):
    for _after in (False, True):
        CODES[f"server_ends_{_code}_{'when_live' if _after else 'at_once'}"] = is_fatal(
            _code, after=_after
        )
for _code in (4001, 4003):
    CODES[f"server_knows_no_key_{_code}_once"] = key_is_unknown(_code, once=True)
    CODES[f"server_knows_no_key_{_code}_again"] = key_is_unknown(_code, once=False)
    CODES[f"server_knows_no_key_{_code}_when_live"] = key_is_unknown_later(_code)
for _status in (401, 403, 404, 429, 500, 502, 503):
    CODES[f"upgrade_is_answered_{_status}"] = upgrade_is_answered(_status)


# -- answers that are wrong --------------------------------------------------------


def _flip(body: bytes) -> bytes:
    middle = len(body) // 2
    return body[:middle] + bytes([body[middle] ^ 0x55]) + body[middle + 1 :]


def _wrong_sum(body: bytes) -> bytes:
    return body[:-8] + bytes(4) + body[-4:]


def _wrong_size(body: bytes) -> bytes:
    """The size after the checksum is one byte more than there is."""
    return body[:-4] + (int.from_bytes(body[-4:], "little") + 1).to_bytes(4, "little")


def _not_gzip(body: bytes) -> bytes:
    return zlib.decompress(body, 31) if body[:2] == b"\x1f\x8b" else body


HTML = b"<html><body><h1>502 Bad Gateway</h1></body></html>"

#: What becomes of an answer.  All of them are temporary: one time, then well.
ANSWERS: dict[str, dict[str, Any]] = {
    "is_cut_before_it": {"reset": "before"},
    "is_reset_mid_body": {"reset": "body"},
    "ends_early": {"truncate": 40},
    "has_gzip_without_its_end": {"edit": lambda body: body[:-12]},
    "has_gzip_without_its_checksum": {"edit": lambda body: body[:-8]},
    "has_gzip_cut_in_half": {"edit": lambda body: body[: len(body) // 2]},
    "has_corrupt_gzip": {"edit": _flip},
    "has_a_wrong_checksum": {"edit": _wrong_sum},
    "has_gzip_of_a_wrong_size": {"edit": _wrong_size},
    "is_gzip_by_name_only": {"edit": _not_gzip},
    "is_empty": {"edit": lambda body: b"", "encoding": "identity"},
    "is_half_a_json": {
        "edit": lambda body: body[: len(body) // 2],
        "encoding": "identity",
    },
    "is_502_html": {"status": 502, "body": HTML},
    "is_200_html": {"status": 200, "body": HTML},
    "is_500": {"status": 500},
    "is_503_with_retry_after": {"status": 503, "headers": {"Retry-After": "1"}},
    "is_429": {"status": 429},
    "is_408": {"status": 408},
    "is_success_false_with_200": {
        "status": 200,
        "body": {"success": False, "error": "try later"},
    },
    "is_delayed": {"delay": 0.4},
    "drips": {"drip": (1500, 0.02)},
}
HARMLESS = {"is_delayed", "drips"}

PLACES = {
    "refetch": {"path": "/events", "params": {"eventIDs": None}},
    "list": {"path": "/events", "params": {"live": "true"}},
    "bootstrap": {"path": "/stream/events"},
    "authorisation": {"path": "/stream/pusher/auth"},
}


def answer_is_wrong(place: str, name: str) -> Scenario:
    """One answer is bad; the request is repeated and nothing is lost."""
    what = ANSWERS[name]

    def scenario(rig: Rig) -> Iterator[Wait]:
        ids = [rig.sim.add_event(live=True) for _ in range(3)]
        client = rig.client(tls=name.startswith("is_cut"))
        live = client.live()
        watch = Watch(live)
        rule = None
        if place != "refetch":
            rule = rig.sim.rule(**PLACES[place], **what)
        live.start()
        yield "live", is_live(live)
        if rule is None:
            rule = rig.sim.rule(**PLACES[place], **what)
        for number, event_id in enumerate(ids):
            rig.sim.patch(event_id, SCORE, 700 + number)
        yield "the fault", lambda: rule.hits == 1
        yield equal(rig, live)
        assert [score(live, i) for i in ids] == [700, 701, 702]
        yield "rest", lambda: client.stats().requests_in_flight == 0
        stats = client.stats()
        if name in HARMLESS:
            assert stats.requests_failed == 0
            assert not watch.errors
        elif place != "authorisation" and name != "is_cut_before_it":
            # A kept connection cut before any byte is repeated without a word.
            assert stats.requests_failed >= 1
        assert live.phase == "live"

    return scenario


def bodies_overtake_each_other(rig: Rig) -> Iterator[Wait]:
    """Whole answers arrive in the reverse of the order they were made in."""
    ids = [rig.sim.add_event(live=True) for _ in range(4)]
    live = rig.client(tls=False).live().start()
    yield "live", is_live(live)
    seen: dict[str, list[int]] = {event_id: [] for event_id in ids}
    updates = live.subscribe(conflate=False, initial=False)
    held = []
    for number, event_id in enumerate(ids):
        held.append(rig.sim.hold("/events", params={"eventIDs": event_id}))
        rig.sim.patch(event_id, SCORE, 10 + number)
    yield "four answers", lambda: all(h.rule.held for h in held)
    for event_id in ids:
        rig.sim.patch(event_id, SCORE, 20)
    for one in reversed(held):
        one.release()
    yield equal(rig, live)
    for update in updates.get_batch(timeout=0):
        seen[update.event.event_id].append(update.event["teams"]["home"]["score"])
    for scores in seen.values():
        assert scores == sorted(scores)
        assert scores[-1] == 20


def server_restarts_under_load(rig: Rig) -> Iterator[Wait]:
    rig.sim.add_slate(6, size=20_000, live=1.0)
    live = rig.client(tls=False).live().start()
    yield "live", is_live(live)
    rig.sim.play(rate=100.0)
    yield "a load", lambda: live.stats().notifications > 20
    rig.sim.down()
    yield "the loss", lambda: live.phase == "stale"
    rig.sim.up()
    yield "live again", is_live(live)
    more = live.stats().notifications + 20
    yield "the load again", lambda: live.stats().notifications > more
    rig.sim.pause()
    yield equal(rig, live)
    assert live.stats().gaps >= 1


def all_connections_are_cut_under_load(rig: Rig) -> Iterator[Wait]:
    rig.sim.add_slate(6, size=20_000, live=1.0)
    live = rig.client().live().start()
    yield "live", is_live(live)
    rig.sim.play(rate=100.0)
    yield "a load", lambda: live.stats().notifications > 20
    rig.sim.cut()
    yield "the reconnect", lambda: live.stats().reconnects == 1
    yield "live again", is_live(live)
    rig.sim.pause()
    yield equal(rig, live)


def wire_dies_silently(rig: Rig) -> Iterator[Wait]:
    """Half-open: packets go nowhere, nobody says a word."""
    event_id = rig.sim.add_event(live=True)
    relay = rig.sim.relay()
    rig.sim.settings.pusher_options["wsPort"] = relay.port
    core = {"activity_timeout": 0.4, "pong_timeout": 0.3}
    live = rig.client(tls=False, core=core).live()
    watch = Watch(live)
    live.start()
    yield "live", is_live(live)
    relay.blocked = True
    began = time.monotonic()
    with rig.sim.suppressed():
        rig.sim.patch(event_id, SCORE, 66)
    yield "the discovery", lambda: live.phase == "stale"
    assert time.monotonic() - began < 0.4 + 0.3 + 2 * SLACK
    relay.blocked = False
    yield "live again", is_live(live)
    assert score(live, event_id) == 66
    yield "the gap notice", lambda: watch.gaps


def wire_is_slow(rig: Rig, **how: Any) -> Iterator[Wait]:
    """Both legs: what is late is late, and nothing else."""
    ids = [rig.sim.add_event(live=True) for _ in range(3)]
    relay = rig.sim.relay()
    rig.sim.settings.pusher_options["wsPort"] = relay.port
    for name, value in how.items():
        setattr(relay, name, value)
    base = f"http://127.0.0.1:{relay.port}/v2"
    client = rig.client(tls=False, base_url=base)
    live = client.live()
    watch = Watch(live)
    live.start()
    yield "live", is_live(live)
    for number, event_id in enumerate(ids):
        rig.sim.patch(event_id, SCORE, 600 + number)
    yield equal(rig, live)
    yield "rest", lambda: client.stats().requests_in_flight == 0
    assert relay.connections >= 2
    assert live.stats().notifications >= 1
    assert client.stats().requests_failed == 0
    assert live.stats().reconnects == 0
    assert not watch.errors
    assert not watch.gaps


def wire_is_late(rig: Rig) -> Iterator[Wait]:
    return wire_is_slow(rig, delay=0.15)


def wire_drips(rig: Rig) -> Iterator[Wait]:
    return wire_is_slow(rig, chunk=700, pause=0.01)


def wire_is_cut_again_and_again(rig: Rig) -> Iterator[Wait]:
    """Resets wherever the bytes happen to be, on both legs, under load."""
    rig.sim.add_slate(6, size=20_000, live=1.0)
    relay = rig.sim.relay()
    rig.sim.settings.pusher_options["wsPort"] = relay.port
    relay.chunk, relay.pause = 4000, 0.002
    base = f"http://127.0.0.1:{relay.port}/v2"
    live = rig.client(tls=False, base_url=base).live()
    watch = Watch(live)
    live.start()
    yield "live", is_live(live)
    rig.sim.play(rate=50.0)
    for number in (1, 2, 3):
        seen = live.stats().notifications
        yield "a load", lambda n=seen: live.stats().notifications > n + 3
        rig.sim.cut_relay(relay)
        yield "the gap notice", lambda n=number: len(watch.gaps) == n
        yield "live again", is_live(live)
    rig.sim.pause()
    relay.chunk, relay.pause = 0, 0.0
    yield equal(rig, live)
    assert live.stats().gaps == 3


def stale_reads_are_not_believed_at_once(rig: Rig) -> Iterator[Wait]:
    """A replica that lags: the old body is there after the notification."""
    event_id = rig.sim.add_event(live=True)
    live = rig.client(tls=False).live().start()
    yield "live", is_live(live)
    rig.sim.freeze(event_id)
    rig.sim.patch(event_id, SCORE, 12)
    yield "an early read", lambda: live.stats().early_reads >= 1
    assert score(live, event_id) != 12
    rig.sim.thaw()
    yield equal(rig, live)
    assert score(live, event_id) == 12


def subscription_is(how: str, **script: Any) -> Scenario:
    """The channel is refused once; then it works."""

    def scenario(rig: Rig) -> Iterator[Wait]:
        rig.sim.add_event(live=True)
        rig.sim.script(ConnectionScript(subscribe=how, **script))
        live = rig.client(tls=False, transport="websocket").live()
        watch = Watch(live)
        live.start()
        yield "the report", lambda: watch.errors
        assert live.phase == "subscribing"
        # What is refused is retried slowly; a fresh socket is a fresh try.
        rig.sim.disconnect(4200)
        yield "live", is_live(live)
        yield equal(rig, live)

    return scenario


OTHERS: dict[str, Scenario] = {
    "bodies_overtake_each_other": bodies_overtake_each_other,
    "server_restarts_under_load": server_restarts_under_load,
    "all_connections_are_cut_under_load": all_connections_are_cut_under_load,
    "wire_dies_silently": wire_dies_silently,
    "wire_is_late": wire_is_late,
    "wire_drips": wire_drips,
    "wire_is_cut_again_and_again": wire_is_cut_again_and_again,
    "stale_reads_are_not_believed_at_once": stale_reads_are_not_believed_at_once,
    "subscription_is_refused": subscription_is("auth-error"),
    "signature_is_refused": subscription_is("invalid-signature"),
    "subscription_is_4009": subscription_is("4009"),
}
for _place in PLACES:
    for _name in ANSWERS:
        OTHERS[f"{_place}_{_name}"] = answer_is_wrong(_place, _name)

SCENARIOS = {**CODES, **OTHERS}


@pytest.fixture(scope="module")
def outcomes(request: pytest.FixtureRequest) -> dict[str, BaseException | None]:
    """What came of the chosen scenarios, all run side by side."""
    names = [
        item.callspec.params["name"]
        for item in request.session.items
        if isinstance(item, pytest.Function)
        and item.originalname == "test_scenario"
        and item.module is request.module
    ]
    return run_together(chosen(SCENARIOS, names))


@pytest.mark.parametrize("name", SCENARIOS)
def test_scenario(outcomes: dict[str, BaseException | None], name: str) -> None:
    error = outcomes[name]
    if error is not None:
        raise error
