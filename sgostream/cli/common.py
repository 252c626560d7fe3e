"""What the commands share: exit codes, the key, a client, errors, streams."""

from __future__ import annotations

import dataclasses
import enum
import functools
import getpass
import os
import select
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ParamSpec

import typer
from rich.console import Console
from rich.markup import escape

from .. import (
    AuthenticationError,
    Client,
    ConfigurationError,
    Gap,
    LimitError,
    PermissionDeniedError,
    RateLimitError,
    SgoError,
    StateChange,
    Stream,
    StreamLimitError,
)
from .._options import KEY_VARIABLE, Transport

if TYPE_CHECKING:
    from .._options import ClientOptions

__all__ = [
    "Connect",
    "Exit",
    "Feeds",
    "Progress",
    "clean",
    "error_console",
    "exit_of",
    "guarded",
    "reader_is_gone",
    "streams_of",
    "tell",
    "write_line",
]

P = ParamSpec("P")

_LOOK_SECONDS = 0.1  # between two looks at what has come


class Exit(enum.IntEnum):
    """Exit statuses of every command; docs/guide/command-line.md lists them."""

    OK = 0
    FAILED = 1
    USAGE = 2
    KEY = 3
    LIMIT = 4
    INTERRUPTED = 130


def exit_of(error: BaseException) -> Exit:
    """The exit status for an error."""
    if isinstance(error, (AuthenticationError, PermissionDeniedError)):
        return Exit.KEY
    if isinstance(error, ConfigurationError):
        about_key = KEY_VARIABLE in str(error) or "API key" in str(error)
        return Exit.KEY if about_key else Exit.USAGE
    if isinstance(error, (RateLimitError, StreamLimitError, LimitError)):
        return Exit.LIMIT
    if isinstance(error, ValueError):
        return Exit.USAGE
    return Exit.FAILED


def error_console() -> Console:
    """A console for messages: stderr, so that stdout stays data."""
    return Console(stderr=True, highlight=False, soft_wrap=True)


