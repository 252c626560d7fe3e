"""Programs, run as a user would run them, and what they print."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from rig import Rig, eventually

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"


class Program:
    """A running program and the lines that it has printed so far."""

    def __init__(self, command: list[str], env: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=env,
        )
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))

    def has_shown(self, *parts: str) -> bool:
        """Whether a line with all these parts has come."""
        return any(all(p in line for p in parts) for line in tuple(self.lines))

    def shows(self, *parts: str) -> None:
        """Wait for a line with all these parts."""

        def found() -> bool:
            if self.has_shown(*parts):
                return True
            assert self.process.poll() is None, "\n".join(self.lines)
            return False

        try:
            eventually(found, f"a line with {parts}", 30)
        except AssertionError as error:
            error.add_note("\n".join(self.lines[-20:]))
            raise

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        self._reader.join(5)
        assert self.process.stdout is not None
        self.process.stdout.close()

    def interrupt(self) -> int:
        self.process.send_signal(signal.SIGINT)
        status = self.process.wait(20)
        self._reader.join(5)
        return status


@contextmanager
def launched(environment: Mapping[str, str], command: list[str]) -> Iterator[Program]:
    """A program with these variables too; ended with the block."""
    env = {**os.environ, "PYTHONUNBUFFERED": "1", **environment}
    program = Program(command, env)
    try:
        yield program
    finally:
        program.end()


@contextmanager
def running(rig: Rig, *command: str) -> Iterator[Program]:
    """A program that reaches the rig's simulator."""
    environment = {
        "SPORTS_ODDS_API_KEY_HEADER": rig.sim.api_key,
        "SPORTS_GAME_ODDS_BASE_URL": rig.sim.https_base_url,
        "SSL_CERT_FILE": rig.sim.ca_file,
    }
    with launched(environment, list(command)) as program:
        yield program


def example(name: str, *arguments: str) -> list[str]:
    """The command of an example."""
    return [sys.executable, str(EXAMPLES / name), *arguments]
