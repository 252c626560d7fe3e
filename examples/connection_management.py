"""Watch the connection: states, gaps, errors, a clean end.

Reconnecting needs no code: it happens by itself, and what was missed meanwhile
is fetched again.  The callbacks only tell.
"""

import sgostream

live = sgostream.stream("events:live")


@live.on_state
def show_state(change: sgostream.StateChange) -> None:
    print(
        f"connection: {change.previous} -> {change.current} {change.reason}", flush=True
    )


@live.on_gap
def show_gap(gap: sgostream.Gap) -> None:
    seconds = (gap.ended - gap.began).total_seconds()
    print(
        f"gap of {seconds:.1f} s ({gap.reason}): "
        f"{gap.events_refetched} events fetched again",
        flush=True,
    )


@live.on_error
def show_error(error: BaseException) -> None:
    print(f"error: {error}", flush=True)


@live.on_update
def show_update(update: sgostream.Update) -> None:
    print(update, flush=True)


try:
    live.wait_closed()
except KeyboardInterrupt:
    pass
finally:
    live.close()
    print("disconnected", flush=True)
