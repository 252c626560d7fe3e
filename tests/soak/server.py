"""The soak's server: a slate that moves, and faults at random moments.

A process of its own, so that the client's memory is the client's.  It says
one line of JSON for each fault, and obeys lines on its standard input:
``rest`` ends the faults and the play, ``truth FILE`` writes what the API would
answer, ``end`` ends.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sgostream.sim import REAL_SIZE, ConnectionScript, Simulator

CODES = [1000, 1001, 1011, 4100, 4200, 4200, 4201, 4202, 4300, None, None]


class Faults:
    """Named faults; each ends by itself."""

    def __init__(self, sim: Simulator, rng: random.Random) -> None:
        self.sim = sim
        self.rng = rng
        self._timers: list[threading.Timer] = []
        self.all: dict[str, Callable[[], object]] = {
            "close": self._close,
            "close-before-the-greeting": self._close_early,
            "server-error-then-reset": lambda: sim.disconnect(None, error=4201),
            "mute": lambda: self._for(2.0, sim.mute, lambda: sim.disconnect(None)),
            "down": lambda: self._for(self.rng.uniform(0.2, 3.0), sim.down, sim.up),
            "cut": sim.cut,
            "status": self._status,
            "429": lambda: self._rule(times=3, status=429),
            "html": lambda: self._rule(times=2, status=502, body="<h1>Bad</h1>"),
            "no-success": lambda: self._rule(times=2, body={"success": False}),
            "reset": lambda: self._rule(times=3, reset=self.rng.choice(MOMENTS)),
            "truncated": lambda: self._rule(
                times=3, edit=lambda body: body[: len(body) // 2]
            ),
            "corrupt": lambda: self._rule(times=3, edit=_flip),
            "short": lambda: self._rule(times=3, truncate=1000),
            "slow": lambda: self._rule(times=20, delay=self.rng.uniform(0.1, 1.5)),
            "drip": lambda: self._rule(times=3, drip=(20_000, 0.05)),
            "held": lambda: self._for(2.0, self._hold, sim.clear_rules),
            "authorisation": lambda: (
                sim.rule("/stream/pusher/auth", status=500) and sim.disconnect(4200)
            ),
            "bootstrap": lambda: (
                sim.rule("/stream/events", status=503) and sim.disconnect(4001)
            ),
            "stale": self._stale,
            "garbage": self._garbage,
        }

    def _for(
        self, seconds: float, begin: Callable[[], object], end: Callable[[], object]
    ) -> None:
        begin()
        timer = threading.Timer(seconds, end)
        timer.daemon = True
        self._timers.append(timer)
        timer.start()

    def settle(self) -> None:
        """Wait for what ends by itself, and undo the rest."""
        for timer in self._timers:
            timer.join()
        self.sim.clear_rules()
        self.sim.thaw()

    def _rule(self, **what: Any) -> None:
        self.sim.rule("/events", **what)

    def _hold(self) -> None:
        self.sim.rule("/events", times=6, hold="after")

    def _status(self) -> None:
        self._rule(
            times=self.rng.randint(1, 5), status=self.rng.choice([500, 503, 408])
        )

    def _close(self) -> None:
        self.sim.disconnect(self.rng.choice(CODES), "soak")

    def _close_early(self) -> None:
        code = self.rng.choice([1001, 4100, 4200])
        self.sim.script(ConnectionScript(close=code, close_at="open"))
        self.sim.disconnect(4200)

    def _stale(self) -> None:
        ids = self.rng.sample(self.sim.event_ids(), 3)
        for event_id in ids:
            self.sim.freeze(event_id)
        self._for(1.0, lambda: None, lambda: (self.sim.thaw(), self.sim.notify(ids)))

    def _garbage(self) -> None:
        for text in (
            "{",
            '{"event":7}',
            '{"event":"data","channel":"presence-events-live"',
        ):
            self.sim.emit("presence-events-live", text, raw=True)
        self.sim.emit("presence-events-live", [{"noEventID": 1}])


MOMENTS = ["before", "body"]


def _flip(body: bytes) -> bytes:
    middle = len(body) // 2
    return body[:middle] + bytes([body[middle] ^ 0xFF]) + body[middle + 1 :]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=30)
    parser.add_argument("--rate", type=float, default=50.0)
    parser.add_argument("--every", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    rng = random.Random(options.seed)
    sim = Simulator(seed=options.seed)
    for interval in ("per-hour", "per-day"):
        sim.limit(interval)  # what is tested here is not the pace
    sim.add_slate(options.events, size=REAL_SIZE, live=1.0)
    resting = threading.Event()
    with sim:
        print(json.dumps(sim.info()), flush=True)
        sim.play(rate=options.rate)
        faults = Faults(sim, rng)

        def disturb() -> None:
            while not resting.wait(rng.expovariate(1.0 / options.every)):
                name = rng.choice(list(faults.all))
                faults.all[name]()
                print(json.dumps({"fault": name, "at": time.time()}), flush=True)

        thread = threading.Thread(target=disturb)
        thread.start()
        for line in sys.stdin:
            word, _, rest = line.strip().partition(" ")
            if word == "rest":
                resting.set()
                thread.join()
                faults.settle()
                sim.pause()
            elif word == "truth":
                truth = {i: text.decode() for i, text in sim.truth().items()}
                Path(rest).write_text(json.dumps(truth), encoding="utf-8")
            elif word == "end":
                break
            print(
                json.dumps({"done": word, "steps": sim.played()["steps"]}), flush=True
            )
        resting.set()
        thread.join()
        faults.settle()


if __name__ == "__main__":
    main()
