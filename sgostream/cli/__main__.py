"""Entry point of ``sgostream`` and of ``python -m sgostream.cli``."""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence

_EXTRA = ("typer", "rich")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Parameters
    ----------
    arguments : sequence of str, optional
        Default: those of the process.

    Returns
    -------
    int
        The exit status, one of `common.Exit`.
    """
    try:
        from .app import app
    except ImportError as error:
        if (error.name or "").partition(".")[0] not in _EXTRA:
            raise
        print(
            f"sgostream: the command line needs {error.name}: "
            'pip install "sgostream[cli]"',
            file=sys.stderr,
        )
        return 2
    for stream in (sys.stdout, sys.stderr):
        # A terminal that knows no ✔ gets a question mark, not a traceback.
        if isinstance(stream, io.TextIOWrapper) and stream.encoding != "utf-8":
            stream.reconfigure(errors="replace")
    try:
        app(args=None if arguments is None else list(arguments), prog_name="sgostream")
    except SystemExit as end:
        if isinstance(end.code, int):
            return end.code
        return 0 if end.code is None else 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
