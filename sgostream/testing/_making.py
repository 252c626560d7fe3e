"""Write the events of a scripted game, in the API's shape."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TypeAlias

from ..sim.sports import LEAGUES

#: American odds as a number or as the API's text.
Price: TypeAlias = int | str
#: A price alone, or with its spread or total.
PriceAndLine: TypeAlias = Price | tuple[Price, float]
#: ``odd_id -> bookmaker_id -> price``.
Odds: TypeAlias = Mapping[str, Mapping[str, PriceAndLine]]

#: What a game has when its caller names no odds.
DEFAULT_ODDS: Odds = {
    "points-home-game-ml-home": {"draftkings": -130, "fanduel": -125, "pinnacle": -128},
    "points-away-game-ml-away": {"draftkings": 110, "fanduel": 108, "pinnacle": 118},
    "points-home-game-sp-home": {
        "draftkings": (-110, -2.5),
        "fanduel": (-108, -2.5),
        "pinnacle": (-105, -2.5),
    },
    "points-away-game-sp-away": {
        "draftkings": (-110, 2.5),
        "fanduel": (-112, 2.5),
        "pinnacle": (-105, 2.5),
    },
    "points-all-game-ou-over": {
        "draftkings": (-110, 47.5),
        "fanduel": (-105, 47.5),
        "pinnacle": (-104, 47.5),
    },
    "points-all-game-ou-under": {
        "draftkings": (-110, 47.5),
        "fanduel": (-115, 47.5),
        "pinnacle": (-106, 47.5),
    },
}

_OPPOSITE = {
    "home": "away",
    "away": "home",
    "over": "under",
    "under": "over",
    "yes": "no",
    "no": "yes",
    "even": "odd",
    "odd": "even",
}
_LINE_NAMES = {"sp": "spread", "ou": "overUnder"}
_CONSENSUS_NAMES = {"sp": "Spread", "ou": "OverUnder"}


def stamp(moment: datetime) -> str:
    """A time as the API writes it: UTC, milliseconds, Z."""
    utc = moment.astimezone(UTC)
    return f"{utc:%Y-%m-%dT%H:%M:%S}.{utc.microsecond // 1000:03d}Z"


def now_stamp() -> str:
    """The present time as the API writes it."""
    return stamp(datetime.now(UTC))


def price_text(price: Price) -> str:
    """American odds as the API writes them: ``+105``, ``-110``.

    Raises
    ------
    TypeError, ValueError
        It is neither a whole number nor text.
    """
    if isinstance(price, str):
        return price
    if isinstance(price, bool) or not isinstance(price, int):
        raise TypeError(
            f"odds: expected American odds as an int, like -110, not {price!r}"
        )
    if -100 < price < 100:
        raise ValueError(
            f"odds: American odds are -100 or less, or 100 or more: {price}"
        )
    return f"{price:+d}"


def line_text(bet_type: str, line: float) -> str:
    """A spread with its sign, a total without."""
    return f"{line:+g}" if bet_type == "sp" else f"{line:g}"


def split_odd_id(odd_id: str) -> list[str]:
    """The five parts of an oddID.

    Raises
    ------
    ValueError
        It has not five parts.
    """
    parts = odd_id.split("-")
    if len(parts) != 5 or not all(parts):
        raise ValueError(
            "odd_id: expected stat-entity-period-betType-side, like "
            f"points-home-game-ml-home, not {odd_id!r}"
        )
    return parts


def make_quote(odd_id: str, what: PriceAndLine) -> dict[str, Any]:
    """One member of ``byBookmaker``."""
    bet_type = split_odd_id(odd_id)[3]
    price, line = what if isinstance(what, tuple) else (what, None)
    out: dict[str, Any] = {"odds": price_text(price)}
    name = _LINE_NAMES.get(bet_type)
    if line is not None and name is None:
        raise ValueError(f"odds: {odd_id} is no spread and no total, so has no line")
    if name is not None and line is not None:
        out[name] = line_text(bet_type, line)
    out["lastUpdatedAt"] = now_stamp()
    out["available"] = True
    return out


def make_odd(
    odd_id: str, quotes: Mapping[str, PriceAndLine], *, started: bool
) -> dict[str, Any]:
    """One member of ``odds``; the first bookmaker's price is the consensus."""
    stat, entity, period, bet_type, side = split_odd_id(odd_id)
    books = {book: make_quote(odd_id, what) for book, what in quotes.items()}
    out: dict[str, Any] = {"oddID": odd_id}
    opposite = _OPPOSITE.get(side)
    if opposite is not None:
        other = opposite if entity == side else entity
        out["opposingOddID"] = f"{stat}-{other}-{period}-{bet_type}-{opposite}"
    out |= {
        "marketName": f"{stat} {entity} {period} {bet_type}",
        "statID": stat,
        "statEntityID": entity,
        "periodID": period,
        "betTypeID": bet_type,
        "sideID": side,
        "started": started,
        "ended": False,
        "cancelled": False,
        "bookOddsAvailable": bool(books),
        "fairOddsAvailable": bool(books),
        "scoringSupported": True,
    }
    if entity not in ("home", "away", "all"):
        out["playerID"] = entity
    if books:
        first = next(iter(books.values()))
        out["fairOdds"] = out["bookOdds"] = first["odds"]
        line = first.get(_LINE_NAMES.get(bet_type, ""))
        if line is not None:
            name = _CONSENSUS_NAMES[bet_type]
            out[f"fair{name}"] = out[f"book{name}"] = line
        out["byBookmaker"] = books
    return out


