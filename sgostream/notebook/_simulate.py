"""The simulator as a notebook's child: it ends when its input ends."""

from __future__ import annotations

import os
import signal
import sys
import threading


def run() -> int:
    """Run the simulator; the exit status."""
    from ..sim.__main__ import main

    threading.Thread(target=_end_with_input, daemon=True).start()
    return main()


def _end_with_input() -> None:
    while os.read(0, 4096):  # no buffer, whose lock would outlive its thread
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(run())
