"""Test a strategy without a key: a server of your own, scripted move by move.

::

    from sgostream.testing import OddsServer

    with OddsServer() as server:
        game = server.add_event("NFL", home="Bills", away="Chiefs")
        with server.stream("events:live") as live:
            with live.subscribe(initial=False) as updates:
                live.wait_live(timeout=10)
                game.move("points-home-game-ml-home", "draftkings", -135)
                update = updates.get(timeout=10)

With pytest, name the plugin in ``conftest.py`` and take the fixture
``odds_server``; it also points ``sgostream`` at itself by the environment, so
that the code under test needs no change::

    pytest_plugins = ["sgostream.testing.pytest_plugin"]

Needs the extra ``testing``: ``pip install 'sgostream[testing]'``.
"""

from __future__ import annotations

from ._game import Game
from ._server import OddsServer

__all__ = ["Game", "OddsServer"]
