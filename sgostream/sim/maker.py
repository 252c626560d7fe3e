"""Makes events in the API's shape and size; the same seed, the same bytes."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from .event import StoredEvent
from .game import Athlete, Game, expand_results
from .market import (
    Market,
    Side,
    american,
    book_prices,
    half,
    three_way,
    two_sides,
)
from .odd import Odd
from .spans import dumps
from .sports import (
    BOOKMAKERS,
    FIRST_NAMES,
    LAST_NAMES,
    LEAGUES,
    WOMEN,
    League,
)

#: Bytes of an event with all its parts, as real ones have.
REAL_SIZE = 930_000

#: The moment at which slates begin unless told otherwise.
DEFAULT_START = datetime(2026, 11, 22, 18, 0, tzinfo=UTC).timestamp()

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_LINKED = frozenset(("draftkings", "fanduel", "betmgm", "caesars", "bet365"))
_COLORS = ("#0E2240", "#BA9653", "#007A33", "#DB2D1F", "#4B92DB", "#6F263D")
_ORDERS = (
    "eventID sportID leagueID type teams status info links players results odds",
    "eventID sportID leagueID type teams odds status players results info links",
    "eventID sportID leagueID type teams status info links results players odds",
)
_STATUS_ENDS = (
    "startsAt previousStartsAt hardStart",
    "hardStart startsAt previousStartsAt",
)


def stamp(moment: float) -> str:
    """Return a time as the API writes it: ISO, milliseconds, Z."""
    ms = int(moment * 1000.0 + 0.5)
    return f"{_second(ms // 1000)}.{ms % 1000:03d}Z"


@lru_cache(maxsize=4096)
def _second(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}"


@dataclass(slots=True)
class Made:
    """An event and the game behind it."""

    event: StoredEvent
    game: Game


class EventMaker:
    """Invents games and writes them as events.

    Parameters
    ----------
    seed : int or str
        The n-th event depends on this and on n alone.
    size : int
        Bytes of an event with alternative lines, roughly; 3 kB and more.
    leagues : sequence of str
        Leagues of the events; empty: all, in their usual mix.
    """

    def __init__(
        self,
        *,
        seed: int | str = 0,
        size: int = REAL_SIZE,
        leagues: Sequence[str] = (),
    ) -> None:
        unknown = [name for name in leagues if name not in LEAGUES]
        if unknown:
            raise ValueError(f"unknown leagues {unknown}; there are {sorted(LEAGUES)}")
        if size < 1000:
            raise ValueError(f"size is in bytes, at least 1000, not {size}")
        self.seed = seed
        self.size = size
        self.leagues = [LEAGUES[n] for n in leagues] or list(LEAGUES.values())
        self.books = BOOKMAKERS[: _book_count(size)]
        self.count = 0

    def make(
        self,
        *,
        now: float = DEFAULT_START,
        starts_in: float = 3600.0,
        live: bool = False,
    ) -> Made:
        """Make the next event.

        Parameters
        ----------
        now : float
            The moment it is written, seconds since 1970.
        starts_in : float
            Seconds until its start.
        live : bool
            The game is under way, somewhere in it.
        """
        number = self.count
        self.count += 1
        rng = random.Random(f"{self.seed}/{number}")
        event_id = "".join(rng.choices(_ALPHABET, k=20))
        league = rng.choices(self.leagues, [x.weight for x in self.leagues])[0]
        starts = now + starts_in - (now + starts_in) % 300.0
        if live:
            starts = now - 60.0 - rng.random() * 60.0
        game = Game(event_id, league, rng, starts)
        if rng.random() < 0.3:
            game.moved_from = [starts - 3600.0]
        sides = _invent_sides(league, rng)
        _invent_athletes(game, sides, self._roster(league))
        if live:
            game.advance(now)
            game.advance(now + rng.uniform(300.0, 6000.0))
            game.now = now
        event = self._write(game, sides, now)
        return Made(event, game)

    def _roster(self, league: League) -> int:
        return min(league.roster, max(2, self.size // 25_000))

    # markets

    def _candidates(self, game: Game) -> list[Market]:
        league = game.league
        stat = league.stat_id
        names = {"game": ""}
        for name, _ in league.groups:
            names[name] = {"1h": "1st Half ", "2h": "2nd Half "}[name]
        for period in league.periods:
            names[period.period_id] = f"{period.long} "
        out: list[Market] = []
        for period_id, title in names.items():
            if league.draws and period_id == "game":
                name = "3-Way Moneyline (Regulation)"
                out.append(three_way(stat, "reg", name))
            for kind, text in (("ml", "Moneyline"), ("sp", "Spread")):
                out.append(two_sides(kind, stat, period_id, "home", title + text))
            for whose, text in (
                ("all", "Over/Under"),
                ("home", "Home Team Over/Under"),
                ("away", "Away Team Over/Under"),
            ):
                out.append(two_sides("ou", stat, period_id, whose, title + text))
            if period_id in ("game", "1h"):
                out.append(two_sides("eo", stat, period_id, "all", f"{title}Even/Odd"))
        for market in out:
            main = market.kind == "sp" or market.entity == "all"
            if market.line_field and market.period_id == "game" and main:
                market.alt_lines = 12 if self.size > 100_000 else 4
        for number, prop in enumerate(league.props):
            for rank, athlete in enumerate(game.athletes):
                kind = "yn" if prop.yes_no else "ou"
                text = "Yes/No" if prop.yes_no else "Over/Under"
                market = two_sides(
                    kind,
                    prop.stat_id,
                    "game",
                    athlete.player_id,
                    f"{athlete.first} {athlete.last} {prop.title} {text}",
                )
                market.player_id = athlete.player_id
                market.mean = prop.mean
                if number == 0 and kind == "ou" and rank < 15:
                    market.alt_lines = 4
                out.append(market)
        return out

    # text

    def _write(
        self, game: Game, sides: dict[str, dict[str, Any]], now: float
    ) -> StoredEvent:
        rng = game.rng
        members: dict[str, Any] = {
            "eventID": game.event_id,
            "sportID": game.league.sport_id,
            "leagueID": game.league.league_id,
            "type": "match",
            "teams": team_members(game, sides),
            "status": status_member(game),
            "info": {"seasonWeek": game.league.season},
            "links": self._links(rng),
            "players": _player_members(game, sides),
            "results": game.results(),
            "odds": {},
        }
        order = _ORDERS[rng.randrange(len(_ORDERS))].split()
        if game.tennis:
            order.remove("players")
        parts = {name: dumps(name) + b":" + dumps(members[name]) for name in order}
        used = sum(len(part) + 1 for part in parts.values())
        odds: dict[str, Odd] = {}
        candidates = self._candidates(game)
        names = [p.period_id for p in game.league.periods]
        held = names[-1] if len(names) > 2 and self.size > 20_000 else ""
        for market in candidates:
            if held and market.period_id == held:
                game.later.append(market)
                continue
            if used >= self.size and odds:
                continue
            if game.is_over(market.period_id):
                continue
            for odd in self.write_market(game, market, now):
                odds[odd.odd_id] = odd
                used += len(odd.text) + 1
        event = StoredEvent.from_parts(parts, odds)
        event.expand = expand_results
        return event

    def write_market(self, game: Game, market: Market, now: float) -> list[Odd]:
        """Return the odds of a market at this moment; the game keeps the market."""
        rng = game.rng
        game.price(market)
        market.drift = rng.gauss(0.0, 0.01)
        market.priced = not market.player_id or rng.random() > 0.015
        game.markets.append(market)
        order = rng.randrange(4)
        return [
            Odd(
                side.odd_id,
                self._odd_text(game, market, side, now, order).encode(),
                market.line_text(side, market.open_line),
            )
            for side in market.sides
        ]

    def _odd_text(
        self, game: Game, market: Market, side: Side, now: float, order: int
    ) -> str:
        rng = game.rng
        begun = game.has_begun(market.period_id)
        p = market.probability(side)
        fair, book = american(p), american(p + 0.02)
        name = f'"marketName":{dumps(market.title).decode()}'
        head = [
            f'"oddID":"{side.odd_id}"',
            f'"opposingOddID":"{side.opposing_id}"',
            f'"statID":"{market.stat_id}"',
            f'"statEntityID":"{side.entity}"',
            f'"periodID":"{market.period_id}"',
            f'"betTypeID":"{market.kind}"',
            f'"sideID":"{side.side_id}"',
        ]
        if market.player_id:
            head.append(f'"playerID":"{market.player_id}"')
        flags = [
            f'"started":{_bool(begun)}',
            '"ended":false',
            '"cancelled":false',
            f'"bookOddsAvailable":{_bool(market.priced)}',
            '"fairOddsAvailable":true',
        ]
        line = market.line_text(side)
        consensus = [f'"fairOdds":"{fair}"']
        if market.priced:
            consensus.append(f'"bookOdds":"{book}"')
        field = market.consensus_field
        if field:
            consensus.append(f'"fair{field}":"{line}"')
            if market.priced:
                consensus.append(f'"book{field}":"{line}"')
        when = "close" if begun else "open"
        history = [f'"{when}{item[1].upper()}{item[2:]}' for item in consensus]
        scoring = '"scoringSupported":true'
        books = []
        if market.priced:
            quotes = ",".join(
                self._quote_text(market, side, now, book_id, rng)
                for book_id in self.books
            )
            books = [f'"byBookmaker":{{{quotes}}}']
        if order == 3:  # marketName last
            parts = [*head, *flags, *consensus, *history, scoring, *books]
            parts.append(name)
        else:
            head.insert(2, name)
            if order == 1:
                parts = [*head, *flags, *consensus, *history, scoring, *books]
            elif order == 2:
                parts = [*head, scoring, *consensus, *flags, *books, *history]
            else:
                parts = [*head, *flags, *consensus, scoring, *books, *history]
        return f'"{side.odd_id}":{{{",".join(parts)}}}'

    def _quote_text(
        self,
        market: Market,
        side: Side,
        now: float,
        book: str,
        rng: random.Random,
    ) -> str:
        price = quote_price(market, side, book, rng)
        seen = stamp(now - rng.random() * 90.0)
        line = market.line_text(side)
        field = market.line_field
        text = f'"{book}":{{"odds":"{price}",'
        if field:
            text += f'"{field}":"{line}",'
        available = _bool(rng.random() > 0.04)
        text += f'"lastUpdatedAt":"{seen}","available":{available}'
        if book in _LINKED and rng.random() < 0.8:
            text += (
                f',"deeplink":"https://example.invalid/{book}/betslip?'
                f"market=42.{rng.randrange(10**9)}"
                f'&outcome={rng.randrange(10**7)}"'
            )
        if market.alt_lines and field:
            text += f',"altLines":{alt_lines(market, side, book, seen, rng)}'
        return text + "}"

    def _links(self, rng: random.Random) -> dict[str, Any]:
        if rng.random() < 0.05:
            return {}
        return {
            "bookmakers": {
                book: f"https://example.invalid/{book}/event/{rng.randrange(10**8)}"
                for book in self.books
                if book != "unknown"
            }
        }


def quote_price(market: Market, side: Side, book: str, rng: random.Random) -> str:
    """Return a bookmaker's price of a side at this moment."""
    margin, lean = book_prices(book)
    return american(market.probability(side) + margin + lean + rng.gauss(0.0, 0.004))


