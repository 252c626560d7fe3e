"""``demo``: live odds from the built-in simulator, in this terminal."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from .. import SgoError, stream

if TYPE_CHECKING:
    from .._stream import Stream

__all__ = ["run"]

_FRAME_SECONDS = 0.125  # the terminal's eye: 8 frames a second


@contextmanager
def _simulator(options: argparse.Namespace) -> Iterator[dict[str, str]]:
    """The simulator as a process of its own; what it says of itself."""
    command = [sys.executable, "-m", "sgostream.sim", "--json"]
    command += ["--events", str(options.events), "--rate", str(options.rate)]
    command += ["--seed", str(options.seed), "--live", "1.0"]
    if options.size:
        command += ["--size", str(options.size)]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
        start_new_session=True,  # Ctrl-C is ours; we end it
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise RuntimeError("the simulator did not start; see its message above")
        yield json.loads(line)
    finally:
        process.terminate()
        try:
            process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def run(options: argparse.Namespace) -> int:
    """Run the demo; the exit status."""
    try:
        with _simulator(options) as told:
            live = stream(
                "events:live",
                api_key=told["api_key"],
                base_url=told["https_base_url"],
                ca_file=told["ca_file"],
            )
            with live:
                if options.plain or not sys.stdout.isatty():
                    _lines(live, options)
                else:
                    _board(live, options)
    except KeyboardInterrupt:
        return 0
    except BrokenPipeError:
        sys.stderr.close()
        return 0
    except (SgoError, RuntimeError) as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    return 0


def _deadline(options: argparse.Namespace) -> float:
    return (
        float("inf") if options.seconds is None else time.monotonic() + options.seconds
    )


def _lines(live: Stream, options: argparse.Namespace) -> None:
    """One line per update: for pipes and logs."""
    deadline = _deadline(options)
    wanted = float("inf") if options.updates is None else options.updates
    seen = 0
    subscription = live.subscribe()
    while seen < wanted and time.monotonic() < deadline:
        for update in subscription.get_batch(timeout=0.5):
            seen += 1
            print(update, flush=True)
            if seen >= wanted:
                break


def _board(live: Stream, options: argparse.Namespace) -> None:
    """The live board; Ctrl-C leaves."""
    from rich.console import Console
    from rich.live import Live

    from .board import Board

    console = Console()
    board = Board(live)
    deadline = _deadline(options)
    wanted = float("inf") if options.updates is None else options.updates
    with (
        live.subscribe() as subscription,
        Live(console=console, screen=True, auto_refresh=False) as screen,
    ):
        while board.updates < wanted and time.monotonic() < deadline:
            frame = time.monotonic() + _FRAME_SECONDS
            while (left := frame - time.monotonic()) > 0:
                board.feed(subscription.get_batch(timeout=left))
            screen.update(board.render(console.height), refresh=True)
