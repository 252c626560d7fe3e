"""What the host does to us: fork, interpreters, exits, signals, no descriptors."""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import signal
import sys
import threading
import time
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hostile import Program
from rig import Rig, Watch, eventually

import sgostream
from sgostream.sim import ConnectionScript

SCORE = ("teams", "home", "score")

# A program's start: a live stream `live` of the client `client`.
LIVE = """
import os, signal, sys, threading, time
import sgostream
options = {options!r}
client = sgostream.Client(**options)
live = client.live()
live.wait_live(20)
"""


def program(rig: Rig, code: str, *flags: str, start: str = LIVE) -> Program:
    return Program(start.format(options=rig.options()) + code, *flags)


def count(what: str) -> int:
    return len(os.listdir(f"/proc/self/{what}"))


# -- fork ---------------------------------------------------------------------

CHILD = """
def child(client, live, updates, options, told):
    errors = set()
    for use in (live.start, live.wait_live, client.usage, client.live, client.stats,
                live.stats, live.subscribe, updates.get, lambda: next(iter(live)),
                lambda: list(live.events), lambda: client.fetch("a"),
                lambda: live.phase, lambda: live.connection):
        try:
            use()
            errors.add(f"{use} raised nothing")
        except Exception as error:
            errors.add(type(error).__name__)
    assert errors == {"ForkedError"}, errors
    live.close(); client.close()
    mine(options, told)

def mine(options, told):
    with sgostream.stream("events:live", **options) as fresh:
        fresh.wait_live(20)
        held = {i: e.json() for i, e in fresh.events.items()}
    told(held)
"""


@pytest.mark.usefixtures("forks")
def test_fork_with_multiprocessing(rig: Rig, tmp_path: Path) -> None:
    """Both ways, at once; the parent's stream goes on."""
    event_id = rig.sim.add_event(live=True)
    script = tmp_path / "forks.py"
    script.write_text(
        "import multiprocessing, sys, time, sgostream\n"
        f"options = {rig.options()!r}\n"
        f"{CHILD}\n"
        """
def main():
    client = sgostream.Client(**options)
    live = client.live()
    updates = live.subscribe()
    live.wait_live(20)
    held = {i: e.json() for i, e in live.events.items()}
    forked = multiprocessing.get_context("fork")
    queue = forked.SimpleQueue()
    children = [
        forked.Process(target=child, args=(client, live, updates, options, queue.put))
        for _ in range(2)
    ]
    server = multiprocessing.get_context("forkserver")
    other = server.SimpleQueue()
    children.append(server.Process(target=mine, args=(options, other.put)))
    for one in children:
        one.start()
    assert queue.get() == queue.get() == other.get() == held
    for one in children:
        one.join(20)
        assert one.exitcode == 0, one.exitcode
    print("children", flush=True)
    sys.stdin.readline()
    while live.events[EVENT]["teams"]["home"]["score"] != 9:
        updates.get(timeout=20)
    client.close()
    print("parent", flush=True)

if __name__ == "__main__":
    main()
""".replace("EVENT", repr(event_id)),
        encoding="utf-8",
    )
    # -c would not do: the fork server imports the program's file.
    run = f"import runpy, sys; sys.argv = [{str(script)!r}]\n"
    run += f"import os; os.execv(sys.executable, [sys.executable, {str(script)!r}])"
    with Program(run) as one:
        assert one.line() == "children"
        rig.sim.patch(event_id, SCORE, 9)
        one.say("go on")
        assert one.line() == "parent"
        status, _, errors = one.finish()
        assert status == 0, errors
    eventually(lambda: not rig.sim.connections(), "the end of every socket")


@pytest.mark.usefixtures("forks")
def test_a_prefork_server(rig: Rig) -> None:
    """The parent only imports; four workers each have a stream."""
    rig.sim.add_event(live=True)
    code = """
import os, sys, sgostream
options = {options!r}
workers = []
for _ in range(4):
    pid = os.fork()
    if pid == 0:
        with sgostream.stream("events:live", **options) as live:
            live.wait_live(20)
            print(len(live.events), flush=True)
            sys.stdin.readline()
        sys.exit(0)
    workers.append(pid)
statuses = [os.waitpid(pid, 0)[1] for pid in workers]
print(statuses, flush=True)
"""
    with program(rig, "", start=code) as one:
        assert [one.line() for _ in range(4)] == ["1"] * 4
        assert len(rig.sim.connections()) == 4
        assert one.process.stdin is not None
        one.process.stdin.close()  # each worker reads the end
        assert one.line() == "[0, 0, 0, 0]"
        one.process.stdin = None
        status, _, errors = one.finish()
        assert status == 0, errors


