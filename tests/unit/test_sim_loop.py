"""Cutting connections, whatever state they are in."""

from __future__ import annotations

import asyncio

from sgostream.sim.loop import abort


class ClosedTwice(asyncio.WriteTransport):
    """As Python 3.11.2's TLS transport after its second close()."""

    _ssl_protocol = None

    def abort(self) -> None:
        self._ssl_protocol._abort()  # type: ignore[attr-defined]


def test_a_transport_that_was_closed_twice_can_be_cut() -> None:
    abort(ClosedTwice())


def test_no_transport_is_nothing_to_cut() -> None:
    abort(None)
