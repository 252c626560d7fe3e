"""Boards and charts in a real kernel: shown, interrupted, run again, restarted."""

from __future__ import annotations

import os
import signal
import time
from typing import Any

import pytest
from kernel import Kernel
from rig import Rig, eventually

pytestmark = pytest.mark.filterwarnings("ignore:::jupyter_client", "ignore:::zmq")

VIEW = "application/vnd.jupyter.widget-view+json"
ODD = "points-home-game-ml-home"
THREADS = (
    "import threading\n"
    "print(sum('sgostream-board' in t.name for t in threading.enumerate()))"
)


def make(rig: Rig, line: str) -> str:
    """A cell that makes a stream and shows something of it."""
    return (
        "import sgostream\n"
        f"live = sgostream.stream('events:live', **{rig.options()!r}).wait_live(30)\n"
        f"{line}\n"
    )


def is_view(message: dict[str, Any]) -> bool:
    return VIEW in message["content"].get("data", {})


def is_final(message: dict[str, Any]) -> bool:
    return message["msg_type"] == "update_display_data"


def closes(comm_id: str) -> Any:
    return lambda message: (
        message["msg_type"] == "comm_close" and message["content"]["comm_id"] == comm_id
    )


def frame(kernel: Kernel, comm_id: str, kind: str, holds: str = "") -> dict[str, Any]:
    """The next frame of a kind (or of any) to the browser that holds a text."""

    def right(message: dict[str, Any]) -> bool:
        if message["msg_type"] != "comm_msg":
            return False
        data = message["content"]["data"]
        return (
            message["content"]["comm_id"] == comm_id
            and kind in data.get("content", {}).get("t", "")
            and holds in str(data)
        )

    found: dict[str, Any] = kernel.wait_seen(right)["content"]["data"]["content"]
    return found


def shown_comm(kernel: Kernel) -> str:
    """The comm of the widget that was shown."""
    data = kernel.wait_seen(is_view)["content"]["data"]
    assert "text/html" in data
    return str(data[VIEW]["model_id"])


def test_a_board_runs_is_replaced_by_its_own_cell_and_leaves_nothing(
    rig: Rig, kernel: Kernel
) -> None:
    event_id = rig.sim.add_event(league="NFL", live=True)
    cell = make(rig, "live.board()")
    assert kernel.run(cell, "cell-1")[1] == ""
    comm = shown_comm(kernel)
    # As a browser does: ask for the whole, acknowledge, get what changed.
    kernel.say(comm, {"t": "hello"})
    whole = frame(kernel, comm, "full")
    assert [row[2] for row in whole["rows"]].count(ODD) == 1
    assert rig.sim.api_key not in str(whole)
    for price in range(4321, 4330):  # the answer to `hello` may come between
        kernel.say(comm, {"t": "ack", "n": whole["n"]})
        rig.sim.set_quote(event_id, ODD, "fanduel", odds=f"+{price}")
        whole = patch = frame(kernel, comm, "", str(price))
        if patch["t"] == "patch":
            break
    assert "rows" not in patch
    assert price in patch["cells"][2]
    # The same cell again: a new stream, a new board; of the old ones nothing.
    for _ in range(2):
        assert kernel.run(cell, "cell-1")[1] == ""
        kernel.wait_seen(closes(comm))
        comm = shown_comm(kernel)
        assert kernel.read(THREADS) == "1"
        eventually(lambda: len(rig.sim.connections()) == 1, "one socket")
    # Another cell does not touch it.
    assert kernel.run("1 + 1", "cell-2")[1] == ""
    kernel.say(comm, {"t": "hello"})
    frame(kernel, comm, "full")
    # Without ids of cells it is the code that tells which cell runs.
    assert kernel.run(make(rig, "live.board() "))[1] == ""
    other = shown_comm(kernel)
    assert kernel.run(make(rig, "live.board() "))[1] == ""
    kernel.wait_seen(closes(other))
    # The stream's end is the board's: its last frame stays as plain HTML.
    assert kernel.run("live.close()")[1] == ""
    data = kernel.wait_seen(is_final)["content"]["data"]
    assert VIEW not in data
    assert "closed" in data["text/html"]
    assert f"+{price}" in data["text/html"]
    # The kernel starts anew while the first cell's board runs: no socket is left.
    assert kernel.read(THREADS) == "1"
    assert len(rig.sim.connections()) == 1
    kernel.manager.restart_kernel(now=False)
    eventually(lambda: not rig.sim.connections(), "the end of the sockets")


