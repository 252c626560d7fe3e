"""A simulator in a process of its own, which never outlives who started it."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from .stopping import Stopping

_STOP_TIMEOUT_S = 10.0


class SimulatorProcess(Stopping):
    """``python -m sgostream.sim``, started when this is made.

    It ends with `stop`, at the end of a ``with``, and with the process that
    started it, also when that is killed: its input ends then.  Ctrl-C does not
    reach it.

    Parameters
    ----------
    *arguments : str
        Those of the command line, as ``"--events", "12"``.

    Raises
    ------
    ChildProcessError
        It ended at once; what was wrong stands on stderr.
    """

    def __init__(self, *arguments: str) -> None:
        command = [sys.executable, "-m", "sgostream.sim", "--json", "--until-eof"]
        self._process = subprocess.Popen(
            [*command, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        try:
            info = self._read_info()
        except BaseException:
            self.stop()
            raise
        self.base_url: str = info["base_url"]
        self.https_base_url: str = info["https_base_url"]
        self.ca_file: str = info["ca_file"]
        self.api_key: str = info["api_key"]

    def _read_info(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise ChildProcessError(
                f"the simulator ended at once with status {self._process.wait()}"
            )
        info: dict[str, Any] = json.loads(line)
        return info

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether it has not ended yet."""
        return self._process.poll() is None

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end; the exit status."""
        return self._process.wait(timeout)

    def stop(self) -> None:
        """End it, unless it has ended."""
        process = self._process
        process.terminate()
        try:
            process.wait(_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()
