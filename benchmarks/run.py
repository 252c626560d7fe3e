"""The benchmark: sgostream and three peers on one recorded slate, side by side.

    make bench                    the whole of it, about 20 minutes
    make bench ARGS=--quick       one round of short windows, about 3 minutes

Writes one table in Markdown and one file of JSON to benchmarks/results/, the
whole run gil.json too, and puts the table into docs/benchmarks.md, which says
what is measured and how the peers are set up.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Self

from publish import RESULTS, publish

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
CLIENTS = HERE / "clients"

#: name -> command
COMMANDS = {
    "sgostream": [sys.executable, str(CLIENTS / "ours.py")],
    "peer 1": [sys.executable, str(CLIENTS / "vendor_example.py")],
    "peer 2": [sys.executable, str(CLIENTS / "best_python.py")],
    "peer 3": ["node", "--expose-gc", str(CLIENTS / "node" / "client.js")],
}
OURS = "sgostream"
FIRST_EVENTS = 150
PEAK_RATE = 400.0


class Child:
    """A process that is told lines and answers with lines of JSON."""

    def __init__(self, command: Sequence[str], **env: str) -> None:
        self.process = subprocess.Popen(
            list(command),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={
                **os.environ,
                "PYTHONPATH": str(ROOT),
                "NODE_NO_WARNINGS": "1",
                **env,
            },
        )
        self.hello = self.read()

    def read(self) -> dict[str, Any]:
        """The next line it says."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.process.args!r} ended: {self.process.wait()}")
        found: dict[str, Any] = json.loads(line)
        return found

    def say(self, line: str) -> None:
        """Tell it something."""
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def ask(self, line: str) -> dict[str, Any]:
        """Tell it something and read the answer."""
        self.say(line)
        return self.read()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()


class Server(Child):
    """The simulator with a recorded slate."""

    def __init__(self, events: int, versions: int) -> None:
        super().__init__(
            [
                *(sys.executable, str(HERE / "server.py")),
                *("--events", str(events), "--versions", str(versions)),
            ]
        )
        self.env = {
            "BENCH_BASE_URL": self.hello["https_base_url"],
            "BENCH_CA_FILE": self.hello["ca_file"],
            "BENCH_API_KEY": self.hello["api_key"],
            "NODE_EXTRA_CA_CERTS": self.hello["ca_file"],
        }
        self.event_bytes = statistics.mean(self.hello["bytes"])

    def client(self, name: str, **env: str) -> Child:
        """Start a client, at the beginning of the slate; it is ready."""
        self.ask('{"rewind": true}')
        return Child(COMMANDS[name], **self.env, **env)


def delays_ms(
    sent: Iterable[tuple[int, str, int]],
    delivered: Iterable[tuple[int, str, str]],
    ended_ns: int,
) -> tuple[list[float], int]:
    """Delay of each notification, and how many were not answered.

    A notification is answered by the first delivery of that version or a later
    one of its event.  What was never answered counts with the time it waited.
    """
    seen: dict[str, list[tuple[int, int]]] = {}
    for at, event_id, version in delivered:
        seen.setdefault(event_id, []).append((int(version), at))
    out, missed = [], 0
    for at, event_id, version in sent:
        times = [t for v, t in seen.get(event_id, ()) if v >= version]
        missed += not times
        out.append((min(times, default=ended_ns) - at) / 1e6)
    return out, missed


