"""For notebooks that anybody can run: the key's API, or else the simulator."""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

from .. import _options
from .._options import KEY_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from .._options import ClientOptions

__all__ = ["client_options"]

_lock = threading.Lock()
_process: subprocess.Popen[str] | None = None
_told: ClientOptions | None = None


def client_options(
    *,
    events: int = 12,
    rate: float = 12.0,
    speed: float = 1.0,
    live: float = 0.75,
    leagues: Iterable[str] = (),
    size: int | None = None,
    seed: int = 7,
) -> ClientOptions:
    """What a client needs here: nothing with a key, else a simulator of its own.

    With an API key in the environment the answer is empty, and clients go to
    the API.  Without one a simulator is started, once for each process, and the
    answer leads to it.  It ends with this process, also when that is killed.

    Parameters
    ----------
    events : int, default 12
        Games of the simulator.
    rate : float, default 12.0
        Changed events per second.
    speed : float, default 1.0
        Seconds of the games per second.
    live : float, default 0.75
        Share of games under way.
    leagues : iterable of str, optional
        Default all.
    size : int, optional
        Bytes of an event, roughly; default that of real ones.
    seed : int, default 7
        Same seed, same games.

    Returns
    -------
    dict
        For ``sgostream.stream(feed, **options)`` and ``sgostream.Client``.

    Examples
    --------
    >>> live = sgostream.stream(                            # doctest: +SKIP
    ...     "events:live", **sgostream.notebook.client_options())
    """
    global _process, _told
    if os.environ.get(KEY_VARIABLE):
        return {}
    with _lock:
        if _told is None or _process is None or _process.poll() is not None:
            _process, _told = _start(
                {
                    "--events": events,
                    "--rate": rate,
                    "--speed": speed,
                    "--live": live,
                    "--leagues": ",".join(_options.names("leagues", leagues)),
                    "--size": size,
                    "--seed": seed,
                }
            )
        return {**_told}


def _start(
    settings: Mapping[str, object],
) -> tuple[subprocess.Popen[str], ClientOptions]:
    command = [sys.executable, "-m", f"{__package__}._simulate", "--json", "--no-tls"]
    for name, value in settings.items():
        if value not in (None, ""):
            command += [name, str(value)]
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,  # its end is the simulator's
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,  # an interrupt is for the notebook alone
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        process.wait()
        raise RuntimeError(
            "the simulator did not start; it needs pip install 'sgostream[sim]'"
        )
    atexit.register(_end, process)
    told = json.loads(line)
    options: ClientOptions = {
        "api_key": told["api_key"],
        "base_url": told["base_url"],
        "proxy": "",
    }
    return process, options


def _end(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.wait(timeout=5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()
