"""Plays a slate: moves games and writes what moved into their events.

One step advances the slate's own clock and changes some events; the content
after n steps depends on the seed and n alone, not on when they were played.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from .event import StoredEvent
from .game import Game
from .maker import (
    DEFAULT_START,
    EventMaker,
    Made,
    alt_lines,
    quote_price,
    stamp,
    status_member,
    team_members,
)
from .market import Market, Side, american
from .odd import ALT, AVAILABLE, LINE, ODDS, STAMP, Odd
from .spans import dumps
from .store import Store

#: Seconds after the last whistle at which an event leaves the server.
LEAVES_AFTER_S = 1800.0

_LIVE_WEIGHT = 8


@dataclass(slots=True)
class Moved:
    """What one step did: changed events and the channels to tell."""

    event_ids: list[str]
    channels: dict[str, list[str]]


class Player:
    """A slate of games over a store.

    Parameters
    ----------
    store : Store
        Where the events live.
    maker : EventMaker
        Invents the games, also those that follow on ended ones.
    count : int
        Games on the slate.
    live : float
        Share of them that is under way at the beginning.
    start : float
        The slate's clock at the beginning, seconds since 1970.
    intensity : float
        Share of an event's markets that an ordinary change moves.
    """

    def __init__(
        self,
        store: Store,
        maker: EventMaker,
        *,
        count: int,
        live: float = 0.5,
        start: float = DEFAULT_START,
        intensity: float = 0.06,
    ) -> None:
        self.store = store
        self.maker = maker
        self.now = start
        self.intensity = intensity
        self.steps = 0
        self._rng = random.Random(f"{maker.seed}/player")
        self._games: dict[str, Made] = {}
        self._order: list[str] = []
        alive = round(count * live)
        for number in range(count):
            if number < alive:
                self._add(maker.make(now=start, live=True))
            else:
                self._add(
                    maker.make(
                        now=start,
                        starts_in=self._rng.uniform(300.0, 6 * 3600.0),
                    )
                )

    def _add(self, made: Made) -> str:
        self._games[made.game.event_id] = made
        self.store.add(made.event)
        return made.game.event_id

    @property
    def games(self) -> Sequence[Game]:
        """The games on the slate."""
        return [made.game for made in self._games.values()]

    # one step

    def step(self, seconds: float, count: int = 1) -> Moved:
        """Advance the clock and change some events.

        Parameters
        ----------
        seconds : float
            How far the slate's clock goes.
        count : int
            Events that change.
        """
        self.steps += 1
        self.now += seconds
        moved = Moved([], {})
        due = [
            made
            for made in self._games.values()
            if made.game.phase == "upcoming" and made.game.starts_at <= self.now
        ]
        gone = [
            made
            for made in self._games.values()
            if made.game.phase in ("finalized", "cancelled")
            and self.now - made.game.ended_at > LEAVES_AFTER_S
        ]
        for made in gone:
            self._replace(made, moved)
        for made in due:
            self._move(made, moved)
        for _ in range(max(0, count - len(due) - len(gone))):
            made_next = self._next()
            if made_next is not None:
                self._move(made_next, moved)
        return moved

    def _next(self) -> Made | None:
        """Return the next game to change: live ones come more often."""
        while True:
            if not self._order:
                for event_id, made in self._games.items():
                    live = made.game.phase in ("live", "ended")
                    self._order += [event_id] * (_LIVE_WEIGHT if live else 1)
                self._rng.shuffle(self._order)
                if not self._order:
                    return None
            made_or_none = self._games.get(self._order.pop())
            if made_or_none is not None:
                if made_or_none.game.phase != "finalized":
                    return made_or_none
                if all(m.game.phase == "finalized" for m in self._games.values()):
                    return None

    def _replace(self, made: Made, moved: Moved) -> None:
        """Let an old event leave and a new one come."""
        event_id = made.game.event_id
        del self._games[event_id]
        self.store.events.pop(event_id, None)
        delay = self._rng.uniform(1800.0, 6 * 3600.0)
        new_id = self._add(self.maker.make(now=self.now, starts_in=delay))
        event = self.store.events[new_id]
        self._tell(moved, new_id, self.store.channels(event))

    def _tell(self, moved: Moved, event_id: str, channels: set[str]) -> None:
        if event_id not in moved.event_ids:
            moved.event_ids.append(event_id)
        for channel in sorted(channels):
            ids = moved.channels.setdefault(channel, [])
            if event_id not in ids:
                ids.append(event_id)

    def _move(self, made: Made, moved: Moved) -> None:
        event, game = made.event, made.game
        if self.store.events.get(game.event_id) is not event:
            self._games.pop(game.event_id, None)  # replaced by hand
            return
        channels = self.store.channels(event)
        changed = self._lifecycle(game) | game.advance(self.now)
        if changed:
            self._write_state(event, game, changed)
        if "period" in changed:
            self._turn_period(event, game)
        self._move_markets(event, game, bool(changed))
        event.touch()
        self._tell(moved, game.event_id, channels | self.store.channels(event))

    def _lifecycle(self, game: Game) -> set[str]:
        """Rare things: a start that moves, a game that is cancelled."""
        if game.phase != "upcoming":
            return set()
        draw = game.rng.random()
        if draw < 0.002:
            game.phase = "cancelled"
            game.ended_at = self.now
            game.odds_available = False
            return {"status"}
        if draw < 0.01:
            game.moved_from = [*game.moved_from, game.starts_at]
            game.starts_at += 900.0
            return {"status"}
        return set()

    # what goes into the event

    def _write_state(self, event: StoredEvent, game: Game, changed: set[str]) -> None:
        if "status" in changed or "period" in changed:
            event.set_part("status", status_member(game, event.get("status")))
        if "score" in changed or "period" in changed:
            old = event.get("teams")
            event.set_part("teams", team_members(game, None, old))
            event.set_part("results", game.results())

    def _turn_period(self, event: StoredEvent, game: Game) -> None:
        """Start and end the odds of periods, and open new ones."""
        for market in game.markets:
            begun = game.has_begun(market.period_id)
            over = game.is_over(market.period_id)
            for side in market.sides:
                odd = event.odds.get(side.odd_id)
                if odd is None:
                    continue
                if begun:
                    odd.set_field("started", b"true")
                if over and not market.ended:
                    self._settle(odd, game, market, side)
            market.ended = market.ended or over
        if game.phase == "live" and game.later:
            last = game.league.periods[-1].period_id
            opens = game.period >= len(game.league.periods) // 2
            if opens and not game.is_over(last):
                for market in game.later:
                    for odd in self.maker.write_market(game, market, self.now):
                        event.odds[odd.odd_id] = odd
                game.later = []

    def _settle(self, odd: Odd, game: Game, market: Market, side: Side) -> None:
        odd.set_field("ended", b"true")
        odd.set_field("bookOddsAvailable", b"false")
        odd.set_field("fairOddsAvailable", b"false")
        for number in range(len(odd.index.books)):
            odd.set_quote(number, AVAILABLE, b"false")
        if market.player_id:
            athlete = next(a for a in game.athletes if a.player_id == market.player_id)
            score = int(athlete.stats.get(market.stat_id, 0.0))
        elif side.entity == "all":
            score = game.points_in(market.period_id, "home")
            score += game.points_in(market.period_id, "away")
        else:
            score = game.points_in(market.period_id, side.entity)
        odd.append_field("score", dumps(score))

    def _move_markets(self, event: StoredEvent, game: Game, excited: bool) -> None:
        rng = game.rng
        open_ = [m for m in game.markets if m.priced and not m.ended]
        if not open_ or game.phase not in ("upcoming", "live"):
            return
        share = self.intensity * (3.0 if excited else 1.0)
        count = min(len(open_), max(1, round(len(open_) * share)))
        for market in rng.sample(open_, count):
            market.drift = market.drift * 0.95 + rng.gauss(0.0, 0.006)
            game.price(market)
            for side in market.sides:
                odd = event.odds.get(side.odd_id)
                if odd is not None:
                    self._move_odd(odd, market, side, rng)
        self._look_again(event, open_, rng)

    def _move_odd(
        self, odd: Odd, market: Market, side: Side, rng: random.Random
    ) -> None:
        """Write new prices at most bookmakers, and a new consensus."""
        p = market.probability(side)
        line = f'"{market.line_text(side)}"'.encode()
        field = market.consensus_field
        for name, value in (
            ("fairOdds", american(p)),
            ("bookOdds", american(p + 0.02)),
        ):
            text = f'"{value}"'.encode()
            odd.set_field(name, text)
            odd.set_field(f"close{name[0].upper()}{name[1:]}", text)
            if field:
                odd.set_field(f"{name[:4]}{field}", line)
                odd.set_field(f"close{name[:4].capitalize()}{field}", line)
        for number, book in enumerate(odd.index.books):
            draw = rng.random()
            if draw > 0.75:
                continue
            seen = f'"{stamp(self.now - 5.0 * draw)}"'.encode()
            price = quote_price(market, side, book, rng)
            odd.set_quote(number, ODDS, f'"{price}"'.encode())
            moved = field and odd.quote_field(number, LINE) != line
            odd.set_quote(number, STAMP, seen)
            if draw < 0.03:
                odd.set_quote(number, AVAILABLE, b"false")
            elif draw < 0.3:
                odd.set_quote(number, AVAILABLE, b"true")
            if moved:
                odd.set_quote(number, LINE, line)
                if market.alt_lines:
                    lines = alt_lines(market, side, book, seen[1:-1].decode(), rng)
                    odd.set_quote(number, ALT, lines.encode())
            elif market.alt_lines:
                odd.stamp_alt_lines(number, seen[1:-1])

    def _look_again(
        self, event: StoredEvent, open_: list[Market], rng: random.Random
    ) -> None:
        """Time stamps of quotes that were seen again, unchanged."""
        count = max(1, round(len(open_) * self.intensity * 2.0))
        seen = f'"{stamp(self.now)}"'.encode()
        for market in rng.choices(open_, k=count):
            for side in market.sides:
                odd = event.odds.get(side.odd_id)
                if odd is None:
                    continue
                for number in range(len(odd.index.books)):
                    odd.set_quote(number, STAMP, seen)
