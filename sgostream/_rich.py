"""How events, updates, streams and clients look in a notebook.

Plain strings of HTML, escaped here; nothing is imported from IPython, and no
value that could hold an API key is shown.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, cast

from ._errors import ForkedError

if TYPE_CHECKING:
    from ._client import Client
    from ._core import Quote
    from ._event import Event, Update
    from ._stream import Stream

__all__ = ["bundle", "client_html", "event_html", "stream_html", "update_html"]

#: The odds that most people look at first.
MAIN_ODDS = (
    "points-away-game-ml-away",
    "points-home-game-ml-home",
    "points-away-game-sp-away",
    "points-home-game-sp-home",
    "points-all-game-ou-over",
    "points-all-game-ou-under",
    "points-away-reg-ml3way-away",
    "points-all-reg-ml3way-draw",
    "points-home-reg-ml3way-home",
)

#: How those bookmakers write themselves whose id does not tell.
_NAMES = {
    "bet365": "bet365",
    "betmgm": "BetMGM",
    "betonline": "BetOnline",
    "betrivers": "BetRivers",
    "betway": "Betway",
    "draftkings": "DraftKings",
    "espnbet": "ESPN Bet",
    "fanduel": "FanDuel",
    "hardrockbet": "Hard Rock",
    "mybookie": "MyBookie",
    "pointsbet": "PointsBet",
    "prizepicks": "PrizePicks",
    "sportsbet": "Sportsbet",
    "williamhill": "William Hill",
}

_MAX_ROWS = 20  # of quotes that one update shows
_CAPTION = "text-align:left;font-weight:600;padding:4px 0"
_DIM = "opacity:.65"


def bundle(
    obj: object,
    page: str,
    include: Iterable[str] | None = None,
    exclude: Iterable[str] | None = None,
) -> dict[str, Any]:
    """What ``_repr_mimebundle_`` returns: the repr and the HTML.

    Parameters
    ----------
    obj : object
        Its ``repr`` is the plain text.
    page : str
        HTML.
    include, exclude : iterable of str, optional
        MIME types, as IPython hands them over.
    """
    data = {"text/plain": repr(obj), "text/html": page}
    wanted = set(data) if include is None else set(include)
    return {k: v for k, v in data.items() if k in wanted - set(exclude or ())}


def american(odds: int | None) -> str:
    """``+150``, ``-110``; a dash for none."""
    return "-" if odds is None else f"{odds:+d}"


def points(value: float | None) -> str:
    """One side's score; a dash for none."""
    return "-" if value is None else f"{value:g}"


def line_text(line: float | None, bet_type: str = "") -> str:
    """A spread with its sign, a total without; empty for none."""
    if line is None:
        return ""
    return f"{line:+g}" if bet_type == "sp" else f"{line:g}"


def book_name(book: str) -> str:
    """What a bookmaker's column is called."""
    return _NAMES.get(book) or book[:1].upper() + book[1:]


def odd_label(event: Event, odd_id: str) -> str:
    """What an odd is called: ``Moneyline: Bills``, ``Total: Over``.

    Parameters
    ----------
    event : Event
    odd_id : str
        Need not be in the event.
    """
    parts = odd_id.split("-")
    if len(parts) != 5:
        return odd_id
    _, entity, period, bet_type, side = parts
    if entity in ("home", "away", "all") and parts[0] == "points":
        market = {"ml": "Moneyline", "sp": "Spread", "ml3way": "Result"}.get(bet_type)
        if bet_type == "ou":
            market = "Total" if entity == "all" else f"{_side(event, entity)} total"
        if period not in ("game", "reg") and market is not None:
            market = f"{period.upper()} {market.lower()}"
    else:
        market = None
    if market is None:
        market = _market_name(event, odd_id) or f"{parts[0]} {bet_type}"
    return f"{market}: {_side(event, side)}"


