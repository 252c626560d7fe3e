"""The key is nowhere: every path at the most verbose level, everything searched."""

from __future__ import annotations

import asyncio
import base64
import dataclasses
import json
import logging
import pickle
import traceback
import urllib.parse
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from rig import Rig, Watch, eventually
from together import Scenario, Wait, run_together

import sgostream
from sgostream.sim import ConnectionScript, Simulator

KEY = "geheim-0123456789abcdef-KEY+/=%41~"
SCORE = ("teams", "home", "score")


def forms(secret: str) -> set[str]:
    """How a secret could look, short pieces of it included."""
    raw = secret.encode()
    return {
        secret,
        secret[:16],
        secret[-12:],
        urllib.parse.quote(secret),
        urllib.parse.quote(secret, safe=""),
        urllib.parse.quote_plus(secret),
        base64.b64encode(raw).decode().rstrip("="),
        base64.urlsafe_b64encode(raw).decode().rstrip("="),
        raw.hex(),
        json.dumps(secret)[1:-1],
        repr(raw)[2:-1],
    }


class Lines(logging.Handler):
    """Every log line, with its arguments and traceback."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.texts: list[tuple[str, str]] = []

    def emit(self, record: logging.LogRecord) -> None:
        where = f"log {record.name}"
        self.texts += [(where, record.getMessage()), (where, repr(record.args))]
        if record.exc_info and record.exc_info[1] is not None:
            lines = traceback.format_exception(record.exc_info[1])
            self.texts.append((where, "".join(lines)))


class Search:
    """Everything that a user can see, as text."""

    def __init__(self) -> None:
        self.texts: list[tuple[str, str]] = []

    def see(self, where: str, thing: object) -> None:
        """Its repr, str, parts, traceback and pickle."""
        self.texts += [(where, repr(thing)), (where, str(thing))]
        if isinstance(thing, BaseException):
            lines = traceback.format_exception(thing)
            self.texts += [(where, "".join(lines)), (where, repr(vars(thing)))]
            self.texts.append((where, repr(pickle.dumps(thing))))
            for linked in (thing.__cause__, thing.__context__):
                if linked is not None:
                    self.see(where, linked)
        if dataclasses.is_dataclass(thing) and not isinstance(thing, type):
            self.texts.append((where, repr(dataclasses.asdict(thing))))

    def stream(self, live: sgostream.Stream) -> None:
        """A stream, its client, and all that they tell."""
        self.see("stream", live)
        self.see("client", live.client)
        self.see("core", (live._core, live.client._core, live.client._router))
        self.see("stats", live.client.stats())
        self.see("stream stats", live.stats())
        self.see("state", live._core.state())
        self.see("staleness", live.staleness())
        if live.error is not None:
            self.see("final error", live.error)

    def watch(self, watch: Watch) -> None:
        for thing in [*watch.states, *watch.gaps, *watch.errors]:
            self.see("callback", thing)

    def wire(self, sim: Simulator) -> None:
        """What came over the wire, but for the header that carries the key."""
        for request in sim.requests():
            assert request.key_in in ("header", ""), request
            self.see("request", (request.path, request.params))
            if request.path != "/v2/stream/pusher/auth":  # has its own params
                self.see("body", request.body)
            for name, value in request.headers.items():
                self.see(f"header {name}", value)

    def check(self, *secrets: str) -> int:
        """Nothing of the secrets anywhere; how much was searched."""
        for secret in secrets:
            for form in forms(secret):
                for where, text in self.texts:
                    assert form not in text, f"{where}: {text}"
        return len(self.texts)


@pytest.fixture(scope="module")
def lines() -> Iterator[Lines]:
    """What all tests of this file have logged so far, from DEBUG on."""
    handler = Lines()
    logger = logging.getLogger("sgostream")
    before = logger.level
    logger.setLevel(logging.DEBUG)
    logger.addHandler(handler)
    yield handler
    logger.removeHandler(handler)
    logger.setLevel(before)


@pytest.fixture
def search(lines: Lines) -> Search:
    """A search of one test; it begins with what was logged before it."""
    found = Search()
    found.texts = lines.texts
    return found


DEBUG = {"log_level": 10}

#: A word of the server that repeats what it was given.
ECHO = f"Your key {KEY} ({urllib.parse.quote(KEY)}) is not welcome"


def _echo(path: str, status: int, pad: int = 0) -> Callable[[Rig], None]:
    """``pad``: so many characters before, so that the key is cut somewhere."""

    def arrange(rig: Rig) -> None:
        body = {"success": False, "error": "x" * pad + ECHO, "key": KEY}
        rig.sim.rule(path, status=status, body=body, times=3)

    return arrange


def _html(path: str) -> Callable[[Rig], None]:
    return lambda rig: _rule(rig, path, status=502, body=f"<h1>{ECHO}</h1>", times=2)


def _rule(rig: Rig, path: str, **what: Any) -> None:
    rig.sim.rule(path, **what)


def _redirect(path: str) -> Callable[[Rig], None]:
    target = f"https://127.0.0.1:1/elsewhere?apiKey={KEY}"
    return lambda rig: _rule(
        rig, path, status=302, headers={"Location": target}, times=2
    )


def _options(**options: Any) -> Callable[[Rig], None]:
    return lambda rig: rig.sim.settings.pusher_options.update(options)


def _script(**what: Any) -> Callable[[Rig], None]:
    return lambda rig: rig.sim.script(ConnectionScript(**what), times=2)


def _authorisation(endpoint: str = "", **headers: Any) -> Callable[[Rig], None]:
    def arrange(rig: Rig) -> None:
        rig.sim.settings.pusher_options["channelAuthorization"] = {
            "endpoint": endpoint or f"{rig.sim.https_base_url}/stream/pusher/auth",
            "headers": {"x-api-key": KEY, **headers},
            "params": {"token": KEY},
        }

    return arrange


#: Ways to go wrong with the key in the server's mouth.
WAYS: dict[str, Callable[[Rig], None]] = {
    "nothing wrong": lambda rig: None,
    "bootstrap 401": _echo("/stream/events", 401),
    "bootstrap 403": _echo("/stream/events", 403),
    "bootstrap 404": _echo("/stream/events", 404),
    "bootstrap 429": _echo("/stream/events", 429),
    "bootstrap 500": _echo("/stream/events", 500),
    "bootstrap 200 without success": _echo("/stream/events", 200),
    **{
        f"bootstrap 401 after {pad}": _echo("/stream/events", 401, pad)
        for pad in range(120, 150, 3)
    },
    **{
        f"authorisation 403 after {pad}": _echo("/stream/pusher/auth", 403, pad)
        for pad in range(60, 500, 30)
    },
    "bootstrap html": _html("/stream/events"),
    "bootstrap redirect": _redirect("/stream/events"),
    "bootstrap cut": lambda rig: _rule(rig, "/stream/events", reset="body"),
    "list 400": _echo("/events", 400),
    "list 401": _echo("/events", 401),
    "list 503": _echo("/events", 503),
    "list html": _html("/events"),
    "list redirect": _redirect("/events"),
    "usage 401": _echo("/account/usage", 401),
    "usage 500": _echo("/account/usage", 500),
    "authorisation 401": _echo("/stream/pusher/auth", 401),
    "authorisation 403": _echo("/stream/pusher/auth", 403),
    "authorisation 404": _echo("/stream/pusher/auth", 404),
    "authorisation 500": _echo("/stream/pusher/auth", 500),
    "authorisation 200 of nothing": _echo("/stream/pusher/auth", 200),
    "authorisation html": _html("/stream/pusher/auth"),
    "authorisation redirect": _redirect("/stream/pusher/auth"),
    "authorisation elsewhere": _authorisation("https://127.0.0.1:1/auth"),
    "authorisation over http": _authorisation("http://example.com/auth"),
    "authorisation at the key": _authorisation(f"https://127.0.0.1:1/{KEY}"),
    "authorisation at a login": _authorisation(f"https://u:{KEY}@127.0.0.1:1/"),
    "authorisation with a newline": _authorisation("", other=f"a\r\nb: {KEY}"),
    "authorisation with a Host": _authorisation("", Host=KEY),
    "options: a host": _options(wsHost=f"{KEY}.example.invalid"),
    "options: a port": _options(wssPort=KEY),
    "options: a path": _options(wsPath=f"/{KEY}\n"),
    "options: a cluster": _options(wsHost=None, cluster=KEY),
    "options: no endpoint": _options(channelAuthorization={"headers": {"k": KEY}}),
    "options: another": _options(somethingNew=KEY),
    "upgrade 403": _script(status=403),
    "first message": _script(first=f'{{"event":"x","data":"{KEY}"}}'),
    "first message of no JSON": _script(first=f"{{{KEY}"),
    "subscription error": _script(
        subscribe='{"event":"pusher:subscription_error","channel":'
        f'"presence-events-live","data":{{"type":"AuthError","error":"{ECHO}"}}}}'
    ),
    "pusher:error": _script(
        subscribe=f'{{"event":"pusher:error","data":{{"code":null,"message":"{ECHO}"}}}}'
    ),
    "invalid signature": _script(subscribe="invalid-signature"),
}


def goes_wrong(way: str) -> Scenario:
    """One way, and a look at everything before and after the end."""

    def scenario(rig: Rig) -> Iterator[Wait]:
        search = Search()
        rig.sim.api.keys[KEY] = rig.sim.add_key(KEY)
        rig.sim.api_key = KEY
        event_id = rig.sim.add_event(live=True)
        WAYS[way](rig)
        client = rig.client(core=DEBUG, timeout=1.0)
        live = client.live()
        watch = Watch(live)
        updates = live.subscribe()
        yield (
            "a word of it",
            lambda: watch.errors or live.error or live.phase == "live",
        )
        for use in (
            lambda: client.usage(timeout=0.1),
            lambda: client.fetch(event_id, timeout=0.1),
            lambda: live.wait_live(0),
            lambda: search.see("update", updates.get(timeout=0)),
        ):
            try:
                use()
            except (sgostream.SgoError, TimeoutError) as error:
                search.see("raised", error)
        if live.connection == "connected" and live.phase == "live":
            rig.sim.emit("presence-events-live", f"{{{KEY}", raw=True)
            rig.sim.emit("presence-events-live", KEY)
            rig.sim.emit("presence-events-live", KEY, event=KEY)
            rig.sim.disconnect(4100, KEY, error=4301)
            yield "the reconnect", lambda: live.stats().reconnects
        search.stream(live)
        client.close()
        search.stream(live)
        try:
            live.start()
        except sgostream.ClosedError as error:
            search.see("closed", error)
        search.watch(watch)
        search.wire(rig.sim)
        assert search.check(KEY) > 30

    return scenario


@pytest.fixture(scope="module")
def outcomes(
    lines: Lines, request: pytest.FixtureRequest
) -> dict[str, BaseException | None]:
    """What came of the chosen ways, all gone side by side."""
    del lines  # they listen from here on
    ways = [
        item.callspec.params["way"]
        for item in request.session.items
        if isinstance(item, pytest.Function)
        and item.originalname == "test_the_key_is_nowhere"
    ]
    return run_together({way: goes_wrong(way) for way in ways})


@pytest.mark.parametrize("way", WAYS)
def test_the_key_is_nowhere(
    outcomes: dict[str, BaseException | None], way: str
) -> None:
    error = outcomes[way]
    if error is not None:
        raise error


def test_the_key_is_in_no_log_line(
    outcomes: dict[str, BaseException | None], search: Search
) -> None:
    assert search.check(KEY) > len(outcomes)


@pytest.mark.parametrize("transport", ["websocket", "poll"])
def test_every_feed_and_face_are_without_it(
    rig: Rig, search: Search, tmp_path: Path, transport: str
) -> None:
    rig.sim.api.keys[KEY] = rig.sim.add_key(KEY)
    rig.sim.api_key = KEY
    game = rig.sim.add_event(league="NFL", live=True)
    rig.sim.add_event(league="NFL")
    recording = tmp_path / "odds.rec"
    client = rig.client(core=DEBUG, transport=transport, record=recording)
    streams = [client.live(), client.upcoming("NFL"), client.by_id(game)]
    watches = [Watch(live) for live in streams]
    updates = client.subscribe(*streams)
    search.see("subscription", updates)
    for live in streams:
        live.wait_live(20)
    rig.sim.patch(game, SCORE, 3)
    for update in updates.get_batch(max=2, timeout=20):
        search.see("update", update)
        search.see("its parts", (update.event, update.times, update.stream))
    search.see("fetched", client.fetch(game))
    search.see("usage", client.usage())
    for live, watch in zip(streams, watches, strict=True):
        search.see("events", live.events)
        search.see("quotes", live.quotes())
        search.stream(live)
        search.watch(watch)

    async def take() -> None:
        async for update in streams[0]:
            search.see("update", update)
            break
        search.see("usage", await client.usage_async())

    asyncio.run(take())
    client.close()
    search.wire(rig.sim)
    search.texts.append(("recording", recording.read_bytes().decode("latin-1")))
    assert search.check(KEY) > 100


def test_options_and_their_errors_do_not_show_it(
    search: Search, monkeypatch: pytest.MonkeyPatch
) -> None:
    for options in (
        {"api_key": KEY + "\n"},
        {"api_key": KEY + " "},
        {"api_key": KEY, "base_url": "http://example.com"},
        {"api_key": KEY, "base_url": "nonsense"},
        {"api_key": KEY, "timeout": -1},
        {"api_key": KEY, "transport": "post"},
        {"api_key": KEY, "proxy": "nonsense://x"},
        {"api_key": KEY, "ca_file": "/nowhere"},
        {"api_key": KEY, "colour": 1},
        {"api_key": KEY.encode()},
        {"api_key": [KEY]},
    ):
        try:
            client: Any = sgostream.Client(**options)  # type: ignore[arg-type]
        except (ValueError, TypeError, sgostream.SgoError) as error:
            # The frames of a traceback name no values; Python shows none.
            search.see("refused", error.with_traceback(None))
            continue
        try:
            client.live().start()
        except sgostream.SgoError as error:
            search.see("refused", error)
        search.see("client", client)
        client.close()
    monkeypatch.setenv("SPORTS_ODDS_API_KEY_HEADER", KEY)
    with sgostream.Client() as client:
        search.see("client", client)
        search.see("streams", [client.live(), client.upcoming("NFL")])
        search.see("core", vars(client))
    assert search.check(KEY) > 20


def test_a_proxys_login_is_nowhere_either(rig: Rig, search: Search) -> None:
    rig.sim.add_event(live=True)
    login = "benutzer:pass-wort-4711"
    client = rig.client(core=DEBUG, proxy=f"http://{login}@127.0.0.1:1")
    live = client.live()
    watch = Watch(live)
    with live:
        eventually(lambda: watch.errors, "the report")
        search.stream(live)
    search.watch(watch)
    search.wire(rig.sim)
    search.check(rig.sim.api_key, "pass-wort-4711")
