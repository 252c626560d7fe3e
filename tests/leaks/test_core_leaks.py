"""Every public method of the core, many times: nothing is left behind."""

from __future__ import annotations

import copy
import inspect
import json
import pickle
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from leakcheck import check, refuses
from rig import eventually

from sgostream import _core
from sgostream.sim.remote import RemoteSimulator, spawn

TEXT = json.dumps(
    {
        "eventID": "e",
        "list": [1, 2.5, "x", None, [1], {"k": "v\u00e9\\"}, 10**30],
        "odds": {
            "points-home-game-ml-home": {
                "fairOdds": "+100",
                "byBookmaker": {
                    "alpha": {"odds": "-110", "spread": "1.5", "deeplink": "x"},
                    "beta": {"odds": "even", "lastUpdatedAt": "2026-01-01T00:00:00Z"},
                },
            }
        },
    }
)
EVENT = _core.Event.parse(TEXT)
ODDS, LIST = EVENT["odds"], EVENT["list"]
KEYS, ITEMS, VALUES = ODDS.keys(), ODDS.items(), ODDS.values()
NEWER = _core.Event.parse(
    TEXT.replace("-110", "+120").replace("+100", "+130").replace("2.5", "3.5")
)
UPDATE = EVENT.diff(NEWER)
CHANGES = UPDATE.changes
PLAIN = EVENT.to_dict()
QUOTE = EVENT.quote_rows()[1][3]
AT = datetime(2026, 1, 1, tzinfo=UTC)


def drain(iterable: Any) -> None:
    for _ in iterable:
        pass


def pickled(value: object) -> Any:
    return pickle.loads(pickle.dumps(value))