def _side(event: Event, side: str) -> str:
    names = {"home": event.home, "away": event.away}
    for word, name in names.items():
        if side == word and name:
            return name
    words = side.replace("_", " ")
    return words[:1].upper() + words[1:]


def _market_name(event: Event, odd_id: str) -> str:
    odds = event.get("odds")
    odd = odds.get(odd_id) if isinstance(odds, Mapping) else None
    name = odd.get("marketName") if isinstance(odd, Mapping) else None
    return name if isinstance(name, str) else ""


def _table(title: str, rows: Iterable[tuple[str, str]]) -> str:
    cells = "".join(
        f"<tr><th scope='row' style='text-align:left'>{html.escape(name)}</th>"
        f"<td style='text-align:left'>{html.escape(value)}</td></tr>"
        for name, value in rows
        if value
    )
    return (
        f"<table><caption style='{_CAPTION}'>{html.escape(title)}</caption>"
        f"<tbody>{cells}</tbody></table>"
    )


def state_text(event: Event, member: str = "displayShort") -> str:
    """A text of the event's status; empty where it is none."""
    status: Mapping[str, Any] = cast("Mapping[str, Any]", event.status)
    value = status.get(member)
    return value if isinstance(value, str) else ""


def _headline(event: Event) -> str:
    """``NFL Chiefs @ Bills 14-10 Q2``."""
    parts = [event.league_id or "", event.title]
    score = event.score
    if score is not None:
        parts.append(f"{points(score.away)}-{points(score.home)}")
    parts.append(state_text(event))
    return " ".join(part for part in parts if part)


def event_html(event: Event) -> str:
    """An event: its state, and the best price of each main odd.

    Parameters
    ----------
    event : Event
    """
    starts = event.starts_at
    odds = event.get("odds")
    about = _table(
        _headline(event),
        [
            ("event", event.event_id),
            ("starts", "" if starts is None else f"{starts:%Y-%m-%d %H:%M} UTC"),
            ("state", state_text(event, "displayLong")),
            ("odds", f"{len(odds) if isinstance(odds, Mapping) else 0:,}"),
            ("quotes", f"{event.quote_count():,}"),
        ],
    )
    best = _best(event)
    if not best:
        return about
    rows = "".join(
        f"<tr><th scope='row' style='text-align:left'>"
        f"{html.escape(odd_label(event, odd_id))}</th>"
        f"<td>{line_text(quote.line, odd_id.split('-')[3])}</td>"
        f"<td><b>{american(quote.odds)}</b></td>"
        f"<td style='text-align:left'>{html.escape(book)}</td>"
        f"<td>{count}</td></tr>"
        for odd_id, (book, quote, count) in best.items()
    )
    return (
        f"{about}<table><thead><tr><th style='text-align:left'>best price</th>"
        "<th>line</th><th>odds</th><th style='text-align:left'>bookmaker</th>"
        f"<th>of</th></tr></thead><tbody>{rows}</tbody></table>"
    )


def _best(event: Event) -> dict[str, tuple[str, Quote, int]]:
    """The best available price of each main odd, and of how many."""
    groups: dict[str, list[tuple[str, Quote]]] = {}
    for odd_id, book, _, quote in event.quote_rows(MAIN_ODDS):
        if quote.odds is not None and quote.available is not False:
            groups.setdefault(odd_id, []).append((book, quote))
    out = {}
    for odd_id in MAIN_ODDS:
        group = groups.get(odd_id)
        if group:
            main = main_line(quote.line for _, quote in group)
            on_it = [item for item in group if item[1].line == main]
            book, quote = max(on_it, key=lambda item: item[1].decimal or 0.0)
            out[odd_id] = (book, quote, len(on_it))
    return out


def main_line(lines: Iterable[float | None]) -> float | None:
    """The line that most bookmakers offer: only prices on it compare.

    Parameters
    ----------
    lines : iterable of float or None
        One for each bookmaker; of equally frequent ones the first wins.
    """
    counts: dict[float | None, int] = {}
    for line in lines:
        counts[line] = counts.get(line, 0) + 1
    return max(counts, key=counts.__getitem__) if counts else None


