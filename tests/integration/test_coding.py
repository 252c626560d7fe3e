"""Content codings: who asks for which, and what a server does with it."""

from __future__ import annotations

import pytest
from rig import Rig

import sgostream
from sgostream import _core


def test_what_brings_events_asks_for_gzip_alone(rig: Rig) -> None:
    """It has a checksum, and we verify it; brotli has none."""
    event_id = rig.sim.add_event(live=True)
    with rig.client() as client, client.live() as live:
        live.wait_live(20)
        assert client.fetch(event_id)[event_id].json() == live.events[event_id].json()
    asked = {
        ("ids" if "eventIDs" in r.params else "list"): r.headers["accept-encoding"]
        for r in rig.sim.requests()
        if r.path == "/v2/events"
    }
    assert asked == {"list": "gzip", "ids": "gzip"}


@pytest.mark.parametrize("coding", ["br", "deflate", "identity"])
def test_a_server_that_codes_as_it_likes_is_understood(rig: Rig, coding: str) -> None:
    """As far as this build can: libcurl has brotli or not, as in our wheels."""
    event_id = rig.sim.add_event(live=True)
    rig.sim.rule(path="/events", encoding=coding, times=None)
    with rig.client() as client:
        if coding == "br" and "brotli/" not in _core.version_text:
            with pytest.raises(sgostream.TransportError, match=r"decompressed: .*gzip"):
                client.fetch(event_id)
            return
        assert list(client.fetch(event_id)) == [event_id]
        asked = [r.headers["accept-encoding"] for r in rig.sim.requests()]
        if coding != "identity":
            assert asked[0] == "gzip"
            assert coding in asked[-1]
        else:
            assert len(set(asked)) == 1
