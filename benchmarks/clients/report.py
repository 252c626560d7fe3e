"""What every Python client does: obey the driver and tell what it saw.

Lines on standard input: ``start`` begins a window, ``stop`` ends it and prints
what happened in it as one line of JSON, ``end`` ends the process.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import resource
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

BASE_URL = os.environ.get("BENCH_BASE_URL", "")
CA_FILE = os.environ.get("BENCH_CA_FILE", "")
API_KEY = os.environ.get("BENCH_API_KEY", "")
#: Read ten quotes of an update, and time what holds the GIL.
GIL_MODE = os.environ.get("BENCH_GIL") == "1"
TOUCHED = 10
#: Say at a window's end which versions are held.
DIGESTS = os.environ.get("BENCH_DIGESTS") == "1"


def resident() -> int:
    """Bytes of this process that are in memory, after freeing what can be."""
    gc.collect()
    try:
        ctypes.CDLL(None).malloc_trim(0)
    except AttributeError:
        pass
    with open("/proc/self/statm", encoding="ascii") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGESIZE")


def cpu_s() -> float:
    """CPU of this process so far, all threads."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


class Report:
    """Counts what user code sees."""

    def __init__(self) -> None:
        self.resident_before = resident()
        self.began = time.perf_counter()
        self.first_s = 0.0
        #: More that is said when a window begins, and when it ends.
        self.mark: Callable[[], dict[str, Any]] = dict
        self.more: Callable[[], dict[str, Any]] = dict
        self._start()

    def _start(self) -> None:
        self.delivered: list[tuple[int, str, str]] = []
        self.fetched_to_user_ns: list[int] = []
        self.held_ns: list[int] = []
        self.quotes = 0
        self.total = 0
        self._cpu = cpu_s()
        self._wall = time.monotonic()

    def first(self) -> None:
        """The first event of the snapshot is with user code."""
        self.first_s = time.perf_counter() - self.began

    def ready(self, events: int, **more: Any) -> None:
        """Everything is there and updates are awaited; obey from now on."""
        self._say(
            {
                "events": events,
                "first_s": self.first_s,
                "all_s": time.perf_counter() - self.began,
                "resident_before": self.resident_before,
                "resident": resident(),
                **more,
            }
        )
        threading.Thread(target=self._obey, daemon=True).start()

    def price(
        self, event_id: str, odd_id: str, bookmaker_id: str, old: object, new: object
    ) -> None:
        """The user's code: a price was this and is that."""
        self.quotes += 1
        self.total += len(odd_id) + len(bookmaker_id) + (old != new)

    def update(self, event_id: str, version: str, received_ns: int = 0) -> None:
        """All prices of a new version were handed over."""
        now = time.time_ns()
        self.delivered.append((now, event_id, version))
        if received_ns:
            self.fetched_to_user_ns.append(now - received_ns)

    def _obey(self) -> None:
        for line in sys.stdin:
            word = line.strip()
            if word == "start":
                self._start()
                self._say({"started": True, "counts": self.mark()})
            elif word == "stop":
                self._say(
                    {
                        "cpu_s": cpu_s() - self._cpu,
                        "wall_s": time.monotonic() - self._wall,
                        "delivered": self.delivered,
                        "quotes": self.quotes,
                        "fetched_to_user_ns": self.fetched_to_user_ns,
                        "held_ns": self.held_ns,
                        "resident": resident(),
                        **self.more(),
                    }
                )
            else:
                break
        os._exit(0)

    def _say(self, what: dict[str, Any]) -> None:
        print(json.dumps(what), flush=True)