VALUE_CASES: dict[str, Callable[[], object]] = {
    "Event.parse": lambda: _core.Event.parse(TEXT),
    "Event.parse bytes": lambda: _core.Event.parse(TEXT.encode()),
    "Event.parse malformed": refuses(lambda: _core.Event.parse("{"), ValueError),
    "Event.parse no event": refuses(lambda: _core.Event.parse("{}"), ValueError),
    "Event.event_id": lambda: EVENT.event_id,
    "Event.diff": lambda: EVENT.diff(NEWER, include_timestamps=True),
    "Event.diff wrong": refuses(lambda: EVENT.diff(1), TypeError),  # type: ignore[call-overload]
    "Event.quote_rows": lambda: EVENT.quote_rows(["points-*"], ["alpha"], True),
    "Event.quote_rows wrong": refuses(lambda: EVENT.quote_rows([""]), ValueError),
    "Event.quote_count": lambda: EVENT.quote_count(["points-*"], ["alpha"], True),
    "Event hash": lambda: hash(EVENT),
    "Event repr": lambda: repr(EVENT),
    "Event ==": lambda: (EVENT == PLAIN, EVENT == NEWER, EVENT == 1),
    "Event pickle": lambda: pickled(EVENT),
    "Event deepcopy": lambda: copy.deepcopy([EVENT]),
    "ObjectView.get": lambda: (EVENT.get("odds"), EVENT.get("x"), EVENT.get("x", 1)),
    "ObjectView.keys": EVENT.keys,
    "ObjectView.values": EVENT.values,
    "ObjectView.items": EVENT.items,
    "ObjectView.json": ODDS.json,
    "ObjectView.copy": ODDS.copy,
    "ObjectView.to_dict": EVENT.to_dict,
    "ObjectView []": lambda: EVENT["odds"],
    "ObjectView [missing]": refuses(lambda: EVENT["nope"], KeyError),
    "ObjectView [surrogate]": refuses(lambda: EVENT["\ud800"], KeyError),
    "ObjectView iter": lambda: dict(ODDS),
    "ObjectView in": lambda: "odds" in EVENT,
    "ObjectView repr": lambda: repr(ODDS),
    "ObjectView pickle": lambda: pickled(ODDS),
    "ObjectView iter given up": lambda: next(iter(ODDS)),
    "ArrayView.index": lambda: LIST.index("x"),
    "ArrayView.index missing": refuses(lambda: LIST.index("y"), ValueError),
    "ArrayView.count": lambda: LIST.count([1]),
    "ArrayView.json": LIST.json,
    "ArrayView.copy": LIST.copy,
    "ArrayView.to_list": LIST.to_list,
    "ArrayView []": lambda: (LIST[0], LIST[-1], LIST[1:5], LIST[::-1]),
    "ArrayView [missing]": refuses(lambda: LIST[99], IndexError),
    "ArrayView iter": lambda: (list(LIST), list(reversed(LIST))),
    "ArrayView in": lambda: {"k": "v\u00e9\\"} in LIST,
    "ArrayView ==": lambda: (PLAIN["list"] == LIST, LIST == [1]),
    "Keys.isdisjoint": lambda: KEYS.isdisjoint(["a"]),
    "Keys set operations": lambda: (
        KEYS & {"a"},
        KEYS | {"a"},
        KEYS - {"a"},
        KEYS ^ KEYS,
    ),
    "Keys compare": lambda: ({"a"} == KEYS, {"a"} >= KEYS, set() <= KEYS),
    "Keys repr": lambda: repr(KEYS),
    "Items.isdisjoint": lambda: ITEMS.isdisjoint([("a", 1)]),
    "Items unhashable": refuses(lambda: ITEMS & {("a", 1)}, TypeError),
    "Items in": lambda: ("a", 1) in ITEMS,
    "Values in": lambda: 5 in VALUES,
    "Values iter": lambda: drain(VALUES),
    "Items iter": lambda: drain(ITEMS),
    "Quote": lambda: _core.Quote(-110, "-110", 1.5, True, AT, "x"),
    "Quote wrong": refuses(lambda: _core.Quote(1, 2), TypeError),  # type: ignore[arg-type]
    "Quote compare": lambda: (_core.Quote() == QUOTE, hash(QUOTE), repr(QUOTE)),
    "Quote pickle": lambda: pickled(QUOTE),
    **{
        f"Quote.{name}": lambda name=name: getattr(QUOTE, name)
        for name in dir(_core.Quote)
        if not name.startswith("_")
    },
    **{
        f"Update.{name}": lambda name=name: getattr(UPDATE, name)
        for name in dir(_core.Update)
        if not name.startswith("_")
    },
    "Update fresh": lambda: [
        getattr(EVENT.diff(NEWER), name)
        for name in ("event", "previous", "event_id", "changes", "quotes", "times")
    ],
    "Update repr": lambda: repr(EVENT.diff(NEWER)),
    "Changes.count": lambda: CHANGES.count(1),
    "Changes.index": lambda: CHANGES.index(CHANGES[0]),
    "Changes.index missing": refuses(lambda: CHANGES.index(1), ValueError),
    "Changes []": lambda: (CHANGES[0], CHANGES[-1], CHANGES[:]),
    "Changes [missing]": refuses(lambda: CHANGES[99], IndexError),
    "Changes iter": lambda: (
        list(UPDATE.changes),
        list(UPDATE.quotes),
        list(UPDATE.consensus),
        list(reversed(CHANGES)),
    ),
    "Changes ==": lambda: (list(CHANGES) == CHANGES, repr(CHANGES)),
    "Change pickle": lambda: pickled(CHANGES[0]),
    "Change wrong": refuses(lambda: _core.Change(1), TypeError),  # type: ignore[call-arg]
    **{
        f"{kind.__name__}.{name}": lambda kind=kind, name=name: getattr(
            kind(*map(str, range(len(kind.__match_args__)))), name
        )
        for kind in (
            _core.Change,
            _core.QuoteChange,
            _core.ConsensusChange,
            _core.Times,
            _core.StreamState,
        )
        for name in kind.__match_args__
    },
    "records repr": lambda: [repr(change) for change in (*CHANGES, *UPDATE.quotes)],
    "MISSING": lambda: (pickled(_core.MISSING), repr(_core.MISSING), not _core.MISSING),
    "to_plain": lambda: _core.to_plain({"a": [EVENT, {"b": ODDS}]}),
    "to_plain wrong": refuses(lambda: _core.to_plain([object()]), TypeError),
    "match": lambda: match(EVENT),
    "default_ca_file": _core.default_ca_file,
    "arrow_quotes": lambda: _core.arrow_quotes([EVENT, NEWER], ["points-*"]),
    "arrow_quotes wrong": refuses(lambda: _core.arrow_quotes([1]), TypeError),  # type: ignore[list-item]
    "arrow_quote_changes": lambda: _core.arrow_quote_changes([UPDATE]),
    "arrow_schema": lambda: (_core.arrow_schema(), _core.arrow_schema(changes=True)),
}


def match(event: object) -> object:
    match event:
        case {"odds": {**odds}, "list": [first, *rest]}:
            return odds, first, rest
    return None


@pytest.mark.parametrize("case", VALUE_CASES.values(), ids=VALUE_CASES)
def test_values(case: Callable[[], object]) -> None:
    check(case)


# --- with a client -------------------------------------------------------------


