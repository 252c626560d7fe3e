"""What every part of the simulator's face shares: the things it works on."""

from __future__ import annotations

import random
import secrets
from collections.abc import Iterable

from .api import Api, Settings
from .journal import Journal
from .loop import LoopThread
from .plan import Plan
from .pusher import PusherServer
from .rules import Rules
from .store import Store


class Base:
    """Events, sockets, rules and journal, and the thread they live in.

    The parts of the face derive from this; each holds the calls of one
    concern. A call runs in the loop's thread, so it takes effect at once.
    """

    def __init__(self, *, api_key: str | None, plan: Plan | None, seed: int) -> None:
        rng = random.Random(f"{seed}/sockets")
        self.seed = seed
        self.api_key = api_key or f"sim-{secrets.token_hex(12)}"
        self.settings = Settings()
        self.store = Store()
        self.journal = Journal()
        self.rules = Rules()
        self.pusher = PusherServer(
            f"{rng.getrandbits(80):020x}",
            f"{rng.getrandbits(80):020x}",
            rng,
            self.journal.poke,
        )
        self.api = Api(self.store, self.pusher, self.settings)
        self.api.add_key(self.api_key, plan or Plan())
        self._thread = LoopThread("sgostream-sim")
        self._suppressed = False

    def _announce(self, event_id: str, channels: Iterable[str]) -> None:
        """Tell channels of one event; from the loop's thread."""
        if not self._suppressed:
            for channel in sorted(channels):
                self.pusher.notify(channel, [event_id])