def test_a_child_that_execs_leaves_the_parent_alone(rig: Rig) -> None:
    event_id = rig.sim.add_event(live=True)
    code = """
import subprocess
for _ in range(3):
    pid = os.fork()
    if pid == 0:
        os.execv(sys.executable, [sys.executable, "-c", "import sgostream"])
    assert os.waitpid(pid, 0)[1] == 0
    subprocess.run([sys.executable, "-c", "import sgostream"], check=True)
assert live.phase == "live"
print("there", flush=True)
for update in live:
    if update.event["teams"]["home"]["score"] == 5:
        break
client.close()
"""
    with program(rig, code, "-Wignore::DeprecationWarning") as one:
        assert one.line() == "there"
        rig.sim.patch(event_id, SCORE, 5)
        status, _, errors = one.finish()
        assert status == 0, errors
    assert len(rig.sockets()) == 1


# -- interpreters -------------------------------------------------------------


INTERPRETERS = """
try:
    import _interpreters as i  # 3.13 and newer
    def create(isolated):
        return i.create("isolated" if isolated else "legacy")
    execute = i.exec
except ImportError:
    import _xxsubinterpreters as i
    def create(isolated):
        return i.create(isolated=isolated)
    execute = i.run_string
def run_in_one(isolated, code):
    one = create(isolated)
    failed = execute(one, code)
    assert not failed, failed
    end = time.monotonic() + 10
    while True:
        try:
            i.destroy(one)
            break
        except Exception as error:  # a helper thread is just ending
            assert "running" in str(error) or "thread" in str(error), error
            assert time.monotonic() < end, error
            time.sleep(0.01)
"""


@pytest.mark.parametrize("isolated", [False, True], ids=["legacy", "isolated"])
def test_a_subinterpreter_streams(rig: Rig, isolated: bool) -> None:
    """Isolated ones of 3.11 allow no thread: no logs there, and no callbacks.

    From 3.12 on they have a GIL of their own, and three run at once.
    """
    rig.sim.add_event(live=True)
    inner = (
        f"options = {rig.options()!r}\n"
        "import sgostream\n"
        "with sgostream.stream('events:live', **options) as live:\n"
        "    live.wait_live(20)\n"
        "    assert len(live.events) == 1\n"
        "    for update in live:\n"
        "        assert update.kind == 'added'\n"
        "        break\n"
        "live.client.close()\n"
    )
    at_once = isolated and sys.version_info >= (3, 12)
    code = f"""{INTERPRETERS}
inner = {inner!r}
failed = []
def go():
    try:
        run_in_one({isolated}, inner)
    except BaseException as error:
        failed.append(error)
for _ in range(3):
    threads = [threading.Thread(target=go) for _ in range({3 if at_once else 1})]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed, failed
    print("done", flush=True)
assert live.phase == "live"
assert len(live.events) == 1
client.close()
"""
    with program(rig, code) as one:
        status, out, errors = one.finish()
    assert (status, out) == (0, "done\n" * 3), errors


# -- the end of the process ---------------------------------------------------

