"""Arbitrage: two sides of one market whose best prices pay more than they cost.

A side is compared with its opposite at the same line only: -3.5 with +3.5, over
48.5 with under 48.5.  Prices move while you read: bet on neither side before
you have both, and mind that bookmakers limit those who do this.

Usage: python arbitrage_scan.py [PERCENT]
PERCENT is the least profit that is told, default 0.
"""

import sys
from collections.abc import Iterator
from typing import NamedTuple

import sgostream


class Offer(NamedTuple):
    """The best price of one side at one line."""

    decimal: float
    text: str
    bookmaker_id: str


class Arbitrage(NamedTuple):
    """Stakes in these shares pay the same whichever side wins."""

    odd_id: str
    opposing_odd_id: str
    line: float | None
    profit: float
    offers: tuple[Offer, Offer]
    shares: tuple[float, float]


def offers_of(event: sgostream.Event, odd_id: str) -> dict[float | None, Offer]:
    """Line -> best offer among the bookmakers that take bets now."""
    out: dict[float | None, Offer] = {}
    for row in event.quotes(odd_ids=[odd_id]):
        quote = row.quote
        if not quote.available or quote.decimal is None or quote.text is None:
            continue
        offer = Offer(quote.decimal, quote.text, row.bookmaker_id)
        if quote.line not in out or offer > out[quote.line]:
            out[quote.line] = offer
    return out


def arbitrages(event: sgostream.Event, odd_id: str) -> Iterator[Arbitrage]:
    """Those of one odd and its opposite, in this version of the event."""
    odds = event["odds"]
    odd = odds.get(odd_id)
    opposing_id = odd.get("opposingOddID") if odd is not None else None
    if odd is None or opposing_id is None or opposing_id not in odds:
        return
    mirrored = odd["betTypeID"] == "sp"
    others = offers_of(event, opposing_id)
    for line, offer in offers_of(event, odd_id).items():
        other = others.get(-line if mirrored and line is not None else line)
        if other is None:
            continue
        cost = 1 / offer.decimal + 1 / other.decimal
        if cost < 1:
            shares = (1 / offer.decimal / cost, 1 / other.decimal / cost)
            yield Arbitrage(
                odd_id, opposing_id, line, 1 / cost - 1, (offer, other), shares
            )


def first_side(event: sgostream.Event, odd_id: str) -> str:
    """One of an odd and its opposite, whichever of them is asked for."""
    odd = event["odds"].get(odd_id)
    return min(odd_id, odd.get("opposingOddID", odd_id)) if odd else odd_id


def describe(found: Arbitrage) -> str:
    """Profit, then each side with its price, bookmaker and share of the stake."""
    sides = [
        f"{odd_id} {offer.text} at {offer.bookmaker_id} ({share:.1%})"
        for odd_id, offer, share in zip(
            (found.odd_id, found.opposing_odd_id),
            found.offers,
            found.shares,
            strict=True,
        )
    ]
    return f"{found.profit:.2%} {', '.join(sides)}"


def main(percent: float) -> None:
    """Look at every market that moves, until Ctrl-C."""
    told: dict[tuple[str, str, float | None], float] = {}
    with sgostream.stream("events:live") as live:
        # min_interval: a market that flickers is looked at once a second.
        for update in live.subscribe(min_interval=1.0):
            markets = dict.fromkeys(
                first_side(update.event, change.odd_id) for change in update.quotes
            )
            for odd_id in markets:
                for found in arbitrages(update.event, odd_id):
                    key = (update.event.event_id, odd_id, found.line)
                    if found.profit * 100 >= percent and told.get(key) != found.profit:
                        told[key] = found.profit
                        print(f"{update.event.title}: {describe(found)}", flush=True)


if __name__ == "__main__":
    try:
        main(float(sys.argv[1]) if len(sys.argv) > 1 else 0.0)
    except KeyboardInterrupt:
        pass
