"""A simulator for each test, and a kernel where one is asked for."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

import pytest
from kernel import Kernel
from rig import Rig

from sgostream.sim import Simulator

# Kernels full of data frame libraries prove nothing about our memory.
collect_ignore = ["test_docs.py"] if os.environ.get("SGO_SANITIZER") else []


@pytest.fixture
def rig() -> Iterator[Rig]:
    """A fresh simulator and its clients; all are closed at the end."""
    with contextlib.ExitStack() as stack:
        sim = stack.enter_context(Simulator(seed=1))
        yield Rig(sim, stack)


@pytest.fixture
def kernel() -> Iterator[Kernel]:
    """A fresh kernel."""
    found = Kernel()
    try:
        yield found
    finally:
        found.end()