STATES = {
    "not started": "client = sgostream.Client(**options); live = client.live()",
    "bootstrapping": "live = sgostream.stream('events:live', **options).start()",
    "connecting": "live = sgostream.stream(\n"
    "    'events:live', **{**options, 'base_url': 'https://127.0.0.1:9/v2'})\n"
    "told = threading.Event(); live.on_error(lambda error: told.set())\n"
    "live.start(); told.wait()",
    "subscribing": "live = sgostream.stream('events:live', **options)\n"
    "live.start()\n"
    "while live.phase in ('idle', 'bootstrapping'): time.sleep(0.001)",
    "polling": "live = sgostream.stream(\n"
    "    'events:live', transport='poll', **options).wait_live(20)",
    "live": "live = sgostream.stream('events:live', **options).wait_live(20)",
    "iterating": "live = sgostream.stream('events:live', **options).wait_live(20)\n"
    "threading.Thread(target=list, args=(live,), daemon=True).start()",
    "in a callback": "live = sgostream.stream('events:live', **options)\n"
    "entered = threading.Event()\n"
    "@live.on_update\n"
    "def stay(update): entered.set(); time.sleep(600)\n"
    "live.start(); entered.wait()",
    "in asyncio": "import asyncio\n"
    "live = sgostream.stream('events:live', **options)\n"
    "def run():\n"
    "    async def main():\n"
    "        async for update in live: pass\n"
    "    asyncio.run(main())\n"
    "threading.Thread(target=run, daemon=True).start()\n"
    "live.wait_live(20)",
    "in a call": "client = sgostream.Client(**options)\n"
    "threading.Thread(target=client.fetch, args=('x',), daemon=True).start()",
    "in a cycle": "class Box: pass\n"
    "box = Box(); box.me = box\n"
    "box.live = sgostream.stream('events:live', **options).wait_live(20)\n"
    "box.live.on_error(lambda error: box)",
    "closed": "live = sgostream.stream('events:live', **options).wait_live(20)\n"
    "live.close()",
}
ENDS = {
    "by running out": ("", 0),
    "sys.exit": ("sys.exit(3)", 3),
    "an exception": ("raise RuntimeError('the end')", 1),
    "os._exit": ("os._exit(4)", 4),
    "SIGTERM": ("os.kill(os.getpid(), signal.SIGTERM)", -signal.SIGTERM),
}


@pytest.mark.parametrize("end", ENDS)
def test_exit_in_every_state(rig: Rig, end: str) -> None:
    """All states side by side: a process each."""
    rig.sim.add_event(live=True)
    start = (
        "import os, signal, sys, threading, time, sgostream\noptions = {options!r}\n"
    )
    code, wanted = ENDS[end]
    programs = {
        state: program(
            rig, f"{text}\nprint('there', flush=True)\n{code}\n", start=start
        )
        for state, text in STATES.items()
    }
    try:
        for state, one in programs.items():
            assert one.line() == "there", state
        began = time.monotonic()
        for state, one in programs.items():
            status, _, errors = one.finish(20)
            assert status == wanted, (state, errors)
            assert "Fatal" not in errors, (state, errors)
        assert time.monotonic() - began < 10
    finally:
        for one in programs.values():
            one.process.kill()
            one.process.communicate()
    eventually(lambda: not rig.sim.connections(), "the end of every socket")


# -- signals ------------------------------------------------------------------


def test_a_storm_of_ctrl_c(rig: Rig) -> None:
    event_id = rig.sim.add_event(live=True)
    code = """
updates = live.subscribe()
caught, armed = 0, False
def interrupt(*_):
    global armed
    if armed:  # not in the handling of the one before
        armed = False
        raise KeyboardInterrupt
signal.signal(signal.SIGINT, interrupt)
print("there", flush=True)
while True:
    try:
        armed = True
        update = updates.get(timeout=20)
        armed = False
        if update.event["teams"]["home"]["score"] == 8:
            break
    except KeyboardInterrupt:
        caught += 1
        # As with any get(): an update may be lost between its return and ours.
        (event,) = live.events.values()
        if event["teams"]["home"]["score"] == 8:
            break
signal.signal(signal.SIGINT, signal.SIG_IGN)
print(caught, flush=True)
client.close()
"""
    with program(rig, code) as one:
        assert one.line() == "there"
        _until_it_waits(one.process.pid)
        for _ in range(300):
            one.process.send_signal(signal.SIGINT)
            os.sched_yield()
        _until_it_waits(one.process.pid)
        rig.sim.patch(event_id, SCORE, 8)
        assert int(one.line()) >= 1
        status, _, errors = one.finish()
        assert status == 0, errors


def _until_it_waits(pid: int) -> None:
    """Until the main thread was asleep at ten looks in a row."""
    asleep = 0

    def look() -> bool:
        nonlocal asleep
        with open(f"/proc/{pid}/stat", encoding="utf-8") as stat:
            state = stat.read().rpartition(")")[2].split()[0]
        asleep = asleep + 1 if state == "S" else 0
        return asleep >= 10

    eventually(look, "a wait")


# -- callbacks ----------------------------------------------------------------

CLOSERS: dict[str, Callable[[sgostream.Stream], object]] = {
    "stream": lambda live: live.close(),
    "client": lambda live: live.client.close(),
    "both": lambda live: (live.client.close(), live.close()),
}


