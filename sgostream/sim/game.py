"""The course of an invented game: clock, scores, periods, expectations."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, field
from typing import Any

from .market import Market, half, normal
from .sports import League, Period

#: Seconds of the world's clock per second of a sport's own clock.
REAL_PER_GAME_SECOND = 2.4
_BREAK_S = 300.0
_FINALIZED_AFTER_S = 600.0


@dataclass(slots=True)
class Athlete:
    """An invented player; ``skill`` scales the means of the league."""

    player_id: str
    team: str
    first: str
    last: str
    skill: float
    stats: dict[str, float] = field(default_factory=dict)


class Game:
    """One fixture; moves only by `advance`.

    Attributes
    ----------
    phase : str
        ``upcoming``, ``live``, ``ended``, ``finalized`` or ``cancelled``.
    elapsed : float
        Seconds of the sport's own clock that have been played.
    """

    def __init__(
        self,
        event_id: str,
        league: League,
        rng: random.Random,
        starts_at: float,
    ) -> None:
        self.event_id = event_id
        self.league = league
        self.rng = rng
        self.starts_at = starts_at
        self.moved_from: list[float] = []
        self.phase = "upcoming"
        self.now = starts_at
        self.elapsed = 0.0
        self.period = -1
        self.break_until = 0.0
        self.ended_at = 0.0
        self.markets: list[Market] = []
        #: Markets that open during the game.
        self.later: list[Market] = []
        self.athletes: list[Athlete] = []
        self.points: list[dict[str, int]] = []
        self.sets = {"home": 0, "away": 0}
        self.odds_available = True
        self.tennis = league.sport_id == "TENNIS"
        self.edge = rng.gauss(0.0, league.spread / 2.5)
        self.total = league.total * rng.uniform(0.93, 1.07)
        self.length = sum(p.minutes for p in league.periods) * 60.0

    # what is known of it

    @property
    def current(self) -> Period | None:
        """The period that is being played, or was played last."""
        if self.period < 0:
            return None
        return self.league.periods[self.period]

    def score(self, side: str) -> int:
        """Return the score of a side over the whole game."""
        if self.tennis:
            return self.sets[side]
        return sum(part[side] for part in self.points)

    def remaining(self, period_id: str) -> float:
        """Return the share of a period, or of the game, still to be played."""
        parts = self._parts(period_id)
        whole = sum(self.league.periods[n].minutes for n in parts) * 60.0
        left = 0.0
        for n in parts:
            start = sum(p.minutes for p in self.league.periods[:n]) * 60.0
            size = self.league.periods[n].minutes * 60.0
            left += size - min(max(self.elapsed - start, 0.0), size)
        return left / whole if whole else 0.0

    def is_over(self, period_id: str) -> bool:
        """Whether a period, or the game, has been played."""
        if self.phase in ("ended", "finalized"):
            return True
        return self.phase == "live" and self.remaining(period_id) <= 0.0

    def has_begun(self, period_id: str) -> bool:
        """Whether a period, or the game, has begun."""
        parts = self._parts(period_id)
        return self.phase != "upcoming" and self.period >= parts[0]

    def _parts(self, period_id: str) -> list[int]:
        ids = [p.period_id for p in self.league.periods]
        if period_id in ids:
            return [ids.index(period_id)]
        for name, members in self.league.groups:
            if name == period_id:
                return [ids.index(member) for member in members]
        return list(range(len(ids)))

    def points_in(self, period_id: str, side: str) -> int:
        """Return the score of a side in a period."""
        if period_id in ("game", "reg"):
            return self.score(side)
        parts = self._parts(period_id)
        return sum(self.points[n][side] for n in parts if n < len(self.points))

    # what is expected of it

    def price(self, market: Market) -> None:
        """Give a market the line and probability of this moment."""
        if market.kind in ("ml", "sp", "ml3way"):
            self._price_margin(market)
        elif market.player_id:
            self._price_prop(market)
        elif market.kind == "ou":
            self._price_total(market)
        if market.open_line is None:
            market.open_line = market.line

    def _expect(self, period_id: str) -> tuple[float, float, float]:
        """Margin, share of the game left in the period, deviation."""
        parts = self._parts(period_id)
        minutes = sum(self.league.periods[n].minutes for n in parts)
        share = minutes * 60.0 / self.length
        left = self.remaining(period_id) * share
        lead = self.points_in(period_id, "home")
        lead -= self.points_in(period_id, "away")
        margin = lead + self.edge * left
        return margin, left, self.league.spread * math.sqrt(left) + 0.05

    def _price_margin(self, market: Market) -> None:
        margin, left, deviation = self._expect(market.period_id)
        margin += market.drift * 30.0
        if market.kind == "sp":
            line = -half(margin) if not market.ended else market.line
            line = -half(-self.edge) if line is None else line
            market.line = line
            market.over = normal((margin + line) / deviation)
            return
        market.over = normal(margin / deviation)
        if market.kind == "ml3way":
            level = 1.0 / (1.0 + abs(margin))
            market.draw = min(0.9, level * (0.28 + 0.6 * (1.0 - left)))

    def _price_total(self, market: Market) -> None:
        _, left, deviation = self._expect(market.period_id)
        sides = ("home", "away")
        whose = sides if market.entity == "all" else (market.entity,)
        mean = float(sum(self.points_in(market.period_id, s) for s in whose))
        mean += self.total * left * len(whose) / 2.0 + market.drift * 25.0
        market.line = max(0.5, half(mean))
        market.over = normal((mean - market.line) / deviation)

    def _price_prop(self, market: Market) -> None:
        athlete = next(a for a in self.athletes if a.player_id == market.player_id)
        done = athlete.stats.get(market.stat_id, 0.0)
        left = self.remaining("game") * market.mean * athlete.skill
        if market.kind == "yn":
            market.over = 0.97 if done else 1.0 - math.exp(-left)
            return
        mean = done + left + market.drift * 5.0 * math.sqrt(market.mean)
        market.line = max(0.5, half(mean))
        width = 0.45 * math.sqrt(market.mean) + 0.3
        market.over = normal((mean - market.line) / width)

    # its course

    def advance(self, now: float) -> set[str]:
        """Let the game run until ``now`` (seconds since 1970).

        Returns
        -------
        set of str
            What has changed: ``score``, ``period``, ``status``.
        """
        changed: set[str] = set()
        span = max(0.0, now - self.now)
        self.now = now
        if self.phase == "upcoming" and now >= self.starts_at:
            self.phase = "live"
            self._begin_period()
            changed |= {"status", "period"}
        elif self.phase == "live":
            self._play(span, changed)
        elif self.phase == "ended":
            if now - self.ended_at > _FINALIZED_AFTER_S:
                self.phase = "finalized"
                changed.add("status")
        return changed

    def _begin_period(self) -> None:
        self.period += 1
        self.points.append({"home": 0, "away": 0})

    def _play(self, span: float, changed: set[str]) -> None:
        if self.break_until:
            if self.now < self.break_until:
                return
            self.break_until = 0.0
            self._begin_period()
            changed |= {"status", "period"}
            return
        seconds = span / REAL_PER_GAME_SECOND
        periods = self.league.periods[: self.period + 1]
        end = sum(p.minutes for p in periods) * 60.0
        seconds = min(seconds, end - self.elapsed)
        self.elapsed += seconds
        if self._score(seconds / self.length):
            changed.add("score")
        if self.elapsed >= end - 1e-9:
            self._end_period(changed)

    def _score(self, share: float) -> bool:
        """Draw the scores of a share of the game."""
        league, rng = self.league, self.rng
        total = 26.0 if self.tennis else self.total
        step = sum(size * weight for size, weight in league.steps)
        expected = total / step * share
        count = _poisson(rng, expected)
        lean = 0.5 + self.edge / (2.0 * max(self.total, 1.0))
        for _ in range(count):
            side = "home" if rng.random() < lean else "away"
            sizes = [size for size, _ in league.steps]
            weights = [weight for _, weight in league.steps]
            points = rng.choices(sizes, weights)[0]
            self.points[self.period][side] += points
        for prop in league.props:
            for athlete in self.athletes:
                mean = prop.mean * athlete.skill * share
                if rng.random() < mean:
                    old = athlete.stats.get(prop.stat_id, 0.0)
                    add = max(1.0, float(round(mean)))
                    athlete.stats[prop.stat_id] = old + add
        return count > 0

    def _end_period(self, changed: set[str]) -> None:
        changed |= {"status", "period"}
        if self.tennis:
            games = self.points[self.period]
            home = games["home"] >= games["away"]
            self.sets["home" if home else "away"] += 1
            changed.add("score")
        last = self.period + 1 == len(self.league.periods)
        if last or (self.tennis and max(self.sets.values()) == 2):
            self.phase = "ended"
            self.ended_at = self.now
            self.odds_available = False
            self.elapsed = self.length
            return
        self.break_until = self.now + _BREAK_S / 10.0

    # its parts of the event

    def status(self) -> dict[str, Any]:
        """Return flags, period and display of ``status``, without the times."""
        live = self.phase == "live"
        over = self.phase in ("ended", "finalized")
        names = [p.period_id for p in self.league.periods]
        started = names[: self.period + 1]
        begun = [g for g, parts in self.league.groups if parts[0] in started]
        ended = started if over else started[:-1]
        if live and self.break_until:
            ended = started
        done = [g for g, parts in self.league.groups if parts[-1] in ended]
        whole = ["game", "reg"] if live or over else []
        period = self.current
        short, long = "", "Upcoming"
        if over:
            short, long = "F", "Final"
        elif self.phase == "cancelled":
            short, long = "C", "Cancelled"
        elif period is not None:
            short, long = period.short, period.long
        return {
            "started": live or over,
            "completed": over,
            "cancelled": self.phase == "cancelled",
            "ended": over,
            "live": live,
            "delayed": False,
            "currentPeriodID": names[self.period] if live else "",
            "previousPeriodID": names[self.period - 1]
            if live and self.period > 0
            else "",
            "displayShort": short,
            "displayLong": long,
            "inBreak": bool(live and self.break_until),
            "periods": {
                "started": started + begun + whole,
                "ended": ended + done + (whole if over else []),
            },
            "oddsPresent": True,
            "oddsAvailable": self.odds_available and self.phase in ("upcoming", "live"),
            "finalized": self.phase == "finalized",
        }

    def results(self) -> dict[str, Any]:
        """Return the base set of ``results``."""
        out: dict[str, Any] = {}
        if self.phase == "upcoming" or self.period < 0:
            return out
        stat = "games" if self.tennis else "points"
        for n, part in enumerate(self.points):
            name = self.league.periods[n].period_id
            out[name] = {side: {stat: part[side]} for side in part}
        for name, _ in self.league.groups:
            if self.has_begun(name):
                out[name] = {
                    side: {"points": self.points_in(name, side)}
                    for side in ("home", "away")
                }
        whole: dict[str, Any] = {
            side: {"points": self.score(side)} for side in ("home", "away")
        }
        for athlete in self.athletes:
            if athlete.stats:
                whole[athlete.player_id] = {
                    name: int(value) for name, value in athlete.stats.items()
                }
        out["game"] = whole
        out["reg"] = {side: {"points": self.score(side)} for side in ("home", "away")}
        return out


def expand_results(results: Any) -> Any:
    """All statistics of ``results``, as ``expandResults`` gives them."""
    if not isinstance(results, dict):
        return results
    out: dict[str, Any] = {}
    for period, entities in results.items():
        out[period] = {}
        for entity, stats in entities.items():
            points = stats.get("points", 0)
            more = {
                "possessions": 5 * points + 3,
                "fouls": points // 2 + 1,
                "plusMinus": points - 3,
                "efficiency": round((points + 1) / (points + 4), 3),
            }
            out[period][entity] = {**stats, **more}
    return out


def _poisson(rng: random.Random, mean: float) -> int:
    if mean <= 0.0:
        return 0
    if mean > 30.0:
        return max(0, round(rng.gauss(mean, math.sqrt(mean))))
    limit = math.exp(-mean)
    count = 0
    product = rng.random()
    while product > limit:
        count += 1
        product *= rng.random()
    return count