def alt_lines(
    market: Market, side: Side, book: str, seen: str, rng: random.Random
) -> str:
    """Return the alternative lines of a quote, as JSON."""
    field = market.line_field
    line = market.line if market.line is not None else half(0.0)
    margin, lean = book_prices(book)
    out = []
    for n in range(1, market.alt_lines // 2 + 1):
        for offset in (-float(n), float(n)):
            if market.kind == "ou" and line + offset <= 0.0:
                continue
            p = market.probability(side, offset) + margin + lean
            text = market.line_text(side, line + offset)
            available = _bool(rng.random() > 0.1)
            out.append(
                f'{{"odds":"{american(p)}","{field}":"{text}",'
                f'"lastUpdatedAt":"{seen}","available":{available}}}'
            )
    return f"[{','.join(out)}]"


def team_members(
    game: Game, sides: dict[str, dict[str, Any]] | None, old: Any = None
) -> dict[str, Any]:
    """Return the member ``teams``: from what was invented, or an older one."""
    out: dict[str, Any] = {}
    for name in ("home", "away"):
        team = dict((sides or old)[name])
        team.pop("score", None)
        if game.phase not in ("upcoming", "cancelled"):
            team["score"] = game.score(name)
        out[name] = team
    return out


def status_member(game: Game, old: Any = None) -> dict[str, Any]:
    """Return the member ``status``; the names keep the order of the older one."""
    members = game.status()
    members["startsAt"] = stamp(game.starts_at)
    members["previousStartsAt"] = [stamp(t) for t in game.moved_from]
    members["hardStart"] = True
    if old is not None:
        return {name: members.get(name, old[name]) for name in old}
    end = _STATUS_ENDS[game.rng.randrange(2)].split()
    head = [name for name in members if name not in end]
    cut = 3 + game.rng.randrange(len(head) - 3)
    return {name: members[name] for name in head[:cut] + end + head[cut:]}


def _player_members(game: Game, sides: dict[str, dict[str, Any]]) -> dict[str, Any]:
    return {
        a.player_id: {
            "playerID": a.player_id,
            "teamID": sides[a.team]["teamID"],
            "firstName": a.first,
            "lastName": a.last,
            "name": f"{a.first} {a.last}",
        }
        for a in game.athletes
    }


def _invent_sides(league: League, rng: random.Random) -> dict[str, dict[str, Any]]:
    if league.persons:
        firsts = WOMEN if league.league_id == "WTA" else FIRST_NAMES
        pairs = list(zip(rng.sample(firsts, 2), rng.sample(LAST_NAMES, 2), strict=True))
    else:
        pairs = []
    chosen = rng.sample(league.teams, 2) if league.teams else []
    out: dict[str, dict[str, Any]] = {}
    for n, side in enumerate(("home", "away")):
        if league.persons:
            first, last = pairs[n]
            long = f"{first} {last}"
            names = {
                "long": long,
                "medium": f"{first[0]}. {last}",
                "short": last[:3].upper(),
                "firstName": first,
                "lastName": last,
            }
        else:
            place, name, short = chosen[n]
            long = f"{place} {name}".strip()
            names = {"long": long, "medium": name, "short": short}
        color = rng.randrange(len(_COLORS))
        out[side] = {
            "teamID": f"{_identifier(long)}_{league.league_id}",
            "names": names,
            "colors": {
                "primary": _COLORS[color],
                "secondary": _COLORS[color - 1] if rng.random() < 0.8 else "",
                "primaryContrast": "#FFFFFF",
                "secondaryContrast": _COLORS[color],
            },
            "statEntityID": side,
        }
    return out


def _invent_athletes(game: Game, sides: dict[str, dict[str, Any]], count: int) -> None:
    rng = game.rng
    taken: set[str] = set()
    if game.tennis:
        return
    while len(game.athletes) < count:
        first, last = rng.choice(FIRST_NAMES), rng.choice(LAST_NAMES)
        number = 1
        while True:
            base = _identifier(f"{first} {last}")
            player_id = f"{base}_{number}_{game.league.league_id}"
            if player_id not in taken:
                break
            number += 1
        taken.add(player_id)
        side = ("home", "away")[len(game.athletes) % 2]
        skill = rng.uniform(0.4, 1.6)
        game.athletes.append(Athlete(player_id, side, first, last, skill))


_PLAIN = str.maketrans("ÁÇÉÍÑÓÖŁŞŠÜÝŻßÖÈÊŠË", "ACEINOOLSSUYZSOEESE")


def _identifier(text: str) -> str:
    upper = text.upper().translate(_PLAIN)
    words = "".join(c if c.isascii() and c.isalnum() else " " for c in upper)
    return "_".join(words.split())


def _book_count(size: int) -> int:
    for limit, count in ((8_000, 2), (40_000, 4), (150_000, 8)):
        if size < limit:
            return count
    return max(12, min(len(BOOKMAKERS), size // 80_000))


def _bool(value: bool) -> str:
    return "true" if value else "false"
