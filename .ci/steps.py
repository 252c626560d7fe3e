"""Run make targets one after the other; print each one's seconds.

The second column is the processors' time: on a machine that others use too,
it tells more than the first.
Stops at the first that fails.  The last lines repeat the closing lines of the
C tests and of pytest, so that a run's result can be read at its end.
"""

import os
import re
import resource
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
STEP_TIMEOUT_S = 30 * 60
C_CLOSING = re.compile(r"^C tests \(\w+\): \d+ passed, \d+ failed")
PYTEST_CLOSING = re.compile(r"^=+ .*\b(passed|failed|errors?|no tests ran)\b.* in ")


def cpu_seconds() -> float:
    """Processor time of all children that have ended so far."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def run_step(name: str) -> tuple[int, float, list[str]]:
    """Run one target, show its output, keep the closing lines of its tests."""
    began = time.monotonic()
    process = subprocess.Popen(
        ["make", "--no-print-directory", name],
        cwd=ROOT,
        env={**os.environ, "CI": "true"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    timer = threading.Timer(STEP_TIMEOUT_S, os.killpg, (process.pid, signal.SIGKILL))
    timer.start()
    closing = []
    assert process.stdout
    for line in process.stdout:
        print(line, end="", flush=True)
        if C_CLOSING.match(line) or PYTEST_CLOSING.match(line):
            closing.append(line.rstrip())
    code = process.wait()
    timer.cancel()
    return code, time.monotonic() - began, closing


def main() -> int:
    steps = sys.argv[1:]
    table, failed = [], ""
    closing: dict[str, list[str]] = {}
    for name in steps:
        print(f"--- make {name}", flush=True)
        before = cpu_seconds()
        code, seconds, closing[name] = run_step(name)
        word = "ok" if code == 0 else f"FAILED ({code})"
        table.append((name, seconds, cpu_seconds() - before, word))
        print(f"--- make {name}: {seconds:.0f} s, {word}\n", flush=True)
        if code != 0:
            failed = name
            break
    for name, seconds, cpu, word in table:
        print(f"  {name:<14} {seconds:7.1f} s {cpu:7.1f} cpu  {word}")
    total, cpu = (sum(row[i] for row in table) for i in (1, 2))
    left = len(steps) - len(table)
    word = f"  {left} not run" if left else ""
    print(f"  {'total':<14} {total:7.1f} s {cpu:7.1f} cpu{word}")
    # `test` last: its line speaks for the run, unless another step failed.
    order = sorted(closing, key=lambda name: (name == failed, name == "test"))
    for name in order:
        for line in closing[name]:
            print(line)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
