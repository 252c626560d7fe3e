"""A season in small: real-size events, faults, and nothing lost or grown.

``make soak MINUTES=45 RATE=50``.  At the end: the stream's events equal the
server's, so do two consumers' copies; memory is flat; no thread, socket or
descriptor is left over.  Prints what it saw; exit status 1 if anything failed.
"""

from __future__ import annotations

import argparse
import collections
import gc
import json
import logging
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from rig import Replica

import sgostream

SERVER = Path(__file__).with_name("server.py")


class Server:
    """The other process, and the faults that it told of."""

    def __init__(self, *arguments: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(SERVER), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.faults: collections.Counter[str] = collections.Counter()
        self.steps = 0
        self._done: collections.Counter[str] = collections.Counter()
        self._changed = threading.Condition()
        assert self._process.stdout is not None
        self.info: dict[str, Any] = json.loads(self._process.stdout.readline())
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            said = json.loads(line)
            with self._changed:
                if "fault" in said:
                    self.faults[said["fault"]] += 1
                else:
                    self.steps = said["steps"]
                    self._done[said["done"]] += 1
                self._changed.notify_all()

    def say(self, line: str) -> None:
        """Let it do something and wait until it is done."""
        word = line.partition(" ")[0]
        with self._changed:
            count = self._done[word] + 1
            assert self._process.stdin is not None
            self._process.stdin.write(line + "\n")
            self._process.stdin.flush()
            assert self._changed.wait_for(lambda: self._done[word] >= count, 120)

    def end(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write("end\n")
        self._process.stdin.close()
        self._process.wait(60)
        self._reader.join()
        assert self._process.stdout is not None
        self._process.stdout.close()


def resident() -> int:
    """Bytes of this process that are in memory."""
    with open("/proc/self/statm", encoding="ascii") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGESIZE")


def counts() -> dict[str, int]:
    gc.collect()
    names = []
    for name in os.listdir("/proc/self/fd"):
        try:
            names.append(os.readlink(f"/proc/self/fd/{name}"))
        except OSError:
            continue  # the listing's own
    return {
        "threads": len(os.listdir("/proc/self/task")),
        "descriptors": len(names),
        "sockets": sum(name.startswith("socket:") for name in names),
    }


class Consumer:
    """Takes updates into a copy of the events, as fast or slowly as told."""

    def __init__(self, live: sgostream.Stream, pause: float, **options: Any) -> None:
        self.replica = Replica(thorough=False)
        self.updates = 0
        self.problem: BaseException | None = None
        self._subscription = live.subscribe(include_timestamps=True, **options)
        self._pause = pause
        self._resting = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            while True:
                got = self._subscription.get_batch(20, timeout=1.0)
                self.replica.feed(got)
                self.updates += len(got)
                if not got and self._resting.is_set():
                    return
                del got
                if self._pause and not self._resting.is_set():
                    self._resting.wait(self._pause)
        except BaseException as error:
            self.problem = error

    def rest(self) -> None:
        """Take what is left, and stop."""
        self._resting.set()
        self._thread.join(60)
        self._subscription.close()


def quarter(samples: list[int], number: int) -> float:
    """Mean of one quarter of the samples."""
    size = len(samples) // 4
    part = samples[size * (number - 1) : size * number]
    return sum(part) / max(1, len(part))


class Soak:
    """One run."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.failures: list[str] = []
        self.errors: collections.Counter[str] = collections.Counter()
        self.samples: list[int] = []

    def check(self, holds: bool, text: str) -> None:
        print(f"  {'ok  ' if holds else 'FAIL'} {text}", flush=True)
        if not holds:
            self.failures.append(text)

    def run(self) -> int:
        options = self.options
        server = Server(
            f"--events={options.events}",
            f"--rate={options.rate}",
            f"--every={options.every}",
            f"--seed={options.seed}",
        )
        self.client_options: dict[str, Any] = {
            "api_key": server.info["api_key"],
            "base_url": server.info["https_base_url"],
            "ca_file": server.info["ca_file"],
            "proxy": "",
            "linger": 5.0,
            "timeout": 10.0,
            "reconcile_interval": 60.0,
        }
        with sgostream.stream("events:live", **self.client_options) as first:
            first.wait_live(60)
        before = counts()
        try:
            self._soak(server)
        finally:
            server.end()
        del first
        after = self._settled(before)
        for name, count in before.items():
            self.check(after[name] <= count, f"{name}: {count} before, {after[name]}")
        print(f"soak: {'FAILED' if self.failures else 'passed'}", flush=True)
        return 1 if self.failures else 0

    def _settled(self, before: dict[str, int]) -> dict[str, int]:
        end = time.monotonic() + 5
        while (after := counts()) != before and time.monotonic() < end:
            time.sleep(0.05)
        return after

    def _soak(self, server: Server) -> None:
        client = sgostream.Client(**self.client_options)
        client_class = type(client)
        assert client_class is sgostream.Client
        live = client.live()
        live.on_error(lambda error: self.errors.update([type(error).__name__]))
        live.wait_live(60)
        consumers = {
            "quick": Consumer(live, 0.0),
            "every version": Consumer(live, 0.0, conflate=False, max_queue=100_000),
            "slow": Consumer(live, 2.0),
        }
        began = time.monotonic()
        self._watch(server, client, live, began)
        server.say("rest")
        self._compare(server, live, consumers)
        self._report(server, client, live, consumers)
        took = time.monotonic()
        client.close()
        took = time.monotonic() - took
        self.check(took < 1.0, f"close() took {took:.3f} s")

    def _watch(
        self,
        server: Server,
        client: sgostream.Client,
        live: sgostream.Stream,
        began: float,
    ) -> None:
        """Until the time is over: a sample a second, a line a minute."""
        end = began + self.options.minutes * 60
        line = began
        while (now := time.monotonic()) < end:
            self.samples.append(resident())
            if now >= line:
                line += 60
                stats = live.stats()
                print(
                    f"  {(now - began) / 60:5.1f} min {self.samples[-1] >> 20:5} MB"
                    f" {client.stats().bytes_documents >> 20:4} MB held"
                    f" {stats.versions_applied:8} versions"
                    f" {sum(server.faults.values()):4} faults"
                    f" {stats.reconnects:4} reconnects {live.phase}",
                    flush=True,
                )
            time.sleep(min(1.0, max(0.0, end - time.monotonic())))

    def _compare(
        self, server: Server, live: sgostream.Stream, consumers: dict[str, Consumer]
    ) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "truth"
            server.say(f"truth {path}")
            truth: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
        end = time.monotonic() + 90  # a backoff of 60 s may be under way
        while time.monotonic() < end:
            held = {i: e.json().decode() for i, e in live.events.items()}
            if held == truth and live.phase == "live":
                break
            time.sleep(0.1)
        waited = 90 - (end - time.monotonic())
        wrong = [i for i in {*held, *truth} if held.get(i) != truth.get(i)]
        self.check(
            not wrong and live.phase == "live",
            f"at rest equal to truth after {waited:.1f} s: {len(truth)} events, "
            f"{len(wrong)} differ, {live.phase}",
        )
        for name, consumer in consumers.items():
            consumer.rest()
            same = consumer.replica.events == {
                i: json.loads(t) for i, t in truth.items()
            }
            self.check(
                same and consumer.problem is None,
                f"the {name} consumer's copy: {consumer.updates} updates, "
                f"{consumer.problem or 'no error'}",
            )

    def _report(
        self,
        server: Server,
        client: sgostream.Client,
        live: sgostream.Stream,
        consumers: dict[str, Consumer],
    ) -> None:
        del consumers
        print(f"  faults: {dict(sorted(server.faults.items()))}")
        print(f"  errors told: {dict(self.errors)}")
        print(f"  {client.stats()}\n  {live.stats()}")
        print(f"  steps of the server: {server.steps}")
        second, last = quarter(self.samples, 2), quarter(self.samples, 4)
        growth = last / second - 1
        self.check(
            growth <= self.options.growth,
            f"memory: {second / 2**20:.1f} MB in the second quarter, "
            f"{last / 2**20:.1f} MB in the last, {growth:+.2%}",
        )
        share = live.stats().versions_applied / max(1, server.steps)
        self.check(share > 0.3, f"versions applied per step of the server: {share:.2f}")
        self.check(client.stats().reports_dropped == 0, "no report was dropped")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("--minutes", type=float, default=45.0)
    add("--rate", type=float, default=50.0, help="changed events a second (50)")
    add("--every", type=float, default=10.0, help="seconds between faults (10)")
    add("--events", type=int, default=30)
    add("--seed", type=int, default=int(time.time()))
    add("--growth", type=float, default=0.02, help="of memory, at most (0.02)")
    options = parser.parse_args()
    logging.getLogger("sgostream").setLevel(logging.CRITICAL)
    print(
        f"soak: {options.minutes:g} min, {options.rate:g} updates/s, {options.events} "
        f"events, a fault every {options.every:g} s, seed {options.seed}",
        flush=True,
    )
    return Soak(options).run()


if __name__ == "__main__":
    sys.exit(main())
