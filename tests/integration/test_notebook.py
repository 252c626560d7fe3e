"""The same lines in a notebook's kernel: run, interrupt, run again, restart."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
from rig import Rig, eventually

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from jupyter_client.manager import KernelManager

pytestmark = pytest.mark.filterwarnings("ignore:::jupyter_client", "ignore:::zmq")


class Kernel:
    """A real IPython kernel, spoken to as a notebook does."""

    def __init__(self) -> None:
        self.manager = KernelManager(kernel_name="python3")
        self.manager.start_kernel()
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=60)

    def begin(self, code: str) -> str:
        """Send a cell; its message id."""
        return str(self.client.execute(code))

    def result(self, message_id: str, timeout: float = 30) -> tuple[str, str]:
        """Wait for a cell: what it printed, and the name of its error or ""."""
        printed, error = "", ""
        end = time.monotonic() + timeout
        while True:
            message: dict[str, Any] = self.client.get_iopub_msg(
                timeout=max(0.1, end - time.monotonic())
            )
            if message["parent_header"].get("msg_id") != message_id:
                continue
            content = message["content"]
            if message["msg_type"] == "stream":
                printed += content["text"]
            elif message["msg_type"] == "error":
                error = content["ename"]
            elif message["msg_type"] == "status":
                if content["execution_state"] == "idle":
                    return printed, error

    def run(self, code: str) -> tuple[str, str]:
        return self.result(self.begin(code))

    def end(self) -> None:
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)
        self.manager.cleanup_resources()


@pytest.fixture
def kernel() -> Iterator[Kernel]:
    found = Kernel()
    try:
        yield found
    finally:
        found.end()


def test_cells_stream_are_interrupted_and_run_again(rig: Rig, kernel: Kernel) -> None:
    event_id = rig.sim.add_event(live=True)
    options = rig.options()
    cell = (
        "import sgostream\n"
        f"with sgostream.stream('events:live', **{options!r}) as live:\n"
        "    for update in live:\n"
        "        print(update.kind, update.event.event_id, flush=True)\n"
    )
    for _ in range(2):  # interrupting and running the cell again leaves nothing
        message_id = kernel.begin(cell)
        rig.sim.wait_subscribed("presence-events-live")
        began = time.monotonic()
        kernel.manager.interrupt_kernel()
        printed, error = kernel.result(message_id)
        assert error == "KeyboardInterrupt"
        assert time.monotonic() - began < 5
        assert printed == f"added {event_id}\n"
        eventually(lambda: not rig.sim.connections(), "the end of the socket")
    assert kernel.run("live.phase.value")[1] == ""
    # Top-level await, on the kernel's own loop.
    printed, error = kernel.run(
        f"async with sgostream.stream('events:live', **{options!r}) as live:\n"
        "    async for update in live:\n"
        "        print(update.kind)\n"
        "        break\n"
    )
    assert (printed, error) == ("added\n", "")
    # A stream that is simply left open does not keep the kernel from ending.
    kernel.run(f"left = sgostream.stream('events:live', **{options!r}).wait_live(20)")
    began = time.monotonic()
    kernel.client.shutdown()
    eventually(lambda: not kernel.manager.is_alive(), "the kernel's end")
    assert time.monotonic() - began < 10