class Rig:
    """One live stream of one event; the simulator is at rest."""

    def __init__(self, sim: RemoteSimulator) -> None:
        self.options = {
            "api_key": sim.api_key,
            "base_url": sim.base_url,
            "proxy": "",
            "bookmaker_ids": ["draftkings"],
        }
        self.event_id = sim.add_event(live=True)
        self.client = _core.Client(**self.options)
        self.stream = self.client.stream("events:byid", {"eventID": self.event_id})
        self.idle = _core.Subscription(self.stream, odd_ids=["points-*"])
        self.stream.wait_live(20)
        self.idle.get_batch(timeout=5)
        self.call = self.client.fetch([self.event_id])
        self.call.wait(20)
        self.quiet_reports()
        self.closed = _core.Client(**self.options)
        self.closed_stream = self.closed.stream("events:live")
        self.closed_subscription = self.closed.subscribe(self.closed_stream)
        self.closed.close()

    def quiet_reports(self) -> None:
        try:
            while self.client.take_report(timeout=0):
                pass
        except TimeoutError:
            pass

    def settle(self) -> None:
        """The I/O thread has done what it was told, in the order told."""
        self.client.fetch([self.event_id]).wait(20)
        eventually(lambda: self.client.stats()["requests_in_flight"] == 0)
        self.quiet_reports()

    def subscription(self, **options: Any) -> _core.Subscription:
        return _core.Subscription(self.stream, **options)

    def dispatch(self, *errors: BaseException) -> None:
        subscription = self.subscription()

        def callback(update: _core.Update) -> None:
            subscription.close()
            if errors:
                raise errors[0]

        subscription.dispatch(callback, lambda error: None)

    def wait_in_thread(self) -> None:
        subscription = self.subscription(initial=False)
        thread = threading.Thread(target=drain, args=(subscription,))
        thread.start()
        subscription.close()
        thread.join()

    def new_client(self) -> None:
        client = _core.Client(**self.options)
        client.subscribe(client.stream("events:byid", {"eventID": self.event_id}))
        client.close()


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    # In a process of its own: its journal grows with every request.
    with spawn(["--events", "0", "--rate", "0"]) as sim:
        made = Rig(sim)
        yield made
        made.client.close()