def quantile(values: Sequence[float], q: float) -> float:
    """The nearest-rank quantile."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, math.ceil(q * len(ordered)) - 1)]


def window(
    server: Server, name: str, rate: float, seconds: float, **env: str
) -> dict[str, Any]:
    """One client, one rate."""
    with server.client(name, **env) as client:
        client.ask("start")
        count = max(5, round(rate * seconds))
        shown = server.ask(json.dumps({"rate": rate, "count": count}))
        # the peak is what is done while more comes; elsewhere all may drain
        time.sleep(0.0 if rate == PEAK_RATE else 1.5)
        told = client.ask("stop")
        ended_ns = time.time_ns()
    delays, missed = delays_ms(shown["sent"], told["delivered"], ended_ns)
    done = len(told["delivered"])
    if done == 0:
        raise RuntimeError(f"{name} delivered nothing at {rate}/s")
    row = {
        "sent": len(shown["sent"]),
        "delivered": done,
        "unanswered": missed,
        "cpu_ms": told["cpu_s"] * 1000 / done,
        "cpu_share": told["cpu_s"] / told["wall_s"],
        "delay_p50_ms": quantile(delays, 0.5),
        "delay_p99_ms": quantile(delays, 0.99),
        "updates_per_s": done / shown["wall_s"],
        "quotes": told["quotes"],
        "resident": told["resident"],
        "simulator_share": shown["cpu_s"] / shown["wall_s"],
    }
    if told["held_ns"]:
        row["held_us"] = statistics.median(told["held_ns"]) / 1000
        row["held_p90_us"] = quantile(told["held_ns"], 0.9) / 1000
    if told["fetched_to_user_ns"]:
        row["fetched_p50_ms"] = quantile(told["fetched_to_user_ns"], 0.5) / 1e6
        row["fetched_p99_ms"] = quantile(told["fetched_to_user_ns"], 0.99) / 1e6
    return row


def rotated(names: list[str], turn: int) -> list[str]:
    """The names, another one first in each round."""
    turn %= len(names)
    return names[turn:] + names[:turn]


Rows = dict[str, list[dict[str, Any]]]


def run_rates(
    quick: bool, rounds: int
) -> tuple[dict[str, Rows], dict[str, str], float]:
    """Windows at each rate: rows by what and client; the clients' versions."""
    seconds = (
        {"1": 6, "20": 4, "80": 4, "peak": 2}
        if quick
        else {"1": 20, "20": 10, "80": 10, "peak": 4}
    )
    names = list(COMMANDS)
    found: dict[str, Rows] = {}
    versions: dict[str, str] = {}
    most = max(round(PEAK_RATE * seconds["peak"]), 80 * seconds["80"])
    with Server(30, most) as server:
        for name in names:  # nothing is compiled or compressed for the first time
            with server.client(name) as client:
                versions[name] = client.hello["version"]
        for turn in range(rounds):
            for what, length in seconds.items():
                rate = PEAK_RATE if what == "peak" else float(what)
                for name in rotated(names, turn):
                    row = window(server, name, rate, length)
                    found.setdefault(what, {}).setdefault(name, []).append(row)
                    say(what, name, row)
            for name in rotated(names[:3], turn):  # Node has no GIL
                row = window(server, name, 20.0, seconds["20"], BENCH_GIL="1")
                found.setdefault("gil", {}).setdefault(name, []).append(row)
                say("gil", name, row)
        return found, versions, server.event_bytes


def run_snapshots(
    events: int, rounds: int, names: list[str]
) -> dict[str, list[dict[str, Any]]]:
    """Start with a snapshot of many events: how soon, how much memory."""
    found: Rows = {}
    with Server(events, 0) as server:
        with server.client(names[0]):
            pass  # compressed from now on
        for turn in range(rounds):
            for name in rotated(names, turn):
                with server.client(name) as client:
                    told = client.hello
                if told["events"] != events:
                    raise RuntimeError(f"{name} has {told['events']} of {events}")
                row = {
                    "first_s": told["first_s"],
                    "all_s": told["all_s"],
                    "resident": told["resident"],
                    "bytes_per_event": (told["resident"] - told["resident_before"])
                    / events,
                    "json_bytes": server.event_bytes,
                }
                found.setdefault(name, []).append(row)
                say(f"{events} events", name, row)
    return found