@pytest.mark.parametrize("closer", CLOSERS)
@pytest.mark.parametrize("kind", ["update", "state", "gap", "error"])
def test_close_from_a_callback(rig: Rig, kind: str, closer: str) -> None:
    event_id = rig.sim.add_event(live=True)
    before = count("task")
    live = rig.client(tls=False).live()
    took: list[float] = []
    ready = threading.Event()

    def close(item: object) -> None:
        if ready.is_set() and not took:
            began = time.monotonic()
            CLOSERS[closer](live)
            took.append(time.monotonic() - began)

    getattr(live, f"on_{kind}")(close)
    live.wait_live(20)
    ready.set()
    if kind == "update":
        rig.sim.patch(event_id, SCORE, 1)
    elif kind == "error":
        rig.sim.rule("/events", status=500)
        rig.sim.rule("/events", status=400)
        rig.sim.patch(event_id, SCORE, 1)
    else:
        rig.sim.disconnect(4200)
    eventually(lambda: took, "the callback")
    assert took[0] < 1.0
    live.wait_closed(5)
    live.client.close()
    eventually(lambda: count("task") <= before, "the end of every thread")


@pytest.mark.parametrize("closer", CLOSERS)
def test_callbacks_have_seen_the_end_when_close_returns(rig: Rig, closer: str) -> None:
    rig.sim.add_event(live=True)
    for _ in range(10):
        live = rig.client(tls=False).live()
        watch = Watch(live)
        live.wait_live(20)
        CLOSERS[closer](live)
        assert [change.current for change in watch.states][-1:] == ["disconnected"]
        live.client.close()


def test_close_of_what_never_began_waits_for_nothing(rig: Rig) -> None:
    live = rig.client(tls=False).live()
    watch = Watch(live)
    began = time.monotonic()
    live.close()
    live.client.close()
    assert time.monotonic() - began < 0.4
    assert not watch.errors


@pytest.mark.parametrize("error", [RuntimeError, SystemExit, KeyboardInterrupt])
def test_what_a_callback_raises_stops_nothing(
    rig: Rig, error: type[BaseException], caplog: pytest.LogCaptureFixture
) -> None:
    event_id = rig.sim.add_event(live=True)
    live = rig.client(tls=False).live()
    scores: list[int] = []

    @live.on_update(initial=False)
    def explode(update: sgostream.Update) -> None:
        scores.append(update.event["teams"]["home"]["score"])
        raise error("of the user's own")

    watch = Watch(live)
    with live:
        live.wait_live(20)
        for number in (1, 2, 3):
            rig.sim.patch(event_id, SCORE, number)
            eventually(lambda n=number: scores[-1:] == [n], "the callback")
        eventually(lambda: len(watch.errors) == len(scores), "the reports")
    assert all(isinstance(e, error) for e in watch.errors)
    assert "of the user's own" in caplog.text
    assert "explode" in caplog.text  # with its traceback


# -- garbage ------------------------------------------------------------------


def test_cycles_through_callbacks_are_collected(rig: Rig) -> None:
    rig.sim.add_event(live=True)
    threads, files = count("task"), count("fd")

    def use() -> weakref.ref[sgostream.Stream]:
        client = sgostream.Client(**rig.options(tls=False))
        live = client.live()
        kept: list[Any] = [live, client]
        live.on_update(lambda update: kept.append(update))
        live.on_state(lambda change: kept.append(live))
        live.on_error(kept.append)
        live.wait_live(20)
        kept.append(live.subscribe())
        kept.append(live.events)
        client.close()
        return weakref.ref(live)

    found = use()
    eventually(lambda: gc.collect() >= 0 and found() is None, "the collection")
    eventually(lambda: count("task") <= threads, "the end of every thread")
    rig.sim.cut()
    eventually(lambda: count("fd") <= files, "the end of every descriptor")


