"""Write docs/images/board.svg: the terminal board on invented games.

    python tests/tools/shoot_terminal.py [FILE]

`make screenshots` calls it.  Nothing of the picture is drawn by hand: it is what
`sgostream watch` shows, recorded by rich.
"""

from __future__ import annotations

import io
import sys
import time
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import TerminalTheme

import sgostream
from sgostream.cli.board import Board
from sgostream.sim import Simulator

ROOT = Path(__file__).resolve().parents[2]
WIDTH, HEIGHT = 158, 34
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


def main() -> int:
    """Take the picture."""
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs/images/board.svg"
    console = Console(
        record=True,
        file=io.StringIO(),
        width=WIDTH,
        height=HEIGHT,
        force_terminal=True,
        color_system="truecolor",
    )
    with Simulator(seed=11) as sim:
        sim.add_slate(EVENTS, size=60_000, live=0.8, start=time.time(), seed=11)
        with sgostream.Client(
            api_key=sim.api_key, base_url=sim.base_url, proxy=""
        ) as client:
            live = client.live()
            board = Board(client, [live])
            with client.subscribe(live, include_timestamps=True) as updates:
                live.wait_live(timeout=60)
                sim.play(rate=20.0)
                end = time.monotonic() + LOOK_SECONDS
                while (left := end - time.monotonic()) > 0:
                    board.feed(updates.get_batch(timeout=min(left, 0.1)))
                console.print(board.render(WIDTH, HEIGHT))
    target.parent.mkdir(parents=True, exist_ok=True)
    svg = console.export_svg(
        title="sgostream watch", theme=THEME, code_format=FRAME, unique_id="board"
    )
    target.write_text(svg, encoding="utf-8")
    print(f"wrote {target}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
