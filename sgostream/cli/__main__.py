"""Entry point of ``python -m sgostream.cli``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; the exit status.

    0: done, or ended by Ctrl-C; 1: the stream failed; 2: wrong usage.
    """
    parser = argparse.ArgumentParser(
        prog="python -m sgostream.cli",
        description="Real-time sports odds in the terminal.",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    demo = commands.add_parser(
        "demo", help="live odds from the built-in simulator: no key, no network"
    )
    demo.add_argument("--events", type=int, default=12, help="games on the slate (12)")
    demo.add_argument(
        "--rate", type=float, default=8.0, help="changed events per second (8)"
    )
    demo.add_argument("--size", type=int, help="bytes of an event (0.9 MB)")
    demo.add_argument("--seed", type=int, default=7, help="same seed, same slate (7)")
    demo.add_argument(
        "--seconds", type=float, help="stop after so many (default: Ctrl-C)"
    )
    demo.add_argument(
        "--updates", type=int, help="stop after so many (default: Ctrl-C)"
    )
    demo.add_argument(
        "--plain", action="store_true", help="one line per update, as when piped"
    )
    options = parser.parse_args(arguments)

    from .demo import run

    return run(options)


if __name__ == "__main__":
    sys.exit(main())
