"""Do in this clone what a first visitor does, and tell how long it takes.

    python3 tests/tools/new_user.py

`make demo` on a terminal until prices have moved, then `make lab`: its page is
fetched, the first notebook runs in its kernel until the board has moved, and
Ctrl-C ends it.  `make new-user` runs it in a bare Debian root.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

ROOT = Path(__file__).resolve().parents[2]
LIMIT_S = 300.0  # what issue and README promise, for each command
MOVES = 20


class Typed:
    """A command typed into a terminal of its own."""

    def __init__(self, *command: str) -> None:
        self.seen = ""
        self.began = time.monotonic()
        parent, child = pty.openpty()
        fcntl.ioctl(child, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 140, 0, 0))
        self._process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, "TERM": "xterm-256color"},
            stdin=child,
            stdout=child,
            stderr=child,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(child)
        self._terminal = parent

    def read(self, seconds: float) -> None:
        """Take what it says in this time; ends the program when it says no more."""
        ready, _, _ = select.select([self._terminal], [], [], max(0.0, seconds))
        if ready:
            try:
                self.seen += os.read(self._terminal, 65536).decode("utf-8", "replace")
            except OSError:
                sys.exit(f"it ended early:\n{self.seen[-4000:]}")

    def until(self, pattern: str) -> re.Match[str]:
        """Wait until it has shown this."""
        while True:
            if found := re.search(pattern, self.seen):
                return found
            if time.monotonic() - self.began > LIMIT_S:
                sys.exit(f"no {pattern!r} in {LIMIT_S:.0f} s:\n{self.seen[-4000:]}")
            self.read(1.0)

    def press(self, keys: str) -> None:
        os.write(self._terminal, keys.encode())

    @property
    def seconds(self) -> float:
        """Since it was typed."""
        return time.monotonic() - self.began

    def end(self) -> int:
        """Read to the end; the exit status."""
        end = time.monotonic() + 60
        while self._process.poll() is None:
            if time.monotonic() > end:
                os.killpg(self._process.pid, signal.SIGKILL)
                sys.exit("it did not end")
            with contextlib.suppress(SystemExit):
                self.read(0.2)
        os.close(self._terminal)
        return self._process.wait()


def demo() -> None:
    """`make demo` until prices have moved."""
    board = Typed("make", "demo")
    board.until("MONEYLINE")
    shown = board.seconds
    board.until("[▲▼]")
    print(f"  make demo: the board after {shown:.0f} s, odds move", flush=True)
    board.press("q")
    if status := board.end():
        sys.exit(f"make demo: exit status {status}")


def lab() -> None:
    """`make lab`, a visit of its page, the first notebook in its kernel."""
    typed = Typed("make", "lab", "ARGS=--no-browser")
    url = typed.until(r"http://\S+").group()
    print(f"  make lab: {url.partition('?')[0]} after {typed.seconds:.0f} s")
    with urllib.request.urlopen(url, timeout=60) as page:
        assert b"JupyterLab" in page.read()
    visit = [ROOT / ".venv/bin/python", __file__, "--visit", url]
    subprocess.run(visit, check=True, timeout=LIMIT_S)
    print(f"  odds move in the notebook after {typed.seconds:.0f} s", flush=True)
    typed.press("\x03")
    typed.end()  # make's status after Ctrl-C is no 0


class Kernel:
    """The kernel of a notebook, through the server's web socket."""

    def __init__(self, url: str) -> None:
        from websocket import create_connection  # jupyterlab brings it

        parts = urlsplit(url)
        self._root = f"{parts.scheme}://{parts.netloc}/api"
        self._token = parse_qs(parts.query)["token"][0]
        self.path = parts.path.removeprefix("/lab/tree/")
        session = self._ask(
            "/sessions",
            {"path": self.path, "name": "", "type": "notebook", "kernel": {}},
        )
        self._session = str(session["id"])
        self._socket = create_connection(
            f"{self._root}/kernels/{session['kernel']['id']}/channels"
            f"?session_id={self._session}".replace("http", "ws", 1),
            header=[f"Authorization: token {self._token}"],
            timeout=90,
        )

    def _ask(self, path: str, data: object = None) -> Any:
        request = urllib.request.Request(
            self._root + path,
            data=None if data is None else json.dumps(data).encode(),
            headers={"Authorization": f"token {self._token}"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    def cells(self) -> list[str]:
        """Code of the notebook's cells."""
        book = self._ask(f"/contents/{self.path}")["content"]
        return ["".join(c["source"]) for c in book["cells"] if c["cell_type"] == "code"]

    def messages(self) -> Iterator[dict[str, Any]]:
        while True:
            yield json.loads(self._socket.recv())

    def run(self, code: str) -> None:
        """Run a cell and wait for its end."""
        number = uuid.uuid4().hex
        header = {"msg_id": number, "msg_type": "execute_request", "username": ""}
        header |= {"session": self._session, "version": "5.3"}
        content = {"code": code, "silent": False, "store_history": True}
        content |= {"allow_stdin": False, "stop_on_error": True}
        message = {"channel": "shell", "header": header, "parent_header": {}}
        message |= {"metadata": {}, "content": content, "buffers": []}
        self._socket.send(json.dumps(message))
        for answer in self.messages():
            if (
                answer["msg_type"] == "execute_reply"
                and answer["parent_header"].get("msg_id") == number
            ):
                if answer["content"]["status"] != "ok":
                    sys.exit("\n".join(answer["content"]["traceback"]))
                return

    def until_moves(self) -> None:
        """Wait until a board tells of so many moves."""
        for message in self.messages():
            if message["msg_type"] == "comm_msg":
                frame = message["content"]["data"].get("content") or {}
                if frame.get("status", {}).get("moves", 0) >= MOVES:
                    return


def visit(url: str) -> None:
    """Run the notebook that is open."""
    kernel = Kernel(url)
    for code in kernel.cells():
        kernel.run(code)
        if ".board(" in code:
            kernel.until_moves()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--visit", metavar="URL", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.visit:
        visit(args.visit)
        return
    demo()
    lab()


if __name__ == "__main__":
    main()
