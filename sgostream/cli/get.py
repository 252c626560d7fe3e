"""``get``: events once."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from .. import Client, ConfigurationError, Event, NotFoundError
from .common import Connect, Feeds, Progress, clean, error_console, write_line

__all__ = ["run"]

_CHUNK = 25  # as many ids as one request takes


def run(
    connect: Connect, feeds: Feeds, event_ids: Iterable[str], *, as_json: bool
) -> None:
    """Print the events named, or those that the feeds hold now.

    Raises
    ------
    NotFoundError
        An event named is unknown; the others are printed.
    """
    wanted = list(dict.fromkeys(_read_ids(event_ids)))
    whole_feeds = feeds.live or feeds.upcoming or feeds.feed
    if not wanted and not whole_feeds:
        raise ConfigurationError(
            "get: name event ids, or a feed: --live, --upcoming NFL"
        )
    # A walk of the list serves every plan: no stream, no slot.
    with connect.client(transport="poll") as client:
        found = _fetch(client, wanted) if wanted else {}
        if whole_feeds:
            found |= _walk(client, feeds, connect.timeout)
    _print(list(found.values()), as_json=as_json)
    missing = [event_id for event_id in wanted if event_id not in found]
    if missing:
        raise NotFoundError(f"the API does not know: {', '.join(missing)}")


def _read_ids(event_ids: Iterable[str]) -> Iterator[str]:
    for event_id in event_ids:
        if event_id == "-":
            for line in sys.stdin:
                yield from line.split()
        else:
            yield event_id


def _fetch(client: Client, wanted: list[str]) -> dict[str, Event]:
    console = error_console()
    found: dict[str, Event] = {}
    if len(wanted) <= _CHUNK or not console.is_terminal:
        return client.fetch(*wanted)
    from rich.progress import track

    chunks = [wanted[at : at + _CHUNK] for at in range(0, len(wanted), _CHUNK)]
    for chunk in track(chunks, "fetching", console=console, transient=True):
        found |= client.fetch(*chunk)
    return found


def _walk(client: Client, feeds: Feeds, timeout: float) -> dict[str, Event]:
    streams = feeds.streams(client)
    progress = Progress(client, streams, error_console())
    with progress.shown():
        progress.wait_live(silence=2 * timeout)
    return {
        event_id: event for stream in streams for event_id, event in
        stream.events.items()
    }  # fmt: skip


def _print(events: list[Event], *, as_json: bool) -> None:
    if as_json:
        for event in events:
            sys.stdout.buffer.write(event.json() + b"\n")
        return
    console = Console(highlight=False)
    rows = [_row(event) for event in events]
    if not console.is_terminal:
        for row in rows:
            write_line("\t".join(row))
        return
    table = Table(box=None, padding=(0, 2, 0, 0))
    for heading in ("event", "league", "game", "state", "score", "starts"):
        table.add_column(heading, no_wrap=True)
    for heading in ("odds", "quotes"):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(*map(escape, row))
    console.print(table)


def _row(event: Event) -> tuple[str, ...]:
    score = event.score
    starts = event.starts_at
    shown = "" if score is None else f"{_points(score.away)}-{_points(score.home)}"
    return (
        clean(event.event_id),
        clean(event.league_id or ""),
        clean(event.title),
        clean(str(event.status.get("displayShort") or "")),
        shown,
        "" if starts is None else f"{starts:%Y-%m-%d %H:%MZ}",
        str(len(event.get("odds") or ())),
        str(len(event.quotes())),
    )


def _points(value: float | None) -> str:
    return "-" if value is None else f"{value:g}"
