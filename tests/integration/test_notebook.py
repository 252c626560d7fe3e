"""The same lines in a notebook's kernel: run, interrupt, run again, restart."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from kernel import Kernel
from rig import Rig, eventually

pytestmark = pytest.mark.filterwarnings("ignore:::jupyter_client", "ignore:::zmq")


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
