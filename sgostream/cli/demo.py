"""``demo``: live odds from the built-in simulator, in this terminal."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from .. import Client
from .watch import WatchOptions, show

__all__ = ["DemoOptions", "run"]


@dataclasses.dataclass(frozen=True, slots=True)
class DemoOptions:
    """What the simulator plays."""

    events: int = 12
    rate: float = 8.0
    size: int | None = None
    seed: int = 7


@contextmanager
def _simulator(options: DemoOptions) -> Iterator[dict[str, str]]:
    """The simulator as a process of its own; what it says of itself."""
    command = [sys.executable, "-m", "sgostream.sim", "--json"]
    command += ["--events", str(options.events), "--rate", str(options.rate)]
    command += ["--seed", str(options.seed), "--live", "1.0"]
    if options.size:
        command += ["--size", str(options.size)]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
        start_new_session=True,  # Ctrl-C is ours; we end it
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise OSError("the simulator did not start; see its message above")
        yield json.loads(line)
    finally:
        process.terminate()
        try:
            process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()


def run(options: DemoOptions, how: WatchOptions) -> None:
    """Run the demo until q, Ctrl-C, or the time is up."""
    with (
        _simulator(options) as told,
        Client(
            api_key=told["api_key"],
            base_url=told["https_base_url"],
            ca_file=told["ca_file"],
            proxy="",
        ) as client,
    ):
        show(client, [client.live()], how)
