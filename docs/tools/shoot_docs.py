"""Write pictures of built pages: docs/images/docs-light.png and docs-dark.png.

    python docs/tools/shoot_docs.py BUILT [PAGE...] [--to DIR] [--width W] [--height H]

`make screenshots` calls it.  Without pages: the first page, into docs/images.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CHOICE = re.compile(r"document\.body\.dataset\.theme\s*=.*?;")


def shoot(page: Path, theme: str, target: Path, size: str) -> None:
    """Photograph a page in one theme; it is copied, so that paths hold."""
    text = page.read_text(encoding="utf-8")
    text, found = CHOICE.subn(f'document.body.dataset.theme="{theme}";', text)
    if not found:
        raise SystemExit(f"{page}: where is the theme chosen?")
    copy = page.with_name(f".shoot-{page.name}")
    copy.write_text(text, encoding="utf-8")
    try:
        with tempfile.TemporaryDirectory() as profile:
            subprocess.run(
                [
                    "chromium",
                    "--headless=new",
                    "--no-sandbox",
                    "--disable-gpu",
                    "--hide-scrollbars",
                    "--force-device-scale-factor=1",
                    "--virtual-time-budget=3000",
                    f"--user-data-dir={profile}",
                    f"--window-size={size}",
                    f"--screenshot={target}",
                    copy.as_uri(),
                ],
                check=True,
                capture_output=True,
                timeout=120,
            )
    finally:
        copy.unlink()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("built", type=Path)
    parser.add_argument("pages", nargs="*", default=[])
    parser.add_argument("--to", type=Path, default=ROOT / "docs" / "images")
    parser.add_argument("--width", type=int, default=1280)
    parser.add_argument("--height", type=int, default=1000)
    options = parser.parse_args()
    options.to.mkdir(parents=True, exist_ok=True)
    for page in options.pages or ["index"]:
        name = "docs" if page == "index" else page.replace("/", "-")
        for theme in ("light", "dark"):
            target = options.to / f"{name}-{theme}.png"
            source = options.built.resolve() / f"{page}.html"
            shoot(source, theme, target, f"{options.width},{options.height}")
            print(target)


if __name__ == "__main__":
    main()
