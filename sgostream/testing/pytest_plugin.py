"""The fixture ``odds_server``, for pytest.

In ``conftest.py``::

    pytest_plugins = ["sgostream.testing.pytest_plugin"]

Merely installing sgostream loads nothing into pytest.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from . import OddsServer

__all__ = ["odds_server"]


@pytest.fixture
def odds_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[OddsServer]:
    """A fresh server for one test, and the environment that leads to it.

    ``SPORTS_ODDS_API_KEY_HEADER`` and ``SPORTS_GAME_ODDS_BASE_URL`` name this
    server while the test runs: ``sgostream.Client()`` and
    ``sgostream.stream(...)`` without options reach it, also in programs that the
    test starts.
    """
    with OddsServer() as server:
        for name, value in server.environment().items():
            monkeypatch.setenv(name, value)
        yield server
