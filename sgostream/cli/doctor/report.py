"""What the doctor tells: steps with verdict, time, cause and remedy."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Report", "Step", "Verdict"]


class Verdict(enum.StrEnum):
    """What came of a step."""

    OK = "ok"
    #: It works, or may work; worth a look.
    WARN = "warn"
    FAIL = "fail"
    #: Not tried: it needs a step that failed, or there is nothing to try.
    SKIP = "skip"


@dataclass(slots=True)
class Step:
    """One step.

    Attributes
    ----------
    name : str
        One word, the same in every run.
    verdict : Verdict
    detail : str
        What was found, in words.
    cause : str
        One word for what is wrong, for programs; empty when nothing is.
    remedy : str
        What to do, in words; empty when nothing is to be done.
    seconds : float
        What it took.
    facts : dict
        Numbers behind the detail.
    """

    name: str
    verdict: Verdict = Verdict.OK
    detail: str = ""
    cause: str = ""
    remedy: str = ""
    seconds: float = 0.0
    facts: dict[str, Any] = field(default_factory=dict)

    def warn(self, cause: str, detail: str, remedy: str) -> Step:
        """Make it a warning."""
        return self._set(Verdict.WARN, cause, detail, remedy)

    def fail(self, cause: str, detail: str, remedy: str) -> Step:
        """Make it a failure."""
        return self._set(Verdict.FAIL, cause, detail, remedy)

    def skip(self, why: str) -> Step:
        """Make it one that was not tried."""
        return self._set(Verdict.SKIP, "", why, "")

    def _set(self, verdict: Verdict, cause: str, detail: str, remedy: str) -> Step:
        self.verdict, self.cause = verdict, cause
        self.detail, self.remedy = detail, remedy
        return self

    def json(self) -> dict[str, Any]:
        """As plain JSON values."""
        return {
            "name": self.name,
            "verdict": str(self.verdict),
            "cause": self.cause or None,
            "detail": self.detail,
            "remedy": self.remedy or None,
            "seconds": round(self.seconds, 4),
            **({"facts": self.facts} if self.facts else {}),
        }


@dataclass(slots=True)
class Report:
    """All steps of a run."""

    target: str
    feed: str
    versions: str
    steps: list[Step] = field(default_factory=list)

    def _of(self, verdict: Verdict) -> Iterator[Step]:
        return (step for step in self.steps if step.verdict is verdict)

    @property
    def culprit(self) -> Step | None:
        """The first step that failed, else the first that warns, else None."""
        return next(self._of(Verdict.FAIL), None) or next(self._of(Verdict.WARN), None)

    @property
    def verdict(self) -> Verdict:
        """The worst of the steps' verdicts."""
        culprit = self.culprit
        return Verdict.OK if culprit is None else culprit.verdict

    @property
    def cause(self) -> str:
        """The cause of the culprit; empty when all is well."""
        culprit = self.culprit
        return "" if culprit is None else culprit.cause

    def step(self, name: str) -> Step:
        """The step of a name; ``KeyError`` if it is not there."""
        for step in self.steps:
            if step.name == name:
                return step
        raise KeyError(name)

    def json(self) -> dict[str, Any]:
        """As plain JSON values."""
        culprit = self.culprit
        return {
            "verdict": str(self.verdict),
            "cause": self.cause or None,
            "remedy": culprit.remedy or None if culprit is not None else None,
            "target": self.target,
            "feed": self.feed,
            "versions": self.versions,
            "steps": [step.json() for step in self.steps],
        }
