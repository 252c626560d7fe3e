"""All games in progress, across all sports: best moneyline when it moves."""

import sgostream

with sgostream.stream("events:live") as live:
    with live.subscribe(odd_ids=["*-game-ml-*"]) as moneylines:
        for update in moneylines:
            for change in update.quotes:
                old = change.old.text if change.old else None
                new = change.new.text if change.new else None
                print(
                    f"{update.event.title}: {change.odd_id} "
                    f"{change.bookmaker_id} {old} -> {new}",
                    flush=True,
                )
