"""Run the fuzz targets for some seconds each: `make fuzz SECONDS=60`.

What libFuzzer finds new is kept in the build folder and used the next time;
an input that breaks something is kept too, and the line that repeats it told.
"""

import argparse
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).parent
GRACE_S = 60


def run(program: Path, seconds: int) -> bool:
    """Fuzz with one program; whether nothing broke."""
    name = program.name.removeprefix("fuzz_")
    grown = program.parent / "corpus" / name
    broken = program.parent / "broken"
    for folder in (grown, broken):
        folder.mkdir(parents=True, exist_ok=True)
    command = [
        str(program),
        f"-max_total_time={seconds}",
        "-timeout=10",
        "-rss_limit_mb=1024",
        "-max_len=8192",
        "-print_final_stats=1",
        f"-artifact_prefix={broken}/{name}-",
        str(grown),
        str(HERE / "corpus" / name),
    ]
    done = subprocess.run(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        timeout=seconds + GRACE_S,
        check=False,
        env={**os.environ, "ASAN_OPTIONS": "detect_leaks=1"},
    )
    runs = re.search(r"number_of_executed_units: (\d+)", done.stdout)
    coverage = re.findall(r"cov: (\d+)", done.stdout)
    print(
        f"  {program.name:<14} {'ok' if done.returncode == 0 else 'BROKEN':<7}"
        f"{runs[1] if runs else '?':>9} inputs, {coverage[-1] if coverage else '?'} "
        "edges",
        flush=True,
    )
    if done.returncode != 0:
        told = [line for line in done.stdout.splitlines() if line[:1] != "#"]
        print("\n".join(told)[-8000:])
        found = re.search(r"Test unit written to (\S+)", done.stdout)
        if found:
            print(f"to repeat: {program} {found[1]}", flush=True)
    return done.returncode == 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("programs", nargs="+", type=Path)
    args = parser.parse_args()
    with ThreadPoolExecutor(args.jobs) as pool:
        fine = list(pool.map(lambda p: run(p.resolve(), args.seconds), args.programs))
    return 0 if all(fine) else 1


if __name__ == "__main__":
    sys.exit(main())
