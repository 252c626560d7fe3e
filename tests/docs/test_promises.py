"""docs/internals/promises.md names only tests and pages that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "internals" / "promises.md"
TEXT = PAGE.read_text(encoding="utf-8")
#: Entry -> its text: "1" to "28" and "P1" to "P11".
ENTRIES = {
    found[1] or found[2]: found[3]
    for found in re.finditer(
        r"^(?:(\d+)\\\. |(P\d+) )(.*?)(?=^\d+\\\. |^P\d+ |^#|\Z)",
        TEXT,
        re.MULTILINE | re.DOTALL,
    )
}
REFERENCE = re.compile(r"`((?:tests|benchmarks)/[\w/.-]+)(?:::(\w+))?`")
LINK = re.compile(r"\]\(([\w/.-]+\.md)\)")


def test_every_complaint_and_every_promise_is_there() -> None:
    wanted = [str(n) for n in range(1, 29)] + [f"P{n}" for n in range(1, 12)]
    assert list(ENTRIES) == wanted


@pytest.mark.parametrize("entry", ENTRIES)
def test_what_is_named_exists(entry: str) -> None:
    text = ENTRIES[entry]
    named = REFERENCE.findall(text)
    assert named or "*Not yet*" in text, "no test, and not marked as missing"
    for path, name in named:
        file = ROOT / path
        assert file.is_file(), path
        if name:
            source = file.read_text(encoding="utf-8")
            pattern = (
                rf"^\s*(?:async )?def {name}\("
                if file.suffix == ".py"
                else (rf"^{name}\(void\)")
            )
            assert re.search(pattern, source, re.MULTILINE), f"{path} has no {name}"
    links = LINK.findall(text)
    assert links or entry.startswith("P"), "no page"
    for link in links:
        assert (PAGE.parent / link).is_file(), link
    missing = text.partition("*Not yet*")[2]
    assert "*Not yet*" not in text or len(missing) > 20, "no reason"
