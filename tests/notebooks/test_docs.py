"""The notebooks of the documentation run as they are committed, without a key."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import Any

import nbformat
import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from nbclient import NotebookClient

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "notebooks"
VIEW = "application/vnd.jupyter.widget-view+json"

pytestmark = [
    pytest.mark.filterwarnings("ignore:::jupyter_client", "ignore:::zmq"),
    pytest.mark.filterwarnings("ignore:::nbclient"),
]

#: Notebook -> what its outputs must show.
NOTEBOOKS = {
    "first-stream": ["<table", "sgo-plain", "quote", "best price"],
    "line-movement": ["sgo-plain", "bookmaker_id"],
    "best-prices": ["sgo-plain", "cost", "bookmaker_id_2"],
    "closing-lines": ["closing quotes", "probability", "rows,"],
}

#: Those that leave a board or a chart to the reader.
VIEWS = {"first-stream", "line-movement", "best-prices"}


def read(name: str) -> Any:
    return nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)


def test_all_notebooks_are_here_and_without_outputs() -> None:
    assert {path.stem for path in FOLDER.glob("*.ipynb")} == set(NOTEBOOKS)
    for name in NOTEBOOKS:
        for cell in read(name).cells:
            assert not cell.get("outputs"), f"{name}: clear its outputs"
            assert cell.get("execution_count") is None


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_notebook(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SPORTS_ODDS_API_KEY_HEADER", raising=False)
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    book = read(name)
    client = NotebookClient(
        book, timeout=90, kernel_name="python3", resources={"metadata": {"path": "."}}
    )
    client.execute(env=dict(os.environ))
    text = str([cell.get("outputs") for cell in book.cells])
    for wanted in NOTEBOOKS[name]:
        assert wanted in text, wanted
    # What is still shown is alive.
    assert (VIEW in text) == (name in VIEWS)
