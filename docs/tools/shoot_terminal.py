"""Write docs/images/board.svg and doctor.svg: the terminal, on invented games.

    python docs/tools/shoot_terminal.py [FOLDER]

`make screenshots` calls it.  Nothing of the pictures is drawn by hand: they are
what `sgostream watch` and `sgostream doctor` show, recorded by rich.
"""

from __future__ import annotations

import io
import sys
import time
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import TerminalTheme

import sgostream
from sgostream._options import versions
from sgostream.cli.board import Board
from sgostream.cli.common import Connect
from sgostream.cli.doctor import Report, Target
from sgostream.cli.doctor.command import show
from sgostream.sim import Simulator

ROOT = Path(__file__).resolve().parents[2]
WIDTH, HEIGHT = 118, 32
EVENTS = 24
LOOK_SECONDS = 12.0  # games move for so long before the picture is taken

THEME = TerminalTheme(
    (13, 17, 23),
    (201, 209, 217),
    [
        (33, 38, 45), (255, 123, 114), (63, 185, 80), (210, 153, 34),
        (88, 166, 255), (188, 140, 255), (57, 197, 207), (177, 186, 196),
    ],
    [
        (110, 118, 129), (255, 161, 152), (86, 211, 100), (227, 179, 65),
        (121, 192, 255), (210, 168, 255), (86, 212, 221), (240, 246, 252),
    ],
)  # fmt: skip

# rich's own frame asks a font server; the reader's monospace font does.
FRAME = """\
<svg class="rich-terminal" viewBox="0 0 {width} {height}" \
xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{ font-family: "DejaVu Sans Mono", Menlo, Consolas, monospace; \
font-size: {char_height}px; line-height: {line_height}px; }}
.{unique_id}-title {{ font-size: 18px; font-weight: bold; font-family: sans-serif; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}" />
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" \
clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""


def recorder(width: int, height: int) -> Console:
    """A console that draws for nobody."""
    return Console(
        record=True,
        file=io.StringIO(),
        width=width,
        height=height,
        force_terminal=True,
        color_system="truecolor",
        highlight=False,
    )


def save(console: Console, target: Path, title: str) -> None:
    """Write what was drawn."""
    svg = console.export_svg(
        title=title, theme=THEME, code_format=FRAME, unique_id=target.stem
    )
    target.write_text(svg, encoding="utf-8")
    print(f"wrote {target}")


def shoot_board(target: Path) -> None:
    """The board while games move."""
    console = recorder(WIDTH, HEIGHT)
    with Simulator(seed=11) as sim:
        sim.add_slate(EVENTS, size=60_000, live=0.8, start=time.time(), intensity=0.4)
        with sgostream.Client(
            api_key=sim.api_key, base_url=sim.base_url, proxy=""
        ) as client:
            live = client.live()
            board = Board(client, [live])
            with client.subscribe(live, include_timestamps=True) as updates:
                live.wait_live(timeout=60)
                sim.play(rate=7.0)
                end = time.monotonic() + LOOK_SECONDS
                while (left := end - time.monotonic()) > 0:
                    board.feed(updates.get_batch(timeout=min(left, 0.1)))
                console.print(board.render(WIDTH, HEIGHT))
    save(console, target, "sgostream watch")


def shoot_doctor(target: Path) -> None:
    """The doctor, where the plan does not stream."""
    console = recorder(100, 30)
    with Simulator(seed=11) as sim:
        sim.configure(streaming=False, tier="pro")
        connect = Connect(base_url=sim.https_base_url, ca_file=sim.ca_file, proxy="")
        report = Report(sim.https_base_url, "events:live", versions())
        show(console, report, Target(connect, api_key=sim.api_key))
    console.print()
    save(console, target, "sgostream doctor")


def main() -> int:
    """Take the pictures."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "images"
    folder.mkdir(parents=True, exist_ok=True)
    shoot_board(folder / "board.svg")
    shoot_doctor(folder / "doctor.svg")
    return 0


if __name__ == "__main__":
    sys.exit(main())