def _team(name: str, side: str, league: str, score: int | None) -> dict[str, Any]:
    short = "".join(c for c in name.upper() if c.isalnum())[:3]
    identifier = "_".join(name.upper().split())
    team: dict[str, Any] = {
        "teamID": f"{identifier}_{league}",
        "names": {"long": name, "medium": name, "short": short},
        "colors": {},
        "statEntityID": side,
    }
    if score is not None:
        team["score"] = score
    return team


def make_event(
    event_id: str,
    league_id: str,
    home: str,
    away: str,
    *,
    live: bool,
    odds: Odds,
    starts_at: datetime,
) -> dict[str, Any]:
    """A whole event, as ``/events`` answers it."""
    league = LEAGUES.get(league_id)
    sport = league.sport_id if league is not None else league_id
    score = 0 if live else None
    status = {
        "startsAt": stamp(starts_at),
        "hardStart": True,
        "delayed": False,
        "cancelled": False,
        "started": False,
        "live": False,
        "ended": False,
        "completed": False,
        "finalized": False,
        "currentPeriodID": "",
        "previousPeriodID": "",
        "displayShort": "",
        "displayLong": "Upcoming",
        "inBreak": False,
        "periods": {"started": [], "ended": []},
        "oddsPresent": bool(odds),
        "oddsAvailable": bool(odds),
        "previousStartsAt": [],
    }
    if live:
        status |= started_status(league_id)
    return {
        "eventID": event_id,
        "sportID": sport,
        "leagueID": league_id,
        "type": "match",
        "teams": {
            "home": _team(home, "home", league_id, score),
            "away": _team(away, "away", league_id, score),
        },
        "status": status,
        "info": {},
        "links": {},
        "players": {},
        "results": {},
        "odds": {
            odd_id: make_odd(odd_id, quotes, started=live)
            for odd_id, quotes in odds.items()
        },
    }


def started_status(league_id: str) -> dict[str, Any]:
    """What a start changes of ``status``: the first period runs."""
    league = LEAGUES.get(league_id)
    period, short, long = "1h", "LIVE", "In Progress"
    if league is not None:
        first = league.periods[0]
        period, short, long = first.period_id, first.short, first.long
    return {
        "started": True,
        "live": True,
        "currentPeriodID": period,
        "displayShort": short,
        "displayLong": long,
        "periods": {"started": [period, "game", "reg"], "ended": []},
    }
