"""A simulator of the SportsGameOdds API and its Pusher service.

>>> from sgostream.sim import Simulator
>>> with Simulator() as sim:
...     event_id = sim.add_event(live=True)
...     sim.base_url, sim.api_key
"""

from __future__ import annotations

try:
    import aiohttp as _aiohttp  # noqa: F401
    import cryptography as _cryptography  # noqa: F401
except ImportError as error:
    raise ImportError(
        f"sgostream.sim needs {error.name}: pip install 'sgostream[sim]'"
    ) from error

from .connection import ConnectionScript
from .faults import Held
from .maker import REAL_SIZE, EventMaker
from .plan import Limit, Plan
from .rules import Rule
from .shape import FULL, SNAPSHOT, Shape
from .simulator import Simulator

__all__ = [
    "FULL",
    "REAL_SIZE",
    "SNAPSHOT",
    "ConnectionScript",
    "EventMaker",
    "Held",
    "Limit",
    "Plan",
    "Rule",
    "Shape",
    "Simulator",
]
