"""Real-size events at the vendor's cap, over TLS, for minutes.

    benchmarks/.venv/bin/python benchmarks/load.py --minutes 10

Thirty events of 0.93 MB, 80 changed events a second, each notified and fetched;
all changed quotes are read.  At the end nothing may be queued, every version
that came must have been shown or counted as skipped, and every event held must
be what the server has.  Exit status 1 if not, or if the client took 15 % of a
core or more.  Writes results/load.json and puts it into docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from typing import Any

from publish import RESULTS, publish
from run import OURS, Server, machine

LIMIT_SHARE = 0.15
#: An event that came back unchanged is asked for again after 0.5, 1 and 2 s.
SETTLE_S = 8


def main() -> int:
    """Play, then look."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--rate", type=float, default=80.0)
    parser.add_argument(
        "--json", metavar="FILE", help="write the figures there instead"
    )
    options = parser.parse_args()
    with Server(30, 0) as server, server.client(OURS, BENCH_DIGESTS="1") as client:
        before = client.ask("start")["counts"]
        shown = server.ask(
            json.dumps({"play": options.rate, "seconds": options.minutes * 60})
        )
        time.sleep(SETTLE_S)
        told = client.ask("stop")
        truth = server.ask('{"digests": true}')["digests"]
    counts = {name: n - before[name] for name, n in told["counts"].items()}
    delivered = len(told["delivered"])
    found: dict[str, Any] = {
        "machine": machine(),
        "minutes": options.minutes,
        "shown": shown["shown"],
        "delivered": delivered,
        "counts": counts,
        "versions_lost": counts["versions_applied"]
        - delivered
        - counts["added"]
        - counts["removed"]
        - counts["skipped"],
        # a game that has ended is not in the feed any more
        "events_behind": sum(truth.get(k) != v for k, v in told["digests"].items()),
        "quotes": told["quotes"],
        "pending": told["pending"],
        "bytes_queued": told["bytes_queued"],
        "cpu_share": told["cpu_s"] / shown["wall_s"],
        "cpu_ms_per_update": told["cpu_s"] * 1000 / max(1, delivered),
        "simulator_share": shown["cpu_s"] / shown["wall_s"],
        "resident_mb": told["resident"] / 1e6,
    }
    print(json.dumps(found, indent=1))
    good = (
        found["cpu_share"] < LIMIT_SHARE
        and counts["ids_refused"] == 0
        and counts["ids_pending"] == 0
        and found["versions_lost"] == 0
        and found["events_behind"] == 0
        and found["pending"] == 0
        and found["bytes_queued"] == 0
    )
    print("met" if good else "MISSED")
    path = options.json or RESULTS / "load.json"
    with open(path, "w", encoding="utf-8") as file:
        json.dump({**found, "met": good}, file, indent=1)
        file.write("\n")
    if not options.json:
        publish()
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
