"""Every public name is in the reference."""

from __future__ import annotations

import ast
import itertools
import re
from pathlib import Path

import pytest

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


def fields_of(path: Path) -> dict[str, str | None]:
    """Every field of the dataclasses and named tuples of a module: its docstring."""
    found: dict[str, str | None] = {}
    for node in ast.parse(path.read_text("utf-8")).body:
        if not isinstance(node, ast.ClassDef):
            continue
        marks = [ast.unparse(mark) for mark in [*node.decorator_list, *node.bases]]
        if not any("dataclass" in mark or mark == "NamedTuple" for mark in marks):
            continue
        for field, after in itertools.pairwise([*node.body, ast.Pass()]):
            if isinstance(field, ast.AnnAssign):
                text = after.value if isinstance(after, ast.Expr) else None
                told = isinstance(text, ast.Constant) and str(text.value).strip()
                found[f"{node.name}.{ast.unparse(field.target)}"] = told or None
    return found


@pytest.mark.parametrize("name", ["_types", "_subscription", "_event"])
def test_every_field_says_what_it_is_where_editors_look(name: str) -> None:
    fields = fields_of(ROOT / "sgostream" / f"{name}.py")
    assert fields
    assert [field for field, told in fields.items() if told is None] == []


def test_every_example_is_on_a_page_that_says_how_to_run_it() -> None:
    pages = [path.read_text("utf-8") for path in (ROOT / "docs").rglob("*.md")]
    text = "\n".join(pages)
    for path in sorted((ROOT / "examples").glob("*.py")):
        assert f"python examples/{path.name}" in text, path.name
        assert f"{{literalinclude}} ../examples/{path.name}" in text.replace(
            "../../", "../"
        ), path.name
