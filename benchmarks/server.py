"""The server of a benchmark: a recorded slate, shown at the rate it is told.

A process of its own.  Every recorded version carries its number in a member
``benchVersion``, so that what a client handed to its user can be matched with
the notification that was sent.  It obeys lines of JSON on standard input:
``{"rate": 20, "count": 200}`` shows so many versions and answers with the
time at which each was announced; ``{"rewind": true}`` goes back to the first
version of all (time stamps never run backwards under a client's eyes);
``{"play": 80, "seconds": 60}`` plays on without a tape, for as long as told;
``{"digests": true}`` tells a digest of each event as it is now; ``{}`` ends.

What a tape shows is compressed beforehand as zlib does by default, level 6.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import resource
import sys
import time
import zlib
from typing import Any

from sgostream.sim import Simulator
from sgostream.sim.encode import Fragment, inflate
from sgostream.sim.plan import INTERVALS
from sgostream.sim.player import Moved
from sgostream.sim.replay import Recording, _Recorded, _Version
from sgostream.sim.shape import Shape
from sgostream.sim.store import Store

STAMP = "benchVersion"
SIZE = 1_110_000  # gives answers of about 0.93 MB, as the real ones are
LEAGUES = ("NFL", "NBA", "MLB", "NHL", "EPL")


def cpu_s() -> float:
    """CPU of this process so far."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def compress(text: bytes) -> Fragment:
    """Compress as zlib does where nobody asks for another level."""
    packer = zlib.compressobj(6, zlib.DEFLATED, -zlib.MAX_WBITS)
    deflated = packer.compress(text) + packer.flush(zlib.Z_SYNC_FLUSH)
    return Fragment(deflated, zlib.crc32(text), len(text))


class Tape(Recording):
    """Versions of one shape, the snapshot's too, that can be wound back."""

    def __init__(self, store: Store) -> None:
        super().__init__(store, Shape())
        self.first = [self._keep(event_id, {}) for event_id in store.events]
        self.versions: list[tuple[_Version, int]] = []
        self.at = 0

    def _keep(self, event_id: str, channels: dict[str, list[str]]) -> _Version:
        answer = compress(self._store.events[event_id].render(self._shape))
        return _Version(event_id, answer, answer, channels)

    def add(self, moved: Moved, number: int) -> None:
        """Keep the present version of the event that moved."""
        for event_id in moved.event_ids:
            if event_id in self._store.events:
                channels = {name: [event_id] for name in moved.channels}
                self.versions.append((self._keep(event_id, channels), number))

    def put(self, version: _Version) -> None:
        """Make a version the present one."""
        held = self._store.events.get(version.event_id)
        if not isinstance(held, _Recorded):
            held = _Recorded(inflate(version.whole))
            self._store.add(held)
        held.show(self._shape, version)

    def rewind(self) -> None:
        """Make the first versions the present ones, if there are later ones."""
        self.at = 0
        if not self.versions:
            return  # the player goes on with its own events
        for version in self.first:
            self.put(version)

    def next(self) -> tuple[_Version, int]:
        """Make the next version the present one."""
        if self.at == len(self.versions):
            raise RuntimeError("the tape is at its end: record more versions")
        version, number = self.versions[self.at]
        self.at += 1
        self.put(version)
        return version, number


class Slate:
    """A recorded slate and its notifications."""

    def __init__(self, events: int, versions: int, seed: int) -> None:
        self.sim = Simulator(seed=seed)
        for interval in INTERVALS:
            self.sim.limit(interval)  # the pace of the plan is not measured
        ids = self.sim.add_slate(events, size=SIZE, leagues=LEAGUES, live=1.0)
        for event_id in ids:
            self._stamp(event_id, 0)
        player = self.sim.player
        assert player is not None
        self.tape = Tape(self.sim.store)
        for number in range(1, versions + 1):
            moved = player.step(0.05, 1)
            for event_id in moved.event_ids:
                if event_id in self.sim.store.events:
                    self._stamp(event_id, number)
            self.tape.add(moved, number)
        self.tape.rewind()

    def _stamp(self, event_id: str, number: int) -> None:
        event = self.sim.store.events[event_id]
        event.set((STAMP,), f"{number:06d}")
        event.touch()

    def show(self, rate: float, count: int) -> list[tuple[int, str, int]]:
        """Announce count versions at even times; when, whose and which."""
        sent: list[tuple[int, str, int]] = []
        due = time.monotonic()

        def step() -> None:
            version, number = self.tape.next()
            sent.append((time.time_ns(), version.event_id, number))
            self.sim._tell(Moved([version.event_id], version.channels))

        for _ in range(count):
            pause = due - time.monotonic()
            if pause > 0:
                time.sleep(pause)
            self.sim._thread.call(step)
            due += 1 / rate
        return sent


def obey(slate: Slate, told: dict[str, Any]) -> dict[str, Any]:
    """Do what a line asks for."""
    before, began = cpu_s(), time.monotonic()
    out: dict[str, Any] = {}
    if "rewind" in told:
        slate.sim._thread.call(slate.tape.rewind)
    elif "play" in told:
        steps = slate.sim.played()["steps"]
        slate.sim.play(rate=told["play"])
        time.sleep(told["seconds"])
        slate.sim.pause()
        out["shown"] = slate.sim.played()["steps"] - steps
    elif "digests" in told:
        out["digests"] = {
            event_id: hashlib.sha256(text).hexdigest()
            for event_id, text in slate.sim.truth().items()
        }
    else:
        out["sent"] = slate.show(told["rate"], told["count"])
    out["cpu_s"] = cpu_s() - before
    out["wall_s"] = time.monotonic() - began
    return out


def main() -> None:
    """Serve until told to end."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--events", type=int, default=30)
    parser.add_argument("--versions", type=int, default=480)
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    slate = Slate(options.events, options.versions, options.seed)
    with slate.sim as sim:
        info: dict[str, Any] = sim.info()
        info["bytes"] = [len(text) for text in sim.truth().values()]
        print(json.dumps(info), flush=True)
        for line in sys.stdin:
            told = json.loads(line)
            if not told:
                break
            print(json.dumps(obey(slate, told)), flush=True)


if __name__ == "__main__":
    main()
