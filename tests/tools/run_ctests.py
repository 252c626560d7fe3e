"""Run every C test program of a build, several at a time, each with a limit.

A program's last line is ``N passed, N failed``; exit code 77 means skipped
(it has said why).  In CI a skip is a failure: see ``.ci/allowed-skips``.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

TIMEOUT_S = {"asan": 240.0, "tsan": 240.0, "valgrind": 600.0}
DEFAULT_TIMEOUT_S = 120.0
# Random tests go round so many per cent of their numbers (check_rounds); the
# whole is for `make full`.
ROUNDS_PERCENT = {"asan": 10, "tsan": 5, "valgrind": 1}
DEFAULT_ROUNDS_PERCENT = 25
SKIPPED = 77
ROOT = Path(__file__).resolve().parents[2]
VALGRIND = [
    "valgrind",
    "--quiet",
    "--error-exitcode=99",
    "--leak-check=full",
    "--errors-for-leak-kinds=definite,indirect",
    "--num-callers=30",
]
CLOSING = re.compile(r"^(\d+) passed, (\d+) failed", re.MULTILINE)


@dataclass
class Result:
    """How one program ended."""

    name: str
    code: int | None  # None: it had to be killed
    output: str
    seconds: float

    @property
    def passed(self) -> int:
        found = CLOSING.findall(self.output)
        return int(found[-1][0]) if found else 0

    @property
    def failed(self) -> int:
        found = CLOSING.findall(self.output)
        told = int(found[-1][1]) if found else 0
        return max(told, 1) if self.trouble else told

    @property
    def skipped(self) -> bool:
        return self.code == SKIPPED

    @property
    def trouble(self) -> str:
        """Say what is wrong with this result; empty when nothing is."""
        if self.code is None:
            return "timed out"
        if self.skipped:
            return ""
        if self.code < 0:
            return f"killed by {signal.Signals(-self.code).name}"
        if self.code > 0:
            return f"exit code {self.code}"
        if not CLOSING.search(self.output):
            return "no closing line"
        return "" if self.passed else "ran no test"


def run_one(program: Path, prefix: list[str], timeout_s: float, percent: int) -> Result:
    """Run one program in a process group of its own."""
    began = time.monotonic()
    process = subprocess.Popen(
        [*prefix, str(program)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=ROOT,
        env={**os.environ, "SGO_TEST_PERCENT": str(percent)},
        text=True,
        errors="replace",
        start_new_session=True,
    )
    try:
        output, _ = process.communicate(timeout=timeout_s)
        code: int | None = process.returncode
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        output, _ = process.communicate()
        code = None
    return Result(program.name, code, output, time.monotonic() - began)


def is_allowed_skip(name: str) -> bool:
    """Tell whether the committed list names this program."""
    listed = (ROOT / ".ci" / "allowed-skips").read_text(encoding="utf-8")
    return any(
        line.split(":", 1)[0].strip() == f"tests/c/{name}.c"
        for line in listed.splitlines()
        if not line.startswith("#")
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("directory", type=Path, help="where the programs are")
    parser.add_argument("names", nargs="*", help="only test_NAME; default: all")
    parser.add_argument("--variant", default="debug")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--timeout", type=float, help="seconds per program")
    parser.add_argument("--percent", type=int, help="of the rounds of random tests")
    parser.add_argument("--valgrind", action="store_true")
    args = parser.parse_args()

    # The sources say what exists: a build may hold programs of deleted tests.
    known = sorted(p.stem for p in (ROOT / "tests" / "c").glob("test_*.c"))
    wanted = [n if n.startswith("test_") else f"test_{n}" for n in args.names]
    unknown = sorted(set(wanted) - set(known))
    if unknown:
        print(f"no such C test: {', '.join(unknown)}", file=sys.stderr)
        return 2
    variant = "valgrind" if args.valgrind else args.variant
    timeout_s = args.timeout or TIMEOUT_S.get(variant, DEFAULT_TIMEOUT_S)
    percent = args.percent or ROUNDS_PERCENT.get(variant, DEFAULT_ROUNDS_PERCENT)
    prefix: list[str] = []
    if args.valgrind:
        supp = ROOT / "tests" / "c" / "valgrind.supp"
        prefix = [*VALGRIND, *([f"--suppressions={supp}"] if supp.exists() else [])]

    with ThreadPoolExecutor(max(1, args.jobs)) as pool:
        results = pool.map(
            lambda name: run_one(args.directory / name, prefix, timeout_s, percent),
            wanted or known,
        )
        passed = failed = skipped = 0
        strict = os.environ.get("CI") == "true"
        for result in results:
            trouble = result.trouble
            if result.skipped:
                skipped += 1
                if strict and not is_allowed_skip(result.name):
                    trouble = "skipped, and .ci/allowed-skips does not name it"
            passed += result.passed
            failed += max(result.failed, 1) if trouble else result.failed
            word = trouble or ("skipped" if result.skipped else "ok")
            print(f"  {result.name:<32} {result.seconds:6.2f} s  {word}")
            if trouble or result.skipped:
                print(result.output.rstrip())
            sys.stdout.flush()
    print(
        f"C tests ({variant}): {passed} passed, {failed} failed"
        + (f", {skipped} programs skipped" if skipped else "")
    )
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
