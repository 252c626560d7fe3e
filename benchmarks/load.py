"""Real-size events at the vendor's cap, over TLS, for minutes.

    benchmarks/.venv/bin/python benchmarks/load.py --minutes 10

Thirty events of 0.93 MB, 80 changed events a second, each notified and fetched;
all changed quotes are read.  At the end nothing may be queued.  Exit status 1
if something is, or if the client took 15 % of a core or more.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from typing import Any

from run import OURS, Server, machine

LIMIT_SHARE = 0.15


def main() -> int:
    """Play, then look."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--rate", type=float, default=80.0)
    parser.add_argument("--json", metavar="FILE", help="write the figures too")
    options = parser.parse_args()
    with Server(30, 0) as server, server.client(OURS) as client:
        client.ask("start")
        shown = server.ask(
            json.dumps({"play": options.rate, "seconds": options.minutes * 60})
        )
        time.sleep(3)
        told = client.ask("stop")
    found: dict[str, Any] = {
        "machine": machine(),
        "minutes": options.minutes,
        "shown": shown["shown"],
        "delivered": len(told["delivered"]),
        "quotes": told["quotes"],
        "pending": told["pending"],
        "bytes_queued": told["bytes_queued"],
        "cpu_share": told["cpu_s"] / shown["wall_s"],
        "cpu_ms_per_update": told["cpu_s"] * 1000 / max(1, len(told["delivered"])),
        "simulator_share": shown["cpu_s"] / shown["wall_s"],
        "resident_mb": told["resident"] / 1e6,
    }
    print(json.dumps(found, indent=1))
    good = (
        found["cpu_share"] < LIMIT_SHARE
        and found["delivered"] >= 0.95 * found["shown"]
        and found["pending"] == 0
        and found["bytes_queued"] == 0
    )
    print("met" if good else "MISSED")
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump({**found, "met": good}, file, indent=1)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
