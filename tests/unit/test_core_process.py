"""What the process does to us: signals, fork, exit. Each in a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time

import pytest

PRELUDE = """
import os, signal, sys, threading, time
from sgostream import _core
client = _core.Client(api_key="k" * 16, base_url="http://127.0.0.1:9/v2", proxy="")
stream = client.stream("events:live")
subscription = client.subscribe(stream)
def later(seconds, call, *args):
    timer = threading.Timer(seconds, call, args)
    timer.daemon = True
    timer.start()
"""


def spawn(code: str, *flags: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": ":".join(filter(None, sys.path))}
    return subprocess.Popen(
        [
            sys.executable,
            "-X",
            "faulthandler",
            *flags,
            "-c",
            PRELUDE + textwrap.dedent(code),
        ],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(code: str, *flags: str, timeout: float = 30) -> tuple[str, str]:
    """Run to the end: its output and errors."""
    process = spawn(code, *flags)
    try:
        out, errors = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGABRT)  # tells where it hangs
        out, errors = process.communicate()
        pytest.fail(f"it hangs: {out}{errors}")
    assert process.returncode == 0, errors
    return out, errors


# --- Ctrl-C

WAITS = {
    "next": "next(subscription)",
    "get": "subscription.get()",
    "get with a limit": "subscription.get(timeout=60)",
    "get_batch": "subscription.get_batch()",
    "dispatch": "subscription.dispatch(print)",
    "wait_live": "stream.wait_live()",
    "wait_closed": "stream.wait_closed(timeout=60)",
    "take_report": "[client.take_report() for _ in iter(int, 1)]",
    "call.wait": "client.usage().wait()",
}


@pytest.mark.parametrize("wait", WAITS.values(), ids=WAITS)
def test_every_wait_reacts_to_ctrl_c(wait: str) -> None:
    code = f"""
        print("waiting", flush=True)
        try:
            {wait}
        except KeyboardInterrupt:
            print(time.time(), flush=True)
        client.close()
    """
    process = spawn(code)
    assert process.stdout is not None
    assert process.stdout.readline() == "waiting\n"
    time.sleep(0.2)  # lets it enter the wait; entering later only helps it
    sent = time.time()
    process.send_signal(signal.SIGINT)
    out, errors = process.communicate(timeout=20)
    assert process.returncode == 0, errors
    assert float(out) - sent < 0.1


def test_ctrl_c_reaches_a_wait_for_a_change() -> None:
    run(
        """
        later(0.3, os.kill, os.getpid(), signal.SIGINT)
        try:
            while True:
                stream.wait_change(stream.state().serial)
        except KeyboardInterrupt:
            client.close()
        """
    )


def test_a_signal_handler_that_raises_nothing_does_not_end_a_wait() -> None:
    out, _ = run(
        """
        signal.signal(signal.SIGUSR1, lambda *_: print("handled"))
        later(0.1, os.kill, os.getpid(), signal.SIGUSR1)
        try:
            subscription.get(timeout=0.5)
        except TimeoutError:
            print("timeout")
        client.close()
        """
    )
    assert out == "handled\ntimeout\n"


def test_a_handler_that_raises_keeps_its_exception() -> None:
    run(
        """
        class Mine(Exception): pass
        def handler(*_): raise Mine
        signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        try:
            subscription.get_batch()
        except Mine:
            client.close()
        else:
            sys.exit("no exception")
        """
    )


# --- fork


@pytest.mark.usefixtures("forks")
def test_a_forked_child_gets_errors_and_never_hangs() -> None:
    out, _ = run(
        """
        event = _core.Event.parse('{"eventID":"e","a":{"b":1}}')
        view = event["a"]
        call = client.usage()
        stream.start()
        time.sleep(0.05)
        pid = os.fork()
        if pid == 0:
            import gc
            def kind(use):
                try:
                    use()
                except Exception as error:
                    return type(error).__name__
                return "nothing"
            uses = [
                lambda: client.stream("events:live"), lambda: client.fetch(["a"]),
                client.usage, client.stats, client.take_report,
                stream.start, stream.state, stream.wait_live, stream.wait_closed,
                lambda: stream.wait_change(0), lambda: stream.event("e"),
                stream.events, stream.event_ids, lambda: stream.event_count,
                stream.staleness, stream.stats,
                lambda: client.subscribe(stream), lambda: next(subscription),
                subscription.get, subscription.get_batch, subscription.take_nowait,
                lambda: subscription.dispatch(print), subscription.fileno,
                subscription.wake, subscription.stats, subscription.pattern_matches,
                call.wait, lambda: call.events, lambda: call.json, call.fileno,
            ]
            found = {kind(use) for use in uses}
            assert found == {"ForkedError"}, found
            subscription.close(); stream.close(); client.close()  # nothing to do
            assert client.closed
            assert "parent" in repr(client)
            assert event == {"eventID": "e", "a": {"b": 1}} and view["b"] == 1
            del uses, event, view, call, subscription, stream, client
            gc.collect()
            print("child ok", flush=True)
            sys.exit(0)
        _, status = os.waitpid(pid, 0)
        assert status == 0, status
        assert view["b"] == 1
        assert subscription.get_batch(timeout=0.05) == []
        client.close()
        """,
        "-Wignore::DeprecationWarning",
    )
    assert out == "child ok\n"


@pytest.mark.usefixtures("forks")
def test_a_new_client_works_in_the_child() -> None:
    run(
        """
        stream.start()
        pid = os.fork()
        if pid == 0:
            mine = _core.Client(api_key="k" * 16, base_url="http://127.0.0.1:9/v2")
            inner = mine.subscribe(mine.stream("events:live"))
            assert inner.get_batch(timeout=0.2) == []
            stop = time.monotonic() + 10
            while mine.stats()["requests_failed"] == 0:
                assert time.monotonic() < stop, "its loop does not run"
                time.sleep(0.01)
            later(0.3, os.kill, os.getpid(), signal.SIGINT)
            try:
                list(inner)
            except KeyboardInterrupt:
                mine.close()
                os._exit(0)
            os._exit(1)
        _, status = os.waitpid(pid, 0)
        assert status == 0, status
        client.close()
        """,
        "-Wignore::DeprecationWarning",
    )


def test_a_child_of_subprocess_is_none_of_our_forks() -> None:
    run(
        """
        import subprocess
        subprocess.run([sys.executable, "-c", ""], check=True)
        assert subscription.get_batch(timeout=0.05) == []
        client.close()
        """
    )


# --- exit


@pytest.mark.parametrize(
    "state",
    [
        "",
        "stream.start()",
        "client.close()",
        "stream.close()",
        "subscription.close()",
        "del client, stream, subscription",
        "del client, stream",
        "call = client.usage()",
        "import builtins; builtins.kept = (client, stream, subscription)",
        "cycle = [subscription]; cycle.append(cycle); del client, stream, subscription",
        "threading.Thread(target=list, args=(subscription,), daemon=True).start()",
        "threading.Thread(target=client.take_report, daemon=True).start()",
        "go = subscription.dispatch\n"
        "threading.Thread(target=go, args=(print,), daemon=True).start()",
        'v = iter(_core.Event.parse(\'{"eventID":"e"}\').items())',
    ],
)
def test_the_interpreter_ends_at_once_in_every_state(state: str) -> None:
    began = time.monotonic()
    run(f"time.sleep(0.05)\n{state}\ntime.sleep(0.05)", timeout=20)
    assert time.monotonic() - began < 10


def test_exit_by_exception_and_by_os_exit() -> None:
    process = spawn("stream.start(); raise SystemExit(3)")
    process.communicate(timeout=20)
    assert process.returncode == 3
    process = spawn("stream.start(); os._exit(4)")
    process.communicate(timeout=20)
    assert process.returncode == 4


def test_closing_at_exit() -> None:
    out, errors = run(
        """
        import atexit
        atexit.register(print, "after")
        atexit.register(client.close)
        stream.start()
        """
    )
    assert out == "after\n"
    assert "Error" not in errors
