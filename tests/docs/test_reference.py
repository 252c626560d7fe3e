"""Every public name is in the reference."""

from __future__ import annotations

import re
from pathlib import Path

import sgostream
import sgostream.testing

ROOT = Path(__file__).resolve().parents[2]
ENTRY = re.compile(r"^\.\. (?:auto\w+|py:data):: (\w+)", re.MULTILINE)


def described(*pages: str) -> set[str]:
    texts = [(ROOT / "docs/reference" / page).read_text("utf-8") for page in pages]
    return {name for text in texts for name in ENTRY.findall(text)}


def test_every_name_of_the_package() -> None:
    pages = ["client.md", "stream.md", "subscription.md", "values.md"]
    found = described(*pages, "tables.md", "errors.md")
    assert found == set(sgostream.__all__) - {"__version__"}


def test_every_name_of_testing() -> None:
    assert described("testing.md") == set(sgostream.testing.__all__)
