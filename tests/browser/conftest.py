"""A simulator with real-size events, a JupyterLab and a browser for all tests."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lab import Lab, browser
from playwright.sync_api import Browser

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def simulator() -> Iterator[dict[str, Any]]:
    """A recorded slate of 30 games in progress, 80 changed events a second."""
    command = [sys.executable, "-m", "sgostream.sim", "--json", "--events", "30"]
    command += ["--live", "1", "--recorded", "1600", "--rate", "80"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())
    finally:
        process.terminate()
        process.communicate(timeout=20)


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    started = Lab(tmp_path_factory.mktemp("lab"))
    try:
        yield started
    finally:
        started.end()


@pytest.fixture(scope="session")
def chrome() -> Iterator[Browser]:
    with browser() as started:
        yield started


@pytest.fixture(scope="session")
def images() -> Path:
    """Return the folder for screenshots."""
    folder = Path(os.environ.get("SGO_IMAGES") or ROOT / "build" / "images")
    folder.mkdir(parents=True, exist_ok=True)
    return folder
