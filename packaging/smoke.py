"""What every wheel must do: import, https and wss, take, close.

Runs in the environment that the wheel was installed into, with the extra
``sim``; away from the source tree, so that the wheel's own files are used.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path[:] = [p for p in sys.path if Path(p or ".").resolve() != Path(__file__).parent]

import sgostream  # noqa: E402
from sgostream import _core  # noqa: E402
from sgostream.sim import Simulator  # noqa: E402


def main() -> None:
    assert "site-packages" in sgostream.__file__, sgostream.__file__
    with Simulator(seed=1) as sim:
        event_id = sim.add_event(league="NBA", live=True)
        with (
            sgostream.Client(
                api_key=sim.api_key,
                base_url=sim.https_base_url,
                ca_file=sim.ca_file,
                proxy="",
            ) as client,
            client.live() as live,
            live.subscribe() as updates,
        ):
            assert updates.get(timeout=60).kind == "added"
            live.wait_live(timeout=60)
            sim.patch(event_id, ("teams", "home", "score"), 99)
            update = updates.get(timeout=60)
            assert update.event.score is not None
            assert update.event.score.home == 99
            assert update.previous is not None
            assert sgostream.apply(update.previous, update.changes) == update.event
        with sgostream.Client(
            api_key=sim.api_key, base_url=sim.https_base_url, proxy=""
        ) as stranger:
            try:
                stranger.fetch(event_id, timeout=60)
            except (sgostream.TransportError, sgostream.ConfigurationError) as error:
                print(f"a private authority is not trusted: {error}")
            else:
                sys.exit("trusted an authority that nobody named")
    print(f"{_core.version_text} on {sys.version.split()[0]}: works")


if __name__ == "__main__":
    main()