def clean(text: str) -> str:
    """What came from the network, fit for a terminal: nothing that moves the cursor.

    Control characters, line ends and lone surrogates become ``\ufffd``.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else "\ufffd" for c in text)


def write_line(text: str) -> None:
    """One line to stdout, whatever its encoding can hold."""
    encoding = sys.stdout.encoding or "utf-8"
    text = clean(text) if "\t" not in text else "\t".join(map(clean, text.split("\t")))
    sys.stdout.write(text.encode(encoding, "replace").decode(encoding) + "\n")


# -- the command's frame ------------------------------------------------------


def guarded(
    *, interrupted: Exit = Exit.INTERRUPTED
) -> Callable[[Callable[P, None]], Callable[P, None]]:
    """Turn what a command raises into a message and an exit status.

    Parameters
    ----------
    interrupted : Exit
        The status after Ctrl-C; 0 for commands that run until then.
    """

    def wrap(command: Callable[P, None]) -> Callable[P, None]:
        @functools.wraps(command)
        def run(*args: P.args, **kwargs: P.kwargs) -> None:
            try:
                command(*args, **kwargs)
                sys.stdout.flush()
            except KeyboardInterrupt:
                raise typer.Exit(interrupted) from None
            except BrokenPipeError:
                _forget_stdout()
                raise typer.Exit(Exit.OK) from None
            except (
                SgoError, ValueError, TimeoutError, OSError, MemoryError
            ) as error:  # fmt: skip
                text = clean(str(error)) or type(error).__name__
                error_console().print(
                    f"[bold red]sgostream:[/] {escape(text)}", style=None
                )
                raise typer.Exit(exit_of(error)) from None

        return run

    return wrap


def _forget_stdout() -> None:
    """The reader is gone: nothing must be written when the interpreter ends."""
    try:
        sink = os.open(os.devnull, os.O_WRONLY)
        os.dup2(sink, sys.stdout.fileno())
        os.close(sink)
    except (OSError, ValueError):
        pass


def reader_is_gone() -> bool:
    """Whether stdout is a pipe whose reader has ended."""
    try:
        poll = select.poll()
        poll.register(sys.stdout.fileno(), 0)
        return any(flags & select.POLLERR for _, flags in poll.poll(0))
    except (OSError, ValueError, AttributeError):
        return False


# -- the key and the client ---------------------------------------------------


def _ask_for_key() -> str | None:
    """None where the environment has a key; else what is typed at a prompt."""
    if os.environ.get(KEY_VARIABLE) is not None:
        return None
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise ConfigurationError(
            f"no API key: set the environment variable {KEY_VARIABLE}, "
            "or run this in a terminal to be asked for it"
        )
    try:
        return getpass.getpass("API key (it is not shown): ", stream=sys.stderr)
    except EOFError:
        raise ConfigurationError("no API key was given") from None


@dataclasses.dataclass(frozen=True, slots=True)
class Connect:
    """How to reach the API, and in which shape events are fetched."""

    base_url: str | None = None
    ca_file: str | None = None
    proxy: str | None = None
    transport: Transport = "auto"
    timeout: float = 30.0
    bookmaker_ids: tuple[str, ...] = ()
    alt_lines: bool = False
    max_bytes: int | None = None
    record: str | None = None

    def options(self) -> ClientOptions:
        """Options of a `Client`, without the key."""
        out: ClientOptions = {
            "base_url": self.base_url,
            "ca_file": self.ca_file,
            "proxy": self.proxy,
            "transport": self.transport,
            "timeout": self.timeout,
            "bookmaker_ids": self.bookmaker_ids,
            "include_alt_lines": self.alt_lines,
            "record": self.record,
        }
        if self.max_bytes is not None:
            out["max_bytes"] = self.max_bytes
        return out

    def client(self, **more: Any) -> Client:
        """Make the client; asks for the key where the environment has none."""
        options = self.options()
        options["api_key"] = _ask_for_key()
        options.update(more)  # type: ignore[typeddict-item]
        return Client(**options)


@dataclasses.dataclass(frozen=True, slots=True)
class Feeds:
    """Which feeds a command follows; none named means ``events:live``."""

    live: bool = False
    upcoming: tuple[str, ...] = ()
    event_ids: tuple[str, ...] = ()
    feed: str | None = None
    params: tuple[str, ...] = ()

    def streams(self, client: Client) -> list[Stream]:
        """Make the streams; none is started."""
        out = [client.upcoming(league_id) for league_id in self.upcoming]
        out += [client.by_id(event_id) for event_id in self.event_ids]
        if self.feed is not None:
            out.append(client.stream(self.feed, params=dict(self._pairs())))
        elif self.params:
            raise ValueError("--param belongs to --feed NAME")
        if self.live or not out:
            out.insert(0, client.live())
        return out

    def first(self) -> str:
        """The first feed in words, ``events:upcoming NFL``; makes no client."""
        if self.live:
            return "events:live"
        if self.upcoming:
            return f"events:upcoming {self.upcoming[0]}"
        if self.event_ids:
            return f"events:byid {self.event_ids[0]}"
        return self.feed or "events:live"

    def _pairs(self) -> Iterator[tuple[str, str]]:
        for text in self.params:
            name, found, value = text.partition("=")
            if not (name and found):
                raise ValueError(f"--param: expected NAME=VALUE, not {text!r}")
            yield name, value


def streams_of(streams: Iterable[Stream]) -> str:
    """``events:live, events:upcoming NFL``: the streams in a headline."""
    return ", ".join(
        " ".join([stream.feed, *stream.params.values()]) for stream in streams
    )


# -- messages on stderr -------------------------------------------------------


def tell(streams: Iterable[Stream], console: Console) -> None:
    """Print state changes, gaps and errors of streams as they come."""
    told: dict[str, float] = {}

    def say(style: str, text: str) -> None:
        now = time.monotonic()
        if now - told.get(text, -60.0) < 1.0:
            return  # one client's streams tell of one socket
        if len(told) > 100:
            told.clear()
        told[text] = now
        console.print(f"[{style}]{escape(clean(text))}[/]")

    def state(change: StateChange) -> None:
        why = f" ({change.reason})" if change.reason else ""
        say("dim", f"connection: {change.current}{why}")

    def gap(found: Gap) -> None:
        seconds = (found.ended - found.began).total_seconds()
        say(
            "yellow",
            f"gap of {seconds:.1f} s repaired ({found.reason}): "
            f"{found.events_refetched} events fetched again",
        )

    def error(problem: BaseException) -> None:
        say("red" if isinstance(problem, SgoError) else "yellow", str(problem))

    for stream in streams:
        stream.on_state(state)
        stream.on_gap(gap)
        stream.on_error(error)


class Progress:
    """One line on a terminal's stderr while the first events come.

    Nothing is known in advance of how large a feed is: it tells what has come.
    """

    def __init__(self, client: Client, streams: list[Stream], console: Console) -> None:
        self._client = client
        self._streams = streams
        self._began = time.monotonic()
        self._status = console.status("connecting") if console.is_terminal else None

    @contextmanager
    def shown(self) -> Iterator[Progress]:
        """Show it until `update` finds every stream live."""
        if self._status is not None:
            self._status.start()
        try:
            yield self
        finally:
            self.stop()

    def update(self) -> None:
        """Tell how far it is; ends by itself."""
        if self._status is None:
            return
        waiting = [s for s in self._streams if s.phase != "live"]
        if not waiting:
            self.stop()
            return
        self._status.update(self.line())

    def wait_live(self, silence: float | None = None) -> None:
        """Start the streams and wait until each is live.

        Parameters
        ----------
        silence : float, optional
            Seconds without a byte from the network after which it gives up;
            None waits for ever.

        Raises
        ------
        TimeoutError, SgoError
        """
        for stream in self._streams:
            stream.start()
        last, heard = 0, time.monotonic()
        for stream in self._streams:
            while True:
                try:
                    stream.wait_live(timeout=_LOOK_SECONDS)
                    break
                except TimeoutError:
                    self.update()
                count = self._client.stats().request_bytes_received
                now = time.monotonic()
                if count != last:
                    last, heard = count, now
                elif silence is not None and now - heard > silence:
                    raise TimeoutError(f"{stream.feed}: nothing came for {silence:g} s")

    def line(self) -> str:
        """``events:live: reconciling, 43 events, 12.3 MB, 2 s``."""
        return progress_line(
            self._client, self._streams, time.monotonic() - self._began
        )

    def stop(self) -> None:
        """Remove it."""
        status, self._status = self._status, None
        if status is not None:
            status.stop()


def progress_line(client: Client, streams: list[Stream], seconds: float) -> str:
    """How far streams are: their phase, what has come, for how long."""
    waiting = [s for s in streams if s.phase != "live"] or streams
    stats = client.stats()
    parts = [
        f"{streams_of(waiting[:1])}: {waiting[0].phase}",
        f"{stats.events_held} events",
        megabytes(stats.request_bytes_received),
        f"{seconds:.0f} s",
    ]
    return ", ".join(parts)


def megabytes(count: float) -> str:
    """``12.3 MB``, ``2.1 GB``."""
    return f"{count / 1e6:.1f} MB" if count < 1e9 else f"{count / 1e9:.1f} GB"
