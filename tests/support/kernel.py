"""A real IPython kernel, spoken to as a notebook does."""

from __future__ import annotations

import time
import warnings
from typing import Any

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from jupyter_client.manager import KernelManager

_DEADLINE_S = 60.0


class Kernel:
    """One kernel; `seen` holds what it published beside text and errors."""

    def __init__(self) -> None:
        self.manager = KernelManager(kernel_name="python3")
        self.manager.start_kernel()
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=60)
        self.seen: list[dict[str, Any]] = []

    def begin(self, code: str, cell_id: str = "") -> str:
        """Send a cell; its message id."""
        if not cell_id:
            return str(self.client.execute(code))
        content = {"code": code, "silent": False, "store_history": True}
        content.update(user_expressions={}, allow_stdin=False, stop_on_error=True)
        message = self.client.session.msg(
            "execute_request", content, metadata={"cellId": cell_id}
        )
        self.client.shell_channel.send(message)
        return str(message["header"]["msg_id"])

    def _next(self, end: float) -> dict[str, Any]:
        message: dict[str, Any] = self.client.get_iopub_msg(
            timeout=max(0.1, end - time.monotonic())
        )
        if message["msg_type"] not in ("stream", "error", "status", "execute_input"):
            self.seen.append(message)
        return message

    def result(self, message_id: str, timeout: float = 30) -> tuple[str, str]:
        """Wait for a cell: what it printed, and the name of its error or ""."""
        printed, error = "", ""
        end = time.monotonic() + timeout
        while True:
            message = self._next(end)
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

    def run(self, code: str, cell_id: str = "") -> tuple[str, str]:
        return self.result(self.begin(code, cell_id))

    def read(self, code: str) -> str:
        """Run a cell that must not fail; what it printed."""
        printed, error = self.run(code)
        assert error == "", error
        return printed.strip()

    # -- as the browser's side of widgets -------------------------------------

    def wait_seen(self, what: Any, timeout: float = _DEADLINE_S) -> dict[str, Any]:
        """Wait for a published message that `what` holds for; take it out."""
        end = time.monotonic() + timeout
        while True:
            for message in self.seen:
                if what(message):
                    self.seen.remove(message)
                    return message
            self._next(end)

    def say(self, comm_id: str, content: dict[str, Any]) -> None:
        """Send a widget's custom message from the browser's side."""
        data = {"method": "custom", "content": content}
        message = self.client.session.msg(
            "comm_msg", {"comm_id": comm_id, "data": data}
        )
        self.client.shell_channel.send(message)

    def end(self) -> None:
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)
        self.manager.cleanup_resources()
