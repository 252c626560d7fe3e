"""A simulator for each test, in a network of its own (`make test-packets`)."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest
from rig import Rig

from sgostream.sim import Simulator


@pytest.fixture
def rig() -> Iterator[Rig]:
    """A fresh simulator and its clients; all are closed at the end."""
    with contextlib.ExitStack() as stack:
        sim = stack.enter_context(Simulator(seed=1))
        yield Rig(sim, stack)
