"""One version, wherever it is told."""

from __future__ import annotations

import re
from importlib.metadata import version
from pathlib import Path

import sgostream

ROOT = Path(__file__).resolve().parents[2]


def test_header_package_and_changelog_agree() -> None:
    header = (ROOT / "csrc/core/sgostream.h").read_text(encoding="utf-8")
    found = re.search(r'#define SGO_VERSION "([^"]+)"', header)
    assert found is not None
    assert sgostream.__version__ == found.group(1)
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"## {found.group(1)}" in changelog or "## Unreleased" in changelog


def test_installed_metadata_agrees_where_there_is_one() -> None:
    try:
        told = version("sgostream")
    except ModuleNotFoundError:
        return  # the tests run in the tree, without an installation
    assert told == sgostream.__version__
