"""Upcoming games of one league, soonest first, then every change.

Usage: python upcoming_by_league.py [LEAGUE_ID]
"""

import sys

import sgostream

league_id = sys.argv[1] if len(sys.argv) > 1 else "NFL"

with sgostream.stream("events:upcoming", league_id=league_id) as upcoming:
    upcoming.wait_live(timeout=60)
    for event in sorted(
        upcoming.events.values(), key=lambda event: str(event.starts_at)
    ):
        print(f"{event.starts_at:%Y-%m-%d %H:%M} {event.title}", flush=True)
    with upcoming.subscribe(initial=False) as changes:
        for update in changes:
            print(update, flush=True)
