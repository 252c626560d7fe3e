"""Count the instructions of hot paths and hold them to their budgets.

``count_json`` has callgrind count case by case.  What our own code takes of a
case (not libc's share, which differs from one machine to the next) must not
exceed ``budgets.json`` by more than 3 %.  The counts are the same in every run
of the same binary.  Another compiler makes other binaries: then the budgets
only bind loosely.

``--write`` makes what was counted the new budgets: do that when a path became
cheaper, or dearer for a reason that the commit tells.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

BUDGETS = Path(__file__).parent / "budgets.json"
MARGIN = 0.03
MARGIN_OF_OTHER_COMPILERS = 0.30
TIMEOUT_S = 300


def compiler() -> str:
    """Name the compiler that make uses: its first line of --version."""
    done = subprocess.run(
        [os.environ.get("CC", "cc"), "--version"],
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()[0]


def run_callgrind(program: Path, folder: Path) -> list[Path]:
    """Run the program; return callgrind's dumps, one for each case."""
    command = [
        "valgrind",
        "--quiet",
        "--tool=callgrind",
        "--collect-atstart=no",
        "--compress-strings=no",
        "--compress-pos=no",
        f"--callgrind-out-file={folder}/out",
        str(program),
    ]
    # Without an environment the stack begins at the same address everywhere.
    subprocess.run(
        command, env={"PATH": os.environ["PATH"]}, check=True, timeout=TIMEOUT_S
    )
    return [p for p in folder.iterdir() if p.name.startswith("out.")]


def read_dump(dump: Path, program: Path) -> tuple[str, dict[str, int]]:
    """Return a dump's case and the instructions of each of our functions."""
    case = ""
    costs: dict[str, int] = {}
    ours = False
    function = ""
    of_call = False
    for line in dump.read_text().splitlines():
        if found := re.match(r"desc: Trigger: Client Request: (.+)", line):
            case = found[1]
        elif line.startswith("ob="):
            ours = line[3:] == str(program)
        elif line.startswith("fn="):
            function = line[3:]
        elif line.startswith("calls="):
            of_call = True  # the next line is what the callee took
        elif re.match(r"\d+ \d+$", line):
            if ours and not of_call:
                costs[function] = costs.get(function, 0) + int(line.split()[1])
            of_call = False
    return case, costs


def count(program: Path) -> dict[str, dict[str, int]]:
    """Return instructions by case and function."""
    with tempfile.TemporaryDirectory() as folder:
        dumps = run_callgrind(program, Path(folder))
        counted = dict(read_dump(dump, program) for dump in dumps)
    counted.pop("", None)
    return counted


def write(counted: dict[str, dict[str, int]]) -> None:
    """Make the counts the budgets."""
    known = json.loads(BUDGETS.read_text()) if BUDGETS.exists() else {}
    instructions = known.get("instructions", {})
    instructions.update({case: sum(of.values()) for case, of in counted.items()})
    text = {"compiler": compiler(), "instructions": dict(sorted(instructions.items()))}
    BUDGETS.write_text(json.dumps(text, indent=2) + "\n")


def compare(counted: dict[str, dict[str, int]]) -> bool:
    """Print a table; whether every case is within its budget."""
    known = json.loads(BUDGETS.read_text())
    margin = MARGIN
    if known["compiler"] != compiler():
        margin = MARGIN_OF_OTHER_COMPILERS
        print(f"the budgets are of {known['compiler']}, this is {compiler()}:")
        print(f"up to {margin:.0%} more are allowed")
    good = True
    for case, budget in known["instructions"].items():
        if case not in counted:
            print(f"  {case:<24} not run: this processor has no AVX2")
            continue
        total = sum(counted[case].values())
        growth = total / budget - 1
        over = growth > margin
        good = good and not over
        note = "over" if over else "under: --write" if growth < -MARGIN else ""
        print(f"  {case:<24} {total:>12,} {growth:>+8.2%}  {note}")
        if over:
            for name, cost in sorted(counted[case].items(), key=lambda x: -x[1])[:8]:
                print(f"      {cost:>12,}  {name}")
    for case in counted.keys() - known["instructions"].keys():
        print(f"  {case:<24} has no budget: --write")
        good = False
    return good


def main() -> int:
    """Count, then write or compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("program", type=Path)
    args = parser.parse_args()
    counted = count(args.program.resolve())
    if args.write:
        write(counted)
    if compare(counted):
        return 0
    print("over budget: make it cheaper, or say why in the commit that writes it")
    return 1


if __name__ == "__main__":
    sys.exit(main())
