"""Runs the simulator alone: ``python -m sgostream.sim``."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Sequence
from types import FrameType

from .maker import REAL_SIZE
from .simulator import Simulator


def _parser(prog: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=prog,
        description="A local copy of the SportsGameOdds API, for demos, "
        "tests and load.",
    )
    add = parser.add_argument
    add("--events", type=int, default=20, help="games on the slate (20)")
    add(
        "--size",
        type=int,
        default=REAL_SIZE,
        help=f"bytes of an event, roughly ({REAL_SIZE})",
    )
    add("--leagues", default="", help="comma list, as NFL,NBA; all if empty")
    add("--live", type=float, default=0.5, help="share of live games (0.5)")
    add("--seed", type=int, default=0, help="same seed, same slate (0)")
    add(
        "--speed",
        type=float,
        default=1.0,
        help="seconds of the games per second (1)",
    )
    add(
        "--rate",
        type=float,
        default=5.0,
        help="changed events per second; 0: nothing moves (5)",
    )
    add("--batch", type=int, default=1, help="events per notification (1)")
    add(
        "--recorded",
        type=int,
        default=0,
        metavar="STEPS",
        help="record so many steps and show them round and round",
    )
    add(
        "--start",
        choices=("now", "fixed"),
        default="now",
        help="clock of the slate: now, or the same moment always (now)",
    )
    add("--host", default="127.0.0.1", help="address to listen on")
    add("--port", type=int, default=0, help="plain port; 0: any free one")
    add("--tls-port", type=int, default=0, help="TLS port; 0: any free one")
    add("--no-tls", action="store_true", help="plain only")
    add("--key", default=None, help="API key to accept; one is made if absent")
    add(
        "--files",
        nargs="*",
        default=[],
        help="payload files or folders to serve as well",
    )
    add("--json", action="store_true", help="print one line of JSON")
    add(
        "--until-eof",
        action="store_true",
        help="end when the input does, as with the process that started this",
    )
    return parser


def main(
    arguments: Sequence[str] | None = None, *, prog: str = "python -m sgostream.sim"
) -> int:
    """Run until interrupted; the exit status."""
    options = _parser(prog).parse_args(arguments)
    done = threading.Event()

    def end(number: int, frame: FrameType | None) -> None:
        del number, frame
        done.set()

    signal.signal(signal.SIGINT, end)
    signal.signal(signal.SIGTERM, end)
    if options.until_eof:
        threading.Thread(target=_set_at_eof, args=(done,), daemon=True).start()
    simulator = Simulator(
        host=options.host,
        port=options.port,
        tls_port=options.tls_port,
        https=not options.no_tls,
        api_key=options.key,
        seed=options.seed,
    )
    if options.files:
        simulator.add_files(*options.files)
    if options.events:
        simulator.add_slate(
            options.events,
            size=options.size,
            leagues=[name for name in options.leagues.split(",") if name],
            live=options.live,
            start=time.time() if options.start == "now" else None,
        )
        if options.recorded:
            simulator.record(options.recorded)
    with simulator:
        _say(simulator, as_json=options.json)
        if options.events and options.rate > 0:
            if options.recorded:
                simulator.replay(rate=options.rate)
            else:
                simulator.play(
                    rate=options.rate,
                    speed=options.speed,
                    batch=options.batch,
                )
        done.wait()
    return 0


def _set_at_eof(done: threading.Event) -> None:
    while os.read(0, 4096):  # no buffer, whose lock would outlive this thread
        pass
    done.set()


def _say(simulator: Simulator, *, as_json: bool) -> None:
    info = simulator.info()
    if as_json:
        print(json.dumps(info), flush=True)
        return
    print(f"events    {info['events']}")
    print(f"base URL  {info['base_url']}")
    if info["https_base_url"]:
        print(f"  or      {info['https_base_url']}")
        print(f"CA file   {info['ca_file']}")
    print(f"API key   {info['api_key']}")
    print("Ctrl-C ends it.", flush=True)


if __name__ == "__main__":
    sys.exit(main())