CLIENT_CASES: dict[str, Callable[[Rig], object]] = {
    "Client": lambda rig: _core.Client(**rig.options),
    "Client wrong": lambda rig: refuses(
        lambda: _core.Client(**{**rig.options, "timeout": -1}), ValueError
    )(),
    "Client.stream": lambda rig: (
        rig.closed.closed or rig.client.stream("events:byid", {"eventID": "x"})
    ),
    "Client.stream wrong": lambda rig: refuses(
        lambda: rig.client.stream("events:byid"), Exception
    )(),
    "Client.subscribe": lambda rig: rig.client.subscribe([rig.stream]),
    "Client.subscribe wrong": lambda rig: refuses(
        lambda: rig.client.subscribe([1]),  # type: ignore[list-item]
        TypeError,
    )(),
    "Client.fetch": lambda rig: rig.client.fetch([rig.event_id]).wait(20),
    "Client.usage": lambda rig: rig.client.usage().wait(20),
    "Client.stats": lambda rig: rig.client.stats(),
    "Client.take_report": lambda rig: rig.quiet_reports(),
    "Client.close": lambda rig: rig.new_client(),
    "Client.closed": lambda rig: (rig.client.closed, repr(rig.client)),
    "Client used after close": lambda rig: refuses(rig.closed.usage, Exception)(),
    "Stream.start": lambda rig: rig.stream.start(),
    "Stream.start after close": lambda rig: refuses(
        rig.closed_stream.start, Exception
    )(),
    "Stream.close": lambda rig: rig.closed_stream.close(),
    "Stream.state": lambda rig: (rig.stream.state(), rig.closed_stream.state()),
    "Stream.wait_live": lambda rig: rig.stream.wait_live(),
    "Stream.wait_live closed": lambda rig: refuses(
        rig.closed_stream.wait_live, Exception
    )(),
    "Stream.wait_closed": lambda rig: refuses(
        lambda: rig.stream.wait_closed(0), TimeoutError
    )(),
    "Stream.wait_change": lambda rig: rig.stream.wait_change(10**6, 1),
    "Stream.event": lambda rig: (rig.stream.event(rig.event_id), rig.stream.event("x")),
    "Stream.events": lambda rig: rig.stream.events(),
    "Stream.event_ids": lambda rig: rig.stream.event_ids(),
    "Stream.event_count": lambda rig: rig.stream.event_count,
    "Stream.staleness": lambda rig: (
        rig.stream.staleness(),
        rig.stream.staleness(rig.event_id),
    ),
    "Stream.staleness wrong": lambda rig: refuses(
        lambda: rig.stream.staleness("x"), KeyError
    )(),
    "Stream.stats": lambda rig: rig.stream.stats(),
    "Stream.id": lambda rig: rig.stream.id,
    "Stream.client": lambda rig: rig.stream.client,
    "Subscription": lambda rig: rig.subscription(odd_ids=["a*"], min_interval=1),
    "Subscription wrong": lambda rig: refuses(
        lambda: rig.subscription(odd_ids=[""]), Exception
    )(),
    "Subscription next": lambda rig: next(rig.subscription()),
    "Subscription.get": lambda rig: rig.subscription().get(),
    "Subscription.get timeout": lambda rig: refuses(
        lambda: rig.idle.get(0), TimeoutError
    )(),
    "Subscription.get closed": lambda rig: refuses(
        rig.closed_subscription.get, Exception
    )(),
    "Subscription.get_batch": lambda rig: [
        list(update.quotes) for update in rig.subscription().get_batch(4096)
    ],
    "Subscription.take_nowait": lambda rig: rig.subscription().take_nowait(),
    "Subscription.take_nowait closed": lambda rig: (
        rig.closed_subscription.take_nowait(),
        list(rig.closed_subscription),
    ),
    "Subscription.dispatch": lambda rig: rig.dispatch(),
    "Subscription.dispatch raising": lambda rig: rig.dispatch(ValueError("x")),
    "Subscription.dispatch left": lambda rig: refuses(
        lambda: rig.dispatch(KeyboardInterrupt()), KeyboardInterrupt
    )(),
    "Subscription.fileno": lambda rig: rig.subscription().fileno(),
    "Subscription.wake": lambda rig: rig.idle.wake(),
    "Subscription.close": lambda rig: rig.subscription().close(),
    "Subscription.stats": lambda rig: rig.idle.stats(),
    "Subscription.pattern_matches": lambda rig: rig.idle.pattern_matches(),
    "Subscription.streams": lambda rig: rig.idle.streams,
    "Subscription waited on by a thread": lambda rig: rig.wait_in_thread(),
    "Call.wait": lambda rig: rig.call.wait(),
    "Call.events": lambda rig: rig.call.events,
    "Call.json": lambda rig: rig.call.json,
    "Call.fileno": lambda rig: rig.call.fileno(),
    "Call.cancel": lambda rig: rig.client.fetch([rig.event_id]).cancel(),
    "Call given up": lambda rig: rig.client.fetch([rig.event_id]).fileno(),
}
#: The core keeps these until the client is closed: documented, and bounded by
#: what the user makes.
KEPT_BY_THE_CORE = {"Client.stream"}


@pytest.mark.parametrize(
    "name", [name for name in CLIENT_CASES if name not in KEPT_BY_THE_CORE]
)
def test_clients(rig: Rig, name: str) -> None:
    case = CLIENT_CASES[name]

    def use() -> None:
        case(rig)
        rig.quiet_reports()

    check(use, times=50, settle=rig.settle)


def test_reports_of_errors(rig: Rig) -> None:
    def use() -> None:
        client = _core.Client(**{**rig.options, "base_url": "http://127.0.0.1:9/v2"})
        client.stream("events:live").start()
        while True:
            report = client.take_report(timeout=10)
            assert report is not None
            if report["kind"] == "error":
                break
        client.close()
        while client.take_report(timeout=10):
            pass

    check(use, times=20)


def test_module_functions() -> None:
    from sgostream import _errors

    def use() -> None:
        _core.set_error_factory(lambda *args: ValueError(args[1]))
        client = _core.Client(api_key="k" * 8)
        client.close()
        refuses(client.usage, ValueError)()
        _core.set_error_factory(None)
        refuses(client.usage, _core.Error)()

    try:
        check(use)
    finally:
        _core.set_error_factory(_errors._make_error)


def test_every_public_method_is_here() -> None:
    known = {name.split()[0] for name in (*VALUE_CASES, *CLIENT_CASES)}
    missing = [
        f"{kind.__name__}.{name}"
        for kind in vars(_core).values()
        if isinstance(kind, type) and kind is not _core.Error
        for name in vars(kind)
        if not name.startswith("_") and f"{kind.__name__}.{name}" not in known
    ]
    # set_error_factory has a test of its own; the other two end all clients.
    known |= {"set_error_factory", "after_fork_in_child", "shutdown"}
    missing += [
        name
        for name, value in vars(_core).items()
        if inspect.isbuiltin(value) and name not in known
    ]
    assert not missing
