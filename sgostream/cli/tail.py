"""``tail``: one line, or one JSON object, per update."""

from __future__ import annotations

import dataclasses
import json
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.text import Text

from .. import Quote, QuoteChange, to_plain
from .common import (
    Connect,
    Feeds,
    Progress,
    clean,
    error_console,
    reader_is_gone,
    tell,
    write_line,
)

if TYPE_CHECKING:
    from .. import Subscription, Update
    from .._options import SubscriptionOptions

__all__ = ["TailOptions", "json_of", "run"]

_TAKE_SECONDS = 0.25  # how often progress and a pipe's reader are looked at


@dataclasses.dataclass(frozen=True, slots=True)
class TailOptions:
    """What is shown, and for how long."""

    as_json: bool = False
    quotes: bool = False
    changes: bool = False
    full: bool = False
    initial: bool = True
    league_ids: tuple[str, ...] = ()
    odd_ids: tuple[str, ...] = ()
    every: float = 0.0
    max_age: float | None = None
    count: int | None = None
    seconds: float | None = None
    quiet: bool = False

    def subscription(self) -> SubscriptionOptions:
        """Options of the subscription."""
        return {
            "league_ids": self.league_ids or None,
            "odd_ids": self.odd_ids or None,
            "initial": self.initial,
            "min_interval": self.every,
            "max_age": self.max_age,
            "on_stale": "mark",
        }


def run(connect: Connect, feeds: Feeds, options: TailOptions) -> None:
    """Print updates until the count or the time is reached, or Ctrl-C."""
    console = error_console()
    with connect.client() as client:
        streams = feeds.streams(client)
        if not options.quiet:
            tell(streams, console)
        progress = Progress(client, streams, console)
        with progress.shown():
            if not options.initial:
                progress.wait_live()  # what comes until then is the snapshot
            with client.subscribe(*streams, **options.subscription()) as subscription:
                follow(subscription, options, progress)


def follow(
    subscription: Subscription, options: TailOptions, progress: Progress | None = None
) -> None:
    """Print what a subscription delivers."""
    deadline = float("inf")
    if options.seconds is not None:
        deadline = time.monotonic() + options.seconds
    left = options.count
    out = _Output(options)
    while (room := deadline - time.monotonic()) > 0:
        batch = subscription.get_batch(
            max=256 if left is None else min(left, 256),
            timeout=min(_TAKE_SECONDS, room),
        )
        if batch:
            if progress is not None:
                progress.stop()
            out.write(batch)
            if left is not None:
                left -= len(batch)
                if left <= 0:
                    return
        elif progress is not None:
            progress.update()
        if reader_is_gone():
            raise BrokenPipeError


class _Output:
    """Writes updates to stdout: coloured on a terminal, else plain."""

    def __init__(self, options: TailOptions) -> None:
        self._options = options
        self._console = Console(highlight=False, soft_wrap=True)

    def write(self, updates: list[Update]) -> None:
        if self._options.as_json:
            objects = [
                json_of(update, changes=self._options.changes, full=self._options.full)
                for update in updates
            ]
            try:
                narrow = (sys.stdout.encoding or "").lower() not in ("utf-8", "utf8")
                sys.stdout.write(_json_lines(objects, ascii_only=narrow))
            except UnicodeEncodeError:  # a lone surrogate
                sys.stdout.write(_json_lines(objects, ascii_only=True))
        else:
            for update in updates:
                for line in _lines(update, self._options.quotes):
                    if self._console.is_terminal:
                        self._console.print(line)
                    else:
                        write_line(line.plain)
        sys.stdout.flush()


def _json_lines(objects: list[dict[str, Any]], *, ascii_only: bool) -> str:
    return "".join(
        json.dumps(each, ensure_ascii=ascii_only, separators=(",", ":")) + "\n"
        for each in objects
    )


def _taken(update: Update) -> datetime:
    """When it was taken, in the local zone."""
    stamp = update.times.taken or time.time_ns()
    return datetime.fromtimestamp(stamp / 1e9, tz=UTC).astimezone()


def _lines(update: Update, quotes: bool) -> Iterator[Text]:
    when = _taken(update)
    clock = f"{when:%H:%M:%S}.{when.microsecond // 1000:03d}"
    if not quotes or update.kind != "changed":
        style = {"added": "green", "removed": "yellow"}.get(update.kind, "")
        yield Text.assemble((clock, "dim"), " ", (clean(repr(update)), style))
        return
    event = update.event
    for change in update.quotes:
        yield Text.assemble(
            (clock, "dim"),
            clean(f" {event.league_id or '-'} {event.title}  "),
            (clean(change.odd_id), "cyan"),
            clean(f"  {change.bookmaker_id}  "),
            *_move(change),
        )


def _move(change: QuoteChange) -> Iterator[tuple[str, str]]:
    old, new = change.old, change.new
    yield f"{_price(old)} -> ", "dim"
    style = ""
    if old is not None and new is not None and None not in (old.odds, new.odds):
        if old.decimal != new.decimal:
            style = "green" if (new.decimal or 0) > (old.decimal or 0) else "red"
    yield _price(new), style


def _price(quote: Quote | None) -> str:
    if quote is None:
        return "none"
    odds = f"{quote.odds:+d}" if quote.odds is not None else clean(quote.text or "?")
    line = "" if quote.line is None else f"{quote.line:g} "
    return f"{line}{odds}{'' if quote.available is not False else ' (off)'}"


def json_of(
    update: Update, *, changes: bool = False, full: bool = False
) -> dict[str, Any]:
    """An update as plain JSON values.

    Parameters
    ----------
    update : Update
    changes : bool
        With every change, as ``[path, old, new]``; what is absent on one side
        is left out there: ``{"path": ..., "new": ...}``.
    full : bool
        With the whole event under ``event``.
    """
    event = update.event
    score = event.score
    times = update.times
    out: dict[str, Any] = {
        "time": _taken(update).isoformat(),
        "kind": update.kind,
        "cause": update.cause,
        "stale": update.stale,
        "event_id": event.event_id,
        "league_id": event.league_id,
        "sport_id": event.sport_id,
        "title": event.title,
        "status": event.status.get("displayShort"),
        "score": None if score is None else {"away": score.away, "home": score.home},
        "skipped": update.skipped,
        "notified_ns": times.notified,
        "taken_ns": times.taken,
    }
    if update.kind == "changed":
        out["quotes"] = [
            {
                "odd_id": change.odd_id,
                "bookmaker_id": change.bookmaker_id,
                "is_alt_line": change.is_alt_line,
                "old": _quote(change.old),
                "new": _quote(change.new),
            }
            for change in update.quotes
        ]
        if changes:
            out["changes"] = [_change(change) for change in update.changes]
    if full:
        out["event"] = to_plain(event)
    return out


def _quote(quote: Quote | None) -> dict[str, Any] | None:
    if quote is None:
        return None
    when = quote.last_updated_at
    return {
        "odds": quote.odds,
        "decimal": quote.decimal,
        "line": quote.line,
        "available": quote.available,
        "last_updated_at": None if when is None else when.isoformat(),
    }


def _change(change: Any) -> dict[str, Any]:
    from .. import MISSING

    out: dict[str, Any] = {"path": list(change.path)}
    for name, value in (("old", change.old), ("new", change.new)):
        if value is not MISSING:
            out[name] = value if _is_scalar(value) else to_plain(value)
    return out


def _is_scalar(value: Any) -> bool:
    return value is None or isinstance(value, (str, int, float, bool))
