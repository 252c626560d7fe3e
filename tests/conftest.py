"""What every Python test shares: payload files and the rule about skips."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ALLOWED_SKIPS = ROOT / ".ci" / "allowed-skips"
NO_SAMPLES = "no payload files (SGO_SAMPLES)"


@pytest.fixture(scope="session")
def samples() -> Path:
    """Return the folder of the vendor's payloads; skip where it is absent."""
    folder = Path(os.environ.get("SGO_SAMPLES") or ROOT.parent / "shared" / "samples")
    if folder.is_dir():
        return folder
    if os.environ.get("SGO_REQUIRE_SAMPLES"):
        pytest.fail(f"SGO_REQUIRE_SAMPLES is set, but {folder} is no folder")
    pytest.skip(f"{NO_SAMPLES}: {folder}")


def read_allowed_skips(text: str) -> list[tuple[str, re.Pattern[str]]]:
    """Parse lines of ``node id: reason``, the reason a regular expression."""
    rules = []
    for line in text.splitlines():
        if line.strip() and not line.startswith("#"):
            node, found, reason = line.rpartition(": ")
            if not found:
                raise ValueError(f"{ALLOWED_SKIPS.name}: no reason in {line!r}")
            rules.append((node.strip(), re.compile(reason.strip())))
    return rules


class SkipPolice:
    """In CI a skip that no committed line allows fails the run."""

    def __init__(self, rules: list[tuple[str, re.Pattern[str]]]) -> None:
        self.rules = rules
        self.unlisted: list[str] = []

    def is_allowed(self, node: str, reason: str) -> bool:
        """Tell whether a rule names the test, its file, or its class."""
        if reason.startswith(NO_SAMPLES):
            return True  # SGO_REQUIRE_SAMPLES makes it a failure instead
        if reason == FORK_UNDER_ASAN:
            return True  # `make test` has run it
        return any(
            (node == allowed or node.startswith((f"{allowed}::", f"{allowed}[")))
            and pattern.search(reason)
            for allowed, pattern in self.rules
        )

    def note(self, report: pytest.TestReport | pytest.CollectReport) -> None:
        if not report.skipped or hasattr(report, "wasxfail"):
            return
        text = report.longrepr[2] if isinstance(report.longrepr, tuple) else ""
        reason = str(text).removeprefix("Skipped: ")
        if not self.is_allowed(report.nodeid, reason):
            self.unlisted.append(f"{report.nodeid}: {reason}")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.note(report)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        self.note(report)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self.unlisted and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(
        self, terminalreporter: pytest.TerminalReporter
    ) -> None:
        if self.unlisted:
            terminalreporter.section("skips that .ci/allowed-skips does not list")
            for line in self.unlisted:
                terminalreporter.line(line)


def pytest_configure(config: pytest.Config) -> None:
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # Started in the background: programs that we start would inherit it,
        # and no Ctrl-C could be tested.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if os.environ.get("CI") == "true":
        rules = read_allowed_skips(ALLOWED_SKIPS.read_text(encoding="utf-8"))
        config.pluginmanager.register(SkipPolice(rules), "skip-police")


@pytest.fixture(scope="session")
def c_examples() -> Path:
    """Return the folder of the built C examples (``make pytest`` builds them)."""
    default = ROOT / "build" / "debug" / "examples"
    return Path(os.environ.get("SGO_C_EXAMPLES") or default)


FORK_UNDER_ASAN = "ASan's allocator does not survive fork() of a threaded process"


@pytest.fixture
def forks() -> None:
    """Skip a test whose forked child allocates, under ASan."""
    if os.environ.get("SGO_SANITIZER") == "asan":
        pytest.skip(FORK_UNDER_ASAN)


@pytest.fixture
def plain_env() -> dict[str, str]:
    """Return an environment for programs that are not ours: nothing preloaded."""
    return {
        name: value
        for name, value in os.environ.items()
        if name != "LD_PRELOAD" and not name.endswith("SAN_OPTIONS")
    }
