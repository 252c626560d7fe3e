"""A simulator in a process of its own, used like one in this process."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from typing import Any, Self

from .process import SimulatorProcess
from .stopping import Stopping

_START_TIMEOUT_S = 120.0


class RemoteSimulator(Stopping):
    """Calls the control interface of a running simulator.

    Any method that `sgostream.sim.control.METHODS` names can be called with
    keyword arguments; what comes back is plain JSON.

    Parameters
    ----------
    base_url : str
        Plain base URL of the simulator, ending in ``/v2``.
    """

    def __init__(self, base_url: str) -> None:
        self._root = base_url.removesuffix("/v2")
        info = self.call("info")
        self.base_url: str = info["base_url"]
        self.https_base_url: str = info["https_base_url"]
        self.ca_file: str = info["ca_file"]
        self.api_key: str = info["api_key"]
        self._process: SimulatorProcess | None = None

    @classmethod
    def spawn(cls, *arguments: str) -> Self:
        """Start ``python -m sgostream.sim`` with arguments and use it."""
        process = SimulatorProcess(*arguments)
        try:
            found = cls(process.base_url)
        except BaseException:
            process.stop()
            raise
        found._process = process
        return found

    @property
    def pid(self) -> int:
        """Process id of a simulator that was spawned."""
        if self._process is None:
            raise RuntimeError("this simulator was not spawned here")
        return self._process.pid

    def call(self, method: str, **arguments: Any) -> Any:
        """Call a method by name."""
        request = urllib.request.Request(
            f"{self._root}/control/{method}",
            data=json.dumps(arguments).encode(),
            headers={"Content-Type": "application/json"},
        )
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=_START_TIMEOUT_S) as answer:
                return json.load(answer)["result"]
        except urllib.error.HTTPError as error:
            with error:
                text = json.loads(error.read())["error"]
            raise RuntimeError(f"{method}: {text}") from None

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith("_"):
            raise AttributeError(name)

        def call(**arguments: Any) -> Any:
            return self.call(name, **arguments)

        return call

    def wait(self, until: Callable[[], Any], timeout: float = 10.0) -> Any:
        """Wait until a condition holds, by asking again and again."""
        deadline = time.monotonic() + timeout
        while True:
            result = until()
            if result:
                return result
            if time.monotonic() > deadline:
                raise TimeoutError(f"the condition did not hold within {timeout} s")
            time.sleep(0.02)

    def stop(self) -> None:
        """End a simulator that was spawned here."""
        process, self._process = self._process, None
        if process is not None:
            process.stop()


def spawn(arguments: Sequence[str] = ()) -> RemoteSimulator:
    """Start a simulator in a process of its own."""
    return RemoteSimulator.spawn(*arguments)