def test_interrupting_the_cell_ends_board_and_chart(rig: Rig, kernel: Kernel) -> None:
    event_id = rig.sim.add_event(league="NFL", live=True)
    for line in ("live.board()", f"live.chart({event_id!r}, {ODD!r})"):
        message_id = kernel.begin(make(rig, f"with live:\n    {line}.wait()"))
        comm = shown_comm(kernel)
        frame(kernel, comm, "full")
        began = time.monotonic()
        kernel.manager.interrupt_kernel()
        assert kernel.result(message_id)[1] == "KeyboardInterrupt"
        assert time.monotonic() - began < 5
        final = kernel.wait_seen(is_final)["content"]["data"]
        assert VIEW not in final
        assert "closed" in final["text/html"]
        kernel.wait_seen(closes(comm))
        assert kernel.read(THREADS) == "0"
        left = (
            "from ipywidgets.widgets.widget import _instances; print(len(_instances))"
        )
        assert kernel.read(left) == "0"
        eventually(lambda: not rig.sim.connections(), "the end of the socket")


def test_without_anywidget_a_table_is_replaced(rig: Rig, kernel: Kernel) -> None:
    event_id = rig.sim.add_event(league="NFL", live=True)
    kernel.run("import sys; sys.modules['anywidget'] = None")
    assert kernel.run(make(rig, "board = live.board()\nboard"))[1] == ""

    def is_table(message: dict[str, Any]) -> bool:
        return message["msg_type"] == "display_data"

    first = kernel.wait_seen(is_table)["content"]
    assert set(first["data"]) == {"text/plain", "text/html"}
    rig.sim.set_quote(event_id, ODD, "fanduel", odds="+4321")

    def moved(message: dict[str, Any]) -> bool:
        return is_final(message) and "+4321" in message["content"]["data"]["text/html"]

    again = kernel.wait_seen(moved)["content"]
    assert again["transient"] == first["transient"]
    assert kernel.run("board.close(); board.close()")[1] == ""
    assert kernel.read(THREADS) == "0"
    assert "anywidget" in kernel.read(
        "try:\n    live.board(widget=True)\nexcept ImportError as e:\n    print(e)"
    )
    chart = f"live.chart({event_id!r}, {ODD!r})._repr_html_()"
    assert "no price yet" in kernel.read(f"print({chart})")


def test_the_simulator_of_a_notebook_ends_with_its_kernel(kernel: Kernel) -> None:
    kernel.run("import os; os.environ.pop('SPORTS_ODDS_API_KEY_HEADER', None)")
    printed = kernel.read(
        "import sgostream\n"
        "from sgostream.notebook import client_options\n"
        "options = client_options(events=2, size=20_000)\n"
        "assert options == client_options()\n"
        "with sgostream.stream('events:live', **options) as live:\n"
        "    live.wait_live(30)\n"
        "from sgostream.notebook import _simulated\n"
        "print(os.getpid(), _simulated._simulator.pid)"
    )
    own, simulator = map(int, printed.split())
    assert kernel.read(
        "os.environ['SPORTS_ODDS_API_KEY_HEADER'] = 'k' * 32\n"
        "print(client_options())"
    ) == "{}"  # fmt: skip
    os.kill(own, signal.SIGKILL)

    def is_gone() -> bool:
        try:
            os.kill(simulator, 0)
        except ProcessLookupError:
            return True
        with open(f"/proc/{simulator}/stat") as stat:  # a zombie has ended too
            return stat.read().rpartition(")")[2].split()[0] == "Z"

    eventually(is_gone, "the simulator's end")