def test_close_while_it_is_collected(rig: Rig) -> None:
    """One thread closes, another collects, a third iterates."""
    rig.sim.add_event(live=True)
    for _ in range(10):
        client = sgostream.Client(**rig.options(tls=False))
        live = client.live()
        taken: list[str] = []

        def take(stream: Any = live, into: list[str] = taken) -> None:
            with contextlib.suppress(sgostream.ClosedError):  # closed before
                into.extend(update.kind for update in stream)

        threads = [
            threading.Thread(target=take),
            threading.Thread(target=gc.collect),
            threading.Thread(target=client.close),
            threading.Thread(target=live.close),
        ]
        threads[0].start()
        if _ % 2:
            eventually(lambda got=taken: got, "an update")
        for thread in threads[1:]:
            thread.start()
        del client, live, take
        gc.collect()
        for thread in threads:
            thread.join(20)
            assert not thread.is_alive()


# -- descriptors --------------------------------------------------------------


def test_no_descriptors_left(rig: Rig) -> None:
    """With ever more of them: an error or nothing, then it works; no crash."""
    rig.sim.add_event(live=True)
    code = """
import resource, sgostream, os, time
options = {options!r}
sgostream.stream("events:live", **options).wait_live(20).close()
soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
import gc; gc.collect()
def used():
    return max(map(int, os.listdir("/proc/self/fd")))
kinds = set()
for more in range(1, 16):
    base = used()
    errors = []
    client = sgostream.Client(**options)
    live = client.live()
    resource.setrlimit(resource.RLIMIT_NOFILE, (base + more, hard))
    try:
        live.start()
        live.wait_live(0.15)
        kinds.add("live")
    except (sgostream.SgoError, OSError, TimeoutError) as error:
        kinds.add(type(error).__name__)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    began = time.monotonic()
    client.close()
    assert time.monotonic() - began < 1.0
    gc.collect()
print(sorted(kinds), flush=True)
with sgostream.stream("events:live", **options) as live:
    live.wait_live(20)
    # All taken while it is live: the next socket has to wait for one.
    held = []
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    try:
        while True:
            held.append(os.open("/dev/null", os.O_RDONLY))
    except OSError:
        pass
    print("full", flush=True)
    input()
    for one in held:
        os.close(one)
    while live.phase != "stale" and live.stats().reconnects == 0:
        time.sleep(0.01)
    live.wait_live(20)
    print(live.stats().reconnects, flush=True)
"""
    with program(rig, "", start=code) as one:
        kinds = one.line()
        assert "TimeoutError" in kinds or "Error" in kinds, kinds
        assert one.line() == "full"
        rig.sim.disconnect(4200)
        rig.sim.wait(lambda: not rig.sim.connections())
        one.say("")
        assert int(one.line()) >= 1
        status, _, errors = one.finish()
        assert status == 0, errors


def test_many_clients_leave_nothing_behind(rig: Rig) -> None:
    event_id = rig.sim.add_event(live=True)
    sgostream.stream("events:live", **rig.options()).wait_live(20).close()
    rig.sim.cut()
    eventually(lambda: not rig.sim.connections(), "the end of the first")
    gc.collect()
    threads, files = count("task"), count("fd")
    for number in range(60):
        client = sgostream.Client(**rig.options(tls=number % 2 == 0))
        live = client.live()
        way = number % 6
        if way:
            live.start()
        if way == 2:
            live.subscribe()
        elif way == 3:
            live.on_update(lambda update: None)
        elif way == 4:
            client.by_id(event_id).subscribe(conflate=False)
        elif way == 5:
            live.wait_live(20)
        client.close()
    del client, live
    gc.collect()
    rig.sim.cut()
    eventually(lambda: count("task") <= threads, "the end of every thread")
    eventually(lambda: count("fd") <= files, "the end of every descriptor")
    eventually(lambda: not rig.sim.connections(), "the end of every socket")


def test_many_clients_at_once(rig: Rig) -> None:
    event_id = rig.sim.add_event(live=True)
    threads = count("task")
    clients = [sgostream.Client(**rig.options(tls=False)) for _ in range(25)]
    streams = [client.live().start() for client in clients]
    for live in streams:
        live.wait_live(20)
    rig.sim.patch(event_id, SCORE, 99)
    for live in streams:
        eventually(
            lambda one=live: one.events[event_id]["teams"]["home"]["score"] == 99,
            "the change",
        )
    closers = [threading.Thread(target=client.close) for client in clients]
    began = time.monotonic()
    for closer in closers:
        closer.start()
    for closer in closers:
        closer.join(10)
    assert time.monotonic() - began < 2.0
    eventually(lambda: count("task") <= threads, "the end of every thread")


# -- close() and the wrapper's own threads ------------------------------------


