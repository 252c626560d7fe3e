"""For notebooks that anybody can run: the key's API, or else the simulator."""

from __future__ import annotations

import atexit
import os
import threading
from typing import TYPE_CHECKING

from .. import _options
from .._options import KEY_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from .._options import ClientOptions
    from ..sim.process import SimulatorProcess

__all__ = ["client_options"]

_lock = threading.Lock()
_simulator: SimulatorProcess | None = None


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
    global _simulator
    if os.environ.get(KEY_VARIABLE):
        return {}
    with _lock:
        if _simulator is None or not _simulator.running:
            settings = {
                "--events": events,
                "--rate": rate,
                "--speed": speed,
                "--live": live,
                "--leagues": ",".join(_options.names("leagues", leagues)),
                "--size": size,
                "--seed": seed,
            }
            _simulator = _start(settings)
        return {
            "api_key": _simulator.api_key,
            "base_url": _simulator.base_url,
            "proxy": "",
        }


def _start(settings: Mapping[str, object]) -> SimulatorProcess:
    from ..sim.process import SimulatorProcess  # needs the extra `sim`

    arguments = ["--no-tls"]
    for name, value in settings.items():
        if value not in (None, ""):
            arguments += [name, str(value)]
    simulator = SimulatorProcess(*arguments)
    atexit.register(simulator.stop)
    return simulator
