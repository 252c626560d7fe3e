"""The client that the API's page recommends, against the simulator."""

from __future__ import annotations

import json
import queue
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import pytest

from sgostream.sim import ConnectionScript, Simulator

NODE = Path(__file__).resolve().parents[1] / "node"

pytestmark = pytest.mark.skipif(
    shutil.which("node") is None, reason="node is not installed"
)


@pytest.fixture
def sim() -> Iterator[Simulator]:
    with Simulator() as simulator:
        yield simulator


class PusherJs:
    """The program in tests/node, and what it says."""

    def __init__(
        self,
        sim: Simulator,
        env: dict[str, str],
        *,
        https: bool,
        query: str = "feed=events:live",
        wanted: int = 1,
    ) -> None:
        assert (NODE / "node_modules").is_dir(), (
            "pusher-js is not installed: npm install --prefix tests/node"
        )
        self.process = subprocess.Popen(
            [
                "node",
                str(NODE / "client.js"),
                sim.https_base_url if https else sim.base_url,
                query,
                str(wanted),
            ],
            env={
                **env,
                "SPORTS_ODDS_API_KEY_HEADER": sim.api_key,
                "NODE_EXTRA_CA_CERTS": sim.ca_file,
            },
            stdout=subprocess.PIPE,
            text=True,
        )
        self.lines: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self.thread = threading.Thread(target=self._read)
        self.thread.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.put(json.loads(line))
        self.lines.put(None)

    def until(self, what: str) -> dict[str, Any]:
        """Read on until it says ``what``."""
        seen = []
        while True:
            line = self.lines.get(timeout=30)
            if line is None:
                pytest.fail(f"it ended without {what!r}: {seen}")
            if line["what"] == what:
                return line
            seen.append(line)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        self.thread.join()
        assert self.process.stdout is not None
        self.process.stdout.close()


@pytest.mark.parametrize("https", [False, True], ids=["plain", "tls"])
def test_it_authorises_and_receives(
    sim: Simulator, plain_env: dict[str, str], https: bool
) -> None:
    event_id = sim.add_event(live=True)
    with PusherJs(sim, plain_env, https=https) as client:
        assert client.until("bootstrap") == {
            "what": "bootstrap",
            "status": 200,
            "events": 1,
        }
        subscribed = client.until("subscribed")
        assert subscribed["channel"] == "presence-events-live"
        assert subscribed["count"] == 1
        sim.patch(event_id, ("teams", "home", "score"), 21)
        data = client.until("data")
        assert data["ids"] == [event_id]
        assert data["scores"] == [21]
        assert client.process.wait(timeout=30) == 0
    scheme = "https" if https else "http"
    assert {request.scheme for request in sim.requests()} == {scheme}
    (authorisation,) = sim.requests("/v2/stream/pusher/auth")
    assert authorisation.headers["content-type"].startswith(
        "application/x-www-form-urlencoded"
    )
    sim.wait(lambda: not sim.connections())
    assert sim.pusher.ended[0].closed_with == 1000


def test_it_comes_back_after_4200(sim: Simulator, plain_env: dict[str, str]) -> None:
    event_id = sim.add_event(live=True)
    with PusherJs(sim, plain_env, https=False) as client:
        client.until("subscribed")
        sim.disconnect(4200, "please reconnect")
        client.until("subscribed")
        sim.notify([event_id])
        assert client.until("data")["ids"] == [event_id]
    assert len(sim.requests("/v2/stream/pusher/auth")) == 2


def test_it_is_told_that_a_signature_is_wrong(
    sim: Simulator, plain_env: dict[str, str]
) -> None:
    sim.add_event(live=True)
    sim.settings.auth_mode = "wrong-signature"
    with PusherJs(sim, plain_env, https=False) as client:
        error = client.until("error")["error"]
        assert "Invalid signature" in error["data"]["message"]


def test_it_is_told_that_its_plan_has_no_streams(
    sim: Simulator, plain_env: dict[str, str]
) -> None:
    sim.add_event(live=True)
    sim.rule("/stream/pusher/auth", status=403)
    with PusherJs(sim, plain_env, https=False) as client:
        assert client.until("refused")["error"]["status"] == 403


def test_it_gives_up_for_good_after_4004(
    sim: Simulator, plain_env: dict[str, str]
) -> None:
    sim.add_event(live=True)
    sim.script(ConnectionScript(close=4004, close_at="open"), times=0)
    with PusherJs(sim, plain_env, https=False) as client:
        while client.until("state")["current"] != "disconnected":
            pass
    assert sim.pusher.opened == 1