def update_html(update: Update) -> str:
    """An update: its line of text, and the first quotes that moved.

    Parameters
    ----------
    update : Update
    """
    title = f"<div style='{_CAPTION}'>{html.escape(repr(update))}</div>"
    if update.kind != "changed":
        return title
    quotes = update.quotes
    if not quotes:
        return title
    event = update.event
    rows = []
    for change in quotes[:_MAX_ROWS]:
        bet_type = (change.odd_id.split("-") + [""] * 4)[3]
        rows.append(
            f"<tr><th scope='row' style='text-align:left'>"
            f"{html.escape(odd_label(event, change.odd_id))}</th>"
            f"<td style='text-align:left'>{html.escape(change.bookmaker_id)}</td>"
            f"<td style='{_DIM}'>{_quote_text(change.old, bet_type)}</td>"
            f"<td>{_arrow(change.old, change.new)}</td>"
            f"<td><b>{_quote_text(change.new, bet_type)}</b></td></tr>"
        )
    more = len(quotes) - len(rows)
    tail = f"<div style='{_DIM}'>and {more:,} more</div>" if more > 0 else ""
    return (
        f"{title}<table><thead><tr><th style='text-align:left'>odd</th>"
        "<th style='text-align:left'>bookmaker</th><th>before</th><th></th>"
        f"<th>now</th></tr></thead><tbody>{''.join(rows)}</tbody></table>{tail}"
    )


def _quote_text(quote: Quote | None, bet_type: str) -> str:
    if quote is None:
        return "-"
    text = f"{line_text(quote.line, bet_type)} {american(quote.odds)}".strip()
    return html.escape(text if quote.available is not False else f"({text})")


def _arrow(old: Quote | None, new: Quote | None) -> str:
    """Up is better for who bets."""
    before = None if old is None else old.decimal
    now = None if new is None else new.decimal
    if before is None or now is None or before == now:
        return ""
    return "&#9650;" if now > before else "&#9660;"


def stream_html(stream: Stream) -> str:
    """A stream: its state and counters.

    Parameters
    ----------
    stream : Stream
    """
    rows: list[tuple[str, str]] = [(k, v) for k, v in stream.params.items()]
    try:
        stats = stream.stats()
        age = stream.staleness()
        rows += [
            ("connection", str(stream.connection)),
            ("phase", str(stream.phase)),
            ("events", f"{len(stream.events):,}"),
            ("updates taken", f"{stats.updates_delivered:,}"),
            ("versions applied", f"{stats.versions_applied:,}"),
            ("gaps", f"{stats.gaps:,}"),
            ("errors", f"{stats.errors:,}"),
        ]
        if age.seconds != float("inf"):
            rows.append(("proven current", f"{age.seconds:.1f} s ago ({age.reason})"))
        if stream.error is not None:
            rows.append(("ended by", f"{type(stream.error).__name__}"))
    except ForkedError:
        rows.append(("state", "of the parent process"))
    return _table(f"Stream {stream.feed}", rows)


def client_html(client: Client) -> str:
    """A client: where it goes, and what it holds.

    Parameters
    ----------
    client : Client
    """
    rows = [("API", client._shown)]
    try:
        rows.append(("state", "closed" if client.closed else "open"))
        rows += [
            (name.replace("_", " "), f"{value:,}")
            for name, value in _numbers(client.stats())
        ]
    except ForkedError:
        rows.append(("state", "of the parent process"))
    return _table("sgostream.Client", rows)


def _numbers(stats: object) -> Iterable[tuple[str, int]]:
    for name in type(stats).__dataclass_fields__:  # type: ignore[attr-defined]
        value = getattr(stats, name)
        if isinstance(value, int):
            yield name, value
