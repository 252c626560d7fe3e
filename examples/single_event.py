"""One event: every change with its path, old and new value.

Usage: python single_event.py EVENT_ID
"""

import sys

import sgostream

if len(sys.argv) != 2:
    sys.exit("usage: python single_event.py EVENT_ID")

with sgostream.stream("events:byid", event_id=sys.argv[1]) as game:
    for update in game:
        print(
            f"{update.event.title}: {update.kind}, {len(update.changes)} changes",
            flush=True,
        )
        if update.kind == "changed":
            for change in update.changes:
                path = ".".join(str(step) for step in change.path)
                print(f"  {path}: {change.old} -> {change.new}", flush=True)