def run_frame(rounds: int) -> dict[str, Any]:
    """Quotes to a data frame, in a process of its own."""
    done = subprocess.run(
        [sys.executable, str(HERE / "frame.py"), "--rounds", str(rounds)],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    found: dict[str, Any] = json.loads(done.stdout)
    say("frame", "", found)
    return found


def run_gil() -> None:
    """GIL held by size of the event; a limit that is missed ends nothing."""
    subprocess.run(
        [sys.executable, str(HERE / "gil.py"), "--json", str(RESULTS / "gil.json")],
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


def say(what: str, name: str, row: dict[str, Any]) -> None:
    """One line of progress, with the simulator's share where it has one."""
    shown = " ".join(
        f"{key}={value:.4g}" if isinstance(value, float) else f"{key}={value}"
        for key, value in row.items()
    )
    print(f"{what:>10} {name:10} {shown}", flush=True)


# -- the table ---------------------------------------------------------------


def middle(rows: list[dict[str, Any]], key: str) -> float | None:
    """Median over the rounds; None where it was not measured."""
    values = [row[key] for row in rows if key in row]
    return statistics.median(values) if values else None


def cell(rows: list[dict[str, Any]], key: str, digits: int, scale: float = 1) -> str:
    """A median with its spread."""
    values = sorted(row[key] * scale for row in rows if key in row)
    if not values:
        return "-"
    text = f"{statistics.median(values):,.{digits}f}"
    if len(values) > 1:
        text += f" ({values[0]:,.{digits}f}-{values[-1]:,.{digits}f})"
    return text


def table(result: dict[str, Any]) -> str:
    """Markdown: one row a measure, one column a client."""
    names = list(COMMANDS)
    rates: dict[str, Rows] = result["rates"]
    lines = [
        f"| median (least-most) of {result['rounds']} rounds | "
        + " | ".join(names)
        + " |",
        "|---|" + "---|" * len(names),
    ]

    def add(title: str, rows: Rows, key: str, digits: int, scale: float = 1) -> None:
        cells = [cell(rows.get(name, []), key, digits, scale) for name in names]
        lines.append(f"| {title} | " + " | ".join(cells) + " |")

    for rate in ("1", "20", "80"):
        add(f"CPU per update at {rate}/s, ms", rates[rate], "cpu_ms", 2)
    add("share of a core at 80/s, %", rates["80"], "cpu_share", 1, 100)
    add("GIL held per update, ten quotes read, us", rates["gil"], "held_us", 0)
    for rate in ("1", "20", "80"):
        add(f"delay at {rate}/s, p50, ms", rates[rate], "delay_p50_ms", 1)
        add(f"delay at {rate}/s, p99, ms", rates[rate], "delay_p99_ms", 1)
        add(f"notifications unanswered at {rate}/s", rates[rate], "unanswered", 0)
    add("last byte to user code at 20/s, p50, ms", rates["20"], "fetched_p50_ms", 2)
    add("last byte to user code at 20/s, p99, ms", rates["20"], "fetched_p99_ms", 2)
    add("peak, updates a second", rates["peak"], "updates_per_s", 0)
    first, memory = result["first"], result["memory"]
    count = result["memory_events"]
    add(f"first of {FIRST_EVENTS} events, ms", first, "first_s", 0, 1000)
    add(f"bytes per event, {FIRST_EVENTS} held, kB", first, "bytes_per_event", 0, 1e-3)
    add(f"resident memory, {count} events, MB", memory, "resident", 0, 1e-6)
    add("simulator's share of a core at 80/s", rates["80"], "simulator_share", 2)
    frame = result["frame"]
    lines += [
        "",
        f"Quotes to a polars frame, {frame['rows']:,} rows: "
        f"{frame['arrow_ms']:.1f} ms by Arrow, {frame['dicts_ms']:.0f} ms by a list "
        f"of dicts, {frame['ratio']:.1f} times faster.",
        "",
        "| limit | at least / at most | measured | |",
        "|---|---|---|---|",
    ]
    for what, limit, value, good in limits(result):
        lines.append(f"| {what} | {limit} | {value} | {'met' if good else 'MISSED'} |")
    return "\n".join(lines) + "\n"


def limits(result: dict[str, Any]) -> list[tuple[str, str, str, bool]]:
    """What the benchmark must show, and whether it did."""
    rates: dict[str, Rows] = result["rates"]
    out: list[tuple[str, str, str, bool]] = []

    def ratio(title: str, least: float, rows: Rows, key: str, peer: str) -> None:
        ours, theirs = middle(rows[OURS], key), middle(rows[peer], key)
        assert ours is not None
        assert theirs is not None
        found = theirs / ours
        out.append((title, f">= {least:g} x", f"{found:.1f} x", found >= least))

    def most(title: str, limit: float, value: float | None, unit: str) -> None:
        assert value is not None
        out.append(
            (title, f"<= {limit:g} {unit}", f"{value:.2f} {unit}", value <= limit)
        )

    for peer, least in (("peer 1", 15), ("peer 2", 4), ("peer 3", 6)):
        ratio(
            f"CPU per update at 20/s against {peer}", least, rates["20"], "cpu_ms", peer
        )
    most("GIL held per update", 50, middle(rates["gil"][OURS], "held_us"), "us")
    most(
        "last byte to user code at 20/s, median",
        *(1, middle(rates["20"][OURS], "fetched_p50_ms"), "ms"),
    )
    most(
        "last byte to user code at 20/s, p99",
        *(5, middle(rates["20"][OURS], "fetched_p99_ms"), "ms"),
    )
    ratio(
        f"resident memory of {result['memory_events']} events against peer 1",
        *(2.5, result["memory"], "resident", "peer 1"),
    )
    share = middle(rates["80"][OURS], "cpu_share")
    assert share is not None
    most("share of one core at 80/s", 15, share * 100, "%")
    frame = result["frame"]["ratio"]
    out.append(
        ("polars frame against list of dicts", ">= 20 x", f"{frame:.1f} x", frame >= 20)
    )
    simulator = max(
        row["simulator_share"]
        for what in ("1", "20", "80")
        for rows in rates[what].values()
        for row in rows
    )
    most("simulator's share of a core, largest", 0.5, simulator, "")
    return out


def machine() -> dict[str, Any]:
    """What this ran on, and how busy it was."""
    model = platform.processor()
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as info:
            model = next(
                line.split(":")[1].strip() for line in info if "model name" in line
            )
    except (OSError, StopIteration):
        pass
    return {
        "processor": model,
        "cores": os.cpu_count(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "load": os.getloadavg(),
        "at": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
    }


def main() -> int:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="about three minutes")
    parser.add_argument("--rounds", type=int, help="instead of 3, or 1 if quick")
    parser.add_argument("--out", metavar="NAME", help="of the files in results/")
    options = parser.parse_args()
    rounds = options.rounds or (1 if options.quick else 3)
    before = machine()
    rates, versions, size = run_rates(options.quick, rounds)
    memory_events = 60 if options.quick else 300
    result = {
        "quick": options.quick,
        "rounds": rounds,
        "machine": before,
        "event_bytes": size,
        "clients": versions,
        "rates": rates,
        "first": run_snapshots(FIRST_EVENTS, rounds, list(COMMANDS)),
        "memory": run_snapshots(memory_events, 1, [OURS, "peer 1"]),
        "memory_events": memory_events,
        "frame": run_frame(5 if options.quick else 25),
        "load_after": os.getloadavg(),
    }
    text = (
        f"{before['processor']}, {before['cores']} cores, Python {before['python']}, "
        f"{before['at']}; load {before['load'][0]:.1f} before, "
        f"{result['load_after'][0]:.1f} after; events of {size / 1e6:.2f} MB.  "
        + "; ".join(f"{name}: {version}" for name, version in versions.items())
        + ".\n\n"
        + table(result)
    )
    print("\n" + text)
    name = options.out or ("quick" if options.quick else "full")
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.md").write_text(text, encoding="utf-8")
    with open(RESULTS / f"{name}.json", "w", encoding="utf-8") as file:
        json.dump(result, file, indent=1)
        file.write("\n")
    if name == "full":
        run_gil()
    if name in ("full", "quick"):
        publish()
    return 0


if __name__ == "__main__":
    sys.exit(main())
