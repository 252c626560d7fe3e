"""Check the model of the brain's rules with spin: `make model`.

The rules as they are must hold in every configuration.  Each mutant breaks
one rule, and spin must find it: a model that finds nothing proves nothing.
"""

import os
import re
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

MODEL = Path(__file__).with_name("brain.pml")
TIMEOUT_S = 120
SMALL = {"CHANGES": "2"}


class Result(NamedTuple):
    broken: str  # which promise, or ""
    states: int
    seconds: float


# What is run to its end, without an error.
HOLDS: dict[str, dict[str, str]] = {
    "one cut, a lost answer, a short list": SMALL,
    "two cuts": {**SMALL, "CUTS": "2", "LOST": "0"},
    "three changes": {"LOST": "0", "MISSES": "0"},
    "three stale reads": {
        **SMALL,
        "STALE": "3",
        "EARLY": "3",
        "CUTS": "0",
        "MISSES": "0",
    },
}

# What is wrong in each, and which promise spin must see broken.
MUTANTS: dict[str, tuple[str, str]] = {
    "NAIVE": ("the newest start wins", "P3"),
    "NO_DEMAND": ("notified in flight is forgotten", "P2"),
    "NO_RECONCILE": ("subscribed is live", "P2"),
    "OLD_WALK": ("a walk from before the subscription counts", "P2"),
    "NO_REFETCH": ("what the list lacks is not refetched", "P2"),
    "NO_FORGOTTEN": ("an old list brings back what was forgotten", "P3"),
    "OLD_STATUS": ("an old answer takes membership away", "P2"),
    "NO_EXPIRY": ("what has ended stays", "P1"),
    "OTHER_STATUS": ("an answer not applied takes membership away", "P2"),
}


def broken_promise(output: str) -> str:
    """Name the promise whose assertion pan reports, "" for none."""
    found = re.search(r"^pan:\d+: (.*?) \(at depth", output, re.M)
    if found is None:
        return ""
    what = found[1]
    if "held>=seen" in what:
        return "P3"
    if what == "assertion violated 0":
        return "P2"
    return "P1" if "assertion violated" in what else what


def check(defines: dict[str, str], cycles: bool = False) -> Result:
    """Run spin; cycles: look for runs that never come to rest."""
    began = time.monotonic()
    options = [f"-D{name}={value}" for name, value in defines.items()]
    with tempfile.TemporaryDirectory(prefix="sgostream-model-") as folder:

        def run(*command: str) -> str:
            return subprocess.run(
                command,
                cwd=folder,
                check=True,
                text=True,
                timeout=TIMEOUT_S,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
            ).stdout

        run("spin", *options, "-a", str(MODEL))
        kind = ["-DNP"] if cycles else ["-DSAFETY"]
        run("gcc", "-O1", "-w", "-DNOFAIR", *kind, "-o", "pan", "pan.c")
        output = run("./pan", "-m1000000", *(["-l"] if cycles else []))
    states = re.search(r"(\d+) states, stored", output)
    if states is None or "max search depth too small" in output:
        raise RuntimeError(output)
    broken = broken_promise(output)
    if not broken and "errors: 0" not in output:
        raise RuntimeError(output)
    return Result(broken, int(states[1]), time.monotonic() - began)


class Case(NamedTuple):
    name: str
    expected: str
    defines: dict[str, str]
    cycles: bool = False


def cases() -> list[Case]:
    found = [Case(name, "", defines) for name, defines in HOLDS.items()]
    found.append(Case("every run comes to rest", "", {**SMALL, "MISSES": "0"}, True))
    for word, (what, promise) in MUTANTS.items():
        found.append(Case(f"{word}: {what}", promise, {**SMALL, word: "1"}))
    return found


def main() -> int:
    began = time.monotonic()
    failures = 0
    todo = cases()
    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        results = pool.map(lambda case: check(case.defines, case.cycles), todo)
        for case, result in zip(todo, results, strict=True):
            as_expected = result.broken == case.expected
            failures += not as_expected
            print(
                f"  {'ok  ' if as_expected else 'FAIL'} {case.name:<60} "
                f"{result.broken or 'holds':<6} {result.states:>8} states "
                f"{result.seconds:5.1f} s",
                flush=True,
            )
    print(f"model: {failures} failed, {time.monotonic() - began:.0f} s")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
