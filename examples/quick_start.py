"""Live odds in three lines.

The key comes from SPORTS_ODDS_API_KEY_HEADER; Ctrl-C ends it.
"""

import sgostream

with sgostream.stream("events:live") as live:
    for update in live:
        print(update, flush=True)
