"""NFL game tracker: the API page's complete example, in Python.

Follows the upcoming games of a league: title of each, a heartbeat, which are
new, which have started, which were updated, and every change of the connection.
Ctrl-C disconnects cleanly.

Usage: python nfl_tracker.py [LEAGUE_ID [HEARTBEAT_SECONDS]]
"""

import sys
import time

import sgostream


def title_of(event: sgostream.Event) -> str:
    """``Chiefs vs Bills @ 2026-01-04 18:00 (eventID)``."""
    starts = f"{event.starts_at:%Y-%m-%d %H:%M}" if event.starts_at else "?"
    return f"{event.away} vs {event.home} @ {starts} ({event.event_id})"


def describe(update: sgostream.Update) -> str:
    """What happened to the game, in words."""
    if update.kind == "added":
        what = "Initial event" if update.cause == "snapshot" else "New event"
    elif update.kind == "removed":
        what = "Event left"
    elif (
        update.previous is not None
        and not update.previous.status.get("started")
        and update.event.status.get("started")
    ):
        what = "Event started"
    else:
        what = "Event updated"
    return f"{what}: {title_of(update.event)}"


def track(league_id: str, heartbeat: float) -> None:
    """Follow the league until Ctrl-C."""
    with sgostream.stream("events:upcoming", league_id=league_id) as games:

        @games.on_state
        def show_state(change: sgostream.StateChange) -> None:
            print(
                f"Connection state: {change.previous} -> {change.current}", flush=True
            )

        @games.on_error
        def show_error(error: BaseException) -> None:
            print(f"Connection error: {error}", file=sys.stderr, flush=True)

        with games.subscribe() as updates:
            next_beat = time.monotonic() + heartbeat
            while True:
                for update in updates.get_batch(
                    timeout=max(0.0, next_beat - time.monotonic())
                ):
                    print(describe(update), flush=True)
                if time.monotonic() >= next_beat:
                    next_beat += heartbeat
                    print(
                        f"Heartbeat: connection {games.connection}, "
                        f"events tracked: {len(games.events)}",
                        flush=True,
                    )


if __name__ == "__main__":
    league = sys.argv[1] if len(sys.argv) > 1 else "NFL"
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 10.0
    print(f"Starting upcoming event tracker for {league}", flush=True)
    try:
        track(league, seconds)
    except KeyboardInterrupt:
        print("Disconnected", flush=True)
