"""What `make lab` opens: the first notebook, whose board moves by itself."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import Browser, expect

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = ROOT / "docs" / "tools" / "jupyter_lab.py"
WAIT_MS = 60_000


def processes_of(folder: Path) -> list[int]:
    """Processes whose environment or command names a folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            told = (entry / "environ").read_bytes() + (entry / "cmdline").read_bytes()
        except OSError:
            continue
        if str(folder).encode() in told:
            found.append(int(entry.name))
    return found


def test_all_cells_run_and_odds_move_until_ctrl_c(
    tmp_path: Path, chrome: Browser
) -> None:
    folder = tmp_path / "visit"
    process = subprocess.Popen(
        [sys.executable, PROGRAM, "--port", "0", "--no-browser", "--folder", folder],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        told = ""
        while "copies" not in told:
            line = process.stdout.readline()
            assert line, "JupyterLab did not start"
            told += line
        assert "no key, no network" in told
        found = re.search(r"http://\S+first-stream\.ipynb\?token=\S{20,}", told)
        assert found, told
        page = chrome.new_page(viewport={"width": 1500, "height": 900})
        page.set_default_timeout(WAIT_MS)
        page.goto(found.group())
        page.wait_for_selector(".jp-Notebook .jp-CodeCell")
        expect(page.get_by_text("Python 3 (ipykernel) | Idle")).to_be_visible(
            timeout=WAIT_MS
        )
        page.get_by_role("menuitem", name="Run", exact=True).click()
        page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
        board = page.locator(".sgo-board")
        expect(board.locator(".sgo-pill")).to_have_text("Live", timeout=WAIT_MS)
        page.wait_for_function(
            "() => Number((document.querySelector('.sgo-board .sgo-counts')"
            "?.textContent.split('·')[2] || '0').replace(/[^0-9]/g, '')) > 20"
        )
        assert processes_of(folder)
        page.close()
    finally:
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=60)
    assert process.returncode == 0, rest
    assert processes_of(folder) == []  # server, kernel, simulator
