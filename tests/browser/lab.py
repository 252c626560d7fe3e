"""A real JupyterLab and a real browser for it, each of its own, on free ports."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
from jupyter_lab import JupyterLab
from playwright.sync_api import Browser, Page, sync_playwright
from playwright.sync_api import TimeoutError as Timeout

BUILD = Path(__file__).resolve().parents[2] / "build"
DEADLINE_S = 120.0


class Lab(JupyterLab):
    """JupyterLab over notebooks that tests write."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "notebooks"
        self.folder.mkdir()
        expose = "--LabApp.expose_app_in_browser=True"
        super().__init__(self.folder, folder, options=(expose,))

    def set_theme(self, *, dark: bool) -> None:
        name = "JupyterLab Dark" if dark else "JupyterLab Light"
        self.set("@jupyterlab/apputils-extension/themes", {"theme": name})

    def set_save_state(self, *, on: bool) -> None:
        """Save widgets with notebooks; JupyterLab does so when asked to only."""
        self.set("@jupyter-widgets/jupyterlab-manager/plugin", {"saveState": on})

    def write(self, name: str, *cells: str) -> None:
        book = nbformat.v4.new_notebook(
            cells=[nbformat.v4.new_code_cell(cell) for cell in cells],
            metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}},
        )
        nbformat.write(book, self.folder / name)

    def read(self, name: str) -> Any:
        return nbformat.read(self.folder / name, as_version=4)


class Notebook:
    """One notebook on a page of the browser."""

    def __init__(self, lab: Lab, page: Page, name: str) -> None:
        self.lab, self.page, self.name = lab, page, name
        self.open()

    def open(self) -> None:
        self.page.goto(f"{self.lab.url}/doc/tree/{self.name}?token={self.lab.token}")
        self.page.wait_for_selector(".jp-Notebook", timeout=DEADLINE_S * 1000)
        self.page.wait_for_function("() => !!window.jupyterapp")

    def command(self, name: str) -> Any:
        return self.page.evaluate(
            "name => window.jupyterapp.commands.execute(name).then(() => null)", name
        )

    def begin(self, name: str) -> None:
        """Run a command without waiting for its end."""
        self.page.evaluate(
            "name => { window.jupyterapp.commands.execute(name); return null }", name
        )

    def kernel_ready(self) -> None:
        self.page.wait_for_function(
            "() => window.jupyterapp.shell.currentWidget?.sessionContext?.session"
            "?.kernel?.status === 'idle'",
            timeout=DEADLINE_S * 1000,
        )

    def wait_rows(self) -> None:
        """Wait for a board with rows; a picture of what is there instead."""
        try:
            self.page.wait_for_selector(".sgo-board tbody tr")
        except Timeout:
            target = BUILD / "failure.png"
            self.page.screenshot(path=target)
            print(f"\nsee {target}; the server said:\n{self.lab.tail()}")
            raise

    def run_all(self) -> None:
        """Run all cells until a board has rows.

        Requests that reach a kernel while it still aborts what an error left in
        its queue are aborted too: then no cell has a number, and it is run again.
        """
        aborted = (
            "[...document.querySelectorAll('.jp-CodeCell .jp-InputPrompt')]"
            ".every(e => e.textContent.trim() === '[ ]:') && jupyterapp.shell"
            ".currentWidget.sessionContext.session.kernel.status === 'idle'"
        )
        rows = "!!document.querySelector('.sgo-board tbody tr')"
        for _ in range(20):
            self.begin("notebook:run-all-cells")
            self.page.wait_for_function(f"() => {rows} || {aborted}")
            if self.page.evaluate(f"() => {rows}"):
                break
        self.wait_rows()

    def kernel_pid(self) -> int:
        """Process of this notebook's kernel."""
        name = self.page.evaluate(
            "() => jupyterapp.shell.currentWidget.sessionContext.session.kernel.id"
        )
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):
                if f"kernel-{name}.json".encode() in path.read_bytes():
                    return int(path.parent.name)
        raise RuntimeError(f"no process of kernel {name}")


def chromium() -> str:
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if not found:
        raise RuntimeError("no chromium; `make test-browser` installs it")
    return found


@contextlib.contextmanager
def browser() -> Iterator[Browser]:
    """Debian's Chromium, headless, by Playwright."""
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=chromium(),
            args=[
                "--no-sandbox",
                "--enable-precise-memory-info",
                "--js-flags=--expose-gc",
            ],
        )
        try:
            yield started
        finally:
            started.close()
