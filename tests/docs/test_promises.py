"""promises.md and security.md name only tests and pages that exist."""

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


# -- docs/security.md

SECURITY = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
#: (section, threat, tests) of every row of its tables of threats.
THREATS = [
    (section.partition("\n")[0], *row)
    for section in SECURITY.split("\n## ")
    for row in re.findall(r"^\| (.+?) \| .+ \| (.+?) \|$", section, re.MULTILINE)
    if "| threat | defence | shown by |" in section and row[0] != "threat"
]


def test_every_adversary_has_threats() -> None:
    wanted = {
        "A hostile answer of the API",
        "A hostile Pusher server",
        "A hostile network",
        "A hostile redirect or authorisation endpoint",
        "A reader of logs and reports",
        "A reader of crash dumps",
    }
    assert wanted <= {section for section, _, _ in THREATS}


@pytest.mark.parametrize(("section", "threat", "tests"), THREATS)
def test_every_threat_has_a_test(section: str, threat: str, tests: str) -> None:
    named = re.findall(r"`([\w/.]+)`", tests)
    if threat == "the environment":  # told, not defended
        assert tests == "-"
        return
    assert named, f"{section}: {threat}"
    for name in named:
        place = ROOT / "tests" / name
        assert place.exists() or place.with_suffix(".c").is_file(), name
