"""The simulator as one object: start it, change its events, look inside."""

from __future__ import annotations

import shutil
import ssl
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from . import tls
from .control import Control
from .events import Events
from .faults import Faults
from .plan import Plan
from .playing import Playing
from .relay import Relay
from .server import Server
from .stopping import Stopping
from .watching import Watching


class Simulator(Events, Playing, Watching, Faults, Stopping):
    """A local copy of the API and its Pusher service.

    Every method may be called from any thread; they take effect at once and
    in order. Nothing is sent before `start`.

    Parameters
    ----------
    host : str
        Address to listen on.
    port, tls_port : int
        Ports; 0: chosen by the kernel.
    https : bool
        Also listen with TLS, under a private authority.
    tls_names : sequence of str
        Names and addresses of the server's certificate.
    tls_expired : bool
        Make a certificate whose time is over.
    api_key : str or None
        The key that is accepted; None: one is made.
    plan : Plan or None
        What that key may do.
    seed : int
        For everything that is drawn.

    Attributes
    ----------
    settings : Settings
        How the endpoints answer.
    pusher : PusherServer
        The sockets; timeouts and limits are its attributes.
    store : Store
        The events; to be changed by the methods here only.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        tls_port: int = 0,
        https: bool = True,
        tls_names: Sequence[str] = tls.LOCAL_NAMES,
        tls_expired: bool = False,
        api_key: str | None = None,
        plan: Plan | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(api_key=api_key, plan=plan, seed=seed)
        self.host = host
        self.ca_file = ""
        self._server = Server(
            self.api, self.pusher, self.rules, self.journal, Control(self)
        )
        self._https = https
        self._tls_names = tuple(tls_names)
        self._tls_expired = tls_expired
        self._wanted_ports = (port, tls_port)
        self._folder: Path | None = None
        self._context: ssl.SSLContext | None = None
        self._relays: list[Relay] = []

    # life

    def start(self) -> Self:
        """Listen; returns when connections are accepted."""
        if self._thread.running:
            raise RuntimeError("the simulator is running already")
        if self._https and self._context is None:
            self._folder = Path(tempfile.mkdtemp(prefix="sgostream-sim-"))
            self._context, ca_file = tls.make_context(
                self._folder, self._tls_names, expired=self._tls_expired
            )
            self.ca_file = str(ca_file)
        self._thread.start()
        try:
            self.up()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Cut everything and end the thread; may be called again."""
        if self._thread.running:
            self.pause()
            for relay in self._relays:
                self._thread.run(relay.stop())
            self._relays.clear()
            self._thread.run(self._server.stop())
            self._thread.stop()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None
            self._context = None

    def __enter__(self) -> Self:
        return self.start()

    def up(self) -> None:
        """Listen again after `down`, on the same ports."""
        ports = self._thread.run(
            self._server.start(self.host, self._wanted_ports, self._context)
        )
        self._wanted_ports = self.api.ports = ports

    def down(self) -> None:
        """Refuse connections and cut the open ones, until `up`."""
        self._thread.run(self._server.stop())

    def cut(self) -> None:
        """Cut all HTTP connections, sockets included, as a broken wire."""
        self._thread.call(self._server.cut)

    def relay(self, *, https: bool = False) -> Relay:
        """Put a wire before a port that can be slow, dead or cut.

        Clients use it when their URL has its port, and their sockets when
        ``settings.pusher_options`` carries it as ``wsPort`` or ``wssPort``.
        """
        target = (self.host, self.tls_port if https else self.port)
        made = Relay(self.host, target)
        self._thread.run(made.start())
        self._relays.append(made)
        return made

    def cut_relay(self, relay: Relay) -> None:
        """Cut all connections of a relay by a reset."""
        self._thread.call(relay.cut)

    @property
    def port(self) -> int:
        """The plain port."""
        return self.api.ports[0]

    @property
    def tls_port(self) -> int:
        """The TLS port, 0 without TLS."""
        return self.api.ports[1]

    @property
    def base_url(self) -> str:
        """Base URL over plain HTTP."""
        return f"http://{self._netloc(self.port)}/v2"

    @property
    def https_base_url(self) -> str:
        """Base URL over TLS, to be trusted by `ca_file`."""
        return f"https://{self._netloc(self.tls_port)}/v2"

    @property
    def ws_url(self) -> str:
        """URL of the plain Pusher socket."""
        return f"ws://{self._netloc(self.port)}/app/{self.pusher.key}"

    @property
    def wss_url(self) -> str:
        """URL of the Pusher socket over TLS."""
        return f"wss://{self._netloc(self.tls_port)}/app/{self.pusher.key}"

    def _netloc(self, port: int) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{port}"

    def info(self) -> dict[str, Any]:
        """Return what another process needs to use this simulator."""
        return {
            "base_url": self.base_url,
            "https_base_url": self.https_base_url if self._https else "",
            "ca_file": self.ca_file,
            "api_key": self.api_key,
            "pusher_key": self.pusher.key,
            "ws_url": self.ws_url,
            "wss_url": self.wss_url if self._https else "",
            "events": len(self.store.events),
        }
