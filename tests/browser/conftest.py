"""A simulator with real-size events, a JupyterLab and a browser for all tests."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from lab import Lab, browser
from playwright.sync_api import Browser

from sgostream.sim.process import SimulatorProcess

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def simulator() -> Iterator[SimulatorProcess]:
    """A recorded slate of 30 games in progress, 80 changed events a second."""
    slate = ("--events", "30", "--live", "1", "--recorded", "1600")
    with SimulatorProcess(*slate, "--rate", "80") as started:
        yield started


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
