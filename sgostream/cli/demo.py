"""``demo``: live odds from the built-in simulator, in this terminal."""

from __future__ import annotations

import dataclasses

from .. import Client
from .watch import WatchOptions, show

__all__ = ["DemoOptions", "run"]


@dataclasses.dataclass(frozen=True, slots=True)
class DemoOptions:
    """What the simulator plays."""

    events: int = 12
    rate: float = 8.0
    size: int | None = None
    seed: int = 7


def run(options: DemoOptions, how: WatchOptions) -> None:
    """Run the demo until q, Ctrl-C, or the time is up."""
    try:
        from ..sim.process import SimulatorProcess
    except ImportError as error:
        raise ValueError(str(error)) from None
    settings = ["--events", str(options.events), "--rate", str(options.rate)]
    settings += ["--seed", str(options.seed), "--live", "1.0"]
    if options.size:
        settings += ["--size", str(options.size)]
    with (
        SimulatorProcess(*settings) as sim,
        Client(
            api_key=sim.api_key,
            base_url=sim.https_base_url,
            ca_file=sim.ca_file,
            proxy="",
        ) as client,
    ):
        show(client, [client.live()], how)
