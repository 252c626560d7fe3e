"""``sgostream doctor``: print the steps as they are taken."""

from __future__ import annotations

import getpass
import json
import os
import sys

import typer
from rich.console import Console
from rich.text import Text

from ... import __version__
from ..._options import KEY_VARIABLE
from ..._options import versions as core_versions
from ..common import Connect, Exit, Feeds, clean
from .report import Report, Step, Verdict
from .service import Target, diagnose

__all__ = ["run", "show"]

_MARKS = {
    Verdict.OK: ("✔", "green"),
    Verdict.WARN: ("!", "bold yellow"),
    Verdict.FAIL: ("✘", "bold red"),
    Verdict.SKIP: ("-", "dim"),
}
_NAME = 14


def run(
    connect: Connect, feeds: Feeds, *, as_json: bool, patience: float, wait: float
) -> None:
    """Examine, print, and end with status 1 when something is broken."""
    target = Target(connect, feeds, _key(), patience, wait)
    python = ".".join(map(str, sys.version_info[:3]))
    versions = f"sgostream {__version__}, Python {python}; {core_versions()}"
    report = Report(target.base_url, feeds.first(), versions)
    if as_json:
        report.steps.extend(diagnose(target))
        print(json.dumps(report.json(), ensure_ascii=False))
    else:
        show(Console(highlight=False), report, target)
    if report.verdict is Verdict.FAIL:
        raise typer.Exit(Exit.FAILED)


def _key() -> str | None:
    """Typed in where the environment has none and somebody can type."""
    if os.environ.get(KEY_VARIABLE) is not None:
        return None
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return None
    prompt = "API key (it is not shown; empty: without): "
    try:
        return getpass.getpass(prompt, stream=sys.stderr) or None
    except EOFError:
        return None


def show(console: Console, report: Report, target: Target) -> None:
    """Take the steps, print each, and the verdict."""
    console.print(
        Text.assemble(("sgostream doctor  ", "bold"), f"{report.target}  {report.feed}")
    )
    console.print(Text(report.versions, style="dim"), soft_wrap=not console.is_terminal)
    status = Console(stderr=True).status("")

    def begin(name: str) -> None:
        status.update(f"{name} …")

    spinning = status.console.is_terminal
    if spinning:
        status.start()
    try:
        for step in diagnose(target, begin):
            report.steps.append(step)
            if step.verdict is not Verdict.SKIP:
                _print_step(console, step)
    finally:
        if spinning:
            status.stop()
    _print_verdict(console, report)


def _print_step(console: Console, step: Step) -> None:
    mark, style = _MARKS[step.verdict]
    shown = f"{step.seconds * 1000:,.0f} ms" if step.seconds >= 0.001 else "<1 ms"
    head = Text.assemble(
        (f" {mark} ", style),
        (f"{step.name:{_NAME}}", "bold"),
        (f"{shown:>10}  ", "dim"),
    )
    _print_hanging(console, head, step.detail, "")
    if step.remedy:
        _print_hanging(console, Text(" " * (_NAME + 13) + "→ "), step.remedy, "cyan")


def _print_hanging(console: Console, head: Text, text: str, style: str) -> None:
    """Print text beside its head; further lines under the first."""
    text = clean(text)
    if not console.is_terminal:
        console.print(head + Text(text, style), soft_wrap=True)
        return
    room = max(30, console.width - head.cell_len)
    for number, line in enumerate(Text(text, style).wrap(console, room)):
        console.print((head if number == 0 else Text(" " * head.cell_len)) + line)


def _print_verdict(console: Console, report: Report) -> None:
    culprit = report.culprit
    skipped = [s.name for s in report.steps if s.verdict is Verdict.SKIP]
    if skipped:
        head = Text(f" - {'not tried':{_NAME}}{'':12}", style="dim")
        _print_hanging(console, head, ", ".join(skipped), "dim")
    if culprit is None:
        console.print(Text("All is well.", style="bold green"))
        return
    failed = culprit.verdict is Verdict.FAIL
    words = "Broken" if failed else "It works, with a doubt"
    console.print(
        Text.assemble(
            (f"{words}: ", "bold red" if failed else "bold yellow"),
            f"{culprit.name} ({culprit.cause})",
        )
    )