class _Handler(logging.Handler):
    """Is slow, or stuck, with the first line after it was told to be."""

    def __init__(self, wait: float) -> None:
        super().__init__(logging.DEBUG)
        self.wait = wait
        self.entered = threading.Event()
        self.free = threading.Event()
        self.on = False

    def emit(self, record: logging.LogRecord) -> None:
        if self.on and record.name.startswith("sgostream"):
            self.on = False
            self.entered.set()
            self.free.wait(self.wait)


def _helpers() -> list[threading.Thread]:
    names = ("sgostream-reports", "sgostream-callbacks")
    return [t for t in threading.enumerate() if t.name.startswith(names)]


@pytest.mark.parametrize("wait", [0.3, 60.0], ids=["slow", "stuck"])
def test_close_waits_for_its_threads_but_not_for_ever(rig: Rig, wait: float) -> None:
    """Else the end of a subinterpreter would race them."""
    rig.sim.add_event(live=True)
    before = set(_helpers())
    handler = _Handler(wait)
    logger = logging.getLogger("sgostream")
    logger.addHandler(handler)
    level = logger.level
    logger.setLevel(logging.DEBUG)
    try:
        client = rig.client()
        live = client.live()
        states: list[str] = []
        live.on_state(lambda change: states.append(change.current))
        live.wait_live(20)
        assert len(set(_helpers()) - before) == 2
        handler.on = True
        rig.sim.disconnect(4200)
        assert handler.entered.wait(20)
        began = time.monotonic()
        client.close()
        assert time.monotonic() - began < 1.0
        if wait < 1.0:
            assert not set(_helpers()) - before
            assert states[-1] == "disconnected"
    finally:
        handler.free.set()
        logger.removeHandler(handler)
        logger.setLevel(level)
    eventually(lambda: not set(_helpers()) - before, "the end of both")


# -- close() in every state ---------------------------------------------------

HANGS: dict[str, Callable[[Rig], Callable[[], object]]] = {
    "bootstrap": lambda rig: _held(rig, "/stream/events"),
    "upgrade": lambda rig: _held(rig, "*/app/*", method="WS"),
    "authorisation": lambda rig: _held(rig, "/stream/pusher/auth"),
    "reconcile": lambda rig: _held(rig, "/events"),
    "subscription": lambda rig: _silent(rig),
}


def _held(rig: Rig, path: str, **more: Any) -> Callable[[], object]:
    rule = rig.sim.rule(path, times=None, hold="before", **more)
    return lambda: rule.held


def _silent(rig: Rig) -> Callable[[], object]:
    rig.sim.script(ConnectionScript(subscribe="silent"), times=0)
    return lambda: any(
        "pusher:subscribe" in text
        for one in rig.sim.connections()
        for text in one["received"]
    )


@pytest.mark.parametrize("where", [*HANGS, "refetch"])
def test_close_within_a_second_while_it_hangs(rig: Rig, where: str) -> None:
    """Lookup, TCP and TLS: test_network.py. Every waiting thread is let go."""
    event_id = rig.sim.add_event(live=True)
    before = count("task")
    client = rig.client()
    live = client.live()
    if where == "refetch":
        live.wait_live(20)
        hanging = _held(rig, "/events")
        rig.sim.patch(event_id, SCORE, 1)
    else:
        hanging = HANGS[where](rig)
        live.start()
    updates = live.subscribe(initial=False)
    waits: list[Callable[[], object]] = [
        lambda: list(updates),
        lambda: live.wait_closed(30),
        lambda: client.fetch(event_id, timeout=30),
        lambda: client.usage(timeout=30),
        lambda: live.wait_live(30) and updates.get(timeout=30),
    ]
    ended: list[str] = []

    def run(wait: Callable[[], object]) -> None:
        try:
            wait()
            ended.append("returned")
        except sgostream.ClosedError as error:
            ended.append(type(error).__name__)

    threads = [threading.Thread(target=run, args=(wait,)) for wait in waits]
    for thread in threads:
        thread.start()
    rig.sim.wait(hanging, 20)
    began = time.monotonic()
    client.close()
    assert time.monotonic() - began < 1.0
    for thread in threads:
        thread.join(max(0.0, began + 1.5 - time.monotonic()))
        assert not thread.is_alive()
    assert len(ended) == len(waits), ended
    eventually(lambda: count("task") <= before, "the end of every thread")
