"""``watch``: the live board in a terminal, plain lines elsewhere."""

from __future__ import annotations

import dataclasses
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING

from rich.console import Console
from rich.live import Live

from .board import Board
from .common import Connect, Feeds, Progress, error_console, tell
from .keys import Keys
from .tail import TailOptions, follow

if TYPE_CHECKING:
    from .. import Client, Stream, Subscription

__all__ = ["WatchOptions", "run", "show"]

_FRAME_SECONDS = 0.1


@dataclasses.dataclass(frozen=True, slots=True)
class WatchOptions:
    """How the board begins, and when it ends."""

    market: str = "moneyline"
    odds_format: str = "american"
    sport: str = ""
    plain: bool = False
    seconds: float | None = None
    updates: int | None = None


def run(connect: Connect, feeds: Feeds, options: WatchOptions) -> None:
    """Follow feeds until q, Ctrl-C, or the time is up."""
    with connect.client() as client:
        show(client, feeds.streams(client), options, connect.bookmaker_ids)


def show(
    client: Client,
    streams: list[Stream],
    options: WatchOptions,
    bookmaker_ids: tuple[str, ...] = (),
) -> None:
    """Show streams: as a board on a terminal, else as lines."""
    console = Console()
    if options.plain or not console.is_terminal or console.is_dumb_terminal:
        lines = TailOptions(count=options.updates, seconds=options.seconds)
        messages = error_console()
        tell(streams, messages)
        progress = Progress(client, streams, messages)
        with progress.shown(), client.subscribe(*streams) as subscription:
            follow(subscription, lines, progress)
        return
    board = Board(
        client,
        streams,
        bookmaker_ids=bookmaker_ids,
        market=options.market,
        odds_format=options.odds_format,
        sport=options.sport,
    )
    for stream in streams:
        stream.on_error(lambda error: board.tell(str(error)))
        stream.on_gap(
            lambda gap: board.tell(
                f"a gap is repaired ({gap.reason}): {gap.events_refetched} events "
                "fetched again"
            )
        )
    # Stamps too: the age of a price that does not move is its proof.
    with client.subscribe(*streams, include_timestamps=True) as subscription:
        _board(console, board, subscription, options)


def _board(
    console: Console, board: Board, subscription: Subscription, options: WatchOptions
) -> None:
    deadline = float("inf")
    if options.seconds is not None:
        deadline = time.monotonic() + options.seconds
    wanted = float("inf") if options.updates is None else options.updates
    with (
        _terminated_as_interrupted(),
        Keys() as keys,
        Live(console=console, screen=True, auto_refresh=False) as screen,
    ):
        while board.updates < wanted and (now := time.monotonic()) < deadline:
            frame = min(now + _FRAME_SECONDS, deadline)
            while (left := frame - time.monotonic()) > 0:
                if board.paused:  # the subscription keeps the newest of each
                    time.sleep(left)
                else:
                    board.feed(subscription.get_batch(timeout=left))
            for key in keys.read():
                if not board.press(key):
                    return
            screen.update(board.render(console.width, console.height), refresh=True)


@contextmanager
def _terminated_as_interrupted() -> Iterator[None]:
    """SIGTERM and SIGHUP leave as Ctrl-C does: the terminal is put back."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(number: int, frame: FrameType | None) -> None:
        del frame
        sys.exit(128 + number)

    before = {
        number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGHUP)
    }
    try:
        yield
    finally:
        for number, action in before.items():
            signal.signal(number, action)
